/* SPDX-License-Identifier: MIT */
/*
 * import_name.c - what a message is, by its head.
 *
 * SOAP is told by SOAPACTION, as every router does (UDA 2.0 clause 3.2.1; with M-POST the header
 * has a prefix), or, where that is missing, by the envelope; GENA by its methods (clause 4), SSDP
 * by M-SEARCH * and NOTIFY * (clause 1). Names go to lists and greps, so they are short and ASCII.
 */
#include "import_name.h"

#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/soap.h"

#include <stdio.h>

#define NATPMP_VERSION	0
#define PCP_VERSION	2
#define RESPONSE_BIT	0x80
#define PCP_HEADER	24
#define NATPMP_REPLY	4 /* the shortest response: version, opcode, result (RFC 6886 clause 3.5) */
#define NATPMP_ADDRESS	0
#define NATPMP_MAP_UDP	1
#define NATPMP_MAP_TCP	2
#define ENVELOPE_WITHIN 512 /* an envelope's tag is that near to the front */

/* "@word @rest": what is not printable becomes '?', what is too long is cut. */
static void set_text(struct import_name *out, struct slice word, struct slice rest)
{
	const struct slice parts[] = {word, {" ", rest.len && word.len}, rest};
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		for (size_t k = 0; k < parts[i].len && len < IMPORT_NAME_MAX - 1; k++) {
			char c = parts[i].ptr[k];

			out->text[len++] = c >= ' ' && c < 127 ? c : '?';
		}
	}
	out->text[len] = '\0';
}

/* SOAPACTION, with whatever prefix M-POST gave it. */
static struct slice soapaction(const struct http_head *head)
{
	static const char name[] = "SOAPACTION";
	struct slice value = http_header(head, name);

	for (size_t i = 0; !value.ptr && i < head->count; i++) {
		struct slice n = head->headers[i].name;

		if (n.len == sizeof(name) + 2 && n.ptr[2] == '-' &&
		    strncasecmp(n.ptr + 3, name, sizeof(name) - 1) == 0)
			value = head->headers[i].value;
	}
	return value;
}

/* An action by its envelope. Return: false when the body is no SOAP. */
static bool name_by_body(struct slice body, struct import_name *out)
{
	struct soap_message s;
	size_t front = body.len < ENVELOPE_WITHIN ? body.len : ENVELOPE_WITHIN;

	if (!front || !memmem(body.ptr, front, "Envelope", 8) ||
	    soap_parse_reply(body.ptr, body.len, &s) != SOAP_OK)
		return false;
	set_text(out, slice_of(s.action), (struct slice){0});
	soap_free(&s);
	return true;
}

static bool is_post(const struct http_head *head)
{
	return slice_eq(head->method, "POST") || slice_eq(head->method, "M-POST");
}

void import_name_http(const struct http_head *head, struct slice body, struct import_name *out)
{
	struct slice action = {0}, header, service;

	*out = (struct import_name){.protocol = FLOW_HTTP};
	if (head->is_response) {
		char status[12];

		snprintf(status, sizeof(status), "%d", head->status);
		set_text(out, slice_of(status), head->reason);
		return;
	}
	header = is_post(head) ? soapaction(head) : action;
	if (header.ptr && soap_parse_action_header(header, &service, &action) == SOAP_OK) {
		out->protocol = FLOW_SOAP;
		set_text(out, action, (struct slice){0});
	} else if (is_post(head) && name_by_body(body, out)) {
		out->protocol = FLOW_SOAP;
	} else if (slice_eq(head->method, "NOTIFY")) {
		out->protocol = FLOW_GENA;
		out->from_router = true;
		set_text(out, head->method, http_header(head, "NTS"));
	} else {
		if (slice_eq(head->method, "SUBSCRIBE") || slice_eq(head->method, "UNSUBSCRIBE"))
			out->protocol = FLOW_GENA;
		set_text(out, head->method, head->target);
	}
}

bool import_name_ssdp(const struct http_head *head, struct import_name *out)
{
	struct slice st = http_header(head, "ST");

	*out = (struct import_name){.protocol = FLOW_SSDP};
	if (head->is_response) {
		if (!st.ptr && !http_header(head, "USN").ptr)
			return false;
		set_text(out, slice_of("reply"), st);
	} else if (slice_eq(head->method, "M-SEARCH")) {
		set_text(out, head->method, st);
	} else if (slice_eq(head->method, "NOTIFY")) {
		out->from_router = true;
		set_text(out, head->method, http_header(head, "NTS"));
	} else {
		return false;
	}
	return true;
}

static const char *opcode_name(enum flow_protocol protocol, unsigned opcode)
{
	static const char *const natpmp[] = {
		[NATPMP_ADDRESS] = "external address",
		[NATPMP_MAP_UDP] = "map UDP",
		[NATPMP_MAP_TCP] = "map TCP",
	};
	static const char *const pcp[] = {"ANNOUNCE", "MAP", "PEER"}; /* RFC 6887 clause 19.4 */

	if (protocol == FLOW_NATPMP)
		return opcode < ARRAY_SIZE(natpmp) ? natpmp[opcode] : NULL;
	return opcode < ARRAY_SIZE(pcp) ? pcp[opcode] : NULL;
}

bool import_name_port_control(struct slice datagram, struct import_name *out, bool *reply)
{
	unsigned opcode;
	const char *name;

	*out = (struct import_name){.protocol = FLOW_NATPMP};
	if (datagram.len < 2)
		return false;
	opcode = (uint8_t)datagram.ptr[1];
	*reply = opcode & RESPONSE_BIT;
	opcode &= ~(unsigned)RESPONSE_BIT;
	if (datagram.ptr[0] == PCP_VERSION && datagram.len >= PCP_HEADER)
		out->protocol = FLOW_PCP;
	else if (datagram.ptr[0] != NATPMP_VERSION || (*reply && datagram.len < NATPMP_REPLY))
		return false;
	name = opcode_name(out->protocol, opcode);
	if (name)
		snprintf(out->text, sizeof(out->text), "%s", name);
	else
		snprintf(out->text, sizeof(out->text), "opcode %u", opcode);
	return true;
}
