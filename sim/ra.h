/* SPDX-License-Identifier: MIT */
/* ra.h - router advertisements (RFC 4861), sent by the lab for a router. */
#ifndef SIM_RA_H
#define SIM_RA_H

#include "../fakeigd/base/loop.h"

#include <netinet/in.h>
#include <stdbool.h>

/**
 * struct ra_link - an interface on which a router advertises itself
 * @index:	of the interface
 * @mac:	its hardware address
 * @source:	its link-local address
 * @prefix, @prefix_len: what hosts take addresses from
 * @mtu:	of the link
 * @former:	what was advertised here until now, a /64, when @renumbered
 */
struct ra_link {
	int index;
	uint8_t mac[6];
	struct in6_addr source;
	struct in6_addr prefix;
	int prefix_len;
	int mtu;
	struct in6_addr former;
	bool renumbered;
};

struct ra;

/**
 * ra_new() - advertise on @links from now on, the first time before it returns
 *
 * A renumbered link hears of its former prefix first, so that its hosts have addresses of it, and
 * then that it is gone. To be called in the router's network namespace. Return: NULL with errno
 * set.
 */
struct ra *ra_new(struct loop *loop, const struct ra_link *links, size_t count);

#endif
