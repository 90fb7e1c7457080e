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
struct connection;

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
 * struct http_later - an answer that is still to come; inside what the handler keeps of the request
 * @connection:	who waits for it, NULL when he has gone
 * @keep:	the request allows the connection to stay
 *
 * A handler that cannot answer yet sets http_reply.later to one of its own and returns. It then has
 * to call http_later_reply() and http_later_send(), or http_later_drop(), some time later and not
 * from within a handler. No further request of the connection is looked at until then.
 */
struct http_later {
	struct connection *connection;
	bool keep;
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
 *		event
 * @after_arg:	for @after, a number so that nothing dangles
 * @later:	the answer comes later, and nothing else here counts; NULL = it is here
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
	struct http_later *later;
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
/** http_later_reply() - an empty reply to be filled; NULL when nobody waits for it any more. */
struct http_reply *http_later_reply(struct http_later *later);
/** http_later_send() - send what http_later_reply() gave; @later is free then. */
void http_later_send(struct http_later *later);
/** http_later_drop() - there will be no answer: the peer waits as long as it likes. */
void http_later_drop(struct http_later *later);
/** http_error_reply() - fill @reply with ERROR_HEAD and ERROR_BODY for a status. */
void http_error_reply(struct router *r, struct http_reply *reply, int status);

#endif
