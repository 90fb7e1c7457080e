/* SPDX-License-Identifier: MIT */
/*
 * test_ssdp.c - SSDP datagrams as they should be and as routers send them (UDA 2.0 clause 1;
 * SSDP-06, SSDP-14, SSDP-43, SSDP-44, SSDP-52 to SSDP-55, SSDP-69).
 */
#include "../../fakeigd/wire/ssdp.h"

#include "unit.h"

#define SEARCH "M-SEARCH * HTTP/1.1\r\n"
#define MAN    "MAN: \"ssdp:discover\"\r\n"
#define NOTIFY "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n"
#define REPLY  "HTTP/1.1 200 OK\r\n"
#define IGD    "urn:schemas-upnp-org:device:InternetGatewayDevice:1"

static void test_search(void **state)
{
	struct ssdp_message m;
	struct buf b = {0};

	(void)state;
	ssdp_build_search(&b, "239.255.255.250:1900", IGD, 2);
	assert_int_equal(ssdp_parse(b.data, b.len, &m), SSDP_OK);
	assert_int_equal(m.kind, SSDP_SEARCH);
	assert_int_equal(m.mx, 2);
	assert_slice(m.target, IGD);
	assert_slice(http_header(&m.head, "HOST"), "239.255.255.250:1900");
	assert_int_equal(m.head.lenient, 0);
	assert_false(m.man_unquoted);
	buf_reset(&b);
	ssdp_build_search(&b, "192.168.1.1:1900", "ssdp:all", -1);
	assert_int_equal(ssdp_parse(b.data, b.len, &m), SSDP_OK);
	assert_int_equal(m.mx, -1);
	assert_null(strstr(b.data, "MX"));
	buf_free(&b);
}

static void test_reply(void **state)
{
	static const char text[] = REPLY
		"Cache-Control: max-age=1800\r\nDate: x\r\nEXT:\r\n"
		"Location: http://192.168.1.1:5431/igdevicedesc.xml\r\n"
		"Server: Custom/1.0 UPnP/1.0 Proc/Ver\r\nST:" IGD "\r\nUSN: uuid:1::" IGD "\r\n"
		"BOOTID.UPNP.ORG: 0012\r\nCONFIGID.UPNP.ORG: 1337\r\n"
		"SEARCHPORT.UPNP.ORG: 49152\r\nNEXTBOOTID.UPNP.ORG: 13\r\n\r\n";
	struct ssdp_message m;

	(void)state;
	assert_int_equal(ssdp_parse(BYTES(text), &m), SSDP_OK);
	assert_int_equal(m.kind, SSDP_REPLY);
	assert_slice(m.target, IGD);
	assert_slice(m.usn, "uuid:1::" IGD);
	assert_slice(m.location, "http://192.168.1.1:5431/igdevicedesc.xml");
	assert_slice(m.server, "Custom/1.0 UPnP/1.0 Proc/Ver");
	assert_int_equal(m.max_age, 1800);
	assert_int_equal(m.boot_id, 12);
	assert_int_equal(m.next_boot_id, 13);
	assert_int_equal(m.config_id, 1337);
	assert_int_equal(m.search_port, 49152);
	assert_int_equal(m.mx, -1);
}

static void test_absent_is_told(void **state)
{
	struct ssdp_message m;

	(void)state;
	assert_int_equal(ssdp_parse(BYTES(REPLY "ST: x\r\nBOOTID.UPNP.ORG: -1\r\n\r\n"), &m),
			 SSDP_OK);
	assert_null(m.usn.ptr);
	assert_null(m.location.ptr);
	assert_null(m.server.ptr);
	assert_int_equal(m.max_age, -1);
	assert_int_equal(m.boot_id, -1);
	assert_int_equal(m.config_id, -1);
	assert_int_equal(m.search_port, -1);
}

