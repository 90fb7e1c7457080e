/* SPDX-License-Identifier: MIT */
/*
 * pcp.c - the PCP server: requests in, answers out.
 *
 * Theory of operation
 *
 * RFC 6887 clause 8.2: a request is looked at in this order. Silence for less than two bytes, for a
 * response, and for less than a header (PCP-03, PCP-04, PCP-06); result 1 for another version
 * (PCP-05), 4 for another opcode (PCP-10), 3 for a length that cannot be (PCP-07), 12 when the
 * client's address in it is not where it came from (PCP-08, PCP-09: there is a NAT in between, or
 * somebody lies), then the options in their order (pcp_option.c), then what the opcode asks for:
 * MAP (pcp_map.c), PEER (pcp_peer.c), ANNOUNCE (here).
 *
 * An error is a copy of the request with another header (PCP-11) and changes nothing (PCP-12). Its
 * lifetime says how long it holds: 30 seconds for what may pass, 1800 for what will not (PCP-14).
 * What has one of its own (clause 11.3: the rest of a mapping with another nonce) has it in
 * @answer.
 *
 * Requests over IPv4 ask for mappings of the table, over IPv6 for pinholes (pcp_pinhole.c). A proxy
 * passes the former on (pcp_proxy.c).
 *
 * Rules (layer pcp) see each request before anything is done, with its fields by name, and each
 * announcement and update; "fault" is a result code, "reply" sets fields of the answer.
 */
#include "pcp.h"

#include "base/mem.h"
#include "journal.h"
#include "pcp_parts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

bool pcp_is_on(const struct router *r)
{
	return r->profile->policy.pcp_enabled;
}

uint32_t pcp_epoch(const struct portcontrol *p)
{
	const struct policy *policy = &p->router->profile->policy;

	if (policy_is(policy, pcp_epoch, "wall-clock"))
		return (uint32_t)(clock_wall() / CLOCK_SECOND);
	if (policy_is(policy, pcp_epoch, "constant"))
		return 1;
	return portcontrol_epoch(p, policy_is(policy, pcp_epoch, "state"));
}

static bool has_mapping(const struct pcp_exchange *x)
{
	return (x->error == PCP_OK || x->error == PCP_BAD_OPTION) &&
	       x->request.opcode != PCP_ANNOUNCE;
}

static const char *message_of(const struct pcp_exchange *x)
{
	if (x->error == PCP_OTHER_VERSION || x->error == PCP_OTHER_OPCODE)
		return "unsupported";
	if (x->error == PCP_SHORT)
		return "short";
	if (x->error == PCP_WRONG_WAY)
		return "response";
	if (x->error != PCP_OK && x->error != PCP_BAD_OPTION)
		return "malformed";
	if (x->request.opcode == PCP_ANNOUNCE)
		return "announce-request";
	if (x->request.opcode == PCP_PEER)
		return "peer";
	return x->request.lifetime ? "map" : "delete";
}

static struct in6_addr address_of(const struct sockaddr_storage *at)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (at->ss_family == AF_INET) {
		memcpy(&v4, at, sizeof(v4));
		return pcp_address_from_v4(v4.sin_addr);
	}
	memcpy(&v6, at, sizeof(v6));
	return v6.sin6_addr;
}

static void journal_request(const struct pcp_exchange *x)
{
	const struct pcp_message *asked = &x->request;
	struct journal *journal = x->p->router->journal;
	char what[128], host[INET6_ADDRSTRLEN];

	if (!journal_on(journal))
		return;
	if (has_mapping(x))
		snprintf(what, sizeof(what), "%s protocol %u port %u, external %s port %u, %u s",
			 x->message, asked->protocol, asked->internal_port,
			 inet_ntop(AF_INET6, &asked->external_address, host, sizeof(host)),
			 asked->external_port, asked->lifetime);
	else
		snprintf(what, sizeof(what), "%s: version %u, opcode %u", x->message,
			 asked->version, asked->opcode);
	journal_write(journal, JOURNAL_RECEIVED, "pcp", (const struct sockaddr *)&x->q->from,
		      (const struct sockaddr *)&x->q->local, what, NULL);
}

static void decided(const struct pcp_exchange *x, const char *what)
{
	if (journal_on(x->p->router->journal))
		journal_write(x->p->router->journal, JOURNAL_DECIDED, "pcp",
			      (const struct sockaddr *)&x->q->from,
			      (const struct sockaddr *)&x->q->local, what, "{s:s}", "rules",
			      x->effects.rules);
}

void pcp_describe(const struct pcp_message *a, char *what, size_t size)
{
	char host[INET6_ADDRSTRLEN];

	if (a->result)
		snprintf(what, size, "result %u: %s, %u s", a->result, pcp_result_name(a->result),
			 a->lifetime);
	else if (a->opcode == PCP_ANNOUNCE)
		snprintf(what, size, "ANNOUNCE, epoch %u", a->epoch);
	else
		snprintf(what, size, "%s protocol %u port %u is %s port %u, %u s",
			 a->opcode == PCP_MAP ? "MAP" : "PEER", a->protocol, a->internal_port,
			 inet_ntop(AF_INET6, &a->external_address, host, sizeof(host)),
			 a->external_port, a->lifetime);
}

static void send_bytes(const struct pcp_exchange *x, struct buf *bytes)
{
	char what[128];

	pcp_describe(&x->answer, what, sizeof(what));
	portcontrol_send(x->q, "pcp", what, buf_slice(bytes), &x->effects);
	buf_free(bytes);
}

