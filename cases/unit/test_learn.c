/* SPDX-License-Identifier: MIT */
/*
 * test_learn.c - profiles out of flows: forms, policy, state, and that fakeigd takes them.
 *
 * links: fakeigd sim
 */
#include "../../fakeigd/base/mem.h"
#include "../../fakeigd/profile.h"
#include "../../sim/learn.h"
#include "../../sim/rehearse.h"
#include "../../sim/replay.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NS "urn:schemas-upnp-org:service:WANIPConnection:1"
#define START                                                                                      \
	"<?xml version=\"1.0\"?>\r\n<e:Envelope "                                                  \
	"xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>"
#define END	"</e:Body></e:Envelope>"
#define HEAD(s) "HTTP/1.1 " s "\r\nServer: Box/1 {x}\r\nConnection: close\r\n"
#define ROUTER	"192.168.1.1"
#define CLIENT	"192.168.1.4"

static struct recording flow;

static void set_end(struct end_point *e, const char *address, uint16_t port)
{
	e->family = AF_INET;
	inet_pton(AF_INET, address, e->address);
	e->port = port;
}

static int set_up(void **state)
{
	(void)state;
	flow = (struct recording){.dated = true};
	flow.router = xstrdup(ROUTER);
	flow.client = xstrdup(CLIENT);
	flow.kind = xstrdup("log");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	recording_free(&flow);
	return 0;
}

/* One exchange; @seconds since 1970. */
static void record(enum flow_protocol protocol, double seconds, const char *request,
		   const char *reply)
{
	struct exchange *x = recording_add(&flow);
	struct recorded_message *m = exchange_reply(x);

	x->protocol = protocol;
	x->has_request = true;
	x->request.time_ns = x->request.end_ns = (int64_t)(seconds * 1e9);
	set_end(&x->request.from, CLIENT, 50000);
	set_end(&x->request.to, ROUTER, 5000);
	x->request.first = flow.count * 10;
	buf_puts(&x->request.bytes, request);
	m->time_ns = m->end_ns = x->request.time_ns + 1000000;
	set_end(&m->from, ROUTER, protocol == FLOW_SSDP ? 1900 : 5000);
	m->first = flow.count * 10 + 5;
	buf_puts(&m->bytes, reply);
}

static void action(double seconds, const char *name, const char *in, const char *status,
		   const char *reply)
{
	struct buf request = {0}, body = {0}, answer = {0};

	buf_printf(&body, START "<u:%s xmlns:u=\"" NS "\">%s</u:%s>" END, name, in, name);
	buf_printf(&request,
		   "POST /ctl HTTP/1.1\r\nHost: " ROUTER ":5000\r\nSOAPAction: \"" NS
		   "#%s\"\r\nContent-Type: text/xml\r\nContent-Length: %zu\r\n\r\n%s",
		   name, body.len, body.data);
	buf_printf(&answer, "%sContent-Length: %zu\r\n\r\n%s", status, strlen(reply), reply);
	record(FLOW_SOAP, seconds, request.data, answer.data);
	buf_free(&request);
	buf_free(&body);
	buf_free(&answer);
}

static void answered(double seconds, const char *name, const char *in, const char *out)
{
	char *reply = xasprintf(START "<r:%sResponse xmlns:r=\"" NS "\">%s</r:%sResponse>" END,
				name, out, name);

	action(seconds, name, in, HEAD("200 OK"), reply);
	free(reply);
}

static void refused(double seconds, const char *name, const char *in, int code, const char *text)
{
	char *reply = xasprintf(
		START "<e:Fault><faultcode>e:Client</faultcode><faultstring>UPnPError</faultstring>"
		      "<detail><UPnPError xmlns=\"urn:schemas-upnp-org:control-1-0\">"
		      "<errorCode>%d</errorCode><errorDescription>%s</errorDescription></UPnPError>"
		      "</detail></e:Fault>" END,
		code, text);

	action(seconds, name, in, HEAD("500 Internal Server Error"), reply);
	free(reply);
}

#define KEY(port)                                                                                  \
	"<NewRemoteHost></NewRemoteHost><NewExternalPort>" port                                    \
	"</NewExternalPort><NewProtocol>TCP</NewProtocol>"
