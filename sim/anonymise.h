/* SPDX-License-Identifier: MIT */
/*
 * anonymise.h - a flow that can be shown to anybody. Pure.
 *
 * What identifies a line, a device or a person is replaced, the same by the same, in every message
 * (heads, bodies, binary fields), in end points, names, notes, and the sentences about them; what
 * makes the protocol (private addresses, ports, types, versions, makers' names, times) stays.
 */
#ifndef SIM_ANONYMISE_H
#define SIM_ANONYMISE_H

#include "recording.h"
#include "substitution.h"

#include <netinet/in.h>

/**
 * anonymise() - replace in place
 *
 * Public IPv4 (carrier-grade 100.64.0.0/10 too) by addresses of 203.0.113.0/24 and
 * 198.51.100.0/24, public IPv6 by 2001:db8::/32, UUIDs, MAC addresses and serial numbers by counted
 * ones of the same length, names that people gave (friendlyName, SSIDs, hosts) by "name-1" and so
 * on, descriptions of port mappings by "text-1" and so on. UTF-16 is looked through like UTF-8.
 * Content-Length and chunk sizes are corrected where a length changed. r->replaced says what
 * was done. Doing it again changes nothing.
 */
void anonymise(struct recording *r);
/**
 * anonymise_keeping() - the same for a recording of a lab
 * @keep, @count: addresses that stay: a lab's own are nobody's, and so are its descriptions
 * @words:	further names and what to put for them
 */
void anonymise_keeping(struct recording *r, const struct in_addr *keep, size_t count,
		       const struct substitutions *words);

#endif
