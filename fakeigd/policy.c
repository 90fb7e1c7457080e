/* SPDX-License-Identifier: MIT */
/*
 * policy.c - behaviour: loader, listing and schema, all made from policy.def.
 *
 * Each line of policy.def becomes one struct entry here; the YAML form nests at the dots of the
 * name
 * ({lease: {report: granted}} is lease.report), and every other form (text, JSON, JSON Schema)
 * comes from the same table, so none can drift from the struct.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "profile_parts.h"

#include <stddef.h>
#include <stdlib.h>

enum entry_kind { ENTRY_BOOL, ENTRY_INT, ENTRY_CHOICE, ENTRY_DURATION };

static const char *const kind_names[] = {"boolean", "integer", "choice", "duration"};

/**
 * struct entry - one line of policy.def
 * @offset:	of the field in struct policy
 * @min, @max:	of a number
 * @number:	default of a boolean, number or duration (seconds)
 * @choices:	names separated by "|", NULL when it is no choice
 * @choice:	default among them
 */
struct entry {
	enum entry_kind kind;
	const char *name;
	size_t offset;
	long long min, max;
	double number;
	const char *choices;
	const char *choice;
	const char *sentence, *clause, *evidence;
};

#define FIELD(field) offsetof(struct policy, field)
static const struct entry entries[] = {
#define POLICY_BOOL(field, name, value, sentence, clause, evidence)                                \
	{ENTRY_BOOL, name, FIELD(field), 0, 1, value, NULL, NULL, sentence, clause, evidence},
#define POLICY_INT(field, name, min, max, value, sentence, clause, evidence)                       \
	{ENTRY_INT, name, FIELD(field), min, max, value, NULL, NULL, sentence, clause, evidence},
#define POLICY_CHOICE(field, name, choices, value, sentence, clause, evidence)                     \
	{ENTRY_CHOICE, name, FIELD(field), 0, 0, 0, choices, value, sentence, clause, evidence},
#define POLICY_DURATION(field, name, seconds, sentence, clause, evidence)                          \
	{ENTRY_DURATION, name, FIELD(field), 0, 0, seconds, NULL, NULL, sentence, clause, evidence},
#include "policy.def"
};
#undef FIELD

#define CHOICES_MAX 16

/**
 * struct choices - "a|b|c" taken apart
 * @text:	the copy that @name points into
 */
struct choices {
	char *text;
	const char *name[CHOICES_MAX];
	size_t count;
};

static struct choices choices_of(const struct entry *e)
{
	struct choices c = {.text = xstrdup(e->choices)};
	char *rest = c.text;

	while (rest && c.count < CHOICES_MAX)
		c.name[c.count++] = strsep(&rest, "|");
	return c;
}

static int default_choice(const struct entry *e)
{
	struct choices c = choices_of(e);
	int found = 0;

	for (size_t i = 0; i < c.count; i++)
		if (!strcmp(c.name[i], e->choice))
			found = (int)i;
	free(c.text);
	return found;
}

static void store(struct policy *p, const struct entry *e, long long value)
{
	char *field = (char *)p + e->offset;

	switch (e->kind) {
	case ENTRY_BOOL:
		*(bool *)field = value;
		break;
	case ENTRY_INT:
		*(long long *)field = value;
		break;
	case ENTRY_CHOICE:
		*(int *)field = (int)value;
		break;
	case ENTRY_DURATION:
		*(int64_t *)field = value;
		break;
	}
}

void policy_defaults(struct policy *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		const struct entry *e = &entries[i];
		long long value = (long long)e->number;

		if (e->kind == ENTRY_CHOICE)
			value = default_choice(e);
		else if (e->kind == ENTRY_DURATION)
			value = (long long)(e->number * CLOCK_SECOND);
		store(p, e, value);
	}
}

static bool read_entry(struct policy *p, const struct entry *e, const struct doc *node,
		       struct diag *d)
{
	struct choices c;
	long long value = 0;
	bool flag = false, fine;
	int choice = 0;

	switch (e->kind) {
	case ENTRY_BOOL:
		fine = doc_bool(node, &flag, d);
		value = flag;
		break;
	case ENTRY_INT:
		fine = doc_number(node, e->min, e->max, &value, d);
		break;
	case ENTRY_DURATION:
		fine = doc_duration_us(node, &value, d);
		break;
	default:
		c = choices_of(e);
		fine = doc_choice(node, c.name, c.count, &choice, d);
		value = choice;
		free(c.text);
		break;
	}
	if (fine)
		store(p, e, value);
	return fine;
}

static const struct entry *find_entry(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		if (!strcmp(entries[i].name, path))
			return &entries[i];
	return NULL;
}

static bool is_group(const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		if (!strncmp(entries[i].name, path, len) && entries[i].name[len] == '.')
			return true;
	return false;
}

static void complain_unknown(const struct doc *node, const char *path, struct diag *d)
{
	const char *names[ARRAY_SIZE(entries)];

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		names[i] = entries[i].name;
	diag_unknown(d, node->file, node->key_line, "policy", path, names, ARRAY_SIZE(entries));
}

