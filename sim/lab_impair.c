/* SPDX-License-Identifier: MIT */
/*
 * lab_impair.c - links that make packets suffer: what several impairments come to, and the relay.
 *
 * A network's impairment is what a packet meets that crosses the network; a port's is added to it.
 */
#include "../fakeigd/base/mem.h"
#include "lab_init.h"
#include "wire.h"

#include <math.h>

bool lab_impaired(const struct impairment *i)
{
	return i->delay_us || i->jitter_us || i->loss > 0 || i->duplicate > 0 || i->reorder > 0 ||
	       i->rate || i->drop_multicast;
}

static double either(double a, double b)
{
	return 1 - (1 - a) * (1 - b);
}

struct impairment lab_impair_both(const struct impairment *a, const struct impairment *b)
{
	struct impairment out = *a;

	out.delay_us += b->delay_us;
	out.jitter_us += b->jitter_us;
	out.loss = either(a->loss, b->loss);
	out.duplicate = either(a->duplicate, b->duplicate);
	out.reorder = either(a->reorder, b->reorder);
	if (b->rate && (!a->rate || b->rate < a->rate))
		out.rate = b->rate;
	if (b->mtu && (!a->mtu || b->mtu < a->mtu))
		out.mtu = b->mtu;
	out.drop_multicast |= b->drop_multicast;
	return out;
}

struct impairment lab_impair_half(const struct impairment *whole)
{
	struct impairment out = *whole;

	out.delay_us /= 2;
	out.jitter_us /= 2;
	out.loss = 1 - sqrt(1 - whole->loss);
	out.duplicate = 1 - sqrt(1 - whole->duplicate);
	out.reorder = 1 - sqrt(1 - whole->reorder);
	return out;
}

int lab_relay(struct lab_init *lab, const char *a, const char *b, const struct impairment *i)
{
	struct wire *wire = wire_new(lab->loop, lab->home, a, lab->home, b, i, lab->diag);

	if (!wire)
		return -1;
	lab->wires = xrealloc(lab->wires, (lab->wire_count + 1) * sizeof(*lab->wires));
	lab->wires[lab->wire_count++] = wire;
	return 0;
}
