/* SPDX-License-Identifier: MIT */
/*
 * facts_pcp.c - the fields of NAT-PMP (RFC 6886) and PCP (RFC 6887) datagrams.
 *
 * Theory of operation
 *
 * Octet 0 is the version: 0 NAT-PMP, 2 PCP. The top bit of octet 1 makes a response. All numbers
 * are in network order. A layout is a table of fields; a field that the datagram is too short for
 * is left out, so that "fewer fields" is a difference like any other. PCP options (RFC 6887 clause
 * 7.3) are "option N" with their data in hex; at most 1100 bytes in all, as the datagram.
 */
#include "facts_parts.h"

#include "../fakeigd/base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>

#define RESPONSE      0x80
#define PCP_HEADER    24
#define PCP_BYTES_MAX 1100
#define OPCODE_MAP    1
#define OPCODE_PEER   2

enum field_form { FIELD_NUMBER, FIELD_IPV4, FIELD_ADDRESS, FIELD_HEX };

/** struct field - @len bytes at @at */
struct field {
	const char *name;
	size_t at, len;
	enum field_form form;
};

static const struct field natpmp_result[] = {
	{"result", 2, 2, FIELD_NUMBER},
	{"epoch", 4, 4, FIELD_NUMBER},
};
static const struct field natpmp_address[] = {
	{"external_address", 8, 4, FIELD_IPV4},
};
static const struct field natpmp_map_request[] = {
	{"internal_port", 4, 2, FIELD_NUMBER},
	{"external_port", 6, 2, FIELD_NUMBER},
	{"lifetime", 8, 4, FIELD_NUMBER},
};
static const struct field natpmp_map_response[] = {
	{"internal_port", 8, 2, FIELD_NUMBER},
	{"external_port", 10, 2, FIELD_NUMBER},
	{"lifetime", 12, 4, FIELD_NUMBER},
};
static const struct field pcp_request[] = {
	{"lifetime", 4, 4, FIELD_NUMBER},
	{"client_address", 8, 16, FIELD_ADDRESS},
};
static const struct field pcp_response[] = {
	{"result", 3, 1, FIELD_NUMBER},
	{"lifetime", 4, 4, FIELD_NUMBER},
	{"epoch", 8, 4, FIELD_NUMBER},
};
static const struct field pcp_map[] = {
	{"nonce", 24, 12, FIELD_HEX},
	{"protocol", 36, 1, FIELD_NUMBER},
	{"internal_port", 40, 2, FIELD_NUMBER},
	{"external_port", 42, 2, FIELD_NUMBER},
	{"external_address", 44, 16, FIELD_ADDRESS},
};
static const struct field pcp_peer[] = {
	{"remote_port", 60, 2, FIELD_NUMBER},
	{"remote_address", 64, 16, FIELD_ADDRESS},
};

static void add_address(struct facts *f, const char *name, int family, const char *bytes)
{
	static const char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (char)0xff, (char)0xff};
	char text[INET6_ADDRSTRLEN];

	if (family == AF_INET6 && !memcmp(bytes, mapped, sizeof(mapped))) {
		family = AF_INET;
		bytes += sizeof(mapped);
	}
	inet_ntop(family, bytes, text, sizeof(text));
	facts_add_argument(f, name, slice_of(text));
}

static void add_hex(struct facts *f, const char *name, struct slice bytes)
{
	struct buf text = {0};

	for (size_t i = 0; i < bytes.len; i++)
		buf_printf(&text, "%02x", (uint8_t)bytes.ptr[i]);
	facts_add_argument(f, name, buf_slice(&text));
	buf_free(&text);
}

static uint64_t number(const char *bytes, size_t len)
{
	uint64_t value = 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | (uint8_t)bytes[i];
	return value;
}

static void add_fields(struct facts *f, struct slice s, const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct field *field = &fields[i];
		const char *at = s.ptr + field->at;

		if (field->at + field->len > s.len)
			return;
		if (field->form == FIELD_NUMBER)
			facts_add_number(f, field->name, number(at, field->len));
		else if (field->form == FIELD_HEX)
			add_hex(f, field->name, (struct slice){at, field->len});
		else
			add_address(f, field->name, field->form == FIELD_IPV4 ? AF_INET : AF_INET6,
				    at);
	}
}

static void read_natpmp(struct slice s, bool response, unsigned opcode, struct facts *f)
{
	bool map = opcode == 1 || opcode == 2;

	if (response)
		add_fields(f, s, natpmp_result, ARRAY_SIZE(natpmp_result));
	if (response && opcode == 0)
		add_fields(f, s, natpmp_address, ARRAY_SIZE(natpmp_address));
	if (response && map)
		add_fields(f, s, natpmp_map_response, ARRAY_SIZE(natpmp_map_response));
	if (!response && map)
		add_fields(f, s, natpmp_map_request, ARRAY_SIZE(natpmp_map_request));
}

static void read_options(struct slice s, size_t at, struct facts *f)
{
	while (at + 4 <= s.len) {
		size_t len = (size_t)number(s.ptr + at + 2, 2);
		char name[16];

		snprintf(name, sizeof(name), "option %u", (uint8_t)s.ptr[at]);
		at += 4;
		if (len > s.len - at)
			len = s.len - at;
		add_hex(f, name, (struct slice){s.ptr + at, len});
		at += (len + 3) & ~(size_t)3;
	}
}

static void read_pcp(struct slice s, bool response, unsigned opcode, struct facts *f)
{
	size_t end = PCP_HEADER;

	if (s.len > PCP_BYTES_MAX)
		s.len = PCP_BYTES_MAX;
	if (response)
		add_fields(f, s, pcp_response, ARRAY_SIZE(pcp_response));
	else
		add_fields(f, s, pcp_request, ARRAY_SIZE(pcp_request));
	if (opcode == OPCODE_MAP || opcode == OPCODE_PEER) {
		add_fields(f, s, pcp_map, ARRAY_SIZE(pcp_map));
		end = 60;
	}
	if (opcode == OPCODE_PEER) {
		add_fields(f, s, pcp_peer, ARRAY_SIZE(pcp_peer));
		end = 80;
	}
	if (opcode <= OPCODE_PEER)
		read_options(s, end, f);
}

bool facts_port_control(struct slice bytes, struct facts *f)
{
	unsigned version, opcode;
	bool response;

	if (bytes.len < 2)
		return false;
	version = (uint8_t)bytes.ptr[0];
	opcode = (uint8_t)bytes.ptr[1] & ~RESPONSE;
	response = (uint8_t)bytes.ptr[1] & RESPONSE;
	if (version != 0 && version != 2)
		return false;
	f->kind = FACTS_PORT_CONTROL;
	facts_add_number(f, "version", version);
	facts_add_number(f, "opcode", opcode);
	facts_add_argument(f, "direction", slice_of(response ? "response" : "request"));
	if (version == 0)
		read_natpmp(bytes, response, opcode, f);
	else
		read_pcp(bytes, response, opcode, f);
	return true;
}
