/* SPDX-License-Identifier: MIT */
/*
 * router.c - one fake router: its parts from start to stop, its WAN, what befalls it.
 *
 * Theory of operation: the parts know each other only through struct router. They start in the
 * order in which they need each other and stop in the reverse one, after the byebyes (UDA 2.0
 * 1.2.3). The WAN's state changes here and nowhere else, so that journal, forwarding and events
 * never disagree (WANIPConnection clause 2.2.3). A reboot keeps the process: connections,
 * subscriptions and (unless table.survives-reboot) mappings are gone without a word, BOOTID grows
 * (SSDP-28), and the router announces itself anew. A reset makes a used lab as good as a new one
 * and therefore also undoes renumbering and rules that were added.
 *
 * State changes that rules ask for after an answer are queued to a timer that is due at once: they
 * run at the end of the turn, when no connection is half handled.
 */
#include "router.h"

#include "base/mem.h"
#include "choice.h"
#include "description.h"
#include "firewall6.h"
#include "forward.h"
#include "gena.h"
#include "interwork.h"
#include "journal.h"
#include "pinhole.h"
#include "portcontrol.h"
#include "portmap.h"
#include "profile.h"
#include "ssdp.h"
#include "upstream.h"
#include "wan_open.h"
#include "wanconnection.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

static const char *const wan_texts[] = {
	[WAN_UNCONFIGURED] = "Unconfigured",   [WAN_CONNECTING] = "Connecting",
	[WAN_CONNECTED] = "Connected",	       [WAN_PENDING_DISCONNECT] = "PendingDisconnect",
	[WAN_DISCONNECTING] = "Disconnecting", [WAN_DISCONNECTED] = "Disconnected",
};
static_assert(ARRAY_SIZE(wan_texts) == WAN_STATUS_COUNT, "a text for every status");

const char *wan_status_text(enum wan_status status)
{
	return wan_texts[status];
}

struct slice router_date(struct router *r)
{
	int64_t now = clock_wall() + (int64_t)r->profile->date_offset * CLOCK_SECOND;

	if (now / CLOCK_SECOND != r->date_second) {
		r->date_second = now / CLOCK_SECOND;
		http_date(now, r->date);
	}
	return slice_of(r->date);
}

/* URLs that change with boots and connections: the old ones are gone (CONFIGID stays). */
static void renew_urls(struct router *r)
{
	if (r->description && descriptions_change(r))
		descriptions_reload(r);
}

static bool is_up(enum wan_status status)
{
	return status == WAN_CONNECTED || status == WAN_PENDING_DISCONNECT;
}

static bool has_mappings(const struct router *r)
{
	return portmap_count(r->portmap) || pinholes_count(r->pinholes);
}

/* All mappings are lost; protocols that tell their clients so do it. */
static void clear_mappings(struct router *r, const char *why)
{
	portmap_clear(r->portmap, why);
	pinholes_clear(r->pinholes, why);
	portcontrol_notice(r->portcontrol, PORTCONTROL_LOST);
}

void router_set_wan(struct router *r, enum wan_status status, const char *error)
{
	char what[64];

	bool lost = is_up(r->wan_state) && !is_up(status);
	bool came = !is_up(r->wan_state) && is_up(status);

	if (r->wan_state == status && r->wan_error && !strcmp(r->wan_error, error))
		return;
	r->wan_state = status;
	r->wan_since = clock_now();
	r->wan_error = error;
	if (r->forward)
		forward_set_enabled(r->forward, is_up(status));
	r->outages += lost;
	if (lost)
		portmap_event(r->portmap, FORWARDING_RECONNECT);
	if (came) {
		r->connects++;
		renew_urls(r);
	}
	if (lost && !r->profile->policy.table_survives_reconnect && has_mappings(r))
		clear_mappings(r, "connection lost");
	if (came) {
		portcontrol_notice(r->portcontrol, PORTCONTROL_CONNECTED);
		upstream_notice(r->upstream);
	}
	snprintf(what, sizeof(what), "ConnectionStatus %s", wan_status_text(status));
	journal_write(r->journal, JOURNAL_STATE, "wan", NULL, NULL, what, "{s:s}", "error", error);
	wanconnection_notice(r);
}

