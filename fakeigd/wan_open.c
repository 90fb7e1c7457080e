/* SPDX-License-Identifier: MIT */
/*
 * wan_open.c - ports of the router itself that answer to the WAN (see wan_open.h).
 *
 * Called whenever ports or policies may have changed: at the start, after a reload, when the HTTP
 * server listens anew. The set is ours alone, so it is emptied and filled.
 */
#include "wan_open.h"

#include "../sim/nft.h"
#include "base/mem.h"
#include "http.h"
#include "journal.h"
#include "profile.h"
#include "router.h"
#include "wire/pcp.h"

#define TABLE "igdlab"
#define SET   "wan_open"

static void add_port(struct nft_batch *b, uint8_t protocol, uint16_t port)
{
	/* Each field of a key takes four bytes. */
	const uint8_t key[8] = {protocol, 0, 0, 0, (uint8_t)(port >> 8), (uint8_t)port, 0, 0};

	nft_add_element(b, SET, key, sizeof(key));
}

static int open_family(const struct router *r, uint8_t family)
{
	const struct profile *p = r->profile;
	struct nft_batch b = {.family = family, .table = TABLE};

	if (!nft_exists(family, TABLE, SET))
		return 0;
	nft_flush_set(&b, SET);
	if (p->policy.ssdp_wan)
		add_port(&b, IPPROTO_UDP, 1900);
	if (p->policy.natpmp_wan || p->policy.pcp_wan)
		add_port(&b, IPPROTO_UDP, 5351);
	if (p->upstream.pcp) /* a server announces itself there */
		add_port(&b, IPPROTO_UDP, PCP_ANNOUNCE_PORT);
	if (p->policy.http_wan && http_port(r->http)) {
		add_port(&b, IPPROTO_TCP, http_port(r->http));
		for (size_t i = 0; i < p->also_ports; i++)
			if (p->also_port[i] != http_port(r->http))
				add_port(&b, IPPROTO_TCP, p->also_port[i]);
	}
	return nft_commit(&b, NULL);
}

void wan_open(struct router *r)
{
	static const uint8_t families[] = {NFPROTO_IPV4, NFPROTO_IPV6};

	if (!r->wan.index || !r->http)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int error = open_family(r, families[i]);

		if (error)
			journal_write(r->journal, JOURNAL_ERROR, "router", NULL, NULL,
				      "cannot open ports to the WAN", "{s:s}", "error",
				      strerror(-error));
	}
}
