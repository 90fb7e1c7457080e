/* SPDX-License-Identifier: MIT */
/* tree.c - what the data tree holds (see tree.h). */
#include "tree.h"

#include "../fakeigd/base/mem.h"
#include "lab.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_add(struct names *names, const char *name)
{
	names->items = xrealloc(names->items, (names->count + 1) * sizeof(*names->items));
	names->items[names->count++] = xstrdup(name);
}

bool names_has(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (!strcmp(names->items[i], name))
			return true;
	return false;
}

void names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
	*names = (struct names){0};
}

struct names tree_files(const char *folder, const char *suffix)
{
	char *path = xasprintf("%s/%s", lab_tree(), folder);
	struct names names = {0};
	DIR *dir = opendir(path);
	size_t suffix_len = strlen(suffix);
	struct dirent *entry;

	free(path);
	while (dir && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);

		if (entry->d_name[0] == '.' || len <= suffix_len ||
		    strcmp(entry->d_name + len - suffix_len, suffix))
			continue;
		names_add(&names, entry->d_name);
		names.items[names.count - 1][len - suffix_len] = '\0';
	}
	if (dir)
		closedir(dir);
	if (names.count)
		qsort(names.items, names.count, sizeof(*names.items), by_name);
	return names;
}

struct names tree_names(const char *folder)
{
	return tree_files(folder, ".yaml");
}

bool tree_has(const char *folder, const char *name)
{
	char *path = lab_find(folder, name);
	bool found = path && access(path, R_OK) == 0;

	free(path);
	return found;
}

void tree_unknown(struct diag *d, const char *file, int line, const char *kind, const char *folder,
		  const char *name)
{
	struct names names;
	size_t len = strlen(name);

	if (strchr(name, '/') || (len > 5 && !strcmp(name + len - 5, ".yaml"))) {
		diag_at(d, file, line, "%s \"%s\" cannot be read: no such file", kind, name);
		return;
	}
	names = tree_names(folder);
	diag_unknown(d, file, line, kind, name, (const char *const *)names.items, names.count);
	names_free(&names);
}
