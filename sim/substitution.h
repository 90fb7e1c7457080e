/* SPDX-License-Identifier: MIT */
/* substitution.h - names of one world by those of another: addresses, ports, URLs, UUIDs. Pure. */
#ifndef SIM_SUBSTITUTION_H
#define SIM_SUBSTITUTION_H

#include "../fakeigd/base/buf.h"

/** struct substitution - @from in the first recording stands for @to in the second */
struct substitution {
	char *from;
	char *to;
};

/** struct substitutions - longest first; zero-initialised is empty */
struct substitutions {
	struct substitution *items;
	size_t count;
};

/** substitutions_add() - copies both; a pair of equals and an empty @from are ignored. */
void substitutions_add(struct substitutions *s, const char *from, const char *to);
void substitutions_free(struct substitutions *s);
/**
 * substitutions_apply() - append @text with every @from replaced
 *
 * The longest that fits wins; what is replaced must not be part of a longer word or number
 * ("192.168.1.1" is not in "192.168.1.10").
 */
void substitutions_apply(const struct substitutions *s, struct slice text, struct buf *out);

#endif
