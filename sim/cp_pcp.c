/* SPDX-License-Identifier: MIT */
/*
 * cp_pcp.c - the reference control point by PCP (RFC 6887), --via pcp.
 *
 * Theory of operation
 *
 * Whoever is asked is the server that --server names, or the gateway: of the innermost router a
 * default gateway of ours, of the others the next hop (clause 8.1, PCP-90). Where there are
 * several, or a router behind a router may be none, ANNOUNCE tells who speaks PCP: an error says
 * that too. The external address comes with the first mapping; who wants that alone gets a mapping
 * of the port "discard" for a minute (clause 11.6). Requests are sent again after 3 s, doubling,
 * each gap a tenth more or less (PCP-76), until the time for an exchange is over; each of several
 * addresses of one server gets four, the next one at once when ICMP says that nobody is there (RFC
 * 7488, PCPX-20 to PCPX-25).
 *
 * An answer counts when opcode, nonce, protocol and internal port are those of the request
 * (PCP-77); options that were not asked for are not looked at (PCP-87). Version 0 with result 1 is
 * a server of NAT-PMP, any other version with it one that is of no use for some time (PCP-89). A
 * success with port 0 or lifetime 0 is none; lifetimes are believed up to a day (PCP-80).
 *
 * Over IPv6 (--ipv6) nothing is translated, and a mapping is a way in through the router's firewall
 * for our global address, which is what requests come from; the router is asked at the address that
 * the default route has, as a rule its link-local one (PCP-72, PCP-90).
 *
 * The client's address in a request is ours (PCP-74). Towards a router behind a router it is the
 * address that the inner one has outside, which is the source that the outer one sees: so that one
 * maps for the inner one, and for nobody else.
 */
#include "cp.h"
#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/natpmp.h"
#include "../fakeigd/wire/pcp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define DAY_S		86400
#define DISCARD_PORT	9
#define DISCARD_S	60
#define DYNAMIC_PORT	49152
#define DYNAMIC_PORTS	16384
#define ERROR_MOST_S	1800 /* for which an error is believed (PCP-78, PCP-89) */
#define NOT_SUPPORTED_S 1800

/**
 * struct inquiry - a request and the answer to it
 * @other_version: the answer's, when it says that it does not speak ours; else -1
 */
struct inquiry {
	struct cp *cp;
	struct pcp_message asked, answer;
	struct buf options;
	int other_version;
};

enum verdict { NO_ANSWER, OTHER_VERSION, ANSWERED };

/* "Does not speak version 2", by a server of NAT-PMP or of another version of PCP. */
static bool is_version_reply(struct inquiry *i, const char *data, size_t len)
{
	struct natpmp_response old;

	if (natpmp_parse_response(data, len, &old) == NATPMP_OK &&
	    old.result == NATPMP_UNSUPPORTED_VERSION &&
	    (old.opcode || !cp_naive(i->cp, NAIVE_STRICT_VERSION_REPLY))) {
		i->other_version = 0;
		return true;
	}
	if (pcp_parse_response(data, len, &i->answer) == PCP_OTHER_VERSION &&
	    i->answer.result == PCP_UNSUPP_VERSION) {
		i->other_version = i->answer.version;
		return true;
	}
	return false;
}

/* Whether that response to MAP is about this mapping. */
static bool is_about(const struct pcp_message *a, const struct pcp_message *asked)
{
	return !memcmp(a->nonce, asked->nonce, PCP_NONCE_LEN) && a->protocol == asked->protocol &&
	       a->internal_port == asked->internal_port;
}

static bool has_strange_option(const struct pcp_message *a)
{
	struct slice rest = a->options;
	struct pcp_option o;

	while (pcp_next_option(&rest, &o))
		if (!pcp_option_name(o.code))
			return true;
	return false;
}

