/* SPDX-License-Identifier: MIT */
/*
 * forward_table.c - table "ip fakeigd": its rules.
 *
 * As nft(8) shows it, with "to" for ipv4_addr . inet_service:
 *
 *   map any        { type inet_proto . inet_service : to }
 *   map remote     { type inet_proto . ipv4_addr . inet_service : to }
 *   map all        { type inet_proto : ipv4_addr }                  for external port 0
 *   map remote_all { type inet_proto . ipv4_addr : ipv4_addr }
 *   set inside     { type ipv4_addr }                               the router's LAN addresses
 *   set open       { type inet_proto; elements = { tcp, udp } }     empty while the WAN is down
 *   map outward        { type inet_proto . to : inet_service }      forward_outward.c
 *   map outward_remote { type inet_proto . to . ipv4_addr : inet_service }
 *
 *   chain prerouting { type nat hook prerouting priority dstnat;
 *     fib daddr type != local accept           only what is for the router itself,
 *     ip daddr @inside accept                  and not for its LAN side
 *     iif != WAN accept                        (without hairpinning: only from the WAN)
 *     meta l4proto != @open accept
 *     meta l4proto . th dport @filtered meta l4proto . th dport . ip saddr != @allowed
 *       meta l4proto . th dport . th sport . ip saddr != @allowed_port accept    forward_filter.c
 *     ct mark set 0x1d000000
 *     dnat ip to meta l4proto . ip saddr . th dport map @remote
 *     dnat ip to meta l4proto . th dport map @any
 *     dnat ip to meta l4proto . ip saddr map @remote_all
 *     dnat ip to meta l4proto map @all
 *     ct mark set 0                            no mapping's
 *   }
 *
 *   chain postrouting { type nat hook postrouting priority srcnat - 1;     before the router's own
 *     oif WAN masquerade to meta l4proto . ip saddr . th sport . ip daddr map @outward_remote
 *     oif WAN masquerade to meta l4proto . ip saddr . th sport map @outward
 *   }
 *
 * Where PCP is spoken, which endpoints have sent something out (forward_flow() looks there first):
 *
 *   set sent { type inet_proto . ipv4_addr . inet_service; flags dynamic; timeout 124m }
 *   chain forward {
 *     oif WAN update @sent { meta l4proto . ip saddr . th sport }
 *   }
 *
 * What policies "nat.*" add, each only when it is asked for; "random" in place of the two above:
 *
 *   map epoch { type inet_proto : mark }				UDP to the present epoch
 *   set talked { type inet_proto . ipv4_addr . inet_service; flags dynamic; timeout 2m }
 *   chain forward { type filter hook forward priority filter - 1;
 *     [iif WAN] ct mark & 0xff000000 == 0x1d000000 ct mark set meta l4proto map @epoch
 *     oif WAN update @talked { meta l4proto . ip saddr . th sport }
 *     iif != WAN ct mark & 0xff000000 == 0x1d000000 ct direction original
 *       meta l4proto . ip daddr . th dport != @talked reject
 *   }
 *   chain postrouting {
 *     iif != WAN oif != WAN ct mark & 0xff000000 == 0x1d000000 masquerade
 *     iif WAN ct mark & 0xff000000 == 0x1d000000 masquerade
 *     oif WAN masquerade fully-random                        or: masquerade to :50000-50063
 *     oif WAN meta l4proto udp masquerade to :th sport
 *   }
 *
 * (forward_losses.c has what makes a poor NAT of it.)
 *
 * "fib" and not a list of WAN addresses, so that a renumbered WAN needs no change here. Rule sets
 * are written by sim/nft.h, elements by forward_element.c.
 */
#include "forward_table.h"

#include "../sim/nft.h"
#include "base/mem.h"
#include "choice.h"
#include "portmap.h"
#include "profile.h"
#include "router.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/ip_icmp.h>

#define TABLE FORWARD_TABLE

