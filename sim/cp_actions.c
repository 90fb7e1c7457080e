/* SPDX-License-Identifier: MIT */
/*
 * cp_actions.c - the actions that the control point calls, and the table they tell of (see cp.h)
 *
 * Theory of operation
 *
 * A reply is judged by what it holds, not by its status: a Fault is one with 200 as well (CP-09),
 * errorCode counts and the text does not (SOAP-35), an HTTP error without SOAP counts as a fault
 * with the negative status as its code (SOAP-36). A 405 is tried once more as M-POST (UDA 1.0).
 * Arguments go out in the order of the service description, empty ones included (SOAP-34), and are
 * read by name in any case, absent ones keeping their default.
 *
 * Enumeration starts at index 0 and ends at the fault (713 by the letter; routers send 714, 402,
 * 501 as well). Empty entries are skipped. It is bounded in entries (CP-12), ends when the router
 * repeats itself, tries index 1 where 0 faults oddly, and looks past a hole.
 */
#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/ssdp.h"
#include "cp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define EMPTY_ENTRIES_MAX 32 /* in a row: a router that never says "no more" */
#define HOLES_MAX	  2

#define NO_SUCH_INDEX 713

/* Not even a UPnP error: the router does not know the action. */
static bool is_unknown_action(int code)
{
	return code == 401 || code == 602 || code == -401 || code == -404 || code == -501;
}

void cp_answer_free(struct cp_answer *a)
{
	if (a->message.tree)
		soap_free(&a->message);
	free(a->text);
	*a = (struct cp_answer){0};
}

const char *cp_value(const struct cp_answer *a, const char *name)
{
	for (size_t i = 0; i < a->message.count; i++)
		if (!strcasecmp(a->message.names[i], name))
			return a->message.values[i];
	return NULL;
}

/* What a reply with a body says. */
static void read_message(struct cp *cp, const struct cp_http_reply *reply, struct cp_answer *out)
{
	struct slice body = {reply->body.data, reply->body.len};
	enum soap_error error;

	error = cp_naive(cp, NAIVE_STRICT_XML)
			? soap_parse(body.ptr, body.len, &out->message)
			: soap_parse_reply(body.ptr, body.len, &out->message);
	if (error == SOAP_OK && out->message.is_fault &&
	    !(reply->status == 200 && cp_naive(cp, NAIVE_BELIEVES_HTTP_200))) {
		out->outcome = CP_FAULT;
		out->code = out->message.fault_code;
		out->text = xstrdup(out->message.fault_text);
	} else if (reply->status != 200) {
		out->outcome = CP_FAULT;
		out->code = -reply->status;
		cp->gone |= reply->status == 404;
		out->text = xasprintf("HTTP %d", reply->status);
	} else if (error == SOAP_OK || cp_naive(cp, NAIVE_BELIEVES_HTTP_200) ||
		   error == SOAP_NO_ACTION) {
		out->outcome = CP_DONE;
	} else {
		out->outcome = CP_NO_REPLY;
		out->why = soap_error_text(error);
	}
	if (error != SOAP_OK)
		out->message = (struct soap_message){0};
}

/* A request as a client makes it that glues texts together. */
static void glue_request(struct buf *out, const char *type, const char *action, const char **names,
			 const char **values, size_t count)
{
	buf_printf(out,
		   "<?xml version=\"1.0\"?>\r\n<s:Envelope "
		   "xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
		   "s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body><u:%s "
		   "xmlns:u=\"%s\">",
		   action, type);
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "<%s>%s</%s>", names[i], values[i], names[i]);
	buf_printf(out, "</u:%s></s:Body></s:Envelope>\r\n", action);
}

