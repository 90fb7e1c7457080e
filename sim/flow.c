/* SPDX-License-Identifier: MIT */
/*
 * flow.c - messages out of packets: datagrams, ICMP, and what ties all of them together.
 *
 * Theory of operation
 *
 * Each frame is decoded once (fakeigd/wire/frame.h), fragments are joined (fragment.h). TCP goes to
 * connection.c and comes back through flow_tcp.c. A UDP datagram is a
 * message: SSDP by its port (1900) or by an HTTP start line, NAT-PMP and PCP by their ports (5350,
 * 5351; RFC 6886, RFC 6887 clause 19.1), anything else an application's. ARP, neighbour discovery
 * and group membership are not messages.
 *
 * Which request a datagram answers is looked up in a table of the last datagrams: for SSDP by who
 * searched for the same target from the port that is answered (UDA 2.0 clause 1.3.3: replies are
 * unicast to the source port), for others by the same two end points. ICMP errors name the packet
 * they are about. The table has a fixed size and newer entries take the place of older ones, so an
 * answer to a request that is thousands of datagrams old stands alone.
 *
 * Messages appear in the order in which they are found; flow_end() sorts them by time.
 */
#include "flow.h"

#include "../fakeigd/base/mem.h"
#include "connection.h"
#include "flow_tcp.h"
#include "fragment.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>

#define ASKED_SLOTS   4096
#define SSDP_PORT     1900
#define CLIENT_PORT   5350 /* announcements of NAT-PMP and PCP go there */
#define SERVER_PORT   5351
#define DATAGRAM_KEPT 2048 /* bytes of an application's datagram */

/**
 * struct asked - a datagram that may be answered
 * @hash:	of what an answer has in common with it; 0 = free
 * @from:	hash of the sender alone: who asks and who answers
 * @message:	index
 */
struct asked {
	uint64_t hash;
	uint64_t from;
	int message;
};

struct flow {
	struct store store;
	struct label_events events;
	struct flow_tcp tcp;
	struct connections *connections;
	struct fragments *fragments;
	uint64_t packets;
	struct asked asked[ASKED_SLOTS];
};

const char *flow_protocol_name(enum flow_protocol protocol)
{
	static const char *const names[FLOW_PROTOCOL_COUNT] = {
		[FLOW_SSDP] = "ssdp", [FLOW_HTTP] = "http",	 [FLOW_SOAP] = "soap",
		[FLOW_GENA] = "gena", [FLOW_NATPMP] = "nat-pmp", [FLOW_PCP] = "pcp",
		[FLOW_TCP] = "tcp",   [FLOW_UDP] = "udp",	 [FLOW_ICMP] = "icmp",
	};

	return protocol < FLOW_PROTOCOL_COUNT ? names[protocol] : "?";
}

/* ---- who answers what ---- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
	return hash;
}

static uint64_t end_point(unsigned link, const uint8_t address[16], uint16_t port)
{
	uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), &link, sizeof(link));

	hash = mix(hash, address, 16);
	return mix(hash, &port, sizeof(port)) | 1;
}

static struct asked *slot(struct flow *f, uint64_t hash)
{
	return &f->asked[(hash ^ hash >> 32) % ASKED_SLOTS];
}

static void remember(struct flow *f, uint64_t hash, uint64_t from, int message)
{
	*slot(f, hash) = (struct asked){hash, from, message};
}

static const struct asked *recall(struct flow *f, uint64_t hash)
{
	const struct asked *a = slot(f, hash);

	return a->hash == hash ? a : NULL;
}

/* Searches are answered to their sender; the target tells several from one socket apart. */
static uint64_t search_hash(uint64_t searcher, const struct flow_message *m)
{
	struct http_head head;
	struct slice st = {0};

	if (http_parse_datagram(m->bytes.data, m->bytes.len, &head) == HTTP_OK)
		st = http_header(&head, "ST");
	return mix(searcher, st.ptr, st.len);
}

static void pair_ssdp(struct flow *f, int index)
{
	struct flow_message *m = store_at(&f->store, index);
	uint64_t searcher;
	const struct asked *a;

	if (m->is_reply) {
		searcher = end_point(m->link, m->dst, m->dst_port);
		a = recall(f, search_hash(searcher, m));
		if (!a)
			a = recall(f, searcher);
		m->request = a ? a->message : -1;
		return;
	}
	searcher = end_point(m->link, m->src, m->src_port);
	remember(f, search_hash(searcher, m), searcher, index);
	remember(f, searcher, searcher, index);
}

