/* SPDX-License-Identifier: MIT */
/*
 * fuzz_import_log.c - any text as a log, through to a flow file, which must be read again.
 *
 * links: sim
 */
#include "../../fakeigd/base/mem.h"
#include "../../sim/import.h"
#include "fuzz.h"

#include <stdio.h>
#include <unistd.h>

static char path[64];

static void remove_file(void)
{
	unlink(path);
}

static void check_message(const struct recorded_message *m, uint64_t lines)
{
	size_t last = 0;

	for (size_t i = 0; i < m->gap_count; i++)
		require(m->gaps[i].offset <= m->bytes.len);
	for (size_t i = 0; i < m->segment_count; i++) {
		require(m->segments[i].end >= last && m->segments[i].end <= m->bytes.len);
		last = m->segments[i].end;
	}
	require(m->first && m->count && m->first + m->count - 1 <= lines);
}

static void check(const struct recording *r, uint64_t lines)
{
	for (size_t i = 0; i < r->note_count; i++)
		require(r->notes[i].first + r->notes[i].count <= lines + 1);
	for (size_t i = 0; i < r->count; i++) {
		const struct exchange *x = &r->exchanges[i];

		require(x->has_request || x->reply_count);
		if (x->has_request)
			check_message(&x->request, lines);
		for (size_t k = 0; k < x->reply_count; k++)
			check_message(&x->replies[k], lines);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1); /* so that reading past it is noticed */
	static const struct import_options options;
	struct recording head = {0}, got = {0};
	struct recording_writer *w;
	struct diag d = {0};
	uint64_t lines = 1;

	if (!path[0]) {
		snprintf(path, sizeof(path), "/dev/shm/fuzz-import-log-%d", (int)getpid());
		atexit(remove_file);
	}
	w = recording_create(path, &d);
	require(w && text);
	if (size)
		memcpy(text, data, size);
	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	if (import_log("fuzz", (struct slice){text, size}, &options, w, &head, &d)) {
		recording_abandon(w);
		require(d.errors);
	} else {
		size_t count = recording_put_count(w);

		head.source = xstrdup("fuzz");
		head.kind = xstrdup("log");
		head.sha256 = xstrdup("e3b0c44298fc1c149afbf4c8996fb924"
				      "27ae41e4649b934ca495991b7852b855");
		require(!recording_finish(w, &head, &d));
		if (recording_read(path, &got, &d)) {
			fprintf(stderr, "%.*s\n", (int)d.text.len, d.text.data);
			abort();
		}
		require(got.count == count);
		check(&got, lines);
	}
	recording_free(&head);
	recording_free(&got);
	diag_free(&d);
	free(text);
	return 0;
}
