/* SPDX-License-Identifier: MIT */
/* epoch.h - whether a gateway has forgotten its mappings, by the seconds that it counts. Pure.
 */
#ifndef IGDLAB_WIRE_EPOCH_H
#define IGDLAB_WIRE_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct epoch - what was told last; zero-initialised: nothing yet
 * @server:	its seconds
 * @client_us:	our clock then, microseconds
 */
struct epoch {
	bool known;
	uint32_t server;
	int64_t client_us;
};

/** epoch_natpmp() - Seconds Since Start of Epoch (RFC 6886 clause 3.6, NATPMP-40). Return: the
 * mappings are still there as far as that tells; @e holds the new value either way. */
bool epoch_natpmp(struct epoch *e, uint32_t server, int64_t now_us);
/** epoch_pcp() - Epoch Time (RFC 6887 clause 8.5, PCP-83). Return: as above. */
bool epoch_pcp(struct epoch *e, uint32_t server, int64_t now_us);

#endif
