/* SPDX-License-Identifier: MIT */
/*
 * test_frame.c - captured frames: tags, options, extension headers, padding, and every cut.
 *
 * Frames are written as hexadecimal with spaces where a person would put them.
 */
#include "../../fakeigd/wire/frame.h"

#define HEX_ROOM 512
#include "hex.h"

#include <arpa/inet.h>

#define MACS   "0200000000020200000000 01 "
#define IP4    MACS "0800 "
#define IP6    MACS "86dd "
#define ADDR4  "c0a80104 c0a80101 "
#define ADDR6  "fe800000000000000000000000000001 ff02000000000000000000000000000c "
#define UDP_HI "d431 076c 000a 0000 6869"
#define TCP_HI "d431 1537 00000001 00000002 5018 ffff 0000 0000 6869"

static const struct {
	const char *hex;
	enum frame_error error;
	int family;
	int protocol;
	int src_port, dst_port;
	const char *payload; /* NULL: not looked at */
} rows[] = {
	/* IPv4 */
	{IP4 "4500001e 00004000 4011 0000 " ADDR4 UDP_HI, FRAME_OK, AF_INET, 17, 54321, 1900, "hi"},
	{IP4 "4500001e 00004000 4011 0000 " ADDR4 UDP_HI "000000000000", FRAME_OK, AF_INET, 17,
	 54321, 1900, "hi"},
	{IP4 "45000000 00004000 4011 0000 " ADDR4 UDP_HI, FRAME_OK, AF_INET, 17, 54321, 1900, "hi"},
	{IP4 "46000022 00004000 4011 0000 " ADDR4 "94040000" UDP_HI, FRAME_OK, AF_INET, 17, 54321,
	 1900, "hi"},
	{IP4 "4500002a 00004000 4006 0000 " ADDR4 TCP_HI, FRAME_OK, AF_INET, 6, 54321, 5431, "hi"},
	{IP4 "4500002e 00004000 4006 0000 " ADDR4
	     "d431 1537 00000001 00000002 6002 ffff 0000 0000 020405b4 6869",
	 FRAME_OK, AF_INET, 6, 54321, 5431, "hi"},
	{IP4 "4500001e 00000000 0101 0000 " ADDR4 "0b00 0000 00000000 6869", FRAME_OK, AF_INET, 1,
	 11, 0, "hi"},
	{IP4 "4500001c 00004000 4011 0000 " ADDR4 "d431 076c 0008 0000", FRAME_OK, AF_INET, 17,
	 54321, 1900, ""},
	/* tags */
	{MACS "8100 0064 0800 4500001e 00004000 4011 0000 " ADDR4 UDP_HI, FRAME_OK, AF_INET, 17,
	 54321, 1900, "hi"},
	{MACS "88a8 0064 8100 0001 0800 4500001e 00004000 4011 0000 " ADDR4 UDP_HI, FRAME_OK,
	 AF_INET, 17, 54321, 1900, "hi"},
	/* IPv6 */
	{IP6 "60000000 000a 11 01 " ADDR6 UDP_HI, FRAME_OK, AF_INET6, 17, 54321, 1900, "hi"},
	{IP6 "60000000 000a 11 01 " ADDR6 UDP_HI "0000", FRAME_OK, AF_INET6, 17, 54321, 1900, "hi"},
	{IP6 "60000000 0016 06 40 " ADDR6 TCP_HI, FRAME_OK, AF_INET6, 6, 54321, 5431, "hi"},
	{IP6 "60000000 0012 00 01 " ADDR6 "1100050200000000" UDP_HI, FRAME_OK, AF_INET6, 17, 54321,
	 1900, "hi"},
	{IP6 "60000000 002a 00 01 " ADDR6 "3c00050200000000 2b00010400000000 "
	     "2c00000000000000 1100000000000001" UDP_HI,
	 FRAME_OK, AF_INET6, 17, 54321, 1900, "hi"},
	{IP6 "60000000 001a 00 01 " ADDR6 "1101000000000000 0000000000000000" UDP_HI, FRAME_OK,
	 AF_INET6, 17, 54321, 1900, "hi"},
	{IP6 "60000000 000a 3a ff " ADDR6 "8600 0000 00000000 6869", FRAME_OK, AF_INET6, 58, 134, 0,
	 "hi"},
	{IP6 "60000000 0000 11 01 " ADDR6 UDP_HI, FRAME_OK, AF_INET6, 17, 54321, 1900, "hi"},
	/* fragments: addresses and protocol, but no ports */
	{IP4 "4500001e 00002000 4011 0000 " ADDR4 UDP_HI, FRAME_FRAGMENT, AF_INET, 17, 0, 0, NULL},
	{IP4 "4500001e 00000001 4011 0000 " ADDR4 UDP_HI, FRAME_FRAGMENT, AF_INET, 17, 0, 0, NULL},
	{IP6 "60000000 0012 2c 01 " ADDR6 "1100000100000001" UDP_HI, FRAME_FRAGMENT, AF_INET6, 17,
	 0, 0, NULL},
	{IP6 "60000000 0012 2c 01 " ADDR6 "1100000800000001" UDP_HI, FRAME_FRAGMENT, AF_INET6, 17,
	 0, 0, NULL},
	/* other things */
	{MACS "0806 0001080006040001", FRAME_NOT_IP, 0, 0, 0, 0, NULL},
	{MACS "88cc 0000", FRAME_NOT_IP, 0, 0, 0, 0, NULL},
	{MACS "0026 424203", FRAME_NOT_IP, 0, 0, 0, 0, NULL},
	{IP4 "4500001e 00004000 4084 0000 " ADDR4 UDP_HI, FRAME_OTHER_TRANSPORT, AF_INET, 132, 0, 0,
	 NULL},
	{IP4 "4500001e 00004000 403a 0000 " ADDR4 UDP_HI, FRAME_OTHER_TRANSPORT, AF_INET, 58, 0, 0,
	 NULL},
	{IP6 "60000000 0000 3b 01 " ADDR6, FRAME_OTHER_TRANSPORT, AF_INET6, 59, 0, 0, ""},
	{IP6 "60000000 000a 01 01 " ADDR6 UDP_HI, FRAME_OTHER_TRANSPORT, AF_INET6, 1, 0, 0, NULL},
	/* headers that contradict themselves */
	{IP4 "4400001e 00004000 4011 0000 " ADDR4 UDP_HI, FRAME_BAD_HEADER, 0, 0, 0, 0, NULL},
	{IP4 "45000010 00004000 4011 0000 " ADDR4 UDP_HI, FRAME_BAD_HEADER, 0, 0, 0, 0, NULL},
	{IP4 "60000000 000a 11 01 " ADDR6 UDP_HI, FRAME_BAD_HEADER, 0, 0, 0, 0, NULL},
	{IP6 "4500001e 00004000 4011 0000 " ADDR4 UDP_HI, FRAME_BAD_HEADER, 0, 0, 0, 0, NULL},
	{IP4 "4500001e 00004000 4011 0000 " ADDR4 "d431 076c 0007 0000 6869", FRAME_BAD_HEADER,
	 AF_INET, 17, 54321, 1900, NULL},
	{IP4 "4500002a 00004000 4006 0000 " ADDR4
	     "d431 1537 00000001 00000002 4018 ffff 0000 0000 6869",
	 FRAME_BAD_HEADER, AF_INET, 6, 54321, 5431, NULL},
	/* cut off */
	{"", FRAME_TRUNCATED, 0, 0, 0, 0, NULL},
	{MACS "08", FRAME_TRUNCATED, 0, 0, 0, 0, NULL},
	{IP4, FRAME_TRUNCATED, 0, 0, 0, 0, NULL},
	{MACS "8100 0064", FRAME_TRUNCATED, 0, 0, 0, 0, NULL},
	{MACS "8100 0064 08", FRAME_TRUNCATED, 0, 0, 0, 0, NULL},
	{IP4 "4500001e 00004000 4011 0000 c0a80104 c0a801", FRAME_TRUNCATED, 0, 0, 0, 0, NULL},
	{IP4 "4f00003c 00004000 4011 0000 " ADDR4, FRAME_TRUNCATED, AF_INET, 17, 0, 0, NULL},
	{IP4 "4500001e 00004000 4011 0000 " ADDR4 "d431 076c", FRAME_TRUNCATED, AF_INET, 17, 0, 0,
	 NULL},
	{IP4 "4500041e 00004000 4011 0000 " ADDR4 "d431 076c 040a 0000 6869", FRAME_TRUNCATED,
	 AF_INET, 17, 54321, 1900, "hi"},
	{IP4 "4500042a 00004000 4006 0000 " ADDR4 TCP_HI, FRAME_TRUNCATED, AF_INET, 6, 54321, 5431,
	 "hi"},
	{IP4 "4500001e 00004000 4011 0000 " ADDR4 "d431 076c 00ff 0000 6869", FRAME_TRUNCATED,
	 AF_INET, 17, 54321, 1900, "hi"},
	{IP4 "4500002a 00004000 4006 0000 " ADDR4
	     "d431 1537 00000001 00000002 f018 ffff 0000 0000 6869",
	 FRAME_TRUNCATED, AF_INET, 6, 54321, 5431, NULL},
	{IP4 "4500001b 00000000 0101 0000 " ADDR4 "0b00 0000 000000", FRAME_TRUNCATED, AF_INET, 1,
	 0, 0, NULL},
	{IP6 "60000000 000a 11 01 fe80", FRAME_TRUNCATED, 0, 0, 0, 0, NULL},
	{IP6 "60000000 0012 00 01 " ADDR6 "110005020000", FRAME_TRUNCATED, AF_INET6, 0, 0, 0, NULL},
	{IP6 "60000000 0012 00 01 " ADDR6 "11ff050200000000" UDP_HI, FRAME_TRUNCATED, AF_INET6, 0,
	 0, 0, NULL},
	{IP6 "60000000 0004 2c 01 " ADDR6 "11000000", FRAME_TRUNCATED, AF_INET6, 44, 0, 0, NULL},
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bytes b = from_hex(rows[i].hex);
		struct frame f;

		assert_row(i, frame_parse_ethernet(b.data, b.len, &f), rows[i].error);
		if (!rows[i].family)
			continue;
		assert_row(i, f.family, rows[i].family);
		assert_row(i, f.protocol, rows[i].protocol);
		assert_row(i, f.src_port, rows[i].src_port);
		assert_row(i, f.dst_port, rows[i].dst_port);
		if (rows[i].payload)
			assert_row_slice(i, f.payload, rows[i].payload);
	}
}