#define REST(client, lease)                                                                        \
	"<NewInternalPort>80</NewInternalPort><NewInternalClient>" client                          \
	"</NewInternalClient><NewEnabled>1</NewEnabled><NewPortMappingDescription>a &amp; "        \
	"b</NewPortMappingDescription><NewLeaseDuration>" lease "</NewLeaseDuration>"
#define INDEX(i) "<NewPortMappingIndex>" i "</NewPortMappingIndex>"

static struct learned learned_now(void)
{
	struct learn_options options = {.flow = "test.flow.json"};
	struct diag d = {0};
	struct learned l;

	if (learn(&flow, &options, &l, &d))
		fail_msg("%s", d.text.data);
	return l;
}

/* The profile as fakeigd reads it; printed when it does not. */
static struct profile *loaded(const struct learned *l)
{
	struct diag d = {0};
	struct profile *p = profile_load_text("learned.yaml", l->profile.data, l->profile.len,
					      "fakeigd", "seed", &d);

	if (!p)
		fail_msg("%s\n%s", d.text.data, l->profile.data);
	return p;
}

static bool has(const struct learned *l, const char *text)
{
	bool found = strstr(l->profile.data, text);

	if (!found)
		print_message("no \"%s\" in\n%s\n", text, l->profile.data);
	return found;
}

static void state_is_what_was_there_before(void **state)
{
	struct learned l;
	struct profile *p;

	(void)state;
	answered(100, "AddPortMapping", KEY("7") REST(CLIENT, "60"), "");
	answered(101, "GetGenericPortMappingEntry", INDEX("0"), KEY("3") REST(CLIENT, "500"));
	answered(101, "GetGenericPortMappingEntry", INDEX("2"), KEY("4") REST(CLIENT, "0"));
	answered(104, "GetSpecificPortMappingEntry", KEY("7"), REST(CLIENT, "60"));
	refused(105, "GetGenericPortMappingEntry", INDEX("3"), 714, "NoSuch");
	refused(105, "AddPortMapping", KEY("3") REST("192.168.1.9", "0"), 501, "Failed");
	l = learned_now();
	p = loaded(&l);
	assert_int_equal(p->mapping_count, 2);
	assert_int_equal(p->mappings[0].external_port, 3);
	assert_int_equal(p->mappings[0].lease, 501);
	assert_string_equal(p->mappings[0].description, "a & b");
	assert_int_equal(p->mappings[1].external_port, 4);
	assert_true(has(&l, "report: granted"));
	assert_true(has(&l, "end: 714"));
	assert_true(has(&l, "other-client: 501"));
	assert_true(has(&l, "# exchange 2, line 25"));
	assert_string_equal(profile_error_text(p, 714), "NoSuch");
	assert_string_equal(p->server, "Box/1 {x}");
	assert_int_equal(p->http_port, 5000);
	profile_free(p);
	learned_free(&l);
}

/* What the flow added (7, then 5) among what was there before (6): as it is told, it is kept. */
#define ENTRY(port) KEY(port) REST(CLIENT, "0")
static const struct {
	const char *told[3], *policy;
} told_orders[] = {
	{{ENTRY("6"), ENTRY("7"), ENTRY("5")}, NULL},
	{{ENTRY("5"), ENTRY("7"), ENTRY("6")}, "order: newest"},
	{{ENTRY("5"), ENTRY("6"), ENTRY("7")}, "order: port"},
	{{ENTRY("7"), ENTRY("6"), ENTRY("5")}, NULL},
};

static void the_order_of_entries(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(told_orders); i++) {
		struct learned l;
		struct profile *p;

		answered(1, "AddPortMapping", ENTRY("7"), "");
		answered(1, "AddPortMapping", ENTRY("5"), "");
		answered(2, "GetGenericPortMappingEntry", INDEX("0"), told_orders[i].told[0]);
		answered(2, "GetGenericPortMappingEntry", INDEX("1"), told_orders[i].told[1]);
		answered(2, "GetGenericPortMappingEntry", INDEX("2"), told_orders[i].told[2]);
		refused(2, "GetGenericPortMappingEntry", INDEX("3"), 713, "x");
		l = learned_now();
		p = loaded(&l);
		assert_int_equal(p->mapping_count, 1);
		assert_int_equal(p->mappings[0].external_port, 6);
		assert_int_equal(!strstr(l.profile.data, "order: "), !told_orders[i].policy);
		assert_true(!told_orders[i].policy || has(&l, told_orders[i].policy));
		profile_free(p);
		learned_free(&l);
		tear_down(NULL);
		set_up(NULL);
	}
}

