/* SPDX-License-Identifier: MIT */
/* mapping.h - what the port mapping actions share: arguments in, entries out, who may see what. */
#ifndef FAKEIGD_MAPPING_H
#define FAKEIGD_MAPPING_H

#include "portmap.h"
#include "soap.h"

/** mapping_protocol() - NewProtocol. Return: 0 with @out, or error code. */
int mapping_protocol(struct soap_call *call, int *out);
/** mapping_remote_host() - NewRemoteHost, 0.0.0.0 = any. Return: 0 with @out, or error code. */
int mapping_remote_host(struct soap_call *call, struct in_addr *out);
/** mapping_is_own() - whether an unauthenticated control point may see and delete the entry
 * (WANIPConnection:2 2.5.14: its own address, ports from 1024 where the policy asks for it). */
bool mapping_is_own(const struct soap_call *call, const struct mapping *m);
/** mapping_host_text() - RemoteHost as the policy writes it. */
const char *mapping_host_text(const struct soap_call *call, const struct mapping *m,
			      char out[INET_ADDRSTRLEN]);
/** mapping_lease() - lease as the policy reports it. */
uint32_t mapping_lease(const struct soap_call *call, const struct mapping *m);
/** mapping_store() - into the table, as the policy has a refresh. Return: 0, or error code. */
int mapping_store(struct soap_call *call, const struct mapping *m);
/** mapping_out() - every out-argument of an entry that the action has. */
void mapping_out(struct soap_call *call, const struct mapping *m);

static inline const char *mapping_protocol_text(const struct mapping *m)
{
	return m->protocol == IPPROTO_TCP ? "TCP" : "UDP";
}

#endif
