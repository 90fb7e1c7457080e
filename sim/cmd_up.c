/* SPDX-License-Identifier: MIT */
/* cmd_up.c - igdlab up: a lab that stays, by itself or as long as its starter. */
#include "../fakeigd/base/clock.h"
#include "leave.h"
#include "result.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define NAME_LEN_MAX 31

/** struct up - the command line of "up" */
struct up {
	struct setup setup;
	const char *name;
	bool foreground;
	bool json;
};

/* Names stand before a colon and in a socket's address. */
static bool is_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-";
	size_t len = strlen(name);

	return len && len <= NAME_LEN_MAX && name[0] != '-' && name[strspn(name, letters)] == '\0';
}

static bool is_taken(const char *name)
{
	char **names;
	size_t count = lab_list(&names);
	bool taken = false;

	for (size_t i = 0; i < count; i++) {
		taken |= !strcmp(names[i], name);
		free(names[i]);
	}
	free(names);
	return taken;
}

/* The topology's name, or with -2, -3 ... when that is taken. Caller frees. */
static char *free_name(const char *topology)
{
	char *name = xstrndup(topology, NAME_LEN_MAX - 4);

	for (int i = 2; is_taken(name); i++) {
		free(name);
		name = xasprintf("%.*s-%d", NAME_LEN_MAX - 4, topology, i);
	}
	return name;
}

/* Start under the wanted name, or under the first free one: somebody may be faster. */
static int start(struct up *up, struct lab *lab, char **name)
{
	int status;

	if (up->name) {
		*name = xstrdup(up->name);
		if (is_taken(up->name))
			return cmd_usage_error(&cmd_up, "a lab \"%s\" is running already",
					       up->name);
		up->setup.lab.name = *name;
		return setup_start(&cmd_up, &up->setup, lab);
	}
	for (int attempt = 0;; attempt++) {
		struct diag d = {0};

		free(*name);
		*name = free_name(up->setup.topology->name);
		up->setup.lab.name = *name;
		if (!lab_start(&up->setup.lab, lab, &d)) {
			diag_free(&d);
			return OPT_GO_ON;
		}
		status = is_taken(*name) && attempt < 16 ? OPT_GO_ON : EXIT_LAB;
		if (status == EXIT_LAB) {
			setup_complain(&cmd_up, &d);
			return status;
		}
		diag_free(&d);
	}
}

static void announce(const struct up *up, const struct lab *lab, const char *name)
{
	json_t *json;
	char *text;

	if (!up->json && !up->foreground) {
		puts(name);
		return;
	}
	json = json_pack("{s:s, s:i, s:s, s:s?}", "lab", name, "pid", (int)lab->pid, "topology",
			 up->setup.topology->name, "evidence", up->setup.evidence);
	/* One line, so that a program can wait for it. */
	text = json_dumps(json, JSON_COMPACT);
	puts(text);
	fflush(stdout);
	free(text);
	json_decref(json);
}

/* Until the end of standard input, a signal, or the end of the lab. Return: the lab is there. */
static bool stay(struct lab *lab)
{
	sigset_t set;
	char data[512];
	bool there = true, wanted = true;
	int signals;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	while (there && wanted) {
		struct pollfd fds[] = {{.fd = lab->fd, .events = POLLIN},
				       {.fd = signals, .events = POLLIN},
				       {.fd = STDIN_FILENO, .events = POLLIN}};
		json_t *event;

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue;
		if (fds[0].revents) {
			event = lab_event(lab);
			there = event != NULL;
			json_decref(event);
		}
		if (fds[1].revents ||
		    (fds[2].revents && read(STDIN_FILENO, data, sizeof(data)) <= 0))
			wanted = false;
	}
	close(signals);
	return there;
}

static int run_lab(struct up *up)
{
	struct lab lab;
	char *name = NULL;
	int status;

	up->setup.lab.detached = !up->foreground;
	status = start(up, &lab, &name);
	if (status == OPT_GO_ON) {
		announce(up, &lab, name);
		status = EXIT_FINE;
		if (!up->foreground) {
			lab_close(&lab);
		} else if (stay(&lab)) {
			status = leave_lab(&cmd_up, &lab);
		} else {
			fprintf(stderr, "igdlab up: the lab \"%s\" went away\n", name);
			lab_close(&lab);
			status = EXIT_LAB;
		}
	}
	free(name);
	return status;
}

static int up_main(int argc, char **argv)
{
	struct up up = {0};
	const struct opt options[] = {
		{0, "name", OPT_TEXT, &up.name, 0, 0},
		{'p', "profile", OPT_LIST, &up.setup.profiles, 0, 0},
		{'q', "quirk", OPT_LIST, &up.setup.quirks, 0, 0},
		{'o', "output", OPT_TEXT, &up.setup.out, 0, 0},
		{0, "no-capture", OPT_FLAG, &up.setup.no_capture, 0, 0},
		{0, "foreground", OPT_FLAG, &up.foreground, 0, 0},
		{0, "json", OPT_FLAG, &up.json, 0, 0},
	};
	struct operands rest;
	int status = opt_parse(&cmd_up, options, ARRAY_SIZE(options), false, argc, argv, &rest);

	if (status == OPT_GO_ON)
		status = opt_one(&cmd_up, &rest, "topology", "which topology?");
	if (status == OPT_GO_ON && up.name && !is_name(up.name))
		status = cmd_usage_error(&cmd_up,
					 "--name: expected up to %d letters, digits, -, _ and ., "
					 "found \"%s\"",
					 NAME_LEN_MAX, up.name);
	if (status == OPT_GO_ON) {
		up.setup.topology_name = rest.argv[0];
		status = setup_prepare(&cmd_up, &up.setup);
	}
	if (status == OPT_GO_ON)
		status = run_lab(&up);
	setup_free(&up.setup);
	return status;
}

const struct cmd cmd_up = {
	.name = "up",
	.arguments = "TOPOLOGY [--name N] [-p [NODE=]PROFILE]... [-q [NODE=]QUIRK]... [-o DIR] "
		     "[--foreground] [--json]",
	.summary = "build a lab that stays, and print its name",
	.details =
		"The lab runs until \"igdlab down\". Use it with exec, shell and ps.\n"
		"\n"
		"      --name N                 its name (default: the topology's, or with -2, -3 "
		"...)\n"
		"  -p, --profile [NODE=]PROFILE router to play: name, file or none; without NODE "
		"on the\n"
		"                               client's gateway\n"
		"  -q, --quirk [NODE=]QUIRK     quirk to lay over the profile; may be repeated\n"
		"  -o, --output DIR             leave evidence there\n"
		"      --no-capture             with -o: journals and logs, no capture\n"
		"      --foreground             stay attached: print one line of JSON when the lab "
		"is\n"
		"                               ready, end it at the end of input or on SIGTERM\n"
		"      --json                   print the line of JSON in any case\n",
	.main = up_main,
};
