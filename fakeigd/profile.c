/* SPDX-License-Identifier: MIT */
/*
 * profile.c - a resolved document as a router: every value checked and in its place.
 *
 * Where a profile does not say something, the defaults below make a plain, conformant router; only
 * "services" has no default, because a router without services is a quirk and not an accident.
 * UDNs that the file does not fix are derived from the seed, so that two routers of one lab differ
 * and the same router is the same again.
 */
#include "base/mem.h"
#include "profile_parts.h"
#include "rule_parts.h"

#include <libgen.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const udn_keys[] = {"root", "wan", "connection"};

/* Texts under a mapping: key, default, field. */
struct text_field {
	const char *key;
	const char *standard;
	size_t field;
};

#define TEXT(key, standard, field)                                                                 \
	{                                                                                          \
		key, standard, offsetof(struct profile, field)                                     \
	}
static const struct text_field identity[] = {
	TEXT("server", "Linux/6.1 UPnP/1.1 igdlab/" IGDLAB_VERSION, server),
	TEXT("friendly_name", "igdlab router", friendly_name),
	TEXT("manufacturer", "igdlab", manufacturer),
	TEXT("manufacturer_url", "http://igdlab.example/", manufacturer_url),
	TEXT("model_description", "fake router", model_description),
	TEXT("model_name", "fakeigd", model_name),
	TEXT("model_number", IGDLAB_VERSION, model_number),
	TEXT("model_url", "http://igdlab.example/fakeigd", model_url),
	TEXT("serial_number", "00000001", serial_number),
	TEXT("upc", "000000000001", upc),
	TEXT("presentation_url", "", presentation_url),
};

static const struct text_field urls[] = {
	TEXT("description", "/description.xml", url_description),
	TEXT("scpd", "/scpd/{service}-{version}.xml", url_scpd),
	TEXT("control", "/control/{service}-{version}", url_control),
	TEXT("event", "/event/{service}-{version}", url_event),
};
#undef TEXT

static char **text_of(struct profile *p, const struct text_field *f)
{
	return (char **)((char *)p + f->field);
}

static bool read_text(struct profile *p, const struct text_field *f, const struct doc *map,
		      struct diag *d)
{
	const struct doc *node = doc_get(map, f->key);

	if (node && !doc_want(node, DOC_SCALAR, d))
		return false;
	*text_of(p, f) = xstrdup(node ? node->text : f->standard);
	return true;
}

static json_t *texts_schema(const struct text_field *fields, size_t count)
{
	json_t *properties = json_object();

	for (size_t i = 0; i < count; i++)
		json_object_set_new(properties, fields[i].key,
				    json_pack("{s:[s, s], s:s}", "type", "string", "number",
					      "default", fields[i].standard));
	return json_pack("{s:s, s:b, s:o}", "type", "object", "additionalProperties", 0,
			 "properties", properties);
}

json_t *profile_identity_schema(void)
{
	json_t *schema = texts_schema(identity, ARRAY_SIZE(identity));
	json_t *udn = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(udn_keys); i++)
		json_object_set_new(udn, udn_keys[i], json_pack("{s:s}", "type", "string"));
	json_object_set_new(json_object_get(schema, "properties"), "udn",
			    json_pack("{s:s, s:b, s:o}", "type", "object", "additionalProperties",
				      0, "properties", udn));
	return schema;
}

json_t *profile_urls_schema(void)
{
	return texts_schema(urls, ARRAY_SIZE(urls));
}

