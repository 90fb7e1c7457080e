/* SPDX-License-Identifier: MIT */
/*
 * test_difference.c - which differences between messages are of form and which of meaning.
 *
 * links: sim
 */
#include "unit.h"

#include "../../sim/flowdiff.h"

#define FOUND "HTTP/1.1 200 OK\r\nST: a\r\nUSN: uuid:1::a\r\n"
#define RESULT(prefix, arguments)                                                                  \
	"<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><" prefix       \
	":DoResponse xmlns:" prefix "=\"urn:x\">" arguments "</" prefix                            \
	":DoResponse></s:Body></s:Envelope>"
#define OK "HTTP/1.1 200 OK\r\nDATE: x\r\nServer: S/1\r\n\r\n"
#define FAULT(code, text)                                                                          \
	"HTTP/1.1 500 no\r\n\r\n<s:Envelope "                                                      \
	"xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">"                                   \
	"<s:Body><s:Fault><detail><UPnPError><errorCode>" code                                     \
	"</errorCode><errorDescription>" text                                                      \
	"</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>"

struct row {
	enum flow_protocol protocol;
	const char *a, *b;
	enum difference_grade grade;
	const char *says;
};

static const struct row rows[] = {
	{FLOW_SSDP, FOUND "\r\n", FOUND "\r\n", DIFFERENCE_SAME, ""},
	{FLOW_SSDP, FOUND "DATE: today\r\n\r\n", FOUND "DATE: tomorrow\r\n\r\n", DIFFERENCE_SAME,
	 ""},
	{FLOW_SSDP, FOUND "EXT:\r\n\r\n", FOUND "Ext:\r\n\r\n", DIFFERENCE_COSMETIC,
	 "header EXT is written Ext"},
	{FLOW_SSDP, FOUND "EXT:\r\n\r\n", FOUND "EXT: \r\n\r\n", DIFFERENCE_COSMETIC,
	 "form of the head"},
	{FLOW_SSDP, FOUND "EXT:\r\n\r\n", FOUND "EXT:\n\n", DIFFERENCE_COSMETIC,
	 "form of the head"},
	{FLOW_SSDP, FOUND "A: 1\r\nB: 2\r\n\r\n", FOUND "B: 2\r\nA: 1\r\n\r\n", DIFFERENCE_COSMETIC,
	 "order of headers"},
	{FLOW_SSDP, FOUND "A: 1\r\n\r\n", FOUND "A: 2\r\n\r\n", DIFFERENCE_COSMETIC,
	 "header A: \"1\" became \"2\""},
	{FLOW_SSDP, FOUND "A: 1\r\n\r\n", FOUND "\r\n", DIFFERENCE_COSMETIC, "header A is gone"},
	{FLOW_SSDP, FOUND "SERVER: x/1\r\n\r\n", FOUND "SERVER: x/2\r\n\r\n", DIFFERENCE_DIFFERENT,
	 "header SERVER: \"x/1\" became \"x/2\""},
	{FLOW_SSDP, FOUND "\r\n", FOUND "LOCATION: x\r\n\r\n", DIFFERENCE_DIFFERENT,
	 "header LOCATION is new"},
	{FLOW_SSDP, FOUND "LOCATION: http://192.168.1.1:80/\r\n\r\n",
	 FOUND "LOCATION: http://10.0.0.1:5000/\r\n\r\n", DIFFERENCE_SAME, ""},
	{FLOW_SSDP, FOUND "LOCATION: http://192.168.1.10:80/\r\n\r\n",
	 FOUND "LOCATION: http://10.0.0.10:80/\r\n\r\n", DIFFERENCE_DIFFERENT, "LOCATION"},
	{FLOW_SSDP, FOUND "MAN: \"ssdp:discover\"\r\n\r\n", FOUND "MAN: ssdp:discover\r\n\r\n",
	 DIFFERENCE_COSMETIC, "header MAN"},
	{FLOW_SOAP, OK RESULT("u", "<A>1</A>"), OK RESULT("m", "<A>1</A>"), DIFFERENCE_COSMETIC,
	 "form of the body"},
	{FLOW_SOAP, OK RESULT("u", "<A>1</A>"), OK RESULT("u", "<A>2</A>"), DIFFERENCE_DIFFERENT,
	 "argument A: \"1\" became \"2\""},
	{FLOW_SOAP, OK RESULT("u", "<A>1</A>"), OK RESULT("u", ""), DIFFERENCE_DIFFERENT,
	 "argument A is gone"},
	{FLOW_SOAP, OK RESULT("u", ""), OK RESULT("u", "<A>1</A>"), DIFFERENCE_DIFFERENT,
	 "argument A is new"},
	{FLOW_SOAP, OK RESULT("u", "<A/><B/>"), OK RESULT("u", "<B/><A/>"), DIFFERENCE_COSMETIC,
	 "order of arguments"},
	{FLOW_SOAP, OK RESULT("u", "<NewUptime>5</NewUptime>"),
	 OK RESULT("u", "<NewUptime>900</NewUptime>"), DIFFERENCE_COSMETIC, "NewUptime"},
	{FLOW_SOAP, OK RESULT("u", "<NewLeaseDuration>60</NewLeaseDuration>"),
	 OK RESULT("u", "<NewLeaseDuration>56</NewLeaseDuration>"), DIFFERENCE_COSMETIC,
	 "NewLeaseDuration"},
	{FLOW_SOAP, OK RESULT("u", "<NewLeaseDuration>3</NewLeaseDuration>"),
	 OK RESULT("u", "<NewLeaseDuration>0</NewLeaseDuration>"), DIFFERENCE_DIFFERENT,
	 "NewLeaseDuration"},
	{FLOW_SOAP, OK RESULT("u", "<A>192.168.1.1</A>"), OK RESULT("u", "<A>10.0.0.1</A>"),
	 DIFFERENCE_SAME, ""},
	{FLOW_SOAP, OK RESULT("u", ""), FAULT("718", "Conflict"), DIFFERENCE_DIFFERENT,
	 "result became fault 718 Conflict"},
	{FLOW_SOAP, FAULT("713", "x"), FAULT("714", "x"), DIFFERENCE_DIFFERENT,
	 "fault 713 x became 714 x"},
	{FLOW_SOAP, FAULT("713", "x"), FAULT("713", "y"), DIFFERENCE_COSMETIC, "text of fault 713"},
	{FLOW_HTTP, "GET /a HTTP/1.1\r\n\r\n", "GET /b HTTP/1.1\r\n\r\n", DIFFERENCE_DIFFERENT,
	 "target /a became /b"},
	{FLOW_HTTP, "GET /a HTTP/1.1\r\n\r\n", "GET /a HTTP/1.0\r\n\r\n", DIFFERENCE_COSMETIC,
	 "form of the head"},
	{FLOW_HTTP, "HTTP/1.1 200 OK\r\n\r\na", "HTTP/1.1 200 OK\r\n\r\nbc", DIFFERENCE_DIFFERENT,
	 "body of 1 bytes became one of 2"},
	{FLOW_HTTP, "HTTP/1.1 404 no\r\n\r\na", "HTTP/1.1 404 no\r\n\r\nb", DIFFERENCE_COSMETIC,
	 "body of 1"},
	{FLOW_HTTP, "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 404 OK\r\n\r\n", DIFFERENCE_DIFFERENT,
	 "status 200 became 404"},
	{FLOW_HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n192.168.1.1",
	 "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n10.0.0.1", DIFFERENCE_SAME, ""},
	{FLOW_SSDP, FOUND "\r\n", NULL, DIFFERENCE_MISSING, "is missing"},
	{FLOW_SSDP, NULL, FOUND "\r\n", DIFFERENCE_MISSING, "was not there before"},
	{FLOW_SSDP, NULL, NULL, DIFFERENCE_SAME, ""},
};

