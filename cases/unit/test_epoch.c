/* SPDX-License-Identifier: MIT */
/*
 * test_epoch.c - when a gateway has forgotten its mappings (RFC 6886 clause 3.6, RFC 6887
 * clause 8.5).
 *
 * links: fakeigd
 */
#include "unit.h"

#include "../../fakeigd/base/clock.h"
#include "../../fakeigd/wire/epoch.h"

/* What passed on either clock, and what each protocol makes of it. */
static const struct {
	int client_delta;
	int64_t server_delta;
	bool natpmp, pcp;
} rows[] = {
	{0, 0, true, true},	    {100, 100, true, true},	   {0, -1, true, true},
	{0, -2, true, false},	    {0, -3, false, false},	   {100, 97, true, true},
	{100, 92, true, true},	    {100, 91, true, false},	   {100, 85, true, false},
	{100, 84, false, false},    {100, 108, true, true},	   {100, 109, true, false},
	{100, 100000, true, false}, {1600, 1498, true, true},	   {1600, 1497, true, false},
	{1600, 1398, true, false},  {1600, 1397, false, false},	   {1600, 1708, true, true},
	{1600, 1710, true, false},  {86400, 86400, true, true},	   {86400, -1000, false, false},
	{86400, 0, false, false},   {10, 4000000000, true, false},
};

static void both_formulas(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t server = 10000 + (uint32_t)rows[i].server_delta;
		int64_t now = 7 * CLOCK_SECOND + rows[i].client_delta * CLOCK_SECOND;
		struct epoch old = {true, 10000, 7 * CLOCK_SECOND}, pcp = old;

		assert_row(i, epoch_natpmp(&old, server, now), rows[i].natpmp);
		assert_row(i, epoch_pcp(&pcp, server, now), rows[i].pcp);
		/* The new value counts, whatever it means. */
		assert_row(i, old.server, server);
		assert_row(i, pcp.client_us, now);
	}
}

static void the_first_is_taken(void **state)
{
	struct epoch old = {0}, pcp = {0};

	(void)state;
	assert_true(epoch_natpmp(&old, 0, 1000 * CLOCK_SECOND));
	assert_true(epoch_pcp(&pcp, UINT32_MAX, 1000 * CLOCK_SECOND));
	assert_true(old.known && pcp.known);
	assert_false(epoch_pcp(&pcp, 0, 1000 * CLOCK_SECOND));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_formulas),
		cmocka_unit_test(the_first_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
