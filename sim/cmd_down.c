/* SPDX-License-Identifier: MIT */
/* cmd_down.c - igdlab down: the end of labs that stayed. */
#include "leave.h"
#include "opt.h"

#include <stdio.h>
#include <stdlib.h>

static int end_one(const char *name)
{
	struct lab lab;
	int status = lab_pick(&cmd_down, name, &lab, NULL);

	return status ? status : leave_lab(&cmd_down, &lab);
}

/* Whether a program that still runs made a lab for itself (up --foreground, a suite, a library). */
static bool is_held(struct lab *lab, const char *name)
{
	json_t *info = ask_op(lab, "info", NULL);
	bool held = json_is_true(json_object_get(info, "attached"));

	if (held)
		fprintf(stderr,
			"igdlab down: %s goes on: the program that started it runs; --yes ends it "
			"too\n",
			name);
	json_decref(info);
	return held;
}

/*
 * Every lab that stayed, with @held also those of programs that run. One that ended meanwhile is as
 * it should be.
 */
static int end_all(bool held)
{
	char **names;
	size_t count = lab_list(&names);
	int worst = EXIT_FINE;

	for (size_t i = 0; i < count; i++) {
		struct lab lab;

		if (lab_connect(names[i], &lab)) {
			free(names[i]);
			continue;
		}
		if (!held && is_held(&lab, names[i])) {
			lab_close(&lab);
		} else {
			int status = leave_lab(&cmd_down, &lab);

			worst = status > worst ? status : worst;
		}
		free(names[i]);
	}
	free(names);
	return worst;
}

static int down_main(int argc, char **argv)
{
	bool all = false, yes = false;
	const struct opt options[] = {
		{'a', "all", OPT_FLAG, &all, 0, 0},
		{'y', "yes", OPT_FLAG, &yes, 0, 0},
	};
	struct operands rest;
	int status = opt_parse(&cmd_down, options, ARRAY_SIZE(options), false, argc, argv, &rest);

	if (status != OPT_GO_ON)
		return status;
	if (yes && !all)
		return cmd_usage_error(&cmd_down, "--yes goes with --all");
	if (all)
		return rest.argc ? cmd_usage_error(&cmd_down, "--all and names exclude each other")
				 : end_all(yes);
	if (!rest.argc)
		return end_one(NULL);
	status = EXIT_FINE;
	for (int i = 0; i < rest.argc; i++) {
		int one = end_one(rest.argv[i]);

		status = one > status ? one : status;
	}
	return status;
}

const struct cmd cmd_down = {
	.name = "down",
	.arguments = "[N]... [--all [--yes]]",
	.summary = "end running labs",
	.details = "Without a name the only lab that runs. A lab that was started with -o has its\n"
		   "evidence finished. What runs in the lab is ended with it.\n"
		   "\n"
		   "  -a, --all  every lab of this user, but for those whose starter still runs\n"
		   "  -y, --yes  those too; goes with --all\n",
	.main = down_main,
};
