/* SPDX-License-Identifier: MIT */
/* choice.c - how code asks what a choice of policy.def is set to (see choice.h). */
#include "choice.h"

#include <stdio.h>
#include <stdlib.h>

struct slice choice_word(const char *choices, int index)
{
	const char *at = choices;

	while (index-- > 0)
		at = strchr(at, '|') + 1;
	return (struct slice){at, strcspn(at, "|")};
}

bool choice_is(const char *choices, int index, const char *word)
{
	const char *at = choices;
	size_t len = strlen(word);

	for (int i = 0;; i++) {
		size_t have = strcspn(at, "|");

		if (have == len && !memcmp(at, word, len))
			return i == index;
		if (!at[have]) {
			fprintf(stderr, "policy choice \"%s\" is not among %s\n", word, choices);
			abort();
		}
		at += have + 1;
	}
}

int choice_code(const char *choices, int index)
{
	struct slice word = choice_word(choices, index);
	uint64_t code;

	return slice_number(word, 999, &code) ? (int)code : 0;
}
