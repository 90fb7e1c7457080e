/* SPDX-License-Identifier: MIT */
/*
 * fuzz_http.c - any bytes as a head: slices stay inside, and the head is the same whatever follows
 * it and however much of it came first.
 */
#include "fuzz.h"

#include "../../fakeigd/wire/http.h"

static void check_slices(const struct http_head *head, const char *data, size_t len)
{
	require(is_within(head->method, data, len));
	require(is_within(head->target, data, len));
	require(is_within(head->reason, data, len));
	require(head->count <= HTTP_HEADERS_MAX);
	for (size_t i = 0; i < head->count; i++) {
		require(head->headers[i].name.len > 0);
		require(is_within(head->headers[i].name, data, len));
		require(is_within(head->headers[i].value, data, len));
	}
}

static void check_body(const struct http_head *head)
{
	enum http_framing framing;
	uint64_t length;

	for (int to_head = 0; to_head < 2; to_head++)
		if (!http_body_framing(head, to_head, &framing, &length))
			require(framing == HTTP_BODY_LENGTH ? length <= HTTP_LENGTH_MAX : !length);
	http_head_strict(head);
	http_has_token(head, "Connection", "close");
	require(!http_header(head, "").ptr);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *data = (const char *)bytes;
	struct http_head head, again;
	size_t consumed, same, cut = len ? bytes[len - 1] : 0;
	enum http_error error = http_parse_head(data, len, &head, &consumed);

	require(consumed <= len);
	if (!error) {
		check_slices(&head, data, consumed);
		check_body(&head);
		require(http_parse_head(data, consumed, &again, &same) == HTTP_OK);
		require(same == consumed && again.count == head.count);
		require(again.lenient == head.lenient);
		cut = cut < consumed ? cut : consumed - 1;
		require(http_parse_head(data, cut, &again, &same) == HTTP_INCOMPLETE);
	}
	if (!http_parse_datagram(data, len, &head))
		check_slices(&head, data, len);
	return 0;
}
