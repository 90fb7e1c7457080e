/* SPDX-License-Identifier: MIT */
/*
 * commoninterface.c - WANCommonInterfaceConfig:1 and Layer3Forwarding:1.
 *
 * Counters are the kernel's for the WAN interface, modulo 2^32 (CIF-03, CIF-04). There is one
 * connection: at most one is active, and the default one is the first WANIPConnection or
 * WANPPPConnection of the profile until a control point names another (CIF-09, CIF-10).
 */
#include "base/mem.h"
#include "choice.h"
#include "description.h"
#include "forward.h"
#include "gena.h"
#include "router.h"
#include "service_tables.h"
#include "soap.h"
#include "wanconnection.h"

#include <stdlib.h>

static const struct policy *policy_of(const struct router *r)
{
	return &r->profile->policy;
}

/* CIF-01. */
int common_get_link_properties(struct soap_call *call)
{
	const struct policy *policy = policy_of(call->router);

	buf_add_slice(soap_out(call, "NewWANAccessType"), policy_word(policy, wan_access_type));
	soap_out_number(call, "NewLayer1UpstreamMaxBitRate", (uint64_t)policy->wan_upstream);
	soap_out_number(call, "NewLayer1DownstreamMaxBitRate", (uint64_t)policy->wan_downstream);
	value_link_status(call->router, soap_out(call, "NewPhysicalLinkStatus"));
	return 0;
}

int common_get_enabled(struct soap_call *call)
{
	value_enabled(call->router, soap_out(call, "NewEnabledForInternet"));
	return 0;
}

/* CIF-06: without Internet access the connection ends, and RequestConnection gives 709. */
int common_set_enabled(struct soap_call *call)
{
	struct router *r = call->router;
	int code = policy_by_device(call, wan_control, 606);

	if (code)
		return soap_refuse(call, code, "the control point has not logged in");
	r->wanconnection->internet = soap_in_boolean(call, "NewEnabledForInternet");
	gena_changed(r->gena, NULL, "EnabledForInternet");
	if (!r->wanconnection->internet && r->wan_state != WAN_UNCONFIGURED &&
	    r->wan_state != WAN_DISCONNECTED)
		router_set_wan(r, WAN_DISCONNECTED, "ERROR_NOT_ENABLED_FOR_INTERNET");
	return 0;
}

/* CIF-08. */
int common_get_provider(struct soap_call *call)
{
	const char *name = call->router->profile->manufacturer;

	soap_out_text(call, "NewWANAccessProvider", name ? name : "");
	return 0;
}

int common_get_maximum(struct soap_call *call)
{
	soap_out_number(call, "NewMaximumActiveConnections", 1);
	return 0;
}

static uint64_t counter(const struct policy *policy, uint64_t value)
{
	if (policy_is(policy, wan_counters, "zero"))
		return 0;
	if (policy_is(policy, wan_counters, "saturate"))
		return value < UINT32_MAX ? value : UINT32_MAX;
	return policy_is(policy, wan_counters, "wide") ? value : value & UINT32_MAX;
}

int common_get_counters(struct soap_call *call)
{
	const struct policy *policy = policy_of(call->router);
	struct forward_counters c = {0};

	if (call->router->forward && forward_counters(call->router->forward, &c) < 0)
		return soap_refuse(call, 501, "the kernel tells no counters");
	soap_out_number(call, "NewTotalBytesSent", counter(policy, c.bytes_sent));
	soap_out_number(call, "NewTotalBytesReceived", counter(policy, c.bytes_received));
	soap_out_number(call, "NewTotalPacketsSent", counter(policy, c.packets_sent));
	soap_out_number(call, "NewTotalPacketsReceived", counter(policy, c.packets_received));
	return 0;
}

static bool is_connection(const struct profile_service *s)
{
	return !strcmp(s->type, "WANIPConnection") || !strcmp(s->type, "WANPPPConnection");
}

static const struct profile_service *first_connection(const struct router *r)
{
	for (size_t i = 0; i < r->profile->service_count; i++)
		if (is_connection(&r->profile->services[i]))
			return &r->profile->services[i];
	return NULL;
}

static void add_container(const struct router *r, const struct profile_service *s, struct buf *out)
{
	buf_printf(out, "%s:WANConnectionDevice:%u", description_udn(r, s),
		   r->profile->device_version);
}

static bool is_active(const struct router *r)
{
	return r->wan_state == WAN_CONNECTED || r->wan_state == WAN_PENDING_DISCONNECT;
}

/* CIF-07. */
int common_get_active_connection(struct soap_call *call)
{
	const struct router *r = call->router;
	const struct profile_service *s = first_connection(r);
	uint32_t index = soap_in_number(call, "NewActiveConnectionIndex");

	if (!s || !is_active(r) || index > 0)
		return soap_refuse(call, 713, "index %u of %d connections", index,
				   s && is_active(r));
	add_container(r, s, soap_out(call, "NewActiveConnDeviceContainer"));
	soap_out_text(call, "NewActiveConnectionServiceID", s->id);
	return 0;
}

static void add_tuple(const struct router *r, const struct profile_service *s, struct buf *out)
{
	add_container(r, s, out);
	buf_printf(out, ",%s", s->id);
}

/* DefaultConnectionService of Layer3Forwarding. */
static void wanconnection_default(struct router *r, struct buf *out)
{
	const struct profile_service *s = first_connection(r);

	if (r->wanconnection->default_service)
		buf_puts(out, r->wanconnection->default_service);
	else if (s)
		add_tuple(r, s, out);
}

int layer3_get_default(struct soap_call *call)
{
	wanconnection_default(call->router, soap_out(call, "NewDefaultConnectionService"));
	return 0;
}

/* Which part of "uuid:...:WANConnectionDevice:v,serviceId" is wrong: 720, 721, 723, or 0. */
static int judge_default(const struct router *r, const char *value)
{
	const char *comma = strchr(value, ',');
	struct slice device = {value, comma ? (size_t)(comma - value) : strlen(value)};
	struct buf container = {0};
	bool known = false, same = false;
	int code = 721;

	for (size_t i = 0; i < r->profile->service_count; i++) {
		const struct profile_service *s = &r->profile->services[i];

		buf_reset(&container);
		add_container(r, s, &container);
		same = slice_eq(device, container.data);
		known = known || same;
		if (same && comma && !strcmp(comma + 1, s->id))
			code = is_connection(s) ? 0 : 723;
	}
	buf_free(&container);
	return known ? code : 720;
}

/* CIF-10, CIF-11. */
int layer3_set_default(struct soap_call *call)
{
	const char *value = soap_in(call, "NewDefaultConnectionService");
	struct wanconnection *w = call->router->wanconnection;
	int code = judge_default(call->router, value);

	if (code)
		return soap_refuse(call, code, "\"%.120s\"", value);
	free(w->default_service);
	w->default_service = xstrdup(value);
	gena_changed(call->router->gena, NULL, "DefaultConnectionService");
	return 0;
}

void value_link_status(struct router *r, struct buf *out)
{
	buf_puts(out, wanconnection_link_up(r) ? "Up" : "Down");
}

void value_enabled(struct router *r, struct buf *out)
{
	buf_putc(out, r->wanconnection->internet ? '1' : '0');
}

void value_active_connections(struct router *r, struct buf *out)
{
	buf_putc(out, first_connection(r) && is_active(r) ? '1' : '0');
}

void value_default_service(struct router *r, struct buf *out)
{
	wanconnection_default(r, out);
}
