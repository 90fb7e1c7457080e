/* SPDX-License-Identifier: MIT */
/*
 * pcp_pinhole.c - MAP and PEER requests over IPv6: pinholes of the firewall.
 *
 * Theory of operation
 *
 * RFC 6887 clause 11.3: where nothing is translated, the external address and port are the internal
 * ones (PCP-72), and what a MAP makes is a way in through the firewall: an entry of the table of
 * pinholes (pinhole.h) with origin PCP. One that IGD made for the same tuple is another entry, so
 * neither ends the other (XP-11). A FILTER is a pinhole for that remote host; the table knows
 * single hosts only, so a shorter prefix than 128 bits gets result 13, and changes nothing.
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

static struct pinholes *table_of(const struct portcontrol *p)
{
	return p->router->pinholes;
}

/* The pinhole for filter number @i, or the only one. */
static struct pinhole key_of(const struct pcp_hole *hole, size_t i)
{
	struct pinhole key = {
		.internal_client = hole->client,
		.internal_port = hole->port,
		.protocol = hole->protocol,
		.origin = PORTMAP_PCP,
	};

	if (hole->record->filters) {
		key.remote_host = hole->record->filter[i].address;
		key.remote_port = hole->record->filter[i].port;
	}
	return key;
}

static size_t keys_of(const struct pcp_hole *hole)
{
	return hole->record->filters ? hole->record->filters : 1;
}

/* One of its pinholes; NULL when all are gone. */
static const struct pinhole *pinhole_of(const struct portcontrol *p, const struct pcp_hole *hole)
{
	for (size_t i = 0; i < keys_of(hole); i++) {
		struct pinhole key = key_of(hole, i);
		const struct pinhole *found = pinhole_find(table_of(p), &key);

		if (found)
			return found;
	}
	return NULL;
}

static void close_pinholes(struct portcontrol *p, const struct pcp_hole *hole, const char *why)
{
	for (size_t i = 0; i < keys_of(hole); i++) {
		struct pinhole key = key_of(hole, i);
		const struct pinhole *found = pinhole_find(table_of(p), &key);

		if (found)
			pinhole_remove(table_of(p), found->id, why);
	}
}

