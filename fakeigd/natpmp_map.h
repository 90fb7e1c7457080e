/* SPDX-License-Identifier: MIT */
/* natpmp_map.h - what a NAT-PMP request does to the table of mappings. */
#ifndef FAKEIGD_NATPMP_MAP_H
#define FAKEIGD_NATPMP_MAP_H

#include "portcontrol.h"
#include "wire/natpmp.h"

/** natpmp_external() - whether there is an external address to tell: a result code. */
enum natpmp_result natpmp_external(const struct router *r);
/**
 * natpmp_map() - add, refresh or (lifetime 0) delete a mapping of the sender (clauses 3.3, 3.4)
 * @q:		who asks
 * @request:	of opcode 1 or 2
 * @out:	@external_port and @lifetime are filled in when the result is 0
 *
 * Return: a result code.
 */
enum natpmp_result natpmp_map(const struct portcontrol_request *q,
			      const struct natpmp_request *request, struct natpmp_response *out);

#endif
