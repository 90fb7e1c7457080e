/* SPDX-License-Identifier: MIT */
/*
 * log_import.h - what the parts of the importer of logs share.
 */
#ifndef SIM_LOG_IMPORT_H
#define SIM_LOG_IMPORT_H

#include "log_dump.h"
#include "log_named.h"
#include "log_pair.h"
#include "log_time.h"

#define LOG_RING  16 /* lines before a message in which its time may stand */
#define LOG_TURNS 4  /* dumps side by side that each count on */

/** struct log_mark - the dump's bytes from @offset on come from line @line, whose text is @text */
struct log_mark {
	size_t offset;
	uint64_t line;
	struct slice text;
};

/**
 * struct log_stream - bytes of dumps in one direction
 * @bytes:	so far
 * @marks:	where they come from, one per row
 * @way, @column: of the dump that is being read; another one's rows begin another stream
 * @turns:	where dumps go on: column of the offset and next offset
 * @follow:	inside of what tshark's "follow" prints: each piece is preceded by its length
 * @packets:	rows that are whole packets, with the heads of Ethernet or IP, were seen
 * @trace:	curl said that so many bytes follow, of which @traced came; @ascii: characters only;
 *		@points: so were some of @bytes, in which a point may be a control character
 */
struct log_stream {
	struct buf bytes;
	struct log_mark *marks;
	size_t mark_count, mark_cap;
	enum log_way way;
	size_t column;
	struct {
		size_t column;
		uint64_t next;
	} turns[LOG_TURNS];
	size_t turn_count;
	uint64_t trace, traced;
	bool tracing, ascii, points;
	bool follow, packets;
};

/**
 * struct log_import - an import in progress
 * @form:	of the log's time stamps, from the first one; others are not looked at
 * @base_ns, @last_ns: the first, the latest
 * @zoneless:	a date did not say its zone
 * @ring:	the last lines that are no message, newest last
 * @block_first, @block_last, @block_text: lines that were not understood, up to now
 */
struct log_import {
	struct log_lines lines;
	const struct import_options *options;
	struct recording *head;
	struct log_pairs *pairs;
	enum log_time_form form;
	int64_t base_ns, last_ns;
	bool zoneless;
	struct slice ring[LOG_RING];
	size_t ring_count;
	uint64_t block_first, block_last;
	struct slice block_text;
	uint64_t blocks_unsaid, lines_unsaid;
	struct log_stream stream;
	struct log_named named;
};

/** log_import_add() - a message of @in; its time is in @text, or @behind, or above. */
void log_import_add(struct log_import *in, struct log_message *m, struct slice text,
		    struct slice behind);
/** log_import_other() - a line that is no message's. */
void log_import_other(struct log_import *in, uint64_t number, struct slice text);
/** log_import_used_above() - the line above was understood: it says who sent, or when. */
void log_import_used_above(struct log_import *in);
/** log_import_block_end() - the lines that were not understood end here. */
void log_import_block_end(struct log_import *in);

/** log_stream_line() - take a line that is a dump's. Return: it is one. */
bool log_stream_line(struct log_import *in, const struct log_line *line);
/** log_stream_flush() - make messages of what dumps gave. */
void log_stream_flush(struct log_import *in);
void log_stream_free(struct log_stream *s);

#endif
