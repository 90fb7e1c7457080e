/* SPDX-License-Identifier: MIT */
/*
 * anonymise.c - a flow that can be shown to anybody (see anonymise.h).
 *
 * Theory of operation
 *
 * Two passes: one over everything to find what identifies, since a serial number of the last
 * exchange may stand in the name of the first; one to replace; and again until nothing is found,
 * since a word may have hidden another. Of HTTP, head and body are done apart: the body out of its
 * chunks (RFC 9112 clause 7.1), which are put back with their sizes, the last one taking the
 * difference; Content-Length grows or shrinks by as much as the body, so that a length that was
 * wrong stays as wrong. Places of gaps and segments move with the text before them.
 */
#include "anonymise.h"

#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/http.h"
#include "anonymise_parts.h"
#include "facts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>

#define ROUNDS_MAX    8
#define LENGTH_HEADER "content-length"

static char *replaced_text(struct anonymiser *a, const char *text)
{
	struct buf out = {0};

	anonymise_text(a, slice_of(text), &out);
	return buf_steal(&out);
}

static void replace_text(struct anonymiser *a, char **text)
{
	char *new;

	if (!*text)
		return;
	new = replaced_text(a, *text);
	free(*text);
	*text = new;
}

/* ---- chunks ---- */

/* The size line at the front: its value, its length, and how many digits. */
static bool chunk_line(struct slice s, size_t *size, size_t *len)
{
	const char *end = s.len ? memchr(s.ptr, '\n', s.len) : NULL;
	size_t digits = 0;

	*size = 0;
	while (digits < s.len && digits < 8 && isxdigit((unsigned char)s.ptr[digits])) {
		char c = (char)tolower((unsigned char)s.ptr[digits++]);

		*size = *size * 16 + (size_t)(isdigit((unsigned char)c) ? c - '0' : c - 'a' + 10);
	}
	*len = end ? (size_t)(end - s.ptr) + 1 : 0;
	return digits && end;
}

/* The sizes of all chunks but the last. Return: how many bytes the chunks took, 0 = broken. */
static size_t chunk_sizes(struct slice s, size_t **sizes, size_t *count, struct buf *body)
{
	size_t at = 0, size, len;

	for (;;) {
		if (!chunk_line((struct slice){s.ptr + at, s.len - at}, &size, &len))
			return 0;
		if (!size)
			return at;
		at += len;
		if (size > s.len - at || s.len - at - size < 2)
			return 0;
		buf_add(body, s.ptr + at, size);
		at += size + (s.ptr[at + size] == '\r' ? 2 : 1);
		*sizes = xrealloc(*sizes, (*count + 1) * sizeof(**sizes));
		(*sizes)[(*count)++] = size;
	}
}

static void put_chunks(struct slice body, const size_t *sizes, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count && body.len; i++) {
		size_t size = i + 1 == count || sizes[i] > body.len ? body.len : sizes[i];

		buf_printf(out, "%zx\r\n", size);
		buf_add(out, body.ptr, size);
		buf_puts(out, "\r\n");
		body = (struct slice){body.ptr + size, body.len - size};
	}
}

/* A body; UTF-16 on the way through UTF-8. */
static void replace_body(struct anonymiser *a, struct slice in, struct buf *out)
{
	struct buf plain = {0}, new = {0};
	bool big;

	if (!utf16_is(in, &big)) {
		anonymise_text(a, in, out);
		return;
	}
	utf16_read(in, big, &plain);
	anonymise_text(a, buf_slice(&plain), &new);
	utf16_write(buf_slice(&new), big, out);
	if (in.len % 2)
		buf_putc(out, in.ptr[in.len - 1]);
	buf_free(&plain);
	buf_free(&new);
}

