/* SPDX-License-Identifier: MIT */
/*
 * lab_build.c - a topology becomes namespaces and links.
 *
 * A network with two ports is one cable from node to node. Any other is a bridge in the lab's own
 * namespace with a cable to each node: a bridge costs the kernel 17.5 ms when the lab ends, so none
 * is made in vain. An impaired link ends in the lab's own namespace, where a relay (wire.h) carries
 * frames across. Interface indexes and hardware addresses follow from the topology, so two runs
 * look alike in a capture.
 */
#include "../fakeigd/base/mem.h"
#include "lab_init.h"
#include "link.h"
#include "nat.h"
#include "netns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

void lab_mac(uint8_t mac[6], size_t network, size_t node, size_t port)
{
	/* 0x02: locally administered; "ig". */
	const uint8_t bytes[6] = {
		0x02, 0x69, 0x67, (uint8_t)(network + 1), (uint8_t)(node + 1), (uint8_t)(port + 1)};

	memcpy(mac, bytes, sizeof(bytes));
}

static struct link_end end_of(struct lab_init *lab, size_t node, size_t port)
{
	const struct port *p = &lab->topology->nodes[node].ports[port];
	struct link_end end = {.ifname = p->ifname, .index = lab->nodes[node].index[port]};

	lab_mac(end.mac, p->network, node, port);
	end.mtu = lab->topology->networks[p->network].impairment.mtu;
	if (p->impairment.mtu && (!end.mtu || p->impairment.mtu < end.mtu))
		end.mtu = p->impairment.mtu;
	return end;
}

static int complain(struct lab_init *lab, size_t node, size_t port, const char *what, int error)
{
	const struct node *n = &lab->topology->nodes[node];

	diag_at(lab->diag, NULL, 0, "cannot %s %s of node %s (network %s): %s", what,
		n->ports[port].ifname, n->name,
		lab->topology->networks[n->ports[port].network].name, link_error(error));
	return -1;
}

/* ------------------------------------------------------------ networks */

static struct link_end home_end(struct lab_init *lab, char name[16], char letter)
{
	struct link_end end = {.ifname = name, .index = lab->next_index++};

	snprintf(name, 16, "%c%d", letter, end.index);
	return end;
}

/* A cable from a node's port to an interface @far of ours, which gets up (port of @master). */
static int cable_home(struct lab_init *lab, size_t node, size_t port, struct link_end *far,
		      int master)
{
	struct link_end end = end_of(lab, node, port);
	int error;

	far->mtu = end.mtu;
	lab_mac(far->mac, lab->topology->nodes[node].ports[port].network, node, port | 0x80);
	error = link_veth(lab->home_sk, far, master, &end, lab->nodes[node].netns);
	return error ? complain(lab, node, port, "make the cable to", error) : 0;
}

/* Two nodes, one cable; or, where packets are to suffer, a relay between two. */
static int join_two(struct lab_init *lab, const struct lab_segment *s)
{
	const struct topology *t = lab->topology;
	size_t a = s->ports[0].node, b = s->ports[1].node;
	size_t ap = s->ports[0].port, bp = s->ports[1].port;
	struct impairment own = lab_impair_both(&t->nodes[a].ports[ap].impairment,
						&t->nodes[b].ports[bp].impairment);
	struct impairment whole = lab_impair_both(&t->networks[s->network].impairment, &own);
	struct link_end near = end_of(lab, a, ap), far = end_of(lab, b, bp);
	char name_a[16], name_b[16];
	int error;

	if (!lab_impaired(&whole)) {
		error = link_veth(lab->nodes[a].sk, &near, 0, &far, lab->nodes[b].netns);
		return error ? complain(lab, a, ap, "make the cable to", error) : 0;
	}
	near = home_end(lab, name_a, 'w');
	far = home_end(lab, name_b, 'w');
	if (cable_home(lab, a, ap, &near, 0) < 0 || cable_home(lab, b, bp, &far, 0) < 0)
		return -1;
	return lab_relay(lab, name_a, name_b, &whole);
}

