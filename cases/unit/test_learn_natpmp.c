/* SPDX-License-Identifier: MIT */
/*
 * test_learn_natpmp.c - NAT-PMP out of flows: policy, rules, and that fakeigd takes them.
 *
 * links: fakeigd sim
 */
#include "../../fakeigd/base/mem.h"
#include "../../fakeigd/profile.h"
#include "../../fakeigd/wire/natpmp.h"
#include "../../sim/learn.h"
#include "../../sim/rehearse.h"
#include "../../sim/replay.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROUTER	"192.168.1.1"
#define CLIENT	"192.168.1.4"
#define DATE	INT64_C(1795186541)
#define ADDRESS NATPMP_EXTERNAL_ADDRESS
#define TCP	NATPMP_MAP_TCP
#define UDP	NATPMP_MAP_UDP
#define TALKS	6
#define MAP(o, i, e, l, r, g, t)                                                                   \
	{                                                                                          \
		.opcode = o, .internal = i, .external = e, .lifetime = l, .result = r, .got = g,   \
		.granted = t                                                                       \
	}

/**
 * struct said - one request and its answer
 * @opcode, @internal, @external, @lifetime: what is asked
 * @result, @got, @granted: what is answered; @got of an address request is the address
 * @silent:	there is no answer
 * @after_ms:	until it comes
 */
struct said {
	uint8_t opcode;
	uint16_t internal, external;
	uint32_t lifetime;
	uint16_t result;
	uint32_t got, granted;
	bool silent;
	int after_ms;
};

/** @has: lines of the profile; @hasnt: a text that is not in it. Epochs run as @first, @step say.
 */
