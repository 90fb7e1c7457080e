/* SPDX-License-Identifier: MIT */
/* http_connection.h - what http.c (requests), http_send.c (answers) and http_listen.c share. */
#ifndef FAKEIGD_HTTP_CONNECTION_H
#define FAKEIGD_HTTP_CONNECTION_H

#include "http.h"
#include "profile.h"
#include "router.h"

#include <sys/queue.h>

#define HTTP_LISTENERS_MAX (3 * (ROUTER_LANS_MAX + 1) * (PROFILE_PORTS_MAX + 1))
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
 * @http, @link: whose, and its place in the list there
 * @source, @fd, @events: the descriptor and what epoll watches it for
 * @idle:	closes it; looks at @active when it fires, so that a request costs no timer
 * @active:	clock_now() of the last sign of life
 * @peer, @local, @lan: of struct http_request
 * @port:	TCP port of @local
 * @in:		bytes received and not yet used; the head at hand is at its start
 * @reading:	see there
 * @head_len, @body_len: of the request at hand
 * @chunked, @body: decoder and decoded bytes of a chunked body
 * @segments:	pieces in which the request at hand came so far
 * @requests:	that were handled on this connection
 * @continued:	100 Continue was sent
 * @linger:	bytes of a refused request may be on their way: closing now would turn them into a
 *		RST that destroys the answer, so sending is shut down and the rest is discarded
 * @busy:	an answer is on its way; nothing further is read or begun
 * @out, @sent, @end: the answer, how much of it the kernel has, how much of it will be sent
 * @head_out:	length of the head in @out
 * @pad, @pad_at, @pad_text: so many bytes of @pad_text, again and again, are sent after the first
 *		@pad_at bytes of @out; @sent and @end count them
 * @status:	of the answer, for the journal
 * @keep:	stay open after the answer
 * @waiting:	the answer did not leave in the turn in which it was made: what came in meanwhile
 *		is looked at when it is out
 * @pace:	timer of delays and gaps
 * @effects:	of the answer, NULL when there are none (always so for a plain answer)
 * @after, @after_arg: of struct http_reply
 * @later:	the answer that a handler still owes; @busy meanwhile
 */
struct connection {
	struct http *http;
	LIST_ENTRY(connection) link;
	struct loop_source *source;
	int fd;
	uint32_t events;
	struct loop_timer idle;
	int64_t active;
	struct sockaddr_storage peer;
	struct sockaddr_storage local;
	int lan;
	uint16_t port;
	struct buf in;
	enum http_reading reading;
	size_t head_len;
	uint64_t body_len;
	struct http_chunked chunked;
	struct buf body;
	unsigned segments;
	unsigned requests;
	bool continued;
	bool linger;
	bool busy;
	struct buf out;
	size_t sent;
	size_t end;
	size_t head_out;
	size_t pad;
	size_t pad_at;
	struct buf pad_text;
	int status;
	bool keep;
	bool waiting;
	struct loop_timer pace;
	struct effects *effects;
	void (*after)(struct router *r, uint64_t arg);
	uint64_t after_arg;
	struct http_later *later;
};

/**
 * struct http - the server
 * @connections, @count: open ones, the newest first, and how many
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
	LIST_HEAD(, connection) connections;
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

/* http_shape.c: what rules do to the form of an answer */
/** http_redirect() - http->reply becomes a redirection, as @effects.redirect says. */
void http_redirect(struct connection *c, const struct http_head *head);
/** http_raw() - the whole answer of a rule into c->out; c->head_out is set. */
void http_raw(struct connection *c, const struct template *raw);
/** http_pad_head() - room in c->out for padding before the head's empty line; c->head_out is set.
 */
void http_pad_head(struct connection *c, const struct effects *e);
/** http_pad_text() - what the padding of an answer consists of. */
void http_pad_text(struct connection *c, const char *with);
/** http_piece() - up to @len bytes of the answer from @offset on. */
struct slice http_piece(const struct connection *c, size_t offset, size_t len);
/** http_local_text() - the connection's own address as it stands in a URL. */
void http_local_text(const struct connection *c, char out[INET6_ADDRSTRLEN + 2]);

#endif
