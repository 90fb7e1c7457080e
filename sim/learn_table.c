/* SPDX-License-Identifier: MIT */
/*
 * learn_table.c - what the router keeps and how it decides: port mappings, policy, address.
 *
 * Theory of operation: the flow is walked in order with a copy of the router's table: what AddPort-
 * Mapping and DeletePortMapping did to it is known, so an entry that is read and was not added in
 * the flow was there at its start and goes into "state". Indexes that were passed over are filled
 * with assumed entries, so that the others keep their place. Each refusal is explained by the first
 * policy that allows it; what none explains becomes a rule for these arguments.
 */
#include "../fakeigd/wire/ssdp.h"
#include "learn_parts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define INDEX_MAX 4096 /* further entries are not filled up to */

/**
 * struct entry - a mapping of the router
 * @index:	place in the table when it was read, -1 = not known; @newer: entries that the flow
 *had added by then, which may stand in front of it
 * @added:	by the flow, with lease @asked at @when; else it was there before
 * @gone:	deleted by the flow
 */
struct entry {
	char *remote, *port, *protocol, *internal_port, *client, *enabled, *description;
	unsigned long lease;
	long index, newer;
	bool added, gone;
	unsigned long asked;
	int64_t when;
	const struct seen *where;
};

/** struct choice - a policy that was found: "lease.report" = "granted" */
struct choice {
	const char *group, *key;
	char *value;
	const struct seen *where;
};

struct table {
	struct learner *l;
	struct entry *list;
	size_t count;
	struct choice choices[32];
	size_t choice_count;
	long first;
	int64_t start;
	bool phantom;
};

static void entry_free(struct entry *e)
{
	free(e->remote);
	free(e->port);
	free(e->protocol);
	free(e->internal_port);
	free(e->client);
	free(e->enabled);
	free(e->description);
}

/* ---- policy ---- */

/* Note a policy when @value is one of @allowed ("a|b|c"). Return: whether it is. */
static bool choose(struct table *t, const char *group, const char *key, const char *allowed,
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
	if (t->choice_count < ARRAY_SIZE(t->choices))
		t->choices[t->choice_count++] = (struct choice){group, key, xstrdup(value), where};
	return true;
}

static void write_policy(struct table *t, struct buf *out)
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

static void rule_fault(struct learner *l, const struct seen *s, const char *const *names)
{
	rule_start(l, s, names);
	buf_printf(&l->rules, "    fault: %d\n", s->out.fault_code);
}

static void rule_reply(struct learner *l, const struct seen *s, const char *const *names)
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

/* ---- the table ---- */

static bool same_number(const char *a, const char *b)
{
	return strtoul(a, NULL, 10) == strtoul(b, NULL, 10);
}

static struct entry *find(struct table *t, const char *remote, const char *port,
			  const char *protocol)
{
	for (size_t i = 0; i < t->count; i++) {
		struct entry *e = &t->list[i];

		if (!e->gone && !strcmp(e->remote, remote) && same_number(e->port, port) &&
		    !strcmp(e->protocol, protocol))
			return e;
	}
	return NULL;
}

static struct entry *asked_for(struct table *t, const struct seen *s)
{
	return find(t, seen_argument(s, "NewRemoteHost"), seen_argument(s, "NewExternalPort"),
		    seen_argument(s, "NewProtocol"));
}

static struct entry *add(struct table *t, const struct entry *e)
{
	t->list = xrealloc(t->list, (t->count + 1) * sizeof(*t->list));
	t->list[t->count] = *e;
	return &t->list[t->count++];
}

static int64_t seconds_since(int64_t from, int64_t to)
{
	return from == RECORDING_NO_TIME || to == RECORDING_NO_TIME ? 0 : (to - from) / 1000000000;
}

typedef const char *value_fn(const struct seen *s, const char *name);

static struct entry *add_from(struct table *t, const struct seen *s, value_fn *key, value_fn *value)
{
	const char *enabled = value(s, "NewEnabled");

	return add(t, &(struct entry){
			      .remote = xstrdup(key(s, "NewRemoteHost")),
			      .port = xstrdup(key(s, "NewExternalPort")),
			      .protocol = xstrdup(key(s, "NewProtocol")),
			      .internal_port = xstrdup(value(s, "NewInternalPort")),
			      .client = xstrdup(value(s, "NewInternalClient")),
			      .enabled = xstrdup(*enabled ? enabled : "1"),
			      .description = xstrdup(value(s, "NewPortMappingDescription")),
			      .lease = strtoul(value(s, "NewLeaseDuration"), NULL, 10),
			      .index = -1,
			      .when = exchange_first_ns(s->x),
			      .where = s,
		      });
}

