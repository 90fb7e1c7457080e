/* SPDX-License-Identifier: MIT */
/*
 * test_forward_policy.c - what policies "nat.*" and "forward.ends-connections" make of packets.
 *
 * links: fakeigd
 */
#include "forward_fixture.h"

#define SECOND "192.168.1.5"

static void hairpinning_is_a_policy(void **state)
{
	struct forward *f = ready(state);
	struct mapping m = mapping(IPPROTO_UDP, 1872, 7851);
	int client = udp(lan_ns, CLIENT, 7851), neighbour = udp(lan_ns, CLIENT, 40005), error;

	assert_int_equal(forward_add(f, &m), 0);
	/* the lab's part of it: the packet must not come back with the host's own address */
	in_ns(router_ns, "nft 'add chain ip own out { type nat hook postrouting priority 100; };"
			 " add rule ip own out iif lan0 oif lan0 masquerade'");
	assert_true(arrives(neighbour, WAN, 1872, client));
	assert_false(arrives(neighbour, ROUTER, 1872, client));
	forward_free(f);
	profile.policy.nat_hairpinning = false;
	f = forward_new(&router, &error);
	*state = f;
	assert_non_null(f);
	assert_int_equal(forward_add(f, &m), 0);
	assert_false(arrives(neighbour, WAN, 1872, client));
	close(client);
	close(neighbour);
}

static void connections_may_outlive_their_mapping(void **state)
{
	struct forward *f = with_policy(state, "{forward: {ends-connections: false}}");
	struct mapping m = mapping(IPPROTO_UDP, 1872, 7851),
		       other = mapping(IPPROTO_UDP, 1872, 7852);
	int client = udp(lan_ns, CLIENT, 7851), fresh = udp(lan_ns, CLIENT, 7852);
	int peer = udp(peer_ns, PEER, 40010), stranger = udp(peer_ns, PEER, 40011);

	assert_int_equal(forward_add(f, &m), 0);
	assert_true(arrives(peer, WAN, 1872, client));
	assert_int_equal(forward_remove(f, &m), 0);
	assert_int_equal(forward_add(f, &other), 0);
	assert_true(arrives(peer, WAN, 1872, client));
	assert_true(arrives(stranger, WAN, 1872, fresh));
	close(client);
	close(fresh);
	close(peer);
	close(stranger);
}

static void hairpinning_may_need_something_sent_out(void **state)
{
	struct forward *f = with_policy(state, "{nat: {hairpin-needs-outbound: true}}");
	struct mapping m = mapping(IPPROTO_UDP, 1872, 7851);
	int client = udp(lan_ns, CLIENT, 7851), neighbour = udp(lan_ns, CLIENT, 40012);
	int peer = udp(peer_ns, PEER, 40013), late = udp(lan_ns, CLIENT, 40014);

	assert_int_equal(forward_add(f, &m), 0);
	assert_false(arrives(neighbour, WAN, 1872, client));
	assert_true(arrives(peer, WAN, 1872, client)); /* from outside it always works */
	assert_true(arrives(client, PEER, 40013, peer));
	assert_true(arrives(late, WAN, 1872, client));
	close(client);
	close(neighbour);
	close(peer);
	close(late);
}

/* Who sent the datagram that @at has, as "address:port". */
static const char *sender(int at)
{
	static char text[INET_ADDRSTRLEN + 8];
	struct sockaddr_in a = {0};
	struct pollfd p = {.fd = at, .events = POLLIN};
	char address[INET_ADDRSTRLEN];

	poll(&p, 1, 1000);
	recvfrom(at, &(char[16]){0}, 16, MSG_DONTWAIT, (struct sockaddr *)&a,
		 &(socklen_t){sizeof(a)});
	inet_ntop(AF_INET, &a.sin_addr, address, sizeof(address));
	snprintf(text, sizeof(text), "%s:%u", address, ntohs(a.sin_port));
	return text;
}