/* The other end of an earlier datagram answers it. Return: its index, -1 = this one asks. */
static int pair_datagram(struct flow *f, int index)
{
	struct flow_message *m = store_at(&f->store, index);
	uint64_t src = end_point(m->link, m->src, m->src_port);
	uint64_t dst = end_point(m->link, m->dst, m->dst_port);
	const struct asked *a = recall(f, src ^ dst);

	if (a && a->from == dst && a->from != src)
		return a->message;
	remember(f, src ^ dst, src, index);
	return -1;
}

/* ---- datagrams ---- */

static bool either_port(const struct flow_message *m, uint16_t port)
{
	return m->src_port == port || m->dst_port == port;
}

static bool looks_like_ssdp(const struct flow_message *m)
{
	struct slice s = buf_slice(&m->bytes);

	return either_port(m, SSDP_PORT) || slice_starts(s, "HTTP/1.") ||
	       slice_starts(s, "NOTIFY * ") || slice_starts(s, "M-SEARCH * ");
}

static void on_udp(struct flow *f, const struct packet *p)
{
	int index = store_add(&f->store, FLOW_UDP, p);
	struct flow_message *m = store_at(&f->store, index);
	struct slice payload = p->frame.payload;
	bool port_control;

	if (!m)
		return;
	port_control = either_port(m, SERVER_PORT) || m->dst_port == CLIENT_PORT;
	store_bytes(&f->store, index, payload);
	if (looks_like_ssdp(m) && label_ssdp(m)) {
		pair_ssdp(f, index);
		return;
	}
	m->request = pair_datagram(f, index);
	if (port_control && label_port_control(m)) {
		if (!m->is_reply)
			m->request = -1;
		return;
	}
	m->is_reply = m->request >= 0;
	label_udp(m, p->frame.ttl);
	if (m->bytes.len > DATAGRAM_KEPT)
		m->bytes.len = DATAGRAM_KEPT;
}

/* ---- ICMP ---- */

/** struct icmp_kind - what a type and code say; code -1 = any */
struct icmp_kind {
	uint8_t type;
	int code;
	const char *label;
	bool is_error; /* "time exceeded" is not: it is what a traceroute asks for */
};

static const struct icmp_kind icmp4[] = {
	{ICMP_ECHOREPLY, -1, "echo reply", false},
	{ICMP_ECHO, -1, "echo request", false},
	{ICMP_DEST_UNREACH, ICMP_NET_UNREACH, "network unreachable", true},
	{ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, "host unreachable", true},
	{ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, "protocol unreachable", true},
	{ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, "port unreachable", true},
	{ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, "fragmentation needed", true},
	{ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, "administratively prohibited", true},
	{ICMP_DEST_UNREACH, -1, "destination unreachable", true},
	{ICMP_REDIRECT, -1, "redirect", false},
	{ICMP_TIME_EXCEEDED, -1, "time exceeded", false},
	{ICMP_PARAMETERPROB, -1, "parameter problem", true},
};

static const struct icmp_kind icmp6[] = {
	{ICMP6_ECHO_REPLY, -1, "echo reply", false},
	{ICMP6_ECHO_REQUEST, -1, "echo request", false},
	{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADMIN, "administratively prohibited", true},
	{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADDR, "address unreachable", true},
	{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOPORT, "port unreachable", true},
	{ICMP6_DST_UNREACH, -1, "destination unreachable", true},
	{ICMP6_PACKET_TOO_BIG, -1, "packet too big", true},
	{ICMP6_TIME_EXCEEDED, -1, "time exceeded", false},
	{ICMP6_PARAM_PROB, -1, "parameter problem", true},
};

static const struct icmp_kind *icmp_kind(const struct frame *f)
{
	const struct icmp_kind *table = f->family == AF_INET ? icmp4 : icmp6;
	size_t count = f->family == AF_INET ? ARRAY_SIZE(icmp4) : ARRAY_SIZE(icmp6);

	for (size_t i = 0; i < count; i++) {
		if (table[i].type == f->src_port &&
		    (table[i].code < 0 || table[i].code == f->dst_port))
			return &table[i];
	}
	return NULL;
}

/* End points of the packet that an ICMP error quotes. Return: false when it has no ports. */
static bool quoted_packet(const struct frame *f, struct frame *quoted)
{
	enum frame_error error =
		frame_parse_ip((const uint8_t *)f->payload.ptr, f->payload.len, quoted);
	const uint8_t *ports = (const uint8_t *)quoted->payload.ptr;

	if (error != FRAME_OK && error != FRAME_TRUNCATED)
		return false;
	if (quoted->protocol != IPPROTO_TCP && quoted->protocol != IPPROTO_UDP)
		return false;
	if (!quoted->src_port && quoted->payload.len >= 4) { /* TCP quotes are 8 bytes short */
		quoted->src_port = (uint16_t)(ports[0] << 8 | ports[1]);
		quoted->dst_port = (uint16_t)(ports[2] << 8 | ports[3]);
	}
	return quoted->src_port;
}

