/* SPDX-License-Identifier: MIT */
/*
 * message_edit.c - from what a profile writes under "messages" to the bytes of a template.
 *
 * A profile gives a message whole (text, or a file), a quirk mostly changes a detail of whatever
 * router it is laid over. So the YAML form is either text or a mapping of these keys, obeyed in
 * this order:
 *
 *   text, file        the whole message; without them the message as it was so far
 *   remove            names of header lines to drop (a list adds up over several quirks)
 *   set               name: value of header lines; a line that is not there is added
 *   add               header lines to add, even if the name is there already
 *   replace           text: other text, everywhere; the text must occur
 *   repeat            text: number; that text becomes so many of it, one behind the other
 *   header-names      upper, lower: case of the names of all header lines
 *   line-ends         crlf, lf, cr; as-is: nothing is changed and a head gets no empty line
 *   prepend, append   bytes before and after all
 *   placeholders      false: braces are only braces
 *   encoding          latin-1: characters up to U+00FF become one byte each
 */
#include "message_edit.h"

#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define MESSAGE_FILE_MAX (16u << 20)
#define REPEAT_MAX	 (16u << 20)

enum line_ends { ENDS_CRLF, ENDS_LF, ENDS_CR, ENDS_AS_IS };

static const char *const edit_keys[] = {
	"text",		"file",	     "remove",	"set",	  "add",	  "replace",  "repeat",
	"header-names", "line-ends", "prepend", "append", "placeholders", "encoding",
};

const char *const *message_edit_keys(size_t *count)
{
	*count = ARRAY_SIZE(edit_keys);
	return edit_keys;
}

/* Return: name relative to the file that mentions it; the caller frees. */
static char *beside(const char *file, const char *name)
{
	char *copy, *path;

	if (*name == '/')
		return xstrdup(name);
	copy = xstrdup(file);
	path = xasprintf("%s/%s", dirname(copy), name);
	free(copy);
	return path;
}

/* A file that is one: a pipe or a terminal would be waited for. */
static FILE *open_regular(const char *path)
{
	FILE *file = NULL;
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	else
		file = fopen(path, "re");
	return file;
}

static bool read_file(struct buf *out, const struct doc *node, struct diag *d)
{
	const char *name;
	FILE *file;
	char *path;
	size_t got;

	if (!doc_string(node, &name, d))
		return false;
	path = beside(node->file, name);
	file = open_regular(path);
	if (!file) {
		diag_at(d, node->file, node->line, "file \"%s\" cannot be read: %s", path,
			strerror(errno));
		free(path);
		return false;
	}
	do {
		got = fread(buf_reserve(out, 65536), 1, 65536, file);
		out->len += got;
	} while (got && out->len <= MESSAGE_FILE_MAX);
	fclose(file);
	if (got)
		diag_at(d, node->file, node->line, "file \"%s\" is larger than 16 MB", path);
	free(path);
	return !got;
}

/* The text that the edits start from. */
static bool read_base(struct buf *out, const char *standard, const struct doc *node, struct diag *d)
{
	const struct doc *text = doc_get(node, "text"), *file = doc_get(node, "file");

	if (node && node->kind == DOC_SCALAR)
		text = node;
	if (text && file) {
		diag_at(d, file->file, file->key_line, "\"text\" and \"file\" exclude each other");
		return false;
	}
	if (file)
		return read_file(out, file, d);
	if (!text) {
		buf_puts(out, standard);
		return true;
	}
	if (!doc_want(text, DOC_SCALAR, d))
		return false;
	buf_add(out, text->text, text->len);
	return true;
}

/* Name of the header on a line, empty when the line is none. */
static struct slice line_name(struct slice line)
{
	const char *colon = line.len ? memchr(line.ptr, ':', line.len) : NULL;

	if (!colon || memchr(line.ptr, '{', (size_t)(colon - line.ptr)))
		return (struct slice){line.ptr, 0};
	return slice_trim((struct slice){line.ptr, (size_t)(colon - line.ptr)});
}

/* The line that starts at @offset, with its line end. */
static struct slice line_at(const struct buf *b, size_t offset)
{
	const char *start = b->data + offset, *end = memchr(start, '\n', b->len - offset);

