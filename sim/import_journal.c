/* SPDX-License-Identifier: MIT */
/*
 * import_journal.c - fakeigd's journal into exchanges.
 *
 * Theory of operation
 *
 * A journal written with --journal-bytes has a line for whatever a socket read or wrote
 * (fakeigd/journal.h). Each becomes a packet: a datagram, or the next segment of its connection,
 * which begins with its first line and ends with the line that says so; then they go the way of a
 * capture's packets. So pairing, framing and limits are those of import_tcp.c and import_udp.c, and
 * numbers of packets are numbers of lines. Each router of the journal is a link of its own.
 *
 * Lines about decisions and state are counted; what is no line of a journal is noted with its
 * number, consecutive ones as one.
 *
 * Limits: CONNECTIONS_OPEN connections without an end, LINE_MAX_BYTES of a line.
 */
#include "import_parts.h"

#include "../fakeigd/base/mem.h"
#include "connection.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#define CONNECTIONS_OPEN 1024
#define ROUTERS_MAX	 256
#define LINE_MAX_BYTES	 (64u << 20)
#define PROGRESS_BYTES	 (4u << 20)
#define DATAGRAM	 "udp"

/** struct stream - a connection: its ends, as its first line names them, and next numbers */
struct stream {
	unsigned link;
	struct end_point ends[2];
	uint32_t seq[2];
};

/** struct journal - a file being read */
struct journal {
	struct importer im;
	struct import_tcp *tcp;
	struct import_udp *udp;
	struct connections *connections;
	struct stream streams[CONNECTIONS_OPEN];
	size_t stream_count;
	char *routers[ROUTERS_MAX];
	size_t router_count;
	uint32_t isn;
	uint64_t line, with_bytes, others;
	uint64_t bad_first, bad_count; /* lines that are none of a journal, not yet noted */
	struct buf bad_text;
};

/** struct transfer - a line about bytes */
struct transfer {
	unsigned link;
	int64_t time_ns;
	struct end_point from, to;
	bool datagram, closed;
	struct slice bytes;
};

/* ---- lines ---- */

/* "[fe80::1%3]:1900": the zone means something on that host only. */
static bool read_end(const json_t *line, const char *key, struct end_point *out)
{
	const char *text = json_string_value(json_object_get(line, key));
	const char *zone = text ? strchr(text, '%') : NULL, *end;
	struct buf plain = {0};
	bool fine;

	if (!text)
		return false;
	end = zone ? zone + strcspn(zone, "]") : text;
	buf_add(&plain, text, zone ? (size_t)(zone - text) : 0);
	buf_puts(&plain, end);
	fine = end_point_parse(buf_slice(&plain), out) && out->family && out->port;
	buf_free(&plain);
	return fine;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const char *text, struct buf *out)
{
	for (; text[0]; text += 2) {
		int high = digit(text[0]), low = high < 0 ? -1 : digit(text[1]);

		if (low < 0)
			return false;
		buf_putc(out, (char)(high << 4 | low));
	}
	return true;
}

static unsigned link_of(struct journal *j, const json_t *line)
{
	const char *name = json_string_value(json_object_get(line, "router"));

	for (size_t i = 0; i < j->router_count; i++) {
		if (name && strcmp(j->routers[i], name) == 0)
			return (unsigned)i;
	}
	if (!name || j->router_count == ROUTERS_MAX)
		return ROUTERS_MAX;
	j->routers[j->router_count] = xstrdup(name);
	return (unsigned)j->router_count++;
}

/* @bytes: decoded hex. Return: false when the line is not as fakeigd writes it. */
static bool read_transfer(struct journal *j, const json_t *line, struct buf *bytes,
			  struct transfer *out)
{
	const json_t *text = json_object_get(line, "text");
	const char *hex = json_string_value(json_object_get(line, "hex"));
	const char *layer = json_string_value(json_object_get(line, "layer"));
	double time = json_number_value(json_object_get(line, "time"));

