/* SPDX-License-Identifier: MIT */
/* ssdp.h - discovery: answers to M-SEARCH, NOTIFY alive, byebye, update. */
#ifndef FAKEIGD_SSDP_H
#define FAKEIGD_SSDP_H

#include "base/buf.h"

struct router;
struct ssdp;

/** enum ssdp_versions - which versions of a type a search may ask for (policy
 * ssdp.version-match) */
enum ssdp_versions { SSDP_VERSIONS_LOWER, SSDP_VERSIONS_EXACT, SSDP_VERSIONS_ANY };

/**
 * ssdp_target_matches() - whether an advertisement answers a search (UDA 2.0 clause 1.3.3). Pure.
 * @asked:	ST of the search
 * @nt:		NT of the advertisement
 */
bool ssdp_target_matches(struct slice asked, const char *nt, enum ssdp_versions versions);

/** ssdp_new() - join the groups on every LAN interface; the first alive set goes out from the loop.
 * NULL with @error = -errno. */
struct ssdp *ssdp_new(struct router *r, int *error);
void ssdp_free(struct ssdp *s);
/** ssdp_alive() - send an advertisement set now and restart the refresh timer. */
void ssdp_alive(struct ssdp *s);
/** ssdp_byebye() - send byebye for every advertisement, at once. */
void ssdp_byebye(struct ssdp *s);
/** ssdp_reopen() - the LAN's addresses have changed: join the groups anew and announce as after a
 * start. Return: 0, or -errno; then nothing listens. */
int ssdp_reopen(struct ssdp *s);
/** ssdp_restart() - forget what waits to be sent and announce as after a start. */
void ssdp_restart(struct ssdp *s);

#endif
