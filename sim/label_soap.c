/* SPDX-License-Identifier: MIT */
/*
 * label_soap.c - SOAP actions, responses and faults in one line (UDA 2.0 clause 3).
 *
 * Theory of operation
 *
 * The actions about port mappings have a line of their own, in a table; any other shows its name
 * and its first arguments, their "New" left out.
 */
#include "label.h"

#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/soap.h"

#include <stdlib.h>

#define ARGUMENTS_SHOWN 3
#define RESPONSE	"Response"

static const char *value(const struct soap_message *s, const char *name)
{
	const char *v = soap_value(s, name);

	return v ? v : "?";
}

static const char *short_name(const char *argument)
{
	return strncmp(argument, "New", 3) == 0 && argument[3] ? argument + 3 : argument;
}

static void add_internal(struct buf *text, const struct soap_message *s)
{
	const char *client = value(s, "NewInternalClient");

	buf_printf(text, strchr(client, ':') ? "[%s]:%s" : "%s:%s", client,
		   value(s, "NewInternalPort"));
}

static void add_external(struct buf *text, const struct soap_message *s)
{
	const char *remote = soap_value(s, "NewRemoteHost");

	buf_printf(text, "%s/%s", value(s, "NewExternalPort"), value(s, "NewProtocol"));
	if (remote && *remote)
		buf_printf(text, " from %s", remote);
}

static void add_arguments(struct buf *text, const struct soap_message *s, const char *before)
{
	for (size_t i = 0; i < s->count && i < ARGUMENTS_SHOWN; i++)
		buf_printf(text, "%s%s=%s", i ? ", " : before, short_name(s->names[i]),
			   s->values[i]);
	if (s->count > ARGUMENTS_SHOWN)
		buf_puts(text, ", …");
}

static bool disabled(const struct soap_message *s)
{
	const char *enabled = soap_value(s, "NewEnabled");

	return enabled && (strcmp(enabled, "0") == 0 || strcasecmp(enabled, "false") == 0 ||
			   strcasecmp(enabled, "no") == 0);
}

/* ---- requests ---- */

static void ask_add(struct buf *text, const struct soap_message *s)
{
	const char *lease = value(s, "NewLeaseDuration");

	add_external(text, s);
	buf_puts(text, " → ");
	add_internal(text, s);
	if (strcmp(lease, "0") == 0)
		buf_puts(text, ", lease 0");
	else
		buf_printf(text, ", %s s", lease);
	if (disabled(s))
		buf_puts(text, ", disabled");
}

static void ask_range(struct buf *text, const struct soap_message *s)
{
	buf_printf(text, "%s to %s/%s", value(s, "NewStartPort"), value(s, "NewEndPort"),
		   value(s, "NewProtocol"));
}

static void ask_index(struct buf *text, const struct soap_message *s)
{
	buf_puts(text, value(s, "NewPortMappingIndex"));
}

/* ---- responses ---- */

static void tell_entry(struct buf *text, const struct soap_message *s)
{
	const char *lease = value(s, "NewLeaseDuration");

	if (soap_value(s, "NewProtocol")) {
		if (!*value(s, "NewProtocol") && !*value(s, "NewInternalClient")) {
			buf_puts(text, "an empty entry");
			return;
		}
		add_external(text, s);
		buf_putc(text, ' ');
	}
	buf_puts(text, "→ ");
	add_internal(text, s);
	if (strcmp(lease, "0") == 0)
		buf_puts(text, ", lease 0");
	else
		buf_printf(text, ", %s s left", lease);
	if (disabled(s))
		buf_puts(text, ", disabled");
}

static void tell_address(struct buf *text, const struct soap_message *s)
{
	const char *address = value(s, "NewExternalIPAddress");

	buf_printf(text, "external address %s", *address ? address : "(empty)");
}

