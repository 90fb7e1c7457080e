/* SPDX-License-Identifier: MIT */
/*
 * test_soapserver.c - control: requests, port mappings and their conflicts, readings.
 *
 * links: fakeigd
 */
#include "soap_fixture.h"

static const struct {
	const char *policy, *start, *head, *body;
	int code;
} requests[] = {
	{"", "POST " URL, TEXT_XML ACTION, ENVELOPE(GET), 0},
	{"", "POST http://192.168.1.1:5000" URL, TEXT_XML ACTION, ENVELOPE(GET), 0},
	{"", "POST /control/nothing", TEXT_XML ACTION, ENVELOPE(GET), -404},
	{"", "POST " URL, "Content-Type: TEXT/XML\r\n" ACTION, ENVELOPE(GET), 0},
	{"", "POST " URL, ACTION, ENVELOPE(GET), 0},
	{"soap: {content-type: text-xml}", "POST " URL, ACTION, ENVELOPE(GET), -415},
	{"", "POST " URL, "Content-Type: application/json\r\n" ACTION, ENVELOPE(GET), -415},
	{"soap: {content-type: any}", "POST " URL, "Content-Type: a/b\r\n" ACTION, ENVELOPE(GET),
	 0},
	/* SOAP-07, SOAP-08 */
	{"", "POST " URL, TEXT_XML ACTION,
	 "<Envelope xmlns=\"" NS "\"><Body><GetExternalIPAddress xmlns=\"" TYPE
	 "\"></GetExternalIPAddress></Body></Envelope>",
	 0},
	/* SOAP-09, SOAP-10, SOAP-47, SOAP-48 */
	{"", "POST " URL, TEXT_XML ACTION,
	 "<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\"><e:Body>" GET
	 "</e:Body></e:Envelope>",
	 -500},
	{"", "POST " URL, TEXT_XML ACTION,
	 "<e:Envelope xmlns:e=\"" NS
	 "\"><e:Header><a e:mustUnderstand=\"1\"/></e:Header><e:Body>" GET "</e:Body></e:Envelope>",
	 -500},
	{"", "POST " URL, TEXT_XML ACTION,
	 "<e:Envelope xmlns:e=\"" NS "\"><e:Header><a/></e:Header><e:Body>" GET
	 "</e:Body></e:Envelope>",
	 0},
	{"", "POST " URL, TEXT_XML ACTION, "", -400},
	{"", "POST " URL, TEXT_XML ACTION, "<e:Envelope xmlns:e=\"" NS "\"><e:Body/></e:Envelope>",
	 -400},
	{"", "POST " URL, TEXT_XML ACTION, "<!DOCTYPE a [<!ENTITY b \"c\">]>" ENVELOPE(GET), -400},
	{"soap: {envelope: any}", "POST " URL, TEXT_XML ACTION,
	 "<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\"><e:Body>" GET
	 "</e:Body></e:Envelope>",
	 0},
	{"soap: {envelope: any}", "POST " URL, TEXT_XML ACTION,
	 "<e:Envelope xmlns:e=\"" NS
	 "\"><e:Header><a e:mustUnderstand=\"1\"/></e:Header><e:Body>" GET "</e:Body></e:Envelope>",
	 0},
	{"soap: {envelope: any}", "POST " URL, TEXT_XML ACTION, "<e:Body>" GET, -400},
	/* SOAP-17 */
	{"", "POST " URL, TEXT_XML "SOAPAction: \"" TYPE "#Foo\"\r\n",
	 ENVELOPE("<u:Foo xmlns:u=\"" TYPE "\"/>"), 401},
	{"soap: {unknown-action: 501}", "POST " URL, TEXT_XML "SOAPAction: \"" TYPE "#Foo\"\r\n",
	 ENVELOPE("<u:Foo xmlns:u=\"" TYPE "\"/>"), 501},
	{"soap: {unknown-action: 400}", "POST " URL, TEXT_XML "SOAPAction: \"" TYPE "#Foo\"\r\n",
	 ENVELOPE("<u:Foo xmlns:u=\"" TYPE "\"/>"), -400},
	/* SOAP-05, SOAP-06, SOAP-46 */
	{"", "POST " URL, TEXT_XML, ENVELOPE(GET), 401},
	{"soap: {missing-header: 400}", "POST " URL, TEXT_XML, ENVELOPE(GET), -400},
	{"soap: {missing-header: 402}", "POST " URL, TEXT_XML, ENVELOPE(GET), 402},
	{"soap: {missing-header: body}", "POST " URL, TEXT_XML, ENVELOPE(GET), 0},
	{"", "POST " URL, TEXT_XML "SOAPAction: " TYPE "#GetExternalIPAddress\r\n", ENVELOPE(GET),
	 0},
	{"", "POST " URL, TEXT_XML "SOAPAction: \"\r\n", ENVELOPE(GET), 401},
	{"", "POST " URL, TEXT_XML "SOAPAction: \"urn\r\n", ENVELOPE(GET), 401},
	{"", "POST " URL, TEXT_XML "SOAPAction: #\r\n", ENVELOPE(GET), 401},
	{"", "POST " URL, TEXT_XML "SOAPAction: \"" TYPE "#GetStatusInfo\"\r\n", ENVELOPE(GET),
	 401},
	{"soap: {disagreement: 402}", "POST " URL, TEXT_XML "SOAPAction: \"" TYPE "#Foo\"\r\n",
	 ENVELOPE(GET), 402},
	{"soap: {disagreement: header}", "POST " URL, TEXT_XML "SOAPAction: \"" TYPE "#Foo\"\r\n",
	 ENVELOPE(GET), 401},
	{"soap: {disagreement: body}", "POST " URL, TEXT_XML "SOAPAction: \"" TYPE "#Foo\"\r\n",
	 ENVELOPE(GET), 0},
	/* SOAP-04 */
	{"", "M-POST " URL,
	 TEXT_XML "Man: \"" NS "\"; ns=01\r\n01-SOAPACTION: \"" TYPE "#GetExternalIPAddress\"\r\n",
	 ENVELOPE(GET), 0},
	{"", "M-POST " URL, TEXT_XML ACTION, ENVELOPE(GET), -510},
	{"", "M-POST " URL, TEXT_XML "Man: \"" NS "\"; ns=\r\n" ACTION, ENVELOPE(GET), -510},
	{"", "M-POST " URL, TEXT_XML "Man: \"" NS "\"; ns=02\r\n" ACTION, ENVELOPE(GET), 401},
	{"soap: {m-post: false}", "M-POST " URL, TEXT_XML "Man: \"" NS "\"; ns=01\r\n",
	 ENVELOPE(GET), -405},
	/* The other service's URL. */
	{"", "POST /control/Layer3Forwarding-1", TEXT_XML ACTION, ENVELOPE(GET), 401},
	{"soap: {dispatch: header}", "POST /control/Layer3Forwarding-1", TEXT_XML ACTION,
	 ENVELOPE(GET), 0},
	{"soap: {dispatch: header}", "POST /", TEXT_XML ACTION, ENVELOPE(GET), 0},
	/* SOAP-38 */
	{"", "POST " URL, QUERY_HEAD, QUERY("ConnectionStatus"), 0},
	{"", "POST " URL, QUERY_HEAD, QUERY("Nonsense"), 404},
	{"", "POST " URL, QUERY_HEAD, QUERY("RemoteHost"), 404},
	{"soap: {query-state-variable: false}", "POST " URL, QUERY_HEAD, QUERY("ConnectionStatus"),
	 401},
};

