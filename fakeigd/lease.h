/* SPDX-License-Identifier: MIT */
/* lease.h - things that end at a moment of the lab's clock: a heap behind one loop timer. */
#ifndef FAKEIGD_LEASE_H
#define FAKEIGD_LEASE_H

#include "base/loop.h"

#include <stddef.h>

/**
 * struct lease - inside whatever ends; zero-initialised never ends
 * @ends:	clock_now() at which it ends
 * @place:	place in the heap plus 1; 0 = not in it
 */
struct lease {
	int64_t ends;
	uint32_t place;
};

/**
 * struct lease_heap - all leases of one owner
 * @expired:	called when at least one is over; takes them with lease_heap_take()
 */
struct lease_heap {
	struct loop *loop;
	struct lease **items;
	uint32_t count, cap;
	struct loop_timer timer;
	loop_timer_fn *expired;
	void *arg;
};

/** lease_heap_init() - an empty one; @expired is called with @arg when the earliest lease ends. */
void lease_heap_init(struct lease_heap *h, struct loop *loop, loop_timer_fn *expired, void *arg);
/** lease_heap_free() - forget all; the leases themselves are not touched. */
void lease_heap_free(struct lease_heap *h);
/** lease_heap_set() - @lease ends at @ends, INT64_MAX = never; setting it again moves it. */
void lease_heap_set(struct lease_heap *h, struct lease *lease, int64_t ends);
void lease_heap_cancel(struct lease_heap *h, struct lease *lease);
/** lease_heap_take() - take out a lease that is over, the earliest first; NULL when none is. */
struct lease *lease_heap_take(struct lease_heap *h);

#endif
