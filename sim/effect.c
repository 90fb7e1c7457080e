/* SPDX-License-Identifier: MIT */
/* effect.c - where port mappings lead, and whether it is true (see effect.h). */
#include "effect.h"

#include "../fakeigd/base/clock.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* After that long without arrival a packet is taken for lost: a limit for failures, not a wait. */
#define EFFECT_LIMIT_US (2 * CLOCK_SECOND)
/* The port tried on a mapping for every port: dynamic (RFC 6335) and rarely anybody's. */
#define EFFECT_ANY_PORT 61872

static bool share_network(const struct node *a, enum port_role role, const struct node *b)
{
	for (size_t i = 0; i < a->port_count; i++)
		for (size_t j = 0; j < b->port_count; j++)
			if (a->ports[i].role == role && a->ports[i].network == b->ports[j].network)
				return true;
	return false;
}

bool effect_faces_peer(const struct topology *t, size_t router)
{
	int peer = topology_node(t, "peer");

	return peer >= 0 && share_network(&t->nodes[router], PORT_WAN, &t->nodes[peer]);
}

/* The port with @address on one of the LANs of @router. Return: index of its node, -1 for none. */
static int find_client(const struct topology *t, size_t router, struct in_addr address,
		       const struct port **port)
{
	const struct node *inner = &t->nodes[router];

	for (size_t i = 0; i < t->node_count; i++) {
		for (size_t j = 0; j < t->nodes[i].port_count; j++) {
			const struct port *candidate = &t->nodes[i].ports[j];

			if (candidate->address.s_addr != address.s_addr)
				continue;
			for (size_t k = 0; k < inner->port_count; k++) {
				if (inner->ports[k].role != PORT_LAN ||
				    inner->ports[k].network != candidate->network)
					continue;
				*port = candidate;
				return (int)i;
			}
		}
	}
	return -1;
}

/* How well a mapping fits a packet: 0 not at all; remote host and port weigh as in the kernel. */
static int fitness(const struct effect_mapping *m, size_t router, int protocol, uint16_t port,
		   struct in_addr sender)
{
	if (!m->enabled || m->router != router || m->protocol != protocol ||
	    (m->external_port && m->external_port != port) ||
	    (m->remote_host.s_addr && m->remote_host.s_addr != sender.s_addr))
		return 0;
	return 1 + (m->external_port ? 1 : 0) + (m->remote_host.s_addr ? 2 : 0);
}

static const struct effect_mapping *find_mapping(const struct effect_table *table, size_t router,
						 int protocol, uint16_t port, struct in_addr sender)
{
	const struct effect_mapping *best = NULL;
	int best_fit = 0;

	for (size_t i = 0; i < table->count; i++) {
		int fit = fitness(&table->mappings[i], router, protocol, port, sender);

		if (fit > best_fit) {
			best_fit = fit;
			best = &table->mappings[i];
		}
	}
	return best;
}

void effect_resolve(const struct topology *t, const struct effect_table *table, size_t index,
		    struct in_addr sender, struct effect_path *path)
{
	const struct effect_mapping *m = &table->mappings[index];
	const struct port *port = NULL;

	*path = (struct effect_path){.end = EFFECT_LOOP, .node = -1};
	path->external_port = m->external_port ? m->external_port : EFFECT_ANY_PORT;
	path->port = path->external_port;
	while (path->hop_count < EFFECT_HOPS_MAX) {
		path->hops[path->hop_count++] = m->router;
		path->address = m->internal_client;
		if (m->internal_port)
			path->port = m->internal_port;
		path->node = find_client(t, m->router, path->address, &port);
		if (path->node < 0) {
			path->end = EFFECT_NO_NODE;
			return;
		}
		if (port->role != PORT_WAN) {
			path->end = EFFECT_ARRIVES;
			return;
		}
		m = find_mapping(table, (size_t)path->node, m->protocol, path->port, sender);
		if (!m) {
			path->end = EFFECT_NO_MAPPING;
			return;
		}
	}
	path->node = -1;
}

static struct in_addr json_address(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	struct in_addr address = {0};

	if (text && inet_pton(AF_INET, text, &address) != 1)
		address.s_addr = INADDR_ANY;
	return address;
}

void effect_add(struct effect_table *table, size_t router, const json_t *mappings)
{
	size_t index;
	const json_t *item;

	table->mappings = xrealloc(table->mappings, (table->count + json_array_size(mappings) + 1) *
							    sizeof(*table->mappings));
	json_array_foreach((json_t *)mappings, index, item)
	{
		const char *protocol = json_string_value(json_object_get(item, "protocol"));
		const json_t *external = json_object_get(item, "external_port");
		const json_t *internal = json_object_get(item, "internal_port");
		const json_t *wan = json_object_get(item, "wan_port");

		table->mappings[table->count++] = (struct effect_mapping){
			.router = router,
			.protocol = protocol && !strcasecmp(protocol, "UDP") ? IPPROTO_UDP
									     : IPPROTO_TCP,
			.remote_host = json_address(item, "remote_host"),
			.external_port = (uint16_t)json_integer_value(wan ? wan : external),
			.internal_client = json_address(item, "internal_client"),
			.internal_port = (uint16_t)json_integer_value(internal),
			.enabled = !json_is_false(json_object_get(item, "enabled")),
		};
	}
}