static void each_request(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct fixture f;
		char *head =
			xasprintf("%s HTTP/1.1\r\n%s\r\n", requests[i].start, requests[i].head);

		fixture_start(&f, "conformant-igd1");
		if (*requests[i].policy)
			fixture_policy(&f, requests[i].policy);
		assert_row(i, fixture_post(&f, A, head, requests[i].body), requests[i].code);
		free(head);
		fixture_stop(&f);
	}
}

static void protocol_faults(void **state)
{
	struct fixture f;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	fixture_post(&f, A, "POST " URL " HTTP/1.1\r\n" TEXT_XML ACTION "\r\n",
		     "<Envelope><Body>" GET "</Body></Envelope>");
	assert_non_null(strstr(f.reply.data, "<faultcode>s:VersionMismatch</faultcode>"));
	fixture_post(&f, A, "POST " URL " HTTP/1.1\r\n" QUERY_HEAD "\r\n",
		     QUERY("PortMappingNumberOfEntries"));
	assert_string_equal(fixture_value(&f, "return"), "0");
	fixture_stop(&f);
}
/* One argument of an AddPortMapping otherwise fine, under a policy; answers of IGD:1 and IGD:2. */
static const struct {
	const char *policy;
	int argument;
	const char *value;
	int one, two;
} arguments[] = {
	{"", 0, NULL, 402, 402},
	{"", 1, NULL, 402, 402},
	{"", 2, NULL, 402, 402},
	{"", 3, NULL, 402, 402},
	{"", 4, NULL, 402, 402},
	{"", 5, NULL, 402, 402},
	{"", 6, NULL, 402, 402},
	{"", 7, NULL, 402, 402},
	{"soap: {missing-argument: 501}", 0, NULL, 501, 501},
	{"soap: {missing-argument: empty}", 6, NULL, 0, 0},
	/* SOAP-21 to SOAP-25 */
	{"", 1, "abc", 402, 402},
	{"", 1, "", 402, 402},
	{"", 1, "1e3", 402, 402},
	{"", 1, "80abc", 402, 402},
	{"", 1, "0x50", 402, 402},
	{"soap: {number: leading-digits}", 1, "8080abc", 0, 0},
	{"soap: {number: leading-digits}", 3, "abc", 402, 732},
	{"soap: {number: leading-digits}", 1, "65536", 601, 601},
	{"", 1, "65536", 601, 601},
	{"", 1, "65616", 601, 601},
	{"", 1, "-1", 601, 601},
	{"", 1, "4294967376", 601, 601},
	{"soap: {number-overflow: 402}", 1, "65536", 402, 402},
	{"soap: {number-overflow: wrap}", 1, "99999", 0, 0},
	{"", 1, "+8080", 0, 0},
	{"", 1, "008080", 0, 0},
	{"", 5, "yes", 0, 0},
	{"", 5, "2", 402, 402},
	/* protocol: SOAP-23, WIPC-27 */
	{"", 2, "tcp", 402, 601},
	{"", 2, " TCP ", 402, 601},
	{"", 2, "", 402, 601},
	{"", 2, "ICMP", 402, 601},
	{"protocol: {case: any}", 2, "udp", 0, 0},
	{"protocol: {other: tcp}", 2, "SCTP", 0, 0},
	{"protocol: {other: 501}", 2, "SCTP", 501, 501},
	/* remote host: WIPC-10, WIPC-11, WIPC-30, WIPC-29 */
	{"", 0, "44.0.1.10", 0, 0},
	{"", 0, "0.0.0.0", 0, 0},
	{"remote-host: {wildcard: empty}", 0, "0.0.0.0", 402, 601},
	{"", 0, "*", 402, 601},
	{"remote-host: {wildcard: empty-zero-or-star}", 0, "*", 0, 0},
	{"", 0, "1.2.3", 402, 601},
	{"", 0, "999.1.1.1", 402, 601},
	{"", 0, "a b", 402, 601},
	{"", 0, ";reboot;", 402, 601},
	{"remote-host: {invalid: 715}", 0, "host.example", 715, 715},
	{"remote-host: {invalid: ignore}", 0, "undefined", 0, 0},
	{"remote-host: {specific: 726}", 0, "44.0.1.10", 726, 726},
	{"remote-host: {specific: 726}", 0, "", 0, 0},
	/* ports: WIPC-08, WIPC-09, WIPC-14, IGD-12 */
	{"", 1, "0", 0, 716},
	{"external-port: {zero: accept}", 1, "0", 0, 0},
	{"external-port: {zero: 501}", 1, "0", 501, 501},
	{"external-port: {specific: 727}", 1, "1872", 727, 727},
	{"", 1, "1023", 0, 606},
	{"", 1, "1024", 0, 0},
	{"client: {low-external-port: accept}", 1, "80", 0, 0},
	{"", 3, "1023", 0, 606},
	{"client: {low-internal-port: 501}", 3, "80", 501, 501},
	{"", 3, "0", 402, 732},
	{"internal-port: {zero: accept}", 3, "0", 0, 606},
	{"internal-port: {other: 724}", 3, "1873", 724, 724},
	{"internal-port: {other: 724}", 3, "1872", 0, 0},
	{"", 3, "50001", 0, 0},
	/* client: WIPC-07, WIPC-25, WIPC-26, WIPC-28, IGD-11 */
	{"", 4, "", 715, 715},
	{"client: {empty: requester}", 4, "", 0, 0},
	{"client: {empty: 402}", 4, "", 402, 402},
	{"", 4, "nosuch.invalid", 402, 402},
	{"client: {name: requester}", 4, "laptop", 0, 0},
	{"", 4, B, 0, 606},
	{"client: {third-party: 718}", 4, B, 718, 718},
	{"client: {third-party: accept}", 4, B, 0, 0},
	{"", 4, "8.8.8.8", 402, 402},
	{"", 4, "44.0.1.2", 402, 402},
	{"", 4, "127.0.0.1", 402, 402},
	{"", 4, "0.0.0.0", 402, 402},
	{"", 4, "224.0.0.1", 402, 402},
	{"", 4, "192.168.1.1", 402, 402},
	{"", 4, "192.168.1.0", 402, 402},
	{"", 4, "192.168.1.255", 402, 402},
	{"", 4, "255.255.255.255", 402, 402},
	{"client: {outside-lan: 606}", 4, "8.8.8.8", 606, 606},
	{"client: {outside-lan: accept, third-party: accept}", 4, "8.8.8.8", 0, 0},
	/* enabled: WIPC-24 */
	{"", 5, "0", 0, 0},
	{"enabled: {zero: 501}", 5, "0", 501, 501},
	/* description: SOAP-28, SOAP-29 */
	{"", 6, "", 0, 0},
	{"description: {empty: 402}", 6, "", 402, 402},
	{"", 6, "a&b<c>\"' \xc3\xa9\xe6\xbc\xa2;:|\n", 0, 0},
	{"description: {other-characters: 402}", 6, "a_b", 402, 402},
	{"description: {other-characters: 402}", 6, "upnpc-a 1", 0, 0},
	{"description: {max: 5}", 6, "123456", 605, 605},
	{"description: {max: 5, too-long: 402}", 6, "123456", 402, 402},
	{"description: {max: 5, too-long: cut}", 6, "123456", 0, 0},
	/* lease: WIPC-15 to WIPC-18 */
	{"", 7, "0", 0, 0},
	{"", 7, "604800", 0, 0},
	{"", 7, "604801", 0, 601},
	{"", 7, "4294967295", 0, 601},
	{"", 7, "4294967296", 601, 601},
	{"lease: {too-long: cap}", 7, "4294967295", 0, 0},
	{"lease: {max: 100}", 7, "101", 0, 601},
	{"lease: {finite: 725}", 7, "60", 725, 725},
	{"lease: {finite: 725}", 7, "0", 0, 0},
	{"lease: {zero: 725}", 7, "0", 725, 725},
	{"lease: {finite: 402}", 7, "60", 402, 402},
	/* WIPC-68 */
	{"wan: {nat: false}", 7, "60", 501, 501},
};

