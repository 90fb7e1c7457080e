/* SPDX-License-Identifier: MIT */
/*
 * cp_keep.c - the reference control point that stays: renews, listens, cleans up (--keep).
 *
 * Theory of operation
 *
 * One loop waits for a signal, for what is due next, and for datagrams that nobody asked for:
 *
 *  - A mapping is renewed when half of its lifetime is over, with the port that was assigned
 *    (NATPMP-39, PCP-82); without an answer at 3/4, 7/8 and so on, never within 4 s. By PCP the
 *    moment varies: 1/2 to 5/8, 3/4 to 13/16, 7/8 to 29/32 (RFC 6887 clause 11.2.1, PCP-81). When
 *    the lifetime is over everything is done anew.
 *  - Announcements come to 224.0.0.1:5350 or [ff02::1]:5350, to a socket that shares the port with
 *    others; those that are not from port 5351 of a server that is used are dropped (NATPMP-42).
 * Mapping Updates come to the socket that the request was sent from (PCP-85).
 *  - When the gateway's seconds say that it has forgotten its mappings, they are made again, one
 *    after the other, after a random time of up to 5 s (NATPMP-40, NATPMP-41, PCP-83, PCP-84).
 *  - A router of UPnP that has started anew says so to 239.255.255.250:1900, with a BOOTID that is
 * higher than the last one (SSDP-62): it is searched for again, and mapped on, after up to 5 s.
 *  - When the outer address or port of a router changes, the routers behind it are told.
 *  - A way in over IPv6 is for one address of ours. When the kernel says that addresses have
 * changed and another one is the one that stays (a renumbered prefix, RFC 6887 clause 2.1
 * "binding"), the mapping is made for that one. What was there for the former is left to its
 * lifetime: no packet finds the way to it, and a request from it none back.
 *  - A refusal is believed for the lifetime that comes with it, at least 30 s and at most half an
 * hour (PCP-78, PCP-79, PCP-89); then everything is done anew. A server that has several addresses,
 * of which none answers, is asked again after 15 minutes (RFC 7488 clause 3).
 *
 * At the end each mapping is taken away, once, with a second of patience (NATPMP-43).
 */
#include "../fakeigd/base/clock.h"
#include "../fakeigd/wire/natpmp.h"
#include "../fakeigd/wire/ssdp.h"
#include "cp.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define RENEW_GAP_US	(4 * CLOCK_SECOND)
#define SPREAD_US	(5 * CLOCK_SECOND) /* RFC 6886 clause 3.7, RFC 6887 clause 14.1.3 */
#define ERROR_LEAST_S	30
#define NO_SERVER_S	900
#define PATIENCE_AT_END CLOCK_SECOND
#define STAGES_MAX	16
#define HURRY_US	(CLOCK_SECOND / 2) /* of a naive mode */

/**
 * struct keeper - what stays
 * @again_us:	when everything is done anew; 0 = it is mapped
 * @ssdp_fd:	announcements of routers of UPnP
 * @spread_us:	until then mappings that were forgotten are not made again
 * @address_fd:	over IPv6: readable when our addresses have changed
 */
struct keeper {
	struct cp *cp;
	const struct map_request *request;
	int group_fd;
	int ssdp_fd;
	int address_fd;
	int64_t again_us;
	int64_t spread_us;
};

/* Readable when this process is to end. Return: descriptor or -1. */
static int watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The all-hosts groups need no joining; that of IPv6 is one for each link, so what is bound is any
 * address. Return: descriptor or -1. */