	return (struct slice){start, end ? (size_t)(end - start) + 1 : b->len - offset};
}

static void splice(struct buf *b, size_t offset, size_t len, struct slice with)
{
	struct buf out = {0};

	buf_add(&out, b->data, offset);
	buf_add_slice(&out, with);
	buf_add(&out, b->data + offset + len, b->len - offset - len);
	buf_free(b);
	*b = out;
}

/* Where the next header line of that name starts, from @from on; -1 when there is none. */
static ssize_t find_header(const struct buf *b, size_t from, const char *name)
{
	struct slice line;

	for (size_t at = from; at < b->len; at += line.len) {
		line = line_at(b, at);
		if (at && slice_case_eq(line_name(line), name))
			return (ssize_t)at;
	}
	return -1;
}

/* Where the header lines end: at the empty line, at "{extra}", or at the end. */
static size_t headers_end(const struct buf *b)
{
	struct slice line;

	for (size_t at = 0; at < b->len; at += line.len) {
		line = line_at(b, at);
		if (*line.ptr == '\n' || slice_starts(line, "\r\n") ||
		    slice_starts(line, "{extra}"))
			return at;
	}
	return b->len;
}

static void add_header(struct buf *b, struct slice line)
{
	struct buf with = {0};
	size_t at = headers_end(b);

	if (at && b->data[at - 1] != '\n')
		buf_putc(&with, '\n');
	buf_add_slice(&with, line);
	if (!line.len || line.ptr[line.len - 1] != '\n')
		buf_putc(&with, '\n');
	splice(b, at, 0, buf_slice(&with));
	buf_free(&with);
}

static bool edit_remove(struct buf *b, const struct doc *node, struct diag *d)
{
	const char **list;
	size_t count;

	if (!node)
		return true;
	if (!doc_list_strings(node, &list, &count, d))
		return false;
	for (size_t i = 0; i < count; i++) {
		ssize_t at = 0;

		while ((at = find_header(b, (size_t)at, list[i])) >= 0)
			splice(b, (size_t)at, line_at(b, (size_t)at).len, (struct slice){0});
	}
	free(list);
	return true;
}

static bool edit_set(struct buf *b, const struct doc *node, struct diag *d)
{
	if (!node)
		return true;
	if (!doc_want(node, DOC_MAP, d))
		return false;
	for (size_t i = 0; i < node->count; i++) {
		const struct doc *item = node->items[i];
		ssize_t at = find_header(b, 0, item->key);
		struct buf line = {0};

		if (!doc_want(item, DOC_SCALAR, d))
			return false;
		if (at >= 0) {
			struct slice old = line_at(b, (size_t)at), name = line_name(old);

			buf_add(&line, old.ptr, (size_t)(name.ptr - old.ptr) + name.len);
			splice(b, (size_t)at, old.len, (struct slice){0});
		} else {
			buf_puts(&line, item->key);
			at = (ssize_t)headers_end(b);
		}
		buf_printf(&line, ": %s\n", item->text);
		splice(b, (size_t)at, 0, buf_slice(&line));
		buf_free(&line);
	}
	return true;
}

static bool edit_add(struct buf *b, const struct doc *node, struct diag *d)
{
	const char **list;
	size_t count;

	if (!node)
		return true;
	if (!doc_list_strings(node, &list, &count, d))
		return false;
	for (size_t i = 0; i < count; i++)
		add_header(b, slice_of(list[i]));
	free(list);
	return true;
}

/* All of @old become @with. Return: how many there were. */
static size_t replace_all(struct buf *b, struct slice old, struct slice with)
{
	struct buf out = {0};
	size_t at = 0, found = 0;

	while (old.len && b->len) {
		const char *hit = memmem(b->data + at, b->len - at, old.ptr, old.len);

		if (!hit)
			break;
		buf_add(&out, b->data + at, (size_t)(hit - b->data) - at);
		buf_add_slice(&out, with);
		at = (size_t)(hit - b->data) + old.len;
		found++;
	}
	buf_add(&out, b->data + at, b->len - at);
	buf_free(b);
	*b = out;
	return found;
}