static void each_argument(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(arguments); i++)
		for (unsigned version = 1; version <= 2; version++) {
			struct add a = {"", "1872", "TCP", "1872", A, "1", "igdlab", "60"};
			struct fixture f;
			int code;

			fixture_start(&f, version == 1 ? "conformant-igd1" : "conformant-igd2");
			if (*arguments[i].policy)
				fixture_policy(&f, arguments[i].policy);
			((const char **)&a)[arguments[i].argument] = arguments[i].value;
			code = add_as(&f, A, version, "AddPortMapping", &a);
			assert_row(i, code, version == 1 ? arguments[i].one : arguments[i].two);
			assert_row(i, portmap_count(f.r.portmap), code == 0);
			fixture_stop(&f);
		}
}

/* What is stored where the policy changes it. */
static const struct {
	const char *policy;
	int argument;
	const char *value, *out, *stored;
} changes[] = {
	{"", 0, "0.0.0.0", "NewRemoteHost", ""},
	{"remote-host: {report: zero}", 0, "", "NewRemoteHost", "0.0.0.0"},
	{"remote-host: {report: star}", 0, "", "NewRemoteHost", "*"},
	{"remote-host: {specific: ignore}", 0, "44.0.1.10", "NewRemoteHost", ""},
	{"", 0, "44.0.1.10", "NewRemoteHost", "44.0.1.10"},
	{"soap: {number-overflow: wrap}", 1, "99999", "NewExternalPort", "34463"},
	{"", 1, "008080", "NewExternalPort", "8080"},
	{"protocol: {case: any}", 2, "udp", "NewProtocol", "UDP"},
	{"protocol: {other: tcp}", 2, "SCTP", "NewProtocol", "TCP"},
	{"internal-port: {other: force}", 3, "5", "NewInternalPort", "1872"},
	{"client: {empty: requester}", 4, "", "NewInternalClient", A},
	{"", 5, "no", "NewEnabled", "0"},
	{"enabled: {zero: ignore}", 5, "0", "NewEnabled", "1"},
	{"", 6, " a&b<c>\"' \xc3\xa9\xe6\xbc\xa2", "NewPortMappingDescription",
	 " a&b<c>\"' \xc3\xa9\xe6\xbc\xa2"},
	{"description: {max: 4, too-long: cut}", 6, "abc\xc3\xa9", "NewPortMappingDescription",
	 "abc"},
	{"description: {other-characters: dot}", 6, "FluxOS Reser\xc3\xa9_d",
	 "NewPortMappingDescription", "FluxOS.Reser..d"},
	{"description: {other-characters: remove}", 6, "a_b c.d", "NewPortMappingDescription",
	 "ab cd"},
	{"", 7, "0", "NewLeaseDuration", "0"},
	{"lease: {zero: maximum}", 7, "0", "NewLeaseDuration", "604800"},
	{"lease: {zero: maximum, max: 3600}", 7, "0", "NewLeaseDuration", "3600"},
	{"lease: {max: 100}", 7, "101", "NewLeaseDuration", "100"},
	{"lease: {min: 120}", 7, "1", "NewLeaseDuration", "120"},
	{"lease: {override: 86400}", 7, "0", "NewLeaseDuration", "86400"},
	{"lease: {finite: permanent}", 7, "60", "NewLeaseDuration", "0"},
	{"lease: {report: zero}", 7, "60", "NewLeaseDuration", "0"},
	{"lease: {report-permanent: 4294967295}", 7, "0", "NewLeaseDuration", "4294967295"},
};

