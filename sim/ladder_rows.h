/* SPDX-License-Identifier: MIT */
/* ladder_rows.h - what the picture shows, before it is drawn; shared by the ladder's files. */
#ifndef SIM_LADDER_ROWS_H
#define SIM_LADDER_ROWS_H

#include "ladder.h"

/**
 * struct hop - one arrow: a message on one link, or several alike
 * @from, @to:	columns, or LADDER_GROUP
 * @first:	the message, or the first of them
 * @messages, @count: their indexes
 * @label:	what is written; @full: the whole of it, where @label is shortened
 */
struct hop {
	int from, to;
	const struct flow_message *first;
	size_t *messages;
	size_t count;
	char *label;
};

enum row_kind {
	ROW_MESSAGE,
	ROW_PAUSE,    /* nothing happened for so long that the time axis is broken */
	ROW_LEFT_OUT, /* LADDER_ROWS_MAX */
};

/**
 * struct row - one line of the picture
 * @time_ns, @end_ns: of its first and last message; ROW_PAUSE: begin and end of the silence
 * @hops, @hop_count: several: the same message on link after link
 * @left_out:	ROW_LEFT_OUT: messages
 */
struct row {
	enum row_kind kind;
	int64_t time_ns, end_ns;
	struct hop *hops;
	size_t hop_count;
	size_t left_out;
};

struct rows {
	struct row *rows;
	size_t count, cap;
};

/**
 * rows_build() - one row for each message, runs folded, too many left out
 * @stranger:	gets whether anybody is no node; his column is number @node_count
 */
void rows_build(struct rows *rows, const struct flow *flow, const struct ladder_node *nodes,
		size_t node_count, bool *stranger);
/** rows_insert_pauses() - a row where the next message comes late. */
void rows_insert_pauses(struct rows *rows);
void rows_free(struct rows *rows);

#endif
