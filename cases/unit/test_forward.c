/* SPDX-License-Identifier: MIT */
/*
 * test_forward.c - mappings forward packets, and stop doing so.
 *
 * links: fakeigd
 */
#include "forward_fixture.h"

static void udp_mapping_forwards_until_removed(void **state)
{
	struct forward *f = ready(state);
	struct mapping m = mapping(IPPROTO_UDP, 1872, 7851);
	int client = udp(lan_ns, CLIENT, 7851), peer = udp(peer_ns, PEER, 40000);

	assert_false(arrives(peer, WAN, 1872, client));
	assert_int_equal(forward_add(f, &m), 0);
	assert_true(arrives(peer, WAN, 1872, client));
	assert_false(arrives(peer, WAN, 1873, client));
	/* the connection is known to conntrack by now, and must end with the mapping */
	assert_int_equal(forward_remove(f, &m), 0);
	assert_false(arrives(peer, WAN, 1872, client));
	close(client);
	close(peer);
}

static void removing_ends_only_its_own_connections(void **state)
{
	struct forward *f = ready(state);
	struct mapping a = mapping(IPPROTO_UDP, 1000, 7001), b = mapping(IPPROTO_UDP, 2000, 7002);
	int first = udp(lan_ns, CLIENT, 7001), second = udp(lan_ns, CLIENT, 7002);
	int peer = udp(peer_ns, PEER, 40001);

	assert_int_equal(forward_add(f, &a), 0);
	assert_int_equal(forward_add(f, &b), 0);
	assert_true(arrives(peer, WAN, 1000, first));
	assert_true(arrives(peer, WAN, 2000, second));
	/* b leaves the map behind the back of forward.c: its connection alone carries it on */
	in_ns(router_ns, "nft flush map ip fakeigd any");
	assert_int_equal(forward_add(f, &a), 0);
	assert_true(arrives(peer, WAN, 1000, first));
	assert_int_equal(forward_remove(f, &a), 0);
	assert_true(arrives(peer, WAN, 2000, second));
	close(first);
	close(second);
	close(peer);
}

static void remote_host_is_honoured(void **state)
{
	struct forward *f = ready(state);
	struct mapping m = mapping(IPPROTO_UDP, 1872, 7851), any = mapping(IPPROTO_UDP, 1872, 7852);
	int client = udp(lan_ns, CLIENT, 7851), wide = udp(lan_ns, CLIENT, 7852);
	int peer = udp(peer_ns, PEER, 40002), other = udp(peer_ns, OTHER, 40002);

	inet_pton(AF_INET, PEER, &m.remote_host);
	assert_int_equal(forward_add(f, &m), 0);
	assert_true(arrives(peer, WAN, 1872, client));
	assert_false(arrives(other, WAN, 1872, client));
	/* beside one for everybody, the specific one wins */
	assert_int_equal(forward_add(f, &any), 0);
	assert_true(arrives(other, WAN, 1872, wide));
	assert_true(arrives(peer, WAN, 1872, client));
	assert_int_equal(forward_remove(f, &m), 0);
	assert_true(arrives(peer, WAN, 1872, wide));
	close(client);
	close(wide);
	close(peer);
	close(other);
}

static void port_zero_takes_every_port_that_is_left(void **state)
{
	struct forward *f = ready(state);
	struct mapping all = mapping(IPPROTO_UDP, 0, 0), one = mapping(IPPROTO_UDP, 3000, 7003);
	int client = udp(lan_ns, CLIENT, 4711), own = udp(lan_ns, CLIENT, 7003);
	int peer = udp(peer_ns, PEER, 40003);

	assert_int_equal(forward_add(f, &all), 0);
	assert_int_equal(forward_add(f, &one), 0);
	assert_true(arrives(peer, WAN, 4711, client));
	assert_true(arrives(peer, WAN, 3000, own));
	assert_int_equal(forward_remove(f, &all), 0);
	assert_false(arrives(peer, WAN, 4711, client));
	close(client);
	close(own);
	close(peer);
}

static void broadcast_is_the_lan_s(void **state)
{
	struct forward *f = ready(state);
	struct mapping m = mapping(IPPROTO_UDP, 3000, 7004);
	int client = udp(lan_ns, "0.0.0.0", 7004), peer = udp(peer_ns, PEER, 40006);

	m.internal_client.s_addr = INADDR_BROADCAST;
	assert_int_equal(forward_add(f, &m), 0);
	assert_true(arrives(peer, WAN, 3000, client));
	assert_int_equal(forward_remove(f, &m), 0);
	assert_false(arrives(peer, WAN, 3000, client));
	close(client);
	close(peer);
}