static void each_change(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct add a = {"", "1872", "TCP", "1872", A, "1", "igdlab", "60"};
		struct fixture f;

		fixture_start(&f, "conformant-igd1");
		if (*changes[i].policy)
			fixture_policy(&f, changes[i].policy);
		((const char **)&a)[changes[i].argument] = changes[i].value;
		assert_row(i, add_as(&f, A, 1, "AddPortMapping", &a), 0);
		assert_row(i,
			   fixture_call(&f, A, "WANIPConnection", 1, "GetGenericPortMappingEntry",
					"<NewPortMappingIndex>0</NewPortMappingIndex>"),
			   0);
		assert_row_slice(i, slice_of(fixture_value(&f, changes[i].out)), changes[i].stored);
		fixture_stop(&f);
	}
}

/*
 * Figure 2-3: a mapping of 44.0.1.10 or any host at port 4000/TCP to client A exists; then another
 * is asked for. Entries left are counted.
 */
static const struct {
	const char *policy;
	const char *remote, *external, *protocol, *client, *text;
	int one, two;
	unsigned left;
} conflicts[] = {
	{"", "", "4000", "UDP", B, "x", 0, 0, 2},
	{"", "", "4001", "TCP", B, "x", 0, 0, 2},
	{"", "44.0.1.10", "4000", "TCP", B, "x", 0, 718, 2},
	{"", "44.0.1.10", "4000", "TCP", A, "x", 0, 0, 2},
	{"", "", "4000", "TCP", B, "x", 718, 718, 1},
	{"", "", "4000", "TCP", A, "x", 0, 0, 1},
	{"conflict: {other-remote-host: 718}", "44.0.1.10", "4000", "TCP", A, "x", 718, 718, 1},
	{"conflict: {other-remote-host-and-client: accept}", "44.0.1.10", "4000", "TCP", B, "x", 0,
	 0, 2},
	{"conflict: {other-client: 501}", "", "4000", "TCP", B, "x", 501, 501, 1},
	{"conflict: {other-client: overwrite}", "", "4000", "TCP", B, "x", 0, 0, 1},
	{"conflict: {other-client: pretend}", "", "4000", "TCP", B, "x", 0, 0, 1},
	{"conflict: {same-entry: 718}", "", "4000", "TCP", A, "x", 718, 718, 1},
	{"conflict: {same-entry: keep}", "", "4000", "TCP", A, "x", 0, 0, 1},
	{"conflict: {same-internal: 718}", "", "4001", "TCP", A, "x", 718, 718, 1},
	{"conflict: {same-internal: 718}", "", "4000", "TCP", A, "x", 0, 0, 1},
	{"conflict: {other-protocol: 718}", "", "4000", "UDP", A, "x", 718, 718, 1},
	{"conflict: {other-protocol: replace}", "", "4000", "UDP", A, "x", 0, 0, 1},
	{"conflict: {same-description: 501}", "", "4001", "TCP", A, "first", 501, 501, 1},
	{"conflict: {same-description: replace}", "", "4001", "TCP", A, "first", 0, 0, 1},
	{"table: {max: 1}", "", "4001", "TCP", A, "x", 501, 728, 1},
	{"table: {max: 1}", "", "4000", "TCP", A, "x", 0, 0, 1},
	{"table: {max: 1, full: 402}", "", "4001", "TCP", A, "x", 402, 402, 1},
	{"table: {max: 1, full: pretend}", "", "4001", "TCP", A, "x", 0, 0, 1},
};