static const struct recorded_message *put(struct recorded_message *m, const char *text)
{
	if (!text)
		return NULL;
	m->bytes = (struct buf){(char *)(uintptr_t)text, strlen(text), 0};
	return m;
}

static void grades(void **state)
{
	struct substitutions s = {0};

	(void)state;
	substitutions_add(&s, "192.168.1.1", "10.0.0.1");
	substitutions_add(&s, "192.168.1.1:80", "10.0.0.1:5000");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct recorded_message a = {0}, b = {0};
		struct difference d = {0};

		difference_message(rows[i].protocol, put(&a, rows[i].a), put(&b, rows[i].b), &s,
				   "reply", &d);
		assert_row(i, d.grade, rows[i].grade);
		if (!*rows[i].says)
			assert_row(i, d.count, 0);
		else if (!d.count || strncmp(d.items[0].text, "reply: ", 7) ||
			 !strstr(d.items[0].text, rows[i].says))
			fail_msg("row %zu: \"%s\" does not say \"%s\"", i,
				 d.count ? d.items[0].text : "", rows[i].says);
		difference_free(&d);
	}
	substitutions_free(&s);
}

static void gaps_are_not_compared(void **state)
{
	struct recorded_gap gap = {sizeof(OK) - 1, 0};
	struct recorded_message a = {.gaps = &gap, .gap_count = 1}, b = {0};
	struct difference d = {0};

	(void)state;
	difference_message(FLOW_SOAP, put(&a, OK), put(&b, OK RESULT("u", "")), NULL, NULL, &d);
	assert_int_equal(d.grade, DIFFERENCE_SAME);
	assert_int_equal(d.count, 1);
	assert_string_equal(
		d.items[0].text,
		"only the head was compared: the first recording has not got all of it");
	difference_free(&d);
}

