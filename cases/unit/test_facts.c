/* SPDX-License-Identifier: MIT */
/*
 * test_facts.c - what recorded messages say.
 *
 * links: sim
 */
#include "unit.h"

#include "../../sim/facts.h"

#define ENVELOPE(inside)                                                                           \
	"<?xml version=\"1.0\"?><s:Envelope "                                                      \
	"xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">"                                   \
	"<s:Body>" inside "</s:Body></s:Envelope>"
#define POST "POST /ctl HTTP/1.1\r\nHost: a\r\nSOAPACTION: \"urn:s:1#Head\"\r\n"

static struct facts decode(enum flow_protocol protocol, const char *bytes, size_t len)
{
	struct recorded_message m = {.bytes = {(char *)(uintptr_t)bytes, len, 0}};
	struct facts f;

	facts_of(protocol, &m, &f);
	return f;
}

static void kinds(void **state)
{
	static const struct {
		enum flow_protocol protocol;
		const char *bytes;
		enum facts_kind kind;
		const char *head; /* method or status */
	} rows[] = {
		{FLOW_SSDP, "M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\n\r\n", FACTS_SEARCH,
		 "M-SEARCH"},
		{FLOW_SSDP, "M-SEARCH * HTTP/1.1\r\nST: ssdp:all", FACTS_SEARCH, "M-SEARCH"},
		{FLOW_SSDP, "HTTP/1.1 200 OK\r\nST:x\r\n\r\n", FACTS_FOUND, "200"},
		{FLOW_SSDP, "NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\n\r\n", FACTS_NOTIFY, "NOTIFY"},
		{FLOW_HTTP, "GET /root.xml HTTP/1.1\r\n\r\n", FACTS_GET, "GET"},
		{FLOW_HTTP, "HTTP/1.0 404 no\r\n\r\nnothing", FACTS_RESPONSE, "404"},
		{FLOW_HTTP, "HTTP/1.0 200 OK\r\n\r\n<root><device/></root>", FACTS_DESCRIPTION,
		 "200"},
		{FLOW_HTTP, "HTTP/1.0 200 OK\r\n\r\n<scpd><a/></scpd>", FACTS_DESCRIPTION, "200"},
		{FLOW_HTTP, "HTTP/1.0 200 OK\r\n\r\n<html><a/></html>", FACTS_RESPONSE, "200"},
		{FLOW_SOAP, POST "\r\n" ENVELOPE("<u:Do xmlns:u=\"urn:s:1\"/>"), FACTS_ACTION,
		 "POST"},
		{FLOW_SOAP, POST "\r\nno xml", FACTS_ACTION, "POST"},
		{FLOW_SOAP,
		 "HTTP/1.1 200 OK\r\n\r\n" ENVELOPE("<u:DoResponse xmlns:u=\"urn:s:1\"/>"),
		 FACTS_RESULT, "200"},
		{FLOW_SOAP, "HTTP/1.1 500 no\r\n\r\n" ENVELOPE("<s:Fault/>"), FACTS_FAULT, "500"},
		{FLOW_GENA, "SUBSCRIBE /e HTTP/1.1\r\nNT: upnp:event\r\n\r\n", FACTS_SUBSCRIBE,
		 "SUBSCRIBE"},
		{FLOW_GENA, "NOTIFY /cb HTTP/1.1\r\nNT: upnp:event\r\n\r\n", FACTS_EVENT, "NOTIFY"},
		{FLOW_TCP, "GET / HTTP/1.1\r\n\r\n", FACTS_DATA, NULL},
		{FLOW_HTTP, "neither\r\n\r\n", FACTS_DATA, NULL},
		{FLOW_HTTP, "", FACTS_DATA, NULL},
		{FLOW_PCP, "\x01x", FACTS_DATA, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct facts f = decode(rows[i].protocol, rows[i].bytes, strlen(rows[i].bytes));

		assert_row(i, f.kind, rows[i].kind);
		if (f.method)
			assert_row_slice(i, slice_of(f.method), rows[i].head);
		else
			assert_row(i, f.status, rows[i].head ? atoi(rows[i].head) : 0);
		if (f.kind == FACTS_DATA)
			assert_row_slice(i, buf_slice(&f.body), rows[i].bytes);
		facts_free(&f);
	}
}

static void soap(void **state)
{
	struct facts f;

	(void)state;
	f = decode(FLOW_SOAP,
		   BYTES(POST "\r\n" ENVELOPE("<u:Do xmlns:u=\"urn:s:1\"><A> 1 </A><B/></u:Do>")));
	assert_string_equal(f.service, "urn:s:1");
	assert_string_equal(f.action, "Do");
	assert_int_equal(f.argument_count, 2);
	assert_string_equal(facts_argument(&f, "A"), "1");
	assert_string_equal(facts_argument(&f, "B"), "");
	assert_null(facts_argument(&f, "C"));
	assert_string_equal(facts_header(&f, "host"), "a");
	assert_string_equal(f.target, "/ctl");
	facts_free(&f);
	f = decode(FLOW_SOAP, BYTES(POST "\r\n"));
	assert_string_equal(f.action, "Head");
	assert_string_equal(f.service, "urn:s:1");
	facts_free(&f);
	f = decode(FLOW_SOAP,
		   BYTES("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na8\r\n" ENVELOPE(
			   "<m:DoResponse xmlns:m=\"u\"><X>&amp;</X></m:DoResponse>") "\r\n0\r\n\r"
										      "\n"));
	assert_int_equal(f.kind, FACTS_RESULT);
	assert_string_equal(f.action, "Do");
	assert_string_equal(facts_argument(&f, "X"), "&");
	facts_free(&f);
	f = decode(FLOW_SOAP,
		   BYTES("HTTP/1.1 500 no\r\n\r\n" ENVELOPE(
			   "<s:Fault><detail><UPnPError xmlns=\"urn:schemas-upnp-org:control-1-0\">"
			   "<errorCode>713</errorCode><errorDescription>End</errorDescription>"
			   "</UPnPError></detail></s:Fault>")));
	assert_int_equal(f.fault_code, 713);
	assert_string_equal(f.fault_text, "End");
	facts_free(&f);
}

static void description(void **state)
{
	struct facts f = decode(
		FLOW_HTTP,
		BYTES("HTTP/1.1 200 OK\r\n\r\n<root "
		      "xmlns=\"urn:schemas-upnp-org:device-1-0\"><device>"
		      "<UDN>uuid:1</UDN><iconList><icon><url>/i</url></icon></iconList><deviceList>"
		      "<device><UDN>uuid:2</UDN></device></deviceList></device></root>"));

	(void)state;
	assert_int_equal(f.argument_count, 2);
	assert_string_equal(f.arguments[0].value, "uuid:1");
	assert_string_equal(f.arguments[1].value, "uuid:2");
	facts_free(&f);
}

static void event(void **state)
{
	struct facts f = decode(
		FLOW_GENA,
		BYTES("NOTIFY /cb HTTP/1.1\r\nNTS: upnp:propchange\r\n\r\n"
		      "<e:propertyset xmlns:e=\"urn:schemas-upnp-org:event-1-0\"><e:property>"
		      "<ExternalIPAddress>192.0.2.1</ExternalIPAddress></e:property></"
		      "e:propertyset>"));

	(void)state;
	assert_string_equal(facts_argument(&f, "ExternalIPAddress"), "192.0.2.1");
	facts_free(&f);
}

#define PCP_MAP                                                                                    \
	"\x02\x81\x00\x00\x00\x00\x0e\x10\x00\x00\x00\x07\0\0\0\0\0\0\0\0\0\0\0\0"                 \
	"abcdefghijkl\x06\0\0\0\x07\x50\x07\x51\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01"

static void port_control(void **state)
{
	static const struct {
		enum flow_protocol protocol;
		const char *bytes;
		size_t len;
		const char *name, *value;
	} rows[] = {
		{FLOW_NATPMP, BYTES("\0\0"), "direction", "request"},
		{FLOW_NATPMP, BYTES("\0\x02\0\0\x07\x50\0\0\0\0\x0e\x10"), "internal_port", "1872"},
		{FLOW_NATPMP, BYTES("\0\x02\0\0\x07\x50\0\0\0\0\x0e\x10"), "lifetime", "3600"},
		{FLOW_NATPMP, BYTES("\0\x80\0\0\0\0\0\x05\xc0\0\x02\x09"), "external_address",
		 "192.0.2.9"},
		{FLOW_NATPMP, BYTES("\0\x82\0\x02\0\0\0\x05"), "result", "2"},
		{FLOW_NATPMP, BYTES("\0\x82\0\x02\0\0\0\x05"), "lifetime", NULL},
		{FLOW_PCP, BYTES(PCP_MAP), "result", "0"},
		{FLOW_PCP, BYTES(PCP_MAP), "epoch", "7"},
		{FLOW_PCP, BYTES(PCP_MAP), "nonce", "6162636465666768696a6b6c"},
		{FLOW_PCP, BYTES(PCP_MAP), "external_port", "1873"},
		{FLOW_PCP, BYTES(PCP_MAP), "external_address", "192.0.2.1"},
		{FLOW_PCP, BYTES(PCP_MAP "\x02\0\0\0"), "option 2", ""},
		{FLOW_PCP, BYTES(PCP_MAP "\x03\0\0\x03xyz"), "option 3", "78797a"},
		{FLOW_PCP, BYTES(PCP_MAP "\x03\0\0\xffxyz"), "option 3", "78797a"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct facts f = decode(rows[i].protocol, rows[i].bytes, rows[i].len);
		const char *value = facts_argument(&f, rows[i].name);

		assert_row(i, f.kind, FACTS_PORT_CONTROL);
		assert_row(i, !value, !rows[i].value);
		if (value)
			assert_row_slice(i, slice_of(value), rows[i].value);
		facts_free(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),	cmocka_unit_test(soap),
		cmocka_unit_test(description),	cmocka_unit_test(event),
		cmocka_unit_test(port_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
