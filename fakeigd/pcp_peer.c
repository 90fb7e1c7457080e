/* SPDX-License-Identifier: MIT */
/*
 * pcp_peer.c - PEER requests: from which port what goes to a remote peer leaves.
 *
 * Theory of operation
 *
 * RFC 6887 clause 12.3. An endpoint that sends to the peer already is told the port that its
 * packets leave from, which the kernel's connections say (PCP-43); one that has a mapping has that
 * of the mapping. Else the outbound mapping is made: the suggested port, or 11 when somebody has it
 * (PCP-44, PCP-45), or without a suggestion the internal port's number or a high one. The kernel
 * then has an element that binds the endpoint's packets to that host to the port (forward_bind()),
 * and MAP gives the port to nobody else.
 *
 * Nothing comes in by it but what that peer sends from the port that was named, as if the endpoint
 * had sent to it already. pcp_flow.c keeps the flow alive for the lifetime granted. It ends with
 * that or when it is asked to (lifetime 0), and a connection that is used goes on.
 */
#include "base/mem.h"
#include "forward.h"
#include "journal.h"
#include "pcp_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PEERS_MAX 4096

static bool is_unicast(const struct in6_addr *address)
{
	struct in_addr v4;
	uint32_t a;

	if (!pcp_address_is_v4(address, &v4))
		return false;
	a = ntohl(v4.s_addr);
	return a >> 24 && a >> 24 != 127 && a >> 28 < 14;
}

/* PCP-42, PCP-48 */
static enum pcp_result check(const struct pcp_exchange *x)
{
	const struct pcp_message *asked = &x->request;

	if (!asked->protocol || !asked->internal_port || !asked->remote_port ||
	    !is_unicast(&asked->remote_address))
		return PCP_MALFORMED_REQUEST;
	if (asked->protocol != IPPROTO_TCP && asked->protocol != IPPROTO_UDP)
		return PCP_UNSUPP_PROTOCOL;
	if (asked->lifetime && !pcp_has_external(x->p->router))
		return PCP_NETWORK_FAILURE;
	return PCP_SUCCESS;
}

static struct in_addr remote_of(const struct pcp_exchange *x)
{
	struct in_addr v4 = {0};

	pcp_address_is_v4(&x->request.remote_address, &v4);
	return v4;
}

/* Whether it is what the request asks for; @port: with the remote port, too. */
static bool is_same(const struct pcp_exchange *x, const struct pcp_peer *peer, bool port)
{
	return peer->protocol == x->request.protocol &&
	       peer->client.s_addr == pcp_client_v4(x).s_addr &&
	       peer->port == x->request.internal_port &&
	       peer->remote.s_addr == remote_of(x).s_addr &&
	       (!port || peer->remote_port == x->request.remote_port);
}

static struct pcp_peer *find(const struct pcp_exchange *x, bool port)
{
	for (struct pcp_peer *peer = x->p->pcp.peers; peer; peer = peer->next)
		if (is_same(x, peer, port))
			return peer;
	return NULL;
}

bool pcp_peers_port(const struct pcp_exchange *x, uint16_t port)
{
	for (const struct pcp_peer *peer = x->p->pcp.peers; peer; peer = peer->next)
		if (peer->external_port == port && peer->protocol == x->request.protocol &&
		    (peer->client.s_addr != pcp_client_v4(x).s_addr ||
		     peer->port != x->request.internal_port))
			return true;
	return false;
}

/* The peer as forward_bind() takes it. */
static struct mapping binding_of(const struct pcp_peer *peer)
{
	return (struct mapping){
		.remote_host = peer->remote,
		.internal_client = peer->client,
		.external_port = peer->external_port,
		.internal_port = peer->port,
		.protocol = peer->protocol,
	};
}

static void tell_journal(const struct portcontrol *p, const struct pcp_peer *peer,
			 const char *change)
{
	char client[INET_ADDRSTRLEN], remote[INET_ADDRSTRLEN], what[160];

	if (!journal_on(p->router->journal))
		return;
	inet_ntop(AF_INET, &peer->client, client, sizeof(client));
	inet_ntop(AF_INET, &peer->remote, remote, sizeof(remote));
	snprintf(what, sizeof(what), "peer %s %s:%u -> %s:%u from port %u", change, client,
		 peer->port, remote, peer->remote_port, peer->external_port);
	journal_write(p->router->journal, JOURNAL_STATE, "pcp", NULL, NULL, what, NULL);
}

static void drop(struct portcontrol *p, struct pcp_peer *peer, const char *why)
{
	struct pcp_peer **at = &p->pcp.peers;
	struct mapping binding = binding_of(peer);

	while (*at != peer)
		at = &(*at)->next;
	*at = peer->next;
	lease_heap_cancel(&p->pcp.peer_leases, &peer->lease);
	/* Another one of the same host may need it. */
	for (struct pcp_peer *other = p->pcp.peers; other && peer->bound; other = other->next) {
		if (other->client.s_addr != peer->client.s_addr || other->port != peer->port ||
		    other->protocol != peer->protocol ||
		    other->remote.s_addr != peer->remote.s_addr)
			continue;
		other->bound = true;
		peer->bound = false;
	}
	pcp_flow_release(p, peer);
	if (peer->bound)
		forward_unbind(p->router->forward, &binding);
	tell_journal(p, peer, why);
	free(peer);
}

static void expire(void *arg)
{
	struct portcontrol *p = arg;
	struct lease *lease;

	while ((lease = lease_heap_take(&p->pcp.peer_leases)))
		drop(p, (struct pcp_peer *)lease, "expired");
}

