/* SPDX-License-Identifier: MIT */
/*
 * recording_json.c - exchanges as JSON.
 *
 * Theory of operation
 *
 * What a message says is written as "text" where it is UTF-8 that people can read (CR, LF and TAB
 * are its only control characters), else as "base64": so the bytes survive and grep finds what
 * there is to find. "decoded" is for readers such as jq and is never read back: the bytes decide.
 * Times are RFC 3339 (UTC) when the source has dates, else seconds as a number; what is not known
 * is left out.
 */
#include "recording_parts.h"

#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/utf8.h"
#include "base64.h"
#include "facts.h"

#include <stdlib.h>
#include <time.h>

#define NS INT64_C(1000000000)

/* Text as JSON; a byte that is no UTF-8 becomes U+FFFD. */
static json_t *text_json(const char *text)
{
	size_t len = strlen(text);
	struct buf out = {0};
	json_t *json;

	if (!len || utf8_is_valid(text, len))
		return json_stringn(text, len);
	for (size_t i = 0; i < len;) {
		size_t width = utf8_char(text + i, len - i);

		if (width)
			buf_add(&out, text + i, width);
		else
			buf_puts(&out, "\xef\xbf\xbd");
		i += width ? width : 1;
	}
	json = json_stringn(out.data, out.len);
	buf_free(&out);
	return json;
}

static void set_text(json_t *object, const char *key, const char *text)
{
	if (text)
		json_object_set_new(object, key, text_json(text));
}

/* ---- times ---- */

static void add_fraction(int64_t ns, struct buf *out)
{
	int digits = 9;

	if (!ns)
		return;
	for (; ns % 1000 == 0; digits -= 3)
		ns /= 1000;
	buf_printf(out, ".%0*lld", digits, (long long)ns);
}

void recording_time_text(int64_t ns, struct buf *out)
{
	time_t seconds = (time_t)(ns / NS - (ns % NS < 0));
	struct tm tm;

	gmtime_r(&seconds, &tm);
	buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
		   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	add_fraction((ns % NS + NS) % NS, out);
	buf_putc(out, 'Z');
}

static json_t *time_json(int64_t ns, bool dated)
{
	struct buf text = {0};
	json_t *json;

	if (!dated)
		return json_real((double)ns / (double)NS);
	recording_time_text(ns, &text);
	json = json_stringn(text.data, text.len);
	buf_free(&text);
	return json;
}

static void set_time(json_t *object, const char *key, int64_t ns, bool dated)
{
	if (ns != RECORDING_NO_TIME)
		json_object_set_new(object, key, time_json(ns, dated));
}

/* ---- decoded ---- */

/* A name that occurs again becomes a list. */
static json_t *facts_json(const struct fact *facts, size_t count)
{
	json_t *object = json_object();

	for (size_t i = 0; i < count; i++) {
		json_t *value = text_json(facts[i].value), *before;

		if (!utf8_is_valid(facts[i].name, strlen(facts[i].name))) {
			json_decref(value);
			continue;
		}
		before = json_object_get(object, facts[i].name);
		if (json_is_array(before))
			json_array_append_new(before, value);
		else if (before)
			json_object_set_new(object, facts[i].name,
					    json_pack("[Oo]", before, value));
		else
			json_object_set_new(object, facts[i].name, value);
	}
	return object;
}

static json_t *decoded_json(enum flow_protocol protocol, const struct recorded_message *m)
{
	json_t *object = json_object();
	struct facts f;

	facts_of(protocol, m, &f);
	set_text(object, "kind", facts_kind_name(f.kind));
	set_text(object, "method", f.method);
	set_text(object, "target", f.target);
	if (f.status)
		json_object_set_new(object, "status", json_integer(f.status));
	set_text(object, "service", f.service);
	set_text(object, "action", f.action);
	if (f.fault_code >= 0)
		json_object_set_new(object, "fault_code", json_integer(f.fault_code));
	set_text(object, "fault_text", f.fault_text);
	if (f.argument_count || f.kind == FACTS_ACTION || f.kind == FACTS_RESULT)
		json_object_set_new(object, "arguments", facts_json(f.arguments, f.argument_count));
	if (f.header_count && f.kind != FACTS_ACTION && f.kind != FACTS_RESULT &&
	    f.kind != FACTS_FAULT)
		json_object_set_new(object, "headers", facts_json(f.headers, f.header_count));
	facts_free(&f);
	return object;
}

/* ---- messages ---- */

static bool readable(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c == 0x7f || (c < 0x20 && c != '\r' && c != '\n' && c != '\t'))
			return false;
	}
	return !s.len || utf8_is_valid(s.ptr, s.len);
}

