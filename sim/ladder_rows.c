/* SPDX-License-Identifier: MIT */
/*
 * ladder_rows.c - what the picture shows: one row for each message, runs of like ones folded.
 *
 * Theory of operation
 *
 * Messages come in order of time. Equal ones in succession become one row with a count. SSDP is
 * noisier than that: a router announces itself with a dozen datagrams, several routers do so at the
 * same time, and a client searches for half a dozen targets; so SSDP messages of one kind between
 * the same two are folded although their targets differ and although other SSDP is between them,
 * and the row lists the targets. Two are no run.
 */
#include "ladder_rows.h"

#include "../fakeigd/base/mem.h"

#include <netinet/in.h>
#include <stdlib.h>

#define FOLD_WINDOW 16			/* rows that a message may be folded over */
#define FOLD_NS	    INT64_C(2000000000) /* and the time */
#define PAUSE_NS    INT64_C(400000000)	/* a longer silence breaks the time axis */
#define DETAILS_MAX 70			/* bytes of targets that a folded row lists */
#define LABEL_SHOWN 90			/* characters; the rest is in the tooltip */

/* ---- who ---- */

static bool is_zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

static int by_station(const struct ladder_node *nodes, size_t count, unsigned link,
		      const uint8_t mac[6])
{
	for (size_t i = 0; i < count && !is_zero(mac, 6); i++) {
		for (size_t k = 0; k < nodes[i].count; k++) {
			const struct ladder_port *p = &nodes[i].ports[k];

			if (p->link == link && memcmp(p->mac, mac, 6) == 0)
				return (int)i;
		}
	}
	return LADDER_NOBODY;
}

static int by_address(const struct ladder_node *nodes, size_t count, int family,
		      const uint8_t address[16])
{
	size_t len = family == AF_INET ? 4 : 16;

	for (size_t i = 0; i < count && !is_zero(address, len); i++) {
		for (size_t k = 0; k < nodes[i].count; k++) {
			const struct ladder_port *p = &nodes[i].ports[k];

			if (memcmp(family == AF_INET ? p->address4 : p->address6, address, len) ==
			    0)
				return (int)i;
		}
	}
	return LADDER_NOBODY;
}

static bool is_group(const struct flow_message *m)
{
	return (m->dst_mac[0] & 1) || (m->family == AF_INET && m->dst[0] >= 224) ||
	       (m->family == AF_INET6 && m->dst[0] == 0xff);
}

void ladder_ends(const struct ladder_node *nodes, size_t count, const struct flow_message *m,
		 int *from, int *to)
{
	*from = by_station(nodes, count, m->link, m->src_mac);
	if (*from == LADDER_NOBODY)
		*from = by_address(nodes, count, m->family, m->src);
	if (is_group(m)) {
		*to = LADDER_GROUP;
		return;
	}
	*to = by_station(nodes, count, m->link, m->dst_mac);
	if (*to == LADDER_NOBODY)
		*to = by_address(nodes, count, m->family, m->dst);
}

/* ---- rows ---- */

/* Forget what a row holds. */
static void row_free(struct row *row)
{
	for (size_t i = 0; i < row->hop_count; i++) {
		free(row->hops[i].messages);
		free(row->hops[i].label);
	}
	free(row->hops);
	*row = (struct row){0};
}

void rows_free(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		row_free(&rows->rows[i]);
	free(rows->rows);
	*rows = (struct rows){0};
}

static struct row *add_row(struct rows *rows)
{
	if (rows->count == rows->cap) {
		rows->cap = rows->cap ? rows->cap * 2 : 64;
		rows->rows = xrealloc(rows->rows, rows->cap * sizeof(*rows->rows));
	}
	rows->rows[rows->count] = (struct row){0};
	return &rows->rows[rows->count++];
}

static void add_message_row(struct rows *rows, const struct flow_message *m, size_t index, int from,
			    int to)
{
	struct row *row = add_row(rows);

	row->time_ns = m->time_ns;
	row->end_ns = m->end_ns;
	row->hops = xcalloc(1, sizeof(*row->hops));
	row->hop_count = 1;
	row->hops[0] = (struct hop){.from = from, .to = to, .first = m, .count = 1};
	row->hops[0].messages = xcalloc(1, sizeof(size_t));
	row->hops[0].messages[0] = index;
}

