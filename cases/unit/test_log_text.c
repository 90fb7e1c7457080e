/* SPDX-License-Identifier: MIT */
/*
 * test_log_text.c - the pure parts of the import of logs: time stamps, prefixes, start lines,
 * escapes, dumps, and what a stated length proves.
 *
 * links: sim
 */
#include "../../sim/log_body.h"
#include "../../sim/log_dump.h"
#include "../../sim/log_time.h"
#include "unit.h"

#define MS INT64_C(1000000)
#define S  (1000 * MS)
/* 2025-07-28 09:52:06.822 UTC */
#define THEN (INT64_C(1753696326822) * MS)
/* The same since midnight, and since the year's begin: 208 days before. */
#define DAY_THEN  ((9 * 3600 + 52 * 60 + 6) * S + 822 * MS)
#define YEAR_THEN (208 * 86400 * S + DAY_THEN)

static const struct {
	const char *line;
	enum log_time_form form;
	int64_t ns;
	bool zone;
} times[] = {
	{"2025-07-28 09:52:06.822 local ip", LOG_TIME_DATE, THEN, false},
	{"[2025-07-28T09:52:06.822Z] x", LOG_TIME_DATE, THEN, true},
	{"2025-07-28T17:52:06.822+08:00 x", LOG_TIME_DATE, THEN, true},
	{"2025-07-28 04:22:06,822 -0530 x", LOG_TIME_DATE, THEN, true},
	{"2025/07/28 09:52:06.822000 a.go:1: x", LOG_TIME_DATE, THEN, false},
	{"28/Jul/2025:09:52:06 +0000", LOG_TIME_DATE, THEN - 822 * MS, true},
	{"28/Jul/2025 09:52:06.822 [UPNP]", LOG_TIME_DATE, THEN, false},
	{"{\"level\":20,\"time\":1753696326822,\"x\":1}", LOG_TIME_DATE, THEN, true},
	{"1753696326.822 x", LOG_TIME_DATE, THEN, true},
	{"1753696326822000000 x", LOG_TIME_DATE, THEN, true},
	{"9753696326822000000 x", LOG_TIME_NONE, 0, false}, /* no year before 2200 */
	{"17536963268220000000 x", LOG_TIME_NONE, 0, false},
	{"Jul 28 09:52:06 nas upnpd[812]: x", LOG_TIME_MONTH, YEAR_THEN - 822 * MS, false},
	{"Jul  1 00:00:01 nas x", LOG_TIME_MONTH, 181 * 86400 * S + S, false},
	{"07-28 09:52:06.822  4711  4742 D x", LOG_TIME_MONTH, YEAR_THEN, false},
	{"[09:52:06.822] x", LOG_TIME_DAY, DAY_THEN, false},
	{"09:52:06 x", LOG_TIME_DAY, DAY_THEN - 822 * MS, false},
	{"[   12.345678] x", LOG_TIME_COUNT, 12345678 * INT64_C(1000), false},
	{"version 1.2.3 of 192.168.1.1:5431", LOG_TIME_NONE, 0, false},
	{"25:61:00 2025-13-01 00:00:00x", LOG_TIME_NONE, 0, false},
	{"1013-01-01 00:00:00 x", LOG_TIME_DAY, 0,
	 false}, /* no such year: the time of day is left */
	{"", LOG_TIME_NONE, 0, false},
};

static void time_stamps(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		struct log_stamp s;

		log_time_find(slice_of(times[i].line), &s);
		assert_row(i, s.form, times[i].form);
		assert_row(i, s.ns, times[i].ns);
		assert_row(i, s.zone, times[i].zone);
	}
}

static const struct {
	const char *line;
	long at; /* -1 = none */
	bool response;
	unsigned depth;
} starts[] = {
	{"HTTP/1.1 200 OK", 0, true, 0},
	{"x recv = HTTP/1.0 404 Not Found", 9, true, 0},
	{"HTTP/1.1 200", 0, true, 0},
	{"> POST /a b HTTP/1.1", -1, false, 0},
	{"> POST /a HTTP/1.1", 2, false, 0},
	{"send POST /a HTTP/1.1\\r\\nHost: h", 5, false, 1},
	{"\"HTTP/1.1 200 OK\\r\\n", 1, true, 1},
	{"\\\"HTTP/1.1 200 OK\\\\r\\\\n", 2, true, 2},
	{"UNSUBSCRIBE /e HTTP/1.1", 0, false, 0},
	{"M-SEARCH * HTTP/1.1", 0, false, 0},
	{"\"GET /x HTTP/1.1\" 200 12", -1, false, 0},
	{"SERVER: Linux UPnP/1.0 HTTP/1.1", -1, false, 0},
	{"HTTP/1.1 20", -1, false, 0},
	{"HTTP/", -1, false, 0},
};

