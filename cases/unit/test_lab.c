/* SPDX-License-Identifier: MIT */
/*
 * test_lab.c - networks of labs, interfaces of the host, connections: all for real.
 *
 * links: sim
 */
#include "lab_fixture.h"

/* What a first packet takes that was lost: ARP asks again after a second. */
#define RETRY_MS 1000

/* ------------------------------------------------------------ the network */

static void test_flat(void **state)
{
	struct lab_options options = {0};
	struct lab lab = start(&options, "flat");
	json_t *info = ask(&lab, "{'op': 'info', 'id': 7}"), *port;
	char source[INET_ADDRSTRLEN];

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(info, "id")), 7);
	assert_int_equal(json_integer_value(json_object_get(info, "pid")), lab.pid);
	assert_string_equal(json_string_value(json_object_get(info, "client")), "client");
	port = json_object_get(json_object_get(json_object_get(info, "nodes"), "r1"), "ports");
	port = json_array_get(port, 1);
	assert_string_equal(json_string_value(json_object_get(port, "ifname")), "wan");
	assert_string_equal(json_string_value(json_object_get(port, "role")), "wan");
	assert_string_equal(json_string_value(json_object_get(port, "address")), "44.0.1.2");
	json_decref(info);
	assert_true(carry(&lab, "client", "peer", "44.0.1.10", source) < RETRY_MS);
	assert_string_equal(source, "44.0.1.2");
	finish(&lab, &options);
}

/* perf.md clause 0.5: without the carrier query one in 25 would stall for a second. */
static void test_first_packet_never_stalls(void **state)
{
	struct lab_options options = {0};
	char source[INET_ADDRSTRLEN];

	(void)state;
	for (int i = 0; i < 30; i++) {
		struct lab lab = start(&options, "nested-3");

		assert_true(carry(&lab, "client", "peer", "44.0.1.10", source) < RETRY_MS);
		finish(&lab, &options);
	}
}

static const char bridged[] =
	"summary: three hosts, one slow link\n"
	"networks:\n"
	"  home: {subnet: 192.168.1.0/24}\n"
	"  far: {subnet: 10.0.0.0/24, delay: 20ms, mtu: 1400}\n"
	"nodes:\n"
	"  client: {kind: host, attach: {home: 192.168.1.4}, gateway: r1}\n"
	"  other: {kind: host, attach: {home: 192.168.1.5}, gateway: r1}\n"
	"  r1: {kind: router, lan: {home: 192.168.1.1}, wan: {far: 10.0.0.2}}\n"
	"  peer: {kind: host, attach: {far: 10.0.0.10}}\n";

static void test_bridge_and_impairment(void **state)
{
	const char *path = file_with("bridged.yaml", bridged, 0644);
	struct lab_options options = {0};
	struct lab lab = start(&options, path);
	char source[INET_ADDRSTRLEN];
	double took;

	(void)state;
	assert_true(carry(&lab, "client", "other", "192.168.1.5", source) < RETRY_MS);
	assert_string_equal(source, "192.168.1.4");
	/* The way of one packet; the address resolution before it takes two more. */
	took = carry(&lab, "client", "peer", "10.0.0.10", source);
	assert_true(took >= 20 && took < RETRY_MS);
	took = carry(&lab, "client", "peer", "10.0.0.10", source);
	assert_true(took >= 19 && took < RETRY_MS);
	says(&lab, "r1", "cat /sys/class/net/wan/mtu", "1400\n");
	says(&lab, "client", "cat /sys/class/net/eth0/mtu", "1500\n");
	finish(&lab, &options);
}

static void test_ipv6(void **state)
{
	struct lab_options options = {0};
	struct lab lab = start(&options, "dual-stack");
	int out = node_socket(&lab, "client", "inet6", "dgram");
	int in = node_socket(&lab, "peer", "inet6", "dgram");
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(5)}, to = any, seen;
	socklen_t len = sizeof(seen);
	char bytes[8];
	int status;

	(void)state;
	inet_pton(AF_INET6, "2a0e:b107:1:2::10", &to.sin6_addr);
	assert_int_equal(bind(in, (struct sockaddr *)&any, sizeof(any)), 0);
	/* By the route that the router advertised, to a peer that knows the way back. */
	assert_int_equal(sendto(out, "six", 3, 0, (struct sockaddr *)&to, sizeof(to)), 3);
	assert_int_equal(recvfrom(in, bytes, sizeof(bytes), 0, (struct sockaddr *)&seen, &len), 3);
	assert_int_equal(sendto(in, "back", 4, 0, (struct sockaddr *)&seen, len), 4);
	assert_int_equal(recv(out, bytes, sizeof(bytes), 0), 4);
	assert_non_null(strstr(shell(&lab, "client", "ip -6 route show default", &status),
			       "via fe80::69:67ff:fe"));
	close(in);
	close(out);
	finish(&lab, &options);
}

