/* SPDX-License-Identifier: MIT */
/*
 * rule_when.c - "when": the conditions of a rule, compiled.
 *
 * A key of "when" is one of the table below, or the name of an argument of the action (arguments
 * start with a capital letter, conditions with a small one). A layer that is not written follows
 * from the rest: an action or an argument means soap, and most names of messages exist in one layer
 * only.
 */
#include "base/mem.h"
#include "rule_parts.h"
#include "service.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <stdlib.h>

static const char *const layer_names[] = {"ssdp", "http",   "description", "soap",
					  "gena", "natpmp", "pcp"};
static_assert(ARRAY_SIZE(layer_names) == RULE_LAYER_COUNT, "a name for each layer");

static const char *const state_names[] = {
	"table-full",  "table-empty", "wan-down",	 "wan-up",	     "after-reboot",
	"reconnected", "mapped",      "mapped-by-other", "mapped-by-sender", "unmapped",
};
static_assert(ARRAY_SIZE(state_names) == RULE_STATE_COUNT, "a name for each state");

static const char *const when_keys[] = {
	"layer",     "message",	    "target",	     "action",	     "service",	     "from",
	"from-port", "port",	    "header",	     "header-exact", "header-order", "version",
	"body",	     "segments",    "on-connection", "complete",     "state",	     "holds",
	"uptime",    "last",	    "nth",	     "first",	     "every",	     "within",
	"after",     "probability", "seed",
};

/* Names of messages, and the layers in which something is called that. */
static const struct {
	const char *name;
	unsigned layers;
} message_layers[] = {
	{"m-search", 1u << RULE_SSDP},
	{"reply", 1u << RULE_SSDP},
	{"alive", 1u << RULE_SSDP},
	{"byebye", 1u << RULE_SSDP},
	{"update", 1u << RULE_SSDP},
	{"get", 1u << RULE_HTTP},
	{"head", 1u << RULE_HTTP},
	{"post", 1u << RULE_HTTP},
	{"m-post", 1u << RULE_HTTP},
	{"root", 1u << RULE_DESCRIPTION},
	{"scpd", 1u << RULE_DESCRIPTION},
	{"page", 1u << RULE_DESCRIPTION},
	{"request", 1u << RULE_SOAP},
	{"subscribe", 1u << RULE_HTTP | 1u << RULE_GENA},
	{"renew", 1u << RULE_GENA},
	{"unsubscribe", 1u << RULE_HTTP | 1u << RULE_GENA},
	{"notify", 1u << RULE_HTTP | 1u << RULE_GENA},
	{"options", 1u << RULE_HTTP},
	{"put", 1u << RULE_HTTP},
	{"delete", 1u << RULE_HTTP | 1u << RULE_NATPMP | 1u << RULE_PCP},
	{"external-address", 1u << RULE_NATPMP},
	{"map", 1u << RULE_NATPMP | 1u << RULE_PCP},
	{"unsupported", 1u << RULE_NATPMP | 1u << RULE_PCP},
	{"announce", 1u << RULE_NATPMP | 1u << RULE_PCP},
	{"peer", 1u << RULE_PCP},
	{"announce-request", 1u << RULE_PCP},
	{"short", 1u << RULE_NATPMP | 1u << RULE_PCP},
	{"response", 1u << RULE_NATPMP | 1u << RULE_PCP},
	{"malformed", 1u << RULE_PCP},
	{"mapping-update", 1u << RULE_PCP},
};

const char *const *rule_layer_names(void)
{
	return layer_names;
}

const char *const *rule_state_names(void)
{
	return state_names;
}

const char *const *rule_when_keys(size_t *count)
{
	*count = ARRAY_SIZE(when_keys);
	return when_keys;
}

/* The table of a service named as "WANIPConnection:1". */
static const struct service *service_named(const char *name)
{
	const char *colon = strrchr(name, ':');
	char *type = xstrndup(name, (size_t)(colon - name));
	const struct service *service = service_find(type, (unsigned)atoi(colon + 1));

	free(type);
	return service;
}

