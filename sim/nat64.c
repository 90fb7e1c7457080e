/* SPDX-License-Identifier: MIT */
/*
 * nat64.c - translation of headers between IPv6 and IPv4 (see nat64.h).
 *
 * Theory of operation. A host of an IPv6 network that wants to reach 192.0.2.1 sends to
 * PREFIX::192.0.2.1 (RFC 6052). Its packet becomes one of IPv4 from an address of the pool, which
 * stays the host's (RFC 7915 with a mapping of addresses, one to one); the kernel's NAT behind it
 * makes the router's outer address of that, so that both together are a stateful NAT64 (RFC 6146).
 * What comes back goes to the pool's address and becomes IPv6 again.
 *
 * Clauses 4.1 and 5.1 of RFC 7915 are the headers: extension headers but fragmentation are passed
 * over, a source route ends the packet, options of IPv4 are dropped. Checksums of TCP and UDP
 * change by the difference of the pseudo headers; a UDP datagram without one gets one, unless it is
 * a fragment, which is dropped (clause 4.5). ICMP is in nat64_icmp.c. A fragment of ICMP is
 * dropped: its checksum is over bytes that are not there.
 */
#include "nat64_parts.h"

#include <string.h>

#define HEADER4	      20
#define HEADER6	      40
#define FRAGMENT      8	  /* its extension header */
#define QUOTED_MAX    512 /* bytes of a quoted packet that are translated */
#define ICMP6	      58
#define MINIMUM_MTU   1280 /* of IPv6: what fits need not be fragmented behind the translator */
#define DONT_FRAGMENT 0x4000

uint16_t nat64_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

void nat64_put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

uint32_t nat64_sum(uint32_t sum, const uint8_t *at, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += nat64_get16(at + i);
	return len % 2 ? sum + (uint32_t)(at[len - 1] << 8) : sum;
}

uint16_t nat64_fold(uint32_t sum)
{
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint32_t nat64_pseudo(const struct nat64_packet *p, uint8_t protocol, size_t len)
{
	uint32_t sum = protocol + (uint32_t)(len & 0xffff) + (uint32_t)(len >> 16);

	return nat64_sum(nat64_sum(sum, p->src.s6_addr, 16), p->dst.s6_addr, 16);
}

/* ------------------------------------------------------------ addresses */

static bool in_prefix(const struct nat64 *n, const struct in6_addr *address)
{
	return !memcmp(n->prefix.s6_addr, address->s6_addr, NAT64_PREFIX / 8);
}

/* Index of a host in the pool, which gets a new one when it is to. -1: none. */
static int host_of(struct nat64 *n, const struct in6_addr *address, bool is_new)
{
	for (size_t i = 0; i < n->count; i++)
		if (!memcmp(&n->hosts[i], address, sizeof(*address)))
			return (int)i;
	if (!is_new || n->count == NAT64_HOSTS_MAX)
		return -1;
	n->hosts[n->count] = *address;
	return (int)n->count++;
}

/* The IPv4 address of an IPv6 one: in the prefix, or a host's. */
static bool to_four(struct nat64 *n, const struct in6_addr *address, bool is_new, uint8_t out[4])
{
	uint32_t four;
	int host;

	if (in_prefix(n, address)) {
		memcpy(out, address->s6_addr + 12, 4);
		return true;
	}
	host = host_of(n, address, is_new);
	four = htonl(ntohl(n->pool.s_addr) + (uint32_t)host + 1);
	memcpy(out, &four, 4);
	return host >= 0;
}

static struct in6_addr to_six(const struct nat64 *n, const uint8_t four[4])
{
	struct in6_addr out = n->prefix;
	struct in_addr address;
	uint32_t host;

	memcpy(&address, four, 4);
	host = ntohl(address.s_addr) - ntohl(n->pool.s_addr) - 1;
	if (host < n->count)
		return n->hosts[host];
	memcpy(out.s6_addr + 12, four, 4);
	return out;
}

/* ------------------------------------------------------------ what came */

/* Extension headers up to the transport (RFC 7915 clause 5.1). Return: whether it can go on. */
static bool read_extensions(struct nat64_packet *p, const uint8_t **at, const uint8_t *end)
{
	enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENTED = 44, OPTIONS = 60 };

	while (p->protocol == HOP_BY_HOP || p->protocol == ROUTING || p->protocol == OPTIONS ||
	       p->protocol == FRAGMENTED) {
		size_t len;

		if (end - *at < 8 || p->fragment)
			return false;
		len = p->protocol == FRAGMENTED ? FRAGMENT : 8 + 8 * (size_t)(*at)[1];
		if ((size_t)(end - *at) < len || (p->protocol == ROUTING && (*at)[3]))
			return false;
		if (p->protocol == FRAGMENTED) {
			p->fragment = true;
			p->offset = nat64_get16(*at + 2) >> 3;
			p->more = (*at)[3] & 1;
			p->id = (uint32_t)nat64_get16(*at + 4) << 16 | nat64_get16(*at + 6);
		}
		p->protocol = (*at)[0];
		*at += len;
	}
	return true;
}