static void tell_port(struct buf *text, const struct soap_message *s)
{
	buf_printf(text, "AddAnyPortMapping ok, port %s", value(s, "NewReservedPort"));
}

static void tell_status(struct buf *text, const struct soap_message *s)
{
	buf_printf(text, "status %s, up %s s", value(s, "NewConnectionStatus"),
		   value(s, "NewUptime"));
}

/**
 * struct action_label - how an action is told
 * @ask:	what follows its name in a request; NULL = its first arguments
 * @tell:	the whole of a response; NULL = "NAME ok" and the first arguments
 */
static const struct action_label {
	const char *name;
	void (*ask)(struct buf *text, const struct soap_message *s);
	void (*tell)(struct buf *text, const struct soap_message *s);
} actions[] = {
	{"AddPortMapping", ask_add, NULL},
	{"AddAnyPortMapping", ask_add, tell_port},
	{"DeletePortMapping", add_external, NULL},
	{"DeletePortMappingRange", ask_range, NULL},
	{"GetListOfPortMappings", ask_range, NULL},
	{"GetGenericPortMappingEntry", ask_index, tell_entry},
	{"GetSpecificPortMappingEntry", add_external, tell_entry},
	{"GetExternalIPAddress", NULL, tell_address},
	{"GetStatusInfo", NULL, tell_status},
};

static const struct action_label *find_action(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strlen(actions[i].name) == len && memcmp(actions[i].name, name, len) == 0)
			return &actions[i];
	}
	return NULL;
}

bool label_soap_request(struct flow_message *m, const struct http_head *head, struct slice body)
{
	struct slice header = http_header(head, "SOAPACTION"), service, action;
	const struct action_label *known;
	struct soap_message s;
	struct buf text = {0};

	if (!header.ptr && !slice_eq(head->method, "M-POST"))
		return false;
	m->protocol = FLOW_SOAP;
	if (soap_parse_reply(body.ptr, body.len, &s) != SOAP_OK) {
		if (soap_parse_action_header(header, &service, &action) == SOAP_OK)
			buf_add_slice(&text, action);
		else
			buf_add_slice(&text, header);
		buf_puts(&text, " (no SOAP body)");
		label_set(m, &text);
		return true;
	}
	known = find_action(s.action, strlen(s.action));
	buf_puts(&text, s.action);
	if (known && known->ask) {
		buf_putc(&text, ' ');
		known->ask(&text, &s);
	} else {
		add_arguments(&text, &s, " ");
	}
	soap_free(&s);
	label_set(m, &text);
	return true;
}

static void fault_text(struct buf *text, const struct soap_message *s, const struct http_head *head)
{
	if (s->fault_code >= 0)
		buf_printf(text, "%d %s", s->fault_code, s->fault_text);
	else
		buf_printf(text, "fault without UPnP error code (HTTP %d)", head->status);
}

static void response_text(struct buf *text, const struct soap_message *s)
{
	size_t len = strlen(s->action), suffix = strlen(RESPONSE);
	const struct action_label *known;

	if (len > suffix && strcmp(s->action + len - suffix, RESPONSE) == 0)
		len -= suffix;
	known = find_action(s->action, len);
	if (known && known->tell) {
		known->tell(text, s);
		return;
	}
	buf_add(text, s->action, len);
	buf_puts(text, " ok");
	add_arguments(text, s, ": ");
}

bool label_soap_reply(struct flow_message *m, const struct http_head *head, struct slice body)
{
	struct soap_message s;
	struct buf text = {0};

	if (!body.len || soap_parse_reply(body.ptr, body.len, &s) != SOAP_OK)
		return false;
	m->protocol = FLOW_SOAP;
	if (s.is_fault) {
		m->is_error = true;
		fault_text(&text, &s, head);
	} else {
		response_text(&text, &s);
		if (head->status != 200)
			buf_printf(&text, " (HTTP %d)", head->status);
	}
	soap_free(&s);
	label_set(m, &text);
	return true;
}
