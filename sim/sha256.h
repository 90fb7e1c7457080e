/* SPDX-License-Identifier: MIT */
/* sha256.h - FIPS 180-4 SHA-256: which file a flow was made from. Pure. */
#ifndef SIM_SHA256_H
#define SIM_SHA256_H

#include "../fakeigd/base/slice.h"

/** struct sha256 - a digest under way; begin with sha256_start() */
struct sha256 {
	uint32_t state[8];
	uint64_t bytes;
	uint8_t block[64];
};

/** sha256_start(), sha256_feed() - begin a digest; more bytes for it. */
void sha256_start(struct sha256 *s);
void sha256_feed(struct sha256 *s, struct slice data);
/** sha256_hex() - the digest as 64 hexadecimal digits and a NUL. */
void sha256_hex(struct sha256 *s, char out[65]);

#endif
