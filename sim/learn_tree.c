/* SPDX-License-Identifier: MIT */
/*
 * learn_tree.c - the device tree: from the description, or from what requests and SSDP imply.
 *
 * A description that was read says everything. Without it a service is known by the search targets
 * that were answered and by the actions that were asked of it, its control URL by where they went,
 * the description's by LOCATION, UDNs by USN; what a gateway has besides is assumed.
 */
#include "../fakeigd/wire/description.h"
#include "../fakeigd/wire/ssdp.h"
#include "learn_parts.h"

#include <stdlib.h>

static const char *const standard[] = {"root", "wan", "connection", "lan"};
static const char *const standard_type[] = {"InternetGatewayDevice", "WANDevice",
					    "WANConnectionDevice", "LANDevice"};

/* Path of an absolute URL or reference; the caller frees. */
static char *path_of(const char *url)
{
	const char *scheme = strstr(url, "://"), *path = scheme ? strchr(scheme + 3, '/') : url;

	if (!path || !*path)
		return xstrdup(scheme ? "/" : "");
	return *path == '/' ? xstrdup(path) : xasprintf("/%s", path);
}

/* ---- from the description ---- */

static const char *standard_name(const struct learner *l, const char *type)
{
	struct urn urn;
	int found = -1;

	if (!urn_parse(slice_of(type), &urn))
		return NULL;
	for (int i = 0; i < (int)ARRAY_SIZE(standard); i++)
		if (slice_eq(urn.type, standard_type[i]))
			found = i;
	for (size_t i = 0; i < l->device_count && found >= 0; i++)
		if (!strcmp(l->devices[i].name, standard[found]))
			found = -1;
	return found > 0 ? standard[found] : NULL;
}

static char *text_or_empty(const struct xml_node *node, const char *name)
{
	const char *text = xml_text(node, name);

	return xstrdup(text ? text : "");
}

static void add_service(struct learner *l, const struct xml_node *node, int device)
{
	struct learnt_service *s;
	char *control, *event, *scpd;

	if (l->service_count == LEARN_SERVICES_MAX)
		return;
	s = &l->services[l->service_count++];
	control = text_or_empty(node, "controlURL");
	event = text_or_empty(node, "eventSubURL");
	scpd = text_or_empty(node, "SCPDURL");
	*s = (struct learnt_service){
		.type = text_or_empty(node, "serviceType"),
		.id = text_or_empty(node, "serviceId"),
		.control = path_of(control),
		.event = path_of(event),
		.scpd = path_of(scpd),
		.device = device,
	};
	free(control);
	free(event);
	free(scpd);
}

static void add_device(struct learner *l, const struct xml_node *node, int parent)
{
	const struct xml_node *list = xml_child(node, "serviceList");
	const char *type = xml_text(node, "deviceType"), *name;
	int self = (int)l->device_count;

	if (l->device_count == LEARN_DEVICES_MAX)
		return;
	name = parent < 0 ? "root" : standard_name(l, type ? type : "");
	l->devices[l->device_count++] = (struct learnt_device){
		.node = node,
		.name = name ? xstrdup(name) : xasprintf("device-%d", self),
		.parent = parent,
	};
	for (const struct xml_node *n = list ? list->first : NULL; n; n = n->next)
		if (!strcmp(n->name, "service"))
			add_service(l, n, self);
	list = xml_child(node, "deviceList");
	for (const struct xml_node *n = list ? list->first : NULL; n; n = n->next)
		if (!strcmp(n->name, "device"))
			add_device(l, n, self);
}

static void read_description(struct learner *l)
{
	for (size_t i = 0; i < l->count && !l->root; i++) {
		const struct seen *s = &l->seen[i];
		struct xml_node *root = NULL;

		if (s->out.kind != FACTS_DESCRIPTION || !s->whole ||
		    xml_parse_lenient(s->out.body.data, s->out.body.len, &root) != XML_OK)
			continue;
		if (!strcmp(root->name, "root") && xml_child(root, "device")) {
			l->root = root;
			l->root_seen = s;
		} else {
			xml_free(root);
		}
	}
	if (!l->root)
		return;
	if (!l->location_path)
		l->location_path = xstrdup(l->root_seen->in.target);
	add_device(l, xml_child(l->root, "device"), -1);
}

/* ---- without it ---- */

