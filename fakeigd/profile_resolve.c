/* SPDX-License-Identifier: MIT */
/*
 * profile_resolve.c - from the name of a profile to one document: extends, quirks, merging.
 *
 * Theory of operation. Files are laid over each other, the ancestor of "extends" first, then the
 * profile, then the overlays of its quirks in order, then those of the command line. Mappings merge
 * key by key and lists replace, with three exceptions: "rules" and "quirks" add up, a message that
 * only edits is laid over the message it edits (message_edit.c), and what describes a file
 * (summary, evidence, assumed, conforms, client) is not handed down.
 *
 * Two quirks must not set the same thing differently, because then the order in which they are
 * named would decide silently. So overlays are also merged with each other alone, and each is
 * compared with that sum before it joins. Every node keeps the file and line where it was written,
 * so that complaints about the merged document still name them.
 */
#include "base/mem.h"
#include "message_edit.h"
#include "profile_parts.h"

#include <dirent.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EXTENDS_MAX 16

static const char *const keys[] = {
	"summary",  "extends",	"evidence", "assumed", "device",   "identity",
	"listen",   "services", "urls",	    "ssdp",    "date",	   "external",
	"messages", "policy",	"quirks",   "rules",   "state",	   "client",
	"domain",   "devices",	"pages",    "errors",  "upstream", "conforms",
};

/* Of a profile itself: neither handed down by "extends" nor allowed in an overlay. */
static const char *const own_keys[] = {"summary", "evidence", "assumed", "conforms", "client"};

const char *const *profile_keys(size_t *count)
{
	*count = ARRAY_SIZE(keys);
	return keys;
}

const char *const *profile_own_keys(size_t *count)
{
	*count = ARRAY_SIZE(own_keys);
	return own_keys;
}

/**
 * struct resolver - a profile being put together
 * @data:	directory that holds profiles/ and quirks/
 * @d:		where complaints go
 * @base:	the document so far
 * @claimed:	the overlays of the quirks so far, without the profile
 * @chain, @depth: files being read, outermost first, to find circles of "extends"
 * @used, @used_count: files of quirks already laid over
 */
struct resolver {
	const char *data;
	struct diag *d;
	struct doc *base;
	struct doc *claimed;
	char *chain[EXTENDS_MAX];
	int depth;
	char **used;
	size_t used_count;
};

/**
 * struct mention - a name of a file, and where it was named
 * @kind:	"profile" or "quirk"
 * @name:	name or path
 * @file, @line: place, NULL and 0 for the command line
 */
struct mention {
	const char *kind;
	const char *name;
	const char *file;
	int line;
};

static bool is_path(const char *name)
{
	size_t len = strlen(name);

	return strchr(name, '/') || (len > 5 && !strcmp(name + len - 5, ".yaml"));
}

static bool is_data_file(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && !strcmp(entry->d_name + len - 5, ".yaml");
}

/* Complain that there is no such profile or quirk, with those that exist. */
static void complain_missing(const struct resolver *r, const struct mention *m)
{
	char *path = xasprintf("%s/%ss", r->data, m->kind);
	DIR *dir = opendir(path);
	const char **names = NULL;
	struct dirent *entry;
	size_t count = 0;

	while (dir && (entry = readdir(dir))) {
		if (!is_data_file(entry))
			continue;
		names = xrealloc(names, (count + 1) * sizeof(*names));
		names[count++] = xstrndup(entry->d_name, strlen(entry->d_name) - 5);
	}
	diag_unknown(r->d, m->file, m->line, m->kind, m->name, names, count);
	for (size_t i = 0; i < count; i++)
		free((char *)names[i]);
	free(names);
	if (dir)
		closedir(dir);
	free(path);
}

/* Return: the path, the caller's; NULL after a complaint. */
static char *find_file(const struct resolver *r, const struct mention *m)
{
	char *copy, *path, *real;

	if (!is_path(m->name)) {
		path = xasprintf("%s/%ss/%s.yaml", r->data, m->kind, m->name);
	} else if (*m->name != '/' && m->file) {
		copy = xstrdup(m->file);
		path = xasprintf("%s/%s", dirname(copy), m->name);
		free(copy);
	} else {
		path = xstrdup(m->name);
	}
	if (access(path, R_OK) == 0) {
		real = realpath(path, NULL);
		free(real ? path : NULL);
		return real ? real : path;
	}
	if (is_path(m->name))
		diag_at(r->d, m->file, m->line, "%s file \"%s\" cannot be read: %m", m->kind, path);
	else
		complain_missing(r, m);
	free(path);
	return NULL;
}

/* Add the items of a list to the list under @key. */
static bool append_list(struct doc *base, const struct doc *over, struct diag *d)
{
	struct doc *list = doc_get(base, over->key);

	if (!doc_want(over, DOC_LIST, d))
		return false;
	if (!list) {
		doc_set(base, over->key, doc_copy(over));
		return true;
	}
	for (size_t i = 0; i < over->count; i++)
		doc_append(list, doc_copy(over->items[i]));
	return true;
}

