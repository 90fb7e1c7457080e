/* SPDX-License-Identifier: MIT */
/*
 * service_common.c - tables of WANCommonInterfaceConfig:1 and Layer3Forwarding:1.
 *
 * Counters are ui4 and wrap (CIF-04). Evented: PhysicalLinkStatus, EnabledForInternet,
 * NumberOfActiveConnections (CIF-02) and DefaultConnectionService (CIF-11).
 */
#include "service_tables.h"

static const struct service_action common_actions[] = {
	OPTIONAL("SetEnabledForInternet", common_set_enabled, IN_ONE("EnabledForInternet")),
	OPTIONAL("GetEnabledForInternet", common_get_enabled, OUT_ONE("EnabledForInternet")),
	REQUIRED("GetCommonLinkProperties", common_get_link_properties,
		 ARGUMENTS(OUT("NewWANAccessType", "WANAccessType"),
			   OUT("NewLayer1UpstreamMaxBitRate", "Layer1UpstreamMaxBitRate"),
			   OUT("NewLayer1DownstreamMaxBitRate", "Layer1DownstreamMaxBitRate"),
			   OUT("NewPhysicalLinkStatus", "PhysicalLinkStatus"))),
	OPTIONAL("GetWANAccessProvider", common_get_provider, OUT_ONE("WANAccessProvider")),
	OPTIONAL("GetMaximumActiveConnections", common_get_maximum,
		 OUT_ONE("MaximumActiveConnections")),
	OPTIONAL("GetTotalBytesSent", common_get_counters, OUT_ONE("TotalBytesSent")),
	OPTIONAL("GetTotalBytesReceived", common_get_counters, OUT_ONE("TotalBytesReceived")),
	OPTIONAL("GetTotalPacketsSent", common_get_counters, OUT_ONE("TotalPacketsSent")),
	OPTIONAL("GetTotalPacketsReceived", common_get_counters, OUT_ONE("TotalPacketsReceived")),
	OPTIONAL("GetActiveConnection", common_get_active_connection,
		 ARGUMENTS(IN("NewActiveConnectionIndex", "NumberOfActiveConnections"),
			   OUT("NewActiveConnDeviceContainer", "ActiveConnectionDeviceContainer"),
			   OUT("NewActiveConnectionServiceID", "ActiveConnectionServiceID"))),
	NO_ACTION,
};

static const char *const access_types[] = {"DSL", "POTS", "Cable", "Ethernet", NULL};
static const char *const link_statuses[] = {"Up", "Down", "Initializing", "Unavailable", NULL};

static const struct service_variable common_variables[] = {
	STRING("WANAccessType", .allowed = access_types),
	UI4("Layer1UpstreamMaxBitRate"),
	UI4("Layer1DownstreamMaxBitRate"),
	STRING("PhysicalLinkStatus", .allowed = link_statuses, .evented = true,
	       .get = value_link_status),
	STRING("WANAccessProvider", .optional = true),
	UI4("TotalBytesSent", .optional = true),
	UI4("TotalBytesReceived", .optional = true),
	UI4("TotalPacketsSent", .optional = true),
	UI4("TotalPacketsReceived", .optional = true),
	BOOLEAN("EnabledForInternet", .optional = true, .evented = true, .get = value_enabled),
	UI2("MaximumActiveConnections", .optional = true, .min = 1, .max = 65535),
	UI2("NumberOfActiveConnections", .optional = true, .evented = true,
	    .get = value_active_connections),
	STRING("ActiveConnectionDeviceContainer", .optional = true),
	STRING("ActiveConnectionServiceID", .optional = true),
	NO_VARIABLE,
};

const struct service service_wan_common_1 = {"WANCommonInterfaceConfig",
					     1,
					     "WANCommonIFC1",
					     SERVICE_WAN_DEVICE,
					     common_actions,
					     common_variables};

static const struct service_action layer3_actions[] = {
	REQUIRED("SetDefaultConnectionService", layer3_set_default,
		 IN_ONE("DefaultConnectionService")),
	REQUIRED("GetDefaultConnectionService", layer3_get_default,
		 OUT_ONE("DefaultConnectionService")),
	NO_ACTION,
};

static const struct service_variable layer3_variables[] = {
	STRING("DefaultConnectionService", .evented = true, .get = value_default_service),
	NO_VARIABLE,
};

const struct service service_layer3_1 = {
	"Layer3Forwarding", 1, "L3Forwarding1", SERVICE_ROOT, layer3_actions, layer3_variables};
