/* SPDX-License-Identifier: MIT */
/*
 * http_send.c - fakeigd's HTTP server: answers on their way out.
 *
 * Theory of operation
 *
 * An answer is rendered whole, head and body, into one buffer and normally leaves in one send() in
 * the same turn of the loop. How it is framed is read from the rendered head, because a profile's
 * template decides that and not the server: Content-Length or "Transfer-Encoding: chunked" (then
 * the body is chunked here) let the connection stay, no such line ends the body by closing
 * (DESC-03), and "Connection: close" or HTTP/1.0 without keep-alive close it in any case (DESC-06).
 *
 * Effects of rules are obeyed here: another status or head, padding, a delay before the first byte,
 * cuts into segments with gaps, trickling, truncation, silence, close, half-close, reset. The bytes
 * up to the next cut are one send(); TCP_NODELAY makes each a segment of its own. A connection that
 * waits for its timer watches nothing but errors, one whose peer reads slowly watches EPOLLOUT.
 *
 * When the last byte is handed to the kernel: the reply's @after runs (GENA's initial event must
 * not overtake the SUBSCRIBE answer), state changes of rules are queued, and the connection closes,
 * drains, or goes on with what came in meanwhile.
 */
#include "http.h"

#include "base/mem.h"
#include "head_edit.h"
#include "http_connection.h"
#include "journal.h"
#include "profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define TURN_MAX (4u << 20) /* bytes of one answer before others have their turn */

/** struct form - what a rendered head says of framing */
struct form {
	bool http10;
	bool length;
	bool chunked;
	bool close;
	bool keep;
};

static bool line_has(struct slice line, const char *name, const char *word)
{
	struct slice value = {line.ptr + strlen(name), line.len - strlen(name)};

	for (size_t i = 0; i + strlen(word) <= value.len; i++)
		if (!strncasecmp(value.ptr + i, word, strlen(word)))
			return true;
	return false;
}

static bool line_is(struct slice line, const char *name)
{
	return line.len >= strlen(name) && !strncasecmp(line.ptr, name, strlen(name));
}

static struct form read_form(struct slice head)
{
	struct form form = {.http10 = slice_starts(head, "HTTP/1.0")};
	const char *end = head.ptr + head.len;

	for (const char *at = head.ptr; at && at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		struct slice line = {at, (size_t)((stop ? stop : end) - at)};

		if (line_is(line, "content-length:")) {
			form.length = true;
		} else if (line_is(line, "transfer-encoding:")) {
			form.chunked |= line_has(line, "transfer-encoding:", "chunked");
		} else if (line_is(line, "connection:")) {
			form.close |= line_has(line, "connection:", "close");
			form.keep |= line_has(line, "connection:", "keep-alive");
		}
		at = stop ? stop + 1 : NULL;
	}
	return form;
}

void http_error_reply(struct router *r, struct http_reply *reply, int status)
{
	const struct template *body = reply->effects.body;
	struct message_values values = {0};
	char number[16];

	snprintf(number, sizeof(number), "%d", status);
	values.v[PLACEHOLDER_STATUS] = slice_of(number);
	values.v[PLACEHOLDER_REASON] = slice_of(http_status_reason(status));
	values.v[PLACEHOLDER_SERVER] = slice_of(r->profile->server);
	reply->status = status;
	reply->head = MESSAGE_ERROR_HEAD;
	buf_reset(&reply->body);
	template_render(body ? body : r->profile->templates[MESSAGE_ERROR_BODY], &values,
			&reply->body);
}

/* What {content_length} stands for: the truth, unless a rule has it otherwise. */
static long long told_length(const struct http_reply *reply)
{
	const struct effects *e = &reply->effects;
	long long length = (long long)reply->body.len + (e->pad_head ? 0 : e->pad);

	if (!e->length_given)
		return length;
	return e->length_change ? length + e->length : e->length;
}

static void render_head(struct connection *c, bool keep)
{
	struct http *h = c->http;
	struct http_reply *reply = &h->reply;
	const struct profile *profile = h->router->profile;
	const struct template *other = reply->effects.head;
	const struct template *head = other && template_stands_for(other, reply->head)
					      ? other
					      : profile->templates[reply->head];
	struct slice *v = reply->values.v;
	char status[16], length[24], port[8], local[INET6_ADDRSTRLEN + 2];

	snprintf(status, sizeof(status), "%d", c->status);
	snprintf(length, sizeof(length), "%lld", told_length(reply));
	snprintf(port, sizeof(port), "%u", h->port);
	http_local_text(c, local);
	v[PLACEHOLDER_STATUS] = slice_of(status);
	v[PLACEHOLDER_REASON] = slice_of(http_status_reason(c->status));
	v[PLACEHOLDER_CONTENT_LENGTH] = slice_of(length);
	v[PLACEHOLDER_CONNECTION] = slice_of(keep ? "keep-alive" : "close");
	v[PLACEHOLDER_SERVER] = slice_of(profile->server);
	v[PLACEHOLDER_DATE] = router_date(h->router);
	v[PLACEHOLDER_EXTRA] = buf_slice(&reply->extra);
	v[PLACEHOLDER_LAN_ADDRESS] = slice_of(local);
	v[PLACEHOLDER_HTTP_PORT] = slice_of(port);
	template_render(head, &reply->values, &c->out);
	c->head_out = c->out.len;
}

