/* SPDX-License-Identifier: MIT */
/*
 * log_text.c - lines of text logs.
 *
 * Theory of operation: a message in a log is found by its start line. What stands before that in
 * its line, the prefix, may stand before the following lines, too, wholly, in part or not at all:
 * log_shape_common() tells from the second line. Prefixes compare by shape, since time stamps and
 * line numbers change.
 */
#include "log_text.h"

#include <arpa/inet.h>
#include <ctype.h>

#define SAMPLED	   2000	      /* lines, to learn how the log ends them */
#define LINE_BYTES (1u << 20) /* a longer line is taken in pieces */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

struct log_lines log_lines_of(struct slice data)
{
	struct log_lines l = {.data = data};
	size_t with = 0, without = 0, at = 0;

	for (int i = 0; i < SAMPLED && at < data.len; i++) {
		const char *end = memchr(data.ptr + at, '\n', data.len - at);
		size_t stop = end ? (size_t)(end - data.ptr) : data.len;

		if (end && stop > at && data.ptr[stop - 1] == '\r')
			with++;
		else if (end)
			without++;
		at = stop + 1;
	}
	l.crlf = with && !without;
	return l;
}

/* Colours of a terminal end with the line: ESC [ numbers m. Those before the text are a prefix. */
static struct slice without_colour(struct slice s)
{
	size_t i = s.len;

	if (!i || s.ptr[i - 1] != 'm')
		return s;
	for (i--; i && (is_digit(s.ptr[i - 1]) || s.ptr[i - 1] == ';');)
		i--;
	if (i >= 2 && s.ptr[i - 1] == '[' && s.ptr[i - 2] == '\x1b')
		s.len = i - 2;
	return s;
}

bool log_next(struct log_lines *l, struct log_line *out)
{
	const char *begin, *end;
	size_t left;

	if (l->at >= l->data.len)
		return false;
	begin = l->data.ptr + l->at;
	left = l->data.len - l->at;
	if (left > LINE_BYTES)
		left = LINE_BYTES;
	end = memchr(begin, '\n', left);
	out->lf = end != NULL;
	out->text = (struct slice){begin, end ? (size_t)(end - begin) : left};
	l->at += out->text.len + out->lf;
	if (l->crlf && out->lf && out->text.len && out->text.ptr[out->text.len - 1] == '\r')
		out->text.len--;
	out->cr = out->lf && out->text.len && out->text.ptr[out->text.len - 1] == '\r';
	out->text.len -= out->cr;
	if (!l->fixed) {
		l->number++;
		out->text = without_colour(out->text);
	}
	return true;
}

bool log_is_blank(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!isspace((unsigned char)text.ptr[i]))
			return false;
	return true;
}

/* One step of comparison by shape. Return: false when they differ here. */
static bool step(struct slice a, size_t *i, struct slice b, size_t *j)
{
	char c = a.ptr[*i], d = b.ptr[*j];

	if (is_digit(c) && is_digit(d)) {
		while (*i < a.len && is_digit(a.ptr[*i]))
			++*i;
		while (*j < b.len && is_digit(b.ptr[*j]))
			++*j;
		return true;
	}
	if (c == ' ' && d == ' ') {
		size_t spaces = 0;

		while (*i < a.len && a.ptr[*i] == ' ') {
			++*i;
			spaces++;
		}
		/* Behind the prefix, more spaces are the message's own. */
		for (; *j < b.len && b.ptr[*j] == ' ' && (*i < a.len || spaces); spaces -= !!spaces)
			++*j;
		return true;
	}
	if (c != d)
		return false;
	++*i;
	++*j;
	return true;
}

size_t log_shape_common(struct slice prefix, struct slice line, size_t *at)
{
	size_t i = 0, j = 0, kept = 0;

	*at = 0;
	while (i < prefix.len && j < line.len && step(prefix, &i, line, &j)) {
		char c = prefix.ptr[i - 1];

		if (!isalnum((unsigned char)c) && (i == prefix.len || prefix.ptr[i] != c)) {
			kept = i;
			*at = j;
		}
	}
	if (j == line.len && i < prefix.len &&
	    log_is_blank((struct slice){prefix.ptr + i, prefix.len - i})) {
		*at = j;
		return prefix.len;
	}
	return kept;
}

size_t log_shape_match(struct slice prefix, struct slice line)
{
	size_t i = 0, j = 0;

	while (i < prefix.len && j < line.len)
		if (!step(prefix, &i, line, &j))
			return SIZE_MAX;
	if (i == prefix.len)
		return j;
	return log_is_blank((struct slice){prefix.ptr + i, prefix.len - i}) ? j : SIZE_MAX;
}

