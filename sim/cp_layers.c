/* SPDX-License-Identifier: MIT */
/*
 * cp_layers.c - routers behind routers, and the verbs of the control point (see controlpoint.h)
 *
 * Theory of operation
 *
 * The innermost router is found by discovery. When its external address is no public one, another
 * NAT is behind it: the next hop is found (cp_net.c), searched by unicast, and given a mapping
 * whose internal client is the address that the router before it has outside, and whose internal
 * port is the external port that it gave. So it goes on until an external address is public, no
 * next router answers, or the layers asked for are done (WIPC-65). Every layer asks for the port
 * that the user wants; the inner ones may differ.
 *
 * Removing walks the same way and takes each mapping away on the way.
 */
#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"
#include "cp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* The candidate that --url names. */
static void use_url(struct cp *cp)
{
	struct cp_candidate *c = &cp->candidates[0];

	cp_candidates_free(cp);
	*c = (struct cp_candidate){.location = xstrdup(cp->options.url),
				   .target = xstrdup("urn:schemas-upnp-org:service:"
						     "WANIPConnection:1"),
				   .usn = xstrdup(""),
				   .interface = -1,
				   .igd = true,
				   .boot_id = -1};
	cp_judge(cp, NULL, c);
	/* Whoever types a URL means it. */
	if (cp_parse_address(c->url.host, &c->host))
		c->refused = NULL;
	cp->candidate_count = 1;
}

static bool find_igd(struct cp *cp, int layer, struct cp_layer *out)
{
	if (layer == 1 && cp->options.url)
		use_url(cp);
	else
		cp_discover(cp, layer, layer == 1 ? NULL : &out->gateway);
	return cp_choose(cp, layer, &out->router);
}

const struct cp_method cp_methods[] = {
	[CP_WAY_IGD] = {.name = "igd",
			.lists = true,
			.find = find_igd,
			.map = cp_map_router,
			.unmap = cp_unmap_router},
	[CP_WAY_NATPMP] = {.name = "natpmp",
			   .find = cp_natpmp_find,
			   .map = cp_natpmp_map,
			   .unmap = cp_natpmp_unmap,
			   .renew = cp_natpmp_renew,
			   .hear = cp_natpmp_hear},
	[CP_WAY_PCP] = {.name = "pcp",
			.jitter = true,
			.find = cp_pcp_find,
			.learn = cp_pcp_learn,
			.map = cp_pcp_map,
			.unmap = cp_pcp_unmap,
			.renew = cp_pcp_renew,
			.hear = cp_pcp_hear},
	[CP_WAY_AUTO] = {.name = "auto",
			 .find = cp_auto_find,
			 .learn = cp_auto_learn,
			 .map = cp_auto_map,
			 .unmap = cp_auto_unmap},
	{0},
};

size_t cp_servers(const struct cp *cp, int layer, const struct cp_layer *l,
		  struct cp_server out[CP_GATEWAYS_MAX])
{
	size_t count = 0;

	if (!IN6_IS_ADDR_UNSPECIFIED(&l->server.address)) {
		out[count++] = l->server;
		return count;
	}
	if (l->gateway.s_addr) {
		out[count++] = cp_server_v4(l->gateway);
		return count;
	}
	if (layer == 1 && cp->options.server_count) {
		while (count < cp->options.server_count && count < CP_GATEWAYS_MAX) {
			out[count] = cp->options.servers[count];
			count++;
		}
		return count;
	}
	if (cp->ipv6) {
		memcpy(out, cp->gateways6, cp->gateway6_count * sizeof(*out));
		return cp->gateway6_count;
	}
	for (; count < cp->gateway_count; count++)
		out[count] = cp_server_v4(cp->gateways[count].address);
	return count;
}

const char *cp_host_text(const struct cp_layer *l, char out[CP_SERVER_TEXT])
{
	const struct cp_server host = cp_server_v4(l->router.host);

	return cp_server_text(l->router.host.s_addr ? &host : &l->hold.talk.server, out);
}

bool cp_take_grant(struct cp *cp, struct cp_layer *l, const struct cp_grant *asked,
		   const struct cp_grant *given)
{
	if (cp_naive(cp, NAIVE_BELIEVES_WISH))
		given = asked;
	if (!given->port || !given->seconds) {
		snprintf(l->failure, sizeof(l->failure), "grants %s",
			 given->port ? "0 seconds" : "port 0");
		cp_why(cp, "a success with 0 in it is none");
		return false;
	}
	l->external_port = given->port;
	l->lease = given->seconds;
	l->hold.granted_us = clock_now();
	l->hold.stage = 0;
	return true;
}

bool cp_cannot(struct cp *cp, struct cp_layer *l, const char *why)
{
	snprintf(l->failure, sizeof(l->failure), "%s", why);
	cp_why(cp, "%s", why);
	return false;
}

