/* SPDX-License-Identifier: MIT */
/* cmd.h - the verbs of the command line: one small file each, one table in main.c. */
#ifndef SIM_CMD_H
#define SIM_CMD_H

#include "../fakeigd/base/buf.h"
#include "../fakeigd/base/diag.h"
#include "../fakeigd/base/mem.h"

/* Exit status (DESIGN clause 5). */
#define EXIT_FINE    0 /* as it should be */
#define EXIT_VERDICT 1 /* a verdict against the subject */
#define EXIT_USAGE   2 /* wrong use */
#define EXIT_LAB     3 /* the lab could not be built */

/**
 * struct cmd - a verb
 * @name:	as typed
 * @arguments:	after the name in the usage line
 * @summary:	one line
 * @details:	what --help prints below the usage line: every option
 * @main:	argv[0] is the verb; returns an exit status
 */
struct cmd {
	const char *name;
	const char *arguments;
	const char *summary;
	const char *details;
	int (*main)(int argc, char **argv);
};

/* Each defined in cmd_NAME.c. */
extern const struct cmd cmd_run, cmd_up, cmd_exec, cmd_shell, cmd_ps, cmd_down, cmd_list, cmd_show;
extern const struct cmd cmd_map, cmd_unmap, cmd_list_mappings, cmd_external_ip, cmd_search;
extern const struct cmd cmd_pinhole;
extern const struct cmd cmd_test, cmd_import, cmd_diff, cmd_learn, cmd_replay, cmd_report;

/** cmd_table - all verbs; ends with NULL. */
extern const struct cmd *const cmd_table[];
/** cmd_usage_error() - "igdlab VERB: sentence; see igdlab VERB --help" on stderr. Return:
 * EXIT_USAGE. */
int cmd_usage_error(const struct cmd *cmd, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/** cmd_complain() - the complaints on stderr; frees them. Return: EXIT_USAGE. */
int cmd_complain(struct diag *d);
/** cmd_print_clean() - a text that comes from strangers on stdout: no control characters reach a
 * terminal. */
void cmd_print_clean(const char *text);

#endif
