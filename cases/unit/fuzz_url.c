/* SPDX-License-Identifier: MIT */
/*
 * fuzz_url.c - a base, a line end, a reference: what is accepted can be written, read back equal,
 * and put into a request line.
 */
#include "fuzz.h"

#include "../../fakeigd/wire/url.h"

static void check(const struct url *url)
{
	struct buf text = {0};
	struct url again;

	require(url->host[0] && url->port && url->path[0] == '/');
	require(strlen(url->host) < sizeof(url->host) && strlen(url->path) < sizeof(url->path));
	for (const char *c = url->path; *c; c++)
		require(*c > ' ' && *c < 0x7f);
	url_format(url, &text);
	require(url_parse(buf_slice(&text), &again));
	require(!strcmp(url->host, again.host) && !strcmp(url->path, again.path));
	require(url->port == again.port && url->is_ipv6 == again.is_ipv6);
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *data = (const char *)bytes;
	const char *end = len ? memchr(data, '\n', len) : NULL;
	struct slice base_text = {data, end ? (size_t)(end - data) : len};
	struct url base, url;

	if (!url_parse(base_text, &base))
		return 0;
	check(&base);
	if (end && url_resolve(&base, (struct slice){end + 1, len - base_text.len - 1}, &url)) {
		check(&url);
		require(!strstr(url.path, "/../") || strchr(url.path, '?'));
	}
	return 0;
}
