/* SPDX-License-Identifier: MIT */
/*
 * test_loop.c - descriptors and timers of the loop: order, and removal at every awkward moment.
 *
 * Time passes by clock_advance(), never by waiting.
 */
#include "../../fakeigd/base/loop.h"

#include "../../fakeigd/base/buf.h"
#include "../../fakeigd/base/clock.h"

#include "unit.h"

#include <sys/epoll.h>
#include <unistd.h>

/**
 * struct probe - a timer or descriptor that writes its letter when called
 * @loop:	its loop
 * @timer:	its timer, if it is one
 * @source:	its source, if it is one
 * @fd:		read end of its pipe
 * @letter:	what it writes to @log
 * @log:	shared by all
 * @again:	timer: arm again so many times, @period later
 * @victim:	what it removes when called (may be itself)
 * @events:	what it was called with
 */
struct probe {
	struct loop *loop;
	struct loop_timer timer;
	struct loop_source *source;
	int fd;
	char letter;
	struct buf *log;
	int again;
	int64_t period;
	struct probe *victim;
	uint32_t events;
};

static void on_timer(void *arg)
{
	struct probe *p = arg;

	assert_int_equal(p->timer.slot, 0);
	buf_putc(p->log, p->letter);
	if (p->victim)
		loop_timer_cancel(p->loop, &p->victim->timer);
	if (p->again-- > 0)
		loop_timer_arm(p->loop, &p->timer, p->timer.due + p->period, on_timer, p);
}

static void arm(struct probe *p, int64_t due)
{
	loop_timer_arm(p->loop, &p->timer, due, on_timer, p);
}

/* Let @us pass and take one turn without waiting. */
static void pass(struct loop *loop, int64_t us)
{
	clock_advance(us);
	loop_step(loop, 0);
}

static void test_timers_in_order(void **state)
{
	struct loop *loop = loop_new();
	struct buf log = {0};
	struct probe p[6];
	static const int order[] = {3, 0, 5, 1, 4, 2};
	int64_t start = clock_now();

	(void)state;
	for (int i = 0; i < 6; i++) {
		p[i] = (struct probe){.loop = loop, .letter = (char)('a' + i), .log = &log};
		arm(&p[i], start + (order[i] + 1) * 60 * CLOCK_SECOND);
	}
	loop_step(loop, 0);
	assert_int_equal(log.len, 0);
	pass(loop, 2 * 60 * CLOCK_SECOND + CLOCK_SECOND);
	assert_string_equal(log.data, "bd");
	pass(loop, 3600 * CLOCK_SECOND);
	assert_string_equal(log.data, "bdfaec");
	pass(loop, 3600 * CLOCK_SECOND);
	assert_int_equal(log.len, 6);
	buf_free(&log);
	loop_free(loop);
}

/* Against a sorted list, with moves and cancels: the heap never loses or misplaces a timer. */
static void test_many_timers(void **state)
{
	enum { COUNT = 2000 };
	struct loop *loop = loop_new();
	struct buf log = {0};
	struct probe *p = xcalloc(COUNT, sizeof(*p));
	int64_t start = clock_now() + 3600 * CLOCK_SECOND, last = 0;
	unsigned seed = 1, expected = 0, fired = 0;

	(void)state;
	for (int i = 0; i < COUNT; i++)
		p[i] = (struct probe){.loop = loop, .letter = 'x', .log = &log};
	for (int i = 0; i < 5 * COUNT; i++) {
		struct probe *any = &p[rand_r(&seed) % COUNT];

		if (rand_r(&seed) % 4)
			arm(any, start + rand_r(&seed) % 1000000);
		else
			loop_timer_cancel(loop, &any->timer);
	}
	for (int i = 0; i < COUNT; i++)
		expected += p[i].timer.slot != 0;
	assert_in_range(expected, COUNT / 2, COUNT);
	clock_advance(start - clock_now());
	while (fired < expected) {
		size_t before = log.len;

		loop_step(loop, 0);
		fired += (unsigned)(log.len - before);
		for (int i = 0; i < COUNT; i++)
			assert_false(p[i].timer.slot && p[i].timer.due < last);
		last = clock_now() - CLOCK_SECOND;
		clock_advance(100000);
	}
	loop_step(loop, 0);
	assert_int_equal(log.len, expected);
	free(p);
	buf_free(&log);
	loop_free(loop);
}