static void test_verdicts(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum ssdp_error error;
	} rows[] = {
		/* good */
		{BYTES(SEARCH MAN "MX: 1\r\nST: x\r\n\r\n"), SSDP_OK},
		{BYTES(SEARCH MAN "MX: 1\r\nST: x\r\n\r\nsome body"), SSDP_OK},
		{BYTES(SEARCH MAN "MX: 1\r\nST: x\r\n"), SSDP_OK},
		{BYTES(SEARCH MAN "MX: 1\r\nST: x"), SSDP_OK},
		{BYTES(SEARCH "man:\"ssdp:discover\"\r\nst:x\r\n\r\n"), SSDP_OK},
		{BYTES(SEARCH "Man :\t\"ssdp:discover\"\r\nSt : x\r\n\r\n"), SSDP_OK},
		{BYTES(SEARCH MAN "ST:\r\n x\r\nCPFN.UPNP.ORG: caf\xC3\xA9\r\n\r\n"), SSDP_OK},
		{BYTES(SEARCH MAN "ST: x\r\nX: a\0b\xFF\r\nnonsense\r\n\r\n"), SSDP_OK},
		{BYTES("M-SEARCH * HTTP/1.0\r\n" MAN "ST: x\r\n\r\n"), SSDP_OK},
		{BYTES(NOTIFY "NT: x\r\nNTS: ssdp:alive\r\n\r\n"), SSDP_OK},
		{BYTES(NOTIFY "NT: x\r\nNTS: SSDP:BYEBYE\r\n\r\n"), SSDP_OK},
		{BYTES(NOTIFY "NT: x\r\nNTS:ssdp:update\r\n\r\n"), SSDP_OK},
		{BYTES("\r\n" NOTIFY "NT: x\nNTS: ssdp:alive\n\n"), SSDP_OK},
		{BYTES(REPLY "ST: x\r\n\r\n"), SSDP_OK},
		{BYTES("HTTP/1.0 200\r\nST: x\r\n\r\n"), SSDP_OK},
		/* bad */
		{BYTES(""), SSDP_NOT_HTTP},
		{BYTES("\r\n"), SSDP_NOT_HTTP},
		{BYTES("\0\0\0\0"), SSDP_NOT_HTTP},
		{BYTES("hello"), SSDP_NOT_HTTP},
		{BYTES("\x80\x00\x00\x2a\xff\xff"), SSDP_NOT_HTTP},
		{BYTES("M-SEARCH *\r\n" MAN "ST: x\r\n\r\n"), SSDP_NOT_HTTP},
		{BYTES("M-SEARCH * HTTP/2.0\r\n" MAN "ST: x\r\n\r\n"), SSDP_NOT_HTTP},
		{BYTES("m-search * HTTP/1.1\r\n" MAN "ST: x\r\n\r\n"), SSDP_OTHER_METHOD},
		{BYTES("M-SEARCH /foo HTTP/1.1\r\n" MAN "ST: x\r\n\r\n"), SSDP_OTHER_METHOD},
		{BYTES("GET / HTTP/1.1\r\n\r\n"), SSDP_OTHER_METHOD},
		{BYTES("SUBSCRIBE * HTTP/1.1\r\n\r\n"), SSDP_OTHER_METHOD},
		{BYTES(SEARCH "ST: x\r\n\r\n"), SSDP_NO_MAN},
		{BYTES(SEARCH "MAN:\r\nST: x\r\n\r\n"), SSDP_NO_MAN},
		{BYTES(SEARCH "MAN: ssdp:discover\r\nST: x\r\n\r\n"), SSDP_NO_MAN},
		{BYTES(SEARCH "MAN: \"ssdp:other\"\r\nST: x\r\n\r\n"), SSDP_NO_MAN},
		{BYTES(SEARCH "MAN: \"ssdp:discover\r\nST: x\r\n\r\n"), SSDP_NO_MAN},
		{BYTES(SEARCH MAN "MX: 1\r\n\r\n"), SSDP_NO_ST},
		{BYTES(SEARCH MAN "ST:\r\n\r\n"), SSDP_NO_ST},
		{BYTES(NOTIFY "NTS: ssdp:alive\r\n\r\n"), SSDP_NO_NT},
		{BYTES(NOTIFY "NT:\r\nNTS: ssdp:alive\r\n\r\n"), SSDP_NO_NT},
		{BYTES(NOTIFY "NT: x\r\n\r\n"), SSDP_BAD_NTS},
		{BYTES(NOTIFY "NT: x\r\nNTS: ssdp:alive2\r\n\r\n"), SSDP_BAD_NTS},
		{BYTES(NOTIFY "NT: upnp:event\r\nNTS: upnp:propchange\r\n\r\n"), SSDP_BAD_NTS},
		{BYTES("HTTP/1.1 404 Not Found\r\nST: x\r\n\r\n"), SSDP_BAD_STATUS},
		{BYTES("HTTP/1.1 412 Precondition Failed\r\n\r\n"), SSDP_BAD_STATUS},
		{BYTES(REPLY "\r\n"), SSDP_NO_ST},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ssdp_message m;

		assert_row(i, ssdp_parse(rows[i].bytes, rows[i].len, &m), rows[i].error);
		assert_true(*ssdp_error_text(rows[i].error));
	}
}

