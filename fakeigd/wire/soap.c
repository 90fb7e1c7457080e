/* SPDX-License-Identifier: MIT */
/*
 * soap.c - SOAP 1.1 as UPnP uses it (see soap.h).
 *
 * Theory of operation
 *
 * UDA 2.0 clause 3.2: Envelope holds an optional Header and a Body; the Body's first element is the
 * action, its response or a Fault. Elements are told by local name and name space, never by prefix
 * (SOAP-07). The name space of Envelope must be that of SOAP 1.1 (SOAP-09); soap_parse_reply() does
 * not insist, for routers that leave it away.
 *
 * A Fault's errorCode and errorDescription are taken wherever they are below it, in any case and
 * name space: field routers put UPnPError beside detail, write faultCode, or reset the name space.
 * The search follows the tree, whose depth and size xml.c bounds.
 */
#include "soap.h"

#include "../base/mem.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

static const char *const errors[] = {
	[SOAP_OK] = "a SOAP message",
	[SOAP_BAD_XML] = "the body is not well-formed XML, or XML that is not allowed",
	[SOAP_NO_ENVELOPE] = "the root element is no SOAP 1.1 Envelope",
	[SOAP_NO_BODY] = "the Envelope has no Body",
	[SOAP_NO_ACTION] = "the Body is empty",
	[SOAP_TOO_MANY_ARGUMENTS] = "the action has too many arguments",
	[SOAP_BAD_ACTION_HEADER] = "SOAPACTION is not \"service type#action\"",
};

static_assert(ARRAY_SIZE(errors) == SOAP_ERROR_COUNT, "a text for every error");

const char *soap_error_text(enum soap_error error)
{
	return error < SOAP_ERROR_COUNT ? errors[error] : "unknown error";
}

/* SOAP_ANY_ENVELOPE: well-formed all the same, and Body is of the Envelope's name space. */
enum soap_reading { SOAP_STRICT, SOAP_ANY_ENVELOPE, SOAP_LENIENT };

/* A child of Envelope: of the Envelope's own name space. */
static struct xml_node *soap_child(const struct xml_node *envelope, const char *name)
{
	struct xml_node *child = envelope->first;

	while (child && (strcmp(child->name, name) != 0 || strcmp(child->ns, envelope->ns) != 0))
		child = child->next;
	return child;
}

static const char *find_must_understand(const struct xml_node *envelope)
{
	const struct xml_node *header = soap_child(envelope, "Header");

	for (const struct xml_node *entry = header ? header->first : NULL; entry;
	     entry = entry->next) {
		const char *value = xml_attribute(entry, SOAP_NS_ENVELOPE, "mustUnderstand");

		if (value && !strcmp(value, "1"))
			return entry->name;
	}
	return NULL;
}

/* The first element of that name below @node, in document order and any case. */
static const struct xml_node *find_below(const struct xml_node *node, const char *name)
{
	for (const struct xml_node *child = node->first; child; child = child->next) {
		const struct xml_node *found =
			strcasecmp(child->name, name) ? find_below(child, name) : child;

		if (found)
			return found;
	}
	return NULL;
}

/* SOAP-35: the code decides; vendors' codes may be negative. */
static void read_fault(const struct xml_node *fault, struct soap_message *out)
{
	const struct xml_node *code = find_below(fault, "errorCode");
	const struct xml_node *text = find_below(fault, "errorDescription");
	char *end;
	long value;

	out->is_fault = true;
	out->fault_code = -1;
	if (text)
		out->fault_text = text->text;
	if (!code || !*code->text)
		return;
	value = strtol(code->text, &end, 10);
	if (!*end && value >= INT_MIN && value <= INT_MAX)
		out->fault_code = (int)value;
}

static enum soap_error read_arguments(const struct xml_node *action, bool trimmed,
				      struct soap_message *out)
{
	for (const struct xml_node *node = action->first; node; node = node->next) {
		if (out->count == SOAP_ARGUMENTS_MAX)
			return SOAP_TOO_MANY_ARGUMENTS;
		out->names[out->count] = node->name;
		out->values[out->count] = trimmed ? node->text : node->raw;
		out->count++;
	}
	return SOAP_OK;
}

static enum soap_error read_envelope(const struct xml_node *envelope, enum soap_reading how,
				     struct soap_message *out)
{
	bool lenient = how == SOAP_LENIENT;
	const struct xml_node *body, *action;
	const char *style;

