/* SPDX-License-Identifier: MIT */
/* cmd_unmap.c - igdlab unmap: close what map opened. */
#include "controlpoint.h"

static int main_unmap(int argc, char **argv)
{
	return cp_mapping_command(&cmd_unmap, cp_unmap, argc, argv);
}

const struct cmd cmd_unmap = {
	.name = "unmap",
	.arguments = "[OPTION]...",
	.summary = "take away what map made, on every router",
	.details = CP_MAPPING_HELP CP_COMMON_HELP
	"\n"
	"Exit status: 0 removed; 1 no router, nothing of ours, or it refused; 2 wrong use.\n",
	.main = main_unmap,
};