/* Level of a service in the standard tree. */
static int level_of(const char *type)
{
	struct urn urn;

	if (!urn_parse(slice_of(type), &urn) || slice_eq(urn.type, "Layer3Forwarding") ||
	    slice_eq(urn.type, "DeviceProtection"))
		return 0;
	return slice_eq(urn.type, "WANCommonInterfaceConfig") ? 1 : 2;
}

static struct learnt_service *imply_service(struct learner *l, const char *type,
					    const struct seen *s)
{
	struct learnt_service *service;

	for (size_t i = 0; i < l->service_count; i++)
		if (!strcmp(l->services[i].type, type))
			return &l->services[i];
	if (l->service_count == LEARN_SERVICES_MAX)
		return NULL;
	service = &l->services[l->service_count++];
	*service = (struct learnt_service){
		.type = xstrdup(type), .device = level_of(type), .evidence = s};
	return service;
}

static void imply_services(struct learner *l)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct seen *s = &l->seen[i];
		const char *st = facts_header(&s->out, "ST");
		struct learnt_service *service = NULL;
		struct urn urn;

		if (s->out.kind == FACTS_FOUND && st && urn_parse(slice_of(st), &urn) &&
		    slice_eq(urn.kind, "service"))
			imply_service(l, st, s);
		if (seen_is(s, NULL) && s->in.service)
			service = imply_service(l, s->in.service, s);
		if (service && !service->control && s->in.target)
			service->control = path_of(s->in.target);
	}
	for (int level = 0; level < 2; level++) {
		static const char *const types[] = {
			"urn:schemas-upnp-org:service:Layer3Forwarding:1",
			"urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1"};

		imply_service(l, types[level], NULL);
	}
	names_add(&l->assumed, "the description, which the flow has not got: order, identity, the "
			       "services that nobody asked");
}

/* Whether the document there was read. */
static bool was_read(const struct learner *l, const char *path)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->seen[i].out.kind == FACTS_DESCRIPTION && l->seen[i].whole &&
		    l->seen[i].in.target && !strcmp(l->seen[i].in.target, path))
			return true;
	return false;
}

/* Of several places, the one whose document was read. */
static void find_location(struct learner *l)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct seen *s = &l->seen[i];
		const char *location = s->reply ? facts_header(&s->out, "Location")
						: facts_header(&s->in, "Location");
		struct url url;

		if (s->x->protocol != FLOW_SSDP || !location ||
		    !url_parse(slice_of(location), &url) ||
		    (l->location_path && !was_read(l, url.path)))
			continue;
		l->port = url.port;
		free(l->location_path);
		l->location_path = xstrdup(url.path);
		if (was_read(l, url.path))
			return;
	}
	for (size_t i = 0; i < l->count && !l->port; i++)
		if (l->seen[i].x->protocol != FLOW_SSDP && !l->seen[i].x->from_router)
			l->port = l->seen[i].x->request.to.port;
}

static void find_version(struct learner *l)
{
	const char *type = l->root ? xml_text(xml_child(l->root, "device"), "deviceType") : NULL;
	struct urn urn;

	for (size_t i = 0; i < l->service_count && !type; i++)
		l->igd2 |= strstr(l->services[i].type, ":WANIPConnection:2") != NULL;
	if (type)
		l->igd2 = urn_parse(slice_of(type), &urn) && urn.version >= 2;
}

void learn_tree(struct learner *l)
{
	find_location(l);
	read_description(l);
	if (!l->root)
		imply_services(l);
	find_version(l);
}

void learn_tree_free(struct learner *l)
{
	for (size_t i = 0; i < l->device_count; i++)
		free(l->devices[i].name);
	for (size_t i = 0; i < l->service_count; i++) {
		free(l->services[i].type);
		free(l->services[i].id);
		free(l->services[i].control);
		free(l->services[i].event);
		free(l->services[i].scpd);
	}
	free(l->location_path);
	xml_free(l->root);
}

/* ---- writing ---- */

static void key_text(struct learner *l, int indent, const char *key, const char *text,
		     const struct seen *s)
{
	if (!text)
		return;
	buf_printf(&l->sections, "%*s%s: ", indent, "", key);
	yaml_text(&l->sections, slice_of(text));
	yaml_evidence(l, &l->sections, s);
}

