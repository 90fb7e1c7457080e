/* SPDX-License-Identifier: MIT */
/* anonymise_parts.h - between the files that anonymise flows. */
#ifndef SIM_ANONYMISE_PARTS_H
#define SIM_ANONYMISE_PARTS_H

#include "recording.h"
#include "substitution.h"

#include <netinet/in.h>

#define PAIR_BYTES 16

/** struct pairs - what stands for what, as bytes padded with zeros */
struct pairs {
	struct {
		uint8_t from[PAIR_BYTES], to[PAIR_BYTES];
	} * items;
	size_t count;
};

/**
 * struct anonymiser - everything that was found so far
 * @ipv4, @prefixes, @hosts6, @macs, @uuids: by value (of IPv6 the halves)
 * @ipv6: whole addresses, for counting
 * @taken4: addresses of 198.51.100.0/24 (0 to 255) and 203.0.113.0/24 (256 to 511) in use
 * @words:	serial numbers and names: text for text
 * @serials, @names: how many of @words are which
 * @texts:	descriptions of port mappings: they are replaced only where they stand as such;
 *		@keep_texts: they stay
 * @keep, @keep_count: IPv4 addresses that stay
 */
struct anonymiser {
	struct pairs ipv4, prefixes, hosts6, ipv6, macs, uuids;
	bool taken4[512];
	struct substitutions words;
	struct substitutions texts;
	bool keep_texts;
	unsigned serials, names;
	const struct in_addr *keep;
	size_t keep_count;
};

void anonymiser_free(struct anonymiser *a);
/** anonymise_ipv4(), anonymise_ipv6() - an address in place. Return: whether it was changed. */
bool anonymise_ipv4(struct anonymiser *a, uint8_t address[4]);
bool anonymise_ipv6(struct anonymiser *a, uint8_t address[16]);
/** anonymise_patterns() - append @in with addresses, MACs and UUIDs replaced. */
void anonymise_patterns(struct anonymiser *a, struct slice in, struct buf *out);
/** anonymise_descriptions() - append @in with the descriptions of port mappings replaced. */
void anonymise_descriptions(struct anonymiser *a, struct slice in, struct buf *out);
/** anonymise_text() - descriptions, then words, then patterns. */
void anonymise_text(struct anonymiser *a, struct slice in, struct buf *out);
/** anonymise_learn() - find the words of a message: serial numbers, names. */
void anonymise_learn(struct anonymiser *a, struct slice message);

/* ---- anonymise_utf16.c ---- */

/** utf16_is() - whether a body is XML in UTF-16; @big: its byte order. */
bool utf16_is(struct slice s, bool *big);
/** utf16_read(), utf16_write() - append as UTF-8, and as UTF-16 again; @big: byte order. */
void utf16_read(struct slice in, bool big, struct buf *out);
void utf16_write(struct slice in, bool big, struct buf *out);

#endif