/* The body with the place of its padding; a chunked one is a single chunk. */
static void add_body(struct connection *c, const struct form *form)
{
	const struct buf *body = &c->http->reply.body;
	const struct effects *e = &c->http->reply.effects;
	size_t pad = e->pad_head ? 0 : (size_t)e->pad;
	bool chunked = form->chunked && !e->as_is;

	if (chunked && body->len + pad)
		buf_printf(&c->out, "%zx\r\n", body->len + pad);
	buf_add_slice(&c->out, buf_slice(body));
	if (pad) {
		c->pad = pad;
		c->pad_at = c->out.len;
		http_pad_text(c, e->pad_with);
	}
	if (chunked)
		buf_puts(&c->out, body->len + pad ? "\r\n0\r\n\r\n" : "0\r\n\r\n");
}

/* Whether an answer just goes out whole and nothing else happens. */
static bool effects_plain(const struct effects *e)
{
	return !e->delay_us && !e->splits && !e->split_head && !e->trickle && !effects_cut(e) &&
	       !e->drop && !e->close && !e->half_close && !e->reset && !e->abort && !e->reboot &&
	       !e->forget && !e->wan_down && !e->renumber.s_addr;
}

/* The head into @out, as the rules want it, or the whole answer where one brings it. */
static struct form render_form(struct connection *c, bool to_head, bool keep)
{
	const struct effects *e = &c->http->reply.effects;
	struct form form;

	if (e->replaces)
		body_replace(&c->http->reply.body, e);
	if (e->raw) {
		http_raw(c, e->raw);
	} else {
		render_head(c, keep);
		if (e->headers)
			c->head_out = head_edit(&c->out, c->head_out, e);
	}
	form = read_form((struct slice){c->out.data, c->head_out});
	if (e->pad && e->pad_head && !e->raw)
		http_pad_head(c, e);
	if (!to_head && !e->raw)
		add_body(c, &form);
	return form;
}

/* The whole answer, and what its head means for the connection. */
static void render(struct connection *c, bool to_head, bool keep)
{
	struct form form;

	if (!c->out.data) {
		c->out = c->http->spare;
		c->http->spare = (struct buf){0};
	}
	buf_reset(&c->out);
	c->pad = 0;
	form = render_form(c, to_head, keep);
	c->keep = keep && !form.close && (!form.http10 || form.keep) &&
		  (form.length || form.chunked || to_head);
	c->sent = 0;
	c->end = effects_length(&c->http->reply.effects, c->out.len + c->pad);
}

static void journal_sent(const struct connection *c)
{
	const struct effects *e = c->effects;
	char what[96];

	if (!journal_on(c->http->router->journal))
		return;
	snprintf(what, sizeof(what), "%d %s", c->status, http_status_reason(c->status));
	if (e && e->rules[0])
		journal_write(c->http->router->journal, JOURNAL_SENT, "http",
			      (const struct sockaddr *)&c->local, (const struct sockaddr *)&c->peer,
			      what, "{s:i, s:I, s:s}", "status", c->status, "bytes",
			      (json_int_t)c->end, "rules", e->rules);
	else
		journal_write(c->http->router->journal, JOURNAL_SENT, "http",
			      (const struct sockaddr *)&c->local, (const struct sockaddr *)&c->peer,
			      what, "{s:i, s:I}", "status", c->status, "bytes", (json_int_t)c->end);
}

/* Send no more; throw away what comes until the peer closes too. */
static bool drain(struct connection *c)
{
	shutdown(c->fd, SHUT_WR);
	c->busy = false;
	c->reading = HTTP_READ_DISCARD;
	c->active = clock_now();
	loop_timer_arm(c->http->router->loop, &c->idle, c->active, c->idle.fn, c);
	buf_free(&c->in);
	connection_watch(c, EPOLLIN);
	return true;
}

/* The last byte is out. False when the connection is gone. */
static bool finish(struct connection *c)
{
	struct effects *e = c->effects;
	struct router *r = c->http->router;
	bool half_close = e && e->half_close, close = !c->keep;

	journal_sent(c);
	if (c->after)
		c->after(r, c->after_arg);
	c->after = NULL;
	if (e) {
		router_after(r, e);
		close |= e->close || effects_cut(e);
		c->effects = NULL;
		free(e);
	}
	if (c->out.cap > HTTP_KEEP_MAX)
		buf_free(&c->out);
	if (c->pad_text.data)
		buf_free(&c->pad_text);
	c->active = clock_now();
	if (half_close || (close && c->linger))
		return drain(c);
	if (close) {
		connection_close(c, false);
		return false;
	}
	c->busy = false;
	return true;
}

