/* SPDX-License-Identifier: MIT */
/*
 * nat.c - source NAT and the stateful filter of a router node (see nat.h)
 *
 * Theory of operation
 *
 * RFC 4787 (UDP) and RFC 5382 (TCP) describe a NAT by two choices, and this is how each becomes
 * rules. Chains: "wan_out" (nat, postrouting 100) translates the source; "remember" (filter,
 * postrouting 110) sees the result and notes it; "cone" (nat, prerouting -90, behind a daemon's own
 * destination NAT at -100) uses the notes; "pass" (forward) and "own" (input) filter.
 *
 * Mapping: which external port a new connection of an internal endpoint gets (RFC 4787 clause 4.1).
 *  - endpoint-independent: the kernel looks for a living connection of the same internal endpoint
 *    and takes its external port again, whatever the destination, so plain masquerading is it.
 *    Without port preservation the port is forced out of its own half of the port space.
 *  - address-dependent: the port is a hash of internal endpoint and remote address. With port
 *    preservation the first remote address keeps the original port ("held" says that somebody has
 *    it, "kept" says who), every other one gets the hash.
 *  - address-and-port-dependent: a random port for every connection, or preserved for the first
 *    remote endpoint as above.
 *
 * Filtering: who may answer on that external port (clause 5).
 *  - address-and-port-dependent: connection tracking alone.
 *  - address-dependent, endpoint-independent: every outgoing packet refreshes (REQ-6) an element
 *    of the map "cone", external endpoint (and remote address) to internal endpoint; an incoming
 *    packet that matches one is translated by it.
 *
 * Hairpinning (clause 6, REQ-9): a LAN host's connection to the external address that was
 * translated back to the LAN leaves with the external address as its source.
 *
 * What is closed answers at once, TCP with a reset and the rest with ICMP: real routers mostly stay
 * silent, but a lab has better things to do than to wait for its programs' time-outs (this departs
 * from RFC 5382 REQ-4). IPv6 is forwarded without translation, closed inwards as RFC 6092 asks.
 *
 * The rules are written with nft.h; the nft(8) form of each is beside it.
 */
#include "nat.h"

#include "../fakeigd/base/mem.h"
#include "nft.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <unistd.h>

#define TABLE "igdlab"

/* Life of a dynamic mapping: RFC 4787 REQ-5 asks for two minutes at least, RFC 5382 REQ-5 for two
 * hours and four minutes. One map serves both protocols where the topology gives no time. */
#define CONE_UDP_SECONDS 120
#define CONE_TCP_SECONDS 7440

static bool has_ipv6(const struct topology *t, const struct node *node)
{
	for (size_t i = 0; i < node->port_count; i++)
		if (t->networks[node->ports[i].network].prefix6)
			return true;
	return false;
}

static int cone_seconds(const struct nat_behaviour *nat, bool tcp)
{
	if (tcp)
		return nat->tcp_timeout ? nat->tcp_timeout : CONE_TCP_SECONDS;
	return nat->udp_timeout ? nat->udp_timeout : CONE_UDP_SECONDS;
}

/* What a rule is refused for, when it is. */
static const char no_masquerade[] = "nft masquerading (CONFIG_NFT_MASQ)";
static const char no_nat[] = "nft NAT (CONFIG_NFT_NAT)";
static const char no_ct[] = "nft connection tracking (CONFIG_NFT_CT)";
static const char no_reject[] = "nft reject (CONFIG_NFT_REJECT_IPV4, _IPV6)";
static const char no_hash[] = "nft hash (CONFIG_NFT_HASH), for address-dependent mapping";
static const char no_dynset[] = "maps that rules update (nf_tables of Linux 4.3 or newer), for "
				"filtering or mapping other than by connection";

/* Words for rules: each goes on to the next expression when it is true. */

/* iifname @wan, iifname != @wan */
static void from_wan(struct nftnl_rule *r, bool is)
{
	nft_meta(r, NFT_META_IIFNAME, 0);
	nft_lookup(r, "wan", 0, !is);
}

/* oifname @wan, oifname != @wan */
static void to_wan(struct nftnl_rule *r, bool is)
{
	nft_meta(r, NFT_META_OIFNAME, 0);
	nft_lookup(r, "wan", 0, !is);
}

