/* SPDX-License-Identifier: MIT */
/*
 * test_portmap.c - the table of port mappings against a plain model of it, and its leases.
 *
 * links: fakeigd
 */
#include "router_fixture.h"

static const struct mapping *put(struct fixture *f, uint16_t port, int protocol, uint32_t lease,
				 const char *description)
{
	struct mapping m = {
		.internal_client = ip("192.168.1.4"),
		.external_port = port,
		.internal_port = port,
		.protocol = protocol,
		.lease = lease,
		.enabled = true,
		.description = (char *)description,
	};

	assert_int_equal(portmap_put(f->r.portmap, &m), 0);
	return portmap_find(f->r.portmap, m.remote_host, port, protocol);
}

static bool take(struct fixture *f, uint16_t port, int protocol)
{
	return portmap_remove(f->r.portmap, ip(""), port, protocol);
}

/* Entries are found by where they lead, also after that has changed. */
static void endpoints(void **state)
{
	struct mapping m = {.internal_client = {0}, .protocol = IPPROTO_TCP, .enabled = true};
	const struct mapping *a, *b;
	struct fixture f;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	m.internal_client = ip("192.168.1.4");
	m.internal_port = 5000;
	for (m.external_port = 1; m.external_port <= 200; m.external_port++)
		assert_int_equal(portmap_put(f.r.portmap, &m), 0);
	m.internal_client = ip("192.168.1.5");
	m.external_port = 100;
	assert_int_equal(portmap_put(f.r.portmap, &m), 0);
	a = portmap_find_endpoint(f.r.portmap, ip("192.168.1.5"), 5000, IPPROTO_TCP);
	assert_non_null(a);
	assert_int_equal(a->external_port, 100);
	assert_null(portmap_next_endpoint(f.r.portmap, a));
	assert_null(portmap_find_endpoint(f.r.portmap, ip("192.168.1.5"), 5000, IPPROTO_UDP));
	assert_null(portmap_find_endpoint(f.r.portmap, ip("192.168.1.5"), 5001, IPPROTO_TCP));
	assert_true(portmap_remove(f.r.portmap, ip(""), 100, IPPROTO_TCP));
	assert_null(portmap_find_endpoint(f.r.portmap, ip("192.168.1.5"), 5000, IPPROTO_TCP));
	b = portmap_find_endpoint(f.r.portmap, ip("192.168.1.4"), 5000, IPPROTO_TCP);
	for (m.external_port = 0; b; b = portmap_next_endpoint(f.r.portmap, b))
		m.external_port++;
	assert_int_equal(m.external_port, 199);
	fixture_stop(&f);
}

static void one_entry(void **state)
{
	struct fixture f;
	const struct mapping *m;
	char long_text[300];

	(void)state;
	fixture_start(&f, "conformant-igd1");
	assert_null(portmap_at(f.r.portmap, 0));
	m = put(&f, 1872, IPPROTO_TCP, 60, "igdlab");
	assert_non_null(m);
	assert_string_equal(m->description, "igdlab");
	assert_int_equal(portmap_count(f.r.portmap), 1);
	assert_int_equal(portmap_update_id(f.r.portmap), 1);
	assert_null(portmap_find(f.r.portmap, ip(""), 1872, IPPROTO_UDP));
	assert_null(portmap_find(f.r.portmap, ip("1.2.3.4"), 1872, IPPROTO_TCP));
	assert_ptr_equal(portmap_find_port(f.r.portmap, 1872, IPPROTO_TCP), m);
	assert_null(portmap_next_port(f.r.portmap, m));
	memset(long_text, 'x', sizeof(long_text));
	long_text[299] = '\0';
	assert_ptr_equal(put(&f, 1872, IPPROTO_TCP, 0, long_text), m);
	assert_string_equal(m->description, long_text);
	assert_ptr_equal(put(&f, 1872, IPPROTO_TCP, 0, m->description), m);
	assert_string_equal(m->description, long_text);
	assert_ptr_equal(put(&f, 1872, IPPROTO_TCP, 0, "short"), m);
	assert_string_equal(m->description, "short");
	assert_int_equal(portmap_remaining(m), 0);
	assert_true(take(&f, 1872, IPPROTO_TCP));
	assert_false(take(&f, 1872, IPPROTO_TCP));
	assert_int_equal(portmap_update_id(f.r.portmap), 5);
	assert_int_equal(portmap_count(f.r.portmap), 0);
	fixture_stop(&f);
}