static bool is_answer(void *arg, const char *data, size_t len)
{
	struct inquiry *i = arg;
	struct pcp_message *a = &i->answer;
	enum pcp_error error;

	if (is_version_reply(i, data, len))
		return true;
	error = pcp_parse_response(data, len, a);
	if (cp_naive(i->cp, NAIVE_TAKES_ANY_ANSWER) && len >= PCP_HEADER_LEN)
		return true;
	if (error != PCP_OK || a->opcode != i->asked.opcode)
		return false;
	if (cp_naive(i->cp, NAIVE_STRICT_OPTIONS) && has_strange_option(a))
		return false;
	/* An error may end with the header. */
	return a->opcode == PCP_ANNOUNCE || is_about(a, &i->asked) ||
	       (a->result && len < PCP_HEADER_LEN + 36);
}

/* One exchange with one address. */
static enum verdict ask_there(struct cp *cp, struct cp_layer *l, struct inquiry *i,
			      const struct cp_schedule *schedule, int64_t for_us)
{
	struct cp_question q = {.is_answer = is_answer, .arg = i};
	struct buf bytes = {0};
	enum cp_heard heard;

	i->cp = cp;
	i->other_version = -1;
	i->asked.version = PCP_VERSION;
	i->asked.options = buf_slice(&i->options);
	pcp_build_request(&bytes, &i->asked);
	q.bytes = buf_slice(&bytes);
	heard = cp_talk_ask(cp, &l->hold.talk, schedule, for_us, &q);
	buf_free(&bytes);
	if (heard != CP_HEARD_ANSWER)
		return NO_ANSWER;
	if (i->other_version >= 0) {
		l->hold.error_s = NOT_SUPPORTED_S;
		return OTHER_VERSION;
	}
	l->hold.lost = !epoch_pcp(&l->hold.epoch, i->answer.epoch, clock_now());
	cp_reply(cp, "%s, lifetime %u, epoch %u", pcp_result_name(i->answer.result),
		 i->answer.lifetime, i->answer.epoch);
	if (cp_naive(cp, NAIVE_IGNORES_RESULT))
		i->answer.result = PCP_SUCCESS;
	return ANSWERED;
}

/* The address that the server sees the request come from. */
static struct in6_addr client_of(const struct cp *cp, int layer, const struct cp_layer *l)
{
	if (layer > 1 && cp->layers[layer - 2].router.has_external)
		return pcp_address_from_v4(cp->layers[layer - 2].router.external);
	return l->hold.talk.local;
}

/* No address, of the same family. */
static struct in6_addr nobody_of(const struct in6_addr *address)
{
	return pcp_address_is_v4(address, NULL) ? pcp_address_from_v4((struct in_addr){0})
						: (struct in6_addr){0};
}

static void set_client(struct cp *cp, int layer, const struct cp_layer *l, struct pcp_message *m)
{
	m->client = client_of(cp, layer, l);
	if (cp_naive(cp, NAIVE_NO_CLIENT_ADDRESS))
		m->client = nobody_of(&m->client);
}

/* Whom a nonce is for: the first address of a server that has several (PCPX-23). */
static const struct in6_addr *server_of(const struct cp *cp, int layer, const struct cp_layer *l)
{
	return layer == 1 && cp->options.server_count ? &cp->options.servers[0].address
						      : &l->hold.talk.server.address;
}

/* A socket to that server, which is the layer's router from now on. */
static bool reach(struct cp *cp, struct cp_layer *l, const struct cp_server *server)
{
	bool open = cp_talk_open(cp, &l->hold.talk, server);

	l->router.host = cp_v4(&server->address);
	l->router.local = cp_v4(&l->hold.talk.local);
	return open;
}

static bool find_at(struct cp *cp, int layer, const struct cp_server *server,
		    const struct cp_schedule *schedule, struct cp_layer *l)
{
	struct inquiry i = {.asked = {.opcode = PCP_ANNOUNCE}};
	enum verdict verdict;
	char text[CP_SERVER_TEXT];

	cp_step(cp, layer, "announce");
	cp_request(cp, "PCP to %s, port %d: ANNOUNCE", cp_server_text(server, text), PCP_PORT);
	if (!reach(cp, l, server)) {
		cp_why(cp, "%s", l->hold.talk.why);
		return false;
	}
	set_client(cp, layer, l, &i.asked);
	verdict = ask_there(cp, l, &i, schedule, cp->options.timeout_us);
	if (verdict != ANSWERED) {
		cp_believe(cp, "no PCP there");
		if (verdict == OTHER_VERSION)
			cp_why(cp, "it speaks version %d", i.other_version);
		else
			cp_why(cp, "%s", l->hold.talk.why);
		return false;
	}
	l->router.connected = true;
	cp_believe(cp, "%s speaks PCP", text);
	if (i.answer.result)
		cp_why(cp, "an error says so, too");
	return true;
}