static void an_empty_first_entry_is_a_rule(void **state)
{
	struct learned l;
	struct profile *p;

	(void)state;
	answered(1, "GetGenericPortMappingEntry", INDEX("0"),
		 "<NewRemoteHost></NewRemoteHost><NewExternalPort>0</NewExternalPort>"
		 "<NewProtocol></NewProtocol>");
	answered(1, "GetGenericPortMappingEntry", INDEX("1"), KEY("3") REST(CLIENT, "0"));
	l = learned_now();
	p = loaded(&l);
	assert_int_equal(p->policy.generic_first, 1);
	assert_int_equal(p->mapping_count, 1);
	assert_true(has(&l, "NewPortMappingIndex: \"0\"}"));
	profile_free(p);
	learned_free(&l);
}

static const struct {
	const char *in;
	int code;
	const char *policy;
} refusals[] = {
	{KEY("7") REST(CLIENT, "60"), 725, "finite: 725"},
	{KEY("0") REST(CLIENT, "0"), 716, "zero: 716"},
	{KEY("7") REST(CLIENT, "0"), 724, "other: 724"},
	{KEY("7") REST("192.168.1.9", "0"), 606, "third-party: 606"},
	{KEY("7") REST(CLIENT, "0"), 606, "low-external-port: 606"},
	{KEY("7777") REST(CLIENT, "0"), 899, "fault: 899"},
};

static void refusals_are_explained(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct learned l;

		refused(1, "AddPortMapping", refusals[i].in, refusals[i].code, "x");
		l = learned_now();
		profile_free(loaded(&l));
		assert_true(has(&l, refusals[i].policy));
		learned_free(&l);
		tear_down(NULL);
		set_up(NULL);
	}
}

static const struct {
	const char *body, *argument, *envelope;
} forms[] = {
	{"<NewA>1</NewA><NewB></NewB>", "soap-argument: \"<{name}>{value}</{name}>\"",
	 "\">{arguments}</r:{action}Response>"},
	{"\n\t<NewA>1</NewA>\n\t<NewB>2</NewB>\n", "\"\\n\\t<{name}>{value}</{name}>\"",
	 "{arguments}\\n</r:"},
	{"<NewA>1</NewA>\n<NewB>2</NewB>\n", "\"<{name}>{value}</{name}>\\n\"", "{arguments}</r:"},
	{"<NewA t=\"ui4\">1</NewA><NewB t=\"string\">2</NewB>",
	 "\"<{name} t=\\\"{type}\\\">{value}</{name}>\"", "{arguments}</r:"},
	{"<NewA/><NewB>2</NewB>", "\"<{name}>{value}</{name}>\"", "\"<NewA></NewA>\": \"<NewA/>\""},
};

static void forms_of_arguments(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct learned l;

		answered(1, "GetNATRSIPStatus", "", forms[i].body);
		l = learned_now();
		profile_free(loaded(&l));
		assert_true(has(&l, forms[i].argument));
		assert_true(has(&l, forms[i].envelope));
		learned_free(&l);
		tear_down(NULL);
		set_up(NULL);
	}
}

static void only_addresses_behind_nat_are_fixed(void **state)
{
	struct learned l;

	(void)state;
	answered(1, "GetExternalIPAddress", "",
		 "<NewExternalIPAddress>44.0.1.2</NewExternalIPAddress>");
	l = learned_now();
	assert_null(strstr(l.profile.data, "\nexternal:"));
	assert_string_equal(l.external, "44.0.1.2");
	learned_free(&l);
	tear_down(NULL);
	set_up(NULL);
	answered(1, "GetExternalIPAddress", "",
		 "<NewExternalIPAddress>100.81.1.2</NewExternalIPAddress>");
	l = learned_now();
	assert_true(has(&l, "\nexternal: 100.81.1.2"));
	learned_free(&l);
}

