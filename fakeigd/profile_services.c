/* SPDX-License-Identifier: MIT */
/* profile_services.c - the services that a profile offers, and the table it starts with. */
#include "base/mem.h"
#include "profile_parts.h"
#include "service.h"

#include <ctype.h>
#include <stdlib.h>

static const struct service_action *find_action(const struct service *table, const char *name)
{
	for (const struct service_action *a = table ? table->actions : NULL; a && a->name; a++)
		if (!strcmp(a->name, name))
			return a;
	return NULL;
}

static void complain_optional(const struct service *table, const struct doc *node, const char *name,
			      struct diag *d)
{
	const char *names[SOAP_ARGUMENTS_MAX];
	size_t count = 0;

	for (const struct service_action *a = table->actions; a->name; a++)
		if (a->optional && count < ARRAY_SIZE(names))
			names[count++] = a->name;
	diag_unknown(d, node->file, node->line, "optional action", name, names, count);
}

/* "optional": the optional actions that this router offers. */
static bool read_optional(struct profile_service *s, const struct service *table,
			  const struct doc *node, struct diag *d)
{
	const char **list;
	size_t count;
	bool fine = true;

	if (!node)
		return true;
	if (!doc_list_strings(node, &list, &count, d))
		return false;
	s->optional = xcalloc(count + 1, sizeof(*s->optional));
	for (size_t i = 0; fine && i < count; i++) {
		const struct service_action *a = find_action(table, list[i]);

		fine = !table || (a && a->optional);
		if (!fine)
			complain_optional(table, node, list[i], d);
		s->optional[s->optionals++] = xstrdup(list[i]);
	}
	free(list);
	return fine;
}

/* serviceId of a service: the usual one, numbered on when the type occurs again. */
static char *standard_id(const struct profile *p, const struct profile_service *s,
			 const struct service *table)
{
	const char *base = table ? table->default_id : s->type;
	size_t len = strlen(base);
	unsigned same = 1;

	for (size_t i = 0; i < p->service_count; i++)
		same += !strcmp(p->services[i].type, s->type);
	while (len && isdigit((unsigned char)base[len - 1]))
		len--;
	return xasprintf("urn:upnp-org:serviceId:%.*s%u", (int)len, base, same);
}

static bool read_text(char **out, const struct doc *node, struct diag *d)
{
	const char *text;

	if (!node)
		return true;
	if (!doc_string(node, &text, d))
		return false;
	*out = xstrdup(text);
	return true;
}

/* A type that fakeigd has no table of is only possible in somebody's own domain: it is described,
 * and every action of it is unknown. */
static bool check_type(const struct profile_service *s, const struct service *table,
		       const struct doc *node, struct diag *d)
{
	const char *const *names;
	char *written;
	size_t count;

	if (table || s->domain || s->urn)
		return true;
	names = service_names(&count);
	written = xasprintf("%s:%u", s->type, s->version);
	diag_unknown(d, node->file, node->line, "service", written, names, count);
	free(written);
	return false;
}

/* "as": the table of another service or version answers. */
static bool read_as(struct profile_service *s, const struct doc *node, struct diag *d)
{
	const char *const *names;
	size_t count;

	if (!node)
		return true;
	if (!profile_split_type(node, 99, &s->as_type, &s->as_version, d))
		return false;
	if (service_of(s))
		return true;
	names = service_names(&count);
	diag_unknown(d, node->file, node->line, "service", node->text, names, count);
	return false;
}

/* The device that holds it, and URLs of its own. */
static bool read_place(const struct profile *p, struct profile_service *s, const struct doc *node,
		       struct diag *d)
{
	const struct doc *device = doc_get(node, "device");
	const struct {
		char **out;
		const struct doc *node;
	} urls[] = {
		{&s->control, doc_get(node, "control")},
		{&s->event, doc_get(node, "event")},
		{&s->scpd, doc_get(node, "scpd")},
	};

	for (size_t i = 0; i < ARRAY_SIZE(urls); i++)
		if (!read_text(urls[i].out, urls[i].node, d) || !profile_check_url(urls[i].node, d))
			return false;
	return !device || profile_device_named(p, device, &s->device, d);
}

/* "state": values of its state variables, whatever the router's are. */
static bool read_fixed(struct profile_service *s, const struct service *table,
		       const struct doc *map, struct diag *d)
{
	const char *names[SOAP_ARGUMENTS_MAX];
	size_t count = 0;

	if (!map)
		return true;
	if (!doc_want(map, DOC_MAP, d))
		return false;
	for (const struct service_variable *v = table ? table->variables : NULL; v && v->name; v++)
		if (count < ARRAY_SIZE(names))
			names[count++] = v->name;
	for (size_t i = 0; i < map->count; i++) {
		const struct doc *item = map->items[i];

		if (!doc_want(item, DOC_SCALAR, d))
			return false;
		if (table && service_variable(table, item->key))
			continue;
		diag_unknown(d, item->file, item->key_line, "state variable", item->key, names,
			     count);
		return false;
	}
	s->state = map;
	return true;
}

