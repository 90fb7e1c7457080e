/* SPDX-License-Identifier: MIT */
/*
 * journal.c - one JSON object per line (see journal.h).
 *
 * Theory of operation: the members that every line has are written by hand into a buffer that is
 * kept, since a router under load writes several lines per request; jansson only renders what a
 * caller adds. Each line is one write(), so lines of several writers to one O_APPEND file never
 * mix and nothing is lost when the process is killed. Whoever reads the journal may trust that
 * every line is JSON in UTF-8: bytes of the network that are no UTF-8 become U+FFFD here.
 */
#include "journal.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "wire/utf8.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/**
 * struct journal - a journal that is being written
 * @fd:		where to
 * @start:	clock_now() at which it began: origin of "clock"
 * @router:	name as a JSON string, quotes included
 * @line:	the line at hand
 * @bytes:	journal_bytes() writes
 */
struct journal {
	int fd;
	int64_t start;
	struct buf router;
	struct buf line;
	bool bytes;
};

static const char *const event_names[] = {
	[JOURNAL_RECEIVED] = "received", [JOURNAL_DECIDED] = "decided", [JOURNAL_SENT] = "sent",
	[JOURNAL_STATE] = "state",	 [JOURNAL_ERROR] = "error",	[JOURNAL_READ] = "read",
	[JOURNAL_WRITTEN] = "written",
};
static_assert(ARRAY_SIZE(event_names) == JOURNAL_WRITTEN + 1, "a name for every event");

/* Length of the UTF-8 sequence at @s (RFC 3629), 0 when it is none. */
static size_t utf8_length(const unsigned char *s, size_t len)
{
	size_t need = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (!need || s[0] > 0xf4 || need > len)
		return 0;
	for (size_t i = 1; i < need; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates and code points above U+10FFFF show in the second byte. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return need;
}

static void add_slice(struct buf *out, struct slice text)
{
	const unsigned char *s = (const unsigned char *)text.ptr, *plain = s;
	const unsigned char *end = s + text.len;

	buf_putc(out, '"');
	while (s < end) {
		size_t step = utf8_length(s, (size_t)(end - s));

		if (step && *s >= 0x20 && *s != 0x7f && *s != '"' && *s != '\\') {
			s += step;
			continue;
		}
		buf_add(out, plain, (size_t)(s - plain));
		if (!step)
			buf_puts(out, "\xef\xbf\xbd");
		else if (*s == '"' || *s == '\\')
			buf_add(out, (const char[]){'\\', (char)*s}, 2);
		else
			buf_printf(out, "\\u%04x", *s);
		plain = ++s;
	}
	buf_add(out, plain, (size_t)(s - plain));
	buf_putc(out, '"');
}

static void add_string(struct buf *out, const char *text)
{
	add_slice(out, slice_of(text));
}

/* A number in decimal, at least @digits of it. printf() would cost more than the rest of a line. */
static void add_number(struct buf *out, uint64_t value, int digits)
{
	char text[24];
	char *at = text + sizeof(text);

	for (; value || digits > 0; value /= 10, digits--)
		*--at = (char)('0' + value % 10);
	buf_add(out, at, (size_t)(text + sizeof(text) - at));
}

/* @us as seconds with six digits behind the point. */
static void add_seconds(struct buf *out, int64_t us)
{
	add_number(out, (uint64_t)(us / CLOCK_SECOND), 1);
	buf_putc(out, '.');
	add_number(out, (uint64_t)(us % CLOCK_SECOND), 6);
}

static void add_address(struct buf *out, const char *name, const struct sockaddr *address)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	char text[INET6_ADDRSTRLEN];

	if (address->sa_family != AF_INET && address->sa_family != AF_INET6)
		return;
	buf_puts(out, ", \"");
	buf_puts(out, name);
	buf_puts(out, "\": \"");
	/* The port lies at the same place in both families. */
	memcpy(&v4, address, sizeof(v4));
	if (address->sa_family == AF_INET) {
		inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
		buf_puts(out, text);
	} else {
		memcpy(&v6, address, sizeof(v6));
		inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
		buf_putc(out, '[');
		buf_puts(out, text);
		if (v6.sin6_scope_id) {
			buf_putc(out, '%');
			add_number(out, v6.sin6_scope_id, 1);
		}
		buf_putc(out, ']');
	}
	buf_putc(out, ':');
	add_number(out, ntohs(v4.sin_port), 1);
	buf_putc(out, '"');
}

