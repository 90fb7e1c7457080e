/* SPDX-License-Identifier: MIT */
/*
 * rule_sending.c - what rules do to the bytes of an answer and to their way out: pauses, cuts,
 * padding, header lines, copies, further datagrams, other sources.
 */
#include "base/mem.h"
#include "message_edit.h"
#include "rule_parts.h"

#define ALSO_MAX 64

/* 250ms, or {from: 200ms, to: 300ms}. */
bool rule_read_delay(struct rule_reading *r, const struct doc *node)
{
	static const char *const keys[] = {"from", "to"};
	const struct doc *from = doc_get(node, "from"), *to = doc_get(node, "to");
	long long low, high;

	if (node->kind != DOC_MAP) {
		from = node;
		to = node;
	} else if (!doc_keys(node, keys, ARRAY_SIZE(keys), r->d)) {
		return false;
	}
	if (!from || !to) {
		diag_at(r->d, node->file, node->line, "delay: both \"from\" and \"to\" are needed");
		return false;
	}
	if (!doc_duration_us(from, &low, r->d) || !doc_duration_us(to, &high, r->d))
		return false;
	if (high < low) {
		diag_at(r->d, to->file, to->line, "delay: \"to\" is before \"from\"");
		return false;
	}
	r->o->e.delay_us = low;
	r->o->delay_jitter_us = high - low;
	return true;
}

static bool read_offsets(struct effects *e, const struct doc *node, struct diag *d)
{
	long long value, before = 0;

	if (node->kind == DOC_SCALAR && !strcmp(node->text, "head-body")) {
		e->split_head = true;
		return true;
	}
	if (node->kind != DOC_LIST || !node->count || node->count > EFFECT_SPLITS_MAX) {
		diag_at(d, node->file, node->line,
			"split: expected head-body or a list of 1 to %d offsets",
			EFFECT_SPLITS_MAX);
		return false;
	}
	for (size_t i = 0; i < node->count; i++) {
		const struct doc *item = node->items[i];

		if (item->kind == DOC_SCALAR && !strcmp(item->text, "head-body")) {
			e->split_head = true;
			continue;
		}
		if (!doc_number(item, before + 1, 1 << 30, &value, d))
			return false;
		e->split[e->splits++] = (size_t)value;
		before = value;
	}
	return true;
}

/* An effect that is one value or a map of @keys: the value, which is the map's first key. NULL
 * after a complaint. */
static const struct doc *main_value(struct rule_reading *r, const struct doc *node,
				    const char *const *keys, size_t count)
{
	const struct doc *value = node;

	if (node->kind == DOC_MAP) {
		if (!doc_keys(node, keys, count, r->d))
			return NULL;
		value = doc_get(node, keys[0]);
	}
	if (!value)
		diag_at(r->d, node->file, node->line, "%s: \"%s\" is missing", node->key, keys[0]);
	return value;
}

/* head-body, [offsets], or {at: either, gap: 5ms}. */
bool rule_read_split(struct rule_reading *r, const struct doc *node)
{
	static const char *const keys[] = {"at", "gap"};
	const struct doc *at = main_value(r, node, keys, ARRAY_SIZE(keys));
	const struct doc *gap = doc_get(node, "gap");
	long long us = 0;

	if (!at || (gap && !doc_duration_us(gap, &us, r->d)) || !read_offsets(&r->o->e, at, r->d))
		return false;
	r->o->e.split_gap_us = us;
	return true;
}

/* 1, or {bytes: 1, gap: 50ms}. */
bool rule_read_trickle(struct rule_reading *r, const struct doc *node)
{
	static const char *const keys[] = {"bytes", "gap"};
	const struct doc *bytes = main_value(r, node, keys, ARRAY_SIZE(keys));
	const struct doc *gap = doc_get(node, "gap");
	long long count, us = 10000;

	if (!bytes || !doc_number(bytes, 1, 1 << 20, &count, r->d) ||
	    (gap && !doc_duration_us(gap, &us, r->d)))
		return false;
	r->o->e.trickle = (size_t)count;
	r->o->e.trickle_gap_us = us;
	return true;
}

/* 100, or -5: all but the last five bytes. */
bool rule_read_truncate(struct rule_reading *r, const struct doc *node)
{
	struct doc plain = *node;

	if (node->kind != DOC_SCALAR || *node->text != '-')
		return doc_size(node, &r->o->e.truncate, r->d);
	plain.text++;
	plain.len--;
	return doc_size(&plain, &r->o->e.truncate_end, r->d);
}

/* 0, or "+10" and "-4": the true length and so many more or less. */
bool rule_read_content_length(struct rule_reading *r, const struct doc *node)
{
	struct effects *e = &r->o->e;
	struct doc plain = *node;

	if (!doc_want(node, DOC_SCALAR, r->d))
		return false;
	e->length_given = true;
	e->length_change = *node->text == '+' || *node->text == '-';
	plain.quoted = false; /* a sign needs quotes in some YAML writers */
	plain.text += *node->text == '+';
	plain.len -= *node->text == '+';
	return doc_number(&plain, INT64_MIN, INT64_MAX, &e->length, r->d);
}

