/* SPDX-License-Identifier: MIT */
/*
 * cmd_run.c - igdlab run: one lab, one command, one verdict.
 *
 * Theory of operation: the lab is built and every router answers; the command runs on the client;
 * when it has ended, the routers' tables are read and a packet is sent through every mapping that
 * leads in from the internet (effect.h); the lab ends. With -o the kernel's state is written down
 * before and after, and the evidence is finished when nobody writes any more.
 */
#include "../fakeigd/base/clock.h"
#include "evidence.h"
#include "record.h"
#include "result.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/**
 * struct run - a run from its command line to its result
 * @before, @after: the routers' tables around the command
 * @record_as:	name of the case to keep it as, NULL = none; @record: where
 * @words:	the command as typed
 */
struct run {
	struct setup setup;
	bool json, temporary;
	struct lab lab;
	struct command command;
	struct result result;
	struct effect_table before, after;
	const char *record_as;
	struct record record;
	struct operands words;
};

/* -- @client and the like ---------------------------------------------------------------------- */

static const struct port *port_towards(const struct topology *t, int node, int other)
{
	for (size_t i = 0; node >= 0 && other >= 0 && i < t->nodes[node].port_count; i++)
		for (size_t j = 0; j < t->nodes[other].port_count; j++)
			if (t->nodes[node].ports[i].network == t->nodes[other].ports[j].network)
				return &t->nodes[node].ports[i];
	return NULL;
}

static const struct port *first_port(const struct topology *t, int node)
{
	return node >= 0 && t->nodes[node].port_count ? &t->nodes[node].ports[0] : NULL;
}

/* The port whose address a word stands for, NULL when the topology has none. */
static const struct port *find_port(const struct topology *t, const char *word)
{
	int client = topology_client(t), peer = topology_node(t, "peer");
	int gateway = client >= 0 ? t->nodes[client].gateway : -1;
	const struct port *port;

	if (!strcmp(word, "client")) {
		port = port_towards(t, client, gateway);
		return port ? port : first_port(t, client);
	}
	if (!strcmp(word, "gateway"))
		return port_towards(t, gateway, client);
	if (!strcmp(word, "external"))
		return port_towards(t, topology_outermost(t), peer);
	return first_port(t, peer);
}

static bool add_address(const struct port *port, struct buf *out)
{
	char text[INET6_ADDRSTRLEN];

	if (!port)
		return false;
	if (port->address.s_addr != INADDR_ANY)
		inet_ntop(AF_INET, &port->address, text, sizeof(text));
	else if (!IN6_IS_ADDR_UNSPECIFIED(&port->address6))
		inet_ntop(AF_INET6, &port->address6, text, sizeof(text));
	else
		return false;
	buf_puts(out, text);
	return true;
}

/* The name that starts at "@": its index in @names, -1 = none of them. */
static int match_name(const char *at, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(names[i]);
		char next = strncmp(at + 1, names[i], len) ? 'x' : at[1 + len];

		if (!((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') ||
		      (next >= '0' && next <= '9') || next == '_' || next == '-'))
			return (int)i;
	}
	return -1;
}

/* Put addresses in. Return: the word, or NULL after a complaint. */
static char *substitute(const struct cmd *cmd, const struct topology *t, const char *word)
{
	static const char *const names[] = {"client", "gateway", "external", "peer"};
	struct buf out = {0};

	while (*word) {
		int name = *word == '@' ? match_name(word, names, ARRAY_SIZE(names)) : -1;

		if (name < 0) {
			buf_putc(&out, *word++);
		} else if (add_address(find_port(t, names[name]), &out)) {
			word += 1 + strlen(names[name]);
		} else {
			cmd_usage_error(cmd, "@%s: topology %s has no such address", names[name],
					t->name);
			buf_free(&out);
			return NULL;
		}
	}
	return buf_steal(&out);
}

/* The command's words; without any, our own "map". Return: OPT_GO_ON or a status. */
static int make_words(struct run *run, const struct operands *rest)
{
	struct command *command = &run->command;

	command->argv = xcalloc((size_t)rest->argc + 3, sizeof(*command->argv));
	if (!rest->argc) {
		char path[PATH_MAX];
		ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

		path[len > 0 ? len : 0] = '\0';
		command->argv[command->argc++] = xstrdup(len > 0 ? path : "igdlab");
		command->argv[command->argc++] = xstrdup("map");
		return OPT_GO_ON;
	}
	for (int i = 0; i < rest->argc; i++) {
		char *word = substitute(&cmd_run, run->setup.topology, rest->argv[i]);

		if (!word)
			return EXIT_USAGE;
		command->argv[command->argc++] = word;
	}
	return OPT_GO_ON;
}

