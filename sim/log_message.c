/* SPDX-License-Identifier: MIT */
/*
 * log_message.c - one message out of a log.
 *
 * Theory of operation: the head is the start line and the lines that look like headers, up to the
 * first empty line. Its second line decides what stands before each line (log_shape_common()). The
 * head says how the body is delimited; an XML body ends with its root, any other one when it has
 * the stated bytes or when the log goes on. Line ends that the log lost are put back: CRLF in heads
 * (RFC 9112 clause 2.2; nothing proves it), in bodies what the stated length proves.
 */
#include "log_message.h"

#include "../fakeigd/base/mem.h"
#include "log_time.h"

#include <ctype.h>
#include <stdlib.h>

#define SKIPPED_MAX 6	       /* foreign lines between two of a message */
#define BODY_MAX    (4u << 20) /* bytes of a body whose length nobody says */

/** struct feed - the lines of a message without what stands before them */
struct feed {
	struct log_lines *l;
	struct log_lines next; /* place behind the line that was peeked */
	struct slice shape;
	struct slice seen; /* what stood before the line that was peeked */
	uint64_t foreign, foreign_first;
};

static void count_foreign(uint64_t *count, uint64_t *first, uint64_t more, uint64_t line)
{
	if (more && !*count)
		*first = line;
	*count += more;
}

void log_restored_add(struct log_message *m, const char *sentence)
{
	if (!names_has(&m->m.restored, sentence))
		names_add(&m->m.restored, sentence);
}

void log_message_free(struct log_message *m)
{
	buf_free(&m->m.bytes);
	free(m->m.gaps);
	free(m->m.segments);
	names_free(&m->m.restored);
	*m = (struct log_message){0};
}

bool log_message_head(const struct log_message *m, struct http_head *out)
{
	size_t used;

	return m->head_len && http_parse_head(m->m.bytes.data, m->head_len, out, &used) == HTTP_OK;
}

static void set_gap(struct log_message *m, size_t offset, uint64_t count)
{
	free(m->m.gaps);
	m->m.gaps = xmalloc(sizeof(*m->m.gaps));
	m->m.gaps[0] = (struct recorded_gap){offset, count};
	m->m.gap_count = 1;
}

static void clear_gap(struct log_message *m)
{
	free(m->m.gaps);
	m->m.gaps = NULL;
	m->m.gap_count = 0;
	m->missing = false;
}

/* ---- lines ---- */

/* The next line, if it belongs here; feed_take() moves on. */
static bool feed_peek(struct feed *f, struct log_line *line)
{
	struct log_start start;
	size_t at;

	f->next = *f->l;
	if (!log_next(&f->next, line))
		return false;
	at = log_shape_match(f->shape, line->text);
	if (at == SIZE_MAX)
		return false;
	f->seen = (struct slice){line->text.ptr, at};
	line->text = (struct slice){line->text.ptr + at, line->text.len - at};
	return !log_start_find(line->text, 0, &start);
}

static struct slice behind_stamp(struct slice prefix)
{
	struct log_stamp stamp;

	if (log_time_find(prefix, &stamp))
		prefix = (struct slice){prefix.ptr + stamp.at + stamp.len,
					prefix.len - stamp.at - stamp.len};
	return slice_trim(prefix);
}

/* Whether the line that was peeked has another number before it (of a thread) than the message. */
static bool is_others(const struct feed *f)
{
	struct slice mine = behind_stamp(f->shape), its = behind_stamp(f->seen);

	return !slice_same(mine, its);
}

static void feed_take(struct feed *f)
{
	*f->l = f->next;
}

/* Past a few foreign lines to the next one with the prefix, if it is near. */
static bool feed_find(struct feed *f, struct log_line *line)
{
	struct log_lines begin = *f->l;
	struct log_line skipped;
	struct log_start start;

	if (feed_peek(f, line))
		return true;
	for (int i = 0; i < SKIPPED_MAX && f->shape.len; i++) {
		if (!log_next(f->l, &skipped) || log_start_find(skipped.text, 0, &start))
			break;
		if (feed_peek(f, line)) {
			count_foreign(&f->foreign, &f->foreign_first, (uint64_t)i + 1,
				      begin.number + 1);
			return true;
		}
	}
	*f->l = begin;
	return false;
}

/* What stands before the lines, from the second one. Return: it is a line of a head. */
static bool learn_shape(struct feed *f, struct slice prefix)
{
	struct log_lines next = *f->l;
	struct log_line line;
	struct slice rest;
	size_t at, len;

	f->shape = (struct slice){prefix.ptr, 0};
	if (!log_next(&next, &line))
		return false;
	len = log_shape_common(prefix, line.text, &at);
	rest = (struct slice){line.text.ptr + at, line.text.len - at};
	if (len && (log_is_header(rest) || log_is_blank(rest))) {
		f->shape = (struct slice){prefix.ptr, len};
		return true;
	}
	return log_is_header(line.text) || log_is_blank(line.text);
}