static int listen_to_announcements(bool ipv6)
{
	struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons(NATPMP_ANNOUNCE_PORT)};
	const struct sockaddr_in6 any = {.sin6_family = AF_INET6,
					 .sin6_port = htons(NATPMP_ANNOUNCE_PORT)};
	int on = 1,
	    fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	inet_pton(AF_INET, NATPMP_GROUP, &group.sin_addr);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (ipv6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, ipv6 ? (const struct sockaddr *)&any : (const struct sockaddr *)&group,
		 ipv6 ? sizeof(any) : sizeof(group)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Readable when an IPv6 address has come, gone or become deprecated. Return: descriptor or -1. */
static int watch_addresses(void)
{
	struct sockaddr_nl group = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV6_IFADDR};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&group, sizeof(group)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* When stage @n of a renewal is due, as parts of 1000 of the lifetime: 500 to 625, 750 to 812, ...
 */
static int64_t stage_due(const struct cp_layer *l, bool late, unsigned n)
{
	int64_t lifetime = (int64_t)l->lease * CLOCK_SECOND, left = lifetime >> (n + 1);
	int64_t due = late ? lifetime * 19 / 20 : lifetime - left;

	if (l->how->jitter && !late)
		due += left / 4 * cp_random(1001) / 1000;
	return l->hold.granted_us + due;
}

/* When this mapping is to be renewed next. The moment is drawn once: in hold.due_us. */
static void plan(struct keeper *k, struct cp_layer *l)
{
	int64_t end = l->hold.granted_us + (int64_t)l->lease * CLOCK_SECOND, now = clock_now();
	int64_t due;

	do
		due = stage_due(l, cp_naive(k->cp, NAIVE_RENEWS_LATE), l->hold.stage);
	while (due < now && l->hold.stage++ < STAGES_MAX);
	if (l->hold.stage && due < l->hold.tried_us + RENEW_GAP_US)
		due = l->hold.tried_us + RENEW_GAP_US;
	l->hold.due_us = due < end ? due : end;
	if (cp_naive(k->cp, NAIVE_NEVER_RENEWS) || !l->lease)
		l->hold.due_us = INT64_MAX;
	if (cp_naive(k->cp, NAIVE_RENEWS_ALL_THE_TIME))
		l->hold.due_us = now + HURRY_US;
}

/* Seconds until a router that did not do it is asked again. */
static uint32_t pause_after(const struct cp *cp)
{
	const struct cp_layer *l = cp->layer_count ? &cp->layers[cp->layer_count - 1] : NULL;

	if (cp_naive(cp, NAIVE_RETRIES_ERRORS))
		return 1;
	if (!l && cp->options.server_count > 1)
		return NO_SERVER_S;
	return l && l->hold.error_s > ERROR_LEAST_S ? l->hold.error_s : ERROR_LEAST_S;
}

/* Map what is not mapped yet, and say what came of it. */
static void go_on(struct keeper *k)
{
	struct cp *cp = k->cp;

	cp_map_on(cp, k->request);
	cp_say(cp);
	k->again_us = 0;
	for (size_t i = 0; i < cp->layer_count; i++) {
		if (!cp->layers[i].hold.granted_us)
			cp->layers[i].hold.granted_us = clock_now();
		plan(k, &cp->layers[i]);
	}
	if (cp->status == EXIT_FINE)
		return;
	k->again_us = clock_now() + pause_after(cp) * CLOCK_SECOND;
	cp_step(cp, 0, "pause");
	cp_believe(cp, "%u s", pause_after(cp));
	cp_step_done(cp);
}

static void anew(struct keeper *k)
{
	cp_drop_layers(k->cp, 0);
	go_on(k);
}

/* What the world sees of a router, to tell whether a renewal has changed it. */
struct outside {
	struct in_addr address;
	uint16_t port;
};

static struct outside outside_of(const struct cp_layer *l)
{
	return (struct outside){l->router.external, l->external_port};
}

static bool same_outside(struct outside a, struct outside b)
{
	return a.address.s_addr == b.address.s_addr && a.port == b.port;
}

/* The router at @index leads elsewhere now: those behind it are told. */
static void tell_the_next(struct keeper *k, size_t index)
{
	cp_drop_layers(k->cp, index + 1);
	go_on(k);
}

static void renew(struct keeper *k, size_t index)
{
	struct cp *cp = k->cp;
	struct cp_layer *l = &cp->layers[index];
	struct outside before = outside_of(l), after;
	bool expired = clock_now() >= l->hold.granted_us + (int64_t)l->lease * CLOCK_SECOND;
	bool done;

	if (expired && !l->hold.lost) {
		anew(k);
		return;
	}
	l->hold.lost = false;
	l->hold.stage++;
	l->hold.tried_us = clock_now();
	done = l->how->renew ? l->how->renew(cp, (int)index + 1, l)
			     : l->how->map(cp, (int)index + 1, &l->hold.request, l);
	cp_step_done(cp);
	if (done && !l->how->renew) {
		l->hold.granted_us = clock_now();
		l->hold.stage = 0;
	}
	/* The answer to a renewal has made that one again; there is no other to make. */
	l->hold.lost = false;
	plan(k, l);
	after = outside_of(l);
	if (done && !same_outside(before, after))
		tell_the_next(k, index);
}

/* A moment that is not everybody else's. */
static int64_t spread(const struct keeper *k)
{
	return clock_now() +
	       (cp_naive(k->cp, NAIVE_RENEWS_AT_ONCE) ? 0 : cp_random((uint32_t)SPREAD_US));
}

static bool indifferent(const struct keeper *k)
{
	return cp_naive(k->cp, NAIVE_IGNORES_EPOCH) || cp_naive(k->cp, NAIVE_NEVER_RENEWS);
}

/* After a loss of state: renew. */
static void forgotten(struct keeper *k, struct cp_layer *l)
{
	if (indifferent(k)) {
		l->hold.lost = false;
		return;
	}
	l->hold.due_us = spread(k);
}

/* Whether an announcement tells that this router has started anew since it was heard last. */
static bool has_restarted(struct cp_router *r, const struct ssdp_message *m)
{
	long before = r->boot_id;

	if (m->kind == SSDP_UPDATE && m->next_boot_id >= 0)
		r->boot_id = m->next_boot_id;
	else if (m->kind == SSDP_ALIVE && m->boot_id >= 0)
		r->boot_id = m->boot_id;
	return m->kind == SSDP_ALIVE && before >= 0 && m->boot_id > before;
}

static void hear_routers(struct keeper *k)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	struct ssdp_message m;
	char data[CP_TALK_MAX];
	ssize_t len;

	while ((len = recvfrom(k->ssdp_fd, data, sizeof(data), 0, (struct sockaddr *)&from,
			       &size)) > 0) {
		if (ssdp_parse(data, (size_t)len, &m) != SSDP_OK)
			continue;
		for (size_t i = 0; i < k->cp->layer_count; i++) {
			struct cp_layer *l = &k->cp->layers[i];

			if (l->how == &cp_methods[CP_WAY_IGD] &&
			    l->router.host.s_addr == from.sin_addr.s_addr &&
			    has_restarted(&l->router, &m) && !indifferent(k))
				k->again_us = spread(k);
		}
	}
}