/* -- evidence ---------------------------------------------------------------------------------- */

/* One command that does it again. */
static void write_replay(const struct run *run, int argc, char **argv)
{
	struct buf text = {0};
	char *program = setup_program("igdlab");

	buf_puts(&text, "#!/bin/sh\n# Once more, into the directory $1 (default: again, beside "
			"this file).\nset -e\nout=${1:-$(dirname \"$0\")/again}\nmkdir -p "
			"\"$out\"\nout=$(realpath \"$out\")\n");
	buf_puts(&text, "cd ");
	shell_quote(&text, run->setup.cwd ? run->setup.cwd : "/");
	buf_puts(&text, "\nexec ");
	shell_quote(&text, program);
	buf_puts(&text, " run -o \"$out\"");
	for (int i = 0; i < argc; i++) {
		buf_putc(&text, ' ');
		shell_quote(&text, argv[i]);
	}
	buf_putc(&text, '\n');
	text_to_file(run->setup.evidence, "replay.sh", text.data, 0777);
	buf_free(&text);
	free(program);
}

/* Our arguments without -o DIR, in a form that can be given again. */
static void replay_arguments(const struct setup *setup, const struct operands *rest,
			     struct names *out)
{
	names_add(out, "-t");
	names_add(out, setup->topology_name ? setup->topology_name : "flat");
	for (size_t i = 0; i < setup->profiles.count; i++) {
		names_add(out, "-p");
		names_add(out, setup->profiles.items[i]);
	}
	for (size_t i = 0; i < setup->quirks.count; i++) {
		names_add(out, "-q");
		names_add(out, setup->quirks.items[i]);
	}
	if (setup->no_capture)
		names_add(out, "--no-capture");
	names_add(out, "--");
	for (int i = 0; i < rest->argc; i++)
		names_add(out, rest->argv[i]);
}

/* nftables and connections of every router, as NODE.nft-WHEN.txt and NODE.conntrack-WHEN.json. */
static void write_kernel_state(struct run *run, const char *when)
{
	const struct topology *t = run->setup.topology;

	for (size_t i = 0; i < t->node_count; i++) {
		const char *name = t->nodes[i].name, *rules;
		char *file;
		json_t *state;

		if (t->nodes[i].kind != NODE_ROUTER)
			continue;
		state = ask_json(&run->lab, json_pack("{s:s, s:s}", "op", "state", "node", name),
				 NULL);
		rules = json_string_value(json_object_get(state, "nft"));
		file = xasprintf("%s.nft-%s.txt", name, when);
		if (rules)
			text_to_file(run->setup.evidence, file, rules, 0666);
		free(file);
		file = xasprintf("%s.conntrack-%s.json", name, when);
		if (state)
			json_to_file(run->setup.evidence, file,
				     json_object_get(state, "conntrack"));
		free(file);
		json_decref(state);
	}
}

static void write_lab(struct run *run)
{
	json_t *info = ask_op(&run->lab, "info", NULL);

	if (info)
		json_to_file(run->setup.evidence, "lab.json", info);
	json_decref(info);
}

/* -- the routers' tables ----------------------------------------------------------------------- */

/* A router may have been given another WAN address meanwhile: effect goes by the one it has. */
static void take_address(struct node *node, const json_t *state)
{
	const json_t *wan = json_object_get(state, "wan");
	const char *text = json_string_value(json_object_get(wan, "address"));
	struct in_addr address;

	for (size_t i = 0; i < node->port_count; i++)
		if (node->ports[i].role == PORT_WAN && text &&
		    inet_pton(AF_INET, text, &address) == 1 && address.s_addr != INADDR_ANY)
			node->ports[i].address = address;
}

/* A list that a router tells in parts, all of them together. */
static json_t *read_parts(struct run *run, struct node *node, const char *op, const char *list)
{
	json_t *all = json_array();
	json_int_t first = 0;

	do {
		json_t *part = ask_router(&run->lab, node->name,
					  json_pack("{s:s, s:I}", "op", op, "first", first), NULL);

		json_array_extend(all, json_object_get(part, list));
		take_address(node, part);
		/* Zero when this was the last part, or nobody answered. */
		first = json_integer_value(json_object_get(part, "next"));
		json_decref(part);
	} while (first > 0);
	return all;
}

/* Mappings of one router into @table. Return: the "mappings" of its state. */
static json_t *read_router(struct run *run, size_t index, struct effect_table *table)
{
	json_t *mappings = read_parts(run, &run->setup.topology->nodes[index], "state", "mappings");

	effect_add(table, index, mappings);
	return mappings;
}

/* Pinholes of all routers, tried and added to the result. Return: how many are not as they should
 * be. */