/* Entries of one port for several remote hosts are all found. */
static void remote_hosts(void **state)
{
	struct fixture f;
	const struct mapping *m;
	unsigned seen = 0;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	for (unsigned i = 0; i < 40; i++) {
		struct mapping add = {
			.remote_host = {htonl(0x2c000100 + i)},
			.external_port = 80,
			.protocol = IPPROTO_TCP,
			.description = "",
		};

		assert_int_equal(portmap_put(f.r.portmap, &add), 0);
		put(&f, (uint16_t)(81 + i), IPPROTO_TCP, 0, "");
	}
	for (m = portmap_find_port(f.r.portmap, 80, IPPROTO_TCP); m;
	     m = portmap_next_port(f.r.portmap, m))
		seen++;
	assert_int_equal(seen, 40);
	assert_true(
		portmap_remove(f.r.portmap, (struct in_addr){htonl(0x2c000107)}, 80, IPPROTO_TCP));
	assert_null(
		portmap_find(f.r.portmap, (struct in_addr){htonl(0x2c000107)}, 80, IPPROTO_TCP));
	assert_non_null(
		portmap_find(f.r.portmap, (struct in_addr){htonl(0x2c000108)}, 80, IPPROTO_TCP));
	fixture_stop(&f);
}

/* A lease ends exactly when it ends (WIPC-20), refresh moves it (WIPC-21). */
static void leases(void **state)
{
	struct fixture f;
	const struct mapping *m;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	m = put(&f, 1000, IPPROTO_UDP, 5, "");
	put(&f, 1001, IPPROTO_UDP, 4294967295, "");
	put(&f, 1002, IPPROTO_UDP, 0, "");
	assert_int_equal(portmap_remaining(m), 5);
	fixture_advance(&f, 3);
	assert_int_equal(portmap_remaining(m), 2);
	put(&f, 1000, IPPROTO_UDP, 5, "");
	fixture_advance(&f, 4.9);
	assert_non_null(portmap_find(f.r.portmap, ip(""), 1000, IPPROTO_UDP));
	fixture_advance(&f, 0.1);
	assert_null(portmap_find(f.r.portmap, ip(""), 1000, IPPROTO_UDP));
	assert_int_equal(portmap_count(f.r.portmap), 2);
	fixture_advance(&f, 4294967295.0);
	assert_int_equal(portmap_count(f.r.portmap), 1);
	assert_int_equal(portmap_at(f.r.portmap, 0)->external_port, 1002);
	fixture_stop(&f);
}

/* Leases that end together are one change (GENA-34); others stay in order. */
static void many_leases(void **state)
{
	struct fixture f;
	uint32_t id;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	for (unsigned i = 0; i < 20000; i++)
		put(&f, (uint16_t)(1024 + i), IPPROTO_TCP, i % 2 ? 10 : 0, "");
	id = portmap_update_id(f.r.portmap);
	fixture_advance(&f, 11);
	assert_int_equal(portmap_count(f.r.portmap), 10000);
	assert_int_equal(portmap_update_id(f.r.portmap), id + 1);
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(portmap_at(f.r.portmap, i)->external_port, 1024 + 2 * i);
	fixture_stop(&f);
}

static void lease_policies(void **state)
{
	struct fixture f;
	struct mapping again;
	const struct mapping *m;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	m = put(&f, 1000, IPPROTO_TCP, 10, "");
	fixture_advance(&f, 5);
	again = *m;
	again.lease = 60;
	assert_int_equal(portmap_put_keeping_lease(f.r.portmap, &again), 0);
	assert_int_equal(portmap_remaining(m), 5);
	fixture_policy(&f, "lease: {enforced: false}");
	put(&f, 1001, IPPROTO_TCP, 1, "");
	fixture_advance(&f, 5);
	assert_int_equal(portmap_count(f.r.portmap), 1);
	assert_int_equal(portmap_at(f.r.portmap, 0)->external_port, 1001);
	assert_int_equal(portmap_remaining(portmap_at(f.r.portmap, 0)), 0);
	fixture_stop(&f);
}

