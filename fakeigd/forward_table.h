/* SPDX-License-Identifier: MIT */
/* forward_table.h - table "ip fakeigd": its rules, and its elements one at a time. */
#ifndef FAKEIGD_FORWARD_TABLE_H
#define FAKEIGD_FORWARD_TABLE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct mnl_socket;
struct nft_batch;
struct router;
struct mapping;
struct pcp_record;
struct forward_flow;

/**
 * struct forward_key - a mapping as an element of one of the maps
 * @family:	of its table, 0 = IPv4
 * @map:	name of the map
 * @key, @key_len: protocol [. remote host] [. external port], each field 4 bytes; what leaves:
 *		protocol . internal client . internal port [. remote host]
 * @data, @data_len: internal client [. internal port]; what leaves: external port; 0 = a set's
 * @end:	of a set of ranges: the last key, @key is the first
 * @is_range:	whether there is @end
 */
struct forward_key {
	uint8_t family;
	const char *map;
	uint8_t key[44];
	uint32_t key_len;
	uint8_t data[8];
	uint32_t data_len;
	uint8_t end[44];
	bool is_range;
};

#define FORWARD_TABLE "fakeigd"

/* Mark of every connection that took a mapping. Where UDP connections are forgotten when idle, the
 * low byte of theirs is the epoch of the last packet, 1 to FORWARD_EPOCHS. */
#define FORWARD_MARK	  0x1d000000u
#define FORWARD_MARK_MASK 0xff000000u
#define FORWARD_EPOCHS	  255

/* The same for connections through a pinhole: the low three bytes say which. */
#define FORWARD_MARK_PINHOLE 0x1e000000u

/** forward_table_make() - the table with all its rules, in place of one that was left behind.
 * Return: 0 or -errno, then @what says what the kernel lacks. */
int forward_table_make(const struct router *r, const char **what);
int forward_table_delete(void);
/** forward_table_empty() - no element in any map. */
int forward_table_empty(void);
/** forward_table_gate() - whether packets come as far as the maps. */
int forward_table_gate(bool open);

/** forward_binds_outward() - whether mappings decide on the port of what leaves (WIPC-69). */
bool forward_binds_outward(const struct router *r);

/** forward_notes_senders() - whether set "sent" is there. */
bool forward_notes_senders(const struct router *r);
/** forward_key_of() - the element for a mapping. */
struct forward_key forward_key_of(const struct mapping *m);
/** forward_elements_add(), forward_elements_delete() - all of them or none, @count 1 or 2. Return:
 * 0 or -errno; a refusal costs the kernel milliseconds. */
int forward_elements_add(struct mnl_socket *nl, const struct forward_key *k, unsigned count);
int forward_elements_delete(struct mnl_socket *nl, const struct forward_key *k, unsigned count);
/** forward_element_get() - the element of that key. @packets: how many took it (of each connection
 * the first, in a nat chain). Return: 0, -ENOENT, or another -errno. */
int forward_element_get(struct mnl_socket *nl, const struct forward_key *k, uint64_t *packets);

/** forward_element_data() - what the element of that key has for data, @k->data_len bytes of it
 * into
 * @k->data. Return: 0, -ENOENT, or another -errno. */
int forward_element_data(struct mnl_socket *nl, struct forward_key *k);

/**
 * struct forward_outward - which internal endpoints have their packets leave from a mapping's port
 *
 * See forward_outward.c. forward_outward_forget(): the maps are empty. forward_outward_contested():
 * two mappings of one endpoint have met.
 */
struct forward_outward;
struct forward_outward *forward_outward_new(void);
void forward_outward_free(struct forward_outward *o);
void forward_outward_forget(struct forward_outward *o);
bool forward_outward_contested(const struct forward_outward *o);
/** forward_outward_claim() - a mapping comes. Return: whether its endpoint is free, so that element
 * @k has to be added with the mapping. */
