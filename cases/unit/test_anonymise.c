/* SPDX-License-Identifier: MIT */
/*
 * test_anonymise.c - nothing that identifies is left, nothing that does not is lost.
 *
 * links: sim
 */
#include "unit.h"

#include "../../sim/anonymise.h"
#include "../../sim/anonymise_parts.h"
#include "../../sim/facts.h"
#include "../../sim/show_flow.h"

#include <arpa/inet.h>

/* Each text, and what becomes of it with a new anonymiser; NULL = it stays. */
static const char *const patterns[][2] = {
	{"100.81.111.102", "198.51.100.100"},
	{"8.8.8.8", "203.0.113.1"},
	{"8.8.8.8 8.8.4.4 8.8.8.8", "203.0.113.1 203.0.113.2 203.0.113.1"},
	{"http://80.1.2.3:80/x", "http://203.0.113.1:80/x"},
	{"(93.184.216.34).", "(203.0.113.100)."},
	{"192.168.1.4 10.0.0.1 172.16.0.1 127.0.0.1 169.254.1.1 239.255.255.250 0.0.0.0", NULL},
	{"172.32.0.1", "203.0.113.1"},
	{"203.0.113.7 198.51.100.9 192.0.2.1", NULL},
	{"Linux/2.6.18.8 UPnP/1.0", NULL},
	{"1.2.3 1.2.3.4.5 1.2.3.256 v1.2.3.4", NULL},
	{"2a02:8108:1::5", "2001:db8:0:1::1"},
	{"ip:2a02:8108:1::5", "ip:2001:db8:0:1::1"},
	{"[2a02:8108:1::5]:80 [2a02:8108:1::6] [2a02:8108:2::5]",
	 "[2001:db8:0:1::1]:80 [2001:db8:0:1::2] [2001:db8:0:2::1]"},
	{"fe80::1 fd00::1 ff02::c ::1 2001:db8::1", NULL},
	{"fe80::211:22ff:fe33:4455", "fe80::ff:fe00:1"},
	{"2025-07-28 09:52:06.822 aa:bb", NULL},
	{"00:11:22:33:44:55", "02:00:00:00:00:01"},
	{"MAC=00-1A-22-33-44-5F,", "MAC=02-00-00-00-00-01,"},
	{"id:00:11:22:33:44:55", "id:02:00:00:00:00:01"},
	{"00:11:22:33:44:55 001122334455 001122334466",
	 "02:00:00:00:00:01 020000000001 001122334466"},
	{"00:11:22:33:44:55:66 ff:ff:ff:ff:ff:ff 01:00:5e:7f:ff:fa", NULL},
	{"uuid:4f8c8842-6733-4e8b-806f-c1dfa99deb5a::upnp:rootdevice",
	 "uuid:00000000-0000-4000-8000-000000000001::upnp:rootdevice"},
	{"4F8C8842-6733-4E8B-806F-C1DFA99DEB5A 4f8c884267334e8b806fc1dfa99deb5a",
	 "00000000-0000-4000-8000-000000000001 00000000000040008000000000000001"},
	{"00000000-0000-4000-8000-000000000001", NULL},
	{"urn:schemas-upnp-org:service:WANIPConnection:1", NULL},
	{"", NULL},
};

static void each_pattern(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		const char *expected = patterns[i][1] ? patterns[i][1] : patterns[i][0];
		struct anonymiser a = {0};
		struct buf out = {0}, again = {0};

		anonymise_patterns(&a, slice_of(patterns[i][0]), &out);
		assert_row_slice(i, buf_slice(&out), expected);
		anonymiser_free(&a);
		anonymise_patterns(&a, buf_slice(&out), &again);
		assert_row_slice(i, buf_slice(&again), expected);
		anonymiser_free(&a);
		buf_free(&out);
		buf_free(&again);
	}
}

/* ---- a whole flow ---- */

#define UDN "4f8c8842-6733-4e8b-806f-c1dfa99deb5a"
#define DESCRIPTION                                                                                \
	"<root><device><friendlyName>Bob's Castle</friendlyName><manufacturer>Acme</manufacturer>" \
	"<modelName>Box 9</modelName><serialNumber>SN-77A0134</serialNumber><UDN>uuid:" UDN        \
	"</UDN><presentationURL>http://bobs-router.dyndns.org/</presentationURL></device></root>"
