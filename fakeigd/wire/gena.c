/* SPDX-License-Identifier: MIT */
/*
 * gena.c - GENA eventing (see gena.h).
 *
 * Theory of operation
 *
 * UDA 2.0 clauses 4.1.1 to 4.1.4. What a request is follows from its headers: SID makes SUBSCRIBE a
 * renewal and excludes NT and CALLBACK (GENA-07); without SID both are needed (GENA-05, GENA-06).
 * CALLBACK holds one or more URLs, each in angle brackets, tried in order (GENA-13). Those that are
 * no http URL are passed over; when none is left, or there are more than GENA_CALLBACKS_MAX, the
 * subscription is refused rather than stored in part (GENA-12). Where callbacks may lead is not
 * decided here (GENA-14).
 */
#include "gena.h"

#include "../base/mem.h"

#include <assert.h>

static const struct {
	const char *text;
	int status;
} errors[] = {
	[GENA_OK] = {"a valid request", 200},
	[GENA_INCOMPATIBLE] = {"SID together with NT or CALLBACK", 400},
	[GENA_NO_CALLBACK] = {"CALLBACK is missing or holds no usable http URL", 412},
	[GENA_BAD_NT] = {"NT is missing or not upnp:event", 412},
	[GENA_NO_SID] = {"SID is missing or empty", 412},
};

static_assert(ARRAY_SIZE(errors) == GENA_ERROR_COUNT, "a text and a status for every error");

int gena_error_status(enum gena_error error)
{
	return error < GENA_ERROR_COUNT ? errors[error].status : 500;
}

const char *gena_error_text(enum gena_error error)
{
	return error < GENA_ERROR_COUNT ? errors[error].text : "unknown error";
}

/* TIMEOUT: "Second-1800"; "Second-infinite" and, in drafts, "infinite" (GENA-03). */
static long parse_timeout(struct slice value)
{
	static const char prefix[] = "Second-";
	const size_t len = sizeof(prefix) - 1;
	uint64_t seconds;

	if (value.len > len && !strncasecmp(value.ptr, prefix, len))
		value = (struct slice){value.ptr + len, value.len - len};
	else if (!slice_case_eq(value, "infinite"))
		return -1;
	if (slice_case_eq(value, "infinite"))
		return 0;
	return slice_number(value, INT32_MAX, &seconds) && seconds ? (long)seconds : -1;
}

static enum gena_error parse_callbacks(struct slice value, struct gena_subscribe *out)
{
	while (value.len) {
		const char *open = memchr(value.ptr, '<', value.len);
		const char *end = value.ptr + value.len;
		const char *close = open ? memchr(open, '>', (size_t)(end - open)) : NULL;
		struct url url;

		if (!close)
			break;
		value = (struct slice){close + 1, (size_t)(end - close - 1)};
		if (!url_parse((struct slice){open + 1, (size_t)(close - open - 1)}, &url))
			continue;
		if (out->count == GENA_CALLBACKS_MAX)
			return GENA_NO_CALLBACK;
		out->callbacks[out->count++] = url;
	}
	return out->count ? GENA_OK : GENA_NO_CALLBACK;
}

enum gena_error gena_parse_unsubscribe(const struct http_head *head, struct slice *sid)
{
	*sid = http_header(head, "SID");
	if (sid->ptr && (http_header(head, "NT").ptr || http_header(head, "CALLBACK").ptr))
		return GENA_INCOMPATIBLE;
	return sid->len ? GENA_OK : GENA_NO_SID;
}

static void parse_subscription(const struct http_head *head, struct gena_subscribe *out)
{
	out->sid = http_header(head, "SID");
	out->renewal = out->sid.ptr != NULL;
	out->count = 0;
	out->timeout = parse_timeout(http_header(head, "TIMEOUT"));
}

enum gena_error gena_parse_lenient(const struct http_head *head, struct gena_subscribe *out)
{
	parse_subscription(head, out);
	return out->renewal ? GENA_OK : parse_callbacks(http_header(head, "CALLBACK"), out);
}

enum gena_error gena_parse_subscribe(const struct http_head *head, struct gena_subscribe *out)
{
	parse_subscription(head, out);
	if (out->renewal)
		return gena_parse_unsubscribe(head, &out->sid);
	if (!slice_eq(http_header(head, "NT"), "upnp:event"))
		return GENA_BAD_NT;
	return parse_callbacks(http_header(head, "CALLBACK"), out);
}

enum xml_error gena_each_property(const char *data, size_t len,
				  void (*fn)(void *arg, const char *name, const char *value),
				  void *arg)
{
	struct xml_node *root;
	enum xml_error error = xml_parse(data, len, &root);

	if (error)
		return error;
	if (strcmp(root->name, "propertyset") != 0)
		error = XML_MALFORMED;
	for (const struct xml_node *p = error ? NULL : root->first; p; p = p->next) {
		if (strcmp(p->name, "property") != 0)
			continue;
		for (const struct xml_node *v = p->first; v; v = v->next)
			fn(arg, v->name, v->text);
	}
	xml_free(root);
	return error;
}
