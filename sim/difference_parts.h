/* SPDX-License-Identifier: MIT */
/* difference_parts.h - between the files that compare recorded messages. */
#ifndef SIM_DIFFERENCE_PARTS_H
#define SIM_DIFFERENCE_PARTS_H

#include "difference.h"

/**
 * struct comparison - two messages side by side
 * @a:		its facts with substitutions applied
 */
struct comparison {
	struct facts a, b;
	const struct substitutions *map;
	const char *what;
	struct difference *out;
};

/** difference_add() - append a sentence behind c->what. */
void difference_add(struct comparison *c, enum difference_grade grade, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** difference_headers() - compare heads. */
void difference_headers(struct comparison *c);
/** difference_arguments() - compare arguments by name. */
void difference_arguments(struct comparison *c);
/** difference_mapped() - a copy of @text with substitutions applied; NULL of NULL. */
char *difference_mapped(const struct substitutions *s, const char *text);

#endif
