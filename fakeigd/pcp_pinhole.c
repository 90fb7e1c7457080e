/* SPDX-License-Identifier: MIT */
/*
 * pcp_pinhole.c - MAP and PEER requests over IPv6: pinholes of the firewall.
 *
 * Theory of operation
 *
 * RFC 6887 clause 11.3: where nothing is translated, the external address and port are the internal
 * ones (PCP-72), and what a MAP makes is a way in through the firewall: entries of the table of
 * pinholes (pinhole.h) with origin PCP. What IGD made for the same tuple is another entry, so
 * neither ends the other (XP-11). There is one for each FILTER, which may be a prefix; a filter
 * that another one covers has none.
 *
 * Clause 11.1: port 0 is every port of the protocol, protocol 0 with it everything for that host
 * (PCP-21); each is a mapping of its own beside those of single ports. A firewall has no trouble
 * with any protocol: those that have ports are opened by port, of the others port 0 (PCP-20).
 *
 * PORT_SET (RFC 7753) is ports in a row in one hole: as many as have none yet, renewed and deleted
 * together. What else of the range there is already is renewed by the same request and told by a
 * Mapping Update (PCPX-10 to PCPX-13). Parity is kept by itself. DESCRIPTION (RFC 7220) goes to the
 * pinholes.
 *
 * Nonce and filters are kept here. The table ends pinholes by itself, so what is kept is looked up
 * there whenever it is met, and forgotten when it has no pinhole left.
 *
 * PEER has nothing to do: what goes out does so with its own address and port, and answers come in.
 */
#include "base/mem.h"
#include "firewall6.h"
#include "pcp_parts.h"
#include "pinhole.h"

#include <stdlib.h>
#include <string.h>

static struct pinholes *table_of(const struct portcontrol *p)
{
	return p->router->pinholes;
}

/* Protocols that have ports where TCP has them; the others are mapped as a whole. */
static bool has_ports(uint8_t protocol)
{
	static const uint8_t ported[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP,
					 IPPROTO_DCCP};

	return memchr(ported, protocol, sizeof(ported));
}

static size_t filters_of(const struct pcp_hole *hole)
{
	return hole->record->filters ? hole->record->filters : 1;
}

static size_t keys_of(const struct pcp_hole *hole)
{
	return filters_of(hole) * hole->record->set_size;
}

/* Pinhole number @i of a hole: of its ports and filters. False: another one serves for it. */
static bool key_of(const struct pcp_hole *hole, size_t i, struct pinhole *key)
{
	size_t number = i % filters_of(hole), port = i / filters_of(hole);
	const struct pcp_filter *filter;

	*key = (struct pinhole){
		.internal_client = hole->client,
		.internal_port = (uint16_t)(hole->record->set_first + port),
		.protocol = hole->protocol ? hole->protocol : PINHOLE_ANY_PROTOCOL,
		.origin = PORTMAP_PCP,
		.description = hole->description,
	};
	if (!hole->record->filters)
		return true;
	filter = &hole->record->filter[number];
	key->remote_host = filter->address;
	/* Without a prefix :: would be any host. */
	if (filter->prefix < 128 || IN6_IS_ADDR_UNSPECIFIED(&filter->address))
		key->remote_prefix = filter->prefix;
	key->remote_port = filter->port;
	return !pcp_record_is_covered(hole->record, number);
}

/* One of its pinholes; NULL when all are gone. */
static const struct pinhole *pinhole_of(const struct portcontrol *p, const struct pcp_hole *hole)
{
	struct pinhole key;

	for (size_t i = 0; i < keys_of(hole); i++) {
		const struct pinhole *found =
			key_of(hole, i, &key) ? pinhole_find(table_of(p), &key) : NULL;

		if (found)
			return found;
	}
	return NULL;
}

static void close_pinholes(struct portcontrol *p, const struct pcp_hole *hole, const char *why)
{
	struct pinhole key;

	for (size_t i = 0; i < keys_of(hole); i++) {
		const struct pinhole *found =
			key_of(hole, i, &key) ? pinhole_find(table_of(p), &key) : NULL;

		if (found)
			pinhole_remove(table_of(p), found->id, why);
	}
}

