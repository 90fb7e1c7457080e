/* SPDX-License-Identifier: MIT */
/*
 * natpmp_map.c - NAT-PMP requests against the table of mappings.
 *
 * Theory of operation
 *
 * RFC 6886 clauses 3.3 and 3.4. The internal address is the sender's (NATPMP-08). An internal
 * endpoint has one mapping: asking again refreshes it and gives the same external port whatever is
 * suggested (NATPMP-10), so a retransmission gets the answer that was lost. An external port is
 * free for a client when nobody has it in this protocol and nobody else has it in the other one:
 * the companion port is reserved (NATPMP-05, NATPMP-06). If the suggested one is not free, or is 0,
 * a high port is given (NATPMP-07, NATPMP-09).
 *
 * The table is that of all protocols (XP-01 to XP-07). An endpoint that IGD or the administrator
 * has mapped is answered with that mapping, which stays as it is, and cannot be deleted here:
 * result 2 (NATPMP-16, NATPMP-18, XP-05). Leases end as those of any other mapping (NATPMP-12).
 */
#include "natpmp_map.h"

#include "base/mem.h"
#include "choice.h"
#include "portcontrol_parts.h"
#include "portmap.h"

#define HIGH_FIRST  49152 /* dynamic ports, RFC 6335 clause 6 */
#define HIGH_COUNT  16384
#define OTHER_FIRST 1024

static bool is_up(const struct router *r)
{
	return r->wan_state == WAN_CONNECTED || r->wan_state == WAN_PENDING_DISCONNECT;
}

static const struct policy *policy_of(const struct portcontrol_request *q)
{
	return &q->portcontrol->router->profile->policy;
}

/* RFC 1918, RFC 6598 */
static bool is_private(struct in_addr address)
{
	uint32_t a = ntohl(address.s_addr);

	return a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 22 == 0x191;
}

enum natpmp_result natpmp_external(const struct router *r)
{
	if (!is_up(r) || !r->external.s_addr)
		return NATPMP_NETWORK_FAILURE;
	if (is_private(r->external) && policy_is(&r->profile->policy, natpmp_private_address, "3"))
		return NATPMP_NETWORK_FAILURE;
	return NATPMP_SUCCESS;
}

static struct in_addr sender_of(const struct portcontrol_request *q)
{
	struct sockaddr_in v4;

	memcpy(&v4, &q->from, sizeof(v4));
	return v4.sin_addr;
}

static int protocol_of(const struct portcontrol_request *q, const struct natpmp_request *request)
{
	bool tcp = request->opcode == NATPMP_MAP_TCP;

	if (policy_is(policy_of(q), natpmp_protocols, "swapped"))
		tcp = !tcp;
	return tcp ? IPPROTO_TCP : IPPROTO_UDP;
}

/* Whether a client may have an external port (NATPMP-05, XP-03). */
static bool is_free(const struct portcontrol_request *q, uint16_t port, int protocol)
{
	const struct portmap *p = q->portcontrol->router->portmap;
	const struct mapping *other =
		portmap_find_port(p, port, IPPROTO_TCP + IPPROTO_UDP - protocol);

	if (portmap_is_taken(p, portmap_find_port(p, port, protocol), PORTMAP_NATPMP))
		return false;
	return !other || !policy_of(q)->natpmp_companion ||
	       other->internal_client.s_addr == sender_of(q).s_addr;
}

/* The first free port of @count from @first upwards, from @start on in a circle; 0 when none. */
static uint16_t free_port(const struct portcontrol_request *q, uint32_t first, uint32_t count,
			  uint32_t start, int protocol)
{
	for (uint32_t i = 0; i < count; i++) {
		uint16_t port = (uint16_t)(first + (start - first + i) % count);

		if (is_free(q, port, protocol))
			return port;
	}
	return 0;
}

static uint16_t any_free_port(const struct portcontrol_request *q, uint32_t start, int protocol)
{
	return free_port(q, OTHER_FIRST, UINT16_MAX + 1 - OTHER_FIRST,
			 start < OTHER_FIRST || start > UINT16_MAX ? OTHER_FIRST : start, protocol);
}

/* The search goes on where the last one ended, so that it is short however many there are. */
static uint16_t high_port(const struct portcontrol_request *q, int protocol)
{
	struct natpmp_state *s = &q->portcontrol->natpmp;
	uint16_t start = s->next_port >= HIGH_FIRST ? s->next_port : HIGH_FIRST;
	uint16_t port = free_port(q, HIGH_FIRST, HIGH_COUNT, start, protocol);

	if (!port)
		return any_free_port(q, OTHER_FIRST, protocol);
	s->next_port = (uint16_t)(port + 1);
	return port;
}

/* A port that has nothing to do with what was asked, and is the same each time. */
static uint16_t unrelated_port(const struct portcontrol_request *q,
			       const struct natpmp_request *request, int protocol)
{
	uint32_t mixed = (request->internal_port * UINT32_C(0x9e3779b1)) ^ sender_of(q).s_addr;

	return free_port(q, HIGH_FIRST, HIGH_COUNT, HIGH_FIRST + (mixed >> 7) % HIGH_COUNT,
			 protocol);
}

static uint16_t choose_port(const struct portcontrol_request *q,
			    const struct natpmp_request *request, int protocol)
{
	const struct policy *policy = policy_of(q);
	uint16_t wanted = request->suggested_external_port;

	if (policy_is(policy, natpmp_port, "unrelated"))
		return unrelated_port(q, request, protocol);
	if (!wanted && policy_is(policy, natpmp_port_zero, "internal"))
		wanted = request->internal_port;
	if (!wanted)
		return high_port(q, protocol);
	if (is_free(q, wanted, protocol))
		return wanted;
	if (policy_is(policy, natpmp_port_taken, "next"))
		return any_free_port(q, (uint32_t)wanted + 1, protocol);
	return policy_is(policy, natpmp_port_taken, "4") ? 0 : high_port(q, protocol);
}