void cp_call(struct cp *cp, const struct cp_router *r, const char *action,
	     const struct cp_argument *arguments, size_t count, struct cp_answer *out)
{
	const char *names[SOAP_ARGUMENTS_MAX], *values[SOAP_ARGUMENTS_MAX];
	char *header = xasprintf("%s#%s", r->type, action);
	struct buf body = {0};
	bool extension = cp_naive(cp, NAIVE_M_POST_FIRST);
	struct cp_http_request q = {.method = extension ? "M-POST" : "POST",
				    .url = &r->control,
				    .action = header,
				    .extension = extension};
	struct cp_http_reply reply;

	*out = (struct cp_answer){.outcome = CP_NO_REPLY, .why = "no reply"};
	for (size_t i = 0; i < count; i++) {
		size_t from = cp_naive(cp, NAIVE_REVERSED_ARGUMENTS) ? count - 1 - i : i;

		names[i] = arguments[from].name;
		values[i] = arguments[from].value;
	}
	if (cp_naive(cp, NAIVE_UNESCAPED_TEXT))
		glue_request(&body, r->type, action, names, values, count);
	else
		soap_build_request(&body, r->type, action, names, values, count);
	q.body = buf_slice(&body);
	if (cp_http(cp, &q, &reply, &out->why)) {
		if (reply.status == 405) {
			cp_http_free(&reply);
			q.method = "M-POST";
			q.extension = true;
			if (!cp_http(cp, &q, &reply, &out->why))
				goto out;
		}
		out->local = reply.local;
		if (reply.body.len || reply.status != 200)
			read_message(cp, &reply, out);
		else
			out->outcome = CP_DONE;
		cp_http_free(&reply);
	}
out:
	buf_free(&body);
	free(header);
}

/* "GetSpecificPortMappingEntry(NewExternalPort=1872, ...)" into the step. */
static void say_call(struct cp *cp, const char *action, const struct cp_argument *arguments,
		     size_t count)
{
	struct buf text = {0};

	for (size_t i = 0; i < count; i++)
		buf_printf(&text, "%s%s=%s", i ? ", " : "", arguments[i].name, arguments[i].value);
	cp_request(cp, "%s(%s)", action, text.data ? text.data : "");
	buf_free(&text);
}

void cp_say_answer(struct cp *cp, const struct cp_answer *a)
{
	struct buf text = {0};

	if (a->outcome == CP_NO_REPLY) {
		cp_reply(cp, "%s", a->why);
		return;
	}
	if (a->outcome == CP_FAULT) {
		cp_reply(cp, "%d %s", a->code, a->text);
		return;
	}
	for (size_t i = 0; i < a->message.count; i++)
		buf_printf(&text, "%s%s=%s", i ? ", " : "", a->message.names[i],
			   a->message.values[i]);
	cp_reply(cp, "%s(%s)", a->message.action ? a->message.action : "200 OK",
		 text.data ? text.data : "");
	buf_free(&text);
}

static void call_and_say(struct cp *cp, const struct cp_router *r, const char *action,
			 const struct cp_argument *arguments, size_t count, struct cp_answer *out)
{
	say_call(cp, action, arguments, count);
	cp_call(cp, r, action, arguments, count, out);
	cp_say_answer(cp, out);
}

void cp_get_external(struct cp *cp, int layer, struct cp_router *r)
{
	struct cp_answer a;
	const char *value;

	cp_step(cp, layer, "external address");
	call_and_say(cp, r, "GetExternalIPAddress", NULL, 0, &a);
	r->has_external = false;
	free(r->external_text);
	r->external_text = NULL;
	value = a.outcome == CP_DONE ? cp_value(&a, "NewExternalIPAddress") : NULL;
	if (a.local.s_addr)
		r->local = a.local;
	if (value) {
		r->external_text = xstrdup(value);
		r->has_external = cp_parse_address(value, &r->external);
		r->kind = r->has_external ? cp_address_kind(r->external) : CP_UNSPECIFIED;
	}
	if (cp_naive(cp, NAIVE_BELIEVES_EXTERNAL_ADDRESS)) {
		r->kind = CP_PUBLIC;
		cp_believe(cp, "%s", value ? value : "unknown");
	} else if (!value) {
		cp_believe(cp, "unknown");
		if (a.outcome == CP_FAULT)
			cp_why(cp, "the router answers %d", a.code);
		else
			cp_why(cp, "%s", a.why ? a.why : "the reply holds no address");
	} else if (!r->has_external || r->kind == CP_UNSPECIFIED || r->kind == CP_LOOPBACK) {
		r->has_external = false;
		cp_believe(cp, "unknown");
		cp_why(cp, "\"%s\" is no address of a WAN", value);
	} else if (cp_on_link(cp, r->external) >= 0 && layer <= 1) {
		r->has_external = false;
		cp_believe(cp, "unknown");
		cp_why(cp, "%s lies on our own side of the router", value);
	} else {
		cp_believe(cp, "%s, %s", value, cp_address_text(r->kind));
	}
	cp_answer_free(&a);
}

