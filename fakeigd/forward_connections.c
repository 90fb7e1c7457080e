/* SPDX-License-Identifier: MIT */
/*
 * forward_connections.c - connections that mappings carried, ended; those that leave, found, made,
 * and their time-outs set (ctnetlink).
 *
 * All connections through mappings have our mark, and the kernel goes through conntrack for us: for
 * all of them it deletes by mark at once. For one mapping it lists those with the mark, and those
 * that have the mapping's two ends are deleted one by one, so that a neighbour mapping at the same
 * port (another remote host, the other protocol) keeps its own.
 *
 * A connection that is made leaves from the port that it is told to: the kernel gets both tuples as
 * if nothing were translated, and the source that its translation has to choose. For TCP it is one
 * whose SYN has gone out. The kernel finds a connection by the tuple of either direction, so one
 * that the remote host began is found by what the internal endpoint sends to it, too.
 */
#include "../sim/netlink.h"
#include "base/buf.h"
#include "forward.h"
#include "forward_table.h"
#include "portmap.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

/** struct tuple - one direction of a connection; ports and addresses in network order */
struct tuple {
	uint8_t protocol;
	struct in_addr source, destination;
	uint16_t source_port, destination_port;
};

static struct nlmsghdr *header(void *at, uint16_t type, uint16_t flags)
{
	const struct netfilter_head head = {AF_INET, NFNL_SUBSYS_CTNETLINK, type, flags, 0};

	return netfilter_message(at, &head);
}

static void put_mark(struct nlmsghdr *nlh, uint32_t mark, uint32_t mask)
{
	mnl_attr_put_u32(nlh, CTA_MARK, htonl(mark));
	mnl_attr_put_u32(nlh, CTA_MARK_MASK, htonl(mask));
}

static int end_all(struct mnl_socket *nl, uint32_t mark, uint32_t mask)
{
	_Alignas(struct nlmsghdr) char out[128];
	struct nlmsghdr *nlh = header(out, IPCTNL_MSG_CT_DELETE, NLM_F_ACK);

	put_mark(nlh, mark, mask);
	return netlink_ask(nl, nlh);
}

static void read_addresses(const struct nlattr *nest, struct tuple *out)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest)
	{
		if (mnl_attr_get_type(a) == CTA_IP_V4_SRC)
			out->source.s_addr = mnl_attr_get_u32(a);
		else if (mnl_attr_get_type(a) == CTA_IP_V4_DST)
			out->destination.s_addr = mnl_attr_get_u32(a);
	}
}

static void read_ports(const struct nlattr *nest, struct tuple *out)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest)
	{
		if (mnl_attr_get_type(a) == CTA_PROTO_NUM)
			out->protocol = mnl_attr_get_u8(a);
		else if (mnl_attr_get_type(a) == CTA_PROTO_SRC_PORT)
			out->source_port = mnl_attr_get_u16(a);
		else if (mnl_attr_get_type(a) == CTA_PROTO_DST_PORT)
			out->destination_port = mnl_attr_get_u16(a);
	}
}

static struct tuple read_tuple(const struct nlattr *nest)
{
	struct tuple tuple = {0};
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest)
	{
		if (mnl_attr_get_type(a) == CTA_TUPLE_IP)
			read_addresses(a, &tuple);
		else if (mnl_attr_get_type(a) == CTA_TUPLE_PROTO)
			read_ports(a, &tuple);
	}
	return tuple;
}

/* Whether a connection with these two directions went through the mapping. */
static bool carried(const struct mapping *m, const struct tuple *original,
		    const struct tuple *reply)
{
	if (original->protocol != m->protocol ||
	    reply->source.s_addr != m->internal_client.s_addr ||
	    (m->remote_host.s_addr && original->source.s_addr != m->remote_host.s_addr))
		return false;
	return !m->external_port || (original->destination_port == htons(m->external_port) &&
				     reply->source_port == htons(m->internal_port));
}

/** struct listed - a connection of a listing; attributes of its two directions */
struct listed {
	const struct nlattr *original, *reply;
	uint32_t seconds;
};

static bool read_listed(const struct nlmsghdr *nlh, struct listed *out)
{
	const struct nlattr *a;

	*out = (struct listed){0};
	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(a) == CTA_TUPLE_ORIG)
			out->original = a;
		else if (mnl_attr_get_type(a) == CTA_TUPLE_REPLY)
			out->reply = a;
		else if (mnl_attr_get_type(a) == CTA_TIMEOUT)
			out->seconds = ntohl(mnl_attr_get_u32(a));
	}
	return out->original && out->reply;
}

/** struct carriage - connections that a mapping carried: their CTA_TUPLE_ORIG */
struct carriage {
	const struct mapping *m;
	struct buf found;
};

/* Keep what identifies the connection, if the mapping carried it. */
static void gather(const struct listed *one, void *arg)
{
	struct carriage *c = arg;
	struct tuple there = read_tuple(one->original), back = read_tuple(one->reply);

	if (carried(c->m, &there, &back))
		buf_add(&c->found, one->original, MNL_ALIGN(one->original->nla_len));
}

