/* SPDX-License-Identifier: MIT */
/*
 * topology.c - reading topology files (DESIGN clause 4).
 *
 * A file is read into a document tree, then network by network and node by node into fixed structs.
 * A mistake is complained about with its place and reading goes on, so that one run shows them all;
 * the whole is checked (topology_check.c) only when every part was readable.
 */
#include "topology.h"

#include "../fakeigd/base/mem.h"
#include "lab.h"
#include "topology_parse.h"
#include "tree.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* Names of networks and nodes become interface and host names: lower case, digits, hyphens. */
static bool read_name(const struct doc *item, const char *what, char out[TOPOLOGY_NAME_MAX],
		      struct diag *d)
{
	const char *key = item->key;
	size_t len = strlen(key);

	if (len >= TOPOLOGY_NAME_MAX) {
		diag_at(d, item->file, item->key_line,
			"%s \"%s\": names have at most %d characters, this one has %zu", what, key,
			TOPOLOGY_NAME_MAX - 1, len);
		return false;
	}
	for (size_t i = 0; i <= len; i++) {
		if ((i && i == len) || (key[i] >= 'a' && key[i] <= 'z') ||
		    (i && ((key[i] >= '0' && key[i] <= '9') || (key[i] == '-' && key[i + 1]))))
			continue;
		diag_at(d, item->file, item->key_line,
			"%s \"%s\": names are made of a-z, 0-9 and -, and start with a letter",
			what, key);
		return false;
	}
	memcpy(out, key, len + 1);
	return true;
}

/* An IPv6 prefix that can have one length only; @node may be NULL. Return: whether it is there. */
static bool read_prefix6(const struct doc *node, struct in6_addr *out, int wanted, struct diag *d)
{
	int prefix;

	if (!node || !topology_subnet6(node, out, &prefix, d))
		return false;
	if (prefix != wanted)
		diag_at(d, node->file, node->line, "%s: expected a /%d, found \"%s\"", node->key,
			wanted, node->text);
	return prefix == wanted;
}

static void read_network(const struct doc *item, struct network *network, struct diag *d)
{
	static const char *const keys[] = {"subnet", "subnet6", "former6", "bridge",
					   IMPAIRMENT_KEYS};
	const struct doc *node;

	read_name(item, "network", network->name, d);
	if (!doc_keys(item, keys, ARRAY_SIZE(keys), d))
		return;
	if ((node = doc_get(item, "subnet")))
		network->has_subnet = topology_subnet4(node, &network->subnet, &network->prefix, d);
	if ((node = doc_get(item, "subnet6")))
		topology_subnet6(node, &network->subnet6, &network->prefix6, d);
	/* Hosts take addresses from a /64 only (RFC 4862). */
	network->renumbered = read_prefix6(doc_get(item, "former6"), &network->former6, 64, d);
	if (!doc_get(item, "subnet") && !doc_get(item, "subnet6"))
		diag_at(d, item->file, item->key_line,
			"network \"%s\": expected subnet, subnet6 or both", item->key);
	if ((node = doc_get(item, "bridge")))
		doc_bool(node, &network->force_bridge, d);
	topology_impairment(item, &network->impairment, d);
}

/* A mapping that must be there and must hold something. */
static const struct doc *want_section(const struct doc *root, const char *key, const char *example,
				      struct diag *d)
{
	const struct doc *section = doc_get(root, key);

	if (!section) {
		diag_at(d, root->file, root->line, "%s: missing; expected %s", key, example);
		return NULL;
	}
	if (!doc_want(section, DOC_MAP, d))
		return NULL;
	if (!section->count) {
		diag_at(d, section->file, section->line, "%s: is empty; expected %s", key, example);
		return NULL;
	}
	return section;
}

static void read_networks(struct topology *t, struct diag *d)
{
	const struct doc *section =
		want_section(t->document, "networks", "{NAME: {subnet: 192.168.1.0/24}, ...}", d);

	if (!section)
		return;
	t->networks = xcalloc(section->count, sizeof(*t->networks));
	t->network_count = section->count;
	for (size_t i = 0; i < section->count; i++)
		read_network(section->items[i], &t->networks[i], d);
}

/* Index of a network by name, -1 after a complaint. */
static int find_network(const struct topology *t, const struct doc *item, struct diag *d)
{
	const char **names;

	for (size_t i = 0; i < t->network_count; i++)
		if (!strcmp(t->networks[i].name, item->key))
			return (int)i;
	names = xcalloc(t->network_count + 1, sizeof(*names));
	for (size_t i = 0; i < t->network_count; i++)
		names[i] = t->networks[i].name;
	diag_unknown(d, item->file, item->key_line, "network", item->key, names, t->network_count);
	free(names);
	return -1;
}

