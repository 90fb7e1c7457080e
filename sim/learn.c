/* SPDX-License-Identifier: MIT */
/*
 * learn.c - a profile out of a recorded flow.
 *
 * Theory of operation: the exchanges of one router are decoded (facts.h); then each part adds what
 * it finds to the profile: the device tree (learn_tree.c), heads and bodies (learn_form.c,
 * learn_body.c), the table of mappings and the policy it implies (learn_table.c), times
 * (learn_timing.c), searches (learn_search.c), NAT-PMP (learn_natpmp.c). Nothing is invented
 * silently: what the flow does not show and a router needs all the same stands under "assumed".
 */
#include "learn_parts.h"

#include <arpa/inet.h>
#include <stdlib.h>

bool seen_is(const struct seen *s, const char *action)
{
	return s->reply && s->in.kind == FACTS_ACTION && s->in.action && s->whole &&
	       (s->out.kind == FACTS_RESULT || s->out.kind == FACTS_FAULT) &&
	       (s->out.kind == FACTS_FAULT || s->out.action) &&
	       (!action || !strcmp(s->in.action, action));
}

bool is_repeated(const struct facts *f, size_t i)
{
	return facts_argument(f, f->arguments[i].name) != f->arguments[i].value;
}

const char *seen_argument(const struct seen *s, const char *name)
{
	const char *value = facts_argument(&s->in, name);

	return value ? value : "";
}

const char *seen_result(const struct seen *s, const char *name)
{
	const char *value = s->out.kind == FACTS_RESULT ? facts_argument(&s->out, name) : NULL;

	return value ? value : "";
}

/* ---- which router ---- */

static bool parse_address(const char *text, struct end_point *out)
{
	*out = (struct end_point){0};
	if (text && inet_pton(AF_INET, text, out->address) == 1)
		out->family = AF_INET;
	else if (text && inet_pton(AF_INET6, text, out->address) == 1)
		out->family = AF_INET6;
	return out->family;
}

/* Whether @e is the router; a source that does not say who it is cannot contradict. */
static bool is_router(const struct learner *l, const struct end_point *e)
{
	return !e->family ||
	       (e->family == l->router.family &&
		!memcmp(e->address, l->router.address, e->family == AF_INET ? 4 : 16));
}

static char *address_text(const struct end_point *e)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (e->family)
		inet_ntop(e->family, e->address, text, sizeof(text));
	return xstrdup(text);
}

static bool choose_router(struct learner *l, struct diag *d)
{
	const char *name = l->options->router ? l->options->router : l->flow->router;

	if (!name) {
		diag_at(d, l->options->flow, 0,
			"the flow does not say which address is the router's; give --router");
		return false;
	}
	if (!parse_address(name, &l->router)) {
		diag_at(d, l->options->flow, 0, "router \"%s\" is no IPv4 or IPv6 address", name);
		return false;
	}
	l->router_text = address_text(&l->router);
	l->client_text = l->flow->client ? xstrdup(l->flow->client) : NULL;
	return true;
}

/* ---- what it said ---- */

static struct seen *add_seen(struct learner *l, size_t number, const struct recorded_message *reply)
{
	const struct exchange *x = &l->flow->exchanges[number];
	struct seen *s;

	l->seen = xrealloc(l->seen, (l->count + 1) * sizeof(*l->seen));
	s = &l->seen[l->count++];
	*s = (struct seen){.x = x, .number = number, .reply = reply};
	if (x->has_request)
		facts_of(x->protocol, &x->request, &s->in);
	if (reply) {
		facts_of(x->protocol, reply, &s->out);
		s->whole = !reply->gap_count;
	}
	return s;
}

static bool spoken(enum flow_protocol protocol)
{
	return protocol == FLOW_SSDP || protocol == FLOW_HTTP || protocol == FLOW_SOAP ||
	       protocol == FLOW_GENA || protocol == FLOW_NATPMP;
}

static void collect(struct learner *l)
{
	for (size_t i = 0; i < l->flow->count; i++) {
		const struct exchange *x = &l->flow->exchanges[i];
		size_t answers = 0;

		if (!spoken(x->protocol))
			continue;
		if (x->from_router) {
			if (is_router(l, &x->request.from))
				add_seen(l, i, NULL);
			continue;
		}
		for (size_t r = 0; r < x->reply_count; r++)
			if (is_router(l, &x->replies[r].from)) {
				add_seen(l, i, &x->replies[r]);
				answers++;
			}
		if (!answers && !x->reply_count && x->has_request &&
		    (x->protocol == FLOW_SSDP || is_router(l, &x->request.to)))
			add_seen(l, i, NULL);
	}
}

static bool is_told(const struct seen *s)
{
	return s->reply || s->x->from_router;
}

static size_t answers(const struct learner *l)
{
	size_t count = 0;

	for (size_t i = 0; i < l->count; i++)
		count += is_told(&l->seen[i]);
	return count;
}

