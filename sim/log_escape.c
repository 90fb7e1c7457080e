/* SPDX-License-Identifier: MIT */
/*
 * log_escape.c - strings as programs quote them, and words and addresses around a message.
 *
 * Escapes of C, Go, Python and JavaScript: \r \n \t \" \' \\ \/ \xHH \uHHHH \OOO. A string inside a
 * string (JSON in JSON) is taken apart layer by layer.
 */
#include "../fakeigd/wire/utf8.h"
#include "log_text.h"

#include <arpa/inet.h>
#include <ctype.h>

/* The quote of the string that @at lies in, 0 = none. */
static char quote_around(struct slice line, size_t at)
{
	bool inside = false;

	for (size_t i = 0; i < at; i++) {
		if (line.ptr[i] == '\\')
			i++;
		else if (line.ptr[i] == '"')
			inside = !inside;
	}
	if (inside)
		return '"';
	return at && (line.ptr[at - 1] == '\'' || line.ptr[at - 1] == '`') ? line.ptr[at - 1] : 0;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* @digits of hexadecimal at @at, or -1. */
static long hex_number(struct slice s, size_t at, size_t digits)
{
	long value = 0;

	if (at + digits > s.len)
		return -1;
	for (size_t i = 0; i < digits; i++) {
		int digit = hex(s.ptr[at + i]);

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/* \uHHHH at @at (behind the u), with the second half of a pair. Return: bytes used, 0 = none. */
static size_t unicode(struct slice s, size_t at, struct buf *out)
{
	long high = hex_number(s, at, 4), low;

	if (high < 0)
		return 0;
	if (high < 0xd800 || high > 0xdbff || at + 10 > s.len || s.ptr[at + 4] != '\\' ||
	    s.ptr[at + 5] != 'u') {
		utf8_add(out, (uint32_t)high);
		return 4;
	}
	low = hex_number(s, at + 6, 4);
	if (low < 0xdc00 || low > 0xdfff) {
		utf8_add(out, (uint32_t)high);
		return 4;
	}
	utf8_add(out, 0x10000u + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
	return 10;
}

/* What a backslash at @at stands for. Return: bytes used. */
static size_t escape(struct slice s, size_t at, struct buf *out)
{
	static const char from[] = "rntabfv0", to[] = "\r\n\t\a\b\f\v";
	char c = at + 1 < s.len ? s.ptr[at + 1] : 0;
	const char *known = c ? strchr(from, c) : NULL;
	long value;
	size_t used;

	if (c >= '0' && c <= '3' && at + 3 < s.len && s.ptr[at + 2] >= '0' &&
	    s.ptr[at + 2] <= '7' && s.ptr[at + 3] >= '0' && s.ptr[at + 3] <= '7') {
		buf_putc(out, (char)((c - '0') * 64 + (s.ptr[at + 2] - '0') * 8 +
				     (s.ptr[at + 3] - '0')));
		return 4;
	}
	if (known) {
		buf_putc(out, to[known - from]);
		return 2;
	}
	if (c == 'x' && (value = hex_number(s, at + 2, 2)) >= 0) {
		buf_putc(out, (char)value);
		return 4;
	}
	if (c == 'u' && (used = unicode(s, at + 2, out)))
		return 2 + used;
	if (c && strchr("\\/\"'`", c)) {
		buf_putc(out, c);
		return 2;
	}
	buf_putc(out, '\\');
	return 1;
}

static size_t one_layer(struct slice s, size_t at, char quote, struct buf *out)
{
	while (at < s.len && (!quote || s.ptr[at] != quote)) {
		if (s.ptr[at] == '\\')
			at += escape(s, at, out);
		else
			buf_putc(out, s.ptr[at++]);
	}
	return at < s.len ? at + 1 : at;
}

size_t log_unescape(struct slice line, size_t at, unsigned depth, struct buf *out)
{
	struct buf layer = {0}, next = {0};
	char quote = quote_around(line, at);
	size_t end = one_layer(line, at, quote, &layer);

	while (depth-- > 1) {
		/* The inner string is closed by the quote that was escaped outside. */
		one_layer(buf_slice(&layer), 0, '"', &next);
		buf_free(&layer);
		layer = next;
		next = (struct buf){0};
	}
	buf_add_slice(out, buf_slice(&layer));
	buf_free(&layer);
	return end;
}

/* ---- percent signs (RFC 3986 2.1) ---- */

/* Case-insensitive search for @word; its offset, SIZE_MAX = not there. */
static size_t find_word(struct slice s, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= s.len; i++)
		if (!strncasecmp(s.ptr + i, word, len))
			return i;
	return SIZE_MAX;
}

/* A start line of which the line ends are encoded: where it begins; @plus: spaces are "+". */
static size_t percent_start(struct slice line, bool *words, bool *plus)
{
	static const char *const methods[] = {"M-SEARCH", "NOTIFY",	 "GET",	     "POST",
					      "M-POST",	  "SUBSCRIBE",	 "HTTP/1.",  "HTTP%2F1.",
					      "HEAD",	  "UNSUBSCRIBE", "%3C%3Fxml"};
	size_t first = SIZE_MAX;

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		size_t at = find_word(line, methods[i]), end = at + strlen(methods[i]);

		if (at >= first || (at && isalnum((unsigned char)line.ptr[at - 1]) &&
				    !(at > 2 && line.ptr[at - 3] == '%')))
			continue;
		if (i < 6 && end < line.len && !strchr(" %+", line.ptr[end]))
			continue;
		first = at;
	}
	if (first == SIZE_MAX)
		return first;
	line = (struct slice){line.ptr + first, line.len - first};
	*plus = find_word(line, "+HTTP/1.") != SIZE_MAX ||
		find_word(line, "+HTTP%2F1.") != SIZE_MAX || find_word(line, "HTTP/1.1+") == 0 ||
		find_word(line, "HTTP%2F1.1+") == 0;
	*words = *plus || find_word(line, "%20") != SIZE_MAX;
	return first;
}

bool log_percent(struct slice line, size_t *at, size_t *end, struct buf *out)
{
	bool words = false, plus = false;
	size_t i;

	if (!memchr(line.ptr, '%', line.len) || find_word(line, "%0A") == SIZE_MAX)
		return false;
	*at = percent_start(line, &words, &plus);
	if (*at == SIZE_MAX)
		return false;
	for (i = *at; i < line.len; i++) {
		long value = line.ptr[i] == '%' ? hex_number(line, i + 1, 2) : -1;

		if (words && strchr(" \t\"'", line.ptr[i]))
			break;
		if (value >= 0)
			i += 2;
		buf_putc(out, value >= 0		   ? (char)value
			      : plus && line.ptr[i] == '+' ? ' '
							   : line.ptr[i]);
	}
	*end = i;
	return true;
}

/* ---- words and addresses ---- */

/* Whether a word may begin at @at: "send" does not in "resend", "Send" does in "onSend". */
static bool begins_word(struct slice s, size_t at)
{
	if (!at || !isalpha((unsigned char)s.ptr[at]) || !isalpha((unsigned char)s.ptr[at - 1]))
		return true;
	return isupper((unsigned char)s.ptr[at]) && islower((unsigned char)s.ptr[at - 1]);
}

enum log_way log_way_of(struct slice before)
{
	static const struct {
		const char *word;
		enum log_way way;
	} words[] = {
		{"send", LOG_SENT},	  {"sent", LOG_SENT},	      {"outgoing", LOG_SENT},
		{"writ", LOG_SENT},	  {"=>", LOG_SENT},	      {"->", LOG_SENT},
		{">>", LOG_SENT},	  {"> ", LOG_SENT},	      {"recv", LOG_RECEIVED},
		{"receiv", LOG_RECEIVED}, {"incoming", LOG_RECEIVED}, {"read", LOG_RECEIVED},
		{"<=", LOG_RECEIVED},	  {"<-", LOG_RECEIVED},	      {"<<", LOG_RECEIVED},
		{"< ", LOG_RECEIVED},	  {"\ttx", LOG_SENT},	      {" tx", LOG_SENT},
		{" rx", LOG_RECEIVED},	  {"\"in\"", LOG_RECEIVED},   {"\"out\"", LOG_SENT},
	};

	for (size_t i = before.len; i--;)
		for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
			size_t len = strlen(words[k].word);

			if (i + len <= before.len &&
			    !strncasecmp(before.ptr + i, words[k].word, len) &&
			    begins_word(before, i))
				return words[k].way;
		}
	return LOG_WAY_UNKNOWN;
}

static bool port_behind(struct slice s, size_t *at, uint16_t *port)
{
	unsigned long value = 0;
	size_t i = *at + 1;

	*port = 0;
	if (*at >= s.len || s.ptr[*at] != ':')
		return false;
	while (i < s.len && i < *at + 6 && isdigit((unsigned char)s.ptr[i]))
		value = value * 10 + (unsigned long)(s.ptr[i++] - '0');
	if (i == *at + 1 || !value || value > 65535)
		return false;
	*port = (uint16_t)value;
	*at = i;
	return true;
}

/* An address that begins at @at. Return: where it ends, 0 = there is none. */
static size_t address_at(struct slice s, size_t at, struct end_point *out)
{
	bool bracket = s.ptr[at] == '[';
	size_t i = at + bracket, len = 0;
	char text[INET6_ADDRSTRLEN];

	while (i + len < s.len && len < sizeof(text) - 1 &&
	       (isxdigit((unsigned char)s.ptr[i + len]) || s.ptr[i + len] == '.' ||
		(bracket && s.ptr[i + len] == ':')))
		len++;
	while (!bracket && len && s.ptr[i + len - 1] == '.')
		len--;
	memcpy(text, s.ptr + i, len);
	text[len] = 0;
	*out = (struct end_point){.family = bracket ? AF_INET6 : AF_INET};
	if (!len || inet_pton(out->family, text, out->address) != 1)
		return 0;
	i += len;
	if (bracket && i < s.len && s.ptr[i] == '%')
		while (i < s.len && s.ptr[i] != ']')
			i++;
	if (bracket && (i >= s.len || s.ptr[i++] != ']'))
		return 0;
	port_behind(s, &i, &out->port);
	return i;
}

bool log_address_first(struct slice text, struct end_point *out, size_t *end)
{
	for (size_t i = 0; i < text.len; i++) {
		char before = i ? text.ptr[i - 1] : ' ';

		if ((!isdigit((unsigned char)text.ptr[i]) && text.ptr[i] != '[') ||
		    isalnum((unsigned char)before) || before == '.')
			continue;
		*end = address_at(text, i, out);
		if (*end)
			return true;
	}
	return false;
}

bool log_address_last(struct slice text, struct end_point *out)
{
	struct end_point found;
	bool any = false;
	size_t end;

	while (log_address_first(text, &found, &end)) {
		*out = found;
		any = true;
		text = (struct slice){text.ptr + end, text.len - end};
	}
	return any;
}
