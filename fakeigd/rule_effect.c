/* SPDX-License-Identifier: MIT */
/*
 * rule_effect.c - what rules do: the keys of a rule beside "when", compiled into struct effects.
 *
 * One line of the table below per effect: its name, what it expects, how it is read. Reading fills
 * a struct effects in which everything else keeps the value of effects_init(); adding copies what
 * was set. "reply" without "perform" replaces the action when it names every argument that the
 * action gives back (then there is nothing left that performing could tell), else the action is
 * done and only the named arguments are changed.
 */
#include "base/mem.h"
#include "message_edit.h"
#include "rule_parts.h"
#include "service.h"

#include <assert.h>
#include <stddef.h>

#define EPHEMERAL_FIRST 32768
#define EPHEMERAL_COUNT 28000

uint64_t rule_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static bool read_int(const struct doc *node, long long min, long long max, int *out, struct diag *d)
{
	long long value;

	if (!doc_number(node, min, max, &value, d))
		return false;
	*out = (int)value;
	return true;
}

/**
 * struct reading - a rule being read
 * @o:		what it is compiled into
 * @messages:	the profile's "messages", which "message" edits
 * @d:		where complaints go
 */
struct reading {
	struct rule_outcome *o;
	const struct doc *messages;
	struct diag *d;
};

/* 718, or {code: 718, text: ConflictInMappingEntry}. */
static bool read_fault(struct reading *r, const struct doc *node)
{
	static const char *const keys[] = {"code", "text"};
	const struct doc *code = node, *text = NULL;

	if (node->kind == DOC_MAP) {
		if (!doc_keys(node, keys, ARRAY_SIZE(keys), r->d))
			return false;
		code = doc_get(node, "code");
		text = doc_get(node, "text");
	}
	if (!code) {
		diag_at(r->d, node->file, node->line, "fault: \"code\" is missing");
		return false;
	}
	if (!read_int(code, -99999, 99999, &r->o->e.fault, r->d))
		return false;
	if (!r->o->e.fault) {
		diag_at(r->d, code->file, code->line,
			"fault: code 0 is no fault; replace {code} in \"message\" instead");
		return false;
	}
	if (text && !doc_want(text, DOC_SCALAR, r->d))
		return false;
	r->o->e.fault_text = text ? text->text : NULL;
	return true;
}

static bool read_status(struct reading *r, const struct doc *node)
{
	return read_int(node, 100, 999, &r->o->e.status, r->d);
}

/* {name: value}; a value of null leaves the argument out. */
static bool read_reply(struct reading *r, const struct doc *node)
{
	if (!doc_want(node, DOC_MAP, r->d))
		return false;
	if (node->count > EFFECT_REPLY_MAX) {
		diag_at(r->d, node->file, node->line, "reply: at most %d arguments",
			EFFECT_REPLY_MAX);
		return false;
	}
	for (size_t i = 0; i < node->count; i++) {
		const struct doc *item = node->items[i];

		if (!doc_want(item, DOC_SCALAR, r->d))
			return false;
		r->o->e.reply_name[i] = item->key;
		r->o->e.reply_value[i] = doc_is_null(item) ? NULL : item->text;
	}
	r->o->e.replies = node->count;
	return true;
}

static bool read_perform(struct reading *r, const struct doc *node)
{
	bool flag;

	if (!doc_bool(node, &flag, r->d))
		return false;
	r->o->perform = flag;
	return true;
}

static bool read_message(struct reading *r, const struct doc *node)
{
	if (!doc_want(node, DOC_MAP, r->d))
		return false;
	for (size_t i = 0; i < node->count; i++) {
		const struct doc *item = node->items[i];
		int id = message_find(item->key);
		bool head = id >= 0 && message_kind((enum message_id)id) == MESSAGE_KIND_HEAD;
		struct template **slot = head ? &r->o->head : &r->o->body;
		struct doc *merged;

		if (id < 0) {
			diag_unknown(r->d, item->file, item->key_line, "message", item->key,
				     message_names(), MESSAGE_COUNT);
			return false;
		}
		if (*slot) {
			diag_at(r->d, item->file, item->key_line, "message: a second %s",
				head ? "head" : "body");
			return false;
		}
		merged = message_edit_merge(doc_get(r->messages, item->key), item);
		*slot = template_parse((enum message_id)id, merged, r->d);
		doc_free(merged);
		if (!*slot)
			return false;
	}
	r->o->e.head = r->o->head;
	r->o->e.body = r->o->body;
	return true;
}

