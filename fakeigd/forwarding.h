/* SPDX-License-Identifier: MIT */
/*
 * forwarding.h - what of the table the kernel forwards, and since when: between portmap.c, which
 * says what should be, and forward.c, which does it. Routers differ here (policies "forward.*").
 */
#ifndef FAKEIGD_FORWARDING_H
#define FAKEIGD_FORWARDING_H

#include <stdint.h>

struct router;
struct mapping;
struct forwarding;
struct pcp_record;

/** enum forwarding_state - of a mapping: not in the kernel, not yet, or in it */
enum forwarding_state { FORWARDING_OFF, FORWARDING_WAITING, FORWARDING_ON };

/** enum forwarding_event - what may take the forwarding away from mappings that stay in the table
 */
enum forwarding_event { FORWARDING_REBOOT, FORWARDING_RECONNECT, FORWARDING_RENUMBER };

struct forwarding *forwarding_new(struct router *r);
void forwarding_free(struct forwarding *f);
/**
 * forwarding_start() - forward @m from now on, or when policy says so, or never
 * @m:		its state becomes what it then is; need not be in the table yet
 *
 * Return: 0, or -errno when the kernel refused.
 */
int forwarding_start(struct forwarding *f, struct mapping *m);
/** forwarding_stop() - and end the connections that it carried, unless policy keeps either. */
void forwarding_stop(struct forwarding *f, struct mapping *m);
/** forwarding_refresh() - @m was added again, and leads where it led. Return: 0 or -errno. */
int forwarding_refresh(struct forwarding *f, struct mapping *m);
/** forwarding_filter() - who may come in by @m is another from now on: @now. 0 or -errno. */
int forwarding_filter(struct forwarding *f, struct mapping *m, const struct pcp_record *now);
/** forwarding_flush() - nothing is forwarded any more; for a table that is emptied at once. */
void forwarding_flush(struct forwarding *f);
/** forwarding_reload() - the policy is another: everything anew by it. */
void forwarding_reload(struct forwarding *f);
/** forwarding_event() - something happened to the router; goes through the whole table. */
void forwarding_event(struct forwarding *f, enum forwarding_event event);

#endif
