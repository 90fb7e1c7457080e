/* SPDX-License-Identifier: MIT */
/*
 * service.h - one table per service: actions, arguments, state variables. Descriptions (SCPD),
 * argument checks and dispatch all come from these tables.
 */
#ifndef FAKEIGD_SERVICE_H
#define FAKEIGD_SERVICE_H

#include "profile.h"
#include "wire/soap.h"

struct router;

enum service_type_kind { SERVICE_STRING, SERVICE_BOOLEAN, SERVICE_UI1, SERVICE_UI2, SERVICE_UI4 };

/**
 * struct service_variable - a state variable
 * @allowed:	NULL-terminated allowedValueList, or NULL
 * @min, @max:	allowedValueRange when @max > @min
 * @evented:	sendEvents
 * @get:	current value of an evented variable, appended to @out; NULL when never evented
 */
struct service_variable {
	const char *name;
	enum service_type_kind type;
	const char *const *allowed;
	uint32_t min, max;
	const char *initial; /* defaultValue or NULL */
	bool evented;
	bool optional;
	void (*get)(struct router *r, struct buf *out);
};

struct service_argument {
	const char *name;
	bool out;
	const char *variable; /* relatedStateVariable */
};

/**
 * struct soap_call - an action being performed
 * @router, @service, @instance: whose
 * @peer:	control point (IPv4; 0.0.0.0 when it came over IPv6)
 * @in:		values of the in-arguments in table order, all checked against their variables
 * @out:	values of the out-arguments in table order, to be filled by soap_out()
 */
struct soap_call {
	struct router *router;
	const struct service *service;
	const struct profile_service *instance;
	struct in_addr peer;
	const char *in[SOAP_ARGUMENTS_MAX];
	struct buf out[SOAP_ARGUMENTS_MAX];
	struct effects *effects;
};

/** service_action_fn - perform. Return: 0, or a UPnP error code (401, 402, 501, 6xx, 7xx). */
typedef int service_action_fn(struct soap_call *call);

struct service_action {
	const char *name;
	bool optional;
	const struct service_argument *arguments; /* ends with name NULL */
	service_action_fn *perform;
};

struct service {
	const char *type;
	unsigned version;
	const char *default_id; /* WANIPConn1 */
	int level;		/* 0 root, 1 WANDevice, 2 WANConnectionDevice, 3 LANDevice */
	const struct service_action *actions;	  /* ends with name NULL */
	const struct service_variable *variables; /* ends with name NULL */
};

/** service_find() - table of a service by type and version, NULL when fakeigd has none. */
const struct service *service_find(const char *type, unsigned version);
/** service_names() - "WANIPConnection:1", ... for suggestions. */
const char *const *service_names(size_t *count);
/** service_offers() - whether this router offers the action (optional ones may be left out). */
bool service_offers(const struct profile_service *instance, const struct service_action *action);
const struct service_variable *service_variable(const struct service *s, const char *name);
/** upnp_error_text() - standard errorDescription of a code, for that service ("" unknown). */
const char *upnp_error_text(int code);

#endif
