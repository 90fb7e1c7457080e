/* SPDX-License-Identifier: MIT */
/*
 * test_soap.c - SOAP requests, responses and faults (UDA 2.0 clause 3; SOAP-05 to SOAP-10, SOAP-23,
 * SOAP-28, SOAP-30, SOAP-35, SOAP-46 to SOAP-48).
 */
#include "../../fakeigd/wire/soap.h"

#include "unit.h"

#define WANIP	   "urn:schemas-upnp-org:service:WANIPConnection:1"
#define NS	   " xmlns:s=\"" SOAP_NS_ENVELOPE "\""
#define BODY(text) "<s:Envelope" NS "><s:Body>" text "</s:Body></s:Envelope>"

static void test_round_trip(void **state)
{
	static const char *const names[] = {"NewRemoteHost", "NewPortMappingDescription"};
	static const char *const values[] = {"", " a&b<c>\"' \xC3\xA9\xE6\xBC\xA2\r\n "};
	struct soap_message m;
	struct buf b = {0};

	(void)state;
	soap_build_request(&b, WANIP, "AddPortMapping", names, values, 2);
	assert_int_equal(soap_parse(b.data, b.len, &m), SOAP_OK);
	assert_string_equal(m.action, "AddPortMapping");
	assert_string_equal(m.service, WANIP);
	assert_true(m.encoding_style);
	assert_false(m.is_fault);
	assert_null(m.must_understand);
	assert_int_equal(m.count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(m.names[i], names[i]);
		assert_string_equal(m.values[i], values[i]);
		assert_string_equal(soap_value(&m, names[i]), values[i]);
	}
	assert_null(soap_value(&m, "newremotehost"));
	soap_free(&m);
	assert_true(b.len > 2 && !memcmp(b.data + b.len - 2, "\r\n", 2));
	buf_free(&b);
}

/* SOAP-30: what no XML can carry never makes the request malformed. */
static void test_build_with_bad_bytes(void **state)
{
	static const char *const names[] = {"A"};
	static const char *const values[] = {"\x01x\xFFy\x1F"};
	struct soap_message m;
	struct buf b = {0};

	(void)state;
	soap_build_request(&b, "urn:<&\"", "X", names, values, 1);
	assert_int_equal(soap_parse(b.data, b.len, &m), SOAP_OK);
	assert_string_equal(m.service, "urn:<&\"");
	assert_string_equal(m.values[0], "x\xEF\xBF\xBDy");
	soap_free(&m);
	buf_free(&b);
}

static void test_verdicts(void **state)
{
	static const struct {
		const char *text;
		enum soap_error strict, reply;
	} rows[] = {
		{BODY("<u:X xmlns:u='y'/>"), SOAP_OK, SOAP_OK},
		{BODY("<X/>"), SOAP_OK, SOAP_OK},
		{BODY("text <X/> text"), SOAP_OK, SOAP_OK},
		{"<Envelope xmlns='" SOAP_NS_ENVELOPE "'><Body><X xmlns=''/></Body></Envelope>",
		 SOAP_OK, SOAP_OK},
		{"\xEF\xBB\xBF<?xml version='1.0'?>" BODY("<X/>"), SOAP_OK, SOAP_OK},
		{"<s:Envelope" NS "><s:Header/><s:Body><X/></s:Body></s:Envelope>", SOAP_OK,
		 SOAP_OK},
		/* SOAP 1.2, none, or another root */
		{"<s:Envelope "
		 "xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body><X/></s:Body>"
		 "</s:Envelope>",
		 SOAP_NO_ENVELOPE, SOAP_OK},
		{"<Envelope><Body><X/></Body></Envelope>", SOAP_NO_ENVELOPE, SOAP_OK},
		{"<s:envelope" NS "><s:Body><X/></s:Body></s:envelope>", SOAP_NO_ENVELOPE,
		 SOAP_NO_ENVELOPE},
		{"<html><body>401</body></html>", SOAP_NO_ENVELOPE, SOAP_NO_ENVELOPE},
		/* incomplete */
		{"<s:Envelope" NS "/>", SOAP_NO_BODY, SOAP_NO_BODY},
		{"<s:Envelope" NS "><s:body><X/></s:body></s:Envelope>", SOAP_NO_BODY,
		 SOAP_NO_BODY},
		{"<s:Envelope" NS "><Body><X/></Body></s:Envelope>", SOAP_NO_BODY, SOAP_OK},
		{"<s:Envelope" NS "><s:Body/></s:Envelope>", SOAP_NO_ACTION, SOAP_NO_ACTION},
		{BODY("only text"), SOAP_NO_ACTION, SOAP_NO_ACTION},
		/* no XML, or forbidden XML */
		{"", SOAP_BAD_XML, SOAP_BAD_XML},
		{"{}", SOAP_BAD_XML, SOAP_BAD_XML},
		{BODY("<X>"), SOAP_BAD_XML, SOAP_BAD_XML},
		{"<s:Envelope><s:Body><X/></s:Body></s:Envelope>", SOAP_BAD_XML, SOAP_OK},
		{BODY("<u:X/>"), SOAP_BAD_XML, SOAP_OK},
		{BODY("<X>a & b</X>"), SOAP_BAD_XML, SOAP_OK},
		{BODY("<X>\x01</X>"), SOAP_BAD_XML, SOAP_OK},
		{BODY("<X>\xFF</X>"), SOAP_BAD_XML, SOAP_OK},
		{BODY("<X/>") "crap", SOAP_BAD_XML, SOAP_OK},
		{"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>" BODY("<X>&e;</X>"),
		 SOAP_BAD_XML, SOAP_BAD_XML},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct soap_message m;
		size_t len = strlen(rows[i].text);

		assert_row(i, soap_parse(rows[i].text, len, &m), rows[i].strict);
		if (!rows[i].strict)
			soap_free(&m);
		assert_row(i, soap_parse_reply(rows[i].text, len, &m), rows[i].reply);
		if (!rows[i].reply)
			soap_free(&m);
		assert_true(*soap_error_text(rows[i].strict));
	}
}

