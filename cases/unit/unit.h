/* SPDX-License-Identifier: MIT */
/* unit.h - what the table-driven unit tests share: cmocka, and assertions that name the row. */
#ifndef IGDLAB_CASES_UNIT_H
#define IGDLAB_CASES_UNIT_H

#include "../../fakeigd/base/buf.h"
#include "../../fakeigd/base/mem.h"
#include "../../fakeigd/base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A literal with its length, NUL bytes inside included. */
#define BYTES(text) text, sizeof(text) - 1

/* Two integers of a table's row @i. */
#define assert_row(i, got, expected)                                                               \
	do {                                                                                       \
		long long got_ = (long long)(got), expected_ = (long long)(expected);              \
                                                                                                   \
		if (got_ != expected_)                                                             \
			fail_msg("row %zu: " #got " is %lld, not %lld", (size_t)(i), got_,         \
				 expected_);                                                       \
	} while (0)

/* A slice and a string of a table's row @i. */
#define assert_row_slice(i, got, expected)                                                         \
	do {                                                                                       \
		struct slice got_ = (got);                                                         \
                                                                                                   \
		if (!slice_eq(got_, expected))                                                     \
			fail_msg("row %zu: " #got " is \"%.*s\", not \"%s\"", (size_t)(i),         \
				 (int)got_.len, got_.ptr ? got_.ptr : "", expected);               \
	} while (0)

/* What was written is exactly that; frees it. */
static inline void expect_bytes(struct buf *got, const char *bytes, size_t len)
{
	assert_int_equal(got->len, len);
	assert_memory_equal(got->data, bytes, len);
	buf_free(got);
}

#define assert_slice(got, expected) assert_row_slice(0, got, expected)

#endif