/* meta l4proto PROTOCOL */
static void protocol(struct nftnl_rule *r, uint8_t number)
{
	nft_meta(r, NFT_META_L4PROTO, 0);
	nft_compare(r, 0, NFT_CMP_EQ, &number, 1);
}

/* ct status dnat */
static void translated(struct nftnl_rule *r)
{
	nft_ct(r, NFT_CT_STATUS, -1, 0);
	nft_any_bit(r, 0, IPS_DST_NAT);
}

/* Fields of IPv4 and transport headers, into registers. */
static void load_addresses(struct nftnl_rule *r, int source_reg, int destination_reg)
{
	if (source_reg >= 0)
		nft_payload(r, NFT_PAYLOAD_NETWORK_HEADER, 12, 4, source_reg);
	if (destination_reg >= 0)
		nft_payload(r, NFT_PAYLOAD_NETWORK_HEADER, 16, 4, destination_reg);
}

static void load_ports(struct nftnl_rule *r, int source_reg, int destination_reg)
{
	if (source_reg >= 0)
		nft_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, source_reg);
	if (destination_reg >= 0)
		nft_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, destination_reg);
}

static const uint8_t transports[] = {IPPROTO_UDP, IPPROTO_TCP};

/* set held { meta l4proto . ip saddr . th sport }: who has its original port as external one.
 * set kept { ... . ip daddr [. th dport] }: towards whom. */
static void add_held_sets(struct nft_batch *b, bool by_port)
{
	uint32_t endpoint =
		NFT_CONCAT(NFT_CONCAT(NFT_TYPE_INET_PROTO, NFT_TYPE_IPADDR), NFT_TYPE_INET_SERVICE);
	uint32_t pair = NFT_CONCAT(endpoint, NFT_TYPE_IPADDR);

	nft_add_set(b,
		    &(struct nft_set){
			    .name = "held", .key_type = endpoint, .key_len = 12, .dynamic = true});
	nft_add_set(b, &(struct nft_set){
			       .name = "kept",
			       .key_type = by_port ? NFT_CONCAT(pair, NFT_TYPE_INET_SERVICE) : pair,
			       .key_len = by_port ? 20 : 16,
			       .dynamic = true});
}

/* Registers 0-4: meta l4proto . ip saddr . th sport . ip daddr . th dport */
static void load_flow(struct nftnl_rule *r)
{
	nft_meta(r, NFT_META_L4PROTO, 0);
	load_addresses(r, 1, 3);
	load_ports(r, 2, 4);
}

static void add_held_rules(struct nft_batch *b, const struct nat_behaviour *nat)
{
	/* oifname @wan FLOW @kept masquerade */
	struct nftnl_rule *r = nft_rule(b, "wan_out");

	to_wan(r, true);
	load_flow(r);
	nft_lookup(r, "kept", 0, false);
	nft_masquerade(r, 0, -1, -1);
	nft_rule_done(b, r, no_masquerade);

	/* oifname @wan meta l4proto P ENDPOINT != @held update @held { ENDPOINT timeout T }
	 * update @kept { FLOW timeout T } masquerade */
	for (size_t i = 0; i < ARRAY_SIZE(transports); i++) {
		int seconds = cone_seconds(nat, transports[i] == IPPROTO_TCP);

		r = nft_rule(b, "wan_out");
		to_wan(r, true);
		protocol(r, transports[i]);
		load_flow(r);
		nft_lookup(r, "held", 0, true);
		nft_update(r, "held", 0, -1, seconds);
		nft_update(r, "kept", 0, -1, seconds);
		nft_masquerade(r, 0, -1, -1);
		nft_rule_done(b, r, no_dynset);
	}
}

/* oifname @wan meta l4proto P masquerade to :jhash ENDPOINT . ip daddr | 0x8000 */
static void add_hashed_ports(struct nft_batch *b)
{
	static const uint8_t mask[2] = {0x7f, 0xff}, set[2] = {0x80, 0};

	for (size_t i = 0; i < ARRAY_SIZE(transports); i++) {
		struct nftnl_rule *r = nft_rule(b, "wan_out");

		to_wan(r, true);
		protocol(r, transports[i]);
		load_flow(r);
		nft_hash(r, 0, 16, 5, 0x69676421);
		nft_mask_set(r, 5, mask, set, sizeof(mask));
		nft_masquerade(r, 0, 5, 5);
		nft_rule_done(b, r, no_hash);
	}
}

