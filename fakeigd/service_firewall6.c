/* SPDX-License-Identifier: MIT */
/*
 * service_firewall6.c - table of WANIPv6FirewallControl:1.
 *
 * Clauses 2.4.2 to 2.4.11 (variables) and 2.6.1 to 2.6.7 (actions). Arguments have no "New" but for
 * the one lease of UpdatePinhole. GetOutboundPinholeTimeout and CheckPinholeWorking may be left
 * out. Evented: FirewallEnabled, InboundPinholeAllowed (6FC-01, GENA-36). The lease's range is only
 * described here: its own answer is 402 (6FC-11).
 */
#include "service_tables.h"

#define HOST	 "A_ARG_TYPE_IPv6Address"
#define PORT	 "A_ARG_TYPE_Port"
#define PROTOCOL "A_ARG_TYPE_Protocol"
#define LEASE	 "A_ARG_TYPE_LeaseTime"
#define ID	 "A_ARG_TYPE_UniqueID"

static const struct service_action firewall6_actions[] = {
	REQUIRED("GetFirewallStatus", pinhole_get_status,
		 ARGUMENTS(OUT("FirewallEnabled", "FirewallEnabled"),
			   OUT("InboundPinholeAllowed", "InboundPinholeAllowed"))),
	OPTIONAL("GetOutboundPinholeTimeout", pinhole_get_timeout,
		 ARGUMENTS(IN("RemoteHost", HOST), IN("RemotePort", PORT),
			   IN("InternalClient", HOST), IN("InternalPort", PORT),
			   IN("Protocol", PROTOCOL),
			   OUT("OutboundPinholeTimeout", "A_ARG_TYPE_OutboundPinholeTimeout"))),
	REQUIRED("AddPinhole", pinhole_add,
		 ARGUMENTS(IN("RemoteHost", HOST), IN("RemotePort", PORT),
			   IN("InternalClient", HOST), IN("InternalPort", PORT),
			   IN("Protocol", PROTOCOL), IN("LeaseTime", LEASE), OUT("UniqueID", ID))),
	REQUIRED("UpdatePinhole", pinhole_update,
		 ARGUMENTS(IN("UniqueID", ID), IN("NewLeaseTime", LEASE))),
	REQUIRED("DeletePinhole", pinhole_delete, ARGUMENTS(IN("UniqueID", ID))),
	REQUIRED("GetPinholePackets", pinhole_get_packets,
		 ARGUMENTS(IN("UniqueID", ID), OUT("PinholePackets", "A_ARG_TYPE_PinholePackets"))),
	OPTIONAL("CheckPinholeWorking", pinhole_check,
		 ARGUMENTS(IN("UniqueID", ID), OUT("IsWorking", "A_ARG_TYPE_Boolean"))),
	NO_ACTION,
};

static const struct service_variable firewall6_variables[] = {
	BOOLEAN("FirewallEnabled", .evented = true, .get = value_firewall_enabled),
	BOOLEAN("InboundPinholeAllowed", .evented = true, .get = value_inbound_allowed),
	UI4("A_ARG_TYPE_OutboundPinholeTimeout", .optional = true),
	STRING(HOST),
	UI2(PORT),
	UI2(PROTOCOL),
	UI4(LEASE, .min = 1, .max = 86400, .lenient = true),
	UI2(ID),
	UI4("A_ARG_TYPE_PinholePackets"),
	BOOLEAN("A_ARG_TYPE_Boolean", .optional = true),
	NO_VARIABLE,
};

const struct service service_firewall6_1 = {
	.type = "WANIPv6FirewallControl",
	.version = 1,
	.default_id = "WANIPv6Firewall1",
	.level = SERVICE_WAN_CONNECTION_DEVICE,
	.actions = firewall6_actions,
	.variables = firewall6_variables,
};