static void pair_icmp_error(struct flow *f, const struct packet *p, struct flow_message *m)
{
	struct frame quoted;
	const struct asked *a;
	uint64_t src, dst;

	m->is_reply = true;
	if (!quoted_packet(&p->frame, &quoted))
		return;
	src = end_point(p->link, quoted.src, quoted.src_port);
	dst = end_point(p->link, quoted.dst, quoted.dst_port);
	a = quoted.protocol == IPPROTO_UDP ? recall(f, src ^ dst) : NULL;
	if (a && a->from == src)
		m->request = a->message;
	else if (quoted.dst_port == SSDP_PORT && (a = recall(f, src)))
		m->request = a->message;
	label_printf(m, "%s (%s :%u)", m->label, quoted.protocol == IPPROTO_UDP ? "UDP" : "TCP",
		     quoted.dst_port);
}

static void on_icmp(struct flow *f, const struct packet *p)
{
	const struct icmp_kind *kind = icmp_kind(&p->frame);
	struct flow_message *m;
	int index;

	if (!kind)
		return; /* neighbour discovery, group membership */
	index = store_add(&f->store, FLOW_ICMP, p);
	m = store_at(&f->store, index);
	if (!m)
		return;
	m->src_port = m->dst_port = 0;
	m->is_error = kind->is_error;
	store_bytes(&f->store, index, p->frame.payload);
	if (m->bytes.len > DATAGRAM_KEPT)
		m->bytes.len = DATAGRAM_KEPT;
	label_printf(m, "%s", kind->label);
	if (strncmp(kind->label, "echo", 4) == 0) {
		m->request = pair_datagram(f, index);
		m->is_reply = m->request >= 0;
	} else {
		pair_icmp_error(f, p, m);
	}
}

/* ---- the whole ---- */

struct flow *flow_new(void)
{
	struct flow *f = xcalloc(1, sizeof(*f));

	flow_tcp_init(&f->tcp, &f->store, &f->events);
	f->connections = connections_new(&f->tcp.sink);
	f->fragments = fragments_new();
	return f;
}

void flow_free(struct flow *f)
{
	if (!f)
		return;
	connections_free(f->connections);
	fragments_free(f->fragments);
	label_events_free(&f->events);
	store_free(&f->store);
	free(f);
}

void flow_packet(struct flow *f, unsigned link, int64_t time_ns, struct slice frame)
{
	struct packet p = {
		.link = link,
		.time_ns = time_ns,
		.number = f->packets++,
		.ethernet = (const uint8_t *)frame.ptr,
	};
	enum frame_error error;

	error = frame_parse_ethernet(p.ethernet, frame.len, &p.frame);

	if (error == FRAME_FRAGMENT)
		error = fragments_add(f->fragments, link, time_ns, &p.frame);
	if (error != FRAME_OK)
		return;
	if (p.frame.protocol == IPPROTO_TCP)
		connections_packet(f->connections, &p);
	else if (p.frame.protocol == IPPROTO_UDP)
		on_udp(f, &p);
	else
		on_icmp(f, &p);
}

int flow_put(struct flow *f, const struct flow_message *m)
{
	return store_put(&f->store, m);
}

/* A request that nobody answered says so: that is what somebody is looking for. */
static void note_unanswered(struct flow *f)
{
	bool *answered = xcalloc(f->store.count, sizeof(*answered));

	for (size_t i = 0; i < f->store.count; i++) {
		if (f->store.messages[i].request >= 0)
			answered[f->store.messages[i].request] = true;
	}
	for (size_t i = 0; i < f->store.count; i++) {
		struct flow_message *m = &f->store.messages[i];
		bool expects = m->protocol >= FLOW_HTTP && m->protocol <= FLOW_PCP;

		if (expects && !m->is_reply && !answered[i] && !(m->dst_mac[0] & 1))
			label_append(m, ", no reply");
	}
	free(answered);
}

void flow_end(struct flow *f)
{
	connections_end(f->connections);
	store_sort(&f->store);
	note_unanswered(f);
}

size_t flow_count(const struct flow *f)
{
	return f->store.count;
}

const struct flow_message *flow_message(const struct flow *f, size_t index)
{
	return &f->store.messages[index];
}

uint64_t flow_refused(const struct flow *f)
{
	return f->store.refused;
}
