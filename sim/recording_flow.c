/* SPDX-License-Identifier: MIT */
/* recording_flow.c - recorded messages with the labels and the picture of captured ones. */
#include "recording_flow.h"

#include "../fakeigd/base/mem.h"
#include "facts.h"
#include "ladder.h"

#include <arpa/inet.h>
#include <stdlib.h>

static struct label_notes notes_of(const struct recorded_message *m)
{
	struct label_notes notes = {0};

	for (size_t i = 0; i < m->gap_count; i++) {
		notes.lost += m->gaps[i].count;
		notes.cut = notes.cut || !m->gaps[i].count;
	}
	return notes;
}

static void label_by_http(struct flow_message *out, const struct recorded_message *m,
			  struct label_events *events, const struct flow_message *request)
{
	struct label_notes notes = notes_of(m);
	enum flow_protocol protocol = out->protocol;
	struct facts f;

	facts_of(protocol, m, &f);
	if (f.kind == FACTS_DATA)
		label_data(out, &notes);
	else
		label_http(out, events, buf_slice(&f.body), request, &notes);
	out->protocol = protocol;
	facts_free(&f);
}

void recording_label(enum flow_protocol protocol, const struct recorded_message *m,
		     struct label_events *events, const struct flow_message *request,
		     struct flow_message *out)
{
	bool done = false;

	*out = (struct flow_message){
		.protocol = protocol,
		.time_ns = m->time_ns,
		.end_ns = m->end_ns,
		.family = m->from.family ? m->from.family : m->to.family,
		.src_port = m->from.port,
		.dst_port = m->to.port,
		.size = m->bytes.len,
		.request = -1,
		.first_packet = m->first ? m->first - 1 : 0,
		.packets = (unsigned)m->count,
	};
	memcpy(out->src, m->from.address, sizeof(out->src));
	memcpy(out->dst, m->to.address, sizeof(out->dst));
	if (m->bytes.len)
		buf_add_slice(&out->bytes, buf_slice(&m->bytes));
	if (protocol == FLOW_SSDP)
		done = label_ssdp(out);
	else if (protocol == FLOW_NATPMP || protocol == FLOW_PCP)
		done = label_port_control(out);
	if (!done && protocol <= FLOW_GENA && protocol != FLOW_SSDP)
		label_by_http(out, m, events, request);
	else if (!done)
		label_udp(out, UINT8_MAX);
	out->protocol = protocol;
	out->is_reply = out->is_reply || request;
}

/* ---- the picture ---- */

/** struct drawing - messages on their way into a flow */
struct drawing {
	struct flow *flow;
	struct label_events events;
	int64_t last_ns; /* for what has no time */
};

static int add_message(struct drawing *d, enum flow_protocol protocol,
		       const struct recorded_message *m, int request)
{
	const struct flow_message *asked =
		request < 0 ? NULL : flow_message(d->flow, (size_t)request);
	struct flow_message out;
	int index;

	recording_label(protocol, m, &d->events, asked, &out);
	if (out.time_ns == RECORDING_NO_TIME)
		out.time_ns = d->last_ns;
	if (out.end_ns < out.time_ns)
		out.end_ns = out.time_ns;
	d->last_ns = out.time_ns;
	out.request = request;
	index = flow_put(d->flow, &out);
	if (index < 0) {
		buf_free(&out.bytes);
		free(out.label);
	}
	return index;
}

static void add_exchange(struct drawing *d, const struct exchange *x)
{
	int request = -1;

	if (x->has_request)
		request = add_message(d, x->protocol, &x->request, -1);
	for (size_t i = 0; i < x->reply_count; i++)
		add_message(d, x->protocol, &x->replies[i], request);
}

static struct ladder_port port_of(const char *address)
{
	struct ladder_port port = {0};
	struct end_point e = {0};

	if (address && end_point_parse(slice_of(address), &e))
		memcpy(e.family == AF_INET ? port.address4 : port.address6, e.address,
		       sizeof(e.address));
	return port;
}

void recording_ladder(const struct recording *r, const char *title, struct buf *svg)
{
	struct drawing d = {.flow = flow_new()};
	struct ladder_port ports[] = {port_of(r->client), port_of(r->router)};
	struct ladder_node nodes[] = {
		{"client", r->client, false, &ports[0], 1},
		{"router", r->router, true, &ports[1], 1},
	};
	char *below = xasprintf("%zu exchanges%s%s", r->count, r->source ? " of " : "",
				r->source ? r->source : "");
	struct ladder_heading heading = {.title = title, .subtitle = below};

	for (size_t i = 0; i < r->count; i++)
		add_exchange(&d, &r->exchanges[i]);
	flow_end(d.flow);
	ladder_draw(d.flow, nodes, ARRAY_SIZE(nodes), &heading, svg);
	label_events_free(&d.events);
	flow_free(d.flow);
	free(below);
}
