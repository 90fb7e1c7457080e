/* SPDX-License-Identifier: MIT */
/*
 * nat64_icmp.c - messages of ICMP and ICMPv6 (RFC 7915 clauses 4.2, 4.3, 5.2, 5.3; see nat64.h).
 *
 * Echo changes its type. An error changes type, code and what it quotes; the MTU that a link has is
 * another one on the other side, by the difference of the headers. What has no counterpart is not
 * translated: redirects, neighbour discovery, groups.
 */
#include "nat64_parts.h"

#include <string.h>

#define HEADER	   8
#define ANY	   0xff
#define MTU_CHANGE 20

/**
 * struct row - a type and code, and what they become
 * @from, @to:	type and code; @from code ANY = all
 * @quotes:	an error, which has a packet in it
 * @mtu:	it tells one
 */
struct row {
	uint8_t from[2];
	uint8_t to[2];
	bool quotes;
	bool mtu;
};

static const struct row to_four[] = {
	{{128, ANY}, {8, 0}, false, false}, {{129, ANY}, {0, 0}, false, false},
	{{1, 1}, {3, 10}, true, false},	    {{1, 4}, {3, 3}, true, false},
	{{1, ANY}, {3, 1}, true, false},    {{2, ANY}, {3, 4}, true, true},
	{{3, 0}, {11, 0}, true, false},	    {{3, 1}, {11, 1}, true, false},
	{{4, 1}, {3, 2}, true, false},
};

static const struct row to_six[] = {
	{{8, ANY}, {128, 0}, false, false}, {{0, ANY}, {129, 0}, false, false},
	{{3, 2}, {4, 1}, true, false},	    {{3, 3}, {1, 4}, true, false},
	{{3, 4}, {2, 0}, true, true},	    {{3, 9}, {1, 1}, true, false},
	{{3, 10}, {1, 1}, true, false},	    {{3, 13}, {1, 1}, true, false},
	{{3, 15}, {1, 1}, true, false},	    {{3, 14}, {0, 0}, false, false},
	{{3, ANY}, {1, 0}, true, false},    {{11, 0}, {3, 0}, true, false},
	{{11, 1}, {3, 1}, true, false},
};

static const struct row *find(const struct row *rows, size_t count, const uint8_t *message)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].from[0] == message[0] &&
		    (rows[i].from[1] == ANY || rows[i].from[1] == message[1]))
			return &rows[i];
	return NULL;
}

/* The second word of an error: nothing, the MTU, or where "unknown next header" points. */
static void write_word(const struct row *row, const struct nat64_packet *p, uint8_t *out)
{
	uint32_t mtu = nat64_get16(p->payload + 6);

	memset(out + 4, 0, 4);
	if (row->mtu && p->six)
		/* 32 bits; what a link of IPv4 can have, and not less than the headers differ. */
		nat64_put16(out + 6, p->payload[4] || p->payload[5] ? 0xffff
				     : mtu > MTU_CHANGE		    ? mtu - MTU_CHANGE
								    : 0);
	else if (row->mtu)
		nat64_put16(out + 6, mtu + MTU_CHANGE > 0xffff ? 0xffff : mtu + MTU_CHANGE);
	else if (!p->six && row->to[0] == 4)
		out[7] = 6; /* the field "next header" of IPv6 */
}

size_t nat64_icmp(struct nat64 *n, const struct nat64_packet *p, uint8_t *out)
{
	const struct row *row;
	size_t len = p->len;

	if (len < HEADER)
		return 0;
	row = p->six ? find(to_four, sizeof(to_four) / sizeof(*to_four), p->payload)
		     : find(to_six, sizeof(to_six) / sizeof(*to_six), p->payload);
	if (!row || (!row->quotes && row->from[0] == 3))
		return 0;
	if (row->quotes) {
		size_t quoted = nat64_quoted(n, p->payload + HEADER, len - HEADER, out + HEADER);

		if (!quoted)
			return 0;
		len = HEADER + quoted;
		write_word(row, p, out);
	} else {
		memcpy(out, p->payload, len);
	}
	out[0] = row->to[0];
	out[1] = row->to[1];
	nat64_put16(out + 2, 0);
	nat64_put16(out + 2, nat64_fold(nat64_sum(p->six ? 0 : nat64_pseudo(p, IPPROTO_ICMPV6, len),
						  out, len)));
	return len;
}
