/* SPDX-License-Identifier: MIT */
/* inventory_filter.c - which of the listed things are wanted (see inventory_filter.h). */
#include "inventory_filter.h"

#include "../fakeigd/base/mem.h"

#include <stdlib.h>

#define VALUES_MAX 64

/* What a file may give as one value or as a list of them. */
static const json_t *item_at(const json_t *value, size_t i)
{
	return json_is_array(value) ? json_array_get(value, i) : i ? NULL : value;
}

static const char *layer_of(const json_t *item, char room[32])
{
	const char *layer = json_string_value(json_object_get(item, "layer"));
	const char *name = json_string_value(json_object_get(item, "name"));
	size_t len = name ? strcspn(name, ".") : 0;

	if (layer || !name || !name[len] || len >= 32)
		return layer;
	memcpy(room, name, len);
	room[len] = '\0';
	return room;
}

static bool fits_layer(const struct inventory_filter *f, const json_t *item)
{
	char room[32];
	const char *layer = layer_of(item, room);

	return layer && !strcmp(layer, f->layer);
}

static bool fits_evidence(const struct inventory_filter *f, const json_t *item)
{
	const json_t *list = json_object_get(item, "evidence"), *one;

	for (size_t i = 0; (one = item_at(list, i)); i++) {
		const char *class = json_string_value(json_object_get(one, "class"));

		if (class && !strcmp(class, f->evidence))
			return true;
	}
	return false;
}

static bool fits_priority(const struct inventory_filter *f, const json_t *item)
{
	return json_integer_value(json_object_get(item, "priority")) == f->priority;
}

static bool fits_breaks(const struct inventory_filter *f, const json_t *item)
{
	const json_t *list = json_object_get(item, "breaks"), *one;
	size_t len = strlen(f->breaks);

	for (size_t i = 0; (one = item_at(list, i)); i++) {
		const char *id = json_string_value(one);

		if (id && !strncasecmp(id, f->breaks, len) && (!id[len] || id[len] == '-'))
			return true;
	}
	return false;
}

static bool mentions(const json_t *value, const char *text)
{
	const char *whole = json_string_value(value);

	return whole && strcasestr(whole, text);
}

static bool fits_router(const struct inventory_filter *f, const json_t *item)
{
	const json_t *seen = json_object_get(item, "seen-on"), *one;
	const json_t *evidence = json_object_get(item, "evidence");

	for (size_t i = 0; (one = item_at(seen, i)); i++)
		if (mentions(one, f->router))
			return true;
	for (size_t i = 0; (one = item_at(evidence, i)); i++)
		if (mentions(json_object_get(one, "seen"), f->router))
			return true;
	/* A profile is a router: its name and summary say which. */
	return !json_object_get(item, "overlay") &&
	       (mentions(json_object_get(item, "name"), f->router) ||
		mentions(json_object_get(item, "summary"), f->router));
}

static bool is_text(const json_t *item, const char *key, const char *wanted)
{
	const char *text = json_string_value(json_object_get(item, key));

	return text && !strcasecmp(text, wanted);
}

static bool fits_area(const struct inventory_filter *f, const json_t *item)
{
	return is_text(item, "area", f->area);
}

static bool fits_level(const struct inventory_filter *f, const json_t *item)
{
	return is_text(item, "level", f->level);
}

static bool fits_side(const struct inventory_filter *f, const json_t *item)
{
	return is_text(item, "side", f->side);
}

static bool fits_spec(const struct inventory_filter *f, const json_t *item)
{
	return mentions(json_object_get(item, "spec"), f->spec);
}

static bool fits_covered(const struct inventory_filter *f, const json_t *item)
{
	(void)f;
	return json_is_true(json_object_get(item, "covered"));
}

static bool fits_uncovered(const struct inventory_filter *f, const json_t *item)
{
	(void)f;
	return json_is_false(json_object_get(item, "covered"));
}

