/* SPDX-License-Identifier: MIT */
/*
 * pcp_port.c - external ports for PCP mappings: which are free, and for whom.
 *
 * Theory of operation
 *
 * RFC 6887 clause 11.3: the suggested port if nobody has it, in this protocol, by any means
 * (PCP-26, PCP-28, XP-03); else a high one. UDP ports 5350 and 5351 are those of the protocol
 * itself (PCP-27). A port whose mapping has ended stays with its client for a while (clause 15,
 * PCP-36), so that nobody else gets the packets that are still on their way; state that a reboot
 * loses, too. PORT_SET wants several in a row (RFC 7753), on request with the parity of the
 * internal ones (PCPX-12).
 */
#include "base/mem.h"
#include "pcp_parts.h"

#include <stdlib.h>

#define HIGH_FIRST  49152 /* dynamic ports, RFC 6335 clause 6 */
#define OTHER_FIRST 1024
#define PORTS	    65536u

static uint32_t now_seconds(void)
{
	return (uint32_t)(clock_now() / CLOCK_SECOND);
}

void pcp_hold(struct portcontrol *p, const struct mapping *m)
{
	bool tcp = m->protocol == IPPROTO_TCP;
	uint32_t seconds;

	if (!p || !pcp_is_on(p->router))
		return;
	seconds = (uint32_t)p->router->profile->policy.pcp_hold;
	if (!seconds)
		return;
	if (!p->pcp.held[tcp])
		p->pcp.held[tcp] = xcalloc(PORTS, sizeof(struct pcp_hold));
	p->pcp.held[tcp][m->external_port] =
		(struct pcp_hold){now_seconds() + seconds, m->internal_client};
}

void pcp_forget(struct portcontrol *p)
{
	for (int i = 0; i < 2; i++) {
		free(p->pcp.held[i]);
		p->pcp.held[i] = NULL;
	}
	pcp_peers_forget(p);
	pcp_holes_forget(p);
}

static bool is_held(const struct pcp_exchange *x, uint16_t port)
{
	const struct pcp_hold *held = x->p->pcp.held[x->request.protocol == IPPROTO_TCP];

	return held && held[port].until > now_seconds() &&
	       held[port].client.s_addr != pcp_client_v4(x).s_addr;
}

static bool is_own(const struct pcp_exchange *x, uint16_t port)
{
	return pcp_policy(x)->pcp_own_ports && x->request.protocol == IPPROTO_UDP &&
	       (port == PCP_PORT || port == PCP_ANNOUNCE_PORT);
}

bool pcp_port_is_free(const struct pcp_exchange *x, uint16_t port, unsigned count)
{
	const struct portmap *map = x->p->router->portmap;

	if (!port || port + count > PORTS)
		return false;
	for (unsigned i = 0; i < count; i++, port++)
		if (portmap_is_taken(map, portmap_find_port(map, port, x->request.protocol),
				     PORTMAP_PCP) ||
		    is_held(x, port) || is_own(x, port) || pcp_peers_port(x, port))
			return false;
	return true;
}

/* Whether a PORT_SET may begin there. */
static bool has_parity(const struct pcp_exchange *x, uint32_t port)
{
	return !x->wishes.is_set || !x->wishes.set.parity ||
	       port % 2 == x->request.internal_port % 2u;
}

/* The first that is free from @start upwards, in a circle over the ports from @first on. */
static uint16_t search(const struct pcp_exchange *x, uint32_t first, uint32_t start, unsigned count)
{
	uint32_t ports = PORTS - first;

	for (uint32_t i = 0; i < ports; i++) {
		uint32_t port = first + (start - first + i) % ports;

		if (has_parity(x, port) && pcp_port_is_free(x, (uint16_t)port, count))
			return (uint16_t)port;
	}
	return 0;
}

/* The search goes on where the last one ended, so that it is short however many there are. */
static uint16_t high_port(struct pcp_exchange *x, unsigned count)
{
	struct pcp_state *s = &x->p->pcp;
	uint16_t start = s->next_port >= HIGH_FIRST ? s->next_port : HIGH_FIRST;
	uint16_t port = search(x, HIGH_FIRST, start, count);

	if (!port)
		return search(x, OTHER_FIRST, OTHER_FIRST, count);
	s->next_port = (uint16_t)(port + count);
	return port;
}

/* A port that has nothing to do with what was asked, and is the same each time. */
static uint16_t unrelated_port(const struct pcp_exchange *x, unsigned count)
{
	uint32_t mixed =
		(x->request.internal_port * UINT32_C(0x9e3779b1)) ^ pcp_client_v4(x).s_addr;

	return search(x, HIGH_FIRST, HIGH_FIRST + (mixed >> 7) % (PORTS - HIGH_FIRST), count);
}

uint16_t pcp_choose_port(struct pcp_exchange *x, unsigned count)
{
	const struct policy *policy = pcp_policy(x);
	uint16_t wanted = x->request.external_port;

	if (policy_is(policy, pcp_port, "unrelated"))
		return unrelated_port(x, count);
	if (!wanted)
		return high_port(x, count);
	if (has_parity(x, wanted) && pcp_port_is_free(x, wanted, count))
		return wanted;
	if (policy_is(policy, pcp_port_taken, "11"))
		return 0;
	if (policy_is(policy, pcp_port_taken, "next"))
		return search(x, OTHER_FIRST, wanted < OTHER_FIRST ? OTHER_FIRST : wanted, count);
	return high_port(x, count);
}
