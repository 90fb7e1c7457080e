/* SPDX-License-Identifier: MIT */
/*
 * difference.c - whether two recorded messages mean the same (see difference.h).
 *
 * Theory of operation
 *
 * Both messages are decoded (facts.h); the first one's text goes through the substitutions before.
 * What they say is compared fact by fact. Where that shows nothing, the bytes are: a head's line by
 * line without the values that differ from moment to moment, then the body; a difference there is
 * one of form. What either recording has not got (gaps) is not compared, and a remark says so.
 */
#include "difference_parts.h"

#include "../fakeigd/base/mem.h"

#include <stdlib.h>

void difference_add(struct comparison *c, enum difference_grade grade, const char *format, ...)
{
	struct difference *d = c->out;
	struct buf text = {0};
	va_list ap;

	if (c->what)
		buf_printf(&text, "%s: ", c->what);
	va_start(ap, format);
	buf_vprintf(&text, format, ap);
	va_end(ap);
	d->items = xrealloc(d->items, (d->count + 1) * sizeof(*d->items));
	d->items[d->count++] = (struct difference_item){grade, buf_steal(&text)};
	if (grade > d->grade)
		d->grade = grade;
}

void difference_free(struct difference *d)
{
	for (size_t i = 0; i < d->count; i++)
		free(d->items[i].text);
	free(d->items);
	*d = (struct difference){0};
}

const char *difference_grade_name(enum difference_grade grade)
{
	static const char *const names[DIFFERENCE_GRADE_COUNT] = {
		[DIFFERENCE_SAME] = "same",
		[DIFFERENCE_COSMETIC] = "cosmetic",
		[DIFFERENCE_DIFFERENT] = "different",
		[DIFFERENCE_MISSING] = "missing",
	};

	return names[grade];
}

/* ---- the first one in the world of the second ---- */

static struct buf mapped(const struct substitutions *s, struct slice text)
{
	struct buf out = {0};

	if (s)
		substitutions_apply(s, text, &out);
	else if (text.len)
		buf_add_slice(&out, text);
	return out;
}

char *difference_mapped(const struct substitutions *s, const char *text)
{
	struct buf out;

	if (!text)
		return NULL;
	out = mapped(s, slice_of(text));
	return buf_steal(&out);
}

static void map_text(const struct substitutions *s, char **text)
{
	char *new = difference_mapped(s, *text);

	free(*text);
	*text = new;
}

static void map_facts(const struct substitutions *s, struct facts *f)
{
	struct buf body;

	map_text(s, &f->target);
	map_text(s, &f->service);
	for (size_t i = 0; i < f->argument_count; i++)
		map_text(s, &f->arguments[i].value);
	for (size_t i = 0; i < f->header_count; i++)
		map_text(s, &f->headers[i].value);
	body = mapped(s, buf_slice(&f->body));
	buf_free(&f->body);
	f->body = body;
}

/* ---- form ---- */

/* The next line of a head, its line end included. */
static struct slice next_line(struct slice *rest)
{
	const char *end = memchr(rest->ptr, '\n', rest->len);
	size_t len = end ? (size_t)(end - rest->ptr) + 1 : rest->len;
	struct slice line = {rest->ptr, len};

	rest->ptr += len;
	rest->len -= len;
	return line;
}

/* Up to the colon where the value is one of the moment, else whole. */
static struct slice lasting(struct slice line)
{
	static const char *const moments[] = {"date", "sid", "bootid.upnp.org", "content-length"};
	const char *colon = line.len ? memchr(line.ptr, ':', line.len) : NULL;

	for (size_t i = 0; colon && i < ARRAY_SIZE(moments); i++) {
		if (slice_case_eq(slice_trim((struct slice){line.ptr, (size_t)(colon - line.ptr)}),
				  moments[i]))
			return (struct slice){line.ptr, (size_t)(colon - line.ptr)};
	}
	return line;
}

static bool same_head(struct slice a, struct slice b)
{
	while (a.len && b.len) {
		if (!slice_same(lasting(next_line(&a)), lasting(next_line(&b))))
			return false;
	}
	return a.len == b.len;
}

static void compare_form(struct comparison *c, const struct recorded_message *a,
			 const struct recorded_message *b, bool bodies)
{
	struct buf head = mapped(c->map, (struct slice){a->bytes.data, c->a.head_len});

	if (!same_head(buf_slice(&head), (struct slice){b->bytes.data, c->b.head_len}))
		difference_add(c, DIFFERENCE_COSMETIC,
			       "form of the head (spaces, line ends, case)");
	buf_free(&head);
	if (bodies && !slice_same(buf_slice(&c->a.body), buf_slice(&c->b.body)))
		difference_add(c, DIFFERENCE_COSMETIC,
			       "form of the body (white space, prefixes, declaration)");
}

