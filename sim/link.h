/* SPDX-License-Identifier: MIT */
/*
 * link.h - interfaces, addresses and routes: one verb per function, over libnl-route.
 *
 * A socket from link_socket() acts on the network namespace that it was made in, wherever the
 * thread is by then. Interface indexes are chosen by the caller (a fresh namespace has none but
 * that of "lo"), so nothing is ever looked up. Each verb returns 0 or a negative libnl error, for
 * link_error().
 */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include <netinet/in.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#define LINK_LOOPBACK 1 /* index of "lo" in every namespace */

/**
 * struct link_end - an interface to be made
 * @index:	of the interface, free in its namespace
 * @mac:	hardware address; all zero = the kernel's choice
 * @mtu:	0 = 1500
 */
struct link_end {
	const char *ifname;
	int index;
	uint8_t mac[6];
	int mtu;
};

/** link_socket() - rtnetlink in the current network namespace. Return: NULL when out of memory or
 * descriptors. */
struct nl_sock *link_socket(void);
void link_socket_free(struct nl_sock *sk);
/** link_error() - what a verb's negative return value means, for people. */
const char *link_error(int error);

/**
 * link_veth() - a cable between two namespaces
 * @sk:		namespace of @near
 * @master:	index of the bridge that @near becomes a port of, 0 = none
 * @far_netns:	namespace of @far
 *
 * @near is up at once; @far has to be set up later (the kernel refuses it in the same message).
 */
int link_veth(struct nl_sock *sk, const struct link_end *near, int master,
	      const struct link_end *far, int far_netns);
/** link_bridge() - a bridge without spanning tree, snooping and forward delay; up at once. */
int link_bridge(struct nl_sock *sk, const struct link_end *bridge);
/** link_set() - set an interface up or down. */
int link_set(struct nl_sock *sk, int index, bool up);
/** link_address() - add an address, without duplicate address detection. */
int link_address(struct nl_sock *sk, int index, int family, const void *address, int prefix);
/**
 * link_route() - add a route
 * @dst, @prefix: NULL and 0 = default
 * @gateway:	next hop, NULL = on the link
 */
int link_route(struct nl_sock *sk, int index, int family, const void *dst, int prefix,
	       const void *gateway);
/** link_narrow_route() - add a route on the link for packets of @mtu bytes at most. */
int link_narrow_route(struct nl_sock *sk, int index, int family, const void *dst, int prefix,
		      unsigned mtu);

#define LINK_HOST6 128 /* bits of a route to an address of one's own */

/** struct link_route6 - a route: @prefix LINK_HOST6 to an own address that is in use, 0 the default
 */
struct link_route6 {
	struct in6_addr dst;
	int prefix;
};

/** link_news6() - a socket that is readable when IPv6 routes of the current network namespace have
 * changed since it was made. Return: NULL when out of memory or descriptors. */
struct nl_sock *link_news6(void);
/** link_missing6() - how many of these routes are not there, or a negative libnl error. */
int link_missing6(struct nl_sock *sk, const struct link_route6 *routes, size_t count);
/** link_unreachable() - what goes to @dst/@prefix and has no better route is answered "no route".
 */
int link_unreachable(struct nl_sock *sk, int family, const void *dst, int prefix);
/**
 * link_ready() - make the kernel do its pending carrier work on one interface
 *
 * Without it a packet sent right after setting a link up is lost in about one lab of 25 and sent
 * again by ARP a second later (perf.md clause 0.5). A dump does not help, a query of the one
 * interface does. Return: 0, or an error when the link has no carrier.
 */
int link_ready(struct nl_sock *sk, int index);
/**
 * link_move() - give an existing interface to another namespace
 * @ifname:	in the namespace of @sk
 * @netns:	where it goes
 */
int link_move(struct nl_sock *sk, const char *ifname, int netns);
/**
 * link_adopt() - make an interface that was moved in what @end says: name, MTU; set it up
 * @ifname:	its name so far
 * @master:	bridge that it becomes a port of, 0 = none
 * @index:	its index, which the kernel chose
 */
int link_adopt(struct nl_sock *sk, const char *ifname, const struct link_end *end, int master,
	       int *index);
/**
 * link_plain() - whole packets with real checksums on an interface of the current namespace
 * @control:	any IP socket of this namespace
 *
 * With checksum offload off there is no segmentation offload either: captures show what would be on
 * a wire. Return: 0 or -errno.
 */
int link_plain(int control, const char *ifname);

#endif