/* @link: more of the network that it shares with its router */
#define AUTOCONFIGURED(link)                                                                       \
	"summary: a client that takes its address from the router\n"                               \
	"networks:\n"                                                                              \
	"  home: {subnet: 192.168.1.0/24, subnet6: '2a0e:b107:1:1::/64'" link "}\n"                \
	"  out: {subnet: 44.0.1.0/24}\n"                                                           \
	"nodes:\n"                                                                                 \
	"  client: {kind: host, attach: {home: 192.168.1.4}, gateway: r1}\n"                       \
	"  r1:\n"                                                                                  \
	"    kind: router\n"                                                                       \
	"    lan: {home: [192.168.1.1, '2a0e:b107:1:1::1']}\n"                                     \
	"    wan: {out: 44.0.1.2}\n"                                                               \
	"    router_advertisement: true\n"

static void test_autoconfiguration(void **state)
{
	struct lab_options options = {0};
	struct lab lab = start(&options, file_with("auto.yaml", AUTOCONFIGURED(""), 0644));

	(void)state;
	/* RFC 4862: the advertised prefix and the interface's hardware address. */
	says(&lab, "client", "ip -6 -o addr show scope global | grep -o '2a0e[^ ]*'",
	     "2a0e:b107:1:1:69:67ff:fe01:101/64\n");
	finish(&lab, &options);
}

/* A lab that is up has settled: its hosts have heard of their routers, however slow the link. */
static void test_advertisement_over_a_slow_link(void **state)
{
	struct lab_options options = {0};
	struct lab lab =
		start(&options, file_with("slow.yaml", AUTOCONFIGURED(", delay: 300ms"), 0644));
	int status;

	(void)state;
	assert_non_null(strstr(shell(&lab, "client", "ip -6 route show default", &status), "ra"));
	says(&lab, "client", "ip -6 -o addr show scope global | grep -o '2a0e[^ ]*'",
	     "2a0e:b107:1:1:69:67ff:fe01:101/64\n");
	finish(&lab, &options);
}

static void test_link_down_and_up(void **state)
{
	struct lab_options options = {0};
	struct lab lab = start(&options, "dual-stack");
	char source[INET_ADDRSTRLEN], before[512];
	int status;

	(void)state;
	snprintf(before, sizeof(before), "%s",
		 shell(&lab, "r1", "ip -6 -o addr show dev wan | cut -d' ' -f1-9", &status));
	tell(&lab, "{'op': 'link', 'node': 'client', 'ifname': 'eth0', 'up': false}");
	tell(&lab, "{'op': 'link', 'node': 'r1', 'ifname': 'wan', 'up': false}");
	says(&lab, "client", "ip route", "");
	tell(&lab, "{'op': 'link', 'node': 'r1', 'ifname': 'wan', 'up': true}");
	tell(&lab, "{'op': 'link', 'node': 'client', 'ifname': 'eth0', 'up': true}");
	assert_true(carry(&lab, "client", "peer", "44.0.1.10", source) < RETRY_MS);
	assert_string_equal(
		shell(&lab, "r1", "ip -6 -o addr show dev wan | cut -d' ' -f1-9", &status), before);
	finish(&lab, &options);
}

/* ------------------------------------------------------------ interfaces of the host */

static const char physical_router[] =
	"summary: a physical router on one cable\n"
	"networks: {home: {subnet: 192.168.1.0/24}}\n"
	"nodes:\n"
	"  client: {kind: host, attach: {home: 192.168.1.4}, gateway: r1}\n"
	"  other: {kind: host, attach: {home: 192.168.1.5}, gateway: r1}\n"
	"  r1: {kind: router, lan: {home: {address: 192.168.1.1, interface: cable1}}}\n";

static const char physical_host[] =
	"summary: a port that is an interface of the host\n"
	"networks: {home: {subnet: 192.168.1.0/24}}\n"
	"nodes:\n"
	"  client: {kind: host, attach: {home: {address: 192.168.1.4, interface: cable1}}}\n";