/* One line per filter: its option, the kinds that know it, whether it is given, what it asks. */
static const struct {
	const char *option;
	const char *kinds;
	size_t field;
	bool (*fits)(const struct inventory_filter *f, const json_t *item);
} filters[] = {
	{"--layer", "quirks and policies", offsetof(struct inventory_filter, layer), fits_layer},
	{"--class", "quirks and profiles", offsetof(struct inventory_filter, evidence),
	 fits_evidence},
	{"--priority", "quirks", offsetof(struct inventory_filter, priority), fits_priority},
	{"--breaks", "quirks", offsetof(struct inventory_filter, breaks), fits_breaks},
	{"--router", "quirks and profiles", offsetof(struct inventory_filter, router), fits_router},
	{"--area", "requirements", offsetof(struct inventory_filter, area), fits_area},
	{"--level", "requirements", offsetof(struct inventory_filter, level), fits_level},
	{"--side", "requirements", offsetof(struct inventory_filter, side), fits_side},
	{"--spec", "requirements", offsetof(struct inventory_filter, spec), fits_spec},
	{"--covered", "requirements", offsetof(struct inventory_filter, covered), fits_covered},
	{"--uncovered", "requirements", offsetof(struct inventory_filter, uncovered),
	 fits_uncovered},
};

static bool is_given(const struct inventory_filter *f, size_t i)
{
	const void *at = (const char *)f + filters[i].field;
	const char *text;

	if (filters[i].fits == fits_priority)
		return f->priority;
	if (filters[i].fits == fits_covered || filters[i].fits == fits_uncovered)
		return *(const bool *)at;
	memcpy(&text, at, sizeof(text));
	return text;
}

bool inventory_filter_fits_kind(const struct inventory_filter *f, const struct inventory_kind *kind,
				struct diag *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		if (!is_given(f, i) || strstr(filters[i].kinds, kind->name))
			continue;
		diag_at(d, NULL, 0, "%s is for %s, not %s", filters[i].option, filters[i].kinds,
			kind->name);
		return false;
	}
	return true;
}

static void note_value(const char **values, size_t *count, const char *value)
{
	for (size_t i = 0; i < *count; i++)
		if (!strcmp(values[i], value))
			return;
	if (*count < VALUES_MAX)
		values[(*count)++] = xstrdup(value);
}

/* A layer or class that nothing has is a slip of the pen. */
static bool check_value(const json_t *list, const char *kind, const char *wanted, struct diag *d)
{
	bool layers = !strcmp(kind, "layer"), found = false;
	const char *values[VALUES_MAX];
	size_t count = 0, index, i;
	json_t *item;

	json_array_foreach((json_t *)list, index, item)
	{
		const json_t *evidence = json_object_get(item, "evidence"), *one;
		char room[32];
		const char *value = layers ? layer_of(item, room) : NULL;

		if (value)
			note_value(values, &count, value);
		for (i = 0; !layers && (one = item_at(evidence, i)); i++) {
			value = json_string_value(json_object_get(one, "class"));
			if (value)
				note_value(values, &count, value);
		}
	}
	for (i = 0; i < count; i++)
		found |= !strcmp(values[i], wanted);
	if (!found)
		diag_unknown(d, NULL, 0, kind, wanted, values, count);
	for (i = 0; i < count; i++)
		free((char *)values[i]);
	return found;
}

/* The same for what requirements have one of each: area, level, side. */
static bool check_text(const json_t *list, const char *key, const char *wanted, struct diag *d)
{
	const char *values[VALUES_MAX];
	size_t count = 0, index;
	bool found = false;
	json_t *item;

	json_array_foreach((json_t *)list, index, item)
	{
		const char *value = json_string_value(json_object_get(item, key));

		if (value)
			note_value(values, &count, value);
	}
	for (size_t i = 0; i < count; i++)
		found |= !strcasecmp(values[i], wanted);
	if (!found)
		diag_unknown(d, NULL, 0, key, wanted, values, count);
	for (size_t i = 0; i < count; i++)
		free((char *)values[i]);
	return found;
}

static bool check_values(const struct inventory_filter *f, const json_t *list, struct diag *d)
{
	return (!f->layer || check_value(list, "layer", f->layer, d)) &&
	       (!f->evidence || check_value(list, "class", f->evidence, d)) &&
	       (!f->area || check_text(list, "area", f->area, d)) &&
	       (!f->level || check_text(list, "level", f->level, d)) &&
	       (!f->side || check_text(list, "side", f->side, d));
}

bool inventory_filter(const struct inventory_filter *f, json_t *list, struct diag *d)
{
	size_t at = 0;

	if (!check_values(f, list, d))
		return false;
	while (at < json_array_size(list)) {
		const json_t *item = json_array_get(list, at);
		bool wanted = true;

		for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
			wanted &= !is_given(f, i) || filters[i].fits(f, item);
		if (wanted)
			at++;
		else
			json_array_remove(list, at);
	}
	return true;
}
