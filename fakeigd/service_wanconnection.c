/* SPDX-License-Identifier: MIT */
/*
 * service_wanconnection.c - tables of WANIPConnection:1 and :2 and of WANPPPConnection:1.
 *
 * WANIPConnection:1 2.2 to 2.4, WANIPConnection:2 2.3 to 2.5 and clause 4, WANPPPConnection:1 2.2
 * to 2.4. Required and optional as for devices. Evented: four variables in version 1, five in
 * version 2 (GENA-36). The three services share most rows, so these are written once.
 */
#include "service_tables.h"

#define MAPPING_KEY                                                                                \
	IN("NewRemoteHost", "RemoteHost"), IN("NewExternalPort", "ExternalPort"),                  \
		IN("NewProtocol", "PortMappingProtocol")

#define MAPPING_IN                                                                                 \
	MAPPING_KEY, IN("NewInternalPort", "InternalPort"),                                        \
		IN("NewInternalClient", "InternalClient"), IN("NewEnabled", "PortMappingEnabled"), \
		IN("NewPortMappingDescription", "PortMappingDescription"),                         \
		IN("NewLeaseDuration", "PortMappingLeaseDuration")

#define MAPPING_TARGET_OUT                                                                         \
	OUT("NewInternalPort", "InternalPort"), OUT("NewInternalClient", "InternalClient"),        \
		OUT("NewEnabled", "PortMappingEnabled"),                                           \
		OUT("NewPortMappingDescription", "PortMappingDescription"),                        \
		OUT("NewLeaseDuration", "PortMappingLeaseDuration")

#define RANGE_IN                                                                                   \
	IN("NewStartPort", "ExternalPort"), IN("NewEndPort", "ExternalPort"),                      \
		IN("NewProtocol", "PortMappingProtocol"), IN("NewManage", "A_ARG_TYPE_Manage")

#define ACTIONS_TYPE                                                                               \
	REQUIRED("SetConnectionType", wan_set_connection_type, IN_ONE("ConnectionType")),          \
		REQUIRED("GetConnectionTypeInfo", wan_get_connection_type_info,                    \
			 ARGUMENTS(OUT("NewConnectionType", "ConnectionType"),                     \
				   OUT("NewPossibleConnectionTypes", "PossibleConnectionTypes")))

#define ACTIONS_CONNECTION                                                                         \
	REQUIRED("RequestConnection", wan_request_connection, NULL),                               \
		OPTIONAL("RequestTermination", wan_request_termination, NULL),                     \
		REQUIRED("ForceTermination", wan_force_termination, NULL),                         \
		OPTIONAL("SetAutoDisconnectTime", wan_set_auto_disconnect_time,                    \
			 IN_ONE("AutoDisconnectTime")),                                            \
		OPTIONAL("SetIdleDisconnectTime", wan_set_idle_disconnect_time,                    \
			 IN_ONE("IdleDisconnectTime")),                                            \
		OPTIONAL("SetWarnDisconnectDelay", wan_set_warn_disconnect_delay,                  \
			 IN_ONE("WarnDisconnectDelay")),                                           \
		REQUIRED("GetStatusInfo", wan_get_status_info,                                     \
			 ARGUMENTS(OUT("NewConnectionStatus", "ConnectionStatus"),                 \
				   OUT("NewLastConnectionError", "LastConnectionError"),           \
				   OUT("NewUptime", "Uptime")))

#define ACTIONS_TIMES                                                                              \
	OPTIONAL("GetAutoDisconnectTime", wan_get_disconnect_times,                                \
		 OUT_ONE("AutoDisconnectTime")),                                                   \
		OPTIONAL("GetIdleDisconnectTime", wan_get_disconnect_times,                        \
			 OUT_ONE("IdleDisconnectTime")),                                           \
		OPTIONAL("GetWarnDisconnectDelay", wan_get_disconnect_times,                       \
			 OUT_ONE("WarnDisconnectDelay")),                                          \
		REQUIRED("GetNATRSIPStatus", wan_get_nat_rsip_status,                              \
			 ARGUMENTS(OUT("NewRSIPAvailable", "RSIPAvailable"),                       \
				   OUT("NewNATEnabled", "NATEnabled")))

#define ACTIONS_READ                                                                               \
	REQUIRED("GetGenericPortMappingEntry", mapping_get_generic,                                \
		 ARGUMENTS(IN("NewPortMappingIndex", "PortMappingNumberOfEntries"),                \
			   OUT("NewRemoteHost", "RemoteHost"),                                     \
			   OUT("NewExternalPort", "ExternalPort"),                                 \
			   OUT("NewProtocol", "PortMappingProtocol"), MAPPING_TARGET_OUT)),        \
		REQUIRED("GetSpecificPortMappingEntry", mapping_get_specific,                      \
			 ARGUMENTS(MAPPING_KEY, MAPPING_TARGET_OUT)),                              \
		REQUIRED("AddPortMapping", mapping_add, ARGUMENTS(MAPPING_IN))

