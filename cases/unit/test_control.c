/* SPDX-License-Identifier: MIT */
/*
 * test_control.c - the control socket of a router without network: requests, replies, their order.
 *
 * links: fakeigd
 */
#include "../../fakeigd/control.h"

#include "router_fixture.h"

#include "../../fakeigd/base/clock.h"
#include "../../fakeigd/forward.h"
#include "../../fakeigd/http.h"
#include "../../fakeigd/journal.h"
#include "../../fakeigd/ssdp.h"

#include <sys/socket.h>
#include <unistd.h>

/** struct controlled - a started router without interfaces, and our end of its control socket */
struct controlled {
	struct router r;
	int fd;
};

static int setup(void **state)
{
	struct controlled *f = xcalloc(1, sizeof(*f));
	struct diag d = {0};
	int ends[2], error;

	f->r.name = "unit";
	f->r.loop = loop_new();
	f->r.journal = journal_new(-1, "unit");
	f->r.source = (struct router_source){
		.profile = "conformant-igd1", .data = "fakeigd", .seed = "unit"};
	f->r.profile = profile_load("conformant-igd1", NULL, 0, "fakeigd", "unit", &d);
	assert_non_null(f->r.profile);
	assert_int_equal(router_start(&f->r, &d), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	f->r.control = control_new(&f->r, ends[0], NULL, &error);
	assert_non_null(f->r.control);
	f->fd = ends[1];
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct controlled *f = *state;

	close(f->fd);
	control_free(f->r.control);
	router_stop(&f->r);
	journal_free(f->r.journal);
	loop_free(f->r.loop);
	free(f);
	return 0;
}

static void ask(struct controlled *f, const char *request)
{
	assert_int_equal(send(f->fd, request, strlen(request), MSG_NOSIGNAL),
			 (ssize_t)strlen(request));
}

static json_t *hear(struct controlled *f)
{
	static char text[CONTROL_MESSAGE_MAX];
	ssize_t len = -1;
	json_t *reply;

	for (int i = 0; i < 20 && len < 0; i++) {
		loop_step(f->r.loop, 0);
		len = recv(f->fd, text, sizeof(text), MSG_DONTWAIT);
	}
	assert_true(len > 0);
	reply = json_loadb(text, (size_t)len, 0, NULL);
	assert_non_null(reply);
	return reply;
}

static json_t *exchange(struct controlled *f, const char *request)
{
	ask(f, request);
	return hear(f);
}

static void refusals(void **state)
{
	static const struct {
		const char *request, *error;
	} table[] = {
		{"[]", "a request is an object with \"op\""},
		{"{\"op\": 1}", "a request is an object with \"op\""},
		{"{\"op\": \"stat\"}", "unknown operation \"stat\"; did you mean \"state\"?"},
		{"{\"op\": \"state\", \"first\": -1}", "\"first\" is below 0"},
		{"{\"op\": \"advance\"}", "\"seconds\" must be a number from 0 to 1e9"},
		{"{\"op\": \"advance\", \"seconds\": -1}",
		 "\"seconds\" must be a number from 0 to 1e9"},
		{"{\"op\": \"advance\", \"seconds\": \"9\"}",
		 "\"seconds\" must be a number from 0 to 1e9"},
		{"{\"op\": \"wan\"}", "\"status\" must be \"up\" or \"down\""},
		{"{\"op\": \"renumber\", \"address\": \"44.0.1\"}",
		 "\"address\" must be an IPv4 address"},
		{"{\"op\": \"renumber\", \"address\": \"44.0.1.9\"}",
		 "cannot change the WAN address: No such device"},
		{"{\"op\": \"add-rule\"}", "\"rule\" must be an object"},
		{"{\"op\": \"add-rule\", \"rule\": {\"when\": {\"layer\": \"ssd\"}, \"drop\": "
		 "true}}",
		 "rule:1: unknown layer \"ssd\"; did you mean \"ssdp\"?"},
		{"{\"op\": \"remove-rule\", \"id\": 1}", "no rule with that \"id\" was added"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		json_t *reply = exchange(*state, table[i].request);
		const char *error = json_string_value(json_object_get(reply, "error"));

		if (json_is_true(json_object_get(reply, "ok")) || !error ||
		    strcmp(error, table[i].error) != 0)
			fail_msg("%s: %s", table[i].request, error ? error : "fine");
		json_decref(reply);
	}
}

static void not_json(void **state)
{
	static const char *const table[] = {"x", "{\"op\": \"state\"", "{\"op\": \"\xff\"}",
					    "{\"op\": \"state\", \"op\": \"state\"}"};
	struct controlled *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		json_t *reply = exchange(f, table[i]);
		const char *error = json_string_value(json_object_get(reply, "error"));

		assert_non_null(error);
		assert_int_equal(strncmp(error, "not JSON: ", 10), 0);
		json_decref(reply);
	}
}

static void fine(struct controlled *f, const char *request)
{
	json_t *reply = exchange(f, request);

	if (!json_is_true(json_object_get(reply, "ok")))
		fail_msg("%s: %s", request, json_string_value(json_object_get(reply, "error")));
	json_decref(reply);
}

static json_int_t number(struct controlled *f, const char *member)
{
	json_t *state = exchange(f, "{\"op\": \"state\"}");
	json_int_t value = json_integer_value(json_object_get(state, member));

	json_decref(state);
	return value;
}

static void put(struct controlled *f, unsigned port, uint32_t lease, const char *description)
{
	struct mapping m = {
		.external_port = (uint16_t)port,
		.protocol = IPPROTO_TCP,
		.internal_client = ip("192.168.1.4"),
		.internal_port = (uint16_t)port,
		.enabled = true,
		.description = (char *)(uintptr_t)description,
		.lease = lease,
	};

	assert_int_equal(portmap_put(f->r.portmap, &m), 0);
}

static void state_has_the_mapping(void **state)
{
	struct controlled *f = *state;
	json_t *reply, *m;

	put(f, 1872, 60, "gr\xfc\xdf");
	reply = exchange(f, "{\"op\": \"state\"}");
	m = json_array_get(json_object_get(reply, "mappings"), 0);
	assert_string_equal(json_string_value(json_object_get(m, "protocol")), "TCP");
	assert_int_equal(json_integer_value(json_object_get(m, "external_port")), 1872);
	assert_string_equal(json_string_value(json_object_get(m, "internal_client")),
			    "192.168.1.4");
	assert_string_equal(json_string_value(json_object_get(m, "remote_host")), "");
	assert_string_equal(json_string_value(json_object_get(m, "description")),
			    "gr\xc3\xbc\xc3\x9f");
	assert_int_equal(json_integer_value(json_object_get(m, "remaining")), 60);
	assert_null(json_object_get(reply, "next"));
	json_decref(reply);
	/* The reply to "advance" comes when what was due is done. */
	fine(f, "{\"op\": \"advance\", \"seconds\": 61.5}");
	assert_int_equal(number(f, "count"), 0);
}

static void long_tables_come_in_parts(void **state)
{
	struct controlled *f = *state;
	json_int_t first = 0;
	size_t seen = 0, parts = 0;

	for (unsigned port = 1; port <= 3000; port++)
		put(f, port, 0, "a description of some length");
	do {
		char request[64];
		json_t *reply, *list, *m;
		size_t i;

		snprintf(request, sizeof(request), "{\"op\": \"state\", \"first\": %lld}",
			 (long long)first);
		reply = exchange(f, request);
		list = json_object_get(reply, "mappings");
		json_array_foreach(list, i, m) assert_int_equal(
			json_integer_value(json_object_get(m, "external_port")), ++seen);
		first = json_integer_value(json_object_get(reply, "next"));
		assert_true(first == 0 || (size_t)first == seen);
		parts++;
		json_decref(reply);
	} while (first);
	assert_int_equal(seen, 3000);
	assert_true(parts > 1);
}

static void reboot_and_reset(void **state)
{
	struct controlled *f = *state;
	json_int_t boot = number(f, "boot_id");

	put(f, 1, 0, "");
	fine(f, "{\"op\": \"reset\"}");
	assert_int_equal(number(f, "count"), 0);
	assert_int_equal(number(f, "boot_id"), boot);
	put(f, 1, 0, "");
	fine(f, "{\"op\": \"reboot\"}");
	assert_int_equal(number(f, "count"), 0);
	assert_int_equal(number(f, "boot_id"), boot + 1);
	put(f, 1, 0, "");
	fine(f, "{\"op\": \"reload\"}");
	assert_int_equal(number(f, "count"), 1);
}

static void wan_goes_up_and_down(void **state)
{
	struct controlled *f = *state;

	fine(f, "{\"op\": \"wan\", \"status\": \"up\"}");
	assert_int_equal(f->r.wan_state, WAN_CONNECTED);
	fine(f, "{\"op\": \"wan\", \"status\": \"down\"}");
	assert_int_equal(f->r.wan_state, WAN_DISCONNECTED);
	assert_string_equal(f->r.wan_error, "ERROR_NO_CARRIER");
}

static void rules_come_and_go(void **state)
{
	struct controlled *f = *state;
	json_t *reply = exchange(f, "{\"op\": \"add-rule\", \"rule\": {\"when\": {\"layer\": "
				    "\"http\"}, \"delay\": \"250ms\"}}");
	char request[64];

	assert_true(rules_any(f->r.rules, RULE_HTTP));
	snprintf(request, sizeof(request), "{\"op\": \"remove-rule\", \"id\": %lld}",
		 (long long)json_integer_value(json_object_get(reply, "id")));
	json_decref(reply);
	fine(f, request);
	assert_false(rules_any(f->r.rules, RULE_HTTP));
	json_decref(exchange(f, "{\"op\": \"add-rule\", \"rule\": {\"when\": {\"layer\": "
				"\"ssdp\"}, \"drop\": true}}"));
	assert_true(rules_any(f->r.rules, RULE_SSDP));
	fine(f, "{\"op\": \"reset\"}");
	assert_false(rules_any(f->r.rules, RULE_SSDP));
}

/* Requests sent at once are answered in order, also those that have to wait. */
static void replies_in_order(void **state)
{
	struct controlled *f = *state;
	json_t *reply;

	ask(f, "{\"op\": \"sync\"}");
	ask(f, "{\"op\": \"state\"}");
	ask(f, "{\"op\": \"nothing\"}");
	reply = hear(f);
	assert_int_equal(json_object_size(reply), 1);
	json_decref(reply);
	reply = hear(f);
	assert_non_null(json_object_get(reply, "mappings"));
	json_decref(reply);
	reply = hear(f);
	assert_false(json_is_true(json_object_get(reply, "ok")));
	json_decref(reply);
}

/* "sync" is answered behind a request that a connection had sent before it. */
static void sync_waits_for_the_network(void **state)
{
	static const char get[] = "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n";
	struct controlled *f = *state;
	char text[512];
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	http_adopt(f->r.http, ends[0]);
	assert_int_equal(send(ends[1], get, strlen(get), 0), (ssize_t)strlen(get));
	fine(f, "{\"op\": \"sync\"}");
	assert_true(recv(ends[1], text, sizeof(text), MSG_DONTWAIT) > 0);
	close(ends[1]);
}

static void client_that_leaves(void **state)
{
	struct controlled *f = *state;

	ask(f, "{\"op\": \"sync\"}");
	loop_step(f->r.loop, 0);
	shutdown(f->fd, SHUT_RDWR);
	for (int i = 0; i < 5; i++)
		loop_step(f->r.loop, 0);
}

#define CONTROL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTROL_TEST(refusals),
		CONTROL_TEST(not_json),
		CONTROL_TEST(state_has_the_mapping),
		CONTROL_TEST(long_tables_come_in_parts),
		CONTROL_TEST(reboot_and_reset),
		CONTROL_TEST(wan_goes_up_and_down),
		CONTROL_TEST(rules_come_and_go),
		CONTROL_TEST(replies_in_order),
		CONTROL_TEST(sync_waits_for_the_network),
		CONTROL_TEST(client_that_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
