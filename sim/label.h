/* SPDX-License-Identifier: MIT */
/*
 * label.h - what a message says, in one line for people.
 *
 * Pure. Each label_*() fills in label, protocol where the content decides it, is_reply and is_error
 * of a message whose bytes are complete.
 */
#ifndef SIM_LABEL_H
#define SIM_LABEL_H

#include "../fakeigd/wire/http.h"
#include "flow.h"

#define LABEL_CHARS_MAX 160

/**
 * struct label_events - event URLs learned from descriptions: whom a SUBSCRIBE is for
 * @urls:	"host:port/path"
 * @services:	"WANIPConnection:1"
 */
struct label_events {
	char **urls;
	char **services;
	size_t count;
};

void label_events_free(struct label_events *e);

/** struct label_notes - what happened to a message on its way */
struct label_notes {
	uint64_t lost;	/* bytes that the capture has not got */
	bool cut;	/* it ended early */
	bool bad_chunk; /* its chunked coding is broken */
};

/**
 * label_set() - replace a label
 *
 * Takes the bytes of @text over: control characters become spaces, what is no UTF-8 U+FFFD, and
 * more than LABEL_CHARS_MAX characters are cut off.
 */
void label_set(struct flow_message *m, struct buf *text);
void label_printf(struct flow_message *m, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/** label_append() - put more behind a label. */
void label_append(struct flow_message *m, const char *more);
/** label_type() - a search target or type in short: "WANIPConnection:1", "uuid:4f8c8842…". */
void label_type(struct buf *out, struct slice type);
/** label_bytes() - "1 byte", "2,954 bytes". */
void label_bytes(struct buf *out, uint64_t count);

/** label_ssdp() - a datagram of SSDP. Return: false when it is none (nothing was changed). */
bool label_ssdp(struct flow_message *m);
/** label_port_control() - NAT-PMP (RFC 6886) or PCP (RFC 6887). Return: false when it is none. */
bool label_port_control(struct flow_message *m);
/** label_udp() - any other datagram; @ttl is told where it is smaller than programs use. */
void label_udp(struct flow_message *m, uint8_t ttl);
/** label_data() - bytes of a TCP connection that are no HTTP. */
void label_data(struct flow_message *m, const struct label_notes *notes);
/**
 * label_http() - HTTP over TCP: descriptions, SOAP, GENA and the rest
 * @events:	learned from here, and used
 * @body:	decoded body
 * @request:	which it answers, NULL = none known
 */
void label_http(struct flow_message *m, struct label_events *events, struct slice body,
		const struct flow_message *request, const struct label_notes *notes);
/** label_soap_request(), label_soap_reply() - @body of either. Return: false when it is no SOAP. */
bool label_soap_request(struct flow_message *m, const struct http_head *head, struct slice body);
bool label_soap_reply(struct flow_message *m, const struct http_head *head, struct slice body);

#endif
