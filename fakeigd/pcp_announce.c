/* SPDX-License-Identifier: MIT */
/*
 * pcp_announce.c - what the PCP server says unasked.
 *
 * Theory of operation
 *
 * RFC 6887 clause 14.1: a server that has lost its state, or whose external address has become
 * another, sends an ANNOUNCE response from port 5351 to 224.0.0.1:5350 and [ff02::1]:5350 (PCP-50),
 * up to ten times after 0, 250 ms, 750 ms and so on (PCP-51), each with the epoch of its moment.
 *
 * Clause 14.2: when the external address has become another, each client is told by a MAP response
 * that nobody asked for, from where to where its last request went; three times, after 0, 250 and
 * 750 ms, unless it renews the mapping in between (PCP-52, XP-12).
 */
#include "base/mem.h"
#include "pcp_parts.h"

#include <stdlib.h>

#define GAP_US (CLOCK_SECOND / 4)

static void announce_once(struct portcontrol *p)
{
	struct pcp_exchange x = {.p = p, .message = "announce"};
	const struct sockaddr_storage v4 = portcontrol_group(PCP_GROUP, PCP_ANNOUNCE_PORT);
	const struct sockaddr_storage v6 = portcontrol_group(PCP_GROUP_V6, PCP_ANNOUNCE_PORT);
	struct buf bytes = {0};
	char what[128];

	pcp_apply_rules(&x);
	x.answer = (struct pcp_message){
		.version = PCP_VERSION,
		.opcode = PCP_ANNOUNCE,
		.response = true,
		.epoch = pcp_epoch(p),
	};
	pcp_override(&x, &x.answer);
	pcp_describe(&x.answer, what, sizeof(what));
	pcp_build_response(&bytes, &x.answer);
	portcontrol_announce(p, &v4, "pcp", what, buf_slice(&bytes), &x.effects);
	portcontrol_announce(p, &v6, "pcp", what, buf_slice(&bytes), &x.effects);
	buf_free(&bytes);
}

static void announce_due(void *arg)
{
	struct portcontrol *p = arg;
	struct pcp_state *s = &p->pcp;

	if (!pcp_is_on(p->router))
		return;
	announce_once(p);
	if (++s->announced < p->router->profile->policy.pcp_announcements)
		loop_timer_arm(p->router->loop, &s->announce,
			       clock_now() + (GAP_US << (s->announced - 1)), announce_due, p);
}

void pcp_announce(struct portcontrol *p)
{
	p->pcp.announced = 0;
	loop_timer_cancel(p->router->loop, &p->pcp.announce);
	if (pcp_is_on(p->router) && p->router->profile->policy.pcp_announcements)
		loop_timer_arm(p->router->loop, &p->pcp.announce, clock_now(), announce_due, p);
}

/* The socket that the mapping's last request came by; NULL when it is gone. */
static struct datagram_socket *socket_of(struct portcontrol *p, const struct pcp_record *record)
{
	struct datagram_socket *sockets = p->port.sockets;

	for (size_t i = 0; i < p->port.count; i++)
		if (sockets[i].iface->index == record->ifindex &&
		    sockets[i].family == record->client.ss_family)
			return &sockets[i];
	return NULL;
}

void pcp_tell_update(struct portcontrol *p, const struct pcp_told *told)
{
	const struct pcp_record *record = told->record;
	struct portcontrol_request q = {
		.portcontrol = p,
		.socket = socket_of(p, record),
		.from = record->client,
		.local = record->local,
	};
	struct pcp_port_set set = {.size = record->set_size, .first = record->set_first};
	struct pcp_exchange x = {.p = p, .message = "mapping-update"};
	struct buf bytes = {0}, options = {0};
	char what[128];

	if (!q.socket)
		return;
	pcp_apply_rules(&x);
	if (set.size > 1)
		pcp_add_port_set(&options, &set);
	x.answer = (struct pcp_message){
		.version = PCP_VERSION,
		.opcode = PCP_MAP,
		.response = true,
		.lifetime = told->lifetime,
		.epoch = pcp_epoch(p),
		.protocol = told->protocol,
		.internal_port = told->internal_port,
		.external_port = told->external_port,
		.external_address = told->external_address,
		.options = buf_slice(&options),
	};
	memcpy(x.answer.nonce, record->nonce, PCP_NONCE_LEN);
	pcp_override(&x, &x.answer);
	pcp_describe(&x.answer, what, sizeof(what));
	pcp_build_response(&bytes, &x.answer);
	portcontrol_send(&q, "pcp", what, buf_slice(&bytes), &x.effects);
	buf_free(&bytes);
	buf_free(&options);
}

void pcp_send_update(struct portcontrol *p, const struct mapping *m)
{
	const struct pcp_told told = {
		.record = m->pcp,
		.protocol = (uint8_t)m->protocol,
		.internal_port = m->internal_port,
		.external_port = m->external_port,
		.external_address = pcp_address_from_v4(p->router->external),
		.lifetime = portmap_remaining(m),
	};

	pcp_tell_update(p, &told);
}

/* A set is told by its first mapping. */
static bool is_told(const struct mapping *m)
{
	return m->pcp && (m->pcp->set_size < 2 || m->internal_port == m->pcp->set_first);
}

static void update_due(void *arg)
{
	struct portcontrol *p = arg;
	const struct portmap *map = p->router->portmap;
	unsigned most = 0;

	for (size_t i = 0; i < portmap_count(map); i++) {
		const struct mapping *m = portmap_at(map, i);

		if (!is_told(m) || !m->pcp->updates)
			continue;
		pcp_send_update(p, m);
		if (--m->pcp->updates > most)
			most = m->pcp->updates;
	}
	if (most)
		loop_timer_arm(p->router->loop, &p->pcp.update,
			       clock_now() + (GAP_US << (most == 1)), update_due, p);
}

void pcp_update(struct portcontrol *p)
{
	const struct portmap *map = p->router->portmap;
	unsigned times = (unsigned)p->router->profile->policy.pcp_updates;

	loop_timer_cancel(p->router->loop, &p->pcp.update);
	if (!pcp_is_on(p->router) || !pcp_has_external(p->router) || !times)
		return;
	for (size_t i = 0; i < portmap_count(map); i++)
		if (is_told(portmap_at(map, i)))
			portmap_at(map, i)->pcp->updates = times;
	loop_timer_arm(p->router->loop, &p->pcp.update, clock_now(), update_due, p);
}

void pcp_stop(struct portcontrol *p)
{
	loop_timer_cancel(p->router->loop, &p->pcp.announce);
	loop_timer_cancel(p->router->loop, &p->pcp.update);
	loop_timer_cancel(p->router->loop, &p->pcp.look);
	pcp_forget(p);
	lease_heap_free(&p->pcp.peer_leases);
}
