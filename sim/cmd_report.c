/* SPDX-License-Identifier: MIT */
/*
 * cmd_report.c - igdlab report: results of the suites as one page.
 *
 * The page is made by cases/harness/report.py (jinja2); this reads the options and becomes it.
 */
#include "lab.h"
#include "opt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PYTHON "/usr/bin/python3"

/* struct report - the options */
struct report {
	const char *out;
	const char *markdown;
	struct names compare;
	bool json;
};

static int become(const struct report *r, const struct operands *folders)
{
	size_t room = 16 + 2 * r->compare.count + (size_t)folders->argc, n = 0;
	char **argv = xcalloc(room, sizeof(*argv));

	argv[n++] = (char *)PYTHON;
	argv[n++] = (char *)"-m";
	argv[n++] = (char *)"cases.harness.report";
	argv[n++] = (char *)"-o";
	argv[n++] = (char *)(r->out ? r->out : "report.html");
	for (size_t i = 0; i < r->compare.count; i++)
		argv[n++] = xasprintf("--compare=%s", r->compare.items[i]);
	if (r->markdown)
		argv[n++] = xasprintf("--markdown=%s", r->markdown);
	if (r->json)
		argv[n++] = (char *)"--json";
	argv[n++] = (char *)"--";
	for (int i = 0; i < folders->argc; i++)
		argv[n++] = folders->argv[i];
	setenv("PYTHONPATH", lab_tree(), 1);
	setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
	execv(PYTHON, argv);
	fprintf(stderr, "igdlab report: %s: %s\n", PYTHON, strerror(errno));
	return EXIT_LAB;
}

static int report_main(int argc, char **argv)
{
	struct report r = {0};
	const struct opt options[] = {
		{'o', "output", OPT_TEXT, &r.out, 0, 0},
		{0, "compare", OPT_LIST, &r.compare, 0, 0},
		{0, "markdown", OPT_TEXT, &r.markdown, 0, 0},
		{0, "json", OPT_FLAG, &r.json, 0, 0},
	};
	struct operands rest;
	int status = opt_parse(&cmd_report, options, ARRAY_SIZE(options), false, argc, argv, &rest);

	if (status == OPT_GO_ON && !rest.argc)
		status = cmd_usage_error(
			&cmd_report, "which results? expected a DIR of \"igdlab test -o DIR\"%s",
			"");
	if (status == OPT_GO_ON)
		status = become(&r, &rest);
	names_free(&r.compare);
	return status;
}

const struct cmd cmd_report = {
	.name = "report",
	.arguments = "DIR... [-o FILE] [--compare DIR]... [--markdown FILE] [--json]",
	.summary = "one page of what the suites found: clients x routers, daemons x requirements",
	.details = "DIR is what \"igdlab test -o DIR\" left; several are merged, as the shards of "
		   "one\n"
		   "run are: a case with two results that differ is inconclusive.\n"
		   "\n"
		   "  -o, --output FILE    the page (default report.html); it needs no other file "
		   "and\n"
		   "                       no network; captures too large for it are linked\n"
		   "      --compare DIR    an earlier run: what got worse, better, is new or gone\n"
		   "                       (repeatable, for its shards)\n"
		   "      --markdown FILE  a summary for a forge's CI\n"
		   "      --json           one object: file, cases, counts, changes\n"
		   "\n"
		   "Exit status: 0 the page is there, 2 wrong use or no results, 3 jinja2 is "
		   "missing.\n",
	.main = report_main,
};
