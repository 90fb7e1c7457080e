/* SPDX-License-Identifier: MIT */
/* cmd_show.c - igdlab show: all about one thing. */
#include "cmd_show_flow.h"
#include "draw.h"
#include "inventory.h"
#include "linediff.h"
#include "opt.h"
#include "quirk_relations.h"
#include "result.h"
#include "subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Lines of agreement around a difference. */
#define DIFF_CONTEXT ((size_t)2)

/** struct show - the command line of "show" */
struct show {
	const struct inventory_kind *kind;
	const char *name;
	const char *other;
	const char *out;
	bool json, ladder, anonymise;
};

/* Complaints: those with a place stand for themselves. */
static int complain(struct diag *d)
{
	if (d->errors == 1 && (!strncmp(d->text.data, "unknown ", 8) ||
			       strstr(d->text.data, "cannot be read: no such file")))
		cmd_usage_error(&cmd_show, "%.*s", (int)d->text.len - 1, d->text.data);
	else
		fwrite(d->text.data, 1, d->text.len, stderr);
	diag_free(d);
	return EXIT_USAGE;
}

static int show_topology(const char *name)
{
	struct diag d = {0};
	struct topology *t = topology_load(name, &d);
	struct buf out = {0};

	if (!t)
		return complain(&d);
	printf("%s: %s\n\n", t->name, t->summary);
	draw_tree(t, &out);
	buf_putc(&out, '\n');
	draw_table(t, &out);
	fwrite(out.data, 1, out.len, stdout);
	buf_free(&out);
	topology_free(t);
	return EXIT_FINE;
}

/* The resolved document of a profile, as fakeigd sees it. Return: EXIT_FINE or a status. */
static int read_profile(const char *name, struct buf *out)
{
	char *program = setup_program("fakeigd");
	char *argv[] = {program, (char *)"--profile", (char *)name, (char *)"--show", NULL};
	int status = subprocess_read(argv, out);

	if (status < 0)
		fprintf(stderr, "igdlab show: %s: %s\n", program, strerror(-status));
	free(program);
	return status ? EXIT_USAGE : EXIT_FINE;
}

static int show_profile(const char *name)
{
	struct buf text = {0};
	int status = read_profile(name, &text);

	if (!status)
		fwrite(text.data, 1, text.len, stdout);
	buf_free(&text);
	return status;
}

static int diff_profiles(const char *name, const char *other)
{
	struct buf a = {0}, b = {0}, out = {0};
	int status = read_profile(name, &a);

	if (!status)
		status = read_profile(other, &b);
	if (!status && linediff(buf_slice(&a), buf_slice(&b), DIFF_CONTEXT, &out))
		printf("- %s\n+ %s\n%s", name, other, out.data);
	else if (!status)
		printf("%s and %s are the same router\n", name, other);
	buf_free(&a);
	buf_free(&b);
	buf_free(&out);
	return status;
}

/* The file as it was written, comments and all. */
static int show_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char data[16384];
	ssize_t len;

	if (fd < 0) {
		fprintf(stderr, "igdlab show: %s: %s\n", path, strerror(errno));
		return EXIT_USAGE;
	}
	while ((len = read(fd, data, sizeof(data))) > 0)
		fwrite(data, 1, (size_t)len, stdout);
	close(fd);
	return len < 0 ? EXIT_USAGE : EXIT_FINE;
}

/* "key: value", the values that are no text as JSON. */
static void show_members(const json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		char *text = json_dumps(value, JSON_ENCODE_ANY);

		if (json_is_string(value))
			printf("%s: %s\n", key, json_string_value(value));
		else
			printf("%s: %s\n", key, text ? text : "?");
		free(text);
	}
}

/* A quirk's file, and what others say of it. */
static int show_quirk(const char *file, const json_t *profiles)
{
	int status = show_file(file);
	size_t index;
	json_t *name;

	if (!status && json_array_size(profiles))
		printf("\n# in profiles:");
	json_array_foreach((json_t *)profiles, index, name)
	{
		printf("%s %s", index ? "," : "", json_string_value(name));
	}
	if (!status && json_array_size(profiles))
		putchar('\n');
	return status;
}

