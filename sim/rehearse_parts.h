/* SPDX-License-Identifier: MIT */
/* rehearse_parts.h - what the files of the rehearsal share; nobody else includes it. */
#ifndef SIM_REHEARSE_PARTS_H
#define SIM_REHEARSE_PARTS_H

#include "rehearse.h"
#include "setup.h"

/**
 * struct stage - a rehearsal under way
 * @begun:	when the first request went out, our clock; @first: the flow's time of it
 * @moved:	seconds by which the lab's clock was moved
 */
struct stage {
	struct lab lab;
	const struct recording *flow;
	const struct learned *learned;
	int64_t begun, first;
	double moved;
	struct rehearsal *out;
};

/** stage_answered() - whether an answer is the router's, as far as the source says. */
bool stage_answered(const struct stage *s, const struct recorded_message *m);
/** stage_can_search() - whether a search, and what came of it, can be told again. */
bool stage_can_search(const struct stage *s, const struct exchange *x);
/** stage_search() - search and compare the answers; @why gets the first difference. */
void stage_search(struct stage *s, const struct exchange *x, char **why);

#endif
