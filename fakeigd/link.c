/* SPDX-License-Identifier: MIT */
/*
 * link.c - the modem below the connection, and the parameters of the LAN.
 *
 * WANEthernetLinkConfig:1 (CIF-12), WANDSLLinkConfig:1 (CIF-13), WANCableLinkConfig:1,
 * WANPOTSLinkConfig:1 and LANHostConfigManagement:1 (CIF-14 to CIF-16). There is no modem: what is
 * told is plausible and constant, but for the link's status, which is the WAN's.
 */
#include "base/mem.h"
#include "choice.h"
#include "router.h"
#include "service_tables.h"
#include "soap.h"
#include "wanconnection.h"

#include <arpa/inet.h>
#include <stdlib.h>

static const struct policy *policy_of(const struct soap_call *call)
{
	return &call->router->profile->policy;
}

int ethernet_get_status(struct soap_call *call)
{
	value_link_status(call->router, soap_out(call, "NewEthernetLinkStatus"));
	return 0;
}

void value_auto_config(struct router *r, struct buf *out)
{
	buf_putc(out, r->profile->policy.wan_auto_config ? '1' : '0');
}

int dsl_get(struct soap_call *call)
{
	const struct wan_dsl *dsl = &call->router->wanconnection->dsl;
	struct buf *status = soap_out(call, "NewLinkStatus");
	struct buf *automatic = soap_out(call, "NewAutoConfig");

	soap_out_text(call, "NewLinkType", dsl->link_type);
	soap_out_text(call, "NewModulationType", "ADSL G.dmt");
	soap_out_text(call, "NewDestinationAddress", dsl->destination);
	soap_out_text(call, "NewATMEncapsulation", dsl->encapsulation);
	soap_out_text(call, "NewFCSPreserved", dsl->fcs_preserved ? "1" : "0");
	if (status)
		value_link_status(call->router, status);
	if (automatic)
		value_auto_config(call->router, automatic);
	return 0;
}

static void set_text(struct soap_call *call, const char *name, char **field)
{
	free(*field);
	*field = xstrdup(soap_in(call, name));
}

int dsl_set(struct soap_call *call)
{
	struct wan_dsl *dsl = &call->router->wanconnection->dsl;
	const char *name = call->action->arguments[0].name;

	if (policy_of(call)->wan_auto_config)
		return soap_refuse(call, 719, "wan.auto-config");
	if (!strcmp(name, "NewLinkType"))
		set_text(call, name, &dsl->link_type);
	else if (!strcmp(name, "NewDestinationAddress"))
		set_text(call, name, &dsl->destination);
	else if (!strcmp(name, "NewATMEncapsulation"))
		set_text(call, name, &dsl->encapsulation);
	else
		dsl->fcs_preserved = soap_in_boolean(call, name);
	return 0;
}

/* Out-arguments that never change: name and value. */
struct constant {
	const char *name;
	const char *value;
};

static void tell(struct soap_call *call, const struct constant *constants, size_t count)
{
	for (size_t i = 0; i < count; i++)
		soap_out_text(call, constants[i].name, constants[i].value);
}

int cable_get(struct soap_call *call)
{
	static const struct constant constants[] = {
		{"NewLinkType", "Ethernet"},	      {"NewDownstreamFrequency", "602000000"},
		{"NewUpstreamFrequency", "37000000"}, {"NewDownstreamModulation", "256QAM"},
		{"NewUpstreamModulation", "64QAM"},   {"NewUpstreamChannelID", "3"},
		{"NewUpstreamPowerLevel", "42"},      {"NewBPIEncryptionEnabled", "1"},
		{"NewConfigFile", "modem.cfg"},	      {"NewTFTPServer", "0.0.0.0"},
	};

	tell(call, constants, ARRAY_SIZE(constants));
	soap_out_text(call, "NewCableLinkConfigState",
		      wanconnection_link_up(call->router) ? "operational" : "notReady");
	return 0;
}

int pots_get(struct soap_call *call)
{
	static const struct constant constants[] = {
		{"NewISPPhoneNumber", ""},
		{"NewISPInfo", ""},
		{"NewLinkType", "PPP_Dialup"},
		{"NewNumberOfRetries", "3"},
		{"NewDelayBetweenRetries", "10"},
		{"NewFclass", "0"},
		{"NewDataModulationSupported", "V92"},
		{"NewDataProtocol", "V42_LAPM"},
		{"NewDataCompression", "V42bis"},
		{"NewPlusVTRCommandSupported", "0"},
	};

	tell(call, constants, ARRAY_SIZE(constants));
	return 0;
}

int pots_set(struct soap_call *call)
{
	return soap_refuse(call, 501, "there is no telephone line");
}

/* CIF-15: DNS servers are not for control points to set. */
int lan_set(struct soap_call *call)
{
	return soap_refuse(call, policy_code(policy_of(call), lan_control),
			   "the control point has not logged in");
}

static void put_address(struct soap_call *call, const char *name, uint32_t address)
{
	struct in_addr in = {htonl(address)};
	char text[INET_ADDRSTRLEN];

	soap_out_text(call, name, inet_ntop(AF_INET, &in, text, sizeof(text)));
}

/* CIF-14: of the LAN that the control point is on, else of the first. */
int lan_get(struct soap_call *call)
{
	const struct router_interface *lan = router_lan_of(call->router, call->peer);
	uint32_t own, mask;

	if (!lan)
		lan = &call->router->lan[0];
	own = ntohl(lan->address.s_addr);
	mask = lan->prefix ? UINT32_MAX << (32 - lan->prefix) : 0;
	soap_out_text(call, "NewDHCPServerConfigurable", "0");
	soap_out_text(call, "NewDHCPRelay", "0");
	soap_out_text(call, "NewDomainName", "lan");
	soap_out_text(call, "NewReservedAddresses", "");
	put_address(call, "NewSubnetMask", mask);
	put_address(call, "NewIPRouters", own);
	put_address(call, "NewDNSServers", own);
	put_address(call, "NewMinAddress", (own & mask) + 2);
	put_address(call, "NewMaxAddress", (own | ~mask) - 1);
	return 0;
}
