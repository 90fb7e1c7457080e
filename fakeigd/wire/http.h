/* SPDX-License-Identifier: MIT */
/*
 * http.h - HTTP/1.0 and 1.1 message framing as pure functions (RFC 9112; SSDP's HTTPU too).
 *
 * Nothing here reads a socket or a clock: bytes in, struct or error out. A head is a start line,
 * header lines and an empty line. Lines end in CRLF; a bare LF is accepted and noted. Slices point
 * into the caller's bytes.
 */
#ifndef IGDLAB_WIRE_HTTP_H
#define IGDLAB_WIRE_HTTP_H

#include "../base/buf.h"

#define HTTP_HEADERS_MAX 64

/* Departures from the letter that a lenient reader accepts; bits of struct http_head.lenient. */
#define HTTP_LENIENT_BARE_LF	   (1u << 0) /* a line ended in LF alone */
#define HTTP_LENIENT_SPACE_COLON   (1u << 1) /* white space between name and colon */
#define HTTP_LENIENT_FOLDED	   (1u << 2) /* obs-fold continuation line */
#define HTTP_LENIENT_NO_COLON	   (1u << 3) /* a line without colon was skipped */
#define HTTP_LENIENT_LEADING_EMPTY (1u << 4) /* empty lines before the start line */
#define HTTP_LENIENT_BAD_BYTE	   (1u << 5) /* control or non-ASCII byte in a value or target */
#define HTTP_LENIENT_BAD_NAME	   (1u << 6) /* a line with an empty or impossible name was skipped */
#define HTTP_LENIENT_NO_END	   (1u << 7) /* a datagram without the final empty line */

#define HTTP_LENGTH_MAX	    ((uint64_t)INT64_MAX) /* larger Content-Lengths read as this */
#define HTTP_CHUNK_LINE_MAX 4096		  /* bytes of chunk extensions, of trailers */

enum http_error {
	HTTP_OK,
	HTTP_INCOMPLETE,       /* more bytes are needed */
	HTTP_BAD_START_LINE,   /* 400 */
	HTTP_BAD_HEADER,       /* 400; only from http_head_strict() */
	HTTP_BAD_VERSION,      /* not HTTP/1.x: 505 */
	HTTP_TOO_MANY_HEADERS, /* 431 */
	HTTP_BAD_LENGTH,       /* Content-Length no number, or two that differ: 400 */
	HTTP_BAD_CODING,       /* Transfer-Encoding that is not chunked: 501 */
	HTTP_BAD_CHUNK,	       /* chunked body malformed: 400 */
	HTTP_ERROR_COUNT,
};

/** http_error_text() - a sentence about it. */
const char *http_error_text(enum http_error error);
/** http_error_status() - the status a server answers with (0 for HTTP_OK and HTTP_INCOMPLETE). */
int http_error_status(enum http_error error);

struct http_header {
	struct slice name;
	struct slice value; /* trimmed; a folded value still holds its line ends inside */
};

/**
 * struct http_head - a parsed head
 * @is_response:	a status line, not a request line
 * @method:		request: method as sent
 * @target:		request: request target as sent
 * @major, @minor:	version
 * @status:		response: status code
 * @reason:		response: reason phrase, may be empty
 * @headers, @count:	in order
 * @lenient:		HTTP_LENIENT_* seen
 */
struct http_head {
	bool is_response;
	struct slice method;
	struct slice target;
	int major;
	int minor;
	int status;
	struct slice reason;
	struct http_header headers[HTTP_HEADERS_MAX];
	size_t count;
	unsigned lenient;
};

/**
 * http_parse_head() - one head from the start of some bytes
 * @data, @len:	the bytes so far
 * @out:	the head; slices into @data
 * @consumed:	bytes up to and including the empty line
 *
 * Linear in @len. A bad start line is told as soon as it is there. Return: HTTP_OK,
 * HTTP_INCOMPLETE, or why it is no head.
 */
enum http_error http_parse_head(const char *data, size_t len, struct http_head *out,
				size_t *consumed);
/** http_parse_datagram() - the same for a whole datagram: its end ends the head if need be. */
enum http_error http_parse_datagram(const char *data, size_t len, struct http_head *out);
/**
 * http_head_strict() - what a server has to refuse in a head that was read leniently
 *
 * Space before a colon, lines that are no header, NUL bytes (RFC 9112 clauses 5 and 5.1, RFC 9110
 * clause 5.5). Return: HTTP_OK or HTTP_BAD_HEADER.
 */
enum http_error http_head_strict(const struct http_head *head);
/** http_header() - value of the first header of that name (any case), or a slice with ptr NULL. */
struct slice http_header(const struct http_head *head, const char *name);
/** http_has_token() - whether a comma-separated header list has @token (any case), any occurrence.
 */
bool http_has_token(const struct http_head *head, const char *name, const char *token);

enum http_framing { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED, HTTP_BODY_UNTIL_CLOSE };

/**
 * http_body_framing() - how the body after a head is delimited (RFC 9112 clause 6.3)
 * @head:	the head
 * @to_head:	response to a HEAD request (has no body)
 * @framing:	how
 * @length:	HTTP_BODY_LENGTH: number of bytes, at most HTTP_LENGTH_MAX
 *
 * A request with both Content-Length and Transfer-Encoding is HTTP_BAD_LENGTH; of a response the
 * latter counts. A POST of framing HTTP_BODY_NONE gave no length: 411.
 */
enum http_error http_body_framing(const struct http_head *head, bool to_head,
				  enum http_framing *framing, uint64_t *length);

/** struct http_chunked - state of a chunked decoder; zero-initialised to start */
struct http_chunked {
	int state;
	uint64_t left;
	unsigned digits;
	unsigned line;
};

/**
 * http_chunked_feed() - decode more of a chunked body
 * @c:		state
 * @data, @len:	bytes received
 * @consumed:	how many of them belong to the body (rest is the next message)
 * @out:	decoded bytes are appended here
 *
 * Return: HTTP_OK when the last chunk and trailers are in, HTTP_INCOMPLETE, or HTTP_BAD_CHUNK.
 */
enum http_error http_chunked_feed(struct http_chunked *c, const char *data, size_t len,
				  size_t *consumed, struct buf *out);

/** http_status_reason() - standard reason phrase of a status code ("" when unknown). */
const char *http_status_reason(int status);
/** http_date() - IMF-fixdate of a wall time in microseconds, e.g. "Mon, 28 Jul 2025 17:52:06 GMT".
 */
void http_date(int64_t wall_us, char out[32]);

#endif
