/* SPDX-License-Identifier: MIT */
/*
 * cp_natpmp.c - the reference control point by NAT-PMP (RFC 6886), --via natpmp.
 *
 * Theory of operation
 *
 * Whoever is asked is the gateway: of the innermost router a default gateway of ours, of the others
 * the next hop. One request at a time from one connected socket, so that the kernel drops answers
 * of others (NATPMP-37) and tells when the port is closed; again after 250 ms, and so on with
 * doubling gaps, until the time for an exchange is over (NATPMP-35, NATPMP-36). An answer counts
 * when its opcode and internal port are those of the request. Any result but 0 is final
 * (NATPMP-38), and a success with port 0 or lifetime 0 is none (NATPMP-47). A deletion suggests
 * port 0 (NATPMP-43), a renewal the assigned one (NATPMP-39). Nothing is asked for with a public
 * address of our own (NATPMP-44).
 *
 * The internal client is the sender: seen from the next router, that is the router before it.
 */
#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/natpmp.h"
#include "cp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define NO_SUCH_SUCCESS 0xffff

/** struct inquiry - a request and the answer to it */
struct inquiry {
	struct cp *cp;
	struct natpmp_request asked;
	struct natpmp_response answer;
};

static bool is_answer(void *arg, const char *data, size_t len)
{
	struct inquiry *i = arg;
	struct natpmp_response *a = &i->answer;
	enum natpmp_error error = natpmp_parse_response(data, len, a);

	if (error == NATPMP_OK && cp_naive(i->cp, NAIVE_TAKES_ANY_ANSWER))
		return true;
	/* The figure of the RFC has opcode 0 there; both are seen (NATPMP-46). */
	if (error == NATPMP_OK && a->result == NATPMP_UNSUPPORTED_VERSION)
		return a->opcode || !cp_naive(i->cp, NAIVE_STRICT_VERSION_REPLY);
	/* A server of PCP alone says so by its own version (RFC 6887 appendix A). */
	if (error == NATPMP_OTHER_VERSION)
		return a->result == NATPMP_UNSUPPORTED_VERSION;
	return error == NATPMP_OK && a->opcode == (i->asked.opcode | NATPMP_RESPONSE) &&
	       (i->asked.opcode == NATPMP_EXTERNAL_ADDRESS ||
		a->internal_port == i->asked.internal_port);
}

/* One exchange, and what the seconds in its answer mean. Return: there is an answer. */
static bool ask(struct cp *cp, struct cp_layer *l, struct inquiry *i)
{
	struct buf bytes = {0};
	struct cp_question q = {.is_answer = is_answer, .arg = i};
	struct cp_talk *t = &l->hold.talk;
	bool answered;

	i->cp = cp;
	natpmp_build_request(&bytes, &i->asked);
	q.bytes = buf_slice(&bytes);
	answered = cp_talk_ask(cp, t, &cp_schedule_natpmp, cp->options.timeout_us, &q) ==
		   CP_HEARD_ANSWER;
	buf_free(&bytes);
	if (answered && i->answer.result != NATPMP_UNSUPPORTED_VERSION)
		l->hold.lost = !epoch_natpmp(&l->hold.epoch, i->answer.epoch, clock_now());
	if (answered && cp_naive(cp, NAIVE_IGNORES_RESULT))
		i->answer.result = NATPMP_SUCCESS;
	return answered;
}

static void say_result(struct cp *cp, const struct natpmp_response *a)
{
	cp_reply(cp, "result %u (%s), epoch %u", a->result, natpmp_result_text(a->result),
		 a->epoch);
}

/* RFC 6886 clause 3: with a public address of ours there is no NAT before us (NATPMP-44). */
static bool is_private(struct cp *cp, struct in_addr local)
{
	if (cp_address_behind_nat(cp_address_kind(local)) || cp_naive(cp, NAIVE_PUBLIC_TOO))
		return true;
	cp_believe(cp, "no NAT-PMP there");
	cp_why(cp, "our own address %s is a public one: there is no NAT", inet_ntoa(local));
	return false;
}

