/* SPDX-License-Identifier: MIT */
/*
 * router_fixture.h - a router without network for unit tests: profile, loop, table, events;
 * requests are handed to the handlers and answers read back as text.
 *
 * LAN 192.168.1.1/24 and 2a0e:b107:1:1::1/64, external address 44.0.1.2, control points 192.168.1.4
 * and 192.168.1.5. Policy is set by YAML, as in a profile.
 */
#ifndef IGDLAB_CASES_ROUTER_FIXTURE_H
#define IGDLAB_CASES_ROUTER_FIXTURE_H

#include "unit.h"

#include "../../fakeigd/description.h"
#include "../../fakeigd/firewall6.h"
#include "../../fakeigd/gena.h"
#include "../../fakeigd/pinhole.h"
#include "../../fakeigd/portmap.h"
#include "../../fakeigd/profile_parts.h"
#include "../../fakeigd/router.h"
#include "../../fakeigd/soap.h"
#include "../../fakeigd/wanconnection.h"

#include <arpa/inet.h>

struct fixture {
	struct router r;
	struct buf reply; /* body of the last answer */
	int status;
};

static inline struct in_addr ip(const char *text)
{
	struct in_addr address = {0};

	if (*text)
		assert_int_equal(inet_pton(AF_INET, text, &address), 1);
	return address;
}

static inline void fixture_policy(struct fixture *f, const char *yaml)
{
	struct diag d = {0};
	struct doc *doc = doc_load_text(yaml, strlen(yaml), "policy", &d);

	if (!doc || !policy_read(&f->r.profile->policy, doc, &d))
		fail_msg("%s: %s", yaml, d.text.data);
	doc_free(doc);
	diag_free(&d);
}

/* An empty rule list can be added to at run time; a profile's own is used when it has one. */
static inline void fixture_rule(struct fixture *f, const char *yaml)
{
	struct diag d = {0};
	struct doc *doc = doc_load_text(yaml, strlen(yaml), "rule", &d);

	if (!doc || !rules_add(f->r.rules, doc, &d))
		fail_msg("%s: %s", yaml, d.text.data ? d.text.data : "");
	doc_free(doc);
	diag_free(&d);
}

static inline void fixture_start(struct fixture *f, const char *profile)
{
	struct diag d = {0};

	memset(f, 0, sizeof(*f));
	f->r.name = "r1";
	f->r.profile = profile_load(profile, NULL, 0, "fakeigd", "unit", &d);
	if (!f->r.profile)
		fail_msg("%s", d.text.data);
	diag_free(&d);
	f->r.loop = loop_new();
	f->r.rules = f->r.profile->rules;
	f->r.lans = 1;
	f->r.lan[0].address = ip("192.168.1.1");
	f->r.lan[0].prefix = 24;
	inet_pton(AF_INET6, "2a0e:b107:1:1::1", &f->r.lan[0].address6);
	f->r.lan[0].prefix6 = 64;
	f->r.external = ip("44.0.1.2");
	f->r.wan_state = WAN_CONNECTED;
	f->r.wan_since = clock_now();
	f->r.wan_error = "ERROR_NONE";
	f->r.description = descriptions_new(&f->r);
	f->r.wanconnection = wanconnection_new(&f->r);
	f->r.portmap = portmap_new(&f->r);
	f->r.firewall6 = firewall6_new(&f->r);
	f->r.pinholes = pinholes_new(&f->r);
	f->r.gena = gena_new(&f->r);
}

static inline void fixture_stop(struct fixture *f)
{
	gena_free(f->r.gena);
	pinholes_free(f->r.pinholes);
	firewall6_free(f->r.firewall6);
	portmap_free(f->r.portmap);
	wanconnection_free(f->r.wanconnection);
	descriptions_free(f->r.description);
	loop_free(f->r.loop);
	profile_free(f->r.profile);
	buf_free(&f->reply);
}