static bool read_six(const uint8_t *packet, size_t len, bool quoted, struct nat64_packet *p)
{
	const uint8_t *at = packet + HEADER6, *end;
	size_t said;

	if (len < HEADER6)
		return false;
	said = nat64_get16(packet + 4);
	if (said > len - HEADER6 && !quoted)
		return false;
	end = packet + HEADER6 + (said < len - HEADER6 ? said : len - HEADER6);
	p->six = true;
	p->class = (uint8_t)(packet[0] << 4 | packet[1] >> 4);
	p->protocol = packet[6];
	p->ttl = packet[7];
	memcpy(&p->src, packet + 8, 16);
	memcpy(&p->dst, packet + 24, 16);
	if (!read_extensions(p, &at, end))
		return false;
	p->payload = at;
	p->len = (size_t)(end - at);
	p->whole = said - (size_t)(at - packet - HEADER6);
	return true;
}

static bool read_four(const struct nat64 *n, const uint8_t *packet, size_t len, bool quoted,
		      struct nat64_packet *p)
{
	size_t head, said;
	uint16_t flags;

	if (len < HEADER4)
		return false;
	head = (size_t)(packet[0] & 15) * 4;
	said = nat64_get16(packet + 2);
	if (head < HEADER4 || said < head || len < head || (said > len && !quoted))
		return false;
	flags = nat64_get16(packet + 6);
	p->class = packet[1];
	p->ttl = packet[8];
	p->protocol = packet[9];
	p->offset = flags & 0x1fff;
	p->more = flags & 0x2000;
	p->fragment = p->offset || p->more;
	p->id = nat64_get16(packet + 4);
	p->src = to_six(n, packet + 12);
	p->dst = to_six(n, packet + 16);
	p->payload = packet + head;
	p->len = (said < len ? said : len) - head;
	p->whole = said - head;
	return true;
}

static bool read_packet(const struct nat64 *n, const uint8_t *packet, size_t len, bool quoted,
			struct nat64_packet *p)
{
	*p = (struct nat64_packet){0};
	if (len && packet[0] >> 4 == 6)
		return read_six(packet, len, quoted, p);
	return len && packet[0] >> 4 == 4 && read_four(n, packet, len, quoted, p);
}

/* ------------------------------------------------------------ what goes */

/* Room for the header that @p gets. */
static size_t header_len(const struct nat64_packet *p)
{
	return p->six ? HEADER4 : HEADER6 + (p->fragment ? FRAGMENT : 0);
}

static void write_six(const struct nat64_packet *p, size_t len, uint8_t *out)
{
	uint8_t protocol = p->protocol == IPPROTO_ICMP ? ICMP6 : p->protocol;

	memset(out, 0, HEADER6);
	out[0] = 0x60 | p->class >> 4;
	out[1] = (uint8_t)(p->class << 4);
	nat64_put16(out + 4, (uint32_t)(len + (p->fragment ? FRAGMENT : 0)));
	out[6] = p->fragment ? IPPROTO_FRAGMENT : protocol;
	out[7] = p->ttl;
	memcpy(out + 8, &p->src, 16);
	memcpy(out + 24, &p->dst, 16);
	if (!p->fragment)
		return;
	out += HEADER6;
	out[0] = protocol;
	out[1] = 0;
	nat64_put16(out + 2, (uint32_t)p->offset << 3 | p->more);
	nat64_put16(out + 4, p->id >> 16);
	nat64_put16(out + 6, p->id);
}

