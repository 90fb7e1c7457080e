/* SPDX-License-Identifier: MIT */
/* store.h - the messages found so far, while flow.c and flow_tcp.c still work on them. */
#ifndef SIM_STORE_H
#define SIM_STORE_H

#include "flow.h"
#include "sink.h"

/** struct store - messages in the order of their discovery; zero-initialised is empty */
struct store {
	struct flow_message *messages;
	size_t count, cap;
	uint64_t bytes;
	uint64_t refused;
};

/** store_add() - begin a message with @p; its index, or -1 when there are too many. */
int store_add(struct store *s, enum flow_protocol protocol, const struct packet *p);
/** store_put() - append a whole message, whose label and bytes become the store's; as store_add().
 */
int store_put(struct store *s, const struct flow_message *m);
/** store_at() - a message to change, NULL for -1; valid until the next store_add(). */
struct flow_message *store_at(struct store *s, int index);
/** store_bytes() - more bytes of a message (-1: nowhere), within the limits of flow.h. */
void store_bytes(struct store *s, int index, struct slice bytes);
/** store_sort() - by time; requests follow. */
void store_sort(struct store *s);
void store_free(struct store *s);

#endif
