/* SPDX-License-Identifier: MIT */
/* pcp_record.h - what PCP keeps beside a mapping: whose it is, who may come in. */
#ifndef FAKEIGD_PCP_RECORD_H
#define FAKEIGD_PCP_RECORD_H

#include "wire/pcp.h"

#include <sys/socket.h>

/**
 * struct pcp_record - belongs to a mapping of the table, which frees it when it goes
 * @nonce:	of who made it
 * @client, @local: where the last request for it came from and went to: where updates go
 * @ifindex:	of the interface it came in by
 * @updates:	Mapping Updates that are still to be sent
 * @set_first, @set_size: the PORT_SET that it is one of: first internal port, size; 1 = none
 * @outer_port, @outer_address: what a server upstream has given (pcp_proxy.c), 0 = it was not asked
 * @filter, @filters: remote hosts that are let in, none = all
 */
struct pcp_record {
	uint8_t nonce[PCP_NONCE_LEN];
	struct sockaddr_storage client;
	struct sockaddr_storage local;
	unsigned ifindex;
	unsigned updates;
	uint16_t set_first;
	uint16_t set_size;
	uint16_t outer_port;
	struct in6_addr outer_address;
	struct pcp_filter *filter;
	size_t filters;
};

struct pcp_record *pcp_record_new(void);
/** pcp_record_free() - @record may be NULL. */
void pcp_record_free(struct pcp_record *record);
/** pcp_record_add_filter() - unless it is there already; a prefix of 0 removes all (clause 13.3).
 */
void pcp_record_add_filter(struct pcp_record *record, const struct pcp_filter *filter);
void pcp_record_copy_filters(struct pcp_record *to, const struct pcp_record *from);
/** pcp_record_is_covered() - whether another filter of it lets in all that filter @i does. */
bool pcp_record_is_covered(const struct pcp_record *record, size_t i);
/** pcp_record_same_filters() - whether both let the same in, in the same order; NULL lets all in.
 */
bool pcp_record_same_filters(const struct pcp_record *a, const struct pcp_record *b);

#endif
