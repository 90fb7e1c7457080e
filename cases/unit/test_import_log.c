/* SPDX-License-Identifier: MIT */
/*
 * test_import_log.c - logs of many programs become the exchanges that they are of.
 *
 * cases/unit/logs/ has the same seven exchanges (known.flow.json, from a capture) as a dozen
 * programs would log them, and three logs that curl wrote; see the README there. The field log of
 * captures/ must give its flow byte for byte.
 *
 * links: sim
 */
#include "../../sim/import.h"
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOGS  "cases/unit/logs/"
#define FIELD "captures/field-2025-07-28-nested"

static char *folder, *flow_path;

static int group_setup(void **state)
{
	char name[] = "/tmp/test_import_log.XXXXXX";

	(void)state;
	if (!mkdtemp(name))
		return -1;
	folder = xstrdup(name);
	flow_path = xasprintf("%s/out.flow.json", folder);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	unlink(flow_path);
	rmdir(folder);
	free(flow_path);
	free(folder);
	return 0;
}

/* Imports a file into flow_path. */
static int import(const char *path, struct diag *d)
{
	struct recording_writer *w = recording_create(flow_path, d);
	struct import_options options = {0};
	struct recording head = {0};
	int status;

	assert_non_null(w);
	status = import_file(path, &options, w, &head, d);
	if (status)
		recording_abandon(w);
	else
		status = recording_finish(w, &head, d);
	recording_free(&head);
	return status;
}

static void import_good(const char *path, struct recording *out)
{
	struct diag d = {0};

	*out = (struct recording){0};
	if (import(path, &d) || recording_read(flow_path, out, &d))
		fail_msg("%s: %s", path, d.text.data);
	diag_free(&d);
}

/* Imports a text that is made here. */
static int import_text(const char *text, struct recording *out, struct diag *d)
{
	char *path = xasprintf("%s/in.log", folder);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600), status;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	*out = (struct recording){0};
	status = import(path, d);
	if (!status)
		status = recording_read(flow_path, out, d);
	unlink(path);
	free(path);
	return status;
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

/* ---- styles ---- */

/**
 * struct style - a log and what of the known exchanges it has
 * @first:	of the known exchanges (follow stream has no datagrams)
 * @heads:	heads of replies to actions are in it
 * @exact:	it shows every byte, so nothing is restored
 */
static const struct style {
	const char *name;
	size_t first;
	bool heads, exact;
	const char *client;
} styles[] = {
	{"alerts", 0, false, false, "192.168.1.4"},
	{"container-json", 0, true, true, "192.168.1.4"},
	{"daemon-twice", 0, true, false, "192.168.1.4"},
	{"follow-hex", 1, true, true, "192.168.1.4"},
	{"follow-indented", 1, true, false, "192.168.1.4"},
	{"follow-stream", 1, true, true, "192.168.1.4"},
	{"follow-tshark", 1, true, true, "192.168.1.4"},
	{"go-verbose", 0, true, true, "192.168.1.4"},
	{"library-debug", 0, true, false, "192.168.1.4"},
	{"logcat", 0, true, false, "192.168.1.4"},
	{"node-json", 0, true, true, "192.168.1.4"},
	{"percent", 0, true, true, "192.168.1.4"},
	{"plain-debug", 0, true, false, "192.168.1.4"},
	{"pretty", 0, true, false, "192.168.1.4"},
	{"python-repr", 0, true, true, "192.168.1.4"},
	{"syslog-hexdump", 0, true, true, "192.168.1.4"},
	{"windows", 0, true, false, "192.168.1.4"},
	{"xxd", 0, true, true, "192.168.1.4"},
};

