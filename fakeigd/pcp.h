/* SPDX-License-Identifier: MIT */
/* pcp.h - the PCP server (RFC 6887), a protocol of portcontrol.c. */
#ifndef FAKEIGD_PCP_H
#define FAKEIGD_PCP_H

#include "base/loop.h"
#include "lease.h"
#include "pcp_record.h"
#include "upstream.h"

#include <stdbool.h>
#include <stdint.h>

struct router;
struct mapping;
struct portcontrol;
struct portcontrol_request;

/** struct pcp_hold - a port whose mapping has ended: until when it is kept, and for whom */
struct pcp_hold {
	uint32_t until;
	struct in_addr client;
};

/**
 * struct pcp_peer - what a PEER asked for: the port that packets to a remote peer leave from
 * @lease:	first, so that its address is the peer's
 * @bound:	the kernel was told
 * @idle_ends:	clock_now() at which the kernel would end the flow by itself, 0 = at once
 * @set_ends:	when it ends by what the kernel was told last, of the kernel's own time
 */
struct pcp_peer {
	struct lease lease;
	struct pcp_peer *next;
	uint8_t nonce[PCP_NONCE_LEN];
	uint8_t protocol;
	struct in_addr client;
	uint16_t port;
	struct in_addr remote;
	uint16_t remote_port;
	uint16_t external_port;
	bool bound;
	int64_t idle_ends;
	int64_t set_ends;
};

/**
 * struct pcp_hole - a MAP over IPv6: pinholes of the firewall, one for each port and filter
 * @protocol:	0 = all
 * @record:	its set_size ports from set_first on; set_first 0 = all
 * @description: as it was given, NULL = none
 */
struct pcp_hole {
	struct pcp_hole *next;
	uint8_t protocol;
	struct in6_addr client;
	struct pcp_record *record;
	char *description;
};

/**
 * struct pcp_state - what the server remembers beside the table of mappings
 * @announce, @announced: next ANNOUNCE, and how many of the present row there were
 * @update:	next Mapping Updates
 * @next_port:	where the search for a free high port goes on
 * @peers, @peer_leases: what PEER asked for
 * @look:	next look at the flows behind them
 * @proxied, @watch: requests on their way upstream, and who hears that the server there has
 * forgotten
 * @holes:	what MAP over IPv6 asked for
 * @held:	by port, of TCP and of UDP; NULL until the first
 */
struct pcp_state {
	struct loop_timer announce;
	unsigned announced;
	struct loop_timer update;
	uint16_t next_port;
	struct pcp_peer *peers;
	struct lease_heap peer_leases;
	struct loop_timer look;
	struct pcp_proxied *proxied;
	struct upstream_watch watch;
	struct pcp_hole *holes;
	struct pcp_hold *held[2];
};

/** pcp_start() - before anything else. */
void pcp_start(struct portcontrol *p);
/** pcp_is_on() - the profile has PCP. */
bool pcp_is_on(const struct router *r);
/** pcp_receive() - answer a datagram, whatever its version. */
void pcp_receive(const struct portcontrol_request *q);
/** pcp_announce() - tell the LAN by ANNOUNCE that the epoch begins anew (clause 14.1), up to ten
 * times with gaps that double; a row that is under way starts again. */
void pcp_announce(struct portcontrol *p);
/** pcp_update() - tell every client its mappings' new external address (clause 14.2). */
void pcp_update(struct portcontrol *p);
/** pcp_forget() - the table is lost, and with it ports that were held, and what PEER asked for. */
void pcp_forget(struct portcontrol *p);
/** pcp_rebind() - the kernel has forgotten what PEER asked for: tell it again. */
void pcp_rebind(struct portcontrol *p);
/** pcp_holes_tidy() - forget what MAP over IPv6 asked for and has no pinhole any more. @p may be
 * NULL. Return: how many. */
size_t pcp_holes_tidy(struct portcontrol *p);
/** pcp_hold() - a mapping ends: its port is kept for its client (clause 15). @p may be NULL. */
void pcp_hold(struct portcontrol *p, const struct mapping *m);
/** pcp_proxy_stop() - requests on their way upstream are forgotten. */
void pcp_proxy_stop(struct portcontrol *p);
/** pcp_stop() - no further datagrams, memory freed. */
void pcp_stop(struct portcontrol *p);

#endif