static bool merge_messages(struct doc *base, const struct doc *over, struct diag *d)
{
	struct doc *messages = doc_get(base, "messages");

	if (!doc_want(over, DOC_MAP, d))
		return false;
	if (!messages) {
		messages = doc_new(DOC_MAP, over->file, over->line);
		doc_set(base, "messages", messages);
	}
	for (size_t i = 0; i < over->count; i++) {
		const struct doc *item = over->items[i];
		struct doc *merged = message_edit_merge(doc_get(messages, item->key), item);

		merged->key_line = item->key_line;
		doc_set(messages, item->key, merged);
	}
	return true;
}

/* Lay one file's mapping over what there is. */
static bool merge_over(struct doc *base, const struct doc *over, struct diag *d)
{
	struct doc *rest = doc_new(DOC_MAP, over->file, over->line);
	bool fine = true;

	for (size_t i = 0; fine && i < over->count; i++) {
		const struct doc *item = over->items[i];

		if (!strcmp(item->key, "rules") || !strcmp(item->key, "quirks"))
			fine = append_list(base, item, d);
		else if (!strcmp(item->key, "messages"))
			fine = merge_messages(base, item, d);
		else if (strcmp(item->key, "extends"))
			doc_append(rest, doc_copy(item));
	}
	if (fine)
		doc_merge(base, rest);
	doc_free(rest);
	return fine;
}

static bool enter(struct resolver *r, char *path, const struct mention *m)
{
	for (int i = 0; i < r->depth; i++) {
		if (strcmp(r->chain[i], path))
			continue;
		diag_at(r->d, m->file, m->line, "\"extends\" goes in a circle: %s extends itself",
			m->name);
		return false;
	}
	if (r->depth == EXTENDS_MAX) {
		diag_at(r->d, m->file, m->line, "\"extends\" is more than %d deep", EXTENDS_MAX);
		return false;
	}
	r->chain[r->depth++] = path;
	return true;
}

static bool resolve_profile(struct resolver *r, const struct mention *m);

/* The ancestor of a profile, when it has one. */
static bool resolve_parent(struct resolver *r, const struct doc *doc)
{
	const struct doc *extends = doc_get(doc, "extends");
	struct mention parent = {.kind = "profile"};

	if (!extends)
		return true;
	if (!doc_string(extends, &parent.name, r->d))
		return false;
	parent.file = extends->file;
	parent.line = extends->line;
	return resolve_profile(r, &parent);
}

/* A profile's document over that of its ancestors. */
static bool take_profile(struct resolver *r, const struct doc *doc)
{
	if (!doc_keys(doc, keys, ARRAY_SIZE(keys), r->d) || !resolve_parent(r, doc))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(own_keys); i++)
		doc_remove(r->base, own_keys[i]);
	return merge_over(r->base, doc, r->d);
}

static bool resolve_profile(struct resolver *r, const struct mention *m)
{
	char *path = find_file(r, m);
	struct doc *doc = NULL;
	bool fine = path && enter(r, path, m);

	if (fine && r->depth == 1) { /* whose profile it will be */
		free(r->base->file);
		r->base->file = xstrdup(path);
	}
	if (fine)
		doc = doc_load_file(path, r->d);
	fine = doc && take_profile(r, doc);
	doc_free(doc);
	if (path && r->depth && r->chain[r->depth - 1] == path)
		r->depth--;
	free(path);
	return fine;
}

static bool equal(const struct doc *a, const struct doc *b)
{
	if (a->kind != b->kind || a->count != b->count)
		return false;
	if (a->kind == DOC_SCALAR)
		return a->len == b->len && !memcmp(a->text, b->text, a->len);
	for (size_t i = 0; i < a->count; i++) {
		const struct doc *other =
			a->kind == DOC_MAP ? doc_get(b, a->items[i]->key) : b->items[i];

		if (!other || !equal(a->items[i], other))
			return false;
	}
	return true;
}

static bool complain_conflict(const struct doc *before, const struct doc *now, const char *path,
			      struct diag *d)
{
	diag_at(d, now->file, now->line, "quirks disagree about \"%s\": %s:%d sets it differently",
		path, before->file, before->line);
	return false;
}

/* Whether a message is given whole, so that earlier edits of it would be lost. */
static bool whole_message(const struct doc *node)
{
	return node->kind != DOC_MAP || doc_get(node, "text") || doc_get(node, "file");
}

/* Whether overlay @now agrees with the sum of those before it. @depth: 0 at the top. */
static bool agrees(const struct doc *before, const struct doc *now, const char *path, int depth,
		   struct diag *d)
{
	bool in_messages = !strcmp(path, "messages"), fine = true;

