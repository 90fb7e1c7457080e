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

/* Every lab; one that ended meanwhile is as it should be. */
static int end_all(void)
{
	char **names;
	size_t count = lab_list(&names);
	int worst = EXIT_FINE;

	for (size_t i = 0; i < count; i++) {
		struct lab lab;

		if (!lab_connect(names[i], &lab)) {
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
	bool all = false;
	const struct opt options[] = {{'a', "all", OPT_FLAG, &all, 0, 0}};
	struct operands rest;
	int status = opt_parse(&cmd_down, options, ARRAY_SIZE(options), false, argc, argv, &rest);

	if (status != OPT_GO_ON)
		return status;
	if (all)
		return rest.argc ? cmd_usage_error(&cmd_down, "--all and names exclude each other")
				 : end_all();
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
	.arguments = "[N]... [--all]",
	.summary = "end running labs",
	.details = "Without a name the only lab that runs. A lab that was started with -o has its\n"
		   "evidence finished. What runs in the lab is ended with it.\n"
		   "\n"
		   "  -a, --all  every lab of this user\n",
	.main = down_main,
};
