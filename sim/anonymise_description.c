/* SPDX-License-Identifier: MIT */
/*
 * anonymise_description.c - descriptions of port mappings: words of the program, or of its user.
 *
 * Theory of operation
 *
 * NewPortMappingDescription of the actions, and NewDescription of the list that
 * GetListOfPortMappings of WANIPConnection:2 gives, which stands in an argument as escaped text, so
 * that brackets may be "&lt;" and "&gt;". Since "TCP" or "80" can be a description, it is replaced
 * where it stands as one and nowhere else: the same text by the same, as long as before where
 * "text-N" fits.
 */
#include "anonymise_parts.h"

#include "../fakeigd/base/mem.h"

#include <stdlib.h>

#define OURS "text-"

static const char *const names[] = {"NewPortMappingDescription", "NewDescription"};

/* Bytes of the bracket at the front, 0 = there is none. */
static size_t bracket(struct slice s, char plain, const char *escaped)
{
	if (s.len && *s.ptr == plain)
		return 1;
	return slice_starts(s, escaped) ? strlen(escaped) : 0;
}

/* Length of one of the names with the bracket behind it, 0 = neither is at the front. */
static size_t tag_end(struct slice s)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t len = strlen(names[i]), end;

		end = slice_starts(s, names[i]) ? bracket(slice_skip(s, len), '>', "&gt;") : 0;
		if (end)
			return len + end;
	}
	return 0;
}

/* Whether the name at @at is of an end tag: "/" goes before it and its prefix. */
static bool is_closing(struct slice in, size_t at)
{
	if (at && in.ptr[at - 1] == ':')
		for (at--; at && !strchr("</; ", in.ptr[at - 1]); at--)
			;
	return at && in.ptr[at - 1] == '/';
}

/* The next text behind such a start tag; .ptr NULL: none. */
static struct slice next_description(struct slice in)
{
	for (size_t at = 0; at < in.len; at++) {
		struct slice rest = slice_skip(in, at), text;
		const char *found = memchr(rest.ptr, 'N', rest.len);

		if (!found)
			break;
		at = (size_t)(found - in.ptr);
		rest = slice_skip(in, at);
		if (!tag_end(rest) || is_closing(in, at))
			continue;
		rest = slice_skip(rest, tag_end(rest));
		text = (struct slice){rest.ptr, 0};
		while (text.len < rest.len && !bracket(slice_skip(rest, text.len), '<', "&lt;"))
			text.len++;
		return text;
	}
	return (struct slice){0};
}

static const char *replacement(struct anonymiser *a, struct slice text)
{
	char *from, *to;

	for (size_t i = 0; i < a->texts.count; i++)
		if (slice_eq(text, a->texts.items[i].from))
			return a->texts.items[i].to;
	from = slice_dup(text);
	to = xasprintf(OURS "%zu", a->texts.count + 1);
	if (strlen(to) < text.len) {
		size_t len = strlen(to);

		to = xrealloc(to, text.len + 1);
		memset(to + len, 'x', text.len - len);
		to[text.len] = '\0';
	}
	substitutions_add(&a->texts, from, to);
	free(from);
	free(to);
	return replacement(a, text);
}

void anonymise_descriptions(struct anonymiser *a, struct slice in, struct buf *out)
{
	struct slice text;

	while (!a->keep_texts && (text = next_description(in)).ptr) {
		size_t before = (size_t)(text.ptr - in.ptr);
		struct slice word = slice_trim(text);

		buf_add(out, in.ptr, before);
		if (!word.len || slice_starts(word, OURS)) {
			buf_add_slice(out, text);
		} else {
			buf_add(out, text.ptr, (size_t)(word.ptr - text.ptr));
			buf_puts(out, replacement(a, word));
			buf_add(out, word.ptr + word.len,
				text.len - word.len - (size_t)(word.ptr - text.ptr));
		}
		in = slice_skip(in, before + text.len);
	}
	if (in.len)
		buf_add_slice(out, in);
}
