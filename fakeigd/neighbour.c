/* SPDX-License-Identifier: MIT */
/*
 * neighbour.c - which host of a LAN has an address.
 *
 * Theory of operation: the kernel's neighbour table is asked (RTM_GETNEIGH of one address,
 * Linux 5.0 or newer). Where it knows nothing, a datagram to the discard port makes it ask the host
 * (RFC 4861 clause 7.2.2, RFC 826), and the change of the table is awaited: a host that is there
 * answers in much less than WAIT_MS, and one that is not has no business here.
 */
#include "neighbour.h"

#include "../sim/netlink.h"
#include "base/clock.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <unistd.h>

#define WAIT_MS	     100
#define DISCARD_PORT 9
#define REPLY_MAX    8192

/** struct question - @found: @out is filled */
struct question {
	unsigned index;
	const void *address;
	size_t len;
	uint8_t *out;
	bool found;
};

/* The address itself. Return: its length, 0 for another family. */
static size_t bytes_of(const struct sockaddr *address, uint8_t out[16])
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof(v4));
		memcpy(out, &v4.sin_addr, 4);
		return 4;
	}
	if (address->sa_family != AF_INET6)
		return 0;
	memcpy(&v6, address, sizeof(v6));
	memcpy(out, &v6.sin6_addr, 16);
	return 16;
}

static int neighbour_seen(const struct nlmsghdr *nlh, void *arg)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a, *hardware = NULL, *address = NULL;
	struct question *q = arg;

	if (nlh->nlmsg_type != RTM_NEWNEIGH || (unsigned)nd->ndm_ifindex != q->index)
		return MNL_CB_OK;
	mnl_attr_for_each(a, nlh, sizeof(*nd))
	{
		if (mnl_attr_get_type(a) == NDA_LLADDR)
			hardware = a;
		else if (mnl_attr_get_type(a) == NDA_DST)
			address = a;
	}
	if (!hardware || !address || mnl_attr_get_payload_len(hardware) != NEIGHBOUR_ADDRESS ||
	    nd->ndm_state & (NUD_INCOMPLETE | NUD_FAILED) ||
	    mnl_attr_get_payload_len(address) != q->len ||
	    memcmp(mnl_attr_get_payload(address), q->address, q->len))
		return MNL_CB_OK;
	memcpy(q->out, mnl_attr_get_payload(hardware), NEIGHBOUR_ADDRESS);
	q->found = true;
	return MNL_CB_STOP;
}

static void read_replies(struct mnl_socket *nl, struct question *q)
{
	_Alignas(struct nlmsghdr) char in[REPLY_MAX];
	ssize_t got = mnl_socket_recvfrom(nl, in, sizeof(in));

	if (got > 0)
		mnl_cb_run(in, (size_t)got, 0, 0, neighbour_seen, q);
}

static void ask_kernel(struct mnl_socket *nl, int family, struct question *q)
{
	_Alignas(struct nlmsghdr) char out[128];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(out);
	struct ndmsg *nd = mnl_nlmsg_put_extra_header(nlh, sizeof(*nd));

	nlh->nlmsg_type = RTM_GETNEIGH;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nd->ndm_family = (uint8_t)family;
	nd->ndm_ifindex = (int)q->index;
	mnl_attr_put(nlh, NDA_DST, q->len, q->address);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) >= 0)
		read_replies(nl, q);
}

/* A datagram that nobody wants, for which the kernel needs the hardware address. */
static void call_out(const struct router_interface *lan, const struct sockaddr *address)
{
	struct sockaddr_storage to = {0};
	bool v6 = address->sa_family == AF_INET6;
	int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(&to, address, v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
	if (v6) {
		((struct sockaddr_in6 *)&to)->sin6_port = htons(DISCARD_PORT);
		((struct sockaddr_in6 *)&to)->sin6_scope_id = lan->index;
	} else {
		((struct sockaddr_in *)&to)->sin_port = htons(DISCARD_PORT);
	}
	if (fd < 0)
		return;
	/* Whether it could be sent does not matter: the answer is looked for elsewhere. */
	if (sendto(fd, "", 0, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		errno = 0;
	close(fd);
}

static void wait_for_answer(struct mnl_socket *nl, struct question *q)
{
	struct pollfd p = {.fd = mnl_socket_get_fd(nl), .events = POLLIN};
	int64_t end = clock_now() + WAIT_MS * (CLOCK_SECOND / 1000), left;

	while (!q->found && (left = end - clock_now()) > 0 &&
	       poll(&p, 1, (int)(left / 1000) + 1) > 0)
		read_replies(nl, q);
}

bool neighbour_find(const struct router_interface *lan, const struct sockaddr *address,
		    uint8_t out[NEIGHBOUR_ADDRESS])
{
	uint8_t bytes[16];
	struct question q = {.index = lan->index, .address = bytes, .out = out};
	struct mnl_socket *nl = netlink_open(NETLINK_ROUTE);
	int group = RTNLGRP_NEIGH;

	q.len = bytes_of(address, bytes);
	if (nl && q.len) {
		ask_kernel(nl, address->sa_family, &q);
		if (!q.found &&
		    mnl_socket_setsockopt(nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) == 0) {
			call_out(lan, address);
			wait_for_answer(nl, &q);
		}
	}
	if (nl)
		mnl_socket_close(nl);
	return q.found;
}