static bool read_group(struct policy *p, const struct doc *map, const char *prefix, struct diag *d)
{
	bool fine = doc_want(map, DOC_MAP, d);

	for (size_t i = 0; fine && i < map->count; i++) {
		const struct doc *node = map->items[i];
		char *path = xasprintf("%s%s%s", prefix, *prefix ? "." : "", node->key);
		const struct entry *e = find_entry(path);

		if (e)
			fine = read_entry(p, e, node, d);
		else if (is_group(path))
			fine = read_group(p, node, path, d);
		else
			complain_unknown(node, path, d);
		fine = fine && (e || is_group(path));
		free(path);
	}
	return fine;
}

bool policy_read(struct policy *p, const struct doc *node, struct diag *d)
{
	return !node || read_group(p, node, "", d);
}

static void list_default(struct buf *out, const struct entry *e)
{
	switch (e->kind) {
	case ENTRY_BOOL:
		buf_printf(out, "true or false, default %s", e->number != 0 ? "true" : "false");
		break;
	case ENTRY_INT:
		buf_printf(out, "%lld to %lld, default %.0f", e->min, e->max, e->number);
		break;
	case ENTRY_DURATION:
		buf_printf(out, "duration, default %gs", e->number);
		break;
	case ENTRY_CHOICE:
		buf_printf(out, "%s, default %s", e->choices, e->choice);
		break;
	}
}

void policy_list_text(struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		const struct entry *e = &entries[i];

		buf_printf(out, "%s%s\n    ", i ? "\n" : "", e->name);
		list_default(out, e);
		buf_printf(out, "\n    %s\n    clause: %s\n    evidence: %s\n", e->sentence,
			   e->clause, e->evidence);
	}
}

static json_t *json_choices(const struct entry *e)
{
	struct choices c = choices_of(e);
	json_t *list = json_array();

	for (size_t i = 0; i < c.count; i++)
		json_array_append_new(list, json_string(c.name[i]));
	free(c.text);
	return list;
}

json_t *policy_list_json(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		const struct entry *e = &entries[i];
		json_t *item = json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", e->name, "type",
					 kind_names[e->kind], "summary", e->sentence, "clause",
					 e->clause, "evidence", e->evidence);

		if (e->kind == ENTRY_BOOL)
			json_object_set_new(item, "default", json_boolean(e->number != 0));
		else if (e->kind == ENTRY_CHOICE)
			json_object_set_new(item, "default", json_string(e->choice));
		else if (e->kind == ENTRY_DURATION)
			json_object_set_new(item, "default", json_real(e->number));
		else
			json_object_set_new(item, "default", json_integer((json_int_t)e->number));
		if (e->kind == ENTRY_INT) {
			json_object_set_new(item, "min", json_integer(e->min));
			json_object_set_new(item, "max", json_integer(e->max));
		}
		if (e->kind == ENTRY_CHOICE)
			json_object_set_new(item, "choices", json_choices(e));
		json_array_append_new(list, item);
	}
	return list;
}

/* The choices; those that YAML reads as numbers also as numbers. */
static json_t *schema_choices(const struct entry *e)
{
	json_t *choices = json_choices(e), *numbers = json_array(), *choice;
	size_t index;
	uint64_t number;

	json_array_foreach(choices, index, choice)
	{
		if (slice_number(slice_of(json_string_value(choice)), INT64_MAX, &number))
			json_array_append_new(numbers, json_integer((json_int_t)number));
	}
	json_array_extend(choices, numbers);
	json_decref(numbers);
	return choices;
}

static json_t *entry_schema(const struct entry *e)
{
	json_t *item = json_pack("{s:s}", "description", e->sentence);

	switch (e->kind) {
	case ENTRY_BOOL:
		json_object_set_new(item, "type", json_string("boolean"));
		break;
	case ENTRY_INT:
		json_object_set_new(item, "type", json_string("integer"));
		json_object_set_new(item, "minimum", json_integer(e->min));
		json_object_set_new(item, "maximum", json_integer(e->max));
		break;
	case ENTRY_DURATION:
		json_object_set_new(item, "$ref", json_string("#/$defs/duration"));
		break;
	case ENTRY_CHOICE:
		json_object_set_new(item, "enum", schema_choices(e));
		break;
	}
	return item;
}

/* The mapping that holds the last part of a dotted name, made where it is missing. */
static json_t *schema_group(json_t *schema, const char *name, const char **last)
{
	const char *dot;

	while ((dot = strchr(name, '.'))) {
		json_t *properties = json_object_get(schema, "properties");
		char *part = xstrndup(name, (size_t)(dot - name));

		schema = json_object_get(properties, part);
		if (!schema) {
			schema = json_pack("{s:s, s:b, s:{}}", "type", "object",
					   "additionalProperties", 0, "properties");
			json_object_set_new(properties, part, schema);
		}
		free(part);
		name = dot + 1;
	}
	*last = name;
	return schema;
}

json_t *policy_schema(void)
{
	json_t *schema = json_pack("{s:s, s:b, s:{}}", "type", "object", "additionalProperties", 0,
				   "properties");

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		const char *last;
		json_t *group = schema_group(schema, entries[i].name, &last);

		json_object_set_new(json_object_get(group, "properties"), last,
				    entry_schema(&entries[i]));
	}
	return schema;
}
