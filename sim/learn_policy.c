/* SPDX-License-Identifier: MIT */
/*
 * learn_policy.c - how the router decides: policy where one explains an answer, else a rule.
 *
 * A policy is taken from the first answer that shows it; a later one that shows another becomes a
 * rule for its arguments. What a lab's router knows by itself (an address that is its own,
 * counters) is left to it.
 */
#include "../fakeigd/wire/ssdp.h"
#include "learn_table.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

bool table_choose(struct table *t, const char *group, const char *key, const char *allowed,
		  const char *value, const struct seen *where)
{
	size_t len = strlen(value);
	bool fine = false;

	for (const char *at = allowed; *at && !fine; at += strcspn(at, "|"), at += *at == '|')
		fine = strcspn(at, "|") == len && !memcmp(at, value, len);
	if (!fine)
		return false;
	for (size_t i = 0; i < t->choice_count; i++)
		if (!strcmp(t->choices[i].group, group) && !strcmp(t->choices[i].key, key))
			return !strcmp(t->choices[i].value, value);
	if (t->choice_count == ARRAY_SIZE(t->choices))
		return false;
	t->choices[t->choice_count++] = (struct choice){group, key, xstrdup(value), where};
	return true;
}

void table_write_policy(struct table *t, struct buf *out)
{
	if (t->choice_count)
		buf_puts(out, "policy:\n");
	for (size_t i = 0; i < t->choice_count; i++) {
		bool told = false;

		for (size_t j = 0; j < i; j++)
			told |= !strcmp(t->choices[j].group, t->choices[i].group);
		if (told)
			continue;
		buf_printf(out, "  %s:\n", t->choices[i].group);
		for (size_t j = i; j < t->choice_count; j++) {
			const struct choice *c = &t->choices[j];

			if (strcmp(c->group, t->choices[i].group) != 0)
				continue;
			buf_printf(out, "    %s: %s", c->key, c->value);
			yaml_evidence(t->l, out, c->where);
		}
	}
}

/* ---- rules ---- */

/* Begin a rule for an action and the named arguments of the request (NULL = none). */
static void rule_start(struct learner *l, const struct seen *s, const char *const *names)
{
	buf_puts(&l->rules, "  - when: {layer: soap, action: ");
	yaml_action(&l->rules, s->in.action);
	for (; names && *names; names++) {
		const char *value = seen_argument(s, *names);

		if (!*value || strpbrk(value, "*?[]{}!\\"))
			continue;
		buf_printf(&l->rules, ", %s: ", *names);
		yaml_text(&l->rules, slice_of(value));
	}
	buf_putc(&l->rules, '}');
	yaml_evidence(l, &l->rules, s);
}

void rule_fault(struct learner *l, const struct seen *s, const char *const *names)
{
	rule_start(l, s, names);
	buf_printf(&l->rules, "    fault: %d\n", s->out.fault_code);
}

void rule_reply(struct learner *l, const struct seen *s, const char *const *names)
{
	rule_start(l, s, names);
	buf_puts(&l->rules, "    reply:\n");
	for (size_t i = 0; i < s->out.argument_count; i++) {
		if (is_repeated(&s->out, i))
			continue;
		buf_puts(&l->rules, "      ");
		yaml_text(&l->rules, slice_of(s->out.arguments[i].name));
		buf_puts(&l->rules, ": ");
		yaml_text(&l->rules, slice_of(s->out.arguments[i].value));
		buf_putc(&l->rules, '\n');
	}
	buf_puts(&l->rules, "    perform: false\n");
}

/* ---- other actions ---- */

/* Whether a public address: it says nothing of the router, the lab's own stands for it. */
static bool is_public(struct in_addr address)
{
	static const struct {
		uint32_t net, mask;
	} special[] = {
		{0x0a000000, 0xff000000}, {0xac100000, 0xfff00000}, {0xc0a80000, 0xffff0000},
		{0x64400000, 0xffc00000}, {0xa9fe0000, 0xffff0000}, {0x7f000000, 0xff000000},
		{0x00000000, 0xff000000}, {0xe0000000, 0xe0000000}, {0xc0000000, 0xffffff00},
	};

	for (size_t i = 0; i < ARRAY_SIZE(special); i++)
		if ((ntohl(address.s_addr) & special[i].mask) == special[i].net)
			return false;
	return true;
}

