/* SPDX-License-Identifier: MIT */
/* import_parts.h - what the importers of packets and journals share. */
#ifndef SIM_IMPORT_PARTS_H
#define SIM_IMPORT_PARTS_H

#include "import.h"
#include "import_name.h"
#include "sink.h"

#define IMPORT_HELD_BYTES (48u << 20) /* of messages that are not complete, all together */
#define IMPORT_PORTS	  65536

/** struct port_counts - packets by port; @used: those with any, in the order of their first */
struct port_counts {
	uint64_t packets[IMPORT_PORTS];
	uint16_t used[IMPORT_PORTS];
	size_t used_count;
};

/**
 * struct importer - one import under way
 * @options, @writer, @head: as import_packets() got them
 * @router, @client: options->router and ->client parsed; family 0 = not given
 * @held:	bytes of messages that are not yet written
 * @unwanted:	messages of others than @router and @client
 * @tcp_left, @udp_left: packets left out, by port
 * @notes_left:	notes about single packets that may still be made
 */
struct importer {
	const struct import_options *options;
	struct recording_writer *writer;
	struct recording *head;
	struct end_point router, client;
	size_t held;
	uint64_t unwanted;
	struct port_counts tcp_left, udp_left;
	unsigned notes_left;
};

/** import_begin() - set @im up. Return: false after a complaint about the given addresses. */
bool import_begin(struct importer *im, const char *path, const struct import_options *options,
		  struct recording_writer *w, struct recording *head, struct diag *d);
/** import_note_unwanted() - what was left out because of the given addresses. */
void import_note_unwanted(struct importer *im);
/** import_wants() - whether a packet is between those that the user asked for. */
bool import_wants(const struct importer *im, const struct frame *f);
/** import_wants_sender() - whether the sender of a datagram, router or client, is wanted. */
bool import_wants_sender(const struct importer *im, const struct frame *f, bool from_router);
/** import_leave_out() - count @packets of a port. */
void import_leave_out(struct port_counts *counts, uint16_t port, uint64_t packets);
/** import_ends() - sender and receiver of a packet. */
void import_ends(const struct frame *f, struct end_point *from, struct end_point *to);
/** import_keep() - how many of @len more bytes may be kept of a message that has @have. */
size_t import_keep(const struct importer *im, size_t have, size_t len);
/** import_gap() - @lost bytes (0 = nobody knows) are missing at the end of what @m has so far. */
void import_gap(struct recorded_message *m, uint64_t lost);
/** import_note() - about one packet (numbered from 1); only so many are made. */
void import_note(struct importer *im, uint64_t packet, const char *what, const char *text);

/* ---- import_tcp.c: HTTP over TCP ---- */

struct import_tcp;

struct import_tcp *import_tcp_new(struct importer *im);
/** import_tcp_sink() - for connections_new(). */
struct sink *import_tcp_sink(struct import_tcp *t);
/** import_tcp_free() - after connections_end(): then nothing is unfinished any more. */
void import_tcp_free(struct import_tcp *t);

/* ---- import_udp.c: SSDP, NAT-PMP and PCP ---- */

struct import_udp;

struct import_udp *import_udp_new(struct importer *im);
/** import_udp_packet() - a datagram. Return: false when it is of none of these. */
bool import_udp_packet(struct import_udp *u, const struct packet *p);
/** import_udp_end() - no more packets: write what waits for replies. */
void import_udp_end(struct import_udp *u);
void import_udp_free(struct import_udp *u);

#endif
