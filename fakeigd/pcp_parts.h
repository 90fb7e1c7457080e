/* SPDX-License-Identifier: MIT */
/* pcp_parts.h - what pcp.c and the files of its opcodes share. */
#ifndef FAKEIGD_PCP_PARTS_H
#define FAKEIGD_PCP_PARTS_H

#include "choice.h"
#include "pcp.h"
#include "portcontrol_parts.h"
#include "portmap.h"
#include "rule.h"

#define PCP_FIELDS_MAX 22

/**
 * struct pcp_wishes - options of a request that are to be obeyed
 * @third_party: the mapping is for @client instead of the sender
 * @filter, @filters: all FILTERs in their order, those of prefix 0 too
 * @describes, @description: cut to what is kept
 * @is_set, @set: PORT_SET
 * @prefix64:	PREFIX64 was asked for
 */
struct pcp_wishes {
	bool third_party;
	struct in6_addr client;
	bool prefer_failure;
	struct pcp_filter filter[PCP_MESSAGE_MAX / 24];
	size_t filters;
	bool describes;
	struct slice description;
	bool is_set;
	struct pcp_port_set set;
	bool prefix64;
};

/**
 * struct pcp_exchange - a request being answered, or an announcement (@q NULL)
 * @error:	what pcp_parse_request() said
 * @message:	how rules call it
 * @client:	internal host: the sender or the third party
 * @answer:	what is going to be said, without options
 * @field, @fields: the request's by name, for rules
 * @extra:	bytes that rules put behind the options of the answer
 */
struct pcp_exchange {
	struct portcontrol *p;
	const struct portcontrol_request *q;
	struct pcp_message request;
	enum pcp_error error;
	const char *message;
	struct pcp_wishes wishes;
	struct in6_addr client;
	struct pcp_message answer;
	struct rule_field field[PCP_FIELDS_MAX];
	size_t fields;
	struct rule_event event;
	struct effects effects;
	struct buf extra;
};

static inline const struct policy *pcp_policy(const struct pcp_exchange *x)
{
	return &x->p->router->profile->policy;
}

/** pcp_client_v4() - the internal host, of an exchange over IPv4. */
static inline struct in_addr pcp_client_v4(const struct pcp_exchange *x)
{
	struct in_addr v4 = {0};

	pcp_address_is_v4(&x->client, &v4);
	return v4;
}

/** pcp_take_options() - check the options of a request in their order and fill @wishes and
 * @client. Return: a result code. */
enum pcp_result pcp_take_options(struct pcp_exchange *x);
/** pcp_answer_options() - those that belong into a success, in the request's order. */
void pcp_answer_options(const struct pcp_exchange *x, struct buf *out);

/** pcp_has_external() - whether the router has an external address now. */
bool pcp_has_external(const struct router *r);
/** pcp_lifetime() - seconds granted for those that were asked. */
uint32_t pcp_lifetime(const struct pcp_exchange *x);
/** pcp_map() - a MAP request over IPv4 (clauses 11, 15): the table of mappings, and @answer.
 * Return: a result code; of an error, @answer.lifetime is 0 or how long it holds. */
enum pcp_result pcp_map(struct pcp_exchange *x);

/** pcp_perform() - what an opcode asks for, in the router's own tables. Return: as pcp_map(). */
enum pcp_result pcp_perform(struct pcp_exchange *x);
/** pcp_answer() - send the answer that @x holds, or an error. */
void pcp_answer(struct pcp_exchange *x, enum pcp_result result);
/** pcp_is_proxied() - whether a request is a proxy's matter (RFC 7648). */
bool pcp_is_proxied(const struct pcp_exchange *x);
/** pcp_proxy() - do it, or pass it on. Return: a result code, or 0 with @later: it is answered when
 * the server upstream has. */
enum pcp_result pcp_proxy(struct pcp_exchange *x, bool *later);

/** pcp_peer() - a PEER request over IPv4 (clause 12.3), as pcp_map(). */
enum pcp_result pcp_peer(struct pcp_exchange *x);
/** pcp_peers_port() - whether packets of another endpoint than the internal host's leave from it.
 */
bool pcp_peers_port(const struct pcp_exchange *x, uint16_t port);
/** pcp_flow_keep() - the flow of a PEER lives as long as its lease from now on; it is made where
 * there is none. */
void pcp_flow_keep(struct portcontrol *p, struct pcp_peer *peer);
/** pcp_flow_release() - the PEER is over: its flow has what it would have without. */
void pcp_flow_release(struct portcontrol *p, struct pcp_peer *peer);
/** pcp_peers_forget() - all of them. */
void pcp_peers_forget(struct portcontrol *p);
/** pcp_pinhole(), pcp_peer6() - the same over IPv6. */
enum pcp_result pcp_pinhole(struct pcp_exchange *x);
enum pcp_result pcp_peer6(struct pcp_exchange *x);
/** pcp_holes_forget() - the table of pinholes is lost. */
void pcp_holes_forget(struct portcontrol *p);
/** pcp_next_record() - the record of a mapping after this request; @old may be NULL. The caller
 * frees it. */
struct pcp_record *pcp_next_record(const struct pcp_exchange *x, const struct pcp_record *old);
/** pcp_is_permitted() - whether IGD's permissions let the sender have these ports (XP-10). */
bool pcp_is_permitted(const struct pcp_exchange *x);
/** pcp_mapping_of() - a mapping of the internal host's port that serves every remote host, PCP's
 * own before others; NULL when none. */
const struct mapping *pcp_mapping_of(const struct pcp_exchange *x, uint16_t port);
/** pcp_has_nonce() - whether @nonce may change what another request made (clause 18.1). */
bool pcp_has_nonce(const struct pcp_exchange *x, const uint8_t nonce[PCP_NONCE_LEN]);
/** pcp_is_ours() - a suggested external address: ours, or none. */
bool pcp_is_ours(const struct pcp_exchange *x);

/** pcp_choose_port() - the first of @count external ports in a row that the internal host may have;
 * 0 = there are none, or policy says so. The suggested one, if it is free. */
uint16_t pcp_choose_port(struct pcp_exchange *x, unsigned count);
/** pcp_port_is_free() - whether the internal host may have @count ports from that one on. */
bool pcp_port_is_free(const struct pcp_exchange *x, uint16_t port, unsigned count);

/** struct pcp_told - a mapping as an update tells it; @record: nonce, set, and where it goes */
struct pcp_told {
	const struct pcp_record *record;
	uint8_t protocol;
	uint16_t internal_port;
	uint16_t external_port;
	struct in6_addr external_address;
	uint32_t lifetime;
};

/** pcp_tell_update() - one Mapping Update. */
void pcp_tell_update(struct portcontrol *p, const struct pcp_told *told);
/** pcp_send_update() - one Mapping Update to the client of a mapping (clause 14.2). */
void pcp_send_update(struct portcontrol *p, const struct mapping *m);

/** pcp_epoch() - Epoch Time as policy has it. */
uint32_t pcp_epoch(const struct portcontrol *p);
/** pcp_apply_rules() - the effects of rules on a message, whose fields are in @x. */
void pcp_apply_rules(struct pcp_exchange *x);
/** pcp_override() - "reply" of the rules: fields of the answer. */
void pcp_override(struct pcp_exchange *x, struct pcp_message *out);
/** pcp_describe() - an answer in words, for the journal. */
void pcp_describe(const struct pcp_message *a, char *what, size_t size);

#endif
