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
		cmocka_unit_test(filters_are_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
