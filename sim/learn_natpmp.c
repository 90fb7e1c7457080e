/* SPDX-License-Identifier: MIT */
/*
 * learn_natpmp.c - how the router maps ports by NAT-PMP.
 *
 * Theory of operation: RFC 6886 clauses 3.2 to 3.5. Each request with its answer is held against
 * what fakeigd would say; where they differ, the first policy that explains it is noted, and what
 * none explains becomes a rule for the fields of that request. The epoch is the router's own clock:
 * only how it runs is learned (clause 3.6). A request that never got an answer, while others did,
 * is dropped.
 */
#include "../fakeigd/wire/natpmp.h"
#include "learn_table.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define NS_PER_S     INT64_C(1000000000)
#define DEFAULT_MAX  86400 /* policy natpmp.lifetime-max */
#define WALL_CLOCK_S 86400 /* an epoch that near to the date is the date */

/**
 * struct talk - a request and its answer
 * @q:		what was asked; @what: how rules call it
 * @a:		what was said; @answered: there is one, @understood: it has the form of one
 */
struct talk {
	struct natpmp_request q;
	struct natpmp_response a;
	const char *what;
	bool answered, understood;
};

static bool is_one(const struct seen *s)
{
	return s->x->has_request && !s->x->from_router && s->x->protocol == FLOW_NATPMP;
}

static bool is_announcement(const struct seen *s)
{
	return s->x->from_router && s->x->protocol == FLOW_NATPMP;
}

static void read_talk(const struct seen *s, struct talk *t)
{
	struct slice in = buf_slice(&s->x->request.bytes);
	enum natpmp_error error;

	*t = (struct talk){.answered = s->reply};
	error = natpmp_parse_request(in.ptr, in.len, &t->q);
	t->what = error != NATPMP_OK			   ? "unsupported"
		  : t->q.opcode == NATPMP_EXTERNAL_ADDRESS ? "external-address"
		  : t->q.lifetime			   ? "map"
							   : "delete";
	if (s->reply)
		t->understood = natpmp_parse_response(s->reply->bytes.data, s->reply->bytes.len,
						      &t->a) == NATPMP_OK;
}

static bool is_mapping(const struct talk *t)
{
	return !strcmp(t->what, "map") || !strcmp(t->what, "delete");
}

bool learn_speaks_natpmp(const struct learner *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (is_announcement(&l->seen[i]) || (is_one(&l->seen[i]) && l->seen[i].reply))
			return true;
	return false;
}

/* ---- rules ---- */

/* "  - when: {layer: natpmp, ...": the fields of a request. */
static void when(const struct learner *l, const struct seen *s, const struct talk *t, size_t nth,
		 struct buf *out)
{
	buf_printf(out, "  - when: {layer: natpmp, message: %s, version: %u, opcode: %u", t->what,
		   t->q.version, t->q.opcode);
	if (is_mapping(t))
		buf_printf(out, ", internal_port: %u, suggested_external_port: %u, lifetime: %u",
			   t->q.internal_port, t->q.suggested_external_port, t->q.lifetime);
	if (nth)
		buf_printf(out, ", nth: %zu", nth);
	buf_putc(out, '}');
	yaml_evidence(l, out, s);
}

static bool same_request(const struct seen *a, const struct seen *b)
{
	return is_one(a) && is_one(b) &&
	       text_same(buf_slice(&a->x->request.bytes), buf_slice(&b->x->request.bytes));
}

static bool seen_before(const struct learner *l, const struct seen *s)
{
	for (const struct seen *o = l->seen; o < s; o++)
		if (same_request(o, s))
			return true;
	return false;
}

/* A rule with one effect, once for equal requests. */
static void rule(struct learner *l, const struct seen *s, const struct talk *t, const char *effect)
{
	if (seen_before(l, s))
		return;
	when(l, s, t, 0, &l->rules);
	buf_printf(&l->rules, "    %s\n", effect);
}

static void fault(struct learner *l, const struct seen *s, const struct talk *t)
{
	char text[24];

	snprintf(text, sizeof(text), "fault: %u", t->a.result);
	rule(l, s, t, text);
}

bool learn_natpmp_answer(const struct learner *l, const struct seen *s, const char *indent,
			 struct buf *out)
{
	struct talk t;
	size_t nth = 1;
	char address[INET_ADDRSTRLEN];

	read_talk(s, &t);
	if (!is_one(s) || !t.understood || !strcmp(t.what, "unsupported"))
		return false;
	for (const struct seen *o = l->seen; o < s; o++)
		nth += o->x != s->x && same_request(o, s);
	buf_puts(out, indent);
	when(l, s, &t, nth, out);
	buf_printf(out, "%s    reply: {version: %u, opcode: %u, result: %u", indent, t.a.version,
		   t.a.opcode, t.a.result);
	inet_ntop(AF_INET, &t.a.external_address, address, sizeof(address));
	if (is_mapping(&t))
		buf_printf(out, ", internal_port: %u, mapped_external_port: %u, lifetime: %u}\n",
			   t.a.internal_port, t.a.external_port, t.a.lifetime);
	else
		buf_printf(out, ", external_address: %s}\n", address);
	return true;
}