/* WCONN-19; "Up" and other cases are field forms of Connected. */
bool cp_get_status(struct cp *cp, int layer, struct cp_router *r)
{
	struct cp_answer a;
	const char *value;

	cp_step(cp, layer, "status");
	call_and_say(cp, r, "GetStatusInfo", NULL, 0, &a);
	value = a.outcome == CP_DONE ? cp_value(&a, "NewConnectionStatus") : NULL;
	if (a.local.s_addr)
		r->local = a.local;
	free(r->status);
	r->status = value ? xstrdup(value) : NULL;
	r->connected = value && (!strcasecmp(value, "Connected") || !strcasecmp(value, "Up"));
	cp_believe(cp, "%s", r->connected ? "connected" : value ? "not connected" : "unknown");
	if (!value)
		cp_why(cp, "GetStatusInfo is optional for some; AddPortMapping decides");
	cp_answer_free(&a);
	return r->connected;
}

static uint32_t read_number(const char *text, uint32_t fallback, uint64_t max)
{
	uint64_t value;

	if (!text || !slice_number(slice_trim(slice_of(text)), max, &value))
		return fallback;
	return (uint32_t)value;
}

static void read_text(const struct cp_answer *a, const char *name, char *out, size_t size)
{
	const char *value = cp_value(a, name);

	if (value)
		snprintf(out, size, "%s", value);
}

/* Output arguments as a row; what is absent stays as it is in @out. */
static void cp_read_entry(const struct cp_answer *a, struct cp_entry *out)
{
	const char *protocol = cp_value(a, "NewProtocol"), *enabled = cp_value(a, "NewEnabled");

	if (protocol)
		out->protocol = !strcasecmp(protocol, "TCP")   ? IPPROTO_TCP
				: !strcasecmp(protocol, "UDP") ? IPPROTO_UDP
							       : 0;
	read_text(a, "NewRemoteHost", out->remote_host, sizeof(out->remote_host));
	read_text(a, "NewInternalClient", out->internal_client, sizeof(out->internal_client));
	read_text(a, "NewPortMappingDescription", out->description, sizeof(out->description));
	out->external_port = (uint16_t)read_number(cp_value(a, "NewExternalPort"),
						   out->external_port, UINT16_MAX);
	out->internal_port = (uint16_t)read_number(cp_value(a, "NewInternalPort"),
						   out->internal_port, UINT16_MAX);
	out->lease = read_number(cp_value(a, "NewLeaseDuration"), out->lease, UINT32_MAX);
	/* SOAP-27 */
	if (enabled)
		out->enabled = !strcmp(enabled, "1") || !strcasecmp(enabled, "true") ||
			       !strcasecmp(enabled, "yes");
}

/* An action about one mapping; what it answers goes to @out where that is wanted. */
static enum cp_outcome call_about(struct cp *cp, const struct cp_router *r, const char *action,
				  const char *remote_host, uint16_t port, int protocol,
				  struct cp_entry *out, int *code)
{
	char number[8];
	const struct cp_argument arguments[] = {
		{"NewRemoteHost", remote_host},
		{"NewExternalPort", number},
		{"NewProtocol", protocol == IPPROTO_TCP ? "TCP" : "UDP"},
	};
	struct cp_answer a;
	enum cp_outcome outcome;

	snprintf(number, sizeof(number), "%u", port);
	call_and_say(cp, r, action, arguments, ARRAY_SIZE(arguments), &a);
	outcome = a.outcome;
	*code = a.code;
	if (out && outcome == CP_DONE)
		cp_read_entry(&a, out);
	cp_answer_free(&a);
	return outcome;
}

enum cp_outcome cp_get_specific(struct cp *cp, const struct cp_router *r, const char *remote_host,
				uint16_t port, int protocol, struct cp_entry *out, int *code)
{
	*out = (struct cp_entry){.protocol = protocol, .external_port = port, .enabled = true};
	return call_about(cp, r, "GetSpecificPortMappingEntry", remote_host, port, protocol, out,
			  code);
}

enum cp_outcome cp_delete(struct cp *cp, const struct cp_router *r, const char *remote_host,
			  uint16_t port, int protocol, int *code)
{
	return call_about(cp, r, "DeletePortMapping", remote_host, port, protocol, NULL, code);
}

