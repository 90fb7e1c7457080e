/* SPDX-License-Identifier: MIT */
/* portcontrol_parts.h - what portcontrol.c, portcontrol_send.c and the protocols share. */
#ifndef FAKEIGD_PORTCONTROL_PARTS_H
#define FAKEIGD_PORTCONTROL_PARTS_H

#include "natpmp.h"
#include "pcp.h"
#include "portcontrol.h"

#define PORTCONTROL_PORT	5351
#define PORTCONTROL_MESSAGE_MAX 1100 /* RFC 6886 clause 3.5, RFC 6887 clause 7 */
#define PORTCONTROL_DATAGRAM	2048

/** struct portcontrol_socket - the port on one interface, of one family */
struct portcontrol_socket {
	struct portcontrol *portcontrol;
	const struct router_interface *iface;
	sa_family_t family;
	int fd;
	struct loop_source *source;
};

/**
 * struct portcontrol_delayed - a datagram that waits
 * @layer, @what: for the journal
 * @copies, @gap_us, @source_port, @source_address: as in struct effects
 */
struct portcontrol_delayed {
	struct portcontrol *portcontrol;
	struct portcontrol_delayed *next;
	struct portcontrol_delayed *prev;
	struct loop_timer timer;
	struct portcontrol_socket *socket;
	struct sockaddr_storage from;
	struct sockaddr_storage to;
	struct buf bytes;
	const char *layer;
	char *what;
	unsigned copies;
	int64_t gap_us;
	uint16_t source_port;
	struct in_addr source_address;
};

/**
 * struct portcontrol - port 5351
 * @lost, @renumbered: clock_now() when the table was last lost, and the address last changed
 * @first, @delayed: datagrams that wait, and how many
 */
struct portcontrol {
	struct router *router;
	struct portcontrol_socket sockets[2 * (ROUTER_LANS_MAX + 1)];
	size_t count;
	int64_t lost;
	int64_t renumbered;
	struct portcontrol_delayed *first;
	size_t delayed;
	struct natpmp_state natpmp;
	struct pcp_state pcp;
	char in[PORTCONTROL_DATAGRAM];
};

/** portcontrol_forget_delayed() - drop what waits. */
void portcontrol_forget_delayed(struct portcontrol *p);

#endif
