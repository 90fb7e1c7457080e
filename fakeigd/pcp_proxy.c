/* SPDX-License-Identifier: MIT */
/*
 * pcp_proxy.c - MAP requests passed on to the PCP server upstream (RFC 7648; policy pcp.proxy).
 *
 * Theory of operation
 *
 * The router has a NAT of its own, so a request becomes two: an entry of our table leads from a
 * port of our WAN address to the client, and the server upstream is asked for what leads to that
 * port (clause 3.1). It is asked with our address, our port and a nonce of ours; the suggested port
 * and address, PREFER_FAILURE, FILTER and DESCRIPTION are the client's. What the client hears is
 * the outermost address and port (PCPX-28), a lifetime that is no longer than the server's
 * (PCPX-29), and our own epoch (PCPX-27). A refusal comes back as it is, with its lifetime; what
 * the server says of us and not of the request, and its silence, is NETWORK_FAILURE (7).
 *
 * A new entry is made before the server is asked, because the port is part of the question, and
 * goes when it refuses; a known one is only renewed when the server has said yes. When the entry
 * has gone while the server was asked, what it has granted is given back. One that has
 * three quarters of the asked lifetime left is told without asking (PCPX-26). A request that comes
 * again while it is on its way upstream is not passed on again: one answer serves both, and the
 * engine (upstream.h) repeats it in its own time.
 *
 * Of several servers upstream a client has one, which all of its requests go to (PCPX-33).
 *
 * ANNOUNCE is answered here. When the server has lost its state, so have we: the entries go, the
 * epoch begins anew, and that is announced (PCPX-32). Other opcodes and unknown options are not
 * passed on, PEER neither: 4 and 5 (PCPX-31). Over IPv6 there is no NAT, and nothing to ask for.
 */
#include "base/mem.h"
#include "pcp_parts.h"
#include "upstream.h"

#include <stdlib.h>

/**
 * struct pcp_proxied - a request on its way upstream
 * @x, @q:	as it came, in @bytes; answers to the client go by them
 * @port:	of our WAN address, that it was asked for
 * @made:	its entry is new
 */
struct pcp_proxied {
	struct pcp_proxied *next;
	struct upstream_call *call;
	struct pcp_exchange x;
	struct portcontrol_request q;
	uint16_t port;
	bool made;
	char bytes[];
};

bool pcp_is_proxied(const struct pcp_exchange *x)
{
	return x->p->router->upstream && !policy_is(pcp_policy(x), pcp_proxy, "off") &&
	       x->q->from.ss_family == AF_INET && x->request.opcode != PCP_ANNOUNCE &&
	       !x->effects.fault && !x->effects.lie && !x->effects.reply_only;
}

static void forget(struct pcp_proxied *one)
{
	struct pcp_proxied **at = &one->x.p->pcp.proxied;

	while (*at != one)
		at = &(*at)->next;
	*at = one->next;
	free(one);
}

void pcp_proxy_stop(struct portcontrol *p)
{
	while (p->pcp.proxied) {
		upstream_cancel(p->pcp.proxied->call);
		forget(p->pcp.proxied);
	}
	upstream_unwatch(p->router->upstream, &p->pcp.watch);
}

static bool is_passed_on(const struct mapping *m, void *arg)
{
	(void)arg;
	return m->pcp && m->pcp->outer_port;
}

static void upstream_lost(void *arg, const char *why)
{
	struct portcontrol *p = arg;

	portmap_remove_if(p->router->portmap, is_passed_on, NULL, why);
	portcontrol_notice(p, PORTCONTROL_LOST);
}

/* The engine may be another since the last request. */
static void watch(struct portcontrol *p)
{
	p->pcp.watch.fn = upstream_lost;
	p->pcp.watch.arg = p;
	upstream_unwatch(p->router->upstream, &p->pcp.watch);
	upstream_watch(p->router->upstream, &p->pcp.watch);
}

static bool same_sender(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	struct sockaddr_in v4[2];

	memcpy(&v4[0], a, sizeof(v4[0]));
	memcpy(&v4[1], b, sizeof(v4[1]));
	return v4[0].sin_addr.s_addr == v4[1].sin_addr.s_addr && v4[0].sin_port == v4[1].sin_port;
}

/* A request that is sent again is the same to the last byte (RFC 6887 clause 8.1.1). */
static bool is_on_its_way(const struct pcp_exchange *x)
{
	const struct slice bytes = x->q->bytes;

	for (const struct pcp_proxied *one = x->p->pcp.proxied; one; one = one->next)
		if (slice_same(one->q.bytes, bytes) && same_sender(&one->q.from, &x->q->from))
			return true;
	return false;
}