/* Seconds for which an error holds, if it does not say so itself. */
static uint32_t error_lifetime(const struct pcp_exchange *x)
{
	uint32_t seconds = pcp_result_lifetime(x->answer.result);

	if (x->answer.lifetime)
		return x->answer.lifetime;
	if (policy_is(pcp_policy(x), pcp_error_lifetime, "zero") ||
	    (policy_is(pcp_policy(x), pcp_error_lifetime, "zero-when-long") && seconds > 30))
		return 0;
	return seconds;
}

static void send_error(struct pcp_exchange *x, enum pcp_result result)
{
	struct buf bytes = {0};

	x->answer.result = (uint8_t)result;
	x->answer.lifetime = error_lifetime(x);
	pcp_override(x, &x->answer);
	pcp_build_error(&bytes, x->q->bytes.ptr, x->q->bytes.len, &x->answer);
	/* Rules may have another opcode in the answer. */
	bytes.data[1] = (char)(x->answer.opcode | (x->answer.response ? PCP_RESPONSE : 0));
	send_bytes(x, &bytes);
}

static void send_success(struct pcp_exchange *x)
{
	struct buf bytes = {0}, options = {0};

	pcp_answer_options(x, &options);
	x->answer.options = buf_slice(&options);
	pcp_override(x, &x->answer);
	pcp_build_response(&bytes, &x->answer);
	bytes.data[1] = (char)(x->answer.opcode | (x->answer.response ? PCP_RESPONSE : 0));
	send_bytes(x, &bytes);
	buf_free(&options);
	buf_free(&x->extra);
}

/* What is wrong with the datagram as such. */
static enum pcp_result judge(const struct pcp_exchange *x)
{
	const struct in6_addr from = address_of(&x->q->from);

	switch (x->error) {
	case PCP_OTHER_VERSION:
		return PCP_UNSUPP_VERSION;
	case PCP_OTHER_OPCODE:
		return PCP_UNSUPP_OPCODE;
	case PCP_BAD_LENGTH:
	case PCP_TRUNCATED:
		return PCP_MALFORMED_REQUEST;
	default:
		break;
	}
	if (pcp_policy(x)->pcp_client_checked && !IN6_ARE_ADDR_EQUAL(&from, &x->request.client))
		return PCP_ADDRESS_MISMATCH;
	return x->error == PCP_BAD_OPTION ? PCP_MALFORMED_OPTION : PCP_SUCCESS;
}

static bool is_ipv6(const struct pcp_exchange *x)
{
	return x->q->from.ss_family == AF_INET6;
}

/* Success with what was asked for, and nothing is done. */
static enum pcp_result pretend(struct pcp_exchange *x)
{
	x->answer.external_port =
		x->request.external_port ? x->request.external_port : x->request.internal_port;
	x->answer.external_address =
		is_ipv6(x) ? x->client : pcp_address_from_v4(x->p->router->external);
	x->answer.lifetime = x->request.lifetime ? pcp_lifetime(x) : 0;
	return PCP_SUCCESS;
}

enum pcp_result pcp_perform(struct pcp_exchange *x)
{
	const struct policy *policy = pcp_policy(x);
	const struct effects *e = &x->effects;

	if (e->fault)
		return (enum pcp_result)e->fault;
	if (x->request.opcode == PCP_ANNOUNCE)
		return (enum pcp_result)policy_code(policy, pcp_announce);
	if (e->lie || e->reply_only)
		return pretend(x);
	if (x->request.opcode == PCP_PEER && policy_code(policy, pcp_peer))
		return (enum pcp_result)policy_code(policy, pcp_peer);
	if (x->request.opcode == PCP_PEER)
		return is_ipv6(x) ? pcp_peer6(x) : pcp_peer(x);
	if (policy_code(policy, pcp_map))
		return (enum pcp_result)policy_code(policy, pcp_map);
	return is_ipv6(x) ? pcp_pinhole(x) : pcp_map(x);
}

/* The answer before anything is known: fields of the request. */
static struct pcp_message first_answer(const struct pcp_exchange *x)
{
	struct pcp_message answer = x->request;

	answer.version = PCP_VERSION;
	answer.response = true;
	answer.epoch = pcp_epoch(x->p);
	answer.lifetime = 0;
	answer.options = (struct slice){0};
	return answer;
}

void pcp_answer(struct pcp_exchange *x, enum pcp_result result)
{
	if (result)
		send_error(x, result);
	else
		send_success(x);
}

static void answer(struct pcp_exchange *x)
{
	enum pcp_result result = judge(x);
	bool later = false;

	x->answer = first_answer(x);
	x->client = address_of(&x->q->from);
	if (!result)
		result = pcp_take_options(x);
	if (!result && pcp_is_proxied(x))
		result = pcp_proxy(x, &later);
	else if (!result || x->effects.fault)
		result = pcp_perform(x);
	if (later)
		decided(x, "waits for the server upstream");
	else
		pcp_answer(x, result);
}

/* Clause 8.2: what cannot be answered; rules may answer it, by opcode 0 if it has none. */
static bool is_to_be_dropped(const struct pcp_exchange *x)
{
	return (x->error == PCP_SHORT || x->error == PCP_WRONG_WAY) && !x->effects.fault;
}

void pcp_receive(const struct portcontrol_request *q)
{
	struct pcp_exchange x = {.p = q->portcontrol, .q = q};

	x.error = pcp_parse_request(q->bytes.ptr, q->bytes.len, &x.request);
	x.message = message_of(&x);
	journal_request(&x);
	pcp_apply_rules(&x);
	if (is_to_be_dropped(&x))
		decided(&x, pcp_error_text(x.error));
	else if (x.effects.drop)
		decided(&x, "keeps silent");
	else
		answer(&x);
	router_after(q->portcontrol->router, &x.effects);
}
