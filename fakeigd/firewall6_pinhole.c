/* SPDX-License-Identifier: MIT */
/*
 * firewall6_pinhole.c - pinholes as elements of the firewall's maps (firewall6_rules.c).
 *
 * Theory of operation. A pinhole is one element: its key names what may come in, its data is the
 * mark of the connections that do. Which of the maps it goes to follows from what it leaves open.
 * Policy pinhole.opens makes the element another one than was asked for, or none. When a pinhole
 * closes, conntrack forgets the connections with its mark, so that the next packet of each is
 * looked up again and finds nothing.
 */
#include "../sim/nft.h"
#include "choice.h"
#include "firewall6_parts.h"
#include "forward_table.h"
#include "pinhole.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static void put(struct forward_key *k, const void *value, uint32_t size)
{
	memcpy(k->key + k->key_len, value, size);
	k->key_len += size < 4 ? 4 : size;
}

/* The last address of a prefix in place of the first, at @at of the range's end. */
static void make_range(struct forward_key *k, uint32_t at, unsigned bits)
{
	memcpy(k->end, k->key, k->key_len);
	for (unsigned i = 0; i < 16; i++) {
		unsigned kept = bits > 8 * i ? bits - 8 * i : 0;
		uint8_t mask = kept >= 8 ? 0xff : (uint8_t)(0xff00 >> kept);

		k->key[at + i] &= mask;
		k->end[at + i] |= (uint8_t)~mask;
	}
	k->is_range = true;
}

/* The element for a pinhole, as policy pinhole.opens makes it. */
static struct forward_key key_of(const struct firewall6 *f, const struct pinhole *h, char name[8])
{
	bool any_remote = policy_is(firewall6_policy(f), pinhole_opens, "any-remote");
	bool any_port = policy_is(firewall6_policy(f), pinhole_opens, "any-port");
	bool remote =
		!any_remote && (h->remote_prefix || !IN6_IS_ADDR_UNSPECIFIED(&h->remote_host));
	const uint8_t number = (uint8_t)h->protocol;
	const uint16_t internal = htons(h->internal_port), from = htons(h->remote_port);
	struct forward_key k = {.family = NFPROTO_IPV6, .map = name, .data_len = sizeof(h->mark)};
	unsigned map = 0;
	uint32_t at;

	put(&k, &h->internal_client, 16);
	if (h->protocol != PINHOLE_ANY_PROTOCOL)
		map |= BY_PROTOCOL, put(&k, &number, 1);
	if (h->internal_port && !any_port)
		map |= BY_INTERNAL_PORT, put(&k, &internal, 2);
	at = k.key_len;
	if (remote)
		map |= h->remote_prefix ? BY_REMOTE_PREFIX : BY_REMOTE_HOST,
			put(&k, &h->remote_host, 16);
	if (h->remote_port && !any_remote)
		map |= BY_REMOTE_PORT, put(&k, &from, 2);
	if (map & BY_REMOTE_PREFIX)
		make_range(&k, at, h->remote_prefix);
	firewall6_map_name(map, name);
	memcpy(k.data, &h->mark, sizeof(h->mark));
	return k;
}

static bool opens_something(const struct firewall6 *f)
{
	return f->stands && !policy_is(firewall6_policy(f), pinhole_opens, "nothing");
}

int firewall6_open(struct firewall6 *f, const struct pinhole *h)
{
	char name[8];
	struct forward_key k = key_of(f, h, name);
	int error = opens_something(f) ? forward_elements_add(nft_socket(), &k, 1) : 0;

	/* By policy two pinholes may be one for the kernel. */
	return error == -EEXIST ? 0 : error;
}

int firewall6_close(struct firewall6 *f, const struct pinhole *h)
{
	char name[8];
	struct forward_key k = key_of(f, h, name);
	int error = opens_something(f) ? forward_elements_delete(nft_socket(), &k, 1) : -ENOENT;

	if (error)
		return error == -ENOENT ? 0 : error;
	return forward_connections_end_marked(nft_socket(), h->mark);
}

uint64_t firewall6_packets(struct firewall6 *f, const struct pinhole *h)
{
	char name[8];
	struct forward_key k = key_of(f, h, name);
	uint64_t packets = 0;

	if (!opens_something(f) || forward_element_get(nft_socket(), &k, &packets) < 0)
		return 0;
	return packets;
}
