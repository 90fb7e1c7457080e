/* SPDX-License-Identifier: MIT */
/* nft.c - one nf_tables transaction, built by libnftnl and sent by libmnl (see nft.h). */
#include "nft.h"

#include "../fakeigd/base/mem.h"
#include "netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MESSAGE_MAX  4096 /* no message of ours comes near */
#define ELEMENTS_MAX 65536

/* Sequence numbers: 1 opens the transaction, message N (from 0) has FIRST_SEQ + N. */
#define FIRST_SEQ 2

/* Start a message; it is counted when message_done() has its length. */
static struct nlmsghdr *message(struct nft_batch *b, uint16_t type, uint16_t flags)
{
	if (!b->bytes.len) {
		nftnl_batch_begin(buf_reserve(&b->bytes, MESSAGE_MAX), 1);
		b->bytes.len = ((struct nlmsghdr *)b->bytes.data)->nlmsg_len;
	}
	if (b->count == NFT_MESSAGES_MAX)
		abort();
	return nftnl_nlmsg_build_hdr(buf_reserve(&b->bytes, MESSAGE_MAX), type, b->family, flags,
				     FIRST_SEQ + b->count);
}

static void message_done(struct nft_batch *b, const struct nlmsghdr *nlh, const char *what)
{
	b->bytes.len += nlh->nlmsg_len;
	b->what[b->count++] = what;
}

static void table_message(struct nft_batch *b, uint16_t type, uint16_t flags)
{
	struct nftnl_table *t = nftnl_table_alloc();
	struct nlmsghdr *nlh = message(b, type, flags);

	nftnl_table_set_str(t, NFTNL_TABLE_NAME, b->table);
	nftnl_table_nlmsg_build_payload(nlh, t);
	nftnl_table_free(t);
	message_done(b, nlh, "nf_tables of that family (CONFIG_NF_TABLES_IPV4, _IPV6)");
}

void nft_add_table(struct nft_batch *b)
{
	table_message(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
}

void nft_delete_table(struct nft_batch *b)
{
	table_message(b, NFT_MSG_DELTABLE, 0);
}

void nft_add_chain(struct nft_batch *b, const char *name, const char *type, uint32_t hook,
		   int32_t priority)
{
	struct nftnl_chain *c = nftnl_chain_alloc();
	struct nlmsghdr *nlh = message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);

	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, b->table);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name);
	nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, type);
	nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, hook);
	nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, priority);
	nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	nftnl_chain_nlmsg_build_payload(nlh, c);
	nftnl_chain_free(c);
	message_done(b, nlh, "chains of that type (CONFIG_NF_TABLES, CONFIG_NFT_NAT)");
}

/* Tell nft(8) that the keys are strings as they lie in memory, for its listings. */
static void mark_host_order(struct nftnl_set *s)
{
	const uint32_t host_order = 1;
	struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);

	nftnl_udata_put_u32(u, NFTNL_UDATA_SET_KEYBYTEORDER, host_order);
	nftnl_set_set_data(s, NFTNL_SET_USERDATA, nftnl_udata_buf_data(u), nftnl_udata_buf_len(u));
	nftnl_udata_buf_free(u);
}

static void add_set(struct nft_batch *b, const struct nft_set *set, const char *fields)
{
	struct nftnl_set *s = nftnl_set_alloc();
	struct nlmsghdr *nlh = message(b, NFT_MSG_NEWSET, NLM_F_CREATE);
	uint32_t flags = set->dynamic ? NFT_SET_TIMEOUT | NFT_SET_EVAL : 0;

	nftnl_set_set_str(s, NFTNL_SET_TABLE, b->table);
	nftnl_set_set_str(s, NFTNL_SET_NAME, set->name);
	nftnl_set_set_u32(s, NFTNL_SET_ID, b->count + 1);
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, b->family);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, set->key_type);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, set->key_len);
	if (set->data_len) {
		flags |= NFT_SET_MAP;
		nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, set->data_type);
		nftnl_set_set_u32(s, NFTNL_SET_DATA_LEN, set->data_len);
	}
	if (set->key_type == NFT_TYPE_IFNAME)
		mark_host_order(s);
	if (set->dynamic)
		nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, ELEMENTS_MAX);
	if (fields) {
		flags |= NFT_SET_INTERVAL | NFT_SET_CONCAT;
		nftnl_set_set_data(s, NFTNL_SET_DESC_CONCAT, fields, (uint32_t)strlen(fields));
	}
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, flags);
	nftnl_set_nlmsg_build_payload(nlh, s);
	nftnl_set_free(s);
	message_done(b, nlh,
		     fields ? "sets of ranges (nf_tables of Linux 5.6 or newer)"
			    : "sets that rules fill (nf_tables of Linux 4.3 or newer)");
}

