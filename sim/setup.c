/* SPDX-License-Identifier: MIT */
/* setup.c - from the options of "run" and "up" to the options of lab_start() (see setup.h). */
#include "setup.h"

#include "../fakeigd/base/mem.h"
#include "folder.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

char *setup_program(const char *name)
{
	char path[PATH_MAX], *slash, *beside;
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[len > 0 ? len : 0] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return xstrdup(name ? name : ".");
	*slash = '\0';
	if (!name)
		return xstrdup(path);
	beside = xasprintf("%s/%s", path, name);
	if (access(beside, X_OK) == 0)
		return beside;
	free(beside);
	return xasprintf("%s/../sbin/%s", path, name);
}

/* Complaints of the loader are whole lines and stand for themselves. */
/* One sentence without place, as the verb's own complaint. */
static int complain_as(const struct cmd *cmd, struct diag *d)
{
	cmd_usage_error(cmd, "%.*s", (int)d->text.len - 1, d->text.data);
	diag_free(d);
	return EXIT_USAGE;
}

/* Index of the router that a name on the command line means, -1 after a complaint. */
static int named_router(const struct cmd *cmd, const struct topology *t, const char *name)
{
	const char **names = xcalloc(t->node_count, sizeof(*names));
	int index = topology_node(t, name);
	struct diag d = {0};
	size_t count = 0;

	for (size_t i = 0; i < t->node_count; i++)
		if (t->nodes[i].kind == NODE_ROUTER)
			names[count++] = t->nodes[i].name;
	if (index >= 0 && t->nodes[index].kind != NODE_ROUTER) {
		cmd_usage_error(cmd, "\"%s\" is a host; profiles and quirks are for routers", name);
		index = -1;
	} else if (index < 0) {
		diag_unknown(&d, NULL, 0, "router", name, names, count);
		complain_as(cmd, &d);
	}
	free(names);
	return index;
}

/* The router that an option without a name means: the client's gateway. */
static int default_router(const struct cmd *cmd, const struct topology *t, const char *option)
{
	int client = topology_client(t);

	if (client >= 0 && t->nodes[client].gateway >= 0)
		return t->nodes[client].gateway;
	cmd_usage_error(cmd, "%s: the client of %s has no gateway; write NODE=%s", option, t->name,
			option);
	return -1;
}

/* Take "[NODE=]NAME" apart. A "/" before the "=" belongs to a path. Return: the router or NULL. */
static struct node *split_option(const struct cmd *cmd, struct topology *t, const char *option,
				 const char **name)
{
	const char *equals = strchr(option, '='), *slash = strchr(option, '/');
	int index;

	if (!equals || (slash && slash < equals)) {
		*name = option;
		index = default_router(cmd, t, option);
	} else {
		char *node = xstrndup(option, (size_t)(equals - option));

		*name = equals + 1;
		index = named_router(cmd, t, node);
		free(node);
	}
	return index < 0 ? NULL : &t->nodes[index];
}

static int apply_profile(const struct cmd *cmd, struct topology *t, const char *option)
{
	const char *name;
	struct node *node = split_option(cmd, t, option, &name);
	struct diag d = {0};

	if (!node)
		return EXIT_USAGE;
	if (strcmp(name, "none") && !tree_has("fakeigd/profiles", name)) {
		tree_unknown(&d, NULL, 0, "profile", "fakeigd/profiles", name);
		return complain_as(cmd, &d);
	}
	free(node->igd);
	free(node->daemon);
	node->daemon = NULL;
	node->igd = strcmp(name, "none") ? xstrdup(name) : NULL;
	return OPT_GO_ON;
}

