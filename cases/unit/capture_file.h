/* SPDX-License-Identifier: MIT */
/*
 * capture_file.h - captures for tests: packets of packets.h as a pcap or pcapng file in memory, in
 * every byte order, unit and link type.
 */
#ifndef CASES_UNIT_CAPTURE_FILE_H
#define CASES_UNIT_CAPTURE_FILE_H

#include "../../sim/pcapng.h"
#include "packets.h"

/**
 * struct capture_file - a file being written
 * @pcapng:	pcapng, else pcap
 * @swapped:	pcap in the other byte order
 * @nano:	pcap with nanoseconds
 * @link_type:	frames get that link's header
 * @vlans:	802.1Q tags before the EtherType
 * @snap:	0, or bytes that are kept of a frame
 * @packets:	so far
 * @again:	each comes from a second interface, too (FRAME_LINK_SLL2)
 */
struct capture_file {
	bool pcapng, swapped, nano;
	unsigned link_type, vlans;
	size_t snap;
	unsigned packets;
	bool again;
	struct buf bytes;
};

static inline void capture_u32(struct capture_file *f, uint32_t value)
{
	if (f->swapped)
		value = __builtin_bswap32(value);
	buf_add(&f->bytes, &value, sizeof(value));
}

static inline void capture_begin(struct capture_file *f)
{
	const uint32_t versions = 0x00040002; /* 2.4; as one word for brevity, nobody reads it */

	if (f->pcapng) {
		pcapng_write_section(&f->bytes, "test", NULL, NULL);
		pcapng_write_interface(&f->bytes, (uint16_t)f->link_type, "home", NULL);
		pcapng_write_interface(&f->bytes, (uint16_t)f->link_type, "internet", NULL);
		return;
	}
	capture_u32(f, f->nano ? 0xa1b23c4d : 0xa1b2c3d4);
	capture_u32(f, versions);
	capture_u32(f, 0);
	capture_u32(f, 0);
	capture_u32(f, 262144);
	capture_u32(f, f->link_type);
}

/* An Ethernet frame with IPv4 as one of the wanted link type. */
static inline void capture_wrap(const struct capture_file *f, struct slice frame, struct buf *out)
{
	static const char sll[16] = {0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 4, 0, 0, 8, 0};
	static const char sll2[20] = {8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2};
	static const char loop[4] = {0, 0, 0, 2}, null[4] = {2, 0, 0, 0};
	struct slice ip = {frame.ptr + 14, frame.len - 14};

	if (f->link_type == FRAME_LINK_ETHERNET) {
		buf_add(out, frame.ptr, 12);
		for (unsigned i = 0; i < f->vlans; i++)
			buf_add(out, i + 1 < f->vlans ? "\x88\xa8\0\7" : "\x81\0\0\7", 4);
		buf_add(out, "\x08", 2);
	} else if (f->link_type == FRAME_LINK_SLL) {
		buf_add(out, sll, sizeof(sll));
	} else if (f->link_type == FRAME_LINK_SLL2) {
		buf_add(out, sll2, sizeof(sll2));
	} else if (f->link_type == FRAME_LINK_LOOP) {
		buf_add(out, loop, sizeof(loop));
	} else if (f->link_type == FRAME_LINK_NULL) {
		buf_add(out, null, sizeof(null));
	}
	buf_add_slice(out, ip);
}

static inline void capture_write(struct capture_file *f, unsigned link, int64_t time_ns,
				 struct slice wrapped)
{
	size_t kept = f->snap && f->snap < wrapped.len ? f->snap : wrapped.len;

	f->packets++;
	if (f->pcapng) {
		pcapng_write_packet(&f->bytes, &(struct pcapng_packet){
						       .interface = link,
						       .time_ns = time_ns,
						       .original_len = (uint32_t)wrapped.len,
						       .data = {wrapped.ptr, kept},
					       });
	} else {
		capture_u32(f, (uint32_t)(time_ns / 1000000000));
		capture_u32(f, (uint32_t)(time_ns % 1000000000 / (f->nano ? 1 : 1000)));
		capture_u32(f, (uint32_t)kept);
		capture_u32(f, (uint32_t)wrapped.len);
		buf_add(&f->bytes, wrapped.ptr, kept);
	}
}

/* For wire.sink, with the file as wire.arg. */
static inline void capture_sink(void *arg, unsigned link, int64_t time_ns, struct slice frame)
{
	struct capture_file *f = arg;
	struct buf wrapped = {0};

	capture_wrap(f, frame, &wrapped);
	capture_write(f, link, time_ns, buf_slice(&wrapped));
	if (f->again) {
		wrapped.data[7]++; /* index of the interface */
		capture_write(f, link, time_ns + 20000, buf_slice(&wrapped));
	}
	buf_free(&wrapped);
}

#endif
