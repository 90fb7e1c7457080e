/* SPDX-License-Identifier: MIT */
/*
 * import_packets.c - captures into exchanges: reading the file, and what all packets have in
 * common.
 *
 * Theory of operation
 *
 * A capture is read once from front to back where it is mapped, by our own readers of pcap and
 * pcapng: no packet is copied, a damaged place can be told by its offset, and pages that were read
 * are given back, so that memory does not grow with the file. Each packet is decoded
 * (fakeigd/wire/frame.h), fragments are joined (fragment.h); TCP goes to connection.c and comes
 * back to import_tcp.c, UDP goes to import_udp.c. Whatever is not ours is counted by port and noted
 * at the end. Exchanges are written as soon as they are complete: only the unfinished ones are
 * held.
 *
 * A capture of all interfaces ("any") has a packet once per interface that it passes, a bridge's
 * and a port's: the same IP bytes with another Linux cooked head, a moment later, are left out.
 * What a client sends twice has the same head.
 *
 * An interface of a pcapng file is a link: what crosses a router is recorded on both of its sides
 * and stays apart. A packet that the capture cut short gives what there is of it, and a gap.
 *
 * Times are dates unless they are before 1990: then something without a clock captured.
 */
#include "import_parts.h"

#include "../fakeigd/base/mem.h"
#include "connection.h"
#include "fragment.h"
#include "pcap.h"
#include "pcapng.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PROGRESS_BYTES (4u << 20)
#define RELEASE_BYTES  (16u << 20)		   /* of the mapped file, given back at a time */
#define DATED_NS       INT64_C(631152000000000000) /* 1990-01-01 */
#define PORTS_NOTED    12 /* of each of TCP and UDP; the others are summed up */
#define LINKS_NOTED    16
#define COOKED_KEPT    64		 /* packets that another may be a copy of */
#define COOKED_NS      INT64_C(20000000) /* a copy comes sooner */

/** struct link_count - a capture interface: its name (pcapng), type, packets */
struct link_count {
	char *name;
	unsigned type;
	uint64_t packets;
};

/* Packets that could not be used, by why. */
enum odd {
	ODD_NOT_IP,
	ODD_OTHER,
	ODD_CUT,
	ODD_BROKEN,
	ODD_FRAGMENT,
	ODD_LINK,
	ODD_AGAIN,
	ODD_COUNT
};

/** struct cooked - a packet of a capture of all interfaces: sums of its IP bytes and of its head */
struct cooked {
	int64_t time_ns;
	uint64_t ip, head;
};

/** struct capture - a file being read */
struct capture {
	struct importer im;
	struct slice data;
	struct import_tcp *tcp;
	struct import_udp *udp;
	struct connections *connections;
	struct fragments *fragments;
	struct link_count *links;
	size_t link_count;
	uint64_t packets;
	uint64_t odd[ODD_COUNT];
	uint64_t reported, released; /* offsets */
	struct cooked cooked[COOKED_KEPT];
};

/* ---- packets ---- */

static void on_odd(struct capture *c, enum frame_error error)
{
	static const enum odd kinds[FRAME_ERROR_COUNT] = {
		[FRAME_TRUNCATED] = ODD_CUT,	     [FRAME_NOT_IP] = ODD_NOT_IP,
		[FRAME_BAD_HEADER] = ODD_BROKEN,     [FRAME_FRAGMENT] = ODD_FRAGMENT,
		[FRAME_OTHER_TRANSPORT] = ODD_OTHER,
	};

	c->odd[kinds[error]]++;
}

/* FNV-1a */
static uint64_t sum_of(struct slice bytes)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < bytes.len; i++)
		sum = (sum ^ (uint8_t)bytes.ptr[i]) * UINT64_C(0x100000001b3);
	return sum;
}

/* Whether a cooked packet was there already, from another interface. */
static bool is_copy(struct capture *c, unsigned link_type, int64_t time_ns, struct slice bytes)
{
	size_t head = link_type == FRAME_LINK_SLL ? 16 : link_type == FRAME_LINK_SLL2 ? 20 : 0;
	struct cooked now = {.time_ns = time_ns};

	if (!head || bytes.len <= head)
		return false;
	now.head = sum_of((struct slice){bytes.ptr, head});
	now.ip = sum_of((struct slice){bytes.ptr + head, bytes.len - head});
	for (size_t i = 0; i < COOKED_KEPT; i++) {
		const struct cooked *o = &c->cooked[i];

		if (o->ip == now.ip && o->head != now.head && time_ns - o->time_ns >= 0 &&
		    time_ns - o->time_ns < COOKED_NS)
			return true;
	}
	c->cooked[c->packets % COOKED_KEPT] = now;
	return false;
}

static void on_packet(struct capture *c, unsigned link, unsigned link_type, int64_t time_ns,
		      struct slice bytes)
{
	static const uint8_t no_stations[12];
	struct packet p = {
		.link = link,
		.time_ns = time_ns,
		.number = c->packets++,
		.ethernet = no_stations,
	};
	struct frame *f = &p.frame;
	enum frame_error error =
		frame_parse_link(link_type, (const uint8_t *)bytes.ptr, bytes.len, f);

