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
 * A socket of libnftables belongs to the namespace where its context was made, so a context serves
 * one call.
 */
#include "nat.h"

#include "../fakeigd/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Life of a dynamic mapping: RFC 4787 REQ-5 asks for two minutes at least, RFC 5382 REQ-5 for two
 * hours and four minutes. One map serves both protocols where the topology gives no time. */
#define CONE_UDP_SECONDS 120
#define CONE_TCP_SECONDS 7440

/* Whether the router has a WAN port, and its name as nft writes it: "wan" or { "wan0", "wan1" }. */
static bool wan_names(const struct node *node, struct buf *out)
{
	size_t count = 0;

	for (size_t i = 0; i < node->port_count; i++) {
		if (node->ports[i].role != PORT_WAN)
			continue;
		buf_printf(out, "%s\"%s\"", count ? ", " : "", node->ports[i].ifname);
		count++;
	}
	if (count > 1) {
		char *list = buf_steal(out);

		buf_printf(out, "{ %s }", list);
		free(list);
	}
	return count > 0;
}

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

/* Dependent mapping with port preservation: who holds an original port, and towards whom. */
static void add_held_sets(const struct nat_behaviour *nat, struct buf *out)
{
	bool by_port = nat->mapping == NAT_ADDRESS_AND_PORT_DEPENDENT;

	buf_printf(out,
		   "set held { type inet_proto . ipv4_addr . inet_service; "
		   "flags dynamic,timeout; size 65536; }\n"
		   "set kept { type inet_proto . ipv4_addr . inet_service . ipv4_addr%s; "
		   "flags dynamic,timeout; size 65536; }\n",
		   by_port ? " . inet_service" : "");
}

static void add_held_rules(const struct nat_behaviour *nat, const char *wan, struct buf *out)
{
	static const char endpoint[] = "meta l4proto . ip saddr . th sport";
	bool by_port = nat->mapping == NAT_ADDRESS_AND_PORT_DEPENDENT;
	const char *remote = by_port ? ". ip daddr . th dport" : ". ip daddr";

	buf_printf(out, "oifname %s meta l4proto { tcp, udp } %s %s @kept masquerade\n", wan,
		   endpoint, remote);
	for (int tcp = 0; tcp < 2; tcp++)
		buf_printf(out,
			   "oifname %s meta l4proto %s %s != @held add @held { %s timeout %ds } "
			   "add @kept { %s %s timeout %ds } masquerade\n",
			   wan, tcp ? "tcp" : "udp", endpoint, endpoint, cone_seconds(nat, tcp),
			   endpoint, remote, cone_seconds(nat, tcp));
}

/* Source NAT on the WAN: the mapping behaviour. */
static void add_wan_out(const struct nat_behaviour *nat, const char *wan, struct buf *out)
{
	bool dependent = nat->mapping != NAT_ENDPOINT_INDEPENDENT;

	buf_puts(out, "chain wan_out { type nat hook postrouting priority 100;\n");
	if (nat->hairpinning)
		buf_printf(out,
			   "iifname != %s oifname != %s ct status dnat "
			   "snat ip to ct original ip daddr\n",
			   wan, wan);
	if (dependent && nat->preserve_ports)
		add_held_rules(nat, wan, out);
	if (nat->mapping == NAT_ADDRESS_DEPENDENT) {
		/* The kernel takes the hash's bytes as they lie in memory: both top bits set give
		 * a port above 32767 in either byte order. */
		for (int tcp = 0; tcp < 2; tcp++)
			buf_printf(out,
				   "oifname %s meta l4proto %s masquerade to :jhash meta l4proto "
				   ". ip saddr . th sport . ip daddr mod 65536 seed 0x69676421 "
				   "| 0x8080\n",
				   wan, tcp ? "tcp" : "udp");
	} else if (!dependent && !nat->preserve_ports) {
		buf_printf(out,
			   "oifname %s meta l4proto { tcp, udp } th sport < 32768 "
			   "masquerade to :32768-65535\n"
			   "oifname %s meta l4proto { tcp, udp } masquerade to :1024-32767\n",
			   wan, wan);
	}
	buf_printf(out, "oifname %s masquerade%s\n}\n", wan, dependent ? " fully-random" : "");
}