static void each_conflict(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(conflicts); i++)
		for (unsigned version = 1; version <= 2; version++) {
			struct add first = {"", "4000", "TCP", "3000", A, "1", "first", "60"};
			struct add second = {conflicts[i].remote,   conflicts[i].external,
					     conflicts[i].protocol, "3000",
					     conflicts[i].client,   "1",
					     conflicts[i].text,	    "60"};
			struct fixture f;
			int expected = version == 1 ? conflicts[i].one : conflicts[i].two;

			fixture_start(&f, version == 1 ? "conformant-igd1" : "conformant-igd2");
			if (*conflicts[i].policy)
				fixture_policy(&f, conflicts[i].policy);
			assert_row(i, add_as(&f, A, version, "AddPortMapping", &first), 0);
			assert_row(
				i,
				add_as(&f, conflicts[i].client, version, "AddPortMapping", &second),
				expected);
			assert_row(i, portmap_count(f.r.portmap), expected ? 1 : conflicts[i].left);
			fixture_stop(&f);
		}
}

/* A static rule holds the port (WIPC-32). */
static void other_mechanism(void **state)
{
	const struct mapping rule = {
		.internal_client = {htonl(0xc0a80109)},
		.external_port = 4000,
		.internal_port = 80,
		.protocol = IPPROTO_TCP,
		.origin = PORTMAP_STATIC,
		.enabled = true,
		.description = "",
	};

	(void)state;
	for (unsigned version = 1; version <= 2; version++) {
		struct fixture f;

		fixture_start(&f, version == 1 ? "conformant-igd1" : "conformant-igd2");
		assert_int_equal(portmap_put(f.r.portmap, &rule), 0);
		assert_int_equal(add(&f, A, version, "4000", A), version == 1 ? 718 : 729);
		fixture_policy(&f, "generic: {shows: igd}");
		assert_int_equal(add(&f, A, version, "4001", A), 0);
		assert_int_equal(fixture_call(&f, A, "WANIPConnection", version,
					      "GetGenericPortMappingEntry",
					      "<NewPortMappingIndex>0</NewPortMappingIndex>"),
				 713);
		assert_int_equal(fixture_call(&f, A, "WANIPConnection", version,
					      "GetGenericPortMappingEntry",
					      "<NewPortMappingIndex>1</NewPortMappingIndex>"),
				 0);
		fixture_stop(&f);
	}
}

