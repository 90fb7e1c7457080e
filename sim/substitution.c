/* SPDX-License-Identifier: MIT */
/* substitution.c - names of one world by those of another (see substitution.h). */
#include "substitution.h"

#include "../fakeigd/base/mem.h"

#include <ctype.h>
#include <stdlib.h>

void substitutions_add(struct substitutions *s, const char *from, const char *to)
{
	size_t len = strlen(from), at = 0;

	if (!len || !strcmp(from, to))
		return;
	while (at < s->count && strlen(s->items[at].from) >= len) {
		if (!strcmp(s->items[at].from, from)) {
			free(s->items[at].to);
			s->items[at].to = xstrdup(to);
			return;
		}
		at++;
	}
	s->items = xrealloc(s->items, (s->count + 1) * sizeof(*s->items));
	memmove(&s->items[at + 1], &s->items[at], (s->count - at) * sizeof(*s->items));
	s->items[at] = (struct substitution){xstrdup(from), xstrdup(to)};
	s->count++;
}

void substitutions_free(struct substitutions *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->items[i].from);
		free(s->items[i].to);
	}
	free(s->items);
	*s = (struct substitutions){0};
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c);
}

static bool is_digit(char c)
{
	return isdigit((unsigned char)c);
}

/* Whether @len bytes at @at stand for themselves: no letter or digit goes on on either side, and no
 * further part of a dotted number. */
static bool stands_alone(struct slice text, size_t at, size_t len)
{
	const char *p = text.ptr + at, *end = p + len;
	size_t after = text.len - at - len;

	if (at && is_word(*p) && is_word(p[-1]))
		return false;
	if (after && is_word(end[-1]) && is_word(*end))
		return false;
	if (at > 1 && is_digit(*p) && p[-1] == '.' && is_digit(p[-2]))
		return false;
	return !(after > 1 && is_digit(end[-1]) && *end == '.' && is_digit(end[1]));
}

static const struct substitution *match(const struct substitutions *s, struct slice text, size_t at)
{
	for (size_t i = 0; i < s->count; i++) {
		size_t len = strlen(s->items[i].from);

		if (s->items[i].from[0] == text.ptr[at] && len <= text.len - at &&
		    !memcmp(text.ptr + at, s->items[i].from, len) && stands_alone(text, at, len))
			return &s->items[i];
	}
	return NULL;
}

void substitutions_apply(const struct substitutions *s, struct slice text, struct buf *out)
{
	bool starts[256] = {false};
	size_t plain = 0;

	for (size_t i = 0; i < s->count; i++)
		starts[(unsigned char)s->items[i].from[0]] = true;
	for (size_t at = 0; at < text.len;) {
		const struct substitution *found =
			starts[(unsigned char)text.ptr[at]] ? match(s, text, at) : NULL;

		if (!found) {
			at++;
			continue;
		}
		buf_add(out, text.ptr + plain, at - plain);
		buf_puts(out, found->to);
		at += strlen(found->from);
		plain = at;
	}
	if (text.len > plain)
		buf_add(out, text.ptr + plain, text.len - plain);
}
