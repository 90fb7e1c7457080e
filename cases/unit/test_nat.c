/* SPDX-License-Identifier: MIT */
/*
 * test_nat.c - the NAT of a router node, with packets: client - router - two peers.
 *
 * Everything happens in namespaces of the test's own; where the kernel forbids them it is skipped.
 *
 * links: sim
 */
#include "../../sim/nat.h"

#include "netns_fixture.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#define CLIENT	  "192.168.1.4"
#define NEIGHBOUR "192.168.1.5"
#define ROUTER	  "192.168.1.1"
#define WAN	  "44.0.1.2"
#define PEER	  "44.0.1.10"
#define OTHER	  "44.0.1.11"

static int lan_ns = -1, router_ns = -1, peer_ns = -1;
static int group_setup(void **state)
{
	char map[160];

	(void)state;
	if (!own_namespaces(&lan_ns, &peer_ns, &router_ns))
		return 0;
	snprintf(map, sizeof(map), "ip link add lan0 type veth peer name eth0 netns /proc/%d/fd/%d",
		 getpid(), lan_ns);
	enter_and_run(router_ns, map);
	snprintf(map, sizeof(map), "ip link add wan type veth peer name eth0 netns /proc/%d/fd/%d",
		 getpid(), peer_ns);
	enter_and_run(router_ns, map);
	enter_and_run(router_ns,
		      "ip link set lo up; ip link set lan0 up; ip link set wan up;"
		      "ip addr add " ROUTER "/24 dev lan0; ip addr add " WAN "/24 dev wan;"
		      "ip -6 addr add 2001:db8:1::1/64 dev lan0 nodad;"
		      "ip -6 addr add 2001:db8:2::1/64 dev wan nodad;"
		      "echo 1 > /proc/sys/net/ipv4/ip_forward;"
		      "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
	enter_and_run(lan_ns,
		      "ip link set eth0 up; ip addr add " CLIENT "/24 dev eth0;"
		      "ip addr add " NEIGHBOUR "/24 dev eth0; ip route add default via " ROUTER ";"
		      "ip -6 addr add 2001:db8:1::4/64 dev eth0 nodad;"
		      "ip -6 route add default via 2001:db8:1::1");
	enter_and_run(peer_ns, "ip link set eth0 up; ip addr add " PEER "/24 dev eth0;"
			       "ip addr add " OTHER "/24 dev eth0;"
			       "ip -6 addr add 2001:db8:2::10/64 dev eth0 nodad;"
			       "ip -6 route add default via 2001:db8:2::1");
	enter_and_run(router_ns, "ip link show lan0 >/dev/null; ip link show wan >/dev/null");
	enter_and_run(lan_ns, "ip link show eth0 >/dev/null");
	enter_and_run(peer_ns, "ip link show eth0 >/dev/null");
	return 0;
}

static struct nat_behaviour behaviour(void)
{
	return (struct nat_behaviour){.enabled = true,
				      .mapping = NAT_ENDPOINT_INDEPENDENT,
				      .filtering = NAT_ADDRESS_AND_PORT_DEPENDENT,
				      .preserve_ports = true,
				      .hairpinning = true};
}

static void set_up(struct nat_behaviour nat)
{
	struct network networks[2] = {{.name = "home"}, {.name = "internet", .prefix6 = 64}};
	struct topology t = {.networks = networks, .network_count = 2};
	struct node node = {
		.name = "r1",
		.kind = NODE_ROUTER,
		.ports = {{.role = PORT_LAN, .ifname = "lan0", .network = 0},
			  {.role = PORT_WAN, .ifname = "wan", .network = 1}},
		.port_count = 2,
		.nat = nat,
	};
	struct diag d = {0};

	if (why_not[0]) {
		print_message("skipped: %s\n", why_not);
		skip();
	}
	enter(router_ns);
	assert_int_equal(nat_setup(&t, &node, &d), 0);
	assert_int_equal(d.errors, 0);
	assert_int_equal(nat_reset(), 0);
}

static struct sockaddr_in at(const char *address, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

	assert_int_equal(inet_pton(AF_INET, address, &a.sin_addr), 1);
	return a;
}

/* A bound socket in a namespace; waits at most 50 ms where it waits. */
static int open_socket(int ns, int type, const char *address, uint16_t port)
{
	struct sockaddr_in a = at(address, port);
	struct timeval wait = {.tv_usec = 50000};
	int fd, on = 1;

	enter(ns);
	fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void send_to(int fd, const char *address, uint16_t port)
{
	struct sockaddr_in a = at(address, port);

	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
}

/* Port of whoever sent what arrives at @fd, 0 when nothing does; its address to @from. */
static uint16_t receive(int fd, char *from)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	char data[16];

	if (recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&a, &len) < 0)
		return 0;
	if (from)
		inet_ntop(AF_INET, &a.sin_addr, from, INET_ADDRSTRLEN);
	return ntohs(a.sin_port);
}

