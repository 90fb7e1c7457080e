/* SPDX-License-Identifier: MIT */
/*
 * log_message.h - one message read out of a log at its start line. Pure.
 */
#ifndef SIM_LOG_MESSAGE_H
#define SIM_LOG_MESSAGE_H

#include "../fakeigd/wire/http.h"
#include "log_body.h"

/**
 * struct log_message - a message of a log; free with log_message_free()
 * @m:		bytes, gaps, restored, provenance; times and end points are the caller's
 * @request:	a request
 * @exact:	the source shows its bytes, line ends included
 * @head_len:	bytes of its head
 * @framing, @stated: of its body; UINT64_MAX = no length is stated
 * @missing:	a body is announced, and the log does not have it with the head (a gap says so)
 * @context:	what stands before the start line, in the log
 * @way:	what that says about the direction
 * @foreign, @foreign_first: lines between its own that are not of it; number of the first
 * @unfit:	the stated length is met by no restoration
 */
struct log_message {
	struct recorded_message m;
	bool request;
	bool exact;
	size_t head_len;
	enum http_framing framing;
	uint64_t stated;
	bool missing;
	struct slice context;
	enum log_way way;
	uint64_t foreign, foreign_first;
	bool unfit;
};

/**
 * log_message_read() - read the message whose start line is in @first
 * @l:		place behind that line; moved behind the message
 * @first:	the line
 * @start:	where in it
 * @exact:	what follows is the message's very bytes, not a log's lines
 * @out:	the message, also after false empty or to be freed
 *
 * Return: false when no header follows the start line; @l is where it was then.
 */
bool log_message_read(struct log_lines *l, const struct log_line *first, struct log_start start,
		      bool exact, struct log_message *out);
/**
 * log_message_body() - give a message the body that it misses
 * @b:		as the log shows it
 * @blanks:	how many of the blank lines behind it are its own; may be NULL
 *
 * Return: false, and nothing changed, when a length is stated and @b does not meet it.
 */
bool log_message_body(struct log_message *m, const struct log_body *b, unsigned *blanks);
/** log_message_more() - the bytes that follow those it has. Return: how many it took. */
size_t log_message_more(struct log_message *m, struct slice bytes);
/**
 * log_body_read() - an XML document from @first on, line by line, until its root ends
 * @prefix:	what stands before each of its lines ("" = nothing)
 * @limit:	bytes after which it is given up
 *
 * @l is moved behind it, to the middle of a line if the line goes on behind the root. Return: the
 * root ended.
 */
bool log_body_read(struct log_lines *l, struct log_line first, struct slice prefix, uint64_t limit,
		   struct log_body *out);
/** log_message_headless() - a reply of which the log shows nothing but the body: a SOAP envelope.
 */
bool log_message_headless(const struct log_body *b, struct log_message *out);
void log_message_free(struct log_message *m);
/** log_message_head() - its head, parsed. */
bool log_message_head(const struct log_message *m, struct http_head *out);
/** log_restored_add() - add a sentence to what was restored. */
void log_restored_add(struct log_message *m, const char *sentence);

#endif