/* A bridge's port of a node, through a relay where packets are to suffer. */
static int join_bridge(struct lab_init *lab, const struct lab_segment *s, size_t node, size_t port,
		       int bridge)
{
	struct impairment share = lab_impair_half(&lab->topology->networks[s->network].impairment);
	struct impairment whole =
		lab_impair_both(&share, &lab->topology->nodes[node].ports[port].impairment);
	char name[16], inner_name[16], outer_name[16];
	struct link_end end, inner, outer;
	int error;

	if (!lab_impaired(&whole)) {
		end = home_end(lab, name, 'p');
		return cable_home(lab, node, port, &end, bridge);
	}
	end = home_end(lab, name, 'w');
	inner = home_end(lab, inner_name, 'w');
	outer = home_end(lab, outer_name, 'p');
	inner.mtu = outer.mtu = end_of(lab, node, port).mtu;
	if (cable_home(lab, node, port, &end, 0) < 0)
		return -1;
	error = link_veth(lab->home_sk, &outer, bridge, &inner, lab->home);
	if (!error)
		error = link_set(lab->home_sk, inner.index, true);
	if (error)
		return complain(lab, node, port, "make the relay to", error);
	return lab_relay(lab, name, inner_name, &whole);
}

static int join_many(struct lab_init *lab, struct lab_segment *s)
{
	char name[16];
	struct link_end bridge = home_end(lab, name, 'b');
	int error;

	lab_mac(bridge.mac, s->network, 0xfe, 0xfe);
	bridge.mtu = lab->topology->networks[s->network].impairment.mtu;
	error = link_bridge(lab->home_sk, &bridge);
	if (error) {
		diag_at(lab->diag, NULL, 0, "cannot make the bridge of network %s: %s%s",
			lab->topology->networks[s->network].name, link_error(error),
			error == -NLE_OPNOTSUPP ? " (CONFIG_BRIDGE)" : "");
		return -1;
	}
	s->bridge = bridge.index;
	for (size_t i = 0; i < s->count; i++) {
		size_t node = s->ports[i].node, port = s->ports[i].port;

		if (!lab->nodes[node].outside && join_bridge(lab, s, node, port, bridge.index) < 0)
			return -1;
	}
	return 0;
}

/* The ports of each network. A node's own physical interface leads out of the lab: not counted. */
static void find_ports(struct lab_init *lab)
{
	const struct topology *t = lab->topology;

	for (size_t i = 0; i < t->network_count; i++)
		lab->segments[i].network = i;
	for (size_t n = 0; n < t->node_count; n++) {
		for (size_t p = 0; p < t->nodes[n].port_count; p++) {
			const struct port *port = &t->nodes[n].ports[p];
			struct lab_segment *s = &lab->segments[port->network];

			if (port->interface[0] && !lab->nodes[n].outside)
				continue;
			s->ports = xrealloc(s->ports, (s->count + 1) * sizeof(*s->ports));
			s->ports[s->count].node = n;
			s->ports[s->count++].port = p;
			s->leads_out |= lab->nodes[n].outside;
		}
	}
}

static int build_network(struct lab_init *lab, struct lab_segment *s)
{
	struct link_end far;
	char name[16];

	if (s->count == 0)
		return 0;
	if (lab->topology->networks[s->network].force_bridge || s->leads_out || s->count > 2)
		return join_many(lab, s);
	if (s->count == 2)
		return join_two(lab, s);
	/* Nobody at the other end, but a carrier. */
	far = home_end(lab, name, 'p');
	return cable_home(lab, s->ports[0].node, s->ports[0].port, &far, 0);
}

/* ------------------------------------------------------------ nodes */

