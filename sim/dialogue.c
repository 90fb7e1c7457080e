/* SPDX-License-Identifier: MIT */
/*
 * dialogue.c - messages in the two directions of a TCP connection: HTTP, or just data.
 *
 * Theory of operation
 *
 * Each side is a small machine over the bytes that reassembly hands out. Between messages it looks
 * for a start line: a method or "HTTP/1." at the front and a version in the first line. With one it
 * waits for the empty line, parses the head (fakeigd/wire/http.h), and takes the body as RFC 9112
 * clause 6.3 says: none, a length, chunks, or until the end. Without one the bytes are data; in a
 * connection that spoke HTTP before, each new segment gets another chance, so that decoding finds
 * its feet again after a gap or after a body that was longer than it said.
 *
 * Responses answer the requests of the other side in order (pipelining, RFC 9112 clause 9.3.2); an
 * interim response (1xx) leaves its request open. A request is listed when its head is complete,
 * so a response that comes before the rest of its body still finds it.
 *
 * Data that is no HTTP becomes one message per turn: until the other side speaks.
 *
 * Limits: DIALOGUE_*, and those of flow.h for what is kept of a message. Every byte is looked at
 * once for the end of a head and once to take it.
 */
#include "connection.h"

#include "../fakeigd/base/mem.h"

#include <ctype.h>
#include <stdlib.h>

#define METHOD_MAX 20
#define HTTP_FINAL 200 /* status of a response whose status line is all that is known */

enum verdict { IS_HTTP, MAY_BE_HTTP, NO_HTTP };

/* "METHOD " or "HTTP/" at the front; undecided while the bytes end inside it. */
static enum verdict judge_front(struct slice data)
{
	size_t i = 0;

	while (i < data.len && i <= METHOD_MAX &&
	       (isupper((unsigned char)data.ptr[i]) || data.ptr[i] == '-'))
		i++;
	if (i == data.len)
		return MAY_BE_HTTP;
	if (i == 4 && slice_starts(data, "HTTP/"))
		return IS_HTTP;
	return i >= 3 && i <= METHOD_MAX && data.ptr[i] == ' ' ? IS_HTTP : NO_HTTP;
}

/* A request line ends in a version; a status line begins with one. */
static bool line_has_version(struct slice line)
{
	if (slice_starts(line, "HTTP/"))
		return true;
	while (line.len && isspace((unsigned char)line.ptr[line.len - 1]))
		line.len--;
	return line.len > 9 && memcmp(line.ptr + line.len - 8, "HTTP/", 5) == 0;
}

/* Whether a start line begins the bytes at hand. */
static enum verdict judge(struct side *s, struct slice data)
{
	enum verdict front;
	const char *end;

	if (s->line_ok)
		return IS_HTTP;
	front = judge_front(data);
	if (front != IS_HTTP)
		return front;
	end = memchr(data.ptr + s->scanned, '\n', data.len - s->scanned);
	if (!end) {
		s->scanned = data.len;
		return data.len > DIALOGUE_LINE_MAX ? NO_HTTP : MAY_BE_HTTP;
	}
	s->scanned = (size_t)(end - data.ptr);
	s->line_ok = line_has_version((struct slice){data.ptr, s->scanned});
	return s->line_ok ? IS_HTTP : NO_HTTP;
}

/* Whether the empty line is there; s->scanned is at a line end, or where to go on looking. */
static bool head_complete(struct side *s, struct slice data)
{
	while (s->scanned < data.len) {
		const char *end = memchr(data.ptr + s->scanned, '\n', data.len - s->scanned);
		size_t after;

		if (!end) {
			s->scanned = data.len;
			return false;
		}
		s->scanned = (size_t)(end - data.ptr);
		after = s->scanned + 1;
		if (after < data.len && data.ptr[after] == '\r')
			after++;
		if (after >= data.len)
			return false; /* undecided: look from this line end again */
		if (data.ptr[after] == '\n')
			return true;
		s->scanned++;
	}
	return false;
}

