/* SPDX-License-Identifier: MIT */
/*
 * lab_state.c - "state": what the kernel of a node holds, as evidence.
 *
 * Rules as text by libnftables, connections by a ctnetlink dump (libmnl).
 */
#include "../fakeigd/base/mem.h"
#include "lab_init.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <nftables/libnftables.h>
#include <stdlib.h>

/* ------------------------------------------------------------ rules */

/* Run @commands. Return: output (@failed false) or complaint (@failed true); caller frees. */
static char *run_nft(const char *commands, bool *failed)
{
	struct nft_ctx *ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	const char *text;
	char *out;

	*failed = true;
	if (!ctx)
		return xstrdup("libnftables cannot start");
	nft_ctx_buffer_output(ctx);
	nft_ctx_buffer_error(ctx);
	*failed = nft_run_cmd_from_buffer(ctx, commands) != 0;
	text = *failed ? nft_ctx_get_error_buffer(ctx) : nft_ctx_get_output_buffer(ctx);
	out = xstrdup(text ? text : "");
	nft_ctx_free(ctx);
	return out;
}

char *lab_nft(const char *commands)
{
	bool failed;
	char *text = run_nft(commands, &failed);

	if (failed)
		return text;
	free(text);
	return NULL;
}

/* ------------------------------------------------------------ connections */

/** struct attributes - those of one nested level, by number */
struct attributes {
	const struct nlattr *at[CTA_MAX + 1];
};

static int keep_attribute(const struct nlattr *attribute, void *data)
{
	struct attributes *a = data;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type <= CTA_MAX)
		a->at[type] = attribute;
	return MNL_CB_OK;
}

static struct attributes nested(const struct nlattr *outer)
{
	struct attributes a = {0};

	if (outer)
		mnl_attr_parse_nested(outer, keep_attribute, &a);
	return a;
}

static void set_address(json_t *out, const char *key, const struct nlattr *v4,
			const struct nlattr *v6)
{
	const struct nlattr *value = v4 ? v4 : v6;
	char text[INET6_ADDRSTRLEN];
	size_t need = v4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);

	if (!value || mnl_attr_get_payload_len(value) < need)
		return;
	inet_ntop(v4 ? AF_INET : AF_INET6, mnl_attr_get_payload(value), text, sizeof(text));
	json_object_set_new(out, key, json_string(text));
}

/* One direction: src, dst, sport, dport as conntrack(8) calls them. */
static json_t *tuple(const struct nlattr *outer, uint8_t *protocol)
{
	struct attributes both = nested(outer);
	struct attributes ip = nested(both.at[CTA_TUPLE_IP]);
	struct attributes proto = nested(both.at[CTA_TUPLE_PROTO]);
	json_t *out = json_object();

	set_address(out, "src", ip.at[CTA_IP_V4_SRC], ip.at[CTA_IP_V6_SRC]);
	set_address(out, "dst", ip.at[CTA_IP_V4_DST], ip.at[CTA_IP_V6_DST]);
	if (proto.at[CTA_PROTO_NUM])
		*protocol = mnl_attr_get_u8(proto.at[CTA_PROTO_NUM]);
	if (proto.at[CTA_PROTO_SRC_PORT])
		json_object_set_new(
			out, "sport",
			json_integer(ntohs(mnl_attr_get_u16(proto.at[CTA_PROTO_SRC_PORT]))));
	if (proto.at[CTA_PROTO_DST_PORT])
		json_object_set_new(
			out, "dport",
			json_integer(ntohs(mnl_attr_get_u16(proto.at[CTA_PROTO_DST_PORT]))));
	return out;
}

static const char *tcp_state(const struct nlattr *protoinfo)
{
	static const char *const names[] = {
		[TCP_CONNTRACK_NONE] = "NONE",	       [TCP_CONNTRACK_SYN_SENT] = "SYN_SENT",
		[TCP_CONNTRACK_SYN_RECV] = "SYN_RECV", [TCP_CONNTRACK_ESTABLISHED] = "ESTABLISHED",
		[TCP_CONNTRACK_FIN_WAIT] = "FIN_WAIT", [TCP_CONNTRACK_CLOSE_WAIT] = "CLOSE_WAIT",
		[TCP_CONNTRACK_LAST_ACK] = "LAST_ACK", [TCP_CONNTRACK_TIME_WAIT] = "TIME_WAIT",
		[TCP_CONNTRACK_CLOSE] = "CLOSE",       [TCP_CONNTRACK_SYN_SENT2] = "SYN_SENT2",
	};
	struct attributes tcp = nested(nested(protoinfo).at[CTA_PROTOINFO_TCP]);
	uint8_t state = 0;

	if (!tcp.at[CTA_PROTOINFO_TCP_STATE])
		return NULL;
	state = mnl_attr_get_u8(tcp.at[CTA_PROTOINFO_TCP_STATE]);
	return state < ARRAY_SIZE(names) ? names[state] : NULL;
}

