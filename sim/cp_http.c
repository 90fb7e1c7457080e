/* SPDX-License-Identifier: MIT */
/*
 * cp_http.c - the control point's HTTP client (see cp.h)
 *
 * Theory of operation
 *
 * One connection for each exchange, "Connection: close" (routers drop kept ones silently). The
 * whole request leaves in one send: some routers read a request from a single segment. Host carries
 * the port unless it is 80, every request has a User-Agent (DESC-13, CP-17).
 *
 * The reply may come in any segmentation, with Content-Length, chunked or until the connection
 * closes (DESC-16); informational heads are skipped (DESC-15). Framing that lies is lived with:
 * when the XML document is complete but the framing says there is more, or the other way round, the
 * reader waits GRACE_US for the rest and takes what it has. A connection that is reset or closed
 * before the first byte is tried once more. Redirects are followed twice at most, and only to the
 * same host (DESC-12 asks for them, SSRF forbids the rest). Head and body are bounded, and so is
 * the whole exchange by --timeout (SEC-31): half of it where the exchange before got no whole reply
 * in time, a quarter where the two before did, so that a mute router is given up soon.
 */
#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/http.h"
#include "cp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#define REPLY_MAX	(1024 * 1024)
#define CHUNK		16384
#define NAIVE_MAX	(128 * 1024 * 1024)
#define NAIVE_CHUNK	(1024 * 1024)
#define NAIVE_HEAD_MAX	2048
#define REDIRECTS_MAX	2
#define CONNECT_WAIT_US (3 * CLOCK_SECOND)
#define GRACE_US	(100 * 1000)
#define HALVINGS_MAX	2

enum progress { MORE, ENOUGH, DONE, BROKEN };

/**
 * struct reader - a reply being read
 * @raw:	bytes of the reply, informational heads taken off
 * @head_len:	bytes of the head, 0 = not there yet
 * @fed:	bytes of the body given to the chunked decoder
 * @eof:	the router closed
 */
struct reader {
	struct cp *cp;
	struct cp_http_reply *out;
	struct http_head head;
	size_t head_len;
	enum http_framing framing;
	uint64_t length;
	struct http_chunked chunked;
	size_t fed;
	bool chunks_done;
	bool eof;
	const char *why;
};

/* Whether the last end tag is that of a whole document: a SOAP envelope or a description. */
static bool xml_complete(const struct buf *body)
{
	static const char *const roots[] = {"Envelope", "root"};
	size_t end = body->len, start;

	while (end && body->data[end - 1] != '>')
		end--;
	for (start = end; start > 1; start--)
		if (body->data[start - 2] == '<' && body->data[start - 1] == '/')
			break;
	if (start <= 1)
		return false;
	for (size_t i = start; i < end; i++)
		if (body->data[i] == ':')
			start = i + 1;
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		size_t len = strlen(roots[i]);

		if (end - start > len && !strncasecmp(body->data + start, roots[i], len))
			return true;
	}
	return false;
}

/* Whether it starts out as a document whose end xml_complete() would know. */
static bool looks_like_ours(const struct buf *body)
{
	return body->len && (memmem(body->data, body->len, "Envelope", 8) ||
			     memmem(body->data, body->len, "<root", 5));
}

/* Take the head off once it is whole. */
static enum progress read_head(struct reader *r)
{
	struct cp_http_reply *out = r->out;
	enum http_error error;

	for (;;) {
		size_t len = out->raw.len;

		if (cp_naive(r->cp, NAIVE_SINGLE_RECV) && len > NAIVE_HEAD_MAX)
			len = NAIVE_HEAD_MAX;
		error = http_parse_head(out->raw.data, len, &r->head, &r->head_len);
		if (error == HTTP_INCOMPLETE) {
			r->head_len = 0;
			return MORE;
		}
		if (error != HTTP_OK || !r->head.is_response) {
			r->why = "what came back is no HTTP reply";
			return BROKEN;
		}
		if (r->head.status / 100 != 1)
			break;
		buf_consume(&out->raw, r->head_len);
	}
	out->status = r->head.status;
	if (http_body_framing(&r->head, false, &r->framing, &r->length) != HTTP_OK) {
		r->framing = HTTP_BODY_UNTIL_CLOSE;
		out->note = "the length of the body is unreadable";
	}
	return DONE;
}

/* Decode what is new of a chunked body. */
static enum progress read_chunks(struct reader *r)
{
	const struct buf *raw = &r->out->raw;
	size_t start = r->head_len + r->fed, used;
	enum http_error error;

