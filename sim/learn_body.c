/* SPDX-License-Identifier: MIT */
/*
 * learn_body.c - the form of bodies: SOAP responses and faults.
 *
 * Theory of operation: a response is taken apart at the element that is named after its action:
 * what is before and behind it is the envelope, what is inside are the arguments. White space
 * between two arguments belongs to each argument, in front of it or behind it; whichever fits more
 * of the answers is taken. The form that most answers have becomes the message. An action whose
 * answers have another envelope gets a rule with it; empty arguments that are written as one tag
 * get a rule that writes them so.
 */
#include "learn_parts.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define ARGUMENTS_MAX 32

/** struct piece - one argument: white space in front, what stands behind the name, the value */
struct piece {
	struct slice lead, name, attributes, value;
	bool one_tag;
};

/** struct anatomy - a response taken apart; slices into its body */
struct anatomy {
	struct slice before, after, tail;
	struct piece piece[ARGUMENTS_MAX];
	size_t count;
	bool one_tag;
};

static bool ends_name(char c)
{
	return c == '>' || c == '/' || isspace((unsigned char)c);
}

const char *find_tag(struct slice in, const char *name, const char **behind)
{
	size_t len = strlen(name);

	for (const char *at = text_find(in, name); at;
	     at = text_find(text_from(in, at + 1), name)) {
		const char *open = at;

		while (open > in.ptr && open[-1] != '<' && open[-1] != '/' &&
		       !isspace((unsigned char)open[-1]) && open[-1] != '>')
			open--;
		if (open > in.ptr && open[-1] == '<' && at + len < in.ptr + in.len &&
		    ends_name(at[len])) {
			*behind = at + len;
			return open - 1;
		}
	}
	return NULL;
}

/* One argument from the front of @rest. */
static bool take_piece(struct slice *rest, const struct fact *fact, struct piece *p)
{
	const char *behind, *open = find_tag(*rest, fact->name, &behind), *end, *close;
	char *closing;

	if (!open || open[1] != fact->name[0])
		return false;
	end = memchr(behind, '>', text_from(*rest, behind).len);
	if (!end)
		return false;
	p->lead = text_upto(*rest, open);
	p->name = (struct slice){open + 1, strlen(fact->name)};
	p->one_tag = end[-1] == '/';
	p->attributes = (struct slice){behind, (size_t)(end - behind) - p->one_tag};
	if (p->one_tag) {
		*rest = text_from(*rest, end + 1);
		return true;
	}
	closing = xasprintf("</%s>", fact->name);
	close = text_find(text_from(*rest, end), closing);
	if (close) {
		p->value = (struct slice){end + 1, (size_t)(close - end) - 1};
		*rest = text_from(*rest, close + strlen(closing));
	}
	free(closing);
	return close;
}

static bool take_apart(const struct facts *f, struct anatomy *a)
{
	struct slice body = buf_slice(&f->body), rest;
	char *name = xasprintf("%sResponse", f->action);
	const char *behind, *open = find_tag(body, name, &behind), *end, *close = NULL;

	*a = (struct anatomy){0};
	end = open ? memchr(behind, '>', text_from(body, behind).len) : NULL;
	if (end && end[-1] == '/') {
		a->one_tag = true;
		a->before = body;
	} else if (end) {
		for (const char *at = text_find(text_from(body, end), name); at;
		     at = text_find(text_from(body, at + 1), name))
			close = at;
		while (close && close > end && *close != '<')
			close--;
		a->before = text_upto(body, end + 1);
	}
	free(name);
	if (a->one_tag)
		return true;
	if (!close)
		return false;
	a->after = text_from(body, close);
	rest = (struct slice){end + 1, (size_t)(close - end) - 1};
	for (; a->count < f->argument_count && a->count < ARGUMENTS_MAX; a->count++)
		if (!take_piece(&rest, &f->arguments[a->count], &a->piece[a->count]))
			return false;
	a->tail = rest;
	return a->count == f->argument_count;
}

/* ---- envelope and argument ---- */

static void add_envelope(const struct facts *f, struct slice text, struct buf *out)
{
	char *name = xasprintf("%sResponse", f->action);
	struct stand_in subs[] = {
		{slice_of(name), "{action}Response"},
		{slice_of(f->service ? f->service : ""), "{service_type}"},
	};

	template_add(out, text, subs, ARRAY_SIZE(subs));
	free(name);
}

static void add_argument(const struct piece *p, struct buf *out)
{
	static const struct stand_in types[] = {
		{{"\"string\"", 8}, "\"{type}\""}, {{"\"ui2\"", 5}, "\"{type}\""},
		{{"\"ui4\"", 5}, "\"{type}\""},	   {{"\"boolean\"", 9}, "\"{type}\""},
		{{"\"ui1\"", 5}, "\"{type}\""},
	};

	buf_puts(out, "<{name}");
	template_add(out, p->attributes, types, ARRAY_SIZE(types));
	buf_puts(out, ">{value}</{name}>");
}

