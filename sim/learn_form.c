/* SPDX-License-Identifier: MIT */
/*
 * learn_form.c - the form of heads, found out from answers.
 *
 * Theory of operation: of each head a template is made in which the values that vary (DATE, length,
 * target ...) are placeholders, and the rest is what was sent, byte for byte: order, case, spaces.
 * Equal templates are counted; the most frequent one becomes the message. A header whose value
 * differs between otherwise equal heads (CONNECTION) is a placeholder in all of them.
 */
#include "learn_parts.h"

#include <ctype.h>
#include <stdlib.h>

/* Whether @from stands at @i, and is not a part of a longer word or number. */
static bool stands_at(struct slice text, size_t i, struct slice from)
{
	size_t end = i + from.len;

	if (!from.len || from.len > text.len - i || memcmp(text.ptr + i, from.ptr, from.len) != 0)
		return false;
	if (i && isalnum((unsigned char)text.ptr[i]) && isalnum((unsigned char)text.ptr[i - 1]))
		return false;
	return end == text.len || !isalnum((unsigned char)text.ptr[end]) ||
	       !isalnum((unsigned char)text.ptr[end - 1]);
}

void template_add(struct buf *out, struct slice text, const struct stand_in *subs, size_t count)
{
	for (size_t i = 0; i < text.len;) {
		size_t s = 0;

		while (s < count && !stands_at(text, i, subs[s].from))
			s++;
		if (s < count) {
			buf_puts(out, subs[s].to);
			i += subs[s].from.len;
			continue;
		}
		if (text.ptr[i] == '{')
			buf_putc(out, '{');
		buf_putc(out, text.ptr[i++]);
	}
}

void forms_vote(struct forms *f, struct slice text, const struct seen *s)
{
	struct form *form;

	for (size_t i = 0; i < f->count; i++) {
		form = &f->list[i];
		if (slice_same(buf_slice(&form->text), text)) {
			form->votes++;
			return;
		}
	}
	f->list = xrealloc(f->list, (f->count + 1) * sizeof(*f->list));
	form = &f->list[f->count++];
	*form = (struct form){.votes = 1, .first = s};
	buf_add_slice(&form->text, text);
	buf_reserve(&form->text, 1);
}

const struct form *forms_best(const struct forms *f)
{
	const struct form *best = NULL;

	for (size_t i = 0; i < f->count; i++)
		if (!best || f->list[i].votes > best->votes)
			best = &f->list[i];
	return best;
}

void forms_free(struct forms *f)
{
	for (size_t i = 0; i < f->count; i++)
		buf_free(&f->list[i].text);
	free(f->list);
	*f = (struct forms){0};
}

/* ---- heads ---- */

enum head_kind {
	HEAD_SSDP_REPLY,
	HEAD_SSDP_ALIVE,
	HEAD_SSDP_BYEBYE,
	HEAD_DESCRIPTION,
	HEAD_SCPD,
	HEAD_SOAP,
	HEAD_FAULT,
	HEAD_SUBSCRIBE,
	HEAD_UNSUBSCRIBE,
	HEAD_ERROR,
	HEAD_EVENT,
	HEAD_COUNT,
};

static const char *const head_names[HEAD_COUNT] = {
	"ssdp-reply",	    "ssdp-alive", "ssdp-byebye", "description-head",
	"scpd-head",	    "soap-head",  "fault-head",	 "subscribe-head",
	"unsubscribe-head", "error-head", "event-head"};

/* Headers whose value is a placeholder; @where: bits of enum head_kind. */
#define SSDP_HEADS (1u << HEAD_SSDP_REPLY | 1u << HEAD_SSDP_ALIVE | 1u << HEAD_SSDP_BYEBYE)
#define HTTP_HEADS (~SSDP_HEADS)
static const struct {
	const char *header;
	const char *value;
	unsigned where;
} varying[] = {
	{"location", "{location}", SSDP_HEADS},
	{"st", "{st}", SSDP_HEADS},
	{"nt", "{st}", SSDP_HEADS},
	{"usn", "{usn}", SSDP_HEADS},
	{"host", "{host}", SSDP_HEADS | 1u << HEAD_EVENT},
	{"date", "{date}", SSDP_HEADS | HTTP_HEADS},
	{"bootid.upnp.org", "{boot_id}", SSDP_HEADS},
	{"01-nls", "{boot_id}", SSDP_HEADS},
	{"content-length", "{content_length}", HTTP_HEADS},
	{"sid", "{sid}", 1u << HEAD_SUBSCRIBE | 1u << HEAD_EVENT},
	{"seq", "{seq}", 1u << HEAD_EVENT},
	{"timeout", "{timeout}", 1u << HEAD_SUBSCRIBE},
};