/* A router that is only cables: nothing of ours runs on it. */
static bool is_outside(const struct node *node)
{
	if (node->kind != NODE_ROUTER || node->igd || node->daemon || !node->port_count)
		return false;
	for (size_t i = 0; i < node->port_count; i++)
		if (!node->ports[i].interface[0])
			return false;
	return true;
}

/* Whether any port of the node is on a network with IPv6. */
static bool lab_node_ipv6(const struct topology *t, const struct node *node)
{
	for (size_t i = 0; i < node->port_count; i++)
		if (t->networks[node->ports[i].network].prefix6)
			return true;
	return false;
}

bool lab_node_has_address6(const struct node *node)
{
	for (size_t i = 0; i < node->port_count; i++)
		if (!IN6_IS_ADDR_UNSPECIFIED(&node->ports[i].address6))
			return true;
	return false;
}

static void init_node(struct lab_init *lab, size_t index)
{
	struct lab_node *node = &lab->nodes[index];

	*node = (struct lab_node){
		.node = &lab->topology->nodes[index],
		.netns = -1,
		.mntns = -1,
		.syslog = -1,
		.syslog_log = -1,
		.output = -1,
		.igd = {.control = -1, .ready = -1, .log = -1, .timer = -1},
	};
	node->outside = is_outside(node->node);
	for (size_t p = 0; p < TOPOLOGY_PORTS_MAX; p++)
		node->index[p] = LINK_LOOPBACK + 1 + (int)p;
}

static int build_node(struct lab_init *lab, struct lab_node *node)
{
	struct netns_settings settings = {
		.router = node->node->kind == NODE_ROUTER,
		.ipv6 = lab_node_ipv6(lab->topology, node->node),
		.accept_ra = lab_takes_ra(lab->topology, node->node),
		.autoconf = !lab_node_has_address6(node->node),
	};
	int error;

	if (node->outside)
		return 0;
	lab_enter(lab, NULL); /* see netns_configure() */
	node->netns = netns_new();
	if (node->netns < 0) {
		diag_at(lab->diag, NULL, 0, "cannot make a network namespace for node %s: %s",
			node->node->name, strerror(-node->netns));
		return -1;
	}
	if (netns_configure(&settings, lab->diag) < 0)
		return -1;
	node->sk = link_socket();
	error = node->sk ? link_set(node->sk, LINK_LOOPBACK, true) : -NLE_NOMEM;
	if (error) {
		diag_at(lab->diag, NULL, 0, "cannot set up the loopback of node %s: %s",
			node->node->name, link_error(error));
		return -1;
	}
	return 0;
}

/* A physical router's cable: an interface of the host becomes a port of the bridge. */
static int join_outside(struct lab_init *lab, size_t node, size_t port, int bridge)
{
	const char *ifname = lab->topology->nodes[node].ports[port].interface;
	struct link_end end = end_of(lab, node, port);
	int error;

	if (lab_ask_outside(lab, ifname, lab->home) < 0)
		return -1;
	end.ifname = ifname;
	error = link_adopt(lab->home_sk, ifname, &end, bridge, &lab->nodes[node].index[port]);
	return error ? complain(lab, node, port, "use the interface for", error) : 0;
}

/*
 * Interfaces of the host that take the place of a port. They come last: an interface keeps its
 * index when it moves, and would take one that a bridge is to have.
 */
static int adopt_interfaces(struct lab_init *lab, size_t index)
{
	struct lab_node *node = &lab->nodes[index];

	for (size_t p = 0; p < node->node->port_count; p++) {
		const char *ifname = node->node->ports[p].interface;
		struct link_end end = end_of(lab, index, p);
		int error;

		if (!ifname[0])
			continue;
		if (node->outside) {
			size_t network = node->node->ports[p].network;

			if (join_outside(lab, index, p, lab->segments[network].bridge) < 0)
				return -1;
			continue;
		}
		if (lab_ask_outside(lab, ifname, node->netns) < 0)
			return -1;
		error = link_adopt(node->sk, ifname, &end, 0, &node->index[p]);
		if (error)
			return complain(lab, index, p, "use the interface for", error);
	}
	return 0;
}

