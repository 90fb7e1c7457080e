/* SPDX-License-Identifier: MIT */
/*
 * loop.h - one epoll loop with timers, for both programs.
 *
 * Callbacks run one at a time in the thread that called loop_run(). A source may be removed inside
 * any callback, its own included; events already fetched for a removed source are not delivered.
 * Timers follow clock_now(): whoever advances the clock does so in a callback or tells the process
 * over a descriptor, so the loop turns and looks again.
 */
#ifndef IGDLAB_LOOP_H
#define IGDLAB_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_source;

/** loop_fd_fn - @events are EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR as epoll gave them. */
typedef void loop_fd_fn(void *arg, int fd, uint32_t events);
typedef void loop_timer_fn(void *arg);

struct loop *loop_new(void);
void loop_free(struct loop *loop);
/** loop_watch() - call @fn when @fd is ready. The descriptor stays the caller's. */
struct loop_source *loop_watch(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn,
			       void *arg);
void loop_change(struct loop *loop, struct loop_source *source, uint32_t events);
/** loop_unwatch() - stop watching and free @source (NULL is fine); close the descriptor after it.
 */
void loop_unwatch(struct loop *loop, struct loop_source *source);
/** loop_forget() - the same for a descriptor that the caller closes right after it, and of which
 * there is no duplicate: the kernel drops it by itself, which saves a call. */
void loop_forget(struct loop *loop, struct loop_source *source);

/**
 * struct loop_timer - a timer inside its owner's struct; zero-initialised is unarmed
 * @due:	clock_now() at which it fires
 * @slot:	place in the heap plus 1; 0 = unarmed
 * @fn:		called once, the timer unarmed by then
 * @arg:	for @fn
 */
struct loop_timer {
	int64_t due;
	unsigned slot;
	loop_timer_fn *fn;
	void *arg;
};

/** loop_timer_arm() - fire at clock_now() >= @due; arming again moves it. */
void loop_timer_arm(struct loop *loop, struct loop_timer *timer, int64_t due, loop_timer_fn *fn,
		    void *arg);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);
/** loop_run() - until loop_stop(). Return: the value given there. */
int loop_run(struct loop *loop);
/** loop_step() - one turn: wait at most @wait_us (-1 = until an event), deliver, fire. */
void loop_step(struct loop *loop, int64_t wait_us);
void loop_stop(struct loop *loop, int value);

#endif
