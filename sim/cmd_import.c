/* SPDX-License-Identifier: MIT */
/* cmd_import.c - igdlab import: a capture, a log or a journal becomes a flow. */
#include "anonymise.h"
#include "import.h"
#include "opt.h"
#include "result.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOTES_SHOWN 12
#define BAR_WIDTH   30
#define BAR_BYTES   (UINT64_C(16) << 20) /* smaller files are read before a bar is seen */

/** struct import - the command line, and what came of it */
struct import {
	const char *path;
	const char *out;
	char *default_out;
	bool anonymise, json;
	struct import_options options;
	struct recording_counts counts;
};

/* ---- progress ---- */

static void draw_bar(void *arg, uint64_t done, uint64_t total)
{
	int *last = arg, percent = total ? (int)(done * 100 / total) : 100;
	char bar[BAR_WIDTH + 1];
	int filled = percent * BAR_WIDTH / 100;

	if (total < BAR_BYTES || percent == *last)
		return;
	*last = percent;
	memset(bar, ' ', BAR_WIDTH);
	memset(bar, '#', (size_t)filled);
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r[%s] %3d %% of %llu MB", bar, percent,
		(unsigned long long)(total >> 20));
	if (percent == 100)
		fputs("\r\033[K", stderr);
	fflush(stderr);
}

/* ---- telling ---- */

static void count_text(const struct recording_counts *counts, struct buf *out)
{
	size_t total = 0;
	const char *separator = ": ";

	for (int i = 0; i < FLOW_PROTOCOL_COUNT; i++)
		total += counts->exchanges[i];
	buf_printf(out, "%zu exchange%s", total, total == 1 ? "" : "s");
	for (int i = 0; i < FLOW_PROTOCOL_COUNT; i++) {
		if (!counts->exchanges[i])
			continue;
		buf_printf(out, "%s%zu %s", separator, counts->exchanges[i],
			   flow_protocol_name((enum flow_protocol)i));
		separator = ", ";
	}
}

static void print_notes(const struct recording *r, const char *unit)
{
	for (size_t i = 0; i < r->note_count && i < NOTES_SHOWN; i++) {
		const struct recording_note *n = &r->notes[i];

		if (n->count > 1)
			printf("note: %ss %llu to %llu: ", unit, (unsigned long long)n->first,
			       (unsigned long long)(n->first + n->count - 1));
		else if (n->count)
			printf("note: %s %llu: ", unit, (unsigned long long)n->first);
		else
			printf("note: ");
		printf(n->text ? "%s: %s\n" : "%s\n", n->what, n->text);
	}
	if (r->note_count > NOTES_SHOWN)
		printf("note: and %zu more, in \"notes\" of the flow\n",
		       r->note_count - NOTES_SHOWN);
}

static void print_report(const struct import *c, const struct recording *r)
{
	bool lines = !strcmp(r->kind, "log") || !strcmp(r->kind, "journal");
	struct buf text = {0};

	count_text(&c->counts, &text);
	printf("%s: %s of %llu bytes; %s\n", r->source, r->kind, (unsigned long long)r->bytes,
	       text.data);
	buf_free(&text);
	if (r->client && r->router)
		printf("client %s, router %s\n", r->client, r->router);
	if (c->counts.restored)
		printf("%zu messages have something restored, and say what proves it\n",
		       c->counts.restored);
	if (c->counts.cut)
		printf("%zu messages are not complete\n", c->counts.cut);
	print_notes(r, lines ? "line" : "packet");
	for (size_t i = 0; i < r->replaced.count; i++)
		printf("replaced: %s\n", r->replaced.items[i]);
	printf("%s is the flow; \"igdlab show flow %s%s\" prints it\n", c->out,
	       strchr(c->out, '/') ? "" : "./", c->out);
}

static json_t *notes_json(const struct recording *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->note_count; i++)
		json_array_append_new(list, json_pack("{sI sI ss* ss*}", "first",
						      (json_int_t)r->notes[i].first, "count",
						      (json_int_t)r->notes[i].count, "what",
						      r->notes[i].what, "text", r->notes[i].text));
	return list;
}

