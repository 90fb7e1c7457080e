/* SPDX-License-Identifier: MIT */
/*
 * facts.h - what a recorded message says, decoded: the fields that show, learn, replay and diff
 * compare. Pure.
 */
#ifndef SIM_FACTS_H
#define SIM_FACTS_H

#include "recording.h"

enum facts_kind {
	FACTS_SEARCH,	    /* M-SEARCH */
	FACTS_FOUND,	    /* its reply */
	FACTS_NOTIFY,	    /* SSDP NOTIFY */
	FACTS_GET,	    /* GET, HEAD and other HTTP requests */
	FACTS_RESPONSE,	    /* to them */
	FACTS_DESCRIPTION,  /* response that holds a device or service description */
	FACTS_ACTION,	    /* SOAP request */
	FACTS_RESULT,	    /* SOAP response */
	FACTS_FAULT,	    /* SOAP fault */
	FACTS_SUBSCRIBE,    /* SUBSCRIBE, UNSUBSCRIBE, their responses are FACTS_RESPONSE */
	FACTS_EVENT,	    /* GENA NOTIFY */
	FACTS_PORT_CONTROL, /* NAT-PMP or PCP, either direction */
	FACTS_DATA,	    /* bytes that are none of these */
	FACTS_KIND_COUNT,
};

/** struct fact - one field: "NewExternalPort" = "1872", "ST" = "ssdp:all", "status" = "200" */
struct fact {
	char *name;
	char *value;
};

/**
 * struct facts - a message decoded; free with facts_free()
 * @kind:	what it is
 * @method, @target: of a request: "POST", "/ctl"; else NULL
 * @status:	of a response, 0 = none
 * @service, @action: of SOAP: service type as sent, action without "Response"; else NULL
 * @fault_code, @fault_text: of FACTS_FAULT; -1 and NULL where absent
 * @arguments:	of SOAP in order, of an event its variables, of a description its identity (UDN,
 *		friendlyName, service types, URLs ...), of NAT-PMP and PCP the fields by RFC names
 * @headers:	of HTTP and SSDP in order, names as sent
 * @head_len:	bytes of head with its empty line
 * @body:	decoded from its transfer coding; owned
 */
struct facts {
	enum facts_kind kind;
	char *method, *target;
	int status;
	char *service, *action;
	int fault_code;
	char *fault_text;
	struct fact *arguments;
	size_t argument_count;
	struct fact *headers;
	size_t header_count;
	size_t head_len;
	struct buf body;
};

/**
 * facts_of() - decode a message
 * @m:		its bytes may be anything
 * @protocol:	of its exchange
 *
 * Always succeeds; what cannot be decoded is FACTS_DATA.
 */
void facts_of(enum flow_protocol protocol, const struct recorded_message *m, struct facts *out);
void facts_free(struct facts *f);
/** facts_argument(), facts_header() - value of the first of that name (headers: any case), or NULL.
 */
const char *facts_argument(const struct facts *f, const char *name);
const char *facts_header(const struct facts *f, const char *name);
/** facts_kind_name() - "search", "found", ... */
const char *facts_kind_name(enum facts_kind kind);

#endif
