/* SPDX-License-Identifier: MIT */
/*
 * epoch.c - whether a gateway has forgotten its mappings (see epoch.h).
 *
 * Theory of operation
 *
 * A gateway counts seconds since it has its table. NAT-PMP: the count must be at least 7/8 of what
 * our own clock would make of it, less two seconds. PCP: it must not go back by more than one
 * second (datagrams may overtake each other), and what passed on either clock may differ by 1/16
 * and two seconds. In PCP a count that runs ahead is as bad as one that stays behind.
 */
#include "epoch.h"

#include "../base/clock.h"

static void take(struct epoch *e, uint32_t server, int64_t now_us)
{
	*e = (struct epoch){true, server, now_us};
}

bool epoch_natpmp(struct epoch *e, uint32_t server, int64_t now_us)
{
	int64_t elapsed = (now_us - e->client_us) / CLOCK_SECOND;
	bool valid = !e->known || (int64_t)server + 2 >= (int64_t)e->server + elapsed * 7 / 8;

	take(e, server, now_us);
	return valid;
}

bool epoch_pcp(struct epoch *e, uint32_t server, int64_t now_us)
{
	int64_t client_delta = (now_us - e->client_us) / CLOCK_SECOND;
	int64_t server_delta = (int64_t)server - e->server;
	bool valid = true;

	if (e->known)
		valid = server_delta >= -1 &&
			client_delta + 2 >= server_delta - server_delta / 16 &&
			server_delta + 2 >= client_delta - client_delta / 16;
	take(e, server, now_us);
	return valid;
}
