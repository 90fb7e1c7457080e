/* SPDX-License-Identifier: MIT */
/*
 * sha256.c - SHA-256 (see sha256.h).
 *
 * Theory of operation
 *
 * FIPS 180-4 clauses 5.1.1, 5.3.3 and 6.2: blocks of 64 bytes go through 64 rounds; the message is
 * padded with a bit, zeros and its length. A capture of a gigabyte is hashed beside being read, so
 * where the processor has instructions for the rounds (x86 SHA extensions) they do them, four words
 * at a time; whether it has them is asked once.
 */
#include "sha256.h"

#include <endian.h>
#include <stdio.h>

#define BLOCK 64

/* Fractional parts of the cube roots of the first 64 primes (clause 4.2.2). */
static const uint32_t constants[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2};

static uint32_t rotate(uint32_t x, unsigned by)
{
	return x >> by | x << (32 - by);
}

static void schedule(const uint8_t *block, uint32_t w[64])
{
	for (size_t t = 0; t < 16; t++) {
		memcpy(&w[t], block + t * 4, 4);
		w[t] = be32toh(w[t]);
	}
	for (size_t t = 16; t < 64; t++) {
		uint32_t a = w[t - 15], b = w[t - 2];

		w[t] = w[t - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[t - 7] +
		       (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
	}
}

static void blocks_plain(uint32_t state[8], const uint8_t *data, size_t count)
{
	for (; count--; data += BLOCK) {
		uint32_t w[64], v[8];

		schedule(data, w);
		memcpy(v, state, sizeof(v));
		for (size_t t = 0; t < 64; t++) {
			uint32_t e = v[4], a = v[0];
			uint32_t one = v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
				       ((e & v[5]) ^ (~e & v[6])) + constants[t] + w[t];
			uint32_t two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
				       ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));

			memmove(v + 1, v, 7 * sizeof(*v));
			v[4] += one;
			v[0] = one + two;
		}
		for (size_t i = 0; i < 8; i++)
			state[i] += v[i];
	}
}

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#define CPUID_SHA   (1u << 29) /* leaf 7, EBX */
#define CPUID_SSE41 (1u << 19) /* leaf 1, ECX */

/* The instructions want the state as ABEF and CDGH. */
__attribute__((target("sha,sse4.1,ssse3"))) static void
blocks_fast(uint32_t state[8], const uint8_t *data, size_t count)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
	__m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
	__m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xf0);

	for (; count--; data += BLOCK) {
		__m128i before_abef = abef, before_cdgh = cdgh, w[4];

		for (int i = 0; i < 4; i++)
			w[i] = _mm_shuffle_epi8(
				_mm_loadu_si128((const __m128i *)(data + (size_t)i * 16)), swap);
#pragma GCC unroll 16
		for (int t = 0; t < 16; t++) {
			__m128i now = w[t & 3], next, sum;

			sum = _mm_add_epi32(now,
					    _mm_load_si128((const __m128i *)(constants + t * 4)));
			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
			abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
			/* words t*4+16 ... from those before (clause 6.2.2 step 1) */
			next = _mm_sha256msg1_epu32(now, w[(t + 1) & 3]);
			next = _mm_add_epi32(next,
					     _mm_alignr_epi8(w[(t + 3) & 3], w[(t + 2) & 3], 4));
			w[t & 3] = _mm_sha256msg2_epu32(next, w[(t + 3) & 3]);
		}
		abef = _mm_add_epi32(abef, before_abef);
		cdgh = _mm_add_epi32(cdgh, before_cdgh);
	}
	low = _mm_shuffle_epi32(abef, 0x1b);
	high = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xf0));
	_mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(high, low, 8));
}

static int has_instructions(void)
{
	unsigned a, b, c, d, features;

	if (!__get_cpuid(1, &a, &b, &features, &d) || !(features & CPUID_SSE41))
		return 0;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & CPUID_SHA);
}
#else
#define blocks_fast blocks_plain

static int has_instructions(void)
{
	return 0;
}
#endif

static void blocks(uint32_t state[8], const uint8_t *data, size_t count)
{
	static int fast = -1;

	if (fast < 0)
		fast = has_instructions();
	if (fast)
		blocks_fast(state, data, count);
	else
		blocks_plain(state, data, count);
}

void sha256_start(struct sha256 *s)
{
	/* Fractional parts of the square roots of the first eight primes (clause 5.3.3). */
	*s = (struct sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
				       0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void sha256_feed(struct sha256 *s, struct slice data)
{
	size_t have = s->bytes % BLOCK, take;

	s->bytes += data.len;
	if (have) {
		take = data.len < BLOCK - have ? data.len : BLOCK - have;
		if (take)
			memcpy(s->block + have, data.ptr, take);
		if (have + take < BLOCK)
			return;
		blocks(s->state, s->block, 1);
		data = (struct slice){data.ptr + take, data.len - take};
	}
	blocks(s->state, (const uint8_t *)data.ptr, data.len / BLOCK);
	if (data.len % BLOCK)
		memcpy(s->block, data.ptr + data.len / BLOCK * BLOCK, data.len % BLOCK);
}

void sha256_hex(struct sha256 *s, char out[65])
{
	uint64_t bits = htobe64(s->bytes * 8);
	static const char padding[BLOCK] = {(char)0x80};
	size_t have = s->bytes % BLOCK;

	sha256_feed(s, (struct slice){padding, (have < 56 ? 56 : 120) - have});
	sha256_feed(s, (struct slice){(const char *)&bits, sizeof(bits)});
	for (size_t i = 0; i < 8; i++)
		snprintf(out + i * 8, 9, "%08x", s->state[i]);
}