static bool same_mapping(const struct effect_mapping *a, const struct effect_mapping *b)
{
	return a->router == b->router && a->protocol == b->protocol &&
	       a->external_port == b->external_port &&
	       a->remote_host.s_addr == b->remote_host.s_addr &&
	       a->internal_client.s_addr == b->internal_client.s_addr &&
	       a->internal_port == b->internal_port && a->enabled == b->enabled;
}

void effect_mark_before(struct effect_table *table, const struct effect_table *earlier)
{
	for (size_t i = 0; i < table->count; i++)
		for (size_t j = 0; j < earlier->count && !table->mappings[i].before; j++)
			table->mappings[i].before =
				same_mapping(&table->mappings[i], &earlier->mappings[j]);
}

void effect_table_free(struct effect_table *table)
{
	free(table->mappings);
	*table = (struct effect_table){0};
}

/* A node's IPv4 address on a network that it shares with @other. */
static struct in_addr address_towards(const struct node *node, const struct node *other)
{
	for (size_t i = 0; i < node->port_count; i++)
		for (size_t j = 0; j < other->port_count; j++)
			if (node->ports[i].network == other->ports[j].network &&
			    node->ports[i].address.s_addr != INADDR_ANY)
				return node->ports[i].address;
	return (struct in_addr){0};
}

/* Why a path leads nowhere; the caller frees. */
static char *dead_end(const struct topology *t, const struct effect_mapping *m,
		      const struct effect_path *path)
{
	char address[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &path->address, address, sizeof(address));
	if (path->end == EFFECT_NO_NODE)
		return xasprintf("no node behind %s has the internal client %s",
				 t->nodes[path->hops[path->hop_count - 1]].name, address);
	if (path->end == EFFECT_NO_MAPPING)
		return xasprintf("it leads to %s, which has no mapping for %s port %u",
				 t->nodes[path->node].name,
				 m->protocol == IPPROTO_UDP ? "UDP" : "TCP", path->port);
	return xstrdup("the mappings lead round in a circle");
}

/* Send through one mapping and describe what came of it. Return: whether it was as it should be. */
static bool verify_one(struct lab *lab, const struct topology *t, const struct effect_table *table,
		       size_t index, json_t *result)
{
	const struct effect_mapping *m = &table->mappings[index];
	const struct node *peer = &t->nodes[topology_node(t, "peer")];
	struct in_addr sender = address_towards(peer, &t->nodes[m->router]);
	bool restricted = m->remote_host.s_addr && m->remote_host.s_addr != sender.s_addr;
	int64_t start = clock_now();
	bool reached = false, fine;
	struct effect_path path;
	json_t *hops = json_array();
	char *why = NULL;

	effect_resolve(t, table, index, sender, &path);
	for (size_t i = 0; i < path.hop_count; i++)
		json_array_append_new(hops, json_string(t->nodes[path.hops[i]].name));
	json_object_set_new(result, "path", hops);
	if (path.end == EFFECT_ARRIVES) {
		struct effect_probe probe = {
			.sender = peer->name,
			.external = address_towards(&t->nodes[m->router], peer),
			.external_port = path.external_port,
			.receiver = t->nodes[path.node].name,
			.inside = path.address,
			.inside_port = path.port,
			.protocol = m->protocol,
			.limit_us = EFFECT_LIMIT_US,
		};

		reached = effect_send(lab, &probe, &why);
		fine = reached != restricted;
	} else {
		why = dead_end(t, m, &path);
		fine = path.end == EFFECT_NO_NODE && m->before;
	}
	json_object_set_new(result, "reached",
			    reached ? json_string(t->nodes[path.node].name) : json_null());
	json_object_set_new(result, "port", json_integer(path.port));
	json_object_set_new(result, "seconds", json_real((double)(clock_now() - start) / 1e6));
	json_object_set_new(result, "ok", json_boolean(fine));
	if (reached && restricted)
		why = xstrdup("it is for another remote host, and yet a packet from peer arrives");
	if (why)
		json_object_set_new(result, "reason", json_string(why));
	free(why);
	return fine;
}

size_t effect_verify(struct lab *lab, const struct topology *t, const struct effect_table *table,
		     json_t *results)
{
	size_t wrong = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct effect_mapping *m = &table->mappings[i];
		char remote[INET_ADDRSTRLEN];
		json_t *result;

		if (!m->enabled || !effect_faces_peer(t, m->router))
			continue;
		result = json_pack("{s:s, s:s, s:i, s:s}", "router", t->nodes[m->router].name,
				   "protocol", m->protocol == IPPROTO_UDP ? "UDP" : "TCP",
				   "external_port", m->external_port, "from", "peer");
		if (m->remote_host.s_addr) {
			inet_ntop(AF_INET, &m->remote_host, remote, sizeof(remote));
			json_object_set_new(result, "remote_host", json_string(remote));
		}
		wrong += !verify_one(lab, t, table, i, result);
		json_array_append_new(results, result);
	}
	return wrong;
}
