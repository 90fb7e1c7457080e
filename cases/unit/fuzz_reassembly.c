/* SPDX-License-Identifier: MIT */
/*
 * fuzz_reassembly.c - segments of a stream whose every byte is known, in any order, with overlaps,
 * retransmissions that say something else, holes that are given up, and sequence numbers that wrap.
 *
 * What comes out must be the bytes of its place in the stream, each once, in order; marks must
 * cover all that is at hand.
 *
 * links: sim
 */
#include "fuzz.h"

#include "../../sim/reassembly.h"

#define ISN 0xffffff80u

/** struct model - what must come out: @place of the next byte in the stream */
struct model {
	struct reassembly r;
	uint64_t place;
	uint64_t packet;
};

/* The byte at a place. */
static char byte_at(uint64_t place)
{
	return (char)(place * 167 + (place >> 8) * 13);
}

static void take(struct model *m, size_t len)
{
	struct slice data = reassembly_data(&m->r);
	const struct reassembly_mark *marks;
	struct reassembly_span span;
	uint64_t position;
	size_t count;

	if (len > data.len)
		len = data.len;
	if (!len)
		return;
	span = reassembly_peek(&m->r, len);
	count = reassembly_marks(&m->r, len, &marks, &position);
	require(span.packets == count && count >= 1);
	require(marks[0].position <= position);
	require(marks[count - 1].position < position + len);
	for (size_t i = 1; i < count; i++)
		require(marks[i].position > marks[i - 1].position);
	for (size_t i = 0; i < len; i++)
		require(data.ptr[i] == byte_at(m->place + i));
	m->place += len;
	reassembly_consume(&m->r, len);
}

/* A hole: everything at hand is taken first, as the header asks. */
static void give_up(struct model *m)
{
	uint64_t lost = reassembly_hole(&m->r);

	take(m, SIZE_MAX);
	m->place += lost;
	if (lost)
		reassembly_skip(&m->r, lost);
}

static void segment(struct model *m, const uint8_t *op)
{
	char bytes[512];
	size_t len = op[2] * 2u;
	int64_t at = (int64_t)m->r.end + (int8_t)op[1] * 3;

	if (at < 0)
		at = 0;
	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_at((uint64_t)at + i);
	reassembly_segment(&m->r, ISN + (uint32_t)at, (struct slice){bytes, len}, op[0] & 0x80,
			   (int64_t)m->packet, m->packet);
	m->packet++;
	if (op[0] & 0x10)
		take(m, op[2] / 2u);
	reassembly_settle(&m->r);
	memset(bytes, '?', sizeof(bytes)); /* what was lent is gone */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct model m = {0};

	reassembly_start(&m.r, ISN);
	for (; len >= 3; data += 3, len -= 3) {
		uint64_t lost;

		if ((data[0] & 3) == 3)
			take(&m, data[1]);
		else if ((data[0] & 7) == 2)
			give_up(&m);
		else
			segment(&m, data);
		while (reassembly_crowded(&m.r) && (lost = reassembly_hole(&m.r)))
			give_up(&m);
		require(m.r.piece_count <= REASSEMBLY_PENDING_MAX);
	}
	take(&m, SIZE_MAX);
	require(!reassembly_data(&m.r).len);
	reassembly_free(&m.r);
	return 0;
}
