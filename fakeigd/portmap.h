/* SPDX-License-Identifier: MIT */
/*
 * portmap.h - the table of port mappings: one for all protocols that open ports.
 *
 * Key: remote host, external port, protocol (WANIPConnection:1 clause 2.2.16 ff). Entries keep
 * their order of creation; enumeration by index is O(1), look-up by key is a hash. Leases end on
 * the lab's clock. Every change goes through this file: it journals, forwards (forward.h), counts
 * SystemUpdateID and tells gena. No policy of any protocol is decided here; callers have decided
 * before.
 */
#ifndef FAKEIGD_PORTMAP_H
#define FAKEIGD_PORTMAP_H

#include "forwarding.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct router;
struct portmap;
struct pcp_record;

enum portmap_origin { PORTMAP_IGD, PORTMAP_NATPMP, PORTMAP_PCP, PORTMAP_STATIC };

/**
 * struct mapping - one entry; read-only outside portmap.c
 * @remote_host:	0.0.0.0 = any
 * @internal_client:	where packets go
 * @owner:		address of the control point that made it
 * @external_port:	0 = every port (wildcard)
 * @internal_port:	on which port
 * @protocol:		IPPROTO_TCP or IPPROTO_UDP
 * @lease:		seconds granted, 0 = permanent
 * @origin:		which protocol made it
 * @enabled:		forwarding or only kept
 * @wan_port:		port of our WAN address that leads to it, where a server upstream maps
 *			@external_port to that; 0 = @external_port itself
 * @description:	as given
 * @pcp:		what PCP keeps beside it, NULL = nothing; freed with the entry
 * @expires:		clock_now() at which it ends, INT64_MAX when permanent
 */
struct mapping {
	struct in_addr remote_host;
	struct in_addr internal_client;
	struct in_addr owner;
	uint16_t external_port;
	uint16_t internal_port;
	int protocol;
	uint32_t lease;
	enum portmap_origin origin;
	bool enabled;
	enum forwarding_state forwarding : 8;
	uint16_t wan_port;
	char *description;
	struct pcp_record *pcp;
	int64_t expires;
};

struct portmap *portmap_new(struct router *r);
void portmap_free(struct portmap *p);
/** portmap_find() - exact key, NULL when none. */
const struct mapping *portmap_find(const struct portmap *p, struct in_addr remote, uint16_t port,
				   int protocol);
/** portmap_find_port() - any entry of that external port and protocol whatever its remote host. */
const struct mapping *portmap_find_port(const struct portmap *p, uint16_t port, int protocol);
/** portmap_next_port() - the next entry of the same external port and protocol, NULL at the end. */
const struct mapping *portmap_next_port(const struct portmap *p, const struct mapping *m);
/** portmap_find_endpoint() - an entry that leads to that internal endpoint, NULL when none. */
const struct mapping *portmap_find_endpoint(const struct portmap *p, struct in_addr client,
					    uint16_t port, int protocol);
/** portmap_next_endpoint() - the next entry that leads to the same one, NULL at the end. */
const struct mapping *portmap_next_endpoint(const struct portmap *p, const struct mapping *m);
/** portmap_at() - entry by index in order of creation, NULL past the end. */
const struct mapping *portmap_at(const struct portmap *p, size_t index);
/** enum portmap_order - orders of enumeration: choices of policy generic.order */
enum portmap_order { PORTMAP_OLDEST, PORTMAP_NEWEST, PORTMAP_BY_PORT };
/** portmap_listed() - entry by its place in an enumeration, NULL past the end; O(1) but for the
 * first one by port behind a change, which sorts. */
const struct mapping *portmap_listed(struct portmap *p, enum portmap_order order, size_t index);
size_t portmap_count(const struct portmap *p);
/**
 * portmap_put() - add, or replace the entry of the same key (keeps its place in the order)
 * @m:		copied; m->lease counts from now; m->expires is ignored; m->pcp becomes the entry's,
 *		which frees the one it had, unless the kernel refuses
 *
 * Return: 0, or -errno when the kernel refused the forwarding (nothing changed then).
 */
int portmap_put(struct portmap *p, const struct mapping *m);
/** portmap_keep_lease() - portmap_put() of an entry of the same key that does not restart its
 * lease.
 */
int portmap_put_keeping_lease(struct portmap *p, const struct mapping *m);
/** portmap_remove() - delete by key. Return: whether it was there. */
bool portmap_remove(struct portmap *p, struct in_addr remote, uint16_t port, int protocol);
/**
 * portmap_remove_if() - delete every entry that @wanted picks, as one change (one SystemUpdateID)
 *
 * Return: how many went.
 */
size_t portmap_remove_if(struct portmap *p, bool (*wanted)(const struct mapping *m, void *arg),
			 void *arg, const char *why);
/** portmap_clear() - forget everything; @why goes to the journal. */
void portmap_clear(struct portmap *p, const char *why);
/** portmap_event() - what a reboot that the table survives, a lost connection or another WAN
 * address do to the forwarding of its entries, where policy has it. */
void portmap_event(struct portmap *p, enum forwarding_event event);
/** portmap_reload() - the profile is another: entries stay, and forward as its policy says. */
void portmap_reload(struct portmap *p);
/** portmap_remaining() - seconds left, rounded up; 0 = permanent. */
uint32_t portmap_remaining(const struct mapping *m);
/** portmap_free_port() - a free external port from @first upwards (wraps to 1024), 0 when none. */
uint16_t portmap_free_port(const struct portmap *p, uint16_t first, int protocol);
/** portmap_is_shown() - whether IGD sees an entry (policy table.shows). */
bool portmap_is_shown(const struct portmap *p, const struct mapping *m);
/** portmap_shown() - how many it sees. */
size_t portmap_shown(const struct portmap *p);
/** portmap_is_taken() - whether a protocol may not give away a port, because of another's mapping
 * (policy table.conflicts). @m: an entry of the port, NULL = there is none. */
bool portmap_is_taken(const struct portmap *p, const struct mapping *m, enum portmap_origin by);
/** portmap_update_id() - SystemUpdateID (WANIPConnection:2 clause 2.3.23). */
uint32_t portmap_update_id(const struct portmap *p);
/** portmap_load() - the profile's state.mappings. Return: 0 or -errno. */
int portmap_load(struct portmap *p);

#endif