static void test_arming_again_moves(void **state)
{
	struct loop *loop = loop_new();
	struct buf log = {0};
	struct probe p = {.loop = loop, .letter = 'a', .log = &log};
	int64_t start = clock_now();

	(void)state;
	arm(&p, start + 60 * CLOCK_SECOND);
	arm(&p, start + 600 * CLOCK_SECOND);
	pass(loop, 120 * CLOCK_SECOND);
	assert_int_equal(log.len, 0);
	arm(&p, clock_now() - CLOCK_SECOND);
	loop_step(loop, 0);
	assert_string_equal(log.data, "a");
	pass(loop, 3600 * CLOCK_SECOND);
	assert_string_equal(log.data, "a");
	loop_timer_cancel(loop, &p.timer);
	loop_timer_cancel(loop, &p.timer);
	buf_free(&log);
	loop_free(loop);
}

static void test_cancel_in_callback(void **state)
{
	struct loop *loop = loop_new();
	struct buf log = {0};
	struct probe a = {.loop = loop, .letter = 'a', .log = &log};
	struct probe b = {.loop = loop, .letter = 'b', .log = &log};
	struct probe c = {.loop = loop, .letter = 'c', .log = &log};
	int64_t start = clock_now();

	(void)state;
	a.victim = &b;
	c.victim = &c; /* itself: unarmed already */
	arm(&a, start + CLOCK_SECOND);
	arm(&b, start + 2 * CLOCK_SECOND);
	arm(&c, start + 3 * CLOCK_SECOND);
	pass(loop, 60 * CLOCK_SECOND);
	assert_string_equal(log.data, "ac");
	buf_free(&log);
	loop_free(loop);
}

static void test_arm_in_callback(void **state)
{
	struct loop *loop = loop_new();
	struct buf log = {0};
	struct probe p = {.loop = loop, .letter = 'a', .log = &log, .again = 3};

	(void)state;
	p.period = 60 * CLOCK_SECOND;
	arm(&p, clock_now());
	loop_step(loop, 0);
	assert_string_equal(log.data, "a");
	pass(loop, 3600 * CLOCK_SECOND);
	assert_string_equal(log.data, "aaaa");
	buf_free(&log);
	loop_free(loop);
}

static void on_ready(void *arg, int fd, uint32_t events)
{
	struct probe *p = arg;
	char byte;

	assert_int_equal(fd, p->fd);
	p->events = events;
	buf_putc(p->log, p->letter);
	if (events & EPOLLIN)
		assert_true(read(fd, &byte, 1) <= 1);
	if (p->victim) {
		loop_unwatch(p->loop, p->victim->source);
		p->victim->source = NULL;
	}
}

/* A pipe whose read end is watched. Return: its write end. */
static int watch_pipe(struct probe *p)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	p->fd = fds[0];
	p->source = loop_watch(p->loop, fds[0], EPOLLIN, on_ready, p);
	assert_non_null(p->source);
	return fds[1];
}

