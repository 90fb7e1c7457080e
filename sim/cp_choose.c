/* SPDX-License-Identifier: MIT */
/*
 * cp_choose.c - which of those that answered is the router, and which of its services (see cp.h)
 *
 * Theory of operation
 *
 * Refused outright: what names a WFADevice, a LOCATION without a usable URL, one that leads off the
 * subnets that we are on (SSDP-65). A loopback or unresolvable host is replaced by the address that
 * the reply came from. The rest is tried in order: on a default gateway, on our subnet, naming a
 * part of an IGD, first come (SSDP-66). Every port mapping service of a description is asked for
 * its status and external address; the first description with a service that is connected and has a
 * sane address wins, else the best that was seen: some routers say "Disconnected" and work
 * (WCONN-19, CP-03). The service type is the description's, in every version (SSDP-59, SOAP-32),
 * never that of the search; a control URL on another host is not followed (DESC-42).
 */
#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/ssdp.h"
#include "cp.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define DESCRIPTIONS_MAX 8
#define SERVICES_MAX	 8

bool cp_names_igd(const char *text)
{
	static const char *const parts[] = {
		":InternetGatewayDevice:", ":WANDevice:",	 ":WANConnectionDevice:",
		":WANIPConnection:",	   ":WANPPPConnection:", ":WANCommonInterfaceConfig:"};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strcasestr(text, parts[i]))
			return true;
	return false;
}

static bool parse_location(const char *text, struct url *out)
{
	char *with_scheme;
	bool fine;

	if (url_parse(slice_of(text), out))
		return true;
	if (strstr(text, "://") || !strchr(text, '/'))
		return false;
	with_scheme = xasprintf("http://%s", text);
	fine = url_parse(slice_of(with_scheme), out);
	free(with_scheme);
	return fine;
}

/* A LOCATION that nobody else can reach: the sender is meant, where there is one (not --url). */
static bool is_unreachable_host(const struct cp_candidate *c)
{
	struct in_addr host;
	enum cp_address kind;

	if (!cp_parse_address(c->url.host, &host))
		return true;
	kind = cp_address_kind(host);
	return kind == CP_LOOPBACK || kind == CP_UNSPECIFIED;
}

void cp_judge(const struct cp *cp, const struct in_addr *only, struct cp_candidate *c)
{
	bool trusting = cp_naive(cp, NAIVE_TRUST_LOCATION);

	c->refused = NULL;
	if (!trusting && (strcasestr(c->target, "WFADevice") || strcasestr(c->usn, "WFADevice")))
		c->refused = "a WFADevice is no gateway";
	else if (!parse_location(c->location, &c->url))
		c->refused = "LOCATION is no http URL";
	if (c->refused)
		return;
	if (!trusting && c->from.s_addr && is_unreachable_host(c)) {
		inet_ntop(AF_INET, &c->from, c->url.host, sizeof(c->url.host));
		c->url.is_ipv6 = false;
		c->substituted = true;
	}
	if (!cp_parse_address(c->url.host, &c->host)) {
		c->refused = "LOCATION's host is no IPv4 address";
		return;
	}
	c->gateway = only ? only->s_addr == c->host.s_addr : cp_is_gateway(cp, c->host);
	c->same_subnet = cp_on_link(cp, c->host) >= 0;
	if (trusting)
		return;
	if (only && c->from.s_addr != only->s_addr)
		c->refused = "it comes from another router than the one that was asked";
	else if (only && !c->gateway)
		c->refused = "LOCATION leads away from the router that was asked";
	else if (!c->gateway && !c->same_subnet)
		c->refused = "LOCATION leads off our subnets";
}

int cp_candidate_score(const struct cp_candidate *c)
{
	return 8 * c->gateway + 4 * c->igd + 2 * c->same_subnet + 1 * !c->substituted;
}

int cp_service_rank(const char *type, unsigned *version)
{
	struct urn urn;
	bool standard;

	*version = 1;
	if (urn_parse(slice_of(type), &urn)) {
		if (!slice_case_eq(urn.kind, "service") ||
		    (!slice_case_eq(urn.type, "WANIPConnection") &&
		     !slice_case_eq(urn.type, "WANPPPConnection")))
			return 0;
		*version = urn.version;
		standard = slice_case_eq(urn.domain, "schemas-upnp-org");
		return (standard ? 4 : 1) + (int)(urn.version > 1);
	}
	/* "WANIPConnection:1.0", a blank, another colon */
	if (strcasestr(type, ":WANIPConnection") || strcasestr(type, ":WANPPPConnection"))
		return 1;
	return 0;
}

void cp_router_free(struct cp_router *r)
{
	free(r->location);
	free(r->friendly_name);
	free(r->type);
	free(r->status);
	free(r->external_text);
	*r = (struct cp_router){0};
}

