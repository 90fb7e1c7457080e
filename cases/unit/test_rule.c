/* SPDX-License-Identifier: MIT */
/*
 * test_rule.c - rules: what matches, what happens then, what is refused.
 *
 * links: fakeigd
 */
#include "../../fakeigd/rule.h"

#include "../../fakeigd/gena.h"
#include "../../fakeigd/message.h"
#include "../../fakeigd/portmap.h"
#include "../../fakeigd/profile.h"
#include "../../fakeigd/router.h"
#include "../../fakeigd/wire/http.h"
#include "../../fakeigd/wire/soap.h"
#include "unit.h"

#include <arpa/inet.h>

static struct doc *yaml(const char *text)
{
	struct diag d = {0};
	struct doc *doc = doc_load_text(text, strlen(text), "r.yaml", &d);

	if (!doc)
		fail_msg("%s: %s", text, d.text.data);
	return doc;
}

/* Rules of a list in YAML. */
static struct rules *rules_of(const char *text)
{
	struct doc *doc = yaml(text);
	struct diag d = {0};
	struct rules *rules = rules_new(doc, &d);

	if (!rules)
		fail_msg("%s: %s", text, d.text.data);
	doc_free(doc);
	return rules;
}

/* A request as SOAP decoded it: name, value, name, value ... NULL. */
static struct soap_message arguments_of(const char *const *list)
{
	struct soap_message m = {.action = "x"};

	for (; list && list[0]; list += 2) {
		m.names[m.count] = list[0];
		m.values[m.count++] = list[1];
	}
	return m;
}

static struct sockaddr_in from(const char *address)
{
	struct sockaddr_in a = {.sin_family = AF_INET};

	inet_pton(AF_INET, address, &a.sin_addr);
	return a;
}

static const char *const add[] = {"NewRemoteHost",
				  "",
				  "NewExternalPort",
				  "1872",
				  "NewProtocol",
				  "TCP",
				  "NewInternalPort",
				  "1873",
				  "NewInternalClient",
				  "192.168.1.4",
				  "NewPortMappingDescription",
				  "a longer description",
				  "NewLeaseDuration",
				  "60",
				  NULL};

