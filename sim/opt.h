/* SPDX-License-Identifier: MIT */
/* opt.h - options of a verb: a table in, variables filled, precise complaints about the rest. */
#ifndef SIM_OPT_H
#define SIM_OPT_H

#include "cmd.h"
#include "tree.h"

enum opt_kind {
	OPT_FLAG,   /* no value; bool */
	OPT_TEXT,   /* a value, at most once; const char * (points into argv) */
	OPT_LIST,   /* a value, any number of times; struct names */
	OPT_NUMBER, /* a whole number, at most once; long long */
};

/**
 * struct opt - one option
 * @letter:	short form, 0 = none
 * @name:	long form without "--"
 * @kind:	what it takes and what @out points to
 * @out:	bool, const char *, struct names or long long
 * @min, @max:	of OPT_NUMBER
 */
struct opt {
	char letter;
	const char *name;
	enum opt_kind kind;
	void *out;
	long long min, max;
};

/** struct operands - what is left of a command line */
struct operands {
	char **argv;
	int argc;
};

/* The status of opt_parse() that says: go on. */
#define OPT_GO_ON (-1)

/**
 * opt_parse() - read options into their variables
 * @first_ends:	the first operand ends the options (a command with options of its own follows);
 *		else options may stand anywhere up to "--"
 *
 * "--name value", "--name=value", "-n value", "-nvalue" and "--help" are understood; letters
 * without values may be joined. @argv is reordered: the operands end up in @rest, which points into
 * it.
 *
 * Return: OPT_GO_ON; or the exit status after help was printed or a complaint was made.
 */
int opt_parse(const struct cmd *cmd, const struct opt *options, size_t count, bool first_ends,
	      int argc, char **argv, struct operands *rest);
/** opt_one() - complain unless there is one operand. @what: it is called in the complaint,
 * @missing: the question when there is none. Return: OPT_GO_ON or the exit status. */
int opt_one(const struct cmd *cmd, const struct operands *rest, const char *what,
	    const char *missing);

#endif
