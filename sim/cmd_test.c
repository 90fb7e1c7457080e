/* SPDX-License-Identifier: MIT */
/*
 * cmd_test.c - igdlab test: a suite against a program or a router.
 *
 * The suites are pytest's (cases/); this reads the options, passes them in the environment
 * (cases/daemon/conftest.py says which) and becomes cases/harness/runner.py.
 */
#include "../fakeigd/base/mem.h"
#include "lab.h"
#include "opt.h"
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PYTHON	    "/usr/bin/python3"
#define WORKERS_MAX 64
#define REPEAT_MAX  1000

/* struct test - the options */
struct test {
	const char *select;
	const char *shard;
	const char *out;
	long long workers;
	long long repeat;
	bool json;
	bool keep;
	bool no_known;
	bool shell;
	bool wait;
};

static void pass(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

static void pass_number(const char *name, long long number)
{
	char *text = number ? xasprintf("%lld", number) : NULL;

	pass(name, text);
	free(text);
}

static void pass_flag(const char *name, bool on)
{
	pass(name, on ? "1" : NULL);
}

/* A folder as it is seen from anywhere. Return: NULL after a complaint. */
static char *absolute(const char *folder)
{
	char *here, *path;

	if (!*folder) {
		cmd_usage_error(&cmd_test, "-o: expected a directory");
		return NULL;
	}
	if (*folder == '/')
		return xstrdup(folder);
	here = getcwd(NULL, 0);
	path = xasprintf("%s/%s", here ? here : ".", folder);
	free(here);
	return path;
}

/* With --json the object alone goes to standard output; the rest goes where complaints go. */
static void pass_output(bool json)
{
	int fd = json ? dup(STDOUT_FILENO) : -1;

	pass_number("IGDLAB_JSON", fd >= 0 ? fd : 0);
	if (fd >= 0)
		dup2(STDERR_FILENO, STDOUT_FILENO);
}

static int become(const struct test *test, const char *subject)
{
	char *folder = test->out ? absolute(test->out) : NULL, *programs;
	char *argv[] = {(char *)PYTHON, (char *)"-m", (char *)"cases.harness.runner", NULL};

	if (test->out && !folder)
		return EXIT_USAGE;
	programs = setup_program(NULL);
	pass("IGDLAB_SUBJECT", subject);
	pass("IGDLAB_SELECT", test->select);
	pass("IGDLAB_PLAN", NULL);
	pass("IGDLAB_SHARD", test->shard);
	pass("IGDLAB_OUTPUT", folder);
	pass("IGDLAB_BUILD", programs);
	pass("PYTHONPATH", lab_tree());
	pass_number("IGDLAB_WORKERS", test->workers);
	pass_number("IGDLAB_REPEAT", test->repeat);
	pass_flag("IGDLAB_KEEP", test->keep);
	pass_flag("IGDLAB_SHELL", test->shell);
	pass_flag("IGDLAB_LONG", test->wait);
	pass_flag("IGDLAB_NO_KNOWN", test->no_known);
	pass_flag("PYTHONDONTWRITEBYTECODE", true);
	pass_output(test->json);
	execv(PYTHON, argv);
	fprintf(stderr, "igdlab test: %s: %s\n", PYTHON, strerror(errno));
	free(folder);
	free(programs);
	return EXIT_LAB;
}

static int check_use(const struct test *test, const struct operands *rest)
{
	if (!rest->argc || strcmp(rest->argv[0], "daemon") != 0)
		return cmd_usage_error(&cmd_test, "what? expected \"daemon\"%s%s%s",
				       rest->argc ? ", found \"" : "",
				       rest->argc ? rest->argv[0] : "", rest->argc ? "\"" : "");
	if (rest->argc != 2)
		return cmd_usage_error(&cmd_test,
				       rest->argc > 2 ? "expected one subject, found \"%s\" too"
						      : "which daemon? see igdlab list daemons%s",
				       rest->argc > 2 ? rest->argv[2] : "");
	if (!*rest->argv[1] || strpbrk(rest->argv[1], " \t\n"))
		return cmd_usage_error(&cmd_test, "a subject is one word, found \"%s\"",
				       rest->argv[1]);
	if ((test->keep || test->shell) && !test->out)
		return cmd_usage_error(&cmd_test, "%s needs -o",
				       test->keep ? "--keep" : "--shell-on-fail");
	if (test->shell && test->workers > 1)
		return cmd_usage_error(&cmd_test, "--shell-on-fail is for one lab at a time; "
						  "leave -n out");
	return OPT_GO_ON;
}

static int test_main(int argc, char **argv)
{
	struct test test = {0};
	const struct opt options[] = {
		{0, "select", OPT_TEXT, &test.select, 0, 0},
		{'n', "workers", OPT_NUMBER, &test.workers, 1, WORKERS_MAX},
		{0, "shard", OPT_TEXT, &test.shard, 0, 0},
		{0, "repeat", OPT_NUMBER, &test.repeat, 1, REPEAT_MAX},
		{0, "long", OPT_FLAG, &test.wait, 0, 0},
		{0, "no-known", OPT_FLAG, &test.no_known, 0, 0},
		{0, "keep", OPT_FLAG, &test.keep, 0, 0},
		{0, "shell-on-fail", OPT_FLAG, &test.shell, 0, 0},
		{'o', "output", OPT_TEXT, &test.out, 0, 0},
		{0, "json", OPT_FLAG, &test.json, 0, 0},
	};
	struct operands rest;
	int status = opt_parse(&cmd_test, options, ARRAY_SIZE(options), false, argc, argv, &rest);

	if (status == OPT_GO_ON)
		status = check_use(&test, &rest);
	return status == OPT_GO_ON ? become(&test, rest.argv[1]) : status;
}

const struct cmd cmd_test = {
	.name = "test",
	.arguments = "daemon SUBJECT [--select WORDS] [-n N] [--shard I/N] [--repeat N] [--long] "
		     "[--no-known] [--keep] [--shell-on-fail] [-o DIR] [--json]",
	.summary = "check a router or daemon against the specifications, clause by clause",
	.details =
		"SUBJECT is fakeigd:PROFILE[+QUIRK...], a daemon of \"igdlab list daemons\", or a "
		"file\n"
		"of that form; a router on a network card is one with kind: remote.\n"
		"\n"
		"      --select WORDS    which requirements: patterns of ids, level:MUST, "
		"area:soap,\n"
		"                        side:daemon, spec:UDA2; ! before a word leaves it out\n"
		"  -n, --workers N       N labs at a time\n"
		"      --shard I/N       the I-th of N parts of the checks\n"
		"      --repeat N        every check N times\n"
		"      --long            wait as long as checks need; 5 s each otherwise\n"
		"      --no-known        as if the adapter listed no known failures\n"
		"      --keep            labs of checks that failed stay; igdlab down ends them\n"
		"      --shell-on-fail   a shell in the lab of each check that fails\n"
		"  -o, --output DIR      results.json, junit.xml and a folder per check that "
		"failed\n"
		"      --json            results.json on standard output\n"
		"\n"
		"Exit status: 0 nothing failed, 1 something did, 2 wrong use or nothing selected,\n"
		"3 there is no lab.\n",
	.main = test_main,
};
