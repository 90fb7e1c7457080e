/* SPDX-License-Identifier: MIT */
/*
 * learn_state.c - the table of mappings at the start of a flow, and in which order it is told.
 *
 * Two entries that were read one after the other, with no change of the table in between, say in
 * which order it is enumerated, when it is known which of them is older: what the flow added is
 * younger than what was there before. The table at start is written oldest first; places that the
 * flow passes over are filled, so that the others keep theirs.
 */
#include "learn_table.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define INDEX_MAX 4096 /* further entries are not filled up to */

/* ---- the order ---- */

static int by_port(const struct entry *a, const struct entry *b)
{
	unsigned long x = strtoul(a->port, NULL, 10), y = strtoul(b->port, NULL, 10);

	return x != y ? (x > y) - (x < y) : strcmp(a->protocol, b->protocol);
}

/* @first stands in front of @second. */
static void compare(struct table_order *o, const struct entry *first, const struct entry *second,
		    const struct seen *s)
{
	bool told = first->rank != second->rank, oldest = first->rank < second->rank;

	o->told |= told;
	o->not_port |= by_port(first, second) > 0;
	o->not_newest |= told && oldest;
	if (told && !oldest && !o->not_oldest)
		o->where = s;
	o->not_oldest |= told && !oldest;
}

void table_read_at(struct table *t, size_t entry, long index, const struct seen *s)
{
	struct table_order *o = &t->order;
	const struct entry *now = &t->list[entry];

	if (o->entry >= 0 && o->version == t->version && o->index != index) {
		const struct entry *before = &t->list[o->entry];

		compare(o, o->index < index ? before : now, o->index < index ? now : before, s);
	}
	o->entry = (long)entry;
	o->index = index;
	o->version = t->version;
}

/* 'n' newest first, 'p' by port, 0 = oldest first, or not known. */
static char order_of(const struct table_order *o)
{
	return !o->told || !o->not_oldest ? 0 : !o->not_newest ? 'n' : !o->not_port ? 'p' : 0;
}

void table_choose_order(struct table *t)
{
	const char *order = order_of(&t->order) == 'n' ? "newest" : "port";

	if (order_of(&t->order))
		table_choose(t, "generic", "order", order, order, t->order.where);
}

/* ---- writing ---- */

static int by_index(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->index < 0   ? y->index >= 0
	       : y->index < 0 ? -1
			      : (x->index > y->index) - (x->index < y->index);
}

static void write_mapping(struct table *t, const struct entry *e, struct buf *out)
{
	buf_puts(out, "    - {");
	if (*e->remote && strcmp(e->remote, "*") != 0 && strcmp(e->remote, "0.0.0.0") != 0)
		buf_printf(out, "remote_host: %s, ", e->remote);
	buf_printf(out,
		   "external_port: %s, protocol: %s, internal_port: %s, internal_client: %s, "
		   "description: ",
		   e->port, e->protocol, e->internal_port, e->client);
	yaml_text(out, slice_of(e->description));
	buf_printf(out, ", lease: %lu%s}", e->lease,
		   strcmp(e->enabled, "0") != 0 ? "" : ", enabled: false");
	yaml_evidence(t->l, out, e->where);
}

static void write_filler(struct table *t, unsigned long port, struct buf *out)
{
	buf_printf(out,
		   "    - {external_port: %lu, protocol: TCP, internal_port: %lu, internal_client: "
		   "%s, description: assumed, lease: 0}\n",
		   port, port, t->l->client_text ? t->l->client_text : "192.168.1.4");
}

static bool is_port(const char *text)
{
	uint64_t port;

	return slice_number(slice_of(text), 65535, &port);
}

/* Whether an entry can stand in a profile. */
static bool usable(const struct entry *e)
{
	struct in_addr address;

	if (*e->remote && strcmp(e->remote, "*") != 0 &&
	    inet_pton(AF_INET, e->remote, &address) != 1)
		return false;
	return !e->added && inet_pton(AF_INET, e->client, &address) == 1 &&
	       (!strcmp(e->protocol, "TCP") || !strcmp(e->protocol, "UDP")) && is_port(e->port) &&
	       is_port(e->internal_port);
}

/* Lines of @text from the last to the first. */
static void add_reversed(struct slice text, struct buf *out)
{
	while (text.len) {
		const char *end = memrchr(text.ptr, '\n', text.len - 1);
		size_t start = end ? (size_t)(end - text.ptr) + 1 : 0;

		buf_add(out, text.ptr + start, text.len - start);
		text.len = start;
	}
}

/* The entries in the order in which they are enumerated. Return: how many are only assumed. */
static long write_entries(struct table *t, char order, struct buf *out)
{
	/* Unless they are known to come behind, what the flow added may have a place in between. */
	bool behind = t->order.told && !t->order.not_oldest;
	long next = t->phantom ? 1 : 0, filled = 0;
	unsigned long port = 1;

	if (t->count)
		qsort(t->list, t->count, sizeof(*t->list), by_index);
	for (size_t i = 0; i < t->count; i++) {
		const struct entry *e = &t->list[i];
		long place = e->index - (behind ? 0 : e->newer);

		if (!usable(e))
			continue;
		for (; e->index >= 0 && e->index < INDEX_MAX && next < place; next++, filled++)
			write_filler(t, order == 'p' ? port++ : 20000 + (unsigned long)next, out);
		write_mapping(t, e, out);
		port = strtoul(e->port, NULL, 10) + 1;
		next++;
	}
	return filled;
}

void table_write_state(struct table *t, struct buf *out)
{
	char order = order_of(&t->order);
	struct buf entries = {0};
	long filled = write_entries(t, order, &entries);

	if (entries.len)
		buf_puts(out, "state:\n  mappings:\n");
	if (order == 'n')
		add_reversed(buf_slice(&entries), out);
	else
		buf_add_slice(out, buf_slice(&entries));
	buf_free(&entries);
	if (filled) {
		char *text =
			xasprintf("%ld entries of the table that the flow passes over", filled);

		names_add(&t->l->assumed, text);
		free(text);
	}
}
