/* SPDX-License-Identifier: MIT */
/* http.h - fakeigd's HTTP server: connections, limits, framing, effects on the way out. */
#ifndef FAKEIGD_HTTP_H
#define FAKEIGD_HTTP_H

#include "effect.h"
#include "message.h"
#include "wire/http.h"

#include <sys/socket.h>

struct router;
struct http;

/**
 * struct http_request - a complete request
 * @head:	slices live as long as the handler runs
 * @body:	decoded body
 * @peer, @local: addresses of the connection
 * @lan:	index of the LAN interface it came in on, -1 when none
 */
struct http_request {
	struct http_head head;
	struct slice body;
	struct sockaddr_storage peer;
	struct sockaddr_storage local;
	int lan;
};

/**
 * struct http_reply - what a handler answers; the server renders the head and obeys the effects
 * @status:	HTTP status
 * @head:	which head template
 * @values:	placeholders beyond those the server fills itself (status, reason, content_length,
 *		connection, server, date, lan_address, http_port)
 * @body:	bytes of the body
 * @extra:	further header lines, each ending in CRLF
 * @effects:	of the rules that matched
 * @after:	called once the last byte is handed to the kernel (NULL = nothing): GENA's initial
 *event
 * @after_arg:	for @after, a number so that nothing dangles
 */
struct http_reply {
	int status;
	enum message_id head;
	struct message_values values;
	struct buf body;
	struct buf extra;
	struct effects effects;
	void (*after)(struct router *r, uint64_t arg);
	uint64_t after_arg;
};

/** http_new() - listen on every LAN address (v4 and v6). NULL with @error = -errno. */
struct http *http_new(struct router *r, int *error);
void http_free(struct http *h);
/** http_port() - the TCP port in use. */
uint16_t http_port(const struct http *h);
/** http_error_reply() - fill @reply with ERROR_HEAD and ERROR_BODY for a status. */
void http_error_reply(struct router *r, struct http_reply *reply, int status);

#endif