static int on_connection(const struct nlmsghdr *nlh, void *data)
{
	static const char *const protocols[256] = {
		[IPPROTO_ICMP] = "ICMP", [IPPROTO_TCP] = "TCP",	      [IPPROTO_UDP] = "UDP",
		[IPPROTO_GRE] = "GRE",	 [IPPROTO_ICMPV6] = "ICMPV6", [IPPROTO_SCTP] = "SCTP",
	};
	struct attributes a = {0};
	uint8_t protocol = 0;
	uint32_t status = 0;
	const char *state;
	json_t *out = json_object();

	mnl_attr_parse(nlh, sizeof(struct nfgenmsg), keep_attribute, &a);
	json_object_set_new(out, "original", tuple(a.at[CTA_TUPLE_ORIG], &protocol));
	json_object_set_new(out, "reply", tuple(a.at[CTA_TUPLE_REPLY], &protocol));
	json_object_set_new(out, "protocol",
			    protocols[protocol] ? json_string(protocols[protocol])
						: json_integer(protocol));
	if (a.at[CTA_STATUS])
		status = ntohl(mnl_attr_get_u32(a.at[CTA_STATUS]));
	json_object_set_new(out, "assured", json_boolean(status & IPS_ASSURED));
	json_object_set_new(out, "snat", json_boolean(status & IPS_SRC_NAT));
	json_object_set_new(out, "dnat", json_boolean(status & IPS_DST_NAT));
	if (a.at[CTA_TIMEOUT])
		json_object_set_new(out, "timeout",
				    json_integer(ntohl(mnl_attr_get_u32(a.at[CTA_TIMEOUT]))));
	state = tcp_state(a.at[CTA_PROTOINFO]);
	if (state)
		json_object_set_new(out, "state", json_string(state));
	json_array_append_new(data, out);
	return MNL_CB_OK;
}

/* The current namespace's connections as an array, or NULL and @error. */
static json_t *lab_conntrack(int *error)
{
	struct mnl_socket *nl = netlink_open(NETLINK_NETFILTER);
	const unsigned seq = 1;
	char buffer[32768]; /* as libmnl 1.0.5 proposes for dumps */
	json_t *out = json_array();
	const struct netfilter_head head = {AF_UNSPEC, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET,
					    NLM_F_DUMP, 0};
	struct nlmsghdr *nlh = netfilter_message(buffer, &head);
	ssize_t len = -1;
	int more = MNL_CB_OK;

	nlh->nlmsg_seq = seq;
	if (nl && mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) > 0)
		len = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
	while (len > 0) {
		more = mnl_cb_run(buffer, (size_t)len, seq, mnl_socket_get_portid(nl),
				  on_connection, out);
		if (more <= MNL_CB_STOP)
			break;
		len = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
	}
	*error = len < 0 || more < 0 ? -errno : 0;
	if (nl)
		mnl_socket_close(nl);
	if (!*error)
		return out;
	json_decref(out);
	return NULL;
}

void lab_op_state(struct lab_init *lab, struct request *rq)
{
	struct lab_node *node = request_node(rq);
	json_t *connections = NULL;
	char *rules = NULL;
	bool failed = true;
	int error;

	if (!node)
		return;
	error = lab_enter(lab, node);
	if (!error) {
		rules = run_nft("list ruleset", &failed);
		connections = lab_conntrack(&error);
	}
	lab_enter(lab, NULL);
	if (failed)
		request_fail(rq, "nftables of node %s: %s", node->node->name,
			     rules ? rules : strerror(-error));
	else if (!connections)
		request_fail(rq, "connections of node %s: %s (CONFIG_NF_CT_NETLINK)",
			     node->node->name, strerror(-error));
	else
		request_reply(rq, json_pack("{s:s, s:o}", "nft", rules, "conntrack", connections),
			      -1);
	if (failed)
		json_decref(connections);
	free(rules);
}