/* Hand the connections to @fn: those with our mark, or all. */
static int list(struct mnl_socket *nl, bool marked, void (*fn)(const struct listed *one, void *arg),
		void *arg)
{
	_Alignas(struct nlmsghdr) char out[128], in[32768];
	struct nlmsghdr *request = header(out, IPCTNL_MSG_CT_GET, NLM_F_DUMP);
	struct listed one;

	if (marked)
		put_mark(request, FORWARD_MARK, FORWARD_MARK_MASK);
	if (mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)in;
		ssize_t got = mnl_socket_recvfrom(nl, in, sizeof(in));
		int left = (int)got;

		if (got < 0)
			return -errno;
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			if (nlh->nlmsg_type == NLMSG_DONE)
				return 0;
			if (nlh->nlmsg_type == NLMSG_ERROR)
				return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error;
			if (read_listed(nlh, &one))
				fn(&one, arg);
		}
	}
}

/* @original: its CTA_TUPLE_ORIG. One that is gone by itself is fine. */
static int end_one(struct mnl_socket *nl, const struct nlattr *original)
{
	_Alignas(struct nlmsghdr) char out[256];
	struct nlmsghdr *nlh = header(out, IPCTNL_MSG_CT_DELETE, NLM_F_ACK);
	int error;

	if (original->nla_len > sizeof(out) - 64)
		return -EPROTO;
	memcpy(mnl_nlmsg_get_payload_tail(nlh), original, original->nla_len);
	nlh->nlmsg_len += MNL_ALIGN(original->nla_len);
	error = netlink_ask(nl, nlh);
	return error == -ENOENT ? 0 : error;
}

/* @found: CTA_TUPLE_ORIG of connections, one behind the other. */
static int end_each(struct mnl_socket *nl, const struct buf *found)
{
	int error = 0;

	for (size_t at = 0; !error && at < found->len;) {
		const struct nlattr *original = (const struct nlattr *)(found->data + at);

		error = end_one(nl, original);
		at += MNL_ALIGN(original->nla_len);
	}
	return error;
}

/** struct departure - connections that leave by the WAN address: their CTA_TUPLE_ORIG
 * @m:		only those that this mapping's internal endpoint began, NULL = all
 */
struct departure {
	struct in_addr wan;
	const struct mapping *m;
	struct buf found;
};

static bool is_begun_by(const struct mapping *m, const struct tuple *original)
{
	return original->protocol == m->protocol &&
	       original->source.s_addr == m->internal_client.s_addr &&
	       original->source_port == htons(m->internal_port);
}

static void gather_leaving(const struct listed *one, void *arg)
{
	struct departure *d = arg;
	struct tuple there = read_tuple(one->original), back = read_tuple(one->reply);

	if (back.destination.s_addr == d->wan.s_addr && there.source.s_addr != d->wan.s_addr &&
	    (!d->m || is_begun_by(d->m, &there)))
		buf_add(&d->found, one->original, MNL_ALIGN(one->original->nla_len));
}

int forward_connections_end_outward(struct mnl_socket *nl, struct in_addr wan,
				    const struct mapping *m)
{
	struct departure d = {.wan = wan, .m = m};
	int error = list(nl, false, gather_leaving, &d);

	if (!error)
		error = end_each(nl, &d.found);
	buf_free(&d.found);
	return error;
}

/** struct outward - a search for a connection that leaves by the WAN address */
struct outward {
	struct forward_flow *flow;
	struct in_addr wan;
	bool found;
};

static void look_at(const struct listed *one, void *arg)
{
	struct outward *o = arg;
	struct forward_flow *flow = o->flow;
	struct tuple there = read_tuple(one->original), back = read_tuple(one->reply);

	if (there.protocol != flow->protocol || there.source.s_addr != flow->client.s_addr ||
	    there.source_port != htons(flow->port) || back.destination.s_addr != o->wan.s_addr)
		return;
	if ((flow->remote.s_addr && there.destination.s_addr != flow->remote.s_addr) ||
	    (flow->remote_port && there.destination_port != htons(flow->remote_port)))
		return;
	flow->external_port = ntohs(back.destination_port);
	flow->seconds = one->seconds;
	o->found = true;
}

int forward_connections_outward(struct mnl_socket *nl, struct in_addr wan,
				struct forward_flow *flow)
{
	struct outward o = {flow, wan, false};
	int error = list(nl, false, look_at, &o);

	return error || o.found ? error : -ENOENT;
}

static void put_tuple(struct nlmsghdr *nlh, uint16_t type, const struct tuple *t)
{
	struct nlattr *outer = mnl_attr_nest_start(nlh, type);
	struct nlattr *inner = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);

	mnl_attr_put_u32(nlh, CTA_IP_V4_SRC, t->source.s_addr);
	mnl_attr_put_u32(nlh, CTA_IP_V4_DST, t->destination.s_addr);
	mnl_attr_nest_end(nlh, inner);
	inner = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, t->protocol);
	mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, t->source_port);
	mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, t->destination_port);
	mnl_attr_nest_end(nlh, inner);
	mnl_attr_nest_end(nlh, outer);
}