/* {text: other}, in the rendered body. */
bool rule_read_replace(struct rule_reading *r, const struct doc *node)
{
	struct effects *e = &r->o->e;

	if (!rule_want_map(r, node, EFFECT_REPLACES_MAX, "texts"))
		return false;
	for (size_t i = 0; i < node->count; i++) {
		const struct doc *item = node->items[i];

		if (!doc_want(item, DOC_SCALAR, r->d))
			return false;
		if (!*item->key) {
			diag_at(r->d, item->file, item->key_line, "replace: an empty text");
			return false;
		}
		e->replace[i] = item->key;
		e->replace_by[i] = item->text;
	}
	e->replaces = node->count;
	return true;
}

/* 1M, or {bytes: 2G, with: text, in: head}. */
bool rule_read_pad(struct rule_reading *r, const struct doc *node)
{
	static const char *const keys[] = {"bytes", "with", "in"};
	static const char *const places[] = {"body", "head"};
	const struct doc *bytes = main_value(r, node, keys, ARRAY_SIZE(keys));
	const struct doc *with = doc_get(node, "with"), *in = doc_get(node, "in");
	int place = 0;

	if (!bytes || !doc_size(bytes, &r->o->e.pad, r->d) ||
	    (with && !doc_string(with, &r->o->e.pad_with, r->d)) ||
	    (in && !doc_choice(in, places, ARRAY_SIZE(places), &place, r->d)))
		return false;
	if (with && !with->len) {
		diag_at(r->d, with->file, with->line, "pad: \"with\" is empty");
		return false;
	}
	r->o->e.pad_head = place;
	return true;
}

/* Number of datagrams altogether, or {copies: 5, gap: 10ms}. */
bool rule_read_duplicate(struct rule_reading *r, const struct doc *node)
{
	static const char *const keys[] = {"copies", "gap"};
	const struct doc *copies = main_value(r, node, keys, ARRAY_SIZE(keys));
	const struct doc *gap = doc_get(node, "gap");
	long long number, us = 0;

	if (!copies || !doc_number(copies, 2, 1000000, &number, r->d) ||
	    (gap && !doc_duration_us(gap, &us, r->d)))
		return false;
	r->o->e.copies = (unsigned)number;
	r->o->e.copy_gap_us = us;
	return true;
}

/* {port: 1901 or random, address: 192.168.1.2}. */
bool rule_read_wrong_source(struct rule_reading *r, const struct doc *node)
{
	static const char *const keys[] = {"port", "address"};
	const struct doc *port = doc_get(node, "port"), *address = doc_get(node, "address");
	long long number;

	if (!doc_keys(node, keys, ARRAY_SIZE(keys), r->d))
		return false;
	if (!port && !address) {
		diag_at(r->d, node->file, node->line,
			"wrong-source: \"port\" or \"address\" is needed");
		return false;
	}
	if (address && !doc_ipv4(address, &r->o->e.source_address, r->d))
		return false;
	if (port && port->kind == DOC_SCALAR && !strcmp(port->text, "random")) {
		r->o->random_port = true;
	} else if (port) {
		if (!doc_number(port, 1, 65535, &number, r->d))
			return false;
		r->o->e.source_port = (uint16_t)number;
	}
	return true;
}

/* {name: value}; a value of null removes the line. */
bool rule_read_header(struct rule_reading *r, const struct doc *node)
{
	struct effects *e = &r->o->e;

	return rule_read_named(r, node, EFFECT_HEADERS_MAX, "lines", e->header_name,
			       e->header_value, &e->headers);
}

/* One datagram: {ssdp-reply: edits} or {raw: text}. */
static struct template *read_datagram(struct rule_reading *r, const struct doc *node)
{
	const struct doc *item;
	struct template *result;
	struct doc *merged;
	int id;

	if (!doc_want(node, DOC_MAP, r->d))
		return NULL;
	if (node->count != 1) {
		diag_at(r->d, node->file, node->line,
			"also: expected one message such as {ssdp-reply: {}}");
		return NULL;
	}
	item = node->items[0];
	id = message_find(item->key);
	if (id < 0) {
		diag_unknown(r->d, item->file, item->key_line, "message", item->key,
			     message_names(), MESSAGE_COUNT);
		return NULL;
	}
	if (id > MESSAGE_SSDP_UPDATE && id != MESSAGE_RAW) {
		diag_at(r->d, item->file, item->key_line,
			"also: \"%s\" is no datagram; ssdp-reply, ssdp-alive, ssdp-byebye, "
			"ssdp-update and raw are",
			item->key);
		return NULL;
	}
	merged = message_edit_merge(doc_get(r->messages, item->key), item);
	result = template_parse((enum message_id)id, merged, r->d);
	doc_free(merged);
	return result;
}

bool rule_read_also(struct rule_reading *r, const struct doc *node)
{
	struct also *also = &r->o->also;

	if (!doc_want(node, DOC_LIST, r->d))
		return false;
	if (!node->count || node->count > ALSO_MAX) {
		diag_at(r->d, node->file, node->line, "also: expected 1 to %d messages", ALSO_MAX);
		return false;
	}
	also->message = xcalloc(node->count, sizeof(*also->message));
	for (; also->count < node->count; also->count++) {
		also->message[also->count] = read_datagram(r, node->items[also->count]);
		if (!also->message[also->count])
			return false;
	}
	return true;
}
