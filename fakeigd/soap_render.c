/* SPDX-License-Identifier: MIT */
/*
 * soap_render.c - the body of an answer, from the profile's templates.
 *
 * Out-arguments come in the order of the table, all of them, even when empty (SOAP-15), every value
 * escaped (SOAP-28) and free of what XML cannot carry (SOAP-30). Rules may replace single values,
 * add arguments of their own, or bring another template.
 */
#include "choice.h"
#include "router.h"
#include "soap_parts.h"

#include <stdio.h>

static const struct template *template_for(const struct soap_exchange *x, enum message_id id)
{
	const struct template *other = x->reply->effects.body;

	return other && template_stands_for(other, id) ? other : x->router->profile->templates[id];
}

static void finish(struct soap_exchange *x, enum message_id id, const struct message_values *values,
		   bool fault)
{
	template_render(template_for(x, id), values, &x->reply->body);
	x->reply->status = fault ? 500 : 200;
	x->reply->head = fault ? MESSAGE_FAULT_HEAD : MESSAGE_SOAP_HEAD;
}

/* dataType of an out-argument's state variable; that of a text for what is no argument. */
static const char *type_name(const struct soap_exchange *x, const char *name)
{
	static const char *const names[] = {
		[SERVICE_STRING] = "string", [SERVICE_BOOLEAN] = "boolean", [SERVICE_UI1] = "ui1",
		[SERVICE_UI2] = "ui2",	     [SERVICE_UI4] = "ui4",
	};
	const struct service_argument *a = x->call.action ? x->call.action->arguments : NULL;

	for (; a && a->name; a++)
		if (a->out && !strcmp(a->name, name))
			return names[service_variable(x->call.service, a->variable)->type];
	return names[SERVICE_STRING];
}

static void render_argument(struct soap_exchange *x, const char *name, struct slice escaped,
			    struct buf *out)
{
	struct message_values values = {0};

	values.v[PLACEHOLDER_NAME] = slice_of(name);
	values.v[PLACEHOLDER_VALUE] = escaped;
	values.v[PLACEHOLDER_TYPE] = slice_of(type_name(x, name));
	template_render(x->router->profile->templates[MESSAGE_SOAP_ARGUMENT], &values, out);
}

/* The listing is XML inside XML: escaped, or in a CDATA section (WIPC-62). */
static void add_cdata(struct buf *out, struct slice text)
{
	const char *end;

	buf_puts(out, "<![CDATA[");
	while ((end = memmem(text.ptr, text.len, "]]>", 3))) {
		size_t len = (size_t)(end - text.ptr) + 2;

		buf_add(out, text.ptr, len);
		buf_puts(out, "]]><![CDATA[");
		text.ptr += len;
		text.len -= len;
	}
	buf_add_slice(out, text);
	buf_puts(out, "]]>");
}

static const struct effects *overrides(const struct soap_exchange *x, const char *name, size_t *at)
{
	const struct effects *e = &x->reply->effects;

	for (*at = 0; *at < e->replies; (*at)++)
		if (!strcmp(e->reply_name[*at], name))
			return e;
	return NULL;
}

/* What an argument of either direction or another name stands for; NULL when there is none of that
 * name. */
static const char *argument_value(struct soap_exchange *x, const char *name,
				  char room[INET6_ADDRSTRLEN])
{
	const struct buf *out = x->call.action ? soap_out(&x->call, name) : NULL;
	struct rule_event event = {
		.arguments = x->parsed ? &x->message : NULL,
		.from = (const struct sockaddr *)&x->request->peer,
	};

	if (out)
		return out->data ? out->data : "";
	return rules_name_value(x->router, &event, name, room);
}

/* Text with the {names} of arguments filled in. */
static void add_filled(struct soap_exchange *x, const char *text, struct buf *out)
{
	struct buf plain = {0};

	while (*text) {
		size_t len = *text == '{' ? strcspn(text, "}") : 0;
		char name[64] = "", room[INET6_ADDRSTRLEN];
		const char *value;

		if (len && text[len] && len < sizeof(name)) {
			memcpy(name, text + 1, len - 1);
			name[len - 1] = '\0';
		}
		value = *name ? argument_value(x, name, room) : NULL;
		if (value) {
			buf_puts(&plain, value);
			text += len + 1;
		} else {
			buf_putc(&plain, *text++);
		}
	}
	xml_add_text(out, buf_slice(&plain));
	buf_free(&plain);
}

static void render_out(struct soap_exchange *x, const char *name, struct slice value,
		       struct buf *scratch, struct buf *out)
{
	size_t at;
	const struct effects *e = overrides(x, name, &at);

