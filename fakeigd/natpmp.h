/* SPDX-License-Identifier: MIT */
/* natpmp.h - the NAT-PMP server (RFC 6886), a protocol of portcontrol.c. */
#ifndef FAKEIGD_NATPMP_H
#define FAKEIGD_NATPMP_H

#include "base/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct router;
struct portcontrol;
struct portcontrol_request;

/**
 * struct natpmp_state - what the server remembers beside the table of mappings
 * @announce:	next announcement
 * @announced:	of the present row of them
 * @next_port:	where the search for a free high port goes on
 */
struct natpmp_state {
	struct loop_timer announce;
	unsigned announced;
	uint16_t next_port;
};

/** natpmp_is_on() - the profile has NAT-PMP, and the router is a NAT (clause 3.8). */
bool natpmp_is_on(const struct router *r);
/** natpmp_receive() - answer a datagram, whatever its version. */
void natpmp_receive(const struct portcontrol_request *q);
/** natpmp_announce() - tell the LAN the external address and the epoch, ten times with gaps that
 * double (clause 3.2.1); a row that is under way starts again. */
void natpmp_announce(struct portcontrol *p);
/** natpmp_stop() - no further announcements. */
void natpmp_stop(struct portcontrol *p);

#endif
