/* SPDX-License-Identifier: MIT */
/*
 * cp_pinhole.c - igdlab pinhole: WANIPv6FirewallControl:1 by the reference control point
 *
 * Theory of operation
 *
 * Clauses 2.6.1 to 2.6.7. GetFirewallStatus comes first: where the firewall is off nothing has to
 * be opened and nothing is asked for, and where pinholes are not allowed that is said and not tried
 * (6FC-28). Protocols go out as IANA numbers (6FC-27). The UniqueID that AddPinhole gives is all
 * there is to a pinhole from then on: no action lists them, so "list" asks for the packets of the
 * UniqueIDs it is given, or of the first LIST_MAX, which tells whose they are. UpdatePinhole of one
 * that is gone (704) opens it again where the tuple is given (6FC-29). Codes are this service's
 * own: 701 to 709 mean other things elsewhere (CIF-17).
 */
#include "cp_pinhole.h"

#include "../fakeigd/base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>

#define LIST_MAX 32

#define NOT_AUTHORISED 606
#define NO_SUCH_ENTRY  704
#define NO_TRAFFIC     709

static const struct {
	int code;
	const char *meaning;
} meanings[] = {
	{402, "the router finds fault with an argument"},
	{NOT_AUTHORISED, "the router allows it to nobody, or to nobody but that host"},
	{701, "there is no room for more pinholes"},
	{702, "the firewall is off: everything is open"},
	{703, "the router lets nobody open pinholes"},
	{NO_SUCH_ENTRY, "there is no such pinhole"},
	{705, "the router does not know the protocol"},
	{706, "the router opens no pinhole for every port"},
	{707, "the router opens no pinhole for every protocol"},
	{708, "an address has to be named"},
	{NO_TRAFFIC, "no packet has come through it yet"},
};

static const char *meaning(const struct cp_answer *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
		if (a->outcome == CP_FAULT && meanings[i].code == a->code)
			return meanings[i].meaning;
	return a->outcome == CP_FAULT ? "the router refuses" : a->why ? a->why : "";
}

/* Call, and say it in a step of its own. */
static bool call(struct cp *cp, const struct cp_router *r, const char *action,
		 const struct cp_argument *arguments, size_t count, struct cp_answer *out)
{
	cp_step(cp, 1, action);
	for (size_t i = 0; i < count; i++)
		cp_request(cp, "%s=%s", arguments[i].name, arguments[i].value);
	cp_call(cp, r, action, arguments, count, out);
	cp_say_answer(cp, out);
	if (out->outcome == CP_DONE)
		cp_believe(cp, "done");
	else
		cp_believe(cp, "%s", meaning(out));
	return out->outcome == CP_DONE;
}

static void conclude_failure(struct cp *cp, const char *what, const struct cp_answer *a)
{
	json_object_set_new(cp->result, "code", json_integer(a->code));
	cp_conclude(cp, EXIT_VERDICT, "failed", "%s: %s%s", what, meaning(a),
		    a->outcome == CP_FAULT && a->code > 0 ? "" : ".");
	if (a->outcome == CP_FAULT && a->code > 0)
		buf_printf(&cp->sentence, " (%d).", a->code);
}

static bool flag(const struct cp_answer *a, const char *name)
{
	const char *value = cp_value(a, name);

	/* What is not told is not forbidden. */
	return !value || !strcmp(value, "1") || !strcasecmp(value, "true") ||
	       !strcasecmp(value, "yes");
}

/* 6FC-28. Return: go on. */
static bool ask_status(struct cp *cp, const struct cp_router *r)
{
	struct cp_answer a;
	bool enabled, allowed, known = call(cp, r, "GetFirewallStatus", NULL, 0, &a);

	enabled = !known || flag(&a, "FirewallEnabled");
	allowed = !known || flag(&a, "InboundPinholeAllowed");
	cp_answer_free(&a);
	if (known)
		json_object_set_new(
			cp->result, "firewall",
			json_pack("{s:b, s:b}", "enabled", enabled, "inbound_allowed", allowed));
	cp_believe(cp, "firewall %s, pinholes %s", enabled ? "on" : "off",
		   allowed ? "allowed" : "not allowed");
	if (!enabled)
		cp_conclude(cp, EXIT_FINE, "open",
			    "The router's IPv6 firewall is off: nothing has to be opened.");
	else if (!allowed)
		cp_conclude(cp, EXIT_VERDICT, "not-allowed",
			    "The router lets nobody open IPv6 pinholes.");
	return enabled && allowed;
}

