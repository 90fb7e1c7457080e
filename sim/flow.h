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

#include "../fakeigd/wire/frame.h"
#include "../fakeigd/wire/http.h"

#include <jansson.h>

enum flow_protocol {
	FLOW_SSDP,
	FLOW_HTTP,
	FLOW_SOAP,
	FLOW_GENA,
	FLOW_NATPMP,
	FLOW_PCP,
	FLOW_TCP,
	FLOW_UDP,
	FLOW_ICMP
};

/**
 * struct flow_message - one message
 * @time_ns:	of its first packet
 * @end_ns:	of its last
 * @link:	index of the capture interface it was first seen on
 * @family, @src, @src_port, @dst, @dst_port: end points
 * @bytes:	the message (HTTP: head and body as on the wire); owned
 * @label:	one line for people: "AddPortMapping 1872/TCP -> 192.168.1.4:1872, 60 s"
 * @is_reply:	a response
 * @is_error:	an HTTP status of 400 or more, a fault, a reset
 * @request:	index of the message it answers, -1 = none
 * @first_packet, @packets: for finding it in the capture
 */
struct flow_message {
	enum flow_protocol protocol;
	int64_t time_ns;
	int64_t end_ns;
	unsigned link;
	int family;
	uint8_t src[16], dst[16];
	uint16_t src_port, dst_port;
	struct buf bytes;
	char *label;
	bool is_reply;
	bool is_error;
	int request;
	uint64_t first_packet;
	unsigned packets;
};

struct flow;

struct flow *flow_new(void);
void flow_free(struct flow *f);
/** flow_packet() - feed one captured frame (Ethernet). */
void flow_packet(struct flow *f, unsigned link, int64_t time_ns, struct slice frame);
/** flow_end() - no more packets: messages that were cut off are kept, marked in their label. */
void flow_end(struct flow *f);
size_t flow_count(const struct flow *f);
const struct flow_message *flow_message(const struct flow *f, size_t index);

#endif
