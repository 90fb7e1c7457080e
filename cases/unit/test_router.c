/* SPDX-License-Identifier: MIT */
/*
 * test_router.c - which LAN an address belongs to, and which requests a URL answers.
 *
 * links: fakeigd
 */
#include "router_fixture.h"

#include "../../fakeigd/http.h"

static void lans(void **state)
{
	static const struct {
		const char *address;
		unsigned scope;
		int lan; /* -1 = none */
	} table[] = {
		{"192.168.1.4", 0, 0},	  {"192.168.1.255", 0, 0}, {"192.168.2.4", 0, -1},
		{"10.0.0.1", 0, 1},	  {"10.0.3.255", 0, 1},	   {"10.0.4.0", 0, -1},
		{"44.0.1.10", 0, -1},	  {"127.0.0.1", 0, -1},	   {"2001:db8:1::9", 0, 0},
		{"2001:db8:2::9", 0, -1}, {"fe80::1", 7, 0},	   {"fe80::1", 8, 1},
		{"fe80::1", 9, -1},	  {"::1", 0, -1},
	};
	struct router r = {.lans = 3};

	(void)state;
	r.lan[0] = (struct router_interface){.index = 7, .prefix = 24, .prefix6 = 64};
	r.lan[1] = (struct router_interface){.index = 8, .prefix = 22};
	r.lan[2] = (struct router_interface){.index = 10}; /* has no address at all */
	r.lan[0].address = ip("192.168.1.1");
	r.lan[1].address = ip("10.0.0.1");
	inet_pton(AF_INET6, "2001:db8:1::1", &r.lan[0].address6);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sockaddr_in v4 = {.sin_family = AF_INET};
		struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_scope_id = table[i].scope};
		const struct router_interface *lan;
		bool is_v4 = inet_pton(AF_INET, table[i].address, &v4.sin_addr) == 1;

		if (!is_v4)
			assert_int_equal(inet_pton(AF_INET6, table[i].address, &v6.sin6_addr), 1);
		lan = router_lan_of_peer(&r,
					 is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6);
		assert_row(i, lan ? lan - r.lan : -1, table[i].lan);
	}
}

static struct http_reply answer(struct fixture *f, struct http_request request, const char *method,
				const char *target)
{
	struct http_reply reply = {0};

	request.peer.ss_family = AF_INET;
	request.head.method = slice_of(method);
	request.head.target = slice_of(target);
	request.head.major = request.head.minor = 1;
	effects_init(&reply.effects);
	router_dispatch(&f->r, &request, &reply);
	return reply;
}

static void methods(void **state)
{
	static const struct {
		const char *method, *target;
		int status;
		const char *allow;
	} table[] = {
		{"GET", "/description.xml", 200, NULL},
		{"HEAD", "/description.xml", 200, NULL},
		{"GET", "/nothing", 404, NULL},
		{"get", "/description.xml", 501, NULL},
		{"BREW", "/description.xml", 501, NULL},
		{"", "/description.xml", 501, NULL},
		{"PUT", "/description.xml", 405, "Allow: GET, HEAD\r\n"},
		{"OPTIONS", "*", 405, "Allow: GET, HEAD\r\n"},
		{"M-SEARCH", "*", 405, "Allow: GET, HEAD\r\n"},
		{"GET", "/control/WANIPConnection-1", 405, "Allow: POST, M-POST\r\n"},
		{"DELETE", "/control/WANIPConnection-1", 405, "Allow: POST, M-POST\r\n"},
		{"GET", "/event/WANIPConnection-1", 405, "Allow: SUBSCRIBE, UNSUBSCRIBE\r\n"},
		{"POST", "/event/WANIPConnection-1", 405, "Allow: SUBSCRIBE, UNSUBSCRIBE\r\n"},
		{"SUBSCRIBE", "/event/WANIPConnection-1", 412, NULL},
		{"SUBSCRIBE", "/control/WANIPConnection-1", 405, "Allow: POST, M-POST\r\n"},
	};
	struct fixture f;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct http_reply reply =
			answer(&f, (struct http_request){0}, table[i].method, table[i].target);

		assert_row(i, reply.status, table[i].status);
		if (table[i].allow)
			assert_row_slice(i, buf_slice(&reply.extra), table[i].allow);
		buf_free(&reply.body);
		buf_free(&reply.extra);
	}
	fixture_stop(&f);
}

