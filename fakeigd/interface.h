/* SPDX-License-Identifier: MIT */
/* interface.h - what the kernel knows of an interface, and a new address for it (rtnetlink). */
#ifndef FAKEIGD_INTERFACE_H
#define FAKEIGD_INTERFACE_H

#include "router.h"

/**
 * interface_find() - index, addresses and hardware address of an interface
 * @name:	of the kernel
 * @out:	filled; the first address of each kind counts, in the kernel's order
 *
 * Return: 0, -ENODEV when there is none of that name, or another -errno.
 */
int interface_find(const char *name, struct router_interface *out);

/**
 * interface_renumber() - replace the IPv4 address
 * @iface:	address and prefix are those to be replaced; @iface->address is updated on success
 * @address:	the new one, with the same prefix
 *
 * The default route through the interface, which the kernel drops with the last address, is made
 * again by the same gateway. Return: 0 or -errno.
 */
int interface_renumber(struct router_interface *iface, struct in_addr address);

/** interface_gateway() - next hop of the IPv4 default route through the interface; 0.0.0.0 = none.
 */
struct in_addr interface_gateway(const struct router_interface *iface);

/** interface_watch_open() - a descriptor that gets readable when an address of this network
 * namespace comes or goes. Return: the descriptor (CLOEXEC, not blocking), or -errno. */
int interface_watch_open(void);
/** interface_watch_drain() - throw away what the descriptor has to say; look with
 * interface_find(). */
void interface_watch_drain(int fd);

#endif
