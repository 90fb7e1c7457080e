/* SPDX-License-Identifier: MIT */
/* ssdp_parts.h - what ssdp.c (searches), ssdp_notify.c and ssdp_send.c share. */
#ifndef FAKEIGD_SSDP_PARTS_H
#define FAKEIGD_SSDP_PARTS_H

#include "effect.h"
#include "message.h"
#include "router.h"
#include "ssdp.h"

#define SSDP_SOCKETS_MAX (2 * (ROUTER_LANS_MAX + 1))
#define SSDP_DATAGRAM	 8192 /* longer ones are no SSDP messages */

/** enum ssdp_scope - which addresses a message may speak of (UDA 2.0 A.3, A.4.2) */
enum ssdp_scope { SSDP_IPV4, SSDP_LINK_LOCAL, SSDP_SITE_LOCAL, SSDP_SCOPE_COUNT };

/** struct ssdp_socket - UDP port 1900 of one interface and family */
struct ssdp_socket {
	struct ssdp *ssdp;
	const struct router_interface *iface;
	int family;
	int fd;
	struct loop_source *source;
};

/**
 * struct ssdp_way - how a message leaves
 * @socket:	by which interface
 * @scope:	which LOCATION it carries
 * @from:	our address; family AF_UNSPEC = the interface's of that scope
 * @to:		where it goes
 */
struct ssdp_way {
	struct ssdp_socket *socket;
	enum ssdp_scope scope;
	struct sockaddr_storage from;
	struct sockaddr_storage to;
};

/**
 * struct ssdp_delayed - a datagram that waits
 * @what:	for the journal
 * @copies, @gap_us, @source_port, @source_address: as in struct effects
 * @held:	leaves behind the next datagram that is not held, or when its time comes
 */
struct ssdp_delayed {
	struct ssdp *ssdp;
	struct ssdp_delayed *next;
	struct ssdp_delayed *prev;
	struct loop_timer timer;
	struct ssdp_way way;
	struct buf bytes;
	char *what;
	unsigned copies;
	int64_t gap_us;
	uint16_t source_port;
	struct in_addr source_address;
	bool held;
};

/**
 * struct ssdp - discovery
 * @sockets, @count: one per interface and family
 * @announce:	next advertisement set
 * @sets_left:	of the initial ones
 * @fresh:	the first set since (re)start is still to come
 * @first, @delayed: datagrams that wait, and how many
 * @random:	state of the generator of delays
 * @out, @location: buffers that are kept
 */
struct ssdp {
	struct router *router;
	struct ssdp_socket sockets[SSDP_SOCKETS_MAX];
	size_t count;
	struct loop_timer announce;
	unsigned sets_left;
	bool fresh;
	struct ssdp_delayed *first;
	size_t delayed;
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
bool ssdp_group_way(struct ssdp_socket *socket, enum ssdp_scope scope, struct ssdp_way *out);

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
/** ssdp_forget_delayed() - drop what waits. */
void ssdp_forget_delayed(struct ssdp *s);
/** ssdp_announce() - NOTIFY for every advertisement to every group, at once. */
void ssdp_announce(struct ssdp *s, enum message_id message);

#endif
