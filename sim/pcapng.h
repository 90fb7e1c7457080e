/* SPDX-License-Identifier: MIT */
/* pcapng.h - writing and reading pcapng (draft-ietf-opsawg-pcapng). Pure: bytes in, bytes out. */
#ifndef SIM_PCAPNG_H
#define SIM_PCAPNG_H

#include "../fakeigd/base/buf.h"

/** struct pcapng_packet - one Enhanced Packet Block */
struct pcapng_packet {
	uint32_t interface;
	int64_t time_ns; /* since 1970 */
	uint32_t original_len;
	struct slice data;
	struct slice comment; /* ptr NULL = none */
};

void pcapng_write_section(struct buf *out, const char *application, const char *comment);
/** pcapng_write_interface() - nanosecond resolution; @link_type as LINKTYPE_*. */
void pcapng_write_interface(struct buf *out, uint16_t link_type, const char *name,
			    const char *description);
void pcapng_write_packet(struct buf *out, const struct pcapng_packet *packet);
void pcapng_write_statistics(struct buf *out, uint32_t interface, int64_t time_ns,
			     uint64_t received, uint64_t dropped);

#endif
