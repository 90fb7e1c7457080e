/* SPDX-License-Identifier: MIT */
/*
 * log_body.c - what a body must have been.
 *
 * Theory of operation: a way to restore is a choice of line end (as shown, CRLF, LF, none, none but
 * behind the XML declaration), of indentation (as shown, so many characters per level of elements,
 * taken away) and of line ends behind the last line (none to three). Each way has a length that
 * follows from a few sums, so all are tried without building them, and of those that meet the
 * stated length the one that changes least is built. What a length cannot tell (space or tab) is
 * said.
 */
#include "log_body.h"

#include "../fakeigd/base/mem.h"

#include <stdlib.h>

#define INDENT_MAX 8
#define TAIL_MAX   3

enum line_end { END_SHOWN, END_CRLF, END_LF, END_NONE, END_NONE_BUT_CRLF, END_NONE_BUT_LF, ENDS };
enum { INDENT_SHOWN = 0, INDENT_NONE = -1 }; /* else characters per level */

/** struct way - one way to restore */
struct way {
	enum line_end end;
	int indent;
	unsigned tail;
	unsigned cost;
};

/** struct sums - what the lengths of all ways follow from */
struct sums {
	uint64_t text, stripped, levels, crs;
	bool indented, declaration;
};

void log_body_add(struct log_body *b, struct log_line line)
{
	if (b->count >= LOG_BODY_LINES_MAX)
		return;
	if (b->count == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 16;
		b->lines = xrealloc(b->lines, b->cap * sizeof(*b->lines));
	}
	b->lines[b->count++] = line;
}

void log_body_free(struct log_body *b)
{
	free(b->lines);
	*b = (struct log_body){0};
}

/* ---- XML, as far as tags ---- */

enum { IN_TEXT, IN_TAG, IN_DECLARATION, IN_DOCTYPE, IN_COMMENT, IN_CDATA, TAG_BEGIN, TAG_MARK };

static void tag_end(struct log_xml *x)
{
	if (x->end_tag)
		x->depth--;
	else if (x->last[1] != '/')
		x->depth++;
	x->begun = true;
	if (x->depth <= 0)
		x->closed = true;
	x->state = IN_TEXT;
}

/* Whether what went before makes a '>' the end: "?>", "-->", "]]>" (XML 1.0 2.5 to 2.7). */
static bool ends_markup(const struct log_xml *x)
{
	static const char twice[] = {[IN_COMMENT] = '-', [IN_CDATA] = ']'};

	if (x->state == IN_DOCTYPE)
		return true;
	if (x->state == IN_DECLARATION)
		return x->last[1] == '?';
	return x->last[0] == twice[x->state] && x->last[1] == twice[x->state];
}

static void one_char(struct log_xml *x, char c)
{
	switch (x->state) {
	case IN_TEXT:
		if (c == '<')
			x->state = TAG_BEGIN;
		break;
	case TAG_BEGIN:
		x->end_tag = c == '/';
		x->quote = 0;
		x->state = c == '?' ? IN_DECLARATION : c == '!' ? TAG_MARK : IN_TAG;
		break;
	case TAG_MARK:
		x->state = c == '[' ? IN_CDATA : c == '-' ? IN_COMMENT : IN_DOCTYPE;
		break;
	case IN_DECLARATION:
	case IN_DOCTYPE:
	case IN_COMMENT:
	case IN_CDATA:
		if (c == '>' && ends_markup(x))
			x->state = IN_TEXT;
		break;
	default:
		if (x->quote) {
			if (c == x->quote)
				x->quote = 0;
		} else if (c == '"' || c == '\'') {
			x->quote = c;
		} else if (c == '>') {
			tag_end(x);
		}
	}
	x->last[0] = x->last[1];
	x->last[1] = c;
}