/* ---- folding ---- */

/* Bytes of a label that say what kind of SSDP message it is; 0 = fold equal labels only. */
static size_t kind_len(const struct flow_message *m)
{
	static const char *const kinds[] = {"M-SEARCH ", "NOTIFY alive ", "NOTIFY byebye ",
					    "NOTIFY update ", "200 OK "};

	for (size_t i = 0; i < ARRAY_SIZE(kinds) && m->protocol == FLOW_SSDP; i++) {
		if (strncmp(m->label, kinds[i], strlen(kinds[i])) == 0)
			return strlen(kinds[i]);
	}
	return 0;
}

static bool alike(const struct hop *h, const struct flow_message *m, int from, int to)
{
	const struct flow_message *a = h->first;
	size_t kind = kind_len(a);

	if (h->from != from || h->to != to || a->link != m->link || a->protocol != m->protocol ||
	    a->is_reply != m->is_reply || a->is_error != m->is_error)
		return false;
	if (strcmp(a->label, m->label) == 0)
		return true;
	return kind && kind == kind_len(m) && strncmp(a->label, m->label, kind) == 0;
}

/* The row that @m can join, or NULL. */
static struct row *find_run(const struct rows *rows, const struct flow_message *m, int from, int to)
{
	for (size_t back = 1; back <= FOLD_WINDOW && back <= rows->count; back++) {
		struct row *row = &rows->rows[rows->count - back];
		const struct hop *h = &row->hops[0];

		if (m->time_ns - row->end_ns > FOLD_NS)
			return NULL;
		if (alike(h, m, from, to))
			return row;
		if (h->first->protocol != FLOW_SSDP || m->protocol != FLOW_SSDP)
			return NULL;
	}
	return NULL;
}

static void join(struct row *row, const struct flow_message *m, size_t index)
{
	struct hop *h = &row->hops[0];

	if ((h->count & (h->count - 1)) == 0)
		h->messages = xrealloc(h->messages, h->count * 2 * sizeof(*h->messages));
	h->messages[h->count++] = index;
	if (m->end_ns > row->end_ns)
		row->end_ns = m->end_ns;
}

/* ---- labels ---- */

/* Where the target of an SSDP label ends: before its MX or its location. */
static struct slice detail(const struct flow_message *m, size_t kind)
{
	struct slice s = {m->label + kind, strlen(m->label + kind)};
	const char *ends[] = {strstr(s.ptr, ", MX"), strstr(s.ptr, " at "), strstr(s.ptr, " (")};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		if (ends[i] && (size_t)(ends[i] - s.ptr) < s.len)
			s.len = (size_t)(ends[i] - s.ptr);
	}
	return s;
}

static bool all_equal(const struct flow *flow, const struct hop *h)
{
	for (size_t i = 1; i < h->count; i++) {
		if (strcmp(flow_message(flow, h->messages[i])->label, h->first->label) != 0)
			return false;
	}
	return true;
}

/* "M-SEARCH ×5: a, b, c, …" */
static void list_details(struct buf *text, const struct flow *flow, const struct hop *h)
{
	size_t kind = kind_len(h->first), start;

	buf_add(text, h->first->label, kind);
	buf_printf(text, "×%zu: ", h->count);
	start = text->len;
	for (size_t i = 0; i < h->count; i++) {
		struct slice d = detail(flow_message(flow, h->messages[i]), kind);

		if (text->len > start &&
		    memmem(text->data + start, text->len - start, d.ptr, d.len))
			continue;
		if (text->len > start)
			buf_puts(text, ", ");
		if (text->len - start + d.len > DETAILS_MAX) {
			buf_puts(text, "…");
			break;
		}
		buf_add_slice(text, d);
	}
}