/* ---- meaning ---- */

static const char *or_none(const char *text)
{
	return text ? text : "none";
}

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

static void describe(const struct facts *f, struct buf *out)
{
	if (f->kind == FACTS_FAULT && f->fault_code >= 0)
		buf_printf(out, "fault %d %s", f->fault_code, f->fault_text ? f->fault_text : "");
	else if (f->kind == FACTS_RESPONSE)
		buf_printf(out, "response %d without content that is understood", f->status);
	else
		buf_puts(out, facts_kind_name(f->kind));
}

static void compare_kind(struct comparison *c)
{
	struct buf a = {0}, b = {0};

	describe(&c->a, &a);
	describe(&c->b, &b);
	difference_add(c, DIFFERENCE_DIFFERENT, "%s became %s", a.data, b.data);
	buf_free(&a);
	buf_free(&b);
}

static void compare_start(struct comparison *c)
{
	const struct facts *a = &c->a, *b = &c->b;

	if (a->status != b->status)
		difference_add(c, DIFFERENCE_DIFFERENT, "status %d became %d", a->status,
			       b->status);
	if (!same_text(a->method, b->method))
		difference_add(c, DIFFERENCE_DIFFERENT, "method %s became %s", or_none(a->method),
			       or_none(b->method));
	if (!same_text(a->target, b->target))
		difference_add(c, DIFFERENCE_DIFFERENT, "target %s became %s", or_none(a->target),
			       or_none(b->target));
}

static void compare_soap(struct comparison *c)
{
	const struct facts *a = &c->a, *b = &c->b;

	if (a->fault_code != b->fault_code)
		difference_add(c, DIFFERENCE_DIFFERENT, "fault %d %s became %d %s", a->fault_code,
			       a->fault_text ? a->fault_text : "", b->fault_code,
			       b->fault_text ? b->fault_text : "");
	else if (!same_text(a->fault_text, b->fault_text))
		difference_add(c, DIFFERENCE_COSMETIC, "text of fault %d: \"%s\" became \"%s\"",
			       a->fault_code, or_none(a->fault_text), or_none(b->fault_text));
	if (!same_text(a->action, b->action))
		difference_add(c, DIFFERENCE_DIFFERENT, "action %s became %s", or_none(a->action),
			       or_none(b->action));
	if (!same_text(a->service, b->service))
		difference_add(c, DIFFERENCE_DIFFERENT, "service %s became %s", or_none(a->service),
			       or_none(b->service));
}

/* Of what nobody decodes the bytes are the meaning; the page of an error is form. */
static void compare_opaque(struct comparison *c)
{
	const struct facts *a = &c->a, *b = &c->b;

	if ((a->kind != FACTS_RESPONSE && a->kind != FACTS_GET && a->kind != FACTS_DATA) ||
	    slice_same(buf_slice(&a->body), buf_slice(&b->body)))
		return;
	difference_add(c, a->status >= 400 ? DIFFERENCE_COSMETIC : DIFFERENCE_DIFFERENT,
		       "body of %zu bytes became one of %zu", a->body.len, b->body.len);
}

static void compare(struct comparison *c, const struct recorded_message *a,
		    const struct recorded_message *b)
{
	bool whole = !a->gap_count && !b->gap_count;
	size_t before = c->out->count;

	if (whole && c->a.kind != c->b.kind)
		compare_kind(c);
	compare_start(c);
	if (whole && c->a.kind != c->b.kind)
		return;
	difference_headers(c);
	if (whole) {
		compare_soap(c);
		difference_arguments(c);
		compare_opaque(c);
	}
	if (c->out->count == before)
		compare_form(c, a, b, whole && c->a.kind != FACTS_PORT_CONTROL);
	if (!whole)
		difference_add(c, DIFFERENCE_SAME,
			       "only the head was compared: %s recording has not got all of it",
			       a->gap_count ? "the first" : "the second");
}

void difference_message(enum flow_protocol protocol, const struct recorded_message *a,
			const struct recorded_message *b, const struct substitutions *s,
			const char *what, struct difference *out)
{
	struct comparison c = {.map = s, .what = what, .out = out};

	if (!a && !b)
		return;
	if (!a || !b) {
		difference_add(&c, DIFFERENCE_MISSING, b ? "was not there before" : "is missing");
		return;
	}
	facts_of(protocol, a, &c.a);
	facts_of(protocol, b, &c.b);
	map_facts(s, &c.a);
	compare(&c, a, b);
	facts_free(&c.a);
	facts_free(&c.b);
}
