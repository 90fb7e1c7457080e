/* SPDX-License-Identifier: MIT */
/*
 * test_controlpoint.c - the control point's decisions: addresses, choice, faults, ports.
 *
 * links: sim
 */
#include "../../sim/cp.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct in_addr address(const char *text)
{
	struct in_addr a;

	assert_int_equal(inet_pton(AF_INET, text, &a), 1);
	return a;
}

static void addresses_have_kinds(void **state)
{
	static const struct {
		const char *text;
		enum cp_address kind;
		bool behind_nat;
	} table[] = {
		{"44.0.1.2", CP_PUBLIC, false},		 {"9.255.255.255", CP_PUBLIC, false},
		{"10.0.0.1", CP_PRIVATE, true},		 {"10.255.255.255", CP_PRIVATE, true},
		{"172.15.255.255", CP_PUBLIC, false},	 {"172.16.0.0", CP_PRIVATE, true},
		{"172.31.255.255", CP_PRIVATE, true},	 {"172.32.0.0", CP_PUBLIC, false},
		{"192.168.1.1", CP_PRIVATE, true},	 {"192.169.0.1", CP_PUBLIC, false},
		{"100.63.255.255", CP_PUBLIC, false},	 {"100.64.0.0", CP_SHARED, true},
		{"100.81.111.102", CP_SHARED, true},	 {"100.127.255.255", CP_SHARED, true},
		{"100.128.0.0", CP_PUBLIC, false},	 {"192.0.0.2", CP_PROTOCOL, true},
		{"192.0.1.1", CP_PUBLIC, false},	 {"192.0.2.1", CP_RESERVED, false},
		{"198.18.0.1", CP_BENCHMARK, true},	 {"198.20.0.1", CP_PUBLIC, false},
		{"169.254.1.1", CP_LINK_LOCAL, false},	 {"127.0.0.1", CP_LOOPBACK, false},
		{"0.0.0.0", CP_UNSPECIFIED, false},	 {"224.0.0.1", CP_RESERVED, false},
		{"255.255.255.255", CP_RESERVED, false}, {"223.255.255.255", CP_PUBLIC, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		enum cp_address kind = cp_address_kind(address(table[i].text));

		if (kind != table[i].kind)
			fail_msg("%s is %s", table[i].text, cp_address_text(kind));
		assert_int_equal(cp_address_behind_nat(kind), table[i].behind_nat);
	}
}

static void addresses_are_read_strictly(void **state)
{
	static const char *const bad[] = {"",	       "not-an-ip-addr", "1.2.3",
					  "1.2.3.4.5", "256.1.1.1",	 "::1",
					  "1.2.3.4x",  "(null)"};
	struct in_addr a;

	(void)state;
	assert_true(cp_parse_address("100.81.111.102", &a));
	assert_int_equal(a.s_addr, inet_addr("100.81.111.102"));
	assert_true(cp_parse_address(" 1.2.3.4 ", &a));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(cp_parse_address(bad[i], &a));
}

/* A client 192.168.1.4/24 behind 192.168.1.1. */
static struct cp *client(uint64_t naive)
{
	struct cp *cp = calloc(1, sizeof(*cp));

	cp->options.naive.bits[0] = naive;
	cp->interface_count = 1;
	cp->interfaces[0].address = address("192.168.1.4");
	cp->interfaces[0].mask = address("255.255.255.0");
	cp->gateway_count = 1;
	cp->gateways[0].address = address("192.168.1.1");
	return cp;
}

static struct cp_candidate reply(const char *from, const char *location, const char *target)
{
	return (struct cp_candidate){.from = address(from),
				     .location = (char *)(uintptr_t)location,
				     .target = (char *)(uintptr_t)target,
				     .usn = (char *)(uintptr_t) "uuid:x"};
}

#define PPP "urn:schemas-upnp-org:service:WANPPPConnection:1"

static void servers_are_of_either_family(void **state)
{
	static const struct {
		const char *text, *back; /* NULL: it is none */
	} rows[] = {
		{"192.168.1.1", "192.168.1.1"},
		{"2001:db8::1", "2001:db8::1"},
		{"fe80::1%lo", "fe80::1%lo"},
		{"fe80::1", NULL},
		{"fe80::1%nowhere", NULL},
		{"fe80::1%", NULL},
		{"2001:db8::1%lo", NULL},
		{"::", NULL},
		{"::ffff:1.2.3.4", NULL},
		{"ff02::1%lo", NULL},
		{"2001:db8:::1", NULL},
		{"[2001:db8::1]", NULL},
		{"", NULL},
		{"1.2.3.4%lo", NULL},
		{"2001:db8:1111:2222:3333:4444:5555:6666%aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
	};
	char text[CP_SERVER_TEXT];
	struct cp_server s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(cp_parse_server(rows[i].text, &s), rows[i].back != NULL);
		if (rows[i].back)
			assert_string_equal(cp_server_text(&s, text), rows[i].back);
	}
}

static void a_source_is_compared_whatever_its_port(void **state)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(5351)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(5351)};
	struct sockaddr_storage from4 = {0}, from6 = {0};
	struct cp_server s;

	(void)state;
	inet_pton(AF_INET, "192.168.1.1", &v4.sin_addr);
	inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr);
	memcpy(&from4, &v4, sizeof(v4));
	memcpy(&from6, &v6, sizeof(v6));
	assert_true(cp_parse_server("192.168.1.1", &s));
	assert_true(cp_server_is(&s, &from4));
	assert_false(cp_server_is(&s, &from6));
	assert_true(cp_parse_server("2001:db8::1", &s));
	assert_true(cp_server_is(&s, &from6));
	assert_false(cp_server_is(&s, &from4));
}

