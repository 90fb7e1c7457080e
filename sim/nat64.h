/* SPDX-License-Identifier: MIT */
/* nat64.h - IPv6 packets become IPv4 packets and the other way round (RFC 7915, RFC 6052). Pure. */
#ifndef SIM_NAT64_H
#define SIM_NAT64_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#define NAT64_PREFIX	96 /* the only length that there is */
#define NAT64_HOSTS_MAX 254
#define NAT64_ROOM	65600 /* bytes that a translated packet has at most */

/**
 * struct nat64 - a translator; zero-initialised with @prefix and @pool set
 * @prefix:	the last 32 bits of an IPv6 address in it are an IPv4 address (RFC 6052 clause 2.2)
 * @pool:	hosts get the addresses behind this one, in the order in which they come
 * @hosts:	who has which
 */
struct nat64 {
	struct in6_addr prefix;
	struct in_addr pool;
	struct in6_addr hosts[NAT64_HOSTS_MAX];
	size_t count;
};

/**
 * nat64_translate() - one packet
 * @packet, @len: as it came, IPv6 or IPv4
 * @out:	NAT64_ROOM bytes
 *
 * Hops are not counted: whoever hands packets in and takes them out does that. Return: length of
 * what is in @out; 0 when the packet is malformed, for nobody, or of a kind that is not translated.
 */
size_t nat64_translate(struct nat64 *n, const uint8_t *packet, size_t len, uint8_t *out);

#endif