/* There is one server to ask and no other: the first request for a mapping tells whether it speaks
 * PCP, also where ANNOUNCE does not. */
static bool take_only(struct cp *cp, struct cp_layer *l, const struct cp_server *server)
{
	l->router.connected = reach(cp, l, server);
	return l->router.connected;
}

bool cp_pcp_find(struct cp *cp, int layer, struct cp_layer *out)
{
	struct cp_server servers[CP_GATEWAYS_MAX];
	size_t count = cp_servers(cp, layer, out, servers);
	const struct cp_schedule *schedule = layer == 1 && cp->options.server_count > 1
						     ? &cp_schedule_pcp_one_of_many
						     : &cp_schedule_pcp;

	if (cp->ipv6 && !cp->own6.sin6_family)
		return false;
	if (layer == 1 && count == 1)
		return take_only(cp, out, &servers[0]);
	for (size_t i = 0; i < count; i++)
		if (find_at(cp, layer, &servers[i], schedule, out))
			return true;
	return false;
}

/* What PCP is not asked for here, NULL when it can be. */
static const char *impossible(const struct cp_layer *l, int layer,
			      const struct map_request *request)
{
	struct cp_server client;

	if (layer == 1 && *request->internal_client &&
	    (!cp_parse_server(request->internal_client, &client) ||
	     !IN6_ARE_ADDR_EQUAL(&client.address, &l->hold.talk.local)))
		return "maps by PCP for the host that asks, and for no other";
	return NULL;
}

static void add_filter(struct buf *options, const char *remote_host)
{
	struct pcp_filter filter = {.prefix = 128};
	struct cp_server remote;

	if (!remote_host || !*remote_host || !cp_parse_server(remote_host, &remote))
		return;
	filter.address = remote.address;
	pcp_add_filter(options, &filter);
}

/* A request for a mapping; buf_free(&i->options). */
static void wish(struct cp *cp, int layer, struct cp_layer *l, const struct map_request *request,
		 struct inquiry *i)
{
	struct in6_addr client = client_of(cp, layer, l);
	struct pcp_message *m = &i->asked;

	*i = (struct inquiry){
		.asked = {.opcode = PCP_MAP,
			  .protocol = (uint8_t)request->protocol,
			  .internal_port = request->internal_port,
			  .external_port = request->external_port,
			  .lifetime = request->lease ? request->lease : CP_USUAL_LIFETIME}};
	set_client(cp, layer, l, m);
	m->external_address = nobody_of(&client); /* no wish (PCP-88) */
	cp_nonce(cp, server_of(cp, layer, l), &client, request->protocol, request->internal_port,
		 m->nonce);
	if (request->exact)
		pcp_add_option(&i->options, PCP_OPTION_PREFER_FAILURE, "", 0);
	add_filter(&i->options, request->remote_host);
}

/* PCP-88: nothing is suggested in a deletion, and an option that prefers failure is no part of it.
 */
static void unwish(struct cp *cp, int layer, struct cp_layer *l, const struct map_request *request,
		   struct inquiry *i)
{
	struct map_request plain = *request;

	plain.exact = false;
	plain.remote_host = NULL;
	wish(cp, layer, l, &plain, i);
	i->asked.lifetime = 0;
	if (!cp_naive(cp, NAIVE_DELETES_WITH_PORT))
		i->asked.external_port = 0;
}

/* The lifetime of an error, or what the RFC says where that is 0 or absurd (PCP-78). */
static uint32_t error_seconds(const struct pcp_message *a)
{
	uint32_t s = a->lifetime ? a->lifetime : pcp_result_lifetime(a->result);

	return s < ERROR_MOST_S ? s : ERROR_MOST_S;
}

