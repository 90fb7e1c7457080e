/* SPDX-License-Identifier: MIT */
/*
 * log_body.h - bodies as logs show them, and what they must have been. Pure.
 *
 * A log may lose carriage returns, indentation and the line ends behind a text, or add line ends
 * and indentation of its own. Where the number of bytes is stated, the least change that meets it
 * is taken.
 */
#ifndef SIM_LOG_BODY_H
#define SIM_LOG_BODY_H

#include "log_text.h"

#define LOG_BODY_LINES_MAX 100000

/**
 * struct log_body - a body as shown; zero-initialised is empty, log_body_free() at last
 * @lines, @count: its lines up to the last that is not blank; text is the log's
 * @blanks:	blank lines that the log shows behind them
 * @foreign, @foreign_first: lines between them that are not its; number of the first
 * @exact:	the source shows every byte (a dump, escaped line ends): nothing was lost
 */
struct log_body {
	struct log_line *lines;
	size_t count, cap;
	unsigned blanks;
	uint64_t foreign, foreign_first;
	bool exact;
};

void log_body_add(struct log_body *b, struct log_line line);
void log_body_free(struct log_body *b);

/**
 * log_body_restore() - the bytes
 * @b:		as shown
 * @stated:	how many they must be, UINT64_MAX = nobody says
 * @out:	they are appended here; without a fit, the text as shown
 * @how:	one sentence of what was changed and what proves it; empty = nothing was changed
 * @blanks:	how many of the blank lines behind it are part of it
 *
 * Return: false when a length is stated and nothing meets it.
 */
bool log_body_restore(const struct log_body *b, uint64_t stated, struct buf *out, struct buf *how,
		      unsigned *blanks);

/**
 * struct log_xml - how far an XML document is; zero-initialised to start
 * @depth:	open elements; @closed: the root's end has been read
 */
struct log_xml {
	int depth;
	bool begun, closed;
	int state;
	bool end_tag, empty_tag;
	char quote;
	char last[2];
};

/** log_xml_feed() - read on. Return: bytes up to and with the root's end, or text.len. */
size_t log_xml_feed(struct log_xml *x, struct slice text);

#endif
