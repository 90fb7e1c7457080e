/* SPDX-License-Identifier: MIT */
/*
 * test_record.c - what is left out of a run that is kept as a case.
 *
 * links: sim
 */
#include "unit.h"

#include "../../sim/record.h"

#define ALIVE(usn) "NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\nNT: a\r\nUSN: " usn "\r\n\r\n"
#define BYEBYE	   "NOTIFY * HTTP/1.1\r\nNTS: ssdp:byebye\r\nNT: a\r\nUSN: uuid:9\r\n\r\n"
#define SEARCH(st) "M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: " st "\r\n\r\n"
#define FOUND	   "HTTP/1.1 200 OK\r\nST: a\r\nUSN: uuid:1::a\r\n\r\n"
#define PAGE(text) "HTTP/1.1 200 OK\r\nDATE: " text "\r\n\r\n"

#define ACTION(name)                                                                               \
	"POST /c HTTP/1.1\r\nSOAPACTION: \"urn:x#" name "\"\r\n\r\n"                               \
	"<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><u:" name       \
	" xmlns:u=\"urn:x\"/></s:Body></s:Envelope>"

struct row {
	enum flow_protocol protocol;
	const char *name, *request, *reply;
	bool from_router, kept;
};

static const struct row rows[] = {
	{FLOW_SSDP, "NOTIFY ssdp:byebye", BYEBYE, NULL, true, false},
	{FLOW_SSDP, "NOTIFY ssdp:alive", ALIVE("uuid:1"), NULL, true, true},
	{FLOW_SSDP, "NOTIFY ssdp:alive", ALIVE("uuid:2"), NULL, true, true},
	{FLOW_SSDP, "NOTIFY ssdp:alive", ALIVE("uuid:1"), NULL, true, false},
	{FLOW_SSDP, "M-SEARCH a", SEARCH("a"), NULL, false, true},
	{FLOW_SSDP, "M-SEARCH b", SEARCH("b"), NULL, false, true},
	{FLOW_SSDP, "M-SEARCH a", SEARCH("a"), FOUND, false, false},
	{FLOW_SSDP, "M-SEARCH a", SEARCH("a"), FOUND, false, false},
	{FLOW_HTTP, "GET /a", "GET /a HTTP/1.1\r\n\r\n", PAGE("x") "1", false, true},
	{FLOW_HTTP, "GET /a", "GET /a HTTP/1.1\r\n\r\n", PAGE("y") "1", false, false},
	{FLOW_HTTP, "GET /a", "GET /a HTTP/1.1\r\n\r\n", PAGE("z") "2", false, true},
	{FLOW_HTTP, "GET /b", "GET /b HTTP/1.1\r\n\r\n", PAGE("x") "1", false, true},
	{FLOW_SOAP, "Do", "POST /c HTTP/1.1\r\n\r\n", PAGE("x"), false, true},
	{FLOW_SOAP, "Do", "POST /c HTTP/1.1\r\n\r\n", PAGE("x"), false, true},
	{FLOW_SOAP, "GetX", ACTION("GetX"), PAGE("x") "1", false, true},
	{FLOW_SOAP, "GetX", ACTION("GetX"), PAGE("y") "2", false, true},
	{FLOW_SOAP, "GetX", ACTION("GetX"), PAGE("z") "1", false, false},
	{FLOW_SOAP, "AddX", ACTION("AddX"), PAGE("x") "1", false, true},
	{FLOW_SOAP, "AddX", ACTION("AddX"), PAGE("x") "1", false, true},
};

static void only_repetition_is_left_out(void **state)
{
	struct recording r = {0};
	size_t kept = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct exchange *x = recording_add(&r);

		x->protocol = rows[i].protocol;
		x->name = xstrdup(rows[i].name);
		x->from_router = rows[i].from_router;
		x->has_request = true;
		x->connection = (int)i;
		buf_puts(&x->request.bytes, rows[i].request);
		if (rows[i].reply)
			buf_puts(&exchange_reply(x)->bytes, rows[i].reply);
	}
	record_trim(&r);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].kept)
			assert_int_equal(r.exchanges[kept++].connection, i);
	assert_int_equal(r.count, kept);
	assert_int_equal(r.exchanges[2].reply_count, 1); /* of the search that went */
	assert_int_equal(r.note_count, 4);
	assert_string_equal(r.notes[0].what,
			    "left out: 2 announcements that were repeated or taken back");
	assert_string_equal(r.notes[2].what, "left out: 1 pages that were read again");
	record_trim(&r);
	assert_int_equal(r.count, kept);
	recording_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(only_repetition_is_left_out)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
