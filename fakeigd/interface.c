/* SPDX-License-Identifier: MIT */
/*
 * interface.c - what the kernel knows of an interface (see interface.h).
 *
 * Theory of operation: one rtnetlink socket per operation, which is one at start per interface and
 * one per renumbering, and one that only tells that addresses have changed, whoever changed them.
 * Replies are walked by libmnl; a dump is filtered here, because the kernel
 * filters dumps only when asked in ways that older ones refuse.
 */
#include "interface.h"

#include "../sim/netlink.h"
#include "base/mem.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <unistd.h>

#define REPLY_MAX 32768

/** struct request - an rtnetlink exchange: one message out, many in */
struct request {
	struct mnl_socket *socket;
	char out[512];
	char in[REPLY_MAX];
};

static int request_open(struct request *q)
{
	q->socket = netlink_open(NETLINK_ROUTE);
	return q->socket ? 0 : -errno;
}

static struct nlmsghdr *request_start(struct request *q, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(q->out);

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	header->nlmsg_seq = 1;
	return header;
}

/* Send what request_start() began and hand every answer to @fn. Return: 0 or -errno. */
static int request_run(struct request *q, struct nlmsghdr *header, mnl_cb_t fn, void *arg)
{
	unsigned port = mnl_socket_get_portid(q->socket);
	int verdict = MNL_CB_OK;

	if (mnl_socket_sendto(q->socket, header, header->nlmsg_len) < 0)
		return -errno;
	while (verdict == MNL_CB_OK) {
		ssize_t len = mnl_socket_recvfrom(q->socket, q->in, sizeof(q->in));

		if (len < 0)
			return -errno;
		verdict = mnl_cb_run(q->in, (size_t)len, 1, port, fn, arg);
	}
	return verdict < 0 ? -errno : 0;
}

static int link_seen(const struct nlmsghdr *header, void *arg)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(header);
	struct router_interface *out = arg;
	const struct nlattr *attr;

	out->index = (unsigned)link->ifi_index;
	mnl_attr_for_each(attr, header, sizeof(*link))
	{
		if (mnl_attr_get_type(attr) == IFLA_ADDRESS &&
		    mnl_attr_get_payload_len(attr) == sizeof(out->mac))
			memcpy(out->mac, mnl_attr_get_payload(attr), sizeof(out->mac));
	}
	return MNL_CB_STOP;
}

static void take_ipv6(struct router_interface *out, const struct ifaddrmsg *addr, const void *bytes)
{
	struct in6_addr found;

	memcpy(&found, bytes, sizeof(found));
	if (IN6_IS_ADDR_LINKLOCAL(&found)) {
		if (IN6_IS_ADDR_UNSPECIFIED(&out->link6))
			out->link6 = found;
	} else if (IN6_IS_ADDR_UNSPECIFIED(&out->address6) && !IN6_IS_ADDR_LOOPBACK(&found)) {
		out->address6 = found;
		out->prefix6 = addr->ifa_prefixlen;
	}
}

static int address_seen(const struct nlmsghdr *header, void *arg)
{
	const struct ifaddrmsg *addr = mnl_nlmsg_get_payload(header);
	struct router_interface *out = arg;
	const struct nlattr *attr;
	const void *local = NULL, *address = NULL;

	if (addr->ifa_index != out->index)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, header, sizeof(*addr))
	{
		if (mnl_attr_get_type(attr) == IFA_LOCAL)
			local = mnl_attr_get_payload(attr);
		else if (mnl_attr_get_type(attr) == IFA_ADDRESS)
			address = mnl_attr_get_payload(attr);
	}
	/* IFA_ADDRESS is the peer's on point-to-point links, where IFA_LOCAL is ours. */
	local = local ? local : address;
	if (local && addr->ifa_family == AF_INET && !out->address.s_addr) {
		memcpy(&out->address, local, sizeof(out->address));
		out->prefix = addr->ifa_prefixlen;
	} else if (local && addr->ifa_family == AF_INET6) {
		take_ipv6(out, addr, local);
	}
	return MNL_CB_OK;
}

