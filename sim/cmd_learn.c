/* SPDX-License-Identifier: MIT */
/*
 * cmd_learn.c - igdlab learn: a profile out of a recorded flow, and the proof that it says the
 * same.
 *
 * With --check the profile is run in a lab and asked again (learn_proof.h).
 */
#include "learn_proof.h"
#include "result.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/** struct learning - the command under way */
struct learning {
	const char *output, *router, *base;
	bool check, alone, json;
	const char *name;
	char *path;
	struct recording flow;
	struct learned learned;
	struct proof proof;
};

/* "captures/x.flow.json" is "x". */
static char *plain_name(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *end = strstr(base, ".flow.json");

	return end && end > base ? xstrndup(base, (size_t)(end - base))
				 : xstrndup(base, strcspn(base, "."));
}

static int learn_it(struct learning *l)
{
	const char *slash = strrchr(l->path, '/');
	struct learn_options options = {
		.router = l->router,
		.base = l->base,
		.flow = slash ? slash + 1 : l->path,
	};
	int status = learn_proved(&cmd_learn, &l->flow, &options, !l->alone, l->check, &l->learned,
				  &l->proof);

	return status ? status : OPT_GO_ON;
}

/* ---- telling ---- */

/* Why an answer had to be taken word for word, NULL = it had not. */
static const char *exact_why(const struct learning *l, size_t number)
{
	for (size_t i = 0; i < l->proof.exact_count; i++)
		if (l->proof.exact[i] == number)
			return l->proof.exact_why[i];
	return NULL;
}

/* One exchange as an object. */
static json_t *one_as_json(const struct learning *l, const struct rehearsed *r)
{
	const char *name = l->flow.exchanges[r->number].name, *exact = exact_why(l, r->number);

	return json_pack("{s:I, s:s, s:b, s:b, s:s*}", "exchange", (json_int_t)r->number + 1,
			 "name", name ? name : "", "same", r->same, "verbatim", exact != NULL,
			 "why", r->why ? r->why : exact);
}

static json_t *as_json(const struct learning *l)
{
	json_t *list = json_array();

	for (size_t i = 0; i < l->proof.rehearsal.count; i++)
		json_array_append_new(list, one_as_json(l, &l->proof.rehearsal.list[i]));
	return json_pack("{s:s, s:s*, s:s, s:I, s:b, s:I, s:o}", "flow", l->path, "profile",
			 l->output, "router", l->learned.router, "answers",
			 (json_int_t)l->learned.used, "checked", l->check, "different",
			 (json_int_t)l->proof.rehearsal.different, "exchanges", list);
}

static void tell(const struct learning *l)
{
	if (l->json) {
		json_t *json = as_json(l);

		json_print(json);
		json_decref(json);
		return;
	}
	if (strcmp(l->output, "-") != 0)
		printf("%s: %zu answers of %s\n", l->output, l->learned.used, l->learned.router);
	for (size_t i = 0; i < l->proof.rehearsal.count; i++) {
		const struct rehearsed *r = &l->proof.rehearsal.list[i];
		const char *name = l->flow.exchanges[r->number].name;
		const char *exact = exact_why(l, r->number), *why = r->why ? r->why : exact;

		printf("%4zu  %-9s  ", r->number + 1, r->same ? "same" : "different");
		cmd_print_clean(name ? name : "");
		printf("%s%s%s\n", exact ? "  (word for word)" : "", why ? ": " : "",
		       why ? why : "");
	}
	if (l->check)
		printf("%zu of %zu the same, %zu of them word for word\n",
		       l->proof.rehearsal.count - l->proof.rehearsal.different,
		       l->proof.rehearsal.count, l->proof.exact_count);
}

static int write_profile(const struct learning *l)
{
	const struct buf *text = &l->learned.profile;
	FILE *file = strcmp(l->output, "-") ? fopen(l->output, "we") : stdout;
	bool fine = file && fwrite(text->data, 1, text->len, file) == text->len;

	if (file && file != stdout)
		fine &= !fclose(file);
	else if (file)
		fine &= !fflush(file);
	return fine ? OPT_GO_ON
		    : cmd_usage_error(&cmd_learn, "-o %s: %s", l->output, strerror(errno));
}

static int work(struct learning *l)
{
	struct diag d = {0};
	int status;

	l->path = recording_find(l->name);
	if (!l->path || recording_read(l->path, &l->flow, &d))
		return cmd_complain(&d);
	status = learn_it(l);
	if (status == OPT_GO_ON)
		status = write_profile(l);
	if (status != OPT_GO_ON)
		return status;
	tell(l);
	return l->proof.rehearsal.different ? EXIT_VERDICT : EXIT_FINE;
}

static int learn_main(int argc, char **argv)
{
	struct learning l = {0};
	const struct opt options[] = {
		{'o', "output", OPT_TEXT, &l.output, 0, 0},
		{0, "router", OPT_TEXT, &l.router, 0, 0},
		{0, "base", OPT_TEXT, &l.base, 0, 0},
		{0, "flow-only", OPT_FLAG, &l.alone, 0, 0},
		{0, "check", OPT_FLAG, &l.check, 0, 0},
		{0, "json", OPT_FLAG, &l.json, 0, 0},
	};
	struct operands rest;
	int status = opt_parse(&cmd_learn, options, ARRAY_SIZE(options), false, argc, argv, &rest);
	char *output = NULL;

	if (status != OPT_GO_ON)
		return status;
	if (rest.argc != 1)
		return cmd_usage_error(&cmd_learn, "expected one flow; see igdlab list flows");
	if (l.base && !tree_has("fakeigd/profiles", l.base))
		return cmd_usage_error(&cmd_learn, "--base %s: there is no such profile", l.base);
	l.name = rest.argv[0];
	if (!l.output) {
		char *plain = plain_name(l.name);

		output = xasprintf("%s.profile.yaml", plain);
		l.output = output;
		free(plain);
	}
	status = work(&l);
	recording_free(&l.flow);
	learned_free(&l.learned);
	proof_free(&l.proof);
	free(l.path);
	free(output);
	return status;
}

const struct cmd cmd_learn = {
	.name = "learn",
	.arguments = "FLOW [-o PROFILE] [--router ADDRESS] [--base PROFILE] [--flow-only] "
		     "[--check] [--json]",
	.summary = "write a router's profile from a recorded flow",
	.details =
		"FLOW is a flow of captures/ or a file that igdlab import wrote. The profile lays "
		"over a\n"
		"conformant one what the flow shows, each line with the exchange that shows it.\n"
		"\n"
		"  -o, --output PROFILE   file to write, - for standard output (default: "
		"FLOW.profile.yaml\n"
		"                         in the current folder)\n"
		"      --router ADDRESS   of several routers in the flow, this one\n"
		"      --base PROFILE     profile to extend (default: conformant-igd1 or "
		"conformant-igd2)\n"
		"      --flow-only        nothing of what the tree knows of the program that "
		"SERVER "
		"names\n"
		"      --check            run it in a lab, send the recorded requests again and "
		"compare;\n"
		"                         answers that stay different are taken word for word\n"
		"      --json             print one JSON object instead of text\n"
		"\n"
		"Exit status: 0 written, 1 written and --check found a difference, 2 wrong use or "
		"nothing\n"
		"to learn from, 3 the lab could not be built.\n",
	.main = learn_main,
};
