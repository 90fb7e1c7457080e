/* SPDX-License-Identifier: MIT */
/*
 * translation.c - a recorded client's requests in the words of another network (see translation.h).
 *
 * Theory of operation: both routers' descriptions are lists of services in document order (UDA 2.0
 * clause 2.3). The nth service of a type in the one is the nth of that type in the other; where the
 * other has none of that version, the nth of another version, or of WANIPConnection and
 * WANPPPConnection the other one, and the type itself is translated.
 * From such pairs follow paths (control, events, service description), whole URLs and the UDNs of
 * the devices. A flow without a description tells services by its SOAP requests alone: type and
 * path. Everything else in a request is left as it was recorded.
 */
#include "translation.h"

#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/http.h"
#include "facts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define PCP_CLIENT_AT 8 /* RFC 6887 clause 7.1 */
#define PCP_HEADER    24

/* ---- what a recording shows ---- */

bool site_describe(struct site *s, const struct url *location, const struct recorded_message *reply)
{
	const char *why;
	struct facts f;
	bool fine;

	facts_of(FLOW_HTTP, reply, &f);
	fine = f.kind == FACTS_DESCRIPTION && !reply->gap_count &&
	       description_parse(f.body.data, f.body.len, location, &s->description, &why);
	facts_free(&f);
	if (!fine)
		return false;
	s->described = true;
	s->location = *location;
	s->reply = reply;
	return true;
}

static bool is_router(const struct site *s, const struct end_point *e)
{
	return !e->family || end_point_same_address(e, &s->router);
}

/* URL of a page of the router. */
static void page_url(const struct end_point *router, uint16_t port, const char *target,
		     struct url *out)
{
	*out = (struct url){.port = port ? port : 80};
	inet_ntop(AF_INET, router->address, out->host, sizeof(out->host));
	snprintf(out->path, sizeof(out->path), "%s", target);
}

/* LOCATION of the first answer of the router to a search. */
static void location_of_flow(const struct recording *flow, struct site *s)
{
	for (size_t i = 0; i < flow->count && !s->location.host[0]; i++) {
		const struct exchange *x = &flow->exchanges[i];

		for (size_t n = 0; x->protocol == FLOW_SSDP && n < x->reply_count; n++) {
			struct facts f;
			const char *text;

			facts_of(x->protocol, &x->replies[n], &f);
			text = facts_header(&f, "LOCATION");
			if (text && is_router(s, &x->replies[n].from) &&
			    !url_parse(slice_of(text), &s->location))
				s->location = (struct url){0};
			facts_free(&f);
		}
	}
}

static void describe_from_flow(const struct recording *flow, struct site *s)
{
	for (size_t i = 0; i < flow->count && !s->described; i++) {
		const struct exchange *x = &flow->exchanges[i];
		struct url location;
		struct facts f;

		if (x->protocol != FLOW_HTTP || !x->has_request || !x->reply_count ||
		    !is_router(s, &x->request.to))
			continue;
		facts_of(x->protocol, &x->request, &f);
		if (f.target && f.target[0] == '/') {
			page_url(&s->router,
				 x->request.to.port ? x->request.to.port : s->location.port,
				 f.target, &location);
			site_describe(s, &location, &x->replies[0]);
		}
		facts_free(&f);
	}
}

bool site_of_flow(const struct recording *flow, struct site *out, struct diag *d)
{
	*out = (struct site){0};
	if (!flow->router || !end_point_parse(slice_of(flow->router), &out->router) ||
	    out->router.family != AF_INET) {
		diag_at(d, flow->source, 0,
			"router %s: expected an IPv4 address in the flow; as client only IPv4 is "
			"played",
			flow->router ? flow->router : "(none)");
		return false;
	}
	if (flow->client)
		end_point_parse(slice_of(flow->client), &out->client);
	location_of_flow(flow, out);
	describe_from_flow(flow, out);
	out->router.port = out->location.host[0] ? out->location.port : 0;
	return true;
}

void site_free(struct site *s)
{
	if (s->described)
		description_free(&s->description);
	*s = (struct site){0};
}

/* ---- what stands for what ---- */