int interface_find(const char *name, struct router_interface *out)
{
	struct request *q = xcalloc(1, sizeof(*q));
	struct nlmsghdr *header;
	struct rtgenmsg *any;
	int error = request_open(q);

	*out = (struct router_interface){0};
	if (strlen(name) >= sizeof(out->name))
		error = error ? error : -ENODEV;
	if (error)
		goto out;
	strcpy(out->name, name);
	header = request_start(q, RTM_GETLINK, 0);
	mnl_nlmsg_put_extra_header(header, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(header, IFLA_IFNAME, name);
	error = request_run(q, header, link_seen, out);
	if (error)
		goto out;
	header = request_start(q, RTM_GETADDR, NLM_F_DUMP);
	any = mnl_nlmsg_put_extra_header(header, sizeof(struct ifaddrmsg));
	any->rtgen_family = AF_UNSPEC;
	error = request_run(q, header, address_seen, out);
out:
	if (q->socket)
		mnl_socket_close(q->socket);
	free(q);
	return error;
}

/** struct default_route - the default route of an interface; @found tells whether there is one */
struct default_route {
	unsigned index;
	struct in_addr gateway;
	uint32_t metric;
	bool found;
};

static int route_seen(const struct nlmsghdr *header, void *arg)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(header);
	struct default_route *out = arg, seen = {0};
	const struct nlattr *attr;
	bool ours = false;

	if (route->rtm_dst_len || route->rtm_table != RT_TABLE_MAIN ||
	    route->rtm_type != RTN_UNICAST || out->found)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, header, sizeof(*route))
	{
		switch (mnl_attr_get_type(attr)) {
		case RTA_OIF:
			ours = mnl_attr_get_u32(attr) == out->index;
			break;
		case RTA_GATEWAY:
			memcpy(&seen.gateway, mnl_attr_get_payload(attr), sizeof(seen.gateway));
			break;
		case RTA_PRIORITY:
			seen.metric = mnl_attr_get_u32(attr);
			break;
		default:
			break;
		}
	}
	if (ours) {
		out->gateway = seen.gateway;
		out->metric = seen.metric;
		out->found = true;
	}
	return MNL_CB_OK;
}

static int find_default_route(struct request *q, struct default_route *out)
{
	struct nlmsghdr *header = request_start(q, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(header, sizeof(*route));

	route->rtm_family = AF_INET;
	return request_run(q, header, route_seen, out);
}

struct in_addr interface_gateway(const struct router_interface *iface)
{
	struct request *q = xcalloc(1, sizeof(*q));
	struct default_route route = {.index = iface->index};

	if (request_open(q) == 0)
		find_default_route(q, &route);
	if (q->socket)
		mnl_socket_close(q->socket);
	free(q);
	return route.gateway;
}

static int change_address(struct request *q, uint16_t type, const struct router_interface *iface,
			  struct in_addr address)
{
	uint32_t mask = iface->prefix ? ~UINT32_C(0) << (32 - iface->prefix) : 0;
	struct nlmsghdr *header = request_start(
		q, type, NLM_F_ACK | (type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0));
	struct ifaddrmsg *addr = mnl_nlmsg_put_extra_header(header, sizeof(*addr));

	addr->ifa_family = AF_INET;
	addr->ifa_prefixlen = (uint8_t)iface->prefix;
	addr->ifa_index = iface->index;
	mnl_attr_put_u32(header, IFA_LOCAL, address.s_addr);
	mnl_attr_put_u32(header, IFA_ADDRESS, address.s_addr);
	if (iface->prefix < 31)
		mnl_attr_put_u32(header, IFA_BROADCAST, address.s_addr | htonl(~mask));
	return request_run(q, header, NULL, NULL);
}

static int add_default_route(struct request *q, const struct default_route *old)
{
	struct nlmsghdr *header =
		request_start(q, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(header, sizeof(*route));

	route->rtm_family = AF_INET;
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_scope = old->gateway.s_addr ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	route->rtm_type = RTN_UNICAST;
	/* The new address may lie in another subnet than the gateway, which is still next door. */
	route->rtm_flags = old->gateway.s_addr ? RTNH_F_ONLINK : 0;
	mnl_attr_put_u32(header, RTA_OIF, old->index);
	if (old->gateway.s_addr)
		mnl_attr_put_u32(header, RTA_GATEWAY, old->gateway.s_addr);
	if (old->metric)
		mnl_attr_put_u32(header, RTA_PRIORITY, old->metric);
	return request_run(q, header, NULL, NULL);
}

int interface_renumber(struct router_interface *iface, struct in_addr address)
{
	struct request *q;
	struct default_route route = {.index = iface->index};
	int error;

	if (iface->address.s_addr == address.s_addr)
		return 0;
	q = xcalloc(1, sizeof(*q));
	error = request_open(q);
	if (!error)
		error = find_default_route(q, &route);
	/* The old one goes first: as a second address of the same subnet the new one would be
	 * deleted together with it. */
	if (!error && iface->address.s_addr)
		error = change_address(q, RTM_DELADDR, iface, iface->address);
	if (!error)
		error = change_address(q, RTM_NEWADDR, iface, address);
	if (!error && route.found)
		error = add_default_route(q, &route);
	if (!error)
		iface->address = address;
	if (q->socket)
		mnl_socket_close(q->socket);
	free(q);
	return error;
}

int interface_watch_open(void)
{
	struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	int error;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

void interface_watch_drain(int fd)
{
	char bytes[4096];

	/* ENOBUFS says that messages were lost, and changes nothing: one is enough to look. */
	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC) > 0 || errno == ENOBUFS)
		;
}
