/* SPDX-License-Identifier: MIT */
/*
 * replay_client.c - the client's half of a flow against a live router.
 *
 * Theory of operation: the router is one of a lab that is made for it, a daemon in such a lab, or a
 * host on this network. It is searched for and described first (live.h), so that the recorded
 * requests can be said in its words (translation.h); a lab is then set back to how it began. The
 * requests are played (replay_play.c), and what came is compared with what was recorded by what it
 * says (difference.h).
 */
#include "evidence.h"
#include "opt.h"
#include "replay.h"
#include "replay_parts.h"
#include "result.h"
#include "setup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIVE_FILE "live.flow.json"

/**
 * struct act - a replay under way
 * @setup:	of the lab; not used with options->to
 * @against:	what plays the router, for people; owned
 */
struct act {
	const struct cmd *cmd;
	const struct replay_options *options;
	struct setup setup;
	struct live live;
	struct recording flow;
	struct site site;
	struct player player;
	char *path, *against;
	bool found;
	size_t grades[DIFFERENCE_GRADE_COUNT], left_out, played;
};

/* ---- where ---- */

/* Our address towards the router: what the kernel would send from. */
static bool own_address(struct live *l)
{
	struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(1900)}, own;
	socklen_t len = sizeof(own);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool fine;

	memcpy(&there.sin_addr, l->site.router.address, sizeof(there.sin_addr));
	fine = fd >= 0 && !connect(fd, (struct sockaddr *)&there, sizeof(there)) &&
	       !getsockname(fd, (struct sockaddr *)&own, &len);
	if (fine) {
		l->site.client.family = AF_INET;
		memcpy(l->site.client.address, &own.sin_addr, sizeof(own.sin_addr));
	}
	if (fd >= 0)
		close(fd);
	return fine;
}

static int use_network(struct act *a)
{
	const char *to = a->options->to;

	if (!end_point_parse(slice_of(to), &a->live.site.router) ||
	    a->live.site.router.family != AF_INET)
		return cmd_usage_error(a->cmd, "--to %s: expected an IPv4 address, or ADDRESS:PORT",
				       to);
	if (!own_address(&a->live))
		return cmd_usage_error(a->cmd, "--to %s: no way there: %s", to, strerror(errno));
	a->live.others = true;
	a->against = xstrdup(to);
	return OPT_GO_ON;
}

static void take_port(const struct topology *t, int node, enum port_role role,
		      struct end_point *out)
{
	for (size_t i = 0; node >= 0 && i < t->nodes[node].port_count; i++) {
		const struct port *port = &t->nodes[node].ports[i];

		if (port->role != role || out->family || port->address.s_addr == INADDR_ANY)
			continue;
		out->family = AF_INET;
		memcpy(out->address, &port->address, sizeof(port->address));
	}
}

/* The daemon instead of whatever the client's gateway runs. */
static int use_daemon(struct act *a, struct node *router)
{
	struct diag d = {0};

	if (!tree_has("cases/daemons", a->options->daemon)) {
		tree_unknown(&d, NULL, 0, "daemon", "cases/daemons", a->options->daemon);
		return cmd_complain(&d);
	}
	free(router->igd);
	free(router->daemon);
	router->igd = NULL;
	router->daemon = xstrdup(a->options->daemon);
	return OPT_GO_ON;
}

/* Who is the client and who the router. Return: OPT_GO_ON or a status. */
static int cast_roles(struct act *a)
{
	struct topology *t = a->setup.topology;
	int client = topology_client(t), gateway = client < 0 ? -1 : t->nodes[client].gateway;
	struct end_point wan = {0};
	int status = OPT_GO_ON;

	if (gateway < 0)
		return cmd_usage_error(a->cmd, "topology %s has no client with a gateway", t->name);
	if (a->options->daemon)
		status = use_daemon(a, &t->nodes[gateway]);
	take_port(t, client, PORT_HOST, &a->live.site.client);
	take_port(t, gateway, PORT_LAN, &a->live.site.router);
	take_port(t, gateway, PORT_WAN, &wan);
	memcpy(&a->live.wan, wan.address, sizeof(a->live.wan));
	if (status == OPT_GO_ON && (!a->live.site.client.family || !a->live.site.router.family))
		status = cmd_usage_error(
			a->cmd, "topology %s: client and gateway need IPv4 addresses", t->name);
	a->live.node = t->nodes[client].name;
	a->live.others = t->nodes[gateway].daemon != NULL;
	a->against = xasprintf("%s on %s of %s",
			       t->nodes[gateway].daemon ? t->nodes[gateway].daemon
			       : t->nodes[gateway].igd	? t->nodes[gateway].igd
							: "nothing",
			       t->nodes[gateway].name, t->name);
	return status;
}

