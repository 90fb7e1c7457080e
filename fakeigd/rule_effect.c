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
#include <stdlib.h>

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

/* 718, or {code: 718, text: ConflictInMappingEntry}. */
static bool read_fault(struct rule_reading *r, const struct doc *node)
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

static bool read_status(struct rule_reading *r, const struct doc *node)
{
	return read_int(node, 100, 999, &r->o->e.status, r->d);
}

bool rule_want_map(struct rule_reading *r, const struct doc *node, size_t max, const char *what)
{
	if (!doc_want(node, DOC_MAP, r->d))
		return false;
	if (node->count > max)
		diag_at(r->d, node->file, node->line, "%s: at most %zu %s", node->key, max, what);
	return node->count <= max;
}

bool rule_read_named(struct rule_reading *r, const struct doc *node, size_t max, const char *what,
		     const char **names, const char **values, size_t *count)
{
	if (!rule_want_map(r, node, max, what))
		return false;
	for (size_t i = 0; i < node->count; i++) {
		const struct doc *item = node->items[i];

		if (!doc_want(item, DOC_SCALAR, r->d))
			return false;
		names[i] = item->key;
		values[i] = doc_is_null(item) ? NULL : item->text;
	}
	*count = node->count;
	return true;
}

/* {name: value}; a value of null leaves the argument out. */
static bool read_reply(struct rule_reading *r, const struct doc *node)
{
	struct effects *e = &r->o->e;

	return rule_read_named(r, node, EFFECT_REPLY_MAX, "arguments", e->reply_name,
			       e->reply_value, &e->replies);
}

static bool read_perform(struct rule_reading *r, const struct doc *node)
{
	bool flag;

	if (!doc_bool(node, &flag, r->d))
		return false;
	r->o->perform = flag;
	return true;
}

