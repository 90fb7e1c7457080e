/* SPDX-License-Identifier: MIT */
/*
 * anonymise_words.c - words that identify by where they stand: serial numbers, names, hosts.
 *
 * Theory of operation
 *
 * Elements of descriptions and SOAP arguments are found in the text by their tags, in any name
 * space, without parsing: what is damaged or in a capture's gap identifies too. A word found once
 * is replaced wherever it stands alone. A friendlyName stays when all its words are also in what
 * the maker says of the model or are general ones: then it is the maker's and not a person's.
 * Replacements are recognised, so that a second run finds nothing.
 */
#include "anonymise_parts.h"

#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define WORD_MIN   4   /* shorter serial numbers identify nobody, and occur in everything */
#define WORD_MAX   256 /* longer text between two tags is no name */
#define DIGITS_MIN 6   /* of a run in a UUID that is none */

enum word_kind { SERIAL, NAME, FRIENDLY_NAME, HOST };

static const struct {
	const char *element;
	enum word_kind kind;
} elements[] = {
	{"serialNumber", SERIAL},
	{"NewSerialNumber", SERIAL},
	{"friendlyName", FRIENDLY_NAME},
	{"NewSSID", NAME},
	{"SSID", NAME},
	{"NewUserName", NAME},
	{"NewPassword", NAME},
	{"NewKeyPassphrase", NAME},
	{"NewPreSharedKey", NAME},
	{"NewHostName", NAME},
	{"NewDomainName", NAME},
	{"presentationURL", HOST},
	{"URLBase", HOST},
	{"NewInternalClient", HOST},
	{"NewRemoteHost", HOST},
};

static const char *const host_headers[] = {"host", "location", "callback"};

static bool is_ours(struct slice word)
{
	return slice_starts(word, "name-") || slice_starts(word, "host-");
}

/* All zeros but the last four: as add_serial() makes them. */
static bool is_blank_number(struct slice word)
{
	for (size_t i = 0; i < word.len; i++) {
		if (!isdigit((unsigned char)word.ptr[i]) ||
		    (i + WORD_MIN < word.len && word.ptr[i] != '0'))
			return false;
	}
	return word.len > WORD_MIN || (word.len && *word.ptr == '0');
}

/* In damaged markup one word may be a serial number here and a name there: it is replaced once. */
static bool is_replaced(struct slice word)
{
	return is_ours(word) || is_blank_number(word);
}

static bool is_known(const struct anonymiser *a, const char *word)
{
	for (size_t i = 0; i < a->words.count; i++) {
		if (!strcmp(a->words.items[i].from, word))
			return true;
	}
	return false;
}

static void add_word(struct anonymiser *a, struct slice word, char *to, unsigned *counter)
{
	char *from = slice_dup(word);

	if (!is_known(a, from) && strcmp(from, to) != 0) {
		substitutions_add(&a->words, from, to);
		++*counter;
	}
	free(from);
	free(to);
}

static void add_serial(struct anonymiser *a, struct slice word)
{
	if (word.len >= WORD_MIN && !is_replaced(word))
		add_word(a, word, xasprintf("%0*u", (int)word.len, a->serials + 1), &a->serials);
}

static void add_name(struct anonymiser *a, struct slice word)
{
	if (word.len && !is_replaced(word))
		add_word(a, word, xasprintf("name-%u", a->names + 1), &a->names);
}

/* ---- friendly names ---- */

static bool has_word(struct slice text, struct slice word)
{
	for (size_t at = 0; at + word.len <= text.len; at++) {
		size_t end = at + word.len;

		if (!strncasecmp(text.ptr + at, word.ptr, word.len) &&
		    (!at || !isalnum((unsigned char)text.ptr[at - 1])) &&
		    (end == text.len || !isalnum((unsigned char)text.ptr[end])))
			return true;
	}
	return false;
}

