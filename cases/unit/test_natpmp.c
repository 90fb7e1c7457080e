/* SPDX-License-Identifier: MIT */
/*
 * test_natpmp.c - NAT-PMP datagrams both ways (RFC 6886 clause 3).
 */
#include "../../fakeigd/wire/natpmp.h"

#include "unit.h"

static const struct {
	const char *bytes;
	size_t len;
	enum natpmp_error error;
	unsigned version, opcode, internal, external;
	uint32_t lifetime;
} requests[] = {
	{BYTES(""), NATPMP_SHORT, 0, 0, 0, 0, 0},
	{BYTES("\0"), NATPMP_SHORT, 0, 0, 0, 0, 0},
	{BYTES("\0\0"), NATPMP_OK, 0, 0, 0, 0, 0},
	{BYTES("\0\0tail"), NATPMP_OK, 0, 0, 0, 0, 0},
	{BYTES("\0\1"), NATPMP_SHORT, 0, 1, 0, 0, 0},
	{BYTES("\0\2\0\0\x13\x88\x17\x70\0\0\0"), NATPMP_SHORT, 0, 2, 0, 0, 0},
	{BYTES("\0\2\0\0\x13\x88\x17\x70\0\0\x0e\x10"), NATPMP_OK, 0, 2, 5000, 6000, 3600},
	{BYTES("\0\1\xff\xff\xff\xff\xff\xfe\xff\xff\xff\xff"), NATPMP_OK, 0, 1, 65535, 65534,
	 UINT32_MAX},
	{BYTES("\0\1\0\0\0\0\0\0\0\0\0\0tail"), NATPMP_OK, 0, 1, 0, 0, 0},
	{BYTES("\0\3"), NATPMP_OTHER_OPCODE, 0, 3, 0, 0, 0},
	{BYTES("\0\x7f"), NATPMP_OTHER_OPCODE, 0, 127, 0, 0, 0},
	{BYTES("\0\x80"), NATPMP_WRONG_WAY, 0, 128, 0, 0, 0},
	{BYTES("\2\x81"), NATPMP_WRONG_WAY, 2, 129, 0, 0, 0},
	{BYTES("\2\1"), NATPMP_OTHER_VERSION, 2, 1, 0, 0, 0},
	{BYTES("\xff\0"), NATPMP_OTHER_VERSION, 255, 0, 0, 0, 0},
};

static void requests_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct natpmp_request r;

		assert_row(i, natpmp_parse_request(requests[i].bytes, requests[i].len, &r),
			   requests[i].error);
		assert_row(i, r.version, requests[i].version);
		assert_row(i, r.opcode, requests[i].opcode);
		assert_row(i, r.internal_port, requests[i].internal);
		assert_row(i, r.suggested_external_port, requests[i].external);
		assert_row(i, r.lifetime, requests[i].lifetime);
	}
}

static void reserved_field_is_told(void **state)
{
	struct natpmp_request r;

	(void)state;
	assert_int_equal(natpmp_parse_request(BYTES("\0\1\xff\xfe\0\1\0\2\0\0\0\3"), &r),
			 NATPMP_OK);
	assert_int_equal(r.reserved, 0xfffe);
	assert_int_equal(r.internal_port, 1);
}

