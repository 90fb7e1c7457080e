/* SPDX-License-Identifier: MIT */
/*
 * pinhole_action.c - WANIPv6FirewallControl:1: may this pinhole be?
 *
 * Theory of operation
 *
 * Clauses 2.6.1 to 2.6.7. First the switches: nothing but GetFirewallStatus is answered while the
 * firewall is off (702), nothing that has to do with pinholes while none are allowed (703). Then
 * arguments one by one in the order of the table judges[], so that the most specific error answers:
 * addresses are literals (6FC-23), InternalClient is a host of a LAN and neither a wildcard (708)
 * nor the router (6FC-12), protocols those with ports or the wildcard (6FC-08, 6FC-09), leases 1 to
 * 86,400 s (6FC-11).
 *
 * Who nobody knows may have pinholes to itself only, at ports from 1024 on, and may touch no other
 * host's (2.6.3.3; 6FC-13, 6FC-19). A host has several addresses, and may come over IPv4 or from a
 * temporary or link-local one (6FC-25, 6FC-26): it is the same host when the neighbour table has
 * the same hardware address for both, unless policy pinhole.same-host wants the very address.
 */
#include "base/mem.h"
#include "choice.h"
#include "firewall6.h"
#include "neighbour.h"
#include "pinhole.h"
#include "router.h"
#include "service_tables.h"
#include "soap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Where the kernel does not tell: RFC 6092 REC-14 and REC-35. */
#define UDP_SECONDS 300
#define TCP_SECONDS 7440

static const struct policy *policy_of(const struct soap_call *call)
{
	return &call->router->profile->policy;
}

/* 6FC-02 */
static int judge_enabled(struct soap_call *call)
{
	int code = policy_code(policy_of(call), pinhole_disabled);

	if (!code || firewall6_enabled(call->router->firewall6))
		return 0;
	return soap_refuse(call, code, "the firewall is off");
}

/* 6FC-03 */
static int judge_switches(struct soap_call *call)
{
	int code = judge_enabled(call), refused = policy_code(policy_of(call), pinhole_not_allowed);

	if (code || !refused || firewall6_inbound(call->router->firewall6))
		return code;
	return soap_refuse(call, refused, "pinholes are not allowed");
}

/* An IPv6 address as text; IPv4-mapped ones and :: are none that a packet has. */
static int read_address(struct soap_call *call, const char *name, struct in6_addr *out)
{
	const char *text = soap_in(call, name);

	if (inet_pton(AF_INET6, text, out) == 1 && !IN6_IS_ADDR_V4MAPPED(out) &&
	    !IN6_IS_ADDR_UNSPECIFIED(out))
		return 0;
	return soap_refuse(call, policy_code(policy_of(call), pinhole_address_invalid),
			   "%s \"%.60s\" is no IPv6 address", name, text);
}

static int judge_remote(struct soap_call *call, struct pinhole *h)
{
	h->remote_port = (uint16_t)soap_in_number(call, "RemotePort");
	return *soap_in(call, "RemoteHost") ? read_address(call, "RemoteHost", &h->remote_host) : 0;
}

static bool is_router(const struct router *r, const struct in6_addr *address)
{
	for (size_t i = 0; i < r->lans; i++)
		if (IN6_ARE_ADDR_EQUAL(&r->lan[i].address6, address))
			return true;
	return IN6_ARE_ADDR_EQUAL(&r->wan.address6, address);
}

/* The sender's address; IPv4 as ::ffff:a.b.c.d. */
static struct in6_addr requester(const struct soap_call *call)
{
	struct in6_addr address = {0};
	struct sockaddr_in6 v6;

	if (call->from->ss_family == AF_INET6) {
		memcpy(&v6, call->from, sizeof(v6));
		return v6.sin6_addr;
	}
	address.s6_addr[10] = address.s6_addr[11] = 0xff;
	memcpy(address.s6_addr + 12, &call->peer, sizeof(call->peer));
	return address;
}

/* Whether the request comes from the host that has an address. */
static bool is_requester(const struct soap_call *call, const struct in6_addr *address)
{
	const struct sockaddr *from = (const struct sockaddr *)call->from;
	const struct router_interface *lan = router_lan_of_peer(call->router, from);
	const struct sockaddr_in6 host = {.sin6_family = AF_INET6, .sin6_addr = *address};
	const struct in6_addr sender = requester(call);
	uint8_t theirs[NEIGHBOUR_ADDRESS], wanted[NEIGHBOUR_ADDRESS];

	if (IN6_ARE_ADDR_EQUAL(&sender, address))
		return true;
	if (!lan || !lan->index || policy_is(policy_of(call), pinhole_same_host, "address"))
		return false;
	return neighbour_find(lan, from, theirs) &&
	       neighbour_find(lan, (const struct sockaddr *)&host, wanted) &&
	       !memcmp(theirs, wanted, sizeof(theirs));
}

