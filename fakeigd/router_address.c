/* SPDX-License-Identifier: MIT */
/*
 * router_address.c - the router's addresses: whose subnet is whose, and what happens when they
 * change.
 *
 * Theory of operation: the kernel tells over a descriptor that some address came or went; SETTLE_US
 * later, when a change of several steps is complete, all interfaces are read again and compared. A
 * LAN that has changed revokes its advertisements, listens anew and announces itself with the new
 * LOCATION and a higher BOOTID (SSDP-27, UDA 2.0 1.2.2). A WAN that has changed has another
 * external address, which is evented. Renumbering by ourselves goes the same way, only at once.
 */
#include "base/prefix.h"
#include "description.h"
#include "http.h"
#include "interface.h"
#include "journal.h"
#include "pcp.h"
#include "pinhole.h"
#include "portcontrol.h"
#include "portmap.h"
#include "profile.h"
#include "router.h"
#include "ssdp.h"
#include "upstream.h"
#include "wan_open.h"
#include "wanconnection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#define SETTLE_US (CLOCK_SECOND / 20)

const struct router_interface *router_lan_of(const struct router *r, struct in_addr address)
{
	for (size_t i = 0; i < r->lans; i++)
		if (r->lan[i].address.s_addr &&
		    same_prefix(&r->lan[i].address, &address, (unsigned)r->lan[i].prefix))
			return &r->lan[i];
	return NULL;
}

const struct router_interface *router_lan_of6(const struct router *r,
					      const struct in6_addr *address)
{
	for (size_t i = 0; i < r->lans; i++)
		if (!IN6_IS_ADDR_UNSPECIFIED(&r->lan[i].address6) &&
		    same_prefix(&r->lan[i].address6, address, (unsigned)r->lan[i].prefix6))
			return &r->lan[i];
	return NULL;
}

static const struct router_interface *lan_of6(const struct router *r, const struct sockaddr_in6 *v6)
{
	if (!IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
		return router_lan_of6(r, &v6->sin6_addr);
	for (size_t i = 0; i < r->lans; i++)
		if (v6->sin6_scope_id == r->lan[i].index)
			return &r->lan[i];
	return NULL;
}

const struct router_interface *router_lan_of_peer(const struct router *r,
						  const struct sockaddr *peer)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (peer->sa_family == AF_INET) {
		memcpy(&v4, peer, sizeof(v4));
		return router_lan_of(r, v4.sin_addr);
	}
	if (peer->sa_family != AF_INET6)
		return NULL;
	memcpy(&v6, peer, sizeof(v6));
	return lan_of6(r, &v6);
}

void router_find_external(struct router *r)
{
	r->external = r->profile->external.s_addr ? r->profile->external : r->wan.address;
}

int router_renumber(struct router *r, struct in_addr address)
{
	char text[INET_ADDRSTRLEN], what[64];
	int error;

	if (!r->wan.index)
		return -ENODEV;
	error = interface_renumber(&r->wan, address);
	if (error)
		return error;
	router_find_external(r);
	portmap_event(r->portmap, FORWARDING_RENUMBER);
	inet_ntop(AF_INET, &address, text, sizeof(text));
	snprintf(what, sizeof(what), "WAN address %s", text);
	journal_write(r->journal, JOURNAL_STATE, "wan", NULL, NULL, what, NULL);
	wanconnection_notice(r);
	portcontrol_notice(r->portcontrol, PORTCONTROL_RENUMBERED);
	upstream_notice(r->upstream);
	return 0;
}

void router_listen(struct router *r, uint16_t port)
{
	int error = http_relisten(r->http, port);

	if (!error)
		wan_open(r);
	if (error)
		journal_write(r->journal, JOURNAL_ERROR, "http", NULL, NULL, "cannot listen",
			      "{s:s}", "error", strerror(-error));
}

