/* SPDX-License-Identifier: MIT */
/*
 * test_pcp.c - PCP datagrams and their options both ways (RFC 6887 clauses 7, 11 to 14, RFC 7220,
 * RFC 7225, RFC 7753).
 */
#include "../../fakeigd/wire/pcp.h"

#include "unit.h"

#include <arpa/inet.h>

#define ZERO4		       "\0\0\0\0"
#define ZERO12		       ZERO4 ZERO4 ZERO4
#define V4HEAD		       "\0\0\0\0\0\0\0\0\0\0\xff\xff"
#define CLIENT		       V4HEAD "\xc0\xa8\1\2"
#define NONCE		       "abcdefghijkl"
#define HEAD(opcode, lifetime) "\2" opcode "\0\0" lifetime CLIENT
#define MAP		       HEAD("\1", "\0\0\x0e\x10")
/* TCP 5000, suggested 6000 */
#define MAPPING	 NONCE "\6\0\0\0\x13\x88\x17\x70" V4HEAD ZERO4
#define REMOTE	 "\0\x50\0\0" V4HEAD "\x2c\0\1\x0a"
#define OPTION17 "\x11\0\0\3abc\0"

static struct in6_addr address(const char *text)
{
	struct in6_addr a;

	assert_int_equal(inet_pton(AF_INET6, text, &a), 1);
	return a;
}

static const struct {
	const char *bytes;
	size_t len;
	enum pcp_error error;
	unsigned version, opcode, internal, external, options;
	uint32_t lifetime;
} requests[] = {
	{BYTES(""), PCP_SHORT, 0, 0, 0, 0, 0, 0},
	{BYTES("\2"), PCP_SHORT, 0, 0, 0, 0, 0, 0},
	{BYTES("\2\1"), PCP_SHORT, 2, 1, 0, 0, 0, 0},
	{BYTES("\2\x81"), PCP_WRONG_WAY, 2, 1, 0, 0, 0, 0},
	{BYTES("\3\x81"), PCP_WRONG_WAY, 3, 1, 0, 0, 0, 0},
	{BYTES("\0\0"), PCP_OTHER_VERSION, 0, 0, 0, 0, 0, 0},
	{BYTES("\1\x7f!"), PCP_OTHER_VERSION, 1, 127, 0, 0, 0, 0},
	{BYTES("\2\0\0\0" ZERO4 V4HEAD "\1\2\3"), PCP_SHORT, 2, 0, 0, 0, 0, 0},
	{BYTES(HEAD("\0", ZERO4)), PCP_OK, 2, 0, 0, 0, 0, 0},
	{BYTES(HEAD("\0", "\0\0\1\0") "!"), PCP_BAD_LENGTH, 2, 0, 0, 0, 0, 256},
	{BYTES(HEAD("\0", "\xff\xff\xff\xff")), PCP_OK, 2, 0, 0, 0, 0, UINT32_MAX},
	{BYTES(HEAD("\4", ZERO4)), PCP_OTHER_OPCODE, 2, 4, 0, 0, 0, 0},
	{BYTES(HEAD("\x60", ZERO4) "!"), PCP_OTHER_OPCODE, 2, 96, 0, 0, 0, 0},
	{BYTES(MAP), PCP_TRUNCATED, 2, 1, 0, 0, 0, 3600},
	{BYTES(MAP MAPPING), PCP_OK, 2, 1, 5000, 6000, 0, 3600},
	{BYTES(MAP MAPPING OPTION17), PCP_OK, 2, 1, 5000, 6000, 8, 3600},
	{BYTES(MAP MAPPING OPTION17 "\2\0\0\0"), PCP_OK, 2, 1, 5000, 6000, 12, 3600},
	{BYTES(MAP MAPPING OPTION17 "\2\0\0\1"), PCP_BAD_OPTION, 2, 1, 5000, 6000, 8, 3600},
	{BYTES(MAP MAPPING "\2\0\xff\xff"), PCP_BAD_OPTION, 2, 1, 5000, 6000, 0, 3600},
	{BYTES(HEAD("\2", ZERO4) MAPPING), PCP_TRUNCATED, 2, 2, 0, 0, 0, 0},
	{BYTES(HEAD("\2", ZERO4) MAPPING REMOTE), PCP_OK, 2, 2, 5000, 6000, 0, 0},
};