void cp_set_external(struct cp_router *r, struct in_addr address)
{
	free(r->external_text);
	r->external_text = NULL;
	r->external = address;
	r->has_external = address.s_addr != 0;
	if (!r->has_external)
		return;
	r->kind = cp_address_kind(address);
	r->external_text = xstrdup(inet_ntoa(address));
}

void cp_set_external6(struct cp_router *r, const struct in6_addr *address)
{
	char text[INET6_ADDRSTRLEN];

	cp_set_external(r, cp_v4(address));
	if (r->has_external || IN6_IS_ADDR_V4MAPPED(address) || IN6_IS_ADDR_UNSPECIFIED(address))
		return;
	r->has_external = true;
	r->kind = CP_PUBLIC; /* nothing is translated: a router behind this one has no part in it */
	r->external_text = xstrdup(inet_ntop(AF_INET6, address, text, sizeof(text)));
}

/* Where the router before @layer sends its packets. */
static bool find_gateway(struct cp *cp, int layer, struct in_addr *out)
{
	bool found;

	cp_step(cp, layer, "next gateway");
	cp_request(cp, "UDP with TTL 1 to %d", cp->options.layers);
	found = cp_next_hop(cp, layer, out);
	for (int i = 1; i <= cp->options.layers; i++)
		if (cp->hops[i].s_addr)
			cp_reply(cp, "%d: %s", i, inet_ntoa(cp->hops[i]));
	if (!found) {
		cp_believe(cp, "unknown");
		cp_why(cp, "no router at distance %d answers", layer);
		return false;
	}
	cp_believe(cp, "%s", inet_ntoa(*out));
	cp_why(cp, "it dropped a datagram whose TTL ran out");
	return true;
}

static struct cp_layer *last_layer(struct cp *cp)
{
	return &cp->layers[cp->layer_count - 1];
}

/* Whether another router behind the last one is worth looking for. */
static bool is_behind_nat(const struct cp *cp)
{
	const struct cp_router *r = &cp->layers[cp->layer_count - 1].router;

	return r->has_external && cp_address_behind_nat(r->kind);
}

/* What to ask of the next router: the one before it is the internal client. */
static struct map_request chain(const struct cp_layer *inner, const struct map_request *request)
{
	struct map_request next = *request;

	next.internal_port = inner->external_port;
	inet_ntop(AF_INET, &inner->router.external, next.internal_client,
		  sizeof(next.internal_client));
	return next;
}

/* Find the router of the next layer. Return: 1 found, 0 there is none, -1 none at layer 1. */
static int next_router(struct cp *cp)
{
	int layer = (int)cp->layer_count + 1;
	struct cp_layer *l = &cp->layers[cp->layer_count];

	*l = (struct cp_layer){.how = cp->method};
	if (layer > 1 && !find_gateway(cp, layer, &l->gateway))
		return 0;
	if (!cp->method->find(cp, layer, l)) {
		cp_router_free(&l->router);
		cp_talk_close(&l->hold.talk);
		return layer == 1 ? -1 : 0;
	}
	cp->layer_count++;
	return 1;
}

void cp_drop_layers(struct cp *cp, size_t keep)
{
	while (cp->layer_count > keep) {
		cp_router_free(&last_layer(cp)->router);
		cp_talk_close(&last_layer(cp)->hold.talk);
		cp->layer_count--;
	}
}

static void no_router(struct cp *cp)
{
	if (cp->ipv6 && !cp->own6.sin6_family)
		cp_conclude(cp, EXIT_VERDICT, "no-network",
			    "No interface has a global IPv6 address.");
	else if (!cp->interface_count && !cp->gateway6_count)
		cp_conclude(cp, EXIT_VERDICT, "no-network", "No interface is up.");
	else if (!cp->candidate_count)
		cp_conclude(cp, EXIT_VERDICT, "no-router", "No router answers.");
	else
		cp_conclude(cp, EXIT_VERDICT, "no-router",
			    "Something answers, but no usable router that maps ports.");
}

static const char *protocol_name(const struct map_request *request)
{
	return request->protocol == IPPROTO_TCP ? "TCP" : "UDP";
}

/* Where nothing is translated. */
static void conclude_opened(struct cp *cp, const struct map_request *request)
{
	cp_conclude(cp, EXIT_FINE, "mapped",
		    "Mapped: [%s]:%u/%s is let in through the router's firewall.",
		    cp->layers[0].router.external_text, request->internal_port,
		    protocol_name(request));
}

