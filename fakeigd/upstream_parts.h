/* SPDX-License-Identifier: MIT */
/* upstream_parts.h - what the files of the upstream engine share; nobody else includes it. */
#ifndef FAKEIGD_UPSTREAM_PARTS_H
#define FAKEIGD_UPSTREAM_PARTS_H

#include "router.h"
#include "upstream.h"
#include "wire/epoch.h"

#include <sys/queue.h>

#define UPSTREAM_DATAGRAM 2048

/**
 * struct upstream_call - a request on its way
 * @asked:	what answers are compared with
 * @bytes:	the same as it is sent
 * @timer:	sends again, or gives up at @deadline
 * @rt_us:	RT of clause 8.1.1: the last gap, 0 before the first
 * @ending:	how it has ended, which @timer is about to tell; NULL texts while it goes on
 */
struct upstream_call {
	struct upstream *upstream;
	LIST_ENTRY(upstream_call) link;
	struct pcp_message asked;
	struct buf bytes;
	struct loop_timer timer;
	int64_t rt_us;
	int64_t deadline;
	struct upstream_result ending;
	upstream_fn *fn;
	void *arg;
};

/**
 * struct upstream - the engine, or its part for a further server
 * @first, @next, @place: of the parts; the first is the engine, has the watches and listens to
 *		announcements
 * @fd, @source: towards the server, -1 = not open; connected, so that the kernel lets nobody else
 *		in and hands ICMP errors up
 * @local, @server: what @fd is bound and connected to
 * @announce_fd, @announce_source: port 5350 of the WAN, -1 = not open
 * @calls:	requests on their way, the newest first
 * @epoch:	of the server
 * @secret:	what nonces are made from
 * @random:	of the gaps between retransmissions
 */
struct upstream {
	struct router *router;
	struct upstream *first;
	struct upstream *next;
	size_t place;
	int fd;
	struct loop_source *source;
	struct in_addr local;
	struct in_addr server;
	int announce_fd;
	struct loop_source *announce_source;
	LIST_HEAD(, upstream_call) calls;
	struct upstream_watch *watches;
	struct epoch epoch;
	uint64_t secret[2];
	uint64_t random;
	char in[UPSTREAM_DATAGRAM];
};

/* upstream_receive.c */
/** upstream_read_answer() - a datagram of the server by @u->fd. */
void upstream_read_answer(struct upstream *u, struct slice bytes);
/** upstream_read_announcement() - a datagram that came to port 5350 from @from. */
void upstream_read_announcement(struct upstream *u, const struct sockaddr_in *from,
				struct slice bytes);
/** upstream_tell_lost() - everybody who watches. */
void upstream_tell_lost(struct upstream *u, const char *why);

/* upstream.c */
/** upstream_finish() - take @call off, free it and call its asker. */
void upstream_finish(struct upstream_call *call, const struct upstream_result *result);
/** upstream_end_all() - every request ends that way, which its asker hears in a turn of its own. */
void upstream_end_all(struct upstream *u, const struct upstream_result *result);
/** upstream_journal() - a line of layer "upstream" about a message to or from the server. */
void upstream_journal(const struct upstream *u, bool sent, const struct pcp_message *m,
		      const char *note);

/* upstream_socket.c */
/** upstream_open() - towards the present server from the present address. NULL, or why not. */
const char *upstream_open(struct upstream *u);
/** upstream_send() - NULL, or why it could not be sent. */
const char *upstream_send(struct upstream *u, struct slice bytes);
/** upstream_listen() - port 5350 for announcements; where it cannot be opened the journal says so.
 */
void upstream_listen(struct upstream *u);
void upstream_close(struct upstream *u);

#endif
