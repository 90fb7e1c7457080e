/* SPDX-License-Identifier: MIT */
/* buf.h - a buffer that grows. */
#ifndef IGDLAB_BUF_H
#define IGDLAB_BUF_H

#include "slice.h"

#include <stdarg.h>

/**
 * struct buf - bytes of our own that grow; zero-initialised is empty and valid
 * @data:	the bytes; a NUL follows them whenever @data is not NULL
 * @len:	number of bytes without that NUL
 * @cap:	bytes allocated
 */
struct buf {
	char *data;
	size_t len;
	size_t cap;
};

/** buf_reserve() - make room for @extra more bytes and return where they start (len unchanged). */
char *buf_reserve(struct buf *b, size_t extra);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_slice(struct buf *b, struct slice s);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list ap);
/** buf_xml_entity() - "&amp;" for & and so on for < > " '; NULL for any other character. */
const char *buf_xml_entity(char c);
/** buf_add_xml() - append text with & < > " ' as entities (XML 1.0 clause 2.4). */
void buf_add_xml(struct buf *b, struct slice text);
/** buf_consume() - drop @len bytes from the front. */
void buf_consume(struct buf *b, size_t len);
/** buf_reset() - empty it, keep the memory. */
void buf_reset(struct buf *b);
/** buf_free() - give the memory back; the buffer is empty and valid after it. */
void buf_free(struct buf *b);
/** buf_steal() - hand the bytes over (never NULL); the caller frees them. */
char *buf_steal(struct buf *b);

static inline struct slice buf_slice(const struct buf *b)
{
	return (struct slice){b->data, b->len};
}

#endif