void nft_add_set(struct nft_batch *b, const struct nft_set *set)
{
	add_set(b, set, NULL);
}

void nft_add_range_set(struct nft_batch *b, const struct nft_set *set, const char *fields)
{
	add_set(b, set, fields);
}

void nft_add_element(struct nft_batch *b, const char *set, const void *key, uint32_t len)
{
	struct nftnl_set *s = nftnl_set_alloc();
	struct nftnl_set_elem *e = nftnl_set_elem_alloc();
	struct nlmsghdr *nlh = message(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE);

	nftnl_set_set_str(s, NFTNL_SET_TABLE, b->table);
	nftnl_set_set_str(s, NFTNL_SET_NAME, set);
	nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, key, len);
	nftnl_set_elem_add(s, e);
	nftnl_set_elems_nlmsg_build_payload(nlh, s);
	nftnl_set_free(s);
	message_done(b, nlh, "set elements");
}

void nft_flush_set(struct nft_batch *b, const char *set)
{
	struct nlmsghdr *nlh = message(b, NFT_MSG_DELSETELEM, 0);

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, b->table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	message_done(b, nlh, "flushing a set");
}

struct nftnl_rule *nft_rule(struct nft_batch *b, const char *chain)
{
	struct nftnl_rule *r = nftnl_rule_alloc();

	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, b->table);
	nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain);
	nftnl_rule_set_u32(r, NFTNL_RULE_FAMILY, b->family);
	return r;
}

void nft_rule_done(struct nft_batch *b, struct nftnl_rule *r, const char *what)
{
	struct nlmsghdr *nlh = message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);

	nftnl_rule_nlmsg_build_payload(nlh, r);
	nftnl_rule_free(r);
	message_done(b, nlh, what);
}

static struct nftnl_expr *expression(struct nftnl_rule *r, const char *name)
{
	struct nftnl_expr *e = nftnl_expr_alloc(name);

	nftnl_rule_add_expr(r, e);
	return e;
}

static void set_reg(struct nftnl_expr *e, uint16_t attribute, unsigned reg)
{
	nftnl_expr_set_u32(e, attribute, NFT_REG32_00 + reg);
}

void nft_meta(struct nftnl_rule *r, uint32_t key, unsigned reg)
{
	struct nftnl_expr *e = expression(r, "meta");

	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	set_reg(e, NFTNL_EXPR_META_DREG, reg);
}

void nft_ct(struct nftnl_rule *r, uint32_t key, int direction, unsigned reg)
{
	struct nftnl_expr *e = expression(r, "ct");

	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
	if (direction >= 0)
		nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, direction);
	set_reg(e, NFTNL_EXPR_CT_DREG, reg);
}

void nft_set_ct_mark(struct nftnl_rule *r, unsigned reg)
{
	struct nftnl_expr *e = expression(r, "ct");

	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
	set_reg(e, NFTNL_EXPR_CT_SREG, reg);
}

void nft_set_mark(struct nftnl_rule *r, unsigned reg)
{
	struct nftnl_expr *e = expression(r, "meta");

	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, NFT_META_MARK);
	set_reg(e, NFTNL_EXPR_META_SREG, reg);
}

static void fib(struct nftnl_rule *r, uint32_t result, uint32_t flags, unsigned reg)
{
	struct nftnl_expr *e = expression(r, "fib");

	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_RESULT, result);
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_FLAGS, flags);
	set_reg(e, NFTNL_EXPR_FIB_DREG, reg);
}

void nft_fib_way_back(struct nftnl_rule *r, unsigned reg)
{
	fib(r, NFT_FIB_RESULT_OIF, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF, reg);
}

void nft_exthdr(struct nftnl_rule *r, uint8_t type, uint32_t offset, uint32_t len, unsigned reg)
{
	struct nftnl_expr *e = expression(r, "exthdr");

	nftnl_expr_set_u8(e, NFTNL_EXPR_EXTHDR_TYPE, type);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
	set_reg(e, NFTNL_EXPR_EXTHDR_DREG, reg);
}

void nft_log(struct nftnl_rule *r, uint16_t group)
{
	nftnl_expr_set_u16(expression(r, "log"), NFTNL_EXPR_LOG_GROUP, group);
}

void nft_fib_type(struct nftnl_rule *r, unsigned reg)
{
	fib(r, NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR, reg);
}

