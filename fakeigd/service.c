/* SPDX-License-Identifier: MIT */
/*
 * service.c - what the tables of services are for.
 *
 * Theory of operation
 *
 * A service is one constant table (service_*.c): actions with their arguments, state variables with
 * type, range and allowed values. Everything else follows from it: the service description
 * (UDA 2.0 2.5; DESC-28 to DESC-33: only what this router offers, arguments and variables as in the
 * specification), the checks of in-arguments before an action sees them (UDA 2.0 table 3-3; SOAP-19
 * to SOAP-25), what is evented (GENA-36), and dispatch. A router may leave optional actions out;
 * then their variables leave the description with them.
 */
#include "service.h"

#include "base/mem.h"
#include "choice.h"
#include "service_tables.h"

#include <stdio.h>
#include <stdlib.h>

static const struct service *const services[] = {
	&service_wan_ip_1, &service_wan_ip_2,	&service_wan_ppp_1,   &service_wan_common_1,
	&service_layer3_1, &service_ethernet_1, &service_dsl_1,	      &service_cable_1,
	&service_pots_1,   &service_lan_host_1, &service_firewall6_1,
};

static const char *const names[] = {
	"WANIPConnection:1",	      "WANIPConnection:2",	  "WANPPPConnection:1",
	"WANCommonInterfaceConfig:1", "Layer3Forwarding:1",	  "WANEthernetLinkConfig:1",
	"WANDSLLinkConfig:1",	      "WANCableLinkConfig:1",	  "WANPOTSLinkConfig:1",
	"LANHostConfigManagement:1",  "WANIPv6FirewallControl:1",
};

_Static_assert(ARRAY_SIZE(services) == ARRAY_SIZE(names), "one name per service");

const struct service *service_find(const char *type, unsigned version)
{
	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		if (services[i]->version == version && !strcmp(services[i]->type, type))
			return services[i];
	return NULL;
}

const struct service *service_of(const struct profile_service *s)
{
	return s->as_type ? service_find(s->as_type, s->as_version)
			  : service_find(s->type, s->version);
}

void service_urn(const struct profile_service *s, struct buf *out)
{
	if (s->urn)
		buf_puts(out, s->urn);
	else
		buf_printf(out, "urn:%s:service:%s:%u", s->domain, s->type, s->version);
}

const char *service_fixed(const struct profile_service *s, const char *variable)
{
	const struct doc *value = s->state ? doc_get(s->state, variable) : NULL;

	return value ? value->text : NULL;
}

void service_value(struct router *r, const struct profile_service *s,
		   const struct service_variable *v, struct buf *out)
{
	const char *fixed = service_fixed(s, v->name);

	if (fixed)
		buf_puts(out, fixed);
	else
		v->get(r, out);
}

const char *const *service_names(size_t *count)
{
	*count = ARRAY_SIZE(names);
	return names;
}

const struct service_action *service_action(const struct service *s, struct slice name)
{
	for (const struct service_action *a = s->actions; a->name; a++)
		if (slice_eq(name, a->name))
			return a;
	return NULL;
}

const struct service_variable *service_variable(const struct service *s, const char *name)
{
	for (const struct service_variable *v = s->variables; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

bool service_offers(const struct profile_service *instance, const struct service_action *action)
{
	if (!action->optional || !instance->optional)
		return true;
	for (size_t i = 0; i < instance->optionals; i++)
		if (!strcmp(instance->optional[i], action->name))
			return true;
	return false;
}

bool service_shows(const struct profile_service *instance, const struct service *s,
		   const struct service_variable *v)
{
	if (!v->optional)
		return true;
	for (const struct service_action *a = s->actions; a->name; a++)
		for (const struct service_argument *arg = a->arguments; arg && arg->name; arg++)
			if (!strcmp(arg->variable, v->name) && service_offers(instance, a))
				return true;
	return false;
}

bool service_evented(const struct profile_service *instance, const struct service *s)
{
	for (const struct service_variable *v = s->variables; v->name; v++)
		if (v->evented && service_shows(instance, s, v))
			return true;
	return false;
}

uint32_t service_type_max(enum service_type_kind type)
{
	switch (type) {
	case SERVICE_UI1:
		return UINT8_MAX;
	case SERVICE_UI2:
		return UINT16_MAX;
	case SERVICE_UI4:
		return UINT32_MAX;
	case SERVICE_STRING:
	case SERVICE_BOOLEAN:
		break;
	}
	return 0;
}

static struct slice trimmed(const char *text)
{
	struct slice s = slice_of(text);

	while (s.len && strchr(" \t\r\n", s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len && strchr(" \t\r\n", s.ptr[s.len - 1]))
		s.len--;
	return s;
}

enum service_number service_number(const char *text, uint32_t max, uint32_t *out)
{
	struct slice s = trimmed(text);
	bool negative = s.len && s.ptr[0] == '-';
	bool big = false, bad = false;
	uint64_t value = 0;

	if (negative || (s.len && s.ptr[0] == '+')) {
		s.ptr++;
		s.len--;
	}
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9') {
			bad = true;
			break;
		}
		value = 10 * value + (uint64_t)(s.ptr[i] - '0');
		big = big || value > UINT32_MAX;
		value &= UINT32_MAX;
	}
	*out = (uint32_t)(negative ? -value : value) & max;
	if (bad || !s.len)
		return SERVICE_NUMBER_BAD;
	if (big || value > max || (negative && value))
		return SERVICE_NUMBER_RANGE;
	return SERVICE_NUMBER_OK;
}

bool service_boolean(const char *text, bool *out)
{
	static const char *const words[] = {"0", "1", "false", "true", "no", "yes"};
	struct slice s = trimmed(text);

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!slice_case_eq(s, words[i]))
			continue;
		*out = i & 1;
		return true;
	}
	return false;
}