static void hole_free(struct pcp_hole *hole)
{
	pcp_record_free(hole->record);
	free(hole->description);
	free(hole);
}

void pcp_holes_forget(struct portcontrol *p)
{
	while (p->pcp.holes) {
		struct pcp_hole *hole = p->pcp.holes;

		p->pcp.holes = hole->next;
		hole_free(hole);
	}
}

/* Forget those whose pinholes have ended. Return: how many. */
static size_t tidy(struct portcontrol *p)
{
	struct pcp_hole **at = &p->pcp.holes;
	size_t count = 0;

	while (*at) {
		struct pcp_hole *hole = *at;

		if (pinhole_of(p, hole)) {
			at = &hole->next;
			continue;
		}
		*at = hole->next;
		hole_free(hole);
		count++;
	}
	return count;
}

size_t pcp_holes_tidy(struct portcontrol *p)
{
	return p ? tidy(p) : 0;
}

static bool has_port(const struct pcp_hole *hole, uint16_t port)
{
	return port >= hole->record->set_first &&
	       port - hole->record->set_first < hole->record->set_size;
}

static struct pcp_hole *find(const struct pcp_exchange *x, uint16_t port)
{
	for (struct pcp_hole *hole = x->p->pcp.holes; hole; hole = hole->next)
		if (has_port(hole, port) && hole->protocol == x->request.protocol &&
		    IN6_ARE_ADDR_EQUAL(&hole->client, &x->client) && pinhole_of(x->p, hole))
			return hole;
	return NULL;
}

/* What is wrong with a request whatever there is already. */
static enum pcp_result check(const struct pcp_exchange *x)
{
	const struct pcp_message *asked = &x->request;
	bool mine = pcp_address_is_any(&asked->external_address) ||
		    IN6_ARE_ADDR_EQUAL(&asked->external_address, &x->client);

	if (!asked->protocol && asked->internal_port)
		return PCP_MALFORMED_REQUEST;
	if (asked->internal_port && !has_ports(asked->protocol))
		return PCP_UNSUPP_PROTOCOL;
	if (!asked->lifetime)
		return PCP_SUCCESS;
	if ((!asked->protocol || (!asked->internal_port && has_ports(asked->protocol))) &&
	    policy_code(pcp_policy(x), pcp_all_protocols))
		return (enum pcp_result)policy_code(pcp_policy(x), pcp_all_protocols);
	if (x->p->router->firewall6 && !firewall6_inbound(x->p->router->firewall6))
		return PCP_NOT_AUTHORIZED;
	if (!pcp_is_permitted(x))
		return PCP_NOT_AUTHORIZED;
	if (x->wishes.prefer_failure && (!mine || asked->external_port != asked->internal_port))
		return PCP_CANNOT_PROVIDE_EXTERNAL;
	return PCP_SUCCESS;
}

static bool too_many_filters(const struct pcp_exchange *x, const struct pcp_record *record)
{
	return record->filters > (size_t)pcp_policy(x)->pcp_filters_max;
}

static bool open_pinholes(const struct pcp_exchange *x, const struct pcp_hole *hole)
{
	struct sockaddr_in6 sender;
	struct pinhole wanted;

	memcpy(&sender, &x->q->from, sizeof(sender));
	for (size_t i = 0; i < keys_of(hole); i++) {
		if (!key_of(hole, i, &wanted))
			continue;
		wanted.owner = sender.sin6_addr;
		wanted.lease = pcp_lifetime(x);
		if (pinhole_put(table_of(x->p), &wanted, NULL))
			return false;
	}
	return true;
}

static void describe(const struct pcp_exchange *x, struct pcp_hole *hole)
{
	if (!x->wishes.describes)
		return;
	free(hole->description);
	hole->description = slice_dup(x->wishes.description);
}