/* 128 bits from the seed and a word (FNV-1a, twice), as a UUID of version 4's form. */
static void derive_uuid(const char *seed, const char *word, char out[37])
{
	static const uint64_t basis[] = {UINT64_C(0xcbf29ce484222325),
					 UINT64_C(0x9ae16a3b2f90404f)};
	uint64_t h[2];

	for (int half = 0; half < 2; half++) {
		h[half] = basis[half];
		for (const char *c = seed; *c; c++)
			h[half] = (h[half] ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
		for (const char *c = word; *c; c++)
			h[half] = (h[half] ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
		h[half] = rule_random(&h[half]);
	}
	snprintf(out, 37, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(h[0] >> 32),
		 (unsigned)(h[0] >> 16 & 0xffff), (unsigned)(h[0] & 0xfff),
		 (unsigned)(h[1] >> 48 & 0x3fff) | 0x8000,
		 (unsigned long long)h[1] & 0xffffffffffff);
}

/* "uuid:{uuid}" and the like: {uuid} is derived, {hex} its last twelve digits. */
static char *fill_udn(const char *text, const char *uuid)
{
	struct buf out = {0};

	for (const char *c = text; *c;) {
		if (!strncmp(c, "{uuid}", 6)) {
			buf_puts(&out, uuid);
			c += 6;
		} else if (!strncmp(c, "{hex}", 5)) {
			buf_puts(&out, uuid + 24);
			c += 5;
		} else {
			buf_putc(&out, *c++);
		}
	}
	return buf_steal(&out);
}

char *profile_udn(const char *seed, const char *word, const char *text)
{
	char uuid[37];

	derive_uuid(seed, word, uuid);
	return fill_udn(text, uuid);
}

static bool read_udn(struct profile *p, const struct doc *node, const char *seed, struct diag *d)
{
	if (node && !doc_keys(node, udn_keys, ARRAY_SIZE(udn_keys), d))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(udn_keys); i++) {
		const struct doc *item = doc_get(node, udn_keys[i]);

		if (item && !doc_want(item, DOC_SCALAR, d))
			return false;
		p->udn[i] = profile_udn(seed, udn_keys[i], item ? item->text : "uuid:{uuid}");
	}
	return true;
}

static bool read_identity(struct profile *p, const struct doc *map, const char *seed,
			  struct diag *d)
{
	const char *allowed[ARRAY_SIZE(identity) + 1];

	for (size_t i = 0; i < ARRAY_SIZE(identity); i++)
		allowed[i] = identity[i].key;
	allowed[ARRAY_SIZE(identity)] = "udn";
	if (map && !doc_keys(map, allowed, ARRAY_SIZE(allowed), d))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(identity); i++)
		if (!read_text(p, &identity[i], map, d))
			return false;
	return read_udn(p, doc_get(map, "udn"), seed, d);
}

/* Only these may stand in a URL. */
bool profile_check_url(const struct doc *node, struct diag *d)
{
	static const char *const known[] = {
		"service", "version",	 "udn",		"service_id",
		"boot",	   "connection", "lan_address", "http_port",
	};
	const char *at = node ? node->text : "";

	while ((at = strchr(at, '{'))) {
		size_t len = strcspn(++at, "}"), i = 0;
		char *word = xstrndup(at, len);

		while (i < ARRAY_SIZE(known) && strcmp(known[i], word))
			i++;
		if (i == ARRAY_SIZE(known))
			diag_unknown(d, node->file, node->line, "placeholder", word, known,
				     ARRAY_SIZE(known));
		free(word);
		if (i == ARRAY_SIZE(known))
			return false;
	}
	return true;
}

static bool read_urls(struct profile *p, const struct doc *map, struct diag *d)
{
	const char *allowed[ARRAY_SIZE(urls)];

	for (size_t i = 0; i < ARRAY_SIZE(urls); i++)
		allowed[i] = urls[i].key;
	if (map && !doc_keys(map, allowed, ARRAY_SIZE(allowed), d))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++)
		if (!read_text(p, &urls[i], map, d) ||
		    !profile_check_url(doc_get(map, urls[i].key), d))
			return false;
	return true;
}

bool profile_split_type(const struct doc *node, long long max, char **name, unsigned *version,
			struct diag *d)
{
	const char *colon;
	uint64_t number;

	if (!doc_want(node, DOC_SCALAR, d))
		return false;
	colon = strrchr(node->text, ':');
	if (!colon || colon == node->text ||
	    !slice_number(slice_of(colon + 1), (uint64_t)max, &number) || !number) {
		diag_at(d, node->file, node->line,
			"%s: expected a type and version such as WANIPConnection:1, found \"%s\"",
			node->key ? node->key : "services", node->text);
		return false;
	}
	*name = xstrndup(node->text, (size_t)(colon - node->text));
	*version = (unsigned)number;
	return true;
}

static bool read_device(struct profile *p, const struct doc *node, struct diag *d)
{
	if (node)
		return profile_split_type(node, 2, &p->device, &p->device_version, d);
	p->device = xstrdup("InternetGatewayDevice");
	p->device_version = 1;
	return true;
}

static bool read_number(const struct doc *map, const char *key, long long min, long long max,
			long long *out, struct diag *d)
{
	const struct doc *node = doc_get(map, key);

	return !node || doc_number(node, min, max, out, d);
}

