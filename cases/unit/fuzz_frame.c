/* SPDX-License-Identifier: MIT */
/* fuzz_frame.c - any bytes as an Ethernet frame and as an IP packet: the payload stays inside. */
#include "fuzz.h"

#include "../../fakeigd/wire/frame.h"

static void check(enum frame_error error, const struct frame *f, const uint8_t *bytes, size_t len)
{
	require(is_within(f->payload, bytes, len));
	if (error == FRAME_OK) {
		require(f->family == AF_INET || f->family == AF_INET6);
		require(f->payload.ptr);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct frame f;

	check(frame_parse_ethernet(bytes, len, &f), &f, bytes, len);
	check(frame_parse_ip(bytes, len, &f), &f, bytes, len);
	return 0;
}
