/* SPDX-License-Identifier: MIT */
/*
 * portcontrol.h - UDP port 5351: NAT-PMP and other protocols that open ports, told apart by the
 * first byte.
 *
 * A protocol is a line of the table in portcontrol.c; it gets its requests, sends by
 * portcontrol_send() and portcontrol_announce(), and shares the epoch and the table of mappings.
 */
#ifndef FAKEIGD_PORTCONTROL_H
#define FAKEIGD_PORTCONTROL_H

#include "effect.h"
#include "router.h"

struct datagram_socket;
struct portcontrol;

/** enum portcontrol_event - what befalls the router
 * @PORTCONTROL_LOST:		mappings are gone: reboot, reset, table cleared
 * @PORTCONTROL_RENUMBERED:	another external address
 * @PORTCONTROL_CONNECTED:	an external address again
 */
enum portcontrol_event {
	PORTCONTROL_LOST,
	PORTCONTROL_RENUMBERED,
	PORTCONTROL_CONNECTED,
};

/**
 * struct portcontrol_request - a datagram that came to port 5351
 * @socket:	by which interface
 * @from, @local: who asked, and at which of our addresses
 * @bytes:	as received, at least 1
 */
struct portcontrol_request {
	struct portcontrol *portcontrol;
	struct datagram_socket *socket;
	struct sockaddr_storage from;
	struct sockaddr_storage local;
	struct slice bytes;
};

/** portcontrol_new() - open the port on every LAN interface where a protocol is on, and announce.
 * NULL with @error = -errno. */
struct portcontrol *portcontrol_new(struct router *r, int *error);
void portcontrol_free(struct portcontrol *p);
/** portcontrol_reopen() - addresses or policies have changed: the sockets that are wanted now, and
 * what waited is forgotten. 0 or -errno; then nothing listens. */
int portcontrol_reopen(struct portcontrol *p);
/** portcontrol_notice() - the epoch starts anew (not for CONNECTED), and protocols announce it. @p
 * may be NULL. */
void portcontrol_notice(struct portcontrol *p, enum portcontrol_event event);
/** portcontrol_begin_epoch() - a part of the state is lost: seconds count anew. Whoever calls it
 * announces. */
void portcontrol_begin_epoch(struct portcontrol *p);
/** portcontrol_epoch() - seconds since the table was last lost or (@renumbered) the address became
 * another. */
uint32_t portcontrol_epoch(const struct portcontrol *p, bool renumbered);

/**
 * portcontrol_send() - answer a request, or keep the answer until its time
 * @layer, @what: for the journal
 * @bytes:	the answer
 * @e:		effects of the rules that matched: drop, delay, duplicate, truncate, pad,
 * wrong-source
 */
void portcontrol_send(const struct portcontrol_request *q, const char *layer, const char *what,
		      struct slice bytes, const struct effects *e);
/** portcontrol_announce() - the same to a group and its port, of either family, on every LAN. */
void portcontrol_announce(struct portcontrol *p, const struct sockaddr_storage *group,
			  const char *layer, const char *what, struct slice bytes,
			  const struct effects *e);
/** portcontrol_group() - an address and port as portcontrol_announce() takes them. */
struct sockaddr_storage portcontrol_group(const char *address, uint16_t port);

#endif