static size_t verify_pinholes(struct run *run)
{
	const struct topology *t = run->setup.topology;
	size_t wrong = 0;

	for (size_t i = 0; i < t->node_count; i++) {
		struct node *node = &run->setup.topology->nodes[i];
		json_t *pinholes, *router = json_object_get(run->result.routers, node->name);

		if (node->kind != NODE_ROUTER || !node->igd)
			continue;
		pinholes = read_parts(run, node, "pinholes", "pinholes");
		wrong += effect_verify_pinholes(&run->lab, t, i, pinholes, run->result.effect);
		if (json_array_size(pinholes))
			json_object_set(router, "pinholes", pinholes);
		json_decref(pinholes);
	}
	return wrong;
}

/* A file of the evidence by its name alone when the folder will be removed. */
static const char *shown(const struct run *run, const char *file)
{
	size_t len = run->temporary && run->setup.out ? strlen(run->setup.out) : 0;

	return len && file && !strncmp(file, run->setup.out, len) && file[len] == '/'
		       ? file + len + 1
		       : file;
}

static json_t *read_quirks(const struct run *run, const struct node *node)
{
	json_t *quirks = json_array();

	for (size_t i = 0; i < node->quirk_count; i++)
		json_array_append_new(quirks, json_string(shown(run, node->quirks[i])));
	return quirks;
}

/* All routers' tables. Return: JSON object by name. */
static json_t *read_routers(struct run *run, struct effect_table *table)
{
	const struct topology *t = run->setup.topology;
	json_t *routers = json_object();

	for (size_t i = 0; i < t->node_count; i++) {
		const struct node *node = &t->nodes[i];
		json_t *mappings;

		if (node->kind != NODE_ROUTER)
			continue;
		mappings = node->igd ? read_router(run, i, table) : json_array();
		json_object_set_new(routers, node->name,
				    json_pack("{s:s?, s:s?, s:o, s:o}", "profile",
					      shown(run, node->igd), "daemon", node->daemon,
					      "quirks", read_quirks(run, node), "mappings",
					      mappings));
	}
	return routers;
}

/* -- the run ----------------------------------------------------------------------------------- */

/* Everything between the lab's readiness and its end. Return: OPT_GO_ON or a status. */
static int use_lab(struct run *run)
{
	struct result *result = &run->result;
	char *why = NULL;
	int status;

	if (run->setup.evidence)
		write_kernel_state(run, "before");
	json_decref(read_routers(run, &run->before));
	status = command_run(&run->lab, &run->command, &why);
	if (status != OPT_GO_ON) {
		fprintf(stderr, "igdlab run: %s\n", why ? why : "the command did not start");
		free(why);
		return status;
	}
	json_decref(ask_op(&run->lab, "sync", NULL));
	result->routers = read_routers(run, &run->after);
	effect_mark_before(&run->after, &run->before);
	result->effect = json_array();
	result->wrong = effect_verify(&run->lab, run->setup.topology, &run->after, result->effect);
	result->wrong += verify_pinholes(run);
	if (run->setup.evidence) {
		write_kernel_state(run, "after");
		write_lab(run);
		result->capture = ask_op(&run->lab, "finish", &why);
		if (!result->capture)
			fprintf(stderr, "igdlab run: evidence: %s\n", why);
		free(why);
	}
	return OPT_GO_ON;
}

static int keep_record(struct run *run)
{
	return record_save(&run->record, &run->result, run->setup.evidence, run->words.argv,
			   run->words.argc);
}

/* Judge, tell, and leave the evidence readable. Return: the exit status. */
static int conclude(struct run *run)
{
	struct result *result = &run->result;
	struct diag d = {0};
	json_t *json;
	int status;

	result_judge(result);
	status = result->pass ? EXIT_FINE : EXIT_VERDICT;
	json = result_json(result);
	if (run->setup.evidence) {
		int error = result_write(result, json);

		if (error)
			fprintf(stderr, "igdlab run: run.json: %s\n", strerror(-error));
		if (!run->setup.no_capture && evidence_finish(run->setup.evidence, &d))
			fprintf(stderr, "igdlab run: evidence:\n%s", d.text.data);
		diag_free(&d);
	}
	if (run->record_as && keep_record(run) != OPT_GO_ON)
		status = EXIT_USAGE;
	if (run->record.folder) {
		/* It goes away: nobody is told of it. */
		free(run->setup.evidence);
		run->setup.evidence = NULL;
		json_decref(json);
		json = result_json(result);
	}
	if (run->json)
		json_print(json);
	else
		result_print(result);
	if (run->record_as && status != EXIT_USAGE && !run->json)
		printf("record     %s\n", run->record.flow);
	json_decref(json);
	return status;
}

