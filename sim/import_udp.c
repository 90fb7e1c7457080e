/* SPDX-License-Identifier: MIT */
/*
 * import_udp.c - datagrams into exchanges: SSDP searches, NAT-PMP and PCP, and announcements.
 *
 * Theory of operation
 *
 * Something asked stays open for ASK_NS of capture time, because a search has as many replies as
 * there are responders and each delays its own (UDA 2.0 clause 1.3.3), and is written then. A reply
 * finds what it answers by the end point that it goes to, whoever sends it, since a reply from a
 * wrong address is worth seeing: of searches the last for the same target, else the last for
 * ssdp:all, else the last; of NAT-PMP and PCP the last with the same opcode and, where the message
 * has them, the same nonce (RFC 6887 clause 11.1) or internal port (RFC 6886 clause 3.3), else the
 * last of all. A request of NAT-PMP or PCP that comes again, the same to a byte, while it has no
 * response is a retransmission (RFC 6886 clause 3.1): counted in its packets and noted.
 *
 * Announcements and replies to nothing are exchanges of their own.
 *
 * Limits: ASK_MAX open ones, REPLIES_MAX replies, IMPORT_HELD_BYTES of all; the oldest is written
 * early.
 */
#include "import_parts.h"

#include "../fakeigd/base/mem.h"

#include <stdlib.h>

#define ASK_MAX	    1024
#define ASK_NS	    INT64_C(30000000000)
#define BUCKETS	    1024
#define REPLIES_MAX 512
#define SSDP_PORT   1900
#define CLIENT_PORT 5350 /* announcements go there (RFC 6886 clause 3.2.1) */
#define SERVER_PORT 5351
#define ALL_TARGETS "ssdp:all"
#define NONCE_LEN   12

/**
 * struct ask - something asked
 * @x:		with the replies so far
 * @key:	of the end point that asked
 * @st:		search target, in x.request.bytes
 * @next:	older one in the same bucket, -1 = none
 * @bytes:	held by it
 */
struct ask {
	struct exchange x;
	uint64_t key;
	struct slice st;
	int next;
	size_t bytes;
};

/** struct import_udp - @asks is a ring in order of time; @buckets lead to the newest of a key */
struct import_udp {
	struct importer *im;
	struct ask asks[ASK_MAX];
	int first, count;
	int buckets[BUCKETS];
};

/** struct datagram - one being looked at */
struct datagram {
	const struct packet *packet;
	struct slice bytes;
	struct import_name name;
};

static uint64_t key_of(unsigned link, const uint8_t address[16], uint16_t port)
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	words[0] = (words[0] ^ port ^ (uint64_t)link << 32) * UINT64_C(0x9e3779b97f4a7c15);
	words[0] ^= words[0] >> 29;
	words[1] = (words[1] ^ words[0]) * UINT64_C(0xff51afd7ed558ccd);
	return words[1] ^ words[1] >> 32;
}

/* ---- what was asked ---- */

static void unlink_ask(struct import_udp *u, int index)
{
	int *at = &u->buckets[u->asks[index].key % BUCKETS];

	while (*at != index)
		at = &u->asks[*at].next;
	*at = u->asks[index].next;
}

static void write_oldest(struct import_udp *u)
{
	struct ask *a = &u->asks[u->first];

	unlink_ask(u, u->first);
	recording_put(u->im->writer, &a->x);
	u->im->held -= a->bytes;
	exchange_free(&a->x);
	u->first = (u->first + 1) % ASK_MAX;
	u->count--;
}

static void make_room(struct import_udp *u, int64_t now_ns)
{
	while (u->count && (u->count == ASK_MAX || u->im->held > IMPORT_HELD_BYTES / 2 ||
			    now_ns - u->asks[u->first].x.request.time_ns > ASK_NS))
		write_oldest(u);
}

static void fill_message(struct recorded_message *m, const struct datagram *d)
{
	const struct packet *p = d->packet;

	m->time_ns = m->end_ns = p->time_ns;
	import_ends(&p->frame, &m->from, &m->to);
	buf_add_slice(&m->bytes, d->bytes);
	if (p->frame.missing)
		import_gap(m, p->frame.missing);
	m->first = p->number + 1;
	m->count = 1;
}