static void compare(const struct style *s, size_t number, const struct exchange *got,
		    const struct exchange *known)
{
	const struct recorded_message *reply = &got->replies[0], *wanted = &known->replies[0];
	size_t head;

	if (!got->has_request || !same(&got->request.bytes, &known->request.bytes))
		fail_msg("%s: request %zu (%s) differs:\n%s", s->name, number, known->name,
			 got->request.bytes.data ? got->request.bytes.data : "(none)");
	if (strcmp(got->name, known->name) || got->protocol != known->protocol)
		fail_msg("%s: exchange %zu is %s, not %s", s->name, number, got->name, known->name);
	if (got->reply_count != 1)
		fail_msg("%s: %zu replies to %s", s->name, got->reply_count, known->name);
	if (s->exact && (got->request.restored.count || reply->restored.count))
		fail_msg("%s: %s says that something was restored", s->name, known->name);
	if (s->heads || known->protocol != FLOW_SOAP) {
		if (!same(&reply->bytes, &wanted->bytes) || reply->gap_count)
			fail_msg("%s: reply to %s differs:\n%s", s->name, known->name,
				 reply->bytes.data);
		return;
	}
	head = (size_t)((char *)memmem(reply->bytes.data, reply->bytes.len, "\r\n\r\n", 4) -
			reply->bytes.data);
	assert_non_null(memmem(wanted->bytes.data, wanted->bytes.len, reply->bytes.data + head,
			       reply->bytes.len - head));
	assert_int_equal(reply->gap_count, 1);
	assert_int_equal(reply->restored.count, 2);
}

static void every_style_gives_the_known_exchanges(void **state)
{
	struct recording known = {0};
	struct diag d = {0};

	(void)state;
	assert_int_equal(recording_read(LOGS "known.flow.json", &known, &d), 0);
	for (size_t i = 0; i < ARRAY_SIZE(styles); i++) {
		const struct style *s = &styles[i];
		char *path = xasprintf(LOGS "%s.log", s->name);
		struct recording got;

		import_good(path, &got);
		if (got.count != known.count - s->first)
			fail_msg("%s: %zu exchanges", path, got.count);
		for (size_t k = 0; k < got.count; k++)
			compare(s, k, &got.exchanges[k], &known.exchanges[k + s->first]);
		assert_string_equal(got.router, "192.168.1.1");
		assert_string_equal(got.client ? got.client : "none", s->client);
		recording_free(&got);
		free(path);
	}
	recording_free(&known);
}

static void curls_logs(void **state)
{
	static const char *const names[] = {"GET /description.xml", "GetExternalIPAddress",
					    "GetGenericPortMappingEntry"};
	static const char *const logs[] = {"curl-trace", "curl-trace-ascii", "curl-v"};
	struct recording first = {0}, got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
		char *path = xasprintf(LOGS "%s.log", logs[i]);

		import_good(path, &got);
		free(path);
		assert_int_equal(got.count, 3);
		for (size_t k = 0; k < 3; k++) {
			const struct exchange *x = &got.exchanges[k];
			bool body = !strcmp(logs[i], "curl-v") && k;

			assert_string_equal(x->name, names[k]);
			assert_int_equal(x->reply_count, 1);
			assert_int_equal(x->replies[0].gap_count, 0);
			/* curl -v does not print what it sends behind the head */
			assert_int_equal(x->request.gap_count, body);
			if (body)
				assert_int_equal(x->request.gaps[0].count, k == 1 ? 283 : 339);
			else if (i)
				assert_true(
					same(&x->request.bytes, &first.exchanges[k].request.bytes));
			assert_int_equal(x->replies[0].restored.count, i == 0 ? 0 : i == 1);
			if (i)
				assert_int_equal(x->replies[0].bytes.len,
						 first.exchanges[k].replies[0].bytes.len);
		}
		if (i)
			recording_free(&got);
		else
			first = got;
	}
	recording_free(&first);
}

/* ---- the field log ---- */

static void field_log_gives_its_flow(void **state)
{
	struct diag d = {0};
	struct stat st;
	char *bytes[2];

	(void)state;
	assert_int_equal(import(FIELD ".log", &d), 0);
	for (int i = 0; i < 2; i++) {
		int fd = open(i ? FIELD ".flow.json" : flow_path, O_RDONLY | O_CLOEXEC);

		assert_true(fd >= 0);
		assert_int_equal(fstat(fd, &st), 0);
		bytes[i] = xcalloc(1, (size_t)st.st_size + 1);
		assert_int_equal(read(fd, bytes[i], (size_t)st.st_size), st.st_size);
		close(fd);
	}
	assert_string_equal(bytes[0], bytes[1]);
	free(bytes[0]);
	free(bytes[1]);
}

