/* SPDX-License-Identifier: MIT */
/*
 * pcp_flow.c - the flow of a PEER lives as long as was granted, used or not.
 *
 * Theory of operation
 *
 * RFC 6887 clause 12: PEER makes an outbound mapping as a packet of the endpoint would, or has the
 * one that is there live longer. Both are a connection of the kernel's: where there is none it is
 * made, which lets that peer in and nobody else, and then its time-out is set (PCP-43, PCP-44).
 *
 * The kernel sets the time-out anew at each packet, to half a minute or two for UDP, so once is not
 * enough: every LOOK_US the flows are looked at. One that ends at another moment than it was told
 * to has had a packet since, and what is seen then is when it would end by itself, which is kept as
 * @idle_ends; then it is told the end of the lease again. What the kernel gives by itself is never
 * cut (clause 15, PCP-34). A flow that has gone, be it that its TCP connection is over, is made
 * anew as long as the lease lasts. When the lease is over, or the PEER is taken back, the flow gets
 * what is left until @idle_ends, or ends if that is over.
 *
 * Two clocks are at work. Leases and @idle_ends are of the lab's (base/clock.h); the kernel counts
 * its own seconds, of which an advance knows nothing, and @set_ends is of those. Since each look
 * tells the kernel what is left by the lab's clock, an advance shortens the flow as it does the
 * lease, and one beyond both ends the flow at once.
 *
 * A flow that leaves from another port or address than the PEER was told is none of its own, and is
 * left alone; the same when the kernel refuses, which the journal says.
 */
#include "base/clock.h"
#include "forward.h"
#include "journal.h"
#include "pcp_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_US	    (2 * CLOCK_SECOND) /* below each time-out of the kernel, the short ones too */
#define SECONDS_MAX 1728000	       /* the kernel takes 2^31 of its ticks */
#define SLACK_US    (3 * CLOCK_SECOND) /* the kernel tells whole seconds, and a little later */

static struct forward_flow flow_of(const struct pcp_peer *peer)
{
	return (struct forward_flow){
		.protocol = peer->protocol,
		.client = peer->client,
		.port = peer->port,
		.remote = peer->remote,
		.remote_port = peer->remote_port,
		.external_port = peer->external_port,
	};
}

static bool is_kept(const struct portcontrol *p)
{
	const struct router *r = p->router;

	return r->forward && pcp_has_external(r) && r->profile->policy.pcp_peer_keeps;
}

static void complain(const struct portcontrol *p, int error)
{
	journal_write(p->router->journal, JOURNAL_ERROR, "pcp", NULL, NULL,
		      "the kernel does not keep the flow of a PEER", "{s:s}", "error",
		      strerror(-error));
}

/* Whole ones, upwards. */
static uint32_t seconds_of(int64_t us)
{
	int64_t seconds = (us + CLOCK_SECOND - 1) / CLOCK_SECOND;

	return (uint32_t)(seconds < SECONDS_MAX ? seconds : SECONDS_MAX);
}

/* The flow of @peer ends at @until, or later by itself, where that is later.
 * @makes: where there is none there is one from now on
 */
static int settle(struct portcontrol *p, struct pcp_peer *peer, int64_t until, bool makes)
{
	struct forward_flow flow = flow_of(peer);
	int error = forward_flow_read(p->router->forward, &flow);
	int64_t now = clock_now(), kernel = now - clock_offset(), left, ends;

	if (error && error != -ENOENT)
		return error;
	if (!error && flow.external_port != peer->external_port)
		return 0;
	ends = error ? 0 : kernel + flow.seconds * CLOCK_SECOND;
	if (llabs(ends - peer->set_ends) > SLACK_US)
		peer->idle_ends = ends ? now + flow.seconds * CLOCK_SECOND : 0;
	left = (until > peer->idle_ends ? until : peer->idle_ends) - now;
	flow.seconds = left > 0 ? seconds_of(left) : 0;
	left = flow.seconds * CLOCK_SECOND;
	if (error ? !makes || !left : llabs(kernel + left - ends) <= SLACK_US)
		return 0;
	error = error ? forward_flow_make(p->router->forward, &flow)
		      : forward_flow_set(p->router->forward, &flow);
	peer->set_ends = kernel + left;
	/* It has come or gone by itself just now: the next look sees it. */
	return error == -ENOENT || error == -EEXIST ? 0 : error;
}

static void look(void *arg)
{
	struct portcontrol *p = arg;

	for (struct pcp_peer *peer = p->pcp.peers; peer && is_kept(p); peer = peer->next)
		settle(p, peer, peer->lease.ends, true);
	if (p->pcp.peers)
		loop_timer_arm(p->router->loop, &p->pcp.look, clock_now() + LOOK_US, look, p);
}

void pcp_flow_keep(struct portcontrol *p, struct pcp_peer *peer)
{
	int error = is_kept(p) ? settle(p, peer, peer->lease.ends, true) : 0;

	if (error && error != -ENOTSUP)
		complain(p, error);
	if (!p->pcp.look.slot)
		loop_timer_arm(p->router->loop, &p->pcp.look, clock_now() + LOOK_US, look, p);
}

void pcp_flow_release(struct portcontrol *p, struct pcp_peer *peer)
{
	if (is_kept(p) && peer->set_ends)
		settle(p, peer, 0, false);
}
