/* SPDX-License-Identifier: MIT */
/* fuzz.h - what the fuzz harnesses share: the entry point, and checks that stop the fuzzer. */
#ifndef IGDLAB_CASES_FUZZ_H
#define IGDLAB_CASES_FUZZ_H

#include "../../fakeigd/base/slice.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A promise of the code under test; breaking it is a finding. */
#define require(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

/* Whether a slice lies within the input (or is none). */
static inline bool is_within(struct slice s, const void *data, size_t len)
{
	const char *from = data;

	return !s.ptr || (s.ptr >= from && s.ptr + s.len <= from + len);
}

#endif
