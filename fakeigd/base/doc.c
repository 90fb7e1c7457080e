/* SPDX-License-Identifier: MIT */
/* doc.c - YAML documents as trees that remember file and line: reading and the tree (see doc.h). */
#include "doc.h"

#include "mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#define DOC_DEPTH_MAX 64
#define DOC_NODES_MAX 200000
#define DOC_KEYS_MAX  4096 /* of one mapping; keeps the search for duplicates short */

/**
 * struct reader - a document being read
 * @parser:	libyaml's state
 * @name:	file name for complaints
 * @diag:	where complaints go
 * @depth:	nesting so far
 * @nodes:	nodes made so far
 */
struct reader {
	yaml_parser_t parser;
	const char *name;
	struct diag *diag;
	int depth;
	int nodes;
};

struct doc *doc_new(enum doc_kind kind, const char *file, int line)
{
	struct doc *node = xcalloc(1, sizeof(*node));

	node->kind = kind;
	node->file = xstrdup(file ? file : "");
	node->line = line;
	if (kind == DOC_SCALAR)
		node->text = xstrdup("");
	return node;
}

void doc_free(struct doc *node)
{
	if (!node)
		return;
	for (size_t i = 0; i < node->count; i++)
		doc_free(node->items[i]);
	free(node->items);
	free(node->file);
	free(node->key);
	free(node->text);
	free(node);
}

void doc_append(struct doc *list, struct doc *value)
{
	/* room for the next power of two, so that long lists take linear time */
	if (!(list->count & (list->count - 1)))
		list->items = xrealloc(list->items,
				       (list->count ? 2 * list->count : 1) * sizeof(*list->items));
	list->items[list->count++] = value;
}

struct doc *doc_copy(const struct doc *node)
{
	struct doc *copy = doc_new(node->kind, node->file, node->line);

	copy->key = node->key ? xstrdup(node->key) : NULL;
	copy->key_line = node->key_line;
	copy->quoted = node->quoted;
	if (node->kind == DOC_SCALAR) {
		free(copy->text);
		copy->text = xmalloc(node->len + 1);
		memcpy(copy->text, node->text, node->len + 1);
		copy->len = node->len;
	}
	for (size_t i = 0; i < node->count; i++)
		doc_append(copy, doc_copy(node->items[i]));
	return copy;
}

static int mark_line(const yaml_mark_t *mark)
{
	return (int)mark->line + 1;
}

static bool next_event(struct reader *r, yaml_event_t *event)
{
	if (yaml_parser_parse(&r->parser, event))
		return true;
	diag_at(r->diag, r->name, mark_line(&r->parser.problem_mark), "not YAML: %s%s%s",
		r->parser.problem ? r->parser.problem : "unreadable", r->parser.context ? ", " : "",
		r->parser.context ? r->parser.context : "");
	return false;
}

static struct doc *read_node(struct reader *r, yaml_event_t *event);

/* An event that does not start a node. Return: a complaint was made. */
static bool refuse_event(struct reader *r, const yaml_event_t *event)
{
	int line = mark_line(&event->start_mark);

	if (event->type == YAML_ALIAS_EVENT)
		diag_at(r->diag, r->name, line, "aliases (*name) are not allowed; write the value");
	else
		diag_at(r->diag, r->name, line, "expected a value");
	return true;
}

static struct doc *read_scalar(struct reader *r, const yaml_event_t *event)
{
	struct doc *node = doc_new(DOC_SCALAR, r->name, mark_line(&event->start_mark));

	free(node->text);
	node->len = event->data.scalar.length;
	node->text = xmalloc(node->len + 1);
	memcpy(node->text, event->data.scalar.value, node->len);
	node->text[node->len] = '\0';
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	return node;
}

static bool read_list_items(struct reader *r, struct doc *list)
{
	yaml_event_t event;

	while (next_event(r, &event)) {
		struct doc *item;

		if (event.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&event);
			return true;
		}
		item = read_node(r, &event);
		if (!item)
			return false;
		doc_append(list, item);
	}
	return false;
}

/* Whether @map may get this key; if not, a complaint was made. */
static bool key_is_fine(struct reader *r, const struct doc *map, const struct doc *key)
{
	const struct doc *first = doc_get(map, key->text);

	if (strlen(key->text) != key->len)
		diag_at(r->diag, r->name, key->line, "a key must not hold a NUL byte");
	else if (first)
		diag_at(r->diag, r->name, key->line, "key \"%s\" occurs twice (first at line %d)",
			key->text, first->key_line);
	else if (map->count == DOC_KEYS_MAX)
		diag_at(r->diag, r->name, key->line, "more than %d keys in one mapping",
			DOC_KEYS_MAX);
	else
		return true;
	return false;
}

/* One "key: value" of a mapping, its key event already read (and consumed here). */
static bool read_pair(struct reader *r, struct doc *map, yaml_event_t *key_event)
{
	yaml_event_t event;
	struct doc *key, *value = NULL;

	if (key_event->type != YAML_SCALAR_EVENT) {
		diag_at(r->diag, r->name, mark_line(&key_event->start_mark),
			"a key must be a plain name");
		yaml_event_delete(key_event);
		return false;
	}
	key = read_node(r, key_event);
	if (key && key_is_fine(r, map, key) && next_event(r, &event))
		value = read_node(r, &event);
	if (value) {
		value->key = xstrdup(key->text);
		value->key_line = key->line;
		doc_append(map, value);
	}
	doc_free(key);
	return value != NULL;
}

static bool read_map_items(struct reader *r, struct doc *map)
{
	yaml_event_t event;

	while (next_event(r, &event)) {
		if (event.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&event);
			return true;
		}
		if (!read_pair(r, map, &event))
			return false;
	}
	return false;
}