static void add_page(struct translation *t, const char *path, const struct url *to)
{
	if (!path || !*path || !to->host[0])
		return;
	for (size_t i = 0; i < t->count; i++)
		if (!strcmp(t->pages[i].path, path))
			return;
	t->pages = xrealloc(t->pages, (t->count + 1) * sizeof(*t->pages));
	t->pages[t->count++] = (struct page){xstrdup(path), *to};
}

static char *text_of(const struct url *url)
{
	struct buf text = {0};

	url_format(url, &text);
	return buf_steal(&text);
}

static void add_url(struct translation *t, const struct url *from, const struct url *to)
{
	char *a, *b;

	if (!from->host[0] || !to->host[0])
		return;
	add_page(t, from->path, to);
	a = text_of(from);
	b = text_of(to);
	if (from->path[1])
		substitutions_add(&t->map, a, b);
	/* As a reference in the description it is a path alone. */
	if (from->path[1] && to->path[1])
		substitutions_add(&t->map, from->path, to->path);
	free(a);
	free(b);
}

/* "urn:...:WANIPConnection:1" without its version. */
static size_t type_stem(const char *type)
{
	const char *colon = strrchr(type, ':');

	return colon ? (size_t)(colon - type) : strlen(type);
}

static bool same_type(const char *a, const char *b, bool any_version)
{
	if (!a || !b)
		return false;
	return any_version ? type_stem(a) == type_stem(b) && !strncmp(a, b, type_stem(a))
			   : !strcmp(a, b);
}

/* The @nth service of a type, or of another version of it; NULL = none. */
static const struct description_service *service(const struct site *s, const char *type, size_t nth,
						 bool any_version)
{
	for (size_t i = 0; s->described && i < s->description.count; i++)
		if (same_type(s->description.services[i].type, type, any_version) && !nth--)
			return &s->description.services[i];
	return NULL;
}

/* The other service that opens ports: a router has the one or the other. */
static const struct description_service *other_connection(const struct site *live, const char *type)
{
	if (strstr(type, ":WANIPConnection:"))
		return service(live, "urn:schemas-upnp-org:service:WANPPPConnection:1", 0, true);
	if (strstr(type, ":WANPPPConnection:"))
		return service(live, "urn:schemas-upnp-org:service:WANIPConnection:1", 0, true);
	return NULL;
}

/* What does the work of a service that was the @nth of its type. */
static const struct description_service *counterpart(struct translation *t, const struct site *live,
						     const char *type, size_t nth)
{
	const struct description_service *found = service(live, type, nth, false);

	if (found || service(live, type, 0, false))
		return found;
	found = service(live, type, nth, true);
	if (!found && !nth)
		found = other_connection(live, type);
	if (found)
		substitutions_add(&t->map, type, found->type);
	return found;
}

static void pair_services(struct translation *t, const struct site *recorded,
			  const struct site *live)
{
	const struct description *d = &recorded->description;

	for (size_t i = 0; i < d->count; i++) {
		const struct description_service *from = &d->services[i], *to;
		size_t nth = 0;

		for (size_t n = 0; n < i; n++)
			nth += same_type(d->services[n].type, from->type, false);
		to = from->type ? counterpart(t, live, from->type, nth) : NULL;
		if (!to)
			continue;
		add_url(t, &from->control, &to->control);
		add_url(t, &from->event, &to->event);
		add_url(t, &from->scpd, &to->scpd);
		if (from->udn && to->udn)
			substitutions_add(&t->map, from->udn, to->udn);
	}
}

/* The nth element of that name in the one is the nth in the other. */
static void pair_elements(struct translation *t, const struct facts *a, const struct facts *b,
			  const char *name)
{
	size_t j = 0;

	for (size_t i = 0; i < a->argument_count; i++) {
		if (strcmp(a->arguments[i].name, name) != 0)
			continue;
		while (j < b->argument_count && strcmp(b->arguments[j].name, name) != 0)
			j++;
		if (j == b->argument_count)
			return;
		substitutions_add(&t->map, a->arguments[i].value, b->arguments[j++].value);
	}
}

