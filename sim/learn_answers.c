/* SPDX-License-Identifier: MIT */
/*
 * learn_answers.c - the answers of a flow as rules over any profile: what they say, in that
 * profile's own form. Actions are performed as well, so that what a client adds is there; what the
 * flow's router did and this one refuses, it says yes to.
 */
#include "learn_parts.h"

static void add_values(const struct facts *f, struct buf *out)
{
	buf_puts(out, "      reply:\n");
	for (size_t i = 0; i < f->argument_count; i++) {
		if (is_repeated(f, i))
			continue;
		buf_puts(out, "        ");
		yaml_text(out, slice_of(f->arguments[i].name));
		buf_puts(out, ": ");
		yaml_text(out, slice_of(f->arguments[i].value));
		buf_putc(out, '\n');
	}
}

/* One rule, four columns in: the overlay of a quirk. */
static void add_rule(const struct learner *l, const struct seen *s, struct buf *out)
{
	buf_puts(out, "  ");
	learn_when(l, s, out);
	if (s->out.kind == FACTS_RESULT)
		buf_puts(out, "      never-refuse: true\n");
	if (s->out.kind == FACTS_RESULT && s->out.argument_count) {
		add_values(&s->out, out);
	}
	if (s->out.kind == FACTS_RESULT)
		return;
	buf_printf(out, "      fault: {code: %d, text: ", s->out.fault_code);
	yaml_text(out, slice_of(s->out.fault_text ? s->out.fault_text : ""));
	buf_puts(out, "}\n");
}

static void add_rules(const struct learner *l, struct buf *out)
{
	for (size_t i = 0; i < l->count; i++) {
		if (seen_is(&l->seen[i], NULL))
			add_rule(l, &l->seen[i], out);
		else
			learn_natpmp_answer(l, &l->seen[i], "  ", out);
	}
}

void learn_answers(const struct recording *flow, const char *router, struct buf *out)
{
	struct learn_options options = {.router = router, .flow = "flow"};
	struct learner l = {.flow = flow, .options = &options};
	struct diag d = {0};
	struct buf rules = {0};

	buf_puts(out, "summary: the answers of a recorded flow\nlayer: soap\n"
		      "evidence:\n  - {source: recorded flow, seen: its answers, class: field}\n"
		      "overlay:\n");
	if (learner_begin(&l, &d))
		add_rules(&l, &rules);
	if (learn_speaks_natpmp(&l))
		buf_puts(out, "  policy: {natpmp: {enabled: true}}\n");
	buf_puts(out, rules.len ? "  rules:\n" : "  rules: []\n");
	buf_add_slice(out, buf_slice(&rules));
	buf_free(&rules);
	learner_end(&l);
	diag_free(&d);
}