static void start_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		struct log_start s = {0};
		bool found = log_start_find(slice_of(starts[i].line), 0, &s);

		assert_row(i, found ? (long)s.at : -1, starts[i].at);
		if (found) {
			assert_row(i, s.response, starts[i].response);
			assert_row(i, s.depth, starts[i].depth);
		}
	}
}

/* A prefix of a start line, the next line, and where in that the message goes on. */
static const struct {
	const char *prefix, *line;
	size_t common, at;
} shapes[] = {
	{"09:52:06 D Upnp: ", "09:52:07 D Upnp: SERVER: x", 17, 17},
	{"09:52:06 recv = ", "SERVER: x", 0, 0},
	{"S", "SERVER: x", 0, 0},
	{"< ", "<", 2, 1},
	{"    ", "    SERVER: x", 4, 4},
	{"D 7 Upnp: recv ", "D 12345 Upnp: SERVER: x", 10, 14},
	{"D: ", "D:    <s:Body>", 3, 3},
};

static void prefixes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		size_t at;

		assert_row(
			i,
			log_shape_common(slice_of(shapes[i].prefix), slice_of(shapes[i].line), &at),
			shapes[i].common);
		assert_row(i, at, shapes[i].at);
	}
}

static const struct {
	const char *line;
	size_t at;
	unsigned depth;
	const char *text;
	size_t end;
} escapes[] = {
	{"\"a\\r\\n\\\"b\\\"\\\\\" rest", 1, 1, "a\r\n\"b\"\\", 14},
	{"a\\x41\\u00e9\\101\\t", 0, 1,
	 "aA\xc3\xa9"
	 "A\t",
	 17},
	{"\\ud83d\\ude00", 0, 1, "\xf0\x9f\x98\x80", 12},
	{"\\ud83d\\nde00", 0, 1, "\xed\xa0\xbd\nde00", 12},
	{"b'a\"b\\'c' x", 2, 1, "a\"b'c", 9},
	{"{\"log\":\"{\\\"raw\\\":\\\"a\\\\r\\\\nb\\\"}\"}", 19, 2, "a\r\nb", 31},
	{"\\", 0, 1, "\\", 1},
	{"\\u12", 0, 1, "\\u12", 4},
};

static void escaped_strings(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(escapes); i++) {
		struct buf out = {0};

		assert_row(i,
			   log_unescape(slice_of(escapes[i].line), escapes[i].at, escapes[i].depth,
					&out),
			   escapes[i].end);
		assert_row_slice(i, buf_slice(&out), escapes[i].text);
		buf_free(&out);
	}
}

static const struct {
	const char *line;
	uint64_t offset;
	const char *bytes; /* NULL = no row */
} rows[] = {
	{"00000010: 4854 5450 2f31 2e31                      HTTP/1.1", 16, "HTTP/1.1"},
	{"00000000  48 54 54 50 2f 31 2e 31  20 32 30 30 20 4f 4b 0d  |HTTP/1.1 200 OK.|", 0,
	 "HTTP/1.1 200 OK\r"},
	{"0020   20 41 42 43                                        ABC", 32, " ABC"},
	{"    00000000  48 54 54 50 2f 31 2e 31  20 32 HTTP/1.1  2", 0, "HTTP/1.1 2"},
	{"0000: 41 42 43 XYZ", 0, NULL}, /* the characters are others */
	{"0000: 41 42 43 ABC", 0, "ABC"},
	{"\t0x0010:  4142 4344  ABCD", 16, "ABCD"},
	{"Jul 28 09:52:06 h p[1]: 00000000  41 42  |AB|", 0, "AB"},
	{"2025-07-28 09:52:06 x", 0, NULL},
	{"0000: hello", 0, NULL},
};

static void dump_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct log_row row;
		bool found = log_row_find(slice_of(rows[i].line), &row);

		assert_row(i, found, rows[i].bytes != NULL);
		if (!found)
			continue;
		assert_row(i, row.offset, rows[i].offset);
		assert_row_slice(i, ((struct slice){(char *)row.bytes, row.len}), rows[i].bytes);
	}
}

/* A body as shown, its stated length, what it must have been, and what is said ("" = nothing was
 * changed; NULL = nothing fits). */
