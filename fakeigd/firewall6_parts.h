/* SPDX-License-Identifier: MIT */
/* firewall6_parts.h - what the files of the IPv6 firewall share; nobody else includes it. */
#ifndef FAKEIGD_FIREWALL6_PARTS_H
#define FAKEIGD_FIREWALL6_PARTS_H

#include "firewall6.h"
#include "profile.h"
#include "router.h"

#include <stdio.h>

/* A map's number tells which fields its key has (firewall6_rules.c). */
#define FIREWALL6_MAPS 32
enum {
	BY_PROTOCOL = 1,
	BY_INTERNAL_PORT = 2,
	BY_REMOTE_HOST = 4,
	BY_REMOTE_PORT = 8,
	BY_REMOTE_PREFIX = 16,
};

/**
 * struct firewall6 - the firewall of one router
 * @router:	whose
 * @stands:	there is a table
 * @enabled, @inbound: as policy or firewall6_set() has them
 * @late:	SYNs that may not come in are answered later, by @refusal
 */
struct firewall6 {
	struct router *router;
	bool stands;
	bool enabled;
	bool inbound;
	bool late;
	struct firewall6_refusal *refusal;
};

static inline const struct policy *firewall6_policy(const struct firewall6 *f)
{
	return &f->router->profile->policy;
}

/** firewall6_map_name() - how the map of that number is called. */
static inline void firewall6_map_name(unsigned map, char name[8])
{
	snprintf(name, 8, "p%u", map);
}

/** firewall6_table_make() - the table by the switches and policies, empty of pinholes, in place of
 * one that was left behind. Return: 0 or -errno, then @lacks says what the kernel lacks. */
int firewall6_table_make(const struct firewall6 *f, const char **lacks);
/** firewall6_table_delete() - 0 or -errno. */
int firewall6_table_delete(void);

#endif
