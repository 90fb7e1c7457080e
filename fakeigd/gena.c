/* SPDX-License-Identifier: MIT */
/*
 * gena.c - eventing: subscriptions.
 *
 * Theory of operation
 *
 * UDA 2.0 clause 4.1 (UDA 1.0 4.1). SUBSCRIBE with CALLBACK and NT makes a subscription with a SID
 * of its own, event key 0 and a finite time (GENA-01 to GENA-08); with SID it renews one. Callbacks
 * are judged before anything is stored (gena_callback.c): one URL off the subscriber's network
 * refuses them all, and nothing is ever connected to (CallStranger, GENA-14, SEC-01). The initial
 * event with every evented variable is queued when the last byte of the answer is out (GENA-17,
 * GENA-18) unless gena.initial-event has it otherwise. UNSUBSCRIBE before that marks the
 * subscription, and it goes after the initial event.
 *
 * What changes is collected per service until the turn of the loop is over, so that changes which
 * belong together leave in one event (GENA-31, GENA-32); gena.moderation makes that a longer time.
 * Each subscription has a queue and one delivery at a time, so events keep their order and a
 * subscriber that does not answer delays nobody else (gena_deliver.c).
 *
 * Limits: gena.subscriptions-max, then 503 (GENA-10); 8 callbacks; 32 waiting events.
 */
#include "wire/gena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "choice.h"
#include "description.h"
#include "gena_parts.h"
#include "journal.h"
#include "router.h"
#include "rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct gena *gena_new(struct router *r)
{
	struct gena *g = xcalloc(1, sizeof(*g));

	g->router = r;
	return g;
}

void gena_drop(struct gena_subscription *s)
{
	struct gena *g = s->gena;
	struct gena_subscription **at = &g->subscriptions;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	g->count--;
	gena_abort(s);
	while (s->events)
		gena_event_done(s);
	loop_timer_cancel(g->router->loop, &s->expiry);
	free(s->callbacks);
	free(s);
}

void gena_clear(struct gena *g)
{
	while (g->subscriptions)
		gena_drop(g->subscriptions);
	memset(g->changed, 0, sizeof(g->changed));
}

void gena_free(struct gena *g)
{
	if (!g)
		return;
	gena_clear(g);
	loop_timer_cancel(g->router->loop, &g->turn);
	free(g);
}

static void note(const struct router *r, enum journal_event event,
		 const struct http_request *request, const char *what, const char *sid)
{
	const struct sockaddr *peer = (const struct sockaddr *)&request->peer;
	const struct sockaddr *local = (const struct sockaddr *)&request->local;
	bool out = event == JOURNAL_SENT;

	journal_write(r->journal, event, "gena", out ? local : peer, out ? peer : local, what,
		      "{s:s}", "sid", sid);
}

static void refuse(struct router *r, const struct http_request *request, struct http_reply *reply,
		   int status, const char *why)
{
	char what[120];

	snprintf(what, sizeof(what), "refuse with %d: %s", status, why);
	note(r, JOURNAL_DECIDED, request, what, "");
	http_error_reply(r, reply, status);
}

/* The rules of this layer. Return: whether one of them refuses by HTTP status. */
static bool apply_rules(struct router *r, const struct http_request *request,
			struct http_reply *reply, const char *message,
			const struct profile_service *service)
{
	struct rule_event event = {
		.layer = RULE_GENA,
		.message = message,
		.target = service->type,
		.service = service->id,
		.head = &request->head,
		.from = (const struct sockaddr *)&request->peer,
		.request = &request->facts,
	};

	if (r->rules && rules_any(r->rules, RULE_GENA))
		rules_apply(r->rules, r, &event, &reply->effects);
	return reply->effects.status >= 400;
}

static void make_sid(char *out, size_t size)
{
	uint8_t b[16];

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		abort();
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(out, size,
		 "uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
		 b[14], b[15]);
}

static void expire(void *arg)
{
	struct gena_subscription *s = arg;

	journal_write(s->gena->router->journal, JOURNAL_STATE, "gena", NULL, NULL,
		      "subscription expired", "{s:s}", "sid", s->sid);
	gena_drop(s);
}

