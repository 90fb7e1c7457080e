/* SPDX-License-Identifier: MIT */
/* ladder.h - the exchange as a message sequence picture (SVG). Pure: messages in, text out. */
#ifndef SIM_LADDER_H
#define SIM_LADDER_H

#include "flow.h"

#define LADDER_ROWS_MAX                                                                            \
	300 /* what is beyond, the middle of the exchange, is left out and said so */

/** struct ladder_port - an interface of a node; what is all zero is not known */
struct ladder_port {
	unsigned link; /* index of the capture interface of its network */
	uint8_t mac[6];
	uint8_t address4[16]; /* the first four bytes */
	uint8_t address6[16];
};

/**
 * struct ladder_node - a column
 * @name:	"client"
 * @caption:	lines below the name, separated by '\n': addresses, profile; may be NULL
 * @is_router:	drawn with round corners
 */
struct ladder_node {
	const char *name;
	const char *caption;
	bool is_router;
	const struct ladder_port *ports;
	size_t count;
};

/** struct ladder_heading - what stands above the picture; each may be NULL */
struct ladder_heading {
	const char *title;
	const char *subtitle;
	const char *verdict; /* "pass: every mapping is reached from peer" */
	bool failed;
};

#define LADDER_NOBODY -1 /* no node of ours */
#define LADDER_GROUP  -2 /* every other node on that network */

/**
 * ladder_ends() - which nodes a message went between on its link
 *
 * By station (MAC) first: on the link a packet to a far address goes to the router; by address
 * where the station is nobody's. @from and @to get an index or one of the above.
 */
void ladder_ends(const struct ladder_node *nodes, size_t count, const struct flow_message *m,
		 int *from, int *to);

/**
 * ladder_draw() - the picture
 * @nodes:	columns, from left to right; if somebody else speaks, one more is added
 *
 * A group "message" of the SVG carries the indexes of the messages that it shows in data-messages.
 */
void ladder_draw(const struct flow *flow, const struct ladder_node *nodes, size_t count,
		 const struct ladder_heading *heading, struct buf *svg);

/** ladder_text_width() - of UTF-8 text, in the units of @size, on the wide side. */
double ladder_text_width(struct slice text, double size, bool bold);

#endif
