/* SPDX-License-Identifier: MIT */
/*
 * test_pinhole.c - the table of IPv6 pinholes, and what WANIPv6FirewallControl:1 says of them.
 *
 * Without a kernel's firewall: packets are cases/igd/test_pinhole.py's.
 *
 * links: fakeigd
 */
#include "router_fixture.h"

#include "../../fakeigd/firewall6_refusal.h"

#include <errno.h>

#define SERVICE "WANIPv6FirewallControl"
#define CLIENT	"2a0e:b107:1:1::4"
#define OTHER	"2a0e:b107:1:1::5"

static int setup(void **state)
{
	static struct fixture f;

	fixture_start(&f, "conformant-igd2");
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	fixture_stop(*state);
	return 0;
}

static struct pinhole pinhole(uint16_t port, enum portmap_origin origin, uint32_t lease)
{
	struct pinhole h = {
		.internal_port = port, .protocol = IPPROTO_UDP, .origin = origin, .lease = lease};

	inet_pton(AF_INET6, CLIENT, &h.internal_client);
	return h;
}

static uint16_t put(struct fixture *f, uint16_t port, enum portmap_origin origin, uint32_t lease)
{
	struct pinhole wanted = pinhole(port, origin, lease);
	const struct pinhole *h = NULL;

	assert_int_equal(pinhole_put(f->r.pinholes, &wanted, &h), 0);
	return h->id;
}

static void one_for_each_tuple_and_origin(void **state)
{
	struct fixture *f = *state;
	uint16_t first = put(f, 5000, PORTMAP_IGD, 60), pcp = put(f, 5000, PORTMAP_PCP, 60);
	struct pinhole key = pinhole(5000, PORTMAP_PCP, 0);

	assert_int_not_equal(first, pcp);
	assert_int_equal(put(f, 5000, PORTMAP_IGD, 90), first);
	assert_int_not_equal(put(f, 5001, PORTMAP_IGD, 60), first);
	assert_int_equal(pinholes_count(f->r.pinholes), 3);
	assert_int_equal(pinhole_find(f->r.pinholes, &key)->id, pcp);
	/* one tuple, one mark in the kernel (XP-11) */
	assert_int_equal(pinhole_by_id(f->r.pinholes, first)->mark,
			 pinhole_by_id(f->r.pinholes, pcp)->mark);
	assert_true(pinhole_remove(f->r.pinholes, pcp, "removed"));
	assert_null(pinhole_find(f->r.pinholes, &key));
	assert_non_null(pinhole_by_id(f->r.pinholes, first));
	assert_false(pinhole_remove(f->r.pinholes, pcp, "removed"));
}

static void leases_end(void **state)
{
	struct fixture *f = *state;
	uint16_t a = put(f, 5000, PORTMAP_IGD, 60), b = put(f, 5001, PORTMAP_IGD, 0);
	uint16_t c = put(f, 5002, PORTMAP_IGD, 60);

	fixture_advance(f, 59);
	assert_int_equal(pinhole_remaining(pinhole_by_id(f->r.pinholes, a)), 1);
	assert_true(pinhole_renew(f->r.pinholes, c, 100));
	fixture_advance(f, 1);
	assert_null(pinhole_by_id(f->r.pinholes, a));
	assert_int_equal(pinhole_remaining(pinhole_by_id(f->r.pinholes, b)), 0);
	assert_int_equal(pinhole_remaining(pinhole_by_id(f->r.pinholes, c)), 99);
	fixture_advance(f, 1000000);
	assert_int_equal(pinholes_count(f->r.pinholes), 1);
}

static void ids_are_not_used_again_soon(void **state)
{
	struct fixture *f = *state;
	uint16_t first = put(f, 5000, PORTMAP_IGD, 60);

	pinhole_remove(f->r.pinholes, first, "removed");
	assert_int_equal(put(f, 5000, PORTMAP_IGD, 60), first + 1);
	fixture_policy(f, "pinhole: {id: lowest}");
	assert_int_equal(put(f, 5001, PORTMAP_IGD, 60), first);
}