static void candidates_are_judged(void **state)
{
	static const struct {
		const char *from, *location, *target;
		const char *host; /* NULL: refused */
		bool gateway, substituted;
	} table[] = {
		{"192.168.1.1", "http://192.168.1.1:5431/dyndev/uuid:4f", PPP, "192.168.1.1", true,
		 false},
		{"192.168.1.9", "http://192.168.1.9/igd.xml", PPP, "192.168.1.9", false, false},
		/* ssdp-location-loopback, ssdp-location-hostname, ssdp-location-no-scheme */
		{"192.168.1.1", "http://127.0.0.1:80/r.xml", PPP, "192.168.1.1", true, true},
		{"192.168.1.1", "http://[::1]:1900/r.xml", PPP, "192.168.1.1", true, true},
		{"192.168.1.1", "http://router.lan/r.xml", PPP, "192.168.1.1", true, true},
		{"192.168.1.1", "http://0.0.0.0:5000/r.xml", PPP, "192.168.1.1", true, true},
		{"192.168.1.1", "192.168.1.1:5431/r.xml", PPP, "192.168.1.1", true, false},
		/* ssdp-off-subnet-responder, SSDP-65 */
		{"192.168.1.1", "http://198.51.100.9/r.xml", PPP, NULL, false, false},
		{"10.9.9.9", "http://10.9.9.9/r.xml", PPP, NULL, false, false},
		/* ssdp-wfadevice-on-router */
		{"192.168.1.1", "http://192.168.1.1:1990/WFADevice.xml",
		 "urn:schemas-wifialliance-org:device:WFADevice:1", NULL, true, false},
		{"192.168.1.1", "*", PPP, NULL, false, false},
		{"192.168.1.1", "https://192.168.1.1/r.xml", PPP, NULL, false, false},
	};
	struct cp *cp = client(0);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct cp_candidate c = reply(table[i].from, table[i].location, table[i].target);

		cp_judge(cp, NULL, &c);
		if (!table[i].host) {
			assert_non_null(c.refused);
			continue;
		}
		if (c.refused)
			fail_msg("%s: %s", table[i].location, c.refused);
		assert_string_equal(c.url.host, table[i].host);
		assert_int_equal(c.gateway, table[i].gateway);
		assert_int_equal(c.substituted, table[i].substituted);
	}
	free(cp);
}

static void a_router_behind_a_router_answers_for_itself(void **state)
{
	struct in_addr outer = address("10.0.0.1");
	struct cp *cp = client(0);
	struct cp_candidate c = reply("10.0.0.1", "http://10.0.0.1:5000/r.xml", PPP);

	(void)state;
	cp_judge(cp, &outer, &c);
	assert_null(c.refused);
	assert_true(c.gateway);
	c = reply("10.0.0.1", "http://192.168.1.1:5000/r.xml", PPP);
	cp_judge(cp, &outer, &c);
	assert_non_null(c.refused);
	c = reply("10.0.0.7", "http://10.0.0.1:5000/r.xml", PPP);
	cp_judge(cp, &outer, &c);
	assert_non_null(c.refused);
	free(cp);
}

static void the_trusting_follow_anything(void **state)
{
	struct cp *cp = client(UINT64_C(1) << NAIVE_TRUST_LOCATION);
	struct cp_candidate c = reply("192.168.1.1", "http://127.0.0.1:80/r.xml", PPP);

	(void)state;
	cp_judge(cp, NULL, &c);
	assert_null(c.refused);
	assert_string_equal(c.url.host, "127.0.0.1");
	free(cp);
}

static void the_gateway_is_preferred(void **state)
{
	struct cp_candidate gateway = {.gateway = true, .same_subnet = true, .order = 9};
	struct cp_candidate igd = {.igd = true, .same_subnet = true};
	struct cp_candidate other = {.same_subnet = true};

	(void)state;
	assert_true(cp_candidate_score(&gateway) > cp_candidate_score(&igd));
	assert_true(cp_candidate_score(&igd) > cp_candidate_score(&other));
	gateway.substituted = true;
	assert_true(cp_candidate_score(&gateway) > cp_candidate_score(&igd));
}

