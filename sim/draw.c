/* SPDX-License-Identifier: MIT */
/* draw.c - a topology as text (see draw.h). */
#include "draw.h"

#include "../fakeigd/base/mem.h"

#include <arpa/inet.h>
#include <stdlib.h>

/**
 * struct drawing - a tree being drawn
 * @drawn:	by network: it stands above
 * @indent:	what every line begins with
 */
struct drawing {
	const struct topology *t;
	struct buf *out;
	bool *drawn;
	struct buf indent;
};

static void add_subnets(const struct network *network, struct buf *out)
{
	char text[INET6_ADDRSTRLEN];

	if (network->has_subnet)
		buf_printf(out, "%s/%d", inet_ntop(AF_INET, &network->subnet, text, sizeof(text)),
			   network->prefix);
	if (network->prefix6)
		buf_printf(out, "%s%s/%d", network->has_subnet ? "  " : "",
			   inet_ntop(AF_INET6, &network->subnet6, text, sizeof(text)),
			   network->prefix6);
}

static void add_addresses(const struct port *port, const char *between, struct buf *out)
{
	bool four = port->address.s_addr != INADDR_ANY;
	char text[INET6_ADDRSTRLEN];

	if (four)
		buf_puts(out, inet_ntop(AF_INET, &port->address, text, sizeof(text)));
	if (!IN6_IS_ADDR_UNSPECIFIED(&port->address6))
		buf_printf(out, "%s%s", four ? between : "",
			   inet_ntop(AF_INET6, &port->address6, text, sizeof(text)));
	else if (!four)
		buf_puts(out, *port->interface ? port->interface : "no address");
}

static void add_impairment(const struct impairment *i, struct buf *out)
{
	if (i->delay_us)
		buf_printf(out, ", delay %g ms", (double)i->delay_us / 1000);
	if (i->jitter_us)
		buf_printf(out, ", jitter %g ms", (double)i->jitter_us / 1000);
	if (i->loss > 0)
		buf_printf(out, ", loss %g %%", i->loss * 100);
	if (i->duplicate > 0)
		buf_printf(out, ", duplicates %g %%", i->duplicate * 100);
	if (i->reorder > 0)
		buf_printf(out, ", reorders %g %%", i->reorder * 100);
	if (i->rate)
		buf_printf(out, ", %g Mbit/s", (double)i->rate / 1e6);
	if (i->mtu)
		buf_printf(out, ", MTU %d", i->mtu);
	if (i->drop_multicast)
		buf_puts(out, ", no multicast");
}

/* What a router does: "NAT, conformant-igd1 + quirk". */
static void add_role(const struct node *node, struct buf *out)
{
	static const char *const kinds[] = {[NAT_ENDPOINT_INDEPENDENT] = "endpoint-independent",
					    [NAT_ADDRESS_DEPENDENT] = "address-dependent",
					    [NAT_ADDRESS_AND_PORT_DEPENDENT] =
						    "address-and-port-dependent"};
	const struct nat_behaviour *nat = &node->nat;

	buf_puts(out, nat->enabled ? "NAT" : "no NAT");
	if (nat->enabled && (nat->mapping != NAT_ADDRESS_AND_PORT_DEPENDENT ||
			     nat->filtering != NAT_ADDRESS_AND_PORT_DEPENDENT))
		buf_printf(out, " (mapping %s, filtering %s)", kinds[nat->mapping],
			   kinds[nat->filtering]);
	buf_printf(out, ", %s", node->igd ? node->igd : node->daemon ? node->daemon : "no IGD");
	for (size_t i = 0; i < node->quirk_count; i++)
		buf_printf(out, " + %s", node->quirks[i]);
	if (node->router_advertisement)
		buf_puts(out, ", advertises IPv6");
}

/* The port of @node on a network, NULL = it is not on it. */
static const struct port *port_on(const struct node *node, size_t network)
{
	for (size_t i = 0; i < node->port_count; i++)
		if (node->ports[i].network == network)
			return &node->ports[i];
	return NULL;
}

static void draw_network(struct drawing *d, size_t network, const struct node *from);

