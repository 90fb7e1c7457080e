/* SPDX-License-Identifier: MIT */
/*
 * test_wire.c - the impairment relay, with real UDP and TCP: left - relay - right.
 *
 * Everything happens in namespaces of the test's own; where the kernel forbids them it is skipped.
 *
 * links: sim
 */
#include "../../fakeigd/base/clock.h"
#include "../../sim/wire.h"

#include "netns_fixture.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#define LEFT  "10.1.0.1"
#define RIGHT "10.1.0.2"

static int left_ns = -1, right_ns = -1, middle_ns = -1;
static struct loop *loop;

static int group_setup(void **state)
{
	char line[200];

	(void)state;
	if (!own_namespaces(&left_ns, &right_ns, &middle_ns))
		return 0;
	for (int i = 0; i < 2; i++) {
		snprintf(line, sizeof(line),
			 "ip link add w%d type veth peer name eth0 netns /proc/%d/fd/%d;"
			 "ip link set w%d up",
			 i, getpid(), i ? right_ns : left_ns, i);
		enter_and_run(middle_ns, line);
	}
	/* Frames that the kernel sends by itself would take numbers out of the sequence. */
	enter_and_run(left_ns, "echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6");
	enter_and_run(right_ns, "echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6");
	enter_and_run(left_ns, "ip link set eth0 up; ip addr add " LEFT "/24 dev eth0");
	enter_and_run(right_ns, "ip link set eth0 up; ip addr add " RIGHT "/24 dev eth0");
	enter_and_run(left_ns, "ip link show eth0 >/dev/null");
	enter_and_run(right_ns, "ip link show eth0 >/dev/null");
	enter_and_run(middle_ns, "ip link show w0 >/dev/null; ip link show w1 >/dev/null");
	loop = loop_new();
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static struct wire *join(const struct impairment *im)
{
	struct diag d = {0};
	struct wire *w;

	if (why_not[0]) {
		print_message("skipped: %s\n", why_not);
		skip();
	}
	enter(left_ns);
	w = wire_new(loop, middle_ns, "w0", middle_ns, "w1", im, &d);
	if (!w)
		fail_msg("%s", d.text.data);
	return w;
}

static int udp(int ns, const char *address, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd;

	inet_pton(AF_INET, address, &a.sin_addr);
	enter(ns);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void send_number(int fd, const char *address, uint16_t port, uint32_t number, size_t len)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	char data[2000] = "";

	inet_pton(AF_INET, address, &a.sin_addr);
	memcpy(data, &number, sizeof(number));
	sendto(fd, data, len, 0, (struct sockaddr *)&a, sizeof(a));
}

/* Turn the loop until @wanted datagrams are there or @limit_us is over; their numbers to @out. */
static size_t gather(int fd, uint32_t *out, size_t wanted, int64_t limit_us)
{
	int64_t end = clock_now() - clock_offset() + limit_us;
	size_t count = 0;

	while (count < wanted && clock_now() - clock_offset() < end) {
		char data[2000];

		loop_step(loop, 1000);
		while (count < wanted && recv(fd, data, sizeof(data), 0) >= 4)
			memcpy(&out[count++], data, 4);
	}
	return count;
}

/* ARP is resolved before anything is counted. */
static void warm(int left, int right)
{
	uint32_t number;

	for (int i = 0; i < 20; i++) {
		send_number(left, RIGHT, 7, 0, 8);
		if (gather(right, &number, 1, 100000) == 1)
			break;
	}
	while (gather(right, &number, 1, 30000) == 1)
		;
}

/* @count datagrams, a few at a time; how many arrive, their numbers to @got. */
static size_t pass(const struct impairment *im, uint32_t *got, size_t count, uint64_t seed)
{
	struct wire *w = join(im);
	int left = udp(left_ns, LEFT, 5000), right = udp(right_ns, RIGHT, 7);
	size_t arrived = 0;

	warm(left, right);
	wire_seed(w, seed);
	for (size_t i = 0; i < count; i++) {
		send_number(left, RIGHT, 7, (uint32_t)i, 100);
		if (i % 16 == 15)
			arrived += gather(right, got + arrived, 2 * count - arrived, 500);
	}
	arrived += gather(right, got + arrived, 2 * count - arrived, 60000);
	close(left);
	close(right);
	wire_free(w);
	return arrived;
}

static void a_plain_wire_carries_everything(void **state)
{
	static uint32_t got[400];

	(void)state;
	assert_int_equal(pass(&(struct impairment){0}, got, 200, 1), 200);
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(got[i], i);
}

static void loss_is_as_asked_and_repeatable(void **state)
{
	static uint32_t first[4000], second[4000], third[4000];
	const struct impairment im = {.loss = 0.3};
	size_t a = pass(&im, first, 2000, 7), b = pass(&im, second, 2000, 7);
	size_t c = pass(&im, third, 2000, 8);

	(void)state;
	assert_in_range(a, 1300, 1500);
	assert_int_equal(a, b);
	assert_memory_equal(first, second, a * sizeof(*first));
	assert_true(a != c || memcmp(first, third, a * sizeof(*first)) != 0);
}

static void duplication(void **state)
{
	static uint32_t got[2000];
	size_t arrived = pass(&(struct impairment){.duplicate = 0.5}, got, 1000, 3);
	size_t twice = 0;

	(void)state;
	for (size_t i = 1; i < arrived; i++)
		twice += got[i] == got[i - 1];
	assert_in_range(arrived, 1400, 1600);
	assert_int_equal(arrived - twice, 1000);
}

static void reordering_loses_nothing(void **state)
{
	static uint32_t got[1000];
	static bool seen[500];
	size_t arrived = pass(&(struct impairment){.reorder = 0.1}, got, 500, 3), swapped = 0;

	(void)state;
	assert_int_equal(arrived, 500);
	for (size_t i = 0; i < arrived; i++) {
		assert_false(seen[got[i]]);
		seen[got[i]] = true;
		swapped += i && got[i] < got[i - 1];
	}
	assert_in_range(swapped, 1, 150);
}

static void jitter_keeps_order(void **state)
{
	static uint32_t got[400];
	size_t arrived =
		pass(&(struct impairment){.delay_us = 5000, .jitter_us = 4000}, got, 200, 5);

	(void)state;
	assert_int_equal(arrived, 200);
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(got[i], i);
}

static int64_t round_trip(int left, int right)
{
	int64_t start = clock_now() - clock_offset();
	uint32_t number;

	send_number(left, RIGHT, 7, 1, 100);
	assert_int_equal(gather(right, &number, 1, 2000000), 1);
	send_number(right, LEFT, 5000, 2, 100);
	assert_int_equal(gather(left, &number, 1, 2000000), 1);
	return clock_now() - clock_offset() - start;
}

static void delay_follows_the_kernels_clock(void **state)
{
	const struct impairment im = {.delay_us = 20000};
	struct wire *w = join(&im);
	int left = udp(left_ns, LEFT, 5000), right = udp(right_ns, RIGHT, 7);
	uint32_t number;
	int64_t start;

	(void)state;
	warm(left, right);
	assert_true(round_trip(left, right) >= 40000);

	/* A week passes in the lab while a datagram is under way. */
	start = clock_now() - clock_offset();
	send_number(left, RIGHT, 7, 3, 100);
	loop_step(loop, 0);
	clock_advance(7 * 24 * 3600 * CLOCK_SECOND);
	assert_int_equal(gather(right, &number, 1, 2000000), 1);
	assert_true(clock_now() - clock_offset() - start >= 20000);
	close(left);
	close(right);
	wire_free(w);
}

static void rate_spreads_frames(void **state)
{
	/* 1 Mbit/s: a frame of 1042 bytes takes 8.3 ms; the bucket holds two large ones. */
	const struct impairment im = {.rate = 1000000};
	struct wire *w = join(&im);
	int left = udp(left_ns, LEFT, 5000), right = udp(right_ns, RIGHT, 7);
	uint32_t got[20];
	int64_t start;

	(void)state;
	warm(left, right);
	start = clock_now();
	for (uint32_t i = 0; i < 12; i++)
		send_number(left, RIGHT, 7, i, 1000);
	assert_int_equal(gather(right, got, 12, 2000000), 12);
	assert_true(clock_now() - start >= 60000);
	close(left);
	close(right);
	wire_free(w);
}

static void oversize_is_dropped(void **state)
{
	const struct impairment im = {.mtu = 600};
	struct wire *w = join(&im);
	int left = udp(left_ns, LEFT, 5000), right = udp(right_ns, RIGHT, 7);
	uint32_t got[4];

	(void)state;
	warm(left, right);
	send_number(left, RIGHT, 7, 1, 600 - 28 + 1);
	send_number(left, RIGHT, 7, 2, 600 - 28);
	assert_int_equal(gather(right, got, 2, 50000), 1);
	assert_int_equal(got[0], 2);
	assert_int_equal(wire_totals(w, 0)->oversize, 1);
	close(left);
	close(right);
	wire_free(w);
}

static void multicast_is_dropped_and_arp_is_not(void **state)
{
	const struct impairment im = {.drop_multicast = true};
	struct wire *w = join(&im);
	int left = udp(left_ns, LEFT, 5000), right;
	struct in_addr from = {inet_addr(LEFT)};
	struct ip_mreqn group = {.imr_multiaddr.s_addr = inet_addr("239.255.255.250"),
				 .imr_address.s_addr = inet_addr(RIGHT)};
	uint32_t got;

	(void)state;
	enter_and_run(left_ns, "ip neigh flush dev eth0");
	right = udp(right_ns, "0.0.0.0", 7);
	assert_int_equal(setsockopt(right, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)),
			 0);
	setsockopt(left, IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof(from));
	send_number(left, "239.255.255.250", 7, 1, 100);
	assert_int_equal(gather(right, &got, 1, 50000), 0);
	assert_true(wire_totals(w, 0)->multicast >= 1);
	send_number(left, RIGHT, 7, 2, 100);
	assert_int_equal(gather(right, &got, 1, 2000000), 1);
	assert_int_equal(got, 2);
	close(left);
	close(right);
	wire_free(w);
}