/* The item; a quirk also by an id that was merged into it. */
static json_t *find_item(const struct show *show, struct diag *d)
{
	bool quirk = !strcmp(show->kind->one, "quirk");
	char *alias = quirk && !tree_has(show->kind->folder, show->name)
			      ? quirk_of_alias(show->name)
			      : NULL;
	json_t *item = inventory_item(show->kind, alias ? alias : show->name, d);

	if (item && quirk)
		json_object_set_new(
			item, "profiles",
			quirk_profiles(json_string_value(json_object_get(item, "name"))));
	free(alias);
	return item;
}

static int show_item(const struct show *show)
{
	struct diag d = {0};
	json_t *item = find_item(show, &d);
	const char *file = json_string_value(json_object_get(item, "file"));
	int status = EXIT_FINE;

	if (!item)
		return complain(&d);
	if (show->json)
		json_print(item);
	else if (file && !strcmp(show->kind->one, "topology"))
		status = show_topology(show->name);
	else if (file && !strcmp(show->kind->one, "profile"))
		status = show_profile(show->name);
	else if (file && !strcmp(show->kind->one, "quirk"))
		status = show_quirk(file, json_object_get(item, "profiles"));
	else if (file)
		status = show_file(file);
	else
		show_members(item);
	json_decref(item);
	diag_free(&d);
	return status;
}

static int show_diff(const struct show *show)
{
	const char *names[] = {show->name, show->other};
	struct diag d = {0};

	if (strcmp(show->kind->one, "profile"))
		return cmd_usage_error(&cmd_show, "--diff compares profiles, not %s",
				       show->kind->name);
	if (show->json)
		return cmd_usage_error(&cmd_show, "--diff has no --json");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (tree_has(show->kind->folder, names[i]))
			continue;
		tree_unknown(&d, NULL, 0, show->kind->one, show->kind->folder, names[i]);
		return complain(&d);
	}
	return diff_profiles(show->name, show->other);
}

/* Options that only flows have. */
static int show_kind(const struct show *show)
{
	const struct show_flow flow = {show->name, show->out, show->json, show->ladder,
				       show->anonymise};

	if (!strcmp(show->kind->one, "flow") && show_flow_exists(show->name)) {
		if (show->json && (show->ladder || show->out))
			return cmd_usage_error(&cmd_show, "--json goes to standard output alone");
		return show_flow(&flow);
	}
	if (show->ladder || show->anonymise || show->out)
		return cmd_usage_error(&cmd_show,
				       "--ladder, --anonymise and --output are for recorded flows");
	return show_item(show);
}

static int show_main(int argc, char **argv)
{
	struct show show = {0};
	const struct opt options[] = {
		{0, "json", OPT_FLAG, &show.json, 0, 0},
		{0, "diff", OPT_TEXT, &show.other, 0, 0},
		{'o', "output", OPT_TEXT, &show.out, 0, 0},
		{0, "ladder", OPT_FLAG, &show.ladder, 0, 0},
		{0, "anonymise", OPT_FLAG, &show.anonymise, 0, 0},
	};
	struct operands rest;
	struct diag d = {0};
	int status = opt_parse(&cmd_show, options, ARRAY_SIZE(options), false, argc, argv, &rest);

	if (status != OPT_GO_ON)
		return status;
	if (rest.argc < 2)
		return cmd_usage_error(&cmd_show,
				       rest.argc ? "which one?" : "which kind of thing?");
	if (rest.argc > 2)
		return cmd_usage_error(&cmd_show, "expected a kind and a name, found \"%s\" too",
				       rest.argv[2]);
	show.kind = inventory_kind(rest.argv[0], &d);
	if (!show.kind)
		return complain(&d);
	show.name = rest.argv[1];
	return show.other ? show_diff(&show) : show_kind(&show);
}

const struct cmd cmd_show = {
	.name = "show",
	.arguments = "KIND NAME [--diff OTHER] [--ladder] [--anonymise] [-o FILE] [--json]",
	.summary = "show all about one thing",
	.details =
		"KIND is one of those of \"list\", in singular or plural. A topology is drawn, a\n"
		"profile is shown with everything that it inherits, other things as they were\n"
		"written. A quirk is found by ids that were merged into it too. A flow, by name\n"
		"or file, is told exchange by exchange.\n"
		"\n"
		"      --diff OTHER   profiles: the lines in which OTHER differs\n"
		"      --ladder       flows: as a picture (SVG)\n"
		"      --anonymise    flows: with addresses, identifiers and names replaced\n"
		"  -o, --output FILE  flows: write the picture, or else the flow, there\n"
		"      --json         as an object\n",
	.main = show_main,
};
