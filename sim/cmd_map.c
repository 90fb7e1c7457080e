/* SPDX-License-Identifier: MIT */
/* cmd_map.c - igdlab map: open a port. */
#include "controlpoint.h"

static int main_map(int argc, char **argv)
{
	return cp_mapping_command(&cmd_map, cp_map, argc, argv);
}

const struct cmd cmd_map = {
	.name = "map",
	.arguments = "[OPTION]...",
	.summary = "open a port on the router, and on the routers behind it",
	.details = CP_MAPPING_HELP
	"  --lease S          seconds, 0 = permanent (default 3600)\n"
	"  --description TEXT what the router shows (default \"igdlab PROTOCOL PORT\")\n"
	"  --any              AddAnyPortMapping where the router has version 2\n"
	"  --exact            that external port or none (PCP: PREFER_FAILURE)\n"
	"  --keep             stay, renew, and take the mapping away at SIGTERM or "
	"SIGINT\n" CP_COMMON_HELP "\n"
	"Exit status: 0 every router that was found holds the mapping; 1 no router, or one "
	"refused;\n"
	"2 wrong use. A port that is somebody else's moves to the next free one.\n",
	.main = main_map,
};
