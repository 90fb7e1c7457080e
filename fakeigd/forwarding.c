/* SPDX-License-Identifier: MIT */
/*
 * forwarding.c - what of the table the kernel forwards, and since when.
 *
 * Theory of operation: by the letter (WANIPConnection:1 2.2.20, 2.4.16, 2.4.17; WIPC-01, WIPC-24,
 * WIPC-40) every enabled entry forwards from the moment it is granted until it goes. Routers depart
 * from that, and each way to do so is one policy:
 *
 *   forward.protocols	   only mappings of one protocol forward
 *   forward.internal-port packets go to the external port of the internal client
 *   forward.delay	   a mapping forwards some time after it was granted; the lab's clock
 *   forward.changes	   additions and removals take effect when the router starts anew
 *   forward.lost-by	   an event after which entries stay in the table and forward nothing
 *   forward.refresh-restores  whether adding such an entry again helps, or only deleting it first
 *   conflict.router-port  "shadow": the router's own listener keeps its port
 *
 * Every mapping has its state here (struct mapping @forwarding), so the kernel is only asked for
 * changes. A mapping that waits for its delay is in a heap; one that goes is looked for there one
 * by one, which only routers with that policy pay for.
 */
#include "forwarding.h"

#include "base/clock.h"
#include "base/mem.h"
#include "choice.h"
#include "forward.h"
#include "http.h"
#include "journal.h"
#include "lease.h"
#include "portmap.h"
#include "profile.h"
#include "router.h"

#include <stdlib.h>
#include <string.h>

/** struct start - a mapping that waits; its key is all that is needed to find it again */
struct start {
	struct lease due; /* first, so that its address is the start's */
	struct in_addr remote_host;
	uint16_t external_port;
	int protocol;
};

struct forwarding {
	struct router *router;
	struct lease_heap waiting;
};

static const struct policy *policy_of(const struct forwarding *f)
{
	return &f->router->profile->policy;
}

static void due(void *arg);

struct forwarding *forwarding_new(struct router *r)
{
	struct forwarding *f = xcalloc(1, sizeof(*f));

	f->router = r;
	lease_heap_init(&f->waiting, r->loop, due, f);
	return f;
}

static void forget_waiting(struct forwarding *f)
{
	while (f->waiting.count) {
		struct lease *last = f->waiting.items[f->waiting.count - 1];

		lease_heap_cancel(&f->waiting, last);
		free(last);
	}
}

void forwarding_free(struct forwarding *f)
{
	if (!f)
		return;
	forget_waiting(f);
	lease_heap_free(&f->waiting);
	free(f);
}

/* The router's own listener, which some routers do not give up for a mapping. */
static bool is_shadowed(const struct forwarding *f, const struct mapping *m)
{
	return policy_is(policy_of(f), conflict_router_port, "shadow") &&
	       m->protocol == IPPROTO_TCP && f->router->http &&
	       m->external_port == http_port(f->router->http);
}

static bool is_wanted(const struct forwarding *f, const struct mapping *m)
{
	const struct policy *policy = policy_of(f);

	if (!m->enabled || !f->router->forward || !policy->table_forwards)
		return false;
	if (policy_is(policy, forward_protocols, "tcp") && m->protocol != IPPROTO_TCP)
		return false;
	if (policy_is(policy, forward_protocols, "udp") && m->protocol != IPPROTO_UDP)
		return false;
	return !is_shadowed(f, m);
}

/* The mapping as the kernel gets it. */
static struct mapping in_kernel(const struct forwarding *f, const struct mapping *m)
{
	struct mapping as = *m;

	if (policy_is(policy_of(f), forward_internal_port, "external") && m->external_port)
		as.internal_port = m->external_port;
	if (m->wan_port)
		as.external_port = m->wan_port;
	return as;
}

static int add(struct forwarding *f, struct mapping *m)
{
	struct mapping as = in_kernel(f, m);
	int error = forward_add(f->router->forward, &as);

	if (!error)
		m->forwarding = FORWARDING_ON;
	return error;
}

static void wait(struct forwarding *f, struct mapping *m)
{
	struct start *start = xcalloc(1, sizeof(*start));

	start->remote_host = m->remote_host;
	start->external_port = m->external_port;
	start->protocol = m->protocol;
	m->forwarding = FORWARDING_WAITING;
	lease_heap_set(&f->waiting, &start->due, clock_now() + policy_of(f)->forward_delay);
}

static bool is_start_of(const struct start *start, const struct mapping *m)
{
	return start->external_port == m->external_port && start->protocol == m->protocol &&
	       start->remote_host.s_addr == m->remote_host.s_addr;
}

