/* SPDX-License-Identifier: MIT */
/*
 * test_import_packets.c - captures of crafted packets into exchanges.
 *
 * links: sim
 */
#include "capture_file.h"
#include "imported.h"

#include "../../sim/import.h"

#include <unistd.h>

#define START	INT64_C(1753696326822000000)
#define SERVICE "urn:schemas-upnp-org:service:WANIPConnection:1"
#define SEARCH                                                                                     \
	"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 2\r\n" \
	"ST: %s\r\n\r\n"
#define FOUND                                                                                      \
	"HTTP/1.1 200 OK\r\nST: %s\r\nUSN: uuid:1::%s\r\nLOCATION: "                               \
	"http://192.168.1.1:5431/\r\n\r\n"
#define REQUEST                                                                                    \
	"POST /ctl HTTP/1.1\r\nHost: 192.168.1.1:5431\r\nSOAPACTION: \"" SERVICE                   \
	"#AddPortMapping\"\r\nContent-Length: 10\r\n\r\n"
#define RESPONSE "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"

static struct wire wire;
static struct end client, router;
static struct capture_file file;
static struct recording head, got;
static struct diag d;

static int set_up(void **state)
{
	(void)state;
	file = (struct capture_file){.link_type = FRAME_LINK_ETHERNET};
	wire = (struct wire){.sink = capture_sink, .arg = &file, .time_ns = START};
	client = (struct end){CLIENT, 40112, 0xfffffff0u};
	router = (struct end){ROUTER, 5431, 7000};
	head = got = (struct recording){0};
	d = (struct diag){0};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	buf_free(&file.bytes);
	recording_free(&head);
	recording_free(&got);
	diag_free(&d);
	return 0;
}

/* Imports the file and reads the flow that came out into @got. */
static int import(const struct import_options *options)
{
	const struct imported i = {import_packets, "a.pcap", "pcap", &head, &got, &d};

	return imported(&i, buf_slice(&file.bytes), options);
}

static void expect_point(const struct end_point *e, const char *text)
{
	struct buf b = {0};

	end_point_text(e, &b);
	assert_slice(buf_slice(&b), text);
	buf_free(&b);
}

static void expect_message(const struct recorded_message *m, const char *text)
{
	assert_slice(buf_slice(&m->bytes), text);
}

/* Some note contains @text. */
static void expect_note(const char *text)
{
	for (size_t i = 0; i < got.note_count; i++) {
		if (strstr(got.notes[i].what, text))
			return;
	}
	for (size_t i = 0; i < got.note_count; i++)
		print_message("note: %s\n", got.notes[i].what);
	fail_msg("no note says \"%s\"", text);
}

static void say(const char *from_text, bool from_client)
{
	packets_text(&wire, from_client ? &client : &router, from_client ? &router : &client,
		     from_text);
}

/* One SOAP exchange in two segments and one. */
static void soap(void)
{
	packets_connect(&wire, &client, &router);
	say(REQUEST, true);
	say("0123456789", true);
	say(RESPONSE "answer", false);
	packets_close(&wire, &client, &router);
}

static void udp(struct end a, struct end b, const char *format, const char *st)
{
	struct buf text = {0};

	buf_printf(&text, format, st, st);
	packets_udp(&wire, a, b, buf_slice(&text));
	buf_free(&text);
}

static void expect_soap(size_t row)
{
	const struct exchange *x = got.exchanges;

	assert_row(row, got.count, 1);
	assert_row(row, x->protocol, FLOW_SOAP);
	assert_string_equal(x->name, "AddPortMapping");
	expect_message(&x->request, REQUEST "0123456789");
	assert_row(row, x->reply_count, 1);
	expect_message(&x->replies[0], RESPONSE "answer");
	expect_point(&x->request.from, "192.168.1.4:40112");
	expect_point(&x->replies[0].from, "192.168.1.1:5431");
}

