/* SPDX-License-Identifier: MIT */
/* setup.h - from the options of "run" and "up" to the options of lab_start(). */
#ifndef SIM_SETUP_H
#define SIM_SETUP_H

#include "lab.h"
#include "opt.h"

/**
 * struct setup - what a command line asks for; zero-initialised before opt_parse() fills the first
 * five
 * @topology_name: name or file, NULL = flat
 * @profiles:	"[NODE=]PROFILE"
 * @quirks:	"[NODE=]QUIRK"
 * @out:	evidence directory, NULL = none
 * @no_capture:	journals and logs only
 * @topology:	loaded, with profiles and quirks applied
 * @evidence:	absolute path of @out (made when it was not there), NULL = none
 * @lab:	ready for lab_start()
 * The rest is what @lab points to.
 */
struct setup {
	const char *topology_name;
	struct names profiles;
	struct names quirks;
	const char *out;
	bool no_capture;
	struct topology *topology;
	char *evidence;
	struct lab_options lab;
	char *program_folder;
	char *fakeigd;
	char *cwd;
	const char *keep[2];
};

/**
 * setup_prepare() - load the topology, lay profiles and quirks over it, make the evidence directory
 *
 * Return: OPT_GO_ON, or an exit status after complaints on standard error.
 */
int setup_prepare(const struct cmd *cmd, struct setup *setup);
/** setup_start() - lab_start(), complaints on standard error. Return: OPT_GO_ON or EXIT_LAB. */
int setup_start(const struct cmd *cmd, const struct setup *setup, struct lab *lab);
/** setup_complain() - say that the lab could not be built, and why; empties @d. */
void setup_complain(const struct cmd *cmd, struct diag *d);
void setup_free(struct setup *setup);

/** setup_program() - path of a program beside our own ("fakeigd"), NULL = of that folder; caller
 * frees. */
char *setup_program(const char *name);

#endif
