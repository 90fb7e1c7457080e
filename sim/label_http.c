/* SPDX-License-Identifier: MIT */
/*
 * label_http.c - HTTP over TCP in one line: descriptions, SOAP, GENA and the rest.
 *
 * Theory of operation
 *
 * The head decides for a request (SOAPACTION or an envelope: SOAP, UDA 2.0 clause 3; SUBSCRIBE,
 * UNSUBSCRIBE, NOTIFY: GENA, clause 4), the body and the request for a response. A description
 * that goes by is decoded for its event URLs, so that a SUBSCRIBE later says which service it is
 * about.
 */
#include "label.h"

#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/description.h"
#include "../fakeigd/wire/gena.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define EVENT_URLS_MAX	 512
#define GENA_SHOWN_CHARS 120 /* of the values of an event */

/* ---- event URLs ---- */

/* "host:port/path" of what a request asks for. */
static void request_url(struct buf *out, const struct flow_message *request, struct slice target)
{
	char host[INET6_ADDRSTRLEN];

	inet_ntop(request->family, request->dst, host, sizeof(host));
	buf_printf(out, "%s:%u", host, request->dst_port);
	buf_add_slice(out, target);
}

static const char *find_event(const struct label_events *e, const char *url)
{
	for (size_t i = e->count; i-- > 0;) {
		if (strcmp(e->urls[i], url) == 0)
			return e->services[i];
	}
	return NULL;
}

static void learn_service(struct label_events *e, const struct description_service *service)
{
	const struct url *u = &service->event;
	struct buf type = {0};
	char *url;

	if (!u->host[0] || !service->type)
		return;
	url = xasprintf("%s:%u%s", u->host, u->port, u->path);
	if (e->count == EVENT_URLS_MAX || find_event(e, url)) {
		free(url);
		return;
	}
	e->urls = xrealloc(e->urls, (e->count + 1) * sizeof(*e->urls));
	e->services = xrealloc(e->services, (e->count + 1) * sizeof(*e->services));
	label_type(&type, slice_of(service->type));
	e->urls[e->count] = url;
	e->services[e->count++] = buf_steal(&type);
}

static void learn_events(struct label_events *e, struct slice body,
			 const struct flow_message *request)
{
	char host[INET6_ADDRSTRLEN];
	struct buf text = {0};
	struct description d;
	struct http_head head;
	struct url base;
	size_t consumed;
	const char *why;

	if (!request || http_parse_head(request->bytes.data, request->bytes.len, &head, &consumed))
		return;
	inet_ntop(request->family, request->dst, host, sizeof(host));
	buf_printf(&text, request->family == AF_INET6 ? "http://[%s]:%u" : "http://%s:%u", host,
		   request->dst_port);
	buf_add_slice(&text, head.target);
	if (url_parse(buf_slice(&text), &base) &&
	    description_parse(body.ptr, body.len, &base, &d, &why)) {
		for (size_t i = 0; i < d.count; i++)
			learn_service(e, &d.services[i]);
		description_free(&d);
	}
	buf_free(&text);
}

/* ---- requests ---- */

static void gena_timeout(struct buf *text, struct slice value)
{
	if (slice_starts(value, "Second-")) {
		buf_puts(text, ", ");
		buf_add(text, value.ptr + 7, value.len - 7);
		if (value.len > 7 && value.ptr[7] != 'i')
			buf_puts(text, " s");
	} else if (value.ptr) {
		buf_puts(text, ", TIMEOUT ");
		buf_add_slice(text, value);
	}
}

static void label_subscribe(struct flow_message *m, const struct label_events *events,
			    const struct http_head *head, struct buf *text)
{
	struct buf url = {0};
	const char *service;

	request_url(&url, m, head->target);
	service = find_event(events, url.data);
	buf_free(&url);
	buf_add_slice(text, head->method);
	buf_putc(text, ' ');
	if (service)
		buf_puts(text, service);
	else
		buf_add_slice(text, head->target);
	if (http_header(head, "SID").ptr && slice_eq(head->method, "SUBSCRIBE"))
		buf_puts(text, " again");
	if (slice_eq(head->method, "SUBSCRIBE"))
		gena_timeout(text, http_header(head, "TIMEOUT"));
	m->protocol = FLOW_GENA;
}

/** struct event_text - the properties of an event as they are strung together */
struct event_text {
	struct buf *text;
	bool any;
};

