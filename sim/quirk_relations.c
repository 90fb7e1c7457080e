/* SPDX-License-Identifier: MIT */
/* quirk_relations.c - what a quirk's file does not say itself (see quirk_relations.h). */
#include "quirk_relations.h"

#include "../fakeigd/base/mem.h"
#include "inventory.h"

static json_t *all_of(const char *kind)
{
	struct diag d = {0};
	json_t *list = inventory_kind(kind, &d)->list(inventory_kind(kind, &d), &d);

	diag_free(&d); /* files that do not load have no relations */
	return list;
}

static bool lists(const json_t *item, const char *key, const char *name)
{
	const json_t *value = json_object_get(item, key);
	size_t index;
	json_t *one;

	if (json_is_string(value))
		return !strcmp(json_string_value(value), name);
	json_array_foreach((json_t *)value, index, one)
	{
		if (json_is_string(one) && !strcmp(json_string_value(one), name))
			return true;
	}
	return false;
}

char *quirk_of_alias(const char *id)
{
	json_t *list = all_of("quirks"), *item;
	char *found = NULL;
	size_t index;

	json_array_foreach(list, index, item)
	{
		if (!found && lists(item, "also", id))
			found = xstrdup(json_string_value(json_object_get(item, "name")));
	}
	json_decref(list);
	return found;
}

json_t *quirk_profiles(const char *name)
{
	json_t *list = all_of("profiles"), *item, *names = json_array();
	size_t index;

	json_array_foreach(list, index, item)
	{
		if (lists(item, "quirks", name))
			json_array_append(names, json_object_get(item, "name"));
	}
	json_decref(list);
	return names;
}
