/* SPDX-License-Identifier: MIT */
/*
 * mapping_add.c - AddPortMapping and AddAnyPortMapping: may this mapping be, and does it fit?
 *
 * WANIPConnection:1 2.4.16, WANIPConnection:2 2.5.16 and 2.5.17. Arguments are judged one by one in
 * the order of the table judges[], so that the most specific error answers (SOAP-43); then the
 * state of the connection; then conflicts (mapping_conflict.c, figures 2-3 and 2-4); then room.
 * AddAnyPortMapping moves on to the next free external port where AddPortMapping conflicts, and so
 * never answers 718 (WIPC-45, WIPC-49). Errors 724 to 727 exist only by policy (WIPC-12, IGD-18).
 * What passes is stored, or asked of a server upstream first (interwork.h).
 */
#include "base/mem.h"
#include "choice.h"
#include "interwork.h"
#include "mapping.h"
#include "mapping_conflict.h"
#include "router.h"
#include "service_tables.h"
#include "wanconnection.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define LEASE_WEEK 604800 /* WANIPConnection:2 table 2-6 */

/**
 * struct wish - a mapping as asked for, on its way to one that is granted
 * @mapping:	@description points to @text
 * @any:	AddAnyPortMapping
 * @text:	description, rewritten where the policy does so
 */
struct wish {
	struct mapping mapping;
	bool any;
	char *text;
};

static const struct policy *policy_of(const struct soap_call *call)
{
	return &call->router->profile->policy;
}

static int judge_protocol(struct soap_call *call, struct wish *w)
{
	return mapping_protocol(call, &w->mapping.protocol);
}

/* WIPC-10, WIPC-11: never accept a remote host and then not look at it, unless policy says so. */
static int judge_remote_host(struct soap_call *call, struct wish *w)
{
	const struct policy *policy = policy_of(call);
	int code = mapping_remote_host(call, &w->mapping.remote_host);

	if (code || !w->mapping.remote_host.s_addr ||
	    policy_is(policy, remote_host_specific, "accept"))
		return code;
	if (policy_is(policy, remote_host_specific, "ignore")) {
		w->mapping.remote_host.s_addr = 0;
		return 0;
	}
	return soap_refuse(call, policy_code(policy, remote_host_specific),
			   "only any remote host is possible");
}

/* WIPC-09, WIPC-48. */
static int judge_external_port(struct soap_call *call, struct wish *w)
{
	const struct policy *policy = policy_of(call);
	uint32_t port = soap_in_number(call, "NewExternalPort");
	int code;

	w->mapping.external_port = (uint16_t)port;
	if (port)
		code = policy_code(policy, external_port_specific);
	else if (!w->any)
		code = policy_by_service(call, external_port_zero, 0, 716);
	else
		code = policy_code(policy, external_port_any_zero);
	return code ? soap_refuse(call, code, "external port %u", port) : 0;
}

/* WIPC-08, WIPC-14. */
static int judge_internal_port(struct soap_call *call, struct wish *w)
{
	const struct policy *policy = policy_of(call);
	uint16_t port = (uint16_t)soap_in_number(call, "NewInternalPort");
	int code = port ? 0 : policy_by_service(call, internal_port_zero, 402, 732);

	if (code)
		return soap_refuse(call, code, "internal port 0");
	w->mapping.internal_port = port;
	if (port == w->mapping.external_port || policy_is(policy, internal_port_other, "accept"))
		return 0;
	if (policy_is(policy, internal_port_other, "force")) {
		w->mapping.internal_port = w->mapping.external_port;
		return 0;
	}
	return soap_refuse(call, policy_code(policy, internal_port_other),
			   "internal and external port differ");
}

/* A host of a LAN: neither the router nor the subnet's own two addresses (WIPC-28, SEC-06). */
static bool is_lan_host(const struct router *r, struct in_addr address)
{
	const struct router_interface *lan = router_lan_of(r, address);
	uint32_t host = ntohl(address.s_addr), mask;

	if (!lan)
		return false;
	for (size_t i = 0; i < r->lans; i++)
		if (r->lan[i].address.s_addr == address.s_addr)
			return false;
	mask = lan->prefix ? UINT32_MAX << (32 - lan->prefix) : 0;
	return lan->prefix >= 31 || ((host & ~mask) != 0 && (host | mask) != UINT32_MAX);
}

/* The address that NewInternalClient stands for (WIPC-07, WIPC-26, WIPC-75). */
static int read_client(struct soap_call *call, struct in_addr *out)
{
	const struct policy *policy = policy_of(call);
	const char *text = soap_in(call, "NewInternalClient");
	int code;

	if (inet_pton(AF_INET, text, out) == 1)
		return 0;
	*out = call->peer;
	code = *text ? policy_code(policy, client_name) : policy_code(policy, client_empty);
	return code ? soap_refuse(call, code, "internal client \"%.60s\"", text) : 0;
}

