/* SPDX-License-Identifier: MIT */
/*
 * wanstatus.c - what is told of the Internet connection: status, address, uptime, credentials.
 *
 * WANIPConnection:1 2.2.2 to 2.2.13 and 2.4.9, 2.4.13, 2.4.18; WANPPPConnection:1 2.4.10 to 2.4.16.
 * ExternalIPAddress is empty while there is no connection (WIPC-63, GENA-35), and what a server
 * upstream said last where one is asked for ports (IWF-18).
 */
#include "base/clock.h"
#include "choice.h"
#include "interwork.h"
#include "portmap.h"
#include "router.h"
#include "service_tables.h"
#include "soap.h"
#include "wanconnection.h"

#include <arpa/inet.h>

static const struct policy *policy_of(const struct router *r)
{
	return &r->profile->policy;
}

static bool is_up(const struct router *r)
{
	return r->wan_state == WAN_CONNECTED || r->wan_state == WAN_PENDING_DISCONNECT;
}

/* RFC 1918 and RFC 6598. */
static bool is_private(struct in_addr address)
{
	uint32_t a = ntohl(address.s_addr);

	return a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 22 == 0x191;
}

void wanconnection_external(struct router *r, struct buf *out)
{
	const struct policy *policy = policy_of(r);
	char text[INET_ADDRSTRLEN];

	if (!is_up(r) && policy_is(policy, wan_address_down, "zero")) {
		buf_puts(out, "0.0.0.0");
		return;
	}
	if (!is_up(r) && policy_is(policy, wan_address_down, "empty"))
		return;
	if (interwork_is_on(r->interwork)) {
		interwork_address(r->interwork, out);
		return;
	}
	if (!r->external.s_addr ||
	    (is_private(r->external) && !policy_is(policy, wan_private, "report")))
		return;
	buf_puts(out, inet_ntop(AF_INET, &r->external, text, sizeof(text)));
}

const char *wanconnection_refuses_mappings(struct router *r)
{
	const struct policy *policy = policy_of(r);

	if (!policy->wan_nat)
		return "NATEnabled is 0";
	if (is_private(r->external) && policy_is(policy, wan_private, "refuse"))
		return "the external address is private";
	return NULL;
}

/* No carrier is told by LastConnectionError, which the lab sets when it takes the line down. */
bool wanconnection_link_up(const struct router *r)
{
	return is_up(r) || !r->wan_error || strcmp(r->wan_error, "ERROR_NO_CARRIER") != 0;
}

static uint32_t uptime(const struct router *r)
{
	int64_t since = r->wan_state == WAN_PENDING_DISCONNECT && r->wanconnection
				? r->wanconnection->up_since
				: r->wan_since;

	return is_up(r) ? (uint32_t)((clock_now() - since) / CLOCK_SECOND) : 0;
}

/* WCONN-01, WCONN-02. */
int wan_get_status_info(struct soap_call *call)
{
	struct router *r = call->router;

	soap_out_text(call, "NewConnectionStatus", wan_status_text(r->wan_state));
	soap_out_text(call, "NewLastConnectionError", r->wan_error ? r->wan_error : "ERROR_NONE");
	soap_out_number(call, "NewUptime", uptime(r));
	return 0;
}

/* WCONN-04: RSIP does not exist here. */
int wan_get_nat_rsip_status(struct soap_call *call)
{
	soap_out_text(call, "NewRSIPAvailable", "0");
	soap_out_text(call, "NewNATEnabled", policy_of(call->router)->wan_nat ? "1" : "0");
	return 0;
}

int wan_get_external_ip_address(struct soap_call *call)
{
	if (interwork_is_on(call->router->interwork))
		return interwork_external(call);
	wanconnection_external(call->router, soap_out(call, "NewExternalIPAddress"));
	return 0;
}

/* WCONN-16. */
int ppp_get_link_info(struct soap_call *call)
{
	const struct policy *policy = policy_of(call->router);

	soap_out_number(call, "NewUpstreamMaxBitRate", (uint64_t)policy->wan_upstream);
	soap_out_number(call, "NewDownstreamMaxBitRate", (uint64_t)policy->wan_downstream);
	soap_out_text(call, "NewPPPEncryptionProtocol", "NONE");
	soap_out_text(call, "NewPPPCompressionProtocol", "NONE");
	soap_out_text(call, "NewPPPAuthenticationProtocol", "CHAP");
	return 0;
}

/* SEC-26: credentials are not told unless the policy wants a careless router. */
int ppp_get_credentials(struct soap_call *call)
{
	const struct policy *policy = policy_of(call->router);
	const struct wanconnection *w = call->router->wanconnection;
	bool plain = policy_is(policy, wan_credentials, "plain");

	if (policy_code(policy, wan_credentials))
		return soap_refuse(call, policy_code(policy, wan_credentials),
				   "credentials are not told");
	soap_out_text(call, "NewUserName", plain ? w->user_name : "");
	soap_out_text(call, "NewPassword", plain ? w->password : "");
	return 0;
}

void value_connection_type(struct router *r, struct buf *out)
{
	buf_puts(out, r->wanconnection->type);
}

void value_possible_ip_types(struct router *r, struct buf *out)
{
	(void)r;
	buf_puts(out, WAN_IP_TYPES);
}

void value_possible_ppp_types(struct router *r, struct buf *out)
{
	(void)r;
	buf_puts(out, WAN_PPP_TYPES);
}

void value_connection_status(struct router *r, struct buf *out)
{
	buf_puts(out, wan_status_text(r->wan_state));
}

void value_last_error(struct router *r, struct buf *out)
{
	buf_puts(out, r->wan_error ? r->wan_error : "ERROR_NONE");
}

void value_uptime(struct router *r, struct buf *out)
{
	buf_printf(out, "%u", uptime(r));
}

void value_external_address(struct router *r, struct buf *out)
{
	wanconnection_external(r, out);
}

/* ui2, though two protocols of 65,535 ports each could hold more (WIPC-71). */
void value_entries(struct router *r, struct buf *out)
{
	size_t count = portmap_shown(r->portmap);

	buf_printf(out, "%zu", count < UINT16_MAX ? count : UINT16_MAX);
}

void value_update_id(struct router *r, struct buf *out)
{
	buf_printf(out, "%u", portmap_update_id(r->portmap));
}
