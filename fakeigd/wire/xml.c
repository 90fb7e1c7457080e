/* SPDX-License-Identifier: MIT */
/*
 * xml.c - expat with limits (see xml.h).
 *
 * Theory of operation
 *
 * expat checks well-formedness and name spaces and calls back; the callbacks build a tree. A
 * document type declaration stops the parser at its first byte, so no entity is ever defined, let
 * alone expanded or fetched (SOAP-48, DESC-41). Depth, number of elements and attributes, and the
 * bytes copied into the tree are counted, and the first limit passed stops the parser too: work and
 * memory stay proportional to the document whatever is in it.
 *
 * The tree lives in an arena: blocks of memory that start with the root node's own and are freed
 * together. Text is gathered per depth, since children interrupt it, and copied when an element
 * ends. A name space URI equal to the parent's is shared, not copied.
 */
#include "xml.h"

#include "../base/mem.h"
#include "utf8.h"

#include <assert.h>
#include <expat.h>
#include <stdlib.h>
#include <sys/random.h>

#define XML_BLOCK     4096
#define XML_SEPARATOR '\x1f' /* between URI and name: no XML document can hold it */

static const char *const errors[] = {
	[XML_OK] = "a document",
	[XML_MALFORMED] = "not well-formed XML",
	[XML_FORBIDDEN] = "a document type declaration, which is not allowed",
	[XML_TOO_DEEP] = "elements are nested too deep",
	[XML_TOO_LARGE] = "the document is too large",
	[XML_BAD_ENCODING] = "the character encoding is unknown, or the text is not in it",
};

static_assert(ARRAY_SIZE(errors) == XML_ERROR_COUNT_, "a text for every error");

const char *xml_error_text(enum xml_error error)
{
	return error < XML_ERROR_COUNT_ ? errors[error] : "unknown error";
}

/**
 * struct block - a piece of the arena
 * @next:	block allocated before it
 * @size, @used: of @bytes
 */
struct block {
	struct block *next;
	size_t size;
	size_t used;
	_Alignas(max_align_t) char bytes[];
};

/**
 * struct document - a tree with its memory
 * @root:	must be first: xml_free() gets its address
 * @blocks:	the arena, newest first; the oldest one holds this struct
 */
struct document {
	struct xml_node root;
	struct block *blocks;
};

/**
 * struct builder - a tree being built
 * @parser:	expat's state
 * @doc:	the tree, NULL before the root element
 * @open:	the element whose content is being read
 * @depth:	its depth
 * @count:	elements and attributes so far
 * @bytes:	bytes copied into the tree so far
 * @text:	character data of the open elements
 * @error:	why the parser was stopped
 * @utf8:	no other encoding was declared
 */
struct builder {
	XML_Parser parser;
	struct document *doc;
	struct xml_node *open;
	int depth;
	int count;
	size_t bytes;
	struct buf text[XML_DEPTH_MAX + 1];
	enum xml_error error;
	bool utf8;
};

static struct block *new_block(size_t size, struct block *next)
{
	struct block *block = xmalloc(sizeof(*block) + size);

	*block = (struct block){.next = next, .size = size};
	return block;
}

static void *block_take(struct block *block, size_t size)
{
	void *p = block->bytes + block->used;

	block->used += size;
	return p;
}

/* Zeroed memory of the arena, aligned for anything. */
static void *take(struct builder *b, size_t size)
{
	struct document *doc = b->doc;

	size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
	if (doc->blocks->size - doc->blocks->used < size)
		doc->blocks = new_block(size > XML_BLOCK ? size : XML_BLOCK, doc->blocks);
	return memset(block_take(doc->blocks, size), 0, size);
}

static void stop(struct builder *b, enum xml_error error)
{
	if (!b->error)
		b->error = error;
	XML_StopParser(b->parser, XML_FALSE);
}

/* A copy in the arena, "" once the limit is passed. */
static char *copy(struct builder *b, const char *text, size_t len)
{
	char *to;

	b->bytes += len;
	if (b->bytes > XML_BYTES_MAX) {
		stop(b, XML_TOO_LARGE);
		len = 0;
	}
	to = take(b, len + 1);
	memcpy(to, text, len);
	return to;
}

