/* SPDX-License-Identifier: MIT */
/* head_edit.c - lines of a rendered head changed (see head_edit.h). Values go out as they are. */
#include "head_edit.h"

#include "base/slice.h"

static struct slice next_line(struct slice rest)
{
	const char *end = rest.len ? memchr(rest.ptr, '\n', rest.len) : NULL;

	return (struct slice){rest.ptr, end ? (size_t)(end - rest.ptr) + 1 : rest.len};
}

static bool is_named(struct slice line, const char *name)
{
	size_t len = strlen(name);

	return line.len > len && !strncasecmp(line.ptr, name, len) &&
	       (line.ptr[len] == ':' || line.ptr[len] == ' ');
}

static void put_line(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s: %s\r\n", name, value);
}

static size_t edit_one(struct buf *message, size_t head, const char *name, const char *value)
{
	struct slice rest = {message->data, head};
	struct buf out = {0};
	bool done = !value;

	for (bool first = true; rest.len; first = false) {
		struct slice line = next_line(rest);
		bool empty = line.len == 1 || (line.len == 2 && line.ptr[0] == '\r');

		rest.ptr += line.len;
		rest.len -= line.len;
		if (!done && ((empty && !first) || is_named(line, name))) {
			put_line(&out, name, value);
			done = true;
		}
		if (first || !is_named(line, name))
			buf_add_slice(&out, line);
	}
	head = out.len;
	buf_add(&out, rest.ptr, message->len - (size_t)(rest.ptr - message->data));
	buf_free(message);
	*message = out;
	return head;
}

size_t head_edit(struct buf *message, size_t head, const struct effects *e)
{
	for (size_t i = 0; i < e->headers; i++)
		head = edit_one(message, head, e->header_name[i], e->header_value[i]);
	return head;
}

void body_replace_text(struct buf *body, const char *text, const char *by)
{
	struct slice rest = buf_slice(body);
	struct buf out = {0};
	size_t len = strlen(text);
	const char *at;

	while (rest.len && (at = memmem(rest.ptr, rest.len, text, len))) {
		size_t before = (size_t)(at - rest.ptr);

		buf_add(&out, rest.ptr, before);
		buf_puts(&out, by);
		rest.ptr += before + len;
		rest.len -= before + len;
	}
	buf_add_slice(&out, rest);
	buf_free(body);
	*body = out;
}

void body_replace(struct buf *body, const struct effects *e)
{
	for (size_t i = 0; i < e->replaces; i++)
		body_replace_text(body, e->replace[i], e->replace_by[i]);
}
