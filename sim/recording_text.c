/* SPDX-License-Identifier: MIT */
/*
 * recording_text.c - exchanges as JSON text.
 *
 * Theory of operation
 *
 * What a message says is written as "text" where it is UTF-8 that people can read (CR, LF and TAB
 * are its only control characters), else as "base64": so the bytes survive and grep finds what
 * there is to find. "decoded" is for readers such as jq and is never read back: the bytes decide.
 * Times are RFC 3339 (UTC) when the source has dates, else seconds as a number; what is not known
 * is left out.
 *
 * The text is made without a tree of values between: a capture may hold hundreds of thousands of
 * exchanges, and the tree would cost more than everything before it. Strings are escaped as RFC
 * 8259 clause 7 demands and no further.
 */
#include "recording_parts.h"

#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/utf8.h"
#include "base64.h"
#include "facts.h"

#include <stdlib.h>
#include <time.h>

#define NS	    INT64_C(1000000000)
#define TIME_DIGITS 15 /* of seconds as a number: nanoseconds over ten days */

/**
 * struct writing - what the functions below share
 * @separate:	a member or item stands before: a comma first
 * @second, @date: the last second whose date was written, as "2025-07-28T09:52:06"
 */
struct writing {
	struct buf *out;
	bool dated, by_line, decoded;
	bool separate;
	int64_t second;
	char date[32];
};

/* ---- JSON ---- */

/* Eight bytes at a time: the top bit of each that is below @limit, or equals @value. Above the
 * lowest such byte there may be others that are not (a borrow). */
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define TOP	   EACH(0x80)

static uint64_t below(uint64_t word, uint8_t limit)
{
	return (word - EACH(limit)) & ~word & TOP;
}

static uint64_t equal(uint64_t word, uint8_t value)
{
	return below(word ^ EACH(value), 1);
}

