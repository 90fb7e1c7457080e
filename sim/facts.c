/* SPDX-License-Identifier: MIT */
/*
 * facts.c - what a recorded message says (see facts.h).
 *
 * Theory of operation
 *
 * A message of SSDP or HTTP is a head (RFC 9112) and a body, out of its transfer coding as far as
 * it is there. What the body is, is decided by the body where it can be parsed, else by the head:
 * an envelope is SOAP (UDA 2.0 clause 3), a root element "root" or "scpd" a description (clause 2),
 * a propertyset an event (clause 4). Reading is as forgiving as a control point's, since these are
 * recordings of what was said, not of what should have been. Limits are those of xml.h and http.h;
 * beyond them a message has the facts of its head only.
 */
#include "facts_parts.h"

#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/gena.h"
#include "../fakeigd/wire/soap.h"

#include <stdlib.h>

#define RESPONSE "Response"

static struct fact *add_fact(struct fact **list, size_t *count, struct slice name,
			     struct slice value)
{
	if ((*count & (*count - 1)) == 0)
		*list = xrealloc(*list, (*count ? *count * 2 : 1) * sizeof(**list));
	(*list)[*count] = (struct fact){slice_dup(name), slice_dup(value)};
	return &(*list)[(*count)++];
}

void facts_add_argument(struct facts *f, const char *name, struct slice value)
{
	add_fact(&f->arguments, &f->argument_count, slice_of(name), value);
}

void facts_add_number(struct facts *f, const char *name, uint64_t value)
{
	char *text = xasprintf("%llu", (unsigned long long)value);

	facts_add_argument(f, name, slice_of(text));
	free(text);
}

/* ---- bodies ---- */

static char *without_response(const char *action)
{
	size_t len = strlen(action), suffix = strlen(RESPONSE);

	if (len > suffix && !strcmp(action + len - suffix, RESPONSE))
		len -= suffix;
	return xstrndup(action, len);
}

static bool read_soap(struct slice body, bool is_response, struct facts *f)
{
	struct soap_message s;

	if (soap_parse_reply(body.ptr, body.len, &s) != SOAP_OK)
		return false;
	if (s.is_fault) {
		f->kind = FACTS_FAULT;
		f->fault_code = s.fault_code;
		f->fault_text = *s.fault_text ? xstrdup(s.fault_text) : NULL;
		soap_free(&s);
		return true;
	}
	f->kind = is_response ? FACTS_RESULT : FACTS_ACTION;
	f->service = xstrdup(s.service);
	f->action = is_response ? without_response(s.action) : xstrdup(s.action);
	for (size_t i = 0; i < s.count; i++)
		facts_add_argument(f, s.names[i], slice_of(s.values[i]));
	soap_free(&s);
	return true;
}

/* Every leaf of the tree by its name, in document order (icons say nothing about the router). */
static void add_leaves(const struct xml_node *node, struct facts *f)
{
	for (const struct xml_node *child = node->first; child; child = child->next) {
		if (child->first)
			add_leaves(child, f);
		else if (node->parent == NULL || strcmp(node->name, "icon"))
			facts_add_argument(f, child->name, slice_of(child->text));
	}
}

static bool read_description(struct slice body, struct facts *f)
{
	struct xml_node *root;

	if (xml_parse_lenient(body.ptr, body.len, &root) != XML_OK)
		return false;
	if (!strcmp(root->name, "root") || !strcmp(root->name, "scpd")) {
		f->kind = FACTS_DESCRIPTION;
		add_leaves(root, f);
	}
	xml_free(root);
	return f->kind == FACTS_DESCRIPTION;
}

static void add_property(void *arg, const char *name, const char *value)
{
	facts_add_argument(arg, name, slice_of(value));
}

/* ---- heads ---- */

static void decode_body(const struct http_head *head, struct slice rest, struct buf *out)
{
	enum http_framing framing;
	uint64_t length;

	if (http_body_framing(head, false, &framing, &length) != HTTP_OK)
		framing = HTTP_BODY_UNTIL_CLOSE;
	if (framing == HTTP_BODY_CHUNKED) {
		struct http_chunked state = {0};
		size_t consumed;

		http_chunked_feed(&state, rest.ptr, rest.len, &consumed, out);
		return;
	}
	if (framing == HTTP_BODY_LENGTH && length < rest.len)
		rest.len = (size_t)length;
	if (rest.len)
		buf_add_slice(out, rest);
}

/* SOAPACTION under its own name or with the prefix of the extension framework (UDA 1.0, M-POST). */
static struct slice action_header(const struct http_head *head)
{
	static const char suffix[] = "-SOAPACTION";
	struct slice plain = http_header(head, "SOAPACTION");

	for (size_t i = 0; !plain.ptr && i < head->count; i++) {
		struct slice name = head->headers[i].name;

		if (name.len > sizeof(suffix) - 1 &&
		    slice_case_eq((struct slice){name.ptr + name.len - (sizeof(suffix) - 1),
						 sizeof(suffix) - 1},
				  suffix))
			plain = head->headers[i].value;
	}
	return plain;
}

