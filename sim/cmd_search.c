/* SPDX-License-Identifier: MIT */
/* cmd_search.c - igdlab search: print what answers a search for gateways. */
#include "controlpoint.h"

static int main_search(int argc, char **argv)
{
	struct cp_command c;
	int status = cp_command_parse(&cmd_search, &c, NULL, 0, argc, argv);
	struct cp *cp;

	if (status != OPT_GO_ON)
		return status;
	cp = cp_new(&c.options, cmd_search.name);
	cp_search(cp);
	return cp_finish(cp);
}

const struct cmd cmd_search = {
	.name = "search",
	.arguments = "[OPTION]...",
	.summary = "print what answers a search for gateways",
	.details = CP_COMMON_HELP,
	.main = main_search,
};