static const struct {
	const char *bytes;
	size_t len;
	enum natpmp_error error;
	unsigned opcode, result, internal, external;
	uint32_t epoch, lifetime;
} responses[] = {
	{BYTES("\0\x80\0"), NATPMP_SHORT, 0, 0, 0, 0, 0, 0},
	{BYTES("\0\x80\0\0\0\0\0\x07\x2c\0\1\2"), NATPMP_OK, 128, 0, 0, 0, 7, 0},
	{BYTES("\0\x80\0\0\0\0\0\x07\x2c\0\1"), NATPMP_SHORT, 128, 0, 0, 0, 7, 0},
	{BYTES("\0\x80\0\3\0\0\0\x07"), NATPMP_OK, 128, 3, 0, 0, 7, 0},
	{BYTES("\0\x82\0\0\0\0\1\0\x13\x88\x17\x70\0\0\0\x3c"), NATPMP_OK, 130, 0, 5000, 6000, 256,
	 60},
	{BYTES("\0\x82\0\0\0\0\1\0\x13\x88\x17\x70\0\0\0"), NATPMP_SHORT, 130, 0, 0, 0, 256, 0},
	{BYTES("\0\x81\0\4\0\0\1\0\x13\x88\0\0\0\0\0\0"), NATPMP_OK, 129, 4, 5000, 0, 256, 0},
	{BYTES("\0\0\0\1\0\0\0\x09"), NATPMP_OK, 0, 1, 0, 0, 9, 0},
	{BYTES("\0\x81\0\1\0\0\0\x09"), NATPMP_OK, 129, 1, 0, 0, 9, 0},
	{BYTES("\0\1\0\1\0\0\0"), NATPMP_WRONG_WAY, 1, 1, 0, 0, 0, 0},
	{BYTES("\0\1\0\0\0\0\0\0\0\0\0\0"), NATPMP_WRONG_WAY, 1, 0, 0, 0, 0, 0},
	{BYTES("\0\x83\0\5"), NATPMP_OTHER_OPCODE, 131, 5, 0, 0, 0, 0},
	{BYTES("\2\x81\0\0\0\0\0\x09"), NATPMP_OTHER_VERSION, 129, 0, 0, 0, 9, 0},
};

static void responses_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(responses); i++) {
		struct natpmp_response r;

		assert_row(i, natpmp_parse_response(responses[i].bytes, responses[i].len, &r),
			   responses[i].error);
		assert_row(i, r.opcode, responses[i].opcode);
		assert_row(i, r.result, responses[i].result);
		assert_row(i, r.epoch, responses[i].epoch);
		assert_row(i, r.internal_port, responses[i].internal);
		assert_row(i, r.external_port, responses[i].external);
		assert_row(i, r.lifetime, responses[i].lifetime);
	}
}

static void messages_are_built(void **state)
{
	struct natpmp_response a = {
		.opcode = 0x82,
		.epoch = 256,
		.internal_port = 5000,
		.external_port = 6000,
		.lifetime = 60,
		.external_address = {htonl(0x2c000102)},
	};
	struct natpmp_request q = {0};
	struct buf out = {0};

	(void)state;
	natpmp_build_request(&out, &q);
	expect_bytes(&out, BYTES("\0\0"));
	q = (struct natpmp_request){0, NATPMP_MAP_TCP, 0, 5000, 6000, 3600};
	natpmp_build_request(&out, &q);
	expect_bytes(&out, BYTES("\0\2\0\0\x13\x88\x17\x70\0\0\x0e\x10"));
	natpmp_build_response(&out, &a);
	expect_bytes(&out, BYTES("\0\x82\0\0\0\0\1\0\x13\x88\x17\x70\0\0\0\x3c"));
	a.opcode = 0x80;
	natpmp_build_response(&out, &a);
	expect_bytes(&out, BYTES("\0\x80\0\0\0\0\1\0\x2c\0\1\2"));
	a.opcode = 0;
	a.result = NATPMP_UNSUPPORTED_VERSION;
	natpmp_build_response(&out, &a);
	expect_bytes(&out, BYTES("\0\0\0\1\0\0\1\0"));
	natpmp_build_unsupported_opcode(&out, BYTES("\0\3"));
	expect_bytes(&out, BYTES("\0\x83\0\5"));
	natpmp_build_unsupported_opcode(&out, BYTES("\0\x7f\1\2\3\4"));
	expect_bytes(&out, BYTES("\0\xff\0\5\3\4"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_read),
		cmocka_unit_test(reserved_field_is_told),
		cmocka_unit_test(responses_are_read),
		cmocka_unit_test(messages_are_built),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
