/* SPDX-License-Identifier: MIT */
/*
 * record.c - a run kept as a case of captures/ (see record.h).
 *
 * Theory of operation: the case is what the client and its gateway said to each other, read back
 * from the lab's capture. It is anonymised although a lab has nobody's data: programs put host
 * names and ids of their machine into what they send. Beside the flow, NAME.yaml says how to make
 * it again: cases/flows replays the flow with the topology, routers and command that it names.
 */
#include "record.h"

#include "../fakeigd/base/clock.h"
#include "anonymise.h"
#include "facts.h"
#include "folder.h"
#include "import.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* ---- where ---- */

static bool is_name(const char *name)
{
	for (const char *p = name; *p; p++)
		if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) &&
		    (p == name || !strchr("-_.", *p)))
			return false;
	return *name != '\0';
}

int record_prepare(const struct cmd *cmd, const char *name, const char *evidence,
		   struct record *out)
{
	const char *tmp = getenv("TMPDIR");
	char *captures = xasprintf("%s/captures", lab_tree());
	const char *folder = access(captures, W_OK | X_OK) ? "." : captures;

	*out = (struct record){.name = name};
	out->flow = xasprintf("%s/%s.flow.json", folder, name);
	out->yaml = xasprintf("%s/%s.yaml", folder, name);
	free(captures);
	if (!is_name(name))
		return cmd_usage_error(cmd, "--record %s: a name has a-z, 0-9, and then - _ .",
				       name);
	if (!access(out->flow, F_OK) || !access(out->yaml, F_OK))
		return cmd_usage_error(cmd, "--record %s: there is a case of that name, %s", name,
				       access(out->flow, F_OK) ? out->yaml : out->flow);
	if (evidence)
		return OPT_GO_ON;
	out->folder = xasprintf("%s/igdlab-record-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(out->folder)) {
		cmd_usage_error(cmd, "%s: %s", out->folder, strerror(errno));
		free(out->folder);
		out->folder = NULL;
		return EXIT_USAGE;
	}
	return OPT_GO_ON;
}

void record_free(struct record *record)
{
	if (record->folder)
		folder_remove(record->folder);
	free(record->folder);
	free(record->flow);
	free(record->yaml);
	*record = (struct record){0};
}

/* ---- trimming ---- */

enum repeated {
	REPEATED_NOT,
	REPEATED_ANNOUNCEMENT,
	REPEATED_SEARCH,
	REPEATED_PAGE,
	REPEATED_QUESTION
};

/* It asks, and changes nothing. */
static bool is_question(const char *action)
{
	return action && (!strncmp(action, "Get", 3) || !strcmp(action, "QueryStateVariable"));
}

/* What an exchange says, without what differs from one moment to the next; NULL = keep it. */
static char *key_of(const struct exchange *x, enum repeated *kind)
{
	const struct recorded_message *m =
		x->has_request ? &x->request : (x->reply_count ? &x->replies[0] : NULL);
	struct buf key = {0};
	struct facts f;

	if (!m)
		return NULL;
	facts_of(x->protocol, m, &f);
	if (f.kind == FACTS_NOTIFY)
		*kind = REPEATED_ANNOUNCEMENT;
	else if (f.kind == FACTS_SEARCH && !x->from_router)
		*kind = REPEATED_SEARCH;
	else if (f.kind == FACTS_GET && x->protocol == FLOW_HTTP && x->reply_count == 1)
		*kind = REPEATED_PAGE;
	else if (f.kind == FACTS_ACTION && x->reply_count == 1 && is_question(f.action))
		*kind = REPEATED_QUESTION;
	if (*kind == REPEATED_ANNOUNCEMENT)
		buf_printf(&key, "%s", facts_header(&f, "USN") ? facts_header(&f, "USN") : "");
	else if (*kind == REPEATED_SEARCH)
		buf_add_slice(&key, buf_slice(&m->bytes));
	else if (*kind != REPEATED_NOT)
		buf_printf(&key, "%s %s %.*s", f.method ? f.method : "", f.target ? f.target : "",
			   (int)f.body.len, f.body.data ? f.body.data : "");
	facts_free(&f);
	if (*kind >= REPEATED_PAGE) {
		facts_of(x->protocol, &x->replies[0], &f);
		buf_printf(&key, " %d ", f.status);
		if (f.body.len)
			buf_add_slice(&key, buf_slice(&f.body));
		facts_free(&f);
	}
	if (key.len)
		return buf_steal(&key);
	buf_free(&key);
	return NULL;
}

/* A router that starts takes back what it may have said before. */
static bool is_farewell(const struct exchange *x)
{
	return x->name && !strcmp(x->name, "NOTIFY ssdp:byebye");
}

