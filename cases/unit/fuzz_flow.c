/* SPDX-License-Identifier: MIT */
/*
 * fuzz_flow.c - any bytes as packets into flow.
 *
 * The input is a list of records. The first byte of a record says what follows: a raw frame (two
 * bytes of length), or a datagram or TCP segment between two end points whose headers are made
 * here, so that the fuzzer spends its time behind them. What comes out must hold what flow.h
 * promises; the sanitizers watch the rest.
 *
 * links: sim
 */
#include "packets.h"

#include "../../fakeigd/wire/utf8.h"

#include <stdlib.h>

#define SERVER_PORT 5431

/** struct input - what is left of it */
struct input {
	const uint8_t *at;
	size_t len;
};

static unsigned number(struct input *in)
{
	if (!in->len)
		return 0;
	in->len--;
	return *in->at++;
}

static struct slice bytes(struct input *in, size_t len)
{
	struct slice s;

	if (len > in->len)
		len = in->len;
	s = (struct slice){(const char *)in->at, len};
	in->at += len;
	in->len -= len;
	return s;
}

static void raw_frame(struct wire *w, struct input *in)
{
	size_t len = number(in) << 8;
	struct slice s = bytes(in, len | number(in));
	char *copy = malloc(s.len ? s.len : 1); /* so that reading past it is noticed */

	if (s.len)
		memcpy(copy, s.ptr, s.len);
	flow_packet(w->flow, w->link, w->time_ns, (struct slice){copy, s.len});
	free(copy);
}

static void datagram(struct wire *w, struct input *in)
{
	static const uint16_t ports[] = {1900, 5351, 5350, 53};
	struct end a = {CLIENT, 40000, 0}, b = {ROUTER, 0, 0};
	unsigned how = number(in);

	b.port = ports[how & 3];
	if (how & 4)
		packets_udp(w, a, b, bytes(in, number(in)));
	else
		packets_udp(w, b, a, bytes(in, number(in)));
}

/* Both directions of one connection; sequence numbers move by what the input says. */
static void segment(struct wire *w, struct input *in, struct end ends[2])
{
	unsigned how = number(in), move = number(in);
	struct end *a = &ends[how & 1], *b = &ends[!(how & 1)];
	uint32_t seq = a->seq;
	struct slice payload;

	if (how & 2)
		seq += move;
	else if (how & 4)
		seq -= move;
	payload = bytes(in, how & 8 ? number(in) * 8 : number(in));
	packets_segment(w, *a, *b, seq, b->seq,
			(uint8_t)(how >> 4 & 0x07) | FRAME_TCP_ACK * !!(how & 128), payload);
	if (!(how & 6))
		a->seq = seq + (uint32_t)payload.len;
}

static void check(const struct flow *f)
{
	size_t count = flow_count(f);

	for (size_t i = 0; i < count; i++) {
		const struct flow_message *m = flow_message(f, i);

		if (!m->label || !utf8_is_valid(m->label, strlen(m->label)))
			abort();
		if (m->request >= (int)count || m->request == (int)i)
			abort();
		if (m->bytes.len > m->size || m->end_ns < m->time_ns || !m->packets)
			abort();
		if (i && m->time_ns < flow_message(f, i - 1)->time_ns)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct wire w = {.flow = flow_new()};
	struct end ends[2] = {{CLIENT, 40112, 0xffffff00u}, {ROUTER, SERVER_PORT, 0}};

	while (in.len) {
		unsigned what = number(&in);

		w.link = what >> 7;
		if ((what & 3) == 0)
			raw_frame(&w, &in);
		else if ((what & 3) == 1)
			datagram(&w, &in);
		else
			segment(&w, &in, ends);
	}
	flow_end(w.flow);
	check(w.flow);
	flow_free(w.flow);
	return 0;
}
