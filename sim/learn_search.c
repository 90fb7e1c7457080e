/* SPDX-License-Identifier: MIT */
/*
 * learn_search.c - how the router answers searches (UDA 2.0 1.3.3).
 *
 * The order of its answers to ssdp:all is the order of its advertisements. An advertisement that is
 * missing there is dropped there; a search that went by without an answer, while others had one, is
 * dropped; a target that is not in the device tree and was answered all the same is answered by a
 * rule of its own. Only a capture can show that there was no answer: a log may have left it out.
 * Answers that came late or more than once get a delay or copies.
 */
#include "../fakeigd/wire/ssdp.h"
#include "learn_parts.h"

#include <stdlib.h>

#define ALL "ssdp:all"

static bool is_capture(const struct learner *l)
{
	return l->flow->kind && strcmp(l->flow->kind, "log") != 0;
}

/* Target of the search that @s is about, "" = not known. */
static const char *asked_of(const struct seen *s)
{
	const char *st = s->in.kind == FACTS_SEARCH ? facts_header(&s->in, "ST") : NULL;

	return st ? st : "";
}

/* Target that @s answers with, NULL = it is no answer to a search. */
static const char *answered_of(const struct seen *s)
{
	return s->reply && s->out.kind == FACTS_FOUND ? facts_header(&s->out, "ST") : NULL;
}

static void add_once(struct names *list, const char *name)
{
	if (!names_has(list, name))
		names_add(list, name);
}

/* What the profile advertises: the targets of its device tree. */
static void own_targets(const struct learner *l, struct names *out)
{
	static const char *const types[] = {"InternetGatewayDevice", "WANDevice",
					    "WANConnectionDevice"};

	names_add(out, "upnp:rootdevice");
	for (size_t i = 0; i < l->device_count; i++) {
		const char *udn = xml_text(l->devices[i].node, "UDN");
		const char *type = xml_text(l->devices[i].node, "deviceType");

		if (udn)
			add_once(out, udn);
		if (type)
			add_once(out, type);
	}
	for (size_t i = 0; !l->root && i < ARRAY_SIZE(types); i++) {
		char *type =
			xasprintf("urn:schemas-upnp-org:device:%s:%d", types[i], l->igd2 ? 2 : 1);

		names_add(out, type);
		free(type);
	}
	for (size_t i = 0; i < l->service_count; i++)
		add_once(out, l->services[i].type);
}

/* Whether a search for @asked is one for @own: the same, or a lower version of it. */
static bool is_for(const char *asked, const char *own)
{
	struct urn a, b;

	return !strcmp(asked, own) ||
	       (urn_parse(slice_of(asked), &a) && urn_parse(slice_of(own), &b) &&
		slice_same(a.domain, b.domain) && slice_same(a.kind, b.kind) &&
		slice_same(a.type, b.type) && a.version <= b.version);
}

/* Whether a rule's pattern can be the target itself. */
static bool is_plain(const char *target)
{
	return *target && !strpbrk(target, "*?[]{}!\\");
}

static bool is_own(const struct names *own, const char *asked)
{
	bool found = !strcmp(asked, ALL);

	for (size_t i = 0; i < own->count && !found; i++)
		found = is_for(asked, own->items[i]);
	return found;
}

static void rule(struct learner *l, const char *message, const char *target, const char *more,
		 const struct seen *s)
{
	buf_printf(&l->rules, "  - when: {layer: ssdp, message: %s, target: ", message);
	yaml_text(&l->rules, slice_of(target));
	buf_printf(&l->rules, "%s}", more);
	yaml_evidence(l, &l->rules, s);
}

/* ---- ssdp:all ---- */

/* Targets of the answers to ssdp:all, in order; the first of them is *@where. */
static void answers_to_all(const struct learner *l, struct names *out, const struct seen **where)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct seen *s = &l->seen[i];

		if (strcmp(asked_of(s), ALL) != 0 || !answered_of(s))
			continue;
		*where = *where ? *where : s;
		add_once(out, answered_of(s));
	}
}

/* Whether @target was answered to a socket that searched for everything, too: a reply does not say
 * which search it is for. */
static bool may_be_of_all(const struct learner *l, const char *target)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct seen *s = &l->seen[i];

		if (!answered_of(s) || strcmp(answered_of(s), target) != 0)
			continue;
		for (size_t o = 0; o < l->count; o++)
			if (!strcmp(asked_of(&l->seen[o]), ALL) &&
			    end_point_same(&l->seen[o].x->request.from, &s->x->request.from))
				return true;
	}
	return false;
}

static void advertisements(struct learner *l, const struct names *own)
{
	struct names answered = {0};
	const struct seen *where = NULL;

	answers_to_all(l, &answered, &where);
	if (answered.count > 1) {
		buf_puts(&l->order, ", order: [");
		for (size_t i = 0; i < answered.count; i++) {
			buf_puts(&l->order, i ? ", " : "");
			yaml_text(&l->order, slice_of(answered.items[i]));
		}
		buf_putc(&l->order, ']');
	}
	for (size_t i = 0; answered.count && is_capture(l) && i < own->count; i++) {
		if (names_has(&answered, own->items[i]) || !is_plain(own->items[i]) ||
		    may_be_of_all(l, own->items[i]))
			continue;
		rule(l, "reply", own->items[i], ", header: {ST: \"" ALL "\"}", where);
		buf_puts(&l->rules, "    drop: true\n");
	}
	names_free(&answered);
}

