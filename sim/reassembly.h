/* SPDX-License-Identifier: MIT */
/* reassembly.h - one direction of a TCP connection, put together again from segments. Pure. */
#ifndef SIM_REASSEMBLY_H
#define SIM_REASSEMBLY_H

#include "../fakeigd/base/buf.h"

#define REASSEMBLY_PENDING_MAX	 256	   /* segments waiting behind a hole */
#define REASSEMBLY_PENDING_BYTES (1 << 20) /* and their bytes */

/** struct reassembly_mark - delivered bytes from number @position on came with packet @packet */
struct reassembly_mark {
	uint64_t position;
	int64_t time_ns;
	uint64_t packet;
};

/** struct reassembly_piece - a segment behind a hole: copied bytes at a stream offset */
struct reassembly_piece {
	uint64_t offset;
	size_t len;
	char *bytes;
	int64_t time_ns;
	uint64_t packet;
};

/**
 * struct reassembly - state of one direction; zero-initialised to begin, reassembly_free() at last
 * @started:	the sequence number of offset 0 is known
 * @isn:	that number
 * @end:	stream offset up to which the bytes are known without a hole
 * @delivered:	bytes that went to @data so far (holes given up count in @end and not here)
 * @view:	the bytes before @end that were not consumed, in the caller's segment; or, if empty,
 * @data, @head: they begin at data.data + head
 * @marks, @mark_first, @mark_count, @mark_cap: which packet brought them
 * @pieces, @piece_count, @piece_cap, @piece_bytes: what waits behind a hole, in order, without
 * overlap
 * @fin, @fin_offset: FIN was seen, at that offset
 */
struct reassembly {
	bool started;
	uint32_t isn;
	uint64_t end;
	uint64_t delivered;
	struct slice view;
	struct buf data;
	size_t head;
	struct reassembly_mark *marks;
	size_t mark_first, mark_count, mark_cap;
	struct reassembly_piece *pieces;
	size_t piece_count, piece_cap;
	size_t piece_bytes;
	bool fin;
	uint64_t fin_offset;
};

/** struct reassembly_span - the packets that brought some bytes */
struct reassembly_span {
	int64_t first_ns, last_ns;
	uint64_t first_packet, last_packet;
	unsigned packets;
};

/** reassembly_start() - offset 0 has sequence number @seq (a SYN's plus one). */
void reassembly_start(struct reassembly *r, uint32_t seq);
/**
 * reassembly_segment() - a segment, in whatever order
 * @payload:	to stay until reassembly_settle(): one that comes in order is not copied before
 * @fin:	it carries FIN
 *
 * Of bytes that come twice the first copy stays. A first segment without a start before it starts
 * there. Return: whether bytes arrived at reassembly_data() or its end became known.
 */
bool reassembly_segment(struct reassembly *r, uint32_t seq, struct slice payload, bool fin,
			int64_t time_ns, uint64_t packet);
/** reassembly_crowded() - more waits behind the hole than is sensible: give it up. */
bool reassembly_crowded(const struct reassembly *r);
/** reassembly_hole() - bytes missing before what is known next, 0 = nothing is. */
uint64_t reassembly_hole(const struct reassembly *r);
/**
 * reassembly_acked_hole() - bytes missing that the receiver acknowledged with @ack
 *
 * So the capture lost them; a FIN's number is no byte. Return: 0 = none.
 */
uint64_t reassembly_acked_hole(const struct reassembly *r, uint32_t ack);
/**
 * reassembly_skip() - give the first @lost bytes of a hole up: what is known behind them comes next
 *
 * Deal with reassembly_data() before: the two run together.
 */
void reassembly_skip(struct reassembly *r, uint64_t lost);
/** reassembly_data() - the bytes at hand, in order. */
struct slice reassembly_data(const struct reassembly *r);
/** reassembly_settle() - the payload of the last segment goes: copy what was not consumed. */
void reassembly_settle(struct reassembly *r);
/**
 * reassembly_marks() - which packets brought the first @len bytes (1 to all) at hand, each with the
 * number of its first byte
 * @first:	the first; its bytes may begin before those at hand
 * @position:	number of the first byte at hand
 *
 * Return: how many.
 */
size_t reassembly_marks(const struct reassembly *r, size_t len,
			const struct reassembly_mark **first, uint64_t *position);
/** reassembly_peek() - which packets brought the first @len bytes (1 to all) at hand. */
struct reassembly_span reassembly_peek(const struct reassembly *r, size_t len);
/** reassembly_consume() - drop the first @len bytes at hand. */
void reassembly_consume(struct reassembly *r, size_t len);
/** reassembly_finished() - FIN, and all bytes before it came (or were given up). */
bool reassembly_finished(const struct reassembly *r);
void reassembly_free(struct reassembly *r);

#endif
