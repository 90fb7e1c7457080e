/* SPDX-License-Identifier: MIT */
/*
 * gena_deliver.c - events on their way: connect, NOTIFY, answer.
 *
 * UDA 2.0 4.3.2. One event at a time per subscription, each over a connection of its own. URLs are
 * tried in the order given until one takes the event (GENA-13): a URL has failed when it cannot be
 * connected to within 5 s, or closes before it answers. Once connected, the answer is waited for
 * as gena.response-timeout says (30 s); after that the event is given up, but the subscription
 * stays and later events are sent (GENA-25). An answer that is no success is noted and changes
 * nothing. Everything is non-blocking in the router's loop. Policies gena.callbacks, gena.retries
 * and gena.silent-subscriber make other routers of it.
 */
#include "base/clock.h"
#include "choice.h"
#include "gena_parts.h"
#include "head_edit.h"
#include "journal.h"
#include "router.h"
#include "wire/http.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CONNECT_TIMEOUT (5 * CLOCK_SECOND)

static void note(const struct gena_subscription *s, enum journal_event event, const char *what)
{
	const struct gena_callback *c = &s->callbacks[s->delivery.callback];

	journal_write(s->gena->router->journal, event, "gena", NULL,
		      (const struct sockaddr *)&c->address, what, "{s:s, s:I, s:s}", "sid", s->sid,
		      "seq", (json_int_t)s->events->seq, "service",
		      s->gena->router->profile->services[s->service].type);
}

/* What goes over the connection, to the byte, for a journal that wants that. */
static void note_bytes(struct gena_subscription *s, enum journal_event event, struct slice bytes)
{
	struct journal *journal = s->gena->router->journal;
	const struct sockaddr *peer =
		(const struct sockaddr *)&s->callbacks[s->delivery.callback].address;
	struct sockaddr_storage local = {0};
	socklen_t len = sizeof(local);
	bool out = event == JOURNAL_WRITTEN;

	if (!journal_on(journal) ||
	    getsockname(s->delivery.fd, (struct sockaddr *)&local, &len) < 0)
		return;
	journal_bytes(journal, event, "tcp", out ? (struct sockaddr *)&local : peer,
		      out ? peer : (struct sockaddr *)&local, bytes);
}

static const struct policy *policy_of(const struct gena_subscription *s)
{
	return &s->gena->router->profile->policy;
}

/* Policy gena.silent-subscriber, delays-others: whether an event of anybody is on its way. */
static bool must_wait(const struct gena_subscription *s)
{
	if (!policy_is(policy_of(s), gena_silent, "delays-others"))
		return false;
	for (const struct gena_subscription *o = s->gena->subscriptions; o; o = o->next)
		if (o->delivery.step >= GENA_CONNECTING)
			return true;
	return false;
}

static void wake(void *arg)
{
	struct gena_subscription *s = arg;

	s->delivery.step = GENA_IDLE;
	gena_deliver(s);
}

/* Whoever had to wait (and has no delay of its own) tries again in the next turn of the loop. */
static void wake_others(const struct gena *g)
{
	for (struct gena_subscription *o = g->subscriptions; o; o = o->next)
		if (o->delivery.step == GENA_DELAYED && !o->delivery.timer.slot)
			loop_timer_arm(g->router->loop, &o->delivery.timer, clock_now(), wake, o);
}

static void close_connection(struct gena_subscription *s)
{
	struct gena_delivery *d = &s->delivery;
	struct loop *loop = s->gena->router->loop;

	if (d->fd >= 0)
		note_bytes(s, JOURNAL_WRITTEN, (struct slice){0});
	loop_unwatch(loop, d->source);
	if (d->fd >= 0)
		close(d->fd);
	loop_timer_cancel(loop, &d->timer);
	buf_free(&d->out);
	buf_free(&d->in);
	d->source = NULL;
	d->fd = -1;
	d->sent = 0;
	d->step = GENA_IDLE;
	wake_others(s->gena);
}

void gena_abort(struct gena_subscription *s)
{
	close_connection(s);
	s->delivery.begun = false;
}

