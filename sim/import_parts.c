/* SPDX-License-Identifier: MIT */
/* import_parts.c - what the importers of packets and journals share. */
#include "import_parts.h"

#include "../fakeigd/base/mem.h"

#include <stdlib.h>

#define PACKET_NOTES 200 /* about single packets or lines */

static bool is_address(const struct end_point *e, const struct frame *f, const uint8_t *address)
{
	return e->family == f->family && memcmp(e->address, address, sizeof(e->address)) == 0;
}

static bool is_between(const struct end_point *e, const struct frame *f)
{
	struct end_point from, to;

	if (!e->family || is_address(e, f, f->src) || is_address(e, f, f->dst))
		return true;
	import_ends(f, &from, &to);
	return end_point_is_multicast(&to);
}

bool import_wants(const struct importer *im, const struct frame *f)
{
	return is_between(&im->router, f) && is_between(&im->client, f);
}

bool import_wants_sender(const struct importer *im, const struct frame *f, bool from_router)
{
	const struct end_point *sender = from_router ? &im->router : &im->client;

	return !sender->family || is_address(sender, f, f->src);
}

void import_leave_out(struct port_counts *counts, uint16_t port, uint64_t packets)
{
	if (!counts->packets[port])
		counts->used[counts->used_count++] = port;
	counts->packets[port] += packets;
}

void import_ends(const struct frame *f, struct end_point *from, struct end_point *to)
{
	from->family = to->family = f->family;
	memcpy(from->address, f->src, sizeof(from->address));
	memcpy(to->address, f->dst, sizeof(to->address));
	from->port = f->src_port;
	to->port = f->dst_port;
}

size_t import_keep(const struct importer *im, size_t have, size_t len)
{
	size_t room = have < RECORDING_MESSAGE_BYTES ? RECORDING_MESSAGE_BYTES - have : 0;
	size_t all = im->held < IMPORT_HELD_BYTES ? IMPORT_HELD_BYTES - im->held : 0;

	if (room > all)
		room = all;
	return len < room ? len : room;
}

void import_gap(struct recorded_message *m, uint64_t lost)
{
	struct recorded_gap *last = m->gap_count ? &m->gaps[m->gap_count - 1] : NULL;

	if (last && last->offset == m->bytes.len) {
		last->count = last->count && lost ? last->count + lost : 0;
		return;
	}
	m->gaps = xrealloc(m->gaps, (m->gap_count + 1) * sizeof(*m->gaps));
	m->gaps[m->gap_count++] = (struct recorded_gap){m->bytes.len, lost};
}

void import_note(struct importer *im, uint64_t packet, const char *what, const char *text)
{
	if (!im->notes_left)
		return;
	im->notes_left--;
	recording_note_add(im->head, packet, 1, what, text);
}

static bool read_address(const char *path, const char *text, const char *whose,
			 struct end_point *out, struct diag *d)
{
	if (!text || end_point_parse(slice_of(text), out))
		return true;
	diag_at(d, path, 0, "%s \"%s\": expected an IPv4 or IPv6 address", whose, text);
	return false;
}

bool import_begin(struct importer *im, const char *path, const struct import_options *options,
		  struct recording_writer *w, struct recording *head, struct diag *d)
{
	*im = (struct importer){
		.options = options,
		.writer = w,
		.head = head,
		.notes_left = PACKET_NOTES,
	};
	return read_address(path, options->router, "router", &im->router, d) &&
	       read_address(path, options->client, "client", &im->client, d);
}

void import_note_unwanted(struct importer *im)
{
	const char *router = im->options->router, *client = im->options->client;
	char *what;

	if (!im->unwanted)
		return;
	what = xasprintf("left out: %llu message%s of others than %s%s%s",
			 (unsigned long long)im->unwanted, im->unwanted == 1 ? "" : "s",
			 router ? router : "", router && client ? " and " : "",
			 client ? client : "");
	recording_note_add(im->head, 0, 0, what, NULL);
	free(what);
}
