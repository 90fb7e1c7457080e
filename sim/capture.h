/* SPDX-License-Identifier: MIT */
/*
 * capture.h - libpcap on every link, one pcapng.
 *
 * The lab's init forks one process per network, which enters the namespace that sees all its frames
 * (the bridge's, or one end of a veth pair), opens a handle there before anything is sent, and
 * appends packets as whole blocks to the file that all of them share. Each is told to drain and
 * stop at the end.
 */
#ifndef SIM_CAPTURE_H
#define SIM_CAPTURE_H

#include "../fakeigd/base/diag.h"

#include <sys/types.h>

/** CAPTURE_FULL - the comment of the last packet that is kept of a link: 16 MiB are enough to see
 * what a router without an end does, and the packets behind it are only counted. */
#define CAPTURE_FULL                                                                               \
	"igdlab: the last packet of this link that is kept; those behind it are only counted"

/**
 * struct capture_link - something to listen on
 * @netns:	descriptor of its network namespace
 * @ifname:	device there
 * @name:	name in the pcapng: the network's
 */
struct capture_link {
	int netns;
	const char *ifname;
	const char *name;
};

struct capture;

/**
 * capture_start() - open every link and start capturing
 * @dir:	descriptor of the directory where capture.pcapng is made
 * @links:	one process is forked for each, so that opening costs one RCU grace period (8 ms)
 *		altogether and not one per link
 * @d:		which link could not be opened, and why
 *
 * When it returns, every frame from then on is captured (see CAPTURE_FULL). The caller stays in its
 * namespaces. Return: NULL after a complaint; then nothing is left running.
 */
struct capture *capture_start(int dir, const struct capture_link *links, size_t count,
			      struct diag *d);
/** capture_sync() - every frame seen so far is in the file. Return: 0 or -errno. */
int capture_sync(struct capture *c);

/** struct capture_totals - what was seen over all links */
struct capture_totals {
	uint64_t packets;
	uint64_t dropped;
};

/**
 * capture_stop() - drain, write the statistics and let the processes go
 * @out:	totals; may be NULL
 *
 * Frees @c. The file is complete on return; the processes then end by themselves (closing a packet
 * socket takes the kernel 8 to 24 ms, which nobody needs to wait for), and whoever reaps the
 * caller's children reaps them. Return: 0, or -errno of the first link that failed.
 */
int capture_stop(struct capture *c, struct capture_totals *out);
/** capture_owns() - whether @pid is one of its processes (none of them ends before the stop). */
bool capture_owns(const struct capture *c, pid_t pid);

#endif