/* Conditions against one AddPortMapping from 192.168.1.4 with the arguments above. */
static const struct {
	const char *when;
	bool matches;
} conditions[] = {
	{"{action: AddPortMapping}", true},
	{"{action: DeletePortMapping}", false},
	{"{action: \"!DeletePortMapping\"}", true},
	{"{action: \"Add*\"}", true},
	{"{action: [DeletePortMapping, AddPortMapping]}", true},
	{"{action: [\"Add*\", \"!AddPortMapping\"]}", false},
	{"{layer: soap}", true},
	{"{layer: http}", false},
	{"{layer: [http, soap]}", true},
	{"{layer: soap, message: request}", true},
	{"{layer: soap, target: \"urn:*:WANIPConnection:[12]\"}", true},
	{"{layer: soap, target: \"urn:*:WANPPPConnection:*\"}", false},
	{"{NewExternalPort: 1872}", true},
	{"{varName: \"*\"}", false},
	{"{NewExternalPort: 01872}", true},
	{"{NewExternalPort: \"1-1023\"}", false},
	{"{NewExternalPort: \"1024-\"}", true},
	{"{NewExternalPort: [80, \"1870-1880\"]}", true},
	{"{NewExternalPort: \"!1872\"}", false},
	{"{NewExternalPort: \"!1-1023\"}", true},
	{"{NewLeaseDuration: \"!0\"}", true},
	{"{NewRemoteHost: \"\"}", true},
	{"{NewRemoteHost: \"!\"}", false},
	{"{NewRemoteHost: ~}", false},
	{"{NewEnabled: ~}", true},
	{"{NewEnabled: \"!1\"}", false},
	{"{NewEnabled: [~, 0]}", true},
	{"{NewPortMappingDescription: {length: \"16-\"}}", true},
	{"{NewPortMappingDescription: {length: 3}}", false},
	{"{NewPortMappingDescription: \"*[! -z]*\"}", false},
	{"{NewInternalClient: \"{from}\"}", true},
	{"{NewInternalClient: \"!{from}\"}", false},
	{"{NewInternalPort: \"!{NewExternalPort}\"}", true},
	{"{NewInternalPort: \"{NewExternalPort}\"}", false},
	{"{NewRemoteHost: \"{external}\"}", false},
	{"{layer: soap, from: 192.168.1.4}", true},
	{"{layer: soap, from: 192.168.1.0/24}", true},
	{"{layer: soap, from: 192.168.1.128/25}", false},
	{"{layer: soap, from: [\"!192.168.1.4\", 192.168.1.0/24]}", false},
	{"{layer: soap, from: fe80::/10}", false},
	{"{layer: soap, from: \"::/0\"}", true},
	{"{layer: soap, header: {User-Agent: \"upnpc*\"}}", true},
	{"{layer: soap, header: {USER-AGENT: \"!upnpc*\"}}", false},
	{"{layer: soap, header: {X: ~}}", true},
	{"{layer: soap, header: {User-Agent: ~}}", false},
	{"{layer: soap, header-exact: {User-Agent: \"*\"}}", true},
	{"{layer: soap, header-exact: {USER-AGENT: \"*\"}}", false},
	{"{layer: soap, header-exact: {USER-AGENT: ~}}", true},
	{"{layer: soap, state: wan-up}", true},
	{"{layer: soap, state: wan-down}", false},
	{"{layer: soap, state: [wan-up, after-reboot]}", false},
	{"{layer: soap, state: table-empty}", true},
	{"{layer: soap, state: unmapped}", true},
	{"{layer: soap, state: mapped}", false},
	{"{layer: soap, uptime: \"0-1000000000\"}", true},
	{"{layer: soap, uptime: \"1000000000-\"}", false},
	{"{layer: soap, probability: 0}", false},
	{"{layer: soap, probability: 1}", true},
};

static void conditions_hold_or_not(void **state)
{
	static const char head[] = "POST /c HTTP/1.1\r\nUser-Agent: upnpc/2.2\r\n\r\n";
	struct sockaddr_in sender = from("192.168.1.4");
	struct soap_message arguments = arguments_of(add);
	struct router r = {.wan_state = WAN_CONNECTED};
	struct http_head parsed;
	size_t used;
	struct rule_event event = {
		.layer = RULE_SOAP,
		.message = "request",
		.target = "urn:schemas-upnp-org:service:WANIPConnection:1",
		.action = "AddPortMapping",
		.arguments = &arguments,
		.head = &parsed,
		.from = (struct sockaddr *)&sender,
	};

	(void)state;
	assert_int_equal(http_parse_head(head, strlen(head), &parsed, &used), HTTP_OK);
	r.booted = clock_now() - 5 * CLOCK_SECOND;
	for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
		char *text = xasprintf("[{when: %s, drop: true}]", conditions[i].when);
		struct rules *rules = rules_of(text);
		struct effects e;

		effects_init(&e);
		rules_apply(rules, &r, &event, &e);
		if (e.drop != conditions[i].matches)
			fail_msg("%s: %s", conditions[i].when,
				 e.drop ? "matches" : "does not match");
		rules_free(rules);
		free(text);
	}
}

/* Conditions that ask the table, which holds 1872/TCP of 192.168.1.4 and has room for one more. */
static const struct {
	const char *when, *port, *index;
	bool matches;
} table_conditions[] = {
	{"{layer: soap, state: mapped}", "1872", NULL, true},
	{"{layer: soap, state: mapped}", "1873", NULL, false},
	{"{layer: soap, state: unmapped}", "1873", NULL, true},
	{"{layer: soap, state: mapped-by-sender}", "1872", NULL, true},
	{"{layer: soap, state: mapped-by-other}", "1872", NULL, false},
	{"{layer: soap, state: mapped-by-other}", "80", NULL, true},
	{"{layer: soap, state: [mapped, table-full]}", "80", NULL, true},
	{"{layer: soap, state: table-empty}", "80", NULL, false},
	{"{action: GetGenericPortMappingEntry, last: 1}", "", "1", true},
	{"{action: GetGenericPortMappingEntry, last: 1}", "", "0", false},
	{"{action: GetGenericPortMappingEntry, last: 2}", "", "0", true},
	{"{action: GetGenericPortMappingEntry, last: 2}", "", "2", false},
};

