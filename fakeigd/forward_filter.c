/* SPDX-License-Identifier: MIT */
/*
 * forward_filter.c - FILTER of PCP in table "ip fakeigd": who may come in by a mapping.
 *
 * Theory of operation (RFC 6887 clause 13.3): a mapping without filters lets everybody in. One that
 * has some is in a set, and for each filter there is a range of remote addresses in another one;
 * packets to the mapping from elsewhere go past the maps, to the router itself (forward_table.c has
 * the rule):
 *
 *   set filtered     { type inet_proto . inet_service }
 *   set allowed	    { type inet_proto . inet_service . ipv4_addr; flags interval }
 *   set allowed_port { type inet_proto . inet_service . inet_service . ipv4_addr; flags interval }
 *
 * The latter is for filters with a remote port. Ranges of one set must not overlap, and those of
 * prefixes lie in each other or apart: one that lies in another of the same mapping and port is
 * left out. The sets are there when the profile speaks PCP with filters.
 */
#include "forward_table.h"

#include "../sim/nft.h"
#include "choice.h"
#include "pcp_record.h"
#include "portmap.h"
#include "router.h"

#define PORTS_LEN 8 /* protocol . external port */

bool forward_has_filters(const struct router *r)
{
	return r->profile && r->profile->policy.pcp_enabled &&
	       policy_is(&r->profile->policy, pcp_filter, "honoured");
}

/* Registers from 0: meta l4proto . th dport [. th sport] [. ip saddr] */
static void load(struct nftnl_rule *rule, bool port, bool address)
{
	nft_meta(rule, NFT_META_L4PROTO, 0);
	nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 1);
	if (port)
		nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, 2);
	if (address)
		nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 12, 4, port ? 3 : 2);
}

void forward_filters_table(struct nft_batch *b, const struct router *r)
{
	const uint32_t ports = NFT_CONCAT(NFT_TYPE_INET_PROTO, NFT_TYPE_INET_SERVICE);
	const uint32_t with_port = NFT_CONCAT(ports, NFT_TYPE_INET_SERVICE);
	const struct nft_set filtered = {
		.name = "filtered", .key_type = ports, .key_len = PORTS_LEN};
	const struct nft_set allowed = {
		.name = "allowed", .key_type = NFT_CONCAT(ports, NFT_TYPE_IPADDR), .key_len = 12};
	const struct nft_set allowed_port = {
		.name = "allowed_port",
		.key_type = NFT_CONCAT(with_port, NFT_TYPE_IPADDR),
		.key_len = 16,
	};
	struct nftnl_rule *rule;

	if (!forward_has_filters(r))
		return;
	nft_add_set(b, &filtered);
	nft_add_range_set(b, &allowed, "\1\2\4");
	nft_add_range_set(b, &allowed_port, "\1\2\2\4");
	rule = nft_rule(b, "prerouting");
	load(rule, false, false);
	nft_lookup(rule, "filtered", 0, false);
	load(rule, false, true);
	nft_lookup(rule, "allowed", 0, true);
	load(rule, true, true);
	nft_lookup(rule, "allowed_port", 0, true);
	nft_verdict(rule, NF_ACCEPT);
	nft_rule_done(b, rule, NULL);
}

int forward_filters_empty(const struct router *r)
{
	struct nft_batch b = {.family = NFPROTO_IPV4, .table = FORWARD_TABLE};

	if (!forward_has_filters(r))
		return 0;
	nft_flush_set(&b, "filtered");
	nft_flush_set(&b, "allowed");
	nft_flush_set(&b, "allowed_port");
	return nft_commit(&b, NULL);
}

static void put(uint8_t *to, uint32_t at, const void *value, size_t size)
{
	memcpy(to + at, value, size);
}

static struct forward_key key_of(const struct mapping *m, const char *set)
{
	uint16_t external = htons(m->external_port);
	uint8_t protocol = (uint8_t)m->protocol;
	struct forward_key k = {.map = set, .key_len = PORTS_LEN};

	put(k.key, 0, &protocol, sizeof(protocol));
	put(k.key, 4, &external, sizeof(external));
	return k;
}

static uint32_t mask_of(const struct pcp_filter *filter)
{
	unsigned bits = filter->prefix - 96u;

	return bits ? ~UINT32_C(0) << (32 - bits) : 0;
}

static uint32_t first_of(const struct pcp_filter *filter)
{
	struct in_addr v4 = {0};

	pcp_address_is_v4(&filter->address, &v4);
	return ntohl(v4.s_addr) & mask_of(filter);
}

static struct forward_key range_of(const struct mapping *m, const struct pcp_filter *filter)
{
	struct forward_key k = key_of(m, filter->port ? "allowed_port" : "allowed");
	uint32_t first = htonl(first_of(filter));
	uint32_t last = htonl(first_of(filter) | ~mask_of(filter));
	uint16_t port = htons(filter->port);

	if (filter->port) {
		put(k.key, k.key_len, &port, sizeof(port));
		k.key_len += 4;
	}
	memcpy(k.end, k.key, k.key_len);
	put(k.key, k.key_len, &first, sizeof(first));
	put(k.end, k.key_len, &last, sizeof(last));
	k.key_len += 4;
	k.is_range = true;
	return k;
}

static int change_ranges(struct mnl_socket *nl, const struct mapping *m,
			 const struct pcp_record *record, bool come)
{
	int error = 0;

	for (size_t i = 0; !error && i < record->filters; i++) {
		struct forward_key k = range_of(m, &record->filter[i]);

		if (!pcp_record_is_covered(record, i))
			error = come ? forward_elements_add(nl, &k, 1)
				     : forward_elements_delete(nl, &k, 1);
	}
	return error;
}

int forward_filters_change(struct mnl_socket *nl, const struct mapping *m,
			   const struct pcp_record *old, const struct pcp_record *now)
{
	bool had = old && old->filters, has = now && now->filters;
	struct forward_key k = key_of(m, "filtered");
	int error = 0;

	if (has && !had)
		error = forward_elements_add(nl, &k, 1);
	if (had && !has)
		error = forward_elements_delete(nl, &k, 1);
	if (had && !error)
		error = change_ranges(nl, m, old, false);
	if (has && !error)
		error = change_ranges(nl, m, now, true);
	return error;
}
