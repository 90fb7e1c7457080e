/* SPDX-License-Identifier: MIT */
/*
 * natpmp.c - NAT-PMP datagrams (see natpmp.h).
 *
 * Theory of operation
 *
 * RFC 6886 clause 3: fixed fields in network order, told apart by the opcode in the second byte.
 *
 *	request		0: version, opcode
 *			1, 2: version, opcode, reserved (2), internal port (2), suggested external
 *			port (2), lifetime (4)
 *	response	128: version, opcode, result (2), epoch (4), external address (4)
 *			129, 130: version, opcode, result, epoch, internal port (2), mapped external
 *			port (2), lifetime (4)
 *
 * A first byte other than 0 is another protocol or a later version, a top bit of the opcode makes a
 * response. Both are looked at before anything else, so a request is never taken for an answer. No
 * field is judged: port 0 and lifetime 0 mean things, and what a result code means to a client is
 * its own business.
 */
#include "natpmp.h"

#include "../base/mem.h"

#include <assert.h>

#define HEADER_LEN  2
#define RESULT_LEN  8 /* up to the epoch */
#define MAP_LEN	    12
#define ADDRESS_LEN 12
#define MAPPED_LEN  16
#define UNKNOWN_LEN 4

static const char *const errors[] = {
	[NATPMP_OK] = "a NAT-PMP message",
	[NATPMP_SHORT] = "too short for NAT-PMP",
	[NATPMP_OTHER_VERSION] = "another version than 0",
	[NATPMP_OTHER_OPCODE] = "an opcode that NAT-PMP does not have",
	[NATPMP_WRONG_WAY] = "a response instead of a request, or the reverse",
};
static_assert(ARRAY_SIZE(errors) == NATPMP_ERROR_COUNT, "a text for every error");

const char *natpmp_error_text(enum natpmp_error error)
{
	return error < NATPMP_ERROR_COUNT ? errors[error] : "unknown error";
}

const char *natpmp_result_text(unsigned result)
{
	static const char *const names[] = {
		"success",	   "unsupported version", "not authorized or refused",
		"network failure", "out of resources",	  "unsupported opcode",
	};

	return result < ARRAY_SIZE(names) ? names[result] : "unknown result";
}

static uint16_t get16(const char *at)
{
	return (uint16_t)((uint8_t)at[0] << 8 | (uint8_t)at[1]);
}

static uint32_t get32(const char *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put16(struct buf *out, uint16_t value)
{
	buf_putc(out, (char)(value >> 8));
	buf_putc(out, (char)value);
}

static void put32(struct buf *out, uint32_t value)
{
	put16(out, (uint16_t)(value >> 16));
	put16(out, (uint16_t)value);
}

enum natpmp_error natpmp_parse_request(const char *data, size_t len, struct natpmp_request *out)
{
	*out = (struct natpmp_request){0};
	if (len < HEADER_LEN)
		return NATPMP_SHORT;
	out->version = (uint8_t)data[0];
	out->opcode = (uint8_t)data[1];
	if (out->opcode & NATPMP_RESPONSE)
		return NATPMP_WRONG_WAY;
	if (out->version)
		return NATPMP_OTHER_VERSION;
	if (out->opcode == NATPMP_EXTERNAL_ADDRESS)
		return NATPMP_OK;
	if (out->opcode > NATPMP_MAP_TCP)
		return NATPMP_OTHER_OPCODE;
	if (len < MAP_LEN)
		return NATPMP_SHORT;
	out->reserved = get16(data + 2);
	out->internal_port = get16(data + 4);
	out->suggested_external_port = get16(data + 6);
	out->lifetime = get32(data + 8);
	return NATPMP_OK;
}

static size_t response_len(uint8_t opcode)
{
	switch (opcode & ~NATPMP_RESPONSE) {
	case NATPMP_EXTERNAL_ADDRESS:
		return ADDRESS_LEN;
	case NATPMP_MAP_UDP:
	case NATPMP_MAP_TCP:
		return MAPPED_LEN;
	default:
		return UNKNOWN_LEN;
	}
}

enum natpmp_error natpmp_parse_response(const char *data, size_t len, struct natpmp_response *out)
{
	*out = (struct natpmp_response){0};
	if (len < UNKNOWN_LEN)
		return NATPMP_SHORT;
	out->version = (uint8_t)data[0];
	out->opcode = (uint8_t)data[1];
	out->result = get16(data + 2);
	if (len >= RESULT_LEN)
		out->epoch = get32(data + 4);
	if (out->version)
		return NATPMP_OTHER_VERSION;
	/* "Unsupported version" is printed with opcode 0 in the RFC (NATPMP-20, NATPMP-46). */
	if (out->result == NATPMP_UNSUPPORTED_VERSION && len >= RESULT_LEN)
		return NATPMP_OK;
	if (!(out->opcode & NATPMP_RESPONSE))
		return NATPMP_WRONG_WAY;
	if ((out->opcode & ~NATPMP_RESPONSE) > NATPMP_MAP_TCP)
		return NATPMP_OTHER_OPCODE;
	if (len < response_len(out->opcode))
		return len >= RESULT_LEN && out->result ? NATPMP_OK : NATPMP_SHORT;
	if (out->opcode == NATPMP_RESPONSE) {
		memcpy(&out->external_address, data + 8, sizeof(out->external_address));
		return NATPMP_OK;
	}
	out->internal_port = get16(data + 8);
	out->external_port = get16(data + 10);
	out->lifetime = get32(data + 12);
	return NATPMP_OK;
}

void natpmp_build_request(struct buf *out, const struct natpmp_request *request)
{
	buf_putc(out, (char)request->version);
	buf_putc(out, (char)request->opcode);
	if (request->opcode == NATPMP_EXTERNAL_ADDRESS)
		return;
	put16(out, request->reserved);
	put16(out, request->internal_port);
	put16(out, request->suggested_external_port);
	put32(out, request->lifetime);
}

void natpmp_build_response(struct buf *out, const struct natpmp_response *response)
{
	size_t len = response_len(response->opcode);

	buf_putc(out, (char)response->version);
	buf_putc(out, (char)response->opcode);
	put16(out, response->result);
	put32(out, response->epoch);
	if (len == UNKNOWN_LEN || !(response->opcode & NATPMP_RESPONSE))
		return;
	if (len == ADDRESS_LEN) {
		buf_add(out, &response->external_address, sizeof(response->external_address));
		return;
	}
	put16(out, response->internal_port);
	put16(out, response->external_port);
	put32(out, response->lifetime);
}

void natpmp_build_unsupported_opcode(struct buf *out, const char *request, size_t len)
{
	buf_putc(out, request[0]);
	buf_putc(out, (char)((uint8_t)request[1] | NATPMP_RESPONSE));
	put16(out, NATPMP_UNSUPPORTED_OPCODE);
	if (len > UNKNOWN_LEN)
		buf_add(out, request + UNKNOWN_LEN, len - UNKNOWN_LEN);
}