/* This event is over, however it went. @s may be gone after this. */
static void finish(struct gena_subscription *s)
{
	struct gena_delivery *d = &s->delivery;

	close_connection(s);
	if (policy_is(policy_of(s), gena_callbacks, "each") && ++d->callback < s->callback_count) {
		gena_deliver(s);
		return;
	}
	d->callback = 0;
	if (d->left) {
		d->left--;
		gena_deliver(s);
		return;
	}
	d->begun = false;
	gena_event_done(s);
	if (s->cancelled)
		gena_drop(s);
	else
		gena_deliver(s);
}

/* This URL does not take it: the next one (GENA-13). @s may be gone after this. */
static void fail(struct gena_subscription *s, const char *why)
{
	char what[96];

	snprintf(what, sizeof(what), "callback %zu of %zu: %s", s->delivery.callback + 1,
		 s->callback_count, why);
	note(s, JOURNAL_ERROR, what);
	close_connection(s);
	if (++s->delivery.callback < s->callback_count) {
		gena_deliver(s);
	} else if (s->delivery.retries) {
		s->delivery.retries--;
		s->delivery.callback = 0;
		gena_deliver(s);
	} else {
		finish(s);
	}
}

static void give_up(void *arg)
{
	struct gena_subscription *s = arg;

	if (s->delivery.step == GENA_CONNECTING) {
		fail(s, "no connection in time");
		return;
	}
	note(s, JOURNAL_ERROR, "no answer in time");
	if (policy_is(policy_of(s), gena_silent, "dropped"))
		gena_drop(s);
	else
		finish(s);
}

static void render_head(struct gena_subscription *s, size_t body, struct buf *out)
{
	struct router *r = s->gena->router;
	const struct effects *e = s->events->effects;
	const struct url *url = &s->callbacks[s->delivery.callback].url;
	struct message_values values = {0};
	char host[sizeof(url->host) + 16], length[24], seq[16];

	snprintf(host, sizeof(host), url->is_ipv6 ? "[%s]:%u" : "%s:%u", url->host, url->port);
	snprintf(length, sizeof(length), "%zu", body);
	snprintf(seq, sizeof(seq), "%u", s->events->seq);
	values.v[PLACEHOLDER_CALLBACK_PATH] = slice_of(url->path);
	values.v[PLACEHOLDER_HOST] = slice_of(host);
	values.v[PLACEHOLDER_CONTENT_LENGTH] = slice_of(length);
	values.v[PLACEHOLDER_SID] = slice_of(s->sid);
	values.v[PLACEHOLDER_SEQ] = slice_of(seq);
	values.v[PLACEHOLDER_SERVER] = slice_of(r->profile->server);
	values.v[PLACEHOLDER_DATE] = router_date(r);
	template_render(e && e->head ? e->head : r->profile->templates[MESSAGE_EVENT_HEAD], &values,
			out);
}

/* GENA-20, GENA-21, GENA-28: the whole message with its length, never chunked. */
static void compose(struct gena_subscription *s)
{
	struct router *r = s->gena->router;
	const struct effects *e = s->events->effects;
	struct buf *out = &s->delivery.out;
	struct message_values values = {0};
	struct buf body = {0};

	values.v[PLACEHOLDER_PROPERTIES] = buf_slice(&s->events->properties);
	template_render(e && e->body ? e->body : r->profile->templates[MESSAGE_EVENT], &values,
			&body);
	for (long long i = 0; e && i < e->pad; i++)
		buf_putc(&body, ' ');
	if (e && e->replaces)
		body_replace(&body, e);
	render_head(s, body.len, out);
	if (e && e->headers)
		head_edit(out, out->len, e);
	buf_add_slice(out, buf_slice(&body));
	buf_free(&body);
	if (e)
		out->len = effects_length(e, out->len);
}

static void read_answer(struct gena_subscription *s)
{
	struct gena_delivery *d = &s->delivery;
	char *to = buf_reserve(&d->in, 2048);
	ssize_t got = recv(d->fd, to, 2048, MSG_DONTWAIT);
	struct http_head head;
	enum http_error error;
	size_t consumed;
	char what[64];

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		fail(s, "closed without an answer");
		return;
	}
	note_bytes(s, JOURNAL_READ, (struct slice){to, (size_t)got});
	d->in.len += (size_t)got;
	error = http_parse_head(d->in.data, d->in.len, &head, &consumed);
	if (error == HTTP_INCOMPLETE && d->in.len < GENA_RESPONSE_MAX)
		return;
	if (error == HTTP_OK && head.is_response)
		snprintf(what, sizeof(what), "NOTIFY answered with %d", head.status);
	else
		snprintf(what, sizeof(what), "NOTIFY answered with something that is no HTTP");
	note(s, JOURNAL_RECEIVED, what);
	finish(s);
}

