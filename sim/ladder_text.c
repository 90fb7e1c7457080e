/* SPDX-License-Identifier: MIT */
/*
 * ladder_text.c - how wide a text will be.
 *
 * A picture that is laid out here and drawn elsewhere does not know its typeface. These are the
 * advance widths of DejaVu Sans, which is among the widest in use (Verdana is its sibling, Arial
 * and Helvetica are narrower); what is not ASCII counts as a full em.
 */
#include "ladder.h"

#include "../fakeigd/base/mem.h"

#include <assert.h>

/* Hundredths of the size, from the space on: DejaVu Sans, plain and bold. */
static const uint8_t plain[] = {
	32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36,	 32, 34, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63,
	58, 77, 75, 29, 29, 66, 56, 86, 75, 79, 60, 79, 69, 63,	 61, 73, 68, 99, 69,
	61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35,	 63, 63, 28, 28, 58,
	28, 97, 63, 61, 63, 63, 41, 52, 39, 63, 59, 82, 59, 59,	 52, 64, 34, 64, 84,
};
static const uint8_t bold_widths[] = {
	35, 46,	 52, 84, 70, 100, 87, 31,  46, 46, 52, 84, 38, 42,  38, 37, 70, 70,  70,
	70, 70,	 70, 70, 70, 70,  70, 40,  40, 84, 84, 84, 58, 100, 77, 76, 73, 83,  68,
	68, 82,	 84, 37, 37, 77,  64, 100, 84, 85, 73, 85, 77, 72,  68, 81, 77, 110, 77,
	72, 73,	 46, 37, 46, 84,  50, 50,  67, 72, 59, 72, 68, 44,  72, 71, 34, 34,  67,
	34, 104, 71, 69, 72, 72,  49, 60,  48, 71, 65, 92, 65, 65,  58, 71, 37, 71,  84,
};

static_assert(sizeof(plain) == 0x7f - 0x20, "one width for each character");
static_assert(sizeof(bold_widths) == sizeof(plain), "the same for bold");

double ladder_text_width(struct slice text, double size, bool bold)
{
	const uint8_t *table = bold ? bold_widths : plain;
	double sum = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		unsigned column = c - 0x20u;

		if (column < ARRAY_SIZE(plain))
			sum += table[column];
		else if ((c & 0xc0) != 0x80)
			sum += 100;
	}
	return sum * size / 100;
}
