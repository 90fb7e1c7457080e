/* SPDX-License-Identifier: MIT */
/* interwork_parts.h - what interwork.c and interwork_action.c share; nobody else includes it. */
#ifndef FAKEIGD_INTERWORK_PARTS_H
#define FAKEIGD_INTERWORK_PARTS_H

#include "interwork.h"
#include "mapping.h"
#include "profile.h"
#include "router.h"
#include "upstream.h"

#define INTERWORK_CLIENTS_MAX 64

/** struct interwork_key - which entry of the table */
struct interwork_key {
	struct in_addr remote_host;
	uint16_t external_port;
	int protocol;
};

/**
 * struct binding - an entry of the table that the server upstream knows
 * @wan_port:	its port of our WAN address: the internal port of the request
 * @address:	assigned with the external port
 * @until:	clock_now() at which the server's lifetime ends
 * @timer:	renews; armed while nothing is on its way
 * @call:	a renewal on its way, NULL = none
 */
struct binding {
	struct interwork *interwork;
	struct binding *next;
	struct interwork_key key;
	uint16_t wan_port;
	struct in6_addr address;
	int64_t until;
	struct loop_timer timer;
	struct upstream_call *call;
};

/** struct interwork_client - what a control point was last told of the external address */
struct interwork_client {
	struct in_addr peer;
	struct in6_addr address;
};

struct operation;

/**
 * struct interwork - interworking of a router
 * @first:	bindings
 * @operations:	actions that wait for the server
 * @clients, @next_client: ring of the last ones that the server answered for
 * @address:	of the last answer of all
 */
struct interwork {
	struct router *router;
	struct upstream_watch watch;
	struct binding *first;
	struct operation *operations;
	struct interwork_client clients[INTERWORK_CLIENTS_MAX];
	size_t next_client;
	struct in6_addr address;
};

/* interwork.c */
struct interwork_key interwork_key_of(const struct mapping *m);
bool interwork_same_key(const struct interwork_key *a, const struct interwork_key *b);
struct binding *interwork_find(const struct interwork *w, const struct interwork_key *key);
/** interwork_bind() - an entry has been granted: keep it alive from now on. */
void interwork_bind(struct interwork *w, const struct interwork_key *key, uint16_t wan_port,
		    const struct upstream_result *result);
/** interwork_unbind() - forget it; nothing is sent. */
void interwork_unbind(struct binding *b);
/** interwork_pause() - no renewal from now on; interwork_resume() goes on. */
void interwork_pause(struct binding *b);
void interwork_resume(struct binding *b);
/** interwork_learn() - the server has told an external address to @peer. */
void interwork_learn(struct interwork *w, struct in_addr peer, const struct in6_addr *address);
/** interwork_known_address() - append what @peer was told last. Return: whether it was told any. */
bool interwork_known_address(struct interwork *w, struct in_addr peer, struct buf *out);
/** interwork_let_go() - tell the server that a mapping is over, whatever it says. */
void interwork_let_go(struct interwork *w, int protocol, uint16_t wan_port);

/* interwork_action.c */
/** interwork_cancel_operations() - nobody gets an answer. */
void interwork_cancel_operations(struct interwork *w);

#endif
