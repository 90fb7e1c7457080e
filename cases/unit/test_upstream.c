/* SPDX-License-Identifier: MIT */
/*
 * test_upstream.c - the router as a client of a PCP server (RFC 6887 clauses 8.1, 8.5, 11,
 * 13, 14.1; RFC 7220): what it sends and when, what it takes for an answer, what it says about the
 * epoch. The server is a socket of the test on the loopback interface, the clock the lab's.
 *
 * links: fakeigd
 */
#include "upstream_fixture.h"

struct asker {
	struct up up;
	unsigned answered; /* callbacks so far */
	struct upstream_result result;
	struct upstream_watch watch;
	unsigned lost;
};

static void note(void *arg, const struct upstream_result *result)
{
	struct asker *a = arg;

	a->answered++;
	a->result = *result;
}

static void note_lost(void *arg, const char *why)
{
	(void)why;
	((struct asker *)arg)->lost++;
}

static int setup(void **state)
{
	struct asker *a = calloc(1, sizeof(*a));

	up_start(&a->up, "conformant-interworking");
	a->watch.fn = note_lost;
	a->watch.arg = a;
	upstream_watch(a->up.f.r.upstream, &a->watch);
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	struct asker *a = *state;

	up_stop(&a->up);
	free(a);
	return 0;
}

static const struct upstream_map plain = {
	.protocol = IPPROTO_TCP, .internal_port = 1872, .port = 1872, .lifetime = 600};

static void assert_v4(const struct in6_addr *address, const char *text)
{
	struct in_addr v4;

	assert_true(pcp_address_is_v4(address, &v4));
	assert_int_equal(v4.s_addr, ip(text).s_addr);
}

static void a_request_says_all(void **state)
{
	struct asker *a = *state;
	struct up *up = &a->up;
	struct upstream_map map = plain;
	struct pcp_option option;
	struct pcp_filter filter;

	map.prefer_failure = true;
	map.filter = (struct pcp_filter){128, 0, pcp_address_from_v4(ip("44.0.1.10"))};
	map.description = "a game";
	upstream_map(up->f.r.upstream, &map, note, a);
	assert_true(asked(up));
	assert_int_equal(up->m.opcode, PCP_MAP);
	assert_int_equal(up->m.protocol, IPPROTO_TCP);
	assert_int_equal(up->m.internal_port, 1872);
	assert_int_equal(up->m.external_port, 1872);
	assert_int_equal(up->m.lifetime, 600);
	assert_v4(&up->m.client, "127.0.0.1");
	assert_v4(&up->m.external_address, "0.0.0.0");
	assert_true(pcp_find_option(up->m.options, PCP_OPTION_PREFER_FAILURE, &option));
	assert_true(pcp_find_option(up->m.options, PCP_OPTION_FILTER, &option));
	assert_true(pcp_read_filter(&option, &filter) && filter.prefix == 128);
	assert_true(pcp_find_option(up->m.options, PCP_OPTION_DESCRIPTION, &option));
	assert_true(slice_eq(option.data, "a game"));
	assert_false(asked(up));
	assert_int_equal(a->answered, 0);
}

static void no_option_is_sent_unasked(void **state)
{
	struct asker *a = *state;
	struct up *up = &a->up;

	upstream_map(up->f.r.upstream, &plain, note, a);
	assert_true(asked(up));
	assert_int_equal(up->m.options.len, 0);
}

