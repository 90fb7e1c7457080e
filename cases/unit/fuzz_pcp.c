/* SPDX-License-Identifier: MIT */
/*
 * fuzz_pcp.c - requests, responses and options of PCP: what is accepted is built again and reads
 * the same; no slice leaves the message; an error fits and can be read.
 */
#include "fuzz.h"

#include "../../fakeigd/wire/pcp.h"

static void check_values(const struct pcp_option *option)
{
	struct pcp_prefix64 prefix;
	struct pcp_filter filter;
	struct buf out = {0};

	if (pcp_read_filter(option, &filter)) {
		pcp_add_filter(&out, &filter);
		require(out.len == 4 + option->data.len);
		require(!memcmp(out.data + 5, option->data.ptr + 1, option->data.len - 1) ||
			option->data.ptr[0] || out.data[4] == 0);
	}
	buf_reset(&out);
	if (pcp_read_prefix64(option, &prefix)) {
		pcp_add_prefix64(&out, &prefix);
		require(out.len == 4 + (option->data.len + 3) / 4 * 4);
		require(!memcmp(out.data + 4, option->data.ptr, 2 + prefix.bits / 8));
	}
	buf_free(&out);
}

static void check_options(const struct pcp_message *m, const char *data, size_t len)
{
	struct slice rest = m->options;
	struct pcp_option option;

	require(is_within(m->options, data, len));
	while (pcp_next_option(&rest, &option)) {
		require(is_within(option.data, data, len));
		pcp_check_option(m->options, &option, m->opcode);
		check_values(&option);
	}
	require(!rest.len);
}

/* Built and read again: the same bytes a second time. */
static void check_rebuilt(const struct pcp_message *m)
{
	struct buf once = {0}, twice = {0};
	struct pcp_message back;

	if (m->response)
		pcp_build_response(&once, m);
	else
		pcp_build_request(&once, m);
	require(!(m->response ? pcp_parse_response(once.data, once.len, &back)
			      : pcp_parse_request(once.data, once.len, &back)));
	if (m->response)
		pcp_build_response(&twice, &back);
	else
		pcp_build_request(&twice, &back);
	require(slice_same(buf_slice(&once), buf_slice(&twice)));
	buf_free(&once);
	buf_free(&twice);
}

static void check_error(const char *data, size_t len)
{
	const struct pcp_message m = {.version = PCP_VERSION, .result = PCP_MALFORMED_REQUEST};
	struct pcp_message back;
	struct buf out = {0};
	enum pcp_error error;

	pcp_build_error(&out, data, len, &m);
	require(out.len >= PCP_HEADER_LEN && out.len <= PCP_MESSAGE_MAX && out.len % 4 == 0);
	error = pcp_parse_response(out.data, out.len, &back);
	require(error == PCP_OK || error == PCP_OTHER_OPCODE);
	require(back.result == PCP_MALFORMED_REQUEST);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *data = (const char *)bytes;
	struct pcp_message m;
	enum pcp_error error = pcp_parse_request(data, len, &m);

	check_options(&m, data, len);
	if (error == PCP_OK)
		check_rebuilt(&m);
	if (len >= 2)
		check_error(data, len);
	error = pcp_parse_response(data, len, &m);
	if (error == PCP_OK && !m.result) {
		check_options(&m, data, len);
		check_rebuilt(&m);
	}
	return 0;
}
