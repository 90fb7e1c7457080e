/* SPDX-License-Identifier: MIT */
/* cmd_ps.c - igdlab ps: the labs that run. */
#include "ask.h"
#include "opt.h"
#include "result.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STAT_START 22 /* number of the field in /proc/PID/stat (proc(5)) */

/* When a process began, in clock ticks since the system did; 0 = it cannot be told. */
static unsigned long long start_of(pid_t pid)
{
	char *path = xasprintf("/proc/%d/stat", (int)pid), text[1024], *field, *rest;
	FILE *stat = fopen(path, "re");
	size_t len = stat ? fread(text, 1, sizeof(text) - 1, stat) : 0;

	text[len] = '\0';
	if (stat)
		fclose(stat);
	free(path);
	/* Field 2, the name, stands in parentheses and may hold anything. */
	field = strrchr(text, ')');
	for (int i = 2; field && i < STAT_START; i++)
		field = strchr(field + 1, ' ');
	return field ? strtoull(field, &rest, 10) : 0;
}

/* Seconds since a process began, -1 = it cannot be told. */
static double age_of(pid_t pid)
{
	unsigned long long start = start_of(pid);
	FILE *uptime = fopen("/proc/uptime", "re");
	double now, age = -1;

	if (uptime && start && fscanf(uptime, "%lf", &now) == 1)
		age = now - (double)start / (double)sysconf(_SC_CLK_TCK);
	if (uptime)
		fclose(uptime);
	return age;
}

/* One lab as JSON, NULL when it has ended meanwhile. */
static json_t *describe(const char *name)
{
	json_t *info, *json, *nodes = json_array(), *member;
	struct lab lab;
	const char *node;
	pid_t pid;

	if (lab_connect(name, &lab)) {
		json_decref(nodes);
		return NULL;
	}
	info = ask_op(&lab, "info", NULL);
	pid = (pid_t)json_integer_value(json_object_get(info, "pid"));
	lab_close(&lab);
	json_object_foreach(json_object_get(info, "nodes"), node, member)
	{
		json_array_append_new(nodes, json_string(node));
	}
	json = json_pack("{s:s, s:i, s:O?, s:o, s:f, s:O?, s:O?}", "name", name, "pid", (int)pid,
			 "topology", json_object_get(info, "topology"), "nodes", nodes, "uptime",
			 age_of(pid), "programs", json_object_get(info, "programs"), "evidence",
			 json_object_get(info, "evidence"));
	if (!info) {
		json_decref(json);
		json = NULL;
	}
	json_decref(info);
	return json;
}

static json_t *describe_all(void)
{
	char **names;
	size_t count = lab_list(&names);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *lab = describe(names[i]);

		if (lab)
			json_array_append_new(list, lab);
		free(names[i]);
	}
	free(names);
	return list;
}

/* "3 s", "12 min", "5 h", "9 d" */
static void print_age(double seconds)
{
	static const struct {
		double seconds;
		const char *unit;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		char text[32];

		if (seconds < units[i].seconds * 2 && i + 1 < ARRAY_SIZE(units))
			continue;
		snprintf(text, sizeof(text), "%.0f %s", seconds / units[i].seconds, units[i].unit);
		printf("%-8s", text);
		return;
	}
}

static void print_all(const json_t *list)
{
	size_t index, number;
	json_t *lab, *node;

	if (!json_array_size(list)) {
		puts("no lab is running");
		return;
	}
	printf("%-16s %-8s %-16s %-8s %-9s %s\n", "LAB", "PID", "TOPOLOGY", "UP", "PROGRAMS",
	       "NODES");
	json_array_foreach(list, index, lab)
	{
		printf("%-16s %-8lld %-16s ", json_string_value(json_object_get(lab, "name")),
		       (long long)json_integer_value(json_object_get(lab, "pid")),
		       json_string_value(json_object_get(lab, "topology")));
		print_age(json_real_value(json_object_get(lab, "uptime")));
		printf(" %-9lld", (long long)json_integer_value(json_object_get(lab, "programs")));
		json_array_foreach(json_object_get(lab, "nodes"), number, node)
		{
			printf("%s%s", number ? "," : " ", json_string_value(node));
		}
		putchar('\n');
	}
}

static int ps_main(int argc, char **argv)
{
	bool json = false;
	const struct opt options[] = {{0, "json", OPT_FLAG, &json, 0, 0}};
	struct operands rest;
	int status = opt_parse(&cmd_ps, options, ARRAY_SIZE(options), false, argc, argv, &rest);
	json_t *list;

	if (status != OPT_GO_ON)
		return status;
	if (rest.argc)
		return cmd_usage_error(&cmd_ps, "takes no operand, found \"%s\"", rest.argv[0]);
	list = describe_all();
	if (json)
		json_print(list);
	else
		print_all(list);
	json_decref(list);
	return EXIT_FINE;
}

const struct cmd cmd_ps = {
	.name = "ps",
	.arguments = "[--json]",
	.summary = "list the labs that run",
	.details =
		"      --json  an array of objects: name, pid, topology, nodes, uptime (seconds),\n"
		"              programs (how many were started in it and run), evidence\n",
	.main = ps_main,
};
