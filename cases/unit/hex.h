/* SPDX-License-Identifier: MIT */
/* hex.h - bytes written as hexadecimal, with spaces where a person would put them. Whoever includes
 * it says HEX_ROOM, the most that there are. */
#ifndef CASES_UNIT_HEX_H
#define CASES_UNIT_HEX_H

#include "unit.h"

struct bytes {
	uint8_t data[HEX_ROOM];
	size_t len;
};

static inline struct bytes from_hex(const char *text)
{
	struct bytes b = {0};
	int high = -1;

	for (; *text; text++) {
		int value = *text >= 'a' ? *text - 'a' + 10 : *text - '0';

		if (*text == ' ')
			continue;
		assert_in_range(value, 0, 15);
		if (high >= 0)
			b.data[b.len++] = (uint8_t)(high << 4 | value);
		high = high >= 0 ? -1 : value;
	}
	assert_int_equal(high, -1);
	return b;
}

#endif
