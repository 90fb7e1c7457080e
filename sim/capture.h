/* SPDX-License-Identifier: MIT */
/*
 * capture.h - libpcap on every link, one pcapng.
 *
 * The lab's init opens one handle per network (in the namespace that sees all its frames: the
 * bridge, or one end of a veth pair) before anything is sent, and forks a capture process that owns
 * them. It writes packets as they come and is told to drain and stop at the end.
 */
#ifndef SIM_CAPTURE_H
#define SIM_CAPTURE_H

#include "../fakeigd/base/diag.h"

#include <sys/types.h>

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
 * capture_start() - open every link and start the capture process
 * @dir:	directory descriptor where capture.pcapng is made
 *
 * When it returns, every frame from then on is captured. Return: NULL after a complaint.
 */
struct capture *capture_start(int dir, const struct capture_link *links, size_t count,
			      struct diag *d);
/** capture_sync() - everything captured so far is in the file. Return: 0 or -errno. */
int capture_sync(struct capture *c);
/** struct capture_totals - what was seen over all links */
struct capture_totals {
	uint64_t packets;
	uint64_t dropped;
};
/** capture_stop() - drain, write statistics, end the process, free @c. */
int capture_stop(struct capture *c, struct capture_totals *out);
pid_t capture_pid(const struct capture *c);

/**
 * evidence_finish() - after the lab ended: comments of the journals into capture.pcapng, ladder.svg
 * @dir:	evidence directory: capture.pcapng, *.journal.ndjson, lab.json ("info" reply)
 */
int evidence_finish(const char *dir, struct diag *d);

#endif
