/* SPDX-License-Identifier: MIT */
/*
 * cp_net.c - interfaces, default gateways and the hops behind them (see cp.h)
 *
 * Theory of operation
 *
 * The first gateway is in the routing table (rtnetlink). The ones behind it are found as traceroute
 * finds them: UDP datagrams towards an address of the public Internet whose TTL runs out on the
 * way, one for each distance, all at once. Each router that drops one says so by ICMP, and the
 * kernel hands that over in the socket's error queue (IP_RECVERR), which needs no privilege. A
 * router that knows no route answers "unreachable" and is a hop as well. The datagrams carry
 * nothing and never arrive: no distance beyond the layers asked for is probed.
 */
#include "../fakeigd/base/clock.h"
#include "cp.h"
#include "netlink.h"

#include <net/if.h> /* before the kernel's own */

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <libmnl/libmnl.h>
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A root name server: as far away as anything, and never reached. */
#define PROBE_ADDRESS "198.41.0.4"
#define PROBE_PORT    33434
#define PROBE_TRIES   2
#define PROBE_WAIT_US (CLOCK_SECOND / 2)

void cp_find_interfaces(struct cp *cp)
{
	const char *only = cp->options.interface;
	struct ifaddrs *list;

	if (getifaddrs(&list) < 0)
		return;
	for (struct ifaddrs *i = list; i && cp->interface_count < CP_INTERFACES_MAX;
	     i = i->ifa_next) {
		struct cp_interface *out = &cp->interfaces[cp->interface_count];

		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || !i->ifa_netmask ||
		    i->ifa_flags & IFF_LOOPBACK || !(i->ifa_flags & IFF_UP))
			continue;
		if (only && strcmp(i->ifa_name, only) != 0)
			continue;
		strncpy(out->name, i->ifa_name, sizeof(out->name) - 1);
		out->index = (int)if_nametoindex(i->ifa_name);
		out->address = ((struct sockaddr_in *)i->ifa_addr)->sin_addr;
		out->mask = ((struct sockaddr_in *)i->ifa_netmask)->sin_addr;
		cp->interface_count++;
	}
	freeifaddrs(list);
}

int cp_on_link(const struct cp *cp, struct in_addr address)
{
	for (size_t i = 0; i < cp->interface_count; i++)
		if (((address.s_addr ^ cp->interfaces[i].address.s_addr) &
		     cp->interfaces[i].mask.s_addr) == 0)
			return (int)i;
	return -1;
}

bool cp_is_gateway(const struct cp *cp, struct in_addr address)
{
	for (size_t i = 0; i < cp->gateway_count; i++)
		if (cp->gateways[i].address.s_addr == address.s_addr)
			return true;
	return false;
}

static int interface_by_index(const struct cp *cp, int index)
{
	for (size_t i = 0; i < cp->interface_count; i++)
		if (cp->interfaces[i].index == index)
			return (int)i;
	return -1;
}

/* A default route of IPv6. */
static void take_gateway6(struct cp *cp, const struct cp_server *gateway)
{
	char name[IFNAMSIZ] = "";
	const char *only = cp->options.interface;

	if (IN6_IS_ADDR_UNSPECIFIED(&gateway->address) || cp->gateway6_count == CP_GATEWAYS_MAX)
		return;
	if (only && (!if_indextoname(gateway->zone, name) || strcmp(name, only) != 0))
		return;
	cp->gateways6[cp->gateway6_count] = *gateway;
	if (!IN6_IS_ADDR_LINKLOCAL(&gateway->address))
		cp->gateways6[cp->gateway6_count].zone = 0;
	cp->gateway6_count++;
}

static int read_route6(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(nlh);
	struct cp_server gateway = {0};
	const struct nlattr *a;

	if (route->rtm_family != AF_INET6 || route->rtm_dst_len || route->rtm_type != RTN_UNICAST ||
	    route->rtm_table != RT_TABLE_MAIN)
		return MNL_CB_OK;
	mnl_attr_for_each(a, nlh, sizeof(*route))
	{
		if (mnl_attr_get_type(a) == RTA_GATEWAY &&
		    mnl_attr_get_payload_len(a) == sizeof(gateway.address))
			memcpy(&gateway.address, mnl_attr_get_payload(a), sizeof(gateway.address));
		else if (mnl_attr_get_type(a) == RTA_OIF)
			gateway.zone = mnl_attr_get_u32(a);
	}
	take_gateway6(arg, &gateway);
	return MNL_CB_OK;
}