static bool was_seen(struct names *seen, const char *key)
{
	if (names_has(seen, key))
		return true;
	names_add(seen, key);
	return false;
}

static bool same_bytes(const struct buf *a, const struct buf *b)
{
	return slice_same(buf_slice(a), buf_slice(b));
}

/* Whether a search has an answer of the same kind from the same device. */
static bool has_answer(const struct exchange *x, const struct recorded_message *m)
{
	struct facts f, g;
	bool has = false;

	facts_of(FLOW_SSDP, m, &f);
	for (size_t i = 0; i < x->reply_count && !has; i++) {
		facts_of(FLOW_SSDP, &x->replies[i], &g);
		has = facts_header(&f, "USN") && facts_header(&g, "USN") &&
		      !strcmp(facts_header(&f, "USN"), facts_header(&g, "USN"));
		facts_free(&g);
	}
	facts_free(&f);
	return has;
}

/* What answered a search that is left out answers the first one like it. */
static void move_answers(struct recording *r, size_t kept, struct exchange *from)
{
	struct exchange *to = r->exchanges;

	while (to < r->exchanges + kept && (!to->has_request || to->protocol != from->protocol ||
					    !same_bytes(&to->request.bytes, &from->request.bytes)))
		to++;
	if (to == r->exchanges + kept)
		return;
	for (size_t i = 0; i < from->reply_count; i++) {
		if (has_answer(to, &from->replies[i]))
			continue;
		*exchange_reply(to) = from->replies[i];
		from->replies[i] = (struct recorded_message){0};
	}
}

void record_trim(struct recording *r)
{
	static const char *const what[] = {
		[REPEATED_ANNOUNCEMENT] = "announcements that were repeated or taken back",
		[REPEATED_SEARCH] = "searches that were repeated",
		[REPEATED_PAGE] = "pages that were read again",
		[REPEATED_QUESTION] = "questions that were answered the same again",
	};
	size_t kept = 0, left[ARRAY_SIZE(what)] = {0};
	struct names seen = {0};

	for (size_t i = 0; i < r->count; i++) {
		enum repeated kind = REPEATED_NOT;
		char *key = key_of(&r->exchanges[i], &kind);

		if (key && (is_farewell(&r->exchanges[i]) || was_seen(&seen, key))) {
			left[kind]++;
			if (kind == REPEATED_SEARCH)
				move_answers(r, kept, &r->exchanges[i]);
			exchange_free(&r->exchanges[i]);
		} else {
			r->exchanges[kept++] = r->exchanges[i];
		}
		free(key);
	}
	r->count = kept;
	names_free(&seen);
	for (size_t i = REPEATED_ANNOUNCEMENT; i < ARRAY_SIZE(what); i++) {
		char *text = xasprintf("left out: %zu %s", left[i], what[i]);

		if (left[i])
			recording_note_add(r, 0, 0, text, NULL);
		free(text);
	}
}

/* ---- the flow ---- */

static int read_capture(const struct record *record, const struct result *result,
			const char *evidence, struct recording *out, struct diag *d)
{
	const struct topology *t = result->setup->topology;
	char client[INET_ADDRSTRLEN], router[INET_ADDRSTRLEN];
	int node = topology_client(t), gateway = node < 0 ? -1 : t->nodes[node].gateway;
	struct import_options options = {
		.client = topology_address(t, node, PORT_HOST, client),
		.router = topology_address(t, gateway, PORT_LAN, router),
	};
	char *capture = xasprintf("%s/capture.pcapng", evidence);
	struct recording_writer *w = recording_create(record->flow, d);
	int status = w ? import_file(capture, &options, w, out, d) : -1;

	if (w && status)
		recording_abandon(w);
	else if (w)
		status = recording_collect(w, out, d);
	free(capture);
	return status;
}

/* Programs refuse a router whose address outside is one for documents: the lab's addresses stay.
 * What programs say of the machine that the lab was on does not. */
static void anonymise_but_lab(struct recording *r, const struct topology *t)
{
	struct substitutions words = {0};
	struct in_addr *keep = NULL;
	struct utsname machine;
	size_t count = 0;

	for (size_t i = 0; i < t->node_count; i++) {
		const struct node *node = &t->nodes[i];

		keep = xrealloc(keep, (count + node->port_count + 1) * sizeof(*keep));
		for (size_t n = 0; n < node->port_count; n++)
			keep[count++] = node->ports[n].address;
	}
	if (!uname(&machine)) {
		substitutions_add(&words, machine.release, "6.1.0");
		substitutions_add(&words, machine.nodename, "host-1");
	}
	anonymise_keeping(r, keep, count, &words);
	substitutions_free(&words);
	free(keep);
}

static bool client_speaks(const struct recording *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->exchanges[i].has_request && !r->exchanges[i].from_router)
			return true;
	return false;
}