static void read_lease(struct table *t, const struct entry *e, const struct seen *s)
{
	unsigned long said = strtoul(seen_result(s, "NewLeaseDuration"), NULL, 10);
	int64_t age = seconds_since(e->when, exchange_first_ns(s->x));
	char text[24];

	if (!e->added)
		return;
	if (e->asked && !said) {
		choose(t, "lease", "finite", "permanent", "permanent", s);
	} else if (e->asked && said == e->asked && age >= 2) {
		choose(t, "lease", "report", "granted", "granted", s);
	} else if (!e->asked && said) {
		snprintf(text, sizeof(text), "%lu", said + (unsigned long)age);
		choose(t, "lease", "zero", "maximum", "maximum", s);
		choose(t, "lease", "max", text, text, s);
	} else if (e->asked && said > e->asked) {
		snprintf(text, sizeof(text), "%lu", said + (unsigned long)age);
		choose(t, "lease", "min", text, text, s);
	}
}

/* What became of a description: other characters are dots, or gone. */
static void read_description(struct table *t, const struct entry *e, const struct seen *s)
{
	const char *said = seen_result(s, "NewPortMappingDescription"), *how = NULL;
	struct buf dots = {0}, rest = {0};

	for (const char *c = e->description; *c; c++) {
		bool plain = isalnum((unsigned char)*c) || *c == '-';

		buf_putc(&dots, plain ? *c : '.');
		if (plain || *c == ' ')
			buf_putc(&rest, *c);
	}
	if (e->added && *e->description && strcmp(said, e->description) != 0)
		how = !strcmp(said, dots.data)		      ? "dot"
		      : rest.data && !strcmp(said, rest.data) ? "remove"
							      : NULL;
	if (how)
		choose(t, "description", "other-characters", how, how, s);
	buf_free(&dots);
	buf_free(&rest);
}

static void on_entry(struct table *t, const struct seen *s, value_fn *key, long index)
{
	struct entry *e =
		find(t, key(s, "NewRemoteHost"), key(s, "NewExternalPort"), key(s, "NewProtocol"));

	if (e) {
		read_lease(t, e, s);
		read_description(t, e, s);
		if (!e->added && e->index < 0)
			e->index = index;
		return;
	}
	e = add_from(t, s, key, seen_result);
	e->index = index;
	for (size_t i = 0; i < t->count; i++)
		e->newer += t->list[i].added && !t->list[i].gone;
	e->lease += e->lease ? (unsigned long)seconds_since(t->start, e->when) : 0;
}

static void on_generic(struct table *t, const struct seen *s)
{
	static const char *const names[] = {"NewPortMappingIndex", NULL};
	long index = strtol(seen_argument(s, "NewPortMappingIndex"), NULL, 10);
	const char *protocol = seen_result(s, "NewProtocol");
	char code[16];

	if (s->out.kind == FACTS_FAULT) {
		snprintf(code, sizeof(code), "%d", s->out.fault_code);
		if (!choose(t, "generic", "end", "713|714|402|501|401|606", code, s))
			rule_fault(t->l, s, names);
		return;
	}
	if (strcmp(protocol, "TCP") != 0 && strcmp(protocol, "UDP") != 0) {
		if (!index && !t->phantom) {
			t->phantom = true;
			choose(t, "generic", "first", "1", "1", s);
			rule_reply(t->l, s, names);
		}
		return;
	}
	on_entry(t, s, seen_result, index);
}

static void on_specific(struct table *t, const struct seen *s)
{
	static const char *const names[] = {"NewExternalPort", "NewProtocol", NULL};
	char code[16];

	if (s->out.kind == FACTS_RESULT) {
		on_entry(t, s, seen_argument, -1);
		return;
	}
	snprintf(code, sizeof(code), "%d", s->out.fault_code);
	if (asked_for(t, s) || !choose(t, "specific", "missing", "714|713|606|402|501", code, s))
		rule_fault(t->l, s, names);
}

/* ---- adding and deleting ---- */

static bool is_own(const struct seen *s)
{
	char from[INET6_ADDRSTRLEN] = "";

	if (s->x->request.from.family)
		inet_ntop(s->x->request.from.family, s->x->request.from.address, from,
			  sizeof(from));
	return !*from || !strcmp(from, seen_argument(s, "NewInternalClient"));
}