static const struct {
	const char *shown;
	unsigned blanks;
	uint64_t stated;
	const char *bytes, *how;
} bodies[] = {
	{"<a>\n<b/>\n</a>\n", 0, 13, "<a>\n<b/>\n</a>", ""},
	{"<a>\n<b/>\n</a>\n", 0, 14, "<a>\n<b/>\n</a>\n", ""},
	{"<a>\n<b/>\n</a>\n", 0, 17, "<a>\r\n<b/>\r\n</a>\r\n",
	 "body: CR before each LF, a line end at the end; 17 bytes as stated"},
	{"<a>\n<b/>\n</a>\n", 1, 19, "<a>\r\n<b/>\r\n</a>\r\n\r\n",
	 "body: CR before each LF, a line end and an empty line at the end; 19 bytes as stated"},
	{"<a>\n<b>\n<c/>\n</b>\n</a>\n", 0, 34, "<a>\n   <b>\n      <c/>\n   </b>\n</a>",
	 "body: 3 spaces of indentation per level (or tabs); 34 bytes as stated"},
	{"<a>\n  <b/>\n</a>\n", 0, 11, "<a><b/></a>",
	 "body: on one line, indentation taken away; 11 bytes as stated"},
	{"<?xml?>\n<a>\n  <b/>\n</a>\n", 0, 22, "<?xml?>\r\n<a><b/></a>\r\n",
	 "body: on one line but for the declaration, which CRLF ends, "},
	{"<a>\n<b/>\n</a>\n", 0, 99, NULL, NULL},
	{"<a/>", 0, 6, "<a/>\r\n", "body: a line end at the end; 6 bytes as stated"},
};

static void stated_lengths_restore_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		struct log_lines l = {.data = slice_of(bodies[i].shown)};
		struct log_body b = {.blanks = bodies[i].blanks};
		struct buf out = {0}, how = {0};
		struct log_line line;
		unsigned blanks;
		bool fits;

		while (log_next(&l, &line))
			log_body_add(&b, line);
		fits = log_body_restore(&b, bodies[i].stated, &out, &how, &blanks);
		assert_row(i, fits, bodies[i].bytes != NULL);
		if (fits) {
			assert_row_slice(i, buf_slice(&out), bodies[i].bytes);
			if (strncmp(how.data ? how.data : "", bodies[i].how,
				    strlen(bodies[i].how)) ||
			    (!*bodies[i].how && how.len))
				fail_msg("row %zu: said \"%s\"", i, how.data);
		}
		buf_free(&out);
		buf_free(&how);
		log_body_free(&b);
	}
}

static const struct {
	const char *text;
	enum log_way way;
	const char *last;
} contexts[] = {
	{"SimpleHttp send->192.168.1.1:5431 = ", LOG_SENT, "192.168.1.1:5431"},
	{"DoUpnp_891 recvfrom 192.168.1.1 = ", LOG_RECEIVED, "192.168.1.1"},
	{"onSend: ", LOG_SENT, ""},
	{"[thread 3] response = ", LOG_WAY_UNKNOWN, ""},
	{"tcp 192.168.1.4:51000 -> [fe80::1%eth0]:80 ", LOG_SENT, "[fe80::1]:80"},
	{"version 1.2.3.4.5 ", LOG_WAY_UNKNOWN, ""},
};

static void directions_and_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(contexts); i++) {
		struct end_point e = {0};
		struct buf text = {0};

		assert_row(i, log_way_of(slice_of(contexts[i].text)), contexts[i].way);
		if (log_address_last(slice_of(contexts[i].text), &e))
			end_point_text(&e, &text);
		assert_row_slice(i, buf_slice(&text), contexts[i].last);
		buf_free(&text);
	}
}

/* Where a document ends, with tags that are none inside of it. */
static const struct {
	const char *text;
	size_t end; /* 0 = it goes on */
} documents[] = {
	{"<a><b/></a>z", 11},
	{"<?xml version=\"1.0\"?><a x='>'></a>z", 34},
	{"<!DOCTYPE a><a></a>z", 19},
	{"<a><!-- </a> > --></a>z", 22},
	{"<a><![CDATA[<b>]]></a>z", 22},
	{"<a><![CDATA[</a>]]]></a>z", 24},
	{"<a><![CDATA[</a>", 0},
	{"<a><!-- -></a>", 0},
};

static void documents_end_with_their_root(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		struct slice text = slice_of(documents[i].text);
		struct log_xml x = {0};

		assert_row(i, log_xml_feed(&x, text),
			   documents[i].end ? documents[i].end : text.len);
		assert_row(i, x.closed, documents[i].end != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_stamps),
		cmocka_unit_test(start_lines),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(escaped_strings),
		cmocka_unit_test(dump_rows),
		cmocka_unit_test(stated_lengths_restore_bodies),
		cmocka_unit_test(directions_and_addresses),
		cmocka_unit_test(documents_end_with_their_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