void pcp_start(struct portcontrol *p)
{
	lease_heap_init(&p->pcp.peer_leases, p->router->loop, expire, p);
}

void pcp_peers_forget(struct portcontrol *p)
{
	while (p->pcp.peers)
		drop(p, p->pcp.peers, "forgotten");
	/* What went out is state, too: whoever sends again gets another port. */
	if (pcp_is_on(p->router) && p->router->forward)
		forward_end_flows(p->router->forward);
}

void pcp_rebind(struct portcontrol *p)
{
	for (struct pcp_peer *peer = p->pcp.peers; peer; peer = peer->next) {
		struct mapping binding = binding_of(peer);

		if (peer->bound)
			forward_bind(p->router->forward, &binding);
	}
}

/* The port from which packets to the remote host leave, or to any host; 0 = there are none. */
static uint16_t flow_port(const struct pcp_exchange *x, struct in_addr remote, uint32_t *seconds)
{
	struct forward_flow flow = {
		.protocol = x->request.protocol,
		.client = pcp_client_v4(x),
		.port = x->request.internal_port,
		.remote = remote,
		.remote_port = remote.s_addr ? x->request.remote_port : 0,
	};

	if (!x->p->router->forward || forward_flow(x->p->router->forward, &flow))
		return 0;
	*seconds = flow.seconds;
	return flow.external_port;
}

/* A port for what has yet to go out; 0 = the suggested one cannot be had. */
static uint16_t new_port(struct pcp_exchange *x)
{
	uint16_t wanted = x->request.external_port;

	if (!pcp_is_ours(x))
		return 0;
	if (wanted)
		return pcp_port_is_free(x, wanted, 1) ? wanted : 0;
	if (pcp_port_is_free(x, x->request.internal_port, 1))
		return x->request.internal_port;
	return pcp_choose_port(x, 1);
}

/* The external port by what there is already, or a new one. @there: whether there was one. */
static uint16_t port_of(struct pcp_exchange *x, bool *there, uint32_t *seconds)
{
	const struct mapping *m = pcp_mapping_of(x, x->request.internal_port);
	const struct pcp_peer *sibling = find(x, false);
	uint16_t port;

	*there = true;
	if (m)
		return m->external_port;
	if (sibling)
		return sibling->external_port;
	port = flow_port(x, remote_of(x), seconds);
	if (!port)
		port = flow_port(x, (struct in_addr){0}, seconds);
	if (port)
		return port;
	*there = false;
	return new_port(x);
}

static struct pcp_peer *add(struct pcp_exchange *x, uint16_t port)
{
	struct pcp_state *s = &x->p->pcp;
	struct pcp_peer *peer = xcalloc(1, sizeof(*peer));
	struct mapping binding;

	memcpy(peer->nonce, x->request.nonce, PCP_NONCE_LEN);
	peer->protocol = x->request.protocol;
	peer->client = pcp_client_v4(x);
	peer->port = x->request.internal_port;
	peer->remote = remote_of(x);
	peer->remote_port = x->request.remote_port;
	peer->external_port = port;
	binding = binding_of(peer);
	/* A mapping binds the endpoint, and so does another peer of that host. */
	if (x->p->router->forward && !pcp_mapping_of(x, peer->port) && !find(x, false)) {
		int error = forward_bind(x->p->router->forward, &binding);

		if (error && error != -EEXIST) {
			free(peer);
			return NULL;
		}
		peer->bound = !error;
	}
	peer->next = s->peers;
	s->peers = peer;
	tell_journal(x->p, peer, "added");
	return peer;
}

static size_t count_peers(const struct portcontrol *p)
{
	size_t count = 0;

	for (const struct pcp_peer *peer = p->pcp.peers; peer; peer = peer->next)
		count++;
	return count;
}

static enum pcp_result make(struct pcp_exchange *x, struct pcp_peer **out, uint32_t *seconds)
{
	bool there;
	uint16_t port = port_of(x, &there, seconds);

	if (!port)
		return PCP_CANNOT_PROVIDE_EXTERNAL;
	if (count_peers(x->p) >= PEERS_MAX)
		return PCP_NO_RESOURCES;
	*out = add(x, port);
	return *out ? PCP_SUCCESS : PCP_NO_RESOURCES;
}

static enum pcp_result end(struct pcp_exchange *x, struct pcp_peer *peer)
{
	if (peer)
		drop(x->p, peer, "removed");
	return PCP_SUCCESS;
}

enum pcp_result pcp_peer(struct pcp_exchange *x)
{
	enum pcp_result result = check(x);
	struct pcp_peer *peer = result ? NULL : find(x, true);
	const struct mapping *m;
	uint32_t seconds = 0;

	if (result)
		return result;
	m = pcp_mapping_of(x, x->request.internal_port);
	if ((peer && !pcp_has_nonce(x, peer->nonce)) ||
	    (m && m->pcp && !pcp_has_nonce(x, m->pcp->nonce))) /* PCP-47 */
		return PCP_NOT_AUTHORIZED;
	if (!x->request.lifetime)
		return end(x, peer);
	if (!peer)
		result = make(x, &peer, &seconds);
	if (result)
		return result;
	x->answer.lifetime = pcp_lifetime(x);
	lease_heap_set(&x->p->pcp.peer_leases, &peer->lease,
		       clock_now() + x->answer.lifetime * CLOCK_SECOND);
	pcp_flow_keep(x->p, peer);
	if (seconds > x->answer.lifetime)
		x->answer.lifetime = seconds;
	x->answer.external_port = peer->external_port;
	x->answer.external_address = pcp_address_from_v4(x->p->router->external);
	return PCP_SUCCESS;
}
