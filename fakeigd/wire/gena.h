/* SPDX-License-Identifier: MIT */
/* gena.h - GENA eventing: SUBSCRIBE, UNSUBSCRIBE, NOTIFY (UDA 2.0 clause 4). Pure. */
#ifndef IGDLAB_WIRE_GENA_H
#define IGDLAB_WIRE_GENA_H

#include "http.h"
#include "url.h"
#include "xml.h"

#define GENA_CALLBACKS_MAX 8

enum gena_error {
	GENA_OK,
	GENA_INCOMPATIBLE, /* SID together with NT or CALLBACK: 400 */
	GENA_NO_CALLBACK,  /* CALLBACK missing or without a usable http URL: 412 */
	GENA_BAD_NT,	   /* NT missing or not upnp:event: 412 */
	GENA_NO_SID,	   /* renewal or UNSUBSCRIBE without SID: 412 */
	GENA_ERROR_COUNT,
};

/** gena_error_status() - the HTTP status that answers it; gena_error_text(): a sentence. */
int gena_error_status(enum gena_error error);
const char *gena_error_text(enum gena_error error);

/**
 * struct gena_subscribe - what a SUBSCRIBE or UNSUBSCRIBE asks
 * @renewal:	SID was given
 * @sid:	as sent, including "uuid:"
 * @callbacks, @count: usable http URLs in order
 * @timeout:	seconds asked; 0 = infinite; -1 = absent or unreadable
 */
struct gena_subscribe {
	bool renewal;
	struct slice sid;
	struct url callbacks[GENA_CALLBACKS_MAX];
	size_t count;
	long timeout;
};

/** gena_parse_subscribe() - judge the head of a SUBSCRIBE, new or renewal. */
enum gena_error gena_parse_subscribe(const struct http_head *head, struct gena_subscribe *out);
/** gena_parse_unsubscribe() - judge the head of an UNSUBSCRIBE; @sid as sent. */
enum gena_error gena_parse_unsubscribe(const struct http_head *head, struct slice *sid);
/**
 * gena_parse_lenient() - a SUBSCRIBE as a careless router reads it: what SID, CALLBACK and TIMEOUT
 * say, without a look at NT and at what may stand beside SID. Return: GENA_NO_CALLBACK or GENA_OK.
 */
enum gena_error gena_parse_lenient(const struct http_head *head, struct gena_subscribe *out);

/**
 * gena_each_property() - call @fn for each variable of a propertyset, values trimmed
 *
 * Return: XML_OK, or why not; XML_MALFORMED also when the root is no propertyset (GENA-40).
 */
enum xml_error gena_each_property(const char *data, size_t len,
				  void (*fn)(void *arg, const char *name, const char *value),
				  void *arg);

#endif
