/* SPDX-License-Identifier: MIT */
/* http_connection.h - what http.c (requests), http_send.c (answers) and http_listen.c share. */
#ifndef FAKEIGD_HTTP_CONNECTION_H
#define FAKEIGD_HTTP_CONNECTION_H

#include "http.h"
#include "router.h"

#define HTTP_LISTENERS_MAX (3 * (ROUTER_LANS_MAX + 1))
#define HTTP_RECEIVE_MAX   65536
#define HTTP_KEEP_MAX	   16384 /* larger buffers are not kept from one request to the next */

/** enum http_reading - what a connection waits for */
enum http_reading {
	HTTP_READ_HEAD,	   /* a head, or its rest */
	HTTP_READ_LENGTH,  /* the rest of a body of known length */
	HTTP_READ_CHUNKED, /* the rest of a chunked body */
	HTTP_READ_DISCARD, /* nothing: what comes is thrown away until the peer closes */
};

/** struct http_listener - a listening socket and whom it serves */
struct http_listener {
	struct http *http;
	int fd;
	struct loop_source *source;
	struct sockaddr_storage address;
	int lan; /* index in router->lan, -1 = the WAN */
};

/**
 * struct connection - one TCP connection
 * @http, @next, @prev: whose, and its neighbours in the list
 * @source, @fd, @events: the descriptor and what epoll watches it for
 * @idle:	closes it; looks at @active when it fires, so that a request costs no timer
 * @active:	clock_now() of the last sign of life
 * @peer, @local, @lan: of struct http_request
 * @in:		bytes received and not yet used; the head at hand is at its start
 * @reading:	see there
 * @head_len, @body_len: of the request at hand
 * @chunked, @body: decoder and decoded bytes of a chunked body
 * @continued:	100 Continue was sent
 * @linger:	bytes of a refused request may be on their way: closing now would turn them into a
 *		RST that destroys the answer, so sending is shut down and the rest is discarded
 * @busy:	an answer is on its way; nothing further is read or begun
 * @out, @sent, @end: the answer, how much of it the kernel has, how much of it will be sent
 * @head_out:	length of the head in @out
 * @status:	of the answer, for the journal
 * @keep:	stay open after the answer
 * @waiting:	the answer did not leave in the turn in which it was made: what came in meanwhile
 *		is looked at when it is out
 * @pace:	timer of delays and gaps
 * @effects:	of the answer, NULL when there are none (always so for a plain answer)
 * @after, @after_arg: of struct http_reply
 */
struct connection {
	struct http *http;
	struct connection *next;
	struct connection *prev;
	struct loop_source *source;
	int fd;
	uint32_t events;
	struct loop_timer idle;
	int64_t active;
	struct sockaddr_storage peer;
	struct sockaddr_storage local;
	int lan;
	struct buf in;
	enum http_reading reading;
	size_t head_len;
	uint64_t body_len;
	struct http_chunked chunked;
	struct buf body;
	bool continued;
	bool linger;
	bool busy;
	struct buf out;
	size_t sent;
	size_t end;
	size_t head_out;
	int status;
	bool keep;
	bool waiting;
	struct loop_timer pace;
	struct effects *effects;
	void (*after)(struct router *r, uint64_t arg);
	uint64_t after_arg;
};

/**
 * struct http - the server
 * @first, @count: open connections
 * @port:	in use
 * @accept_again: retries accept() after the process ran out of descriptors
 * @reply:	of the request being answered; its buffers are kept
 * @spare:	buffer of the last answer of a closed connection, for the next one
 * @receive:	where bytes of a connection that has none waiting are read
 */
struct http {
	struct router *router;
	http_handler_fn *handler;
	struct http_listener listeners[HTTP_LISTENERS_MAX];
	size_t listening;
	struct connection *first;
	size_t count;
	uint16_t port;
	struct loop_timer accept_again;
	struct http_reply reply;
	struct buf spare;
	char receive[HTTP_RECEIVE_MAX];
};

/** connection_close() - close and free. @reset: with RST. */
void connection_close(struct connection *c, bool reset);
/** connection_watch() - change what epoll watches it for, if it changes. */
void connection_watch(struct connection *c, uint32_t events);
/** connection_ready() - loop_fd_fn of a connection. */
void connection_ready(void *arg, int fd, uint32_t events);
/**
 * connection_refuse() - answer with @status, close, drain
 * @head:	of the request, NULL when none could be read
 * @why:	for the journal
 *
 * Return: false when the connection is gone.
 */
bool connection_refuse(struct connection *c, const struct http_head *head, int status,
		       const char *why);
/** connection_proceed() - the answer is out: go on with what was received meanwhile. False when the
 * connection is gone. */
bool connection_proceed(struct connection *c);

/**
 * http_answer() - send http->reply
 * @head:	of the request; NULL when there was none that could be read
 * @keep:	the request allows the connection to stay
 *
 * Return: false when the connection is gone.
 */
bool http_answer(struct connection *c, const struct http_head *head, bool keep);
/** http_push() - send more of the answer, as far as effects and kernel allow. False: gone. */
bool http_push(struct connection *c);

#endif
