/* SPDX-License-Identifier: MIT */
/*
 * firewall6_rules.c - the rules of the IPv6 firewall (RFC 6092), in nftables.
 *
 * Theory of operation. Table "ip6 fakeigd" has one chain, which what is forwarded passes before the
 * rules of whoever owns the machine (a lab's among them: sim/nat.h, "mark NAT_MARK_OPEN"):
 *
 *   chain pass { type filter hook forward priority filter - 5;
 *     iif != WAN oif != WAN accept
 *     exthdr routing type 0 drop                              REC-4
 *     ip6 saddr fc00::/7 drop; ip6 daddr fc00::/7 drop        REC-7
 *     fib saddr . iif oif missing drop                        REC-5, REC-6
 *     iif != WAN accept                                       what leaves
 *     ct direction reply ct state established,related accept  REC-11, REC-18, REC-36
 *     ct mark set KEY map @p15; mark set OPEN; accept         pinholes: one for each map
 *     ct state related accept                                 REC-18, REC-36
 *     meta l4proto { esp, ah, hip } mark set OPEN accept      REC-21 to REC-26
 *     udp dport 500 mark set OPEN accept                      the same
 *     tcp syn log group SYN_GROUP drop                        REC-34: firewall6_refusal.c
 *     reject with icmpv6 admin-prohibited                     REC-10
 *   }
 *
 * Pinholes are elements of the maps p0 to p15; a map's number tells which fields of the tuple its
 * key has besides the internal client: protocol 1, internal port 2, remote host 4, remote port 8.
 * With 16 in place of 4 the remote host is a prefix, and the map one of ranges (p16 to p27); those
 * are there where PCP is spoken with filters, and only what RFC 6887 calls FILTER makes them.
 * The map gives the mark for the connection, and the element counts packets (6FC-20). Packets of a
 * connection that came in through a pinhole are looked up each time, so that closing it (RFC 6092
 * clause 3.4) stops the next one; what conntrack knows of it goes as well. Sources are judged by
 * the routing table, so that prefixes that come and go need no rules of their own. What the kernel
 * never forwards (multicast sources, REC-1 to REC-3) needs none either.
 *
 * Switched off (REC-49), all this ends behind "what leaves": everything comes in. Policies
 * firewall6.lets-in and firewall6.loses leave rules out or add some.
 */
#include "../sim/nat.h"
#include "../sim/nft.h"
#include "base/mem.h"
#include "choice.h"
#include "firewall6_parts.h"
#include "firewall6_refusal.h"
#include "forward_table.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>

#define TABLE	    FORWARD_TABLE
#define PRIORITY    (-5)
#define IPPROTO_HIP 139
#define IKE_PORT    500

static const char no_fib[] = "nft fib expressions (CONFIG_NFT_FIB_IPV6)";
static const char no_rule[] = "nft rules for IPv6 (CONFIG_NF_TABLES_IPV6, CONFIG_NFT_CT)";
static const char no_exthdr[] = "nft extension headers (CONFIG_NF_TABLES)";
static const char no_reject[] = "nft reject (CONFIG_NFT_REJECT_IPV6)";
static const char no_log[] = "nft log to user space (CONFIG_NFT_LOG, CONFIG_NETFILTER_NETLINK_LOG)";

static struct nftnl_rule *rule_of(struct nft_batch *b)
{
	return nft_rule(b, "pass");
}

/* iif WAN or oif WAN, or neither. */
static void on_wan(struct nftnl_rule *rule, uint32_t key, uint32_t op, const struct router *r)
{
	nft_meta(rule, key, 0);
	nft_compare(rule, 0, op, &r->wan.index, sizeof(r->wan.index));
}

static void done(struct nft_batch *b, struct nftnl_rule *rule, int verdict)
{
	nft_verdict(rule, verdict);
	nft_rule_done(b, rule, no_rule);
}

static void protocol(struct nftnl_rule *rule, uint8_t number)
{
	nft_meta(rule, NFT_META_L4PROTO, 0);
	nft_compare(rule, 0, NFT_CMP_EQ, &number, 1);
}