/* WIPC-25, WIPC-28, IGD-11. */
static int judge_client(struct soap_call *call, struct wish *w)
{
	const struct policy *policy = policy_of(call);
	struct in_addr *client = &w->mapping.internal_client;
	int code = read_client(call, client);

	if (code)
		return code;
	if (client->s_addr == INADDR_BROADCAST && w->mapping.protocol == IPPROTO_UDP)
		code = policy_code(policy, client_broadcast);
	else if (!is_lan_host(call->router, *client))
		code = policy_code(policy, client_outside);
	if (code)
		return soap_refuse(call, code, "internal client is no host of the LAN");
	if (client->s_addr == call->peer.s_addr)
		return 0;
	code = policy_by_device(call, client_third_party, 606);
	return code ? soap_refuse(call, code, "internal client is not the requester") : 0;
}

/* IGD-12. */
static int judge_low_ports(struct soap_call *call, struct wish *w)
{
	int code = 0;

	if (w->mapping.external_port && w->mapping.external_port < 1024)
		code = policy_by_device(call, client_low_external_port, 606);
	if (!code && w->mapping.internal_port < 1024)
		code = policy_by_device(call, client_low_internal_port, 606);
	return code ? soap_refuse(call, code, "ports below 1024 are not for everybody") : 0;
}

/* WIPC-24. */
static int judge_enabled(struct soap_call *call, struct wish *w)
{
	const struct policy *policy = policy_of(call);

	w->mapping.enabled = soap_in_boolean(call, "NewEnabled");
	if (w->mapping.enabled || policy_is(policy, enabled_zero, "accept"))
		return 0;
	w->mapping.enabled = true;
	if (policy_is(policy, enabled_zero, "ignore"))
		return 0;
	return soap_refuse(call, policy_code(policy, enabled_zero),
			   "mappings that do not forward are not supported");
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == ' ';
}

/* A character of several bytes becomes one dot. */
static void rewrite(char *text, bool dots)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		bool inside = ((unsigned char)*from & 0xc0) == 0x80;

		if (is_plain(*from) && !(dots && *from == ' '))
			*to++ = *from;
		else if (dots && !inside)
			*to++ = '.';
	}
	*to = '\0';
}

static bool all_plain(const char *text)
{
	while (*text && is_plain(*text))
		text++;
	return !*text;
}