/* ---- ports and lifetimes ---- */

static void choose_number(struct table *t, const char *key, uint32_t number, const struct seen *s)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	table_choose(t, "natpmp", key, text, text, s);
}

/* Whether the endpoint had that external port already: then what is suggested does not count
 * (clause 3.3). */
static bool is_refresh(const struct learner *l, const struct seen *s, const struct talk *now)
{
	struct talk t;

	for (const struct seen *o = l->seen; o < s; o++) {
		if (!is_one(o))
			continue;
		read_talk(o, &t);
		if (t.understood && !t.a.result && !strcmp(t.what, "map") &&
		    t.q.opcode == now->q.opcode && t.q.internal_port == now->q.internal_port &&
		    t.a.external_port == now->a.external_port)
			return true;
	}
	return false;
}

/* Whether a mapping got the port that was suggested: then others had a reason not to. */
static bool grants_suggested(const struct learner *l)
{
	struct talk t;

	for (size_t i = 0; i < l->count; i++) {
		if (!is_one(&l->seen[i]))
			continue;
		read_talk(&l->seen[i], &t);
		if (t.understood && !t.a.result && !strcmp(t.what, "map") &&
		    t.a.external_port == t.q.suggested_external_port)
			return true;
	}
	return false;
}

static void read_port(struct table *t, const struct seen *s, const struct talk *k)
{
	uint16_t asked = k->q.suggested_external_port, got = k->a.external_port;
	bool next = got == asked + 1;

	if (asked == got || is_refresh(t->l, s, k))
		return;
	if (!asked && got == k->q.internal_port) {
		table_choose(t, "natpmp", "port-zero", "internal", "internal", s);
	} else if (asked && got == (asked & 0xff)) {
		table_choose(t, "natpmp", "reply-port", "low-byte", "low-byte", s);
	} else if (asked && (next || grants_suggested(t->l))) {
		if (next)
			table_choose(t, "natpmp", "port-taken", "next", "next", s);
		table_taken(t, asked, k->q.opcode == NATPMP_MAP_TCP ? "TCP" : "UDP", s);
	} else if (asked) {
		table_choose(t, "natpmp", "port", "unrelated", "unrelated", s);
	}
}

/**
 * struct lifetimes - what mappings were asked for and given
 * @cut:	the first that got less; @cut_to: that
 * @raised:	one that got more, or less than the cut allows: it is not a limit
 * @longest:	granted as asked
 */
struct lifetimes {
	const struct seen *cut, *raised, *most;
	uint32_t cut_to, raised_to, longest;
};

static void read_lifetime(struct lifetimes *f, const struct seen *s, const struct talk *k)
{
	uint32_t asked = k->q.lifetime, got = k->a.lifetime;

	if (got == asked) {
		f->most = got > f->longest ? s : f->most;
		f->longest = got > f->longest ? got : f->longest;
	} else if (got < asked && !f->cut) {
		f->cut = s;
		f->cut_to = got;
	} else if (got > asked && !f->raised) {
		f->raised = s;
		f->raised_to = got;
	}
}

static void choose_lifetime(struct table *t, const struct lifetimes *f)
{
	if (f->cut && !f->cut_to) {
		buf_puts(&t->l->rules, "  - when: {layer: natpmp, message: map}");
		yaml_evidence(t->l, &t->l->rules, f->cut);
		buf_puts(&t->l->rules, "    reply: {lifetime: 0}\n");
	} else if (f->raised) {
		choose_number(t, "lifetime-override", f->raised_to, f->raised);
	} else if (f->cut) {
		choose_number(t, "lifetime-max", f->cut_to, f->cut);
	} else if (f->longest > DEFAULT_MAX) {
		choose_number(t, "lifetime-max", f->longest, f->most);
	}
}

/* ---- answers ---- */

/* Whether every mapping that was asked for got that result. */
static bool always(const struct learner *l, unsigned result)
{
	struct talk t;

	for (size_t i = 0; i < l->count; i++) {
		if (!is_one(&l->seen[i]))
			continue;
		read_talk(&l->seen[i], &t);
		if (is_mapping(&t) && t.understood && t.a.result != result)
			return false;
	}
	return true;
}

static void on_mapping(struct table *t, const struct seen *s, const struct talk *k,
		       struct lifetimes *f)
{
	char code[16];

	snprintf(code, sizeof(code), "%u", k->a.result);
	if (k->a.result) {
		if (!always(t->l, k->a.result) ||
		    !table_choose(t, "natpmp", "mapping", "2|3|4|5", code, s))
			fault(t->l, s, k);
	} else if (k->q.lifetime) {
		read_port(t, s, k);
		read_lifetime(f, s, k);
	} else if (k->a.external_port == k->q.suggested_external_port && k->a.external_port) {
		rule(t->l, s, k, "reply: {mapped_external_port: \"{suggested_external_port}\"}");
	}
}

