/* SPDX-License-Identifier: MIT */
/*
 * test_nat64.c - translation between IPv6 and IPv4: headers, checksums, ICMP, fragments, every cut.
 *
 * Packets are written as hexadecimal. Checksums in them are those that the other end would compute;
 * the translated ones are checked by summing up what came out.
 *
 * links: sim
 */
#include "../../sim/nat64.h"

#define HEX_ROOM NAT64_ROOM
#include "hex.h"

#include <arpa/inet.h>

#define CLIENT6 "2a0eb107000100010000000000000004 "
#define PEER6	"0064ff9b00000000000000002c00010a "
#define CLIENT4 "c6120001 "
#define PEER4	"2c00010a "
/* Source port 5000, destination 9, "hi". */
#define UDP_OUT "13880009000a"

static struct nat64 fresh(void)
{
	struct nat64 n = {.pool.s_addr = htonl(0xc6120000)};

	inet_pton(AF_INET6, "64:ff9b::", &n.prefix);
	return n;
}

static struct bytes translate(struct nat64 *n, const struct bytes *in)
{
	struct bytes out = {0};

	out.len = nat64_translate(n, in->data, in->len, out.data);
	assert_true(out.len <= sizeof(out.data));
	return out;
}

static uint32_t sum(uint32_t start, const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		start += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (start > 0xffff)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

/* Whether all checksums of a packet are right: that of the header, and the transport's. */
static bool adds_up(const struct bytes *b)
{
	bool six = b->data[0] >> 4 == 6;
	size_t head = six ? 40 : 20;
	uint8_t protocol = b->data[six ? 6 : 9];
	uint32_t start = protocol + (uint32_t)(b->len - head);

	start = sum(start, b->data + (six ? 8 : 12), six ? 32 : 8);
	if (protocol == IPPROTO_ICMP)
		start = 0;
	return (six || sum(0, b->data, head) == 0xffff) &&
	       sum(start, b->data + head, b->len - head) == 0xffff;
}

/* Give a packet its transport's checksum, at @field of it. */
static void seal(struct bytes *b, size_t field)
{
	bool six = b->data[0] >> 4 == 6;
	size_t head = six ? 40 : 20;
	uint8_t protocol = b->data[six ? 6 : 9];
	uint32_t start = protocol + (uint32_t)(b->len - head), check;

	start = sum(start, b->data + (six ? 8 : 12), six ? 32 : 8);
	if (protocol == IPPROTO_ICMP)
		start = 0;
	b->data[head + field] = b->data[head + field + 1] = 0;
	check = ~sum(start, b->data + head, b->len - head);
	b->data[head + field] = (uint8_t)(check >> 8);
	b->data[head + field + 1] = (uint8_t)check;
}

/* There and back again, what has one counterpart. */
static const struct {
	const char *six, *four;
	size_t field; /* of the checksum */
} pairs[] = {
	{"6ab00000 000a 11 3f " CLIENT6 PEER6 UDP_OUT "0000 6869",
	 "45ab001e 0000 0000 3f11 0000 " CLIENT4 PEER4 UDP_OUT "0000 6869", 6},
	{"60000000 0016 06 40 " CLIENT6 PEER6 "13880050 00000001 00000002 5018ffff 00000000 6869",
	 "4500002a 0000 0000 4006 0000 " CLIENT4 PEER4
	 "13880050 00000001 00000002 5018ffff 00000000 6869",
	 16},
	{"60000000 000b 3a 40 " CLIENT6 PEER6 "8000 0000 00070001 616263",
	 "4500001f 0000 0000 4001 0000 " CLIENT4 PEER4 "0800 0000 00070001 616263", 2},
};

static void turn(struct bytes *b)
{
	bool six = b->data[0] >> 4 == 6;
	size_t len = six ? 16 : 4, at = six ? 8 : 12;
	uint8_t other[16];

	memcpy(other, b->data + at, len);
	memcpy(b->data + at, b->data + at + len, len);
	memcpy(b->data + at + len, other, len);
}

static void test_there_and_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		struct nat64 n = fresh();
		struct bytes six = from_hex(pairs[i].six), four = from_hex(pairs[i].four), out;

		seal(&six, pairs[i].field);
		seal(&four, pairs[i].field);
		out = translate(&n, &six);
		assert_int_equal(out.len, four.len);
		assert_true(adds_up(&out));
		out.data[10] = out.data[11] = 0;
		assert_memory_equal(out.data, four.data, four.len);
		turn(&four);
		turn(&six);
		out = translate(&n, &four);
		assert_int_equal(out.len, six.len);
		assert_memory_equal(out.data, six.data, six.len);
	}
}