/* Offload is on: frames come with half a checksum and as segments of many times the MTU. */
static void tcp_with_offload_arrives_whole(void **state)
{
	enum { SIZE = 2 * 1024 * 1024 };
	const struct impairment im = {.delay_us = 1000, .loss = 0.002};
	struct wire *w = join(&im);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80)};
	unsigned char *sent = malloc(SIZE), *got = malloc(SIZE);
	size_t out = 0, in = 0;
	int listener, left, right = -1;
	int64_t end = clock_now() + 20 * CLOCK_SECOND;

	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		sent[i] = (unsigned char)(i * 2654435761u >> 24);
	inet_pton(AF_INET, RIGHT, &to.sin_addr);
	enter(right_ns);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(listener, 1), 0);
	enter(left_ns);
	left = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(connect(left, (struct sockaddr *)&to, sizeof(to)) == 0 || errno == EINPROGRESS);
	while (in < SIZE && clock_now() < end) {
		ssize_t n = out < SIZE ? send(left, sent + out, SIZE - out, MSG_NOSIGNAL) : 0;

		out += n > 0 ? (size_t)n : 0;
		loop_step(loop, 500);
		if (right < 0)
			right = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		n = right < 0 ? 0 : recv(right, got + in, SIZE - in, 0);
		in += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(in, SIZE);
	assert_memory_equal(sent, got, SIZE);
	assert_true(wire_totals(w, 0)->received < SIZE / 1448);
	close(listener);
	close(left);
	close(right);
	free(sent);
	free(got);
	wire_free(w);
}