static const struct {
	struct said said[TALKS];
	size_t count;
	const char *has[3], *hasnt;
	uint32_t first, step;
} cases[] = {
	/* as asked: what the base does */
	{{MAP(TCP, 80, 8080, 60, 0, 8080, 60), MAP(TCP, 80, 8080, 0, 0, 0, 0)},
	 2,
	 {"enabled: true", "igd:\n    enabled: false"},
	 "rules:",
	 7,
	 1},
	{{MAP(UDP, 80, 0, 60, 0, 80, 60)}, 1, {"port-zero: internal"}, "unrelated", 7, 1},
	{{MAP(UDP, 80, 0, 60, 0, 50000, 60)}, 1, {"enabled: true"}, "port", 7, 1},
	{{{.opcode = UDP, .internal = 80, .external = 0, .lifetime = 60, .silent = true},
	  MAP(UDP, 80, 99, 60, 0, 99, 60)},
	 2,
	 {"port-zero: ignore"},
	 "drop",
	 7,
	 1},
	{{MAP(UDP, 80, 8080, 60, 0, 0x90, 60)}, 1, {"reply-port: low-byte"}, "unrelated", 7, 1},
	{{MAP(UDP, 80, 8080, 60, 0, 50000, 60)}, 1, {"port: unrelated"}, "state:", 7, 1},
	/* others get theirs: this one is taken */
	{{MAP(UDP, 80, 8080, 60, 0, 50000, 60), MAP(UDP, 81, 8181, 60, 0, 8181, 60)},
	 2,
	 {"external_port: 8080, protocol: UDP, internal_port: 8080, internal_client: "
	  "192.168.1.254"},
	 "unrelated",
	 7,
	 1},
	{{MAP(TCP, 80, 8080, 60, 0, 8081, 60)},
	 1,
	 {"port-taken: next", "external_port: 8080, protocol: TCP"},
	 "unrelated",
	 7,
	 1},
	/* what an endpoint has it keeps */
	{{MAP(TCP, 80, 8080, 60, 0, 8080, 60), MAP(TCP, 80, 9090, 60, 0, 8080, 60)},
	 2,
	 {"enabled: true"},
	 "state:",
	 7,
	 1},
	{{MAP(TCP, 80, 80, 9000, 0, 80, 7200), MAP(TCP, 81, 81, 60, 0, 81, 60)},
	 2,
	 {"lifetime-max: 7200"},
	 "override",
	 7,
	 1},
	{{MAP(TCP, 80, 80, 9000, 0, 80, 7200), MAP(TCP, 81, 81, 60, 0, 81, 7200)},
	 2,
	 {"lifetime-override: 7200"},
	 "max:",
	 7,
	 1},
	{{MAP(TCP, 80, 80, 900000, 0, 80, 900000)}, 1, {"lifetime-max: 900000"}, "override", 7, 1},
	{{MAP(TCP, 80, 80, 60, 0, 80, 0)},
	 1,
	 {"message: map}", "reply: {lifetime: 0}"},
	 "lifetime-max",
	 7,
	 1},
	/* refusals: of all, or of this one */
	{{MAP(TCP, 80, 80, 60, 2, 0, 0), MAP(UDP, 81, 81, 60, 2, 0, 0)},
	 2,
	 {"mapping: 2"},
	 "fault",
	 7,
	 1},
	{{MAP(TCP, 80, 80, 60, 2, 0, 0), MAP(UDP, 81, 81, 60, 0, 81, 60)},
	 2,
	 {"message: map, version: 0, opcode: 2, internal_port: 80", "fault: 2"},
	 "mapping: 2",
	 7,
	 1},
	{{{ADDRESS, .result = 3}}, 1, {"message: external-address", "fault: 3"}, "external:", 7, 1},
	{{{ADDRESS, .got = 0x0a000009}},
	 1,
	 {"external: 10.0.0.9  # exchange 1, packet 1"},
	 "rules:",
	 7,
	 1},
	{{{ADDRESS, .got = 0}}, 1, {"reply: {external_address: 0.0.0.0}"}, "external:", 7, 1},
	/* a deletion that names the port that is gone */
	{{MAP(TCP, 80, 8080, 0, 0, 8080, 0)},
	 1,
	 {"message: delete", "mapped_external_port: \"{suggested_external_port}\""},
	 "state:",
	 7,
	 1},
	/* nobody answers this one */
	{{{.opcode = TCP, .internal = 80, .external = 8080, .lifetime = 60, .silent = true},
	  {ADDRESS, .got = 0x0a000009}},
	 2,
	 {"suggested_external_port: 8080", "drop: true"},
	 "port-zero",
	 7,
	 1},
	{{{.opcode = TCP,
	   .internal = 80,
	   .external = 8080,
	   .lifetime = 60,
	   .result = 0,
	   .got = 8080,
	   .granted = 60,
	   .after_ms = 300}},
	 1,
	 {"message: map", "delay: 300ms"},
	 "fault",
	 7,
	 1},
	/* epochs, one request in 5 s */
	{{MAP(TCP, 80, 80, 60, 0, 80, 60), MAP(TCP, 80, 80, 60, 0, 80, 60)},
	 2,
	 {"epoch: constant"},
	 "wall",
	 1,
	 0},
	{{MAP(TCP, 80, 80, 60, 0, 80, 60)},
	 1,
	 {"epoch: wall-clock"},
	 "constant",
	 (uint32_t)DATE + 3,
	 5},
	{{MAP(TCP, 80, 80, 60, 0, 80, 60), MAP(TCP, 80, 80, 60, 0, 80, 60)},
	 2,
	 {"the router lost its mappings"},
	 "epoch: ",
	 900,
	 (uint32_t)-5},
};

static struct recording flow;

static int set_up(void **state)
{
	(void)state;
	flow = (struct recording){.dated = true};
	flow.router = xstrdup(ROUTER);
	flow.client = xstrdup(CLIENT);
	flow.kind = xstrdup("pcap");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	recording_free(&flow);
	return 0;
}

static void set_end(struct end_point *e, const char *address, uint16_t port)
{
	e->family = AF_INET;
	inet_pton(AF_INET, address, e->address);
	e->port = port;
}

