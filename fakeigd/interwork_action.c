/* SPDX-License-Identifier: MIT */
/*
 * interwork_action.c - the port mapping actions that ask a PCP server upstream (RFC 6970 clause 5).
 *
 * Theory of operation
 *
 *	AddPortMapping			MAP with PREFER_FAILURE and the port as suggestion (IWF-03)
 *	AddAnyPortMapping		MAP; NewReservedPort is what was assigned (IWF-04)
 *	DeletePortMapping, -Range	MAP with lifetime 0 for each entry (IWF-12, IWF-13)
 *	GetSpecificPortMappingEntry	of a port that is not here: MAP with PREFER_FAILURE for a
 *					minute; granted means that nobody has it: 714 (IWF-11)
 *	GetExternalIPAddress		of the last answer; before any, by policy of the profile,
 *					that of a MAP of port 9 for a minute (IWF-18)
 *
 * What was mapped only to learn something is given back at once.
 *
 * An action is an operation with one or several requests; the SOAP exchange is held until the last
 * answer is there (soap_hold()). The table and the forwarding of our own NAT change only after the
 * server's SUCCESS. The internal port of a request is the port of our WAN address (IWF-16): the
 * asked external port where it is free, else the next one.
 *
 * Result codes become UPnP errors by error_of() (IWF-06 to IWF-08), silence is 501 (IWF-09).
 * CANNOT_PROVIDE_EXTERNAL that holds for a short time is tried again, as often as the profile says
 * and as long as a control point may be kept waiting; then it is 718 (IWF-05).
 */
#include "base/clock.h"
#include "base/mem.h"
#include "choice.h"
#include "interwork_parts.h"
#include "mapping_conflict.h"

#include <stdlib.h>

#define PROBE_S	     60
#define DISCARD_PORT 9

enum purpose { ADD, ADD_ANY, DELETE, PROBE, EXTERNAL };

/**
 * struct request - one of an operation's
 * @key:	of DELETE: which entry
 * @map:	what is asked for
 * @call:	on its way, NULL = answered or waiting for @retry
 * @done:	granted
 */
struct request {
	struct operation *operation;
	struct interwork_key key;
	struct upstream_map map;
	struct upstream_call *call;
	struct loop_timer retry;
	unsigned tries;
	bool done;
};

/**
 * struct operation - an action that waits for the server
 * @mapping:	of ADD and ADD_ANY; owns its description
 * @started:	clock_now() at which the control point asked
 * @requests, @count, @open: what is asked for, and how many answers are still to come
 * @code:	of the first refusal
 */
struct operation {
	struct interwork *interwork;
	struct operation *next;
	enum purpose purpose;
	struct soap_later *later;
	struct mapping mapping;
	int64_t started;
	struct request *requests;
	size_t count;
	size_t open;
	int code;
};

static void free_operation(struct operation *o)
{
	struct operation **at = &o->interwork->operations;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	for (size_t i = 0; i < o->count; i++) {
		loop_timer_cancel(o->interwork->router->loop, &o->requests[i].retry);
		if (o->requests[i].call)
			upstream_cancel(o->requests[i].call);
	}
	free(o->mapping.description);
	free(o->requests);
	free(o);
}

static void give_up(struct operation *o)
{
	soap_abandon(o->later);
	free_operation(o);
}

void interwork_cancel_operations(struct interwork *w)
{
	while (w->operations)
		give_up(w->operations);
}

static void finish(struct operation *o, int code)
{
	struct soap_later *later = o->later;

	free_operation(o);
	soap_finish(later, code);
}

static struct operation *start(struct soap_call *call, enum purpose purpose, size_t count)
{
	struct interwork *w = call->router->interwork;
	struct operation *o = xcalloc(1, sizeof(*o));

	o->interwork = w;
	o->purpose = purpose;
	o->started = clock_now();
	o->requests = xcalloc(count, sizeof(*o->requests));
	o->count = o->open = count;
	for (size_t i = 0; i < count; i++)
		o->requests[i].operation = o;
	o->later = soap_hold(call);
	o->next = w->operations;
	w->operations = o;
	return o;
}

/* RFC 6970 4.3; the version is that of the device. */
static int error_of(const struct router *r, uint8_t code)
{
	const struct policy *policy = &r->profile->policy;
	bool v2 = r->profile->device_version >= 2;

	if (!policy_is(policy, upstream_refusal, "by-code"))
		return policy_code(policy, upstream_refusal);
	switch (code) {
	case PCP_NOT_AUTHORIZED:
		return v2 ? 606 : 718;
	case PCP_NO_RESOURCES:
	case PCP_USER_EX_QUOTA:
		return v2 ? 728 : 501;
	case PCP_CANNOT_PROVIDE_EXTERNAL:
		return 718;
	default:
		return 501;
	}
}

static void ask(struct request *q);