#define ACTION_DELETE REQUIRED("DeletePortMapping", mapping_delete, ARGUMENTS(MAPPING_KEY))

#define ACTION_ADDRESS                                                                             \
	REQUIRED("GetExternalIPAddress", wan_get_external_ip_address, OUT_ONE("ExternalIPAddress"))

static const struct service_action ip_1_actions[] = {
	ACTIONS_TYPE,  ACTIONS_CONNECTION, ACTIONS_TIMES, ACTIONS_READ,
	ACTION_DELETE, ACTION_ADDRESS,	   NO_ACTION,
};

static const struct service_action ip_2_actions[] = {
	ACTIONS_TYPE,
	ACTIONS_CONNECTION,
	ACTIONS_TIMES,
	ACTIONS_READ,
	REQUIRED("AddAnyPortMapping", mapping_add_any,
		 ARGUMENTS(MAPPING_IN, OUT("NewReservedPort", "ExternalPort"))),
	ACTION_DELETE,
	REQUIRED("DeletePortMappingRange", mapping_delete_range, ARGUMENTS(RANGE_IN)),
	ACTION_ADDRESS,
	REQUIRED("GetListOfPortMappings", mapping_get_list,
		 ARGUMENTS(RANGE_IN, IN("NewNumberOfPorts", "PortMappingNumberOfEntries"),
			   OUT("NewPortListing", "A_ARG_TYPE_PortListing"))),
	NO_ACTION,
};

static const struct service_action ppp_1_actions[] = {
	ACTIONS_TYPE,
	REQUIRED("ConfigureConnection", ppp_configure_connection,
		 ARGUMENTS(IN("NewUserName", "UserName"), IN("NewPassword", "Password"))),
	ACTIONS_CONNECTION,
	REQUIRED("GetLinkLayerMaxBitRates", ppp_get_link_info,
		 ARGUMENTS(OUT("NewUpstreamMaxBitRate", "UpstreamMaxBitRate"),
			   OUT("NewDownstreamMaxBitRate", "DownstreamMaxBitRate"))),
	OPTIONAL("GetPPPEncryptionProtocol", ppp_get_link_info, OUT_ONE("PPPEncryptionProtocol")),
	OPTIONAL("GetPPPCompressionProtocol", ppp_get_link_info, OUT_ONE("PPPCompressionProtocol")),
	OPTIONAL("GetPPPAuthenticationProtocol", ppp_get_link_info,
		 OUT_ONE("PPPAuthenticationProtocol")),
	OPTIONAL("GetUserName", ppp_get_credentials, OUT_ONE("UserName")),
	OPTIONAL("GetPassword", ppp_get_credentials, OUT_ONE("Password")),
	ACTIONS_TIMES,
	ACTIONS_READ,
	ACTION_DELETE,
	ACTION_ADDRESS,
	NO_ACTION,
};

static const char *const ip_types[] = {"Unconfigured", "IP_Routed", "IP_Bridged", NULL};

static const char *const ppp_types[] = {"Unconfigured",	 "IP_Routed",  "DHCP_Spoofed",
					"PPPoE_Bridged", "PPTP_Relay", "L2TP_Relay",
					"PPPoE_Relay",	 NULL};

static const char *const ip_statuses[] = {
	"Unconfigured",	 "Connecting",	 "Connected", "PendingDisconnect",
	"Disconnecting", "Disconnected", NULL};

static const char *const ppp_statuses[] = {
	"Unconfigured",	     "Connecting",    "Authenticating", "Connected",
	"PendingDisconnect", "Disconnecting", "Disconnected",	NULL};

static const char *const ip_errors[] = {
	"ERROR_NONE",
	"ERROR_COMMAND_ABORTED",
	"ERROR_NOT_ENABLED_FOR_INTERNET",
	"ERROR_USER_DISCONNECT",
	"ERROR_ISP_DISCONNECT",
	"ERROR_IDLE_DISCONNECT",
	"ERROR_FORCED_DISCONNECT",
	"ERROR_NO_CARRIER",
	"ERROR_IP_CONFIGURATION",
	"ERROR_UNKNOWN",
	NULL,
};

