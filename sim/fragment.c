/* SPDX-License-Identifier: MIT */
/*
 * fragment.c - IP packets put together again from their fragments.
 *
 * Theory of operation
 *
 * Fragments of one packet have its link, addresses, identification and, with IPv4, its protocol in
 * common (RFC 791 clause 3.2, RFC 8200 clause 4.5). They may come in any order. The pieces of a
 * packet are kept sorted; a piece that overlaps another one makes the whole packet suspect and
 * drops it (RFC 5722), except that an exact repetition is a duplicate of the capture and ignored. A
 * dropped packet stays known until its time is over, so that its other pieces do not begin it anew.
 *
 * Limits: FRAGMENT_*. Time is the capture's.
 */
#include "fragment.h"

#include "../fakeigd/base/buf.h"
#include "../fakeigd/base/mem.h"

#include <stdlib.h>

/** struct piece - @len bytes of a packet's payload at @offset, kept at @at of its bytes */
struct piece {
	uint32_t offset;
	uint32_t len;
	size_t at;
};

/**
 * struct incomplete - a packet of which something is missing
 * @used:	this slot is in use
 * @dropped:	its fragments contradicted each other: it will not be completed
 * @link, @first_ns: where and since when
 * @frame:	of the fragment at offset 0, else of any: addresses, protocol
 * @pieces:	sorted, without overlap
 * @bytes:	of them, as they came
 * @have:	sum of their lengths
 * @total:	length of the whole, 0 = the last one was not seen
 */
struct incomplete {
	bool used;
	bool dropped;
	unsigned link;
	int64_t first_ns;
	struct frame frame;
	struct piece *pieces;
	size_t count, cap;
	struct buf bytes;
	uint32_t have, total;
};

struct fragments {
	struct incomplete packets[FRAGMENT_PACKETS_MAX];
	struct buf whole;
};

struct fragments *fragments_new(void)
{
	return xcalloc(1, sizeof(struct fragments));
}

static void release(struct incomplete *p)
{
	free(p->pieces);
	buf_free(&p->bytes);
	*p = (struct incomplete){0};
}

void fragments_free(struct fragments *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < FRAGMENT_PACKETS_MAX; i++)
		release(&f->packets[i]);
	buf_free(&f->whole);
	free(f);
}

static bool belongs(const struct incomplete *p, unsigned link, const struct frame *frame)
{
	return p->used && p->link == link && p->frame.family == frame->family &&
	       p->frame.fragment_id == frame->fragment_id &&
	       (frame->family == AF_INET6 || p->frame.protocol == frame->protocol) &&
	       memcmp(p->frame.src, frame->src, sizeof(frame->src)) == 0 &&
	       memcmp(p->frame.dst, frame->dst, sizeof(frame->dst)) == 0;
}

/* The packet that a fragment is of; a new one takes a free slot or that of the oldest. */
static struct incomplete *find(struct fragments *f, unsigned link, int64_t time_ns,
			       const struct frame *frame)
{
	struct incomplete *slot = NULL;

	for (size_t i = 0; i < FRAGMENT_PACKETS_MAX; i++) {
		struct incomplete *p = &f->packets[i];

		if (p->used && time_ns - p->first_ns > FRAGMENT_TIMEOUT_NS)
			release(p);
		if (belongs(p, link, frame))
			return p;
		if (!slot || (slot->used && (!p->used || p->first_ns < slot->first_ns)))
			slot = p;
	}
	release(slot);
	slot->used = true;
	slot->link = link;
	slot->first_ns = time_ns;
	slot->frame = *frame;
	return slot;
}

enum add_result { ADDED, DUPLICATE, CONTRADICTION };

/* Puts a piece in its place. */
static enum add_result add_piece(struct incomplete *p, const struct frame *frame)
{
	uint32_t offset = frame->fragment_offset, len = (uint32_t)frame->payload.len;
	size_t i = p->count;

	while (i && p->pieces[i - 1].offset >= offset)
		i--;
	if (i < p->count && p->pieces[i].offset == offset && p->pieces[i].len == len)
		return DUPLICATE;
	if ((i && p->pieces[i - 1].offset + p->pieces[i - 1].len > offset) ||
	    (i < p->count && offset + len > p->pieces[i].offset))
		return CONTRADICTION;
	if (p->count == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 8;
		p->pieces = xrealloc(p->pieces, p->cap * sizeof(*p->pieces));
	}
	memmove(p->pieces + i + 1, p->pieces + i, (p->count - i) * sizeof(*p->pieces));
	p->pieces[i] = (struct piece){offset, len, p->bytes.len};
	p->count++;
	buf_add_slice(&p->bytes, frame->payload);
	p->have += len;
	return ADDED;
}

/* Whether a fragment agrees with the length that the last one states. */
static bool fits(struct incomplete *p, const struct frame *frame)
{
	uint32_t end = frame->fragment_offset + (uint32_t)frame->payload.len;

	if (!frame->payload.len || end > FRAGMENT_BYTES_MAX || frame->missing)
		return false;
	if (frame->fragment_more)
		return frame->payload.len % 8 == 0 && (!p->total || end <= p->total);
	if (p->total && p->total != end)
		return false;
	p->total = end;
	return !p->count || p->pieces[p->count - 1].offset + p->pieces[p->count - 1].len <= end;
}

static enum frame_error join(struct fragments *f, struct incomplete *p, struct frame *frame)
{
	buf_reset(&f->whole);
	for (size_t i = 0; i < p->count; i++)
		buf_add(&f->whole, p->bytes.data + p->pieces[i].at, p->pieces[i].len);
	*frame = p->frame;
	release(p);
	return frame_parse_joined(frame, buf_slice(&f->whole));
}

enum frame_error fragments_add(struct fragments *f, unsigned link, int64_t time_ns,
			       struct frame *frame)
{
	struct incomplete *p = find(f, link, time_ns, frame);
	enum add_result result = CONTRADICTION;

	if (p->dropped)
		return FRAME_BAD_HEADER;
	if (fits(p, frame))
		result = add_piece(p, frame);
	if (result == CONTRADICTION) {
		buf_free(&p->bytes);
		p->count = 0;
		p->dropped = true;
		return FRAME_BAD_HEADER;
	}
	if (!frame->fragment_offset)
		p->frame = *frame;
	if (!p->total || p->have < p->total)
		return FRAME_FRAGMENT;
	return join(f, p, frame);
}
