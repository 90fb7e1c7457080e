/* SPDX-License-Identifier: MIT */
/*
 * description.c - where everything is: URLs, unique device names, and what is told of them.
 *
 * Theory of operation
 *
 * The tree is that of InternetGatewayDevice:1 and :2 (IGD:1 2.2): root, WANDevice,
 * WANConnectionDevice, and LANDevice where LANHostConfigManagement is offered, with what "devices"
 * of the profile adds; each service goes to the device that it or its table names. Devices without
 * services are left out, so a profile that lists none describes a bare root. URLs come from the
 * profile's patterns, expanded once; control and event requests find their service by comparing the
 * target with them. Documents are rendered from templates when first asked for
 * (description_render.c) and kept until descriptions_reload(): one root description per LAN
 * interface and address family, because it may carry addresses, and one service description per
 * service.
 */
#include "description_parts.h"

#include "base/mem.h"
#include "choice.h"
#include "head_edit.h"
#include "rule.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>

const char *description_device_udn(const struct descriptions *d, int device)
{
	const char *udn = d->router->profile->devices[device].udn;

	return udn ? udn : d->lan_udn;
}

/* Part of a serviceId after the last colon. */
static const char *short_id(const struct profile_service *s)
{
	const char *colon = strrchr(s->id, ':');

	return colon ? colon + 1 : s->id;
}

/* A number as eight hex digits that look like no number. */
static void add_mixed(struct buf *out, uint32_t number)
{
	number = (number ^ number >> 16) * UINT32_C(0x85ebca6b);
	number = (number ^ number >> 13) * UINT32_C(0xc2b2ae35);
	buf_printf(out, "%08x", number ^ number >> 16);
}

/* {lan_address} and {http_port} differ by interface and are left to description_render.c. */
static bool expand_one(struct buf *out, struct slice name, const struct descriptions *d,
		       const struct profile_service *s, const char *udn)
{
	if (slice_eq(name, "boot"))
		add_mixed(out, d->router->boot_id);
	else if (slice_eq(name, "connection"))
		buf_printf(out, "%u", d->router->connects);
	else if (slice_eq(name, "udn"))
		buf_puts(out, udn);
	else if (s && slice_eq(name, "service"))
		buf_puts(out, s->type);
	else if (s && slice_eq(name, "version"))
		buf_printf(out, "%u", s->version);
	else if (s && slice_eq(name, "service_id"))
		buf_puts(out, short_id(s));
	else
		return false;
	return true;
}

/* A URL pattern with its {names} filled in; @s is NULL for the root description. */
static char *expand(const struct descriptions *d, const char *pattern,
		    const struct profile_service *s, const char *udn)
{
	struct buf out = {0};

	while (*pattern) {
		size_t len = strcspn(pattern, "}");
		struct slice name = {pattern + 1, len ? len - 1 : 0};

		if (*pattern == '{' && pattern[len] && expand_one(&out, name, d, s, udn))
			pattern += len + 1;
		else
			buf_putc(&out, *pattern++);
	}
	return buf_steal(&out);
}

/* LANDevice has no UDN in a profile: the root's, with the first free last digit. */
static void derive_lan_udn(struct descriptions *d)
{
	char *const *taken = d->router->profile->udn;
	size_t last = strlen(taken[0]);

	free(d->lan_udn);
	d->lan_udn = xasprintf("%s%s", taken[0], last ? "" : "uuid:0");
	last = strlen(d->lan_udn) - 1;
	for (int digit = 0; digit < 16; digit++) {
		d->lan_udn[last] = "0123456789abcdef"[digit];
		if (strcasecmp(d->lan_udn, taken[0]) != 0 &&
		    strcasecmp(d->lan_udn, taken[1]) != 0 && strcasecmp(d->lan_udn, taken[2]) != 0)
			break;
	}
}

static void forget(struct descriptions *d)
{
	for (size_t i = 0; i < PROFILE_SERVICES_MAX; i++) {
		struct described_service *s = &d->services[i];

		free(s->scpd);
		free(s->control);
		free(s->event);
		buf_free(&s->document);
		*s = (struct described_service){0};
	}
	for (size_t i = 0; i < ARRAY_SIZE(d->roots); i++) {
		buf_free(&d->roots[i][0]);
		buf_free(&d->roots[i][1]);
	}
	free(d->root);
	d->root = NULL;
	d->count = 0;
}