static void replace_chunked(struct anonymiser *a, struct slice in, struct buf *out)
{
	struct buf body = {0}, new = {0};
	size_t *sizes = NULL, count = 0;
	size_t taken = chunk_sizes(in, &sizes, &count, &body);

	replace_body(a, buf_slice(&body), &new);
	if (!taken) {
		anonymise_text(a, in, out);
	} else if (slice_same(buf_slice(&new), buf_slice(&body))) {
		buf_add(out, in.ptr, taken);
	} else {
		put_chunks(buf_slice(&new), sizes, count, out);
	}
	if (taken)
		anonymise_text(a, (struct slice){in.ptr + taken, in.len - taken}, out);
	buf_free(&body);
	buf_free(&new);
	free(sizes);
}

/* ---- messages ---- */

/* Content-Length and a body that grew by @growth. */
static void correct_length(struct buf *head, long long growth)
{
	struct buf out = {0};
	struct slice rest = buf_slice(head);

	while (rest.len) {
		const char *end = memchr(rest.ptr, '\n', rest.len);
		size_t len = end ? (size_t)(end - rest.ptr) + 1 : rest.len, digits;
		const char *colon = memchr(rest.ptr, ':', len);
		struct slice name = {rest.ptr, colon ? (size_t)(colon - rest.ptr) : 0}, number;
		uint64_t value;

		number = colon ? slice_trim((struct slice){colon + 1, len - name.len - 1})
			       : (struct slice){0};
		digits = 0;
		while (digits < number.len && isdigit((unsigned char)number.ptr[digits]))
			digits++;
		number.len = digits;
		if (slice_case_eq(slice_trim(name), LENGTH_HEADER) &&
		    slice_number(number, INT32_MAX, &value) && (long long)value + growth >= 0) {
			buf_add(&out, rest.ptr, (size_t)(number.ptr - rest.ptr));
			buf_printf(&out, "%lld", (long long)value + growth);
			buf_add(&out, number.ptr + digits,
				(size_t)(rest.ptr + len - number.ptr) - digits);
		} else {
			buf_add(&out, rest.ptr, len);
		}
		rest = (struct slice){rest.ptr + len, rest.len - len};
	}
	buf_free(head);
	*head = out;
}

static void replace_http(struct anonymiser *a, struct slice in, struct buf *out)
{
	enum http_framing framing = HTTP_BODY_UNTIL_CLOSE;
	struct buf head = {0}, body = {0};
	struct http_head parsed;
	size_t len = in.len;
	struct slice rest;
	uint64_t length;

	if (http_parse_head(in.ptr, in.len, &parsed, &len) != HTTP_OK) {
		anonymise_text(a, in, out);
		return;
	}
	if (http_body_framing(&parsed, false, &framing, &length) != HTTP_OK)
		framing = HTTP_BODY_UNTIL_CLOSE;
	rest = (struct slice){in.ptr + len, in.len - len};
	anonymise_text(a, (struct slice){in.ptr, len}, &head);
	if (framing == HTTP_BODY_CHUNKED)
		replace_chunked(a, rest, &body);
	else if (rest.len)
		replace_body(a, rest, &body);
	if (framing != HTTP_BODY_CHUNKED && body.len != rest.len)
		correct_length(&head, (long long)body.len - (long long)rest.len);
	buf_add_slice(out, buf_slice(&head));
	if (body.len)
		buf_add_slice(out, buf_slice(&body));
	buf_free(&head);
	buf_free(&body);
}

/* An address of PCP: IPv6, or IPv4 mapped into it (RFC 6887 clause 5). */
static void replace_at(struct anonymiser *a, struct buf *bytes, size_t at)
{
	if (at + 16 <= bytes->len)
		anonymise_ipv6(a, (uint8_t *)bytes->data + at);
}

/* NAT-PMP: the external address (RFC 6886 clause 3.2). PCP: the client's, those of MAP and PEER,
 * and of the options THIRD_PARTY and FILTER (RFC 6887 clauses 7.1, 11.1, 12.1, 13.1, 13.3). */