static void set_end_point(json_t *object, const char *key, const struct end_point *e)
{
	struct buf text = {0};

	end_point_text(e, &text);
	if (text.len)
		json_object_set_new(object, key, json_stringn(text.data, text.len));
	buf_free(&text);
}

static void set_bytes(json_t *object, struct slice bytes)
{
	struct buf text = {0};

	if (readable(bytes)) {
		json_object_set_new(object, "text",
				    json_stringn(bytes.len ? bytes.ptr : "", bytes.len));
		return;
	}
	base64_encode(bytes, &text);
	json_object_set_new(object, "base64", json_stringn(text.data, text.len));
	buf_free(&text);
}

static void set_details(json_t *object, const struct recorded_message *m, bool dated)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->gap_count; i++)
		json_array_append_new(list,
				      json_pack("{sI sI}", "offset", (json_int_t)m->gaps[i].offset,
						"count", (json_int_t)m->gaps[i].count));
	if (m->gap_count)
		json_object_set(object, "gaps", list);
	json_decref(list);
	list = json_array();
	for (size_t i = 0; i < m->restored.count; i++)
		json_array_append_new(list, text_json(m->restored.items[i]));
	if (m->restored.count)
		json_object_set(object, "restored", list);
	json_decref(list);
	list = json_array();
	for (size_t i = 0; i < m->segment_count; i++)
		json_array_append_new(list, json_pack("[Io]", (json_int_t)m->segments[i].end,
						      time_json(m->segments[i].time_ns, dated)));
	if (m->segment_count)
		json_object_set(object, "segments", list);
	json_decref(list);
}

static json_t *message_json(enum flow_protocol protocol, const struct recorded_message *m,
			    bool dated, bool by_line)
{
	json_t *object = json_object();

	set_end_point(object, "from", &m->from);
	set_end_point(object, "to", &m->to);
	set_time(object, "time", m->time_ns, dated);
	if (m->end_ns != m->time_ns)
		set_time(object, "end", m->end_ns, dated);
	if (m->first)
		json_object_set_new(object, by_line ? "lines" : "packets",
				    json_pack("[II]", (json_int_t)m->first, (json_int_t)m->count));
	set_details(object, m, dated);
	set_bytes(object, buf_slice(&m->bytes));
	json_object_set_new(object, "decoded", decoded_json(protocol, m));
	return object;
}

json_t *exchange_json(const struct exchange *x, bool dated, bool by_line)
{
	json_t *object = json_object(), *replies = json_array();

	set_time(object, "time", exchange_first_ns(x), dated);
	set_text(object, "protocol", flow_protocol_name(x->protocol));
	set_text(object, "name", x->name);
	if (x->connection >= 0)
		json_object_set_new(object, "connection", json_integer(x->connection));
	if (x->from_router)
		json_object_set_new(object, "from_router", json_true());
	if (x->has_request)
		json_object_set_new(object, "request",
				    message_json(x->protocol, &x->request, dated, by_line));
	for (size_t i = 0; i < x->reply_count; i++)
		json_array_append_new(replies,
				      message_json(x->protocol, &x->replies[i], dated, by_line));
	json_object_set_new(object, "replies", replies);
	return object;
}

/* ---- head ---- */

bool recording_by_line(const struct recording *r)
{
	return r->kind && (!strcmp(r->kind, "log") || !strcmp(r->kind, "journal"));
}

static json_t *notes_json(const struct recording *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->note_count; i++) {
		const struct recording_note *n = &r->notes[i];
		json_t *note = json_object();

		if (n->count)
			json_object_set_new(
				note, recording_by_line(r) ? "lines" : "packets",
				json_pack("[II]", (json_int_t)n->first, (json_int_t)n->count));
		set_text(note, "what", n->what);
		set_text(note, "text", n->text);
		json_array_append_new(list, note);
	}
	return list;
}

json_t *recording_head_json(const struct recording *r)
{
	json_t *object = json_pack("{si}", "igdlab-flow", RECORDING_VERSION);
	json_t *replaced = json_array();

	set_text(object, "summary", r->summary);
	set_text(object, "source", r->source);
	set_text(object, "kind", r->kind);
	set_text(object, "sha256", r->sha256);
	json_object_set_new(object, "bytes", json_integer((json_int_t)r->bytes));
	json_object_set_new(object, "dated", json_boolean(r->dated));
	set_text(object, "client", r->client);
	set_text(object, "router", r->router);
	for (size_t i = 0; i < r->replaced.count; i++)
		json_array_append_new(replaced, text_json(r->replaced.items[i]));
	json_object_set_new(object, "replaced", replaced);
	json_object_set_new(object, "notes", notes_json(r));
	return object;
}
