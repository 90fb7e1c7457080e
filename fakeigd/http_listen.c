/* SPDX-License-Identifier: MIT */
/*
 * http_listen.c - fakeigd's HTTP server: listening sockets, accepting, the life of a connection.
 *
 * Theory of operation: one listening socket per LAN address (IPv4, IPv6 global, IPv6 link-local),
 * all on one port, so that nothing is open on the WAN (IGD-10). Who connects from outside the LAN
 * subnets all the same (a router answers for its LAN address on every interface) is reset. Policies
 * http.wan and http.lan-only undo both. The backlog holds a burst of a thousand clients: with a
 * short one the kernel drops SYNs, and each of those costs its client a second.
 *
 * Limits: http.max-connections at a time, REFUSALS_MAX more are told 503, further ones are reset.
 * Timers: one per connection for idleness, armed once and compared with @active when it fires, so
 * that a request costs no timer; one to try again after the process ran out of descriptors.
 */
#include "http.h"

#include "base/mem.h"
#include "http_connection.h"
#include "journal.h"
#include "profile.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BACKLOG		1024
#define PORT_TRIES	16
#define LINGER_US	(2 * CLOCK_SECOND)
#define ACCEPT_AGAIN_US (CLOCK_SECOND / 10)
#define REFUSALS_MAX	64

void connection_watch(struct connection *c, uint32_t events)
{
	if (c->events == events)
		return;
	c->events = events;
	loop_change(c->http->router->loop, c->source, events);
}

void connection_close(struct connection *c, bool reset)
{
	struct http *h = c->http;
	struct loop *loop = h->router->loop;

	if (reset) {
		struct linger now = {.l_onoff = 1};

		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	}
	journal_bytes(h->router->journal, JOURNAL_WRITTEN, "tcp", (struct sockaddr *)&c->local,
		      (struct sockaddr *)&c->peer, (struct slice){0});
	loop_timer_cancel(loop, &c->idle);
	loop_timer_cancel(loop, &c->pace);
	if (c->later)
		c->later->connection = NULL;
	loop_forget(loop, c->source);
	close(c->fd);
	LIST_REMOVE(c, link);
	h->count--;
	buf_free(&c->in);
	buf_free(&c->body);
	if (!h->spare.data && c->out.cap <= HTTP_KEEP_MAX) {
		h->spare = c->out;
		buf_reset(&h->spare);
	} else {
		buf_free(&c->out);
	}
	buf_free(&c->pad_text);
	free(c->effects);
	free(c);
}

static uint16_t port_of(const struct sockaddr_storage *address)
{
	struct sockaddr_in v4;

	/* The port lies at the same place in both families. */
	memcpy(&v4, address, sizeof(v4));
	return ntohs(v4.sin_port);
}

static const struct policy *policy_of(const struct http *h)
{
	return &h->router->profile->policy;
}

static int64_t idle_limit(const struct connection *c)
{
	return c->linger ? LINGER_US : policy_of(c->http)->http_idle;
}

static void idle_fired(void *arg)
{
	struct connection *c = arg;
	int64_t due = c->active + idle_limit(c);

	/* Rules may delay an answer for longer, or keep silent for as long as the peer likes. */
	if (due > clock_now() || c->pace.slot || c->later ||
	    (c->reading == HTTP_READ_DISCARD && !c->linger)) {
		if (due <= clock_now())
			due = clock_now() + idle_limit(c) + 1;
		loop_timer_arm(c->http->router->loop, &c->idle, due, idle_fired, c);
		return;
	}
	if (journal_on(c->http->router->journal))
		journal_write(c->http->router->journal, JOURNAL_DECIDED, "http",
			      (struct sockaddr *)&c->peer, (struct sockaddr *)&c->local,
			      c->linger ? "closes" : "closes: idle", NULL);
	connection_close(c, false);
}

static struct connection *connection_new(struct http *h, int fd, int lan)
{
	struct connection *c = xcalloc(1, sizeof(*c));

	c->http = h;
	c->fd = fd;
	c->lan = lan;
	c->active = clock_now();
	c->events = EPOLLIN;
	c->source = loop_watch(h->router->loop, fd, EPOLLIN, connection_ready, c);
	LIST_INSERT_HEAD(&h->connections, c, link);
	h->count++;
	loop_timer_arm(h->router->loop, &c->idle, c->active + idle_limit(c), idle_fired, c);
	return c;
}

/* A connection above the limit is told so before it has asked anything. */
static void refuse_connection(struct connection *c)
{
	struct http *h = c->http;

	if (h->count > (size_t)policy_of(h)->http_max_connections + REFUSALS_MAX)
		connection_close(c, true);
	else
		connection_refuse(c, NULL, 503, "more connections than http.max-connections");
}

static void accept_one(struct http_listener *l, int fd, const struct sockaddr_storage *peer)
{
	struct http *h = l->http;
	struct connection *c = connection_new(h, fd, l->lan);

	c->peer = *peer;
	c->local = l->address;
	c->port = port_of(&l->address);
	if (l->lan >= 0 && policy_of(h)->http_lan_only &&
	    !router_lan_of_peer(h->router, (const struct sockaddr *)peer)) {
		if (journal_on(h->router->journal))
			journal_write(h->router->journal, JOURNAL_DECIDED, "http",
				      (struct sockaddr *)&c->peer, (struct sockaddr *)&c->local,
				      "resets: not from the LAN", NULL);
		connection_close(c, true);
	} else if (h->count > (size_t)policy_of(h)->http_max_connections) {
		refuse_connection(c);
	}
}

static void accept_again(void *arg)
{
	struct http *h = arg;

	for (size_t i = 0; i < h->listening; i++)
		loop_change(h->router->loop, h->listeners[i].source, EPOLLIN);
}