void learn_address(struct table *t, const char *text, const struct seen *s)
{
	struct in_addr address;

	if (t->l->external || inet_pton(AF_INET, text, &address) != 1)
		return;
	t->l->external = xstrdup(text);
	if (is_public(address)) {
		buf_printf(&t->l->sections,
			   "# external: %s was told; a lab's router tells the address it has\n",
			   text);
		return;
	}
	buf_printf(&t->l->sections, "external: %s", text);
	yaml_evidence(t->l, &t->l->sections, s);
}

void learn_external(struct table *t, const struct seen *s)
{
	learn_address(t, seen_result(s, "NewExternalIPAddress"), s);
}

static bool asked_before(const struct learner *l, const struct seen *s)
{
	for (const struct seen *o = l->seen; o < s; o++)
		if (seen_is(o, s->in.action))
			return true;
	return false;
}

/* An out-argument that is the router's make, told by a rule; the rest of the answer is live. */
static void fixed_argument(struct table *t, const struct seen *s)
{
	static const char *const fixed[] = {"NewPossibleConnectionTypes", "NewRSIPAvailable",
					    "NewWANAccessProvider", "NewMaximumActiveConnections"};
	bool begun = asked_before(t->l, s);

	for (size_t i = 0; !begun && i < s->out.argument_count; i++)
		for (size_t f = 0; f < ARRAY_SIZE(fixed); f++) {
			if (strcmp(s->out.arguments[i].name, fixed[f]) != 0)
				continue;
			rule_start(t->l, s, NULL);
			buf_printf(&t->l->rules, "    reply: {%s: ", fixed[f]);
			yaml_text(&t->l->rules, slice_of(s->out.arguments[i].value));
			buf_puts(&t->l->rules, "}\n    perform: true\n");
		}
}

void learn_other(struct table *t, const struct seen *s)
{
	static const struct {
		const char *action, *argument, *group, *key, *allowed;
	} told[] = {
		{"GetCommonLinkProperties", "NewWANAccessType", "wan", "access-type",
		 "Ethernet|DSL|POTS|Cable|Other"},
		{"GetConnectionTypeInfo", "NewConnectionType", "wan", "type",
		 "IP_Routed|IP_Bridged|Unconfigured"},
	};
	static const char *const rates[][2] = {
		{"NewLayer1UpstreamMaxBitRate", "upstream"},
		{"NewLayer1DownstreamMaxBitRate", "downstream"},
	};

	if (s->out.kind == FACTS_FAULT) {
		if (!asked_before(t->l, s))
			rule_fault(t->l, s, NULL);
		return;
	}
	fixed_argument(t, s);
	for (size_t i = 0; i < ARRAY_SIZE(told); i++)
		if (!strcmp(s->in.action, told[i].action))
			table_choose(t, told[i].group, told[i].key, told[i].allowed,
				     seen_result(s, told[i].argument), s);
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		const char *rate = seen_result(s, rates[i][0]);

		if (*rate && strspn(rate, "0123456789") == strlen(rate) && strlen(rate) <= 10 &&
		    strtoull(rate, NULL, 10) <= UINT32_MAX)
			table_choose(t, "wan", rates[i][1], rate, rate, s);
	}
}

void learn_answer_target(struct table *t, const struct seen *s)
{
	const char *asked = facts_header(&s->in, "ST"), *said = facts_header(&s->out, "ST");
	struct urn a, b;

	if (s->out.kind == FACTS_FOUND && asked && said && urn_parse(slice_of(asked), &a) &&
	    urn_parse(slice_of(said), &b) && a.version < b.version && slice_same(a.type, b.type))
		table_choose(t, "ssdp", "answer-target", "own", "own", s);
}

/* Seconds of "Second-300", 0 = none. */
static unsigned long timeout_of(const struct facts *f)
{
	const char *text = facts_header(f, "Timeout");

	return text && !strncasecmp(text, "Second-", 7) ? strtoul(text + 7, NULL, 10) : 0;
}

/* How long a subscription was granted when another time was asked for, or a short one. */
void learn_subscription(struct table *t, const struct seen *s)
{
	unsigned long asked = timeout_of(&s->in), granted = timeout_of(&s->out);
	char text[24];

	if (!s->in.method || strcmp(s->in.method, "SUBSCRIBE") != 0 || s->out.status != 200 ||
	    !asked || !granted || granted > 604800)
		return;
	snprintf(text, sizeof(text), "%lu", granted);
	if (granted < asked)
		table_choose(t, "gena", "timeout-max", text, text, s);
	if (granted < 1800 || granted > asked)
		table_choose(t, "gena", "timeout-min", text, text, s);
}
