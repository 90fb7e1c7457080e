/* SPDX-License-Identifier: MIT */
/* flowdiff.h - two recordings of what should be the same, exchange by exchange. Pure. */
#ifndef SIM_FLOWDIFF_H
#define SIM_FLOWDIFF_H

#include "difference.h"

#define FLOWDIFF_NONE SIZE_MAX

/** struct flowdiff_pair - exchange @a of the first and @b of the second; FLOWDIFF_NONE = none */
struct flowdiff_pair {
	size_t a, b;
	struct difference difference;
};

/** struct flowdiff - all of them: in the order of the first, then what only the second has */
struct flowdiff {
	struct flowdiff_pair *pairs;
	size_t count;
	size_t grades[DIFFERENCE_GRADE_COUNT];
};

/**
 * flowdiff() - pair and compare
 * @s:		from @a's world to @b's
 * @out:	free with flowdiff_free()
 *
 * Pairs are those whose requests say the same (action and arguments, target, what is searched),
 * in order; then those of the same name, in order. An announcement that only came more or less
 * often is a difference of form.
 */
void flowdiff(const struct recording *a, const struct recording *b, const struct substitutions *s,
	      struct flowdiff *out);
/** flowdiff_addresses() - add what the heads tell: router for router with its port, client for
 * client. */
void flowdiff_addresses(const struct recording *a, const struct recording *b,
			struct substitutions *s);
void flowdiff_free(struct flowdiff *f);

#endif