/* How long an internal endpoint that sent something out may be reached from the LAN (RFC 4787
 * REQ-5). */
#define TALKED_SECONDS 120

/* As long as a NAT keeps an idle TCP connection (RFC 5382 REQ-5); UDP's is shorter. */
#define SENT_SECONDS 7440

static const char *const map_names[] = {"any",	      "remote",	 "all",
					"remote_all", "outward", "outward_remote"};

static const char no_fib[] = "nft fib expressions (CONFIG_NFT_FIB_IPV4)";
static const char no_nat[] = "nft NAT (CONFIG_NFT_NAT)";
static const char no_masquerade[] = "nft masquerading (CONFIG_NFT_MASQ)";
static const char no_reject[] = "nft reject (CONFIG_NFT_REJECT_IPV4)";
static const char no_dynset[] = "sets that rules update (nf_tables of Linux 4.3 or newer)";
static const char no_mark[] = "connection marks (CONFIG_NF_CONNTRACK_MARK, CONFIG_NFT_CT)";

static struct nft_batch batch(void)
{
	return (struct nft_batch){.family = NFPROTO_IPV4, .table = TABLE};
}

static void add_maps(struct nft_batch *b)
{
	const uint32_t proto = NFT_TYPE_INET_PROTO, address = NFT_TYPE_IPADDR;
	const uint32_t port = NFT_TYPE_INET_SERVICE;
	const uint32_t to = NFT_CONCAT(address, port);
	const uint32_t remote = NFT_CONCAT(proto, address);
	const struct nft_set sets[] = {
		{"any", NFT_CONCAT(proto, port), 8, to, 8, false},
		{"remote", NFT_CONCAT(remote, port), 12, to, 8, false},
		{"outward", NFT_CONCAT(NFT_CONCAT(proto, address), port), 12, port, 2, false},
		{"outward_remote",
		 NFT_CONCAT(NFT_CONCAT(NFT_CONCAT(proto, address), port), address), 16, port, 2,
		 false},
		{"all", proto, 1, address, 4, false},
		{"remote_all", remote, 8, address, 4, false},
		{"inside", address, 4, 0, 0, false},
		{"open", proto, 1, 0, 0, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		nft_add_set(b, &sets[i]);
}

static void add_gate(struct nft_batch *b)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		nft_add_element(b, "open", &protocols[i], 1);
}

/* What has nothing to do with mappings is let through first. */
static void add_exits(struct nft_batch *b, const struct router *r)
{
	const uint32_t local = RTN_LOCAL;
	struct nftnl_rule *rule = nft_rule(b, "prerouting");

	nft_fib_type(rule, 0);
	nft_compare(rule, 0, NFT_CMP_NEQ, &local, sizeof(local));
	nft_verdict(rule, NF_ACCEPT);
	nft_rule_done(b, rule, no_fib);

	rule = nft_rule(b, "prerouting");
	nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 16, 4, 0);
	nft_lookup(rule, "inside", 0, false);
	nft_verdict(rule, NF_ACCEPT);
	nft_rule_done(b, rule, NULL);

	if (r->profile && !r->profile->policy.nat_hairpinning) {
		rule = nft_rule(b, "prerouting");
		nft_meta(rule, NFT_META_IIF, 0);
		nft_compare(rule, 0, NFT_CMP_NEQ, &r->wan.index, sizeof(r->wan.index));
		nft_verdict(rule, NF_ACCEPT);
		nft_rule_done(b, rule, NULL);
	}
	rule = nft_rule(b, "prerouting");
	nft_meta(rule, NFT_META_L4PROTO, 0);
	nft_lookup(rule, "open", 0, true);
	nft_verdict(rule, NF_ACCEPT);
	nft_rule_done(b, rule, NULL);
}

/* ct mark set MARK */
static void add_mark(struct nft_batch *b, uint32_t mark)
{
	struct nftnl_rule *rule = nft_rule(b, "prerouting");

	nft_constant(rule, 0, &mark, sizeof(mark));
	nft_set_ct_mark(rule, 0);
	nft_rule_done(b, rule, no_mark);
}

