/* SPDX-License-Identifier: MIT */
/*
 * topology_parse.h - what the files of the topology loader share: topology.c reads networks and
 * nodes, topology_link.c reads what links and NAT do, topology_check.c looks at the whole.
 */
#ifndef SIM_TOPOLOGY_PARSE_H
#define SIM_TOPOLOGY_PARSE_H

#include "topology.h"

/* Keys of an impairment, for the mappings in which they stand among others. */
#define IMPAIRMENT_KEYS                                                                            \
	"delay", "jitter", "loss", "duplicate", "reorder", "rate", "mtu", "multicast"

/** topology_subnet4() - "192.168.1.0/24"; complains about host bits. Return: whether it fits. */
bool topology_subnet4(const struct doc *node, struct in_addr *subnet, int *prefix, struct diag *d);
/** topology_subnet6() - "2a0e:b107:1::/64". */
bool topology_subnet6(const struct doc *node, struct in6_addr *subnet, int *prefix, struct diag *d);
/** topology_impairment() - the impairment keys of @map; other keys are left to the caller. */
void topology_impairment(const struct doc *map, struct impairment *out, struct diag *d);
/** topology_nat() - "nat: off" or its mapping; @node may be NULL (defaults stay). */
void topology_nat(const struct doc *node, struct nat_behaviour *out, struct diag *d);
/** topology_check() - the whole: addresses in their subnets, neighbours, loops, dangling names. */
void topology_check(const struct topology *t, struct diag *d);

/** topology_in_subnet4() - whether @address is in the network's IPv4 subnet. */
bool topology_in_subnet4(const struct network *network, struct in_addr address);
bool topology_in_subnet6(const struct network *network, const struct in6_addr *address);

#endif
