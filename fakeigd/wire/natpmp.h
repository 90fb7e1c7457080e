/* SPDX-License-Identifier: MIT */
/* natpmp.h - NAT-PMP datagrams: requests and responses, both ways (RFC 6886). Pure. */
#ifndef IGDLAB_WIRE_NATPMP_H
#define IGDLAB_WIRE_NATPMP_H

#include "../base/buf.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define NATPMP_PORT	     5351
#define NATPMP_ANNOUNCE_PORT 5350
#define NATPMP_GROUP	     "224.0.0.1"
#define NATPMP_RESPONSE	     0x80 /* top bit of the opcode */

enum natpmp_opcode { NATPMP_EXTERNAL_ADDRESS = 0, NATPMP_MAP_UDP = 1, NATPMP_MAP_TCP = 2 };

/* Result codes (RFC 6886 clause 3.5) */
enum natpmp_result {
	NATPMP_SUCCESS = 0,
	NATPMP_UNSUPPORTED_VERSION = 1,
	NATPMP_NOT_AUTHORIZED = 2,
	NATPMP_NETWORK_FAILURE = 3,
	NATPMP_OUT_OF_RESOURCES = 4,
	NATPMP_UNSUPPORTED_OPCODE = 5,
};

enum natpmp_error {
	NATPMP_OK,
	NATPMP_SHORT,	      /* fewer bytes than the opcode's format has */
	NATPMP_OTHER_VERSION, /* version and opcode are filled in, the rest may be anything */
	NATPMP_OTHER_OPCODE,  /* likewise */
	NATPMP_WRONG_WAY,     /* a response where a request is expected, or the reverse */
	NATPMP_ERROR_COUNT,
};

/**
 * struct natpmp_request - what a client asks
 * @version, @opcode:	of the first two bytes
 * @reserved, @internal_port, @suggested_external_port, @lifetime: of a mapping, else 0
 */
struct natpmp_request {
	uint8_t version;
	uint8_t opcode;
	uint16_t reserved;
	uint16_t internal_port;
	uint16_t suggested_external_port;
	uint32_t lifetime;
};

/**
 * struct natpmp_response - what the gateway says
 * @version, @opcode:	@opcode with its top bit
 * @result:	enum natpmp_result, or whatever came
 * @epoch:	Seconds Since Start of Epoch
 * @external_address:	of opcode 128
 * @internal_port, @external_port, @lifetime: of opcodes 129 and 130
 */
struct natpmp_response {
	uint8_t version;
	uint8_t opcode;
	uint16_t result;
	uint32_t epoch;
	struct in_addr external_address;
	uint16_t internal_port;
	uint16_t external_port;
	uint32_t lifetime;
};

/** natpmp_parse_request() - bytes after those of the format are not looked at (NATPMP-27); the
 * reserved field is ignored (NATPMP-25). */
enum natpmp_error natpmp_parse_request(const char *data, size_t len, struct natpmp_request *out);
/** natpmp_parse_response() - a response of 8 bytes is complete when its result is not 0: then the
 * fields that it lacks are 0. */
enum natpmp_error natpmp_parse_response(const char *data, size_t len, struct natpmp_response *out);
const char *natpmp_error_text(enum natpmp_error error);
/** natpmp_result_text() - "out of resources"; "unknown result" for what no RFC names. */
const char *natpmp_result_text(unsigned result);

/** natpmp_build_request() - 2 bytes for the external address, else 12. */
void natpmp_build_request(struct buf *out, const struct natpmp_request *request);
/** natpmp_build_response() - 12 bytes for opcode 128, 16 for 129 and 130, 8 for any other. */
void natpmp_build_response(struct buf *out, const struct natpmp_response *response);
/** natpmp_build_unsupported_opcode() - the request itself with the top bit of its opcode and result
 * 5, at least 4 bytes (clause 3.5); @len is at least 2. */
void natpmp_build_unsupported_opcode(struct buf *out, const char *request, size_t len);

#endif