static void put(struct router *r, uint16_t port, const char *client)
{
	struct mapping m = {.external_port = port,
			    .internal_port = port,
			    .protocol = IPPROTO_TCP,
			    .enabled = true};

	inet_pton(AF_INET, client, &m.internal_client);
	assert_int_equal(portmap_put(r->portmap, &m), 0);
}

static void conditions_ask_the_table(void **state)
{
	struct profile profile = {.service_count = 0};
	struct router r = {.profile = &profile, .loop = loop_new()};
	struct sockaddr_in sender = from("192.168.1.4");

	(void)state;
	policy_defaults(&profile.policy);
	profile.policy.table_max = 2;
	r.gena = gena_new(&r);
	r.portmap = portmap_new(&r);
	put(&r, 1872, "192.168.1.4");
	put(&r, 80, "192.168.1.5");
	for (size_t i = 0; i < ARRAY_SIZE(table_conditions); i++) {
		const char *index = table_conditions[i].index;
		const char *list[] = {"NewExternalPort",
				      table_conditions[i].port,
				      "NewProtocol",
				      "TCP",
				      index ? "NewPortMappingIndex" : NULL,
				      index,
				      NULL};
		struct soap_message arguments = arguments_of(list);
		struct rule_event event = {.layer = RULE_SOAP,
					   .message = "request",
					   .action = "GetGenericPortMappingEntry",
					   .arguments = &arguments,
					   .from = (struct sockaddr *)&sender};
		char *text = xasprintf("[{when: %s, drop: true}]", table_conditions[i].when);
		struct rules *rules = rules_of(text);
		struct effects e;

		effects_init(&e);
		rules_apply(rules, &r, &event, &e);
		assert_row(i, e.drop, table_conditions[i].matches);
		rules_free(rules);
		free(text);
	}
	portmap_free(r.portmap);
	gena_free(r.gena);
	loop_free(r.loop);
}

static struct effects apply(struct rules *rules, enum rule_layer layer, const char *message,
			    const char *action)
{
	struct rule_event event = {.layer = layer, .message = message, .action = action};
	struct effects e;

	effects_init(&e);
	rules_apply(rules, NULL, &event, &e);
	return e;
}

/* Which of ten messages a counting condition takes. */
static const struct {
	const char *when;
	const char *taken;
} counted[] = {
	{"nth: 3", "0010000000"},
	{"nth: [1, \"4-5\", \"9-\"]", "1001100011"},
	{"first: 4", "1111000000"},
	{"every: 3", "0010010010"},
	{"every: 2, nth: \"5-\"", "0000010101"},
	{"probability: 1", "1111111111"},
};

static void occurrences_are_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counted); i++) {
		char *text = xasprintf("[{when: {layer: http, message: get, %s}, close: yes}]",
				       counted[i].when);
		struct rules *rules = rules_of(text);

		for (int round = 0; round < 2; round++) {
			for (int n = 0; n < 10; n++) {
				bool now = apply(rules, RULE_HTTP, "get", NULL).close;

				if (now != (counted[i].taken[n] == '1'))
					fail_msg("%s: message %d", counted[i].when, n + 1);
				/* another message is not counted */
				assert_false(apply(rules, RULE_HTTP, "post", NULL).close);
			}
			rules_rewind(rules);
		}
		rules_free(rules);
		free(text);
	}
}

