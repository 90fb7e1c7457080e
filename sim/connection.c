/* SPDX-License-Identifier: MIT */
/*
 * connection.c - TCP connections of a capture: which segment belongs to which, SYN, FIN, RST.
 *
 * Theory of operation
 *
 * A connection is known by its link and its two end points; one that crosses a NAT is another
 * connection on the next link, which is what a person who looks for a lost packet wants to see. It
 * begins with a SYN, or with data when the capture began later; a SYN with another sequence number
 * on the same end points is the next connection.
 *
 * The SYN of a connection that speaks HTTP is not told: the request is what matters. Any other one
 * is: "TCP connect :1872" with "accepted", "refused", or without answer. Retransmissions are never
 * messages.
 *
 * Bytes that the receiver acknowledges and this capture has not got are a gap, and so is a hole
 * behind which too much waits; reassembly gives it up, dialogue.c notes it.
 *
 * At most CONNECTIONS_MAX are followed at a time: when there are more, the closed ones are let go,
 * and if none is closed all are finished as they stand.
 */
#include "connection.h"

#include "../fakeigd/base/mem.h"

#include <stdlib.h>

/* Orders the end points of a packet: 0 when the source is the smaller one. */
static int side_of(const struct frame *f)
{
	int order = memcmp(f->src, f->dst, sizeof(f->src));

	if (!order)
		order = (f->src_port > f->dst_port) - (f->src_port < f->dst_port);
	return order > 0;
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
	return hash;
}

/* The same for both directions. */
static uint64_t hash_of(const struct packet *p)
{
	const struct frame *f = &p->frame;
	uint64_t a = mix(UINT64_C(0xcbf29ce484222325), f->src, sizeof(f->src));
	uint64_t b = mix(UINT64_C(0xcbf29ce484222325), f->dst, sizeof(f->dst));

	a = mix(a, &f->src_port, sizeof(f->src_port));
	b = mix(b, &f->dst_port, sizeof(f->dst_port));
	a ^= b;
	a = mix(a, &p->link, sizeof(p->link));
	return a ^ a >> 32;
}

static bool is_same(const struct connection *c, const struct packet *p)
{
	const struct packet *a = &c->sides[0].origin;
	int from = side_of(&p->frame);
	const struct frame *f = &p->frame;
	const uint8_t *low = from ? f->dst : f->src, *high = from ? f->src : f->dst;

	return a->link == p->link && a->frame.family == f->family &&
	       memcmp(a->frame.src, low, sizeof(f->src)) == 0 &&
	       memcmp(a->frame.dst, high, sizeof(f->dst)) == 0 &&
	       a->frame.src_port == (from ? f->dst_port : f->src_port) &&
	       a->frame.dst_port == (from ? f->src_port : f->dst_port);
}

static struct connection *find(const struct connections *t, const struct packet *p)
{
	struct connection *c = NULL;

	if (t->bucket_count)
		c = t->buckets[hash_of(p) & (t->bucket_count - 1)];
	while (c && !is_same(c, p))
		c = c->next;
	return c;
}

/* ---- telling ---- */

static int tell(struct connections *t, const struct packet *p, const uint8_t *stations, int request,
		bool is_error, const char *label)
{
	struct packet copy = *p;
	struct flow_message *m;
	int index;

	copy.ethernet = stations;
	index = store_add(t->store, FLOW_TCP, &copy);
	m = store_at(t->store, index);
	if (!m)
		return -1;
	m->request = request;
	m->is_reply = request >= 0;
	m->is_error = is_error;
	label_printf(m, "%s", label);
	return index;
}

static void tell_connect(struct connections *t, struct connection *c)
{
	char *label;

	if (!c->has_syn || c->connect_told)
		return;
	label = xasprintf("TCP connect :%u", c->syn.frame.dst_port);
	c->connect = tell(t, &c->syn, c->syn_stations, -1, false, label);
	c->connect_told = true;
	free(label);
}

void connection_tell(struct connections *t, struct connection *c)
{
	if (!c->has_syn || c->connect_told)
		return;
	tell_connect(t, c);
	if (c->has_syn_ack)
		tell(t, &c->syn_ack, c->syn_ack_stations, c->connect, false, "accepted");
}