	*out = (struct transfer){.link = link_of(j, line)};
	if (!layer || !(time > 0 && time < 9e9) || !read_end(line, "from", &out->from) ||
	    !read_end(line, "to", &out->to) || out->from.family != out->to.family)
		return false;
	out->time_ns = llround(time * 1e6) * 1000; /* as exact as it was written */
	out->datagram = strcmp(layer, DATAGRAM) == 0;
	if (hex && !read_hex(hex, bytes))
		return false;
	out->closed = !hex && !text;
	out->bytes = json_is_string(text)
			     ? (struct slice){json_string_value(text), json_string_length(text)}
			     : buf_slice(bytes);
	return true;
}

/* ---- packets ---- */

static struct packet packet_of(const struct journal *j, const struct transfer *t)
{
	static const uint8_t no_stations[12];
	struct packet p = {
		.link = t->link,
		.time_ns = t->time_ns,
		.number = j->line - 1,
		.ethernet = no_stations,
	};

	p.frame.family = t->from.family;
	memcpy(p.frame.src, t->from.address, sizeof(p.frame.src));
	memcpy(p.frame.dst, t->to.address, sizeof(p.frame.dst));
	p.frame.src_port = t->from.port;
	p.frame.dst_port = t->to.port;
	p.frame.payload = t->bytes;
	p.frame.protocol = t->datagram ? IPPROTO_UDP : IPPROTO_TCP;
	return p;
}

/* Which side of a stream sends, -1 = another stream. */
static int side_of(const struct stream *s, const struct transfer *t)
{
	for (int i = 0; i < 2; i++) {
		if (s->link == t->link && end_point_same(&s->ends[i], &t->from) &&
		    end_point_same(&s->ends[!i], &t->to))
			return i;
	}
	return -1;
}

static void send_segment(struct journal *j, struct stream *s, int from, const struct transfer *t,
			 uint8_t flags)
{
	struct packet p = packet_of(j, t);

	if (from < 0)
		return;
	p.frame.seq = s->seq[from];
	p.frame.flags = flags;
	s->seq[from] += (uint32_t)p.frame.payload.len + !!(flags & FRAME_TCP_SYN);
	connections_packet(j->connections, &p);
}

/* The end of both directions, whoever said so. */
static void close_stream(struct journal *j, size_t index, const struct transfer *t)
{
	struct stream *s = &j->streams[index];
	struct transfer end = *t;

	end.bytes = (struct slice){0};
	for (int i = 0; i < 2; i++) {
		end.link = s->link;
		end.from = s->ends[i];
		end.to = s->ends[!i];
		send_segment(j, s, i, &end, FRAME_TCP_FIN);
	}
	*s = j->streams[--j->stream_count];
}

static struct stream *open_stream(struct journal *j, const struct transfer *t)
{
	struct transfer begin = *t;
	struct stream *s;

	if (j->stream_count == CONNECTIONS_OPEN)
		close_stream(j, 0, t);
	s = &j->streams[j->stream_count++];
	*s = (struct stream){.link = t->link, .ends = {t->from, t->to}, .seq = {j->isn, j->isn}};
	j->isn += 1u << 20; /* so that a SYN on the same end points is another one */
	begin.bytes = (struct slice){0};
	send_segment(j, s, 0, &begin, FRAME_TCP_SYN);
	return s;
}

static void on_stream(struct journal *j, const struct transfer *t)
{
	struct stream *s = NULL;

	for (size_t i = 0; i < j->stream_count && !s; i++) {
		if (side_of(&j->streams[i], t) >= 0)
			s = &j->streams[i];
	}
	if (t->closed && s)
		close_stream(j, (size_t)(s - j->streams), t);
	if (t->closed || !t->bytes.len)
		return;
	if (!s)
		s = open_stream(j, t);
	send_segment(j, s, side_of(s, t), t, 0);
}

