/* SPDX-License-Identifier: MIT */
/*
 * mapping_read.c - reading and deleting port mappings.
 *
 * WANIPConnection:1 2.4.14, 2.4.15, 2.4.17; WANIPConnection:2 2.5.14, 2.5.15, 2.5.18, 2.5.19,
 * 2.5.21. An unauthenticated control point of IGD:2 sees and deletes only its own (IGD-13): single
 * entries answer 606, lists and ranges pass over them. Deleting a range is one change of the table
 * (WIPC-56, GENA-32).
 */
#include "base/mem.h"
#include "choice.h"
#include "interwork.h"
#include "mapping.h"
#include "router.h"
#include "service_tables.h"
#include "upstream.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static const struct policy *policy_of(const struct soap_call *call)
{
	return &call->router->profile->policy;
}

static int judge_reading(struct soap_call *call, const struct mapping *m)
{
	int code = mapping_is_own(call, m) ? 0 : policy_by_device(call, client_read_others, 606);

	return code ? soap_refuse(call, code, "the entry is somebody else's") : 0;
}

static const struct mapping *listed(const struct soap_call *call, size_t index)
{
	return portmap_listed(call->router->portmap,
			      (enum portmap_order)policy_of(call)->generic_order, index);
}

static bool is_shown(const struct soap_call *call, const struct mapping *m)
{
	return portmap_is_shown(call->router->portmap, m);
}

/* The index-th of the entries that are shown, or of the requester's own. */
static const struct mapping *shown_at(const struct soap_call *call, bool own, size_t index)
{
	const struct mapping *m = NULL;

	for (size_t i = 0; (m = listed(call, i)); i++)
		if ((own ? mapping_is_own(call, m) : is_shown(call, m)) && index-- == 0)
			break;
	return m;
}

static const struct mapping *generic_at(const struct soap_call *call, size_t index)
{
	const struct policy *policy = policy_of(call);
	const struct mapping *m;

	if (policy_is(policy, generic_shows, "none"))
		return NULL;
	if (policy_is(policy, generic_shows, "own"))
		return shown_at(call, true, index);
	if (policy_is(policy, table_shows, "igd"))
		return shown_at(call, false, index);
	m = listed(call, index);
	return m && m->origin != PORTMAP_IGD && policy_is(policy, generic_shows, "igd") ? NULL : m;
}

/* WIPC-37, WIPC-39: past the last entry. */
static int generic_end(struct soap_call *call, uint32_t index)
{
	const struct policy *policy = policy_of(call);
	struct portmap *p = call->router->portmap;
	const struct mapping nothing = {.description = ""};

	if (policy_is(policy, generic_end, "last") && portmap_count(p)) {
		mapping_out(call, listed(call, portmap_count(p) - 1));
		return 0;
	}
	if (policy_is(policy, generic_end, "empty")) {
		mapping_out(call, &nothing);
		buf_reset(soap_out(call, "NewInternalClient"));
		buf_reset(soap_out(call, "NewProtocol"));
		return 0;
	}
	return soap_refuse(
		call, policy_code(policy, generic_end) ? policy_code(policy, generic_end) : 713,
		"index %u of %zu entries", index, portmap_count(p));
}

/* IWF-10: nobody upstream is asked, but by policy. */
static void look_upstream(const struct soap_call *call)
{
	struct upstream *u = call->router->upstream;

	if (policy_is(policy_of(call), upstream_read, "every") && upstream_is_ready(u))
		upstream_announce(u, NULL, NULL);
}

int mapping_get_generic(struct soap_call *call)
{
	uint32_t index = soap_in_number(call, "NewPortMappingIndex");
	uint32_t first = (uint32_t)policy_of(call)->generic_first;
	const struct mapping *m = index < first ? NULL : generic_at(call, index - first);
	int code;

	look_upstream(call);
	if (!m)
		return generic_end(call, index);
	code = judge_reading(call, m);
	if (!code)
		mapping_out(call, m);
	return code;
}

struct key {
	struct in_addr remote_host;
	uint16_t port;
	int protocol;
};

static int read_key(struct soap_call *call, struct key *key)
{
	int code = mapping_protocol(call, &key->protocol);

	if (!code)
		code = mapping_remote_host(call, &key->remote_host);
	key->port = (uint16_t)soap_in_number(call, "NewExternalPort");
	return code;
}

