/* SPDX-License-Identifier: MIT */
/* message_edit.h - from what a profile writes under "messages" to the bytes of a template. */
#ifndef FAKEIGD_MESSAGE_EDIT_H
#define FAKEIGD_MESSAGE_EDIT_H

#include "message.h"

/**
 * struct message_text - a template's source
 * @bytes:	text with its edits done and its line ends made
 * @placeholders: braces have a meaning in it
 */
struct message_text {
	struct buf bytes;
	bool placeholders;
};

/**
 * message_text_read() - read the YAML form of a message
 * @out:	zero-initialised; buf_free() @out->bytes after it, whatever was returned
 * @name:	of the message, for complaints
 * @kind:	head or body
 * @standard:	text of message.def, used where the YAML gives none
 * @node:	text; or a mapping of message_edit_keys(); NULL for @standard as it is
 *
 * Return: false after a complaint.
 */
bool message_text_read(struct message_text *out, const char *name, enum message_kind kind,
		       const char *standard, const struct doc *node, struct diag *d);
/** message_edit_keys() - keys of the mapping form, in the order in which they are obeyed. */
const char *const *message_edit_keys(size_t *count);
/** message_edit_merge() - lay the YAML form @over over @base (may be NULL): one with "text" or
 * "file" replaces it, one without edits it. Return: the result, the caller's. */
struct doc *message_edit_merge(const struct doc *base, const struct doc *over);

#endif