/* A node below its network, and what hangs below it. */
static void draw_node(struct drawing *d, const struct node *node, const struct port *port,
		      bool last)
{
	size_t indent = d->indent.len;

	buf_printf(d->out, "%s%s %s  %s ", d->indent.data, last ? "╰─" : "├─", node->name,
		   port->ifname);
	add_addresses(port, " ", d->out);
	if (node->gateway >= 0)
		buf_printf(d->out, "  gateway %s", d->t->nodes[node->gateway].name);
	if (node->kind == NODE_ROUTER && port->role == PORT_WAN) {
		buf_puts(d->out, "  ");
		add_role(node, d->out);
	}
	add_impairment(&port->impairment, d->out);
	buf_putc(d->out, '\n');
	if (node->kind != NODE_ROUTER || port->role != PORT_WAN)
		return;
	buf_puts(&d->indent, last ? "   " : "│  ");
	for (size_t i = 0; i < node->port_count; i++)
		if (node->ports[i].role == PORT_LAN)
			draw_network(d, node->ports[i].network, node);
	d->indent.len = indent;
	d->indent.data[indent] = '\0';
}

/* A network with everybody on it but @from, below whom it hangs (NULL: it hangs below nobody). */
static void draw_network(struct drawing *d, size_t network, const struct node *from)
{
	const struct network *n = &d->t->networks[network];
	const struct port *inner = from ? port_on(from, network) : NULL;
	size_t count = 0, index = 0;

	buf_printf(d->out, "%s%s%s  ", d->indent.data, from ? "╰─ " : "", n->name);
	add_subnets(n, d->out);
	add_impairment(&n->impairment, d->out);
	if (inner) {
		buf_printf(d->out, "  (%s %s ", from->name, inner->ifname);
		add_addresses(inner, " ", d->out);
		buf_putc(d->out, ')');
	}
	buf_puts(d->out, d->drawn[network] ? "  see above\n" : "\n");
	if (d->drawn[network])
		return;
	d->drawn[network] = true;
	if (from)
		buf_puts(&d->indent, "   ");
	for (size_t i = 0; i < d->t->node_count; i++)
		count += &d->t->nodes[i] != from && port_on(&d->t->nodes[i], network);
	for (size_t i = 0; i < d->t->node_count; i++) {
		const struct node *node = &d->t->nodes[i];
		const struct port *port = node == from ? NULL : port_on(node, network);

		if (port)
			draw_node(d, node, port, ++index == count);
	}
	if (from) {
		d->indent.len -= 3;
		d->indent.data[d->indent.len] = '\0';
	}
}

void draw_tree(const struct topology *t, struct buf *out)
{
	struct drawing d = {.t = t, .out = out};
	int peer = topology_node(t, "peer");

	d.drawn = xcalloc(t->network_count, sizeof(*d.drawn));
	buf_puts(&d.indent, "");
	if (peer >= 0 && t->nodes[peer].port_count)
		draw_network(&d, t->nodes[peer].ports[0].network, NULL);
	for (size_t i = 0; i < t->network_count; i++)
		if (!d.drawn[i])
			draw_network(&d, i, NULL);
	buf_free(&d.indent);
	free(d.drawn);
}

void draw_table(const struct topology *t, struct buf *out)
{
	buf_printf(out, "%-15s %-7s %-9s %-15s %-15s %s\n", "NODE", "KIND", "INTERFACE", "NETWORK",
		   "GATEWAY", "ADDRESS");
	for (size_t i = 0; i < t->node_count; i++) {
		const struct node *node = &t->nodes[i];

		for (size_t j = 0; j < node->port_count; j++) {
			const struct port *port = &node->ports[j];

			buf_printf(out, "%-15s %-7s %-9s %-15s %-15s ", j ? "" : node->name,
				   j			       ? ""
				   : node->kind == NODE_ROUTER ? "router"
							       : "host",
				   port->ifname, t->networks[port->network].name,
				   j || node->gateway < 0 ? "" : t->nodes[node->gateway].name);
			add_addresses(port, ", ", out);
			buf_putc(out, '\n');
		}
	}
}
