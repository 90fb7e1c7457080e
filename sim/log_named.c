/* SPDX-License-Identifier: MIT */
/*
 * log_named.c - heads of replies that a program logs field by field.
 *
 * Libraries print a head as they take it apart: the status, then each name with its value. Put
 * together again it has the fields in their order; the version, space around values and the line
 * ends are not in the log.
 */
#include "log_named.h"

#include "../fakeigd/base/mem.h"

#include <ctype.h>

/* What is behind @mark in @line up to @end (or the line's end). */
static bool between(struct slice line, const char *mark, const char *end, struct slice *out)
{
	const char *at = memmem(line.ptr, line.len, mark, strlen(mark)), *stop;

	if (!at)
		return false;
	at += strlen(mark);
	*out = (struct slice){at, line.len - (size_t)(at - line.ptr)};
	stop = end ? memmem(at, out->len, end, strlen(end)) : NULL;
	if (end && !stop)
		return false;
	if (stop)
		out->len = (size_t)(stop - at);
	return true;
}

static void forget(struct log_named *n)
{
	buf_free(&n->head);
	*n = (struct log_named){0};
}
static bool begin(struct log_named *n, struct slice line)
{
	struct slice code, reason;
	uint64_t status;

	if (!between(line, "status code = ", ",", &code) ||
	    !between(line, "Reason phrase = ", NULL, &reason) ||
	    !slice_number(code, 999, &status) || status < 100)
		return false;
	forget(n);
	buf_printf(&n->head, "HTTP/1.1 %03u ", (unsigned)status);
	buf_add_slice(&n->head, slice_trim(reason));
	buf_puts(&n->head, "\r\n");
	return true;
}

static bool field(struct log_named *n, struct slice line)
{
	struct slice name, value, rest;

	if (!n->head.len || !between(line, "header='", "'", &name) || !name.len ||
	    !between(line, "value='", NULL, &rest))
		return false;
	while (rest.len && isspace((unsigned char)rest.ptr[rest.len - 1]))
		rest.len--;
	if (!rest.len || rest.ptr[rest.len - 1] != '\'')
		return false;
	value = slice_trim((struct slice){rest.ptr, rest.len - 1});
	buf_add_slice(&n->head, name);
	buf_puts(&n->head, value.len ? ": " : ":");
	buf_add_slice(&n->head, value);
	buf_puts(&n->head, "\r\n");
	return true;
}

bool log_named_line(struct log_named *n, struct slice line, uint64_t number)
{
	if (!begin(n, line) && !field(n, line))
		return false;
	if (!n->first)
		n->first = number;
	n->last = number;
	return true;
}

bool log_named_end(struct log_named *n, struct log_message *out)
{
	struct log_lines l = {.fixed = true};
	struct log_start start = {.response = true};
	struct log_line line;
	bool read;

	if (!n->head.len)
		return false;
	buf_puts(&n->head, "\r\n");
	l.data = buf_slice(&n->head);
	log_next(&l, &line);
	read = log_message_read(&l, &line, start, true, out);
	if (read) {
		log_restored_add(out, "head: put together from its fields; the log does not show "
				      "version, white space and line ends");
		out->exact = false;
		out->context = (struct slice){"", 0};
		out->m.first = n->first;
		out->m.count = n->last - n->first + 1;
	}
	forget(n);
	return read;
}
