/* SPDX-License-Identifier: MIT */
/* draw.h - a topology as text: a tree from the internet inwards, and a table. Pure. */
#ifndef SIM_DRAW_H
#define SIM_DRAW_H

#include "topology.h"

/** draw_tree() - networks and who is on them; the LANs of a router hang below it. */
void draw_tree(const struct topology *t, struct buf *out);
/** draw_table() - one line per interface. */
void draw_table(const struct topology *t, struct buf *out);

#endif