/* 250ms, or {from: 200ms, to: 300ms}. */
static bool read_delay(struct reading *r, const struct doc *node)
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

/* head-body, [offsets], or {at: either, gap: 5ms}. */
static bool read_split(struct reading *r, const struct doc *node)
{
	static const char *const keys[] = {"at", "gap"};
	const struct doc *at = node, *gap = NULL;
	long long us = 0;

	if (node->kind == DOC_MAP) {
		if (!doc_keys(node, keys, ARRAY_SIZE(keys), r->d))
			return false;
		at = doc_get(node, "at");
		gap = doc_get(node, "gap");
	}
	if (!at) {
		diag_at(r->d, node->file, node->line, "split: \"at\" is missing");
		return false;
	}
	if ((gap && !doc_duration_us(gap, &us, r->d)) || !read_offsets(&r->o->e, at, r->d))
		return false;
	r->o->e.split_gap_us = us;
	return true;
}

/* 1, or {bytes: 1, gap: 50ms}. */
static bool read_trickle(struct reading *r, const struct doc *node)
{
	static const char *const keys[] = {"bytes", "gap"};
	const struct doc *bytes = node, *gap = NULL;
	long long count, us = 10000;

	if (node->kind == DOC_MAP) {
		if (!doc_keys(node, keys, ARRAY_SIZE(keys), r->d))
			return false;
		bytes = doc_get(node, "bytes");
		gap = doc_get(node, "gap");
	}
	if (!bytes) {
		diag_at(r->d, node->file, node->line, "trickle: \"bytes\" is missing");
		return false;
	}
	if (!doc_number(bytes, 1, 1 << 20, &count, r->d) ||
	    (gap && !doc_duration_us(gap, &us, r->d)))
		return false;
	r->o->e.trickle = (size_t)count;
	r->o->e.trickle_gap_us = us;
	return true;
}

static bool read_truncate(struct reading *r, const struct doc *node)
{
	return doc_size(node, &r->o->e.truncate, r->d);
}

static bool read_pad(struct reading *r, const struct doc *node)
{
	return doc_size(node, &r->o->e.pad, r->d);
}

/* Number of datagrams altogether. */
static bool read_duplicate(struct reading *r, const struct doc *node)
{
	long long copies;

	if (!doc_number(node, 2, 1000, &copies, r->d))
		return false;
	r->o->e.copies = (unsigned)copies;
	return true;
}

/* {port: 1901 or random, address: 192.168.1.2}. */
static bool read_wrong_source(struct reading *r, const struct doc *node)
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

static bool read_renumber(struct reading *r, const struct doc *node)
{
	return doc_ipv4(node, &r->o->e.renumber, r->d);
}

#define FLAG(field) NULL, offsetof(struct effects, field)
static const struct {
	const char *key;
	bool (*read)(struct reading *r,
		     const struct doc *node); /* NULL: true or false into the field at @flag */
	size_t flag;
} effects[] = {
	{"fault", read_fault, 0},
	{"status", read_status, 0},
	{"reply", read_reply, 0},
	{"perform", read_perform, 0},
	{"message", read_message, 0},
	{"lie", FLAG(lie)},
	{"delay", read_delay, 0},
	{"split", read_split, 0},
	{"trickle", read_trickle, 0},
	{"truncate", read_truncate, 0},
	{"pad", read_pad, 0},
	{"duplicate", read_duplicate, 0},
	{"drop", FLAG(drop)},
	{"close", FLAG(close)},
	{"half-close", FLAG(half_close)},
	{"reset", FLAG(reset)},
	{"wrong-source", read_wrong_source, 0},
	{"reboot", FLAG(reboot)},
	{"forget", FLAG(forget)},
	{"wan-down", FLAG(wan_down)},
	{"renumber", read_renumber, 0},
};
#undef FLAG

static const char *const effect_keys[] = {
	"fault",      "status",	 "reply",	 "perform", "message",	 "lie",	     "delay",
	"split",      "trickle", "truncate",	 "pad",	    "duplicate", "drop",     "close",
	"half-close", "reset",	 "wrong-source", "reboot",  "forget",	 "wan-down", "renumber",
};
static_assert(ARRAY_SIZE(effect_keys) == ARRAY_SIZE(effects), "one key per effect");

const char *const *rule_effect_keys(size_t *count)
{
	*count = ARRAY_SIZE(effect_keys);
	return effect_keys;
}

