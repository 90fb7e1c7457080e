/* SPDX-License-Identifier: MIT */
/* utf8.c - whether bytes are UTF-8 (see utf8.h). */
#include "utf8.h"

#include <stdint.h>

size_t utf8_char(const char *data, size_t len)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *bytes = (const unsigned char *)data;
	uint32_t code = bytes[0];
	size_t size;

	if (code < 0x80)
		return 1;
	if (code < 0xc2 || code > 0xf4)
		return 0;
	size = code < 0xe0 ? 2 : code < 0xf0 ? 3 : 4;
	if (size > len)
		return 0;
	code &= 0xffu >> (size + 1);
	for (size_t i = 1; i < size; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (bytes[i] & 0x3f);
	}
	if (code < smallest[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ||
	    code == 0xfffe || code == 0xffff)
		return 0;
	return size;
}

bool utf8_is_valid(const char *data, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t size = utf8_char(data + at, len - at);

		if (!size)
			return false;
		at += size;
	}
	return true;
}

void utf8_add(struct buf *out, uint32_t c)
{
	int tail = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const uint8_t first[] = {0, 0xc0, 0xe0, 0xf0};

	buf_putc(out, (char)(first[tail] | c >> 6 * tail));
	while (tail--)
		buf_putc(out, (char)(0x80 | (c >> 6 * tail & 0x3f)));
}

void utf8_add_valid(struct buf *out, const char *data, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t width = utf8_char(data + i, len - i);

		if (width)
			buf_add(out, data + i, width);
		else
			utf8_add(out, 0xfffd);
		i += width ? width : 1;
	}
}