/* oifname @wan meta l4proto P th sport < 32768 masquerade to :32768-65535, and the other way
 * round: never the original port. */
static void add_moved_ports(struct nft_batch *b)
{
	const struct {
		uint32_t op;
		uint16_t low, high;
	} halves[] = {{NFT_CMP_LT, 32768, 65535}, {NFT_CMP_GTE, 1024, 32767}};
	uint16_t middle = htons(32768);

	for (size_t i = 0; i < ARRAY_SIZE(transports) * ARRAY_SIZE(halves); i++) {
		struct nftnl_rule *r = nft_rule(b, "wan_out");
		uint16_t low = htons(halves[i / 2].low), high = htons(halves[i / 2].high);

		to_wan(r, true);
		protocol(r, transports[i % 2]);
		load_ports(r, 1, -1);
		nft_compare(r, 1, halves[i / 2].op, &middle, 2);
		nft_constant(r, 2, &low, 2);
		nft_constant(r, 3, &high, 2);
		nft_masquerade(r, 0, 2, 3);
		nft_rule_done(b, r, no_masquerade);
	}
}

/* Source NAT on the WAN: the mapping behaviour. */
static void add_wan_out(struct nft_batch *b, const struct nat_behaviour *nat)
{
	bool dependent = nat->mapping != NAT_ENDPOINT_INDEPENDENT;
	struct nftnl_rule *r;

	if (dependent && nat->preserve_ports)
		add_held_sets(b, nat->mapping == NAT_ADDRESS_AND_PORT_DEPENDENT);
	nft_add_chain(b, "wan_out", "nat", NF_INET_POST_ROUTING, 100);
	if (nat->hairpinning) {
		/* iifname != @wan oifname != @wan ct status dnat snat to ct original ip daddr */
		r = nft_rule(b, "wan_out");
		from_wan(r, false);
		to_wan(r, false);
		translated(r);
		nft_ct(r, NFT_CT_DST_IP, IP_CT_DIR_ORIGINAL, 1);
		nft_nat(r, NFT_NAT_SNAT, 1, -1);
		nft_rule_done(b, r, no_nat);
	}
	if (dependent && nat->preserve_ports)
		add_held_rules(b, nat);
	if (nat->mapping == NAT_ADDRESS_DEPENDENT)
		add_hashed_ports(b);
	else if (!dependent && !nat->preserve_ports)
		add_moved_ports(b);
	/* oifname @wan masquerade [fully-random] */
	r = nft_rule(b, "wan_out");
	to_wan(r, true);
	nft_masquerade(r, dependent ? NF_NAT_RANGE_PROTO_RANDOM_FULLY : 0, -1, -1);
	nft_rule_done(b, r, no_masquerade);
}

/* oifname @wan meta l4proto P ct direction original update @cone { meta l4proto .
 * ct reply ip daddr . ct reply proto-dst [. ct reply ip saddr] timeout T : ct original ip saddr .
 * ct original proto-src } */
static void add_remember(struct nft_batch *b, const struct nat_behaviour *nat)
{
	uint8_t original = IP_CT_DIR_ORIGINAL;

	nft_add_chain(b, "remember", "filter", NF_INET_POST_ROUTING, 110);
	for (size_t i = 0; i < ARRAY_SIZE(transports); i++) {
		struct nftnl_rule *r = nft_rule(b, "remember");

		to_wan(r, true);
		nft_ct(r, NFT_CT_DIRECTION, -1, 0);
		nft_compare(r, 0, NFT_CMP_EQ, &original, 1);
		protocol(r, transports[i]);
		nft_ct(r, NFT_CT_DST_IP, IP_CT_DIR_REPLY, 1);
		nft_ct(r, NFT_CT_PROTO_DST, IP_CT_DIR_REPLY, 2);
		nft_ct(r, NFT_CT_SRC_IP, IP_CT_DIR_REPLY, 3);
		nft_ct(r, NFT_CT_SRC_IP, IP_CT_DIR_ORIGINAL, 4);
		nft_ct(r, NFT_CT_PROTO_SRC, IP_CT_DIR_ORIGINAL, 5);
		nft_update(r, "cone", 0, 4, cone_seconds(nat, transports[i] == IPPROTO_TCP));
		nft_rule_done(b, r, no_dynset);
	}
}