size_t log_xml_feed(struct log_xml *x, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (x->state == IN_TEXT && text.ptr[i] != '<') {
			const char *next = memchr(text.ptr + i, '<', text.len - i);

			if (!next)
				break;
			i = (size_t)(next - text.ptr);
		}
		one_char(x, text.ptr[i]);
		if (x->closed)
			return i + 1;
	}
	return text.len;
}

/* Level of the first tag of a line: an end tag stands where its begin does. */
static int level_of(const struct log_xml *before, struct slice text)
{
	struct slice s = slice_trim(text);
	int level = before->depth - (slice_starts(s, "</") ? 1 : 0);

	return level > 0 ? level : 0;
}

/* ---- ways ---- */

static struct sums sums_of(const struct log_body *b)
{
	struct sums s = {0};
	struct log_xml x = {0};

	for (size_t i = 0; i < b->count; i++) {
		struct slice text = b->lines[i].text, trimmed = slice_trim(text);

		s.text += text.len;
		s.stripped += trimmed.len;
		s.crs += b->lines[i].cr && i + 1 < b->count;
		s.indented |= trimmed.len != text.len;
		s.levels += (uint64_t)level_of(&x, text);
		log_xml_feed(&x, text);
	}
	s.declaration = b->count > 1 && slice_starts(slice_trim(b->lines[0].text), "<?xml");
	return s;
}

static unsigned end_len(enum line_end end, bool cr)
{
	return end == END_CRLF || (end == END_SHOWN && cr) ? 2 : 1;
}

/* Line ends behind the text: those of the lines before it; joined lines have CRLF as heads do. */
static unsigned tail_len(const struct log_body *b, enum line_end end)
{
	if (end == END_LF || end == END_NONE_BUT_LF)
		return 1;
	if (end != END_SHOWN)
		return 2;
	return b->count && b->lines[b->count - 1].cr ? 2 : 1;
}

static uint64_t length_of(const struct log_body *b, const struct sums *s, const struct way *w)
{
	uint64_t breaks = b->count ? b->count - 1 : 0, len;

	len = w->indent == INDENT_NONE ? s->stripped : s->text + s->levels * (uint64_t)w->indent;
	if (w->end == END_SHOWN)
		len += breaks + s->crs;
	else if (w->end == END_CRLF || w->end == END_LF)
		len += breaks * end_len(w->end, false);
	else if (w->end == END_NONE_BUT_CRLF || w->end == END_NONE_BUT_LF)
		len += w->end == END_NONE_BUT_CRLF ? 2 : 1;
	return len + w->tail * (uint64_t)tail_len(b, w->end);
}

/* Line ends that the log shows behind the text. */
static unsigned visible_ends(const struct log_body *b)
{
	return b->blanks + (b->count && b->lines[b->count - 1].lf);
}

static unsigned cost_of(const struct log_body *b, const struct way *w)
{
	static const unsigned end[] = {0, 1, 6, 16, 18, 18};
	unsigned visible = visible_ends(b);
	unsigned cost = end[w->end];

	cost += w->tail <= visible ? w->tail : visible + 5 * (w->tail - visible);
	if (w->indent == INDENT_NONE)
		cost += w->end >= END_NONE ? 2 : 25; /* who indents breaks lines, too */
	else if (w->indent)
		cost += 10 + (unsigned)w->indent;
	return cost;
}

static bool makes_sense(const struct log_body *b, const struct sums *s, const struct way *w)
{
	if (w->tail > visible_ends(b) + 1)
		return false; /* empty lines do not vanish in number */
	if (b->exact && (w->end != END_SHOWN || w->indent))
		return false;
	if (w->end == END_LF && !s->crs)
		return false; /* as shown */
	if (w->end >= END_NONE && b->count < 2)
		return false;
	if ((w->end == END_NONE_BUT_CRLF || w->end == END_NONE_BUT_LF) && !s->declaration)
		return false;
	if (w->end >= END_NONE && s->indented && w->indent != INDENT_NONE)
		return false; /* who joined the lines kept no indentation */
	if (w->indent == INDENT_NONE)
		return s->indented;
	return !w->indent || (!s->indented && w->end < END_NONE && s->levels);
}