/* Calls @fn for every action of every service until it returns false. */
static void each_action(bool (*fn)(const struct service_action *a, void *arg), void *arg)
{
	size_t count;
	const char *const *names = service_names(&count);

	for (size_t i = 0; i < count; i++) {
		const struct service *s = service_named(names[i]);

		for (size_t j = 0; s && s->actions[j].name; j++)
			if (!fn(&s->actions[j], arg))
				return;
	}
}

struct action_search {
	const char *name;
	const struct service_action *found;
};

static bool is_action(const struct service_action *a, void *arg)
{
	struct action_search *search = arg;

	if (strcmp(a->name, search->name))
		return true;
	search->found = a;
	return false;
}

static const struct service_action *find_action(const char *name)
{
	struct action_search search = {.name = name};

	each_action(is_action, &search);
	return search.found;
}

const struct service_argument *rule_action_arguments(const char *action)
{
	const struct service_action *found = find_action(action);

	return found ? found->arguments : NULL;
}

#define NAMES_MAX 128

struct name_list {
	const char *name[NAMES_MAX];
	size_t count;
};

static bool collect_action(const struct service_action *a, void *arg)
{
	struct name_list *list = arg;

	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->name[i], a->name))
			return true;
	if (list->count < NAMES_MAX)
		list->name[list->count++] = a->name;
	return true;
}

/* An action that no service has is allowed (vendors have theirs), a slip of the pen is not. */
bool rule_check_action(const struct pattern *p, const struct doc *node, struct diag *d)
{
	struct name_list known = {.count = 0};
	const char *written[NUMBERS_MAX];
	size_t count = pattern_literals(p, written, ARRAY_SIZE(written));

	for (size_t i = 0; i < count; i++) {
		const char *near;

		if (find_action(written[i]))
			continue;
		if (!known.count)
			each_action(collect_action, &known);
		near = suggest_nearest(written[i], known.name, known.count);
		if (!near)
			continue;
		diag_at(d, node->file, node->line, "unknown action \"%s\"; did you mean \"%s\"?",
			written[i], near);
		return false;
	}
	return true;
}

/* Where the rule names one known action, its arguments must be that action's. */
static bool check_argument(const struct doc *when, const struct doc *item, struct diag *d)
{
	const struct doc *action = doc_get(when, "action");
	const struct service_argument *a =
		action && action->kind == DOC_SCALAR ? rule_action_arguments(action->text) : NULL;
	const char *names[SOAP_ARGUMENTS_MAX];
	char *kind;
	size_t count = 0;

	if (!a)
		return true;
	for (; a->name; a++) {
		if (a->out)
			continue;
		if (!strcmp(a->name, item->key))
			return true;
		names[count++] = a->name;
	}
	kind = xasprintf("argument of %s", action->text);
	diag_unknown(d, item->file, item->key_line, kind, item->key, names, count);
	free(kind);
	return false;
}

static bool is_argument(const struct doc *item)
{
	/* Of QueryStateVariable it is written small (UDA 1.0 clause 3.3). */
	return isupper((unsigned char)*item->key) || !strcmp(item->key, "varName");
}

/* A field of a binary message; "version" is a condition of HTTP as well. */
static bool is_field(const struct doc *item)
{
	return strcmp(item->key, "version") != 0 && rule_field_layers(item->key);
}

static bool check_keys(const struct doc *when, struct diag *d)
{
	for (size_t i = 0; i < when->count; i++) {
		const struct doc *item = when->items[i];
		size_t j = 0;

		if (is_argument(item)) {
			if (!check_argument(when, item, d))
				return false;
			continue;
		}
		if (rule_field_layers(item->key))
			continue;
		while (j < ARRAY_SIZE(when_keys) && strcmp(item->key, when_keys[j]))
			j++;
		if (j < ARRAY_SIZE(when_keys))
			continue;
		diag_unknown(d, item->file, item->key_line, "condition", item->key, when_keys,
			     ARRAY_SIZE(when_keys));
		return false;
	}
	return true;
}

static bool read_pattern(struct pattern **out, const struct doc *node, struct diag *d)
{
	if (node)
		*out = pattern_new(node, d);
	return !node || *out;
}