static struct exchange new_exchange(const struct datagram *d)
{
	return (struct exchange){
		.protocol = d->name.protocol,
		.name = xstrdup(d->name.text),
		.connection = -1,
		.from_router = d->name.from_router,
	};
}

static void ask(struct import_udp *u, const struct datagram *d, struct slice st)
{
	const struct frame *f = &d->packet->frame;
	int index = (u->first + u->count) % ASK_MAX, *bucket;
	struct ask *a = &u->asks[index];

	*a = (struct ask){
		.x = new_exchange(d),
		.key = key_of(d->packet->link, f->src, f->src_port),
		.bytes = d->bytes.len,
	};
	a->x.has_request = true;
	fill_message(&a->x.request, d);
	if (st.ptr) /* in our copy */
		a->st = (struct slice){a->x.request.bytes.data + (st.ptr - d->bytes.ptr), st.len};
	u->im->held += a->bytes;
	bucket = &u->buckets[a->key % BUCKETS];
	a->next = *bucket;
	*bucket = index;
	u->count++;
}

static void add_reply(struct import_udp *u, struct ask *a, const struct datagram *d)
{
	if (a->x.reply_count == REPLIES_MAX) {
		import_note(u->im, d->packet->number + 1, "left out: one reply of too many",
			    d->name.text);
		return;
	}
	fill_message(exchange_reply(&a->x), d);
	a->bytes += d->bytes.len;
	u->im->held += d->bytes.len;
}

/* A message that nothing else belongs to. */
static void put_alone(struct import_udp *u, const struct datagram *d, bool is_reply)
{
	struct exchange x = new_exchange(d);

	x.has_request = !is_reply;
	fill_message(is_reply ? exchange_reply(&x) : &x.request, d);
	recording_put(u->im->writer, &x);
	exchange_free(&x);
}

/* ---- SSDP ---- */

static struct ask *find_search(struct import_udp *u, uint64_t key, struct slice st)
{
	struct ask *all = NULL, *any = NULL;

	for (int i = u->buckets[key % BUCKETS]; i >= 0; i = u->asks[i].next) {
		struct ask *a = &u->asks[i];

		if (a->key != key || a->x.protocol != FLOW_SSDP)
			continue;
		if (st.ptr && slice_same(a->st, st))
			return a;
		if (!all && slice_eq(a->st, ALL_TARGETS))
			all = a;
		if (!any)
			any = a;
	}
	return all ? all : any;
}

static bool looks_like_ssdp(const struct frame *f)
{
	struct slice s = f->payload;

	return slice_starts(s, "HTTP/1.") || slice_starts(s, "NOTIFY * ") ||
	       slice_starts(s, "M-SEARCH * ") ||
	       ((f->src_port == SSDP_PORT || f->dst_port == SSDP_PORT) && s.len &&
		s.ptr[0] >= 'A' && s.ptr[0] <= 'z');
}

static bool on_ssdp(struct import_udp *u, struct datagram *d)
{
	const struct packet *p = d->packet;
	struct http_head head;
	struct slice st;
	struct ask *a;

	if (http_parse_datagram(d->bytes.ptr, d->bytes.len, &head) != HTTP_OK ||
	    !import_name_ssdp(&head, &d->name))
		return false;
	if (!head.is_response && !import_wants_sender(u->im, &p->frame, d->name.from_router)) {
		u->im->unwanted++;
		return true;
	}
	st = http_header(&head, "ST");
	if (!head.is_response && !d->name.from_router) {
		ask(u, d, st);
		return true;
	}
	a = head.is_response ? find_search(u, key_of(p->link, p->frame.dst, p->frame.dst_port), st)
			     : NULL;
	if (a)
		add_reply(u, a, d);
	else
		put_alone(u, d, head.is_response);
	return true;
}

/* ---- NAT-PMP and PCP ---- */

