/* SPDX-License-Identifier: MIT */
/*
 * forward_table.c - table "ip fakeigd": its rules, and its elements one at a time.
 *
 * As nft(8) shows it, with "to" for ipv4_addr . inet_service:
 *
 *   map any        { type inet_proto . inet_service : to }
 *   map remote     { type inet_proto . ipv4_addr . inet_service : to }
 *   map all        { type inet_proto : ipv4_addr }                  for external port 0
 *   map remote_all { type inet_proto . ipv4_addr : ipv4_addr }
 *   set inside     { type ipv4_addr }                               the router's LAN addresses
 *   set open       { type inet_proto; elements = { tcp, udp } }     empty while the WAN is down
 *
 *   chain prerouting { type nat hook prerouting priority dstnat;
 *     fib daddr type != local accept           only what is for the router itself,
 *     ip daddr @inside accept                  and not for its LAN side
 *     iif != WAN accept                        (without hairpinning: only from the WAN)
 *     meta l4proto != @open accept
 *     ct mark set 0x1d000000
 *     dnat ip to meta l4proto . ip saddr . th dport map @remote
 *     dnat ip to meta l4proto . th dport map @any
 *     dnat ip to meta l4proto . ip saddr map @remote_all
 *     dnat ip to meta l4proto map @all
 *     ct mark set 0                            no mapping's
 *   }
 *
 * What policies "nat.*" add, each only when it is asked for:
 *
 *   map epoch { type inet_proto : mark }				UDP to the present epoch
 *   set talked { type inet_proto . ipv4_addr . inet_service; flags dynamic; timeout 2m }
 *   chain forward { type filter hook forward priority filter - 1;
 *     ct mark & 0xff000000 == 0x1d000000 ct mark set meta l4proto map @epoch
 *     oif WAN update @talked { meta l4proto . ip saddr . th sport }
 *     iif != WAN ct mark & 0xff000000 == 0x1d000000 ct direction original
 *       meta l4proto . ip daddr . th dport != @talked reject
 *   }
 *   chain postrouting { type nat hook postrouting priority srcnat - 1;     before the router's own
 *     iif != WAN oif != WAN ct mark & 0xff000000 == 0x1d000000 masquerade
 *     oif WAN masquerade fully-random
 *     oif WAN meta l4proto udp masquerade to :th sport
 *   }
 *
 * (forward_losses.c has what makes a poor NAT of it.)
 *
 * "fib" and not a list of WAN addresses, so that a renumbered WAN needs no change here. Each
 * element counts the connections that took it (only the first packet of one comes to a nat chain),
 * so that removing a mapping knows whether there is anything to end. Rule sets are written by
 * sim/nft.h; elements go out by libmnl alone, 5 us each.
 */
#include "forward_table.h"

#include "../sim/nft.h"
#include "base/mem.h"
#include "choice.h"
#include "portmap.h"
#include "profile.h"
#include "router.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <netinet/ip_icmp.h>

#define TABLE "fakeigd"

/* How long an internal endpoint that sent something out may be reached from the LAN (RFC 4787
 * REQ-5). */
#define TALKED_SECONDS 120

static const char *const map_names[] = {"any", "remote", "all", "remote_all"};

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