#define CHUNKED                                                                                    \
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n26\r\n<a><serialNumber>998877"       \
	"</serialNumber>\r\n10\r\n<x>9988776655</x\r\n2\r\n>\n\r\n0\r\n\r\n"

static const char *const originals[] = {
	"100.81.111.102", "100-81-111-102", "2a02:8108", "00:11:22:33:44:55",
	"001122334455",	  "4f8c8842",	    "4F8C8842",	 "Bob",
	"Castle",	  "SN-77A0134",	    "dyndns",	 "998877<",
	"5151aa77",	  "HomeNet",	    "bob@isp",	 "wide bob",
	"wide world",
};

/* What is not UTF-8, on the wire and back. */
static struct buf wide(const char *head, const char *text, bool big)
{
	struct buf out = {0};

	buf_puts(&out, head);
	utf16_write(slice_of(text), big, &out);
	return out;
}

static struct recorded_message *add(struct recording *r, enum flow_protocol protocol,
				    const char *request, const char *reply, size_t reply_len)
{
	struct exchange *x = recording_add(r);

	x->protocol = protocol;
	x->name = xstrdup(request);
	x->has_request = true;
	end_point_parse(slice_of("192.168.1.4:51000"), &x->request.from);
	end_point_parse(slice_of("100.81.111.102:5431"), &x->request.to);
	buf_puts(&x->request.bytes, request);
	buf_add(&exchange_reply(x)->bytes, reply, reply_len);
	names_add(&x->replies[0].restored, "says 100.81.111.102");
	return &x->replies[0];
}

static void fill(struct recording *r)
{
	struct recorded_message *m;
	struct buf body;

	add(r, FLOW_HTTP, "GET /" UDN " HTTP/1.1\r\nHost: bobs-router.dyndns.org\r\n\r\n",
	    BYTES("HTTP/1.1 200 OK\r\ncontent-length: 291 \r\nServer: "
		  "Linux/2.6.18.8\r\n\r\n" DESCRIPTION));
	add(r, FLOW_SSDP,
	    "M-SEARCH * HTTP/1.1\r\nST: uuid:4F8C8842-6733-4E8B-806F-C1DFA99DEB5A\r\n\r\n",
	    BYTES("HTTP/1.1 200 OK\r\nUSN: uuid:upnp-IGD-1_0-5151aa77\r\nX: SN-77A0134 Bob's "
		  "Castle\r\n"
		  "LOCATION: http://[2a02:8108::1]:80/ 00:11:22:33:44:55\r\n\r\n"));
	add(r, FLOW_HTTP, "GET /001122334455 HTTP/1.1\r\n\r\n", BYTES(CHUNKED));
	add(r, FLOW_SOAP, "POST /host-100-81-111-102.isp HTTP/1.1\r\n\r\n",
	    BYTES("HTTP/1.1 200 "
		  "OK\r\n\r\n<x:NewSSID>HomeNet</x:NewSSID><NewUserName>bob@isp</NewUserName>"));
	body = wide("HTTP/1.1 200 OK\r\nContent-Length: 148\r\n\r\n",
		    "<x/><friendlyName>wide "
		    "world</friendlyName><serialNumber>SN-77A0134</serialNumber>",
		    true);
	add(r, FLOW_HTTP, "GET /wide HTTP/1.1\r\n\r\n", body.data, body.len);
	buf_free(&body);
	body = wide(
		"HTTP/1.1 200 OK\r\n\r\n",
		"\xef\xbb\xbf<u:NewPortMappingDescription>wide bob</u:NewPortMappingDescription>",
		false);
	add(r, FLOW_SOAP, "POST /wide HTTP/1.1\r\n\r\n", body.data, body.len);
	buf_free(&body);
	m = add(r, FLOW_NATPMP, "", BYTES("\0\x80\0\0\0\0\0\x05\x64\x51\x6f\x66"));
	(void)m;
	r->dated = true;
	r->router = xstrdup("100.81.111.102");
	recording_note_add(r, 1, 1, "seen 00:11:22:33:44:55",
			   "4F8C8842-6733-4E8B-806F-C1DFA99DEB5A");
}