/* ---- head ---- */

static void head_line(struct log_message *m, const struct log_line *line, bool *lost)
{
	bool keep = m->exact && line->lf && !line->cr;

	buf_add_slice(&m->m.bytes, line->text);
	buf_puts(&m->m.bytes, keep ? "\n" : "\r\n");
	*lost |= !line->cr && !keep;
}

static void read_head(struct feed *f, struct log_message *m, const struct log_line *first)
{
	struct log_line line;
	bool lost = false, ended = false;

	head_line(m, first, &lost);
	while (!ended && feed_find(f, &line)) {
		ended = log_is_blank(line.text);
		if (!ended && !log_is_header(line.text) &&
		    !isspace((unsigned char)line.text.ptr[0])) {
			if (!is_others(f))
				break;
			feed_take(f);
			count_foreign(&f->foreign, &f->foreign_first, 1, f->l->number);
			continue;
		}
		feed_take(f);
		head_line(m, &line, &lost);
	}
	if (lost)
		log_restored_add(m, "head: CR before each LF; nothing proves it");
	if (!ended) {
		buf_puts(&m->m.bytes, "\r\n");
		log_restored_add(m, "head: its empty line; nothing proves it");
	}
	m->head_len = m->m.bytes.len;
}

static void read_framing(struct log_message *m)
{
	struct http_head head;
	uint64_t length = 0;

	m->stated = UINT64_MAX;
	m->framing = HTTP_BODY_NONE;
	if (!log_message_head(m, &head) ||
	    http_body_framing(&head, false, &m->framing, &length) != HTTP_OK)
		return;
	if (m->framing == HTTP_BODY_LENGTH)
		m->stated = length;
	if (m->framing == HTTP_BODY_LENGTH && !length)
		m->framing = HTTP_BODY_NONE;
	/* Answers to searches and subscriptions have none, though they do not say so. */
	if (m->framing == HTTP_BODY_UNTIL_CLOSE &&
	    (http_header(&head, "SID").ptr ||
	     (http_header(&head, "USN").ptr && http_header(&head, "ST").ptr)))
		m->framing = HTTP_BODY_NONE;
}

/* ---- body ---- */

bool log_body_read(struct log_lines *l, struct log_line line, struct slice prefix, uint64_t limit,
		   struct log_body *out)
{
	struct feed f = {.l = l, .shape = prefix};
	struct log_xml x = {0};
	uint64_t total = 0;

	for (;;) {
		size_t used = log_xml_feed(&x, line.text);
		struct slice rest = {line.text.ptr + used, line.text.len - used};

		total += line.text.len + 1;
		if (x.closed && !log_is_blank(rest)) {
			l->at = (size_t)(rest.ptr - l->data.ptr);
			l->number -= !l->fixed;
			line = (struct log_line){{line.text.ptr, used}, false, false};
		}
		log_body_add(out, line);
		count_foreign(&out->foreign, &out->foreign_first, f.foreign, f.foreign_first);
		f.foreign = 0;
		if (x.closed || total > limit)
			return x.closed;
		if (feed_find(&f, &line)) {
			feed_take(&f);
			continue;
		}
		/* One call of a logger with several lines has its prefix on the first only. */
		f.next = *l;
		if (!log_next(&f.next, &line) || !slice_starts(slice_trim(line.text), "<"))
			return false;
		feed_take(&f);
	}
}

/* Lines of a body that is no XML: up to the stated bytes, or where the log goes on. */
static void read_plain(struct feed *f, uint64_t limit, struct log_body *out)
{
	struct log_line line;
	struct log_stamp stamp;
	uint64_t total = 0;

	while (total < limit && feed_peek(f, &line)) {
		if (!f->shape.len && log_time_find(line.text, &stamp) && stamp.at < 3)
			return;
		feed_take(f);
		log_body_add(out, line);
		total += line.text.len + 1;
	}
	while (out->count && log_is_blank(out->lines[out->count - 1].text)) {
		out->count--;
		out->blanks++;
	}
}

static bool is_curls(struct slice text)
{
	return slice_starts(text, "* ") || slice_starts(text, "{ [") || slice_starts(text, "} [");
}

