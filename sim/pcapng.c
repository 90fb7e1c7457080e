/* SPDX-License-Identifier: MIT */
/*
 * pcapng.c - writing and reading pcapng (draft-ietf-opsawg-pcapng).
 *
 * Theory of operation
 *
 * A file is a sequence of blocks: type, total length, content, total length again, all 32 bits and
 * padded to four bytes. The first block of a section fixes the byte order of everything in it (its
 * magic is read in either order). Interfaces are numbered per section; the reader counts them over
 * the whole file, so that a file made by concatenation needs no care above.
 *
 * Options are (code, length, value, padding) lists after the fixed part. Those written: application
 * and operating system of the section, name, description and resolution of an interface, comment of
 * a packet, received and dropped of the statistics. Those read: the same, plus if_tsoffset.
 *
 * Every length is checked against what encloses it before it is used; a block that lies about its
 * length ends the reading (there is no way to find the next one), an option that does ends the
 * options of that block.
 */
#include "pcapng.h"

#include "../fakeigd/base/mem.h"

#include <stdlib.h>

#define BLOCK_SECTION	 0x0A0D0D0Au
#define BLOCK_INTERFACE	 1u
#define BLOCK_SIMPLE	 3u
#define BLOCK_STATISTICS 5u
#define BLOCK_ENHANCED	 6u

#define MAGIC	      0x1A2B3C4Du
#define MAGIC_SWAPPED 0x4D3C2B1Au

#define OPTION_END     0
#define OPTION_COMMENT 1
#define SHB_OS	       3
#define SHB_USERAPPL   4
#define IF_NAME	       2
#define IF_DESCRIPTION 3
#define IF_TSRESOL     9
#define IF_TSOFFSET    14
#define ISB_IFRECV     4
#define ISB_IFDROP     5

#define RESOLUTION_MICRO 6
#define RESOLUTION_NANO	 9
#define NANO		 INT64_C(1000000000)

/* ---- writing ---- */

static void put16(struct buf *out, uint16_t value)
{
	buf_add(out, &value, sizeof(value));
}

static void put32(struct buf *out, uint32_t value)
{
	buf_add(out, &value, sizeof(value));
}

static void put_padding(struct buf *out, size_t len)
{
	buf_add(out, "\0\0\0", -len & 3);
}

static void put_option(struct buf *out, uint16_t code, struct slice value)
{
	if (!value.ptr)
		return;
	if (value.len > UINT16_MAX)
		value.len = UINT16_MAX;
	put16(out, code);
	put16(out, (uint16_t)value.len);
	buf_add_slice(out, value);
	put_padding(out, value.len);
}

static void put_option_u64(struct buf *out, uint16_t code, uint64_t value)
{
	put_option(out, code, (struct slice){(const char *)&value, sizeof(value)});
}

/* Starts a block; returns where, for block_end(). */
static size_t block_begin(struct buf *out, uint32_t type)
{
	size_t start = out->len;

	put32(out, type);
	put32(out, 0);
	return start;
}

static void block_end(struct buf *out, size_t start)
{
	uint32_t total = (uint32_t)(out->len - start + 4);

	memcpy(out->data + start + 4, &total, sizeof(total));
	put32(out, total);
}

static void options_end(struct buf *out)
{
	put16(out, OPTION_END);
	put16(out, 0);
}

static void put_time(struct buf *out, int64_t time_ns)
{
	put32(out, (uint32_t)((uint64_t)time_ns >> 32));
	put32(out, (uint32_t)time_ns);
}

void pcapng_write_section(struct buf *out, const char *application, const char *os,
			  const char *comment)
{
	size_t start = block_begin(out, BLOCK_SECTION);

	put32(out, MAGIC);
	put16(out, 1); /* version 1.0 */
	put16(out, 0);
	put32(out, UINT32_MAX); /* section length: not given */
	put32(out, UINT32_MAX);
	put_option(out, OPTION_COMMENT, slice_of(comment));
	put_option(out, SHB_OS, slice_of(os));
	put_option(out, SHB_USERAPPL, slice_of(application));
	options_end(out);
	block_end(out, start);
}

void pcapng_write_interface(struct buf *out, uint16_t link_type, const char *name,
			    const char *description)
{
	size_t start = block_begin(out, BLOCK_INTERFACE);
	const char resolution = RESOLUTION_NANO;

	put16(out, link_type);
	put16(out, 0);
	put32(out, 0); /* snapshot length: no limit */
	put_option(out, IF_NAME, slice_of(name));
	put_option(out, IF_DESCRIPTION, slice_of(description));
	put_option(out, IF_TSRESOL, (struct slice){&resolution, 1});
	options_end(out);
	block_end(out, start);
}

void pcapng_write_packet(struct buf *out, const struct pcapng_packet *packet)
{
	size_t start = block_begin(out, BLOCK_ENHANCED);

	put32(out, packet->interface);
	put_time(out, packet->time_ns);
	put32(out, (uint32_t)packet->data.len);
	put32(out, packet->original_len);
	buf_add_slice(out, packet->data);
	put_padding(out, packet->data.len);
	if (packet->comment.ptr) {
		put_option(out, OPTION_COMMENT, packet->comment);
		options_end(out);
	}
	block_end(out, start);
}

