/* SPDX-License-Identifier: MIT */
/*
 * lab_address.c - addresses and routes of the nodes.
 *
 * A node's default route leads to its gateway's address on the network that they share. What lies
 * behind a router without translation (IPv6 always, IPv4 where its NAT is off) is not hidden, so
 * everybody on the router's outer network gets a route to it. A delegated prefix is routed to its
 * router whole, which answers "no route" for what its LANs leave of it (RFC 7084 WPD-5); addresses
 * of a prefix that a LAN had before are routed by nobody. IPv6 addresses are given without
 * duplicate address detection, the link-local ones too (when they are in use: lab_settle.c).
 */
#include "lab_init.h"
#include "link.h"
#include "ra.h"

#include <errno.h>
#include <sys/socket.h>

struct in6_addr lab_link_local(const uint8_t mac[6])
{
	struct in6_addr out = {.s6_addr = {0xfe, 0x80}};

	memcpy(out.s6_addr + 8, mac, 3);
	out.s6_addr[8] ^= 2; /* universal/local bit, inverted */
	out.s6_addr[11] = 0xff;
	out.s6_addr[12] = 0xfe;
	memcpy(out.s6_addr + 13, mac + 3, 3);
	return out;
}

bool lab_port_towards(const struct node *from, const struct node *to, size_t *ours, size_t *theirs)
{
	bool found = false;

	for (size_t i = 0; i < from->port_count; i++) {
		for (size_t j = 0; j < to->port_count; j++) {
			if (from->ports[i].network != to->ports[j].network)
				continue;
			if (found && to->ports[j].role != PORT_LAN)
				continue;
			*ours = i;
			*theirs = j;
			found = true;
			if (to->ports[j].role == PORT_LAN)
				return true;
		}
	}
	return found;
}

bool lab_takes_ra(const struct topology *t, const struct node *node)
{
	const struct node *gateway;
	size_t ours, theirs;

	if (node->kind != NODE_HOST || node->gateway < 0)
		return false;
	gateway = &t->nodes[node->gateway];
	return gateway->router_advertisement && lab_port_towards(node, gateway, &ours, &theirs) &&
	       t->networks[node->ports[ours].network].prefix6;
}

static int complain(struct lab_init *lab, const struct lab_node *node, const char *what, int error)
{
	diag_at(lab->diag, NULL, 0, "cannot give node %s %s: %s", node->node->name, what,
		link_error(error));
	return -1;
}

static bool is_set6(const struct in6_addr *address)
{
	return !IN6_IS_ADDR_UNSPECIFIED(address);
}

/* IPv6 addresses of a port: those that the kernel forgets when the link goes down. */
static int add_addresses6(struct lab_init *lab, size_t index, size_t p)
{
	struct lab_node *node = &lab->nodes[index];
	const struct port *port = &node->node->ports[p];
	const struct network *network = &lab->topology->networks[port->network];
	struct in6_addr link_local;
	uint8_t mac[6];
	int error;

	if (!network->prefix6)
		return 0;
	lab_mac(mac, port->network, index, p);
	link_local = lab_link_local(mac);
	error = link_address(node->sk, node->index[p], AF_INET6, &link_local, 64);
	if (!error && is_set6(&port->address6))
		error = link_address(node->sk, node->index[p], AF_INET6, &port->address6,
				     network->prefix6);
	/* Whoever still sends from a former prefix is to hear that it is over. */
	if (!error && port->role == PORT_LAN && network->renumbered)
		error = link_route(node->sk, node->index[p], AF_INET6, &network->former6, 64, NULL);
	return error ? complain(lab, node, "its IPv6 addresses", error) : 0;
}

static int add_addresses(struct lab_init *lab, size_t index)
{
	struct lab_node *node = &lab->nodes[index];

	for (size_t p = 0; p < node->node->port_count; p++) {
		const struct port *port = &node->node->ports[p];
		int error = 0;

		if (port->address.s_addr)
			error = link_address(node->sk, node->index[p], AF_INET, &port->address,
					     lab->topology->networks[port->network].prefix);
		if (error)
			return complain(lab, node, "its addresses", error);
		if (add_addresses6(lab, index, p) < 0)
			return -1;
	}
	return 0;
}

/* Programs send to groups without naming an interface: where there is no default route, this. */
static int add_group_route(struct lab_init *lab, struct lab_node *node)
{
	struct in_addr groups = {.s_addr = htonl(0xe0000000)};
	int error = link_route(node->sk, node->index[0], AF_INET, &groups, 4, NULL);

	return error && error != -NLE_EXIST ? complain(lab, node, "a multicast route", error) : 0;
}

