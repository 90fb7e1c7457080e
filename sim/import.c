/* SPDX-License-Identifier: MIT */
/*
 * import.c - which importer reads a file (see import.h).
 *
 * Theory of operation
 *
 * pcap and pcapng have numbers at their start (draft-ietf-opsawg-pcap clause 4, -pcapng
 * clause 4.1), in either byte order; a journal of fakeigd is lines of JSON with "event" and
 * "layer"; everything else that is text is a log. What people hand over by mistake, compressed
 * files and flows, is told by name. The file is mapped, so its size does not count.
 */
#include "import.h"

#include "../fakeigd/base/mem.h"
#include "sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOKED_AT      4096	   /* bytes that decide what a file is */
#define HASHED_AT_ONCE (16u << 20) /* a multiple of every page size */

/** struct magic - how a file begins; @read is NULL for what is refused with @advice */
struct magic {
	const char *bytes;
	size_t len;
	const char *kind;
	int (*read)(const char *path, struct slice data, const struct import_options *options,
		    struct recording_writer *w, struct recording *head, struct diag *d);
	const char *advice;
};

static const struct magic magics[] = {
	{"\xa1\xb2\xc3\xd4", 4, "pcap", import_packets, NULL},
	{"\xd4\xc3\xb2\xa1", 4, "pcap", import_packets, NULL},
	{"\xa1\xb2\x3c\x4d", 4, "pcap", import_packets, NULL},
	{"\x4d\x3c\xb2\xa1", 4, "pcap", import_packets, NULL},
	{"\x0a\x0d\x0d\x0a", 4, "pcapng", import_packets, NULL},
	{"\x1f\x8b", 2, NULL, NULL, "it is compressed; unpack it first: gunzip -k"},
	{"\x28\xb5\x2f\xfd", 4, NULL, NULL, "it is compressed; unpack it first: unzstd"},
	{"\xfd"
	 "7zXZ",
	 5, NULL, NULL, "it is compressed; unpack it first: unxz -k"},
	{"BZh", 3, NULL, NULL, "it is compressed; unpack it first: bunzip2 -k"},
	{"PK\x03\x04", 4, NULL, NULL, "it is a zip archive; unpack it first: unzip"},
	{"\x7f"
	 "ELF",
	 4, NULL, NULL, "it is a program"},
	{"%PDF", 4, NULL, NULL, "it is a PDF; save its text first: pdftotext"},
	{"\xff\xfe", 2, NULL, NULL, "it is text in UTF-16; make it UTF-8 first: iconv -f UTF-16"},
	{"\xfe\xff", 2, NULL, NULL, "it is text in UTF-16; make it UTF-8 first: iconv -f UTF-16"},
	{"{\"igdlab-flow\"", 14, NULL, NULL, "it is a flow already; see igdlab show flow"},
};

static const struct magic journal = {"{", 1, "journal", import_journal, NULL};
static const struct magic text = {"", 0, "log", import_log, NULL};

/* Its first line is an object with what every line of a journal has. */
static bool is_journal(struct slice start)
{
	const char *end = start.len ? memchr(start.ptr, '\n', start.len) : NULL;
	size_t len = end ? (size_t)(end - start.ptr) : start.len;

	return slice_starts(start, journal.bytes) && memmem(start.ptr, len, "\"event\"", 7) &&
	       memmem(start.ptr, len, "\"layer\"", 7);
}

static const struct magic *kind_of(const char *path, struct slice data, struct diag *d)
{
	struct slice start = {data.ptr, data.len < LOOKED_AT ? data.len : LOOKED_AT};

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		const struct magic *m = &magics[i];

		if (start.len < m->len || memcmp(start.ptr, m->bytes, m->len))
			continue;
		if (m->read)
			return m;
		diag_at(d, path, 0, "cannot be imported: %s", m->advice);
		return NULL;
	}
	if (is_journal(start))
		return &journal;
	if (!memchr(start.ptr, 0, start.len))
		return &text;
	diag_at(d, path, 0,
		"cannot be imported: expected a capture (pcap, pcapng), a journal or a text log, "
		"found bytes that are none of these");
	return NULL;
}

static void describe(const char *path, struct slice data, const char *kind, struct recording *head)
{
	const char *slash = strrchr(path, '/');
	char digest[65];
	struct sha256 sha;

	sha256_start(&sha);
	for (size_t at = 0; at < data.len; at += HASHED_AT_ONCE) {
		size_t len = data.len - at < HASHED_AT_ONCE ? data.len - at : HASHED_AT_ONCE;

		sha256_feed(&sha, (struct slice){data.ptr + at, len});
		madvise((void *)(data.ptr + at), len, MADV_DONTNEED); /* memory stays bounded */
	}
	sha256_hex(&sha, digest);
	head->source = xstrdup(slash ? slash + 1 : path);
	head->kind = xstrdup(kind);
	head->sha256 = xstrdup(digest);
	head->bytes = data.len;
}

static int import_mapped(const char *path, struct slice data, const struct import_options *options,
			 struct recording_writer *w, struct recording *head, struct diag *d)
{
	const struct magic *kind = kind_of(path, data, d);
	struct import_options mapped = *options;

	if (!kind)
		return -1;
	describe(path, data, kind->kind, head);
	mapped.mapped = true;
	return kind->read(path, data, &mapped, w, head, d);
}

int import_file(const char *path, const struct import_options *options, struct recording_writer *w,
		struct recording *head, struct diag *d)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), status = -1;
	char *data = MAP_FAILED;
	struct stat st;

	*head = (struct recording){0};
	if (fd < 0 || fstat(fd, &st) < 0)
		diag_at(d, path, 0, "cannot be read: %s", strerror(errno));
	else if (!S_ISREG(st.st_mode))
		diag_at(d, path, 0, "cannot be read: expected a plain file");
	else if (!st.st_size)
		diag_at(d, path, 0, "the file is empty");
	else if ((data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) ==
		 MAP_FAILED)
		diag_at(d, path, 0, "cannot be read: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	if (data == MAP_FAILED)
		return -1;
	madvise(data, (size_t)st.st_size, MADV_SEQUENTIAL);
	status = import_mapped(path, (struct slice){data, (size_t)st.st_size}, options, w, head, d);
	munmap(data, (size_t)st.st_size);
	return status;
}