static void requests_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct pcp_message m;

		assert_row(i, pcp_parse_request(requests[i].bytes, requests[i].len, &m),
			   requests[i].error);
		assert_row(i, m.version, requests[i].version);
		assert_row(i, m.opcode, requests[i].opcode);
		assert_row(i, m.internal_port, requests[i].internal);
		assert_row(i, m.external_port, requests[i].external);
		assert_row(i, m.options.len, requests[i].options);
		assert_row(i, m.lifetime, requests[i].lifetime);
	}
}

static void addresses_are_read(void **state)
{
	struct pcp_message m;
	struct in_addr v4;

	(void)state;
	assert_int_equal(pcp_parse_request(BYTES(HEAD("\2", ZERO4) MAPPING REMOTE), &m), PCP_OK);
	assert_true(pcp_address_is_v4(&m.client, &v4));
	assert_int_equal(ntohl(v4.s_addr), 0xc0a80102);
	assert_true(pcp_address_is_any(&m.external_address));
	assert_false(pcp_address_is_any(&m.client));
	assert_true(pcp_address_is_v4(&m.remote_address, &v4));
	assert_int_equal(ntohl(v4.s_addr), 0x2c00010a);
	assert_int_equal(m.remote_port, 80);
	assert_int_equal(m.protocol, IPPROTO_TCP);
	assert_memory_equal(m.nonce, NONCE, PCP_NONCE_LEN);
}

static void too_long_is_told(void **state)
{
	char bytes[PCP_MESSAGE_MAX + 4] = {PCP_VERSION, PCP_ANNOUNCE};
	struct pcp_message m;

	(void)state;
	/* What follows the header are options of length 0. */
	assert_int_equal(pcp_parse_request(bytes, PCP_MESSAGE_MAX, &m), PCP_OK);
	assert_int_equal(m.options.len, PCP_MESSAGE_MAX - PCP_HEADER_LEN);
	assert_int_equal(pcp_parse_request(bytes, sizeof(bytes), &m), PCP_BAD_LENGTH);
}

#define ANSWER(result, lifetime) "\2\x81\0" result lifetime "\0\0\1\0" ZERO12

static const struct {
	const char *bytes;
	size_t len;
	enum pcp_error error;
	unsigned opcode, result, external, options;
	uint32_t lifetime, epoch;
} responses[] = {
	{BYTES("\2"), PCP_SHORT, 0, 0, 0, 0, 0, 0},
	{BYTES("\2\x81\0\2"), PCP_SHORT, 1, 2, 0, 0, 0, 0},
	{BYTES(MAP MAPPING), PCP_WRONG_WAY, 1, 0, 0, 0, 0, 0},
	{BYTES("\0\x80\0\1\0\0\0\x09"), PCP_OTHER_VERSION, 0, 1, 0, 0, 0, 0},
	{BYTES("\0\0\0\1\0\0\0\x09"), PCP_OTHER_VERSION, 0, 1, 0, 0, 0, 0},
	{BYTES("\0\0\0\2\0\0\0\x09"), PCP_WRONG_WAY, 0, 2, 0, 0, 0, 0},
	{BYTES(ANSWER("\0", "\0\0\0\x78") MAPPING), PCP_OK, 1, 0, 6000, 0, 120, 256},
	{BYTES(ANSWER("\0", "\0\0\0\x78") MAPPING OPTION17), PCP_OK, 1, 0, 6000, 8, 120, 256},
	{BYTES(ANSWER("\0", "\0\0\0\x78")), PCP_TRUNCATED, 1, 0, 0, 0, 120, 256},
	{BYTES(ANSWER("\3", "\0\0\x07\x08")), PCP_OK, 1, 3, 0, 0, 1800, 256},
	{BYTES(ANSWER("\6", "\0\0\x07\x08") MAPPING "\2\0\xff\xff"), PCP_OK, 1, 6, 6000, 0, 1800,
	 256},
	{BYTES(ANSWER("\0", ZERO4) MAPPING "\2\0\xff\xff"), PCP_BAD_OPTION, 1, 0, 6000, 0, 0, 256},
	{BYTES(ANSWER("\0", ZERO4) MAPPING "!"), PCP_BAD_LENGTH, 1, 0, 0, 0, 0, 256},
	{BYTES("\2\x80\0\0" ZERO4 "\0\0\0\2" ZERO12), PCP_OK, 0, 0, 0, 0, 0, 2},
	{BYTES("\2\x84\0\4" ZERO4 "\0\0\0\2" ZERO12), PCP_OTHER_OPCODE, 4, 4, 0, 0, 0, 2},
};