static bool read_layers(unsigned *layers, const struct doc *node, struct diag *d)
{
	int layer;

	if (node->kind == DOC_LIST) {
		for (size_t i = 0; i < node->count; i++)
			if (!read_layers(layers, node->items[i], d))
				return false;
		return true;
	}
	if (!doc_choice(node, layer_names, ARRAY_SIZE(layer_names), &layer, d))
		return false;
	*layers |= 1u << layer;
	return true;
}

/* Check the names under "message". Return: the layers they can be of, 0 after a complaint. */
static unsigned message_names_layers(const struct rule_match *m, const struct doc *node,
				     struct diag *d)
{
	const char *written[NUMBERS_MAX], *known[ARRAY_SIZE(message_layers)];
	size_t count = pattern_literals(m->message, written, ARRAY_SIZE(written)), names = 0;
	unsigned all = (1u << RULE_LAYER_COUNT) - 1, within = m->layers ? m->layers : all;
	unsigned layers = 0;

	for (size_t j = 0; j < ARRAY_SIZE(message_layers); j++)
		if (message_layers[j].layers & within)
			known[names++] = message_layers[j].name;
	for (size_t i = 0; i < count; i++) {
		size_t j = 0;

		while (j < ARRAY_SIZE(message_layers) &&
		       (strcmp(written[i], message_layers[j].name) ||
			!(message_layers[j].layers & within)))
			j++;
		if (j == ARRAY_SIZE(message_layers)) {
			diag_unknown(d, node->file, node->line, "message", written[i], known,
				     names);
			return 0;
		}
		layers |= message_layers[j].layers;
	}
	return count ? layers : all;
}

/* Layers that have all the fields; 0 when the rule names none, or they have no layer in common. */
static unsigned field_layers(const struct rule_match *m)
{
	unsigned layers = m->field_count ? ~0u : 0;

	for (size_t i = 0; i < m->field_count; i++)
		layers &= rule_field_layers(m->fields[i].name);
	return layers;
}

/* The layers of a rule: as written, or as the other conditions tell. */
static bool find_layers(struct rule_match *m, const struct doc *rule, struct diag *d)
{
	const struct doc *when = doc_get(rule, "when");
	const struct doc *layer = doc_get(when, "layer"), *message = doc_get(when, "message");
	unsigned possible;

	if (layer && !read_layers(&m->layers, layer, d))
		return false;
	if (message) {
		possible = message_names_layers(m, message, d);
		if (!possible)
			return false;
		if (!m->layers && !(possible & (possible - 1)))
			m->layers = possible;
	}
	if (!m->layers && (m->action || m->argument_count))
		m->layers = 1u << RULE_SOAP;
	if (!m->layers)
		m->layers = field_layers(m);
	if (m->layers)
		return rule_check_fields(m->layers, rule, d);
	diag_at(d, rule->file, when ? when->line : rule->line,
		"when: \"layer\" is needed here: ssdp, http, description, soap, gena, natpmp or "
		"pcp");
	return false;
}

static bool add_named(struct rule_named **list, size_t *count, const struct doc *item,
		      struct diag *d)
{
	struct pattern *pattern = pattern_new(item, d);

	if (!pattern)
		return false;
	*list = xrealloc(*list, (*count + 1) * sizeof(**list));
	(*list)[(*count)++] = (struct rule_named){item->key, pattern};
	return true;
}

static bool read_headers(struct rule_named **list, size_t *count, const struct doc *node,
			 struct diag *d)
{
	if (!node)
		return true;
	if (!doc_want(node, DOC_MAP, d))
		return false;
	for (size_t i = 0; i < node->count; i++)
		if (!add_named(list, count, node->items[i], d))
			return false;
	return true;
}

static bool read_states(struct rule_match *m, const struct doc *node, struct diag *d)
{
	int state;

	if (node && node->kind == DOC_LIST) {
		for (size_t i = 0; i < node->count; i++)
			if (!read_states(m, node->items[i], d))
				return false;
		return true;
	}
	if (!node)
		return true;
	if (!doc_choice(node, state_names, ARRAY_SIZE(state_names), &state, d))
		return false;
	m->states |= 1u << state;
	return true;
}

