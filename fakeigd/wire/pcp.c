/* SPDX-License-Identifier: MIT */
/*
 * pcp.c - PCP datagrams (see pcp.h; their options: pcp_option.c).
 *
 * Theory of operation
 *
 * RFC 6887 clause 7: a header of 24 bytes, fields of the opcode, options; in network order, a
 * multiple of 4 bytes, 1100 at most.
 *
 *	request		version, opcode, reserved (2), lifetime (4), the client's address (16)
 *	response	version, 0x80 | opcode, reserved, result, lifetime (4), epoch (4),
 *			reserved (12)
 *	MAP		nonce (12), protocol, reserved (3), internal port (2), external port (2),
 *			external address (16)
 *	PEER		the same, remote port (2), reserved (2), remote address (16)
 *	ANNOUNCE	nothing
 *
 * Reserved fields are written as 0 and never read (PCP-13). The version is looked at before
 * anything that it may change, the direction before all. No field is judged: port 0, protocol 0 and
 * lifetime 0 mean things.
 */
#include "pcp.h"

#include "../base/mem.h"
#include "pcp_bytes.h"

#include <assert.h>

#define BRIEF_LEN 2
#define MAP_LEN	  36
#define PEER_LEN  56

static const char *const errors[] = {
	[PCP_OK] = "a PCP message",
	[PCP_SHORT] = "too short for PCP",
	[PCP_WRONG_WAY] = "a response instead of a request, or the reverse",
	[PCP_OTHER_VERSION] = "another version than 2",
	[PCP_OTHER_OPCODE] = "an opcode other than ANNOUNCE, MAP and PEER",
	[PCP_BAD_LENGTH] = "longer than 1100 bytes, or not a multiple of 4",
	[PCP_TRUNCATED] = "too short for its opcode",
	[PCP_BAD_OPTION] = "an option runs past the end",
};
static_assert(ARRAY_SIZE(errors) == PCP_ERROR_COUNT, "a text for every error");

const char *pcp_error_text(enum pcp_error error)
{
	return error < PCP_ERROR_COUNT ? errors[error] : "unknown error";
}

const char *pcp_result_name(unsigned result)
{
	static const char *const names[] = {
		"SUCCESS",	     "UNSUPP_VERSION",	      "NOT_AUTHORIZED",
		"MALFORMED_REQUEST", "UNSUPP_OPCODE",	      "UNSUPP_OPTION",
		"MALFORMED_OPTION",  "NETWORK_FAILURE",	      "NO_RESOURCES",
		"UNSUPP_PROTOCOL",   "USER_EX_QUOTA",	      "CANNOT_PROVIDE_EXTERNAL",
		"ADDRESS_MISMATCH",  "EXCESSIVE_REMOTE_PEERS"};

	return result < ARRAY_SIZE(names) ? names[result] : "unknown result";
}

uint32_t pcp_result_lifetime(unsigned result)
{
	switch (result) {
	case PCP_SUCCESS:
		return 0;
	case PCP_NETWORK_FAILURE:
	case PCP_NO_RESOURCES:
	case PCP_USER_EX_QUOTA:
		return 30;
	default:
		return 1800;
	}
}

struct in6_addr pcp_address_from_v4(struct in_addr v4)
{
	struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	memcpy(address.s6_addr + 12, &v4, sizeof(v4));
	return address;
}

bool pcp_address_is_v4(const struct in6_addr *address, struct in_addr *v4)
{
	if (!IN6_IS_ADDR_V4MAPPED(address))
		return false;
	if (v4)
		memcpy(v4, address->s6_addr + 12, sizeof(*v4));
	return true;
}

bool pcp_address_is_any(const struct in6_addr *address)
{
	struct in_addr v4 = {0};

	return IN6_IS_ADDR_UNSPECIFIED(address) || (pcp_address_is_v4(address, &v4) && !v4.s_addr);
}

/* Bytes behind the header that an opcode has; SIZE_MAX: there is no such opcode. */
static size_t fields_len(uint8_t opcode)
{
	switch (opcode) {
	case PCP_ANNOUNCE:
		return 0;
	case PCP_MAP:
		return MAP_LEN;
	case PCP_PEER:
		return PEER_LEN;
	default:
		return SIZE_MAX;
	}
}

static void read_fields(const char *at, struct pcp_message *out)
{
	memcpy(out->nonce, at, sizeof(out->nonce));
	out->protocol = (uint8_t)at[12];
	out->internal_port = pcp_get16(at + 16);
	out->external_port = pcp_get16(at + 18);
	memcpy(&out->external_address, at + 20, sizeof(out->external_address));
	if (out->opcode != PCP_PEER)
		return;
	out->remote_port = pcp_get16(at + 36);
	memcpy(&out->remote_address, at + 40, sizeof(out->remote_address));
}

/* How many bytes of @s are whole options. */
static size_t whole_options(struct slice s)
{
	struct slice rest = s;
	struct pcp_option option;

	while (pcp_next_option(&rest, &option))
		;
	return s.len - rest.len;
}