/* What an anonymised recording cannot have right. */
static void pair_identity(struct translation *t, const struct recording *flow,
			  const struct site *recorded, const struct site *live)
{
	static const char *const replaced[] = {"serialNumber", "friendlyName"};
	struct facts a, b;

	facts_of(FLOW_HTTP, recorded->reply, &a);
	facts_of(FLOW_HTTP, live->reply, &b);
	pair_elements(t, &a, &b, "UDN");
	for (size_t i = 0; flow->replaced.count && i < ARRAY_SIZE(replaced); i++)
		pair_elements(t, &a, &b, replaced[i]);
	facts_free(&a);
	facts_free(&b);
}

/* Pages that SOAP requests alone tell. */
static void pair_actions(struct translation *t, const struct recording *flow,
			 const struct site *live)
{
	for (size_t i = 0; i < flow->count; i++) {
		const struct exchange *x = &flow->exchanges[i];
		const struct description_service *to;
		struct facts f;

		if (x->protocol != FLOW_SOAP || !x->has_request)
			continue;
		facts_of(x->protocol, &x->request, &f);
		to = f.service && f.target ? counterpart(t, live, f.service, 0) : NULL;
		if (to && f.target[0] == '/')
			add_page(t, f.target, &to->control);
		facts_free(&f);
	}
}

static void pair_text(struct translation *t, const struct end_point *from,
		      const struct end_point *to)
{
	struct buf a = {0}, b = {0};

	if (!from->family || !to->family)
		return;
	end_point_text(from, &a);
	end_point_text(to, &b);
	substitutions_add(&t->map, a.data, b.data);
	buf_free(&a);
	buf_free(&b);
}

static void pair_addresses(struct translation *t, const struct site *recorded,
			   const struct site *live)
{
	struct end_point from = recorded->router, to = live->router;

	if (from.port && to.port)
		pair_text(t, &from, &to);
	from.port = to.port = 0;
	pair_text(t, &from, &to);
	from = recorded->client;
	to = live->client;
	from.port = to.port = 0;
	pair_text(t, &from, &to);
}

void translation_make(const struct recording *flow, const struct site *recorded,
		      const struct site *live, struct translation *out)
{
	*out = (struct translation){.port = recorded->router.port,
				    .there = live->router,
				    .client = live->client,
				    .was = recorded->client};
	pair_addresses(out, recorded, live);
	if (recorded->location.host[0] && live->location.host[0])
		add_url(out, &recorded->location, &live->location);
	if (recorded->described && live->described) {
		pair_services(out, recorded, live);
		pair_identity(out, flow, recorded, live);
	}
	pair_actions(out, flow, live);
}

void translation_free(struct translation *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->pages[i].path);
	free(t->pages);
	substitutions_free(&t->map);
	*t = (struct translation){0};
}

/* ---- one request ---- */

static void set_address(struct end_point *e, const char *host)
{
	struct in_addr address;

	if (inet_pton(AF_INET, host, &address) == 1)
		memcpy(e->address, &address, sizeof(address));
}

/* Where a target is now; @out gets it as it is to be written. */
static void translate_target(const struct translation *t, struct slice target, struct translated *r,
			     struct buf *out)
{
	struct url url = {0};
	bool absolute = url_parse(target, &url);
	char *path = absolute ? xstrdup(url.path) : xstrndup(target.ptr, target.len);

	if (!r->to.port || r->to.port == t->port)
		r->to.port = t->there.port ? t->there.port : r->to.port;
	for (size_t i = 0; i < t->count; i++) {
		if (strcmp(t->pages[i].path, path) != 0)
			continue;
		free(path);
		path = xstrdup(t->pages[i].to.path);
		r->to.port = t->pages[i].to.port;
		set_address(&r->to, t->pages[i].to.host);
		break;
	}
	if (absolute) {
		struct buf authority = {0};

		end_point_text(&r->to, &authority);
		buf_printf(out, "http://%s", authority.data);
		buf_free(&authority);
	}
	buf_puts(out, path);
	free(path);
}

static void set_length(struct slice head, size_t length, struct buf *out)
{
	static const char name[] = "\ncontent-length:";
	const char *end = head.ptr + head.len, *p = head.ptr;

	while ((size_t)(end - p) > sizeof(name) && strncasecmp(p, name, sizeof(name) - 1) != 0)
		p++;
	if ((size_t)(end - p) <= sizeof(name)) {
		buf_add_slice(out, head);
		return;
	}
	p += sizeof(name) - 1;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	buf_add(out, head.ptr, (size_t)(p - head.ptr));
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	buf_printf(out, "%zu", length);
	buf_add(out, p, (size_t)(end - p));
}

