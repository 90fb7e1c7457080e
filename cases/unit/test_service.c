/* SPDX-License-Identifier: MIT */
/*
 * test_service.c - the tables of services are sound, and what is made from them.
 *
 * links: fakeigd
 */
#include "router_fixture.h"

/* reference/services.md: actions in all, required ones, evented variables in order. */
static const struct {
	const char *type;
	unsigned version;
	unsigned actions, required;
	const char *evented;
} facts[] = {
	{"WANIPConnection", 1, 18, 11,
	 "PossibleConnectionTypes ConnectionStatus ExternalIPAddress PortMappingNumberOfEntries "},
	{"WANIPConnection", 2, 21, 14,
	 "PossibleConnectionTypes ConnectionStatus ExternalIPAddress PortMappingNumberOfEntries "
	 "SystemUpdateID "},
	{"WANPPPConnection", 1, 25, 13,
	 "PossibleConnectionTypes ConnectionStatus ExternalIPAddress PortMappingNumberOfEntries "},
	{"WANCommonInterfaceConfig", 1, 10, 1,
	 "PhysicalLinkStatus EnabledForInternet NumberOfActiveConnections "},
	{"Layer3Forwarding", 1, 2, 2, "DefaultConnectionService "},
	{"WANEthernetLinkConfig", 1, 1, 1, "EthernetLinkStatus "},
	{"WANDSLLinkConfig", 1, 10, 3, "LinkStatus AutoConfig "},
	{"WANCableLinkConfig", 1, 10, 1, ""},
	{"WANPOTSLinkConfig", 1, 9, 2, ""},
	{"LANHostConfigManagement", 1, 19, 2, ""},
	{"WANIPv6FirewallControl", 1, 7, 5, "FirewallEnabled InboundPinholeAllowed "},
};

static void facts_of_tables(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		const struct service *s = service_find(facts[i].type, facts[i].version);
		struct buf evented = {0};
		unsigned actions = 0, required = 0;

		assert_non_null(s);
		for (const struct service_action *a = s->actions; a->name; a++) {
			actions++;
			required += !a->optional;
			assert_non_null(a->perform);
		}
		for (const struct service_variable *v = s->variables; v->name; v++)
			if (v->evented)
				buf_printf(&evented, "%s ", v->name);
		assert_row(i, actions, facts[i].actions);
		assert_row(i, required, facts[i].required);
		assert_row_slice(i, buf_slice(&evented), facts[i].evented);
		buf_free(&evented);
	}
	assert_null(service_find("WANIPConnection", 3));
	assert_null(service_find("WANIPv4Connection", 1));
}

static void check_arguments(const struct service *s, const struct service_action *a)
{
	bool out = false;
	size_t count = 0;

	for (const struct service_argument *arg = a->arguments; arg && arg->name; arg++) {
		if (!service_variable(s, arg->variable))
			fail_msg("%s: %s has no variable %s", a->name, arg->name, arg->variable);
		/* DESC-29: in before out. */
		assert_false(out && !arg->out);
		out = arg->out;
		for (const struct service_argument *other = a->arguments; other < arg; other++)
			assert_string_not_equal(other->name, arg->name);
		count++;
	}
	assert_true(count <= SERVICE_ARGUMENTS_MAX);
}

static void check_variable(const struct service_variable *v)
{
	/* DESC-31. */
	assert_false(v->allowed && v->max > v->min);
	if (v->max)
		assert_true(v->max > v->min && v->max <= service_type_max(v->type));
	if (v->evented)
		assert_non_null(v->get);
}

static void tables_are_sound(void **state)
{
	const char *const *names;
	size_t count;

	(void)state;
	names = service_names(&count);
	assert_int_equal(count, ARRAY_SIZE(facts));
	for (size_t i = 0; i < count; i++) {
		const struct service *s = service_find(facts[i].type, facts[i].version);
		char *name = xasprintf("%s:%u", facts[i].type, facts[i].version);

		assert_string_equal(names[i], name);
		free(name);
		for (const struct service_action *a = s->actions; a->name; a++) {
			assert_ptr_equal(service_action(s, slice_of(a->name)), a);
			check_arguments(s, a);
		}
		for (const struct service_variable *v = s->variables; v->name; v++) {
			assert_ptr_equal(service_variable(s, v->name), v);
			check_variable(v);
		}
		assert_true(s->variables - service_variable(s, s->variables[0].name) == 0);
	}
}

