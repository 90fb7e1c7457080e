/* SPDX-License-Identifier: MIT */
/* cmd_list.c - igdlab list: the names of what there is. */
#include "inventory.h"
#include "opt.h"
#include "result.h"

#include <stdio.h>

/* Column of the names: the longest, within reason. */
static int name_width(const json_t *list)
{
	size_t index, width = 8;
	json_t *item;

	json_array_foreach((json_t *)list, index, item)
	{
		size_t len = json_string_length(json_object_get(item, "name"));

		if (len > width && len <= 32)
			width = len;
	}
	return (int)width;
}

static void print_line(const json_t *item, int width)
{
	const json_t *available = json_object_get(item, "available");
	const char *name = json_string_value(json_object_get(item, "name"));
	const char *summary = json_string_value(json_object_get(item, "summary"));
	const char *reason = json_string_value(json_object_get(item, "reason"));

	printf("%-*s  ", width, name ? name : "?");
	if (available)
		printf("%-3s  ", json_is_true(available) ? "yes" : "no");
	fputs(summary ? summary : "", stdout);
	if (reason && *reason)
		printf(": %s", reason);
	putchar('\n');
}

static int list_kind(const struct inventory_kind *kind, bool json)
{
	struct diag d = {0};
	json_t *list = kind->list(kind, &d), *item;
	int width = name_width(list), status;
	size_t index;

	if (json) {
		json_print(list);
	} else if (!json_array_size(list) && !d.errors) {
		fprintf(stderr, "there are no %s%s%s\n", kind->name, kind->folder ? " in " : "",
			kind->folder ? kind->folder : "");
	} else {
		json_array_foreach(list, index, item)
		{
			print_line(item, width);
		}
	}
	json_decref(list);
	if (d.errors)
		fwrite(d.text.data, 1, d.text.len, stderr);
	status = d.errors ? EXIT_USAGE : EXIT_FINE;
	diag_free(&d);
	return status;
}

static int list_main(int argc, char **argv)
{
	bool json = false;
	const struct opt options[] = {{0, "json", OPT_FLAG, &json, 0, 0}};
	struct operands rest;
	struct diag d = {0};
	const struct inventory_kind *kind;
	int status = opt_parse(&cmd_list, options, ARRAY_SIZE(options), false, argc, argv, &rest);

	if (status != OPT_GO_ON)
		return status;
	if (rest.argc != 1)
		return cmd_usage_error(&cmd_list,
				       rest.argc ? "expected one kind, found \"%s\" too"
						 : "which kind of thing?",
				       rest.argc ? rest.argv[1] : "");
	kind = inventory_kind(rest.argv[0], &d);
	if (kind)
		return list_kind(kind, json);
	cmd_usage_error(&cmd_list, "%.*s", (int)d.text.len - 1, d.text.data);
	diag_free(&d);
	return EXIT_USAGE;
}

const struct cmd cmd_list = {
	.name = "list",
	.arguments =
		"topologies|profiles|quirks|policies|flows|clients|daemons|requirements|features "
		"[--json]",
	.summary = "list what there is of a kind",
	.details = "Features are what this kernel lets this user do, tried in namespaces that are\n"
		   "thrown away.\n"
		   "\n"
		   "      --json  an array of objects with name, summary and all that the files "
		   "hold\n",
	.main = list_main,
};