static void chance_is_seeded(void **state)
{
	static const char text[] = "[{when: {layer: ssdp, probability: 0.25, seed: 7}, drop: yes}]";
	struct rules *rules = rules_of(text), *again = rules_of(text);
	struct rules *other =
		rules_of("[{when: {layer: ssdp, probability: 0.25, seed: 8}, drop: yes}]");
	int hits = 0, differ = 0;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		bool a = apply(rules, RULE_SSDP, "m-search", NULL).drop;

		assert_int_equal(a, apply(again, RULE_SSDP, "m-search", NULL).drop);
		differ += a != apply(other, RULE_SSDP, "m-search", NULL).drop;
		hits += a;
	}
	assert_in_range(hits, 900, 1100);
	assert_true(differ > 500);
	rules_free(rules);
	rules_free(again);
	rules_free(other);
}

static void effects_are_read(void **state)
{
	struct rules *rules = rules_of("- when: {layer: soap}\n"
				       "  name: first\n"
				       "  fault: {code: 718, text: Konflikt}\n"
				       "  status: 404\n"
				       "  delay: 250ms\n"
				       "  split: {at: [10, 20, head-body], gap: 5ms}\n"
				       "  trickle: {bytes: 3, gap: 1s}\n"
				       "  truncate: 1k\n"
				       "  pad: 2G\n"
				       "  duplicate: 3\n"
				       "  half-close: yes\n"
				       "  reset: yes\n"
				       "  wrong-source: {port: 1901, address: 192.168.1.9}\n"
				       "  reboot: yes\n"
				       "  forget: yes\n"
				       "  wan-down: yes\n"
				       "  renumber: 44.0.1.77\n");
	struct effects e = apply(rules, RULE_SOAP, "request", "GetStatusInfo");

	(void)state;
	assert_int_equal(e.fault, 718);
	assert_string_equal(e.fault_text, "Konflikt");
	assert_int_equal(e.status, 404);
	assert_int_equal(e.delay_us, 250000);
	assert_int_equal(e.splits, 2);
	assert_int_equal(e.split[1], 20);
	assert_true(e.split_head);
	assert_int_equal(e.split_gap_us, 5000);
	assert_int_equal(e.trickle, 3);
	assert_int_equal(e.trickle_gap_us, 1000000);
	assert_int_equal(e.truncate, 1024);
	assert_int_equal(e.pad, 2LL << 30);
	assert_int_equal(e.copies, 3);
	assert_true(e.half_close && e.reset && e.reboot && e.forget && e.wan_down);
	assert_false(e.drop || e.close || e.lie);
	assert_int_equal(e.source_port, 1901);
	assert_int_equal(ntohl(e.source_address.s_addr), 0xc0a80109);
	assert_int_equal(ntohl(e.renumber.s_addr), 0x2c00014d);
	assert_string_equal(e.rules, "first");
	rules_free(rules);
}

static void effects_add_up_and_the_later_wins(void **state)
{
	struct rules *rules =
		rules_of("- {when: {layer: http}, delay: 1s, close: yes}\n"
			 "- {when: {layer: http, message: post}, delay: 2s, status: 503}\n"
			 "- {when: {layer: http, message: get}, drop: yes, name: mine}\n");
	struct effects e = apply(rules, RULE_HTTP, "post", NULL);

	(void)state;
	assert_int_equal(e.delay_us, 2000000);
	assert_true(e.close);
	assert_int_equal(e.status, 503);
	assert_string_equal(e.rules, "r:1,r:2");
	e = apply(rules, RULE_HTTP, "get", NULL);
	assert_int_equal(e.delay_us, 1000000);
	assert_string_equal(e.rules, "r:1,mine");
	rules_free(rules);
}

static void random_effects_stay_in_their_range(void **state)
{
	struct rules *rules = rules_of("- when: {layer: ssdp, message: reply}\n"
				       "  delay: {from: 100ms, to: 110ms}\n"
				       "  wrong-source: {port: random}\n");
	int64_t low = INT64_MAX, high = 0;
	uint16_t before = 0;
	int same = 0;

	(void)state;
	for (int i = 0; i < 500; i++) {
		struct effects e = apply(rules, RULE_SSDP, "reply", NULL);

		assert_in_range(e.delay_us, 100000, 110000);
		assert_in_range(e.source_port, 32768, 60999);
		low = e.delay_us < low ? e.delay_us : low;
		high = e.delay_us > high ? e.delay_us : high;
		same += e.source_port == before;
		before = e.source_port;
	}
	assert_true(high - low > 8000 && same < 5);
	rules_free(rules);
}

