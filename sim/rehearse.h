/* SPDX-License-Identifier: MIT */
/*
 * rehearse.h - a learned profile in a lab that is made after the flow: the requests of the flow are
 * sent again, and the answers compared with the recorded ones byte for byte.
 */
#ifndef SIM_REHEARSE_H
#define SIM_REHEARSE_H

#include "cmd.h"
#include "learn.h"

/**
 * struct rehearsed - one exchange, said again
 * @number:	index in the flow
 * @same:	the answers are the same but for dates, counters and what subscriptions are called
 * @why:	where they differ, NULL when @same
 */
struct rehearsed {
	size_t number;
	bool same;
	char *why;
};

/** struct rehearsal - all of them; @different: how many are not the same */
struct rehearsal {
	struct rehearsed *list;
	size_t count, different;
};

/**
 * learn_topology() - the smallest network with the addresses of the flow
 * @profile:	of the router, name or path
 *
 * Return: false after a complaint: router and client share no network, or are not IPv4.
 */
bool learn_topology(const struct learned *l, const char *profile, struct buf *out, struct diag *d);

/**
 * rehearse() - run the profile and ask it everything that the flow's client asked
 *
 * The lab's clock follows the times of the flow. Return: 0; EXIT_LAB or EXIT_USAGE after a
 * complaint on standard error.
 */
int rehearse(const struct cmd *cmd, const struct recording *flow, const struct learned *l,
	     struct rehearsal *out);
void rehearsal_free(struct rehearsal *r);

/** compare_answers() - NULL when both are the same but for what changes by itself; else where not;
 * the caller frees. @gap: @wanted is only a beginning. */
char *compare_answers(enum flow_protocol protocol, struct slice wanted, struct slice got, bool gap);

#endif