/* The filtering behaviour where it is wider than connection tracking. */
static void add_cone(struct nft_batch *b, const struct nat_behaviour *nat)
{
	bool by_address = nat->filtering == NAT_ADDRESS_DEPENDENT;
	uint32_t endpoint =
		NFT_CONCAT(NFT_CONCAT(NFT_TYPE_INET_PROTO, NFT_TYPE_IPADDR), NFT_TYPE_INET_SERVICE);
	struct nft_set cone = {
		.name = "cone",
		.key_type = by_address ? NFT_CONCAT(endpoint, NFT_TYPE_IPADDR) : endpoint,
		.key_len = by_address ? 16 : 12,
		.data_type = NFT_CONCAT(NFT_TYPE_IPADDR, NFT_TYPE_INET_SERVICE),
		.data_len = 8,
		.dynamic = true,
	};
	struct nftnl_rule *r;

	nft_add_set(b, &cone);
	/* [iifname @wan] dnat to meta l4proto . ip daddr . th dport [. ip saddr] map @cone */
	nft_add_chain(b, "cone", "nat", NF_INET_PRE_ROUTING, -90);
	r = nft_rule(b, "cone");
	if (!nat->hairpinning)
		from_wan(r, true);
	nft_meta(r, NFT_META_L4PROTO, 0);
	load_addresses(r, 3, 1);
	load_ports(r, -1, 2);
	nft_lookup_map(r, "cone", 0, 4);
	nft_nat(r, NFT_NAT_DNAT, 4, 5);
	nft_rule_done(b, r, no_nat);
	add_remember(b, nat);
}

