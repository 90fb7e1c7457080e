/* SPDX-License-Identifier: MIT */
/*
 * pcp_option.c - options of PCP messages (see pcp.h).
 *
 * Theory of operation
 *
 * RFC 6887 clause 7.3: code, reserved, length (2), that many bytes, and 0 bytes up to a multiple of
 * 4. A code with its top bit set may be ignored, others may not. They are processed in the order in
 * which they stand, so nothing here sorts them. The table below has what each definition says:
 * with which opcodes, how long, how often.
 *
 *	THIRD_PARTY	address (16)				RFC 6887 clause 13.1
 *	PREFER_FAILURE	nothing					clause 13.2
 *	FILTER		reserved, prefix length, remote port (2), remote address (16); the prefix
 *			counts from the left of 128 bits, so an IPv4 one is 96 or more; 0 removes
 *			all filters				clause 13.3
 *	DESCRIPTION	UTF-8, at most 1016 bytes, no NUL	RFC 7220 clause 2
 *	PREFIX64	length of the prefix in bytes (2), prefix and suffix (12 together), number
 *			of IPv4 prefixes (2), those: length in bits (2), address (4)
 *								RFC 7225 clause 4.1
 *	PORT_SET	size (2), first internal port (2), 7 bits reserved, parity
 *								RFC 7753 clause 4.1
 */
#include "pcp.h"

#include "../base/mem.h"
#include "pcp_bytes.h"

#define OPTION_HEADER	  4
#define PREFIX64_FIXED	  16 /* without the list of IPv4 prefixes */
#define PREFIX64_COUNT_AT 14
#define V4_PREFIX_LEN	  6
#define WITH(opcode)	  (1u << (opcode))

/**
 * struct format - definition of an option
 * @min, @max:	length in bytes
 * @opcodes:	bits of WITH()
 * @once:	at most one
 */
static const struct format {
	uint8_t code;
	const char *name;
	size_t min;
	size_t max;
	unsigned opcodes;
	bool once;
} formats[] = {
	{PCP_OPTION_THIRD_PARTY, "THIRD_PARTY", 16, 16, WITH(PCP_MAP) | WITH(PCP_PEER), true},
	{PCP_OPTION_PREFER_FAILURE, "PREFER_FAILURE", 0, 0, WITH(PCP_MAP), true},
	{PCP_OPTION_FILTER, "FILTER", 20, 20, WITH(PCP_MAP), false},
	{PCP_OPTION_DESCRIPTION, "DESCRIPTION", 0, 1016, WITH(PCP_MAP) | WITH(PCP_PEER), true},
	{PCP_OPTION_PREFIX64, "PREFIX64", PREFIX64_FIXED, PCP_MESSAGE_MAX,
	 WITH(PCP_MAP) | WITH(PCP_ANNOUNCE), false},
	{PCP_OPTION_PORT_SET, "PORT_SET", 5, 5, WITH(PCP_MAP), true},
};

static const struct format *format_of(uint8_t code)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (formats[i].code == code)
			return &formats[i];
	return NULL;
}

const char *pcp_option_name(uint8_t code)
{
	const struct format *format = format_of(code);

	return format ? format->name : NULL;
}

bool pcp_next_option(struct slice *rest, struct pcp_option *out)
{
	size_t len, whole;

	if (rest->len < OPTION_HEADER)
		return false;
	len = pcp_get16(rest->ptr + 2);
	whole = OPTION_HEADER + (len + 3) / 4 * 4;
	if (whole > rest->len)
		return false;
	*out = (struct pcp_option){(uint8_t)rest->ptr[0], {rest->ptr + OPTION_HEADER, len}};
	*rest = (struct slice){rest->ptr + whole, rest->len - whole};
	return true;
}

bool pcp_find_option(struct slice options, uint8_t code, struct pcp_option *out)
{
	while (pcp_next_option(&options, out))
		if (out->code == code)
			return true;
	return false;
}

enum pcp_option_error pcp_check_option(struct slice options, const struct pcp_option *option,
				       uint8_t opcode)
{
	const struct format *format = format_of(option->code);
	struct pcp_option first;

	if (!format)
		return PCP_OPTION_UNKNOWN;
	if (opcode > PCP_PEER || !(format->opcodes & WITH(opcode)))
		return PCP_OPTION_MISPLACED;
	if (option->data.len < format->min || option->data.len > format->max)
		return PCP_OPTION_LENGTH;
	if (format->once && pcp_find_option(options, option->code, &first) &&
	    first.data.ptr != option->data.ptr)
		return PCP_OPTION_REPEATED;
	return PCP_OPTION_OK;
}