	if (error == FRAME_FRAGMENT)
		error = fragments_add(c->fragments, link, time_ns, f);
	if (error == FRAME_TRUNCATED && f->missing) {
		c->odd[ODD_CUT]++;
		error = FRAME_OK;
	} else if (error != FRAME_OK) {
		on_odd(c, error);
		return;
	}
	if (f->protocol == IPPROTO_TCP)
		connections_packet(c->connections, &p);
	else if (f->protocol != IPPROTO_UDP)
		c->odd[ODD_OTHER]++;
	else if (!import_udp_packet(c->udp, &p))
		import_leave_out(&c->im.udp_left,
				 f->src_port < f->dst_port ? f->src_port : f->dst_port, 1);
}

/* Every few MiB: tells how far it is, and gives back what was read of a mapped file. */
static void on_progress(struct capture *c, uint64_t done)
{
	const struct import_options *o = c->im.options;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (done - c->reported >= PROGRESS_BYTES) {
		c->reported = done;
		if (o->progress)
			o->progress(o->arg, done, c->data.len);
	}
	if (o->mapped && done - c->released >= RELEASE_BYTES) {
		done -= done % page;
		madvise((void *)(c->data.ptr + c->released), done - c->released, MADV_DONTNEED);
		c->released = done;
	}
}

static struct link_count *add_link(struct capture *c, unsigned type, struct slice name)
{
	c->links = xrealloc(c->links, (c->link_count + 1) * sizeof(*c->links));
	c->links[c->link_count] = (struct link_count){name.len ? slice_dup(name) : NULL, type, 0};
	return &c->links[c->link_count++];
}

static void note_damage(struct capture *c, size_t at, const char *error)
{
	char *what = xasprintf("damaged at byte %zu: %s; what came before was read", at, error);

	recording_note_add(c->im.head, c->packets ? c->packets : 0, 0, what, NULL);
	free(what);
}

static void take(struct capture *c, unsigned link, int64_t time_ns, struct slice bytes)
{
	struct link_count *l = &c->links[link];

	l->packets++;
	if (!c->packets)
		c->im.head->dated = time_ns >= DATED_NS;
	if (is_copy(c, l->type, time_ns, bytes)) {
		c->packets++;
		c->odd[ODD_AGAIN]++;
	} else if (frame_link_known(l->type)) {
		on_packet(c, link, l->type, time_ns, bytes);
	} else {
		c->packets++;
		c->odd[ODD_LINK]++;
	}
}

/* Return: false when it is no pcap at all; @error says why. */
static bool read_pcap(struct capture *c, const char **error)
{
	struct pcap_reader r;
	struct pcap_packet p;
	enum pcap_result result;

	if (!pcap_open_file(&r, c->data)) {
		*error = r.error;
		return false;
	}
	add_link(c, r.link_type, (struct slice){0});
	while ((result = pcap_next_packet(&r, &p)) == PCAP_PACKET) {
		take(c, 0, p.time_ns, p.data);
		on_progress(c, r.pos);
	}
	if (result == PCAP_BAD)
		note_damage(c, r.pos, r.error);
	return true;
}

static bool read_pcapng(struct capture *c, const char **error)
{
	struct pcapng_reader r;
	union pcapng_content content;
	enum pcapng_block block;
	bool any = false;

	pcapng_open(&r, c->data.ptr, c->data.len);
	while ((block = pcapng_next(&r, &content)) != PCAPNG_END && block != PCAPNG_BAD) {
		any = true;
		if (block == PCAPNG_INTERFACE)
			add_link(c, r.interfaces[r.count - 1].link_type,
				 r.interfaces[r.count - 1].name);
		else if (block == PCAPNG_PACKET)
			take(c, content.packet.interface, content.packet.time_ns,
			     content.packet.data);
		on_progress(c, r.pos);
	}
	if (block == PCAPNG_BAD && any)
		note_damage(c, r.pos, r.error);
	*error = r.error; /* a constant: outlives the reader */
	pcapng_close(&r);
	return any;
}

/* ---- notes ---- */

/* "12,331" */
static void add_number(struct buf *out, uint64_t value)
{
	if (value >= 1000)
		add_number(out, value / 1000);
	buf_printf(out, value >= 1000 ? ",%03llu" : "%llu", (unsigned long long)(value % 1000));
}

static void note_count(struct capture *c, const char *before, uint64_t count, const char *after)
{
	struct buf text = {0};
	char *what;

	if (!count)
		return;
	buf_puts(&text, before);
	add_number(&text, count);
	buf_puts(&text, count == 1 ? " packet " : " packets ");
	buf_puts(&text, after);
	what = buf_steal(&text);
	recording_note_add(c->im.head, 0, 0, what, NULL);
	free(what);
}

