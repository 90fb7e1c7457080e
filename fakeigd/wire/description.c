/* SPDX-License-Identifier: MIT */
/*
 * description.c - device descriptions as a control point reads them (see description.h).
 *
 * Theory of operation
 *
 * UDA 2.0 clause 2.3. The document is read leniently (xml_parse_lenient()): unescaped ampersands,
 * prefixes without declaration and bytes after the end are common in the field. Elements are told
 * by local name alone, since routers leave the name space away or get it wrong. The tree of devices
 * is walked in document order to any depth (DESC-36), and each service keeps the device that holds
 * it. Depth and size are bounded by xml.c, the number of services by DESCRIPTION_SERVICES_MAX
 * (DESC-41): what comes after that many is left out.
 *
 * URLs resolve against URLBase, wherever in the root it stands, when it is an absolute http URL,
 * otherwise against the URL the document came from (DESC-23). Whether the result may be contacted
 * is for the caller to decide (DESC-42).
 */
#include "description.h"

#include "../base/mem.h"

#include <stdlib.h>

/**
 * struct walk - a walk over the device tree
 * @base:	base of relative URLs
 * @out:	what is filled in
 */
struct walk {
	const struct url *base;
	struct description *out;
};

/* Text of a child, "" when absent, as a copy. */
static char *child_text(const struct xml_node *node, const char *name)
{
	const char *text = xml_text(node, name);

	return xstrdup(text ? text : "");
}

/* An absent, empty or unusable URL becomes one without host. */
static void child_url(const struct walk *w, const struct xml_node *node, const char *name,
		      struct url *out)
{
	const char *text = xml_text(node, name);

	if (!text || !*text || !url_resolve(w->base, slice_of(text), out))
		*out = (struct url){0};
}

static void add_service(struct walk *w, const struct xml_node *service,
			const struct xml_node *device, int depth)
{
	struct description *d = w->out;
	struct description_service *s;

	if (d->count == DESCRIPTION_SERVICES_MAX)
		return;
	d->services = xrealloc(d->services, (d->count + 1) * sizeof(*d->services));
	s = &d->services[d->count++];
	s->type = child_text(service, "serviceType");
	s->id = child_text(service, "serviceId");
	child_url(w, service, "controlURL", &s->control);
	child_url(w, service, "eventSubURL", &s->event);
	child_url(w, service, "SCPDURL", &s->scpd);
	s->udn = child_text(device, "UDN");
	s->device_type = child_text(device, "deviceType");
	s->depth = depth;
}

static void walk_device(struct walk *w, const struct xml_node *device, int depth)
{
	for (const struct xml_node *list = device->first; list; list = list->next) {
		bool services = !strcmp(list->name, "serviceList");

		if (!services && strcmp(list->name, "deviceList") != 0)
			continue;
		for (const struct xml_node *item = list->first; item; item = item->next) {
			if (services && !strcmp(item->name, "service"))
				add_service(w, item, device, depth);
			else if (!services && !strcmp(item->name, "device"))
				walk_device(w, item, depth + 1);
		}
	}
}

bool description_parse(const char *data, size_t len, const struct url *location,
		       struct description *out, const char **why)
{
	struct xml_node *root;
	const struct xml_node *device;
	enum xml_error error = xml_parse_lenient(data, len, &root);
	struct url base = *location;
	struct walk w = {.base = &base, .out = out};
	const char *url_base;

	*out = (struct description){0};
	if (error) {
		*why = xml_error_text(error);
		return false;
	}
	device = strcmp(root->name, "root") ? NULL : xml_child(root, "device");
	if (!device) {
		*why = strcmp(root->name, "root") ? "the root element is not \"root\""
						  : "there is no device in it";
		xml_free(root);
		return false;
	}
	url_base = xml_text(root, "URLBase");
	if (url_base && !url_parse(slice_of(url_base), &base))
		base = *location;
	out->device_type = child_text(device, "deviceType");
	out->udn = child_text(device, "UDN");
	out->friendly_name = child_text(device, "friendlyName");
	out->manufacturer = child_text(device, "manufacturer");
	out->model_name = child_text(device, "modelName");
	walk_device(&w, device, 0);
	xml_free(root);
	return true;
}

void description_free(struct description *d)
{
	for (size_t i = 0; i < d->count; i++) {
		free(d->services[i].type);
		free(d->services[i].id);
		free(d->services[i].udn);
		free(d->services[i].device_type);
	}
	free(d->services);
	free(d->device_type);
	free(d->udn);
	free(d->friendly_name);
	free(d->manufacturer);
	free(d->model_name);
	*d = (struct description){0};
}
