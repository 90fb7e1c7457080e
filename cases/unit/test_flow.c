/* SPDX-License-Identifier: MIT */
/*
 * test_flow.c - messages out of crafted packets: framing, pairing, labels, loss.
 *
 * links: sim
 */
#include "packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ENVELOPE                                                                                   \
	"<?xml version=\"1.0\"?><s:Envelope "                                                      \
	"xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "                                   \
	"s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>"
#define END_ENVELOPE "</s:Body></s:Envelope>"
#define SERVICE	     "urn:schemas-upnp-org:service:WANIPConnection:1"

static struct wire wire;
static struct end client, router;

static int set_up(void **state)
{
	(void)state;
	wire = (struct wire){.flow = flow_new(), .time_ns = INT64_C(1753696326822000000)};
	client = (struct end){CLIENT, 40112, 0xfffffff0u};
	router = (struct end){ROUTER, 5431, 7000};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	flow_free(wire.flow);
	return 0;
}

static void expect_label(size_t index, const char *label)
{
	assert_true(index < flow_count(wire.flow));
	assert_string_equal(flow_message(wire.flow, index)->label, label);
}

static void expect_count(size_t count)
{
	flow_end(wire.flow);
	for (size_t i = 0; i < flow_count(wire.flow) && flow_count(wire.flow) != count; i++)
		print_message("%zu: %s\n", i, flow_message(wire.flow, i)->label);
	assert_int_equal(flow_count(wire.flow), count);
}

static char *http_text(const char *head, const char *body)
{
	struct buf b = {0};

	buf_printf(&b, "%s\r\nContent-Length: %zu\r\n\r\n%s", head, strlen(body), body);
	return buf_steal(&b);
}

static void ask(const char *head, const char *body)
{
	char *text = http_text(head, body);

	packets_text(&wire, &client, &router, text);
	free(text);
}

static void answer(const char *head, const char *body)
{
	char *text = http_text(head, body);

	packets_text(&wire, &router, &client, text);
	free(text);
}

static void one_exchange(void **state)
{
	const struct flow_message *m;

	(void)state;
	packets_connect(&wire, &client, &router);
	packets_text(&wire, &client, &router, "GET /rootDesc.xml HTTP/1.1\r\nHost: x\r\n\r\n");
	answer("HTTP/1.1 200 OK", "hello");
	packets_close(&wire, &client, &router);
	expect_count(2);
	expect_label(0, "GET /rootDesc.xml");
	expect_label(1, "200 OK 5 bytes");
	m = flow_message(wire.flow, 1);
	assert_int_equal(m->request, 0);
	assert_true(m->is_reply);
	assert_false(m->is_error);
	assert_int_equal(m->first_packet, 4);
	assert_int_equal(m->packets, 1);
	assert_int_equal(m->src_port, 5431);
	assert_int_equal(m->src_mac[5], 1);
}

/* A message in as many segments as it has bytes is the same message. */
static void byte_by_byte(void **state)
{
	const char *request = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
	const char *reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			    "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n";
	const struct flow_message *m;

	(void)state;
	packets_connect(&wire, &client, &router);
	for (const char *p = request; *p; p++)
		packets_tcp(&wire, &client, &router, 0, (struct slice){p, 1});
	for (const char *p = reply; *p; p++)
		packets_tcp(&wire, &router, &client, 0, (struct slice){p, 1});
	expect_count(2);
	expect_label(0, "GET /a");
	expect_label(1, "200 OK 11 bytes");
	m = flow_message(wire.flow, 1);
	assert_int_equal(m->packets, strlen(reply));
	assert_int_equal(m->bytes.len, strlen(reply));
	assert_memory_equal(m->bytes.data, reply, strlen(reply));
}

static void head_and_body_apart(void **state)
{
	(void)state;
	packets_connect(&wire, &client, &router);
	packets_text(&wire, &client, &router, "GET /d HTTP/1.1\r\n\r\n");
	packets_text(&wire, &router, &client, "HTTP/1.0 200 OK\r\nConnection: Close\r\n\r\n");
	packets_text(&wire, &router, &client, "<?xml?><root><device/>");
	packets_text(&wire, &router, &client, "</root>");
	packets_close(&wire, &router, &client);
	expect_count(2);
	expect_label(1, "200 OK description 29 bytes");
	assert_int_equal(flow_message(wire.flow, 1)->packets, 3);
}