/* What follows the header. */
static enum pcp_error read_body(const char *data, size_t len, struct pcp_message *out)
{
	size_t fields = fields_len(out->opcode);
	struct slice rest;

	if (fields == SIZE_MAX)
		return PCP_OTHER_OPCODE;
	if (len > PCP_MESSAGE_MAX || len % 4)
		return PCP_BAD_LENGTH;
	if (len - PCP_HEADER_LEN < fields)
		return PCP_TRUNCATED;
	if (fields)
		read_fields(data + PCP_HEADER_LEN, out);
	rest = (struct slice){data + PCP_HEADER_LEN + fields, len - PCP_HEADER_LEN - fields};
	out->options = (struct slice){rest.ptr, whole_options(rest)};
	return out->options.len == rest.len ? PCP_OK : PCP_BAD_OPTION;
}

/* The first two bytes. */
static enum pcp_error read_start(const char *data, size_t len, bool response,
				 struct pcp_message *out)
{
	*out = (struct pcp_message){0};
	if (len < BRIEF_LEN)
		return PCP_SHORT;
	out->version = (uint8_t)data[0];
	out->opcode = (uint8_t)data[1] & (uint8_t)~PCP_RESPONSE;
	out->response = (uint8_t)data[1] & PCP_RESPONSE;
	if (out->response != response)
		return PCP_WRONG_WAY;
	return out->version == PCP_VERSION ? PCP_OK : PCP_OTHER_VERSION;
}

enum pcp_error pcp_parse_request(const char *data, size_t len, struct pcp_message *out)
{
	enum pcp_error error = read_start(data, len, false, out);

	if (error)
		return error;
	if (len < PCP_HEADER_LEN)
		return PCP_SHORT;
	out->lifetime = pcp_get32(data + 4);
	memcpy(&out->client, data + 8, sizeof(out->client));
	return read_body(data, len, out);
}

enum pcp_error pcp_parse_response(const char *data, size_t len, struct pcp_message *out)
{
	enum pcp_error error = read_start(data, len, true, out);

	/* A NAT-PMP server answers with 8 bytes whose result is in the same place (appendix A); its
	 * "unsupported version" is printed without the bit of a response (RFC 6886 clause 3.5). */
	if (len >= 4)
		out->result = (uint8_t)data[3];
	if (error == PCP_WRONG_WAY && !out->version && out->result == PCP_UNSUPP_VERSION)
		return PCP_OTHER_VERSION;
	if (error)
		return error;
	if (len < PCP_HEADER_LEN)
		return PCP_SHORT;
	out->lifetime = pcp_get32(data + 4);
	out->epoch = pcp_get32(data + 8);
	error = read_body(data, len, out);
	if (!out->result)
		return error;
	out->options = (struct slice){0};
	return error == PCP_TRUNCATED || error == PCP_BAD_OPTION ? PCP_OK : error;
}

static void put_fields(struct buf *out, const struct pcp_message *m)
{
	if (m->opcode != PCP_MAP && m->opcode != PCP_PEER)
		return;
	buf_add(out, m->nonce, sizeof(m->nonce));
	pcp_put32(out, (uint32_t)m->protocol << 24);
	pcp_put16(out, m->internal_port);
	pcp_put16(out, m->external_port);
	buf_add(out, &m->external_address, sizeof(m->external_address));
	if (m->opcode != PCP_PEER)
		return;
	pcp_put16(out, m->remote_port);
	pcp_put16(out, 0);
	buf_add(out, &m->remote_address, sizeof(m->remote_address));
}

void pcp_build_request(struct buf *out, const struct pcp_message *m)
{
	buf_putc(out, (char)m->version);
	buf_putc(out, (char)(m->opcode & ~PCP_RESPONSE));
	pcp_put16(out, 0);
	pcp_put32(out, m->lifetime);
	buf_add(out, &m->client, sizeof(m->client));
	put_fields(out, m);
	buf_add_slice(out, m->options);
}

static void put_response_header(struct buf *out, const struct pcp_message *m)
{
	buf_putc(out, (char)m->version);
	buf_putc(out, (char)(m->opcode | PCP_RESPONSE));
	pcp_put16(out, m->result);
	pcp_put32(out, m->lifetime);
	pcp_put32(out, m->epoch);
	for (int i = 0; i < 3; i++)
		pcp_put32(out, 0);
}

void pcp_build_response(struct buf *out, const struct pcp_message *m)
{
	put_response_header(out, m);
	put_fields(out, m);
	buf_add_slice(out, m->options);
}

void pcp_build_error(struct buf *out, const char *request, size_t len, const struct pcp_message *m)
{
	struct pcp_message head = *m;

	if (len > PCP_MESSAGE_MAX)
		len = PCP_MESSAGE_MAX;
	head.opcode = len > 1 ? (uint8_t)request[1] : 0;
	put_response_header(out, &head);
	if (len > PCP_HEADER_LEN)
		buf_add(out, request + PCP_HEADER_LEN, len - PCP_HEADER_LEN);
	for (; len > PCP_HEADER_LEN && len % 4; len++)
		buf_putc(out, '\0');
}
