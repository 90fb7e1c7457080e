/* SPDX-License-Identifier: MIT */
/*
 * cp_auto.c - the reference control point by whatever the router speaks, --via auto.
 *
 * Theory of operation
 *
 * PCP is better than NAT-PMP is better than IGD, and whoever waits for silence to end waits for
 * long: RFC 6887 sends its second request after 3 s, RFC 6886 gives up after two minutes. So all
 * gateways are asked at once, and for two seconds altogether:
 *
 *	0 ms		PCP ANNOUNCE
 *	at once		on "unsupported version" of version 0: NAT-PMP (NATPMP-45)
 *	750 ms		no answer: NAT-PMP too, from the same socket; again after 250 and 500 ms
 *	2000 ms		no answer either: neither of them
 *	any time	ICMP: the port that both share is closed: neither of them
 *
 * A late answer of PCP still counts while NAT-PMP is waited for; the two may be asked at the same
 * time as neither is told to do anything yet, and requests of NAT-PMP stay one at a time.
 *
 * Then the ways that are left are gone through: PCP, NAT-PMP, IGD. What answers and does not map
 * (refuses, grants nothing, or falls silent for 4 s, which is the second request of PCP and the
 * fifth of NAT-PMP) is left for the next one. A request that was not answered may have been heard:
 * what it made ends with its lifetime. Nothing is remembered: the next run asks again (RFC 6886
 * clause 1.1).
 *
 * Taking away: nobody knows by which way a mapping was made, so each that is spoken is told; to
 * take away what is not there is a success for all of them.
 */
#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/natpmp.h"
#include "../fakeigd/wire/pcp.h"
#include "cp.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>

#define BIT(way)   (1u << (way))
#define PROBE_US   (2 * CLOCK_SECOND)
#define PROBES_MAX 4
#define MAP_US	   (4 * CLOCK_SECOND)

/* When NAT-PMP is asked where PCP does not answer. */
static const int64_t natpmp_at[] = {3 * CLOCK_SECOND / 4, CLOCK_SECOND, 3 * CLOCK_SECOND / 2};
/* The order of preference; a naive mode turns the first two round. */
static const enum cp_way preferred[] = {CP_WAY_PCP, CP_WAY_NATPMP, CP_WAY_IGD};

/** struct probe - a server that is being asked; @asked: of natpmp_at, how many */
struct probe {
	struct cp_talk talk;
	struct cp_server server;
	size_t asked;
	bool over;
};

static void send_announce(struct cp *cp, int layer, struct probe *p)
{
	struct pcp_message m = {.version = PCP_VERSION, .opcode = PCP_ANNOUNCE};
	struct buf bytes = {0};
	char server[CP_SERVER_TEXT];

	m.client = layer > 1 ? pcp_address_from_v4(cp->layers[layer - 2].router.external)
			     : p->talk.local;
	cp_request(cp, "PCP to %s, port %d: ANNOUNCE", cp_server_text(&p->server, server),
		   PCP_PORT);
	pcp_build_request(&bytes, &m);
	p->over |= !cp_talk_send(cp, &p->talk, buf_slice(&bytes));
	buf_free(&bytes);
}

static void send_natpmp(struct cp *cp, struct probe *p)
{
	char server[CP_SERVER_TEXT];

	cp_request(cp, "NAT-PMP to %s, port %d: external address",
		   cp_server_text(&p->server, server), NATPMP_PORT);
	p->over |= !cp_talk_send(cp, &p->talk, (struct slice){"\0\0", 2});
}

/* What one datagram says. Return: bits of the ways that may work, 0 = nothing. */
static unsigned read_ways(struct cp *cp, const char *data, size_t len)
{
	struct natpmp_response old;
	struct pcp_message a;
	enum pcp_error error = pcp_parse_response(data, len, &a);

	if (error == PCP_OK || error == PCP_OTHER_OPCODE) {
		cp_reply(cp, "version 2: %s", pcp_result_name(a.result));
		return BIT(CP_WAY_PCP) | BIT(CP_WAY_NATPMP);
	}
	if (natpmp_parse_response(data, len, &old) != NATPMP_OK)
		return 0;
	/* The figure of the RFC has opcode 0 there (NATPMP-46). */
	if (!old.opcode && cp_naive(cp, NAIVE_STRICT_VERSION_REPLY))
		return 0;
	cp_reply(cp, "version 0: %s", natpmp_result_text(old.result));
	return BIT(CP_WAY_NATPMP);
}