	if (r->chunks_done)
		return DONE;
	error = http_chunked_feed(&r->chunked, raw->data + start, raw->len - start, &used,
				  &r->out->body);
	r->fed += used;
	r->chunks_done = error == HTTP_OK;
	if (error == HTTP_OK)
		return DONE;
	if (error == HTTP_INCOMPLETE)
		return MORE;
	r->out->note = "the chunks are malformed";
	return xml_complete(&r->out->body) ? DONE : BROKEN;
}

/* Where the body stands by its framing; cp_http_reply.body is up to date afterwards. */
static enum progress framed(struct reader *r)
{
	struct cp_http_reply *out = r->out;
	size_t len = out->raw.len - r->head_len;

	if (r->framing == HTTP_BODY_CHUNKED) {
		enum progress p = read_chunks(r);

		if (p == BROKEN)
			r->why = "the chunked body is malformed";
		return p;
	}
	buf_reset(&out->body);
	if (r->framing == HTTP_BODY_NONE)
		return DONE;
	buf_add(&out->body, out->raw.data + r->head_len, len);
	if (r->framing == HTTP_BODY_LENGTH)
		return len >= r->length ? DONE : MORE;
	return MORE;
}

/* A client that knows Content-Length and nothing else. */
static enum progress framed_by_length_only(struct reader *r)
{
	struct slice value = http_header(&r->head, "Content-Length");
	struct cp_http_reply *out = r->out;
	size_t len = out->raw.len - r->head_len;
	uint64_t length = 0;

	slice_number(value, REPLY_MAX, &length);
	buf_reset(&out->body);
	buf_add(&out->body, out->raw.data + r->head_len, len < length ? len : length);
	return len >= length ? DONE : MORE;
}

static enum progress progress(struct reader *r)
{
	struct cp_http_reply *out = r->out;
	enum progress p;
	bool whole;

	if (!r->head_len) {
		p = read_head(r);
		if (p != DONE)
			return p;
	}
	if (cp_naive(r->cp, NAIVE_TRUST_CONTENT_LENGTH_ONLY))
		return framed_by_length_only(r);
	p = framed(r);
	if (p == BROKEN || r->framing == HTTP_BODY_NONE)
		return p;
	whole = xml_complete(&out->body);
	if (p == DONE)
		return whole || !looks_like_ours(&out->body) ? DONE : ENOUGH;
	return whole ? ENOUGH : MORE;
}

/* Nothing more will come, or nothing more is waited for: is it a reply? */
static bool settle(struct reader *r, enum progress p)
{
	if (p == MORE && !r->head_len) {
		r->why = r->out->raw.len ? "the reply ended within its head"
					 : "the router closed without a reply";
		return false;
	}
	if (p == MORE && r->framing == HTTP_BODY_CHUNKED)
		r->out->note = "the last chunk is missing";
	else if (p == MORE && r->framing == HTTP_BODY_LENGTH)
		r->out->note = "the body is shorter than its Content-Length";
	else if (p == ENOUGH && r->framing == HTTP_BODY_LENGTH &&
		 r->out->raw.len - r->head_len < r->length)
		r->out->note = "the document ends before its Content-Length";
	return true;
}

/* Wait for @events. Return: 1, 0 at the deadline, -1 on an error. */
static int wait_for(int fd, short events, int64_t deadline)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = events};
		int64_t left = deadline - clock_now();
		int got;

		if (left <= 0)
			return 0;
		got = poll(&p, 1, (int)(left / 1000) + 1);
		if (got > 0)
			return 1;
		if (got < 0 && errno != EINTR)
			return -1;
	}
}

/* Read until the reply is there. */
static bool read_reply(struct reader *r, int fd, int64_t deadline)
{
	struct buf *raw = &r->out->raw;
	size_t chunk = cp_naive(r->cp, NAIVE_UNBOUNDED_REPLY) ? NAIVE_CHUNK : CHUNK;
	enum progress p = MORE;

	while (p == MORE || p == ENOUGH) {
		int64_t grace = clock_now() + GRACE_US;
		int64_t until = p == ENOUGH && grace < deadline ? grace : deadline;
		ssize_t len;

		if (wait_for(fd, POLLIN, until) <= 0) {
			if (p == ENOUGH)
				return settle(r, p);
			r->why = "no whole reply in time";
			return r->head_len && xml_complete(&r->out->body);
		}
		len = recv(fd, buf_reserve(raw, chunk), chunk, 0);
		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (len <= 0 && !raw->len && len < 0)
			r->why = strerror(errno);
		if (len < 0 && !raw->len)
			return false;
		if (len <= 0)
			return settle(r, p);
		raw->len += (size_t)len;
		if (raw->len > (cp_naive(r->cp, NAIVE_UNBOUNDED_REPLY) ? NAIVE_MAX : REPLY_MAX)) {
			r->why = "the reply is larger than a megabyte";
			return false;
		}
		p = progress(r);
		if (cp_naive(r->cp, NAIVE_SINGLE_RECV) && p != BROKEN)
			return settle(r, p);
	}
	return p == DONE;
}