/* What a request and its response have in common beside the opcode: nonce or internal port. */
static bool same_subject(struct slice request, struct slice reply)
{
	bool pcp = request.ptr[0] != 0;
	size_t at_request = pcp ? 24 : 4, at_reply = pcp ? 24 : 8, len = pcp ? NONCE_LEN : 2;

	if (request.ptr[0] != reply.ptr[0])
		return false;
	return at_request + len > request.len || at_reply + len > reply.len ||
	       memcmp(request.ptr + at_request, reply.ptr + at_reply, len) == 0;
}

static struct ask *find_request(struct import_udp *u, uint64_t key, struct slice reply)
{
	struct ask *any = NULL;

	for (int i = u->buckets[key % BUCKETS]; i >= 0; i = u->asks[i].next) {
		struct ask *a = &u->asks[i];
		struct slice request = buf_slice(&a->x.request.bytes);

		if (a->key != key || a->x.protocol == FLOW_SSDP)
			continue;
		if (request.ptr[1] == (reply.ptr[1] & 0x7f) && same_subject(request, reply))
			return a;
		if (!any)
			any = a;
	}
	return any;
}

/* The same request, not yet answered: joined. */
static bool retransmitted(struct import_udp *u, uint64_t key, const struct datagram *d)
{
	for (int i = u->buckets[key % BUCKETS]; i >= 0; i = u->asks[i].next) {
		struct ask *a = &u->asks[i];
		struct recorded_message *m = &a->x.request;
		struct buf text = {0};

		if (a->key != key || a->x.reply_count || m->bytes.len != d->bytes.len ||
		    memcmp(m->bytes.data, d->bytes.ptr, d->bytes.len) != 0)
			continue;
		m->count++;
		m->end_ns = d->packet->time_ns;
		buf_printf(&text, "%s, sent first as packet %llu", d->name.text,
			   (unsigned long long)m->first);
		buf_putc(&text, '\0');
		import_note(u->im, d->packet->number + 1, "retransmission", text.data);
		buf_free(&text);
		return true;
	}
	return false;
}

static bool on_port_control(struct import_udp *u, struct datagram *d)
{
	const struct packet *p = d->packet;
	const struct frame *f = &p->frame;
	uint64_t key;
	struct ask *a;
	bool reply;

	if (!import_name_port_control(d->bytes, &d->name, &reply))
		return false;
	if (f->src_port == SERVER_PORT && reply) {
		struct end_point from, to;

		import_ends(f, &from, &to);
		d->name.from_router = end_point_is_multicast(&to);
	}
	if (!reply) {
		key = key_of(p->link, f->src, f->src_port);
		if (!retransmitted(u, key, d))
			ask(u, d, (struct slice){0});
		return true;
	}
	a = d->name.from_router ? NULL
				: find_request(u, key_of(p->link, f->dst, f->dst_port), d->bytes);
	if (a)
		add_reply(u, a, d);
	else
		put_alone(u, d, !d->name.from_router);
	return true;
}

/* ---- the whole ---- */

bool import_udp_packet(struct import_udp *u, const struct packet *p)
{
	const struct frame *f = &p->frame;
	bool control = f->src_port == SERVER_PORT || f->dst_port == SERVER_PORT ||
		       f->dst_port == CLIENT_PORT;
	struct datagram d = {.packet = p, .bytes = f->payload};

	if (!control && !looks_like_ssdp(f))
		return false;
	if (!import_wants(u->im, f)) {
		u->im->unwanted++;
		return true;
	}
	make_room(u, p->time_ns);
	return control ? on_port_control(u, &d) : on_ssdp(u, &d);
}

struct import_udp *import_udp_new(struct importer *im)
{
	struct import_udp *u = xcalloc(1, sizeof(*u));

	u->im = im;
	for (size_t i = 0; i < BUCKETS; i++)
		u->buckets[i] = -1;
	return u;
}

void import_udp_end(struct import_udp *u)
{
	while (u->count)
		write_oldest(u);
}

void import_udp_free(struct import_udp *u)
{
	import_udp_end(u);
	free(u);
}
