/* SPDX-License-Identifier: MIT */
/*
 * service_lan.c - table of LANHostConfigManagement:1: the LAN's DHCP and DNS parameters (CIF-14).
 *
 * Every Set and Delete is refused unless policy says otherwise (CIF-15: DNS hijack).
 */
#include "service_tables.h"

#define SET(action, variable) OPTIONAL(action, lan_set, IN_ONE(variable))
#define GET(action, variable) OPTIONAL(action, lan_get, OUT_ONE(variable))

static const struct service_action lan_actions[] = {
	SET("SetDHCPServerConfigurable", "DHCPServerConfigurable"),
	REQUIRED("GetDHCPServerConfigurable", lan_get, OUT_ONE("DHCPServerConfigurable")),
	SET("SetDHCPRelay", "DHCPRelay"),
	REQUIRED("GetDHCPRelay", lan_get, OUT_ONE("DHCPRelay")),
	SET("SetSubnetMask", "SubnetMask"),
	GET("GetSubnetMask", "SubnetMask"),
	SET("SetIPRouter", "IPRouters"),
	SET("DeleteIPRouter", "IPRouters"),
	GET("GetIPRoutersList", "IPRouters"),
	SET("SetDomainName", "DomainName"),
	GET("GetDomainName", "DomainName"),
	OPTIONAL("SetAddressRange", lan_set,
		 ARGUMENTS(IN("NewMinAddress", "MinAddress"), IN("NewMaxAddress", "MaxAddress"))),
	OPTIONAL("GetAddressRange", lan_get,
		 ARGUMENTS(OUT("NewMinAddress", "MinAddress"), OUT("NewMaxAddress", "MaxAddress"))),
	SET("SetReservedAddress", "ReservedAddresses"),
	SET("DeleteReservedAddress", "ReservedAddresses"),
	GET("GetReservedAddresses", "ReservedAddresses"),
	SET("SetDNSServer", "DNSServers"),
	SET("DeleteDNSServer", "DNSServers"),
	GET("GetDNSServers", "DNSServers"),
	NO_ACTION,
};

static const struct service_variable lan_variables[] = {
	BOOLEAN("DHCPServerConfigurable"),
	BOOLEAN("DHCPRelay"),
	STRING("SubnetMask", .optional = true),
	STRING("IPRouters", .optional = true),
	STRING("DNSServers", .optional = true),
	STRING("DomainName", .optional = true),
	STRING("MinAddress", .optional = true),
	STRING("MaxAddress", .optional = true),
	STRING("ReservedAddresses", .optional = true),
	NO_VARIABLE,
};

const struct service service_lan_host_1 = {"LANHostConfigManagement", 1,	   "LANHostCfg1",
					   SERVICE_LAN_DEVICE,	      lan_actions, lan_variables};
