/* SPDX-License-Identifier: MIT */
/*
 * profile_devices.c - "devices" and "pages": the tree beyond one gateway with one connection, and
 * further documents.
 *
 * Four devices are always known by name: root, wan, connection and lan (IGD:1 2.2). They are in the
 * description when a service or a device is in them. "devices" changes them, or adds others below
 * any of them: a second WANConnectionDevice, a WFADevice, a media server.
 */
#include "base/mem.h"
#include "message_edit.h"
#include "profile_parts.h"
#include "service.h"

#include <stdlib.h>

static const char *const standard_names[] = {"root", "wan", "connection", "lan"};
_Static_assert(ARRAY_SIZE(standard_names) == SERVICE_LEVELS, "a name for each standard device");

/* Index of a device by name, -1 when there is none. */
static int profile_device_find(const struct profile *p, const char *name)
{
	for (size_t i = 0; i < p->device_count; i++)
		if (!strcmp(p->devices[i].name, name))
			return (int)i;
	return -1;
}

bool profile_device_named(const struct profile *p, const struct doc *node, int *out, struct diag *d)
{
	const char *names[PROFILE_DEVICES_MAX], *text;

	if (!doc_string(node, &text, d))
		return false;
	*out = profile_device_find(p, text);
	if (*out >= 0)
		return true;
	for (size_t i = 0; i < p->device_count; i++)
		names[i] = p->devices[i].name;
	diag_unknown(d, node->file, node->line, "device", text, names, p->device_count);
	return false;
}

static void add_standard(struct profile *p)
{
	static const char *const types[] = {NULL, "WANDevice", "WANConnectionDevice", "LANDevice"};
	static const int parents[] = {-1, SERVICE_ROOT, SERVICE_WAN_DEVICE, SERVICE_ROOT};

	for (int i = 0; i < SERVICE_LEVELS; i++) {
		struct profile_device *device = &p->devices[p->device_count++];

		device->name = xstrdup(standard_names[i]);
		device->type = xstrdup(types[i] ? types[i] : p->device);
		/* LANDevice has only one version; the others go with the root's (IGD-02, IGD-07).
		 */
		device->version = i == SERVICE_LAN_DEVICE ? 1 : p->device_version;
		device->parent = parents[i];
		device->udn = i < (int)ARRAY_SIZE(p->udn) ? xstrdup(p->udn[i]) : NULL;
	}
}

static bool read_text(char **out, const struct doc *map, const char *key, struct diag *d)
{
	const struct doc *node = doc_get(map, key);

	if (!node)
		return true;
	if (!doc_want(node, DOC_SCALAR, d))
		return false;
	free(*out);
	*out = xstrdup(node->text);
	return true;
}

static bool read_udn(struct profile_device *device, const struct doc *map, const char *seed,
		     struct diag *d)
{
	const struct doc *node = doc_get(map, "udn");

	if (node && !doc_want(node, DOC_SCALAR, d))
		return false;
	if (!node && (device->udn || !strcmp(device->name, "lan")))
		return true;
	free(device->udn);
	device->udn = profile_udn(seed, device->name, node ? node->text : "uuid:{uuid}");
	return true;
}

/* An element of its own form: edits of the profile's "device". */
static bool read_form(struct profile_device *device, const struct doc *map, const struct doc *doc,
		      struct diag *d)
{
	const struct doc *node = doc_get(map, "message");
	const struct doc *base = doc_get(doc_get(doc, "messages"), "device");
	struct doc *merged;

	if (!node)
		return true;
	merged = message_edit_merge(base, node);
	device->form = template_parse(MESSAGE_DEVICE, merged, d);
	doc_free(merged);
	return device->form;
}

static bool read_place(struct profile_device *device, const struct doc *map, struct diag *d)
{
	static const char *const places[] = {"last", "first"};
	const struct doc *place = doc_get(map, "place"), *silent = doc_get(map, "silent");
	int choice = 0;

	if (place && !doc_choice(place, places, ARRAY_SIZE(places), &choice, d))
		return false;
	device->first = choice;
	return !silent || doc_bool(silent, &device->silent, d);
}

static bool read_type(struct profile_device *device, const struct doc *map, struct diag *d)
{
	const struct doc *type = doc_get(map, "type");

	if (!type && device->type)
		return true;
	if (!type) {
		diag_at(d, map->file, map->line, "devices: \"type\" of %s is missing", map->key);
		return false;
	}
	free(device->type);
	device->type = NULL;
	return profile_split_type(type, 99, &device->type, &device->version, d);
}

