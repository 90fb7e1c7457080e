/* SPDX-License-Identifier: MIT */
/*
 * rule_match.c - whether the conditions of a rule hold for a message.
 *
 * A pattern may name something else in braces: {from} the sender, {lan} the router's address
 * towards the sender, {external} its external address, {NewExternalPort} another argument.
 */
#include "base/clock.h"
#include "base/prefix.h"
#include "portmap.h"
#include "profile.h"
#include "router.h"
#include "rule_parts.h"
#include "wire/http.h"
#include "wire/soap.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/**
 * struct occasion - an event being compared
 * @text:	room for the value of a name
 */
struct occasion {
	const struct router *r;
	const struct rule_event *event;
	char text[INET6_ADDRSTRLEN];
};

static bool sender(const struct rule_event *event, struct in6_addr *out)
{
	const struct sockaddr *from = event->from;

	if (!from)
		return false;
	if (from->sa_family == AF_INET)
		*out = rule_mapped(((const struct sockaddr_in *)from)->sin_addr);
	else if (from->sa_family == AF_INET6)
		*out = ((const struct sockaddr_in6 *)from)->sin6_addr;
	else
		return false;
	return true;
}

static bool sender_v4(const struct rule_event *event, struct in_addr *out)
{
	struct in6_addr address;

	if (!sender(event, &address) || !IN6_IS_ADDR_V4MAPPED(&address))
		return false;
	memcpy(out, address.s6_addr + 12, 4);
	return true;
}

/* Value of a field of a binary message, NULL when it has none of that name. */
static const char *rules_field(const struct rule_event *event, const char *name)
{
	for (size_t i = 0; i < event->fields; i++)
		if (!strcmp(event->field[i].name, name))
			return event->field[i].value;
	return NULL;
}

const char *rules_name_value(const struct router *r, const struct rule_event *event,
			     const char *name, char text[INET6_ADDRSTRLEN])
{
	const struct router_interface *lan;
	struct in_addr v4 = {0};
	struct in6_addr v6;

	if (isupper((unsigned char)*name))
		return event->arguments ? soap_value(event->arguments, name) : NULL;
	if (rules_field(event, name))
		return rules_field(event, name);
	if (!strcmp(name, "from")) {
		if (sender_v4(event, &v4))
			return inet_ntop(AF_INET, &v4, text, INET6_ADDRSTRLEN);
		return sender(event, &v6) ? inet_ntop(AF_INET6, &v6, text, INET6_ADDRSTRLEN) : NULL;
	}
	if (!r)
		return NULL;
	if (!strcmp(name, "uptime")) {
		snprintf(text, INET6_ADDRSTRLEN, "%lld",
			 (long long)((clock_now() - r->booted) / CLOCK_SECOND));
		return text;
	}
	if (!strcmp(name, "external"))
		return inet_ntop(AF_INET, &r->external, text, INET6_ADDRSTRLEN);
	if (strcmp(name, "lan") || !sender_v4(event, &v4))
		return NULL;
	lan = router_lan_of(r, v4);
	return lan ? inet_ntop(AF_INET, &lan->address, text, INET6_ADDRSTRLEN) : NULL;
}

/* Value of a {name} in a pattern. */
static const char *named_value(const void *arg, const char *name)
{
	struct occasion *o = (struct occasion *)arg;

	return rules_name_value(o->r, o->event, name, o->text);
}

static bool fits(const struct pattern *p, const char *value, const struct occasion *o)
{
	return !p || pattern_match(p, slice_of(value), named_value, o);
}

static bool from_fits(const struct rule_match *m, const struct rule_event *event)
{
	bool wanted = false, found = false;
	struct in6_addr address;

	if (!m->from_count)
		return true;
	if (!sender(event, &address))
		return false;
	for (size_t i = 0; i < m->from_count; i++) {
		bool in = same_prefix(&address, &m->from[i].address, (unsigned)m->from[i].prefix);

		if (m->from[i].negated && in)
			return false;
		wanted |= !m->from[i].negated;
		found |= !m->from[i].negated && in;
	}
	return found || !wanted;
}

/* The same of a NAT-PMP request: what it suggests. */
static const struct mapping *suggested_mapping(const struct occasion *o)
{
	const char *port = rules_field(o->event, "suggested_external_port");
	const char *opcode = rules_field(o->event, "opcode");

	if (!port || !opcode || !o->r || !o->r->portmap)
		return NULL;
	return portmap_find_port(o->r->portmap, (uint16_t)atoi(port),
				 strcmp(opcode, "1") ? IPPROTO_TCP : IPPROTO_UDP);
}

/* The mapping that a request is about: its external port and protocol, whatever the remote host. */
static const struct mapping *asked_mapping(const struct occasion *o)
{
	const struct soap_message *m = o->event->arguments;
	const char *port = m ? soap_value(m, "NewExternalPort") : NULL;
	const char *protocol = m ? soap_value(m, "NewProtocol") : NULL;
	uint64_t number;

	if (o->event->fields)
		return suggested_mapping(o);
	if (!port || !protocol || !o->r || !o->r->portmap ||
	    !slice_number(slice_of(port), 65535, &number))
		return NULL;
	return portmap_find_port(o->r->portmap, (uint16_t)number,
				 strcasecmp(protocol, "UDP") ? IPPROTO_TCP : IPPROTO_UDP);
}

