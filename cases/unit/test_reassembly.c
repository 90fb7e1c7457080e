/* SPDX-License-Identifier: MIT */
/*
 * test_reassembly.c - one direction of a TCP connection from crafted segments.
 *
 * links: sim
 */
#include "../../fakeigd/base/mem.h"
#include "../../sim/reassembly.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ISN 0xfffffff0u /* sequence numbers wrap inside every test */

static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* Feeds text[from, to) as packet @packet. */
static bool feed(struct reassembly *r, size_t from, size_t to, uint64_t packet)
{
	return reassembly_segment(r, ISN + (uint32_t)from, (struct slice){text + from, to - from},
				  false, (int64_t)packet * 1000, packet);
}

static void expect_data(const struct reassembly *r, size_t from, size_t to)
{
	struct slice s = reassembly_data(r);

	assert_int_equal(s.len, to - from);
	assert_memory_equal(s.ptr, text + from, s.len);
}

static void begin(struct reassembly *r)
{
	*r = (struct reassembly){0};
	reassembly_start(r, ISN);
}

static void in_order(void **state)
{
	struct reassembly r;

	(void)state;
	begin(&r);
	assert_true(feed(&r, 0, 10, 1));
	assert_true(feed(&r, 10, 30, 2));
	expect_data(&r, 0, 30);
	reassembly_free(&r);
}

static void retransmission_is_dropped(void **state)
{
	struct reassembly r;

	(void)state;
	begin(&r);
	feed(&r, 0, 20, 1);
	assert_false(feed(&r, 0, 20, 2));
	assert_false(feed(&r, 5, 15, 3));
	assert_true(feed(&r, 10, 25, 4)); /* the tail is new */
	expect_data(&r, 0, 25);
	reassembly_free(&r);
}

static void every_order_of_five(void **state)
{
	size_t order[5];

	(void)state;
	for (int permutation = 0; permutation < 120; permutation++) {
		struct reassembly r;
		size_t pool[5] = {0, 1, 2, 3, 4};
		int rest = permutation;

		for (int i = 0; i < 5; i++) {
			int at = rest % (5 - i);

			rest /= 5 - i;
			order[i] = pool[at];
			memmove(pool + at, pool + at + 1, (size_t)(4 - at) * sizeof(*pool));
		}
		begin(&r);
		for (int i = 0; i < 5; i++)
			feed(&r, order[i] * 7, order[i] * 7 + 7, (uint64_t)i);
		expect_data(&r, 0, 35);
		assert_int_equal(r.piece_count, 0);
		assert_int_equal(r.piece_bytes, 0);
		reassembly_free(&r);
	}
}

/* Random segments with overlap give the text, whatever the order. */
static void random_overlap(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 500; round++) {
		struct reassembly r;

		begin(&r);
		for (int i = 0; i < 200; i++) {
			size_t from = (size_t)rand_r(&seed) % 62;
			size_t to = from + (size_t)rand_r(&seed) % (62 - from) % 9 + 1;

			feed(&r, from, to, (uint64_t)i);
		}
		feed(&r, 0, 62, 999);
		expect_data(&r, 0, 62);
		assert_int_equal(r.piece_count, 0);
		reassembly_free(&r);
	}
}

static void first_copy_stays(void **state)
{
	struct reassembly r;

	(void)state;
	begin(&r);
	reassembly_segment(&r, ISN + 4, slice_of("EEEE"), false, 0, 1);
	reassembly_segment(&r, ISN + 2, slice_of("xxxxxxxxxx"), false, 0, 2);
	reassembly_segment(&r, ISN, slice_of("yyyyyy"), false, 0, 3);
	assert_int_equal(reassembly_data(&r).len, 12);
	assert_memory_equal(reassembly_data(&r).ptr, "yyxxEEEExxxx", 12);
	reassembly_free(&r);
}

/* Bytes are bytes: a NUL among those that wait is no end. */
static void zeros_survive(void **state)
{
	struct reassembly r;

	(void)state;
	begin(&r);
	reassembly_segment(&r, ISN + 2, (struct slice){"\0c\0d", 4}, false, 0, 1);
	reassembly_segment(&r, ISN, (struct slice){"a\0", 2}, false, 0, 2);
	assert_int_equal(reassembly_data(&r).len, 6);
	assert_memory_equal(reassembly_data(&r).ptr, "a\0\0c\0d", 6);
	reassembly_free(&r);
}

static void hole_is_given_up(void **state)
{
	struct reassembly r;

	(void)state;
	begin(&r);
	feed(&r, 0, 10, 1);
	assert_false(feed(&r, 20, 30, 2));
	expect_data(&r, 0, 10);
	reassembly_consume(&r, 10);
	assert_int_equal(reassembly_hole(&r), 10);
	reassembly_skip(&r, 10);
	expect_data(&r, 20, 30);
	assert_int_equal(reassembly_hole(&r), 0);
	assert_false(feed(&r, 10, 20, 3)); /* too late */
	assert_true(feed(&r, 30, 40, 4));
	expect_data(&r, 20, 40);
	reassembly_free(&r);
}

static void acknowledgement_shows_loss(void **state)
{
	struct reassembly r;

	(void)state;
	begin(&r);
	feed(&r, 0, 10, 1);
	assert_int_equal(reassembly_acked_hole(&r, ISN + 10), 0);
	assert_int_equal(reassembly_acked_hole(&r, ISN + 11), 0); /* a FIN not captured */
	assert_int_equal(reassembly_acked_hole(&r, ISN + 15), 5);
	feed(&r, 20, 30, 2);
	assert_int_equal(reassembly_acked_hole(&r, ISN + 30), 10);
	reassembly_consume(&r, 10);
	assert_int_equal(reassembly_acked_hole(&r, ISN + 15), 5);
	reassembly_skip(&r, 5);
	assert_int_equal(reassembly_acked_hole(&r, ISN + 30), 5);
	reassembly_skip(&r, 5);
	assert_int_equal(reassembly_acked_hole(&r, ISN + 30), 0);
	expect_data(&r, 20, 30);
	reassembly_free(&r);
}

