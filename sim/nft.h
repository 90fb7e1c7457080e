/* SPDX-License-Identifier: MIT */
/*
 * nft.h - one nf_tables transaction, built by libnftnl and sent by libmnl.
 *
 * For rule sets that are the same every time and must be there at once: libnftables takes a text
 * and about 0.3 ms (1 ms the first time) for what goes out here in 0.03 ms.
 *
 * A rule is written expression by expression, each a call that reads like nft's own words, and
 * ends with nft_rule_done(). Registers are the kernel's sixteen of 4 bytes, by number (0 to 15);
 * fields of a concatenation lie in consecutive ones. Nothing fails before nft_commit().
 */
#ifndef SIM_NFT_H
#define SIM_NFT_H

#include "../fakeigd/base/buf.h"

#include <netinet/in.h> /* before the kernel's own */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>

/* Numbers that nft(8) gives to data types in listings. */
#define NFT_TYPE_IPADDR	      7
#define NFT_TYPE_IP6ADDR      8
#define NFT_TYPE_INET_PROTO   12
#define NFT_TYPE_INET_SERVICE 13
#define NFT_TYPE_MARK	      19
#define NFT_TYPE_IFNAME	      41
/** NFT_CONCAT() - type number of "@a . @b". */
#define NFT_CONCAT(a, b) ((a) << 6 | (b))

#define NFT_MESSAGES_MAX 96

struct mnl_socket;
struct nftnl_rule;

/**
 * struct nft_batch - a transaction being written; zero-initialised with @family and @table set
 * @family:	NFPROTO_IPV4 or NFPROTO_IPV6: of what is added next; may change on the way
 * @table:	table of everything added next
 * @bytes:	messages so far
 * @what:	for each message, what the kernel lacks if it refuses it
 * @count:	messages so far
 */
struct nft_batch {
	uint8_t family;
	const char *table;
	struct buf bytes;
	const char *what[NFT_MESSAGES_MAX];
	uint32_t count;
};

/**
 * struct nft_set - a set or map to be made
 * @name:	its name
 * @key_type, @key_len: NFT_TYPE_* or NFT_CONCAT(), bytes (4 for each field of a concatenation)
 * @data_type, @data_len: the same for a map, 0 for a set
 * @dynamic:	rules add elements, which time out
 */
struct nft_set {
	const char *name;
	uint32_t key_type;
	uint32_t key_len;
	uint32_t data_type;
	uint32_t data_len;
	bool dynamic;
};

void nft_add_table(struct nft_batch *b);
void nft_delete_table(struct nft_batch *b);
/** nft_add_chain() - base chain of @type ("filter", "nat") at @hook (NF_INET_*), policy accept. */
void nft_add_chain(struct nft_batch *b, const char *name, const char *type, uint32_t hook,
		   int32_t priority);
void nft_add_set(struct nft_batch *b, const struct nft_set *set);
/** nft_add_range_set() - one whose elements are ranges (Linux 5.6). @fields: bytes of each field of
 * the key, 0 at the end. */
void nft_add_range_set(struct nft_batch *b, const struct nft_set *set, const char *fields);
void nft_add_element(struct nft_batch *b, const char *set, const void *key, uint32_t len);
/** nft_flush_set() - delete all its elements. */
void nft_flush_set(struct nft_batch *b, const char *set);

struct nftnl_rule *nft_rule(struct nft_batch *b, const char *chain);
/** nft_rule_done() - add @r to the transaction and free it; @what: see struct nft_batch. */
void nft_rule_done(struct nft_batch *b, struct nftnl_rule *r, const char *what);

void nft_meta(struct nftnl_rule *r, uint32_t key, unsigned reg);
/** nft_ct() - @direction: IP_CT_DIR_*, or -1 where the key has none. */
void nft_ct(struct nftnl_rule *r, uint32_t key, int direction, unsigned reg);
/** nft_set_ct_mark() - the connection's mark becomes what @reg holds. */
void nft_set_ct_mark(struct nftnl_rule *r, unsigned reg);
/** nft_set_mark() - the packet's mark becomes what @reg holds. */
void nft_set_mark(struct nftnl_rule *r, unsigned reg);
/** nft_fib_way_back() - interface that packets to the source leave by into @reg, 0 when that is not
 * the one it came from. */