static char *dump(const struct recording *r)
{
	json_t *json = show_flow_json(r);
	char *text = json_dumps(json, 0);

	json_decref(json);
	return text;
}

static void nothing_is_left(void **state)
{
	struct recording r = {0};
	struct facts f;
	char *text, *again;

	(void)state;
	fill(&r);
	anonymise(&r);
	text = dump(&r);
	for (size_t i = 0; i < ARRAY_SIZE(originals); i++) {
		if (strstr(text, originals[i]))
			fail_msg("\"%s\" is left in %s", originals[i], text);
	}
	assert_non_null(strstr(text, "Linux/2.6.18.8"));
	assert_non_null(strstr(text, "192.168.1.4:51000"));
	assert_non_null(strstr(text, "Box 9"));
	assert_string_equal(r.router, "198.51.100.100");
	assert_memory_equal(r.exchanges[6].replies[0].bytes.data + 8, "\xc6\x33\x64\x64", 4);
	assert_int_equal(r.replaced.count, 7);
	assert_string_equal(r.replaced.items[6], "1 mapping description by text-1 and following");
	assert_string_equal(
		r.replaced.items[0],
		"1 public IPv4 address by addresses of 203.0.113.0/24 and 198.51.100.0/24");
	facts_of(FLOW_HTTP, &r.exchanges[0].replies[0], &f);
	assert_int_equal(atoi(facts_header(&f, "Content-Length")) -
				 (291 - (int)sizeof(DESCRIPTION) + 1),
			 r.exchanges[0].replies[0].bytes.len - f.head_len);
	facts_free(&f);
	facts_of(FLOW_HTTP, &r.exchanges[2].replies[0], &f);
	assert_slice(buf_slice(&f.body),
		     "<a><serialNumber>000003</serialNumber><x>9988776655</x>\n");
	facts_free(&f);
	anonymise(&r);
	again = dump(&r);
	assert_string_equal(text, again);
	free(text);
	free(again);
	recording_free(&r);
}

/* Descriptions, where they stand as such; what is replaced is as long as before where it fits. */
#define SAID(text)   "<a:NewPortMappingDescription>" text "</a:NewPortMappingDescription>"
#define LISTED(text) "&lt;p:NewDescription&gt;" text "&lt;/p:NewDescription&gt;"
static const char *const descriptions[][2] = {
	{SAID("Bob &amp; Eve's PC") " TCP", SAID("text-1xxxxxxxxxxxx") " TCP"},
	{SAID("TCP") "<NewProtocol>TCP</NewProtocol>",
	 SAID("text-1") "<NewProtocol>TCP</NewProtocol>"},
	{SAID("one two") SAID("three") SAID("one two"),
	 SAID("text-1x") SAID("text-2") SAID("text-1x")},
	{SAID("secret-of-bob") LISTED("secret-of-bob") LISTED(""),
	 SAID("text-1xxxxxxx") LISTED("text-1xxxxxxx") LISTED("")},
	{SAID("") SAID("  ") SAID("text-4xx"), NULL},
	{"<modelDescription>Box</modelDescription><errorDescription>No</errorDescription>", NULL},
	{"<NewPortMappingDescription>cut off he", "<NewPortMappingDescription>text-1xxxx"},
	{"NewDescription", NULL},
};

static void descriptions_are_replaced_in_their_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++) {
		const char *expected = descriptions[i][1] ? descriptions[i][1] : descriptions[i][0];
		struct anonymiser a = {0}, lab = {.keep_texts = true};
		struct buf out = {0}, again = {0}, kept = {0};

		anonymise_text(&a, slice_of(descriptions[i][0]), &out);
		assert_row_slice(i, buf_slice(&out), expected);
		anonymise_text(&a, buf_slice(&out), &again);
		assert_row_slice(i, buf_slice(&again), expected);
		anonymise_text(&lab, slice_of(descriptions[i][0]), &kept);
		assert_row_slice(i, buf_slice(&kept), descriptions[i][0]);
		anonymiser_free(&a);
		anonymiser_free(&lab);
		buf_free(&out);
		buf_free(&again);
		buf_free(&kept);
	}
}