static void replace_port_control(struct anonymiser *a, struct buf *bytes)
{
	bool reply = bytes->len > 1 && ((uint8_t)bytes->data[1] & 0x80);
	unsigned opcode = bytes->len > 1 ? (uint8_t)bytes->data[1] & 0x7f : 0;
	size_t at = opcode == 2 ? 80 : opcode == 1 ? 60 : 24;

	if (bytes->len >= 12 && bytes->data[0] == 0 && reply && opcode == 0)
		anonymise_ipv4(a, (uint8_t *)bytes->data + 8);
	if (bytes->len < 24 || bytes->data[0] != 2)
		return;
	if (!reply)
		replace_at(a, bytes, 8);
	if (opcode == 1 || opcode == 2)
		replace_at(a, bytes, 44);
	if (opcode == 2)
		replace_at(a, bytes, 64);
	while (at + 4 <= bytes->len) {
		const uint8_t *option = (const uint8_t *)bytes->data + at;
		size_t len = (size_t)(option[2] << 8 | option[3]);

		if (option[0] == 1 || option[0] == 3)
			replace_at(a, bytes, at + 4 + (option[0] == 3 ? 4 : 0));
		at += 4 + ((len + 3) & ~(size_t)3);
	}
}

static struct buf replaced_bytes(struct anonymiser *a, enum flow_protocol protocol,
				 struct slice bytes)
{
	struct buf out = {0};

	if (!bytes.len)
		return out;
	if (protocol == FLOW_NATPMP || protocol == FLOW_PCP) {
		buf_add_slice(&out, bytes);
		replace_port_control(a, &out);
	} else if (protocol == FLOW_SSDP || protocol == FLOW_HTTP || protocol == FLOW_SOAP ||
		   protocol == FLOW_GENA) {
		replace_http(a, bytes, &out);
	} else {
		anonymise_text(a, bytes, &out);
	}
	return out;
}

/* Where a place of the old bytes is in the new ones: behind as much as becomes of what was before.
 */
static size_t moved(struct anonymiser *a, struct slice before, size_t at, size_t len)
{
	struct buf out = {0};
	size_t place;

	if (at == before.len)
		return len;
	if (at)
		anonymise_text(a, (struct slice){before.ptr, at}, &out);
	place = out.len < len ? out.len : len;
	buf_free(&out);
	return place;
}

static void replace_end_point(struct anonymiser *a, struct end_point *e)
{
	if (e->family == AF_INET)
		anonymise_ipv4(a, e->address);
	else if (e->family == AF_INET6)
		anonymise_ipv6(a, e->address);
}

static void replace_message(struct anonymiser *a, enum flow_protocol protocol,
			    struct recorded_message *m)
{
	struct slice before = buf_slice(&m->bytes);
	struct buf after = {0};

	replace_end_point(a, &m->from);
	replace_end_point(a, &m->to);
	for (size_t i = 0; i < m->restored.count; i++)
		replace_text(a, &m->restored.items[i]);
	if (!before.len)
		return;
	after = replaced_bytes(a, protocol, before);
	for (size_t i = 0; i < m->gap_count && after.len != before.len; i++)
		m->gaps[i].offset = moved(a, before, m->gaps[i].offset, after.len);
	for (size_t i = 0; i < m->segment_count && after.len != before.len; i++)
		m->segments[i].end = moved(a, before, m->segments[i].end, after.len);
	buf_free(&m->bytes);
	m->bytes = after;
}

/* ---- the flow ---- */

static void replace_exchange(struct anonymiser *a, struct exchange *x)
{
	replace_text(a, &x->name);
	replace_message(a, x->protocol, &x->request);
	for (size_t i = 0; i < x->reply_count; i++)
		replace_message(a, x->protocol, &x->replies[i]);
}

/* What a body without its chunks identifies: also what lies across two of them. */
static void find_in_body(struct anonymiser *a, struct slice body)
{
	struct buf plain = {0}, out = {0};
	bool big;

	if (!body.len)
		return;
	if (utf16_is(body, &big))
		utf16_read(body, big, &plain);
	else
		buf_add_slice(&plain, body);
	anonymise_learn(a, buf_slice(&plain));
	anonymise_patterns(a, buf_slice(&plain), &out);
	buf_free(&plain);
	buf_free(&out);
}