static int add_default_routes(struct lab_init *lab, size_t index)
{
	const struct topology *t = lab->topology;
	struct lab_node *node = &lab->nodes[index];
	const struct port *port;
	size_t ours, theirs, gateway;
	struct in6_addr via;
	uint8_t mac[6];
	int error = 0;

	if (!node->node->port_count)
		return 0;
	if (node->node->gateway < 0)
		return add_group_route(lab, node);
	gateway = (size_t)node->node->gateway;
	if (!lab_port_towards(node->node, &t->nodes[gateway], &ours, &theirs))
		return complain(lab, node, "a default route", -NLE_OBJ_NOTFOUND);
	port = &t->nodes[gateway].ports[theirs];
	/* It exists when another of the node's links was set down and up. */
	if (port->address.s_addr)
		error = link_route(node->sk, node->index[ours], AF_INET, NULL, 0, &port->address);
	if ((!error || error == -NLE_EXIST) && t->networks[port->network].prefix6 &&
	    !lab_takes_ra(t, node->node)) {
		lab_mac(mac, port->network, gateway, theirs);
		via = is_set6(&port->address6) ? port->address6 : lab_link_local(mac);
		error = link_route(node->sk, node->index[ours], AF_INET6, NULL, 0, &via);
	}
	return error && error != -NLE_EXIST ? complain(lab, node, "a default route", error) : 0;
}

/* ------------------------------------------------------------ what lies behind a router */

static const struct port *wan_of(const struct node *node)
{
	for (size_t i = 0; i < node->port_count; i++)
		if (node->ports[i].role == PORT_WAN)
			return &node->ports[i];
	return NULL;
}

/* Whether the addresses of @network can be reached through its router @node. */
static bool shows(const struct node *node, const struct network *network, int family)
{
	if (family == AF_INET6)
		return network->prefix6 && is_set6(&wan_of(node)->address6);
	return !node->nat.enabled && network->has_subnet && wan_of(node)->address.s_addr;
}

#define DEPTH_MAX 16 /* routers in a row */

/**
 * struct way - a router towards the inside, as its outer neighbours see it
 * @on:		port of the neighbour
 * @via:	address of the router
 */
struct way {
	struct lab_node *neighbour;
	int on;
	const void *via;
	int family;
};

/* The route of one neighbour to the whole prefix that @router was delegated. */
static int add_delegated(struct lab_init *lab, const struct way *way, const struct node *router)
{
	int error = 0;

	if (way->family == AF_INET6 && router->delegated_prefix)
		error = link_route(way->neighbour->sk, way->on, AF_INET6, &router->delegated,
				   router->delegated_prefix, way->via);
	return error && error != -NLE_EXIST
		       ? complain(lab, way->neighbour, "the route to a delegated prefix", error)
		       : 0;
}

/* Routes of one neighbour to all that is behind @router. @depth ends circles of routers. */
static int add_behind(struct lab_init *lab, const struct way *way, const struct node *router,
		      int depth)
{
	const struct topology *t = lab->topology;

	if (add_delegated(lab, way, router) < 0)
		return -1;
	for (size_t p = 0; p < router->port_count && depth; p++) {
		const struct port *port = &router->ports[p];
		const struct network *network = &t->networks[port->network];
		bool six = way->family == AF_INET6;
		int error;

		if (port->role != PORT_LAN || !shows(router, network, way->family))
			continue;
		error = link_route(way->neighbour->sk, way->on, way->family,
				   six ? (const void *)&network->subnet6 : &network->subnet,
				   six ? network->prefix6 : network->prefix, way->via);
		/* It is on that network itself, or another router leads there too. */
		if (error && error != -NLE_EXIST)
			return complain(lab, way->neighbour, "a route inwards", error);
		for (size_t n = 0; n < t->node_count; n++)
			if (t->nodes[n].kind == NODE_ROUTER && wan_of(&t->nodes[n]) &&
			    wan_of(&t->nodes[n])->network == port->network &&
			    add_behind(lab, way, &t->nodes[n], depth - 1) < 0)
				return -1;
	}
	return 0;
}

