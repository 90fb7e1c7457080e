/* SPDX-License-Identifier: MIT */
/*
 * mapping_conflict.c - a mapping that is asked for against those that exist.
 *
 * WANIPConnection:2 figure 2-3 (WIPC-02 to WIPC-06), with "=" same and "!" different:
 *
 *	port, protocol	remote host	client	answer
 *	!		any		any	success
 *	=		!		!	718 (version 1 has no such rule: success)
 *	=		!		=	vendor's choice: success
 *	=		=		!	718
 *	=		=		=	success, the entry is updated
 *
 * Further conflicts exist only by policy (conflict.*): the other protocol, the same internal
 * endpoint, the same description, the router's own port.
 */
#include "mapping_conflict.h"

#include "choice.h"
#include "router.h"

#include <arpa/inet.h>

static const struct policy *policy_of(const struct soap_call *call)
{
	return &call->router->profile->policy;
}

static int refuse_held(struct soap_call *call, int code, const struct mapping *by)
{
	char client[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &by->internal_client, client, sizeof(client));
	return soap_refuse(call, code, "%u is held by %s:%u", by->external_port, client,
			   by->internal_port);
}

/* The entry of the same key. */
static int against_same_key(struct soap_call *call, const struct mapping *m,
			    const struct mapping *old)
{
	const struct policy *policy = policy_of(call);

	if (old->internal_client.s_addr == m->internal_client.s_addr) {
		if (policy_is(policy, conflict_same_entry, "keep"))
			return MAPPING_PRETEND;
		if (policy_code(policy, conflict_same_entry))
			return refuse_held(call, policy_code(policy, conflict_same_entry), old);
		return 0;
	}
	if (old->origin != PORTMAP_IGD && policy_is(policy, table_conflicts, "own-protocol"))
		return 0;
	if (old->origin != PORTMAP_IGD)
		return refuse_held(
			call, policy_by_service(call, conflict_other_mechanism, 718, 729), old);
	if (policy_is(policy, conflict_other_client, "pretend"))
		return MAPPING_PRETEND;
	if (policy_is(policy, conflict_other_client, "overwrite"))
		return 0;
	return refuse_held(call, policy_code(policy, conflict_other_client), old);
}

/* Entries of the same port and protocol for other remote hosts. */
static int against_same_port(struct soap_call *call, const struct mapping *m)
{
	const struct portmap *p = call->router->portmap;
	const struct mapping *old = portmap_find_port(p, m->external_port, m->protocol);

	for (; old; old = portmap_next_port(p, old)) {
		int code;

		if (old->internal_client.s_addr == m->internal_client.s_addr)
			code = policy_code(policy_of(call), conflict_other_remote_host);
		else
			code = policy_by_service(call, conflict_other_both, 0, 718);
		if (code)
			return refuse_held(call, code, old);
	}
	return 0;
}

static bool is_port(const struct mapping *old, void *arg)
{
	const struct mapping *m = arg;

	return old->external_port == m->external_port && old->protocol != m->protocol;
}

static int against_other_protocol(struct soap_call *call, const struct mapping *m)
{
	const struct policy *policy = policy_of(call);
	struct portmap *p = call->router->portmap;
	const struct mapping *old;

	if (policy_is(policy, conflict_other_protocol, "accept"))
		return 0;
	old = portmap_find_port(p, m->external_port, IPPROTO_TCP + IPPROTO_UDP - m->protocol);
	if (!old)
		return 0;
	if (policy_code(policy, conflict_other_protocol))
		return refuse_held(call, policy_code(policy, conflict_other_protocol), old);
	portmap_remove_if(p, is_port, (void *)m, "replaced");
	return 0;
}

static bool same_key(const struct mapping *a, const struct mapping *b)
{
	return a->external_port == b->external_port && a->protocol == b->protocol &&
	       a->remote_host.s_addr == b->remote_host.s_addr;
}

static bool is_description(const struct mapping *old, void *arg)
{
	const struct mapping *m = arg;

	return !same_key(old, m) && !strcmp(old->description, m->description);
}

static bool is_endpoint(const struct mapping *old, void *arg)
{
	const struct mapping *m = arg;

	return !same_key(old, m) && old->protocol == m->protocol &&
	       old->internal_client.s_addr == m->internal_client.s_addr &&
	       old->internal_port == m->internal_port;
}

static const struct mapping *search(const struct portmap *p,
				    bool (*wanted)(const struct mapping *m, void *arg), void *arg)
{
	for (size_t i = 0; i < portmap_count(p); i++)
		if (wanted(portmap_at(p, i), arg))
			return portmap_at(p, i);
	return NULL;
}

/* Conflicts that need a walk over the whole table; only where the policy has them. */
static int against_all(struct soap_call *call, const struct mapping *m)
{
	const struct policy *policy = policy_of(call);
	struct portmap *p = call->router->portmap;
	const struct mapping *old = NULL;

	if (!policy_is(policy, conflict_same_internal, "accept"))
		old = search(p, is_endpoint, (void *)m);
	if (old)
		return refuse_held(call, policy_code(policy, conflict_same_internal), old);
	if (policy_is(policy, conflict_same_description, "accept"))
		return 0;
	if (policy_is(policy, conflict_same_description, "replace")) {
		portmap_remove_if(p, is_description, (void *)m, "replaced");
		return 0;
	}
	old = search(p, is_description, (void *)m);
	return old ? refuse_held(call, policy_code(policy, conflict_same_description), old) : 0;
}

static int against_router(struct soap_call *call, const struct mapping *m)
{
	const struct policy *policy = policy_of(call);
	struct router *r = call->router;

	if (!policy_code(policy, conflict_router_port) || m->protocol != IPPROTO_TCP || !r->http ||
	    m->external_port != http_port(r->http))
		return 0;
	return soap_refuse(call, policy_code(policy, conflict_router_port),
			   "%u is the router's own port", m->external_port);
}

int mapping_conflict(struct soap_call *call, const struct mapping *m)
{
	const struct mapping *old =
		portmap_find(call->router->portmap, m->remote_host, m->external_port, m->protocol);
	int code = old ? against_same_key(call, m, old) : against_same_port(call, m);

	if (!code)
		code = against_router(call, m);
	if (!code)
		code = against_all(call, m);
	if (!code)
		code = against_other_protocol(call, m);
	return code;
}
