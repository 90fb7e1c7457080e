/* SPDX-License-Identifier: MIT */
/* ssdp_parts.h - what ssdp.c (searches), ssdp_notify.c and ssdp_send.c share. */
#ifndef FAKEIGD_SSDP_PARTS_H
#define FAKEIGD_SSDP_PARTS_H

#include "datagram_port.h"
#include "effect.h"
#include "message.h"
#include "router.h"
#include "ssdp.h"

#define SSDP_DATAGRAM 8192 /* longer ones are no SSDP messages */

/** enum ssdp_scope - which addresses a message may speak of (UDA 2.0 A.3, A.4.2) */
enum ssdp_scope { SSDP_IPV4, SSDP_LINK_LOCAL, SSDP_SITE_LOCAL, SSDP_SCOPE_COUNT };

/**
 * struct ssdp_way - how a message leaves
 * @socket:	by which interface
 * @scope:	which LOCATION it carries
 * @from:	our address; family AF_UNSPEC = the interface's of that scope
 * @to:		where it goes
 */
struct ssdp_way {
	struct datagram_socket *socket;
	enum ssdp_scope scope;
	struct sockaddr_storage from;
	struct sockaddr_storage to;
};

/**
 * struct ssdp - discovery
 * @port:	1900 of the LANs, and what waits to be sent
 * @announce:	next advertisement set
 * @sets_left:	of the initial ones
 * @fresh:	the first set since (re)start is still to come
 * @random:	state of the generator of delays
 * @out, @location: buffers that are kept
 */
struct ssdp {
	struct router *router;
	struct datagram_port port;
	struct loop_timer announce;
	unsigned sets_left;
	bool fresh;
	uint64_t random;
	struct buf out;
	struct buf location;
	char in[SSDP_DATAGRAM];
};

/** ssdp_group_host() - a group and its port, as HOST has it. */
const char *ssdp_group_host(enum ssdp_scope scope);
/** ssdp_random() - evenly distributed in [0, @limit). */
int64_t ssdp_random(struct ssdp *s, int64_t limit);

/**
 * ssdp_group_way() - the way to a multicast group
 *
 * Return: false when the interface has no address of that scope.
 */
bool ssdp_group_way(struct datagram_socket *socket, enum ssdp_scope scope, struct ssdp_way *out);

/**
 * ssdp_send() - render a message and send it, or keep it until its time
 * @message:	which template, unless @e->head has another
 * @st, @usn:	ST or NT, and USN
 * @e:		effects of the rules that matched
 */
void ssdp_send(struct ssdp *s, const struct ssdp_way *way, enum message_id message, const char *st,
	       const char *usn, const struct effects *e);
/** ssdp_send_also() - the further datagrams that rules want after it; the same arguments. */
void ssdp_send_also(struct ssdp *s, const struct ssdp_way *way, const char *st, const char *usn,
		    const struct effects *e);
/** ssdp_announce() - NOTIFY for every advertisement to every group, at once. */
void ssdp_announce(struct ssdp *s, enum message_id message);

#endif