static void test_hosts_keep_their_addresses(void **state)
{
	struct nat64 n = fresh();
	struct bytes six = from_hex(pairs[0].six), out;

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int host = 0; host < NAT64_HOSTS_MAX; host++) {
			six.data[23] = (uint8_t)host;
			seal(&six, 6);
			out = translate(&n, &six);
			assert_int_equal(out.data[15], host + 1);
			assert_true(adds_up(&out));
		}
	}
	six.data[22] = 1;
	assert_int_equal(translate(&n, &six).len, 0); /* no room for another */
	assert_int_equal(n.count, NAT64_HOSTS_MAX);
}

/* An error about what the client sent, and one about what it got. */
static const struct {
	const char *what;
	uint8_t in[8];	/* type, code, checksum, word */
	uint8_t out[8]; /* type 0xff: not translated */
} errors_in[] =
	{
		{"network unreachable", {3, 0}, {1, 0}},
		{"host unreachable", {3, 1}, {1, 0}},
		{"protocol unreachable", {3, 2}, {4, 1, 0, 0, 0, 0, 0, 6}},
		{"port unreachable", {3, 3}, {1, 4}},
		{"too big", {3, 4, 0, 0, 0, 0, 5, 0xc8}, {2, 0, 0, 0, 0, 0, 5, 0xdc}},
		{"prohibited", {3, 13}, {1, 1}},
		{"precedence", {3, 14}, {0xff}},
		{"hops", {11, 0}, {3, 0}},
		{"reassembly", {11, 1}, {3, 1}},
		{"redirect", {5, 1}, {0xff}},
		{"parameter", {12, 0}, {0xff}},
},
  errors_out[] = {
	  {"no route", {1, 0}, {3, 1}},
	  {"prohibited", {1, 1}, {3, 10}},
	  {"port unreachable", {1, 4}, {3, 3}},
	  {"too big", {2, 0, 0, 0, 0, 0, 5, 0xdc}, {3, 4, 0, 0, 0, 0, 5, 0xc8}},
	  {"much too big", {2, 0, 0, 0, 0, 1, 0, 0}, {3, 4, 0, 0, 0, 0, 0xff, 0xff}},
	  {"hops", {3, 0}, {11, 0}},
	  {"next header", {4, 1, 0, 0, 0, 0, 0, 6}, {3, 2}},
	  {"header", {4, 0}, {0xff}},
	  {"neighbour", {135, 0}, {0xff}},
};

static struct bytes error_message(const uint8_t word[8], const char *outer, const char *quoted)
{
	struct bytes b = from_hex(outer), inner = from_hex(quoted);
	bool six = b.data[0] >> 4 == 6;

	memcpy(b.data + b.len, word, 8);
	memcpy(b.data + b.len + 8, inner.data, inner.len);
	b.data[six ? 5 : 3] = (uint8_t)(8 + inner.len + (six ? 0 : b.len));
	b.len += 8 + inner.len;
	seal(&b, 2);
	return b;
}