static bool send_all(int fd, const char *data, size_t len, int64_t deadline)
{
	while (len) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN && wait_for(fd, POLLOUT, deadline) > 0)
			continue;
		if (sent <= 0)
			return false;
		data += sent;
		len -= (size_t)sent;
	}
	return true;
}

/* An address with a zone behind "%" is on that interface. */
static bool read_ipv6(const char *host, struct sockaddr_in6 *out)
{
	char text[INET6_ADDRSTRLEN];
	size_t len = strcspn(host, "%");

	if (len >= sizeof(text))
		return false;
	memcpy(text, host, len);
	text[len] = '\0';
	out->sin6_scope_id = host[len] ? if_nametoindex(host + len + 1) : 0;
	return inet_pton(AF_INET6, text, &out->sin6_addr) == 1;
}

/* Where a URL leads. Return: the address's length, 0 when its host is none. */
static socklen_t address_of(const struct url *url, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(url->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(url->port)};

	if (url->is_ipv6 && read_ipv6(url->host, &v6)) {
		memcpy(out, &v6, sizeof(v6));
		return sizeof(v6);
	}
	if (url->is_ipv6 || inet_pton(AF_INET, url->host, &v4.sin_addr) != 1)
		return 0;
	memcpy(out, &v4, sizeof(v4));
	return sizeof(v4);
}

