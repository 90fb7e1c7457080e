/* SPDX-License-Identifier: MIT */
/*
 * firewall6.h - the IPv6 firewall between WAN and LANs (RFC 6092), in nftables.
 *
 * Closed inwards, open outwards; a pinhole (pinhole.h) is an element of a map in table
 * "ip6 fakeigd". There is a table while the router has a WAN interface and a LAN with an IPv6
 * address; without it every call succeeds and does nothing.
 */
#ifndef FAKEIGD_FIREWALL6_H
#define FAKEIGD_FIREWALL6_H

#include <stdbool.h>
#include <stdint.h>

struct router;
struct firewall6;
struct pinhole;

/** firewall6_new() - no table yet; see firewall6_refresh(). */
struct firewall6 *firewall6_new(struct router *r);
void firewall6_free(struct firewall6 *f);
/** firewall6_refresh() - the table by present addresses, policies and switches, without pinholes:
 * those are to be opened again. @lacks: what the kernel refuses, or NULL. Return: 0 or -errno. */
int firewall6_refresh(struct firewall6 *f, const char **lacks);
/** firewall6_stands() - whether there is a table. */
bool firewall6_stands(const struct firewall6 *f);
/** firewall6_open() - let the pinhole's packets in and mark their connections. 0 or -errno. */
int firewall6_open(struct firewall6 *f, const struct pinhole *h);
/** firewall6_close() - no longer, and end its connections. 0 (also when not open) or -errno. */
int firewall6_close(struct firewall6 *f, const struct pinhole *h);
/** firewall6_packets() - packets let in since firewall6_open(). */
uint64_t firewall6_packets(struct firewall6 *f, const struct pinhole *h);

/** firewall6_enabled() - FirewallEnabled (6FC 2.4.2): the policy's until firewall6_set(). */
bool firewall6_enabled(const struct firewall6 *f);
/** firewall6_inbound() - InboundPinholeAllowed (6FC 2.4.3). */
bool firewall6_inbound(const struct firewall6 *f);
/** firewall6_set() - what an administrator switches, until the next reset or reload; evented
 * (6FC-24). Pinholes stay. Return: 0 or -errno of the kernel. */
int firewall6_set(struct firewall6 *f, bool enabled, bool inbound);
/** firewall6_restore() - back to the policy's switches. */
int firewall6_restore(struct firewall6 *f);

#endif
