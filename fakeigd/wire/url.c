/* SPDX-License-Identifier: MIT */
/*
 * url.c - http URLs (see url.h).
 *
 * Theory of operation
 *
 * RFC 3986 as far as UPnP needs it: scheme http, a host or address literal, a port, path and query.
 * User information is refused, a fragment is dropped. What a request line cannot carry (spaces,
 * non-ASCII bytes) is percent-encoded, control bytes are refused, and nothing is ever cut: a URL
 * that does not fit is no URL.
 *
 * References are resolved after clause 5.2 with one exception that routers force: only "x://" makes
 * a reference absolute, because control URLs such as "uuid:1234/WANPPPConnection:1" are relative
 * paths in the field.
 */
#include "url.h"

#include <arpa/inet.h>
#include <stdio.h>

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Unreserved in the sense of RFC 3986 clause 2.3. */
static bool is_unreserved(char c)
{
	return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* A registered name or an IPv4 address. */
static bool parse_name(struct slice s, struct url *out)
{
	if (!s.len || s.len >= sizeof(out->host))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_unreserved(s.ptr[i]))
			return false;
	memcpy(out->host, s.ptr, s.len);
	out->host[s.len] = '\0';
	return true;
}

/* The inside of brackets: an address, with "%zone" or "%25zone" (RFC 6874) behind it. */
static bool parse_ipv6(struct slice s, struct url *out)
{
	const char *percent = s.len ? memchr(s.ptr, '%', s.len) : NULL;
	struct slice address = {s.ptr, percent ? (size_t)(percent - s.ptr) : s.len};
	struct slice zone = {percent, s.len - address.len};
	char text[INET6_ADDRSTRLEN];
	struct in6_addr ignored;

	if (address.len >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)address.len, address.len ? address.ptr : "");
	if (inet_pton(AF_INET6, text, &ignored) != 1)
		return false;
	if (percent) {
		size_t skip = zone.len > 3 && slice_starts(zone, "%25") ? 3 : 1;

		zone = (struct slice){percent + skip, zone.len - skip};
		if (!zone.len || zone.len > 32)
			return false;
		for (size_t i = 0; i < zone.len; i++)
			if (!is_unreserved(zone.ptr[i]))
				return false;
	}
	snprintf(out->host, sizeof(out->host), "%s%s%.*s", text, percent ? "%" : "",
		 percent ? (int)zone.len : 0, percent ? zone.ptr : "");
	out->is_ipv6 = true;
	return true;
}

/* "host", "host:80", "[::1]:80" */
static bool parse_authority(struct slice s, struct url *out)
{
	const char *close = s.len && s.ptr[0] == '[' ? memchr(s.ptr, ']', s.len) : NULL;
	const char *colon = s.len ? memchr(s.ptr, ':', s.len) : NULL;
	struct slice host, port;
	uint64_t number = 80;

	if (s.len && s.ptr[0] == '[') {
		if (!close)
			return false;
		host = (struct slice){s.ptr + 1, (size_t)(close - s.ptr - 1)};
		port = (struct slice){close + 1, s.len - host.len - 2};
		if (port.len && port.ptr[0] != ':')
			return false;
	} else {
		host = (struct slice){s.ptr, colon ? (size_t)(colon - s.ptr) : s.len};
		port = (struct slice){s.ptr + host.len, s.len - host.len};
	}
	/* "host:" means the default port (RFC 3986 clause 3.2.3) */
	if (port.len > 1 &&
	    !slice_number((struct slice){port.ptr + 1, port.len - 1}, 65535, &number))
		return false;
	out->port = (uint16_t)number;
	return number && (close ? parse_ipv6(host, out) : parse_name(host, out));
}

/**
 * struct path - a path and query being written
 * @text:	URL_PATH_MAX bytes
 * @len:	bytes written
 */
struct path {
	char *text;
	size_t len;
};

/* Append bytes, percent-encoded where a request line cannot carry them. Return: they fit. */
static bool path_add(struct path *p, struct slice s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		bool plain = c > 0x20 && c < 0x7f && !strchr("\"<>", c);

		if (c < 0x20 || c == 0x7f || p->len + (plain ? 1 : 3) >= URL_PATH_MAX)
			return false;
		if (plain) {
			p->text[p->len++] = (char)c;
		} else {
			p->text[p->len++] = '%';
			p->text[p->len++] = hex[c >> 4];
			p->text[p->len++] = hex[c & 15];
		}
	}
	p->text[p->len] = '\0';
	return true;
}

