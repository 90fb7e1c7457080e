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
 * struct cp_server - whom to ask: an address of either family, :: = none
 * @address:	IPv4 as ::ffff:a.b.c.d
 * @zone:	interface of a link-local address, 0 = none
 */
struct cp_server {
	struct in6_addr address;
	uint32_t zone;
};

/**
 * struct cp_talk - a socket to one server; zero-initialised is closed
 * @fd:		valid while @open
 * @local:	our address on the way there; IPv4 as ::ffff:a.b.c.d
 * @why:	why an exchange did not work out (static)
 */
struct cp_talk {
	bool open;
	int fd;
	struct cp_server server;
	struct in6_addr local;
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

/** cp_server_v4() - an IPv4 address as a server. */
struct cp_server cp_server_v4(struct in_addr address);
/** cp_v4() - an address that is one of IPv4, else 0.0.0.0. */
struct in_addr cp_v4(const struct in6_addr *address);
/** cp_server_text() - "192.168.1.1", "fe80::1%eth0" into @out. Return: @out. */
#define CP_SERVER_TEXT 64
const char *cp_server_text(const struct cp_server *s, char out[CP_SERVER_TEXT]);
/** cp_parse_server() - such a text; without a zone where a link-local address needs one it is none.
 */
bool cp_parse_server(const char *text, struct cp_server *out);
/** cp_server_is() - whether a datagram's source is that server, port aside. */
bool cp_server_is(const struct cp_server *s, const struct sockaddr_storage *from);
/** cp_talk_open() - a socket connected to @server, from our address on its link, or from cp->own6
 * over IPv6: the kernel drops what others send (NATPMP-37, PCP-77) and tells of ICMP. Closes what
 * was open. False: t->why. */
bool cp_talk_open(struct cp *cp, struct cp_talk *t, const struct cp_server *server);
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
