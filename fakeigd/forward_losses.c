/* SPDX-License-Identifier: MIT */
/*
 * forward_losses.c - what a poor router does to packets (policies nat.loses, nat.icmp-blocks,
 * nat.sip-alg, ssdp.membership), in table "ip fakeigd".
 *
 *   chain early { type filter hook prerouting priority raw - 150;	before fragments are joined
 *     ip frag-off & 0x3fff != 0 drop
 *   }
 *   set ended { type inet_service; flags dynamic; timeout 1h }
 *   set shut { type inet_service; flags dynamic; timeout 1h }
 *   set blocked { type ipv4_addr . inet_service; flags dynamic; timeout 3s }
 *   chain losses { type filter hook forward priority filter - 2;
 *     iif WAN meta l4proto icmp drop
 *     meta l4proto PROTOCOL [ct direction reply] FIELD drop	one of a table
 *     ip length > 1300 drop
 *     iif WAN meta l4proto udp ip saddr . th dport @blocked drop
 *     iif WAN icmp type destination-unreachable update @blocked { ip saddr . @th,224,16 }
 *     iif WAN meta l4proto tcp tcp flags & (syn | ack) == syn ct original proto-dst @shut drop
 *     ct status dnat ct direction reply meta l4proto tcp tcp flags & fin != 0
 *       [ct original proto-dst @ended] update @shut, @ended { ct original proto-dst }
 *     oif WAN meta l4proto udp th dport 5060 @th,64,32 set "SIP "
 *   }
 *   chain silence { type filter hook output priority filter;
 *     meta l4proto igmp drop		nobody is told of the group that SSDP is in
 *   }
 *
 * RFC 4787 REQ-12 and REQ-13 and RFC 5508 are what it breaks; REQ-10 has no ALG by default.
 */
#include "base/mem.h"
#include "choice.h"
#include "forward_table.h"
#include "portmap.h"
#include "profile.h"
#include "router.h"

#include "../sim/nft.h"

#include <arpa/inet.h>
#include <netinet/ip_icmp.h>

/* Raw tables see packets at -300, conntrack's defragmentation at -400. */
#define BEFORE_DEFRAGMENTATION (-450)
#define INNER_SOURCE_PORT      (8 + 20)
#define BLOCKED_SECONDS	       3
#define ENDED_SECONDS	       3600
#define SIP_PORT	       5060

static const char no_filter[] = "nft filter chains (CONFIG_NF_TABLES_IPV4)";
static const char no_dynset[] = "sets that rules update (nf_tables of Linux 4.3 or newer)";
static const char no_mangling[] = "payload that rules change (nf_tables of Linux 4.5 or newer)";

static void lose_fragments(struct nft_batch *b)
{
	const uint16_t any = htons(IP_OFFMASK | IP_MF), none = 0;
	struct nftnl_rule *rule;

	nft_add_chain(b, "early", "filter", NF_INET_PRE_ROUTING, BEFORE_DEFRAGMENTATION);
	rule = nft_rule(b, "early");
	nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 6, sizeof(any), 0);
	nft_mask_set(rule, 0, &any, &none, sizeof(any));
	nft_compare(rule, 0, NFT_CMP_NEQ, &none, sizeof(none));
	nft_verdict(rule, NF_DROP);
	nft_rule_done(b, rule, no_filter);
}

/* A rule of chain "losses" for what comes from the WAN, or goes there, in one protocol. */
static struct nftnl_rule *wan_rule(struct nft_batch *b, const struct router *r, uint32_t way,
				   uint8_t protocol)
{
	struct nftnl_rule *rule = nft_rule(b, "losses");

	nft_meta(rule, way, 0);
	nft_compare(rule, 0, NFT_CMP_EQ, &r->wan.index, sizeof(r->wan.index));
	nft_meta(rule, NFT_META_L4PROTO, 0);
	nft_compare(rule, 0, NFT_CMP_EQ, &protocol, 1);
	return rule;
}

