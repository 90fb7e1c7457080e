/* SPDX-License-Identifier: MIT */
/*
 * label.c - what a message says, in one line for people: the common parts, SSDP, plain datagrams.
 *
 * Theory of operation
 *
 * A label is made once, when the message is complete, by the decoders of fakeigd/wire: never by
 * looking for words in the bytes. Bytes come from a network and may be anything; what goes into a
 * label is cleaned in one place, label_set(), so that pictures, JSON and terminals can show it.
 */
#include "label.h"

#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/ssdp.h"
#include "../fakeigd/wire/utf8.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define UUID_CHARS     8  /* of "uuid:" that a label shows */
#define PATH_CHARS     18 /* of a location that a label shows */
#define QUOTED_MAX     24 /* longer payloads are only counted */
#define TTL_NOTEWORTHY 8

void label_set(struct flow_message *m, struct buf *text)
{
	struct buf clean = {0};
	size_t chars = 0;

	for (size_t i = 0; i < text->len; chars++) {
		size_t len = utf8_char(text->data + i, text->len - i);
		unsigned char c = (unsigned char)text->data[i];

		if (chars == LABEL_CHARS_MAX) {
			buf_puts(&clean, "…");
			break;
		}
		if (!len)
			buf_puts(&clean, "\xef\xbf\xbd"); /* U+FFFD */
		else if (c < 0x20 || c == 0x7f)
			buf_putc(&clean, ' ');
		else
			buf_add(&clean, text->data + i, len);
		i += len ? len : 1;
	}
	buf_free(text);
	free(m->label);
	m->label = buf_steal(&clean);
}

void label_printf(struct flow_message *m, const char *format, ...)
{
	struct buf text = {0};
	va_list ap;

	va_start(ap, format);
	buf_vprintf(&text, format, ap);
	va_end(ap);
	label_set(m, &text);
}

void label_append(struct flow_message *m, const char *more)
{
	char *label = xasprintf("%s%s", m->label ? m->label : "", more);

	free(m->label);
	m->label = label;
}

void label_type(struct buf *out, struct slice type)
{
	struct urn urn;

	if (urn_parse(type, &urn)) {
		buf_add_slice(out, urn.type);
		buf_printf(out, ":%u", urn.version);
	} else if (slice_starts(type, "uuid:") && type.len > 5 + UUID_CHARS) {
		buf_add(out, type.ptr, 5 + UUID_CHARS);
		buf_puts(out, "…");
	} else {
		buf_add_slice(out, type);
	}
}

void label_bytes(struct buf *out, uint64_t count)
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf_putc(out, ',');
		buf_putc(out, digits[i]);
	}
	buf_puts(out, count == 1 ? " byte" : " bytes");
}

/* ", "text"" when the bytes are a few printable characters. */
static void label_quoted(struct buf *out, struct slice bytes)
{
	while (bytes.len && (bytes.ptr[bytes.len - 1] == '\n' || bytes.ptr[bytes.len - 1] == '\r'))
		bytes.len--;
	if (!bytes.len || bytes.len > QUOTED_MAX)
		return;
	for (size_t i = 0; i < bytes.len; i++) {
		if (!isprint((unsigned char)bytes.ptr[i]))
			return;
	}
	buf_puts(out, ", \"");
	buf_add_slice(out, bytes);
	buf_putc(out, '"');
}

/* "http://192.168.1.1:5431/dyndev/uuid:4f8c…": who and where are what matters. */
static void short_url(struct buf *text, struct slice url)
{
	const char *host = slice_starts(url, "http://") ? url.ptr + 7 : url.ptr;
	size_t before = (size_t)(host - url.ptr);
	const char *path = memchr(host, '/', url.len - before);
	size_t keep = path ? (size_t)(path - url.ptr) + PATH_CHARS : url.len;

	if (url.len <= keep + 2) {
		buf_add_slice(text, url);
		return;
	}
	buf_add(text, url.ptr, keep);
	buf_puts(text, "…");
}

static void ssdp_text(struct buf *text, const struct ssdp_message *s, enum ssdp_error error)
{
	static const char *const verbs[] = {
		[SSDP_SEARCH] = "M-SEARCH ",	  [SSDP_REPLY] = "200 OK ",
		[SSDP_ALIVE] = "NOTIFY alive ",	  [SSDP_BYEBYE] = "NOTIFY byebye ",
		[SSDP_UPDATE] = "NOTIFY update ",
	};

	if (s->head.is_response && error == SSDP_BAD_STATUS) {
		buf_printf(text, "%d ", s->head.status);
		buf_add_slice(text, s->head.reason);
		return;
	}
	if (error == SSDP_OTHER_METHOD || error == SSDP_BAD_NTS) {
		buf_add_slice(text, s->head.method);
		buf_putc(text, ' ');
	} else {
		buf_puts(text, verbs[s->kind]);
	}
	label_type(text, s->target);
	if (s->kind == SSDP_SEARCH && s->mx >= 0)
		buf_printf(text, ", MX %ld", s->mx);
	if (s->kind == SSDP_REPLY && s->location.ptr) {
		buf_puts(text, " at ");
		short_url(text, s->location);
	}
	if (error != SSDP_OK)
		buf_printf(text, " (%s)", ssdp_error_text(error));
}

bool label_ssdp(struct flow_message *m)
{
	struct ssdp_message s;
	enum ssdp_error error = ssdp_parse(m->bytes.data, m->bytes.len, &s);
	struct buf text = {0};

	if (error == SSDP_NOT_HTTP)
		return false;
	ssdp_text(&text, &s, error);
	m->protocol = FLOW_SSDP;
	m->is_reply = s.head.is_response;
	m->is_error = error == SSDP_BAD_STATUS;
	label_set(m, &text);
	return true;
}

/* What a well-known port carries; only where a real client's noise shows up in labs. */
static const char *datagram_name(const struct flow_message *m)
{
	static const struct {
		uint16_t port;
		const char *name;
	} known[] = {
		{53, "DNS"},	 {67, "DHCP"},	  {68, "DHCP"},		  {123, "NTP"},
		{546, "DHCPv6"}, {547, "DHCPv6"}, {3702, "WS-Discovery"}, {5353, "mDNS"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].port == m->dst_port || known[i].port == m->src_port)
			return known[i].name;
	}
	return NULL;
}

void label_udp(struct flow_message *m, uint8_t ttl)
{
	const char *name = datagram_name(m);
	struct buf text = {0};

	if (name)
		buf_printf(&text, "%s ", name);
	else if (m->is_reply)
		buf_puts(&text, "UDP reply ");
	else
		buf_printf(&text, "UDP :%u ", m->dst_port);
	label_bytes(&text, m->size);
	label_quoted(&text, buf_slice(&m->bytes));
	if (!name && ttl < TTL_NOTEWORTHY)
		buf_printf(&text, ", TTL %u", ttl);
	m->protocol = FLOW_UDP;
	label_set(m, &text);
}

void label_data(struct flow_message *m, const struct label_notes *notes)
{
	struct buf text = {0};

	buf_puts(&text, "data ");
	label_bytes(&text, m->size);
	label_quoted(&text, buf_slice(&m->bytes));
	if (notes->lost) {
		buf_puts(&text, ", lost ");
		label_bytes(&text, notes->lost);
	}
	m->protocol = FLOW_TCP;
	label_set(m, &text);
}

void label_events_free(struct label_events *e)
{
	for (size_t i = 0; i < e->count; i++) {
		free(e->urls[i]);
		free(e->services[i]);
	}
	free(e->urls);
	free(e->services);
	*e = (struct label_events){0};
}