/* A network namespace that stands for the host: one end of a cable stays, the other is plugged in.
 */
static void make_cable(void)
{
	struct link_end stays = {.ifname = "cable0", .index = 10};
	struct link_end goes = {.ifname = "cable1", .index = 11};
	struct in_addr address = at("192.168.1.1", 0).sin_addr;
	struct nl_sock *sk;
	int self;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	self = netns_self();
	sk = link_socket();
	assert_int_equal(link_veth(sk, &stays, 0, &goes, self), 0);
	assert_int_equal(link_address(sk, 10, AF_INET, &address, 24), 0);
	link_socket_free(sk);
	close(self);
}

/* A datagram from the lab's client to the address at our end of the cable. */
static void reaches_us(struct lab *lab)
{
	int out = node_socket(lab, "client", "inet", "dgram");
	int in = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in us = at("192.168.1.1", 9), seen;
	struct timeval limit = {.tv_sec = 5};
	socklen_t len = sizeof(seen);
	char bytes[8];

	setsockopt(in, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(bind(in, (struct sockaddr *)&us, sizeof(us)), 0);
	assert_int_equal(sendto(out, "hello", 5, 0, (struct sockaddr *)&us, sizeof(us)), 5);
	assert_int_equal(recvfrom(in, bytes, sizeof(bytes), 0, (struct sockaddr *)&seen, &len), 5);
	assert_int_equal(seen.sin_addr.s_addr, at("192.168.1.4", 0).sin_addr.s_addr);
	close(in);
	close(out);
}

static void with_cable(const char *name, const char *topology)
{
	struct lab_options options = {0};
	struct diag d = {0};
	struct lab lab;

	make_cable();
	lab = start(&options, file_with(name, topology, 0644));
	reaches_us(&lab);
	/* It is gone from here as long as the lab has it. */
	assert_int_equal(if_nametoindex("cable1"), 0);
	assert_int_equal(lab_start(&options, &lab, &d), 3);
	assert_non_null(strstr(d.text.data, "interface \"cable1\": no such interface"));
	diag_free(&d);
}

static void test_physical_interfaces(void **state)
{
	static const char *const topologies[] = {physical_router, physical_host};

	(void)state;
	if (geteuid() != 0)
		skip(); /* the host's interfaces are root's */
	for (size_t i = 0; i < ARRAY_SIZE(topologies); i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			with_cable("cable.yaml", topologies[i]);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		assert_int_equal(status, 0);
	}
}

/* ------------------------------------------------------------ connections */

static void test_named_lab(void **state)
{
	struct lab_options options = {.name = own_name("named")}, again = options;
	struct lab lab = start(&options, "flat"), one, two, other;
	struct diag d = {0};
	char **names;
	size_t count = lab_list(&names), found = 0;
	json_t *event;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		found += !strcmp(names[i], options.name);
		free(names[i]);
	}
	free(names);
	assert_int_equal(found, 1);
	again.topology = options.topology;
	again.data = options.data;
	assert_int_equal(lab_start(&again, &other, &d), 3);
	assert_non_null(strstr(d.text.data, "running already"));
	diag_free(&d);
	again.name = "no/slash";
	assert_int_equal(lab_start(&again, &other, &d), 3);
	assert_non_null(strstr(d.text.data, "cannot be the name"));
	diag_free(&d);
	assert_int_equal(lab_connect(options.name, &one), 0);
	assert_int_equal(lab_connect(options.name, &two), 0);
	assert_int_equal(lab_connect(own_name("nobody"), &other), -ECONNREFUSED);
	/* Each is told of the end of its own program. */
	tell(&two, "{'op': 'exec', 'node': 'client', 'argv': ['sh', '-c', 'exit 2']}");
	tell(&one, "{'op': 'exec', 'node': 'client', 'argv': ['sh', '-c', 'exit 1']}");
	event = lab_event(&one);
	assert_int_equal(json_integer_value(json_object_get(event, "code")), 1);
	json_decref(event);
	event = lab_event(&two);
	assert_int_equal(json_integer_value(json_object_get(event, "code")), 2);
	json_decref(event);
	/* What a connection started is hung up with it. */
	tell(&two, "{'op': 'exec', 'node': 'client', 'argv': ['sleep', '1000']}");
	lab_close(&two);
	says(&one, "client", "while pgrep -x sleep >/dev/null; do :; done", "");
	lab_close(&one);
	tell(&lab, "{'op': 'info'}");
	finish(&lab, &options);
}

