/* SPDX-License-Identifier: MIT */
/*
 * test_router.c - which LAN an address belongs to, and which methods a URL answers.
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

static struct http_reply answer(struct fixture *f, const char *method, const char *target)
{
	struct http_request request = {.lan = 0, .peer.ss_family = AF_INET};
	struct http_reply reply = {0};

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
		struct http_reply reply = answer(&f, table[i].method, table[i].target);

		assert_row(i, reply.status, table[i].status);
		if (table[i].allow)
			assert_row_slice(i, buf_slice(&reply.extra), table[i].allow);
		buf_free(&reply.body);
		buf_free(&reply.extra);
	}
	fixture_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lans),
		cmocka_unit_test(methods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
