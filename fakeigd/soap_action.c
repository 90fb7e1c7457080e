/* SPDX-License-Identifier: MIT */
/*
 * soap_action.c - between a message's arguments and an action's.
 *
 * In-arguments are matched by name, in the order of the table (UDA 2.0 3.2.1, SOAP-20), and checked
 * against their state variables; arguments that nobody knows are skipped (UDA 2.0 table 3-3,
 * DESC-34). An action never sees a value that its variable does not allow.
 */
#include "base/mem.h"
#include "choice.h"
#include "journal.h"
#include "router.h"
#include "service_tables.h"
#include "soap_parts.h"

#include <stdio.h>
#include <stdlib.h>

static const char *find_value(const struct soap_message *m, const char *name, size_t *from)
{
	for (size_t i = *from; i < m->count; i++) {
		if (strcmp(m->names[i], name) != 0)
			continue;
		*from = i + 1;
		return m->values[i];
	}
	return NULL;
}

/* The library that most programs have for it (miniupnpc) sends AddPinhole's in another order. */
static bool in_order(const struct policy *policy, const struct service *s)
{
	if (policy_is(policy, soap_argument_order, "by-service"))
		return s != &service_firewall6_1;
	return policy_is(policy, soap_argument_order, "strict");
}

int soap_gather(struct soap_exchange *x)
{
	const struct policy *policy = &x->router->profile->policy;
	struct soap_call *call = &x->call;
	bool strict = in_order(policy, call->service);
	size_t next = 0, count = 0;

	for (const struct service_argument *a = call->action->arguments; a && a->name; a++) {
		const char *value;
		int code;

		if (a->out)
			continue;
		next = strict ? next : 0;
		value = find_value(&x->message, a->name, &next);
		call->in[count++] = value ? value : "";
		if (!value && policy_is(policy, soap_missing_argument, "empty"))
			continue;
		if (!value)
			return soap_refuse(call, policy_code(policy, soap_missing_argument),
					   "%s is missing or out of place", a->name);
		code = service_check(service_variable(call->service, a->variable), value,
				     call->instance->version, policy);
		if (code)
			return soap_refuse(call, code, "%s is \"%.40s\"", a->name, value);
	}
	return 0;
}

const char *soap_in(const struct soap_call *call, const char *name)
{
	size_t count = 0;

	for (const struct service_argument *a = call->action->arguments; a && a->name; a++) {
		if (a->out)
			continue;
		if (!strcmp(a->name, name))
			return call->in[count];
		count++;
	}
	fprintf(stderr, "%s has no in-argument %s\n", call->action->name, name);
	abort();
}

static enum service_type_kind type_of(const struct soap_call *call, const char *name)
{
	for (const struct service_argument *a = call->action->arguments; a && a->name; a++)
		if (!strcmp(a->name, name))
			return service_variable(call->service, a->variable)->type;
	return SERVICE_STRING;
}

uint32_t soap_in_number(const struct soap_call *call, const char *name)
{
	uint32_t value = 0;

	service_number(soap_in(call, name), service_type_max(type_of(call, name)), &value);
	return value;
}

bool soap_in_boolean(const struct soap_call *call, const char *name)
{
	bool value = false;

	service_boolean(soap_in(call, name), &value);
	return value;
}

struct buf *soap_out(struct soap_call *call, const char *name)
{
	size_t count = 0;

	for (const struct service_argument *a = call->action->arguments; a && a->name; a++) {
		if (!a->out)
			continue;
		if (!strcmp(a->name, name))
			return &call->out[count];
		count++;
	}
	return NULL;
}

void soap_out_text(struct soap_call *call, const char *name, const char *value)
{
	struct buf *out = soap_out(call, name);

	if (out)
		buf_puts(out, value);
}

void soap_out_number(struct soap_call *call, const char *name, uint64_t value)
{
	struct buf *out = soap_out(call, name);
	char digits[24];
	char *at = digits + sizeof(digits);

	if (!out)
		return;
	do {
		*--at = (char)('0' + value % 10);
	} while (value /= 10);
	buf_add(out, at, (size_t)(digits + sizeof(digits) - at));
}

int soap_refuse(struct soap_call *call, int code, const char *format, ...)
{
	va_list ap;

	if (!journal_on(call->router->journal))
		return code;
	buf_reset(&call->why);
	va_start(ap, format);
	buf_vprintf(&call->why, format, ap);
	va_end(ap);
	return code;
}

/* Value of the in-argument that stands for the same state variable, or NULL. */
static const char *asked_for(const struct soap_call *call, const char *variable)
{
	size_t count = 0;

	for (const struct service_argument *a = call->action->arguments; a->name; a++) {
		if (a->out)
			continue;
		if (!strcmp(a->variable, variable))
			return call->in[count];
		count++;
	}
	return NULL;
}

void soap_pretend(struct soap_call *call)
{
	size_t count = 0;

	for (const struct service_argument *a = call->action->arguments; a && a->name; a++) {
		const struct service_variable *v = service_variable(call->service, a->variable);
		const char *asked;

		if (!a->out)
			continue;
		asked = asked_for(call, a->variable);
		if (!asked)
			asked = v->type == SERVICE_STRING ? "" : "0";
		buf_puts(&call->out[count++], asked);
	}
}

int soap_query(struct soap_exchange *x, const struct service *s, struct buf *out)
{
	const char *name = soap_value(&x->message, "varName");
	const struct service_variable *v = name ? service_variable(s, name) : NULL;

	if (!name)
		return 402;
	if (!v || !v->get || !service_shows(x->call.instance, s, v))
		return 404;
	service_value(x->router, x->call.instance, v, out);
	return 0;
}
