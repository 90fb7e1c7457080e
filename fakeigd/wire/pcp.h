/* SPDX-License-Identifier: MIT */
/* pcp.h - PCP datagrams and their options: requests and responses, both ways (RFC 6887, with RFC
 * 7220, RFC 7225 and RFC 7753). Pure. */
#ifndef IGDLAB_WIRE_PCP_H
#define IGDLAB_WIRE_PCP_H

#include "../base/buf.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define PCP_VERSION	  2
#define PCP_PORT	  5351
#define PCP_ANNOUNCE_PORT 5350
#define PCP_GROUP	  "224.0.0.1"
#define PCP_GROUP_V6	  "ff02::1"
#define PCP_RESPONSE	  0x80 /* top bit of the second byte */
#define PCP_OPTIONAL	  0x80 /* top bit of an option's code: may be ignored */
#define PCP_HEADER_LEN	  24
#define PCP_MESSAGE_MAX	  1100
#define PCP_NONCE_LEN	  12

enum pcp_opcode { PCP_ANNOUNCE = 0, PCP_MAP = 1, PCP_PEER = 2 };

/* Result codes (RFC 6887 clause 7.4) */
enum pcp_result {
	PCP_SUCCESS = 0,
	PCP_UNSUPP_VERSION = 1,
	PCP_NOT_AUTHORIZED = 2,
	PCP_MALFORMED_REQUEST = 3,
	PCP_UNSUPP_OPCODE = 4,
	PCP_UNSUPP_OPTION = 5,
	PCP_MALFORMED_OPTION = 6,
	PCP_NETWORK_FAILURE = 7,
	PCP_NO_RESOURCES = 8,
	PCP_UNSUPP_PROTOCOL = 9,
	PCP_USER_EX_QUOTA = 10,
	PCP_CANNOT_PROVIDE_EXTERNAL = 11,
	PCP_ADDRESS_MISMATCH = 12,
	PCP_EXCESSIVE_REMOTE_PEERS = 13,
};

enum pcp_option_code {
	PCP_OPTION_THIRD_PARTY = 1,
	PCP_OPTION_PREFER_FAILURE = 2,
	PCP_OPTION_FILTER = 3,
	PCP_OPTION_DESCRIPTION = 128,
	PCP_OPTION_PREFIX64 = 129,
	PCP_OPTION_PORT_SET = 130,
};

enum pcp_error {
	PCP_OK,
	PCP_SHORT,	   /* not even a header; version and opcode are filled in if they came */
	PCP_WRONG_WAY,	   /* a response where a request is expected, or the reverse */
	PCP_OTHER_VERSION, /* version, opcode and, of a response, result are filled in */
	PCP_OTHER_OPCODE,  /* the header is filled in, like for all that follow */
	PCP_BAD_LENGTH,	   /* above 1100 bytes, or no multiple of 4 */
	PCP_TRUNCATED,	   /* the opcode has more fields than that */
	PCP_BAD_OPTION,	   /* an option runs past the end */
	PCP_ERROR_COUNT,
};

/**
 * struct pcp_message - a request or a response
 * @version, @opcode:	@opcode without the bit that tells a response
 * @response:	which of both
 * @result:	of a response: enum pcp_result, or whatever came
 * @lifetime:	seconds: asked, granted, or for how long an error holds
 * @epoch:	of a response: Epoch Time
 * @client:	of a request: the client's own address
 * @nonce, @protocol, @internal_port, @external_port, @external_address: of MAP and PEER; the last
 *		two are suggestions in a request
 * @remote_port, @remote_address: of PEER
 * @options:	all of them as bytes, each within them whole; read them by pcp_next_option()
 *
 * IPv4 addresses are in IPv6 form (clause 5), see pcp_address_from_v4().
 */
struct pcp_message {
	uint8_t version;
	uint8_t opcode;
	bool response;
	uint8_t result;
	uint32_t lifetime;
	uint32_t epoch;
	struct in6_addr client;
	uint8_t nonce[PCP_NONCE_LEN];
	uint8_t protocol;
	uint16_t internal_port;
	uint16_t external_port;
	struct in6_addr external_address;
	uint16_t remote_port;
	struct in6_addr remote_address;
	struct slice options;
};

/** struct pcp_option - one option; @data lies in the message */
struct pcp_option {
	uint8_t code;
	struct slice data;
};

/** struct pcp_filter - FILTER (clause 13.3): @prefix of 128, also for IPv4; @port 0 = every port */
struct pcp_filter {
	uint8_t prefix;
	uint16_t port;
	struct in6_addr address;
};

/** struct pcp_port_set - PORT_SET (RFC 7753 clause 4.1) */
struct pcp_port_set {
	uint16_t size;
	uint16_t first;
	bool parity;
};

/**
 * struct pcp_prefix64 - PREFIX64 (RFC 7225 clause 4.1)
 * @bits:	of the prefix: 32, 40, 48, 56, 64 or 96
 * @prefix:	the prefix, with the suffix behind its place of the IPv4 address
 * @count, @list: IPv4 prefixes that it serves, as bytes of 6 each: length in bits (2), address;
 *		none = all
 */
