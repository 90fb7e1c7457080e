/* SPDX-License-Identifier: MIT */
/*
 * forward_outward.c - what a mapped endpoint sends leaves from the mapping's external port.
 *
 * Theory of operation (WIPC-69, WANIPConnection:2 clauses 1.2 and 2.5.16, figure 2-2; RFC 4787
 * REQ-1): a mapping binds an internal endpoint to an external one in both directions, so that who
 * asks a third host for its own address is told the one at which it is reached. The internal
 * endpoint is an element of map "outward", or with a remote host of "outward_remote"
 * (forward_table.c). A mapping of every port binds none.
 *
 * An endpoint can have several mappings, and what it sends can leave from one of their ports only:
 * from that of the oldest. When that one goes, the next takes its place; whoever calls knows the
 * table of mappings and looks for it, which is only needed after two have met here ("contested").
 *
 * Whose an endpoint is is known to the kernel alone, but asking costs as much as adding. So
 * mappings are counted by a hash of their endpoint, and the kernel is asked only where there is
 * another.
 */
#include "forward_table.h"

#include "base/mem.h"
#include "portmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BITS 18 /* four times as many as a table that is full has mappings */

struct forward_outward {
	bool contested;
	uint16_t counts[1 << HASH_BITS];
};

struct forward_outward *forward_outward_new(void)
{
	return xcalloc(1, sizeof(struct forward_outward));
}

void forward_outward_free(struct forward_outward *o)
{
	free(o);
}

void forward_outward_forget(struct forward_outward *o)
{
	memset(o, 0, sizeof(*o));
}

bool forward_outward_contested(const struct forward_outward *o)
{
	return o->contested;
}

static void put(struct forward_key *k, const void *value, size_t size)
{
	memcpy(k->key + k->key_len, value, size);
	k->key_len += 4;
}

static struct forward_key outward_key(const struct mapping *m)
{
	bool remote = m->remote_host.s_addr != INADDR_ANY;
	uint16_t external = htons(m->external_port), internal = htons(m->internal_port);
	uint8_t protocol = (uint8_t)m->protocol;
	struct forward_key k = {.map = remote ? "outward_remote" : "outward"};

	put(&k, &protocol, sizeof(protocol));
	put(&k, &m->internal_client, sizeof(m->internal_client));
	put(&k, &internal, sizeof(internal));
	if (remote)
		put(&k, &m->remote_host, sizeof(m->remote_host));
	memcpy(k.data, &external, sizeof(external));
	k.data_len = sizeof(external);
	return k;
}

static uint16_t *count_of(struct forward_outward *o, const struct forward_key *k)
{
	uint64_t x = 0;

	for (uint32_t i = 0; i < k->key_len; i += 4) {
		uint32_t field;

		memcpy(&field, k->key + i, sizeof(field));
		x = (x ^ field) * UINT64_C(0x9e3779b97f4a7c15);
		x ^= x >> 32;
	}
	return &o->counts[x >> (64 - HASH_BITS)];
}

bool forward_outward_same(const struct mapping *a, const struct mapping *b)
{
	return a->external_port && b->external_port && a->protocol == b->protocol &&
	       a->internal_client.s_addr == b->internal_client.s_addr &&
	       a->internal_port == b->internal_port &&
	       a->remote_host.s_addr == b->remote_host.s_addr;
}

bool forward_outward_claim(struct forward_outward *o, struct mnl_socket *nl,
			   const struct mapping *m, struct forward_key *k)
{
	struct forward_key there = *k = outward_key(m);

	if (!m->external_port)
		return false;
	if ((*count_of(o, k))++ == 0 || forward_element_data(nl, &there) == -ENOENT)
		return true;
	o->contested = true;
	return false;
}

bool forward_outward_release(struct forward_outward *o, struct mnl_socket *nl,
			     const struct mapping *m, struct forward_key *k)
{
	struct forward_key there = *k = outward_key(m);

	if (!m->external_port)
		return false;
	if (--(*count_of(o, k)) == 0 && !o->contested)
		return true;
	return !forward_element_data(nl, &there) && !memcmp(k->data, there.data, k->data_len);
}

int forward_outward_succeed(struct mnl_socket *nl, const struct mapping *m)
{
	struct forward_key k = outward_key(m);

	return forward_elements_add(nl, &k, 1);
}

int forward_outward_withdraw(struct mnl_socket *nl, const struct mapping *m)
{
	struct forward_key k = outward_key(m);

	return forward_elements_delete(nl, &k, 1);
}
