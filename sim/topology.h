/* SPDX-License-Identifier: MIT */
/* topology.h - a topology file as a struct: which networks, hosts and routers exist (DESIGN clause
 * 4). */
#ifndef SIM_TOPOLOGY_H
#define SIM_TOPOLOGY_H

#include "../fakeigd/base/doc.h"

#include <netinet/in.h>

#define TOPOLOGY_NAME_MAX  16 /* with the NUL: names become interface and host names */
#define TOPOLOGY_PORTS_MAX 8  /* attachments of one node */

/**
 * struct impairment - what a link does to packets; all zero = nothing
 * @delay_us, @jitter_us: one way
 * @loss, @duplicate, @reorder: probability 0 to 1
 * @rate:	bits per second, 0 = unlimited
 * @mtu:	0 = 1500
 * @drop_multicast: group-addressed frames are lost
 */
struct impairment {
	int64_t delay_us;
	int64_t jitter_us;
	double loss;
	double duplicate;
	double reorder;
	uint64_t rate;
	int mtu;
	bool drop_multicast;
};

/**
 * struct network - a LAN segment
 * @former6:	/64 that was advertised here before @subnet6, when @renumbered
 */
struct network {
	char name[TOPOLOGY_NAME_MAX];
	struct in_addr subnet;
	int prefix;
	bool has_subnet;
	struct in6_addr subnet6;
	int prefix6; /* 0 = no IPv6 */
	struct in6_addr former6;
	bool renumbered;
	bool force_bridge;
	struct impairment impairment;
};

enum port_role { PORT_HOST, PORT_LAN, PORT_WAN };

/**
 * struct port - an attachment of a node to a network: one interface
 * @ifname:	interface name inside the node: eth0.. on hosts, lan0.. and wan on routers
 * @network:	index into topology.networks
 * @address, @address6: unset = 0.0.0.0 and ::
 * @interface:	name of a physical interface or TAP that takes the port's place, "" = none
 * @impairment:	of this link alone, on top of the network's
 */
struct port {
	enum port_role role;
	char ifname[TOPOLOGY_NAME_MAX];
	size_t network;
	struct in_addr address;
	struct in6_addr address6;
	char interface[TOPOLOGY_NAME_MAX];
	struct impairment impairment;
};

enum node_kind { NODE_HOST, NODE_ROUTER };

enum nat_mapping {
	NAT_ENDPOINT_INDEPENDENT,
	NAT_ADDRESS_DEPENDENT,
	NAT_ADDRESS_AND_PORT_DEPENDENT
};

/**
 * struct nat_behaviour - RFC 4787 and RFC 5382 terms
 * @enabled:	source NAT at all
 * @mapping, @filtering: which remote endpoint parts matter
 * @preserve_ports: the external port is the internal one when free
 * @hairpinning: LAN hosts reach mappings by the external address
 * @udp_timeout, @tcp_timeout: seconds, 0 = the kernel's
 */
struct nat_behaviour {
	bool enabled;
	enum nat_mapping mapping;
	enum nat_mapping filtering;
	bool preserve_ports;
	bool hairpinning;
	int udp_timeout;
	int tcp_timeout;
};

/**
 * struct node - a host or a router
 * @gateway:	index of the node that is its default route, -1 = none
 * @igd:	profile name or file of the fakeigd on it; NULL = none
 * @daemon:	adapter name or file of a real daemon instead; NULL = none
 * @quirks:	names laid over the profile
 * @delegated:	prefix that is routed to it, its LANs' subnets lie in it; @delegated_prefix 0 = none
 * @nat64:	/96 in which its LANs see the IPv4 internet, when @has_nat64
 */
struct node {
	char name[TOPOLOGY_NAME_MAX];
	enum node_kind kind;
	struct port ports[TOPOLOGY_PORTS_MAX];
	size_t port_count;
	int gateway;
	char *igd;
	char *daemon;
	char **quirks;
	size_t quirk_count;
	struct nat_behaviour nat;
	bool router_advertisement;
	struct in6_addr delegated;
	int delegated_prefix;
	struct in6_addr nat64;
	bool has_nat64;
};

struct topology {
	char *name;
	char *summary;
	struct network *networks;
	size_t network_count;
	struct node *nodes;
	size_t node_count;
	struct doc *document;
};

/**
 * topology_load() - find, read and check a topology
 * @name:	name in topologies/, or a file (has "/" or ends in .yaml)
 * @d:		complaints: unknown keys, wrong types, dangling names, addresses outside their
 *		subnet or used twice, gateways that are not neighbours, loops of gateways, names too
 *		long
 *
 * Return: the topology, or NULL after complaints.
 */
struct topology *topology_load(const char *name, struct diag *d);
/** topology_load_text() - the same from memory; @name stands for the file in complaints. */
struct topology *topology_load_text(const char *text, size_t len, const char *name, struct diag *d);
void topology_free(struct topology *t);
/** topology_node() - index of a node by name, -1 when none. */
int topology_node(const struct topology *t, const char *name);
/** topology_outermost() - router whose WAN is on the network of the node "peer"; -1 when none. */
int topology_outermost(const struct topology *t);
/** topology_client() - the node "client", else the first host; -1 when none. */
int topology_client(const struct topology *t);
/** topology_address() - IPv4 address of a node's first port of that role, in @text; NULL when @node
 * is -1 or has none. */
const char *topology_address(const struct topology *t, int node, enum port_role role,
			     char text[INET_ADDRSTRLEN]);

#endif