static void on_address(struct table *t, const struct seen *s, const struct talk *k)
{
	char text[INET_ADDRSTRLEN], effect[64];

	if (k->a.result) {
		fault(t->l, s, k);
		return;
	}
	inet_ntop(AF_INET, &k->a.external_address, text, sizeof(text));
	if (!t->l->external && k->a.external_address.s_addr != INADDR_ANY)
		learn_address(t, text, s);
	if (t->l->external && !strcmp(t->l->external, text))
		return;
	snprintf(effect, sizeof(effect), "reply: {external_address: %s}", text);
	rule(t->l, s, k, effect);
}

/* Nobody answers this one, whoever asks. */
static void on_silence(struct table *t, const struct seen *s, const struct talk *k)
{
	for (size_t i = 0; i < t->l->count; i++)
		if (t->l->seen[i].reply && same_request(&t->l->seen[i], s))
			return;
	if (is_mapping(k) && k->q.lifetime && !k->q.suggested_external_port &&
	    table_choose(t, "natpmp", "port-zero", "ignore", "ignore", s))
		return;
	rule(t->l, s, k, "drop: true");
}

static void delay(struct table *t, const struct seen *s, const struct talk *k)
{
	int64_t took = seen_took(s);
	char text[40];

	if (took <= LEARN_SLOW_NS)
		return;
	snprintf(text, sizeof(text), "delay: %lldms", (long long)(took / 1000000));
	rule(t->l, s, k, text);
}

/* ---- the epoch ---- */

/** struct tick - an epoch that was told; of an announcement with the address */
struct tick {
	uint32_t epoch;
	struct in_addr address;
	int64_t ns;
	const struct seen *s;
};

static bool tick_of(const struct seen *s, struct tick *out)
{
	const struct recorded_message *m = is_announcement(s) ? &s->x->request : s->reply;
	struct natpmp_response a;

	if (!m || s->x->protocol != FLOW_NATPMP || m->time_ns == RECORDING_NO_TIME ||
	    natpmp_parse_response(m->bytes.data, m->bytes.len, &a) != NATPMP_OK)
		return false;
	*out = (struct tick){a.epoch, a.external_address, m->time_ns, s};
	return true;
}

static void learn_epoch(struct table *t)
{
	struct tick first = {0}, now;

	for (size_t i = 0; i < t->l->count; i++) {
		if (!tick_of(&t->l->seen[i], &now))
			continue;
		if (t->l->flow->dated && llabs(now.epoch - now.ns / NS_PER_S) < WALL_CLOCK_S)
			table_choose(t, "natpmp", "epoch", "wall-clock", "wall-clock", now.s);
		if (!first.s)
			first = now;
		else if (now.epoch == 1 && first.epoch == 1 && now.ns - first.ns >= 2 * NS_PER_S)
			table_choose(t, "natpmp", "epoch", "constant", "constant", now.s);
		else if (now.epoch < first.epoch)
			names_add(&t->l->assumed, "the epoch of NAT-PMP goes on: in the flow the "
						  "router lost its mappings in between");
		first = now;
	}
}

static void learn_announcements(struct table *t)
{
	const struct seen *usual = NULL, *other = NULL;
	char text[INET_ADDRSTRLEN];

	for (size_t i = 0; i < t->l->count; i++) {
		const struct seen *s = &t->l->seen[i];

		struct tick now;

		if (is_announcement(s) && tick_of(s, &now) && now.address.s_addr != INADDR_ANY)
			learn_address(t, inet_ntop(AF_INET, &now.address, text, sizeof(text)), s);
		if (is_announcement(s) && s->x->request.to.port == NATPMP_ANNOUNCE_PORT)
			usual = s;
		else if (is_announcement(s) && s->x->request.to.port == NATPMP_PORT)
			other = s;
	}
	if (other)
		table_choose(t, "natpmp", "announce-port", "5351|both", usual ? "both" : "5351",
			     other);
}

void learn_natpmp(struct table *t)
{
	struct lifetimes lifetimes = {0};
	const struct seen *shown = NULL;

	if (!learn_speaks_natpmp(t->l))
		return;
	for (size_t i = 0; i < t->l->count; i++) {
		const struct seen *s = &t->l->seen[i];
		struct talk k;

		if (!is_one(s) && !is_announcement(s))
			continue;
		shown = shown ? shown : s;
		if (!is_one(s))
			continue;
		read_talk(s, &k);
		if (!k.answered)
			on_silence(t, s, &k);
		else if (k.understood && is_mapping(&k))
			on_mapping(t, s, &k, &lifetimes);
		else if (k.understood && !strcmp(k.what, "external-address"))
			on_address(t, s, &k);
		if (k.answered)
			delay(t, s, &k);
	}
	if (!t->l->upnp)
		table_choose(t, "igd", "enabled", "false", "false", shown);
	table_choose(t, "natpmp", "enabled", "true", "true", shown);
	choose_lifetime(t, &lifetimes);
	learn_epoch(t);
	learn_announcements(t);
}
