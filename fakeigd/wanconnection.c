/* SPDX-License-Identifier: MIT */
/*
 * wanconnection.c - the Internet connection: a state machine that control points can drive.
 *
 * Theory of operation
 *
 * WANIPConnection:2 2.6.1 and 2.6.2 (the same in :1 and in WANPPPConnection:1):
 *
 *	Disconnected --RequestConnection--> Connecting --wan.connect-time--> Connected
 *	Connected --RequestTermination--> PendingDisconnect --WarnDisconnectDelay--> Disconnecting
 *	Connected, PendingDisconnect, Connecting --ForceTermination--> Disconnecting
 *	Disconnecting --wan.disconnect-time--> Disconnected
 *	PendingDisconnect --RequestConnection--> Connected
 *
 * A state whose time is 0 is passed through within the call. wan.outcome makes Connecting end in
 * Disconnected with a LastConnectionError, so it never lasts for ever (WCONN-09). One timer ends
 * Connecting, PendingDisconnect and Disconnecting; another watches AutoDisconnectTime (since the
 * connection came up) and IdleDisconnectTime (no packet on the WAN for so long, looked at once a
 * second). Unconfigured is entered and left by SetConnectionType only.
 *
 * Whoever else changes ConnectionStatus (the lab's control socket, a rule) calls router_set_wan(),
 * which calls wanconnection_notice(); a transition that was under way is given up then.
 */
#include "wanconnection.h"

#include "base/clock.h"
#include "base/mem.h"
#include "choice.h"
#include "forward.h"
#include "gena.h"
#include "router.h"
#include "service_tables.h"
#include "soap.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static const struct policy *policy_of(const struct router *r)
{
	return &r->profile->policy;
}

static void set_text(char **field, const char *text)
{
	free(*field);
	*field = xstrdup(text);
}

void wanconnection_reset(struct wanconnection *w)
{
	struct slice type = policy_word(policy_of(w->router), wan_type);

	loop_timer_cancel(w->router->loop, &w->transition);
	loop_timer_cancel(w->router->loop, &w->limit);
	free(w->type);
	w->type = slice_dup(type);
	w->auto_disconnect = w->idle_disconnect = w->warn_delay = 0;
	w->internet = true;
	set_text(&w->user_name, "");
	set_text(&w->password, "");
	set_text(&w->dsl.link_type, "EoA");
	set_text(&w->dsl.destination, "PVC:8/35");
	set_text(&w->dsl.encapsulation, "LLC");
	w->dsl.fcs_preserved = false;
	free(w->default_service);
	w->default_service = NULL;
	w->error = "ERROR_NONE";
	w->seen = w->router->wan_state;
	w->up_since = w->router->wan_since;
}

struct wanconnection *wanconnection_new(struct router *r)
{
	struct wanconnection *w = xcalloc(1, sizeof(*w));

	w->router = r;
	wanconnection_reset(w);
	return w;
}

void wanconnection_free(struct wanconnection *w)
{
	if (!w)
		return;
	loop_timer_cancel(w->router->loop, &w->transition);
	loop_timer_cancel(w->router->loop, &w->limit);
	free(w->type);
	free(w->user_name);
	free(w->password);
	free(w->dsl.link_type);
	free(w->dsl.destination);
	free(w->dsl.encapsulation);
	free(w->default_service);
	free(w);
}

static void disconnect(struct router *r, const char *error);

static uint64_t packets_now(struct router *r)
{
	struct forward_counters c;

	if (!r->forward || forward_counters(r->forward, &c) < 0)
		return 0;
	return c.packets_sent + c.packets_received;
}

/* WCONN-14: AutoDisconnectTime and IdleDisconnectTime. */
static void check_limits(void *arg)
{
	struct router *r = arg;
	struct wanconnection *w = r->wanconnection;
	int64_t now = clock_now(), next = INT64_MAX;
	uint64_t packets;

	if (r->wan_state != WAN_CONNECTED)
		return;
	if (w->auto_disconnect) {
		next = w->up_since + w->auto_disconnect * CLOCK_SECOND;
		if (next <= now) {
			disconnect(r, "ERROR_USER_DISCONNECT");
			return;
		}
	}
	if (w->idle_disconnect) {
		packets = packets_now(r);
		if (packets != w->packets)
			w->busy = now;
		w->packets = packets;
		if (w->busy + w->idle_disconnect * CLOCK_SECOND <= now) {
			disconnect(r, "ERROR_IDLE_DISCONNECT");
			return;
		}
		if (next > now + CLOCK_SECOND)
			next = now + CLOCK_SECOND;
	}
	if (next != INT64_MAX)
		loop_timer_arm(r->loop, &w->limit, next, check_limits, r);
}

static void watch_limits(struct router *r)
{
	struct wanconnection *w = r->wanconnection;

	loop_timer_cancel(r->loop, &w->limit);
	w->packets = packets_now(r);
	w->busy = clock_now();
	check_limits(r);
}