static void field_log_bodies(void **state)
{
	static const size_t lengths[] = {361, 602, 631, 632, 474, 466, 290};
	struct recording r;
	size_t n = 0;

	(void)state;
	import_good(FIELD ".log", &r);
	for (size_t i = 0; i < r.count; i++) {
		const struct exchange *x = &r.exchanges[i];
		const char *end;

		if (x->protocol != FLOW_SOAP || !x->reply_count)
			continue;
		end = memmem(x->replies[0].bytes.data, x->replies[0].bytes.len, "\r\n\r\n", 4);
		assert_non_null(end);
		assert_int_equal(x->replies[0].bytes.len -
					 (size_t)(end + 4 - x->replies[0].bytes.data),
				 lengths[n++]);
		assert_int_equal(x->replies[0].segment_count, 2);
	}
	assert_int_equal(n, 7);
	recording_free(&r);
}

/* ---- single cases ---- */

#define GET "GET /a.xml HTTP/1.1\nHost: 10.0.0.1:49152\n\n"

/* Requests and replies in some order, and who answers whom: "0:1" is request 0 with the reply whose
 * X header is 1, "-" one without. */
static const struct {
	const char *log;
	const char *pairs;
} orders[] = {
	{"A GET /0 HTTP/1.1\nHost: h\n\nB HTTP/1.1 200 OK\nX: 0\nContent-Length: 0\n\n", "0:0"},
	{"A GET /0 HTTP/1.1\nHost: h\n\nA GET /1 HTTP/1.1\nHost: h\n\n"
	 "B HTTP/1.1 200 OK\nX: 1\nContent-Length: 0\n\n",
	 "0:- 1:1"},
	{"A GET /0 HTTP/1.1\nHost: h\n\nA GET /1 HTTP/1.1\nHost: h\n\n"
	 "B HTTP/1.1 200 OK\nX: 0\nContent-Length: 0\n\n"
	 "B HTTP/1.1 200 OK\nX: 1\nContent-Length: 0\n\n",
	 "0:0 1:1"},
	/* one message from two places, then a retransmission from the same */
	{"A GET /0 HTTP/1.1\nHost: h\n\nC GET /0 HTTP/1.1\nHost: h\n\n"
	 "B HTTP/1.1 200 OK\nX: 0\nContent-Length: 0\n\n",
	 "0:0"},
	{"A GET /0 HTTP/1.1\nHost: h\n\nA GET /0 HTTP/1.1\nHost: h\n\n"
	 "B HTTP/1.1 200 OK\nX: 0\nContent-Length: 0\n\n",
	 "0:- 0:0"},
	/* in colours */
	{"\x1b[36m> GET /0 HTTP/1.1\x1b[0m\n\x1b[36m> Host: h\x1b[0m\n\x1b[36m> \x1b[0m\n"
	 "\x1b[1;32m< HTTP/1.1 200 OK\x1b[0m\n\x1b[1;32m< X: 0\x1b[0m\n"
	 "\x1b[1;32m< Content-Length: 0\x1b[0m\n\x1b[1;32m<\x1b[0m\n",
	 "0:0"},
	/* another thread's lines between */
	{"[t1] GET /0 HTTP/1.1\n[t1] Host: h\n[t2] something else\n[t1]\n"
	 "[t1] HTTP/1.1 200 OK\n[t1] X: 0\n[t2] noise\n[t1] Content-Length: 4\n[t1]\n"
	 "[t2] noise\n[t1] <a/>\n",
	 "0:0"},
	{"B HTTP/1.1 200 OK\nX: 5\nContent-Length: 0\n\n", "?:5"},
};

