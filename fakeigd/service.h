/* SPDX-License-Identifier: MIT */
/*
 * service.h - one table per service: actions, arguments, state variables. Descriptions (SCPD),
 * argument checks and dispatch all come from these tables.
 */
#ifndef FAKEIGD_SERVICE_H
#define FAKEIGD_SERVICE_H

#include "profile.h"
#include "wire/soap.h"

#define SERVICE_ARGUMENTS_MAX 16

struct router;
struct soap_later;

enum service_type_kind { SERVICE_STRING, SERVICE_BOOLEAN, SERVICE_UI1, SERVICE_UI2, SERVICE_UI4 };

/**
 * struct service_variable - a state variable
 * @name:	as in the service's specification
 * @type:	dataType
 * @allowed:	NULL-terminated allowedValueList, or NULL
 * @min, @max:	allowedValueRange when @max > @min
 * @initial:	defaultValue, or NULL
 * @evented:	sendEvents
 * @optional:	left out of the description when no action on offer uses it
 * @lenient:	list and range are only described; the action itself judges, with a code of its own
 * @get:	current value, appended to @out as plain text; NULL where there is none (arguments)
 */
struct service_variable {
	const char *name;
	enum service_type_kind type;
	const char *const *allowed;
	uint32_t min, max;
	const char *initial;
	bool evented;
	bool optional;
	bool lenient;
	void (*get)(struct router *r, struct buf *out);
};

/** struct service_argument - @variable: name of its relatedStateVariable */
struct service_argument {
	const char *name;
	bool out;
	const char *variable;
};

struct service_action;

/**
 * struct soap_call - an action being performed
 * @router:	whose
 * @service:	table of the version asked for
 * @instance:	the service of the profile; its version is what the router implements
 * @action:	which
 * @peer:	control point (IPv4; 0.0.0.0 when it came over IPv6)
 * @from:	the same with family, port and scope
 * @in:		values of the in-arguments in table order, all checked against their variables
 * @out:	values of the out-arguments in table order, plain text, filled through soap_out()
 * @why:	why it was refused, for the journal; only written when the journal is on
 * @later:	of soap_hold()
 */
struct soap_call {
	struct router *router;
	const struct service *service;
	const struct profile_service *instance;
	const struct service_action *action;
	struct in_addr peer;
	const struct sockaddr_storage *from;
	const char *in[SERVICE_ARGUMENTS_MAX];
	struct buf out[SERVICE_ARGUMENTS_MAX];
	struct buf why;
	struct soap_later *later;
};

/** service_action_fn - perform. Return: 0, or a UPnP error code (401, 402, 501, 6xx, 7xx). */
typedef int service_action_fn(struct soap_call *call);

/**
 * struct service_action - an action
 * @name:	as in the service's specification
 * @optional:	a router may leave it out
 * @arguments:	in order, the last has name NULL; NULL when there are none
 * @perform:	does it
 */
struct service_action {
	const char *name;
	bool optional;
	const struct service_argument *arguments;
	service_action_fn *perform;
};

/** enum service_level - the device that holds a service (IGD:1 2.2, IGD:2 2.2) */
enum service_level {
	SERVICE_ROOT,
	SERVICE_WAN_DEVICE,
	SERVICE_WAN_CONNECTION_DEVICE,
	SERVICE_LAN_DEVICE,
	SERVICE_LEVELS,
};

/**
 * struct service - a service of some version
 * @type, @version: "WANIPConnection", 1
 * @default_id:	"WANIPConn1": last part of serviceId where the profile gives none
 * @level:	the device that holds it
 * @actions, @variables: the last of each has name NULL
 */
struct service {
	const char *type;
	unsigned version;
	const char *default_id;
	enum service_level level;
	const struct service_action *actions;
	const struct service_variable *variables;
};

/** service_find() - table of a service by type and version, NULL when fakeigd has none. */
const struct service *service_find(const char *type, unsigned version);
/** service_of() - table that answers for a service of a profile, NULL when fakeigd has none. */
const struct service *service_of(const struct profile_service *s);
/** service_urn() - serviceType of a service of a profile. */
void service_urn(const struct profile_service *s, struct buf *out);
/** service_fixed() - value that the profile fixes for a state variable of this service, or NULL. */
const char *service_fixed(const struct profile_service *s, const char *variable);
/** service_value() - current value of a variable of a service; @v->get is not NULL. */
void service_value(struct router *r, const struct profile_service *s,
		   const struct service_variable *v, struct buf *out);
/** service_names() - "WANIPConnection:1", ... for suggestions. */
const char *const *service_names(size_t *count);
/** service_offers() - whether this router offers the action (optional ones may be left out). */
bool service_offers(const struct profile_service *instance, const struct service_action *action);
/** service_action() - action of that name, NULL when the table has none. */
const struct service_action *service_action(const struct service *s, struct slice name);
const struct service_variable *service_variable(const struct service *s, const char *name);
/** service_shows() - whether the description of this instance lists the variable. */
bool service_shows(const struct profile_service *instance, const struct service *s,
		   const struct service_variable *v);
/** service_evented() - whether the instance has evented variables, and so an event URL. */
bool service_evented(const struct profile_service *instance, const struct service *s);

/** enum service_number - what a text is as an unsigned number of some type */
enum service_number { SERVICE_NUMBER_OK, SERVICE_NUMBER_BAD, SERVICE_NUMBER_RANGE };
/**
 * service_number() - read a number as UDA 2.0 2.5 writes it: sign and leading zeros are allowed
 * @text:	white space around it is ignored
 * @max:	largest value the type holds
 * @out:	the value; for SERVICE_NUMBER_RANGE its low bits, for SERVICE_NUMBER_BAD the number
 *		that stands first (else 0), as a careless router keeps them
 */
enum service_number service_number(const char *text, uint32_t max, uint32_t *out);
/** service_boolean() - 0, 1, true, false, yes, no (any case). Return: whether it is one. */
bool service_boolean(const char *text, bool *out);
/** service_type_max() - largest value of a numeric type, 0 for others. */
uint32_t service_type_max(enum service_type_kind type);
/**
 * service_check() - an argument's value against its variable
 * @version:	of the service: version 1 lists only 402 where version 2 has 601
 *
 * Return: 0, or 402, 601, or 605 for a text above soap.string-max (SOAP-29).
 */
int service_check(const struct service_variable *v, const char *value, unsigned version,
		  const struct policy *policy);
/** service_scpd() - content of actionList and serviceStateTable. */
void service_scpd(const struct profile_service *instance, const struct service *s,
		  struct buf *actions, struct buf *variables);

/** upnp_error_text() - standard errorDescription of a code of that service type ("" unknown). */
const char *upnp_error_text(const char *type, int code);

#endif
