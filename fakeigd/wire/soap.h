/* SPDX-License-Identifier: MIT */
/* soap.h - SOAP 1.1 as UPnP uses it (UDA 2.0 clause 3): requests, responses, faults. Pure. */
#ifndef IGDLAB_WIRE_SOAP_H
#define IGDLAB_WIRE_SOAP_H

#include "xml.h"

#define SOAP_ARGUMENTS_MAX 64

#define SOAP_NS_ENVELOPE "http://schemas.xmlsoap.org/soap/envelope/"
#define SOAP_ENCODING	 "http://schemas.xmlsoap.org/soap/encoding/"

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
 * struct soap_message - a decoded envelope; owns its tree, strings point into it
 * @action:	local name of the element in Body, as sent (a response's ends in "Response"); of a
 *		fault "Fault"
 * @service:	its name space: the service type
 * @is_fault:	Body holds a Fault
 * @fault_code, @fault_text: UPnP errorCode (-1 when absent or no number) and errorDescription (""
 *		when absent)
 * @names, @values: arguments in order; values of soap_parse() as sent, white space included
 *		(SOAP-23), of soap_parse_reply() trimmed
 * @count:	how many
 * @encoding_style: Envelope carries the encodingStyle that UDA requires (SOAP-08)
 * @must_understand: local name of the first Header entry with mustUnderstand="1", or NULL (SOAP-10)
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
	bool encoding_style;
	const char *must_understand;
	struct xml_node *tree;
};

/** soap_parse() - decode a request, response or fault body; free with soap_free() when SOAP_OK. */
enum soap_error soap_parse(const char *data, size_t len, struct soap_message *out);
/** soap_parse_request() - the same; @any_envelope: the name space of Envelope is not looked at. */
enum soap_error soap_parse_request(const char *data, size_t len, bool any_envelope,
				   struct soap_message *out);
/**
 * soap_parse_reply() - the same as a forgiving control point reads it
 *
 * XML is repaired (xml_parse_lenient()), Envelope and Body may be of any name space or none.
 */
enum soap_error soap_parse_reply(const char *data, size_t len, struct soap_message *out);
void soap_free(struct soap_message *m);
const char *soap_error_text(enum soap_error error);
/** soap_value() - value of the first argument of that name, or NULL. */
const char *soap_value(const struct soap_message *m, const char *name);

/**
 * soap_parse_action_header() - SOAPACTION: "urn:...#Action"
 * @value:	the header's value, quoted or (lenient; its first byte tells) not
 * @service, @action: parts, slices into @value
 *
 * Return: SOAP_OK or SOAP_BAD_ACTION_HEADER.
 */
enum soap_error soap_parse_action_header(struct slice value, struct slice *service,
					 struct slice *action);

/**
 * soap_build_request() - a request body
 * @service:	not empty
 * @action, @names: XML names
 * @values:	anything (see xml_add_text())
 */
void soap_build_request(struct buf *out, const char *service, const char *action,
			const char *const *names, const char *const *values, size_t count);

#endif