/* Without "#fragment". */
static struct slice cut_fragment(struct slice s)
{
	const char *hash = s.len ? memchr(s.ptr, '#', s.len) : NULL;

	if (hash)
		s.len = (size_t)(hash - s.ptr);
	return s;
}

/* "//host/path?query" */
static bool parse_after_scheme(struct slice s, struct url *out)
{
	struct path path = {.text = out->path};
	size_t authority = 0;

	*out = (struct url){0};

	s = cut_fragment((struct slice){s.ptr + 2, s.len - 2});
	while (authority < s.len && s.ptr[authority] != '/' && s.ptr[authority] != '?')
		authority++;
	if (!parse_authority((struct slice){s.ptr, authority}, out))
		return false;
	s = (struct slice){s.ptr + authority, s.len - authority};
	if (!s.len || s.ptr[0] == '?')
		path_add(&path, slice_of("/"));
	return path_add(&path, s);
}

bool url_parse(struct slice text, struct url *out)
{
	text = slice_trim(text);
	if (text.len < 7 || strncasecmp(text.ptr, "http://", 7) != 0)
		return false;
	return parse_after_scheme((struct slice){text.ptr + 5, text.len - 5}, out);
}

/* "scheme://": nothing less makes a reference absolute here (see the top of this file). */
static bool is_absolute(struct slice s)
{
	size_t at = 0;

	while (at < s.len && (is_unreserved(s.ptr[at]) || s.ptr[at] == '+'))
		at++;
	return at && s.len - at >= 3 && memcmp(s.ptr + at, "://", 3) == 0;
}

/* "." and ".." segments away, in place (RFC 3986 clause 5.2.4); the query is left alone. */
static void remove_dot_segments(char *path)
{
	size_t query = strcspn(path, "?"), in = 0, out = 0;

	while (in < query) {
		size_t len = 1 + strcspn(path + in + 1, "/?");
		bool last = in + len == query;
		bool up = len == 3 && memcmp(path + in, "/..", 3) == 0;

		if (up)
			while (out && path[--out] != '/')
				;
		if (up || (len == 2 && path[in + 1] == '.')) {
			if (last)
				path[out++] = '/';
		} else {
			memmove(path + out, path + in, len);
			out += len;
		}
		in += len;
	}
	memmove(path + out, path + query, strlen(path + query) + 1);
}

/* "/path", "path" or "?query" on top of a base's path (clause 5.2.3). */
static bool merge_path(const char *base, struct slice reference, struct url *out)
{
	struct slice path = {base, strcspn(base, "?")};
	struct path to = {.text = out->path};

	if (reference.ptr[0] == '/')
		path.len = 0;
	else if (reference.ptr[0] != '?')
		while (path.len && path.ptr[path.len - 1] != '/')
			path.len--;
	/* the base's path is encoded already; encoding leaves it as it is */
	return path_add(&to, path) && path_add(&to, reference);
}

bool url_resolve(const struct url *base, struct slice reference, struct url *out)
{
	struct url copy = *base; /* @out may be @base */
	bool fine = true;

	reference = cut_fragment(slice_trim(reference));
	*out = copy;
	if (is_absolute(reference))
		fine = url_parse(reference, out);
	else if (slice_starts(reference, "//"))
		fine = parse_after_scheme(reference, out);
	else if (reference.len)
		fine = merge_path(copy.path, reference, out);
	if (fine)
		remove_dot_segments(out->path);
	return fine;
}

void url_format(const struct url *url, struct buf *out)
{
	const char *zone = strchr(url->host, '%');
	int len = (int)(zone ? (size_t)(zone - url->host) : strlen(url->host));

	buf_printf(out, "http://%s%.*s%s%s%s:%u%s", url->is_ipv6 ? "[" : "", len, url->host,
		   zone ? "%25" : "", zone ? zone + 1 : "", url->is_ipv6 ? "]" : "", url->port,
		   url->path);
}
