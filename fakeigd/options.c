/* SPDX-License-Identifier: MIT */
/*
 * options.c - the command line of fakeigd.
 *
 * One table has every option with its argument and its text; --help prints it, and the manual page
 * holds the same sentences (cases/unit/test_options.c compares them).
 */
#include "options.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum option_id {
	OPTION_PROFILE,
	OPTION_QUIRK,
	OPTION_LAN,
	OPTION_WAN,
	OPTION_NAME,
	OPTION_DATA,
	OPTION_HTTP_PORT,
	OPTION_JOURNAL,
	OPTION_JOURNAL_FD,
	OPTION_JOURNAL_BYTES,
	OPTION_CONTROL,
	OPTION_CONTROL_FD,
	OPTION_READY_FD,
	OPTION_CLOCK_FD,
	OPTION_CHECK,
	OPTION_SHOW,
	OPTION_LIST_POLICY,
	OPTION_JSON,
	OPTION_SCHEMA,
	OPTION_VERSION,
	OPTION_HELP,
	OPTION_COUNT,
};

static const struct {
	const char *name;
	const char *argument; /* NULL: takes none */
	const char *text;
} table[OPTION_COUNT] = {
	[OPTION_PROFILE] =
		{"--profile", "NAME|FILE",
		 "The router to be. A name is looked up in the data directory, a file has "
		 "a slash or ends in .yaml. Default: conformant-igd1."},
	[OPTION_QUIRK] = {"--quirk", "NAME|FILE",
			  "Lay a quirk over the profile. May be given several times; quirks that "
			  "disagree are refused."},
	[OPTION_LAN] = {"--lan", "IFNAME[,IFNAME...]",
			"Interfaces on which the router is a gateway and answers. Required to run; "
			"may be given several times."},
	[OPTION_WAN] = {"--wan", "IFNAME",
			"Interface towards the Internet. Without it mappings are kept but forward "
			"nothing."},
	[OPTION_NAME] = {"--name", "NAME",
			 "Name of the router in the journal, and what its UDNs are derived from. "
			 "Default: the host's name."},
	[OPTION_DATA] = {"--data", "DIR",
			 "Directory that holds profiles/ and quirks/. Default: found beside the "
			 "program."},
	[OPTION_HTTP_PORT] = {"--http-port", "N",
			      "TCP port of description and control instead of the profile's."},
	[OPTION_JOURNAL] = {"--journal", "FILE|-",
			    "Append the journal to a file, or write it to standard output."},
	[OPTION_JOURNAL_FD] = {"--journal-fd", "N", "Write the journal to this descriptor."},
	[OPTION_JOURNAL_BYTES] = {"--journal-bytes", NULL,
				  "Write to the journal what each socket reads and writes, to the "
				  "byte: igdlab import reads it."},
	[OPTION_CONTROL] = {"--control", "PATH",
			    "Take requests on a Unix socket of that path (SOCK_SEQPACKET)."},
	[OPTION_CONTROL_FD] =
		{"--control-fd", "N",
		 "Take requests on this descriptor, a connected SOCK_SEQPACKET socket."},
	[OPTION_READY_FD] = {"--ready-fd", "N",
			     "Write one byte to this descriptor when everything listens, and close "
			     "it."},
	[OPTION_CLOCK_FD] = {"--clock-fd", "N",
			     "Use the clock page behind this descriptor, so that a lab can advance "
			     "time."},
	[OPTION_CHECK] = {"--check", NULL,
			  "Check profile and quirks, print nothing when they are fine."},
	[OPTION_SHOW] = {"--show", NULL, "Print the resolved profile as YAML."},
	[OPTION_LIST_POLICY] = {"--list-policy", NULL,
				"Print every policy with its values, default and reason."},
	[OPTION_JSON] = {"--json", NULL, "Print --list-policy as JSON."},
	[OPTION_SCHEMA] = {"--schema", "profile|quirk",
			   "Print the JSON Schema of profile or quirk files."},
	[OPTION_VERSION] = {"--version", NULL, "Print the version."},
	[OPTION_HELP] = {"--help", NULL, "Print this text."},
};