#define DEVICE(type, udn, in)                                                                      \
	"<device><deviceType>urn:schemas-upnp-org:device:" type                                    \
	"</deviceType><friendlyName>F {1}</friendlyName><UDN>uuid:" udn "</UDN>" in "</device>"
#define SERVICE                                                                                    \
	"<serviceList><service><serviceType>" NS                                                   \
	"</serviceType><serviceId>urn:upnp-org:serviceId:X</serviceId><SCPDURL>x.xml</SCPDURL>"    \
	"<controlURL>http://" ROUTER ":5000/ctl</controlURL><eventSubURL>/e</eventSubURL>"         \
	"</service></serviceList>"
#define DOCUMENT                                                                                   \
	"<?xml version=\"1.0\"?>\n<root xmlns=\"urn:schemas-upnp-org:device-1-0\">"                \
	"<URLBase>http://" ROUTER ":5000/</URLBase>" DEVICE(                                       \
		"InternetGatewayDevice:1", "r",                                                    \
		"<deviceList>" DEVICE(                                                             \
			"WANDevice:1", "w",                                                        \
			"<deviceList>" DEVICE(                                                     \
				"WANConnectionDevice:1", "c",                                      \
				SERVICE) "</deviceList>") "</deviceList>") "</root>\n"

static void a_description_says_everything(void **state)
{
	struct learned l;
	struct profile *p;

	(void)state;
	record(FLOW_SSDP, 1, "M-SEARCH * HTTP/1.1\r\nST: upnp:rootdevice\r\n\r\n",
	       "HTTP/1.1 200 OK\r\nST:upnp:rootdevice\r\nUsn : uuid:r::upnp:rootdevice\r\n"
	       "LOCATION: http://" ROUTER ":5000/d\r\nCACHE-CONTROL: max-age=77\r\n\r\n");
	record(FLOW_HTTP, 1, "GET /d HTTP/1.1\r\n\r\n", HEAD("200 OK") "\r\n" DOCUMENT);
	l = learned_now();
	p = loaded(&l);
	assert_int_equal(p->service_count, 1);
	assert_string_equal(p->services[0].control, "/ctl");
	assert_string_equal(p->services[0].scpd, "/x.xml");
	assert_int_equal(p->services[0].device, 2);
	assert_string_equal(p->udn[0], "uuid:r");
	assert_string_equal(p->udn[2], "uuid:c");
	assert_string_equal(p->friendly_name, "F {1}");
	assert_string_equal(p->url_description, "/d");
	assert_int_equal(p->max_age, 77);
	assert_true(has(&l, "<URLBase>http://{lan_address}:{http_port}/</URLBase>"));
	assert_true(has(&l, "F {{1}"));
	assert_true(has(&l, "Usn : {usn}"));
	profile_free(p);
	learned_free(&l);
}

#define SEARCH(st)     "M-SEARCH * HTTP/1.1\r\nST: " st "\r\n\r\n"
#define FOUND(st, usn) "HTTP/1.1 200 OK\r\nST: " st "\r\nUSN: " usn "\r\n\r\n"

/* One more answer to the last search. */
static void answered_too(const char *bytes)
{
	struct exchange *x = &flow.exchanges[flow.count - 1];
	struct recorded_message *m = exchange_reply(x);

	m->time_ns = m->end_ns = x->request.time_ns + 2000000;
	set_end(&m->from, ROUTER, 1900);
	buf_puts(&m->bytes, bytes);
}

static void searched_in_vain(const char *search)
{
	record(FLOW_SSDP, 2, search, "");
	buf_free(&flow.exchanges[flow.count - 1].replies[0].bytes);
	flow.exchanges[flow.count - 1].reply_count = 0;
}