/* SOAP-07: any prefix, and the service is the name space of the action. */
static void test_prefixes(void **state)
{
	static const char *const rows[] = {
		"<SOAP-ENV:Envelope xmlns:SOAP-ENV=\"" SOAP_NS_ENVELOPE "\"><SOAP-ENV:Body>"
		"<m:GetX xmlns:m=\"" WANIP
		"\"><A>1</A></m:GetX></SOAP-ENV:Body></SOAP-ENV:Envelope>",
		"<Envelope xmlns=\"" SOAP_NS_ENVELOPE "\"><Body><GetX xmlns=\"" WANIP "\">"
		"<A>1</A></GetX></Body></Envelope>",
		"<s:Envelope xmlns:s=\"" SOAP_NS_ENVELOPE "\" xmlns:u=\"" WANIP
		"\"><s:Body><u:GetX>"
		"<u:A xmlns:dt=\"urn:schemas-microsoft-com:datatypes\" "
		"dt:dt=\"ui2\">1</u:A></u:GetX>"
		"</s:Body></s:Envelope>",
		"<s:Envelope xmlns:s=\"" SOAP_NS_ENVELOPE "\">\n<s:Body>\n\t<!-- c -->\n"
		"<u:GetX xmlns:u='" WANIP
		"' >\n<A><![CDATA[1]]></A>\n</u:GetX>\n</s:Body></s:Envelope>",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct soap_message m;

		assert_row(i, soap_parse(rows[i], strlen(rows[i]), &m), SOAP_OK);
		assert_row_slice(i, slice_of(m.action), "GetX");
		assert_row_slice(i, slice_of(m.service), WANIP);
		assert_row(i, m.count, 1);
		assert_row_slice(i, slice_of(m.names[0]), "A");
		assert_row_slice(i, slice_of(m.values[0]), "1");
		assert_row(i, m.encoding_style, false);
		soap_free(&m);
	}
}

/* SOAP-23: white space is part of a request's value; a control point does not care for it. */
static void test_white_space(void **state)
{
	static const char text[] = BODY("<X><A> TCP </A><B>\n</B><C/></X>");
	struct soap_message m;

	(void)state;
	assert_int_equal(soap_parse(BYTES(text), &m), SOAP_OK);
	assert_string_equal(soap_value(&m, "A"), " TCP ");
	assert_string_equal(soap_value(&m, "B"), "\n");
	assert_string_equal(soap_value(&m, "C"), "");
	soap_free(&m);
	assert_int_equal(soap_parse_reply(BYTES(text), &m), SOAP_OK);
	assert_string_equal(soap_value(&m, "A"), "TCP");
	assert_string_equal(soap_value(&m, "B"), "");
	soap_free(&m);
}