/* Read what is there. Return: as read_ways(). */
static unsigned hear(struct cp *cp, struct probe *p)
{
	char data[CP_TALK_MAX], server[CP_SERVER_TEXT];
	int len;

	while ((len = cp_talk_receive(&p->talk, data, sizeof(data))) > 0) {
		unsigned ways = read_ways(cp, data, (size_t)len);

		if (ways)
			return ways;
	}
	if (len < 0) {
		cp_reply(cp, "%s: port %d is closed", cp_server_text(&p->server, server), PCP_PORT);
		p->over = true;
	}
	return 0;
}

/* Wait for the next datagram or the next request that is due. False: nothing is left to wait for.
 */
static bool wait_for(struct cp *cp, struct probe *probes, size_t count, int64_t begun)
{
	struct pollfd p[PROBES_MAX + 1];
	int64_t now = clock_now() - begun, next = PROBE_US;
	size_t open = 0;

	for (size_t i = 0; i < count; i++) {
		p[i] = (struct pollfd){.fd = probes[i].over ? -1 : probes[i].talk.fd,
				       .events = POLLIN};
		if (probes[i].over)
			continue;
		open++;
		if (probes[i].asked < ARRAY_SIZE(natpmp_at) && natpmp_at[probes[i].asked] < next)
			next = natpmp_at[probes[i].asked];
	}
	p[count] = (struct pollfd){.fd = cp->stop_fd, .events = POLLIN};
	if (!open || now >= PROBE_US)
		return false;
	if (next > now)
		poll(p, count + 1, (int)((next - now) / 1000) + 1);
	return !p[count].revents;
}

/* Ask every server. Return: bits of the ways, and in @who the server that has them. */
static unsigned probe_all(struct cp *cp, int layer, struct probe *probes, size_t count,
			  struct cp_server *who)
{
	int64_t begun = clock_now();

	for (size_t i = 0; i < count; i++) {
		probes[i].over = !cp_talk_open(cp, &probes[i].talk, &probes[i].server);
		/* NATPMP-44, and there is none of IPv6 */
		if (!cp_address_behind_nat(cp_address_kind(cp_v4(&probes[i].talk.local))))
			probes[i].asked = ARRAY_SIZE(natpmp_at);
		if (!probes[i].over && cp_naive(cp, NAIVE_NATPMP_FIRST))
			send_natpmp(cp, &probes[i]);
		else if (!probes[i].over)
			send_announce(cp, layer, &probes[i]);
	}
	while (wait_for(cp, probes, count, begun)) {
		for (size_t i = 0; i < count; i++) {
			struct probe *p = &probes[i];
			unsigned ways = p->over ? 0 : hear(cp, p);

			if (ways) {
				*who = p->server;
				return ways;
			}
			if (!p->over && p->asked < ARRAY_SIZE(natpmp_at) &&
			    clock_now() - begun >= natpmp_at[p->asked]) {
				p->asked++;
				send_natpmp(cp, p);
			}
		}
	}
	return 0;
}

