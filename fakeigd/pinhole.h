/* SPDX-License-Identifier: MIT */
/*
 * pinhole.h - the table of IPv6 pinholes: one for all protocols that open them.
 *
 * A pinhole lets one five-tuple in through the IPv6 firewall (firewall6.h), with wildcards
 * (WANIPv6FirewallControl:1 clauses 2.4.5 to 2.4.9; RFC 6887 clause 11 for MAP over IPv6). Key: the
 * tuple and which protocol made it, so that IGD and PCP may each have one of the same tuple, and it
 * stays open until both are gone (XP-11). Leases end on the lab's clock. No policy of any protocol
 * is decided here; callers have decided before.
 */
#ifndef FAKEIGD_PINHOLE_H
#define FAKEIGD_PINHOLE_H

#include "portmap.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct router;
struct pinholes;

#define PINHOLE_ANY_PROTOCOL 65535

/**
 * struct pinhole - one entry; read-only outside pinhole.c
 * @remote_host:	:: without a prefix = any
 * @remote_prefix:	bits of it that count, 0 = all of them
 * @internal_client:	never a wildcard
 * @owner:		address of the control point that made it; IPv4 ones as ::ffff:a.b.c.d
 * @remote_port:	0 = any
 * @internal_port:	0 = any
 * @protocol:		IANA number, PINHOLE_ANY_PROTOCOL = any
 * @origin:		which protocol made it
 * @id:			UniqueID, 1 to 65535
 * @lease:		seconds granted, 0 = until it is removed
 * @expires:		clock_now() at which it ends, INT64_MAX = never
 * @mark:		of its connections in the kernel, the same for pinholes of one tuple
 * @description:	as given, NULL = none; the table has a copy of its own
 */
struct pinhole {
	struct in6_addr remote_host;
	uint8_t remote_prefix;
	struct in6_addr internal_client;
	struct in6_addr owner;
	uint16_t remote_port;
	uint16_t internal_port;
	int protocol;
	enum portmap_origin origin;
	uint16_t id;
	uint32_t lease;
	int64_t expires;
	uint32_t mark;
	const char *description;
};

struct pinholes *pinholes_new(struct router *r);
void pinholes_free(struct pinholes *p);
/** pinholes_count() - how many there are, of whatever origin. */
size_t pinholes_count(const struct pinholes *p);
/** pinhole_by_id() - by UniqueID, NULL when none. */
const struct pinhole *pinhole_by_id(const struct pinholes *p, uint16_t id);
/** pinhole_find() - the one with the tuple and origin of @key, NULL when none. */
const struct pinhole *pinhole_find(const struct pinholes *p, const struct pinhole *key);
/** pinhole_next() - the next one by UniqueID; @after NULL: the first; NULL at the end. */
const struct pinhole *pinhole_next(const struct pinholes *p, const struct pinhole *after);
/**
 * pinhole_put() - add, or renew the one with the same tuple and origin, which keeps its UniqueID
 * @wanted:	copied; its lease counts from now; id, expires and mark are ignored
 * @out:	the entry, NULL where nobody wants to know
 *
 * Return: 0, -ENOSPC when every UniqueID is taken, or -errno of the kernel (nothing changed then).
 */
int pinhole_put(struct pinholes *p, const struct pinhole *wanted, const struct pinhole **out);
/** pinhole_renew() - another lease from now on. Return: whether it was there. */
bool pinhole_renew(struct pinholes *p, uint16_t id, uint32_t lease);
/** pinhole_remove() - closes it and ends its connections; @why goes to the journal. Return: whether
 * it was there. */
bool pinhole_remove(struct pinholes *p, uint16_t id, const char *why);
/** pinholes_clear() - remove all. */
void pinholes_clear(struct pinholes *p, const char *why);
/** pinhole_packets() - packets it has let in since it was made, from the kernel; 0 when there is
 * no firewall. */
uint64_t pinhole_packets(const struct pinholes *p, const struct pinhole *h);
/** pinhole_remaining() - seconds left, rounded up; 0 = never ends. */
uint32_t pinhole_remaining(const struct pinhole *h);
/** pinholes_reload() - at the start, and when policies, switches or the LAN's addresses are others:
 * the firewall is made anew (firewall6_refresh()) and all are opened in it; those of hosts that no
 * LAN has go first, where policy pinhole.old-prefix says so. @lacks: what the kernel refuses, or
 * NULL. Return: 0 or -errno. */
int pinholes_reload(struct pinholes *p, const char **lacks);

#endif
