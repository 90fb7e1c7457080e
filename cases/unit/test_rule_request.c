/* SPDX-License-Identifier: MIT */
/*
 * test_rule_request.c - rules that look at the request as it came, rewrite it, or bend the bytes of
 * what is answered.
 *
 * links: fakeigd
 */
#include "../../fakeigd/base/clock.h"
#include "../../fakeigd/head_edit.h"
#include "../../fakeigd/rule.h"
#include "../../fakeigd/wire/http.h"
#include "../../fakeigd/wire/soap.h"
#include "unit.h"

#include <arpa/inet.h>

static struct rules *rules_of(const char *text)
{
	struct diag d = {0};
	struct doc *doc = doc_load_text(text, strlen(text), "r.yaml", &d);
	struct rules *rules = doc ? rules_new(doc, &d) : NULL;

	if (!rules)
		fail_msg("%s: %s", text, d.text.data);
	doc_free(doc);
	return rules;
}

static const char request_head[] = "POST /control HTTP/1.0\r\n"
				   "Host: 192.168.1.1\r\n"
				   "SOAPAction: \"x\"\r\n"
				   "Content-Length: 5\r\n"
				   "\r\n";

/* Conditions against a POST of five bytes in two segments, the third of its connection. */
static const struct {
	const char *when;
	bool matches;
} conditions[] = {
	{"{body: hello}", true},
	{"{body: \"*ell*\"}", true},
	{"{body: \"!*ell*\"}", false},
	{"{body: {length: 5}}", true},
	{"{body: {length: \"6-\"}}", false},
	{"{segments: 2}", true},
	{"{segments: \"2-\"}", true},
	{"{segments: 1}", false},
	{"{on-connection: 3}", true},
	{"{on-connection: [1, 2]}", false},
	{"{port: 5000}", true},
	{"{port: 80}", false},
	{"{from-port: 1900}", true},
	{"{from-port: \"1024-1899\"}", false},
	{"{version: \"1.0\"}", true},
	{"{version: \"!1.0\"}", false},
	{"{complete: true}", true},
	{"{complete: false}", false},
	{"{header-order: [host, content-length]}", true},
	{"{header-order: [content-length, host]}", false},
	{"{header-order: [host, user-agent]}", false},
	{"{service: \"*:WANIPConn2\"}", true},
	{"{service: \"*:WANIPConn1\"}", false},
	{"{holds: {external_port: 80, protocol: TCP}}", false},
};

static bool matches(const char *when)
{
	char *text = xasprintf("[{when: {layer: http, %s, close: yes}]", when + 1);
	struct rules *rules = rules_of(text);
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(1900)};
	struct rule_request request = {
		.body = slice_of("hello"), .port = 5000, .segments = 2, .on_connection = 3};
	struct rule_event event = {.layer = RULE_HTTP,
				   .message = "post",
				   .service = "urn:upnp-org:serviceId:WANIPConn2",
				   .request = &request,
				   .from = (const struct sockaddr *)&from};
	struct http_head head;
	struct effects e;
	size_t used;

	assert_int_equal(http_parse_head(request_head, strlen(request_head), &head, &used),
			 HTTP_OK);
	event.head = &head;
	effects_init(&e);
	rules_apply(rules, NULL, &event, &e);
	rules_free(rules);
	free(text);
	return e.close;
}

static void requests_are_matched(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(conditions); i++)
		if (matches(conditions[i].when) != conditions[i].matches)
			fail_msg("%s", conditions[i].when);
}

/* Without a request (a NOTIFY of ours) none of these conditions holds. */
static void what_is_not_there_does_not_match(void **state)
{
	static const char *const whens[] = {"{segments: \"0-\"}", "{port: \"0-\"}",
					    "{body: \"*\"}",	  "{complete: true}",
					    "{version: \"1.1\"}", "{header-order: [host]}",
					    "{from-port: \"0-\"}"};
	struct rule_event event = {.layer = RULE_SSDP, .message = "alive"};
	struct effects e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(whens); i++) {
		char *text = xasprintf("[{when: {layer: ssdp, %s, drop: yes}]", whens[i] + 1);
		struct rules *rules = rules_of(text);

		effects_init(&e);
		rules_apply(rules, NULL, &event, &e);
		if (e.drop)
			fail_msg("%s", whens[i]);
		rules_free(rules);
		free(text);
	}
}

