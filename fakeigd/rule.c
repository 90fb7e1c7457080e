/* SPDX-License-Identifier: MIT */
/*
 * rule.c - misbehaviour: rules that match what a router receives or sends, and their effects.
 *
 * Theory of operation. A rule is {when: conditions, effects...}. Every part of the router asks once
 * per message: rules_any() tells in one comparison whether its layer has rules at all,
 * rules_apply() goes through them in file order and lays the effects of each that matches over the
 * sum (a later rule wins where two set the same thing). Conditions that count occurrences (nth,
 * first, every, probability) look at the messages that meet all other conditions of that rule.
 * Random numbers come from a generator per rule, seeded by the rule, so that the same requests get
 * the same answers.
 *
 * Rules own a copy of the YAML they came from; names and values in the effects point into it and
 * live until the rule is removed or the rules are freed.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "rule_parts.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>

/**
 * struct rule - one rule
 * @id:		above 0 when it was added at run time
 * @name:	for the journal
 * @source:	its YAML
 * @seen:	messages so far that met the conditions which do not count
 * @last:	clock_now() of the last of these, 0 = none
 * @after:	clock_now() of the last action that fits "after", 0 = none
 * @random:	state of its random numbers
 */
struct rule {
	unsigned id;
	char *name;
	struct doc *source;
	struct rule_match match;
	struct rule_outcome outcome;
	uint64_t seen;
	int64_t last;
	int64_t after;
	uint64_t random;
};

/**
 * struct rules - all rules of a router
 * @list, @count:	in file order, those of the run time last
 * @per_layer:		how many could match in a layer
 * @last_id:		id of the last one added at run time
 * @messages:		the profile's "messages", which messages in rules edit
 */
struct rules {
	struct rule **list;
	size_t count;
	size_t per_layer[RULE_LAYER_COUNT];
	unsigned last_id;
	struct doc *messages;
};

static void rule_free(struct rule *rule)
{
	if (!rule)
		return;
	rule_match_free(&rule->match);
	rule_outcome_free(&rule->outcome);
	doc_free(rule->source);
	free(rule->name);
	free(rule);
}

/* "name", or the file without directory and ending and the line: phantom-empty-entry:12. */
static char *name_rule(const struct doc *rule)
{
	const struct doc *name = doc_get(rule, "name");
	char *file, *base, *dot, *result;

	if (name)
		return xstrdup(name->text);
	file = xstrdup(rule->file);
	base = basename(file);
	dot = strrchr(base, '.');
	if (dot)
		*dot = '\0';
	result = xasprintf("%s:%d", base, rule->line);
	free(file);
	return result;
}

static bool check_keys(const struct doc *rule, struct diag *d)
{
	const char *keys[40];
	const char *const *effects;
	size_t count;

	effects = rule_effect_keys(&count);
	memcpy(keys, effects, count * sizeof(*keys));
	keys[count++] = "when";
	keys[count++] = "name";
	return doc_keys(rule, keys, count, d);
}

static struct rule *rule_new(const struct doc *node, const struct doc *messages, struct diag *d)
{
	struct rule *rule = xcalloc(1, sizeof(*rule));
	const char *name;

	rule->source = doc_copy(node);
	if (check_keys(rule->source, d) &&
	    (!doc_get(node, "name") || doc_string(doc_get(node, "name"), &name, d)) &&
	    rule_match_read(&rule->match, rule->source, d) &&
	    rule_outcome_read(&rule->outcome, rule->source, messages, d)) {
		rule->name = name_rule(node);
		rule->random = rule->match.seed;
		return rule;
	}
	rule_free(rule);
	return NULL;
}

static void count_layers(struct rules *rules)
{
	memset(rules->per_layer, 0, sizeof(rules->per_layer));
	for (size_t i = 0; i < rules->count; i++)
		for (int layer = 0; layer < RULE_LAYER_COUNT; layer++)
			rules->per_layer[layer] += rules->list[i]->match.layers >> layer & 1;
}