/* controlURL of a service as it stands in the document, and the document's URLBase. */
static void raw_urls(const struct xml_node *node, const char *type, const char **control,
		     const char **base)
{
	for (const struct xml_node *n = node->first; n; n = n->next) {
		const char *its_type = xml_text(n, "serviceType");

		if (!strcasecmp(n->name, "URLBase"))
			*base = n->text;
		if (its_type && !strcmp(its_type, type))
			*control = xml_text(n, "controlURL");
		raw_urls(n, type, control, base);
	}
}

/* The control URL as a client makes it that glues texts together. */
static void glue_control_url(const struct cp *cp, const struct buf *document,
			     const struct url *location, struct cp_router *r)
{
	const char *control = NULL, *base = NULL;
	struct xml_node *root;
	char *glued;

	if (xml_parse_lenient(document->data, document->len, &root) != XML_OK)
		return;
	raw_urls(root, r->type, &control, &base);
	if (base && cp_naive(cp, NAIVE_URLBASE_LITERAL))
		glued = xasprintf("%s%s", base, control ? control : "");
	else if (!base && cp_naive(cp, NAIVE_URLBASE_NEEDED))
		glued = xstrdup(control ? control : "");
	else
		glued = xasprintf("http://%s:%u%s", location->host, location->port,
				  control ? control : "");
	if (!url_parse(slice_of(glued), &r->control))
		r->control = (struct url){.host = ""};
	free(glued);
	xml_free(root);
}

static bool control_url_known(const struct cp_router *list, size_t count, const struct url *url)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i].control.path, url->path) && list[i].control.port == url->port &&
		    !strcmp(list[i].control.host, url->host))
			return true;
	return false;
}

/* Insert by rank, the better first, equal ones in document order. */
static void insert_router(struct cp_router *list, size_t count, const struct cp_router *r)
{
	unsigned ignored;
	int rank = cp_service_rank(r->type, &ignored);
	size_t at = count;

	while (at && cp_service_rank(list[at - 1].type, &ignored) < rank) {
		list[at] = list[at - 1];
		at--;
	}
	list[at] = *r;
}

/* Why a service is not used, or NULL. */
static const char *refuse_service(const struct cp *cp, const struct cp_candidate *c,
				  const struct cp_router *r)
{
	if (!*r->control.host)
		return "its control URL is unusable";
	if (cp_naive(cp, NAIVE_EXACT_SERVICE_VERSION) && r->version != 1)
		return "it is not version 1";
	if (strcmp(r->control.host, c->url.host) != 0 && !cp_naive(cp, NAIVE_TRUST_LOCATION))
		return "its control URL leads to another host";
	return NULL;
}

static size_t collect_services(struct cp *cp, const struct cp_candidate *c,
			       const struct description *d, const struct buf *document,
			       struct cp_router *out, size_t max)
{
	bool glue = cp_naive(cp, NAIVE_LITERAL_CONTROL_URL) ||
		    cp_naive(cp, NAIVE_URLBASE_LITERAL) || cp_naive(cp, NAIVE_URLBASE_NEEDED);
	size_t count = 0;

	for (size_t i = 0; i < d->count && count < max; i++) {
		const struct description_service *s = &d->services[i];
		struct cp_router r = {.host = c->host, .boot_id = c->boot_id};
		const char *refused;

		if (!cp_service_rank(s->type, &r.version))
			continue;
		r.type = xstrdup(cp_naive(cp, NAIVE_WRONG_ST_TYPE) ? c->target : s->type);
		r.control = s->control;
		if (glue)
			glue_control_url(cp, document, &c->url, &r);
		refused = refuse_service(cp, c, &r);
		if (refused || control_url_known(out, count, &r.control)) {
			cp_reply(cp, "%s not used: %s", s->type,
				 refused ? refused : "it shares its control URL with another");
			free(r.type);
			continue;
		}
		cp_reply(cp, "%s at %s:%u%s", s->type, r.control.host, r.control.port,
			 r.control.path);
		r.location = xstrdup(c->location);
		r.friendly_name = xstrdup(d->friendly_name ? d->friendly_name : "");
		insert_router(out, count++, &r);
	}
	return count;
}

/* A document that stops within its last tag: which tag that was is known. */
static void mend_last_tag(struct buf *document)
{
	static const char root[] = "</root";
	const char *last = memrchr(document->data, '<', document->len);
	size_t left = last ? document->len - (size_t)(last - document->data) : 0;

	if (left && left < sizeof(root) && !strncasecmp(last, root, left)) {
		document->len -= left;
		buf_printf(document, "%s>", root);
	}
}

