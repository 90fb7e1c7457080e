/* SPDX-License-Identifier: MIT */
/* flow_tcp.h - messages of TCP connections into the store of a flow. */
#ifndef SIM_FLOW_TCP_H
#define SIM_FLOW_TCP_H

#include "store.h"

/** struct flow_tcp - the sink; make it with flow_tcp_init(). Everything is borrowed */
struct flow_tcp {
	struct sink sink;
	struct store *store;
	struct label_events *events;
};

/** flow_tcp_init() - begin; what a stream says goes to @store and @events. */
void flow_tcp_init(struct flow_tcp *t, struct store *store, struct label_events *events);

#endif