static void utf16_comes_back(void **state)
{
	static const struct {
		const char bytes[13], *text;
		size_t len;
		bool is, big;
	} rows[] = {
		{"\xfe\xff\0<\0a\xd8\x3d\xde\0", "\xef\xbb\xbf<a\xf0\x9f\x98\x80", 10, true, true},
		{"\xff\xfe<\0\xe4\0\xac\x20", "\xef\xbb\xbf<\xc3\xa4\xe2\x82\xac", 8, true, false},
		{"<\0a\0\x3d\xd8>\0", "<a\xed\xa0\xbd>", 8, true, false},
		{"\0<\0a\xde\0\xd8\x3d", "<a\xed\xb8\x80\xed\xa0\xbd", 8, true, true},
		{"<a/>", "", 4, false, false},
		{"\xfe\xff\0", "", 3, false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct slice in = {rows[i].bytes, rows[i].len};
		struct buf text = {0}, back = {0};
		bool big = false;

		assert_row(i, utf16_is(in, &big), rows[i].is);
		if (!rows[i].is)
			continue;
		assert_row(i, big, rows[i].big);
		utf16_read(in, big, &text);
		assert_row_slice(i, buf_slice(&text), rows[i].text);
		utf16_write(buf_slice(&text), big, &back);
		assert_row(i, slice_same(buf_slice(&back), in), true);
		buf_free(&text);
		buf_free(&back);
	}
}

static void makers_names_stay(void **state)
{
	static const struct {
		const char *name;
		bool stays;
	} rows[] = {
		{"Acme Internet Gateway Device", true},
		{"BOX 9 Router", true},
		{"Router", true},
		{"Acme Box 9 (Bob)", false},
		{"\xc3\x84", false},
		{"name-3", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *text =
			xasprintf("<manufacturer>Acme</manufacturer><modelName>Box 9</modelName>"
				  "<friendlyName>%s</friendlyName>",
				  rows[i].name);
		struct anonymiser a = {0};

		anonymise_learn(&a, slice_of(text));
		assert_row(i, a.words.count, rows[i].stays ? 0 : 1);
		anonymiser_free(&a);
		free(text);
	}
}

/* Gaps and segments stay where they were in the text. */
static void places_move(void **state)
{
	struct recording r = {0};
	struct exchange *x = recording_add(&r);
	struct recorded_message *m;

	(void)state;
	x->protocol = FLOW_HTTP;
	m = exchange_reply(x);
	buf_puts(&m->bytes, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n8.8.8.8 end");
	m->gaps = xcalloc(1, sizeof(*m->gaps));
	m->gaps[m->gap_count++] = (struct recorded_gap){m->bytes.len - 4, 88};
	m->segments = xcalloc(2, sizeof(*m->segments));
	m->segments[m->segment_count++] = (struct recorded_segment){39, 0};
	m->segments[m->segment_count++] = (struct recorded_segment){m->bytes.len, 1};
	anonymise(&r);
	m = &x->replies[0];
	assert_slice(buf_slice(&m->bytes),
		     "HTTP/1.1 200 OK\r\nContent-Length: 103\r\n\r\n203.0.113.1 end");
	assert_int_equal(m->gaps[0].offset, m->bytes.len - 5);
	assert_int_equal(m->segments[0].end, 39);
	assert_int_equal(m->segments[1].end, m->bytes.len);
	recording_free(&r);
}

static void many_addresses(void **state)
{
	struct anonymiser a = {0};

	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		uint8_t address[4] = {80, 1, (uint8_t)(i / 250), (uint8_t)(i % 250 + 1)};

		assert_true(anonymise_ipv4(&a, address));
		assert_true(address[0] == 198 || address[0] == 203);
		assert_true(address[3] != 0 && address[3] != 255);
	}
	assert_int_equal(a.ipv4.count, 600);
	anonymiser_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_pattern),
		cmocka_unit_test(nothing_is_left),
		cmocka_unit_test(makers_names_stay),
		cmocka_unit_test(places_move),
		cmocka_unit_test(many_addresses),
		cmocka_unit_test(descriptions_are_replaced_in_their_place),
		cmocka_unit_test(utf16_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