static void test_descriptor(void **state)
{
	struct loop *loop = loop_new();
	struct buf log = {0};
	struct probe p = {.loop = loop, .letter = 'a', .log = &log};
	int out = watch_pipe(&p);

	(void)state;
	loop_step(loop, 0);
	assert_int_equal(log.len, 0);
	assert_int_equal(write(out, "xy", 2), 2);
	loop_step(loop, -1);
	loop_step(loop, -1);
	loop_step(loop, 0);
	assert_string_equal(log.data, "aa");
	loop_change(loop, p.source, 0);
	assert_int_equal(write(out, "z", 1), 1);
	loop_step(loop, 0);
	assert_string_equal(log.data, "aa");
	loop_change(loop, p.source, EPOLLIN);
	loop_step(loop, -1);
	assert_string_equal(log.data, "aaa");
	close(out);
	loop_step(loop, -1);
	assert_true(p.events & EPOLLHUP);
	loop_unwatch(loop, p.source);
	loop_unwatch(loop, NULL);
	close(p.fd);
	assert_null(loop_watch(loop, -1, EPOLLIN, on_ready, &p));
	buf_free(&log);
	loop_free(loop);
}

/* Both are ready in one turn; whoever comes first removes the other, or itself, or both. */
static void test_unwatch_in_callback(void **state)
{
	static const bool self[] = {false, true};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(self); i++) {
		struct loop *loop = loop_new();
		struct buf log = {0};
		struct probe a = {.loop = loop, .letter = 'a', .log = &log};
		struct probe b = {.loop = loop, .letter = 'b', .log = &log};
		int out_a = watch_pipe(&a), out_b = watch_pipe(&b);

		a.victim = self[i] ? &a : &b;
		b.victim = self[i] ? &b : &a;
		assert_int_equal(write(out_a, "xx", 2), 2);
		assert_int_equal(write(out_b, "xx", 2), 2);
		loop_step(loop, -1);
		assert_row(i, log.len, self[i] ? 2 : 1);
		if (self[i]) {
			loop_step(loop, 0);
			assert_row(i, log.len, 2);
		}
		loop_unwatch(loop, a.source);
		loop_unwatch(loop, b.source);
		close(out_a);
		close(out_b);
		close(a.fd);
		close(b.fd);
		buf_free(&log);
		loop_free(loop);
	}
}

static void stop_loop(void *arg)
{
	struct probe *p = arg;

	buf_putc(p->log, p->letter);
	loop_stop(p->loop, 42);
}

static void test_run_and_stop(void **state)
{
	struct loop *loop = loop_new();
	struct buf log = {0};
	struct probe a = {.loop = loop, .letter = 'a', .log = &log};
	struct probe b = {.loop = loop, .letter = 'b', .log = &log};
	int64_t now = clock_now();

	(void)state;
	loop_timer_arm(loop, &a.timer, now - 2, stop_loop, &a);
	arm(&b, now - 1);
	assert_int_equal(loop_run(loop), 42);
	/* the rest of that turn waits for the next run, and is not lost */
	assert_string_equal(log.data, "a");
	loop_step(loop, 0);
	assert_string_equal(log.data, "ab");
	loop_timer_arm(loop, &a.timer, clock_now(), stop_loop, &a);
	assert_int_equal(loop_run(loop), 42);
	buf_free(&log);
	loop_free(loop);
}

/* The wait ends when the timer is due, not before and not much later. */
static void test_waits_for_the_timer(void **state)
{
	struct loop *loop = loop_new();
	struct buf log = {0};
	struct probe p = {.loop = loop, .letter = 'a', .log = &log};
	int64_t start = clock_now();

	(void)state;
	arm(&p, start + 3000);
	loop_step(loop, -1);
	assert_string_equal(log.data, "a");
	assert_true(clock_now() - start >= 3000);
	arm(&p, clock_now() + 3600 * CLOCK_SECOND);
	loop_step(loop, 1000);
	assert_string_equal(log.data, "a");
	loop_timer_cancel(loop, &p.timer);
	buf_free(&log);
	loop_free(loop);
	loop_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers_in_order),
		cmocka_unit_test(test_many_timers),
		cmocka_unit_test(test_arming_again_moves),
		cmocka_unit_test(test_cancel_in_callback),
		cmocka_unit_test(test_arm_in_callback),
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_unwatch_in_callback),
		cmocka_unit_test(test_run_and_stop),
		cmocka_unit_test(test_waits_for_the_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
