/* SPDX-License-Identifier: MIT */
/*
 * ssdp_send.c - SSDP messages on their way out.
 *
 * Theory of operation: a message is rendered for the way it takes, because LOCATION must be
 * reachable where it is read (SSDP-17, SSDP-50, SSDP-71): the receiving interface's IPv4 address;
 * its link-local address in brackets and without a zone for ff02::c; its global address for
 * ff05::c. Over IPv6 the headers OPT and 01-NLS are added (SSDP-72); NLS is a digest of the LAN's
 * addresses, so it changes when they do. Unicast and multicast leave from port 1900 and from the
 * address that the search was sent to, or the interface's own. What has to wait (MX, rules) is kept
 * by datagram_wait.c.
 */
#include "description.h"
#include "head_edit.h"
#include "http.h"
#include "profile.h"
#include "ssdp_parts.h"
#include "wire/ssdp.h"

#include <arpa/inet.h>
#include <stdio.h>

static const struct {
	const char *address;
	const char *host; /* as HOST has it, UDA 2.0 1.2.2 and A.4.2 */
} groups[SSDP_SCOPE_COUNT] = {
	[SSDP_IPV4] = {SSDP_GROUP_V4, "239.255.255.250:1900"},
	[SSDP_LINK_LOCAL] = {SSDP_GROUP_LINK, "[FF02::C]:1900"},
	[SSDP_SITE_LOCAL] = {SSDP_GROUP_SITE, "[FF05::C]:1900"},
};

const char *ssdp_group_host(enum ssdp_scope scope)
{
	return groups[scope].host;
}

/* xorshift64*: delays need to be spread, not secret. */
int64_t ssdp_random(struct ssdp *s, int64_t limit)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return limit > 0 ? (int64_t)((s->random * UINT64_C(0x2545f4914f6cdd1d) >> 1) %
				     (uint64_t)limit)
			 : 0;
}

static struct in6_addr scope_address(const struct router_interface *iface, enum ssdp_scope scope)
{
	return scope == SSDP_LINK_LOCAL ? iface->link6 : iface->address6;
}

bool ssdp_group_way(struct datagram_socket *socket, enum ssdp_scope scope, struct ssdp_way *out)
{
	struct in6_addr own = scope_address(socket->iface, scope);
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(SSDP_PORT)};
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(SSDP_PORT),
		.sin6_scope_id = socket->iface->index,
	};

	*out = (struct ssdp_way){.socket = socket, .scope = scope};
	if ((scope == SSDP_IPV4) != (socket->family == AF_INET))
		return false;
	if (scope == SSDP_IPV4) {
		inet_pton(AF_INET, groups[scope].address, &v4.sin_addr);
		memcpy(&out->to, &v4, sizeof(v4));
		return socket->iface->address.s_addr != 0;
	}
	inet_pton(AF_INET6, groups[scope].address, &v6.sin6_addr);
	memcpy(&out->to, &v6, sizeof(v6));
	return !IN6_IS_ADDR_UNSPECIFIED(&own);
}

/* Our address and port as the message's source. */
static void own_address(const struct ssdp_way *way, struct sockaddr_storage *out)
{
	const struct router_interface *iface = way->socket->iface;
	struct sockaddr_in v4 = {
		.sin_family = AF_INET, .sin_port = htons(SSDP_PORT), .sin_addr = iface->address};
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(SSDP_PORT),
		.sin6_addr = scope_address(iface, way->scope),
		.sin6_scope_id = way->scope == SSDP_LINK_LOCAL ? iface->index : 0,
	};

	if (way->from.ss_family != AF_UNSPEC)
		*out = way->from;
	else if (way->scope == SSDP_IPV4)
		memcpy(out, &v4, sizeof(v4));
	else
		memcpy(out, &v6, sizeof(v6));
}

/* FNV-1a over the addresses of all LANs: the network location signature. */
static void add_ipv6_headers(const struct router *r, struct buf *out)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < r->lans; i++) {
		uint8_t bytes[sizeof(struct in_addr) + 2 * sizeof(struct in6_addr)];

		memcpy(bytes, &r->lan[i].address, 4);
		memcpy(bytes + 4, &r->lan[i].address6, 16);
		memcpy(bytes + 20, &r->lan[i].link6, 16);
		for (size_t j = 0; j < sizeof(bytes); j++)
			sum = (sum ^ bytes[j]) * UINT64_C(0x100000001b3);
	}
	buf_printf(out,
		   "OPT: \"http://schemas.upnp.org/upnp/1/0/\"; ns=01\r\n"
		   "01-NLS: %016llx\r\n",
		   (unsigned long long)sum);
}