static const char *const ppp_errors[] = {
	"ERROR_NONE",
	"ERROR_ISP_TIME_OUT",
	"ERROR_COMMAND_ABORTED",
	"ERROR_NOT_ENABLED_FOR_INTERNET",
	"ERROR_BAD_PHONE_NUMBER",
	"ERROR_USER_DISCONNECT",
	"ERROR_ISP_DISCONNECT",
	"ERROR_IDLE_DISCONNECT",
	"ERROR_FORCED_DISCONNECT",
	"ERROR_SERVER_OUT_OF_RESOURCES",
	"ERROR_RESTRICTED_LOGON_HOURS",
	"ERROR_ACCOUNT_DISABLED",
	"ERROR_ACCOUNT_EXPIRED",
	"ERROR_PASSWORD_EXPIRED",
	"ERROR_AUTHENTICATION_FAILURE",
	"ERROR_NO_DIALTONE",
	"ERROR_NO_CARRIER",
	"ERROR_NO_ANSWER",
	"ERROR_LINE_BUSY",
	"ERROR_UNSUPPORTED_BITSPERSECOND",
	"ERROR_TOO_MANY_LINE_ERRORS",
	"ERROR_IP_CONFIGURATION",
	"ERROR_UNKNOWN",
	NULL,
};

static const char *const protocols[] = {"TCP", "UDP", NULL};

#define VARIABLES_STATUS(statuses, errors)                                                         \
	STRING("ConnectionStatus", .allowed = statuses, .evented = true,                           \
	       .get = value_connection_status),                                                    \
		UI4("Uptime", .get = value_uptime),                                                \
		STRING("LastConnectionError", .allowed = errors, .get = value_last_error),         \
		UI4("AutoDisconnectTime", .optional = true),                                       \
		UI4("IdleDisconnectTime", .optional = true),                                       \
		UI4("WarnDisconnectDelay", .optional = true), BOOLEAN("RSIPAvailable"),            \
		BOOLEAN("NATEnabled"),                                                             \
		STRING("ExternalIPAddress", .evented = true, .get = value_external_address)

#define VARIABLES_COUNT                                                                            \
	UI2("PortMappingNumberOfEntries", .evented = true, .get = value_entries),                  \
		BOOLEAN("PortMappingEnabled")

#define VARIABLES_MAPPING                                                                          \
	STRING("RemoteHost"), UI2("ExternalPort"),                                                 \
		UI2("InternalPort", .min = 1, .max = 65535, .lenient = true),                      \
		STRING("PortMappingProtocol", .allowed = protocols, .lenient = true),              \
		STRING("InternalClient"), STRING("PortMappingDescription")

static const struct service_variable ip_1_variables[] = {
	STRING("ConnectionType", .lenient = true, .get = value_connection_type),
	STRING("PossibleConnectionTypes", .allowed = ip_types, .evented = true,
	       .get = value_possible_ip_types),
	VARIABLES_STATUS(ip_statuses, ip_errors),
	VARIABLES_COUNT,
	UI4("PortMappingLeaseDuration"),
	VARIABLES_MAPPING,
	NO_VARIABLE,
};

static const struct service_variable ip_2_variables[] = {
	STRING("ConnectionType", .allowed = ip_types, .initial = "IP_Routed", .lenient = true,
	       .get = value_connection_type),
	STRING("PossibleConnectionTypes", .allowed = ip_types, .evented = true,
	       .get = value_possible_ip_types),
	VARIABLES_STATUS(ip_statuses, ip_errors),
	VARIABLES_COUNT,
	UI4("PortMappingLeaseDuration", .max = 604800, .initial = "3600", .lenient = true),
	VARIABLES_MAPPING,
	UI4("SystemUpdateID", .evented = true, .get = value_update_id),
	BOOLEAN("A_ARG_TYPE_Manage"),
	STRING("A_ARG_TYPE_PortListing"),
	NO_VARIABLE,
};

static const struct service_variable ppp_1_variables[] = {
	STRING("ConnectionType", .lenient = true, .get = value_connection_type),
	STRING("PossibleConnectionTypes", .allowed = ppp_types, .evented = true,
	       .get = value_possible_ppp_types),
	VARIABLES_STATUS(ppp_statuses, ppp_errors),
	VARIABLES_COUNT,
	UI4("PortMappingLeaseDuration"),
	VARIABLES_MAPPING,
	UI4("UpstreamMaxBitRate"),
	UI4("DownstreamMaxBitRate"),
	STRING("PPPEncryptionProtocol", .optional = true),
	STRING("PPPCompressionProtocol", .optional = true),
	STRING("PPPAuthenticationProtocol", .optional = true),
	STRING("UserName"),
	STRING("Password"),
	NO_VARIABLE,
};

const struct service service_wan_ip_1 = {"WANIPConnection", 1,
					 "WANIPConn1",	    SERVICE_WAN_CONNECTION_DEVICE,
					 ip_1_actions,	    ip_1_variables};
const struct service service_wan_ip_2 = {"WANIPConnection", 2,
					 "WANIPConn1",	    SERVICE_WAN_CONNECTION_DEVICE,
					 ip_2_actions,	    ip_2_variables};
const struct service service_wan_ppp_1 = {"WANPPPConnection", 1,
					  "WANPPPConn1",      SERVICE_WAN_CONNECTION_DEVICE,
					  ppp_1_actions,      ppp_1_variables};
