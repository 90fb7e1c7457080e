/* SPDX-License-Identifier: MIT */
/*
 * flow_tcp.c - messages of TCP connections into the store of a flow, each with its label.
 *
 * A message is begun when its head is complete and labelled when it ended: only then is it known
 * what it says and what was lost on its way.
 */
#include "flow_tcp.h"

#include "label.h"

static struct store *store_of(struct sink *sink)
{
	return ((struct flow_tcp *)sink)->store;
}

static int begin(struct sink *sink, const struct sink_begin *b)
{
	int index = store_add(store_of(sink), FLOW_HTTP, b->first);
	struct flow_message *m = store_at(store_of(sink), index);

	if (m) {
		m->request = b->request;
		m->is_reply = b->is_reply;
	}
	return index;
}

static void bytes(struct sink *sink, int message, const struct reassembly *in, size_t len)
{
	struct flow_message *m = store_at(store_of(sink), message);
	struct reassembly_span span = reassembly_peek(in, len);

	m->packets += span.packets - (span.first_packet == m->last_packet);
	m->last_packet = span.last_packet;
	if (span.last_ns > m->end_ns)
		m->end_ns = span.last_ns;
	store_bytes(store_of(sink), message, (struct slice){reassembly_data(in).ptr, len});
}

static void gap(struct sink *sink, int message, uint64_t lost)
{
	(void)sink, (void)message, (void)lost; /* the notes tell the sum */
}

static void end(struct sink *sink, int message, const struct sink_end *e)
{
	struct flow_tcp *t = (struct flow_tcp *)sink;
	struct flow_message *m = store_at(t->store, message);
	struct slice body = buf_slice(&m->bytes);
	size_t head = body.len < e->head_len ? body.len : e->head_len;

	if (e->is_data) {
		label_data(m, e->notes);
		return;
	}
	body.ptr += head;
	body.len -= head;
	label_http(m, t->events, e->chunked ? e->body : body, store_at(t->store, m->request),
		   e->notes);
}

static void unanswered(struct sink *sink, int message)
{
	(void)sink, (void)message; /* flow_end() finds them */
}

static int tell(struct sink *sink, const struct packet *p, int request, bool is_error,
		const char *label)
{
	int index = store_add(store_of(sink), FLOW_TCP, p);
	struct flow_message *m = store_at(store_of(sink), index);

	if (!m)
		return -1;
	m->request = request;
	m->is_reply = request >= 0;
	m->is_error = is_error;
	label_printf(m, "%s", label);
	return index;
}

static void no_answer(struct sink *sink, int message)
{
	struct flow_message *m = store_at(store_of(sink), message);

	m->is_error = true;
	label_append(m, ", no answer");
}

void flow_tcp_init(struct flow_tcp *t, struct store *store, struct label_events *events)
{
	static const struct sink_ops ops = {
		.bodies = true,
		.data = true,
		.begin = begin,
		.bytes = bytes,
		.gap = gap,
		.end = end,
		.unanswered = unanswered,
		.tell = tell,
		.no_answer = no_answer,
	};

	*t = (struct flow_tcp){{&ops}, store, events};
}