/* A hole of @lost bytes will not be filled. */
static void give_up(struct connections *t, struct connection *c, int from, uint64_t lost)
{
	dialogue_gap(t, c, from, lost);
	reassembly_skip(&c->sides[from].in, lost);
	dialogue_data(t, c, from);
}

/* The connection is over: what was begun and not ended is told as it stands. */
static void finish(struct connections *t, struct connection *c)
{
	struct flow_message *m;

	for (int i = 0; i < 2; i++) {
		struct side *s = &c->sides[i];
		uint64_t lost;

		while (!s->ended && (lost = reassembly_hole(&s->in)))
			give_up(t, c, i, lost);
		dialogue_end(t, c, i, reassembly_finished(&s->in));
	}
	if (c->dialogue == DIALOGUE_UNKNOWN && c->has_syn && !c->connect_told) {
		connection_tell(t, c);
		m = store_at(t->store, c->connect);
		if (m && !c->has_syn_ack) {
			m->is_error = true;
			label_append(m, ", no answer");
		}
	}
	dialogue_free(c);
	c->closed = true;
}

/* ---- the table ---- */

static void link_connection(struct connections *t, struct connection *c)
{
	/* The hash of either direction is the same, so side 0's origin will do. */
	struct connection **bucket =
		&t->buckets[hash_of(&c->sides[0].origin) & (t->bucket_count - 1)];

	c->next = *bucket;
	*bucket = c;
}

static void unlink_all(struct connections *t)
{
	memset(t->buckets, 0, t->bucket_count * sizeof(*t->buckets));
}

/* Lets go of closed connections, or of all. */
static void make_room(struct connections *t)
{
	size_t kept = 0, closed = 0;

	for (size_t i = 0; i < t->count; i++)
		closed += t->all[i]->closed;
	unlink_all(t);
	for (size_t i = 0; i < t->count; i++) {
		struct connection *c = t->all[i];

		if (closed < t->count / 4 && !c->closed)
			finish(t, c);
		if (c->closed) {
			free(c);
		} else {
			t->all[kept++] = c;
			link_connection(t, c);
		}
	}
	t->count = kept;
}

static void grow(struct connections *t)
{
	if (t->count == CONNECTIONS_MAX)
		make_room(t);
	if (t->count == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->all = xrealloc(t->all, t->cap * sizeof(*t->all));
	}
	if (t->bucket_count < t->cap) {
		free(t->buckets);
		t->bucket_count = t->cap;
		t->buckets = xcalloc(t->bucket_count, sizeof(*t->buckets));
		for (size_t i = 0; i < t->count; i++)
			link_connection(t, t->all[i]);
	}
}

static void set_origin(struct side *s, const struct packet *p, bool reversed)
{
	struct frame *f = &s->origin.frame;

	s->origin = *p;
	s->origin.frame.payload = (struct slice){0};
	memcpy(s->stations, p->ethernet, sizeof(s->stations));
	s->origin.ethernet = NULL;
	s->current = -1;
	if (!reversed)
		return;
	memcpy(f->src, p->frame.dst, sizeof(f->src));
	memcpy(f->dst, p->frame.src, sizeof(f->dst));
	f->src_port = p->frame.dst_port;
	f->dst_port = p->frame.src_port;
	memcpy(s->stations, p->ethernet + 6, 6);
	memcpy(s->stations + 6, p->ethernet, 6);
}

static void init_connection(struct connection *c, const struct packet *p)
{
	int from = side_of(&p->frame);

	set_origin(&c->sides[from], p, false);
	set_origin(&c->sides[!from], p, true);
	c->connect = -1;
}

static struct connection *add(struct connections *t, const struct packet *p)
{
	struct connection *c = xcalloc(1, sizeof(*c));

	grow(t);
	init_connection(c, p);
	t->all[t->count++] = c;
	link_connection(t, c);
	return c;
}

/* ---- segments ---- */

static void keep_packet(struct packet *copy, uint8_t *stations, const struct packet *p)
{
	*copy = *p;
	copy->frame.payload = (struct slice){0};
	copy->ethernet = NULL;
	memcpy(stations, p->ethernet, 12);
}

/* A SYN that begins another connection between the same end points. */
static bool is_new(const struct connection *c, const struct packet *p)
{
	if (c->closed)
		return true;
	if (c->has_syn)
		return c->syn_side != side_of(&p->frame) || c->syn.frame.seq != p->frame.seq;
	return true; /* one whose beginning was not captured */
}

