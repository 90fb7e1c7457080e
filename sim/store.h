/* SPDX-License-Identifier: MIT */
/* store.h - the messages found so far, while flow.c and stream.c still work on them. */
#ifndef SIM_STORE_H
#define SIM_STORE_H

#include "../fakeigd/wire/frame.h"
#include "flow.h"

/** struct store - messages in the order of their discovery; zero-initialised is empty */
struct store {
	struct flow_message *messages;
	size_t count, cap;
	uint64_t bytes;
	uint64_t refused;
};

/**
 * struct packet - one packet as the decoders pass it on
 * @link, @time_ns: as given to flow_packet()
 * @number:	counted from 0
 * @ethernet:	its first 12 bytes: destination, source
 * @frame:	what frame.h made of it
 */
struct packet {
	unsigned link;
	int64_t time_ns;
	uint64_t number;
	const uint8_t *ethernet;
	struct frame frame;
};

/** store_add() - begin a message with @p; its index, or -1 when there are too many. */
int store_add(struct store *s, enum flow_protocol protocol, const struct packet *p);
/** store_at() - a message to change, NULL for -1; valid until the next store_add(). */
struct flow_message *store_at(struct store *s, int index);
/** store_bytes() - more bytes of a message (-1: nowhere), within the limits of flow.h. */
void store_bytes(struct store *s, int index, struct slice bytes);
/** store_sort() - by time; requests follow. */
void store_sort(struct store *s);
void store_free(struct store *s);

#endif