/* External port that CLIENT:5000 gets towards one remote endpoint. */
static uint16_t external_port(const char *address, uint16_t port)
{
	int client = open_socket(lan_ns, SOCK_DGRAM, CLIENT, 5000);
	int remote = open_socket(peer_ns, SOCK_DGRAM, address, port);
	char from[INET_ADDRSTRLEN] = "";
	uint16_t external;

	send_to(client, address, port);
	external = receive(remote, from);
	if (external)
		assert_string_equal(from, WAN);
	close(client);
	close(remote);
	return external;
}

static void mapping_endpoint_independent(void **state)
{
	struct nat_behaviour nat = behaviour();
	uint16_t port;

	(void)state;
	set_up(nat);
	assert_int_equal(external_port(PEER, 7), 5000);
	assert_int_equal(external_port(PEER, 8), 5000);
	assert_int_equal(external_port(OTHER, 7), 5000);

	nat.preserve_ports = false;
	set_up(nat);
	port = external_port(PEER, 7);
	assert_true(port >= 32768);
	assert_int_equal(external_port(PEER, 8), port);
	assert_int_equal(external_port(OTHER, 7), port);
}

static void mapping_address_dependent(void **state)
{
	struct nat_behaviour nat = behaviour();
	uint16_t port;

	(void)state;
	nat.mapping = NAT_ADDRESS_DEPENDENT;
	nat.preserve_ports = false;
	set_up(nat);
	port = external_port(PEER, 7);
	assert_true(port >= 32768);
	assert_int_equal(external_port(PEER, 8), port);
	assert_int_not_equal(external_port(OTHER, 7), port);

	nat.preserve_ports = true;
	set_up(nat);
	assert_int_equal(external_port(PEER, 7), 5000);
	assert_int_equal(external_port(PEER, 8), 5000);
	port = external_port(OTHER, 7);
	assert_int_not_equal(port, 5000);
	assert_int_equal(external_port(OTHER, 8), port);
}

static void mapping_address_and_port_dependent(void **state)
{
	struct nat_behaviour nat = behaviour();
	uint16_t port;

	(void)state;
	nat.mapping = NAT_ADDRESS_AND_PORT_DEPENDENT;
	nat.preserve_ports = false;
	set_up(nat);
	port = external_port(PEER, 7);
	assert_int_not_equal(port, 0);
	assert_int_not_equal(external_port(PEER, 8), port);

	nat.preserve_ports = true;
	set_up(nat);
	assert_int_equal(external_port(PEER, 7), 5000);
	assert_int_not_equal(external_port(PEER, 8), 5000);
	assert_int_not_equal(external_port(OTHER, 7), 5000);
}