/* A datagram that came by itself. */
static void hear(struct keeper *k, size_t index, const char *data, size_t len)
{
	struct cp_layer *l = &k->cp->layers[index];
	struct outside before = outside_of(l), after;
	int64_t granted = l->hold.granted_us;

	if (!l->how->hear || !l->how->hear(k->cp, l, data, len)) {
		if (granted != l->hold.granted_us)
			plan(k, l);
		cp_step_done(k->cp);
		return;
	}
	cp_step_done(k->cp);
	if (granted != l->hold.granted_us)
		plan(k, l);
	if (l->hold.lost)
		forgotten(k, l);
	after = outside_of(l);
	if (!same_outside(before, after))
		tell_the_next(k, index);
}

static void hear_group(struct keeper *k)
{
	struct cp *cp = k->cp;
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	char data[CP_TALK_MAX];
	ssize_t len;

	while ((len = recvfrom(k->group_fd, data, sizeof(data), 0, (struct sockaddr *)&from,
			       &size)) > 0)
		for (size_t i = 0; i < cp->layer_count; i++) {
			/* The port is at the same place in both families. */
			bool ours = cp_server_is(&cp->layers[i].hold.talk.server, &from) &&
				    ((struct sockaddr_in *)&from)->sin_port == htons(NATPMP_PORT);

			if (ours || (i == 0 && cp_naive(cp, NAIVE_ANY_ANNOUNCER)))
				hear(k, i, data, (size_t)len);
		}
}