static int apply_quirk(const struct cmd *cmd, struct topology *t, const char *option)
{
	const char *name;
	struct node *node = split_option(cmd, t, option, &name);
	struct diag d = {0};

	if (!node)
		return EXIT_USAGE;
	if (!tree_has("fakeigd/quirks", name)) {
		tree_unknown(&d, NULL, 0, "quirk", "fakeigd/quirks", name);
		return complain_as(cmd, &d);
	}
	if (!node->igd)
		return cmd_usage_error(cmd, "quirk \"%s\": router %s has no profile to lay it over",
				       name, node->name);
	node->quirks = xrealloc(node->quirks, (node->quirk_count + 1) * sizeof(*node->quirks));
	node->quirks[node->quirk_count++] = xstrdup(name);
	return OPT_GO_ON;
}

static int make_evidence(const struct cmd *cmd, struct setup *setup)
{
	struct stat info;
	int error;

	if (!setup->out)
		return OPT_GO_ON;
	if (!*setup->out)
		return cmd_usage_error(cmd, "-o: expected a directory");
	error = folder_make(setup->out);
	if (!error && !stat(setup->out, &info) && !S_ISDIR(info.st_mode))
		return cmd_usage_error(cmd, "-o %s: is not a directory", setup->out);
	if (!error && access(setup->out, W_OK | X_OK))
		error = -errno;
	if (!error)
		error = folder_clear(setup->out);
	if (!error && !(setup->evidence = realpath(setup->out, NULL)))
		error = -errno;
	if (error)
		return cmd_usage_error(cmd, "-o %s: %s", setup->out, strerror(-error));
	return OPT_GO_ON;
}

static void fill_lab(struct setup *setup)
{
	size_t keep = 0;

	setup->program_folder = setup_program(NULL);
	setup->fakeigd = setup_program("fakeigd");
	setup->cwd = getcwd(NULL, 0);
	setup->keep[keep++] = setup->program_folder;
	if (setup->cwd)
		setup->keep[keep++] = setup->cwd;
	setup->lab = (struct lab_options){
		.topology = setup->topology,
		.data = lab_tree(),
		.fakeigd = setup->fakeigd,
		.evidence = setup->evidence,
		.capture = setup->evidence && !setup->no_capture,
		.keep = setup->keep,
		.keep_count = keep,
	};
}

int setup_prepare(const struct cmd *cmd, struct setup *setup)
{
	const char *name = setup->topology_name ? setup->topology_name : "flat";
	struct diag d = {0};
	int status = OPT_GO_ON;

	if (setup->no_capture && !setup->out)
		return cmd_usage_error(cmd,
				       "--no-capture needs -o; without it nothing is captured");
	if (!tree_has("topologies", name)) {
		tree_unknown(&d, NULL, 0, "topology", "topologies", name);
		return complain_as(cmd, &d);
	}
	setup->topology = topology_load(name, &d);
	if (!setup->topology)
		return cmd_complain(&d);
	for (size_t i = 0; status == OPT_GO_ON && i < setup->profiles.count; i++)
		status = apply_profile(cmd, setup->topology, setup->profiles.items[i]);
	for (size_t i = 0; status == OPT_GO_ON && i < setup->quirks.count; i++)
		status = apply_quirk(cmd, setup->topology, setup->quirks.items[i]);
	if (status == OPT_GO_ON)
		status = make_evidence(cmd, setup);
	if (status == OPT_GO_ON)
		fill_lab(setup);
	return status;
}

void setup_complain(const struct cmd *cmd, struct diag *d)
{
	fprintf(stderr, "igdlab %s: the lab could not be built\n", cmd->name);
	if (d->text.len)
		fwrite(d->text.data, 1, d->text.len, stderr);
	diag_free(d);
}

int setup_start(const struct cmd *cmd, const struct setup *setup, struct lab *lab)
{
	struct diag d = {0};

	if (lab_start(&setup->lab, lab, &d)) {
		setup_complain(cmd, &d);
		return EXIT_LAB;
	}
	diag_free(&d);
	return OPT_GO_ON;
}

void setup_free(struct setup *setup)
{
	names_free(&setup->profiles);
	names_free(&setup->quirks);
	topology_free(setup->topology);
	free(setup->evidence);
	free(setup->program_folder);
	free(setup->fakeigd);
	free(setup->cwd);
}