/* Whether, after CLIENT:5000 sent to PEER:7, a datagram from there reaches it through the NAT. */
static bool answers_from(const char *address, uint16_t port)
{
	int client = open_socket(lan_ns, SOCK_DGRAM, CLIENT, 5000);
	int remote = open_socket(peer_ns, SOCK_DGRAM, PEER, 7);
	int sender = remote;
	char from[INET_ADDRSTRLEN] = "";
	uint16_t external, got;

	send_to(client, PEER, 7);
	external = receive(remote, NULL);
	assert_int_not_equal(external, 0);
	if (strcmp(address, PEER) || port != 7)
		sender = open_socket(peer_ns, SOCK_DGRAM, address, port);
	send_to(sender, WAN, external);
	got = receive(client, from);
	if (got) {
		assert_int_equal(got, port);
		assert_string_equal(from, address);
	}
	close(client);
	close(remote);
	if (sender != remote)
		close(sender);
	return got;
}

static void filtering(void **state)
{
	static const struct {
		enum nat_mapping filtering;
		bool same, same_address, any;
	} table[] = {
		{NAT_ENDPOINT_INDEPENDENT, true, true, true},
		{NAT_ADDRESS_DEPENDENT, true, true, false},
		{NAT_ADDRESS_AND_PORT_DEPENDENT, true, false, false},
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(table) / sizeof(table[0]); i++) {
		struct nat_behaviour nat = behaviour();

		nat.filtering = table[i / 2].filtering;
		nat.preserve_ports = i % 2;
		set_up(nat);
		assert_int_equal(answers_from(PEER, 7), table[i / 2].same);
		assert_int_equal(answers_from(PEER, 8), table[i / 2].same_address);
		assert_int_equal(answers_from(OTHER, 9), table[i / 2].any);
	}
}

static void reset_forgets_mappings(void **state)
{
	struct nat_behaviour nat = behaviour();
	int client, sender;

	(void)state;
	nat.filtering = NAT_ENDPOINT_INDEPENDENT;
	set_up(nat);
	assert_true(answers_from(OTHER, 9));
	client = open_socket(lan_ns, SOCK_DGRAM, CLIENT, 5000);
	sender = open_socket(peer_ns, SOCK_DGRAM, OTHER, 10);
	send_to(sender, WAN, 5000);
	assert_int_equal(receive(client, NULL), 10);
	enter(router_ns);
	assert_int_equal(nat_reset(), 0);
	send_to(sender, WAN, 5000);
	assert_int_equal(receive(client, NULL), 0);
	close(client);
	close(sender);
}

/* NEIGHBOUR sends to the external endpoint of CLIENT:5000. */
static bool hairpin(char *from)
{
	int client = open_socket(lan_ns, SOCK_DGRAM, CLIENT, 5000);
	int remote = open_socket(peer_ns, SOCK_DGRAM, PEER, 7);
	int neighbour = open_socket(lan_ns, SOCK_DGRAM, NEIGHBOUR, 6000);
	uint16_t got;

	send_to(client, PEER, 7);
	assert_int_equal(receive(remote, NULL), 5000);
	send_to(neighbour, WAN, 5000);
	got = receive(client, from);
	close(client);
	close(remote);
	close(neighbour);
	return got;
}

static void hairpinning(void **state)
{
	struct nat_behaviour nat = behaviour();
	char from[INET_ADDRSTRLEN] = "";

	(void)state;
	nat.filtering = NAT_ENDPOINT_INDEPENDENT;
	set_up(nat);
	assert_true(hairpin(from));
	assert_string_equal(from, WAN);
	nat.hairpinning = false;
	set_up(nat);
	assert_false(hairpin(from));
}

/* errno of a TCP connection. */
static int connect_error(int ns, const char *from, const char *to, uint16_t port)
{
	int fd = open_socket(ns, SOCK_STREAM, from, 0);
	struct sockaddr_in a = at(to, port);
	int error = connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? errno : 0;

	close(fd);
	return error;
}

