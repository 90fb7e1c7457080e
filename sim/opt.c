/* SPDX-License-Identifier: MIT */
/* opt.c - options of a verb (see opt.h). */
#include "opt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/**
 * struct parse - a command line being read
 * @next:	index of the argument to look at next
 * @given:	bit set over the table: seen already
 */
struct parse {
	const struct cmd *cmd;
	const struct opt *options;
	size_t count;
	int argc;
	char **argv;
	int next;
	uint64_t given;
};

int cmd_usage_error(const struct cmd *cmd, const char *format, ...)
{
	struct buf text = {0};
	va_list ap;

	va_start(ap, format);
	buf_vprintf(&text, format, ap);
	va_end(ap);
	fprintf(stderr, "igdlab %s: %s; see igdlab %s --help\n", cmd->name, text.data, cmd->name);
	buf_free(&text);
	return EXIT_USAGE;
}

int cmd_complain(struct diag *d)
{
	fwrite(d->text.data, 1, d->text.len, stderr);
	diag_free(d);
	return EXIT_USAGE;
}

void cmd_print_clean(const char *text)
{
	for (; *text; text++)
		putchar((unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text);
}

/* Usage line, summary and details of a verb on standard output. */
static void opt_help(const struct cmd *cmd)
{
	printf("usage: igdlab %s%s%s\n\n%s\n", cmd->name, *cmd->arguments ? " " : "",
	       cmd->arguments, cmd->summary);
	if (cmd->details && *cmd->details)
		printf("\n%s", cmd->details);
}

static int unknown(const struct parse *p, const char *word, const char *name)
{
	const char **names = xcalloc(p->count + 1, sizeof(*names)), *near;
	int status;

	for (size_t i = 0; i < p->count; i++)
		names[i] = p->options[i].name;
	names[p->count] = "help";
	near = suggest_nearest(name, names, p->count + 1);
	if (near)
		status = cmd_usage_error(p->cmd, "unknown option \"%s\"; did you mean \"--%s\"?",
					 word, near);
	else
		status = cmd_usage_error(p->cmd, "unknown option \"%s\"", word);
	free(names);
	return status;
}

static int store_number(const struct parse *p, const struct opt *option, const char *value)
{
	long long number;
	char *end;

	errno = 0;
	number = strtoll(value, &end, 10);
	if (errno || *end || !((*value >= '0' && *value <= '9') || *value == '-') ||
	    number < option->min || number > option->max)
		return cmd_usage_error(
			p->cmd, "--%s: expected a whole number from %lld to %lld, found \"%s\"",
			option->name, option->min, option->max, value);
	*(long long *)option->out = number;
	return OPT_GO_ON;
}

static int store(struct parse *p, const struct opt *option, const char *value)
{
	uint64_t bit = UINT64_C(1) << (option - p->options);

	if (p->given & bit && (option->kind == OPT_TEXT || option->kind == OPT_NUMBER))
		return cmd_usage_error(p->cmd, "--%s is given twice", option->name);
	p->given |= bit;
	switch (option->kind) {
	case OPT_FLAG:
		*(bool *)option->out = true;
		break;
	case OPT_TEXT:
		*(const char **)option->out = value;
		break;
	case OPT_LIST:
		names_add(option->out, value);
		break;
	case OPT_NUMBER:
		return store_number(p, option, value);
	}
	return OPT_GO_ON;
}

/* The value of an option that was not joined to it. NULL: there is none. */
static const char *next_value(struct parse *p)
{
	return p->next < p->argc ? p->argv[p->next++] : NULL;
}

static int read_long(struct parse *p, const char *word)
{
	const char *name = word + 2, *equals = strchr(name, '='), *value;
	size_t len = equals ? (size_t)(equals - name) : strlen(name);

	for (size_t i = 0; i < p->count; i++) {
		const struct opt *option = &p->options[i];

		if (strlen(option->name) != len || strncmp(option->name, name, len))
			continue;
		if (option->kind == OPT_FLAG) {
			if (equals)
				return cmd_usage_error(p->cmd, "--%s takes no value", option->name);
			return store(p, option, NULL);
		}
		value = equals ? equals + 1 : next_value(p);
		if (!value)
			return cmd_usage_error(p->cmd, "--%s needs a value", option->name);
		return store(p, option, value);
	}
	if (!strcmp(word, "--help")) {
		opt_help(p->cmd);
		return EXIT_FINE;
	}
	return unknown(p, word, name);
}

static int read_short(struct parse *p, const char *word)
{
	for (const char *letter = word + 1; *letter; letter++) {
		const struct opt *option = p->options, *end = p->options + p->count;
		const char *value;
		int status;

		while (option < end && option->letter != *letter)
			option++;
		if (option == end) {
			char name[3] = {'-', *letter, '\0'};

			return cmd_usage_error(p->cmd, "unknown option \"%s\"", name);
		}
		if (option->kind == OPT_FLAG) {
			status = store(p, option, NULL);
			if (status != OPT_GO_ON)
				return status;
			continue;
		}
		value = letter[1] ? letter + 1 : next_value(p);
		if (!value)
			return cmd_usage_error(p->cmd, "-%c needs a value", *letter);
		return store(p, option, value);
	}
	return OPT_GO_ON;
}

int opt_parse(const struct cmd *cmd, const struct opt *options, size_t count, bool first_ends,
	      int argc, char **argv, struct operands *rest)
{
	struct parse p = {.cmd = cmd,
			  .options = options,
			  .count = count,
			  .argc = argc,
			  .argv = argv,
			  .next = 1};
	int operands = 1, status = OPT_GO_ON;

	/* Operands move to the front, over the options already read; those are not needed again,
	 * but values point to the strings, not into the array. */
	while (status == OPT_GO_ON && p.next < argc) {
		char *word = argv[p.next];

		if (word[0] != '-' || !word[1]) {
			if (first_ends)
				break;
			argv[operands++] = word;
			p.next++;
			continue;
		}
		p.next++;
		if (!strcmp(word, "--"))
			break;
		status = word[1] == '-' ? read_long(&p, word) : read_short(&p, word);
	}
	while (p.next < argc)
		argv[operands++] = argv[p.next++];
	*rest = (struct operands){argv + 1, operands - 1};
	return status;
}

int opt_one(const struct cmd *cmd, const struct operands *rest, const char *what,
	    const char *missing)
{
	if (!rest->argc)
		return cmd_usage_error(cmd, "%s", missing);
	if (rest->argc > 1)
		return cmd_usage_error(cmd, "expected one %s, found \"%s\" too", what,
				       rest->argv[1]);
	return OPT_GO_ON;
}
