/* SPDX-License-Identifier: MIT */
/*
 * quirk.c - quirk files: what they must hold beside the overlay (DESIGN: Quirk).
 *
 * The overlay is checked where it is laid over a profile; here is what people and the suite read:
 * summary, layer, evidence, what it breaks, and what a client must still achieve.
 */
#include "base/mem.h"
#include "profile_parts.h"

#include <ctype.h>
#include <stdlib.h>

static const char *const keys[] = {
	"summary", "layer",  "priority", "evidence", "seen-on", "breaks",     "also",	  "naive",
	"robust",  "client", "base",	 "observe",  "overlay", "unobserved", "topology",
};

static const char *const classes[] = {
	"field", "server-source", "client-workaround", "test-corpus", "recalled", "synthetic",
};

/* What the suite's observer can do (cases/harness/observe.py), and what may stand beside it. */
static const char *const verbs[] = {
	"search",  "notify", "get",   "raw",   "call",	 "add", "subscribe", "reach",
	"advance", "router", "again", "leave", "natpmp", "pcp", "cross",
};

static const char *const step_keys[] = {
	"search", "notify",	"get",	     "raw",	"call",	      "add",	 "subscribe",
	"reach",  "advance",	"router",    "again",	"expect",     "wait",	 "count",
	"method", "headers",	"version",   "timeout", "args",	      "service", "body",
	"then",	  "soapaction", "action_ns", "gap",	"half-close", "port",	 "at",
	"of",	  "leave",	"limit",     "natpmp",	"pcp",	      "cross",
};

static const char *const layers[] = {
	"ssdp",	     "http",   "description", "soap",	      "portmap",  "lease",     "events",
	"dataplane", "natpmp", "pcp",	      "ipv6-pinhole", "security", "multi-wan", "nested-nat",
};

const char *const *quirk_keys(size_t *count)
{
	*count = ARRAY_SIZE(keys);
	return keys;
}

const char *const *quirk_layers(size_t *count)
{
	*count = ARRAY_SIZE(layers);
	return layers;
}

const char *const *quirk_verbs(size_t *count)
{
	*count = ARRAY_SIZE(verbs);
	return verbs;
}

const char *const *quirk_step_keys(size_t *count)
{
	*count = ARRAY_SIZE(step_keys);
	return step_keys;
}

const char *const *quirk_classes(size_t *count)
{
	*count = ARRAY_SIZE(classes);
	return classes;
}

static bool evidence_item(const struct doc *node, struct diag *d)
{
	static const char *const fields[] = {"source", "seen", "class"};
	const struct doc *class = doc_get(node, "class");
	const char *text;
	int choice;

	if (node->kind == DOC_SCALAR)
		return doc_string(node, &text, d);
	if (!doc_keys(node, fields, ARRAY_SIZE(fields), d) ||
	    (class && !doc_choice(class, classes, ARRAY_SIZE(classes), &choice, d)))
		return false;
	for (size_t i = 0; i < node->count; i++)
		if (!doc_string(node->items[i], &text, d))
			return false;
	if (doc_get(node, "source"))
		return true;
	diag_at(d, node->file, node->line, "evidence: \"source\" is missing");
	return false;
}

bool evidence_check(const struct doc *node, struct diag *d)
{
	if (node->kind != DOC_LIST)
		return evidence_item(node, d);
	for (size_t i = 0; i < node->count; i++)
		if (!evidence_item(node->items[i], d))
			return false;
	return true;
}

/* One of the words, or a word with something in parentheses: retries(lease=0). */
static bool must_check(const struct doc *node, struct diag *d)
{
	static const char *const words[] = {"mapped", "reports-failure", "survives", "inner",
					    "retries"};
	const char *text;
	size_t len;

	if (!doc_string(node, &text, d))
		return false;
	len = strcspn(text, "(");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i]) == len && !strncmp(text, words[i], len) &&
		    (!text[len] || text[strlen(text) - 1] == ')'))
			return true;
	diag_unknown(d, node->file, node->line, "must", text, words, ARRAY_SIZE(words));
	return false;
}

bool client_check(const struct doc *node, struct diag *d)
{
	static const char *const fields[] = {"must", "note"};
	const struct doc *note = doc_get(node, "note"), *must = doc_get(node, "must");
	const char *text;

	if (!doc_keys(node, fields, ARRAY_SIZE(fields), d))
		return false;
	if (!must) {
		diag_at(d, node->file, node->line, "client: \"must\" is missing");
		return false;
	}
	return must_check(must, d) && (!note || doc_string(note, &text, d));
}