static void a_description_is_cut_to_fit(void **state)
{
	struct asker *a = *state;
	struct up *up = &a->up;
	struct upstream_map map = plain;
	char text[1201];

	for (size_t i = 0; i < 1200; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	text[1200] = '\0';
	map.prefer_failure = true;
	map.description = text;
	upstream_map(up->f.r.upstream, &map, note, a);
	assert_true(asked(up));
	assert_true(up->len <= PCP_MESSAGE_MAX && up->len > PCP_MESSAGE_MAX - 8);
}

static void nonces_belong_to_a_mapping(void **state)
{
	struct asker *a = *state;
	struct up *up = &a->up;
	struct upstream_map map = plain;
	uint8_t first[PCP_NONCE_LEN];

	upstream_map(up->f.r.upstream, &map, note, a);
	assert_true(asked(up));
	memcpy(first, up->m.nonce, sizeof(first));
	map.lifetime = 0;
	upstream_map(up->f.r.upstream, &map, note, a);
	assert_true(asked(up));
	assert_memory_equal(up->m.nonce, first, sizeof(first));
	map.internal_port = 1873;
	upstream_map(up->f.r.upstream, &map, note, a);
	assert_true(asked(up));
	assert_memory_not_equal(up->m.nonce, first, sizeof(first));
	map.nonce = first;
	upstream_map(up->f.r.upstream, &map, note, a);
	assert_true(asked(up));
	assert_memory_equal(up->m.nonce, first, sizeof(first));
}

static void a_success_is_told(void **state)
{
	struct asker *a = *state;
	struct up *up = &a->up;
	struct pcp_message m;

	upstream_map(up->f.r.upstream, &plain, note, a);
	assert_true(asked(up));
	m = success(up, 1000);
	reply(up, &m);
	assert_int_equal(a->answered, 1);
	assert_int_equal(a->result.outcome, UPSTREAM_GRANTED);
	assert_int_equal(a->result.port, 6598);
	assert_int_equal(a->result.lifetime, 120);
	assert_int_equal(a->result.epoch, 1000);
	assert_v4(&a->result.address, "44.0.1.9");
	fixture_advance(&up->f, 100);
	assert_false(asked(up));
	reply(up, &m); /* once more, unasked */
	assert_int_equal(a->answered, 1);
}

static void refusals_have_a_lifetime(void **state)
{
	static const struct {
		uint8_t code;
		uint32_t told, meant;
	} rows[] = {
		{PCP_NOT_AUTHORIZED, 60, 60},	     {PCP_NOT_AUTHORIZED, 0, 1800},
		{PCP_NO_RESOURCES, 0, 30},	     {PCP_NOT_AUTHORIZED, 99999, 1800},
		{PCP_CANNOT_PROVIDE_EXTERNAL, 7, 7},
	};
	struct asker *a = *state;
	struct up *up = &a->up;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pcp_message m;

		upstream_map(up->f.r.upstream, &plain, note, a);
		assert_true(asked(up));
		m = success(up, 1000);
		m.result = rows[i].code;
		m.lifetime = rows[i].told;
		reply(up, &m);
		assert_row(i, a->answered, i + 1);
		assert_row(i, a->result.outcome, UPSTREAM_REFUSED);
		assert_row(i, a->result.code, rows[i].code);
		assert_row(i, a->result.lifetime, rows[i].meant);
	}
}

static void others_answers_are_dropped(void **state)
{
	struct asker *a = *state;
	struct up *up = &a->up;
	struct pcp_message good, bad;

	upstream_map(up->f.r.upstream, &plain, note, a);
	assert_true(asked(up));
	good = success(up, 1000);
	bad = good;
	bad.nonce[11] ^= 1;
	reply(up, &bad);
	bad = good;
	bad.protocol = IPPROTO_UDP;
	reply(up, &bad);
	bad = good;
	bad.internal_port++;
	reply(up, &bad);
	bad = good;
	bad.opcode = PCP_ANNOUNCE;
	reply(up, &bad);
	sendto(up->server, "\2\x81", 2, 0, (struct sockaddr *)&up->from, sizeof(up->from));
	loop_step(up->f.r.loop, 0);
	assert_int_equal(a->answered, 0);
	reply(up, &good);
	assert_int_equal(a->answered, 1);
}

static void another_version_refuses_everything(void **state)
{
	static const char natpmp[8] = {0, (char)0x80, 0, 1, 0, 0, 0, 9};
	struct asker *a = *state;
	struct up *up = &a->up;
	struct upstream_map other = plain;

	other.internal_port = 1;
	upstream_map(up->f.r.upstream, &plain, note, a);
	upstream_map(up->f.r.upstream, &other, note, a);
	assert_true(asked(up));
	sendto(up->server, natpmp, sizeof(natpmp), 0, (struct sockaddr *)&up->from,
	       sizeof(up->from));
	loop_step(up->f.r.loop, 0);
	loop_step(up->f.r.loop, 0);
	assert_int_equal(a->answered, 2);
	assert_int_equal(a->result.outcome, UPSTREAM_REFUSED);
	assert_int_equal(a->result.code, PCP_UNSUPP_VERSION);
}

/* Clause 8.1.1: 3 s, then twice the last gap, each a tenth more or less; looked at every tenth of a
 * second. */
