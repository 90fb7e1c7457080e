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

#define XML_DEPTH_MAX	 32    /* the root is at depth 1 */
#define XML_ELEMENTS_MAX 20000 /* attributes count too */
#define XML_BYTES_MAX                                                                              \
	(4u * 1024 * 1024) /* of the document; and of the names and texts in the tree */

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
 * struct xml_attribute - one attribute, name space declarations excluded
 * @name:	local name
 * @ns:		name space URI, "" when none
 * @value:	its value
 * @next:	the next one
 */
struct xml_attribute {
	char *name;
	char *ns;
	char *value;
	struct xml_attribute *next;
};

/**
 * struct xml_node - one element
 * @name:	local name
 * @ns:		name space URI, "" when none
 * @text:	character data directly inside, entities resolved, trimmed of XML white space
 * @raw, @raw_len: the same untrimmed (it may not hold NUL bytes, XML has none)
 * @attributes:	in document order
 * @parent, @first, @last, @next: the tree
 * @line:	1-based line of its start tag
 */
struct xml_node {
	char *name;
	char *ns;
	char *text;
	char *raw;
	size_t raw_len;
	struct xml_attribute *attributes;
	struct xml_node *parent;
	struct xml_node *first;
	struct xml_node *last;
	struct xml_node *next;
	int line;
};

/**
 * xml_parse() - a document as a tree
 * @data, @len:	UTF-8, UTF-16, ISO-8859-1 or US-ASCII, by BOM or declaration
 * @root:	the tree, UTF-8; free it with xml_free()
 *
 * Return: XML_OK with @root, or why not (@root is NULL then).
 */
enum xml_error xml_parse(const char *data, size_t len, struct xml_node **root);
/**
 * xml_parse_lenient() - the same for what routers send, repaired where it is not well-formed
 *
 * What follows the end of the root element is ignored. What is not well-formed is tried again with
 * anything before the first "<" cut, raw "&" escaped, control bytes dropped, ISO-8859-1 assumed
 * where it is no UTF-8, and prefixes that nobody declared tolerated (then no element has a name
 * space). A DTD, a limit passed and a document that is cut off are errors all the same.
 */
enum xml_error xml_parse_lenient(const char *data, size_t len, struct xml_node **root);
/** xml_free() - give back a tree; @root must be what xml_parse() handed out, or NULL. */
void xml_free(struct xml_node *root);
const char *xml_error_text(enum xml_error error);
/** xml_child() - first child of that local name, NULL when none or @node is NULL. */
struct xml_node *xml_child(const struct xml_node *node, const char *name);
/** xml_text() - text of the first child of that name, or NULL. */
const char *xml_text(const struct xml_node *node, const char *name);
/** xml_attribute() - value of an attribute by local name; @ns NULL = any name space. NULL: none. */
const char *xml_attribute(const struct xml_node *node, const char *ns, const char *name);
/**
 * xml_add_text() - append any bytes as character data
 *
 * Markup and CR become references; what XML cannot carry is replaced: control bytes are dropped,
 * bytes that are no UTF-8 become U+FFFD (SOAP-30).
 */
void xml_add_text(struct buf *out, struct slice text);

#endif
