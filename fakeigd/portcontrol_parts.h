/* SPDX-License-Identifier: MIT */
/* portcontrol_parts.h - what portcontrol.c, portcontrol_send.c and the protocols share. */
#ifndef FAKEIGD_PORTCONTROL_PARTS_H
#define FAKEIGD_PORTCONTROL_PARTS_H

#include "datagram_port.h"
#include "natpmp.h"
#include "pcp.h"
#include "portcontrol.h"

#define PORTCONTROL_PORT	5351
#define PORTCONTROL_MESSAGE_MAX 1100 /* RFC 6886 clause 3.5, RFC 6887 clause 7 */
#define PORTCONTROL_DATAGRAM	2048

/**
 * struct portcontrol - port 5351
 * @port:	its sockets, and what waits to be sent
 * @lost, @renumbered: clock_now() when the table was last lost, and the address last changed
 */
struct portcontrol {
	struct router *router;
	struct datagram_port port;
	int64_t lost;
	int64_t renumbered;
	struct natpmp_state natpmp;
	struct pcp_state pcp;
	char in[PORTCONTROL_DATAGRAM];
};

#endif