static void wait_no_more(struct forwarding *f, struct mapping *m)
{
	for (uint32_t i = 0; i < f->waiting.count; i++) {
		struct start *start = (struct start *)f->waiting.items[i];

		if (!is_start_of(start, m))
			continue;
		lease_heap_cancel(&f->waiting, &start->due);
		free(start);
		break;
	}
	m->forwarding = FORWARDING_OFF;
}

static void complain(struct forwarding *f, int error)
{
	journal_write(f->router->journal, JOURNAL_ERROR, "forward", NULL, NULL,
		      "the kernel refuses a mapping", "{s:s}", "error", strerror(-error));
}

static void due(void *arg)
{
	struct forwarding *f = arg;
	struct start *start;

	while ((start = (struct start *)lease_heap_take(&f->waiting))) {
		struct mapping *m =
			(struct mapping *)portmap_find(f->router->portmap, start->remote_host,
						       start->external_port, start->protocol);
		int error = 0;

		free(start);
		if (m && m->forwarding == FORWARDING_WAITING) {
			m->forwarding = FORWARDING_OFF;
			error = add(f, m);
		}
		if (error)
			complain(f, error);
	}
}

int forwarding_start(struct forwarding *f, struct mapping *m)
{
	const struct policy *policy = policy_of(f);

	m->forwarding = FORWARDING_OFF;
	if (!is_wanted(f, m) || !policy_is(policy, forward_changes, "at-once"))
		return 0;
	if (!policy->forward_delay)
		return add(f, m);
	wait(f, m);
	return 0;
}

void forwarding_stop(struct forwarding *f, struct mapping *m)
{
	struct mapping as = in_kernel(f, m);

	if (m->forwarding == FORWARDING_WAITING)
		wait_no_more(f, m);
	if (m->forwarding == FORWARDING_ON && policy_is(policy_of(f), forward_changes, "at-once"))
		forward_remove(f->router->forward, &as);
	m->forwarding = FORWARDING_OFF;
}

int forwarding_refresh(struct forwarding *f, struct mapping *m)
{
	if (m->forwarding != FORWARDING_OFF || !policy_of(f)->forward_refresh_restores)
		return 0;
	return forwarding_start(f, m);
}

int forwarding_filter(struct forwarding *f, struct mapping *m, const struct pcp_record *now)
{
	struct mapping as = in_kernel(f, m);

	return m->forwarding == FORWARDING_ON ? forward_filter(f->router->forward, &as, now) : 0;
}

/* Nothing is in the kernel any more; mappings that stay know it. */
static void all_off(struct forwarding *f)
{
	struct portmap *p = f->router->portmap;

	forget_waiting(f);
	for (size_t i = 0; i < portmap_count(p); i++)
		((struct mapping *)portmap_at(p, i))->forwarding = FORWARDING_OFF;
}

static void lose_all(struct forwarding *f)
{
	int error = f->router->forward ? forward_flush(f->router->forward) : 0;

	if (error)
		complain(f, error);
	else
		all_off(f);
}

void forwarding_flush(struct forwarding *f)
{
	lose_all(f);
}

static void restore_all(struct forwarding *f)
{
	struct portmap *p = f->router->portmap;
	int error = 0;

	for (size_t i = 0; !error && i < portmap_count(p); i++) {
		struct mapping *m = (struct mapping *)portmap_at(p, i);

		if (is_wanted(f, m))
			error = add(f, m);
	}
	if (error)
		complain(f, error);
}

void forwarding_reload(struct forwarding *f)
{
	int error = f->router->forward ? forward_reload(f->router->forward) : 0;

	if (error)
		complain(f, error);
	all_off(f);
	restore_all(f);
}

/* Whether the event is the one of "forward.lost-by". */
static bool policy_takes(const struct policy *policy, enum forwarding_event event)
{
	if (event == FORWARDING_REBOOT)
		return policy_is(policy, forward_lost_by, "reboot");
	if (event == FORWARDING_RECONNECT)
		return policy_is(policy, forward_lost_by, "reconnect");
	return policy_is(policy, forward_lost_by, "renumber");
}

void forwarding_event(struct forwarding *f, enum forwarding_event event)
{
	const struct policy *policy = policy_of(f);
	bool anew = event == FORWARDING_REBOOT && !policy_is(policy, forward_changes, "at-once");
	bool lost = policy_takes(policy, event);

	if (anew || lost)
		lose_all(f);
	if (anew && !lost)
		restore_all(f);
}