/* Enumeration */

static bool is_empty(const struct cp_entry *e)
{
	struct in_addr client;

	return !e->protocol || !e->external_port || !*e->internal_client ||
	       (cp_parse_address(e->internal_client, &client) && !client.s_addr);
}

static bool is_same(const struct cp_entry *a, const struct cp_entry *b)
{
	return a->protocol == b->protocol && a->external_port == b->external_port &&
	       !strcmp(a->remote_host, b->remote_host);
}

static void add_entry(struct cp_table *t, const struct cp_entry *e)
{
	if ((t->count & (t->count - 1)) == 0)
		t->entries =
			xrealloc(t->entries, (t->count ? 2 * t->count : 1) * sizeof(*t->entries));
	t->entries[t->count++] = *e;
}

/* What a fault at @index means. Return: true to go on with the next index. */
static bool past_fault(struct cp *cp, struct cp_table *t, uint32_t index, int code, int *holes)
{
	t->end_code = code;
	t->why = "the fault that ends a table";
	if (code == NO_SUCH_INDEX || is_unknown_action(code) || code == 606) {
		t->told = code == NO_SUCH_INDEX || t->count > 0;
		if (!t->told)
			t->why = "the router does not list its mappings";
		return index == 0 && code == NO_SUCH_INDEX && (*holes)++ == 0;
	}
	if (cp_naive(cp, NAIVE_ENDLESS_ENUMERATION))
		return true;
	t->told = true;
	t->why = "a fault other than 713, taken for the end";
	return (*holes)++ < HOLES_MAX;
}

/* What an entry means. Return: true to go on with the next index. */
static bool past_entry(struct cp *cp, struct cp_table *t, const struct cp_entry *e, int *empty_run)
{
	t->told = true;
	t->end_code = 0;
	if (is_empty(e)) {
		t->empty++;
		t->why = "an empty entry, taken for the end";
		if (cp_naive(cp, NAIVE_STOPS_AT_EMPTY_ENTRY))
			return false;
		t->why = "nothing but empty entries any more";
		return ++*empty_run < EMPTY_ENTRIES_MAX;
	}
	*empty_run = 0;
	if (t->count && is_same(e, &t->entries[t->count - 1]) &&
	    !cp_naive(cp, NAIVE_ENDLESS_ENUMERATION)) {
		t->why = "the router repeats its last entry";
		return false;
	}
	add_entry(t, e);
	t->why = "as many entries as there are ports";
	return true;
}

void cp_enumerate(struct cp *cp, int layer, const struct cp_router *r, struct cp_table *out)
{
	int holes = 0, empty_run = 0;
	struct buf why = {0};
	bool more = true;

	*out = (struct cp_table){.why = ""};
	cp_step(cp, layer, "enumerate");
	for (uint32_t index = 0; more && index < CP_ENTRIES_MAX; index++) {
		char number[8];
		const struct cp_argument argument = {"NewPortMappingIndex", number};
		struct cp_entry e = {.enabled = true};
		struct cp_answer a;

		snprintf(number, sizeof(number), "%u", index);
		call_and_say(cp, r, "GetGenericPortMappingEntry", &argument, 1, &a);
		if (a.outcome == CP_DONE) {
			cp_read_entry(&a, &e);
			more = past_entry(cp, out, &e, &empty_run);
		} else if (a.outcome == CP_FAULT) {
			more = past_fault(cp, out, index, a.code, &holes);
		} else {
			out->end_code = 0;
			out->why = a.why;
			more = false;
		}
		cp_answer_free(&a);
	}
	if (out->told)
		cp_believe(cp, "%zu mapping%s", out->count, out->count == 1 ? "" : "s");
	else
		cp_believe(cp, "unknown");
	if (out->empty)
		buf_printf(&why, "%zu empty entr%s skipped, ", out->empty,
			   out->empty == 1 ? "y" : "ies");
	if (out->end_code)
		buf_printf(&why, "ended by %d, ", out->end_code);
	cp_why(cp, "%s%s", why.data ? why.data : "", out->why);
	buf_free(&why);
}

void cp_table_free(struct cp_table *t)
{
	free(t->entries);
	*t = (struct cp_table){0};
}