/* The arguments that the one action which the rule names gives back, as its service table says. */
static const struct service_argument *reply_arguments(const struct doc *rule)
{
	const struct doc *action = doc_get(doc_get(rule, "when"), "action");

	return action && action->kind == DOC_SCALAR ? rule_action_arguments(action->text) : NULL;
}

/* Whether "reply" tells everything that the action could. */
static bool replies_all(const struct rule_outcome *o, const struct doc *rule)
{
	const struct service_argument *a = reply_arguments(rule);
	size_t out = 0;

	for (; a && a->name; a++) {
		bool told = !a->out;

		for (size_t i = 0; i < o->e.replies; i++)
			told |= !strcmp(o->e.reply_name[i], a->name);
		if (!told)
			return false;
		out += a->out;
	}
	return out > 0;
}

bool rule_outcome_read(struct rule_outcome *o, const struct doc *rule, const struct doc *messages,
		       struct diag *d)
{
	struct reading r = {.o = o, .messages = messages, .d = d};
	size_t found = 0;

	effects_init(&o->e);
	o->perform = -1;
	for (size_t i = 0; i < ARRAY_SIZE(effects); i++) {
		const struct doc *node = doc_get(rule, effects[i].key);
		bool *flag = (bool *)((char *)&o->e + effects[i].flag);

		if (!node)
			continue;
		if (!(effects[i].read ? effects[i].read(&r, node) : doc_bool(node, flag, d)))
			return false;
		found++;
	}
	if (!found) {
		diag_at(d, rule->file, rule->line, "the rule has no effect");
		return false;
	}
	o->e.reply_only = o->perform < 0 ? replies_all(o, rule) : !o->perform;
	return true;
}

void rule_outcome_free(struct rule_outcome *o)
{
	template_free(o->head);
	template_free(o->body);
}

static void add_replies(const struct effects *from, struct effects *out)
{
	for (size_t i = 0; i < from->replies; i++) {
		size_t at = 0;

		while (at < out->replies && strcmp(out->reply_name[at], from->reply_name[i]))
			at++;
		if (at == EFFECT_REPLY_MAX)
			continue;
		out->reply_name[at] = from->reply_name[i];
		out->reply_value[at] = from->reply_value[i];
		out->replies += at == out->replies;
	}
	out->reply_only |= from->reply_only;
}

static void add_timing(const struct rule_outcome *o, uint64_t *random, struct effects *out)
{
	const struct effects *from = &o->e;

	if (from->delay_us || o->delay_jitter_us)
		out->delay_us = from->delay_us;
	if (o->delay_jitter_us)
		out->delay_us +=
			(int64_t)(rule_random(random) % (uint64_t)(o->delay_jitter_us + 1));
	if (from->splits) {
		memcpy(out->split, from->split, sizeof(out->split));
		out->splits = from->splits;
	}
	out->split_head |= from->split_head;
	if (from->split_gap_us)
		out->split_gap_us = from->split_gap_us;
	if (from->trickle) {
		out->trickle = from->trickle;
		out->trickle_gap_us = from->trickle_gap_us;
	}
}

void rule_outcome_add(const struct rule_outcome *o, uint64_t *random, struct effects *out)
{
	const struct effects *from = &o->e;

	if (from->fault) {
		out->fault = from->fault;
		out->fault_text = from->fault_text;
	}
	if (from->status)
		out->status = from->status;
	add_replies(from, out);
	if (from->head)
		out->head = from->head;
	if (from->body)
		out->body = from->body;
	add_timing(o, random, out);
	if (from->truncate >= 0)
		out->truncate = from->truncate;
	if (from->pad)
		out->pad = from->pad;
	if (from->copies != 1)
		out->copies = from->copies;
	if (o->random_port)
		out->source_port =
			(uint16_t)(EPHEMERAL_FIRST + rule_random(random) % EPHEMERAL_COUNT);
	else if (from->source_port)
		out->source_port = from->source_port;
	if (from->source_address.s_addr)
		out->source_address = from->source_address;
	if (from->renumber.s_addr)
		out->renumber = from->renumber;
	out->lie |= from->lie;
	out->drop |= from->drop;
	out->close |= from->close;
	out->half_close |= from->half_close;
	out->reset |= from->reset;
	out->reboot |= from->reboot;
	out->forget |= from->forget;
	out->wan_down |= from->wan_down;
}