static void files_and_links(void **state)
{
	static const struct capture_file forms[] = {
		{.link_type = FRAME_LINK_ETHERNET},
		{.link_type = FRAME_LINK_ETHERNET, .swapped = true},
		{.link_type = FRAME_LINK_ETHERNET, .nano = true},
		{.link_type = FRAME_LINK_ETHERNET, .nano = true, .swapped = true},
		{.link_type = FRAME_LINK_ETHERNET, .pcapng = true},
		{.link_type = FRAME_LINK_ETHERNET, .vlans = 1},
		{.link_type = FRAME_LINK_ETHERNET, .vlans = 2},
		{.link_type = FRAME_LINK_SLL},
		{.link_type = FRAME_LINK_SLL2, .pcapng = true},
		{.link_type = FRAME_LINK_RAW},
		{.link_type = FRAME_LINK_DLT_RAW},
		{.link_type = FRAME_LINK_IPV4},
		{.link_type = FRAME_LINK_NULL},
		{.link_type = FRAME_LINK_LOOP},
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		tear_down(state);
		set_up(state);
		file = forms[i];
		capture_begin(&file);
		soap();
		assert_row(i, import(NULL), 0);
		expect_soap(i);
		assert_true(got.dated);
		/* after the handshake of three packets, 100 µs each */
		assert_row(i, got.exchanges[0].request.time_ns, START + 300000);
		assert_row(i, got.exchanges[0].request.first, 4);
		assert_row(i, got.exchanges[0].request.count, 2);
		assert_row(i, got.exchanges[0].request.segment_count, 2);
		assert_row(i, got.exchanges[0].request.segments[0].end, sizeof(REQUEST) - 1);
		assert_row(i, got.exchanges[0].request.segments[1].time_ns, START + 400000);
		assert_string_equal(got.client, CLIENT);
		assert_string_equal(got.router, ROUTER);
	}
}

/* A search sent twice is two; each of them seen on a bridge and its port is one. */
static void all_interfaces(void **state)
{
	struct end group = {GROUP, 1900, 0}, ssdp = {ROUTER, 1900, 0};

	(void)state;
	file.link_type = FRAME_LINK_SLL2;
	file.again = true;
	capture_begin(&file);
	udp(client, group, SEARCH, "a");
	udp(client, group, SEARCH, "a");
	udp(ssdp, client, FOUND, "a");
	soap();
	assert_int_equal(import(NULL), 0);
	assert_int_equal(got.count, 3);
	assert_int_equal(got.exchanges[0].reply_count + got.exchanges[1].reply_count, 1);
	assert_string_equal(got.exchanges[2].name, "AddPortMapping");
	assert_int_equal(got.exchanges[2].request.segment_count, 2);
	expect_note("left out: 12 packets that were there already, from another interface");
}

static void both_sides_of_a_nat(void **state)
{
	struct end outside = {ROUTER_WAN, 40112, 5}, peer = {PEER, 80, 6};

	(void)state;
	file.pcapng = true;
	capture_begin(&file);
	packets_connect(&wire, &client, &router);
	say("GET /a HTTP/1.1\r\n\r\n", true);
	wire.link = 1;
	packets_connect(&wire, &outside, &peer);
	packets_text(&wire, &outside, &peer, "GET /a HTTP/1.1\r\n\r\n");
	wire.link = 0;
	say(RESPONSE "inside", false);
	wire.link = 1;
	packets_text(&wire, &peer, &outside, RESPONSE "outsid");
	assert_int_equal(import(NULL), 0);
	assert_int_equal(got.count, 2);
	expect_message(&got.exchanges[0].replies[0], RESPONSE "inside");
	expect_message(&got.exchanges[1].replies[0], RESPONSE "outsid");
	assert_int_not_equal(got.exchanges[0].connection, got.exchanges[1].connection);
	expect_note("interface 1, internet");
}

static void search_and_replies(void **state)
{
	struct end group = {GROUP, 1900, 0}, ssdp = {ROUTER, 1900, 0},
		   other = {"192.168.1.9", 1900, 0};

	(void)state;
	capture_begin(&file);
	udp(client, group, SEARCH, "a");
	udp(client, group, SEARCH, "ssdp:all");
	udp(client, group, SEARCH, "b");
	udp(ssdp, client, FOUND, "b");
	udp(ssdp, client, FOUND, "a");
	udp(other, client, FOUND, "a");
	udp(other, client, FOUND, "c"); /* answers ssdp:all */
	udp(ssdp, (struct end){CLIENT, 5, 0}, FOUND, "d");
	udp(ssdp, group, "NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\nNT: %s\r\n\r\n", "e");
	assert_int_equal(import(NULL), 0);
	assert_int_equal(got.count, 5);
	assert_string_equal(got.exchanges[0].name, "M-SEARCH a");
	assert_int_equal(got.exchanges[0].reply_count, 2);
	expect_point(&got.exchanges[0].replies[1].from, "192.168.1.9:1900");
	assert_int_equal(got.exchanges[1].reply_count, 1);
	assert_int_equal(got.exchanges[2].reply_count, 1);
	assert_false(got.exchanges[3].has_request);
	assert_string_equal(got.exchanges[3].name, "reply d");
	assert_string_equal(got.exchanges[4].name, "NOTIFY ssdp:alive");
	assert_true(got.exchanges[4].from_router);
}

