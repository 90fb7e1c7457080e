/* SPDX-License-Identifier: MIT */
/*
 * test_text.c - what the command line makes of text: differences of lines, words for a shell.
 *
 * links: sim
 */
#include "../../sim/linediff.h"
#include "../../sim/result.h"
#include "unit.h"

static const struct {
	const char *a, *b;
	size_t context, differ;
	const char *out;
} diffs[] = {
	{"", "", 2, 0, ""},
	{"a\nb\n", "a\nb\n", 2, 0, ""},
	{"a\nb", "a\nb\n", 2, 0, ""},
	{"", "a\n", 2, 1, "+ a\n"},
	{"a\n", "", 2, 1, "- a\n"},
	{"a\nb\nc\n", "a\nx\nc\n", 2, 2, "  a\n- b\n+ x\n  c\n"},
	{"a\nb\nc\n", "a\nx\nc\n", 0, 2, "...\n- b\n+ x\n...\n"},
	{"1\n2\n3\n4\n5\n6\n7\n8\n", "2\n3\n4\n5\n6\n7\n8\n9\n", 1, 2, "- 1\n  2\n...\n  8\n+ 9\n"},
	{"a\nb\na\nb\n", "b\na\n", 0, 2, "- a\n...\n- b\n"},
};

static void test_linediff(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(diffs); i++) {
		struct buf out = {0};
		size_t differ = linediff(slice_of(diffs[i].a), slice_of(diffs[i].b),
					 diffs[i].context, &out);

		assert_row(i, differ, diffs[i].differ);
		assert_row_slice(i, buf_slice(&out), diffs[i].out);
		buf_free(&out);
	}
}

static const char *const words[][2] = {
	{"plain-word_1.2/3", "plain-word_1.2/3"},
	{"r1=x@y%z", "r1=x@y%z"},
	{"", "''"},
	{"two words", "'two words'"},
	{"$HOME", "'$HOME'"},
	{"it's", "'it'\\''s'"},
	{"a\nb", "'a\nb'"},
};

static void test_shell_quote(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct buf out = {0};

		shell_quote(&out, words[i][0]);
		assert_row_slice(i, buf_slice(&out), words[i][1]);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linediff),
		cmocka_unit_test(test_shell_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
