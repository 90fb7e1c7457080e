/* SPDX-License-Identifier: MIT */
/*
 * reassembly.c - one direction of a TCP connection, put together again from segments.
 *
 * Theory of operation
 *
 * Sequence numbers become 64-bit stream offsets at the door: the distance to the next expected
 * number, taken as signed 32 bits (RFC 9293 clause 3.4), is added to the offset expected. All else
 * is plain arithmetic. Bytes below the offset expected are retransmissions and dropped; bytes at it
 * are appended; bytes above it wait as pieces, sorted and cut so that they never overlap: the first
 * copy of a byte is the one that stays, as in most receivers.
 *
 * A hole is closed by its segment, or given up: because too much waits behind it, because the other
 * side acknowledged what this capture has not got, or because the connection is over. Giving up is
 * the caller's decision, who must note the loss in what it decodes.
 *
 * A segment that comes in order while nothing else is at hand is not copied: its bytes are lent out
 * where they are, and what nobody consumed is copied when reassembly_settle() says that they go.
 *
 * Memory: the bytes not consumed plus a mark per segment, and at most REASSEMBLY_PENDING_* behind a
 * hole.
 */
#include "reassembly.h"

#include "../fakeigd/base/mem.h"

#include <stdlib.h>

#define DATA_IDLE_BYTES 4096 /* an empty buffer that is larger goes: most connections are idle */

/* Stream offset of a sequence number near r->end; may be negative (before the start). */
static int64_t offset_of(const struct reassembly *r, uint32_t seq)
{
	uint32_t expected = r->isn + (uint32_t)r->end;

	return (int64_t)r->end + (int32_t)(seq - expected);
}

void reassembly_start(struct reassembly *r, uint32_t seq)
{
	r->started = true;
	r->isn = seq;
}

static void add_mark(struct reassembly *r, int64_t time_ns, uint64_t packet)
{
	if (r->mark_first + r->mark_count == r->mark_cap) {
		if (r->mark_first > r->mark_count) {
			memmove(r->marks, r->marks + r->mark_first,
				r->mark_count * sizeof(*r->marks));
			r->mark_first = 0;
		} else {
			r->mark_cap = r->mark_cap ? r->mark_cap * 2 : 4;
			r->marks = xrealloc(r->marks, r->mark_cap * sizeof(*r->marks));
		}
	}
	r->marks[r->mark_first + r->mark_count++] =
		(struct reassembly_mark){r->delivered, time_ns, packet};
}

/* @lent: the bytes stay until reassembly_settle(). */
static void deliver(struct reassembly *r, struct slice bytes, bool lent, int64_t time_ns,
		    uint64_t packet)
{
	if (!bytes.len)
		return;
	add_mark(r, time_ns, packet);
	if (lent && !r->view.len && r->head == r->data.len) {
		r->view = bytes;
	} else {
		reassembly_settle(r);
		buf_add_slice(&r->data, bytes);
	}
	r->delivered += bytes.len;
	r->end += bytes.len;
}

void reassembly_settle(struct reassembly *r)
{
	if (r->view.len)
		buf_add_slice(&r->data, r->view);
	r->view = (struct slice){0};
}

static void insert_piece(struct reassembly *r, size_t at, uint64_t offset, struct slice bytes,
			 int64_t time_ns, uint64_t packet)
{
	if (r->piece_count == r->piece_cap) {
		r->piece_cap = r->piece_cap ? r->piece_cap * 2 : 4;
		r->pieces = xrealloc(r->pieces, r->piece_cap * sizeof(*r->pieces));
	}
	memmove(r->pieces + at + 1, r->pieces + at, (r->piece_count - at) * sizeof(*r->pieces));
	r->pieces[at] = (struct reassembly_piece){
		.offset = offset,
		.len = bytes.len,
		.bytes = memcpy(xmalloc(bytes.len), bytes.ptr, bytes.len),
		.time_ns = time_ns,
		.packet = packet,
	};
	r->piece_count++;
	r->piece_bytes += bytes.len;
}

/* Keeps those bytes of a segment behind the hole that no piece has yet. */
static void keep_piece(struct reassembly *r, uint64_t offset, struct slice bytes, int64_t time_ns,
		       uint64_t packet)
{
	size_t i = 0;

	/* Segments mostly come in order: look from the end for the place. */
	for (i = r->piece_count; i > 0 && r->pieces[i - 1].offset + r->pieces[i - 1].len > offset;)
		i--;
	while (bytes.len) {
		const struct reassembly_piece *p = i < r->piece_count ? &r->pieces[i] : NULL;
		size_t part = bytes.len;

		if (p && p->offset <= offset) {
			/* p covers the first bytes */
			uint64_t covered = p->offset + p->len - offset;

			part = covered < bytes.len ? (size_t)covered : bytes.len;
		} else {
			if (p && p->offset - offset < bytes.len)
				part = (size_t)(p->offset - offset);
			insert_piece(r, i, offset, (struct slice){bytes.ptr, part}, time_ns,
				     packet);
		}
		i++;
		offset += part;
		bytes.ptr += part;
		bytes.len -= part;
	}
}