/* The value of SERVER that most HTTP answers have; of SSDP when none has. */
static void choose_server(struct learner *l)
{
	struct forms http = {0}, ssdp = {0};
	const struct form *best;

	for (size_t i = 0; i < l->count; i++) {
		const struct seen *s = &l->seen[i];
		const char *value =
			s->reply ? facts_header(&s->out, "Server") : facts_header(&s->in, "Server");

		if (value && *value)
			forms_vote(s->x->protocol == FLOW_SSDP ? &ssdp : &http, slice_of(value), s);
	}
	best = forms_best(&http);
	best = best ? best : forms_best(&ssdp);
	l->server = best ? slice_dup(buf_slice(&best->text)) : NULL;
	forms_free(&http);
	forms_free(&ssdp);
}

/* ---- the file ---- */

static void write_start(const struct learner *l, struct buf *out)
{
	struct buf summary = {0};

	buf_printf(&summary, "router %s as recorded in %s", l->router_text, l->options->flow);
	buf_puts(out, "# Written by igdlab learn: what the flow shows, and where.\nsummary: ");
	yaml_text(out, buf_slice(&summary));
	for (size_t i = 0; l->options->alike && i < l->options->alike->count; i++)
		buf_printf(out, "\n# profile %s has the same SERVER; --base lays this over it",
			   l->options->alike->items[i]);
	buf_printf(out, "\nextends: %s\nevidence:\n  - {source: ",
		   l->options->base ? l->options->base
				    : (l->igd2 ? "conformant-igd2" : "conformant-igd1"));
	yaml_text(out, slice_of(l->options->flow));
	buf_printf(out, ", seen: \"%zu answers\", class: field}\n", answers(l));
	buf_free(&summary);
	buf_puts(out, "assumed:\n");
	for (size_t i = 0; i < l->assumed.count; i++) {
		buf_puts(out, "  - ");
		yaml_text(out, slice_of(l->assumed.items[i]));
		buf_putc(out, '\n');
	}
	buf_puts(out, "  - \"answers to everything that the flow does not ask\"\n");
}

static void write_profile(struct learner *l, struct buf *out)
{
	struct buf messages = {0};

	learn_heads(l, &messages);
	learn_bodies(l, &messages);
	learn_table(l);
	learn_timing(l);
	learn_exact(l);
	write_start(l, out);
	buf_add_slice(out, buf_slice(&l->sections));
	if (messages.len) {
		buf_puts(out, "messages:\n");
		buf_add_slice(out, buf_slice(&messages));
	}
	for (size_t i = 0; l->options->quirks && i < l->options->quirks->count; i++)
		buf_printf(out,
			   "%s  - %s  # seen on this version of the program; not in the flow\n",
			   i ? "" : "quirks:\n", l->options->quirks->items[i]);
	if (l->rules.len) {
		buf_puts(out, "rules:\n");
		buf_add_slice(out, buf_slice(&l->rules));
	}
	buf_puts(out, "client: {must: survives}\n");
	buf_free(&messages);
}

void learner_end(struct learner *l)
{
	for (size_t i = 0; i < l->count; i++) {
		facts_free(&l->seen[i].in);
		facts_free(&l->seen[i].out);
	}
	learn_tree_free(l);
	free(l->seen);
	free(l->router_text);
	free(l->client_text);
	free(l->server);
	free(l->external);
	buf_free(&l->sections);
	buf_free(&l->rules);
	buf_free(&l->order);
	names_free(&l->assumed);
}

bool learner_begin(struct learner *l, struct diag *d)
{
	if (!choose_router(l, d))
		return false;
	collect(l);
	for (size_t i = 0; i < l->count; i++)
		l->upnp |= is_told(&l->seen[i]) && l->seen[i].x->protocol != FLOW_NATPMP;
	if (answers(l))
		return true;
	diag_at(d, l->options->flow, 0,
		"%s answered nothing in it: no SSDP reply or NOTIFY, no HTTP answer, no NAT-PMP",
		l->router_text);
	return false;
}

int learn(const struct recording *flow, const struct learn_options *options, struct learned *out,
	  struct diag *d)
{
	struct learner l = {.flow = flow, .options = options};
	bool fine = learner_begin(&l, d);

	*out = (struct learned){0};
	if (fine) {
		choose_server(&l);
		if (l.upnp) {
			learn_tree(&l);
			learn_tree_write(&l);
		} else {
			names_add(&l.assumed, "no UPnP: the flow has only NAT-PMP");
		}
		write_profile(&l, &out->profile);
		out->router = xstrdup(l.router_text);
		out->client = l.client_text ? xstrdup(l.client_text) : NULL;
		out->external = l.external ? xstrdup(l.external) : NULL;
		out->server = l.server ? xstrdup(l.server) : NULL;
		out->port = l.port;
		out->used = answers(&l);
	}
	learner_end(&l);
	return fine ? 0 : -1;
}

void learned_free(struct learned *l)
{
	buf_free(&l->profile);
	free(l->router);
	free(l->client);
	free(l->external);
	free(l->server);
	*l = (struct learned){0};
}
