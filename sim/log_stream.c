/* SPDX-License-Identifier: MIT */
/*
 * log_stream.c - messages out of dumps.
 *
 * Theory of operation: rows are put together as long as their offsets go on; dumps in the same
 * direction follow each other in one stream, as TCP's bytes do, since programs dump what they read
 * or write in one call. The direction is in curl's words above a dump, in the words of the line
 * above, or in the column (Wireshark indents one side). When it changes, the stream is searched for
 * messages, whose bytes are exact. What "tshark -z follow,tcp,ascii" prints has the length of each
 * piece above it, so it is taken by that, whatever is in it.
 */
#include "log_import.h"

#include "../fakeigd/base/mem.h"

#include <stdlib.h>

#define STREAM_MAX  (8u << 20)
#define SIDE_COLUMN 1000 /* of the first side in tshark's output; no dump stands there */

void log_stream_free(struct log_stream *s)
{
	buf_free(&s->bytes);
	free(s->marks);
	*s = (struct log_stream){0};
}

static void mark(struct log_stream *s, uint64_t line, struct slice text)
{
	if (s->mark_count == s->mark_cap) {
		s->mark_cap = s->mark_cap ? s->mark_cap * 2 : 64;
		s->marks = xrealloc(s->marks, s->mark_cap * sizeof(*s->marks));
	}
	s->marks[s->mark_count++] = (struct log_mark){s->bytes.len, line, text};
}

static const struct log_mark *mark_of(const struct log_stream *s, size_t offset)
{
	size_t low = 0, high = s->mark_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (s->marks[middle].offset <= offset)
			low = middle;
		else
			high = middle;
	}
	return s->mark_count ? &s->marks[low] : NULL;
}

static void place(const struct log_stream *s, struct log_message *m, size_t from, size_t to)
{
	const struct log_mark *first = mark_of(s, from), *last = mark_of(s, to ? to - 1 : 0);

	m->m.first = first ? first->line : 0;
	m->m.count = first && last ? last->line - first->line + 1 : 0;
}

/* Bytes that begin with no start line: the rest of the message before them, or nothing known. */
static void leading(struct log_import *in, size_t len)
{
	struct log_stream *s = &in->stream;
	struct log_message *m = log_pairs_missing(in->pairs);
	size_t taken = m && len ? log_message_more(m, (struct slice){s->bytes.data, len}) : 0;
	const struct log_mark *last = mark_of(s, taken ? taken - 1 : 0);

	if (taken && last && last->line >= m->m.first)
		m->m.count = last->line - m->m.first + 1;
	for (size_t i = 0; i < s->mark_count && !taken && s->marks[i].offset < len; i++)
		log_import_other(in, s->marks[i].line, s->marks[i].text);
}

/* curl shows control characters as points. Between tags, one was a line end. */
static void restore_points(struct log_message *m)
{
	char *body = m->m.bytes.data + m->head_len;
	size_t len = m->m.bytes.len - m->head_len;
	bool any = false;

	for (size_t i = 1; i < len; i++)
		if (body[i] == '.' && body[i - 1] == '>' &&
		    (i + 1 == len || body[i + 1] == '<' || body[i + 1] == ' ')) {
			body[i] = '\n';
			any = true;
		}
	if (any)
		log_restored_add(m, "body: LF for points between tags, as which the log shows "
				    "control characters; nothing proves it");
}

void log_stream_flush(struct log_import *in)
{
	struct log_stream *s = &in->stream;
	struct log_lines l = {.data = buf_slice(&s->bytes), .fixed = true};
	struct log_line line;
	struct log_start start;
	bool any = false;
	size_t begin = 0;

	if (!s->bytes.len)
		return;
	while (begin = l.at, log_next(&l, &line)) {
		struct log_message m;
		struct slice text;

		if (!log_start_find(line.text, 0, &start))
			continue;
		begin += start.at;
		if (!log_message_read(&l, &line, start, true, &m))
			continue;
		if (!any)
			leading(in, begin);
		any = true;
		if (s->points)
			restore_points(&m);
		text = mark_of(s, begin)->text;
		place(s, &m, begin, l.at);
		m.context = (struct slice){text.ptr, 0};
		m.way = s->way;
		log_import_add(in, &m, text, (struct slice){0});
	}
	if (!any)
		leading(in, s->bytes.len);
	buf_reset(&s->bytes);
	s->mark_count = 0;
	s->points = s->ascii;
}

/* ---- rows ---- */

/* Another direction begins: what came before is complete. */
static void turn(struct log_import *in, enum log_way way, size_t column)
{
	struct log_stream *s = &in->stream;

	if (s->bytes.len && (way != s->way || column != s->column || s->bytes.len > STREAM_MAX))
		log_stream_flush(in);
	s->way = way;
	s->column = column;
}

/* Whether a row goes on where one of its column ended, or begins. Octal and decimal offsets read
 * as hexadecimal are larger than what came; they are known by being larger than the last. */
static bool goes_on(struct log_stream *s, const struct log_row *row)
{
	size_t i = 0;

	while (i < s->turn_count && s->turns[i].column != row->at)
		i++;
	if (i == s->turn_count && row->offset)
		return false;
	if (row->offset && row->offset != s->turns[i].next)
		return false;
	if (i == LOG_TURNS)
		i = s->turn_count = 0;
	if (i == s->turn_count)
		s->turn_count++;
	s->turns[i].column = row->at;
	s->turns[i].next = row->offset + row->len;
	return true;
}

static struct slice above(const struct log_import *in)
{
	return in->ring_count ? in->ring[in->ring_count - 1] : (struct slice){0};
}

