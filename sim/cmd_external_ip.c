/* SPDX-License-Identifier: MIT */
/* cmd_external_ip.c - igdlab external-ip: print the external address. */
#include "controlpoint.h"

static int main_external_ip(int argc, char **argv)
{
	return cp_plain_command(&cmd_external_ip, cp_external_address, argc, argv);
}

const struct cmd cmd_external_ip = {
	.name = "external-ip",
	.arguments = "[OPTION]...",
	.summary = "print the external address",
	.details = CP_COMMON_HELP,
	.main = main_external_ip,
};