static void fin_in_any_place(void **state)
{
	struct reassembly r;

	(void)state;
	begin(&r);
	reassembly_segment(&r, ISN + 10, slice_of("xyz"), true, 0, 1);
	assert_false(reassembly_finished(&r));
	assert_true(feed(&r, 0, 10, 2));
	assert_true(reassembly_finished(&r));
	assert_int_equal(reassembly_acked_hole(&r, ISN + 14), 0); /* the FIN's own number */
	reassembly_free(&r);

	begin(&r);
	feed(&r, 0, 10, 1);
	assert_true(reassembly_segment(&r, ISN + 10, slice_of(""), true, 0, 2));
	assert_true(reassembly_finished(&r));
	reassembly_free(&r);

	begin(&r); /* bytes before the FIN never came */
	assert_false(reassembly_segment(&r, ISN + 10, slice_of(""), true, 0, 2));
	assert_int_equal(reassembly_hole(&r), 10);
	reassembly_skip(&r, 10);
	assert_true(reassembly_finished(&r));
	reassembly_free(&r);
}

static void starts_in_the_middle(void **state)
{
	struct reassembly r = {0};

	(void)state;
	feed(&r, 20, 30, 1);
	expect_data(&r, 20, 30);
	assert_false(feed(&r, 10, 20, 2)); /* before the start */
	reassembly_free(&r);
}

static void keep_alive_probe_is_nothing(void **state)
{
	struct reassembly r;

	(void)state;
	begin(&r);
	feed(&r, 0, 10, 1);
	assert_false(reassembly_segment(&r, ISN + 9, slice_of("\0"), false, 0, 2));
	assert_false(reassembly_segment(&r, ISN + 9, (struct slice){"", 1}, false, 0, 3));
	expect_data(&r, 0, 10);
	reassembly_free(&r);
}

static void crowd_is_reported(void **state)
{
	struct reassembly r;
	static char big[65536];

	(void)state;
	begin(&r);
	for (unsigned i = 0; i < REASSEMBLY_PENDING_MAX; i++) {
		assert_false(reassembly_crowded(&r));
		reassembly_segment(&r, ISN + 10 + 2 * i, slice_of("x"), false, 0, i);
	}
	assert_true(reassembly_crowded(&r));
	reassembly_free(&r);

	begin(&r);
	for (unsigned i = 0; i < REASSEMBLY_PENDING_BYTES / sizeof(big); i++) {
		assert_false(reassembly_crowded(&r));
		reassembly_segment(&r, ISN + 10 + (uint32_t)sizeof(big) * i,
				   (struct slice){big, sizeof(big)}, false, 0, i);
	}
	assert_true(reassembly_crowded(&r));
	reassembly_free(&r);
}

static void spans_name_the_packets(void **state)
{
	struct reassembly r;
	struct reassembly_span s;

	(void)state;
	begin(&r);
	feed(&r, 0, 10, 1);
	feed(&r, 20, 30, 2);
	feed(&r, 10, 20, 3);
	s = reassembly_peek(&r, 5);
	assert_int_equal(s.packets, 1);
	assert_int_equal(s.first_packet, 1);
	reassembly_consume(&r, 5);
	s = reassembly_peek(&r, 20); /* 5..25: packets 1, 3, 2 */
	assert_int_equal(s.packets, 3);
	assert_int_equal(s.first_packet, 1);
	assert_int_equal(s.last_packet, 2);
	assert_int_equal(s.first_ns, 1000);
	reassembly_consume(&r, 5);
	s = reassembly_peek(&r, 1);
	assert_int_equal(s.first_packet, 3);
	reassembly_consume(&r, 20);
	feed(&r, 40, 50, 5);
	reassembly_skip(&r, reassembly_hole(&r));
	s = reassembly_peek(&r, 10);
	assert_int_equal(s.first_packet, 5);
	assert_int_equal(s.packets, 1);
	reassembly_free(&r);
}

/* A megabyte in one-byte segments, consumed at the end: linear, or this takes minutes. */
static void many_small_segments(void **state)
{
	struct reassembly r;

	(void)state;
	begin(&r);
	for (uint32_t i = 0; i < 1000000; i++)
		reassembly_segment(&r, ISN + i, (struct slice){text + i % 62, 1}, false, i, i);
	assert_int_equal(reassembly_peek(&r, 1000000).packets, 1000000);
	for (uint32_t i = 0; i < 1000000; i++)
		reassembly_consume(&r, 1);
	assert_int_equal(reassembly_data(&r).len, 0);
	reassembly_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(retransmission_is_dropped),
		cmocka_unit_test(every_order_of_five),
		cmocka_unit_test(random_overlap),
		cmocka_unit_test(first_copy_stays),
		cmocka_unit_test(zeros_survive),
		cmocka_unit_test(hole_is_given_up),
		cmocka_unit_test(acknowledgement_shows_loss),
		cmocka_unit_test(fin_in_any_place),
		cmocka_unit_test(starts_in_the_middle),
		cmocka_unit_test(keep_alive_probe_is_nothing),
		cmocka_unit_test(crowd_is_reported),
		cmocka_unit_test(spans_name_the_packets),
		cmocka_unit_test(many_small_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
