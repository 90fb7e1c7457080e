/* SPDX-License-Identifier: MIT */
/*
 * recording.h - a recorded flow: exchanges between clients and routers, with provenance (DESIGN:
 * Flow).
 *
 * What an importer reads out of a capture, a log or a journal, and what show, learn, replay and
 * diff work on. The file is one JSON document with one exchange per line, so that both jq and grep
 * find their way; flow.schema.json describes it.
 */
#ifndef SIM_RECORDING_H
#define SIM_RECORDING_H

#include "../fakeigd/base/diag.h"
#include "flow.h"
#include "tree.h"

#define RECORDING_VERSION	1
#define RECORDING_NO_TIME	INT64_MIN	      /* the source does not say when */
#define RECORDING_MESSAGE_BYTES (4u << 20)	      /* kept of one message */
#define RECORDING_FILE_BYTES	(UINT64_C(256) << 20) /* largest file that is read whole */

/** struct end_point - who sends or receives; @family 0 = the source does not say */
struct end_point {
	int family;
	uint8_t address[16]; /* IPv4 in the first four bytes */
	uint16_t port;	     /* 0 = not known */
};

/** struct recorded_segment - the first @end bytes of a message had arrived at @time_ns */
struct recorded_segment {
	size_t end;
	int64_t time_ns;
};

/**
 * struct recorded_gap - bytes that the source has not got
 * @offset:	in @bytes of the message, where they are missing (nothing stands for them there)
 * @count:	how many, 0 = nobody knows
 */
struct recorded_gap {
	size_t offset;
	uint64_t count;
};

/**
 * struct recorded_message - one message
 * @time_ns, @end_ns: of its first and last byte; nanoseconds since 1970, or since the start of the
 *		source where recording.dated is false; or RECORDING_NO_TIME
 * @bytes:	as on the wire, as far as the source has them; HTTP: head and body with its transfer
 *		coding
 * @gaps:	what is missing, in order; a head without the body that it announces has one at its
 *		end
 * @restored:	sentences: what the importer put back and what proves it ("body: CR before each LF;
 *		361 bytes as stated")
 * @segments:	how it arrived over TCP, in order; none = not known
 * @first, @count: provenance: number of its first packet or line, from 1, and how many
 */
struct recorded_message {
	int64_t time_ns, end_ns;
	struct end_point from, to;
	struct buf bytes;
	struct recorded_gap *gaps;
	size_t gap_count;
	struct names restored;
	struct recorded_segment *segments;
	size_t segment_count;
	uint64_t first, count;
};

/**
 * struct exchange - a request and what came back
 * @protocol:	what it speaks (FLOW_SSDP ... FLOW_ICMP)
 * @name:	in short, for people: "M-SEARCH ssdp:all", "GET /root.xml", "AddPortMapping",
 *		"NOTIFY ssdp:alive"
 * @connection:	exchanges over the same TCP connection have the same number; -1 = datagrams, or not
 *		known
 * @from_router: the router began: SSDP and GENA notifications, announcements
 * @has_request: false: the source has only the answer
 * @replies:	in order of time; of a search, those of every responder; a TCP exchange has one at
 *		most (interim responses are left out)
 */
struct exchange {
	enum flow_protocol protocol;
	char *name;
	int connection;
	bool from_router;
	bool has_request;
	struct recorded_message request;
	struct recorded_message *replies;
	size_t reply_count;
};

/** struct recording_note - something in the source that became no exchange, or only in part */
struct recording_note {
	uint64_t first, count; /* lines or packets, from 1; 0 = the whole */
	char *what;	       /* "not understood", "duplicate of line 31", "left out: DNS" */
	char *text;	       /* a piece of it, NULL = none */
};

/**
 * struct recording - a flow; zero-initialised is empty, recording_free() at last
 * @summary:	one line, may be NULL
 * @source:	file name without folders; @kind: "log", "pcap", "pcapng", "journal"; @sha256: in
 *		hex;
 *		@bytes: its size
 * @dated:	times are dates
 * @client, @router: the pair that most exchanges are between: addresses as text, NULL = not known
 * @replaced:	what --anonymise put for what kind: "3 public IPv4 addresses by 203.0.113.1 to .3"
 */
