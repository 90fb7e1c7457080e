/* SPDX-License-Identifier: MIT */
/*
 * replay_router.c - the router's half of a flow against a live client.
 *
 * Theory of operation: the flow's router is learned (learn.h), rehearsed when the lab has the
 * flow's own addresses, so that even answers that nothing explains are there, and run in a lab with
 * the client. The profile answers, so whatever the client asks is answered, and what it changes
 * stays changed. With a profile of the user's, the flow's answers are laid over it as rules. Then
 * the lab's capture is read back, and each request of the client is looked up in the flow: was the
 * answer from there, the same but for addresses, or beyond it?
 */
#include "../fakeigd/base/mem.h"
#include "folder.h"
#include "import.h"
#include "learn_proof.h"
#include "replay.h"
#include "result.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PROFILE_FILE  "flow.profile.yaml"
#define TOPOLOGY_FILE "flow.topology.yaml"
#define QUIRK_FILE    "flow.quirk.yaml"
#define LIVE_FILE     "live.flow.json"

/**
 * struct replay - a replay under way
 * @folder:	evidence; @temporary: ours alone
 * @sources:	how many requests of each kind
 */
struct replay {
	const struct cmd *cmd;
	const struct replay_options *options;
	char *path, *folder;
	bool temporary;
	struct recording flow, live;
	struct learned learned;
	struct substitutions map;
	json_t *requests;
	size_t sources[REPLAY_BEYOND + 1];
};

/* ---- before ---- */

static int make_folder(struct replay *r)
{
	const char *tmp = getenv("TMPDIR");
	int error = 0;

	if (r->options->out) {
		error = folder_make(r->options->out);
		r->folder = error ? NULL : realpath(r->options->out, NULL);
	} else {
		r->folder = xasprintf("%s/igdlab-replay-XXXXXX", tmp && *tmp ? tmp : "/tmp");
		r->temporary = mkdtemp(r->folder);
		error = r->temporary ? 0 : -errno;
	}
	if (!r->folder || error)
		return cmd_usage_error(r->cmd, "-o %s: %s",
				       r->options->out ? r->options->out : r->folder,
				       strerror(error ? -error : errno));
	return OPT_GO_ON;
}

static int save(struct replay *r, const char *name, const struct buf *text)
{
	int error = text_to_file(r->folder, name, text->data, 0644);

	return error ? cmd_usage_error(r->cmd, "%s/%s: %s", r->folder, name, strerror(-error))
		     : OPT_GO_ON;
}

/* In the flow's own network it is rehearsed, so that even answers that nothing explains are there.
 */
static int learn_it(struct replay *r)
{
	bool check = !r->options->profiles.count && !r->options->topology;
	struct learn_options options = {.flow = r->path};
	struct proof proof = {0};
	int status = learn_proved(r->cmd, &r->flow, &options, !r->options->profiles.count, check,
				  &r->learned, &proof);

	proof_free(&proof);
	return status ? status : OPT_GO_ON;
}

/* Entries of the table lead to the lab's client instead of the recorded one. */
static void move_client(struct replay *r, const char *lab_client)
{
	struct substitutions s = {0};
	struct buf text = {0};

	if (!r->learned.client || !lab_client)
		return;
	substitutions_add(&s, r->learned.client, lab_client);
	substitutions_apply(&s, buf_slice(&r->learned.profile), &text);
	buf_free(&r->learned.profile);
	r->learned.profile = text;
	substitutions_free(&s);
}

static void map_address(struct replay *r, const char *recorded, const char *lab)
{
	if (recorded && lab)
		substitutions_add(&r->map, recorded, lab);
}

/* What of the flow is what in the lab. Return: OPT_GO_ON or a status. */
static int map_addresses(struct replay *r, const char *topology)
{
	struct diag d = {0};
	struct topology *t = topology_load(topology, &d);
	char client[INET_ADDRSTRLEN], lan[INET_ADDRSTRLEN], wan[INET_ADDRSTRLEN];
	const char *own;
	int node;

	if (!t)
		return cmd_complain(&d);
	node = topology_client(t);
	own = topology_address(t, node, PORT_HOST, client);
	map_address(r, r->learned.client, own);
	node = node >= 0 ? t->nodes[node].gateway : -1;
	map_address(r, r->learned.router, topology_address(t, node, PORT_LAN, lan));
	map_address(r, r->learned.external, topology_address(t, node, PORT_WAN, wan));
	move_client(r, own);
	topology_free(t);
	return OPT_GO_ON;
}

