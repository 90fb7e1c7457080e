/* SPDX-License-Identifier: MIT */
/* soap.h - control: from a POST to an action and back. */
#ifndef FAKEIGD_SOAP_H
#define FAKEIGD_SOAP_H

#include "http.h"
#include "service.h"

/** soap_post() - answer a POST (or M-POST) to any target. */
void soap_post(struct router *r, const struct http_request *request, struct http_reply *reply);

/* For the actions themselves. */

struct soap_later;

/* What an action returns that answers later: not among the codes that rules may set. */
#define SOAP_LATER (1 << 22)

/**
 * soap_hold() - keep the request beyond the action's return
 *
 * The action then returns SOAP_LATER, without having called anything that could call back, and
 * fills and sends the answer later. Return: for the functions below; one of soap_finish() and
 * soap_abandon() has to be called, from the loop and not from within a request.
 */
struct soap_later *soap_hold(struct soap_call *call);
/** soap_later_call() - the call, for soap_in(), soap_out() and soap_refuse(). */
struct soap_call *soap_later_call(struct soap_later *later);
/** soap_finish() - the action is over with @code, as if it returned that now; frees @later. Where
 * the control point has gone, nobody is told. */
void soap_finish(struct soap_later *later, int code);
/** soap_abandon() - there will be no answer; frees @later. Reads nothing of the profile. */
void soap_abandon(struct soap_later *later);

/** soap_in() - value of an in-argument, never NULL. A name that the table lacks is a bug: abort. */
const char *soap_in(const struct soap_call *call, const char *name);
/** soap_in_number() - the same as a number, low bits only where policy lets numbers overflow. */
uint32_t soap_in_number(const struct soap_call *call, const char *name);
bool soap_in_boolean(const struct soap_call *call, const char *name);
/** soap_out() - buffer for an out-argument's value: plain text, escaped later. NULL when the action
 * has no such argument: some actions tell less of the same thing than others. */
struct buf *soap_out(struct soap_call *call, const char *name);
void soap_out_text(struct soap_call *call, const char *name, const char *value);
void soap_out_number(struct soap_call *call, const char *name, uint64_t value);
/** soap_refuse() - return @code, and tell the journal why. */
int soap_refuse(struct soap_call *call, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