/* dnat to meta l4proto [. ip saddr] [. th dport] map @MAP; @as: that protocol, whatever it is of */
static void add_translation(struct nft_batch *b, const char *map, bool remote, bool port,
			    uint32_t as)
{
	struct nftnl_rule *rule = nft_rule(b, "prerouting");
	unsigned reg = 1;

	if (as)
		nft_constant(rule, 0, &as, sizeof(as));
	else
		nft_meta(rule, NFT_META_L4PROTO, 0);
	if (remote)
		nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 12, 4, reg++);
	if (port)
		nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, reg);
	nft_lookup_map(rule, map, 0, 0);
	nft_nat(rule, NFT_NAT_DNAT, 0, port ? 1 : -1);
	nft_rule_done(b, rule, no_nat);
}

static void add_translations(struct nft_batch *b, uint32_t as)
{
	add_translation(b, "remote", true, true, as);
	add_translation(b, "any", false, true, as);
	add_translation(b, "remote_all", true, false, as);
	add_translation(b, "all", false, false, as);
}

/* iif WAN or oif WAN, or neither. */
static void on_wan(struct nftnl_rule *rule, uint32_t key, uint32_t op, const struct router *r)
{
	nft_meta(rule, key, 0);
	nft_compare(rule, 0, op, &r->wan.index, sizeof(r->wan.index));
}

/* ct mark & MASK == MARK: a connection through a mapping */
static void mapped(struct nftnl_rule *rule)
{
	const uint32_t mark = FORWARD_MARK, mask = FORWARD_MARK_MASK, none = 0;

	nft_ct(rule, NFT_CT_MARK, -1, 0);
	nft_mask_set(rule, 0, &mask, &none, sizeof(mask));
	nft_compare(rule, 0, NFT_CMP_EQ, &mark, sizeof(mark));
}

/* Registers 0-2: meta l4proto . ip saddr . th sport, or those of the destination. */
static void load_endpoint(struct nftnl_rule *rule, bool source)
{
	nft_meta(rule, NFT_META_L4PROTO, 0);
	nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, source ? 12 : 16, 4, 1);
	nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, source ? 0 : 2, 2, 2);
}

/* A set of internal endpoints: protocol . address . port */
static struct nft_set endpoints(const char *name)
{
	return (struct nft_set){
		.name = name,
		.key_type = NFT_CONCAT(NFT_CONCAT(NFT_TYPE_INET_PROTO, NFT_TYPE_IPADDR),
				       NFT_TYPE_INET_SERVICE),
		.key_len = 12,
		.dynamic = true,
	};
}

bool forward_notes_senders(const struct router *r)
{
	return r->profile && r->profile->policy.pcp_enabled;
}

/* Set @name: the endpoints that have sent to the WAN in the last @seconds. */
static void note_senders(struct nft_batch *b, const struct router *r, const char *name, int seconds)
{
	const struct nft_set set = endpoints(name);
	struct nftnl_rule *rule;

	nft_add_set(b, &set);
	rule = nft_rule(b, "forward");
	on_wan(rule, NFT_META_OIF, NFT_CMP_EQ, r);
	load_endpoint(rule, true);
	nft_update(rule, name, 0, -1, seconds);
	nft_rule_done(b, rule, no_dynset);
}

/* nat.hairpin-needs-outbound */
static void add_talked(struct nft_batch *b, const struct router *r)
{
	const uint8_t original = IP_CT_DIR_ORIGINAL;
	struct nftnl_rule *rule;

	note_senders(b, r, "talked", TALKED_SECONDS);
	rule = nft_rule(b, "forward");
	on_wan(rule, NFT_META_IIF, NFT_CMP_NEQ, r);
	mapped(rule);
	nft_ct(rule, NFT_CT_DIRECTION, -1, 0);
	nft_compare(rule, 0, NFT_CMP_EQ, &original, 1);
	load_endpoint(rule, false);
	nft_lookup(rule, "talked", 0, true);
	nft_reject(rule, NFT_REJECT_ICMP_UNREACH, ICMP_PORT_UNREACH);
	nft_rule_done(b, rule, no_reject);
}