/* Return: length of the head as recorded. */
static size_t translate_http(const struct translation *t, struct slice bytes, struct translated *r,
			     size_t *new_head)
{
	struct http_head head;
	struct buf start = {0}, rest = {0}, body = {0};
	size_t used, target;

	if (http_parse_head(bytes.ptr, bytes.len, &head, &used) != HTTP_OK || head.is_response) {
		buf_add_slice(&r->bytes, bytes);
		return *new_head = bytes.len;
	}
	target = (size_t)(head.target.ptr - bytes.ptr);
	buf_add(&start, bytes.ptr, target);
	translate_target(t, head.target, r, &start);
	target += head.target.len;
	substitutions_apply(&t->map, (struct slice){bytes.ptr + target, used - target}, &rest);
	buf_add_slice(&start, buf_slice(&rest));
	/* The sizes of chunks are part of the body's bytes: they stay true. */
	if (http_has_token(&head, "Transfer-Encoding", "chunked"))
		buf_add(&body, bytes.ptr + used, bytes.len - used);
	else
		substitutions_apply(&t->map, (struct slice){bytes.ptr + used, bytes.len - used},
				    &body);
	if (body.len != bytes.len - used)
		set_length(buf_slice(&start), body.len, &r->bytes);
	else
		buf_add_slice(&r->bytes, buf_slice(&start));
	*new_head = r->bytes.len;
	if (body.len)
		buf_add_slice(&r->bytes, buf_slice(&body));
	buf_free(&start);
	buf_free(&rest);
	buf_free(&body);
	return used;
}

/* The client tells its address in binary, IPv4 as ::ffff:0:0/96 (RFC 6887 clause 8.1). */
static void translate_pcp(const struct translation *t, struct slice bytes, struct translated *r)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	char *address;

	buf_add_slice(&r->bytes, bytes);
	if (r->bytes.len < PCP_HEADER || r->bytes.data[0] != 2)
		return;
	address = r->bytes.data + PCP_CLIENT_AT;
	if (!memcmp(address, mapped, 12) && !memcmp(address + 12, t->was.address, 4))
		memcpy(address + 12, t->client.address, 4);
}

static void translate_ends(const struct recorded_message *m, size_t head, size_t new_head,
			   struct translated *r)
{
	r->ends = xcalloc(m->segment_count + 1, sizeof(*r->ends));
	for (size_t i = 0; i < m->segment_count; i++) {
		size_t end = m->segments[i].end, left;

		if (end > m->bytes.len)
			break;
		left = m->bytes.len - end;
		if (end >= head)
			end = end == head ? new_head : r->bytes.len - left;
		else if (end > new_head)
			end = new_head;
		if (end < r->bytes.len && (!r->count || end > r->ends[r->count - 1]))
			r->ends[r->count++] = end;
	}
	r->ends[r->count++] = r->bytes.len;
}

void translate(const struct translation *t, enum flow_protocol protocol,
	       const struct recorded_message *m, struct translated *out)
{
	struct slice bytes = buf_slice(&m->bytes);
	size_t head = bytes.len, new_head;

	*out = (struct translated){.to = t->there};
	out->to.port = m->to.port;
	if (protocol == FLOW_SSDP && (!m->to.family || end_point_is_multicast(&m->to)))
		out->to = m->to;
	if (protocol == FLOW_PCP || protocol == FLOW_NATPMP)
		translate_pcp(t, bytes, out);
	else if (protocol == FLOW_SSDP)
		substitutions_apply(&t->map, bytes, &out->bytes);
	else
		head = translate_http(t, bytes, out, &new_head);
	if (protocol > FLOW_GENA || protocol == FLOW_SSDP)
		new_head = head = out->bytes.len;
	translate_ends(m, head, new_head, out);
}

void translated_free(struct translated *t)
{
	buf_free(&t->bytes);
	free(t->ends);
	*t = (struct translated){0};
}
