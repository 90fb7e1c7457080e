/* SPDX-License-Identifier: MIT */
/*
 * pcp_map.c - MAP requests against the table of mappings.
 *
 * Theory of operation
 *
 * RFC 6887 clauses 11.3 and 15. An internal endpoint has one mapping; asking for it again with the
 * same nonce renews it at its port, whatever is suggested (PCP-22, PCP-23). One that IGD, NAT-PMP
 * or the administrator made looks static: it is told with the nonce of the request, stays as it is
 * (PCP-24, XP-04), and cannot be deleted here (PCP-33). PREFER_FAILURE asks for the suggested port
 * and address or nothing: result 11 (PCP-29, PCP-55, PCP-58), which is said in no other case
 * (PCP-59).
 *
 * The table is that of all protocols: one expiry, one port for one host, the same permissions
 * (XP-03, XP-06, XP-10). What PCP knows beyond it hangs on the entry (pcp_record.h): the nonce,
 * filters, and where Mapping Updates go.
 *
 * PORT_SET (RFC 7753): as many mappings in a row as can be had, each an entry of its own that knows
 * its set, so that other protocols see them; renewed and deleted together (PCPX-10, PCPX-11,
 * PCPX-13). A request that touches several renews all of them, and those that the answer does not
 * tell are told by an update.
 */
#include "base/mem.h"
#include "forward.h"
#include "pcp_parts.h"

#include <stdlib.h>