void nft_fib_way_back(struct nftnl_rule *r, unsigned reg);
/** nft_exthdr() - bytes of the IPv6 extension header @type into @reg; goes on where there is one.
 */
void nft_exthdr(struct nftnl_rule *r, uint8_t type, uint32_t offset, uint32_t len, unsigned reg);
/** nft_log() - a copy of the packet to those that listen at @group (NFLOG). */
void nft_log(struct nftnl_rule *r, uint16_t group);
/** nft_fib_type() - kind of destination address (RTN_LOCAL ...) into @reg. */
void nft_fib_type(struct nftnl_rule *r, unsigned reg);
void nft_payload(struct nftnl_rule *r, uint32_t base, uint32_t offset, uint32_t len, unsigned reg);
/** nft_payload_set() - the packet's bytes become those at @reg; @sum: where the transport header
 * has the checksum that follows them. */
void nft_payload_set(struct nftnl_rule *r, uint32_t base, uint32_t offset, uint32_t len,
		     unsigned reg, uint32_t sum);
/** nft_compare() - go on when the register is (@op NFT_CMP_*) the @len bytes. */
void nft_compare(struct nftnl_rule *r, unsigned reg, uint32_t op, const void *data, uint32_t len);
/** nft_any_bit() - go on when @reg has any bit of @bits (host order). */
void nft_any_bit(struct nftnl_rule *r, unsigned reg, uint32_t bits);
/** nft_mask_set() - reg = (reg & mask) ^ set, over @len bytes. */
void nft_mask_set(struct nftnl_rule *r, unsigned reg, const void *mask, const void *set,
		  uint32_t len);
void nft_hash(struct nftnl_rule *r, unsigned from, uint32_t len, unsigned reg, uint32_t seed);
void nft_constant(struct nftnl_rule *r, unsigned reg, const void *data, uint32_t len);
/** nft_lookup() - go on when the key at @reg is in @set, or with @invert is not. */
void nft_lookup(struct nftnl_rule *r, const char *set, unsigned reg, bool invert);
/** nft_lookup_map() - go on when the key is in @map; its data goes to @data_reg. */
void nft_lookup_map(struct nftnl_rule *r, const char *map, unsigned reg, unsigned data_reg);
/** nft_update() - add the key at @key_reg to @set or renew it; @data_reg -1 for a set. */
void nft_update(struct nftnl_rule *r, const char *set, unsigned key_reg, int data_reg, int seconds);
void nft_verdict(struct nftnl_rule *r, int verdict);
/** nft_reject() - @type NFT_REJECT_*, @code: ICMP code. */
void nft_reject(struct nftnl_rule *r, uint32_t type, uint8_t code);
/** nft_masquerade() - @flags NF_NAT_RANGE_*; ports in @low_reg and @high_reg, -1 = any. */
void nft_masquerade(struct nftnl_rule *r, uint32_t flags, int low_reg, int high_reg);
/** nft_nat() - @type NFT_NAT_SNAT or _DNAT; IPv4 address in @address_reg, port in @port_reg or -1.
 */
void nft_nat(struct nftnl_rule *r, uint32_t type, unsigned address_reg, int port_reg);

/**
 * nft_commit() - send the transaction to the current network namespace and free it
 * @what:	when the kernel refuses: what of (the message's @what), else untouched; may be NULL
 *
 * Return: 0 or -errno.
 */
int nft_commit(struct nft_batch *b, const char **what);
/**
 * nft_socket() - the netfilter socket of the current network namespace, for other subsystems too
 *
 * It stays open for good: closing one waits 8 ms for an RCU grace period when something was just
 * deleted from the namespace's tables. Whoever uses it reads every reply to what it sent. Return:
 * NULL with errno set.
 */
struct mnl_socket *nft_socket(void);
/** nft_exists() - whether table (@set NULL) or set is there; a look costs 10 us, a transaction
 * that fails 8 ms. */
bool nft_exists(uint8_t family, const char *table, const char *set);

#endif