static void on_transfer(struct journal *j, const struct transfer *t)
{
	struct packet p = packet_of(j, t);

	if (!j->with_bytes++)
		j->im.head->dated = true;
	if (!t->datagram)
		on_stream(j, t);
	else if (!import_udp_packet(j->udp, &p))
		j->others++;
}

/* ---- the file ---- */

/* Notes the lines before this one that were not understood. */
static void note_bad(struct journal *j)
{
	if (!j->bad_count)
		return;
	buf_putc(&j->bad_text, '\0');
	recording_note_add(j->im.head, j->bad_first, j->bad_count,
			   "not understood: no line of a journal", j->bad_text.data);
	buf_reset(&j->bad_text);
	j->bad_count = 0;
}

static void on_bad_line(struct journal *j, struct slice line)
{
	if (!j->bad_count++) {
		j->bad_first = j->line;
		buf_add(&j->bad_text, line.ptr, line.len < 200 ? line.len : 200);
	}
}

static void on_line(struct journal *j, struct slice text)
{
	json_t *line = text.len <= LINE_MAX_BYTES ? json_loadb(text.ptr, text.len, 0, NULL) : NULL;
	const char *event = json_string_value(json_object_get(line, "event"));
	bool moved = event && (strcmp(event, "read") == 0 || strcmp(event, "written") == 0);
	struct transfer transfer;
	struct buf bytes = {0};

	if (!event || (moved && !read_transfer(j, line, &bytes, &transfer))) {
		on_bad_line(j, text);
	} else {
		note_bad(j);
		if (moved)
			on_transfer(j, &transfer);
		else
			j->others++;
	}
	buf_free(&bytes);
	json_decref(line);
}

static void read_lines(struct journal *j, struct slice data)
{
	const struct import_options *o = j->im.options;
	size_t at = 0, reported = 0;

	while (at < data.len) {
		const char *end = memchr(data.ptr + at, '\n', data.len - at);
		size_t len = end ? (size_t)(end - data.ptr) - at : data.len - at;

		j->line++;
		if (len)
			on_line(j, (struct slice){data.ptr + at, len});
		at += len + 1;
		if (o->progress && at - reported >= PROGRESS_BYTES)
			o->progress(o->arg, reported = at, data.len);
	}
	note_bad(j);
}

static int finish(struct journal *j, const char *path, struct diag *d)
{
	connections_end(j->connections);
	import_udp_end(j->udp);
	import_note_unwanted(&j->im);
	if (j->others) {
		char *what = xasprintf("left out: %llu lines about decisions and state",
				       (unsigned long long)j->others);

		recording_note_add(j->im.head, 0, 0, what, NULL);
		free(what);
	}
	if (recording_put_count(j->im.writer))
		return 0;
	if (j->with_bytes)
		diag_at(d, path, 0,
			"nothing usable in %llu lines: looked for HTTP over TCP and SSDP%s",
			(unsigned long long)j->line,
			j->im.unwanted ? " between the given addresses" : "");
	else
		diag_at(d, path, 0,
			"this journal does not hold the bytes of messages: looked for lines with "
			"\"event\": \"read\" or \"written\"; fakeigd writes them with "
			"--journal-bytes. Of a run of igdlab import its capture.pcapng instead");
	return -1;
}

int import_journal(const char *path, struct slice data, const struct import_options *options,
		   struct recording_writer *w, struct recording *head, struct diag *d)
{
	struct journal *j = xcalloc(1, sizeof(*j));
	int result = -1;

	if (import_begin(&j->im, path, options, w, head, d)) {
		j->tcp = import_tcp_new(&j->im);
		j->udp = import_udp_new(&j->im);
		j->connections = connections_new(import_tcp_sink(j->tcp));
		read_lines(j, data);
		result = finish(j, path, d);
		connections_free(j->connections);
		import_tcp_free(j->tcp);
		import_udp_free(j->udp);
	}
	for (size_t i = 0; i < j->router_count; i++)
		free(j->routers[i]);
	buf_free(&j->bad_text);
	free(j);
	return result;
}