static int use_lab(struct act *a)
{
	int status;

	a->setup.topology_name = a->options->topology;
	a->setup.profiles = a->options->profiles;
	a->setup.quirks = a->options->quirks;
	a->setup.out = a->options->out;
	status = setup_prepare(a->cmd, &a->setup);
	if (status == OPT_GO_ON)
		status = cast_roles(a);
	return status == OPT_GO_ON ? setup_start(a->cmd, &a->setup, &a->live.lab) : status;
}

/* ---- what happens ---- */

/* All that was sent and heard, as a flow. */
static int save_live(struct act *a)
{
	char *path = xasprintf("%s/%s", a->setup.evidence, LIVE_FILE);
	const char *slash = strrchr(a->path, '/');
	struct recording r = {.dated = true};
	struct buf client = {0}, router = {0};
	struct diag d = {0};
	int status;

	end_point_text(&a->live.site.client, &client);
	inet_ntop(AF_INET, a->live.site.router.address, buf_reserve(&router, INET_ADDRSTRLEN),
		  INET_ADDRSTRLEN);
	r.summary = xasprintf("%s, said to %s", a->path, a->against);
	r.source = xstrdup(slash ? slash + 1 : a->path);
	r.kind = xstrdup("replay");
	r.client = buf_steal(&client);
	r.router = xstrdup(router.data);
	buf_free(&router);
	for (size_t i = 0; i < a->flow.count; i++) {
		struct exchange *x = &a->player.replayed[i].live;

		if (a->player.replayed[i].left_out || (!x->has_request && !x->reply_count))
			continue;
		*recording_add(&r) = *x;
		*x = (struct exchange){0};
	}
	status = recording_save(path, &r, &d);
	if (status)
		cmd_complain(&d);
	recording_free(&r);
	diag_free(&d);
	free(path);
	return status;
}

static void finish_evidence(struct act *a)
{
	struct diag d = {0};
	char *why = NULL;

	if (!a->setup.evidence)
		return;
	json_decref(ask_op(&a->live.lab, "finish", &why));
	free(why);
	save_live(a);
	if (evidence_finish(a->setup.evidence, &d))
		cmd_complain(&d);
	diag_free(&d);
}

static void count(struct act *a)
{
	for (size_t i = 0; i < a->flow.count; i++) {
		const struct replayed *r = &a->player.replayed[i];

		a->left_out += r->left_out != NULL;
		a->played += !r->left_out;
		if (!r->left_out)
			a->grades[r->difference.grade]++;
	}
}

static void play(struct act *a)
{
	struct player *p = &a->player;

	*p = (struct player){.live = &a->live,
			     .flow = &a->flow,
			     .site = &a->site,
			     .recorded_speed = a->options->recorded_speed};
	a->found = live_find(&a->live, &a->flow, &a->site);
	if (a->live.node && !a->live.others)
		json_decref(ask_op(&a->live.lab, "reset", NULL));
	translation_make(&a->flow, &a->site, &a->live.site, &p->translation);
	player_play(p);
	player_judge(p);
	count(a);
}

/* ---- what is told ---- */

static void print_exchange(const struct act *a, size_t i)
{
	const struct replayed *r = &a->player.replayed[i];
	const struct exchange *x = &a->flow.exchanges[i];

	printf("%4zu %s ", i + 1, flow_protocol_name(x->protocol));
	cmd_print_clean(x->name ? x->name : "");
	printf(": %s\n", difference_grade_name(r->difference.grade));
	for (size_t n = 0; n < r->difference.count; n++) {
		fputs("       ", stdout);
		cmd_print_clean(r->difference.items[n].text);
		putchar('\n');
	}
}

/* How many were not played, by reason. */
static void print_left_out(const struct act *a)
{
	for (size_t i = 0; i < a->flow.count; i++) {
		const char *why = a->player.replayed[i].left_out;
		size_t all = 0, before = 0;

		for (size_t n = 0; why && n < a->flow.count; n++) {
			const char *other = a->player.replayed[n].left_out;
			bool same = other && !strcmp(other, why);

			all += same;
			before += same && n < i;
		}
		if (why && !before)
			printf("     %zu left out: %s\n", all, why);
	}
}

