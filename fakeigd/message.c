/* SPDX-License-Identifier: MIT */
/*
 * message.c - templates: the form of every head and body that fakeigd sends.
 *
 * Theory of operation. A template is text with placeholders in braces. It is compiled once, when
 * the profile is loaded, into a list of pieces (bytes, or a placeholder), so that rendering is a
 * row of memory copies. Before compiling, the edits of message_edit.c are done on the text and the
 * line ends are made: a head is written with "\n" and sent with CRLF (RFC 9112 clause 2.1, UDA 2.0
 * clause 1.1.2) and an empty line ends it; "line-ends: as-is" sends exactly what is written.
 *
 * "{{" is a literal "{"; a "}" outside a placeholder is itself. Text with "placeholders: false" is
 * sent as it is, braces and all: for documents that were captured.
 */
#include "message.h"

#include "base/mem.h"
#include "message_edit.h"

#include <assert.h>
#include <stdlib.h>

/**
 * struct piece - a stretch of a template
 * @placeholder:	which value to put here, or -1 for the bytes below
 * @offset, @len:	bytes in struct template.text
 */
struct piece {
	int placeholder;
	size_t offset;
	size_t len;
};

/**
 * struct template - a compiled message
 * @id:		which message
 * @text:	all literal bytes, one after the other
 * @pieces, @count: what to send in order
 * @uses:	which placeholders occur
 */
struct template
{
	enum message_id id;
	struct buf text;
	struct piece *pieces;
	size_t count;
	bool uses[PLACEHOLDER_COUNT];
};

/** struct message - one line of message.def */
struct message {
	const char *name;
	enum message_kind kind;
	const char *placeholders;
	const char *summary;
	const char *text;
};

#define HEAD MESSAGE_KIND_HEAD
#define BODY MESSAGE_KIND_BODY
static const struct message messages[] = {
#define MESSAGE(id, name, kind, placeholders, summary, text)                                       \
	[MESSAGE_##id] = {name, kind, placeholders, summary, text},
#include "message.def"
};
#undef HEAD
#undef BODY

static const char *const names[MESSAGE_COUNT + 1] = {
#define MESSAGE(id, name, kind, placeholders, summary, text) [MESSAGE_##id] = name,
#include "message.def"
};

static const char *const placeholder_names[PLACEHOLDER_COUNT + 1] = {
#define PLACEHOLDER(id, name, summary) [PLACEHOLDER_##id] = name,
#include "message.def"
};

static_assert(ARRAY_SIZE(messages) == MESSAGE_COUNT, "one entry per message");

const char *message_name(enum message_id id)
{
	return messages[id].name;
}

enum message_kind message_kind(enum message_id id)
{
	return messages[id].kind;
}

const char *message_summary(enum message_id id)
{
	return messages[id].summary;
}

const char *message_placeholders(enum message_id id)
{
	return messages[id].placeholders;
}

const char *placeholder_name(enum placeholder id)
{
	return placeholder_names[id];
}

const char *const *message_names(void)
{
	return names;
}

int message_find(const char *name)
{
	for (int i = 0; i < MESSAGE_COUNT; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

/* Whether @name is among the words of the message's list. */
static bool allowed(const struct message *m, struct slice name)
{
	const char *word = m->placeholders;

	while (*word) {
		size_t len = strcspn(word, " ");

		if (len == name.len && !memcmp(word, name.ptr, len))
			return true;
		word += len;
		word += *word == ' ';
	}
	return false;
}

static void complain_unknown(const struct message *m, struct slice name, const struct doc *node,
			     struct diag *d)
{
	const char *list[PLACEHOLDER_COUNT];
	char *word = slice_dup(name), *kind = xasprintf("placeholder in %s", m->name);
	size_t count = 0;

	for (size_t i = 0; i < PLACEHOLDER_COUNT; i++)
		if (allowed(m, slice_of(placeholder_names[i])))
			list[count++] = placeholder_names[i];
	diag_unknown(d, node ? node->file : NULL, node ? node->line : 0, kind, word, list, count);
	free(word);
	free(kind);
}

static void add_piece(struct template *t, int placeholder, size_t offset, size_t len)
{
	if (placeholder < 0 && !len)
		return;
	t->pieces = xrealloc(t->pieces, (t->count + 1) * sizeof(*t->pieces));
	t->pieces[t->count++] = (struct piece){placeholder, offset, len};
}

static int find_placeholder(const struct message *m, struct slice name)
{
	for (int i = 0; i < PLACEHOLDER_COUNT; i++)
		if (slice_eq(name, placeholder_names[i]) && allowed(m, name))
			return i;
	return -1;
}

/* A placeholder that starts at @text.ptr[0] == '{'. Return: its length with braces, 0 after a
 * complaint. */
static size_t compile_placeholder(struct template *t, struct slice text, const struct doc *node,
				  struct diag *d)
{
	const struct message *m = &messages[t->id];
	const char *end = memchr(text.ptr, '}', text.len);
	struct slice name = {text.ptr + 1, end ? (size_t)(end - text.ptr) - 1 : 0};
	int id;

	if (!end || memchr(name.ptr, '\n', name.len) || memchr(name.ptr, '{', name.len)) {
		diag_at(d, node ? node->file : NULL, node ? node->line : 0,
			"%s: \"{\" without \"}\"; write {{ for a brace", m->name);
		return 0;
	}
	id = find_placeholder(m, name);
	if (id < 0) {
		complain_unknown(m, name, node, d);
		return 0;
	}
	t->uses[id] = true;
	add_piece(t, id, 0, 0);
	return name.len + 2;
}

static bool compile(struct template *t, struct slice text, const struct doc *node, struct diag *d)
{
	size_t start = t->text.len;

	for (size_t i = 0; i < text.len;) {
		size_t used;

		if (text.ptr[i] != '{') {
			buf_putc(&t->text, text.ptr[i++]);
			continue;
		}
		if (i + 1 < text.len && text.ptr[i + 1] == '{') {
			buf_putc(&t->text, '{');
			i += 2;
			continue;
		}
		add_piece(t, -1, start, t->text.len - start);
		used = compile_placeholder(t, (struct slice){text.ptr + i, text.len - i}, node, d);
		if (!used)
			return false;
		start = t->text.len;
		i += used;
	}
	add_piece(t, -1, start, t->text.len - start);
	return true;
}

struct template *template_parse(enum message_id id, const struct doc *node, struct diag *d)
{
	struct template *t = xcalloc(1, sizeof(*t));
	struct message_text text = {.placeholders = true};
	bool fine;

	t->id = id;
	fine = message_text_read(&text, messages[id].name, messages[id].kind, messages[id].text,
				 node, d);
	if (fine && text.placeholders) {
		fine = compile(t, buf_slice(&text.bytes), node, d);
	} else if (fine) {
		buf_add_slice(&t->text, buf_slice(&text.bytes));
		add_piece(t, -1, 0, t->text.len);
	}
	buf_free(&text.bytes);
	if (fine)
		return t;
	template_free(t);
	return NULL;
}

void template_free(struct template *t)
{
	if (!t)
		return;
	buf_free(&t->text);
	free(t->pieces);
	free(t);
}

enum message_id template_message(const struct template *t)
{
	return t->id;
}

void template_render(const struct template *t, const struct message_values *values, struct buf *out)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct piece *p = &t->pieces[i];

		if (p->placeholder < 0)
			buf_add(out, t->text.data + p->offset, p->len);
		else
			buf_add_slice(out, values->v[p->placeholder]);
	}
}

bool template_uses(const struct template *t, enum placeholder id)
{
	return t->uses[id];
}