static void hairpinned_source_may_be_the_lan_s(void **state)
{
	struct forward *f = with_policy(state, "{nat: {hairpin-source: lan}}");
	struct mapping m = mapping(IPPROTO_UDP, 1872, 7851);
	int client = udp(lan_ns, CLIENT, 7851), neighbour = udp(lan_ns, CLIENT, 40015);
	struct sockaddr_in to = place(WAN, 1872);

	assert_int_equal(forward_add(f, &m), 0);
	sendto(neighbour, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
	assert_string_equal(sender(client), ROUTER ":40015");
	close(client);
	close(neighbour);
}

static void inbound_source_may_be_the_router_s(void **state)
{
	for (int hidden = 0; hidden <= 1; hidden++) {
		struct forward *f = with_policy(state, hidden ? "{nat: {inbound-source: lan}}"
							      : "{nat: {inbound-source: peer}}");
		struct mapping m = mapping(IPPROTO_UDP, 1872, 7851);
		int client = udp(lan_ns, CLIENT, 7851), peer = udp(peer_ns, PEER, 40023);
		struct sockaddr_in to = place(WAN, 1872);

		assert_int_equal(forward_add(f, &m), 0);
		in_ns(router_ns, "conntrack -F 2>/dev/null || :");
		sendto(peer, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
		assert_string_equal(sender(client), hidden ? ROUTER ":40023" : PEER ":40023");
		close(client);
		close(peer);
	}
}

/* What the endpoint has begun itself is answered after its mapping has gone, or not. */
static void flows_may_end_with_a_mapping(void **state)
{
	struct mapping m = mapping(IPPROTO_UDP, 1872, 7857);
	struct sockaddr_in to = place(PEER, 40024), from;
	socklen_t len = sizeof(from);
	char c;

	ready(state);
	inet_pton(AF_INET, WAN, &router.wan.address);
	/* the lab's part of it */
	in_ns(router_ns, "nft 'add chain ip own away { type nat hook postrouting priority 100; };"
			 " add rule ip own away oif wan0 masquerade'");
	for (int ends = 0; ends <= 1; ends++) {
		struct forward *f = with_policy(state, ends ? "{forward: {ends-flows: true}}"
							    : "{forward: {ends-flows: false}}");
		struct pollfd p = {.events = POLLIN};
		int peer = udp(peer_ns, PEER, 40024);

		p.fd = udp(lan_ns, CLIENT, 7857);
		sendto(p.fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
		assert_int_equal(recvfrom(peer, &c, 1, 0, (struct sockaddr *)&from, &len), 1);
		assert_int_equal(forward_add(f, &m), 0);
		assert_int_equal(forward_remove(f, &m), 0);
		sendto(peer, "x", 1, 0, (struct sockaddr *)&from, sizeof(from));
		assert_int_equal(poll(&p, 1, ends ? 100 : 1000), !ends);
		close(p.fd);
		close(peer);
	}
	in_ns(router_ns, "nft delete chain ip own away");
	router.wan.address.s_addr = 0;
}

/* The first word of one of the kernel's timers, in the router. */
static int timer(const char *name)
{
	char path[96], text[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/netfilter/%s", name);
	enter(router_ns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return atoi(text);
}

static void timers_may_be_short(void **state)
{
	struct forward *f = ready(state);
	int before = timer("nf_conntrack_udp_timeout");

	assert_true(before > 10);
	f = with_policy(state, "{nat: {timers: short}}");
	assert_int_equal(timer("nf_conntrack_udp_timeout"), 10);
	assert_int_equal(timer("nf_conntrack_tcp_timeout_established"), 60);
	profile.policy.nat_timers = 0;
	assert_int_equal(forward_reload(f), 0);
	assert_int_equal(timer("nf_conntrack_udp_timeout"), before);
}

static void outbound_ports_may_be_random(void **state)
{
	int client, peer = -1, moved = 0;
	struct sockaddr_in to = place(PEER, 40016);

	with_policy(state, "{nat: {outbound-port: random}}");
	client = udp(lan_ns, CLIENT, 7853);
	peer = udp(peer_ns, PEER, 40016);
	sendto(client, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
	moved += strcmp(sender(peer), WAN ":7853") != 0;
	close(client);
	client = udp(lan_ns, CLIENT, 7854);
	sendto(client, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
	moved += strcmp(sender(peer), WAN ":7854") != 0;
	assert_true(moved); /* either may be the same by chance, hardly both */
	close(client);
	close(peer);
}

/* Two hosts with one port: the second has none of its own, and is not served. */
static void outbound_ports_may_be_kept(void **state)
{
	int client, second, peer;

	with_policy(state, "{nat: {outbound-port: kept}}");
	in_ns(lan_ns, "ip addr replace " SECOND "/24 dev eth0");
	client = udp(lan_ns, CLIENT, 7855);
	second = udp(lan_ns, SECOND, 7855);
	peer = udp(peer_ns, PEER, 40017);
	assert_true(arrives(client, PEER, 40017, peer));
	assert_false(arrives(second, PEER, 40017, peer));
	close(second);
	second = udp(lan_ns, SECOND, 7856);
	assert_true(arrives(second, PEER, 40017, peer));
	close(client);
	close(second);
	close(peer);
}

/* Whom a datagram of the client's socket to the peer's comes from. */
static const char *leaves_as(int client, int peer, const char *address, uint16_t port)
{
	struct sockaddr_in to = place(address, port);

	in_ns(router_ns, "conntrack -F 2>/dev/null || :");
	sendto(client, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
	return sender(peer);
}

static void outbound_port_is_the_mapping_s(void **state)
{
	struct forward *f = with_policy(state, "{nat: {outbound-port: mapped}}");
	struct mapping m = mapping(IPPROTO_UDP, 1872, 7855);
	int client = udp(lan_ns, CLIENT, 7855), peer = udp(peer_ns, PEER, 5001);
	int next = udp(peer_ns, PEER, 5002);

	assert_int_equal(forward_add(f, &m), 0);
	assert_string_equal(leaves_as(client, peer, PEER, 5001), WAN ":1872");
	assert_int_equal(forward_remove(f, &m), 0);
	assert_string_not_equal(leaves_as(client, next, PEER, 5002), WAN ":1872");
	close(client);
	close(peer);
	close(next);
}

static void outbound_port_towards_a_remote_host(void **state)
{
	struct forward *f = with_policy(state, "{nat: {outbound-port: mapped}}");
	struct mapping wide = mapping(IPPROTO_UDP, 1872, 7856),
		       one = mapping(IPPROTO_UDP, 1873, 7856);
	int client = udp(lan_ns, CLIENT, 7856);
	int peer = udp(peer_ns, PEER, 5003), other = udp(peer_ns, OTHER, 5003);

	inet_pton(AF_INET, PEER, &one.remote_host);
	assert_int_equal(forward_add(f, &wide), 0);
	assert_int_equal(forward_add(f, &one), 0);
	assert_string_equal(leaves_as(client, peer, PEER, 5003), WAN ":1873");
	assert_string_equal(leaves_as(client, other, OTHER, 5003), WAN ":1872");
	close(client);
	close(peer);
	close(other);
}

/* The oldest mapping of an endpoint has what it sends; the next one follows it. */
static void outbound_port_passes_on(void **state)
{
	struct forward *f = with_policy(state, "{nat: {outbound-port: mapped}}");
	struct mapping first = mapping(IPPROTO_UDP, 1872, 7857),
		       second = mapping(IPPROTO_UDP, 1873, 7857);
	int client = udp(lan_ns, CLIENT, 7857), one = udp(peer_ns, PEER, 5004);
	int two = udp(peer_ns, PEER, 5005), three = udp(peer_ns, PEER, 5006);

	router.forward = f;
	router.portmap = portmap_new(&router);
	assert_int_equal(portmap_put(router.portmap, &first), 0);
	assert_int_equal(portmap_put(router.portmap, &second), 0);
	assert_string_equal(leaves_as(client, one, PEER, 5004), WAN ":1872");
	assert_int_equal(forward_remove(f, &second), 0);
	assert_string_equal(leaves_as(client, two, PEER, 5005), WAN ":1872");
	assert_int_equal(forward_add(f, &second), 0);
	assert_int_equal(forward_remove(f, &first), 0);
	assert_string_equal(leaves_as(client, three, PEER, 5006), WAN ":1873");
	portmap_free(router.portmap);
	router.portmap = NULL;
	router.forward = NULL;
	close(client);
	close(one);
	close(two);
	close(three);
}

/* Advance the clock and let the timers fire. */
static void pass(int64_t seconds)
{
	clock_advance(seconds * CLOCK_SECOND);
	loop_step(router.loop, 0);
}

static void idle_connections_may_be_forgotten(void **state)
{
	struct forward *f;
	struct mapping m = mapping(IPPROTO_UDP, 1872, 7851);
	struct sockaddr_in back = place(PEER, 40017);
	int client, peer;

	ready(state);
	router.loop = loop_new();
	/* a mapped endpoint's port would hide that the connection is a new one */
	f = with_policy(state, "{nat: {udp-idle: 30s, outbound-port: unchanged}}");
	client = udp(lan_ns, CLIENT, 7851);
	peer = udp(peer_ns, PEER, 40017);
	in_ns(router_ns, "nft 'add chain ip own out { type nat hook postrouting priority 100; };"
			 " add rule ip own out oif wan0 masquerade'");
	assert_int_equal(forward_add(f, &m), 0);
	assert_true(arrives(peer, WAN, 1872, client));
	for (int i = 0; i < 4; i++) { /* kept alive */
		pass(20);
		sendto(client, "x", 1, 0, (struct sockaddr *)&back, sizeof(back));
		assert_string_equal(sender(peer), WAN ":1872");
	}
	pass(29);
	sendto(client, "x", 1, 0, (struct sockaddr *)&back, sizeof(back));
	assert_string_equal(sender(peer), WAN ":1872");
	pass(38);
	sendto(client, "x", 1, 0, (struct sockaddr *)&back, sizeof(back));
	assert_string_equal(sender(peer), WAN ":7851"); /* it goes out as a new one */
	close(client);
	close(peer);
	forward_free(f);
	*state = NULL;
	loop_free(router.loop);
	router.loop = NULL;
}

static void a_mapping_may_forward_either_protocol(void **state)
{
	struct forward *f = with_policy(state, "{forward: {protocols: either}}");
	struct mapping tcp = mapping(IPPROTO_TCP, 1872, 7851);
	int client = udp(lan_ns, CLIENT, 7851), peer = udp(peer_ns, PEER, 40020);

	assert_false(arrives(peer, WAN, 1872, client));
	assert_int_equal(forward_add(f, &tcp), 0);
	assert_true(arrives(peer, WAN, 1872, client));
	assert_int_equal(forward_remove(f, &tcp), 0);
	close(client);
	close(peer);
}

static void fragments_may_be_lost(void **state)
{
	struct mapping m = mapping(IPPROTO_UDP, 1873, 7851);
	struct sockaddr_in to = place(WAN, 1873);
	static const char large[3000];
	int client, peer;

	for (int lost = 0; lost <= 1; lost++) {
		struct forward *f = with_policy(state, lost ? "{nat: {loses: fragments}}"
							    : "{nat: {loses: nothing}}");
		struct pollfd p = {.events = POLLIN};

		p.fd = client = udp(lan_ns, CLIENT, 7851);
		peer = udp(peer_ns, PEER, 40021);
		assert_int_equal(forward_add(f, &m), 0);
		assert_true(arrives(peer, WAN, 1873, client));
		assert_int_equal(
			sendto(peer, large, sizeof(large), 0, (struct sockaddr *)&to, sizeof(to)),
			sizeof(large));
		assert_int_equal(poll(&p, 1, 100), !lost);
		close(client);
		close(peer);
	}
}

static void large_packets_may_be_lost(void **state)
{
	struct mapping m = mapping(IPPROTO_UDP, 1873, 7859);
	struct sockaddr_in to = place(WAN, 1873);
	static const char large[1400];
	static const size_t sizes[] = {1400, 1200};
	char got[1400];
	struct pollfd p = {.events = POLLIN};
	struct forward *f = with_policy(state, "{nat: {loses: large}}");
	int peer = udp(peer_ns, PEER, 40022);

	p.fd = udp(lan_ns, CLIENT, 7859);
	assert_int_equal(forward_add(f, &m), 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		sendto(peer, large, sizes[i], 0, (struct sockaddr *)&to, sizeof(to));
	assert_int_equal(poll(&p, 1, 1000), 1);
	assert_int_equal(recv(p.fd, got, sizeof(got), 0), sizes[1]); /* the second one is first */
	close(p.fd);
	close(peer);
}

static void outbound_ports_may_be_few(void **state)
{
	int client, peer;
	unsigned port = 0;

	with_policy(state, "{nat: {outbound-port: narrow}}");
	client = udp(lan_ns, CLIENT, 7860);
	peer = udp(peer_ns, PEER, 40023);
	assert_int_equal(sscanf(leaves_as(client, peer, PEER, 40023), WAN ":%u", &port), 1);
	assert_in_range(port, 50000, 50063);
	close(client);
	close(peer);
}

/* Whether the client learns that nobody listens where it sends to, and may be reached after that.
 */
static void icmp_may_be_lost_or_avenged(void **state)
{
	static const struct {
		const char *policy;
		bool learns, reached;
	} rows[] = {
		{"{nat: {loses: nothing}}", true, true},
		{"{nat: {loses: icmp}}", false, true},
		{"{nat: {loses: icmp-errors}}", false, true},
		{"{nat: {loses: nothing, icmp-blocks: true}}", true, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct forward *f = with_policy(state, rows[i].policy);
		uint16_t port = (uint16_t)(1880 + i);
		struct mapping m = mapping(IPPROTO_UDP, port, port),
			       other = mapping(IPPROTO_UDP, 1890, 7851);
		struct sockaddr_in nobody = place(PEER, (uint16_t)(5900 + i));
		int client = udp(lan_ns, CLIENT, port), second = udp(lan_ns, CLIENT, 7851);
		int peer = udp(peer_ns, PEER, (uint16_t)(40022 + i));
		struct pollfd p = {.fd = client, .events = POLLIN};

		assert_int_equal(forward_add(f, &m), 0);
		assert_int_equal(forward_add(f, &other), 0);
		assert_int_equal(connect(client, (struct sockaddr *)&nobody, sizeof(nobody)), 0);
		assert_int_equal(send(client, "x", 1, 0), 1);
		assert_row(i, poll(&p, 1, 200) == 1, rows[i].learns);
		close(client);
		client = udp(lan_ns, CLIENT, port);
		assert_row(i, arrives(peer, WAN, port, client), rows[i].reached);
		assert_row(i, arrives(peer, WAN, 1890, second), true);
		close(client);
		close(second);
		close(peer);
	}
}

static void sip_may_be_changed(void **state)
{
	struct sockaddr_in to = place(PEER, 5060);
	char text[16] = "";
	int client, peer;

	with_policy(state, "{nat: {sip-alg: true}}");
	client = udp(lan_ns, CLIENT, 7861);
	peer = udp(peer_ns, PEER, 5060);
	sendto(client, "INVITE sip:a", 12, 0, (struct sockaddr *)&to, sizeof(to));
	assert_string_not_equal(sender(peer), "");
	sendto(client, "INVITE sip:a", 12, 0, (struct sockaddr *)&to, sizeof(to));
	assert_int_equal(poll(&(struct pollfd){.fd = peer, .events = POLLIN}, 1, 1000), 1);
	assert_int_equal(recv(peer, text, sizeof(text), MSG_DONTWAIT), 12);
	assert_memory_equal(text, "SIP TE sip:a", 12);
	close(client);
	close(peer);
}

static void reload_makes_the_table_of_the_policy(void **state)
{
	struct forward *f = ready(state);
	struct mapping m = mapping(IPPROTO_UDP, 1872, 7851);
	int client = udp(lan_ns, CLIENT, 7851), neighbour = udp(lan_ns, CLIENT, 40018);
	int peer = udp(peer_ns, PEER, 40019);

	assert_int_equal(forward_add(f, &m), 0);
	assert_true(arrives(peer, WAN, 1872, client));
	profile.policy.nat_hairpinning = false;
	assert_int_equal(forward_reload(f), 0);
	assert_true(arrives(peer, WAN, 1872, client)); /* the connection lives */
	assert_int_equal(forward_add(f, &m), 0);
	assert_false(arrives(neighbour, WAN, 1872, client));
	profile.policy.nat_hairpinning = true;
	assert_int_equal(forward_set_enabled(f, false), 0);
	assert_int_equal(forward_reload(f), 0);
	assert_int_equal(forward_add(f, &m), 0);
	assert_false(arrives(peer, WAN, 1872, client)); /* the WAN is still down */
	close(client);
	close(neighbour);
	close(peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NETWORK_TEST(hairpinning_is_a_policy),
		NETWORK_TEST(connections_may_outlive_their_mapping),
		NETWORK_TEST(hairpinning_may_need_something_sent_out),
		NETWORK_TEST(hairpinned_source_may_be_the_lan_s),
		NETWORK_TEST(inbound_source_may_be_the_router_s),
		NETWORK_TEST(flows_may_end_with_a_mapping),
		NETWORK_TEST(timers_may_be_short),
		NETWORK_TEST(outbound_ports_may_be_random),
		NETWORK_TEST(outbound_ports_may_be_kept),
		NETWORK_TEST(outbound_port_is_the_mapping_s),
		NETWORK_TEST(outbound_port_towards_a_remote_host),
		NETWORK_TEST(outbound_port_passes_on),
		NETWORK_TEST(idle_connections_may_be_forgotten),
		NETWORK_TEST(a_mapping_may_forward_either_protocol),
		NETWORK_TEST(fragments_may_be_lost),
		NETWORK_TEST(large_packets_may_be_lost),
		NETWORK_TEST(outbound_ports_may_be_few),
		NETWORK_TEST(icmp_may_be_lost_or_avenged),
		NETWORK_TEST(sip_may_be_changed),
		NETWORK_TEST(reload_makes_the_table_of_the_policy),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