static void responses_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(responses); i++) {
		struct pcp_message m;

		assert_row(i, pcp_parse_response(responses[i].bytes, responses[i].len, &m),
			   responses[i].error);
		assert_row(i, m.opcode, responses[i].opcode);
		assert_row(i, m.result, responses[i].result);
		assert_row(i, m.external_port, responses[i].external);
		assert_row(i, m.options.len, responses[i].options);
		assert_row(i, m.lifetime, responses[i].lifetime);
		assert_row(i, m.epoch, responses[i].epoch);
	}
}

static void messages_are_built(void **state)
{
	struct pcp_message m;
	struct buf out = {0};

	(void)state;
	assert_int_equal(pcp_parse_request(BYTES(HEAD("\2", ZERO4) MAPPING REMOTE OPTION17), &m),
			 PCP_OK);
	pcp_build_request(&out, &m);
	expect_bytes(&out, BYTES(HEAD("\2", ZERO4) MAPPING REMOTE OPTION17));
	m.opcode = PCP_MAP;
	m.lifetime = 120;
	m.epoch = 256;
	pcp_build_response(&out, &m);
	expect_bytes(&out, BYTES(ANSWER("\0", "\0\0\0\x78") MAPPING OPTION17));
	m.opcode = PCP_ANNOUNCE;
	m.options.len = 0;
	pcp_build_response(&out, &m);
	expect_bytes(&out, BYTES("\2\x80\0\0\0\0\0\x78\0\0\1\0" ZERO12));
}

static void errors_copy_the_request(void **state)
{
	struct pcp_message m = {
		.version = 2, .result = PCP_UNSUPP_VERSION, .lifetime = 1800, .epoch = 256};
	char big[2000];
	struct buf out = {0};

	(void)state;
	pcp_build_error(&out, BYTES("\3\1"), &m);
	expect_bytes(&out, BYTES(ANSWER("\1", "\0\0\x07\x08")));
	pcp_build_error(&out, BYTES(MAP "abcde"), &m);
	expect_bytes(&out, BYTES(ANSWER("\1", "\0\0\x07\x08") "abcde\0\0\0"));
	memset(big, 'x', sizeof(big));
	pcp_build_error(&out, big, sizeof(big), &m);
	assert_int_equal(out.len, PCP_MESSAGE_MAX);
	assert_int_equal(out.data[PCP_MESSAGE_MAX - 1], 'x');
	buf_free(&out);
}

