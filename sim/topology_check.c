/* SPDX-License-Identifier: MIT */
/*
 * topology_check.c - whether the parts of a topology fit together.
 *
 * Runs over a topology whose every value could be read. A lab made from a topology that passes can
 * be built and routed: addresses lie in their subnets and are unique, every gateway is a neighbour,
 * gateways end somewhere, and every name leads to a file.
 */
#include "topology_parse.h"

#include "tree.h"

#include <arpa/inet.h>
#include <stdlib.h>

static const struct doc *node_doc(const struct topology *t, const struct node *node)
{
	return doc_get(doc_get(t->document, "nodes"), node->name);
}

/* Where the attachment of @node to its port's network was written. */
static const struct doc *port_doc(const struct topology *t, const struct node *node,
				  const struct port *port)
{
	static const char *const sections[] = {
		[PORT_HOST] = "attach", [PORT_LAN] = "lan", [PORT_WAN] = "wan"};

	return doc_get(doc_get(node_doc(t, node), sections[port->role]),
		       t->networks[port->network].name);
}

static const char *text4(struct in_addr address, char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(AF_INET, &address, text, INET6_ADDRSTRLEN);
}

static const char *text6(const struct in6_addr *address, char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(AF_INET6, address, text, INET6_ADDRSTRLEN);
}

static bool is_set6(const struct in6_addr *address)
{
	return !IN6_IS_ADDR_UNSPECIFIED(address);
}

/* The first and the last address of an IPv4 subnet are nobody's. */
static bool is_reserved4(const struct network *network, struct in_addr address)
{
	uint32_t host = ntohl(address.s_addr) & (UINT32_MAX >> network->prefix);

	return host == 0 || host == (UINT32_MAX >> network->prefix);
}

static void check_addresses(const struct topology *t, const struct node *node,
			    const struct port *port, struct diag *d)
{
	const struct network *network = &t->networks[port->network];
	const struct doc *place = port_doc(t, node, port);
	char text[INET6_ADDRSTRLEN], subnet[INET6_ADDRSTRLEN];

	if (port->address.s_addr != INADDR_ANY) {
		text4(port->address, text);
		if (!network->has_subnet)
			diag_at(d, place->file, place->line,
				"node \"%s\": %s is an IPv4 address, but network \"%s\" has no "
				"subnet",
				node->name, text, network->name);
		else if (!topology_in_subnet4(network, port->address))
			diag_at(d, place->file, place->line,
				"node \"%s\": %s is outside network \"%s\" (%s/%d)", node->name,
				text, network->name, text4(network->subnet, subnet),
				network->prefix);
		else if (is_reserved4(network, port->address))
			diag_at(d, place->file, place->line,
				"node \"%s\": %s is the first or last address of %s/%d, which no "
				"node can have",
				node->name, text, text4(network->subnet, subnet), network->prefix);
	}
	if (is_set6(&port->address6)) {
		text6(&port->address6, text);
		if (!network->prefix6)
			diag_at(d, place->file, place->line,
				"node \"%s\": %s is an IPv6 address, but network \"%s\" has no "
				"subnet6",
				node->name, text, network->name);
		else if (!topology_in_subnet6(network, &port->address6))
			diag_at(d, place->file, place->line,
				"node \"%s\": %s is outside network \"%s\" (%s/%d)", node->name,
				text, network->name, text6(&network->subnet6, subnet),
				network->prefix6);
	}
}

static void complain_twice(const struct topology *t, const struct node *node,
			   const struct port *port, const struct node *first, const char *text,
			   struct diag *d)
{
	const struct doc *place = port_doc(t, node, port);

	diag_at(d, place->file, place->line, "node \"%s\": %s is used twice (first by \"%s\")",
		node->name, text, first->name);
}

/* Each address once per network; the same address in two networks is ordinary life behind NAT. */
static void check_twice(const struct topology *t, const struct node *node, const struct port *port,
			struct diag *d)
{
	char text[INET6_ADDRSTRLEN];

	for (const struct node *other = t->nodes; other < node; other++) {
		for (size_t i = 0; i < other->port_count; i++) {
			const struct port *theirs = &other->ports[i];

			if (theirs->network != port->network)
				continue;
			if (port->address.s_addr != INADDR_ANY &&
			    theirs->address.s_addr == port->address.s_addr)
				complain_twice(t, node, port, other, text4(port->address, text), d);
			if (is_set6(&port->address6) &&
			    IN6_ARE_ADDR_EQUAL(&theirs->address6, &port->address6))
				complain_twice(t, node, port, other, text6(&port->address6, text),
					       d);
		}
	}
}

static bool overlap(const struct network *a, const struct network *b)
{
	return (a->has_subnet && b->has_subnet &&
		(topology_in_subnet4(a, b->subnet) || topology_in_subnet4(b, a->subnet))) ||
	       (a->prefix6 && b->prefix6 &&
		(topology_in_subnet6(a, &b->subnet6) || topology_in_subnet6(b, &a->subnet6)));
}