static void conclude_mapped(struct cp *cp, const struct map_request *request)
{
	const struct cp_layer *outer = last_layer(cp), *inner = &cp->layers[0];
	const struct cp_router *r = &outer->router;
	bool complete = r->has_external && r->kind == CP_PUBLIC;
	const char *address = r->has_external ? r->external_text : "an unknown address";

	json_object_set_new(cp->result, "protocol", json_string(protocol_name(request)));
	json_object_set_new(cp->result, "external_address",
			    r->has_external ? json_string(r->external_text) : json_null());
	json_object_set_new(cp->result, "external_port", json_integer(outer->external_port));
	json_object_set_new(cp->result, "internal_client", json_string(inner->internal_client));
	json_object_set_new(cp->result, "internal_port", json_integer(request->internal_port));
	json_object_set_new(cp->result, "complete", json_boolean(complete));
	if (complete && !r->external.s_addr)
		conclude_opened(cp, request);
	else if (complete)
		cp_conclude(cp, EXIT_FINE, "mapped",
			    "Mapped: %s:%u/%s leads to %s:%u through %zu NAT%s.", address,
			    outer->external_port, protocol_name(request), inner->internal_client,
			    request->internal_port, cp->layer_count,
			    cp->layer_count == 1 ? "" : "s");
	else
		cp_conclude(
			cp, EXIT_FINE, "mapped",
			"Mapped on %zu router%s: %s:%u/%s leads to %s:%u, but that address is %s: "
			"not reachable from the whole Internet.",
			cp->layer_count, cp->layer_count == 1 ? "" : "s", address,
			outer->external_port, protocol_name(request), inner->internal_client,
			request->internal_port,
			r->has_external ? cp_address_text(r->kind) : "not known");
}

/* One more try after the router's HTTP server went away: it may be elsewhere now (CP-11). */
static bool forget_router(struct cp *cp)
{
	if (!cp->gone || cp->options.url)
		return false;
	cp_drop_layers(cp, cp->layer_count - 1);
	return true;
}

/* Whether there is a router behind the last one that is worth a mapping. */
static bool goes_on(const struct cp *cp)
{
	return is_behind_nat(cp) && (int)cp->layer_count < cp->options.layers;
}

void cp_map_on(struct cp *cp, const struct map_request *request)
{
	char host[CP_SERVER_TEXT];
	bool again = true;
	int found = 0;

	while ((!cp->layer_count || goes_on(cp)) && (found = next_router(cp)) > 0) {
		struct cp_layer *l = last_layer(cp);

		l->hold.request = cp->layer_count > 1 ? chain(l - 1, request) : *request;
		cp->gone = false;
		if (cp->method->map(cp, (int)cp->layer_count, &l->hold.request, l))
			continue;
		if (again && forget_router(cp)) {
			again = false;
			continue;
		}
		cp_conclude(cp, EXIT_VERDICT, "refused", "Not mapped: %s %s.",
			    cp_host_text(l, host), l->failure);
		return;
	}
	if (found < 0)
		no_router(cp);
	else
		conclude_mapped(cp, request);
}

void cp_map(struct cp *cp, const struct map_request *request)
{
	cp_map_on(cp, request);
}

void cp_unmap_held(struct cp *cp)
{
	for (size_t i = cp->layer_count; i-- > 0;) {
		struct cp_layer *l = &cp->layers[i];
		char host[CP_SERVER_TEXT];

		if (!l->mapped || cp_naive(cp, NAIVE_NEVER_UNMAPS))
			continue;
		l->how->unmap(cp, (int)i + 1, &l->hold.request, l);
		if (l->mapped)
			cp_conclude(cp, EXIT_VERDICT, "refused", "%s keeps the mapping: it %s.",
				    cp_host_text(l, host), l->failure);
	}
}

void cp_unmap(struct cp *cp, const struct map_request *request)
{
	struct map_request next = *request;
	size_t removed = 0, left = 0;
	int found;

	while ((found = next_router(cp)) > 0) {
		struct cp_layer *l = last_layer(cp);

		if (cp->method->unmap(cp, (int)cp->layer_count, &next, l))
			*(l->mapped ? &left : &removed) += 1;
		if (!goes_on(cp))
			break;
		next = chain(l, request);
	}
	json_object_set_new(cp->result, "removed", json_integer((json_int_t)removed));
	if (found < 0)
		no_router(cp);
	else if (left)
		cp_conclude(cp, EXIT_VERDICT, "refused", "%zu mapping%s removed, %zu still there.",
			    removed, removed == 1 ? "" : "s", left);
	else if (!removed)
		cp_conclude(cp, EXIT_VERDICT, "not-found", "No mapping of ours is there.");
	else
		cp_conclude(cp, EXIT_FINE, "unmapped", "%zu mapping%s removed.", removed,
			    removed == 1 ? "" : "s");
}

