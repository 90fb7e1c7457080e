/* SPDX-License-Identifier: MIT */
/* buf.c - a buffer that grows. */
#include "buf.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>

char *buf_reserve(struct buf *b, size_t extra)
{
	size_t need = b->len + extra + 1;

	if (need > b->cap) {
		size_t cap = b->cap ? b->cap : 128;

		while (cap < need)
			cap += cap / 2 + 64;
		b->data = xrealloc(b->data, cap);
		b->cap = cap;
		b->data[b->len] = '\0';
	}
	return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	char *to = buf_reserve(b, len);

	if (len)
		memcpy(to, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_add_slice(struct buf *b, struct slice s)
{
	buf_add(b, s.ptr, s.len);
}

void buf_puts(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void buf_putc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *format, va_list ap)
{
	size_t room = b->cap > b->len ? b->cap - b->len : 0;
	va_list again;
	int len;

	/* Mostly there is room; else it is made, and written once more. */
	va_copy(again, ap);
	len = vsnprintf(room ? b->data + b->len : NULL, room, format, ap);
	if (len > 0 && (size_t)len >= room)
		vsnprintf(buf_reserve(b, (size_t)len), (size_t)len + 1, format, again);
	if (len > 0)
		b->len += (size_t)len;
	else if (room)
		b->data[b->len] = '\0';
	va_end(again);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	buf_vprintf(b, format, ap);
	va_end(ap);
}

const char *buf_xml_entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&apos;";
	default:
		return NULL;
	}
}

void buf_add_xml(struct buf *b, struct slice text)
{
	size_t done = 0;

	for (size_t i = 0; i < text.len; i++) {
		const char *entity = buf_xml_entity(text.ptr[i]);

		if (!entity)
			continue;
		buf_add(b, text.ptr + done, i - done);
		buf_puts(b, entity);
		done = i + 1;
	}
	buf_add(b, text.len ? text.ptr + done : "", text.len - done);
}

void buf_consume(struct buf *b, size_t len)
{
	if (len >= b->len) {
		buf_reset(b);
		return;
	}
	memmove(b->data, b->data + len, b->len - len + 1);
	b->len -= len;
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

char *buf_steal(struct buf *b)
{
	char *data = buf_reserve(b, 0) - b->len;

	*b = (struct buf){0};
	return data;
}