/* The filtering behaviour where it is wider than connection tracking. */
static void add_cone(const struct nat_behaviour *nat, const char *wan, struct buf *out)
{
	bool by_address = nat->filtering == NAT_ADDRESS_DEPENDENT;
	char only_wan[64] = "";

	if (nat->filtering == NAT_ADDRESS_AND_PORT_DEPENDENT)
		return;
	if (!nat->hairpinning)
		snprintf(only_wan, sizeof(only_wan), "iifname %s ", wan);
	buf_printf(out,
		   "map cone { type inet_proto . ipv4_addr . inet_service%s : ipv4_addr . "
		   "inet_service; flags dynamic,timeout; size 65536; }\n",
		   by_address ? " . ipv4_addr" : "");
	buf_printf(out,
		   "chain cone { type nat hook prerouting priority -90;\n"
		   "%smeta l4proto { tcp, udp } dnat ip to meta l4proto . ip daddr . th dport%s "
		   "map @cone\n}\n",
		   only_wan, by_address ? " . ip saddr" : "");
	buf_puts(out, "chain remember { type filter hook postrouting priority 110;\n");
	for (int tcp = 0; tcp < 2; tcp++)
		buf_printf(out,
			   "oifname %s meta l4proto %s ct direction original update @cone { "
			   "meta l4proto . ct reply ip daddr . ct reply proto-dst%s timeout %ds : "
			   "ct original ip saddr . ct original proto-src }\n",
			   wan, tcp ? "tcp" : "udp", by_address ? " . ct reply ip saddr" : "",
			   cone_seconds(nat, tcp));
	buf_puts(out, "}\n");
}

/* The router's own ports towards the WAN. */
static void add_own(const char *wan, const char *icmp, struct buf *out)
{
	buf_printf(out,
		   "set wan_open { type inet_proto . inet_service; }\n"
		   "chain own { type filter hook input priority 0;\n"
		   "iifname != %s accept\n"
		   "ct state established,related accept\n"
		   "meta l4proto %s accept\n"
		   "ct status dnat accept\n"
		   "meta l4proto . th dport @wan_open accept\n"
		   "meta l4proto tcp reject with tcp reset\n"
		   "reject\n}\n",
		   wan, icmp);
}

static void add_pass(const struct nat_behaviour *nat, const char *wan, struct buf *out)
{
	buf_puts(out, "chain pass { type filter hook forward priority 0;\n");
	if (!nat->hairpinning)
		buf_printf(out, "iifname != %s oifname != %s ct status dnat reject\n", wan, wan);
	buf_printf(out,
		   "iifname != %s accept\n"
		   "ct state established,related accept\n"
		   "ct status dnat accept\n"
		   "meta mark 0x%x accept\n"
		   "meta l4proto tcp reject with tcp reset\n"
		   "reject\n}\n",
		   wan, NAT_MARK_OPEN);
}

/* RFC 6092: stateful, closed inwards, but IPsec (REC-21, REC-24) and HIP (REC-26) pass. */
static void add_ipv6(const char *wan, struct buf *out)
{
	buf_puts(out, "table ip6 igdlab {\n");
	buf_printf(out,
		   "chain pass { type filter hook forward priority 0;\n"
		   "iifname != %s accept\n"
		   "ct state established,related accept\n"
		   "meta l4proto { esp, ah, 139 } accept\n"
		   "udp dport 500 accept\n"
		   "meta mark 0x%x accept\n"
		   "reject with icmpv6 type admin-prohibited\n}\n",
		   wan, NAT_MARK_OPEN);
	add_own(wan, "ipv6-icmp", out);
	buf_puts(out, "}\n");
}

static void nat_rules(const struct topology *t, const struct node *node, struct buf *out)
{
	const struct nat_behaviour *nat = &node->nat;
	struct buf wan = {0};

	buf_puts(out, "");
	if (wan_names(node, &wan)) {
		buf_puts(out, "table ip igdlab {\n");
		if (nat->enabled) {
			if (nat->mapping != NAT_ENDPOINT_INDEPENDENT && nat->preserve_ports)
				add_held_sets(nat, out);
			add_wan_out(nat, wan.data, out);
			add_cone(nat, wan.data, out);
			add_pass(nat, wan.data, out);
		}
		add_own(wan.data, "icmp", out);
		buf_puts(out, "}\n");
		if (has_ipv6(t, node))
			add_ipv6(wan.data, out);
	}
	buf_free(&wan);
}

/* nft_run() - one transaction. Return: 0, or -errno with libnftables' first line in @why. */
static int nft_run(const char *rules, struct buf *why)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	const char *text;
	int error = 0;

	if (!nft) {
		buf_puts(why, "libnftables gives no context");
		return -ENOMEM;
	}
	nft_ctx_buffer_error(nft);
	errno = 0;
	if (nft_run_cmd_from_buffer(nft, rules) < 0) {
		error = errno ? -errno : -EINVAL;
		text = nft_ctx_get_error_buffer(nft);
		buf_add(why, text, strcspn(text, "\n"));
	}
	nft_ctx_free(nft);
	return error;
}

/* What the rules above ask of the kernel, for naming what is missing. */
static const struct {
	const char *feature;
	const char *option;
	const char *rules; /* body of a table of its own */
} features[] = {
	{"nf_tables for IPv4", "CONFIG_NF_TABLES_IPV4", ""},
	{"connection tracking", "CONFIG_NFT_CT",
	 "chain c { type filter hook forward priority 0; ct state established accept; }"},
	{"nft NAT chains", "CONFIG_NFT_NAT",
	 "chain c { type nat hook prerouting priority -90; tcp dport 1 dnat to 192.0.2.1; }"},
	{"nft masquerading", "CONFIG_NFT_MASQ",
	 "chain c { type nat hook postrouting priority 100; masquerade; }"},
	{"nft reject", "CONFIG_NFT_REJECT_IPV4",
	 "chain c { type filter hook forward priority 0; reject; }"},
	{"nft hash", "CONFIG_NFT_HASH",
	 "chain c { type filter hook forward priority 0; "
	 "meta mark set jhash ip saddr mod 2 accept; }"},
	{"maps updated from the packet path", "nf_tables of Linux 4.3 or newer",
	 "map m { type inet_service : ipv4_addr; flags dynamic,timeout; }\n"
	 "chain c { type filter hook forward priority 0; "
	 "update @m { th dport timeout 1s : ip saddr }\n }"},
};