static bool read_service(struct profile *p, const struct doc *node, struct diag *d)
{
	static const char *const keys[] = {"type",   "id",	"domain", "optional", "urn",  "as",
					   "device", "control", "event",  "scpd",     "state"};
	struct profile_service *s = &p->services[p->service_count];
	const struct doc *type = node->kind == DOC_MAP ? doc_get(node, "type") : node;
	const struct service *table;

	if (node->kind == DOC_MAP && !doc_keys(node, keys, ARRAY_SIZE(keys), d))
		return false;
	if (!type) {
		diag_at(d, node->file, node->line, "services: \"type\" is missing");
		return false;
	}
	if (!profile_split_type(type, 99, &s->type, &s->version, d))
		return false;
	if (!read_as(s, doc_get(node, "as"), d))
		return false;
	table = service_of(s);
	if (!read_text(&s->urn, doc_get(node, "urn"), d) ||
	    !read_text(&s->domain, doc_get(node, "domain"), d) || !check_type(s, table, type, d) ||
	    !read_text(&s->id, doc_get(node, "id"), d) ||
	    !read_optional(s, table, doc_get(node, "optional"), d))
		return false;
	if (!s->id)
		s->id = standard_id(p, s, table);
	if (!s->domain)
		s->domain = xstrdup(p->domain);
	s->device = table ? (int)table->level : SERVICE_ROOT;
	if (!read_place(p, s, node, d) || !read_fixed(s, table, doc_get(node, "state"), d))
		return false;
	p->service_count++;
	return true;
}

bool profile_read_services(struct profile *p, const struct doc *doc, struct diag *d)
{
	const struct doc *list = doc_get(doc, "services");

	if (!list) {
		diag_at(d, doc->file, 0, "\"services\" is missing");
		return false;
	}
	if (!doc_want(list, DOC_LIST, d))
		return false;
	if (list->count > PROFILE_SERVICES_MAX) {
		diag_at(d, list->file, list->line, "services: at most %d", PROFILE_SERVICES_MAX);
		return false;
	}
	for (size_t i = 0; i < list->count; i++)
		if (!read_service(p, list->items[i], d))
			return false;
	return true;
}

void profile_free_services(struct profile *p)
{
	for (size_t i = 0; i < PROFILE_SERVICES_MAX; i++) {
		struct profile_service *s = &p->services[i];

		free(s->type);
		free(s->id);
		free(s->domain);
		free(s->urn);
		free(s->as_type);
		free(s->control);
		free(s->event);
		free(s->scpd);
		for (size_t j = 0; j < s->optionals; j++)
			free(s->optional[j]);
		free(s->optional);
	}
}

static bool read_port(const struct doc *map, const char *key, uint16_t *out, struct diag *d)
{
	const struct doc *node = doc_get(map, key);
	long long value = 0;

	if (!node) {
		diag_at(d, map->file, map->line, "mappings: \"%s\" is missing", key);
		return false;
	}
	if (!doc_number(node, 0, 65535, &value, d))
		return false;
	*out = (uint16_t)value;
	return true;
}

static bool read_mapping(struct profile_mapping *m, const struct doc *map, struct diag *d)
{
	static const char *const keys[] = {
		"remote_host",	   "external_port", "protocol",	   "internal_port",
		"internal_client", "enabled",	    "description", "lease",
	};
	static const char *const protocols[] = {"TCP", "UDP"};
	const struct doc *remote = doc_get(map, "remote_host"), *lease = doc_get(map, "lease");
	const struct doc *protocol = doc_get(map, "protocol"), *enabled = doc_get(map, "enabled");
	const struct doc *client = doc_get(map, "internal_client");
	const struct doc *description = doc_get(map, "description");
	long long seconds = 0;
	int choice;

	if (!doc_keys(map, keys, ARRAY_SIZE(keys), d))
		return false;
	if (!protocol || !client) {
		diag_at(d, map->file, map->line, "mappings: \"%s\" is missing",
			protocol ? "internal_client" : "protocol");
		return false;
	}
	m->enabled = true;
	if (!read_port(map, "external_port", &m->external_port, d) ||
	    !read_port(map, "internal_port", &m->internal_port, d) ||
	    !doc_choice(protocol, protocols, ARRAY_SIZE(protocols), &choice, d) ||
	    !doc_ipv4(client, &m->internal_client, d) ||
	    (remote && *remote->text && !doc_ipv4(remote, &m->remote_host, d)) ||
	    (enabled && !doc_bool(enabled, &m->enabled, d)) ||
	    (lease && !doc_number(lease, 0, UINT32_MAX, &seconds, d)) ||
	    (description && !doc_want(description, DOC_SCALAR, d)))
		return false;
	m->protocol = choice ? IPPROTO_UDP : IPPROTO_TCP;
	m->lease = (uint32_t)seconds;
	m->description = xstrdup(description ? description->text : "");
	return true;
}

bool profile_read_state(struct profile *p, const struct doc *state, struct diag *d)
{
	static const char *const keys[] = {"mappings"};
	const struct doc *list = doc_get(state, "mappings");

	if (state && !doc_keys(state, keys, ARRAY_SIZE(keys), d))
		return false;
	if (!list)
		return true;
	if (!doc_want(list, DOC_LIST, d))
		return false;
	p->mappings = xcalloc(list->count + 1, sizeof(*p->mappings));
	for (; p->mapping_count < list->count; p->mapping_count++)
		if (!read_mapping(&p->mappings[p->mapping_count], list->items[p->mapping_count], d))
			return false;
	return true;
}

void profile_free_state(struct profile *p)
{
	for (size_t i = 0; i < p->mapping_count; i++)
		free(p->mappings[i].description);
	free(p->mappings);
}
