/* SPDX-License-Identifier: MIT */
/* tree.h - what the data tree holds: the names of topologies, profiles, quirks, captures ... */
#ifndef SIM_TREE_H
#define SIM_TREE_H

#include "../fakeigd/base/diag.h"

/**
 * struct names - sorted names of one kind; zero-initialised is empty
 * @items:	owned
 */
struct names {
	char **items;
	size_t count;
};

/**
 * tree_names() - the *.yaml files of a folder of the data tree, without ".yaml", sorted
 * @folder:	"topologies", "fakeigd/profiles", ...
 *
 * A folder that does not exist has no names.
 */
struct names tree_names(const char *folder);
/** tree_files() - the same for files that end in @suffix, which is cut off: ".flow.json". */
struct names tree_files(const char *folder, const char *suffix);
void names_free(struct names *names);
/** names_add() - append a copy of @name. */
void names_add(struct names *names, const char *name);
/** names_has() - whether @name is one of them. */
bool names_has(const struct names *names, const char *name);
/** tree_has() - whether lab_find() leads to a file that can be read. */
bool tree_has(const char *folder, const char *name);
/**
 * tree_unknown() - complain that @name is in no @folder, with a suggestion
 * @file, @line: where somebody wrote it (NULL and 0: on the command line)
 * @kind:	what it was meant to be: "profile"
 */
void tree_unknown(struct diag *d, const char *file, int line, const char *kind, const char *folder,
		  const char *name);

#endif