/* One paragraph, wrapped before column 80 behind a margin of 8. */
static void add_paragraph(struct buf *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (column && column + 1 + word > 72) {
			buf_putc(out, '\n');
			column = 0;
		}
		buf_puts(out, column ? " " : "        ");
		buf_add(out, text, word);
		column += word + (column ? 1 : 0);
		text += word;
		text += *text == ' ';
	}
	buf_putc(out, '\n');
}

void options_help(struct buf *out)
{
	buf_puts(out,
		 "usage: fakeigd --lan IFNAME[,IFNAME...] [--wan IFNAME] [--profile NAME|FILE] "
		 "[OPTION...]\n\n");
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		buf_printf(out, "%s%s%s\n", table[i].name, table[i].argument ? " " : "",
			   table[i].argument ? table[i].argument : "");
		add_paragraph(out, table[i].text);
	}
}

static bool parse_number(const char *option, const char *text, long min, long max, long *out,
			 struct diag *d)
{
	uint64_t value;

	if (!slice_number(slice_of(text), (uint64_t)max, &value) || value < (uint64_t)min) {
		diag_at(d, NULL, 0, "%s: expected a whole number from %ld to %ld, not \"%s\"",
			option, min, max, text);
		return false;
	}
	*out = (long)value;
	return true;
}

/* A descriptor that is open. It is not handed on to anybody. */
static bool parse_fd(const char *option, const char *text, int *out, struct diag *d)
{
	long value;

	if (!parse_number(option, text, 0, 1048576, &value, d))
		return false;
	if (fcntl((int)value, F_SETFD, FD_CLOEXEC) < 0) {
		diag_at(d, NULL, 0, "%s: descriptor %ld is not open", option, value);
		return false;
	}
	*out = (int)value;
	return true;
}

static bool add_lan(struct options *o, const char *name, size_t len, struct diag *d)
{
	for (size_t i = 0; i < o->lans; i++) {
		if (strlen(o->lan[i]) != len || strncmp(o->lan[i], name, len) != 0)
			continue;
		diag_at(d, NULL, 0, "--lan: %s is named twice", o->lan[i]);
		return false;
	}
	if (o->lans == ROUTER_LANS_MAX) {
		diag_at(d, NULL, 0, "--lan: more than %d interfaces", ROUTER_LANS_MAX);
		return false;
	}
	o->lan[o->lans++] = xstrndup(name, len);
	return true;
}

static bool parse_lans(struct options *o, const char *text, struct diag *d)
{
	const char *at = text;

	if (!*text || text[0] == ',' || text[strlen(text) - 1] == ',' || strstr(text, ",,")) {
		diag_at(d, NULL, 0,
			"--lan: expected interface names with commas between, not \"%s\"", text);
		return false;
	}
	while (*at) {
		size_t len = strcspn(at, ",");

		if (!add_lan(o, at, len, d))
			return false;
		at += len + (at[len] == ',');
	}
	return true;
}