static const struct {
	const char *text;
	uint32_t max;
	int result;
	uint32_t value;
} numbers[] = {
	{"0", 65535, SERVICE_NUMBER_OK, 0},
	{"65535", 65535, SERVICE_NUMBER_OK, 65535},
	{"+8080", 65535, SERVICE_NUMBER_OK, 8080},
	{"008080", 65535, SERVICE_NUMBER_OK, 8080},
	{"00000000000000000000000080", 65535, SERVICE_NUMBER_OK, 80},
	{" 80\n", 65535, SERVICE_NUMBER_OK, 80},
	{"-0", 65535, SERVICE_NUMBER_OK, 0},
	{"65536", 65535, SERVICE_NUMBER_RANGE, 0},
	{"65616", 65535, SERVICE_NUMBER_RANGE, 80},
	{"99999", 65535, SERVICE_NUMBER_RANGE, 34463},
	{"-1", 65535, SERVICE_NUMBER_RANGE, 65535},
	{"4294967376", 65535, SERVICE_NUMBER_RANGE, 80},
	{"4294967295", UINT32_MAX, SERVICE_NUMBER_OK, UINT32_MAX},
	{"4294967296", UINT32_MAX, SERVICE_NUMBER_RANGE, 0},
	{"99999999999999999999999999", UINT32_MAX, SERVICE_NUMBER_RANGE, 3825205247},
	{"", 65535, SERVICE_NUMBER_BAD, 0},
	{" ", 65535, SERVICE_NUMBER_BAD, 0},
	{"+", 65535, SERVICE_NUMBER_BAD, 0},
	{"--1", 65535, SERVICE_NUMBER_BAD, 0},
	{"abc", 65535, SERVICE_NUMBER_BAD, 0},
	{"80abc", 65535, SERVICE_NUMBER_BAD, 80},
	{"1e3", 65535, SERVICE_NUMBER_BAD, 1},
	{"0x50", 65535, SERVICE_NUMBER_BAD, 0},
	{"8 0", 65535, SERVICE_NUMBER_BAD, 8},
	{"80.0", 65535, SERVICE_NUMBER_BAD, 80},
};

static void read_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		uint32_t value = 77;
		enum service_number result =
			service_number(numbers[i].text, numbers[i].max, &value);

		assert_row(i, result, numbers[i].result);
		assert_row(i, value, numbers[i].value);
	}
}

static void read_booleans(void **state)
{
	static const char *const yes[] = {"1", "true", "yes", "TRUE", "Yes", " 1 "};
	static const char *const no[] = {"0", "false", "no", "False"};
	static const char *const neither[] = {"", "2", "01", "on", "enable", "t"};
	bool value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		assert_row(i, service_boolean(yes[i], &value), true);
		assert_row(i, value, true);
	}
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		assert_row(i, service_boolean(no[i], &value), true);
		assert_row(i, value, false);
	}
	for (size_t i = 0; i < ARRAY_SIZE(neither); i++)
		assert_row(i, service_boolean(neither[i], &value), false);
}

/* Names in an actionList or serviceStateTable, separated by spaces. */
static void names_of(const struct xml_node *list, struct buf *out)
{
	for (const struct xml_node *n = list->first; n; n = n->next)
		buf_printf(out, "%s ", xml_text(n, "name"));
}

static void scpd(struct fixture *f, const char *service, struct buf *actions, struct buf *variables)
{
	struct http_reply reply;
	struct xml_node *root;
	char head[128];

	snprintf(head, sizeof(head), "GET /scpd/%s.xml HTTP/1.1\r\n\r\n", service);
	fixture_request(f, description_get, "192.168.1.4", head, "", &reply);
	assert_int_equal(f->status, 200);
	assert_int_equal(xml_parse(f->reply.data, f->reply.len, &root), XML_OK);
	assert_string_equal(root->name, "scpd");
	names_of(xml_child(root, "actionList"), actions);
	names_of(xml_child(root, "serviceStateTable"), variables);
	xml_free(root);
}