static void silence_is_asked_again_and_ends(void **state)
{
	struct asker *a = *state;
	struct up *up = &a->up;
	double gap = 0, last = 1.5;
	unsigned sent = 0, steps = 0;

	upstream_map(up->f.r.upstream, &plain, note, a);
	assert_true(asked(up));
	for (; !a->answered && steps < 1000; steps++) {
		fixture_advance(&up->f, 0.1);
		gap += 0.1;
		if (!asked(up))
			continue;
		assert_true(gap > 1.8 * last - 0.3 && gap < 2.2 * last + 0.3);
		last = gap;
		gap = 0;
		sent++;
	}
	assert_in_range(sent, 2, 3);
	assert_in_range(steps, 249, 251);
	assert_int_equal(a->result.outcome, UPSTREAM_SILENT);
	fixture_advance(&up->f, 100);
	assert_false(asked(up));
	assert_int_equal(a->answered, 1);
}

static void gaps_stay_below_the_maximum(void **state)
{
	struct asker *a = *state;
	struct up *up = &a->up;
	unsigned sent = 0;

	up->f.r.profile->upstream.maximum_us = 4 * CLOCK_SECOND;
	up->f.r.profile->upstream.answer_us = 60 * CLOCK_SECOND;
	upstream_map(up->f.r.upstream, &plain, note, a);
	assert_true(asked(up));
	for (int i = 0; i < 11; i++) {
		fixture_advance(&up->f, 4.5);
		sent += asked(up);
	}
	assert_in_range(sent, 10, 11);
}