/* nat.hairpin-needs-outbound */
static void add_talked(struct nft_batch *b, const struct router *r)
{
	const struct nft_set talked = {
		.name = "talked",
		.key_type = NFT_CONCAT(NFT_CONCAT(NFT_TYPE_INET_PROTO, NFT_TYPE_IPADDR),
				       NFT_TYPE_INET_SERVICE),
		.key_len = 12,
		.dynamic = true,
	};
	const uint8_t original = IP_CT_DIR_ORIGINAL;
	struct nftnl_rule *rule;

	nft_add_set(b, &talked);
	rule = nft_rule(b, "forward");
	on_wan(rule, NFT_META_OIF, NFT_CMP_EQ, r);
	load_endpoint(rule, true);
	nft_update(rule, "talked", 0, -1, TALKED_SECONDS);
	nft_rule_done(b, rule, no_dynset);

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

/* nat.udp-idle */
static void add_epoch(struct nft_batch *b)
{
	const struct nft_set epoch = {"epoch",	     NFT_TYPE_INET_PROTO, 1,
				      NFT_TYPE_MARK, sizeof(uint32_t),	  false};
	struct nftnl_rule *rule;

	nft_add_set(b, &epoch);
	rule = nft_rule(b, "forward");
	mapped(rule);
	nft_meta(rule, NFT_META_L4PROTO, 0);
	nft_lookup_map(rule, "epoch", 0, 1);
	nft_set_ct_mark(rule, 1);
	nft_rule_done(b, rule, no_mark);
}

/* nat.hairpin-source, nat.outbound-port: source NAT before the router's own. */
static void add_postrouting(struct nft_batch *b, const struct router *r, bool lan, bool random,
			    bool kept)
{
	const uint8_t udp = IPPROTO_UDP;
	struct nftnl_rule *rule;

	nft_add_chain(b, "postrouting", "nat", NF_INET_POST_ROUTING, 99);
	if (lan) {
		rule = nft_rule(b, "postrouting");
		on_wan(rule, NFT_META_IIF, NFT_CMP_NEQ, r);
		on_wan(rule, NFT_META_OIF, NFT_CMP_NEQ, r);
		mapped(rule);
		nft_masquerade(rule, 0, -1, -1);
		nft_rule_done(b, rule, no_masquerade);
	}
	if (random) {
		rule = nft_rule(b, "postrouting");
		on_wan(rule, NFT_META_OIF, NFT_CMP_EQ, r);
		nft_masquerade(rule, NF_NAT_RANGE_PROTO_RANDOM_FULLY, -1, -1);
		nft_rule_done(b, rule, no_masquerade);
	}
	if (kept) {
		rule = nft_rule(b, "postrouting");
		on_wan(rule, NFT_META_OIF, NFT_CMP_EQ, r);
		nft_meta(rule, NFT_META_L4PROTO, 0);
		nft_compare(rule, 0, NFT_CMP_EQ, &udp, 1);
		nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, 0);
		nft_masquerade(rule, NF_NAT_RANGE_PROTO_SPECIFIED, 0, 0);
		nft_rule_done(b, rule, no_masquerade);
	}
}

/* What departs from the plain table by policy. */
static void add_departures(struct nft_batch *b, const struct router *r)
{
	const struct policy *policy = &r->profile->policy;
	bool lan = policy_is(policy, nat_hairpin_source, "lan");
	bool random = policy_is(policy, nat_outbound_port, "random");
	bool kept = policy_is(policy, nat_outbound_port, "kept");

	if (policy->nat_udp_idle || policy->nat_hairpin_needs_outbound)
		nft_add_chain(b, "forward", "filter", NF_INET_FORWARD, -1);
	if (policy->nat_udp_idle)
		add_epoch(b);
	if (policy->nat_hairpin_needs_outbound)
		add_talked(b, r);
	if (lan || random || kept)
		add_postrouting(b, r, lan, random, kept);
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

/* One field of a key or of data: 4 bytes, the rest of which is zero. */
static void put_field(uint8_t *to, uint32_t *len, const void *value, size_t size)
{
	memcpy(to + *len, value, size);
	*len += 4;
}

struct forward_key forward_key_of(const struct mapping *m)
{
	bool remote = m->remote_host.s_addr != INADDR_ANY, port = m->external_port;
	uint16_t external = htons(m->external_port), internal = htons(m->internal_port);
	uint8_t protocol = (uint8_t)m->protocol;
	struct forward_key k = {0};

	k.map = map_names[remote + 2 * !port];
	put_field(k.key, &k.key_len, &protocol, 1);
	if (remote)
		put_field(k.key, &k.key_len, &m->remote_host, 4);
	if (port)
		put_field(k.key, &k.key_len, &external, 2);
	put_field(k.data, &k.data_len, &m->internal_client, 4);
	if (port)
		put_field(k.data, &k.data_len, &internal, 2);
	if (k.key_len == 4) /* a single field has its own size */
		k.key_len = 1;
	return k;
}

static void put_value(struct nlmsghdr *nlh, uint16_t type, const void *data, uint32_t len)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);

	mnl_attr_put(nlh, NFTA_DATA_VALUE, len, data);
	mnl_attr_nest_end(nlh, nest);
}

/* counter: counts the packets that took the element. */
static void put_counter(struct nlmsghdr *nlh)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_EXPR), *data;

	mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, "counter");
	data = mnl_attr_nest_start(nlh, NFTA_EXPR_DATA);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, nest);
}

static struct nlmsghdr *header(void *at, uint16_t type, uint16_t flags, uint32_t seq,
			       uint8_t family, uint16_t resource)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = seq;
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(resource);
	return nlh;
}