/* GENA-02, GENA-03: as asked within limits; without a wish, or for an infinite one, the default. */
static void grant(struct gena_subscription *s, long asked)
{
	const struct policy *policy = &s->gena->router->profile->policy;
	struct loop *loop = s->gena->router->loop;
	long long granted = asked > 0 ? asked : policy->gena_timeout_default;

	if (asked == 0 && policy->gena_infinite) {
		snprintf(s->timeout, sizeof(s->timeout), "Second-infinite");
		loop_timer_cancel(loop, &s->expiry);
		return;
	}
	if (granted < policy->gena_timeout_min)
		granted = policy->gena_timeout_min;
	if (granted > policy->gena_timeout_max)
		granted = policy->gena_timeout_max;
	snprintf(s->timeout, sizeof(s->timeout), "Second-%lld", granted);
	if (!policy->gena_enforced)
		return;
	loop_timer_arm(loop, &s->expiry, clock_now() + granted * CLOCK_SECOND, expire, s);
}

static void answer(struct gena_subscription *s, const struct http_request *request,
		   struct http_reply *reply)
{
	reply->status = 200;
	reply->head = MESSAGE_SUBSCRIBE_HEAD;
	reply->values.v[PLACEHOLDER_SID] = slice_of(s->sid);
	reply->values.v[PLACEHOLDER_TIMEOUT] = slice_of(s->timeout);
	note(s->gena->router, JOURNAL_SENT, request, s->timeout, s->sid);
}

/* After the answer: the initial event (GENA-17, GENA-18). */
static void start(struct router *r, uint64_t id)
{
	struct gena_subscription *s = r->gena ? r->gena->subscriptions : NULL;

	while (s && s->id != id)
		s = s->next;
	if (!s || s->started)
		return;
	s->started = true;
	gena_queue(s, s->variables);
	gena_deliver(s);
}

/* GENA-29: a list of known variables narrows the events; any other is ignored. */
static void narrow(struct gena_subscription *s, const struct http_request *request,
		   struct http_reply *reply)
{
	struct slice list = http_header(&request->head, "STATEVAR");
	uint64_t wanted = list.ptr ? gena_variables_of(s->gena, s->service, list) : 0;

	if (!wanted)
		return;
	s->variables = wanted;
	buf_puts(&reply->extra, "ACCEPTED-STATEVAR: ");
	buf_add_slice(&reply->extra, list);
	buf_puts(&reply->extra, "\r\n");
}

static struct gena_subscription *subscribe_new(struct gena *g, size_t service,
					       struct gena_callback *callbacks, size_t count)
{
	struct gena_subscription *s = xcalloc(1, sizeof(*s));

	s->gena = g;
	s->id = ++g->next_id;
	s->service = service;
	s->variables = gena_all_variables(g, service);
	s->callbacks = callbacks;
	s->callback_count = count;
	s->delivery.fd = -1;
	make_sid(s->sid, sizeof(s->sid));
	s->next = g->subscriptions;
	g->subscriptions = s;
	if (!g->count++)
		gena_settle(g);
	return s;
}

static void accept_new(struct router *r, const struct http_request *request,
		       struct http_reply *reply, size_t service, const struct gena_subscribe *asked)
{
	struct gena *g = r->gena;
	struct gena_callback *callbacks = xcalloc(asked->count, sizeof(*callbacks));
	size_t count = asked->count;
	struct gena_subscription *s;

	if (policy_is(&r->profile->policy, gena_callbacks, "first"))
		count = 1;
	for (size_t i = 0; i < count; i++)
		callbacks[i].url = asked->callbacks[i];
	if (!gena_judge_callbacks(r, request, callbacks, count)) {
		free(callbacks);
		refuse(r, request, reply, 412, "a callback leaves the subscriber's network");
		return;
	}
	if (g->count >= (size_t)r->profile->policy.gena_subscriptions_max) {
		free(callbacks);
		refuse(r, request, reply, 503, "no room for another subscription");
		return;
	}
	s = subscribe_new(g, service, callbacks, count);
	narrow(s, request, reply);
	grant(s, asked->timeout);
	answer(s, request, reply);
	if (policy_is(&r->profile->policy, gena_initial_event, "before")) {
		start(r, s->id);
		return;
	}
	reply->after = start;
	reply->after_arg = s->id;
}