/* Appends the pieces that the offset expected has reached. */
static void deliver_pieces(struct reassembly *r)
{
	size_t done = 0;

	for (; done < r->piece_count && r->pieces[done].offset <= r->end; done++) {
		struct reassembly_piece *p = &r->pieces[done];
		uint64_t old = r->end - p->offset;

		if (old < p->len)
			deliver(r, (struct slice){p->bytes + old, p->len - (size_t)old}, false,
				p->time_ns, p->packet);
		r->piece_bytes -= p->len;
		free(p->bytes);
	}
	if (!done)
		return;
	r->piece_count -= done;
	memmove(r->pieces, r->pieces + done, r->piece_count * sizeof(*r->pieces));
}

bool reassembly_segment(struct reassembly *r, uint32_t seq, struct slice payload, bool fin,
			int64_t time_ns, uint64_t packet)
{
	uint64_t before = r->end;
	bool was_finished = reassembly_finished(r);
	int64_t offset;

	if (!r->started)
		reassembly_start(r, seq);
	offset = offset_of(r, seq);
	if (fin && !r->fin && offset + (int64_t)payload.len >= (int64_t)r->end) {
		r->fin = true;
		r->fin_offset = (uint64_t)offset + payload.len;
	}
	if (offset < (int64_t)r->end) {
		uint64_t old = (uint64_t)((int64_t)r->end - offset);

		if (old >= payload.len)
			return reassembly_finished(r) != was_finished;
		payload.ptr += old;
		payload.len -= (size_t)old;
		offset = (int64_t)r->end;
	}
	if ((uint64_t)offset == r->end && !(r->piece_count && payload.len)) {
		deliver(r, payload, true, time_ns, packet);
	} else {
		keep_piece(r, (uint64_t)offset, payload, time_ns, packet);
		deliver_pieces(r);
	}
	return r->end != before || reassembly_finished(r) != was_finished;
}

bool reassembly_crowded(const struct reassembly *r)
{
	return r->piece_count >= REASSEMBLY_PENDING_MAX ||
	       r->piece_bytes >= REASSEMBLY_PENDING_BYTES;
}

/* Bytes missing before the next piece, or before @limit. */
static uint64_t hole_before(const struct reassembly *r, uint64_t limit)
{
	if (r->piece_count && r->pieces[0].offset < limit)
		limit = r->pieces[0].offset;
	return limit > r->end ? limit - r->end : 0;
}

uint64_t reassembly_hole(const struct reassembly *r)
{
	if (r->piece_count)
		return hole_before(r, UINT64_MAX);
	return r->fin ? hole_before(r, r->fin_offset) : 0;
}

uint64_t reassembly_acked_hole(const struct reassembly *r, uint32_t ack)
{
	int64_t acked;

	if (!r->started)
		return 0;
	acked = offset_of(r, ack);
	if (r->fin && acked > (int64_t)r->fin_offset)
		acked = (int64_t)r->fin_offset;
	/* One more than we have and nothing behind it: a FIN that was not captured. */
	if (acked <= 0 || ((uint64_t)acked == r->end + 1 && !r->piece_count && !r->fin))
		return 0;
	return hole_before(r, (uint64_t)acked);
}

void reassembly_skip(struct reassembly *r, uint64_t lost)
{
	r->end += lost;
	deliver_pieces(r);
}

struct slice reassembly_data(const struct reassembly *r)
{
	if (r->view.len)
		return r->view;
	if (!r->data.data)
		return (struct slice){"", 0};
	return (struct slice){r->data.data + r->head, r->data.len - r->head};
}

size_t reassembly_marks(const struct reassembly *r, size_t len,
			const struct reassembly_mark **first, uint64_t *position)
{
	const struct reassembly_mark *m = r->marks + r->mark_first;
	size_t count = 1;

	*position = r->delivered - reassembly_data(r).len;
	while (count < r->mark_count && m[count].position < *position + len)
		count++;
	*first = m;
	return count;
}

struct reassembly_span reassembly_peek(const struct reassembly *r, size_t len)
{
	const struct reassembly_mark *m;
	uint64_t position;
	size_t count = reassembly_marks(r, len, &m, &position);

	return (struct reassembly_span){
		.first_ns = m->time_ns,
		.last_ns = m[count - 1].time_ns,
		.first_packet = m->packet,
		.last_packet = m[count - 1].packet,
		.packets = (unsigned)count,
	};
}

void reassembly_consume(struct reassembly *r, size_t len)
{
	uint64_t left;

	if (r->view.len) {
		r->view.ptr += len;
		r->view.len -= len;
	} else {
		r->head += len;
	}
	left = r->delivered - reassembly_data(r).len;
	/* A mark goes when the next one begins at or before the first byte left. */
	while (r->mark_count > 1 && r->marks[r->mark_first + 1].position <= left) {
		r->mark_first++;
		r->mark_count--;
	}
	if (left == r->delivered) {
		if (r->data.cap > DATA_IDLE_BYTES)
			buf_free(&r->data);
		else
			buf_reset(&r->data);
		r->head = 0;
		r->mark_first = 0;
		r->mark_count = 0;
	} else if (r->head > r->data.len / 2) {
		buf_consume(&r->data, r->head);
		r->head = 0;
	}
}

bool reassembly_finished(const struct reassembly *r)
{
	return r->fin && r->end >= r->fin_offset;
}

void reassembly_free(struct reassembly *r)
{
	for (size_t i = 0; i < r->piece_count; i++)
		free(r->pieces[i].bytes);
	free(r->pieces);
	free(r->marks);
	buf_free(&r->data);
	*r = (struct reassembly){0};
}