static unsigned find_ways(struct cp *cp, int layer, struct cp_layer *l)
{
	struct probe probes[PROBES_MAX] = {0};
	struct cp_server servers[CP_GATEWAYS_MAX], who = {0};
	size_t count = cp_servers(cp, layer, l, servers);
	unsigned ways;

	if (count > PROBES_MAX)
		count = PROBES_MAX;
	for (size_t i = 0; i < count; i++)
		probes[i].server = servers[i];
	cp_step(cp, layer, "which protocol");
	ways = probe_all(cp, layer, probes, count, &who);
	for (size_t i = 0; i < count; i++)
		cp_talk_close(&probes[i].talk);
	l->server = who;
	cp_believe(cp, "%s",
		   ways & BIT(CP_WAY_PCP) ? "PCP"
		   : ways		  ? "NAT-PMP"
		   : cp->ipv6		  ? "nothing"
					  : "IGD, if anything");
	cp_why(cp, "%s",
	       ways ? "it answers" : "port 5351 is closed or silent, or there is no gateway");
	/* What IGD has for IPv6 is another verb: igdlab pinhole. */
	return cp->ipv6 ? ways & BIT(CP_WAY_PCP) : ways | BIT(CP_WAY_IGD);
}

/* What one way has left behind is nothing to another one. */
static void forget(struct cp_layer *l)
{
	cp_router_free(&l->router);
	l->router = (struct cp_router){0};
	cp_talk_close(&l->hold.talk);
	l->hold = (struct cp_hold){.request = l->hold.request, .error_s = l->hold.error_s};
}

/* Find the router by the next way that is left. Return: there is one. */
static bool next_way(struct cp *cp, int layer, struct cp_layer *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(preferred); i++) {
		enum cp_way way = preferred[i];

		if (!(l->ways & BIT(way)))
			continue;
		l->ways &= ~BIT(way);
		l->how = &cp_methods[way];
		forget(l);
		if (l->how->find(cp, layer, l))
			return true;
	}
	return false;
}

bool cp_auto_find(struct cp *cp, int layer, struct cp_layer *out)
{
	out->ways = find_ways(cp, layer, out);
	/* The one that answers is in its place now; who prefers NAT-PMP does not ask for more. */
	if (cp_naive(cp, NAIVE_NATPMP_FIRST))
		out->ways &= ~BIT(CP_WAY_PCP);
	return next_way(cp, layer, out);
}

bool cp_auto_learn(struct cp *cp, int layer, struct cp_layer *out)
{
	do {
		if (out->router.has_external ||
		    (out->how->learn && out->how->learn(cp, layer, out)))
			return true;
	} while (next_way(cp, layer, out));
	return false;
}

/* Map by the way that was found, with less patience where there is another one. */
static bool map_by(struct cp *cp, int layer, const struct map_request *request,
		   struct cp_layer *out)
{
	int64_t patience = cp->options.timeout_us;
	bool done;

	if (out->ways && patience > MAP_US)
		cp->options.timeout_us = MAP_US;
	done = out->how->map(cp, layer, request, out);
	cp->options.timeout_us = patience;
	return done;
}

bool cp_auto_map(struct cp *cp, int layer, const struct map_request *request, struct cp_layer *out)
{
	char failure[sizeof(out->failure)];
	struct in_addr host;

	for (;;) {
		if (map_by(cp, layer, request, out))
			return true;
		snprintf(failure, sizeof(failure), "%s", out->failure);
		host = out->router.host;
		if (cp_naive(cp, NAIVE_NO_FALLBACK) || !next_way(cp, layer, out))
			break;
	}
	/* What the last one that answered said. */
	if (!out->router.host.s_addr)
		out->router.host = host;
	snprintf(out->failure, sizeof(out->failure), "%s", failure);
	return false;
}

bool cp_auto_unmap(struct cp *cp, int layer, const struct map_request *request,
		   struct cp_layer *out)
{
	struct in_addr host = {0}, external = {0};
	bool found = false, removed = false;

	do {
		/* Who has not made it may be refused, or not. */
		if (out->how->unmap(cp, layer, request, out)) {
			found = true;
			removed |= !out->mapped;
		}
		if (out->router.has_external) {
			host = out->router.host;
			external = out->router.external;
		}
	} while (next_way(cp, layer, out));
	/* The last way may have found nobody; the routers behind this one still want to know. */
	if (!out->router.has_external) {
		out->router.host = host;
		cp_set_external(&out->router, external);
	}
	out->mapped = !removed;
	return found;
}