/* What stands between two arguments: false when not always the same. */
static bool between(const struct anatomy *a, struct slice *out)
{
	if (a->count < 2)
		return false;
	for (size_t i = 2; i < a->count; i++)
		if (!text_same(a->piece[1].lead, a->piece[i].lead))
			return false;
	*out = a->piece[1].lead;
	return true;
}

struct slice without_end(struct slice s, struct slice end, bool *fits)
{
	*fits &= s.len >= end.len &&
		 (!end.len || !memcmp(s.ptr + s.len - end.len, end.ptr, end.len));
	return *fits ? (struct slice){s.ptr, s.len - end.len} : s;
}

struct slice without_start(struct slice s, struct slice start, bool *fits)
{
	*fits &= s.len >= start.len && (!start.len || !memcmp(s.ptr, start.ptr, start.len));
	return *fits ? (struct slice){s.ptr + start.len, s.len - start.len} : s;
}

static bool alike(const struct anatomy *a)
{
	for (size_t i = 1; i < a->count; i++) {
		struct buf one = {0}, other = {0};
		bool equal;

		add_argument(&a->piece[0], &one);
		add_argument(&a->piece[i], &other);
		equal = slice_same(buf_slice(&one), buf_slice(&other));
		buf_free(&one);
		buf_free(&other);
		if (!equal)
			return false;
	}
	return true;
}

/* "envelope FORM_CUT argument" of an answer that has arguments; false: it fits no template. */
static bool whole_form(const struct facts *f, const struct anatomy *a, struct slice gap,
		       bool behind, struct buf *out)
{
	struct slice lead, tail = a->tail;
	bool fits = a->count && alike(a);

	if (!fits)
		return false;
	lead = a->piece[0].lead;
	if (behind)
		tail = without_start(tail, gap, &fits);
	else
		lead = without_end(lead, gap, &fits);
	add_envelope(f, a->before, out);
	buf_add_slice(out, lead);
	buf_puts(out, "{arguments}");
	buf_add_slice(out, tail);
	add_envelope(f, a->after, out);
	buf_putc(out, FORM_CUT);
	if (!behind)
		buf_add_slice(out, gap);
	add_argument(&a->piece[0], out);
	if (behind)
		buf_add_slice(out, gap);
	return fits;
}

static void vote_all(const struct learner *l, struct slice gap, bool behind, struct forms *forms)
{
	for (size_t i = 0; i < l->count; i++) {
		struct anatomy a;
		struct buf text = {0};

		if (!seen_is(&l->seen[i], NULL) || l->seen[i].out.kind != FACTS_RESULT)
			continue;
		if (take_apart(&l->seen[i].out, &a) &&
		    whole_form(&l->seen[i].out, &a, gap, behind, &text))
			forms_vote(forms, buf_slice(&text), &l->seen[i]);
		buf_free(&text);
	}
}

static struct slice find_gap(const struct learner *l)
{
	struct slice gap = {"", 0};

	for (size_t i = 0; i < l->count; i++) {
		struct anatomy a;

		if (seen_is(&l->seen[i], NULL) && l->seen[i].out.kind == FACTS_RESULT &&
		    take_apart(&l->seen[i].out, &a) && between(&a, &gap))
			return gap;
	}
	return gap;
}

struct slice envelope_of(const struct form *form)
{
	struct slice all = buf_slice(&form->text);
	const char *cut = memchr(all.ptr, FORM_CUT, all.len);

	return text_upto(all, cut);
}

/* Whether an answer's envelope is the form's, with or without arguments in it. */
static bool has_envelope(const struct seen *s, const struct anatomy *a, const struct form *form)
{
	struct slice envelope = envelope_of(form);
	const char *hole = text_find(envelope, "{arguments}");
	struct buf mine = {0}, wanted = {0};
	bool equal;

	buf_add(&wanted, envelope.ptr, (size_t)(hole - envelope.ptr));
	buf_add_slice(&wanted, text_from(envelope, hole + strlen("{arguments}")));
	add_envelope(&s->out, buf_slice(&s->out.body), &mine);
	equal = !a->one_tag && slice_same(buf_slice(&mine), buf_slice(&wanted));
	buf_free(&mine);
	buf_free(&wanted);
	return equal;
}

/* ---- rules for what differs ---- */

static bool told_before(const struct learner *l, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (seen_is(&l->seen[i], l->seen[index].out.action) &&
		    l->seen[i].out.kind == FACTS_RESULT)
			return true;
	return false;
}

/* An action without arguments in an envelope of its own. */
static void rule_envelope(struct learner *l, const struct seen *s)
{
	struct buf text = {0};

	add_envelope(&s->out, buf_slice(&s->out.body), &text);
	buf_puts(&l->rules, "  - when: {layer: soap, action: ");
	yaml_action(&l->rules, s->out.action);
	buf_putc(&l->rules, '}');
	yaml_evidence(l, &l->rules, s);
	buf_puts(&l->rules, "    message:\n      soap-response");
	yaml_template(&l->rules, 6, buf_slice(&text), false);
	buf_free(&text);
}