/* The state of the line that the profile and the interface give at start. */
static enum wan_status first_wan_state(const struct router *r)
{
	if (policy_is(&r->profile->policy, wan_type, "Unconfigured"))
		return WAN_UNCONFIGURED;
	return r->external.s_addr ? WAN_CONNECTED : WAN_DISCONNECTED;
}

/* CONFIGID: a digest of what the descriptions are made from, 0 to 2^24-1 (SSDP-29). */
static uint32_t config_id(const struct profile *p)
{
	static const char *const behaviour[] = {"policy", "rules",   "quirks",
						"state",  "extends", "upstream"};
	size_t own;
	const char *const *own_keys = profile_own_keys(&own);
	struct doc *form = doc_copy(p->document);
	struct buf text = {0};
	uint32_t sum = UINT32_C(0x811c9dc5);

	for (size_t i = 0; i < ARRAY_SIZE(behaviour); i++)
		doc_remove(form, behaviour[i]);
	for (size_t i = 0; i < own; i++)
		doc_remove(form, own_keys[i]);
	doc_to_yaml(form, &text);
	for (size_t i = 0; i < ARRAY_SIZE(p->udn); i++)
		buf_puts(&text, p->udn[i] ? p->udn[i] : "");
	for (size_t i = 0; i < text.len; i++)
		sum = (sum ^ (uint8_t)text.data[i]) * UINT32_C(0x01000193);
	buf_free(&text);
	doc_free(form);
	return (sum >> 24 ^ sum) & 0xffffff;
}

static int start_failed(struct diag *d, int error, const char *what)
{
	diag_at(d, NULL, 0, "cannot %s: %s", what, strerror(-error));
	return error;
}

static bool is_exposed(const struct profile *p)
{
	return p->policy.ssdp_wan || p->policy.http_wan || p->policy.natpmp_wan ||
	       p->policy.pcp_wan || p->upstream.pcp;
}

static void forget_pending(struct router *r)
{
	loop_timer_cancel(r->loop, &r->pending.timer);
	loop_timer_cancel(r->loop, &r->pending.wan_back);
	r->pending = (struct router_pending){0};
}

/* The IPv6 firewall and its table. */
static int start_firewall6(struct router *r, struct diag *d)
{
	const char *lacks = NULL;
	char what[160];
	int error;

	r->firewall6 = firewall6_new(r);
	r->pinholes = pinholes_new(r);
	error = pinholes_reload(r->pinholes, &lacks);
	if (!error)
		return 0;
	snprintf(what, sizeof(what), "set up the IPv6 firewall by nftables%s%s",
		 lacks ? ", which lacks " : "", lacks ? lacks : "");
	return start_failed(d, error, what);
}

