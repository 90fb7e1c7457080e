/* SPDX-License-Identifier: MIT */
/* cp_talk.h - datagrams to port 5351 of a gateway and back, for NAT-PMP and PCP (see
 * controlpoint.h). */
#ifndef SIM_CP_TALK_H
#define SIM_CP_TALK_H

#include "../fakeigd/base/slice.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define CP_TALK_MAX 2048 /* bytes of an answer that are read; above it is none anyway */

struct cp;

/**
 * struct cp_talk - a socket to one gateway; zero-initialised is closed
 * @fd:		valid while @open
 * @local:	our address on the way there
 * @why:	why an exchange did not work out (static)
 */
struct cp_talk {
	bool open;
	int fd;
	struct in_addr gateway;
	struct in_addr local;
	const char *why;
};

/**
 * struct cp_schedule - when a request is sent again
 * @first_us:	after the first one; doubles
 * @most_us:	no gap is longer
 * @jitter:	parts of a hundred by which a gap may differ, either way
 * @tries:	requests at most, 0 = no limit
 */
struct cp_schedule {
	int64_t first_us;
	int64_t most_us;
	int jitter;
	int tries;
};

/* RFC 6886 clause 3.1 (NATPMP-35); RFC 6887 clause 8.1.1 (PCP-76), of which RFC 7488 clause 3 takes
 * four for a server that has more than one address (PCPX-20); and one request alone. */
extern const struct cp_schedule cp_schedule_natpmp, cp_schedule_pcp, cp_schedule_pcp_one_of_many,
	cp_schedule_once;

enum cp_heard {
	CP_HEARD_NOTHING,
	CP_HEARD_ANSWER,
	CP_HEARD_REFUSAL, /* ICMP: the port is closed, or there is no way */
	CP_HEARD_STOP,	  /* cp->stop_fd */
};

/** struct cp_question - a request, and what tells its answer from other datagrams */
struct cp_question {
	struct slice bytes;
	bool (*is_answer)(void *arg, const char *data, size_t len);
	void *arg;
};

/** cp_talk_open() - a socket connected to @gateway, from our address on its link: the kernel drops
 * what others send (NATPMP-37, PCP-77) and tells of ICMP. Closes what was open. False: t->why. */
bool cp_talk_open(struct cp *cp, struct cp_talk *t, struct in_addr gateway);
void cp_talk_close(struct cp_talk *t);
/** cp_talk_ask() - one exchange, @for_us at most; t->why says why there is no answer. */
enum cp_heard cp_talk_ask(struct cp *cp, struct cp_talk *t, const struct cp_schedule *schedule,
			  int64_t for_us, const struct cp_question *question);
bool cp_talk_send(struct cp *cp, struct cp_talk *t, struct slice bytes);
/** cp_talk_receive() - the next datagram that is there, without waiting. Return: its length, 0
 * none, -1 refused. */
int cp_talk_receive(struct cp_talk *t, char *data, size_t size);
/** cp_random() - 0 to @limit - 1, from the kernel. */
uint32_t cp_random(uint32_t limit);

#endif
