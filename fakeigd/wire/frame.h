/* SPDX-License-Identifier: MIT */
/* frame.h - link, IPv4, IPv6, UDP, TCP, ICMP headers of captured frames. Pure. */
#ifndef IGDLAB_WIRE_FRAME_H
#define IGDLAB_WIRE_FRAME_H

#include "../base/slice.h"

#include <netinet/in.h>

enum frame_error {
	FRAME_OK,
	FRAME_TRUNCATED,
	FRAME_NOT_IP,
	FRAME_BAD_HEADER,
	FRAME_FRAGMENT, /* a fragment other than a first one, or a first with more to come */
	FRAME_OTHER_TRANSPORT,
	FRAME_ERROR_COUNT,
};

/**
 * struct frame - what matters of a packet
 * @family:	AF_INET or AF_INET6
 * @src, @dst:	addresses; IPv4 in the first four bytes
 * @protocol:	IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP, IPPROTO_ICMPV6
 * @ttl:	TTL or hop limit
 * @src_port, @dst_port: host order; ICMP: type and code
 * @seq, @ack, @flags: TCP (flags: low byte as on the wire)
 * @payload:	transport payload, trimmed to the IP length
 * @missing:	bytes of it that the capture has not got (FRAME_TRUNCATED behind a whole transport
 *		header)
 * @fragment_id, @fragment_offset, @fragment_more: of FRAME_FRAGMENT: which packet, where in its IP
 *		payload in bytes, others follow
 *
 * On an error what came before it is filled in: a fragment or another transport has addresses, and
 * the IP payload as @payload; a packet that the capture cut short has its ports and the rest of it.
 */
struct frame {
	int family;
	uint8_t src[16];
	uint8_t dst[16];
	uint8_t protocol;
	uint8_t ttl;
	uint16_t src_port;
	uint16_t dst_port;
	uint32_t seq;
	uint32_t ack;
	uint8_t flags;
	struct slice payload;
	size_t missing;
	uint32_t fragment_id;
	uint16_t fragment_offset;
	bool fragment_more;
};

#define FRAME_TCP_FIN 0x01
#define FRAME_TCP_SYN 0x02
#define FRAME_TCP_RST 0x04
#define FRAME_TCP_PSH 0x08
#define FRAME_TCP_ACK 0x10

/* Link types of captures (LINKTYPE_*, tcpdump.org/linktypes.html). */
#define FRAME_LINK_NULL	    0 /* loopback of BSD: address family in the host's order */
#define FRAME_LINK_ETHERNET 1
#define FRAME_LINK_DLT_RAW  12 /* raw IP as some programs number it, and 14 on OpenBSD */
#define FRAME_LINK_RAW	    101
#define FRAME_LINK_LOOP	    108 /* loopback of OpenBSD: address family in network order */
#define FRAME_LINK_SLL	    113 /* Linux cooked */
#define FRAME_LINK_IPV4	    228
#define FRAME_LINK_IPV6	    229
#define FRAME_LINK_SLL2	    276

/** frame_link_known() - whether frame_parse_link() reads that link type. */
bool frame_link_known(unsigned link_type);
/**
 * frame_parse_link() - decode a frame of a link type
 *
 * 802.1Q and 802.1ad tags are skipped. FRAME_NOT_IP for a link type that is not known.
 */
enum frame_error frame_parse_link(unsigned link_type, const uint8_t *data, size_t len,
				  struct frame *out);
/**
 * frame_parse_joined() - decode the transport of a packet put together from its fragments
 * @frame:	what the first fragment was decoded to
 * @payload:	the whole IP payload that they had
 */
enum frame_error frame_parse_joined(struct frame *frame, struct slice payload);
/** frame_parse_ethernet() - decode a frame with an Ethernet header. */
enum frame_error frame_parse_ethernet(const uint8_t *data, size_t len, struct frame *out);
/** frame_parse_ip() - the same starting at the IP header. */
enum frame_error frame_parse_ip(const uint8_t *data, size_t len, struct frame *out);

#endif