bool pcp_read_third_party(const struct pcp_option *option, struct in6_addr *out)
{
	if (option->data.len != sizeof(*out))
		return false;
	memcpy(out, option->data.ptr, sizeof(*out));
	return true;
}

bool pcp_read_filter(const struct pcp_option *option, struct pcp_filter *out)
{
	if (option->data.len != 20)
		return false;
	out->prefix = (uint8_t)option->data.ptr[1];
	out->port = pcp_get16(option->data.ptr + 2);
	memcpy(&out->address, option->data.ptr + 4, sizeof(out->address));
	return true;
}

bool pcp_filter_is_valid(const struct pcp_filter *filter)
{
	if (!filter->prefix)
		return true;
	return filter->prefix <= 128 &&
	       (filter->prefix >= 96 || !pcp_address_is_v4(&filter->address, NULL));
}

bool pcp_read_port_set(const struct pcp_option *option, struct pcp_port_set *out)
{
	if (option->data.len != 5)
		return false;
	out->size = pcp_get16(option->data.ptr);
	out->first = pcp_get16(option->data.ptr + 2);
	out->parity = option->data.ptr[4] & 1;
	return true;
}

/* Where the suffix is in an IPv6 address: behind the prefix, the IPv4 address and the byte that is
 * 0 (RFC 6052 clause 2.2). That byte counts among the 12 of prefix and suffix, as its first. */
static size_t suffix_at(unsigned bits)
{
	return bits == 96 ? 16 : bits / 8 + 5;
}

bool pcp_read_prefix64(const struct pcp_option *option, struct pcp_prefix64 *out)
{
	const char *at = option->data.ptr;
	size_t len, suffix;

	*out = (struct pcp_prefix64){0};
	if (option->data.len < PREFIX64_FIXED)
		return false;
	len = pcp_get16(at);
	if (len != 12 && (len < 4 || len > 8))
		return false;
	out->bits = (unsigned)len * 8;
	memcpy(&out->prefix, at + 2, len);
	suffix = sizeof(out->prefix) - suffix_at(out->bits);
	memcpy(out->prefix.s6_addr + suffix_at(out->bits), at + PREFIX64_COUNT_AT - suffix, suffix);
	out->count = pcp_get16(at + PREFIX64_COUNT_AT);
	out->list = (struct slice){at + PREFIX64_FIXED, option->data.len - PREFIX64_FIXED};
	return out->list.len == (size_t)out->count * V4_PREFIX_LEN;
}

void pcp_add_option(struct buf *options, uint8_t code, const void *data, size_t len)
{
	buf_putc(options, (char)code);
	buf_putc(options, '\0');
	pcp_put16(options, (uint16_t)len);
	buf_add(options, data, len);
	for (; len % 4; len++)
		buf_putc(options, '\0');
}

/* The same of bytes that are built. */
static void add_built(struct buf *options, uint8_t code, struct buf *data)
{
	pcp_add_option(options, code, data->data, data->len);
	buf_free(data);
}

void pcp_add_filter(struct buf *options, const struct pcp_filter *filter)
{
	struct buf data = {0};

	buf_putc(&data, '\0');
	buf_putc(&data, (char)filter->prefix);
	pcp_put16(&data, filter->port);
	buf_add(&data, &filter->address, sizeof(filter->address));
	add_built(options, PCP_OPTION_FILTER, &data);
}

void pcp_add_port_set(struct buf *options, const struct pcp_port_set *set)
{
	struct buf data = {0};

	pcp_put16(&data, set->size);
	pcp_put16(&data, set->first);
	buf_putc(&data, (char)set->parity);
	add_built(options, PCP_OPTION_PORT_SET, &data);
}

void pcp_add_prefix64(struct buf *options, const struct pcp_prefix64 *prefix)
{
	size_t len = prefix->bits / 8, from = suffix_at(prefix->bits);
	struct buf data = {0};

	pcp_put16(&data, (uint16_t)len);
	buf_add(&data, &prefix->prefix, len);
	if (prefix->bits != 96)
		buf_putc(&data, '\0');
	buf_add(&data, prefix->prefix.s6_addr + from, sizeof(prefix->prefix) - from);
	pcp_put16(&data, (uint16_t)prefix->count);
	buf_add_slice(&data, prefix->list);
	add_built(options, PCP_OPTION_PREFIX64, &data);
}
