/* SPDX-License-Identifier: MIT */
/*
 * replay.h - a recorded flow played again, with one of its sides live.
 */
#ifndef SIM_REPLAY_H
#define SIM_REPLAY_H

#include "cmd.h"
#include "difference.h"
#include "tree.h"

/**
 * struct replay_options - what the command line asks for
 * @flow:	name or file
 * @topology:	NULL = the smallest network with the flow's addresses; as client: flat
 * @profiles:	as router: at most one, of the router instead of the learned one; as client:
 *		"[NODE=]PROFILE"
 * @out:	evidence directory, NULL = none
 * @argv, @argc: as router: the live side's command; none = igdlab map, by the flow's protocol
 * @quirks:	as client: "[NODE=]QUIRK"
 * @daemon:	as client: adapter of a daemon on the client's gateway, NULL = none
 * @to:		as client: address of a router on this network, no lab; NULL = a lab
 * @recorded_speed: as client: requests wait as long as they did
 */
struct replay_options {
	const char *flow;
	const char *topology;
	struct names profiles;
	const char *out;
	bool json;
	char **argv;
	int argc;
	struct names quirks;
	const char *daemon;
	const char *to;
	bool recorded_speed;
};

/**
 * replay_router() - the router's half against a live client in a lab
 *
 * Return: exit status as of "run".
 */
int replay_router(const struct cmd *cmd, const struct replay_options *options);

/**
 * replay_client() - the client's half against a live router
 *
 * Return: 0; EXIT_VERDICT when an exchange is different or missing; else a status after a
 * complaint.
 */
int replay_client(const struct cmd *cmd, const struct replay_options *options);

/* ---- which of the recorded answers a live one is (replay_match.c) ---- */

enum replay_source {
	REPLAY_FLOW,	/* byte for byte but dates */
	REPLAY_ADAPTED, /* the same with the lab's addresses, ports and lengths */
	REPLAY_BEYOND,	/* the flow does not hold it */
};

/**
 * struct replay_match - one live exchange
 * @recorded:	index of the recorded one it equals, or (REPLAY_BEYOND) of one with the same
 *		request; -1 = never asked there
 * @why:	REPLAY_BEYOND: a sentence; owned
 */
struct replay_match {
	enum replay_source source;
	long recorded;
	char *why;
};

/**
 * replay_match() - find a live exchange in the flow
 * @s:		what of the flow is what in the lab
 * @other:	another router answers: of SOAP only what is said counts, not its form
 *
 * The request must say the same: message, target, action, arguments. Of several, the first whose
 * answer was the same is taken.
 */
void replay_match(const struct recording *flow, const struct exchange *live,
		  const struct substitutions *s, bool other, struct replay_match *out);
/** replay_source_name() - "flow", "adapted", "beyond". */
const char *replay_source_name(enum replay_source source);

#endif
