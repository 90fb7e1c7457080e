/* SPDX-License-Identifier: MIT */
/* command.h - running the subject on a node: output, signals, end. */
#ifndef SIM_COMMAND_H
#define SIM_COMMAND_H

#include "ask.h"

/* What of each output stream goes into the result; the log files have everything. */
#define COMMAND_TEXT_MAX ((size_t)64 * 1024)

/**
 * struct command - a program to run, and how it went
 * @node, @argv, @argc: what to run where
 * @cwd:	where, NULL = the lab's choice
 * @quiet:	keep its output from ours
 * @evidence:	directory for command.stdout and command.stderr, NULL = none
 * @status:	exit status as a shell tells it
 * @interrupted: signal that we got and passed on, 0 = none
 * @seconds:	how long it ran
 * @text:	its standard output and error, the first COMMAND_TEXT_MAX bytes, when @quiet or
 *		@evidence; else they went straight to ours
 */
struct command {
	const char *node;
	char **argv;
	int argc;
	const char *cwd;
	bool quiet;
	const char *evidence;
	int status;
	int interrupted;
	double seconds;
	struct buf text[2];
};

/**
 * command_run() - start it, pass signals on, wait for its end
 *
 * Until then SIGINT, SIGTERM, SIGHUP and SIGQUIT of this process go to the command; a second one
 * kills it.
 *
 * Return: OPT_GO_ON; EXIT_USAGE when it could not be started, EXIT_LAB when the lab went away, with
 * the sentence in @why (caller frees).
 */
int command_run(struct lab *lab, struct command *command, char **why);
void command_free(struct command *command);

#endif
