/* SPDX-License-Identifier: MIT */
/*
 * log_dump.c - rows of dumps.
 *
 * Theory of operation: a row is an offset of four to eight hexadecimal digits, a colon or a space,
 * and groups of one, two or four bytes with single spaces between (two in the middle of sixteen).
 * Where the hexadecimal part ends is ambiguous when the characters beside it look like digits; then
 * the characters decide: they must be those bytes.
 */
#include "log_dump.h"

#include <ctype.h>

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The offset at @at, with what ends it. Return: where the bytes begin, 0 = it is none. */
static size_t offset_at(struct slice s, size_t at, uint64_t *offset)
{
	size_t i = at, begin;

	if (i + 2 < s.len && s.ptr[i] == '0' && s.ptr[i + 1] == 'x')
		i += 2;
	begin = i;
	for (*offset = 0; i < s.len && i - begin < 9 && digit(s.ptr[i]) >= 0; i++)
		*offset = *offset << 4 | (uint64_t)digit(s.ptr[i]);
	if (i - begin < 4 || i - begin > 8 || i >= s.len)
		return 0;
	if (s.ptr[i] == ':' || s.ptr[i] == '|')
		i++;
	else if (s.ptr[i] != ' ' && s.ptr[i] != '\t')
		return 0;
	begin = i;
	while (i < s.len && (s.ptr[i] == ' ' || s.ptr[i] == '\t') && i - begin < 4)
		i++;
	return i == begin ? 0 : i;
}

/* Whether @text is the characters of the first @len bytes: control characters may be shown as
 * anything, @middle a space after the eighth, and space at the end may have been cut off. */
static bool is_shown(const struct log_row *r, size_t len, struct slice text, bool middle)
{
	size_t j = 0;

	for (size_t i = 0; i < len; i++, j++) {
		unsigned char c = r->bytes[i];

		if (i == 8 && middle && j < text.len && text.ptr[j++] != ' ')
			return false;
		if (j < text.len ? text.ptr[j] != (char)c && c >= 0x20 && c < 0x7f : c != ' ')
			return false;
	}
	while (j < text.len && (isspace((unsigned char)text.ptr[j]) || text.ptr[j] == '|'))
		j++;
	return j >= text.len;
}

/* Whether @rest of a line is the characters of the first @len bytes, or nothing. */
static bool shows(const struct log_row *r, size_t len, struct slice rest)
{
	while (rest.len) {
		bool frame = rest.ptr[0] == ' ' || rest.ptr[0] == '|';

		if (is_shown(r, len, rest, false) || (len > 8 && is_shown(r, len, rest, true)))
			return true;
		if (!frame)
			return false;
		rest = (struct slice){rest.ptr + 1, rest.len - 1};
	}
	return true;
}

/* Reads bytes while they look like bytes, @end[n] = where byte n ended. */
static void read_bytes(struct slice s, size_t at, struct log_row *r, size_t end[])
{
	size_t i = at, gap = 0;

	r->len = 0;
	while (i + 1 < s.len && r->len < LOG_ROW_BYTES) {
		if (s.ptr[i] == ' ' || (s.ptr[i] == '-' && r->len == 8)) {
			if (++gap > 2 || (gap > 1 && r->len % 8))
				return;
			i++;
			continue;
		}
		if (digit(s.ptr[i]) < 0 || digit(s.ptr[i + 1]) < 0)
			return;
		r->bytes[r->len] = (unsigned char)(digit(s.ptr[i]) << 4 | digit(s.ptr[i + 1]));
		i += 2;
		end[r->len++] = i;
		gap = 0;
	}
}

static bool row_at(struct slice s, size_t at, struct log_row *out)
{
	size_t end[LOG_ROW_BYTES], begin = offset_at(s, at, &out->offset);

	if (!begin)
		return false;
	out->at = at;
	read_bytes(s, begin, out, end);
	for (size_t n = out->len; n; n--) {
		struct slice rest = {s.ptr + end[n - 1], s.len - end[n - 1]};
		bool ended = !rest.len || isspace((unsigned char)rest.ptr[0]);

		if (ended && shows(out, n, rest)) {
			out->len = n;
			return true;
		}
	}
	return false;
}

bool log_row_find(struct slice line, struct log_row *out)
{
	size_t i = 0, tried = 0;

	while (i < line.len && isspace((unsigned char)line.ptr[i]))
		i++;
	for (; i < line.len && i < 120 && tried < 12; i++) {
		char before = i ? line.ptr[i - 1] : ' ';

		if (digit(line.ptr[i]) < 0 || (before != ' ' && before != '\t'))
			continue;
		tried++;
		if (row_at(line, i, out))
			return true;
	}
	return false;
}

bool log_trace_head(struct slice line, enum log_way *way, uint64_t *len)
{
	static const struct {
		const char *words;
		enum log_way way;
	} heads[] = {{"=> Send header, ", LOG_SENT},
		     {"=> Send data, ", LOG_SENT},
		     {"<= Recv header, ", LOG_RECEIVED},
		     {"<= Recv data, ", LOG_RECEIVED}};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		const char *p = memmem(line.ptr, line.len, heads[i].words, strlen(heads[i].words));
		size_t at;

		if (!p)
			continue;
		*len = 0;
		for (at = (size_t)(p - line.ptr) + strlen(heads[i].words);
		     at < line.len && isdigit((unsigned char)line.ptr[at]) && *len < (1u << 30);
		     at++)
			*len = *len * 10 + (uint64_t)(line.ptr[at] - '0');
		*way = heads[i].way;
		return true;
	}
	return false;
}

bool log_trace_row(struct slice line, uint64_t *offset, struct slice *text)
{
	size_t i = 0;

	for (*offset = 0; i < line.len && i < 8 && digit(line.ptr[i]) >= 0; i++)
		*offset = *offset << 4 | (uint64_t)digit(line.ptr[i]);
	if (i < 4 || i + 1 >= line.len || line.ptr[i] != ':' || line.ptr[i + 1] != ' ') {
		/* an empty row ends in its colon */
		if (i < 4 || i >= line.len || line.ptr[i] != ':' || i + 1 < line.len)
			return false;
		*text = (struct slice){line.ptr + i + 1, 0};
		return true;
	}
	*text = (struct slice){line.ptr + i + 2, line.len - i - 2};
	return true;
}
