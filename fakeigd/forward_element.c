/* SPDX-License-Identifier: MIT */
/*
 * forward_element.c - elements of the maps in tables "ip fakeigd" and "ip6 fakeigd", added, deleted
 * and read.
 *
 * Theory of operation: a transaction of one or two elements is written into a buffer and sent by
 * libmnl alone, 5 us each. Each element counts the packets that took it: in a nat chain the first
 * one of each connection, so that removing a mapping knows whether there is anything to end.
 */
#include "forward_table.h"

#include "portmap.h"

#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

/* One field of a key or of data: 4 bytes, the rest of which is zero. */
static void put_field(uint8_t *to, uint32_t *len, const void *value, size_t size)
{
	memcpy(to + *len, value, size);
	*len += 4;
}

struct forward_key forward_key_of(const struct mapping *m)
{
	static const char *const names[] = {"any", "remote", "all", "remote_all"};
	bool remote = m->remote_host.s_addr != INADDR_ANY, port = m->external_port;
	uint16_t external = htons(m->external_port), internal = htons(m->internal_port);
	uint8_t protocol = (uint8_t)m->protocol;
	struct forward_key k = {0};

	k.map = names[remote + 2 * !port];
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
	struct nlmsghdr *nlh = header(at, NFNL_SUBSYS_NFTABLES << 8 | type, flags, seq,
				      k->family ? k->family : NFPROTO_IPV4, 0);
	struct nlattr *list, *element;

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, FORWARD_TABLE);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, k->map);
	list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	put_value(nlh, NFTA_SET_ELEM_KEY, k->key, k->key_len);
	if (k->is_range)
		put_value(nlh, NFTA_SET_ELEM_KEY_END, k->end, k->key_len);
	if (type == NFT_MSG_NEWSETELEM && k->data_len) {
		put_value(nlh, NFTA_SET_ELEM_DATA, k->data, k->data_len);
		put_counter(nlh);
	}
	mnl_attr_nest_end(nlh, element);
	mnl_attr_nest_end(nlh, list);
	return nlh;
}

enum { SEQ_BEGIN = 1, SEQ_ELEMENT };

/* Every message that fails is answered, and the last element in any case. */
static int transaction_result(struct mnl_socket *nl, uint32_t last)
{
	_Alignas(struct nlmsghdr) char in[1024];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)in;
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	int error = 0;

	for (;;) {
		ssize_t got = mnl_socket_recvfrom(nl, in, sizeof(in));

		if (got < 0)
			return -errno;
		if (nlh->nlmsg_type != NLMSG_ERROR)
			continue;
		error = error ? error : e->error;
		if (nlh->nlmsg_seq == last || (nlh->nlmsg_seq == SEQ_BEGIN && e->error))
			return error;
	}
}

/* A transaction of one or two messages. Return: 0 or -errno as the kernel says. */
static int element_transaction(struct mnl_socket *nl, uint16_t type, uint16_t flags,
			       const struct forward_key *k, unsigned count)
{
	_Alignas(struct nlmsghdr) char out[1024];
	uint32_t last = SEQ_ELEMENT + count - 1;
	size_t len =
		header(out, NFNL_MSG_BATCH_BEGIN, 0, SEQ_BEGIN, AF_UNSPEC, NFNL_SUBSYS_NFTABLES)
			->nlmsg_len;

	for (unsigned i = 0; i < count; i++)
		len += element_message(out + len, type, (i + 1 == count ? NLM_F_ACK : 0) | flags,
				       SEQ_ELEMENT + i, &k[i])
			       ->nlmsg_len;
	len += header(out + len, NFNL_MSG_BATCH_END, 0, last + 1, AF_UNSPEC, NFNL_SUBSYS_NFTABLES)
		       ->nlmsg_len;
	if (mnl_socket_sendto(nl, out, len) < 0)
		return -errno;
	return transaction_result(nl, last);
}

int forward_elements_add(struct mnl_socket *nl, const struct forward_key *k, unsigned count)
{
	return element_transaction(nl, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, k, count);
}

int forward_elements_delete(struct mnl_socket *nl, const struct forward_key *k, unsigned count)
{
	return element_transaction(nl, NFT_MSG_DELSETELEM, 0, k, count);
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

/* The element of a key, in the reply that is read into @in. */
static int fetch(struct mnl_socket *nl, const struct forward_key *k, void *in, size_t size,
		 const struct nlattr **element)
{
	_Alignas(struct nlmsghdr) char out[512];
	struct nlmsghdr *nlh = element_message(out, NFT_MSG_GETSETELEM, 0, SEQ_ELEMENT, k);

	if (mnl_socket_sendto(nl, out, nlh->nlmsg_len) < 0 || mnl_socket_recvfrom(nl, in, size) < 0)
		return -errno;
	nlh = in;
	if (nlh->nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error;
	*element = inside(elements_of(nlh), NFTA_LIST_ELEM);
	return 0;
}

int forward_element_data(struct mnl_socket *nl, struct forward_key *k)
{
	_Alignas(struct nlmsghdr) char in[2048];
	const struct nlattr *element, *value;
	int error = fetch(nl, k, in, sizeof(in), &element);

	if (error)
		return error;
	value = inside(inside(element, NFTA_SET_ELEM_DATA), NFTA_DATA_VALUE);
	if (!value || mnl_attr_get_payload_len(value) < k->data_len)
		return -EBADMSG;
	memcpy(k->data, mnl_attr_get_payload(value), k->data_len);
	return 0;
}

int forward_element_get(struct mnl_socket *nl, const struct forward_key *k, uint64_t *packets)
{
	_Alignas(struct nlmsghdr) char in[2048];
	const struct nlattr *element, *counted;
	uint64_t count = 1; /* a kernel that does not count: better look once too often */
	int error = fetch(nl, k, in, sizeof(in), &element);

	if (error)
		return error;
	counted = inside(inside(inside(element, NFTA_SET_ELEM_EXPR), NFTA_EXPR_DATA),
			 NFTA_COUNTER_PACKETS);
	if (counted) {
		memcpy(&count, mnl_attr_get_payload(counted), sizeof(count));
		count = be64toh(count);
	}
	*packets = count;
	return 0;
}

int forward_table_epoch(struct mnl_socket *nl, uint8_t old, uint8_t epoch)
{
	const uint32_t mark = FORWARD_MARK | epoch;
	struct forward_key k = {.map = "epoch", .key = {IPPROTO_UDP}, .key_len = 1};
	int error = old ? forward_elements_delete(nl, &k, 1) : 0;

	memcpy(k.data, &mark, sizeof(mark));
	k.data_len = sizeof(mark);
	return error ? error : forward_elements_add(nl, &k, 1);
}
