/* SPDX-License-Identifier: MIT */
/*
 * fuzz_pcapng.c - any bytes as a pcapng file.
 *
 * links: sim
 */
#include "../../sim/pcapng.h"

#include <stdlib.h>

static bool inside(struct slice s, const uint8_t *data, size_t size)
{
	const uint8_t *at = (const uint8_t *)s.ptr;

	return !at || (at >= data && at <= data + size && s.len <= (size_t)(data + size - at));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pcapng_reader r;
	union pcapng_content content;
	enum pcapng_block block;
	size_t last = 0;

	pcapng_open(&r, data, size);
	while ((block = pcapng_next(&r, &content)) > PCAPNG_BAD) {
		if (r.pos <= last || r.pos > size)
			abort(); /* no progress, or too much */
		last = r.pos;
		if (block == PCAPNG_PACKET &&
		    (!inside(content.packet.data, data, size) ||
		     !inside(content.packet.comment, data, size) || content.packet.time_ns < 0 ||
		     content.packet.interface >= r.count))
			abort();
		if (block == PCAPNG_STATISTICS && content.statistics.interface >= r.count)
			abort();
	}
	if (block == PCAPNG_BAD && !r.error)
		abort();
	pcapng_close(&r);
	return 0;
}