#define INDEX(i) "<NewPortMappingIndex>" i "</NewPortMappingIndex>"
#define RANGE(start, end, manage)                                                                  \
	"<NewStartPort>" start "</NewStartPort><NewEndPort>" end "</NewEndPort><NewProtocol>TCP"   \
	"</NewProtocol><NewManage>" manage "</NewManage>"
#define LIST(start, end, count)                                                                    \
	RANGE(start, end, "0") "<NewNumberOfPorts>" count "</NewNumberOfPorts>"

/*
 * Reading and deleting by A, where A holds 4000/TCP and 4002/TCP for 44.0.1.10, and B holds
 * 4001/TCP. Entries left after it.
 */
static const struct {
	const char *policy, *action, *arguments;
	int one, two;
	unsigned left;
} readings[] = {
	{"", "GetGenericPortMappingEntry", INDEX("0"), 0, 0, 3},
	{"", "GetGenericPortMappingEntry", INDEX("1"), 0, 606, 3},
	{"client: {read-others: accept}", "GetGenericPortMappingEntry", INDEX("1"), 0, 0, 3},
	{"", "GetGenericPortMappingEntry", INDEX("3"), 713, 713, 3},
	{"generic: {end: 402}", "GetGenericPortMappingEntry", INDEX("3"), 402, 402, 3},
	{"generic: {end: last}", "GetGenericPortMappingEntry", INDEX("77"), 0, 0, 3},
	{"generic: {end: empty}", "GetGenericPortMappingEntry", INDEX("3"), 0, 0, 3},
	{"generic: {first: 1}", "GetGenericPortMappingEntry", INDEX("0"), 713, 713, 3},
	{"generic: {first: 1}", "GetGenericPortMappingEntry", INDEX("3"), 0, 0, 3},
	{"generic: {order: newest}", "GetGenericPortMappingEntry", INDEX("1"), 0, 606, 3},
	{"generic: {order: port}", "GetGenericPortMappingEntry", INDEX("3"), 713, 713, 3},
	{"generic: {shows: none}", "GetGenericPortMappingEntry", INDEX("0"), 713, 713, 3},
	{"generic: {shows: own}", "GetGenericPortMappingEntry", INDEX("1"), 0, 0, 3},
	{"generic: {shows: own}", "GetGenericPortMappingEntry", INDEX("2"), 713, 713, 3},
	{"", "GetGenericPortMappingEntry", INDEX("-1"), 601, 601, 3},
	{"", "GetGenericPortMappingEntry", INDEX("x"), 402, 402, 3},
	{"", "GetGenericPortMappingEntry", INDEX("65536"), 601, 601, 3},
	{"", "GetSpecificPortMappingEntry", KEY("", "4000", "TCP"), 0, 0, 3},
	{"", "GetSpecificPortMappingEntry", KEY("", "4000", "UDP"), 714, 714, 3},
	{"", "GetSpecificPortMappingEntry", KEY("", "4000", "tcp"), 402, 601, 3},
	{"", "GetSpecificPortMappingEntry", KEY("", "4001", "TCP"), 0, 606, 3},
	{"", "GetSpecificPortMappingEntry", KEY("", "4002", "TCP"), 714, 714, 3},
	{"", "GetSpecificPortMappingEntry", KEY("44.0.1.10", "4002", "TCP"), 0, 0, 3},
	{"specific: {match: any-remote-host}", "GetSpecificPortMappingEntry",
	 KEY("", "4002", "TCP"), 0, 0, 3},
	{"specific: {match: any-protocol}", "GetSpecificPortMappingEntry", KEY("", "4000", "UDP"),
	 0, 0, 3},
	{"specific: {missing: any}", "GetSpecificPortMappingEntry", KEY("", "9999", "TCP"), 0, 0,
	 3},
	{"specific: {missing: 606}", "GetSpecificPortMappingEntry", KEY("", "9999", "TCP"), 606,
	 606, 3},
	{"", "DeletePortMapping", KEY("", "4000", "TCP"), 0, 0, 2},
	{"", "DeletePortMapping", KEY("", "4000", "UDP"), 714, 714, 3},
	{"", "DeletePortMapping", KEY("", "4000", "ICMP"), 402, 601, 3},
	{"", "DeletePortMapping", KEY("", "4001", "TCP"), 0, 606, 2},
	{"client: {delete-others: 714}", "DeletePortMapping", KEY("", "4001", "TCP"), 714, 714, 3},
	{"", "DeletePortMapping", KEY("", "4002", "TCP"), 714, 714, 3},
	{"delete: {match: any-remote-host}", "DeletePortMapping", KEY("", "4002", "TCP"), 0, 0, 2},
	{"delete: {missing: accept}", "DeletePortMapping", KEY("", "9999", "TCP"), 0, 0, 3},
	{"delete: {missing: 501}", "DeletePortMapping", KEY("", "9999", "TCP"), 501, 501, 3},
	{"", "DeletePortMappingRange", RANGE("4000", "4002", "0"), 401, 0, 1},
	{"delete: {range-max: 1}", "DeletePortMappingRange", RANGE("4000", "4002", "0"), 401, 0, 2},
	{"", "DeletePortMappingRange", RANGE("4001", "4001", "0"), 401, 730, 3},
	{"", "DeletePortMappingRange", RANGE("4000", "4002", "1"), 401, 0, 1},
	{"client: {manage: accept}", "DeletePortMappingRange", RANGE("4000", "4002", "1"), 401, 0,
	 0},
	{"client: {manage: 606}", "DeletePortMappingRange", RANGE("4000", "4002", "1"), 401, 606,
	 3},
	{"", "DeletePortMappingRange", RANGE("4002", "4000", "0"), 401, 733, 3},
	{"", "GetListOfPortMappings", LIST("4000", "4002", "0"), 401, 0, 3},
	{"", "GetListOfPortMappings", LIST("5000", "5002", "0"), 401, 730, 3},
	{"list: {nothing: empty}", "GetListOfPortMappings", LIST("5000", "5002", "0"), 401, 0, 3},
	{"", "GetListOfPortMappings", LIST("2", "1", "0"), 401, 733, 3},
};

