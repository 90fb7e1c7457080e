/* SPDX-License-Identifier: MIT */
/* soap.h - control: from a POST to an action and back. */
#ifndef FAKEIGD_SOAP_H
#define FAKEIGD_SOAP_H

#include "http.h"
#include "service.h"

/** soap_post() - answer a POST (or M-POST) to any target. */
void soap_post(struct router *r, const struct http_request *request, struct http_reply *reply);

#endif