static void print_text(const struct act *a)
{
	const struct substitutions *map = &a->player.translation.map;

	printf("- %s\n+ %s\n", a->path, a->against);
	if (!a->found)
		puts("     no description was found there: requests go to the recorded paths");
	for (size_t i = 0; i < map->count; i++) {
		if (strchr(map->items[i].from, '/'))
			continue; /* URLs are many, and follow from what is printed */
		fputs("     ", stdout);
		cmd_print_clean(map->items[i].from);
		fputs(" is ", stdout);
		cmd_print_clean(map->items[i].to);
		putchar('\n');
	}
	for (size_t i = 0; i < a->flow.count; i++)
		if (!a->player.replayed[i].left_out)
			print_exchange(a, i);
	print_left_out(a);
	if (a->player.spare_count)
		printf("     %zu event%s more than recorded\n", a->player.spare_count,
		       a->player.spare_count == 1 ? "" : "s");
	printf("%zu exchanges:", a->played);
	for (int g = 0; g < DIFFERENCE_GRADE_COUNT; g++)
		printf("%s %zu %s", g ? "," : "", a->grades[g],
		       difference_grade_name((enum difference_grade)g));
	putchar('\n');
}

static json_t *exchange_json(const struct act *a, size_t i)
{
	const struct replayed *r = &a->player.replayed[i];
	const struct exchange *x = &a->flow.exchanges[i];
	json_t *items = json_array();

	for (size_t n = 0; n < r->difference.count; n++)
		json_array_append_new(items,
				      json_pack("{ss ss*}", "grade",
						difference_grade_name(r->difference.items[n].grade),
						"text", r->difference.items[n].text));
	return json_pack("{sI ss ss* ss* ss* so}", "exchange", (json_int_t)i + 1, "protocol",
			 flow_protocol_name(x->protocol), "name", x->name, "grade",
			 r->left_out ? NULL : difference_grade_name(r->difference.grade),
			 "left-out", r->left_out, "differences", items);
}

static void print_json(const struct act *a)
{
	const struct substitutions *map = &a->player.translation.map;
	json_t *exchanges = json_array(), *grades = json_object(), *names = json_array(), *all;

	for (size_t i = 0; i < a->flow.count; i++)
		json_array_append_new(exchanges, exchange_json(a, i));
	for (int g = 0; g < DIFFERENCE_GRADE_COUNT; g++)
		json_object_set_new(grades, difference_grade_name((enum difference_grade)g),
				    json_integer((json_int_t)a->grades[g]));
	for (size_t i = 0; i < map->count; i++)
		json_array_append_new(names, json_pack("{ss* ss*}", "from", map->items[i].from,
						       "to", map->items[i].to));
	all = json_pack("{ss ss sb so sI sI so so ss*}", "flow", a->path, "router", a->against,
			"described", a->found, "grades", grades, "left-out",
			(json_int_t)a->left_out, "more-events", (json_int_t)a->player.spare_count,
			"exchanges", exchanges, "names", names, "evidence", a->setup.evidence);
	json_print(all);
	json_decref(all);
}

/* ---- the whole ---- */

static int act(struct act *a)
{
	struct diag d = {0};
	int status;

	a->path = recording_find(a->options->flow);
	if (recording_read(a->path, &a->flow, &d) || !site_of_flow(&a->flow, &a->site, &d))
		return cmd_complain(&d);
	status = a->options->to ? use_network(a) : use_lab(a);
	if (status != OPT_GO_ON)
		return status;
	play(a);
	if (a->options->json)
		print_json(a);
	else
		print_text(a);
	fflush(stdout);
	if (a->live.node) {
		finish_evidence(a);
		ask_end(&a->live.lab);
	}
	if (!a->played)
		return cmd_usage_error(a->cmd, "%s: nothing in it is said by a client to router %s",
				       a->path, a->flow.router);
	return a->grades[DIFFERENCE_DIFFERENT] || a->grades[DIFFERENCE_MISSING] ? EXIT_VERDICT
										: EXIT_FINE;
}

int replay_client(const struct cmd *cmd, const struct replay_options *options)
{
	struct act a = {.cmd = cmd, .options = options};
	int status = act(&a);

	/* The lists are the caller's. */
	a.setup.profiles = a.setup.quirks = (struct names){0};
	player_free(&a.player);
	site_free(&a.site);
	live_free(&a.live);
	recording_free(&a.flow);
	setup_free(&a.setup);
	free(a.path);
	free(a.against);
	return status;
}