/* One address, of either family; a second one of the same family is a mistake. */
static void read_address(const struct doc *node, struct port *port, struct diag *d)
{
	bool six = node->kind == DOC_SCALAR && strchr(node->text, ':');
	bool again = six ? !IN6_IS_ADDR_UNSPECIFIED(&port->address6)
			 : port->address.s_addr != INADDR_ANY;

	if (again)
		diag_at(d, node->file, node->line,
			"a port has one IPv4 and one IPv6 address, \"%s\" is a second", node->text);
	else if (six)
		doc_ipv6(node, &port->address6, d);
	else
		doc_ipv4(node, &port->address, d);
}

static void read_port_mapping(const struct doc *item, struct port *port, struct diag *d)
{
	static const char *const keys[] = {"address", "address6", "interface", IMPAIRMENT_KEYS};
	const struct doc *node;
	const char *text;

	if (!doc_keys(item, keys, ARRAY_SIZE(keys), d))
		return;
	if ((node = doc_get(item, "address")))
		doc_ipv4(node, &port->address, d);
	if ((node = doc_get(item, "address6")))
		doc_ipv6(node, &port->address6, d);
	if ((node = doc_get(item, "interface")) && doc_string(node, &text, d)) {
		if (strlen(text) >= TOPOLOGY_NAME_MAX || strpbrk(text, "/ "))
			diag_at(d, node->file, node->line,
				"interface: \"%s\" cannot be the name of an interface", text);
		else
			snprintf(port->interface, sizeof(port->interface), "%s", text);
	}
	topology_impairment(item, &port->impairment, d);
}

static void read_port(struct topology *t, struct node *node, const struct doc *item,
		      enum port_role role, struct diag *d)
{
	static const char *const prefixes[] = {
		[PORT_HOST] = "eth", [PORT_LAN] = "lan", [PORT_WAN] = "wan"};
	int network = find_network(t, item, d), number = 0;
	struct port *port;

	if (network < 0)
		return;
	if (node->port_count == TOPOLOGY_PORTS_MAX) {
		diag_at(d, item->file, item->key_line,
			"node \"%s\": at most %d networks, \"%s\" is one too many", node->name,
			TOPOLOGY_PORTS_MAX, item->key);
		return;
	}
	for (size_t i = 0; i < node->port_count; i++)
		number += node->ports[i].role == role;
	port = &node->ports[node->port_count++];
	port->role = role;
	port->network = (size_t)network;
	if (role == PORT_WAN)
		snprintf(port->ifname, sizeof(port->ifname), "%s", prefixes[role]);
	else
		snprintf(port->ifname, sizeof(port->ifname), "%s%d", prefixes[role], number);
	switch (item->kind) {
	case DOC_MAP:
		read_port_mapping(item, port, d);
		break;
	case DOC_LIST:
		for (size_t i = 0; i < item->count; i++)
			read_address(item->items[i], port, d);
		break;
	case DOC_SCALAR:
		read_address(item, port, d);
		break;
	}
}

/* "attach", "lan" or "wan" of a node. */
static void read_ports(struct topology *t, struct node *node, const struct doc *item,
		       const char *key, enum port_role role, struct diag *d)
{
	const struct doc *section = doc_get(item, key);

	if (!section || !doc_want(section, DOC_MAP, d))
		return;
	if (role == PORT_WAN && section->count > 1) {
		diag_at(d, section->file, section->items[1]->key_line,
			"wan: a router has one WAN, \"%s\" is a second", section->items[1]->key);
		return;
	}
	for (size_t i = 0; i < section->count; i++)
		read_port(t, node, section->items[i], role, d);
}

static void read_quirks(struct node *node, const struct doc *item, struct diag *d)
{
	const char **names;
	size_t count;

	if (!item || !doc_list_strings(item, &names, &count, d))
		return;
	node->quirks = xcalloc(count + 1, sizeof(*node->quirks));
	for (size_t i = 0; i < count; i++)
		node->quirks[node->quirk_count++] = xstrdup(names[i]);
	free(names);
}

/* Text of a key, NULL when absent, null or "none". */
static char *read_optional(const struct doc *map, const char *key, struct diag *d)
{
	const struct doc *node = doc_get(map, key);
	const char *text;

	if (doc_is_null(node) || !doc_string(node, &text, d) || !strcmp(text, "none"))
		return NULL;
	return xstrdup(text);
}

static void read_router(struct topology *t, struct node *node, const struct doc *item,
			struct diag *d)
{
	const struct doc *advertise = doc_get(item, "router_advertisement");
	const struct doc *delegated = doc_get(item, "delegated");

