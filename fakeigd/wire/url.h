/* SPDX-License-Identifier: MIT */
/* url.h - http URLs as far as UPnP needs them (RFC 3986). Pure. */
#ifndef IGDLAB_WIRE_URL_H
#define IGDLAB_WIRE_URL_H

#include "../base/buf.h"

#define URL_PATH_MAX 1024

/**
 * struct url - an absolute http URL
 * @host:	name or address, without brackets; a zone id stays ("fe80::1%eth0")
 * @is_ipv6:	it was in brackets
 * @port:	1 to 65535, 80 when not given
 * @path:	path and query, at least "/"
 */
struct url {
	char host[128];
	bool is_ipv6;
	uint16_t port;
	char path[URL_PATH_MAX];
};

/** url_parse() - an absolute http URL, blanks around it ignored. Return: whether it is one. */
bool url_parse(struct slice text, struct url *out);
/**
 * url_resolve() - a reference found in a document (RFC 3986 clause 5)
 * @base:	URL of the document, or its URLBase
 * @reference:	absolute, "//host/x", "/path", "path" or "?query"; dot segments are removed
 * @out:	may be @base
 *
 * Return: whether the result is an http URL that fits.
 */
bool url_resolve(const struct url *base, struct slice reference, struct url *out);
/** url_format() - as text, port always written. */
void url_format(const struct url *url, struct buf *out);

#endif
