/* SPDX-License-Identifier: MIT */
/*
 * fuzz_natpmp.c - requests and responses of NAT-PMP: what is accepted is built again byte by byte,
 * but for what nobody looks at (the reserved field, bytes behind the end).
 */
#include "fuzz.h"

#include "../../fakeigd/wire/natpmp.h"

static void check_request(const char *data, size_t len, const struct natpmp_request *request)
{
	struct buf out = {0};

	natpmp_build_request(&out, request);
	require(out.len <= len && out.len >= 2);
	require(!memcmp(out.data, data, 2));
	if (out.len > 4)
		require(!memcmp(out.data + 4, data + 4, out.len - 4));
	buf_free(&out);
}

static void check_response(const char *data, size_t len, const struct natpmp_response *response)
{
	struct buf out = {0};
	size_t same;

	natpmp_build_response(&out, response);
	/* A failure may be shorter than the format of its opcode. */
	same = out.len < len ? out.len : len;
	require(out.len <= len || response->result);
	require(!memcmp(out.data, data, same < 8 ? same : 8));
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *data = (const char *)bytes;
	struct natpmp_request request;
	struct natpmp_response response;
	enum natpmp_error error = natpmp_parse_request(data, len, &request);
	struct buf out = {0};

	if (error == NATPMP_OK)
		check_request(data, len, &request);
	if (error == NATPMP_OTHER_OPCODE) {
		natpmp_build_unsupported_opcode(&out, data, len);
		require(out.len == (len < 4 ? 4 : len));
		require(natpmp_parse_response(out.data, out.len, &response) == NATPMP_OTHER_OPCODE);
		buf_free(&out);
	}
	if (natpmp_parse_response(data, len, &response) == NATPMP_OK)
		check_response(data, len, &response);
	return 0;
}