/* Split "URI SEP local", "local" or, read without name spaces, "prefix:local". */
static void set_name(struct builder *b, const char *full, const struct xml_node *near, char **ns,
		     char **name)
{
	const char *separator = strrchr(full, XML_SEPARATOR);
	const char *local = separator ? separator + 1 : full;
	size_t len = separator ? (size_t)(separator - full) : 0;
	const char *colon = strrchr(local, ':');

	if (near && strlen(near->ns) == len && memcmp(near->ns, full, len) == 0)
		*ns = near->ns;
	else
		*ns = copy(b, full, len);
	if (colon && colon[1])
		local = colon + 1;
	*name = copy(b, local, strlen(local));
}

static void add_attributes(struct builder *b, struct xml_node *node, const char *const *list)
{
	struct xml_attribute **at = &node->attributes;

	for (; *list && !b->error; list += 2) {
		if (++b->count > XML_ELEMENTS_MAX) {
			stop(b, XML_TOO_LARGE);
			return;
		}
		*at = take(b, sizeof(**at));
		set_name(b, list[0], node, &(*at)->ns, &(*at)->name);
		(*at)->value = copy(b, list[1], strlen(list[1]));
		at = &(*at)->next;
	}
}

static struct xml_node *new_root(struct builder *b)
{
	struct block *block = new_block(XML_BLOCK, NULL);

	b->doc = block_take(block, (sizeof(*b->doc) + 15) & ~(size_t)15);
	*b->doc = (struct document){.blocks = block};
	return &b->doc->root;
}

static struct xml_node *new_child(struct builder *b)
{
	struct xml_node *node = take(b, sizeof(*node)), *parent = b->open;

	node->parent = parent;
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	return node;
}

static void on_start(void *arg, const char *name, const char **attributes)
{
	struct builder *b = arg;
	struct xml_node *node;

	if (b->error)
		return;
	if (++b->depth > XML_DEPTH_MAX) {
		stop(b, XML_TOO_DEEP);
		return;
	}
	if (++b->count > XML_ELEMENTS_MAX) {
		stop(b, XML_TOO_LARGE);
		return;
	}
	node = b->doc ? new_child(b) : new_root(b);
	node->line = (int)XML_GetCurrentLineNumber(b->parser);
	node->text = node->raw = (char *)"";
	set_name(b, name, node->parent, &node->ns, &node->name);
	add_attributes(b, node, attributes);
	buf_reset(&b->text[b->depth]);
	b->open = node;
}

static bool is_xml_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void on_end(void *arg, const char *name)
{
	struct builder *b = arg;
	struct xml_node *node = b->open;
	struct buf *text;
	size_t from = 0, to;

	(void)name;
	if (b->error) /* an empty element ends even after its start stopped the parser */
		return;
	text = &b->text[b->depth];
	to = text->len;
	while (from < to && is_xml_space(text->data[from]))
		from++;
	while (to > from && is_xml_space(text->data[to - 1]))
		to--;
	if (text->len) {
		node->raw_len = text->len;
		node->raw = copy(b, text->data, text->len);
		if (from < to)
			node->text = to - from == text->len ? node->raw
							    : copy(b, text->data + from, to - from);
	}
	b->open = node->parent;
	b->depth--;
}

static void on_text(void *arg, const char *text, int len)
{
	struct builder *b = arg;

	if (!b->error)
		buf_add(&b->text[b->depth], text, (size_t)len);
}

static void on_doctype(void *arg, const char *name, const char *system_id, const char *public_id,
		       int has_internal_subset)
{
	(void)name;
	(void)system_id;
	(void)public_id;
	(void)has_internal_subset;
	stop(arg, XML_FORBIDDEN);
}

static void on_declaration(void *arg, const char *version, const char *encoding, int standalone)
{
	struct builder *b = arg;

	(void)version;
	(void)standalone;
	b->utf8 = !encoding || !strcasecmp(encoding, "UTF-8");
}

