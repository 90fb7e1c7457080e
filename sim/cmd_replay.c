/* SPDX-License-Identifier: MIT */
/* cmd_replay.c - igdlab replay: one side of a recorded flow, played to the other one live. */
#include "opt.h"
#include "replay.h"

#include <string.h>

static int replay_main(int argc, char **argv)
{
	struct replay_options o = {0};
	const char *as = NULL;
	const struct opt options[] = {
		{0, "as", OPT_TEXT, &as, 0, 0},
		{'t', "topology", OPT_TEXT, &o.topology, 0, 0},
		{'p', "profile", OPT_TEXT, &o.profile, 0, 0},
		{'o', "output", OPT_TEXT, &o.out, 0, 0},
		{0, "json", OPT_FLAG, &o.json, 0, 0},
	};
	struct operands rest;
	int status = opt_parse(&cmd_replay, options, ARRAY_SIZE(options), false, argc, argv, &rest);

	if (status != OPT_GO_ON)
		return status;
	if (rest.argc < 1)
		return cmd_usage_error(&cmd_replay, "expected a flow; see igdlab list flows");
	if (!as || strcmp(as, "router") != 0)
		return cmd_usage_error(&cmd_replay, "expected --as router");
	o.flow = rest.argv[0];
	o.argv = rest.argv + 1;
	o.argc = rest.argc - 1;
	return replay_router(&cmd_replay, &o);
}

const struct cmd cmd_replay = {
	.name = "replay",
	.arguments =
		"FLOW --as router [-t TOPOLOGY] [-p PROFILE] [-o DIR] [--json] [-- COMMAND...]",
	.summary = "play one side of a recorded flow to the other one live",
	.details =
		"--as router: COMMAND (default: igdlab map) runs on the client of a lab whose "
		"router was\n"
		"learned from the flow and gives its answers. Afterwards every request of the "
		"client is\n"
		"told: answered from the flow, adapted (the same with the lab's addresses), or "
		"beyond it.\n"
		"\n"
		"      --as router            which side is played\n"
		"  -t, --topology TOPOLOGY    lab to use (default: one with the flow's addresses)\n"
		"  -p, --profile PROFILE      this router with the flow's answers laid over it\n"
		"  -o, --output DIR           leave evidence there, and the files that made the "
		"lab\n"
		"      --json                 print one JSON object instead of text\n"
		"\n"
		"Exit status: 0 the command succeeded and every mapping carries packets, 1 not "
		"so,\n"
		"2 wrong use, 3 the lab could not be built.\n",
	.main = replay_main,
};
