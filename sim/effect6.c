/* SPDX-License-Identifier: MIT */
/*
 * effect6.c - whether IPv6 pinholes let in what they say (see effect.h)
 *
 * Nothing is translated: the path is the router that has the pinhole, and the packet goes to the
 * internal client's own address. It has the source port that the pinhole asks for. Protocols other
 * than TCP and UDP are not tried, and one for all of them is tried by UDP.
 */
#include "effect.h"

#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/prefix.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define LIMIT_US     (2 * CLOCK_SECOND)
#define ANY_PORT     61872 /* tried on a pinhole for every port: dynamic, rarely anybody's */
#define ANY_PROTOCOL 65535

static const struct node *node_with(const struct topology *t, const struct in6_addr *address)
{
	for (size_t i = 0; i < t->node_count; i++)
		for (size_t j = 0; j < t->nodes[i].port_count; j++)
			if (IN6_ARE_ADDR_EQUAL(&t->nodes[i].ports[j].address6, address))
				return &t->nodes[i];
	return NULL;
}

static const char *text_of(const json_t *pinhole, const char *key)
{
	const char *text = json_string_value(json_object_get(pinhole, key));

	return text ? text : "";
}

static long number_of(const json_t *pinhole, const char *key)
{
	return (long)json_integer_value(json_object_get(pinhole, key));
}

/* Whether a packet of peer should come in by its address. */
static bool is_for_peer(const struct topology *t, const json_t *pinhole)
{
	const struct node *peer = &t->nodes[topology_node(t, "peer")];
	long prefix = number_of(pinhole, "remote_prefix");
	const char *remote = text_of(pinhole, "remote_host");
	struct in6_addr address = {0};

	if (!*remote && !prefix)
		return true;
	if (*remote && inet_pton(AF_INET6, remote, &address) != 1)
		return false;
	for (size_t i = 0; i < peer->port_count; i++)
		if (same_prefix(&address, &peer->ports[i].address6,
				prefix ? (unsigned)prefix : 128))
			return true;
	return false;
}

/* Whether any of the pinholes should let peer's packet in: several may be of the same port. */
static bool is_open(const struct topology *t, const json_t *pinholes, const json_t *one, long port)
{
	long protocol = number_of(one, "protocol");
	size_t index;
	const json_t *other;

	json_array_foreach((json_t *)pinholes, index, other)
	{
		long its_protocol = number_of(other, "protocol");
		long its_port = number_of(other, "internal_port");

		if (!strcmp(text_of(one, "internal_client"), text_of(other, "internal_client")) &&
		    (its_protocol == protocol || its_protocol == ANY_PROTOCOL) &&
		    (!its_port || its_port == port) && is_for_peer(t, other))
			return true;
	}
	return false;
}

/* Send through one. Return: whether it was as it should be. */
static bool verify_one(struct lab *lab, const struct topology *t, const json_t *pinholes,
		       const json_t *pinhole, json_t *result)
{
	const char *client = text_of(pinhole, "internal_client");
	uint16_t port = (uint16_t)number_of(result, "external_port");
	bool wanted = is_open(t, pinholes, pinhole, port), reached = false, fine;
	const struct node *node = NULL;
	int64_t start = clock_now();
	struct in6_addr inside;
	char *why = NULL;

	if (inet_pton(AF_INET6, client, &inside) == 1)
		node = node_with(t, &inside);
	if (node) {
		const struct effect_probe probe = {
			.sender = "peer",
			.sender_port = (uint16_t)number_of(pinhole, "remote_port"),
			.external_port = port,
			.receiver = node->name,
			.inside_port = port,
			.inside6 = &inside,
			.protocol = number_of(pinhole, "protocol") == IPPROTO_TCP ? IPPROTO_TCP
										  : IPPROTO_UDP,
			.limit_us = LIMIT_US,
		};

		reached = effect_send(lab, &probe, &why);
	} else {
		why = xasprintf("no node has the internal client %s", client);
	}
	fine = node && reached == wanted;
	if (reached && !wanted)
		why = xstrdup("it is for another remote host, and yet a packet from peer arrives");
	json_object_set_new(result, "reached", reached ? json_string(node->name) : json_null());
	json_object_set_new(result, "port", json_integer(port));
	json_object_set_new(result, "seconds", json_real((double)(clock_now() - start) / 1e6));
	json_object_set_new(result, "ok", json_boolean(fine));
	if (why)
		json_object_set_new(result, "reason", json_string(why));
	free(why);
	return fine;
}

size_t effect_verify_pinholes(struct lab *lab, const struct topology *t, size_t router,
			      const json_t *pinholes, json_t *results)
{
	size_t index, wrong = 0;
	const json_t *pinhole;

	if (!effect_faces_peer(t, router))
		return 0;
	json_array_foreach((json_t *)pinholes, index, pinhole)
	{
		long protocol = number_of(pinhole, "protocol"),
		     port = number_of(pinhole, "internal_port");
		const char *remote = text_of(pinhole, "remote_host");
		json_t *result;

		if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != ANY_PROTOCOL)
			continue;
		result = json_pack("{s:s, s:s, s:i, s:s, s:i, s:s, s:[s]}", "router",
				   t->nodes[router].name, "protocol",
				   protocol == IPPROTO_TCP ? "TCP" : "UDP", "unique_id",
				   (int)number_of(pinhole, "unique_id"), "internal_client",
				   text_of(pinhole, "internal_client"), "external_port",
				   (int)(port ? port : ANY_PORT), "from", "peer", "path",
				   t->nodes[router].name);
		if (*remote)
			json_object_set_new(result, "remote_host", json_string(remote));
		wrong += !verify_one(lab, t, pinholes, pinhole, result);
		json_array_append_new(results, result);
	}
	return wrong;
}
