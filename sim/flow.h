/* SPDX-License-Identifier: MIT */
/*
 * flow.h - messages out of packets: what was said, by whom, when (DESIGN: Flow).
 *
 * Packets of a capture go in, in order of time; messages come out: SSDP datagrams, HTTP requests
 * and responses put together again from TCP segments (own reassembly: retransmission, reordering,
 * overlap, gaps marked), GENA, NAT-PMP and PCP datagrams, TCP connections and UDP datagrams of
 * applications as such.
 */
#ifndef SIM_FLOW_H
#define SIM_FLOW_H

#include "../fakeigd/base/buf.h"

#define FLOW_MESSAGES_MAX  1000000	       /* further ones are only counted */
#define FLOW_MESSAGE_BYTES (4u << 20)	       /* kept of one message */
#define FLOW_TOTAL_BYTES   (UINT64_C(1) << 30) /* kept of all together */

enum flow_protocol {
	FLOW_SSDP,
	FLOW_HTTP,
	FLOW_SOAP,
	FLOW_GENA,
	FLOW_NATPMP,
	FLOW_PCP,
	FLOW_TCP,
	FLOW_UDP,
	FLOW_ICMP,
	FLOW_PROTOCOL_COUNT
};

/**
 * struct flow_message - one message
 * @time_ns:	of its first packet
 * @end_ns:	of its last
 * @link:	index of the capture interface it was seen on; a message that crosses a router is
 *		another message on the next link
 * @src_mac, @dst_mac: stations on that link
 * @family, @src, @src_port, @dst, @dst_port: end points; IPv4 in the first four bytes
 * @bytes:	the message (HTTP: head and body as on the wire); owned. May be less than @size
 * @size:	its length
 * @label:	one line for people, valid UTF-8 without control characters:
 *		"AddPortMapping 1872/TCP → 192.168.1.4:1872, 60 s"
 * @is_reply:	a response
 * @is_error:	an HTTP status of 400 or more, a fault, a reset, a TCP connect without answer
 * @request:	index of the message it answers, -1 = none
 * @first_packet: number of its first packet, counted from 0 in the order of flow_packet()
 * @packets:	how many packets brought it
 * @last_packet: number of the last one
 */
struct flow_message {
	enum flow_protocol protocol;
	int64_t time_ns;
	int64_t end_ns;
	unsigned link;
	uint8_t src_mac[6], dst_mac[6];
	int family;
	uint8_t src[16], dst[16];
	uint16_t src_port, dst_port;
	struct buf bytes;
	uint64_t size;
	char *label;
	bool is_reply;
	bool is_error;
	int request;
	uint64_t first_packet;
	unsigned packets;
	uint64_t last_packet;
};

struct flow;

struct flow *flow_new(void);
void flow_free(struct flow *f);
/** flow_packet() - feed one captured frame (Ethernet); what is no IP packet is ignored. */
void flow_packet(struct flow *f, unsigned link, int64_t time_ns, struct slice frame);
/**
 * flow_put() - add a message that did not come out of packets (a recorded one)
 * @m:		its label and bytes become the flow's; @request is an index that this gave
 *
 * Return: its index until flow_end(), or -1 when there are too many (then @m is still the
 * caller's).
 */
int flow_put(struct flow *f, const struct flow_message *m);
/**
 * flow_end() - no more packets
 *
 * Messages that were cut off are kept, marked in their label. Only now are the messages in order of
 * time and their indexes final.
 */
void flow_end(struct flow *f);
size_t flow_count(const struct flow *f);
/** flow_message() - valid until the next flow_packet() or flow_end(). */
const struct flow_message *flow_message(const struct flow *f, size_t index);
/** flow_refused() - messages beyond FLOW_MESSAGES_MAX. */
uint64_t flow_refused(const struct flow *f);
/** flow_protocol_name() - "ssdp", "http", ... */
const char *flow_protocol_name(enum flow_protocol protocol);

#endif
