/* SPDX-License-Identifier: MIT */
/*
 * wire.h - a cable that delays, loses, duplicates and reorders: an impairment relay without netem.
 *
 * Two interfaces (each the inner end of a veth pair) are joined by packet sockets; what one
 * receives leaves by the other, after what struct impairment does to it. Each direction suffers on
 * its own. Works in any network namespace where the caller may open packet sockets: no kernel
 * module, no privilege outside.
 *
 * A cable of this kind is two veth pairs: each far end is a node's port, each near end is here.
 */
#ifndef SIM_WIRE_H
#define SIM_WIRE_H

#include "../fakeigd/base/loop.h"
#include "topology.h"

struct wire;

/**
 * wire_new() - join two interfaces
 * @loop:	carries the frames; runs as long as the cable is to work
 * @netns_a, @netns_b: descriptors of the interfaces' network namespaces; -1 = the current one
 * @if_a, @if_b: interfaces; they need not be up yet
 * @im:		what happens to a frame, in each direction; copied
 * @d:		a complaint when it fails
 *
 * Everything that looks like chance follows from a seed made of the interfaces' names, so the same
 * frames in the same order meet the same fate in every run. The calling thread is in the namespace
 * it was in when this returns. Return: the cable, or NULL after a complaint.
 */
struct wire *wire_new(struct loop *loop, int netns_a, const char *if_a, int netns_b,
		      const char *if_b, const struct impairment *im, struct diag *d);
/** wire_free() - take the cable away; frames under way are lost. */
void wire_free(struct wire *w);
/** wire_seed() - begin another sequence of chance. */
void wire_seed(struct wire *w, uint64_t seed);

/** struct wire_totals - what happened to the frames of one direction */
struct wire_totals {
	uint64_t received;
	uint64_t sent;
	uint64_t lost;
	uint64_t duplicated;
	uint64_t reordered;
	uint64_t oversize;
	uint64_t multicast;
	uint64_t overflow; /* the queue was full, or the interface did not take it */
};

/** wire_totals() - @direction 0: from a to b, 1: from b to a. */
const struct wire_totals *wire_totals(const struct wire *w, int direction);

#endif