static bool is_even(const struct mapping *m, void *arg)
{
	(void)arg;
	return m->external_port % 2 == 0;
}

static void batches(void **state)
{
	struct fixture f;
	uint32_t id;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	for (unsigned i = 0; i < 100; i++)
		put(&f, (uint16_t)(2000 + i), IPPROTO_TCP, 100, "");
	id = portmap_update_id(f.r.portmap);
	assert_int_equal(portmap_remove_if(f.r.portmap, is_even, NULL, "test"), 50);
	assert_int_equal(portmap_update_id(f.r.portmap), id + 1);
	assert_int_equal(portmap_remove_if(f.r.portmap, is_even, NULL, "test"), 0);
	assert_int_equal(portmap_update_id(f.r.portmap), id + 1);
	assert_int_equal(portmap_at(f.r.portmap, 49)->external_port, 2099);
	portmap_clear(f.r.portmap, "test");
	assert_int_equal(portmap_count(f.r.portmap), 0);
	fixture_stop(&f);
}

/* Every port of both protocols; free ports are found and run out. */
static void full(void **state)
{
	struct fixture f;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	assert_int_equal(portmap_free_port(f.r.portmap, 41000, IPPROTO_TCP), 41000);
	for (unsigned i = 1; i <= 65535; i++) {
		put(&f, (uint16_t)i, IPPROTO_TCP, 0, "");
		put(&f, (uint16_t)i, IPPROTO_UDP, 0, "");
	}
	assert_int_equal(portmap_count(f.r.portmap), 131070);
	assert_int_equal(portmap_at(f.r.portmap, 131069)->external_port, 65535);
	assert_int_equal(portmap_free_port(f.r.portmap, 41000, IPPROTO_TCP), 0);
	take(&f, 2048, IPPROTO_TCP);
	assert_int_equal(portmap_free_port(f.r.portmap, 41000, IPPROTO_TCP), 2048);
	assert_int_equal(portmap_free_port(f.r.portmap, 41000, IPPROTO_UDP), 0);
	fixture_stop(&f);
}

/* Twenty thousand random changes beside a model that is an array. */
static void random_changes(void **state)
{
	static uint16_t model[400];
	struct fixture f;
	size_t count = 0;
	unsigned seed = 7;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	for (unsigned round = 0; round < 20000; round++) {
		uint16_t port = (uint16_t)(1 + rand_r(&seed) % 300);
		size_t at = 0;

		while (at < count && model[at] != port)
			at++;
		if (rand_r(&seed) % 2) {
			put(&f, port, IPPROTO_TCP, rand_r(&seed) % 2 ? 3600 : 0, "x");
			if (at == count)
				model[count++] = port;
		} else {
			assert_int_equal(take(&f, port, IPPROTO_TCP), at < count);
			if (at < count)
				memmove(model + at, model + at + 1,
					(--count - at) * sizeof(*model));
		}
		assert_int_equal(portmap_count(f.r.portmap), count);
		if (round % 100 == 0)
			for (size_t i = 0; i < count; i++)
				assert_int_equal(portmap_at(f.r.portmap, i)->external_port,
						 model[i]);
	}
	fixture_stop(&f);
}

/* state.mappings: finite leases are control points', permanent ones the administrator's. */
static void load(void **state)
{
	struct fixture f;
	struct profile_mapping *saved;
	struct profile_mapping mappings[] = {
		{.external_port = 80,
		 .protocol = IPPROTO_TCP,
		 .internal_port = 8080,
		 .enabled = true,
		 .description = "web"},
		{.external_port = 81,
		 .protocol = IPPROTO_UDP,
		 .internal_port = 81,
		 .lease = 30,
		 .description = ""},
	};

	(void)state;
	fixture_start(&f, "conformant-igd1");
	saved = f.r.profile->mappings;
	f.r.profile->mappings = mappings;
	f.r.profile->mapping_count = ARRAY_SIZE(mappings);
	assert_int_equal(portmap_load(f.r.portmap), 0);
	f.r.profile->mappings = saved;
	f.r.profile->mapping_count = 0;
	assert_int_equal(portmap_at(f.r.portmap, 0)->origin, PORTMAP_STATIC);
	assert_int_equal(portmap_at(f.r.portmap, 1)->origin, PORTMAP_IGD);
	assert_int_equal(portmap_remaining(portmap_at(f.r.portmap, 1)), 30);
	fixture_stop(&f);
}

