/* SPDX-License-Identifier: MIT */
/* cmd_show_flow.c - igdlab show flow: for people, as a picture, as JSON, anonymised. */
#include "cmd_show_flow.h"

#include "../fakeigd/base/mem.h"
#include "anonymise.h"
#include "cmd.h"
#include "inventory.h"
#include "opt.h"
#include "recording_flow.h"
#include "result.h"
#include "show_flow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int write_text(const char *path, struct slice text)
{
	int fd, error = 0;

	if (!path) {
		fwrite(text.ptr, 1, text.len, stdout);
		return EXIT_FINE;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		error = errno;
	for (; !error && text.len;) {
		ssize_t len = write(fd, text.ptr, text.len);

		if (len < 0 && errno != EINTR)
			error = errno;
		if (len > 0)
			text = (struct slice){text.ptr + len, text.len - (size_t)len};
	}
	if (fd >= 0 && close(fd) < 0 && !error)
		error = errno;
	if (error)
		fprintf(stderr, "igdlab show: %s: %s\n", path, strerror(error));
	return error ? EXIT_USAGE : EXIT_FINE;
}

/* One of captures/ with what its provenance file says, as "list" has it. */
static int show_json(const struct show_flow *show, const struct recording *r)
{
	json_t *json = show_flow_json(r), *item = NULL;
	struct diag d = {0};

	if (!strchr(show->name, '/') && !show->anonymise)
		item = inventory_item(inventory_kind("flow", &d), show->name, &d);
	if (item)
		json_object_update(json, item);
	json_decref(item);
	diag_free(&d); /* a file of the current folder is in no list */

	json_print(json);
	json_decref(json);
	return EXIT_FINE;
}

static int tell(const struct show_flow *show, struct recording *r)
{
	struct buf out = {0};
	struct diag d = {0};
	int status;

	if (show->json)
		return show_json(show, r);
	if (show->out && !show->ladder)
		return recording_save(show->out, r, &d) ? cmd_complain(&d) : EXIT_FINE;
	if (show->ladder)
		recording_ladder(r, r->summary ? r->summary : show->name, &out);
	else
		show_flow_text(r, &out);
	status = write_text(show->out, buf_slice(&out));
	buf_free(&out);
	return status;
}

bool show_flow_exists(const char *name)
{
	char *path = recording_find(name);
	const char *dot = strrchr(name, '.');
	bool exists = access(path, R_OK) == 0 && (!dot || strcmp(dot, ".yaml") != 0);

	free(path);
	return exists;
}

int show_flow(const struct show_flow *show)
{
	char *path = recording_find(show->name);
	struct recording r;
	struct diag d = {0};
	int status;

	if (recording_read(path, &r, &d) < 0) {
		status = cmd_complain(&d);
	} else {
		if (show->anonymise)
			anonymise(&r);
		status = tell(show, &r);
	}
	recording_free(&r);
	free(path);
	return status;
}