static void reply_replaces_the_action_when_it_tells_all(void **state)
{
	struct rules *rules = rules_of(
		"- {when: {action: GetExternalIPAddress}, reply: {NewExternalIPAddress: 0.0.0.0}}\n"
		"- {when: {action: GetStatusInfo}, reply: {NewUptime: 0}}\n"
		"- {when: {action: GetNATRSIPStatus}, perform: no, reply: {NewNATEnabled: ~}}\n"
		"- {when: {action: AddPortMapping}, perform: no, reply: {}}\n"
		"- {when: {action: GetIdleDisconnectTime}, perform: yes,"
		"   reply: {NewIdleDisconnectTime: 1}}\n");
	struct effects e = apply(rules, RULE_SOAP, "request", "GetExternalIPAddress");

	(void)state;
	assert_true(e.reply_only);
	assert_int_equal(e.replies, 1);
	assert_string_equal(e.reply_value[0], "0.0.0.0");
	assert_false(apply(rules, RULE_SOAP, "request", "GetStatusInfo").reply_only);
	e = apply(rules, RULE_SOAP, "request", "GetNATRSIPStatus");
	assert_true(e.reply_only);
	assert_null(e.reply_value[0]);
	assert_true(apply(rules, RULE_SOAP, "request", "AddPortMapping").reply_only);
	assert_false(apply(rules, RULE_SOAP, "request", "GetIdleDisconnectTime").reply_only);
	rules_free(rules);
}

static void messages_edit_those_of_the_profile(void **state)
{
	struct doc *messages = yaml("{fault-head: \"HTTP/1.1 500 Mine\\nEXT:\\nX: 1\\n\"}");
	struct doc *list = yaml("[{when: {layer: soap}, message: {fault-head: {remove: EXT},"
				" soap-fault: \"<oops/>\"}}]");
	struct diag d = {0};
	struct rules *rules = rules_new_over(list, messages, &d);
	struct message_values values = {0};
	struct effects e;
	struct buf out = {0};

	(void)state;
	doc_free(messages);
	doc_free(list);
	assert_non_null(rules);
	e = apply(rules, RULE_SOAP, "request", "GetStatusInfo");
	template_render(e.head, &values, &out);
	template_render(e.body, &values, &out);
	assert_string_equal(out.data, "HTTP/1.1 500 Mine\r\nX: 1\r\n\r\n<oops/>");
	buf_free(&out);
	rules_free(rules);
}

static void rules_come_and_go_at_run_time(void **state)
{
	struct doc *rule = yaml("{when: {layer: gena}, drop: yes}");
	struct doc *wrong = yaml("{when: {layer: gena}, dorp: yes}");
	struct diag d = {0};
	struct rules *rules = rules_new(NULL, &d);
	unsigned first, second;

	(void)state;
	assert_false(rules_any(rules, RULE_GENA));
	assert_false(rules_any(NULL, RULE_GENA));
	first = rules_add(rules, rule, &d);
	second = rules_add(rules, rule, &d);
	assert_true(first && second && first != second);
	assert_true(rules_any(rules, RULE_GENA));
	assert_false(rules_any(rules, RULE_SOAP));
	assert_true(rules_remove(rules, first));
	assert_false(rules_remove(rules, first));
	assert_false(rules_remove(rules, 0));
	assert_true(apply(rules, RULE_GENA, "subscribe", NULL).drop);
	assert_int_equal(rules_add(rules, wrong, &d), 0);
	assert_string_equal(d.text.data,
			    "r.yaml:1: unknown key \"dorp\"; did you mean \"drop\"?\n");
	rules_rewind(rules);
	assert_false(rules_any(rules, RULE_GENA));
	diag_free(&d);
	doc_free(rule);
	doc_free(wrong);
	rules_free(rules);
}