/* ---- one target ---- */

/* Whether another search for the same target stands before @s, or one was answered. */
static bool told_or_answered(const struct learner *l, const struct seen *s)
{
	for (const struct seen *o = l->seen; o < l->seen + l->count; o++)
		if (o != s && !strcmp(asked_of(o), asked_of(s)) && (o < s || answered_of(o)))
			return true;
	return false;
}

static void silence(struct learner *l, const struct names *own)
{
	bool answers = false;

	for (size_t i = 0; i < l->count; i++)
		answers |= answered_of(&l->seen[i]) != NULL;
	for (size_t i = 0; answers && is_capture(l) && i < l->count; i++) {
		const struct seen *s = &l->seen[i];

		if (!is_plain(asked_of(s)) || s->reply || !is_own(own, asked_of(s)) ||
		    told_or_answered(l, s))
			continue;
		rule(l, "m-search", asked_of(s), "", s);
		buf_puts(&l->rules, "    drop: true\n");
	}
}

/* Whether @s answers with a target that the profile does not advertise. */
static bool is_stranger(const struct seen *s, const struct names *own)
{
	const char *asked = asked_of(s), *said = answered_of(s);

	return said && is_plain(asked) && !is_own(own, said) &&
	       (!strcmp(asked, said) || !strcmp(asked, ALL));
}

static void set_header(struct buf *out, const char *name, const char *value)
{
	struct buf text = {0};

	template_add(&text, slice_of(value), NULL, 0);
	buf_printf(out, "%s: ", name);
	yaml_text(out, buf_slice(&text));
	buf_free(&text);
}

/* The datagrams of the search that @s is the first answer of. */
static void also(struct learner *l, const struct seen *s, const struct names *own)
{
	struct names told = {0};

	rule(l, "m-search", asked_of(s), "", s);
	buf_puts(&l->rules, "    also: [");
	for (const struct seen *o = s; o < l->seen + l->count; o++) {
		const char *usn = facts_header(&o->out, "USN");

		if (o->x != s->x || !is_stranger(o, own) || names_has(&told, answered_of(o)))
			continue;
		buf_puts(&l->rules, told.count ? ", {ssdp-reply: {set: {" : "{ssdp-reply: {set: {");
		names_add(&told, answered_of(o));
		set_header(&l->rules, "ST", answered_of(o));
		if (usn) {
			buf_puts(&l->rules, ", ");
			set_header(&l->rules, "USN", usn);
		}
		buf_puts(&l->rules, "}}}");
	}
	buf_puts(&l->rules, "]\n");
	names_free(&told);
}

/* Targets that are none of its own, in the answers to the first search for each. */
static void strangers(struct learner *l, const struct names *own)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct seen *s = &l->seen[i];
		bool begun = false;

		for (size_t o = 0; o < i; o++)
			begun |= is_stranger(&l->seen[o], own) &&
				 !strcmp(asked_of(&l->seen[o]), asked_of(s));
		if (!begun && is_stranger(s, own))
			also(l, s, own);
	}
}

/* ---- times and copies ---- */

static bool same_bytes(const struct recorded_message *a, const struct recorded_message *b)
{
	return slice_same(buf_slice(&a->bytes), buf_slice(&b->bytes));
}

/* How often the answer @s came, when it is the first of its kind; 0 when it is a copy. */
static size_t copies(const struct learner *l, const struct seen *s)
{
	size_t count = 1;

	for (const struct seen *o = l->seen; o < l->seen + l->count; o++) {
		if (o == s || o->x != s->x || !o->reply || !same_bytes(o->reply, s->reply))
			continue;
		if (o < s)
			return 0;
		count++;
	}
	return count;
}

static void rule_reply_effect(struct learner *l, const struct seen *s)
{
	buf_puts(&l->rules, "  - when: {layer: ssdp, message: reply}");
	yaml_evidence(l, &l->rules, s);
}

static void times(struct learner *l)
{
	const struct seen *first = NULL;
	size_t answers = 0, twice = 0, most = 1;
	int64_t least = INT64_MAX;

	for (size_t i = 0; i < l->count; i++) {
		const struct seen *s = &l->seen[i];
		size_t count = s->reply && s->x->protocol == FLOW_SSDP ? copies(l, s) : 0;

		if (!count)
			continue;
		first = first ? first : s;
		answers++;
		twice += count > 1;
		most = count > most ? count : most;
		if (seen_took(s) >= 0 && seen_took(s) < least)
			least = seen_took(s);
	}
	if (twice && twice * 2 >= answers) {
		rule_reply_effect(l, first);
		buf_printf(&l->rules, "    duplicate: %zu\n", most);
	}
	if (answers && least != INT64_MAX && least > LEARN_SLOW_NS) {
		rule_reply_effect(l, first);
		buf_printf(&l->rules, "    delay: %lldms\n", (long long)(least / 1000000));
	}
}

void learn_search(struct learner *l)
{
	struct names own = {0};

	own_targets(l, &own);
	advertisements(l, &own);
	silence(l, &own);
	strangers(l, &own);
	times(l);
	names_free(&own);
}