static const struct {
	const char *options;
	size_t len;
	unsigned opcode;
	size_t which;
	enum pcp_option_error error;
} checks[] = {
	{BYTES("\2\0\0\0"), PCP_MAP, 0, PCP_OPTION_OK},
	{BYTES("\2\0\0\0"), PCP_PEER, 0, PCP_OPTION_MISPLACED},
	{BYTES("\2\0\0\0"), 9, 0, PCP_OPTION_MISPLACED},
	{BYTES("\2\0\0\1!\0\0\0"), PCP_MAP, 0, PCP_OPTION_LENGTH},
	{BYTES("\2\0\0\0\2\0\0\0"), PCP_MAP, 0, PCP_OPTION_OK},
	{BYTES("\2\0\0\0\2\0\0\0"), PCP_MAP, 1, PCP_OPTION_REPEATED},
	{BYTES("\x64\0\0\0"), PCP_MAP, 0, PCP_OPTION_UNKNOWN},
	{BYTES("\1\0\0\x10" ZERO12 ZERO4), PCP_PEER, 0, PCP_OPTION_OK},
	{BYTES("\1\0\0\x10" ZERO12 ZERO4), PCP_ANNOUNCE, 0, PCP_OPTION_MISPLACED},
	{BYTES("\1\0\0\x0c" ZERO12), PCP_MAP, 0, PCP_OPTION_LENGTH},
	{BYTES("\3\0\0\x14" ZERO12 ZERO4 ZERO4 "\3\0\0\x14" ZERO12 ZERO4 ZERO4), PCP_MAP, 1,
	 PCP_OPTION_OK},
	{BYTES("\x80\0\0\0"), PCP_PEER, 0, PCP_OPTION_OK},
	{BYTES("\x80\0\0\0\x80\0\0\1a\0\0\0"), PCP_MAP, 1, PCP_OPTION_REPEATED},
	{BYTES("\x82\0\0\4" ZERO4), PCP_MAP, 0, PCP_OPTION_LENGTH},
	{BYTES("\x81\0\0\4" ZERO4), PCP_ANNOUNCE, 0, PCP_OPTION_LENGTH},
};

static void options_are_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		struct slice all = {checks[i].options, checks[i].len}, rest = all;
		struct pcp_option option = {0};

		for (size_t n = 0; n <= checks[i].which; n++)
			assert_true(pcp_next_option(&rest, &option));
		assert_row(i, pcp_check_option(all, &option, (uint8_t)checks[i].opcode),
			   checks[i].error);
	}
}

static void filters_are_judged(void **state)
{
	static const struct {
		unsigned prefix;
		const char *address;
		bool valid;
	} rows[] = {
		{0, "::", true},
		{0, "::ffff:1.2.3.4", true},
		{95, "::ffff:1.2.3.4", false},
		{1, "::ffff:1.2.3.4", false},
		{96, "::ffff:0.0.0.0", true},
		{128, "::ffff:1.2.3.4", true},
		{129, "::ffff:1.2.3.4", false},
		{1, "2001:db8::1", true},
		{128, "2001:db8::1", true},
		{129, "2001:db8::1", false},
		{255, "2001:db8::1", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pcp_filter filter = {.prefix = (uint8_t)rows[i].prefix, .port = 443};
		struct pcp_filter got;
		struct pcp_option option;
		struct buf bytes = {0};
		struct slice rest;

		filter.address = address(rows[i].address);
		pcp_add_filter(&bytes, &filter);
		rest = buf_slice(&bytes);
		assert_true(pcp_next_option(&rest, &option) && pcp_read_filter(&option, &got));
		assert_row(i, pcp_filter_is_valid(&got), rows[i].valid);
		assert_row(i, got.prefix, rows[i].prefix);
		assert_row(i, got.port, 443);
		assert_memory_equal(&got.address, &filter.address, sizeof(got.address));
		buf_free(&bytes);
	}
}

static void prefixes_are_read(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		unsigned bits;
		const char *prefix;
	} rows[] = {
		{BYTES("\0\x0c\0\x64\xff\x9b" ZERO4 ZERO4 "\0\0"), 96, "64:ff9b::"},
		{BYTES("\0\x08\x20\x01\x0d\xb8\0\1\0\2\0\7\x08\x09\0\0"), 64,
		 "2001:db8:1:2:0:0:7:809"},
		{BYTES("\0\x04\x20\x01\x0d\xb8\0\1\2\3\4\5\6\7\0\0"), 32,
		 "2001:db8:0:0:1:203:405:607"},
		{BYTES("\0\x07\x20\x01\x0d\xb8\1\2\3\0\1\2\3\4\0\0"), 56,
		 "2001:db8:102:300::102:304"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pcp_option option = {PCP_OPTION_PREFIX64, {rows[i].bytes, rows[i].len}};
		struct in6_addr expected = address(rows[i].prefix);
		struct pcp_prefix64 got;
		struct buf bytes = {0};

		assert_true(pcp_read_prefix64(&option, &got));
		assert_row(i, got.bits, rows[i].bits);
		assert_row(i, memcmp(&got.prefix, &expected, sizeof(expected)), 0);
		pcp_add_prefix64(&bytes, &got);
		assert_row(i, bytes.len, 4 + rows[i].len);
		assert_memory_equal(bytes.data + 4, rows[i].bytes, rows[i].len);
		buf_free(&bytes);
	}
}

static void bad_prefixes_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool good;
	} rows[] = {
		{BYTES("\0\x0c" ZERO12), false},
		{BYTES("\0\x03" ZERO12 "\0\0"), false},
		{BYTES("\0\x09" ZERO12 "\0\0"), false},
		{BYTES("\0\x0d" ZERO12 "\0\0"), false},
		{BYTES("\0\x0c" ZERO12 "\0\1"), false},
		{BYTES("\0\x0c" ZERO12 "\0\1\0\x18\xc0\0\2"), false},
		{BYTES("\0\x0c" ZERO12 "\0\1\0\x18\xc0\0\2\0"), true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pcp_option option = {PCP_OPTION_PREFIX64, {rows[i].bytes, rows[i].len}};
		struct pcp_prefix64 got;

		assert_row(i, pcp_read_prefix64(&option, &got), rows[i].good);
	}
}

