/* SPDX-License-Identifier: MIT */
/*
 * evidence.c - what a lab leaves behind, made readable: sorted capture, comments, picture.
 *
 * Theory of operation
 *
 * The capture is mapped, its packets are listed and sorted by time (each link is in order already,
 * the links among each other are not), and fed to the flow decoder. The journals' lines become
 * comments of packets (evidence_journal.c). Then three files are written, each beside its old one
 * and renamed over it: the capture itself, messages.json, ladder.svg. Running it again gives the
 * same again.
 *
 * A capture that ends in the middle of a block, because the lab was killed, is used up to there.
 */
#include "evidence.h"

#include "../fakeigd/base/mem.h"
#include "capture.h"
#include "evidence_parts.h"
#include "replace.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define CAPTURE	 "capture.pcapng"
#define MESSAGES "messages.json"
#define LADDER	 "ladder.svg"

/* ---- reading the capture ---- */

static int map_capture(struct evidence *e)
{
	int fd = openat(e->dir, CAPTURE, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		diag_at(e->diag, e->path, 0, CAPTURE ": %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	e->map_len = (size_t)st.st_size;
	if (e->map_len)
		e->map = mmap(NULL, e->map_len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (e->map == MAP_FAILED) {
		diag_at(e->diag, e->path, 0, CAPTURE ": %s", strerror(errno));
		e->map = NULL;
	}
	close(fd);
	return e->map ? 0 : -1;
}

static void *grow(void *array, size_t count, size_t size)
{
	/* Called for each element: doubles when the count is a power of two. */
	if (count & (count - 1))
		return array;
	return xrealloc(array, (count ? count * 2 : 1) * size);
}

static void add_packet(struct evidence *e, const struct pcapng_packet *packet)
{
	struct evidence_packet *p;

	e->packets = grow(e->packets, e->count, sizeof(*e->packets));
	p = &e->packets[e->count++];
	*p = (struct evidence_packet){.packet = *packet, .from = -1, .to = -1};
	if (slice_starts(packet->comment, CAPTURE_FULL))
		buf_puts(&p->comment, CAPTURE_FULL);
}

static void read_capture(struct evidence *e)
{
	union pcapng_content content;
	enum pcapng_block block;

	pcapng_open(&e->reader, e->map, e->map_len);
	while ((block = pcapng_next(&e->reader, &content)) > PCAPNG_BAD) {
		if (block == PCAPNG_PACKET) {
			add_packet(e, &content.packet);
		} else if (block == PCAPNG_STATISTICS) {
			e->statistics =
				grow(e->statistics, e->statistics_count, sizeof(*e->statistics));
			e->statistics[e->statistics_count++] = content.statistics;
		}
	}
	if (block == PCAPNG_BAD)
		diag_at(e->diag, e->path, 0, CAPTURE ": %s at byte %zu; used up to there",
			e->reader.error, e->reader.pos);
}

/* Equal times keep the file's order, which is the data's in memory. */
static int compare_packets(const void *a, const void *b)
{
	const struct pcapng_packet *x = &((const struct evidence_packet *)a)->packet;
	const struct pcapng_packet *y = &((const struct evidence_packet *)b)->packet;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->data.ptr < y->data.ptr ? -1 : x->data.ptr > y->data.ptr;
}

/* Which nodes a packet went between: by station, whatever the addresses say. */
static void find_ends(const struct evidence *e, struct evidence_packet *p)
{
	struct flow_message m = {.link = p->packet.interface};

	if (p->packet.data.len < 12)
		return;
	memcpy(m.dst_mac, p->packet.data.ptr, 6);
	memcpy(m.src_mac, p->packet.data.ptr + 6, 6);
	ladder_ends(e->nodes, e->node_count, &m, &p->from, &p->to);
}

static void decode(struct evidence *e)
{
	e->flow = flow_new();
	for (size_t i = 0; i < e->count; i++) {
		const struct pcapng_packet *p = &e->packets[i].packet;
		struct slice frame = p->data;

		if (e->reader.interfaces[p->interface].link_type != PCAPNG_LINKTYPE_ETHERNET)
			frame.len = 0; /* counted all the same: numbers are the file's */
		find_ends(e, &e->packets[i]);
		flow_packet(e->flow, p->interface, p->time_ns, frame);
	}
	flow_end(e->flow);
	if (flow_refused(e->flow))
		diag_at(e->diag, e->path, 0, CAPTURE ": %llu messages more than can be decoded",
			(unsigned long long)flow_refused(e->flow));
}

/* ---- writing ---- */

static void end_file(struct evidence *e, struct replacement *r)
{
	const char *name = r->name;
	int status = replace_end(r);

	if (status)
		diag_at(e->diag, e->path, 0, "%s: %s", name, strerror(-status));
}

static void write_interfaces(struct evidence *e, struct buf *out)
{
	struct utsname os;
	char *system = NULL;

	if (uname(&os) == 0)
		system = xasprintf("%s %s", os.sysname, os.release);
	pcapng_write_section(out, "igdlab " IGDLAB_VERSION, system, e->topology);
	free(system);
	for (uint32_t i = 0; i < e->reader.count; i++) {
		const struct pcapng_interface *p = &e->reader.interfaces[i];
		char *name = p->name.ptr ? slice_dup(p->name) : NULL;
		char *description = p->description.ptr ? slice_dup(p->description) : NULL;

		pcapng_write_interface(out, p->link_type, name, description);
		free(name);
		free(description);
	}
}

static void write_capture(struct evidence *e)
{
	struct replacement r;

	replace_begin(&r, e->dir, CAPTURE);
	write_interfaces(e, &r.out);
	for (size_t i = 0; i < e->count; i++) {
		struct pcapng_packet p = e->packets[i].packet;

		p.comment = buf_slice(&e->packets[i].comment);
		pcapng_write_packet(&r.out, &p);
		replace_flush(&r);
	}
	for (size_t i = 0; i < e->statistics_count; i++) {
		const struct pcapng_statistics *s = &e->statistics[i];

		pcapng_write_statistics(&r.out, s->interface, s->time_ns, s->received, s->dropped);
	}
	end_file(e, &r);
}

/* "192.168.1.4:1872", "[fe80::1]:1900". */
static void evidence_address(struct buf *out, int family, const uint8_t address[16], uint16_t port)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(family, address, text, sizeof(text));
	buf_printf(out, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

static json_t *end_json(int family, const uint8_t address[16], uint16_t port)
{
	struct buf text = {0};
	json_t *json;

	evidence_address(&text, family, address, port);
	json = json_string(text.data);
	buf_free(&text);
	return json;
}

static json_t *node_json(const struct evidence *e, int node)
{
	if (node == LADDER_GROUP)
		return json_string("*");
	return node < 0 ? json_null() : json_string(e->nodes[node].name);
}

static json_t *message_json(const struct evidence *e, const struct flow_message *m)
{
	struct slice link = e->reader.interfaces[m->link].name;
	int from, to;

	ladder_ends(e->nodes, e->node_count, m, &from, &to);
	return json_pack(
		"{s:f, s:f, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:b, s:b, s:o, s:I, s:i, "
		"s:I}",
		"time", (double)(m->time_ns / 1000) / 1e6, "end", (double)(m->end_ns / 1000) / 1e6,
		"link", link.ptr ? json_stringn(link.ptr, link.len) : json_null(), "from",
		node_json(e, from), "to", node_json(e, to), "src",
		end_json(m->family, m->src, m->src_port), "dst",
		end_json(m->family, m->dst, m->dst_port), "protocol",
		flow_protocol_name(m->protocol), "label", m->label, "reply", m->is_reply, "error",
		m->is_error, "request", m->request < 0 ? json_null() : json_integer(m->request),
		"frame", (json_int_t)m->first_packet + 1, "packets", (int)m->packets, "size",
		(json_int_t)m->size);
}

static void write_messages(struct evidence *e)
{
	struct replacement r;

	replace_begin(&r, e->dir, MESSAGES);
	buf_puts(&r.out, "[");
	for (size_t i = 0; i < flow_count(e->flow); i++) {
		json_t *json = message_json(e, flow_message(e->flow, i));
		char *text = json_dumps(json, JSON_REAL_PRECISION(16));

		buf_printf(&r.out, "%s\n%s", i ? "," : "", text);
		replace_flush(&r);
		free(text);
		json_decref(json);
	}
	buf_puts(&r.out, "\n]\n");
	end_file(e, &r);
}

/* "2025-07-28 09:52:06 UTC · 31 messages, 120 packets in 0.394 s" */
static char *subtitle(const struct evidence *e)
{
	struct buf text = {0};
	uint64_t dropped = 0;
	char date[32] = "";
	time_t start;
	struct tm tm;

	if (e->count) {
		start = (time_t)(e->packets[0].packet.time_ns / INT64_C(1000000000));
		gmtime_r(&start, &tm);
		strftime(date, sizeof(date), "%F %T UTC · ", &tm);
		buf_puts(&text, date);
	}
	buf_printf(&text, "%zu messages, %zu packets", flow_count(e->flow), e->count);
	if (e->count)
		buf_printf(&text, " in %.3f s",
			   (double)(e->packets[e->count - 1].packet.time_ns -
				    e->packets[0].packet.time_ns) /
				   1e9);
	for (size_t i = 0; i < e->statistics_count; i++) {
		if (e->statistics[i].dropped != UINT64_MAX)
			dropped += e->statistics[i].dropped;
	}
	if (dropped)
		buf_printf(&text, " · %llu packets lost by the capture",
			   (unsigned long long)dropped);
	return buf_steal(&text);
}

static void write_ladder(struct evidence *e)
{
	char *title = xasprintf("%s%s%s", e->topology ? e->topology : "Messages",
				e->command ? ": " : "", e->command ? e->command : "");
	char *below = subtitle(e);
	struct ladder_heading heading = {
		.title = title,
		.subtitle = below,
		.verdict = e->verdict,
		.failed = e->failed,
	};
	struct replacement r;

	replace_begin(&r, e->dir, LADDER);
	ladder_draw(e->flow, e->nodes, e->node_count, &heading, &r.out);
	end_file(e, &r);
	free(title);
	free(below);
}

json_t *evidence_load(struct evidence *e, const char *name)
{
	char *path = xasprintf("%s/%s", e->path, name);
	json_error_t error;
	json_t *json = NULL;

	if (access(path, F_OK) == 0) {
		json = json_load_file(path, 0, &error);
		if (!json)
			diag_at(e->diag, path, error.line, "%s", error.text);
	}
	free(path);
	return json;
}

/* ---- the whole ---- */

static void finish(struct evidence *e)
{
	int errors = e->diag->errors;

	read_capture(e);
	if (e->packets)
		qsort(e->packets, e->count, sizeof(*e->packets), compare_packets);
	evidence_nodes(e);
	evidence_run(e);
	decode(e);
	evidence_comments(e);
	if (!e->nodes)
		evidence_strangers(e);
	/* A file that is no capture stays as it is; one that is cut off is used. */
	if (e->reader.count || e->diag->errors == errors)
		write_capture(e);
	write_messages(e);
	write_ladder(e);
}

static void release(struct evidence *e)
{
	for (size_t i = 0; i < e->count; i++)
		buf_free(&e->packets[i].comment);
	free(e->packets);
	free(e->statistics);
	evidence_nodes_free(e);
	free(e->topology);
	free(e->command);
	free(e->verdict);
	flow_free(e->flow);
	pcapng_close(&e->reader);
	munmap(e->map, e->map_len);
}

int evidence_finish(const char *dir, struct diag *d)
{
	struct evidence e = {.path = dir, .diag = d};
	int errors = d->errors;

	e.dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e.dir < 0) {
		diag_at(d, dir, 0, "%s", strerror(errno));
		return -1;
	}
	if (map_capture(&e) == 0) {
		finish(&e);
		release(&e);
	}
	close(e.dir);
	return d->errors > errors ? -1 : 0;
}