	if (e && !e->reply_value[at])
		return;
	buf_reset(scratch);
	if (e && strchr(e->reply_value[at], '{'))
		add_filled(x, e->reply_value[at], scratch);
	else if (e)
		xml_add_text(scratch, slice_of(e->reply_value[at]));
	else if (!strcmp(name, "NewPortListing") &&
		 policy_is(&x->router->profile->policy, list_form, "cdata"))
		add_cdata(scratch, value);
	else
		xml_add_text(scratch, value);
	render_argument(x, name, buf_slice(scratch), out);
}

static bool is_out(const struct soap_call *call, const char *name)
{
	const struct service_argument *a = call->action ? call->action->arguments : NULL;

	for (; a && a->name; a++)
		if (a->out && !strcmp(a->name, name))
			return true;
	return false;
}

static void render_arguments(struct soap_exchange *x, struct buf *out)
{
	const struct effects *e = &x->reply->effects;
	const struct service_action *action = x->call.action;
	struct buf scratch = {0};
	size_t count = 0;

	for (const struct service_argument *a = action ? action->arguments : NULL; a && a->name;
	     a++) {
		if (a->out)
			render_out(x, a->name, buf_slice(&x->call.out[count++]), &scratch, out);
	}
	for (size_t i = 0; i < e->replies; i++)
		if (!is_out(&x->call, e->reply_name[i]))
			render_out(x, e->reply_name[i], (struct slice){0}, &scratch, out);
	buf_free(&scratch);
}

/* Type in the response: the version asked for (SOAP-31), or the one in the description. */
static void add_type(const struct soap_exchange *x, struct buf *out)
{
	const struct profile_service *s = x->call.instance;

	if (s && policy_is(&x->router->profile->policy, soap_reply_namespace, "own"))
		service_urn(s, out);
	else
		xml_add_text(out, slice_of(x->type ? x->type : ""));
}

static void render_success(struct soap_exchange *x)
{
	struct message_values values = {0};
	struct buf arguments = {0}, type = {0}, name = {0};

	add_type(x, &type);
	xml_add_text(&name, slice_of(x->name));
	render_arguments(x, &arguments);
	values.v[PLACEHOLDER_ACTION] = buf_slice(&name);
	values.v[PLACEHOLDER_SERVICE_TYPE] = buf_slice(&type);
	values.v[PLACEHOLDER_ARGUMENTS] = buf_slice(&arguments);
	finish(x, MESSAGE_SOAP_RESPONSE, &values, false);
	buf_free(&arguments);
	buf_free(&type);
	buf_free(&name);
}

static void render_fault(struct soap_exchange *x)
{
	const struct effects *e = &x->reply->effects;
	const struct profile_service *s = x->call.instance;
	const char *text = profile_error_text(x->router->profile, x->code);
	struct message_values values = {0};
	struct buf description = {0}, type = {0}, name = {0};
	char code[16];

	if (!text)
		text = upnp_error_text(s ? s->type : NULL, x->code);
	if (e->fault && e->fault_text)
		text = e->fault_text;
	snprintf(code, sizeof(code), "%d", x->code);
	add_type(x, &type);
	xml_add_text(&name, slice_of(x->name ? x->name : ""));
	xml_add_text(&description, slice_of(text));
	values.v[PLACEHOLDER_CODE] = slice_of(code);
	values.v[PLACEHOLDER_DESCRIPTION] = buf_slice(&description);
	values.v[PLACEHOLDER_ACTION] = buf_slice(&name);
	values.v[PLACEHOLDER_SERVICE_TYPE] = buf_slice(&type);
	finish(x, MESSAGE_SOAP_FAULT, &values, true);
	buf_free(&description);
	buf_free(&type);
	buf_free(&name);
}

void soap_render(struct soap_exchange *x)
{
	if (x->code)
		render_fault(x);
	else
		render_success(x);
}

void soap_render_query(struct soap_exchange *x, const char *value)
{
	struct message_values values = {0};
	struct buf escaped = {0}, arguments = {0};

	xml_add_text(&escaped, slice_of(value));
	render_argument(x, "return", buf_slice(&escaped), &arguments);
	values.v[PLACEHOLDER_ACTION] = slice_of("QueryStateVariable");
	values.v[PLACEHOLDER_SERVICE_TYPE] = slice_of(SOAP_CONTROL_NS);
	values.v[PLACEHOLDER_ARGUMENTS] = buf_slice(&arguments);
	finish(x, MESSAGE_SOAP_RESPONSE, &values, false);
	buf_free(&escaped);
	buf_free(&arguments);
}

void soap_render_protocol_fault(struct soap_exchange *x, const char *name, const char *text)
{
	struct message_values values = {0};

	values.v[PLACEHOLDER_NAME] = slice_of(name);
	values.v[PLACEHOLDER_DESCRIPTION] = slice_of(text);
	finish(x, MESSAGE_SOAP_PROTOCOL_FAULT, &values, true);
}
