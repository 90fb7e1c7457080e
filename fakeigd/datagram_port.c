/* SPDX-License-Identifier: MIT */
/*
 * datagram_port.c - the sockets of a UDP port (see datagram_port.h).
 *
 * One socket per interface and family, bound to the device, so that other interfaces see a closed
 * port. The kernel tells with each datagram to which address it came (IP_PKTINFO, IPV6_PKTINFO).
 */
#include "datagram_port.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define PER_TURN_MAX 64 /* datagrams of one socket before others have their turn */

/* To which address of ours, or group, a datagram came. */
static void find_local(const struct datagram_socket *socket, struct msghdr *msg,
		       struct sockaddr_storage *out)
{
	uint16_t port = htons(socket->port->number);
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = port};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = port};

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct in_pktinfo info;
		struct in6_pktinfo info6;

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			v4.sin_addr = info.ipi_addr;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info6, CMSG_DATA(c), sizeof(info6));
			v6.sin6_addr = info6.ipi6_addr;
			if (IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) ||
			    IN6_IS_ADDR_MULTICAST(&v6.sin6_addr))
				v6.sin6_scope_id = info6.ipi6_ifindex;
		}
	}
	if (socket->family == AF_INET)
		memcpy(out, &v4, sizeof(v4));
	else
		memcpy(out, &v6, sizeof(v6));
}

static void socket_ready(void *arg, int fd, uint32_t events)
{
	struct datagram_socket *socket = arg;
	struct datagram_port *port = socket->port;

	(void)events;
	port->router->handled++;
	for (int i = 0; i < PER_TURN_MAX && !router_will_change(port->router); i++) {
		union {
			struct cmsghdr align;
			char bytes[256];
		} control;
		struct datagram_received got = {0};
		struct iovec iov = {port->in, port->size};
		struct msghdr msg = {
			.msg_name = &got.from,
			.msg_namelen = sizeof(got.from),
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};
		ssize_t len = recvmsg(fd, &msg, MSG_DONTWAIT);

		if (len < 0)
			return;
		find_local(socket, &msg, &got.local);
		got.bytes = (struct slice){port->in, (size_t)len};
		got.cut = msg.msg_flags & MSG_TRUNC;
		port->receive(port->arg, socket, &got);
	}
}

static int open_socket(const struct router_interface *iface, sa_family_t family, uint16_t port)
{
	const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	const struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	bool v4 = family == AF_INET;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, error;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (v4) {
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	} else {
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	}
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, iface->name,
		       (socklen_t)strlen(iface->name)) == 0 &&
	    bind(fd, v4 ? (const struct sockaddr *)&any : (const struct sockaddr *)&any6,
		 v4 ? sizeof(any) : sizeof(any6)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int datagram_port_open(struct datagram_port *port, const struct router_interface *iface,
		       sa_family_t family)
{
	struct datagram_socket *socket = &port->sockets[port->count];
	int fd = open_socket(iface, family, port->number);

	if (fd < 0)
		return fd;
	*socket = (struct datagram_socket){port, iface, family, fd, NULL};
	socket->source = loop_watch(port->router->loop, fd, EPOLLIN, socket_ready, socket);
	port->count++;
	return fd;
}

void datagram_port_close(struct datagram_port *port)
{
	datagram_forget(port);
	for (size_t i = 0; i < port->count; i++) {
		loop_unwatch(port->router->loop, port->sockets[i].source);
		close(port->sockets[i].fd);
	}
	port->count = 0;
}

int datagram_port_reopen(struct datagram_port *port,
			 int (*serve)(void *arg, const struct router_interface *iface),
			 bool on_lans, bool on_wan)
{
	const struct router *r = port->router;
	int error = 0;

	datagram_port_close(port);
	for (size_t i = 0; i < r->lans && !error && on_lans; i++)
		error = serve(port->arg, &r->lan[i]);
	if (!error && on_wan && r->wan.index)
		error = serve(port->arg, &r->wan);
	if (error)
		datagram_port_close(port);
	return error;
}