static void listener_ready(void *arg, int fd, uint32_t events)
{
	struct http_listener *l = arg;
	struct http *h = l->http;
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);
	int got;

	(void)events;
	h->router->handled++;
	/* One a turn: the loop comes back at once while there are more, and most of the time there
	 * are not. */
	got = accept4(fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (got >= 0) {
		accept_one(l, got, &peer);
		return;
	}
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
		return; /* none left, or one that went away before it was accepted */
	/* Asking again at once would spin until somebody closes something. */
	for (size_t i = 0; i < h->listening; i++)
		loop_change(h->router->loop, h->listeners[i].source, 0);
	loop_timer_arm(h->router->loop, &h->accept_again, clock_now() + ACCEPT_AGAIN_US,
		       accept_again, h);
}

/* The address of a listener on @iface: 0 = IPv4, 1 = IPv6 global, 2 = IPv6 link-local. */
static socklen_t listen_address(const struct router_interface *iface, int kind, uint16_t port,
				struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = iface->address};
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(port),
		.sin6_addr = kind == 1 ? iface->address6 : iface->link6,
		.sin6_scope_id = kind == 2 ? iface->index : 0,
	};

	*out = (struct sockaddr_storage){0};
	if (kind == 0) {
		memcpy(out, &v4, sizeof(v4));
		return iface->address.s_addr ? sizeof(v4) : 0;
	}
	memcpy(out, &v6, sizeof(v6));
	return IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr) ? 0 : sizeof(v6);
}

static int open_listener(const struct sockaddr_storage *address, socklen_t len)
{
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, error;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* Accepted sockets inherit it: answers leave at once, in the segments that rules ask for.
	 */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (address->ss_family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
		/* An address whose duplicate address detection still runs can be bound so. */
		setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on));
	}
	if (bind(fd, (const struct sockaddr *)address, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* Listen on the addresses of one interface, on *@port once that is known. */
static int listen_on(struct http *h, const struct router_interface *iface, int lan, uint16_t *port)
{
	int kinds = policy_of(h)->http_ipv6 ? 3 : 1;

	for (int kind = 0; kind < kinds; kind++) {
		struct http_listener *l = &h->listeners[h->listening];
		socklen_t len = listen_address(iface, kind, *port, &l->address);

		if (!len)
			continue;
		l->fd = open_listener(&l->address, len);
		if (l->fd < 0)
			return l->fd;
		l->http = h;
		l->lan = lan;
		h->listening++;
		getsockname(l->fd, (struct sockaddr *)&l->address, &len);
		*port = port_of(&l->address);
		l->source = loop_watch(h->router->loop, l->fd, EPOLLIN, listener_ready, l);
	}
	return 0;
}

static void stop_listening(struct http *h)
{
	for (size_t i = 0; i < h->listening; i++) {
		loop_unwatch(h->router->loop, h->listeners[i].source);
		close(h->listeners[i].fd);
	}
	h->listening = 0;
}

/* All interfaces on one port. @port: 0 = any free one, and which it became. */
static int listen_port(struct http *h, uint16_t *port)
{
	struct router *r = h->router;
	int error = 0;

	for (size_t i = 0; i < r->lans && !error; i++)
		error = listen_on(h, &r->lan[i], (int)i, port);
	if (!error && r->wan.index && policy_of(h)->http_wan)
		error = listen_on(h, &r->wan, -1, port);
	return error;
}

static int listen_everywhere(struct http *h, uint16_t port)
{
	const struct profile *p = h->router->profile;
	int error;

	h->port = port;
	error = listen_port(h, &h->port);
	for (size_t i = 0; i < p->also_ports && !error; i++) {
		uint16_t also = p->also_port[i];

		if (also != h->port)
			error = listen_port(h, &also);
	}
	if (error)
		stop_listening(h);
	return error;
}

int http_relisten(struct http *h, uint16_t port)
{
	int error = -EADDRINUSE;

	stop_listening(h);
	if (!policy_of(h)->igd_enabled) {
		h->port = 0;
		return 0;
	}
	/* A port that is free on the first address may be taken on the next. */
	for (int tries = 0; error == -EADDRINUSE && tries < (port ? 1 : PORT_TRIES); tries++)
		error = listen_everywhere(h, port);
	return error;
}

struct http *http_new(struct router *r, http_handler_fn *handler, int *error)
{
	struct http *h = xcalloc(1, sizeof(*h));

	h->router = r;
	h->handler = handler;
	*error = http_relisten(h, r->port ? r->port : r->profile->http_port);
	if (!*error)
		return h;
	free(h);
	return NULL;
}

void http_adopt(struct http *h, int fd)
{
	struct connection *c = connection_new(h, fd, -1);
	socklen_t len = sizeof(c->local);

	getsockname(fd, (struct sockaddr *)&c->local, &len);
	c->port = port_of(&c->local);
	len = sizeof(c->peer);
	getpeername(fd, (struct sockaddr *)&c->peer, &len);
	if (h->count > (size_t)policy_of(h)->http_max_connections)
		refuse_connection(c);
}

void http_reset(struct http *h)
{
	while (!LIST_EMPTY(&h->connections))
		connection_close(LIST_FIRST(&h->connections), true);
}

void http_free(struct http *h)
{
	if (!h)
		return;
	while (!LIST_EMPTY(&h->connections))
		connection_close(LIST_FIRST(&h->connections), false);
	stop_listening(h);
	loop_timer_cancel(h->router->loop, &h->accept_again);
	buf_free(&h->reply.body);
	buf_free(&h->reply.extra);
	buf_free(&h->spare);
	free(h);
}

uint16_t http_port(const struct http *h)
{
	return h->port;
}
