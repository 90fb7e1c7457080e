/* SPDX-License-Identifier: MIT */
/*
 * linediff.c - what differs between two texts (see linediff.h).
 *
 * The longest common subsequence by the textbook table, after common heads and tails are set aside.
 * Texts here are documents of some hundred lines; beyond TABLE_MAX cells the middle parts are shown
 * as wholly different, which is true though not minimal.
 */
#include "linediff.h"

#include "../fakeigd/base/mem.h"

#include <stdlib.h>

#define TABLE_MAX ((size_t)16 * 1024 * 1024)

struct lines {
	struct slice *items;
	size_t count;
};

/* One line of the result: '-', '+' or ' '. */
struct edit {
	char kind;
	struct slice line;
};

struct edits {
	struct edit *items;
	size_t count;
};

static struct lines split(struct slice text)
{
	struct lines lines = {0};

	while (text.len) {
		const char *end = memchr(text.ptr, '\n', text.len);
		size_t len = end ? (size_t)(end - text.ptr) : text.len;

		if (!(lines.count & (lines.count + 1)))
			lines.items =
				xrealloc(lines.items, (2 * lines.count + 2) * sizeof(*lines.items));
		lines.items[lines.count++] = (struct slice){text.ptr, len};
		len += end != NULL;
		text.ptr += len;
		text.len -= len;
	}
	return lines;
}

static void add(struct edits *edits, char kind, struct slice line)
{
	edits->items[edits->count++] = (struct edit){kind, line};
}

/* Lengths of the longest common subsequences of all pairs of tails: (na + 1) * (nb + 1) cells. */
static unsigned *make_table(const struct slice *a, size_t na, const struct slice *b, size_t nb)
{
	size_t row = nb + 1;
	unsigned *table;

	if (na + 1 > TABLE_MAX / row)
		return NULL;
	table = xcalloc((na + 1) * row, sizeof(*table));
	for (size_t i = na; i-- > 0;)
		for (size_t j = nb; j-- > 0;) {
			unsigned down = table[(i + 1) * row + j], right = table[i * row + j + 1];

			table[i * row + j] = slice_same(a[i], b[j])
						     ? table[(i + 1) * row + j + 1] + 1
					     : down > right ? down
							    : right;
		}
	return table;
}

static void compare(const struct slice *a, size_t na, const struct slice *b, size_t nb,
		    struct edits *edits)
{
	unsigned *table = make_table(a, na, b, nb);
	size_t i = 0, j = 0, row = nb + 1;

	while (table && i < na && j < nb) {
		if (slice_same(a[i], b[j])) {
			add(edits, ' ', a[i++]);
			j++;
		} else if (table[(i + 1) * row + j] >= table[i * row + j + 1]) {
			add(edits, '-', a[i++]);
		} else {
			add(edits, '+', b[j++]);
		}
	}
	while (i < na)
		add(edits, '-', a[i++]);
	while (j < nb)
		add(edits, '+', b[j++]);
	free(table);
}

/* Whether line @index is within @context lines of a difference. */
static bool is_near(const struct edits *edits, size_t index, size_t context)
{
	size_t from = index > context ? index - context : 0;

	for (size_t i = from; i <= index + context && i < edits->count; i++)
		if (edits->items[i].kind != ' ')
			return true;
	return false;
}

static size_t show(const struct edits *edits, size_t context, struct buf *out)
{
	size_t differ = 0;
	bool skipped = false;

	for (size_t i = 0; i < edits->count; i++)
		differ += edits->items[i].kind != ' ';
	for (size_t i = 0; differ && i < edits->count; i++) {
		if (!is_near(edits, i, context)) {
			if (!skipped)
				buf_puts(out, "...\n");
			skipped = true;
			continue;
		}
		skipped = false;
		buf_putc(out, edits->items[i].kind);
		buf_putc(out, ' ');
		buf_add_slice(out, edits->items[i].line);
		buf_putc(out, '\n');
	}
	return differ;
}

size_t linediff(struct slice a, struct slice b, size_t context, struct buf *out)
{
	struct lines la = split(a), lb = split(b);
	struct edits edits = {0};
	size_t head = 0, tail = 0, shorter = la.count < lb.count ? la.count : lb.count, differ;

	edits.items = xcalloc(la.count + lb.count + 1, sizeof(*edits.items));
	while (head < shorter && slice_same(la.items[head], lb.items[head]))
		add(&edits, ' ', la.items[head++]);
	while (tail < shorter - head &&
	       slice_same(la.items[la.count - 1 - tail], lb.items[lb.count - 1 - tail]))
		tail++;
	compare(la.items + head, la.count - head - tail, lb.items + head, lb.count - head - tail,
		&edits);
	for (size_t i = la.count - tail; i < la.count; i++)
		add(&edits, ' ', la.items[i]);
	differ = show(&edits, context, out);
	free(edits.items);
	free(la.items);
	free(lb.items);
	return differ;
}
