/* SPDX-License-Identifier: MIT */
/* firewall6_refusal.h - the late answer to a SYN that may not come in (RFC 6092 REC-34). */
#ifndef FAKEIGD_FIREWALL6_REFUSAL_H
#define FAKEIGD_FIREWALL6_REFUSAL_H

#include "base/slice.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* NFLOG group of dropped SYNs. */
#define FIREWALL6_SYN_GROUP 6092

struct router;
struct firewall6_refusal;

/** firewall6_refusal_new() - listen to the group. Return: NULL with @error set to -errno. */
struct firewall6_refusal *firewall6_refusal_new(struct router *r, int *error);
void firewall6_refusal_free(struct firewall6_refusal *f);

/** struct firewall6_syn - who wants to connect to whom; ports in network order */
struct firewall6_syn {
	struct in6_addr from, to;
	uint16_t from_port, to_port;
};

/** firewall6_read_syn() - an IPv6 packet with a TCP header right behind the first one. Return:
 * whether it is one. */
bool firewall6_read_syn(struct slice packet, struct firewall6_syn *out);

#endif
