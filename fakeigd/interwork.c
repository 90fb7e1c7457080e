/* SPDX-License-Identifier: MIT */
/*
 * interwork.c - entries of the table that a PCP server upstream knows, kept alive there (RFC 6970).
 *
 * Theory of operation
 *
 * Each entry that the server has granted has a binding. It is renewed when half of what is left of
 * the server's lifetime is over, asking for what is left of the entry's own lease (IWF-14, IWF-17);
 * the control point hears nothing of it and sees the lease that it asked for (IWF-15). Silence is
 * followed by another try at half of the rest, but not before RENEW_MIN_US. A refusal that is meant
 * to last, or the end of the server's lifetime, takes the entry out of the table: it leads nowhere.
 *
 * When the server has lost its state, announces itself unasked, or our own WAN address is another,
 * every binding is asked for again with PREFER_FAILURE and the port it had (5.10, IWF-20).
 *
 * The external address is that of the server's last answer: per control point for the action, the
 * last of all where it is evented (IWF-18). An entry that leaves the table for whatever reason
 * (lease over, overwritten, cleared) is deleted upstream.
 *
 * interwork_action.c has the actions. Bindings are a list: the ports of a home are few.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "gena.h"
#include "interwork_parts.h"
#include "journal.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define RENEW_MIN_US (4 * CLOCK_SECOND) /* RFC 6887 clause 11.2.1 */

struct interwork_key interwork_key_of(const struct mapping *m)
{
	return (struct interwork_key){m->remote_host, m->external_port, m->protocol};
}

bool interwork_same_key(const struct interwork_key *a, const struct interwork_key *b)
{
	return a->remote_host.s_addr == b->remote_host.s_addr &&
	       a->external_port == b->external_port && a->protocol == b->protocol;
}

struct binding *interwork_find(const struct interwork *w, const struct interwork_key *key)
{
	struct binding *b = w ? w->first : NULL;

	while (b && !interwork_same_key(&b->key, key))
		b = b->next;
	return b;
}

bool interwork_holds(const struct interwork *w, const struct mapping *m)
{
	const struct interwork_key key = interwork_key_of(m);

	return interwork_find(w, &key);
}

static const struct mapping *entry_of(const struct binding *b)
{
	return portmap_find(b->interwork->router->portmap, b->key.remote_host, b->key.external_port,
			    b->key.protocol);
}

void interwork_unbind(struct binding *b)
{
	struct binding **at = &b->interwork->first;

	interwork_pause(b);
	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	free(b);
}

void interwork_pause(struct binding *b)
{
	loop_timer_cancel(b->interwork->router->loop, &b->timer);
	if (b->call)
		upstream_cancel(b->call);
	b->call = NULL;
}

/* The entry leads nowhere any more; its binding goes with it, and the server need not be told. */
static void lose(struct binding *b, const char *why)
{
	struct router *r = b->interwork->router;
	struct interwork_key key = b->key;

	journal_write(r->journal, JOURNAL_DECIDED, "upstream", NULL, NULL,
		      "gives a mapping up: the server does not have it", "{s:s}", "why", why);
	interwork_unbind(b);
	portmap_remove(r->portmap, key.remote_host, key.external_port, key.protocol);
}

static void renew_due(void *arg);

static void arm(struct binding *b, int64_t due)
{
	loop_timer_arm(b->interwork->router->loop, &b->timer, due, renew_due, b);
}

void interwork_resume(struct binding *b)
{
	int64_t half = (b->until - clock_now()) / 2;

	if (!b->interwork->router->profile->policy.upstream_renew)
		return;
	arm(b, clock_now() + (half > RENEW_MIN_US ? half : RENEW_MIN_US));
}

/* It could not be renewed: another try follows, unless the server's lifetime is over. */
static void go_on_or_lose(struct binding *b, const char *why)
{
	if (clock_now() >= b->until)
		lose(b, why);
	else
		interwork_resume(b);
}

static void take_grant(struct binding *b, const struct upstream_result *result)
{
	b->address = result->address;
	b->until = clock_now() + result->lifetime * CLOCK_SECOND;
	interwork_resume(b);
}

/* It was told another port, though that one or none was asked for: nobody knows of it. */
static bool is_other_port(const struct binding *b, const struct upstream_result *result)
{
	return result->port != b->key.external_port;
}

static void renewed(void *arg, const struct upstream_result *result)
{
	struct binding *b = arg;
	const struct mapping *m;

	b->call = NULL;
	switch (result->outcome) {
	case UPSTREAM_GRANTED:
		if (is_other_port(b, result)) {
			interwork_let_go(b->interwork, b->key.protocol, b->wan_port);
			lose(b, "another external port");
			return;
		}
		m = entry_of(b);
		if (m)
			interwork_learn(b->interwork, m->owner, &result->address);
		take_grant(b, result);
		return;
	case UPSTREAM_CANCELLED:
		arm(b, clock_now());
		return;
	case UPSTREAM_REFUSED:
		if (result->lifetime > pcp_result_lifetime(PCP_NO_RESOURCES)) {
			lose(b, result->why);
			return;
		}
		break;
	case UPSTREAM_SILENT:
		break;
	}
	go_on_or_lose(b, result->why);
}

