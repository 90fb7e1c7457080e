/* SPDX-License-Identifier: MIT */
/*
 * upstream_fixture.h - a router whose WAN is the loopback interface, and a PCP server there that is
 * the test: a socket from which requests are taken and to which answers are written. All in a
 * network namespace of the test's own; where the kernel forbids that, tests are skipped and say
 * why.
 */
#ifndef IGDLAB_CASES_UPSTREAM_FIXTURE_H
#define IGDLAB_CASES_UPSTREAM_FIXTURE_H

#include "router_fixture.h"

#include "../../fakeigd/upstream.h"
#include "../../fakeigd/upstream_parts.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct up {
	struct fixture f;
	int server;
	struct sockaddr_in from;
	struct pcp_message m; /* the last request */
	char bytes[2048];
	ssize_t len;
};

static char up_why_not[128];

/* Group setup: a loopback interface of our own. */
static inline int up_namespace(void **state)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = -1;

	(void)state;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		snprintf(up_why_not, sizeof(up_why_not), "no network namespace here: %s",
			 strerror(errno));
	if (fd >= 0)
		close(fd);
	return 0;
}

static inline void up_start(struct up *up, const char *profile)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = ip("127.0.0.1")};
	socklen_t size = sizeof(at);

	if (*up_why_not) {
		print_message("%s\n", up_why_not);
		skip();
	}
	fixture_start(&up->f, profile);
	up->server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(up->server, (struct sockaddr *)&at, size), 0);
	assert_int_equal(getsockname(up->server, (struct sockaddr *)&at, &size), 0);
	strcpy(up->f.r.wan.name, "lo");
	up->f.r.wan.index = if_nametoindex("lo");
	up->f.r.wan.address = ip("127.0.0.1");
	up->f.r.profile->upstream.server[0] = ip("127.0.0.1");
	up->f.r.profile->upstream.port = ntohs(at.sin_port);
	up->f.r.upstream = upstream_new(&up->f.r);
	assert_non_null(up->f.r.upstream);
}

static inline void up_stop(struct up *up)
{
	upstream_free(up->f.r.upstream);
	close(up->server);
	fixture_stop(&up->f);
}

/* What lies at the server: the next request, or none. */
static inline bool asked(struct up *up)
{
	socklen_t size = sizeof(up->from);

	up->len = recvfrom(up->server, up->bytes, sizeof(up->bytes), 0,
			   (struct sockaddr *)&up->from, &size);
	if (up->len < 0)
		return false;
	assert_int_equal(pcp_parse_request(up->bytes, (size_t)up->len, &up->m), PCP_OK);
	return true;
}

static inline void reply(struct up *up, const struct pcp_message *m)
{
	struct buf out = {0};

	pcp_build_response(&out, m);
	sendto(up->server, out.data, out.len, 0, (struct sockaddr *)&up->from, sizeof(up->from));
	buf_free(&out);
	loop_step(up->f.r.loop, 0);
	loop_step(up->f.r.loop, 0);
}

/* A success to the last request. */
static inline struct pcp_message success(const struct up *up, uint32_t epoch)
{
	struct pcp_message m = up->m;

	m.response = true;
	m.epoch = epoch;
	m.lifetime = 120;
	m.external_port = 6598;
	m.external_address = pcp_address_from_v4(ip("44.0.1.9"));
	m.options = (struct slice){0};
	return m;
}

#endif
