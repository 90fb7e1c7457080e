/* SPDX-License-Identifier: MIT */
/*
 * natpmp.c - the NAT-PMP server.
 *
 * Theory of operation
 *
 * RFC 6886 clause 3: a request of 2 or 12 bytes gets an answer of 12 or 16 with the epoch in it.
 * Another version than 0 is told so in 8 bytes (NATPMP-20), an opcode from 3 to 127 gets its
 * request back with result 5 (NATPMP-21); responses (opcode 128 and above) and requests that end
 * too early get nothing (NATPMP-22, NATPMP-26). A failure repeats the internal port; address,
 * external port and lifetime are 0 (NATPMP-02, NATPMP-23). No state beyond the table (natpmp_map.c)
 * is kept per client, so a retransmission is answered like the first one.
 *
 * At the start, when mappings are lost, and when the external address comes or becomes another, the
 * answer to an address request is sent to 224.0.0.1:5350 ten times, after 0, 250 ms, 750 ms and so
 * on, each with the epoch of its moment (NATPMP-29, NATPMP-30); not while there is no address.
 *
 * Rules (layer natpmp) see each request and announcement before anything is done, with its fields
 * by name; "fault" is a result code, "reply" sets fields of the answer.
 */
#include "natpmp.h"

#include "base/mem.h"
#include "choice.h"
#include "journal.h"
#include "natpmp_map.h"
#include "portcontrol_parts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define ANNOUNCE_GAP_US (CLOCK_SECOND / 4)
#define FIELDS_MAX	7

bool natpmp_is_on(const struct router *r)
{
	return r->profile->policy.natpmp_enabled && r->profile->policy.wan_nat;
}

static uint32_t epoch(const struct portcontrol *p)
{
	const struct policy *policy = &p->router->profile->policy;

	if (policy_is(policy, natpmp_epoch, "wall-clock"))
		return (uint32_t)(clock_wall() / CLOCK_SECOND);
	if (policy_is(policy, natpmp_epoch, "constant"))
		return 1;
	return portcontrol_epoch(p, policy_is(policy, natpmp_epoch, "state"));
}

/**
 * struct exchange - a request being answered, or an announcement (@q NULL)
 * @error:	what natpmp_parse_request() said
 * @message:	how rules call it
 * @field, @fields: the request's by name, for rules
 */
struct exchange {
	struct portcontrol *p;
	const struct portcontrol_request *q;
	struct natpmp_request request;
	enum natpmp_error error;
	const char *message;
	struct rule_field field[FIELDS_MAX];
	size_t fields;
	struct rule_event event;
	struct effects effects;
};

static void add_field(struct exchange *x, const char *name, uint32_t value)
{
	rule_field_set(&x->field[x->fields++], name, value);
}

static bool is_mapping(const struct exchange *x)
{
	return x->error == NATPMP_OK && x->request.opcode != NATPMP_EXTERNAL_ADDRESS;
}

static const char *message_of(const struct exchange *x)
{
	if (!x->q)
		return "announce";
	if (x->error == NATPMP_SHORT)
		return "short";
	if (x->error == NATPMP_WRONG_WAY)
		return "response";
	if (x->error != NATPMP_OK)
		return "unsupported";
	if (!is_mapping(x))
		return "external-address";
	return x->request.lifetime ? "map" : "delete";
}

static void apply_rules(struct exchange *x)
{
	struct router *r = x->p->router;

	effects_init(&x->effects);
	if (!rules_any(r->rules, RULE_NATPMP))
		return;
	if (x->q) {
		add_field(x, "length", (uint32_t)x->q->bytes.len);
		add_field(x, "version", x->request.version);
		add_field(x, "opcode", x->request.opcode);
	}
	if (x->q && is_mapping(x)) {
		add_field(x, "reserved", x->request.reserved);
		add_field(x, "internal_port", x->request.internal_port);
		add_field(x, "suggested_external_port", x->request.suggested_external_port);
		add_field(x, "lifetime", x->request.lifetime);
	}
	x->event = (struct rule_event){
		.layer = RULE_NATPMP,
		.message = x->message,
		.field = x->field,
		.fields = x->fields,
		.from = x->q ? (const struct sockaddr *)&x->q->from : NULL,
	};
	rules_apply(r->rules, r, &x->event, &x->effects);
}

