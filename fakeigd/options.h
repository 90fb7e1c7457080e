/* SPDX-License-Identifier: MIT */
/* options.h - the command line of fakeigd. */
#ifndef FAKEIGD_OPTIONS_H
#define FAKEIGD_OPTIONS_H

#include "base/diag.h"
#include "router.h"

#define OPTIONS_QUIRKS_MAX 64

/** enum options_mode - what fakeigd is asked to do */
enum options_mode {
	MODE_RUN,
	MODE_CHECK,
	MODE_SHOW,
	MODE_LIST_POLICY,
	MODE_SCHEMA,
	MODE_VERSION,
	MODE_HELP,
};

/**
 * struct options - the command line; strings belong to argv, but @lan's to it
 * @journal_bytes: journal_bytes() of journal.h is wanted
 * @journal_fd, @control_fd, @ready_fd, @clock_fd: -1 = none
 */
struct options {
	enum options_mode mode;
	bool json;
	const char *schema; /* "profile" or "quirk" */
	const char *profile;
	const char *quirks[OPTIONS_QUIRKS_MAX];
	size_t quirk_count;
	char *lan[ROUTER_LANS_MAX];
	size_t lans;
	const char *wan;
	const char *name;
	const char *data;
	const char *journal;
	const char *control;
	int journal_fd;
	bool journal_bytes;
	int control_fd;
	int ready_fd;
	int clock_fd;
	uint16_t http_port;
};

/** options_parse() - read the command line. Return: whether it makes sense; else @d has complaints.
 */
bool options_parse(struct options *o, int argc, char **argv, struct diag *d);
void options_free(struct options *o);
/** options_help() - the text of --help: usage and one paragraph per option. */
void options_help(struct buf *out);

#endif