/* 6FC-06, 6FC-12, 6FC-13, 6FC-23 */
static int judge_client(struct soap_call *call, struct pinhole *h)
{
	const struct policy *policy = policy_of(call);
	int code;

	if (!*soap_in(call, "InternalClient"))
		return soap_refuse(call, policy_code(policy, pinhole_client_empty),
				   "InternalClient is empty");
	code = read_address(call, "InternalClient", &h->internal_client);
	if (code)
		return code;
	code = policy_code(policy, pinhole_client_outside);
	if (code && (is_router(call->router, &h->internal_client) ||
		     !router_lan_of6(call->router, &h->internal_client)))
		return soap_refuse(call, code, "InternalClient is no host of a LAN");
	code = policy_code(policy, pinhole_third_party);
	if (code && !is_requester(call, &h->internal_client))
		return soap_refuse(call, code, "InternalClient is not the requester");
	return 0;
}

/* 6FC-07, 6FC-13 */
static int judge_internal_port(struct soap_call *call, struct pinhole *h)
{
	const struct policy *policy = policy_of(call);
	int code = 0;

	h->internal_port = (uint16_t)soap_in_number(call, "InternalPort");
	if (!h->internal_port)
		code = policy_code(policy, pinhole_internal_port_zero);
	else if (h->internal_port < 1024)
		code = policy_code(policy, pinhole_low_port);
	return code ? soap_refuse(call, code, "internal port %u", h->internal_port) : 0;
}

static int protocol_refused(const struct soap_call *call, int protocol)
{
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE)
		return 0;
	if (protocol == PINHOLE_ANY_PROTOCOL)
		return policy_code(policy_of(call), pinhole_protocol_any);
	return protocol > UINT8_MAX ? 705 : policy_code(policy_of(call), pinhole_protocol_other);
}

/* 6FC-08, 6FC-09 */
static int judge_protocol(struct soap_call *call, struct pinhole *h)
{
	int code;

	h->protocol = (int)soap_in_number(call, "Protocol");
	code = protocol_refused(call, h->protocol);
	return code ? soap_refuse(call, code, "protocol %d", h->protocol) : 0;
}

/* 6FC-11 */
static int read_lease(struct soap_call *call, const char *name, uint32_t *out)
{
	const struct policy *policy = policy_of(call);
	uint32_t asked = soap_in_number(call, name), longest = (uint32_t)policy->pinhole_lease_max;
	int code = policy_code(policy, pinhole_lease_range);

	*out = asked && asked <= longest ? asked : longest;
	if (*out == asked || !code)
		return 0;
	return soap_refuse(call, code, "lease %u is not 1 to %u", asked, longest);
}

static int judge_lease(struct soap_call *call, struct pinhole *h)
{
	return read_lease(call, "LeaseTime", &h->lease);
}

int pinhole_get_status(struct soap_call *call)
{
	value_firewall_enabled(call->router, soap_out(call, "FirewallEnabled"));
	value_inbound_allowed(call->router, soap_out(call, "InboundPinholeAllowed"));
	return 0;
}

/* Seconds that conntrack keeps an idle connection. */
static unsigned kernel_timeout(const char *name, unsigned otherwise)
{
	char path[128];
	unsigned seconds = otherwise;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/net/netfilter/nf_conntrack_%s", name);
	f = fopen(path, "re");
	if (f && fscanf(f, "%u", &seconds) != 1)
		seconds = otherwise;
	if (f)
		fclose(f);
	return seconds;
}

/* 6FC-22: what an idle connection that was opened from inside has. */
int pinhole_get_timeout(struct soap_call *call)
{
	int protocol = (int)soap_in_number(call, "Protocol"), code = judge_enabled(call);
	unsigned seconds;

	if (!code)
		code = protocol_refused(call, protocol);
	if (code)
		return soap_refuse(call, code, "protocol %d", protocol);
	if (protocol == IPPROTO_TCP)
		seconds = kernel_timeout("tcp_timeout_established", TCP_SECONDS);
	else
		seconds = kernel_timeout("udp_timeout_stream", UDP_SECONDS);
	soap_out_number(call, "OutboundPinholeTimeout", seconds);
	return 0;
}