static void add_property(void *arg, const char *name, const char *value)
{
	struct event_text *e = arg;

	if (e->text->len > GENA_SHOWN_CHARS)
		return;
	buf_printf(e->text, "%s%s=%s", e->any ? ", " : ": ", name, value);
	e->any = true;
}

static void label_event(struct flow_message *m, const struct http_head *head, struct slice body,
			struct buf *text)
{
	struct event_text e = {text, false};

	buf_puts(text, "NOTIFY seq ");
	buf_add_slice(text, http_header(head, "SEQ"));
	if (gena_each_property(body.ptr, body.len, add_property, &e) != XML_OK)
		buf_puts(text, " (no property set)");
	m->protocol = FLOW_GENA;
}

static void label_request(struct flow_message *m, const struct label_events *events,
			  const struct http_head *head, struct slice body)
{
	struct buf text = {0};

	if (label_soap_request(m, head, body))
		return;
	if (slice_eq(head->method, "SUBSCRIBE") || slice_eq(head->method, "UNSUBSCRIBE")) {
		label_subscribe(m, events, head, &text);
	} else if (slice_eq(head->method, "NOTIFY")) {
		label_event(m, head, body, &text);
	} else {
		buf_add_slice(&text, head->method);
		buf_putc(&text, ' ');
		buf_add_slice(&text, head->target);
		if (body.len) {
			buf_puts(&text, ", ");
			label_bytes(&text, body.len);
		}
	}
	label_set(m, &text);
}

/* ---- responses ---- */

/* Whether @name is among the first words of a document: cheap, so that only one parser runs. */
static bool has_root(struct slice body, const char *name)
{
	struct slice start = {body.ptr, body.len < 1024 ? body.len : 1024};

	return start.len && memmem(start.ptr, start.len, name, strlen(name));
}

static void describe_body(struct buf *text, struct label_events *events, struct slice body,
			  const struct flow_message *request)
{
	if (!body.len)
		return;
	if (has_root(body, "<root")) {
		learn_events(events, body, request);
		buf_puts(text, " description");
	} else if (has_root(body, "<scpd")) {
		buf_puts(text, " service description");
	}
	buf_putc(text, ' ');
	label_bytes(text, body.len);
}

static void label_response(struct flow_message *m, struct label_events *events,
			   const struct http_head *head, struct slice body,
			   const struct flow_message *request)
{
	struct buf text = {0};

	m->is_reply = true;
	m->is_error = head->status >= 400;
	if (request)
		m->protocol = request->protocol;
	if ((m->protocol == FLOW_SOAP || has_root(body, "Envelope")) &&
	    label_soap_reply(m, head, body))
		return;
	buf_printf(&text, "%d ", head->status);
	if (head->reason.len)
		buf_add_slice(&text, head->reason);
	else
		buf_puts(&text, http_status_reason(head->status));
	if (m->protocol == FLOW_GENA && http_header(head, "SID").ptr && !m->is_error)
		gena_timeout(&text, http_header(head, "TIMEOUT"));
	describe_body(&text, events, body, request);
	label_set(m, &text);
}

/* A head that was cut off: as much as is known. */
static void label_start_line(struct flow_message *m)
{
	struct buf text = {0};
	const char *end = m->bytes.len ? memchr(m->bytes.data, '\r', m->bytes.len) : NULL;

	buf_puts(&text, "head of ");
	buf_add(&text, m->bytes.data, end ? (size_t)(end - m->bytes.data) : m->bytes.len);
	label_set(m, &text);
}

void label_http(struct flow_message *m, struct label_events *events, struct slice body,
		const struct flow_message *request, const struct label_notes *notes)
{
	struct http_head head;
	size_t consumed;

	m->protocol = FLOW_HTTP;
	if (http_parse_head(m->bytes.data, m->bytes.len, &head, &consumed) != HTTP_OK)
		label_start_line(m);
	else if (head.is_response)
		label_response(m, events, &head, body, request);
	else
		label_request(m, events, &head, body);
	if (notes->lost) {
		struct buf lost = {0};

		buf_puts(&lost, ", lost ");
		label_bytes(&lost, notes->lost);
		label_append(m, lost.data);
		buf_free(&lost);
	}
	if (notes->bad_chunk)
		label_append(m, ", bad chunk");
	if (notes->cut)
		label_append(m, ", cut off");
}