/* iifname != @wan accept; ct state established,related accept; ct status dnat accept */
static void add_known(struct nft_batch *b, const char *chain)
{
	struct nftnl_rule *r = nft_rule(b, chain);

	from_wan(r, false);
	nft_verdict(r, NF_ACCEPT);
	nft_rule_done(b, r, no_ct);

	r = nft_rule(b, chain);
	nft_ct(r, NFT_CT_STATE, -1, 0);
	nft_any_bit(r, 0, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
	nft_verdict(r, NF_ACCEPT);
	nft_rule_done(b, r, no_ct);

	r = nft_rule(b, chain);
	translated(r);
	nft_verdict(r, NF_ACCEPT);
	nft_rule_done(b, r, no_ct);
}

/* meta l4proto NUMBER accept */
static void add_accept(struct nft_batch *b, const char *chain, uint8_t number)
{
	struct nftnl_rule *r = nft_rule(b, chain);

	protocol(r, number);
	nft_verdict(r, NF_ACCEPT);
	nft_rule_done(b, r, no_ct);
}

/* meta mark NAT_MARK_OPEN accept */
static void add_marked(struct nft_batch *b, const char *chain)
{
	uint32_t mark = NAT_MARK_OPEN;
	struct nftnl_rule *r = nft_rule(b, chain);

	nft_meta(r, NFT_META_MARK, 0);
	nft_compare(r, 0, NFT_CMP_EQ, &mark, sizeof(mark));
	nft_verdict(r, NF_ACCEPT);
	nft_rule_done(b, r, no_ct);
}

/* meta l4proto tcp reject with tcp reset; reject with @code */
static void add_reject(struct nft_batch *b, const char *chain, uint8_t code)
{
	struct nftnl_rule *r = nft_rule(b, chain);

	protocol(r, IPPROTO_TCP);
	nft_reject(r, NFT_REJECT_TCP_RST, 0);
	nft_rule_done(b, r, no_reject);
	r = nft_rule(b, chain);
	nft_reject(r, NFT_REJECT_ICMP_UNREACH, code);
	nft_rule_done(b, r, no_reject);
}

/* The router's own ports towards the WAN. */
static void add_own(struct nft_batch *b, uint8_t icmp, uint8_t code)
{
	struct nftnl_rule *r;

	nft_add_set(b, &(struct nft_set){
			       .name = "wan_open",
			       .key_type = NFT_CONCAT(NFT_TYPE_INET_PROTO, NFT_TYPE_INET_SERVICE),
			       .key_len = 8});
	nft_add_chain(b, "own", "filter", NF_INET_LOCAL_IN, 0);
	add_known(b, "own");
	add_accept(b, "own", icmp);
	/* meta l4proto . th dport @wan_open accept */
	r = nft_rule(b, "own");
	nft_meta(r, NFT_META_L4PROTO, 0);
	load_ports(r, -1, 1);
	nft_lookup(r, "wan_open", 0, false);
	nft_verdict(r, NF_ACCEPT);
	nft_rule_done(b, r, no_ct);
	add_reject(b, "own", code);
}

static void add_pass(struct nft_batch *b, const struct nat_behaviour *nat)
{
	nft_add_chain(b, "pass", "filter", NF_INET_FORWARD, 0);
	if (!nat->hairpinning) {
		/* iifname != @wan oifname != @wan ct status dnat reject */
		struct nftnl_rule *r = nft_rule(b, "pass");

		from_wan(r, false);
		to_wan(r, false);
		translated(r);
		nft_reject(r, NFT_REJECT_ICMP_UNREACH, ICMP_PORT_UNREACH);
		nft_rule_done(b, r, no_reject);
	}
	add_known(b, "pass");
	add_marked(b, "pass");
	add_reject(b, "pass", ICMP_PORT_UNREACH);
}

#define IPPROTO_HIP 139
#define IKE_PORT    500

/* RFC 6092: stateful, closed inwards (answered "administratively prohibited"), but IPsec (REC-21,
 * REC-24) and HIP (REC-26) pass. */
static void add_pass6(struct nft_batch *b)
{
	uint16_t ike = htons(IKE_PORT);
	struct nftnl_rule *r;

	nft_add_chain(b, "pass", "filter", NF_INET_FORWARD, 0);
	add_known(b, "pass");
	add_marked(b, "pass");
	add_accept(b, "pass", IPPROTO_ESP);
	add_accept(b, "pass", IPPROTO_AH);
	add_accept(b, "pass", IPPROTO_HIP);
	/* udp dport 500 accept */
	r = nft_rule(b, "pass");
	protocol(r, IPPROTO_UDP);
	load_ports(r, -1, 1);
	nft_compare(r, 1, NFT_CMP_EQ, &ike, 2);
	nft_verdict(r, NF_ACCEPT);
	nft_rule_done(b, r, no_ct);
	r = nft_rule(b, "pass");
	nft_reject(r, NFT_REJECT_ICMP_UNREACH, 1);
	nft_rule_done(b, r, no_reject);
}

/* iifname != @wan ip6 saddr FORMER/64 reject with icmpv6 policy-fail (RFC 7084 L-14) */
static void add_former(struct nft_batch *b, const struct topology *t, const struct node *node)
{
	const uint8_t policy_fail = 5; /* RFC 4443 clause 3.1 */
	bool chain = false;

	for (size_t i = 0; i < node->port_count; i++) {
		const struct network *network = &t->networks[node->ports[i].network];
		struct nftnl_rule *r;

		if (node->ports[i].role != PORT_LAN || !network->renumbered)
			continue;
		if (!chain)
			nft_add_chain(b, "former", "filter", NF_INET_FORWARD, -10);
		chain = true;
		r = nft_rule(b, "former");
		from_wan(r, false);
		nft_payload(r, NFT_PAYLOAD_NETWORK_HEADER, 8, 8, 0);
		nft_compare(r, 0, NFT_CMP_EQ, &network->former6, 8);
		nft_reject(r, NFT_REJECT_ICMP_UNREACH, policy_fail);
		nft_rule_done(b, r, no_reject);
	}
}

/* A table, fresh, with the set of WAN interfaces. */
static void begin_table(struct nft_batch *b, uint8_t family, const struct node *node)
{
	b->family = family;
	b->table = TABLE;
	if (nft_exists(family, TABLE, NULL))
		nft_delete_table(b);
	nft_add_table(b);
	nft_add_set(b, &(struct nft_set){
			       .name = "wan", .key_type = NFT_TYPE_IFNAME, .key_len = IFNAMSIZ});
	for (size_t i = 0; i < node->port_count; i++) {
		char name[IFNAMSIZ] = "";

		if (node->ports[i].role != PORT_WAN)
			continue;
		strncpy(name, node->ports[i].ifname, sizeof(name) - 1);
		nft_add_element(b, "wan", name, sizeof(name));
	}
}
static int write_sysctl(const struct node *node, const char *name, int seconds, struct diag *d)
{
	char path[128], text[16];
	int fd, len, error = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/netfilter/%s", name);
	len = snprintf(text, sizeof(text), "%d", seconds);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, len) != len)
		error = -errno;
	if (fd >= 0)
		close(fd);
	if (error)
		diag_at(d, NULL, 0, "router %s: cannot set %s to %d s: %s", node->name, name,
			seconds, strerror(-error));
	return error;
}

