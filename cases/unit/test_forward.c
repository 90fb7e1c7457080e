/* SPDX-License-Identifier: MIT */
/*
 * test_forward.c - mappings forward packets, and stop doing so: client - router - two peers.
 *
 * Everything happens in namespaces of the test's own; where the kernel forbids them it is skipped
 * and says why.
 *
 * links: fakeigd
 */
#include "../../fakeigd/forward.h"

#include "../../fakeigd/base/clock.h"
#include "../../fakeigd/forward_table.h"
#include "../../fakeigd/portmap.h"
#include "../../fakeigd/profile_parts.h"
#include "../../fakeigd/router.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENT "192.168.1.4"
#define ROUTER "192.168.1.1"
#define WAN    "44.0.1.2"
#define PEER   "44.0.1.10"
#define OTHER  "44.0.1.11"

static int lan_ns = -1, router_ns = -1, peer_ns = -1;
static char why_not[128];
static struct router router;
static struct profile profile;

static void enter(int ns)
{
	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
}

/* Run a shell line in a namespace. */
static void in_ns(int ns, const char *line)
{
	char *argv[] = {(char[]){"sh"}, (char[]){"-ec"}, xstrdup(line), NULL};
	int status = -1;
	pid_t pid;

	enter(ns);
	assert_int_equal(posix_spawnp(&pid, "sh", NULL, NULL, argv, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	free(argv[2]);
	enter(router_ns);
}

static int new_ns(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t done = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return done < 0 ? -1 : 0;
}

static bool own_namespaces(void)
{
	char map[64];

	snprintf(map, sizeof(map), "0 %u 1", getuid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 ||
	    write_file("/proc/self/uid_map", map) < 0) {
		snprintf(why_not, sizeof(why_not), "no user and network namespaces here: %s",
			 strerror(errno));
		return false;
	}
	lan_ns = new_ns();
	peer_ns = new_ns();
	router_ns = new_ns();
	return lan_ns >= 0 && peer_ns >= 0 && router_ns >= 0;
}

static void build(void)
{
	char line[1024];

	snprintf(line, sizeof(line),
		 "ip link set lo up; echo 1 >/proc/sys/net/ipv4/ip_forward;"
		 "ip link add lan0 type veth peer name eth0 netns /proc/%d/fd/%d;"
		 "ip link add wan0 type veth peer name eth0 netns /proc/%d/fd/%d;"
		 "ip addr add " ROUTER "/24 dev lan0; ip addr add " WAN "/24 dev wan0;"
		 "ip link set lan0 up; ip link set wan0 up",
		 getpid(), lan_ns, getpid(), peer_ns);
	in_ns(router_ns, line);
	/* as every router: what is not asked for is dropped, and conntrack forgets it at once */
	in_ns(router_ns, "nft 'add table ip own; add chain ip own input { type filter hook input"
			 " priority 0; }; add rule ip own input iif wan0 udp dport != 5000 drop'");
	in_ns(lan_ns, "ip addr add " CLIENT "/24 dev eth0; ip link set eth0 up; ip link set lo up;"
		      "ip route add default via " ROUTER);
	in_ns(peer_ns, "ip addr add " PEER "/24 dev eth0; ip addr add " OTHER "/24 dev eth0;"
		       "ip link set eth0 up; ip route add default via " WAN);
}

static int group_setup(void **state)
{
	(void)state;
	if (!own_namespaces())
		return 0;
	build();
	policy_defaults(&profile.policy);
	router.profile = &profile;
	router.lans = 1;
	router.lan[0].index = if_nametoindex("lan0");
	inet_pton(AF_INET, ROUTER, &router.lan[0].address);
	router.wan.index = if_nametoindex("wan0");
	return 0;
}

/* A fresh table for each test. */
static int setup(void **state)
{
	int error = 0;

	policy_defaults(&profile.policy);
	*state = lan_ns >= 0 ? forward_new(&router, &error) : NULL;
	if (lan_ns >= 0 && !*state)
		snprintf(why_not, sizeof(why_not), "%s: %s", strerror(-error), forward_missing());
	return 0;
}

static int teardown(void **state)
{
	forward_free(*state);
	return 0;
}

static struct forward *ready(void **state)
{
	if (*why_not)
		print_message("          %s\n", why_not);
	if (!*state)
		skip();
	return *state;
}

static struct mapping mapping(int protocol, uint16_t external, uint16_t internal)
{
	struct mapping m = {.protocol = protocol,
			    .external_port = external,
			    .internal_port = internal,
			    .enabled = true};

	inet_pton(AF_INET, CLIENT, &m.internal_client);
	return m;
}

static struct sockaddr_in place(const char *address, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

	inet_pton(AF_INET, address, &a.sin_addr);
	return a;
}

/* A UDP socket in a namespace. */
static int udp(int ns, const char *address, uint16_t port)
{
	struct sockaddr_in a = place(address, port);
	int fd;

	enter(ns);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	enter(router_ns);
	return fd;
}

/* Whether a datagram from @from to that place arrives at @at. */
static bool arrives(int from, const char *address, uint16_t port, int at)
{
	struct sockaddr_in a = place(address, port);
	struct pollfd p = {.fd = at, .events = POLLIN};
	char text[16];

	while (recv(at, text, sizeof(text), MSG_DONTWAIT) >= 0)
		;
	sendto(from, "hello", 5, 0, (struct sockaddr *)&a, sizeof(a));
	return poll(&p, 1, 100) == 1 && recv(at, text, sizeof(text), MSG_DONTWAIT) == 5;
}

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

/* Policy and a table made by it, in place of the one that @state has. */
static struct forward *with_policy(void **state, const char *yaml)
{
	struct diag d = {0};
	struct doc *doc = doc_load_text(yaml, strlen(yaml), "policy", &d);
	int error;

	ready(state);
	assert_non_null(doc);
	assert_true(policy_read(&profile.policy, doc, &d));
	doc_free(doc);
	forward_free(*state);
	*state = forward_new(&router, &error);
	assert_non_null(*state);
	return *state;
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
	f = with_policy(state, "{nat: {udp-idle: 30s}}");
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
	struct forward *f = ready(state), *again;
	struct mapping m = mapping(IPPROTO_UDP, 1872, 7851);
	int error = 0;

	assert_int_equal(forward_add(f, &m), 0);
	again = forward_new(&router, &error);
	assert_non_null(again);
	assert_int_equal(forward_add(again, &m), 0);
	forward_free(again);
	in_ns(router_ns, "! nft list table ip fakeigd 2>/dev/null");
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

/* Adding and removing cost the same whatever is there already; printed for who wants to know. */
static void cost_does_not_depend_on_the_table(void **state)
{
	struct forward *f = ready(state);
	double add[2], gone[2];

	for (int i = 0; i < 60000; i++) {
		struct mapping m = mapping(IPPROTO_TCP, (uint16_t)(i + 1), 7851);

		if (i == 1000 || i == 59000)
			add[i / 30000] = -(double)clock_now();
		assert_int_equal(forward_add(f, &m), 0);
		if (i == 1999 || i == 59999)
			add[i / 30000] += (double)clock_now();
	}
	for (int i = 59999; i >= 0; i--) {
		struct mapping m = mapping(IPPROTO_TCP, (uint16_t)(i + 1), 7851);

		if (i == 1999 || i == 59999)
			gone[i / 30000] = -(double)clock_now();
		assert_int_equal(forward_remove(f, &m), 0);
		if (i == 1000 || i == 59000)
			gone[i / 30000] += (double)clock_now();
	}
	print_message("          add %.1f us at 1,000 and %.1f us at 59,000 entries, "
		      "remove %.1f and %.1f us\n",
		      add[0] / 1000, add[1] / 1000, gone[0] / 1000, gone[1] / 1000);
	assert_true(add[1] < 4 * add[0] && gone[1] < 4 * gone[0]);
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

#define NETWORK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_hold_what_the_maps_expect),
		cmocka_unit_test(without_a_wan_everything_succeeds),
		NETWORK_TEST(udp_mapping_forwards_until_removed),
		NETWORK_TEST(removing_ends_only_its_own_connections),
		NETWORK_TEST(remote_host_is_honoured),
		NETWORK_TEST(port_zero_takes_every_port_that_is_left),
		NETWORK_TEST(wan_down_forwards_nothing),
		NETWORK_TEST(hairpinning_is_a_policy),
		NETWORK_TEST(connections_may_outlive_their_mapping),
		NETWORK_TEST(hairpinning_may_need_something_sent_out),
		NETWORK_TEST(hairpinned_source_may_be_the_lan_s),
		NETWORK_TEST(outbound_ports_may_be_random),
		NETWORK_TEST(idle_connections_may_be_forgotten),
		NETWORK_TEST(reload_makes_the_table_of_the_policy),
		NETWORK_TEST(tcp_connection_ends_with_its_mapping),
		NETWORK_TEST(a_table_left_behind_is_replaced),
		NETWORK_TEST(odd_calls),
		NETWORK_TEST(counters_are_the_interface_s),
		NETWORK_TEST(cost_does_not_depend_on_the_table),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
