/* SPDX-License-Identifier: MIT */
/* fuzz_chunked.c - any bytes as a chunked body: the same result in one piece and in many. */
#include "fuzz.h"

#include "../../fakeigd/wire/http.h"

/* Feed the body in pieces of 1, 2, ... @step bytes. */
static enum http_error feed(const char *data, size_t len, size_t step, size_t *used,
			    struct buf *out)
{
	struct http_chunked c = {0};
	enum http_error error = HTTP_INCOMPLETE;
	size_t piece = 1;

	*used = 0;
	while (error == HTTP_INCOMPLETE && *used < len) {
		size_t take = piece < len - *used ? piece : len - *used, consumed;

		error = http_chunked_feed(&c, data + *used, take, &consumed, out);
		require(consumed <= take);
		require(consumed == take || error != HTTP_INCOMPLETE);
		*used += consumed;
		piece = piece % step + 1;
	}
	return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *data = (const char *)bytes;
	struct buf whole = {0}, pieces = {0};
	struct http_chunked c = {0};
	size_t consumed, used;
	enum http_error error = http_chunked_feed(&c, data, len, &consumed, &whole);

	require(error == HTTP_OK || error == HTTP_INCOMPLETE || error == HTTP_BAD_CHUNK);
	require(whole.len <= len);
	require(feed(data, len, 3, &used, &pieces) == error);
	require(used == consumed && pieces.len == whole.len);
	require(!whole.len || !memcmp(pieces.data, whole.data, whole.len));
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