/* {text: ...}: each becomes what @read makes of its value. */
static bool edit_texts(struct buf *b, const char *name, const struct doc *node,
		       bool (*read)(const struct doc *item, struct buf *with, struct diag *d),
		       struct diag *d)
{
	if (!node)
		return true;
	if (!doc_want(node, DOC_MAP, d))
		return false;
	for (size_t i = 0; i < node->count; i++) {
		const struct doc *item = node->items[i];
		struct buf with = {0};
		bool fine = read(item, &with, d);
		size_t found = fine ? replace_all(b, slice_of(item->key), buf_slice(&with)) : 0;

		buf_free(&with);
		if (found)
			continue;
		if (fine)
			diag_at(d, item->file, item->key_line, "%s: %s does not contain \"%s\"",
				node->key, name, item->key);
		return false;
	}
	return true;
}

/* "replace": another text */
static bool read_replacement(const struct doc *item, struct buf *with, struct diag *d)
{
	if (!doc_want(item, DOC_SCALAR, d))
		return false;
	buf_add(with, item->text, item->len);
	return true;
}

/* "repeat": the text so many times. For documents that are too large for anybody:
 * {"<service>...": 5000}. */
static bool read_repetition(const struct doc *item, struct buf *with, struct diag *d)
{
	struct slice text = slice_of(item->key);
	long long times;

	if (!doc_number(item, 0, REPEAT_MAX / (long long)(text.len + 1), &times, d))
		return false;
	while (times--)
		buf_add_slice(with, text);
	return true;
}

static bool edit_header_names(struct buf *b, const struct doc *node, struct diag *d)
{
	static const char *const cases[] = {"upper", "lower"};
	struct slice line;
	int choice;

	if (!node)
		return true;
	if (!doc_choice(node, cases, ARRAY_SIZE(cases), &choice, d))
		return false;
	for (size_t at = 0; at < b->len; at += line.len) {
		struct slice name;

		line = line_at(b, at);
		name = line_name(line);
		for (size_t i = 0; at && i < name.len; i++) {
			char *c = b->data + (name.ptr - b->data) + i;

			*c = (char)(choice ? tolower((unsigned char)*c)
					   : toupper((unsigned char)*c));
		}
	}
	return true;
}

static bool ends_with(const struct buf *b, const char *tail)
{
	size_t len = strlen(tail);

	return b->len >= len && !memcmp(b->data + b->len - len, tail, len);
}

/* A head ends with an empty line; {extra} and what is conditional bring their own line ends. */
static void end_head(struct buf *b)
{
	if (ends_with(b, "\n\n"))
		return;
	if (!ends_with(b, "\n") && !ends_with(b, "{extra}") && !ends_with(b, "{end}"))
		buf_putc(b, '\n');
	buf_putc(b, '\n');
}

static void make_line_ends(struct buf *b, enum message_kind kind, enum line_ends ends)
{
	static const char *const text[] = {"\r\n", "\n", "\r"};

	if (ends == ENDS_AS_IS)
		return;
	replace_all(b, slice_of("\r\n"), slice_of("\n"));
	if (kind == MESSAGE_KIND_HEAD)
		end_head(b);
	if (ends != ENDS_LF)
		replace_all(b, slice_of("\n"), slice_of(text[ends]));
}

static bool edit_line_ends(struct buf *b, enum message_kind kind, const struct doc *node,
			   struct diag *d)
{
	static const char *const choices[] = {"crlf", "lf", "cr", "as-is"};
	int choice = kind == MESSAGE_KIND_HEAD ? ENDS_CRLF : ENDS_AS_IS;

	if (node && !doc_choice(node, choices, ARRAY_SIZE(choices), &choice, d))
		return false;
	make_line_ends(b, kind, (enum line_ends)choice);
	return true;
}

static bool edit_around(struct buf *b, const struct doc *before, const struct doc *after,
			struct diag *d)
{
	if ((before && !doc_want(before, DOC_SCALAR, d)) ||
	    (after && !doc_want(after, DOC_SCALAR, d)))
		return false;
	if (before)
		splice(b, 0, 0, (struct slice){before->text, before->len});
	if (after)
		buf_add(b, after->text, after->len);
	return true;
}

