/* SPDX-License-Identifier: MIT */
/*
 * test_recording.c - flows are written and read back; damage is named with its line.
 *
 * links: sim
 */
#include "unit.h"

#include "../../sim/base64.h"
#include "../../sim/recording.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define START INT64_C(1753696326822000000)

static char folder[] = "/tmp/test-recording-XXXXXX";
static char *path;
static struct diag d;

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test-recording-XXXXXX");
	assert_non_null(mkdtemp(folder));
	path = xasprintf("%s/a.flow.json", folder);
	d = (struct diag){0};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	assert_int_equal(rmdir(folder), 0); /* nothing else was left there */
	free(path);
	diag_free(&d);
	return 0;
}

static void point(struct end_point *e, const char *text)
{
	assert_true(end_point_parse(slice_of(text), e));
}

static void message(struct recorded_message *m, const char *from, const char *to, int64_t time_ns,
		    const char *bytes, size_t len)
{
	point(&m->from, from);
	point(&m->to, to);
	m->time_ns = m->end_ns = time_ns;
	buf_add(&m->bytes, bytes, len);
}

/* One of everything. */
static void fill(struct exchange *x, int64_t time_ns)
{
	struct recorded_message *reply;

	x->protocol = FLOW_SOAP;
	x->name = xstrdup("GetStatusInfo \xc3\xa4");
	x->connection = 7;
	x->has_request = true;
	message(&x->request, "192.168.1.4:51000", "[fe80::1]:5431", time_ns,
		BYTES("POST /ctl HTTP/1.1\r\n\r\n\tpart \"quoted\" \xc3\xa4\n"));
	x->request.end_ns += 123456789;
	x->request.first = 3;
	x->request.count = 2;
	x->request.gaps = xcalloc(2, sizeof(*x->request.gaps));
	x->request.gaps[0] = (struct recorded_gap){22, 0};
	x->request.gaps[1] = (struct recorded_gap){30, UINT64_C(1) << 40};
	x->request.gap_count = 2;
	names_add(&x->request.restored, "body: one byte");
	reply = exchange_reply(x);
	message(reply, "192.168.1.1", ":80", time_ns + 5, BYTES("\0\xff\x01 reply"));
	reply->segments = xcalloc(2, sizeof(*reply->segments));
	reply->segments[0] = (struct recorded_segment){2, time_ns + 5};
	reply->segments[1] = (struct recorded_segment){9, time_ns + 1000005};
	reply->segment_count = 2;
	message(exchange_reply(x), "192.168.1.9:1900", "192.168.1.4:51000", RECORDING_NO_TIME, "",
		0);
}

static void same_message(const struct recorded_message *a, const struct recorded_message *b)
{
	assert_true(a->time_ns == b->time_ns && a->end_ns == b->end_ns);
	assert_memory_equal(&a->from, &b->from, sizeof(a->from));
	assert_memory_equal(&a->to, &b->to, sizeof(a->to));
	assert_int_equal(a->bytes.len, b->bytes.len);
	if (a->bytes.len)
		assert_memory_equal(a->bytes.data, b->bytes.data, a->bytes.len);
	assert_int_equal(a->gap_count, b->gap_count);
	for (size_t i = 0; i < a->gap_count; i++)
		assert_memory_equal(&a->gaps[i], &b->gaps[i], sizeof(a->gaps[i]));
	assert_int_equal(a->segment_count, b->segment_count);
	for (size_t i = 0; i < a->segment_count; i++)
		assert_memory_equal(&a->segments[i], &b->segments[i], sizeof(a->segments[i]));
	assert_int_equal(a->restored.count, b->restored.count);
	for (size_t i = 0; i < a->restored.count; i++)
		assert_string_equal(a->restored.items[i], b->restored.items[i]);
	assert_true(a->first == b->first && a->count == b->count);
}

static void same_exchange(const struct exchange *a, const struct exchange *b)
{
	assert_int_equal(a->protocol, b->protocol);
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->connection, b->connection);
	assert_int_equal(a->from_router, b->from_router);
	assert_int_equal(a->has_request, b->has_request);
	if (a->has_request)
		same_message(&a->request, &b->request);
	assert_int_equal(a->reply_count, b->reply_count);
	for (size_t i = 0; i < a->reply_count; i++)
		same_message(&a->replies[i], &b->replies[i]);
}

