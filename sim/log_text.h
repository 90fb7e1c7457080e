/* SPDX-License-Identifier: MIT */
/*
 * log_text.h - lines of text logs: what stands before a message, where its start line is, what was
 * escaped. Pure.
 */
#ifndef SIM_LOG_TEXT_H
#define SIM_LOG_TEXT_H

#include "recording.h"

/**
 * struct log_lines - a place in a text; a copy of it is a place to come back to
 * @data:	the text
 * @at:		offset of the next line
 * @number:	of the line before it, from 1
 * @fixed:	lines are parts of one line of the log and have all its number
 * @crlf:	the text ends its own lines in CRLF, so one CR of each belongs to it
 */
struct log_lines {
	struct slice data;
	size_t at;
	uint64_t number;
	bool fixed;
	bool crlf;
};

/**
 * struct log_line - one line without its end
 * @text:	its text; @cr: a CR of the message ended it; @lf: it has a line end at all
 */
struct log_line {
	struct slice text;
	bool cr, lf;
};

/** log_lines_of() - the begin of a log; decides from its first lines whether CRLF is its own. */
struct log_lines log_lines_of(struct slice data);
bool log_next(struct log_lines *l, struct log_line *out);
/** log_is_blank() - nothing but white space. */
bool log_is_blank(struct slice text);

/**
 * log_shape_common() - the part of a prefix that a second line begins with, too
 * @prefix:	what stands before the start line of a message
 * @line:	the next line
 * @at:		where in @line the message goes on
 *
 * Numbers compare equal to numbers, runs of space to runs of space. Return: bytes of @prefix; it
 * ends between words.
 */
size_t log_shape_common(struct slice prefix, struct slice line, size_t *at);
/** log_shape_match() - bytes of @line that are such a prefix, or SIZE_MAX. "" is one of length 0.
 */
size_t log_shape_match(struct slice prefix, struct slice line);

/**
 * struct log_start - a start line of HTTP
 * @at:		where in the line it begins
 * @response:	a status line
 * @depth:	how many times its line ends are escaped: 0 none, 1 "\r\n", 2 "\\r\\n"
 */
struct log_start {
	size_t at;
	bool response;
	unsigned depth;
};

/** log_start_find() - the first start line in a line from @from on. */
bool log_start_find(struct slice line, size_t from, struct log_start *out);
/** log_xml_find() - where an XML document begins that UPnP sends. */
bool log_xml_find(struct slice line, size_t *at);
/** log_is_header() - "Name: value". */
bool log_is_header(struct slice text);

/**
 * log_unescape() - what a quoted string stands for
 * @line:	whole line
 * @at:		where in the string to begin
 * @depth:	how many times to take escapes away
 * @out:	gets the text
 *
 * The string ends where its quote is closed, or with the line. Return: offset behind it.
 */
size_t log_unescape(struct slice line, size_t at, unsigned depth, struct buf *out);

/**
 * log_percent() - a message in which "%0D%0A" (or "%0A") stands for line ends
 * @at, @end:	where it begins and ends in the line
 * @out:	gets the message; where spaces are encoded, too, it ends with the word
 *
 * Return: false: the line has none.
 */
bool log_percent(struct slice line, size_t *at, size_t *end, struct buf *out);

enum log_way { LOG_WAY_UNKNOWN, LOG_SENT, LOG_RECEIVED };
/** log_way_of() - what the words before a message (nearest first) or around it say. */
enum log_way log_way_of(struct slice before);
/** log_address_last() - the last "192.168.1.1:5431" or "[fe80::1]:80" in a text. */
bool log_address_last(struct slice text, struct end_point *out);
/** log_address_first() - the same, the first, and where it ends. */
bool log_address_first(struct slice text, struct end_point *out, size_t *end);

#endif
