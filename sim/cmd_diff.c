/* SPDX-License-Identifier: MIT */
/* cmd_diff.c - igdlab diff: what two recordings say differently. */
#include "flowdiff.h"
#include "opt.h"
#include "result.h"

#include <stdio.h>
#include <stdlib.h>

/** struct diff - the command line, and what was read */
struct diff {
	const char *names[2];
	struct recording flows[2];
	struct names maps;
	struct substitutions substitutions;
	bool all, json;
};

static const struct exchange *exchange_of(const struct diff *c, const struct flowdiff_pair *pair)
{
	return pair->a == FLOWDIFF_NONE ? &c->flows[1].exchanges[pair->b]
					: &c->flows[0].exchanges[pair->a];
}

static void print_number(size_t index)
{
	if (index == FLOWDIFF_NONE)
		putchar('-');
	else
		printf("%zu", index + 1);
}

static void print_pair(const struct diff *c, const struct flowdiff_pair *pair)
{
	const struct exchange *x = exchange_of(c, pair);

	print_number(pair->a);
	putchar('/');
	print_number(pair->b);
	printf(" %s ", flow_protocol_name(x->protocol));
	cmd_print_clean(x->name ? x->name : "");
	printf(": %s\n", difference_grade_name(pair->difference.grade));
	for (size_t i = 0; i < pair->difference.count; i++) {
		fputs("      ", stdout);
		cmd_print_clean(pair->difference.items[i].text);
		putchar('\n');
	}
}

static void print_text(const struct diff *c, const struct flowdiff *f)
{
	printf("- %s\n+ %s\n", c->names[0], c->names[1]);
	for (size_t i = 0; i < f->count; i++) {
		if (c->all || f->pairs[i].difference.grade != DIFFERENCE_SAME)
			print_pair(c, &f->pairs[i]);
	}
	printf("%zu exchanges:", f->count);
	for (int g = 0; g < DIFFERENCE_GRADE_COUNT; g++)
		printf("%s %zu %s", g ? "," : "", f->grades[g],
		       difference_grade_name((enum difference_grade)g));
	putchar('\n');
}

static json_t *index_json(size_t index)
{
	return index == FLOWDIFF_NONE ? json_null() : json_integer((json_int_t)index + 1);
}

static json_t *pair_json(const struct diff *c, const struct flowdiff_pair *pair)
{
	const struct exchange *x = exchange_of(c, pair);
	json_t *items = json_array();

	for (size_t i = 0; i < pair->difference.count; i++)
		json_array_append_new(
			items, json_pack("{ss ss*}", "grade",
					 difference_grade_name(pair->difference.items[i].grade),
					 "text", pair->difference.items[i].text));
	return json_pack("{so so ss ss* ss so}", "first", index_json(pair->a), "second",
			 index_json(pair->b), "protocol", flow_protocol_name(x->protocol), "name",
			 x->name, "grade", difference_grade_name(pair->difference.grade),
			 "differences", items);
}

static void print_json(const struct diff *c, const struct flowdiff *f)
{
	json_t *pairs = json_array(), *grades = json_object(), *report;

	for (size_t i = 0; i < f->count; i++)
		json_array_append_new(pairs, pair_json(c, &f->pairs[i]));
	for (int g = 0; g < DIFFERENCE_GRADE_COUNT; g++)
		json_object_set_new(grades, difference_grade_name((enum difference_grade)g),
				    json_integer((json_int_t)f->grades[g]));
	report = json_pack("{ss ss so so}", "first", c->names[0], "second", c->names[1], "grades",
			   grades, "exchanges", pairs);
	json_print(report);
	json_decref(report);
}

/* "FROM=TO" of --map. */
static bool read_maps(struct diff *c)
{
	for (size_t i = 0; i < c->maps.count; i++) {
		char *equals = strchr(c->maps.items[i], '=');

		if (!equals || equals == c->maps.items[i])
			return false;
		*equals = '\0';
		substitutions_add(&c->substitutions, c->maps.items[i], equals + 1);
	}
	return true;
}

static int read_flows(struct diff *c)
{
	struct diag d = {0};
	int errors;

	for (size_t i = 0; i < ARRAY_SIZE(c->names); i++) {
		char *path = recording_find(c->names[i]);

		recording_read(path, &c->flows[i], &d);
		free(path);
	}
	if (d.text.len)
		fwrite(d.text.data, 1, d.text.len, stderr);
	errors = d.errors;
	diag_free(&d);
	return errors ? EXIT_USAGE : EXIT_FINE;
}

static int compare(struct diff *c)
{
	struct flowdiff f;
	int status;

	if (!read_maps(c))
		return cmd_usage_error(&cmd_diff, "--map takes FROM=TO");
	if (read_flows(c))
		return EXIT_USAGE;
	flowdiff_addresses(&c->flows[0], &c->flows[1], &c->substitutions);
	flowdiff(&c->flows[0], &c->flows[1], &c->substitutions, &f);
	if (c->json)
		print_json(c, &f);
	else
		print_text(c, &f);
	status = f.grades[DIFFERENCE_DIFFERENT] || f.grades[DIFFERENCE_MISSING] ? EXIT_VERDICT
										: EXIT_FINE;
	flowdiff_free(&f);
	return status;
}

static int diff_main(int argc, char **argv)
{
	struct diff c = {0};
	const struct opt options[] = {
		{0, "map", OPT_LIST, &c.maps, 0, 0},
		{'a', "all", OPT_FLAG, &c.all, 0, 0},
		{0, "json", OPT_FLAG, &c.json, 0, 0},
	};
	struct operands rest;
	int status = opt_parse(&cmd_diff, options, ARRAY_SIZE(options), false, argc, argv, &rest);

	if (status == OPT_GO_ON && rest.argc != 2) {
		status = cmd_usage_error(&cmd_diff, "expected two flows, found %d", rest.argc);
	} else if (status == OPT_GO_ON) {
		c.names[0] = rest.argv[0];
		c.names[1] = rest.argv[1];
		status = compare(&c);
	}
	recording_free(&c.flows[0]);
	recording_free(&c.flows[1]);
	substitutions_free(&c.substitutions);
	names_free(&c.maps);
	return status;
}

const struct cmd cmd_diff = {
	.name = "diff",
	.arguments = "FLOW FLOW [--map FROM=TO]... [--all] [--json]",
	.summary = "compare two flows by what they say",
	.details =
		"Exchanges are paired by action and arguments, then by name, each in order. What\n"
		"differs is cosmetic (form: order and case of headers, prefixes, white space),\n"
		"different (status, error code, argument values, identity) or missing. Addresses "
		"of\n"
		"client and router, and the router's HTTP port, stand for each other; dates do "
		"not\n"
		"count. Exit status 1: something is different or missing.\n"
		"\n"
		"      --map FROM=TO  a name of the first that stands for one of the second: an\n"
		"                     address, a URL, a UUID\n"
		"  -a, --all          also print the exchanges that are the same\n"
		"      --json         as an object\n",
	.main = diff_main,
};
