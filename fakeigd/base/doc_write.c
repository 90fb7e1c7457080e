/* SPDX-License-Identifier: MIT */
/* doc_write.c - documents as JSON and as YAML (see doc.h). */
#include "doc.h"

#include "mem.h"

#include <math.h>
#include <stdlib.h>
#include <yaml.h>

static json_t *scalar_to_json(const struct doc *node)
{
	long long number;
	char *end;
	double real;

	if (doc_is_null(node))
		return json_null();
	if (!node->quoted && (!strcmp(node->text, "true") || !strcmp(node->text, "false")))
		return json_boolean(node->text[0] == 't');
	if (doc_is_number(node, &number) && !(node->text[0] == '0' && node->text[1]))
		return json_integer(number);
	if (!node->quoted && strspn(node->text, "0123456789.-+eE") == node->len &&
	    node->text[0] != '+') {
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

/* Whether a plain scalar of that text would mean something else than the text. */
static bool reads_otherwise(const struct doc *node)
{
	json_t *plain = scalar_to_json(node);
	long long number;
	bool other = !json_is_string(plain) || doc_is_number(node, &number);

	json_decref(plain);
	return other;
}

/* With a point, without which it would read as a whole number or as text. */
static char *real_to_text(double value)
{
	char *text = xasprintf("%.17g", value), *exponent = strchr(text, 'e'), *pointed;
	int digits = (int)(exponent ? exponent - text : (ptrdiff_t)strlen(text));

	if (strchr(text, '.'))
		return text;
	pointed = xasprintf("%.*s.0%s", digits, text, exponent ? exponent : "");
	free(text);
	return pointed;
}

static struct doc *scalar_from_json(const json_t *json, const char *name)
{
	struct doc *node = doc_new(DOC_SCALAR, name, 1);

	free(node->text);
	if (json_is_string(json)) {
		node->len = json_string_length(json);
		node->text = xmalloc(node->len + 1);
		memcpy(node->text, json_string_value(json), node->len + 1);
		node->quoted = reads_otherwise(node);
		return node;
	}
	if (json_is_null(json))
		node->text = xstrdup("null");
	else if (json_is_boolean(json))
		node->text = xstrdup(json_is_true(json) ? "true" : "false");
	else if (json_is_integer(json))
		node->text = xasprintf("%lld", (long long)json_integer_value(json));
	else
		node->text = real_to_text(json_real_value(json));
	node->len = strlen(node->text);
	return node;
}

struct doc *doc_from_json(const json_t *json, const char *name)
{
	struct doc *node;

	if (json_is_object(json)) {
		const char *key;
		json_t *value;

		node = doc_new(DOC_MAP, name, 1);
		json_object_foreach((json_t *)(uintptr_t)json, key, value)
			doc_set(node, key, doc_from_json(value, name));
		return node;
	}
	if (json_is_array(json)) {
		node = doc_new(DOC_LIST, name, 1);
		for (size_t i = 0; i < json_array_size(json); i++)
			doc_append(node, doc_from_json(json_array_get(json, i), name));
		return node;
	}
	return scalar_from_json(json, name);
}

static bool emit_scalar(yaml_emitter_t *emitter, const char *text, size_t len, bool quoted)
{
	yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
	yaml_event_t event;

	if (quoted)
		style = memchr(text, '\n', len) && !memchr(text, '\r', len)
				? YAML_LITERAL_SCALAR_STYLE
				: YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	/* both implicit: a plain scalar that cannot stay plain must not get a tag */
	return yaml_scalar_event_initialize(&event, NULL, NULL, (const unsigned char *)text,
					    (int)len, 1, 1, style) &&
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
	    yaml_document_start_event_initialize(&event, NULL, NULL, NULL, !doc_is_null(node)) &&
	    yaml_emitter_emit(&emitter, &event) && emit_node(&emitter, node) &&
	    yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(&emitter, &event) &&
	    yaml_stream_end_event_initialize(&event))
		yaml_emitter_emit(&emitter, &event);
	yaml_emitter_delete(&emitter);
}