static void replies_find_their_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		struct recording r;
		struct diag d = {0};
		struct buf pairs = {0};

		assert_int_equal(import_text(orders[i].log, &r, &d), 0);
		for (size_t k = 0; k < r.count; k++) {
			const struct exchange *x = &r.exchanges[k];
			const char *mark =
				x->reply_count ? strstr(x->replies[0].bytes.data, "X: ") : NULL;

			buf_printf(&pairs, "%s%c:%c", k ? " " : "",
				   x->has_request ? x->request.bytes.data[5] : '?',
				   mark ? mark[3] : '-');
		}
		assert_row_slice(i, buf_slice(&pairs), orders[i].pairs);
		buf_free(&pairs);
		recording_free(&r);
	}
}

/* Logs with something wrong: what is kept and what is said. */
static const struct {
	const char *log;
	size_t exchanges;
	const char *note; /* in the notes or the complaint */
} bad[] = {
	{"nothing of interest\nat all\n", 0, "looked for start lines"},
	{"127.0.0.1 - - \"GET /x HTTP/1.1\" 200 12\n", 0, "no HTTP or SSDP message in 1 lines"},
	{"got HTTP/1.1 200 OK after 5 ms\nand then: nothing came\n", 0, "looked for"},
	{GET "before\nHTTP/1.1 200 OK\nContent-Length: 99\n\n<a>short</a>\nafter\n", 1,
	 "the body has not the stated length"},
	{"odd\nlines\n" GET, 1, "not understood"},
	{GET "HTTP/1.1 200 OK\nContent-Length: 5\n\n", 1, NULL},
	{GET "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n", 1, NULL},
	{"0000000  48 54 54 50\nzz\n", 0, "looked for"},
};

static void bad_logs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct recording r;
		struct diag d = {0};
		int status = import_text(bad[i].log, &r, &d);
		bool said = !bad[i].note;

		assert_row(i, status, bad[i].exchanges ? 0 : -1);
		assert_row(i, r.count, bad[i].exchanges);
		for (size_t k = 0; k < r.note_count; k++)
			said |= strstr(r.notes[k].what, bad[i].note ? bad[i].note : "") != NULL;
		said |= d.text.len && strstr(d.text.data, bad[i].note ? bad[i].note : "");
		if (!said)
			fail_msg("row %zu: nobody says \"%s\": %s", i, bad[i].note,
				 d.text.data ? d.text.data : "");
		recording_free(&r);
		diag_free(&d);
	}
}

/* Every line that is not blank is part of a message or in a note. */
static void every_line_is_accounted_for(void **state)
{
	static const char *const logs[] = {FIELD ".log", LOGS "plain-debug.log", LOGS "pretty.log",
					   LOGS "curl-v.log", LOGS "logcat.log"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
		struct recording r;
		bool *seen = xcalloc(10000, sizeof(*seen));
		FILE *f = fopen(logs[i], "re");
		char *line = NULL;
		size_t cap = 0, number = 0;

		import_good(logs[i], &r);
		for (size_t k = 0; k < r.note_count; k++)
			memset(seen + r.notes[k].first, 1, r.notes[k].count);
		for (size_t k = 0; k < r.count; k++) {
			const struct exchange *x = &r.exchanges[k];

			memset(seen + x->request.first, 1, x->request.count);
			for (size_t n = 0; n < x->reply_count; n++)
				memset(seen + x->replies[n].first, 1, x->replies[n].count);
		}
		assert_non_null(f);
		while (getline(&line, &cap, f) > 0) {
			bool names_peer = strstr(line, "sending to") || strstr(line, "received") ||
					  strstr(line, "DEBUG igd.http");

			if (!seen[++number] && line[strspn(line, " \r\n")] && !names_peer)
				fail_msg("%s:%zu is nowhere: %s", logs[i], number, line);
		}
		fclose(f);
		free(line);
		free(seen);
		recording_free(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_style_gives_the_known_exchanges),
		cmocka_unit_test(curls_logs),
		cmocka_unit_test(field_log_gives_its_flow),
		cmocka_unit_test(field_log_bodies),
		cmocka_unit_test(replies_find_their_requests),
		cmocka_unit_test(bad_logs),
		cmocka_unit_test(every_line_is_accounted_for),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
