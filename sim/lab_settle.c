/* SPDX-License-Identifier: MIT */
/*
 * lab_settle.c - until IPv6 works on the nodes.
 *
 * Theory of operation. The kernel takes a new IPv6 address into use in a work queue, also where
 * nothing is to be detected: until then packets to it are dropped, and neighbour solicitations are
 * not heard and sent again only a second later (RFC 4861 clause 10, RETRANS_TIMER). What a host
 * learns from a router advertisement comes when a softirq has carried it. On a busy machine either
 * takes longer than it takes to ask the first question. The sign that an address is in use is its
 * route in the table "local"; of an advertisement it is the default route.
 *
 * A socket that hears of routes is opened first, then the tables are looked at, and again whenever
 * it has something to tell: no change is missed. A host behind a link that loses packets or
 * multicast is not waited for: whether and when it hears of its router is what such a link is
 * about.
 */
#include "../fakeigd/base/clock.h"
#include "lab_init.h"
#include "link.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUTES_MAX (2 * TOPOLOGY_PORTS_MAX + 3)

/** struct wanted - what a node's tables are to hold */
struct wanted {
	struct link_route6 routes[ROUTES_MAX];
	size_t count;
};

static void want(struct wanted *w, const struct in6_addr *dst, int prefix)
{
	if (!prefix || !IN6_IS_ADDR_UNSPECIFIED(dst))
		w->routes[w->count++] = (struct link_route6){*dst, prefix};
}

/* The addresses that add_addresses6() gave it. */
static void want_addresses(const struct lab_init *lab, size_t index, struct wanted *w)
{
	const struct node *node = lab->nodes[index].node;

	for (size_t p = 0; p < node->port_count; p++) {
		struct in6_addr link_local;
		uint8_t mac[6];

		if (!lab->topology->networks[node->ports[p].network].prefix6)
			continue;
		lab_mac(mac, node->ports[p].network, index, p);
		link_local = lab_link_local(mac);
		want(w, &link_local, LINK_HOST6);
		want(w, &node->ports[p].address6, LINK_HOST6);
	}
}

/* What it makes of a prefix (RFC 4862 clause 5.5.3). */
static void want_formed(const struct in6_addr *prefix, const uint8_t mac[6], struct wanted *w)
{
	struct in6_addr formed = lab_link_local(mac);

	memcpy(&formed, prefix, sizeof(formed) / 2);
	if (!IN6_IS_ADDR_UNSPECIFIED(prefix))
		want(w, &formed, LINK_HOST6);
}

/* Whether what is sent to all arrives on the way between two ports of a network. */
static bool is_sure(const struct topology *t, const struct port *a, const struct port *b)
{
	struct impairment ports = lab_impair_both(&a->impairment, &b->impairment);
	struct impairment whole = lab_impair_both(&t->networks[a->network].impairment, &ports);

	return !whole.loss && !whole.drop_multicast && !a->interface[0] && !b->interface[0];
}

/* What a host learns from its gateway's first advertisement. */
static void want_advertised(const struct lab_init *lab, size_t index, struct wanted *w)
{
	static const struct in6_addr any;
	const struct topology *t = lab->topology;
	const struct node *node = lab->nodes[index].node;
	const struct network *network;
	size_t ours, theirs;
	uint8_t mac[6];

	if (!lab_takes_ra(t, node) || lab->nodes[node->gateway].outside)
		return;
	lab_port_towards(node, &t->nodes[node->gateway], &ours, &theirs);
	if (!is_sure(t, &node->ports[ours], &t->nodes[node->gateway].ports[theirs]))
		return;
	want(w, &any, 0);
	network = &t->networks[node->ports[ours].network];
	if (lab_node_has_address6(node) || network->prefix6 != 64)
		return;
	lab_mac(mac, node->ports[ours].network, index, ours);
	want_formed(&network->subnet6, mac, w);
	want_formed(&network->former6, mac, w);
}

static void on_news(void *arg, int fd, uint32_t events)
{
	char bytes[8192];

	(void)arg;
	(void)events;
	/* What the news are does not matter. An error says that some were lost, and is taken off.
	 */
	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

/* Until @node has those routes; meanwhile the loop turns, if it may. False: not in time. */
static bool await(struct lab_init *lab, const struct lab_node *node, const struct wanted *w,
		  bool turning)
{
	int64_t deadline = clock_now() + LAB_SETTLE * CLOCK_SECOND, left;
	struct loop_source *source = NULL;
	struct nl_sock *news;
	int missing, fd;

	lab_enter(lab, node);
	news = link_news6();
	lab_enter(lab, NULL);
	fd = news ? nl_socket_get_fd(news) : -1;
	if (news && turning)
		source = loop_watch(lab->loop, fd, EPOLLIN, on_news, NULL);
	while ((missing = link_missing6(node->sk, w->routes, w->count)) > 0 && news &&
	       (left = deadline - clock_now()) > 0) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (turning)
			loop_step(lab->loop, left);
		else if (poll(&p, 1, (int)(left / 1000) + 1) > 0)
			on_news(NULL, fd, 0);
	}
	loop_unwatch(lab->loop, source);
	link_socket_free(news);
	return !missing;
}

bool lab_settle_node(struct lab_init *lab, size_t index)
{
	struct wanted w = {0};

	want_addresses(lab, index, &w);
	return !w.count || await(lab, &lab->nodes[index], &w, false);
}

int lab_settle(struct lab_init *lab)
{
	for (size_t n = 0; n < lab->topology->node_count; n++) {
		struct wanted w = {0};

		if (lab->nodes[n].outside)
			continue;
		want_advertised(lab, n, &w);
		if (lab_settle_node(lab, n) && (!w.count || await(lab, &lab->nodes[n], &w, true)))
			continue;
		diag_at(lab->diag, NULL, 0,
			"node %s: its IPv6 addresses and routes are not in use after %d s",
			lab->nodes[n].node->name, LAB_SETTLE);
		return -1;
	}
	return 0;
}
