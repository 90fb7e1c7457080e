/* SPDX-License-Identifier: MIT */
/*
 * pcap.c - reading pcap files.
 *
 * Theory of operation
 *
 * A head of 24 bytes: magic, version, two unused fields, snap length, link type; then records: time
 * in seconds and a fraction, captured and original length, bytes. The magic says the byte order of
 * everything and the unit of the fraction. The upper bits of the link type hold what is known of a
 * frame check sequence and are cut off. One variant (magic a1b2cd34) has longer record heads.
 *
 * libpcap reads the same files, through a buffered stream and a copy per packet; from a mapped file
 * a record is three loads, and a damaged one can be told with its place.
 */
#include "pcap.h"

#define HEAD_LEN      24
#define MAGIC_MICRO   0xa1b2c3d4u
#define MAGIC_NANO    0xa1b23c4du
#define MAGIC_PATCHED 0xa1b2cd34u
#define LINK_MASK     0x03ffffffu /* above: frame check sequence */

static uint32_t get32(const struct pcap_reader *r, size_t at)
{
	uint32_t value;

	memcpy(&value, r->data + at, sizeof(value));
	return r->swapped ? __builtin_bswap32(value) : value;
}

/* Sets byte order and units by the magic. */
static bool read_magic(struct pcap_reader *r)
{
	if (r->len < 4)
		return false;
	for (int i = 0; i < 2; i++) {
		uint32_t magic;

		r->swapped = i;
		magic = get32(r, 0);
		r->tick_ns = magic == MAGIC_NANO ? 1 : 1000;
		r->record_len = magic == MAGIC_PATCHED ? 24 : 16;
		if (magic == MAGIC_MICRO || magic == MAGIC_NANO || magic == MAGIC_PATCHED)
			return true;
	}
	return false;
}

bool pcap_is(struct slice file)
{
	struct pcap_reader r = {.data = (const uint8_t *)file.ptr, .len = file.len};

	return read_magic(&r);
}

bool pcap_open_file(struct pcap_reader *r, struct slice file)
{
	*r = (struct pcap_reader){.data = (const uint8_t *)file.ptr, .len = file.len};
	if (!read_magic(r))
		r->error = "not a pcap file";
	else if (r->len < HEAD_LEN)
		r->error = "the file ends inside its head";
	if (r->error)
		return false;
	r->link_type = get32(r, 20) & LINK_MASK;
	r->pos = HEAD_LEN;
	return true;
}

enum pcap_result pcap_next_packet(struct pcap_reader *r, struct pcap_packet *out)
{
	uint32_t len;

	if (r->error)
		return PCAP_BAD;
	if (r->pos == r->len)
		return PCAP_END;
	if (r->len - r->pos < r->record_len) {
		r->error = "the file ends inside a packet's head";
		return PCAP_BAD;
	}
	len = get32(r, r->pos + 8);
	if (len > PCAP_PACKET_MAX)
		r->error = "a packet of impossible length";
	else if (len > r->len - r->pos - r->record_len)
		r->error = "the file ends inside a packet";
	if (r->error)
		return PCAP_BAD;
	out->time_ns =
		(int64_t)get32(r, r->pos) * 1000000000 + (int64_t)get32(r, r->pos + 4) * r->tick_ns;
	out->original_len = get32(r, r->pos + 12);
	out->data = (struct slice){(const char *)r->data + r->pos + r->record_len, len};
	r->pos += r->record_len + len;
	return PCAP_PACKET;
}