static void append(struct rules *rules, struct rule *rule)
{
	rules->list = xrealloc(rules->list, (rules->count + 1) * sizeof(*rules->list));
	rules->list[rules->count++] = rule;
	count_layers(rules);
}

struct rules *rules_new_over(const struct doc *list, const struct doc *messages, struct diag *d)
{
	struct rules *rules = xcalloc(1, sizeof(*rules));
	bool fine = !list || doc_want(list, DOC_LIST, d);

	rules->messages = messages ? doc_copy(messages) : NULL;
	for (size_t i = 0; fine && list && i < list->count; i++) {
		struct rule *rule = rule_new(list->items[i], rules->messages, d);

		fine = rule != NULL;
		if (rule)
			append(rules, rule);
	}
	if (fine)
		return rules;
	rules_free(rules);
	return NULL;
}

struct rules *rules_new(const struct doc *list, struct diag *d)
{
	return rules_new_over(list, NULL, d);
}

void rules_free(struct rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; i < rules->count; i++)
		rule_free(rules->list[i]);
	free(rules->list);
	doc_free(rules->messages);
	free(rules);
}

bool rules_any(const struct rules *rules, enum rule_layer layer)
{
	return rules && rules->per_layer[layer];
}

/* The conditions that count: called once for each message that meets the others. */
static bool counts(struct rule *rule)
{
	const struct rule_match *m = &rule->match;
	int64_t now = m->within ? clock_now() : 0;
	bool soon = rule->last && now - rule->last < m->within;

	rule->last = now;
	if (m->within && !soon)
		return false;
	rule->seen++;
	if (m->nth.count && !numbers_has(&m->nth, rule->seen))
		return false;
	if (m->every && rule->seen % m->every)
		return false;
	return m->probability < 0 || (int64_t)(rule_random(&rule->random) >> 32) < m->probability;
}

/* "after": whether an action that fits came shortly before; this one is remembered. */
static bool follows(struct rule *rule, const struct rule_event *event)
{
	const struct rule_match *m = &rule->match;
	int64_t before = rule->after, now;

	if (!m->after)
		return true;
	now = clock_now();
	if (event->action && pattern_match(m->after, slice_of(event->action), NULL, NULL))
		rule->after = now;
	return before && now - before < m->after_within;
}

static void note_name(struct effects *out, const char *name)
{
	size_t len = strlen(out->rules);

	snprintf(out->rules + len, sizeof(out->rules) - len, "%s%s", len ? "," : "", name);
}

void rules_apply(struct rules *rules, const struct router *r, const struct rule_event *event,
		 struct effects *out)
{
	if (!rules_any(rules, event->layer))
		return;
	for (size_t i = 0; i < rules->count; i++) {
		struct rule *rule = rules->list[i];

		if (!follows(rule, event) || !rule_match_event(&rule->match, r, event) ||
		    !counts(rule))
			continue;
		rule_outcome_add(&rule->outcome, &rule->random, out);
		note_name(out, rule->name);
	}
}

unsigned rules_add(struct rules *rules, const struct doc *rule, struct diag *d)
{
	struct rule *added = rule_new(rule, rules->messages, d);

	if (!added)
		return 0;
	added->id = ++rules->last_id;
	append(rules, added);
	return added->id;
}

static void drop(struct rules *rules, size_t index)
{
	rule_free(rules->list[index]);
	rules->count--;
	memmove(rules->list + index, rules->list + index + 1,
		(rules->count - index) * sizeof(*rules->list));
	count_layers(rules);
}

bool rules_remove(struct rules *rules, unsigned id)
{
	for (size_t i = 0; rules && id && i < rules->count; i++) {
		if (rules->list[i]->id != id)
			continue;
		drop(rules, i);
		return true;
	}
	return false;
}

void rules_rewind(struct rules *rules)
{
	size_t i = rules ? rules->count : 0;

	while (i-- > 0) {
		struct rule *rule = rules->list[i];

		rule->seen = 0;
		rule->last = rule->after = 0;
		rule->random = rule->match.seed;
		if (rule->id)
			drop(rules, i);
	}
}
