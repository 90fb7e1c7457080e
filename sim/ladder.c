/* SPDX-License-Identifier: MIT */
/*
 * ladder.c - the exchange as a message sequence picture (SVG).
 *
 * Theory of operation
 *
 * Nodes are columns, time runs down, each row (ladder_rows.c) is an arrow with its label above. The
 * gaps between columns are as wide as the labels between them need, within bounds. A message that
 * crosses routers is captured on link after link: when its hops follow each other and their labels
 * have room, they are drawn on one row, a chain of arrows with a dot where a router passed it on.
 *
 * Nothing overlaps by construction: a row holds one label, or labels on disjoint hops that are
 * narrower than these; a label is moved sideways until it is inside the picture, and the picture is
 * made wide enough for the widest. Widths are those of a wide common typeface (DejaVu Sans, which
 * Verdana resembles), so that a narrower one fits too.
 *
 * Kinds of messages differ in colour, requests and replies in the line's dashes, errors in colour
 * and in a cross on the line. There is no script, no external font and no external image.
 */
#include "ladder.h"

#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/xml.h"
#include "ladder_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FONT	     "DejaVu Sans, Verdana, Bitstream Vera Sans, sans-serif"
#define TIME_WIDTH   76.0 /* the column on the left */
#define MARGIN	     16.0
#define ROW_HEIGHT   30.0
#define ROW_SMALL    24.0 /* discovery, plain TCP and UDP */
#define PAUSE_HEIGHT 30.0
#define GAP_MIN	     120.0
#define GAP_MAX	     400.0 /* few columns may be that far apart */
#define GAP_MANY     250.0 /* many only so */
#define WIDTH_AIM    1100.0
#define LABEL_SIZE   12.0
#define LABEL_SMALL  10.5
#define NAME_SIZE    13.0
#define CAPTION_SIZE 10.0
#define CAPTION_LINE 13.0
#define HEAD	     7.0 /* length of an arrow's head */
#define CHAIN_ROWS   3
#define CHAIN_NS     INT64_C(500000000) /* hops of one message follow within this */

#define COLOR_ERROR "#b34000"

/** struct picture - the layout while it is made and drawn */
struct picture {
	const struct ladder_node *nodes;
	size_t node_count; /* with the stranger's */
	bool stranger;
	struct rows rows;
	double *x; /* of each column */
	double *y; /* of each row's top */
	double width, height;
	double top, head_height, foot; /* of the header boxes, their height, y of those below */
	int64_t start_ns;
	struct buf *svg;
};

/* ---- text ---- */

static double width_of(const char *text, double size)
{
	return ladder_text_width(slice_of(text), size, false);
}

static void put_text(struct picture *p, double x, double y, const char *attributes,
		     struct slice text)
{
	buf_printf(p->svg, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
	xml_add_text(p->svg, text);
	buf_puts(p->svg, "</text>\n");
}

/* ---- what a message looks like ---- */

/* Colours keep apart for colour-blind eyes (after Okabe and Ito), dark enough for text on white. */
static const char *color(const struct hop *h)
{
	static const char *const colors[FLOW_PROTOCOL_COUNT] = {
		[FLOW_SSDP] = "#4f6272", [FLOW_HTTP] = "#0066a6",   [FLOW_SOAP] = "#00306e",
		[FLOW_GENA] = "#7a3a8c", [FLOW_NATPMP] = "#006b4e", [FLOW_PCP] = "#006b4e",
		[FLOW_TCP] = "#555555",	 [FLOW_UDP] = "#555555",    [FLOW_ICMP] = "#6b5500",
	};

	return h->first->is_error ? COLOR_ERROR : colors[h->first->protocol];
}

static bool is_small(const struct hop *h)
{
	enum flow_protocol p = h->first->protocol;

	return !h->first->is_error && (p == FLOW_SSDP || p >= FLOW_TCP);
}

static double label_size(const struct hop *h)
{
	return is_small(h) ? LABEL_SMALL : LABEL_SIZE;
}

static double label_width(const struct hop *h)
{
	return width_of(h->label, label_size(h));
}

/* ---- layout ---- */

static const char *node_name(const struct picture *p, size_t column)
{
	return p->stranger && column == p->node_count - 1 ? "elsewhere" : p->nodes[column].name;
}

static struct slice next_line(struct slice *rest)
{
	const char *end = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;
	struct slice line = {rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len};
	size_t used = line.len + (end != NULL);

