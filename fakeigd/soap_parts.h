/* SPDX-License-Identifier: MIT */
/* soap_parts.h - what the files of the SOAP server share; nobody else includes it. */
#ifndef FAKEIGD_SOAP_PARTS_H
#define FAKEIGD_SOAP_PARTS_H

#include "soap.h"

#define SOAP_CONTROL_NS "urn:schemas-upnp-org:control-1-0"

/**
 * struct soap_exchange - one request on its way to one answer
 * @request, @reply: of the server
 * @message, @parsed: the body, and whether it could be read
 * @rewritten:	values in @message that rules made
 * @type:	service type that was asked for, as sent
 * @name:	action that was asked for, as sent
 * @call:	the action being performed
 * @code:	0 = success, else UPnP error code
 */
struct soap_exchange {
	struct router *router;
	const struct http_request *request;
	struct http_reply *reply;
	struct soap_message message;
	bool parsed;
	struct rewritten rewritten;
	char *type;
	char *name;
	struct soap_call call;
	int code;
};

/**
 * struct soap_later - a request whose answer comes later
 * @x:		the exchange, moved here
 * @request:	what is read of it beside @x: addresses
 * @effects:	of the rules that matched the request
 */
struct soap_later {
	struct soap_exchange x;
	struct http_request request;
	struct effects effects;
	struct http_later http;
};

/* soap_action.c */
/** soap_gather() - in-arguments of the message into the call, checked. Return: 0 or error code. */
int soap_gather(struct soap_exchange *x);
/** soap_pretend() - out-arguments of an action that is not performed: what was asked for, or 0. */
void soap_pretend(struct soap_call *call);
/** soap_query() - QueryStateVariable (UDA 1.0 3.3); the value goes to @out. */
int soap_query(struct soap_exchange *x, const struct service *s, struct buf *out);

/* soap_render.c */
/** soap_render() - body, status and head for @x->code. */
void soap_render(struct soap_exchange *x);
/** soap_render_query() - answer to QueryStateVariable. */
void soap_render_query(struct soap_exchange *x, const char *value);
/** soap_render_protocol_fault() - VersionMismatch or MustUnderstand (SOAP 1.1 4.4.1). */
void soap_render_protocol_fault(struct soap_exchange *x, const char *name, const char *text);

/* soap_journal.c; each is cheap when the journal is off */
void soap_journal_received(const struct soap_exchange *x);
void soap_journal_decided(const struct soap_exchange *x);
void soap_journal_sent(const struct soap_exchange *x);
/** soap_journal_refused() - the HTTP server answers instead, with @status. */
void soap_journal_refused(const struct soap_exchange *x, int status, const char *why);

#endif
