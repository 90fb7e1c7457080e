/* SPDX-License-Identifier: MIT */
/* utf8.h - whether bytes are UTF-8 (RFC 3629) that XML 1.0 can carry. Pure. */
#ifndef IGDLAB_WIRE_UTF8_H
#define IGDLAB_WIRE_UTF8_H

#include "../base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * utf8_char() - length of the character at the front
 * @data, @len:	at least one byte
 *
 * Return: 1 to 4, or 0 when the bytes there are no UTF-8: overlong, a surrogate, U+FFFE, U+FFFF,
 * above U+10FFFF, or cut off.
 */
size_t utf8_char(const char *data, size_t len);
bool utf8_is_valid(const char *data, size_t len);
/** utf8_add() - append the bytes of @c, up to 0x1fffff; a surrogate gets those of its number. */
void utf8_add(struct buf *out, uint32_t c);
/** utf8_add_valid() - append text in which each byte that is no UTF-8 becomes U+FFFD. */
void utf8_add_valid(struct buf *out, const char *data, size_t len);

#endif
