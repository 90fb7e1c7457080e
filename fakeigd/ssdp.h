/* SPDX-License-Identifier: MIT */
/* ssdp.h - discovery: answers to M-SEARCH, NOTIFY alive, byebye, update. */
#ifndef FAKEIGD_SSDP_H
#define FAKEIGD_SSDP_H

struct router;
struct ssdp;

/** ssdp_new() - join the groups on every LAN interface; the first alive set goes out from the loop.
 * NULL with @error = -errno. */
struct ssdp *ssdp_new(struct router *r, int *error);
void ssdp_free(struct ssdp *s);
/** ssdp_alive() - send an advertisement set now and restart the refresh timer. */
void ssdp_alive(struct ssdp *s);
/** ssdp_byebye() - send byebye for every advertisement, at once. */
void ssdp_byebye(struct ssdp *s);

#endif