static void queues_are_bounded(void **state)
{
	const struct impairment im = {.delay_us = 60 * CLOCK_SECOND};
	struct wire *w = join(&im);
	int left = udp(left_ns, LEFT, 5000);

	(void)state;
	enter_and_run(left_ns, "ip neigh replace " RIGHT " lladdr 02:00:00:00:00:02 dev eth0");
	for (uint32_t i = 0; i < 6000; i++) {
		send_number(left, RIGHT, 7, i, 100);
		if (i % 32 == 31)
			loop_step(loop, 0);
	}
	loop_step(loop, 0);
	assert_true(wire_totals(w, 0)->overflow > 1000);
	close(left);
	enter_and_run(left_ns, "ip neigh flush all");
	wire_free(w);
}

static void a_missing_interface_is_named(void **state)
{
	struct diag d = {0};
	struct wire *w = join(&(struct impairment){0});

	(void)state;
	wire_free(w);
	assert_null(
		wire_new(loop, middle_ns, "w0", middle_ns, "nothing", &(struct impairment){0}, &d));
	assert_int_equal(d.errors, 1);
	assert_non_null(strstr(d.text.data, "nothing"));
	diag_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_wire_carries_everything),
		cmocka_unit_test(loss_is_as_asked_and_repeatable),
		cmocka_unit_test(duplication),
		cmocka_unit_test(reordering_loses_nothing),
		cmocka_unit_test(jitter_keeps_order),
		cmocka_unit_test(delay_follows_the_kernels_clock),
		cmocka_unit_test(rate_spreads_frames),
		cmocka_unit_test(oversize_is_dropped),
		cmocka_unit_test(multicast_is_dropped_and_arp_is_not),
		cmocka_unit_test(tcp_with_offload_arrives_whole),
		cmocka_unit_test(queues_are_bounded),
		cmocka_unit_test(a_missing_interface_is_named),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