static const struct mapping *own_mapping(const struct pcp_exchange *x)
{
	const struct mapping *m = pcp_mapping_of(x, x->request.internal_port);

	return m && m->pcp ? m : NULL;
}

/* The entry and PREFER_FAILURE: whether the suggested port can be had is upstream's to say. */
static enum pcp_result perform_here(struct pcp_exchange *x)
{
	bool wish = x->wishes.prefer_failure;
	enum pcp_result result;

	x->wishes.prefer_failure = false;
	result = pcp_perform(x);
	x->wishes.prefer_failure = wish;
	return result;
}

static void tell_outer(struct pcp_exchange *x, uint16_t port, const struct in6_addr *address,
		       uint32_t lifetime)
{
	x->answer.external_port = port;
	x->answer.external_address = *address;
	x->answer.lifetime = lifetime;
	x->answer.epoch = pcp_epoch(x->p);
}

/* Nobody waits for what upstream says of the end of a mapping. */
static void end_upstream(const struct pcp_exchange *x, int protocol, uint16_t port,
			 struct in_addr client)
{
	const struct upstream_map map = {
		.protocol = (uint8_t)protocol,
		.internal_port = port,
		.client = client,
	};

	upstream_map(x->p->router->upstream, &map, NULL, NULL);
}

/* Whether the entry that was to be made or renewed is still there. */
static bool is_here(const struct pcp_proxied *one)
{
	const struct mapping *m = own_mapping(&one->x);

	return m && m->external_port == one->port;
}

/* Two NATs have said yes: the entry lives as long as the shorter of both. */
static enum pcp_result granted(struct pcp_proxied *one, const struct upstream_result *result)
{
	struct pcp_exchange *x = &one->x;
	const struct mapping *old;
	enum pcp_result error;
	uint32_t lifetime;
	struct mapping m;

	if (x->request.lifetime && !is_here(one)) {
		end_upstream(x, x->request.protocol, one->port, pcp_client_v4(x));
		return PCP_NO_RESOURCES;
	}
	error = one->made ? PCP_SUCCESS : perform_here(x);
	if (error || !x->request.lifetime)
		return error;
	lifetime = x->answer.lifetime < result->lifetime ? x->answer.lifetime : result->lifetime;
	tell_outer(x, result->port, &result->address, lifetime);
	old = own_mapping(x);
	m = *old;
	m.lease = lifetime;
	m.pcp = pcp_next_record(x, old->pcp);
	m.pcp->outer_port = result->port;
	m.pcp->outer_address = result->address;
	if (!portmap_put(x->p->router->portmap, &m))
		return PCP_SUCCESS;
	pcp_record_free(m.pcp);
	return PCP_NO_RESOURCES;
}

/* What is said of the router itself is not the client's matter. */
static enum pcp_result refused(struct pcp_proxied *one, const struct upstream_result *result)
{
	struct pcp_exchange *x = &one->x;
	const struct mapping *m = own_mapping(x);

	if (one->made && m)
		portmap_remove(x->p->router->portmap, m->remote_host, m->external_port,
			       m->protocol);
	x->answer.lifetime = 0;
	x->answer.epoch = pcp_epoch(x->p);
	if (result->outcome == UPSTREAM_SILENT || result->code == PCP_UNSUPP_VERSION ||
	    result->code == PCP_ADDRESS_MISMATCH)
		return PCP_NETWORK_FAILURE;
	x->answer.lifetime = result->lifetime;
	return (enum pcp_result)result->code;
}

static void answered(void *arg, const struct upstream_result *result)
{
	struct pcp_proxied *one = arg;

	if (result->outcome == UPSTREAM_GRANTED)
		pcp_answer(&one->x, granted(one, result));
	else if (result->outcome != UPSTREAM_CANCELLED)
		pcp_answer(&one->x, refused(one, result));
	forget(one);
}

/* The request outlives its datagram. */
static struct pcp_proxied *keep(const struct pcp_exchange *x)
{
	const struct slice bytes = x->q->bytes;
	struct pcp_proxied *one = xcalloc(1, sizeof(*one) + bytes.len);

