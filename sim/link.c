/* SPDX-License-Identifier: MIT */
/* link.c - interfaces, addresses and routes over libnl-route (see link.h). */
#include "link.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

struct nl_sock *link_socket(void)
{
	struct nl_sock *sk = nl_socket_alloc();

	if (sk && nl_connect(sk, NETLINK_ROUTE) < 0) {
		nl_socket_free(sk);
		sk = NULL;
	}
	return sk;
}

void link_socket_free(struct nl_sock *sk)
{
	if (sk)
		nl_socket_free(sk);
}

const char *link_error(int error)
{
	switch (-error) {
	case NLE_OPNOTSUPP:
		return "this kernel does not support it";
	case NLE_NODEV:
	case NLE_OBJ_NOTFOUND:
		return "no such interface";
	case NLE_EXIST:
		return "it exists already";
	default:
		return nl_geterror(error);
	}
}

static size_t address_len(int family)
{
	return family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
}

static void describe(struct rtnl_link *link, const struct link_end *end)
{
	static const uint8_t none[6];

	rtnl_link_set_name(link, end->ifname);
	rtnl_link_set_ifindex(link, end->index);
	/* One queue of each kind: a queue per CPU is only slower to make. */
	rtnl_link_set_num_tx_queues(link, 1);
	rtnl_link_set_num_rx_queues(link, 1);
	if (end->mtu)
		rtnl_link_set_mtu(link, (unsigned)end->mtu);
	if (memcmp(end->mac, none, sizeof(none))) {
		struct nl_addr *mac = nl_addr_build(AF_LLC, end->mac, sizeof(end->mac));

		rtnl_link_set_addr(link, mac);
		nl_addr_put(mac);
	}
}

