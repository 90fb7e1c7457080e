/* SPDX-License-Identifier: MIT */
/*
 * base64.c - bytes as text (see base64.h).
 *
 * Theory of operation
 *
 * RFC 4648 clause 4: three bytes are four characters of six bits; the last group is padded with
 * "=". The decoder is strict: padding is required, bits that stand for nothing are zero, there is
 * no white space (clause 3.2, 3.3, 3.5).
 */
#include "base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct slice bytes, struct buf *out)
{
	char *to = buf_reserve(out, (bytes.len + 2) / 3 * 4);
	const uint8_t *from = (const uint8_t *)bytes.ptr;

	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t have = bytes.len - i;
		uint32_t group = (uint32_t)from[i] << 16;

		if (have > 1)
			group |= (uint32_t)from[i + 1] << 8;
		if (have > 2)
			group |= from[i + 2];
		*to++ = digits[group >> 18];
		*to++ = digits[group >> 12 & 63];
		*to++ = have > 1 ? digits[group >> 6 & 63] : '=';
		*to++ = have > 2 ? digits[group & 63] : '=';
	}
	out->len += (bytes.len + 2) / 3 * 4;
	*to = '\0';
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '/')
		return c == '+' ? 62 : 63;
	return -1;
}

/* Four characters. Return: how many bytes, 0 = not base64. */
static size_t decode_group(const char *text, bool last, char out[3])
{
	size_t count = 3;
	uint32_t group = 0;

	if (last && text[3] == '=')
		count = text[2] == '=' ? 1 : 2;
	for (size_t i = 0; i < 4; i++) {
		int d = i <= count ? digit(text[i]) : 0;

		if (d < 0)
			return 0;
		group = group << 6 | (uint32_t)d;
	}
	if (group & ((1u << 8 * (3 - count)) - 1))
		return 0;
	out[0] = (char)(group >> 16);
	out[1] = (char)(group >> 8);
	out[2] = (char)group;
	return count;
}

bool base64_decode(struct slice text, struct buf *out)
{
	if (text.len % 4)
		return false;
	for (size_t i = 0; i < text.len; i += 4) {
		char bytes[3];
		size_t count = decode_group(text.ptr + i, i + 4 == text.len, bytes);

		if (!count)
			return false;
		buf_add(out, bytes, count);
	}
	return true;
}
