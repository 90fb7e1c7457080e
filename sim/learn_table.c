/* SPDX-License-Identifier: MIT */
/*
 * learn_table.c - what the router keeps: its port mappings, as the flow shows them.
 *
 * Theory of operation: the flow is walked in order with a copy of the router's table: what AddPort-
 * Mapping and DeletePortMapping did to it is known, so an entry that is read and was not added in
 * the flow was there at its start and goes into "state". Each refusal is explained by the first
 * policy that allows it; what none explains becomes a rule for these arguments.
 */
#include "learn_table.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

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
		table_choose(t, "lease", "finite", "permanent", "permanent", s);
	} else if (e->asked && said == e->asked && age >= 2) {
		table_choose(t, "lease", "report", "granted", "granted", s);
	} else if (!e->asked && said) {
		snprintf(text, sizeof(text), "%lu", said + (unsigned long)age);
		table_choose(t, "lease", "zero", "maximum", "maximum", s);
		table_choose(t, "lease", "max", text, text, s);
	} else if (e->asked && said > e->asked) {
		snprintf(text, sizeof(text), "%lu", said + (unsigned long)age);
		table_choose(t, "lease", "min", text, text, s);
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
		table_choose(t, "description", "other-characters", how, how, s);
	buf_free(&dots);
	buf_free(&rest);
}

/* An entry that was read; @index of it, -1 = it was asked for by its key. */
static void on_entry(struct table *t, const struct seen *s, value_fn *key, long index)
{
	struct entry *e =
		find(t, key(s, "NewRemoteHost"), key(s, "NewExternalPort"), key(s, "NewProtocol"));

	if (e) {
		read_lease(t, e, s);
		read_description(t, e, s);
	} else {
		e = add_from(t, s, key, seen_result);
		e->lease += e->lease ? (unsigned long)seconds_since(t->start, e->when) : 0;
	}
	if (index < 0)
		return;
	if (!e->added && e->index < 0) {
		e->index = index;
		for (size_t i = 0; i < t->count; i++)
			e->newer += t->list[i].added && !t->list[i].gone;
	}
	table_read_at(t, (size_t)(e - t->list), index, s);
}

static void on_generic(struct table *t, const struct seen *s)
{
	static const char *const names[] = {"NewPortMappingIndex", NULL};
	long index = strtol(seen_argument(s, "NewPortMappingIndex"), NULL, 10);
	const char *protocol = seen_result(s, "NewProtocol");
	char code[16];

	if (s->out.kind == FACTS_FAULT) {
		snprintf(code, sizeof(code), "%d", s->out.fault_code);
		if (!table_choose(t, "generic", "end", "713|714|402|501|401|606", code, s))
			rule_fault(t->l, s, names);
		return;
	}
	if (strcmp(protocol, "TCP") != 0 && strcmp(protocol, "UDP") != 0) {
		if (!index && !t->phantom) {
			t->phantom = true;
			table_choose(t, "generic", "first", "1", "1", s);
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
	if (asked_for(t, s) ||
	    !table_choose(t, "specific", "missing", "714|713|606|402|501", code, s))
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

static bool is_low(const char *port)
{
	unsigned long number = strtoul(port, NULL, 10);

	return number && number < 1024;
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
		{is_low(external), "client", "low-external-port", "606|501|402|718"},
		{is_low(internal), "client", "low-internal-port", "606|501|402|718"},
		{!*seen_argument(s, "NewPortMappingDescription"), "description", "empty",
		 "402|501|600"},
	};
	char code[16];

	snprintf(code, sizeof(code), "%d", s->out.fault_code);
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].when &&
		    table_choose(t, reasons[i].group, reasons[i].key, reasons[i].codes, code, s))
			return true;
	return false;
}

