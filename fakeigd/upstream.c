/* SPDX-License-Identifier: MIT */
/*
 * upstream.c - the router as a client of the PCP server on its WAN side (see upstream.h).
 *
 * Theory of operation
 *
 * A request is made once and sent as often as it takes (RFC 6887 clause 8.1.1): the first gap is
 * (1 + RAND) * IRT, each further one (1 + RAND) * MIN(2 * RT, MRT), RAND between -0.1 and 0.1. The
 * server is looked up whenever something is sent, so that a route that comes later serves requests
 * that wait already; without one they wait in silence. They end with an answer that is theirs, with
 * an ICMP error (nobody listens there), or when the profile's "answer" time is over.
 *
 * The client's address in a request is the WAN address: this router's own NAT lies before the
 * mapping (RFC 6970 clause 5.5). Nonces are made from a secret of this process and what the mapping
 * is, so that who renews, changes or deletes it has the right one without keeping any (clause
 * 11.2).
 *
 * With several servers there is a part of the engine for each, with its own socket, epoch, secret
 * and requests; who asks for a client is served by the client's (RFC 7648 clause 3.6). When one of
 * them has lost its mappings, whoever watches is told so of all.
 *
 * upstream_socket.c holds the sockets, upstream_receive.c reads what comes.
 */
#include "base/mem.h"
#include "choice.h"
#include "journal.h"
#include "profile.h"
#include "rule_parts.h"
#include "upstream_parts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static const struct profile_upstream *profile_of(const struct upstream *u)
{
	return &u->router->profile->upstream;
}

static const struct policy *policy_of(const struct upstream *u)
{
	return &u->router->profile->policy;
}

static void what_of(const struct pcp_message *m, char *out, size_t room)
{
	static const char *const names[] = {"ANNOUNCE", "MAP", "PEER"};
	char address[INET6_ADDRSTRLEN];

	if (m->opcode == PCP_ANNOUNCE || m->opcode > PCP_PEER) {
		snprintf(out, room, "%s", m->opcode ? "unknown opcode" : names[0]);
		return;
	}
	inet_ntop(AF_INET6, &m->external_address, address, sizeof(address));
	snprintf(out, room, "%s %s %u, external %s port %u, %u s", names[m->opcode],
		 m->protocol == IPPROTO_TCP   ? "TCP"
		 : m->protocol == IPPROTO_UDP ? "UDP"
					      : "other",
		 m->internal_port, address, m->external_port, m->lifetime);
}

void upstream_journal(const struct upstream *u, bool sent, const struct pcp_message *m,
		      const char *note)
{
	struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr = u->local};
	struct sockaddr_in server = {.sin_family = AF_INET,
				     .sin_addr = u->server,
				     .sin_port = htons(profile_of(u)->port)};
	const struct sockaddr *here = (const struct sockaddr *)&local;
	const struct sockaddr *there = (const struct sockaddr *)&server;
	char what[160];

	if (!journal_on(u->router->journal))
		return;
	what_of(m, what, sizeof(what));
	journal_write(u->router->journal, sent ? JOURNAL_SENT : JOURNAL_RECEIVED, "upstream",
		      sent ? here : there, sent ? there : here, what, "{s:s, s:i, s:I, s:I}",
		      "note", note, "result", (int)m->result, "lifetime", (json_int_t)m->lifetime,
		      "epoch", (json_int_t)m->epoch);
}

void upstream_finish(struct upstream_call *call, const struct upstream_result *result)
{
	upstream_fn *fn = call->fn;
	void *arg = call->arg;

	upstream_cancel(call);
	if (fn)
		fn(arg, result);
}

void upstream_cancel(struct upstream_call *call)
{
	struct upstream *u = call->upstream;

	loop_timer_cancel(u->router->loop, &call->timer);
	LIST_REMOVE(call, link);
	buf_free(&call->bytes);
	free(call);
}

/* The next gap: RAND is in tenths of a thousandth, so that no floating point is needed. */
static int64_t next_gap(struct upstream *u, int64_t last)
{
	const struct profile_upstream *p = profile_of(u);
	int64_t base = !last ? p->initial_us : 2 * last < p->maximum_us ? 2 * last : p->maximum_us;
	int64_t part = (int64_t)(rule_random(&u->random) % 2001) - 1000;

	return base + base * part / 10000;
}

static void call_due(void *arg);