int router_start(struct router *r, struct diag *d)
{
	char what[160];
	int error = 0;

	r->rules = r->profile->rules;
	r->booted = clock_now();
	/* Seconds since 1970 grow from one run to the next without anything being stored. */
	r->boot_id = (uint32_t)(clock_wall() / CLOCK_SECOND) & 0x7fffffff;
	r->config_id = config_id(r->profile);
	r->first_address = r->wan.address;
	router_find_external(r);
	r->wan_state = first_wan_state(r);
	r->wan_since = r->booted;
	r->wan_error = "ERROR_NONE";
	r->description = descriptions_new(r);
	r->wanconnection = wanconnection_new(r);
	r->forward = forward_new(r, &error);
	if (!r->forward) {
		const char *lacks = forward_missing();

		if (error == -EBUSY)
			return start_failed(
				d, error,
				"forward: another fakeigd of this network namespace does");
		snprintf(what, sizeof(what), "set up forwarding by nftables%s%s",
			 *lacks ? ", which lacks " : "", lacks);
		return start_failed(d, error, what);
	}
	forward_set_enabled(r->forward, r->wan_state == WAN_CONNECTED);
	r->portmap = portmap_new(r);
	error = portmap_load(r->portmap);
	if (error)
		return start_failed(d, error, "forward the profile's mappings");
	error = start_firewall6(r, d);
	if (error)
		return error;
	r->gena = gena_new(r);
	r->http = http_new(r, router_dispatch, &error);
	if (!r->http)
		return start_failed(d, error, "listen for HTTP on the LAN");
	r->ssdp = ssdp_new(r, &error);
	if (!r->ssdp)
		return start_failed(d, error, "listen for SSDP on the LAN");
	r->portcontrol = portcontrol_new(r, &error);
	if (!r->portcontrol)
		return start_failed(d, error, "listen on UDP port 5351 of the LAN");
	r->upstream = upstream_new(r);
	r->interwork = interwork_new(r);
	if (is_exposed(r->profile))
		wan_open(r);
	error = router_watch_addresses(r);
	if (error)
		return start_failed(d, error, "watch the interfaces' addresses");
	journal_write(r->journal, JOURNAL_STATE, "router", NULL, NULL, "ready",
		      "{s:s, s:i, s:I, s:I}", "profile", r->profile->name, "http_port",
		      (int)http_port(r->http), "boot_id", (json_int_t)r->boot_id, "config_id",
		      (json_int_t)r->config_id);
	return 0;
}

void router_stop(struct router *r)
{
	forget_pending(r);
	router_unwatch_addresses(r);
	if (r->ssdp)
		ssdp_byebye(r->ssdp);
	interwork_free(r->interwork);
	r->interwork = NULL;
	upstream_free(r->upstream);
	r->upstream = NULL;
	portcontrol_free(r->portcontrol);
	ssdp_free(r->ssdp);
	http_free(r->http);
	gena_free(r->gena);
	pinholes_free(r->pinholes);
	firewall6_free(r->firewall6);
	portmap_free(r->portmap);
	forward_free(r->forward);
	wanconnection_free(r->wanconnection);
	descriptions_free(r->description);
	r->upstream = NULL;
	r->portcontrol = NULL;
	r->ssdp = NULL;
	r->http = NULL;
	r->gena = NULL;
	r->pinholes = NULL;
	r->firewall6 = NULL;
	r->portmap = NULL;
	r->forward = NULL;
	r->wanconnection = NULL;
	r->description = NULL;
	profile_free(r->profile);
	r->profile = NULL;
	r->rules = NULL;
}

/* What a reboot and a reset have in common: all that is held in memory is gone. */
static void forget(struct router *r, bool mappings, const char *why)
{
	http_reset(r->http);
	gena_clear(r->gena);
	wanconnection_reset(r->wanconnection);
	if (mappings) {
		interwork_reset(r->interwork);
		if (portmap_count(r->portmap))
			portmap_clear(r->portmap, why);
		portmap_load(r->portmap);
		pinholes_clear(r->pinholes, why);
	}
	firewall6_restore(r->firewall6);
	r->booted = clock_now();
	router_set_wan(r, first_wan_state(r), "ERROR_NONE");
	r->wan_since = r->booted;
	r->outages = 0;
}

void router_reboot(struct router *r)
{
	r->boot_id = (r->boot_id + 1) & 0x7fffffff;
	r->reboots++;
	journal_write(r->journal, JOURNAL_STATE, "router", NULL, NULL, "reboot", "{s:I}", "boot_id",
		      (json_int_t)r->boot_id);
	forget(r, !r->profile->policy.table_survives_reboot, "reboot");
	portmap_event(r->portmap, FORWARDING_REBOOT);
	renew_urls(r);
	if (r->profile->policy.http_port_changes)
		router_listen(r, 0);
	ssdp_restart(r->ssdp);
	portcontrol_notice(r->portcontrol, PORTCONTROL_LOST);
}

