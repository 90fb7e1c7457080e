/* SPDX-License-Identifier: MIT */
/* doc.c - YAML documents as trees that remember file and line (see doc.h). */
#include "doc.h"

#include "mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#define DOC_DEPTH_MAX 64
#define DOC_NODES_MAX 200000

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
	list->items = xrealloc(list->items, (list->count + 1) * sizeof(*list->items));
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

/* One "key: value" of a mapping, its key event already read (and consumed here). */
static bool read_pair(struct reader *r, struct doc *map, yaml_event_t *key_event)
{
	yaml_event_t event;
	struct doc *key, *value;

	if (key_event->type != YAML_SCALAR_EVENT) {
		diag_at(r->diag, r->name, mark_line(&key_event->start_mark),
			"a key must be a plain name");
		yaml_event_delete(key_event);
		return false;
	}
	key = read_node(r, key_event);
	if (!key)
		return false;
	if (doc_get(map, key->text)) {
		diag_at(r->diag, r->name, key->line, "key \"%s\" occurs twice (first at line %d)",
			key->text, doc_get(map, key->text)->key_line);
		doc_free(key);
		return false;
	}
	value = next_event(r, &event) ? read_node(r, &event) : NULL;
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
	struct doc *root;

	if (!file) {
		diag_at(d, path, 0, "cannot be read: %s", strerror(errno));
		return NULL;
	}
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
	for (size_t i = 0; i < overlay->count; i++) {
		const struct doc *over = overlay->items[i];
		struct doc *under = doc_get(base, over->key);

		if (under && under->kind == DOC_MAP && over->kind == DOC_MAP)
			doc_merge(under, over);
		else
			doc_set(base, over->key, doc_copy(over));
	}
}

static const char *const kind_names[] = {"a value", "a mapping (key: value)", "a list"};

bool doc_want(const struct doc *node, enum doc_kind kind, struct diag *d)
{
	if (node->kind == kind)
		return true;
	diag_at(d, node->file, node->line, "%s%sexpected %s, found %s", node->key ? node->key : "",
		node->key ? ": " : "", kind_names[kind], kind_names[node->kind]);
	return false;
}

bool doc_keys(const struct doc *map, const char *const *allowed, size_t count, struct diag *d)
{
	bool fine = doc_want(map, DOC_MAP, d);

	for (size_t i = 0; fine && i < map->count; i++) {
		size_t j = 0;

		while (j < count && strcmp(map->items[i]->key, allowed[j]))
			j++;
		if (j < count)
			continue;
		diag_unknown(d, map->file, map->items[i]->key_line, "key", map->items[i]->key,
			     allowed, count);
	}
	return fine;
}

static bool expected(const struct doc *node, struct diag *d, const char *what)
{
	if (node->kind == DOC_SCALAR)
		diag_at(d, node->file, node->line, "%s%sexpected %s, found \"%s\"",
			node->key ? node->key : "", node->key ? ": " : "", what, node->text);
	else
		diag_at(d, node->file, node->line, "%s%sexpected %s, found %s",
			node->key ? node->key : "", node->key ? ": " : "", what,
			kind_names[node->kind]);
	return false;
}

bool doc_string(const struct doc *node, const char **out, struct diag *d)
{
	if (node->kind != DOC_SCALAR || doc_is_null(node))
		return expected(node, d, "text");
	*out = node->text;
	return true;
}

/* A plain scalar as a whole number. */
static bool scalar_number(const struct doc *node, long long *out)
{
	char *end;

	if (node->kind != DOC_SCALAR || node->quoted || !*node->text)
		return false;
	errno = 0;
	*out = strtoll(node->text, &end, 10);
	return !errno && !*end && node->text[0] != '+' && node->text[0] != ' ';
}

bool doc_number(const struct doc *node, long long min, long long max, long long *out,
		struct diag *d)
{
	char what[80];
	long long value;

	if (scalar_number(node, &value) && value >= min && value <= max) {
		*out = value;
		return true;
	}
	snprintf(what, sizeof(what), "a whole number from %lld to %lld", min, max);
	return expected(node, d, what);
}