static void add(struct cp *cp, const struct cp_router *r, const struct pinhole_request *q)
{
	char remote_port[8], internal_port[8], protocol[8], lease[16], own[INET6_ADDRSTRLEN] = "";
	const char *client = q->internal_client;
	struct cp_argument arguments[] = {
		{"RemoteHost", q->remote_host}, {"RemotePort", remote_port},
		{"InternalClient", client},	{"InternalPort", internal_port},
		{"Protocol", protocol},		{"LeaseTime", lease},
	};
	struct cp_answer a;
	const char *id;

	if (!*client) {
		inet_ntop(AF_INET6, &cp->own6.sin6_addr, own, sizeof(own));
		if (cp_naive(cp, NAIVE_OPENS_OTHERS))
			memcpy(own, "fe80::4", sizeof("fe80::4"));
		arguments[2].value = client = own;
	}
	snprintf(remote_port, sizeof(remote_port), "%u", q->remote_port);
	snprintf(internal_port, sizeof(internal_port), "%u", q->internal_port);
	snprintf(protocol, sizeof(protocol), "%u", q->protocol);
	snprintf(lease, sizeof(lease), "%u", q->lease);
	if (!call(cp, r, "AddPinhole", arguments, ARRAY_SIZE(arguments), &a)) {
		conclude_failure(cp, "Not opened", &a);
		cp_answer_free(&a);
		return;
	}
	id = cp_value(&a, "UniqueID");
	json_object_set_new(cp->result, "unique_id", json_integer(id ? strtol(id, NULL, 10) : -1));
	json_object_set_new(cp->result, "internal_client", json_string(client));
	if (id)
		cp_conclude(cp, EXIT_FINE, "opened", "[%s]:%u is open for %u s, UniqueID %s.",
			    client, q->internal_port, q->lease, id);
	else
		cp_conclude(cp, EXIT_VERDICT, "failed", "The router's answer has no UniqueID.");
	cp_answer_free(&a);
}

static bool call_by_id(struct cp *cp, const struct cp_router *r, const char *action, unsigned id,
		       uint32_t lease, struct cp_answer *out)
{
	char number[8], seconds[16];
	const struct cp_argument arguments[] = {{"UniqueID", number}, {"NewLeaseTime", seconds}};

	snprintf(number, sizeof(number), "%u", id);
	snprintf(seconds, sizeof(seconds), "%u", lease);
	return call(cp, r, action, arguments, 1 + (lease != 0), out);
}

static void update(struct cp *cp, const struct cp_router *r, const struct pinhole_request *q)
{
	struct cp_answer a;

	if (call_by_id(cp, r, "UpdatePinhole", q->ids[0], q->lease, &a))
		cp_conclude(cp, EXIT_FINE, "updated", "Pinhole %u stays open for %u s.", q->ids[0],
			    q->lease);
	else if (a.outcome == CP_FAULT && a.code == NO_SUCH_ENTRY && q->readd)
		add(cp, r, q);
	else
		conclude_failure(cp, "Not updated", &a);
	cp_answer_free(&a);
}

static void delete_all(struct cp *cp, const struct cp_router *r, const struct pinhole_request *q)
{
	for (size_t i = 0; i < q->id_count; i++) {
		struct cp_answer a;
		bool done = call_by_id(cp, r, "DeletePinhole", q->ids[i], 0, &a);

		if (!done)
			conclude_failure(cp, "Not closed", &a);
		cp_answer_free(&a);
		if (!done)
			return;
	}
	cp_conclude(cp, EXIT_FINE, "deleted", "Closed.");
}