/* Cuts after LABEL_SHOWN characters, not inside one. */
static void shorten(struct buf *text)
{
	size_t chars = 0;

	for (size_t i = 0; i < text->len; i++) {
		chars += ((unsigned char)text->data[i] & 0xc0) != 0x80;
		if (chars > LABEL_SHOWN) {
			text->len = i;
			buf_puts(text, "…");
			return;
		}
	}
}

static void make_label(const struct flow *flow, struct hop *h)
{
	struct buf text = {0};

	if (h->count == 1)
		buf_puts(&text, h->first->label);
	else if (all_equal(flow, h))
		buf_printf(&text, "%s ×%zu", h->first->label, h->count);
	else
		list_details(&text, flow, h);
	shorten(&text);
	h->label = buf_steal(&text);
}

/* ---- the whole ---- */

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->hops[0].messages[0] < y->hops[0].messages[0] ? -1 : 1;
}

/* Two messages that differ are no run: give the second its own row again. */
static void unfold_pairs(struct rows *rows, const struct flow *flow)
{
	size_t count = rows->count;

	for (size_t i = 0; i < count; i++) {
		struct hop *h = &rows->rows[i].hops[0];
		size_t second;

		if (h->count != 2 || all_equal(flow, h))
			continue;
		second = h->messages[1];
		h->count = 1;
		rows->rows[i].end_ns = h->first->end_ns;
		add_message_row(rows, flow_message(flow, second), second, h->from, h->to);
	}
	if (rows->count)
		qsort(rows->rows, rows->count, sizeof(*rows->rows), compare_rows);
}

static void leave_out_middle(struct rows *rows)
{
	size_t keep = LADDER_ROWS_MAX * 2 / 3, tail = LADDER_ROWS_MAX / 3, cut;
	struct row out = {.kind = ROW_LEFT_OUT};

	if (rows->count <= LADDER_ROWS_MAX)
		return;
	cut = rows->count - keep - tail;
	out.time_ns = rows->rows[keep].time_ns;
	out.end_ns = rows->rows[rows->count - tail - 1].end_ns;
	for (size_t i = keep; i < keep + cut; i++) {
		out.left_out += rows->rows[i].hops[0].count;
		row_free(&rows->rows[i]);
	}
	rows->rows[keep] = out;
	memmove(rows->rows + keep + 1, rows->rows + keep + cut, tail * sizeof(*rows->rows));
	rows->count = keep + 1 + tail;
}

void rows_build(struct rows *rows, const struct flow *flow, const struct ladder_node *nodes,
		size_t node_count, bool *stranger)
{
	*stranger = false;
	for (size_t i = 0; i < flow_count(flow); i++) {
		const struct flow_message *m = flow_message(flow, i);
		struct row *run;
		int from, to;

		ladder_ends(nodes, node_count, m, &from, &to);
		*stranger |= from == LADDER_NOBODY || to == LADDER_NOBODY;
		if (from == LADDER_NOBODY)
			from = (int)node_count;
		if (to == LADDER_NOBODY)
			to = (int)node_count;
		run = find_run(rows, m, from, to);
		if (run)
			join(run, m, i);
		else
			add_message_row(rows, m, i, from, to);
	}
	unfold_pairs(rows, flow);
	leave_out_middle(rows);
	for (size_t i = 0; i < rows->count; i++) {
		if (rows->rows[i].kind == ROW_MESSAGE)
			make_label(flow, &rows->rows[i].hops[0]);
	}
}

void rows_insert_pauses(struct rows *rows)
{
	struct rows out = {0};
	int64_t last = rows->count ? rows->rows[0].time_ns : 0;

	for (size_t i = 0; i < rows->count; i++) {
		if (rows->rows[i].time_ns - last >= PAUSE_NS) {
			struct row *pause = add_row(&out);

			pause->kind = ROW_PAUSE;
			pause->time_ns = last;
			pause->end_ns = rows->rows[i].time_ns;
		}
		*add_row(&out) = rows->rows[i];
		if (rows->rows[i].end_ns > last)
			last = rows->rows[i].end_ns;
	}
	free(rows->rows);
	*rows = out;
}
