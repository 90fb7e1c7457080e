/* SPDX-License-Identifier: MIT */
/* gena.h - eventing: subscriptions, initial events, changes. */
#ifndef FAKEIGD_GENA_H
#define FAKEIGD_GENA_H

#include "http.h"

struct gena;

struct gena *gena_new(struct router *r);
void gena_free(struct gena *g);
/** gena_subscribe() - answer SUBSCRIBE (new or renewal). */
void gena_subscribe(struct router *r, const struct http_request *request, struct http_reply *reply);
void gena_unsubscribe(struct router *r, const struct http_request *request,
		      struct http_reply *reply);
/**
 * gena_changed() - an evented variable has a new value
 * @g:		may be NULL
 * @service_type: "WANIPConnection", or NULL for every service with an evented variable of that name
 * @variable:	its name
 *
 * Events go out in this turn of the loop, or later where moderation says so.
 */
void gena_changed(struct gena *g, const char *service_type, const char *variable);
/** gena_count() - living subscriptions. */
size_t gena_count(const struct gena *g);
/** gena_clear() - forget all subscriptions without a word. */
void gena_clear(struct gena *g);

#endif