static void nobody_there_is_silence_at_once(void **state)
{
	struct asker *a = *state;
	struct up *up = &a->up;

	close(up->server);
	upstream_map(up->f.r.upstream, &plain, note, a);
	assert_int_equal(a->answered, 0);
	for (int i = 0; i < 4; i++)
		loop_step(up->f.r.loop, 100000);
	assert_int_equal(a->answered, 1);
	assert_int_equal(a->result.outcome, UPSTREAM_SILENT);
	up->server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static void a_cancelled_request_is_not_told(void **state)
{
	struct asker *a = *state;
	struct up *up = &a->up;
	struct upstream_call *call = upstream_map(up->f.r.upstream, &plain, note, a);
	struct pcp_message m;

	assert_true(asked(up));
	m = success(up, 1000);
	upstream_cancel(call);
	reply(up, &m);
	fixture_advance(&up->f, 100);
	assert_int_equal(a->answered, 0);
	assert_false(asked(up));
}

static void the_end_cancels_what_waits(void **state)
{
	struct asker *a = *state;
	struct up *up = &a->up;

	upstream_map(up->f.r.upstream, &plain, note, a);
	upstream_announce(up->f.r.upstream, note, a);
	upstream_free(up->f.r.upstream);
	up->f.r.upstream = NULL;
	assert_int_equal(a->answered, 2);
	assert_int_equal(a->result.outcome, UPSTREAM_CANCELLED);
}

/* One exchange after which the server's seconds are @epoch. */
static void exchange(struct asker *a, uint32_t epoch)
{
	struct up *up = &a->up;
	struct pcp_message m;

	upstream_announce(up->f.r.upstream, note, a);
	assert_true(asked(up));
	assert_int_equal(up->m.opcode, PCP_ANNOUNCE);
	m = success(up, epoch);
	reply(up, &m);
}

static void an_epoch_that_starts_anew_is_told(void **state)
{
	struct asker *a = *state;
	struct up *up = &a->up;

	exchange(a, 1000);
	fixture_advance(&up->f, 100);
	exchange(a, 1100);
	assert_int_equal(a->lost, 0);
	fixture_advance(&up->f, 10);
	exchange(a, 3);
	assert_int_equal(a->lost, 1);
	assert_int_equal(a->answered, 3);
	fixture_advance(&up->f, 10);
	exchange(a, 13);
	assert_int_equal(a->lost, 1);
}

static void announcement(struct up *up, const char *from, uint16_t port, uint8_t opcode)
{
	struct sockaddr_in sender = {
		.sin_family = AF_INET, .sin_addr = ip(from), .sin_port = htons(port)};
	const struct pcp_message m = {.version = 2, .opcode = opcode, .response = true, .epoch = 1};
	struct buf out = {0};

	pcp_build_response(&out, &m);
	upstream_read_announcement(up->f.r.upstream, &sender, buf_slice(&out));
	buf_free(&out);
}

static void an_announcement_counts_from_the_server_alone(void **state)
{
	struct asker *a = *state;
	struct up *up = &a->up;
	uint16_t port = up->f.r.profile->upstream.port;

	announcement(up, "127.0.0.2", port, PCP_ANNOUNCE);
	announcement(up, "127.0.0.1", (uint16_t)(port + 1), PCP_ANNOUNCE);
	announcement(up, "127.0.0.1", port, PCP_MAP);
	assert_int_equal(a->lost, 0);
	announcement(up, "127.0.0.1", port, PCP_ANNOUNCE);
	assert_int_equal(a->lost, 1);
	upstream_unwatch(up->f.r.upstream, &a->watch);
	announcement(up, "127.0.0.1", port, PCP_ANNOUNCE);
	assert_int_equal(a->lost, 1);
}

static int second_server(const struct up *up)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr = ip("127.0.0.2"),
				 .sin_port = htons(up->f.r.profile->upstream.port)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* RFC 7648 clause 3.6 (PCPX-33); each server has an epoch of its own. */
static void each_client_has_one_of_several_servers(void **state)
{
	struct asker *a = *state;
	struct up *up = &a->up;
	struct profile_upstream *p = &up->f.r.profile->upstream;
	struct upstream_map map = plain;
	struct pcp_message m;
	int first = up->server, second = second_server(up);

	p->server[1] = ip("127.0.0.2");
	p->servers = 2;
	upstream_reload(up->f.r.upstream);
	map.client = ip("192.168.1.5");
	upstream_map(up->f.r.upstream, &map, note, a);
	assert_false(asked(up));
	up->server = second;
	assert_true(asked(up));
	m = success(up, 1000000);
	reply(up, &m);
	map.client = ip("192.168.1.4");
	upstream_map(up->f.r.upstream, &map, note, a);
	assert_false(asked(up));
	up->server = first;
	assert_true(asked(up));
	m = success(up, 5);
	reply(up, &m);
	assert_int_equal(a->answered, 2);
	assert_int_equal(a->lost, 0);
	announcement(up, "127.0.0.2", p->port, PCP_ANNOUNCE);
	assert_int_equal(a->lost, 1);
	map.client = ip("192.168.1.5");
	upstream_map(up->f.r.upstream, &map, note, a);
	p->servers = 1;
	upstream_reload(up->f.r.upstream);
	assert_int_equal(a->answered, 3);
	assert_int_equal(a->result.outcome, UPSTREAM_CANCELLED);
	upstream_map(up->f.r.upstream, &map, note, a);
	assert_true(asked(up));
	close(second);
}

/* RFC 6970 clause 5.1 (IWF-24). */
static void nobody_is_asked_without_address_or_server(void **state)
{
	struct asker *a = *state;
	struct up *up = &a->up;
	struct router *r = &up->f.r;

	assert_true(upstream_is_ready(r->upstream));
	r->wan.address = ip("");
	assert_false(upstream_is_ready(r->upstream));
	r->wan.address = ip("127.0.0.1");
	r->wan_state = WAN_DISCONNECTED;
	assert_false(upstream_is_ready(r->upstream));
	r->wan_state = WAN_CONNECTED;
	r->profile->upstream.server[0] = ip(""); /* the loopback interface has no default route */
	assert_false(upstream_is_ready(r->upstream));
	assert_false(upstream_is_ready(NULL));
}

static void another_address_starts_over(void **state)
{
	struct asker *a = *state;
	struct up *up = &a->up;

	upstream_map(up->f.r.upstream, &plain, note, a);
	assert_true(asked(up));
	up->f.r.wan.address = ip("127.0.0.5");
	upstream_notice(up->f.r.upstream);
	assert_int_equal(a->lost, 1);
	loop_step(up->f.r.loop, 0);
	assert_int_equal(a->answered, 1);
	assert_int_equal(a->result.outcome, UPSTREAM_SILENT);
	upstream_map(up->f.r.upstream, &plain, note, a);
	assert_true(asked(up));
	assert_int_equal(up->from.sin_addr.s_addr, ip("127.0.0.5").s_addr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_request_says_all),
		TEST(no_option_is_sent_unasked),
		TEST(a_description_is_cut_to_fit),
		TEST(nonces_belong_to_a_mapping),
		TEST(a_success_is_told),
		TEST(refusals_have_a_lifetime),
		TEST(others_answers_are_dropped),
		TEST(another_version_refuses_everything),
		TEST(silence_is_asked_again_and_ends),
		TEST(gaps_stay_below_the_maximum),
		TEST(nobody_there_is_silence_at_once),
		TEST(a_cancelled_request_is_not_told),
		TEST(the_end_cancels_what_waits),
		TEST(an_epoch_that_starts_anew_is_told),
		TEST(an_announcement_counts_from_the_server_alone),
		TEST(each_client_has_one_of_several_servers),
		TEST(nobody_is_asked_without_address_or_server),
		TEST(another_address_starts_over),
	};

	return cmocka_run_group_tests(tests, up_namespace, NULL);
}