/* Move the lab's clock and let timers fire. */
static inline void fixture_advance(struct fixture *f, double seconds)
{
	clock_advance((int64_t)(seconds * CLOCK_SECOND));
	loop_step(f->r.loop, 0);
	loop_step(f->r.loop, 0);
}

typedef void fixture_handler(struct router *r, const struct http_request *request,
			     struct http_reply *reply);

/* Where a request comes from: an address of either family. */
static inline void fixture_peer(struct sockaddr_storage *out, const char *from)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;

	if (strchr(from, ':')) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(40000);
		assert_int_equal(inet_pton(AF_INET6, from, &v6->sin6_addr), 1);
		return;
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons(40000);
	v4->sin_addr = ip(from);
}

/* Send a request from @from; head lines end in CRLF, @head includes the empty line. */
static inline void fixture_request(struct fixture *f, fixture_handler *handler, const char *from,
				   const char *head, const char *body, struct http_reply *reply)
{
	struct http_request request = {.body = slice_of(body)};
	struct sockaddr_in *local = (struct sockaddr_in *)&request.local;
	size_t consumed;

	assert_int_equal(http_parse_head(head, strlen(head), &request.head, &consumed), HTTP_OK);
	fixture_peer(&request.peer, from);
	local->sin_family = AF_INET;
	local->sin_addr = f->r.lan[0].address;
	memset(reply, 0, sizeof(*reply));
	effects_init(&reply->effects);
	handler(&f->r, &request, reply);
	buf_reset(&f->reply);
	buf_add_slice(&f->reply, buf_slice(&reply->body));
	f->status = reply->status;
	buf_free(&reply->body);
}

/* A control request with a head and body of one's own. Return: the UPnP error code, 0 for 200, or
 * minus the HTTP status where there is neither. */
static inline int fixture_post(struct fixture *f, const char *from, const char *head,
			       const char *body)
{
	struct http_reply reply;
	struct soap_message m;
	int code;

	fixture_request(f, soap_post, from, head, body, &reply);
	buf_free(&reply.extra);
	if (f->status == 200)
		return 0;
	if (f->status != 500 || soap_parse(f->reply.data, f->reply.len, &m) != SOAP_OK)
		return -f->status;
	code = m.is_fault && m.fault_code > 0 ? m.fault_code : -f->status;
	soap_free(&m);
	return code;
}

/* An action with arguments given as XML. */
static inline int fixture_call(struct fixture *f, const char *from, const char *service,
			       unsigned version, const char *action, const char *arguments)
{
	const struct profile *p = f->r.profile;
	char head[512];
	char *body;
	int code;
	unsigned offered = version;

	for (size_t i = 0; i < p->service_count; i++)
		if (!strcmp(p->services[i].type, service))
			offered = p->services[i].version;
	snprintf(head, sizeof(head),
		 "POST /control/%s-%u HTTP/1.1\r\nContent-Type: text/xml; charset=\"utf-8\"\r\n"
		 "SOAPAction: \"urn:schemas-upnp-org:service:%s:%u#%s\"\r\n\r\n",
		 service, offered, service, version, action);
	body = xasprintf(
		"<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>"
		"<u:%s xmlns:u=\"urn:schemas-upnp-org:service:%s:%u\">%s</u:%s>"
		"</s:Body></s:Envelope>",
		action, service, version, arguments, action);
	code = fixture_post(f, from, head, body);
	free(body);
	return code;
}

/* Value of an out-argument of the last answer, in a buffer that the next call reuses. */
static inline const char *fixture_value(struct fixture *f, const char *name)
{
	static char value[512];
	struct soap_message m;

	assert_int_equal(soap_parse(f->reply.data, f->reply.len, &m), SOAP_OK);
	snprintf(value, sizeof(value), "%s",
		 soap_value(&m, name) ? soap_value(&m, name) : "(none)");
	soap_free(&m);
	return value;
}

#endif