bool doc_double(const struct doc *node, double min, double max, double *out, struct diag *d)
{
	char what[80], *end;
	double value = 0;
	bool fine = node->kind == DOC_SCALAR && !node->quoted && *node->text;

	if (fine) {
		value = strtod(node->text, &end);
		fine = !*end && isfinite(value) && value >= min && value <= max;
	}
	if (!fine) {
		snprintf(what, sizeof(what), "a number from %g to %g", min, max);
		return expected(node, d, what);
	}
	*out = value;
	return true;
}

static int scalar_bool(const struct doc *node)
{
	static const char *const yes[] = {"true", "yes", "on", "1"};
	static const char *const no[] = {"false", "no", "off", "0"};

	if (node->kind != DOC_SCALAR || node->quoted)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!strcasecmp(node->text, yes[i]))
			return 1;
		if (!strcasecmp(node->text, no[i]))
			return 0;
	}
	return -1;
}

bool doc_bool(const struct doc *node, bool *out, struct diag *d)
{
	int value = scalar_bool(node);

	if (value < 0)
		return expected(node, d, "true or false");
	*out = value;
	return true;
}

bool doc_choice(const struct doc *node, const char *const *names, size_t count, int *out,
		struct diag *d)
{
	if (node->kind != DOC_SCALAR)
		return expected(node, d, "a name");
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(node->text, names[i])) {
			*out = (int)i;
			return true;
		}
	}
	diag_unknown(d, node->file, node->line, node->key ? node->key : "value", node->text, names,
		     count);
	return false;
}

bool doc_duration_us(const struct doc *node, long long *out_us, struct diag *d)
{
	static const struct {
		const char *suffix;
		double us;
	} units[] = {{"us", 1},	  {"ms", 1e3},	 {"s", 1e6},	{"", 1e6},
		     {"m", 60e6}, {"h", 3600e6}, {"d", 86400e6}};
	char *end;
	double value;

	if (node->kind == DOC_SCALAR && !node->quoted && *node->text) {
		value = strtod(node->text, &end);
		for (size_t i = 0; end != node->text && i < ARRAY_SIZE(units); i++) {
			if (strcmp(end, units[i].suffix) || !(value >= 0) ||
			    value * units[i].us > 9e15)
				continue;
			*out_us = llround(value * units[i].us);
			return true;
		}
	}
	return expected(node, d, "a duration such as 250ms, 1.5s, 2m, 1h or 7d");
}

bool doc_size(const struct doc *node, long long *out, struct diag *d)
{
	static const char suffixes[] = "kMG";
	char *end;
	long long value;

	if (node->kind == DOC_SCALAR && !node->quoted && *node->text) {
		errno = 0;
		value = strtoll(node->text, &end, 10);
		if (!errno && end != node->text && value >= 0 && value < (1LL << 32)) {
			const char *unit = *end ? strchr(suffixes, *end) : NULL;

			if (!*end || (unit && !end[1])) {
				*out = unit ? value << (10 * (unit - suffixes + 1)) : value;
				return true;
			}
		}
	}
	return expected(node, d, "a size such as 1024, 64k, 2M or 3G");
}

bool doc_ipv4(const struct doc *node, struct in_addr *out, struct diag *d)
{
	struct in_addr addr;

	if (node->kind != DOC_SCALAR || inet_pton(AF_INET, node->text, &addr) != 1)
		return expected(node, d, "an IPv4 address such as 192.168.1.1");
	*out = addr;
	return true;
}

bool doc_ipv6(const struct doc *node, struct in6_addr *out, struct diag *d)
{
	struct in6_addr addr;

	if (node->kind != DOC_SCALAR || inet_pton(AF_INET6, node->text, &addr) != 1)
		return expected(node, d, "an IPv6 address such as 2001:db8::1");
	*out = addr;
	return true;
}

