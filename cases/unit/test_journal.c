/* SPDX-License-Identifier: MIT */
/*
 * test_journal.c - lines of the journal are JSON whatever is put into them.
 *
 * links: fakeigd
 */
#include "../../fakeigd/journal.h"

#include "../../fakeigd/base/clock.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/** struct fixture - a journal into a pipe, read back line by line */
struct fixture {
	struct journal *journal;
	FILE *in;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	f->journal = journal_new(fds[1], "r\"1");
	f->in = fdopen(fds[0], "r");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	journal_free(f->journal);
	fclose(f->in);
	free(f);
	return 0;
}

static json_t *next_line(struct fixture *f)
{
	char line[8192];
	json_error_t error;
	json_t *value;

	assert_non_null(fgets(line, sizeof(line), f->in));
	value = json_loads(line, JSON_REJECT_DUPLICATES, &error);
	if (!value)
		fail_msg("%s in: %s", error.text, line);
	return value;
}

static const char *text_of(const json_t *line, const char *name)
{
	return json_string_value(json_object_get(line, name));
}

static void whole_line(void **state)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(40112)};
	struct sockaddr_in6 to = {
		.sin6_family = AF_INET6, .sin6_port = htons(1900), .sin6_scope_id = 3};
	json_t *line;

	inet_pton(AF_INET, "192.168.1.4", &from.sin_addr);
	inet_pton(AF_INET6, "ff02::c", &to.sin6_addr);
	journal_write(((struct fixture *)*state)->journal, JOURNAL_RECEIVED, "soap",
		      (struct sockaddr *)&from, (struct sockaddr *)&to, "AddPortMapping",
		      "{s:i, s:s}", "status", 200, "rule", "late");
	line = next_line(*state);
	assert_string_equal(text_of(line, "router"), "r\"1");
	assert_string_equal(text_of(line, "event"), "received");
	assert_string_equal(text_of(line, "layer"), "soap");
	assert_string_equal(text_of(line, "from"), "192.168.1.4:40112");
	assert_string_equal(text_of(line, "to"), "[ff02::c%3]:1900");
	assert_string_equal(text_of(line, "what"), "AddPortMapping");
	assert_int_equal(json_integer_value(json_object_get(line, "status")), 200);
	assert_string_equal(text_of(line, "rule"), "late");
	assert_true(json_real_value(json_object_get(line, "time")) > 1.7e9);
	json_decref(line);
}

static void hostile_text(void **state)
{
	static const struct {
		const char *in, *out;
	} table[] = {
		{"quote \" back \\ slash", "quote \" back \\ slash"},
		{"line\r\nend\ttab\x01\x7f", "line\r\nend\ttab\x01\x7f"},
		{"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		 "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
		{"latin \xfc", "latin \xef\xbf\xbd"},
		{"cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd"},
		{"overlong \xc0\xaf", "overlong \xef\xbf\xbd\xef\xbf\xbd"},
		{"surrogate \xed\xa0\x80", "surrogate \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"beyond \xf4\x90\x80\x80",
		 "beyond \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"", ""},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		json_t *line;

		journal_write(((struct fixture *)*state)->journal, JOURNAL_DECIDED, "ssdp", NULL,
			      NULL, table[i].in, NULL);
		line = next_line(*state);
		assert_string_equal(text_of(line, "what"), table[i].out);
		assert_null(json_object_get(line, "from"));
		json_decref(line);
	}
}

static void members_that_cannot_be_packed(void **state)
{
	json_t *line;

	journal_write(((struct fixture *)*state)->journal, JOURNAL_ERROR, "http", NULL, NULL, "x",
		      "{s:s}", "bad", "latin \xfc");
	line = next_line(*state);
	assert_non_null(text_of(line, "unprintable"));
	json_decref(line);
	journal_write(((struct fixture *)*state)->journal, JOURNAL_ERROR, "http", NULL, NULL, "x",
		      "{}");
	json_decref(next_line(*state));
}

static void clock_is_the_labs_and_time_is_not(void **state)
{
	struct fixture *f = *state;
	double time, clock;
	json_t *line;

	clock_advance(604800 * CLOCK_SECOND);
	journal_write(f->journal, JOURNAL_STATE, "wan", NULL, NULL, "later", NULL);
	line = next_line(f);
	time = json_real_value(json_object_get(line, "time"));
	clock = json_real_value(json_object_get(line, "clock"));
	assert_true(clock >= 604800 && clock < 604900);
	assert_true(time * 1e6 <= (double)clock_real() + 1 &&
		    time * 1e6 > (double)clock_real() - 60e6);
	json_decref(line);
}

static void nowhere(void **state)
{
	struct journal *off = journal_new(-1, "r1");

	(void)state;
	assert_false(journal_on(off));
	assert_false(journal_on(NULL));
	journal_write(off, JOURNAL_STATE, "wan", NULL, NULL, "x", NULL);
	journal_write(NULL, JOURNAL_STATE, "wan", NULL, NULL, "x", NULL);
	journal_free(off);
	journal_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole_line, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_text, setup, teardown),
		cmocka_unit_test_setup_teardown(members_that_cannot_be_packed, setup, teardown),
		cmocka_unit_test_setup_teardown(clock_is_the_labs_and_time_is_not, setup, teardown),
		cmocka_unit_test(nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