/* Order, gaps, silence and targets of others; a log does not show what was not answered. */
static void searches_are_answered_as_they_were(void **state)
{
	(void)state;
	for (int log = 0; log < 2; log++) {
		struct learned l;
		struct profile *p;

		free(flow.kind);
		flow.kind = xstrdup(log ? "log" : "pcap");
		record(FLOW_HTTP, 1, "GET /d HTTP/1.1\r\n\r\n", HEAD("200 OK") "\r\n" DOCUMENT);
		record(FLOW_SSDP, 1, SEARCH("ssdp:all"), FOUND(NS, "uuid:c::" NS));
		answered_too(FOUND("upnp:rootdevice", "uuid:r::upnp:rootdevice"));
		answered_too(FOUND("urn:x:service:Odd:1", "uuid:odd"));
		record(FLOW_SSDP, 2, SEARCH(NS), FOUND(NS, "uuid:c::" NS));
		searched_in_vain(SEARCH("urn:schemas-upnp-org:device:WANDevice:1"));
		searched_in_vain(SEARCH("urn:schemas-upnp-org:device:Nobody:1"));
		l = learned_now();
		p = loaded(&l);
		assert_int_equal(p->ssdp_order->count, 3);
		assert_string_equal(p->ssdp_order->items[0]->text, NS);
		assert_string_equal(p->ssdp_order->items[1]->text, "upnp:rootdevice");
		assert_true(has(&l, "also: [{ssdp-reply: {set: {ST: \"urn:x:service:Odd:1\", "
				    "USN: \"uuid:odd\"}}}]"));
		assert_int_equal(!strstr(l.profile.data, "target: \"uuid:w\", header: {ST: "
							 "\"ssdp:all\"}}"),
				 log);
		assert_int_equal(!strstr(l.profile.data, "message: m-search, target: \"urn:schemas-"
							 "upnp-org:device:WANDevice:1\"}"),
				 log);
		assert_null(strstr(l.profile.data, "Nobody"));
		profile_free(p);
		learned_free(&l);
		tear_down(NULL);
		set_up(NULL);
	}
}

static void an_answer_that_names_its_own_version(void **state)
{
	struct learned l;

	(void)state;
	record(FLOW_SSDP, 1, SEARCH("urn:schemas-upnp-org:service:WANIPConnection:1"),
	       FOUND("urn:schemas-upnp-org:service:WANIPConnection:2", "uuid:x"));
	l = learned_now();
	profile_free(loaded(&l));
	assert_true(has(&l, "answer-target: own"));
	learned_free(&l);
}

static void errors_and_other_documents(void **state)
{
	struct learned l;
	struct profile *p;

	(void)state;
	record(FLOW_SSDP, 1, SEARCH("upnp:rootdevice"),
	       "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nUSN: uuid:r::upnp:rootdevice\r\n"
	       "LOCATION: http://" ROUTER ":5000/d\r\n\r\n");
	record(FLOW_HTTP, 1, "GET /d HTTP/1.1\r\n\r\n", HEAD("200 OK") "\r\n" DOCUMENT);
	record(FLOW_HTTP, 1, "GET /second HTTP/1.1\r\n\r\n",
	       HEAD("200 OK") "\r\n<root><device><UDN>uuid:{2} " ROUTER "</UDN></device></root>");
	record(FLOW_HTTP, 1, "GET /none HTTP/1.1\r\n\r\n",
	       HEAD("404 Not Found") "\r\n<b>404 Not Found</b> 1404 <i>Box/1 {x}</i> {y}");
	l = learned_now();
	p = loaded(&l);
	assert_int_equal(p->page_count, 1);
	assert_string_equal(p->pages[0].path, "/second");
	assert_true(has(&l, "uuid:{{2} {lan_address}</UDN>"));
	assert_true(has(&l, "<b>{status} {reason}</b> 1404 <i>{server}</i> {{y}"));
	profile_free(p);
	learned_free(&l);
}

#define EVENT(in)                                                                                  \
	"<?xml version=\"1.0\"?><e:propertyset xmlns:e=\"urn:schemas-upnp-org:event-1-0\">" in     \
	"</e:propertyset>\n"
