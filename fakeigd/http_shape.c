/* SPDX-License-Identifier: MIT */
/*
 * http_shape.c - what rules do to the form of an answer: redirections, whole answers byte by byte,
 * and padding, which is made while it is sent and so may be larger than any memory.
 */
#include "http_connection.h"
#include "profile.h"

#include <arpa/inet.h>
#include <stdio.h>

#define PAD_TEXT 65536

void http_local_text(const struct connection *c, char out[INET6_ADDRSTRLEN + 2])
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	out[0] = '\0';
	if (c->local.ss_family == AF_INET) {
		memcpy(&v4, &c->local, sizeof(v4));
		inet_ntop(AF_INET, &v4.sin_addr, out, INET6_ADDRSTRLEN);
	} else if (c->local.ss_family == AF_INET6) {
		memcpy(&v6, &c->local, sizeof(v6));
		out[0] = '[';
		inet_ntop(AF_INET6, &v6.sin6_addr, out + 1, INET6_ADDRSTRLEN);
		strcat(out, "]");
	}
}

/* The URL under which the request came, as the client wrote its authority. */
static void add_self(struct connection *c, const struct http_head *head, struct buf *out)
{
	struct slice host = head ? http_header(head, "Host") : (struct slice){0};
	char local[INET6_ADDRSTRLEN + 2];

	http_local_text(c, local);
	buf_puts(out, "http://");
	if (host.len)
		buf_add_slice(out, host);
	else
		buf_printf(out, "%s:%u", local, c->http->port);
	if (head)
		buf_add_slice(out, head->target);
}

static void add_url(struct connection *c, const struct http_head *head, const char *text,
		    struct buf *out)
{
	char local[INET6_ADDRSTRLEN + 2];

	http_local_text(c, local);
	while (*text) {
		if (!strncmp(text, "{lan_address}", 13)) {
			buf_puts(out, local);
			text += 13;
		} else if (!strncmp(text, "{http_port}", 11)) {
			buf_printf(out, "%u", c->http->port);
			text += 11;
		} else if (!strncmp(text, "{path}", 6)) {
			if (head)
				buf_add_slice(out, head->target);
			text += 6;
		} else {
			buf_putc(out, *text++);
		}
	}
}

void http_redirect(struct connection *c, const struct http_head *head)
{
	struct http_reply *reply = &c->http->reply;
	struct effects *e = &reply->effects;

	if (!e->status)
		e->status = 302;
	http_error_reply(c->http->router, reply, e->status);
	buf_puts(&reply->extra, "LOCATION: ");
	if (!strcmp(e->redirect, "self"))
		add_self(c, head, &reply->extra);
	else
		add_url(c, head, e->redirect, &reply->extra);
	buf_puts(&reply->extra, "\r\n");
}

void http_raw(struct connection *c, const struct template *raw)
{
	struct message_values values = {0};
	char port[8], local[INET6_ADDRSTRLEN + 2];
	const char *end;

	snprintf(port, sizeof(port), "%u", c->http->port);
	http_local_text(c, local);
	values.v[PLACEHOLDER_SERVER] = slice_of(c->http->router->profile->server);
	values.v[PLACEHOLDER_DATE] = router_date(c->http->router);
	values.v[PLACEHOLDER_LAN_ADDRESS] = slice_of(local);
	values.v[PLACEHOLDER_HTTP_PORT] = slice_of(port);
	template_render(raw, &values, &c->out);
	end = c->out.len ? memmem(c->out.data, c->out.len, "\r\n\r\n", 4) : NULL;
	c->head_out = end ? (size_t)(end - c->out.data) + 4 : c->out.len;
}

void http_pad_text(struct connection *c, const char *with)
{
	with = with ? with : " ";
	buf_reset(&c->pad_text);
	while (c->pad_text.len < PAD_TEXT)
		buf_puts(&c->pad_text, with);
}

void http_pad_head(struct connection *c, const struct effects *e)
{
	const char *with = e->pad_with ? e->pad_with : "x";
	bool lines = strchr(with, '\n');

	/* Before the empty line: one long header, or lines that are headers themselves. */
	c->out.len -= c->out.len >= 2 ? 2 : 0;
	if (!lines)
		buf_puts(&c->out, "X-PADDING: ");
	c->pad = (size_t)e->pad;
	c->pad_at = c->out.len;
	http_pad_text(c, with);
	buf_puts(&c->out, lines ? "\r\n" : "\r\n\r\n");
	c->head_out = c->out.len + c->pad;
}

struct slice http_piece(const struct connection *c, size_t offset, size_t len)
{
	size_t from = 0, there;
	const char *data = c->out.data;

	if (!c->pad || offset < c->pad_at) {
		from = offset;
		there = c->pad ? c->pad_at - offset : c->out.len - offset;
	} else if (offset < c->pad_at + c->pad) {
		data = c->pad_text.data;
		from = (offset - c->pad_at) % c->pad_text.len;
		there = c->pad_text.len - from;
		if (there > c->pad_at + c->pad - offset)
			there = c->pad_at + c->pad - offset;
	} else {
		from = offset - c->pad;
		there = c->out.len - from;
	}
	return (struct slice){data + from, len < there ? len : there};
}