/* WIPC-37: each entry once, whatever the order; a change in between is seen. */
static void orders(void **state)
{
	static const struct {
		enum portmap_order order;
		uint16_t before[4], after[4];
	} table[] = {
		{PORTMAP_OLDEST, {80, 22, 22, 443}, {22, 22, 443, 81}},
		{PORTMAP_NEWEST, {443, 22, 22, 80}, {81, 443, 22, 22}},
		{PORTMAP_BY_PORT, {22, 22, 80, 443}, {22, 22, 81, 443}},
	};

	(void)state;
	for (size_t t = 0; t < ARRAY_SIZE(table); t++) {
		struct fixture f;
		struct portmap *p;

		fixture_start(&f, "conformant-igd1");
		p = f.r.portmap;
		put(&f, 80, IPPROTO_TCP, 0, "");
		put(&f, 22, IPPROTO_UDP, 0, "");
		put(&f, 22, IPPROTO_TCP, 0, "");
		put(&f, 443, IPPROTO_TCP, 0, "");
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(portmap_listed(p, table[t].order, i)->external_port,
					 table[t].before[i]);
		if (table[t].order == PORTMAP_BY_PORT)
			assert_int_equal(portmap_listed(p, PORTMAP_BY_PORT, 0)->protocol,
					 IPPROTO_TCP);
		assert_true(take(&f, 80, IPPROTO_TCP));
		assert_null(portmap_listed(p, table[t].order, 3));
		put(&f, 81, IPPROTO_TCP, 0, "");
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(portmap_listed(p, table[t].order, i)->external_port,
					 table[t].after[i]);
		assert_null(portmap_listed(p, table[t].order, 4));
		fixture_stop(&f);
	}
}

/* Policies table.shows and table.conflicts: what IGD sees, and what another protocol may take. */
static void tables_apart(void **state)
{
	struct fixture f;
	struct portmap *p;
	struct policy *policy;
	const struct mapping *own, *other;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	p = f.r.portmap;
	policy = (struct policy *)&f.r.profile->policy;
	own = put(&f, 1872, IPPROTO_TCP, 60, "");
	((struct mapping *)own)->origin = PORTMAP_IGD;
	other = put(&f, 1873, IPPROTO_TCP, 60, "");
	((struct mapping *)other)->origin = PORTMAP_PCP;
	assert_int_equal(portmap_shown(p), 2);
	assert_true(portmap_is_shown(p, other));
	assert_true(portmap_is_taken(p, own, PORTMAP_PCP));
	assert_false(portmap_is_taken(p, NULL, PORTMAP_PCP));
	policy->table_shows = policy->table_conflicts = 1;
	assert_int_equal(portmap_shown(p), 1);
	assert_false(portmap_is_shown(p, other));
	assert_false(portmap_is_taken(p, own, PORTMAP_PCP));
	assert_true(portmap_is_taken(p, other, PORTMAP_PCP));
	((struct mapping *)own)->origin = PORTMAP_STATIC;
	assert_true(portmap_is_shown(p, own));
	assert_true(portmap_is_taken(p, own, PORTMAP_PCP));
	fixture_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoints),	  cmocka_unit_test(one_entry),
		cmocka_unit_test(remote_hosts),	  cmocka_unit_test(leases),
		cmocka_unit_test(many_leases),	  cmocka_unit_test(lease_policies),
		cmocka_unit_test(batches),	  cmocka_unit_test(full),
		cmocka_unit_test(random_changes), cmocka_unit_test(load),
		cmocka_unit_test(orders),	  cmocka_unit_test(tables_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