static void explain(const struct node *node, int error, const char *said, struct diag *d)
{
	diag_at(d, NULL, 0, "router %s: the kernel refused the NAT rules: %s (%s)", node->name,
		said, strerror(-error));
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		struct buf rules = {0}, why = {0};

		buf_printf(&rules, "table ip igdlab_probe {\n%s\n}\n%s\n", features[i].rules,
			   "delete table ip igdlab_probe");
		if (nft_run(rules.data, &why) < 0)
			diag_at(d, NULL, 0, "router %s: this kernel has no %s (%s)", node->name,
				features[i].feature, features[i].option);
		buf_free(&rules);
		buf_free(&why);
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

static int set_timeouts(const struct node *node, struct diag *d)
{
	const struct {
		const char *name;
		int seconds;
	} wanted[] = {
		{"nf_conntrack_udp_timeout", node->nat.udp_timeout},
		{"nf_conntrack_udp_timeout_stream", node->nat.udp_timeout},
		{"nf_conntrack_tcp_timeout_established", node->nat.tcp_timeout},
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

int nat_setup(const struct topology *t, const struct node *node, struct diag *d)
{
	struct buf rules = {0}, why = {0};
	int error = 0;

	nat_rules(t, node, &rules);
	if (rules.len) {
		error = nft_run(rules.data, &why);
		if (error)
			explain(node, error, why.data ? why.data : "", d);
		else
			error = set_timeouts(node, d);
	}
	buf_free(&rules);
	buf_free(&why);
	return error;
}

/* Start a netfilter message in @buf. */
static struct nlmsghdr *put_header(char *buf, uint16_t type, uint16_t flags, uint32_t seq,
				   uint8_t family, uint16_t res_id)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = seq;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(res_id);
	return nlh;
}

/* Send what is in @data and read acknowledgements until that of @seq. */
static int talk(struct mnl_socket *nl, const char *data, size_t len, uint32_t seq)
{
	char reply[4096];
	unsigned port = mnl_socket_get_portid(nl);
	int more = MNL_CB_OK;

	if (mnl_socket_sendto(nl, data, len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		ssize_t got = mnl_socket_recvfrom(nl, reply, sizeof(reply));

		more = got < 0 ? MNL_CB_ERROR : mnl_cb_run(reply, got, seq, port, NULL, NULL);
	}
	return more < 0 ? -errno : 0;
}

/* Empty a set or map of table "ip igdlab". Return: 0, -ENOENT when there is none, or -errno. */
static int empty_set(struct mnl_socket *nl, const char *set)
{
	char data[512];
	struct nlmsghdr *nlh;
	size_t len;
	int error;

	/* A look first: a transaction that fails waits for the kernel's readers, 8 ms. */
	nlh = put_header(data, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSET, NLM_F_ACK, 1, AF_INET,
			 0);
	mnl_attr_put_strz(nlh, NFTA_SET_TABLE, "igdlab");
	mnl_attr_put_strz(nlh, NFTA_SET_NAME, set);
	error = talk(nl, data, nlh->nlmsg_len, 1);
	if (error)
		return error;
	nlh = put_header(data, NFNL_MSG_BATCH_BEGIN, 0, 1, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	len = nlh->nlmsg_len;
	nlh = put_header(data + len, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELSETELEM, NLM_F_ACK, 2,
			 AF_INET, 0);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, "igdlab");
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	len += nlh->nlmsg_len;
	nlh = put_header(data + len, NFNL_MSG_BATCH_END, 0, 3, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	len += nlh->nlmsg_len;
	return talk(nl, data, len, 2);
}

/* Delete the whole conntrack table: a delete without a tuple (ctnetlink). */
static int flush_conntrack(struct mnl_socket *nl)
{
	char data[64];
	struct nlmsghdr *nlh = put_header(data, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
					  NLM_F_ACK, 1, AF_UNSPEC, 0);

	return talk(nl, data, nlh->nlmsg_len, 1);
}

int nat_reset(void)
{
	static const char *const sets[] = {"cone", "held", "kept"};
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	int error;

	if (!nl)
		return -errno;
	error = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : flush_conntrack(nl);
	for (size_t i = 0; !error && i < ARRAY_SIZE(sets); i++) {
		error = empty_set(nl, sets[i]);
		if (error == -ENOENT)
			error = 0;
	}
	mnl_socket_close(nl);
	return error;
}
