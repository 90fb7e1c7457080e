/* SPDX-License-Identifier: MIT */
/*
 * evidence_journal.c - lines of the routers' journals as comments of the packets they are about.
 *
 * Theory of operation
 *
 * A line (fakeigd/journal.h) names two end points and a time. Packets with something to say (a TCP
 * segment or a datagram with content) are listed three times, by both ends, by the sender and by
 * the receiver, sorted by that and by time, so that each line is one binary search:
 *
 *  received, decided	the last packet of the sender before the line: the request's last segment.
 *			The router may name its own address where the packet went to a group, so
 *			the sender alone will do.
 *  sent		the packet nearest in time: the journal may be written before or after the
 *			bytes went out, and a rule may have held them back.
 *  state, error	without end points, of a table that packets change: the last packet to that
 *			router within STATE_NS.
 *
 * A line that finds none stays in its journal only.
 */
#include "evidence_parts.h"

#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/frame.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SUFFIX	    ".journal.ndjson"
#define BEFORE_NS   INT64_C(10000000000) /* a decision is at most this long after its packet */
#define SENT_NS	    INT64_C(2000000000)	 /* a packet this far from its "sent" is another */
#define STATE_NS    INT64_C(50000000)
#define SLACK_NS    INT64_C(2000) /* the journal counts in microseconds */
#define COMMENT_MAX 60000	  /* an option holds 65,535 bytes */

enum key_kind { KEY_BOTH, KEY_SENDER, KEY_RECEIVER };

/** struct entry - a packet in the list */
struct entry {
	uint64_t key;
	int64_t time_ns;
	size_t packet;
};

/** struct list - all entries, sorted by key and time */
struct list {
	struct entry *entries;
	size_t count, cap;
};

/** struct end_point - "from" or "to" of a line */
struct end_point {
	int family; /* 0 = none */
	uint8_t address[16];
	uint16_t port;
};

/** struct line - what matters of a line of a journal */
struct line {
	const json_t *json;
	int64_t time_ns;
	const char *event;
	struct end_point from, to;
	int router;
};

/* ---- keys ---- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
	return hash;
}

static uint64_t mix_end(uint64_t hash, const struct end_point *p)
{
	hash = mix(hash, p->address, sizeof(p->address));
	return mix(hash, &p->port, sizeof(p->port));
}

static uint64_t make_key(enum key_kind kind, const struct end_point *from,
			 const struct end_point *to)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) + kind;

	if (kind != KEY_RECEIVER)
		hash = mix_end(hash, from);
	return kind != KEY_SENDER ? mix_end(hash, to) : hash;
}

/* ---- the list ---- */

static void add_entry(struct list *l, uint64_t key, int64_t time_ns, size_t packet)
{
	if (l->count == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 256;
		l->entries = xrealloc(l->entries, l->cap * sizeof(*l->entries));
	}
	l->entries[l->count++] = (struct entry){key, time_ns, packet};
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->packet < y->packet ? -1 : x->packet > y->packet;
}

static void list_packet(struct list *l, const struct evidence *e, size_t index)
{
	const struct pcapng_packet *p = &e->packets[index].packet;
	struct end_point from = {0}, to = {0};
	struct frame f;

	if (frame_parse_ethernet((const uint8_t *)p->data.ptr, p->data.len, &f) != FRAME_OK ||
	    !f.payload.len || (f.protocol != IPPROTO_TCP && f.protocol != IPPROTO_UDP))
		return;
	memcpy(from.address, f.src, 16);
	memcpy(to.address, f.dst, 16);
	from.port = f.src_port;
	to.port = f.dst_port;
	for (int kind = KEY_BOTH; kind <= KEY_RECEIVER; kind++)
		add_entry(l, make_key((enum key_kind)kind, &from, &to), p->time_ns, index);
}

static void list_packets(struct list *l, const struct evidence *e)
{
	for (size_t i = 0; i < e->count; i++)
		list_packet(l, e, i);
	if (l->count)
		qsort(l->entries, l->count, sizeof(*l->entries), compare_entries);
}

