/* SPDX-License-Identifier: MIT */
/* fuzz.h - what the fuzz harnesses share: the entry point, and checks that stop the fuzzer. */
#ifndef IGDLAB_CASES_FUZZ_H
#define IGDLAB_CASES_FUZZ_H

#include "../../fakeigd/base/slice.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/*
 * The fuzzer learns from every comparison, those in hash tables too: what salts them is the same in
 * every run, so that the same commit gets the same verdict.
 */
ssize_t getrandom(void *out, size_t len, unsigned flags)
{
	(void)flags;
	memset(out, 1, len);
	return (ssize_t)len;
}

void arc4random_buf(void *out, size_t len)
{
	memset(out, 1, len);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	json_object_seed(1);
	return 0;
}

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
