/* SPDX-License-Identifier: MIT */
/* lab_tree.c - where the data tree is, and where a named thing lies in it. */
#include "../fakeigd/base/mem.h"
#include "lab.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* build/igdlab, build/san/igdlab and build/san/unit/test_lab are at most three folders below. */
#define TREE_DEPTH 3

/* Both folders: a stranger's directory that happens to hold "topologies" is not our tree. */
static bool is_tree(const char *path)
{
	static const char *const folders[] = {"topologies", "fakeigd/profiles"};

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		char *folder = xasprintf("%s/%s", path, folders[i]);
		bool found = access(folder, X_OK) == 0;

		free(folder);
		if (!found)
			return false;
	}
	return true;
}

/* The source tree that the program was built in, or what was installed beside it; NULL if neither.
 */
static char *tree_above(const char *program)
{
	char *path = xstrdup(program), *installed;

	for (int depth = 0; depth <= TREE_DEPTH; depth++) {
		char *slash = strrchr(path, '/');

		if (!slash || slash == path)
			break;
		*slash = '\0';
		installed = xasprintf("%s/share/igdlab", path);
		if (depth && is_tree(installed)) {
			free(path);
			return installed;
		}
		free(installed);
		if (depth && is_tree(path))
			return path;
	}
	free(path);
	return NULL;
}

const char *lab_tree(void)
{
	static char *tree;
	char program[PATH_MAX];
	ssize_t len;

	if (tree)
		return tree;
	len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	if (len > 0) {
		program[len] = '\0';
		tree = tree_above(program);
	}
	if (!tree)
		tree = xstrdup(IGDLAB_PREFIX "/share/igdlab");
	return tree;
}

char *lab_find(const char *folder, const char *name)
{
	size_t len = strlen(name);

	if (strchr(name, '/') || (len > 5 && !strcmp(name + len - 5, ".yaml")))
		return xstrdup(name);
	return xasprintf("%s/%s/%s.yaml", lab_tree(), folder, name);
}
