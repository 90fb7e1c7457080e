/* SPDX-License-Identifier: MIT */
/*
 * test_pcapng.c - what is written reads back; both byte orders; damage is refused.
 *
 * links: sim
 */
#include "unit.h"

#include "../../sim/pcapng.h"

#define TIME INT64_C(1753696326825123456)

static struct buf file;
static struct pcapng_reader reader;
static union pcapng_content content;

static int set_up(void **state)
{
	(void)state;
	file = (struct buf){0};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pcapng_close(&reader);
	buf_free(&file);
	return 0;
}

static void open_file(void)
{
	pcapng_open(&reader, file.data, file.len);
}

static void expect(enum pcapng_block block)
{
	assert_int_equal(pcapng_next(&reader, &content), block);
}

static void write_packet(uint32_t interface, const char *data, size_t len, const char *comment)
{
	pcapng_write_packet(&file, &(struct pcapng_packet){
					   .interface = interface,
					   .time_ns = TIME,
					   .original_len = (uint32_t)len + 7,
					   .data = {data, len},
					   .comment = slice_of(comment),
				   });
}

static void write_small_file(void)
{
	pcapng_write_section(&file, "igdlab", "Linux 6", NULL);
	pcapng_write_interface(&file, PCAPNG_LINKTYPE_ETHERNET, "home", "br0");
	pcapng_write_interface(&file, PCAPNG_LINKTYPE_ETHERNET, "internet", NULL);
	write_packet(1, "12345", 5, "r1 decided: \xc3\xa4");
	pcapng_write_statistics(&file, 1, TIME, 100, 3);
}

static void round_trip(void **state)
{
	(void)state;
	write_small_file();
	for (size_t len = 0; len < 9; len++)
		write_packet(0, "abcdefgh", len, NULL);
	assert_int_equal(file.len % 4, 0);
	open_file();
	expect(PCAPNG_SECTION);
	expect(PCAPNG_INTERFACE);
	expect(PCAPNG_INTERFACE);
	assert_int_equal(reader.count, 2);
	assert_slice(reader.interfaces[0].name, "home");
	assert_slice(reader.interfaces[0].description, "br0");
	assert_null(reader.interfaces[1].description.ptr);
	assert_int_equal(reader.interfaces[0].resolution, 9);
	expect(PCAPNG_PACKET);
	assert_int_equal(content.packet.interface, 1);
	assert_int_equal(content.packet.time_ns, TIME);
	assert_int_equal(content.packet.original_len, 12);
	assert_slice(content.packet.data, "12345");
	assert_slice(content.packet.comment, "r1 decided: \xc3\xa4");
	expect(PCAPNG_STATISTICS);
	assert_int_equal(content.statistics.interface, 1);
	assert_int_equal(content.statistics.received, 100);
	assert_int_equal(content.statistics.dropped, 3);
	assert_int_equal(content.statistics.time_ns, TIME);
	for (size_t len = 0; len < 9; len++) {
		expect(PCAPNG_PACKET);
		assert_int_equal(content.packet.data.len, len);
		assert_memory_equal(content.packet.data.ptr, "abcdefgh", len);
		assert_null(content.packet.comment.ptr);
	}
	expect(PCAPNG_END);
	expect(PCAPNG_END);
}

/* A file cut at any byte gives the blocks before the cut, then END or BAD, and never more. */
static void every_cut(void **state)
{
	size_t whole;

	(void)state;
	write_small_file();
	whole = file.len;
	for (size_t len = 0; len < whole; len++) {
		enum pcapng_block block;
		char *copy = memcpy(xmalloc(len + 1), file.data, len);
		bool at_end;

		pcapng_open(&reader, copy, len);
		while ((block = pcapng_next(&reader, &content)) > PCAPNG_BAD)
			;
		at_end = reader.pos == len;
		assert_int_equal(block, at_end ? PCAPNG_END : PCAPNG_BAD);
		if (!at_end)
			assert_non_null(reader.error);
		pcapng_close(&reader);
		free(copy);
	}
}

static void put32be(struct buf *b, uint32_t v)
{
	const uint8_t bytes[] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
				 (uint8_t)v};

	buf_add(b, bytes, 4);
}

/* A big-endian section as another machine writes it, microseconds by default. */
static void write_big_endian(void)
{
	static const uint32_t blocks[] = {
		0x0A0D0D0A, 28, 0x1A2B3C4D, 0x00010000, 0xffffffff, 0xffffffff, 28, /* section */
		1,	    20, 0x00010000, 0,		20,			    /* interface */
		0x0BAD,	    16, 0x12345678, 16,					    /* unknown */
		6,	    36, 0,	    0x00000001, 0x00000002, 2,		2,
		0x61620000, 36,				    /* packet */
		3,	    20, 2,	    0x63640000, 20, /* simple packet */
	};

	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		put32be(&file, blocks[i]);
}