static void closed_towards_the_wan(void **state)
{
	int listener;

	(void)state;
	set_up(behaviour());
	listener = open_socket(router_ns, SOCK_STREAM, "0.0.0.0", 5431);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(connect_error(lan_ns, CLIENT, ROUTER, 5431), 0);
	assert_int_equal(connect_error(peer_ns, PEER, WAN, 5431), ECONNREFUSED);
	enter_and_run(router_ns, "nft add element ip igdlab wan_open '{ tcp . 5431 }'");
	assert_int_equal(connect_error(peer_ns, PEER, WAN, 5431), 0);
	close(listener);
	enter_and_run(peer_ns, "ping -c1 -W1 " WAN " >/dev/null");
	enter_and_run(peer_ns, "ip route add 192.168.1.0/24 via " WAN);
	assert_int_equal(connect_error(peer_ns, PEER, CLIENT, 80), ECONNREFUSED);
	enter_and_run(peer_ns, "ip route del 192.168.1.0/24 via " WAN);
}

static void a_mapping_lets_in(void **state)
{
	int listener, fd;
	struct sockaddr_in a = at(WAN, 1872);

	(void)state;
	set_up(behaviour());
	enter_and_run(router_ns,
		      "nft 'table ip daemon { chain c { type nat hook prerouting priority -100;"
		      "ip daddr " WAN " tcp dport 1872 dnat to " CLIENT ":80; }; }'");
	listener = open_socket(lan_ns, SOCK_STREAM, CLIENT, 80);
	assert_int_equal(listen(listener, 4), 0);
	fd = open_socket(peer_ns, SOCK_STREAM, PEER, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
	close(listener);
	enter_and_run(router_ns, "nft delete table ip daemon");
}

static void ipv6_is_closed_inwards(void **state)
{
	struct sockaddr_in6 client = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
	struct sockaddr_in6 peer = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
	int listener, fd;

	(void)state;
	set_up(behaviour());
	inet_pton(AF_INET6, "2001:db8:1::4", &client.sin6_addr);
	inet_pton(AF_INET6, "2001:db8:2::10", &peer.sin6_addr);
	enter(peer_ns);
	listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&peer, sizeof(peer)), 0);
	assert_int_equal(listen(listener, 4), 0);
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&client, sizeof(client)), -1);
	assert_int_equal(errno, EACCES); /* administratively prohibited */
	close(fd);
	enter(lan_ns);
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&peer, sizeof(peer)), 0);
	close(fd);
	close(listener);
}

static void timeouts_are_the_kernels(void **state)
{
	struct nat_behaviour nat = behaviour();

	(void)state;
	nat.udp_timeout = 17;
	nat.tcp_timeout = 1234;
	set_up(nat);
	enter_and_run(router_ns,
		      "test $(cat /proc/sys/net/netfilter/nf_conntrack_udp_timeout) = 17");
	enter_and_run(router_ns,
		      "test $(cat /proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream) = 17");
	enter_and_run(
		router_ns,
		"test $(cat /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established) = 1234");
}

static void without_nat(void **state)
{
	struct nat_behaviour nat = behaviour();
	int client, remote;
	char from[INET_ADDRSTRLEN] = "";

	(void)state;
	nat.enabled = false;
	set_up(nat);
	enter_and_run(peer_ns, "ip route add 192.168.1.0/24 via " WAN);
	client = open_socket(lan_ns, SOCK_DGRAM, CLIENT, 5000);
	remote = open_socket(peer_ns, SOCK_DGRAM, PEER, 7);
	send_to(remote, CLIENT, 5000);
	assert_int_equal(receive(client, from), 7);
	send_to(client, PEER, 7);
	assert_int_equal(receive(remote, from), 5000);
	assert_string_equal(from, CLIENT);
	close(client);
	close(remote);
	enter_and_run(peer_ns, "ip route del 192.168.1.0/24 via " WAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mapping_endpoint_independent),
		cmocka_unit_test(mapping_address_dependent),
		cmocka_unit_test(mapping_address_and_port_dependent),
		cmocka_unit_test(filtering),
		cmocka_unit_test(reset_forgets_mappings),
		cmocka_unit_test(hairpinning),
		cmocka_unit_test(closed_towards_the_wan),
		cmocka_unit_test(a_mapping_lets_in),
		cmocka_unit_test(ipv6_is_closed_inwards),
		cmocka_unit_test(timeouts_are_the_kernels),
		cmocka_unit_test(without_nat),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
