/* SPDX-License-Identifier: MIT */
/* leave.c - the orderly end of a lab that stayed (see leave.h). */
#include "leave.h"

#include "evidence.h"
#include "result.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* lab.json and the end of all writing. Return: the evidence directory, NULL = there is none. */
static char *finish(const struct cmd *cmd, struct lab *lab)
{
	json_t *info = ask_op(lab, "info", NULL), *done;
	const char *path = json_string_value(json_object_get(info, "evidence"));
	char *folder = path ? xstrdup(path) : NULL, *why = NULL;

	if (folder) {
		json_to_file(folder, "lab.json", info);
		done = ask_op(lab, "finish", &why);
		if (!done)
			fprintf(stderr, "igdlab %s: evidence: %s\n", cmd->name, why);
		json_decref(done);
		free(why);
	}
	json_decref(info);
	return folder;
}

static bool has_capture(const char *folder)
{
	char *path = xasprintf("%s/capture.pcapng", folder);
	bool there = access(path, R_OK) == 0;

	free(path);
	return there;
}

int leave_lab(const struct cmd *cmd, struct lab *lab)
{
	char *folder = finish(cmd, lab);
	struct diag d = {0};
	int status = EXIT_FINE;

	ask_end(lab);
	if (folder && has_capture(folder) && evidence_finish(folder, &d)) {
		fprintf(stderr, "igdlab %s: evidence:\n%s", cmd->name, d.text.data);
		status = EXIT_LAB;
	}
	diag_free(&d);
	free(folder);
	return status;
}
