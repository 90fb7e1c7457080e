/* SPDX-License-Identifier: MIT */
/*
 * frame.c - headers of captured frames (see frame.h).
 *
 * Theory of operation
 *
 * Each header takes its bytes off the front of a struct slice and leaves the rest to the next one:
 * the link's (Ethernet or Linux cooked with any number of 802.1Q and 802.1ad tags, loopback, none),
 * IPv4 (RFC 791) with options, IPv6 (RFC 8200) with extension headers, then UDP, TCP or ICMP. What
 * an IP length does not cover is link padding and cut off; a length of 0 is what segmentation
 * offload leaves in a capture and means "all". Checksums are not looked at: offload leaves those
 * unset too. Fragments are told as such; who puts them together comes back with
 * frame_parse_joined().
 */
#include "frame.h"

#include "../base/mem.h"

#include <net/ethernet.h>

static uint8_t u8(struct slice s, size_t at)
{
	return (uint8_t)s.ptr[at];
}

static uint16_t u16(struct slice s, size_t at)
{
	return (uint16_t)(u8(s, at) << 8 | u8(s, at + 1));
}

static uint32_t u32(struct slice s, size_t at)
{
	return (uint32_t)u16(s, at) << 16 | u16(s, at + 2);
}

static struct slice skip(struct slice s, size_t len)
{
	return (struct slice){s.ptr + len, s.len - len};
}

static enum frame_error parse_udp(struct frame *out)
{
	struct slice s = out->payload;
	uint16_t len;

	if (s.len < 8)
		return FRAME_TRUNCATED;
	out->src_port = u16(s, 0);
	out->dst_port = u16(s, 2);
	len = u16(s, 4);
	out->payload = skip(s, 8);
	if (len < 8)
		return FRAME_BAD_HEADER;
	if (len > s.len) {
		out->missing = len - s.len;
		return FRAME_TRUNCATED;
	}
	out->payload.len = len - 8u;
	return FRAME_OK;
}

static enum frame_error parse_tcp(struct frame *out)
{
	struct slice s = out->payload;
	size_t header;

	if (s.len < 20)
		return FRAME_TRUNCATED;
	header = (size_t)(u8(s, 12) >> 4) * 4;
	out->src_port = u16(s, 0);
	out->dst_port = u16(s, 2);
	out->seq = u32(s, 4);
	out->ack = u32(s, 8);
	out->flags = u8(s, 13);
	if (header < 20)
		return FRAME_BAD_HEADER;
	if (header > s.len)
		return FRAME_TRUNCATED;
	out->payload = skip(s, header);
	return FRAME_OK;
}

/* ICMP and ICMPv6 share their first eight bytes. */
static enum frame_error parse_icmp(struct frame *out)
{
	struct slice s = out->payload;

	if (s.len < 8)
		return FRAME_TRUNCATED;
	out->src_port = u8(s, 0);
	out->dst_port = u8(s, 1);
	out->payload = skip(s, 8);
	return FRAME_OK;
}

/* @cut: bytes that the IP header promises and the capture has not got. */
static enum frame_error parse_transport(struct frame *out, size_t cut)
{
	enum frame_error error = FRAME_OTHER_TRANSPORT;

	if (out->protocol == IPPROTO_UDP)
		error = parse_udp(out);
	else if (out->protocol == IPPROTO_TCP)
		error = parse_tcp(out);
	else if (out->protocol == (out->family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		error = parse_icmp(out);
	if (error != FRAME_OK || !cut)
		return error;
	out->missing = cut;
	return FRAME_TRUNCATED;
}

static enum frame_error parse_ipv4(struct slice s, struct frame *out)
{
	size_t header, total, cut;
	uint16_t fragment;

	if (s.len < 20)
		return FRAME_TRUNCATED;
	header = (size_t)(u8(s, 0) & 15) * 4;
	total = u16(s, 2) ? u16(s, 2) : s.len;
	if (header < 20 || total < header)
		return FRAME_BAD_HEADER;
	out->family = AF_INET;
	out->ttl = u8(s, 8);
	out->protocol = u8(s, 9);
	memcpy(out->src, s.ptr + 12, 4);
	memcpy(out->dst, s.ptr + 16, 4);
	if (header > s.len)
		return FRAME_TRUNCATED;
	cut = total > s.len ? total - s.len : 0;
	if (!cut)
		s.len = total;
	out->payload = skip(s, header);
	fragment = u16(s, 6);
	if (fragment & 0x3fff) { /* more fragments, or an offset */
		out->fragment_id = u16(s, 4);
		out->fragment_offset = (uint16_t)(fragment << 3);
		out->fragment_more = fragment & 0x2000;
		out->missing = cut;
		return FRAME_FRAGMENT;
	}
	return parse_transport(out, cut);
}

/* Take extension headers off the front of the payload (RFC 8200 clause 4). */
static enum frame_error skip_extensions(struct frame *out)
{
	for (;;) {
		struct slice s = out->payload;
		size_t len = 8;

		switch (out->protocol) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			if (s.len < 8)
				return FRAME_TRUNCATED;
			len = (u8(s, 1) + 1u) * 8u;
			break;
		case IPPROTO_FRAGMENT:
			if (s.len < 8)
				return FRAME_TRUNCATED;
			break;
		default:
			return FRAME_OK;
		}
		if (len > s.len)
			return FRAME_TRUNCATED;
		out->payload = skip(s, len);
		/* a whole packet may come as its only fragment (RFC 6946) */
		if (out->protocol == IPPROTO_FRAGMENT && (u16(s, 2) & 0xfff9)) {
			out->protocol = u8(s, 0);
			out->fragment_offset = u16(s, 2) & 0xfff8;
			out->fragment_more = u16(s, 2) & 1;
			out->fragment_id = u32(s, 4);
			return FRAME_FRAGMENT;
		}
		out->protocol = u8(s, 0);
	}
}

static enum frame_error parse_ipv6(struct slice s, struct frame *out)
{
	enum frame_error error;
	size_t len, cut;

