/* SPDX-License-Identifier: MIT */
/* cp_address.c - what an IPv4 address says about where it is (see cp.h). Pure. */
#include "../fakeigd/base/mem.h"
#include "cp.h"

#include <arpa/inet.h>
#include <assert.h>

/* IANA special-purpose registry (RFC 6890), the first match counts. */
static const struct {
	uint32_t network;
	int prefix;
	enum cp_address kind;
} blocks[] = {
	{0x00000000, 8, CP_UNSPECIFIED}, {0x0a000000, 8, CP_PRIVATE},
	{0xac100000, 12, CP_PRIVATE},	 {0xc0a80000, 16, CP_PRIVATE},
	{0x64400000, 10, CP_SHARED},	 {0x7f000000, 8, CP_LOOPBACK},
	{0xa9fe0000, 16, CP_LINK_LOCAL}, {0xc0000000, 24, CP_PROTOCOL},
	{0xc0000200, 24, CP_RESERVED},	 {0xc6336400, 24, CP_RESERVED},
	{0xcb007100, 24, CP_RESERVED},	 {0xc6120000, 15, CP_BENCHMARK},
	{0xe0000000, 3, CP_RESERVED}, /* multicast and class E */
};

static const char *const texts[] = {
	[CP_PUBLIC] = "public",
	[CP_PRIVATE] = "private (RFC 1918)",
	[CP_SHARED] = "carrier-grade (RFC 6598)",
	[CP_PROTOCOL] = "for protocol use (192.0.0.0/24)",
	[CP_BENCHMARK] = "for benchmarking (RFC 2544)",
	[CP_LINK_LOCAL] = "link-local",
	[CP_LOOPBACK] = "loopback",
	[CP_UNSPECIFIED] = "no address",
	[CP_RESERVED] = "reserved",
};

static_assert(ARRAY_SIZE(texts) == CP_ADDRESS_COUNT, "a text for every kind");

enum cp_address cp_address_kind(struct in_addr address)
{
	uint32_t a = ntohl(address.s_addr);

	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		if ((a ^ blocks[i].network) >> (32 - blocks[i].prefix) == 0)
			return blocks[i].kind;
	return CP_PUBLIC;
}

const char *cp_address_text(enum cp_address kind)
{
	return texts[kind];
}

bool cp_address_behind_nat(enum cp_address kind)
{
	return kind == CP_PRIVATE || kind == CP_SHARED || kind == CP_PROTOCOL ||
	       kind == CP_BENCHMARK;
}

bool cp_parse_address(const char *text, struct in_addr *out)
{
	struct slice s = slice_trim(slice_of(text));
	char copy[INET_ADDRSTRLEN];

	if (!s.len || s.len >= sizeof(copy))
		return false;
	memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return inet_pton(AF_INET, copy, out) == 1;
}