static bool read_last(struct rule_match *m, const struct doc *when, struct diag *d)
{
	const struct doc *node = doc_get(when, "last"), *action = doc_get(when, "action");
	long long value;

	if (!node)
		return true;
	if (!action || action->kind != DOC_SCALAR ||
	    strcmp(action->text, "GetGenericPortMappingEntry")) {
		diag_at(d, node->file, node->key_line,
			"last: counts entries of the table, so it needs "
			"\"action: GetGenericPortMappingEntry\"");
		return false;
	}
	if (!doc_number(node, 1, 65535, &value, d))
		return false;
	m->last = (unsigned)value;
	return true;
}

static bool read_counting(struct rule_match *m, const struct doc *when, struct diag *d)
{
	const struct doc *nth = doc_get(when, "nth"), *first = doc_get(when, "first");
	const struct doc *every = doc_get(when, "every"), *uptime = doc_get(when, "uptime");
	long long value;

	if (nth && first) {
		diag_at(d, first->file, first->key_line,
			"\"nth\" and \"first\" exclude each other");
		return false;
	}
	if ((nth && !numbers_read(&m->nth, nth, d)) ||
	    (uptime && !numbers_read(&m->uptime, uptime, d)))
		return false;
	if (first) {
		if (!doc_number(first, 1, INT64_MAX, &value, d))
			return false;
		m->nth.range[m->nth.count].min = 1;
		m->nth.range[m->nth.count++].max = (uint64_t)value;
	}
	if (every) {
		if (!doc_number(every, 2, 1000000000, &value, d))
			return false;
		m->every = (unsigned long)value;
	}
	return true;
}

static bool read_chance(struct rule_match *m, const struct doc *when, struct diag *d)
{
	const struct doc *probability = doc_get(when, "probability"), *seed = doc_get(when, "seed");
	long long number = 1;
	double value;

	m->probability = -1;
	if (probability) {
		if (!doc_double(probability, 0, 1, &value, d))
			return false;
		m->probability = (int64_t)(value * 4294967296.0);
	}
	if (seed && !doc_number(seed, 0, INT64_MAX, &number, d))
		return false;
	m->seed = (uint64_t)number;
	return true;
}

bool rule_match_read(struct rule_match *m, const struct doc *rule, struct diag *d)
{
	const struct doc *when = doc_get(rule, "when");

	if (when && (!doc_want(when, DOC_MAP, d) || !check_keys(when, d)))
		return false;
	if (!read_pattern(&m->message, doc_get(when, "message"), d) ||
	    !read_pattern(&m->target, doc_get(when, "target"), d) ||
	    !read_pattern(&m->action, doc_get(when, "action"), d) ||
	    !read_pattern(&m->service, doc_get(when, "service"), d) ||
	    !read_pattern(&m->version, doc_get(when, "version"), d) ||
	    !read_pattern(&m->body, doc_get(when, "body"), d) ||
	    (m->action && !rule_check_action(m->action, doc_get(when, "action"), d)))
		return false;
	for (size_t i = 0; when && i < when->count; i++)
		if (is_argument(when->items[i]) &&
		    !add_named(&m->arguments, &m->argument_count, when->items[i], d))
			return false;
	for (size_t i = 0; when && i < when->count; i++)
		if (is_field(when->items[i]) &&
		    !add_named(&m->fields, &m->field_count, when->items[i], d))
			return false;
	return find_layers(m, rule, d) &&
	       read_headers(&m->headers, &m->header_count, doc_get(when, "header"), d) &&
	       read_headers(&m->exact, &m->exact_count, doc_get(when, "header-exact"), d) &&
	       rule_read_facts(m, when, d) && read_states(m, doc_get(when, "state"), d) &&
	       read_last(m, when, d) && read_counting(m, when, d) && read_chance(m, when, d);
}

static void free_named(struct rule_named *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		pattern_free(list[i].pattern);
	free(list);
}

void rule_match_free(struct rule_match *m)
{
	pattern_free(m->message);
	pattern_free(m->target);
	pattern_free(m->action);
	pattern_free(m->service);
	pattern_free(m->version);
	pattern_free(m->body);
	pattern_free(m->after);
	free(m->order);
	free_named(m->arguments, m->argument_count);
	free_named(m->fields, m->field_count);
	free_named(m->headers, m->header_count);
	free_named(m->exact, m->exact_count);
	free(m->from);
}