/* mark set OPEN accept */
static void accept_open(struct nft_batch *b, struct nftnl_rule *rule)
{
	const uint32_t mark = NAT_MARK_OPEN;

	nft_constant(rule, 0, &mark, sizeof(mark));
	nft_set_mark(rule, 0);
	done(b, rule, NF_ACCEPT);
}

/* ip6 saddr fc00::/7 drop, or daddr */
static void drop_local(struct nft_batch *b, uint32_t offset)
{
	const uint8_t mask = 0xfe, local = 0xfc, none = 0;
	struct nftnl_rule *rule = rule_of(b);

	nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, 1, 0);
	nft_mask_set(rule, 0, &mask, &none, 1);
	nft_compare(rule, 0, NFT_CMP_EQ, &local, 1);
	done(b, rule, NF_DROP);
}

/* What nobody may send across the WAN, in neither direction. */
static void add_sanity(const struct firewall6 *f, struct nft_batch *b)
{
	const struct policy *policy = firewall6_policy(f);
	const bool local = policy_is(policy, firewall6_lets_in, "local");
	const uint8_t zero = 0, mask = 0xfe, local_net = 0xfc;
	const uint32_t nowhere = 0;
	struct nftnl_rule *rule;

	if (!policy_is(policy, firewall6_lets_in, "routing-header")) {
		rule = rule_of(b);
		nft_exthdr(rule, IPPROTO_ROUTING, 2, 1, 0);
		nft_compare(rule, 0, NFT_CMP_EQ, &zero, 1);
		nft_verdict(rule, NF_DROP);
		nft_rule_done(b, rule, no_exthdr);
	}
	if (!local) {
		drop_local(b, 8);
		drop_local(b, 24);
	}
	if (!policy_is(policy, firewall6_lets_in, "spoofed")) {
		rule = rule_of(b);
		if (local) { /* no route leads to them: that is not to stop them either */
			nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 8, 1, 0);
			nft_mask_set(rule, 0, &mask, &zero, 1);
			nft_compare(rule, 0, NFT_CMP_NEQ, &local_net, 1);
		}
		nft_fib_way_back(rule, 0);
		nft_compare(rule, 0, NFT_CMP_EQ, &nowhere, sizeof(nowhere));
		nft_verdict(rule, NF_DROP);
		nft_rule_done(b, rule, no_fib);
	}
}

/* ct state STATES [ct direction reply] VERDICT */
static void add_state(struct nft_batch *b, uint32_t states, bool reply, int verdict)
{
	const uint8_t back = IP_CT_DIR_REPLY;
	struct nftnl_rule *rule = rule_of(b);

	if (reply) {
		nft_ct(rule, NFT_CT_DIRECTION, -1, 0);
		nft_compare(rule, 0, NFT_CMP_EQ, &back, 1);
	}
	nft_ct(rule, NFT_CT_STATE, -1, 0);
	nft_any_bit(rule, 0, states);
	done(b, rule, verdict);
}

/* meta l4proto icmpv6 icmpv6 type < 128 VERDICT: errors */
static void add_errors(struct nft_batch *b, int verdict)
{
	const uint8_t informational = ICMP6_INFOMSG_MASK;
	struct nftnl_rule *rule = rule_of(b);

	protocol(rule, IPPROTO_ICMPV6);
	nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, 0);
	nft_compare(rule, 0, NFT_CMP_LT, &informational, 1);
	if (verdict == NF_ACCEPT)
		accept_open(b, rule);
	else
		done(b, rule, verdict);
}

/* tcp flags & (syn | ack) == syn [ct direction reply]: the rule goes on where it is so. */
static struct nftnl_rule *syn_rule(struct nft_batch *b, bool reply)
{
	const uint8_t mask = 0x12, syn = 0x02, none = 0, back = IP_CT_DIR_REPLY;
	struct nftnl_rule *rule = rule_of(b);

