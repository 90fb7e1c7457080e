/* SPDX-License-Identifier: MIT */
/*
 * coverage.c - which requirements the cases of both suites name (see coverage.h).
 *
 * A check is marked requirement("WIPC-07"), a scenario scenario("CP-01"); nothing else in
 * cases/daemon and cases/client has an id in double quotes. What the generated matrix of clients
 * tests stands in cases/client/rows.yaml, a line "CP-02: [...]" each.
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
	char *pattern = xasprintf("%s/cases/{daemon/test_*.py,client/test_*.py,client/rows.yaml}",
				  lab_tree());
	struct coverage coverage = {0};
	glob_t found = {0};

	if (glob(pattern, GLOB_BRACE, NULL, &found) == 0)
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
	char *forms[] = {xasprintf("\"%s\"", id), xasprintf("\n%s: [", id)};
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		found = found ||
			(coverage->text.len && memmem(coverage->text.data, coverage->text.len,
						      forms[i], strlen(forms[i])));
		free(forms[i]);
	}
	return found;
}