static void answer(struct exchange *x, const struct said *s, uint32_t epoch)
{
	struct recorded_message *m = exchange_reply(x);
	struct natpmp_response a = {
		.opcode = s->opcode | NATPMP_RESPONSE,
		.result = s->result,
		.epoch = epoch,
		.internal_port = s->internal,
		.external_port = (uint16_t)s->got,
		.lifetime = s->granted,
		.external_address.s_addr = htonl(s->got),
	};

	natpmp_build_response(&m->bytes, &a);
	m->time_ns = m->end_ns = x->request.time_ns + 1000 + s->after_ms * INT64_C(1000000);
	m->first = x->request.first;
	set_end(&m->from, ROUTER, NATPMP_PORT);
}

/* Every 5 s one. */
static void record(const struct said *s, uint32_t epoch)
{
	struct exchange *x = recording_add(&flow);
	struct natpmp_request q = {
		.opcode = s->opcode,
		.internal_port = s->internal,
		.suggested_external_port = s->external,
		.lifetime = s->lifetime,
	};

	x->protocol = FLOW_NATPMP;
	x->has_request = true;
	x->connection = -1;
	natpmp_build_request(&x->request.bytes, &q);
	x->request.time_ns = x->request.end_ns = (DATE + 5 * (int64_t)flow.count) * 1000000000;
	x->request.first = flow.count;
	set_end(&x->request.from, CLIENT, 50000);
	set_end(&x->request.to, ROUTER, NATPMP_PORT);
	if (!s->silent)
		answer(x, s, epoch);
}

static void announce(uint16_t port)
{
	struct exchange *x = recording_add(&flow);
	struct natpmp_response a = {.opcode = NATPMP_RESPONSE};

	inet_pton(AF_INET, "10.9.8.7", &a.external_address);
	x->protocol = FLOW_NATPMP;
	x->has_request = x->from_router = true;
	natpmp_build_response(&x->request.bytes, &a);
	x->request.time_ns = x->request.end_ns = DATE * 1000000000;
	set_end(&x->request.from, ROUTER, NATPMP_PORT);
	set_end(&x->request.to, NATPMP_GROUP, port);
}

static struct learned learned_now(void)
{
	struct learn_options options = {.flow = "test.flow.json"};
	struct diag d = {0};
	struct profile *p;
	struct learned l;

	if (learn(&flow, &options, &l, &d))
		fail_msg("%s", d.text.data);
	p = profile_load_text("learned.yaml", l.profile.data, l.profile.len, "fakeigd", "seed", &d);
	if (!p)
		fail_msg("%s\n%s", d.text.data, l.profile.data);
	profile_free(p);
	return l;
}

static void each_answer_has_its_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct learned l;

		for (size_t n = 0; n < cases[i].count; n++)
			record(&cases[i].said[n], cases[i].first + (uint32_t)n * cases[i].step);
		l = learned_now();
		for (size_t n = 0; n < ARRAY_SIZE(cases[i].has) && cases[i].has[n]; n++)
			if (!strstr(l.profile.data, cases[i].has[n]))
				fail_msg("case %zu: no \"%s\" in\n%s", i, cases[i].has[n],
					 l.profile.data);
		if (strstr(l.profile.data, cases[i].hasnt))
			fail_msg("case %zu: \"%s\" in\n%s", i, cases[i].hasnt, l.profile.data);
		learned_free(&l);
		tear_down(NULL);
		set_up(NULL);
	}
}

static void announcements_have_a_port_and_an_address(void **state)
{
	struct learned l;

	(void)state;
	announce(NATPMP_PORT);
	l = learned_now();
	assert_non_null(strstr(l.profile.data, "announce-port: 5351"));
	assert_non_null(strstr(l.profile.data, "external: 10.9.8.7"));
	learned_free(&l);
	announce(NATPMP_ANNOUNCE_PORT);
	l = learned_now();
	assert_non_null(strstr(l.profile.data, "announce-port: both"));
	learned_free(&l);
}

