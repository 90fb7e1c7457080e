/* SPDX-License-Identifier: MIT */
/*
 * test_ssdpserver.c - which searches which advertisements answer (UDA 2.0 clauses 1.3.2, 1.3.3).
 *
 * links: fakeigd
 */
#include "../../fakeigd/ssdp.h"

#include "router_fixture.h"

#define ROOT	 "upnp:rootdevice"
#define UUID	 "uuid:3ddcd1d3-2380-45f5-b069-2c4d54008cf2"
#define IGD(v)	 "urn:schemas-upnp-org:device:InternetGatewayDevice:" v
#define WANIP(v) "urn:schemas-upnp-org:service:WANIPConnection:" v

static const struct {
	const char *asked, *nt;
	bool lower, exact, any;
} table[] = {
	{"ssdp:all", ROOT, true, true, true},
	{"ssdp:all", UUID, true, true, true},
	{"ssdp:all", WANIP("2"), true, true, true},
	{"ssdp:ALL", ROOT, false, false, false},
	{ROOT, ROOT, true, true, true},
	{ROOT, UUID, false, false, false},
	{"upnp:rootdeviceX", ROOT, false, false, false},
	{"upnp:rootdevic", ROOT, false, false, false},
	{UUID, UUID, true, true, true},
	{"uuid:3DDCD1D3-2380-45F5-B069-2C4D54008CF2", UUID, true, true, true},
	{"uuid:3ddcd1d3-2380-45f5-b069-2c4d54008cf3", UUID, false, false, false},
	{"uuid:3ddcd1d3-2380-45f5-b069-2c4d54008cf", UUID, false, false, false},
	{"3ddcd1d3-2380-45f5-b069-2c4d54008cf2", UUID, false, false, false},
	{WANIP("1"), WANIP("1"), true, true, true},
	{WANIP("1"), WANIP("2"), true, false, true},
	{WANIP("2"), WANIP("1"), false, false, true},
	{WANIP("9"), WANIP("2"), false, false, true},
	{WANIP("10"), WANIP("1"), false, false, true},
	{WANIP("0"), WANIP("1"), false, false, false},
	{WANIP(""), WANIP("1"), false, false, false},
	{WANIP("1x"), WANIP("1"), false, false, false},
	{WANIP("-1"), WANIP("1"), false, false, false},
	{WANIP("99999999999999999999"), WANIP("1"), false, false, false},
	{IGD("1"), IGD("2"), true, false, true},
	{IGD("1"), WANIP("1"), false, false, false},
	{"urn:schemas-upnp-org:service:WANIPConnection", WANIP("1"), false, false, false},
	{"urn:schemas-upnp-org:device:WANIPConnection:1", WANIP("1"), false, false, false},
	{"urn:schemas-upnp-org:service:WANPPPConnection:1", WANIP("1"), false, false, false},
	{"urn:schemas-upnp-org:service:wanipconnection:1", WANIP("1"), false, false, false},
	{"urn:dslforum-org:service:WANIPConnection:1", WANIP("1"), false, false, false},
	{"", ROOT, false, false, false},
	{"*", ROOT, false, false, false},
};

static void targets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const bool expected[] = {
			[SSDP_VERSIONS_LOWER] = table[i].lower,
			[SSDP_VERSIONS_EXACT] = table[i].exact,
			[SSDP_VERSIONS_ANY] = table[i].any,
		};

		for (int v = SSDP_VERSIONS_LOWER; v <= SSDP_VERSIONS_ANY; v++)
			if (ssdp_target_matches(slice_of(table[i].asked), table[i].nt,
						(enum ssdp_versions)v) != expected[v])
				fail_msg("\"%s\" against \"%s\", versions %d: expected %d",
					 table[i].asked, table[i].nt, v, expected[v]);
	}
}

/* A search target is a slice of a datagram: no byte beyond it may count. */
static void targets_are_not_terminated(void **state)
{
	static const char datagram[] = "upnp:rootdeviceuuid:";

	(void)state;
	assert_true(ssdp_target_matches((struct slice){datagram, 15}, ROOT, SSDP_VERSIONS_LOWER));
	assert_false(ssdp_target_matches((struct slice){datagram, 14}, ROOT, SSDP_VERSIONS_LOWER));
	assert_false(ssdp_target_matches((struct slice){NULL, 0}, ROOT, SSDP_VERSIONS_LOWER));
}

static void note(void *arg, const char *nt, const char *usn)
{
	(void)usn;
	buf_printf(arg, "%s ", nt);
}

/* ssdp.order: what it names comes first, the rest as it is. */
static void order(void **state)
{
	static const char yaml[] = "[urn:schemas-upnp-org:service:WANIPConnection:1, nothing, "
				   "upnp:rootdevice]";
	struct diag d = {0};
	struct doc *list = doc_load_text(yaml, strlen(yaml), "order", &d);
	struct buf plain = {0}, ordered = {0};
	struct fixture f;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	description_each_advertisement(&f.r, note, &plain);
	f.r.profile->ssdp_order = list;
	description_each_advertisement(&f.r, note, &ordered);
	assert_int_equal(plain.len, ordered.len);
	assert_int_equal(strncmp(plain.data, ROOT " uuid:", strlen(ROOT) + 6), 0);
	assert_int_equal(strncmp(ordered.data, WANIP("1") " " ROOT " uuid:",
				 strlen(WANIP("1") " " ROOT " uuid:")),
			 0);
	f.r.profile->ssdp_order = NULL;
	fixture_stop(&f);
	doc_free(list);
	buf_free(&plain);
	buf_free(&ordered);
	diag_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets),
		cmocka_unit_test(targets_are_not_terminated),
		cmocka_unit_test(order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