void wanconnection_notice(struct router *r)
{
	static const char *const follow[] = {"ConnectionStatus",   "ExternalIPAddress",
					     "PhysicalLinkStatus", "NumberOfActiveConnections",
					     "EthernetLinkStatus", "LinkStatus"};
	struct wanconnection *w = r->wanconnection;

	if (!w)
		return;
	/* Renumbering does not end a transition; another state does. */
	if (w->seen != r->wan_state)
		loop_timer_cancel(r->loop, &w->transition);
	w->seen = r->wan_state;
	if (r->wan_state == WAN_CONNECTED && w->up_since < r->wan_since)
		w->up_since = r->wan_since;
	for (size_t i = 0; i < ARRAY_SIZE(follow); i++)
		gena_changed(r->gena, NULL, follow[i]);
	watch_limits(r);
}

static void enter(struct router *r, enum wan_status state, const char *error, int64_t for_us,
		  loop_timer_fn *then)
{
	router_set_wan(r, state, error);
	if (for_us > 0)
		loop_timer_arm(r->loop, &r->wanconnection->transition, clock_now() + for_us, then,
			       r);
	else
		then(r);
}

static void disconnected(void *arg)
{
	struct router *r = arg;

	router_set_wan(r, WAN_DISCONNECTED, r->wanconnection->error);
}

/* Down now: through Disconnecting, which may take no time (WCONN-10). */
static void disconnect(struct router *r, const char *error)
{
	r->wanconnection->error = error;
	enter(r, WAN_DISCONNECTING, error, policy_of(r)->wan_disconnect_time, disconnected);
}

static void disconnect_by_user(void *arg)
{
	disconnect(arg, "ERROR_USER_DISCONNECT");
}

/* The error that wan.outcome asks for, or NULL when connecting succeeds. */
static const char *failure(const struct router *r)
{
	static const char *const errors[] = {"ERROR_NO_CARRIER", "ERROR_ISP_TIME_OUT",
					     "ERROR_AUTHENTICATION_FAILURE", "ERROR_UNKNOWN"};
	struct slice outcome = policy_word(policy_of(r), wan_outcome);

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (slice_eq(outcome, errors[i]))
			return errors[i];
	return NULL;
}

static void connected(void *arg)
{
	struct router *r = arg;
	const char *error = failure(r);

	if (error)
		router_set_wan(r, WAN_DISCONNECTED, error);
	else
		router_set_wan(r, WAN_CONNECTED, "ERROR_NONE");
}

/* Back from PendingDisconnect: the connection was up all the time, so its uptime goes on. */
static int stay_connected(struct router *r)
{
	int64_t since = r->wanconnection->up_since;

	router_set_wan(r, WAN_CONNECTED, "ERROR_NONE");
	r->wan_since = r->wanconnection->up_since = since;
	watch_limits(r);
	return 0;
}

static bool is_routed(const struct router *r)
{
	return !strcmp(r->wanconnection->type, "IP_Routed");
}

static int connect_now(struct soap_call *call)
{
	struct router *r = call->router;
	int code = policy_code(policy_of(r), wan_outcome);

	if (!r->wanconnection->internet)
		return soap_refuse(call, 709, "EnabledForInternet is 0");
	if (code)
		return soap_refuse(call, code, "wan.outcome");
	enter(r, WAN_CONNECTING, "ERROR_NONE", policy_of(r)->wan_connect_time, connected);
	return 0;
}

/* WCONN-06, WCONN-07, WCONN-08, WCONN-13. */
int wan_request_connection(struct soap_call *call)
{
	struct router *r = call->router;

	switch (r->wan_state) {
	case WAN_UNCONFIGURED:
		return soap_refuse(call, 706, "ConnectionStatus is Unconfigured");
	case WAN_CONNECTING:
		return soap_refuse(call, 705, "ConnectionStatus is Connecting");
	case WAN_DISCONNECTING:
		return soap_refuse(call, 707, "ConnectionStatus is Disconnecting");
	case WAN_CONNECTED:
	case WAN_PENDING_DISCONNECT:
	case WAN_DISCONNECTED:
	case WAN_STATUS_COUNT:
		break;
	}
	if (!is_routed(r))
		return soap_refuse(call, 710, "ConnectionType is %s", r->wanconnection->type);
	if (r->wan_state == WAN_CONNECTED)
		return 0;
	if (r->wan_state == WAN_PENDING_DISCONNECT)
		return stay_connected(r);
	return connect_now(call);
}

/* What RequestTermination and ForceTermination refuse alike (WCONN-11, WCONN-15). */
static int judge_termination(struct soap_call *call)
{
	struct router *r = call->router;
	int code = policy_by_device(call, wan_control, 606);

	if (code)
		return soap_refuse(call, code, "the control point has not logged in");
	if (r->wan_state == WAN_UNCONFIGURED)
		return soap_refuse(call, call->instance->version >= 2 ? 706 : 711,
				   "ConnectionStatus is Unconfigured");
	if (!is_routed(r))
		return soap_refuse(call, 710, "ConnectionType is %s", r->wanconnection->type);
	if (r->wan_state == WAN_DISCONNECTING)
		return soap_refuse(call, 707, "ConnectionStatus is Disconnecting");
	if (r->wan_state == WAN_DISCONNECTED)
		return soap_refuse(call, 711, "ConnectionStatus is Disconnected");
	return 0;
}