static bool is_transport(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

bool pcp_has_external(const struct router *r)
{
	return (r->wan_state == WAN_CONNECTED || r->wan_state == WAN_PENDING_DISCONNECT) &&
	       r->external.s_addr;
}

uint32_t pcp_lifetime(const struct pcp_exchange *x)
{
	const struct policy *policy = pcp_policy(x);
	uint32_t asked = x->request.lifetime;

	if (asked < policy->pcp_lifetime_min)
		asked = (uint32_t)policy->pcp_lifetime_min;
	return asked > policy->pcp_lifetime_max ? (uint32_t)policy->pcp_lifetime_max : asked;
}

/* A mapping of an internal endpoint that serves every remote host; PCP's own before others. */
const struct mapping *pcp_mapping_of(const struct pcp_exchange *x, uint16_t port)
{
	const struct portmap *p = x->p->router->portmap;
	const struct mapping *foreign = NULL;
	const struct mapping *m =
		portmap_find_endpoint(p, pcp_client_v4(x), port, x->request.protocol);

	for (; m; m = portmap_next_endpoint(p, m)) {
		if (m->remote_host.s_addr || !m->external_port)
			continue;
		if (m->pcp)
			return m;
		foreign = m;
	}
	return foreign;
}

bool pcp_is_permitted(const struct pcp_exchange *x)
{
	const struct pcp_message *asked = &x->request;

	if (asked->internal_port < 1024 && policy_by_device(x->p, client_low_internal_port, 606))
		return false;
	return !asked->external_port || asked->external_port >= 1024 ||
	       !policy_by_device(x->p, client_low_external_port, 606);
}

bool pcp_is_ours(const struct pcp_exchange *x)
{
	const struct in6_addr own = pcp_address_from_v4(x->p->router->external);
	const struct in6_addr *external = &x->request.external_address;

	return pcp_address_is_any(external) || IN6_ARE_ADDR_EQUAL(external, &own);
}

/* What is wrong with a request whatever the table holds. */
static enum pcp_result check(const struct pcp_exchange *x)
{
	const struct policy *policy = pcp_policy(x);
	const struct pcp_message *asked = &x->request;
	bool ours = pcp_is_ours(x);

	if (!asked->protocol && asked->internal_port) /* PCP-19 */
		return PCP_MALFORMED_REQUEST;
	if (asked->protocol && !is_transport(asked->protocol)) /* PCP-20 */
		return PCP_UNSUPP_PROTOCOL;
	if (!asked->lifetime)
		return PCP_SUCCESS;
	if (!asked->protocol || !asked->internal_port) /* PCP-21 */
		return policy_is(policy, pcp_all_protocols, "3") ? PCP_MALFORMED_REQUEST
								 : PCP_UNSUPP_PROTOCOL;
	if (policy_is(policy, pcp_map_without_address, "7") && !pcp_has_external(x->p->router))
		return PCP_NETWORK_FAILURE;
	if (!pcp_is_permitted(x))
		return PCP_NOT_AUTHORIZED;
	if (!ours && (x->wishes.prefer_failure || policy_is(policy, pcp_suggested_address, "11")))
		return PCP_CANNOT_PROVIDE_EXTERNAL;
	return PCP_SUCCESS;
}

bool pcp_has_nonce(const struct pcp_exchange *x, const uint8_t nonce[PCP_NONCE_LEN])
{
	return !pcp_policy(x)->pcp_nonce_checked || !memcmp(nonce, x->request.nonce, PCP_NONCE_LEN);
}

static bool has_nonce(struct pcp_exchange *x, const struct mapping *m)
{
	if (pcp_has_nonce(x, m->pcp->nonce))
		return true;
	x->answer.lifetime = portmap_remaining(m); /* PCP-22 */
	return false;
}

static enum pcp_result tell_foreign(struct pcp_exchange *x, const struct mapping *m)
{
	uint32_t left = portmap_remaining(m), most = pcp_lifetime(x);

	if (x->wishes.filters)
		return PCP_NOT_AUTHORIZED;
	if (x->wishes.prefer_failure && m->external_port != x->request.external_port)
		return PCP_CANNOT_PROVIDE_EXTERNAL;
	x->wishes.describes = false;
	x->wishes.set.size = 1;
	x->answer.external_port = m->external_port;
	x->answer.lifetime = !left ? UINT32_MAX : left < most ? left : most;
	return PCP_SUCCESS;
}

struct pcp_record *pcp_next_record(const struct pcp_exchange *x, const struct pcp_record *old)
{
	struct pcp_record *record = pcp_record_new();

	if (old) {
		pcp_record_copy_filters(record, old);
		record->set_first = old->set_first;
		record->set_size = old->set_size;
		record->outer_port = old->outer_port;
		record->outer_address = old->outer_address;
	}
	for (size_t i = 0; i < x->wishes.filters; i++)
		pcp_record_add_filter(record, &x->wishes.filter[i]);
	memcpy(record->nonce, x->request.nonce, PCP_NONCE_LEN);
	record->client = x->q->from;
	record->local = x->q->local;
	record->ifindex = x->q->socket->iface->index;
	return record;
}

static bool put(const struct pcp_exchange *x, struct mapping *m)
{
	if (!portmap_put(x->p->router->portmap, m))
		return true;
	pcp_record_free(m->pcp);
	return false;
}

/* One entry of a set, or the mapping. */
static enum pcp_result renew_one(struct pcp_exchange *x, const struct mapping *old)
{
	struct mapping m = *old;
	char *text =
		x->wishes.describes ? slice_dup(x->wishes.description) : xstrdup(old->description);
	bool done;

	m.pcp = pcp_next_record(x, old->pcp);
	m.lease = pcp_lifetime(x);
	m.description = text;
	done = put(x, &m);
	free(text);
	return done ? PCP_SUCCESS : PCP_NO_RESOURCES;
}

static uint16_t first_of(const struct mapping *m)
{
	return m->pcp->set_size > 1 ? m->pcp->set_first : m->internal_port;
}

/* What a renewal says: the set that @m is of, and where in it the request is. */
static void tell_own(struct pcp_exchange *x, const struct mapping *m)
{
	uint16_t first = first_of(m);

	x->wishes.set.size = m->pcp->set_size;
	x->wishes.set.first = first;
	x->answer.external_port = m->external_port;
	x->answer.lifetime = m->lease;
}

/* Renew the mapping, or the whole set that it is of. */
static enum pcp_result renew(struct pcp_exchange *x, const struct mapping *m)
{
	uint16_t first = first_of(m), size = m->pcp->set_size;
	enum pcp_result result = PCP_SUCCESS;

	for (unsigned i = 0; !result && i < size; i++) {
		const struct mapping *one = pcp_mapping_of(x, (uint16_t)(first + i));

		if (one && one->pcp)
			result = renew_one(x, one);
	}
	return result;
}

static bool too_many_filters(const struct pcp_exchange *x, const struct pcp_record *old)
{
	struct pcp_record *next = pcp_next_record(x, old);
	bool many = next->filters > (size_t)pcp_policy(x)->pcp_filters_max;

	pcp_record_free(next);
	return many;
}

static void remove_set(struct pcp_exchange *x, const struct mapping *m)
{
	struct portmap *p = x->p->router->portmap;
	uint16_t first = first_of(m), size = m->pcp->set_size;

	for (unsigned i = 0; i < size; i++) {
		const struct mapping *one = pcp_mapping_of(x, (uint16_t)(first + i));

		if (one && one->pcp)
			portmap_remove(p, one->remote_host, one->external_port, one->protocol);
	}
}

static enum pcp_result again(struct pcp_exchange *x, const struct mapping *m)
{
	enum pcp_result result;

	if (!has_nonce(x, m))
		return PCP_NOT_AUTHORIZED;
	if (x->wishes.prefer_failure && m->external_port != x->request.external_port) /* PCP-58 */
		return PCP_CANNOT_PROVIDE_EXTERNAL;
	if (too_many_filters(x, m->pcp)) /* PCP-63 */
		return PCP_EXCESSIVE_REMOTE_PEERS;
	result = renew(x, m);
	if (result)
		return result;
	tell_own(x, m);
	if (policy_is(pcp_policy(x), pcp_renewal, "deletes"))
		remove_set(x, m);
	return PCP_SUCCESS;
}

static size_t mappings_of_client(const struct pcp_exchange *x)
{
	const struct portmap *p = x->p->router->portmap;
	size_t count = 0;

	for (size_t i = 0; i < portmap_count(p); i++) {
		const struct mapping *m = portmap_at(p, i);

		count += m->pcp && m->internal_client.s_addr == pcp_client_v4(x).s_addr;
	}
	return count;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many internal ports from the first on are still without a mapping. */
static size_t unmapped(const struct pcp_exchange *x, size_t most)
{
	size_t count = 0;

	while (count < most && x->request.internal_port + count <= UINT16_MAX &&
	       !pcp_mapping_of(x, (uint16_t)(x->request.internal_port + count)))
		count++;
	return count;
}

/* How many mappings can be had of those that are wanted: by policy, by quota, by room. */
static enum pcp_result room(const struct pcp_exchange *x, size_t *count)
{
	const struct policy *policy = pcp_policy(x);
	size_t have = portmap_count(x->p->router->portmap);
	size_t quota = (size_t)policy->pcp_quota, full = (size_t)policy->table_max;

	if (x->wishes.is_set)
		*count = least(x->wishes.set.size, (size_t)policy->pcp_port_set_max);
	*count = unmapped(x, *count);
	if (have >= full)
		return PCP_NO_RESOURCES;
	*count = least(*count, full - have);
	if (!quota)
		return PCP_SUCCESS;
	have = mappings_of_client(x);
	if (have >= quota)
		return PCP_USER_EX_QUOTA;
	*count = least(*count, quota - have);
	return PCP_SUCCESS;
}

/* @count mappings from external port @external on, or none. */
static enum pcp_result create(struct pcp_exchange *x, uint16_t external, size_t count)
{
	struct sockaddr_in sender;
	char *text = x->wishes.describes ? slice_dup(x->wishes.description) : xstrdup("PCP MAP");
	struct mapping m = {
		.internal_client = pcp_client_v4(x),
		.protocol = x->request.protocol,
		.lease = pcp_lifetime(x),
		.origin = PORTMAP_PCP,
		.enabled = true,
		.description = text,
	};
	size_t i;

	memcpy(&sender, &x->q->from, sizeof(sender));
	m.owner = sender.sin_addr;
	for (i = 0; i < count; i++) {
		m.pcp = pcp_next_record(x, NULL);
		m.pcp->set_first = x->request.internal_port;
		m.pcp->set_size = (uint16_t)count;
		m.internal_port = (uint16_t)(x->request.internal_port + i);
		m.external_port = (uint16_t)(external + i);
		if (!put(x, &m))
			break;
	}
	free(text);
	if (i == count)
		return PCP_SUCCESS;
	while (i-- > 0)
		portmap_remove(x->p->router->portmap, m.remote_host, (uint16_t)(external + i),
			       m.protocol);
	return PCP_NO_RESOURCES;
}

/* The port from which the endpoint's packets leave already (PCP-25); 0 = there are none. */
static uint16_t outbound_port(const struct pcp_exchange *x)
{
	struct forward_flow flow = {
		.protocol = x->request.protocol,
		.client = pcp_client_v4(x),
		.port = x->request.internal_port,
	};

	if (!pcp_policy(x)->pcp_follows_outbound || !x->p->router->forward)
		return 0;
	return forward_flow(x->p->router->forward, &flow) ? 0 : flow.external_port;
}

static enum pcp_result add(struct pcp_exchange *x)
{
	size_t count = 1;
	enum pcp_result result = room(x, &count);
	uint16_t external = 0;

	if (result)
		return result;
	if (too_many_filters(x, NULL))
		return PCP_EXCESSIVE_REMOTE_PEERS;
	if (x->wishes.prefer_failure) {
		if (!pcp_port_is_free(x, x->request.external_port, 1)) /* PCP-55 */
			return PCP_CANNOT_PROVIDE_EXTERNAL;
		external = x->request.external_port;
	} else if (count == 1) {
		external = outbound_port(x);
		if (!pcp_port_is_free(x, external, 1))
			external = 0;
	}
	/* As many in a row as there are (PCPX-11). */
	for (; !external && count; count -= !external)
		external = pcp_choose_port(x, (unsigned)count);
	if (!external)
		return policy_is(pcp_policy(x), pcp_port_taken, "11") ? PCP_CANNOT_PROVIDE_EXTERNAL
								      : PCP_NO_RESOURCES;
	result = create(x, external, count);
	if (!result)
		tell_own(x, pcp_mapping_of(x, x->request.internal_port));
	return result;
}

/* What else of a range there is already: all of it is renewed (PCPX-13). */
static void renew_others(struct pcp_exchange *x, const struct mapping *told)
{
	uint16_t done = first_of(told);
	uint16_t first = x->request.internal_port;
	size_t size = x->wishes.is_set ? x->wishes.set.size : 0;

	for (size_t i = 0; i < size && first + i <= UINT16_MAX; i++) {
		const struct mapping *m = pcp_mapping_of(x, (uint16_t)(first + i));

		if (!m || !m->pcp || first_of(m) == done ||
		    memcmp(m->pcp->nonce, x->request.nonce, PCP_NONCE_LEN))
			continue;
		done = first_of(m);
		renew(x, m);
		pcp_send_update(x->p, pcp_mapping_of(x, done));
	}
}

/* pcp.renewal: one that suggests no port is made anew, at the next one. */
static enum pcp_result against(struct pcp_exchange *x, const struct mapping *old)
{
	if (!old->pcp)
		return tell_foreign(x, old);
	if (x->request.external_port || !policy_is(pcp_policy(x), pcp_renewal, "moves") ||
	    !has_nonce(x, old))
		return again(x, old);
	remove_set(x, old);
	return add(x);
}

static enum pcp_result request_mapping(struct pcp_exchange *x)
{
	const struct mapping *old = pcp_mapping_of(x, x->request.internal_port);
	uint16_t asked = x->wishes.set.size;
	enum pcp_result result = old ? against(x, old) : add(x);
	const struct mapping *now;

	x->answer.external_address = pcp_address_from_v4(x->p->router->external);
	now = result ? NULL : pcp_mapping_of(x, x->request.internal_port);
	if (now && now->pcp && x->wishes.is_set) {
		uint16_t told = x->wishes.set.size;

		x->wishes.set.size = asked;
		renew_others(x, now);
		x->wishes.set.size = told;
	}
	return result;
}

/* Result of a deletion that met a mapping which is not PCP's. */
static enum pcp_result not_ours(const struct pcp_exchange *x)
{
	return (enum pcp_result)policy_code(pcp_policy(x), pcp_delete_others);
}

/**
 * struct deletion - all mappings of a client
 * @x:		of whom, and of which protocol (0 = all)
 * @gone, @kept: how many could be deleted, and how many have another nonce
 */
struct deletion {
	const struct pcp_exchange *x;
	size_t gone;
	size_t kept;
};

static bool is_to_go(const struct mapping *m, void *arg)
{
	struct deletion *d = arg;
	const struct policy *policy = pcp_policy(d->x);
	uint8_t protocol = d->x->request.protocol;

	if (!m->pcp || m->internal_client.s_addr != pcp_client_v4(d->x).s_addr ||
	    (protocol && m->protocol != protocol))
		return false;
	if (policy->pcp_nonce_checked &&
	    memcmp(m->pcp->nonce, d->x->request.nonce, PCP_NONCE_LEN)) {
		d->kept++;
		return false;
	}
	if (d->gone && policy_is(policy, pcp_delete_all, "first"))
		return false;
	d->gone++;
	return true;
}

static enum pcp_result delete_all(const struct pcp_exchange *x)
{
	struct deletion d = {.x = x};

	portmap_remove_if(x->p->router->portmap, is_to_go, &d, "removed");
	return d.kept && !d.gone ? PCP_NOT_AUTHORIZED : PCP_SUCCESS;
}

static enum pcp_result delete_mapping(struct pcp_exchange *x)
{
	uint16_t first = x->request.internal_port;
	size_t size = x->wishes.is_set ? x->wishes.set.size : 1;

	if (!first)
		return delete_all(x);
	for (size_t i = 0; i < size && first + i <= UINT16_MAX; i++) {
		const struct mapping *m = pcp_mapping_of(x, (uint16_t)(first + i));

		if (m && !m->pcp)
			return not_ours(x);
		if (m && !has_nonce(x, m))
			return PCP_NOT_AUTHORIZED;
	}
	/* What only goes out is not for MAP to end (PCP-33). */
	if (size == 1 && !pcp_mapping_of(x, first))
		return outbound_port(x) ? not_ours(x) : PCP_SUCCESS;
	for (size_t i = 0; i < size && first + i <= UINT16_MAX; i++) {
		const struct mapping *m = pcp_mapping_of(x, (uint16_t)(first + i));

		if (m)
			remove_set(x, m);
	}
	return PCP_SUCCESS;
}

enum pcp_result pcp_map(struct pcp_exchange *x)
{
	enum pcp_result result = check(x);

	if (result)
		return result;
	return x->request.lifetime ? request_mapping(x) : delete_mapping(x);
}
