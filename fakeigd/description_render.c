/* SPDX-License-Identifier: MIT */
/*
 * description_render.c - the documents themselves, and the advertisements that follow from the
 * tree.
 *
 * UDA 2.0 2.3 (device), 2.5 (service), table 1-1 (advertisements: 3 for the root, 2 for each
 * embedded device, 1 for each service).
 */
#include "description_parts.h"
#include "head_edit.h"

#include <arpa/inet.h>
#include <stdio.h>

/* Whether it is in the tree: something is in it, or it was asked for. */
static bool description_has_device(const struct descriptions *d, int device)
{
	const struct profile *p = d->router->profile;

	if (device == SERVICE_ROOT || p->devices[device].written)
		return true;
	for (size_t i = 0; i < d->count; i++)
		if (d->services[i].device == device)
			return true;
	for (size_t i = 0; i < p->device_count; i++)
		if (p->devices[i].parent == device && description_has_device(d, (int)i))
			return true;
	return false;
}

/* "urn:schemas-upnp-org:device:WANDevice:1" of a device. */
static void description_device_type(const struct descriptions *d, int device, struct buf *out)
{
	const struct profile_device *from = &d->router->profile->devices[device];

	if (from->urn)
		buf_puts(out, from->urn);
	else
		buf_printf(out, "urn:%s:device:%s:%u", from->domain, from->type, from->version);
}

/**
 * struct page - what all elements of one root description share
 * @address, @port: of the interface it is read through
 */
struct page {
	const struct descriptions *d;
	char address[INET6_ADDRSTRLEN + 2];
	char port[8];
};

static void set_common(const struct page *page, struct message_values *values)
{
	values->v[PLACEHOLDER_LAN_ADDRESS] = slice_of(page->address);
	values->v[PLACEHOLDER_HTTP_PORT] = slice_of(page->port);
}

/* A URL with what differs by interface. */
static void add_url(const struct page *page, const char *url, struct buf *out)
{
	struct buf plain = {0};

	buf_puts(&plain, url);
	if (strchr(url, '{')) {
		body_replace_text(&plain, "{lan_address}", page->address);
		body_replace_text(&plain, "{http_port}", page->port);
	}
	buf_add_xml(out, buf_slice(&plain));
	buf_free(&plain);
}

static void render_service(const struct page *page, const struct described_service *s,
			   struct buf *out)
{
	const char *const text[] = {s->scpd, s->control, s->event, s->profile->id};
	static const enum placeholder ids[] = {PLACEHOLDER_SCPD_URL, PLACEHOLDER_CONTROL_URL,
					       PLACEHOLDER_EVENT_URL, PLACEHOLDER_SERVICE_ID};
	struct message_values values = {0};
	struct buf escaped[4] = {0}, type = {0};

	set_common(page, &values);
	service_urn(s->profile, &type);
	values.v[PLACEHOLDER_SERVICE_TYPE] = buf_slice(&type);
	for (int i = 0; i < 4; i++) {
		add_url(page, text[i], &escaped[i]);
		values.v[ids[i]] = buf_slice(&escaped[i]);
	}
	template_render(page->d->router->profile->templates[MESSAGE_SERVICE], &values, out);
	for (int i = 0; i < 4; i++)
		buf_free(&escaped[i]);
	buf_free(&type);
}

/* serviceList or deviceList around @inside; nothing around nothing. */
static void render_list(const struct page *page, enum message_id id, enum placeholder inner,
			struct buf *inside, struct buf *out)
{
	struct message_values values = {0};

	values.v[inner] = buf_slice(inside);
	if (inside->len)
		template_render(page->d->router->profile->templates[id], &values, out);
	buf_free(inside);
}

static void render_services(const struct page *page, int device, struct buf *out)
{
	struct buf inside = {0};

	for (size_t i = 0; i < page->d->count; i++)
		if (page->d->services[i].device == device)
			render_service(page, &page->d->services[i], &inside);
	render_list(page, MESSAGE_SERVICE_LIST, PLACEHOLDER_SERVICES, &inside, out);
}

enum { DEVICE_TEXTS = 11 };

