/* SPDX-License-Identifier: MIT */
/* cmd_list.c - igdlab list: the names of what there is. */
#include "inventory_filter.h"
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

	if (!reason)
		reason = json_string_value(json_object_get(item, "uncovered"));
	printf("%-*s  ", width, name ? name : "?");
	if (available)
		printf("%-3s  ", json_is_true(available) ? "yes" : "no");
	fputs(summary ? summary : "", stdout);
	if (reason && *reason)
		printf(": %s", reason);
	putchar('\n');
}

static void print_none(const struct inventory_kind *kind, bool filtered)
{
	if (filtered)
		fprintf(stderr, "there are no such %s\n", kind->name);
	else
		fprintf(stderr, "there are no %s%s%s\n", kind->name, kind->folder ? " in " : "",
			kind->folder ? kind->folder : "");
}

/* A wrong kind or filter is wrong use; files that do not load are told, and the rest is listed. */
static int complain(struct diag *d)
{
	cmd_usage_error(&cmd_list, "%.*s", (int)d->text.len - 1, d->text.data);
	diag_free(d);
	return EXIT_USAGE;
}

static int list_kind(const struct inventory_kind *kind, const struct inventory_filter *filter,
		     bool json)
{
	struct diag d = {0}, wrong = {0};
	json_t *list, *item;
	size_t index, all;
	int width, status;

	if (!inventory_filter_fits_kind(filter, kind, &wrong))
		return complain(&wrong);
	list = kind->list(kind, &d);
	all = json_array_size(list);
	if (!inventory_filter(filter, list, &wrong)) {
		json_decref(list);
		diag_free(&d);
		return complain(&wrong);
	}
	width = name_width(list);
	if (json) {
		json_print(list);
	} else if (!json_array_size(list) && !d.errors) {
		print_none(kind, all);
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
	struct inventory_filter filter = {0};
	bool json = false;
	const struct opt options[] = {
		{0, "json", OPT_FLAG, &json, 0, 0},
		{0, "layer", OPT_TEXT, &filter.layer, 0, 0},
		{0, "class", OPT_TEXT, &filter.evidence, 0, 0},
		{0, "priority", OPT_NUMBER, &filter.priority, 1, 3},
		{0, "breaks", OPT_TEXT, &filter.breaks, 0, 0},
		{0, "router", OPT_TEXT, &filter.router, 0, 0},
		{0, "area", OPT_TEXT, &filter.area, 0, 0},
		{0, "level", OPT_TEXT, &filter.level, 0, 0},
		{0, "side", OPT_TEXT, &filter.side, 0, 0},
		{0, "spec", OPT_TEXT, &filter.spec, 0, 0},
		{0, "covered", OPT_FLAG, &filter.covered, 0, 0},
		{0, "uncovered", OPT_FLAG, &filter.uncovered, 0, 0},
	};
	struct operands rest;
	struct diag d = {0};
	const struct inventory_kind *kind;
	int status = opt_parse(&cmd_list, options, ARRAY_SIZE(options), false, argc, argv, &rest);

	if (status == OPT_GO_ON)
		status = opt_one(&cmd_list, &rest, "kind", "which kind of thing?");
	if (status != OPT_GO_ON)
		return status;
	kind = inventory_kind(rest.argv[0], &d);
	return kind ? list_kind(kind, &filter, json) : complain(&d);
}

const struct cmd cmd_list = {
	.name = "list",
	.arguments =
		"topologies|profiles|quirks|policies|flows|clients|daemons|requirements|features "
		"[--layer L] [--class C] [--priority N] [--breaks ID] [--router TEXT] [--area A] "
		"[--level L] [--side S] [--spec TEXT] [--covered] [--uncovered] [--json]",
	.summary = "list what there is of a kind",
	.details = "Features are what this kernel lets this user do, tried in namespaces that are\n"
		   "thrown away.\n"
		   "\n"
		   "      --layer L      quirks of that layer; policies of that group\n"
		   "      --class C      quirks and profiles with evidence of that class: field,\n"
		   "                     server-source, client-workaround, test-corpus, recalled,\n"
		   "                     synthetic\n"
		   "      --priority N   quirks of that priority: 1, 2 or 3\n"
		   "      --breaks ID    quirks that break that requirement, or one of that area\n"
		   "      --router TEXT  quirks seen on such routers, and such profiles\n"
		   "      --area A       requirements whose id begins so: WIPC, SSDP, ...\n"
		   "      --level L      requirements: MUST, SHOULD, MAY, ROBUST, SECURITY\n"
		   "      --side S       requirements of that side: daemon, client, both\n"
		   "      --spec TEXT    requirements whose specification or clause has the text\n"
		   "      --covered      requirements that a check of cases/daemon names\n"
		   "      --uncovered    requirements that none names\n"
		   "      --json         an array of objects with name, summary and all that the\n"
		   "                     files hold\n",
	.main = list_main,
};