/* Which policy a refusal of AddPortMapping shows; false: none that is known. */
static bool explain_add(struct table *t, const struct seen *s)
{
	const struct entry *held = asked_for(t, s);
	const char *external = seen_argument(s, "NewExternalPort"),
		   *internal = seen_argument(s, "NewInternalPort");
	bool other = held && strcmp(held->client, seen_argument(s, "NewInternalClient")) != 0;
	bool lease = strtoul(seen_argument(s, "NewLeaseDuration"), NULL, 10);
	unsigned long port = strtoul(external, NULL, 10);
	const struct {
		bool when;
		const char *group, *key, *codes;
	} reasons[] = {
		{lease, "lease", "finite", "725"},
		{!lease, "lease", "zero", "725"},
		{!same_number(external, internal), "internal-port", "other", "724"},
		{*seen_argument(s, "NewRemoteHost"), "remote-host", "specific", "726"},
		{port, "external-port", "specific", "727"},
		{!port, "external-port", "zero", "716|402|501|606"},
		{!strtoul(internal, NULL, 10), "internal-port", "zero", "402|501|600|601|732"},
		{other, "conflict", "other-client", "718|729|501|402|606"},
		{held && !other, "conflict", "same-entry", "718|501"},
		{!is_own(s), "client", "third-party", "606|718|501|402"},
		{port && port < 1024, "client", "low-external-port", "606|501|402|718"},
		{!*seen_argument(s, "NewPortMappingDescription"), "description", "empty",
		 "402|501|600"},
	};
	char code[16];

	snprintf(code, sizeof(code), "%d", s->out.fault_code);
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].when &&
		    choose(t, reasons[i].group, reasons[i].key, reasons[i].codes, code, s))
			return true;
	return false;
}

static void on_add(struct table *t, const struct seen *s)
{
	static const char *const names[] = {"NewExternalPort", "NewProtocol", "NewInternalPort",
					    "NewLeaseDuration", NULL};
	struct entry *e = asked_for(t, s);

	if (s->out.kind == FACTS_FAULT) {
		if (!explain_add(t, s))
			rule_fault(t->l, s, names);
		return;
	}
	if (e && strcmp(e->client, seen_argument(s, "NewInternalClient")) != 0)
		choose(t, "conflict", "other-client", "overwrite", "overwrite", s);
	if (!is_own(s))
		choose(t, "client", "third-party", "accept", "accept", s);
	if (e)
		e->gone = true;
	e = add_from(t, s, seen_argument, seen_argument);
	e->added = true;
	e->asked = e->lease;
}

static void on_delete(struct table *t, const struct seen *s)
{
	static const char *const names[] = {"NewExternalPort", "NewProtocol", NULL};
	struct entry *e = asked_for(t, s);
	char code[16];

	snprintf(code, sizeof(code), "%d", s->out.fault_code);
	if (s->out.kind == FACTS_FAULT) {
		if (e || !choose(t, "delete", "missing", "714|713|402|501|606", code, s))
			rule_fault(t->l, s, names);
	} else if (e) {
		e->gone = true;
	} else {
		choose(t, "delete", "missing", "accept", "accept", s);
	}
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

static void on_address(struct table *t, const struct seen *s)
{
	const char *text = seen_result(s, "NewExternalIPAddress");
	struct in_addr address;

	if (t->l->external || s->out.kind == FACTS_FAULT || inet_pton(AF_INET, text, &address) != 1)
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

static void on_other(struct table *t, const struct seen *s)
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
			choose(t, told[i].group, told[i].key, told[i].allowed,
			       seen_result(s, told[i].argument), s);
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		const char *rate = seen_result(s, rates[i][0]);

		if (*rate && strspn(rate, "0123456789") == strlen(rate) && strlen(rate) <= 10 &&
		    strtoull(rate, NULL, 10) <= UINT32_MAX)
			choose(t, "wan", rates[i][1], rate, rate, s);
	}
}

/* Seconds of "Second-300", 0 = none. */
static unsigned long timeout_of(const struct facts *f)
{
	const char *text = facts_header(f, "Timeout");

	return text && !strncasecmp(text, "Second-", 7) ? strtoul(text + 7, NULL, 10) : 0;
}

/* How long a subscription was granted when another time was asked for, or a short one. */
static void on_subscribe(struct table *t, const struct seen *s)
{
	unsigned long asked = timeout_of(&s->in), granted = timeout_of(&s->out);
	char text[24];

	if (!s->in.method || strcmp(s->in.method, "SUBSCRIBE") != 0 || s->out.status != 200 ||
	    !asked || !granted || granted > 604800)
		return;
	snprintf(text, sizeof(text), "%lu", granted);
	if (granted < asked)
		choose(t, "gena", "timeout-max", text, text, s);
	if (granted < 1800 || granted > asked)
		choose(t, "gena", "timeout-min", text, text, s);
}

