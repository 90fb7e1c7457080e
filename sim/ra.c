/* SPDX-License-Identifier: MIT */
/*
 * ra.c - router advertisements (see ra.h).
 *
 * Theory of operation, by clauses of RFC 4861. An advertisement (4.2) goes to all nodes at the
 * start and then every 200 s (6.2.1: MinRtrAdvInterval of the default settings), and to whoever
 * solicits one (6.2.6): at once and not after up to half a second, and never held back 3 s from the
 * one before, so that nothing in a lab waits. It offers the router as default for 30 minutes and
 * the link's prefix as on-link and, where it has 64 bits, for address configuration (RFC 4862
 * clause 5.5.3). A prefix that another one has replaced is said to be over in every advertisement:
 * both lifetimes are 0 (RFC 7084 L-13, RFC 9096 clause 3.5). Hosts keep its addresses for two
 * hours, deprecated (RFC 4862 clause 5.5.3 e). Solicitations that did not come from the link itself
 * are ignored (6.1.1).
 */
#include "ra.h"

#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUTER_LIFETIME	 1800  /* s, AdvDefaultLifetime */
#define PREFIX_VALID	 86400 /* s */
#define PREFIX_PREFERRED 14400 /* s */
#define INTERVAL	 (200 * CLOCK_SECOND)
#define HOPS		 255 /* 4.2: what has crossed a router shows it */
#define OPTION_UNIT	 8   /* lengths of options count 8 octets */

struct ra {
	struct loop *loop;
	int fd;
	struct loop_timer timer;
	struct ra_link *links;
	size_t count;
};

/** struct advertisement - as on the wire; every field in network order */
struct advertisement {
	struct nd_router_advert head;
	struct nd_opt_hdr source;
	uint8_t mac[6];
	struct nd_opt_mtu mtu;
	struct nd_opt_prefix_info prefix;
	struct nd_opt_prefix_info former;
} __attribute__((packed));

static struct nd_opt_prefix_info offer(const struct in6_addr *prefix, int len, uint32_t valid,
				       uint32_t preferred)
{
	return (struct nd_opt_prefix_info){
		.nd_opt_pi_type = ND_OPT_PREFIX_INFORMATION,
		.nd_opt_pi_len = sizeof(struct nd_opt_prefix_info) / OPTION_UNIT,
		.nd_opt_pi_prefix_len = (uint8_t)len,
		.nd_opt_pi_flags_reserved =
			ND_OPT_PI_FLAG_ONLINK | (len == 64 ? ND_OPT_PI_FLAG_AUTO : 0),
		.nd_opt_pi_valid_time = htonl(valid),
		.nd_opt_pi_preferred_time = htonl(preferred),
		.nd_opt_pi_prefix = *prefix,
	};
}

static struct advertisement compose(const struct ra_link *link)
{
	struct advertisement a = {
		.head.nd_ra_type = ND_ROUTER_ADVERT,
		.source = {ND_OPT_SOURCE_LINKADDR, 1},
		.mtu = {.nd_opt_mtu_type = ND_OPT_MTU,
			.nd_opt_mtu_len = sizeof(a.mtu) / OPTION_UNIT,
			.nd_opt_mtu_mtu = htonl((uint32_t)link->mtu)},
		.prefix = offer(&link->prefix, link->prefix_len, PREFIX_VALID, PREFIX_PREFERRED),
		.former = offer(&link->former, 64, 0, 0),
	};

	/* Halves of one union: an initialiser would keep only the last. */
	a.head.nd_ra_curhoplimit = 64;
	a.head.nd_ra_router_lifetime = htons(ROUTER_LIFETIME);
	memcpy(a.mac, link->mac, sizeof(a.mac));
	return a;
}

static void advertise(struct ra *ra, const struct ra_link *link, const struct in6_addr *to)
{
	struct advertisement bytes = compose(link);
	struct sockaddr_in6 target = {
		.sin6_family = AF_INET6, .sin6_addr = *to, .sin6_scope_id = (uint32_t)link->index};
	struct in6_pktinfo from = {link->source, (unsigned)link->index};
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(from))];
	} control = {.align = {CMSG_LEN(sizeof(from)), IPPROTO_IPV6, IPV6_PKTINFO}};
	struct iovec part = {&bytes, sizeof(bytes) - (link->renumbered ? 0 : sizeof(bytes.former))};
	struct msghdr msg = {.msg_name = &target,
			     .msg_namelen = sizeof(target),
			     .msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.align), &from, sizeof(from));
	/* A link that is down at the moment loses it, as it would any packet. */
	sendmsg(ra->fd, &msg, MSG_DONTWAIT);
}