/* The same hole with other filters, or only for longer. */
static enum pcp_result renew(struct pcp_exchange *x, struct pcp_hole *hole)
{
	struct pcp_record *next = pcp_next_record(x, hole->record);

	if (too_many_filters(x, next)) {
		pcp_record_free(next);
		return PCP_EXCESSIVE_REMOTE_PEERS;
	}
	if (!pcp_record_same_filters(hole->record, next))
		close_pinholes(x->p, hole, "replaced");
	pcp_record_free(hole->record);
	hole->record = next;
	describe(x, hole);
	return open_pinholes(x, hole) ? PCP_SUCCESS : PCP_NO_RESOURCES;
}

static size_t holes_of_client(const struct pcp_exchange *x)
{
	size_t count = 0;

	for (const struct pcp_hole *hole = x->p->pcp.holes; hole; hole = hole->next)
		count += IN6_ARE_ADDR_EQUAL(&hole->client, &x->client);
	return count;
}

/* How many ports from the first on the new hole is to have. */
static uint16_t size_of(const struct pcp_exchange *x)
{
	uint16_t most = (uint16_t)pcp_policy(x)->pcp_port_set_max, first = x->request.internal_port;
	uint16_t size = 1;

	if (!x->wishes.is_set || !first)
		return 1;
	if (x->wishes.set.size < most)
		most = x->wishes.set.size;
	while (size < most && first + size <= UINT16_MAX && !find(x, (uint16_t)(first + size)))
		size++;
	return size;
}

static enum pcp_result add(struct pcp_exchange *x)
{
	const struct policy *policy = pcp_policy(x);
	struct pcp_hole *hole;

	tidy(x->p);
	if (pinholes_count(table_of(x->p)) >= (size_t)policy->pinhole_max)
		return PCP_NO_RESOURCES;
	if (policy->pcp_quota && holes_of_client(x) >= (size_t)policy->pcp_quota)
		return PCP_USER_EX_QUOTA;
	hole = xcalloc(1, sizeof(*hole));
	hole->protocol = x->request.protocol;
	hole->client = x->client;
	hole->record = pcp_next_record(x, NULL);
	hole->record->set_first = x->request.internal_port;
	hole->record->set_size = size_of(x);
	describe(x, hole);
	if (too_many_filters(x, hole->record)) {
		hole_free(hole);
		return PCP_EXCESSIVE_REMOTE_PEERS;
	}
	if (!open_pinholes(x, hole)) {
		close_pinholes(x->p, hole, "removed");
		hole_free(hole);
		return PCP_NO_RESOURCES;
	}
	hole->next = x->p->pcp.holes;
	x->p->pcp.holes = hole;
	return PCP_SUCCESS;
}

/* The next hole of the request's range behind @port that is not the one told. */
static struct pcp_hole *next_in_range(const struct pcp_exchange *x, const struct pcp_hole *told,
				      uint32_t *port)
{
	uint32_t end = x->request.internal_port + (x->wishes.is_set ? x->wishes.set.size : 0u);

	for (; *port < end && *port <= UINT16_MAX; (*port)++) {
		struct pcp_hole *hole = find(x, (uint16_t)*port);

		if (!hole || hole == told)
			continue;
		*port = hole->record->set_first + (uint32_t)hole->record->set_size;
		return hole;
	}
	return NULL;
}

static struct pcp_told told_of(const struct pcp_exchange *x, const struct pcp_hole *hole)
{
	return (struct pcp_told){
		.record = hole->record,
		.protocol = hole->protocol,
		.internal_port = hole->record->set_first,
		.external_port = hole->record->set_first,
		.external_address = hole->client,
		.lifetime = pcp_lifetime(x),
	};
}

/* What else of a range there is already: all of it is renewed (PCPX-13). */
static void renew_others(struct pcp_exchange *x, const struct pcp_hole *told)
{
	uint32_t port = x->request.internal_port;
	struct pcp_hole *hole;

	while ((hole = next_in_range(x, told, &port))) {
		struct pcp_told message;

		if (memcmp(hole->record->nonce, x->request.nonce, PCP_NONCE_LEN) || renew(x, hole))
			continue;
		message = told_of(x, hole);
		pcp_tell_update(x->p, &message);
	}
}

