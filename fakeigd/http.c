/* SPDX-License-Identifier: MIT */
/*
 * http.c - fakeigd's HTTP server: requests, their framing and their limits.
 *
 * Theory of operation
 *
 * RFC 9112 (HTTP/1.1) with HTTP/1.0 beside it, as UDA 2.0 clause 2.1 asks of devices.
 * http_listen.c brings connections, http_send.c sends answers.
 *
 * A connection is in one of four states (enum http_reading): waiting for a head, for the rest of a
 * body of known length, for chunks, or discarding. While an answer is on its way (@busy) nothing is
 * read, so pipelined requests are answered in order and a peer that sends but does not read costs
 * the memory of one request. A request that is complete in one segment is parsed where recv() put
 * it and leaves nothing behind; only partial ones are kept in the connection, with the head at the
 * start of @in, parsed again when the body is complete.
 *
 * Limits (policy): head (431, request line alone 414), body (413). Further refusals: 400 malformed
 * (DESC-10), 411 POST without length, 417 unknown expectation, 501 unknown transfer coding, 505 not
 * HTTP/1.x. Content-Length beside Transfer-Encoding is malformed (SOAP-40). After a refusal the
 * rest of the request may still be arriving: the connection is shut down for sending and drained.
 */
#include "http.h"

#include "choice.h"
#include "http_connection.h"
#include "journal.h"
#include "profile.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#define RECEIVE_STEP 4096

static const struct policy *policy_of(const struct http *h)
{
	return &h->router->profile->policy;
}

static void reply_reset(struct http_reply *reply)
{
	reply->status = 0;
	reply->after = NULL;
	reply->later = NULL;
	reply->values = (struct message_values){0};
	buf_reset(&reply->body);
	buf_reset(&reply->extra);
	effects_init(&reply->effects);
}

bool connection_refuse(struct connection *c, const struct http_head *head, int status,
		       const char *why)
{
	struct http *h = c->http;

	if (journal_on(h->router->journal))
		journal_write(h->router->journal, JOURNAL_DECIDED, "http",
			      (struct sockaddr *)&c->peer, (struct sockaddr *)&c->local, why,
			      "{s:i}", "status", status);
	c->linger = true;
	reply_reset(&h->reply);
	http_error_reply(h->router, &h->reply, status);
	return http_answer(c, head, false);
}

static size_t header_count(const struct http_head *head, const char *name)
{
	size_t found = 0;

	for (size_t i = 0; i < head->count; i++)
		found += slice_case_eq(head->headers[i].name, name);
	return found;
}

static bool is_post(const struct http_head *head)
{
	return slice_eq(head->method, "POST") || slice_eq(head->method, "M-POST");
}

/*
 * What stands in a head that a server must refuse whatever the target.
 * Return: status with @why, 0 when it may go on.
 */
static int check_head(const struct http *h, const struct http_head *head, enum http_framing framing,
		      uint64_t body_len, const char **why)
{
	size_t hosts = header_count(head, "Host");
	enum http_error strict = http_head_strict(head);

	if (strict != HTTP_OK) {
		*why = http_error_text(strict);
		return http_error_status(strict);
	}
	if (hosts > 1 || (!hosts && head->minor >= 1 && policy_of(h)->http_host_required)) {
		*why = hosts ? "more than one Host" : "HTTP/1.1 without Host";
		return 400;
	}
	if (framing == HTTP_BODY_NONE && is_post(head)) {
		*why = "POST without a length";
		return 411;
	}
	if (framing == HTTP_BODY_LENGTH && body_len > (uint64_t)policy_of(h)->http_max_body) {
		*why = "body larger than http.max-body";
		return 413;
	}
	if (http_header(head, "Expect").ptr && !http_has_token(head, "Expect", "100-continue")) {
		*why = "unknown expectation";
		return 417;
	}
	return 0;
}

/* "http://authority/path" is the same as "/path" (RFC 9112 clause 3.2.2). */
static struct slice origin_form(struct slice target)
{
	const char *slash;

	if (target.len < 7 || strncasecmp(target.ptr, "http://", 7) != 0)
		return target;
	slash = memchr(target.ptr + 7, '/', target.len - 7);
	return slash ? (struct slice){slash, target.len - (size_t)(slash - target.ptr)}
		     : slice_of("/");
}

