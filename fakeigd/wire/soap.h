/* SPDX-License-Identifier: MIT */
/* soap.h - SOAP 1.1 as UPnP uses it (UDA 2.0 clause 3): requests, responses, faults. Pure. */
#ifndef IGDLAB_WIRE_SOAP_H
#define IGDLAB_WIRE_SOAP_H

#include "xml.h"

#define SOAP_ARGUMENTS_MAX 64

enum soap_error {
	SOAP_OK,
	SOAP_BAD_XML,
	SOAP_NO_ENVELOPE, /* root is no Envelope, or of another name space */
	SOAP_NO_BODY,
	SOAP_NO_ACTION, /* Body holds no element */
	SOAP_TOO_MANY_ARGUMENTS,
	SOAP_BAD_ACTION_HEADER, /* SOAPACTION header malformed */
	SOAP_ERROR_COUNT,
};

/**
 * struct soap_message - a decoded envelope; owns its tree, slices and strings point into it
 * @action:	local name of the element in Body without a "Response" suffix's removal (as sent)
 * @service:	its name space: the service type
 * @is_fault:	Body holds a Fault
 * @fault_code, @fault_text: UPnP errorCode (-1 when absent) and errorDescription ("" when absent)
 * @names, @values: arguments in order
 * @count:	how many
 * @encoding_style: Envelope carried the encodingStyle attribute's value required by UDA
 * @tree:	the document
 */
struct soap_message {
	const char *action;
	const char *service;
	bool is_fault;
	int fault_code;
	const char *fault_text;
	const char *names[SOAP_ARGUMENTS_MAX];
	const char *values[SOAP_ARGUMENTS_MAX];
	size_t count;
	struct xml_node *tree;
};

/** soap_parse() - decode a request, response or fault body; free with soap_free() when SOAP_OK. */
enum soap_error soap_parse(const char *data, size_t len, struct soap_message *out);
void soap_free(struct soap_message *m);
const char *soap_error_text(enum soap_error error);
/** soap_value() - value of an argument, or NULL. */
const char *soap_value(const struct soap_message *m, const char *name);

/**
 * soap_parse_action_header() - SOAPACTION: "urn:...#Action"
 * @value:	the header's value, quoted or (lenient) not
 * @service, @action: parts, slices into @value
 */
enum soap_error soap_parse_action_header(struct slice value, struct slice *service,
					 struct slice *action);

/** soap_build_request() - a request body; @values may hold anything, it is escaped. */
void soap_build_request(struct buf *out, const char *service, const char *action,
			const char *const *names, const char *const *values, size_t count);

#endif