void router_reset(struct router *r)
{
	forget_pending(r);
	if (r->wan.index && r->wan.address.s_addr != r->first_address.s_addr)
		router_renumber(r, r->first_address);
	if (r->rules)
		rules_rewind(r->rules);
	r->reboots = 0;
	forget(r, true, "reset");
	ssdp_restart(r->ssdp);
	portcontrol_notice(r->portcontrol, PORTCONTROL_LOST);
	journal_write(r->journal, JOURNAL_STATE, "router", NULL, NULL, "reset", NULL);
}

/* After a reload: the sockets that the new profile wants, and no others. */
static void listen_again(struct router *r)
{
	int error = ssdp_reopen(r->ssdp);

	router_listen(r, http_port(r->http));
	if (error)
		journal_write(r->journal, JOURNAL_ERROR, "ssdp", NULL, NULL, "cannot listen",
			      "{s:s}", "error", strerror(-error));
}

/* What waits for a server upstream reads the old profile; what the server has granted stays. */
static void reload_upstream(struct router *r)
{
	if (r->upstream && r->profile->upstream.pcp) {
		upstream_reload(r->upstream);
		return;
	}
	interwork_free(r->interwork);
	upstream_free(r->upstream);
	r->upstream = upstream_new(r);
	r->interwork = interwork_new(r);
}

int router_reload(struct router *r, struct diag *d)
{
	struct profile *old = r->profile;
	bool exposure_changed;
	struct profile *fresh =
		profile_load(r->source.profile, r->source.quirks, r->source.quirk_count,
			     r->source.data, r->source.seed, d);

	if (!fresh)
		return -EINVAL;
	exposure_changed = old->policy.igd_enabled != fresh->policy.igd_enabled ||
			   is_exposed(old) || is_exposed(fresh) || old->also_ports ||
			   fresh->also_ports;
	/* Subscriptions, connections and what waits to be sent point into the old profile. */
	ssdp_byebye(r->ssdp);
	http_reset(r->http);
	gena_clear(r->gena);
	r->profile = fresh;
	r->rules = fresh->rules;
	r->config_id = config_id(fresh);
	r->date_second = 0;
	router_find_external(r);
	portmap_reload(r->portmap);
	firewall6_restore(r->firewall6);
	router_pinholes_changed(r);
	descriptions_reload(r);
	wanconnection_reset(r->wanconnection);
	wanconnection_notice(r);
	reload_upstream(r);
	profile_free(old);
	if (exposure_changed)
		listen_again(r);
	ssdp_restart(r->ssdp);
	router_open_portcontrol(r);
	journal_write(r->journal, JOURNAL_STATE, "router", NULL, NULL, "reload", "{s:s}", "profile",
		      fresh->name);
	return 0;
}

static void wan_comes_back(void *arg)
{
	router_set_wan(arg, WAN_CONNECTED, "ERROR_NONE");
}

static void run_pending(void *arg)
{
	struct router *r = arg;
	struct router_pending due = r->pending;

	forget_pending(r);
	if (due.forget && has_mappings(r))
		clear_mappings(r, "rule");
	if (due.wan_down)
		router_set_wan(r, WAN_DISCONNECTED, "ERROR_NO_CARRIER");
	if (due.wan_down_us)
		loop_timer_arm(r->loop, &r->pending.wan_back, clock_now() + due.wan_down_us,
			       wan_comes_back, r);
	if (due.renumber.s_addr)
		router_renumber(r, due.renumber);
	if (due.reboot)
		router_reboot(r);
}

void router_after(struct router *r, const struct effects *effects)
{
	if (!effects->reboot && !effects->forget && !effects->wan_down && !effects->renumber.s_addr)
		return;
	r->pending.reboot |= effects->reboot;
	r->pending.forget |= effects->forget;
	r->pending.wan_down |= effects->wan_down;
	r->pending.wan_down_us = effects->wan_down_us;
	if (effects->renumber.s_addr)
		r->pending.renumber = effects->renumber;
	loop_timer_arm(r->loop, &r->pending.timer, clock_now(), run_pending, r);
}