static void other_byte_order(void **state)
{
	(void)state;
	write_big_endian();
	open_file();
	expect(PCAPNG_SECTION);
	assert_true(reader.swapped);
	expect(PCAPNG_INTERFACE);
	expect(PCAPNG_PACKET);
	assert_int_equal(content.packet.time_ns, ((INT64_C(1) << 32) + 2) * 1000);
	assert_slice(content.packet.data, "ab");
	expect(PCAPNG_PACKET);
	assert_slice(content.packet.data, "cd");
	assert_int_equal(content.packet.time_ns, 0);
	expect(PCAPNG_END);
}

/* Interfaces count over sections, also where these differ in byte order. */
static void two_sections(void **state)
{
	(void)state;
	write_small_file();
	write_big_endian();
	open_file();
	for (int i = 0; i < 5; i++)
		pcapng_next(&reader, &content);
	expect(PCAPNG_SECTION);
	expect(PCAPNG_INTERFACE);
	assert_int_equal(reader.count, 3);
	expect(PCAPNG_PACKET);
	assert_int_equal(content.packet.interface, 2);
}

/* if_tsresol: powers of ten and of two; if_tsoffset in seconds. */
static void time_resolutions(void **state)
{
	static const struct {
		uint8_t resolution;
		int64_t ticks;
		int64_t ns;
	} rows[] = {
		{0, 5, 5000000000},
		{3, 5, 5000000},
		{6, 5, 5000},
		{9, 5, 5},
		{12, 5000, 5},
		{0x80, 5, 5000000000},
		{0x81, 1, 500000000},
		{0x8a, 1024, 1000000000},
		{0, INT64_MAX, INT64_MAX}, /* beyond what can be said */
		{127, 5, 0},
		{0xff, 5, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t at;

		buf_reset(&file);
		pcapng_write_section(&file, NULL, NULL, NULL);
		pcapng_write_interface(&file, 1, NULL, NULL);
		at = file.len - 12; /* the option's value: resolution, padding, end, length */
		assert_int_equal(file.data[at], 9);
		file.data[at] = (char)rows[i].resolution;
		pcapng_write_packet(&file, &(struct pcapng_packet){.time_ns = rows[i].ticks});
		open_file();
		expect(PCAPNG_SECTION);
		expect(PCAPNG_INTERFACE);
		expect(PCAPNG_PACKET);
		assert_row(i, content.packet.time_ns, rows[i].ns);
		pcapng_close(&reader);
	}
}

/* One number of a small file changed, in 32-bit words from the start of its first packet. */
static void damage(void **state)
{
	static const struct {
		size_t word;
		uint32_t value;
	} rows[] = {
		{1, 4},			    /* shorter than any block */
		{1, 50},		    /* no multiple of four */
		{1, 1000000},		    /* beyond the file */
		{1, 0xfffffffc},	    /* far beyond */
		{2, 2},			    /* an interface that is not there */
		{2, 0xffffffff}, {5, 1000}, /* a packet longer than its block */
		{5, 0xffffffff},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t at;

		buf_reset(&file);
		pcapng_write_section(&file, NULL, NULL, NULL);
		pcapng_write_interface(&file, 1, NULL, NULL);
		pcapng_write_interface(&file, 1, NULL, NULL);
		at = file.len + rows[i].word * 4;
		write_packet(0, "12345678", 8, "comment");
		memcpy(file.data + at, &rows[i].value, 4);
		open_file();
		expect(PCAPNG_SECTION);
		expect(PCAPNG_INTERFACE);
		expect(PCAPNG_INTERFACE);
		assert_row(i, pcapng_next(&reader, &content), PCAPNG_BAD);
		assert_non_null(reader.error);
		assert_row(i, pcapng_next(&reader, &content), PCAPNG_BAD);
		pcapng_close(&reader);
	}
}

/* An option that is longer than its block ends the options and nothing else. */
static void option_beyond_its_block(void **state)
{
	uint16_t len = 60000;
	size_t at;

	(void)state;
	pcapng_write_section(&file, NULL, NULL, NULL);
	at = file.len + 16 + 2;
	pcapng_write_interface(&file, 1, "home", NULL);
	memcpy(file.data + at, &len, sizeof(len));
	open_file();
	expect(PCAPNG_SECTION);
	expect(PCAPNG_INTERFACE);
	assert_null(reader.interfaces[0].name.ptr);
	expect(PCAPNG_END);
}

static void not_a_pcapng(void **state)
{
	static const char *const files[] = {"hello, this is text", "\xd4\xc3\xb2\xa1\x02\0\x04",
					    "\x0a\x0d\x0d\x0a\x1c\0\0\0xxxxxxxxxxxxxxxxxxxxxxxx"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		pcapng_open(&reader, files[i], 19);
		expect(PCAPNG_BAD);
		pcapng_close(&reader);
	}
	pcapng_open(&reader, NULL, 0);
	expect(PCAPNG_END);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(round_trip),
		TEST(every_cut),
		TEST(other_byte_order),
		TEST(two_sections),
		TEST(time_resolutions),
		TEST(damage),
		TEST(option_beyond_its_block),
		TEST(not_a_pcapng),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