/* The request's fate where a rule of the HTTP layer decides it: true when no handler is asked. */
static bool rules_answer(struct http *h, const struct http_request *request)
{
	struct effects *e = &h->reply.effects;
	char method[32], target[256];
	struct rule_event event = {
		.layer = RULE_HTTP,
		.message = method,
		.target = target,
		.head = &request->head,
		.from = (const struct sockaddr *)&request->peer,
		.request = &request->facts,
	};

	if (!rules_any(h->router->rules, RULE_HTTP))
		return false;
	snprintf(method, sizeof(method), "%.*s", (int)request->head.method.len,
		 request->head.method.ptr);
	for (char *p = method; *p; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
	snprintf(target, sizeof(target), "%.*s", (int)request->head.target.len,
		 request->head.target.ptr);
	rules_apply(h->router->rules, h->router, &event, e);
	if (!e->status && !e->drop && !e->reset && !e->redirect)
		return false;
	http_error_reply(h->router, &h->reply, e->status ? e->status : 200);
	return true;
}

/* The handler answers later: until then only the end of the connection is noticed. */
static bool hold(struct connection *c, struct http_later *later, bool keep)
{
	c->busy = true;
	c->later = later;
	later->connection = c;
	later->keep = keep;
	connection_watch(c, 0);
	return true;
}

struct http_reply *http_later_reply(struct http_later *later)
{
	struct connection *c = later->connection;

	if (!c)
		return NULL;
	reply_reset(&c->http->reply);
	return &c->http->reply;
}

void http_later_send(struct http_later *later)
{
	struct connection *c = later->connection;
	bool keep = later->keep;

	http_later_drop(later);
	if (http_answer(c, NULL, keep) && !c->busy)
		connection_proceed(c);
}

void http_later_drop(struct http_later *later)
{
	if (later->connection)
		later->connection->later = NULL;
	later->connection = NULL;
}

/* A whole request: ask the handler and send what it says. False when the connection is gone. */
static bool handle(struct connection *c, const struct http_head *head, struct slice body)
{
	struct http *h = c->http;
	struct http_reply *reply = &h->reply;
	struct http_request request = {
		.head = *head, .body = body, .peer = c->peer, .local = c->local, .lan = c->lan};
	bool keep = head->minor >= 1 ? !http_has_token(head, "Connection", "close")
				     : http_has_token(head, "Connection", "keep-alive");

	request.facts = (struct rule_request){
		.body = body,
		.port = c->port,
		.segments = c->segments,
		.on_connection = ++c->requests,
	};
	c->segments = 1; /* of the next one, if it came in the same piece */
	request.head.target = origin_form(head->target);
	if (journal_on(h->router->journal)) {
		char what[128];

		snprintf(what, sizeof(what), "%.*s %.*s", (int)head->method.len, head->method.ptr,
			 (int)head->target.len, head->target.ptr);
		journal_write(h->router->journal, JOURNAL_RECEIVED, "http",
			      (struct sockaddr *)&c->peer, (struct sockaddr *)&c->local, what,
			      "{s:I}", "body", (json_int_t)body.len);
	}
	reply_reset(reply);
	if (!rules_answer(h, &request))
		h->handler(h->router, &request, reply);
	keep = (keep || !policy_of(h)->http_close) && policy_of(h)->http_keep_alive;
	if (reply->later)
		return hold(c, reply->later, keep);
	return http_answer(c, head, keep);
}

/* The head is not complete and may never be: has it grown beyond the limit? */
static bool head_too_long(struct connection *c, const char *data, size_t len)
{
	size_t limit = (size_t)policy_of(c->http)->http_max_head;

	return len > limit && !memchr(data, '\n', limit);
}

/**
 * enum progress - what became of the bytes at hand
 * PROGRESS_WAIT: they are the start of a request, more is needed
 * PROGRESS_DONE: a request was answered; what follows may be another
 * PROGRESS_GONE: the connection is closed and freed
 */
enum progress { PROGRESS_WAIT, PROGRESS_DONE, PROGRESS_GONE };

static enum progress refused(struct connection *c, const struct http_head *head, int status,
			     const char *why, size_t len, size_t *used)
{
	*used = len;
	return connection_refuse(c, head, status, why) ? PROGRESS_DONE : PROGRESS_GONE;
}

/* Tell a peer that waits for permission to send its body that it has it (RFC 9110 10.1.1). */
static void send_continue(struct connection *c, const struct http_head *head)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (c->continued || head->minor < 1 || !policy_of(c->http)->http_continue ||
	    !http_has_token(head, "Expect", "100-continue"))
		return;
	c->continued = true;
	if (send(c->fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return; /* a buffer that is full holds answers; the peer sends its body anyway */
	journal_bytes(c->http->router->journal, JOURNAL_WRITTEN, "tcp",
		      (struct sockaddr *)&c->local, (struct sockaddr *)&c->peer, slice_of(text));
}

/*
 * How long the body is to a router that takes any Content-Length (policy http.length): chunks
 * before lengths, of lengths the last number, and without a number what has come behind the head.
 */
static void guess_framing(const struct http_head *head, size_t come, enum http_framing *framing,
			  uint64_t *length)
{
	*framing = HTTP_BODY_LENGTH;
	*length = come;
	if (http_has_token(head, "Transfer-Encoding", "chunked"))
		*framing = HTTP_BODY_CHUNKED;
	for (size_t i = 0; i < head->count; i++)
		if (slice_case_eq(head->headers[i].name, "Content-Length"))
			slice_number(head->headers[i].value, HTTP_LENGTH_MAX, length);
}

/* Bytes that start with a head. @used: how many of them a complete request took. */
static enum progress begin(struct connection *c, const char *data, size_t len, size_t *used)
{
	size_t limit = (size_t)policy_of(c->http)->http_max_head;
	struct http_head head;
	enum http_framing framing;
	const char *why = NULL;
	enum http_error error;
	int status;

	if (head_too_long(c, data, len))
		return refused(c, NULL, 414, "request line longer than http.max-head", len, used);
	error = http_parse_head(data, len, &head, &c->head_len);
	if (error == HTTP_INCOMPLETE && len <= limit)
		return PROGRESS_WAIT;
	if (error == HTTP_INCOMPLETE || (error == HTTP_OK && c->head_len > limit))
		return refused(c, NULL, 431, "head longer than http.max-head", len, used);
	if (error == HTTP_OK && head.is_response)
		error = HTTP_BAD_START_LINE;
	if (error != HTTP_OK)
		return refused(c, NULL, http_error_status(error), http_error_text(error), len,
			       used);
	error = http_body_framing(&head, false, &framing, &c->body_len);
	if (error == HTTP_BAD_LENGTH && policy_is(policy_of(c->http), http_length, "lenient")) {
		guess_framing(&head, len - c->head_len, &framing, &c->body_len);
		error = HTTP_OK;
	}
	if (error != HTTP_OK)
		return refused(c, &head, http_error_status(error), http_error_text(error), len,
			       used);
	status = check_head(c->http, &head, framing, c->body_len, &why);
	if (status)
		return refused(c, &head, status, why, len, used);
	if (framing == HTTP_BODY_NONE)
		c->body_len = 0;
	if (framing != HTTP_BODY_CHUNKED && len - c->head_len >= c->body_len) {
		*used = c->head_len + (size_t)c->body_len;
		return handle(c, &head, (struct slice){data + c->head_len, (size_t)c->body_len})
			       ? PROGRESS_DONE
			       : PROGRESS_GONE;
	}
	c->reading = framing == HTTP_BODY_CHUNKED ? HTTP_READ_CHUNKED : HTTP_READ_LENGTH;
	c->chunked = (struct http_chunked){0};
	buf_reset(&c->body);
	send_continue(c, &head);
	return PROGRESS_WAIT;
}

/* The body is whole; the head is at the start of @in and is parsed once more. */
static enum progress finish_body(struct connection *c, struct slice body)
{
	struct http_head head;
	size_t head_len;

	c->reading = HTTP_READ_HEAD;
	c->continued = false;
	http_parse_head(c->in.data, c->in.len, &head, &head_len);
	return handle(c, &head, body) ? PROGRESS_DONE : PROGRESS_GONE;
}

/* More of a chunked body: decoded bytes move to @body, so @in holds only the head and a rest. */
static enum progress more_chunks(struct connection *c, size_t *used)
{
	size_t raw = c->in.len - c->head_len, eaten = 0;
	enum http_error error =
		http_chunked_feed(&c->chunked, c->in.data + c->head_len, raw, &eaten, &c->body);

	if (error == HTTP_BAD_CHUNK)
		return refused(c, NULL, 400, http_error_text(error), c->in.len, used);
	if (c->body.len > (size_t)policy_of(c->http)->http_max_body)
		return refused(c, NULL, 413, "body larger than http.max-body", c->in.len, used);
	if (error == HTTP_OK) {
		*used = c->head_len + eaten;
		return finish_body(c, buf_slice(&c->body));
	}
	memmove(c->in.data + c->head_len, c->in.data + c->head_len + eaten, raw - eaten);
	c->in.len = c->head_len + raw - eaten;
	return PROGRESS_WAIT;
}

/* What waits in @in, in whatever state the connection is. */
static enum progress advance(struct connection *c, size_t *used)
{
	switch (c->reading) {
	case HTTP_READ_HEAD:
		return begin(c, c->in.data, c->in.len, used);
	case HTTP_READ_LENGTH:
		if (c->in.len - c->head_len < c->body_len)
			return PROGRESS_WAIT;
		*used = c->head_len + (size_t)c->body_len;
		return finish_body(c,
				   (struct slice){c->in.data + c->head_len, (size_t)c->body_len});
	case HTTP_READ_CHUNKED:
		return more_chunks(c, used);
	case HTTP_READ_DISCARD:
		*used = c->in.len;
		return PROGRESS_DONE;
	}
	return PROGRESS_WAIT;
}

bool connection_proceed(struct connection *c)
{
	while (c->in.len && !c->busy) {
		enum http_reading before = c->reading;
		size_t used = 0;

		switch (advance(c, &used)) {
		case PROGRESS_GONE:
			return false;
		case PROGRESS_WAIT:
			/* Chunks may wait behind a head that has just been understood. */
			if (before == HTTP_READ_HEAD && c->reading == HTTP_READ_CHUNKED &&
			    c->in.len > c->head_len)
				continue;
			goto wait;
		case PROGRESS_DONE:
			buf_consume(&c->in, used);
		}
	}
wait:
	if (!c->in.len && c->in.cap > HTTP_KEEP_MAX)
		buf_free(&c->in);
	if (!c->busy)
		connection_watch(c, EPOLLIN);
	return true;
}

/* Requests that are complete in what recv() gave are served from there, without a copy. */
static void serve_received(struct connection *c, const char *data, size_t len)
{
	while (len && !c->busy && c->reading == HTTP_READ_HEAD) {
		size_t used = 0;
		enum progress progress = begin(c, data, len, &used);

		if (progress == PROGRESS_GONE)
			return;
		data += used;
		len -= used;
		if (progress == PROGRESS_WAIT)
			break;
	}
	if (len && c->reading != HTTP_READ_DISCARD)
		buf_add(&c->in, data, len);
	if (!c->busy)
		connection_proceed(c);
}

/* Room that the next recv() into @in may need: the rest of the body where its length is known. */
static size_t receive_room(const struct connection *c)
{
	uint64_t rest = c->head_len + c->body_len - c->in.len;

	if (c->reading != HTTP_READ_LENGTH || rest < RECEIVE_STEP)
		return RECEIVE_STEP;
	return rest < HTTP_RECEIVE_MAX ? (size_t)rest : HTTP_RECEIVE_MAX;
}

static void receive(struct connection *c)
{
	struct http *h = c->http;
	bool direct = !c->in.len || c->reading == HTTP_READ_DISCARD;
	size_t room = direct ? sizeof(h->receive) : receive_room(c);
	char *to = direct ? h->receive : buf_reserve(&c->in, room);
	ssize_t len = recv(c->fd, to, room, MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		connection_close(c, false);
		return;
	}
	journal_bytes(h->router->journal, JOURNAL_READ, "tcp", (struct sockaddr *)&c->peer,
		      (struct sockaddr *)&c->local, (struct slice){to, (size_t)len});
	if (!c->linger)
		c->active = clock_now();
	c->segments = c->in.len || c->reading != HTTP_READ_HEAD ? c->segments + 1 : 1;
	if (c->reading == HTTP_READ_DISCARD)
		return;
	if (direct) {
		serve_received(c, to, (size_t)len);
		return;
	}
	c->in.len += (size_t)len;
	c->in.data[c->in.len] = '\0';
	connection_proceed(c);
}

void connection_ready(void *arg, int fd, uint32_t events)
{
	struct connection *c = arg;

	(void)fd;
	c->http->router->handled++;
	if (c->busy && (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP))) {
		connection_close(c, false);
	} else if (c->busy) {
		if (events & EPOLLOUT)
			http_push(c);
	} else {
		receive(c);
	}
}