/* A neighbour on port @p learns what is behind @router, in both families. */
static int tell_neighbour(struct lab_init *lab, struct lab_node *node, size_t p,
			  const struct node *router)
{
	const struct port *wan = wan_of(router);
	const struct way ways[] = {
		{node, node->index[p], &wan->address, AF_INET},
		{node, node->index[p], &wan->address6, AF_INET6},
	};

	for (size_t i = 0; i < 2; i++)
		if (add_behind(lab, &ways[i], router, DEPTH_MAX) < 0)
			return -1;
	return 0;
}

/* Everybody on the outer network of @router learns what is behind it. */
static int show_behind(struct lab_init *lab, const struct node *router)
{
	const struct port *wan = wan_of(router);

	for (size_t n = 0; wan && n < lab->topology->node_count; n++) {
		struct lab_node *node = &lab->nodes[n];

		if (node->outside || node->node == router)
			continue;
		for (size_t p = 0; p < node->node->port_count; p++)
			if (node->node->ports[p].network == wan->network &&
			    tell_neighbour(lab, node, p, router) < 0)
				return -1;
	}
	return 0;
}

static int show_all(struct lab_init *lab)
{
	const struct topology *t = lab->topology;

	for (size_t n = 0; n < t->node_count; n++)
		if (t->nodes[n].kind == NODE_ROUTER && show_behind(lab, &t->nodes[n]) < 0)
			return -1;
	return 0;
}

/* Packets to what a delegated prefix has left would go back where they came from. */
static int end_delegated(struct lab_init *lab, struct lab_node *node)
{
	int error = 0;

	if (node->node->delegated_prefix)
		error = link_unreachable(node->sk, AF_INET6, &node->node->delegated,
					 node->node->delegated_prefix);
	return error ? complain(lab, node, "the end of its delegated prefix", error) : 0;
}

int lab_addresses(struct lab_init *lab)
{
	for (size_t n = 0; n < lab->topology->node_count; n++)
		if (!lab->nodes[n].outside && add_addresses(lab, n) < 0)
			return -1;
	for (size_t n = 0; n < lab->topology->node_count; n++)
		if (!lab->nodes[n].outside &&
		    (add_default_routes(lab, n) < 0 || end_delegated(lab, &lab->nodes[n]) < 0))
			return -1;
	return show_all(lab);
}

int lab_link_set(struct lab_init *lab, struct lab_node *node, size_t port, bool up)
{
	size_t index = (size_t)(node - lab->nodes);
	int error = link_set(node->sk, node->index[port], up);

	if (error || !up)
		return error;
	/* The interface at the other end has a carrier again as well. */
	lab_carriers(lab, false);
	/* The kernel gave up its routes and IPv6 addresses with the link; IPv4 addresses stayed. */
	if (add_addresses6(lab, index, port) < 0 || add_default_routes(lab, index) < 0 ||
	    show_all(lab) < 0 || !lab_settle_node(lab, index))
		error = -NLE_FAILURE;
	return error;
}

/* Return: 0, or -1 after a complaint. */
static int advertise(struct lab_init *lab, size_t index)
{
	struct lab_node *node = &lab->nodes[index];
	struct ra_link links[TOPOLOGY_PORTS_MAX];
	size_t count = 0;

	for (size_t p = 0; p < node->node->port_count; p++) {
		const struct port *port = &node->node->ports[p];
		const struct network *network = &lab->topology->networks[port->network];
		struct ra_link *link = &links[count];

		if (port->role != PORT_LAN || !network->prefix6)
			continue;
		*link = (struct ra_link){.index = node->index[p],
					 .prefix = network->subnet6,
					 .prefix_len = network->prefix6,
					 .mtu = network->impairment.mtu ? network->impairment.mtu
									: 1500,
					 .former = network->former6,
					 .renumbered = network->renumbered};
		lab_mac(link->mac, port->network, index, p);
		link->source = lab_link_local(link->mac);
		count++;
	}
	if (!count)
		return 0;
	lab_enter(lab, node);
	node->ra = ra_new(lab->loop, links, count);
	lab_enter(lab, NULL);
	if (node->ra)
		return 0;
	diag_at(lab->diag, NULL, 0, "router %s cannot advertise itself: %s", node->node->name,
		strerror(errno));
	return -1;
}

int lab_advertise(struct lab_init *lab)
{
	for (size_t n = 0; n < lab->topology->node_count; n++)
		if (lab->topology->nodes[n].router_advertisement && !lab->nodes[n].outside &&
		    advertise(lab, n) < 0)
			return -1;
	return 0;
}
