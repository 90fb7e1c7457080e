/* SPDX-License-Identifier: MIT */
/*
 * replay_match.c - which of the recorded exchanges a live one is (see replay.h). Pure.
 */
#include "../fakeigd/base/mem.h"
#include "rehearse.h"
#include "replay.h"

#include <stdlib.h>

const char *replay_source_name(enum replay_source source)
{
	static const char *const names[] = {"flow", "adapted", "beyond"};

	return names[source];
}

/* Whether a recorded text is the live one, addresses exchanged. */
static bool same_text(const struct substitutions *s, const char *recorded, const char *live)
{
	struct buf text = {0};
	bool same;

	if (!recorded || !live)
		return recorded == live;
	substitutions_apply(s, slice_of(recorded), &text);
	same = !strcmp(text.data ? text.data : "", live);
	buf_free(&text);
	return same;
}

static bool same_request(const struct facts *a, const struct facts *b,
			 const struct substitutions *s)
{
	if (a->kind != b->kind || !same_text(s, a->action, b->action) ||
	    !same_text(s, a->method, b->method))
		return false;
	if (a->kind == FACTS_SEARCH)
		return same_text(s, facts_header(a, "ST"), facts_header(b, "ST"));
	if (a->kind != FACTS_ACTION && a->kind != FACTS_PORT_CONTROL)
		return same_text(s, a->target, b->target);
	if (a->argument_count != b->argument_count)
		return false;
	for (size_t i = 0; i < a->argument_count; i++)
		if (strcmp(a->arguments[i].name, b->arguments[i].name) != 0 ||
		    !same_text(s, a->arguments[i].value, b->arguments[i].value))
			return false;
	return true;
}

/* Whether two SOAP answers say the same, whatever their form. */
static bool same_meaning(const struct recorded_message *a, const struct recorded_message *b,
			 const struct substitutions *s)
{
	struct facts x = {0}, y = {0};
	bool same;

	facts_of(FLOW_SOAP, a, &x);
	facts_of(FLOW_SOAP, b, &y);
	same = x.kind == y.kind && x.fault_code == y.fault_code &&
	       (x.kind == FACTS_RESULT || x.kind == FACTS_FAULT) &&
	       (x.kind == FACTS_FAULT || x.argument_count == y.argument_count);
	for (size_t i = 0; same && x.kind == FACTS_RESULT && i < x.argument_count; i++) {
		const char *value = facts_argument(&y, x.arguments[i].name);

		same = value && same_text(s, x.arguments[i].value, value);
	}
	facts_free(&x);
	facts_free(&y);
	return same;
}

/* How one live answer is told by the recorded ones; @why gets the first difference. */
static enum replay_source compare(const struct exchange *recorded, enum flow_protocol protocol,
				  const struct recorded_message *live,
				  const struct substitutions *s, bool other, char **why)
{
	enum replay_source best = REPLAY_BEYOND;

	for (size_t i = 0; i < recorded->reply_count && best != REPLAY_FLOW; i++) {
		const struct recorded_message *m = &recorded->replies[i];
		char *differs = compare_answers(protocol, buf_slice(&m->bytes),
						buf_slice(&live->bytes), m->gap_count);
		struct difference d = {0};

		if (!differs) {
			best = REPLAY_FLOW;
			break;
		}
		free(differs);
		difference_message(protocol, m, live, s, NULL, &d);
		if (d.grade <= DIFFERENCE_COSMETIC ||
		    (other && protocol == FLOW_SOAP && same_meaning(m, live, s)))
			best = REPLAY_ADAPTED;
		for (size_t n = 0; n < d.count && !*why && best == REPLAY_BEYOND; n++)
			if (d.items[n].grade > DIFFERENCE_COSMETIC)
				*why = xstrdup(d.items[n].text);
		difference_free(&d);
	}
	return best;
}

static enum replay_source compare_all(const struct exchange *recorded, const struct exchange *live,
				      const struct substitutions *s, bool other, char **why)
{
	enum replay_source worst = REPLAY_FLOW;

	if (!recorded->reply_count != !live->reply_count) {
		*why = xstrdup(recorded->reply_count ? "was answered there, not here"
						     : "the flow has no answer to it");
		return REPLAY_BEYOND;
	}
	for (size_t i = 0; i < live->reply_count; i++) {
		enum replay_source one =
			compare(recorded, live->protocol, &live->replies[i], s, other, why);

		worst = one > worst ? one : worst;
	}
	return worst;
}

/* Whether a recorded exchange is about what the live one asks; a search whose request the source
 * has not got is known by its answer. */
static bool same_question(const struct exchange *x, const struct facts *asked,
			  const struct substitutions *s)
{
	struct facts f = {0};
	bool same;

	if (!x->has_request && !(x->protocol == FLOW_SSDP && x->reply_count))
		return false;
	facts_of(x->protocol, x->has_request ? &x->request : &x->replies[0], &f);
	same = x->has_request ? same_request(&f, asked, s)
			      : asked->kind == FACTS_SEARCH && same_text(s, facts_header(&f, "ST"),
									 facts_header(asked, "ST"));
	facts_free(&f);
	return same;
}

void replay_match(const struct recording *flow, const struct exchange *live,
		  const struct substitutions *s, bool other, struct replay_match *out)
{
	struct facts asked = {0};

	*out = (struct replay_match){.source = REPLAY_BEYOND, .recorded = -1};
	facts_of(live->protocol, &live->request, &asked);
	for (size_t i = 0; i < flow->count && out->source != REPLAY_FLOW; i++) {
		const struct exchange *x = &flow->exchanges[i];
		enum replay_source source;
		char *why = NULL;

		if (x->protocol != live->protocol || x->from_router)
			continue;
		if (same_question(x, &asked, s)) {
			source = compare_all(x, live, s, other, &why);
			if (out->recorded < 0 || source < out->source) {
				out->source = source;
				out->recorded = (long)i;
				free(out->why);
				out->why = source == REPLAY_BEYOND ? why : NULL;
				why = source == REPLAY_BEYOND ? NULL : why;
			}
		}
		free(why);
	}
	if (out->recorded < 0)
		out->why = xstrdup("never asked in the flow");
	facts_free(&asked);
}