/* What rules want instead of an answer. False when the connection is gone. */
static bool fall_silent(struct connection *c)
{
	struct effects *e = c->effects;
	struct router *r = c->http->router;
	const char *what = e->reset   ? "resets"
			   : e->close ? "closes without answer"
				      : "keeps silent";
	bool reset = e->reset, close = e->reset || e->close;

	if (journal_on(r->journal))
		journal_write(r->journal, JOURNAL_DECIDED, "http", (struct sockaddr *)&c->peer,
			      (struct sockaddr *)&c->local, what, "{s:s}", "rules", e->rules);
	router_after(r, e);
	c->effects = NULL;
	free(e);
	if (close) {
		connection_close(c, reset);
		return false;
	}
	/* The peer is left waiting as long as it likes; its closing is still noticed. */
	c->reading = HTTP_READ_DISCARD;
	c->linger = false;
	c->busy = false;
	connection_watch(c, EPOLLIN);
	return true;
}

static void pace_fired(void *arg)
{
	http_push(arg);
}

/* What else than its own business wakes an answer on its way. */
static uint32_t also_watched(const struct connection *c)
{
	return c->effects && c->effects->abort ? EPOLLRDHUP : 0;
}

static void wait_us(struct connection *c, int64_t us)
{
	c->waiting = true;
	connection_watch(c, also_watched(c));
	loop_timer_arm(c->http->router->loop, &c->pace, clock_now() + us, pace_fired, c);
}

/* Where the segment that starts at @sent ends, and how long to pause after it. */
static size_t next_cut(const struct connection *c, int64_t *gap)
{
	const struct effects *e = c->effects;
	size_t cut = c->end;

	*gap = 0;
	if (!e)
		return cut;
	for (size_t i = 0; i < e->splits; i++)
		if (e->split[i] > c->sent && e->split[i] < cut)
			cut = e->split[i];
	if (e->split_head && c->head_out > c->sent && c->head_out < cut)
		cut = c->head_out;
	*gap = e->split_gap_us;
	if (e->trickle && c->sent + e->trickle < cut) {
		cut = c->sent + e->trickle;
		*gap = e->trickle_gap_us;
	}
	return cut;
}

/* An answer after which we close at once leaves in one segment with the FIN: close() or shutdown()
 * follows in this turn and pushes what is held back. */
static int flags_of_piece(const struct connection *c, size_t len)
{
	bool last = !c->effects && !c->keep && c->sent + len == c->end;

	return MSG_NOSIGNAL | MSG_DONTWAIT | (last ? MSG_MORE : 0);
}

/* Send up to the next cut. Return: 1 it is out, 0 the kernel took less, -1 the connection died. */
static int send_to(struct connection *c, size_t cut)
{
	size_t turn = c->sent + TURN_MAX;

	while (c->sent < cut && c->sent < turn) {
		struct slice piece = http_piece(c, c->sent, cut - c->sent);
		ssize_t done = send(c->fd, piece.ptr, piece.len, flags_of_piece(c, piece.len));

		if (done < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		journal_bytes(c->http->router->journal, JOURNAL_WRITTEN, "tcp",
			      (struct sockaddr *)&c->local, (struct sockaddr *)&c->peer,
			      (struct slice){piece.ptr, (size_t)done});
		c->sent += (size_t)done;
		if ((size_t)done < piece.len)
			return 0;
	}
	return c->sent >= cut;
}

bool http_push(struct connection *c)
{
	bool waited = c->waiting;
	int64_t gap;

	c->waiting = false;
	if (c->effects && (c->effects->drop || c->effects->reset))
		return fall_silent(c);
	while (c->sent < c->end) {
		int done = send_to(c, next_cut(c, &gap));

		if (done < 0) {
			connection_close(c, false);
			return false;
		}
		if (!done) {
			c->active = clock_now();
			c->waiting = true;
			connection_watch(c, EPOLLOUT | also_watched(c));
			return true;
		}
		if (c->sent < c->end && gap) {
			wait_us(c, gap);
			return true;
		}
	}
	if (!finish(c))
		return false;
	return waited && !c->busy ? connection_proceed(c) : true;
}

bool http_answer(struct connection *c, const struct http_head *head, bool keep)
{
	struct http_reply *reply = &c->http->reply;
	struct effects *e = &reply->effects;

	c->busy = true;
	c->waiting = false;
	c->after = reply->after;
	c->after_arg = reply->after_arg;
	if (e->redirect)
		http_redirect(c, head);
	c->status = e->status ? e->status : reply->status;
	if (!effects_plain(e)) {
		c->effects = xmalloc(sizeof(*e));
		*c->effects = *e;
	}
	if (!e->drop && !e->reset)
		render(c, head && slice_eq(head->method, "HEAD"), keep);
	if (e->delay_us) {
		wait_us(c, e->delay_us);
		return true;
	}
	return http_push(c);
}