void nft_payload(struct nftnl_rule *r, uint32_t base, uint32_t offset, uint32_t len, unsigned reg)
{
	struct nftnl_expr *e = expression(r, "payload");

	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	set_reg(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
}

void nft_payload_set(struct nftnl_rule *r, uint32_t base, uint32_t offset, uint32_t len,
		     unsigned reg, uint32_t sum)
{
	struct nftnl_expr *e = expression(r, "payload");

	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	set_reg(e, NFTNL_EXPR_PAYLOAD_SREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_CSUM_OFFSET, sum);
}

void nft_compare(struct nftnl_rule *r, unsigned reg, uint32_t op, const void *data, uint32_t len)
{
	struct nftnl_expr *e = expression(r, "cmp");

	set_reg(e, NFTNL_EXPR_CMP_SREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len);
}

void nft_mask_set(struct nftnl_rule *r, unsigned reg, const void *mask, const void *set,
		  uint32_t len)
{
	struct nftnl_expr *e = expression(r, "bitwise");

	set_reg(e, NFTNL_EXPR_BITWISE_SREG, reg);
	set_reg(e, NFTNL_EXPR_BITWISE_DREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, mask, len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, set, len);
}

void nft_any_bit(struct nftnl_rule *r, unsigned reg, uint32_t bits)
{
	uint32_t none = 0;

	nft_mask_set(r, reg, &bits, &none, sizeof(bits));
	nft_compare(r, reg, NFT_CMP_NEQ, &none, sizeof(none));
}

void nft_hash(struct nftnl_rule *r, unsigned from, uint32_t len, unsigned reg, uint32_t seed)
{
	struct nftnl_expr *e = expression(r, "hash");

	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_TYPE, NFT_HASH_JENKINS);
	set_reg(e, NFTNL_EXPR_HASH_SREG, from);
	set_reg(e, NFTNL_EXPR_HASH_DREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_MODULUS, UINT32_MAX);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_SEED, seed);
}

void nft_constant(struct nftnl_rule *r, unsigned reg, const void *data, uint32_t len)
{
	struct nftnl_expr *e = expression(r, "immediate");

	set_reg(e, NFTNL_EXPR_IMM_DREG, reg);
	nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, data, len);
}

void nft_lookup(struct nftnl_rule *r, const char *set, unsigned reg, bool invert)
{
	struct nftnl_expr *e = expression(r, "lookup");

	set_reg(e, NFTNL_EXPR_LOOKUP_SREG, reg);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
	if (invert)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

void nft_lookup_map(struct nftnl_rule *r, const char *map, unsigned reg, unsigned data_reg)
{
	struct nftnl_expr *e = expression(r, "lookup");

	set_reg(e, NFTNL_EXPR_LOOKUP_SREG, reg);
	set_reg(e, NFTNL_EXPR_LOOKUP_DREG, data_reg);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, map);
}

void nft_update(struct nftnl_rule *r, const char *set, unsigned key_reg, int data_reg, int seconds)
{
	struct nftnl_expr *e = expression(r, "dynset");

	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, set);
	set_reg(e, NFTNL_EXPR_DYNSET_SREG_KEY, key_reg);
	if (data_reg >= 0)
		set_reg(e, NFTNL_EXPR_DYNSET_SREG_DATA, data_reg);
	nftnl_expr_set_u64(e, NFTNL_EXPR_DYNSET_TIMEOUT, (uint64_t)seconds * 1000);
}

void nft_verdict(struct nftnl_rule *r, int verdict)
{
	struct nftnl_expr *e = expression(r, "immediate");

	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, verdict);
}

void nft_reject(struct nftnl_rule *r, uint32_t type, uint8_t code)
{
	struct nftnl_expr *e = expression(r, "reject");

	nftnl_expr_set_u32(e, NFTNL_EXPR_REJECT_TYPE, type);
	nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE, code);
}

void nft_masquerade(struct nftnl_rule *r, uint32_t flags, int low_reg, int high_reg)
{
	struct nftnl_expr *e = expression(r, "masq");

	if (low_reg >= 0) {
		flags |= NF_NAT_RANGE_PROTO_SPECIFIED;
		set_reg(e, NFTNL_EXPR_MASQ_REG_PROTO_MIN, low_reg);
		set_reg(e, NFTNL_EXPR_MASQ_REG_PROTO_MAX, high_reg);
	}
	if (flags)
		nftnl_expr_set_u32(e, NFTNL_EXPR_MASQ_FLAGS, flags);
}

void nft_nat(struct nftnl_rule *r, uint32_t type, unsigned address_reg, int port_reg)
{
	struct nftnl_expr *e = expression(r, "nat");

	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, type);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, NFPROTO_IPV4);
	set_reg(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, address_reg);
	if (port_reg >= 0)
		set_reg(e, NFTNL_EXPR_NAT_REG_PROTO_MIN, port_reg);
}

/* Read answers until the acknowledgement of @last. The first error wins; its sequence number goes
 * to @failed. */
