/* SPDX-License-Identifier: MIT */
/*
 * forward.h - real forwarding of mappings by nftables, through libnftnl and libmnl.
 *
 * Every enabled mapping is an element of a map in table "ip fakeigd", so adding, removing and
 * matching cost the same with 1 and with 65,535 entries. Removing also ends the connections that
 * used the mapping (conntrack), so that a packet stops when the mapping does.
 */
#ifndef FAKEIGD_FORWARD_H
#define FAKEIGD_FORWARD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct router;
struct forward;
struct mapping;
struct pcp_record;

/** forward_new() - table, maps, chains. Return: NULL with @error set to -errno when the kernel
 * refuses, -EBUSY when another fakeigd forwards in this network namespace. With no WAN interface
 * (router->wan.index 0) a backend that only counts is used. */
struct forward *forward_new(struct router *r, int *error);
/** forward_missing() - what the kernel lacks, after forward_new() failed: "nft fib expressions
 * (CONFIG_NFT_FIB_IPV4)"; "" when that is not known. */
const char *forward_missing(void);
void forward_free(struct forward *f);
/** forward_add() - forward from now on. The key must not be forwarded already: -EEXIST, and a
 * refused transaction costs the kernel milliseconds. An external port 0 stands for every port that
 * has no mapping of its own; it reaches the same port of the internal client. 0 or -errno. */
int forward_add(struct forward *f, const struct mapping *m);
/** forward_remove() - and end the connections that the mapping carried, unless policy keeps them. 0
 * (also when it was not forwarded) or -errno. */
int forward_remove(struct forward *f, const struct mapping *m);
/** forward_filter() - another FILTER of PCP for a mapping that is forwarded and has @m->pcp until
 * now; connections that it does not let in end. 0 or -errno. */
int forward_filter(struct forward *f, const struct mapping *m, const struct pcp_record *now);
/**
 * struct forward_flow - a connection that a host of the LAN began
 * @protocol, @client, @port: of whom, from where
 * @remote, @remote_port: to where; 0.0.0.0 and 0 = anywhere
 * @external_port: from which port it leaves
 * @seconds:	how long it would still live without another packet
 */
struct forward_flow {
	int protocol;
	struct in_addr client;
	uint16_t port;
	struct in_addr remote;
	uint16_t remote_port;
	uint16_t external_port;
	uint32_t seconds;
};

/** forward_flow() - find such a connection and fill in the last two. 0, -ENOENT or another -errno.
 */
int forward_flow(struct forward *f, struct forward_flow *flow);
/**
 * forward_flow_read() - of exactly that connection, whichever side began it: from which port it
 * leaves, 0 = by another address than the WAN's, and how long it would still live
 *
 * Return: 0, -ENOENT or another -errno.
 */
int forward_flow_read(struct forward *f, struct forward_flow *flow);
/** forward_flow_set() - it lives @seconds from now on, until its next packet, or ends with 0. 0,
 * -ENOENT or another -errno. */
int forward_flow_set(struct forward *f, const struct forward_flow *flow);
/** forward_flow_make() - that connection as if its first packet had just gone out from
 * @external_port, for @seconds. 0, -EEXIST, -ENOTSUP where mappings bind nothing outward, or
 * another -errno. */
int forward_flow_make(struct forward *f, const struct forward_flow *flow);
/** forward_end_flows() - all such connections. 0 or -errno. */
int forward_end_flows(struct forward *f);
/** forward_bind() - what the internal endpoint of @m sends to its remote host leaves from its
 * external port; nothing comes in by it. forward_unbind(): no longer. 0 (also where mappings bind
 * nothing outward) or -errno; the endpoint must not have a mapping for that host. */
int forward_bind(struct forward *f, const struct mapping *m);
int forward_unbind(struct forward *f, const struct mapping *m);
/** forward_reload() - the table anew by the router's present policy, empty; connections go on. 0 or
 * -errno. */
int forward_reload(struct forward *f);
/** forward_flush() - no mapping forwards any more, no connection through one lives. */
int forward_flush(struct forward *f);
/** forward_set_enabled() - WAN down: nothing is forwarded; the map elements stay. */
int forward_set_enabled(struct forward *f, bool enabled);
/** forward_counters() - bytes and packets sent and received on the WAN, from the kernel. */
struct forward_counters {
	uint64_t bytes_sent, bytes_received, packets_sent, packets_received;
};
int forward_counters(struct forward *f, struct forward_counters *out);

#endif
