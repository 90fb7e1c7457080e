/* SPDX-License-Identifier: MIT */
/*
 * doc.h - YAML documents as trees that remember file and line.
 *
 * Every format that a person writes (topology, profile, quirk, adapter, provenance) is read through
 * this: libyaml gives events, doc keeps each node's place, and the typed readers below complain
 * with that place, what was expected and the nearest name. Anchors, aliases and tags are refused;
 * a key that occurs twice in one mapping is an error.
 */
#ifndef IGDLAB_DOC_H
#define IGDLAB_DOC_H

#include "diag.h"

#include <jansson.h>
#include <netinet/in.h>

enum doc_kind {
	DOC_SCALAR,
	DOC_MAP,
	DOC_LIST,
};

/**
 * struct doc - one node of a document
 * @kind:	scalar, mapping or list
 * @file:	file it came from (owned by the root that was loaded; survives merging)
 * @line:	1-based line of its first character
 * @key:	name under which a mapping holds it, NULL elsewhere
 * @key_line:	line of that name
 * @text:	scalar: its text, never NULL (an empty value is "")
 * @len:	scalar: length of @text (it may hold NUL bytes)
 * @quoted:	scalar: written with quotes or as a block, so never a number, boolean or null
 * @items:	mapping and list: the children, in file order
 * @count:	number of children
 */
struct doc {
	enum doc_kind kind;
	char *file;
	int line;
	char *key;
	int key_line;
	char *text;
	size_t len;
	bool quoted;
	struct doc **items;
	size_t count;
};

/** doc_load_file() - read one YAML document from @path. Return: the root, or NULL with a complaint.
 */
struct doc *doc_load_file(const char *path, struct diag *d);
/** doc_load_text() - the same from memory; @name stands for the file in complaints. */
struct doc *doc_load_text(const char *text, size_t len, const char *name, struct diag *d);
void doc_free(struct doc *node);
struct doc *doc_copy(const struct doc *node);

/** doc_get() - child of a mapping by name; NULL when absent or @map is NULL or no mapping. */
struct doc *doc_get(const struct doc *map, const char *key);
/** doc_is_null() - absent, or an unquoted empty, ~ or null scalar. */
bool doc_is_null(const struct doc *node);
/** doc_set() - put @value (ownership passes) into a mapping under @key, replacing what was there.
 */
void doc_set(struct doc *map, const char *key, struct doc *value);
/** doc_remove() - drop a child of a mapping if it is there. */
void doc_remove(struct doc *map, const char *key);
/** doc_append() - add @value (ownership passes) at the end of a list. */
void doc_append(struct doc *list, struct doc *value);
/** doc_new() - an empty node at a place; scalars get "". */
struct doc *doc_new(enum doc_kind kind, const char *file, int line);

/**
 * doc_merge() - lay @overlay over @base
 *
 * Mappings merge key by key, recursively; scalars and lists of the overlay replace the base's.
 * Every node keeps the file and line where it was written. @base is changed, @overlay is not.
 */
void doc_merge(struct doc *base, const struct doc *overlay);

/** doc_is_number() - whether a plain scalar is a whole number; no complaint. */
bool doc_is_number(const struct doc *node, long long *out);

/* Typed readers. Each takes the node (which must not be NULL), complains through @d with the place
 * and "expected ..." when it does not fit, and returns whether it did; @out is untouched if not. */
bool doc_want(const struct doc *node, enum doc_kind kind, struct diag *d);
/** doc_keys() - a mapping with no other keys than these; complains about each that is. */
bool doc_keys(const struct doc *map, const char *const *allowed, size_t count, struct diag *d);
bool doc_string(const struct doc *node, const char **out, struct diag *d);
bool doc_number(const struct doc *node, long long min, long long max, long long *out,
		struct diag *d);
bool doc_double(const struct doc *node, double min, double max, double *out, struct diag *d);
/** doc_bool() - true/false/yes/no/on/off/1/0. */
bool doc_bool(const struct doc *node, bool *out, struct diag *d);
/** doc_choice() - one of @names; @out gets its index. */
bool doc_choice(const struct doc *node, const char *const *names, size_t count, int *out,
		struct diag *d);
/** doc_duration_us() - "250ms", "1.5s", "2m", "1h", "7d", "300us", or a plain number of seconds. */
bool doc_duration_us(const struct doc *node, long long *out_us, struct diag *d);
/** doc_size() - bytes: "1024", "64k", "2M", "3G" (powers of 1024). */
bool doc_size(const struct doc *node, long long *out, struct diag *d);
bool doc_ipv4(const struct doc *node, struct in_addr *out, struct diag *d);
bool doc_ipv6(const struct doc *node, struct in6_addr *out, struct diag *d);
/** doc_list_strings() - a list of strings, or one string; @out points into the document,
 * the array itself is the caller's to free. */
bool doc_list_strings(const struct doc *node, const char ***out, size_t *count, struct diag *d);

/** doc_to_json() - the tree as JSON (unquoted numbers and booleans as such); caller decrefs. */
json_t *doc_to_json(const struct doc *node);
/**
 * doc_from_json() - JSON as a tree, as if the same had been written in YAML
 * @json:	borrowed
 * @name:	stands for the file in complaints; every node is at line 1
 *
 * A string that YAML would read as a number, boolean or null becomes a quoted scalar; other strings
 * are plain, so that "250ms" is a duration.
 */
struct doc *doc_from_json(const json_t *json, const char *name);
/** doc_to_yaml() - the tree as YAML that doc_load_text() reads back to an equal tree. */
void doc_to_yaml(const struct doc *node, struct buf *out);

#endif