/* What the internal endpoint sends. */
static struct tuple tuple_of(const struct forward_flow *flow)
{
	return (struct tuple){(uint8_t)flow->protocol, flow->client, flow->remote,
			      htons(flow->port), htons(flow->remote_port)};
}

static struct tuple turned(const struct tuple *t)
{
	return (struct tuple){t->protocol, t->destination, t->source, t->destination_port,
			      t->source_port};
}

int forward_connection_read(struct mnl_socket *nl, struct in_addr wan, struct forward_flow *flow)
{
	_Alignas(struct nlmsghdr) char out[256], in[4096];
	struct nlmsghdr *nlh = header(out, IPCTNL_MSG_CT_GET, 0);
	const struct tuple sent = tuple_of(flow);
	struct tuple original, outer;
	struct listed one;

	put_tuple(nlh, CTA_TUPLE_ORIG, &sent);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0 ||
	    mnl_socket_recvfrom(nl, in, sizeof(in)) < 0)
		return -errno;
	nlh = (struct nlmsghdr *)in;
	if (nlh->nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error;
	if (!read_listed(nlh, &one))
		return -EPROTO;
	original = read_tuple(one.original);
	outer = original.source.s_addr == flow->client.s_addr ? read_tuple(one.reply) : original;
	flow->seconds = one.seconds;
	flow->external_port =
		outer.destination.s_addr == wan.s_addr ? ntohs(outer.destination_port) : 0;
	return 0;
}

/* The source that the kernel's translation has to choose. */
static void put_source(struct nlmsghdr *nlh, struct in_addr address, uint16_t port)
{
	struct nlattr *outer = mnl_attr_nest_start(nlh, CTA_NAT_SRC), *inner;

	mnl_attr_put_u32(nlh, CTA_NAT_V4_MINIP, address.s_addr);
	mnl_attr_put_u32(nlh, CTA_NAT_V4_MAXIP, address.s_addr);
	inner = mnl_attr_nest_start(nlh, CTA_NAT_PROTO);
	mnl_attr_put_u16(nlh, CTA_PROTONAT_PORT_MIN, htons(port));
	mnl_attr_put_u16(nlh, CTA_PROTONAT_PORT_MAX, htons(port));
	mnl_attr_nest_end(nlh, inner);
	mnl_attr_nest_end(nlh, outer);
}

static void put_syn_sent(struct nlmsghdr *nlh)
{
	struct nlattr *outer = mnl_attr_nest_start(nlh, CTA_PROTOINFO);
	struct nlattr *inner = mnl_attr_nest_start(nlh, CTA_PROTOINFO_TCP);

	mnl_attr_put_u8(nlh, CTA_PROTOINFO_TCP_STATE, TCP_CONNTRACK_SYN_SENT);
	mnl_attr_nest_end(nlh, inner);
	mnl_attr_nest_end(nlh, outer);
}

int forward_connection_make(struct mnl_socket *nl, struct in_addr wan,
			    const struct forward_flow *flow)
{
	_Alignas(struct nlmsghdr) char out[512];
	struct nlmsghdr *nlh =
		header(out, IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
	const struct tuple sent = tuple_of(flow), back = turned(&sent);

	put_tuple(nlh, CTA_TUPLE_ORIG, &sent);
	put_tuple(nlh, CTA_TUPLE_REPLY, &back);
	mnl_attr_put_u32(nlh, CTA_TIMEOUT, htonl(flow->seconds));
	put_source(nlh, wan, flow->external_port);
	if (flow->protocol == IPPROTO_TCP)
		put_syn_sent(nlh);
	return netlink_ask(nl, nlh);
}

int forward_connection_set(struct mnl_socket *nl, const struct forward_flow *flow)
{
	_Alignas(struct nlmsghdr) char out[256];
	uint16_t type = flow->seconds ? IPCTNL_MSG_CT_NEW : IPCTNL_MSG_CT_DELETE;
	struct nlmsghdr *nlh = header(out, type, NLM_F_ACK);
	const struct tuple sent = tuple_of(flow);

	put_tuple(nlh, CTA_TUPLE_ORIG, &sent);
	if (flow->seconds)
		mnl_attr_put_u32(nlh, CTA_TIMEOUT, htonl(flow->seconds));
	return netlink_ask(nl, nlh);
}

int forward_connections_forget(struct mnl_socket *nl, uint8_t epoch)
{
	return end_all(nl, FORWARD_MARK | epoch, UINT32_MAX);
}

int forward_connections_end_marked(struct mnl_socket *nl, uint32_t mark)
{
	return end_all(nl, mark, UINT32_MAX);
}

int forward_connections_end(struct mnl_socket *nl, const struct mapping *m)
{
	struct carriage c = {.m = m};
	int error;

	if (!m)
		return end_all(nl, FORWARD_MARK, FORWARD_MARK_MASK);
	error = list(nl, true, gather, &c);
	if (!error)
		error = end_each(nl, &c.found);
	buf_free(&c.found);
	return error;
}
