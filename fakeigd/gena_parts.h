/* SPDX-License-Identifier: MIT */
/* gena_parts.h - what the files of the event server share; nobody else includes it. */
#ifndef FAKEIGD_GENA_PARTS_H
#define FAKEIGD_GENA_PARTS_H

#include "base/loop.h"
#include "effect.h"
#include "gena.h"
#include "profile.h"
#include "wire/url.h"

#include <netinet/in.h>

#define GENA_QUEUE_MAX	  32 /* events that wait for one subscriber; further changes are merged */
#define GENA_RESPONSE_MAX 8192
#define GENA_EVENTED_MAX  8 /* evented variables of a service */

/**
 * struct gena_event - a NOTIFY that waits or is being sent
 * @seq:	event key
 * @variables:	bit i = i-th variable of the service's table
 * @properties:	rendered event-property elements
 * @effects:	of the rules that matched; NULL when none could
 */
struct gena_event {
	struct gena_event *next;
	uint32_t seq;
	uint64_t variables;
	struct buf properties;
	struct effects *effects;
};

/**
 * struct gena_callback - where events go
 * @url:	as given
 * @address, @length: of the connection
 */
struct gena_callback {
	struct url url;
	struct sockaddr_storage address;
	socklen_t length;
};

enum gena_step { GENA_IDLE, GENA_DELAYED, GENA_CONNECTING, GENA_SENDING, GENA_ANSWER };

/**
 * struct gena_delivery - the first event of a queue on its way
 * @step:	what is waited for
 * @begun:	rules have been obeyed, @left is set
 * @fd, @source: connection, -1 and NULL when there is none
 * @callback:	which URL is being tried
 * @left:	copies still to be sent after this one
 * @retries:	times that it may still be tried again when no callback takes it
 * @out, @sent:	request and how much of it is gone
 * @in:		answer so far
 * @timer:	gives up, or ends a delay
 */
struct gena_delivery {
	enum gena_step step;
	bool begun;
	int fd;
	struct loop_source *source;
	size_t callback;
	unsigned left;
	unsigned retries;
	struct buf out;
	size_t sent;
	struct buf in;
	struct loop_timer timer;
};

/**
 * struct gena_subscription - one subscriber of one service
 * @id:		number that outlives nothing: found again by it after the answer was sent
 * @sid:	"uuid:..."
 * @timeout:	"Second-1800"
 * @service:	index in the profile
 * @variables:	those it wants (STATEVAR)
 * @seq:	next event key
 * @started:	the initial event is queued
 * @cancelled:	unsubscribed; kept until the initial event is out (GENA-17)
 * @events, @last, @queued: waiting events, the first of them being delivered
 * @expiry:	ends the subscription
 */
struct gena_subscription {
	struct gena_subscription *next;
	struct gena *gena;
	uint64_t id;
	char sid[48];
	char timeout[24];
	size_t service;
	uint64_t variables;
	uint32_t seq;
	bool started;
	bool cancelled;
	struct gena_callback *callbacks;
	size_t callback_count;
	struct gena_event *events, *last;
	size_t queued;
	struct gena_delivery delivery;
	struct loop_timer expiry;
};

/**
 * struct gena - the event server
 * @changed:	variables with a new value, per service of the profile
 * @seen:	digests of the values that subscribers know, by place among the evented variables
 * @sent:	when that service's last event went out, for moderation
 * @seq:	next event key, where all subscriptions count together
 * @multicast_seq: event key of the next multicast event
 * @turn:	sends what changed
 */
struct gena {
	struct router *router;
	struct gena_subscription *subscriptions;
	size_t count;
	uint64_t next_id;
	uint64_t changed[PROFILE_SERVICES_MAX];
	uint32_t seen[PROFILE_SERVICES_MAX][GENA_EVENTED_MAX];
	int64_t sent[PROFILE_SERVICES_MAX];
	uint32_t seq;
	uint32_t multicast_seq;
	struct loop_timer turn;
};

/* gena.c */
/** gena_drop() - end a subscription, whatever is on its way. */
void gena_drop(struct gena_subscription *s);

/* gena_callback.c */
/** gena_judge_callbacks() - resolve and judge every URL. false: one of them is refused (GENA-14).
 */
bool gena_judge_callbacks(struct router *r, const struct http_request *request,
			  struct gena_callback *callbacks, size_t count);

/* gena_event.c */
/** gena_all_variables() - every evented variable of a service of the profile. */
uint64_t gena_all_variables(const struct gena *g, size_t service);
/** gena_variables_of() - those named in a comma-separated list; 0 when one is unknown (GENA-29). */
uint64_t gena_variables_of(const struct gena *g, size_t service, struct slice list);
/** gena_settle() - the present values are the known ones: when the first subscriber comes. */
void gena_settle(struct gena *g);
/** gena_queue() - an event with the present values of @variables. */
void gena_queue(struct gena_subscription *s, uint64_t variables);
/** gena_event_done() - take the first event out of the queue. */
void gena_event_done(struct gena_subscription *s);

/* gena_multicast.c */
/** gena_multicast() - a datagram with rendered event-property elements, on each LAN. */
void gena_multicast(struct gena *g, size_t service, const struct buf *properties);

/* gena_deliver.c */
/** gena_deliver() - send the first event, unless one is on its way. */
void gena_deliver(struct gena_subscription *s);
/** gena_abort() - close the connection of an event on its way. */
void gena_abort(struct gena_subscription *s);

#endif