/* UDN of a device that USNs name: the part before "::" of one whose type is of that level. */
static const char *udn_by_usn(const struct learner *l, int level, const struct seen **where,
			      size_t *len)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct facts *f = l->seen[i].reply ? &l->seen[i].out : &l->seen[i].in;
		const char *usn = facts_header(f, "USN"), *at = usn ? strstr(usn, "::") : NULL;
		bool service = at && strstr(at, ":service:");
		bool root = at && (!strcmp(at, "::upnp:rootdevice") ||
				   strstr(at, ":InternetGatewayDevice:"));

		if (l->seen[i].x->protocol != FLOW_SSDP || !at)
			continue;
		if ((service && level_of(at + 2) == level) || (root && level == 0) ||
		    (level && strstr(at, standard_type[level]))) {
			*where = &l->seen[i];
			*len = (size_t)(at - usn);
			return usn;
		}
	}
	return NULL;
}

static void write_implied_udns(struct learner *l)
{
	const char *path = l->location_path ? strstr(l->location_path, "uuid:") : NULL;
	bool any = false;

	for (int level = 0; level < 3; level++) {
		const struct seen *where = NULL;
		size_t len;
		const char *usn = udn_by_usn(l, level, &where, &len);

		if (!usn && !level && path && strcspn(path, "/?") >= 41) {
			usn = path;
			len = strcspn(path, "/?");
			names_add(&l->assumed, "that the UUID in LOCATION is the root device's");
		}
		if (!usn)
			continue;
		buf_printf(&l->sections, "%s    %s: ", any ? "" : "  udn:\n", standard[level]);
		yaml_text(&l->sections, (struct slice){usn, len});
		yaml_evidence(l, &l->sections, where);
		any = true;
	}
}

static void write_udns(struct learner *l)
{
	bool any = false;

	if (!l->root) {
		write_implied_udns(l);
		return;
	}
	for (size_t i = 0; i < l->device_count; i++)
		for (int s = 0; s < 3; s++)
			if (!strcmp(l->devices[i].name, standard[s]) &&
			    xml_text(l->devices[i].node, "UDN")) {
				if (!any)
					buf_puts(&l->sections, "  udn:\n");
				key_text(l, 4, standard[s], xml_text(l->devices[i].node, "UDN"),
					 NULL);
				any = true;
			}
}

static void write_identity(struct learner *l)
{
	static const char *const keys[][2] = {
		{"friendly_name", "friendlyName"},
		{"manufacturer", "manufacturer"},
		{"manufacturer_url", "manufacturerURL"},
		{"model_description", "modelDescription"},
		{"model_name", "modelName"},
		{"model_number", "modelNumber"},
		{"model_url", "modelURL"},
		{"serial_number", "serialNumber"},
		{"upc", "UPC"},
		{"presentation_url", "presentationURL"},
	};
	const struct xml_node *device = l->root ? xml_child(l->root, "device") : NULL;

	buf_puts(&l->sections, "identity:");
	yaml_evidence(l, &l->sections, l->root_seen);
	key_text(l, 2, "server", l->server ? l->server : "", NULL);
	for (size_t i = 0; device && i < ARRAY_SIZE(keys); i++)
		key_text(l, 2, keys[i][0], xml_text(device, keys[i][1]), NULL);
	write_udns(l);
}

