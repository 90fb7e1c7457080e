/* SPDX-License-Identifier: MIT */
/* recording.c - recorded flows in memory (see recording.h). */
#include "recording.h"

#include "../fakeigd/base/mem.h"
#include "lab.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

#define NOTE_CHARS 120

/* ---- life ---- */

static void message_free(struct recorded_message *m)
{
	buf_free(&m->bytes);
	free(m->gaps);
	names_free(&m->restored);
	free(m->segments);
}

void exchange_free(struct exchange *x)
{
	free(x->name);
	message_free(&x->request);
	for (size_t i = 0; i < x->reply_count; i++)
		message_free(&x->replies[i]);
	free(x->replies);
	*x = (struct exchange){0};
}

void recording_free(struct recording *r)
{
	for (size_t i = 0; i < r->count; i++)
		exchange_free(&r->exchanges[i]);
	for (size_t i = 0; i < r->note_count; i++) {
		free(r->notes[i].what);
		free(r->notes[i].text);
	}
	free(r->exchanges);
	free(r->notes);
	names_free(&r->replaced);
	free(r->summary);
	free(r->source);
	free(r->kind);
	free(r->sha256);
	free(r->client);
	free(r->router);
	*r = (struct recording){0};
}

struct exchange *recording_add(struct recording *r)
{
	if (r->count == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 16;
		r->exchanges = xrealloc(r->exchanges, r->cap * sizeof(*r->exchanges));
	}
	r->exchanges[r->count] = (struct exchange){
		.connection = -1,
		.request = {.time_ns = RECORDING_NO_TIME, .end_ns = RECORDING_NO_TIME},
	};
	return &r->exchanges[r->count++];
}

struct recorded_message *exchange_reply(struct exchange *x)
{
	x->replies = xrealloc(x->replies, (x->reply_count + 1) * sizeof(*x->replies));
	x->replies[x->reply_count] = (struct recorded_message){
		.time_ns = RECORDING_NO_TIME,
		.end_ns = RECORDING_NO_TIME,
	};
	return &x->replies[x->reply_count++];
}

/* The first @max characters (UTF-8 sequences are not torn). */
static char *cut(const char *text, size_t max)
{
	size_t len = 0, characters = 0;

	while (text[len] && characters < max) {
		len++;
		while (((unsigned char)text[len] & 0xc0) == 0x80)
			len++;
		characters++;
	}
	return xstrndup(text, len);
}

void recording_note_add(struct recording *r, uint64_t first, uint64_t count, const char *what,
			const char *text)
{
	if (r->note_count == r->note_cap) {
		r->note_cap = r->note_cap ? r->note_cap * 2 : 16;
		r->notes = xrealloc(r->notes, r->note_cap * sizeof(*r->notes));
	}
	r->notes[r->note_count++] = (struct recording_note){
		.first = first,
		.count = count,
		.what = xstrdup(what),
		.text = text ? cut(text, NOTE_CHARS) : NULL,
	};
}

int64_t exchange_first_ns(const struct exchange *x)
{
	if (x->has_request && x->request.time_ns != RECORDING_NO_TIME)
		return x->request.time_ns;
	return x->reply_count ? x->replies[0].time_ns : RECORDING_NO_TIME;
}

/* ---- end points ---- */

static char *put_decimal(char *at, unsigned value)
{
	if (value >= 10)
		at = put_decimal(at, value / 10);
	*at++ = (char)('0' + value % 10);
	return at;
}

/* There are four of them in an exchange, and hundreds of thousands of exchanges: no printf. */
void end_point_text(const struct end_point *e, struct buf *out)
{
	char text[INET6_ADDRSTRLEN + sizeof("[]:65535")], *at = text;

	if (e->family == AF_INET) {
		for (int i = 0; i < 4; i++) {
			at = put_decimal(at, e->address[i]);
			*at++ = '.';
		}
		at--;
	} else if (e->family == AF_INET6) {
		*at = '[';
		inet_ntop(AF_INET6, e->address, at + (e->port != 0), INET6_ADDRSTRLEN);
		at += strlen(at);
		if (e->port)
			*at++ = ']';
	}
	if (e->port) {
		*at++ = ':';
		at = put_decimal(at, e->port);
	}
	if (at > text)
		buf_add(out, text, (size_t)(at - text));
}

static bool parse_address(struct slice text, struct end_point *out)
{
	char copy[INET6_ADDRSTRLEN];

	if (!text.len || text.len >= sizeof(copy) || memchr(text.ptr, '\0', text.len))
		return text.len == 0;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	out->family = memchr(copy, ':', text.len) ? AF_INET6 : AF_INET;
	return inet_pton(out->family, copy, out->address) == 1;
}

bool end_point_parse(struct slice text, struct end_point *out)
{
	const char *colon = text.len ? memrchr(text.ptr, ':', text.len) : NULL;
	const char *bracket = text.len ? memrchr(text.ptr, ']', text.len) : NULL;
	struct end_point e = {0};
	uint64_t port;

	if (colon && (bracket ? bracket < colon : memchr(text.ptr, ':', text.len) == colon)) {
		struct slice digits = {colon + 1, (size_t)(text.ptr + text.len - colon - 1)};

		if (!slice_number(digits, UINT16_MAX, &port) || !port)
			return false;
		e.port = (uint16_t)port;
		text.len = (size_t)(colon - text.ptr);
	}
	if (bracket) {
		if (text.len < 4 || text.ptr[0] != '[' || text.ptr[text.len - 1] != ']')
			return false;
		text = (struct slice){text.ptr + 1, text.len - 2};
	}
	if ((!text.len && !e.port) || !parse_address(text, &e) || (bracket && e.family != AF_INET6))
		return false;
	*out = e;
	return true;
}

bool end_point_same_address(const struct end_point *a, const struct end_point *b)
{
	return a->family && a->family == b->family &&
	       !memcmp(a->address, b->address, a->family == AF_INET ? 4 : 16);
}

bool end_point_same(const struct end_point *a, const struct end_point *b)
{
	return a->port == b->port && end_point_same_address(a, b);
}

bool end_point_is_multicast(const struct end_point *e)
{
	static const uint8_t broadcast[] = {255, 255, 255, 255};

	if (e->family == AF_INET)
		return (e->address[0] & 0xf0) == 0xe0 || !memcmp(e->address, broadcast, 4);
	return e->family == AF_INET6 && e->address[0] == 0xff;
}

/* ---- names ---- */

static bool readable(const char *path)
{
	return access(path, R_OK) == 0;
}

char *recording_find(const char *name)
{
	char *path;

	if (strchr(name, '/') || readable(name))
		return xstrdup(name);
	path = xasprintf("%s/captures/%s.flow.json", lab_tree(), name);
	if (readable(path))
		return path;
	free(path);
	path = xasprintf("%s/captures/%s", lab_tree(), name);
	if (readable(path))
		return path;
	free(path);
	return xstrdup(name);
}
