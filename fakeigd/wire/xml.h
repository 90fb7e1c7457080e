/* SPDX-License-Identifier: MIT */
/*
 * xml.h - expat with limits, for SOAP, descriptions and events.
 *
 * Hostile input: no DTD, no entity declarations, no external anything; depth, element count and
 * text length are bounded. Names are compared by local part; the name space is handed along.
 */
#ifndef IGDLAB_WIRE_XML_H
#define IGDLAB_WIRE_XML_H

#include "../base/buf.h"

#define XML_DEPTH_MAX	 32
#define XML_ELEMENTS_MAX 20000

enum xml_error {
	XML_OK,
	XML_MALFORMED, /* not well-formed */
	XML_FORBIDDEN, /* DTD or entity declaration */
	XML_TOO_DEEP,
	XML_TOO_LARGE,
	XML_BAD_ENCODING,
	XML_ERROR_COUNT_, /* number of the above */
};

/**
 * struct xml_node - one element
 * @name:	local name
 * @ns:		name space URI, "" when none
 * @text:	character data directly inside, entities resolved, trimmed of XML white space
 * @raw_len, @raw: the same untrimmed
 * @parent, @first, @next: the tree
 * @line:	1-based line of its start tag
 */
struct xml_node {
	char *name;
	char *ns;
	char *text;
	char *raw;
	size_t raw_len;
	struct xml_node *parent;
	struct xml_node *first;
	struct xml_node *last;
	struct xml_node *next;
	int line;
};

/** xml_parse() - a document as a tree. Return: XML_OK with @root (xml_free()), or why not. */
enum xml_error xml_parse(const char *data, size_t len, struct xml_node **root);
void xml_free(struct xml_node *root);
const char *xml_error_text(enum xml_error error);
/** xml_child() - first child of that local name, NULL when none or @node is NULL. */
struct xml_node *xml_child(const struct xml_node *node, const char *name);
/** xml_text() - text of the first child of that name, or NULL. */
const char *xml_text(const struct xml_node *node, const char *name);

#endif