static void every_id_is_given_once(void **state)
{
	struct fixture *f = *state;
	struct pinhole h = pinhole(0, PORTMAP_IGD, 60);
	size_t seen = 0;

	for (unsigned i = 1; i < 65536; i++) {
		h.internal_port = (uint16_t)i;
		assert_int_equal(pinhole_put(f->r.pinholes, &h, NULL), 0);
	}
	h.internal_port = 0;
	assert_int_equal(pinhole_put(f->r.pinholes, &h, NULL), -ENOSPC);
	for (const struct pinhole *at = NULL; (at = pinhole_next(f->r.pinholes, at)); seen++)
		;
	assert_int_equal(seen, 65535);
	pinholes_clear(f->r.pinholes, "test");
	assert_int_equal(pinholes_count(f->r.pinholes), 0);
}

static void hosts_of_a_lost_prefix_go(void **state)
{
	struct fixture *f = *state;

	put(f, 5000, PORTMAP_IGD, 60);
	inet_pton(AF_INET6, "2a0e:b107:2:1::1", &f->r.lan[0].address6);
	fixture_policy(f, "pinhole: {old-prefix: keep}");
	assert_int_equal(pinholes_reload(f->r.pinholes, NULL), 0);
	assert_int_equal(pinholes_count(f->r.pinholes), 1);
	fixture_policy(f, "pinhole: {old-prefix: remove}");
	assert_int_equal(pinholes_reload(f->r.pinholes, NULL), 0);
	assert_int_equal(pinholes_count(f->r.pinholes), 0);
}

/* AddPinhole with values for all its arguments. */
static int add(struct fixture *f, const char *from, const char *const values[6])
{
	static const char *const names[] = {"RemoteHost",   "RemotePort", "InternalClient",
					    "InternalPort", "Protocol",	  "LeaseTime"};
	struct buf arguments = {0};
	int code;

	for (size_t i = 0; i < 6; i++)
		buf_printf(&arguments, "<%s>%s</%s>", names[i], values[i], names[i]);
	code = fixture_call(f, from, SERVICE, 1, "AddPinhole", arguments.data);
	buf_free(&arguments);
	return code;
}

static int by_id(struct fixture *f, const char *from, const char *action, unsigned id)
{
	char arguments[128];

	snprintf(arguments, sizeof(arguments), "<UniqueID>%u</UniqueID>%s", id,
		 strcmp(action, "UpdatePinhole") ? "" : "<NewLeaseTime>77</NewLeaseTime>");
	return fixture_call(f, from, SERVICE, 1, action, arguments);
}

/* Requirement, policy, what is asked for, and the answer's code. */
static const struct {
	const char *policy;
	const char *values[6];
	int code;
} rows[] = {
	{"", {"", "0", CLIENT, "5000", "17", "3600"}, 0},	     /* 6FC-04 */
	{"", {"2001:db8::9", "99", CLIENT, "5000", "6", "3600"}, 0}, /* 6FC-05 */
	{"", {"", "0", "", "5000", "17", "3600"}, 708},		     /* 6FC-06 */
	{"pinhole: {client-empty: 402}", {"", "0", "", "5000", "17", "60"}, 402},
	{"", {"", "0", CLIENT, "0", "17", "3600"}, 0}, /* 6FC-07 */
	{"pinhole: {internal-port-zero: 706}", {"", "0", CLIENT, "0", "17", "60"}, 706},
	{"", {"", "0", CLIENT, "5000", "65535", "3600"}, 0}, /* 6FC-08 */
	{"pinhole: {protocol-any: 707}", {"", "0", CLIENT, "5000", "65535", "60"}, 707},
	{"", {"", "0", CLIENT, "5000", "1", "3600"}, 705}, /* 6FC-09 */
	{"", {"", "0", CLIENT, "5000", "132", "3600"}, 705},
	{"", {"", "0", CLIENT, "5000", "300", "3600"}, 705},
	{"", {"", "0", CLIENT, "5000", "136", "3600"}, 0},
	{"pinhole: {protocol-other: accept}", {"", "0", CLIENT, "5000", "132", "60"}, 0},
	{"pinhole: {protocol-other: accept}", {"", "0", CLIENT, "5000", "300", "60"}, 705},
	{"", {"", "0", CLIENT, "5000", "TCP", "3600"}, 402}, /* 6FC-10 */
	{"", {"", "0", CLIENT, "5000", "17", "0"}, 402},     /* 6FC-11 */
	{"", {"", "0", CLIENT, "5000", "17", "86401"}, 402},
	{"", {"", "0", CLIENT, "5000", "17", "86400"}, 0},
	{"", {"", "0", CLIENT, "5000", "17", "1"}, 0},
	{"pinhole: {lease-out-of-range: cap}", {"", "0", CLIENT, "5000", "17", "0"}, 0},
	{"pinhole: {third-party: accept}", {"", "0", "2a0e:b107:1:1::1", "5000", "17", "60"}, 606},
	{"pinhole: {third-party: accept}", {"", "0", "2001:db8::1", "5000", "17", "60"}, 606},
	{"pinhole: {third-party: accept}", {"", "0", "fe80::1", "5000", "17", "60"}, 606},
	{"", {"", "0", OTHER, "5000", "17", "60"}, 606}, /* 6FC-13 */
	{"pinhole: {third-party: accept}", {"", "0", OTHER, "5000", "17", "60"}, 0},
	{"", {"", "0", CLIENT, "1023", "17", "60"}, 606},
	{"", {"", "0", CLIENT, "1024", "17", "60"}, 0},
	{"pinhole: {low-internal-port: accept}", {"", "0", CLIENT, "1023", "17", "60"}, 0},
	{"", {"", "0", "2A0E:B107:0001:1:0:0:0:0004", "5000", "17", "60"}, 0}, /* 6FC-23 */
	{"", {"", "0", "::ffff:192.168.1.4", "5000", "17", "60"}, 402},
	{"", {"", "0", "[" CLIENT "]", "5000", "17", "60"}, 402},
	{"", {"", "0", CLIENT "%eth0", "5000", "17", "60"}, 402},
	{"", {"", "0", "client.lan", "5000", "17", "60"}, 402},
	{"", {"peer.example", "0", CLIENT, "5000", "17", "60"}, 402},
	{"", {"::", "0", CLIENT, "5000", "17", "60"}, 402},
	{"", {"", "70000", CLIENT, "5000", "17", "60"}, 601},
	{"pinhole: {max: 0}", {"", "0", CLIENT, "5000", "17", "60"}, 701}, /* 6FC-15 */
	{"firewall6: {enabled: false}", {"", "0", CLIENT, "5000", "17", "60"}, 702},
	{"firewall6: {inbound-allowed: false}", {"", "0", CLIENT, "5000", "17", "60"}, 703},
	{"{firewall6: {enabled: false, inbound-allowed: false}, pinhole: {firewall-disabled: "
	 "accept}}",
	 {"", "0", CLIENT, "5000", "17", "60"},
	 703},
};