	for (size_t i = 0; fine && i < now->count; i++) {
		const struct doc *item = now->items[i], *old = doc_get(before, item->key);
		char *inner = xasprintf("%s%s%s", path, *path ? "." : "", item->key);

		if (!old || (!depth && !strcmp(item->key, "rules")) || equal(old, item))
			fine = true;
		else if (in_messages && whole_message(old) && !whole_message(item))
			fine = true;
		else if (in_messages && whole_message(item))
			fine = complain_conflict(old, item, inner, d);
		else if (!strncmp(path, "messages.", 9) && depth == 2 &&
			 (!strcmp(item->key, "remove") || !strcmp(item->key, "add")))
			fine = true;
		else if (old->kind == DOC_MAP && item->kind == DOC_MAP)
			fine = agrees(old, item, inner, depth + 1, d);
		else
			fine = complain_conflict(old, item, inner, d);
		free(inner);
	}
	return fine;
}

static bool overlay_keys(const struct doc *overlay, struct diag *d)
{
	const char *allowed[ARRAY_SIZE(keys)];
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		bool own = !strcmp(keys[i], "extends") || !strcmp(keys[i], "quirks");

		for (size_t j = 0; j < ARRAY_SIZE(own_keys); j++)
			own |= !strcmp(keys[i], own_keys[j]);
		if (!own)
			allowed[count++] = keys[i];
	}
	return doc_keys(overlay, allowed, count, d);
}

static bool lay_over(struct resolver *r, const struct doc *overlay)
{
	return overlay_keys(overlay, r->d) && agrees(r->claimed, overlay, "", 0, r->d) &&
	       merge_over(r->claimed, overlay, r->d) && merge_over(r->base, overlay, r->d);
}

/* The profile on which a quirk is shown must be there; it is not loaded. */
static bool base_exists(const struct resolver *r, const struct doc *quirk)
{
	const struct doc *base = doc_get(quirk, "base");
	struct mention m = {.kind = "profile"};
	char *path;

	if (!base)
		return true;
	m.name = base->text;
	m.file = base->file;
	m.line = base->line;
	path = find_file(r, &m);
	free(path);
	return path != NULL;
}

static bool apply_quirk(struct resolver *r, const struct mention *m)
{
	char *path = find_file(r, m);
	struct doc *doc;
	bool fine;

	if (!path)
		return false;
	for (size_t i = 0; i < r->used_count; i++) {
		if (strcmp(r->used[i], path))
			continue;
		free(path);
		return true;
	}
	r->used = xrealloc(r->used, (r->used_count + 1) * sizeof(*r->used));
	r->used[r->used_count++] = path;
	doc = doc_load_file(path, r->d);
	fine = doc && quirk_check(doc, r->d) && base_exists(r, doc) &&
	       lay_over(r, doc_get(doc, "overlay"));
	doc_free(doc);
	return fine;
}

/* The quirks of the profile, then those of the command line. */
static bool apply_quirks(struct resolver *r, const char *const *quirks, size_t count)
{
	struct doc *list = doc_get(r->base, "quirks");

	if (!list) {
		list = doc_new(DOC_LIST, "", 0);
		doc_set(r->base, "quirks", list);
	}
	for (size_t i = 0; i < list->count; i++) {
		const struct doc *item = list->items[i];
		struct mention m = {.kind = "quirk", .file = item->file, .line = item->line};

		if (!doc_string(item, &m.name, r->d) || !apply_quirk(r, &m))
			return false;
	}
	for (size_t i = 0; i < count; i++) {
		struct mention m = {.kind = "quirk", .name = quirks[i]};
		struct doc *name = doc_new(DOC_SCALAR, "", 0);

		free(name->text);
		name->text = xstrdup(quirks[i]);
		name->len = strlen(quirks[i]);
		doc_append(list, name);
		if (!apply_quirk(r, &m))
			return false;
	}
	return true;
}

/* @text: the profile itself, or NULL: it is the file that @name says. */
static struct doc *resolve(const char *name, const struct doc *text, const char *const *quirks,
			   size_t count, const char *data, struct diag *d)
{
	struct resolver r = {.data = data, .d = d};
	struct mention m = {.kind = "profile", .name = name};
	bool fine;

	r.base = doc_new(DOC_MAP, name, 1);
	r.claimed = doc_new(DOC_MAP, name, 1);
	fine = (text ? take_profile(&r, text) : resolve_profile(&r, &m)) &&
	       apply_quirks(&r, quirks, count);
	doc_free(r.claimed);
	for (size_t i = 0; i < r.used_count; i++)
		free(r.used[i]);
	free(r.used);
	if (fine)
		return r.base;
	doc_free(r.base);
	return NULL;
}

struct doc *profile_resolve(const char *name, const char *const *quirks, size_t count,
			    const char *data, struct diag *d)
{
	return resolve(name, NULL, quirks, count, data, d);
}

struct doc *profile_resolve_text(const char *name, const char *text, size_t len, const char *data,
				 struct diag *d)
{
	struct doc *doc = doc_load_text(text, len, name, d), *resolved;

	if (!doc)
		return NULL;
	resolved = resolve(name, doc, NULL, 0, data, d);
	doc_free(doc);
	return resolved;
}
