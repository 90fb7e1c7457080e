/* SPDX-License-Identifier: MIT */
/* test_buf.c - growing buffers and slices. */
#include "../../fakeigd/base/buf.h"

#include "unit.h"

static void test_empty_is_valid(void **state)
{
	struct buf b = {0};
	char *text;

	(void)state;
	buf_reset(&b);
	buf_consume(&b, 5);
	buf_free(&b);
	buf_add_slice(&b, (struct slice){NULL, 0});
	assert_int_equal(b.len, 0);
	assert_string_equal(b.data, "");
	buf_free(&b);
	text = buf_steal(&b);
	assert_string_equal(text, "");
	assert_null(b.data);
	free(text);
}

static void test_append(void **state)
{
	struct buf b = {0};

	(void)state;
	buf_puts(&b, "a");
	buf_putc(&b, 'b');
	buf_putc(&b, '\0');
	buf_add(&b, "c\0d", 3);
	buf_printf(&b, "%d-%s", 7, "x");
	buf_printf(&b, "%s", "");
	buf_add_slice(&b, slice_of("tail"));
	assert_int_equal(b.len, 13);
	assert_memory_equal(b.data, "ab\0c\0d7-xtail", 14);
	buf_free(&b);
	assert_null(b.data);
	assert_int_equal(b.cap, 0);
}

/* A NUL always follows, at every length over several reallocations. */
static void test_growth(void **state)
{
	struct buf b = {0};

	(void)state;
	for (size_t i = 0; i < 5000; i++) {
		buf_putc(&b, (char)('a' + i % 26));
		assert_int_equal(b.len, i + 1);
		assert_int_equal(b.data[b.len], '\0');
		assert_true(b.cap > b.len);
	}
	for (size_t i = 0; i < b.len; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	buf_free(&b);
}

static void test_printf_longer_than_the_room(void **state)
{
	struct buf b = {0};

	(void)state;
	buf_printf(&b, "%0*d", 1000, 7);
	assert_int_equal(b.len, 1000);
	assert_int_equal(b.data[999], '7');
	buf_free(&b);
}

static void test_reserve(void **state)
{
	struct buf b = {0};
	char *at;

	(void)state;
	buf_puts(&b, "ab");
	at = buf_reserve(&b, 1000);
	assert_ptr_equal(at, b.data + 2);
	assert_int_equal(b.len, 2);
	assert_string_equal(b.data, "ab");
	memset(at, 'x', 1000);
	b.len += 1000;
	buf_puts(&b, "!");
	assert_int_equal(b.data[1002], '!');
	buf_free(&b);
}

static void test_consume(void **state)
{
	struct buf b = {0};
	size_t cap;

	(void)state;
	buf_puts(&b, "hello world");
	buf_consume(&b, 0);
	assert_string_equal(b.data, "hello world");
	buf_consume(&b, 6);
	assert_string_equal(b.data, "world");
	assert_int_equal(b.len, 5);
	cap = b.cap;
	buf_consume(&b, 5);
	assert_string_equal(b.data, "");
	buf_puts(&b, "x");
	buf_consume(&b, 500);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.cap, cap);
	buf_free(&b);
}

static void test_steal(void **state)
{
	struct buf b = {0};
	char *text;

	(void)state;
	buf_puts(&b, "mine");
	text = buf_steal(&b);
	assert_string_equal(text, "mine");
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	buf_puts(&b, "new");
	assert_string_equal(b.data, "new");
	assert_string_equal(text, "mine");
	free(text);
	buf_free(&b);
}

static void test_xml(void **state)
{
	struct buf b = {0};

	(void)state;
	buf_add_xml(&b, slice_of("a&b<c>d\"e'f"));
	assert_string_equal(b.data, "a&amp;b&lt;c&gt;d&quot;e&apos;f");
	buf_reset(&b);
	buf_add_xml(&b, slice_of(""));
	buf_add_xml(&b, (struct slice){NULL, 0});
	buf_add_xml(&b, slice_of("plain"));
	assert_string_equal(b.data, "plain");
	buf_free(&b);
}

static void test_slice_compare(void **state)
{
	(void)state;
	assert_true(slice_eq(slice_of("abc"), "abc"));
	assert_false(slice_eq(slice_of("abc"), "ab"));
	assert_false(slice_eq(slice_of("abc"), "ABC"));
	assert_true(slice_eq((struct slice){NULL, 0}, ""));
	assert_false(slice_eq((struct slice){NULL, 0}, "a"));
	assert_true(slice_eq(slice_of(NULL), ""));
	assert_true(slice_case_eq(slice_of("Host"), "hOST"));
	assert_false(slice_case_eq(slice_of("Host"), "Hos"));
	assert_true(slice_case_eq((struct slice){NULL, 0}, ""));
	assert_true(slice_starts(slice_of("abc"), "ab"));
	assert_true(slice_starts(slice_of("abc"), ""));
	assert_false(slice_starts(slice_of("a"), "ab"));
}

static void test_slice_trim(void **state)
{
	(void)state;
	assert_slice(slice_trim(slice_of(" \t a b\t ")), "a b");
	assert_slice(slice_trim(slice_of(" \t ")), "");
	assert_slice(slice_trim(slice_of("")), "");
	assert_slice(slice_trim(slice_of("\na")), "\na");
	assert_slice(slice_trim((struct slice){NULL, 0}), "");
}

static void test_slice_number(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		bool fine;
		uint64_t value;
	} rows[] = {
		{"0", 0, true, 0},
		{"1", 0, false, 0},
		{"65535", 65535, true, 65535},
		{"65536", 65535, false, 0},
		{"99999", 65535, false, 0},
		{"007", 9, true, 7},
		{"9", 5, false, 0},
		{"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
		{"18446744073709551616", UINT64_MAX, false, 0},
		{"99999999999999999999999999", UINT64_MAX, false, 0},
		{"", 9, false, 0},
		{"-1", 9, false, 0},
		{"+1", 9, false, 0},
		{" 1", 9, false, 0},
		{"1 ", 9, false, 0},
		{"1a", 99, false, 0},
		{"0x1", 99, false, 0},
		{"\xB2", 99, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = 12345;

		assert_row(i, slice_number(slice_of(rows[i].text), rows[i].max, &value),
			   rows[i].fine);
		assert_row(i, value, rows[i].fine ? rows[i].value : 12345);
	}
	assert_false(slice_number((struct slice){NULL, 0}, 9, &(uint64_t){0}));
}

static void test_slice_dup(void **state)
{
	char *text = slice_dup((struct slice){"abcdef", 3});

	(void)state;
	assert_string_equal(text, "abc");
	free(text);
	text = slice_dup((struct slice){NULL, 0});
	assert_string_equal(text, "");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_is_valid),
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_printf_longer_than_the_room),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_consume),
		cmocka_unit_test(test_steal),
		cmocka_unit_test(test_xml),
		cmocka_unit_test(test_slice_compare),
		cmocka_unit_test(test_slice_trim),
		cmocka_unit_test(test_slice_number),
		cmocka_unit_test(test_slice_dup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