static struct gena_subscription *find(struct gena *g, size_t service, struct slice sid)
{
	struct gena_subscription *s = g->subscriptions;

	while (s && (s->cancelled || s->service != service || !slice_eq(sid, s->sid)))
		s = s->next;
	return s;
}

/* SID is of no subscription of this service (GENA-08, GENA-09). */
static void refuse_sid(struct router *r, const struct http_request *request,
		       struct http_reply *reply, enum message_id head)
{
	int status = policy_code(&r->profile->policy, gena_unknown_sid);

	if (status) {
		refuse(r, request, reply, status, "no such subscription");
		return;
	}
	reply->status = 200;
	reply->head = head;
	reply->values.v[PLACEHOLDER_SID] = http_header(&request->head, "SID");
	reply->values.v[PLACEHOLDER_TIMEOUT] = slice_of("Second-1800");
	note(r, JOURNAL_SENT, request, "200, though there is no such subscription", "");
}

void gena_subscribe(struct router *r, const struct http_request *request, struct http_reply *reply)
{
	const struct profile_service *service = description_event_service(r, request->head.target);
	struct gena_subscribe asked;
	struct gena_subscription *s;
	enum gena_error error;
	bool renewal = http_header(&request->head, "SID").ptr;
	size_t index;

	if (!service) {
		http_error_reply(r, reply, 404);
		return;
	}
	index = (size_t)(service - r->profile->services);
	note(r, JOURNAL_RECEIVED, request, renewal ? "SUBSCRIBE, renewal" : "SUBSCRIBE", "");
	if (apply_rules(r, request, reply, renewal ? "renew" : "subscribe", service)) {
		refuse(r, request, reply, reply->effects.status, "a rule says so");
		return;
	}
	error = policy_is(&r->profile->policy, gena_headers, "any")
			? gena_parse_lenient(&request->head, &asked)
			: gena_parse_subscribe(&request->head, &asked);
	if (error != GENA_OK) {
		refuse(r, request, reply, gena_error_status(error), gena_error_text(error));
		return;
	}
	if (!asked.renewal) {
		accept_new(r, request, reply, index, &asked);
		return;
	}
	s = find(r->gena, index, asked.sid);
	if (!s) {
		refuse_sid(r, request, reply, MESSAGE_SUBSCRIBE_HEAD);
		return;
	}
	grant(s, asked.timeout);
	answer(s, request, reply);
}

void gena_unsubscribe(struct router *r, const struct http_request *request,
		      struct http_reply *reply)
{
	const struct profile_service *service = description_event_service(r, request->head.target);
	struct gena_subscription *s = NULL;
	enum gena_error error;
	struct slice sid;

	if (!service) {
		http_error_reply(r, reply, 404);
		return;
	}
	note(r, JOURNAL_RECEIVED, request, "UNSUBSCRIBE", "");
	if (apply_rules(r, request, reply, "unsubscribe", service)) {
		refuse(r, request, reply, reply->effects.status, "a rule says so");
		return;
	}
	error = gena_parse_unsubscribe(&request->head, &sid);
	if (error == GENA_INCOMPATIBLE && policy_is(&r->profile->policy, gena_headers, "any"))
		error = GENA_OK;
	if (error != GENA_OK) {
		refuse(r, request, reply, gena_error_status(error), gena_error_text(error));
		return;
	}
	s = find(r->gena, (size_t)(service - r->profile->services), sid);
	if (!s) {
		refuse_sid(r, request, reply, MESSAGE_UNSUBSCRIBE_HEAD);
		return;
	}
	reply->status = 200;
	reply->head = MESSAGE_UNSUBSCRIBE_HEAD;
	note(r, JOURNAL_SENT, request, "200 unsubscribed", s->sid);
	/* The initial event goes out whatever follows (UDA 2.0 4.1.1). */
	s->cancelled = !s->started || (s->events && s->events->seq == 0);
	if (!s->cancelled)
		gena_drop(s);
}

size_t gena_count(const struct gena *g)
{
	size_t living = 0;

	for (const struct gena_subscription *s = g ? g->subscriptions : NULL; s; s = s->next)
		living += !s->cancelled;
	return living;
}
