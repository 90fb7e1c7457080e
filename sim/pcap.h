/* SPDX-License-Identifier: MIT */
/* pcap.h - reading pcap files (draft-ietf-opsawg-pcap). Pure: bytes in, packets out. */
#ifndef SIM_PCAP_H
#define SIM_PCAP_H

#include "../fakeigd/base/slice.h"

#define PCAP_PACKET_MAX (64u << 20) /* bytes: a longer record is damage */

/** struct pcap_packet - one record; @data points into the file */
struct pcap_packet {
	int64_t time_ns;
	uint32_t original_len;
	struct slice data;
};

/**
 * struct pcap_reader - where a reader is
 * @data, @len:	the whole file (mapped), borrowed
 * @pos:	of the next record
 * @swapped:	the file's byte order is not ours
 * @tick_ns:	1000 or 1: the unit of its fractions of a second
 * @record_len:	bytes of a record's header: 16, or 24 of the variant with a patched magic
 * @link_type:	LINKTYPE_* of all packets
 * @error:	sentence when something is damaged
 */
struct pcap_reader {
	const uint8_t *data;
	size_t len;
	size_t pos;
	bool swapped;
	unsigned tick_ns;
	size_t record_len;
	unsigned link_type;
	const char *error;
};

enum pcap_result { PCAP_END, PCAP_BAD, PCAP_PACKET };

/** pcap_is() - whether a file begins like one. */
bool pcap_is(struct slice file);
/** pcap_open_file() - read the head of a file. Return: false with reader.error. */
bool pcap_open_file(struct pcap_reader *r, struct slice file);
/** pcap_next_packet() - the next record. After PCAP_BAD (reader.error, reader.pos) the same again.
 */
enum pcap_result pcap_next_packet(struct pcap_reader *r, struct pcap_packet *out);

#endif