static void walk(struct table *t)
{
	static const struct {
		const char *action;
		void (*on)(struct table *t, const struct seen *s);
	} actions[] = {
		{"GetGenericPortMappingEntry", on_generic},
		{"GetSpecificPortMappingEntry", on_specific},
		{"AddPortMapping", on_add},
		{"DeletePortMapping", on_delete},
		{"GetExternalIPAddress", on_address},
	};

	for (size_t i = 0; i < t->l->count; i++) {
		const struct seen *s = &t->l->seen[i];
		size_t a = 0;

		if (s->reply)
			on_subscribe(t, s);
		if (!seen_is(s, NULL))
			continue;
		while (a < ARRAY_SIZE(actions) && strcmp(s->in.action, actions[a].action) != 0)
			a++;
		if (a < ARRAY_SIZE(actions))
			actions[a].on(t, s);
		else
			on_other(t, s);
	}
}

/* ---- state ---- */

static int by_index(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->index < 0   ? y->index >= 0
	       : y->index < 0 ? -1
			      : (x->index > y->index) - (x->index < y->index);
}

static void write_mapping(struct table *t, const struct entry *e, struct buf *out)
{
	buf_puts(out, "    - {");
	if (*e->remote && strcmp(e->remote, "*") != 0 && strcmp(e->remote, "0.0.0.0") != 0)
		buf_printf(out, "remote_host: %s, ", e->remote);
	buf_printf(out,
		   "external_port: %s, protocol: %s, internal_port: %s, internal_client: %s, "
		   "description: ",
		   e->port, e->protocol, e->internal_port, e->client);
	yaml_text(out, slice_of(e->description));
	buf_printf(out, ", lease: %lu%s}", e->lease,
		   strcmp(e->enabled, "0") != 0 ? "" : ", enabled: false");
	yaml_evidence(t->l, out, e->where);
}

static void write_filler(struct table *t, long index, struct buf *out)
{
	buf_printf(out,
		   "    - {external_port: %ld, protocol: TCP, internal_port: %ld, internal_client: "
		   "%s, description: assumed, lease: 0}\n",
		   20000 + index, 20000 + index,
		   t->l->client_text ? t->l->client_text : "192.168.1.4");
}

static bool is_port(const char *text)
{
	uint64_t port;

	return slice_number(slice_of(text), 65535, &port);
}

/* Whether an entry can stand in a profile. */
static bool usable(const struct entry *e)
{
	struct in_addr address;

	if (*e->remote && strcmp(e->remote, "*") != 0 &&
	    inet_pton(AF_INET, e->remote, &address) != 1)
		return false;
	return !e->added && inet_pton(AF_INET, e->client, &address) == 1 &&
	       (!strcmp(e->protocol, "TCP") || !strcmp(e->protocol, "UDP")) && is_port(e->port) &&
	       is_port(e->internal_port);
}

static void write_state(struct table *t, struct buf *out)
{
	long next = t->phantom ? 1 : 0, filled = 0;
	bool any = false;

	if (t->count)
		qsort(t->list, t->count, sizeof(*t->list), by_index);
	for (size_t i = 0; i < t->count; i++) {
		const struct entry *e = &t->list[i];

		if (!usable(e))
			continue;
		if (!any)
			buf_puts(out, "state:\n  mappings:\n");
		any = true;
		for (; e->index >= 0 && e->index < INDEX_MAX && next < e->index - e->newer;
		     next++, filled++)
			write_filler(t, next, out);
		write_mapping(t, e, out);
		next++;
	}
	if (filled) {
		char *text =
			xasprintf("%ld entries of the table that the flow passes over", filled);

		names_add(&t->l->assumed, text);
		free(text);
	}
}

void learn_table(struct learner *l)
{
	struct table t = {.l = l, .start = RECORDING_NO_TIME};

	for (size_t i = 0; i < l->count && t.start == RECORDING_NO_TIME; i++)
		t.start = exchange_first_ns(l->seen[i].x);
	walk(&t);
	write_policy(&t, &l->sections);
	write_state(&t, &l->sections);
	for (size_t i = 0; i < t.count; i++)
		entry_free(&t.list[i]);
	for (size_t i = 0; i < t.choice_count; i++)
		free(t.choices[i].value);
	free(t.list);
}