	if (s.len < 40)
		return FRAME_TRUNCATED;
	len = u16(s, 4);
	out->family = AF_INET6;
	out->protocol = u8(s, 6);
	out->ttl = u8(s, 7);
	memcpy(out->src, s.ptr + 8, 16);
	memcpy(out->dst, s.ptr + 24, 16);
	if (!len && out->protocol != IPPROTO_NONE)
		len = s.len - 40;
	cut = len > s.len - 40 ? len - (s.len - 40) : 0;
	out->payload = skip(s, 40);
	if (!cut)
		out->payload.len = len;
	error = skip_extensions(out);
	if (error == FRAME_FRAGMENT)
		out->missing = cut;
	return error ? error : parse_transport(out, cut);
}

enum frame_error frame_parse_joined(struct frame *frame, struct slice payload)
{
	enum frame_error error = FRAME_OK;

	frame->payload = payload;
	frame->missing = 0;
	if (frame->family == AF_INET6)
		error = skip_extensions(frame);
	return error ? error : parse_transport(frame, 0);
}

static enum frame_error parse_ip(struct slice s, struct frame *out)
{
	if (!s.len)
		return FRAME_TRUNCATED;
	if (u8(s, 0) >> 4 == 4)
		return parse_ipv4(s, out);
	return u8(s, 0) >> 4 == 6 ? parse_ipv6(s, out) : FRAME_NOT_IP;
}

enum frame_error frame_parse_ip(const uint8_t *data, size_t len, struct frame *out)
{
	memset(out, 0, sizeof(*out));
	return parse_ip((struct slice){(const char *)data, len}, out);
}

/* What follows an EtherType, with its tags. */
static enum frame_error parse_ethertype(uint16_t type, struct slice s, struct frame *out)
{
	while (type == ETHERTYPE_VLAN || type == 0x88a8 || type == 0x9100) {
		if (s.len < 4)
			return FRAME_TRUNCATED;
		type = u16(s, 2);
		s = skip(s, 4);
	}
	if (type != ETHERTYPE_IP && type != ETHERTYPE_IPV6)
		return FRAME_NOT_IP;
	if (s.len && u8(s, 0) >> 4 != (type == ETHERTYPE_IP ? 4 : 6))
		return FRAME_BAD_HEADER;
	return parse_ip(s, out);
}

/** struct link_header - what stands before the IP packet: @len bytes, EtherType at @type */
struct link_header {
	unsigned link_type;
	size_t len;
	int type; /* -1: none, the IP version tells */
};

static const struct link_header link_headers[] = {
	{FRAME_LINK_ETHERNET, ETHER_HDR_LEN, 12},
	{FRAME_LINK_SLL, 16, 14},
	{FRAME_LINK_SLL2, 20, 0},
	{FRAME_LINK_NULL, 4, -1}, /* families differ between systems: the IP version is sure */
	{FRAME_LINK_LOOP, 4, -1},
	{FRAME_LINK_RAW, 0, -1},
	{FRAME_LINK_DLT_RAW, 0, -1},
	{14, 0, -1},
	{FRAME_LINK_IPV4, 0, -1},
	{FRAME_LINK_IPV6, 0, -1},
};

static const struct link_header *link_header(unsigned link_type)
{
	for (size_t i = 0; i < ARRAY_SIZE(link_headers); i++) {
		if (link_headers[i].link_type == link_type)
			return &link_headers[i];
	}
	return NULL;
}

bool frame_link_known(unsigned link_type)
{
	return link_header(link_type);
}

enum frame_error frame_parse_link(unsigned link_type, const uint8_t *data, size_t len,
				  struct frame *out)
{
	const struct link_header *header = link_header(link_type);
	struct slice s = {(const char *)data, len};

	memset(out, 0, sizeof(*out));
	if (!header)
		return FRAME_NOT_IP;
	if (len < header->len)
		return FRAME_TRUNCATED;
	if (header->type < 0)
		return parse_ip(skip(s, header->len), out);
	return parse_ethertype(u16(s, (size_t)header->type), skip(s, header->len), out);
}

enum frame_error frame_parse_ethernet(const uint8_t *data, size_t len, struct frame *out)
{
	return frame_parse_link(FRAME_LINK_ETHERNET, data, len, out);
}