static bool read_device(struct profile *p, const struct doc *map, const struct doc *doc,
			const char *seed, struct diag *d)
{
	static const char *const keys[] = {
		"type",		 "urn",
		"domain",	 "udn",
		"under",	 "place",
		"silent",	 "message",
		"friendly_name", "manufacturer",
		"model_number",	 "manufacturer_url",
		"model_name",	 "model_description",
		"model_url",	 "upc",
		"serial_number", "presentation_url",
	};
	enum { FIRST_TEXT = 8 };
	struct profile_device *device;
	int at = profile_device_find(p, map->key);

	if (!doc_keys(map, keys, ARRAY_SIZE(keys), d))
		return false;
	if (at < 0 && p->device_count == PROFILE_DEVICES_MAX) {
		diag_at(d, map->file, map->line, "devices: at most %d", PROFILE_DEVICES_MAX);
		return false;
	}
	device = &p->devices[at < 0 ? p->device_count++ : (size_t)at];
	if (at < 0) {
		device->name = xstrdup(map->key);
		device->written = true;
	}
	device->texts = map;
	for (size_t i = FIRST_TEXT; i < ARRAY_SIZE(keys); i++)
		if (doc_get(map, keys[i]) && !doc_want(doc_get(map, keys[i]), DOC_SCALAR, d))
			return false;
	return read_type(device, map, d) && read_text(&device->urn, map, "urn", d) &&
	       read_text(&device->domain, map, "domain", d) && read_udn(device, map, seed, d) &&
	       read_place(device, map, d) && read_form(device, map, doc, d);
}

/* Where a device hangs, once all have names. */
static bool read_parent(struct profile *p, const struct doc *map, struct diag *d)
{
	struct profile_device *device = &p->devices[profile_device_find(p, map->key)];
	const struct doc *under = doc_get(map, "under");
	int depth = 0;

	if (!under)
		return true;
	if (device == p->devices) {
		diag_at(d, under->file, under->line, "devices: root is under nothing");
		return false;
	}
	if (!profile_device_named(p, under, &device->parent, d))
		return false;
	for (int i = device->parent; i > 0 && depth <= PROFILE_DEVICES_MAX; depth++)
		i = p->devices[i].parent;
	if (depth <= PROFILE_DEVICES_MAX)
		return true;
	diag_at(d, under->file, under->line, "devices: %s is under itself", map->key);
	return false;
}

bool profile_read_devices(struct profile *p, const struct doc *doc, const char *seed,
			  struct diag *d)
{
	const struct doc *map = doc_get(doc, "devices"), *domain = doc_get(doc, "domain");

	if (domain && !doc_want(domain, DOC_SCALAR, d))
		return false;
	p->domain = xstrdup(domain ? domain->text : "schemas-upnp-org");
	add_standard(p);
	if (map && !doc_want(map, DOC_MAP, d))
		return false;
	for (size_t i = 0; map && i < map->count; i++)
		if (!read_device(p, map->items[i], doc, seed, d))
			return false;
	for (size_t i = 0; map && i < map->count; i++)
		if (!read_parent(p, map->items[i], d))
			return false;
	for (size_t i = 0; i < p->device_count; i++)
		if (!p->devices[i].domain)
			p->devices[i].domain = xstrdup(p->domain);
	return true;
}

static bool read_page(struct profile_page *page, const struct doc *map, const struct doc *doc,
		      struct diag *d)
{
	static const char *const keys[] = {"path", "body", "replace"};
	const struct doc *path = doc_get(map, "path"), *body = doc_get(map, "body");
	const struct doc *replace = doc_get(map, "replace");
	const struct doc *base = doc_get(doc_get(doc, "messages"), "description");
	struct doc *merged;

	if (!doc_keys(map, keys, ARRAY_SIZE(keys), d))
		return false;
	if (!path) {
		diag_at(d, map->file, map->line, "pages: \"path\" is missing");
		return false;
	}
	if (!read_text(&page->path, map, "path", d))
		return false;
	if (*page->path != '/') {
		diag_at(d, path->file, path->line,
			"path: expected a path such as /igd2.xml, found \"%s\"", page->path);
		return false;
	}
	if (replace && !doc_want(replace, DOC_MAP, d))
		return false;
	for (size_t i = 0; replace && i < replace->count; i++)
		if (!doc_want(replace->items[i], DOC_SCALAR, d))
			return false;
	page->replace = replace;
	merged = body ? message_edit_merge(base, body) : base ? doc_copy(base) : NULL;
	page->form = template_parse(MESSAGE_DESCRIPTION, merged, d);
	doc_free(merged);
	return page->form;
}

bool profile_read_pages(struct profile *p, const struct doc *doc, struct diag *d)
{
	const struct doc *list = doc_get(doc, "pages");

	if (!list)
		return true;
	if (!doc_want(list, DOC_LIST, d))
		return false;
	if (list->count > PROFILE_PAGES_MAX) {
		diag_at(d, list->file, list->line, "pages: at most %d", PROFILE_PAGES_MAX);
		return false;
	}
	for (size_t i = 0; i < list->count; i++)
		if (!read_page(&p->pages[p->page_count++], list->items[i], doc, d))
			return false;
	return true;
}

void profile_free_devices(struct profile *p)
{
	for (size_t i = 0; i < p->device_count; i++) {
		struct profile_device *device = &p->devices[i];

		free(device->name);
		free(device->type);
		free(device->urn);
		free(device->domain);
		free(device->udn);
		template_free(device->form);
	}
	for (size_t i = 0; i < p->page_count; i++) {
		free(p->pages[i].path);
		template_free(p->pages[i].form);
	}
	free(p->domain);
}