static void port_control(void **state)
{
	struct end server = {ROUTER, 5351, 0};
	struct end all = {"224.0.0.1", 5350, 0};
	static const char map[] = "\0\1\0\0\x07\x50\x07\x50\0\0\0\x3c";
	static const char other[] = "\0\1\0\0\x07\x51\x07\x51\0\0\0\x3c";
	static const char mapped[] = "\0\x81\0\0\0\0\0\1\x07\x50\x07\x50\0\0\0\x3c";
	static const char address[] = "\0\x80\0\0\0\0\0\1\x2c\0\1\2";

	(void)state;
	capture_begin(&file);
	packets_udp(&wire, client, server, (struct slice){map, 12});
	packets_udp(&wire, client, server, (struct slice){map, 12});
	packets_udp(&wire, client, server, (struct slice){other, 12});
	packets_udp(&wire, server, client, (struct slice){mapped, 16});
	packets_udp(&wire, server, all, (struct slice){address, 12});
	assert_int_equal(import(NULL), 0);
	assert_int_equal(got.count, 3);
	assert_int_equal(got.exchanges[0].protocol, FLOW_NATPMP);
	assert_string_equal(got.exchanges[0].name, "map UDP");
	assert_int_equal(got.exchanges[0].request.count, 2);
	assert_int_equal(got.exchanges[0].reply_count, 1);
	assert_int_equal(got.exchanges[1].reply_count, 0);
	assert_true(got.exchanges[2].from_router);
	expect_note("retransmission");
}

static void gaps(void **state)
{
	(void)state;
	capture_begin(&file);
	packets_connect(&wire, &client, &router);
	say(REQUEST "01234", true);
	client.seq += 3; /* lost by the capture, acknowledged by the router */
	say("89", true);
	say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", false);
	packets_close(&wire, &client, &router);
	assert_int_equal(import(NULL), 0);
	assert_int_equal(got.count, 1);
	expect_message(&got.exchanges[0].request, REQUEST "0123489");
	assert_int_equal(got.exchanges[0].request.gap_count, 1);
	assert_int_equal(got.exchanges[0].request.gaps[0].offset, sizeof(REQUEST) - 1 + 5);
	assert_int_equal(got.exchanges[0].request.gaps[0].count, 3);
	assert_int_equal(got.exchanges[0].replies[0].gap_count, 1);
	assert_int_equal(got.exchanges[0].replies[0].gaps[0].count, 95);
}

static void cut_by_snap_length(void **state)
{
	(void)state;
	file.snap = 14 + 20 + 20 + 60;
	capture_begin(&file);
	packets_connect(&wire, &client, &router);
	say("GET /a HTTP/1.1\r\nHost: a\r\n\r\n", true);
	/* with FIN, whose number is behind what is missing; the next ACK says that it arrived */
	packets_tcp(&wire, &router, &client, FRAME_TCP_FIN,
		    slice_of("HTTP/1.1 200 OK\r\nServer: until the end!\r\n\r\n"
			     "0123456789012345678901234567890123456789"));
	packets_tcp(&wire, &client, &router, FRAME_TCP_FIN, (struct slice){0});
	assert_int_equal(import(NULL), 0);
	assert_int_equal(got.count, 1);
	assert_int_equal(got.exchanges[0].replies[0].bytes.len, 60);
	assert_int_equal(got.exchanges[0].replies[0].gap_count, 1);
	assert_int_equal(got.exchanges[0].replies[0].gaps[0].count, 23);
	expect_note("snap length");
}

