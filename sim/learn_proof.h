/* SPDX-License-Identifier: MIT */
/*
 * learn_proof.h - learning, with the proof: what is known of the program is laid over what the flow
 * shows, the profile is asked again (rehearse.h), and what it says differently is taken word for
 * word.
 */
#ifndef SIM_LEARN_PROOF_H
#define SIM_LEARN_PROOF_H

#include "rehearse.h"

/**
 * struct proof - how a profile was found; proof_free()
 * @rehearsal:	the last one; empty when nothing was checked
 * @exact, @exact_why: exchanges whose answers were taken word for word, and where they differed
 * @known, @alike: quirks and profiles of the tree that were used, see struct learn_options
 */
struct proof {
	struct rehearsal rehearsal;
	size_t exact[256];
	char *exact_why[256];
	size_t exact_count;
	struct names known, alike;
};

/**
 * learn_proved() - learn a router
 * @options:	router, base, flow; the rest is filled in
 * @known:	lay over it what the tree knows of the program that SERVER names
 * @check:	rehearse; the flow knows better than what was seen elsewhere, so that goes first
 *
 * Return: 0; an exit status after a complaint on standard error.
 */
int learn_proved(const struct cmd *cmd, const struct recording *flow,
		 const struct learn_options *options, bool known, bool check, struct learned *out,
		 struct proof *proof);
void proof_free(struct proof *p);

#endif