/* SOAP-10 */
static void test_must_understand(void **state)
{
	static const struct {
		const char *header, *name;
	} rows[] = {
		{"", NULL},
		{"<h:A xmlns:h='x'/>", NULL},
		{"<h:A xmlns:h='x' s:mustUnderstand='0'/>", NULL},
		{"<h:A xmlns:h='x' mustUnderstand='1'/>", NULL},
		{"<h:A xmlns:h='x'/><h:B xmlns:h='x' s:mustUnderstand='1'/>", "B"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct soap_message m;
		struct buf b = {0};

		buf_printf(&b,
			   "<s:Envelope" NS
			   "><s:Header>%s</s:Header><s:Body><X/></s:Body></s:Envelope>",
			   rows[i].header);
		assert_row(i, soap_parse(b.data, b.len, &m), SOAP_OK);
		assert_row(i, m.must_understand != NULL, rows[i].name != NULL);
		if (rows[i].name)
			assert_string_equal(m.must_understand, rows[i].name);
		soap_free(&m);
		buf_free(&b);
	}
}

/* SOAP-35, and what routers make of a fault. */
static void test_faults(void **state)
{
	static const struct {
		const char *fault;
		int code;
		const char *text;
	} rows[] = {
		{"<faultcode>s:Client</faultcode><faultstring>UPnPError</"
		 "faultstring><detail><UPnPError "
		 "xmlns='urn:schemas-upnp-org:control-1-0'><errorCode>713</"
		 "errorCode><errorDescription>"
		 "SpecifiedArrayIndexInvalid</errorDescription></UPnPError></detail>",
		 713, "SpecifiedArrayIndexInvalid"},
		{"<faultCode/><detail><UPnPError><errorCode xmlns=''> 714 "
		 "</errorCode></UPnPError></detail>",
		 714, ""},
		{"<UPnPError><ErrorCode>-911</ErrorCode></UPnPError>", -911, ""},
		{"<detail/>", -1, ""},
		{"", -1, ""},
		{"<errorCode>abc</errorCode><errorDescription>x</errorDescription>", -1, "x"},
		{"<errorCode></errorCode>", -1, ""},
		{"<errorCode>99999999999</errorCode>", -1, ""},
		{"<errorCode>99999999999999999999999999</errorCode>", -1, ""},
		{"<errorCode>0</errorCode>", 0, ""},
		{"<errorCode>718x</errorCode>", -1, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct soap_message m;
		struct buf b = {0};

		buf_printf(&b, BODY("<s:Fault>%s</s:Fault>"), rows[i].fault);
		assert_row(i, soap_parse(b.data, b.len, &m), SOAP_OK);
		assert_row(i, m.is_fault, true);
		assert_row(i, m.fault_code, rows[i].code);
		assert_row_slice(i, slice_of(m.fault_text), rows[i].text);
		assert_row(i, m.count, 0);
		soap_free(&m);
		buf_free(&b);
	}
}

static enum soap_error with_arguments(int count)
{
	struct soap_message m;
	struct buf b = {0};
	enum soap_error error;

	buf_puts(&b, "<s:Envelope" NS "><s:Body><X>");
	for (int i = 0; i < count; i++)
		buf_puts(&b, "<A/>");
	buf_puts(&b, "</X></s:Body></s:Envelope>");
	error = soap_parse(b.data, b.len, &m);
	if (!error)
		soap_free(&m);
	buf_free(&b);
	return error;
}

static void test_number_of_arguments(void **state)
{
	(void)state;
	assert_int_equal(with_arguments(SOAP_ARGUMENTS_MAX), SOAP_OK);
	assert_int_equal(with_arguments(SOAP_ARGUMENTS_MAX + 1), SOAP_TOO_MANY_ARGUMENTS);
}

/* SOAP-05, SOAP-46 */
static void test_action_header(void **state)
{
	static const struct {
		const char *value;
		size_t len;
		const char *service, *action; /* NULL: refused */
	} rows[] = {
		{BYTES("\"" WANIP "#GetStatusInfo\""), WANIP, "GetStatusInfo"},
		{BYTES(WANIP "#GetStatusInfo"), WANIP, "GetStatusInfo"},
		{BYTES(" \"a#b\" "), "a", "b"},
		{BYTES("\"a#b#c\""), "a#b", "c"},
		{BYTES(""), NULL, NULL},
		{NULL, 0, NULL, NULL},
		{BYTES("\""), NULL, NULL},
		{BYTES("\"\""), NULL, NULL},
		{BYTES("'"), NULL, NULL},
		{BYTES("#"), NULL, NULL},
		{BYTES("\"#\""), NULL, NULL},
		{BYTES("\"a#\""), NULL, NULL},
		{BYTES("\"#b\""), NULL, NULL},
		{BYTES("\"a#b"), NULL, NULL},
		{BYTES("a#b\""), NULL, NULL},
		{BYTES("\"a b\""), NULL, NULL},
		{BYTES("\"a#b c\""), NULL, NULL},
		{BYTES("\"a#b\0\""), NULL, NULL},
		{BYTES("\"a\x80#b\""), NULL, NULL},
		{BYTES("\"a#b\"; charset=x"), NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct slice value = {rows[i].value, rows[i].len}, service, action;

		assert_row(i, soap_parse_action_header(value, &service, &action),
			   rows[i].service ? SOAP_OK : SOAP_BAD_ACTION_HEADER);
		if (!rows[i].service)
			continue;
		assert_row_slice(i, service, rows[i].service);
		assert_row_slice(i, action, rows[i].action);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_build_with_bad_bytes),
		cmocka_unit_test(test_verdicts),      cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_white_space),   cmocka_unit_test(test_must_understand),
		cmocka_unit_test(test_faults),	      cmocka_unit_test(test_number_of_arguments),
		cmocka_unit_test(test_action_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
