/* SPDX-License-Identifier: MIT */
/*
 * import_log.c - text logs of any program.
 *
 * Theory of operation: the log is read once, line by line. A line with a start line of HTTP begins
 * a message (log_message.c), as such or as an escaped string (log_escape.c); rows of dumps are put
 * together (log_stream.c); an XML document apart from its head goes to the message that misses its
 * body. Messages become exchanges in log_pair.c. Every line that is part of nothing is in a note,
 * consecutive ones in one.
 *
 * Time: the first time stamp decides the form, and the others of that form count. Dates without a
 * zone are taken as UTC, which a note says; stamps that are no dates count from the first.
 */
#include "log_import.h"

#include "../fakeigd/base/mem.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PACKETS_ADVICE                                                                             \
	"the capture itself says more (tshark -w, tcpdump -w), or one that text2pcap makes of "    \
	"them"
#define BLOCKS_MAX    10000 /* notes of lines that were not understood; further ones are counted */
#define PROGRESS_STEP (4u << 20)
#define DAY	      (86400 * INT64_C(1000000000))
#define BODY_BYTES    (4u << 20)

/* ---- time ---- */

static bool stamp_of(struct log_import *in, struct slice text, int64_t *ns)
{
	struct log_stamp stamp;

	while (text.len && log_time_find(text, &stamp)) {
		size_t end = stamp.at + (stamp.len ? stamp.len : 1);

		if (in->form == LOG_TIME_NONE) {
			in->form = stamp.form;
			in->base_ns = in->last_ns = stamp.ns;
		}
		if (stamp.form == in->form) {
			in->zoneless |= stamp.form == LOG_TIME_DATE && !stamp.zone;
			while (stamp.form == LOG_TIME_DAY && stamp.ns < in->last_ns - DAY / 2)
				stamp.ns += DAY; /* past midnight */
			*ns = in->last_ns = stamp.ns;
			if (in->form != LOG_TIME_DATE)
				*ns -= in->base_ns;
			return true;
		}
		text = (struct slice){text.ptr + end, text.len - end};
	}
	return false;
}

static int64_t time_of(struct log_import *in, struct slice text, struct slice behind)
{
	int64_t ns;

	if (stamp_of(in, text, &ns) || stamp_of(in, behind, &ns))
		return ns;
	for (size_t i = in->ring_count; i--;)
		if (stamp_of(in, in->ring[i], &ns))
			return ns;
	if (in->form == LOG_TIME_NONE)
		return RECORDING_NO_TIME;
	return in->last_ns - (in->form == LOG_TIME_DATE ? 0 : in->base_ns);
}

/* ---- lines that are no message ---- */

void log_import_block_end(struct log_import *in)
{
	struct slice text = slice_trim(in->block_text);
	char *piece;

	if (!in->block_first)
		return;
	if (in->head->note_count < BLOCKS_MAX) {
		piece = xstrndup(text.ptr, text.len < 200 ? text.len : 200);
		recording_note_add(in->head, in->block_first, in->block_last - in->block_first + 1,
				   "not understood", piece);
		free(piece);
	} else {
		in->blocks_unsaid++;
		in->lines_unsaid += in->block_last - in->block_first + 1;
	}
	in->block_first = 0;
}

void log_import_used_above(struct log_import *in)
{
	if (in->block_first && in->block_last-- == in->block_first)
		in->block_first = 0;
}

/* "local ip is 192.168.1.4": the program says who it is. */
static void look_for_client(struct log_import *in, struct slice text)
{
	const char *word = memmem(text.ptr, text.len, "ocal", 4);
	struct end_point found;
	struct slice rest;
	size_t end;

	if (!word)
		return;
	rest = (struct slice){word, text.len - (size_t)(word - text.ptr)};
	if (slice_starts(rest, "ocalhost") || !log_address_first(rest, &found, &end) || end > 60)
		return;
	if (!end_point_is_multicast(&found) && found.address[0] && found.address[0] != 127)
		log_pairs_client(in->pairs, &found);
}

void log_import_other(struct log_import *in, uint64_t number, struct slice text)
{
	if (log_is_blank(text))
		return;
	if (number < in->block_last)
		log_import_block_end(in); /* a dump that came to nothing */
	if (!in->block_first) {
		in->block_first = number;
		in->block_text = text;
	}
	in->block_last = number;
	if (in->ring_count == LOG_RING)
		memmove(in->ring, in->ring + 1, --in->ring_count * sizeof(in->ring[0]));
	in->ring[in->ring_count++] = text;
	look_for_client(in, text);
}

/* ---- messages ---- */

