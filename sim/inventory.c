/* SPDX-License-Identifier: MIT */
/* inventory.c - what there is (see inventory.h). */
#include "inventory.h"

#include "../fakeigd/base/doc.h"
#include "../fakeigd/base/mem.h"
#include "coverage.h"
#include "features.h"
#include "lab.h"
#include "recording.h"
#include "setup.h"
#include "subprocess.h"
#include "tree.h"

#include <stdlib.h>

/* An adapter has no summary; what it drives says enough: "client, speaks igd natpmp". */
static json_t *make_summary(const json_t *object)
{
	const char *kind = json_string_value(json_object_get(object, "kind"));
	struct buf text = {0};
	json_t *word, *summary;
	size_t index;

	buf_puts(&text, kind ? kind : "");
	json_array_foreach(json_object_get(object, "speaks"), index, word)
	{
		buf_printf(&text, "%s %s", index ? "" : ", speaks",
			   json_is_string(word) ? json_string_value(word) : "?");
	}
	summary = json_string(text.data);
	buf_free(&text);
	return summary;
}

/* A file as an object: all that it holds, with its name and a summary. NULL after a complaint. */
static json_t *load_file(const char *path, const char *name, struct diag *d)
{
	struct doc *doc = doc_load_file(path, d);
	json_t *object = NULL, *content;

	if (doc && doc_want(doc, DOC_MAP, d)) {
		content = doc_to_json(doc);
		object = json_pack("{s:s, s:o}", "name", name, "summary",
				   json_is_string(json_object_get(content, "summary"))
					   ? json_incref(json_object_get(content, "summary"))
					   : make_summary(content));
		json_object_update_missing(object, content);
		json_object_set_new(object, "file", json_string(path));
		json_decref(content);
	}
	doc_free(doc);
	return object;
}

/* captures/X.profile.yaml is the router of flow X, not a flow. */
static bool is_companion(const char *name)
{
	return strchr(name, '.') && !strcmp(strrchr(name, '.'), ".profile");
}

static json_t *list_files(const struct inventory_kind *kind, struct diag *d)
{
	struct names names = tree_names(kind->folder);
	json_t *list = json_array();

	for (size_t i = 0; i < names.count; i++) {
		char *path = lab_find(kind->folder, names.items[i]);
		json_t *object = NULL;

		if (!is_companion(names.items[i]))
			object = load_file(path, names.items[i], d);
		if (object)
			json_array_append_new(list, object);
		free(path);
	}
	names_free(&names);
	return list;
}

static json_t *find_named(const json_t *list, const char *name)
{
	size_t index;
	json_t *item;

	json_array_foreach((json_t *)list, index, item)
	{
		const char *own = json_string_value(json_object_get(item, "name"));

		if (own && !strcmp(own, name))
			return json_incref(item);
	}
	return NULL;
}

/* What a recorded flow tells of itself, beside what its provenance file says. */
static void add_flow(json_t *object, const char *path, struct diag *d)
{
	struct recording r;
	json_t *facts;

	if (recording_read(path, &r, d) == 0) {
		facts = json_pack("{ss* ss* sI ss* ss* ss}", "source", r.source, "kind", r.kind,
				  "exchange_count", (json_int_t)r.count, "client", r.client,
				  "router", r.router, "flow", path);
		json_object_update_missing(object, facts);
		json_decref(facts);
	}
	recording_free(&r);
}

/* Every capture with its flow; a flow may stand alone. */
static json_t *list_flows(const struct inventory_kind *kind, struct diag *d)
{
	struct names names = tree_files(kind->folder, ".flow.json");
	json_t *list = list_files(kind, d);

	for (size_t i = 0; i < names.count; i++) {
		char *path =
			xasprintf("%s/%s/%s.flow.json", lab_tree(), kind->folder, names.items[i]);
		json_t *object = find_named(list, names.items[i]);

		if (!object) {
			object = json_pack("{ss ss}", "name", names.items[i], "summary", "");
			json_array_append(list, object);
		}
		add_flow(object, path, d);
		json_decref(object);
		free(path);
	}
	names_free(&names);
	return list;
}