static void print_json(const struct import *c, const struct recording *r)
{
	json_t *counts = json_object(), *replaced = json_array(), *report;

	for (int i = 0; i < FLOW_PROTOCOL_COUNT; i++) {
		if (c->counts.exchanges[i])
			json_object_set_new(counts, flow_protocol_name((enum flow_protocol)i),
					    json_integer((json_int_t)c->counts.exchanges[i]));
	}
	for (size_t i = 0; i < r->replaced.count; i++)
		json_array_append_new(replaced, json_string(r->replaced.items[i]));
	report = json_pack("{ss ss ss sI so ss* ss* sb sI sI so so}", "flow", c->out, "source",
			   r->source, "kind", r->kind, "bytes", (json_int_t)r->bytes, "exchanges",
			   counts, "client", r->client, "router", r->router, "dated", r->dated,
			   "restored", (json_int_t)c->counts.restored, "incomplete",
			   (json_int_t)c->counts.cut, "replaced", replaced, "notes", notes_json(r));
	json_print(report);
	json_decref(report);
}

/* ---- doing ---- */

/* The source's name without its kind, in the current folder. */
static char *default_path(const char *path)
{
	static const char *const suffixes[] = {".pcapng", ".pcap", ".cap",   ".log",
					       ".txt",	  ".json", ".jsonl", ".dump"};
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t suffix = strlen(suffixes[i]);

		if (len > suffix && !strcasecmp(name + len - suffix, suffixes[i])) {
			len -= suffix;
			break;
		}
	}
	return xasprintf("%.*s.flow.json", (int)len, name);
}

static int save(struct import *c, struct recording_writer *w, struct recording *r, struct diag *d)
{
	if (!c->anonymise)
		return recording_finish(w, r, d);
	if (recording_collect(w, r, d) < 0)
		return -1;
	anonymise(r);
	return recording_save(c->out, r, d);
}

static int run(struct import *c, struct recording *r, struct diag *d)
{
	struct recording_writer *w = recording_create(c->out, d);
	int drawn = -1;

	if (!w)
		return -1;
	c->options.arg = &drawn;
	if (isatty(STDERR_FILENO))
		c->options.progress = draw_bar;
	if (import_file(c->path, &c->options, w, r, d) < 0) {
		recording_abandon(w);
		return -1;
	}
	c->counts = *recording_counts(w);
	return save(c, w, r, d);
}

static bool good_address(const char *address)
{
	struct end_point e;

	return !address || (end_point_parse(slice_of(address), &e) && e.family && !e.port);
}

static int import_and_tell(struct import *c)
{
	struct recording r = {0};
	struct diag d = {0};
	int status = run(c, &r, &d);

	if (d.text.len)
		fwrite(d.text.data, 1, d.text.len, stderr);
	if (!status && c->json)
		print_json(c, &r);
	else if (!status)
		print_report(c, &r);
	recording_free(&r);
	diag_free(&d);
	return status ? EXIT_USAGE : EXIT_FINE;
}

static int import_main(int argc, char **argv)
{
	struct import c = {0};
	const struct opt options[] = {
		{'o', "output", OPT_TEXT, &c.out, 0, 0},
		{0, "anonymise", OPT_FLAG, &c.anonymise, 0, 0},
		{0, "router", OPT_TEXT, &c.options.router, 0, 0},
		{0, "client", OPT_TEXT, &c.options.client, 0, 0},
		{0, "json", OPT_FLAG, &c.json, 0, 0},
	};
	struct operands rest;
	int status = opt_parse(&cmd_import, options, ARRAY_SIZE(options), false, argc, argv, &rest);

	if (status == OPT_GO_ON)
		status = opt_one(&cmd_import, &rest, "file", "which file?");
	if (status != OPT_GO_ON)
		return status;
	if (!good_address(c.options.router) || !good_address(c.options.client))
		return cmd_usage_error(&cmd_import,
				       "--router and --client take an address without a port");
	c.path = rest.argv[0];
	c.default_out = c.out ? NULL : default_path(c.path);
	if (!c.out)
		c.out = c.default_out;
	status = import_and_tell(&c);
	free(c.default_out);
	return status;
}

const struct cmd cmd_import = {
	.name = "import",
	.arguments = "FILE [-o FLOW] [--anonymise] [--router ADDRESS] [--client ADDRESS] [--json]",
	.summary = "make a flow of a capture, a log or a journal",
	.details =
		"FILE is a capture (pcap, pcapng), a journal of fakeigd, or a text log of any\n"
		"program in which HTTP and SSDP messages can be found. What was not understood\n"
		"is listed; what had to be restored is marked in the flow, with its proof.\n"
		"\n"
		"  -o, --output FLOW     where to write (FILE's name with .flow.json, here)\n"
		"      --anonymise       replace public addresses, MACs, serial numbers, UUIDs "
		"and\n"
		"                        names of people's things, descriptions of mappings, the "
		"same\n"
		"                        way everywhere\n"
		"      --router ADDRESS  who the router is, instead of finding out\n"
		"      --client ADDRESS  who the client is\n"
		"      --json            what was found, as an object\n",
	.main = import_main,
};