static bool breaks_check(const struct doc *node, struct diag *d)
{
	const char **list;
	size_t count;
	bool fine = true;

	if (!doc_list_strings(node, &list, &count, d))
		return false;
	for (size_t i = 0; fine && i < count; i++) {
		size_t word = strcspn(list[i], "-");

		fine = word && list[i][word] == '-' && isalnum((unsigned char)*list[i]) &&
		       isdigit((unsigned char)list[i][strlen(list[i]) - 1]);
		if (!fine)
			diag_at(d, node->file, node->line,
				"breaks: expected requirement ids such as WIPC-27, found \"%s\"",
				list[i]);
	}
	free(list);
	return fine;
}

/* A step of "observe": one verb, its arguments, and what must be seen. */
static bool step_check(const struct doc *step, struct diag *d)
{
	const struct doc *expect = doc_get(step, "expect"), *verb = NULL;

	if (!doc_keys(step, step_keys, ARRAY_SIZE(step_keys), d))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		const struct doc *node = doc_get(step, verbs[i]);

		if (verb && node) {
			diag_at(d, node->file, node->key_line,
				"observe: a step has one verb, found \"%s\" and \"%s\"", verb->key,
				node->key);
			return false;
		}
		verb = node ? node : verb;
	}
	if (verb)
		return !expect || doc_want(expect, DOC_MAP, d);
	diag_at(d, step->file, step->line,
		"observe: a step needs a verb: search, notify, get, raw, call, add, subscribe, "
		"reach, leave, natpmp, pcp, advance, router or again");
	return false;
}

/* Either "observe", or in "unobserved" the reason why not: never neither in silence. */
static bool observe_check(const struct doc *quirk, struct diag *d)
{
	const struct doc *steps = doc_get(quirk, "observe"), *why = doc_get(quirk, "unobserved");
	const char *text;

	if (steps && why) {
		diag_at(d, why->file, why->key_line, "\"unobserved\" beside \"observe\"");
		return false;
	}
	if (why)
		return doc_string(why, &text, d);
	if (!steps)
		return true;
	if (!doc_want(steps, DOC_LIST, d))
		return false;
	for (size_t i = 0; i < steps->count; i++)
		if (!step_check(steps->items[i], d))
			return false;
	return true;
}

static bool texts_check(const struct doc *quirk, struct diag *d)
{
	static const char *const texts[] = {"summary", "naive", "robust", "base"};
	static const char *const lists[] = {"seen-on", "also"};
	const char *text, **list;
	size_t count;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const struct doc *node = doc_get(quirk, texts[i]);

		if (node && !doc_string(node, &text, d))
			return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct doc *node = doc_get(quirk, lists[i]);

		if (node && !doc_list_strings(node, &list, &count, d))
			return false;
		if (node)
			free(list);
	}
	return true;
}

/* NAME, or {name: nested-2, router: r2}: where it is shown, and which router bears it. */
static bool topology_check(const struct doc *node, struct diag *d)
{
	static const char *const fields[] = {"name", "router"};
	const char *text;

	if (node->kind == DOC_SCALAR)
		return doc_string(node, &text, d);
	if (!doc_keys(node, fields, ARRAY_SIZE(fields), d))
		return false;
	for (size_t i = 0; i < node->count; i++)
		if (!doc_string(node->items[i], &text, d))
			return false;
	if (doc_get(node, "name"))
		return true;
	diag_at(d, node->file, node->line, "topology: \"name\" is missing");
	return false;
}

bool quirk_check(const struct doc *quirk, struct diag *d)
{
	static const char *const needed[] = {"summary", "layer", "evidence", "overlay"};
	const struct doc *layer = doc_get(quirk, "layer"), *client = doc_get(quirk, "client");
	const struct doc *breaks = doc_get(quirk, "breaks"), *topology = doc_get(quirk, "topology");
	const struct doc *priority = doc_get(quirk, "priority");
	long long number;
	int choice;

	if (!doc_keys(quirk, keys, ARRAY_SIZE(keys), d))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (doc_get(quirk, needed[i]))
			continue;
		diag_at(d, quirk->file, quirk->line, "\"%s\" is missing", needed[i]);
		return false;
	}
	return texts_check(quirk, d) && doc_choice(layer, layers, ARRAY_SIZE(layers), &choice, d) &&
	       evidence_check(doc_get(quirk, "evidence"), d) &&
	       (!priority || doc_number(priority, 1, 3, &number, d)) &&
	       (!breaks || breaks_check(breaks, d)) && (!client || client_check(client, d)) &&
	       observe_check(quirk, d) && (!topology || topology_check(topology, d)) &&
	       doc_want(doc_get(quirk, "overlay"), DOC_MAP, d);
}
