/* SPDX-License-Identifier: MIT */
/* pcp_bytes.h - numbers in network order, for pcp.c and pcp_option.c. */
#ifndef IGDLAB_WIRE_PCP_BYTES_H
#define IGDLAB_WIRE_PCP_BYTES_H

#include "../base/buf.h"

#include <stdint.h>

static inline uint16_t pcp_get16(const char *at)
{
	return (uint16_t)((uint8_t)at[0] << 8 | (uint8_t)at[1]);
}

static inline uint32_t pcp_get32(const char *at)
{
	return (uint32_t)pcp_get16(at) << 16 | pcp_get16(at + 2);
}

static inline void pcp_put16(struct buf *out, uint16_t value)
{
	buf_putc(out, (char)(value >> 8));
	buf_putc(out, (char)value);
}

static inline void pcp_put32(struct buf *out, uint32_t value)
{
	pcp_put16(out, (uint16_t)(value >> 16));
	pcp_put16(out, (uint16_t)value);
}

#endif