/* Ask for what the entry still needs, with the port that it has; @b may be gone after it. */
static void renew(struct binding *b)
{
	const struct profile *profile = b->interwork->router->profile;
	const struct mapping *m = entry_of(b);
	uint32_t left = m && m->lease ? portmap_remaining(m) : UINT32_MAX;
	struct upstream_map map = {
		.protocol = (uint8_t)b->key.protocol,
		.internal_port = b->wan_port,
		.port = b->key.external_port,
		.address = b->address,
		.prefer_failure = true,
	};

	interwork_pause(b);
	if (!m || !left || !upstream_is_ready(b->interwork->router->upstream)) {
		go_on_or_lose(b, "nobody can be asked");
		return;
	}
	map.lifetime = left;
	map.filter = (struct pcp_filter){.prefix = 128};
	if (m->remote_host.s_addr)
		map.filter.address = pcp_address_from_v4(m->remote_host);
	map.description = profile->upstream.description ? m->description : NULL;
	b->call = upstream_map(b->interwork->router->upstream, &map, renewed, b);
}

static void renew_due(void *arg)
{
	renew(arg);
}

void interwork_bind(struct interwork *w, const struct interwork_key *key, uint16_t wan_port,
		    const struct upstream_result *result)
{
	struct binding *b = interwork_find(w, key);

	if (!b) {
		b = xcalloc(1, sizeof(*b));
		b->interwork = w;
		b->key = *key;
		b->next = w->first;
		w->first = b;
	}
	interwork_pause(b);
	b->wan_port = wan_port;
	take_grant(b, result);
}

void interwork_let_go(struct interwork *w, int protocol, uint16_t wan_port)
{
	const struct upstream_map map = {.protocol = (uint8_t)protocol, .internal_port = wan_port};

	if (upstream_is_ready(w->router->upstream))
		upstream_map(w->router->upstream, &map, NULL, NULL);
}

void interwork_forget(struct interwork *w, const struct mapping *m)
{
	const struct interwork_key key = interwork_key_of(m);
	struct binding *b = interwork_find(w, &key);

	if (!b)
		return;
	interwork_let_go(w, key.protocol, b->wan_port);
	interwork_unbind(b);
}

static struct interwork_client *client_of(struct interwork *w, struct in_addr peer)
{
	for (size_t i = 0; i < INTERWORK_CLIENTS_MAX; i++)
		if (w->clients[i].peer.s_addr == peer.s_addr)
			return &w->clients[i];
	return NULL;
}

void interwork_learn(struct interwork *w, struct in_addr peer, const struct in6_addr *address)
{
	struct interwork_client *client = client_of(w, peer);
	bool changed = !IN6_ARE_ADDR_EQUAL(&w->address, address);

	if (!client) {
		client = &w->clients[w->next_client++ % INTERWORK_CLIENTS_MAX];
		client->peer = peer;
	}
	client->address = *address;
	w->address = *address;
	if (changed)
		gena_changed(w->router->gena, NULL, "ExternalIPAddress");
}

static void add_address(const struct in6_addr *address, struct buf *out)
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr v4;

	if (pcp_address_is_any(address))
		return;
	if (pcp_address_is_v4(address, &v4))
		buf_puts(out, inet_ntop(AF_INET, &v4, text, sizeof(text)));
	else
		buf_puts(out, inet_ntop(AF_INET6, address, text, sizeof(text)));
}

void interwork_address(const struct interwork *w, struct buf *out)
{
	add_address(&w->address, out);
}

bool interwork_known_address(struct interwork *w, struct in_addr peer, struct buf *out)
{
	const struct interwork_client *client = client_of(w, peer);

	if (client)
		add_address(&client->address, out);
	return client;
}

bool interwork_is_on(struct interwork *w)
{
	return w && upstream_is_ready(w->router->upstream);
}

static void server_lost(void *arg, const char *why)
{
	struct interwork *w = arg;
	struct binding *next;

	(void)why;
	for (struct binding *b = w->first; b; b = next) {
		next = b->next;
		renew(b);
	}
}

struct interwork *interwork_new(struct router *r)
{
	struct interwork *w;

	if (!r->upstream)
		return NULL;
	w = xcalloc(1, sizeof(*w));
	w->router = r;
	w->watch.fn = server_lost;
	w->watch.arg = w;
	upstream_watch(r->upstream, &w->watch);
	return w;
}

void interwork_reset(struct interwork *w)
{
	if (!w)
		return;
	interwork_cancel_operations(w);
	while (w->first)
		interwork_unbind(w->first);
	memset(w->clients, 0, sizeof(w->clients));
	w->address = (struct in6_addr){0};
}

void interwork_free(struct interwork *w)
{
	if (!w)
		return;
	interwork_reset(w);
	upstream_unwatch(w->router->upstream, &w->watch);
	free(w);
}