static int save_flow(const struct record *record, const struct result *result, const char *evidence,
		     const char *summary, struct diag *d)
{
	struct recording r = {0};
	int status = read_capture(record, result, evidence, &r, d);

	if (!status && !client_speaks(&r)) {
		diag_at(d, NULL, 0,
			"--record %s: the client said nothing to its gateway that "
			"could be kept",
			record->name);
		status = -1;
	}
	if (!status) {
		record_trim(&r);
		anonymise_but_lab(&r, result->setup->topology);
		free(r.summary);
		r.summary = xstrdup(summary);
		status = recording_save(record->flow, &r, d);
	}
	recording_free(&r);
	return status;
}

/* ---- where it is from ---- */

/* JSON is YAML. */
static void add_text(struct buf *out, const char *text)
{
	json_t *string = json_string(text);
	char *dumped = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;

	buf_puts(out, dumped ? dumped : "\"\"");
	free(dumped);
	json_decref(string);
}

static void add_list(struct buf *out, char *const *items, size_t count)
{
	buf_putc(out, '[');
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_puts(out, ", ");
		add_text(out, items[i]);
	}
	buf_putc(out, ']');
}

/* The routers, each with what it runs. */
static void add_routers(struct buf *out, const struct topology *t)
{
	buf_puts(out, "routers:\n");
	for (size_t i = 0; i < t->node_count; i++) {
		const struct node *node = &t->nodes[i];

		if (node->kind != NODE_ROUTER)
			continue;
		buf_printf(out, "  %s: {", node->name);
		buf_puts(out, node->daemon ? "daemon: " : "profile: ");
		add_text(out, node->daemon ? node->daemon : node->igd ? node->igd : "none");
		if (node->quirk_count) {
			buf_puts(out, ", quirks: ");
			add_list(out, node->quirks, node->quirk_count);
		}
		buf_puts(out, "}\n");
	}
}

static void make_summary(const struct result *result, char **argv, int argc, struct buf *out)
{
	const struct topology *t = result->setup->topology;
	int client = topology_client(t), gateway = client < 0 ? -1 : t->nodes[client].gateway;
	const struct node *router = gateway < 0 ? NULL : &t->nodes[gateway];

	for (int i = 0; i < argc; i++)
		buf_printf(out, "%s%s", i ? " " : "", argv[i]);
	if (!argc)
		buf_puts(out, "igdlab map");
	buf_printf(out, " against %s",
		   !router	    ? "nothing"
		   : router->daemon ? router->daemon
		   : router->igd    ? router->igd
				    : "a router without IGD");
	for (size_t i = 0; router && i < router->quirk_count; i++)
		buf_printf(out, "+%s", router->quirks[i]);
	buf_printf(out, " in %s", t->name);
}

static void make_yaml(const struct record *record, const struct result *result, const char *summary,
		      char **argv, int argc, struct buf *out)
{
	const char *topology = result->setup->topology_name;
	time_t now = (time_t)(clock_wall() / CLOCK_SECOND);
	char date[32];
	struct tm tm;

	strftime(date, sizeof(date), "%Y-%m-%d", gmtime_r(&now, &tm));
	buf_puts(out, "summary: ");
	add_text(out, summary);
	buf_printf(out, "\nkind: capture\nfiles: {flow: %s.flow.json}\n", record->name);
	buf_puts(out, "from: a lab of igdlab run\ntopology: ");
	add_text(out, topology ? topology : "flat");
	buf_putc(out, '\n');
	add_routers(out, result->setup->topology);
	buf_puts(out, "command: ");
	add_list(out, argv, (size_t)argc);
	buf_printf(out, "\nverdict: %s\nversions: {igdlab: %s}\ndate: %s\n",
		   result->pass ? "pass" : "fail", IGDLAB_VERSION, date);
}

int record_save(const struct record *record, const struct result *result, const char *evidence,
		char **argv, int argc)
{
	struct buf summary = {0}, yaml = {0};
	struct diag d = {0};
	char *slash = strrchr(record->yaml, '/'), *folder;
	int status, error;

	make_summary(result, argv, argc, &summary);
	status = save_flow(record, result, evidence, summary.data, &d);
	if (!status) {
		make_yaml(record, result, summary.data, argv, argc, &yaml);
		folder = xstrndup(record->yaml, (size_t)(slash - record->yaml));
		error = text_to_file(folder, slash + 1, yaml.data, 0666);
		free(folder);
		if (error)
			diag_at(&d, record->yaml, 0, "%s", strerror(-error));
	}
	status = d.errors ? EXIT_USAGE : OPT_GO_ON;
	if (d.text.len)
		fwrite(d.text.data, 1, d.text.len, stderr);
	buf_free(&summary);
	buf_free(&yaml);
	diag_free(&d);
	return status;
}