struct recording {
	char *summary;
	char *source, *kind, *sha256;
	uint64_t bytes;
	bool dated;
	char *client, *router;
	struct names replaced;
	struct recording_note *notes;
	size_t note_count, note_cap;
	struct exchange *exchanges;
	size_t count, cap;
};

void recording_free(struct recording *r);
/** recording_add() - append an empty exchange, valid until the next call. */
struct exchange *recording_add(struct recording *r);
/** recording_note_add() - @text may be NULL; both are copied, @text is cut to 120 characters. */
void recording_note_add(struct recording *r, uint64_t first, uint64_t count, const char *what,
			const char *text);
/** exchange_reply() - append an empty reply, valid until the next call. */
struct recorded_message *exchange_reply(struct exchange *x);
void exchange_free(struct exchange *x);
/** exchange_first_ns() - time of the request, else of the first reply. */
int64_t exchange_first_ns(const struct exchange *x);

/**
 * end_point_text() - append "192.168.1.4:51000", "[fe80::1]:1900", "192.168.1.4", "fe80::1",
 * ":5431"; nothing when nothing is known
 */
void end_point_text(const struct end_point *e, struct buf *out);
/** end_point_parse() - the reverse. Return: whether it is one (@out is untouched if not). */
bool end_point_parse(struct slice text, struct end_point *out);
/** end_point_same_address() - both known and equal, whatever the ports. */
bool end_point_same_address(const struct end_point *a, const struct end_point *b);
/** end_point_same() - and equal ports. */
bool end_point_same(const struct end_point *a, const struct end_point *b);
/** end_point_is_multicast() - an IPv4 or IPv6 group, or the limited broadcast address. */
bool end_point_is_multicast(const struct end_point *e);

/**
 * recording_read() - read a flow file
 * @path:	file; see recording_find() for names
 * @out:	filled; to be freed also after a failure
 *
 * Return: 0, or -1 after complaints with line and what was expected.
 */
int recording_read(const char *path, struct recording *out, struct diag *d);
/** recording_parse() - the same from memory; @name stands for the file in complaints. */
int recording_parse(struct slice text, const char *name, struct recording *out, struct diag *d);
/** recording_find() - path of a flow: a name of captures/ (NAME.flow.json), or a file. Free it. */
char *recording_find(const char *name);

/* ---- writing, in bounded memory ---- */

/**
 * recording_create() - begin a flow file
 * @path:	it appears there when recording_finish() succeeds, not before
 *
 * Exchanges are spooled to a file without a name as they come, so an import needs memory for one
 * exchange and 32 bytes for each that went before. Return: a writer, or NULL after a complaint.
 */
struct recording_writer *recording_create(const char *path, struct diag *d);
/** recording_put() - one exchange, in whatever order; @x stays the caller's. */
void recording_put(struct recording_writer *w, const struct exchange *x);
/** recording_put_count() - how many were put. */
size_t recording_put_count(const struct recording_writer *w);
/**
 * struct recording_counts - what was put
 * @restored, @cut: messages with something restored, with gaps
 */
struct recording_counts {
	size_t exchanges[FLOW_PROTOCOL_COUNT];
	size_t restored, cut;
};
/** recording_counts() - valid until the writer is freed. */
const struct recording_counts *recording_counts(const struct recording_writer *w);
/**
 * recording_finish() - write head (@r without its exchanges) and exchanges in order of time
 *
 * r->client and r->router, when NULL, are found out. Frees the writer. Return: 0, or -1 after a
 * complaint; then nothing is at the path but what was there before.
 */
int recording_finish(struct recording_writer *w, struct recording *r, struct diag *d);
/**
 * recording_collect() - the exchanges in order of time into @r, instead of into a file
 *
 * Fills client and router as recording_finish() does and frees the writer. Return: 0, or -1 after a
 * complaint (more than RECORDING_FILE_BYTES are no flow that can be held).
 */
int recording_collect(struct recording_writer *w, struct recording *r, struct diag *d);
/** recording_save() - write all of @r to @path. Return: 0, or -1 after a complaint. */
int recording_save(const char *path, struct recording *r, struct diag *d);
/** recording_abandon() - free a writer, leave nothing. */
void recording_abandon(struct recording_writer *w);

#endif