static void arm(struct upstream_call *call, int64_t due)
{
	struct loop *loop = call->upstream->router->loop;

	loop_timer_arm(loop, &call->timer, due < call->deadline ? due : call->deadline, call_due,
		       call);
}

/* Send it, and be back when it is time to do so again. */
static void transmit(struct upstream_call *call)
{
	struct upstream *u = call->upstream;
	const char *why = upstream_open(u);

	if (!why) {
		upstream_journal(u, true, &call->asked, call->rt_us ? "again" : "");
		why = upstream_send(u, buf_slice(&call->bytes));
	}
	if (why && journal_on(u->router->journal))
		journal_write(u->router->journal, JOURNAL_DECIDED, "upstream", NULL, NULL,
			      "cannot send", "{s:s}", "error", why);
	call->rt_us = next_gap(u, call->rt_us);
	arm(call, clock_now() + call->rt_us);
}

static void call_due(void *arg)
{
	struct upstream_call *call = arg;
	struct upstream_result silent = {.outcome = UPSTREAM_SILENT, .why = "no answer in time"};

	if (call->ending.why) {
		silent = call->ending;
	} else if (clock_now() < call->deadline) {
		transmit(call);
		return;
	}
	upstream_finish(call, &silent);
}

static struct upstream_call *start(struct upstream *u, const struct pcp_message *asked,
				   int64_t answer_us, upstream_fn *fn, void *arg)
{
	struct upstream_call *call = xcalloc(1, sizeof(*call));

	call->upstream = u;
	call->asked = *asked;
	call->asked.version = PCP_VERSION;
	call->asked.client = pcp_address_from_v4(policy_is(policy_of(u), upstream_client, "wan")
							 ? u->router->wan.address
							 : u->router->lan->address);
	pcp_build_request(&call->bytes, &call->asked);
	call->asked.options = (struct slice){0};
	call->fn = fn;
	call->arg = arg;
	call->deadline = clock_now() + (answer_us > 0 ? answer_us : profile_of(u)->answer_us);
	LIST_INSERT_HEAD(&u->calls, call, link);
	if (asked->opcode == PCP_MAP && !asked->lifetime && !policy_of(u)->upstream_delete) {
		call->ending = (struct upstream_result){.outcome = UPSTREAM_GRANTED,
							.why = "nobody is told"};
		arm(call, clock_now());
	} else {
		transmit(call);
	}
	return call;
}

static void own_nonce(const struct upstream *u, const struct upstream_map *map, uint8_t *out)
{
	uint64_t state = u->secret[0] ^ ((uint64_t)map->protocol << 16 | map->internal_port);
	uint64_t words[2];

	words[0] = rule_random(&state);
	state ^= u->secret[1];
	words[1] = rule_random(&state);
	memcpy(out, words, PCP_NONCE_LEN);
}