#define VARIABLE(name, value) "<e:property>\t<" name " k=\"1\">" value "</" name "></e:property>"
static const struct {
	const char *body, *around, *property;
} events[] = {
	{EVENT(VARIABLE("A", "1")), "event-1-0\">{properties}</e:propertyset>",
	 "\"<e:property>\\t<{name} k=\\\"1\\\">{value}</{name}></e:property>\""},
	{EVENT("\n" VARIABLE("A", "") "\n" VARIABLE("B", "2") "\n"),
	 "event-1-0\">\n    {properties}</e:propertyset>", "{value}</{name}></e:property>\\n\""},
	{EVENT(" " VARIABLE("A", "x") " " VARIABLE("B", "2")),
	 "event-1-0\">{properties}</e:propertyset>", "event-property: \" <e:property>"},
	{EVENT("<e:property><A/></e:property>"), NULL, NULL},
	{"<no/>", NULL, NULL},
};

static void event(const char *body)
{
	struct exchange *x = recording_add(&flow);

	x->protocol = FLOW_GENA;
	x->from_router = x->has_request = true;
	set_end(&x->request.from, ROUTER, 40000);
	set_end(&x->request.to, CLIENT, 5001);
	buf_printf(&x->request.bytes,
		   "NOTIFY /cb/" CLIENT " HTTP/1.1\r\nHost: " CLIENT ":5001\r\nSID: uuid:1\r\nSEQ: "
		   "0\r\nX-From: " ROUTER "\r\nContent-Length: %zu\r\n\r\n%s",
		   strlen(body), body);
}

static void forms_of_events(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		struct learned l;

		event(events[i].body);
		l = learned_now();
		profile_free(loaded(&l));
		assert_true(has(&l, "NOTIFY {callback_path} HTTP/1.1"));
		assert_true(has(&l, "Host: {host}"));
		assert_true(has(&l, "SID: {sid}"));
		assert_true(has(&l, "SEQ: {seq}"));
		if (events[i].around) {
			assert_true(has(&l, events[i].around));
			assert_true(has(&l, events[i].property));
		} else {
			assert_null(strstr(l.profile.data, "event-property"));
		}
		learned_free(&l);
		tear_down(NULL);
		set_up(NULL);
	}
}

static void a_flow_without_a_router_is_refused(void **state)
{
	struct learn_options options = {.flow = "test.flow.json"};
	struct diag d = {0};
	struct learned l;

	(void)state;
	assert_int_equal(learn(&flow, &options, &l, &d), -1);
	assert_non_null(strstr(d.text.data, "answered nothing"));
	diag_free(&d);
	options.router = "here";
	assert_int_equal(learn(&flow, &options, &l, &d), -1);
	assert_non_null(strstr(d.text.data, "no IPv4"));
	diag_free(&d);
}

static const struct {
	const char *a, *b;
	bool gap, same;
} answers[] = {
	{"A\r\nDate: 1\r\nB", "A\r\nDATE: 1\r\nB", false, false},
	{"A\r\nDate: 1\r\nB", "A\r\nDate: 22\r\nB", false, true},
	{"<NewUptime>5</NewUptime>", "<NewUptime>77</NewUptime>", false, true},
	{"<NewLease>5</NewLease>", "<NewLease>6</NewLease>", false, false},
	{"A", "AB", false, false},
	{"A", "AB", true, true},
	{"AB", "A", true, false},
	{"", "", false, true},
};

static void answers_are_compared_but_for_dates(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		char *why = compare_answers(FLOW_HTTP, slice_of(answers[i].a),
					    slice_of(answers[i].b), answers[i].gap);

		assert_int_equal(!why, answers[i].same);
		free(why);
	}
}

/* What a live exchange is, in a lab where the client is 10.0.0.4; the flow's last is taken for it.
 */
static struct replay_match matched(bool other)
{
	struct substitutions s = {0};
	struct exchange live = flow.exchanges[--flow.count];
	struct replay_match m;

	substitutions_add(&s, CLIENT, "10.0.0.4");
	replay_match(&flow, &live, &s, other, &m);
	exchange_free(&live);
	substitutions_free(&s);
	return m;
}

