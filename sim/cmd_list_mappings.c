/* SPDX-License-Identifier: MIT */
/* cmd_list_mappings.c - igdlab list-mappings: print the port mappings of the routers. */
#include "controlpoint.h"

static int main_list_mappings(int argc, char **argv)
{
	struct cp_command c;
	int status = cp_command_parse(&cmd_list_mappings, &c, NULL, 0, argc, argv);
	struct cp *cp;

	if (status != OPT_GO_ON)
		return status;
	cp = cp_new(&c.options, cmd_list_mappings.name);
	cp_list(cp);
	return cp_finish(cp);
}

const struct cmd cmd_list_mappings = {
	.name = "list-mappings",
	.arguments = "[OPTION]...",
	.summary = "print the port mappings of the routers",
	.details = CP_COMMON_HELP,
	.main = main_list_mappings,
};
