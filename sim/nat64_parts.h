/* SPDX-License-Identifier: MIT */
/* nat64_parts.h - what nat64.c and nat64_icmp.c share. */
#ifndef SIM_NAT64_PARTS_H
#define SIM_NAT64_PARTS_H

#include "nat64.h"

#include <stdbool.h>

/**
 * struct nat64_packet - a packet's headers, of either family
 * @src, @dst:	addresses as IPv6 has them, those of IPv4 mapped by the translator
 * @offset, @more, @id: of a fragment (@offset in units of 8 bytes)
 * @payload, @len: what is there of the transport's bytes
 * @whole:	how many there were said to be: a quoted packet is cut
 */
struct nat64_packet {
	bool six;
	struct in6_addr src;
	struct in6_addr dst;
	uint8_t class;
	uint8_t ttl;
	uint8_t protocol;
	bool fragment;
	uint16_t offset;
	bool more;
	uint32_t id;
	const uint8_t *payload;
	size_t len;
	size_t whole;
};

uint16_t nat64_get16(const uint8_t *at);
void nat64_put16(uint8_t *at, uint32_t value);
/** nat64_sum() - ones' complement sum of @len bytes on top of @sum, not yet folded. */
uint32_t nat64_sum(uint32_t sum, const uint8_t *at, size_t len);
/** nat64_fold() - a sum becomes a checksum. */
uint16_t nat64_fold(uint32_t sum);
/** nat64_pseudo() - sum of an IPv6 pseudo header. */
uint32_t nat64_pseudo(const struct nat64_packet *p, uint8_t protocol, size_t len);
/** nat64_quoted() - a packet quoted in an error: headers translated, the rest as it is. Return:
 * bytes in @out, 0 = not translated. */
size_t nat64_quoted(struct nat64 *n, const uint8_t *packet, size_t len, uint8_t *out);
/** nat64_icmp() - an ICMP message of the other family (RFC 7915 clauses 4.2 and 5.2), with its
 * checksum. @p is the packet as it came. Return: bytes in @out, 0 = not translated. */
size_t nat64_icmp(struct nat64 *n, const struct nat64_packet *p, uint8_t *out);

#endif