static bool is_general(struct slice word)
{
	static const char *const general[] = {
		"adsl",	       "and",	   "box",    "broadband", "cable",    "connection",
		"device",      "dsl",	   "fiber",  "fibre",	  "gateway",  "home",
		"igd",	       "internet", "lan",    "media",	  "modem",    "of",
		"residential", "root",	   "router", "series",	  "server",   "service",
		"the",	       "upnp",	   "vdsl",   "wan",	  "wireless", "wlan",
		"wifi",	       "daemon"};

	for (size_t i = 0; i < ARRAY_SIZE(general); i++) {
		if (slice_case_eq(word, general[i]))
			return true;
	}
	return word.len < 2;
}

/* What the maker says of the model, in one text. */
static struct buf makers_words(struct slice message)
{
	static const char *const makers[] = {"manufacturer>", "modelName>", "modelDescription>",
					     "modelNumber>", "deviceType>"};
	struct buf out = {0};

	for (size_t i = 0; i < ARRAY_SIZE(makers); i++) {
		struct slice rest = message;
		const char *start;

		while ((start = memmem(rest.ptr, rest.len, makers[i], strlen(makers[i])))) {
			const char *end = message.ptr + message.len, *stop;

			start += strlen(makers[i]);
			rest = (struct slice){start, (size_t)(end - start)};
			stop = rest.len ? memchr(rest.ptr, '<', rest.len) : NULL;
			buf_add(&out, start, (size_t)((stop ? stop : end) - start));
			buf_putc(&out, '\n');
		}
	}
	return out;
}

static bool is_makers(struct slice name, struct slice message)
{
	struct buf makers = makers_words(message);
	bool all = true;

	for (size_t at = 0; at < name.len && all;) {
		size_t len = 0;

		while (at + len < name.len && isalnum((unsigned char)name.ptr[at + len]))
			len++;
		if (len) {
			struct slice word = {name.ptr + at, len};

			all = is_general(word) || has_word(buf_slice(&makers), word);
		} else if ((unsigned char)name.ptr[at] >= 0x80) {
			all = false;
		}
		at += len ? len : 1;
	}
	buf_free(&makers);
	return all;
}

/* ---- hosts ---- */

static bool is_address(const char *host)
{
	uint8_t bytes[16];

	return inet_pton(AF_INET, host, bytes) == 1 || strchr(host, ':') != NULL;
}

/* The host of a URL, or of "host:port". */
static void add_host(struct anonymiser *a, struct slice text)
{
	const char *scheme = memmem(text.ptr, text.len, "://", 3);
	size_t len = 0;
	char *host;

	if (scheme)
		text = (struct slice){scheme + 3, text.len - (size_t)(scheme + 3 - text.ptr)};
	while (len < text.len &&
	       (isalnum((unsigned char)text.ptr[len]) || strchr("-._", text.ptr[len])) &&
	       text.ptr[len])
		len++;
	host = xstrndup(text.ptr, len);
	if (!is_general((struct slice){host, len}) && !is_address(host) &&
	    !is_ours((struct slice){host, len}) && strspn(host, "0123456789.") != len)
		add_word(a, (struct slice){host, len}, xasprintf("host-%u.example", a->names + 1),
			 &a->names);
	free(host);
}

static void add_of_kind(struct anonymiser *a, enum word_kind kind, struct slice word,
			struct slice message)
{
	word = slice_trim(word);
	if (!word.len)
		return;
	if (kind == SERIAL)
		add_serial(a, word);
	else if (kind == NAME || (kind == FRIENDLY_NAME && !is_makers(word, message)))
		add_name(a, word);
	else if (kind == HOST && *word.ptr != '/')
		add_host(a, word);
}

/* ---- where they stand ---- */

/* Local name of the tag that begins at @tag ("<a:name ...>"), up to its end. */
static struct slice tag_name(struct slice tag)
{
	size_t len = 1;

