/* SPDX-License-Identifier: MIT */
/*
 * forward_timers.c - how long the kernel keeps connections without packets (policy nat.timers).
 *
 * Switches of the network namespace, for IPv4 and IPv6. What they were before is kept, and comes
 * back with a profile that has no timers of its own. RFC 6092 REC-14 and REC-35 (V6FW-05, V6FW-09)
 * and RFC 4787 REQ-5 are what short ones break.
 */
#include "base/mem.h"
#include "choice.h"
#include "forward_table.h"
#include "router.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TIMERS 5

/* Below /proc/sys/net/netfilter, and seconds of nat.timers short */
static const struct {
	const char *name;
	const char *seconds;
} timers[TIMERS] = {
	{"nf_conntrack_udp_timeout", "10"},
	{"nf_conntrack_udp_timeout_stream", "10"},
	{"nf_conntrack_tcp_timeout_established", "60"},
	{"nf_conntrack_tcp_timeout_syn_sent", "5"},
	{"nf_conntrack_tcp_timeout_syn_recv", "5"},
};

/* There is one fakeigd for a network namespace (forward.c). */
static char before[TIMERS][16];

static int open_timer(const char *name, int flags)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/sys/net/netfilter/%s", name);
	return open(path, flags | O_CLOEXEC);
}

static int read_timer(const char *name, char *out, size_t size)
{
	int fd = open_timer(name, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, out, size - 1);
	int error = got < 0 ? -errno : 0;

	out[got < 0 ? 0 : got] = '\0';
	if (fd >= 0)
		close(fd);
	return error;
}

static int write_timer(const char *name, const char *value)
{
	int fd = open_timer(name, O_WRONLY);
	int error = fd < 0 || write(fd, value, strlen(value)) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

static int shorten(void)
{
	int error = 0;

	for (size_t i = 0; !error && i < TIMERS; i++) {
		if (!before[i][0])
			error = read_timer(timers[i].name, before[i], sizeof(before[i]));
		if (!error)
			error = write_timer(timers[i].name, timers[i].seconds);
	}
	return error;
}

static int restore(void)
{
	int error = 0;

	for (size_t i = 0; !error && i < TIMERS; i++) {
		if (before[i][0])
			error = write_timer(timers[i].name, before[i]);
		before[i][0] = '\0';
	}
	return error;
}

int forward_timers(const struct router *r, const char **what)
{
	*what = "the kernel's timers of connections (/proc/sys/net/netfilter)";
	if (r->profile && policy_is(&r->profile->policy, nat_timers, "short"))
		return shorten();
	return restore();
}
