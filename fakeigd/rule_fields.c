/* SPDX-License-Identifier: MIT */
/*
 * rule_fields.c - names of the fields of binary messages, as rules have them.
 *
 * One line per field: in "when" it is a condition on a request, in "reply" a value of the answer.
 * Names are those of the RFCs, in small letters.
 */
#include "base/mem.h"
#include "rule_parts.h"

#define NATPMP (1u << RULE_NATPMP)
#define BINARY NATPMP /* layers whose messages are fields */

/* Layers whose requests have the field, and whose answers have it. */
static const struct {
	const char *name;
	unsigned request, reply;
} fields[] = {
	{"version", NATPMP, NATPMP},
	{"opcode", NATPMP, NATPMP},
	{"result", 0, NATPMP},
	{"epoch", 0, NATPMP},
	{"external_address", 0, NATPMP},
	{"reserved", NATPMP, 0},
	{"internal_port", NATPMP, NATPMP},
	{"suggested_external_port", NATPMP, 0},
	{"mapped_external_port", 0, NATPMP},
	{"lifetime", NATPMP, NATPMP},
};

unsigned rule_field_layers(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(fields[i].name, name))
			return fields[i].request;
	return 0;
}

const char *const *rule_field_names(size_t *count)
{
	static const char *names[ARRAY_SIZE(fields)];

	*count = 0;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].request)
			names[(*count)++] = fields[i].name;
	return names;
}

/* Whether answers of one of the layers have a field of that name. */
static bool has_reply(unsigned layers, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].reply & layers && !strcmp(fields[i].name, name))
			return true;
	return false;
}

static bool check_reply(unsigned layers, const struct doc *reply, struct diag *d)
{
	const char *known[ARRAY_SIZE(fields)];
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].reply & layers)
			known[count++] = fields[i].name;
	for (size_t i = 0; i < reply->count; i++) {
		const struct doc *item = reply->items[i];

		if (has_reply(layers, item->key))
			continue;
		diag_unknown(d, item->file, item->key_line, "field of the answer", item->key, known,
			     count);
		return false;
	}
	return true;
}

bool rule_check_fields(unsigned layers, const struct doc *rule, struct diag *d)
{
	const struct doc *when = doc_get(rule, "when"), *reply = doc_get(rule, "reply");

	for (size_t i = 0; when && i < when->count; i++) {
		const struct doc *item = when->items[i];
		unsigned has = rule_field_layers(item->key);

		if (!has || !strcmp(item->key, "version") || has & layers)
			continue;
		diag_at(d, item->file, item->key_line,
			"%s: messages of this layer have no such field", item->key);
		return false;
	}
	if (reply && reply->kind == DOC_MAP && !(layers & ~BINARY))
		return check_reply(layers, reply, d);
	return true;
}
