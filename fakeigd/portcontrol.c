/* SPDX-License-Identifier: MIT */
/*
 * portcontrol.c - UDP port 5351 of the LAN interfaces: which protocol a datagram is of.
 *
 * Theory of operation
 *
 * One socket per LAN interface, bound to the device, so that the WAN sees a closed port; and only
 * while a protocol is on: with none, and while the router is no NAT, the kernel answers with ICMP
 * port unreachable (NATPMP-32, NATPMP-34). The kernel tells to which address a datagram came. Only
 * addresses of a LAN interface count, and answers leave from the one that was asked: a request to
 * the external address is ignored wherever it comes from, and so is one whose source is in no LAN
 * (NATPMP-31, PCP-16, SEC-23, SEC-24, VU#184540). Policies natpmp.wan and pcp.wan undo that.
 *
 * Over IPv6 it is the same by a second socket, for PCP alone, at every address of ours on the LAN.
 *
 * The first byte is the version of the protocol: each line of the table below serves one. A version
 * that nobody serves goes to the line of the highest version that is on, which says that it is not
 * supported (RFC 6886 clause 3.5, RFC 6887 clause 9).
 *
 * The epoch counts seconds of the lab's clock since the table of mappings was last lost, or the
 * external address became another (NATPMP-28, RFC 6887 clause 8.5); all protocols tell the same.
 */
#include "base/mem.h"
#include "journal.h"
#include "portcontrol_parts.h"
#include "profile.h"

#include <stdlib.h>

/**
 * struct protocol - one that is spoken on the port
 * @version:	first byte of its requests
 * @name:	layer of the journal
 * @is_on:	whether the profile has it
 * @is_exposed:	whether it is answered on the WAN side, too
 * @receive:	a request; of a version that nobody serves too
 * @announce:	tell the LAN that the state is another
 */
struct protocol {
	uint8_t version;
	const char *name;
	bool (*is_on)(const struct router *r);
	bool (*is_exposed)(const struct router *r);
	void (*receive)(const struct portcontrol_request *q);
	void (*announce)(struct portcontrol *p);
};

static bool natpmp_is_exposed(const struct router *r)
{
	return r->profile->policy.natpmp_wan;
}

static bool pcp_is_exposed(const struct router *r)
{
	return r->profile->policy.pcp_wan;
}

/* Highest version last. */
static const struct protocol protocols[] = {
	{0, "natpmp", natpmp_is_on, natpmp_is_exposed, natpmp_receive, natpmp_announce},
	{PCP_VERSION, "pcp", pcp_is_on, pcp_is_exposed, pcp_receive, pcp_announce},
};

/* @family: NAT-PMP is of IPv4 alone. */
static const struct protocol *protocol_of(const struct router *r, uint8_t version,
					  sa_family_t family)
{
	const struct protocol *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (!protocols[i].is_on(r) ||
		    (family == AF_INET6 && protocols[i].version != PCP_VERSION))
			continue;
		found = &protocols[i];
		if (found->version == version)
			break;
	}
	return found;
}

static bool any_on(const struct router *r, sa_family_t family)
{
	return protocol_of(r, 0, family) != NULL;
}

static bool any_exposed(const struct router *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].is_on(r) && protocols[i].is_exposed(r))
			return true;
	return false;
}

void portcontrol_begin_epoch(struct portcontrol *p)
{
	p->lost = clock_now();
}

uint32_t portcontrol_epoch(const struct portcontrol *p, bool renumbered)
{
	int64_t start = renumbered && p->renumbered > p->lost ? p->renumbered : p->lost;

	return (uint32_t)((clock_now() - start) / CLOCK_SECOND);
}

/* Whether an address is one of ours on a LAN. */
static bool is_lan_address(const struct router *r, const struct sockaddr_storage *local)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memcpy(&v4, local, sizeof(v4));
	memcpy(&v6, local, sizeof(v6));
	for (size_t i = 0; i < r->lans; i++) {
		const struct router_interface *lan = &r->lan[i];

		if (local->ss_family == AF_INET
			    ? lan->address.s_addr == v4.sin_addr.s_addr
			    : IN6_ARE_ADDR_EQUAL(&lan->address6, &v6.sin6_addr) ||
				      IN6_ARE_ADDR_EQUAL(&lan->link6, &v6.sin6_addr))
			return true;
	}
	return false;
}

