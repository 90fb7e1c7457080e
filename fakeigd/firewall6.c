/* SPDX-License-Identifier: MIT */
/*
 * firewall6.c - the IPv6 firewall between WAN and LANs (RFC 6092): when it stands, its switches.
 *
 * Theory of operation. There is a table while the router has a WAN interface and an IPv6 address on
 * a LAN: firewall6_rules.c makes it, by the policies and by two switches that services and the
 * administrator turn; firewall6_pinhole.c puts pinholes into it. With policy firewall6.refusal
 * "delayed" SYNs from outside are answered late (REC-34) by firewall6_refusal.c, and at once where
 * the kernel cannot hand out what it drops.
 */
#include "firewall6.h"

#include "base/mem.h"
#include "choice.h"
#include "firewall6_parts.h"
#include "firewall6_refusal.h"
#include "gena.h"
#include "journal.h"
#include "pinhole.h"

#include <stdlib.h>
#include <string.h>

struct firewall6 *firewall6_new(struct router *r)
{
	struct firewall6 *f = xcalloc(1, sizeof(*f));

	f->router = r;
	f->enabled = firewall6_policy(f)->firewall6_enabled;
	f->inbound = firewall6_policy(f)->firewall6_inbound;
	return f;
}

void firewall6_free(struct firewall6 *f)
{
	if (!f)
		return;
	firewall6_refusal_free(f->refusal);
	if (f->stands)
		firewall6_table_delete();
	free(f);
}

bool firewall6_stands(const struct firewall6 *f)
{
	return f->stands;
}

static bool has_ipv6(const struct router *r)
{
	for (size_t i = 0; i < r->lans; i++)
		if (!IN6_IS_ADDR_UNSPECIFIED(&r->lan[i].address6))
			return r->wan.index;
	return false;
}

/* Where the kernel hands out no copies of what it drops (NFLOG), SYNs are refused at once. */
static int make_best(struct firewall6 *f, const char **lacks)
{
	int error = 0;

	if (f->late && !f->refusal)
		f->refusal = firewall6_refusal_new(f->router, &error);
	f->late = f->refusal;
	if (!error)
		error = firewall6_table_make(f, lacks);
	if (!error || !policy_is(firewall6_policy(f), firewall6_refusal, "delayed"))
		return error;
	journal_write(f->router->journal, JOURNAL_ERROR, "firewall6", NULL, NULL,
		      "SYNs are refused at once", "{s:s}", "error", strerror(-error));
	f->late = false;
	return firewall6_table_make(f, lacks);
}

int firewall6_refresh(struct firewall6 *f, const char **lacks)
{
	bool wanted = has_ipv6(f->router);
	int error = 0;

	f->late = wanted && f->enabled &&
		  policy_is(firewall6_policy(f), firewall6_refusal, "delayed");
	if (!f->late) {
		firewall6_refusal_free(f->refusal);
		f->refusal = NULL;
	}
	if (wanted)
		error = make_best(f, lacks);
	else if (f->stands)
		error = firewall6_table_delete();
	if (!error)
		f->stands = wanted;
	return error;
}

bool firewall6_enabled(const struct firewall6 *f)
{
	return f->enabled;
}

bool firewall6_inbound(const struct firewall6 *f)
{
	return f->inbound;
}

int firewall6_set(struct firewall6 *f, bool enabled, bool inbound)
{
	struct router *r = f->router;
	bool was_enabled = f->enabled, was_inbound = f->inbound;
	int error = 0;

	f->enabled = enabled;
	f->inbound = inbound;
	if (enabled != was_enabled)
		error = pinholes_reload(r->pinholes, NULL);
	if (enabled == was_enabled && inbound == was_inbound)
		return error;
	journal_write(r->journal, JOURNAL_STATE, "firewall6", NULL, NULL,
		      enabled ? "firewall on" : "firewall off", "{s:b, s:b}", "enabled", enabled,
		      "inbound_allowed", inbound);
	if (enabled != was_enabled)
		gena_changed(r->gena, "WANIPv6FirewallControl", "FirewallEnabled");
	if (inbound != was_inbound)
		gena_changed(r->gena, "WANIPv6FirewallControl", "InboundPinholeAllowed");
	return error;
}

int firewall6_restore(struct firewall6 *f)
{
	return firewall6_set(f, firewall6_policy(f)->firewall6_enabled,
			     firewall6_policy(f)->firewall6_inbound);
}