	rest->ptr += used;
	rest->len -= used;
	return line;
}

static struct slice caption(const struct picture *p, size_t column)
{
	if (p->stranger && column == p->node_count - 1)
		return (struct slice){"", 0};
	return slice_of(p->nodes[column].caption ? p->nodes[column].caption : "");
}

static double box_width(const struct picture *p, size_t column)
{
	struct slice rest = caption(p, column);
	double width = ladder_text_width(slice_of(node_name(p, column)), NAME_SIZE, true);

	while (rest.len) {
		double line = ladder_text_width(next_line(&rest), CAPTION_SIZE, false);

		width = fmax(width, line);
	}
	return width + 20;
}

static size_t caption_lines(const struct picture *p)
{
	size_t most = 0;

	for (size_t i = 0; i < p->node_count; i++) {
		struct slice rest = caption(p, i);
		size_t lines = 0;

		for (; rest.len; lines++)
			next_line(&rest);
		most = lines > most ? lines : most;
	}
	return most;
}

/* Gaps from the labels of arrows between neighbours; x[0] is the first column. */
static void place_columns(struct picture *p)
{
	double *gap = xcalloc(p->node_count + 1, sizeof(*gap));
	double most = fmax(GAP_MANY, fmin(GAP_MAX, WIDTH_AIM / (double)p->node_count));

	for (size_t i = 0; i + 1 < p->node_count; i++)
		gap[i] = fmax(GAP_MIN, (box_width(p, i) + box_width(p, i + 1)) / 2 + 24);
	for (size_t i = 0; i < p->rows.count; i++) {
		const struct hop *h = p->rows.rows[i].hops;

		if (h && h->to >= 0 && abs(h->from - h->to) == 1) {
			int left = h->from < h->to ? h->from : h->to;

			gap[left] = fmax(gap[left], fmin(label_width(h) + 28, most));
		}
	}
	p->x[0] = TIME_WIDTH + MARGIN + box_width(p, 0) / 2;
	for (size_t i = 1; i < p->node_count; i++)
		p->x[i] = p->x[i - 1] + gap[i - 1];
	p->width = p->x[p->node_count - 1] + box_width(p, p->node_count - 1) / 2 + MARGIN;
	free(gap);
}

static double hop_width(const struct picture *p, const struct hop *h)
{
	return h->to < 0 ? 0 : fabs(p->x[h->to] - p->x[h->from]);
}

/* Whether @next is @last's message on the link behind @last's receiver. */
static bool continues(const struct picture *p, const struct hop *last, const struct hop *next)
{
	const struct flow_message *m = last->first, *n = next->first;

	if (last->to != next->from || last->to < 0 || next->to < 0 || last->count != next->count ||
	    m->link == n->link || last->to == last->from || next->to == next->from ||
	    (last->to > last->from) != (next->to > next->from))
		return false;
	if (m->protocol != n->protocol || m->is_reply != n->is_reply ||
	    m->is_error != n->is_error || m->size != n->size || n->time_ns - m->time_ns > CHAIN_NS)
		return false;
	return strcmp(last->label, next->label) == 0 ||
	       (label_width(last) + 16 < hop_width(p, last) &&
		label_width(next) + 16 < hop_width(p, next));
}

/* The row above that @row continues, among the last few. */
static struct row *chain_start(const struct picture *p, size_t rows, const struct row *row)
{
	for (size_t back = 1; back <= CHAIN_ROWS && back <= rows; back++) {
		struct row *above = &p->rows.rows[rows - back];

		if (above->kind == ROW_MESSAGE && row->kind == ROW_MESSAGE &&
		    continues(p, &above->hops[above->hop_count - 1], row->hops))
			return above;
	}
	return NULL;
}

/* Puts the hops of one message on one row. */
static void chain(struct picture *p)
{
	struct rows *r = &p->rows;
	size_t kept = 0;

	for (size_t i = 0; i < r->count; i++) {
		struct row *row = &r->rows[i], *into = chain_start(p, kept, row);

		if (!into) {
			r->rows[kept++] = *row;
			continue;
		}
		into->hops = xrealloc(into->hops, (into->hop_count + 1) * sizeof(*into->hops));
		into->hops[into->hop_count++] = row->hops[0];
		into->end_ns = row->end_ns > into->end_ns ? row->end_ns : into->end_ns;
		free(row->hops);
	}
	r->count = kept;
}

/* All hops say the same: one label for the chain. */
static bool one_label(const struct row *row)
{
	for (size_t i = 1; i < row->hop_count; i++) {
		if (strcmp(row->hops[0].label, row->hops[i].label) != 0)
			return false;
	}
	return true;
}

static double row_height(const struct row *row)
{
	if (row->kind != ROW_MESSAGE)
		return PAUSE_HEIGHT;
	return is_small(row->hops) ? ROW_SMALL : ROW_HEIGHT;
}

static void place_rows(struct picture *p, const struct ladder_heading *heading)
{
	double y;

	p->top = 44 + (heading->subtitle ? 18 : 0) + (heading->verdict ? 24 : 0);
	p->head_height = 26 + CAPTION_LINE * (double)caption_lines(p);
	y = p->top + p->head_height + 10;
	for (size_t i = 0; i < p->rows.count; i++) {
		const struct row *row = &p->rows.rows[i];

		p->y[i] = y;
		y += row_height(row);
		for (size_t k = 0; k < row->hop_count; k++)
			p->width = fmax(p->width,
					TIME_WIDTH + label_width(&row->hops[k]) + 2 * MARGIN);
	}
	p->foot = y + 14;
	p->height = p->foot + 26 + 44;
}

/* ---- drawing ---- */

static void draw_label(struct picture *p, double left, double right, double y, const struct hop *h,
		       bool in_place)
{
	double width = label_width(h), size = label_size(h);
	double x = (left + right - width) / 2;
	char attributes[160];

	if (!in_place) {
		if (width > right - left)
			x = left + 4;
		x = fmin(x, p->width - MARGIN - width);
		x = fmax(x, TIME_WIDTH + 4);
	}
	buf_printf(p->svg,
		   "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#fff\"/>\n",
		   x - 3, y - size + 1, width + 6, size + 1);
	snprintf(attributes, sizeof(attributes), "class=\"l\" font-size=\"%.1f\" fill=\"%s\"", size,
		 color(h));
	put_text(p, x, y, attributes, slice_of(h->label));
}

static void draw_head(struct picture *p, double x, double y, double direction, const char *fill)
{
	buf_printf(p->svg, "<path d=\"M%.1f %.1fl%.1f -4v8z\" fill=\"%s\"/>\n", x, y,
		   -direction * HEAD, fill);
}

static void draw_cross(struct picture *p, double x, double y)
{
	buf_printf(p->svg,
		   "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5.5\" fill=\"#fff\" stroke=\"" COLOR_ERROR
		   "\"/><path d=\"M%.1f %.1fl6 6m0 -6l-6 6\" stroke=\"" COLOR_ERROR
		   "\" stroke-width=\"1.8\"/>\n",
		   x, y, x - 3, y - 3);
}

static void draw_line(struct picture *p, double x1, double x2, double y, const struct hop *h)
{
	buf_printf(p->svg, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"%s\" stroke-width=\"%s\"%s/>\n",
		   x1, y, x2, color(h), is_small(h) ? "1" : "1.5",
		   h->first->is_reply ? " stroke-dasharray=\"5 3\"" : "");
}

static bool on_link(const struct picture *p, size_t column, unsigned link)
{
	if (p->stranger && column == p->node_count - 1)
		return false;
	for (size_t i = 0; i < p->nodes[column].count; i++) {
		if (p->nodes[column].ports[i].link == link)
			return true;
	}
	return false;
}

/* To everybody on the network: a line over all of them, a head at each. */
static void draw_group(struct picture *p, double y, const struct hop *h)
{
	double x = p->x[h->from], left = x, right = x;

	for (size_t i = 0; i < p->node_count; i++) {
		if ((int)i == h->from || !on_link(p, i, h->first->link))
			continue;
		left = fmin(left, p->x[i]);
		right = fmax(right, p->x[i]);
	}
	if (left == right)
		right = x + 40; /* nobody there hears it */
	draw_label(p, left, right, y - 7, h, false);
	draw_line(p, left, right, y, h);
	for (size_t i = 0; i < p->node_count; i++) {
		if ((int)i != h->from && on_link(p, i, h->first->link))
			draw_head(p, p->x[i], y, p->x[i] > x ? 1 : -1, color(h));
	}
	buf_printf(p->svg, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>\n", x, y,
		   color(h));
}

/* One hop; the last of a message has the arrow's head, the first an error's cross. */
static void draw_arrow(struct picture *p, double y, const struct row *row, size_t index)
{
	const struct hop *h = &row->hops[index];
	double from = p->x[h->from], to = p->x[h->to], direction = to > from ? 1 : -1;

	if (index + 1 == row->hop_count) {
		draw_line(p, from, to - direction * (HEAD - 1), y, h);
		draw_head(p, to, y, direction, color(h));
	} else {
		draw_line(p, from, to, y, h);
	}
	if (index > 0)
		buf_printf(p->svg, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", from,
			   y, color(h));
	else if (h->first->is_error)
		draw_cross(p, (from + to) / 2, y);
}

/* A node that talks to itself. */
static void draw_loop(struct picture *p, double y, const struct hop *h)
{
	double x = p->x[h->from];

	draw_label(p, x + 30, x + 30, y - 1, h, false);
	buf_printf(p->svg, "<path d=\"M%.1f %.1fh18v8h-12\" fill=\"none\" stroke=\"%s\"/>\n", x,
		   y - 6, color(h));
	draw_head(p, x, y + 2, -1, color(h));
}

static void draw_hop(struct picture *p, double y, const struct row *row, size_t index)
{
	const struct hop *h = &row->hops[index], *last = &row->hops[row->hop_count - 1];

	if (h->to == LADDER_GROUP) {
		draw_group(p, y, h);
		return;
	}
	if (h->to == h->from) {
		draw_loop(p, y, h);
		return;
	}
	if (one_label(row)) {
		double a = p->x[row->hops[0].from], b = p->x[last->to];

		if (index == 0)
			draw_label(p, fmin(a, b), fmax(a, b), y - 7, h, false);
	} else {
		double a = p->x[h->from], b = p->x[h->to];

		draw_label(p, fmin(a, b), fmax(a, b), y - 7, h, true);
	}
	draw_arrow(p, y, row, index);
}

/* "12.3 ms", "2.0134 s" */
static void format_time(char out[24], int64_t ns)
{
	if (ns < INT64_C(1000000000))
		snprintf(out, 24, "%.1f ms", (double)ns / 1e6);
	else
		snprintf(out, 24, "%.4f s", (double)ns / 1e9);
}

static void draw_message_row(struct picture *p, const struct row *row, double top)
{
	double y = top + row_height(row) - 6;
	char time[24];

	format_time(time, row->time_ns - p->start_ns);
	put_text(p, TIME_WIDTH - 8, y + 3,
		 "class=\"t\" text-anchor=\"end\" font-size=\"10\" fill=\"#666\"", slice_of(time));
	for (size_t i = 0; i < row->hop_count; i++) {
		const struct hop *h = &row->hops[i];

		buf_puts(p->svg, "<g class=\"message\" data-messages=\"");
		for (size_t k = 0; k < h->count; k++)
			buf_printf(p->svg, "%s%zu", k ? " " : "", h->messages[k]);
		buf_puts(p->svg, "\"><title>");
		xml_add_text(p->svg, slice_of(h->first->label));
		buf_puts(p->svg, "</title>\n");
		draw_hop(p, y, row, i);
		buf_puts(p->svg, "</g>\n");
	}
}

/* The axis is broken: a band over the life lines that says for how long. */
static void draw_break(struct picture *p, const struct row *row, double top)
{
	double y = top + PAUSE_HEIGHT / 2 - 1, width, x;
	struct buf text = {0};
	char time[24];

	format_time(time, row->end_ns - row->time_ns);
	if (row->kind == ROW_PAUSE)
		buf_printf(&text, "%s later", time);
	else
		buf_printf(&text, "%zu messages in %s are left out here", row->left_out, time);
	buf_printf(p->svg,
		   "<g class=\"break\"><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"12\" "
		   "fill=\"#f0f0f0\"/>\n",
		   TIME_WIDTH, y - 6, p->width - TIME_WIDTH - MARGIN);
	for (size_t i = 0; i < p->node_count; i++)
		buf_printf(p->svg, "<path d=\"M%.1f %.1fl10 -4m-10 8l10 -4\" stroke=\"#888\"/>\n",
			   p->x[i] - 5, y);
	put_text(p, TIME_WIDTH - 8, y + 3.5,
		 "class=\"t\" text-anchor=\"end\" font-size=\"10\" fill=\"#666\"", slice_of("⋮"));
	width = ladder_text_width(buf_slice(&text), 10, false);
	x = p->node_count > 1 ? (p->x[0] + p->x[1] - width) / 2 : p->x[0] + 12;
	x = fmax(fmin(x, p->width - MARGIN - width - 4), TIME_WIDTH + 4);
	buf_printf(p->svg,
		   "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"12\" fill=\"#f0f0f0\"/>\n",
		   x - 4, y - 6, width + 8);
	put_text(p, x, y + 3.5, "class=\"b\" font-size=\"10\" fill=\"#444\"", buf_slice(&text));
	buf_puts(p->svg, "</g>\n");
	buf_free(&text);
}

static void draw_node(struct picture *p, size_t column, double y, bool with_caption)
{
	struct slice rest = caption(p, column);
	double width = box_width(p, column), x = p->x[column];
	bool stranger = p->stranger && column == p->node_count - 1;
	bool router = !stranger && p->nodes[column].is_router;

	buf_printf(p->svg,
		   "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"%s\" "
		   "fill=\"%s\" stroke=\"#444\"/>\n",
		   x - width / 2, y, width, with_caption ? p->head_height : 22.0,
		   router ? "9" : "1", router ? "#eef3f8" : "#fafafa");
	put_text(p, x, y + 16,
		 "class=\"n\" text-anchor=\"middle\" font-size=\"13\" font-weight=\"bold\" "
		 "fill=\"#111\"",
		 slice_of(node_name(p, column)));
	for (double line = y + 30; with_caption && rest.len; line += CAPTION_LINE)
		put_text(p, x, line,
			 "class=\"c\" text-anchor=\"middle\" font-size=\"10\" fill=\"#444\"",
			 next_line(&rest));
}

static void draw_columns(struct picture *p)
{
	for (size_t i = 0; i < p->node_count; i++) {
		buf_printf(p->svg, "<path d=\"M%.1f %.1fV%.1f\" stroke=\"#c4c4c4\"/>\n", p->x[i],
			   p->top + p->head_height, p->foot);
		draw_node(p, i, p->top, true);
		draw_node(p, i, p->foot, false);
	}
}

static const char legend[] = "solid: request · dashed: reply · dot at the sender: to everybody on "
			     "its network · dots on the way: routers passed it on · cross: error";

static void draw_heading(struct picture *p, const struct ladder_heading *heading)
{
	double y = 28;

	put_text(p, MARGIN, y, "class=\"h\" font-size=\"16\" font-weight=\"bold\" fill=\"#111\"",
		 slice_of(heading->title ? heading->title : "messages"));
	if (heading->subtitle) {
		y += 18;
		put_text(p, MARGIN, y, "class=\"h\" font-size=\"11\" fill=\"#444\"",
			 slice_of(heading->subtitle));
	}
	if (heading->verdict) {
		const char *paint = heading->failed ? COLOR_ERROR : "#006b4e";
		char attributes[96];

		y += 22;
		buf_printf(p->svg,
			   "<rect x=\"%.1f\" y=\"%.1f\" width=\"4\" height=\"15\" fill=\"%s\"/>\n",
			   MARGIN, y - 12, paint);
		snprintf(attributes, sizeof(attributes), "class=\"h\" font-size=\"12\" fill=\"%s\"",
			 paint);
		put_text(p, MARGIN + 10, y, attributes, slice_of(heading->verdict));
	}
	put_text(p, MARGIN, p->height - 14, "class=\"h\" font-size=\"10\" fill=\"#666\"",
		 slice_of(legend));
}

static void widen_for_headings(struct picture *p, const struct ladder_heading *heading)
{
	double width = width_of(legend, 10);

	if (heading->title)
		width = fmax(width, ladder_text_width(slice_of(heading->title), 16, true));
	if (heading->subtitle)
		width = fmax(width, width_of(heading->subtitle, 11));
	if (heading->verdict)
		width = fmax(width, width_of(heading->verdict, 12) + 10);
	p->width = fmax(p->width, width + 2 * MARGIN);
}

static void draw(struct picture *p, const struct ladder_heading *heading)
{
	buf_printf(p->svg,
		   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
		   "viewBox=\"0 0 %.0f %.0f\" font-family=\"" FONT "\" fill=\"none\">\n",
		   ceil(p->width), ceil(p->height), ceil(p->width), ceil(p->height));
	buf_puts(p->svg, "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
	draw_heading(p, heading);
	draw_columns(p);
	for (size_t i = 0; i < p->rows.count; i++) {
		if (p->rows.rows[i].kind == ROW_MESSAGE)
			draw_message_row(p, &p->rows.rows[i], p->y[i]);
		else
			draw_break(p, &p->rows.rows[i], p->y[i]);
	}
	buf_puts(p->svg, "</svg>\n");
}

void ladder_draw(const struct flow *flow, const struct ladder_node *nodes, size_t count,
		 const struct ladder_heading *heading, struct buf *svg)
{
	struct picture p = {.nodes = nodes, .svg = svg};

	rows_build(&p.rows, flow, nodes, count, &p.stranger);
	p.node_count = count + p.stranger;
	if (!p.node_count) { /* nobody at all: an empty picture is one too */
		p.stranger = true;
		p.node_count = 1;
	}
	p.x = xcalloc(p.node_count, sizeof(*p.x));
	place_columns(&p);
	chain(&p);
	rows_insert_pauses(&p.rows);
	p.y = xcalloc(p.rows.count, sizeof(*p.y));
	p.start_ns = p.rows.count ? p.rows.rows[0].time_ns : 0;
	place_rows(&p, heading);
	widen_for_headings(&p, heading);
	draw(&p, heading);
	rows_free(&p.rows);
	free(p.x);
	free(p.y);
}