/* What is known of one pinhole, into @list. Return: go on. */
static bool list_one(struct cp *cp, const struct cp_router *r, unsigned id, json_t *list)
{
	struct cp_answer a;
	bool ours = call_by_id(cp, r, "GetPinholePackets", id, 0, &a);
	const char *packets = ours ? cp_value(&a, "PinholePackets") : NULL;
	bool others = a.outcome == CP_FAULT && a.code == NOT_AUTHORISED;
	bool go_on = ours || (a.outcome == CP_FAULT && (others || a.code == NO_SUCH_ENTRY));

	if (ours || others)
		json_array_append_new(list, json_pack("{s:i, s:b, s:I}", "unique_id", (int)id,
						      "ours", ours, "packets",
						      packets ? strtoll(packets, NULL, 10) : -1));
	if (ours)
		buf_printf(&cp->text, "%5u  %s packets\n", id, packets ? packets : "?");
	else if (others)
		buf_printf(&cp->text, "%5u  another host's\n", id);
	if (!go_on)
		conclude_failure(cp, "No list", &a);
	cp_answer_free(&a);
	return go_on;
}

static void list(struct cp *cp, const struct cp_router *r, const struct pinhole_request *q)
{
	json_t *list = json_array();
	size_t count = q->id_count ? q->id_count : LIST_MAX;

	json_object_set_new(cp->result, "pinholes", list);
	for (size_t i = 0; i < count; i++)
		if (!list_one(cp, r, q->id_count ? q->ids[i] : (unsigned)i, list))
			return;
	cp_conclude(cp, EXIT_FINE, "listed", "%zu pinhole%s%s.", json_array_size(list),
		    json_array_size(list) == 1 ? "" : "s",
		    q->id_count ? "" : " among the first UniqueIDs; the protocol has no list");
}

/* CheckPinholeWorking is optional; the count of packets says the same. */
static void check(struct cp *cp, const struct cp_router *r, const struct pinhole_request *q)
{
	struct cp_answer a;
	bool known = call_by_id(cp, r, "CheckPinholeWorking", q->ids[0], 0, &a);
	bool working = known && cp_value(&a, "IsWorking") && flag(&a, "IsWorking");

	if (!known && a.outcome == CP_FAULT && a.code != NO_SUCH_ENTRY && a.code != NO_TRAFFIC &&
	    a.code != NOT_AUTHORISED) {
		cp_answer_free(&a);
		known = call_by_id(cp, r, "GetPinholePackets", q->ids[0], 0, &a);
		working = known &&
			  strtoll(cp_value(&a, "PinholePackets") ? cp_value(&a, "PinholePackets")
								 : "0",
				  NULL, 10) > 0;
	}
	if (known || (a.outcome == CP_FAULT && a.code == NO_TRAFFIC))
		cp_conclude(cp, working ? EXIT_FINE : EXIT_VERDICT,
			    working ? "working" : "no-traffic",
			    working ? "Packets come through pinhole %u."
				    : "No packet has come through pinhole %u yet.",
			    q->ids[0]);
	else
		conclude_failure(cp, "Unknown", &a);
	json_object_set_new(cp->result, "working", json_boolean(working));
	cp_answer_free(&a);
}

void cp_pinhole(struct cp *cp, const struct pinhole_request *q)
{
	static void (*const verbs[])(struct cp *, const struct cp_router *,
				     const struct pinhole_request *) = {
		[PINHOLE_ADD] = add,   [PINHOLE_UPDATE] = update, [PINHOLE_DELETE] = delete_all,
		[PINHOLE_LIST] = list, [PINHOLE_CHECK] = check,
	};
	struct cp_router r = {0};
	struct buf control = {0};
	bool own = cp_own_address6(cp);

	if (!own && !*q->internal_client && q->verb == PINHOLE_ADD) {
		cp_conclude(cp, EXIT_VERDICT, "no-address",
			    "There is no global IPv6 address to open.");
		return;
	}
	if (!cp_find_firewall(cp, q->family, &r)) {
		cp_conclude(cp, EXIT_VERDICT, "no-router", "No router opens IPv6 pinholes.");
	} else {
		url_format(&r.control, &control);
		json_object_set_new(cp->result, "service", json_string(r.type));
		json_object_set_new(cp->result, "control", json_string(control.data));
		if (cp_naive(cp, NAIVE_NO_FIREWALL_STATUS) || ask_status(cp, &r))
			verbs[q->verb](cp, &r, q);
	}
	buf_free(&control);
	cp_router_free(&r);
}
