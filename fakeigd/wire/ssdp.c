/* SPDX-License-Identifier: MIT */
/*
 * ssdp.c - SSDP datagrams (see ssdp.h).
 *
 * Theory of operation
 *
 * UDA 2.0 clause 1: a datagram is an HTTP head without a body (what follows the head is ignored,
 * SSDP-54). Reading is forgiving where routers and control points need it: names in any case, any
 * white space around colons, folded and broken lines, no final empty line, bytes that are no text
 * (SSDP-52, SSDP-53, SSDP-55, SSDP-06). Numbers with leading zeros are numbers; a number that is
 * none reads as -1.
 *
 * The verdict is separate from the reading: everything that is there is filled in first, so a
 * caller that is more forgiving than the specification, or stricter, has the facts: man_unquoted,
 * mx, the version and the HTTP_LENIENT_* bits of the head.
 */
#include "ssdp.h"

#include "../base/mem.h"

#include <assert.h>

#define SSDP_NUMBER_MAX INT32_MAX

static const char *const errors[] = {
	[SSDP_OK] = "an SSDP message",
	[SSDP_NOT_HTTP] = "the datagram holds no HTTP head",
	[SSDP_OTHER_METHOD] = "neither \"M-SEARCH *\" nor \"NOTIFY *\"",
	[SSDP_NO_MAN] = "M-SEARCH without MAN: \"ssdp:discover\" (quotes included)",
	[SSDP_NO_ST] = "ST is missing or empty",
	[SSDP_NO_NT] = "NT is missing or empty",
	[SSDP_BAD_NTS] = "NTS is not ssdp:alive, ssdp:byebye or ssdp:update",
	[SSDP_BAD_STATUS] = "a response that is not 200",
};

static_assert(ARRAY_SIZE(errors) == SSDP_ERROR_COUNT, "a text for every error");

const char *ssdp_error_text(enum ssdp_error error)
{
	return error < SSDP_ERROR_COUNT ? errors[error] : "unknown error";
}

/* A header that is a non-negative number of 31 bits, or -1. */
static long number_header(const struct http_head *head, const char *name)
{
	uint64_t value;

	return slice_number(http_header(head, name), SSDP_NUMBER_MAX, &value) ? (long)value : -1;
}

/* Bytes of a Cache-Control directive up to the comma that ends it; commas in quotes do not. */
static size_t directive_len(struct slice s)
{
	bool quoted = false;
	size_t len = 0;

	while (len < s.len && (quoted || s.ptr[len] != ',')) {
		quoted ^= s.ptr[len] == '"';
		len++;
	}
	return len;
}