/* WCONN-12. */
int wan_request_termination(struct soap_call *call)
{
	struct router *r = call->router;
	int code = judge_termination(call);

	if (code)
		return code;
	if (r->wan_state == WAN_PENDING_DISCONNECT)
		return soap_refuse(call, 707, "ConnectionStatus is PendingDisconnect");
	if (r->wan_state == WAN_CONNECTED && r->wanconnection->warn_delay)
		enter(r, WAN_PENDING_DISCONNECT, "ERROR_NONE",
		      r->wanconnection->warn_delay * CLOCK_SECOND, disconnect_by_user);
	else
		disconnect_by_user(r);
	return 0;
}

/* WCONN-10. */
int wan_force_termination(struct soap_call *call)
{
	int code = judge_termination(call);

	if (!code)
		disconnect(call->router, "ERROR_FORCED_DISCONNECT");
	return code;
}

static const char *possible_types(const struct soap_call *call)
{
	return strcmp(call->instance->type, "WANPPPConnection") ? WAN_IP_TYPES : WAN_PPP_TYPES;
}

static bool in_csv(const char *csv, const char *word)
{
	size_t len = strlen(word);

	while (*csv) {
		size_t have = strcspn(csv, ",");

		if (have == len && !memcmp(csv, word, len))
			return true;
		csv += have + (csv[have] != '\0');
	}
	return false;
}

static bool is_inactive(const struct router *r)
{
	return r->wan_state == WAN_UNCONFIGURED || r->wan_state == WAN_DISCONNECTED;
}

/* WCONN-05, SEC-20: the value is compared with a list and never used otherwise. */
int wan_set_connection_type(struct soap_call *call)
{
	const char *type = soap_in(call, "NewConnectionType");
	struct router *r = call->router;
	struct wanconnection *w = r->wanconnection;
	int code;

	if (!in_csv(possible_types(call), type))
		return soap_refuse(call, call->instance->version >= 2 ? 601 : 402,
				   "\"%.40s\" is no possible type", type);
	if (!is_inactive(r))
		return soap_refuse(call, 703, "ConnectionStatus is %s",
				   wan_status_text(r->wan_state));
	code = policy_by_device(call, wan_control, 606);
	if (code)
		return soap_refuse(call, code, "the control point has not logged in");
	set_text(&w->type, type);
	if (!strcmp(type, "Unconfigured"))
		router_set_wan(r, WAN_UNCONFIGURED, "ERROR_NONE");
	else if (r->wan_state == WAN_UNCONFIGURED)
		router_set_wan(r, WAN_DISCONNECTED, "ERROR_NONE");
	return 0;
}

/* WCONN-03. */
int wan_get_connection_type_info(struct soap_call *call)
{
	soap_out_text(call, "NewConnectionType", call->router->wanconnection->type);
	soap_out_text(call, "NewPossibleConnectionTypes", possible_types(call));
	return 0;
}

int wan_set_auto_disconnect_time(struct soap_call *call)
{
	call->router->wanconnection->auto_disconnect =
		soap_in_number(call, "NewAutoDisconnectTime");
	watch_limits(call->router);
	return 0;
}

int wan_set_idle_disconnect_time(struct soap_call *call)
{
	call->router->wanconnection->idle_disconnect =
		soap_in_number(call, "NewIdleDisconnectTime");
	watch_limits(call->router);
	return 0;
}

int wan_set_warn_disconnect_delay(struct soap_call *call)
{
	call->router->wanconnection->warn_delay = soap_in_number(call, "NewWarnDisconnectDelay");
	return 0;
}

int wan_get_disconnect_times(struct soap_call *call)
{
	const struct wanconnection *w = call->router->wanconnection;

	soap_out_number(call, "NewAutoDisconnectTime", w->auto_disconnect);
	soap_out_number(call, "NewIdleDisconnectTime", w->idle_disconnect);
	soap_out_number(call, "NewWarnDisconnectDelay", w->warn_delay);
	return 0;
}

/* WCONN-17. */
int ppp_configure_connection(struct soap_call *call)
{
	struct router *r = call->router;

	if (!is_inactive(r))
		return soap_refuse(call, 703, "ConnectionStatus is %s",
				   wan_status_text(r->wan_state));
	if (policy_of(r)->wan_auto_config)
		return soap_refuse(call, 719, "wan.auto-config");
	set_text(&r->wanconnection->user_name, soap_in(call, "NewUserName"));
	set_text(&r->wanconnection->password, soap_in(call, "NewPassword"));
	return 0;
}
