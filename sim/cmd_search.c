/* SPDX-License-Identifier: MIT */
/* cmd_search.c - igdlab search: print what answers a search for gateways. */
#include "controlpoint.h"

static int main_search(int argc, char **argv)
{
	return cp_plain_command(&cmd_search, cp_search, argc, argv);
}

const struct cmd cmd_search = {
	.name = "search",
	.arguments = "[OPTION]...",
	.summary = "print what answers a search for gateways",
	.details = CP_COMMON_HELP,
	.main = main_search,
};
