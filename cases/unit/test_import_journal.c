/* SPDX-License-Identifier: MIT */
/*
 * test_import_journal.c - lines of a journal into exchanges.
 *
 * links: sim
 */
#include "imported.h"

#include "../../sim/import.h"

#include <arpa/inet.h>
#include <unistd.h>

#define LINE(event, layer, from, to, rest)                                                         \
	"{\"time\": 1753696326.825123, \"clock\": 1.5, \"router\": \"r1\", \"event\": \"" event    \
	"\", \"layer\": \"" layer "\", \"from\": \"" from "\", \"to\": \"" to "\"" rest "}\n"
#define CLIENT "192.168.1.4:40112"
#define ROUTER "192.168.1.1:5431"
#define ASKED  LINE("read", "tcp", CLIENT, ROUTER, ", \"text\": \"GET /a HTTP/1.1\\r\\n\\r\\n\"")
#define HEAD   LINE("written", "tcp", ROUTER, CLIENT, ", \"text\": \"HTTP/1.0 200 OK\\r\\n\\r\\nbo\"")
#define REST   LINE("written", "tcp", ROUTER, CLIENT, ", \"hex\": \"6479ff\"")
#define CLOSED LINE("written", "tcp", ROUTER, CLIENT, ", \"what\": \"closed\"")

static struct recording head, got;
static struct diag d;

static int set_up(void **state)
{
	(void)state;
	head = got = (struct recording){0};
	d = (struct diag){0};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	recording_free(&head);
	recording_free(&got);
	diag_free(&d);
	return 0;
}

static int import(const char *text)
{
	const struct imported i = {import_journal, "j", "journal", &head, &got, &d};

	return imported(&i, slice_of(text), NULL);
}

static void expect_exchange(size_t index, uint64_t line)
{
	const struct exchange *x = &got.exchanges[index];

	assert_string_equal(x->name, "GET /a");
	assert_slice(buf_slice(&x->request.bytes), "GET /a HTTP/1.1\r\n\r\n");
	assert_int_equal(x->request.first, line);
	assert_int_equal(x->request.time_ns, INT64_C(1753696326825123000));
	assert_int_equal(x->reply_count, 1);
	assert_slice(buf_slice(&x->replies[0].bytes), "HTTP/1.0 200 OK\r\n\r\nbody\xff");
	assert_int_equal(x->replies[0].count, 2);
	assert_int_equal(x->replies[0].gap_count, 0);
}

static void connections(void **state)
{
	(void)state;
	/* twice over the same end points, with a line about a decision between */
	assert_int_equal(import(ASKED HEAD REST CLOSED LINE("decided", "http", CLIENT, ROUTER, "")
					ASKED HEAD REST CLOSED),
			 0);
	assert_int_equal(got.count, 2);
	expect_exchange(0, 1);
	expect_exchange(1, 6);
	assert_int_not_equal(got.exchanges[0].connection, got.exchanges[1].connection);
	assert_true(got.dated);
	assert_string_equal(got.router, "192.168.1.1");
}

static void datagrams_and_notifications(void **state)
{
	(void)state;
	assert_int_equal(
		import(LINE("read", "udp", "[fe80::4%3]:4000", "[ff02::c%3]:1900",
			    ", \"text\": \"M-SEARCH * HTTP/1.1\\r\\nST: a\\r\\n\\r\\n\"")
			       LINE("written", "udp", "[fe80::1%3]:1900", "[fe80::4%3]:4000",
				    ", \"text\": \"HTTP/1.1 200 OK\\r\\nST: a\\r\\n\\r\\n\"")
				       LINE("written", "tcp", "192.168.1.1:3000", "192.168.1.4:80",
					    ", \"text\": \"NOTIFY /e HTTP/1.1\\r\\nNTS: "
					    "upnp:propchange\\r\\n\\r\\n\"")),
		0);
	assert_int_equal(got.count, 2);
	assert_string_equal(got.exchanges[0].name, "NOTIFY upnp:propchange");
	assert_true(got.exchanges[0].from_router);
	assert_int_equal(got.exchanges[1].reply_count, 1);
	assert_int_equal(got.exchanges[1].request.from.family, AF_INET6);
}

/* Lines that are none: noted with their numbers, consecutive ones as one; the others are used. */
static void bad_lines(void **state)
{
	static const char *const rows[] = {
		"{\"time\": 17536963\n",
		"[1]\n",
		"hello\n",
		"{\"what\": 1}\n",
		LINE("read", "tcp", "192.168.1.4", ROUTER, ", \"text\": \"a\""),
		LINE("read", "tcp", CLIENT, "[::1]:80", ", \"text\": \"a\""),
		LINE("read", "tcp", CLIENT, ROUTER, ", \"hex\": \"0\""),
		LINE("read", "tcp", CLIENT, ROUTER, ", \"hex\": \"0g\""),
		LINE("read", "tcp", CLIENT, ROUTER, ", \"text\": \"a\", \"time\": -1"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *text = xasprintf("%s%s%s%s%s", ASKED HEAD, rows[i], rows[i], REST, CLOSED);

		tear_down(state);
		set_up(state);
		assert_row(i, import(text), 0);
		assert_row(i, got.count, 1);
		expect_exchange(0, 1);
		assert_row(i, got.note_count, 1);
		assert_row(i, got.notes[0].first, 3);
		assert_row(i, got.notes[0].count, 2);
		free(text);
	}
}

static void nothing_usable(void **state)
{
	static const struct {
		const char *text, *complaint;
	} rows[] = {
		{LINE("received", "http", CLIENT, ROUTER, ""), "with --journal-bytes"},
		{"", "with --journal-bytes"},
		{LINE("read", "tcp", CLIENT, ROUTER, ", \"text\": \"hello\""),
		 "nothing usable in 1 lines: looked for HTTP over TCP and SSDP"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		tear_down(state);
		set_up(state);
		assert_row(i, import(rows[i].text), -1);
		buf_putc(&d.text, '\0');
		if (!strstr(d.text.data, rows[i].complaint))
			fail_msg("row %zu: %s", i, d.text.data);
	}
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(connections),
		CASE(datagrams_and_notifications),
		CASE(bad_lines),
		CASE(nothing_usable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