static struct connection *on_syn(struct connections *t, struct connection *c,
				 const struct packet *p)
{
	int from = side_of(&p->frame);
	struct connection *next;

	if (c && !is_new(c, p))
		return c;
	if (c) {
		finish(t, c);
		next = c->next;
		*c = (struct connection){.next = next};
		init_connection(c, p);
	} else {
		c = add(t, p);
	}
	keep_packet(&c->syn, c->syn_stations, p);
	c->has_syn = true;
	c->syn_side = from;
	reassembly_start(&c->sides[from].in, p->frame.seq + 1);
	return c;
}

static void on_syn_ack(struct connection *c, const struct packet *p, int from)
{
	if (!c->has_syn_ack) {
		keep_packet(&c->syn_ack, c->syn_ack_stations, p);
		c->has_syn_ack = true;
	}
	if (!c->sides[from].in.started)
		reassembly_start(&c->sides[from].in, p->frame.seq + 1);
}

static void on_reset(struct connections *t, struct connection *c, const struct packet *p)
{
	bool refused = c->has_syn && !c->has_syn_ack && side_of(&p->frame) != c->syn_side;
	bool matters = refused || c->dialogue != DIALOGUE_HTTP || dialogue_waiting(c);
	int request;

	if (refused)
		tell_connect(t, c);
	else if (c->dialogue == DIALOGUE_UNKNOWN)
		connection_tell(t, c);
	request = refused ? c->connect : -1;
	finish(t, c);
	if (matters)
		tell(t, p, p->ethernet, request, true, refused ? "refused" : "reset");
}

/* What the other side acknowledged and the capture has not got is lost. */
static void on_ack(struct connections *t, struct connection *c, int of, uint32_t ack)
{
	const struct side *s = &c->sides[of];
	uint64_t lost;

	while (!s->ended && (lost = reassembly_acked_hole(&s->in, ack)))
		give_up(t, c, of, lost);
}

static void on_bytes(struct connections *t, struct connection *c, const struct packet *p, int from)
{
	const struct frame *f = &p->frame;
	struct side *s = &c->sides[from];
	uint32_t seq = f->seq + !!(f->flags & FRAME_TCP_SYN);
	uint64_t lost;

	if (s->ended)
		return; /* behind its FIN */
	if (reassembly_segment(&s->in, seq, f->payload, f->flags & FRAME_TCP_FIN, p->time_ns,
			       p->number))
		dialogue_data(t, c, from);
	while (reassembly_crowded(&s->in) && (lost = reassembly_hole(&s->in)))
		give_up(t, c, from, lost);
	if (reassembly_finished(&s->in))
		dialogue_end(t, c, from, true);
	if (c->sides[0].ended && c->sides[1].ended)
		finish(t, c);
}

void connections_packet(struct connections *t, const struct packet *p)
{
	const struct frame *f = &p->frame;
	struct connection *c = find(t, p);
	int from = side_of(f);

	if ((f->flags & (FRAME_TCP_SYN | FRAME_TCP_ACK)) == FRAME_TCP_SYN)
		c = on_syn(t, c, p);
	if (!c && f->payload.len && !(f->flags & FRAME_TCP_RST))
		c = add(t, p);
	if (!c || c->closed)
		return;
	if (f->flags & FRAME_TCP_RST) {
		on_reset(t, c, p);
		return;
	}
	if ((f->flags & FRAME_TCP_SYN) && (f->flags & FRAME_TCP_ACK))
		on_syn_ack(c, p, from);
	if (f->flags & FRAME_TCP_ACK)
		on_ack(t, c, !from, f->ack);
	if (f->payload.len || (f->flags & FRAME_TCP_FIN))
		on_bytes(t, c, p, from);
}

struct connections *connections_new(struct store *store, struct label_events *events)
{
	struct connections *t = xcalloc(1, sizeof(*t));

	t->store = store;
	t->events = events;
	return t;
}

void connections_end(struct connections *t)
{
	for (size_t i = 0; i < t->count; i++) {
		if (!t->all[i]->closed)
			finish(t, t->all[i]);
	}
}

void connections_free(struct connections *t)
{
	for (size_t i = 0; i < t->count; i++) {
		dialogue_free(t->all[i]);
		free(t->all[i]);
	}
	free(t->all);
	free(t->buckets);
	free(t);
}
