/* SPDX-License-Identifier: MIT */
/*
 * test_gena.c - SUBSCRIBE, UNSUBSCRIBE and property sets (UDA 2.0 clause 4; GENA-03, GENA-05 to
 * GENA-09, GENA-12, GENA-13, GENA-40, GENA-46).
 */
#include "../../fakeigd/wire/gena.h"

#include "unit.h"

#define CB  "CALLBACK: <http://192.168.1.4:5000/e>\r\n"
#define NT  "NT: upnp:event\r\n"
#define SID "SID: uuid:1\r\n"

static enum gena_error subscribe(const char *headers, struct gena_subscribe *out, struct buf *b)
{
	struct http_head head;
	size_t consumed;

	buf_reset(b);
	buf_printf(b, "SUBSCRIBE /e HTTP/1.1\r\n%s\r\n", headers);
	assert_int_equal(http_parse_head(b->data, b->len, &head, &consumed), HTTP_OK);
	return gena_parse_subscribe(&head, out);
}

static void test_subscribe(void **state)
{
	static const struct {
		const char *headers;
		enum gena_error error;
		int status;
	} rows[] = {
		{CB NT "TIMEOUT: Second-1800\r\n", GENA_OK, 200},
		{CB NT, GENA_OK, 200},
		{"callback:<http://h/>\r\nnt:upnp:event\r\n", GENA_OK, 200},
		{"CALLBACK: <ftp://h/><http://h/>\r\n" NT, GENA_OK, 200},
		{"CALLBACK: junk <http://h/> junk\r\n" NT, GENA_OK, 200},
		{SID, GENA_OK, 200},
		{SID "TIMEOUT: Second-1800\r\n", GENA_OK, 200},
		{"", GENA_BAD_NT, 412},
		{CB, GENA_BAD_NT, 412},
		{CB "NT: foo\r\n", GENA_BAD_NT, 412},
		{CB "NT:\r\n", GENA_BAD_NT, 412},
		{NT, GENA_NO_CALLBACK, 412},
		{"CALLBACK:\r\n" NT, GENA_NO_CALLBACK, 412},
		{"CALLBACK: <>\r\n" NT, GENA_NO_CALLBACK, 412},
		{"CALLBACK: <\r\n" NT, GENA_NO_CALLBACK, 412},
		{"CALLBACK: >\r\n" NT, GENA_NO_CALLBACK, 412},
		{"CALLBACK: ><\r\n" NT, GENA_NO_CALLBACK, 412},
		{"CALLBACK: http://h/\r\n" NT, GENA_NO_CALLBACK, 412},
		{"CALLBACK: <http://h/\r\n" NT, GENA_NO_CALLBACK, 412},
		{"CALLBACK: <ftp://h/>\r\n" NT, GENA_NO_CALLBACK, 412},
		{"CALLBACK: <https://h/>\r\n" NT, GENA_NO_CALLBACK, 412},
		{"CALLBACK: <http://:80/>\r\n" NT, GENA_NO_CALLBACK, 412},
		{"CALLBACK: <http://h:99999/>\r\n" NT, GENA_NO_CALLBACK, 412},
		{"CALLBACK: <http://[::1/>\r\n" NT, GENA_NO_CALLBACK, 412},
		{SID NT, GENA_INCOMPATIBLE, 400},
		{SID CB, GENA_INCOMPATIBLE, 400},
		{SID CB NT, GENA_INCOMPATIBLE, 400},
		{"SID:\r\n", GENA_NO_SID, 412},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct gena_subscribe s;
		struct buf b = {0};

		assert_row(i, subscribe(rows[i].headers, &s, &b), rows[i].error);
		assert_row(i, gena_error_status(rows[i].error), rows[i].status);
		assert_true(*gena_error_text(rows[i].error));
		buf_free(&b);
	}
}

static void test_fields(void **state)
{
	struct gena_subscribe s;
	struct buf b = {0};

	(void)state;
	assert_int_equal(
		subscribe("CALLBACK: <http://a/1><ftp://x/>  <http://[fe80::1]:8/2?q>\r\n" NT
			  "TIMEOUT: Second-300\r\n",
			  &s, &b),
		GENA_OK);
	assert_false(s.renewal);
	assert_int_equal(s.count, 2);
	assert_string_equal(s.callbacks[0].host, "a");
	assert_string_equal(s.callbacks[0].path, "/1");
	assert_int_equal(s.callbacks[0].port, 80);
	assert_true(s.callbacks[1].is_ipv6);
	assert_int_equal(s.callbacks[1].port, 8);
	assert_string_equal(s.callbacks[1].path, "/2?q");
	assert_int_equal(s.timeout, 300);
	assert_int_equal(subscribe(SID, &s, &b), GENA_OK);
	assert_true(s.renewal);
	assert_slice(s.sid, "uuid:1");
	assert_int_equal(s.count, 0);
	assert_int_equal(s.timeout, -1);
	buf_free(&b);
}