/* ---- messages ---- */

/* The oldest will get no answer. */
static void forget_request(struct connections *t, struct open_requests *o)
{
	int message = o->slots[o->first].message;

	o->first = (o->first + 1) % o->cap;
	o->count--;
	if (message >= 0)
		t->sink->ops->unanswered(t->sink, message);
}

static void push_request(struct connections *t, struct open_requests *o,
			 struct open_request request)
{
	size_t at;

	if (o->count == o->cap && o->cap == DIALOGUE_OPEN_MAX) {
		forget_request(t, o);
	} else if (o->count == o->cap) { /* full: the oldest is not always at the front */
		o->slots = xrealloc(o->slots, (o->cap ? o->cap * 2 : 2) * sizeof(*o->slots));
		memcpy(o->slots + o->cap, o->slots, o->first * sizeof(*o->slots));
		o->cap = o->cap ? o->cap * 2 : 2;
	}
	at = (o->first + o->count++) % o->cap;
	o->slots[at] = request;
}

/* The request that a response of side @from answers; an interim response does not close it. */
static struct open_request answered(struct connection *c, int from, int status)
{
	struct open_requests *o = &c->open[!from];
	struct open_request request = {-1, false};

	if (!o->count)
		return request;
	request = o->slots[o->first];
	if (status >= 200 || status == 101) {
		o->first = (o->first + 1) % o->cap;
		o->count--;
	}
	return request;
}

static void end_message(struct connections *t, struct side *s)
{
	struct sink_end end = {
		.is_data = s->state == SIDE_OPAQUE,
		.head_len = s->head_len,
		.chunked = s->state == SIDE_CHUNKED,
		.body = buf_slice(&s->body),
		.left = s->state == SIDE_LENGTH ? s->left : 0,
		.notes = &s->notes,
	};

	if (!s->busy)
		return;
	if (s->current >= 0)
		t->sink->ops->end(t->sink, s->current, &end);
	s->busy = false;
	s->current = -1;
	s->line_ok = false;
	s->scanned = 0;
	buf_free(&s->body);
	s->notes = (struct label_notes){0};
	if (s->state != SIDE_OPAQUE)
		s->state = SIDE_START;
}

/* Begins a message with the first byte at hand; whoever spoke before has ended his turn. */
static void begin_message(struct connections *t, struct connection *c, int from,
			  struct sink_begin begin)
{
	struct side *s = &c->sides[from], *other = &c->sides[!from];
	struct reassembly_span span = reassembly_peek(&s->in, 1);
	struct packet p = s->origin;

	if (other->busy && other->state == SIDE_OPAQUE)
		end_message(t, other);
	p.time_ns = span.first_ns;
	p.number = span.first_packet;
	p.ethernet = s->stations;
	s->busy = true;
	s->current = -1;
	if (begin.is_data && !t->sink->ops->data)
		return;
	if (c->number < 0)
		c->number = t->numbers++;
	begin.first = &p;
	begin.connection = c->number;
	s->current = t->sink->ops->begin(t->sink, &begin);
}

/* Moves @len bytes at hand into the message. */
static void take(struct connections *t, struct side *s, size_t len)
{
	if (!len)
		return;
	if (s->current >= 0)
		t->sink->ops->bytes(t->sink, s->current, &s->in, len);
	reassembly_consume(&s->in, len);
}

/* ---- states ---- */

static void begin_opaque(struct connections *t, struct connection *c, int from)
{
	struct side *s = &c->sides[from];

	if (c->dialogue != DIALOGUE_HTTP) {
		c->dialogue = DIALOGUE_OTHER;
		connection_tell(t, c);
	}
	s->state = SIDE_OPAQUE;
	s->refused = true;
	s->line_ok = false;
	s->scanned = 0;
}

