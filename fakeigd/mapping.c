/* SPDX-License-Identifier: MIT */
/*
 * mapping.c - what the port mapping actions share.
 *
 * Arguments that every one of them has (WANIPConnection:2 2.3.17, 2.3.20), who may see which entry
 * (2.5.14 to 2.5.21; IGD-13), and how an entry is told.
 */
#include "mapping.h"

#include "choice.h"
#include "router.h"

#include <arpa/inet.h>

static const struct policy *policy_of(const struct soap_call *call)
{
	return &call->router->profile->policy;
}

/* WIPC-27, SOAP-23: 601 in version 2, 402 in version 1. */
int mapping_protocol(struct soap_call *call, int *out)
{
	const char *text = soap_in(call, "NewProtocol");
	bool any_case = policy_is(policy_of(call), protocol_case, "any");

	if (!strcmp(text, "TCP") || (any_case && !strcasecmp(text, "TCP")))
		*out = IPPROTO_TCP;
	else if (!strcmp(text, "UDP") || (any_case && !strcasecmp(text, "UDP")))
		*out = IPPROTO_UDP;
	else if (policy_is(policy_of(call), protocol_other, "tcp"))
		*out = IPPROTO_TCP;
	else
		return soap_refuse(call, policy_by_service(call, protocol_other, 402, 601),
				   "protocol \"%.20s\"", text);
	return 0;
}

static bool is_wildcard(const struct policy *policy, const char *text)
{
	if (!*text)
		return true;
	if (policy_is(policy, remote_host_wildcard, "empty"))
		return false;
	if (!strcmp(text, "0.0.0.0"))
		return true;
	return !strcmp(text, "*") && policy_is(policy, remote_host_wildcard, "empty-zero-or-star");
}

/* WIPC-30: names are valid by the letter, but nothing here resolves them (WIPC-75). */
int mapping_remote_host(struct soap_call *call, struct in_addr *out)
{
	const struct policy *policy = policy_of(call);
	const char *text = soap_in(call, "NewRemoteHost");

	*out = (struct in_addr){0};
	if (is_wildcard(policy, text))
		return 0;
	if (inet_pton(AF_INET, text, out) == 1 && out->s_addr)
		return 0;
	*out = (struct in_addr){0};
	if (policy_is(policy, remote_host_invalid, "ignore"))
		return 0;
	return soap_refuse(call, policy_by_service(call, remote_host_invalid, 402, 601),
			   "remote host \"%.40s\" is no IPv4 address", text);
}

bool mapping_is_own(const struct soap_call *call, const struct mapping *m)
{
	if (m->internal_client.s_addr != call->peer.s_addr)
		return false;
	if (m->external_port && m->external_port < 1024 &&
	    policy_by_device(call, client_low_external_port, 606))
		return false;
	return m->internal_port >= 1024 || !policy_by_device(call, client_low_internal_port, 606);
}

const char *mapping_host_text(const struct soap_call *call, const struct mapping *m,
			      char out[INET_ADDRSTRLEN])
{
	if (m->remote_host.s_addr)
		return inet_ntop(AF_INET, &m->remote_host, out, INET_ADDRSTRLEN);
	if (policy_is(policy_of(call), remote_host_report, "zero"))
		return "0.0.0.0";
	return policy_is(policy_of(call), remote_host_report, "star") ? "*" : "";
}

/* WIPC-16, WIPC-19: what is left, 0 for a permanent mapping. */
uint32_t mapping_lease(const struct soap_call *call, const struct mapping *m)
{
	const struct policy *policy = policy_of(call);

	if (!m->lease)
		return (uint32_t)policy->lease_report_permanent;
	if (policy_is(policy, lease_report, "granted"))
		return m->lease;
	return policy_is(policy, lease_report, "zero") ? 0 : portmap_remaining(m);
}

void mapping_out(struct soap_call *call, const struct mapping *m)
{
	char text[INET_ADDRSTRLEN];

	soap_out_text(call, "NewRemoteHost", mapping_host_text(call, m, text));
	soap_out_number(call, "NewExternalPort", m->external_port);
	soap_out_text(call, "NewProtocol", mapping_protocol_text(m));
	soap_out_number(call, "NewInternalPort", m->internal_port);
	soap_out_text(call, "NewInternalClient",
		      inet_ntop(AF_INET, &m->internal_client, text, sizeof(text)));
	soap_out_text(call, "NewEnabled", m->enabled ? "1" : "0");
	soap_out_text(call, "NewPortMappingDescription", m->description);
	soap_out_number(call, "NewLeaseDuration", mapping_lease(call, m));
}