static void check_error(struct nat64 *n, const struct bytes *in, const uint8_t wanted[8],
			const char *quoted, const char *what)
{
	struct bytes out = translate(n, in), inner = from_hex(quoted);
	size_t head = in->data[0] >> 4 == 6 ? 20 : 40;
	uint8_t got[8];

	if (wanted[0] == 0xff) {
		assert_int_equal(out.len, 0);
		return;
	}
	if (out.len != head + 8 + inner.len || !adds_up(&out))
		fail_msg("%s: %zu bytes", what, out.len);
	memcpy(got, out.data + head, 8);
	got[2] = got[3] = 0;
	if (memcmp(got, wanted, 8))
		fail_msg("%s: type %d, code %d", what, got[0], got[1]);
	if (head == 40) /* a quoted header of IPv4 has a checksum, and is looked at below */
		assert_memory_equal(out.data + head + 8, inner.data, inner.len);
}

static void test_errors(void **state)
{
	static const char four[] =
		"4500001e 0000 0000 3f11 0000 " CLIENT4 PEER4 UDP_OUT "0000 6869";
	static const char six[] = "60000000 000a 11 3f " CLIENT6 PEER6 UDP_OUT "0000 6869";
	/* What came for the client: the other way round. */
	static const char four_in[] =
		"4500001e 0000 0000 3f11 0000 " PEER4 CLIENT4 UDP_OUT "0000 6869";
	static const char six_in[] = "60000000 000a 11 3f " PEER6 CLIENT6 UDP_OUT "0000 6869";
	struct nat64 n = fresh();
	struct bytes first = from_hex(pairs[0].six);

	(void)state;
	translate(&n, &first);
	for (size_t i = 0; i < sizeof(errors_in) / sizeof(*errors_in); i++) {
		struct bytes b = error_message(
			errors_in[i].in, "45000000 0000 0000 4001 0000 2c000101 " CLIENT4, four);

		check_error(&n, &b, errors_in[i].out, six, errors_in[i].what);
	}
	for (size_t i = 0; i < sizeof(errors_out) / sizeof(*errors_out); i++) {
		struct bytes b = error_message(errors_out[i].in,
					       "60000000 0000 3a 40 " CLIENT6 PEER6, six_in);

		check_error(&n, &b, errors_out[i].out, four_in, errors_out[i].what);
	}
}

static void test_quoted_header_of_ipv4(void **state)
{
	struct nat64 n = fresh();
	struct bytes b =
		error_message((const uint8_t[8]){1, 4}, "60000000 0000 3a 40 " CLIENT6 PEER6,
			      "60000000 000b 3a 3f " PEER6 CLIENT6 "8000 0000 00070001 616263");
	struct bytes first = from_hex(pairs[2].six), out, inner = {0};

	(void)state;
	translate(&n, &first);
	out = translate(&n, &b);
	inner.len = out.len - 28;
	assert_int_equal(out.len, 20 + 8 + 20 + 11);
	memcpy(inner.data, out.data + 28, inner.len);
	assert_int_equal(sum(0, inner.data, 20), 0xffff);
	assert_memory_equal(inner.data + 12, "\x2c\x00\x01\x0a\xc6\x12\x00\x01", 8);
	assert_int_equal(inner.data[9], IPPROTO_ICMP);
	assert_int_equal(inner.data[20], 8); /* an echo request in either */
}

static void test_fragments(void **state)
{
	static const char first[] = "60000000 0018 2c 40 " CLIENT6 PEER6
				    "11000001 12345678 1388000900200000 0001020304050607";
	static const char last[] =
		"60000000 0010 2c 40 " CLIENT6 PEER6 "11000010 12345678 08090a0b0c0d0e0f";
	struct nat64 n = fresh();
	struct bytes in = from_hex(first), out, back;

	(void)state;
	in.data[40 + 8 + 6] = 0x12; /* a checksum: of the whole, which nobody here has */
	out = translate(&n, &in);
	assert_int_equal(out.len, 20 + 16);
	assert_memory_equal(out.data + 4, "\x56\x78\x20\x00\x40\x11", 6);
	turn(&out);
	back = translate(&n, &out);
	assert_int_equal(back.len, in.len);
	assert_memory_equal(back.data + 40, "\x11\x00\x00\x01\x00\x00\x56\x78", 8);
	in = from_hex(last);
	out = translate(&n, &in);
	assert_memory_equal(out.data + 4, "\x56\x78\x00\x02\x40\x11", 6);
	assert_memory_equal(out.data + 20, in.data + 48, 8);
	in.data[40] = 58; /* a fragment of ICMPv6 */
	assert_int_equal(translate(&n, &in).len, 0);
}