static void small_options_are_both_ways(void **state)
{
	struct pcp_port_set set = {8, 5000, true}, got;
	struct in6_addr third = address("::ffff:10.0.0.1"), back;
	struct buf bytes = {0};
	struct pcp_option option;

	(void)state;
	pcp_add_option(&bytes, PCP_OPTION_DESCRIPTION, "abcde", 5);
	pcp_add_port_set(&bytes, &set);
	pcp_add_option(&bytes, PCP_OPTION_THIRD_PARTY, &third, sizeof(third));
	assert_memory_equal(bytes.data,
			    "\x80\0\0\5abcde\0\0\0\x82\0\0\5\0\x08\x13\x88\1\0\0\0\1\0\0\x10", 28);
	assert_true(pcp_find_option(buf_slice(&bytes), PCP_OPTION_PORT_SET, &option));
	assert_true(pcp_read_port_set(&option, &got));
	assert_int_equal(got.size, 8);
	assert_int_equal(got.first, 5000);
	assert_true(got.parity);
	assert_false(pcp_read_third_party(&option, &back));
	assert_true(pcp_find_option(buf_slice(&bytes), PCP_OPTION_THIRD_PARTY, &option));
	assert_true(pcp_read_third_party(&option, &back));
	assert_memory_equal(&back, &third, sizeof(back));
	assert_false(pcp_read_port_set(&option, &got));
	assert_false(pcp_find_option(buf_slice(&bytes), PCP_OPTION_FILTER, &option));
	assert_string_equal(pcp_option_name(130), "PORT_SET");
	assert_null(pcp_option_name(99));
	buf_free(&bytes);
}

static void errors_have_their_lifetime(void **state)
{
	(void)state;
	for (unsigned code = PCP_UNSUPP_VERSION; code <= PCP_EXCESSIVE_REMOTE_PEERS; code++)
		assert_row(code, pcp_result_lifetime(code),
			   code == 7 || code == 8 || code == 10 ? 30 : 1800);
	assert_int_equal(pcp_result_lifetime(PCP_SUCCESS), 0);
	assert_string_equal(pcp_result_name(13), "EXCESSIVE_REMOTE_PEERS");
	assert_string_equal(pcp_result_name(99), "unknown result");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_read),
		cmocka_unit_test(addresses_are_read),
		cmocka_unit_test(too_long_is_told),
		cmocka_unit_test(responses_are_read),
		cmocka_unit_test(messages_are_built),
		cmocka_unit_test(errors_copy_the_request),
		cmocka_unit_test(options_are_checked),
		cmocka_unit_test(filters_are_judged),
		cmocka_unit_test(prefixes_are_read),
		cmocka_unit_test(bad_prefixes_are_refused),
		cmocka_unit_test(small_options_are_both_ways),
		cmocka_unit_test(errors_have_their_lifetime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
