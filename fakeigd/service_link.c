/* SPDX-License-Identifier: MIT */
/*
 * service_link.c - tables of WANEthernetLinkConfig:1, WANDSLLinkConfig:1, WANCableLinkConfig:1 and
 * WANPOTSLinkConfig:1: the modem below the connection (CIF-12, CIF-13).
 */
#include "service_tables.h"

static const char *const ethernet_statuses[] = {"Up", "Down", "Unavailable", NULL};
static const char *const link_statuses[] = {"Up", "Down", "Initializing", "Unavailable", NULL};

static const struct service_action ethernet_actions[] = {
	REQUIRED("GetEthernetLinkStatus", ethernet_get_status, OUT_ONE("EthernetLinkStatus")),
	NO_ACTION,
};

static const struct service_variable ethernet_variables[] = {
	STRING("EthernetLinkStatus", .allowed = ethernet_statuses, .evented = true,
	       .get = value_link_status),
	NO_VARIABLE,
};

const struct service service_ethernet_1 = {"WANEthernetLinkConfig", 1,
					   "WANEthLinkC1",	    SERVICE_WAN_CONNECTION_DEVICE,
					   ethernet_actions,	    ethernet_variables};

static const struct service_action dsl_actions[] = {
	REQUIRED("SetDSLLinkType", dsl_set, IN_ONE("LinkType")),
	REQUIRED("GetDSLLinkInfo", dsl_get,
		 ARGUMENTS(OUT("NewLinkType", "LinkType"), OUT("NewLinkStatus", "LinkStatus"))),
	REQUIRED("GetAutoConfig", dsl_get, OUT_ONE("AutoConfig")),
	OPTIONAL("GetModulationType", dsl_get, OUT_ONE("ModulationType")),
	OPTIONAL("SetDestinationAddress", dsl_set, IN_ONE("DestinationAddress")),
	OPTIONAL("GetDestinationAddress", dsl_get, OUT_ONE("DestinationAddress")),
	OPTIONAL("SetATMEncapsulation", dsl_set, IN_ONE("ATMEncapsulation")),
	OPTIONAL("GetATMEncapsulation", dsl_get, OUT_ONE("ATMEncapsulation")),
	OPTIONAL("SetFCSPreserved", dsl_set, IN_ONE("FCSPreserved")),
	OPTIONAL("GetFCSPreserved", dsl_get, OUT_ONE("FCSPreserved")),
	NO_ACTION,
};

static const char *const dsl_types[] = {"PPPoE", "EoA",		 "IPoA", "PPPoA",
					"CIP",	 "Unconfigured", NULL};
static const char *const encapsulations[] = {"LLC", "VCMUX", NULL};

static const struct service_variable dsl_variables[] = {
	STRING("LinkType", .allowed = dsl_types),
	STRING("LinkStatus", .allowed = link_statuses, .evented = true, .get = value_link_status),
	BOOLEAN("AutoConfig", .evented = true, .get = value_auto_config),
	STRING("ModulationType", .optional = true),
	STRING("DestinationAddress", .optional = true),
	STRING("ATMEncapsulation", .optional = true, .allowed = encapsulations),
	BOOLEAN("FCSPreserved", .optional = true),
	NO_VARIABLE,
};

const struct service service_dsl_1 = {"WANDSLLinkConfig", 1,
				      "WANDSLLinkC1",	  SERVICE_WAN_CONNECTION_DEVICE,
				      dsl_actions,	  dsl_variables};

#define GET(variable) OPTIONAL("Get" variable, cable_get, OUT_ONE(variable))

static const struct service_action cable_actions[] = {
	REQUIRED("GetCableLinkConfigInfo", cable_get,
		 ARGUMENTS(OUT("NewCableLinkConfigState", "CableLinkConfigState"),
			   OUT("NewLinkType", "LinkType"))),
	GET("DownstreamFrequency"),
	GET("UpstreamFrequency"),
	GET("DownstreamModulation"),
	GET("UpstreamModulation"),
	GET("UpstreamChannelID"),
	GET("UpstreamPowerLevel"),
	GET("BPIEncryptionEnabled"),
	GET("ConfigFile"),
	GET("TFTPServer"),
	NO_ACTION,
};

#undef GET

static const char *const cable_states[] = {"notReady",
					   "dsSyncComplete",
					   "usParamAcquired",
					   "rangingComplete",
					   "ipComplete",
					   "todEstablished",
					   "paramTransferComplete",
					   "registrationComplete",
					   "operational",
					   "accessDenied",
					   NULL};

static const struct service_variable cable_variables[] = {
	STRING("CableLinkConfigState", .allowed = cable_states),
	STRING("LinkType"),
	UI4("DownstreamFrequency", .optional = true),
	UI4("UpstreamFrequency", .optional = true),
	STRING("DownstreamModulation", .optional = true),
	STRING("UpstreamModulation", .optional = true),
	UI4("UpstreamChannelID", .optional = true),
	UI4("UpstreamPowerLevel", .optional = true),
	BOOLEAN("BPIEncryptionEnabled", .optional = true),
	STRING("ConfigFile", .optional = true),
	STRING("TFTPServer", .optional = true),
	NO_VARIABLE,
};

const struct service service_cable_1 = {"WANCableLinkConfig", 1,
					"WANCableLinkC1",     SERVICE_WAN_CONNECTION_DEVICE,
					cable_actions,	      cable_variables};

#define GET(variable) OPTIONAL("Get" variable, pots_get, OUT_ONE(variable))

static const struct service_action pots_actions[] = {
	REQUIRED("SetISPInfo", pots_set,
		 ARGUMENTS(IN("NewISPPhoneNumber", "ISPPhoneNumber"), IN("NewISPInfo", "ISPInfo"),
			   IN("NewLinkType", "LinkType"))),
	OPTIONAL("SetCallRetryInfo", pots_set,
		 ARGUMENTS(IN("NewNumberOfRetries", "NumberOfRetries"),
			   IN("NewDelayBetweenRetries", "DelayBetweenRetries"))),
	REQUIRED("GetISPInfo", pots_get,
		 ARGUMENTS(OUT("NewISPPhoneNumber", "ISPPhoneNumber"), OUT("NewISPInfo", "ISPInfo"),
			   OUT("NewLinkType", "LinkType"))),
	OPTIONAL("GetCallRetryInfo", pots_get,
		 ARGUMENTS(OUT("NewNumberOfRetries", "NumberOfRetries"),
			   OUT("NewDelayBetweenRetries", "DelayBetweenRetries"))),
	GET("Fclass"),
	GET("DataModulationSupported"),
	GET("DataProtocol"),
	GET("DataCompression"),
	GET("PlusVTRCommandSupported"),
	NO_ACTION,
};

#undef GET

static const struct service_variable pots_variables[] = {
	STRING("ISPPhoneNumber"),
	STRING("ISPInfo"),
	STRING("LinkType"),
	UI4("NumberOfRetries", .optional = true),
	UI4("DelayBetweenRetries", .optional = true),
	STRING("Fclass", .optional = true),
	STRING("DataModulationSupported", .optional = true),
	STRING("DataProtocol", .optional = true),
	STRING("DataCompression", .optional = true),
	BOOLEAN("PlusVTRCommandSupported", .optional = true),
	NO_VARIABLE,
};

const struct service service_pots_1 = {"WANPOTSLinkConfig", 1,
				       "WANPOTSLinkC1",	    SERVICE_WAN_CONNECTION_DEVICE,
				       pots_actions,	    pots_variables};