static void pipelining(void **state)
{
	(void)state;
	packets_connect(&wire, &client, &router);
	packets_text(&wire, &client, &router,
		     "GET /1 HTTP/1.1\r\n\r\nHEAD /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n");
	packets_text(&wire, &router, &client,
		     "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"
		     "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
		     "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	expect_count(6);
	expect_label(1, "HEAD /2");
	expect_label(3, "200 OK 3 bytes");
	expect_label(4, "200 OK");
	expect_label(5, "404 Not Found");
	assert_int_equal(flow_message(wire.flow, 3)->request, 0);
	assert_int_equal(flow_message(wire.flow, 4)->request, 1);
	assert_int_equal(flow_message(wire.flow, 5)->request, 2);
	assert_true(flow_message(wire.flow, 5)->is_error);
}

static void interim_response(void **state)
{
	(void)state;
	packets_connect(&wire, &client, &router);
	packets_text(&wire, &client, &router,
		     "POST /c HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
	packets_text(&wire, &router, &client, "HTTP/1.1 100 Continue\r\n\r\n");
	packets_text(&wire, &client, &router, "body");
	packets_text(&wire, &router, &client, "HTTP/1.1 204 No Content\r\n\r\n");
	expect_count(3);
	expect_label(0, "POST /c, 4 bytes");
	expect_label(1, "100 Continue");
	expect_label(2, "204 No Content");
	assert_int_equal(flow_message(wire.flow, 1)->request, 0);
	assert_int_equal(flow_message(wire.flow, 2)->request, 0);
}

static void reordered_and_repeated(void **state)
{
	const char *text = "GET /path HTTP/1.1\r\nHost: x\r\n\r\n";
	uint32_t seq;

	(void)state;
	packets_connect(&wire, &client, &router);
	seq = client.seq;
	for (int copy = 0; copy < 2; copy++) {
		packets_segment(&wire, client, router, seq + 10, router.seq, FRAME_TCP_ACK,
				slice_of(text + 10));
		packets_segment(&wire, client, router, seq, router.seq, FRAME_TCP_ACK,
				(struct slice){text, 15});
	}
	expect_count(1);
	expect_label(0, "GET /path, no reply");
}

static void gap_in_a_body(void **state)
{
	(void)state;
	packets_connect(&wire, &client, &router);
	packets_text(&wire, &client, &router, "GET /1 HTTP/1.1\r\n\r\n");
	packets_text(&wire, &router, &client, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123");
	router.seq += 6;
	packets_text(&wire, &router, &client, "0123456789");
	packets_text(&wire, &client, &router, "GET /2 HTTP/1.1\r\n\r\n"); /* acknowledges it */
	packets_text(&wire, &router, &client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	expect_count(4);
	expect_label(1, "200 OK 14 bytes, lost 6 bytes");
	expect_label(2, "GET /2");
	expect_label(3, "200 OK");
	assert_int_equal(flow_message(wire.flow, 3)->request, 2);
}

static void gap_in_a_head(void **state)
{
	(void)state;
	packets_connect(&wire, &client, &router);
	packets_text(&wire, &client, &router, "GET /1 HTTP/1.1\r\nHo");
	client.seq += 30;
	packets_text(&wire, &client, &router, "GET /2 HTTP/1.1\r\n\r\n");
	packets_text(&wire, &router, &client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	expect_count(3);
	expect_label(0, "head of GET /1 HTTP/1.1, lost 30 bytes, cut off, no reply");
	expect_label(1, "GET /2");
	expect_label(2, "200 OK");
}

static void cut_off(void **state)
{
	(void)state;
	packets_connect(&wire, &client, &router);
	packets_text(&wire, &client, &router, "GET /1 HTTP/1.1\r\n\r\n");
	packets_text(&wire, &router, &client, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123");
	packets_close(&wire, &router, &client);
	expect_count(2);
	expect_label(1, "200 OK 4 bytes, cut off");
}

static void body_longer_than_it_says(void **state)
{
	(void)state;
	packets_connect(&wire, &client, &router);
	packets_text(&wire, &client, &router, "GET /1 HTTP/1.1\r\n\r\n");
	packets_text(&wire, &router, &client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n0123");
	packets_text(&wire, &client, &router, "GET /2 HTTP/1.1\r\n\r\n");
	packets_text(&wire, &router, &client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	expect_count(5);
	expect_label(1, "200 OK 2 bytes");
	expect_label(2, "data 2 bytes, \"23\"");
	expect_label(4, "200 OK 2 bytes");
	assert_int_equal(flow_message(wire.flow, 4)->request, 3);
}

/* It begins like HTTP, in a connection that spoke HTTP, and is none (the fuzzer's). */
static void bad_head_is_data(void **state)
{
	(void)state;
	packets_connect(&wire, &client, &router);
	packets_text(&wire, &client, &router, "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/151\r\n\r\n");
	packets_text(&wire, &client, &router, "GET /3 HTTP/1.1\r\n\r\n");
	expect_count(3);
	expect_label(0, "GET /1, no reply");
	expect_label(1, "data 19 bytes, \"GET /2 HTTP/151\"");
	expect_label(2, "GET /3, no reply");
}

static void bad_chunk(void **state)
{
	(void)state;
	packets_connect(&wire, &client, &router);
	packets_text(&wire, &client, &router, "GET /1 HTTP/1.1\r\n\r\n");
	packets_text(&wire, &router, &client,
		     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n");
	flow_end(wire.flow);
	assert_non_null(strstr(flow_message(wire.flow, 1)->label, "bad chunk"));
}

static void soap(void **state)
{
	(void)state;
	packets_connect(&wire, &client, &router);
	ask("POST /c HTTP/1.1\r\nSOAPACTION: \"" SERVICE "#AddPortMapping\"",
	    ENVELOPE "<u:AddPortMapping xmlns:u=\"" SERVICE "\"><NewRemoteHost></NewRemoteHost>"
		     "<NewExternalPort>1872</NewExternalPort><NewProtocol>TCP</NewProtocol>"
		     "<NewInternalPort>1872</NewInternalPort>"
		     "<NewInternalClient>192.168.1.4</NewInternalClient><NewEnabled>1</NewEnabled>"
		     "<NewPortMappingDescription>x</NewPortMappingDescription>"
		     "<NewLeaseDuration>60</NewLeaseDuration></u:AddPortMapping>" END_ENVELOPE);
	answer("HTTP/1.1 200 OK",
	       ENVELOPE "<u:AddPortMappingResponse xmlns:u=\"" SERVICE "\"/>" END_ENVELOPE);
	ask("POST /c HTTP/1.1\r\nSOAPACTION: \"" SERVICE "#GetGenericPortMappingEntry\"",
	    ENVELOPE "<u:GetGenericPortMappingEntry xmlns:u=\"" SERVICE
		     "\"><NewPortMappingIndex>6</NewPortMappingIndex>"
		     "</u:GetGenericPortMappingEntry>" END_ENVELOPE);
	answer("HTTP/1.1 200 OK",
	       ENVELOPE "<u:GetGenericPortMappingEntryResponse xmlns:u=\"" SERVICE
			"\"><NewRemoteHost/><NewExternalPort>1</NewExternalPort>"
			"<NewProtocol>TCP</NewProtocol><NewInternalPort>44079</NewInternalPort>"
			"<NewInternalClient>192.168.1.4</NewInternalClient>"
			"<NewLeaseDuration>38325</NewLeaseDuration>"
			"</u:GetGenericPortMappingEntryResponse>" END_ENVELOPE);
	ask("POST /c HTTP/1.1\r\nSOAPACTION: \"" SERVICE "#GetExternalIPAddress\"",
	    ENVELOPE "<u:GetExternalIPAddress xmlns:u=\"" SERVICE "\"/>" END_ENVELOPE);
	answer("HTTP/1.1 200 OK",
	       ENVELOPE "<u:GetExternalIPAddressResponse xmlns:u=\"" SERVICE
			"\"><NewExternalIPAddress>100.81.111.102</NewExternalIPAddress>"
			"</u:GetExternalIPAddressResponse>" END_ENVELOPE);
	ask("POST /c HTTP/1.1\r\nSOAPACTION: \"" SERVICE "#GetGenericPortMappingEntry\"",
	    ENVELOPE "<u:GetGenericPortMappingEntry xmlns:u=\"" SERVICE
		     "\"><NewPortMappingIndex>7</NewPortMappingIndex>"
		     "</u:GetGenericPortMappingEntry>" END_ENVELOPE);
	answer("HTTP/1.1 500 Internal Server Error",
	       ENVELOPE "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError"
			"</faultstring><detail><UPnPError "
			"xmlns=\"urn:schemas-upnp-org:control-1-0\"><errorCode>713</errorCode>"
			"<errorDescription>SpecifiedArrayIndexInvalid</errorDescription>"
			"</UPnPError></detail></s:Fault>" END_ENVELOPE);
	ask("POST /c HTTP/1.1\r\nSOAPACTION: \"" SERVICE "#Nonsense\"", "<not xml");
	expect_count(9);
	expect_label(0, "AddPortMapping 1872/TCP → 192.168.1.4:1872, 60 s");
	expect_label(1, "AddPortMapping ok");
	expect_label(2, "GetGenericPortMappingEntry 6");
	expect_label(3, "1/TCP → 192.168.1.4:44079, 38325 s left");
	expect_label(4, "GetExternalIPAddress");
	expect_label(5, "external address 100.81.111.102");
	expect_label(7, "713 SpecifiedArrayIndexInvalid");
	expect_label(8, "Nonsense (no SOAP body), no reply");
	assert_true(flow_message(wire.flow, 7)->is_error);
	for (size_t i = 0; i < 9; i++)
		assert_int_equal(flow_message(wire.flow, i)->protocol, FLOW_SOAP);
}

static void gena(void **state)
{
	struct end back = {ROUTER, 33000, 500}, callback = {CLIENT, 8058, 900};
	char *text;

	(void)state;
	packets_connect(&wire, &client, &router);
	ask("GET /rootDesc.xml HTTP/1.1", "");
	answer("HTTP/1.1 200 OK",
	       "<root xmlns=\"urn:schemas-upnp-org:device-1-0\"><device>"
	       "<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>"
	       "<UDN>uuid:1</UDN><serviceList><service><serviceType>" SERVICE
	       "</serviceType><serviceId>x</serviceId><SCPDURL>/s</SCPDURL>"
	       "<controlURL>/c</controlURL><eventSubURL>/evt/1</eventSubURL></service>"
	       "</serviceList></device></root>");
	packets_text(&wire, &client, &router,
		     "SUBSCRIBE /evt/1 HTTP/1.1\r\nCALLBACK: <http://192.168.1.4:8058/>\r\n"
		     "NT: upnp:event\r\nTIMEOUT: Second-1800\r\n\r\n");
	packets_text(&wire, &router, &client,
		     "HTTP/1.1 200 OK\r\nSID: uuid:9\r\nTIMEOUT: Second-1800\r\n"
		     "Content-Length: 0\r\n\r\n");
	packets_connect(&wire, &back, &callback);
	text = http_text(
		"NOTIFY / HTTP/1.1\r\nNT: upnp:event\r\nNTS: upnp:propchange\r\nSID: uuid:9\r\n"
		"SEQ: 0",
		"<e:propertyset xmlns:e=\"urn:schemas-upnp-org:event-1-0\"><e:property>"
		"<ExternalIPAddress>100.81.111.102</ExternalIPAddress></e:property>"
		"<e:property><A>1</A></e:property></e:propertyset>");
	packets_text(&wire, &back, &callback, text);
	free(text);
	expect_count(5);
	expect_label(2, "SUBSCRIBE WANIPConnection:1, 1800 s");
	expect_label(3, "200 OK, 1800 s");
	expect_label(4, "NOTIFY seq 0: ExternalIPAddress=100.81.111.102, A=1, no reply");
	assert_int_equal(flow_message(wire.flow, 4)->protocol, FLOW_GENA);
}

static void ssdp(void **state)
{
	struct end searcher = {CLIENT, 50000, 0}, group = {GROUP, 1900, 0};
	struct end source = {ROUTER, 1900, 0};

	(void)state;
	packets_udp(&wire, searcher, group,
		    slice_of("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n"
			     "MAN: \"ssdp:discover\"\r\nMX: 3\r\nST: " SERVICE "\r\n\r\n"));
	packets_udp(&wire, searcher, group,
		    slice_of("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n"
			     "MAN: \"ssdp:discover\"\r\nMX: 3\r\nST: ssdp:all\r\n\r\n"));
	packets_udp(&wire, source, searcher,
		    slice_of("HTTP/1.1 200 OK\r\nST: " SERVICE "\r\nUSN: uuid:1::x\r\n"
			     "LOCATION: http://192.168.1.1:5431/d\r\nEXT:\r\n\r\n"));
	packets_udp(&wire, source, searcher,
		    slice_of("HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nUSN: uuid:1::x\r\n"
			     "LOCATION: http://192.168.1.1:5431/d\r\nEXT:\r\n\r\n"));
	packets_udp(
		&wire, source, group,
		slice_of("NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNTS: ssdp:alive\r\n"
			 "NT: upnp:rootdevice\r\nUSN: uuid:1::x\r\nLOCATION: http://x/\r\n\r\n"));
	packets_udp(&wire, searcher, group, slice_of("M-SEARCH * HTTP/1.1\r\nST: a\r\n\r\n"));
	expect_count(6);
	expect_label(0, "M-SEARCH WANIPConnection:1, MX 3");
	expect_label(2, "200 OK WANIPConnection:1 at http://192.168.1.1:5431/d");
	assert_int_equal(flow_message(wire.flow, 2)->request, 0);
	assert_int_equal(flow_message(wire.flow, 3)->request, 1);
	expect_label(4, "NOTIFY alive upnp:rootdevice");
	assert_non_null(strstr(flow_message(wire.flow, 5)->label, "MAN"));
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(flow_message(wire.flow, i)->protocol, FLOW_SSDP);
}

static void port_control(void **state)
{
	static const uint8_t address[] = {0, 0};
	static const uint8_t map[] = {0, 2, 0, 0, 0x07, 0x50, 0x07, 0x50, 0, 0, 0x0e, 0x10};
	static const uint8_t reply[] = {0, 128, 0, 0, 0, 0, 0, 9, 44, 0, 1, 2};
	static const uint8_t denied[] = {0, 130, 0, 2, 0, 0, 0, 9};
	uint8_t pcp[60] = {2, 1, 0, 0, 0, 0, 0x0e, 0x10};
	struct end server = {ROUTER, 5351, 0};

	(void)state;
	pcp[36] = 6;
	pcp[40] = pcp[42] = 0x07;
	pcp[41] = pcp[43] = 0x50;
	pcp[54] = pcp[55] = 0xff;
	packets_udp(&wire, client, server, (struct slice){(const char *)address, 2});
	packets_udp(&wire, server, client, (struct slice){(const char *)reply, 12});
	packets_udp(&wire, client, server, (struct slice){(const char *)map, 12});
	packets_udp(&wire, server, client, (struct slice){(const char *)denied, 8});
	packets_udp(&wire, client, server, (struct slice){(const char *)pcp, 60});
	expect_count(5);
	expect_label(0, "NAT-PMP external address");
	expect_label(1, "NAT-PMP external address 44.0.1.2, epoch 9");
	expect_label(2, "NAT-PMP map 1872/TCP → :1872, 3600 s");
	expect_label(3, "NAT-PMP 2 NotAuthorized");
	expect_label(4, "PCP MAP 0.0.0.0:1872/TCP → :1872, 3600 s, no reply");
	assert_int_equal(flow_message(wire.flow, 1)->request, 0);
	assert_int_equal(flow_message(wire.flow, 3)->request, 2);
	assert_true(flow_message(wire.flow, 3)->is_error);
}

static void plain_tcp(void **state)
{
	struct end peer = {PEER, 3000, 1}, wan = {ROUTER_WAN, 1872, 1};
	uint32_t seq = peer.seq;

	(void)state;
	packets_segment(&wire, peer, wan, seq, 0, FRAME_TCP_SYN, (struct slice){0});
	packets_connect(&wire, &peer, &wan); /* a retransmitted SYN, then the rest */
	packets_text(&wire, &peer, &wan, "hel");
	packets_text(&wire, &peer, &wan, "lo");
	packets_text(&wire, &wan, &peer, "0123456789012345678901234567890123456789");
	packets_close(&wire, &peer, &wan);
	expect_count(4);
	expect_label(0, "TCP connect :1872");
	expect_label(1, "accepted");
	expect_label(2, "data 5 bytes, \"hello\"");
	expect_label(3, "data 40 bytes");
	assert_int_equal(flow_message(wire.flow, 1)->request, 0);
	assert_int_equal(flow_message(wire.flow, 0)->first_packet, 0);
	assert_int_equal(flow_message(wire.flow, 2)->packets, 2);
	assert_true(flow_message(wire.flow, 3)->is_reply);
}

static void refused_and_unanswered(void **state)
{
	struct end other = {CLIENT, 40113, 5};

	(void)state;
	packets_segment(&wire, client, router, 1, 0, FRAME_TCP_SYN, (struct slice){0});
	packets_segment(&wire, router, client, 0, 2, FRAME_TCP_RST | FRAME_TCP_ACK,
			(struct slice){0});
	packets_segment(&wire, other, router, 1, 0, FRAME_TCP_SYN, (struct slice){0});
	packets_segment(&wire, other, router, 1, 0, FRAME_TCP_SYN, (struct slice){0});
	expect_count(3);
	expect_label(0, "TCP connect :5431");
	expect_label(1, "refused");
	expect_label(2, "TCP connect :5431, no answer");
	assert_int_equal(flow_message(wire.flow, 1)->request, 0);
	assert_true(flow_message(wire.flow, 1)->is_error);
	assert_true(flow_message(wire.flow, 2)->is_error);
}

static void reset_while_waiting(void **state)
{
	(void)state;
	packets_connect(&wire, &client, &router);
	packets_text(&wire, &client, &router, "GET / HTTP/1.1\r\n\r\n");
	packets_segment(&wire, router, client, router.seq, 0, FRAME_TCP_RST, (struct slice){0});
	packets_segment(&wire, router, client, router.seq, 0, FRAME_TCP_RST, (struct slice){0});
	expect_count(2);
	expect_label(0, "GET /, no reply");
	expect_label(1, "reset");
	assert_true(flow_message(wire.flow, 1)->is_error);
}

/* A reset after a complete exchange is how some programs close. */
static void reset_at_the_end_is_nothing(void **state)
{
	(void)state;
	packets_connect(&wire, &client, &router);
	packets_text(&wire, &client, &router, "GET / HTTP/1.1\r\n\r\n");
	answer("HTTP/1.1 200 OK", "x");
	packets_segment(&wire, client, router, client.seq, 0, FRAME_TCP_RST, (struct slice){0});
	expect_count(2);
}

static void ports_used_again(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		packets_connect(&wire, &client, &router);
		packets_text(&wire, &client, &router, "GET / HTTP/1.1\r\n\r\n");
		answer("HTTP/1.1 200 OK", "x");
		if (i != 1)
			packets_close(&wire, &client, &router);
		client.seq += 100000;
		router.seq += 100000;
	}
	expect_count(6);
	for (size_t i = 0; i < 6; i += 2)
		assert_int_equal(flow_message(wire.flow, i + 1)->request, i);
}

static void through_a_nat(void **state)
{
	struct end inside = {CLIENT, 3000, 1}, peer = {PEER, 80, 1};
	struct end outside = {ROUTER_WAN, 61000, 1};

	(void)state;
	packets_udp(&wire, inside, peer, slice_of("ping"));
	wire.link = 1;
	packets_udp(&wire, outside, peer, slice_of("ping"));
	packets_udp(&wire, peer, outside, slice_of("pong"));
	wire.link = 0;
	packets_udp(&wire, peer, inside, slice_of("pong"));
	expect_count(4);
	expect_label(0, "UDP :80 4 bytes, \"ping\"");
	expect_label(3, "UDP reply 4 bytes, \"pong\"");
	assert_int_equal(flow_message(wire.flow, 2)->request, 1);
	assert_int_equal(flow_message(wire.flow, 3)->request, 0);
	assert_int_equal(flow_message(wire.flow, 1)->link, 1);
}

static void icmp_names_its_cause(void **state)
{
	uint8_t error[8 + 28] = {3, 3};
	uint8_t *ip = error + 8;
	struct end peer = {PEER, 33434, 1};

	(void)state;
	wire.ttl = 1;
	packets_udp(&wire, client, peer, slice_of("probe"));
	wire.ttl = 64;
	ip[0] = 0x45;
	ip[3] = 33; /* the length it had */
	ip[9] = IPPROTO_UDP;
	inet_pton(AF_INET, CLIENT, ip + 12);
	inet_pton(AF_INET, PEER, ip + 16);
	ip[20] = (uint8_t)(client.port >> 8);
	ip[21] = (uint8_t)client.port;
	ip[22] = 33434 >> 8;
	ip[23] = 33434 & 0xff;
	ip[25] = 13;
	packets_send(&wire, IPPROTO_ICMP, ROUTER, CLIENT, error, sizeof(error));
	error[0] = 11;
	error[1] = 0;
	packets_send(&wire, IPPROTO_ICMP, ROUTER, CLIENT, error, sizeof(error));
	error[0] = 9; /* router advertisement: not a message */
	packets_send(&wire, IPPROTO_ICMP, ROUTER, CLIENT, error, sizeof(error));
	expect_count(3);
	expect_label(0, "UDP :33434 5 bytes, \"probe\", TTL 1");
	expect_label(1, "port unreachable (UDP :33434)");
	expect_label(2, "time exceeded (UDP :33434)");
	assert_int_equal(flow_message(wire.flow, 1)->request, 0);
	assert_true(flow_message(wire.flow, 1)->is_error);
	assert_false(flow_message(wire.flow, 2)->is_error);
}

static void hostile_label_is_clean(void **state)
{
	(void)state;
	packets_connect(&wire, &client, &router);
	packets_text(&wire, &client, &router, "GET /\xff\xc3\xa4<& HTTP/1.1\r\n\r\n");
	packets_text(&wire, &router, &client, "HTTP/1.1 500 a\x1b[31m\r\n\r\n");
	expect_count(2);
	expect_label(0, "GET /\xef\xbf\xbd\xc3\xa4<&");
	expect_label(1, "500 a [31m, cut off");
}

static void long_label_is_cut(void **state)
{
	struct buf b = {0};

	(void)state;
	buf_puts(&b, "GET /");
	for (int i = 0; i < 1000; i++)
		buf_puts(&b, "ä");
	buf_puts(&b, " HTTP/1.1\r\n\r\n");
	packets_connect(&wire, &client, &router);
	packets_text(&wire, &client, &router, b.data);
	flow_end(wire.flow);
	assert_true(strlen(flow_message(wire.flow, 0)->label) < 400);
	buf_free(&b);
}

/* Capture began later: a response whose request was not seen. */
static void begins_in_the_middle(void **state)
{
	(void)state;
	answer("HTTP/1.1 200 OK", "x");
	packets_text(&wire, &client, &router, "GET / HTTP/1.1\r\n\r\n");
	answer("HTTP/1.1 200 OK", "yy");
	expect_count(3);
	expect_label(0, "200 OK 1 byte");
	assert_int_equal(flow_message(wire.flow, 0)->request, -1);
	assert_int_equal(flow_message(wire.flow, 2)->request, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(one_exchange),
		TEST(byte_by_byte),
		TEST(head_and_body_apart),
		TEST(pipelining),
		TEST(interim_response),
		TEST(reordered_and_repeated),
		TEST(gap_in_a_body),
		TEST(gap_in_a_head),
		TEST(cut_off),
		TEST(body_longer_than_it_says),
		TEST(bad_head_is_data),
		TEST(bad_chunk),
		TEST(soap),
		TEST(gena),
		TEST(ssdp),
		TEST(port_control),
		TEST(plain_tcp),
		TEST(refused_and_unanswered),
		TEST(reset_while_waiting),
		TEST(reset_at_the_end_is_nothing),
		TEST(ports_used_again),
		TEST(through_a_nat),
		TEST(icmp_names_its_cause),
		TEST(hostile_label_is_clean),
		TEST(long_label_is_cut),
		TEST(begins_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