/* Topology and profile in the folder. Return: OPT_GO_ON or a status. */
static int prepare(struct replay *r, char **topology, char **profile, char **quirk)
{
	struct buf text = {0};
	struct diag d = {0};
	int status = OPT_GO_ON;

	*profile = xasprintf("%s/%s", r->folder, PROFILE_FILE);
	*topology = r->options->topology ? xstrdup(r->options->topology)
					 : xasprintf("%s/%s", r->folder, TOPOLOGY_FILE);
	if (!r->options->topology) {
		if (!learn_topology(&r->learned, "conformant-igd1", &text, &d))
			status = cmd_complain(&d);
		else
			status = save(r, TOPOLOGY_FILE, &text);
	}
	buf_free(&text);
	if (status == OPT_GO_ON)
		status = map_addresses(r, *topology);
	if (status == OPT_GO_ON && r->options->profiles.count) {
		free(*profile);
		*profile = xstrdup(r->options->profiles.items[0]);
		*quirk = xasprintf("%s/%s", r->folder, QUIRK_FILE);
		learn_answers(&r->flow, r->learned.router, &text);
		status = save(r, QUIRK_FILE, &text);
		buf_free(&text);
	} else if (status == OPT_GO_ON) {
		status = save(r, PROFILE_FILE, &r->learned.profile);
	}
	return status;
}

/* ---- during ---- */

/* What the flow speaks when that is not UPnP: a word for --via; NULL = UPnP. */
static const char *spoken(const struct recording *flow)
{
	const char *via = NULL;

	for (size_t i = 0; i < flow->count; i++) {
		enum flow_protocol protocol = flow->exchanges[i].protocol;

		if (protocol == FLOW_PCP)
			via = "pcp";
		else if (protocol != FLOW_NATPMP)
			return NULL;
		else if (!via)
			via = "natpmp";
	}
	return via;
}

/* Our own client, which asks as the flow's did. Return: how many words. */
static int own_client(const struct recording *flow, char **argv)
{
	const char *via = spoken(flow);
	int argc = 0;

	argv[argc++] = setup_program("igdlab");
	argv[argc++] = xstrdup("map");
	if (via)
		argv[argc++] = xasprintf("--via=%s", via);
	return argc;
}

/* "igdlab run" with our files; its JSON goes to run.json alone. */
static int run_client(struct replay *r, const char *topology, const char *profile,
		      const char *quirk)
{
	char **argv = xcalloc((size_t)r->options->argc + 16, sizeof(*argv));
	char **words;
	int argc = 0, out = -1, null, status;

	argv[argc++] = xstrdup("run");
	argv[argc++] = xasprintf("--topology=%s", topology);
	argv[argc++] = xasprintf("--profile=%s", profile);
	if (quirk)
		argv[argc++] = xasprintf("--quirk=%s", quirk);
	argv[argc++] = xasprintf("--output=%s", r->folder);
	if (r->options->json)
		argv[argc++] = xstrdup("--json");
	argv[argc++] = xstrdup("--");
	for (int i = 0; i < r->options->argc; i++)
		argv[argc++] = xstrdup(r->options->argv[i]);
	if (!r->options->argc)
		argc += own_client(&r->flow, argv + argc);
	fflush(stdout);
	if (r->options->json) {
		null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		if (null >= 0)
			dup2(null, STDOUT_FILENO);
		close(null);
	}
	/* Its parser sorts the array it is given. */
	words = xcalloc((size_t)argc + 1, sizeof(*words));
	memcpy(words, argv, (size_t)argc * sizeof(*words));
	status = run_with(argc, words, r->temporary);
	free(words);
	fflush(stdout);
	if (out >= 0) {
		dup2(out, STDOUT_FILENO);
		close(out);
	}
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	free(argv);
	return status;
}

/* ---- after ---- */

static int read_live(struct replay *r)
{
	char *capture = xasprintf("%s/capture.pcapng", r->folder);
	char *path = xasprintf("%s/%s", r->folder, LIVE_FILE);
	struct import_options options = {0};
	struct recording head = {0};
	struct diag d = {0};
	struct recording_writer *w = recording_create(path, &d);
	int status = w ? import_file(capture, &options, w, &head, &d) : -1;

	if (w && status)
		recording_abandon(w);
	else if (w)
		status = recording_finish(w, &head, &d);
	if (!status)
		status = recording_read(path, &r->live, &d);
	recording_free(&head);
	if (status)
		cmd_complain(&d);
	diag_free(&d);
	free(capture);
	free(path);
	return status;
}

