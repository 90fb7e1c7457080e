/* SPDX-License-Identifier: MIT */
/*
 * test_effect.c - where port mappings lead: the pure part of effect verification.
 *
 * links: sim
 */
#include "../../sim/effect.h"
#include "unit.h"

#include <arpa/inet.h>

#define SENDER "44.0.1.10"

static const char nested[] =
	"networks:\n"
	"  home: {subnet: 192.168.1.0/24}\n"
	"  floor: {subnet: 10.0.0.0/24}\n"
	"  internet: {subnet: 44.0.1.0/24}\n"
	"nodes:\n"
	"  client: {kind: host, attach: {home: 192.168.1.4}, gateway: r1}\n"
	"  other: {kind: host, attach: {floor: 10.0.0.9}, gateway: r2}\n"
	"  r1: {kind: router, lan: {home: 192.168.1.1}, wan: {floor: 10.0.0.2}, gateway: r2}\n"
	"  r2: {kind: router, lan: {floor: 10.0.0.1}, wan: {internet: 44.0.1.2}}\n"
	"  peer: {kind: host, attach: {internet: 44.0.1.10}}\n";

/* Tables of r1 and r2 as fakeigd's state gives them; the first mapping of r2 is followed. */
static const struct {
	const char *name;
	const char *r2;
	const char *r1;
	enum effect_end end;
	const char *node;
	unsigned port;
	size_t hops;
} paths[] = {
	{"straight to a host",
	 "[{'protocol': 'TCP', 'external_port': 80, 'internal_client': '10.0.0.9', "
	 "'internal_port': 8080}]",
	 "[]", EFFECT_ARRIVES, "other", 8080, 1},
	{"through both routers",
	 "[{'protocol': 'TCP', 'external_port': 80, 'internal_client': '10.0.0.2', "
	 "'internal_port': 81}]",
	 "[{'protocol': 'TCP', 'external_port': 81, 'internal_client': '192.168.1.4', "
	 "'internal_port': 82}]",
	 EFFECT_ARRIVES, "client", 82, 2},
	{"the inner mapping is of the other protocol",
	 "[{'protocol': 'UDP', 'external_port': 80, 'internal_client': '10.0.0.2', "
	 "'internal_port': 81}]",
	 "[{'protocol': 'TCP', 'external_port': 81, 'internal_client': '192.168.1.4', "
	 "'internal_port': 82}]",
	 EFFECT_NO_MAPPING, "r1", 81, 1},
	{"the inner mapping is disabled",
	 "[{'protocol': 'TCP', 'external_port': 80, 'internal_client': '10.0.0.2', "
	 "'internal_port': 81}]",
	 "[{'protocol': 'TCP', 'external_port': 81, 'internal_client': '192.168.1.4', "
	 "'internal_port': 82, 'enabled': false}]",
	 EFFECT_NO_MAPPING, "r1", 81, 1},
	{"the inner mapping is for somebody else",
	 "[{'protocol': 'TCP', 'external_port': 80, 'internal_client': '10.0.0.2', "
	 "'internal_port': 81}]",
	 "[{'protocol': 'TCP', 'external_port': 81, 'internal_client': '192.168.1.4', "
	 "'internal_port': 82, 'remote_host': '44.0.1.77'}]",
	 EFFECT_NO_MAPPING, "r1", 81, 1},
	{"a mapping for the sender comes before one for all",
	 "[{'protocol': 'TCP', 'external_port': 80, 'internal_client': '10.0.0.2', "
	 "'internal_port': 81}]",
	 "[{'protocol': 'TCP', 'external_port': 81, 'internal_client': '192.168.1.4', "
	 "'internal_port': 82, 'remote_host': ''}, {'protocol': 'TCP', 'external_port': 81, "
	 "'internal_client': '192.168.1.4', 'internal_port': 83, 'remote_host': '" SENDER "'}]",
	 EFFECT_ARRIVES, "client", 83, 2},
	{"a mapping of one port comes before one of all ports",
	 "[{'protocol': 'TCP', 'external_port': 80, 'internal_client': '10.0.0.2', "
	 "'internal_port': 81}]",
	 "[{'protocol': 'TCP', 'external_port': 0, 'internal_client': '192.168.1.4', "
	 "'internal_port': 0}, {'protocol': 'TCP', 'external_port': 81, "
	 "'internal_client': '192.168.1.4', 'internal_port': 84}]",
	 EFFECT_ARRIVES, "client", 84, 2},
	{"a mapping of all ports keeps the port",
	 "[{'protocol': 'TCP', 'external_port': 80, 'internal_client': '10.0.0.2', "
	 "'internal_port': 81}]",
	 "[{'protocol': 'TCP', 'external_port': 0, 'internal_client': '192.168.1.4', "
	 "'internal_port': 0}]",
	 EFFECT_ARRIVES, "client", 81, 2},
	{"nobody has the address",
	 "[{'protocol': 'TCP', 'external_port': 80, 'internal_client': '10.0.0.77', "
	 "'internal_port': 81}]",
	 "[]", EFFECT_NO_NODE, NULL, 81, 1},
	{"an address of a network further in",
	 "[{'protocol': 'TCP', 'external_port': 80, 'internal_client': '192.168.1.4', "
	 "'internal_port': 81}]",
	 "[]", EFFECT_NO_NODE, NULL, 81, 1},
	{"the router itself",
	 "[{'protocol': 'TCP', 'external_port': 80, 'internal_client': '10.0.0.1', "
	 "'internal_port': 81}]",
	 "[]", EFFECT_ARRIVES, "r2", 81, 1},
};