/* What the placeholders of a device element stand for. */
static void set_device(const struct page *page, int device, struct buf escaped[DEVICE_TEXTS],
		       struct message_values *values)
{
	const struct profile *p = page->d->router->profile;
	const struct profile_device *from = &p->devices[device];
	bool root = device == SERVICE_ROOT;
	const struct {
		enum placeholder id;
		const char *text;
	} texts[DEVICE_TEXTS] = {
		{PLACEHOLDER_FRIENDLY_NAME, root ? p->friendly_name : from->type},
		{PLACEHOLDER_MANUFACTURER, p->manufacturer},
		{PLACEHOLDER_MANUFACTURER_URL, p->manufacturer_url},
		{PLACEHOLDER_MODEL_DESCRIPTION, p->model_description},
		{PLACEHOLDER_MODEL_NAME, p->model_name},
		{PLACEHOLDER_MODEL_NUMBER, p->model_number},
		{PLACEHOLDER_MODEL_URL, p->model_url},
		{PLACEHOLDER_SERIAL_NUMBER, p->serial_number},
		{PLACEHOLDER_UPC, p->upc},
		{PLACEHOLDER_UDN, description_device_udn(page->d, device)},
		{PLACEHOLDER_PRESENTATION_URL, root ? p->presentation_url : NULL},
	};

	set_common(page, values);
	for (int i = 0; i < DEVICE_TEXTS; i++) {
		const struct doc *own = doc_get(from->texts, placeholder_name(texts[i].id));

		buf_add_xml(&escaped[i], slice_of(own ? own->text : texts[i].text));
		values->v[texts[i].id] = buf_slice(&escaped[i]);
	}
}

/* A device with all in it, the devices that go first in front. */
static void render_device(const struct page *page, int device, struct buf *out)
{
	const struct profile *p = page->d->router->profile;
	const struct profile_device *from = &p->devices[device];
	struct buf escaped[DEVICE_TEXTS] = {0}, type = {0}, services = {0}, devices = {0};
	struct buf inside = {0};
	struct message_values values = {0};

	set_device(page, device, escaped, &values);
	description_device_type(page->d, device, &type);
	render_services(page, device, &services);
	for (int later = 0; later < 2; later++)
		for (size_t i = 0; i < p->device_count; i++)
			if (p->devices[i].parent == device && p->devices[i].first == !later &&
			    description_has_device(page->d, (int)i))
				render_device(page, (int)i, &devices);
	render_list(page, MESSAGE_DEVICE_LIST, PLACEHOLDER_DEVICES, &devices, &inside);
	values.v[PLACEHOLDER_DEVICE_TYPE] = buf_slice(&type);
	values.v[PLACEHOLDER_SERVICES] = buf_slice(&services);
	values.v[PLACEHOLDER_DEVICES] = buf_slice(&inside);
	template_render(from->form ? from->form : p->templates[MESSAGE_DEVICE], &values, out);
	for (int i = 0; i < DEVICE_TEXTS; i++)
		buf_free(&escaped[i]);
	buf_free(&type);
	buf_free(&services);
	buf_free(&inside);
}

static void set_address(struct page *page, const struct router_interface *lan, bool v6)
{
	const struct router *r = page->d->router;
	char text[INET6_ADDRSTRLEN] = "";

	snprintf(page->port, sizeof(page->port), "%u",
		 r->http ? http_port(r->http) : r->profile->http_port);
	if (!lan)
		return;
	if (v6)
		inet_ntop(AF_INET6,
			  IN6_IS_ADDR_UNSPECIFIED(&lan->address6) ? &lan->link6 : &lan->address6,
			  text, sizeof(text));
	else
		inet_ntop(AF_INET, &lan->address, text, sizeof(text));
	snprintf(page->address, sizeof(page->address), v6 ? "[%s]" : "%s", text);
}

void description_render_root(const struct descriptions *d, int lan, bool v6,
			     const struct template *template, struct buf *out)
{
	const struct router *r = d->router;
	const struct router_interface *interface = lan < 0 ? NULL : &r->lan[lan];
	struct page page = {.d = d};
	struct message_values values = {0};
	struct buf tree = {0}, location = {0};
	char config[16];

	set_address(&page, interface, v6);
	set_common(&page, &values);
	render_device(&page, SERVICE_ROOT, &tree);
	if (interface)
		description_location(r, interface, v6, &location);
	snprintf(config, sizeof(config), "%u", r->config_id);
	values.v[PLACEHOLDER_DEVICE] = buf_slice(&tree);
	values.v[PLACEHOLDER_LOCATION] = buf_slice(&location);
	values.v[PLACEHOLDER_CONFIG_ID] = slice_of(config);
	template_render(template ? template : r->profile->templates[MESSAGE_DESCRIPTION], &values,
			out);
	buf_free(&tree);
	buf_free(&location);
}

