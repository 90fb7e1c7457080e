/* SPDX-License-Identifier: MIT */
/* test_clock.c - one clock, which a lab can advance. */
#include "../../fakeigd/base/clock.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_goes_forward(void **state)
{
	int64_t last = clock_now();

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_now();

		assert_true(now >= last);
		last = now;
	}
	/* somewhere between 2020 and 2100 */
	assert_in_range(clock_wall() / CLOCK_SECOND, 1577836800, 4102444800);
}

static void test_advance(void **state)
{
	const int64_t week = 7 * 86400 * CLOCK_SECOND;
	int64_t now = clock_now(), wall = clock_wall(), real = clock_real();
	int64_t offset = clock_offset();

	(void)state;
	clock_advance(week);
	assert_int_equal(clock_offset(), offset + week);
	assert_in_range(clock_now() - now, week, week + CLOCK_SECOND * 60);
	assert_in_range(clock_wall() - wall, week, week + CLOCK_SECOND * 60);
	assert_true(clock_real() - real < week);
}

/* Two processes and one page: who advances it advances both. */
static void test_shared_page(void **state)
{
	int fd = clock_page_create(), status;
	pid_t child;

	(void)state;
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(clock_page_use(fd), 0);
	assert_int_equal(clock_offset(), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		int64_t before = clock_now();

		clock_advance(5 * CLOCK_SECOND);
		_exit(clock_now() - before >= 5 * CLOCK_SECOND ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(clock_offset(), 5 * CLOCK_SECOND);
	close(fd);
	clock_advance(CLOCK_SECOND);
	assert_int_equal(clock_offset(), 6 * CLOCK_SECOND);
}

static void test_bad_descriptor(void **state)
{
	int64_t offset = clock_offset();

	(void)state;
	assert_int_equal(clock_page_use(-1), -EBADF);
	assert_int_equal(clock_offset(), offset);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_goes_forward),
		cmocka_unit_test(test_advance),
		cmocka_unit_test(test_shared_page),
		cmocka_unit_test(test_bad_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