static bool is_allowed(const struct service_variable *v, const char *value)
{
	for (size_t i = 0; v->allowed[i]; i++)
		if (!strcmp(v->allowed[i], value))
			return true;
	return false;
}

int service_check(const struct service_variable *v, const char *value, unsigned version,
		  const struct policy *policy)
{
	uint32_t number;
	bool flag;

	if (v->type == SERVICE_BOOLEAN)
		return service_boolean(value, &flag) ? 0 : 402;
	if (v->type == SERVICE_STRING) {
		if (strlen(value) > (size_t)policy->soap_string_max)
			return 605;
		if (!v->allowed || v->lenient || is_allowed(v, value))
			return 0;
		return version >= 2 ? 601 : 402;
	}
	switch (service_number(value, service_type_max(v->type), &number)) {
	case SERVICE_NUMBER_BAD:
		if (policy_is(policy, soap_number, "leading-digits"))
			break;
		return 402;
	case SERVICE_NUMBER_RANGE:
		if (policy_is(policy, soap_number_overflow, "wrap"))
			break;
		return policy_code(policy, soap_number_overflow);
	case SERVICE_NUMBER_OK:
		break;
	}
	if (!v->lenient && v->max > v->min && (number < v->min || number > v->max))
		return 601;
	return 0;
}

static const char *type_name(enum service_type_kind type)
{
	static const char *const text[] = {"string", "boolean", "ui1", "ui2", "ui4"};

	return text[type];
}

static void scpd_action(const struct service_action *a, struct buf *out)
{
	buf_printf(out, "<action>\n<name>%s</name>\n", a->name);
	if (a->arguments)
		buf_puts(out, "<argumentList>\n");
	for (const struct service_argument *arg = a->arguments; arg && arg->name; arg++)
		buf_printf(out,
			   "<argument>\n<name>%s</name>\n<direction>%s</direction>\n"
			   "<relatedStateVariable>%s</relatedStateVariable>\n</argument>\n",
			   arg->name, arg->out ? "out" : "in", arg->variable);
	if (a->arguments)
		buf_puts(out, "</argumentList>\n");
	buf_puts(out, "</action>\n");
}

static void scpd_variable(const struct service_variable *v, struct buf *out)
{
	buf_printf(out,
		   "<stateVariable sendEvents=\"%s\">\n<name>%s</name>\n<dataType>%s</dataType>\n",
		   v->evented ? "yes" : "no", v->name, type_name(v->type));
	if (v->initial)
		buf_printf(out, "<defaultValue>%s</defaultValue>\n", v->initial);
	if (v->allowed) {
		buf_puts(out, "<allowedValueList>\n");
		for (size_t i = 0; v->allowed[i]; i++)
			buf_printf(out, "<allowedValue>%s</allowedValue>\n", v->allowed[i]);
		buf_puts(out, "</allowedValueList>\n");
	} else if (v->max > v->min) {
		buf_printf(out,
			   "<allowedValueRange>\n<minimum>%u</minimum>\n<maximum>%u</maximum>\n"
			   "<step>1</step>\n</allowedValueRange>\n",
			   v->min, v->max);
	}
	buf_puts(out, "</stateVariable>\n");
}

void service_scpd(const struct profile_service *instance, const struct service *s,
		  struct buf *actions, struct buf *variables)
{
	for (const struct service_action *a = s->actions; a->name; a++)
		if (service_offers(instance, a))
			scpd_action(a, actions);
	for (const struct service_variable *v = s->variables; v->name; v++)
		if (service_shows(instance, s, v))
			scpd_variable(v, variables);
}