static void write_service(struct learner *l, const struct learnt_service *s)
{
	struct buf *out = &l->sections;
	const struct {
		const char *key, *value;
	} texts[] = {
		{"id", s->id}, {"control", s->control}, {"event", s->event}, {"scpd", s->scpd}};
	struct urn urn;

	buf_puts(out, "  - type: ");
	if (urn_parse(slice_of(s->type), &urn)) {
		struct buf type = {0};

		buf_printf(&type, "%.*s:%u", (int)urn.type.len, urn.type.ptr, urn.version);
		yaml_text(out, buf_slice(&type));
		buf_free(&type);
		yaml_evidence(l, out, s->evidence);
		/* Named even when it is the usual one: then fakeigd may not know the type. */
		buf_puts(out, "    domain: ");
		yaml_text(out, urn.domain);
		buf_putc(out, '\n');
	} else {
		buf_puts(out, "\"Other:1\"");
		yaml_evidence(l, out, s->evidence);
		key_text(l, 4, "urn", s->type, NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		key_text(l, 4, texts[i].key, texts[i].value, NULL);
	buf_printf(out, "    device: %s\n",
		   l->root ? l->devices[s->device].name : standard[s->device]);
}

/* Whether a device is what its name implies. */
static bool is_standard(const struct learner *l, const struct learnt_device *device)
{
	const char *type = xml_text(device->node, "deviceType");
	struct urn urn;

	if (!type || !urn_parse(slice_of(type), &urn) || !slice_eq(urn.domain, "schemas-upnp-org"))
		return false;
	for (int i = 0; i < (int)ARRAY_SIZE(standard); i++)
		if (!strcmp(device->name, standard[i]))
			return slice_eq(urn.type, standard_type[i]) &&
			       urn.version == (l->igd2 && i < 3 ? 2 : 1) && i < 3;
	return false;
}

static void write_devices(struct learner *l)
{
	bool any = false;

	for (size_t i = 0; i < l->device_count; i++) {
		const struct learnt_device *device = &l->devices[i];
		bool own = !strncmp(device->name, "device-", 7);

		if (is_standard(l, device))
			continue;
		buf_printf(&l->sections, "%s  %s:\n", any ? "" : "devices:\n", device->name);
		any = true;
		key_text(l, 4, "urn", xml_text(device->node, "deviceType"), NULL);
		if (own) {
			buf_puts(&l->sections, "    type: Other:1\n");
			buf_printf(&l->sections, "    under: %s\n",
				   device->parent >= 0 ? l->devices[device->parent].name : "root");
		}
		if (own || !strcmp(device->name, "lan"))
			key_text(l, 4, "udn", xml_text(device->node, "UDN"), NULL);
	}
}

static const struct seen *find_max_age(const struct learner *l, unsigned long *age)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct facts *f = l->seen[i].reply ? &l->seen[i].out : &l->seen[i].in;
		const char *control = facts_header(f, "Cache-Control");
		const char *text = control ? strstr(control, "max-age=") : NULL;

		if (l->seen[i].x->protocol != FLOW_SSDP || !text)
			continue;
		*age = strtoul(text + 8, NULL, 10);
		return &l->seen[i];
	}
	return NULL;
}

static void write_ssdp(struct learner *l)
{
	unsigned long age = 1800;
	const struct seen *where = find_max_age(l, &age);

	if (!where && !l->order.len)
		return;
	buf_printf(&l->sections, "ssdp: {max_age: %lu", age);
	buf_add_slice(&l->sections, buf_slice(&l->order));
	buf_putc(&l->sections, '}');
	yaml_evidence(l, &l->sections, where);
}

/* Targets whose LOCATION is another one: a rule for each that was answered. */
static void write_locations(struct learner *l)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct seen *s = &l->seen[i];
		const char *location = facts_header(&s->out, "Location"),
			   *st = facts_header(&s->out, "ST");
		struct url url;
		struct buf place = {0};
		bool told = false;

		if (s->out.kind != FACTS_FOUND || !location || !st || !l->location_path ||
		    !url_parse(slice_of(location), &url) || !strcmp(url.path, l->location_path))
			continue;
		for (size_t o = 0; o < i; o++)
			told |= l->seen[o].out.kind == FACTS_FOUND &&
				facts_header(&l->seen[o].out, "ST") &&
				!strcmp(facts_header(&l->seen[o].out, "ST"), st);
		if (told)
			continue;
		buf_puts(&l->rules, "  - when: {layer: ssdp, message: reply, target: ");
		yaml_text(&l->rules, slice_of(st));
		buf_putc(&l->rules, '}');
		yaml_evidence(l, &l->rules, s);
		buf_puts(&l->rules, "    message: {ssdp-reply: {set: {LOCATION: ");
		buf_puts(&place, "http://{lan_address}:{http_port}");
		template_add(&place, slice_of(url.path), NULL, 0);
		yaml_text(&l->rules, buf_slice(&place));
		buf_puts(&l->rules, "}}}\n");
		buf_free(&place);
	}
}

void learn_tree_write(struct learner *l)
{
	if (l->igd2)
		buf_puts(&l->sections, "device: InternetGatewayDevice:2\n");
	write_identity(l);
	if (l->port)
		buf_printf(&l->sections, "listen: {http: %u}\n", l->port);
	buf_puts(&l->sections, "services:\n");
	for (size_t i = 0; i < l->service_count; i++)
		write_service(l, &l->services[i]);
	write_devices(l);
	if (l->location_path) {
		buf_puts(&l->sections, "urls:\n");
		key_text(l, 2, "description", l->location_path, NULL);
	}
	learn_search(l);
	write_ssdp(l);
	write_locations(l);
}