/* An ICMP error holds the head of the packet that it is about, which the client had sent. */
static void block_after_icmp(struct nft_batch *b, const struct router *r)
{
	const struct nft_set blocked = {
		.name = "blocked",
		.key_type = NFT_CONCAT(NFT_TYPE_IPADDR, NFT_TYPE_INET_SERVICE),
		.key_len = 8,
		.dynamic = true,
	};
	const uint8_t unreachable = ICMP_DEST_UNREACH;
	struct nftnl_rule *rule;

	nft_add_set(b, &blocked);
	rule = wan_rule(b, r, NFT_META_IIF, IPPROTO_UDP);
	nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 12, 4, 0);
	nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 1);
	nft_lookup(rule, "blocked", 0, false);
	nft_verdict(rule, NF_DROP);
	nft_rule_done(b, rule, no_filter);

	rule = wan_rule(b, r, NFT_META_IIF, IPPROTO_ICMP);
	nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, 0);
	nft_compare(rule, 0, NFT_CMP_EQ, &unreachable, 1);
	nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 12, 4, 0);
	nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, INNER_SOURCE_PORT, 2, 1);
	nft_update(rule, "blocked", 0, -1, BLOCKED_SECONDS);
	nft_rule_done(b, rule, no_dynset);
}

/* A set of external ports that remembers them for an hour. */
static void add_ports(struct nft_batch *b, const char *name)
{
	const struct nft_set set = {
		.name = name,
		.key_type = NFT_TYPE_INET_SERVICE,
		.key_len = 2,
		.dynamic = true,
	};

	nft_add_set(b, &set);
}

/* When the LAN ends a connection through a mapping its external port goes into @into, if it is in
 * @only already; NULL = in any case. */
static void note_end(struct nft_batch *b, const char *only, const char *into)
{
	const uint8_t reply = IP_CT_DIR_REPLY, tcp = IPPROTO_TCP, end = 0x01, none = 0;
	const uint32_t translated = 1u << 5 /* IPS_DST_NAT */, zero = 0;
	struct nftnl_rule *rule = nft_rule(b, "losses");

	nft_ct(rule, NFT_CT_STATUS, -1, 0);
	nft_mask_set(rule, 0, &translated, &zero, sizeof(translated));
	nft_compare(rule, 0, NFT_CMP_NEQ, &zero, sizeof(zero));
	nft_ct(rule, NFT_CT_DIRECTION, -1, 0);
	nft_compare(rule, 0, NFT_CMP_EQ, &reply, 1);
	nft_meta(rule, NFT_META_L4PROTO, 0);
	nft_compare(rule, 0, NFT_CMP_EQ, &tcp, 1);
	nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1, 0);
	nft_mask_set(rule, 0, &end, &none, 1);
	nft_compare(rule, 0, NFT_CMP_NEQ, &none, 1);
	nft_ct(rule, NFT_CT_PROTO_DST, IP_CT_DIR_ORIGINAL, 0);
	if (only)
		nft_lookup(rule, only, 0, false);
	nft_update(rule, into, 0, -1, ENDED_SECONDS);
	nft_rule_done(b, rule, no_dynset);
}

/* The external port of a mapping is shut when the LAN has ended two connections through it. */
static void lose_after_ends(struct nft_batch *b, const struct router *r)
{
	const uint8_t open = 0x12, syn = 0x02, none = 0;
	struct nftnl_rule *rule;

	add_ports(b, "ended");
	add_ports(b, "shut");
	rule = wan_rule(b, r, NFT_META_IIF, IPPROTO_TCP);
	nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1, 0);
	nft_mask_set(rule, 0, &open, &none, 1);
	nft_compare(rule, 0, NFT_CMP_EQ, &syn, 1);
	nft_ct(rule, NFT_CT_PROTO_DST, IP_CT_DIR_ORIGINAL, 0);
	nft_lookup(rule, "shut", 0, false);
	nft_verdict(rule, NF_DROP);
	nft_rule_done(b, rule, no_filter);
	note_end(b, "ended", "shut");
	note_end(b, NULL, "ended");
}

/* The method of a request of SIP is not what the client wrote. */
static void change_sip(struct nft_batch *b, const struct router *r)
{
	struct nftnl_rule *rule = wan_rule(b, r, NFT_META_OIF, IPPROTO_UDP);
	const uint16_t port = htons(SIP_PORT);

	nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(port), 0);
	nft_compare(rule, 0, NFT_CMP_EQ, &port, sizeof(port));
	nft_constant(rule, 0, "SIP ", 4);
	nft_payload_set(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 8, 4, 0, 6);
	nft_rule_done(b, rule, no_mangling);
}