/* At most @max bytes, no character cut in two (SOAP-29). */
static void cut(char *text, size_t max)
{
	while (max && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	text[max] = '\0';
}

static int judge_description(struct soap_call *call, struct wish *w)
{
	const struct policy *policy = policy_of(call);
	const char *text = soap_in(call, "NewPortMappingDescription");
	int code = *text ? 0 : policy_code(policy, description_empty);
	bool dots;

	if (code)
		return soap_refuse(call, code, "description is empty");
	w->text = w->mapping.description = xstrdup(text);
	if (strlen(text) > (size_t)policy->description_max) {
		code = policy_code(policy, description_too_long);
		if (code)
			return soap_refuse(call, code, "description has %zu bytes", strlen(text));
		cut(w->text, (size_t)policy->description_max);
	}
	dots = policy_is(policy, description_other_characters, "dot");
	if (policy_is(policy, description_other_characters, "accept") || (!dots && all_plain(text)))
		return 0;
	code = policy_code(policy, description_other_characters);
	if (code)
		return soap_refuse(call, code, "characters of the description");
	rewrite(w->text, dots);
	return 0;
}

static uint32_t longest_lease(const struct soap_call *call)
{
	const struct policy *policy = policy_of(call);

	if (policy->lease_max)
		return (uint32_t)policy->lease_max;
	return call->instance->version >= 2 ? LEASE_WEEK : UINT32_MAX;
}

/* Lease 0: permanent in version 1 (WIPC-16), a week in version 2 (WIPC-15, WIPC-50). */
static int judge_no_lease(struct soap_call *call, struct wish *w)
{
	const struct policy *policy = policy_of(call);
	bool permanent = policy_is(policy, lease_zero, "by-version")
				 ? call->instance->version < 2
				 : policy_is(policy, lease_zero, "permanent");
	uint32_t longest = longest_lease(call);

	if (policy_code(policy, lease_zero))
		return soap_refuse(call, policy_code(policy, lease_zero), "lease 0");
	w->mapping.lease = permanent ? 0 : longest == UINT32_MAX ? LEASE_WEEK : longest;
	return 0;
}

/* WIPC-17, WIPC-18. */
static int judge_lease(struct soap_call *call, struct wish *w)
{
	const struct policy *policy = policy_of(call);
	uint32_t asked = soap_in_number(call, "NewLeaseDuration");
	uint32_t longest = longest_lease(call);
	int code;

	w->mapping.lease = (uint32_t)policy->lease_override;
	if (policy->lease_override)
		return 0;
	if (!asked)
		return judge_no_lease(call, w);
	if (policy_code(policy, lease_finite))
		return soap_refuse(call, policy_code(policy, lease_finite), "lease %u is not 0",
				   asked);
	if (policy_is(policy, lease_finite, "permanent"))
		return 0;
	code = asked > longest ? policy_by_service(call, lease_too_long, 0, 601) : 0;
	if (code)
		return soap_refuse(call, code, "lease %u is above %u", asked, longest);
	asked = asked > longest ? longest : asked;
	w->mapping.lease = asked < policy->lease_min ? (uint32_t)policy->lease_min : asked;
	return 0;
}

/* WIPC-68. */
static int judge_connection(struct soap_call *call, struct wish *w)
{
	const char *why = wanconnection_refuses_mappings(call->router);

	(void)w;
	return why ? soap_refuse(call, 501, "%s", why) : 0;
}

static int judge(struct soap_call *call, struct wish *w)
{
	static int (*const judges[])(struct soap_call * call, struct wish * w) = {
		judge_protocol, judge_remote_host, judge_external_port, judge_internal_port,
		judge_client,	judge_low_ports,   judge_enabled,	judge_description,
		judge_lease,	judge_connection,
	};
	int code = 0;

	w->mapping.owner = call->peer;
	w->mapping.origin = PORTMAP_IGD;
	for (size_t i = 0; !code && i < sizeof(judges) / sizeof(judges[0]); i++)
		code = judges[i](call, w);
	return code;
}

/* Room for one more (WIPC-31)? Return: 0, an error code, or MAPPING_PRETEND. */
static int find_room(struct soap_call *call, const struct mapping *m)
{
	const struct policy *policy = policy_of(call);
	const struct portmap *p = call->router->portmap;

	if (portmap_count(p) < (size_t)policy->table_max ||
	    portmap_find(p, m->remote_host, m->external_port, m->protocol))
		return 0;
	if (policy_is(policy, table_full, "pretend"))
		return MAPPING_PRETEND;
	return soap_refuse(call, policy_by_service(call, table_full, 501, 728),
			   "the table is full with %zu entries", portmap_count(p));
}

int mapping_store(struct soap_call *call, const struct mapping *m)
{
	struct portmap *p = call->router->portmap;
	int error = policy_of(call)->lease_refresh ? portmap_put(p, m)
						   : portmap_put_keeping_lease(p, m);

	return error ? soap_refuse(call, 501, "the kernel says %s", strerror(-error)) : 0;
}

/* Here at once, or later by a server upstream (RFC 6970 5.6). */
static int grant(struct soap_call *call, const struct wish *w)
{
	return interwork_is_on(call->router->interwork) ? interwork_add(call, &w->mapping, w->any)
							: mapping_store(call, &w->mapping);
}

int mapping_add(struct soap_call *call)
{
	struct wish w = {0};
	int code = judge(call, &w);

	if (!code)
		code = mapping_conflict(call, &w.mapping);
	if (!code)
		code = find_room(call, &w.mapping);
	if (!code)
		code = grant(call, &w);
	free(w.text);
	return code == MAPPING_PRETEND ? 0 : code;
}

/* The asked port, or the next one that is free in this protocol (WIPC-44, WIPC-45; figure 2-4). */
static int find_port(struct soap_call *call, struct mapping *m)
{
	bool allocate =
		!m->external_port && policy_is(policy_of(call), external_port_any_zero, "allocate");
	int code = allocate ? 718 : mapping_conflict(call, m);
	uint16_t first;

	if (code <= 0)
		return code;
	first = m->external_port ? (uint16_t)(m->external_port + 1) : 1024;
	m->external_port = portmap_free_port(call->router->portmap, first, m->protocol);
	if (!m->external_port)
		return soap_refuse(call, 728, "every external port is taken");
	return 0;
}

int mapping_add_any(struct soap_call *call)
{
	struct wish w = {.any = true};
	int code = judge(call, &w);

	if (!code)
		code = find_port(call, &w.mapping);
	if (!code)
		code = find_room(call, &w.mapping);
	if (!code)
		code = grant(call, &w);
	if (code == MAPPING_PRETEND)
		code = 0;
	if (!code)
		soap_out_number(call, "NewReservedPort", w.mapping.external_port);
	free(w.text);
	return code;
}
