/* SPDX-License-Identifier: MIT */
/* cmd_external_ip.c - igdlab external-ip: print the external address. */
#include "controlpoint.h"

static int main_external_ip(int argc, char **argv)
{
	struct cp_command c;
	int status = cp_command_parse(&cmd_external_ip, &c, NULL, 0, argc, argv);
	struct cp *cp;

	if (status != OPT_GO_ON)
		return status;
	cp = cp_new(&c.options, cmd_external_ip.name);
	cp_external_address(cp);
	return cp_finish(cp);
}

const struct cmd cmd_external_ip = {
	.name = "external-ip",
	.arguments = "[OPTION]...",
	.summary = "print the external address",
	.details = CP_COMMON_HELP,
	.main = main_external_ip,
};
