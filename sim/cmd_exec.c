/* SPDX-License-Identifier: MIT */
/* cmd_exec.c - igdlab exec: a command on a node of a lab that runs. */
#include "command.h"
#include "opt.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int run_on(struct lab *lab, const char *node, const struct operands *words)
{
	char *why = NULL, *cwd = getcwd(NULL, 0);
	struct command command = {
		.node = node, .argv = words->argv, .argc = words->argc, .cwd = cwd};
	int status = command_run(lab, &command, &why);

	if (status == OPT_GO_ON)
		status = command.status;
	else
		fprintf(stderr, "igdlab exec: %s\n", why ? why : "the command did not start");
	free(why);
	free(cwd);
	command_free(&command);
	return status;
}

static int exec_main(int argc, char **argv)
{
	struct operands rest;
	const char *node;
	struct lab lab;
	int status = opt_parse(&cmd_exec, NULL, 0, true, argc, argv, &rest);

	if (status != OPT_GO_ON)
		return status;
	if (rest.argc < 2)
		return cmd_usage_error(&cmd_exec, rest.argc ? "which command?" : "which node?");
	status = lab_pick_node(&cmd_exec, rest.argv[0], &lab, &node);
	if (status)
		return status;
	status = run_on(&lab, node, &(struct operands){rest.argv + 1, rest.argc - 1});
	lab_close(&lab);
	return status;
}

const struct cmd cmd_exec = {
	.name = "exec",
	.arguments = "[N:]NODE COMMAND...",
	.summary = "run a command on a node of a running lab",
	.details =
		"N is the lab's name; it may be left out when only one runs. Input, output and\n"
		"signals go to the command. Exit status: the command's, 128 + S after signal S;\n"
		"2 wrong use, 3 the lab went away.\n",
	.main = exec_main,
};