	read_ports(t, node, item, "lan", PORT_LAN, d);
	read_ports(t, node, item, "wan", PORT_WAN, d);
	node->igd = read_optional(item, "igd", d);
	node->daemon = read_optional(item, "daemon", d);
	read_quirks(node, doc_get(item, "quirks"), d);
	topology_nat(doc_get(item, "nat"), &node->nat, d);
	if (advertise)
		doc_bool(advertise, &node->router_advertisement, d);
	if (delegated)
		topology_subnet6(delegated, &node->delegated, &node->delegated_prefix, d);
	node->has_nat64 = read_prefix6(doc_get(item, "nat64"), &node->nat64, 96, d);
}

static const char *const host_keys[] = {"kind", "attach", "gateway"};
static const char *const router_keys[] = {"kind",      "lan",  "wan",
					  "gateway",   "igd",  "daemon",
					  "quirks",    "nat",  "router_advertisement",
					  "delegated", "nat64"};

/* A key of the other kind deserves a better sentence than "unknown". */
static bool check_keys(const struct doc *item, bool router, struct diag *d)
{
	const char *const *keys = router ? router_keys : host_keys;
	const char *const *others = router ? host_keys : router_keys;
	size_t count = router ? ARRAY_SIZE(router_keys) : ARRAY_SIZE(host_keys);
	size_t other_count = router ? ARRAY_SIZE(host_keys) : ARRAY_SIZE(router_keys);

	for (size_t i = 0; i < item->count; i++) {
		const char *key = item->items[i]->key;
		bool mine = false, theirs = false;

		for (size_t j = 0; j < count; j++)
			mine |= !strcmp(key, keys[j]);
		for (size_t j = 0; j < other_count; j++)
			theirs |= !strcmp(key, others[j]);
		if (mine || !theirs)
			continue;
		diag_at(d, item->file, item->items[i]->key_line,
			"node \"%s\": %s is for %s, this is a %s (which has %s)", item->key, key,
			router ? "hosts" : "routers", router ? "router" : "host",
			router ? "lan and wan" : "attach");
		return false;
	}
	return doc_keys(item, keys, count, d);
}

static void read_node(struct topology *t, const struct doc *item, struct node *node, struct diag *d)
{
	static const char *const kinds[] = {[NODE_HOST] = "host", [NODE_ROUTER] = "router"};
	const struct doc *kind = doc_get(item, "kind");
	int choice;

	node->gateway = -1;
	/* What the kernel's masquerading does: the same port outside while it is free, answers
	 * only from whom was asked. */
	node->nat = (struct nat_behaviour){.enabled = true,
					   .mapping = NAT_ADDRESS_AND_PORT_DEPENDENT,
					   .filtering = NAT_ADDRESS_AND_PORT_DEPENDENT,
					   .preserve_ports = true,
					   .hairpinning = true};
	read_name(item, "node", node->name, d);
	if (!doc_want(item, DOC_MAP, d))
		return;
	if (!kind) {
		diag_at(d, item->file, item->key_line,
			"node \"%s\": kind missing; expected host or router", item->key);
		return;
	}
	if (!doc_choice(kind, kinds, ARRAY_SIZE(kinds), &choice, d))
		return;
	node->kind = (enum node_kind)choice;
	if (!check_keys(item, node->kind == NODE_ROUTER, d))
		return;
	if (node->kind == NODE_ROUTER)
		read_router(t, node, item, d);
	else
		read_ports(t, node, item, "attach", PORT_HOST, d);
}

/* Gateways are names of nodes, so they are read when all nodes are. */
static void read_gateway(struct topology *t, const struct doc *item, struct node *node,
			 struct diag *d)
{
	const struct doc *gateway = doc_get(item, "gateway");
	const char *name, **names;

	if (doc_is_null(gateway) || !doc_string(gateway, &name, d))
		return;
	node->gateway = topology_node(t, name);
	if (node->gateway >= 0)
		return;
	names = xcalloc(t->node_count, sizeof(*names));
	for (size_t i = 0; i < t->node_count; i++)
		names[i] = t->nodes[i].name;
	diag_unknown(d, gateway->file, gateway->line, "node", name, names, t->node_count);
	free(names);
}

static void read_nodes(struct topology *t, struct diag *d)
{
	const struct doc *section = want_section(
		t->document, "nodes", "{NAME: {kind: host, attach: {NETWORK: ADDRESS}}, ...}", d);

	if (!section)
		return;
	t->nodes = xcalloc(section->count, sizeof(*t->nodes));
	t->node_count = section->count;
	for (size_t i = 0; i < section->count; i++)
		read_node(t, section->items[i], &t->nodes[i], d);
	for (size_t i = 0; i < section->count; i++)
		read_gateway(t, section->items[i], &t->nodes[i], d);
}