static enum pcp_result refuse_nonce(struct pcp_exchange *x, const struct pcp_hole *hole)
{
	x->answer.lifetime = pinhole_remaining(pinhole_of(x->p, hole));
	return PCP_NOT_AUTHORIZED;
}

/* Delete what the request names, one hole or the holes of a range. */
static enum pcp_result delete_range(struct pcp_exchange *x)
{
	uint32_t port = x->request.internal_port, size = x->wishes.is_set ? x->wishes.set.size : 1;
	struct pcp_hole *hole;

	for (uint32_t at = port; at < port + size && at <= UINT16_MAX; at++) {
		hole = find(x, (uint16_t)at);
		if (hole && !pcp_has_nonce(x, hole->record->nonce))
			return refuse_nonce(x, hole);
	}
	for (uint32_t at = port; at < port + size && at <= UINT16_MAX; at++)
		if ((hole = find(x, (uint16_t)at)))
			close_pinholes(x->p, hole, "removed");
	tidy(x->p);
	return PCP_SUCCESS;
}

static enum pcp_result delete_all(struct pcp_exchange *x)
{
	size_t gone = 0, kept = 0;

	for (struct pcp_hole *hole = x->p->pcp.holes; hole; hole = hole->next) {
		if (!IN6_ARE_ADDR_EQUAL(&hole->client, &x->client) ||
		    (x->request.protocol && hole->protocol != x->request.protocol))
			continue;
		if (!pcp_has_nonce(x, hole->record->nonce)) {
			kept++;
			continue;
		}
		close_pinholes(x->p, hole, "removed");
		gone++;
	}
	tidy(x->p);
	return kept && !gone ? PCP_NOT_AUTHORIZED : PCP_SUCCESS;
}

/* The hole that serves the request, new or renewed, into the answer. */
static enum pcp_result request_hole(struct pcp_exchange *x)
{
	struct pcp_hole *hole = find(x, x->request.internal_port);
	enum pcp_result result;

	if (hole && !pcp_has_nonce(x, hole->record->nonce))
		return refuse_nonce(x, hole);
	result = hole ? renew(x, hole) : add(x);
	if (result)
		return result;
	hole = find(x, x->request.internal_port);
	if (!hole)
		return PCP_NO_RESOURCES;
	renew_others(x, hole);
	x->wishes.set.first = hole->record->set_first;
	x->wishes.set.size = hole->record->set_size;
	x->answer.lifetime = pcp_lifetime(x);
	x->answer.external_port = x->request.internal_port;
	x->answer.external_address = x->client;
	return PCP_SUCCESS;
}

enum pcp_result pcp_pinhole(struct pcp_exchange *x)
{
	enum pcp_result result = check(x);

	if (result)
		return result;
	if (x->request.lifetime)
		return request_hole(x);
	return x->request.internal_port ? delete_range(x) : delete_all(x);
}

enum pcp_result pcp_peer6(struct pcp_exchange *x)
{
	const struct pcp_message *asked = &x->request;
	const struct in6_addr *remote = &asked->remote_address;

	if (!asked->protocol || !asked->internal_port || !asked->remote_port ||
	    pcp_address_is_v4(remote, NULL) || IN6_IS_ADDR_LOOPBACK(remote) ||
	    IN6_IS_ADDR_MULTICAST(remote) || IN6_IS_ADDR_UNSPECIFIED(remote))
		return PCP_MALFORMED_REQUEST;
	if (!has_ports(asked->protocol))
		return PCP_UNSUPP_PROTOCOL;
	if (asked->external_port && asked->external_port != asked->internal_port)
		return PCP_CANNOT_PROVIDE_EXTERNAL;
	x->wishes.describes = false;
	x->answer.lifetime = asked->lifetime ? pcp_lifetime(x) : 0;
	x->answer.external_port = asked->internal_port;
	x->answer.external_address = x->client;
	return PCP_SUCCESS;
}