/* First entry of @key later than @time_ns, or where it would be. */
static size_t first_after(const struct list *l, uint64_t key, int64_t time_ns)
{
	size_t low = 0, high = l->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct entry *e = &l->entries[middle];

		if (e->key < key || (e->key == key && e->time_ns <= time_ns))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ---- lines ---- */

static struct end_point read_end(const char *text)
{
	struct end_point p = {0};
	char address[64];
	const char *colon = text ? strrchr(text, ':') : NULL, *begin = text;
	size_t len;

	if (!colon)
		return p;
	len = (size_t)(colon - text);
	if (*begin == '[') {
		begin++;
		len = strcspn(begin, "%]");
	}
	if (len >= sizeof(address))
		return p;
	memcpy(address, begin, len);
	address[len] = '\0';
	p.port = (uint16_t)atoi(colon + 1);
	if (inet_pton(AF_INET, address, p.address) == 1)
		p.family = AF_INET;
	else if (inet_pton(AF_INET6, address, p.address) == 1)
		p.family = AF_INET6;
	return p;
}

static int find_router(const struct evidence *e, const char *name)
{
	for (size_t i = 0; name && i < e->node_count; i++) {
		if (strcmp(e->nodes[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

static const char *text_of(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));

	return text ? text : "";
}

/* Members that every line has; the others are told behind "what". */
static bool is_common(const char *name)
{
	static const char *const common[] = {"time",  "clock", "router", "event",
					     "layer", "from",  "to",	 "what"};

	for (size_t i = 0; i < ARRAY_SIZE(common); i++) {
		if (strcmp(common[i], name) == 0)
			return true;
	}
	return false;
}

/* "r1 decided (soap): AddPortMapping ok, lease=60" */
static void add_comment(struct buf *out, const json_t *json)
{
	const char *name;
	json_t *value;

	if (out->len > COMMENT_MAX)
		return;
	buf_printf(out, "%s%s %s (%s): %s", out->len ? "\n" : "", text_of(json, "router"),
		   text_of(json, "event"), text_of(json, "layer"), text_of(json, "what"));
	json_object_foreach((json_t *)json, name, value)
	{
		char *text;

		if (is_common(name))
			continue;
		if (json_is_string(value)) {
			buf_printf(out, ", %s=%s", name, json_string_value(value));
			continue;
		}
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		buf_printf(out, ", %s=%s", name, text);
		free(text);
	}
	if (out->len > COMMENT_MAX) {
		out->len = COMMENT_MAX;
		while (((unsigned char)out->data[out->len] & 0xc0) == 0x80)
			out->len--;
		buf_puts(out, "…");
	}
}

/* The last packet of @key before the line. Return: its number, SIZE_MAX = none. */
static size_t last_before(const struct list *l, uint64_t key, const struct line *line)
{
	size_t at = first_after(l, key, line->time_ns + SLACK_NS);
	const struct entry *e = at ? &l->entries[at - 1] : NULL;

	if (!e || e->key != key || line->time_ns - e->time_ns > BEFORE_NS)
		return SIZE_MAX;
	return e->packet;
}

static size_t nearest(const struct list *l, uint64_t key, const struct line *line)
{
	size_t at = first_after(l, key, line->time_ns);
	int64_t best = SENT_NS;
	size_t packet = SIZE_MAX;

	for (size_t i = at ? at - 1 : 0; i <= at && i < l->count; i++) {
		const struct entry *e = &l->entries[i];

		if (e->key == key && llabs(e->time_ns - line->time_ns) < best) {
			best = llabs(e->time_ns - line->time_ns);
			packet = e->packet;
		}
	}
	return packet;
}

/* The packet that made a router change its state: the last one to it, just before. */
static size_t last_to_router(const struct evidence *e, const struct line *line)
{
	size_t low = 0, high = e->count;

	if (line->router < 0)
		return SIZE_MAX;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (e->packets[middle].packet.time_ns <= line->time_ns + SLACK_NS)
			low = middle + 1;
		else
			high = middle;
	}
	while (low-- > 0 && line->time_ns - e->packets[low].packet.time_ns <= STATE_NS) {
		if (e->packets[low].to == line->router)
			return low;
	}
	return SIZE_MAX;
}

/* What the router, its WAN or its control socket say of themselves is about no packet. */
static bool is_caused_by_packet(const struct line *line)
{
	const char *layer = text_of(line->json, "layer");

	if (strcmp(line->event, "state") != 0 && strcmp(line->event, "error") != 0)
		return false;
	return strcmp(layer, "portmap") == 0 || strcmp(layer, "pinhole") == 0 ||
	       strcmp(layer, "gena") == 0;
}

static size_t find_packet(const struct evidence *e, const struct list *l, const struct line *line)
{
	uint64_t both = make_key(KEY_BOTH, &line->from, &line->to);
	bool sent = strcmp(line->event, "sent") == 0;
	size_t packet;

	if (!line->from.family && !line->to.family)
		return is_caused_by_packet(line) ? last_to_router(e, line) : SIZE_MAX;
	if (sent) {
		packet = nearest(l, both, line);
		if (packet == SIZE_MAX)
			packet = nearest(l, make_key(KEY_RECEIVER, &line->from, &line->to), line);
		return packet;
	}
	packet = last_before(l, both, line);
	if (packet == SIZE_MAX)
		packet = last_before(l, make_key(KEY_SENDER, &line->from, &line->to), line);
	return packet;
}

static void attach(struct evidence *e, const struct list *l, const json_t *json)
{
	const json_t *time = json_object_get(json, "time");
	struct line line = {
		.json = json,
		.time_ns = llround(json_number_value(time) * 1e6) * 1000,
		.event = text_of(json, "event"),
		.from = read_end(text_of(json, "from")),
		.to = read_end(text_of(json, "to")),
		.router = find_router(e, text_of(json, "router")),
	};
	size_t packet;

	if (!json_is_number(time))
		return;
	packet = find_packet(e, l, &line);
	if (packet != SIZE_MAX)
		add_comment(&e->packets[packet].comment, json);
}

static void read_journal(struct evidence *e, const struct list *l, const char *name)
{
	char *path = xasprintf("%s/%s", e->path, name), *text = NULL;
	FILE *file = fopen(path, "re");
	size_t size = 0;
	ssize_t len;

	for (int number = 1; file && (len = getline(&text, &size, file)) > 0; number++) {
		json_error_t error;
		json_t *json = json_loadb(text, (size_t)len, 0, &error);

		if (json)
			attach(e, l, json);
		else if (text[len - 1] == '\n') /* a last line that was cut off is no surprise */
			diag_at(e->diag, path, number, "%s", error.text);
		json_decref(json);
	}
	if (file)
		fclose(file);
	free(text);
	free(path);
}

static int is_journal(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > strlen(SUFFIX) && strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX) == 0;
}

void evidence_comments(struct evidence *e)
{
	struct list list = {0};
	struct dirent **names;
	int count = scandir(e->path, &names, is_journal, alphasort);

	if (count <= 0)
		return;
	list_packets(&list, e);
	for (int i = 0; i < count; i++) {
		read_journal(e, &list, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	free(list.entries);
}
