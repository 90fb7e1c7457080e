/* SPDX-License-Identifier: MIT */
/* cmd_replay.c - igdlab replay: one side of a recorded flow, played to the other one live. */
#include "opt.h"
#include "replay.h"

#include <string.h>

static int as_router(struct replay_options *o, const char *speed)
{
	if (o->quirks.count || o->daemon || o->to || speed)
		return cmd_usage_error(&cmd_replay,
				       "--quirk, --daemon, --to and --speed go with --as client");
	if (o->profiles.count > 1)
		return cmd_usage_error(&cmd_replay, "--profile twice: --as router plays one");
	return replay_router(&cmd_replay, o);
}

static int as_client(struct replay_options *o, const char *speed)
{
	if (o->argc)
		return cmd_usage_error(&cmd_replay,
				       "--as client plays the client itself: no command, found %s",
				       o->argv[0]);
	if (speed && strcmp(speed, "recorded") != 0 && strcmp(speed, "full") != 0)
		return cmd_usage_error(&cmd_replay, "--speed %s: expected recorded or full", speed);
	if (o->to && (o->topology || o->profiles.count || o->quirks.count || o->daemon || o->out))
		return cmd_usage_error(&cmd_replay,
				       "--to goes to this network; -t, -p, -q, -o and --daemon are "
				       "for labs");
	if (o->daemon && (o->profiles.count || o->quirks.count))
		return cmd_usage_error(&cmd_replay,
				       "--daemon has no profile: -p and -q do not go with it");
	o->recorded_speed = speed && !strcmp(speed, "recorded");
	return replay_client(&cmd_replay, o);
}

static int replay_main(int argc, char **argv)
{
	struct replay_options o = {0};
	const char *as = NULL, *speed = NULL;
	const struct opt options[] = {
		{0, "as", OPT_TEXT, &as, 0, 0},
		{'t', "topology", OPT_TEXT, &o.topology, 0, 0},
		{'p', "profile", OPT_LIST, &o.profiles, 0, 0},
		{'q', "quirk", OPT_LIST, &o.quirks, 0, 0},
		{0, "daemon", OPT_TEXT, &o.daemon, 0, 0},
		{0, "to", OPT_TEXT, &o.to, 0, 0},
		{0, "speed", OPT_TEXT, &speed, 0, 0},
		{'o', "output", OPT_TEXT, &o.out, 0, 0},
		{0, "json", OPT_FLAG, &o.json, 0, 0},
	};
	struct operands rest;
	int status = opt_parse(&cmd_replay, options, ARRAY_SIZE(options), false, argc, argv, &rest);

	if (status == OPT_GO_ON && rest.argc < 1)
		status = cmd_usage_error(&cmd_replay, "expected a flow; see igdlab list flows");
	if (status == OPT_GO_ON && (!as || (strcmp(as, "router") && strcmp(as, "client"))))
		status = cmd_usage_error(&cmd_replay, "expected --as router or --as client");
	if (status == OPT_GO_ON) {
		o.flow = rest.argv[0];
		o.argv = rest.argv + 1;
		o.argc = rest.argc - 1;
		status = strcmp(as, "router") ? as_client(&o, speed) : as_router(&o, speed);
	}
	names_free(&o.profiles);
	names_free(&o.quirks);
	return status;
}

const struct cmd cmd_replay = {
	.name = "replay",
	.arguments = "FLOW --as router|client [OPTION]... [-- COMMAND...]",
	.summary = "play one side of a recorded flow to the other one live",
	.details =
		"--as router: COMMAND (default: igdlab map, by the flow's protocol) runs on the "
		"client "
		"of a\n"
		"lab whose router was learned from the flow and gives its answers. Afterwards "
		"every request of the "
		"client is\n"
		"told: answered from the flow, adapted (the same with the lab's addresses), or "
		"beyond it.\n"
		"--as client: the client's requests go to a live router, with its addresses and "
		"URLs; each\n"
		"exchange is same, cosmetic (form only), different or missing.\n"
		"\n"
		"      --as router|client     which side is played\n"
		"  -t, --topology TOPOLOGY    lab to use (default: one with the flow's addresses; "
		"as\n"
		"                             client: flat)\n"
		"  -p, --profile PROFILE      as router: this one with the flow's answers laid "
		"over it; as\n"
		"                             client: [NODE=]PROFILE, the router to speak to\n"
		"  -q, --quirk [NODE=]QUIRK   as client: quirk to lay over it; may be repeated\n"
		"      --daemon NAME          as client: a daemon of igdlab list daemons instead\n"
		"      --to ADDRESS[:PORT]    as client: a router on this network, no lab; PORT of "
		"its\n"
		"                             pages, when no search finds them\n"
		"      --speed full|recorded  as client: one request after the other, a lab's "
		"clock\n"
		"                             follows the flow (default); or wait as long as was "
		"recorded\n"
		"  -o, --output DIR           leave evidence there, and the files that made the "
		"lab\n"
		"      --json                 print one JSON object instead of text\n"
		"\n"
		"Exit status: as router 0 the command succeeded and every mapping carries "
		"packets; as\n"
		"client 0 nothing is different or missing; 1 not so, 2 wrong use, 3 the lab could "
		"not be\n"
		"built.\n",
	.main = replay_main,
};