/* A tolerant router needs the rest of a search that the letter refuses. */
static void test_unquoted_man_is_a_fact(void **state)
{
	struct ssdp_message m;

	(void)state;
	assert_int_equal(
		ssdp_parse(BYTES(SEARCH "MAN: ssdp:discover\r\nMX: 3\r\nST: x\r\n\r\n"), &m),
		SSDP_NO_MAN);
	assert_true(m.man_unquoted);
	assert_int_equal(m.kind, SSDP_SEARCH);
	assert_int_equal(m.mx, 3);
	assert_slice(m.target, "x");
}

static void test_mx(void **state)
{
	static const struct {
		const char *value;
		long mx;
	} rows[] = {
		{"3", 3},
		{"0", 0},
		{"120", 120},
		{"007", 7},
		{"", -1},
		{"-1", -1},
		{"abc", -1},
		{"3s", -1},
		{"3 3", -1},
		{"2147483647", 2147483647},
		{"+3", -1},
		{"1.5", -1},
		{"0x3", -1},
		{"2147483648", -1},
		{"99999999999999999999", -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf b = {0};
		struct ssdp_message m;

		buf_printf(&b, SEARCH MAN "MX: %s\r\nST: x\r\n\r\n", rows[i].value);
		assert_row(i, ssdp_parse(b.data, b.len, &m), SSDP_OK);
		assert_row(i, m.mx, rows[i].mx);
		buf_free(&b);
	}
}

static void test_max_age(void **state)
{
	static const struct {
		const char *headers;
		long max_age;
	} rows[] = {
		{"CACHE-CONTROL: max-age=1800", 1800},
		{"Cache-Control:max-age = 3600", 3600},
		{"Cache-Control: MAX-AGE= 120", 120},
		{"CACHE-CONTROL: no-cache=\"Ext\", max-age=1800", 1800},
		{"CACHE-CONTROL: no-cache=\"a, max-age=5\", max-age=1800", 1800},
		{"CACHE-CONTROL: max-age=1800, must-revalidate", 1800},
		{"CACHE-CONTROL: max-age=\"1800\"", 1800},
		{"CACHE-CONTROL: no-cache\r\nCACHE-CONTROL: max-age=7", 7},
		{"CACHE-CONTROL: max-age=x, max-age=7", 7},
		{"CACHE-CONTROL: max-age=0", 0},
		{"CACHE-CONTROL: max-age=1209600", 1209600},
		{"CACHE-CONTROL: max-age", -1},
		{"CACHE-CONTROL: max-age=", -1},
		{"CACHE-CONTROL: max-age=\"", -1},
		{"CACHE-CONTROL: max-age=\"\"", -1},
		{"CACHE-CONTROL: max-age=-1", -1},
		{"CACHE-CONTROL: max-age=1800s", -1},
		{"CACHE-CONTROL: max-age=99999999999", -1},
		{"CACHE-CONTROL: s-max-age=5", -1},
		{"CACHE-CONTROL: \"max-age=5", -1},
		{"CACHE-CONTROL:", -1},
		{"CACHE-CONTROL: ,,,", -1},
		{"X: max-age=5", -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf b = {0};
		struct ssdp_message m;

		buf_printf(&b, REPLY "ST: x\r\n%s\r\n\r\n", rows[i].headers);
		assert_row(i, ssdp_parse(b.data, b.len, &m), SSDP_OK);
		assert_row(i, m.max_age, rows[i].max_age);
		buf_free(&b);
	}
}

/* Quirks of the catalogue that concern one header. */
static void test_field_oddities(void **state)
{
	struct ssdp_message m;

	(void)state;
	/* ssdp-usn-embedded-newline */
	assert_int_equal(
		ssdp_parse(BYTES(REPLY "USN: uuid:uuid:1\n::urn:dslforum-org:service:X:1\r\n"
				       "ST: x\r\nLocation: http://h/\r\n\r\n"),
			   &m),
		SSDP_OK);
	assert_slice(m.usn, "uuid:uuid:1");
	assert_slice(m.location, "http://h/");
	/* ssdp-location-al-header */
	assert_int_equal(ssdp_parse(BYTES(REPLY "ST: x\r\nAL: <http://h/>\r\n\r\n"), &m), SSDP_OK);
	assert_slice(m.location, "http://h/");
	assert_int_equal(ssdp_parse(BYTES(REPLY "ST: x\r\nAL: <>\r\n\r\n"), &m), SSDP_OK);
	assert_slice(m.location, "<>");
	/* ssdp-duplicate-headers: the first counts */
	assert_int_equal(ssdp_parse(BYTES(REPLY "ST: x\r\nLocation: a\r\nLocation: b\r\n\r\n"), &m),
			 SSDP_OK);
	assert_slice(m.location, "a");
	/* ssdp-header-substring-trap */
	assert_int_equal(ssdp_parse(BYTES(REPLY "X-User: st: y location: z\r\nST: x\r\n\r\n"), &m),
			 SSDP_OK);
	assert_slice(m.target, "x");
	assert_null(m.location.ptr);
}

static void test_large_datagram(void **state)
{
	struct buf b = {0};
	struct ssdp_message m;

	(void)state;
	buf_puts(&b, REPLY "ST: x\r\nX: ");
	while (b.len < 65507)
		buf_putc(&b, 'x');
	assert_int_equal(ssdp_parse(b.data, b.len, &m), SSDP_OK);
	buf_reset(&b);
	buf_puts(&b, REPLY);
	while (b.len < 65507)
		buf_puts(&b, "a:b\n");
	assert_int_equal(ssdp_parse(b.data, b.len, &m), SSDP_NOT_HTTP);
	buf_free(&b);
}

static void test_urn(void **state)
{
	static const char *const bad[] = {
		"",
		"urn",
		"urn:",
		"urn:a:device:T",
		"urn:a:device:T:",
		"urn:a:device::1",
		"urn::device:T:1",
		"urn:a:thing:T:1",
		"urn:a:device:T:x",
		"urn:a:device:T:0",
		"urn:a:device:T:-1",
		"urn:a:device:T:1.0",
		"urn:a:device:T:1:2",
		"urn:a:device:T: 1",
		"urn:a:device:T:65536",
		"urm:a:device:T:1",
		"uuid:1234",
		"upnp:rootdevice",
	};
	struct urn urn;

	(void)state;
	assert_int_equal(
		urn_parse(slice_of("urn:schemas-upnp-org:service:WANIPConnection:2"), &urn), true);
	assert_slice(urn.domain, "schemas-upnp-org");
	assert_slice(urn.kind, "service");
	assert_slice(urn.type, "WANIPConnection");
	assert_int_equal(urn.version, 2);
	assert_true(urn_parse(slice_of("URN:dslforum-org:device:X:65535"), &urn));
	assert_int_equal(urn.version, 65535);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_row(i, urn_parse(slice_of(bad[i]), &urn), false);
	}
	assert_false(urn_parse((struct slice){NULL, 0}, &urn));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_absent_is_told),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_unquoted_man_is_a_fact),
		cmocka_unit_test(test_mx),
		cmocka_unit_test(test_max_age),
		cmocka_unit_test(test_field_oddities),
		cmocka_unit_test(test_large_datagram),
		cmocka_unit_test(test_urn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