static void take_address(struct cp *cp, struct cp_router *r, const struct natpmp_response *a)
{
	say_result(cp, a);
	r->connected = !a->result;
	cp_set_external(r, a->result ? (struct in_addr){0} : a->external_address);
	if (!r->has_external) {
		cp_believe(cp, "no external address; mappings may be possible all the same");
		return;
	}
	cp_reply(cp, "external address %s", r->external_text);
	cp_believe(cp, "%s, %s", r->external_text, cp_address_text(r->kind));
}

/* Ask one gateway for its external address. Return: it speaks NAT-PMP. */
static bool find_at(struct cp *cp, int layer, const struct cp_server *server, struct cp_layer *l)
{
	struct inquiry i = {.asked = {.opcode = NATPMP_EXTERNAL_ADDRESS}};
	struct cp_talk *t = &l->hold.talk;
	struct in_addr gateway = cp_v4(&server->address);
	bool answered;

	cp_step(cp, layer, "external address");
	cp_request(cp, "NAT-PMP to %s:%d: external address", inet_ntoa(gateway), NATPMP_PORT);
	if (!cp_talk_open(cp, t, server)) {
		cp_why(cp, "%s", t->why);
		return false;
	}
	if (!is_private(cp, cp_v4(&t->local)))
		return false;
	l->router.host = gateway;
	l->router.local = cp_v4(&t->local);
	if (cp_naive(cp, NAIVE_UNAWAITED)) {
		cp_talk_send(cp, t, (struct slice){"\0\0", 2});
		return true;
	}
	answered = ask(cp, l, &i);
	if (!answered || i.answer.result == NATPMP_UNSUPPORTED_VERSION) {
		cp_believe(cp, "no NAT-PMP there");
		cp_why(cp, "%s", answered ? "it speaks another version" : t->why);
		return false;
	}
	take_address(cp, &l->router, &i.answer);
	return true;
}

bool cp_natpmp_find(struct cp *cp, int layer, struct cp_layer *out)
{
	struct cp_server servers[CP_GATEWAYS_MAX];
	size_t count = cp_servers(cp, layer, out, servers);

	for (size_t i = 0; i < count; i++)
		if (find_at(cp, layer, &servers[i], out))
			return true;
	return false;
}

static struct natpmp_request wish(const struct cp *cp, const struct map_request *request,
				  bool remove)
{
	struct natpmp_request q = {
		.opcode = request->protocol == IPPROTO_TCP ? NATPMP_MAP_TCP : NATPMP_MAP_UDP,
		.internal_port = request->internal_port,
	};

	if (!remove || cp_naive(cp, NAIVE_DELETES_WITH_PORT))
		q.suggested_external_port = request->external_port;
	if (!remove)
		q.lifetime = request->lease ? request->lease : CP_USUAL_LIFETIME;
	return q;
}

/* What NAT-PMP has no words for, NULL when it can be asked for. */
static const char *impossible(const struct cp_router *r, int layer,
			      const struct map_request *request)
{
	struct in_addr client;

	if (request->remote_host && *request->remote_host)
		return "cannot be told of a remote host by NAT-PMP";
	if (layer == 1 && *request->internal_client &&
	    (!cp_parse_address(request->internal_client, &client) ||
	     client.s_addr != r->local.s_addr))
		return "maps by NAT-PMP for the host that asks, and for no other";
	return NULL;
}

/* One mapping request. Return: a result code, NO_SUCH_SUCCESS when there is no usable answer. */
static unsigned exchange(struct cp *cp, struct cp_layer *l, struct inquiry *i)
{
	const struct natpmp_request *q = &i->asked;
	struct natpmp_response *a = &i->answer;
	const struct cp_server server = cp_server_v4(l->router.host);

	cp_request(cp, "NAT-PMP %s %u, external %u, %u s",
		   q->opcode == NATPMP_MAP_TCP ? "TCP" : "UDP", q->internal_port,
		   q->suggested_external_port, q->lifetime);
	if (!cp_talk_open(cp, &l->hold.talk, &server) || !ask(cp, l, i)) {
		snprintf(l->failure, sizeof(l->failure), "%s", l->hold.talk.why);
		return NO_SUCH_SUCCESS;
	}
	say_result(cp, a);
	if (a->result)
		snprintf(l->failure, sizeof(l->failure), "refuses (result %u, %s)", a->result,
			 natpmp_result_text(a->result));
	return a->result;
}