static bool state_holds(enum rule_state state, const struct occasion *o)
{
	const struct router *r = o->r;
	const struct mapping *m = state >= RULE_STATE_MAPPED ? asked_mapping(o) : NULL;
	size_t entries = r && r->portmap ? portmap_count(r->portmap) : 0;
	struct in_addr from = {0};

	switch (state) {
	case RULE_STATE_TABLE_FULL:
		return r && r->profile && entries >= (size_t)r->profile->policy.table_max;
	case RULE_STATE_TABLE_EMPTY:
		return !entries;
	case RULE_STATE_WAN_DOWN:
		return r && r->wan_state != WAN_CONNECTED;
	case RULE_STATE_WAN_UP:
		return r && r->wan_state == WAN_CONNECTED;
	case RULE_STATE_AFTER_REBOOT:
		return r && r->reboots;
	case RULE_STATE_RECONNECTED:
		return r && r->outages;
	case RULE_STATE_MAPPED:
		return m;
	case RULE_STATE_UNMAPPED:
		return !m;
	default:
		sender_v4(o->event, &from);
		return m && (m->internal_client.s_addr == from.s_addr) ==
				    (state == RULE_STATE_MAPPED_BY_SENDER);
	}
}

static bool states_hold(const struct rule_match *m, const struct occasion *o)
{
	for (int state = 0; state < RULE_STATE_COUNT; state++)
		if (m->states >> state & 1 && !state_holds((enum rule_state)state, o))
			return false;
	return true;
}

static bool uptime_fits(const struct rule_match *m, const struct router *r)
{
	int64_t up = r ? clock_now() - r->booted : 0;

	return !m->uptime.count ||
	       (r && numbers_has(&m->uptime, (uint64_t)(up > 0 ? up / CLOCK_SECOND : 0)));
}

/* One of the last entries of the table. */
static bool last_fits(const struct rule_match *m, const struct occasion *o)
{
	const char *text;
	uint64_t index;
	size_t count, first;

	if (!m->last)
		return true;
	text = o->event->arguments ? soap_value(o->event->arguments, "NewPortMappingIndex") : NULL;
	if (!text || !o->r || !o->r->portmap || !slice_number(slice_of(text), UINT32_MAX, &index))
		return false;
	count = portmap_count(o->r->portmap);
	first = o->r->profile ? (size_t)o->r->profile->policy.generic_first : 0;
	return index >= first && index - first < count && index - first + m->last >= count;
}

/* Value of the first header whose name is written exactly so. */
static struct slice exact_header(const struct http_head *head, const char *name)
{
	for (size_t i = 0; head && i < head->count; i++)
		if (slice_eq(head->headers[i].name, name))
			return head->headers[i].value;
	return (struct slice){0};
}

static bool headers_fit(const struct rule_match *m, const struct occasion *o)
{
	const struct http_head *head = o->event->head;

	for (size_t i = 0; i < m->header_count; i++)
		if (!pattern_match(m->headers[i].pattern,
				   head ? http_header(head, m->headers[i].name) : (struct slice){0},
				   named_value, o))
			return false;
	for (size_t i = 0; i < m->exact_count; i++)
		if (!pattern_match(m->exact[i].pattern, exact_header(head, m->exact[i].name),
				   named_value, o))
			return false;
	return true;
}

/* Names of headers in the order of the rule, whatever stands between them. */
static bool order_fits(const struct rule_match *m, const struct http_head *head)
{
	size_t at = 0;

	if (m->order_count && !head)
		return false;
	for (size_t i = 0; head && i < head->count && at < m->order_count; i++)
		at += slice_case_eq(head->headers[i].name, m->order[at]);
	return at == m->order_count;
}

/* Of HTTP, or of a binary protocol. */
static bool version_fits(const struct rule_match *m, const struct rule_event *event)
{
	const struct http_head *head = event->head;
	char text[32];

	if (!m->version)
		return true;
	if (head)
		snprintf(text, sizeof(text), "%d.%d", head->major, head->minor);
	return pattern_match(m->version, slice_of(head ? text : rules_field(event, "version")),
			     NULL, NULL);
}

static bool number_fits(const struct numbers *wanted, bool known, uint64_t number)
{
	return !wanted->count || (known && numbers_has(wanted, number));
}

static bool request_fits(const struct rule_match *m, const struct rule_event *event)
{
	const struct rule_request none = {0}, *q = event->request ? event->request : &none;
	const struct sockaddr_in *from = (const void *)event->from;

	/* The port lies at the same place in both families. */
	return number_fits(&m->port, event->request, q->port) &&
	       (!m->body || pattern_match(m->body, q->body, NULL, NULL)) &&
	       number_fits(&m->segments, event->request, q->segments) &&
	       number_fits(&m->on_connection, event->request, q->on_connection) &&
	       number_fits(&m->from_port, from, from ? ntohs(from->sin_port) : 0) &&
	       (m->complete < 0 || (event->request && m->complete == !q->incomplete)) &&
	       order_fits(m, event->head) && version_fits(m, event);
}

bool rule_match_event(const struct rule_match *m, const struct router *r,
		      const struct rule_event *event)
{
	struct occasion o = {.r = r, .event = event};

	if (!(m->layers >> event->layer & 1) || !fits(m->message, event->message, &o) ||
	    !fits(m->action, event->action, &o) || !fits(m->target, event->target, &o) ||
	    !fits(m->service, event->service, &o))
		return false;
	for (size_t i = 0; i < m->argument_count; i++)
		if (!fits(m->arguments[i].pattern,
			  event->arguments ? soap_value(event->arguments, m->arguments[i].name)
					   : NULL,
			  &o))
			return false;
	for (size_t i = 0; i < m->field_count; i++)
		if (!fits(m->fields[i].pattern, rules_field(event, m->fields[i].name), &o))
			return false;
	if (m->holds_port &&
	    (!r || !r->portmap || !portmap_find_port(r->portmap, m->holds_port, m->holds_protocol)))
		return false;
	return request_fits(m, event) && headers_fit(m, &o) && from_fits(m, event) &&
	       states_hold(m, &o) && uptime_fits(m, r) && last_fits(m, &o);
}
