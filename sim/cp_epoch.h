/* SPDX-License-Identifier: MIT */
/* cp_epoch.h - whether a gateway has forgotten its mappings, by the seconds that it counts. Pure.
 */
#ifndef SIM_CP_EPOCH_H
#define SIM_CP_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct cp_epoch - what was told last; zero-initialised: nothing yet
 * @server:	its seconds
 * @client_us:	our clock then, microseconds
 */
struct cp_epoch {
	bool known;
	uint32_t server;
	int64_t client_us;
};

/** cp_epoch_natpmp() - Seconds Since Start of Epoch (RFC 6886 clause 3.6, NATPMP-40). Return: the
 * mappings are still there as far as that tells; @e holds the new value either way. */
bool cp_epoch_natpmp(struct cp_epoch *e, uint32_t server, int64_t now_us);
/** cp_epoch_pcp() - Epoch Time (RFC 6887 clause 8.5, PCP-83). Return: as above. */
bool cp_epoch_pcp(struct cp_epoch *e, uint32_t server, int64_t now_us);

#endif