static bool node_has_anchor(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor || event->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor || event->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor || event->data.mapping_start.tag;
	default:
		return false;
	}
}

/* Read the node that @event starts; @event is consumed. Return: the node, NULL after a complaint.
 */
static struct doc *read_node(struct reader *r, yaml_event_t *event)
{
	int line = mark_line(&event->start_mark);
	yaml_event_type_t type = event->type;
	struct doc *node = NULL;
	bool whole = true;

	if (++r->depth > DOC_DEPTH_MAX || ++r->nodes > DOC_NODES_MAX) {
		diag_at(r->diag, r->name, line,
			"too deep or too large (limits: %d levels, %d values)", DOC_DEPTH_MAX,
			DOC_NODES_MAX);
		whole = false;
	} else if (node_has_anchor(event)) {
		diag_at(r->diag, r->name, line, "anchors (&name) and tags (!name) are not allowed");
		whole = false;
	} else if (type == YAML_SCALAR_EVENT) {
		node = read_scalar(r, event);
	} else if (type == YAML_SEQUENCE_START_EVENT) {
		node = doc_new(DOC_LIST, r->name, line);
		whole = read_list_items(r, node);
	} else if (type == YAML_MAPPING_START_EVENT) {
		node = doc_new(DOC_MAP, r->name, line);
		whole = read_map_items(r, node);
	} else {
		whole = !refuse_event(r, event);
	}
	yaml_event_delete(event);
	r->depth--;
	if (!whole) {
		doc_free(node);
		return NULL;
	}
	return node;
}

/* Skip to the first node of the stream. Return: true with @event set. */
static bool find_root(struct reader *r, yaml_event_t *event)
{
	while (next_event(r, event)) {
		if (event->type == YAML_STREAM_END_EVENT) {
			diag_at(r->diag, r->name, 1, "the file is empty");
			yaml_event_delete(event);
			return false;
		}
		if (event->type != YAML_STREAM_START_EVENT &&
		    event->type != YAML_DOCUMENT_START_EVENT)
			return true;
		yaml_event_delete(event);
	}
	return false;
}

static bool at_end(struct reader *r)
{
	yaml_event_t event;
	bool end = false;

	while (!end && next_event(r, &event)) {
		end = event.type == YAML_STREAM_END_EVENT;
		if (!end && event.type != YAML_DOCUMENT_END_EVENT) {
			diag_at(r->diag, r->name, mark_line(&event.start_mark),
				"a second document starts here; one file holds one");
			yaml_event_delete(&event);
			return false;
		}
		yaml_event_delete(&event);
	}
	return end;
}

static struct doc *read_document(struct reader *r)
{
	yaml_event_t event;
	struct doc *root = NULL;

	if (find_root(r, &event))
		root = read_node(r, &event);
	if (root && !at_end(r)) {
		doc_free(root);
		root = NULL;
	}
	yaml_parser_delete(&r->parser);
	return root;
}

struct doc *doc_load_text(const char *text, size_t len, const char *name, struct diag *d)
{
	struct reader r = {.name = name, .diag = d};

	if (!yaml_parser_initialize(&r.parser)) {
		diag_at(d, name, 0, "out of memory");
		return NULL;
	}
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	return read_document(&r);
}

struct doc *doc_load_file(const char *path, struct diag *d)
{
	struct reader r = {.name = path, .diag = d};
	FILE *file = fopen(path, "re");
	int first = file ? fgetc(file) : EOF;
	struct doc *root;

	if (!file || (first == EOF && ferror(file))) {
		diag_at(d, path, 0, "cannot be read: %s", strerror(errno));
		if (file)
			fclose(file);
		return NULL;
	}
	ungetc(first, file);
	if (!yaml_parser_initialize(&r.parser)) {
		fclose(file);
		diag_at(d, path, 0, "out of memory");
		return NULL;
	}
	yaml_parser_set_input_file(&r.parser, file);
	root = read_document(&r);
	fclose(file);
	return root;
}

struct doc *doc_get(const struct doc *map, const char *key)
{
	if (!map || map->kind != DOC_MAP)
		return NULL;
	for (size_t i = 0; i < map->count; i++)
		if (!strcmp(map->items[i]->key, key))
			return map->items[i];
	return NULL;
}

bool doc_is_null(const struct doc *node)
{
	return !node || (node->kind == DOC_SCALAR && !node->quoted &&
			 (!*node->text || !strcmp(node->text, "~") || !strcmp(node->text, "null")));
}

void doc_set(struct doc *map, const char *key, struct doc *value)
{
	if (!value->key || strcmp(value->key, key)) {
		free(value->key);
		value->key = xstrdup(key);
		value->key_line = value->key_line ? value->key_line : value->line;
	}
	for (size_t i = 0; i < map->count; i++) {
		if (strcmp(map->items[i]->key, key))
			continue;
		doc_free(map->items[i]);
		map->items[i] = value;
		return;
	}
	doc_append(map, value);
}

void doc_remove(struct doc *map, const char *key)
{
	for (size_t i = 0; map && i < map->count; i++) {
		if (strcmp(map->items[i]->key, key))
			continue;
		doc_free(map->items[i]);
		memmove(map->items + i, map->items + i + 1,
			(map->count - i - 1) * sizeof(*map->items));
		map->count--;
		return;
	}
}

void doc_merge(struct doc *base, const struct doc *overlay)
{
	if (base->kind != DOC_MAP || overlay->kind != DOC_MAP)
		return;
	for (size_t i = 0; i < overlay->count; i++) {
		const struct doc *over = overlay->items[i];
		struct doc *under = doc_get(base, over->key);

		if (under && under->kind == DOC_MAP && over->kind == DOC_MAP)
			doc_merge(under, over);
		else
			doc_set(base, over->key, doc_copy(over));
	}
}
