/* SPDX-License-Identifier: MIT */
/*
 * sink.h - who takes what connection.c and dialogue.c find in TCP connections.
 *
 * Two do: flow_tcp.c keeps every message with a label (evidence, ladder), import_tcp.c puts
 * requests and responses together and lets go of them (recordings).
 */
#ifndef SIM_SINK_H
#define SIM_SINK_H

#include "../fakeigd/wire/frame.h"
#include "../fakeigd/wire/http.h"
#include "label.h"
#include "reassembly.h"

/**
 * struct packet - one packet as the decoders pass it on
 * @link, @time_ns: as given to flow_packet()
 * @number:	counted from 0
 * @ethernet:	its first 12 bytes: destination, source; zeros where the link has none
 * @frame:	what frame.h made of it
 */
struct packet {
	unsigned link;
	int64_t time_ns;
	uint64_t number;
	const uint8_t *ethernet;
	struct frame frame;
};

/**
 * struct sink_begin - a message begins
 * @first:	its first packet
 * @connection:	number of the connection, from 0 in the order in which they begin to speak
 * @head:	parsed, NULL: a head that ends early, or no HTTP
 * @is_data:	no HTTP
 * @is_reply:	a response, or data of the side that was called
 * @request:	which it answers, -1 = not known
 */
struct sink_begin {
	const struct packet *first;
	int connection;
	const struct http_head *head;
	bool is_data;
	bool is_reply;
	int request;
};

/**
 * struct sink_end - a message ended
 * @is_data:	no HTTP
 * @head_len:	bytes before its body
 * @chunked:	its body had chunks; decoded it is @body where sink_ops.bodies asks for it
 * @left:	bytes that it announced and that did not come, 0 = none or not known
 * @notes:	what happened to it
 */
struct sink_end {
	bool is_data;
	size_t head_len;
	bool chunked;
	struct slice body;
	uint64_t left;
	const struct label_notes *notes;
};

struct sink;

/**
 * struct sink_ops - what a sink does; messages are numbers that begin() gave, -1 is never passed on
 * @bodies:	it wants chunked bodies decoded
 * @data:	it wants connections that speak no HTTP: tell(), no_answer() and messages with
 *		is_data. Without, such a connection is left alone as soon as that is clear, and
 *		left_out() called
 * @begin:	Return: a number, or -1: not wanted
 * @bytes:	the first @len bytes at hand of @in belong to it
 * @gap:	here @lost bytes of it are missing
 * @end:	it is complete, or will not be
 * @unanswered:	a request that will get no response any more; may come before its end()
 * @tell:	a SYN, its answer, or a reset; number or -1
 * @no_answer:	to a SYN
 * @left_out:	@packets of a connection to @port
 */
struct sink_ops {
	bool bodies;
	bool data;
	int (*begin)(struct sink *sink, const struct sink_begin *begin);
	void (*bytes)(struct sink *sink, int message, const struct reassembly *in, size_t len);
	void (*gap)(struct sink *sink, int message, uint64_t lost);
	void (*end)(struct sink *sink, int message, const struct sink_end *end);
	void (*unanswered)(struct sink *sink, int message);
	int (*tell)(struct sink *sink, const struct packet *p, int request, bool is_error,
		    const char *label);
	void (*no_answer)(struct sink *sink, int message);
	void (*left_out)(struct sink *sink, uint16_t port, uint64_t packets);
};

/** struct sink - the first member of whoever it is */
struct sink {
	const struct sink_ops *ops;
};

#endif