/* Whether an exchange is the client's with the router that is played. */
static bool is_ours(const struct replay *r, const struct exchange *x)
{
	struct end_point router = {0};
	const char *text = r->learned.router;

	for (size_t i = 0; i < r->map.count; i++)
		if (!strcmp(r->map.items[i].from, text)) {
			text = r->map.items[i].to;
			break;
		}
	end_point_parse(slice_of(text), &router);
	if (x->from_router || !x->has_request || x->protocol > FLOW_NATPMP)
		return false;
	if (end_point_same_address(&x->request.to, &router))
		return true;
	for (size_t i = 0; i < x->reply_count; i++)
		if (end_point_same_address(&x->replies[i].from, &router))
			return true;
	return false;
}

static void look_up(struct replay *r)
{
	r->requests = json_array();
	for (size_t i = 0; i < r->live.count; i++) {
		const struct exchange *x = &r->live.exchanges[i];
		struct replay_match m;

		if (!is_ours(r, x))
			continue;
		replay_match(&r->flow, x, &r->map, r->options->profiles.count > 0, &m);
		r->sources[m.source]++;
		json_array_append_new(
			r->requests,
			json_pack("{s:s, s:s, s:o, s:s*}", "name", x->name ? x->name : "", "source",
				  replay_source_name(m.source), "exchange",
				  m.recorded < 0 ? json_null() : json_integer(m.recorded + 1),
				  "why", m.why));
		free(m.why);
	}
}

static void print_text(const struct replay *r)
{
	json_t *q;
	size_t i;

	json_array_foreach(r->requests, i, q)
	{
		const char *why = json_string_value(json_object_get(q, "why"));
		json_int_t number = json_integer_value(json_object_get(q, "exchange"));
		char where[48] = "";

		if (number)
			snprintf(where, sizeof(where), " (exchange %lld)", (long long)number);
		printf("replay     %-8s ", json_string_value(json_object_get(q, "source")));
		cmd_print_clean(json_string_value(json_object_get(q, "name")));
		printf("%s%s", where, why ? ": " : "");
		cmd_print_clean(why ? why : "");
		putchar('\n');
	}
	printf("replay     %zu answers from the flow, %zu adapted, %zu beyond the flow\n",
	       r->sources[REPLAY_FLOW], r->sources[REPLAY_ADAPTED], r->sources[REPLAY_BEYOND]);
}

static void tell(struct replay *r)
{
	char *path = xasprintf("%s/run.json", r->folder);
	json_t *all;

	if (!r->options->json) {
		print_text(r);
		free(path);
		return;
	}
	all = json_load_file(path, 0, NULL);
	all = all ? all : json_object();
	if (r->temporary)
		json_object_set_new(all, "evidence", json_null());
	json_object_set_new(all, "replay",
			    json_pack("{s:s, s:I, s:I, s:I, s:O}", "flow", r->path, "from-flow",
				      (json_int_t)r->sources[REPLAY_FLOW], "adapted",
				      (json_int_t)r->sources[REPLAY_ADAPTED], "beyond",
				      (json_int_t)r->sources[REPLAY_BEYOND], "requests",
				      r->requests));
	json_print(all);
	json_decref(all);
	free(path);
}

static int play(struct replay *r)
{
	char *topology = NULL, *profile = NULL, *quirk = NULL;
	struct diag d = {0};
	int status;

	r->path = recording_find(r->options->flow);
	if (!r->path || recording_read(r->path, &r->flow, &d))
		return cmd_complain(&d);
	status = learn_it(r);
	if (status == OPT_GO_ON)
		status = make_folder(r);
	if (status == OPT_GO_ON)
		status = prepare(r, &topology, &profile, &quirk);
	if (status == OPT_GO_ON) {
		status = run_client(r, topology, profile, quirk);
		if (status == EXIT_FINE || status == EXIT_VERDICT) {
			if (!read_live(r))
				look_up(r);
			tell(r);
		}
	}
	free(topology);
	free(profile);
	free(quirk);
	return status;
}

int replay_router(const struct cmd *cmd, const struct replay_options *options)
{
	struct replay r = {.cmd = cmd, .options = options};
	int status = play(&r);

	if (r.temporary)
		folder_remove(r.folder);
	recording_free(&r.flow);
	recording_free(&r.live);
	learned_free(&r.learned);
	substitutions_free(&r.map);
	json_decref(r.requests);
	free(r.path);
	free(r.folder);
	return status;
}