/* The members of a json_pack() format, without its braces. */
static void add_members(struct buf *out, const char *format, va_list ap)
{
	json_error_t error;
	json_t *extra = json_vpack_ex(&error, 0, format, ap);
	char *text = extra ? json_dumps(extra, 0) : NULL;
	size_t len = text ? strlen(text) : 0;

	if (!text) {
		buf_puts(out, ", \"unprintable\": ");
		add_string(out, error.text);
	} else if (len > 2) {
		buf_puts(out, ", ");
		buf_add(out, text + 1, len - 2);
	}
	free(text);
	json_decref(extra);
}

static void write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t done = write(fd, data, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return; /* a full disk or a reader that left must not stop the router */
		data += done;
		len -= (size_t)done;
	}
}

struct journal *journal_new(int fd, const char *router)
{
	struct journal *j = xcalloc(1, sizeof(*j));

	j->fd = fd;
	j->start = clock_now();
	add_string(&j->router, router);
	return j;
}

void journal_free(struct journal *j)
{
	if (!j)
		return;
	if (j->fd >= 0)
		close(j->fd);
	buf_free(&j->router);
	buf_free(&j->line);
	free(j);
}

bool journal_on(const struct journal *j)
{
	return j && j->fd >= 0;
}

void journal_keep_bytes(struct journal *j)
{
	j->bytes = true;
}

/* Up to its members. */
static void begin_line(struct journal *j, enum journal_event event, const char *layer,
		       const struct sockaddr *from, const struct sockaddr *to, const char *what)
{
	buf_reset(&j->line);
	buf_puts(&j->line, "{\"time\": ");
	add_seconds(&j->line, clock_real());
	buf_puts(&j->line, ", \"clock\": ");
	add_seconds(&j->line, clock_now() - j->start);
	buf_puts(&j->line, ", \"router\": ");
	buf_add_slice(&j->line, buf_slice(&j->router));
	buf_puts(&j->line, ", \"event\": \"");
	buf_puts(&j->line, event_names[event]);
	buf_puts(&j->line, "\", \"layer\": \"");
	buf_puts(&j->line, layer);
	buf_putc(&j->line, '"');
	if (from)
		add_address(&j->line, "from", from);
	if (to)
		add_address(&j->line, "to", to);
	buf_puts(&j->line, ", \"what\": ");
	add_string(&j->line, what);
}

static void end_line(struct journal *j)
{
	buf_puts(&j->line, "}\n");
	write_all(j->fd, j->line.data, j->line.len);
}

void journal_bytes(struct journal *j, enum journal_event event, const char *layer,
		   const struct sockaddr *from, const struct sockaddr *to, struct slice bytes)
{
	char what[32];

	if (!journal_on(j) || !j->bytes)
		return;
	snprintf(what, sizeof(what), "%zu bytes", bytes.len);
	begin_line(j, event, layer, from, to, bytes.ptr ? what : "closed");
	if (bytes.ptr && utf8_is_valid(bytes.ptr, bytes.len)) {
		buf_puts(&j->line, ", \"text\": ");
		add_slice(&j->line, bytes);
	} else if (bytes.ptr) {
		buf_puts(&j->line, ", \"hex\": \"");
		for (size_t i = 0; i < bytes.len; i++)
			buf_printf(&j->line, "%02x", (uint8_t)bytes.ptr[i]);
		buf_putc(&j->line, '"');
	}
	end_line(j);
}

void journal_write(struct journal *j, enum journal_event event, const char *layer,
		   const struct sockaddr *from, const struct sockaddr *to, const char *what,
		   const char *format, ...)
{
	va_list ap;

	if (!journal_on(j))
		return;
	begin_line(j, event, layer, from, to, what);
	if (format) {
		va_start(ap, format);
		add_members(&j->line, format, ap);
		va_end(ap);
	}
	end_line(j);
}