static void fill_readings(struct fixture *f, unsigned version)
{
	struct add first = {"", "4000", "TCP", "3000", A, "1", "a", "60"};
	struct add second = {"", "4001", "TCP", "3000", B, "1", "b", "60"};
	struct add third = {"44.0.1.10", "4002", "TCP", "3000", A, "1", "c", "60"};

	assert_int_equal(add_as(f, A, version, "AddPortMapping", &first), 0);
	assert_int_equal(add_as(f, B, version, "AddPortMapping", &second), 0);
	assert_int_equal(add_as(f, A, version, "AddPortMapping", &third), 0);
}

static void each_reading(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(readings); i++)
		for (unsigned version = 1; version <= 2; version++) {
			struct fixture f;
			int expected = version == 1 ? readings[i].one : readings[i].two;

			fixture_start(&f, version == 1 ? "conformant-igd1" : "conformant-igd2");
			fill_readings(&f, version);
			if (*readings[i].policy)
				fixture_policy(&f, readings[i].policy);
			assert_row(i,
				   fixture_call(&f, A, "WANIPConnection", version,
						readings[i].action, readings[i].arguments),
				   expected);
			assert_row(i, portmap_count(f.r.portmap), expected ? 3 : readings[i].left);
			fixture_stop(&f);
		}
}