int link_veth(struct nl_sock *sk, const struct link_end *near, int master,
	      const struct link_end *far, int far_netns)
{
	struct rtnl_link *link = rtnl_link_veth_alloc();
	struct rtnl_link *peer;
	int error;

	if (!link)
		return -NLE_NOMEM;
	peer = rtnl_link_veth_get_peer(link);
	describe(link, near);
	rtnl_link_set_flags(link, IFF_UP);
	if (master)
		rtnl_link_set_master(link, master);
	describe(peer, far);
	rtnl_link_set_ns_fd(peer, far_netns);
	error = rtnl_link_add(sk, link, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_link_put(peer);
	rtnl_link_put(link);
	return error;
}

/* By hand: libnl 3.7 does not know the attributes of a bridge. */
int link_bridge(struct nl_sock *sk, const struct link_end *bridge)
{
	struct ifinfomsg head = {
		.ifi_index = bridge->index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info, *data;

	if (!msg || nlmsg_append(msg, &head, sizeof(head), NLMSG_ALIGNTO) < 0)
		goto full;
	NLA_PUT_STRING(msg, IFLA_IFNAME, bridge->ifname);
	NLA_PUT(msg, IFLA_ADDRESS, sizeof(bridge->mac), bridge->mac);
	if (bridge->mtu)
		NLA_PUT_U32(msg, IFLA_MTU, (uint32_t)bridge->mtu);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	if (!info)
		goto full;
	NLA_PUT_STRING(msg, IFLA_INFO_KIND, "bridge");
	data = nla_nest_start(msg, IFLA_INFO_DATA);
	if (!data)
		goto full;
	NLA_PUT_U32(msg, IFLA_BR_FORWARD_DELAY, 0);
	NLA_PUT_U32(msg, IFLA_BR_STP_STATE, 0);
	NLA_PUT_U8(msg, IFLA_BR_MCAST_SNOOPING, 0);
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	return nl_send_sync(sk, msg); /* frees the message */

full:
nla_put_failure:
	nlmsg_free(msg);
	return -NLE_NOMEM;
}

/* Make @original what @wanted says; both references are given up. */
static int change(struct nl_sock *sk, struct rtnl_link *original, struct rtnl_link *wanted)
{
	int error = rtnl_link_change(sk, original, wanted, 0);

	rtnl_link_put(original);
	rtnl_link_put(wanted);
	return error;
}

int link_set(struct nl_sock *sk, int index, bool up)
{
	struct rtnl_link *original = rtnl_link_alloc();
	struct rtnl_link *wanted = rtnl_link_alloc();

	rtnl_link_set_ifindex(original, index);
	if (up)
		rtnl_link_set_flags(wanted, IFF_UP);
	else
		rtnl_link_unset_flags(wanted, IFF_UP);
	return change(sk, original, wanted);
}

int link_address(struct nl_sock *sk, int index, int family, const void *address, int prefix)
{
	struct rtnl_addr *addr = rtnl_addr_alloc();
	struct nl_addr *local = nl_addr_build(family, address, address_len(family));
	int error;

	nl_addr_set_prefixlen(local, prefix);
	rtnl_addr_set_ifindex(addr, index);
	error = rtnl_addr_set_local(addr, local);
	if (family == AF_INET6)
		rtnl_addr_set_flags(addr, IFA_F_NODAD);
	if (family == AF_INET && prefix < 31) {
		struct in_addr all = *(const struct in_addr *)address;
		struct nl_addr *broadcast;

		all.s_addr |= htonl(UINT32_MAX >> prefix);
		broadcast = nl_addr_build(AF_INET, &all, sizeof(all));
		rtnl_addr_set_broadcast(addr, broadcast);
		nl_addr_put(broadcast);
	}
	if (!error)
		error = rtnl_addr_add(sk, addr, 0);
	nl_addr_put(local);
	rtnl_addr_put(addr);
	return error;
}

/* @mtu: 0 = the link's */
static int add_route(struct nl_sock *sk, int index, int family, const void *dst, int prefix,
		     const void *gateway, unsigned mtu)
{
	static const struct in6_addr any;
	struct rtnl_route *route = rtnl_route_alloc();
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	struct nl_addr *to = nl_addr_build(family, dst ? dst : &any, address_len(family));
	int error;

	nl_addr_set_prefixlen(to, prefix);
	rtnl_route_set_family(route, (uint8_t)family);
	error = rtnl_route_set_dst(route, to);
	rtnl_route_nh_set_ifindex(hop, index);
	if (gateway) {
		struct nl_addr *via = nl_addr_build(family, gateway, address_len(family));

		rtnl_route_nh_set_gateway(hop, via);
		nl_addr_put(via);
	} else {
		rtnl_route_set_scope(route, RT_SCOPE_LINK);
	}
	rtnl_route_add_nexthop(route, hop);
	if (mtu && !error)
		error = rtnl_route_set_metric(route, RTAX_MTU, mtu);
	if (!error)
		error = rtnl_route_add(sk, route, NLM_F_EXCL);
	nl_addr_put(to);
	rtnl_route_put(route);
	return error;
}

int link_route(struct nl_sock *sk, int index, int family, const void *dst, int prefix,
	       const void *gateway)
{
	return add_route(sk, index, family, dst, prefix, gateway, 0);
}

int link_narrow_route(struct nl_sock *sk, int index, int family, const void *dst, int prefix,
		      unsigned mtu)
{
	return add_route(sk, index, family, dst, prefix, NULL, mtu);
}

int link_unreachable(struct nl_sock *sk, int family, const void *dst, int prefix)
{
	struct rtnl_route *route = rtnl_route_alloc();
	struct nl_addr *to = nl_addr_build(family, dst, address_len(family));
	int error;

	nl_addr_set_prefixlen(to, prefix);
	rtnl_route_set_family(route, (uint8_t)family);
	rtnl_route_set_type(route, RTN_UNREACHABLE);
	error = rtnl_route_set_dst(route, to);
	if (!error)
		error = rtnl_route_add(sk, route, NLM_F_EXCL);
	nl_addr_put(to);
	rtnl_route_put(route);
	return error;
}

struct nl_sock *link_news6(void)
{
	struct nl_sock *sk = link_socket();

	if (sk && nl_socket_add_membership(sk, RTNLGRP_IPV6_ROUTE) < 0) {
		nl_socket_free(sk);
		sk = NULL;
	}
	return sk;
}

/** struct seen6 - routes looked for, while all are gone through; bits of those found */
struct seen6 {
	const struct link_route6 *routes;
	size_t count;
	uint64_t found;
};

static void see_route(struct nl_object *object, void *arg)
{
	struct rtnl_route *route = (struct rtnl_route *)object;
	struct nl_addr *dst = rtnl_route_get_dst(route);
	uint8_t type = rtnl_route_get_type(route);
	struct seen6 *seen = arg;

	for (size_t i = 0; i < seen->count; i++) {
		const struct link_route6 *r = &seen->routes[i];

		if ((int)nl_addr_get_prefixlen(dst) != r->prefix ||
		    type != (r->prefix ? RTN_LOCAL : RTN_UNICAST))
			continue;
		if (!r->prefix || (nl_addr_get_len(dst) == sizeof(r->dst) &&
				   !memcmp(nl_addr_get_binary_addr(dst), &r->dst, sizeof(r->dst))))
			seen->found |= UINT64_C(1) << i;
	}
}

int link_missing6(struct nl_sock *sk, const struct link_route6 *routes, size_t count)
{
	struct seen6 seen = {.routes = routes, .count = count};
	struct nl_cache *all;
	int error = rtnl_route_alloc_cache(sk, AF_INET6, 0, &all);

	if (error)
		return error;
	nl_cache_foreach(all, see_route, &seen);
	nl_cache_free(all);
	return (int)count - __builtin_popcountll(seen.found);
}

int link_ready(struct nl_sock *sk, int index)
{
	struct rtnl_link *link;
	unsigned flags;
	int error = rtnl_link_get_kernel(sk, index, NULL, &link);

	if (error)
		return error;
	flags = rtnl_link_get_flags(link);
	rtnl_link_put(link);
	return flags & IFF_LOWER_UP ? 0 : -NLE_NODEV;
}

int link_move(struct nl_sock *sk, const char *ifname, int netns)
{
	struct rtnl_link *original, *wanted;
	int error = rtnl_link_get_kernel(sk, 0, ifname, &original);

	if (error)
		return error;
	wanted = rtnl_link_alloc();
	rtnl_link_set_ns_fd(wanted, netns);
	return change(sk, original, wanted);
}

int link_adopt(struct nl_sock *sk, const char *ifname, const struct link_end *end, int master,
	       int *index)
{
	struct rtnl_link *original, *wanted;
	int error = rtnl_link_get_kernel(sk, 0, ifname, &original);

	if (error)
		return error;
	*index = rtnl_link_get_ifindex(original);
	wanted = rtnl_link_alloc();
	rtnl_link_set_name(wanted, end->ifname);
	if (end->mtu)
		rtnl_link_set_mtu(wanted, (unsigned)end->mtu);
	if (master)
		rtnl_link_set_master(wanted, master);
	error = change(sk, original, wanted);
	return error ? error : link_set(sk, *index, true);
}

int link_plain(int control, const char *ifname)
{
	struct ethtool_value off = {.cmd = ETHTOOL_STXCSUM, .data = 0};
	struct ifreq request = {.ifr_data = (void *)&off};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	return ioctl(control, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}
