/* SPDX-License-Identifier: MIT */
/*
 * anonymise_utf16.c - bodies in UTF-16: into UTF-8 to be looked through, and back.
 *
 * Theory of operation
 *
 * XML in UTF-16 begins with a byte order mark, or with "<" beside a zero byte (XML 1.0 appendix
 * F.1). Units become UTF-8, pairs of surrogates one character (RFC 2781 clause 2); a surrogate
 * alone, which is no text, becomes the three bytes that its number would have, so that nothing is
 * lost on the way back. A last odd byte stays as it is.
 */
#include "../fakeigd/wire/utf8.h"
#include "anonymise_parts.h"

enum { HIGH_FIRST = 0xd800, LOW_FIRST = 0xdc00, LOW_LAST = 0xdfff, SUPPLEMENT = 0x10000 };

bool utf16_is(struct slice s, bool *big)
{
	const uint8_t *b = (const uint8_t *)s.ptr;

	if (s.len < 4)
		return false;
	*big = (b[0] == 0xfe && b[1] == 0xff) || (!b[0] && b[1] == '<' && !b[2]);
	return *big || (b[0] == 0xff && b[1] == 0xfe) || (b[0] == '<' && !b[1] && !b[3]);
}

static unsigned unit_at(struct slice s, size_t at, bool big)
{
	const uint8_t *b = (const uint8_t *)s.ptr + at;

	return big ? (unsigned)b[0] << 8 | b[1] : (unsigned)b[1] << 8 | b[0];
}

void utf16_read(struct slice in, bool big, struct buf *out)
{
	for (size_t at = 0; at + 1 < in.len; at += 2) {
		uint32_t c = unit_at(in, at, big);
		unsigned low = at + 3 < in.len ? unit_at(in, at + 2, big) : 0;

		if (c >= HIGH_FIRST && c < LOW_FIRST && low >= LOW_FIRST && low <= LOW_LAST) {
			c = SUPPLEMENT + ((c - HIGH_FIRST) << 10) + (low - LOW_FIRST);
			at += 2;
		}
		utf8_add(out, c);
	}
}

static void put_unit(struct buf *out, unsigned unit, bool big)
{
	buf_putc(out, (char)(big ? unit >> 8 : unit & 0xff));
	buf_putc(out, (char)(big ? unit & 0xff : unit >> 8));
}

/* The character at the front of what utf16_read() made, and its length. */
static size_t take_character(struct slice s, uint32_t *c)
{
	const uint8_t *b = (const uint8_t *)s.ptr;
	size_t len = b[0] < 0x80 ? 1 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;

	if (len > s.len)
		len = 1;
	*c = len == 1 ? b[0] : b[0] & (0xff >> (len + 1));
	for (size_t i = 1; i < len; i++)
		*c = *c << 6 | (b[i] & 0x3f);
	return len;
}

void utf16_write(struct slice in, bool big, struct buf *out)
{
	while (in.len) {
		uint32_t c;

		in = slice_skip(in, take_character(in, &c));
		if (c < SUPPLEMENT) {
			put_unit(out, c, big);
			continue;
		}
		put_unit(out, HIGH_FIRST + ((c - SUPPLEMENT) >> 10), big);
		put_unit(out, LOW_FIRST + ((c - SUPPLEMENT) & 0x3ff), big);
	}
}
