/* SPDX-License-Identifier: MIT */
/* head_edit.h - the rule effect "header": lines of a rendered head changed, whoever rendered it. */
#ifndef FAKEIGD_HEAD_EDIT_H
#define FAKEIGD_HEAD_EDIT_H

#include "effect.h"

/**
 * head_edit() - set, add and remove lines of a message's head
 * @message:	starts with a head, or is one
 * @head:	length of the head with its empty line
 * @e:		@e->header_name and _value: a line that is there (any case) is replaced where it
 *		stands and its repetitions go, one that is not is added at the end
 *
 * Return: the new length of the head.
 */
size_t head_edit(struct buf *message, size_t head, const struct effects *e);
/** body_replace() - do @e's "replace": every occurrence of each text; no error when there is none.
 */
void body_replace(struct buf *body, const struct effects *e);
/** body_replace_text() - every @text becomes @by. */
void body_replace_text(struct buf *body, const char *text, const char *by);

#endif
