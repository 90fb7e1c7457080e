/* SPDX-License-Identifier: MIT */
/*
 * difference_facts.c - headers and arguments of two messages, pair by pair.
 *
 * Theory of operation
 *
 * A name that occurs several times is paired by occurrence. Headers have one of three weights, from
 * a table: those that carry meaning (UDA 2.0 clauses 1 to 4), those that differ from one moment to
 * the next by nature, and the rest, which is form. Of arguments, counters of time and bytes may
 * differ in value, and a lease that counts down by a few seconds.
 */
#include "difference_parts.h"

#include "../fakeigd/base/mem.h"

#include <ctype.h>
#include <stdlib.h>

#define LEASE_SLACK 5  /* seconds between two recordings of the same state */
#define VALUE_CHARS 80 /* of a value in a sentence */
#define ITEMS_MAX   40 /* of one comparison of arguments, so that two unlike descriptions end */

enum weight { FORM, MEANING, MOMENT };

static const struct {
	const char *name;
	enum weight weight;
} weights[] = {
	{"ST", MEANING},
	{"NT", MEANING},
	{"NTS", MEANING},
	{"USN", MEANING},
	{"LOCATION", MEANING},
	{"SERVER", MEANING},
	{"USER-AGENT", MEANING},
	{"CACHE-CONTROL", MEANING},
	{"MAN", MEANING},
	{"MX", MEANING},
	{"SEQ", MEANING},
	{"TIMEOUT", MEANING},
	{"CALLBACK", MEANING},
	{"SOAPACTION", MEANING},
	{"CONTENT-TYPE", MEANING},
	{"SID", MOMENT},
	{"DATE", MOMENT},
	{"BOOTID.UPNP.ORG", MOMENT},
	{"CONTENT-LENGTH", MOMENT},
};

static enum weight weight_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(weights); i++) {
		if (!strcasecmp(name, weights[i].name))
			return weights[i].weight;
	}
	return FORM;
}

/* The @nth of that name, or the count of facts. */
static size_t find(const struct fact *facts, size_t count, const char *name, size_t nth,
		   bool any_case)
{
	size_t i = 0;

	for (; i < count; i++) {
		if ((any_case ? strcasecmp(facts[i].name, name) : strcmp(facts[i].name, name)))
			continue;
		if (!nth--)
			return i;
	}
	return count;
}

static size_t occurrence(const struct fact *facts, size_t index, bool any_case)
{
	size_t nth = 0;

	for (size_t i = 0; i < index; i++)
		nth += !(any_case ? strcasecmp(facts[i].name, facts[index].name)
				  : strcmp(facts[i].name, facts[index].name));
	return nth;
}

/* Without quotes, white space and case: what of a value is form. */
static bool same_but_form(const char *a, const char *b)
{
	for (;; a++, b++) {
		while (*a && strchr(" \t\"'", *a))
			a++;
		while (*b && strchr(" \t\"'", *b))
			b++;
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (!*a)
			return true;
	}
}

static void changed(struct comparison *c, enum difference_grade grade, const char *kind,
		    const char *name, const char *a, const char *b)
{
	difference_add(c, grade, "%s %s: \"%.*s\" became \"%.*s\"", kind, name, VALUE_CHARS, a,
		       VALUE_CHARS, b);
}

/* ---- headers ---- */

static void compare_header(struct comparison *c, const struct fact *a, const struct fact *b)
{
	enum weight weight = weight_of(a->name);

	if (strcmp(a->name, b->name) != 0)
		difference_add(c, DIFFERENCE_COSMETIC, "header %s is written %s", a->name, b->name);
	if (weight == MOMENT || !strcmp(a->value, b->value))
		return;
	if (weight == FORM || same_but_form(a->value, b->value))
		changed(c, DIFFERENCE_COSMETIC, "header", a->name, a->value, b->value);
	else
		changed(c, DIFFERENCE_DIFFERENT, "header", a->name, a->value, b->value);
}

