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
 * and if few are closed all are finished as they stand; so they are when they hold more than
 * CONNECTIONS_BYTES.
 *
 * A sink that does not want data gets rid of a connection when its first bytes are no HTTP: nothing
 * is put together any more, its packets are counted. One that turns to HTTP later is followed
 * again.
 */
#include "connection.h"

#include "../fakeigd/base/mem.h"

#include <stdlib.h>

#define CLOSED_MAX 4096 /* kept for a time, because stray segments of them follow */

/* Orders the end points of a packet: 0 when the source is the smaller one. */
static int side_of(const struct frame *f)
{
	int order = memcmp(f->src, f->dst, sizeof(f->src));

	if (!order)
		order = (f->src_port > f->dst_port) - (f->src_port < f->dst_port);
	return order > 0;
}

/* An end point in 64 bits: the same for every packet of it. */
static uint64_t hash_end(const uint8_t address[16], uint16_t port)
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	words[0] = (words[0] ^ port) * UINT64_C(0x9e3779b97f4a7c15);
	words[0] ^= words[0] >> 32;
	return (words[0] ^ words[1]) * UINT64_C(0xff51afd7ed558ccd);
}

/* The same for both directions. */
static uint64_t hash_of(const struct packet *p)
{
	const struct frame *f = &p->frame;
	uint64_t hash = hash_end(f->src, f->src_port) ^ hash_end(f->dst, f->dst_port);

	hash = (hash ^ p->link) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
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

	if (!t->sink->ops->data)
		return -1;
	copy.ethernet = stations;
	return t->sink->ops->tell(t->sink, &copy, request, is_error, label);
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

/* Its share of what all hold together has changed. */
static void count_held(struct connections *t, struct connection *c)
{
	const struct reassembly *a = &c->sides[0].in, *b = &c->sides[1].in;

	t->held -= c->held;
	c->held = a->piece_bytes + a->data.len + b->piece_bytes + b->data.len;
	t->held += c->held;
}

/* A hole of @lost bytes will not be filled. */
static void give_up(struct connections *t, struct connection *c, int from, uint64_t lost)
{
	dialogue_gap(t, c, from, lost);
	reassembly_skip(&c->sides[from].in, lost);
	dialogue_data(t, c, from);
}

static void leave_out(struct connections *t, const struct connection *c, uint64_t packets)
{
	uint16_t ports[2] = {c->sides[0].origin.frame.src_port, c->sides[1].origin.frame.src_port};
	uint16_t port = ports[0] < ports[1] ? ports[0] : ports[1];

	if (c->has_syn)
		port = ports[!c->syn_side];
	if (t->sink->ops->left_out)
		t->sink->ops->left_out(t->sink, port, packets);
}

/* Lets go of what a connection holds. */
static void drop(struct connections *t, struct connection *c)
{
	dialogue_free(t, c);
	count_held(t, c);
}

/* It speaks no HTTP, and that is not wanted. */
static void ignore(struct connections *t, struct connection *c)
{
	leave_out(t, c, c->packets);
	drop(t, c);
	c->ignored = true;
}

/* The connection is over: what was begun and not ended is told as it stands. */
static void finish(struct connections *t, struct connection *c)
{
	for (int i = 0; i < 2; i++) {
		struct side *s = &c->sides[i];
		uint64_t lost;

		while (!s->ended && (lost = reassembly_hole(&s->in)))
			give_up(t, c, i, lost);
		dialogue_end(t, c, i, reassembly_finished(&s->in));
	}
	if (c->dialogue == DIALOGUE_UNKNOWN && c->has_syn && !c->connect_told) {
		connection_tell(t, c);
		if (c->connect >= 0 && !c->has_syn_ack)
			t->sink->ops->no_answer(t->sink, c->connect);
	}
	if (c->number < 0 && !c->ignored)
		leave_out(t, c, c->packets);
	drop(t, c);
	t->closed += !c->closed;
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
	bool finish_all = t->closed < t->count / 4 || t->held > CONNECTIONS_BYTES;
	size_t kept = 0;

	unlink_all(t);
	for (size_t i = 0; i < t->count; i++) {
		struct connection *c = t->all[i];

		if (finish_all && !c->closed)
			finish(t, c);
		if (c->closed) {
			free(c);
		} else {
			t->all[kept++] = c;
			link_connection(t, c);
		}
	}
	t->count = kept;
	t->closed = 0;
}

static void grow(struct connections *t)
{
	if (t->count == CONNECTIONS_MAX || t->closed > CLOSED_MAX || t->held > CONNECTIONS_BYTES)
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
	c->number = -1;
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
		t->closed--;
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

	while (!s->ended && (lost = reassembly_acked_hole(&s->in, ack))) {
		give_up(t, c, of, lost);
		count_held(t, c);
	}
}

/* A FIN comes behind what the capture cut off. Return: whether there is something to decode. */
static bool add_segment(struct side *s, const struct packet *p, uint32_t seq)
{
	const struct frame *f = &p->frame;
	bool fin = f->flags & FRAME_TCP_FIN;
	bool any = reassembly_segment(&s->in, seq, f->payload, fin && !f->missing, p->time_ns,
				      p->number);

	if (fin && f->missing) {
		seq += (uint32_t)(f->payload.len + f->missing);
		any |= reassembly_segment(&s->in, seq, (struct slice){"", 0}, true, p->time_ns,
					  p->number);
	}
	return any;
}

static void on_bytes(struct connections *t, struct connection *c, const struct packet *p, int from)
{
	const struct frame *f = &p->frame;
	struct side *s = &c->sides[from];
	uint32_t seq = f->seq + !!(f->flags & FRAME_TCP_SYN);
	uint64_t lost;

	if (s->ended)
		return; /* behind its FIN */
	if (add_segment(s, p, seq))
		dialogue_data(t, c, from);
	while (reassembly_crowded(&s->in) && (lost = reassembly_hole(&s->in)))
		give_up(t, c, from, lost);
	reassembly_settle(&s->in);
	count_held(t, c);
	if (reassembly_finished(&s->in))
		dialogue_end(t, c, from, true);
	if (c->sides[0].ended && c->sides[1].ended)
		finish(t, c);
}

/* What it held went when the connection was ignored. */
static void restart(struct side *s)
{
	struct side fresh = {.origin = s->origin, .current = -1};

	memcpy(fresh.stations, s->stations, sizeof(fresh.stations));
	*s = fresh;
}

/* An ignored connection whose segment begins a message of HTTP after all begins anew there. */
static bool follow_again(struct connection *c, const struct packet *p)
{
	if (c->closed || (p->frame.flags & FRAME_TCP_RST) || !dialogue_may_begin(p->frame.payload))
		return false;
	for (int i = 0; i < 2; i++)
		restart(&c->sides[i]);
	c->dialogue = DIALOGUE_UNKNOWN;
	c->ignored = false;
	c->packets = 1;
	return true;
}

/* One more packet of a connection that is only counted. */
static void on_ignored(struct connections *t, struct connection *c, const struct frame *f, int from)
{
	leave_out(t, c, 1);
	if (f->flags & FRAME_TCP_FIN)
		c->sides[from].ended = true;
	if (!c->closed &&
	    ((f->flags & FRAME_TCP_RST) || (c->sides[0].ended && c->sides[1].ended))) {
		c->closed = true;
		t->closed++;
	}
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
	if (!c)
		return;
	c->packets++;
	if (c->ignored && !follow_again(c, p)) {
		on_ignored(t, c, f, from);
		return;
	}
	if (c->closed)
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
	if (c->dialogue == DIALOGUE_OTHER && !c->closed && !t->sink->ops->data)
		ignore(t, c);
	if (t->held > CONNECTIONS_BYTES)
		make_room(t);
}

struct connections *connections_new(struct sink *sink)
{
	struct connections *t = xcalloc(1, sizeof(*t));

	t->sink = sink;
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
		drop(t, t->all[i]);
		free(t->all[i]);
	}
	free(t->all);
	free(t->buckets);
	free(t);
}