/* How the body after a head comes; @left gets its length where it has one. */
static enum side_state body_state(const struct http_head *head, bool to_head, uint64_t *left)
{
	static const enum side_state states[] = {
		[HTTP_BODY_NONE] = SIDE_LENGTH,
		[HTTP_BODY_LENGTH] = SIDE_LENGTH,
		[HTTP_BODY_CHUNKED] = SIDE_CHUNKED,
		[HTTP_BODY_UNTIL_CLOSE] = SIDE_CLOSE,
	};
	enum http_framing framing = HTTP_BODY_NONE;
	uint64_t length = 0;

	*left = 0;
	if (http_body_framing(head, to_head, &framing, &length) != HTTP_OK)
		return head->is_response ? SIDE_CLOSE : SIDE_LENGTH;
	if (framing == HTTP_BODY_LENGTH)
		*left = length;
	return states[framing];
}

/* The head is complete: list the message. */
static bool begin_http(struct connections *t, struct connection *c, int from, struct slice data)
{
	struct side *s = &c->sides[from];
	struct open_request request = {-1, false};
	struct http_head head;
	enum side_state state;
	size_t consumed;

	if (http_parse_head(data.ptr, data.len, &head, &consumed) != HTTP_OK)
		return false;
	c->dialogue = DIALOGUE_HTTP;
	if (head.is_response)
		request = answered(c, from, head.status);
	begin_message(t, c, from,
		      (struct sink_begin){
			      .head = &head,
			      .is_reply = head.is_response,
			      .request = request.message,
		      });
	if (!head.is_response)
		push_request(t, &c->open[from],
			     (struct open_request){s->current, slice_eq(head.method, "HEAD")});
	state = body_state(&head, request.is_head, &s->left);
	take(t, s, consumed);
	s->head_len = consumed;
	s->chunked = (struct http_chunked){0};
	s->state = state;
	if (state == SIDE_LENGTH && !s->left)
		end_message(t, s);
	return true;
}

/* Each step works on what is at hand. Return: whether to look again. */
static bool step_start(struct connections *t, struct connection *c, int from, struct slice data)
{
	struct side *s = &c->sides[from];
	enum verdict verdict;

	/* Empty lines between messages are to be ignored (RFC 9112 clause 2.2). */
	if (c->dialogue == DIALOGUE_HTTP && (data.ptr[0] == '\r' || data.ptr[0] == '\n')) {
		reassembly_consume(&s->in, 1);
		return true;
	}
	verdict = judge(s, data);
	if (verdict == IS_HTTP && head_complete(s, data))
		verdict = begin_http(t, c, from, data) ? IS_HTTP : NO_HTTP;
	else if (verdict == IS_HTTP)
		verdict = data.len > DIALOGUE_HEAD_MAX ? NO_HTTP : MAY_BE_HTTP;
	if (verdict == NO_HTTP)
		begin_opaque(t, c, from);
	return verdict != MAY_BE_HTTP;
}

static bool step_length(struct connections *t, struct side *s, struct slice data)
{
	size_t len = data.len < s->left ? data.len : (size_t)s->left;

	take(t, s, len);
	s->left -= len;
	if (!s->left)
		end_message(t, s);
	return true;
}

static bool step_chunked(struct connections *t, struct side *s, struct slice data)
{
	size_t consumed = 0;
	enum http_error error =
		http_chunked_feed(&s->chunked, data.ptr, data.len, &consumed, &s->body);

	if (s->body.len > FLOW_MESSAGE_BYTES || !t->sink->ops->bodies)
		buf_reset(&s->body);
	s->notes.bad_chunk = error == HTTP_BAD_CHUNK;
	take(t, s, consumed);
	if (error != HTTP_INCOMPLETE)
		end_message(t, s);
	return error != HTTP_INCOMPLETE;
}