static bool write_four(struct nat64 *n, const struct nat64_packet *p, size_t len, bool quoted,
		       uint8_t *out)
{
	size_t total = HEADER4 + len;
	uint32_t flags = p->offset | (p->more ? 0x2000 : 0);

	/* Clause 5.1: a packet that IPv6 would have to carry whole is not fragmented here. */
	if (!p->fragment && total > MINIMUM_MTU - HEADER4)
		flags = DONT_FRAGMENT;
	memset(out, 0, HEADER4);
	out[0] = 0x45;
	out[1] = p->class;
	nat64_put16(out + 2, (uint32_t)total);
	nat64_put16(out + 4, p->id);
	nat64_put16(out + 6, flags);
	out[8] = p->ttl;
	out[9] = p->protocol == ICMP6 ? IPPROTO_ICMP : p->protocol;
	if (!to_four(n, &p->src, !quoted, out + 12) || !to_four(n, &p->dst, false, out + 16))
		return false;
	nat64_put16(out + 10, nat64_fold(nat64_sum(0, out, HEADER4)));
	return true;
}

static bool write_header(struct nat64 *n, const struct nat64_packet *p, size_t len, bool quoted,
			 uint8_t *out)
{
	if (p->six)
		return write_four(n, p, len, quoted, out);
	write_six(p, len, out);
	return true;
}

/* The checksum at @at from one pseudo header's addresses to the other's (RFC 1624). @header: that
 * of IPv4. */
static void adjust(uint8_t *at, const struct nat64_packet *p, const uint8_t *header)
{
	uint32_t six = nat64_sum(nat64_sum(0, p->src.s6_addr, 16), p->dst.s6_addr, 16);
	uint32_t four = nat64_sum(0, header + 12, 8);
	uint32_t gone = p->six ? six : four, come = p->six ? four : six;

	nat64_put16(at, nat64_fold((uint16_t)~nat64_get16(at) + nat64_fold(gone) + come));
}

/* Copy the bytes of TCP, UDP or anything else. @four: the header of IPv4, which came or goes. */
static bool copy_transport(const struct nat64_packet *p, const uint8_t *four, uint8_t *out)
{
	size_t field = p->protocol == IPPROTO_TCP ? 16 : 6;

	memcpy(out, p->payload, p->len);
	if (p->offset || (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP))
		return true;
	if (p->len < field + 2)
		return false;
	if (p->protocol == IPPROTO_TCP || nat64_get16(out + field)) {
		adjust(out + field, p, four);
	} else {
		if (p->six || p->fragment)
			return false; /* without a checksum: not in IPv6 (clause 4.5) */
		nat64_put16(out + field, nat64_fold(nat64_sum(nat64_pseudo(p, IPPROTO_UDP, p->len),
							      out, p->len)));
	}
	if (p->protocol == IPPROTO_UDP && !nat64_get16(out + field))
		nat64_put16(out + field, 0xffff);
	return true;
}

size_t nat64_quoted(struct nat64 *n, const uint8_t *packet, size_t len, uint8_t *out)
{
	static const uint8_t echo[][2] = {{8, 128}, {0, 129}};
	struct nat64_packet p;
	size_t head;

	if (!read_packet(n, packet, len < QUOTED_MAX ? len : QUOTED_MAX, true, &p))
		return 0;
	head = header_len(&p);
	if (!write_header(n, &p, p.whole, true, out))
		return 0;
	memcpy(out + head, p.payload, p.len);
	for (size_t i = 0; i < 2 && p.len; i++)
		if (p.protocol == (p.six ? ICMP6 : IPPROTO_ICMP) && p.payload[0] == echo[i][p.six])
			out[head] = echo[i][!p.six];
	return head + p.len;
}

/* Whether a packet is for this translator: IPv6 to the prefix, IPv4 to a host of the pool. */
static bool is_ours(const struct nat64 *n, const struct nat64_packet *p)
{
	return p->six ? in_prefix(n, &p->dst) && !in_prefix(n, &p->src)
		      : !in_prefix(n, &p->dst) && in_prefix(n, &p->src);
}

size_t nat64_translate(struct nat64 *n, const uint8_t *packet, size_t len, uint8_t *out)
{
	struct nat64_packet p;
	size_t head, body;

	if (!read_packet(n, packet, len, false, &p) || !is_ours(n, &p))
		return 0;
	head = header_len(&p);
	if (p.protocol == (p.six ? IPPROTO_ICMP : ICMP6) || p.len > 0xffff - HEADER6 - FRAGMENT)
		return 0;
	if (p.protocol == (p.six ? ICMP6 : IPPROTO_ICMP)) {
		body = p.fragment ? 0 : nat64_icmp(n, &p, out + head);
		return body && write_header(n, &p, body, false, out) ? head + body : 0;
	}
	if (!write_header(n, &p, p.len, false, out) ||
	    !copy_transport(&p, p.six ? out : packet, out + head))
		return 0;
	return head + p.len;
}