struct pcp_prefix64 {
	unsigned bits;
	struct in6_addr prefix;
	unsigned count;
	struct slice list;
};

/** enum pcp_option_error - what is wrong with an option of a request */
enum pcp_option_error {
	PCP_OPTION_OK,
	PCP_OPTION_UNKNOWN,   /* no RFC that is read here has it */
	PCP_OPTION_MISPLACED, /* not with this opcode */
	PCP_OPTION_LENGTH,
	PCP_OPTION_REPEATED, /* once only, and there was one before */
};

/**
 * pcp_parse_request() - a request of a client
 *
 * Errors in the order in which a server has to find them (clause 8.2): PCP_SHORT (below 2 bytes),
 * PCP_WRONG_WAY, PCP_OTHER_VERSION, PCP_SHORT (below 24), PCP_OTHER_OPCODE, PCP_BAD_LENGTH,
 * PCP_TRUNCATED, PCP_BAD_OPTION (all fields are filled in, @options end before the bad one).
 */
enum pcp_error pcp_parse_request(const char *data, size_t len, struct pcp_message *out);
/** pcp_parse_response() - what a server says. The options of an error are not looked at: they are
 * the request's, and one of them may be what was wrong; fields that an error lacks are 0. */
enum pcp_error pcp_parse_response(const char *data, size_t len, struct pcp_message *out);
const char *pcp_error_text(enum pcp_error error);
/** pcp_result_name() - "NOT_AUTHORIZED"; "unknown result" for what no RFC names. */
const char *pcp_result_name(unsigned result);
/** pcp_result_lifetime() - seconds for which an error is to be believed (clause 7.4): 1800, or 30
 * for those that may be gone soon; 0 for success. */
uint32_t pcp_result_lifetime(unsigned result);

/** pcp_next_option() - take the first option off @rest. False at the end, or at one that is not
 * whole. */
bool pcp_next_option(struct slice *rest, struct pcp_option *out);
/** pcp_find_option() - the first of that code; a client ignores others (clause 7.3). */
bool pcp_find_option(struct slice options, uint8_t code, struct pcp_option *out);
/** pcp_option_name() - "FILTER"; NULL when unknown. */
const char *pcp_option_name(uint8_t code);
/**
 * pcp_check_option() - length, place and number of an option (not its value)
 * @options:	all of the message
 * @option:	one of them, as pcp_next_option() gave it
 */
enum pcp_option_error pcp_check_option(struct slice options, const struct pcp_option *option,
				       uint8_t opcode);

/* Values of options. Each returns false when the length is not that of such an option. */
bool pcp_read_third_party(const struct pcp_option *option, struct in6_addr *out);
/** pcp_read_filter() - any prefix: pcp_filter_is_valid() judges it. */
bool pcp_read_filter(const struct pcp_option *option, struct pcp_filter *out);
bool pcp_read_port_set(const struct pcp_option *option, struct pcp_port_set *out);
/** pcp_read_prefix64() - false too when its lengths contradict each other. */
bool pcp_read_prefix64(const struct pcp_option *option, struct pcp_prefix64 *out);
/** pcp_filter_is_valid() - prefix 0, or 96 to 128 for IPv4, up to 128 for IPv6 (clause 13.3). */
bool pcp_filter_is_valid(const struct pcp_filter *filter);

/** pcp_build_request(), pcp_build_response() - the bytes: header, fields of the opcode when it is
 * MAP or PEER, @options as they are. */
void pcp_build_request(struct buf *out, const struct pcp_message *m);
void pcp_build_response(struct buf *out, const struct pcp_message *m);
/**
 * pcp_build_error() - a copy of the request that says what was wrong (clauses 7.3, 8.2)
 * @request, @len: as it came, at least 2 bytes; cut at 1100, filled up with 0 to a multiple of 4
 *		and to a header
 * @m:		its version, result, lifetime and epoch are set
 */
void pcp_build_error(struct buf *out, const char *request, size_t len, const struct pcp_message *m);
/** pcp_add_option() - append to the bytes of @options, with padding. */
void pcp_add_option(struct buf *options, uint8_t code, const void *data, size_t len);
void pcp_add_filter(struct buf *options, const struct pcp_filter *filter);
void pcp_add_port_set(struct buf *options, const struct pcp_port_set *set);
void pcp_add_prefix64(struct buf *options, const struct pcp_prefix64 *prefix);

/** pcp_address_from_v4() - ::ffff:a.b.c.d */
struct in6_addr pcp_address_from_v4(struct in_addr v4);
/** pcp_address_is_v4() - whether an address is of that form; @v4 (may be NULL) gets it. */
bool pcp_address_is_v4(const struct in6_addr *address, struct in_addr *v4);
/** pcp_address_is_any() - ::, or ::ffff:0.0.0.0: no wish. */
bool pcp_address_is_any(const struct in6_addr *address);

#endif
