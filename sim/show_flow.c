/* SPDX-License-Identifier: MIT */
/* show_flow.c - a recorded flow for people (see show_flow.h). */
#include "show_flow.h"

#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/utf8.h"
#include "facts.h"
#include "recording_flow.h"
#include "recording_parts.h"

#include <stdlib.h>

#define INDENT	    "          "
#define VALUE_BYTES 60	/* of a value */
#define LINE_CHARS  110 /* before the next argument starts a line */

/** struct showing - the text, and what labels need from before */
struct showing {
	struct buf *out;
	struct label_events events;
	int64_t start_ns;
};

/* Text of strangers on a terminal: no control characters, no broken UTF-8, not without end. */
static void add_clean(struct buf *out, const char *text, size_t max)
{
	size_t len = strlen(text), i = 0;

	while (i < len && i < max) {
		size_t width = utf8_char(text + i, len - i);

		if (width == 1 && ((unsigned char)text[i] < 0x20 || text[i] == 0x7f))
			buf_putc(out, ' ');
		else if (width == 2 && (unsigned char)text[i] == 0xc2 &&
			 (unsigned char)text[i + 1] < 0xa0)
			buf_putc(out, ' ');
		else if (width)
			buf_add(out, text + i, width);
		else
			buf_puts(out, "\xef\xbf\xbd");
		i += width ? width : 1;
	}
	if (i < len)
		buf_puts(out, "\xe2\x80\xa6");
}

static void add_end(struct buf *out, const struct end_point *e)
{
	size_t before = out->len;

	end_point_text(e, out);
	if (out->len == before)
		buf_putc(out, '?');
}

static void add_time(struct showing *s, int64_t ns)
{
	if (ns == RECORDING_NO_TIME)
		buf_puts(s->out, "        ?");
	else
		buf_printf(s->out, "%+9.3f", (double)(ns - s->start_ns) / 1e9);
}

/* Of discovery the headers that say who and where; the rest is the same in every one. */
static bool is_shown(const char *header)
{
	static const char *const shown[] = {
		"ST", "NT", "USN", "LOCATION", "SERVER", "CACHE-CONTROL", "MX", "AL"};

	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		if (!strcasecmp(header, shown[i]))
			return true;
	}
	return false;
}

/* What the label has not told: arguments; of discovery headers. */
static void add_facts(struct buf *out, const struct facts *f)
{
	bool headers = f->kind == FACTS_FOUND || f->kind == FACTS_NOTIFY || f->kind == FACTS_SEARCH;
	const struct fact *facts = headers ? f->headers : f->arguments;
	size_t count = headers ? f->header_count : f->argument_count, before = out->len;
	size_t start = before;

	for (size_t i = 0; i < count; i++) {
		if (headers && !is_shown(facts[i].name))
			continue;
		if (out->len == before || out->len - start > LINE_CHARS) {
			buf_puts(out, out->len == before ? INDENT "    " : "\n" INDENT "    ");
			start = out->len;
		} else {
			buf_puts(out, "  ");
		}
		add_clean(out, facts[i].name, VALUE_BYTES);
		buf_puts(out, "=");
		add_clean(out, *facts[i].value ? facts[i].value : "\"\"", VALUE_BYTES);
	}
	if (out->len > before)
		buf_putc(out, '\n');
}

static void add_marks(struct buf *out, const struct recorded_message *m)
{
	for (size_t i = 0; i < m->restored.count; i++) {
		buf_puts(out, INDENT "    restored: ");
		add_clean(out, m->restored.items[i], SIZE_MAX);
		buf_putc(out, '\n');
	}
	for (size_t i = 0; i < m->gap_count; i++) {
		if (m->gaps[i].count)
			buf_printf(out, INDENT "    gap: %llu bytes are missing at %zu\n",
				   (unsigned long long)m->gaps[i].count, m->gaps[i].offset);
		else
			buf_printf(out, INDENT "    gap: what follows byte %zu is missing\n",
				   m->gaps[i].offset);
	}
}

/* The label of a message with its decoded fields and marks below it. */
static void add_message(struct showing *s, enum flow_protocol protocol,
			const struct recorded_message *m, const struct flow_message *request,
			struct flow_message *label)
{
	struct facts f;

	recording_label(protocol, m, &s->events, request, label);
	add_clean(s->out, label->label ? label->label : "?", SIZE_MAX);
	buf_putc(s->out, '\n');
	facts_of(protocol, m, &f);
	add_facts(s->out, &f);
	facts_free(&f);
	add_marks(s->out, m);
}