static int http_kind(const struct seen *s)
{
	switch (s->out.kind) {
	case FACTS_RESULT:
		return HEAD_SOAP;
	case FACTS_FAULT:
		return HEAD_FAULT;
	case FACTS_DESCRIPTION:
		break;
	default:
		if (s->in.method && !strcmp(s->in.method, "SUBSCRIBE"))
			return s->out.status == 200 ? HEAD_SUBSCRIBE : HEAD_ERROR;
		if (s->in.method && !strcmp(s->in.method, "UNSUBSCRIBE"))
			return s->out.status == 200 ? HEAD_UNSUBSCRIBE : HEAD_ERROR;
	}
	if (s->out.status != 200)
		return HEAD_ERROR;
	return s->in.method && !strcmp(s->in.method, "GET") ? HEAD_DESCRIPTION : -1;
}

/* Which head an answer (or NOTIFY) has, -1 = none of ours. */
static int head_kind(const struct learner *l, const struct seen *s)
{
	const char *nts = facts_header(&s->in, "NTS"), *path;
	int kind;

	if (s->x->protocol == FLOW_SSDP && s->x->from_router && nts)
		return !strcmp(nts, "ssdp:alive")    ? HEAD_SSDP_ALIVE
		       : !strcmp(nts, "ssdp:byebye") ? HEAD_SSDP_BYEBYE
						     : -1;
	if (s->x->from_router)
		return s->in.kind == FACTS_EVENT && s->in.head_len ? HEAD_EVENT : -1;
	if (!s->reply)
		return -1;
	if (s->x->protocol == FLOW_SSDP)
		return s->out.kind == FACTS_FOUND ? HEAD_SSDP_REPLY : -1;
	kind = http_kind(s);
	path = s->in.target;
	if (kind == HEAD_DESCRIPTION && path && l->location_path &&
	    strcmp(path, l->location_path) != 0 &&
	    (is_service_path(l, path) || text_find(buf_slice(&s->out.body), "<scpd")))
		return HEAD_SCPD;
	return kind;
}

static bool is_date(struct slice v)
{
	return v.len == 29 && v.ptr[3] == ',' && v.ptr[7] == ' ' && !memcmp(v.ptr + 26, "GMT", 3);
}

/* What stands for a header's value, NULL = the value itself. */
static const char *stand_for(const struct learner *l, int kind, struct slice name,
			     struct slice value, bool connection)
{
	if (slice_case_eq(name, "server") && l->server && slice_eq(value, l->server))
		return "{server}";
	if (slice_case_eq(name, "date") && !is_date(value))
		return NULL;
	if (slice_case_eq(name, "host") && kind != HEAD_EVENT &&
	    !slice_eq(value, "239.255.255.250:1900"))
		return NULL;
	if (slice_case_eq(name, "connection") && connection)
		return "{connection}";
	for (size_t i = 0; i < ARRAY_SIZE(varying); i++)
		if (slice_case_eq(name, varying[i].header) && varying[i].where & 1u << kind)
			return varying[i].value;
	return NULL;
}

static void add_cache_control(const struct learner *l, struct buf *out, struct slice value)
{
	struct stand_in none = {{l->router_text, strlen(l->router_text)}, "{lan_address}"};
	const char *eq = memmem(value.ptr, value.len, "max-age=", 8);
	size_t at = eq ? (size_t)(eq - value.ptr) + 8 : value.len, digits = 0;

	while (at + digits < value.len && value.ptr[at + digits] >= '0' &&
	       value.ptr[at + digits] <= '9')
		digits++;
	template_add(out, (struct slice){value.ptr, at}, &none, 1);
	if (digits)
		buf_puts(out, "{max_age}");
	at += digits;
	template_add(out, (struct slice){value.ptr + at, value.len - at}, &none, 1);
}

/* One line behind the start line, without its end. */
static void add_line(const struct learner *l, int kind, struct slice line, bool connection,
		     struct buf *out)
{
	const char *colon = memchr(line.ptr, ':', line.len);
	struct stand_in address = {{l->router_text, strlen(l->router_text)}, "{lan_address}"};
	size_t addresses = kind != HEAD_EVENT; /* it has no such placeholder */
	struct slice name, rest, value;
	const char *stand;

