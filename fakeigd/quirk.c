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
	"summary", "layer", "priority", "evidence", "seen-on",
	"breaks",  "naive", "robust",	"client",   "overlay",
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

static bool evidence_item(const struct doc *node, struct diag *d)
{
	static const char *const fields[] = {"source", "seen", "class"};
	const char *text;

	if (node->kind == DOC_SCALAR)
		return doc_string(node, &text, d);
	if (!doc_keys(node, fields, ARRAY_SIZE(fields), d))
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
	static const char *const words[] = {"mapped", "reports-failure", "survives", "retries"};
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

static bool texts_check(const struct doc *quirk, struct diag *d)
{
	static const char *const texts[] = {"summary", "naive", "robust"};
	const struct doc *seen = doc_get(quirk, "seen-on");
	const char *text, **list;
	size_t count;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const struct doc *node = doc_get(quirk, texts[i]);

		if (node && !doc_string(node, &text, d))
			return false;
	}
	if (seen && !doc_list_strings(seen, &list, &count, d))
		return false;
	if (seen)
		free(list);
	return true;
}

bool quirk_check(const struct doc *quirk, struct diag *d)
{
	static const char *const needed[] = {"summary", "layer", "evidence", "overlay"};
	const struct doc *layer = doc_get(quirk, "layer"), *client = doc_get(quirk, "client");
	const struct doc *breaks = doc_get(quirk, "breaks");
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
	       doc_want(doc_get(quirk, "overlay"), DOC_MAP, d);
}