/* Cables become interfaces that are up, with whole packets on them; a router gets its NAT. */
static int settle_node(struct lab_init *lab, size_t index)
{
	struct lab_node *node = &lab->nodes[index];
	int control, error = 0;

	if (node->outside)
		return 0;
	if (lab_enter(lab, node) < 0)
		return complain(lab, index, 0, "enter the namespace with", -NLE_FAILURE);
	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (size_t p = 0; p < node->node->port_count && !error; p++) {
		/* A physical interface may not be able to: then captures show what it does. */
		link_plain(control, node->node->ports[p].ifname);
		error = link_set(node->sk, node->index[p], true);
		if (error)
			complain(lab, index, p, "set up", error);
	}
	close(control);
	if (!error && node->node->kind == NODE_ROUTER)
		error = nat_setup(lab->topology, node->node, lab->diag);
	return error ? -1 : 0;
}

int lab_carriers(struct lab_init *lab, bool all)
{
	for (size_t n = 0; n < lab->topology->node_count; n++) {
		struct lab_node *node = &lab->nodes[n];

		for (size_t p = 0; p < node->node->port_count && !node->outside; p++) {
			int error = link_ready(node->sk, node->index[p]);

			/* Whether a physical cable is plugged in is not for us to say. */
			if (error && all && !node->node->ports[p].interface[0])
				return complain(lab, n, p, "get a carrier on", error);
		}
	}
	for (int index = LINK_LOOPBACK + 1; index < lab->next_index; index++)
		link_ready(lab->home_sk, index);
	return 0;
}

/* ------------------------------------------------------------ capture */

/* Where all frames of a network pass: its bridge, else the first end of the cable. */
static void list_capture(struct lab_init *lab, const struct lab_segment *s,
			 struct capture_link *out)
{
	size_t node = s->ports[0].node, port = s->ports[0].port;

	out->name = lab->topology->networks[s->network].name;
	if (s->bridge) {
		out->netns = lab->home;
		out->ifname = xasprintf("b%d", s->bridge);
	} else {
		out->netns = lab->nodes[node].netns;
		out->ifname = lab->topology->nodes[node].ports[port].ifname;
	}
}

static int start_capture(struct lab_init *lab)
{
	size_t count = lab->topology->network_count;

	if (!lab->options->capture || lab->evidence < 0)
		return 0;
	lab->capture_links = xcalloc(count, sizeof(*lab->capture_links));
	for (size_t i = 0; i < count; i++)
		if (lab->segments[i].count)
			list_capture(lab, &lab->segments[i],
				     &lab->capture_links[lab->capture_link_count++]);
	lab->capture = capture_start(lab->evidence, lab->capture_links, lab->capture_link_count,
				     lab->diag);
	return lab->capture ? 0 : -1;
}

int lab_build(struct lab_init *lab)
{
	const struct topology *t = lab->topology;
	int failed = 0;

	lab->nodes = xcalloc(t->node_count, sizeof(*lab->nodes));
	lab->segments = xcalloc(t->network_count, sizeof(*lab->segments));
	for (size_t i = 0; i < t->node_count; i++)
		init_node(lab, i);
	find_ports(lab);
	for (size_t i = 0; i < t->node_count && !failed; i++)
		failed = build_node(lab, &lab->nodes[i]) < 0;
	lab_enter(lab, NULL);
	for (size_t i = 0; i < t->network_count && !failed; i++)
		failed = build_network(lab, &lab->segments[i]) < 0;
	for (size_t i = 0; i < t->node_count && !failed; i++)
		failed = adopt_interfaces(lab, i) < 0 || settle_node(lab, i) < 0;
	lab_enter(lab, NULL);
	if (failed || lab_addresses(lab) < 0 || lab_carriers(lab, true) < 0)
		return -1;
	return start_capture(lab);
}
