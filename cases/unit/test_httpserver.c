/* SPDX-License-Identifier: MIT */
/*
 * test_httpserver.c - fakeigd's HTTP server over a socket pair, with a handler of our own.
 *
 * links: fakeigd
 */
#include "../../fakeigd/http.h"

#include "../../fakeigd/base/clock.h"
#include "../../fakeigd/profile.h"
#include "../../fakeigd/router.h"
#include "unit.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST	 "Host: 192.168.1.1\r\n"
#define BIG	 (1024 * 1024)
#define GET(t)	 "GET " t " HTTP/1.1\r\n" HOST "\r\n"
#define LIMIT	 8192
#define BODY_MAX 131072

/** struct fixture - a server and one client connected to it */
struct fixture {
	struct router router;
	int fd;
	struct buf got;
	bool closed;
	bool reset;
};

static unsigned after_calls;
static uint64_t after_arg;

static void after(struct router *r, uint64_t arg)
{
	(void)r;
	after_calls++;
	after_arg = arg;
}

/* What the target asks of the answer on its way out. */
static void set_effects(struct slice target, struct effects *e)
{
	if (slice_eq(target, "/drop"))
		e->drop = true;
	else if (slice_eq(target, "/drop-close"))
		e->drop = e->close = true;
	else if (slice_eq(target, "/close"))
		e->close = true;
	else if (slice_eq(target, "/half-close"))
		e->half_close = true;
	else if (slice_eq(target, "/reset"))
		e->reset = true;
	else if (slice_eq(target, "/truncate"))
		e->truncate = 10;
	else if (slice_eq(target, "/truncate-0"))
		e->truncate = 0;
	else if (slice_eq(target, "/pad"))
		e->pad = 5;
	else if (slice_eq(target, "/status"))
		e->status = 418;
	else if (slice_eq(target, "/delay"))
		e->delay_us = 5 * CLOCK_SECOND;
	else if (slice_eq(target, "/delay-drop-close"))
		e->delay_us = 5 * CLOCK_SECOND, e->drop = e->close = true;
	else if (slice_eq(target, "/split-head"))
		e->split_head = true, e->split_gap_us = CLOCK_SECOND;
	else if (slice_eq(target, "/split"))
		e->split[0] = 4, e->split[1] = 9, e->splits = 2, e->split_gap_us = CLOCK_SECOND;
	else if (slice_eq(target, "/trickle"))
		e->trickle = 7, e->trickle_gap_us = CLOCK_SECOND;
}

/* Says back what was asked. */
static void echo(struct router *r, const struct http_request *request, struct http_reply *reply)
{
	(void)r;
	reply->status = 200;
	reply->head = MESSAGE_SOAP_HEAD;
	reply->after = after;
	reply->after_arg = 42;
	if (slice_eq(request->head.target, "/big")) {
		memset(buf_reserve(&reply->body, BIG), 'x', BIG);
		reply->body.len = BIG;
		return;
	}
	buf_add_slice(&reply->body, request->head.method);
	buf_putc(&reply->body, ' ');
	buf_add_slice(&reply->body, request->head.target);
	buf_putc(&reply->body, '[');
	buf_add_slice(&reply->body, request->body);
	buf_putc(&reply->body, ']');
	set_effects(request->head.target, &reply->effects);
}

static void connect_client(struct fixture *f)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
			 0);
	http_adopt(f->router.http, ends[0]);
	f->fd = ends[1];
	f->closed = f->reset = false;
	buf_reset(&f->got);
}

static void turn(struct fixture *f)
{
	for (int i = 0; i < 12; i++)
		loop_step(f->router.loop, 0);
}

static void disconnect(struct fixture *f)
{
	close(f->fd);
	turn(f);
}

static struct profile *load(void)
{
	struct diag d = {0};
	struct profile *p = profile_load("conformant-igd1", NULL, 0, "fakeigd", "unit", &d);

	if (!p)
		fail_msg("%s", d.text.data);
	diag_free(&d);
	return p;
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	int error = 0;

	f->router.name = "unit";
	f->router.loop = loop_new();
	f->router.profile = load();
	f->router.rules = f->router.profile->rules;
	f->router.http = http_new(&f->router, echo, &error);
	assert_int_equal(error, 0);
	connect_client(f);
	after_calls = 0;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->fd);
	http_free(f->router.http);
	profile_free(f->router.profile);
	loop_free(f->router.loop);
	buf_free(&f->got);
	free(f);
	return 0;
}