/* 6FC-14: the same tuple again. Return: 0 when it is to be put into the table. */
static int judge_again(struct soap_call *call, const struct pinhole *old, bool *kept)
{
	const struct policy *policy = policy_of(call);

	*kept = old && policy_is(policy, pinhole_same_tuple, "keep");
	if (old && policy_is(policy, pinhole_same_tuple, "another"))
		pinhole_remove(call->router->pinholes, old->id, "removed");
	return old && policy_code(policy, pinhole_same_tuple)
		       ? soap_refuse(call, policy_code(policy, pinhole_same_tuple), "it is there")
		       : 0;
}

static int store(struct soap_call *call, const struct pinhole *wanted)
{
	struct pinholes *p = call->router->pinholes;
	const struct policy *policy = policy_of(call);
	const struct pinhole *h = pinhole_find(p, wanted);
	bool kept;
	int error = 0, code;

	if (!h && pinholes_count(p) >= (size_t)policy->pinhole_max)
		return soap_refuse(call, policy_code(policy, pinhole_full), "%zu pinholes",
				   pinholes_count(p));
	code = judge_again(call, h, &kept);
	if (code)
		return code;
	if (!kept)
		error = pinhole_put(p, wanted, &h);
	if (error)
		return soap_refuse(call, error == -ENOSPC ? 701 : 501, "the kernel says %s",
				   strerror(-error));
	soap_out_number(call, "UniqueID", h->id);
	return 0;
}

int pinhole_add(struct soap_call *call)
{
	static int (*const judges[])(struct soap_call * call, struct pinhole * h) = {
		judge_remote, judge_client, judge_internal_port, judge_protocol, judge_lease,
	};
	struct pinhole h = {.origin = PORTMAP_IGD, .owner = requester(call)};
	int code = judge_switches(call);

	for (size_t i = 0; !code && i < ARRAY_SIZE(judges); i++)
		code = judges[i](call, &h);
	return code ? code : store(call, &h);
}

/* The pinhole that a UniqueID means, if the requester may touch it (6FC-16, 6FC-19). */
static int find(struct soap_call *call, const struct pinhole **out)
{
	uint32_t id = soap_in_number(call, "UniqueID");
	const struct pinhole *h = pinhole_by_id(call->router->pinholes, (uint16_t)id);
	const struct in6_addr sender = requester(call);
	int code = judge_switches(call);

	*out = NULL;
	if (code)
		return code;
	code = policy_code(policy_of(call), pinhole_missing);
	if (!h || h->origin != PORTMAP_IGD)
		return code ? soap_refuse(call, code, "no pinhole %u", id) : 0;
	code = policy_code(policy_of(call), pinhole_third_party);
	if (code && !IN6_ARE_ADDR_EQUAL(&sender, &h->owner) &&
	    !is_requester(call, &h->internal_client))
		return soap_refuse(call, code, "pinhole %u is another host's", id);
	*out = h;
	return 0;
}

int pinhole_update(struct soap_call *call)
{
	const struct pinhole *h;
	uint32_t lease;
	int code = find(call, &h);

	if (!code)
		code = read_lease(call, "NewLeaseTime", &lease);
	if (!code && h)
		pinhole_renew(call->router->pinholes, h->id, lease);
	return code;
}

int pinhole_delete(struct soap_call *call)
{
	const struct pinhole *h;
	int code = find(call, &h);

	if (!code && h)
		pinhole_remove(call->router->pinholes, h->id, "removed");
	return code;
}

static uint64_t packets_of(const struct soap_call *call, const struct pinhole *h)
{
	return h ? pinhole_packets(call->router->pinholes, h) : 0;
}

/* 6FC-20 */
int pinhole_get_packets(struct soap_call *call)
{
	const struct pinhole *h;
	int code = find(call, &h);

	if (!code)
		soap_out_number(call, "PinholePackets", packets_of(call, h) & UINT32_MAX);
	return code;
}

/* 6FC-21 */
int pinhole_check(struct soap_call *call)
{
	const struct policy *policy = policy_of(call);
	const struct pinhole *h;
	int code = find(call, &h);
	bool working;

	if (code)
		return code;
	working = packets_of(call, h);
	code = policy_code(policy, pinhole_no_traffic);
	if (!working && code)
		return soap_refuse(call, code, "no packet has come through it");
	soap_out_text(call, "IsWorking",
		      working || policy_is(policy, pinhole_no_traffic, "one") ? "1" : "0");
	return 0;
}

void value_firewall_enabled(struct router *r, struct buf *out)
{
	buf_putc(out, firewall6_enabled(r->firewall6) ? '1' : '0');
}

void value_inbound_allowed(struct router *r, struct buf *out)
{
	buf_putc(out, firewall6_inbound(r->firewall6) ? '1' : '0');
}
