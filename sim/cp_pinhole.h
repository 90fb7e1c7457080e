/* SPDX-License-Identifier: MIT */
/* cp_pinhole.h - what cp_pinhole.c and cp_pinhole_find.c share. */
#ifndef SIM_CP_PINHOLE_H
#define SIM_CP_PINHOLE_H

#include "cp.h"

/** cp_find_firewall() - the router's WANIPv6FirewallControl, in steps. @family: AF_INET, AF_INET6
 * or 0 = IPv6 first. @out: type and control; cp_router_free(). Return: it is there. */
bool cp_find_firewall(struct cp *cp, int family, struct cp_router *out);

#endif
