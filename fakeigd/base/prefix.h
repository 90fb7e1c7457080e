/* SPDX-License-Identifier: MIT */
/* prefix.h - networks by their prefixes. Pure. */
#ifndef IGDLAB_BASE_PREFIX_H
#define IGDLAB_BASE_PREFIX_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/** same_prefix() - whether the first @bits of two addresses of one family, in network order, are
 * the same. */
static inline bool same_prefix(const void *a, const void *b, unsigned bits)
{
	const uint8_t *x = a, *y = b;
	unsigned whole = bits / 8, rest = bits % 8;

	return !memcmp(x, y, whole) && (!rest || (x[whole] ^ y[whole]) >> (8 - rest) == 0);
}

#endif
