/* SPDX-License-Identifier: MIT */
/*
 * test_pcp_record.c - filters of PCP mappings as requests change them (RFC 6887 clause 13.3).
 *
 * links: fakeigd
 */
#include "../../fakeigd/pcp_record.h"

#include "unit.h"

#include <arpa/inet.h>

static struct pcp_filter filter(unsigned prefix, unsigned port, const char *address)
{
	struct pcp_filter f = {.prefix = (uint8_t)prefix, .port = (uint16_t)port};

	assert_int_equal(inet_pton(AF_INET6, address, &f.address), 1);
	return f;
}

static void filters_add_up_and_are_cleared(void **state)
{
	static const struct {
		unsigned prefix, port;
		const char *address;
		size_t then;
	} steps[] = {
		{128, 0, "::ffff:44.0.1.10", 1},
		{128, 80, "::ffff:44.0.1.10", 2},
		{128, 0, "::ffff:44.0.1.10", 2},
		{120, 0, "::ffff:44.0.1.10", 3},
		{0, 0, "::", 0},
		{128, 0, "2001:db8::1", 1},
		{0, 80, "::ffff:44.0.1.10", 0},
	};
	struct pcp_record *record = pcp_record_new();

	(void)state;
	assert_int_equal(record->set_size, 1);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct pcp_filter f = filter(steps[i].prefix, steps[i].port, steps[i].address);

		pcp_record_add_filter(record, &f);
		assert_row(i, record->filters, steps[i].then);
	}
	pcp_record_free(record);
	pcp_record_free(NULL);
}

/* Of the first filter of a row: whether the second lets in all that it does, and the reverse. */
static void a_prefix_covers_what_lies_in_it(void **state)
{
	static const struct {
		unsigned prefix, port;
		const char *address;
		unsigned other_prefix, other_port;
		const char *other;
		bool covered, covers;
	} rows[] = {
		{64, 0, "2001:db8::", 32, 0, "2001:db8::", true, false},
		{64, 0, "2001:db8:0:7::", 61, 0, "2001:db8::", true, false},
		{64, 0, "2001:db8:0:8::", 61, 0, "2001:db8::", false, false},
		{128, 0, "2001:db8::1", 128, 0, "2001:db8::1", false, true}, /* the same: once */
		{128, 0, "2001:db8::1", 127, 0, "2001:db8::", true, false},
		{128, 0, "2001:db8::2", 127, 0, "2001:db8::", false, false},
		{128, 80, "2001:db8::1", 64, 0, "2001:db8::", false, false},
		{128, 80, "2001:db8::1", 64, 80, "2001:db8::", true, false},
		{120, 0, "::ffff:44.0.1.0", 112, 0, "::ffff:44.0.0.0", true, false},
		{120, 0, "::ffff:44.1.1.0", 112, 0, "::ffff:44.0.0.0", false, false},
		{1, 0, "8000::", 1, 0, "::", false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pcp_filter pair[] = {
			filter(rows[i].prefix, rows[i].port, rows[i].address),
			filter(rows[i].other_prefix, rows[i].other_port, rows[i].other)};
		struct pcp_record record = {.filter = pair, .filters = 2};

		assert_int_equal(pcp_record_is_covered(&record, 0), rows[i].covered);
		assert_int_equal(pcp_record_is_covered(&record, 1), rows[i].covers);
	}
}

static void filters_are_compared(void **state)
{
	struct pcp_record *a = pcp_record_new(), *b = pcp_record_new();
	struct pcp_filter first = filter(128, 0, "::ffff:44.0.1.10");
	struct pcp_filter second = filter(104, 0, "::ffff:44.0.0.0");

	(void)state;
	assert_true(pcp_record_same_filters(a, NULL));
	assert_true(pcp_record_same_filters(NULL, NULL));
	pcp_record_add_filter(a, &first);
	assert_false(pcp_record_same_filters(a, NULL));
	assert_false(pcp_record_same_filters(NULL, a));
	pcp_record_copy_filters(b, a);
	assert_true(pcp_record_same_filters(a, b));
	pcp_record_add_filter(b, &second);
	assert_false(pcp_record_same_filters(a, b));
	pcp_record_copy_filters(a, b);
	assert_true(pcp_record_same_filters(a, b));
	pcp_record_free(a);
	pcp_record_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_add_up_and_are_cleared),
		cmocka_unit_test(a_prefix_covers_what_lies_in_it),
		cmocka_unit_test(filters_are_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