static void send_more(struct gena_subscription *s)
{
	struct gena_delivery *d = &s->delivery;
	const struct effects *e = s->events->effects;
	ssize_t put = 0;

	while (d->sent < d->out.len) {
		put = send(d->fd, d->out.data + d->sent, d->out.len - d->sent,
			   MSG_DONTWAIT | MSG_NOSIGNAL);
		if (put < 0)
			break;
		note_bytes(s, JOURNAL_WRITTEN, (struct slice){d->out.data + d->sent, (size_t)put});
		d->sent += (size_t)put;
	}
	if (put < 0 && errno != EAGAIN && errno != EINTR) {
		fail(s, strerror(errno));
		return;
	}
	if (d->sent < d->out.len)
		return;
	if (e && effects_cut(e)) {
		finish(s);
		return;
	}
	d->step = GENA_ANSWER;
	loop_change(s->gena->router->loop, d->source, EPOLLIN);
}

static void connected(struct gena_subscription *s)
{
	struct router *r = s->gena->router;
	socklen_t size = sizeof(int);
	char what[48];
	int error = 0;

	getsockopt(s->delivery.fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error) {
		fail(s, strerror(error));
		return;
	}
	loop_timer_arm(r->loop, &s->delivery.timer,
		       clock_now() + r->profile->policy.gena_response_timeout, give_up, s);
	s->delivery.step = GENA_SENDING;
	snprintf(what, sizeof(what), "NOTIFY, event key %u", s->events->seq);
	note(s, JOURNAL_SENT, what);
	send_more(s);
}

static void ready(void *arg, int fd, uint32_t events)
{
	struct gena_subscription *s = arg;

	(void)fd;
	(void)events;
	s->gena->router->handled++;
	switch (s->delivery.step) {
	case GENA_CONNECTING:
		connected(s);
		break;
	case GENA_SENDING:
		send_more(s);
		break;
	case GENA_ANSWER:
		read_answer(s);
		break;
	case GENA_IDLE:
	case GENA_DELAYED:
		break;
	}
}

static void connect_to(struct gena_subscription *s)
{
	struct gena_delivery *d = &s->delivery;
	struct router *r = s->gena->router;
	const struct gena_callback *c = &s->callbacks[d->callback];

	d->fd = socket(c->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0 || (connect(d->fd, (const struct sockaddr *)&c->address, c->length) < 0 &&
			  errno != EINPROGRESS)) {
		fail(s, strerror(errno));
		return;
	}
	d->source = loop_watch(r->loop, d->fd, EPOLLOUT, ready, s);
	if (!d->source) {
		fail(s, strerror(errno));
		return;
	}
	compose(s);
	d->step = GENA_CONNECTING;
	loop_timer_arm(r->loop, &d->timer, clock_now() + CONNECT_TIMEOUT, give_up, s);
}

void gena_deliver(struct gena_subscription *s)
{
	struct gena_delivery *d = &s->delivery;
	const struct effects *e = s->events ? s->events->effects : NULL;

	if (d->step != GENA_IDLE || !s->events)
		return;
	if (!d->begun) {
		d->begun = true;
		d->left = e && e->copies ? e->copies - 1 : 0;
		d->retries = (unsigned)policy_of(s)->gena_retries;
		if (e && e->drop) {
			d->left = 0;
			finish(s);
			return;
		}
		if (e && e->delay_us > 0) {
			d->step = GENA_DELAYED;
			loop_timer_arm(s->gena->router->loop, &d->timer, clock_now() + e->delay_us,
				       wake, s);
			return;
		}
	}
	if (must_wait(s)) {
		d->step = GENA_DELAYED; /* without a timer: until wake_others() */
		return;
	}
	connect_to(s);
}