/* nat.udp-idle, nat.udp-refresh */
static void add_epoch(struct nft_batch *b, const struct router *r)
{
	const struct nft_set epoch = {"epoch",	     NFT_TYPE_INET_PROTO, 1,
				      NFT_TYPE_MARK, sizeof(uint32_t),	  false};
	struct nftnl_rule *rule;

	nft_add_set(b, &epoch);
	rule = nft_rule(b, "forward");
	if (policy_is(&r->profile->policy, nat_udp_refresh, "inbound"))
		on_wan(rule, NFT_META_IIF, NFT_CMP_EQ, r);
	mapped(rule);
	nft_meta(rule, NFT_META_L4PROTO, 0);
	nft_lookup_map(rule, "epoch", 0, 1);
	nft_set_ct_mark(rule, 1);
	nft_rule_done(b, rule, no_mark);
}

/* oif WAN masquerade to meta l4proto . ip saddr . th sport [. ip daddr] map @MAP */
static void add_outward(struct nft_batch *b, const struct router *r, const char *map, bool remote)
{
	struct nftnl_rule *rule = nft_rule(b, "postrouting");

	on_wan(rule, NFT_META_OIF, NFT_CMP_EQ, r);
	load_endpoint(rule, true);
	if (remote)
		nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 16, 4, 3);
	nft_lookup_map(rule, map, 0, 4);
	nft_masquerade(rule, 0, 4, 4);
	nft_rule_done(b, rule, no_masquerade);
}

/* oif WAN masquerade to :50000-50063 */
static void add_narrow(struct nft_batch *b, const struct router *r)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	const uint16_t low = htons(50000), high = htons(50063);

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		struct nftnl_rule *rule = nft_rule(b, "postrouting");

		on_wan(rule, NFT_META_OIF, NFT_CMP_EQ, r);
		nft_meta(rule, NFT_META_L4PROTO, 0);
		nft_compare(rule, 0, NFT_CMP_EQ, &protocols[i], 1);
		nft_constant(rule, 1, &low, sizeof(low));
		nft_constant(rule, 2, &high, sizeof(high));
		nft_masquerade(rule, 0, 1, 2);
		nft_rule_done(b, rule, no_masquerade);
	}
}

/* oif WAN meta l4proto udp masquerade to :th sport */
static void add_kept(struct nft_batch *b, const struct router *r)
{
	const uint8_t udp = IPPROTO_UDP;
	struct nftnl_rule *rule = nft_rule(b, "postrouting");

	on_wan(rule, NFT_META_OIF, NFT_CMP_EQ, r);
	nft_meta(rule, NFT_META_L4PROTO, 0);
	nft_compare(rule, 0, NFT_CMP_EQ, &udp, 1);
	nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, 0);
	nft_masquerade(rule, NF_NAT_RANGE_PROTO_SPECIFIED, 0, 0);
	nft_rule_done(b, rule, no_masquerade);
}

bool forward_binds_outward(const struct router *r)
{
	const struct policy *policy = r->profile ? &r->profile->policy : NULL;

	return policy && !policy_is(policy, nat_outbound_port, "unchanged") &&
	       !policy_is(policy, nat_outbound_port, "random");
}

