/* SPDX-License-Identifier: MIT */
/*
 * test_forward_flow.c - connections that begin in the LAN: made, found, and how long they live.
 *
 * links: fakeigd
 */
#include "forward_fixture.h"

#include <errno.h>

static struct forward_flow flow(int protocol)
{
	struct forward_flow one = {
		.protocol = protocol,
		.port = 7001,
		.remote_port = 40000,
		.external_port = 1872,
		.seconds = 3600,
	};

	inet_pton(AF_INET, CLIENT, &one.client);
	inet_pton(AF_INET, PEER, &one.remote);
	inet_pton(AF_INET, WAN, &router.wan.address);
	return one;
}

static void it_is_made_with_its_port_and_its_time(void **state)
{
	static const int protocols[] = {IPPROTO_UDP, IPPROTO_TCP};
	struct forward *f = ready(state);

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		struct forward_flow made = flow(protocols[i]), found = made;

		assert_int_equal(forward_flow_read(f, &found), -ENOENT);
		assert_int_equal(forward_flow_make(f, &made), 0);
		assert_int_equal(forward_flow_make(f, &made), -EEXIST);
		found.external_port = 0;
		found.seconds = 0;
		assert_int_equal(forward_flow_read(f, &found), 0);
		assert_int_equal(found.external_port, 1872);
		assert_in_range(found.seconds, 3000, 3600);
		made.seconds = 0;
		assert_int_equal(forward_flow_set(f, &made), 0);
		assert_int_equal(forward_flow_set(f, &made), -ENOENT);
		assert_int_equal(forward_flow_read(f, &found), -ENOENT);
	}
}

static void the_peer_is_let_in_and_hears_from_that_port(void **state)
{
	struct forward *f = ready(state);
	struct forward_flow made = flow(IPPROTO_UDP);
	int client = udp(lan_ns, CLIENT, 7001), peer = udp(peer_ns, PEER, 40000);
	int other = udp(peer_ns, OTHER, 40000);
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	char text[16];

	assert_int_equal(forward_flow_make(f, &made), 0);
	assert_true(arrives(peer, WAN, 1872, client));
	assert_false(arrives(other, WAN, 1872, client));
	from = place(PEER, 40000);
	assert_int_equal(sendto(client, "out", 3, 0, (struct sockaddr *)&from, size), 3);
	assert_int_equal(recvfrom(peer, text, sizeof(text), 0, (struct sockaddr *)&from, &size), 3);
	assert_int_equal(ntohs(from.sin_port), 1872);
	made.seconds = 0;
	assert_int_equal(forward_flow_set(f, &made), 0);
	assert_false(arrives(peer, WAN, 1872, client));
	close(client);
	close(peer);
	close(other);
}

/* It is the kernel's to say how long it lives from its next packet on. */
static void it_is_lengthened_until_a_packet(void **state)
{
	struct forward *f = ready(state);
	struct forward_flow made = flow(IPPROTO_UDP), found = made;
	int client = udp(lan_ns, CLIENT, 7001), peer = udp(peer_ns, PEER, 40000);

	made.seconds = 20;
	assert_int_equal(forward_flow_make(f, &made), 0);
	made.seconds = 3600;
	assert_int_equal(forward_flow_set(f, &made), 0);
	assert_int_equal(forward_flow_read(f, &found), 0);
	assert_in_range(found.seconds, 3000, 3600);
	assert_true(arrives(client, PEER, 40000, peer));
	assert_int_equal(forward_flow_read(f, &found), 0);
	assert_in_range(found.seconds, 1, 200);
	assert_int_equal(forward_end_flows(f), 0);
	close(client);
	close(peer);
}

/* What the peer began through a mapping is the same connection. */
static void the_other_side_may_have_begun(void **state)
{
	struct forward *f = ready(state);
	struct forward_flow found = flow(IPPROTO_UDP);
	struct mapping m = mapping(IPPROTO_UDP, 1872, 7001);
	int client = udp(lan_ns, CLIENT, 7001), peer = udp(peer_ns, PEER, 40000);

	assert_int_equal(forward_add(f, &m), 0);
	assert_true(arrives(peer, WAN, 1872, client));
	found.external_port = 0;
	assert_int_equal(forward_flow_read(f, &found), 0);
	assert_int_equal(found.external_port, 1872);
	inet_pton(AF_INET, OTHER, &router.wan.address);
	assert_int_equal(forward_flow_read(f, &found), 0);
	assert_int_equal(found.external_port, 0);
	close(client);
	close(peer);
}

static void where_mappings_bind_nothing_none_is_made(void **state)
{
	struct forward *f = with_policy(state, "{nat: {outbound-port: random}}");
	struct forward_flow made = flow(IPPROTO_UDP);

	assert_int_equal(forward_flow_make(f, &made), -ENOTSUP);
	assert_int_equal(forward_flow_read(f, &made), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NETWORK_TEST(it_is_made_with_its_port_and_its_time),
		NETWORK_TEST(the_peer_is_let_in_and_hears_from_that_port),
		NETWORK_TEST(it_is_lengthened_until_a_packet),
		NETWORK_TEST(the_other_side_may_have_begun),
		NETWORK_TEST(where_mappings_bind_nothing_none_is_made),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