static void hide_membership(struct nft_batch *b)
{
	const uint8_t igmp = IPPROTO_IGMP;
	struct nftnl_rule *rule;

	nft_add_chain(b, "silence", "filter", NF_INET_LOCAL_OUT, 0);
	rule = nft_rule(b, "silence");
	nft_meta(rule, NFT_META_L4PROTO, 0);
	nft_compare(rule, 0, NFT_CMP_EQ, &igmp, 1);
	nft_verdict(rule, NF_DROP);
	nft_rule_done(b, rule, no_filter);
}

/* As nft(8) would have it behind "meta l4proto PROTOCOL" and a field of the packet */
static const struct loss {
	const char *name;
	uint8_t protocol;
	uint8_t offset;	     /* of the field in the transport header */
	uint8_t mask, value; /* field & mask == value */
	bool answer;	     /* only in the direction of answers */
} losses[] = {
	{"syn-in-answer", IPPROTO_TCP, 13, 0x12, 0x02, true},
	{"resets", IPPROTO_TCP, 13, 0x04, 0x04, false},
	{"icmp-errors", IPPROTO_ICMP, 0, 0xff, ICMP_DEST_UNREACH, false},
	{"echo", IPPROTO_ICMP, 0, 0xff, ICMP_ECHO, false},
};

static void add_loss(struct nft_batch *b, const struct loss *loss)
{
	const uint8_t reply = IP_CT_DIR_REPLY, none = 0;
	struct nftnl_rule *rule = nft_rule(b, "losses");

	nft_meta(rule, NFT_META_L4PROTO, 0);
	nft_compare(rule, 0, NFT_CMP_EQ, &loss->protocol, 1);
	if (loss->answer) {
		nft_ct(rule, NFT_CT_DIRECTION, -1, 0);
		nft_compare(rule, 0, NFT_CMP_EQ, &reply, 1);
	}
	nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, loss->offset, 1, 0);
	nft_mask_set(rule, 0, &loss->mask, &none, 1);
	nft_compare(rule, 0, NFT_CMP_EQ, &loss->value, 1);
	nft_verdict(rule, NF_DROP);
	nft_rule_done(b, rule, no_filter);
}

/* ip length > 1300 drop */
static void add_large_loss(struct nft_batch *b)
{
	const uint16_t most = htons(1300);
	struct nftnl_rule *rule = nft_rule(b, "losses");

	nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 2, 2, 0);
	nft_compare(rule, 0, NFT_CMP_GT, &most, sizeof(most));
	nft_verdict(rule, NF_DROP);
	nft_rule_done(b, rule, no_filter);
}

/* The policy's row of the table, NULL when it is none of these. */
static const struct loss *loss_of(const struct policy *policy)
{
	for (size_t i = 0; i < ARRAY_SIZE(losses); i++)
		if (policy_is(policy, nat_loses, losses[i].name))
			return &losses[i];
	return NULL;
}

void forward_losses(struct nft_batch *b, const struct router *r)
{
	const struct policy *policy = &r->profile->policy;
	bool icmp = policy_is(policy, nat_loses, "icmp");
	bool large = policy_is(policy, nat_loses, "large");
	bool shut = policy_is(policy, nat_loses, "after-ends");
	const struct loss *loss = loss_of(policy);

	if (policy_is(policy, nat_loses, "fragments"))
		lose_fragments(b);
	if (!policy->ssdp_membership)
		hide_membership(b);
	if (!icmp && !large && !shut && !loss && !policy->nat_icmp_blocks && !policy->nat_sip_alg)
		return;
	nft_add_chain(b, "losses", "filter", NF_INET_FORWARD, -2);
	if (loss)
		add_loss(b, loss);
	if (large)
		add_large_loss(b);
	if (shut)
		lose_after_ends(b, r);
	if (icmp) {
		struct nftnl_rule *rule = wan_rule(b, r, NFT_META_IIF, IPPROTO_ICMP);

		nft_verdict(rule, NF_DROP);
		nft_rule_done(b, rule, no_filter);
	}
	if (policy->nat_icmp_blocks)
		block_after_icmp(b, r);
	if (policy->nat_sip_alg)
		change_sip(b, r);
}

void forward_unshut(struct mnl_socket *nl, const struct router *r, const struct mapping *m)
{
	const uint16_t port = htons(m->external_port);
	struct forward_key k = {.map = "ended", .key_len = sizeof(port)};

	if (!r->profile || !policy_is(&r->profile->policy, nat_loses, "after-ends"))
		return;
	memcpy(k.key, &port, sizeof(port));
	forward_elements_delete(nl, &k, 1);
	k.map = "shut";
	forward_elements_delete(nl, &k, 1);
}
