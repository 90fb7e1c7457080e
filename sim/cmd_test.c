/* SPDX-License-Identifier: MIT */
/*
 * cmd_test.c - igdlab test: a suite against a program or a router.
 *
 * The suites are pytest's (cases/); this reads the options, passes them in the environment
 * (cases/daemon/conftest.py and cases/client/conftest.py say which) and becomes
 * cases/harness/runner.py, or cases/harness/checkadapter.py.
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
	bool resume;
	bool check_adapter;
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

/* The subjects, separated by blanks; files as they are seen from anywhere. NULL after a complaint.
 */
static char *join(const struct operands *rest)
{
	struct buf words = {0};

	for (int i = 1; i < rest->argc; i++) {
		const char *name = rest->argv[i];
		bool file = strchr(name, '/') && strncmp(name, "fakeigd:", 8) != 0;
		char *path = file ? absolute(name) : NULL;

		buf_printf(&words, "%s%s", i > 1 ? " " : "", path ? path : name);
		free(path);
	}
	return buf_steal(&words);
}

static int become(const struct test *test, const struct operands *rest)
{
	char *folder = test->out ? absolute(test->out) : NULL, *programs, *subjects;
	bool clients = strcmp(rest->argv[0], "client") == 0;
	char *argv[] = {(char *)PYTHON, (char *)"-m",
			(char *)(test->check_adapter ? "cases.harness.checkadapter"
						     : "cases.harness.runner"),
			NULL};

	if (test->out && !folder)
		return EXIT_USAGE;
	programs = setup_program(NULL);
	subjects = join(rest);
	pass("IGDLAB_SUITE", rest->argv[0]);
	pass("IGDLAB_SUBJECT", clients ? NULL : subjects);
	pass("IGDLAB_CLIENTS", clients ? subjects : NULL);
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
	pass_flag("IGDLAB_RESUME", test->resume);
	pass_flag("PYTHONDONTWRITEBYTECODE", true);
	pass_output(test->json);
	execv(PYTHON, argv);
	fprintf(stderr, "igdlab test: %s: %s\n", PYTHON, strerror(errno));
	free(folder);
	free(programs);
	free(subjects);
	return EXIT_LAB;
}

/* What only one of the suites has. */
static int check_suite(const struct test *test, const struct operands *rest, bool clients)
{
	if (!clients && rest->argc > 2)
		return cmd_usage_error(&cmd_test, "expected one subject, found \"%s\" too",
				       rest->argv[2]);
	if (!clients && (test->resume || test->check_adapter))
		return cmd_usage_error(&cmd_test, "%s is for clients",
				       test->resume ? "--resume" : "--check-adapter");
	if (clients && (test->keep || test->shell))
		return cmd_usage_error(&cmd_test,
				       "%s is for daemons; a client's case is done "
				       "again by its replay.sh",
				       test->keep ? "--keep" : "--shell-on-fail");
	if (test->resume && !test->out)
		return cmd_usage_error(&cmd_test, "--resume needs -o: the folder of the run that "
						  "was interrupted");
	return OPT_GO_ON;
}

static int check_use(const struct test *test, const struct operands *rest)
{
	bool clients = rest->argc && strcmp(rest->argv[0], "client") == 0;

	if (!clients && (!rest->argc || strcmp(rest->argv[0], "daemon") != 0))
		return cmd_usage_error(&cmd_test, "what? expected \"client\" or \"daemon\"%s%s%s",
				       rest->argc ? ", found \"" : "",
				       rest->argc ? rest->argv[0] : "", rest->argc ? "\"" : "");
	if (rest->argc < 2)
		return cmd_usage_error(&cmd_test, "which %s? see igdlab list %ss", rest->argv[0],
				       rest->argv[0]);
	for (int i = 1; i < rest->argc; i++) {
		if (!*rest->argv[i] || strpbrk(rest->argv[i], " \t\n"))
			return cmd_usage_error(&cmd_test, "a subject is one word, found \"%s\"",
					       rest->argv[i]);
	}
	if ((test->keep || test->shell) && !clients && !test->out)
		return cmd_usage_error(&cmd_test, "%s needs -o",
				       test->keep ? "--keep" : "--shell-on-fail");
	if (test->shell && test->workers > 1)
		return cmd_usage_error(&cmd_test, "--shell-on-fail is for one lab at a time; "
						  "leave -n out");
	return check_suite(test, rest, clients);
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
		{0, "resume", OPT_FLAG, &test.resume, 0, 0},
		{0, "check-adapter", OPT_FLAG, &test.check_adapter, 0, 0},
		{'o', "output", OPT_TEXT, &test.out, 0, 0},
		{0, "json", OPT_FLAG, &test.json, 0, 0},
	};
	struct operands rest;
	int status = opt_parse(&cmd_test, options, ARRAY_SIZE(options), false, argc, argv, &rest);

	if (status == OPT_GO_ON)
		status = check_use(&test, &rest);
	return status == OPT_GO_ON ? become(&test, &rest) : status;
}

const struct cmd cmd_test = {
	.name = "test",
	.arguments = "daemon SUBJECT | client ADAPTER... [--select WORDS] [-n N] [--shard I/N] "
		     "[--repeat N] [--long] [--no-known] [-o DIR] [--json]",
	.summary = "check a router or daemon clause by clause, or what a client does with every "
		   "router",
	.details =
		"daemon: SUBJECT is fakeigd:PROFILE[+QUIRK...], a daemon of \"igdlab list "
		"daemons\"\n"
		"or the name that its builds share (miniupnpd), or a file of that form; a router "
		"on\n"
		"a network card is one with kind: remote.\n"
		"client: ADAPTER is a client of \"igdlab list clients\", a file of that form, or "
		"any\n"
		"executable that follows the contract of cases/clients/README.md; \"all\" is "
		"every\n"
		"client that is installed here. It meets each quirk, profile and topology.\n"
		"\n"
		"      --select WORDS    daemon: which requirements: patterns of ids, level:MUST,\n"
		"                        area:soap, side:daemon, spec:UDA2; client: which cases:\n"
		"                        patterns of names, kind:quirk, layer:soap, must:mapped,\n"
		"                        id:CP-*; ! before a word leaves it out\n"
		"  -n, --workers N       N labs at a time; clients wait more than they work\n"
		"      --shard I/N       the I-th of N parts of the checks or cases\n"
		"      --repeat N        every check or case N times\n"
		"      --long            wait as long as checks need; 5 s each otherwise\n"
		"      --no-known        as if the adapter listed no known failures\n"
		"      --keep            daemon: labs of checks that failed stay; igdlab down "
		"ends\n"
		"                        them\n"
		"      --shell-on-fail   daemon: a shell in the lab of each check that fails\n"
		"      --resume          client: leave out what the folder of -o already holds,\n"
		"                        but for what the machine was too busy for\n"
		"      --check-adapter   client: only tell what is wrong with the adapter\n"
		"  -o, --output DIR      results.json, junit.xml, report.html and a folder per "
		"check\n"
		"                        or case that failed; of clients cases.ndjson, summary.md "
		"too\n"
		"      --json            results.json on standard output\n"
		"\n"
		"Exit status: 0 nothing failed, 1 something did, 2 wrong use or nothing selected,\n"
		"3 there is no lab.\n",
	.main = test_main,
};