static uint32_t granted_lifetime(const struct policy *policy, uint32_t asked)
{
	if (policy->natpmp_lifetime_override)
		return (uint32_t)policy->natpmp_lifetime_override;
	return asked > policy->natpmp_lifetime_max ? (uint32_t)policy->natpmp_lifetime_max : asked;
}

/* A mapping of an internal endpoint that serves every remote host. */
static const struct mapping *mapping_of(const struct portcontrol_request *q, uint16_t port,
					int protocol)
{
	const struct portmap *p = q->portcontrol->router->portmap;
	const struct mapping *m = portmap_find_endpoint(p, sender_of(q), port, protocol);
	const struct mapping *foreign = NULL;

	for (; m; m = portmap_next_endpoint(p, m)) {
		if (m->remote_host.s_addr || !m->external_port)
			continue;
		if (m->origin == PORTMAP_NATPMP)
			return m;
		foreign = m;
	}
	return foreign;
}

/* Why nothing may be mapped, 0 when it may. Permissions are those of IGD (XP-10). */
static enum natpmp_result forbidden(const struct portcontrol_request *q,
				    const struct natpmp_request *request)
{
	const struct policy *policy = policy_of(q);
	uint16_t external = request->suggested_external_port;

	if (policy_code(policy, natpmp_mapping))
		return (enum natpmp_result)policy_code(policy, natpmp_mapping);
	if (!request->lifetime)
		return NATPMP_SUCCESS;
	if (policy_is(policy, natpmp_map_without_address, "3") &&
	    natpmp_external(q->portcontrol->router))
		return NATPMP_NETWORK_FAILURE;
	if (!request->internal_port)
		return NATPMP_NOT_AUTHORIZED;
	if (request->internal_port < 1024 &&
	    policy_by_device(q->portcontrol, client_low_internal_port, 606))
		return NATPMP_NOT_AUTHORIZED;
	if (external && external < 1024 &&
	    policy_by_device(q->portcontrol, client_low_external_port, 606))
		return NATPMP_NOT_AUTHORIZED;
	return NATPMP_SUCCESS;
}

static enum natpmp_result add(const struct portcontrol_request *q,
			      const struct natpmp_request *request, int protocol,
			      struct natpmp_response *out)
{
	struct portmap *p = q->portcontrol->router->portmap;
	const struct mapping *old = mapping_of(q, request->internal_port, protocol);
	struct mapping m = {
		.internal_client = sender_of(q),
		.owner = sender_of(q),
		.internal_port = request->internal_port,
		.protocol = protocol,
		.lease = granted_lifetime(policy_of(q), request->lifetime),
		.origin = PORTMAP_NATPMP,
		.enabled = true,
		.description = (char[]){"NAT-PMP"},
	};

	if (old && old->origin != PORTMAP_NATPMP) {
		uint32_t left = portmap_remaining(old);

		out->external_port = old->external_port;
		out->lifetime = left && left < m.lease ? left : m.lease;
		return NATPMP_SUCCESS;
	}
	if (!old && portmap_count(p) >= (size_t)policy_of(q)->table_max)
		return NATPMP_OUT_OF_RESOURCES;
	m.external_port = old ? old->external_port : choose_port(q, request, protocol);
	if (!m.external_port || portmap_put(p, &m) < 0)
		return NATPMP_OUT_OF_RESOURCES;
	out->external_port = m.external_port;
	out->lifetime = m.lease;
	return NATPMP_SUCCESS;
}

/**
 * struct deletion - all mappings of a client
 * @protocol:	0 = both
 * @kept:	others than NAT-PMP's were met
 */
struct deletion {
	struct in_addr client;
	int protocol;
	bool kept;
};

static bool is_to_go(const struct mapping *m, void *arg)
{
	struct deletion *d = arg;

	if (m->internal_client.s_addr != d->client.s_addr ||
	    (d->protocol && m->protocol != d->protocol))
		return false;
	d->kept |= m->origin != PORTMAP_NATPMP;
	return m->origin == PORTMAP_NATPMP;
}

/* Result of a deletion that met a mapping which is not NAT-PMP's. */
static enum natpmp_result not_ours(const struct portcontrol_request *q)
{
	return (enum natpmp_result)policy_code(policy_of(q), natpmp_delete_others);
}

static enum natpmp_result delete (const struct portcontrol_request *q,
				  const struct natpmp_request *request, int protocol) {
	struct portmap *p = q->portcontrol->router->portmap;
	const struct mapping *m = mapping_of(q, request->internal_port, protocol);
	bool both = policy_is(policy_of(q), natpmp_delete_all, "both");
	struct deletion all = {.client = sender_of(q), .protocol = both ? 0 : protocol};

	/* The suggested port does not count (NATPMP-14, NATPMP-17). */
	if (!request->internal_port){portmap_remove_if(p, is_to_go, &all, "removed");
				     return all.kept ? not_ours(q) : NATPMP_SUCCESS;}
if (!m) return NATPMP_SUCCESS;
if (m->origin != PORTMAP_NATPMP)
	return not_ours(q);
portmap_remove(p, m->remote_host, m->external_port, m->protocol);
return NATPMP_SUCCESS;
}

enum natpmp_result natpmp_map(const struct portcontrol_request *q,
			      const struct natpmp_request *request, struct natpmp_response *out)
{
	int protocol = protocol_of(q, request);
	enum natpmp_result result = forbidden(q, request);

	if (result)
		return result;
	return request->lifetime ? add(q, request, protocol, out) : delete (q, request, protocol);
}