/* The policies are fakeigd's own table. */
static json_t *list_policies(const struct inventory_kind *kind, struct diag *d)
{
	char *program = setup_program("fakeigd");
	char *argv[] = {program, (char *)"--list-policy", (char *)"--json", NULL};
	struct buf text = {0};
	int status = subprocess_read(argv, &text);
	json_t *list = status ? NULL : json_loadb(text.data, text.len, 0, NULL);

	if (!list)
		diag_at(d, NULL, 0, "%s: %s --list-policy --json: %s", kind->name, program,
			status < 0 ? strerror(-status)
			: status   ? "failed"
				   : "said something that is not JSON");
	buf_free(&text);
	free(program);
	return list ? list : json_array();
}

static json_t *list_features(const struct inventory_kind *kind, struct diag *d)
{
	(void)kind;
	(void)d;
	return features_probe();
}

/* One requirement of a catalogue file: {id, text, ...} becomes {name, summary, area, covered, ...}.
 */
static void add_requirement(json_t *list, const struct doc *item, const struct coverage *coverage,
			    struct diag *d)
{
	const char *id = NULL, *text = NULL;
	json_t *object, *content;

	if (!doc_want(item, DOC_MAP, d))
		return;
	if (!doc_get(item, "id") || !doc_get(item, "text")) {
		diag_at(d, item->file, item->line, "a requirement needs id and text");
		return;
	}
	if (!doc_string(doc_get(item, "id"), &id, d) ||
	    !doc_string(doc_get(item, "text"), &text, d))
		return;
	content = doc_to_json(item);
	object = json_pack("{s:s, s:s, s:s%, s:b}", "name", id, "summary", text, "area", id,
			   strcspn(id, "-"), "covered", coverage_has(coverage, id));
	json_object_update_missing(object, content);
	json_array_append_new(list, object);
	json_decref(content);
}

/* A catalogue file holds a list of requirements. */
static json_t *list_requirements(const struct inventory_kind *kind, struct diag *d)
{
	struct names names = tree_names(kind->folder);
	struct coverage coverage = coverage_read();
	json_t *list = json_array();

	for (size_t i = 0; i < names.count; i++) {
		char *path = lab_find(kind->folder, names.items[i]);
		struct doc *doc = doc_load_file(path, d);

		if (doc && doc_want(doc, DOC_LIST, d))
			for (size_t j = 0; j < doc->count; j++)
				add_requirement(list, doc->items[j], &coverage, d);
		doc_free(doc);
		free(path);
	}
	coverage_free(&coverage);
	names_free(&names);
	return list;
}

const struct inventory_kind inventory_kinds[] = {
	{"topologies", "topology", "topologies", list_files},
	{"profiles", "profile", "fakeigd/profiles", list_files},
	{"quirks", "quirk", "fakeigd/quirks", list_files},
	{"policies", "policy", NULL, list_policies},
	{"flows", "flow", "captures", list_flows},
	{"clients", "client", "cases/clients", list_files},
	{"daemons", "daemon", "cases/daemons", list_files},
	{"requirements", "requirement", "cases/catalogue", list_requirements},
	{"features", "feature", NULL, list_features},
	{NULL, NULL, NULL, NULL},
};

const struct inventory_kind *inventory_kind(const char *word, struct diag *d)
{
	const char *names[ARRAY_SIZE(inventory_kinds)];
	size_t count = 0;

	for (const struct inventory_kind *kind = inventory_kinds; kind->name; kind++) {
		if (!strcmp(word, kind->name) || !strcmp(word, kind->one))
			return kind;
		names[count++] = kind->name;
	}
	diag_unknown(d, NULL, 0, "kind", word, names, count);
	return NULL;
}

static json_t *find_listed(const struct inventory_kind *kind, const char *name, struct diag *d)
{
	json_t *list = kind->list(kind, d), *found = find_named(list, name), *item;
	const char **names;
	size_t index, count = 0;

	if (!found) {
		names = xcalloc(json_array_size(list) + 1, sizeof(*names));
		json_array_foreach(list, index, item)
		{
			names[count++] = json_string_value(json_object_get(item, "name"));
		}
		diag_unknown(d, NULL, 0, kind->one, name, names, count);
		free(names);
	}
	json_decref(list);
	return found;
}

json_t *inventory_item(const struct inventory_kind *kind, const char *name, struct diag *d)
{
	json_t *object;
	char *path;

	if (kind->list != list_files && (kind->list != list_flows || !strchr(name, '/')))
		return find_listed(kind, name, d);
	if (!tree_has(kind->folder, name)) {
		tree_unknown(d, NULL, 0, kind->one, kind->folder, name);
		return NULL;
	}
	path = lab_find(kind->folder, name);
	object = load_file(path, name, d);
	free(path);
	return object;
}