static void layers_follow_from_the_rest(void **state)
{
	static const struct {
		const char *when;
		enum rule_layer layer;
	} rows[] = {
		{"{action: AddPortMapping}", RULE_SOAP},
		{"{NewPortMappingIndex: 0}", RULE_SOAP},
		{"{message: m-search}", RULE_SSDP},
		{"{message: [alive, byebye]}", RULE_SSDP},
		{"{message: root}", RULE_DESCRIPTION},
		{"{message: scpd}", RULE_DESCRIPTION},
		{"{message: post}", RULE_HTTP},
		{"{message: renew}", RULE_GENA},
		{"{message: external-address}", RULE_NATPMP},
		{"{message: peer}", RULE_PCP},
		{"{remote_peer_port: 80}", RULE_PCP},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *text = xasprintf("[{when: %s, drop: yes}]", rows[i].when);
		struct rules *rules = rules_of(text);

		for (int layer = 0; layer < RULE_LAYER_COUNT; layer++)
			assert_row(i, rules_any(rules, layer), layer == (int)rows[i].layer);
		rules_free(rules);
		free(text);
	}
}

/* Conditions against one NAT-PMP request. */
static const struct {
	const char *when;
	bool holds;
} binary[] = {
	{"{layer: natpmp}", true},
	{"{opcode: 2, version: 0}", true},
	{"{opcode: 1}", false},
	{"{internal_port: \"4000-5000\"}", true},
	{"{internal_port: \"!5000\"}", false},
	{"{suggested_external_port: \"{internal_port}\"}", true},
	{"{lifetime: ~}", true},
	{"{lifetime: \"*\"}", false},
	{"{layer: natpmp, version: 2}", false},
	{"{layer: natpmp, state: unmapped}", true},
};

static void fields_of_binary_messages(void **state)
{
	static const struct rule_field fields[] = {
		{"version", "0"},
		{"opcode", "2"},
		{"internal_port", "5000"},
		{"suggested_external_port", "5000"},
	};
	const struct rule_event event = {.layer = RULE_NATPMP,
					 .message = "map",
					 .field = fields,
					 .fields = ARRAY_SIZE(fields)};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(binary); i++) {
		char *text = xasprintf("[{when: %s, drop: yes}]", binary[i].when);
		struct rules *rules = rules_of(text);
		struct effects e;

		effects_init(&e);
		rules_apply(rules, NULL, &event, &e);
		if (e.drop != binary[i].holds)
			fail_msg("%s", binary[i].when);
		rules_free(rules);
		free(text);
	}
}

