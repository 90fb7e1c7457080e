/* SPDX-License-Identifier: MIT */
/*
 * rule_fields.c - names of the fields of binary messages, as rules have them.
 *
 * One line per field: in "when" it is a condition on a request, in "reply" a value of the answer,
 * or the {name} of something known. Names are those of the RFCs, in small letters.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "rule_parts.h"

#include <stdio.h>

#define NATPMP (1u << RULE_NATPMP)
#define PCP    (1u << RULE_PCP)
#define BINARY (NATPMP | PCP) /* layers whose messages are fields */

/* Layers whose requests have the field, and whose answers have it. */
static const struct {
	const char *name;
	unsigned request, reply;
} fields[] = {
	{"version", BINARY, BINARY},
	{"opcode", BINARY, BINARY},
	{"result", 0, BINARY},
	{"epoch", 0, BINARY},
	{"external_address", 0, NATPMP},
	{"length", BINARY, 0},
	{"reserved", BINARY, 0},
	{"internal_port", BINARY, BINARY},
	{"suggested_external_port", BINARY, 0},
	{"mapped_external_port", 0, NATPMP},
	{"lifetime", BINARY, BINARY},
	{"client_address", PCP, 0},
	{"nonce", PCP, PCP},
	{"protocol", PCP, PCP},
	{"suggested_external_address", PCP, 0},
	{"assigned_external_port", 0, PCP},
	{"assigned_external_address", 0, PCP},
	{"remote_peer_port", PCP, PCP},
	{"remote_peer_address", PCP, PCP},
	{"third_party", PCP, 0},
	{"prefer_failure", PCP, 0},
	{"filter", PCP, 0},
	{"description", PCP, 0},
	{"port_set", PCP, 0},
	{"options_unknown", PCP, 0},
	{"options_reserved", PCP, 0},
	{"options_padded", PCP, 0},
	{"options_wrong", PCP, 0},
	{"options", 0, PCP},
};

void rule_field_set(struct rule_field *field, const char *name, uint32_t value)
{
	field->name = name;
	snprintf(field->value, sizeof(field->value), "%u", value);
}

const char *rules_reply_value(const struct router *r, const struct rule_event *event,
			      const struct effects *e, size_t i, char text[INET6_ADDRSTRLEN])
{
	const char *value = e->reply_value[i];
	char known[INET6_ADDRSTRLEN];
	size_t len = value ? strlen(value) : 0;

	if (len > 2 && len < sizeof(known) && value[0] == '{') {
		memcpy(known, value + 1, len - 2);
		known[len - 2] = '\0';
		value = rules_name_value(r, event, known, text);
	}
	return value ? value : "0";
}

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

/* Effects on what leaves port 5351; others are for HTTP, SSDP and SOAP. */
static const char *const binary_effects[] = {
	"fault", "reply", "perform",	  "lie",    "delay",  "duplicate", "truncate",
	"pad",	 "drop",  "wrong-source", "reboot", "forget", "wan-down",  "renumber",
};

static bool is_binary_effect(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(binary_effects); i++)
		if (!strcmp(binary_effects[i], key))
			return true;
	return false;
}

static bool refuse_effect(const struct doc *item, struct diag *d)
{
	struct buf list = {0};

	for (size_t i = 0; i < ARRAY_SIZE(binary_effects); i++)
		buf_printf(&list, "%s%s", i ? ", " : "", binary_effects[i]);
	diag_at(d, item->file, item->key_line, "%s: does nothing on UDP port 5351; what does: %s",
		item->key, list.data);
	buf_free(&list);
	return false;
}

static bool check_effects(const struct doc *rule, struct diag *d)
{
	size_t count;
	const char *const *keys = rule_effect_keys(&count);

	for (size_t i = 0; i < count; i++) {
		const struct doc *item = doc_get(rule, keys[i]);

		if (item && !is_binary_effect(keys[i]))
			return refuse_effect(item, d);
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
	if (layers & ~BINARY)
		return true;
	if (reply && reply->kind == DOC_MAP && !check_reply(layers, reply, d))
		return false;
	return check_effects(rule, d);
}
