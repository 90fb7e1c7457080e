/* SPDX-License-Identifier: MIT */
/* datagram.h - sending UDP from an address of choice: ours on an interface, or one that is not. */
#ifndef FAKEIGD_DATAGRAM_H
#define FAKEIGD_DATAGRAM_H

#include "router.h"

/**
 * datagram_send() - one datagram by an open socket
 * @fd:		its port is the source port; bound to @iface
 * @from:	source address of ours; link-local IPv6 by its scope
 * @to:		where it goes, of the same family
 *
 * Return: 0 or -errno.
 */
int datagram_send(int fd, const struct router_interface *iface, const struct sockaddr_storage *from,
		  const struct sockaddr_storage *to, struct slice bytes);
/** datagram_send_from() - the same from a port and address that need not be ours, by a socket of
 * its own (IP_FREEBIND, IP_TRANSPARENT). @ttl: hops of multicast, 1 to 255. 0 or -errno. */
int datagram_send_from(const struct router_interface *iface, const struct sockaddr_storage *from,
		       const struct sockaddr_storage *to, int ttl, struct slice bytes);
/** datagram_set_source() - what the effect "wrong-source" makes of @from: another port (0 = as it
 * is) and IPv4 address (0.0.0.0 = as it is; in 0.0.0.0/8 a host number of @iface's network). */
void datagram_set_source(struct sockaddr_storage *from, const struct router_interface *iface,
			 uint16_t port, struct in_addr address);

#endif
