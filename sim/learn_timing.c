/* SPDX-License-Identifier: MIT */
/*
 * learn_timing.c - when and in what pieces answers came, and the rules that make them so again.
 *
 * An action that took 50 ms more than the median of all gets a delay; answers whose head and body
 * came apart get a split.
 */
#include "learn_parts.h"

#include <stdlib.h>
#include <time.h>

int64_t seen_took(const struct seen *s)
{
	const struct recorded_message *q = &s->x->request;
	int64_t asked = q->end_ns != RECORDING_NO_TIME ? q->end_ns : q->time_ns;

	if (!s->reply || asked == RECORDING_NO_TIME || s->reply->time_ns == RECORDING_NO_TIME)
		return -1;
	return s->reply->time_ns > asked ? s->reply->time_ns - asked : 0;
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Median time of the answers that @wanted says, -1 = there are none. */
static int64_t median(const struct learner *l, const char *action)
{
	int64_t *times = xcalloc(l->count + 1, sizeof(*times)), result;
	size_t count = 0;

	for (size_t i = 0; i < l->count; i++)
		if (seen_is(&l->seen[i], action) && seen_took(&l->seen[i]) >= 0)
			times[count++] = seen_took(&l->seen[i]);
	qsort(times, count, sizeof(*times), by_time);
	result = count ? times[count / 2] : -1;
	free(times);
	return result;
}

static bool first_of_action(const struct learner *l, const struct seen *s)
{
	for (const struct seen *o = l->seen; o < s; o++)
		if (seen_is(o, s->in.action))
			return false;
	return true;
}

static void delays(struct learner *l)
{
	int64_t usual = median(l, NULL);

	for (size_t i = 0; i < l->count; i++) {
		const struct seen *s = &l->seen[i];
		int64_t time;

		if (!seen_is(s, NULL) || !first_of_action(l, s))
			continue;
		time = median(l, s->in.action);
		if (time < 0 || time - usual <= LEARN_SLOW_NS)
			continue;
		buf_puts(&l->rules, "  - when: {layer: soap, action: ");
		yaml_action(&l->rules, s->in.action);
		buf_putc(&l->rules, '}');
		yaml_evidence(l, &l->rules, s);
		buf_printf(&l->rules, "    delay: %lldms\n", (long long)(time / 1000000));
	}
}

/* Whether the head arrived as a piece of its own. */
static bool head_apart(const struct seen *s)
{
	for (size_t i = 0; s->reply && i < s->reply->segment_count; i++)
		if (s->reply->segments[i].end == s->out.head_len &&
		    s->reply->bytes.len > s->out.head_len)
			return true;
	return false;
}

static void splits(struct learner *l)
{
	const struct seen *first = NULL;
	size_t apart = 0, known = 0;

	for (size_t i = 0; i < l->count; i++) {
		const struct seen *s = &l->seen[i];

		if (!s->reply || s->x->protocol == FLOW_SSDP || !s->reply->segment_count ||
		    s->reply->bytes.len == s->out.head_len)
			continue;
		known++;
		if (!head_apart(s))
			continue;
		apart++;
		first = first ? first : s;
	}
	if (!apart || apart * 2 < known)
		return;
	buf_printf(&l->rules, "  # %zu of %zu answers\n  - when: {layer: http}", apart, known);
	yaml_evidence(l, &l->rules, first);
	buf_puts(&l->rules, "    split: {at: head-body, gap: 500us}\n");
}

/* ---- DATE ---- */

static void date(struct learner *l)
{
	for (size_t i = 0; l->flow->dated && i < l->count; i++) {
		const struct seen *s = &l->seen[i];
		const char *text = s->reply ? facts_header(&s->out, "Date") : NULL;
		struct tm tm = {0};
		long off, quarter;

		if (!text || s->reply->time_ns == RECORDING_NO_TIME ||
		    !strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm))
			continue;
		off = (long)(timegm(&tm) - s->reply->time_ns / 1000000000);
		quarter = (off + (off < 0 ? -450 : 450)) / 900;
		if (!quarter || labs(quarter) > 96 || labs(off - quarter * 900) > 120)
			return;
		buf_printf(&l->sections, "date: {offset: %ldm}", quarter * 15);
		yaml_evidence(l, &l->sections, s);
		return;
	}
}

/* ---- last resort ---- */

/* The manyth of the requests that say the same, from 1. */
static size_t occurrence(const struct learner *l, const struct seen *s)
{
	size_t nth = 1;

	for (const struct seen *o = l->seen; o < s; o++) {
		bool same =
			o->x != s->x && o->x->has_request && o->in.kind == s->in.kind &&
			o->in.argument_count == s->in.argument_count && o->in.target &&
			s->in.target && !strcmp(o->in.target, s->in.target) &&
			(!s->in.action || (o->in.action && !strcmp(o->in.action, s->in.action)));

		for (size_t i = 0; same && i < s->in.argument_count; i++)
			same = !strcmp(o->in.arguments[i].value, s->in.arguments[i].value);
		nth += same;
	}
	return nth;
}

void learn_when(const struct learner *l, const struct seen *s, struct buf *out)
{
	bool soap = s->in.action;

	buf_puts(out, "  - when: {");
	buf_puts(out, soap ? "layer: soap, action: " : "layer: http, target: ");
	if (soap)
		yaml_action(out, s->in.action);
	else
		yaml_text(out, slice_of(s->in.target));
	for (size_t i = 0; soap && i < s->in.argument_count; i++) {
		const struct fact *a = &s->in.arguments[i];

		if (!*a->value || is_repeated(&s->in, i) || strpbrk(a->value, "*?[]{}!\\") ||
		    strlen(a->value) > 64)
			continue;
		buf_puts(out, ", ");
		yaml_text(out, slice_of(a->name));
		buf_puts(out, ": ");
		yaml_text(out, slice_of(a->value));
	}
	buf_printf(out, ", nth: %zu}", occurrence(l, s));
	yaml_evidence(l, out, s);
}

static void exact_rule(struct learner *l, const struct seen *s)
{
	struct buf text = {0};

	buf_puts(&l->rules, "  # last resort: no template, state or policy explains this answer\n");
	learn_when(l, s, &l->rules);
	template_add(&text, buf_slice(&s->reply->bytes), NULL, 0);
	buf_puts(&l->rules, "    message: {raw: ");
	yaml_text(&l->rules, buf_slice(&text));
	buf_puts(&l->rules, "}\n");
	buf_free(&text);
}

static void exact_datagram(struct learner *l, const struct seen *s)
{
	struct buf text = {0};

	if (learn_natpmp_answer(l, s, "", &text)) {
		buf_puts(&l->rules, "  # last resort: no policy explains this answer\n");
		buf_add_slice(&l->rules, buf_slice(&text));
	}
	buf_free(&text);
}

static bool is_wanted_exact(const struct learner *l, const struct seen *s)
{
	for (size_t e = 0; e < l->options->exact_count; e++)
		if (s->number == l->options->exact[e])
			return s->whole;
	return false;
}

void learn_exact(struct learner *l)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct seen *s = &l->seen[i];
		enum flow_protocol protocol = s->x->protocol;

		if (!is_wanted_exact(l, s))
			continue;
		if (protocol == FLOW_NATPMP)
			exact_datagram(l, s);
		else if ((protocol == FLOW_HTTP || protocol == FLOW_SOAP) &&
			 (s->in.action || s->in.target))
			exact_rule(l, s);
	}
}

void learn_timing(struct learner *l)
{
	date(l);
	delays(l);
	splits(l);
}