/* A node cannot route between two networks of which one contains the other. */
static void check_overlap(const struct topology *t, const struct node *node, size_t index,
			  struct diag *d)
{
	const struct port *port = &node->ports[index];
	const struct doc *place = port_doc(t, node, port);

	for (size_t i = 0; i < index; i++) {
		const struct network *a = &t->networks[node->ports[i].network];
		const struct network *b = &t->networks[port->network];

		if (a == b)
			diag_at(d, place->file, place->key_line,
				"node \"%s\": is attached to network \"%s\" twice", node->name,
				b->name);
		else if (overlap(a, b))
			diag_at(d, place->file, place->key_line,
				"node \"%s\": is attached to \"%s\" and \"%s\", whose subnets "
				"overlap",
				node->name, a->name, b->name);
	}
}

static bool neighbours(const struct node *a, const struct node *b)
{
	for (size_t i = 0; i < a->port_count; i++)
		for (size_t j = 0; j < b->port_count; j++)
			if (a->ports[i].network == b->ports[j].network)
				return true;
	return false;
}

/* A physical router is given its addresses elsewhere. */
static bool has_address_towards(const struct node *gateway, const struct node *node)
{
	for (size_t i = 0; i < gateway->port_count; i++)
		for (size_t j = 0; j < node->port_count; j++)
			if (gateway->ports[i].network == node->ports[j].network &&
			    (gateway->ports[i].address.s_addr != INADDR_ANY ||
			     is_set6(&gateway->ports[i].address6) || *gateway->ports[i].interface))
				return true;
	return false;
}

static void check_gateway(const struct topology *t, const struct node *node, struct diag *d)
{
	const struct doc *place = doc_get(node_doc(t, node), "gateway");
	const struct node *gateway, *step;

	if (node->gateway < 0)
		return;
	gateway = &t->nodes[node->gateway];
	if (gateway == node || gateway->kind != NODE_ROUTER || !neighbours(node, gateway)) {
		diag_at(d, place->file, place->line, "gateway: \"%s\" %s", gateway->name,
			gateway == node		       ? "cannot be its own gateway"
			: gateway->kind != NODE_ROUTER ? "is a host; a gateway is a router"
						       : "is on none of the networks of this node");
		return;
	}
	if (!has_address_towards(gateway, node)) {
		diag_at(d, place->file, place->line,
			"gateway: \"%s\" has no address on the network that it shares with this "
			"node",
			gateway->name);
		return;
	}
	/* Walk outwards; whoever comes back to the start is on a loop. */
	step = gateway;
	for (size_t i = 0; i < t->node_count && step->gateway >= 0; i++) {
		step = &t->nodes[step->gateway];
		if (step != node)
			continue;
		diag_at(d, place->file, place->line,
			"gateway: \"%s\" leads back to \"%s\": a loop of gateways", gateway->name,
			node->name);
		return;
	}
}

/* Complain unless @name is something in @folder. */
static void check_file(const struct doc *place, const char *kind, const char *folder,
		       const char *name, struct diag *d)
{
	if (!tree_has(folder, name))
		tree_unknown(d, place->file, place->line, kind, folder, name);
}

static bool advertises(const struct topology *t, size_t network)
{
	for (size_t i = 0; i < t->node_count; i++)
		for (size_t p = 0; p < t->nodes[i].port_count; p++)
			if (t->nodes[i].router_advertisement &&
			    t->nodes[i].ports[p].role == PORT_LAN &&
			    t->nodes[i].ports[p].network == network)
				return true;
	return false;
}

/* A prefix is withdrawn by whoever advertises the one that took its place. */
static void check_former(const struct topology *t, size_t index, const struct doc *place,
			 struct diag *d)
{
	const struct network *network = &t->networks[index];
	const struct doc *former = doc_get(place, "former6");

	if (!former)
		return;
	if (network->prefix6 != 64 || !advertises(t, index))
		diag_at(d, former->file, former->line,
			"former6: needs a subnet6 that is a /64 and a router on \"%s\" with "
			"router_advertisement",
			network->name);
	else if (topology_in_subnet6(network, &network->former6))
		diag_at(d, former->file, former->line, "former6: is the subnet6 itself");
}

