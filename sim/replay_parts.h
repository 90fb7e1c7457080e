/* SPDX-License-Identifier: MIT */
/* replay_parts.h - what the files of replay --as client share; nobody else includes it. */
#ifndef SIM_REPLAY_PARTS_H
#define SIM_REPLAY_PARTS_H

#include "difference.h"
#include "live.h"

/**
 * struct replayed - one exchange, played
 * @left_out:	why it was not played, constant; NULL = it was
 * @live:	what was sent and what came; its request is the router's where it began
 * @sent:	@live has a request
 * @failed:	why it could not be sent, or nothing was heard; owned, may be NULL
 * @ear:	socket that hears answers, -1 = none
 * @owner:	the first exchange over the same socket: its @live has all answers until
 *		player_share(); @expected: how many are recorded for all of them
 * @difference:	filled by player_judge()
 */
struct replayed {
	const char *left_out;
	struct exchange live;
	char *failed;
	int ear;
	size_t owner, expected;
	struct difference difference;
};

/** struct line - a connection that is kept for further requests */
struct line {
	int number;
	int fd;
	bool closed;
	struct buf in;
};

/** struct callback - where the router's events come in */
struct callback {
	uint16_t port;
	int fd;
};

/**
 * struct player - the client's half of a flow, being played
 * @recorded_speed: the flow's time passes; else a lab's clock is moved
 * @replayed:	one for each exchange of the flow
 * @spare, @spare_count: events that came and are of no exchange so far
 * @begun:	when the first request went out, our clock; @first_ns: the flow's time of it
 * @moved:	seconds by which the lab's clock was moved
 */
struct player {
	struct live *live;
	const struct recording *flow;
	const struct site *site;
	struct translation translation;
	bool recorded_speed;
	struct replayed *replayed;
	struct line *lines;
	size_t line_count;
	struct callback *callbacks;
	size_t callback_count;
	struct recorded_message *spare;
	size_t spare_count;
	int64_t begun, first_ns;
	double moved;
	double longest_search;
};

/** player_play() - all exchanges, in order; then what is still under way is heard. */
void player_play(struct player *p);
/** player_share() - give each answer to the exchange that it belongs to. */
void player_share(struct player *p);
/** player_judge() - compare what came with what was recorded. */
void player_judge(struct player *p);
void player_free(struct player *p);

#endif