static void on_add(struct table *t, const struct seen *s)
{
	static const char *const names[] = {"NewExternalPort", "NewProtocol", "NewInternalPort",
					    "NewLeaseDuration", NULL};
	struct entry *e = asked_for(t, s);
	unsigned rank;

	if (s->out.kind == FACTS_FAULT) {
		if (!explain_add(t, s))
			rule_fault(t->l, s, names);
		return;
	}
	if (e && strcmp(e->client, seen_argument(s, "NewInternalClient")) != 0)
		table_choose(t, "conflict", "other-client", "overwrite", "overwrite", s);
	if (!is_own(s))
		table_choose(t, "client", "third-party", "accept", "accept", s);
	if (is_low(seen_argument(s, "NewExternalPort")) && t->l->igd2)
		table_choose(t, "client", "low-external-port", "accept", "accept", s);
	if (is_low(seen_argument(s, "NewInternalPort")) && t->l->igd2)
		table_choose(t, "client", "low-internal-port", "accept", "accept", s);
	/* What is added again keeps its place. */
	rank = e ? e->rank : ++t->ranks;
	if (e)
		e->gone = true;
	e = add_from(t, s, seen_argument, seen_argument);
	e->added = true;
	e->rank = rank;
	e->asked = e->lease;
	t->version++;
}

static void on_delete(struct table *t, const struct seen *s)
{
	static const char *const names[] = {"NewExternalPort", "NewProtocol", NULL};
	struct entry *e = asked_for(t, s);
	char code[16];

	snprintf(code, sizeof(code), "%d", s->out.fault_code);
	if (s->out.kind == FACTS_FAULT) {
		if (e || !table_choose(t, "delete", "missing", "714|713|402|501|606", code, s))
			rule_fault(t->l, s, names);
	} else if (e) {
		e->gone = true;
		t->version++;
	} else {
		table_choose(t, "delete", "missing", "accept", "accept", s);
	}
}

/* Another host of the client's network. */
static char *other_client(const struct learner *l)
{
	const char *own = l->client_text ? l->client_text : "192.168.1.4";
	size_t net = strcspn(own, ".");

	while (own[net] && strchr(own + net + 1, '.'))
		net += 1 + strcspn(own + net + 1, ".");
	return xasprintf("%.*s.%d", (int)net, own, !strcmp(own + net, ".254") ? 253 : 254);
}

void table_taken(struct table *t, uint16_t port, const char *protocol, const struct seen *where)
{
	char number[8];

	snprintf(number, sizeof(number), "%u", port);
	if (find(t, "", number, protocol))
		return;
	add(t, &(struct entry){
		       .remote = xstrdup(""),
		       .port = xstrdup(number),
		       .protocol = xstrdup(protocol),
		       .internal_port = xstrdup(number),
		       .client = other_client(t->l),
		       .enabled = xstrdup("1"),
		       .description = xstrdup("assumed"),
		       .index = -1,
		       .where = where,
	       });
	names_add(&t->l->assumed, "who has the ports that NAT-PMP did not give");
}

/* ---- the walk ---- */

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
		{"GetExternalIPAddress", learn_external},
	};

	for (size_t i = 0; i < t->l->count; i++) {
		const struct seen *s = &t->l->seen[i];
		size_t a = 0;

		if (s->reply) {
			learn_subscription(t, s);
			learn_answer_target(t, s);
		}
		if (!seen_is(s, NULL))
			continue;
		while (a < ARRAY_SIZE(actions) && strcmp(s->in.action, actions[a].action) != 0)
			a++;
		if (a < ARRAY_SIZE(actions))
			actions[a].on(t, s);
		else
			learn_other(t, s);
	}
}

void learn_table(struct learner *l)
{
	struct table t = {.l = l, .start = RECORDING_NO_TIME, .order.entry = -1};

	for (size_t i = 0; i < l->count && t.start == RECORDING_NO_TIME; i++)
		t.start = exchange_first_ns(l->seen[i].x);
	walk(&t);
	learn_natpmp(&t);
	table_choose_order(&t);
	table_write_policy(&t, &l->sections);
	table_write_state(&t, &l->sections);
	for (size_t i = 0; i < t.count; i++)
		entry_free(&t.list[i]);
	for (size_t i = 0; i < t.choice_count; i++)
		free(t.choices[i].value);
	free(t.list);
}
