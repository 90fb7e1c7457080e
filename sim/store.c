/* SPDX-License-Identifier: MIT */
/* store.c - the messages found so far, while flow.c and flow_tcp.c still work on them. */
#include "store.h"

#include "../fakeigd/base/mem.h"

#include <stdlib.h>

int store_put(struct store *s, const struct flow_message *m)
{
	if (s->count == FLOW_MESSAGES_MAX) {
		s->refused++;
		return -1;
	}
	if (s->count == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 64;
		s->messages = xrealloc(s->messages, s->cap * sizeof(*s->messages));
	}
	s->messages[s->count] = *m;
	return (int)s->count++;
}

int store_add(struct store *s, enum flow_protocol protocol, const struct packet *p)
{
	struct flow_message m = {
		.protocol = protocol,
		.time_ns = p->time_ns,
		.end_ns = p->time_ns,
		.link = p->link,
		.family = p->frame.family,
		.src_port = p->frame.src_port,
		.dst_port = p->frame.dst_port,
		.request = -1,
		.first_packet = p->number,
		.packets = 1,
		.last_packet = p->number,
	};
	memcpy(m.dst_mac, p->ethernet, sizeof(m.dst_mac));
	memcpy(m.src_mac, p->ethernet + 6, sizeof(m.src_mac));
	memcpy(m.src, p->frame.src, sizeof(m.src));
	memcpy(m.dst, p->frame.dst, sizeof(m.dst));
	return store_put(s, &m);
}

struct flow_message *store_at(struct store *s, int index)
{
	return index < 0 ? NULL : &s->messages[index];
}

void store_bytes(struct store *s, int index, struct slice bytes)
{
	struct flow_message *m = store_at(s, index);
	size_t room;

	if (!m)
		return;
	m->size += bytes.len;
	room = FLOW_MESSAGE_BYTES - m->bytes.len;
	if (room > FLOW_TOTAL_BYTES - s->bytes)
		room = (size_t)(FLOW_TOTAL_BYTES - s->bytes);
	if (bytes.len > room)
		bytes.len = room;
	buf_add_slice(&m->bytes, bytes);
	s->bytes += bytes.len;
}

/** struct rank - a message's place before sorting */
struct rank {
	int64_t time_ns;
	uint64_t packet;
	int index;
};

static int compare_ranks(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	if (x->packet != y->packet)
		return x->packet < y->packet ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

void store_sort(struct store *s)
{
	struct flow_message *sorted = xcalloc(s->count, sizeof(*sorted));
	struct rank *ranks = xcalloc(s->count, sizeof(*ranks));
	int *place = xcalloc(s->count, sizeof(*place));

	for (size_t i = 0; i < s->count; i++)
		ranks[i] =
			(struct rank){s->messages[i].time_ns, s->messages[i].first_packet, (int)i};
	qsort(ranks, s->count, sizeof(*ranks), compare_ranks);
	for (size_t i = 0; i < s->count; i++)
		place[ranks[i].index] = (int)i;
	for (size_t i = 0; i < s->count; i++) {
		sorted[i] = s->messages[ranks[i].index];
		if (sorted[i].request >= 0)
			sorted[i].request = place[sorted[i].request];
	}
	free(place);
	free(ranks);
	free(s->messages);
	s->messages = sorted;
	s->cap = s->count;
}

void store_free(struct store *s)
{
	for (size_t i = 0; i < s->count; i++) {
		buf_free(&s->messages[i].bytes);
		free(s->messages[i].label);
	}
	free(s->messages);
	*s = (struct store){0};
}