static void read_request(enum flow_protocol protocol, const struct http_head *head, struct facts *f)
{
	struct slice body = buf_slice(&f->body), header = action_header(head), service, action;

	f->kind = FACTS_GET;
	if (slice_case_eq(head->method, "M-SEARCH")) {
		f->kind = FACTS_SEARCH;
	} else if (slice_case_eq(head->method, "NOTIFY")) {
		f->kind = protocol == FLOW_SSDP || slice_eq(head->target, "*") ? FACTS_NOTIFY
									       : FACTS_EVENT;
		if (f->kind == FACTS_EVENT && body.len)
			gena_each_property(body.ptr, body.len, add_property, f);
	} else if (slice_case_eq(head->method, "SUBSCRIBE") ||
		   slice_case_eq(head->method, "UNSUBSCRIBE")) {
		f->kind = FACTS_SUBSCRIBE;
	} else if (body.len && read_soap(body, false, f)) {
		return;
	} else if (header.ptr) {
		f->kind = FACTS_ACTION;
		if (soap_parse_action_header(header, &service, &action) == SOAP_OK) {
			f->service = slice_dup(service);
			f->action = slice_dup(action);
		}
	}
}

static void read_response(enum flow_protocol protocol, struct facts *f)
{
	struct slice body = buf_slice(&f->body);

	f->kind = protocol == FLOW_SSDP ? FACTS_FOUND : FACTS_RESPONSE;
	if (protocol == FLOW_SSDP || !body.len)
		return;
	if (memmem(body.ptr, body.len, "Envelope", 8) && read_soap(body, true, f))
		return;
	if (!read_description(body, f))
		read_soap(body, true, f);
}

static bool read_head(enum flow_protocol protocol, struct slice bytes, struct facts *f)
{
	struct http_head head;
	size_t consumed = bytes.len;
	enum http_error error = http_parse_head(bytes.ptr, bytes.len, &head, &consumed);

	if (error == HTTP_INCOMPLETE) {
		error = http_parse_datagram(bytes.ptr, bytes.len, &head);
		consumed = bytes.len;
	}
	if (error != HTTP_OK)
		return false;
	f->head_len = consumed;
	if (head.is_response) {
		f->status = head.status;
	} else {
		f->method = slice_dup(head.method);
		f->target = slice_dup(head.target);
	}
	for (size_t i = 0; i < head.count; i++)
		add_fact(&f->headers, &f->header_count, head.headers[i].name,
			 head.headers[i].value);
	decode_body(&head, (struct slice){bytes.ptr + consumed, bytes.len - consumed}, &f->body);
	if (head.is_response)
		read_response(protocol, f);
	else
		read_request(protocol, &head, f);
	return true;
}

void facts_of(enum flow_protocol protocol, const struct recorded_message *m, struct facts *out)
{
	struct slice bytes = buf_slice(&m->bytes);
	bool known = false;

	*out = (struct facts){.kind = FACTS_DATA, .fault_code = -1};
	if (!bytes.len)
		return;
	if (protocol == FLOW_NATPMP || protocol == FLOW_PCP)
		known = facts_port_control(bytes, out);
	else if (protocol == FLOW_SSDP || protocol == FLOW_HTTP || protocol == FLOW_SOAP ||
		 protocol == FLOW_GENA)
		known = read_head(protocol, bytes, out);
	if (!known)
		buf_add_slice(&out->body, bytes);
}

static void free_facts(struct fact *facts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(facts[i].name);
		free(facts[i].value);
	}
	free(facts);
}

void facts_free(struct facts *f)
{
	free(f->method);
	free(f->target);
	free(f->service);
	free(f->action);
	free(f->fault_text);
	free_facts(f->arguments, f->argument_count);
	free_facts(f->headers, f->header_count);
	buf_free(&f->body);
	*f = (struct facts){0};
}

const char *facts_argument(const struct facts *f, const char *name)
{
	for (size_t i = 0; i < f->argument_count; i++) {
		if (!strcmp(f->arguments[i].name, name))
			return f->arguments[i].value;
	}
	return NULL;
}

const char *facts_header(const struct facts *f, const char *name)
{
	for (size_t i = 0; i < f->header_count; i++) {
		if (!strcasecmp(f->headers[i].name, name))
			return f->headers[i].value;
	}
	return NULL;
}

const char *facts_kind_name(enum facts_kind kind)
{
	static const char *const names[FACTS_KIND_COUNT] = {
		[FACTS_SEARCH] = "search",     [FACTS_FOUND] = "found",
		[FACTS_NOTIFY] = "notify",     [FACTS_GET] = "get",
		[FACTS_RESPONSE] = "response", [FACTS_DESCRIPTION] = "description",
		[FACTS_ACTION] = "action",     [FACTS_RESULT] = "result",
		[FACTS_FAULT] = "fault",       [FACTS_SUBSCRIBE] = "subscribe",
		[FACTS_EVENT] = "event",       [FACTS_PORT_CONTROL] = "port-control",
		[FACTS_DATA] = "data",
	};

	return names[kind];
}