static void chunked_interim_and_until_close(void **state)
{
	(void)state;
	capture_begin(&file);
	packets_connect(&wire, &client, &router);
	say("POST /b HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n", true);
	say("HTTP/1.1 100 Continue\r\n\r\n", false);
	say("xx", true);
	say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", false);
	say("0\r\n\r\n", false);
	say("GET /c HTTP/1.0\r\n\r\n", true);
	say("HTTP/1.0 200 OK\r\n\r\nto the end", false);
	packets_close(&wire, &router, &client);
	assert_int_equal(import(NULL), 0);
	assert_int_equal(got.count, 2);
	assert_string_equal(got.exchanges[0].name, "POST /b");
	expect_message(
		&got.exchanges[0].replies[0],
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
	assert_int_equal(got.exchanges[0].connection, got.exchanges[1].connection);
	expect_message(&got.exchanges[1].replies[0], "HTTP/1.0 200 OK\r\n\r\nto the end");
	assert_int_equal(got.exchanges[1].replies[0].gap_count, 0);
}

static void unanswered_and_answer_alone(void **state)
{
	(void)state;
	capture_begin(&file);
	say(RESPONSE "answer", false); /* the capture began later */
	say("GET /lost HTTP/1.1\r\n\r\n", true);
	assert_int_equal(import(NULL), 0);
	assert_int_equal(got.count, 2);
	assert_false(got.exchanges[0].has_request);
	assert_string_equal(got.exchanges[0].name, "200 OK");
	assert_string_equal(got.exchanges[1].name, "GET /lost");
	assert_int_equal(got.exchanges[1].reply_count, 0);
}

static void left_out_is_counted(void **state)
{
	struct end tls = {PEER, 443, 1}, dns = {PEER, 53, 1};

	(void)state;
	capture_begin(&file);
	packets_connect(&wire, &client, &tls);
	packets_text(&wire, &client, &tls, "\x16\x03\x01 hello");
	packets_text(&wire, &tls, &client, "\x16\x03\x01 hello too");
	packets_close(&wire, &client, &tls);
	udp(client, dns, "%s", "who is it?");
	udp(client, (struct end){GROUP, 1900, 0}, SEARCH, "a");
	assert_int_equal(import(NULL), 0);
	assert_int_equal(got.count, 1);
	expect_note("left out: 8 packets of TCP port 443");
	expect_note("left out: 1 packet of UDP port 53 (DNS)");
}

/* A connection that was left out because its first bytes were no HTTP is followed once it is. */
static void turns_to_http(void **state)
{
	(void)state;
	capture_begin(&file);
	say("the rest of something\r\n", false);
	say("more of it, in another segment\r\n", false);
	say("GET /later HTTP/1.1\r\nHost: a\r\n\r\n", true);
	say(RESPONSE "answer", false);
	assert_int_equal(import(NULL), 0);
	assert_int_equal(got.count, 1);
	assert_string_equal(got.exchanges[0].name, "GET /later");
	expect_message(&got.exchanges[0].replies[0], RESPONSE "answer");
}

static void only_one_router(void **state)
{
	struct end other = {"192.168.1.7", 5431, 99};

	(void)state;
	capture_begin(&file);
	soap();
	client.port++;
	packets_connect(&wire, &client, &other);
	packets_text(&wire, &client, &other, "GET /no HTTP/1.1\r\n\r\n");
	assert_int_equal(import(&(struct import_options){.router = ROUTER}), 0);
	expect_soap(0);
	expect_note("left out: 1 message of others than " ROUTER);
}

static void damage(void **state)
{
	size_t before;

	(void)state;
	capture_begin(&file);
	soap();
	before = file.bytes.len;
	udp(client, router, "%s", "x");
	file.bytes.len--;
	assert_int_equal(import(NULL), 0);
	expect_soap(0);
	assert_true(before > 0);
	{
		char *text =
			xasprintf("damaged at byte %zu: the file ends inside a packet", before);

		expect_note(text);
		free(text);
	}
}

static void nothing_usable(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *complaint;
	} rows[] = {
		{BYTES(""), "the capture is empty"},
		{BYTES("\xd4\xc3\xb2\xa1\2\0\4"), "the file ends inside its head"},
		{BYTES("\x0a\x0d\x0d\x0a"), "the file ends inside a block"},
		{BYTES("\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\0\0\4\0\1\0\0\0"),
		 "nothing usable among 0 packets: looked for HTTP over TCP"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		tear_down(state);
		set_up(state);
		buf_add(&file.bytes, rows[i].bytes, rows[i].len);
		assert_row(i, import(NULL), -1);
		buf_putc(&d.text, '\0');
		if (!strstr(d.text.data, rows[i].complaint))
			fail_msg("row %zu: %s", i, d.text.data);
	}
}

static void bad_router(void **state)
{
	(void)state;
	capture_begin(&file);
	soap();
	assert_int_equal(import(&(struct import_options){.router = "fritz.box"}), -1);
	buf_putc(&d.text, '\0');
	assert_non_null(
		strstr(d.text.data, "router \"fritz.box\": expected an IPv4 or IPv6 address"));
}

/* The same with more at a time than may be held: written early, nothing lost. */
static void many_searches(void **state)
{
	struct end group = {GROUP, 1900, 0};

	(void)state;
	capture_begin(&file);
	for (unsigned i = 0; i < 3000; i++) {
		client.port = (uint16_t)(10000 + i);
		udp(client, group, SEARCH, "a");
	}
	assert_int_equal(import(NULL), 0);
	assert_int_equal(got.count, 3000);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(files_and_links),
		CASE(all_interfaces),
		CASE(both_sides_of_a_nat),
		CASE(search_and_replies),
		CASE(port_control),
		CASE(gaps),
		CASE(cut_by_snap_length),
		CASE(chunked_interim_and_until_close),
		CASE(unanswered_and_answer_alone),
		CASE(left_out_is_counted),
		CASE(turns_to_http),
		CASE(only_one_router),
		CASE(damage),
		CASE(nothing_usable),
		CASE(bad_router),
		CASE(many_searches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
