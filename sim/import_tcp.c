/* SPDX-License-Identifier: MIT */
/*
 * import_tcp.c - HTTP over TCP into exchanges: descriptions, SOAP, GENA.
 *
 * Theory of operation
 *
 * dialogue.c finds the messages and which request a response answers. A message lives in a slot
 * from its head until its exchange is complete: request and response ended, or it is clear that no
 * response follows (the connection is over). Then the exchange is written and its slots are free
 * again, with their memory: an import allocates in its first moments and hardly later.
 *
 * Bodies are taken as they come and not looked into, with one exception: a POST without SOAPACTION.
 *
 * Limits: RECORDING_MESSAGE_BYTES of a message and IMPORT_HELD_BYTES of all unfinished ones; what
 * is beyond becomes a gap. SEGMENTS_MAX segments of a message are noted.
 */
#include "import_parts.h"

#include "../fakeigd/base/mem.h"

#include <stdlib.h>

#define SEGMENTS_MAX   4096
#define SLOT_KEPT      (16u << 10) /* bytes of memory that a free slot keeps */
#define STATUS_FINAL   200
#define STATUS_UPGRADE 101

/**
 * struct slot - a message that is not yet written
 * @m:		what is known of it
 * @name:	of its exchange, if it is a request or stands alone
 * @needs_body:	its name depends on its body
 * @interim:	a 1xx response: left out
 * @done:	it ended
 * @alone:	no response will come
 * @partner:	the response of a request and the other way round, -1 = none
 * @last_packet: the last that m.count counts
 * @segment_cap: of m.segments
 * @next_free:	of a free slot
 */
struct slot {
	struct recorded_message m;
	struct import_name name;
	int connection;
	bool is_reply, interim, done, alone, needs_body;
	int partner;
	uint64_t last_packet;
	size_t segment_cap;
	int next_free;
};

struct import_tcp {
	struct sink sink;
	struct importer *im;
	struct slot *slots;
	int count, cap;
	int free;
};

/* ---- slots ---- */

static int take_slot(struct import_tcp *t)
{
	int index = t->free;

	if (index >= 0) {
		t->free = t->slots[index].next_free;
		return index;
	}
	if (t->count == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->slots = xrealloc(t->slots, (size_t)t->cap * sizeof(*t->slots));
	}
	t->slots[t->count] = (struct slot){0};
	return t->count++;
}

static void free_slot(struct import_tcp *t, int index)
{
	struct slot *s = &t->slots[index];

	t->im->held -= s->m.bytes.len;
	if (s->m.bytes.cap > SLOT_KEPT)
		buf_free(&s->m.bytes);
	else
		buf_reset(&s->m.bytes);
	if (s->segment_cap * sizeof(*s->m.segments) > SLOT_KEPT) {
		free(s->m.segments);
		s->m.segments = NULL;
		s->segment_cap = 0;
	}
	free(s->m.gaps);
	s->m = (struct recorded_message){.bytes = s->m.bytes, .segments = s->m.segments};
	s->next_free = t->free;
	t->free = index;
}

/* Writes an exchange of a request and a response, either of which may be -1. */
static void write_exchange(struct import_tcp *t, int request, int response)
{
	struct slot *first = &t->slots[request >= 0 ? request : response];
	struct exchange x = {
		.protocol = first->name.protocol,
		.name = first->name.text,
		.connection = first->connection,
		.from_router = first->name.from_router,
		.has_request = request >= 0,
	};

	if (request >= 0)
		x.request = t->slots[request].m;
	if (response >= 0) {
		x.replies = &t->slots[response].m;
		x.reply_count = 1;
	}
	recording_put(t->im->writer, &x);
	if (request >= 0)
		free_slot(t, request);
	if (response >= 0)
		free_slot(t, response);
}

/* ---- the sink ---- */

static int begin(struct sink *sink, const struct sink_begin *b)
{
	struct import_tcp *t = (struct import_tcp *)sink;
	struct slot *s;
	int index;

	if (!import_wants(t->im, &b->first->frame)) {
		t->im->unwanted++;
		return -1;
	}
	index = take_slot(t);
	s = &t->slots[index];
	s->connection = b->connection;
	s->is_reply = b->is_reply;
	s->interim = b->is_reply && b->head && b->head->status < STATUS_FINAL &&
		     b->head->status != STATUS_UPGRADE;
	s->done = s->alone = false;
	s->partner = b->is_reply && !s->interim ? b->request : -1;
	if (s->partner >= 0)
		t->slots[s->partner].partner = index;
	s->last_packet = b->first->number;
	s->m.first = b->first->number + 1;
	s->m.count = 1;
	s->m.time_ns = s->m.end_ns = b->first->time_ns;
	import_ends(&b->first->frame, &s->m.from, &s->m.to);
	s->needs_body = false;
	s->name = (struct import_name){.protocol = FLOW_HTTP, .text = "incomplete head"};
	if (b->head) {
		import_name_http(b->head, (struct slice){0}, &s->name);
		s->needs_body = !b->is_reply && s->name.protocol == FLOW_HTTP &&
				slice_eq(b->head->method, "POST");
	}
	return index;
}