static json_t *entry_json(const struct cp_entry *e)
{
	json_t *o = json_object();

	json_object_set_new(o, "protocol", json_string(e->protocol == IPPROTO_TCP ? "TCP" : "UDP"));
	json_object_set_new(o, "remote_host", json_string(e->remote_host));
	json_object_set_new(o, "external_port", json_integer(e->external_port));
	json_object_set_new(o, "internal_client", json_string(e->internal_client));
	json_object_set_new(o, "internal_port", json_integer(e->internal_port));
	json_object_set_new(o, "enabled", json_boolean(e->enabled));
	json_object_set_new(o, "description", json_string(e->description));
	json_object_set_new(o, "lease", json_integer(e->lease));
	return o;
}

/* Rows of a table for people; text from the router is kept to one line. */
static void print_entries(struct cp *cp, int layer, const struct cp_table *t, json_t *rows)
{
	if (t->count)
		buf_printf(&cp->text, "%-5s %-5s %-21s %8s  %s\n", "port", "proto", "internal",
			   "lease", "description");
	for (size_t i = 0; i < t->count; i++) {
		const struct cp_entry *e = &t->entries[i];
		json_t *row = entry_json(e);
		char client[96];

		snprintf(client, sizeof(client), "%s:%u", e->internal_client, e->internal_port);
		buf_printf(&cp->text, "%-5u %-5s %-21s %8u  %.60s%s\n", e->external_port,
			   e->protocol == IPPROTO_TCP ? "TCP" : "UDP", client, e->lease,
			   e->description, e->enabled ? "" : " (disabled)");
		json_object_set_new(row, "layer", json_integer(layer));
		json_array_append_new(rows, row);
	}
}

void cp_list(struct cp *cp)
{
	json_t *rows = json_array();
	struct cp_table table;
	size_t count = 0;
	int found = 0;

	if (cp->method == &cp_methods[CP_WAY_AUTO])
		cp->method = &cp_methods[CP_WAY_IGD]; /* the only one that lists */
	while (cp->method->lists && (found = next_router(cp)) > 0) {
		cp_enumerate(cp, (int)cp->layer_count, &last_layer(cp)->router, &table);
		print_entries(cp, (int)cp->layer_count, &table, rows);
		count += table.count;
		cp_table_free(&table);
		if (!goes_on(cp))
			break;
	}
	json_object_set_new(cp->result, "mappings", rows);
	if (!cp->method->lists)
		cp_conclude(cp, EXIT_VERDICT, "unknown", "No router lists its mappings by %s.",
			    cp->method->name);
	else if (found < 0)
		no_router(cp);
	else
		cp_conclude(cp, EXIT_FINE, "listed", "%zu mapping%s on %zu router%s.", count,
			    count == 1 ? "" : "s", cp->layer_count,
			    cp->layer_count == 1 ? "" : "s");
}

void cp_external_address(struct cp *cp)
{
	const struct cp_router *r;
	int found = 0;

	while ((!cp->layer_count || goes_on(cp)) && (found = next_router(cp)) > 0) {
		struct cp_layer *l = last_layer(cp);

		if (!l->router.has_external && cp->method->learn)
			cp->method->learn(cp, (int)cp->layer_count, l);
	}
	if (found < 0) {
		no_router(cp);
		return;
	}
	r = &last_layer(cp)->router;
	json_object_set_new(cp->result, "external_address",
			    r->has_external ? json_string(r->external_text) : json_null());
	if (r->has_external)
		cp_conclude(cp, EXIT_FINE, "known", "%s is the external address, %s.",
			    r->external_text, cp_address_text(r->kind));
	else
		cp_conclude(cp, EXIT_VERDICT, "unknown", "The router tells no external address.");
}

void cp_search(struct cp *cp)
{
	json_t *rows = json_array();
	size_t usable = 0;

	cp->thorough = true;
	cp_discover(cp, 1, NULL);
	for (size_t i = 0; i < cp->candidate_count; i++) {
		const struct cp_candidate *c = &cp->candidates[i];
		char from[INET_ADDRSTRLEN];

		inet_ntop(AF_INET, &c->from, from, sizeof(from));
		buf_printf(&cp->text, "%-15s %s\n%16s%s%s%s\n", from, c->location, "", c->target,
			   c->refused	? "; not used: "
			   : c->gateway ? "; on the gateway"
					: "",
			   c->refused ? c->refused : "");
		json_array_append_new(rows,
				      json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:s?}", "from",
						from, "location", c->location, "target", c->target,
						"usn", c->usn, "gateway", (int)c->gateway, "igd",
						(int)c->igd, "refused", c->refused));
		usable += !c->refused && c->igd;
	}
	json_object_set_new(cp->result, "replies", rows);
	if (usable)
		cp_conclude(cp, EXIT_FINE, "found", "%zu gateway device%s found.", usable,
			    usable == 1 ? "" : "s");
	else
		no_router(cp);
}