static int read_acknowledgements(struct mnl_socket *nl, uint32_t last, uint32_t *failed)
{
	char data[8192];

	for (;;) {
		ssize_t len = mnl_socket_recvfrom(nl, data, sizeof(data));
		int left = len;

		if (len < 0)
			return -errno;
		for (struct nlmsghdr *nlh = (void *)data; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

			if (nlh->nlmsg_type == NLMSG_ERROR && e->error) {
				*failed = nlh->nlmsg_seq;
				return e->error;
			}
			if (nlh->nlmsg_type == NLMSG_ERROR && nlh->nlmsg_seq == last)
				return 0;
		}
	}
}

/**
 * struct kept_socket - a socket that stays open for the next transaction in its namespace
 * @netns:	inode of the namespace
 * @owner:	process that opened it; a child must not mix its replies with its parent's
 * @inode:	of the socket: somebody may have closed the descriptor under us
 */
struct kept_socket {
	ino_t netns;
	pid_t owner;
	ino_t inode;
	struct mnl_socket *nl;
};

/*
 * Closing a netfilter socket waits 8 ms for an RCU grace period when something was just deleted
 * from the tables of its namespace. So none is closed that works.
 */
static struct kept_socket *kept;
static size_t kept_count;

static ino_t inode_of(struct mnl_socket *nl)
{
	struct stat status;

	return fstat(mnl_socket_get_fd(nl), &status) < 0 ? 0 : status.st_ino;
}

struct mnl_socket *nft_socket(void)
{
	struct kept_socket *free_slot = NULL;
	struct mnl_socket *nl;
	struct stat here;

	if (stat("/proc/thread-self/ns/net", &here) < 0)
		return NULL;
	for (size_t i = 0; i < kept_count; i++) {
		if (kept[i].nl &&
		    (kept[i].owner != getpid() || inode_of(kept[i].nl) != kept[i].inode))
			kept[i].nl = NULL; /* not ours to close */
		if (kept[i].nl && kept[i].netns == here.st_ino)
			return kept[i].nl;
		if (!kept[i].nl)
			free_slot = &kept[i];
	}
	nl = netlink_open(NETLINK_NETFILTER);
	if (!nl)
		return NULL;
	if (!free_slot) {
		kept = xrealloc(kept, (kept_count + 1) * sizeof(*kept));
		free_slot = &kept[kept_count++];
	}
	*free_slot = (struct kept_socket){here.st_ino, getpid(), inode_of(nl), nl};
	return nl;
}

/* After a refusal there may be replies that nobody has read. */
static void discard_socket(struct mnl_socket *nl)
{
	for (size_t i = 0; i < kept_count; i++)
		if (kept[i].nl == nl)
			kept[i].nl = NULL;
	mnl_socket_close(nl);
}

/* Ask for an acknowledgement of the last message: the kernel answers it when all was committed. */
static void acknowledge_last(struct nft_batch *b)
{
	size_t offset = 0, last = 0;

	while (offset < b->bytes.len) {
		last = offset;
		offset += ((struct nlmsghdr *)(b->bytes.data + offset))->nlmsg_len;
	}
	((struct nlmsghdr *)(b->bytes.data + last))->nlmsg_flags |= NLM_F_ACK;
}

int nft_commit(struct nft_batch *b, const char **what)
{
	struct mnl_socket *nl = nft_socket();
	uint32_t failed = 0;
	int error = nl ? 0 : -errno;

	if (nl && b->count) {
		acknowledge_last(b);
		b->bytes.len +=
			nftnl_batch_end(buf_reserve(&b->bytes, MESSAGE_MAX), FIRST_SEQ + b->count)
				->nlmsg_len;
		if (mnl_socket_sendto(nl, b->bytes.data, b->bytes.len) < 0)
			error = -errno;
		else
			error = read_acknowledgements(nl, FIRST_SEQ + b->count - 1, &failed);
	}
	if (what && failed >= FIRST_SEQ && failed < FIRST_SEQ + b->count)
		*what = b->what[failed - FIRST_SEQ];
	if (nl && error)
		discard_socket(nl);
	buf_free(&b->bytes);
	b->count = 0;
	return error;
}

bool nft_exists(uint8_t family, const char *table, const char *set)
{
	char data[256];
	struct mnl_socket *nl = nft_socket();
	uint16_t type = set ? NFT_MSG_GETSET : NFT_MSG_GETTABLE;
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(data, type, family, NLM_F_ACK, 1);
	uint32_t failed;
	bool found;

	if (!nl)
		return false;
	mnl_attr_put_strz(nlh, set ? NFTA_SET_TABLE : NFTA_TABLE_NAME, table);
	if (set)
		mnl_attr_put_strz(nlh, NFTA_SET_NAME, set);
	found = mnl_socket_sendto(nl, data, nlh->nlmsg_len) > 0 &&
		read_acknowledgements(nl, 1, &failed) == 0;
	return found;
}