bool doc_list_strings(const struct doc *node, const char ***out, size_t *count, struct diag *d)
{
	const char **list;
	bool fine = true;

	if (node->kind == DOC_SCALAR && !doc_is_null(node)) {
		list = xmalloc(sizeof(*list));
		list[0] = node->text;
		*out = list;
		*count = 1;
		return true;
	}
	if (node->kind != DOC_LIST)
		return expected(node, d, "a list of names");
	list = xcalloc(node->count + 1, sizeof(*list));
	for (size_t i = 0; i < node->count; i++)
		fine &= doc_string(node->items[i], &list[i], d);
	if (!fine) {
		free(list);
		return false;
	}
	*out = list;
	*count = node->count;
	return true;
}

static json_t *scalar_to_json(const struct doc *node)
{
	long long number;
	char *end;
	double real;

	if (doc_is_null(node))
		return json_null();
	if (!node->quoted && (!strcmp(node->text, "true") || !strcmp(node->text, "false")))
		return json_boolean(node->text[0] == 't');
	if (scalar_number(node, &number) && !(node->text[0] == '0' && node->text[1]))
		return json_integer(number);
	if (!node->quoted && strspn(node->text, "0123456789.-") == node->len) {
		real = strtod(node->text, &end);
		if (!*end && strchr(node->text, '.') && isfinite(real))
			return json_real(real);
	}
	return json_stringn_nocheck(node->text, node->len);
}

json_t *doc_to_json(const struct doc *node)
{
	json_t *value;

	switch (node->kind) {
	case DOC_MAP:
		value = json_object();
		for (size_t i = 0; i < node->count; i++)
			json_object_set_new(value, node->items[i]->key,
					    doc_to_json(node->items[i]));
		return value;
	case DOC_LIST:
		value = json_array();
		for (size_t i = 0; i < node->count; i++)
			json_array_append_new(value, doc_to_json(node->items[i]));
		return value;
	case DOC_SCALAR:
		break;
	}
	return scalar_to_json(node);
}

static bool emit_scalar(yaml_emitter_t *emitter, const char *text, size_t len, bool quoted)
{
	yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
	yaml_event_t event;

	if (quoted)
		style = memchr(text, '\n', len) && !memchr(text, '\r', len)
				? YAML_LITERAL_SCALAR_STYLE
				: YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	return yaml_scalar_event_initialize(&event, NULL, NULL, (const unsigned char *)text,
					    (int)len, !quoted, quoted, style) &&
	       yaml_emitter_emit(emitter, &event);
}

static bool emit_node(yaml_emitter_t *emitter, const struct doc *node)
{
	yaml_event_t event;
	bool fine;

	if (node->kind == DOC_SCALAR)
		return emit_scalar(emitter, node->text, node->len, node->quoted);
	if (node->kind == DOC_MAP)
		fine = yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
							   YAML_BLOCK_MAPPING_STYLE);
	else
		fine = yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
							    YAML_BLOCK_SEQUENCE_STYLE);
	fine = fine && yaml_emitter_emit(emitter, &event);
	for (size_t i = 0; fine && i < node->count; i++) {
		if (node->kind == DOC_MAP)
			fine = emit_scalar(emitter, node->items[i]->key,
					   strlen(node->items[i]->key), false);
		fine = fine && emit_node(emitter, node->items[i]);
	}
	fine = fine && (node->kind == DOC_MAP ? yaml_mapping_end_event_initialize(&event)
					      : yaml_sequence_end_event_initialize(&event));
	return fine && yaml_emitter_emit(emitter, &event);
}

static int write_to_buf(void *data, unsigned char *bytes, size_t len)
{
	buf_add(data, bytes, len);
	return 1;
}

void doc_to_yaml(const struct doc *node, struct buf *out)
{
	yaml_emitter_t emitter;
	yaml_event_t event;

	if (!yaml_emitter_initialize(&emitter))
		return;
	yaml_emitter_set_output(&emitter, write_to_buf, out);
	yaml_emitter_set_width(&emitter, 120);
	yaml_emitter_set_unicode(&emitter, 1);
	if (yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
	    yaml_emitter_emit(&emitter, &event) &&
	    yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
	    yaml_emitter_emit(&emitter, &event) && emit_node(&emitter, node) &&
	    yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(&emitter, &event) &&
	    yaml_stream_end_event_initialize(&event))
		yaml_emitter_emit(&emitter, &event);
	yaml_emitter_delete(&emitter);
}
