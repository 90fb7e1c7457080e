/* SPDX-License-Identifier: MIT */
/* doc_typed.c - typed readers of document nodes, and their complaints (see doc.h). */
#include "doc.h"

#include "mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const kind_names[] = {"a value", "a mapping (key: value)", "a list"};

bool doc_want(const struct doc *node, enum doc_kind kind, struct diag *d)
{
	if (node->kind == kind)
		return true;
	diag_at(d, node->file, node->line, "%s%sexpected %s, found %s", node->key ? node->key : "",
		node->key ? ": " : "", kind_names[kind], kind_names[node->kind]);
	return false;
}

bool doc_keys(const struct doc *map, const char *const *allowed, size_t count, struct diag *d)
{
	bool known = true;

	if (!doc_want(map, DOC_MAP, d))
		return false;
	for (size_t i = 0; i < map->count; i++) {
		size_t j = 0;

		while (j < count && strcmp(map->items[i]->key, allowed[j]))
			j++;
		if (j < count)
			continue;
		diag_unknown(d, map->items[i]->file, map->items[i]->key_line, "key",
			     map->items[i]->key, allowed, count);
		known = false;
	}
	return known;
}

static bool expected(const struct doc *node, struct diag *d, const char *what)
{
	if (node->kind == DOC_SCALAR)
		diag_at(d, node->file, node->line, "%s%sexpected %s, found \"%s\"",
			node->key ? node->key : "", node->key ? ": " : "", what, node->text);
	else
		diag_at(d, node->file, node->line, "%s%sexpected %s, found %s",
			node->key ? node->key : "", node->key ? ": " : "", what,
			kind_names[node->kind]);
	return false;
}

bool doc_string(const struct doc *node, const char **out, struct diag *d)
{
	if (node->kind != DOC_SCALAR || doc_is_null(node))
		return expected(node, d, "text");
	*out = node->text;
	return true;
}

bool doc_is_number(const struct doc *node, long long *out)
{
	char *end;

	if (node->kind != DOC_SCALAR || node->quoted || !*node->text)
		return false;
	errno = 0;
	*out = strtoll(node->text, &end, 10);
	return !errno && !*end && node->text[0] != '+' && node->text[0] != ' ';
}

bool doc_number(const struct doc *node, long long min, long long max, long long *out,
		struct diag *d)
{
	char what[80];
	long long value;

	if (doc_is_number(node, &value) && value >= min && value <= max) {
		*out = value;
		return true;
	}
	snprintf(what, sizeof(what), "a whole number from %lld to %lld", min, max);
	return expected(node, d, what);
}

/* strtod() without its hexadecimal, infinite and spaced forms. Return: where the number ends. */
static double decimal(const char *text, char **end)
{
	if (!strchr("-.0123456789", *text) || strpbrk(text, "xX")) {
		*end = (char *)text;
		return 0;
	}
	return strtod(text, end);
}

bool doc_double(const struct doc *node, double min, double max, double *out, struct diag *d)
{
	char what[80], *end;
	double value = 0;
	bool fine = node->kind == DOC_SCALAR && !node->quoted && *node->text;

	if (fine) {
		value = decimal(node->text, &end);
		fine = end != node->text && !*end && isfinite(value) && value >= min &&
		       value <= max;
	}
	if (!fine) {
		snprintf(what, sizeof(what), "a number from %g to %g", min, max);
		return expected(node, d, what);
	}
	*out = value;
	return true;
}

static int scalar_bool(const struct doc *node)
{
	static const char *const yes[] = {"true", "yes", "on", "1"};
	static const char *const no[] = {"false", "no", "off", "0"};

	if (node->kind != DOC_SCALAR || node->quoted)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!strcasecmp(node->text, yes[i]))
			return 1;
		if (!strcasecmp(node->text, no[i]))
			return 0;
	}
	return -1;
}

bool doc_bool(const struct doc *node, bool *out, struct diag *d)
{
	int value = scalar_bool(node);

	if (value < 0)
		return expected(node, d, "true or false");
	*out = value;
	return true;
}

bool doc_choice(const struct doc *node, const char *const *names, size_t count, int *out,
		struct diag *d)
{
	if (node->kind != DOC_SCALAR)
		return expected(node, d, "a name");
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(node->text, names[i])) {
			*out = (int)i;
			return true;
		}
	}
	diag_unknown(d, node->file, node->line, node->key ? node->key : "value", node->text, names,
		     count);
	return false;
}

bool doc_duration_us(const struct doc *node, long long *out_us, struct diag *d)
{
	static const struct {
		const char *suffix;
		double us;
	} units[] = {{"us", 1},	  {"ms", 1e3},	 {"s", 1e6},	{"", 1e6},
		     {"m", 60e6}, {"h", 3600e6}, {"d", 86400e6}};
	char *end;
	double value;

	if (node->kind == DOC_SCALAR && !node->quoted && *node->text) {
		value = decimal(node->text, &end);
		for (size_t i = 0; end != node->text && i < ARRAY_SIZE(units); i++) {
			if (strcmp(end, units[i].suffix) || !(value >= 0) ||
			    value * units[i].us > 9e15)
				continue;
			/* Not negative, so adding a half rounds; llround() would cost fakeigd libm.
			 */
			*out_us = (long long)(value * units[i].us + 0.5);
			return true;
		}
	}
	return expected(node, d, "a duration such as 250ms, 1.5s, 2m, 1h or 7d");
}

bool doc_size(const struct doc *node, long long *out, struct diag *d)
{
	static const char suffixes[] = "kMG";
	char *end;
	long long value;

	if (node->kind == DOC_SCALAR && !node->quoted && *node->text) {
		errno = 0;
		value = strtoll(node->text, &end, 10);
		if (!errno && end != node->text && value >= 0 && value < (1LL << 32)) {
			const char *unit = *end ? strchr(suffixes, *end) : NULL;

			if (!*end || (unit && !end[1])) {
				*out = unit ? value << (10 * (unit - suffixes + 1)) : value;
				return true;
			}
		}
	}
	return expected(node, d, "a size such as 1024, 64k, 2M or 3G");
}

bool doc_ipv4(const struct doc *node, struct in_addr *out, struct diag *d)
{
	struct in_addr addr;

	if (node->kind != DOC_SCALAR || inet_pton(AF_INET, node->text, &addr) != 1)
		return expected(node, d, "an IPv4 address such as 192.168.1.1");
	*out = addr;
	return true;
}

bool doc_ipv6(const struct doc *node, struct in6_addr *out, struct diag *d)
{
	struct in6_addr addr;

	if (node->kind != DOC_SCALAR || inet_pton(AF_INET6, node->text, &addr) != 1)
		return expected(node, d, "an IPv6 address such as 2001:db8::1");
	*out = addr;
	return true;
}

bool doc_list_strings(const struct doc *node, const char ***out, size_t *count, struct diag *d)
{
	const char **list;
	bool fine = true;

	if (node->kind == DOC_SCALAR && !doc_is_null(node)) {
		list = xmalloc(sizeof(*list));
		list[0] = node->text;
		*out = list;
		*count = 1;
		return true;
	}
	if (node->kind != DOC_LIST)
		return expected(node, d, "a list of names");
	list = xcalloc(node->count + 1, sizeof(*list));
	for (size_t i = 0; i < node->count; i++)
		fine &= doc_string(node->items[i], &list[i], d);
	if (!fine) {
		free(list);
		return false;
	}
	*out = list;
	*count = node->count;
	return true;
}