static bool least_way(const struct log_body *b, const struct sums *s, uint64_t stated,
		      struct way *out, unsigned *fits)
{
	*fits = 0;
	for (int end = 0; end < ENDS; end++)
		for (int indent = INDENT_NONE; indent <= INDENT_MAX; indent++)
			for (unsigned tail = 0; tail <= TAIL_MAX; tail++) {
				struct way w = {(enum line_end)end, indent, tail, 0};

				if (!makes_sense(b, s, &w) || length_of(b, s, &w) != stated)
					continue;
				w.cost = cost_of(b, &w);
				if (!(*fits)++ || w.cost < out->cost)
					*out = w;
			}
	return *fits > 0;
}

/* ---- building ---- */

static void build(const struct log_body *b, const struct way *w, struct buf *out)
{
	struct log_xml x = {0};

	for (size_t i = 0; i < b->count; i++) {
		struct slice text = b->lines[i].text;
		bool last = i + 1 == b->count;

		for (int n = w->indent > 0 ? level_of(&x, text) * w->indent : 0; n > 0; n--)
			buf_putc(out, ' ');
		log_xml_feed(&x, text);
		buf_add_slice(out, w->indent == INDENT_NONE ? slice_trim(text) : text);
		if (last || w->end == END_NONE || (w->end > END_NONE && i))
			continue;
		if (w->end == END_CRLF || w->end == END_NONE_BUT_CRLF ||
		    (w->end == END_SHOWN && b->lines[i].cr))
			buf_putc(out, '\r');
		buf_putc(out, '\n');
	}
	for (unsigned n = 0; n < w->tail; n++)
		buf_puts(out, tail_len(b, w->end) == 2 ? "\r\n" : "\n");
}

static void part(struct buf *how, const char *what)
{
	buf_puts(how, how->len ? ", " : "body: ");
	buf_puts(how, what);
}

static void describe(const struct log_body *b, const struct way *w, struct buf *how)
{
	static const char *const ends[] = {NULL,
					   "CR before each LF",
					   "no CR",
					   "on one line",
					   "on one line but for the declaration, which CRLF ends",
					   "on one line but for the declaration, which LF ends"};
	static const char *const tails[] = {NULL, "a line end at the end",
					    "a line end and an empty line at the end",
					    "a line end and two empty lines at the end"};

	/* Of a single line, the line ends only show at its end. */
	if (ends[w->end] && b->count > 1)
		part(how, ends[w->end]);
	if (w->indent == INDENT_NONE)
		part(how, "indentation taken away");
	if (w->indent > 0) {
		part(how, "");
		buf_printf(how, "%d space%s of indentation per level (or %s)", w->indent,
			   w->indent > 1 ? "s" : "", w->indent > 1 ? "tabs" : "a tab");
	}
	if (w->tail && (how->len || w->tail > visible_ends(b)))
		part(how, tails[w->tail]);
}

bool log_body_restore(const struct log_body *b, uint64_t stated, struct buf *out, struct buf *how,
		      unsigned *blanks)
{
	struct sums s = sums_of(b);
	struct way shown = {END_SHOWN, INDENT_SHOWN, 0, 0}, w = shown;
	unsigned fits = 0;
	bool found = stated == UINT64_MAX || least_way(b, &s, stated, &w, &fits);

	*blanks = w.tail > 1 ? w.tail - 1 : 0;
	build(b, found ? &w : &shown, out);
	if (!found || stated == UINT64_MAX)
		return found;
	describe(b, &w, how);
	if (how->len) {
		buf_printf(how, "; %llu bytes as stated", (unsigned long long)stated);
		if (fits > 1)
			buf_puts(how, "; others fit, this changes least");
	}
	return true;
}