/* UTF-8 to one byte per character; a character above U+00FF is a complaint. */
static bool to_latin1(struct buf *b, const struct doc *node, struct diag *d)
{
	struct buf out = {0};

	for (size_t i = 0; i < b->len; i++) {
		unsigned char c = (unsigned char)b->data[i];

		if ((c == 0xc2 || c == 0xc3) && i + 1 < b->len) {
			c = (unsigned char)(c << 6 | ((unsigned char)b->data[++i] & 0x3f));
		} else if (c >= 0x80) {
			diag_at(d, node->file, node->line,
				"encoding: a character beyond U+00FF is not in latin-1");
			buf_free(&out);
			return false;
		}
		buf_putc(&out, (char)c);
	}
	buf_free(b);
	*b = out;
	return true;
}

static bool edit_encoding(struct buf *b, const struct doc *node, struct diag *d)
{
	static const char *const choices[] = {"utf-8", "latin-1"};
	int choice = 0;

	if (node && !doc_choice(node, choices, ARRAY_SIZE(choices), &choice, d))
		return false;
	return !choice || to_latin1(b, node, d);
}

static bool heads_only(enum message_kind kind, const char *name, const struct doc *node,
		       struct diag *d)
{
	static const char *const keys[] = {"remove", "set", "add", "header-names"};

	for (size_t i = 0; kind == MESSAGE_KIND_BODY && i < ARRAY_SIZE(keys); i++) {
		const struct doc *item = doc_get(node, keys[i]);

		if (!item)
			continue;
		diag_at(d, item->file, item->key_line,
			"\"%s\" is about header lines, and %s is a body; use \"replace\"", keys[i],
			name);
		return false;
	}
	return true;
}

bool message_text_read(struct message_text *out, const char *name, enum message_kind kind,
		       const char *standard, const struct doc *node, struct diag *d)
{
	const struct doc *placeholders = doc_get(node, "placeholders");
	struct buf *b = &out->bytes;

	out->placeholders = true;
	buf_reserve(b, 0); /* never NULL below */
	if (node && node->kind == DOC_LIST)
		return doc_want(node, DOC_SCALAR, d);
	if (node && node->kind == DOC_MAP &&
	    (!doc_keys(node, edit_keys, ARRAY_SIZE(edit_keys), d) ||
	     !heads_only(kind, name, node, d)))
		return false;
	if (placeholders && !doc_bool(placeholders, &out->placeholders, d))
		return false;
	return read_base(b, standard, node, d) && edit_remove(b, doc_get(node, "remove"), d) &&
	       edit_set(b, doc_get(node, "set"), d) && edit_add(b, doc_get(node, "add"), d) &&
	       edit_texts(b, name, doc_get(node, "replace"), read_replacement, d) &&
	       edit_texts(b, name, doc_get(node, "repeat"), read_repetition, d) &&
	       edit_header_names(b, doc_get(node, "header-names"), d) &&
	       edit_line_ends(b, kind, doc_get(node, "line-ends"), d) &&
	       edit_around(b, doc_get(node, "prepend"), doc_get(node, "append"), d) &&
	       edit_encoding(b, doc_get(node, "encoding"), d);
}

/* Lists of the same key add up. */
static void join_list(struct doc *into, const struct doc *base, const char *key)
{
	const struct doc *first = doc_get(base, key), *second = doc_get(into, key);
	struct doc *sum;

	if (!first || !second)
		return;
	sum = doc_new(DOC_LIST, second->file, second->line);
	for (int side = 0; side < 2; side++) {
		const struct doc *from = side ? second : first;

		if (from->kind == DOC_SCALAR)
			doc_append(sum, doc_copy(from));
		for (size_t i = 0; i < from->count; i++)
			doc_append(sum, doc_copy(from->items[i]));
	}
	doc_set(into, key, sum);
}

struct doc *message_edit_merge(const struct doc *base, const struct doc *over)
{
	struct doc *merged, *lists;

	if (!base || over->kind != DOC_MAP || doc_get(over, "text") || doc_get(over, "file"))
		return doc_copy(over);
	if (base->kind == DOC_MAP) {
		merged = doc_copy(base);
	} else {
		merged = doc_new(DOC_MAP, base->file, base->line);
		doc_set(merged, "text", doc_copy(base));
	}
	lists = doc_copy(over);
	join_list(lists, merged, "remove");
	join_list(lists, merged, "add");
	doc_merge(merged, lists);
	doc_free(lists);
	return merged;
}
