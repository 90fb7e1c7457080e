/* SPDX-License-Identifier: MIT */
/*
 * learn.h - a profile out of a recorded flow: the router that answered, as data for fakeigd.
 *
 * The profile lays over a conformant base what the flow shows: identity, the form of every head and
 * body, services and URLs, policy, the table of mappings, timing. Each key has a comment that says
 * which exchange showed it. What no policy explains becomes a rule.
 */
#ifndef SIM_LEARN_H
#define SIM_LEARN_H

#include "facts.h"

/**
 * struct learn_options - how to learn
 * @router:	address of the router, NULL = the flow's
 * @base:	profile to extend, NULL = the conformant one of the router's version
 * @flow:	how the evidence calls the flow
 * @quirks:	of fakeigd, what is known of the program beyond the flow (learn_known()); NULL =
 *		none
 * @alike:	profiles of the tree with the same SERVER, for a comment; NULL = none
 * @exact:	exchanges (indexes into the flow) whose answers become rules, byte for byte: what
 *		the profile without them got wrong; @exact_count of them
 */
struct learn_options {
	const char *router;
	const char *base;
	const char *flow;
	const struct names *quirks, *alike;
	const size_t *exact;
	size_t exact_count;
};

/**
 * struct learned - what came of it; learned_free()
 * @profile:	YAML
 * @router, @client, @external: addresses, as text; @client, @external may be NULL
 * @server:	its SERVER string, may be NULL
 * @port:	TCP port of the description
 * @used:	exchanges of that router
 */
struct learned {
	struct buf profile;
	char *router, *client, *external, *server;
	uint16_t port;
	size_t used;
};

/**
 * learn() - write a profile
 *
 * Return: 0, or -1 after a complaint: no router in the flow, or nothing of UPnP and NAT-PMP.
 */
int learn(const struct recording *flow, const struct learn_options *options, struct learned *out,
	  struct diag *d);
void learned_free(struct learned *l);
/** learn_known() - quirks of the tree that were seen on the very program and version that a SERVER
 * string names. */
void learn_known(const char *server, struct names *out);
/** learn_alike() - profiles of the tree with that SERVER string. */
void learn_alike(const char *server, struct names *out);
/** learn_answers() - a quirk with a rule for every SOAP answer of a router: code or arguments. */
void learn_answers(const struct recording *flow, const char *router, struct buf *out);

#endif
