/* SPDX-License-Identifier: MIT */
/*
 * router_dispatch.c - which part answers which HTTP request.
 *
 * By method (UDA 2.0 clauses 2, 3, 4): descriptions, control, eventing. A URL that exists for
 * another method is 405 with Allow, a method of HTTP or UPnP that no URL here has likewise
 * (DESC-10), any other method is 501.
 */
#include "base/mem.h"
#include "description.h"
#include "gena.h"
#include "http.h"
#include "router.h"
#include "soap.h"

/* Methods that UDA gives a URL besides GET and HEAD. */
static const char *url_methods(struct router *r, struct slice target)
{
	if (description_control_service(r, target))
		return "POST, M-POST";
	if (description_event_service(r, target))
		return "SUBSCRIBE, UNSUBSCRIBE";
	return NULL;
}

static void not_allowed(struct router *r, struct http_reply *reply, const char *methods)
{
	http_error_reply(r, reply, 405);
	buf_printf(&reply->extra, "Allow: %s\r\n", methods ? methods : "GET, HEAD");
}

static const struct {
	const char *method;
	http_handler_fn *answer; /* NULL: a method of HTTP or UPnP that no URL here has (DESC-10) */
} methods[] = {
	{"GET", description_get},
	{"HEAD", description_get},
	{"POST", soap_post},
	{"M-POST", soap_post},
	{"SUBSCRIBE", gena_subscribe},
	{"UNSUBSCRIBE", gena_unsubscribe},
	{"OPTIONS", NULL},
	{"PUT", NULL},
	{"DELETE", NULL},
	{"TRACE", NULL},
	{"CONNECT", NULL},
	{"PATCH", NULL},
	{"NOTIFY", NULL},
	{"M-SEARCH", NULL},
};

void router_dispatch(struct router *r, const struct http_request *request, struct http_reply *reply)
{
	const char *other;

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (!slice_eq(request->head.method, methods[i].method))
			continue;
		other = url_methods(r, request->head.target);
		if (!methods[i].answer) {
			not_allowed(r, reply, other);
			return;
		}
		methods[i].answer(r, request, reply);
		/* The URL exists, only not for this method. */
		if (reply->status == 404 && other)
			not_allowed(r, reply, other);
		return;
	}
	http_error_reply(r, reply, 501);
}