void description_render_scpd(const struct descriptions *d, const struct described_service *s,
			     const struct template *template, struct buf *out)
{
	struct message_values values = {0};
	struct buf actions = {0}, variables = {0};
	char config[16];

	if (s->table)
		service_scpd(s->profile, s->table, &actions, &variables);
	snprintf(config, sizeof(config), "%u", d->router->config_id);
	values.v[PLACEHOLDER_ACTIONS] = buf_slice(&actions);
	values.v[PLACEHOLDER_VARIABLES] = buf_slice(&variables);
	values.v[PLACEHOLDER_CONFIG_ID] = slice_of(config);
	template_render(template ? template : d->router->profile->templates[MESSAGE_SCPD], &values,
			out);
	buf_free(&actions);
	buf_free(&variables);
}

typedef void advertise_fn(void *arg, const char *nt, const char *usn);

static void advertise(const char *udn, const char *nt, advertise_fn *fn, void *arg, struct buf *usn)
{
	buf_reset(usn);
	buf_puts(usn, udn);
	if (strcmp(nt, udn) != 0)
		buf_printf(usn, "::%s", nt);
	fn(arg, nt, usn->data);
}

/* Two services of one type in one device are one advertisement (UDA 2.0 table 1-3, SSDP-09). */
static bool is_first_of_its_type(const struct descriptions *d, size_t index)
{
	struct buf own = {0}, before = {0};
	bool first = true;

	service_urn(d->services[index].profile, &own);
	for (size_t i = 0; i < index && first; i++) {
		if (d->services[i].device != d->services[index].device)
			continue;
		buf_reset(&before);
		service_urn(d->services[i].profile, &before);
		first = strcmp(own.data, before.data) != 0;
	}
	buf_free(&own);
	buf_free(&before);
	return first;
}

/* In the order of the specification (UDA 2.0 1.2.2). */
static void each_advertisement(const struct router *r, advertise_fn *fn, void *arg)
{
	const struct profile_device *devices = r->profile->devices;
	const struct descriptions *d = r->description;
	struct buf nt = {0}, usn = {0};

	if (!devices[SERVICE_ROOT].silent)
		advertise(description_device_udn(d, SERVICE_ROOT), "upnp:rootdevice", fn, arg,
			  &usn);
	for (size_t i = 0; i < r->profile->device_count; i++) {
		const char *udn = description_device_udn(d, (int)i);

		if (devices[i].silent || !description_has_device(d, (int)i))
			continue;
		advertise(udn, udn, fn, arg, &usn);
		buf_reset(&nt);
		description_device_type(d, (int)i, &nt);
		advertise(udn, nt.data, fn, arg, &usn);
	}
	for (size_t i = 0; i < d->count; i++) {
		const struct described_service *s = &d->services[i];

		if (devices[s->device].silent || !is_first_of_its_type(d, i))
			continue;
		buf_reset(&nt);
		service_urn(s->profile, &nt);
		advertise(description_device_udn(d, s->device), nt.data, fn, arg, &usn);
	}
	buf_free(&nt);
	buf_free(&usn);
}

/** struct turn - one target of ssdp.order: its advertisements are told, the others wait */
struct turn {
	const struct doc *order;
	size_t at;
	advertise_fn *fn;
	void *arg;
};

static void in_turn(void *arg, const char *nt, const char *usn)
{
	const struct turn *t = arg;
	size_t place = 0;

	while (place < t->order->count && strcmp(t->order->items[place]->text, nt) != 0)
		place++;
	if (place == t->at)
		t->fn(t->arg, nt, usn);
}

void description_each_advertisement(const struct router *r, advertise_fn *fn, void *arg)
{
	struct turn t = {.order = r->profile->ssdp_order, .fn = fn, .arg = arg};

	if (!t.order) {
		each_advertisement(r, fn, arg);
		return;
	}
	for (; t.at <= t.order->count; t.at++)
		each_advertisement(r, in_turn, &t);
}
