/* SPDX-License-Identifier: MIT */
/* message.h - templates: the form of every head and body that fakeigd sends (message.def). */
#ifndef FAKEIGD_MESSAGE_H
#define FAKEIGD_MESSAGE_H

#include "base/buf.h"
#include "base/doc.h"

enum placeholder {
#define PLACEHOLDER(id, name, summary) PLACEHOLDER_##id,
#include "message.def"
	PLACEHOLDER_COUNT
};

enum message_id {
#define MESSAGE(id, name, kind, placeholders, summary, text) MESSAGE_##id,
#include "message.def"
	MESSAGE_COUNT
};

enum message_kind { MESSAGE_KIND_HEAD, MESSAGE_KIND_BODY };

/** struct message_values - what the placeholders stand for this time; unset ones render as "" */
struct message_values {
	struct slice v[PLACEHOLDER_COUNT];
};

struct template;

/** message_name(), message_kind(), placeholder_name() - as message.def has them. */
const char *message_name(enum message_id id);
enum message_kind message_kind(enum message_id id);
const char *placeholder_name(enum placeholder id);
/** message_names() - all names in order of enum message_id, for suggestions. */
const char *const *message_names(void);
/** message_find() - enum message_id of a name, -1 when there is none. */
int message_find(const char *name);
/** message_summary(), message_placeholders() - of message.def: when it is sent; the placeholders it
 * may use, separated by spaces. */
const char *message_summary(enum message_id id);
const char *message_placeholders(enum message_id id);

/**
 * template_parse() - compile a template
 * @id:		which message it is for: tells kind and placeholders allowed
 * @node:	text, or {text: ..., line-ends: crlf|lf|cr|as-is} or {file: ..., line-ends: ...},
 *		or edits of the default (message_edit.c lists all keys); NULL for the default; a
 *		file is looked up beside node->file
 * @d:		complaints about unknown placeholders and unclosed braces
 *
 * Return: the template (template_free()), NULL after a complaint.
 */
struct template *template_parse(enum message_id id, const struct doc *node, struct diag *d);
void template_free(struct template *t);
/** template_message() - which message it is for. */
enum message_id template_message(const struct template *t);
/** template_stands_for() - whether a rule's template takes the place of message @id: any does, only
 * that of a success is none for a fault, and the other way round. */
bool template_stands_for(const struct template *t, enum message_id id);
/** template_render() - append the message to @out. Values are put in as they are: escape before. */
void template_render(const struct template *t, const struct message_values *values,
		     struct buf *out);

#endif