/* A message about one element. */
static struct nlmsghdr *element_message(void *at, uint16_t type, uint16_t flags, uint32_t seq,
					const struct forward_key *k)
{
	struct nlmsghdr *nlh =
		header(at, NFNL_SUBSYS_NFTABLES << 8 | type, flags, seq, NFPROTO_IPV4, 0);
	struct nlattr *list, *element;

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, TABLE);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, k->map);
	list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	put_value(nlh, NFTA_SET_ELEM_KEY, k->key, k->key_len);
	if (type == NFT_MSG_NEWSETELEM) {
		put_value(nlh, NFTA_SET_ELEM_DATA, k->data, k->data_len);
		put_counter(nlh);
	}
	mnl_attr_nest_end(nlh, element);
	mnl_attr_nest_end(nlh, list);
	return nlh;
}

enum { SEQ_BEGIN = 1, SEQ_ELEMENT, SEQ_END };

/* A transaction of one message. Return: 0 or -errno as the kernel says. */
static int element_transaction(struct mnl_socket *nl, uint16_t type, uint16_t flags,
			       const struct forward_key *k)
{
	_Alignas(struct nlmsghdr) char out[512], in[1024];
	size_t len =
		header(out, NFNL_MSG_BATCH_BEGIN, 0, SEQ_BEGIN, AF_UNSPEC, NFNL_SUBSYS_NFTABLES)
			->nlmsg_len;

	len += element_message(out + len, type, NLM_F_ACK | flags, SEQ_ELEMENT, k)->nlmsg_len;
	len += header(out + len, NFNL_MSG_BATCH_END, 0, SEQ_END, AF_UNSPEC, NFNL_SUBSYS_NFTABLES)
		       ->nlmsg_len;
	if (mnl_socket_sendto(nl, out, len) < 0)
		return -errno;
	for (;;) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)in;
		const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
		ssize_t got = mnl_socket_recvfrom(nl, in, sizeof(in));

		if (got < 0)
			return -errno;
		if (nlh->nlmsg_type == NLMSG_ERROR && (nlh->nlmsg_seq == SEQ_ELEMENT || e->error))
			return e->error;
	}
}

int forward_element_add(struct mnl_socket *nl, const struct forward_key *k)
{
	return element_transaction(nl, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, k);
}

int forward_element_delete(struct mnl_socket *nl, const struct forward_key *k)
{
	return element_transaction(nl, NFT_MSG_DELSETELEM, 0, k);
}

/* The attribute of a type inside another, NULL when it is not there. */
static const struct nlattr *inside(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *a;

	if (!nest)
		return NULL;
	mnl_attr_for_each_nested(a, nest) if (mnl_attr_get_type(a) == type) return a;
	return NULL;
}

static const struct nlattr *elements_of(const struct nlmsghdr *nlh)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, nlh,
			  sizeof(struct nfgenmsg)) if (mnl_attr_get_type(a) ==
						       NFTA_SET_ELEM_LIST_ELEMENTS) return a;
	return NULL;
}

int forward_element_get(struct mnl_socket *nl, const struct forward_key *k, bool *used)
{
	_Alignas(struct nlmsghdr) char out[512], in[2048];
	struct nlmsghdr *nlh = element_message(out, NFT_MSG_GETSETELEM, 0, SEQ_ELEMENT, k);
	const struct nlattr *element, *packets;
	uint64_t count = 1; /* a kernel that does not count: better look once too often */

	if (mnl_socket_sendto(nl, out, nlh->nlmsg_len) < 0 ||
	    mnl_socket_recvfrom(nl, in, sizeof(in)) < 0)
		return -errno;
	nlh = (struct nlmsghdr *)in;
	if (nlh->nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error;
	element = inside(elements_of(nlh), NFTA_LIST_ELEM);
	packets = inside(inside(inside(element, NFTA_SET_ELEM_EXPR), NFTA_EXPR_DATA),
			 NFTA_COUNTER_PACKETS);
	if (packets)
		memcpy(&count, mnl_attr_get_payload(packets), sizeof(count));
	*used = count;
	return 0;
}

int forward_table_epoch(struct mnl_socket *nl, uint8_t old, uint8_t epoch)
{
	const uint32_t mark = FORWARD_MARK | epoch;
	struct forward_key k = {.map = "epoch", .key = {IPPROTO_UDP}, .key_len = 1};
	int error = old ? forward_element_delete(nl, &k) : 0;

	memcpy(k.data, &mark, sizeof(mark));
	k.data_len = sizeof(mark);
	return error ? error : forward_element_add(nl, &k);
}