static struct topology *load(const char *text)
{
	struct diag d = {0};
	struct topology *t = topology_load_text(text, strlen(text), "t.yaml", &d);

	if (!t)
		fail_msg("%s", d.text.data);
	return t;
}

/* JSON written with ' for ". */
static void add(struct effect_table *table, const struct topology *t, const char *router,
		const char *text)
{
	char *copy = xstrdup(text);
	json_t *json;

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	json = json_loads(copy, 0, NULL);
	assert_non_null(json);
	effect_add(table, (size_t)topology_node(t, router), json);
	json_decref(json);
	free(copy);
}

static struct in_addr address(const char *text)
{
	struct in_addr made;

	assert_int_equal(inet_pton(AF_INET, text, &made), 1);
	return made;
}

static void test_paths(void **state)
{
	struct topology *t = load(nested);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct effect_table table = {0};
		struct effect_path path;
		int node = paths[i].node ? topology_node(t, paths[i].node) : -1;

		add(&table, t, "r2", paths[i].r2);
		add(&table, t, "r1", paths[i].r1);
		effect_resolve(t, &table, 0, address(SENDER), &path);
		if (path.end != paths[i].end || path.node != node || path.port != paths[i].port ||
		    path.hop_count != paths[i].hops)
			fail_msg("%s: end %d, node %d, port %u, %zu hops", paths[i].name, path.end,
				 path.node, path.port, path.hop_count);
		assert_int_equal(path.hops[0], topology_node(t, "r2"));
		effect_table_free(&table);
	}
	topology_free(t);
}

/* Two routers on one cable, each the internal client of the other. */
static void test_circle(void **state)
{
	struct topology *t = load("networks: {a: {subnet: 10.0.0.0/24}, b: {subnet: 10.0.1.0/24}}\n"
				  "nodes:\n"
				  "  r1: {kind: router, lan: {a: 10.0.0.1}, wan: {b: 10.0.1.1}}\n"
				  "  r2: {kind: router, lan: {b: 10.0.1.2}, wan: {a: 10.0.0.2}}\n");
	struct effect_table table = {0};
	struct effect_path path;

	(void)state;
	add(&table, t, "r1",
	    "[{'protocol': 'UDP', 'external_port': 5, 'internal_client': '10.0.0.2', "
	    "'internal_port': 5}]");
	add(&table, t, "r2",
	    "[{'protocol': 'UDP', 'external_port': 5, 'internal_client': '10.0.1.1', "
	    "'internal_port': 5}]");
	effect_resolve(t, &table, 0, address(SENDER), &path);
	assert_int_equal(path.end, EFFECT_LOOP);
	assert_int_equal(path.hop_count, EFFECT_HOPS_MAX);
	effect_table_free(&table);
	topology_free(t);
}

static void test_every_port(void **state)
{
	struct topology *t = load(nested);
	struct effect_table table = {0};
	struct effect_path path;

	(void)state;
	add(&table, t, "r2",
	    "[{'protocol': 'TCP', 'external_port': 0, 'internal_client': '10.0.0.9', "
	    "'internal_port': 0}]");
	effect_resolve(t, &table, 0, address(SENDER), &path);
	assert_int_equal(path.end, EFFECT_ARRIVES);
	assert_true(path.external_port >= 49152);
	assert_int_equal(path.port, path.external_port);
	effect_table_free(&table);
	topology_free(t);
}

static void test_faces_peer(void **state)
{
	struct topology *t = load(nested);

	(void)state;
	assert_true(effect_faces_peer(t, (size_t)topology_node(t, "r2")));
	assert_false(effect_faces_peer(t, (size_t)topology_node(t, "r1")));
	assert_false(effect_faces_peer(t, (size_t)topology_node(t, "other")));
	topology_free(t);
}

static void test_before(void **state)
{
	struct topology *t = load(nested);
	struct effect_table before = {0}, after = {0};

	(void)state;
	add(&before, t, "r2",
	    "[{'protocol': 'TCP', 'external_port': 1, 'internal_client': '10.0.0.9', "
	    "'internal_port': 1}, {'protocol': 'TCP', 'external_port': 2, "
	    "'internal_client': '10.0.0.9', 'internal_port': 2}]");
	add(&after, t, "r2",
	    "[{'protocol': 'TCP', 'external_port': 1, 'internal_client': '10.0.0.9', "
	    "'internal_port': 1}, {'protocol': 'TCP', 'external_port': 2, "
	    "'internal_client': '10.0.0.9', 'internal_port': 3}, {'protocol': 'UDP', "
	    "'external_port': 1, 'internal_client': '10.0.0.9', 'internal_port': 1}]");
	effect_mark_before(&after, &before);
	assert_true(after.mappings[0].before);
	assert_false(after.mappings[1].before);
	assert_false(after.mappings[2].before);
	effect_table_free(&before);
	effect_table_free(&after);
	topology_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),	   cmocka_unit_test(test_circle),
		cmocka_unit_test(test_every_port), cmocka_unit_test(test_faces_peer),
		cmocka_unit_test(test_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