static void write_bytes(struct fixture *f, const char *data, size_t len)
{
	assert_int_equal(send(f->fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
	turn(f);
}

static void say(struct fixture *f, const char *text)
{
	write_bytes(f, text, strlen(text));
}

/* Everything that the server has sent so far. */
static const char *hear(struct fixture *f)
{
	for (;;) {
		ssize_t len = recv(f->fd, buf_reserve(&f->got, 65536), 65536, 0);

		if (len < 0) {
			f->reset |= errno == ECONNRESET;
			break;
		}
		f->closed |= len == 0;
		if (len == 0)
			break;
		f->got.len += (size_t)len;
		f->got.data[f->got.len] = '\0';
		turn(f);
	}
	return f->got.len ? f->got.data : "";
}

static unsigned count(const char *text, const char *word)
{
	unsigned found = 0;

	for (; (text = strstr(text, word)); text += strlen(word))
		found++;
	return found;
}

/** struct row - a request, and what has to come of it */
struct row {
	const char *request;
	int status;
	bool closed;
	const char *body; /* NULL = any */
};

static const struct row rows[] = {
	{GET("/x"), 200, false, "GET /x[]"},
	{"GET /x HTTP/1.1\nHost: a\n\n", 200, false, "GET /x[]"},
	{"\r\n\r\n" GET("/x"), 200, false, "GET /x[]"},
	{"GET http://192.168.1.1:80/x?y HTTP/1.1\r\n" HOST "\r\n", 200, false, "GET /x?y[]"},
	{"GET http://192.168.1.1 HTTP/1.1\r\n" HOST "\r\n", 200, false, "GET /[]"},
	{"GET /x HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", 200, true, "GET /x[]"},
	{"GET /x HTTP/1.0\r\n\r\n", 200, true, "GET /x[]"},
	{"GET /x HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 200, false, "GET /x[]"},
	{"HEAD /x HTTP/1.1\r\n" HOST "\r\n", 200, false, ""},
	{"GET /x HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 200, false, "GET /x[abc]"},
	{"POST /x HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 200, false, "POST /x[abc]"},
	{"POST /x HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 200, false, "POST /x[]"},
	{"POST /x HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 200,
	 false, "POST /x[abc]"},
	{"POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
	 "3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\n\r\n",
	 200, false, "POST /x[abcde]"},
	{"POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
	 "3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n",
	 200, false, "POST /x[abc]"},
	{"GET /x HTTP/1.1\r\n\r\n", 400, true, NULL},
	{"GET /x HTTP/1.1\r\n" HOST HOST "\r\n", 400, true, NULL},
	{"GET /x HTTP/1.1\r\nHost : a\r\n\r\n", 400, true, NULL},
	{"GET /x\r\n\r\n", 400, true, NULL},
	{"GET / FOO/1.1\r\n\r\n", 400, true, NULL},
	{"\x16\x03\x01\r\n\r\n", 400, true, NULL},
	{"HTTP/1.1 200 OK\r\n\r\n", 400, true, NULL},
	{"POST /x HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400, true, NULL},
	{"POST /x HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400, true,
	 NULL},
	{"POST /x HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
	 "3\r\nabc\r\n0\r\n\r\n",
	 400, true, NULL},
	{"POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400, true, NULL},
	{"POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
	 "fffffffffffffffffffff\r\n",
	 400, true, NULL},
	{"POST /x HTTP/1.1\r\n" HOST "\r\n", 411, true, NULL},
	{"POST /x HTTP/1.1\r\n" HOST "Content-Length: 131073\r\n\r\n", 413, true, NULL},
	{"POST /x HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n", 413, true,
	 NULL},
	{"GET /x HTTP/1.1\r\n" HOST "Expect: tea\r\n\r\n", 417, true, NULL},
	{"POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 501, true, NULL},
	{"GET /x HTTP/2.0\r\n" HOST "\r\n", 505, true, NULL},
};

static void check_row(struct fixture *f, size_t i, const char *answer)
{
	const struct row *row = &rows[i];
	const char *body = strstr(answer, "\r\n\r\n");
	char line[32];

	snprintf(line, sizeof(line), "HTTP/1.1 %d ", row->status);
	if (strncmp(answer, line, strlen(line)) != 0 || !body)
		fail_msg("row %zu: not \"%s\" but: %s", i, line, answer);
	if (row->body && strcmp(body + 4, row->body) != 0)
		fail_msg("row %zu: not \"%s\" but: %s", i, row->body, body + 4);
	assert_row(i, f->closed, row->closed);
	if (row->closed)
		assert_row(i, count(answer, "CONNECTION: close"), 1);
}

static void requests_in_one_piece(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		say(f, rows[i].request);
		check_row(f, i, hear(f));
		disconnect(f);
		connect_client(f);
	}
}

static void requests_cut_in_two(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i].request);

		for (size_t cut = 1; cut < len; cut++) {
			write_bytes(f, rows[i].request, cut);
			hear(f);
			if (!f->closed)
				write_bytes(f, rows[i].request + cut, len - cut);
			check_row(f, i, hear(f));
			disconnect(f);
			connect_client(f);
		}
	}
}

static void requests_byte_by_byte(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (const char *p = rows[i].request; *p && !f->closed; p++) {
			write_bytes(f, p, 1);
			hear(f);
		}
		check_row(f, i, hear(f));
		disconnect(f);
		connect_client(f);
	}
}

static void pipelined(void **state)
{
	struct fixture *f = *state;
	const char *first, *second, *third;

	say(f, GET("/1") "POST /2 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab" GET("/3"));
	first = strstr(hear(f), "GET /1[]");
	second = first ? strstr(first, "POST /2[ab]") : NULL;
	third = second ? strstr(second, "GET /3[]") : NULL;
	assert_non_null(third);
	assert_false(f->closed);
	assert_int_equal(after_calls, 3);
	assert_int_equal(after_arg, 42);
	/* Behind an answer that waits, the others wait too. */
	buf_reset(&f->got);
	say(f, GET("/delay") GET("/4") "GET /5 HTTP/1.1\r\n" HOST);
	assert_string_equal(hear(f), "");
	clock_advance(5 * CLOCK_SECOND);
	turn(f);
	assert_int_equal(count(hear(f), "HTTP/1.1 200 OK"), 2);
	assert_true(strstr(f->got.data, "GET /delay[]") < strstr(f->got.data, "GET /4[]"));
	say(f, "\r\n");
	assert_non_null(strstr(hear(f), "GET /5[]"));
	/* Nothing behind a closing one is answered. */
	buf_reset(&f->got);
	say(f, "GET /6 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n" GET("/7"));
	assert_int_equal(count(hear(f), "HTTP/1.1 200 OK"), 1);
	assert_true(f->closed);
}

static void expect_continue(void **state)
{
	struct fixture *f = *state;

	say(f, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	assert_string_equal(hear(f), "HTTP/1.1 100 Continue\r\n\r\n");
	say(f, "a");
	say(f, "bc");
	assert_int_equal(count(hear(f), "100 Continue"), 1);
	assert_non_null(strstr(f->got.data, "POST /x[abc]"));
	/* A second one on the same connection is asked again. */
	buf_reset(&f->got);
	say(f, "POST /y HTTP/1.1\r\n" HOST
	       "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
	assert_string_equal(hear(f), "HTTP/1.1 100 Continue\r\n\r\n");
	say(f, "1\r\nz\r\n0\r\n\r\n");
	assert_non_null(strstr(hear(f), "POST /y[z]"));
	/* HTTP/1.0 knows nothing of it; refusals come before it. */
	buf_reset(&f->got);
	say(f, "POST /x HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n"
	       "Expect: 100-continue\r\n\r\n");
	assert_string_equal(hear(f), "");
	say(f, "q");
	assert_non_null(strstr(hear(f), "POST /x[q]"));
	buf_reset(&f->got);
	say(f,
	    "POST /x HTTP/1.1\r\n" HOST "Content-Length: 140000\r\nExpect: 100-continue\r\n\r\n");
	assert_int_equal(count(hear(f), "413"), 3);
	assert_int_equal(count(f->got.data, "100 Continue"), 0);
}

static void say_much(struct fixture *f, char c, size_t len)
{
	char *text = xmalloc(len);

	memset(text, c, len);
	write_bytes(f, text, len);
	free(text);
}

static void heads_that_are_too_long(void **state)
{
	struct fixture *f = *state;

	say(f, "GET /");
	say_much(f, 'a', LIMIT);
	assert_int_equal(count(hear(f), "HTTP/1.1 414 "), 1);
	assert_true(f->closed);
	disconnect(f);
	connect_client(f);
	say(f, "GET / HTTP/1.1\r\n" HOST "X: ");
	say_much(f, 'a', LIMIT);
	assert_int_equal(count(hear(f), "HTTP/1.1 431 "), 1);
	disconnect(f);
	connect_client(f);
	say(f, "GET / HTTP/1.1\r\n" HOST);
	for (int i = 0; i < HTTP_HEADERS_MAX + 1; i++)
		say(f, "X: y\r\n");
	say(f, "\r\n");
	assert_int_equal(count(hear(f), "HTTP/1.1 431 "), 1);
	/* The rest of a refused request is taken and thrown away, then the connection ends. */
	say_much(f, 'a', LIMIT);
	clock_advance(3 * CLOCK_SECOND);
	turn(f);
	assert_int_equal(send(f->fd, "x", 1, MSG_NOSIGNAL), -1);
}

static void chunks_beyond_the_limit(void **state)
{
	struct fixture *f = *state;

	say(f, "POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n20001\r\n");
	say_much(f, 'a', BODY_MAX / 2);
	say_much(f, 'a', BODY_MAX / 2);
	assert_string_equal(hear(f), "");
	say(f, "a");
	assert_int_equal(count(hear(f), "HTTP/1.1 413 "), 1);
	assert_true(f->closed);
}

static void body_of_the_limit(void **state)
{
	struct fixture *f = *state;

	say(f, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 131072\r\n\r\n");
	say_much(f, 'a', BODY_MAX / 2);
	say_much(f, 'b', BODY_MAX / 2);
	assert_int_equal(count(hear(f), "HTTP/1.1 200 "), 1);
	assert_non_null(strstr(f->got.data, "ab"));
	assert_int_equal(f->got.data[f->got.len - 1], ']');
	assert_false(f->closed);
}

static void too_many_connections(void **state)
{
	struct fixture *f = *state;
	int first = f->fd;

	f->router.profile->policy.http_max_connections = 1;
	connect_client(f);
	turn(f);
	assert_int_equal(count(hear(f), "HTTP/1.1 503 "), 1);
	assert_true(f->closed);
	disconnect(f);
	/* The one that was there first is still served. */
	f->fd = first;
	f->closed = false;
	buf_reset(&f->got);
	say(f, GET("/x"));
	assert_non_null(strstr(hear(f), "GET /x[]"));
}

static void idle_connections_end(void **state)
{
	struct fixture *f = *state;

	say(f, GET("/x"));
	hear(f);
	clock_advance(20 * CLOCK_SECOND);
	say(f, GET("/y"));
	clock_advance(20 * CLOCK_SECOND);
	turn(f);
	hear(f);
	assert_false(f->closed);
	clock_advance(11 * CLOCK_SECOND);
	turn(f);
	hear(f);
	assert_true(f->closed);
}

static void slow_reader(void **state)
{
	struct fixture *f = *state;
	const char *body;

	say(f, GET("/big") GET("/x"));
	turn(f);
	assert_int_equal(after_calls, 0);
	body = strstr(hear(f), "\r\n\r\n");
	assert_non_null(body);
	assert_true(f->got.len > BIG);
	assert_non_null(strstr(body + 4 + BIG, "GET /x[]"));
	assert_int_equal(after_calls, 2);
	assert_false(f->closed);
	/* One that stops reading for good is dropped like an idle one. */
	say(f, GET("/big"));
	clock_advance(31 * CLOCK_SECOND);
	turn(f);
	hear(f);
	assert_true(f->closed);
}

static void silence(void **state)
{
	struct fixture *f = *state;

	say(f, GET("/drop") GET("/x"));
	assert_string_equal(hear(f), "");
	clock_advance(3600 * CLOCK_SECOND);
	turn(f);
	say(f, GET("/y"));
	assert_string_equal(hear(f), "");
	assert_false(f->closed);
	assert_int_equal(after_calls, 0);
	disconnect(f);
	connect_client(f);
	say(f, GET("/drop-close"));
	assert_string_equal(hear(f), "");
	assert_true(f->closed);
	disconnect(f);
	connect_client(f);
	say(f, GET("/delay-drop-close"));
	hear(f);
	assert_false(f->closed);
	clock_advance(5 * CLOCK_SECOND);
	turn(f);
	assert_string_equal(hear(f), "");
	assert_true(f->closed);
}

/* Policies http.length and http.close. */
static void careless(void **state)
{
	static const struct {
		const char *request, *body;
	} lenient[] = {
		{"POST /x HTTP/1.1\r\n" HOST "Content-Length: 9\r\nContent-Length: 3\r\n\r\nabc",
		 "[abc]"},
		{"POST /x HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: z\r\n\r\nabc",
		 "[abc]"},
		{"POST /x HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\nabc", "[abc]"},
		{"POST /x HTTP/1.1\r\n" HOST
		 "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "3\r\nabc\r\n0\r\n\r\n",
		 "[abc]"},
	};
	struct fixture *f = *state;
	struct policy *policy = &f->router.profile->policy;

	policy->http_length = 1;
	for (size_t i = 0; i < ARRAY_SIZE(lenient); i++) {
		buf_reset(&f->got);
		say(f, lenient[i].request);
		assert_non_null(strstr(hear(f), lenient[i].body));
		assert_false(f->closed);
	}
	policy->http_close = false;
	say(f, "GET /x HTTP/1.0\r\n\r\n");
	say(f, "GET /y HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	assert_non_null(strstr(hear(f), "GET /y[]"));
	assert_false(f->closed);
}

static void endings(void **state)
{
	struct fixture *f = *state;

	say(f, GET("/close"));
	assert_non_null(strstr(hear(f), "GET /close[]"));
	assert_true(f->closed);
	disconnect(f);
	connect_client(f);
	say(f, GET("/half-close"));
	assert_non_null(strstr(hear(f), "GET /half-close[]"));
	assert_true(f->closed);
	/* Only one direction is closed: what is sent is still taken. */
	say(f, "more");
	say(f, "and more");
	disconnect(f);
	connect_client(f);
	say(f, GET("/reset"));
	assert_string_equal(hear(f), "");
	assert_true(f->closed || f->reset);
}

static void bytes_of_the_answer(void **state)
{
	struct fixture *f = *state;

	say(f, GET("/truncate"));
	assert_string_equal(hear(f), "HTTP/1.1 2");
	assert_true(f->closed);
	disconnect(f);
	connect_client(f);
	say(f, GET("/truncate-0"));
	assert_string_equal(hear(f), "");
	assert_true(f->closed);
	disconnect(f);
	connect_client(f);
	say(f, GET("/pad"));
	assert_non_null(strstr(hear(f), "GET /pad[]     "));
	assert_non_null(strstr(f->got.data, "CONTENT-LENGTH: 15\r\n"));
	assert_false(f->closed);
	buf_reset(&f->got);
	say(f, GET("/status"));
	assert_non_null(strstr(hear(f), "HTTP/1.1 418 "));
	assert_false(f->closed);
}

/* Lengths of what arrives, a second of the lab's time between one look and the next. */
static void pieces(struct fixture *f, size_t *lengths, size_t max)
{
	for (size_t i = 0; i < max; i++) {
		size_t before = f->got.len;

		hear(f);
		lengths[i] = f->got.len - before;
		clock_advance(CLOCK_SECOND);
		turn(f);
	}
}

static void segments(void **state)
{
	struct fixture *f = *state;
	size_t lengths[4], total;

	say(f, GET("/split-head"));
	pieces(f, lengths, 3);
	assert_int_equal(lengths[1], strlen("GET /split-head[]"));
	assert_int_equal(lengths[2], 0);
	buf_reset(&f->got);
	say(f, GET("/split"));
	pieces(f, lengths, 4);
	assert_int_equal(lengths[0], 4);
	assert_int_equal(lengths[1], 5);
	assert_int_equal(lengths[2], f->got.len - 9);
	assert_int_equal(lengths[3], 0);
	buf_reset(&f->got);
	say(f, GET("/trickle"));
	pieces(f, lengths, 3);
	assert_int_equal(lengths[0], 7);
	assert_int_equal(lengths[1], 7);
	assert_int_equal(lengths[2], 7);
	while (lengths[0])
		pieces(f, lengths, 1);
	total = f->got.len;
	assert_non_null(strstr(f->got.data, "GET /trickle[]"));
	say(f, GET("/x"));
	assert_true(strstr(hear(f), "GET /x[]") > f->got.data + total);
	assert_int_equal(after_calls, 4);
}

/* Framing is what the head says, and the head is the profile's. */
static void framing_by_template(void **state)
{
	static const struct {
		const char *head, *answer;
		bool closed;
	} table[] = {
		{"HTTP/1.1 {status} OK\nContent-Length: {content_length}\n",
		 "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nGET /x[]", false},
		{"HTTP/1.0 {status} OK\nContent-Length: {content_length}\n",
		 "HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\nGET /x[]", true},
		{"HTTP/1.0 200 OK\nContent-Length: {content_length}\nconnection: keep-alive\n",
		 "HTTP/1.0 200 OK\r\nContent-Length: 8\r\nconnection: keep-alive\r\n\r\nGET /x[]",
		 false},
		{"HTTP/1.1 200 OK\n", "HTTP/1.1 200 OK\r\n\r\nGET /x[]", true},
		{"HTTP/1.1 200 OK\ncontent-length: {content_length}\nConnection:  Close\n",
		 "HTTP/1.1 200 OK\r\ncontent-length: 8\r\nConnection:  Close\r\n\r\nGET /x[]",
		 true},
		{"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n",
		 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nGET /x[]\r\n0\r\n\r\n",
		 false},
	};
	struct fixture *f = *state;
	struct template **slot = &f->router.profile->templates[MESSAGE_SOAP_HEAD];

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct doc *text = doc_new(DOC_SCALAR, "unit", 1);
		struct diag d = {0};

		free(text->text);
		text->text = xstrdup(table[i].head);
		text->len = strlen(text->text);
		text->quoted = true;
		template_free(*slot);
		*slot = template_parse(MESSAGE_SOAP_HEAD, text, &d);
		doc_free(text);
		assert_non_null(*slot);
		say(f, GET("/x"));
		if (strcmp(hear(f), table[i].answer) != 0)
			fail_msg("row %zu: %s", i, f->got.data);
		assert_row(i, f->closed, table[i].closed);
		disconnect(f);
		connect_client(f);
	}
}

static void peer_that_leaves(void **state)
{
	struct fixture *f = *state;

	/* Half-closed after the request: the answer still comes. */
	assert_int_equal(send(f->fd, BYTES(GET("/x")), MSG_NOSIGNAL), sizeof(GET("/x")) - 1);
	shutdown(f->fd, SHUT_WR);
	turn(f);
	assert_non_null(strstr(hear(f), "GET /x[]"));
	assert_true(f->closed);
	disconnect(f);
	/* Gone in the middle of a head, of a body, of a delay, of a trickle. */
	static const char *const parts[] = {
		"GET /x HT", "POST /x HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc",
		GET("/delay"), GET("/trickle"), GET("/big")};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		connect_client(f);
		say(f, parts[i]);
		disconnect(f);
		for (int j = 0; j < 10; j++) {
			clock_advance(CLOCK_SECOND);
			turn(f);
		}
	}
	connect_client(f);
	say(f, GET("/y"));
	assert_non_null(strstr(hear(f), "GET /y[]"));
}

static void reset_drops_everybody(void **state)
{
	struct fixture *f = *state;

	say(f, GET("/delay"));
	http_reset(f->router.http);
	hear(f);
	assert_true(f->closed || f->reset);
}

#define SERVER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(requests_in_one_piece),
		SERVER_TEST(requests_cut_in_two),
		SERVER_TEST(requests_byte_by_byte),
		SERVER_TEST(pipelined),
		SERVER_TEST(expect_continue),
		SERVER_TEST(heads_that_are_too_long),
		SERVER_TEST(chunks_beyond_the_limit),
		SERVER_TEST(body_of_the_limit),
		SERVER_TEST(too_many_connections),
		SERVER_TEST(idle_connections_end),
		SERVER_TEST(slow_reader),
		SERVER_TEST(silence),
		SERVER_TEST(careless),
		SERVER_TEST(endings),
		SERVER_TEST(bytes_of_the_answer),
		SERVER_TEST(segments),
		SERVER_TEST(framing_by_template),
		SERVER_TEST(peer_that_leaves),
		SERVER_TEST(reset_drops_everybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