/* Over IPv6 a connection comes from the address that is to be reached (6FC-27). */
static int open_connection(const struct cp *cp, const struct sockaddr_storage *to, socklen_t size)
{
	int fd = socket(to->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
	bool from = to->ss_family == AF_INET6 && cp->own6.sin6_family;
	int error;

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if ((!from || bind(fd, (const struct sockaddr *)&cp->own6, sizeof(cp->own6)) == 0) &&
	    (connect(fd, (const struct sockaddr *)to, size) == 0 || errno == EINPROGRESS))
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static int connect_to(const struct cp *cp, const struct cp_http_request *q, int64_t deadline,
		      const char **why, bool *refused)
{
	int64_t limit = clock_now() + CONNECT_WAIT_US;
	struct sockaddr_storage to;
	socklen_t size = address_of(q->url, &to), len;
	int fd, error = 0;

	if (!size) {
		*why = "the host is no IP address";
		return -1;
	}
	len = sizeof(error);
	fd = open_connection(cp, &to, size);
	if (fd < 0)
		error = -fd;
	else if (wait_for(fd, POLLOUT, limit < deadline ? limit : deadline) <= 0)
		error = ETIMEDOUT;
	else
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (!error)
		return fd;
	*why = strerror(error);
	*refused = error == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* "Linux/6.1 UPnP/1.1 igdlab/0.1": UDA 1.1 clause 2.2 */
static void add_user_agent(const struct cp *cp, struct buf *out)
{
	struct utsname u;

	if (cp_naive(cp, NAIVE_ODD_USER_AGENT)) {
		buf_printf(out, "User-Agent: igdlab\r\n");
		return;
	}
	uname(&u);
	buf_printf(out, "User-Agent: %s/%.*s UPnP/1.1 igdlab/" IGDLAB_VERSION "\r\n", u.sysname,
		   (int)strcspn(u.release, "-"), u.release);
}

static void build_head(const struct cp *cp, const struct cp_http_request *q, struct buf *out)
{
	buf_printf(out, "%s %s HTTP/1.%d\r\n", q->method, q->url->path,
		   !cp_naive(cp, NAIVE_NO_HOST));
	if (!cp_naive(cp, NAIVE_NO_HOST)) {
		/* A zone means nothing to anybody else (RFC 6874 clause 1). */
		buf_printf(out, q->url->is_ipv6 ? "Host: [%.*s]" : "Host: %.*s",
			   (int)strcspn(q->url->host, "%"), q->url->host);
		if (q->url->port != 80)
			buf_printf(out, ":%u", q->url->port);
		buf_puts(out, "\r\n");
	}
	if (q->action && cp_naive(cp, NAIVE_ACCEPT_LANGUAGE))
		buf_puts(out, "Accept-Language: en\r\n");
	add_user_agent(cp, out);
	if (q->action) {
		buf_printf(out,
			   "Content-Length: %zu\r\nContent-Type: text/xml; charset=\"utf-8\"\r\n",
			   q->body.len);
		if (q->extension)
			buf_puts(out, "MAN: \"http://schemas.xmlsoap.org/soap/envelope/\"; "
				      "ns=01\r\n01-");
		buf_printf(out, "SOAPAction: \"%s\"\r\n", q->action);
		buf_puts(out, "Cache-Control: no-cache\r\nPragma: no-cache\r\n");
	}
	buf_puts(out, "Connection: close\r\n\r\n");
}

/* As long as the answer to a lone head would take, or Nagle's algorithm against a delayed ACK. */
#define BETWEEN_WRITES_MS 100

static bool send_request(struct cp *cp, int fd, const struct cp_http_request *q, int64_t deadline)
{
	struct buf bytes = {0};
	bool sent;

	build_head(cp, q, &bytes);
	if (cp_naive(cp, NAIVE_TWO_WRITES) && q->body.len) {
		struct pollfd reply = {.fd = fd, .events = POLLIN};

		sent = send_all(fd, bytes.data, bytes.len, deadline);
		if (sent && poll(&reply, 1, BETWEEN_WRITES_MS) == 0)
			sent = send_all(fd, q->body.ptr, q->body.len, deadline);
	} else {
		buf_add_slice(&bytes, q->body);
		sent = send_all(fd, bytes.data, bytes.len, deadline);
	}
	buf_free(&bytes);
	return sent;
}

void cp_http_free(struct cp_http_reply *reply)
{
	buf_free(&reply->raw);
	buf_free(&reply->body);
	*reply = (struct cp_http_reply){0};
}

/* One connection. @again: it died before a byte came, another try makes sense. */
static bool exchange(struct cp *cp, const struct cp_http_request *q, struct cp_http_reply *reply,
		     const char **why, bool *again)
{
	unsigned halvings = cp->silences < HALVINGS_MAX ? cp->silences : HALVINGS_MAX;
	int64_t deadline = clock_now() + (cp->options.timeout_us >> halvings);
	struct reader r = {.cp = cp, .out = reply, .why = "the reply is unreadable"};
	struct sockaddr_in local;
	socklen_t len = sizeof(local);
	int fd = connect_to(cp, q, deadline, why, &cp->gone);
	bool fine;

	*again = false;
	if (fd < 0)
		return false;
	if (getsockname(fd, (struct sockaddr *)&local, &len) == 0 && local.sin_family == AF_INET)
		reply->local = local.sin_addr;
	fine = send_request(cp, fd, q, deadline) && read_reply(&r, fd, deadline);
	cp->silences = fine || clock_now() < deadline ? 0 : cp->silences + 1;
	close(fd);
	if (!fine) {
		*why = r.why;
		*again = !reply->raw.len && clock_now() < deadline;
	}
	return fine;
}

/* Where a redirect leads, if it may be followed: it stays on the host that was asked. */
static bool redirect(const struct cp *cp, const struct cp_http_reply *reply, const struct url *from,
		     struct url *to)
{
	struct http_head head;
	struct url next;
	size_t len;

	if (reply->status < 301 || reply->status > 308 || reply->status == 304 ||
	    http_parse_head(reply->raw.data, reply->raw.len, &head, &len) != HTTP_OK ||
	    !url_resolve(from, http_header(&head, "Location"), &next) ||
	    (strcmp(next.host, from->host) != 0 && !cp_naive(cp, NAIVE_FOLLOWS_REDIRECTS)))
		return false;
	*to = next;
	return true;
}

bool cp_http(struct cp *cp, const struct cp_http_request *request, struct cp_http_reply *reply,
	     const char **why)
{
	struct cp_http_request q = *request;
	struct url target;
	bool fine = false, again;

	*reply = (struct cp_http_reply){0};
	for (int i = 0; i <= REDIRECTS_MAX; i++) {
		fine = exchange(cp, &q, reply, why, &again);
		if (!fine && again) {
			cp_http_free(reply);
			fine = exchange(cp, &q, reply, why, &again);
		}
		if (!fine || !redirect(cp, reply, q.url, &target))
			break;
		q.url = &target;
		cp_http_free(reply);
		*why = "the redirects never end";
		fine = false;
	}
	if (!fine)
		cp_http_free(reply);
	return fine;
}
