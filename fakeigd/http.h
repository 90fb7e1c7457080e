/* SPDX-License-Identifier: MIT */
/* http.h - fakeigd's HTTP server: connections, limits, framing, effects on the way out. */
#ifndef FAKEIGD_HTTP_H
#define FAKEIGD_HTTP_H

#include "effect.h"
#include "message.h"
#include "rule.h"
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
 * @facts:	what rules may ask about it
 */
struct http_request {
	struct http_head head;
	struct slice body;
	struct sockaddr_storage peer;
	struct sockaddr_storage local;
	int lan;
	struct rule_request facts;
};

/**
 * struct http_reply - what a handler answers; the server renders the head and obeys the effects
 * @status:	HTTP status
 * @head:	which head template
 * @values:	placeholders beyond those the server fills itself (status, reason, content_length,
 *		connection, server, date, lan_address, http_port)
 * @body:	bytes of the body
 * @extra:	further header lines, each ending in CRLF
 * @effects:	of the rules that matched: the server has initialised it and added those of
 *		RULE_HTTP before the handler runs; the handler adds those of its own layer
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

/** http_handler_fn - answer a request: router_dispatch(), or a test's own */
typedef void http_handler_fn(struct router *r, const struct http_request *request,
			     struct http_reply *reply);

/** http_new() - listen on every LAN address (v4 and v6); with no LAN interface only http_adopt()
 * brings connections. NULL with @error = -errno. */
struct http *http_new(struct router *r, http_handler_fn *handler, int *error);
/** http_adopt() - serve a connected stream socket; the descriptor is taken over. */
void http_adopt(struct http *h, int fd);
/** http_reset() - drop every connection without a word, as a router does that loses power. */
void http_reset(struct http *h);
void http_free(struct http *h);
/**
 * http_relisten() - listen on the addresses that the interfaces have now; connections stay
 * @port:	0 = any free one
 *
 * Return: 0, or -errno; then nothing listens.
 */
int http_relisten(struct http *h, uint16_t port);
/** http_port() - the TCP port in use. */
uint16_t http_port(const struct http *h);
/** http_error_reply() - fill @reply with ERROR_HEAD and ERROR_BODY for a status. */
void http_error_reply(struct router *r, struct http_reply *reply, int status);

#endif
