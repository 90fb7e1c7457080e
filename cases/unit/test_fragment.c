/* SPDX-License-Identifier: MIT */
/*
 * test_fragment.c - IP packets from crafted fragments.
 *
 * links: sim
 */
#include "unit.h"

#include "../../sim/fragment.h"

#include <arpa/inet.h>

#define DATA_LEN 64 /* of the UDP datagram, its header included */

static struct fragments *fragments;
static uint8_t datagram[DATA_LEN];
static struct frame frame;
static char ipv4[20 + DATA_LEN], ipv6[48 + DATA_LEN];

static int set_up(void **state)
{
	(void)state;
	fragments = fragments_new();
	for (size_t i = 0; i < DATA_LEN; i++)
		datagram[i] = (uint8_t)i;
	memcpy(datagram, "\x9c\x40\x07\x6c\0\x40\0\0", 8); /* 40000 to 1900, 64 bytes */
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fragments_free(fragments);
	return 0;
}

/* Bytes [from, to) of the datagram as an IPv4 fragment. */
static enum frame_error add4(uint16_t id, size_t from, size_t to, int64_t time_ns)
{
	uint16_t field = htons((uint16_t)((from / 8) | (to < DATA_LEN ? 0x2000 : 0)));
	uint16_t total = htons((uint16_t)(20 + to - from));

	memcpy(ipv4, "\x45\0\0\0\0\0\0\0\x40\x11\0\0\xc0\xa8\1\4\xc0\xa8\1\1", 20);
	memcpy(ipv4 + 2, &total, 2);
	ipv4[4] = (char)(id >> 8);
	ipv4[5] = (char)id;
	memcpy(ipv4 + 6, &field, 2);
	memcpy(ipv4 + 20, datagram + from, to - from);
	assert_int_equal(frame_parse_ip((uint8_t *)ipv4, 20 + to - from, &frame), FRAME_FRAGMENT);
	return fragments_add(fragments, 0, time_ns, &frame);
}

static enum frame_error add6(size_t from, size_t to)
{
	uint16_t field = htons((uint16_t)(from | (to < DATA_LEN)));
	uint16_t len = htons((uint16_t)(8 + to - from));

	memset(ipv6, 0, 48);
	ipv6[0] = 0x60;
	memcpy(ipv6 + 4, &len, 2);
	ipv6[6] = 44; /* fragment header */
	ipv6[7] = 1;
	ipv6[23] = 1;
	ipv6[39] = 2;
	ipv6[40] = 17;
	memcpy(ipv6 + 42, &field, 2);
	ipv6[47] = 9;
	memcpy(ipv6 + 48, datagram + from, to - from);
	assert_int_equal(frame_parse_ip((uint8_t *)ipv6, 48 + to - from, &frame), FRAME_FRAGMENT);
	return fragments_add(fragments, 0, 0, &frame);
}

static void expect_whole(void)
{
	assert_int_equal(frame.src_port, 40000);
	assert_int_equal(frame.dst_port, 1900);
	assert_int_equal(frame.payload.len, DATA_LEN - 8);
	assert_memory_equal(frame.payload.ptr, datagram + 8, DATA_LEN - 8);
}

static void any_order(void **state)
{
	static const size_t orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}, {0, 2, 1}};
	static const size_t ends[] = {0, 24, 48, DATA_LEN};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		for (size_t k = 0; k < 3; k++) {
			size_t piece = orders[i][k];

			assert_row(i, add4((uint16_t)i, ends[piece], ends[piece + 1], 0),
				   k < 2 ? FRAME_FRAGMENT : FRAME_OK);
		}
		expect_whole();
		assert_int_equal(frame.family, AF_INET);
		for (size_t k = 0; k < 3; k++) {
			size_t piece = orders[i][k];

			assert_row(i, add6(ends[piece], ends[piece + 1]),
				   k < 2 ? FRAME_FRAGMENT : FRAME_OK);
		}
		expect_whole();
		assert_int_equal(frame.family, AF_INET6);
	}
}

static void duplicates_are_ignored(void **state)
{
	(void)state;
	assert_int_equal(add4(1, 0, 24, 0), FRAME_FRAGMENT);
	assert_int_equal(add4(1, 0, 24, 0), FRAME_FRAGMENT);
	assert_int_equal(add4(1, 24, DATA_LEN, 0), FRAME_OK);
	expect_whole();
}

/* What overlaps drops the packet, and later pieces do not begin it anew (RFC 5722). */
static void overlap_drops(void **state)
{
	static const size_t rows[][2] = {{16, 40}, {0, 32}, {8, 16}, {16, DATA_LEN}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint16_t id = (uint16_t)(100 + i);

		assert_row(i, add4(id, 0, 24, 0), FRAME_FRAGMENT);
		assert_row(i, add4(id, rows[i][0], rows[i][1], 0), FRAME_BAD_HEADER);
		assert_row(i, add4(id, 24, DATA_LEN, 0), FRAME_BAD_HEADER);
		assert_row(i, add4(id, 0, 24, 0), FRAME_BAD_HEADER);
	}
}

static void time_is_limited(void **state)
{
	(void)state;
	assert_int_equal(add4(1, 0, 24, 0), FRAME_FRAGMENT);
	assert_int_equal(add4(1, 24, DATA_LEN, FRAGMENT_TIMEOUT_NS + 1), FRAME_FRAGMENT);
	assert_int_equal(add4(1, 0, 24, FRAGMENT_TIMEOUT_NS + 2), FRAME_OK);
}

static void oldest_makes_room(void **state)
{
	(void)state;
	for (uint16_t id = 0; id <= FRAGMENT_PACKETS_MAX; id++)
		assert_int_equal(add4(id, 0, 24, id), FRAME_FRAGMENT);
	assert_int_equal(add4(1, 24, DATA_LEN, 99), FRAME_OK);
	assert_int_equal(add4(0, 24, DATA_LEN, 99), FRAME_FRAGMENT);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(any_order),       CASE(duplicates_are_ignored), CASE(overlap_drops),
		CASE(time_is_limited), CASE(oldest_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
