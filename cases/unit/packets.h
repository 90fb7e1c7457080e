/* SPDX-License-Identifier: MIT */
/*
 * packets.h - frames for tests, built from what they mean.
 *
 * A world of two networks: client 192.168.1.4 - r1 192.168.1.1 / 44.0.1.2 - peer 44.0.1.10. The
 * station (MAC) of an address ends in the address's last byte, on network 1 in that plus 0x80; an
 * address of the other network has the router's.
 */
#ifndef CASES_UNIT_PACKETS_H
#define CASES_UNIT_PACKETS_H

#include "../../fakeigd/wire/frame.h"
#include "../../sim/flow.h"

#include <arpa/inet.h>
#include <assert.h>

#define CLIENT	   "192.168.1.4"
#define ROUTER	   "192.168.1.1"
#define ROUTER_WAN "44.0.1.2"
#define PEER	   "44.0.1.10"
#define GROUP	   "239.255.255.250"

/** struct end - one end of an exchange; @seq is what its next TCP byte gets */
struct end {
	const char *address;
	uint16_t port;
	uint32_t seq;
};

/** struct wire - where test packets go: into a flow, a pcapng, or both may be NULL */
struct wire {
	struct flow *flow;
	void (*sink)(void *arg, unsigned link, int64_t time_ns, struct slice frame);
	void *arg;
	unsigned link;
	int64_t time_ns;
	uint8_t ttl;
};

static inline void packets_station(uint8_t mac[6], const uint8_t address[4], unsigned link)
{
	const uint8_t group[6] = {0x01, 0x00, 0x5e, address[1] & 0x7f, address[2], address[3]};
	uint8_t host = (address[0] == 44) == (link == 1) ? address[3] : (uint8_t)(link + 1);
	const uint8_t station[6] = {0x02, 0, 0, 0, 0, (uint8_t)(host + 0x80 * link)};

	memcpy(mac, address[0] >= 224 ? group : station, 6);
}

static inline void packets_send(struct wire *w, uint8_t protocol, const char *src, const char *dst,
				const void *transport, size_t len)
{
	static uint8_t frame[70000];
	uint8_t *ip = frame + 14;
	uint16_t total = htons((uint16_t)(20 + len));

	assert(len < sizeof(frame) - 34);
	memset(frame, 0, 34);
	inet_pton(AF_INET, src, ip + 12);
	inet_pton(AF_INET, dst, ip + 16);
	packets_station(frame, ip + 16, w->link);
	packets_station(frame + 6, ip + 12, w->link);
	frame[12] = 0x08;
	ip[0] = 0x45;
	memcpy(ip + 2, &total, 2);
	ip[8] = w->ttl ? w->ttl : 64;
	ip[9] = protocol;
	if (len)
		memcpy(ip + 20, transport, len);
	if (w->flow)
		flow_packet(w->flow, w->link, w->time_ns, (struct slice){(char *)frame, 34 + len});
	if (w->sink)
		w->sink(w->arg, w->link, w->time_ns, (struct slice){(char *)frame, 34 + len});
	w->time_ns += 100000;
}

static inline void packets_udp(struct wire *w, struct end a, struct end b, struct slice payload)
{
	static uint8_t datagram[65536];
	uint16_t head[4] = {htons(a.port), htons(b.port), htons((uint16_t)(8 + payload.len)), 0};

	memcpy(datagram, head, 8);
	if (payload.len)
		memcpy(datagram + 8, payload.ptr, payload.len);
	packets_send(w, IPPROTO_UDP, a.address, b.address, datagram, 8 + payload.len);
}

/* A segment with explicit numbers. */
static inline void packets_segment(struct wire *w, struct end a, struct end b, uint32_t seq,
				   uint32_t ack, uint8_t flags, struct slice payload)
{
	static uint8_t segment[65536];
	uint16_t ports[2] = {htons(a.port), htons(b.port)};
	uint32_t numbers[2] = {htonl(seq), htonl(ack)};

	memset(segment, 0, 20);
	memcpy(segment, ports, 4);
	memcpy(segment + 4, numbers, 8);
	segment[12] = 0x50;
	segment[13] = flags;
	if (payload.len)
		memcpy(segment + 20, payload.ptr, payload.len);
	packets_send(w, IPPROTO_TCP, a.address, b.address, segment, 20 + payload.len);
}

/* Data in order; moves a->seq. */
static inline void packets_tcp(struct wire *w, struct end *a, const struct end *b, uint8_t flags,
			       struct slice payload)
{
	packets_segment(w, *a, *b, a->seq, b->seq, flags | FRAME_TCP_ACK, payload);
	a->seq += (uint32_t)payload.len + !!(flags & FRAME_TCP_FIN);
}

static inline void packets_text(struct wire *w, struct end *a, const struct end *b,
				const char *text)
{
	packets_tcp(w, a, b, FRAME_TCP_PSH, slice_of(text));
}

static inline void packets_connect(struct wire *w, struct end *a, struct end *b)
{
	packets_segment(w, *a, *b, a->seq++, 0, FRAME_TCP_SYN, (struct slice){0});
	packets_segment(w, *b, *a, b->seq++, a->seq, FRAME_TCP_SYN | FRAME_TCP_ACK,
			(struct slice){0});
	packets_segment(w, *a, *b, a->seq, b->seq, FRAME_TCP_ACK, (struct slice){0});
}

static inline void packets_close(struct wire *w, struct end *a, struct end *b)
{
	packets_tcp(w, a, b, FRAME_TCP_FIN, (struct slice){0});
	packets_tcp(w, b, a, FRAME_TCP_FIN, (struct slice){0});
	packets_segment(w, *a, *b, a->seq, b->seq, FRAME_TCP_ACK, (struct slice){0});
}

#endif