static bool step_opaque(struct connections *t, struct connection *c, int from, struct slice data)
{
	struct side *s = &c->sides[from];

	if (c->dialogue == DIALOGUE_HTTP && !s->refused && judge(s, data) == IS_HTTP) {
		end_message(t, s);
		s->state = SIDE_START;
		return true;
	}
	s->refused = false;
	s->line_ok = false;
	s->scanned = 0;
	if (!s->busy)
		begin_message(t, c, from,
			      (struct sink_begin){
				      .is_data = true,
				      .is_reply = c->has_syn && c->syn_side != from,
				      .request = -1,
			      });
	take(t, s, data.len);
	return false;
}

void dialogue_data(struct connections *t, struct connection *c, int from)
{
	struct side *s = &c->sides[from];
	struct slice data = reassembly_data(&s->in);
	bool again = true;

	for (; again && data.len; data = reassembly_data(&s->in)) {
		switch (s->state) {
		case SIDE_START:
			again = step_start(t, c, from, data);
			break;
		case SIDE_LENGTH:
			again = step_length(t, s, data);
			break;
		case SIDE_CHUNKED:
			again = step_chunked(t, s, data);
			break;
		case SIDE_CLOSE:
			take(t, s, data.len);
			break;
		case SIDE_OPAQUE:
			again = step_opaque(t, c, from, data);
			break;
		}
	}
}

/* What is at hand and incomplete becomes a message as it is. */
static void take_rest(struct connections *t, struct connection *c, int from)
{
	struct side *s = &c->sides[from];
	struct slice data = reassembly_data(&s->in);
	struct sink_begin begin = {.request = -1};

	if (!data.len || s->busy)
		return;
	if (!s->line_ok) {
		begin_opaque(t, c, from);
		begin.is_data = true;
	} else {
		c->dialogue = DIALOGUE_HTTP;
		begin.is_reply = slice_starts(data, "HTTP/");
		if (begin.is_reply)
			begin.request = answered(c, from, HTTP_FINAL).message;
	}
	begin_message(t, c, from, begin);
	s->head_len = data.len;
	take(t, s, data.len);
	s->notes.cut = s->state != SIDE_OPAQUE;
}

void dialogue_gap(struct connections *t, struct connection *c, int from, uint64_t lost)
{
	struct side *s = &c->sides[from];

	take_rest(t, c, from);
	if (!s->busy)
		return; /* between two messages: nobody knows what it was */
	s->notes.lost += lost;
	if (s->current >= 0 && (s->state != SIDE_LENGTH || lost <= s->left))
		t->sink->ops->gap(t->sink, s->current, lost);
	if (s->state == SIDE_CLOSE || s->state == SIDE_OPAQUE)
		return;
	if (s->state == SIDE_LENGTH && lost <= s->left) {
		s->left -= lost;
		if (s->left)
			return;
	} else {
		s->notes.cut = true;
	}
	end_message(t, s);
}

void dialogue_end(struct connections *t, struct connection *c, int from, bool orderly)
{
	struct side *s = &c->sides[from];

	if (s->ended)
		return;
	s->ended = true;
	take_rest(t, c, from);
	if (s->state != SIDE_OPAQUE && !(s->state == SIDE_CLOSE && orderly))
		s->notes.cut = true;
	end_message(t, s);
}

bool dialogue_waiting(const struct connection *c)
{
	return c->sides[0].busy || c->sides[1].busy || c->open[0].count || c->open[1].count ||
	       reassembly_data(&c->sides[0].in).len || reassembly_data(&c->sides[1].in).len;
}

bool dialogue_may_begin(struct slice payload)
{
	return payload.len > METHOD_MAX && judge_front(payload) == IS_HTTP;
}

void dialogue_free(struct connections *t, struct connection *c)
{
	for (int i = 0; i < 2; i++) {
		reassembly_free(&c->sides[i].in);
		buf_free(&c->sides[i].body);
		while (c->open[i].count)
			forget_request(t, &c->open[i]);
		free(c->open[i].slots);
		c->open[i] = (struct open_requests){0};
	}
}