static void services_are_told_by_type(void **state)
{
	unsigned version;

	(void)state;
	assert_int_equal(
		cp_service_rank("urn:schemas-upnp-org:service:Layer3Forwarding:1", &version), 0);
	assert_int_equal(cp_service_rank("urn:schemas-upnp-org:device:WANIPConnection:1", &version),
			 0);
	assert_int_equal(cp_service_rank("", &version), 0);
	assert_true(cp_service_rank("urn:schemas-upnp-org:service:WANIPConnection:2", &version) >
		    cp_service_rank("urn:schemas-upnp-org:service:WANIPConnection:1", &version));
	assert_int_equal(version, 1);
	/* desc-dslforum-urn: the last resort */
	assert_true(cp_service_rank(PPP, &version) >
		    cp_service_rank("urn:dslforum-org:service:WANPPPConnection:1", &version));
	assert_int_not_equal(
		cp_service_rank("urn:dslforum-org:service:WANPPPConnection:1", &version), 0);
	/* desc-non-integer-version, desc-service-type-case */
	assert_int_not_equal(
		cp_service_rank("urn:schemas-upnp-org:service:WANIPConnection:1.0", &version), 0);
	assert_int_not_equal(
		cp_service_rank("urn:schemas-upnp-org:service:wanipconnection:1", &version), 0);
}

static const struct naive_set none;

static struct cp_attempt attempt(void)
{
	return (struct cp_attempt){.external_port = 1872,
				   .internal_port = 80,
				   .lease = 60,
				   .remote_host = "",
				   .description = "igdlab tcp 1872"};
}

static void faults_change_one_thing(void **state)
{
	struct cp_attempt a = attempt();

	(void)state;
	assert_int_equal(cp_next_move(&a, 725, &none), CP_LEASE_ZERO);
	assert_int_equal(a.lease, 0);
	/* lease-725-even-zero */
	assert_int_equal(cp_next_move(&a, 725, &none), CP_GIVE_UP);

	a = attempt();
	assert_int_equal(cp_next_move(&a, 724, &none), CP_SAME_PORT);
	assert_int_equal(a.external_port, 80);
	assert_int_equal(cp_next_move(&a, 724, &none), CP_GIVE_UP);

	/* lease-402-instead-of-725, then pm-description-charset */
	a = attempt();
	assert_int_equal(cp_next_move(&a, 402, &none), CP_LEASE_ZERO);
	assert_int_equal(cp_next_move(&a, 402, &none), CP_PLAIN_TEXT);
	assert_string_equal(a.description, "igdlab");
	assert_int_equal(cp_next_move(&a, 402, &none), CP_GIVE_UP);

	/* lease-718-for-lease comes before another port, unless the port is taken */
	a = attempt();
	assert_int_equal(cp_next_move(&a, 718, &none), CP_LEASE_ZERO);
	assert_int_equal(cp_next_move(&a, 718, &none), CP_NEXT_PORT);
	a = attempt();
	a.taken = true;
	assert_int_equal(cp_next_move(&a, 718, &none), CP_NEXT_PORT);
	assert_int_equal(a.lease, 60);

	/* pm-501-catch-all */
	a = attempt();
	assert_int_equal(cp_next_move(&a, 501, &none), CP_NEXT_PORT);
	assert_int_equal(cp_next_move(&a, 501, &none), CP_LEASE_ZERO);
	assert_int_equal(cp_next_move(&a, 501, &none), CP_GIVE_UP);

	a = attempt();
	assert_int_equal(cp_next_move(&a, 606, &none), CP_GIVE_UP);
	assert_int_equal(cp_next_move(&a, 728, &none), CP_GIVE_UP);
	assert_int_equal(cp_next_move(&a, -500, &none), CP_GIVE_UP);
	assert_int_equal(cp_next_move(&a, 799, &none), CP_GIVE_UP);
}

static void remote_host_forms_end(void **state)
{
	struct cp_attempt a = attempt();

	(void)state;
	a.remote_host = "44.0.1.10";
	assert_int_equal(cp_next_move(&a, 726, &none), CP_REMOTE_FORM);
	assert_string_equal(a.remote_host, "");
	assert_int_equal(cp_next_move(&a, 726, &none), CP_REMOTE_FORM);
	assert_string_equal(a.remote_host, "0.0.0.0");
	assert_int_equal(cp_next_move(&a, 726, &none), CP_REMOTE_FORM);
	assert_string_equal(a.remote_host, "*");
	assert_int_equal(cp_next_move(&a, 726, &none), CP_GIVE_UP);
}