static struct http_request request_to(const char *local, const char *host)
{
	struct http_request request = {0};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, local, &v4.sin_addr) == 1)
		memcpy(&request.local, &v4, sizeof(v4));
	else if (inet_pton(AF_INET6, local, &v6.sin6_addr) == 1)
		memcpy(&request.local, &v6, sizeof(v6));
	if (host) {
		request.head.headers[0].name = slice_of("Host");
		request.head.headers[0].value = slice_of(host);
		request.head.count = 1;
	}
	return request;
}

static int status(struct fixture *f, struct http_request request, const char *method,
		  const char *target)
{
	struct http_reply reply = answer(f, request, method, target);

	buf_free(&reply.body);
	buf_free(&reply.extra);
	return reply.status;
}

/* DESC-43, SEC-17: whatever is asked for. */
static void hosts(void **state)
{
	static const struct {
		const char *local, *host; /* host NULL: no header */
		bool own;
	} table[] = {
		{"192.168.1.1", NULL, true},
		{"192.168.1.1", "192.168.1.1", true},
		{"192.168.1.1", "192.168.1.1:5000", true},
		{"192.168.1.1", "192.168.1.10:5000", false},
		{"192.168.1.1", "192.168.1", false},
		{"192.168.1.1", "192.168.1.1/", false},
		{"192.168.1.1", "192.168.1.1@router.example", false},
		{"192.168.1.1", "192.168.1.1#", false},
		{"192.168.1.1", "192.168.1.1?", false},
		{"192.168.1.1", "192.168.1.1 router.example", false},
		{"192.168.1.1", "router.example", false},
		{"192.168.1.1", "", false},
		{"192.168.1.1", "[::ffff:192.168.1.1]", false},
		{"::ffff:192.168.1.1", "192.168.1.1:5000", true},
		{"::ffff:192.168.1.1", "192.168.1.2", false},
		{"2a0e:b107:1:1::1", "[2a0e:b107:1:1::1]", true},
		{"2a0e:b107:1:1::1", "[2A0E:B107:1:1:0:0:0:1]:5000", true},
		{"2a0e:b107:1:1::1", "[2a0e:b107:1:1::2]:5000", false},
		{"2a0e:b107:1:1::1", "2a0e:b107:1:1::1", false},
		{"2a0e:b107:1:1::1", "192.168.1.1", false},
		{"fe80::1", "[fe80::1%eth0]:5000", true},
		{"fe80::1", "[fe80::1%25eth0]:5000", true},
		{"fe80::1", "router.example", false},
	};
	static const char *const what[][2] = {{"GET", "/description.xml"},
					      {"HEAD", "/nothing"},
					      {"POST", "/control/WANIPConnection-1"},
					      {"SUBSCRIBE", "/event/WANIPConnection-1"},
					      {"UNSUBSCRIBE", "/event/WANIPConnection-1"}};
	struct fixture f;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct http_request request = request_to(table[i].local, table[i].host);

		assert_row(i, status(&f, request, "GET", "/description.xml"),
			   table[i].own ? 200 : 400);
	}
	for (size_t i = 0; i < ARRAY_SIZE(what); i++)
		assert_row(i,
			   status(&f, request_to("192.168.1.1", "router.example"), what[i][0],
				  what[i][1]),
			   400);
	fixture_policy(&f, "http: {own-host: false}");
	assert_int_equal(
		status(&f, request_to("192.168.1.1", "router.example"), "GET", "/description.xml"),
		200);
	fixture_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lans),
		cmocka_unit_test(methods),
		cmocka_unit_test(hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