/* The port mapping services of one description; @out has room for @max. */
static size_t cp_describe(struct cp *cp, const struct cp_candidate *c, struct cp_router *out,
			  size_t max)
{
	struct cp_http_request q = {.method = "GET", .url = &c->url};
	struct cp_http_reply reply = {0};
	struct description d;
	const char *why = "";
	size_t count = 0;
	bool fine = false;

	/* A router whose HTTP server is not up yet gets a second chance. */
	for (int i = 0; i < 2 && !fine; i++) {
		cp_request(cp, "GET http://%s:%u%s", c->url.host, c->url.port, c->url.path);
		cp_http_free(&reply);
		fine = cp_http(cp, &q, &reply, &why) && reply.status == 200 && reply.body.len;
		if (!fine && reply.status)
			why = reply.status == 200 ? "it is empty" : "the router has none there";
	}
	if (fine)
		cp_reply(cp, "HTTP %d, %zu bytes%s%s", reply.status, reply.body.len,
			 reply.note ? ", " : "", reply.note ? reply.note : "");
	else
		cp_reply(cp, "%s", why);
	if (fine)
		mend_last_tag(&reply.body);
	if (fine && description_parse(reply.body.data, reply.body.len, &c->url, &d, &why)) {
		count = collect_services(cp, c, &d, &reply.body, out, max);
		if (!count)
			why = "no service of it maps ports";
		description_free(&d);
	}
	cp_http_free(&reply);
	if (!count)
		cp_why(cp, "%s", why);
	return count;
}

/* How good a service is that was asked: connected, and an address that can be a WAN's. */
static int service_score(const struct cp_router *r)
{
	return 4 * (r->connected || !r->status) + 2 * r->has_external +
	       (r->has_external && r->kind == CP_PUBLIC);
}

/* Ask all services of one description. Return: index of the best. */
static size_t ask_services(struct cp *cp, int layer, struct cp_router *list, size_t count)
{
	size_t best = 0;

	for (size_t i = 0; i < count; i++) {
		cp_get_status(cp, layer, &list[i]);
		cp_get_external(cp, layer, &list[i]);
		if (cp_naive(cp, NAIVE_FIRST_SERVICE))
			return 0;
		if (service_score(&list[i]) > service_score(&list[best]))
			best = i;
	}
	return best;
}

static int by_score(const void *a, const void *b)
{
	const struct cp_candidate *const *x = a, *const *y = b;
	int difference = cp_candidate_score(*y) - cp_candidate_score(*x);

	return difference ? difference : (*x)->order - (*y)->order;
}

/* Candidates worth a look, the best first. */
static size_t sort_candidates(struct cp *cp, const struct cp_candidate **out)
{
	size_t count = 0;

	for (size_t i = 0; i < cp->candidate_count; i++)
		if (!cp->candidates[i].refused)
			out[count++] = &cp->candidates[i];
	if (!cp_naive(cp, NAIVE_FIRST_REPLY_WINS))
		qsort(out, count, sizeof(*out), by_score);
	else if (count > 1)
		count = 1;
	return count < DESCRIPTIONS_MAX ? count : DESCRIPTIONS_MAX;
}

/* One description: its best service to @best when it beats what is there. Return: no need to look
 * further. */
static bool try_candidate(struct cp *cp, int layer, const struct cp_candidate *c,
			  struct cp_router *best)
{
	struct cp_router list[SERVICES_MAX] = {0};
	size_t count, chosen;
	bool enough;

	cp_step(cp, layer, "description");
	cp_believe(cp, "%s is no gateway", c->location);
	count = cp_describe(cp, c, list, SERVICES_MAX);
	if (!count)
		return false;
	cp_believe(cp, "%s, %zu service%s", list[0].friendly_name, count, count == 1 ? "" : "s");
	cp_why(cp, "%s%s%s", c->gateway ? "on the gateway" : "on our subnet",
	       c->igd ? ", names an IGD" : "", c->substituted ? ", sender's address used" : "");
	chosen = ask_services(cp, layer, list, count);
	enough = service_score(&list[chosen]) >= 6 || cp_naive(cp, NAIVE_FIRST_REPLY_WINS);
	if (!best->type || service_score(&list[chosen]) > service_score(best)) {
		cp_router_free(best);
		*best = list[chosen];
		list[chosen] = (struct cp_router){0};
	}
	for (size_t i = 0; i < count; i++)
		cp_router_free(&list[i]);
	return enough;
}

bool cp_choose(struct cp *cp, int layer, struct cp_router *out)
{
	const struct cp_candidate *sorted[CP_CANDIDATES_MAX];
	size_t count = sort_candidates(cp, sorted);
	bool enough = false;

	*out = (struct cp_router){0};
	for (size_t i = 0; i < count && !enough; i++)
		enough = try_candidate(cp, layer, sorted[i], out);
	if (!out->type)
		return false;
	cp_step(cp, layer, "choose");
	cp_believe(cp, "%s of %s", out->type, inet_ntoa(out->host));
	if (cp_naive(cp, NAIVE_REQUIRES_CONNECTED) && (!out->connected || !out->has_external)) {
		cp_why(cp, "not connected, or without an address: not used");
		return false;
	}
	cp_why(cp, enough ? "connected%s" : "the best there is%s",
	       enough && out->has_external ? ", with an address" : "");
	return true;
}