/* The first line of the body, wherever it is. @raw: it has no prefix though the head had. */
static bool first_of_body(struct feed *f, struct log_line *line, bool *raw)
{
	struct log_lines begin = *f->l;
	struct feed before = *f;
	int blanks = 0;

	for (*raw = false; feed_peek(f, line); feed_take(f)) {
		bool skip = !log_is_blank(line->text) && is_others(f) &&
			    !slice_starts(slice_trim(line->text), "<");

		if (!skip && (!log_is_blank(line->text) || ++blanks > 2))
			return blanks <= 2;
		count_foreign(&f->foreign, &f->foreign_first, skip, f->next.number);
	}
	/* curl prints the body without markers, its own words before and behind. */
	*f->l = begin;
	f->shape.len = 0;
	for (int i = 0; i < SKIPPED_MAX && feed_peek(f, line); i++, feed_take(f)) {
		*raw = true;
		if (slice_starts(slice_trim(line->text), "<"))
			return true;
		if (!log_is_blank(line->text) && !is_curls(line->text))
			break;
		count_foreign(&f->foreign, &f->foreign_first, !log_is_blank(line->text),
			      f->next.number);
	}
	*f = before;
	*f->l = begin;
	return false;
}

/* Blank lines behind a body: counted, and taken when they turn out to be its own. */
static unsigned count_blanks(struct feed f)
{
	struct log_lines l = *f.l;
	struct log_line line;
	unsigned n = 0;

	f.l = &l;
	while (n < 3 && feed_peek(&f, &line) && line.lf && log_is_blank(line.text)) {
		feed_take(&f);
		n++;
	}
	return n;
}

static void read_body(struct feed *f, struct log_message *m)
{
	uint64_t limit = m->stated == UINT64_MAX ? BODY_MAX : m->stated * 4 + 4096;
	struct log_lines begin = *f->l;
	struct log_body b = {0};
	struct log_line line;
	unsigned blanks;
	bool raw;

	if (!first_of_body(f, &line, &raw)) {
		*f->l = begin;
		return;
	}
	if (slice_starts(slice_trim(line.text), "<")) {
		feed_take(f);
		log_body_read(f->l, line, f->shape, limit, &b);
	} else if (m->framing == HTTP_BODY_CHUNKED || m->stated != UINT64_MAX) {
		read_plain(f, m->stated == UINT64_MAX ? BODY_MAX : m->stated, &b);
	}
	if (!b.blanks)
		b.blanks = count_blanks(*f);
	if (!b.count) {
		*f->l = begin;
		return;
	}
	count_foreign(&f->foreign, &f->foreign_first, b.foreign, b.foreign_first);
	if (!log_message_body(m, &b, &blanks)) {
		m->stated = UINT64_MAX; /* as shown; the caller notes it */
		log_message_body(m, &b, &blanks);
		m->unfit = true;
	}
	while (blanks-- && feed_peek(f, &line) && log_is_blank(line.text))
		feed_take(f);
	log_body_free(&b);
}

/* One chunk for a text of which the log shows no chunks. */
static void wrap_chunk(struct log_message *m, const struct buf *body)
{
	buf_printf(&m->m.bytes, "%zx\r\n", body->len);
	buf_add_slice(&m->m.bytes, buf_slice(body));
	buf_puts(&m->m.bytes, "\r\n0\r\n\r\n");
	log_restored_add(m, "body: the log does not show its chunks; one of the whole was put");
}

/* A body that is shown with its chunk sizes: as shown, or with CR before each LF. */
static bool chunks_fit(struct log_message *m, const struct log_body *b)
{
	for (int crlf = 0; crlf < 2; crlf++) {
		struct http_chunked c = {0};
		struct buf raw = {0}, decoded = {0};
		size_t used;
		bool fits;

		for (size_t i = 0; i < b->count; i++) {
			buf_add_slice(&raw, b->lines[i].text);
			buf_puts(&raw, crlf || b->lines[i].cr ? "\r\n" : "\n");
		}
		buf_puts(&raw, "\r\n");
		fits = http_chunked_feed(&c, raw.data, raw.len, &used, &decoded) == HTTP_OK;
		if (fits) {
			buf_add(&m->m.bytes, raw.data, used);
			if (crlf)
				log_restored_add(m, "body: CR before each LF; the chunks' sizes "
						    "prove it");
		}
		buf_free(&raw);
		buf_free(&decoded);
		if (fits)
			return true;
	}
	return false;
}

bool log_message_body(struct log_message *m, const struct log_body *b, unsigned *blanks)
{
	struct buf body = {0}, how = {0};
	unsigned unused;

	if (!blanks)
		blanks = &unused;
	*blanks = 0;
	if (m->framing == HTTP_BODY_CHUNKED && chunks_fit(m, b)) {
		clear_gap(m);
		return true;
	}
	if (!log_body_restore(b, m->stated, &body, &how, blanks)) {
		buf_free(&body);
		return false;
	}
	clear_gap(m);
	m->m.bytes.len = m->head_len;
	if (m->framing == HTTP_BODY_CHUNKED)
		wrap_chunk(m, &body);
	else
		buf_add_slice(&m->m.bytes, buf_slice(&body));
	if (how.len)
		log_restored_add(m, how.data);
	else if (m->stated == UINT64_MAX && !b->exact && m->framing != HTTP_BODY_CHUNKED)
		log_restored_add(m, "body: as the log shows it; no length proves it");
	buf_free(&body);
	buf_free(&how);
	return true;
}

