/* SPDX-License-Identifier: MIT */
/*
 * upstream.h - the router as a client of the PCP server on its WAN side (RFC 6887 clause 8.1).
 *
 * One engine per router whose profile has "upstream", with one part for each server it names;
 * whoever opens ports for his own protocol (interworking with IGD, a proxy) asks it and is called
 * back. It knows of no protocol of the LAN and keeps no mapping: an asker that wants a mapping to
 * last asks again before it ends, and when the engine says that the server has forgotten
 * (upstream_watch()).
 *
 *	call = upstream_map(r->upstream, &map, done, arg);	... done(arg, &result), once
 *
 * A callback never runs before the function that took it has returned. It may ask again, also the
 * same thing. All times are the lab's clock.
 */
#ifndef FAKEIGD_UPSTREAM_H
#define FAKEIGD_UPSTREAM_H

#include "base/slice.h"
#include "wire/pcp.h"

struct router;
struct upstream;
struct upstream_call;

/**
 * enum upstream_outcome - what became of a request
 * @UPSTREAM_GRANTED:	the server says SUCCESS
 * @UPSTREAM_REFUSED:	it answers with another result code
 * @UPSTREAM_SILENT:	no answer in time, or nobody there (ICMP, no route, no server): @why
 * @UPSTREAM_CANCELLED:	the engine stops, or the profile is another: touch nothing of the router,
 *			ask no more, free what is yours
 */
enum upstream_outcome {
	UPSTREAM_GRANTED,
	UPSTREAM_REFUSED,
	UPSTREAM_SILENT,
	UPSTREAM_CANCELLED,
};

/**
 * struct upstream_result - the answer, valid while the callback runs
 * @code:	result code of GRANTED and REFUSED (enum pcp_result, or what came)
 * @why:	for people: the code's name, or what failed
 * @lifetime:	seconds granted, at most a day; of REFUSED for how long the error holds (clause
 *		7.4: 1800 s or 30 s where the server says 0)
 * @epoch:	Epoch Time
 * @port, @address: assigned outside, of MAP and PEER; an IPv4 address in IPv6 form
 * @options:	of the answer, as bytes: pcp_find_option()
 */
struct upstream_result {
	enum upstream_outcome outcome;
	uint8_t code;
	const char *why;
	uint32_t lifetime;
	uint32_t epoch;
	uint16_t port;
	struct in6_addr address;
	struct slice options;
};

typedef void upstream_fn(void *arg, const struct upstream_result *result);

/**
 * struct upstream_map - a mapping that is asked for, changed, renewed (the same again) or deleted
 * @protocol:	IPPROTO_TCP, IPPROTO_UDP, or another; 0 = all
 * @internal_port: on the WAN address of this router, that is after its own NAT (RFC 6970 5.5)
 * @port, @address: suggested outside; 0 and :: = no wish
 * @lifetime:	seconds, 0 = delete; UINT32_MAX = as long as it gets
 * @prefer_failure: the suggested port or none (clause 13.2)
 * @filter:	only packets from there, UNSPECIFIED address = from everywhere (clause 13.3)
 * @description: told to the server (RFC 7220), NULL or "" = not
 * @nonce:	NULL = the engine's own for that protocol and port, always the same
 * @peer_address, @peer_port: PEER instead of MAP when the address is not unspecified
 * @options:	further options as bytes, as pcp_add_option() makes them
 * @answer_us:	how long the asker can wait, 0 = as long as the profile says
 * @client:	for whom: which of several servers is asked (RFC 7648 3.6); 0.0.0.0 = the first
 *
 * Nothing of it needs to live longer than the call.
 */
struct upstream_map {
	uint8_t protocol;
	uint16_t internal_port;
	uint16_t port;
	struct in6_addr address;
	uint32_t lifetime;
	bool prefer_failure;
	struct pcp_filter filter;
	const char *description;
	const uint8_t *nonce;
	struct in6_addr peer_address;
	uint16_t peer_port;
	struct slice options;
	int64_t answer_us;
	struct in_addr client;
};

/** upstream_new() - the engine of a router whose profile asks for one, else NULL. Sends nothing. */
struct upstream *upstream_new(struct router *r);
/** upstream_free() - every request ends as CANCELLED; @u may be NULL, like in all that follow. */
void upstream_free(struct upstream *u);
/** upstream_reload() - the profile is another: every request ends as CANCELLED. */
void upstream_reload(struct upstream *u);
/** upstream_is_ready() - whether there is somebody to ask: a WAN address and a server (RFC 6970
 * 5.1). A route is looked up each time, since it may come and go. */
bool upstream_is_ready(struct upstream *u);
/** upstream_server() - whom it asks for who has no client, 0.0.0.0 = nobody. */
struct in_addr upstream_server(struct upstream *u);
/**
 * upstream_map() - ask for a mapping, or with lifetime 0 for its end
 * @fn, @arg:	called once with the answer; NULL = nobody wants to know
 *
 * Sent at once and again after 3 s, doubling (clause 8.1.1), until the profile's "answer" time is
 * over. Return: for upstream_cancel(), good until @fn is called.
 */
struct upstream_call *upstream_map(struct upstream *u, const struct upstream_map *map,
				   upstream_fn *fn, void *arg);
/** upstream_announce() - ask for the epoch alone (clause 14.1). */
struct upstream_call *upstream_announce(struct upstream *u, upstream_fn *fn, void *arg);
/** upstream_cancel() - @fn is not called any more; what was sent may have its effect all the same.
 */
void upstream_cancel(struct upstream_call *call);

/** upstream_lost_fn - the server has lost its state or says that it may have (clauses 8.5, 14.1):
 * whoever has mappings there makes them anew, asking for what they had. */
typedef void upstream_lost_fn(void *arg, const char *why);

/**
 * struct upstream_watch - one who wants to know; inside its owner's struct
 * @fn, @arg:	set by the owner
 */
struct upstream_watch {
	struct upstream_watch *next;
	upstream_lost_fn *fn;
	void *arg;
};

/** upstream_watch(), upstream_unwatch() - from now on, and no more. */
void upstream_watch(struct upstream *u, struct upstream_watch *watch);
void upstream_unwatch(struct upstream *u, struct upstream_watch *watch);
/** upstream_notice() - the WAN address is another, or there again: what was mapped is mapped for
 * nobody. */
void upstream_notice(struct upstream *u);

#endif
