/* SPDX-License-Identifier: MIT */
/*
 * nat.h - source NAT and the stateful filter of a router node, by nftables.
 *
 * Table "ip igdlab" (and "ip6 igdlab" where the router has IPv6) is made once per router, in the
 * router's own network namespace, by one libnftables transaction. It knows interfaces and
 * connections, no addresses: renumbering the WAN needs no new rules. Port mappings are not here:
 * whoever runs on the router (fakeigd, a real daemon) brings a destination NAT of its own, and this
 * table lets in what was translated ("ct status dnat").
 *
 * For software on the router that opens something else:
 *  - element PROTOCOL . PORT in set "wan_open" of either table: that port of the router itself
 *    answers to the WAN;
 *  - packet mark NAT_MARK_OPEN, set at a forward or prerouting hook before priority 0: the packet
 *    may pass from the WAN inwards (IPv6 pinholes).
 */
#ifndef SIM_NAT_H
#define SIM_NAT_H

#include "topology.h"

#define NAT_MARK_OPEN 0x494744

/**
 * nat_setup() - make the calling thread's network namespace the NAT of a router
 * @t:		the topology (networks tell where IPv6 is)
 * @node:	the router; its ports' ifname are the interfaces (they need not exist yet)
 * @d:		complaints; a feature that the kernel lacks is named with its configuration option
 *
 * A router without WAN port gets nothing. With nat.enabled false it routes plainly in IPv4, its own
 * ports still closed towards the WAN. nat.udp_timeout and nat.tcp_timeout are seconds of the
 * kernel's time, not of the lab's clock. Calling it again replaces the tables.
 *
 * Return: 0, or -errno after a complaint.
 */
int nat_setup(const struct topology *t, const struct node *node, struct diag *d);

/**
 * nat_reset() - forget every connection and every dynamic mapping of the current network namespace
 *
 * The tables stay. Return: 0 or -errno (0 as well where nat_setup() was never called).
 */
int nat_reset(void);

#endif