static const struct {
	const char *rule;
	const char *complaint;
} refused[] = {
	{"{when: {layer: sopa}, drop: yes}", "unknown layer \"sopa\"; did you mean \"soap\"?"},
	{"{when: {}, drop: yes}",
	 "when: \"layer\" is needed here: ssdp, http, description, soap, gena, natpmp or pcp"},
	{"{drop: yes}",
	 "when: \"layer\" is needed here: ssdp, http, description, soap, gena, natpmp or pcp"},
	{"{when: {message: notify}, drop: yes}",
	 "when: \"layer\" is needed here: ssdp, http, description, soap, gena, natpmp or pcp"},
	{"{when: {layer: soap}}", "the rule has no effect"},
	{"{when: {layer: soap, internal_port: 1}, drop: yes}",
	 "internal_port: messages of this layer have no such field"},
	{"{when: {message: map}, drop: yes}",
	 "when: \"layer\" is needed here: ssdp, http, description, soap, gena, natpmp or pcp"},
	{"{when: {layer: natpmp, message: map}, reorder: yes}",
	 "reorder: does nothing on UDP port 5351; what does: fault, reply, perform, lie, delay, "
	 "duplicate, truncate, pad, drop, wrong-source, reboot, forget, wan-down, renumber"},
	{"{when: {layer: pcp, message: peer}, fault: 2, status: 404}",
	 "status: does nothing on UDP port 5351; what does: fault, reply, perform, lie, delay, "
	 "duplicate, truncate, pad, drop, wrong-source, reboot, forget, wan-down, renumber"},
	{"{when: {layer: pcp, nonce: 00}, reply: {assigned_external_prot: 1}}",
	 "unknown field of the answer \"assigned_external_prot\"; did you mean "
	 "\"assigned_external_port\"?"},
	{"{when: {layer: natpmp, nonce: 00}, drop: yes}",
	 "nonce: messages of this layer have no such field"},
	{"{when: {layer: natpmp, message: map}, reply: {liftime: 1}}",
	 "unknown field of the answer \"liftime\"; did you mean \"lifetime\"?"},
	{"{when: {layer: soap}, drp: yes}", "unknown key \"drp\"; did you mean \"drop\"?"},
	{"{when: {layre: soap}, drop: yes}",
	 "unknown condition \"layre\"; did you mean \"layer\"?"},
	{"{when: {layer: ssdp, message: msearch}, drop: yes}",
	 "unknown message \"msearch\"; did you mean \"m-search\"?"},
	{"{when: {layer: soap, message: get}, drop: yes}",
	 "unknown message \"get\"; expected one of: request"},
	{"{when: {action: AddPortMaping}, drop: yes}",
	 "unknown action \"AddPortMaping\"; did you mean \"AddPortMapping\"?"},
	{"{when: {action: AddPortMapping, NewExternPort: 1}, drop: yes}",
	 "unknown argument of AddPortMapping \"NewExternPort\"; did you mean \"NewExternalPort\"?"},
	{"{when: {action: DeletePortMapping, NewInternalPort: 1}, drop: yes}",
	 "unknown argument of DeletePortMapping \"NewInternalPort\"; did you mean "
	 "\"NewExternalPort\"?"},
	{"{when: {layer: soap, from: 192.168.1.300}, drop: yes}",
	 "from: expected an address or network such as 192.168.1.0/24, found \"192.168.1.300\""},
	{"{when: {layer: soap, from: 10.0.0.0/33}, drop: yes}",
	 "from: expected an address or network such as 192.168.1.0/24, found \"10.0.0.0/33\""},
	{"{when: {layer: soap, nth: x}, drop: yes}",
	 "nth: expected a whole number or a range such as 2-4 or 5-"},
	{"{when: {layer: soap, nth: 5-2}, drop: yes}",
	 "nth: expected a whole number or a range such as 2-4 or 5-"},
	{"{when: {layer: soap, nth: 1, first: 2}, drop: yes}",
	 "\"nth\" and \"first\" exclude each other"},
	{"{when: {layer: soap, every: 1}, drop: yes}",
	 "every: expected a whole number from 2 to 1000000000, found \"1\""},
	{"{when: {layer: soap, last: 2}, drop: yes}",
	 "last: counts entries of the table, so it needs \"action: GetGenericPortMappingEntry\""},
	{"{when: {layer: soap, probability: 1.5}, drop: yes}",
	 "probability: expected a number from 0 to 1, found \"1.5\""},
	{"{when: {layer: soap, state: full}, drop: yes}",
	 "unknown state \"full\"; expected one of: table-full, table-empty, wan-down, wan-up, "
	 "after-reboot, reconnected, mapped, mapped-by-other, mapped-by-sender, unmapped"},
	{"{when: {NewLeaseDuration: []}, drop: yes}",
	 "NewLeaseDuration: an empty list matches nothing"},
	{"{when: {NewLeaseDuration: [[1]]}, drop: yes}",
	 "expected a value, found a list in a list"},
	{"{when: {NewLeaseDuration: {length: x}}, drop: yes}",
	 "length: expected a number or a range such as 64-"},
	{"{when: {layer: soap}, drop: perhaps}", "drop: expected true or false, found \"perhaps\""},
	{"{when: {layer: soap}, fault: x}",
	 "fault: expected a whole number from -99999 to 99999, found \"x\""},
	{"{when: {layer: soap}, fault: {text: x}}", "fault: \"code\" is missing"},
	{"{when: {layer: soap}, fault: 0}",
	 "fault: code 0 is no fault; replace {code} in \"message\" instead"},
	{"{when: {layer: soap}, status: 99}",
	 "status: expected a whole number from 100 to 999, found \"99\""},
	{"{when: {layer: soap}, delay: 5 minutes}",
	 "delay: expected a duration such as 250ms, 1.5s, 2m, 1h or 7d, found \"5 minutes\""},
	{"{when: {layer: soap}, delay: {from: 2s, to: 1s}}", "delay: \"to\" is before \"from\""},
	{"{when: {layer: soap}, delay: {from: 2s}}", "delay: both \"from\" and \"to\" are needed"},
	{"{when: {layer: soap}, split: [20, 10]}",
	 "expected a whole number from 21 to 1073741824, found \"10\""},
	{"{when: {layer: soap}, split: body}",
	 "split: expected head-body or a list of 1 to 16 offsets"},
	{"{when: {layer: soap}, split: {gap: 1s}}", "split: \"at\" is missing"},
	{"{when: {layer: soap}, trickle: 0}",
	 "trickle: expected a whole number from 1 to 1048576, found \"0\""},
	{"{when: {layer: soap}, truncate: many}",
	 "truncate: expected a size such as 1024, 64k, 2M or 3G, found \"many\""},
	{"{when: {layer: ssdp}, duplicate: 1}",
	 "duplicate: expected a whole number from 2 to 1000000, found \"1\""},
	{"{when: {layer: ssdp}, wrong-source: {}}",
	 "wrong-source: \"port\" or \"address\" is needed"},
	{"{when: {layer: ssdp}, wrong-source: 1901}",
	 "wrong-source: expected a mapping (key: value), found a value"},
	{"{when: {layer: soap}, renumber: 44.0.1}",
	 "renumber: expected an IPv4 address such as 192.168.1.1, found \"44.0.1\""},
	{"{when: {layer: soap}, reply: [a]}",
	 "reply: expected a mapping (key: value), found a list"},
	{"{when: {layer: soap}, message: {soap-respons: a}}",
	 "unknown message \"soap-respons\"; did you mean \"soap-response\"?"},
	{"{when: {layer: soap}, message: {soap-response: a, soap-fault: b}}",
	 "message: a second body"},
	{"{when: {layer: soap}, message: {soap-response: \"{nothing}\"}}",
	 "unknown placeholder in soap-response \"nothing\"; expected one of: service_type, action, "
	 "arguments"},
	{"just text", "expected a mapping (key: value), found a value"},
};