/* "<Name></Name>": "<Name/>" */
static void add_replacement(const struct piece *p, struct buf *out)
{
	struct buf full = {0}, one = {0};

	buf_printf(&full, "<%.*s></%.*s>", (int)p->name.len, p->name.ptr, (int)p->name.len,
		   p->name.ptr);
	buf_printf(&one, "<%.*s%.*s/>", (int)p->name.len, p->name.ptr, (int)p->attributes.len,
		   p->attributes.ptr);
	buf_puts(out, "      ");
	yaml_text(out, buf_slice(&full));
	buf_puts(out, ": ");
	yaml_text(out, buf_slice(&one));
	buf_putc(out, '\n');
	buf_free(&full);
	buf_free(&one);
}

static void rule_one_tag(struct learner *l, const struct seen *s, const struct anatomy *a)
{
	size_t count = 0;

	for (size_t i = 0; i < a->count; i++)
		count += a->piece[i].one_tag;
	if (!count)
		return;
	buf_puts(&l->rules, "  - when: {layer: soap, action: ");
	yaml_action(&l->rules, s->out.action);
	buf_putc(&l->rules, '}');
	yaml_evidence(l, &l->rules, s);
	buf_puts(&l->rules, "    replace:\n");
	for (size_t i = 0; i < a->count; i++) {
		const struct piece *p = &a->piece[i];

		if (p->one_tag)
			add_replacement(p, &l->rules);
	}
}

static void responses(struct learner *l, struct buf *messages)
{
	struct slice gap = find_gap(l);
	struct forms forms[2] = {{0}};
	const struct form *best[2], *form;
	struct slice envelope;

	for (int behind = 0; behind < 2; behind++) {
		vote_all(l, gap, behind, &forms[behind]);
		best[behind] = forms_best(&forms[behind]);
	}
	form = best[1] && (!best[0] || best[1]->votes >= best[0]->votes) ? best[1] : best[0];
	if (form) {
		envelope = envelope_of(form);
		buf_puts(messages, "  soap-response");
		yaml_template(messages, 2, envelope, false);
		buf_puts(messages, "  soap-argument: ");
		yaml_text(messages,
			  text_from(buf_slice(&form->text), envelope.ptr + envelope.len + 1));
		yaml_evidence(l, messages, form->first);
	}
	for (size_t i = 0; i < l->count; i++) {
		const struct seen *s = &l->seen[i];
		struct anatomy a;

		if (!seen_is(s, NULL) || s->out.kind != FACTS_RESULT || told_before(l, i) ||
		    !take_apart(&s->out, &a))
			continue;
		if (!a.count && (!form || !has_envelope(s, &a, form)))
			rule_envelope(l, s);
		rule_one_tag(l, s, &a);
	}
	forms_free(&forms[0]);
	forms_free(&forms[1]);
}

/* ---- faults ---- */

static void fault_template(const struct seen *s, struct buf *out)
{
	char *code = xasprintf(">%d<", s->out.fault_code);
	struct buf text = {0};
	struct stand_in subs[4] = {
		{slice_of(code), ">{code}<"},
		{{0}, ">{description}<"},
		{slice_of(s->in.action ? s->in.action : ""), "{action}"},
		{slice_of(s->in.service ? s->in.service : ""), "{service_type}"},
	};

	if (s->out.fault_text && *s->out.fault_text) {
		buf_putc(&text, '>');
		xml_add_text(&text, slice_of(s->out.fault_text));
		buf_putc(&text, '<');
		subs[1].from = buf_slice(&text);
	}
	template_add(out, buf_slice(&s->out.body), subs, ARRAY_SIZE(subs));
	buf_free(&text);
	free(code);
}

static bool code_told(const struct learner *l, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (l->seen[i].out.kind == FACTS_FAULT &&
		    l->seen[i].out.fault_code == l->seen[index].out.fault_code)
			return true;
	return false;
}

static void faults(struct learner *l, struct buf *messages)
{
	struct forms forms = {0};
	const struct form *best;
	bool any = false;

	for (size_t i = 0; i < l->count; i++) {
		struct buf text = {0};

		if (l->seen[i].out.kind != FACTS_FAULT || !l->seen[i].whole)
			continue;
		fault_template(&l->seen[i], &text);
		forms_vote(&forms, buf_slice(&text), &l->seen[i]);
		buf_free(&text);
	}
	best = forms_best(&forms);
	if (best) {
		yaml_votes(l, messages, &forms);
		buf_puts(messages, "  soap-fault");
		yaml_template(messages, 2, buf_slice(&best->text), false);
	}
	forms_free(&forms);
	for (size_t i = 0; i < l->count; i++) {
		const struct facts *f = &l->seen[i].out;

		if (f->kind != FACTS_FAULT || f->fault_code <= 0 || !f->fault_text ||
		    code_told(l, i))
			continue;
		buf_printf(&l->sections, "%s  %d: ", any ? "" : "errors:\n", f->fault_code);
		yaml_text(&l->sections, slice_of(f->fault_text));
		yaml_evidence(l, &l->sections, &l->seen[i]);
		any = true;
	}
}

void learn_bodies(struct learner *l, struct buf *messages)
{
	learn_documents(l, messages);
	responses(l, messages);
	faults(l, messages);
	learn_events(l, messages);
}
