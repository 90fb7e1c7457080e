/* SPDX-License-Identifier: MIT */
/*
 * coverage.c - which requirements the checks of the daemon suite name (see coverage.h).
 *
 * A check is marked requirement("WIPC-07"); nothing else in cases/daemon has an id in double
 * quotes.
 */
#include "coverage.h"

#include "../fakeigd/base/mem.h"
#include "lab.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void read_file(struct buf *text, const char *path)
{
	FILE *file = fopen(path, "re");
	char data[16384];
	size_t len;

	while (file && (len = fread(data, 1, sizeof(data), file)) > 0)
		buf_add(text, data, len);
	if (file)
		fclose(file);
}

struct coverage coverage_read(void)
{
	char *pattern = xasprintf("%s/cases/daemon/test_*.py", lab_tree());
	struct coverage coverage = {0};
	glob_t found = {0};

	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			read_file(&coverage.text, found.gl_pathv[i]);
	globfree(&found);
	free(pattern);
	return coverage;
}

void coverage_free(struct coverage *coverage)
{
	buf_free(&coverage->text);
}

bool coverage_has(const struct coverage *coverage, const char *id)
{
	char *quoted = xasprintf("\"%s\"", id);
	bool found = coverage->text.len &&
		     memmem(coverage->text.data, coverage->text.len, quoted, strlen(quoted));

	free(quoted);
	return found;
}