static void mistakes_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		char *text = xasprintf("- %s", refused[i].rule);
		char *complaint = xasprintf("r.yaml:1: %s\n", refused[i].complaint);
		struct doc *doc = yaml(text);
		struct diag d = {0};

		if (rules_new(doc, &d))
			fail_msg("%s: taken", refused[i].rule);
		if (strcmp(d.text.data, complaint))
			fail_msg("%s: \"%s\", not \"%s\"", refused[i].rule, d.text.data, complaint);
		diag_free(&d);
		doc_free(doc);
		free(text);
		free(complaint);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_hold_or_not),
		cmocka_unit_test(conditions_ask_the_table),
		cmocka_unit_test(occurrences_are_counted),
		cmocka_unit_test(chance_is_seeded),
		cmocka_unit_test(effects_are_read),
		cmocka_unit_test(effects_add_up_and_the_later_wins),
		cmocka_unit_test(random_effects_stay_in_their_range),
		cmocka_unit_test(reply_replaces_the_action_when_it_tells_all),
		cmocka_unit_test(messages_edit_those_of_the_profile),
		cmocka_unit_test(rules_come_and_go_at_run_time),
		cmocka_unit_test(layers_follow_from_the_rest),
		cmocka_unit_test(fields_of_binary_messages),
		cmocka_unit_test(mistakes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
