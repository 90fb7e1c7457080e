/* SPDX-License-Identifier: MIT */
/* service_tables.h - the tables themselves, and what they are written with. */
#ifndef FAKEIGD_SERVICE_TABLES_H
#define FAKEIGD_SERVICE_TABLES_H

#include "service.h"

extern const struct service service_wan_ip_1;
extern const struct service service_wan_ip_2;
extern const struct service service_wan_ppp_1;
extern const struct service service_wan_common_1;
extern const struct service service_layer3_1;
extern const struct service service_ethernet_1;
extern const struct service service_dsl_1;
extern const struct service service_cable_1;
extern const struct service service_pots_1;
extern const struct service service_lan_host_1;
extern const struct service service_firewall6_1;

/* Arguments of an action: ARGUMENTS(IN("NewX", "X"), OUT("NewY", "Y")). */
#define IN(name, variable)                                                                         \
	{                                                                                          \
		name, false, variable                                                              \
	}
#define OUT(name, variable)                                                                        \
	{                                                                                          \
		name, true, variable                                                               \
	}
#define ARGUMENTS(...) ((const struct service_argument[]){__VA_ARGS__, {NULL, false, NULL}})

#define REQUIRED(name, perform, arguments)                                                         \
	{                                                                                          \
		name, false, arguments, perform                                                    \
	}
#define OPTIONAL(name, perform, arguments)                                                         \
	{                                                                                          \
		name, true, arguments, perform                                                     \
	}

/* Arguments of an action that gives back, or takes, the one variable of that name. */
#define OUT_ONE(variable) ARGUMENTS(OUT("New" variable, variable))
#define IN_ONE(variable)  ARGUMENTS(IN("New" variable, variable))

#define NO_ACTION                                                                                  \
	{                                                                                          \
		NULL, false, NULL, NULL                                                            \
	}

/* A state variable: UI2("X", .evented = true, .get = value_x). */
#define STRING(...)                                                                                \
	{                                                                                          \
		.type = SERVICE_STRING, .name = __VA_ARGS__                                        \
	}
#define BOOLEAN(...)                                                                               \
	{                                                                                          \
		.type = SERVICE_BOOLEAN, .name = __VA_ARGS__                                       \
	}
#define UI1(...)                                                                                   \
	{                                                                                          \
		.type = SERVICE_UI1, .name = __VA_ARGS__                                           \
	}
#define UI2(...)                                                                                   \
	{                                                                                          \
		.type = SERVICE_UI2, .name = __VA_ARGS__                                           \
	}
#define UI4(...)                                                                                   \
	{                                                                                          \
		.type = SERVICE_UI4, .name = __VA_ARGS__                                           \
	}
#define NO_VARIABLE                                                                                \
	{                                                                                          \
		.name = NULL                                                                       \
	}

/* wanconnection.c: connection management */
int wan_set_connection_type(struct soap_call *call);
int wan_get_connection_type_info(struct soap_call *call);
int wan_request_connection(struct soap_call *call);
int wan_request_termination(struct soap_call *call);
int wan_force_termination(struct soap_call *call);
int wan_set_auto_disconnect_time(struct soap_call *call);
int wan_set_idle_disconnect_time(struct soap_call *call);
int wan_set_warn_disconnect_delay(struct soap_call *call);
int wan_get_disconnect_times(struct soap_call *call);
int wan_get_status_info(struct soap_call *call);
int wan_get_nat_rsip_status(struct soap_call *call);
int wan_get_external_ip_address(struct soap_call *call);
int ppp_configure_connection(struct soap_call *call);
int ppp_get_link_info(struct soap_call *call);
int ppp_get_credentials(struct soap_call *call);

/* mapping_add.c, mapping_read.c: port mappings */
int mapping_add(struct soap_call *call);
int mapping_add_any(struct soap_call *call);
int mapping_delete(struct soap_call *call);
int mapping_delete_range(struct soap_call *call);
int mapping_get_generic(struct soap_call *call);
int mapping_get_specific(struct soap_call *call);
int mapping_get_list(struct soap_call *call);

/* commoninterface.c: the line, and which connection is the default one */
int common_get_link_properties(struct soap_call *call);
int common_get_enabled(struct soap_call *call);
int common_set_enabled(struct soap_call *call);
int common_get_provider(struct soap_call *call);
int common_get_maximum(struct soap_call *call);
int common_get_counters(struct soap_call *call);
int common_get_active_connection(struct soap_call *call);
int layer3_set_default(struct soap_call *call);
int layer3_get_default(struct soap_call *call);

/* link.c: the modem below it, and the LAN's parameters */
int ethernet_get_status(struct soap_call *call);
int dsl_set(struct soap_call *call);
int dsl_get(struct soap_call *call);
int cable_get(struct soap_call *call);
int pots_set(struct soap_call *call);
int pots_get(struct soap_call *call);
int lan_set(struct soap_call *call);
int lan_get(struct soap_call *call);

/* pinhole_action.c: the IPv6 firewall */
int pinhole_get_status(struct soap_call *call);
int pinhole_get_timeout(struct soap_call *call);
int pinhole_add(struct soap_call *call);
int pinhole_update(struct soap_call *call);
int pinhole_delete(struct soap_call *call);
int pinhole_get_packets(struct soap_call *call);
int pinhole_check(struct soap_call *call);

/* values of evented variables, and of others that QueryStateVariable may ask for */
void value_connection_type(struct router *r, struct buf *out);
void value_possible_ip_types(struct router *r, struct buf *out);
void value_possible_ppp_types(struct router *r, struct buf *out);
void value_connection_status(struct router *r, struct buf *out);
void value_last_error(struct router *r, struct buf *out);
void value_uptime(struct router *r, struct buf *out);
void value_external_address(struct router *r, struct buf *out);
void value_entries(struct router *r, struct buf *out);
void value_update_id(struct router *r, struct buf *out);
void value_link_status(struct router *r, struct buf *out);
void value_enabled(struct router *r, struct buf *out);
void value_active_connections(struct router *r, struct buf *out);
void value_default_service(struct router *r, struct buf *out);
void value_auto_config(struct router *r, struct buf *out);
void value_firewall_enabled(struct router *r, struct buf *out);
void value_inbound_allowed(struct router *r, struct buf *out);

#endif
