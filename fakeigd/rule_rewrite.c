/* SPDX-License-Identifier: MIT */
/*
 * rule_rewrite.c - changes of a request's arguments before the action sees them.
 *
 * What sloppy firmware does with what it is given: ports kept in a byte, protocols in capitals, the
 * client replaced by the sender, descriptions cut. "rewrite" is a mapping from the name of an
 * argument to a value (with {from}, {lan}, {external} or {NewOther} in it), to null (the argument
 * is lost), or to a mapping of the steps below, done in the order in which they are written.
 */
#include "base/mem.h"
#include "rule_parts.h"
#include "wire/soap.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum step_kind {
	STEP_VALUE,
	STEP_LOST,
	STEP_IF_EMPTY,
	STEP_CASE,
	STEP_MODULO,
	STEP_ADD,
	STEP_MIN,
	STEP_MAX,
	STEP_CUT,
};

/**
 * struct step - one change of one argument
 * @name:	of the argument
 * @text:	of STEP_VALUE and STEP_IF_EMPTY
 * @number:	of the others; STEP_CASE: 0 upper, 1 lower
 */
struct step {
	const char *name;
	enum step_kind kind;
	const char *text;
	long long number;
};

struct rewrite {
	struct step *steps;
	size_t count;
};

static const char *const step_keys[] = {"value", "if-empty", "case", "modulo",
					"add",	 "min",	     "max",  "cut"};
static const enum step_kind step_kinds[] = {STEP_VALUE, STEP_IF_EMPTY, STEP_CASE, STEP_MODULO,
					    STEP_ADD,	STEP_MIN,      STEP_MAX,  STEP_CUT};
static_assert(ARRAY_SIZE(step_keys) == ARRAY_SIZE(step_kinds), "a kind for each key");

const char *const *rule_rewrite_keys(size_t *count)
{
	*count = ARRAY_SIZE(step_keys);
	return step_keys;
}

void rewrite_free(struct rewrite *rewrite)
{
	if (!rewrite)
		return;
	free(rewrite->steps);
	free(rewrite);
}

static bool read_number(struct step *step, const struct doc *node, struct diag *d)
{
	long long least = step->kind == STEP_MODULO ? 1 : step->kind == STEP_ADD ? -(1LL << 32) : 0;

	return doc_number(node, least, 1LL << 32, &step->number, d);
}

static bool add_step(struct rewrite *w, const char *name, enum step_kind kind,
		     const struct doc *node, struct diag *d)
{
	static const char *const cases[] = {"upper", "lower"};
	struct step *step;
	int choice = 0;

	w->steps = xrealloc(w->steps, (w->count + 1) * sizeof(*w->steps));
	step = &w->steps[w->count++];
	*step = (struct step){.name = name, .kind = kind};
	switch (kind) {
	case STEP_LOST:
		return true;
	case STEP_VALUE:
	case STEP_IF_EMPTY:
		step->text = node->text;
		return doc_want(node, DOC_SCALAR, d);
	case STEP_CASE:
		if (!doc_choice(node, cases, ARRAY_SIZE(cases), &choice, d))
			return false;
		step->number = choice;
		return true;
	default:
		return read_number(step, node, d);
	}
}

static bool read_argument(struct rewrite *w, const struct doc *item, struct diag *d)
{
	if (item->kind == DOC_SCALAR)
		return add_step(w, item->key, doc_is_null(item) ? STEP_LOST : STEP_VALUE, item, d);
	if (!doc_keys(item, step_keys, ARRAY_SIZE(step_keys), d))
		return false;
	for (size_t i = 0; i < item->count; i++) {
		const struct doc *node = item->items[i];
		size_t kind = 0;

		while (strcmp(node->key, step_keys[kind]))
			kind++;
		if (!add_step(w, item->key, step_kinds[kind], node, d))
			return false;
	}
	return true;
}