/* Read a success into @l. Return: it is one. */
static bool take_mapping(struct cp *cp, struct cp_layer *l, const struct inquiry *i)
{
	const struct natpmp_response *a = &i->answer;

	cp_reply(cp, "external port %u, %u s", a->external_port, a->lifetime);
	if (!cp_take_grant(cp, l,
			   &(struct cp_grant){i->asked.suggested_external_port, i->asked.lifetime},
			   &(struct cp_grant){a->external_port, a->lifetime}))
		return false;
	cp_believe(cp, "external port %u for %u s", l->external_port, l->lease);
	cp_why(cp, "%s",
	       a->external_port == i->asked.suggested_external_port
		       ? "it is the port that was suggested"
		       : "the answer counts, not what was suggested");
	return true;
}

static bool remove_mapping(struct cp *cp, struct cp_layer *l, const struct map_request *request)
{
	struct inquiry i = {.asked = wish(cp, request, true)};

	return exchange(cp, l, &i) == NATPMP_SUCCESS;
}

bool cp_natpmp_map(struct cp *cp, int layer, const struct map_request *request,
		   struct cp_layer *out)
{
	struct inquiry i = {.asked = wish(cp, request, false)};
	const char *why = impossible(&out->router, layer, request);

	cp_step(cp, layer, "add mapping");
	out->internal_port = request->internal_port;
	if (*request->internal_client)
		snprintf(out->internal_client, sizeof(out->internal_client), "%s",
			 request->internal_client);
	else
		inet_ntop(AF_INET, &out->router.local, out->internal_client,
			  sizeof(out->internal_client));
	if (why)
		return cp_cannot(cp, out, why);
	if (exchange(cp, out, &i)) {
		cp_why(cp, "%s", out->failure);
		return false;
	}
	out->mapped = take_mapping(cp, out, &i);
	if (out->mapped && request->exact && out->external_port != request->external_port) {
		cp_step(cp, layer, "delete mapping");
		out->mapped = !remove_mapping(cp, out, request);
		snprintf(out->failure, sizeof(out->failure), "offers another port (%u)",
			 out->external_port);
		return false;
	}
	return out->mapped;
}

bool cp_natpmp_unmap(struct cp *cp, int layer, const struct map_request *request,
		     struct cp_layer *out)
{
	cp_step(cp, layer, "delete mapping");
	out->internal_port = request->internal_port;
	out->external_port = request->external_port;
	out->mapped = !cp_naive(cp, NAIVE_NEVER_UNMAPS) && !remove_mapping(cp, out, request);
	if (out->mapped)
		cp_why(cp, "%s", out->failure);
	else
		cp_why(cp,
		       "it has none for that internal port any more; whether it had one it does "
		       "not tell");
	return true;
}

/* NATPMP-39: with the port that was assigned. */
bool cp_natpmp_renew(struct cp *cp, int layer, struct cp_layer *l)
{
	struct inquiry i = {.asked = wish(cp, &l->hold.request, false)};

	if (!cp_naive(cp, NAIVE_RENEWS_ANEW))
		i.asked.suggested_external_port = l->external_port;
	cp_step(cp, layer, "renew");
	if (exchange(cp, l, &i)) {
		cp_why(cp, "%s", l->failure);
		return false;
	}
	l->mapped = take_mapping(cp, l, &i);
	return l->mapped;
}

bool cp_natpmp_hear(struct cp *cp, struct cp_layer *l, const char *data, size_t len)
{
	struct in_addr before = l->router.external;
	struct natpmp_response a;

	if (natpmp_parse_response(data, len, &a) != NATPMP_OK || a.opcode != NATPMP_RESPONSE)
		return false;
	cp_step(cp, 0, "announcement");
	take_address(cp, &l->router, &a);
	l->hold.lost = !epoch_natpmp(&l->hold.epoch, a.epoch, clock_now());
	if (l->hold.lost)
		cp_why(cp, "its seconds say that it has forgotten its mappings");
	return l->hold.lost || l->router.external.s_addr != before.s_addr;
}
