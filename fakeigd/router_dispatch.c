/* SPDX-License-Identifier: MIT */
/*
 * router_dispatch.c - which part answers which HTTP request.
 *
 * By method (UDA 2.0 clauses 2, 3, 4): descriptions, control, eventing. A URL that exists for
 * another method is 405 with Allow, a method of HTTP or UPnP that no URL here has likewise
 * (DESC-10), any other method is 501. A Host of another comes first (SEC-17).
 */
#include "base/mem.h"
#include "description.h"
#include "gena.h"
#include "http.h"
#include "router.h"
#include "soap.h"
#include "wire/url.h"

#include <arpa/inet.h>
#include <string.h>

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

/* Whether a host, as in a URL, is the address that a connection came to, in whatever form. */
static bool is_address(const struct url *url, const struct sockaddr_storage *local)
{
	const struct sockaddr_in6 *in6 = (const void *)local;
	const void *own = &((const struct sockaddr_in *)local)->sin_addr;
	unsigned char address[sizeof(in6->sin6_addr)];
	char host[sizeof(url->host)];
	int family = local->ss_family;

	if (family == AF_INET6)
		own = &in6->sin6_addr;
	if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		family = AF_INET;
		own = in6->sin6_addr.s6_addr + 12;
	}
	if (url->is_ipv6 != (family == AF_INET6))
		return false;
	strcpy(host, url->host);
	host[strcspn(host, "%")] = '\0'; /* the zone is the sender's */
	return inet_pton(family, host, address) == 1 &&
	       !memcmp(address, own, family == AF_INET ? 4 : 16);
}

/*
 * A page of a stranger, whose name was made to lead to this router, has that name as Host (DESC-43,
 * SEC-17); a request without Host comes from no browser.
 */
static bool is_for_another(const struct router *r, const struct http_request *request)
{
	struct slice host = http_header(&request->head, "Host");
	struct buf text = {0};
	struct url url;
	bool own;

	if (!r->profile->policy.http_own_host || !host.ptr || !request->local.ss_family)
		return false;
	buf_printf(&text, "http://%.*s/", (int)host.len, host.ptr);
	own = strcspn(text.data + strlen("http://"), "/?#") == host.len &&
	      url_parse(buf_slice(&text), &url) && is_address(&url, &request->local);
	buf_free(&text);
	return !own;
}

void router_dispatch(struct router *r, const struct http_request *request, struct http_reply *reply)
{
	const char *other;

	if (is_for_another(r, request)) {
		http_error_reply(r, reply, 400);
		return;
	}
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
