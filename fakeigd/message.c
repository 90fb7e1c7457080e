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
 * "{if name}...{end}" is sent when the placeholder has a value: for elements and lines that a
 * message does not always have. "{{" is a literal "{"; a "}" outside a placeholder is itself. Text
 * with "placeholders: false" is sent as it is, braces and all: for documents that were captured.
 */
#include "message.h"

#include "base/mem.h"
#include "message_edit.h"

#include <assert.h>
#include <stdlib.h>

enum piece_kind { PIECE_TEXT, PIECE_VALUE, PIECE_IF };

/**
 * struct piece - a stretch of a template
 * @placeholder:	value to put here, or on which {if} depends
 * @offset, @len:	bytes in struct template.text
 * @end:		of {if}: the piece after its {end}
 */
struct piece {
	enum piece_kind kind;
	int placeholder;
	size_t offset;
	size_t len;
	size_t end;
};

/**
 * struct template - a compiled message
 * @id:		which message
 * @text:	all literal bytes, one after the other
 * @pieces, @count: what to send in order
 * @open:	while compiling: the {if} that has no {end} yet, plus 1
 */
struct template
{
	enum message_id id;
	struct buf text;
	struct piece *pieces;
	size_t count;
	size_t open;
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

static struct piece *add_piece(struct template *t, enum piece_kind kind, int placeholder)
{
	t->pieces = xrealloc(t->pieces, (t->count + 1) * sizeof(*t->pieces));
	t->pieces[t->count] = (struct piece){.kind = kind, .placeholder = placeholder};
	return &t->pieces[t->count++];
}

/* The bytes gathered since @start, when there are any. */
static void add_text(struct template *t, size_t start)
{
	struct piece *p = t->text.len > start ? add_piece(t, PIECE_TEXT, -1) : NULL;

	if (!p)
		return;
	p->offset = start;
	p->len = t->text.len - start;
}

static int find_placeholder(const struct message *m, struct slice name)
{
	for (int i = 0; i < PLACEHOLDER_COUNT; i++)
		if (slice_eq(name, placeholder_names[i]) && allowed(m, name))
			return i;
	return -1;
}

/**
 * struct compiler - a template being compiled
 * @node:	for complaints, NULL for the default text
 */
struct compiler {
	struct template *t;
	const struct doc *node;
	struct diag *d;
};

static bool complain(const struct compiler *c, const char *sentence)
{
	diag_at(c->d, c->node ? c->node->file : NULL, c->node ? c->node->line : 0, "%s: %s",
		messages[c->t->id].name, sentence);
	return false;
}

static bool compile_end(const struct compiler *c)
{
	if (!c->t->open)
		return complain(c, "{end} without {if}");
	c->t->pieces[c->t->open - 1].end = c->t->count;
	c->t->open = 0;
	return true;
}

/* What stands between braces. */
static bool compile_word(const struct compiler *c, struct slice word)
{
	struct template *t = c->t;
	bool condition = slice_starts(word, "if ");
	int id;

	if (slice_eq(word, "end"))
		return compile_end(c);
	if (condition && t->open)
		return complain(c, "{if} inside {if}");
	if (condition)
		word = slice_trim((struct slice){word.ptr + 3, word.len - 3});
	id = find_placeholder(&messages[t->id], word);
	if (id < 0) {
		complain_unknown(&messages[t->id], word, c->node, c->d);
		return false;
	}
	add_piece(t, condition ? PIECE_IF : PIECE_VALUE, id);
	if (condition)
		t->open = t->count;
	return true;
}

static bool compile(const struct compiler *c, struct slice text)
{
	struct template *t = c->t;
	size_t start = 0;

	for (size_t i = 0; i < text.len;) {
		struct slice word = {text.ptr + i + 1, 0};

		if (text.ptr[i] != '{') {
			buf_putc(&t->text, text.ptr[i++]);
			continue;
		}
		if (i + 1 < text.len && text.ptr[i + 1] == '{') {
			buf_putc(&t->text, '{');
			i += 2;
			continue;
		}
		while (i + 1 + word.len < text.len && !strchr("{}\n", word.ptr[word.len]))
			word.len++;
		if (i + 1 + word.len == text.len || word.ptr[word.len] != '}')
			return complain(c, "\"{\" without \"}\"; write {{ for a brace");
		add_text(t, start);
		start = t->text.len;
		if (!compile_word(c, word))
			return false;
		i += word.len + 2;
	}
	add_text(t, start);
	return !t->open || complain(c, "{if} without {end}");
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
		fine = compile(&(struct compiler){t, node, d}, buf_slice(&text.bytes));
	} else if (fine) {
		buf_add_slice(&t->text, buf_slice(&text.bytes));
		add_text(t, 0);
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

bool template_stands_for(const struct template *t, enum message_id id)
{
	static const enum message_id bodies[] = {MESSAGE_SOAP_RESPONSE, MESSAGE_SOAP_FAULT,
						 MESSAGE_SOAP_PROTOCOL_FAULT};
	static const enum message_id heads[] = {MESSAGE_SOAP_HEAD, MESSAGE_FAULT_HEAD};
	unsigned found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
		found += (t->id == bodies[i]) + (id == bodies[i]);
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		found += (t->id == heads[i]) + (id == heads[i]);
	return t->id == id || found < 2;
}

void template_render(const struct template *t, const struct message_values *values, struct buf *out)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct piece *p = &t->pieces[i];

		if (p->kind == PIECE_TEXT)
			buf_add(out, t->text.data + p->offset, p->len);
		else if (p->kind == PIECE_VALUE)
			buf_add_slice(out, values->v[p->placeholder]);
		else if (!values->v[p->placeholder].len)
			i = p->end - 1;
	}
}
