/* SPDX-License-Identifier: MIT */
/*
 * test_http.c - heads and framing of HTTP: what is read, what is tolerated, what is refused and how
 * (RFC 9112; DESC-07, DESC-10, DESC-16, SOAP-40).
 */
#include "../../fakeigd/wire/http.h"

#include "unit.h"

/* Heads that are read, and the departures that are noted. */
static void test_heads_read(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		unsigned lenient;
		size_t count;
		const char *name, *value; /* of one header */
	} rows[] = {
		{BYTES("GET / HTTP/1.1\r\n\r\n"), 0, 0, NULL, NULL},
		{BYTES("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), 0, 1, "host", "a"},
		{BYTES("GET / HTTP/1.1\r\nHost:a\r\n\r\n"), 0, 1, "HOST", "a"},
		{BYTES("GET / HTTP/1.1\r\nHost: \t a \t \r\n\r\n"), 0, 1, "Host", "a"},
		{BYTES("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 0, 1, "Host", ""},
		{BYTES("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), 0, 1, "Host", "a"},
		{BYTES("GET / HTTP/1.1\nHost: a\n\n"), HTTP_LENIENT_BARE_LF, 1, "Host", "a"},
		{BYTES("GET / HTTP/1.1\r\nHost: a\n\r\n"), HTTP_LENIENT_BARE_LF, 1, "Host", "a"},
		{BYTES("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), HTTP_LENIENT_SPACE_COLON, 1, "Host",
		 "a"},
		{BYTES("GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n"), HTTP_LENIENT_FOLDED, 1, "X",
		 "a\r\n b"},
		{BYTES("GET / HTTP/1.1\r\nX:\r\n\tb\r\n\r\n"), HTTP_LENIENT_FOLDED, 1, "X", "b"},
		{BYTES("GET / HTTP/1.1\r\nX: a\r\n  \r\nY: c\r\n\r\n"), HTTP_LENIENT_FOLDED, 2, "X",
		 "a"},
		{BYTES("GET / HTTP/1.1\r\n x\r\nX: a\r\n\r\n"), HTTP_LENIENT_NO_COLON, 1, "X", "a"},
		{BYTES("GET / HTTP/1.1\r\njunk\r\nX: a\r\n\r\n"), HTTP_LENIENT_NO_COLON, 1, "X",
		 "a"},
		{BYTES("GET / HTTP/1.1\r\njunk\r\n x\r\nX: a\r\n\r\n"), HTTP_LENIENT_NO_COLON, 1,
		 "X", "a"},
		{BYTES("GET / HTTP/1.1\r\n: v\r\nX: a\r\n\r\n"), HTTP_LENIENT_BAD_NAME, 1, "X",
		 "a"},
		{BYTES("GET / HTTP/1.1\r\nA B: v\r\nX: a\r\n\r\n"), HTTP_LENIENT_BAD_NAME, 1, "X",
		 "a"},
		{BYTES("GET / HTTP/1.1\r\n\xC3: v\r\nX: a\r\n\r\n"), HTTP_LENIENT_BAD_NAME, 1, "X",
		 "a"},
		{BYTES("\r\n\n\r\nGET / HTTP/1.1\r\n\r\n"), HTTP_LENIENT_LEADING_EMPTY, 0, NULL,
		 NULL},
		{BYTES("GET / HTTP/1.1\r\nX: \xE9\r\n\r\n"), HTTP_LENIENT_BAD_BYTE, 1, "X", "\xE9"},
		{BYTES("GET / HTTP/1.1\r\nX: \x01\r\n\r\n"), HTTP_LENIENT_BAD_BYTE, 1, "X", "\x01"},
		{BYTES("GET /\xC3\xA9 HTTP/1.1\r\n\r\n"), HTTP_LENIENT_BAD_BYTE, 0, NULL, NULL},
		{BYTES("M-SEARCH * HTTP/1.1\r\nST: a:b\r\n\r\n"), 0, 1, "st", "a:b"},
		{BYTES("FROBNICATE / HTTP/1.7\r\n\r\n"), 0, 0, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_head head;
		size_t consumed;

		assert_row(i, http_parse_head(rows[i].bytes, rows[i].len, &head, &consumed),
			   HTTP_OK);
		assert_row(i, consumed, rows[i].len);
		assert_row(i, head.lenient, rows[i].lenient);
		assert_row(i, head.count, rows[i].count);
		assert_row(i, head.is_response, false);
		if (rows[i].name)
			assert_row_slice(i, http_header(&head, rows[i].name), rows[i].value);
		assert_null(http_header(&head, "Absent").ptr);
	}
}

/* Bad input: each with its error, and the status that a server answers. */
static void test_heads_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum http_error error;
		int status;
	} rows[] = {
		{BYTES(""), HTTP_INCOMPLETE, 0},
		{BYTES("\r\n\r\n\r\n"), HTTP_INCOMPLETE, 0},
		{BYTES("\r"), HTTP_INCOMPLETE, 0},
		{BYTES("GET"), HTTP_INCOMPLETE, 0},
		{BYTES("GET / HTTP/1.1"), HTTP_INCOMPLETE, 0},
		{BYTES("GET / HTTP/1.1\r\n"), HTTP_INCOMPLETE, 0},
		{BYTES("GET / HTTP/1.1\r\n\r"), HTTP_INCOMPLETE, 0},
		{BYTES("GET / HTTP/1.1\r\nHost: a\r\n"), HTTP_INCOMPLETE, 0},
		{BYTES("GET\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("GET /\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("GET  HTTP/1.1\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("GET / FOO/1.1\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("GET / http/1.1\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("GET / HTTP/1\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("GET / HTTP/11.1\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("GET / HTTP/1.10\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("GET / HTTP/1.x\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("GET /a b HTTP/1.1\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("GET /a\0b HTTP/1.1\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("GET /a\rb HTTP/1.1\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("G(T / HTTP/1.1\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES(" GET / HTTP/1.1\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("\x16\x03\x01\x02\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("\0\0\0\0\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("GET / HTTP/2.0\r\n\r\n"), HTTP_BAD_VERSION, 505},
		{BYTES("GET / HTTP/0.9\r\n\r\n"), HTTP_BAD_VERSION, 505},
		{BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), HTTP_BAD_VERSION, 505},
		{BYTES("HTTP/2.0 200 OK\r\n\r\n"), HTTP_BAD_VERSION, 505},
		{BYTES("HTTP/1.1\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("HTTP/1.1 20\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("HTTP/1.1 2000 OK\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("HTTP/1.1 020 OK\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("HTTP/1.1 -20 OK\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("HTTP/1.1 OK\r\n\r\n"), HTTP_BAD_START_LINE, 400},
		{BYTES("<html>\n"), HTTP_BAD_START_LINE, 400},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_head head;
		size_t consumed;

		assert_row(i, http_parse_head(rows[i].bytes, rows[i].len, &head, &consumed),
			   rows[i].error);
		assert_row(i, http_error_status(rows[i].error), rows[i].status);
		assert_true(*http_error_text(rows[i].error));
	}
	assert_int_equal(http_parse_head(NULL, 0, &(struct http_head){0}, &(size_t){0}),
			 HTTP_INCOMPLETE);
}

static void test_request_line_parts(void **state)
{
	static const char text[] = "M-POST /ctl?a=b:c HTTP/1.0\r\n\r\n";
	struct http_head head;
	size_t consumed;

	(void)state;
	assert_int_equal(http_parse_head(BYTES(text), &head, &consumed), HTTP_OK);
	assert_slice(head.method, "M-POST");
	assert_slice(head.target, "/ctl?a=b:c");
	assert_int_equal(head.major, 1);
	assert_int_equal(head.minor, 0);
}

static void test_status_lines(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int status;
		const char *reason;
	} rows[] = {
		{BYTES("HTTP/1.1 200 OK\r\n\r\n"), 200, "OK"},
		{BYTES("HTTP/1.0 500 Internal Server Error\n\n"), 500, "Internal Server Error"},
		{BYTES("HTTP/1.1 404\r\n\r\n"), 404, ""},
		{BYTES("HTTP/1.1 200 \r\n\r\n"), 200, ""},
		{BYTES("HTTP/1.1  200  OK \r\n\r\n"), 200, "OK"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_head head;
		size_t consumed;

		assert_row(i, http_parse_head(rows[i].bytes, rows[i].len, &head, &consumed),
			   HTTP_OK);
		assert_row(i, head.is_response, true);
		assert_row(i, head.status, rows[i].status);
		assert_row_slice(i, head.reason, rows[i].reason);
	}
}

/* Whatever the segmentation, the head is the same and ends at the same byte. */
static void test_byte_by_byte(void **state)
{
	static const char text[] = "POST /c HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\nBODY";
	struct http_head head;
	size_t consumed, len = 0;

	(void)state;
	while (http_parse_head(text, ++len, &head, &consumed) == HTTP_INCOMPLETE)
		assert_true(len < sizeof(text) - 1);
	assert_int_equal(consumed, sizeof(text) - 1 - 4);
	assert_int_equal(len, consumed);
	assert_int_equal(http_parse_head(BYTES(text), &head, &consumed), HTTP_OK);
	assert_int_equal(consumed, len);
}

static enum http_error many_headers(int count, const char *line)
{
	struct buf b = {0};
	struct http_head head;
	size_t consumed;
	enum http_error error;

	buf_puts(&b, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < count; i++)
		buf_puts(&b, line);
	buf_puts(&b, "\r\n");
	error = http_parse_head(b.data, b.len, &head, &consumed);
	buf_free(&b);
	return error;
}

static void test_number_of_headers(void **state)
{
	(void)state;
	assert_int_equal(many_headers(64, "X: y\r\n"), HTTP_OK);
	assert_int_equal(many_headers(65, "X: y\r\n"), HTTP_TOO_MANY_HEADERS);
	assert_int_equal(many_headers(100000, "X: y\r\n"), HTTP_TOO_MANY_HEADERS);
	assert_int_equal(many_headers(100000, "junk\n"), HTTP_TOO_MANY_HEADERS);
	assert_int_equal(many_headers(100000, " folded\n"), HTTP_TOO_MANY_HEADERS);
	assert_int_equal(http_error_status(HTTP_TOO_MANY_HEADERS), 431);
}

/* A head that never ends must be refused from its line count, not when memory is gone. */
static void test_endless_head(void **state)
{
	struct buf b = {0};
	struct http_head head;
	size_t consumed;

	(void)state;
	buf_puts(&b, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 300; i++)
		buf_puts(&b, "a\n");
	assert_int_equal(http_parse_head(b.data, b.len, &head, &consumed), HTTP_TOO_MANY_HEADERS);
	buf_free(&b);
}

static void test_strictness(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum http_error error;
	} rows[] = {
		{BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), HTTP_OK},
		{BYTES("GET / HTTP/1.1\nHost: a\n\n"), HTTP_OK},
		{BYTES("GET / HTTP/1.1\r\nX: \xE9\r\n\r\n"), HTTP_OK},
		{BYTES("GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n"), HTTP_OK},
		{BYTES("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), HTTP_BAD_HEADER},
		{BYTES("GET / HTTP/1.1\r\njunk\r\n\r\n"), HTTP_BAD_HEADER},
		{BYTES("GET / HTTP/1.1\r\n: a\r\n\r\n"), HTTP_BAD_HEADER},
		{BYTES("GET / HTTP/1.1\r\n X: a\r\n\r\n"), HTTP_BAD_HEADER},
		{BYTES("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n"), HTTP_BAD_HEADER},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_head head;
		size_t consumed;

		assert_row(i, http_parse_head(rows[i].bytes, rows[i].len, &head, &consumed),
			   HTTP_OK);
		assert_row(i, http_head_strict(&head), rows[i].error);
	}
}

static void test_datagram(void **state)
{
	struct http_head head;

	(void)state;
	assert_int_equal(http_parse_datagram(BYTES("M-SEARCH * HTTP/1.1\r\nST: x"), &head),
			 HTTP_OK);
	assert_slice(http_header(&head, "ST"), "x");
	assert_int_equal(head.lenient, HTTP_LENIENT_NO_END);
	assert_int_equal(http_parse_datagram(BYTES("M-SEARCH * HTTP/1.1"), &head), HTTP_OK);
	assert_int_equal(http_parse_datagram(BYTES("M-SEARCH * HTTP/1.1\r\n\r\nX: y"), &head),
			 HTTP_OK);
	assert_int_equal(head.lenient, 0);
	assert_int_equal(head.count, 0);
	assert_int_equal(http_parse_datagram(BYTES(""), &head), HTTP_INCOMPLETE);
	assert_int_equal(http_parse_datagram(BYTES("hello"), &head), HTTP_BAD_START_LINE);
}

static void test_tokens(void **state)
{
	struct http_head head;
	size_t consumed;

	(void)state;
	http_parse_head(BYTES("GET / HTTP/1.1\r\nConnection: Keep-Alive , TE\r\n"
			      "X: close\r\nconnection: CLOSE\r\n\r\n"),
			&head, &consumed);
	assert_true(http_has_token(&head, "Connection", "close"));
	assert_true(http_has_token(&head, "Connection", "keep-alive"));
	assert_true(http_has_token(&head, "Connection", "te"));
	assert_false(http_has_token(&head, "Connection", "keep"));
	assert_false(http_has_token(&head, "Upgrade", "te"));
}

/* RFC 9112 clause 6.3, case by case. */
static const struct {
	const char *head;
	bool to_head;
	enum http_error error;
	enum http_framing framing;
	uint64_t length;
} framing[] = {
	{"GET / HTTP/1.1\r\n\r\n", false, HTTP_OK, HTTP_BODY_NONE, 0},
	{"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", false, HTTP_OK, HTTP_BODY_LENGTH, 5},
	{"POST / HTTP/1.1\r\nContent-Length: 482 \r\n\r\n", false, HTTP_OK, HTTP_BODY_LENGTH, 482},
	{"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", false, HTTP_OK, HTTP_BODY_LENGTH, 0},
	{"POST / HTTP/1.1\r\nContent-Length: 5, 5\r\nContent-Length: 05\r\n\r\n", false, HTTP_OK,
	 HTTP_BODY_LENGTH, 5},
	{"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", false, HTTP_OK,
	 HTTP_BODY_LENGTH, HTTP_LENGTH_MAX},
	{"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", false,
	 HTTP_BAD_LENGTH, 0, 0},
	{"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", false, HTTP_BAD_LENGTH, 0, 0},
	{"POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n", false, HTTP_BAD_LENGTH, 0, 0},
	{"POST / HTTP/1.1\r\nContent-Length: 0x5\r\n\r\n", false, HTTP_BAD_LENGTH, 0, 0},
	{"POST / HTTP/1.1\r\nContent-Length: 5 5\r\n\r\n", false, HTTP_BAD_LENGTH, 0, 0},
	{"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", false, HTTP_BAD_LENGTH, 0, 0},
	{"POST / HTTP/1.1\r\nContent-Length: 5,\r\n\r\n", false, HTTP_BAD_LENGTH, 0, 0},
	{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", false, HTTP_OK, HTTP_BODY_CHUNKED,
	 0},
	{"POST / HTTP/1.1\r\nTransfer-Encoding: CHUNKED\r\n\r\n", false, HTTP_OK, HTTP_BODY_CHUNKED,
	 0},
	{"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", false, HTTP_BAD_CODING, 0,
	 0},
	{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
	 "chunked\r\n\r\n",
	 false, HTTP_BAD_CODING, 0, 0},
	{"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", false, HTTP_BAD_CODING, 0, 0},
	{"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\nContent-Length: 3\r\n\r\n", false,
	 HTTP_OK, HTTP_BODY_LENGTH, 3},
	{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", false,
	 HTTP_BAD_LENGTH, 0, 0},
	{"HTTP/1.1 200 OK\r\n\r\n", false, HTTP_OK, HTTP_BODY_UNTIL_CLOSE, 0},
	{"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", false, HTTP_OK, HTTP_BODY_LENGTH, 7},
	{"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", true, HTTP_OK, HTTP_BODY_NONE, 0},
	{"HTTP/1.1 100 Continue\r\n\r\n", false, HTTP_OK, HTTP_BODY_NONE, 0},
	{"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", false, HTTP_OK, HTTP_BODY_NONE, 0},
	{"HTTP/1.1 304 Not Modified\r\n\r\n", false, HTTP_OK, HTTP_BODY_NONE, 0},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", false,
	 HTTP_OK, HTTP_BODY_CHUNKED, 0},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false, HTTP_BAD_CODING, 0, 0},
};

static void test_framing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(framing); i++) {
		struct http_head head;
		size_t consumed;
		enum http_framing how;
		uint64_t length;

		assert_row(
			i,
			http_parse_head(framing[i].head, strlen(framing[i].head), &head, &consumed),
			HTTP_OK);
		assert_row(i, http_body_framing(&head, framing[i].to_head, &how, &length),
			   framing[i].error);
		if (framing[i].error)
			continue;
		assert_row(i, how, framing[i].framing);
		assert_row(i, length, framing[i].length);
	}
	assert_int_equal(http_error_status(HTTP_BAD_LENGTH), 400);
	assert_int_equal(http_error_status(HTTP_BAD_CODING), 501);
}

/* Feed @text in pieces of @step bytes. */
static enum http_error feed(const char *text, size_t len, size_t step, struct buf *out,
			    size_t *used)
{
	struct http_chunked c = {0};
	enum http_error error = HTTP_INCOMPLETE;

	*used = 0;
	while (error == HTTP_INCOMPLETE && *used < len) {
		size_t take = len - *used < step ? len - *used : step, consumed;

		error = http_chunked_feed(&c, text + *used, take, &consumed, out);
		*used += consumed;
		if (error == HTTP_INCOMPLETE)
			assert_int_equal(consumed, take);
	}
	return error;
}

static void test_chunked(void **state)
{
	static const struct {
		const char *text;
		enum http_error error;
		const char *body;
		const char *rest;
	} rows[] = {
		{"0\r\n\r\n", HTTP_OK, "", ""},
		{"5\r\nhello\r\n0\r\n\r\n", HTTP_OK, "hello", ""},
		{"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET", HTTP_OK, "hello world", "GET"},
		{"5\nhello\n0\n\nX", HTTP_OK, "hello", "X"},
		{"A;name=\"v\"\r\n0123456789\r\n0;last\r\n\r\n", HTTP_OK, "0123456789", ""},
		{"a \t\r\n0123456789\r\n000\r\n\r\n", HTTP_OK, "0123456789", ""},
		{"1\r\nx\r\n0\r\nTrailer: a\r\nB: c\r\n\r\nrest", HTTP_OK, "x", "rest"},
		{"5\r\nhel", HTTP_INCOMPLETE, "hel", ""},
		{"5\r\nhello\r\n0\r\n", HTTP_INCOMPLETE, "hello", ""},
		{"", HTTP_INCOMPLETE, "", ""},
		{"\r\n", HTTP_BAD_CHUNK, "", NULL},
		{"x\r\n", HTTP_BAD_CHUNK, "", NULL},
		{"-1\r\n", HTTP_BAD_CHUNK, "", NULL},
		{"0x5\r\nhello", HTTP_BAD_CHUNK, "", NULL},
		{" 5\r\nhello", HTTP_BAD_CHUNK, "", NULL},
		{"5 5\r\nhello", HTTP_BAD_CHUNK, "", NULL},
		{"5\rhello", HTTP_BAD_CHUNK, "", NULL},
		{"5\r\nhelloX\r\n", HTTP_BAD_CHUNK, "hello", NULL},
		{"5\r\nhello\rX", HTTP_BAD_CHUNK, "hello", NULL},
		{"5\r\nhello5\r\nhello", HTTP_BAD_CHUNK, "hello", NULL},
		{"00000000000000000\r\n", HTTP_BAD_CHUNK, "", NULL},
		{"10000000000000000\r\n", HTTP_BAD_CHUNK, "", NULL},
		{"0\r\n\rX", HTTP_BAD_CHUNK, "", NULL},
		{"ffffffffffffffff\r\nabc", HTTP_INCOMPLETE, "abc", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i].text);

		for (size_t step = 1; step <= len + 1; step++) {
			struct buf out = {0};
			size_t used;

			assert_row(i, feed(rows[i].text, len, step, &out, &used), rows[i].error);
			assert_row_slice(i, buf_slice(&out), rows[i].body);
			if (rows[i].rest)
				assert_string_equal(rows[i].text + used, rows[i].rest);
			buf_free(&out);
		}
	}
}

/* Nothing moves once it is over, for better or worse. */
static void test_chunked_is_final(void **state)
{
	struct http_chunked good = {0}, bad = {0};
	struct buf out = {0};
	size_t consumed;

	(void)state;
	assert_int_equal(http_chunked_feed(&good, BYTES("0\r\n\r\n"), &consumed, &out), HTTP_OK);
	assert_int_equal(http_chunked_feed(&good, BYTES("1\r\nx"), &consumed, &out), HTTP_OK);
	assert_int_equal(consumed, 0);
	assert_int_equal(http_chunked_feed(&bad, BYTES("?"), &consumed, &out), HTTP_BAD_CHUNK);
	assert_int_equal(http_chunked_feed(&bad, BYTES("0\r\n\r\n"), &consumed, &out),
			 HTTP_BAD_CHUNK);
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

static void test_chunked_limits(void **state)
{
	static const char *const starts[] = {"1;", "0\r\nX: ", "1 "};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		struct http_chunked c = {0};
		struct buf in = {0}, out = {0};
		size_t consumed;

		buf_puts(&in, starts[i]);
		for (int j = 0; j < HTTP_CHUNK_LINE_MAX + 8; j++)
			buf_putc(&in, ' ');
		assert_int_equal(http_chunked_feed(&c, in.data, in.len, &consumed, &out),
				 HTTP_BAD_CHUNK);
		buf_free(&in);
		buf_free(&out);
	}
}

static void test_words(void **state)
{
	static const int needed[] = {200, 400, 404, 405, 411, 412, 413,
				     414, 415, 431, 500, 501, 503, 505};
	static const struct {
		int64_t us;
		const char *text;
	} dates[] = {
		{INT64_C(1753725126999999), "Mon, 28 Jul 2025 17:52:06 GMT"},
		{0, "Thu, 01 Jan 1970 00:00:00 GMT"},
		{-1, "Wed, 31 Dec 1969 23:59:59 GMT"},
		{INT64_C(951782400000000), "Tue, 29 Feb 2000 00:00:00 GMT"},
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		assert_true(*http_status_reason(needed[i]));
	assert_string_equal(http_status_reason(200), "OK");
	assert_string_equal(http_status_reason(999), "");
	for (size_t i = 0; i < ARRAY_SIZE(dates); i++) {
		http_date(dates[i].us, text);
		assert_string_equal(text, dates[i].text);
	}
	http_date(INT64_MAX, text);
	assert_int_equal(strlen(text), 29);
	assert_string_equal(http_error_text(HTTP_ERROR_COUNT), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heads_read),
		cmocka_unit_test(test_heads_refused),
		cmocka_unit_test(test_request_line_parts),
		cmocka_unit_test(test_status_lines),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_number_of_headers),
		cmocka_unit_test(test_endless_head),
		cmocka_unit_test(test_strictness),
		cmocka_unit_test(test_datagram),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_framing),
		cmocka_unit_test(test_chunked),
		cmocka_unit_test(test_chunked_is_final),
		cmocka_unit_test(test_chunked_limits),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