/* Why a datagram is not looked at, NULL when it is. */
static const char *refusal(const struct portcontrol_request *q, const struct protocol *protocol)
{
	const struct router *r = q->portcontrol->router;

	if (!q->bytes.len)
		return "ignores: empty";
	if (protocol->is_exposed(r))
		return NULL;
	if (!is_lan_address(r, &q->local))
		return "ignores: not to an address of the LAN";
	if (!router_lan_of_peer(r, (const struct sockaddr *)&q->from))
		return "ignores: not from the LAN";
	return NULL;
}

static void datagram(void *arg, struct datagram_socket *socket, const struct datagram_received *got)
{
	const struct portcontrol_request q = {
		.portcontrol = arg,
		.socket = socket,
		.from = got->from,
		.local = got->local,
		.bytes = got->bytes,
	};
	struct router *r = q.portcontrol->router;
	const struct protocol *protocol =
		protocol_of(r, q.bytes.len ? (uint8_t)q.bytes.ptr[0] : 0, socket->family);
	const char *why;

	journal_bytes(r->journal, JOURNAL_READ, "udp", (const struct sockaddr *)&q.from,
		      (const struct sockaddr *)&q.local, q.bytes);
	if (!protocol)
		return; /* switched off since it came */
	why = refusal(&q, protocol);
	if (!why)
		protocol->receive(&q);
	else if (journal_on(r->journal))
		journal_write(r->journal, JOURNAL_DECIDED, protocol->name,
			      (const struct sockaddr *)&q.from, (const struct sockaddr *)&q.local,
			      why, NULL);
}

/* Whether the port is to be open on an interface over that family. */
static bool is_wanted(const struct router *r, const struct router_interface *iface,
		      sa_family_t family)
{
	if (!any_on(r, family))
		return false;
	if (family == AF_INET)
		return iface->address.s_addr;
	return r->profile->policy.pcp_ipv6 && !IN6_IS_ADDR_UNSPECIFIED(&iface->link6);
}

static int serve_interface(void *arg, const struct router_interface *iface)
{
	static const sa_family_t families[] = {AF_INET, AF_INET6};
	struct portcontrol *p = arg;
	int fd = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families) && fd >= 0; i++)
		if (is_wanted(p->router, iface, families[i]))
			fd = datagram_port_open(&p->port, iface, families[i]);
	return fd < 0 ? fd : 0;
}

static void announce(struct portcontrol *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		protocols[i].announce(p);
}

int portcontrol_reopen(struct portcontrol *p)
{
	int error;

	pcp_proxy_stop(p);
	pcp_rebind(p);
	error = datagram_port_reopen(&p->port, serve_interface, true, any_exposed(p->router));
	announce(p);
	return error;
}

struct portcontrol *portcontrol_new(struct router *r, int *error)
{
	struct portcontrol *p = xcalloc(1, sizeof(*p));

	p->router = r;
	p->port = (struct datagram_port){
		.router = r,
		.number = PORTCONTROL_PORT,
		.receive = datagram,
		.arg = p,
		.in = p->in,
		.size = sizeof(p->in),
	};
	p->lost = p->renumbered = clock_now();
	pcp_start(p);
	*error = portcontrol_reopen(p);
	if (!*error)
		return p;
	portcontrol_free(p);
	return NULL;
}

void portcontrol_free(struct portcontrol *p)
{
	if (!p)
		return;
	natpmp_stop(p);
	pcp_proxy_stop(p);
	pcp_stop(p);
	datagram_port_close(&p->port);
	free(p);
}

void portcontrol_notice(struct portcontrol *p, enum portcontrol_event event)
{
	if (!p)
		return;
	if (event == PORTCONTROL_LOST) {
		p->lost = clock_now();
		pcp_forget(p);
	} else if (event == PORTCONTROL_RENUMBERED) {
		p->renumbered = clock_now();
		pcp_update(p);
	}
	announce(p);
}