void log_import_add(struct log_import *in, struct log_message *m, struct slice text,
		    struct slice behind)
{
	m->m.time_ns = m->m.end_ns = time_of(in, text, behind);
	if (!m->context.len && m->way == LOG_WAY_UNKNOWN && in->ring_count) {
		m->context = in->ring[in->ring_count - 1];
		m->way = log_way_of(m->context);
		if (m->way != LOG_WAY_UNKNOWN)
			log_import_used_above(in);
	}
	log_import_block_end(in);
	in->ring_count = 0;
	log_pairs_add(in->pairs, m);
}

/* A body apart from its head. Return: it was one. */
static bool give_body(struct log_import *in, struct log_body *b, uint64_t first, struct slice text)
{
	struct log_message *missing = log_pairs_missing(in->pairs), headless;

	if (missing) {
		if (!log_message_body(missing, b, NULL)) {
			missing->stated = UINT64_MAX;
			missing->unfit = true;
			log_message_body(missing, b, NULL);
		}
		log_import_block_end(in);
		missing->m.count = in->lines.number - missing->m.first + 1;
		missing->m.end_ns = time_of(in, text, (struct slice){0});
		in->ring_count = 0;
		return true;
	}
	if (!log_message_headless(b, &headless))
		return false;
	headless.m.first = first;
	headless.m.count = in->lines.number - first + 1;
	log_import_add(in, &headless, text, (struct slice){0});
	return true;
}

/* A text in which escapes stand for line ends: messages, or a body. Return: something was. */
static bool take_text(struct log_import *in, struct slice text, struct slice line, size_t at,
		      struct slice behind)
{
	bool exact = memchr(text.ptr, '\r', text.len) != NULL, any = false;
	struct log_lines l = {.data = text, .number = in->lines.number, .fixed = true};
	struct log_body b = {.exact = exact};
	struct log_line piece;
	struct log_start start;
	struct log_message m;
	size_t xml;

	while (log_next(&l, &piece)) {
		if (log_start_find(piece.text, 0, &start)) {
			if (!log_message_read(&l, &piece, start, exact, &m))
				continue;
			m.context = (struct slice){line.ptr, at};
			m.way = log_way_of(m.context);
			if (m.way == LOG_WAY_UNKNOWN)
				m.way = log_way_of(behind);
			any = true;
			log_import_add(in, &m, m.context, behind);
		} else if (log_xml_find(piece.text, &xml)) {
			log_body_read(&l, piece, (struct slice){piece.text.ptr, 0}, BODY_BYTES, &b);
			while (exact && log_next(&l, &piece))
				log_body_add(&b, piece);
			any |= give_body(in, &b, in->lines.number, line);
			log_body_free(&b);
		}
	}
	return any;
}

/* A line with escaped strings: heads, bodies, several. Return: something was in it. */
static bool take_escaped(struct log_import *in, struct slice line)
{
	struct slice rest = line;
	bool any = false;

	while (rest.len) {
		struct log_start start = {0};
		struct buf text = {0};
		size_t end, xml = rest.len;
		bool found = log_start_find(rest, 0, &start) && start.depth;

		if (log_xml_find(rest, &xml) && (!found || xml < start.at) && (any || !found)) {
			const char *mark = memchr(rest.ptr + xml, '\\', rest.len - xml);
			size_t depth = 1;

			while (mark && mark + depth < rest.ptr + rest.len && mark[depth] == '\\')
				depth++;
			start = (struct log_start){xml, false, depth > 3 ? 3 : (unsigned)depth};
		} else if (!found) {
			break;
		}
		end = log_unescape(rest, start.at, start.depth, &text);
		any |= take_text(in, buf_slice(&text), rest, start.at,
				 (struct slice){rest.ptr + end, rest.len - end});
		buf_free(&text);
		rest = (struct slice){rest.ptr + end, rest.len - end};
	}
	return any;
}

/* A line in which "%0D%0A" stands for line ends. Return: something was in it. */
static bool take_percent(struct log_import *in, struct slice line)
{
	struct buf text = {0};
	size_t at, end;
	bool any = false;

	if (log_percent(line, &at, &end, &text))
		any = take_text(in, buf_slice(&text), line, at,
				(struct slice){line.ptr + end, line.len - end});
	buf_free(&text);
	return any;
}