/* Two services of one type and version need URLs of their own: the second one's ends in -2. */
static void tell_apart(const struct descriptions *d, char **url, size_t field)
{
	const struct profile_service *s = d->services[d->count - 1].profile;
	unsigned same = 1;
	char *numbered;

	for (size_t i = 0; i + 1 < d->count; i++) {
		const struct described_service *other = &d->services[i];

		same += !strcmp(other->profile->type, s->type) &&
			other->profile->version == s->version &&
			!strcmp(*(char *const *)((const char *)other + field), *url);
	}
	if (same == 1 || !**url)
		return;
	numbered = xasprintf("%s-%u", *url, same);
	free(*url);
	*url = numbered;
}

static void learn_service(struct descriptions *d, const struct profile_service *from)
{
	const struct profile *p = d->router->profile;
	struct described_service *s = &d->services[d->count++];
	const char *udn = description_device_udn(d, from->device);

	s->profile = from;
	s->table = service_of(from);
	s->device = from->device;
	s->scpd = expand(d, from->scpd ? from->scpd : p->url_scpd, from, udn);
	s->control = expand(d, from->control ? from->control : p->url_control, from, udn);
	if (!from->control)
		tell_apart(d, &s->control, offsetof(struct described_service, control));
	/* Nothing evented: present, but empty (DESC-26). */
	if (!s->table || !service_evented(from, s->table)) {
		s->event = xstrdup(from->event ? from->event : "");
		return;
	}
	s->event = expand(d, from->event ? from->event : p->url_event, from, udn);
	if (!from->event)
		tell_apart(d, &s->event, offsetof(struct described_service, event));
}

static void learn(struct descriptions *d)
{
	const struct profile *p = d->router->profile;

	derive_lan_udn(d);
	d->root = expand(d, p->url_description, NULL, p->udn[0]);
	for (size_t i = 0; i < p->service_count; i++)
		learn_service(d, &p->services[i]);
}

struct descriptions *descriptions_new(struct router *r)
{
	struct descriptions *d = xcalloc(1, sizeof(*d));

	d->router = r;
	learn(d);
	return d;
}

void descriptions_free(struct descriptions *d)
{
	if (!d)
		return;
	forget(d);
	free(d->lan_udn);
	free(d);
}

bool descriptions_change(const struct router *r)
{
	const struct profile *p = r->profile;
	const char *const urls[] = {p->url_description, p->url_scpd, p->url_control, p->url_event};

	for (size_t i = 0; i < ARRAY_SIZE(urls); i++)
		if (strstr(urls[i], "{boot}") || strstr(urls[i], "{connection}"))
			return true;
	return false;
}

void descriptions_reload(struct router *r)
{
	forget(r->description);
	learn(r->description);
}

const char *description_udn(const struct router *r, const struct profile_service *service)
{
	return description_device_udn(r->description, service->device);
}

/* Path and query of a request target, also of one in absolute form (RFC 9112 3.2.2). */
static struct slice path_of(struct slice target)
{
	const char *slash;

	if (target.len < 7 || strncasecmp(target.ptr, "http://", 7) != 0)
		return target;
	target.ptr += 7;
	target.len -= 7;
	slash = target.len ? memchr(target.ptr, '/', target.len) : NULL;
	if (!slash)
		return slice_of("/");
	target.len -= (size_t)(slash - target.ptr);
	target.ptr = slash;
	return target;
}

/* Whether @path asks for a URL of the description, which may lack its leading slash. */
static bool is_url(const struct router *r, struct slice path, const char *url)
{
	bool any_case = policy_is(&r->profile->policy, http_path_case, "any");

	if (!*url)
		return false;
	url = path_of(slice_of(url)).ptr;
	if (*url != '/' && path.len && path.ptr[0] == '/') {
		path.ptr++;
		path.len--;
	}
	return any_case ? slice_case_eq(path, url) : slice_eq(path, url);
}

const struct profile_service *description_control_service(const struct router *r,
							  struct slice target)
{
	const struct descriptions *d = r->description;
	struct slice path = path_of(target);

	for (size_t i = 0; i < d->count; i++)
		if (is_url(r, path, d->services[i].control))
			return d->services[i].profile;
	return NULL;
}

bool description_shares_control(const struct router *r, const struct profile_service *a,
				const struct profile_service *b)
{
	const struct descriptions *d = r->description;
	const struct profile_service *first = r->profile->services;

	return !strcmp(d->services[a - first].control, d->services[b - first].control);
}

const struct profile_service *description_event_service(const struct router *r, struct slice target)
{
	const struct descriptions *d = r->description;
	struct slice path = path_of(target);

	for (size_t i = 0; i < d->count; i++)
		if (is_url(r, path, d->services[i].event))
			return d->services[i].profile;
	return NULL;
}

void description_location(const struct router *r, const struct router_interface *lan, bool v6,
			  struct buf *out)
{
	const char *root = r->description->root;
	const struct in6_addr *six =
		IN6_IS_ADDR_UNSPECIFIED(&lan->address6) ? &lan->link6 : &lan->address6;
	char text[INET6_ADDRSTRLEN];

