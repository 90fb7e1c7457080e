/* SPDX-License-Identifier: MIT */
/* talk.c - saying a recorded message over a socket, and hearing what comes back (see talk.h). */
#include "talk.h"

#include "../fakeigd/base/clock.h"
#include "../fakeigd/wire/http.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define TALK_READ 65536

bool talk_wait(int fd, short events, int64_t until)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left = until - clock_now();

	return left > 0 && poll(&p, 1, (int)(left / 1000) + 1) == 1;
}

bool talk_send(int fd, struct slice bytes)
{
	while (bytes.len) {
		ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes.ptr += n;
		bytes.len -= (size_t)n;
	}
	return true;
}

/* Bytes of the body behind @used bytes of head, SIZE_MAX = not all there. */
static size_t body_length(const struct buf *b, const struct http_head *head, size_t used,
			  bool to_head, bool closed)
{
	size_t there = b->len - used, consumed;
	enum http_framing framing;
	struct http_chunked state = {0};
	struct buf body = {0};
	uint64_t length;
	bool done;

	if (http_body_framing(head, to_head, &framing, &length) != HTTP_OK)
		return closed ? there : SIZE_MAX;
	if (framing == HTTP_BODY_NONE)
		return 0;
	if (framing == HTTP_BODY_LENGTH && there >= length)
		return (size_t)length;
	if (framing == HTTP_BODY_CHUNKED) {
		done = http_chunked_feed(&state, b->data + used, there, &consumed, &body) !=
		       HTTP_INCOMPLETE;
		buf_free(&body);
		if (done)
			return consumed;
	}
	return closed ? there : SIZE_MAX;
}

/* The HTTP response at the start of what came
 * @b:		bytes so far; interim responses (1xx) are taken out of it
 * @to_head:	it answers a HEAD request, so it has no body
 * @closed:	nothing more comes
 *
 * Return: its length; 0 = not complete yet. Of what is no HTTP, and of a response that breaks off,
 * everything counts once @closed. */
static size_t talk_response(struct buf *b, bool to_head, bool closed)
{
	struct http_head head;
	size_t used, body;

	while (b->len && http_parse_head(b->data, b->len, &head, &used) == HTTP_OK) {
		if (head.status < 100 || head.status > 199) {
			body = body_length(b, &head, used, to_head, closed);
			return body == SIZE_MAX ? 0 : used + body;
		}
		buf_consume(b, used);
	}
	return closed ? b->len : 0;
}

size_t talk_hear(int fd, struct buf *in, bool to_head, int64_t until, bool *closed)
{
	size_t len = talk_response(in, to_head, *closed);

	while (!len && !*closed && talk_wait(fd, POLLIN, until)) {
		ssize_t n = recv(fd, buf_reserve(in, TALK_READ), TALK_READ, MSG_DONTWAIT);

		*closed = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
		in->len += n > 0 ? (size_t)n : 0;
		len = talk_response(in, to_head, *closed);
	}
	return len;
}