static void arguments_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture f;

		fixture_start(&f, "conformant-igd2");
		if (*rows[i].policy)
			fixture_policy(&f, rows[i].policy);
		firewall6_restore(f.r.firewall6);
		assert_row(i, add(&f, CLIENT, rows[i].values), rows[i].code);
		assert_row(i, pinholes_count(f.r.pinholes), rows[i].code ? 0 : 1);
		fixture_stop(&f);
	}
}

static const char *const plain[6] = {"", "0", CLIENT, "5000", "17", "3600"};

static void the_same_again(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, CLIENT, plain), 0);
	assert_string_equal(fixture_value(f, "UniqueID"), "1");
	fixture_advance(f, 100);
	assert_int_equal(add(f, CLIENT, plain), 0); /* 6FC-14 */
	assert_string_equal(fixture_value(f, "UniqueID"), "1");
	assert_int_equal(pinhole_remaining(pinhole_by_id(f->r.pinholes, 1)), 3600);
	fixture_policy(f, "pinhole: {same-tuple: keep}");
	fixture_advance(f, 100);
	assert_int_equal(add(f, CLIENT, plain), 0);
	assert_int_equal(pinhole_remaining(pinhole_by_id(f->r.pinholes, 1)), 3500);
	fixture_policy(f, "pinhole: {same-tuple: another}");
	assert_int_equal(add(f, CLIENT, plain), 0);
	assert_string_equal(fixture_value(f, "UniqueID"), "2");
	assert_int_equal(pinholes_count(f->r.pinholes), 1);
	fixture_policy(f, "pinhole: {same-tuple: 501}");
	assert_int_equal(add(f, CLIENT, plain), 501);
}

static const char *const actions[] = {"UpdatePinhole", "GetPinholePackets", "CheckPinholeWorking",
				      "DeletePinhole"};