static void hear_talk(struct keeper *k, size_t index)
{
	struct cp_layer *l = &k->cp->layers[index];
	char data[CP_TALK_MAX];
	int len;

	while (index < k->cp->layer_count &&
	       (len = cp_talk_receive(&l->hold.talk, data, sizeof(data))) > 0)
		hear(k, index, data, (size_t)len);
}

/* Our addresses are others now: whether the one that is mapped is still the one that stays. */
static void look_at_addresses(struct keeper *k)
{
	struct cp *cp = k->cp;
	struct in6_addr before = cp->own6.sin6_addr;
	bool had = cp->own6.sin6_family;
	char data[8192];

	while (recv(k->address_fd, data, sizeof(data), 0) > 0)
		;
	if (cp_own_address6(cp) && had && IN6_ARE_ADDR_EQUAL(&before, &cp->own6.sin6_addr)) {
		cp_step_done(cp);
		return;
	}
	cp_step_done(cp);
	if (cp->own6.sin6_family)
		anew(k);
}

/* Wait until something is due or there is something to hear. False: a signal. */
static bool turn(struct keeper *k)
{
	struct cp *cp = k->cp;
	struct pollfd p[CP_LAYERS_MAX + 4] = {{.fd = cp->stop_fd, .events = POLLIN},
					      {.fd = k->group_fd, .events = POLLIN},
					      {.fd = k->address_fd, .events = POLLIN},
					      {.fd = k->ssdp_fd, .events = POLLIN}};
	size_t count = cp->layer_count;
	int64_t next = k->again_us ? k->again_us : INT64_MAX, left;

	for (size_t i = 0; i < count; i++) {
		struct cp_hold *h = &cp->layers[i].hold;

		p[i + 4] = (struct pollfd){.fd = h->talk.open ? h->talk.fd : -1, .events = POLLIN};
		if (!k->again_us && h->due_us < next)
			next = h->due_us;
	}
	left = next == INT64_MAX ? -1 : next - clock_now();
	/* Hours at most: a lifetime is no longer than a day. */
	poll(p, count + 4, next == INT64_MAX ? -1 : left < 0 ? 0 : (int)(left / 1000) + 1);
	if (p[0].revents)
		return false;
	if (p[1].revents)
		hear_group(k);
	for (size_t i = 0; i < count && i < cp->layer_count; i++)
		if (p[i + 4].revents)
			hear_talk(k, i);
	if (p[2].revents)
		look_at_addresses(k);
	if (p[3].revents)
		hear_routers(k);
	if (k->again_us && clock_now() >= k->again_us)
		anew(k);
	for (size_t i = 0; !k->again_us && i < cp->layer_count; i++)
		if (clock_now() >= cp->layers[i].hold.due_us)
			renew(k, i);
	return true;
}

void cp_keep(struct cp *cp, const struct map_request *request)
{
	struct keeper k = {.cp = cp, .request = request};

	cp->stop_fd = watch_signals();
	k.group_fd = listen_to_announcements(cp->ipv6);
	k.ssdp_fd = cp_open_group(cp);
	k.address_fd = cp->ipv6 ? watch_addresses() : -1;
	go_on(&k);
	while (turn(&k))
		;
	close(cp->stop_fd);
	cp->stop_fd = -1;
	cp->options.timeout_us = PATIENCE_AT_END;
	cp_unmap_held(cp);
	if (k.group_fd >= 0)
		close(k.group_fd);
	if (k.ssdp_fd >= 0)
		close(k.ssdp_fd);
	if (k.address_fd >= 0)
		close(k.address_fd);
	if (cp->status == EXIT_FINE)
		cp_conclude(cp, EXIT_FINE, "ended", "Ended: what was mapped is taken away.");
}