/* nat.hairpin-source, nat.inbound-source, nat.outbound-port: source NAT before the router's own. */
static void add_postrouting(struct nft_batch *b, const struct router *r)
{
	const struct policy *policy = &r->profile->policy;
	struct nftnl_rule *rule;

	nft_add_chain(b, "postrouting", "nat", NF_INET_POST_ROUTING, 99);
	if (policy_is(policy, nat_hairpin_source, "lan")) {
		rule = nft_rule(b, "postrouting");
		on_wan(rule, NFT_META_IIF, NFT_CMP_NEQ, r);
		on_wan(rule, NFT_META_OIF, NFT_CMP_NEQ, r);
		mapped(rule);
		nft_masquerade(rule, 0, -1, -1);
		nft_rule_done(b, rule, no_masquerade);
	}
	if (policy_is(policy, nat_inbound_source, "lan")) {
		rule = nft_rule(b, "postrouting");
		on_wan(rule, NFT_META_IIF, NFT_CMP_EQ, r);
		mapped(rule);
		nft_masquerade(rule, 0, -1, -1);
		nft_rule_done(b, rule, no_masquerade);
	}
	if (forward_binds_outward(r)) {
		add_outward(b, r, "outward_remote", true);
		add_outward(b, r, "outward", false);
	}
	if (policy_is(policy, nat_outbound_port, "narrow"))
		add_narrow(b, r);
	if (policy_is(policy, nat_outbound_port, "kept"))
		add_kept(b, r);
	if (policy_is(policy, nat_outbound_port, "random")) {
		rule = nft_rule(b, "postrouting");
		on_wan(rule, NFT_META_OIF, NFT_CMP_EQ, r);
		nft_masquerade(rule, NF_NAT_RANGE_PROTO_RANDOM_FULLY, -1, -1);
		nft_rule_done(b, rule, no_masquerade);
	}
}

/* What departs from the plain table by policy. */
static void add_departures(struct nft_batch *b, const struct router *r)
{
	const struct policy *policy = &r->profile->policy;

	if (policy->nat_udp_idle || policy->nat_hairpin_needs_outbound || forward_notes_senders(r))
		nft_add_chain(b, "forward", "filter", NF_INET_FORWARD, -1);
	if (forward_notes_senders(r))
		note_senders(b, r, "sent", SENT_SECONDS);
	if (policy->nat_udp_idle)
		add_epoch(b, r);
	if (policy->nat_hairpin_needs_outbound)
		add_talked(b, r);
	add_postrouting(b, r);
	forward_losses(b, r);
}

int forward_table_make(const struct router *r, const char **what)
{
	struct nft_batch b = batch();

	*what = "nf_tables (CONFIG_NF_TABLES)";
	if (nft_exists(NFPROTO_IPV4, TABLE, NULL))
		nft_delete_table(&b);
	nft_add_table(&b);
	add_maps(&b);
	for (size_t i = 0; i < r->lans; i++)
		if (r->lan[i].address.s_addr)
			nft_add_element(&b, "inside", &r->lan[i].address, 4);
	add_gate(&b);
	nft_add_chain(&b, "prerouting", "nat", NF_INET_PRE_ROUTING, -100);
	add_exits(&b, r);
	forward_filters_table(&b, r);
	add_mark(&b, FORWARD_MARK);
	add_translations(&b, 0);
	if (r->profile && policy_is(&r->profile->policy, forward_protocols, "either")) {
		add_translations(&b, IPPROTO_TCP);
		add_translations(&b, IPPROTO_UDP);
	}
	add_mark(&b, 0);
	if (r->profile)
		add_departures(&b, r);
	return nft_commit(&b, what);
}

int forward_table_delete(void)
{
	struct nft_batch b = batch();

	nft_delete_table(&b);
	return nft_commit(&b, NULL);
}

int forward_table_empty(void)
{
	struct nft_batch b = batch();

	for (size_t i = 0; i < ARRAY_SIZE(map_names); i++)
		nft_flush_set(&b, map_names[i]);
	return nft_commit(&b, NULL);
}

int forward_table_gate(bool open)
{
	struct nft_batch b = batch();

	nft_flush_set(&b, "open");
	if (open)
		add_gate(&b);
	return nft_commit(&b, NULL);
}