static bool take(struct options *o, enum option_id id, const char *value, struct diag *d)
{
	const char *option = table[id].name;
	long number;

	switch (id) {
	case OPTION_PROFILE:
		o->profile = value;
		return true;
	case OPTION_QUIRK:
		if (o->quirk_count == OPTIONS_QUIRKS_MAX) {
			diag_at(d, NULL, 0, "--quirk: more than %d", OPTIONS_QUIRKS_MAX);
			return false;
		}
		o->quirks[o->quirk_count++] = value;
		return true;
	case OPTION_LAN:
		return parse_lans(o, value, d);
	case OPTION_WAN:
		o->wan = value;
		return true;
	case OPTION_NAME:
		o->name = value;
		return true;
	case OPTION_DATA:
		o->data = value;
		return true;
	case OPTION_HTTP_PORT:
		if (!parse_number(option, value, 1, 65535, &number, d))
			return false;
		o->http_port = (uint16_t)number;
		return true;
	case OPTION_JOURNAL:
		o->journal = value;
		return true;
	case OPTION_CONTROL:
		o->control = value;
		return true;
	case OPTION_JOURNAL_FD:
		return parse_fd(option, value, &o->journal_fd, d);
	case OPTION_JOURNAL_BYTES:
		o->journal_bytes = true;
		return true;
	case OPTION_CONTROL_FD:
		return parse_fd(option, value, &o->control_fd, d);
	case OPTION_READY_FD:
		return parse_fd(option, value, &o->ready_fd, d);
	case OPTION_CLOCK_FD:
		return parse_fd(option, value, &o->clock_fd, d);
	case OPTION_CHECK:
		o->mode = MODE_CHECK;
		return true;
	case OPTION_SHOW:
		o->mode = MODE_SHOW;
		return true;
	case OPTION_LIST_POLICY:
		o->mode = MODE_LIST_POLICY;
		return true;
	case OPTION_JSON:
		o->json = true;
		return true;
	case OPTION_SCHEMA:
		o->mode = MODE_SCHEMA;
		o->schema = value;
		if (!strcmp(value, "profile") || !strcmp(value, "quirk"))
			return true;
		diag_at(d, NULL, 0, "--schema: expected profile or quirk, not \"%s\"", value);
		return false;
	case OPTION_VERSION:
		o->mode = MODE_VERSION;
		return true;
	case OPTION_HELP:
		o->mode = MODE_HELP;
		return true;
	case OPTION_COUNT:
		break;
	}
	return false;
}

/* The option that @word names, up to a "=". */
static enum option_id find_option(const char *word)
{
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (strlen(table[i].name) == len && !strncmp(table[i].name, word, len))
			return (enum option_id)i;
	return OPTION_COUNT;
}

static void complain_unknown(const char *word, struct diag *d)
{
	const char *names[OPTION_COUNT];

	if (word[0] != '-') {
		diag_at(d, NULL, 0, "unexpected argument \"%s\"; everything is an option", word);
		return;
	}
	for (size_t i = 0; i < OPTION_COUNT; i++)
		names[i] = table[i].name;
	diag_unknown(d, NULL, 0, "option", word, names, OPTION_COUNT);
}

/* Read the option at argv[*at], which then is its last word. */
static bool read_option(struct options *o, int argc, char **argv, int *at, struct diag *d)
{
	const char *word = argv[*at], *equals = strchr(word, '=');
	enum option_id id = find_option(word);

	if (id == OPTION_COUNT) {
		complain_unknown(word, d);
		return false;
	}
	if (!table[id].argument && equals) {
		diag_at(d, NULL, 0, "%s takes no value", table[id].name);
		return false;
	}
	if (table[id].argument && !equals && ++*at == argc) {
		diag_at(d, NULL, 0, "%s needs a value: %s", table[id].name, table[id].argument);
		return false;
	}
	return take(o, id, equals ? equals + 1 : argv[*at], d);
}

bool options_parse(struct options *o, int argc, char **argv, struct diag *d)
{
	*o = (struct options){
		.profile = "conformant-igd1",
		.journal_fd = -1,
		.control_fd = -1,
		.ready_fd = -1,
		.clock_fd = -1,
	};
	for (int i = 1; i < argc; i++)
		if (!read_option(o, argc, argv, &i, d))
			return false;
	if (o->json && o->mode != MODE_LIST_POLICY)
		diag_at(d, NULL, 0, "--json goes with --list-policy");
	if (o->journal && o->journal_fd >= 0)
		diag_at(d, NULL, 0, "--journal and --journal-fd exclude each other");
	if (o->mode == MODE_RUN && !o->lans)
		diag_at(d, NULL, 0, "--lan is required; fakeigd --help lists the options");
	for (size_t i = 0; o->wan && i < o->lans; i++)
		if (!strcmp(o->lan[i], o->wan))
			diag_at(d, NULL, 0, "%s is given as --lan and as --wan", o->wan);
	return d->errors == 0;
}

void options_free(struct options *o)
{
	for (size_t i = 0; i < o->lans; i++)
		free(o->lan[i]);
	o->lans = 0;
}