/* Targets in the order in which they are advertised. */
static bool read_order(struct profile *p, const struct doc *list, struct diag *d)
{
	p->ssdp_order = list;
	if (list && !doc_want(list, DOC_LIST, d))
		return false;
	for (size_t i = 0; list && i < list->count; i++)
		if (!doc_want(list->items[i], DOC_SCALAR, d))
			return false;
	return true;
}

/* Further ports of the HTTP server. */
static bool read_also(struct profile *p, const struct doc *list, struct diag *d)
{
	long long port;

	if (!list)
		return true;
	if (!doc_want(list, DOC_LIST, d))
		return false;
	if (list->count > PROFILE_PORTS_MAX) {
		diag_at(d, list->file, list->line, "also: at most %d ports", PROFILE_PORTS_MAX);
		return false;
	}
	for (size_t i = 0; i < list->count; i++) {
		if (!doc_number(list->items[i], 1, 65535, &port, d))
			return false;
		p->also_port[p->also_ports++] = (uint16_t)port;
	}
	return true;
}

static bool read_numbers(struct profile *p, const struct doc *doc, struct diag *d)
{
	static const char *const listen_keys[] = {"http", "also"};
	static const char *const ssdp_keys[] = {"max_age", "sets", "order"};
	const struct doc *listen = doc_get(doc, "listen"), *ssdp = doc_get(doc, "ssdp");
	long long port = 0, age = 1800, sets = 2;

	if ((listen && !doc_keys(listen, listen_keys, ARRAY_SIZE(listen_keys), d)) ||
	    (ssdp && !doc_keys(ssdp, ssdp_keys, ARRAY_SIZE(ssdp_keys), d)) ||
	    !read_number(listen, "http", 0, 65535, &port, d) ||
	    !read_also(p, doc_get(listen, "also"), d) ||
	    !read_number(ssdp, "max_age", 0, UINT32_MAX, &age, d) ||
	    !read_number(ssdp, "sets", 0, 100, &sets, d) ||
	    !read_order(p, doc_get(ssdp, "order"), d))
		return false;
	p->http_port = (uint16_t)port;
	p->max_age = (unsigned)age;
	p->ssdp_sets = (unsigned)sets;
	return true;
}

/* A duration that may be negative. */
static bool read_offset(const struct doc *node, long *out, struct diag *d)
{
	struct doc plain;
	long long us;

	if (node->kind == DOC_SCALAR && *node->text == '-') {
		plain = *node;
		plain.text = node->text + 1;
		if (!doc_duration_us(&plain, &us, d))
			return false;
		us = -us;
	} else if (!doc_duration_us(node, &us, d)) {
		return false;
	}
	*out = (long)(us / 1000000);
	return true;
}

static bool read_date(struct profile *p, const struct doc *map, struct diag *d)
{
	static const char *const allowed[] = {"offset"};
	const struct doc *offset = doc_get(map, "offset");

	return !map || (doc_keys(map, allowed, ARRAY_SIZE(allowed), d) &&
			(!offset || read_offset(offset, &p->date_offset, d)));
}

static bool read_templates(struct profile *p, const struct doc *map, struct diag *d)
{
	bool fine = !map || doc_keys(map, message_names(), MESSAGE_COUNT, d);

	for (int id = 0; fine && id < MESSAGE_COUNT; id++) {
		p->templates[id] = template_parse(
			(enum message_id)id, doc_get(map, message_name((enum message_id)id)), d);
		fine = p->templates[id];
	}
	return fine;
}

/* "errors": a text for each code. */
static bool read_errors(struct profile *p, const struct doc *map, struct diag *d)
{
	if (!map)
		return true;
	if (!doc_want(map, DOC_MAP, d))
		return false;
	for (size_t i = 0; i < map->count; i++) {
		const struct doc *text = map->items[i];
		uint64_t code;

		if (!slice_number(slice_of(text->key), 999, &code) || code < 100) {
			diag_at(d, text->file, text->key_line,
				"errors: expected a code from 100 to 999, not \"%s\"", text->key);
			return false;
		}
		if (!doc_want(text, DOC_SCALAR, d))
			return false;
	}
	p->errors = map;
	return true;
}

const char *profile_error_text(const struct profile *p, int code)
{
	for (size_t i = 0; p->errors && i < p->errors->count; i++)
		if (atoi(p->errors->items[i]->key) == code)
			return p->errors->items[i]->text;
	return NULL;
}