/* One IPv4 route of the dump: a default route with a gateway is a gateway. */
static int read_route(const struct nlmsghdr *nlh, void *arg)
{
	struct cp *cp = arg;
	const struct rtmsg *route = mnl_nlmsg_get_payload(nlh);
	struct cp_gateway g = {.interface = -1};
	const struct nlattr *a;

	if (route->rtm_family != AF_INET || route->rtm_dst_len || route->rtm_type != RTN_UNICAST ||
	    route->rtm_table != RT_TABLE_MAIN)
		return MNL_CB_OK;
	mnl_attr_for_each(a, nlh, sizeof(*route))
	{
		if (mnl_attr_get_type(a) == RTA_GATEWAY)
			g.address.s_addr = mnl_attr_get_u32(a);
		else if (mnl_attr_get_type(a) == RTA_OIF)
			g.interface = interface_by_index(cp, (int)mnl_attr_get_u32(a));
	}
	if (!g.address.s_addr || cp_is_gateway(cp, g.address) ||
	    cp->gateway_count == CP_GATEWAYS_MAX)
		return MNL_CB_OK;
	if (cp->options.interface && g.interface < 0)
		return MNL_CB_OK;
	cp->gateways[cp->gateway_count++] = g;
	return MNL_CB_OK;
}

static void dump_routes(struct cp *cp, uint8_t family, mnl_cb_t read)
{
	char data[8192];
	struct mnl_socket *nl = netlink_open(NETLINK_ROUTE);
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(data);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(nlh, sizeof(*route));
	int more = MNL_CB_OK;

	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	route->rtm_family = family;
	if (!nl)
		return;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		more = MNL_CB_STOP;
	while (more > MNL_CB_STOP) {
		ssize_t len = mnl_socket_recvfrom(nl, data, sizeof(data));

		more = len < 0 ? MNL_CB_ERROR : mnl_cb_run(data, len, 0, 0, read, cp);
	}
	mnl_socket_close(nl);
}

void cp_find_gateways(struct cp *cp)
{
	dump_routes(cp, AF_INET, read_route);
	dump_routes(cp, AF_INET6, read_route6);
}

/* Who dropped a probe, from one message of the error queue. The destination port tells which. */
static bool read_error(int fd, int *distance, struct in_addr *who)
{
	struct sockaddr_in to;
	union {
		struct cmsghdr align;
		char bytes[512];
	} control;
	struct iovec nothing = {0};
	struct msghdr m = {.msg_name = &to,
			   .msg_namelen = sizeof(to),
			   .msg_iov = &nothing,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof(control)};

	*distance = 0;
	if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		struct sock_extended_err *e = (void *)CMSG_DATA(c);

		if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR ||
		    e->ee_origin != SO_EE_ORIGIN_ICMP)
			continue;
		*who = ((struct sockaddr_in *)SO_EE_OFFENDER(e))->sin_addr;
		*distance = ntohs(to.sin_port) - PROBE_PORT;
	}
	return true;
}

static void send_probes(struct cp *cp, int fd, int last)
{
	struct sockaddr_in to = {.sin_family = AF_INET};

	inet_pton(AF_INET, PROBE_ADDRESS, &to.sin_addr);
	for (int distance = 1; distance <= last; distance++) {
		if (cp->hops[distance].s_addr)
			continue;
		to.sin_port = htons(PROBE_PORT + distance);
		setsockopt(fd, IPPROTO_IP, IP_TTL, &distance, sizeof(distance));
		/* An error queued by the probe before is returned here once; send again. */
		if (sendto(fd, "", 0, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			sendto(fd, "", 0, 0, (struct sockaddr *)&to, sizeof(to));
	}
}

/* Read answers until all @last hops are known or the time is over. */
static void gather_hops(struct cp *cp, int fd, int last, int64_t deadline)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = 0};
		int64_t left = deadline - clock_now();
		struct in_addr who;
		int distance, known = 0;

		for (int i = 1; i <= last; i++)
			known += cp->hops[i].s_addr != 0;
		if (known == last || left <= 0)
			return;
		if (poll(&p, 1, (int)(left / 1000) + 1) <= 0)
			continue;
		while (read_error(fd, &distance, &who))
			if (distance >= 1 && distance <= last && !cp->hops[distance].s_addr)
				cp->hops[distance] = who;
	}
}

static void probe_hops(struct cp *cp)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, last = cp->options.layers;

	cp->hops_known = true;
	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	if (cp->options.interface && cp->interface_count) {
		struct sockaddr_in from = {.sin_family = AF_INET,
					   .sin_addr = cp->interfaces[0].address};

		if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
			last = 0;
	}
	for (int i = 0; i < PROBE_TRIES; i++) {
		send_probes(cp, fd, last);
		gather_hops(cp, fd, last, clock_now() + PROBE_WAIT_US);
	}
	close(fd);
}

bool cp_next_hop(struct cp *cp, int distance, struct in_addr *out)
{
	if (!cp->hops_known)
		probe_hops(cp);
	*out = cp->hops[distance];
	/* Hops of one router: the last one answers for everything behind it. */
	for (int i = 1; i < distance; i++)
		if (cp->hops[i].s_addr == out->s_addr)
			return false;
	return out->s_addr != 0;
}