void pcapng_write_statistics(struct buf *out, uint32_t interface, int64_t time_ns,
			     uint64_t received, uint64_t dropped)
{
	size_t start = block_begin(out, BLOCK_STATISTICS);

	put32(out, interface);
	put_time(out, time_ns);
	put_option_u64(out, ISB_IFRECV, received);
	put_option_u64(out, ISB_IFDROP, dropped);
	options_end(out);
	block_end(out, start);
}

/* ---- reading ---- */

static uint16_t get16(const struct pcapng_reader *r, const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return r->swapped ? __builtin_bswap16(value) : value;
}

static uint32_t get32(const struct pcapng_reader *r, const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return r->swapped ? __builtin_bswap32(value) : value;
}

static uint64_t get64(const struct pcapng_reader *r, const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return r->swapped ? __builtin_bswap64(value) : value;
}

/* Content of a block: what is between the two lengths. */
struct content {
	const uint8_t *at;
	size_t len;
};

/* Takes the next option off the front of @options. */
static bool next_option(const struct pcapng_reader *r, struct content *options, uint16_t *code,
			struct slice *value)
{
	size_t len, padded;

	if (options->len < 4)
		return false;
	*code = get16(r, options->at);
	len = get16(r, options->at + 2);
	if (*code == OPTION_END || len > options->len - 4)
		return false;
	*value = (struct slice){(const char *)options->at + 4, len};
	padded = 4 + ((len + 3) & ~(size_t)3);
	if (padded > options->len)
		padded = options->len;
	options->at += padded;
	options->len -= padded;
	return true;
}

static int64_t clamp_time(__int128 ns)
{
	if (ns < 0)
		return 0;
	return ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
}

/* if_tsresol: a power of ten, or with the top bit set of two. */
static int64_t ticks_to_ns(const struct pcapng_interface *i, uint64_t ticks)
{
	__int128 ns = ticks;
	unsigned power = i->resolution & 0x7f;

	if (i->resolution & 0x80) {
		ns = power < 64 ? (ns * NANO) >> power : 0;
	} else {
		for (; power < RESOLUTION_NANO; power++)
			ns *= 10;
		for (; power > RESOLUTION_NANO && ns; power--)
			ns /= 10;
	}
	return clamp_time(ns + (__int128)i->offset * NANO);
}

static int64_t read_time(const struct pcapng_reader *r, uint32_t interface, const uint8_t *at)
{
	uint64_t ticks = (uint64_t)get32(r, at) << 32 | get32(r, at + 4);

	return ticks_to_ns(&r->interfaces[interface], ticks);
}

static enum pcapng_block bad(struct pcapng_reader *r, const char *why)
{
	r->error = why;
	return PCAPNG_BAD;
}

/* Turns the section's number of an interface into the file's. */
static bool interface_index(const struct pcapng_reader *r, uint32_t number, uint32_t *index)
{
	if (number >= r->count - r->first)
		return false;
	*index = r->first + number;
	return true;
}

static enum pcapng_block read_interface(struct pcapng_reader *r, struct content c)
{
	struct pcapng_interface i = {.resolution = RESOLUTION_MICRO};
	struct content options = {c.at + 8, c.len - 8};
	struct slice value;
	uint16_t code;

	if (r->count == PCAPNG_INTERFACES_MAX)
		return bad(r, "too many interfaces");
	i.link_type = get16(r, c.at);
	while (next_option(r, &options, &code, &value)) {
		if (code == IF_NAME)
			i.name = value;
		else if (code == IF_DESCRIPTION)
			i.description = value;
		else if (code == IF_TSRESOL && value.len == 1)
			i.resolution = (uint8_t)value.ptr[0];
		else if (code == IF_TSOFFSET && value.len == 8)
			i.offset = (int64_t)get64(r, (const uint8_t *)value.ptr);
	}
	if ((r->count & (r->count - 1)) == 0)
		r->interfaces = xrealloc(r->interfaces, (r->count ? r->count * 2 : 1) * sizeof(i));
	r->interfaces[r->count++] = i;
	return PCAPNG_INTERFACE;
}

static enum pcapng_block read_enhanced(struct pcapng_reader *r, struct content c,
				       struct pcapng_packet *out)
{
	size_t len = get32(r, c.at + 12), padded = (len + 3) & ~(size_t)3;
	struct content options;
	struct slice value;
	uint16_t code;

	*out = (struct pcapng_packet){.original_len = get32(r, c.at + 16)};
	if (!interface_index(r, get32(r, c.at), &out->interface))
		return bad(r, "a packet of an interface that is not described");
	if (len > c.len - 20)
		return bad(r, "a packet longer than its block");
	out->time_ns = read_time(r, out->interface, c.at + 4);
	out->data = (struct slice){(const char *)c.at + 20, len};
	if (padded > c.len - 20)
		padded = c.len - 20;
	options = (struct content){c.at + 20 + padded, c.len - 20 - padded};
	while (next_option(r, &options, &code, &value)) {
		if (code == OPTION_COMMENT && !out->comment.ptr)
			out->comment = value;
	}
	return PCAPNG_PACKET;
}

