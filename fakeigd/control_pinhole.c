/* SPDX-License-Identifier: MIT */
/* control_pinhole.c - requests of the control socket about the IPv6 firewall (see control.h). */
#include "control_pinhole.h"

#include "control.h"
#include "firewall6.h"
#include "pinhole.h"
#include "router.h"

#include <arpa/inet.h>
#include <string.h>

/* One in a message takes less than this, and its description six bytes for each of its own. */
#define PINHOLE_MOST 512

static json_t *address_json(const struct in6_addr *address)
{
	char text[INET6_ADDRSTRLEN];

	if (IN6_IS_ADDR_UNSPECIFIED(address))
		return json_string("");
	inet_ntop(AF_INET6, address, text, sizeof(text));
	return json_string(text);
}

static json_t *pinhole_json(const struct router *r, const struct pinhole *h)
{
	return json_pack("{s:i, s:i, s:o, s:i, s:o, s:i, s:i, s:I, s:I, s:s, s:o, s:I, s:s}",
			 "unique_id", (int)h->id, "protocol", h->protocol, "internal_client",
			 address_json(&h->internal_client), "internal_port", (int)h->internal_port,
			 "remote_host", address_json(&h->remote_host), "remote_prefix",
			 (int)h->remote_prefix, "remote_port", (int)h->remote_port, "lease",
			 (json_int_t)h->lease, "remaining", (json_int_t)pinhole_remaining(h),
			 "origin", h->origin == PORTMAP_PCP ? "pcp" : "igd", "owner",
			 address_json(&h->owner), "packets",
			 (json_int_t)pinhole_packets(r->pinholes, h), "description",
			 h->description ? h->description : "");
}

json_t *control_pinholes(const struct router *r, json_int_t first)
{
	json_t *list = json_array();
	json_t *reply = json_pack("{s:b, s:I, s:{s:b, s:b, s:b}, s:o}", "ok", 1, "count",
				  (json_int_t)pinholes_count(r->pinholes), "firewall", "stands",
				  firewall6_stands(r->firewall6), "enabled",
				  firewall6_enabled(r->firewall6), "inbound_allowed",
				  firewall6_inbound(r->firewall6), "pinholes", list);
	const struct pinhole *h = pinhole_next(r->pinholes, NULL);
	size_t used = PINHOLE_MOST;

	while (h && h->id < first)
		h = pinhole_next(r->pinholes, h);
	for (; h; h = pinhole_next(r->pinholes, h)) {
		used += PINHOLE_MOST + (h->description ? 6 * strlen(h->description) : 0);
		if (used > CONTROL_MESSAGE_MAX)
			break;
		json_array_append_new(list, pinhole_json(r, h));
	}
	if (h)
		json_object_set_new(reply, "next", json_integer(h->id));
	return reply;
}

const char *control_firewall(struct router *r, const json_t *request)
{
	const json_t *enabled = json_object_get(request, "enabled");
	const json_t *inbound = json_object_get(request, "inbound_allowed");
	int error;

	if ((enabled && !json_is_boolean(enabled)) || (inbound && !json_is_boolean(inbound)))
		return "\"enabled\" and \"inbound_allowed\" must be true or false";
	if (!enabled && !inbound)
		return "\"enabled\" or \"inbound_allowed\" is missing";
	error = firewall6_set(r->firewall6,
			      enabled ? json_is_true(enabled) : firewall6_enabled(r->firewall6),
			      inbound ? json_is_true(inbound) : firewall6_inbound(r->firewall6));
	return error ? strerror(-error) : NULL;
}