static bool check_list(const struct doc *node, struct diag *d)
{
	const char **list;
	size_t count;

	if (!node)
		return true;
	if (!doc_list_strings(node, &list, &count, d))
		return false;
	free(list);
	return true;
}

static bool check_texts(const struct doc *doc, struct diag *d)
{
	const struct doc *assumed = doc_get(doc, "assumed"), *evidence = doc_get(doc, "evidence");
	const struct doc *conforms = doc_get(doc, "conforms"), *client = doc_get(doc, "client");

	if (!check_list(assumed, d) || !check_list(conforms, d))
		return false;
	if (evidence && conforms) {
		diag_at(d, conforms->file, conforms->line,
			"conforms: this is for what was made from the specifications; \"evidence\" "
			"says that it was seen");
		return false;
	}
	return (!evidence || evidence_check(evidence, d)) && (!client || client_check(client, d));
}

static bool read_summary(struct profile *p, const struct doc *doc, struct diag *d)
{
	const struct doc *node = doc_get(doc, "summary");
	const char *text;

	if (!node) {
		diag_at(d, doc->file, 0, "\"summary\" is missing");
		return false;
	}
	if (!doc_string(node, &text, d))
		return false;
	p->summary = xstrdup(text);
	return true;
}

/* Fill @p (zeroed, p->name set) from a resolved document. false after a
 * complaint. */
static bool profile_read(struct profile *p, const struct doc *doc, const char *seed, struct diag *d)
{
	const struct doc *external = doc_get(doc, "external");

	policy_defaults(&p->policy);
	if (!read_summary(p, doc, d) || !check_texts(doc, d) ||
	    !read_device(p, doc_get(doc, "device"), d) ||
	    !read_identity(p, doc_get(doc, "identity"), seed, d) ||
	    !read_urls(p, doc_get(doc, "urls"), d) || !read_numbers(p, doc, d) ||
	    !read_date(p, doc_get(doc, "date"), d) ||
	    (external && !doc_ipv4(external, &p->external, d)) ||
	    !profile_read_upstream(p, doc_get(doc, "upstream"), d) ||
	    !profile_read_devices(p, doc, seed, d) || !profile_read_pages(p, doc, d) ||
	    !profile_read_services(p, doc, d) || !profile_read_state(p, doc_get(doc, "state"), d) ||
	    !read_templates(p, doc_get(doc, "messages"), d) ||
	    !read_errors(p, doc_get(doc, "errors"), d) ||
	    !policy_read(&p->policy, doc_get(doc, "policy"), d))
		return false;
	p->rules = rules_new_over(doc_get(doc, "rules"), doc_get(doc, "messages"), d);
	return p->rules;
}

/* Name of a profile: of its file, without directory and ending. */
static char *name_of(const char *name)
{
	char *copy = xstrdup(name), *base = xstrdup(basename(copy)), *dot = strrchr(base, '.');

	if (dot && !strcmp(dot, ".yaml"))
		*dot = '\0';
	free(copy);
	return base;
}

/* A profile from its document, which becomes part of it; NULL after a complaint. */
static struct profile *from_document(const char *name, struct doc *document, const char *seed,
				     struct diag *d)
{
	struct profile *p = xcalloc(1, sizeof(*p));

	p->name = name_of(name);
	p->document = document;
	if (document && profile_read(p, document, seed, d))
		return p;
	profile_free(p);
	return NULL;
}

struct profile *profile_load(const char *name, const char *const *quirks, size_t count,
			     const char *data, const char *seed, struct diag *d)
{
	return from_document(name, profile_resolve(name, quirks, count, data, d), seed, d);
}

struct profile *profile_load_text(const char *name, const char *text, size_t len, const char *data,
				  const char *seed, struct diag *d)
{
	return from_document(name, profile_resolve_text(name, text, len, data, d), seed, d);
}

void profile_free(struct profile *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(identity); i++)
		free(*text_of(p, &identity[i]));
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++)
		free(*text_of(p, &urls[i]));
	for (size_t i = 0; i < ARRAY_SIZE(p->udn); i++)
		free(p->udn[i]);
	for (size_t i = 0; i < MESSAGE_COUNT; i++)
		template_free(p->templates[i]);
	profile_free_services(p);
	profile_free_devices(p);
	profile_free_state(p);
	rules_free(p->rules);
	doc_free(p->document);
	free(p->name);
	free(p->summary);
	free(p->device);
	free(p);
}