/* ---- exact bytes ---- */

size_t log_message_more(struct log_message *m, struct slice bytes)
{
	size_t take = bytes.len, have = m->m.bytes.len - m->head_len;

	if (m->framing == HTTP_BODY_NONE)
		return 0;
	if (m->framing == HTTP_BODY_LENGTH) {
		if (m->stated - have < take)
			take = (size_t)(m->stated - have);
		buf_add(&m->m.bytes, bytes.ptr, take);
		clear_gap(m);
		if (have + take < m->stated) {
			set_gap(m, m->m.bytes.len, m->stated - have - take);
			m->missing = true;
		}
		return take;
	}
	if (m->framing == HTTP_BODY_CHUNKED) {
		struct http_chunked c = {0};
		struct buf decoded = {0};
		enum http_error error;
		size_t used = 0;

		buf_add(&m->m.bytes, bytes.ptr, bytes.len);
		error = http_chunked_feed(&c, m->m.bytes.data + m->head_len, have + bytes.len,
					  &used, &decoded);
		buf_free(&decoded);
		clear_gap(m);
		if (error == HTTP_OK) {
			m->m.bytes.len = m->head_len + used;
			return used > have ? used - have : 0;
		}
		set_gap(m, m->m.bytes.len, 0);
		m->missing = true;
		return bytes.len;
	}
	/* Until the connection closes: the text of another message is none of it. */
	for (size_t i = 0; i + 9 < bytes.len; i++)
		if (bytes.ptr[i] == 'H' && !memcmp(bytes.ptr + i, "HTTP/1.", 7) &&
		    (!i || bytes.ptr[i - 1] == '\n')) {
			take = i;
			break;
		}
	buf_add(&m->m.bytes, bytes.ptr, take);
	if (take)
		clear_gap(m);
	return take;
}

static void announce(struct log_message *m)
{
	if (m->framing == HTTP_BODY_NONE || m->missing || m->m.bytes.len > m->head_len)
		return;
	m->missing = true;
	set_gap(m, m->m.bytes.len, m->framing == HTTP_BODY_LENGTH ? m->stated : 0);
}

bool log_message_read(struct log_lines *l, const struct log_line *first, struct log_start start,
		      bool exact, struct log_message *out)
{
	struct log_lines begin = *l;
	struct log_line line = *first;
	struct feed f = {.l = l};

	*out = (struct log_message){.request = !start.response, .exact = exact};
	out->context = (struct slice){first->text.ptr, start.at};
	out->way = log_way_of(out->context);
	out->m.first = l->number;
	line.text.ptr += start.at;
	line.text.len -= start.at;
	if (!learn_shape(&f, out->context)) {
		*l = begin;
		return false;
	}
	read_head(&f, out, &line);
	read_framing(out);
	if (out->framing != HTTP_BODY_NONE && exact)
		l->at += log_message_more(out,
					  (struct slice){l->data.ptr + l->at, l->data.len - l->at});
	else if (out->framing != HTTP_BODY_NONE)
		read_body(&f, out);
	announce(out);
	out->foreign = f.foreign;
	out->foreign_first = f.foreign_first;
	out->m.count = l->number - out->m.first + 1;
	return true;
}

bool log_message_headless(const struct log_body *b, struct log_message *out)
{
	struct buf body = {0}, how = {0};
	unsigned blanks;
	bool fault, reply;
	size_t gap;

	*out = (struct log_message){.framing = HTTP_BODY_LENGTH};
	log_body_restore(b, UINT64_MAX, &body, &how, &blanks);
	fault = body.len && memmem(body.data, body.len, "Fault>", 6);
	reply = fault || (body.len && memmem(body.data, body.len, "Response ", 9)) ||
		(body.len && memmem(body.data, body.len, "Response>", 9));
	reply = reply && memmem(body.data, body.len, "Envelope", 8);
	if (reply) {
		buf_puts(&out->m.bytes,
			 fault ? "HTTP/1.1 500 Internal Server Error\r\n" : "HTTP/1.1 200 OK\r\n");
		gap = out->m.bytes.len;
		buf_printf(&out->m.bytes, "Content-Length: %zu\r\n\r\n", body.len);
		out->head_len = out->m.bytes.len;
		out->stated = body.len;
		buf_add_slice(&out->m.bytes, buf_slice(&body));
		set_gap(out, gap, 0);
		log_restored_add(out, "head: the log does not show it; status and length are those "
				      "of the body");
		log_restored_add(out, "body: as the log shows it; no length proves it");
	}
	buf_free(&body);
	buf_free(&how);
	return reply;
}