static bool applies(struct rules *rules, const char *action)
{
	struct rule_event event = {.layer = RULE_SOAP, .message = "request", .action = action};
	struct effects e;

	effects_init(&e);
	rules_apply(rules, NULL, &event, &e);
	return e.fault;
}

static void soon_after_the_last_one(void **state)
{
	struct rules *rules = rules_of("[{when: {action: Get, within: 500ms}, fault: 501}]");

	(void)state;
	assert_false(applies(rules, "Get"));
	assert_true(applies(rules, "Get"));
	assert_false(applies(rules, "Other"));
	assert_true(applies(rules, "Get"));
	clock_advance(CLOCK_SECOND);
	assert_false(applies(rules, "Get"));
	rules_rewind(rules);
	assert_false(applies(rules, "Get"));
	rules_free(rules);
}

static void soon_after_another_action(void **state)
{
	struct rules *rules = rules_of("[{when: {action: AddPortMapping, after: {action: "
				       "DeletePortMapping, within: 3s}}, fault: 501}]");

	(void)state;
	assert_false(applies(rules, "AddPortMapping"));
	assert_false(applies(rules, "DeletePortMapping"));
	assert_true(applies(rules, "AddPortMapping"));
	clock_advance(4 * CLOCK_SECOND);
	assert_false(applies(rules, "AddPortMapping"));
	rules_free(rules);
}

static const struct {
	const char *steps;
	const char *before; /* NULL = absent */
	const char *after;
} rewrites[] = {
	{"81", "80", "81"},
	{"81", NULL, "81"},
	{"~", "80", NULL},
	{"~", NULL, NULL},
	{"\"{from}:{NewOther}\"", "x", "192.168.1.4:o"},
	{"\"{nothing}\"", "x", "{nothing}"},
	{"{modulo: 256}", "4711", "103"},
	{"{modulo: 256}", "many", "many"},
	{"{add: -1}", "4711", "4710"},
	{"{min: 120}", "60", "120"},
	{"{min: 120}", "600", "600"},
	{"{max: 3600}", "7200", "3600"},
	{"{cut: 3}", "igdlab", "igd"},
	{"{cut: 30}", "igdlab", "igdlab"},
	{"{case: upper}", "Tcp", "TCP"},
	{"{case: lower}", "Tcp", "tcp"},
	{"{if-empty: \"{from}\"}", "", "192.168.1.4"},
	{"{if-empty: \"{from}\"}", "10.0.0.1", "10.0.0.1"},
	{"{case: upper}", NULL, NULL},
	{"{add: 1, modulo: 10}", "9", "0"},
	{"{modulo: 10, add: 1}", "9", "10"},
};

static void arguments_are_rewritten(void **state)
{
	struct sockaddr_in from = {.sin_family = AF_INET};

	(void)state;
	inet_pton(AF_INET, "192.168.1.4", &from.sin_addr);
	for (size_t i = 0; i < ARRAY_SIZE(rewrites); i++) {
		char *text =
			xasprintf("[{when: {action: A}, rewrite: {NewX: %s}}]", rewrites[i].steps);
		struct rules *rules = rules_of(text);
		struct soap_message m = {.names = {"NewOther", "NewX"},
					 .values = {"o", rewrites[i].before},
					 .count = rewrites[i].before ? 2 : 1};
		struct rule_event event = {.layer = RULE_SOAP,
					   .message = "request",
					   .action = "A",
					   .arguments = &m,
					   .from = (const struct sockaddr *)&from};
		struct rewritten owned = {0};
		struct effects e;
		const char *got;

		effects_init(&e);
		rules_apply(rules, NULL, &event, &e);
		rules_rewrite(&e, NULL, &event, &m, &owned);
		got = soap_value(&m, "NewX");
		if (!got != !rewrites[i].after || (got && strcmp(got, rewrites[i].after)))
			fail_msg("%s of %s: %s", rewrites[i].steps, rewrites[i].before, got);
		assert_string_equal(soap_value(&m, "NewOther"), "o");
		rewritten_free(&owned);
		rules_free(rules);
		free(text);
	}
}