/* GENA-03 */
static void test_timeouts(void **state)
{
	static const struct {
		const char *value;
		long timeout;
	} rows[] = {
		{"Second-1800", 1800},
		{"second-1800", 1800},
		{"Second-007", 7},
		{"Second-2147483647", 2147483647},
		{"Second-infinite", 0},
		{"SECOND-INFINITE", 0},
		{"infinite", 0},
		{"", -1},
		{"1800", -1},
		{"Second-", -1},
		{"Second-0", -1},
		{"Second--5", -1},
		{"Second-1800s", -1},
		{"Second-2147483648", -1},
		{"Second-99999999999999999999999", -1},
		{"Minute-5", -1},
		{"Second 1800", -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct gena_subscribe s;
		struct buf b = {0}, headers = {0};

		buf_printf(&headers, CB NT "TIMEOUT: %s\r\n", rows[i].value);
		assert_row(i, subscribe(headers.data, &s, &b), GENA_OK);
		assert_row(i, s.timeout, rows[i].timeout);
		buf_free(&headers);
		buf_free(&b);
	}
}

/* GENA-12: whole or refused. */
static void test_callback_limits(void **state)
{
	struct gena_subscribe s;
	struct buf headers = {0}, b = {0};

	(void)state;
	for (size_t count = 1; count <= GENA_CALLBACKS_MAX + 1; count++) {
		buf_reset(&headers);
		buf_puts(&headers, NT "CALLBACK: ");
		for (size_t i = 0; i < count; i++)
			buf_puts(&headers, "<http://h/>");
		buf_puts(&headers, "\r\n");
		assert_row(count, subscribe(headers.data, &s, &b),
			   count > GENA_CALLBACKS_MAX ? GENA_NO_CALLBACK : GENA_OK);
	}
	buf_reset(&headers);
	buf_puts(&headers, NT "CALLBACK: <http://h/");
	for (int i = 0; i < 20000; i++)
		buf_putc(&headers, 'x');
	buf_puts(&headers, ">\r\n");
	assert_int_equal(subscribe(headers.data, &s, &b), GENA_NO_CALLBACK);
	buf_reset(&headers);
	buf_puts(&headers, NT "CALLBACK: ");
	for (int i = 0; i < 100000; i++)
		buf_putc(&headers, '<');
	buf_puts(&headers, "\r\n");
	assert_int_equal(subscribe(headers.data, &s, &b), GENA_NO_CALLBACK);
	buf_free(&headers);
	buf_free(&b);
}

/* GENA-09 */
static void test_unsubscribe(void **state)
{
	static const struct {
		const char *headers;
		enum gena_error error;
	} rows[] = {
		{SID, GENA_OK},
		{"", GENA_NO_SID},
		{"SID:\r\n", GENA_NO_SID},
		{SID NT, GENA_INCOMPATIBLE},
		{SID CB, GENA_INCOMPATIBLE},
		{CB NT, GENA_NO_SID},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_head head;
		struct buf b = {0};
		struct slice sid;
		size_t consumed;

		buf_printf(&b, "UNSUBSCRIBE /e HTTP/1.1\r\n%s\r\n", rows[i].headers);
		assert_row(i, http_parse_head(b.data, b.len, &head, &consumed), HTTP_OK);
		assert_row(i, gena_parse_unsubscribe(&head, &sid), rows[i].error);
		if (!rows[i].error)
			assert_row_slice(i, sid, "uuid:1");
		buf_free(&b);
	}
}

static void gather(void *arg, const char *name, const char *value)
{
	buf_printf(arg, "%s=%s;", name, value);
}

static void test_properties(void **state)
{
#define SET(text)                                                                                  \
	"<e:propertyset xmlns:e=\"urn:schemas-upnp-org:event-1-0\">" text "</e:propertyset>"
	static const struct {
		const char *text;
		enum xml_error error;
		const char *properties;
	} rows[] = {
		{SET("<e:property><A>1</A></e:property><e:property><B>&lt;x&gt;</B></e:property>"),
		 XML_OK, "A=1;B=<x>;"},
		{SET("\n<e:property>\n <A> 1 </A>\n</e:property>\n"), XML_OK, "A=1;"},
		{SET("<e:property><A>1</A><B/></e:property>"), XML_OK, "A=1;B=;"},
		{SET("<other><A>1</A></other>"), XML_OK, ""},
		{SET(""), XML_OK, ""},
		{"<root/>", XML_MALFORMED, ""},
		{"<e:propertyset/>", XML_MALFORMED, ""},
		{"", XML_MALFORMED, ""},
		{SET("<e:property>"), XML_MALFORMED, ""},
		{"<!DOCTYPE x>" SET(""), XML_FORBIDDEN, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf b = {0};

		assert_row(i, gena_each_property(rows[i].text, strlen(rows[i].text), gather, &b),
			   rows[i].error);
		assert_row_slice(i, buf_slice(&b), rows[i].properties);
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subscribe),   cmocka_unit_test(test_fields),
		cmocka_unit_test(test_timeouts),    cmocka_unit_test(test_callback_limits),
		cmocka_unit_test(test_unsubscribe), cmocka_unit_test(test_properties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