static void lone_header(struct comparison *c, const struct fact *fact, const char *verb)
{
	difference_add(
		c, weight_of(fact->name) == MEANING ? DIFFERENCE_DIFFERENT : DIFFERENCE_COSMETIC,
		"header %s %s", fact->name, verb);
}

void difference_headers(struct comparison *c)
{
	const struct facts *a = &c->a, *b = &c->b;
	size_t last = 0;
	bool ordered = true;

	for (size_t i = 0; i < a->header_count; i++) {
		size_t nth = occurrence(a->headers, i, true);
		size_t j = find(b->headers, b->header_count, a->headers[i].name, nth, true);

		if (j == b->header_count) {
			lone_header(c, &a->headers[i], "is gone");
			continue;
		}
		ordered = ordered && j >= last;
		last = j;
		compare_header(c, &a->headers[i], &b->headers[j]);
	}
	for (size_t j = 0; j < b->header_count; j++) {
		size_t nth = occurrence(b->headers, j, true);

		if (find(a->headers, a->header_count, b->headers[j].name, nth, true) ==
		    a->header_count)
			lone_header(c, &b->headers[j], "is new");
	}
	if (!ordered)
		difference_add(c, DIFFERENCE_COSMETIC, "order of headers");
}

/* ---- arguments ---- */

/* Values that go on with time: how much two of them may differ, 0 = not at all, -1 = at will. */
static long long slack_of(const struct facts *f, const char *name)
{
	if (!strcmp(name, "NewUptime") || !strncmp(name, "NewTotal", 8) || !strcmp(name, "epoch"))
		return -1;
	if (f->kind == FACTS_RESULT && !strcmp(name, "NewLeaseDuration"))
		return LEASE_SLACK;
	return 0;
}

static bool within(const char *a, const char *b, long long slack)
{
	uint64_t x, y;

	if (!slack || !slice_number(slice_of(a), INT64_MAX, &x) ||
	    !slice_number(slice_of(b), INT64_MAX, &y))
		return false;
	return slack < 0 || (!x == !y && (x > y ? x - y : y - x) <= (uint64_t)slack);
}

static void compare_argument(struct comparison *c, const struct fact *a, const struct fact *b)
{
	long long slack = slack_of(&c->a, a->name);

	if (!strcmp(a->value, b->value) || !strcmp(a->name, "epoch"))
		return;
	changed(c, within(a->value, b->value, slack) ? DIFFERENCE_COSMETIC : DIFFERENCE_DIFFERENT,
		"argument", a->name, a->value, b->value);
}

void difference_arguments(struct comparison *c)
{
	const struct facts *a = &c->a, *b = &c->b;
	size_t before = c->out->count, last = 0;
	bool ordered = true;

	for (size_t i = 0; i < a->argument_count && c->out->count - before < ITEMS_MAX; i++) {
		size_t nth = occurrence(a->arguments, i, false);
		size_t j = find(b->arguments, b->argument_count, a->arguments[i].name, nth, false);

		if (j == b->argument_count) {
			difference_add(c, DIFFERENCE_DIFFERENT, "argument %s is gone",
				       a->arguments[i].name);
			continue;
		}
		ordered = ordered && j >= last;
		last = j;
		compare_argument(c, &a->arguments[i], &b->arguments[j]);
	}
	for (size_t j = 0; j < b->argument_count && c->out->count - before < ITEMS_MAX; j++) {
		size_t nth = occurrence(b->arguments, j, false);

		if (find(a->arguments, a->argument_count, b->arguments[j].name, nth, false) ==
		    a->argument_count)
			difference_add(c, DIFFERENCE_DIFFERENT, "argument %s is new",
				       b->arguments[j].name);
	}
	if (c->out->count - before >= ITEMS_MAX)
		difference_add(c, DIFFERENCE_DIFFERENT, "and so on");
	else if (!ordered)
		difference_add(c, DIFFERENCE_COSMETIC, "order of arguments");
}