/* One exchange about a mapping, with l->failure when it did not work out. */
static bool exchange(struct cp *cp, struct cp_layer *l, struct inquiry *i,
		     const struct cp_schedule *schedule, int64_t for_us)
{
	const struct pcp_message *q = &i->asked;
	enum verdict verdict;

	cp_request(cp, "PCP MAP %s %u, external %u, %u s",
		   q->protocol == IPPROTO_TCP ? "TCP" : "UDP", q->internal_port, q->external_port,
		   q->lifetime);
	l->hold.error_s = 0;
	verdict = ask_there(cp, l, i, schedule, for_us);
	if (verdict == NO_ANSWER) {
		snprintf(l->failure, sizeof(l->failure), "%s", l->hold.talk.why);
	} else if (verdict == OTHER_VERSION) {
		snprintf(l->failure, sizeof(l->failure), "speaks version %d", i->other_version);
	} else if (i->answer.result) {
		l->hold.error_s = error_seconds(&i->answer);
		snprintf(l->failure, sizeof(l->failure), "refuses (result %u, %s)",
			 i->answer.result, pcp_result_name(i->answer.result));
	} else {
		return true;
	}
	cp_why(cp, "%s", l->failure);
	return false;
}

/* A success into @l. Return: it is one. */
static bool take_mapping(struct cp *cp, struct cp_layer *l, const struct inquiry *i)
{
	const struct pcp_message *a = &i->answer;
	char text[INET6_ADDRSTRLEN];

	cp_reply(cp, "external %s port %u, %u s",
		 inet_ntop(AF_INET6, &a->external_address, text, sizeof(text)), a->external_port,
		 a->lifetime);
	if (!cp_take_grant(cp, l, &(struct cp_grant){i->asked.external_port, i->asked.lifetime},
			   &(struct cp_grant){a->external_port, a->lifetime}))
		return false;
	cp_set_external6(&l->router, &a->external_address);
	l->lease = l->lease < DAY_S ? l->lease : DAY_S;
	l->hold.assigned = a->external_address;
	memcpy(l->hold.nonce, i->asked.nonce, PCP_NONCE_LEN);
	cp_believe(cp, "external port %u for %u s", l->external_port, l->lease);
	if (l->external_port != i->asked.external_port)
		cp_why(cp, "the answer counts, not what was suggested");
	return true;
}

static bool add(struct cp *cp, int layer, const struct map_request *request, struct cp_layer *l)
{
	struct inquiry i;
	bool done;

	wish(cp, layer, l, request, &i);
	done = exchange(cp, l, &i, &cp_schedule_pcp, cp->options.timeout_us);
	/* There are servers that do not choose another port by themselves (PCP-59). */
	if (!done && i.answer.result == PCP_CANNOT_PROVIDE_EXTERNAL && !request->exact &&
	    i.asked.external_port) {
		cp_step(cp, layer, "add mapping");
		i.asked.external_port = 0;
		done = exchange(cp, l, &i, &cp_schedule_pcp, cp->options.timeout_us);
	}
	done = done && take_mapping(cp, l, &i);
	buf_free(&i.options);
	return done;
}

static bool take_away(struct cp *cp, int layer, const struct map_request *request,
		      struct cp_layer *l)
{
	struct inquiry i;
	bool done;

	unwish(cp, layer, l, request, &i);
	done = exchange(cp, l, &i, &cp_schedule_pcp, cp->options.timeout_us);
	buf_free(&i.options);
	return done;
}

bool cp_pcp_map(struct cp *cp, int layer, const struct map_request *request, struct cp_layer *out)
{
	const struct cp_server client = {.address = client_of(cp, layer, out)};
	const char *why = impossible(out, layer, request);

	cp_step(cp, layer, "add mapping");
	out->internal_port = request->internal_port;
	cp_server_text(&client, out->internal_client);
	if (why)
		return cp_cannot(cp, out, why);
	out->mapped = add(cp, layer, request, out);
	/* PCP-86: a server that does not know the option may give another port all the same. */
	if (out->mapped && request->exact && out->external_port != request->external_port) {
		snprintf(out->failure, sizeof(out->failure), "offers another port (%u)",
			 out->external_port);
		cp_step(cp, layer, "delete mapping");
		out->mapped = !take_away(cp, layer, request, out);
		return false;
	}
	return out->mapped;
}