static void find_in(struct anonymiser *a, enum flow_protocol protocol,
		    const struct recorded_message *m)
{
	struct end_point from = m->from, to = m->to;
	struct buf out = replaced_bytes(a, protocol, buf_slice(&m->bytes));
	struct facts f;

	replace_end_point(a, &from);
	replace_end_point(a, &to);
	facts_of(protocol, m, &f);
	anonymise_learn(a, buf_slice(&m->bytes));
	find_in_body(a, buf_slice(&f.body));
	buf_free(&out);
	facts_free(&f);
}

/* An address is written with dashes in many a host's name. */
static void add_dashed(struct anonymiser *a)
{
	for (size_t i = 0; i < a->ipv4.count; i++) {
		const uint8_t *f = a->ipv4.items[i].from, *t = a->ipv4.items[i].to;
		char *from = xasprintf("%u-%u-%u-%u", f[0], f[1], f[2], f[3]);
		char *to = xasprintf("%u-%u-%u-%u", t[0], t[1], t[2], t[3]);

		substitutions_add(&a->words, from, to);
		free(from);
		free(to);
	}
}

static void find_all(struct anonymiser *a, const struct recording *r)
{
	struct buf out = {0};

	for (size_t i = 0; i < r->count; i++) {
		const struct exchange *x = &r->exchanges[i];

		find_in(a, x->protocol, &x->request);
		for (size_t j = 0; j < x->reply_count; j++)
			find_in(a, x->protocol, &x->replies[j]);
	}
	for (size_t i = 0; i < r->note_count; i++) {
		anonymise_patterns(a, slice_of(r->notes[i].what), &out);
		anonymise_patterns(a, slice_of(r->notes[i].text), &out);
	}
	buf_free(&out);
	add_dashed(a);
}

static void tell(struct recording *r, size_t count, const char *what, const char *plural,
		 const char *by)
{
	char *text;

	if (!count)
		return;
	text = xasprintf("%zu %s%s by %s", count, what, count == 1 ? "" : plural, by);
	names_add(&r->replaced, text);
	free(text);
}

static size_t found(const struct anonymiser *a)
{
	return a->ipv4.count + a->ipv6.count + a->macs.count + a->uuids.count + a->serials +
	       a->names + a->texts.count;
}

static void replace_all(struct anonymiser *a, struct recording *r)
{
	for (size_t i = 0; i < r->count; i++)
		replace_exchange(a, &r->exchanges[i]);
	for (size_t i = 0; i < r->note_count; i++) {
		replace_text(a, &r->notes[i].what);
		replace_text(a, &r->notes[i].text);
	}
	replace_text(a, &r->summary);
	replace_text(a, &r->client);
	replace_text(a, &r->router);
}

static void anonymise_with(struct recording *r, struct anonymiser *a)
{
	size_t before;
	int rounds = 0;

	do {
		before = found(a);
		find_all(a, r);
		replace_all(a, r);
	} while (found(a) != before && ++rounds < ROUNDS_MAX);
	tell(r, a->ipv4.count, "public IPv4 address", "es",
	     "addresses of 203.0.113.0/24 and 198.51.100.0/24");
	tell(r, a->ipv6.count, "public IPv6 address", "es", "addresses of 2001:db8::/32");
	tell(r, a->macs.count, "MAC address", "es", "02:00:00:00:00:01 and following");
	tell(r, a->uuids.count, "UUID", "s", "00000000-0000-4000-8000-000000000001 and following");
	tell(r, a->serials, "serial number", "s", "1 and following, filled with zeros");
	tell(r, a->names, "name", "s", "name-1 and host-1.example and following");
	tell(r, a->texts.count, "mapping description", "s", "text-1 and following");
	anonymiser_free(a);
}

void anonymise(struct recording *r)
{
	struct anonymiser a = {0};

	anonymise_with(r, &a);
}

void anonymise_keeping(struct recording *r, const struct in_addr *keep, size_t count,
		       const struct substitutions *words)
{
	struct anonymiser a = {.keep = keep, .keep_count = count, .keep_texts = true};

	for (size_t i = 0; i < words->count; i++)
		substitutions_add(&a.words, words->items[i].from, words->items[i].to);
	anonymise_with(r, &a);
}
