/* SPDX-License-Identifier: MIT */
/*
 * evidence_nodes.c - columns of the picture out of lab.json (the "info" reply, lab.h).
 *
 * Theory of operation
 *
 * The client is the first column; the others follow by their distance from it, counted in networks,
 * so that an arrow to the next router goes to the next column. Ports know the capture's interface
 * of their network by its name.
 */
#include "evidence_parts.h"

#include "../fakeigd/base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define STRANGERS_MAX 12  /* columns of bare addresses */
#define COMMAND_MAX   100 /* bytes of the command in the title */

/* ---- ports ---- */

static unsigned find_link(const struct evidence *e, const char *network)
{
	for (uint32_t i = 0; network && i < e->reader.count; i++) {
		if (slice_eq(e->reader.interfaces[i].name, network))
			return i;
	}
	return UINT32_MAX;
}

static void read_mac(const char *text, uint8_t mac[6])
{
	unsigned b[6];

	if (!text ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", b, b + 1, b + 2, b + 3, b + 4, b + 5) != 6)
		return;
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
}

static const char *member(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static void read_port(const struct evidence *e, const json_t *port, struct ladder_port *out)
{
	const char *address = member(port, "address"), *address6 = member(port, "address6");

	out->link = find_link(e, member(port, "network"));
	read_mac(member(port, "mac"), out->mac);
	if (address)
		inet_pton(AF_INET, address, out->address4);
	if (!address6)
		address6 = member(port, "link_local");
	if (address6)
		inet_pton(AF_INET6, address6, out->address6);
}

/* ---- nodes ---- */

static void add_line(struct buf *text, const char *line)
{
	if (line)
		buf_printf(text, "%s%s", text->len ? "\n" : "", line);
}

/* Addresses, one below the other, then what runs there. */
static char *make_caption(const json_t *node)
{
	const char *profile = member(node, "profile");
	const json_t *quirks = json_object_get(node, "quirks");
	struct buf text = {0};
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(node, "ports"), i, item)
	{
		add_line(&text, member(item, "interface"));
		add_line(&text, member(item, "address"));
		add_line(&text, member(item, "address6"));
	}
	if (!profile)
		profile = member(node, "daemon");
	add_line(&text, profile);
	json_array_foreach(quirks, i, item)
	{
		buf_printf(&text, "\n+ %s", json_string_value(item));
	}
	return buf_steal(&text);
}

static void read_node(const struct evidence *e, const char *name, const json_t *node,
		      struct ladder_node *out)
{
	const json_t *ports = json_object_get(node, "ports");
	size_t count = json_array_size(ports);
	struct ladder_port *list = xcalloc(count, sizeof(*list));
	const char *kind = member(node, "kind");

	for (size_t i = 0; i < count; i++)
		read_port(e, json_array_get(ports, i), &list[i]);
	*out = (struct ladder_node){
		.name = xstrdup(name),
		.caption = make_caption(node),
		.is_router = kind && strcmp(kind, "router") == 0,
		.ports = list,
		.count = count,
	};
}

static bool are_neighbours(const struct ladder_node *a, const struct ladder_node *b)
{
	for (size_t i = 0; i < a->count; i++) {
		for (size_t k = 0; k < b->count; k++) {
			if (a->ports[i].link == b->ports[k].link && a->ports[i].link != UINT32_MAX)
				return true;
		}
	}
	return false;
}

/* Breadth first from the client; who cannot be reached comes last. */
static void order_nodes(struct evidence *e, size_t client)
{
	struct ladder_node *ordered = xcalloc(e->node_count, sizeof(*ordered));
	bool *taken = xcalloc(e->node_count, sizeof(*taken));
	size_t count = 0;

	if (client < e->node_count) {
		ordered[count++] = e->nodes[client];
		taken[client] = true;
	}
	for (size_t at = 0; at < count; at++) {
		for (size_t i = 0; i < e->node_count; i++) {
			if (taken[i] || !are_neighbours(&ordered[at], &e->nodes[i]))
				continue;
			ordered[count++] = e->nodes[i];
			taken[i] = true;
		}
	}
	for (size_t i = 0; i < e->node_count; i++) {
		if (!taken[i])
			ordered[count++] = e->nodes[i];
	}
	free(taken);
	free(e->nodes);
	e->nodes = ordered;
}

void evidence_nodes(struct evidence *e)
{
	json_t *lab = evidence_load(e, "lab.json"), *node;
	json_t *nodes = json_object_get(lab, "nodes");
	const char *name, *client = member(lab, "client"), *topology = member(lab, "topology");
	size_t first = SIZE_MAX;

	if (topology)
		e->topology = xstrdup(topology);
	if (json_object_size(nodes))
		e->nodes = xcalloc(json_object_size(nodes), sizeof(*e->nodes));
	json_object_foreach(nodes, name, node)
	{
		if (client && strcmp(name, client) == 0)
			first = e->node_count;
		read_node(e, name, node, &e->nodes[e->node_count++]);
	}
	if (e->node_count)
		order_nodes(e, first);
	json_decref(lab);
}

static bool is_known(const struct evidence *e, int family, const uint8_t address[16])
{
	for (size_t i = 0; i < e->node_count; i++) {
		const struct ladder_port *p = e->nodes[i].ports;

		if (memcmp(family == AF_INET ? p->address4 : p->address6, address, 16) == 0)
			return true;
	}
	return false;
}

static void add_stranger(struct evidence *e, unsigned link, int family, const uint8_t address[16])
{
	struct ladder_port *port;
	char text[INET6_ADDRSTRLEN];

	if (e->node_count == STRANGERS_MAX || is_known(e, family, address))
		return;
	port = xcalloc(1, sizeof(*port));
	port->link = link;
	memcpy(family == AF_INET ? port->address4 : port->address6, address, 16);
	e->nodes = xrealloc(e->nodes, (e->node_count + 1) * sizeof(*e->nodes));
	e->nodes[e->node_count++] = (struct ladder_node){
		.name = xstrdup(inet_ntop(family, address, text, sizeof(text))),
		.ports = port,
		.count = 1,
	};
}

void evidence_strangers(struct evidence *e)
{
	for (size_t i = 0; i < flow_count(e->flow); i++) {
		const struct flow_message *m = flow_message(e->flow, i);

		add_stranger(e, m->link, m->family, m->src);
		if (!(m->dst_mac[0] & 1))
			add_stranger(e, m->link, m->family, m->dst);
	}
}

void evidence_nodes_free(struct evidence *e)
{
	for (size_t i = 0; i < e->node_count; i++) {
		free((char *)e->nodes[i].name);
		free((char *)e->nodes[i].caption);
		free((struct ladder_port *)e->nodes[i].ports);
	}
	free(e->nodes);
	e->nodes = NULL;
	e->node_count = 0;
}

static char *join_words(const json_t *words)
{
	struct buf text = {0};
	json_t *word;
	size_t i;

	json_array_foreach(words, i, word)
	{
		const char *w = json_string_value(word);
		const char *slash = w && i == 0 ? strrchr(w, '/') : NULL;

		buf_printf(&text, "%s%s", i ? " " : "", slash ? slash + 1 : w ? w : "");
	}
	if (text.len > COMMAND_MAX) {
		text.len = COMMAND_MAX;
		while (text.len && ((unsigned char)text.data[text.len] & 0xc0) == 0x80)
			text.len--;
		buf_puts(&text, "…");
	}
	return buf_steal(&text);
}

void evidence_run(struct evidence *e)
{
	json_t *run = evidence_load(e, "run.json");
	const char *verdict = member(run, "verdict"), *reason = member(run, "reason");
	const json_t *argv = json_object_get(json_object_get(run, "command"), "argv");

	if (json_array_size(argv))
		e->command = join_words(argv);
	if (verdict) {
		e->verdict = xasprintf("%s%s%s", verdict, reason ? ": " : "", reason ? reason : "");
		e->failed = strcmp(verdict, "pass") != 0;
	}
	json_decref(run);
}
