/* SPDX-License-Identifier: MIT */
/*
 * fuzz_nat64.c - any bytes as a packet on the way between IPv6 and IPv4: what comes out is a packet
 * of the other family, and fits.
 *
 * links: sim
 */
#include "fuzz.h"

#include "../../fakeigd/wire/frame.h"
#include "../../sim/nat64.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static uint8_t out[NAT64_ROOM];
	struct nat64 n = {
		.prefix.s6_addr = {0, 0x64, 0xff, 0x9b},
		.pool.s_addr = htonl(0xc6120000),
		.hosts = {{.s6_addr = {0x2a, 0x0e, [15] = 4}}},
		.count = 1,
	};
	size_t got = nat64_translate(&n, bytes, len, out);
	struct frame f;

	require(got <= sizeof(out));
	if (!got)
		return 0;
	require(out[0] >> 4 == (bytes[0] >> 4 == 6 ? 4 : 6));
	require(frame_parse_ip(out, got, &f) != FRAME_NOT_IP);
	require(is_within(f.payload, out, got));
	return 0;
}