/* A router behind this one can be told of the mapping only by who knows where it leads: it is asked
 * for once more, which changes nothing when it is there. */
bool cp_pcp_unmap(struct cp *cp, int layer, const struct map_request *request, struct cp_layer *out)
{
	out->internal_port = request->internal_port;
	out->external_port = request->external_port;
	if (cp->options.layers > 1 && !out->router.has_external) {
		cp_step(cp, layer, "where it leads");
		add(cp, layer, request, out);
	}
	cp_step(cp, layer, "delete mapping");
	out->mapped = !cp_naive(cp, NAIVE_NEVER_UNMAPS) && !take_away(cp, layer, request, out);
	return true;
}

/* A router may keep low ports for the authorised, so a high one is the second try. */
bool cp_pcp_learn(struct cp *cp, int layer, struct cp_layer *out)
{
	struct map_request request = {
		.protocol = IPPROTO_UDP, .internal_port = DISCARD_PORT, .lease = DISCARD_S};

	cp_step(cp, layer, "external address");
	if (!add(cp, layer, &request, out)) {
		if (!out->hold.error_s)
			return false;
		request.internal_port = (uint16_t)(DYNAMIC_PORT + cp_random(DYNAMIC_PORTS));
		cp_step(cp, layer, "external address");
		if (!add(cp, layer, &request, out))
			return false;
	}
	cp_step(cp, layer, "delete mapping");
	take_away(cp, layer, &request, out);
	return out->router.has_external;
}

/* Clause 11.2.1: one request at a time; the next one is due at the next stage. What comes later is
 * heard by cp_pcp_hear(). */
bool cp_pcp_renew(struct cp *cp, int layer, struct cp_layer *l)
{
	struct inquiry i;
	bool done;

	cp_step(cp, layer, "renew");
	wish(cp, layer, l, &l->hold.request, &i);
	if (!cp_naive(cp, NAIVE_RENEWS_ANEW)) {
		i.asked.external_port = l->external_port;
		i.asked.external_address = l->hold.assigned;
	}
	/* Naive modes change the nonce in between; what is heard later is compared with this one.
	 */
	memcpy(l->hold.nonce, i.asked.nonce, PCP_NONCE_LEN);
	done = exchange(cp, l, &i, &cp_schedule_once, cp_schedule_pcp.first_us) &&
	       take_mapping(cp, l, &i);
	buf_free(&i.options);
	return done;
}

static bool hear_announce(struct cp *cp, struct cp_layer *l, const struct pcp_message *a)
{
	cp_step(cp, 0, "announcement");
	cp_reply(cp, "ANNOUNCE, epoch %u", a->epoch);
	l->hold.lost = !epoch_pcp(&l->hold.epoch, a->epoch, clock_now());
	cp_believe(cp, "%s", l->hold.lost ? "it has forgotten its mappings" : "nothing is new");
	return l->hold.lost;
}

/* A Mapping Update (clause 14.2, PCP-85), or the late answer to a renewal. */
bool cp_pcp_hear(struct cp *cp, struct cp_layer *l, const char *data, size_t len)
{
	struct in6_addr before = l->hold.assigned;
	uint16_t port = l->external_port;
	struct inquiry i = {.asked = {.opcode = PCP_MAP,
				      .protocol = (uint8_t)l->hold.request.protocol,
				      .internal_port = l->hold.request.internal_port,
				      .external_port = l->external_port}};

	if (pcp_parse_response(data, len, &i.answer) != PCP_OK)
		return false;
	if (i.answer.opcode == PCP_ANNOUNCE)
		return hear_announce(cp, l, &i.answer);
	memcpy(i.asked.nonce, l->hold.nonce, PCP_NONCE_LEN);
	if (i.answer.opcode != PCP_MAP || i.answer.result || !is_about(&i.answer, &i.asked) ||
	    cp_naive(cp, NAIVE_IGNORES_UPDATES))
		return false;
	cp_step(cp, 0, "mapping update");
	l->hold.lost = !epoch_pcp(&l->hold.epoch, i.answer.epoch, clock_now());
	take_mapping(cp, l, &i);
	return l->hold.lost || port != l->external_port ||
	       !IN6_ARE_ADDR_EQUAL(&before, &l->hold.assigned);
}