/* XML as such in the lines of the log. */
static bool take_xml(struct log_import *in, struct log_line line, size_t at)
{
	struct log_lines begin = in->lines, next = begin;
	struct slice prefix = {line.text.ptr, at}, shape = {line.text.ptr, 0};
	struct log_line second, first = line;
	struct log_body b = {0};
	size_t behind;
	bool taken;

	if (log_next(&next, &second)) {
		size_t len = log_shape_common(prefix, second.text, &behind);

		if (len && behind < second.text.len && second.text.ptr[behind] == '<')
			shape.len = len;
	}
	first.text = (struct slice){line.text.ptr + at, line.text.len - at};
	log_body_read(&in->lines, first, shape, BODY_BYTES, &b);
	taken = give_body(in, &b, begin.number, line.text);
	log_body_free(&b);
	if (!taken)
		in->lines = begin;
	return taken;
}

static bool take_line(struct log_import *in, const struct log_line *line)
{
	struct log_start start;
	struct log_message m;
	size_t at;
	bool found;

	if (log_named_line(&in->named, line->text, in->lines.number)) {
		log_import_block_end(in);
		return true;
	}
	if (log_named_end(&in->named, &m))
		log_import_add(in, &m, (struct slice){0}, (struct slice){0});
	if (log_stream_line(in, line))
		return true;
	if (take_percent(in, line->text))
		return true;
	found = log_start_find(line->text, 0, &start);
	if (found)
		log_stream_flush(in);
	if (found && !start.depth) {
		if (!log_message_read(&in->lines, line, start, false, &m))
			return false;
		log_import_add(in, &m, m.context, (struct slice){0});
		return true;
	}
	if (!found && !log_xml_find(line->text, &at))
		return false;
	if (found || memmem(line->text.ptr + at, line->text.len - at, "\\\"", 2) ||
	    memmem(line->text.ptr + at, line->text.len - at, "\\n", 2))
		return take_escaped(in, line->text);
	return take_xml(in, *line, at);
}

/* Now and then: tells how far it is, and gives back what was read of a mapped file. */
static void on_progress(struct log_import *in, size_t *shown)
{
	const struct import_options *o = in->options;
	size_t page = (size_t)sysconf(_SC_PAGESIZE), done = in->lines.at;

	if (!o || done - *shown < PROGRESS_STEP)
		return;
	if (o->progress)
		o->progress(o->arg, done, in->lines.data.len);
	done -= done % page;
	if (o->mapped)
		madvise((void *)(in->lines.data.ptr + *shown), done - *shown, MADV_DONTNEED);
	*shown = done;
}

static void read_lines(struct log_import *in)
{
	struct log_message m;
	struct log_line line;
	size_t shown = 0;

	while (log_next(&in->lines, &line)) {
		if (!take_line(in, &line))
			log_import_other(in, in->lines.number, line.text);
		on_progress(in, &shown);
	}
	if (log_named_end(&in->named, &m))
		log_import_add(in, &m, (struct slice){0}, (struct slice){0});
	log_stream_flush(in);
	log_import_block_end(in);
}

static void last_notes(struct log_import *in)
{
	char *what;

	if (in->zoneless)
		recording_note_add(in->head, 0, 0,
				   "times do not say their zone; they are taken as UTC", NULL);
	if (in->stream.packets)
		recording_note_add(in->head, 0, 0, "dumps of whole packets: " PACKETS_ADVICE, NULL);
	if (!in->blocks_unsaid)
		return;
	what = xasprintf("not understood: %llu lines more, in %llu places",
			 (unsigned long long)in->lines_unsaid,
			 (unsigned long long)in->blocks_unsaid);
	recording_note_add(in->head, 0, 0, what, NULL);
	free(what);
}

int import_log(const char *path, struct slice data, const struct import_options *options,
	       struct recording_writer *w, struct recording *head, struct diag *d)
{
	struct log_import in = {.options = options, .head = head};
	size_t exchanges;
	bool packets;

	in.lines = log_lines_of(data);
	in.pairs = log_pairs_new(options, w, head);
	read_lines(&in);
	exchanges = log_pairs_end(in.pairs);
	head->dated = in.form == LOG_TIME_DATE;
	last_notes(&in);
	packets = in.stream.packets;
	log_stream_free(&in.stream);
	if (exchanges)
		return 0;
	if (packets) {
		diag_at(d, path, 0,
			"nothing usable; it is dumps of whole packets: " PACKETS_ADVICE);
		return -1;
	}
	diag_at(d, path, 0,
		"no HTTP or SSDP message in %llu lines; looked for start lines (\"M-SEARCH * "
		"HTTP/1.1\", \"POST /... HTTP/1.1\", \"HTTP/1.1 200 OK\") followed by headers, as "
		"text, escaped (\\r\\n) or in hexadecimal dumps, and for SOAP envelopes",
		(unsigned long long)in.lines.number);
	return -1;
}