/* The interface as description_location() shall see it: with the one IPv6 address in scope. */
static struct router_interface scoped_interface(const struct ssdp_way *way)
{
	struct router_interface seen = *way->socket->iface;

	if (way->scope != SSDP_IPV4)
		seen.address6 = scope_address(&seen, way->scope);
	return seen;
}

static void render(struct ssdp *s, const struct ssdp_way *way, const struct template *template,
		   const char *st, const char *usn)
{
	struct router *r = s->router;
	struct router_interface seen = scoped_interface(way);
	struct message_values values = {0};
	char max_age[24], boot[16], next_boot[16], config[16], port[8], lan[INET6_ADDRSTRLEN + 2];
	struct buf extra = {0};

	snprintf(max_age, sizeof(max_age), "%u", r->profile->max_age);
	snprintf(boot, sizeof(boot), "%u", r->boot_id);
	snprintf(next_boot, sizeof(next_boot), "%u", r->boot_id + 1);
	snprintf(config, sizeof(config), "%u", r->config_id);
	snprintf(port, sizeof(port), "%u", r->http ? http_port(r->http) : 0);
	buf_reset(&s->location);
	description_location(r, &seen, way->scope != SSDP_IPV4, &s->location);
	if (way->scope == SSDP_IPV4) {
		inet_ntop(AF_INET, &seen.address, lan, sizeof(lan));
	} else {
		lan[0] = '[';
		inet_ntop(AF_INET6, &seen.address6, lan + 1, INET6_ADDRSTRLEN);
		strcat(lan, "]");
		add_ipv6_headers(r, &extra);
	}
	values.v[PLACEHOLDER_LOCATION] = buf_slice(&s->location);
	values.v[PLACEHOLDER_ST] = slice_of(st);
	values.v[PLACEHOLDER_USN] = slice_of(usn);
	values.v[PLACEHOLDER_HOST] = slice_of(ssdp_group_host(way->scope));
	values.v[PLACEHOLDER_SERVER] = slice_of(r->profile->server);
	values.v[PLACEHOLDER_MAX_AGE] = slice_of(max_age);
	values.v[PLACEHOLDER_DATE] = router_date(r);
	values.v[PLACEHOLDER_BOOT_ID] = slice_of(boot);
	values.v[PLACEHOLDER_NEXT_BOOT_ID] = slice_of(next_boot);
	values.v[PLACEHOLDER_CONFIG_ID] = slice_of(config);
	values.v[PLACEHOLDER_LAN_ADDRESS] = slice_of(lan);
	values.v[PLACEHOLDER_HTTP_PORT] = slice_of(port);
	values.v[PLACEHOLDER_EXTRA] = buf_slice(&extra);
	buf_reset(&s->out);
	template_render(template, &values, &s->out);
	buf_free(&extra);
}

static void send_message(struct ssdp *s, const struct ssdp_way *way,
			 const struct template *template, const char *st, const char *usn,
			 const struct effects *e)
{
	char what[320];
	struct datagram d = {
		.socket = way->socket,
		.to = way->to,
		.ttl = (int)s->router->profile->policy.ssdp_ttl,
		.layer = "ssdp",
		.what = what,
	};

	snprintf(what, sizeof(what), "%s %s", message_name(template_message(template)), st);
	own_address(way, &d.from);
	render(s, way, template, st, usn);
	if (e->headers)
		head_edit(&s->out, s->out.len, e);
	s->out.len = effects_length(e, s->out.len);
	d.bytes = buf_slice(&s->out);
	datagram_dispatch(&s->port, &d, e);
}

void ssdp_send_also(struct ssdp *s, const struct ssdp_way *way, const char *st, const char *usn,
		    const struct effects *e)
{
	struct effects plain;

	effects_init(&plain);
	plain.delay_us = e->delay_us;
	plain.source_port = e->source_port;
	plain.source_address = e->source_address;
	for (size_t i = 0; i < e->alsos; i++)
		for (size_t j = 0; j < e->also[i]->count; j++)
			send_message(s, way, e->also[i]->message[j], st, usn, &plain);
}

void ssdp_send(struct ssdp *s, const struct ssdp_way *way, enum message_id message, const char *st,
	       const char *usn, const struct effects *e)
{
	const struct template *template = e->raw    ? e->raw
					  : e->head ? e->head
						    : s->router->profile->templates[message];

	if (!e->drop)
		send_message(s, way, template, st, usn, e);
	ssdp_send_also(s, way, st, usn, e);
}
