/* SPDX-License-Identifier: MIT */
/*
 * forward_fixture.h - client - router - two peers in namespaces of the test's own, and a table of
 * the router for each test. Where the kernel forbids namespaces, tests are skipped and say why.
 */
#ifndef IGDLAB_CASES_FORWARD_FIXTURE_H
#define IGDLAB_CASES_FORWARD_FIXTURE_H

#include "../../fakeigd/forward.h"

#include "../../fakeigd/base/clock.h"
#include "../../fakeigd/forward_table.h"
#include "../../fakeigd/portmap.h"
#include "../../fakeigd/profile_parts.h"
#include "../../fakeigd/router.h"
#include "netns_fixture.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <poll.h>

#define CLIENT "192.168.1.4"
#define ROUTER "192.168.1.1"
#define WAN    "44.0.1.2"
#define PEER   "44.0.1.10"
#define OTHER  "44.0.1.11"

static int lan_ns = -1, router_ns = -1, peer_ns = -1;
static struct router router;
static struct profile profile;

/* Run a shell line in a namespace. */
static inline void in_ns(int ns, const char *line)
{
	enter_and_run(ns, line);
	enter(router_ns);
}

static inline void build(void)
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

static inline int group_setup(void **state)
{
	(void)state;
	if (!own_namespaces(&lan_ns, &peer_ns, &router_ns))
		return 0;
	build();
	policy_defaults(&profile.policy);
	router.profile = &profile;
	router.lans = 1;
	router.lan[0].index = if_nametoindex("lan0");
	inet_pton(AF_INET, ROUTER, &router.lan[0].address);
	router.lan[0].prefix = 24;
	router.wan.index = if_nametoindex("wan0");
	snprintf(router.wan.name, sizeof(router.wan.name), "wan0");
	return 0;
}

/* A fresh table for each test. */
static inline int setup(void **state)
{
	int error = 0;

	policy_defaults(&profile.policy);
	*state = lan_ns >= 0 ? forward_new(&router, &error) : NULL;
	if (lan_ns >= 0 && !*state)
		snprintf(why_not, sizeof(why_not), "%s: %s", strerror(-error), forward_missing());
	return 0;
}

static inline int teardown(void **state)
{
	forward_free(*state);
	return 0;
}

static inline struct forward *ready(void **state)
{
	if (*why_not)
		print_message("          %s\n", why_not);
	if (!*state)
		skip();
	return *state;
}

/* Policy and a table made by it, in place of the one that @state has. */
static inline struct forward *with_policy(void **state, const char *yaml)
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

static inline struct mapping mapping(int protocol, uint16_t external, uint16_t internal)
{
	struct mapping m = {.protocol = protocol,
			    .external_port = external,
			    .internal_port = internal,
			    .enabled = true};

	inet_pton(AF_INET, CLIENT, &m.internal_client);
	return m;
}

static inline struct sockaddr_in place(const char *address, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

	inet_pton(AF_INET, address, &a.sin_addr);
	return a;
}

/* A UDP socket in a namespace. */
static inline int udp(int ns, const char *address, uint16_t port)
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
static inline bool arrives(int from, const char *address, uint16_t port, int at)
{
	struct sockaddr_in a = place(address, port);
	struct pollfd p = {.fd = at, .events = POLLIN};
	char text[16];

	while (recv(at, text, sizeof(text), MSG_DONTWAIT) >= 0)
		;
	sendto(from, "hello", 5, 0, (struct sockaddr *)&a, sizeof(a));
	return poll(&p, 1, 100) == 1 && recv(at, text, sizeof(text), MSG_DONTWAIT) == 5;
}

#define NETWORK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