static void hole_free(struct pcp_hole *hole)
{
	pcp_record_free(hole->record);
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

/* Forget those whose pinholes have ended. */
static void tidy(struct portcontrol *p)
{
	struct pcp_hole **at = &p->pcp.holes;

	while (*at) {
		struct pcp_hole *hole = *at;

		if (pinhole_of(p, hole)) {
			at = &hole->next;
			continue;
		}
		*at = hole->next;
		hole_free(hole);
	}
}

static struct pcp_hole *find(const struct pcp_exchange *x)
{
	for (struct pcp_hole *hole = x->p->pcp.holes; hole; hole = hole->next)
		if (hole->port == x->request.internal_port &&
		    hole->protocol == x->request.protocol &&
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
	if (asked->protocol && asked->protocol != IPPROTO_TCP && asked->protocol != IPPROTO_UDP)
		return PCP_UNSUPP_PROTOCOL;
	if (!asked->lifetime)
		return PCP_SUCCESS;
	if (!asked->protocol || !asked->internal_port)
		return (enum pcp_result)policy_code(pcp_policy(x), pcp_all_protocols);
	if (x->p->router->firewall6 && !firewall6_inbound(x->p->router->firewall6))
		return PCP_NOT_AUTHORIZED;
	if (!pcp_is_permitted(x))
		return PCP_NOT_AUTHORIZED;
	if (x->wishes.prefer_failure && (!mine || asked->external_port != asked->internal_port))
		return PCP_CANNOT_PROVIDE_EXTERNAL;
	return PCP_SUCCESS;
}

/* Whether the table can have such filters. */
static bool can_filter(const struct pcp_exchange *x, const struct pcp_record *record)
{
	if (record->filters > (size_t)pcp_policy(x)->pcp_filters_max)
		return false;
	for (size_t i = 0; i < record->filters; i++)
		if (record->filter[i].prefix != 128)
			return false;
	return true;
}

static bool open_pinholes(const struct pcp_exchange *x, const struct pcp_hole *hole)
{
	struct sockaddr_in6 sender;

	memcpy(&sender, &x->q->from, sizeof(sender));
	for (size_t i = 0; i < keys_of(hole); i++) {
		struct pinhole wanted = key_of(hole, i);

		wanted.owner = sender.sin6_addr;
		wanted.lease = pcp_lifetime(x);
		if (pinhole_put(table_of(x->p), &wanted, NULL))
			return false;
	}
	return true;
}

/* The same hole with other filters, or only for longer. */
static enum pcp_result renew(struct pcp_exchange *x, struct pcp_hole *hole)
{
	struct pcp_record *next = pcp_next_record(x, hole->record);

	if (!can_filter(x, next)) {
		pcp_record_free(next);
		return PCP_EXCESSIVE_REMOTE_PEERS;
	}
	if (!pcp_record_same_filters(hole->record, next))
		close_pinholes(x->p, hole, "replaced");
	pcp_record_free(hole->record);
	hole->record = next;
	return open_pinholes(x, hole) ? PCP_SUCCESS : PCP_NO_RESOURCES;
}

static size_t holes_of_client(const struct pcp_exchange *x)
{
	size_t count = 0;

	for (const struct pcp_hole *hole = x->p->pcp.holes; hole; hole = hole->next)
		count += IN6_ARE_ADDR_EQUAL(&hole->client, &x->client);
	return count;
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
	hole->port = x->request.internal_port;
	hole->record = pcp_next_record(x, NULL);
	if (!can_filter(x, hole->record)) {
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

static enum pcp_result refuse_nonce(struct pcp_exchange *x, const struct pcp_hole *hole)
{
	x->answer.lifetime = pinhole_remaining(pinhole_of(x->p, hole));
	return PCP_NOT_AUTHORIZED;
}

enum pcp_result pcp_pinhole(struct pcp_exchange *x)
{
	enum pcp_result result = check(x);
	struct pcp_hole *hole;

	if (result)
		return result;
	/* A pinhole has no description, and is for one port. */
	x->wishes.describes = false;
	x->wishes.is_set = false;
	if (!x->request.internal_port)
		return delete_all(x);
	hole = find(x);
	if (hole && !pcp_has_nonce(x, hole->record->nonce))
		return refuse_nonce(x, hole);
	if (!x->request.lifetime) {
		if (hole)
			close_pinholes(x->p, hole, "removed");
		tidy(x->p);
		return PCP_SUCCESS;
	}
	result = hole ? renew(x, hole) : add(x);
	if (result)
		return result;
	x->answer.lifetime = pcp_lifetime(x);
	x->answer.external_port = x->request.internal_port;
	x->answer.external_address = x->client;
	return PCP_SUCCESS;
}

enum pcp_result pcp_peer6(struct pcp_exchange *x)
{
	const struct pcp_message *asked = &x->request;
	const struct in6_addr *remote = &asked->remote_address;

	if (!asked->protocol || !asked->internal_port || !asked->remote_port ||
	    pcp_address_is_v4(remote, NULL) || IN6_IS_ADDR_LOOPBACK(remote) ||
	    IN6_IS_ADDR_MULTICAST(remote) || IN6_IS_ADDR_UNSPECIFIED(remote))
		return PCP_MALFORMED_REQUEST;
	if (asked->protocol != IPPROTO_TCP && asked->protocol != IPPROTO_UDP)
		return PCP_UNSUPP_PROTOCOL;
	if (asked->external_port && asked->external_port != asked->internal_port)
		return PCP_CANNOT_PROVIDE_EXTERNAL;
	x->wishes.describes = false;
	x->answer.lifetime = asked->lifetime ? pcp_lifetime(x) : 0;
	x->answer.external_port = asked->internal_port;
	x->answer.external_address = x->client;
	return PCP_SUCCESS;
}