	protocol(rule, IPPROTO_TCP);
	nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1, 0);
	nft_mask_set(rule, 0, &mask, &none, 1);
	nft_compare(rule, 0, NFT_CMP_EQ, &syn, 1);
	if (reply) {
		nft_ct(rule, NFT_CT_DIRECTION, -1, 0);
		nft_compare(rule, 0, NFT_CMP_EQ, &back, 1);
	}
	return rule;
}

/* Policy firewall6.loses, both ways. */
static void add_losses(const struct firewall6 *f, struct nft_batch *b)
{
	static const uint8_t known[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6};
	const struct policy *policy = firewall6_policy(f);

	if (policy_is(policy, firewall6_loses, "errors"))
		add_errors(b, NF_DROP);
	if (policy_is(policy, firewall6_loses, "crossing-syn"))
		done(b, syn_rule(b, true), NF_DROP);
	if (policy_is(policy, firewall6_loses, "other-protocols")) {
		struct nftnl_rule *rule = rule_of(b);

		nft_meta(rule, NFT_META_L4PROTO, 0);
		for (size_t i = 0; i < ARRAY_SIZE(known); i++)
			nft_compare(rule, 0, NFT_CMP_NEQ, &known[i], 1);
		done(b, rule, NF_DROP);
	}
}

/* Which of the numbers there is a map for. */
static bool has_map(const struct firewall6 *f, unsigned map)
{
	return !(map & BY_REMOTE_PREFIX) ||
	       (!(map & BY_REMOTE_HOST) && forward_has_filters(f->router));
}

static void add_map(struct nft_batch *b, unsigned map)
{
	char fields[6] = "\20", *field = fields + 1;
	static const struct {
		unsigned by;
		uint32_t type;
		char size;
	} parts[] = {
		{BY_PROTOCOL, NFT_TYPE_INET_PROTO, 1},
		{BY_INTERNAL_PORT, NFT_TYPE_INET_SERVICE, 2},
		{BY_REMOTE_HOST | BY_REMOTE_PREFIX, NFT_TYPE_IP6ADDR, 16},
		{BY_REMOTE_PORT, NFT_TYPE_INET_SERVICE, 2},
	};
	uint32_t type = NFT_TYPE_IP6ADDR, len = 16;
	struct nft_set set = {.data_type = NFT_TYPE_MARK, .data_len = sizeof(uint32_t)};
	char name[8];

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (!(map & parts[i].by))
			continue;
		type = NFT_CONCAT(type, parts[i].type);
		len += (parts[i].size + 3u) & ~3u;
		*field++ = parts[i].size;
	}
	firewall6_map_name(map, name);
	set.name = name;
	set.key_type = type;
	set.key_len = len;
	if (map & BY_REMOTE_PREFIX)
		nft_add_range_set(b, &set, fields);
	else
		nft_add_set(b, &set);
}

/* ct mark set KEY map @pN mark set OPEN accept */
static void add_pinholes(struct nft_batch *b, unsigned map)
{
	struct nftnl_rule *rule = rule_of(b);
	unsigned reg = 4;
	char name[8];

	firewall6_map_name(map, name);
	if (map & (BY_INTERNAL_PORT | BY_REMOTE_PORT)) {
		nft_meta(rule, NFT_META_L4PROTO, 0);
		nft_lookup(rule, "ported", 0, false);
	}
	nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 24, 16, 0);
	if (map & BY_PROTOCOL)
		nft_meta(rule, NFT_META_L4PROTO, reg++);
	if (map & BY_INTERNAL_PORT)
		nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, reg++);
	if (map & (BY_REMOTE_HOST | BY_REMOTE_PREFIX)) {
		nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 8, 16, reg);
		reg += 4;
	}
	if (map & BY_REMOTE_PORT)
		nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, reg++);
	nft_lookup_map(rule, name, 0, reg);
	nft_set_ct_mark(rule, reg);
	accept_open(b, rule);
}

