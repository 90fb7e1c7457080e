/* SPDX-License-Identifier: MIT */
/* slice.h - a piece of someone else's bytes: what every decoder hands out instead of copies. */
#ifndef IGDLAB_SLICE_H
#define IGDLAB_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/**
 * struct slice - bytes that belong to somebody else
 * @ptr:	first byte; not NUL-terminated; may be NULL when @len is 0
 * @len:	number of bytes
 */
struct slice {
	const char *ptr;
	size_t len;
};

static inline struct slice slice_of(const char *text)
{
	return (struct slice){text, text ? strlen(text) : 0};
}

static inline bool slice_eq(struct slice s, const char *text)
{
	size_t len = strlen(text);

	return s.len == len && (len == 0 || memcmp(s.ptr, text, len) == 0);
}

/** slice_same() - whether two slices hold the same bytes; an empty one may have no address. */
static inline bool slice_same(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/** slice_case_eq() - the same without regard to ASCII case, as header names compare. */
static inline bool slice_case_eq(struct slice s, const char *text)
{
	size_t len = strlen(text);

	return s.len == len && (len == 0 || strncasecmp(s.ptr, text, len) == 0);
}

static inline bool slice_starts(struct slice s, const char *prefix)
{
	size_t len = strlen(prefix);

	return s.len >= len && memcmp(s.ptr, prefix, len) == 0;
}

/** slice_skip() - without its first @len bytes; it has them. */
static inline struct slice slice_skip(struct slice s, size_t len)
{
	return (struct slice){s.ptr + len, s.len - len};
}

/** slice_trim() - without spaces and tabs at both ends. */
struct slice slice_trim(struct slice s);

/**
 * slice_number() - a decimal number that fills the whole slice
 * @s:		digits only, no sign, no space
 * @max:	largest value allowed
 * @out:	where the value goes
 *
 * Return: true when @s is such a number.
 */
bool slice_number(struct slice s, uint64_t max, uint64_t *out);

/** slice_dup() - a NUL-terminated copy; the caller frees it. */
char *slice_dup(struct slice s);

#endif
