/* SPDX-License-Identifier: MIT */
/* neighbour.h - which host of a LAN has an address, by its hardware address (rtnetlink). */
#ifndef FAKEIGD_NEIGHBOUR_H
#define FAKEIGD_NEIGHBOUR_H

#include "router.h"

#define NEIGHBOUR_ADDRESS 6

/**
 * neighbour_find() - hardware address of a host
 * @lan:	where it is
 * @address:	IPv4 or IPv6; port and scope do not count
 * @out:	filled
 *
 * A host that nobody has talked to lately is asked for it (ARP, neighbour solicitation), and its
 * answer awaited for 100 ms at most. Return: whether it is known.
 */
bool neighbour_find(const struct router_interface *lan, const struct sockaddr *address,
		    uint8_t out[NEIGHBOUR_ADDRESS]);

#endif
