/* SPDX-License-Identifier: MIT */
/*
 * ssdp_notify.c - SSDP advertisement: alive, byebye.
 *
 * Theory of operation: UDA 2.0 clause 1.2. A set is one NOTIFY per advertisement of the device tree
 * (3 + 2d + k, SSDP-07 to SSDP-09), to every group of every LAN interface in one burst, so that
 * both IP versions tell the same within milliseconds (SSDP-73) and no message is ever refreshed
 * alone (SSDP-24).
 *
 * Timer: after a start or reboot the first set waits a random part of 100 ms (SSDP-21); `ssdp-sets`
 * of the profile follow each other by 100 to 200 ms; then one set per refresh, at a random point of
 * the second quarter of max-age (SSDP-22, SSDP-23), or with policy ssdp.refresh at its half. An
 * IGD:2 first revokes what a predecessor that crashed may have announced (SSDP-26, policy
 * ssdp.byebye-first). Byebye at the end is sent at once (SSDP-25).
 */
#include "choice.h"
#include "description.h"
#include "profile.h"
#include "ssdp_parts.h"

#define SET_WAIT_US (CLOCK_SECOND / 10)

enum byebye_first { BYEBYE_FIRST_IGD2, BYEBYE_FIRST_ALWAYS, BYEBYE_FIRST_NEVER };

/** struct announcing - a set being sent one way */
struct announcing {
	struct ssdp *ssdp;
	const struct ssdp_way *way;
	enum message_id message;
};

static void announce_one(void *arg, const char *nt, const char *usn)
{
	struct announcing *a = arg;
	struct router *r = a->ssdp->router;
	struct http_head head = {.count = 1};
	struct effects e;

	effects_init(&e);
	if (rules_any(r->rules, RULE_SSDP)) {
		head.headers[0].name = slice_of("HOST");
		head.headers[0].value = slice_of(ssdp_group_host(a->way->scope));
		struct rule_event event = {
			.layer = RULE_SSDP,
			.message = a->message == MESSAGE_SSDP_BYEBYE ? "byebye" : "alive",
			.target = nt,
			.head = &head,
		};

		rules_apply(r->rules, r, &event, &e);
		router_after(r, &e);
	}
	ssdp_send(a->ssdp, a->way, a->message, nt, usn, &e);
}

void ssdp_announce(struct ssdp *s, enum message_id message)
{
	struct ssdp_way way;
	struct announcing a = {.ssdp = s, .way = &way, .message = message};

	for (size_t i = 0; i < s->port.count; i++)
		for (int scope = 0; scope < SSDP_SCOPE_COUNT; scope++)
			if (ssdp_group_way(&s->port.sockets[i], (enum ssdp_scope)scope, &way))
				description_each_advertisement(s->router, announce_one, &a);
}

static bool byebye_comes_first(const struct router *r)
{
	switch ((enum byebye_first)r->profile->policy.ssdp_byebye_first) {
	case BYEBYE_FIRST_IGD2:
		return r->profile->device_version >= 2;
	case BYEBYE_FIRST_ALWAYS:
		return true;
	case BYEBYE_FIRST_NEVER:
		break;
	}
	return false;
}

static void announce_due(void *arg)
{
	struct ssdp *s = arg;

	if (s->fresh && byebye_comes_first(s->router))
		ssdp_announce(s, MESSAGE_SSDP_BYEBYE);
	s->fresh = false;
	ssdp_alive(s);
}

void ssdp_alive(struct ssdp *s)
{
	int64_t quarter = (int64_t)s->router->profile->max_age * CLOCK_SECOND / 4, wait;

	if (!s->router->profile->policy.ssdp_notify)
		return;
	ssdp_announce(s, MESSAGE_SSDP_ALIVE);
	s->sets_left -= s->sets_left > 0;
	if (s->sets_left)
		wait = SET_WAIT_US + ssdp_random(s, SET_WAIT_US);
	else if (policy_is(&s->router->profile->policy, ssdp_refresh, "half"))
		wait = 2 * quarter;
	else
		wait = quarter + ssdp_random(s, quarter);
	loop_timer_arm(s->router->loop, &s->announce, clock_now() + wait, announce_due, s);
}

void ssdp_byebye(struct ssdp *s)
{
	const struct policy *policy = &s->router->profile->policy;

	if (policy->ssdp_notify && policy->ssdp_byebye_at_end)
		ssdp_announce(s, MESSAGE_SSDP_BYEBYE);
}

void ssdp_restart(struct ssdp *s)
{
	datagram_forget(&s->port);
	loop_timer_cancel(s->router->loop, &s->announce);
	s->fresh = true;
	s->sets_left = s->router->profile->ssdp_sets;
	if (s->router->profile->policy.ssdp_notify && s->sets_left)
		loop_timer_arm(s->router->loop, &s->announce,
			       clock_now() + ssdp_random(s, SET_WAIT_US), announce_due, s);
}
