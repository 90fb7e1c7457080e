/* SPDX-License-Identifier: MIT */
/*
 * recording_pack.c - exchanges as bytes, for the spool of the process that writes a flow.
 *
 * Theory of operation
 *
 * Structures as they are in memory, each followed by what it points to, lengths first. Nobody but
 * this process reads them, from a file without a name: there is no version and no byte order.
 */
#include "recording_parts.h"

#include "../fakeigd/base/mem.h"

#include <stdlib.h>

static void pack_bytes(const void *data, size_t len, struct buf *out)
{
	buf_add(out, &len, sizeof(len));
	if (len)
		buf_add(out, data, len);
}

static void pack_message(const struct recorded_message *m, struct buf *out)
{
	buf_add(out, m, sizeof(*m));
	pack_bytes(m->bytes.data, m->bytes.len, out);
	pack_bytes(m->gaps, m->gap_count * sizeof(*m->gaps), out);
	pack_bytes(m->segments, m->segment_count * sizeof(*m->segments), out);
	for (size_t i = 0; i < m->restored.count; i++)
		pack_bytes(m->restored.items[i], strlen(m->restored.items[i]), out);
}

void exchange_pack(const struct exchange *x, struct buf *out)
{
	buf_add(out, x, sizeof(*x));
	pack_bytes(x->name, x->name ? strlen(x->name) : 0, out);
	if (x->has_request)
		pack_message(&x->request, out);
	for (size_t i = 0; i < x->reply_count; i++)
		pack_message(&x->replies[i], out);
}

static void take(struct slice *s, void *to, size_t len)
{
	memcpy(to, s->ptr, len);
	s->ptr += len;
	s->len -= len;
}

/* A copy with a NUL behind it; NULL for nothing. */
static char *take_bytes(struct slice *s, size_t *len)
{
	char *copy = NULL;

	take(s, len, sizeof(*len));
	if (*len) {
		copy = xmalloc(*len + 1);
		take(s, copy, *len);
		copy[*len] = '\0';
	}
	return copy;
}

static void unpack_message(struct slice *s, struct recorded_message *m)
{
	size_t len, restored;

	take(s, m, sizeof(*m));
	m->bytes.data = take_bytes(s, &m->bytes.len);
	m->bytes.cap = m->bytes.len + (m->bytes.len != 0);
	m->gaps = (struct recorded_gap *)(void *)take_bytes(s, &len);
	m->segments = (struct recorded_segment *)(void *)take_bytes(s, &len);
	restored = m->restored.count;
	m->restored = (struct names){0};
	while (restored--) {
		char *text = take_bytes(s, &len);

		names_add(&m->restored, text ? text : "");
		free(text);
	}
}

void exchange_unpack(struct slice packed, struct exchange *x)
{
	size_t len, replies;

	take(&packed, x, sizeof(*x));
	x->name = take_bytes(&packed, &len);
	replies = x->reply_count;
	x->replies = NULL;
	x->reply_count = 0;
	x->request = (struct recorded_message){.time_ns = RECORDING_NO_TIME,
					       .end_ns = RECORDING_NO_TIME};
	if (x->has_request)
		unpack_message(&packed, &x->request);
	while (replies--)
		unpack_message(&packed, exchange_reply(x));
}