static void round_trip(bool dated, int64_t start, const char *kind)
{
	struct recording_writer *w = recording_create(path, &d);
	struct recording r = {.summary = xstrdup("one of each"),
			      .kind = xstrdup(kind),
			      .bytes = 12,
			      .dated = dated};
	struct recording back;
	struct exchange x = {.connection = -1};

	names_add(&r.replaced, "nothing");
	recording_note_add(&r, 4, 2, "not understood", "\xff text");
	recording_note_add(&r, 0, 0, "left out: DNS", NULL);
	fill(&x, start);
	recording_put(w, &x);
	assert_int_equal(recording_put_count(w), 1);
	assert_int_equal(recording_finish(w, &r, &d), 0);
	assert_int_equal(recording_read(path, &back, &d), 0);
	assert_int_equal(d.errors, 0);
	assert_int_equal(back.count, 1);
	same_exchange(&x, &back.exchanges[0]);
	assert_int_equal(back.dated, dated);
	assert_string_equal(back.kind, kind);
	assert_string_equal(back.summary, "one of each");
	assert_string_equal(back.replaced.items[0], "nothing");
	assert_int_equal(back.note_count, 2);
	assert_int_equal(back.notes[0].first, 4);
	assert_int_equal(back.notes[0].count, 2);
	assert_string_equal(back.notes[0].text, "\xef\xbf\xbd text");
	assert_int_equal(back.notes[1].count, 0);
	assert_null(back.notes[1].text);
	exchange_free(&x);
	recording_free(&r);
	recording_free(&back);
}

static void everything_survives(void **state)
{
	(void)state;
	round_trip(true, START, "log");
	round_trip(true, START + 1, "pcap");
	round_trip(true, -1, "pcap");
	round_trip(false, 0, "log");
	round_trip(false, INT64_C(86400123456789), "journal");
}

static void in_order_of_time(void **state)
{
	static const struct {
		int64_t time_ns;
		const char *name;
	} put[] = {{30, "c"}, {10, "a"}, {RECORDING_NO_TIME, "a2"}, {20, "b"}, {30, "d"}};
	static const char *const order[] = {"a", "a2", "b", "c", "d"};
	struct recording_writer *w = recording_create(path, &d);
	struct recording r = {.dated = true}, back;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(put); i++) {
		struct exchange x = {.connection = -1, .has_request = true};

		x.name = xstrdup(put[i].name);
		message(&x.request, "10.0.0.2:1", "10.0.0.1:2", put[i].time_ns, "x", 1);
		recording_put(w, &x);
		exchange_free(&x);
	}
	assert_int_equal(recording_finish(w, &r, &d), 0);
	assert_int_equal(recording_read(path, &back, &d), 0);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		assert_string_equal(back.exchanges[i].name, order[i]);
	assert_string_equal(back.client, "10.0.0.2");
	assert_string_equal(back.router, "10.0.0.1");
	recording_free(&r);
	recording_free(&back);
}

/* Whoever spoke control most is the pair, also where a search asked everybody. */
static void finds_the_pair(void **state)
{
	struct recording_writer *w = recording_create(path, &d);
	struct recording r = {.dated = true};

	(void)state;
	for (int i = 0; i < 8; i++) {
		struct exchange x = {.protocol = i == 5 ? FLOW_SOAP : FLOW_SSDP,
				     .has_request = true};

		message(&x.request, i == 5 ? "10.0.0.3:1" : "10.0.0.2:1",
			i == 5 ? "10.0.0.1:2" : "239.255.255.250:1900", i, "x", 1);
		message(exchange_reply(&x), i == 5 ? "10.0.0.1:2" : "10.0.0.9:1900", "10.0.0.2:1",
			i, "x", 1);
		recording_put(w, &x);
		exchange_free(&x);
	}
	assert_int_equal(recording_finish(w, &r, &d), 0);
	assert_string_equal(r.client, "10.0.0.3");
	assert_string_equal(r.router, "10.0.0.1");
	recording_free(&r);
}