bool forward_outward_claim(struct forward_outward *o, struct mnl_socket *nl,
			   const struct mapping *m, struct forward_key *k);
/** forward_outward_release() - a mapping goes. Return: whether element @k, its own, goes too. */
bool forward_outward_release(struct forward_outward *o, struct mnl_socket *nl,
			     const struct mapping *m, struct forward_key *k);
/** forward_outward_succeed() - a mapping that has been claimed gets the endpoint. 0 or -errno. */
int forward_outward_succeed(struct mnl_socket *nl, const struct mapping *m);
/** forward_outward_withdraw() - take away what forward_outward_succeed() gave. 0 or -errno. */
int forward_outward_withdraw(struct mnl_socket *nl, const struct mapping *m);
/** forward_outward_same() - whether two mappings compete for what an endpoint sends. */
bool forward_outward_same(const struct mapping *a, const struct mapping *b);

/** forward_table_epoch() - the epoch of UDP packets from now on; @old: the one before, 0 = none. */
int forward_table_epoch(struct mnl_socket *nl, uint8_t old, uint8_t epoch);
/** forward_connections_forget() - end the UDP connections whose last packet was in that epoch. */
int forward_connections_forget(struct mnl_socket *nl, uint8_t epoch);
/** forward_connections_end_marked() - end all connections with exactly this mark. 0 or -errno. */
int forward_connections_end_marked(struct mnl_socket *nl, uint32_t mark);
/** forward_connections_outward() - as forward_flow(). */
int forward_connections_outward(struct mnl_socket *nl, struct in_addr wan,
				struct forward_flow *flow);
/** forward_connection_read() - as forward_flow_read(). */
int forward_connection_read(struct mnl_socket *nl, struct in_addr wan, struct forward_flow *flow);
/** forward_connection_make() - the connection of @flow, as if it had just begun;
 * forward_connection_set(): one that is there lives @seconds more, 0 = ends. 0, -EEXIST or -ENOENT,
 * or another -errno. */
int forward_connection_make(struct mnl_socket *nl, struct in_addr wan,
			    const struct forward_flow *flow);
int forward_connection_set(struct mnl_socket *nl, const struct forward_flow *flow);
/** forward_connections_end_outward() - end those that hosts of the LAN began; @m: that its internal
 * endpoint began, NULL = all. 0 or -errno. */
int forward_connections_end_outward(struct mnl_socket *nl, struct in_addr wan,
				    const struct mapping *m);
/** forward_unshut() - a mapping is made anew, and with it open (nat.loses after-ends). */
void forward_unshut(struct mnl_socket *nl, const struct router *r, const struct mapping *m);
/** forward_timers() - policy nat.timers. 0 or -errno with @what failed. */
int forward_timers(const struct router *r, const char **what);
/** forward_connections_end() - end the connections that a mapping carried; @m NULL: those of all
 * mappings. Return: 0 or -errno. */
int forward_connections_end(struct mnl_socket *nl, const struct mapping *m);

/* forward_filter.c */
/** forward_has_filters() - whether those sets are there. */
bool forward_has_filters(const struct router *r);
/** forward_filters_table() - the sets and the rule that keep out who no FILTER of PCP lets in. */
void forward_filters_table(struct nft_batch *b, const struct router *r);
/** forward_filters_empty() - no element in those sets. 0 or -errno. */
int forward_filters_empty(const struct router *r);
/** forward_filters_change() - who may come in by @m: from now on what @now lets in, until now what
 * @old did; both may be NULL, which lets everybody in. 0 or -errno. */
int forward_filters_change(struct mnl_socket *nl, const struct mapping *m,
			   const struct pcp_record *old, const struct pcp_record *now);

/* forward_losses.c */
/** forward_losses() - the chains of policies nat.loses, nat.icmp-blocks, nat.sip-alg and
 * ssdp.membership. */
void forward_losses(struct nft_batch *b, const struct router *r);

#endif
