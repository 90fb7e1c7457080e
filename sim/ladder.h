/* SPDX-License-Identifier: MIT */
/* ladder.h - the exchange as a message sequence picture (SVG). Pure: messages in, text out. */
#ifndef SIM_LADDER_H
#define SIM_LADDER_H

#include "flow.h"

/**
 * struct ladder_node - a column
 * @name:	"client"
 * @caption:	second line, e.g. addresses or profile; may be NULL
 * @addresses, @families, @count: of all its interfaces
 */
struct ladder_node {
	const char *name;
	const char *caption;
	uint8_t (*addresses)[16];
	int *families;
	size_t count;
};

/** ladder_draw() - @title above; columns in the given order; group addresses go to "everybody". */
void ladder_draw(const struct flow *flow, const struct ladder_node *nodes, size_t count,
		 const char *title, struct buf *svg);

#endif
