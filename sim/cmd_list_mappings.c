/* SPDX-License-Identifier: MIT */
/* cmd_list_mappings.c - igdlab list-mappings: print the port mappings of the routers. */
#include "controlpoint.h"

static int main_list_mappings(int argc, char **argv)
{
	return cp_plain_command(&cmd_list_mappings, cp_list, argc, argv);
}

const struct cmd cmd_list_mappings = {
	.name = "list-mappings",
	.arguments = "[OPTION]...",
	.summary = "print the port mappings of the routers",
	.details = CP_COMMON_HELP,
	.main = main_list_mappings,
};