#define HEAD "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\na: 3\r\n\r\n"

static const struct {
	const char *name, *value;
	const char *result;
} edits[] = {
	{"C", "3", "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\na: 3\r\nC: 3\r\n\r\n"},
	{"B", "x", "HTTP/1.1 200 OK\r\nA: 1\r\nB: x\r\na: 3\r\n\r\n"},
	{"a", "x", "HTTP/1.1 200 OK\r\na: x\r\nB: 2\r\n\r\n"},
	{"A", NULL, "HTTP/1.1 200 OK\r\nB: 2\r\n\r\n"},
	{"C", NULL, HEAD},
	{"HTTP/1.1", NULL, HEAD},
	{"B", "x\r\nInjected: 1", "HTTP/1.1 200 OK\r\nA: 1\r\nB: x\r\nInjected: 1\r\na: 3\r\n\r\n"},
};

static void heads_are_edited(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		struct buf message = {0};
		struct effects e;
		size_t head;

		effects_init(&e);
		e.header_name[0] = edits[i].name;
		e.header_value[0] = edits[i].value;
		e.headers = 1;
		buf_puts(&message, HEAD "body A: 1\r\n");
		head = head_edit(&message, strlen(HEAD), &e);
		assert_int_equal(head, strlen(edits[i].result));
		assert_memory_equal(message.data, edits[i].result, head);
		assert_string_equal(message.data + head, "body A: 1\r\n");
		buf_free(&message);
	}
}

static void bodies_are_edited(void **state)
{
	struct buf body = {0};
	struct effects e;

	(void)state;
	effects_init(&e);
	e.replace[0] = ":1<";
	e.replace_by[0] = ":22<";
	e.replace[1] = "nowhere";
	e.replace_by[1] = "x";
	e.replaces = 2;
	buf_puts(&body, "a:1<b:1<");
	body_replace(&body, &e);
	assert_string_equal(body.data, "a:22<b:22<");
	buf_reset(&body);
	body_replace(&body, &e);
	assert_int_equal(body.len, 0);
	buf_free(&body);
}

static void lengths_are_cut(void **state)
{
	struct effects e;

	(void)state;
	effects_init(&e);
	assert_int_equal(effects_length(&e, 10), 10);
	assert_false(effects_cut(&e));
	e.truncate_end = 4;
	assert_int_equal(effects_length(&e, 10), 6);
	assert_int_equal(effects_length(&e, 3), 0);
	e.truncate = 5;
	assert_int_equal(effects_length(&e, 10), 1);
	assert_true(effects_cut(&e));
}

/* Lists of several rules add up to their limits, and no further. */
static void lists_add_up(void **state)
{
	struct buf text = {0};
	struct rule_event event = {.layer = RULE_SSDP, .message = "reply"};
	struct rules *rules;
	struct effects e;

	(void)state;
	buf_puts(&text, "[");
	for (int i = 0; i < 12; i++)
		buf_printf(&text,
			   "%s{when: {message: reply}, header: {H%d: x}, replace: {t%d: x}, "
			   "also: [{raw: x}], rewrite: {A: b}}",
			   i ? ", " : "", i, i);
	buf_puts(&text, "]");
	rules = rules_of(text.data);
	effects_init(&e);
	rules_apply(rules, NULL, &event, &e);
	assert_int_equal(e.headers, EFFECT_HEADERS_MAX);
	assert_int_equal(e.replaces, EFFECT_REPLACES_MAX);
	assert_int_equal(e.alsos, EFFECT_ALSO_MAX);
	assert_int_equal(e.rewrites, EFFECT_REWRITES_MAX);
	assert_string_equal(e.header_name[0], "H0");
	rules_free(rules);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_matched),
		cmocka_unit_test(what_is_not_there_does_not_match),
		cmocka_unit_test(soon_after_the_last_one),
		cmocka_unit_test(soon_after_another_action),
		cmocka_unit_test(arguments_are_rewritten),
		cmocka_unit_test(heads_are_edited),
		cmocka_unit_test(bodies_are_edited),
		cmocka_unit_test(lengths_are_cut),
		cmocka_unit_test(lists_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