/* WIPC-33 to WIPC-35. */
static const struct mapping *find_specific(const struct soap_call *call, const struct key *key)
{
	const struct policy *policy = policy_of(call);
	const struct portmap *p = call->router->portmap;
	const struct mapping *m = portmap_find(p, key->remote_host, key->port, key->protocol);

	if (!m && policy_is(policy, specific_match, "any-remote-host"))
		m = portmap_find_port(p, key->port, key->protocol);
	if (!m && policy_is(policy, specific_match, "any-protocol"))
		m = portmap_find_port(p, key->port, IPPROTO_TCP + IPPROTO_UDP - key->protocol);
	if (m && !is_shown(call, m))
		m = NULL;
	if (!m && policy_is(policy, specific_missing, "any"))
		m = portmap_at(p, 0);
	return m;
}

int mapping_get_specific(struct soap_call *call)
{
	struct key key;
	int code = read_key(call, &key);
	const struct mapping *m = code ? NULL : find_specific(call, &key);

	if (code)
		return code;
	look_upstream(call);
	if (!m && interwork_is_on(call->router->interwork) &&
	    !policy_is(policy_of(call), upstream_read, "none"))
		return interwork_probe(call, key.port, key.protocol);
	if (!m) {
		code = policy_code(policy_of(call), specific_missing);
		return soap_refuse(call, code ? code : 714, "no such entry");
	}
	code = judge_reading(call, m);
	if (!code)
		mapping_out(call, m);
	return code;
}

/* WIPC-40 to WIPC-43. */
int mapping_delete(struct soap_call *call)
{
	const struct policy *policy = policy_of(call);
	struct portmap *p = call->router->portmap;
	const struct mapping *m;
	struct key key;
	int code = read_key(call, &key);

	if (code)
		return code;
	m = portmap_find(p, key.remote_host, key.port, key.protocol);
	if (!m && policy_is(policy, delete_match, "any-remote-host"))
		m = portmap_find_port(p, key.port, key.protocol);
	if (!m)
		return soap_refuse(call, policy_code(policy, delete_missing), "no such entry");
	if (!mapping_is_own(call, m))
		code = policy_by_device(call, client_delete_others, 606);
	if (code)
		return soap_refuse(call, code, "the entry is somebody else's");
	if (interwork_holds(call->router->interwork, m) && interwork_is_on(call->router->interwork))
		return interwork_delete(call, &m, 1);
	portmap_remove(p, m->remote_host, m->external_port, m->protocol);
	return 0;
}

/**
 * struct range - what DeletePortMappingRange and GetListOfPortMappings ask for
 * @all:	other clients' entries too (NewManage, where it is honoured)
 * @left:	how many of them may still be deleted
 */
struct range {
	struct soap_call *call;
	uint32_t start, end;
	int protocol;
	bool all;
	long long left;
};

/* WIPC-52, WIPC-53, WIPC-60. */
static int read_range(struct soap_call *call, struct range *range)
{
	const struct policy *policy = policy_of(call);
	bool manage = soap_in_boolean(call, "NewManage");
	int code = mapping_protocol(call, &range->protocol);

	if (code)
		return code;
	range->call = call;
	range->start = soap_in_number(call, "NewStartPort");
	range->end = soap_in_number(call, "NewEndPort");
	if (range->start > range->end)
		return soap_refuse(call, 733, "%u is above %u", range->start, range->end);
	if (manage && policy_code(policy, client_manage))
		return soap_refuse(call, policy_code(policy, client_manage),
				   "the control point has not logged in");
	range->all = manage && policy_is(policy, client_manage, "accept");
	range->left = policy->delete_range_max;
	return 0;
}

/* WIPC-51, WIPC-55, WIPC-57. */
static bool in_range(const struct mapping *m, void *arg)
{
	const struct range *range = arg;

	return m->protocol == range->protocol && m->external_port >= range->start &&
	       m->external_port <= range->end && is_shown(range->call, m) &&
	       (range->all || mapping_is_own(range->call, m));
}

static bool is_to_go(const struct mapping *m, void *arg)
{
	struct range *range = arg;

	return range->left > 0 && in_range(m, arg) && range->left--;
}