static void test_datagram_without_checksum(void **state)
{
	struct nat64 n = fresh();
	struct bytes six = from_hex(pairs[0].six), in, out;

	(void)state;
	assert_int_equal(translate(&n, &six).len, 0); /* must have one */
	seal(&six, 6);
	translate(&n, &six);
	in = from_hex("4500001e 0000 0000 4011 0000 " PEER4 CLIENT4 UDP_OUT "0000 6869");
	out = translate(&n, &in);
	assert_int_equal(out.len, 50);
	assert_true(adds_up(&out));
}

static const char *const refused[] = {
	"",
	"60",
	"50000000 000a 11 3f " CLIENT6 PEER6 UDP_OUT "1234 6869", /* a version that there is not */
	"60000000 000b 11 3f " CLIENT6 PEER6 UDP_OUT "1234 6869", /* more than is there */
	"60000000 000a 11 3f " PEER6 CLIENT6 UDP_OUT "1234 6869", /* not to the prefix */
	"60000000 000a 11 3f " PEER6 PEER6 UDP_OUT "1234 6869",	  /* from it */
	"60000000 0004 11 3f " CLIENT6 PEER6 "13880009",	  /* half a header */
	"60000000 000a 01 3f " CLIENT6 PEER6 "0800 0000 00070001 6869", /* ICMP in IPv6 */
	"60000000 0008 2b 3f " CLIENT6 PEER6 "11000001 00000000",	/* a source route */
	"60000000 0008 00 3f " CLIENT6 PEER6 "11ff0000 00000000",	/* an option that goes on */
	"60000000 0004 3a 3f " CLIENT6 PEER6 "80000000",
	"4400001e 0000 0000 4011 0000 " PEER4 CLIENT4 UDP_OUT "1234 6869",
	"4500001e 0000 0000 4011 0000 " PEER4 "c6120007 " UDP_OUT "1234 6869", /* nobody has it */
	"4500001e 0000 0000 403a 0000 " PEER4 CLIENT4 "8000 0000 00070001 6869",
	"4500001e 0000 2000 4011 0000 " PEER4 CLIENT4 UDP_OUT "0000 6869",
};

static void test_refused(void **state)
{
	struct nat64 n = fresh();
	struct bytes first = from_hex(pairs[0].six);

	(void)state;
	seal(&first, 6);
	translate(&n, &first);
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		struct bytes in = from_hex(refused[i]);

		if (translate(&n, &in).len)
			fail_msg("translated: %s", refused[i]);
	}
	for (size_t len = 0; len < first.len; len++) {
		struct bytes cut = {.len = len};

		memcpy(cut.data, first.data, len);
		assert_int_equal(translate(&n, &cut).len, 0);
	}
}

static void test_extension_headers(void **state)
{
	struct nat64 n = fresh();
	struct bytes in = from_hex("60000000 0012 3c 3f " CLIENT6 PEER6 "11000104 00000000 " UDP_OUT
				   "1234 6869");
	struct bytes out = translate(&n, &in);

	(void)state;
	assert_int_equal(out.len, 30);
	assert_int_equal(out.data[9], IPPROTO_UDP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_hosts_keep_their_addresses),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_quoted_header_of_ipv4),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_datagram_without_checksum),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_extension_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