/* Cut anywhere, in memory that ends there: never read beyond, and never a whole packet. */
static void test_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bytes b = from_hex(rows[i].hex);

		for (size_t len = 0; len < b.len; len++) {
			uint8_t *exact = memcpy(xmalloc(len), b.data, len);
			struct frame f;
			enum frame_error error = frame_parse_ethernet(exact, len, &f);

			if (!error)
				assert_true(f.payload.ptr + f.payload.len <= (char *)exact + len);
			if (len < 14 + 20)
				assert_row(i, error == FRAME_OK, false);
			free(exact);
		}
	}
}

static void test_fields(void **state)
{
	struct bytes b = from_hex("4500002a 00004000 4006 0000 " ADDR4 TCP_HI);
	char text[INET6_ADDRSTRLEN];
	struct frame f;

	(void)state;
	assert_int_equal(frame_parse_ip(b.data, b.len, &f), FRAME_OK);
	assert_string_equal(inet_ntop(AF_INET, f.src, text, sizeof(text)), "192.168.1.4");
	assert_string_equal(inet_ntop(AF_INET, f.dst, text, sizeof(text)), "192.168.1.1");
	assert_int_equal(f.ttl, 64);
	assert_int_equal(f.seq, 1);
	assert_int_equal(f.ack, 2);
	assert_int_equal(f.flags, FRAME_TCP_PSH | FRAME_TCP_ACK);
	b = from_hex("60000000 000a 11 01 " ADDR6 UDP_HI);
	assert_int_equal(frame_parse_ip(b.data, b.len, &f), FRAME_OK);
	assert_string_equal(inet_ntop(AF_INET6, f.src, text, sizeof(text)), "fe80::1");
	assert_string_equal(inet_ntop(AF_INET6, f.dst, text, sizeof(text)), "ff02::c");
	assert_int_equal(f.ttl, 1);
	b = from_hex("50");
	assert_int_equal(frame_parse_ip(b.data, b.len, &f), FRAME_NOT_IP);
	assert_int_equal(frame_parse_ip(b.data, 0, &f), FRAME_TRUNCATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