static void free_label(struct flow_message *label)
{
	buf_free(&label->bytes);
	free(label->label);
}

static void add_reply(struct showing *s, const struct exchange *x, size_t index,
		      const struct flow_message *request)
{
	const struct recorded_message *m = &x->replies[index];
	struct flow_message label;

	add_time(s, m->time_ns);
	buf_puts(s->out, x->from_router ? "  > " : "  < ");
	if (!x->has_request || !end_point_same_address(&m->from, &x->request.to)) {
		add_end(s->out, &m->from);
		buf_puts(s->out, ": ");
	}
	add_message(s, x->protocol, m, request, &label);
	free_label(&label);
}

static void add_exchange(struct showing *s, const struct exchange *x, size_t number)
{
	struct flow_message label = {0};

	buf_printf(s->out, "\n%zu. %s ", number, flow_protocol_name(x->protocol));
	add_clean(s->out, x->name ? x->name : "", VALUE_BYTES);
	if (x->has_request) {
		buf_puts(s->out, "   ");
		add_end(s->out, &x->request.from);
		buf_puts(s->out, " \xe2\x86\x92 ");
		add_end(s->out, &x->request.to);
	}
	buf_putc(s->out, '\n');
	if (x->has_request) {
		add_time(s, x->request.time_ns);
		buf_puts(s->out, x->from_router ? "  < " : "  > ");
		add_message(s, x->protocol, &x->request, NULL, &label);
	}
	for (size_t i = 0; i < x->reply_count; i++)
		add_reply(s, x, i, x->has_request ? &label : NULL);
	free_label(&label);
}

static void add_head(const struct recording *r, struct showing *s)
{
	if (r->summary) {
		add_clean(s->out, r->summary, SIZE_MAX);
		buf_putc(s->out, '\n');
	}
	add_clean(s->out, r->source ? r->source : "a flow", SIZE_MAX);
	buf_printf(s->out, ": %s of %llu bytes, %zu exchanges", r->kind ? r->kind : "unknown kind",
		   (unsigned long long)r->bytes, r->count);
	if (r->dated && s->start_ns != RECORDING_NO_TIME) {
		buf_puts(s->out, ", from ");
		recording_time_text(s->start_ns, s->out);
	}
	if (r->client || r->router)
		buf_printf(s->out, "\nclient %s, router %s", r->client ? r->client : "?",
			   r->router ? r->router : "?");
	buf_putc(s->out, '\n');
	for (size_t i = 0; i < r->replaced.count; i++) {
		buf_puts(s->out, "replaced: ");
		add_clean(s->out, r->replaced.items[i], SIZE_MAX);
		buf_putc(s->out, '\n');
	}
}

static void add_notes(const struct recording *r, struct buf *out)
{
	const char *unit = recording_by_line(r) ? "line" : "packet";

	if (r->note_count)
		buf_putc(out, '\n');
	for (size_t i = 0; i < r->note_count; i++) {
		const struct recording_note *n = &r->notes[i];

		buf_puts(out, "note: ");
		if (n->count > 1)
			buf_printf(out, "%ss %llu to %llu: ", unit, (unsigned long long)n->first,
				   (unsigned long long)(n->first + n->count - 1));
		else if (n->count)
			buf_printf(out, "%s %llu: ", unit, (unsigned long long)n->first);
		add_clean(out, n->what, SIZE_MAX);
		if (n->text) {
			buf_puts(out, ": ");
			add_clean(out, n->text, SIZE_MAX);
		}
		buf_putc(out, '\n');
	}
}

void show_flow_text(const struct recording *r, struct buf *out)
{
	struct showing s = {.out = out, .start_ns = RECORDING_NO_TIME};

	for (size_t i = 0; i < r->count && s.start_ns == RECORDING_NO_TIME; i++)
		s.start_ns = exchange_first_ns(&r->exchanges[i]);
	add_head(r, &s);
	for (size_t i = 0; i < r->count; i++)
		add_exchange(&s, &r->exchanges[i], i + 1);
	add_notes(r, out);
	label_events_free(&s.events);
}

json_t *show_flow_json(const struct recording *r)
{
	json_t *head = recording_head_json(r), *list = json_array();

	for (size_t i = 0; i < r->count; i++)
		json_array_append_new(
			list, exchange_json(&r->exchanges[i], r->dated, recording_by_line(r)));
	json_object_set_new(head, "exchanges", list);
	return head;
}