/* Protocols that have ports where TCP has them. */
static void add_ported(struct nft_batch *b)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP,
					    IPPROTO_DCCP};
	const struct nft_set ported = {
		.name = "ported", .key_type = NFT_TYPE_INET_PROTO, .key_len = 1};

	nft_add_set(b, &ported);
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		nft_add_element(b, "ported", &protocols[i], 1);
}

/* IPsec and HIP (REC-21, REC-22, REC-24, REC-26) */
static void add_ipsec(struct nft_batch *b)
{
	static const uint8_t protocols[] = {IPPROTO_ESP, IPPROTO_AH, IPPROTO_HIP};
	const uint16_t ike = htons(IKE_PORT);
	struct nftnl_rule *rule;

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		rule = rule_of(b);
		protocol(rule, protocols[i]);
		accept_open(b, rule);
	}
	rule = rule_of(b);
	protocol(rule, IPPROTO_UDP);
	nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 0);
	nft_compare(rule, 0, NFT_CMP_EQ, &ike, sizeof(ike));
	accept_open(b, rule);
}

/* What may not come in. */
static void add_refusal(const struct firewall6 *f, struct nft_batch *b)
{
	const struct policy *policy = firewall6_policy(f);
	struct nftnl_rule *rule;

	if (f->late) {
		rule = syn_rule(b, false);
		nft_log(rule, FIREWALL6_SYN_GROUP);
		nft_verdict(rule, NF_DROP);
		nft_rule_done(b, rule, no_log);
	}
	rule = rule_of(b);
	if (policy_is(policy, firewall6_refusal, "silent"))
		nft_verdict(rule, NF_DROP);
	else
		nft_reject(rule, NFT_REJECT_ICMP_UNREACH, ICMP6_DST_UNREACH_ADMIN);
	nft_rule_done(b, rule, no_reject);
}

/* What comes from the WAN. */
static void add_inward(const struct firewall6 *f, struct nft_batch *b)
{
	const uint32_t known = NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED);
	const struct policy *policy = firewall6_policy(f);

	add_state(b, known, true, NF_ACCEPT);
	for (unsigned map = FIREWALL6_MAPS; map-- > 0;)
		if (has_map(f, map))
			add_pinholes(b, map);
	add_state(b, NF_CT_STATE_BIT(IP_CT_RELATED), false, NF_ACCEPT);
	if (policy_is(policy, firewall6_lets_in, "stray-errors"))
		add_errors(b, NF_ACCEPT);
	if (!policy_is(policy, firewall6_loses, "ipsec"))
		add_ipsec(b);
	add_refusal(f, b);
}

int firewall6_table_make(const struct firewall6 *f, const char **lacks)
{
	struct nft_batch b = {.family = NFPROTO_IPV6, .table = TABLE};
	const struct router *r = f->router;
	struct nftnl_rule *rule;

	if (nft_exists(NFPROTO_IPV6, TABLE, NULL))
		nft_delete_table(&b);
	nft_add_table(&b);
	for (unsigned map = 0; map < FIREWALL6_MAPS; map++)
		if (has_map(f, map))
			add_map(&b, map);
	add_ported(&b);
	nft_add_chain(&b, "pass", "filter", NF_INET_FORWARD, PRIORITY);
	rule = rule_of(&b);
	on_wan(rule, NFT_META_IIF, NFT_CMP_NEQ, r);
	on_wan(rule, NFT_META_OIF, NFT_CMP_NEQ, r);
	done(&b, rule, NF_ACCEPT);
	add_sanity(f, &b);
	add_losses(f, &b);
	rule = rule_of(&b);
	on_wan(rule, NFT_META_IIF, NFT_CMP_NEQ, r);
	done(&b, rule, NF_ACCEPT);
	if (f->enabled && !policy_is(firewall6_policy(f), firewall6_lets_in, "everything"))
		add_inward(f, &b);
	else
		accept_open(&b, rule_of(&b));
	return nft_commit(&b, lacks);
}

int firewall6_table_delete(void)
{
	struct nft_batch b = {.family = NFPROTO_IPV6, .table = TABLE};

	nft_delete_table(&b);
	return nft_commit(&b, NULL);
}
