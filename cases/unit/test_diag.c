/* SPDX-License-Identifier: MIT */
/* test_diag.c - complaints: their place, and the name that was probably meant. */
#include "../../fakeigd/base/diag.h"

#include "unit.h"

static void test_places(void **state)
{
	struct diag d = {0};

	(void)state;
	diag_at(&d, "f.yaml", 7, "expected %s", "a name");
	diag_at(&d, "f.yaml", 0, "cannot be read");
	diag_at(&d, NULL, 0, "nothing to do");
	diag_at(&d, NULL, 7, "line without file");
	assert_int_equal(d.errors, 4);
	assert_string_equal(d.text.data, "f.yaml:7: expected a name\nf.yaml: cannot be read\n"
					 "nothing to do\nline without file\n");
	diag_free(&d);
	assert_int_equal(d.errors, 0);
	assert_null(d.text.data);
}

static void test_nearest(void **state)
{
	static const char *const names[] = {"host", "router", "gateway", "subnet", "attach"};
	static const struct {
		const char *word, *near;
	} rows[] = {
		{"host", "host"},      {"HOST", "host"},    {"hots", "host"},
		{"rooter", "router"},  {"routr", "router"}, {"gatway", "gateway"},
		{"subnets", "subnet"}, {"x", NULL},	    {"", NULL},
		{"completely", NULL},  {"zzzzzz", NULL},    {"atach", "attach"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *near = suggest_nearest(rows[i].word, names, ARRAY_SIZE(names));

		assert_row_slice(i, slice_of(near), rows[i].near ? rows[i].near : "");
	}
	assert_null(suggest_nearest("host", NULL, 0));
}

/* Names of any length: no suggestion, and no overrun. */
static void test_long_words(void **state)
{
	static const char *const names[] = {
		"host",
		"a-name-that-is-much-longer-than-sixty-four-characters-and-goes-on-and-on-and-on",
	};
	struct buf word = {0};

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_putc(&word, 'h');
	assert_null(suggest_nearest(word.data, names, ARRAY_SIZE(names)));
	buf_free(&word);
}

static void test_unknown(void **state)
{
	static const char *const few[] = {"host", "router"};
	const char *many[30];
	struct diag d = {0};

	(void)state;
	diag_unknown(&d, "f", 1, "kind", "hots", few, 2);
	diag_unknown(&d, "f", 2, "kind", "zebra", few, 2);
	diag_unknown(&d, "f", 3, "kind", "zebra", NULL, 0);
	assert_string_equal(d.text.data,
			    "f:1: unknown kind \"hots\"; did you mean \"host\"?\n"
			    "f:2: unknown kind \"zebra\"; expected one of: host, router\n"
			    "f:3: unknown kind \"zebra\"; expected one of: (none)\n");
	buf_reset(&d.text);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = "abcdefghijkl";
	diag_unknown(&d, "f", 4, "kind", "zebra", many, ARRAY_SIZE(many));
	assert_non_null(strstr(d.text.data, ", ...\n"));
	assert_int_equal(d.errors, 4);
	diag_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
