/* SPDX-License-Identifier: MIT */
/*
 * effect.h - does a packet from the internet side arrive where the port mappings say?
 *
 * Theory of operation: the mappings of all routers are known (state of each fakeigd). A mapping on
 * a router that faces the internet names an internal client. When that is the WAN address of a
 * router further in, its mapping for the internal port continues the path, until a host is reached
 * or the path ends in nothing. This part is pure (effect.c). Then a packet is sent
 * (effect_probe.c): a listener is opened at the end of the path, unless a program listens there
 * already, and "peer" sends a random token to the external address and port. Only the token's
 * arrival counts; where a program listens, the connection or datagram seen on the host's interface.
 */
#ifndef SIM_EFFECT_H
#define SIM_EFFECT_H

#include "ask.h"

/**
 * struct effect_mapping - one line of a router's table
 * @router:	index of its node
 * @protocol:	IPPROTO_TCP or IPPROTO_UDP
 * @remote_host: 0.0.0.0 = any
 * @external_port: of this router: where a server upstream maps another port to it, the one that is
 *		behind that (wan_port); 0 = every port that no other mapping has
 * @internal_port: 0 = the external one
 * @before:	was there before the subject ran
 */
struct effect_mapping {
	size_t router;
	int protocol;
	struct in_addr remote_host;
	uint16_t external_port;
	struct in_addr internal_client;
	uint16_t internal_port;
	bool enabled;
	bool before;
};

/** struct effect_table - the mappings of all routers */
struct effect_table {
	struct effect_mapping *mappings;
	size_t count;
};

enum effect_end {
	EFFECT_ARRIVES,	   /* at @node, @address, @port */
	EFFECT_NO_NODE,	   /* nobody has the internal client's address */
	EFFECT_NO_MAPPING, /* a router further in has no mapping for it */
	EFFECT_LOOP,	   /* the mappings lead round in a circle */
};

#define EFFECT_HOPS_MAX 16

/**
 * struct effect_path - where a packet to a mapping goes
 * @external_port: to which it is sent
 * @hops, @hop_count: the routers that translate it, outermost first
 * @node:	host that gets it; EFFECT_NO_MAPPING: router where it ends; else -1
 * @address, @port: destination after the last translation
 */
struct effect_path {
	enum effect_end end;
	uint16_t external_port;
	size_t hops[EFFECT_HOPS_MAX];
	size_t hop_count;
	int node;
	struct in_addr address;
	uint16_t port;
};

/**
 * effect_resolve() - follow a mapping inwards
 * @sender:	address of the sender: a mapping for another remote host does not apply
 */
void effect_resolve(const struct topology *t, const struct effect_table *table, size_t index,
		    struct in_addr sender, struct effect_path *path);
/** effect_faces_peer() - whether the router's WAN is on a network of the node "peer". */
bool effect_faces_peer(const struct topology *t, size_t router);
/** effect_add() - append the "mappings" of a fakeigd's state to the table. */
void effect_add(struct effect_table *table, size_t router, const json_t *mappings);
/** effect_mark_before() - set @before on every mapping that stands unchanged in @earlier. */
void effect_mark_before(struct effect_table *table, const struct effect_table *earlier);
void effect_table_free(struct effect_table *table);

/**
 * effect_verify() - send a packet through every enabled mapping that faces the internet
 * @results:	JSON array, gets one object per mapping: router, protocol, external_port, from,
 *		reached (name of the node, or null), port, path, seconds, ok, and reason when it
 *		was not reached
 *
 * A mapping for another remote host than "peer" is as it should be when the packet does not arrive.
 * A mapping that was there before the subject ran and leads to an address that nobody has is listed
 * and not held against anybody.
 *
 * Return: how many were not as they should be.
 */
size_t effect_verify(struct lab *lab, const struct topology *t, const struct effect_table *table,
		     json_t *results);

/**
 * effect_verify_pinholes() - the same for IPv6 pinholes of one router (effect6.c)
 * @pinholes:	as fakeigd tells them (control request "pinholes")
 * @results:	gets one object per pinhole of TCP or UDP, or of all protocols: router, protocol,
 *		unique_id, internal_client, external_port (the internal one), and the rest as above
 *
 * Return: how many were not as they should be.
 */
size_t effect_verify_pinholes(struct lab *lab, const struct topology *t, size_t router,
			      const json_t *pinholes, json_t *results);

/**
 * struct effect_probe - one packet and where it has to arrive
 * @sender:	node that sends
 * @sender_port: from which port, 0 = any
 * @external, @external_port: to where
 * @receiver:	node that gets it
 * @inside, @inside_port: address and port there
 * @inside6:	over IPv6, where nothing is translated: the address, in place of both others
 * @limit_us:	after which it has not arrived
 */
struct effect_probe {
	const char *sender;
	uint16_t sender_port;
	struct in_addr external;
	uint16_t external_port;
	const char *receiver;
	struct in_addr inside;
	uint16_t inside_port;
	const struct in6_addr *inside6;
	int protocol;
	int64_t limit_us;
};

/**
 * effect_send() - send the packet and wait for it
 * @why:	the reason when it did not arrive (caller frees)
 *
 * Return: whether it arrived.
 */
bool effect_send(struct lab *lab, const struct effect_probe *probe, char **why);

#endif