	if (!colon) {
		template_add(out, line, &address, addresses);
		return;
	}
	name = slice_trim((struct slice){line.ptr, (size_t)(colon - line.ptr)});
	rest = (struct slice){colon + 1, line.len - (size_t)(colon - line.ptr) - 1};
	value = slice_trim(rest);
	template_add(out, (struct slice){line.ptr, (size_t)(colon - line.ptr) + 1}, NULL, 0);
	buf_add(out, rest.ptr, value.len ? (size_t)(value.ptr - rest.ptr) : rest.len);
	stand = value.len ? stand_for(l, kind, name, value, connection) : NULL;
	if (stand)
		buf_puts(out, stand);
	else if (slice_case_eq(name, "cache-control") && 1u << kind & SSDP_HEADS)
		add_cache_control(l, out, value);
	else
		template_add(out, value, &address, addresses);
	if (value.len)
		buf_add(out, value.ptr + value.len,
			(size_t)(rest.ptr + rest.len - value.ptr) - value.len);
}

/* "HTTP/1.1 200 OK": version as sent, status and reason by name. */
static void add_start(int kind, struct slice line, struct buf *out)
{
	const char *space = memchr(line.ptr, ' ', line.len),
		   *last = memrchr(line.ptr, ' ', line.len);
	size_t version = space ? (size_t)(space - line.ptr) : 0;
	bool reason = version && line.len > version + 4 && line.ptr[version + 4] == ' ';

	if (1u << kind & SSDP_HEADS || !version) {
		template_add(out, line, NULL, 0);
		return;
	}
	if (kind == HEAD_EVENT) {
		buf_add(out, line.ptr, version + 1);
		buf_puts(out, "{callback_path}");
		template_add(out, text_from(line, last), NULL, 0);
		return;
	}
	buf_add(out, line.ptr, version);
	buf_puts(out, reason ? " {status} {reason}" : " {status}");
}

/* The template of a head; false: its lines do not all end in the same way. */
static bool head_template(const struct learner *l, int kind, struct slice head, bool connection,
			  struct buf *out, bool *lf)
{
	size_t lines = 0, bare = 0;

	for (size_t i = 0; i < head.len; lines++) {
		const char *end = memchr(head.ptr + i, '\n', head.len - i);
		size_t len = end ? (size_t)(end - head.ptr) - i : head.len - i, next = i + len + 1;
		bool cr = len && head.ptr[i + len - 1] == '\r';
		struct slice line = {head.ptr + i, len - cr};

		bare += end && !cr;
		if (!line.len)
			break;
		if (!lines)
			add_start(kind, line, out);
		else
			add_line(l, kind, line, connection, out);
		buf_putc(out, '\n');
		i = next;
	}
	*lf = bare;
	return lines;
}

/* CONNECTION that is not always the same, in words that fakeigd uses. */
static bool connection_varies(const struct learner *l, int kind)
{
	const char *first = NULL;
	bool varies = false;

	for (size_t i = 0; i < l->count && kind != HEAD_EVENT; i++) {
		const char *value = head_kind(l, &l->seen[i]) == kind
					    ? facts_header(&l->seen[i].out, "Connection")
					    : NULL;

		if (!value)
			continue;
		if (strcmp(value, "close") != 0 && strcmp(value, "keep-alive") != 0)
			return false;
		varies |= first && strcmp(first, value) != 0;
		first = value;
	}
	return varies;
}

static struct slice head_of(const struct seen *s, int kind)
{
	bool notify = kind == HEAD_SSDP_ALIVE || kind == HEAD_SSDP_BYEBYE || kind == HEAD_EVENT;
	const struct recorded_message *m = notify ? &s->x->request : s->reply;
	size_t len = notify ? s->in.head_len : s->out.head_len;

	return (struct slice){m->bytes.data, len};
}

static void write_head(const struct form *best, const char *name, bool lf, struct buf *out)
{
	buf_printf(out, "  %s", name);
	if (!lf) {
		yaml_template(out, 2, buf_slice(&best->text), true);
		return;
	}
	buf_puts(out, ":\n    line-ends: lf\n    text");
	yaml_template(out, 4, buf_slice(&best->text), true);
}

void learn_heads(struct learner *l, struct buf *messages)
{
	for (int kind = 0; kind < HEAD_COUNT; kind++) {
		bool connection = connection_varies(l, kind), lf = false, any = false;
		struct forms forms = {0};
		const struct form *best;

		for (size_t i = 0; i < l->count; i++) {
			struct buf text = {0};

			if (head_kind(l, &l->seen[i]) != kind)
				continue;
			if (head_template(l, kind, head_of(&l->seen[i], kind), connection, &text,
					  &lf))
				forms_vote(&forms, buf_slice(&text), &l->seen[i]);
			any |= lf;
			buf_free(&text);
		}
		best = forms_best(&forms);
		if (best) {
			yaml_votes(l, messages, &forms);
			write_head(best, head_names[kind], any, messages);
		}
		forms_free(&forms);
	}
}
