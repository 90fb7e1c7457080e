/* SPDX-License-Identifier: MIT */
/*
 * chunked.c - the chunked transfer coding (RFC 9112 clause 7.1; see http.h).
 *
 * Theory of operation
 *
 * A byte machine over struct http_chunked, fed any number of bytes at a time, with no memory of its
 * own:
 *
 *	SIZE -> (SPACE | EXTENSION) -> LF -> DATA -> DATA_END -> SIZE ... size 0 -> TRAILER -> DONE
 *
 * Extensions and trailer fields are skipped (DESC-07), each line within HTTP_CHUNK_LINE_MAX bytes
 * and the trailer section as a whole too. A bare LF is taken for CRLF, as in heads.
 */
#include "http.h"

enum chunk_state {
	CHUNK_SIZE,	     /* hexadecimal digits */
	CHUNK_SPACE,	     /* white space after them */
	CHUNK_EXTENSION,     /* after ";" */
	CHUNK_SIZE_LF,	     /* LF after CR */
	CHUNK_DATA,	     /* @left bytes */
	CHUNK_DATA_END,	     /* CR or LF after the data */
	CHUNK_DATA_LF,	     /* LF after CR after the data */
	CHUNK_TRAILER_START, /* first byte of a trailer line */
	CHUNK_TRAILER,	     /* within a trailer line */
	CHUNK_FINAL_LF,	     /* LF after the last CR */
	CHUNK_DONE,
	CHUNK_BAD,
};

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The size line is over: data follows, or after size 0 the trailer. */
static int after_size(struct http_chunked *c)
{
	c->line = 0;
	c->digits = 0;
	return c->left ? CHUNK_DATA : CHUNK_TRAILER_START;
}

/* A byte within or after the size, up to the end of its line. */
static int size_byte(struct http_chunked *c, char byte)
{
	int value = c->state == CHUNK_SIZE ? hex_value(byte) : -1;

	if (value >= 0) {
		if (++c->digits > 16)
			return CHUNK_BAD;
		c->left = c->left << 4 | (unsigned)value;
		return CHUNK_SIZE;
	}
	if (!c->digits || ++c->line > HTTP_CHUNK_LINE_MAX)
		return CHUNK_BAD;
	if (byte == '\n')
		return after_size(c);
	if (byte == '\r')
		return CHUNK_SIZE_LF;
	if (c->state == CHUNK_EXTENSION || byte == ';')
		return CHUNK_EXTENSION;
	return byte == ' ' || byte == '\t' ? CHUNK_SPACE : CHUNK_BAD;
}

static int trailer_byte(struct http_chunked *c, char byte)
{
	if (++c->line > HTTP_CHUNK_LINE_MAX)
		return CHUNK_BAD;
	if (c->state == CHUNK_TRAILER)
		return byte == '\n' ? CHUNK_TRAILER_START : CHUNK_TRAILER;
	if (byte == '\n')
		return CHUNK_DONE;
	return byte == '\r' ? CHUNK_FINAL_LF : CHUNK_TRAILER;
}

/* The state after one byte in any state but DATA, DONE and BAD. */
static int next_state(struct http_chunked *c, char byte)
{
	switch ((enum chunk_state)c->state) {
	case CHUNK_SIZE:
	case CHUNK_SPACE:
	case CHUNK_EXTENSION:
		return size_byte(c, byte);
	case CHUNK_SIZE_LF:
		return byte == '\n' ? after_size(c) : CHUNK_BAD;
	case CHUNK_DATA_END:
		if (byte == '\r')
			return CHUNK_DATA_LF;
		return byte == '\n' ? CHUNK_SIZE : CHUNK_BAD;
	case CHUNK_DATA_LF:
		return byte == '\n' ? CHUNK_SIZE : CHUNK_BAD;
	case CHUNK_TRAILER_START:
	case CHUNK_TRAILER:
		return trailer_byte(c, byte);
	case CHUNK_FINAL_LF:
		return byte == '\n' ? CHUNK_DONE : CHUNK_BAD;
	case CHUNK_DATA:
	case CHUNK_DONE:
	case CHUNK_BAD:
		break;
	}
	return CHUNK_BAD;
}

enum http_error http_chunked_feed(struct http_chunked *c, const char *data, size_t len,
				  size_t *consumed, struct buf *out)
{
	size_t at = 0;

	while (at < len && c->state != CHUNK_DONE && c->state != CHUNK_BAD) {
		if (c->state == CHUNK_DATA) {
			size_t take = len - at < c->left ? len - at : (size_t)c->left;

			buf_add(out, data + at, take);
			at += take;
			c->left -= take;
			if (!c->left)
				c->state = CHUNK_DATA_END;
		} else {
			c->state = next_state(c, data[at++]);
		}
	}
	*consumed = at;
	if (c->state == CHUNK_BAD)
		return HTTP_BAD_CHUNK;
	return c->state == CHUNK_DONE ? HTTP_OK : HTTP_INCOMPLETE;
}