/* RFC 6970 5.8: every entry that a server upstream knows is deleted there first. Return:
 * SOAP_LATER, or 0 when it knows none of them. */
static int delete_range_upstream(struct soap_call *call, struct range *range)
{
	const struct portmap *p = call->router->portmap;
	const struct mapping **all;
	size_t count = 0, held = 0;
	int code = 0;

	if (!interwork_is_on(call->router->interwork))
		return 0;
	all = xcalloc(portmap_count(p) + 1, sizeof(struct mapping *));
	for (size_t i = 0; i < portmap_count(p) && (long long)count < range->left; i++) {
		const struct mapping *m = portmap_at(p, i);

		if (!in_range(m, range))
			continue;
		all[count++] = m;
		held += interwork_holds(call->router->interwork, m);
	}
	if (held)
		code = interwork_delete(call, all, count);
	free(all);
	return code;
}

int mapping_delete_range(struct soap_call *call)
{
	struct range range;
	int code = read_range(call, &range);

	if (!code)
		code = delete_range_upstream(call, &range);
	if (code)
		return code;
	if (!portmap_remove_if(call->router->portmap, is_to_go, &range, "removed"))
		return soap_refuse(call, 730, "nothing in that range");
	return 0;
}

static void render_entry(const struct soap_call *call, const struct mapping *m, struct buf *escaped,
			 struct buf *out)
{
	const struct profile *profile = call->router->profile;
	uint32_t permanent = (uint32_t)profile->policy.lease_list_permanent;
	char host[INET_ADDRSTRLEN], client[INET_ADDRSTRLEN], external[8], internal[8], lease[16];
	struct message_values values = {0};

	snprintf(external, sizeof(external), "%u", m->external_port);
	snprintf(internal, sizeof(internal), "%u", m->internal_port);
	snprintf(lease, sizeof(lease), "%u", m->lease ? mapping_lease(call, m) : permanent);
	buf_reset(escaped);
	xml_add_text(escaped, slice_of(m->description));
	values.v[PLACEHOLDER_REMOTE_HOST] = slice_of(mapping_host_text(call, m, host));
	values.v[PLACEHOLDER_EXTERNAL_PORT] = slice_of(external);
	values.v[PLACEHOLDER_PROTOCOL] = slice_of(mapping_protocol_text(m));
	values.v[PLACEHOLDER_INTERNAL_PORT] = slice_of(internal);
	values.v[PLACEHOLDER_INTERNAL_CLIENT] =
		slice_of(inet_ntop(AF_INET, &m->internal_client, client, sizeof(client)));
	values.v[PLACEHOLDER_ENABLED] = slice_of(m->enabled ? "1" : "0");
	values.v[PLACEHOLDER_DESCRIPTION] = buf_slice(escaped);
	values.v[PLACEHOLDER_LEASE] = slice_of(lease);
	template_render(profile->templates[MESSAGE_PORT_LISTING_ENTRY], &values, out);
}

/* WIPC-57 to WIPC-61. */
int mapping_get_list(struct soap_call *call)
{
	const struct policy *policy = policy_of(call);
	const struct portmap *p = call->router->portmap;
	uint32_t most = soap_in_number(call, "NewNumberOfPorts");
	struct buf entries = {0}, escaped = {0};
	struct message_values values = {0};
	struct range range;
	long long found = 0;
	int code = read_range(call, &range);

	if (code)
		return code;
	look_upstream(call);
	if (!most || most > policy->list_max)
		most = (uint32_t)policy->list_max;
	for (size_t i = 0; i < portmap_count(p) && found < most; i++) {
		const struct mapping *m = portmap_at(p, i);

		if (!in_range(m, &range))
			continue;
		render_entry(call, m, &escaped, &entries);
		found++;
	}
	values.v[PLACEHOLDER_ENTRIES] = buf_slice(&entries);
	template_render(call->router->profile->templates[MESSAGE_PORT_LISTING], &values,
			soap_out(call, "NewPortListing"));
	buf_free(&entries);
	buf_free(&escaped);
	if (!found && policy_code(policy, list_nothing))
		return soap_refuse(call, policy_code(policy, list_nothing),
				   "nothing in that range");
	return 0;
}