/* DESC-28: what is not offered is not described, and neither are its variables. */
static void optional_actions(void **state)
{
	static char none[] = "GetTotalBytesSent";
	char *offered[] = {none};
	struct buf actions = {0}, variables = {0};
	struct fixture f;
	struct profile_service *s;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	scpd(&f, "WANCommonInterfaceConfig-1", &actions, &variables);
	assert_non_null(strstr(actions.data, "GetActiveConnection "));
	assert_non_null(strstr(variables.data, "NumberOfActiveConnections "));
	buf_reset(&actions);
	buf_reset(&variables);
	s = &f.r.profile->services[1];
	assert_string_equal(s->type, "WANCommonInterfaceConfig");
	s->optional = offered;
	s->optionals = 1;
	descriptions_reload(&f.r);
	scpd(&f, "WANCommonInterfaceConfig-1", &actions, &variables);
	assert_string_equal(actions.data, "GetCommonLinkProperties GetTotalBytesSent ");
	assert_string_equal(variables.data,
			    "WANAccessType Layer1UpstreamMaxBitRate Layer1DownstreamMaxBitRate "
			    "PhysicalLinkStatus TotalBytesSent ");
	s->optional = NULL;
	s->optionals = 0;
	buf_free(&actions);
	buf_free(&variables);
	fixture_stop(&f);
}

static void count_advertisement(void *arg, const char *nt, const char *usn)
{
	unsigned *count = arg;

	assert_non_null(strstr(usn, "uuid:"));
	assert_true(*nt);
	++*count;
}

/* The tree: URLs lead to services, LOCATION and UDNs are right, 3 + 2d + k advertisements. */
static void tree(void **state)
{
	struct fixture f;
	struct http_reply reply;
	struct xml_node *root, *device;
	struct buf location = {0};
	unsigned count = 0;

	(void)state;
	fixture_start(&f, "conformant-igd2");
	f.r.profile->http_port = 5000;
	fixture_request(&f, description_get, "192.168.1.4",
			"GET /description.xml HTTP/1.1\r\nAccept-Language: fr\r\n\r\n", "", &reply);
	assert_int_equal(f.status, 200);
	assert_slice(buf_slice(&reply.extra), "CONTENT-LANGUAGE: en\r\n");
	buf_free(&reply.extra);
	assert_int_equal(xml_parse(f.reply.data, f.reply.len, &root), XML_OK);
	device = xml_child(root, "device");
	assert_string_equal(xml_text(device, "deviceType"),
			    "urn:schemas-upnp-org:device:InternetGatewayDevice:2");
	device = xml_child(xml_child(device, "deviceList"), "device");
	assert_string_equal(xml_text(device, "deviceType"),
			    "urn:schemas-upnp-org:device:WANDevice:2");
	device = xml_child(xml_child(device, "deviceList"), "device");
	assert_string_equal(xml_text(device, "deviceType"),
			    "urn:schemas-upnp-org:device:WANConnectionDevice:2");
	assert_string_equal(xml_text(device, "UDN"), f.r.profile->udn[2]);
	xml_free(root);
	description_location(&f.r, &f.r.lan[0], false, &location);
	assert_string_equal(location.data, "http://192.168.1.1:5000/description.xml");
	buf_free(&location);
	description_each_advertisement(&f.r, count_advertisement, &count);
	assert_int_equal(count, 3 + 2 * 2 + f.r.profile->service_count);
	assert_non_null(description_control_service(
		&f.r, slice_of("http://192.168.1.1:5000/control/WANIPConnection-2")));
	assert_null(description_control_service(&f.r, slice_of("/control/WANIPConnection-1")));
	assert_null(description_event_service(&f.r, slice_of("")));
	fixture_request(&f, description_get, "192.168.1.4", "GET /nope HTTP/1.1\r\n\r\n", "",
			&reply);
	assert_int_equal(f.status, 404);
	buf_free(&reply.extra);
	fixture_stop(&f);
}

/* Rules of layer description bring another document, and the kept one stays as it is. */
static void rules(void **state)
{
	struct fixture f;
	struct http_reply reply;

	(void)state;
	fixture_start(&f, "conformant-igd1");
	fixture_rule(&f, "{when: {layer: description, message: root, nth: 2},"
			 " message: {description: '<root/>'}}");
	for (int i = 1; i <= 3; i++) {
		fixture_request(&f, description_get, "192.168.1.4",
				"GET /description.xml HTTP/1.1\r\n\r\n", "", &reply);
		assert_int_equal(f.status, 200);
		assert_int_equal(strcmp(f.reply.data, "<root/>") == 0, i == 2);
	}
	fixture_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_of_tables),
		cmocka_unit_test(tables_are_sound),
		cmocka_unit_test(read_numbers),
		cmocka_unit_test(read_booleans),
		cmocka_unit_test(optional_actions),
		cmocka_unit_test(tree),
		cmocka_unit_test(rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