/* Where there is IPv6, no less than RFC 6092 has: REC-14 (UDP, its default), REC-35 (TCP). */
static int set_timeouts(const struct node *node, bool six, struct diag *d)
{
	const int udp = node->nat.udp_timeout || !six ? node->nat.udp_timeout : 300;
	const int transitory = six ? 240 : 0;
	const struct {
		const char *name;
		int seconds;
	} wanted[] = {
		{"nf_conntrack_udp_timeout", udp},
		{"nf_conntrack_udp_timeout_stream", udp},
		{"nf_conntrack_tcp_timeout_established", node->nat.tcp_timeout},
		{"nf_conntrack_tcp_timeout_syn_sent", transitory},
		{"nf_conntrack_tcp_timeout_syn_recv", transitory},
		{"nf_conntrack_tcp_timeout_fin_wait", transitory},
		{"nf_conntrack_tcp_timeout_close_wait", transitory},
		{"nf_conntrack_tcp_timeout_last_ack", transitory},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		int error = 0;

		if (wanted[i].seconds)
			error = write_sysctl(node, wanted[i].name, wanted[i].seconds, d);
		if (error)
			return error;
	}
	return 0;
}

static bool has_wan(const struct node *node)
{
	for (size_t i = 0; i < node->port_count; i++)
		if (node->ports[i].role == PORT_WAN)
			return true;
	return false;
}

int nat_setup(const struct topology *t, const struct node *node, struct diag *d)
{
	struct nft_batch b = {0};
	const char *what = NULL;
	int error;

	if (!has_wan(node))
		return 0;
	begin_table(&b, NFPROTO_IPV4, node);
	if (node->nat.enabled) {
		add_wan_out(&b, &node->nat);
		if (node->nat.filtering != NAT_ADDRESS_AND_PORT_DEPENDENT)
			add_cone(&b, &node->nat);
		add_pass(&b, &node->nat);
	}
	add_own(&b, IPPROTO_ICMP, ICMP_PORT_UNREACH);
	if (has_ipv6(t, node)) {
		begin_table(&b, NFPROTO_IPV6, node);
		add_former(&b, t, node);
		add_pass6(&b);
		add_own(&b, IPPROTO_ICMPV6, ICMP6_DST_UNREACH_NOPORT);
	}
	error = nft_commit(&b, &what);
	if (error && what)
		diag_at(d, NULL, 0, "router %s: the kernel refuses %s: %s", node->name, what,
			strerror(-error));
	else if (error)
		diag_at(d, NULL, 0, "router %s: cannot set up NAT by nf_tables: %s", node->name,
			strerror(-error));
	return error ? error : set_timeouts(node, has_ipv6(t, node), d);
}

/* Delete the whole conntrack table: a delete without a tuple (ctnetlink). */
static int flush_conntrack(void)
{
	char data[1024];
	struct mnl_socket *nl = nft_socket();
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(data);
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	ssize_t got = -1;
	int error = 0;

	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nfg->version = NFNETLINK_V0;
	if (!nl)
		return -errno;
	if (mnl_socket_sendto(nl, data, nlh->nlmsg_len) > 0)
		got = mnl_socket_recvfrom(nl, data, sizeof(data));
	if (got < 0 || mnl_cb_run(data, got, 0, 0, NULL, NULL) < 0)
		error = -errno;
	return error;
}

int nat_reset(void)
{
	static const char *const sets[] = {"cone", "held", "kept"};
	struct nft_batch b = {.family = NFPROTO_IPV4, .table = TABLE};
	int error = flush_conntrack();

	for (size_t i = 0; !error && i < ARRAY_SIZE(sets); i++)
		if (nft_exists(NFPROTO_IPV4, TABLE, sets[i]))
			nft_flush_set(&b, sets[i]);
	return error ? error : nft_commit(&b, NULL);
}