/* As much of it as fits, no character cut in two. */
static void add_description(struct buf *options, const char *text, size_t taken)
{
	size_t most = PCP_MESSAGE_MAX - taken - options->len - 4, len = strlen(text);

	if (len > most / 4 * 4) {
		len = most / 4 * 4;
		while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	if (len)
		pcp_add_option(options, PCP_OPTION_DESCRIPTION, text, len);
}

static void add_options(const struct upstream *u, const struct upstream_map *map, bool peer,
			struct buf *options)
{
	const struct policy *policy = policy_of(u);
	size_t taken = PCP_HEADER_LEN + (peer ? 56 : 36);

	if ((map->prefer_failure && !policy_is(policy, upstream_prefer_failure, "never")) ||
	    (map->lifetime && policy_is(policy, upstream_prefer_failure, "always")))
		pcp_add_option(options, PCP_OPTION_PREFER_FAILURE, "", 0);
	if (!pcp_address_is_any(&map->filter.address) && policy->upstream_filter)
		pcp_add_filter(options, &map->filter);
	buf_add_slice(options, map->options);
	if (map->description && *map->description)
		add_description(options, map->description, taken);
}

/* The same for all that a client asks for, lest its mappings differ in their outer address. */
static struct upstream *part_for(struct upstream *u, const struct upstream_map *map)
{
	bool by_client = policy_is(policy_of(u), upstream_server, "by-client");
	size_t place = by_client ? ntohl(map->client.s_addr) : map->internal_port;

	place %= profile_of(u)->servers;
	while (place-- && u->next)
		u = u->next;
	return u;
}

struct upstream_call *upstream_map(struct upstream *u, const struct upstream_map *map,
				   upstream_fn *fn, void *arg)
{
	bool peer = !pcp_address_is_any(&map->peer_address);
	struct buf options = {0};
	struct upstream_call *call;
	struct pcp_message asked = {
		.opcode = peer ? PCP_PEER : PCP_MAP,
		.lifetime = map->lifetime,
		.protocol = map->protocol,
		.internal_port = map->internal_port,
		.external_port = map->port,
		.external_address = map->address,
		.remote_port = map->peer_port,
		.remote_address = map->peer_address,
	};

	if (pcp_address_is_any(&map->address)) /* no wish, of IPv4 (clause 11.1) */
		asked.external_address = pcp_address_from_v4((struct in_addr){0});
	u = part_for(u, map);
	if (map->nonce)
		memcpy(asked.nonce, map->nonce, PCP_NONCE_LEN);
	else
		own_nonce(u, map, asked.nonce);
	add_options(u, map, peer, &options);
	asked.options = buf_slice(&options);
	call = start(u, &asked, map->answer_us, fn, arg);
	buf_free(&options);
	return call;
}

struct upstream_call *upstream_announce(struct upstream *u, upstream_fn *fn, void *arg)
{
	const struct pcp_message asked = {.opcode = PCP_ANNOUNCE};

	return start(u, &asked, 0, fn, arg);
}

/* In a turn of their own, because an asker may ask again at once. */
void upstream_end_all(struct upstream *u, const struct upstream_result *result)
{
	struct upstream_call *call;

	LIST_FOREACH(call, &u->calls, link) {
		call->ending = *result;
		arm(call, clock_now());
	}
}

static struct upstream *new_part(struct router *r)
{
	struct upstream *u = xcalloc(1, sizeof(*u));

	u->router = r;
	u->fd = u->announce_fd = -1;
	if (getrandom(u->secret, sizeof(u->secret), 0) != sizeof(u->secret) ||
	    getrandom(&u->random, sizeof(u->random), 0) != sizeof(u->random))
		u->random = (uint64_t)clock_real();
	return u;
}

/* The parts for the servers behind the first one. */
static void add_parts(struct upstream *first)
{
	struct upstream **at = &first->next;

	for (size_t i = 1; i < profile_of(first)->servers; i++, at = &(*at)->next) {
		*at = new_part(first->router);
		(*at)->first = first;
		(*at)->place = i;
	}
}

struct upstream *upstream_new(struct router *r)
{
	struct upstream *u;

	if (!r->profile->upstream.pcp)
		return NULL;
	u = new_part(r);
	u->first = u;
	add_parts(u);
	upstream_listen(u);
	return u;
}

static void end_part(struct upstream *u)
{
	const struct upstream_result over = {.outcome = UPSTREAM_CANCELLED, .why = "cancelled"};

	while (!LIST_EMPTY(&u->calls))
		upstream_finish(LIST_FIRST(&u->calls), &over);
	upstream_close(u);
}

static void end_parts(struct upstream *first)
{
	struct upstream *next;

	end_part(first);
	for (struct upstream *u = first->next; u; u = next) {
		next = u->next;
		end_part(u);
		free(u);
	}
	first->next = NULL;
}

void upstream_reload(struct upstream *u)
{
	end_parts(u);
	add_parts(u);
	upstream_listen(u);
}

void upstream_free(struct upstream *u)
{
	if (!u)
		return;
	end_parts(u);
	free(u);
}

void upstream_watch(struct upstream *u, struct upstream_watch *watch)
{
	if (!u)
		return;
	watch->next = u->watches;
	u->watches = watch;
}

void upstream_unwatch(struct upstream *u, struct upstream_watch *watch)
{
	struct upstream_watch **at = u ? &u->watches : NULL;

	while (at && *at && *at != watch)
		at = &(*at)->next;
	if (at && *at)
		*at = watch->next;
}

void upstream_notice(struct upstream *u)
{
	const struct upstream_result moved = {.outcome = UPSTREAM_SILENT,
					      .why = "the WAN address is another"};

	if (!u)
		return;
	/* Requests on their way name the old address; who made them makes them anew. */
	for (struct upstream *part = u; part; part = part->next) {
		upstream_end_all(part, &moved);
		upstream_close(part);
		part->epoch = (struct epoch){0};
	}
	upstream_listen(u);
	if (upstream_is_ready(u))
		upstream_tell_lost(u, "the WAN address is another");
}