/* What expat's complaint means here. */
static enum xml_error verdict(const struct builder *b, const char *data, size_t len)
{
	switch (XML_GetErrorCode(b->parser)) {
	case XML_ERROR_UNKNOWN_ENCODING:
	case XML_ERROR_INCORRECT_ENCODING:
	case XML_ERROR_PARTIAL_CHAR:
		return XML_BAD_ENCODING;
	case XML_ERROR_INVALID_TOKEN:
		return b->utf8 && !utf8_is_valid(data, len) ? XML_BAD_ENCODING : XML_MALFORMED;
	case XML_ERROR_NO_MEMORY:
	case XML_ERROR_AMPLIFICATION_LIMIT_BREACH:
		return XML_TOO_LARGE;
	default:
		return XML_MALFORMED;
	}
}

static void free_document(struct document *doc)
{
	struct block *block = doc->blocks;

	while (block) {
		struct block *next = block->next;

		free(block);
		block = next;
	}
}

/* A parser that did its work on a small document, reset for the next: making one costs as much as
 * parsing a request. A cache only; what is parsed does not depend on it. */
static XML_Parser spare;

#define SPARE_BYTES_MAX 16384

static void release(XML_Parser parser, bool ordinary, size_t len)
{
	if (ordinary && !spare && len <= SPARE_BYTES_MAX && XML_ParserReset(parser, NULL))
		spare = parser;
	else
		XML_ParserFree(parser);
}

/*
 * One pass of @parser over the document; the parser is released. @ordinary: it knows name spaces.
 * @lenient: up to the root's end.
 */
static enum xml_error run_parser(XML_Parser parser, bool ordinary, const char *data, size_t len,
				 bool lenient, struct xml_node **root)
{
	struct builder b = {.parser = parser, .utf8 = true};
	enum xml_error error = XML_OK;

	*root = NULL;
	if (len > XML_BYTES_MAX) {
		release(parser, ordinary, len);
		return XML_TOO_LARGE;
	}
	XML_SetUserData(parser, &b);
	XML_SetElementHandler(parser, on_start, on_end);
	XML_SetCharacterDataHandler(parser, on_text);
	XML_SetStartDoctypeDeclHandler(parser, on_doctype);
	XML_SetXmlDeclHandler(parser, on_declaration);
	if (XML_Parse(parser, data, (int)len, 1) != XML_STATUS_OK)
		error = b.error ? b.error : verdict(&b, data, len);
	if (lenient && !b.error && b.doc && !b.depth)
		error = XML_OK;
	release(parser, ordinary, len);
	for (int i = 0; i <= XML_DEPTH_MAX; i++)
		buf_free(&b.text[i]);
	if (!error)
		*root = &b.doc->root;
	else if (b.doc)
		free_document(b.doc);
	return error;
}

static XML_Parser checked(XML_Parser parser)
{
	if (!parser)
		abort();
	return parser;
}

/* A parser that knows name spaces and takes the document's word for its encoding. Its hash tables
 * are salted once a process, not once a document: expat would ask the kernel each time. */
static XML_Parser ordinary_parser(void)
{
	static unsigned long salt;
	XML_Parser parser = spare;

	spare = NULL;
	if (!parser)
		parser = checked(XML_ParserCreateNS(NULL, XML_SEPARATOR));
	if (!salt && getrandom(&salt, sizeof(salt), GRND_NONBLOCK) != sizeof(salt))
		salt = 0; /* too early in the life of the machine: expat finds something else */
	if (salt)
		XML_SetHashSalt(parser, salt);
	return parser;
}

enum xml_error xml_parse(const char *data, size_t len, struct xml_node **root)
{
	return run_parser(ordinary_parser(), true, data, len, false, root);
}

/* Whether @s starts with the rest of a character reference, "233;" or "xE9;", to a character that
 * XML allows. */