static void abandoned_leaves_nothing(void **state)
{
	struct exchange x = {.has_request = true};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct recording_writer *w = recording_create(path, &d);

		recording_put(w, &x);
		recording_abandon(w);
		assert_int_equal(access(path, F_OK), -1);
	}
	assert_null(recording_create("/nowhere/at/all.flow.json", &d));
	assert_int_equal(d.errors, 1);
}

static void end_points(void **state)
{
	static const char *const good[] = {"192.168.1.4:51000", "192.168.1.4", "[fe80::1]:1900",
					   "fe80::1",		":5431",       "0.0.0.0:1"};
	static const char *const bad[] = {
		"",	":",	  ":0",	     "1.2.3",	     "1.2.3.4:65536", "[1.2.3.4]:1",
		"[::1", "[::1]:", "::1]:80", "fe80::1%2:80", "1.2.3.4:8 "};
	struct buf text = {0};
	struct end_point e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_row(i, end_point_parse(slice_of(good[i]), &e), true);
		end_point_text(&e, &text);
		assert_row_slice(i, buf_slice(&text), good[i]);
		buf_reset(&text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_row(i, end_point_parse(slice_of(bad[i]), &e), false);
	buf_free(&text);
}

static void base64(void **state)
{
	static const char *const pairs[][2] = {
		{"", ""},	 {"f", "Zg=="},	       {"fo", "Zm8="},
		{"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xff\xfe\xfd", "//79"}};
	static const char *const bad[] = {
		"Z", "Zg", "Zg=", "Zh==", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm 9v", "Zm9="};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		base64_encode(slice_of(pairs[i][0]), &out);
		assert_row_slice(i, buf_slice(&out), pairs[i][1]);
		buf_reset(&out);
		assert_row(i, base64_decode(slice_of(pairs[i][1]), &out), true);
		assert_row_slice(i, buf_slice(&out), pairs[i][0]);
		buf_reset(&out);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_row(i, base64_decode(slice_of(bad[i]), &out), false);
	buf_free(&out);
}

#define FLOW(rest)     "{\"igdlab-flow\": 1,\n" rest "}"
#define EXCHANGE(rest) FLOW("\"exchanges\": [\n{\"protocol\": \"soap\", " rest "}\n]")
#define REQUEST(rest)  EXCHANGE("\"request\": {" rest "}")

/* What people and programs get wrong, and what they are told. */
static void bad_files(void **state)
{
	static const char *const rows[][2] = {
		{"hello", "f:1: expected a flow, as \"igdlab import\" writes it"},
		{" ", "f:1: expected a flow"},
		{"{}", "f:1: expected \"\"\" at the start of a key, found \"}\""},
		{"{\"igdlab-flow\": 2}", "f:1: \"igdlab-flow\": expected version 1"},
		{"{\"igdlab-flow\": 1", "found the end of the file"},
		{"{\"exchanges\": []}", "f:1: this is no flow: \"igdlab-flow\" is missing"},
		{"{\"igdlab-flow\": 1}", "f:1: \"exchanges\" is missing"},
		{FLOW("\"sumary\": 1"), "f:2: unknown key \"sumary\"; did you mean \"summary\"?"},
		{FLOW("\"summary\": 1"), "f:2: \"summary\": expected text"},
		{FLOW("\"bytes\": -1"), "f:2: \"bytes\": expected a number"},
		{FLOW("\"dated\": 1"), "f:2: \"dated\": expected true or false"},
		{FLOW("\"kind\": \"log\", \"kind\": \"log\""), "f:2: \"kind\" is there twice"},
		{FLOW("\"notes\": [{\"lines\": [0, 1], \"what\": \"x\"}]"),
		 "f:2: \"notes\": expected the first"},
		{FLOW("\"notes\": [3]"), "f:2: \"notes\": expected objects"},
		{FLOW("\"replaced\": [3]"), "f:2: \"replaced\": expected a list of sentences"},
		{FLOW("\"exchanges\": {}"), "f:2: expected \"[\" after \"exchanges\":"},
		{FLOW("\"exchanges\": [3]"), "f:2: exchange 1: expected \"{\" at the start"},
		{FLOW("\"exchanges\": [\n\n{]"), "f:4: exchange 1: no JSON"},
		{FLOW("\"exchanges\": [\n{\n\"a\": 1,\n}]"), "f:5: exchange 1: no JSON"},
		{FLOW("\"exchanges\": [{\"protocol\": \"sope\"}]"),
		 "f:2: unknown protocol \"sope\"; did you mean \"soap\"?"},
		{FLOW("\"exchanges\": [{}]"), "f:2: exchange 1: expected \"protocol\""},
		{EXCHANGE("\"repplies\": []"),
		 "f:3: exchange 1: unknown key \"repplies\"; did you mean \"replies\"?"},
		{EXCHANGE("\"replies\": []"),
		 "f:3: exchange 1: expected \"request\" or \"replies\""},
		{EXCHANGE("\"replies\": 1"), "f:3: exchange 1: \"replies\": expected a list"},
		{EXCHANGE("\"connection\": -2"),
		 "f:3: exchange 1: \"connection\": expected a number from 0"},
		{EXCHANGE("\"replies\": [{\"text\": \"\"}, {}]"),
		 "f:3: exchange 1: reply 2: expected its bytes"},
		{REQUEST("\"txt\": \"\""),
		 "exchange 1: request: unknown key \"txt\"; did you mean \"text\"?"},
		{REQUEST("\"text\": \"\", \"base64\": \"\""), "request: expected its bytes"},
		{REQUEST("\"base64\": \"Z\""), "request: \"base64\": expected RFC 4648"},
		{REQUEST("\"text\": \"\", \"from\": \"a\""),
		 "request: \"from\": expected an address and port"},
		{REQUEST("\"text\": \"\", \"time\": \"2025-13-28T09:52:06Z\""),
		 "request: \"time\": expected a time"},
		{REQUEST("\"text\": \"\", \"time\": \"2025-07-28T09:52:06\""),
		 "request: \"time\": expected a time"},
		{REQUEST("\"text\": \"\", \"time\": 1e10"), "request: \"time\": expected a time"},
		{REQUEST("\"text\": \"ab\", \"gaps\": [{\"offset\": 3, \"count\": 0}]"),
		 "request: \"gaps\": expected"},
		{REQUEST("\"text\": \"ab\", \"segments\": [[3, 0]]"),
		 "request: \"segments\": expected"},
		{REQUEST("\"text\": \"ab\", \"segments\": [[1, 0], [0, 0]]"),
		 "request: \"segments\": expected"},
		{REQUEST("\"text\": \"ab\", \"restored\": 1"),
		 "request: \"restored\": expected a list"},
		{REQUEST("\"text\": \"ab\", \"lines\": [0, 1]"),
		 "request: expected \"lines\" or \"packets\""},
		{REQUEST("\"text\": \"ab\"") "x", "f:4: expected nothing after the flow"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct recording r;

		assert_row(i, recording_parse(slice_of(rows[i][0]), "f", &r, &d), -1);
		assert_row(i, d.errors, 1);
		if (!strstr(d.text.data, rows[i][1]))
			fail_msg("row %zu: \"%s\" does not say \"%s\"", i, d.text.data, rows[i][1]);
		recording_free(&r);
		diag_free(&d);
	}
}

/* Members in another order, other layout, other offsets of time: what jq or a person may do. */
static void liberal_layout(void **state)
{
	struct recording r;

	(void)state;
	assert_int_equal(
		recording_parse(
			slice_of("{ \"exchanges\" : [ { \"request\": {\"text\":\"a\",\"time\":"
				 "\"2025-07-28T17:52:06.822+08:00\", \"decoded\": 5},\n"
				 "\"protocol\":\"udp\" } ,\n{\"protocol\":\"tcp\",\"replies\":"
				 "[{\"base64\":\"Zg==\"}]}],\"bytes\":5,\"igdlab-flow\":1 }\n"),
			"f", &r, &d),
		0);
	assert_int_equal(r.count, 2);
	assert_true(r.exchanges[0].request.time_ns == START);
	assert_slice(buf_slice(&r.exchanges[1].replies[0].bytes), "f");
	assert_int_equal(r.bytes, 5);
	recording_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(everything_survives, set_up, tear_down),
		cmocka_unit_test_setup_teardown(in_order_of_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(finds_the_pair, set_up, tear_down),
		cmocka_unit_test_setup_teardown(abandoned_leaves_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(liberal_layout, set_up, tear_down),
		cmocka_unit_test(end_points),
		cmocka_unit_test(base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