static void ids_are_looked_at(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, CLIENT, plain), 0);
	put(f, 6000, PORTMAP_PCP, 60);
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		assert_row(i, by_id(f, CLIENT, actions[i], 9), 704);	    /* 6FC-16, 6FC-17 */
		assert_row(i, by_id(f, CLIENT, actions[i], 2), 704);	    /* PCP's */
		assert_row(i, by_id(f, OTHER, actions[i], 1), 606);	    /* 6FC-19 */
		assert_row(i, by_id(f, "192.168.1.4", actions[i], 1), 606); /* 6FC-25: unknown */
	}
	assert_int_equal(by_id(f, CLIENT, "UpdatePinhole", 1), 0);
	assert_int_equal(pinhole_remaining(pinhole_by_id(f->r.pinholes, 1)), 77);
	assert_int_equal(by_id(f, CLIENT, "GetPinholePackets", 1), 0);
	assert_string_equal(fixture_value(f, "PinholePackets"), "0");
	assert_int_equal(by_id(f, CLIENT, "CheckPinholeWorking", 1), 709); /* 6FC-21 */
	fixture_policy(f, "pinhole: {no-traffic: zero}");
	assert_int_equal(by_id(f, CLIENT, "CheckPinholeWorking", 1), 0);
	assert_string_equal(fixture_value(f, "IsWorking"), "0");
	assert_int_equal(by_id(f, CLIENT, "DeletePinhole", 1), 0);
	assert_int_equal(by_id(f, CLIENT, "DeletePinhole", 1), 704);
}

static void switches_are_told_and_obeyed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, CLIENT, plain), 0);
	for (int i = 0; i < 4; i++) {
		bool enabled = i & 1, inbound = i & 2;
		int expected = enabled ? inbound ? 0 : 703 : 702;

		assert_int_equal(firewall6_set(f->r.firewall6, enabled, inbound), 0);
		assert_int_equal(fixture_call(f, OTHER, SERVICE, 1, "GetFirewallStatus", ""), 0);
		assert_string_equal(fixture_value(f, "FirewallEnabled"), enabled ? "1" : "0");
		assert_string_equal(fixture_value(f, "InboundPinholeAllowed"), inbound ? "1" : "0");
		assert_row(i, by_id(f, CLIENT, "UpdatePinhole", 1), expected);
		assert_row(i, add(f, CLIENT, plain), expected);
	}
}

static void order_of_arguments(void **state)
{
	static const char swapped[] =
		"<RemoteHost></RemoteHost><RemotePort>0</RemotePort><Protocol>17</Protocol>"
		"<InternalPort>5000</InternalPort><InternalClient>" CLIENT
		"</InternalClient><LeaseTime>60</LeaseTime>";
	struct fixture *f = *state;

	assert_int_equal(fixture_call(f, CLIENT, SERVICE, 1, "AddPinhole", swapped), 0);
	assert_int_equal(pinhole_by_id(f->r.pinholes, 1)->internal_port, 5000);
	fixture_policy(f, "soap: {argument-order: strict}");
	assert_int_equal(fixture_call(f, CLIENT, SERVICE, 1, "AddPinhole", swapped), 402);
}

static void syns_are_read(void **state)
{
	uint8_t packet[60] = {0x60, 0, 0, 0, 0, 20, IPPROTO_TCP, 64};
	struct firewall6_syn syn;

	(void)state;
	packet[8] = 0x20;
	packet[39] = 4;
	packet[40] = 0x12, packet[41] = 0x34, packet[43] = 80;
	assert_true(firewall6_read_syn((struct slice){(char *)packet, 60}, &syn));
	assert_int_equal(ntohs(syn.from_port), 0x1234);
	assert_int_equal(ntohs(syn.to_port), 80);
	assert_int_equal(syn.from.s6_addr[0], 0x20);
	assert_int_equal(syn.to.s6_addr[15], 4);
	for (size_t len = 0; len < 60; len++)
		assert_row(len, firewall6_read_syn((struct slice){(char *)packet, len}, &syn), 0);
	packet[6] = IPPROTO_UDP;
	assert_false(firewall6_read_syn((struct slice){(char *)packet, 60}, &syn));
	packet[6] = IPPROTO_TCP;
	packet[0] = 0x45;
	assert_false(firewall6_read_syn((struct slice){(char *)packet, 60}, &syn));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_for_each_tuple_and_origin),
		TEST(leases_end),
		TEST(ids_are_not_used_again_soon),
		TEST(every_id_is_given_once),
		TEST(hosts_of_a_lost_prefix_go),
		cmocka_unit_test(arguments_are_judged),
		TEST(the_same_again),
		TEST(ids_are_looked_at),
		TEST(switches_are_told_and_obeyed),
		TEST(order_of_arguments),
		cmocka_unit_test(syns_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