static bool is_character_reference(struct slice s)
{
	char text[12], *end;
	int base = s.len && s.ptr[0] == 'x' ? 16 : 10;
	size_t skip = base == 16 ? 1 : 0, len = 0;
	unsigned long code;

	while (skip + len < s.len && len < sizeof(text) - 1 && s.ptr[skip + len] != ';') {
		text[len] = s.ptr[skip + len];
		len++;
	}
	text[len] = '\0';
	if (!len || skip + len == s.len || s.ptr[skip + len] != ';' ||
	    strspn(text, "0123456789abcdefABCDEF") != len)
		return false;
	code = strtoul(text, &end, base);
	return !*end && (code >= 0x20 || is_xml_space((char)code)) && code <= 0x10ffff &&
	       (code < 0xd800 || code > 0xdfff) && (code | 1) != 0xffff;
}

/* Whether @s starts with a reference that XML knows without a DTD. */
static bool is_reference(struct slice s)
{
	static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (slice_starts(s, known[i]))
			return true;
	return slice_starts(s, "&#") &&
	       is_character_reference((struct slice){s.ptr + 2, s.len - 2});
}

/* Cut what is before the first "<", escape raw "&", drop control bytes. */
static void repair(const char *data, size_t len, struct buf *out)
{
	const char *first = len ? memchr(data, '<', len) : NULL, *end;

	if (!first)
		return;
	end = data + len;
	buf_reserve(out, (size_t)(end - first));
	for (const char *at = first; at < end; at++) {
		if ((unsigned char)*at < 0x20 && !is_xml_space(*at))
			continue;
		if (*at == '&' && !is_reference((struct slice){at, (size_t)(end - at)}))
			buf_puts(out, "&amp;");
		else
			buf_putc(out, *at);
	}
}

enum xml_error xml_parse_lenient(const char *data, size_t len, struct xml_node **root)
{
	XML_Parser parser = ordinary_parser();
	enum xml_error error = run_parser(parser, true, data, len, true, root), again;
	struct buf repaired = {0};
	const char *encoding;

	if (error != XML_MALFORMED && error != XML_BAD_ENCODING)
		return error;
	repair(data, len, &repaired);
	if (!repaired.len)
		return error;
	encoding = utf8_is_valid(repaired.data, repaired.len) ? "UTF-8" : "ISO-8859-1";
	parser = checked(XML_ParserCreateNS(encoding, XML_SEPARATOR));
	again = run_parser(parser, true, repaired.data, repaired.len, true, root);
	if (again == XML_MALFORMED) {
		parser = checked(XML_ParserCreate(encoding));
		again = run_parser(parser, false, repaired.data, repaired.len, true, root);
	}
	buf_free(&repaired);
	return again == XML_MALFORMED ? error : again;
}

void xml_free(struct xml_node *root)
{
	if (root)
		free_document((struct document *)root);
}

struct xml_node *xml_child(const struct xml_node *node, const char *name)
{
	struct xml_node *child = node ? node->first : NULL;

	while (child && strcmp(child->name, name) != 0)
		child = child->next;
	return child;
}

const char *xml_text(const struct xml_node *node, const char *name)
{
	const struct xml_node *child = xml_child(node, name);

	return child ? child->text : NULL;
}

const char *xml_attribute(const struct xml_node *node, const char *ns, const char *name)
{
	for (const struct xml_attribute *a = node->attributes; a; a = a->next)
		if (!strcmp(a->name, name) && (!ns || !strcmp(a->ns, ns)))
			return a->value;
	return NULL;
}

/* What stands for the character at the front of @s; NULL: the character itself. */
static const char *replacement(struct slice s, size_t len)
{
	unsigned char c = (unsigned char)s.ptr[0];

	if (!len)
		return "\xEF\xBF\xBD";
	if (c == '\r')
		return "&#13;";
	if (c < 0x20 && c != '\t' && c != '\n')
		return "";
	return buf_xml_entity(s.ptr[0]);
}

void xml_add_text(struct buf *out, struct slice text)
{
	size_t done = 0, at = 0;

	while (at < text.len) {
		struct slice rest = {text.ptr + at, text.len - at};
		size_t len = utf8_char(rest.ptr, rest.len);
		const char *instead = replacement(rest, len);

		len = len ? len : 1;
		if (instead) {
			buf_add(out, text.ptr + done, at - done);
			buf_puts(out, instead);
			done = at + len;
		}
		at += len;
	}
	buf_add(out, text.len ? text.ptr + done : "", text.len - done);
}