static int run_prepared(struct run *run)
{
	int64_t start = clock_now();
	int client = topology_client(run->setup.topology);
	int status;

	if (client < 0)
		return cmd_usage_error(&cmd_run, "topology %s has no host to run a command on",
				       run->setup.topology->name);
	run->command.node = run->setup.topology->nodes[client].name;
	run->command.cwd = run->setup.cwd;
	run->command.quiet = run->json;
	run->command.evidence = run->setup.evidence;
	run->result = (struct result){
		.setup = &run->setup, .command = &run->command, .temporary = run->temporary};
	status = setup_start(&cmd_run, &run->setup, &run->lab);
	if (status != OPT_GO_ON)
		return status;
	run->result.up = (double)(clock_now() - start) / 1e6;
	status = use_lab(run);
	ask_end(&run->lab);
	run->result.total = (double)(clock_now() - start) / 1e6;
	return status == OPT_GO_ON ? conclude(run) : status;
}

static void run_free(struct run *run)
{
	for (int i = 0; i < run->command.argc; i++)
		free(run->command.argv[i]);
	free(run->command.argv);
	command_free(&run->command);
	result_free(&run->result);
	effect_table_free(&run->before);
	effect_table_free(&run->after);
	record_free(&run->record);
	setup_free(&run->setup);
}

static int prepare_record(struct run *run)
{
	int status;

	if (run->setup.no_capture)
		return cmd_usage_error(&cmd_run,
				       "--record needs the capture: not with --no-capture");
	status = record_prepare(&cmd_run, run->record_as, run->setup.out, &run->record);
	if (run->record.folder)
		run->setup.out = run->record.folder;
	return status;
}

int run_with(int argc, char **argv, bool temporary)
{
	struct run run = {.temporary = temporary};
	const struct opt options[] = {
		{'t', "topology", OPT_TEXT, &run.setup.topology_name, 0, 0},
		{'p', "profile", OPT_LIST, &run.setup.profiles, 0, 0},
		{'q', "quirk", OPT_LIST, &run.setup.quirks, 0, 0},
		{'o', "output", OPT_TEXT, &run.setup.out, 0, 0},
		{0, "no-capture", OPT_FLAG, &run.setup.no_capture, 0, 0},
		{0, "record", OPT_TEXT, &run.record_as, 0, 0},
		{0, "json", OPT_FLAG, &run.json, 0, 0},
	};
	struct operands rest;
	int status = opt_parse(&cmd_run, options, ARRAY_SIZE(options), true, argc, argv, &rest);

	run.words = rest;
	if (status == OPT_GO_ON && run.record_as)
		status = prepare_record(&run);
	if (status == OPT_GO_ON)
		status = setup_prepare(&cmd_run, &run.setup);
	if (status == OPT_GO_ON)
		status = make_words(&run, &rest);
	if (status == OPT_GO_ON && run.setup.evidence) {
		struct names again = {0};

		replay_arguments(&run.setup, &rest, &again);
		write_replay(&run, (int)again.count, again.items);
		names_free(&again);
	}
	if (status == OPT_GO_ON)
		status = run_prepared(&run);
	run_free(&run);
	return status;
}

static int run_main(int argc, char **argv)
{
	return run_with(argc, argv, false);
}

const struct cmd cmd_run = {
	.name = "run",
	.arguments = "[-t TOPOLOGY] [-p [NODE=]PROFILE]... [-q [NODE=]QUIRK]... [-o DIR] "
		     "[--record NAME] [--json] [--] [COMMAND...]",
	.summary = "build a lab, run a command on its client, verify, tear down",
	.details =
		"COMMAND runs on the node \"client\" (default: igdlab map). In its words @client,\n"
		"@gateway, @external and @peer stand for addresses. Afterwards a packet is sent "
		"from\n"
		"\"peer\" through every mapping that leads in from the internet.\n"
		"\n"
		"  -t, --topology TOPOLOGY      name or file (default: flat)\n"
		"  -p, --profile [NODE=]PROFILE router to play: name, file or none; without NODE "
		"on the\n"
		"                               client's gateway\n"
		"  -q, --quirk [NODE=]QUIRK     quirk to lay over the profile; may be repeated\n"
		"  -o, --output DIR             leave evidence there: capture, journals, picture, "
		"state\n"
		"      --no-capture             with -o: journals and logs, no capture\n"
		"      --record NAME            keep the run as a case: captures/NAME.flow.json "
		"and .yaml\n"
		"      --json                   print one JSON object instead of text\n"
		"\n"
		"Exit status: 0 the command succeeded and every mapping carries packets, 1 not "
		"so,\n"
		"2 wrong use, 3 the lab could not be built.\n",
	.main = run_main,
};
