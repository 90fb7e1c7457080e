/* SPDX-License-Identifier: MIT */
/* pattern.h - what rules compare values with: exact, "!not", ranges, lists, shell patterns. */
#ifndef FAKEIGD_PATTERN_H
#define FAKEIGD_PATTERN_H

#include "base/doc.h"

struct pattern;

/** pattern_name_fn - value of a {name} in a pattern; NULL when there is none. */
typedef const char *pattern_name_fn(const void *arg, const char *name);

/**
 * pattern_new() - compile what was written
 * @node:	a value, a list of values, or null. A value is one of
 *		  text		exactly that; 80 also equals 0080
 *		  "10-20"	a number in that range; "10-" has no upper end
 *		  "*x?[ab]"	a shell pattern; a backslash takes the meaning from a character
 *		  "{name}"	the value of something else, as pattern_match()'s @lookup says
 *		  {length: R}	text of so many bytes, R a number or a range
 *		  "!value"	anything but that value
 *		  null		the thing is absent
 *		A list matches when one of its plain values does (or it has none) and each of its
 *		"!" values holds. What is absent matches nothing but null.
 *
 * Return: the pattern (pattern_free()), NULL after a complaint.
 */
struct pattern *pattern_new(const struct doc *node, struct diag *d);
void pattern_free(struct pattern *p);
/** pattern_match() - whether @value (ptr NULL = absent) fits. @lookup may be NULL. */
bool pattern_match(const struct pattern *p, struct slice value, pattern_name_fn *lookup,
		   const void *arg);
/** pattern_literals() - texts of the values that stand for themselves, without "!"; @out has room
 * for @max. Return: how many. */
size_t pattern_literals(const struct pattern *p, const char **out, size_t max);

/** struct numbers - a set of whole numbers: ranges, both ends included */
#define NUMBERS_MAX 16
struct numbers {
	struct {
		uint64_t min, max;
	} range[NUMBERS_MAX];
	size_t count;
};

/** numbers_read() - a number, a range such as "2-4" or "5-", or a list of them. */
bool numbers_read(struct numbers *out, const struct doc *node, struct diag *d);
bool numbers_has(const struct numbers *n, uint64_t value);

#endif
