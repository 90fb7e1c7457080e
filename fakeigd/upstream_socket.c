/* SPDX-License-Identifier: MIT */
/*
 * upstream_socket.c - the sockets towards the PCP server on the WAN side (see upstream.h).
 *
 * One is connected to the server from the WAN address, and made anew when either is another. One
 * listens on port 5350 of the WAN interface for what the server announces to 224.0.0.1 or to us
 * (RFC 6887 clause 14.1); wan_open.c keeps that port open.
 */
#include "base/clock.h"
#include "interface.h"
#include "journal.h"
#include "profile.h"
#include "upstream_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#define PER_TURN_MAX 64

struct in_addr upstream_server(struct upstream *u)
{
	const struct router *r = u ? u->router : NULL;
	struct in_addr server;

	if (!r || !r->wan.index)
		return (struct in_addr){0};
	server = r->profile->upstream.server[u->place];
	return server.s_addr ? server : interface_gateway(&r->wan);
}

bool upstream_is_ready(struct upstream *u)
{
	return u && u->router->wan.address.s_addr &&
	       (u->router->wan_state == WAN_CONNECTED ||
		u->router->wan_state == WAN_PENDING_DISCONNECT ||
		u->router->profile->policy.upstream_offline) &&
	       upstream_server(u).s_addr;
}

/* ICMP says so. */
static void nobody_listens(struct upstream *u, int error)
{
	const struct upstream_result silent = {.outcome = UPSTREAM_SILENT, .why = strerror(error)};

	upstream_end_all(u, &silent);
}

static void ready(void *arg, int fd, uint32_t events)
{
	struct upstream *u = arg;

	(void)events;
	u->router->handled++;
	for (int i = 0; i < PER_TURN_MAX && u->fd == fd; i++) {
		ssize_t len = recv(fd, u->in, sizeof(u->in), MSG_DONTWAIT);

		if (len >= 0) {
			upstream_read_answer(u, (struct slice){u->in, (size_t)len});
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			nobody_listens(u, errno);
		return;
	}
}

static void announce_ready(void *arg, int fd, uint32_t events)
{
	struct upstream *u = arg;

	(void)events;
	u->router->handled++;
	for (int i = 0; i < PER_TURN_MAX && u->announce_fd == fd; i++) {
		struct sockaddr_in from = {0};
		socklen_t size = sizeof(from);
		ssize_t len = recvfrom(fd, u->in, sizeof(u->in), MSG_DONTWAIT,
				       (struct sockaddr *)&from, &size);

		if (len < 0)
			return;
		upstream_read_announcement(u, &from, (struct slice){u->in, (size_t)len});
	}
}

/* A socket on the WAN interface. Return: descriptor or -errno. */
static int open_bound(const struct router *r, const struct sockaddr_in *local)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, error;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, r->wan.name,
		       (socklen_t)strlen(r->wan.name)) == 0 &&
	    bind(fd, (const struct sockaddr *)local, sizeof(*local)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static void close_answers(struct upstream *u)
{
	if (u->fd < 0)
		return;
	loop_unwatch(u->router->loop, u->source);
	close(u->fd);
	u->fd = -1;
}

const char *upstream_open(struct upstream *u)
{
	const struct router *r = u->router;
	struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr = r->wan.address};
	struct sockaddr_in server = {.sin_family = AF_INET,
				     .sin_addr = upstream_server(u),
				     .sin_port = htons(r->profile->upstream.port)};
	int fd;

	if (!server.sin_addr.s_addr)
		return "there is no server to ask";
	if (u->fd >= 0 && u->local.s_addr == local.sin_addr.s_addr &&
	    u->server.s_addr == server.sin_addr.s_addr)
		return NULL;
	close_answers(u);
	fd = open_bound(r, &local);
	if (fd < 0)
		return strerror(-fd);
	if (connect(fd, (const struct sockaddr *)&server, sizeof(server)) < 0) {
		const char *why = strerror(errno);

		close(fd);
		return why;
	}
	u->fd = fd;
	u->local = local.sin_addr;
	u->server = server.sin_addr;
	u->source = loop_watch(r->loop, fd, EPOLLIN, ready, u);
	return NULL;
}

const char *upstream_send(struct upstream *u, struct slice bytes)
{
	return send(u->fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? strerror(errno)
										  : NULL;
}

void upstream_listen(struct upstream *u)
{
	const struct router *r = u->router;
	const struct sockaddr_in any = {.sin_family = AF_INET,
					.sin_port = htons(PCP_ANNOUNCE_PORT)};
	struct ip_mreqn group = {.imr_ifindex = (int)r->wan.index};
	int fd;

	if (!r->wan.index || u != u->first)
		return;
	fd = open_bound(r, &any);
	if (fd < 0) {
		journal_write(r->journal, JOURNAL_ERROR, "upstream", NULL, NULL,
			      "cannot listen for announcements", "{s:s}", "error", strerror(-fd));
		return;
	}
	/* Every host is in 224.0.0.1; joining it fails where it is so already. */
	inet_pton(AF_INET, PCP_GROUP, &group.imr_multiaddr);
	setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group));
	u->announce_fd = fd;
	u->announce_source = loop_watch(r->loop, fd, EPOLLIN, announce_ready, u);
}

void upstream_close(struct upstream *u)
{
	close_answers(u);
	if (u->announce_fd < 0)
		return;
	loop_unwatch(u->router->loop, u->announce_source);
	close(u->announce_fd);
	u->announce_fd = -1;
}
