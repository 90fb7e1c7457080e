/* SPDX-License-Identifier: MIT */
/* loop.c - one epoll loop with timers (see loop.h). */
#include "loop.h"

#include "clock.h"
#include "mem.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define LOOP_BATCH 64

struct loop_source {
	int fd;
	loop_fd_fn *fn; /* NULL: removed, freed at the end of the turn */
	void *arg;
	struct loop_source *next_dead;
};

struct loop {
	int epoll;
	bool stopped;
	int value;
	struct loop_timer **heap;
	unsigned timers;
	unsigned timers_cap;
	struct loop_source *dead;
};

struct loop *loop_new(void)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));

	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0)
		abort();
	return loop;
}

static void bury(struct loop *loop)
{
	while (loop->dead) {
		struct loop_source *source = loop->dead;

		loop->dead = source->next_dead;
		free(source);
	}
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	bury(loop);
	close(loop->epoll);
	free(loop->heap);
	free(loop);
}

struct loop_source *loop_watch(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn,
			       void *arg)
{
	struct loop_source *source = xcalloc(1, sizeof(*source));
	struct epoll_event event = {.events = events, .data.ptr = source};

	source->fd = fd;
	source->fn = fn;
	source->arg = arg;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		free(source);
		return NULL;
	}
	return source;
}

void loop_change(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	epoll_ctl(loop->epoll, EPOLL_CTL_MOD, source->fd, &event);
}

void loop_forget(struct loop *loop, struct loop_source *source)
{
	if (!source)
		return;
	source->fn = NULL;
	source->next_dead = loop->dead;
	loop->dead = source;
}

void loop_unwatch(struct loop *loop, struct loop_source *source)
{
	if (source)
		epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	loop_forget(loop, source);
}

static void heap_put(struct loop *loop, unsigned at, struct loop_timer *timer)
{
	loop->heap[at] = timer;
	timer->slot = at + 1;
}

static void heap_up(struct loop *loop, unsigned at, struct loop_timer *timer)
{
	while (at && loop->heap[(at - 1) / 2]->due > timer->due) {
		heap_put(loop, at, loop->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_put(loop, at, timer);
}

static void heap_down(struct loop *loop, unsigned at, struct loop_timer *timer)
{
	for (;;) {
		unsigned child = 2 * at + 1;

		if (child >= loop->timers)
			break;
		if (child + 1 < loop->timers && loop->heap[child + 1]->due < loop->heap[child]->due)
			child++;
		if (loop->heap[child]->due >= timer->due)
			break;
		heap_put(loop, at, loop->heap[child]);
		at = child;
	}
	heap_put(loop, at, timer);
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	unsigned at = timer->slot - 1;
	struct loop_timer *last;

	if (!timer->slot)
		return;
	timer->slot = 0;
	last = loop->heap[--loop->timers];
	if (last == timer)
		return;
	if (at && loop->heap[(at - 1) / 2]->due > last->due)
		heap_up(loop, at, last);
	else
		heap_down(loop, at, last);
}

void loop_timer_arm(struct loop *loop, struct loop_timer *timer, int64_t due, loop_timer_fn *fn,
		    void *arg)
{
	loop_timer_cancel(loop, timer);
	timer->due = due;
	timer->fn = fn;
	timer->arg = arg;
	if (loop->timers == loop->timers_cap) {
		loop->timers_cap = loop->timers_cap ? 2 * loop->timers_cap : 16;
		loop->heap = xrealloc(loop->heap, loop->timers_cap * sizeof(*loop->heap));
	}
	loop->timers++;
	heap_up(loop, loop->timers - 1, timer);
}

static void fire_timers(struct loop *loop)
{
	int64_t now = clock_now();

	while (loop->timers && loop->heap[0]->due <= now && !loop->stopped) {
		struct loop_timer *timer = loop->heap[0];

		loop_timer_cancel(loop, timer);
		timer->fn(timer->arg);
	}
}

/* Milliseconds that epoll may wait: rounded up, so that a timer is due when it returns. */
static int wait_ms(const struct loop *loop, int64_t wait_us)
{
	if (loop->timers) {
		int64_t left = loop->heap[0]->due - clock_now();

		left = left < 0 ? 0 : left;
		if (wait_us < 0 || left < wait_us)
			wait_us = left;
	}
	if (wait_us < 0)
		return -1;
	return wait_us > INT64_C(3600000000) ? 3600000 : (int)((wait_us + 999) / 1000);
}

void loop_step(struct loop *loop, int64_t wait_us)
{
	struct epoll_event events[LOOP_BATCH];
	int count;

	loop->stopped = false;
	count = epoll_wait(loop->epoll, events, LOOP_BATCH, wait_ms(loop, wait_us));
	for (int i = 0; i < count; i++) {
		struct loop_source *source = events[i].data.ptr;

		if (source->fn)
			source->fn(source->arg, source->fd, events[i].events);
	}
	fire_timers(loop);
	bury(loop);
}

int loop_run(struct loop *loop)
{
	do
		loop_step(loop, -1);
	while (!loop->stopped);
	return loop->value;
}

void loop_stop(struct loop *loop, int value)
{
	loop->stopped = true;
	loop->value = value;
}