static bool read_message(struct rule_reading *r, const struct doc *node)
{
	if (!doc_want(node, DOC_MAP, r->d))
		return false;
	for (size_t i = 0; i < node->count; i++) {
		const struct doc *item = node->items[i];
		int id = message_find(item->key);
		bool head = id >= 0 && message_kind((enum message_id)id) == MESSAGE_KIND_HEAD;
		struct template **slot = id == MESSAGE_RAW ? &r->o->raw
					 : head		   ? &r->o->head
							   : &r->o->body;
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
	r->o->e.raw = r->o->raw;
	return true;
}

/* true: until told otherwise; 2s: it comes back by itself. */
static bool read_wan_down(struct rule_reading *r, const struct doc *node)
{
	struct effects *e = &r->o->e;
	long long us = 0;
	bool flag = true;

	if (node->kind == DOC_SCALAR && strspn(node->text, "0123456789.") &&
	    strspn(node->text, "0123456789.") < node->len) {
		if (!doc_duration_us(node, &us, r->d))
			return false;
	} else if (!doc_bool(node, &flag, r->d)) {
		return false;
	}
	e->wan_down = flag;
	e->wan_down_us = us;
	return true;
}

/* "self", or a URL with {lan_address}, {http_port} and {path}. */
static bool read_redirect(struct rule_reading *r, const struct doc *node)
{
	return doc_string(node, &r->o->e.redirect, r->d);
}

static bool read_as(struct rule_reading *r, const struct doc *node)
{
	return doc_string(node, &r->o->e.as, r->d);
}

static bool read_renumber(struct rule_reading *r, const struct doc *node)
{
	return doc_ipv4(node, &r->o->e.renumber, r->d);
}

#define FLAG(field) NULL, offsetof(struct effects, field)
static const struct {
	const char *key;
	bool (*read)(struct rule_reading *r,
		     const struct doc *node); /* NULL: true or false into the field at @flag */
	size_t flag;
} effects[] = {
	{"fault", read_fault, 0},
	{"status", read_status, 0},
	{"reply", read_reply, 0},
	{"perform", read_perform, 0},
	{"message", read_message, 0},
	{"lie", FLAG(lie)},
	{"never-refuse", FLAG(never_refuse)},
	{"delay", rule_read_delay, 0},
	{"split", rule_read_split, 0},
	{"trickle", rule_read_trickle, 0},
	{"truncate", rule_read_truncate, 0},
	{"pad", rule_read_pad, 0},
	{"duplicate", rule_read_duplicate, 0},
	{"drop", FLAG(drop)},
	{"close", FLAG(close)},
	{"half-close", FLAG(half_close)},
	{"half-close-aborts", FLAG(abort)},
	{"reorder", FLAG(reorder)},
	{"reset", FLAG(reset)},
	{"wrong-source", rule_read_wrong_source, 0},
	{"reboot", FLAG(reboot)},
	{"forget", FLAG(forget)},
	{"wan-down", read_wan_down, 0},
	{"renumber", read_renumber, 0},
	{"redirect", read_redirect, 0},
	{"header", rule_read_header, 0},
	{"replace", rule_read_replace, 0},
	{"content-length", rule_read_content_length, 0},
	{"as-is", FLAG(as_is)},
	{"rewrite", rule_read_rewrite, 0},
	{"also", rule_read_also, 0},
	{"as", read_as, 0},
};
#undef FLAG

static const char *const effect_keys[] = {
	"fault",	"status",   "reply",   "perform",	 "message",  "lie",
	"never-refuse", "delay",    "split",   "trickle",	 "truncate", "pad",
	"duplicate",	"drop",	    "close",   "half-close",	 "reset",    "half-close-aborts",
	"reorder",	"redirect", "header",  "wrong-source",	 "reboot",   "forget",
	"wan-down",	"renumber", "replace", "content-length", "as-is",    "rewrite",
	"also",		"as",
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

/* Whether a value of "reply" has the name of something in it, which only performing fills. */
static bool takes_names(const struct effects *e, size_t i)
{
	return e->reply_value[i] && strchr(e->reply_value[i], '{');
}

/* Whether "reply" tells everything that the action could. */
static bool replies_all(const struct rule_outcome *o, const struct doc *rule)
{
	const struct service_argument *a = reply_arguments(rule);
	size_t out = 0;

	for (size_t i = 0; i < o->e.replies; i++)
		if (takes_names(&o->e, i))
			return false;
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
	struct rule_reading r = {.o = o, .messages = messages, .d = d};
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
	template_free(o->raw);
	rewrite_free(o->rewrite);
	for (size_t i = 0; i < o->also.count; i++)
		template_free(o->also.message[i]);
	free(o->also.message);
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

/* What adds up over the rules that match. */
static void add_lists(const struct rule_outcome *o, struct effects *out)
{
	const struct effects *from = &o->e;

	for (size_t i = 0; i < from->headers && out->headers < EFFECT_HEADERS_MAX; i++) {
		out->header_name[out->headers] = from->header_name[i];
		out->header_value[out->headers++] = from->header_value[i];
	}
	for (size_t i = 0; i < from->replaces && out->replaces < EFFECT_REPLACES_MAX; i++) {
		out->replace[out->replaces] = from->replace[i];
		out->replace_by[out->replaces++] = from->replace_by[i];
	}
	if (o->rewrite && out->rewrites < EFFECT_REWRITES_MAX)
		out->rewrite[out->rewrites++] = o->rewrite;
	if (o->also.count && out->alsos < EFFECT_ALSO_MAX)
		out->also[out->alsos++] = &o->also;
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

static void add_flags(const struct effects *from, struct effects *out)
{
	out->lie |= from->lie;
	out->never_refuse |= from->never_refuse;
	out->drop |= from->drop;
	out->close |= from->close;
	out->half_close |= from->half_close;
	out->reset |= from->reset;
	out->abort |= from->abort;
	out->reorder |= from->reorder;
	out->reboot |= from->reboot;
	out->forget |= from->forget;
	out->wan_down |= from->wan_down;
	if (from->wan_down)
		out->wan_down_us = from->wan_down_us;
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
	if (from->raw)
		out->raw = from->raw;
	if (from->redirect)
		out->redirect = from->redirect;
	if (from->as)
		out->as = from->as;
	add_lists(o, out);
	add_timing(o, random, out);
	if (effects_cut(from)) {
		out->truncate = from->truncate;
		out->truncate_end = from->truncate_end;
	}
	if (from->length_given) {
		out->length_given = true;
		out->length_change = from->length_change;
		out->length = from->length;
	}
	out->as_is |= from->as_is;
	if (from->pad) {
		out->pad = from->pad;
		out->pad_with = from->pad_with;
		out->pad_head = from->pad_head;
	}
	if (from->copies != 1) {
		out->copies = from->copies;
		out->copy_gap_us = from->copy_gap_us;
	}
	if (o->random_port)
		out->source_port =
			(uint16_t)(EPHEMERAL_FIRST + rule_random(random) % EPHEMERAL_COUNT);
	else if (from->source_port)
		out->source_port = from->source_port;
	if (from->source_address.s_addr)
		out->source_address = from->source_address;
	if (from->renumber.s_addr)
		out->renumber = from->renumber;
	add_flags(from, out);
}