/* A delegated prefix comes in by the WAN and is handed out on the LANs (RFC 7084 clause 4.2). */
static void check_delegated(const struct topology *t, const struct node *node,
			    const struct doc *place, struct diag *d)
{
	struct network whole = {.subnet6 = node->delegated, .prefix6 = node->delegated_prefix};
	bool wan = false, lan = false;

	if (!place)
		return;
	for (size_t p = 0; p < node->port_count; p++) {
		const struct port *port = &node->ports[p];
		const struct network *network = &t->networks[port->network];

		if (port->role == PORT_WAN && overlap(network, &whole))
			diag_at(d, place->file, place->line,
				"delegated: \"%s\" overlaps the subnet6 of the WAN", place->text);
		wan |= port->role == PORT_WAN && is_set6(&port->address6);
		lan |= port->role == PORT_LAN && network->prefix6 >= whole.prefix6 &&
		       topology_in_subnet6(&whole, &network->subnet6);
	}
	if (!wan || !lan)
		diag_at(d, place->file, place->line, "delegated: needs %s",
			wan ? "a LAN whose subnet6 lies in it" : "a WAN with an IPv6 address");
}

/* IPv6 within, IPv4 and a translation of its own without. */
static void check_nat64(const struct topology *t, const struct node *node, const struct doc *place,
			struct diag *d)
{
	const struct network prefix = {.subnet6 = node->nat64, .prefix6 = 96};
	bool wan = false, lan = false, taken = false;

	for (size_t p = 0; place && p < node->port_count; p++) {
		const struct port *port = &node->ports[p];

		wan |= port->role == PORT_WAN && port->address.s_addr != INADDR_ANY;
		lan |= port->role == PORT_LAN && t->networks[port->network].prefix6;
		taken |= overlap(&t->networks[port->network], &prefix);
	}
	if (place && (!wan || !lan || !node->nat.enabled))
		diag_at(d, place->file, place->line,
			"nat64: needs a LAN with subnet6, a WAN with an IPv4 address, and NAT");
	if (taken)
		diag_at(d, place->file, place->line, "nat64: \"%s\" overlaps a subnet6",
			place->text);
}

static void check_router(const struct topology *t, const struct node *node, struct diag *d)
{
	const struct doc *place = node_doc(t, node);
	const struct doc *quirks = doc_get(place, "quirks");
	bool lan = false;

	check_delegated(t, node, doc_get(place, "delegated"), d);
	check_nat64(t, node, doc_get(place, "nat64"), d);
	for (size_t i = 0; i < node->port_count; i++)
		lan |= node->ports[i].role == PORT_LAN;
	if (!lan)
		diag_at(d, place->file, place->key_line,
			"node \"%s\": a router needs lan: {NETWORK: ADDRESS}", node->name);
	if (node->igd && node->daemon)
		diag_at(d, place->file, doc_get(place, "daemon")->key_line,
			"node \"%s\": has igd and daemon; a router runs one of them", node->name);
	else if (node->igd)
		check_file(doc_get(place, "igd"), "profile", "fakeigd/profiles", node->igd, d);
	else if (node->daemon)
		check_file(doc_get(place, "daemon"), "daemon", "cases/daemons", node->daemon, d);
	if (node->quirk_count && !node->igd)
		diag_at(d, place->file, quirks->key_line,
			"node \"%s\": quirks need igd: PROFILE, which they are laid over",
			node->name);
	for (size_t i = 0; node->igd && i < node->quirk_count; i++)
		check_file(quirks->kind == DOC_LIST ? quirks->items[i] : quirks, "quirk",
			   "fakeigd/quirks", node->quirks[i], d);
	for (size_t i = 0; node->router_advertisement && i < node->port_count; i++) {
		const struct network *network = &t->networks[node->ports[i].network];

		if (node->ports[i].role == PORT_LAN && network->prefix6 == 64)
			return;
	}
	if (node->router_advertisement)
		diag_at(d, place->file, doc_get(place, "router_advertisement")->line,
			"router_advertisement: needs a LAN whose subnet6 is a /64 (RFC 4862)");
}

static void check_node(const struct topology *t, const struct node *node, struct diag *d)
{
	const struct doc *place = node_doc(t, node);

	if (!node->port_count)
		diag_at(d, place->file, place->key_line, "node \"%s\": is on no network",
			node->name);
	for (size_t i = 0; i < node->port_count; i++) {
		check_addresses(t, node, &node->ports[i], d);
		check_twice(t, node, &node->ports[i], d);
		check_overlap(t, node, i, d);
	}
	check_gateway(t, node, d);
	if (node->kind == NODE_ROUTER)
		check_router(t, node, d);
}

static void check_network(const struct topology *t, size_t index, struct diag *d)
{
	const struct doc *place =
		doc_get(doc_get(t->document, "networks"), t->networks[index].name);

	check_former(t, index, place, d);
	for (size_t i = 0; i < t->node_count; i++)
		for (size_t j = 0; j < t->nodes[i].port_count; j++)
			if (t->nodes[i].ports[j].network == index)
				return;
	diag_at(d, place->file, place->key_line, "network \"%s\": nobody is attached to it",
		t->networks[index].name);
}

void topology_check(const struct topology *t, struct diag *d)
{
	for (size_t i = 0; i < t->network_count; i++)
		check_network(t, i, d);
	for (size_t i = 0; i < t->node_count; i++)
		check_node(t, &t->nodes[i], d);
}