static void wan_down_forwards_nothing(void **state)
{
	struct forward *f = ready(state);
	struct mapping m = mapping(IPPROTO_UDP, 1872, 7851);
	int client = udp(lan_ns, CLIENT, 7851), peer = udp(peer_ns, PEER, 40004);

	assert_int_equal(forward_add(f, &m), 0);
	assert_true(arrives(peer, WAN, 1872, client));
	assert_int_equal(forward_set_enabled(f, false), 0);
	assert_false(arrives(peer, WAN, 1872, client));
	assert_int_equal(forward_set_enabled(f, true), 0);
	assert_true(arrives(peer, WAN, 1872, client));
	assert_int_equal(forward_flush(f), 0);
	assert_false(arrives(peer, WAN, 1872, client));
	close(client);
	close(peer);
}

static int tcp_listener(int ns, const char *address, uint16_t port)
{
	struct sockaddr_in a = place(address, port);
	int fd;

	enter(ns);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 4), 0);
	enter(router_ns);
	return fd;
}

static void tcp_connection_ends_with_its_mapping(void **state)
{
	struct forward *f = ready(state);
	struct mapping m = mapping(IPPROTO_TCP, 1872, 1872);
	struct sockaddr_in a = place(WAN, 1872);
	int listener = tcp_listener(lan_ns, CLIENT, 1872), peer, accepted;
	struct pollfd p;

	assert_int_equal(forward_add(f, &m), 0);
	enter(peer_ns);
	peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(peer, (struct sockaddr *)&a, sizeof(a)), 0);
	enter(router_ns);
	accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(accepted >= 0);
	p = (struct pollfd){.fd = accepted, .events = POLLIN};
	assert_int_equal(send(peer, "a", 1, 0), 1);
	assert_int_equal(poll(&p, 1, 1000), 1);
	assert_int_equal(recv(accepted, &(char){0}, 1, 0), 1);
	assert_int_equal(forward_remove(f, &m), 0);
	assert_int_equal(send(peer, "b", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(poll(&p, 1, 100), 0);
	close(peer);
	close(accepted);
	close(listener);
}

static void a_table_left_behind_is_replaced(void **state)
{
	struct forward *f = ready(state);
	struct mapping m = mapping(IPPROTO_UDP, 1872, 7851);
	int error = 0;

	forward_free(f);
	*state = NULL;
	in_ns(router_ns,
	      "nft 'add table ip fakeigd; add map ip fakeigd any { type ipv4_addr : mark; }'");
	f = forward_new(&router, &error);
	*state = f;
	assert_non_null(f);
	assert_int_equal(forward_add(f, &m), 0);
}

static void the_second_of_two_does_not_touch_the_table(void **state)
{
	struct forward *f = ready(state), *second;
	struct mapping m = mapping(IPPROTO_UDP, 1872, 7851);
	int error = 0;

	assert_int_equal(forward_add(f, &m), 0);
	second = forward_new(&router, &error);
	assert_null(second);
	assert_int_equal(error, -EBUSY);
	in_ns(router_ns, "nft list table ip fakeigd | grep -q 1872");
	forward_free(f);
	*state = NULL;
	in_ns(router_ns, "! nft list table ip fakeigd 2>/dev/null");
	*state = forward_new(&router, &error);
	assert_non_null(*state);
}

static void odd_calls(void **state)
{
	struct forward *f = ready(state);
	struct mapping m = mapping(IPPROTO_UDP, 1872, 7851);

	assert_int_equal(forward_remove(f, &m), 0);
	assert_int_equal(forward_add(f, &m), 0);
	assert_int_equal(forward_add(f, &m), -EEXIST);
	assert_int_equal(forward_remove(f, &m), 0);
	assert_int_equal(forward_flush(f), 0);
}

static void counters_are_the_interface_s(void **state)
{
	struct forward *f = ready(state);
	struct forward_counters before, after;
	int peer = udp(peer_ns, PEER, 40006), at = udp(router_ns, WAN, 5000);

	assert_int_equal(forward_counters(f, &before), 0);
	assert_true(arrives(peer, WAN, 5000, at));
	assert_int_equal(forward_counters(f, &after), 0);
	assert_true(after.packets_received > before.packets_received);
	assert_true(after.bytes_received >= before.bytes_received + 28 + 5);
	close(peer);
	close(at);
}

/* What goes to the kernel and comes back: these stand before those of libmnl. */
static struct {
	size_t messages, bytes;
} traffic;

static void count(ssize_t bytes)
{
	traffic.messages++;
	traffic.bytes += bytes > 0 ? (size_t)bytes : 0;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *nl, const void *data, size_t len)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	ssize_t sent = sendto(mnl_socket_get_fd(nl), data, len, 0, (struct sockaddr *)&kernel,
			      sizeof(kernel));

	count(sent);
	return sent;
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *nl, void *data, size_t len)
{
	ssize_t got = recv(mnl_socket_get_fd(nl), data, len, 0);

	count(got);
	return got;
}