/* WIPC-66 */
static void any_falls_back(void **state)
{
	static const int codes[] = {401, 602, 501, -500};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct cp_attempt a = attempt();

		a.any = true;
		assert_int_equal(cp_next_move(&a, codes[i], &none), CP_PLAIN_ADD);
		assert_false(a.any);
	}
}

/* WIPC-67 */
static void port_moves_are_bounded(void **state)
{
	struct cp_attempt a = attempt();
	int moves = 0;

	(void)state;
	a.taken = true;
	while (cp_next_move(&a, 718, &none) == CP_NEXT_PORT && moves < 1000)
		moves++;
	assert_int_equal(moves, CP_MOVES_MAX);
}

static void the_naive_do_not_adapt(void **state)
{
	struct naive_set no_lease_retry = {0}, ignores_conflict = {0};
	struct cp_attempt a = attempt();

	(void)state;
	naive_add(&no_lease_retry, NAIVE_NO_LEASE_RETRY);
	naive_add(&ignores_conflict, NAIVE_IGNORES_CONFLICT);
	assert_int_equal(cp_next_move(&a, 725, &no_lease_retry), CP_GIVE_UP);
	a.taken = true;
	assert_int_equal(cp_next_move(&a, 718, &ignores_conflict), CP_GIVE_UP);
}

static void ports_move_to_the_next_free_one(void **state)
{
	struct cp_entry entries[] = {
		{.protocol = IPPROTO_TCP, .external_port = 1873},
		{.protocol = IPPROTO_UDP, .external_port = 1874},
		{.protocol = IPPROTO_TCP, .external_port = 1024},
	};
	struct cp_table table = {.entries = entries, .count = ARRAY_SIZE(entries)};

	(void)state;
	assert_int_equal(cp_next_port(&table, IPPROTO_TCP, 1872), 1874);
	assert_int_equal(cp_next_port(&table, IPPROTO_UDP, 1872), 1873);
	assert_int_equal(cp_next_port(&table, IPPROTO_TCP, 65535), 1025);
	/* Low ports are not for clients. */
	assert_int_equal(cp_next_port(&table, IPPROTO_UDP, 80), 1024);
}

static void a_full_table_has_no_next_port(void **state)
{
	struct cp_table table = {.count = 65535};

	(void)state;
	table.entries = calloc(table.count, sizeof(*table.entries));
	for (size_t i = 0; i < table.count; i++)
		table.entries[i] = (struct cp_entry){.protocol = IPPROTO_TCP,
						     .external_port = (uint16_t)(i + 1)};
	/* One look at each of 65,535 ports in 65,535 entries would take a while: the last is
	 * free, so that only the path to it is walked. */
	table.entries[65534].protocol = IPPROTO_UDP;
	assert_int_equal(cp_next_port(&table, IPPROTO_TCP, 65534), 65535);
	free(table.entries);
}

/* Whether a mode falls for a quirk, for a topology, or for a scenario of cases/loop/naive.yaml. */
static bool is_shown(const struct naive_mode *mode)
{
	static char text[64 << 10];
	FILE *file = fopen("cases/loop/naive.yaml", "r");
	char line[80], other[80];

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	snprintf(line, sizeof(line), "\n  %s: [", mode->name);
	snprintf(other, sizeof(other), ":%s: [", mode->name);
	return *mode->quirks || *mode->topologies || strstr(text, line) || strstr(text, other);
}

static void every_mode_is_documented(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAIVE_COUNT; i++) {
		assert_non_null(naive_modes[i].name);
		assert_non_null(naive_modes[i].summary);
		assert_true(is_shown(&naive_modes[i]));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(naive_modes[i].name, naive_modes[j].name);
	}
	assert_null(naive_modes[NAIVE_COUNT].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_have_kinds),
		cmocka_unit_test(addresses_are_read_strictly),
		cmocka_unit_test(servers_are_of_either_family),
		cmocka_unit_test(a_source_is_compared_whatever_its_port),
		cmocka_unit_test(candidates_are_judged),
		cmocka_unit_test(a_router_behind_a_router_answers_for_itself),
		cmocka_unit_test(the_trusting_follow_anything),
		cmocka_unit_test(the_gateway_is_preferred),
		cmocka_unit_test(services_are_told_by_type),
		cmocka_unit_test(faults_change_one_thing),
		cmocka_unit_test(remote_host_forms_end),
		cmocka_unit_test(any_falls_back),
		cmocka_unit_test(port_moves_are_bounded),
		cmocka_unit_test(the_naive_do_not_adapt),
		cmocka_unit_test(ports_move_to_the_next_free_one),
		cmocka_unit_test(a_full_table_has_no_next_port),
		cmocka_unit_test(every_mode_is_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