static void add_segment(struct slot *s, size_t end, const struct reassembly_mark *mark)
{
	struct recorded_message *m = &s->m;

	if (mark->packet != s->last_packet)
		m->count++;
	s->last_packet = mark->packet;
	if (mark->time_ns > m->end_ns)
		m->end_ns = mark->time_ns;
	if (m->segment_count && m->segments[m->segment_count - 1].time_ns == mark->time_ns) {
		m->segments[m->segment_count - 1].end = end;
		return;
	}
	if (m->segment_count == SEGMENTS_MAX)
		return;
	if (m->segment_count == s->segment_cap) {
		s->segment_cap = s->segment_cap ? s->segment_cap * 2 : 4;
		m->segments = xrealloc(m->segments, s->segment_cap * sizeof(*m->segments));
	}
	m->segments[m->segment_count++] = (struct recorded_segment){end, mark->time_ns};
}

static void bytes(struct sink *sink, int message, const struct reassembly *in, size_t len)
{
	struct import_tcp *t = (struct import_tcp *)sink;
	struct slot *s = &t->slots[message];
	size_t have = s->m.bytes.len, keep = import_keep(t->im, have, len);
	const struct reassembly_mark *mark;
	uint64_t position;
	size_t count = reassembly_marks(in, len, &mark, &position);

	for (size_t i = 0; i < count; i++) {
		uint64_t end = i + 1 < count ? mark[i + 1].position - position : len;

		add_segment(s, have + (end < keep ? (size_t)end : keep), &mark[i]);
	}
	buf_add(&s->m.bytes, reassembly_data(in).ptr, keep);
	t->im->held += keep;
	if (keep < len)
		import_gap(&s->m, len - keep);
}

static void gap(struct sink *sink, int message, uint64_t lost)
{
	import_gap(&((struct import_tcp *)sink)->slots[message].m, lost);
}

static void name_by_body(struct slot *s, size_t head_len)
{
	struct slice all = buf_slice(&s->m.bytes);
	struct http_head head;
	size_t consumed;

	if (head_len <= all.len && http_parse_head(all.ptr, all.len, &head, &consumed) == HTTP_OK)
		import_name_http(&head, (struct slice){all.ptr + head_len, all.len - head_len},
				 &s->name);
}

static void end(struct sink *sink, int message, const struct sink_end *e)
{
	struct import_tcp *t = (struct import_tcp *)sink;
	struct slot *s = &t->slots[message];

	s->done = true;
	if (e->notes->cut)
		import_gap(&s->m, e->left);
	if (s->needs_body)
		name_by_body(s, e->head_len);
	if (s->interim)
		free_slot(t, message);
	else if (s->partner < 0 && s->is_reply)
		write_exchange(t, -1, message);
	else if (s->partner < 0 && s->alone)
		write_exchange(t, message, -1);
	else if (s->partner >= 0 && t->slots[s->partner].done)
		write_exchange(t, s->is_reply ? s->partner : message,
			       s->is_reply ? message : s->partner);
}

static void unanswered(struct sink *sink, int message)
{
	struct import_tcp *t = (struct import_tcp *)sink;
	struct slot *s = &t->slots[message];

	s->alone = true;
	if (s->done)
		write_exchange(t, message, -1);
}

static void left_out(struct sink *sink, uint16_t port, uint64_t packets)
{
	if (packets)
		import_leave_out(&((struct import_tcp *)sink)->im->tcp_left, port, packets);
}

struct import_tcp *import_tcp_new(struct importer *im)
{
	static const struct sink_ops ops = {
		.begin = begin,
		.bytes = bytes,
		.gap = gap,
		.end = end,
		.unanswered = unanswered,
		.left_out = left_out,
	};
	struct import_tcp *t = xcalloc(1, sizeof(*t));

	*t = (struct import_tcp){.sink = {&ops}, .im = im, .free = -1};
	return t;
}

struct sink *import_tcp_sink(struct import_tcp *t)
{
	return &t->sink;
}

void import_tcp_free(struct import_tcp *t)
{
	for (int i = 0; i < t->count; i++) {
		buf_free(&t->slots[i].m.bytes);
		free(t->slots[i].m.segments);
		free(t->slots[i].m.gaps);
	}
	free(t->slots);
	free(t);
}
