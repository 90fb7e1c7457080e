/* SPDX-License-Identifier: MIT */
/*
 * fuzz_import.c - any bytes as a capture, through readers, frames, reassembly and pairing into a
 * flow file, which must be read again.
 *
 * The first byte says what the rest is: a whole capture, a journal, or packets with a record each
 * of one byte link type and direction, two bytes of length and the bytes, so that the fuzzer needs
 * no lengths of a file format.
 *
 * links: sim
 */
#include "capture_file.h"

#include "../../fakeigd/base/mem.h"
#include "../../sim/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];

static void remove_file(void)
{
	unlink(path);
}

static void check_message(const struct recorded_message *m)
{
	size_t last = 0;

	for (size_t i = 0; i < m->gap_count; i++) {
		if (m->gaps[i].offset > m->bytes.len)
			abort();
	}
	for (size_t i = 0; i < m->segment_count; i++) {
		if (m->segments[i].end < last || m->segments[i].end > m->bytes.len)
			abort();
		last = m->segments[i].end;
	}
	if (!m->first || !m->count || m->end_ns < m->time_ns)
		abort();
}

static void import(bool journal, struct slice file)
{
	static const struct import_options options;
	struct recording head = {0}, got = {0};
	struct diag d = {0};
	struct recording_writer *w = recording_create(path, &d);
	size_t count;

	if (!w)
		abort();
	if ((journal ? import_journal : import_packets)("fuzz", file, &options, w, &head, &d)) {
		recording_abandon(w);
		if (!d.errors)
			abort();
	} else {
		count = recording_put_count(w);
		head.source = xstrdup("fuzz");
		head.kind = xstrdup("pcap");
		head.sha256 = xstrdup("e3b0c44298fc1c149afbf4c8996fb924"
				      "27ae41e4649b934ca495991b7852b855");
		if (recording_finish(w, &head, &d) || recording_read(path, &got, &d)) {
			fprintf(stderr, "%.*s\n", (int)d.text.len, d.text.data);
			abort();
		}
		if (got.count != count)
			abort();
		for (size_t i = 0; i < got.count; i++) {
			struct exchange *x = &got.exchanges[i];

			if (x->has_request)
				check_message(&x->request);
			for (size_t k = 0; k < x->reply_count; k++)
				check_message(&x->replies[k]);
		}
	}
	recording_free(&head);
	recording_free(&got);
	diag_free(&d);
}

/* Records become segments and datagrams of two end points in a pcapng. */
static void packets(const uint8_t *data, size_t size)
{
	struct capture_file file = {.pcapng = true, .link_type = FRAME_LINK_ETHERNET};
	struct wire w = {
		.sink = capture_sink, .arg = &file, .time_ns = INT64_C(1753696326000000000)};
	struct end ends[2] = {{CLIENT, 40112, 0xffffff00u}, {ROUTER, 5431, 0}};
	static const uint16_t ports[] = {1900, 5351, 5350, 40000};

	capture_begin(&file);
	while (size >= 3) {
		unsigned how = data[0];
		size_t len = (size_t)data[1] | (size_t)(how & 1) << 8;
		struct end *a = &ends[how >> 1 & 1], *b = &ends[!(how >> 1 & 1)];
		struct end u = {b->address, ports[data[2] & 3], 0}, v = {a->address, 40000, 0};
		struct slice payload;

		if (len > size - 3)
			len = size - 3;
		payload = (struct slice){(const char *)data + 3, len};
		w.link = how >> 7;
		if (how & 4) {
			packets_udp(&w, how & 8 ? u : v, how & 8 ? v : u, payload);
		} else {
			uint32_t seq = a->seq + (how & 16 ? data[2] : 0);

			packets_segment(&w, *a, *b, seq, b->seq,
					(uint8_t)(how & 32 ? data[2] & 7 : 0) | FRAME_TCP_ACK,
					payload);
			if (!(how & 64))
				a->seq = seq + (uint32_t)len;
		}
		w.time_ns += data[2] == 255 ? INT64_C(40000000000) : 0;
		data += 3 + len;
		size -= 3 + len;
	}
	import(false, buf_slice(&file.bytes));
	buf_free(&file.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!path[0]) {
		snprintf(path, sizeof(path), "/dev/shm/fuzz-import-%d", (int)getpid());
		atexit(remove_file);
	}
	if (!size)
		return 0;
	if (data[0] & 1) {
		packets(data + 1, size - 1);
	} else {
		char *copy =
			memcpy(xmalloc(size), data + 1, size - 1); /* reading past it is noticed */

		copy = xrealloc(copy, size - 1 ? size - 1 : 1);
		import(data[0] & 2, (struct slice){copy, size - 1});
		free(copy);
	}
	return 0;
}