bool rule_read_rewrite(struct rule_reading *r, const struct doc *node)
{
	struct rewrite *w = r->o->rewrite = xcalloc(1, sizeof(*w));

	if (!doc_want(node, DOC_MAP, r->d))
		return false;
	for (size_t i = 0; i < node->count; i++)
		if (!read_argument(w, node->items[i], r->d))
			return false;
	if (w->count)
		return true;
	diag_at(r->d, node->file, node->line, "rewrite: no argument is named");
	return false;
}

/* Text with its {names} filled in. */
static char *fill(const char *text, const struct router *r, const struct rule_event *event)
{
	struct buf out = {0};
	char room[INET6_ADDRSTRLEN];

	while (*text) {
		size_t len = *text == '{' ? strcspn(text, "}") : 0;
		char *name = len && text[len] ? xstrndup(text + 1, len - 1) : NULL;
		const char *value = name ? rules_name_value(r, event, name, room) : NULL;

		if (value) {
			buf_puts(&out, value);
			text += len + 1;
		} else {
			buf_putc(&out, *text++);
		}
		free(name);
	}
	buf_puts(&out, "");
	return buf_steal(&out);
}

static char *number_text(long long value)
{
	return xasprintf("%lld", value);
}

/* A step that counts: text that is no number stays as it is. */
static char *calculate(const struct step *step, const char *value)
{
	long long number;
	char *end;

	number = strtoll(value, &end, 10);
	if (end == value || *end)
		return xstrdup(value);
	switch (step->kind) {
	case STEP_MODULO:
		return number_text(number % step->number);
	case STEP_ADD:
		return number_text(number + step->number);
	case STEP_MIN:
		return number_text(number < step->number ? step->number : number);
	default:
		return number_text(number > step->number ? step->number : number);
	}
}

/* The value after a step; NULL = lost. */
static char *change(const struct step *step, const char *value, const struct router *r,
		    const struct rule_event *event)
{
	char *text;

	switch (step->kind) {
	case STEP_LOST:
		return NULL;
	case STEP_VALUE:
		return fill(step->text, r, event);
	case STEP_IF_EMPTY:
		return value && *value ? xstrdup(value) : fill(step->text, r, event);
	case STEP_CUT:
		return value ? xstrndup(value, strnlen(value, (size_t)step->number)) : NULL;
	case STEP_CASE:
		text = value ? xstrdup(value) : NULL;
		for (char *c = text; c && *c; c++)
			*c = (char)(step->number ? tolower((unsigned char)*c)
						 : toupper((unsigned char)*c));
		return text;
	default:
		return value ? calculate(step, value) : NULL;
	}
}

static void set_value(struct soap_message *m, const char *name, const char *value)
{
	size_t i = 0;

	while (i < m->count && strcmp(m->names[i], name))
		i++;
	if (value && i < m->count) {
		m->values[i] = value;
	} else if (value && i < SOAP_ARGUMENTS_MAX) {
		m->names[m->count] = name;
		m->values[m->count++] = value;
	} else if (!value && i < m->count) {
		m->count--;
		memmove(m->names + i, m->names + i + 1, (m->count - i) * sizeof(*m->names));
		memmove(m->values + i, m->values + i + 1, (m->count - i) * sizeof(*m->values));
	}
}

static void keep(struct rewritten *owned, char *text)
{
	owned->text = xrealloc(owned->text, (owned->count + 1) * sizeof(*owned->text));
	owned->text[owned->count++] = text;
}

void rules_rewrite(const struct effects *e, const struct router *r, const struct rule_event *event,
		   struct soap_message *m, struct rewritten *owned)
{
	for (size_t i = 0; i < e->rewrites; i++) {
		const struct rewrite *w = e->rewrite[i];

		for (size_t j = 0; j < w->count; j++) {
			const struct step *step = &w->steps[j];
			char *value = change(step, soap_value(m, step->name), r, event);

			set_value(m, step->name, value);
			if (value)
				keep(owned, value);
		}
	}
}

void rewritten_free(struct rewritten *owned)
{
	for (size_t i = 0; i < owned->count; i++)
		free(owned->text[i]);
	free(owned->text);
}
