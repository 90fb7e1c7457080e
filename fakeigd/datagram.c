/* SPDX-License-Identifier: MIT */
/*
 * datagram.c - sending UDP from an address of choice (see datagram.h).
 *
 * The source address of ours goes along as a control message (IP_PKTINFO, IPV6_PKTINFO), so that
 * one socket per interface serves all its addresses. Another port, or an address that is not ours,
 * takes a socket that is made and closed for it.
 */
#include "datagram.h"

#include "base/mem.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* The one control message that @msg has room for. */
static void put_control(struct msghdr *msg, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *cmsg = msg->msg_control;

	msg->msg_controllen = CMSG_SPACE(len);
	*cmsg = (struct cmsghdr){.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(len)};
	memcpy(CMSG_DATA(cmsg), data, len);
}

int datagram_send(int fd, const struct router_interface *iface, const struct sockaddr_storage *from,
		  const struct sockaddr_storage *to, struct slice bytes)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)bytes.ptr, bytes.len};
	struct sockaddr_storage target = *to;
	struct msghdr msg = {.msg_name = &target, .msg_iov = &iov, .msg_iovlen = 1};
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	msg.msg_control = &control;
	if (from->ss_family == AF_INET) {
		struct in_pktinfo info = {.ipi_ifindex = (int)iface->index};

		memcpy(&v4, from, sizeof(v4));
		info.ipi_spec_dst = v4.sin_addr;
		msg.msg_namelen = sizeof(struct sockaddr_in);
		put_control(&msg, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else {
		struct in6_pktinfo info = {.ipi6_ifindex = iface->index};

		memcpy(&v6, from, sizeof(v6));
		info.ipi6_addr = v6.sin6_addr;
		msg.msg_namelen = sizeof(struct sockaddr_in6);
		put_control(&msg, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int datagram_send_from(const struct router_interface *iface, const struct sockaddr_storage *from,
		       const struct sockaddr_storage *to, int ttl, struct slice bytes)
{
	bool v4 = from->ss_family == AF_INET;
	socklen_t len = v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	int fd = socket(from->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, error = 0;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, iface->name, (socklen_t)strlen(iface->name));
	if (v4) {
		setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl));
	} else {
		setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &ttl, sizeof(ttl));
	}
	if (bind(fd, (const struct sockaddr *)from, len) < 0 ||
	    sendto(fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL,
		   (const struct sockaddr *)to, len) < 0)
		error = -errno;
	close(fd);
	return error;
}

/* An address in 0.0.0.0/8 is a host number in the interface's network. */
static struct in_addr other_address(const struct router_interface *iface, struct in_addr address)
{
	uint32_t host = ntohl(address.s_addr), bits = 32 - (uint32_t)iface->prefix;

	if (host >> 24 || bits >= 32)
		return address;
	return (struct in_addr){htonl((ntohl(iface->address.s_addr) >> bits << bits) | host)};
}

void datagram_set_source(struct sockaddr_storage *from, const struct router_interface *iface,
			 uint16_t port, struct in_addr address)
{
	struct sockaddr_in v4;

	/* The port lies at the same place in both families; another address is IPv4 only. */
	memcpy(&v4, from, sizeof(v4));
	if (port)
		v4.sin_port = htons(port);
	if (address.s_addr && from->ss_family == AF_INET)
		v4.sin_addr = other_address(iface, address);
	memcpy(from, &v4, sizeof(v4));
}