static enum pcapng_block read_simple(struct pcapng_reader *r, struct content c,
				     struct pcapng_packet *out)
{
	size_t len = get32(r, c.at);

	*out = (struct pcapng_packet){.original_len = (uint32_t)len};
	if (!interface_index(r, 0, &out->interface))
		return bad(r, "a packet of an interface that is not described");
	out->data = (struct slice){(const char *)c.at + 4, len < c.len - 4 ? len : c.len - 4};
	return PCAPNG_PACKET;
}

static enum pcapng_block read_statistics(struct pcapng_reader *r, struct content c,
					 struct pcapng_statistics *out)
{
	struct content options = {c.at + 12, c.len - 12};
	struct slice value;
	uint16_t code;

	*out = (struct pcapng_statistics){.received = UINT64_MAX, .dropped = UINT64_MAX};
	if (!interface_index(r, get32(r, c.at), &out->interface))
		return bad(r, "statistics of an interface that is not described");
	out->time_ns = read_time(r, out->interface, c.at + 4);
	while (next_option(r, &options, &code, &value)) {
		if (code == ISB_IFRECV && value.len == 8)
			out->received = get64(r, (const uint8_t *)value.ptr);
		else if (code == ISB_IFDROP && value.len == 8)
			out->dropped = get64(r, (const uint8_t *)value.ptr);
	}
	return PCAPNG_STATISTICS;
}

/* The section header's magic says how to read its own length. */
static enum pcapng_block begin_section(struct pcapng_reader *r)
{
	uint32_t magic;

	if (r->len - r->pos < 28)
		return bad(r, "the file ends inside a block");
	memcpy(&magic, r->data + r->pos + 8, sizeof(magic));
	if (magic != MAGIC && magic != MAGIC_SWAPPED)
		return bad(r, "not a pcapng section (byte-order magic)");
	r->swapped = magic == MAGIC_SWAPPED;
	r->first = r->count;
	return PCAPNG_SECTION;
}

/* Checks the frame of the block at r->pos. */
static enum pcapng_block block_content(struct pcapng_reader *r, uint32_t type, struct content *c,
				       size_t *total)
{
	if (r->pos == 0 && type != BLOCK_SECTION)
		return bad(r, "not a pcapng file");
	if (type == BLOCK_SECTION && begin_section(r) == PCAPNG_BAD)
		return PCAPNG_BAD;
	*total = get32(r, r->data + r->pos + 4);
	if (*total < 12 || *total % 4 || *total > PCAPNG_BLOCK_MAX)
		return bad(r, "a block of impossible length");
	if (*total > r->len - r->pos)
		return bad(r, "the file ends inside a block");
	if (get32(r, r->data + r->pos + *total - 4) != *total)
		return bad(r, "the two lengths of a block differ");
	*c = (struct content){r->data + r->pos + 8, *total - 12};
	return PCAPNG_SECTION;
}

static enum pcapng_block read_block(struct pcapng_reader *r, uint32_t type, struct content c,
				    union pcapng_content *out)
{
	switch (type) {
	case BLOCK_SECTION:
		return c.len < 16 ? bad(r, "a section header too short") : PCAPNG_SECTION;
	case BLOCK_INTERFACE:
		return c.len < 8 ? bad(r, "an interface block too short") : read_interface(r, c);
	case BLOCK_ENHANCED:
		if (c.len < 20)
			return bad(r, "a packet block too short");
		return read_enhanced(r, c, &out->packet);
	case BLOCK_SIMPLE:
		if (c.len < 4)
			return bad(r, "a packet block too short");
		return read_simple(r, c, &out->packet);
	case BLOCK_STATISTICS:
		if (c.len < 12)
			return bad(r, "a statistics block too short");
		return read_statistics(r, c, &out->statistics);
	default:
		return PCAPNG_END; /* of no interest */
	}
}

void pcapng_open(struct pcapng_reader *r, const void *data, size_t len)
{
	*r = (struct pcapng_reader){.data = data, .len = len};
}

void pcapng_close(struct pcapng_reader *r)
{
	free(r->interfaces);
	*r = (struct pcapng_reader){0};
}

enum pcapng_block pcapng_next(struct pcapng_reader *r, union pcapng_content *out)
{
	while (!r->error && r->pos < r->len) {
		enum pcapng_block kind;
		struct content c;
		size_t total;
		uint32_t type;

		if (r->len - r->pos < 12)
			return bad(r, "the file ends inside a block");
		type = get32(r, r->data + r->pos);
		if (block_content(r, type, &c, &total) == PCAPNG_BAD)
			return PCAPNG_BAD;
		kind = read_block(r, type, c, out);
		if (kind == PCAPNG_BAD)
			return kind;
		r->pos += total;
		if (kind != PCAPNG_END)
			return kind;
	}
	return r->error ? PCAPNG_BAD : PCAPNG_END;
}