	memcpy(one->bytes, bytes.ptr, bytes.len);
	one->q = *x->q;
	one->q.bytes = (struct slice){one->bytes, bytes.len};
	one->x = *x;
	one->x.q = &one->q;
	one->x.event.field = one->x.field;
	one->x.event.from = (const struct sockaddr *)&one->q.from;
	one->x.wishes = (struct pcp_wishes){0};
	pcp_parse_request(one->bytes, bytes.len, &one->x.request);
	pcp_take_options(&one->x);
	one->next = x->p->pcp.proxied;
	x->p->pcp.proxied = one;
	return one;
}

/* @port: of our WAN address */
static void pass_on(const struct pcp_exchange *x, uint16_t port, uint32_t lifetime, bool made)
{
	struct pcp_proxied *one = keep(x);
	const struct pcp_wishes *w = &one->x.wishes;
	char *text = w->describes ? slice_dup(w->description) : NULL;
	struct buf options = {0};
	struct upstream_map map = {
		.protocol = x->request.protocol,
		.internal_port = port,
		.port = x->request.external_port,
		.address = x->request.external_address,
		.lifetime = lifetime,
		.prefer_failure = w->prefer_failure,
		.description = text,
		.client = pcp_client_v4(x),
	};

	for (size_t i = 0; i < w->filters; i++)
		pcp_add_filter(&options, &w->filter[i]);
	map.options = buf_slice(&options);
	one->made = made;
	one->port = port;
	watch(x->p);
	one->call = upstream_map(x->p->router->upstream, &map, answered, one);
	buf_free(&options);
	free(text);
}

/* Whether the answer is known: three quarters of the asked lifetime are left, and nothing is to be
 * changed (clause 3). */
static bool is_known(const struct pcp_exchange *x, const struct mapping *m)
{
	uint64_t left = portmap_remaining(m), asked = x->request.lifetime;

	return m->pcp->outer_port && left * 4 >= asked * 3 && !x->wishes.filters &&
	       !x->wishes.describes && policy_is(pcp_policy(x), pcp_proxy, "on") &&
	       (!x->wishes.prefer_failure || m->pcp->outer_port == x->request.external_port);
}

static bool is_to_end(const struct pcp_exchange *x, const struct mapping *m)
{
	return m->pcp && m->pcp->outer_port && pcp_has_nonce(x, m->pcp->nonce) &&
	       m->internal_client.s_addr == pcp_client_v4(x).s_addr &&
	       (!x->request.protocol || m->protocol == x->request.protocol);
}

/* All mappings of a client: upstream is told of each. */
static enum pcp_result end_all(struct pcp_exchange *x)
{
	const struct portmap *p = x->p->router->portmap;

	for (size_t i = 0; i < portmap_count(p); i++) {
		const struct mapping *m = portmap_at(p, i);

		if (is_to_end(x, m))
			end_upstream(x, m->protocol, m->external_port, m->internal_client);
	}
	return pcp_perform(x);
}

static enum pcp_result pass_mapping(struct pcp_exchange *x, const struct mapping *m, bool *later)
{
	enum pcp_result result;

	if (m && pcp_has_nonce(x, m->pcp->nonce)) {
		if (is_known(x, m)) {
			tell_outer(x, m->pcp->outer_port, &m->pcp->outer_address,
				   portmap_remaining(m));
			return PCP_SUCCESS;
		}
		pass_on(x, m->external_port, pcp_lifetime(x), false);
		*later = true;
		return PCP_SUCCESS;
	}
	result = perform_here(x);
	if (result)
		return result;
	pass_on(x, x->answer.external_port, x->answer.lifetime, true);
	*later = true;
	return PCP_SUCCESS;
}

enum pcp_result pcp_proxy(struct pcp_exchange *x, bool *later)
{
	const struct mapping *m;

	*later = policy_is(pcp_policy(x), pcp_proxy, "on") && is_on_its_way(x);
	if (*later)
		return PCP_SUCCESS;
	if (x->request.opcode != PCP_MAP)
		return PCP_UNSUPP_OPCODE;
	if (!x->request.protocol || !x->request.internal_port)
		return x->request.lifetime ? pcp_perform(x) : end_all(x);
	if (!upstream_is_ready(x->p->router->upstream))
		return PCP_NETWORK_FAILURE;
	m = own_mapping(x);
	if (x->request.lifetime)
		return pass_mapping(x, m, later);
	if (!m || !is_to_end(x, m))
		return pcp_perform(x);
	pass_on(x, m->external_port, 0, false);
	*later = true;
	return PCP_SUCCESS;
}