/* Remaining lease, listing, AddAnyPortMapping, both name spaces (WIPC-19, WIPC-44 ff, WIPC-61). */
static void version_two(void **state)
{
	struct add any = {"", "41000", "TCP", "3000", A, "1", "x", "0"};
	struct add other = {"", "41000", "TCP", "3000", B, "1", "y&z", "1500"};
	struct fixture f;
	struct xml_node *list, *entry;
	struct soap_message m;

	(void)state;
	fixture_start(&f, "conformant-igd2");
	assert_int_equal(add_as(&f, A, 2, "AddAnyPortMapping", &any), 0);
	assert_string_equal(fixture_value(&f, "NewReservedPort"), "41000");
	assert_int_equal(add_as(&f, A, 2, "AddAnyPortMapping", &any), 0);
	assert_string_equal(fixture_value(&f, "NewReservedPort"), "41000");
	assert_int_equal(add_as(&f, B, 2, "AddAnyPortMapping", &other), 0);
	assert_string_equal(fixture_value(&f, "NewReservedPort"), "41001");
	assert_int_equal(add_as(&f, A, 1, "AddAnyPortMapping", &any), 401);
	any.external = "0";
	assert_int_equal(add_as(&f, A, 2, "AddAnyPortMapping", &any), 716);
	fixture_policy(&f, "external-port: {any-zero: allocate}");
	assert_int_equal(add_as(&f, A, 2, "AddAnyPortMapping", &any), 0);
	assert_string_equal(fixture_value(&f, "NewReservedPort"), "1024");
	fixture_advance(&f, 500);
	assert_int_equal(fixture_call(&f, B, "WANIPConnection", 1, "GetSpecificPortMappingEntry",
				      KEY("", "41001", "TCP")),
			 0);
	assert_string_equal(fixture_value(&f, "NewLeaseDuration"), "1000");
	assert_non_null(strstr(f.reply.data, "WANIPConnection:1\""));
	assert_int_equal(fixture_call(&f, A, "WANIPConnection", 2, "GetSpecificPortMappingEntry",
				      KEY("", "41000", "TCP")),
			 0);
	assert_string_equal(fixture_value(&f, "NewLeaseDuration"), "604300");
	assert_int_equal(fixture_call(&f, B, "WANIPConnection", 2, "GetListOfPortMappings",
				      LIST("0", "65535", "0")),
			 0);
	assert_int_equal(soap_parse(f.reply.data, f.reply.len, &m), SOAP_OK);
	assert_int_equal(xml_parse(soap_value(&m, "NewPortListing"),
				   strlen(soap_value(&m, "NewPortListing")), &list),
			 XML_OK);
	assert_string_equal(list->ns, "urn:schemas-upnp-org:gw:WANIPConnection");
	entry = xml_child(list, "PortMappingEntry");
	assert_null(entry->next);
	assert_string_equal(xml_text(entry, "NewDescription"), "y&z");
	assert_string_equal(xml_text(entry, "NewLeaseTime"), "1000");
	xml_free(list);
	soap_free(&m);
	fixture_policy(&f, "list: {form: cdata, max: 1}");
	assert_int_equal(fixture_call(&f, A, "WANIPConnection", 2, "GetListOfPortMappings",
				      LIST("0", "65535", "7")),
			 0);
	assert_non_null(strstr(f.reply.data, "<![CDATA["));
	fixture_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_request),	 cmocka_unit_test(protocol_faults),
		cmocka_unit_test(each_argument), cmocka_unit_test(each_change),
		cmocka_unit_test(each_conflict), cmocka_unit_test(other_mechanism),
		cmocka_unit_test(each_reading),	 cmocka_unit_test(version_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