static void substitutions(void **state)
{
	static const char *const pairs[][2] = {
		{"192.168.1.1", "A"},
		{"(192.168.1.1)192.168.1.1.", "(A)A."},
		{"192.168.1.10 2192.168.1.1 1.192.168.1.1 192.168.1.1.5", NULL},
		{"http://192.168.1.1:80/x http://192.168.1.1:8080/x", "http://B/x http://A:8080/x"},
		{"uuid:abc-1 uuid:abc-12 xuuid:abc-1", "C uuid:abc-12 xuuid:abc-1"},
		{"", ""},
	};
	struct substitutions s = {0};
	struct buf out = {0};

	(void)state;
	substitutions_add(&s, "192.168.1.1", "old");
	substitutions_add(&s, "192.168.1.1:80", "B");
	substitutions_add(&s, "uuid:abc-1", "C");
	substitutions_add(&s, "192.168.1.1", "A");
	substitutions_add(&s, "same", "same");
	substitutions_add(&s, "", "x");
	assert_int_equal(s.count, 3);
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		substitutions_apply(&s, slice_of(pairs[i][0]), &out);
		assert_row_slice(i, buf_slice(&out), pairs[i][1] ? pairs[i][1] : pairs[i][0]);
		buf_reset(&out);
	}
	buf_free(&out);
	substitutions_free(&s);
}

static void answer(struct exchange *x, const char *usn)
{
	buf_printf(&exchange_reply(x)->bytes, "HTTP/1.1 200 OK\r\nST: s\r\nUSN: %s\r\n\r\n", usn);
}

static void searches_are_paired_by_identity(void **state)
{
	static const struct {
		const char *a[4], *b[4];
		enum difference_grade grade;
	} cases[] = {
		{{"1", "2"}, {"2", "1"}, DIFFERENCE_SAME},
		{{"1", "2", "1"}, {"2", "1"}, DIFFERENCE_COSMETIC},
		{{"1", "2"}, {"2", "1", "2"}, DIFFERENCE_COSMETIC},
		{{"1", "2"}, {"2"}, DIFFERENCE_MISSING},
		{{"1"}, {"1", "2"}, DIFFERENCE_MISSING},
		{{"1", "2"}, {"1", "3"}, DIFFERENCE_DIFFERENT},
		{{NULL}, {NULL}, DIFFERENCE_SAME},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct exchange a = {.protocol = FLOW_SSDP}, b = {.protocol = FLOW_SSDP};
		struct difference d = {0};

		for (size_t j = 0; cases[i].a[j]; j++)
			answer(&a, cases[i].a[j]);
		for (size_t j = 0; cases[i].b[j]; j++)
			answer(&b, cases[i].b[j]);
		difference_exchange(&a, &b, NULL, &d);
		assert_row(i, d.grade, cases[i].grade);
		difference_free(&d);
		exchange_free(&a);
		exchange_free(&b);
	}
}