/* Connect to a lab of root's as somebody else. */
static void try_as_nobody(const struct sockaddr_un *address, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), fds[PACKET_FDS_MAX];
	json_t *reply;
	size_t count;

	assert_int_equal(setgid(65534) || setuid(65534), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)address, len), 0);
	assert_int_equal(packet_receive(fd, &reply, fds, &count, 0), 1);
	assert_string_equal(json_string_value(json_object_get(reply, "error")),
			    "this lab belongs to another user");
	assert_int_equal(packet_receive(fd, &reply, fds, &count, 0), 0);
}

static void test_other_users_are_refused(void **state)
{
	struct lab_options options = {.name = own_name("mine")};
	struct sockaddr_un address;
	socklen_t len = lab_socket_address(&address, options.name);
	struct lab lab;
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip(); /* it takes root to be somebody else */
	lab = start(&options, "flat");
	pid = fork();
	if (pid == 0) {
		try_as_nobody(&address, len);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	finish(&lab, &options);
}

static void test_long_reply(void **state)
{
	struct lab_options options = {0};
	struct lab lab = start(&options, "flat");
	json_t *reply;
	char *text;
	int status;

	(void)state;
	/* In several transactions: one cannot be longer than a socket's buffer either. */
	text = shell(&lab, "r1",
		     "nft=/usr/sbin/nft; $nft 'add table ip x; add set ip x s {type ipv4_addr;}' &&"
		     "for i in $(seq 10); do (echo 'add element ip x s {';"
		     " seq -f '10.7.'$i'.%.0f,' 0 255; seq -f '10.8.'$i'.%.0f,' 0 255;"
		     " seq -f '10.9.'$i'.%.0f,' 0 255; seq -f '10.10.'$i'.%.0f,' 0 255;"
		     " seq -f '10.11.'$i'.%.0f,' 0 255; seq -f '10.12.'$i'.%.0f,' 0 255;"
		     " echo '}') | $nft -f - || exit; done",
		     &status);
	if (status)
		fail_msg("%s", text);
	reply = ask(&lab, "{'op': 'state', 'node': 'r1'}");
	assert_true(json_string_length(json_object_get(reply, "nft")) > PACKET_MAX);
	json_decref(reply);
	finish(&lab, &options);
}

static void test_state(void **state)
{
	struct lab_options options = {0};
	struct lab lab = start(&options, "flat");
	char source[INET_ADDRSTRLEN];
	json_t *reply, *first;

	(void)state;
	carry(&lab, "client", "peer", "44.0.1.10", source);
	reply = ask(&lab, "{'op': 'state', 'node': 'r1'}");
	assert_non_null(strstr(json_string_value(json_object_get(reply, "nft")), "masquerade"));
	first = json_array_get(json_object_get(reply, "conntrack"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "protocol")), "UDP");
	assert_true(json_is_true(json_object_get(first, "snat")));
	first = json_object_get(first, "original");
	assert_string_equal(json_string_value(json_object_get(first, "src")), "192.168.1.4");
	assert_int_equal(json_integer_value(json_object_get(first, "dport")), 7777);
	json_decref(reply);
	tell(&lab, "{'op': 'reset'}");
	reply = ask(&lab, "{'op': 'state', 'node': 'r1'}");
	assert_int_equal(json_array_size(json_object_get(reply, "conntrack")), 0);
	json_decref(reply);
	finish(&lab, &options);
}

/* ------------------------------------------------------------ an ordinary user */

static void test_ordinary_user(void **state)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flat),
		cmocka_unit_test(test_bridge_and_impairment),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_state),
	};

	(void)state;
	as_ordinary_user(tests, ARRAY_SIZE(tests));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flat),
		cmocka_unit_test(test_first_packet_never_stalls),
		cmocka_unit_test(test_bridge_and_impairment),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_autoconfiguration),
		cmocka_unit_test(test_advertisement_over_a_slow_link),
		cmocka_unit_test(test_link_down_and_up),
		cmocka_unit_test(test_physical_interfaces),
		cmocka_unit_test(test_named_lab),
		cmocka_unit_test(test_other_users_are_refused),
		cmocka_unit_test(test_long_reply),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_ordinary_user),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
