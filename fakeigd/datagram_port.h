/* SPDX-License-Identifier: MIT */
/* datagram_port.h - a UDP port of ours on several interfaces: its sockets, and what waits to leave
 * by them. */
#ifndef FAKEIGD_DATAGRAM_PORT_H
#define FAKEIGD_DATAGRAM_PORT_H

#include "effect.h"
#include "router.h"

#include <sys/queue.h>

struct datagram_port;
struct datagram_waiting;

/** struct datagram_socket - the port on one interface, of one family */
struct datagram_socket {
	struct datagram_port *port;
	const struct router_interface *iface;
	sa_family_t family;
	int fd;
	struct loop_source *source;
};

/**
 * struct datagram_received - what has come
 * @from:	who sent it
 * @local:	to which address of ours, or group; with its zone unless it is a global one
 * @bytes:	as received, at most the port's @size
 * @cut:	it was longer
 */
struct datagram_received {
	struct sockaddr_storage from;
	struct sockaddr_storage local;
	struct slice bytes;
	bool cut;
};

/**
 * struct datagram_port - a UDP port; the owner sets all up to @size, the rest is zero
 * @number:	of the port
 * @receive:	called for each datagram; @arg is the owner's
 * @in, @size:	the buffer that datagrams are read into
 * @sockets, @count: one per interface and family
 * @waiting, @waiting_count: datagrams that wait, the newest first, and how many
 */
struct datagram_port {
	struct router *router;
	uint16_t number;
	void (*receive)(void *arg, struct datagram_socket *socket,
			const struct datagram_received *got);
	void *arg;
	char *in;
	size_t size;
	struct datagram_socket sockets[2 * (ROUTER_LANS_MAX + 1)];
	size_t count;
	LIST_HEAD(, datagram_waiting) waiting;
	size_t waiting_count;
};

/** datagram_port_open() - one more socket, bound to @iface. Return: its descriptor, which is the
 * port's, for options of the protocol, or -errno. */
int datagram_port_open(struct datagram_port *port, const struct router_interface *iface,
		       sa_family_t family);
/** datagram_port_reopen() - all sockets anew: @serve opens those of one interface and returns 0 or
 * -errno; it is asked for each LAN where @on_lans, and for the WAN, where there is one, @on_wan.
 * Return: 0, or the first error, and then none is open. */
int datagram_port_reopen(struct datagram_port *port,
			 int (*serve)(void *arg, const struct router_interface *iface),
			 bool on_lans, bool on_wan);
/** datagram_port_close() - every socket, and what waits for them. */
void datagram_port_close(struct datagram_port *port);

/**
 * struct datagram - bytes that are ready to leave
 * @socket:	by which interface
 * @from, @to:	source, an address of ours and the port's number, and target
 * @ttl:	hops of multicast when rules give it another source, 1 to 255
 * @layer, @what: for the journal
 */
struct datagram {
	const struct datagram_socket *socket;
	struct sockaddr_storage from;
	struct sockaddr_storage to;
	int ttl;
	const char *layer;
	const char *what;
	struct slice bytes;
};

/** datagram_dispatch() - send it now, or keep a copy until its time: what rules say of delay,
 * copies, order and source is obeyed, the bytes are sent as they are. */
void datagram_dispatch(struct datagram_port *port, const struct datagram *d,
		       const struct effects *e);
/** datagram_forget() - drop what waits. */
void datagram_forget(struct datagram_port *port);

#endif