/* How deep an escaped line end at @at is, 0 = there is none. */
static unsigned escape_depth(struct slice line, size_t at)
{
	size_t i = at;

	while (i < line.len && line.ptr[i] == '\\')
		i++;
	if (i == at || i >= line.len || !strchr("rnxu0", line.ptr[i]))
		return 0;
	return i - at == 1 ? 1 : i - at == 2 ? 2 : i - at == 4 ? 3 : 0;
}

static bool ends_here(struct slice line, size_t at, unsigned *depth)
{
	while (at < line.len && (line.ptr[at] == ' ' || line.ptr[at] == '\r'))
		at++;
	*depth = at < line.len ? escape_depth(line, at) : 0;
	return at >= line.len || *depth;
}

static bool status_line(struct slice line, size_t at, struct log_start *out)
{
	size_t i = at + 8;

	if (i + 4 > line.len || line.ptr[i] != ' ' || !is_digit(line.ptr[i + 1]) ||
	    !is_digit(line.ptr[i + 2]) || !is_digit(line.ptr[i + 3]))
		return false;
	i += 4;
	if (i < line.len && line.ptr[i] != ' ' && line.ptr[i] != '\\' && line.ptr[i] != '\r')
		return false;
	*out = (struct log_start){at, true, 0};
	for (; i < line.len && i < at + 80; i++)
		if ((out->depth = escape_depth(line, i)))
			break;
	return true;
}

static bool request_line(struct slice line, size_t version, struct log_start *out)
{
	static const char *const methods[] = {"GET",	   "HEAD",	  "POST",
					      "M-POST",	   "M-SEARCH",	  "NOTIFY",
					      "SUBSCRIBE", "UNSUBSCRIBE", "PUT"};
	unsigned depth;
	size_t target = version, end;

	if (version < 3 || line.ptr[version - 1] != ' ' || !ends_here(line, version + 8, &depth))
		return false;
	for (target = version - 1; target && line.ptr[target - 1] != ' ';)
		target--;
	if (target < 2 || target == version - 1)
		return false;
	end = target - 1;
	for (size_t i = sizeof(methods) / sizeof(methods[0]); i--;) {
		size_t len = strlen(methods[i]);

		if (end < len || memcmp(line.ptr + end - len, methods[i], len))
			continue;
		/* "a_GET" and "SUBSCRIBE" in "UNSUBSCRIBE" are other words */
		if (end > len && (isalnum((unsigned char)line.ptr[end - len - 1]) ||
				  line.ptr[end - len - 1] == '-'))
			continue;
		*out = (struct log_start){end - len, false, depth};
		return true;
	}
	return false;
}

bool log_start_find(struct slice line, size_t from, struct log_start *out)
{
	while (from + 8 <= line.len) {
		const char *p = memmem(line.ptr + from, line.len - from, "HTTP/", 5);
		size_t at = p ? (size_t)(p - line.ptr) : line.len;

		if (at + 8 > line.len)
			return false;
		from = at + 5;
		if (!is_digit(p[5]) || p[6] != '.' || !is_digit(p[7]))
			continue;
		if ((!at || !isalnum((unsigned char)p[-1])) && status_line(line, at, out))
			return true;
		if (request_line(line, at, out))
			return true;
	}
	return false;
}

bool log_xml_find(struct slice line, size_t *at)
{
	static const char *const begins[] = {"<?xml", ":Envelope", "<root", "<scpd", "propertyset"};

	if (!memchr(line.ptr, '<', line.len))
		return false;
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		const char *p = memmem(line.ptr, line.len, begins[i], strlen(begins[i]));

		while (p && p > line.ptr && *p != '<' &&
		       (isalnum((unsigned char)p[-1]) || strchr(":-_<", p[-1])))
			p--;
		if (p && *p == '<' && p + 1 < line.ptr + line.len && p[1] != '/') {
			*at = (size_t)(p - line.ptr);
			return true;
		}
	}
	return false;
}

bool log_is_header(struct slice text)
{
	size_t i = 0;

	if (!text.len || !isalpha((unsigned char)text.ptr[0]))
		return false;
	while (i < text.len && i < 64 &&
	       (isalnum((unsigned char)text.ptr[i]) || strchr("-_.", text.ptr[i])))
		i++;
	while (i < text.len && text.ptr[i] == ' ')
		i++;
	return i < text.len && text.ptr[i] == ':';
}