static void what_nothing_explains_is_taken_word_for_word(void **state)
{
	const struct said odd = MAP(TCP, 80, 8080, 60, 4, 9, 77);
	const size_t exact[] = {1};
	struct learn_options options = {.flow = "f", .exact = exact, .exact_count = 1};
	struct buf quirk = {0};
	struct diag d = {0};
	struct learned l;

	(void)state;
	record(&odd, 5);
	record(&odd, 5);
	assert_int_equal(learn(&flow, &options, &l, &d), 0);
	assert_non_null(strstr(l.profile.data,
			       "lifetime: 60, nth: 2}  # exchange 2, packet 2\n"
			       "    reply: {version: 0, opcode: 130, result: 4, internal_port: 80, "
			       "mapped_external_port: 9, lifetime: 77}"));
	learned_free(&l);
	learn_answers(&flow, ROUTER, &quirk);
	assert_non_null(strstr(quirk.data, "policy: {natpmp: {enabled: true}}"));
	assert_non_null(strstr(quirk.data, "lifetime: 60, nth: 1}"));
	buf_free(&quirk);
}

static struct replay_match matched(const struct said *s, uint32_t epoch)
{
	struct substitutions none = {0};
	struct replay_match m;
	struct exchange live;

	record(s, epoch);
	live = flow.exchanges[--flow.count];
	replay_match(&flow, &live, &none, false, &m);
	exchange_free(&live);
	return m;
}

static void answers_are_found_by_their_fields(void **state)
{
	const struct said first = MAP(TCP, 80, 8080, 60, 0, 8080, 60),
			  second = MAP(TCP, 81, 8181, 60, 0, 8181, 60);
	struct said other = MAP(TCP, 81, 8181, 60, 0, 8181, 30),
		    never = MAP(TCP, 81, 8181, 61, 0, 8181, 61);
	struct replay_match m;

	(void)state;
	record(&first, 5);
	record(&second, 6);
	m = matched(&second, 9);
	assert_int_equal(m.source, REPLAY_FLOW);
	assert_int_equal(m.recorded, 1);
	m = matched(&other, 9);
	assert_int_equal(m.source, REPLAY_BEYOND);
	assert_int_equal(m.recorded, 1);
	assert_string_equal(m.why, "argument lifetime: \"60\" became \"30\"");
	free(m.why);
	m = matched(&never, 9);
	assert_int_equal(m.recorded, -1);
	free(m.why);
}

static void epochs_are_not_compared(void **state)
{
	static const struct {
		const char a[17], b[17];
		size_t a_len, b_len;
		bool same;
	} pairs[] = {
		{"\0\202\0\0....01234567", "\0\202\0\0,,,,01234567", 16, 16, true},
		{"\0\202\0\0....01234567", "\0\202\0\0....01234560", 16, 16, false},
		{"\0\202\0\1....01234567", "\0\202\0\0....01234567", 16, 16, false},
		{"\0\211\0\5", "\0\211\0\5", 4, 4, true},
		{"\0\211\0\5", "\0\211\0\5....", 4, 8, false},
		{"\0\211\0\5", "\0\211\0\4", 4, 4, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		char *why = compare_answers(FLOW_NATPMP, (struct slice){pairs[i].a, pairs[i].a_len},
					    (struct slice){pairs[i].b, pairs[i].b_len}, false);

		assert_int_equal(!why, pairs[i].same);
		free(why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_answer_has_its_reason, set_up, tear_down),
		cmocka_unit_test_setup_teardown(announcements_have_a_port_and_an_address, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_nothing_explains_is_taken_word_for_word,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(answers_are_found_by_their_fields, set_up,
						tear_down),
		cmocka_unit_test(epochs_are_not_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