/* What is before the rows says it, or the line above the dump. */
static enum log_way way_of_dump(struct log_import *in, struct slice prefix)
{
	enum log_way way = log_way_of(prefix);

	if (way != LOG_WAY_UNKNOWN)
		return way;
	way = log_way_of(above(in));
	if (way != LOG_WAY_UNKNOWN)
		log_import_used_above(in);
	return way;
}

/* Line ends that curl does not show follow from the offsets. */
static void fill_up(struct log_stream *s, uint64_t to)
{
	uint64_t missing = to > s->traced ? to - s->traced : 0;

	for (; missing >= 2 && missing <= 8; missing -= 2, s->traced += 2)
		buf_puts(&s->bytes, "\r\n");
	if (missing == 1) {
		buf_putc(&s->bytes, '\n');
		s->traced++;
	}
}

static bool trace_row(struct log_import *in, const struct log_line *line)
{
	struct log_stream *s = &in->stream;
	struct slice text;
	uint64_t offset;

	if (!s->tracing || !log_trace_row(line->text, &offset, &text) || offset < s->traced ||
	    offset > s->trace)
		return false;
	log_import_block_end(in);
	s->ascii = s->points = true;
	fill_up(s, offset);
	mark(s, in->lines.number, line->text);
	buf_add_slice(&s->bytes, text);
	s->traced += text.len;
	return true;
}

static void trace_end(struct log_stream *s)
{
	if (s->tracing && s->ascii)
		fill_up(s, s->trace);
	s->tracing = s->ascii = false;
}

static bool trace_head(struct log_import *in, const struct log_line *line)
{
	struct log_stream *s = &in->stream;
	enum log_way way;
	uint64_t len;

	if (!log_trace_head(line->text, &way, &len))
		return false;
	trace_end(s);
	turn(in, way, 0);
	s->tracing = true;
	s->trace = len;
	s->traced = 0;
	/* Its time is that of the bytes below. */
	if (in->ring_count == LOG_RING)
		memmove(in->ring, in->ring + 1, --in->ring_count * sizeof(in->ring[0]));
	in->ring[in->ring_count++] = line->text;
	return true;
}

/* ---- tshark -z follow,tcp,ascii ---- */

/* "1448", behind a tab the other side's. */
static bool is_count(struct slice text, uint64_t *count, size_t *side)
{
	*side = text.len && text.ptr[0] == '\t';
	return slice_number((struct slice){text.ptr + *side, text.len - *side}, STREAM_MAX, count);
}

/* A piece of so many bytes and a line end, as the source has them. */
static bool take_follow(struct log_import *in, const struct log_line *line)
{
	struct slice data = in->lines.data, piece;
	uint64_t count;
	size_t side;

	if (!is_count(line->text, &count, &side) || count >= data.len - in->lines.at ||
	    data.ptr[in->lines.at + count] != '\n')
		return false;
	piece = (struct slice){data.ptr + in->lines.at, (size_t)count};
	turn(in, LOG_WAY_UNKNOWN, SIDE_COLUMN + side);
	log_import_block_end(in);
	mark(&in->stream, in->lines.number + 1, line->text);
	buf_add_slice(&in->stream.bytes, piece);
	in->lines.at += piece.len + 1;
	for (size_t i = 0; i < piece.len; i++)
		in->lines.number += piece.ptr[i] == '\n';
	in->lines.number++;
	return true;
}

static bool follow_line(struct log_import *in, const struct log_line *line)
{
	struct log_stream *s = &in->stream;

	if (slice_starts(line->text, "Follow: ")) {
		log_stream_flush(in);
		s->follow = memmem(line->text.ptr, line->text.len, ",ascii", 6);
		return s->follow;
	}
	if (!s->follow)
		return false;
	if (slice_starts(line->text, "====")) {
		log_stream_flush(in);
		s->follow = false;
		return true;
	}
	return slice_starts(line->text, "Filter: ") || take_follow(in, line);
}

/* Whether a dump's first row is the heads of Ethernet and IP, or of IP alone. */
static bool is_packet(const struct log_row *row)
{
	const unsigned char *b = row->bytes;
	bool ethernet = row->len >= 15 && ((b[12] == 8 && !b[13] && b[14] >> 4 == 4) ||
					   (b[12] == 0x86 && b[13] == 0xdd && b[14] >> 4 == 6));
	bool ip = row->len >= 16 && b[0] == 0x45 && (b[9] == 6 || b[9] == 17) && b[8];

	return !row->offset && (ethernet || ip);
}

bool log_stream_line(struct log_import *in, const struct log_line *line)
{
	struct log_stream *s = &in->stream;
	struct log_row row;
	uint64_t left;

	if (follow_line(in, line) || trace_head(in, line))
		return true;
	left = s->trace - s->traced;
	if (s->ascii)
		return trace_row(in, line) || (trace_end(s), false);
	if (!log_row_find(line->text, &row))
		return trace_row(in, line) || (trace_end(s), false);
	if (s->tracing && row.len != (left < 16 ? left : 16))
		return trace_row(in, line);
	if (!goes_on(s, &row))
		return false;
	s->packets |= is_packet(&row);
	if (!s->tracing && !row.offset)
		turn(in, way_of_dump(in, (struct slice){line->text.ptr, row.at}), row.at);
	else if (!s->tracing && row.at != s->column)
		turn(in, s->way, row.at);
	log_import_block_end(in);
	mark(s, in->lines.number, line->text);
	buf_add(&s->bytes, row.bytes, row.len);
	s->traced += s->tracing ? row.len : 0;
	if (s->bytes.len > STREAM_MAX)
		log_stream_flush(in);
	return true;
}
