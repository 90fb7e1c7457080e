/* SPDX-License-Identifier: MIT */
/* slice.c - pieces of someone else's bytes. */
#include "slice.h"

#include "mem.h"

struct slice slice_trim(struct slice s)
{
	while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
		s.ptr++;
		s.len--;
	}
	while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
		s.len--;
	return s;
}

bool slice_number(struct slice s, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (!s.len)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';

		if (digit > 9 || value > (max - digit) / 10 || (value * 10 + digit) > max)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

char *slice_dup(struct slice s)
{
	return xstrndup(s.len ? s.ptr : "", s.len);
}