	if (strcmp(envelope->name, "Envelope") != 0 ||
	    (how == SOAP_STRICT && strcmp(envelope->ns, SOAP_NS_ENVELOPE) != 0))
		return SOAP_NO_ENVELOPE;
	style = xml_attribute(envelope, envelope->ns, "encodingStyle");
	out->encoding_style = style && !strcmp(style, SOAP_ENCODING);
	out->must_understand = find_must_understand(envelope);
	body = lenient ? xml_child(envelope, "Body") : soap_child(envelope, "Body");
	if (!body)
		return SOAP_NO_BODY;
	action = body->first;
	if (!action)
		return SOAP_NO_ACTION;
	out->action = action->name;
	out->service = action->ns;
	if (!strcmp(action->name, "Fault") && !strcmp(action->ns, envelope->ns)) {
		read_fault(action, out);
		return SOAP_OK;
	}
	return read_arguments(action, lenient, out);
}

static enum soap_error parse(const char *data, size_t len, enum soap_reading how,
			     struct soap_message *out)
{
	bool lenient = how == SOAP_LENIENT;
	enum xml_error xml;
	enum soap_error error;

	out->action = out->service = out->fault_text = "";
	out->is_fault = out->encoding_style = false;
	out->fault_code = -1;
	out->count = 0;
	out->must_understand = NULL;
	xml = lenient ? xml_parse_lenient(data, len, &out->tree) : xml_parse(data, len, &out->tree);
	if (xml)
		return SOAP_BAD_XML;
	error = read_envelope(out->tree, how, out);
	if (error)
		soap_free(out);
	return error;
}

enum soap_error soap_parse(const char *data, size_t len, struct soap_message *out)
{
	return parse(data, len, SOAP_STRICT, out);
}

enum soap_error soap_parse_request(const char *data, size_t len, bool any_envelope,
				   struct soap_message *out)
{
	return parse(data, len, any_envelope ? SOAP_ANY_ENVELOPE : SOAP_STRICT, out);
}

enum soap_error soap_parse_reply(const char *data, size_t len, struct soap_message *out)
{
	return parse(data, len, SOAP_LENIENT, out);
}

void soap_free(struct soap_message *m)
{
	xml_free(m->tree);
	m->tree = NULL;
	m->count = 0;
}

const char *soap_value(const struct soap_message *m, const char *name)
{
	for (size_t i = 0; i < m->count; i++)
		if (!strcmp(m->names[i], name))
			return m->values[i];
	return NULL;
}

/* Printable ASCII but the quote: what a service type and an action name are made of, and more. */
static bool is_name(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~' || s.ptr[i] == '"')
			return false;
	return s.len > 0;
}

/* SOAP-05, SOAP-46 */
enum soap_error soap_parse_action_header(struct slice value, struct slice *service,
					 struct slice *action)
{
	const char *hash;

	value = slice_trim(value);
	if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
		value = (struct slice){value.ptr + 1, value.len - 2};
	hash = value.len ? memrchr(value.ptr, '#', value.len) : NULL;
	if (!hash)
		return SOAP_BAD_ACTION_HEADER;
	*service = (struct slice){value.ptr, (size_t)(hash - value.ptr)};
	*action = (struct slice){hash + 1, value.len - service->len - 1};
	return is_name(*service) && is_name(*action) ? SOAP_OK : SOAP_BAD_ACTION_HEADER;
}

/* CRLF after the declaration and at the end: some routers refuse a body without. */
void soap_build_request(struct buf *out, const char *service, const char *action,
			const char *const *names, const char *const *values, size_t count)
{
	buf_puts(out, "<?xml version=\"1.0\"?>\r\n<s:Envelope xmlns:s=\"" SOAP_NS_ENVELOPE
		      "\" s:encodingStyle=\"" SOAP_ENCODING "\"><s:Body><u:");
	buf_puts(out, action);
	buf_puts(out, " xmlns:u=\"");
	xml_add_text(out, slice_of(service));
	buf_puts(out, "\">");
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, "<%s>", names[i]);
		xml_add_text(out, slice_of(values[i]));
		buf_printf(out, "</%s>", names[i]);
	}
	buf_printf(out, "</u:%s></s:Body></s:Envelope>\r\n", action);
}
