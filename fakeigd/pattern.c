/* SPDX-License-Identifier: MIT */
/* pattern.c - what rules compare values with (see pattern.h). */
#include "pattern.h"

#include "base/mem.h"

#include <fnmatch.h>
#include <stdlib.h>

enum item_kind { ITEM_EXACT, ITEM_RANGE, ITEM_SHELL, ITEM_NAME, ITEM_LENGTH, ITEM_ABSENT };

/**
 * struct item - one value of a pattern
 * @negated:	written with "!"
 * @text:	exact text, shell pattern, or name
 * @min, @max:	of a range or length
 */
struct item {
	enum item_kind kind;
	bool negated;
	char *text;
	uint64_t min, max;
};

struct pattern {
	struct item *items;
	size_t count;
};

/* "10-20" or "10-"; "-20" is a negative number, which is only equal to itself. */
static bool parse_range(struct slice s, uint64_t *min, uint64_t *max)
{
	const char *dash = s.len > 1 ? memchr(s.ptr, '-', s.len) : NULL;
	struct slice low, high;

	if (!dash)
		return false;
	low = (struct slice){s.ptr, (size_t)(dash - s.ptr)};
	high = (struct slice){dash + 1, s.len - low.len - 1};
	*max = UINT64_MAX;
	if (!slice_number(low, UINT64_MAX, min) ||
	    (high.len && !slice_number(high, UINT64_MAX, max)))
		return false;
	return *min <= *max;
}

static bool parse_number_or_range(struct slice s, uint64_t *min, uint64_t *max)
{
	if (!slice_number(s, UINT64_MAX, min))
		return parse_range(s, min, max);
	*max = *min;
	return true;
}

static bool is_name(const char *text, size_t len)
{
	return len > 2 && text[0] == '{' && text[len - 1] == '}' &&
	       !memchr(text + 1, '{', len - 1) && memchr(text, '}', len) == text + len - 1;
}

static struct item parse_text(const char *text, size_t len)
{
	struct item item = {.kind = ITEM_EXACT};

	if (len && *text == '!') {
		item.negated = true;
		text++;
		len--;
	}
	if (parse_range((struct slice){text, len}, &item.min, &item.max)) {
		item.kind = ITEM_RANGE;
	} else if (is_name(text, len)) {
		item.kind = ITEM_NAME;
		item.text = xstrndup(text + 1, len - 2);
	} else {
		if (len && strpbrk(text, "*?[\\"))
			item.kind = ITEM_SHELL;
		item.text = xstrndup(text, len);
	}
	return item;
}

static bool parse_length(struct item *item, const struct doc *map, struct diag *d)
{
	static const char *const keys[] = {"length"};
	const struct doc *node = doc_get(map, "length");

	*item = (struct item){.kind = ITEM_LENGTH};
	if (!doc_keys(map, keys, ARRAY_SIZE(keys), d))
		return false;
	if (node && node->kind == DOC_SCALAR &&
	    parse_number_or_range((struct slice){node->text, node->len}, &item->min, &item->max))
		return true;
	diag_at(d, map->file, node ? node->line : map->line,
		"length: expected a number or a range such as 64-");
	return false;
}

static bool add_item(struct pattern *p, const struct doc *node, struct diag *d)
{
	struct item item = {.kind = ITEM_ABSENT};

	if (node->kind == DOC_LIST) {
		diag_at(d, node->file, node->line, "expected a value, found a list in a list");
		return false;
	}
	if (node->kind == DOC_MAP) {
		if (!parse_length(&item, node, d))
			return false;
	} else if (!doc_is_null(node)) {
		item = parse_text(node->text, node->len);
	}
	p->items = xrealloc(p->items, (p->count + 1) * sizeof(*p->items));
	p->items[p->count++] = item;
	return true;
}

struct pattern *pattern_new(const struct doc *node, struct diag *d)
{
	struct pattern *p = xcalloc(1, sizeof(*p));
	bool fine = true;

	if (node->kind != DOC_LIST)
		fine = add_item(p, node, d);
	for (size_t i = 0; node->kind == DOC_LIST && fine && i < node->count; i++)
		fine = add_item(p, node->items[i], d);
	if (fine && !p->count) {
		diag_at(d, node->file, node->line, "%s: an empty list matches nothing",
			node->key ? node->key : "value");
		fine = false;
	}
	if (fine)
		return p;
	pattern_free(p);
	return NULL;
}

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++)
		free(p->items[i].text);
	free(p->items);
	free(p);
}

static bool same_text(struct slice value, const char *text)
{
	uint64_t a, b;

	return slice_eq(value, text) || (slice_number(value, UINT64_MAX, &a) &&
					 slice_number(slice_of(text), UINT64_MAX, &b) && a == b);
}

static bool shell_match(const char *pattern, struct slice value)
{
	char *text = slice_dup(value);
	bool fits = fnmatch(pattern, text, 0) == 0;

	free(text);
	return fits;
}

static bool item_match(const struct item *item, struct slice value, pattern_name_fn *lookup,
		       const void *arg)
{
	const char *other;
	uint64_t number;

	switch (item->kind) {
	case ITEM_EXACT:
		return same_text(value, item->text);
	case ITEM_RANGE:
		return slice_number(value, UINT64_MAX, &number) && number >= item->min &&
		       number <= item->max;
	case ITEM_SHELL:
		return shell_match(item->text, value);
	case ITEM_NAME:
		other = lookup ? lookup(arg, item->text) : NULL;
		return other && same_text(value, other);
	case ITEM_LENGTH:
		return value.len >= item->min && value.len <= item->max;
	case ITEM_ABSENT:
		break;
	}
	return false;
}

bool pattern_match(const struct pattern *p, struct slice value, pattern_name_fn *lookup,
		   const void *arg)
{
	bool wanted = false, found = false;

	for (size_t i = 0; i < p->count; i++) {
		const struct item *item = &p->items[i];
		bool fits = value.ptr ? item_match(item, value, lookup, arg)
				      : item->kind == ITEM_ABSENT;

		if (item->negated && (fits || !value.ptr))
			return false;
		wanted |= !item->negated;
		found |= !item->negated && fits;
	}
	return found || !wanted;
}

size_t pattern_literals(const struct pattern *p, const char **out, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < p->count && count < max; i++)
		if (p->items[i].kind == ITEM_EXACT)
			out[count++] = p->items[i].text;
	return count;
}

static bool add_numbers(struct numbers *n, const struct doc *node, struct diag *d)
{
	uint64_t min, max;

	if (node->kind != DOC_SCALAR ||
	    !parse_number_or_range((struct slice){node->text, node->len}, &min, &max)) {
		diag_at(d, node->file, node->line,
			"%s%sexpected a whole number or a range such as 2-4 or 5-",
			node->key ? node->key : "", node->key ? ": " : "");
		return false;
	}
	if (n->count == NUMBERS_MAX) {
		diag_at(d, node->file, node->line, "at most %d numbers or ranges", NUMBERS_MAX);
		return false;
	}
	n->range[n->count].min = min;
	n->range[n->count++].max = max;
	return true;
}

bool numbers_read(struct numbers *out, const struct doc *node, struct diag *d)
{
	bool fine = true;

	if (node->kind != DOC_LIST)
		return add_numbers(out, node, d);
	for (size_t i = 0; fine && i < node->count; i++)
		fine = add_numbers(out, node->items[i], d);
	return fine;
}

bool numbers_has(const struct numbers *n, uint64_t value)
{
	for (size_t i = 0; i < n->count; i++)
		if (value >= n->range[i].min && value <= n->range[i].max)
			return true;
	return false;
}