/* "topologies/flat.yaml" is called flat. */
static char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t len = strlen(base);

	return xstrndup(base, len > 5 && !strcmp(base + len - 5, ".yaml") ? len - 5 : len);
}

/* What clients have to achieve there is for the client suite, which reads it from the document. */
static void check_client(const struct doc *client, struct diag *d)
{
	static const char *const keys[] = {"must", "note"};
	static const char *const words[] = {"mapped", "reports-failure", "survives", "inner"};
	const struct doc *must = doc_get(client, "must"), *note = doc_get(client, "note");
	const char *text;

	if (!doc_keys(client, keys, ARRAY_SIZE(keys), d) || (note && !doc_string(note, &text, d)))
		return;
	if (!must) {
		diag_at(d, client->file, client->line, "client: \"must\" is missing");
		return;
	}
	if (!doc_string(must, &text, d))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(text, words[i]))
			return;
	diag_unknown(d, must->file, must->line, "must", text, words, ARRAY_SIZE(words));
}

static void read_topology(struct topology *t, struct diag *d)
{
	static const char *const keys[] = {"summary", "client", "networks", "nodes"};
	const struct doc *summary, *client;
	const char *text = "";

	if (!doc_keys(t->document, keys, ARRAY_SIZE(keys), d))
		return;
	if ((summary = doc_get(t->document, "summary")))
		doc_string(summary, &text, d);
	t->summary = xstrdup(text);
	if ((client = doc_get(t->document, "client")))
		check_client(client, d);
	read_networks(t, d);
	if (t->network_count)
		read_nodes(t, d);
}

/* @document is the topology's from here on; NULL = a complaint was made. */
static struct topology *make_topology(struct doc *document, const char *name, int errors,
				      struct diag *d)
{
	struct topology *t = xcalloc(1, sizeof(*t));

	t->name = name_of(name);
	t->document = document;
	if (document)
		read_topology(t, d);
	if (d->errors == errors)
		topology_check(t, d);
	if (d->errors == errors)
		return t;
	topology_free(t);
	return NULL;
}

struct topology *topology_load_text(const char *text, size_t len, const char *name, struct diag *d)
{
	int errors = d->errors;

	return make_topology(doc_load_text(text, len, name, d), name, errors, d);
}

struct topology *topology_load(const char *name, struct diag *d)
{
	char *path = lab_find("topologies", name);
	int errors = d->errors;
	struct topology *t;

	if (!path || !tree_has("topologies", name)) {
		tree_unknown(d, NULL, 0, "topology", "topologies", name);
		free(path);
		return NULL;
	}
	t = make_topology(doc_load_file(path, d), path, errors, d);
	free(path);
	return t;
}

void topology_free(struct topology *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->node_count; i++) {
		struct node *node = &t->nodes[i];

		free(node->igd);
		free(node->daemon);
		for (size_t j = 0; j < node->quirk_count; j++)
			free(node->quirks[j]);
		free(node->quirks);
	}
	free(t->nodes);
	free(t->networks);
	free(t->name);
	free(t->summary);
	doc_free(t->document);
	free(t);
}

int topology_node(const struct topology *t, const char *name)
{
	for (size_t i = 0; i < t->node_count; i++)
		if (!strcmp(t->nodes[i].name, name))
			return (int)i;
	return -1;
}

int topology_outermost(const struct topology *t)
{
	int peer = topology_node(t, "peer");

	for (size_t i = 0; peer >= 0 && i < t->node_count; i++) {
		const struct node *node = &t->nodes[i];

		for (size_t j = 0; j < node->port_count; j++)
			for (size_t k = 0; k < t->nodes[peer].port_count; k++)
				if (node->ports[j].role == PORT_WAN &&
				    node->ports[j].network == t->nodes[peer].ports[k].network)
					return (int)i;
	}
	return -1;
}

int topology_client(const struct topology *t)
{
	int client = topology_node(t, "client");

	for (size_t i = 0; client < 0 && i < t->node_count; i++)
		if (t->nodes[i].kind == NODE_HOST)
			client = (int)i;
	return client;
}

const char *topology_address(const struct topology *t, int node, enum port_role role,
			     char text[INET_ADDRSTRLEN])
{
	for (size_t i = 0; node >= 0 && i < t->nodes[node].port_count; i++)
		if (t->nodes[node].ports[i].role == role)
			return inet_ntop(AF_INET, &t->nodes[node].ports[i].address, text,
					 INET_ADDRSTRLEN);
	return NULL;
}