static const char *port_name(unsigned port)
{
	static const struct {
		uint16_t port;
		const char *name;
	} known[] = {
		{22, " (SSH)"},	       {53, " (DNS)"},
		{67, " (DHCP)"},       {123, " (NTP)"},
		{137, " (NetBIOS)"},   {138, " (NetBIOS)"},
		{443, " (TLS, QUIC)"}, {546, " (DHCPv6)"},
		{3478, " (STUN)"},     {3702, " (WS-Discovery)"},
		{5353, " (mDNS)"},     {5355, " (LLMNR)"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].port == port)
			return known[i].name;
	}
	return "";
}

/* More packets first, then the smaller port. */
static int compare_ports(const void *a, const void *b, void *arg)
{
	const struct port_counts *counts = arg;
	uint16_t x = *(const uint16_t *)a, y = *(const uint16_t *)b;

	if (counts->packets[x] != counts->packets[y])
		return counts->packets[x] > counts->packets[y] ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* The ports with the most packets, one by one, then the rest. */
static void note_ports(struct capture *c, struct port_counts *counts, const char *protocol)
{
	uint64_t rest = 0;
	char *after;

	qsort_r(counts->used, counts->used_count, sizeof(*counts->used), compare_ports, counts);
	for (size_t i = 0; i < counts->used_count; i++) {
		uint16_t port = counts->used[i];

		if (i >= PORTS_NOTED) {
			rest += counts->packets[port];
			continue;
		}
		after = xasprintf("of %s port %u%s", protocol, port, port_name(port));
		note_count(c, "left out: ", counts->packets[port], after);
		free(after);
	}
	after = xasprintf("of %zu other %s ports",
			  counts->used_count > PORTS_NOTED ? counts->used_count - PORTS_NOTED : 0,
			  protocol);
	note_count(c, "left out: ", rest, after);
	free(after);
}

static void note_odd(struct capture *c)
{
	static const char *const texts[ODD_COUNT] = {
		[ODD_NOT_IP] = "that are no IP (ARP and the like)",
		[ODD_OTHER] = "of ICMP and other protocols over IP",
		[ODD_BROKEN] = "whose headers or fragments contradict themselves",
		[ODD_FRAGMENT] = "that are fragments, joined where none was missing",
		[ODD_LINK] = "of a link type that is not read (Ethernet, Linux cooked, raw IP and "
			     "loopback are)",
	};

	for (int i = 0; i < ODD_COUNT; i++) {
		if (texts[i])
			note_count(c, "left out: ", c->odd[i], texts[i]);
	}
	note_count(c, "left out: ", c->odd[ODD_AGAIN],
		   "that were there already, from another interface");
	note_count(c, "", c->odd[ODD_CUT],
		   "cut short by the capture's snap length: used as far as there is");
}

static void note_links(struct capture *c)
{
	for (size_t i = 0; i < c->link_count && i < LINKS_NOTED && c->link_count > 1; i++) {
		const struct link_count *l = &c->links[i];
		char *after = xasprintf("of interface %zu%s%s", i, l->name ? ", " : "",
					l->name ? l->name : "");

		note_count(c, "", l->packets, after);
		free(after);
	}
}

static void note_all(struct capture *c)
{
	note_links(c);
	note_odd(c);
	note_ports(c, &c->im.tcp_left, "TCP");
	note_ports(c, &c->im.udp_left, "UDP");
	import_note_unwanted(&c->im);
}

/* ---- the whole ---- */

static void free_capture(struct capture *c)
{
	for (size_t i = 0; i < c->link_count; i++)
		free(c->links[i].name);
	free(c->links);
	connections_free(c->connections);
	import_tcp_free(c->tcp);
	import_udp_free(c->udp);
	fragments_free(c->fragments);
	free(c);
}

static int finish(struct capture *c, const char *path, const char *error, bool read, struct diag *d)
{
	if (!read) {
		diag_at(d, path, 0, "%s", error ? error : "the capture is empty");
		return -1;
	}
	connections_end(c->connections);
	import_udp_end(c->udp);
	note_all(c);
	if (recording_put_count(c->im.writer))
		return 0;
	diag_at(d, path, 0,
		"nothing usable among %llu packets: looked for HTTP over TCP (descriptions, SOAP, "
		"GENA), SSDP, NAT-PMP and PCP%s",
		(unsigned long long)c->packets,
		c->im.unwanted ? " between the given addresses" : "");
	for (size_t i = 0; i < c->im.head->note_count; i++)
		diag_at(d, path, 0, "%s", c->im.head->notes[i].what);
	return -1;
}

int import_packets(const char *path, struct slice data, const struct import_options *options,
		   struct recording_writer *w, struct recording *head, struct diag *d)
{
	struct capture *c = xcalloc(1, sizeof(*c));
	bool fine = import_begin(&c->im, path, options, w, head, d), read;
	const char *error = NULL;
	int result = -1;

	c->data = data;
	c->tcp = import_tcp_new(&c->im);
	c->udp = import_udp_new(&c->im);
	c->connections = connections_new(import_tcp_sink(c->tcp));
	c->fragments = fragments_new();
	if (fine) {
		read = pcap_is(data) ? read_pcap(c, &error) : read_pcapng(c, &error);
		result = finish(c, path, error, read, d);
	}
	free_capture(c);
	return result;
}
