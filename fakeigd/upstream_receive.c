/* SPDX-License-Identifier: MIT */
/*
 * upstream_receive.c - what the PCP server on the WAN side says (see upstream.h).
 *
 * Theory of operation
 *
 * An answer counts when opcode, nonce, protocol, internal port and, of PEER, the other end are
 * those of a request (RFC 6887 clauses 8.3, 11.4, 12.4); an error that ends with its header belongs
 * to the oldest request of that opcode. A server of another version, NAT-PMP's too, says so in
 * answer to anything: every request is refused with UNSUPP_VERSION (clause 9). Whatever else comes
 * is dropped without a word of ours.
 *
 * Each answer carries the epoch. When it does not fit what passed since the last one (clause 8.5)
 * the server has lost its mappings, and so it may have when it sends ANNOUNCE unasked (clause
 * 14.1.3, RFC 6970 clause 5.10): the answer goes to its asker first, then whoever watches is told.
 * An announcement counts only from the server's address and port.
 */
#include "base/clock.h"
#include "journal.h"
#include "profile.h"
#include "upstream_parts.h"

#define DAY_S	    86400
#define BODY_LEN    36 /* of MAP, after the header */
#define ERROR_MAX_S 1800

void upstream_tell_lost(struct upstream *u, const char *why)
{
	struct upstream_watch *next;

	journal_write(u->router->journal, JOURNAL_STATE, "upstream", NULL, NULL,
		      "the server may have lost its mappings", "{s:s}", "why", why);
	if (!u->router->profile->policy.upstream_recover)
		return;
	for (struct upstream_watch *w = u->first->watches; w; w = next) {
		next = w->next;
		w->fn(w->arg, why);
	}
}

static bool is_answer_to(const struct pcp_message *a, const struct pcp_message *asked, size_t len)
{
	if (a->opcode != asked->opcode)
		return false;
	if (a->opcode == PCP_ANNOUNCE || (a->result && len < PCP_HEADER_LEN + BODY_LEN))
		return true;
	if (memcmp(a->nonce, asked->nonce, PCP_NONCE_LEN) != 0 || a->protocol != asked->protocol ||
	    a->internal_port != asked->internal_port)
		return false;
	return a->opcode == PCP_MAP ||
	       (a->remote_port == asked->remote_port &&
		IN6_ARE_ADDR_EQUAL(&a->remote_address, &asked->remote_address));
}

/* The oldest request that it answers; new ones are put in front. */
static struct upstream_call *find_call(const struct upstream *u, const struct pcp_message *a,
				       size_t len)
{
	struct upstream_call *found = NULL, *call;

	LIST_FOREACH(call, &u->calls, link)
		if (!call->ending.why && is_answer_to(a, &call->asked, len))
			found = call;
	return found;
}

static uint32_t lifetime_of(const struct pcp_message *a)
{
	uint32_t s = a->lifetime;

	if (!a->result)
		return s < DAY_S ? s : DAY_S;
	s = s ? s : pcp_result_lifetime(a->result);
	return s < ERROR_MAX_S ? s : ERROR_MAX_S;
}

static void refuse_all(struct upstream *u, const struct pcp_message *a)
{
	const struct upstream_result refused = {.outcome = UPSTREAM_REFUSED,
						.code = PCP_UNSUPP_VERSION,
						.why = pcp_result_name(PCP_UNSUPP_VERSION),
						.lifetime = ERROR_MAX_S,
						.epoch = a->epoch};

	upstream_end_all(u, &refused);
}

void upstream_read_answer(struct upstream *u, struct slice bytes)
{
	struct pcp_message a;
	enum pcp_error error = pcp_parse_response(bytes.ptr, bytes.len, &a);
	struct upstream_call *call;
	struct upstream_result result;
	bool kept;

	if (error == PCP_OTHER_VERSION && a.result == PCP_UNSUPP_VERSION) {
		upstream_journal(u, false, &a, "another version");
		refuse_all(u, &a);
		return;
	}
	call = error == PCP_OK ? find_call(u, &a, bytes.len) : NULL;
	if (error != PCP_OK) {
		journal_write(u->router->journal, JOURNAL_DECIDED, "upstream", NULL, NULL,
			      "ignores an answer", "{s:s}", "why", pcp_error_text(error));
		return;
	}
	upstream_journal(u, false, &a, call ? pcp_result_name(a.result) : "nobody asked");
	kept = epoch_pcp(&u->epoch, a.epoch, clock_now());
	if (call) {
		result = (struct upstream_result){
			.outcome = a.result ? UPSTREAM_REFUSED : UPSTREAM_GRANTED,
			.code = a.result,
			.why = pcp_result_name(a.result),
			.lifetime = lifetime_of(&a),
			.epoch = a.epoch,
			.port = a.external_port,
			.address = a.external_address,
			.options = a.options,
		};
		upstream_finish(call, &result);
	}
	if (!kept)
		upstream_tell_lost(u, "its epoch started anew");
}

void upstream_read_announcement(struct upstream *u, const struct sockaddr_in *from,
				struct slice bytes)
{
	struct pcp_message a;

	while (u && from->sin_addr.s_addr != upstream_server(u).s_addr)
		u = u->next;
	if (!u || from->sin_port != htons(u->router->profile->upstream.port) ||
	    pcp_parse_response(bytes.ptr, bytes.len, &a) != PCP_OK || a.opcode != PCP_ANNOUNCE ||
	    a.result)
		return;
	upstream_journal(u, false, &a, "unsolicited");
	epoch_pcp(&u->epoch, a.epoch, clock_now());
	upstream_tell_lost(u, "it announces itself");
}
