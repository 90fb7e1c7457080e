/* SPDX-License-Identifier: MIT */
/* connection.h - TCP connections of a capture and the messages in them, which go to a sink. */
#ifndef SIM_CONNECTION_H
#define SIM_CONNECTION_H

#include "sink.h"

#define CONNECTIONS_MAX 65536 /* followed at a time; closed ones go first */
#define CONNECTIONS_BYTES                                                                          \
	(32u << 20)		     /* at hand and not consumed, of all; then all are finished    \
				      */
#define DIALOGUE_HEAD_MAX (64 << 10) /* a longer head is no HTTP */
#define DIALOGUE_LINE_MAX (8 << 10)  /* nor is a longer start line */
#define DIALOGUE_OPEN_MAX 256	     /* requests without response so far, of one connection */

struct connections;

/** connections_new() - @sink is borrowed. */
struct connections *connections_new(struct sink *sink);
void connections_free(struct connections *t);
/** connections_packet() - a TCP segment. */
void connections_packet(struct connections *t, const struct packet *p);
/** connections_end() - no more packets: finish what is there, in the order it began. */
void connections_end(struct connections *t);

/* ---- between connection.c and dialogue.c ---- */

enum side_state {
	SIDE_START, /* between messages, or in a head */
	SIDE_LENGTH,
	SIDE_CHUNKED,
	SIDE_CLOSE,  /* body until the end of the connection */
	SIDE_OPAQUE, /* no HTTP */
};

/**
 * struct side - one direction of a connection
 * @in:		its bytes
 * @origin:	link, addresses and stations of its packets
 * @state:	what is being received
 * @busy:	a message was begun: @current, which is -1 when the sink does not want it
 * @refused:	the bytes at hand were found to be no HTTP: they are data, not looked at again
 * @line_ok:	the bytes at hand begin with a start line
 * @scanned:	how many of them were looked at for the end of line or head
 * @left:	SIDE_LENGTH: bytes still to come
 * @head_len:	bytes of the message before its body
 * @chunked, @body: SIDE_CHUNKED: decoder, decoded body
 * @notes:	on the message
 * @ended:	its end was dealt with
 */
struct side {
	struct reassembly in;
	struct packet origin;
	uint8_t stations[12];
	enum side_state state;
	bool busy;
	int current;
	bool refused;
	bool line_ok;
	size_t scanned;
	uint64_t left;
	size_t head_len;
	struct http_chunked chunked;
	struct buf body;
	struct label_notes notes;
	bool ended;
};

/** struct open_request - a request that has no response yet; @message -1: the sink has not got it
 */
struct open_request {
	int message;
	bool is_head;
};

/** struct open_requests - ring of them, @cap slots */
struct open_requests {
	struct open_request *slots;
	size_t first, count, cap;
};

enum dialogue { DIALOGUE_UNKNOWN, DIALOGUE_HTTP, DIALOGUE_OTHER };

/**
 * struct connection - one TCP connection on one link
 * @next:	in its bucket
 * @sides:	[0] sends from the smaller end point, [1] from the greater
 * @dialogue:	what the two speak
 * @number:	of the connection, -1 = no message began yet
 * @open:	requests of each side
 * @syn, @syn_ack: the packets, with @has_*; @syn_side sent the first
 * @packets:	so far
 * @held:	bytes at hand and behind holes, as far as counted in connections.held
 * @ignored:	speaks no HTTP, and the sink does not want such: packets are only counted
 * @connect:	message that tells the SYN, -1 = not told
 * @closed:	by RST or by two FINs
 */
struct connection {
	struct connection *next;
	struct side sides[2];
	enum dialogue dialogue;
	int number;
	struct open_requests open[2];
	uint64_t packets;
	size_t held;
	bool ignored;
	struct packet syn, syn_ack;
	uint8_t syn_stations[12], syn_ack_stations[12];
	bool has_syn, has_syn_ack;
	int syn_side;
	int connect;
	bool connect_told;
	bool closed;
};

/**
 * struct connections - all of them; see connections_new()
 * @closed:	how many of @all are closed
 * @held:	bytes at hand and behind holes
 * @numbers:	next connection.number
 */
struct connections {
	struct sink *sink;
	struct connection **buckets;
	size_t bucket_count;
	struct connection **all;
	size_t count, cap;
	size_t closed;
	size_t held;
	int numbers;
};

/** connection_tell() - tell the SYN and its answer as messages, once. */
void connection_tell(struct connections *t, struct connection *c);
/** dialogue_data() - decode what is at hand of a side. */
void dialogue_data(struct connections *t, struct connection *c, int from);
/** dialogue_gap() - @lost bytes are missing at this place. */
void dialogue_gap(struct connections *t, struct connection *c, int from, uint64_t lost);
/** dialogue_end() - the side sends no more; @orderly: by FIN. */
void dialogue_end(struct connections *t, struct connection *c, int from, bool orderly);
/** dialogue_waiting() - something was begun and has not ended, or was asked and not answered. */
bool dialogue_waiting(const struct connection *c);
void dialogue_free(struct connections *t, struct connection *c);
/** dialogue_may_begin() - whether a segment has a start line of HTTP at its front, judged briefly.
 */
bool dialogue_may_begin(struct slice payload);

#endif