static void retry_due(void *arg)
{
	ask(arg);
}

/* Whether to ask again when the refusal is over: there has to be time for the answer (UDA 2.0
 * 3.2.2 beside RFC 6970 5.6.2). */
static bool try_again(struct request *q, const struct upstream_result *result)
{
	struct operation *o = q->operation;
	const struct profile_upstream *p = &o->interwork->router->profile->upstream;
	int64_t due = clock_now() + result->lifetime * CLOCK_SECOND;

	if (result->code != PCP_CANNOT_PROVIDE_EXTERNAL || o->purpose != ADD ||
	    q->tries > p->retries || due >= o->started + p->answer_us)
		return false;
	loop_timer_arm(o->interwork->router->loop, &q->retry, due, retry_due, q);
	return true;
}

static int refuse(struct operation *o, const struct upstream_result *result)
{
	struct router *r = o->interwork->router;
	int code = result->outcome == UPSTREAM_REFUSED ? error_of(r, result->code) : 501;

	return soap_refuse(soap_later_call(o->later), code, "the server upstream: %s", result->why);
}

/* The server has it: now into the table and the NAT. What cannot be used is given back. */
static int install(struct operation *o, const struct upstream_result *result)
{
	struct soap_call *call = soap_later_call(o->later);
	const struct upstream_map *asked = &o->requests[0].map;
	struct mapping *m = &o->mapping;
	struct interwork_key key;
	int code = 0;

	if (o->purpose == ADD && result->port != asked->port)
		code = soap_refuse(call, 718, "the server upstream has port %u instead",
				   result->port);
	else if (!result->port || !result->lifetime)
		code = soap_refuse(call, 501, "the server upstream grants nothing");
	if (policy_is(&call->router->profile->policy, upstream_lease, "granted"))
		m->lease = result->lifetime;
	m->external_port = result->port;
	m->wan_port = asked->internal_port == result->port ? 0 : asked->internal_port;
	if (!code)
		code = mapping_conflict(call, m); /* with what has come into the table meanwhile */
	if (!code)
		code = mapping_store(call, m);
	if (code) {
		interwork_let_go(o->interwork, m->protocol, asked->internal_port);
		return code == MAPPING_PRETEND ? 0 : code;
	}
	key = interwork_key_of(m);
	interwork_bind(o->interwork, &key, asked->internal_port, result);
	if (o->purpose == ADD_ANY)
		soap_out_number(call, "NewReservedPort", m->external_port);
	return 0;
}

static bool is_deleted(const struct mapping *m, void *arg)
{
	const struct operation *o = arg;
	const struct interwork_key key = interwork_key_of(m);

	for (size_t i = 0; i < o->count; i++)
		if (o->requests[i].done && interwork_same_key(&o->requests[i].key, &key))
			return true;
	return false;
}

/* All answers are there: what the server has let go leaves the table in one change (GENA-32). */
static int remove_deleted(struct operation *o)
{
	struct interwork *w = o->interwork;

	for (size_t i = 0; i < o->count; i++) {
		struct binding *b = interwork_find(w, &o->requests[i].key);

		if (b && o->requests[i].done)
			interwork_unbind(b);
		else if (b)
			interwork_resume(b);
	}
	portmap_remove_if(w->router->portmap, is_deleted, o, "removed");
	return o->code;
}

static int conclude(struct request *q, const struct upstream_result *result)
{
	struct operation *o = q->operation;
	struct soap_call *call = soap_later_call(o->later);

	if (o->purpose == DELETE)
		return remove_deleted(o);
	if (result->outcome != UPSTREAM_GRANTED)
		return o->code;
	interwork_learn(o->interwork, call->peer, &result->address);
	switch (o->purpose) {
	case ADD:
	case ADD_ANY:
		return install(o, result);
	case PROBE:
		interwork_let_go(o->interwork, q->map.protocol, q->map.internal_port);
		return result->port == q->map.port
			       ? soap_refuse(call, 714, "no such entry, here or upstream")
			       : soap_refuse(call, 718, "another host upstream has it");
	case EXTERNAL:
		interwork_let_go(o->interwork, q->map.protocol, q->map.internal_port);
		interwork_known_address(o->interwork, call->peer,
					soap_out(call, "NewExternalIPAddress"));
		return 0;
	case DELETE:
		break;
	}
	return 0;
}

static void answered(void *arg, const struct upstream_result *result)
{
	struct request *q = arg;
	struct operation *o = q->operation;

	q->call = NULL;
	if (result->outcome == UPSTREAM_CANCELLED) {
		give_up(o);
		return;
	}
	if (result->outcome == UPSTREAM_REFUSED && try_again(q, result))
		return;
	q->done = result->outcome == UPSTREAM_GRANTED;
	if (!q->done && !o->code)
		o->code = refuse(o, result);
	if (--o->open == 0)
		finish(o, conclude(q, result));
}