	while (len < tag.len && !strchr(" \t\r\n/>", tag.ptr[len]) && tag.ptr[len])
		len++;
	for (size_t i = len; i > 1; i--) {
		if (tag.ptr[i - 1] == ':')
			return (struct slice){tag.ptr + i, len - i};
	}
	return (struct slice){tag.ptr + 1, len - 1};
}

static void learn_elements(struct anonymiser *a, struct slice message)
{
	struct slice rest = message;
	const char *tag;

	while ((tag = rest.len ? memchr(rest.ptr, '<', rest.len) : NULL)) {
		struct slice name, word;
		const char *start, *end;

		rest = (struct slice){tag, rest.len - (size_t)(tag - rest.ptr)};
		name = tag_name(rest);
		start = memchr(rest.ptr, '>', rest.len);
		if (!start)
			return;
		start++;
		rest = (struct slice){start, rest.len - (size_t)(start - rest.ptr)};
		end = rest.len ? memchr(rest.ptr, '<', rest.len) : NULL;
		word = (struct slice){start, end ? (size_t)(end - start) : 0};
		for (size_t i = 0; i < ARRAY_SIZE(elements) && word.len && word.len <= WORD_MAX;
		     i++) {
			if (slice_case_eq(name, elements[i].element))
				add_of_kind(a, elements[i].kind, word, message);
		}
	}
}

static void learn_headers(struct anonymiser *a, struct slice message)
{
	struct slice rest = message;

	while (rest.len && *rest.ptr != '\r' && *rest.ptr != '\n') {
		const char *end = memchr(rest.ptr, '\n', rest.len);
		size_t len = end ? (size_t)(end - rest.ptr) + 1 : rest.len;
		const char *colon = memchr(rest.ptr, ':', len);

		for (size_t i = 0; colon && i < ARRAY_SIZE(host_headers); i++) {
			struct slice name = {rest.ptr, (size_t)(colon - rest.ptr)};
			struct slice value = {colon + 1, len - name.len - 1};

			if (slice_case_eq(slice_trim(name), host_headers[i]))
				add_host(a, slice_trim(value));
		}
		rest = (struct slice){rest.ptr + len, rest.len - len};
	}
}

/* "uuid:" and something that is no UUID: its longer runs of hexadecimal digits are a MAC or serial
 * number; the rest is the maker's. */
static void learn_odd_uuid(struct anonymiser *a, struct slice word)
{
	for (size_t at = 0; at < word.len;) {
		size_t len = 0, digits = 0;

		while (at + len < word.len && isxdigit((unsigned char)word.ptr[at + len])) {
			digits += isdigit((unsigned char)word.ptr[at + len]) != 0;
			len++;
		}
		if (len >= DIGITS_MIN && digits &&
		    (at + len == word.len || !isalnum((unsigned char)word.ptr[at + len])) &&
		    (at == 0 || !isalnum((unsigned char)word.ptr[at - 1])))
			add_serial(a, (struct slice){word.ptr + at, len});
		at += len ? len : 1;
	}
}

static bool is_canonical(struct slice word)
{
	if (word.len != 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? word.ptr[i] != '-' : !isxdigit((unsigned char)word.ptr[i]))
			return false;
	}
	return true;
}

static void learn_uuids(struct anonymiser *a, struct slice rest)
{
	const char *found;

	while ((found = memmem(rest.ptr, rest.len, "uuid:", 5))) {
		struct slice word = {found + 5, 0};

		rest = (struct slice){found + 5, rest.len - (size_t)(found + 5 - rest.ptr)};
		while (word.len < rest.len && word.ptr[word.len] &&
		       (isalnum((unsigned char)word.ptr[word.len]) ||
			strchr("-_.", word.ptr[word.len])))
			word.len++;
		if (!is_canonical(word))
			learn_odd_uuid(a, word);
	}
}

void anonymise_learn(struct anonymiser *a, struct slice message)
{
	if (!message.len)
		return;
	learn_headers(a, message);
	learn_elements(a, message);
	learn_uuids(a, message);
}