static void set_number(struct natpmp_response *out, const char *name, uint32_t value)
{
	if (!strcmp(name, "version"))
		out->version = (uint8_t)value;
	else if (!strcmp(name, "opcode"))
		out->opcode = (uint8_t)value;
	else if (!strcmp(name, "result"))
		out->result = (uint16_t)value;
	else if (!strcmp(name, "epoch"))
		out->epoch = value;
	else if (!strcmp(name, "internal_port"))
		out->internal_port = (uint16_t)value;
	else if (!strcmp(name, "mapped_external_port"))
		out->external_port = (uint16_t)value;
	else if (!strcmp(name, "lifetime"))
		out->lifetime = value;
}

/* "reply": a field of the answer is a number, an address, or the {name} of something known. */
static void override(const struct exchange *x, struct natpmp_response *out)
{
	for (size_t i = 0; i < x->effects.replies; i++) {
		char text[INET6_ADDRSTRLEN];
		const char *name = x->effects.reply_name[i];
		const char *value =
			rules_reply_value(x->p->router, &x->event, &x->effects, i, text);

		if (!strcmp(name, "external_address"))
			inet_pton(AF_INET, value, &out->external_address);
		else
			set_number(out, name, (uint32_t)strtoul(value, NULL, 10));
	}
}

static void journal_request(const struct exchange *x)
{
	const struct natpmp_request *asked = &x->request;
	struct journal *journal = x->p->router->journal;
	char what[96];

	if (!journal_on(journal))
		return;
	if (is_mapping(x))
		snprintf(what, sizeof(what), "%s %s %u, external %u, %u s", x->message,
			 asked->opcode == NATPMP_MAP_TCP ? "TCP" : "UDP", asked->internal_port,
			 asked->suggested_external_port, asked->lifetime);
	else
		snprintf(what, sizeof(what), "%s: version %u, opcode %u", x->message,
			 asked->version, asked->opcode);
	journal_write(journal, JOURNAL_RECEIVED, "natpmp", (const struct sockaddr *)&x->q->from,
		      (const struct sockaddr *)&x->q->local, what, NULL);
}

static void decided(const struct exchange *x, const char *what)
{
	if (journal_on(x->p->router->journal))
		journal_write(x->p->router->journal, JOURNAL_DECIDED, "natpmp",
			      (const struct sockaddr *)&x->q->from,
			      (const struct sockaddr *)&x->q->local, what, "{s:s}", "rules",
			      x->effects.rules);
}

static void describe(const struct natpmp_response *a, char *what, size_t size)
{
	char address[INET_ADDRSTRLEN];

	if (a->result) {
		snprintf(what, size, "result %u: %s", a->result, natpmp_result_text(a->result));
	} else if (a->opcode == NATPMP_RESPONSE) {
		inet_ntop(AF_INET, &a->external_address, address, sizeof(address));
		snprintf(what, size, "external address %s, epoch %u", address, a->epoch);
	} else {
		snprintf(what, size, "%s %u is external %u, %u s",
			 a->opcode == (NATPMP_RESPONSE | NATPMP_MAP_TCP) ? "TCP" : "UDP",
			 a->internal_port, a->external_port, a->lifetime);
	}
}

static void send_response(const struct exchange *x, struct natpmp_response *a)
{
	struct buf bytes = {0};
	char what[96];

	override(x, a);
	describe(a, what, sizeof(what));
	natpmp_build_response(&bytes, a);
	portcontrol_send(x->q, "natpmp", what, buf_slice(&bytes), &x->effects);
	buf_free(&bytes);
}

/* Whether the mapping is done, or only talked about. */
static bool is_performed(const struct effects *e)
{
	return !e->lie && !e->reply_only;
}

static void answer(struct exchange *x)
{
	const struct router *r = x->p->router;
	const struct effects *e = &x->effects;
	struct natpmp_response a = {
		.opcode = x->request.opcode | NATPMP_RESPONSE,
		.epoch = epoch(x->p),
		.internal_port = x->request.internal_port,
	};

	if (e->fault) {
		a.result = (uint16_t)e->fault;
	} else if (!is_mapping(x)) {
		a.result = natpmp_external(r);
	} else if (!is_performed(e)) {
		a.external_port = x->request.suggested_external_port;
		a.lifetime = x->request.lifetime;
	} else {
		a.result = natpmp_map(x->q, &x->request, &a);
	}
	if (!a.result && !is_mapping(x))
		a.external_address = r->external;
	if (policy_is(&r->profile->policy, natpmp_reply_port, "low-byte"))
		a.external_port &= 0xff;
	send_response(x, &a);
}