/* Adding and removing cost the same whatever is there already; scripts/bench has the time. */
static void cost_does_not_depend_on_the_table(void **state)
{
	struct forward *f = ready(state);
	size_t messages[2], bytes[2];

	for (int i = 1; i <= 4001; i++) {
		struct mapping m = mapping(IPPROTO_TCP, (uint16_t)i, (uint16_t)(i + 10000));

		memset(&traffic, 0, sizeof(traffic));
		assert_int_equal(forward_add(f, &m), 0);
		if (i != 1 && i != 4001)
			continue;
		assert_int_equal(forward_remove(f, &m), 0);
		messages[i / 4001] = traffic.messages;
		bytes[i / 4001] = traffic.bytes;
		if (i == 1)
			assert_int_equal(forward_add(f, &m), 0);
	}
	assert_true(messages[0] > 0);
	assert_int_equal(messages[0], messages[1]);
	assert_int_equal(bytes[0], bytes[1]);
}

static void without_a_wan_everything_succeeds(void **state)
{
	struct router bare = {.wan = {.index = 0}};
	struct mapping m = mapping(IPPROTO_UDP, 1872, 7851);
	struct forward_counters counters;
	int error = 0;
	struct forward *f = forward_new(&bare, &error);

	(void)state;
	assert_non_null(f);
	assert_int_equal(forward_add(f, &m), 0);
	assert_int_equal(forward_remove(f, &m), 0);
	assert_int_equal(forward_flush(f), 0);
	assert_int_equal(forward_set_enabled(f, false), 0);
	assert_int_equal(forward_counters(f, &counters), 0);
	forward_free(f);
}

static void keys_hold_what_the_maps_expect(void **state)
{
	struct mapping m = mapping(IPPROTO_TCP, 0x1234, 0x5678);
	struct forward_key k = forward_key_of(&m);

	(void)state;
	assert_string_equal(k.map, "any");
	assert_int_equal(k.key_len, 8);
	assert_memory_equal(k.key, "\6\0\0\0\x12\x34\0\0", 8);
	assert_int_equal(k.data_len, 8);
	assert_memory_equal(k.data, "\xc0\xa8\1\4\x56\x78\0\0", 8);
	inet_pton(AF_INET, PEER, &m.remote_host);
	k = forward_key_of(&m);
	assert_string_equal(k.map, "remote");
	assert_memory_equal(k.key, "\6\0\0\0\x2c\0\1\x0a\x12\x34\0\0", 12);
	m.external_port = 0;
	k = forward_key_of(&m);
	assert_string_equal(k.map, "remote_all");
	assert_int_equal(k.data_len, 4);
	m.remote_host.s_addr = 0;
	k = forward_key_of(&m);
	assert_string_equal(k.map, "all");
	assert_int_equal(k.key_len, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_hold_what_the_maps_expect),
		cmocka_unit_test(without_a_wan_everything_succeeds),
		NETWORK_TEST(udp_mapping_forwards_until_removed),
		NETWORK_TEST(removing_ends_only_its_own_connections),
		NETWORK_TEST(remote_host_is_honoured),
		NETWORK_TEST(port_zero_takes_every_port_that_is_left),
		NETWORK_TEST(broadcast_is_the_lan_s),
		NETWORK_TEST(wan_down_forwards_nothing),
		NETWORK_TEST(tcp_connection_ends_with_its_mapping),
		NETWORK_TEST(a_table_left_behind_is_replaced),
		NETWORK_TEST(the_second_of_two_does_not_touch_the_table),
		NETWORK_TEST(odd_calls),
		NETWORK_TEST(counters_are_the_interface_s),
		NETWORK_TEST(cost_does_not_depend_on_the_table),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
