/* SPDX-License-Identifier: MIT */
/*
 * lease.c - things that end at a moment of the lab's clock.
 *
 * A binary heap of pointers, earliest first, and one loop timer set to its top. Setting, moving and
 * cancelling cost O(log n), so 60,000 leases are as cheap to refresh as one.
 */
#include "lease.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>

void lease_heap_init(struct lease_heap *h, struct loop *loop, loop_timer_fn *expired, void *arg)
{
	*h = (struct lease_heap){.loop = loop, .expired = expired, .arg = arg};
}

void lease_heap_free(struct lease_heap *h)
{
	loop_timer_cancel(h->loop, &h->timer);
	free(h->items);
	h->items = NULL;
	h->count = h->cap = 0;
}

static void place(struct lease_heap *h, uint32_t at, struct lease *lease)
{
	h->items[at] = lease;
	lease->place = at + 1;
}

static void sift_up(struct lease_heap *h, uint32_t at, struct lease *lease)
{
	while (at && h->items[(at - 1) / 2]->ends > lease->ends) {
		place(h, at, h->items[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(h, at, lease);
}

static void sift_down(struct lease_heap *h, uint32_t at, struct lease *lease)
{
	uint32_t child;

	while ((child = 2 * at + 1) < h->count) {
		if (child + 1 < h->count && h->items[child + 1]->ends < h->items[child]->ends)
			child++;
		if (h->items[child]->ends >= lease->ends)
			break;
		place(h, at, h->items[child]);
		at = child;
	}
	place(h, at, lease);
}

static void rearm(struct lease_heap *h)
{
	if (!h->count)
		loop_timer_cancel(h->loop, &h->timer);
	else if (!h->timer.slot || h->timer.due != h->items[0]->ends)
		loop_timer_arm(h->loop, &h->timer, h->items[0]->ends, h->expired, h->arg);
}

static void take_out(struct lease_heap *h, struct lease *lease)
{
	uint32_t at = lease->place - 1;
	struct lease *last;

	if (!lease->place)
		return;
	lease->place = 0;
	last = h->items[--h->count];
	if (last == lease)
		return;
	if (at && h->items[(at - 1) / 2]->ends > last->ends)
		sift_up(h, at, last);
	else
		sift_down(h, at, last);
}

void lease_heap_cancel(struct lease_heap *h, struct lease *lease)
{
	take_out(h, lease);
	rearm(h);
}

void lease_heap_set(struct lease_heap *h, struct lease *lease, int64_t ends)
{
	take_out(h, lease);
	lease->ends = ends;
	if (ends != INT64_MAX) {
		if (h->count == h->cap) {
			h->cap = h->cap ? 2 * h->cap : 16;
			h->items = xrealloc(h->items, h->cap * sizeof(struct lease *));
		}
		h->count++;
		sift_up(h, h->count - 1, lease);
	}
	rearm(h);
}

struct lease *lease_heap_take(struct lease_heap *h)
{
	struct lease *first = h->count ? h->items[0] : NULL;

	if (!first || first->ends > clock_now()) {
		rearm(h);
		return NULL;
	}
	take_out(h, first);
	return first;
}