static void answer_version(struct exchange *x)
{
	const struct policy *policy = &x->p->router->profile->policy;
	/* Any opcode without a format of its own makes the short form. */
	struct natpmp_response a = {.result = NATPMP_UNSUPPORTED_VERSION, .epoch = epoch(x->p)};
	struct buf bytes = {0};
	char what[96];

	override(x, &a);
	describe(&a, what, sizeof(what));
	natpmp_build_response(&bytes, &a);
	if (policy_is(policy, natpmp_version_reply, "response"))
		bytes.data[1] = (char)(x->request.opcode | NATPMP_RESPONSE);
	portcontrol_send(x->q, "natpmp", what, buf_slice(&bytes), &x->effects);
	buf_free(&bytes);
}

static void answer_opcode(struct exchange *x)
{
	struct buf bytes = {0};

	natpmp_build_unsupported_opcode(&bytes, x->q->bytes.ptr, x->q->bytes.len);
	portcontrol_send(x->q, "natpmp", "result 5: unsupported opcode", buf_slice(&bytes),
			 &x->effects);
	buf_free(&bytes);
}

/* A suggested port of 0 that the policy does not answer. */
static bool is_ignored(const struct exchange *x)
{
	return is_mapping(x) && x->request.lifetime && !x->request.suggested_external_port &&
	       policy_is(&x->p->router->profile->policy, natpmp_port_zero, "ignore");
}

/* What cannot be answered; rules may answer it. */
static bool is_to_be_dropped(const struct exchange *x)
{
	return (x->error == NATPMP_SHORT || x->error == NATPMP_WRONG_WAY) && !x->effects.fault;
}

void natpmp_receive(const struct portcontrol_request *q)
{
	struct exchange x = {.p = q->portcontrol, .q = q};

	if (q->bytes.len > PORTCONTROL_MESSAGE_MAX) { /* RFC 6886 clause 3.5 */
		decided(&x, "ignores: longer than 1100 bytes");
		return;
	}
	x.error = natpmp_parse_request(q->bytes.ptr, q->bytes.len, &x.request);
	x.message = message_of(&x);
	journal_request(&x);
	apply_rules(&x);
	if (is_to_be_dropped(&x))
		decided(&x, natpmp_error_text(x.error));
	else if (x.effects.drop || is_ignored(&x))
		decided(&x, "keeps silent");
	else if (x.error == NATPMP_OTHER_VERSION)
		answer_version(&x);
	else if (x.error == NATPMP_OTHER_OPCODE)
		answer_opcode(&x);
	else
		answer(&x);
	router_after(q->portcontrol->router, &x.effects);
}

static void announce_once(struct portcontrol *p)
{
	const struct policy *policy = &p->router->profile->policy;
	struct exchange x = {.p = p, .message = "announce"};
	struct natpmp_response a = {
		.opcode = NATPMP_RESPONSE,
		.epoch = epoch(p),
		.external_address = p->router->external,
	};
	const struct sockaddr_storage usual = portcontrol_group(NATPMP_GROUP, NATPMP_ANNOUNCE_PORT);
	const struct sockaddr_storage other = portcontrol_group(NATPMP_GROUP, NATPMP_PORT);
	struct buf bytes = {0};
	char what[96];

	apply_rules(&x);
	override(&x, &a);
	describe(&a, what, sizeof(what));
	natpmp_build_response(&bytes, &a);
	if (!policy_is(policy, natpmp_announce_port, "5351"))
		portcontrol_announce(p, &usual, "natpmp", what, buf_slice(&bytes), &x.effects);
	if (!policy_is(policy, natpmp_announce_port, "5350"))
		portcontrol_announce(p, &other, "natpmp", what, buf_slice(&bytes), &x.effects);
	buf_free(&bytes);
}

static void announce_due(void *arg)
{
	struct portcontrol *p = arg;
	struct natpmp_state *s = &p->natpmp;

	if (!natpmp_is_on(p->router) || natpmp_external(p->router))
		return;
	announce_once(p);
	if (++s->announced < p->router->profile->policy.natpmp_announcements)
		loop_timer_arm(p->router->loop, &s->announce,
			       clock_now() + (ANNOUNCE_GAP_US << (s->announced - 1)), announce_due,
			       p);
}

void natpmp_announce(struct portcontrol *p)
{
	p->natpmp.announced = 0;
	natpmp_stop(p);
	if (natpmp_is_on(p->router) && p->router->profile->policy.natpmp_announcements)
		loop_timer_arm(p->router->loop, &p->natpmp.announce, clock_now(), announce_due, p);
}

void natpmp_stop(struct portcontrol *p)
{
	loop_timer_cancel(p->router->loop, &p->natpmp.announce);
}