static uint64_t word_at(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* How far a string needs no escape. */
static size_t plain_until(struct slice s, size_t from)
{
	for (; s.len - from >= sizeof(uint64_t); from += sizeof(uint64_t)) {
		uint64_t word = word_at(s.ptr + from);

		if (below(word, 0x20) | equal(word, '"') | equal(word, '\\'))
			break;
	}
	for (; from < s.len; from++) {
		unsigned char c = (unsigned char)s.ptr[from];

		if (c < 0x20 || c == '"' || c == '\\')
			break;
	}
	return from;
}

/* Escapes what is UTF-8 already. */
static void add_plain(struct buf *out, struct slice s)
{
	static const char shorts[0x20] = {
		['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
	size_t from = 0, i;

	buf_reserve(out, s.len + s.len / 8 + 2);
	buf_putc(out, '"');
	while ((i = plain_until(s, from)) < s.len) {
		unsigned char c = (unsigned char)s.ptr[i];

		buf_add(out, s.ptr + from, i - from);
		from = i + 1;
		if (c < 0x20 && !shorts[c])
			buf_printf(out, "\\u%04X", c);
		else
			buf_add(out, (const char[]){'\\', c < 0x20 ? shorts[c] : (char)c}, 2);
	}
	if (s.len > from)
		buf_add(out, s.ptr + from, s.len - from);
	buf_putc(out, '"');
}

/* A string; a byte that is no UTF-8 becomes U+FFFD. */
static void add_text(struct buf *out, const char *text)
{
	size_t len = strlen(text);
	struct buf valid = {0};

	if (!len || utf8_is_valid(text, len)) {
		add_plain(out, (struct slice){text, len});
		return;
	}
	utf8_add_valid(&valid, text, len);
	add_plain(out, buf_slice(&valid));
	buf_free(&valid);
}

static void add_number(struct buf *out, uint64_t value)
{
	char text[24], *at = text + sizeof(text);

	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	buf_add(out, at, (size_t)(text + sizeof(text) - at));
}

/* Begins a member, or an item where @key is NULL. */
static void next(struct writing *w, const char *key)
{
	if (w->separate)
		buf_add(w->out, ", ", 2);
	w->separate = true;
	if (!key)
		return;
	add_text(w->out, key);
	buf_add(w->out, ": ", 2);
}

static void enter(struct writing *w, char bracket)
{
	buf_putc(w->out, bracket);
	w->separate = false;
}

static void leave(struct writing *w, char bracket)
{
	buf_putc(w->out, bracket);
	w->separate = true;
}

static void set_text(struct writing *w, const char *key, const char *text)
{
	if (!text)
		return;
	next(w, key);
	add_text(w->out, text);
}

static void set_number(struct writing *w, const char *key, uint64_t value)
{
	next(w, key);
	add_number(w->out, value);
}

/* ---- times ---- */

static void add_fraction(int64_t ns, struct buf *out)
{
	char digits[10] = ".";
	int count = 9;

	if (!ns)
		return;
	for (; ns % 1000 == 0; count -= 3)
		ns /= 1000;
	for (int i = count; i > 0; i--, ns /= 10)
		digits[i] = (char)('0' + ns % 10);
	buf_add(out, digits, (size_t)count + 1);
}

static void date_text(int64_t second, char out[32])
{
	time_t seconds = (time_t)second;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
}

void recording_time_text(int64_t ns, struct buf *out)
{
	char date[32];

	date_text(ns / NS - (ns % NS < 0), date);
	buf_puts(out, date);
	add_fraction((ns % NS + NS) % NS, out);
	buf_putc(out, 'Z');
}

static void add_seconds(struct writing *w, int64_t ns)
{
	json_t *real = json_real((double)ns / (double)NS);
	char *text = json_dumps(real, JSON_ENCODE_ANY | JSON_REAL_PRECISION(TIME_DIGITS));

	buf_puts(w->out, text ? text : "null");
	free(text);
	json_decref(real);
}

static void add_time(struct writing *w, int64_t ns)
{
	int64_t second = ns / NS - (ns % NS < 0);

	if (!w->dated) {
		add_seconds(w, ns);
		return;
	}
	if (!w->date[0] || second != w->second)
		date_text(second, w->date);
	w->second = second;
	buf_putc(w->out, '"');
	buf_puts(w->out, w->date);
	add_fraction((ns % NS + NS) % NS, w->out);
	buf_add(w->out, "Z\"", 2);
}

static void set_time(struct writing *w, const char *key, int64_t ns)
{
	if (ns == RECORDING_NO_TIME)
		return;
	next(w, key);
	add_time(w, ns);
}

/* ---- decoded ---- */

static size_t same_name(const struct fact *facts, size_t from, size_t to, const char *name)
{
	while (from < to && strcmp(facts[from].name, name) != 0)
		from++;
	return from;
}

/* A name that occurs again becomes a list. */
static void set_facts(struct writing *w, const char *key, const struct fact *facts, size_t count)
{
	next(w, key);
	enter(w, '{');
	for (size_t i = 0; i < count; i++) {
		const char *name = facts[i].name;
		size_t again = same_name(facts, i + 1, count, name);

		if (!utf8_is_valid(name, strlen(name)) || same_name(facts, 0, i, name) < i)
			continue;
		if (again == count) {
			set_text(w, name, facts[i].value);
			continue;
		}
		next(w, name);
		enter(w, '[');
		set_text(w, NULL, facts[i].value);
		for (; again < count; again = same_name(facts, again + 1, count, name))
			set_text(w, NULL, facts[again].value);
		leave(w, ']');
	}
	leave(w, '}');
}

static void set_decoded(struct writing *w, enum flow_protocol protocol,
			const struct recorded_message *m)
{
	struct facts f;
	bool control;

	facts_of(protocol, m, &f);
	control = f.kind == FACTS_ACTION || f.kind == FACTS_RESULT;
	next(w, "decoded");
	enter(w, '{');
	set_text(w, "kind", facts_kind_name(f.kind));
	set_text(w, "method", f.method);
	set_text(w, "target", f.target);
	if (f.status)
		set_number(w, "status", (uint64_t)f.status);
	set_text(w, "service", f.service);
	set_text(w, "action", f.action);
	if (f.fault_code >= 0)
		set_number(w, "fault_code", (uint64_t)f.fault_code);
	set_text(w, "fault_text", f.fault_text);
	if (f.argument_count || control)
		set_facts(w, "arguments", f.arguments, f.argument_count);
	if (f.header_count && !control && f.kind != FACTS_FAULT)
		set_facts(w, "headers", f.headers, f.header_count);
	leave(w, '}');
	facts_free(&f);
}

/* ---- messages ---- */

static bool readable(struct slice s)
{
	unsigned char all = 0;
	size_t i = 0;

	while (i < s.len) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (s.len - i >= sizeof(uint64_t)) {
			uint64_t word = word_at(s.ptr + i);

			if (!(below(word, 0x20) | equal(word, 0x7f) | (word & TOP))) {
				i += sizeof(word);
				continue;
			}
		}
		all |= c;
		i++;
		if (c == 0x7f || (c < 0x20 && c != '\r' && c != '\n' && c != '\t'))
			return false;
	}
	return all < 0x80 || utf8_is_valid(s.ptr, s.len);
}

static void set_end_point(struct writing *w, const char *key, const struct end_point *e)
{
	struct buf text = {0};

	end_point_text(e, &text);
	if (text.len) {
		next(w, key);
		add_plain(w->out, buf_slice(&text));
	}
	buf_free(&text);
}

static void set_bytes(struct writing *w, struct slice bytes)
{
	struct buf text = {0};

	if (readable(bytes)) {
		next(w, "text");
		add_plain(w->out, bytes);
		return;
	}
	base64_encode(bytes, &text);
	next(w, "base64");
	add_plain(w->out, buf_slice(&text));
	buf_free(&text);
}

static void set_gaps(struct writing *w, const struct recorded_message *m)
{
	if (!m->gap_count)
		return;
	next(w, "gaps");
	enter(w, '[');
	for (size_t i = 0; i < m->gap_count; i++) {
		next(w, NULL);
		enter(w, '{');
		set_number(w, "offset", m->gaps[i].offset);
		set_number(w, "count", m->gaps[i].count);
		leave(w, '}');
	}
	leave(w, ']');
}

static void set_restored(struct writing *w, const struct recorded_message *m)
{
	if (!m->restored.count)
		return;
	next(w, "restored");
	enter(w, '[');
	for (size_t i = 0; i < m->restored.count; i++)
		set_text(w, NULL, m->restored.items[i]);
	leave(w, ']');
}

static void set_segments(struct writing *w, const struct recorded_message *m)
{
	if (!m->segment_count)
		return;
	next(w, "segments");
	enter(w, '[');
	for (size_t i = 0; i < m->segment_count; i++) {
		next(w, NULL);
		enter(w, '[');
		set_number(w, NULL, m->segments[i].end);
		next(w, NULL);
		add_time(w, m->segments[i].time_ns);
		leave(w, ']');
	}
	leave(w, ']');
}

static void add_message(struct writing *w, enum flow_protocol protocol,
			const struct recorded_message *m)
{
	enter(w, '{');
	set_end_point(w, "from", &m->from);
	set_end_point(w, "to", &m->to);
	set_time(w, "time", m->time_ns);
	if (m->end_ns != m->time_ns)
		set_time(w, "end", m->end_ns);
	if (m->first) {
		next(w, w->by_line ? "lines" : "packets");
		enter(w, '[');
		set_number(w, NULL, m->first);
		set_number(w, NULL, m->count);
		leave(w, ']');
	}
	set_gaps(w, m);
	set_restored(w, m);
	set_segments(w, m);
	set_bytes(w, buf_slice(&m->bytes));
	if (w->decoded)
		set_decoded(w, protocol, m);
	leave(w, '}');
}

void exchange_text(const struct exchange *x, unsigned how, struct buf *out)
{
	struct writing w = {
		.out = out,
		.dated = how & EXCHANGE_DATED,
		.by_line = how & EXCHANGE_BY_LINE,
		.decoded = how & EXCHANGE_DECODED,
	};

	enter(&w, '{');
	set_time(&w, "time", exchange_first_ns(x));
	set_text(&w, "protocol", flow_protocol_name(x->protocol));
	set_text(&w, "name", x->name);
	if (x->connection >= 0)
		set_number(&w, "connection", (uint64_t)x->connection);
	if (x->from_router) {
		next(&w, "from_router");
		buf_puts(out, "true");
	}
	if (x->has_request) {
		next(&w, "request");
		add_message(&w, x->protocol, &x->request);
	}
	next(&w, "replies");
	enter(&w, '[');
	for (size_t i = 0; i < x->reply_count; i++) {
		next(&w, NULL);
		add_message(&w, x->protocol, &x->replies[i]);
	}
	leave(&w, ']');
	leave(&w, '}');
}

json_t *exchange_json(const struct exchange *x, bool dated, bool by_line)
{
	unsigned how = EXCHANGE_DECODED | (dated ? EXCHANGE_DATED : 0u) |
		       (by_line ? EXCHANGE_BY_LINE : 0u);
	struct buf text = {0};
	json_t *json;

	exchange_text(x, how, &text);
	json = json_loadb(text.data, text.len, 0, NULL);
	buf_free(&text);
	return json;
}