static void ask(struct request *q)
{
	const struct operation *o = q->operation;
	const struct router *r = o->interwork->router;

	q->tries++;
	q->map.answer_us = o->started + r->profile->upstream.answer_us - clock_now();
	q->call = upstream_map(r->upstream, &q->map, answered, q);
}

/* Whether an action on its way wants that port of the WAN address. */
static bool interwork_wanted_port(const struct interwork *w, uint16_t wan_port, int protocol)
{
	for (const struct operation *o = w->operations; o; o = o->next)
		for (size_t i = 0; i < o->count; i++)
			if (o->purpose != DELETE && o->requests[i].map.protocol == protocol &&
			    o->requests[i].map.internal_port == wan_port)
				return true;
	return false;
}

static bool port_is_taken(const struct interwork *w, uint16_t wan_port, int protocol)
{
	for (const struct binding *b = w->first; b; b = b->next)
		if (b->wan_port == wan_port && b->key.protocol == protocol)
			return true;
	return interwork_wanted_port(w, wan_port, protocol);
}

/* The port of our WAN address for an entry: the one that it has, else the asked one or the next. */
static uint16_t wan_port_for(const struct interwork *w, const struct interwork_key *key)
{
	const struct binding *b = interwork_find(w, key);
	uint16_t port = key->external_port;

	if (b)
		return b->wan_port;
	for (uint32_t tried = 0; tried <= UINT16_MAX && port_is_taken(w, port, key->protocol);
	     tried++)
		port = port == UINT16_MAX ? 1024 : (uint16_t)(port + 1);
	return port;
}

int interwork_add(struct soap_call *call, const struct mapping *m, bool any)
{
	const struct router *r = call->router;
	const struct interwork_key key = interwork_key_of(m);
	uint16_t wan_port = wan_port_for(r->interwork, &key);
	struct operation *o;
	struct upstream_map *map;

	if (!m->external_port)
		return soap_refuse(call, r->profile->device_version >= 2 ? 716 : 501,
				   "PCP has no mapping of every port");
	o = start(call, any ? ADD_ANY : ADD, 1);
	o->mapping = *m;
	o->mapping.description = xstrdup(m->description ? m->description : "");
	map = &o->requests[0].map;
	*map = (struct upstream_map){
		.protocol = (uint8_t)m->protocol,
		.internal_port = wan_port,
		.port = m->external_port,
		.lifetime = m->lease ? m->lease : UINT32_MAX, /* IWF-02 */
		.prefer_failure = !any,
		.filter = {.prefix = 128},
		.description = r->profile->upstream.description ? o->mapping.description : NULL,
	};
	if (m->remote_host.s_addr)
		map->filter.address = pcp_address_from_v4(m->remote_host);
	ask(&o->requests[0]);
	return SOAP_LATER;
}

int interwork_delete(struct soap_call *call, const struct mapping *const *all, size_t count)
{
	struct interwork *w = call->router->interwork;
	struct operation *o = start(call, DELETE, count);

	for (size_t i = 0; i < count; i++) {
		struct request *q = &o->requests[i];
		struct binding *b;

		q->key = interwork_key_of(all[i]);
		b = interwork_find(w, &q->key);
		q->map.protocol = (uint8_t)q->key.protocol;
		q->map.internal_port = b ? b->wan_port : 0;
		q->done = !b;
		o->open -= !b;
		if (!b)
			continue;
		interwork_pause(b);
		ask(q);
	}
	return SOAP_LATER;
}

int interwork_probe(struct soap_call *call, uint16_t port, int protocol)
{
	const struct interwork_key key = {.external_port = port, .protocol = protocol};
	uint16_t wan_port = wan_port_for(call->router->interwork, &key);
	struct operation *o;

	if (!port)
		return soap_refuse(call, 714, "no such entry");
	o = start(call, PROBE, 1);
	o->requests[0].map = (struct upstream_map){
		.protocol = (uint8_t)protocol,
		.internal_port = wan_port,
		.port = port,
		.lifetime = PROBE_S,
		.prefer_failure = true,
	};
	ask(&o->requests[0]);
	return SOAP_LATER;
}

int interwork_external(struct soap_call *call)
{
	struct interwork *w = call->router->interwork;
	const struct interwork_key key = {.external_port = DISCARD_PORT, .protocol = IPPROTO_UDP};
	struct operation *o;

	if (interwork_known_address(w, call->peer, soap_out(call, "NewExternalIPAddress")) ||
	    !call->router->profile->upstream.ask_external)
		return 0;
	o = start(call, EXTERNAL, 1);
	o->requests[0].map = (struct upstream_map){
		.protocol = IPPROTO_UDP,
		.internal_port = wan_port_for(w, &key),
		.port = DISCARD_PORT,
		.lifetime = PROBE_S,
	};
	ask(&o->requests[0]);
	return SOAP_LATER;
}
