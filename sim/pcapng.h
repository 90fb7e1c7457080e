/* SPDX-License-Identifier: MIT */
/* pcapng.h - writing and reading pcapng (draft-ietf-opsawg-pcapng). Pure: bytes in, bytes out. */
#ifndef SIM_PCAPNG_H
#define SIM_PCAPNG_H

#include "../fakeigd/base/buf.h"

#define PCAPNG_LINKTYPE_ETHERNET 1
#define PCAPNG_INTERFACES_MAX	 65536	     /* over all sections of a file */
#define PCAPNG_BLOCK_MAX	 (64u << 20) /* bytes: a longer block is damage */

/**
 * struct pcapng_packet - one Enhanced Packet Block
 * @interface:	index of the interface, counted over the whole file when reading
 * @time_ns:	nanoseconds since 1970, not negative
 * @original_len: length on the wire; @data may hold less
 * @data:	the frame
 * @comment:	UTF-8; ptr NULL = none. Reading gives the first one
 */
struct pcapng_packet {
	uint32_t interface;
	int64_t time_ns;
	uint32_t original_len;
	struct slice data;
	struct slice comment;
};

/* Each appends one whole block. Strings are UTF-8 and may be NULL where nothing is to be said; what
 * does not fit the 65,535 bytes of an option is cut off. */
/** pcapng_write_section() - begins a file: @application wrote it on @os. */
void pcapng_write_section(struct buf *out, const char *application, const char *os,
			  const char *comment);
/** pcapng_write_interface() - nanosecond resolution; @link_type as LINKTYPE_*. */
void pcapng_write_interface(struct buf *out, uint16_t link_type, const char *name,
			    const char *description);
void pcapng_write_packet(struct buf *out, const struct pcapng_packet *packet);
/** pcapng_write_statistics() - @interface within the section; @received includes @dropped. */
void pcapng_write_statistics(struct buf *out, uint32_t interface, int64_t time_ns,
			     uint64_t received, uint64_t dropped);

/**
 * struct pcapng_interface - one Interface Description Block
 * @link_type:	LINKTYPE_*
 * @name, @description: slices into the file; ptr NULL = absent
 * @resolution:	if_tsresol as in the file
 * @offset:	if_tsoffset, seconds
 */
struct pcapng_interface {
	uint16_t link_type;
	struct slice name;
	struct slice description;
	uint8_t resolution;
	int64_t offset;
};

/** struct pcapng_statistics - one Interface Statistics Block; UINT64_MAX = not given */
struct pcapng_statistics {
	uint32_t interface;
	int64_t time_ns;
	uint64_t received;
	uint64_t dropped;
};

/**
 * struct pcapng_reader - where a reader is; make it with pcapng_open(), free with pcapng_close()
 * @data, @len:	the whole file (mapped), borrowed
 * @pos:	of the next block
 * @swapped:	the section's byte order is not ours
 * @first:	index of the section's first interface
 * @interfaces, @count: of all sections so far
 * @error:	sentence after PCAPNG_BAD
 */
struct pcapng_reader {
	const uint8_t *data;
	size_t len;
	size_t pos;
	bool swapped;
	uint32_t first;
	struct pcapng_interface *interfaces;
	uint32_t count;
	const char *error;
};

enum pcapng_block {
	PCAPNG_END,	   /* end of file at the end of a block */
	PCAPNG_BAD,	   /* damage; reader.error says which, reader.pos where */
	PCAPNG_SECTION,	   /* a section begins */
	PCAPNG_INTERFACE,  /* the last of reader.interfaces */
	PCAPNG_PACKET,	   /* Enhanced or Simple Packet Block */
	PCAPNG_STATISTICS, /* Interface Statistics Block */
};

/** union pcapng_content - what a block holds; slices point into the file */
union pcapng_content {
	struct pcapng_packet packet;
	struct pcapng_statistics statistics;
};

/** pcapng_open() - start reading; nothing is checked before the first pcapng_next(). */
void pcapng_open(struct pcapng_reader *r, const void *data, size_t len);
void pcapng_close(struct pcapng_reader *r);
/**
 * pcapng_next() - the next block of a kind listed above
 *
 * Both byte orders; blocks of other kinds are skipped. A Simple Packet Block has no time: 0. After
 * PCAPNG_BAD the same again.
 */
enum pcapng_block pcapng_next(struct pcapng_reader *r, union pcapng_content *out);

#endif