static void exchanges(void **state)
{
	struct exchange a = {.protocol = FLOW_SOAP}, b = {.protocol = FLOW_HTTP};
	struct difference d = {0};

	(void)state;
	difference_exchange(&a, NULL, NULL, &d);
	assert_int_equal(d.grade, DIFFERENCE_MISSING);
	difference_free(&d);
	difference_exchange(&a, &b, NULL, &d);
	assert_int_equal(d.grade, DIFFERENCE_DIFFERENT);
	difference_free(&d);
	b.protocol = FLOW_SOAP;
	answer(&a, "x");
	difference_exchange(&a, &b, NULL, &d);
	assert_int_equal(d.grade, DIFFERENCE_MISSING);
	assert_string_equal(d.items[0].text, "reply: is missing");
	difference_free(&d);
	exchange_free(&a);
}

/* ---- whole flows ---- */

static void put_soap(struct recording *r, const char *target, const char *index, const char *value)
{
	struct exchange *x = recording_add(r);

	x->protocol = FLOW_SOAP;
	x->name = xstrdup("Do");
	x->has_request = true;
	end_point_parse(slice_of("10.0.0.1:80"), &x->request.to);
	buf_printf(&x->request.bytes,
		   "POST %s HTTP/1.1\r\nSOAPACTION: "
		   "\"s#Do\"\r\n\r\n<Envelope><Body><Do><I>%s</I></Do></Body>"
		   "</Envelope>",
		   target, index);
	buf_printf(
		&exchange_reply(x)->bytes,
		"HTTP/1.1 200 OK\r\n\r\n<Envelope><Body><DoResponse><V>%s</V></DoResponse></Body>"
		"</Envelope>",
		value);
}

static void put_alive(struct recording *r, const char *usn)
{
	struct exchange *x = recording_add(r);

	x->protocol = FLOW_SSDP;
	x->name = xstrdup("NOTIFY ssdp:alive");
	x->has_request = x->from_router = true;
	buf_printf(&x->request.bytes,
		   "NOTIFY * HTTP/1.1\r\nNT: a\r\nNTS: ssdp:alive\r\nUSN: %s\r\n\r\n", usn);
}

/* By what they say even where the URL changed; repeated announcements are form. */
static void flows_are_paired(void **state)
{
	struct recording a = {0}, b = {0};
	struct flowdiff f;

	(void)state;
	put_alive(&a, "u");
	put_soap(&a, "/a", "1", "one");
	put_soap(&a, "/a", "2", "two");
	put_soap(&a, "/a", "3", "three");
	put_soap(&b, "/b", "2", "two");
	put_soap(&b, "/b", "1", "eins");
	put_alive(&b, "u");
	put_alive(&b, "u");
	flowdiff(&a, &b, NULL, &f);
	assert_int_equal(f.count, 5);
	assert_int_equal(f.pairs[1].b, 1);
	assert_int_equal(f.pairs[2].b, 0);
	assert_int_equal(f.pairs[3].b, FLOWDIFF_NONE);
	assert_int_equal(f.pairs[4].a, FLOWDIFF_NONE);
	assert_int_equal(f.grades[DIFFERENCE_SAME], 1);
	assert_int_equal(f.grades[DIFFERENCE_COSMETIC], 1);
	assert_int_equal(f.grades[DIFFERENCE_DIFFERENT], 2);
	assert_int_equal(f.grades[DIFFERENCE_MISSING], 1);
	assert_string_equal(f.pairs[1].difference.items[1].text,
			    "reply: argument V: \"one\" became \"eins\"");
	flowdiff_free(&f);
	recording_free(&a);
	recording_free(&b);
}

static void heads_tell_the_addresses(void **state)
{
	struct recording a = {.client = xstrdup("10.0.0.2"), .router = xstrdup("10.0.0.1")};
	struct recording b = {.client = xstrdup("10.0.0.2"), .router = xstrdup("fe80::1")};
	struct substitutions s = {0};

	(void)state;
	put_soap(&a, "/a", "1", "");
	put_soap(&b, "/a", "1", "");
	flowdiff_addresses(&a, &b, &s);
	assert_int_equal(s.count, 2);
	assert_string_equal(s.items[0].from, "10.0.0.1:80");
	assert_string_equal(s.items[0].to, "[fe80::1]:80");
	substitutions_free(&s);
	recording_free(&a);
	recording_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grades),
		cmocka_unit_test(gaps_are_not_compared),
		cmocka_unit_test(substitutions),
		cmocka_unit_test(searches_are_paired_by_identity),
		cmocka_unit_test(exchanges),
		cmocka_unit_test(flows_are_paired),
		cmocka_unit_test(heads_tell_the_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