static void answers_are_found_in_the_flow(void **state)
{
	struct replay_match m;

	(void)state;
	answered(1, "GetGenericPortMappingEntry", INDEX("0"), KEY("3") REST("10.0.0.9", "0"));
	answered(1, "GetGenericPortMappingEntry", INDEX("0"), KEY("3") REST(CLIENT, "0"));
	refused(2, "GetGenericPortMappingEntry", INDEX("1"), 713, "x");
	answered(3, "GetGenericPortMappingEntry", INDEX("0"), KEY("3") REST(CLIENT, "0"));
	m = matched(false);
	assert_int_equal(m.source, REPLAY_FLOW);
	assert_int_equal(m.recorded, 1);
	answered(3, "GetGenericPortMappingEntry", INDEX("0"), KEY("3") REST("10.0.0.4", "0"));
	m = matched(false);
	assert_int_equal(m.source, REPLAY_ADAPTED);
	assert_int_equal(m.recorded, 1);
	answered(3, "GetGenericPortMappingEntry", INDEX("0"), KEY("3") REST("10.0.0.5", "0"));
	m = matched(false);
	assert_int_equal(m.source, REPLAY_BEYOND);
	assert_int_equal(m.recorded, 0);
	assert_non_null(m.why);
	free(m.why);
	refused(3, "GetGenericPortMappingEntry", INDEX("2"), 713, "x");
	m = matched(false);
	assert_int_equal(m.source, REPLAY_BEYOND);
	assert_int_equal(m.recorded, -1);
	free(m.why);
	refused(3, "GetGenericPortMappingEntry", INDEX("1"), 713, "other text");
	m = matched(true);
	assert_int_equal(m.source, REPLAY_ADAPTED);
	assert_int_equal(m.recorded, 2);
}

static void answers_become_a_quirk(void **state)
{
	struct buf out = {0};

	(void)state;
	refused(1, "DeletePortMapping", KEY("3"), 714, "gone");
	answered(2, "DeletePortMapping", KEY("3"), "");
	answered(3, "GetExternalIPAddress", "",
		 "<NewExternalIPAddress>1.2.3.4</NewExternalIPAddress>");
	refused(4, "DeletePortMapping", KEY("3"), 501, "no");
	learn_answers(&flow, ROUTER, &out);
	assert_non_null(
		strstr(out.data, "\"NewExternalPort\": \"3\", \"NewProtocol\": \"TCP\", nth: 3}"));
	assert_non_null(strstr(out.data, "fault: {code: 501, text: \"no\"}"));
	assert_non_null(strstr(out.data, "\"NewExternalIPAddress\": \"1.2.3.4\""));
	assert_non_null(
		strstr(out.data, "nth: 2}  # exchange 2, line 25\n      never-refuse: true\n"));
	buf_free(&out);
}

static void topology_has_the_addresses_of_the_flow(void **state)
{
	struct learned l = {.router = (char[]){"10.1.0.1"},
			    .client = (char[]){"10.1.3.7"},
			    .external = (char[]){"100.81.1.2"}};
	struct buf out = {0};
	struct diag d = {0};

	(void)state;
	assert_true(learn_topology(&l, "p", &out, &d));
	assert_non_null(strstr(out.data, "home: {subnet: 10.1.0.0/16}"));
	assert_non_null(strstr(out.data, "wan: {internet: 100.81.1.2}"));
	buf_free(&out);
	l.client = (char[]){"192.168.1.4"};
	assert_false(learn_topology(&l, "p", &out, &d));
	assert_non_null(strstr(d.text.data, "no common network"));
	diag_free(&d);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(state_is_what_was_there_before),
		TEST(the_order_of_entries),
		TEST(an_empty_first_entry_is_a_rule),
		TEST(refusals_are_explained),
		TEST(forms_of_arguments),
		TEST(only_addresses_behind_nat_are_fixed),
		TEST(a_description_says_everything),
		TEST(searches_are_answered_as_they_were),
		TEST(an_answer_that_names_its_own_version),
		TEST(errors_and_other_documents),
		TEST(forms_of_events),
		TEST(a_flow_without_a_router_is_refused),
		TEST(answers_are_compared_but_for_dates),
		TEST(answers_are_found_in_the_flow),
		TEST(answers_become_a_quirk),
		TEST(topology_has_the_addresses_of_the_flow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
