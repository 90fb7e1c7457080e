/* SPDX-License-Identifier: MIT */
/*
 * gena_callback.c - where events may be sent to.
 *
 * UDA 2.0 (April 2020) 4.1.1: not to another network segment than the one the subscription came
 * from (CVE-2020-12695, "CallStranger"; GENA-14, SEC-01), and IPv4 subscriptions not to IPv6
 * callbacks or the reverse (GENA-15). Addresses only: a name could answer differently when the
 * event is due (SEC-03). Never to this router itself (GENA-16). Policy gena.callback can widen it,
 * gena.callback-max cuts URLs as firmware with small buffers does.
 */
#include "choice.h"
#include "gena_parts.h"
#include "router.h"

#include <arpa/inet.h>
#include <stdlib.h>

static bool read_v4(struct gena_callback *c)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&c->address;

	if (c->url.is_ipv6 || inet_pton(AF_INET, c->url.host, &in->sin_addr) != 1)
		return false;
	in->sin_family = AF_INET;
	in->sin_port = htons(c->url.port);
	c->length = sizeof(*in);
	return true;
}

/* A zone in the URL means nothing here; the interface of the request counts. */
static bool read_v6(struct gena_callback *c, unsigned interface)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&c->address;
	char host[sizeof(c->url.host)];

	if (!c->url.is_ipv6)
		return false;
	memcpy(host, c->url.host, sizeof(host));
	host[strcspn(host, "%")] = '\0';
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
		return false;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(c->url.port);
	if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
		in6->sin6_scope_id = interface;
	c->length = sizeof(*in6);
	return true;
}

/* The subnet's own two addresses are no hosts. */
static bool is_host(const struct router_interface *lan, struct in_addr address)
{
	uint32_t host = ntohl(address.s_addr);
	uint32_t mask = lan->prefix ? UINT32_MAX << (32 - lan->prefix) : 0;

	return address.s_addr != lan->address.s_addr &&
	       (lan->prefix >= 31 || ((host & ~mask) && (host | mask) != UINT32_MAX));
}

static bool is_own_v6(const struct router_interface *lan, const struct in6_addr *address)
{
	return IN6_ARE_ADDR_EQUAL(address, &lan->address6) ||
	       IN6_ARE_ADDR_EQUAL(address, &lan->link6);
}

/* IPv4 clients may arrive at an IPv6 socket. */
static int family_of(const struct sockaddr_storage *peer)
{
	const struct sockaddr_in6 *in6 = (const void *)peer;

	if (peer->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return AF_INET;
	return peer->ss_family;
}

/* GENA-12: what is left of a URL in a buffer of gena.callback-max bytes, at least its host. */
static void shorten(struct url *url, long long max)
{
	struct buf text = {0};
	size_t over;

	url_format(url, &text);
	over = max > 0 && text.len > (size_t)max ? text.len - (size_t)max : 0;
	if (over >= strlen(url->path))
		over = strlen(url->path) - 1;
	url->path[strlen(url->path) - over] = '\0';
	buf_free(&text);
}

static bool judge(struct router *r, const struct http_request *request, struct gena_callback *c)
{
	const struct policy *policy = &r->profile->policy;
	const struct router_interface *here = request->lan < 0 ? NULL : &r->lan[request->lan];
	const struct router_interface *lan;

	shorten(&c->url, policy->gena_callback_max);
	if (!read_v4(c) && !read_v6(c, here ? here->index : 0))
		return false;
	if (policy_is(policy, gena_callback, "any"))
		return true;
	if (c->address.ss_family != family_of(&request->peer))
		return false;
	lan = router_lan_of_peer(r, (const struct sockaddr *)&c->address);
	if (!lan || (here && lan != here && !policy_is(policy, gena_callback, "lan")))
		return false;
	if (c->address.ss_family == AF_INET)
		return is_host(lan, ((struct sockaddr_in *)&c->address)->sin_addr);
	return !is_own_v6(lan, &((struct sockaddr_in6 *)&c->address)->sin6_addr);
}

bool gena_judge_callbacks(struct router *r, const struct http_request *request,
			  struct gena_callback *callbacks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!judge(r, request, &callbacks[i]))
			return false;
	return count > 0;
}