	inet_ntop(v6 ? AF_INET6 : AF_INET, v6 ? (const void *)six : &lan->address, text,
		  sizeof(text));
	buf_printf(out, v6 ? "http://[%s]:%u%s%s" : "http://%s:%u%s%s", text,
		   r->http ? http_port(r->http) : r->profile->http_port, *root == '/' ? "" : "/",
		   root);
}

/* The rules of this layer; a template of theirs is rendered afresh. */
static void apply_rules(struct router *r, const struct http_request *request,
			struct http_reply *reply, const char *message, const char *target)
{
	struct rule_event event = {
		.layer = RULE_DESCRIPTION,
		.message = message,
		.target = target,
		.head = &request->head,
		.from = (const struct sockaddr *)&request->peer,
		.request = &request->facts,
	};

	if (r->rules && rules_any(r->rules, RULE_DESCRIPTION))
		rules_apply(r->rules, r, &event, &reply->effects);
}

/* DESC-38: CONTENT-LANGUAGE if and only if the request has ACCEPT-LANGUAGE. */
static void finish(const struct http_request *request, struct http_reply *reply,
		   enum message_id head, const struct buf *body)
{
	buf_add_slice(&reply->body, buf_slice(body));
	reply->status = 200;
	reply->head = head;
	if (http_header(&request->head, "ACCEPT-LANGUAGE").ptr)
		buf_puts(&reply->extra, "CONTENT-LANGUAGE: en\r\n");
}

static void get_root(struct router *r, const struct http_request *request, struct http_reply *reply)
{
	struct descriptions *d = r->description;
	bool v6 = request->local.ss_family == AF_INET6;
	struct buf *kept = &d->roots[request->lan < 0 ? ROUTER_LANS_MAX : request->lan][v6];
	struct buf fresh = {0};

	apply_rules(r, request, reply, "root", NULL);
	if (reply->effects.body)
		description_render_root(d, request->lan, v6, reply->effects.body, &fresh);
	else if (!kept->len)
		description_render_root(d, request->lan, v6, NULL, kept);
	finish(request, reply, MESSAGE_DESCRIPTION_HEAD, reply->effects.body ? &fresh : kept);
	buf_free(&fresh);
}

static void get_scpd(struct router *r, const struct http_request *request, struct http_reply *reply,
		     struct described_service *s)
{
	struct buf fresh = {0};

	apply_rules(r, request, reply, "scpd", s->profile->type);
	if (reply->effects.body)
		description_render_scpd(r->description, s, reply->effects.body, &fresh);
	else if (!s->document.len)
		description_render_scpd(r->description, s, NULL, &s->document);
	finish(request, reply, MESSAGE_SCPD_HEAD, reply->effects.body ? &fresh : &s->document);
	buf_free(&fresh);
}

/* A further document of the profile. */
static void get_page(struct router *r, const struct http_request *request, struct http_reply *reply,
		     const struct profile_page *page)
{
	const struct template *form;
	struct buf body = {0};

	apply_rules(r, request, reply, "page", page->path);
	form = reply->effects.body ? reply->effects.body : page->form;
	description_render_root(r->description, request->lan, request->local.ss_family == AF_INET6,
				form, &body);
	for (size_t i = 0; page->replace && i < page->replace->count; i++)
		body_replace_text(&body, page->replace->items[i]->key,
				  page->replace->items[i]->text);
	finish(request, reply, MESSAGE_DESCRIPTION_HEAD, &body);
	buf_free(&body);
}

/* presentationURL, where it is a path of ours, leads to a page (DESC-40). */
static bool is_presentation(const struct router *r, struct slice path)
{
	const char *url = r->profile->presentation_url;

	return url && !strstr(url, "://") && is_url(r, path, url);
}

void description_get(struct router *r, const struct http_request *request, struct http_reply *reply)
{
	struct descriptions *d = r->description;
	struct slice path = path_of(request->head.target);

	if (is_url(r, path, d->root)) {
		get_root(r, request, reply);
		return;
	}
	for (size_t i = 0; i < d->count; i++) {
		if (!is_url(r, path, d->services[i].scpd))
			continue;
		get_scpd(r, request, reply, &d->services[i]);
		return;
	}
	for (size_t i = 0; i < r->profile->page_count; i++) {
		if (!is_url(r, path, r->profile->pages[i].path))
			continue;
		get_page(r, request, reply, &r->profile->pages[i]);
		return;
	}
	http_error_reply(r, reply, is_presentation(r, path) ? 200 : 404);
}