/* "max-age = 1800", its value perhaps in quotes. Return: seconds, or -1 for anything else. */
static long max_age_of(struct slice directive)
{
	const char *equals = memchr(directive.ptr, '=', directive.len);
	struct slice name, value;
	uint64_t seconds;

	if (!equals)
		return -1;
	name = slice_trim((struct slice){directive.ptr, (size_t)(equals - directive.ptr)});
	value = slice_trim(
		(struct slice){equals + 1, (size_t)(directive.ptr + directive.len - equals - 1)});
	if (value.len > 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
		value = (struct slice){value.ptr + 1, value.len - 2};
	if (!slice_case_eq(name, "max-age") || !slice_number(value, SSDP_NUMBER_MAX, &seconds))
		return -1;
	return (long)seconds;
}

/* The first readable max-age among all directives of all CACHE-CONTROL headers (SSDP-06). */
static long parse_max_age(const struct http_head *head)
{
	long found = -1;

	for (size_t i = 0; i < head->count && found < 0; i++) {
		struct slice s = head->headers[i].value;

		if (!slice_case_eq(head->headers[i].name, "CACHE-CONTROL"))
			continue;
		while (s.len && found < 0) {
			size_t len = directive_len(s), step = len < s.len ? len + 1 : len;

			found = max_age_of((struct slice){s.ptr, len});
			s = (struct slice){s.ptr + step, s.len - step};
		}
	}
	return found;
}

/* LOCATION, or AL: <url> of the drafts before UDA 1.0, still sent by some. */
static struct slice parse_location(const struct http_head *head)
{
	struct slice value = http_header(head, "LOCATION");

	if (value.ptr)
		return value;
	value = http_header(head, "AL");
	if (value.len > 2 && value.ptr[0] == '<' && value.ptr[value.len - 1] == '>')
		value = (struct slice){value.ptr + 1, value.len - 2};
	return value;
}

static void read_common(struct ssdp_message *out)
{
	const struct http_head *head = &out->head;

	out->usn = http_header(head, "USN");
	out->location = parse_location(head);
	out->server = http_header(head, "SERVER");
	out->mx = number_header(head, "MX");
	out->max_age = parse_max_age(head);
	out->boot_id = number_header(head, "BOOTID.UPNP.ORG");
	out->next_boot_id = number_header(head, "NEXTBOOTID.UPNP.ORG");
	out->config_id = number_header(head, "CONFIGID.UPNP.ORG");
	out->search_port = number_header(head, "SEARCHPORT.UPNP.ORG");
}

static enum ssdp_error read_reply(struct ssdp_message *out)
{
	out->kind = SSDP_REPLY;
	out->target = http_header(&out->head, "ST");
	if (out->head.status != 200)
		return SSDP_BAD_STATUS;
	return out->target.len ? SSDP_OK : SSDP_NO_ST;
}

/* SSDP-43: the quotes belong to the value. */
static enum ssdp_error read_search(struct ssdp_message *out)
{
	struct slice man = http_header(&out->head, "MAN");

	out->kind = SSDP_SEARCH;
	out->target = http_header(&out->head, "ST");
	out->man_unquoted = slice_eq(man, "ssdp:discover");
	if (!slice_eq(man, "\"ssdp:discover\""))
		return SSDP_NO_MAN;
	return out->target.len ? SSDP_OK : SSDP_NO_ST;
}

/* SSDP-14 */
static enum ssdp_error read_notify(struct ssdp_message *out)
{
	static const struct {
		const char *nts;
		enum ssdp_kind kind;
	} kinds[] = {
		{"ssdp:alive", SSDP_ALIVE},
		{"ssdp:byebye", SSDP_BYEBYE},
		{"ssdp:update", SSDP_UPDATE},
	};
	struct slice nts = http_header(&out->head, "NTS");
	enum ssdp_error error = SSDP_BAD_NTS;

	out->kind = SSDP_ALIVE;
	out->target = http_header(&out->head, "NT");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (slice_case_eq(nts, kinds[i].nts)) {
			out->kind = kinds[i].kind;
			error = SSDP_OK;
		}
	}
	return out->target.len ? error : SSDP_NO_NT;
}

enum ssdp_error ssdp_parse(const char *data, size_t len, struct ssdp_message *out)
{
	memset(out, 0, offsetof(struct ssdp_message, head));
	if (http_parse_datagram(data, len, &out->head) != HTTP_OK)
		return SSDP_NOT_HTTP;
	read_common(out);
	if (out->head.is_response)
		return read_reply(out);
	if (!slice_eq(out->head.target, "*"))
		return SSDP_OTHER_METHOD;
	if (slice_eq(out->head.method, "M-SEARCH"))
		return read_search(out);
	if (slice_eq(out->head.method, "NOTIFY"))
		return read_notify(out);
	return SSDP_OTHER_METHOD;
}

void ssdp_build_search(struct buf *out, const char *host, const char *target, int mx)
{
	buf_printf(out, "M-SEARCH * HTTP/1.1\r\nHOST: %s\r\nMAN: \"ssdp:discover\"\r\n", host);
	if (mx >= 0)
		buf_printf(out, "MX: %d\r\n", mx);
	buf_printf(out, "ST: %s\r\n\r\n", target);
}

/* The part of @rest before the next colon; @rest goes behind it. */
static bool next_part(struct slice *rest, struct slice *part)
{
	const char *colon = rest->len ? memchr(rest->ptr, ':', rest->len) : NULL;

	if (!colon || colon == rest->ptr)
		return false;
	*part = (struct slice){rest->ptr, (size_t)(colon - rest->ptr)};
	rest->len -= part->len + 1;
	rest->ptr = colon + 1;
	return true;
}

bool urn_parse(struct slice text, struct urn *out)
{
	struct slice scheme;
	uint64_t version;

	if (!next_part(&text, &scheme) || !slice_case_eq(scheme, "urn") ||
	    !next_part(&text, &out->domain) || !next_part(&text, &out->kind) ||
	    !next_part(&text, &out->type) || !slice_number(text, UINT16_MAX, &version) || !version)
		return false;
	out->version = (unsigned)version;
	return slice_eq(out->kind, "device") || slice_eq(out->kind, "service");
}