void router_open_portcontrol(struct router *r)
{
	int error = portcontrol_reopen(r->portcontrol);

	if (error)
		journal_write(r->journal, JOURNAL_ERROR, "portcontrol", NULL, NULL, "cannot listen",
			      "{s:s}", "error", strerror(-error));
}

void router_pinholes_changed(struct router *r)
{
	const char *lacks = NULL;
	int error = pinholes_reload(r->pinholes, &lacks);

	if (error)
		journal_write(r->journal, JOURNAL_ERROR, "firewall6", NULL, NULL,
			      "cannot make the IPv6 firewall", "{s:s, s:s}", "error",
			      strerror(-error), "lacks", lacks ? lacks : "");
}

static void lans_changed(struct router *r)
{
	int error;

	ssdp_byebye(r->ssdp);
	r->boot_id = (r->boot_id + 1) & 0x7fffffff;
	router_listen(r, http_port(r->http));
	descriptions_reload(r);
	pcp_holes_tidy(r->portcontrol);
	router_pinholes_changed(r);
	/* What clients have asked for is gone with its prefix: they have to know (RFC 6887 8.5). */
	if (pcp_holes_tidy(r->portcontrol))
		portcontrol_begin_epoch(r->portcontrol);
	router_open_portcontrol(r);
	error = ssdp_reopen(r->ssdp);
	if (error)
		journal_write(r->journal, JOURNAL_ERROR, "ssdp", NULL, NULL, "cannot listen",
			      "{s:s}", "error", strerror(-error));
}

static bool same_addresses(const struct router_interface *a, const struct router_interface *b)
{
	return a->index == b->index && a->address.s_addr == b->address.s_addr &&
	       a->prefix == b->prefix && a->prefix6 == b->prefix6 &&
	       IN6_ARE_ADDR_EQUAL(&a->address6, &b->address6) &&
	       IN6_ARE_ADDR_EQUAL(&a->link6, &b->link6);
}

/* Read an interface again. Return: whether its addresses are others than before. */
static bool rescan(struct router *r, struct router_interface *iface)
{
	struct router_interface now;
	char what[64 + IFNAMSIZ], text[INET_ADDRSTRLEN];

	if (interface_find(iface->name, &now) != 0 || same_addresses(iface, &now))
		return false;
	*iface = now;
	inet_ntop(AF_INET, &now.address, text, sizeof(text));
	snprintf(what, sizeof(what), "address of %s %s", now.name, text);
	journal_write(r->journal, JOURNAL_STATE, "router", NULL, NULL, what, NULL);
	return true;
}

static void rescan_due(void *arg)
{
	struct router *r = arg;
	bool changed = false;

	for (size_t i = 0; i < r->lans; i++)
		changed |= rescan(r, &r->lan[i]);
	if (changed)
		lans_changed(r);
	if (r->wan.index && rescan(r, &r->wan)) {
		r->first_address = r->wan.address;
		router_find_external(r);
		portmap_event(r->portmap, FORWARDING_RENUMBER);
		wanconnection_notice(r);
		portcontrol_notice(r->portcontrol, PORTCONTROL_RENUMBERED);
		upstream_notice(r->upstream);
	}
}

static void watch_ready(void *arg, int fd, uint32_t events)
{
	struct router *r = arg;

	(void)events;
	interface_watch_drain(fd);
	if (!r->rescan.slot)
		loop_timer_arm(r->loop, &r->rescan, clock_now() + SETTLE_US, rescan_due, r);
}

int router_watch_addresses(struct router *r)
{
	r->watch_fd = interface_watch_open();
	if (r->watch_fd < 0)
		return r->watch_fd;
	r->watch = loop_watch(r->loop, r->watch_fd, EPOLLIN, watch_ready, r);
	return 0;
}

void router_unwatch_addresses(struct router *r)
{
	loop_timer_cancel(r->loop, &r->rescan);
	if (!r->watch)
		return;
	loop_unwatch(r->loop, r->watch);
	r->watch = NULL;
	close(r->watch_fd);
}