static const struct in6_addr all_nodes = {.s6_addr = {0xff, 2, [15] = 1}};

/* Before the first advertisement: as things were. */
static void advertise_former(struct ra *ra)
{
	for (size_t i = 0; i < ra->count; i++) {
		struct ra_link then = ra->links[i];

		then.prefix = then.former;
		then.prefix_len = 64;
		then.renumbered = false;
		if (ra->links[i].renumbered)
			advertise(ra, &then, &all_nodes);
	}
}

static void advertise_all(void *arg)
{
	struct ra *ra = arg;

	for (size_t i = 0; i < ra->count; i++)
		advertise(ra, &ra->links[i], &all_nodes);
	loop_timer_arm(ra->loop, &ra->timer, clock_now() + INTERVAL, advertise_all, ra);
}

/* Interface and hop limit that a packet came with. */
static void read_control(struct msghdr *msg, unsigned *index, int *hops)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct in6_pktinfo info;

		if (c->cmsg_level != IPPROTO_IPV6)
			continue;
		if (c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			*index = info.ipi6_ifindex;
		} else if (c->cmsg_type == IPV6_HOPLIMIT) {
			memcpy(hops, CMSG_DATA(c), sizeof(*hops));
		}
	}
}

static void on_solicitation(void *arg, int fd, uint32_t events)
{
	struct ra *ra = arg;
	struct nd_router_solicit bytes;
	struct sockaddr_in6 from = {0};
	union {
		struct cmsghdr align;
		char room[256];
	} control;
	struct iovec part = {&bytes, sizeof(bytes)};
	struct msghdr msg = {.msg_name = &from,
			     .msg_namelen = sizeof(from),
			     .msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	unsigned index = 0;
	int hops = 0;

	(void)events;
	if (recvmsg(fd, &msg, MSG_DONTWAIT) < (ssize_t)sizeof(bytes))
		return;
	read_control(&msg, &index, &hops);
	if (hops != HOPS || bytes.nd_rs_code != 0)
		return;
	for (size_t i = 0; i < ra->count; i++)
		if (ra->links[i].index == (int)index)
			advertise(ra, &ra->links[i],
				  IN6_IS_ADDR_UNSPECIFIED(&from.sin6_addr) ? &all_nodes
									   : &from.sin6_addr);
}

static bool set_option(int fd, int name, int value)
{
	return setsockopt(fd, IPPROTO_IPV6, name, &value, sizeof(value)) == 0;
}

static bool prepare(struct ra *ra)
{
	struct icmp6_filter filter;

	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ND_ROUTER_SOLICIT, &filter);
	if (setsockopt(ra->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)) < 0 ||
	    !set_option(ra->fd, IPV6_RECVPKTINFO, 1) || !set_option(ra->fd, IPV6_RECVHOPLIMIT, 1) ||
	    !set_option(ra->fd, IPV6_UNICAST_HOPS, HOPS) ||
	    !set_option(ra->fd, IPV6_MULTICAST_HOPS, HOPS) ||
	    !set_option(ra->fd, IPV6_MULTICAST_LOOP, 0))
		return false;
	for (size_t i = 0; i < ra->count; i++) {
		struct ipv6_mreq all_routers = {
			.ipv6mr_multiaddr.s6_addr = {0xff, 2, [15] = 2},
			.ipv6mr_interface = (unsigned)ra->links[i].index,
		};

		if (setsockopt(ra->fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &all_routers,
			       sizeof(all_routers)) < 0)
			return false;
	}
	return true;
}

struct ra *ra_new(struct loop *loop, const struct ra_link *links, size_t count)
{
	struct ra *ra = xcalloc(1, sizeof(*ra));

	ra->loop = loop;
	ra->count = count;
	ra->links = xcalloc(count, sizeof(*links));
	memcpy(ra->links, links, count * sizeof(*links));
	ra->fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
	if (ra->fd < 0 || !prepare(ra)) {
		int error = errno;

		if (ra->fd >= 0)
			close(ra->fd);
		free(ra->links);
		free(ra);
		errno = error;
		return NULL;
	}
	loop_watch(loop, ra->fd, EPOLLIN, on_solicitation, ra);
	advertise_former(ra);
	advertise_all(ra);
	return ra;
}
