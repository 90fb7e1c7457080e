/* SPDX-License-Identifier: MIT */
/*
 * main.c - igdlab: the verbs of the command line.
 *
 * Everything is in the verbs' own files; here is the table, the search for the one that was typed,
 * and what is said when there is none.
 */
#include "../fakeigd/base/mem.h"
#include "cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct cmd *const cmd_table[] = {
	&cmd_run,     &cmd_up,	   &cmd_exec,	       &cmd_shell,
	&cmd_ps,      &cmd_down,   &cmd_list,	       &cmd_show,
	&cmd_map,     &cmd_unmap,  &cmd_list_mappings, &cmd_external_ip,
	&cmd_pinhole, &cmd_search, &cmd_test,	       &cmd_import,
	&cmd_diff,    &cmd_learn,  &cmd_replay,	       &cmd_report,
	NULL};

static void usage(FILE *out)
{
	fputs("usage: igdlab VERB ...\n"
	      "       igdlab --help | --version\n"
	      "\n"
	      "A laboratory for the protocols that open ports on home routers.\n"
	      "\n",
	      out);
	for (const struct cmd *const *cmd = cmd_table; *cmd; cmd++)
		fprintf(out, "  %-14s %s\n", (*cmd)->name, (*cmd)->summary);
	fputs("\nigdlab VERB --help tells the rest; igdlab(1) tells all of it.\n", out);
}

static int unknown_verb(const char *word)
{
	const char *names[ARRAY_SIZE(cmd_table)];
	const char *near;
	size_t count = 0;

	for (; cmd_table[count]; count++)
		names[count] = cmd_table[count]->name;
	near = suggest_nearest(word, names, count);
	if (near)
		fprintf(stderr, "igdlab: unknown verb \"%s\"; did you mean \"%s\"?\n", word, near);
	else
		fprintf(stderr, "igdlab: unknown verb \"%s\"; see igdlab --help\n", word);
	return EXIT_USAGE;
}

/*
 * Whoever is in a lab is root there and wants nft, ip and daemons; an ordinary user of Debian has
 * their folders not in PATH.
 */
static void add_administrators_folders(void)
{
	static const char *const folders[] = {"/usr/sbin", "/sbin"};

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		const char *path = getenv("PATH");
		char *whole = xasprintf("%s:%s", path ? path : "/usr/bin:/bin", folders[i]);
		size_t len = strlen(whole) - strlen(folders[i]);
		char *before = xasprintf(":%.*s", (int)len, whole),
		     *wanted = xasprintf(":%s:", folders[i]);

		if (!strstr(before, wanted))
			setenv("PATH", whole, 1);
		free(wanted);
		free(before);
		free(whole);
	}
}

int main(int argc, char **argv)
{
	add_administrators_folders();
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return EXIT_FINE;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("igdlab " IGDLAB_VERSION);
		return EXIT_FINE;
	}
	for (const struct cmd *const *cmd = cmd_table; *cmd; cmd++)
		if (!strcmp(argv[1], (*cmd)->name))
			return (*cmd)->main(argc - 1, argv + 1);
	return unknown_verb(argv[1]);
}
