/* SPDX-License-Identifier: MIT */
/*
 * soap.c - control: from a POST to an action and back.
 *
 * Theory of operation
 *
 * UDA 2.0 clause 3 (and UDA 1.0 3.2.1 for M-POST, 3.3 for QueryStateVariable). A request passes, in
 * this order, and the first that fails answers:
 *
 *	control URL known			404
 *	M-POST's MAN header			510	SOAP-04
 *	CONTENT-TYPE text/xml			415	SOAP-11
 *	body well-formed, without DTD		400	SOAP-47, SOAP-48
 *	Envelope of SOAP 1.1			fault VersionMismatch	SOAP-09
 *	Header entries understood		fault MustUnderstand	SOAP-10
 *	SOAPACTION there and well-formed	401	SOAP-05, SOAP-46
 *	SOAPACTION and body agree		401	SOAP-06
 *	service and version are this URL's	401	SOAP-31
 *	action in the table of that version	401	SOAP-17, SOAP-33
 *	action offered by this router		602	SOAP-18
 *	arguments there, in order, well-typed	402, 601, 605	SOAP-19 to SOAP-25, SOAP-29
 *	the action itself			its codes
 *
 * Three-digit codes from 401 on the right are UPnP errors in a SOAP fault with HTTP 500 (SOAP-16)
 * unless they stand in the first four lines. A lower version of a service is served by the tables
 * of that version, and answered in its name space. Where routers differ, policy.def (soap.*) has
 * the choice; rules of layer soap are applied once action and arguments are known, and may give
 * another answer with or without the action being performed. Nothing blocks: an answer is complete
 * when soap_post() returns (SOAP-14), or the action has kept the exchange by soap_hold() and sends
 * it when somebody else has answered; the connection may be gone by then.
 */
#include "soap.h"

#include "base/mem.h"
#include "choice.h"
#include "description.h"
#include "router.h"
#include "rule.h"
#include "soap_parts.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* What a step returns besides 0 and UPnP error codes, which rules may set to -99999 to 99999. */
enum {
	ANSWERED = 1 << 20,    /* the reply is complete */
	HTTP_STATUS = 1 << 21, /* plus an HTTP status */
};

static int http_status(int status)
{
	return HTTP_STATUS + status;
}

/* Policy codes 400 and 500 are HTTP statuses without a fault. */
static int policy_answer(int code)
{
	return code == 400 || code == 500 ? http_status(code) : code;
}

static struct in_addr peer_ipv4(const struct sockaddr_storage *peer)
{
	const struct sockaddr_in6 *in6 = (const void *)peer;
	struct in_addr address = {0};

	if (peer->ss_family == AF_INET)
		return ((const struct sockaddr_in *)peer)->sin_addr;
	if (peer->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		memcpy(&address, in6->sin6_addr.s6_addr + 12, sizeof(address));
	return address;
}

static int check_content_type(const struct soap_exchange *x)
{
	const struct policy *policy = &x->router->profile->policy;
	struct slice type = http_header(&x->request->head, "CONTENT-TYPE");
	const char *semicolon = type.len ? memchr(type.ptr, ';', type.len) : NULL;

	if (policy_is(policy, soap_content_type, "any"))
		return 0;
	if (!type.ptr)
		return policy_is(policy, soap_content_type, "text-xml") ? http_status(415) : 0;
	if (semicolon)
		type.len = (size_t)(semicolon - type.ptr);
	return slice_case_eq(slice_trim(type), "text/xml") ? 0 : http_status(415);
}

/*
 * Where the action's name is: SOAPACTION, or for M-POST NN-SOAPACTION where MAN declares the SOAP
 * envelope as name space NN (RFC 2774 clause 4.1).
 */
static int find_action_header(const struct soap_exchange *x, struct slice *value)
{
	static const char uri[] = "\"" SOAP_NS_ENVELOPE "\"";
	const struct http_head *head = &x->request->head;
	struct slice man;
	char name[24];
	const char *ns;
	size_t len;

	*value = http_header(head, "SOAPACTION");
	if (!slice_eq(head->method, "M-POST"))
		return 0;
	if (!x->router->profile->policy.soap_m_post)
		return http_status(405);
	man = http_header(head, "MAN");
	if (!slice_starts(man, uri))
		return http_status(510);
	ns = memmem(man.ptr, man.len, "ns=", 3);
	if (!ns)
		return http_status(510);
	ns += 3;
	len = (size_t)(man.ptr + man.len - ns);
	for (size_t i = 0; i < len; i++)
		if (ns[i] < '0' || ns[i] > '9')
			len = i;
	if (!len || len > 8)
		return http_status(510);
	memcpy(name, ns, len);
	memcpy(name + len, "-SOAPACTION", sizeof("-SOAPACTION"));
	*value = http_header(head, name);
	return 0;
}

static int read_body(struct soap_exchange *x)
{
	bool any = policy_is(&x->router->profile->policy, soap_envelope, "any");
	enum soap_error error =
		soap_parse_request(x->request->body.ptr, x->request->body.len, any, &x->message);

	switch (error) {
	case SOAP_OK:
		break;
	case SOAP_NO_ENVELOPE:
		soap_render_protocol_fault(x, "VersionMismatch", "Envelope is not of SOAP 1.1");
		return ANSWERED;
	case SOAP_TOO_MANY_ARGUMENTS:
		return 402;
	default:
		return http_status(400);
	}
	x->parsed = true;
	if (x->message.must_understand && !any) {
		soap_render_protocol_fault(x, "MustUnderstand", "Header entry is not understood");
		return ANSWERED;
	}
	return 0;
}

/* Which action, from the header and the body, which should say the same (SOAP-05, SOAP-06). */
static int find_name(struct soap_exchange *x, struct slice header)
{
	const struct policy *policy = &x->router->profile->policy;
	const struct soap_message *m = &x->message;
	struct slice service, action;

	if (soap_parse_action_header(header, &service, &action) != SOAP_OK) {
		if (!policy_is(policy, soap_missing_header, "body"))
			return policy_answer(policy_code(policy, soap_missing_header));
		service = slice_of(m->service);
		action = slice_of(m->action);
	}
	if (!slice_eq(service, m->service) || !slice_eq(action, m->action)) {
		if (policy_code(policy, soap_disagreement))
			return policy_code(policy, soap_disagreement);
		if (policy_is(policy, soap_disagreement, "body")) {
			service = slice_of(m->service);
			action = slice_of(m->action);
		}
	}
	x->type = slice_dup(service);
	x->name = slice_dup(action);
	return 0;
}

/* "urn:DOMAIN:service:TYPE:VERSION" against a service. Return: VERSION, 0 when it is another. */
static unsigned version_asked(const char *type, const struct profile_service *s)
{
	static const char middle[] = ":service:";
	size_t domain = strlen(s->domain), name = strlen(s->type);
	uint64_t version;

	if (s->urn)
		return strcmp(type, s->urn) ? 0 : s->version;
	if (strncmp(type, "urn:", 4) != 0 || strncmp(type + 4, s->domain, domain) != 0)
		return 0;
	type += 4 + domain;
	if (strncmp(type, middle, strlen(middle)) != 0)
		return 0;
	type += strlen(middle);
	if (strncmp(type, s->type, name) != 0 || type[name] != ':')
		return 0;
	return slice_number(slice_of(type + name + 1), 99, &version) ? (unsigned)version : 0;
}

/*
 * The service that is meant, among those of this URL (or of any, by policy): several may share one.
 * The lowest version that is not below the one asked for; else the last of that type.
 */
static const struct profile_service *find_instance(const struct soap_exchange *x, unsigned *asked)
{
	const struct profile *profile = x->router->profile;
	bool anywhere = policy_is(&profile->policy, soap_dispatch, "header");
	const struct profile_service *best = NULL;

	for (size_t i = 0; i < profile->service_count; i++) {
		const struct profile_service *s = &profile->services[i];
		unsigned version = version_asked(x->type, s);

		if (!version ||
		    (!anywhere && !description_shares_control(x->router, s, x->call.instance)))
			continue;
		*asked = version;
		if (!best || best->version < version ||
		    (s->version >= version && s->version < best->version))
			best = s;
	}
	return best;
}

/* Table of the service in the version that was asked for. */
static int find_service(struct soap_exchange *x)
{
	const struct policy *policy = &x->router->profile->policy;
	struct soap_call *call = &x->call;
	unsigned asked = 0;
	const struct profile_service *found = find_instance(x, &asked);

	if (!found)
		return soap_refuse(call, 401, "no service %.80s here", x->type);
	call->instance = found;
	if (policy_is(policy, soap_version, "any"))
		asked = asked < call->instance->version ? asked : call->instance->version;
	if (asked > call->instance->version ||
	    (asked != call->instance->version && policy_is(policy, soap_version, "exact")))
		return policy_answer(soap_refuse(call, policy_code(policy, soap_version_refused),
						 "version %u is offered", call->instance->version));
	call->service = asked == found->version ? NULL : service_find(found->type, asked);
	if (!call->service)
		call->service = service_of(found);
	return call->service ? 0 : soap_refuse(call, 401, "version %u is unknown", asked);
}

static int find_action(struct soap_exchange *x)
{
	const struct policy *policy = &x->router->profile->policy;
	struct soap_call *call = &x->call;

	call->action = service_action(call->service, slice_of(x->name));
	if (!call->action)
		return policy_answer(soap_refuse(call, policy_code(policy, soap_unknown_action),
						 "%s:%u has no action %.60s", call->service->type,
						 call->service->version, x->name));
	if (!service_offers(call->instance, call->action))
		return soap_refuse(call, policy_code(policy, soap_not_offered),
				   "this router leaves it out");
	return 0;
}

static int query(struct soap_exchange *x)
{
	struct buf value = {0};
	int code = 401;

	x->call.service = service_of(x->call.instance);
	if (x->router->profile->policy.soap_query_state_variable && x->call.service)
		code = soap_query(x, x->call.service, &value);
	if (!code) {
		soap_render_query(x, value.data ? value.data : "");
		code = ANSWERED;
	}
	buf_free(&value);
	return code;
}

static void apply_rules(struct soap_exchange *x)
{
	struct router *r = x->router;
	struct rule_event event = {
		.layer = RULE_SOAP,
		.message = "request",
		.target = x->type,
		.action = x->name,
		.arguments = &x->message,
		.service = x->call.instance ? x->call.instance->id : NULL,
		.request = &x->request->facts,
		.head = &x->request->head,
		.from = (const struct sockaddr *)&x->request->peer,
	};

	if (!r->rules || !rules_any(r->rules, RULE_SOAP))
		return;
	rules_apply(r->rules, r, &event, &x->reply->effects);
	rules_rewrite(&x->reply->effects, r, &event, &x->message, &x->rewritten);
}

/* What the rules make of an action's outcome. */
static int settle(struct soap_exchange *x, int code)
{
	const struct effects *e = &x->reply->effects;

	if (code && !e->never_refuse)
		return code;
	if (code || e->lie)
		soap_pretend(&x->call);
	return 0;
}

static int perform(struct soap_exchange *x)
{
	const struct effects *e = &x->reply->effects;
	int code;

	if (e->fault)
		return e->fault;
	if (e->reply_only) {
		soap_pretend(&x->call);
		return 0;
	}
	code = soap_gather(x);
	if (!code && !e->lie)
		code = x->call.action->perform(&x->call);
	return code == SOAP_LATER ? code : settle(x, code);
}

/* What the profile says of the service's state stands in place of what an action found. */
static void fix_state(struct soap_call *call)
{
	size_t count = 0;

	for (const struct service_argument *a = call->action->arguments; a && a->name; a++) {
		const char *fixed = a->out ? service_fixed(call->instance, a->variable) : NULL;

		if (fixed) {
			buf_reset(&call->out[count]);
			buf_puts(&call->out[count], fixed);
		}
		count += a->out;
	}
}

/* Every step up to the answer's code. */
static int handle(struct soap_exchange *x)
{
	struct slice header;
	int code = find_action_header(x, &header);

	if (!code)
		code = check_content_type(x);
	if (!code)
		code = read_body(x);
	if (!code)
		code = find_name(x, header);
	if (code)
		return code;
	soap_journal_received(x);
	apply_rules(x);
	if (x->reply->effects.fault)
		return x->reply->effects.fault;
	if (!strcmp(x->type, SOAP_CONTROL_NS) && !strcmp(x->name, "QueryStateVariable"))
		return query(x);
	code = find_service(x);
	if (!code)
		code = find_action(x);
	if (!code)
		code = perform(x);
	if (!code)
		fix_state(&x->call);
	return code;
}

static void answer(struct soap_exchange *x, int code)
{
	if (code >= HTTP_STATUS) {
		http_error_reply(x->router, x->reply, code - HTTP_STATUS);
		soap_journal_refused(x, x->reply->status, NULL);
		return;
	}
	if (code == ANSWERED) {
		soap_journal_sent(x);
		return;
	}
	x->code = code;
	soap_journal_decided(x);
	soap_render(x);
	soap_journal_sent(x);
}

static void exchange_free(struct soap_exchange *x)
{
	for (size_t i = 0; i < SERVICE_ARGUMENTS_MAX; i++)
		buf_free(&x->call.out[i]);
	buf_free(&x->call.why);
	if (x->parsed)
		soap_free(&x->message);
	rewritten_free(&x->rewritten);
	free(x->type);
	free(x->name);
}

struct soap_later *soap_hold(struct soap_call *call)
{
	call->later = xcalloc(1, sizeof(*call->later));
	return call->later;
}

struct soap_call *soap_later_call(struct soap_later *later)
{
	return &later->x.call;
}

/* The exchange moves from the stack to where it lasts; the bytes of the request do not. */
static void keep(struct soap_exchange *x)
{
	struct soap_later *later = x->call.later;

	later->request.peer = x->request->peer;
	later->request.local = x->request->local;
	later->request.lan = x->request->lan;
	later->effects = x->reply->effects;
	x->reply->later = &later->http;
	later->x = *x;
	later->x.request = &later->request;
	later->x.reply = NULL;
	later->x.call.from = &later->request.peer;
}

void soap_abandon(struct soap_later *later)
{
	http_later_drop(&later->http);
	exchange_free(&later->x);
	free(later);
}

void soap_finish(struct soap_later *later, int code)
{
	struct soap_exchange *x = &later->x;

	x->reply = http_later_reply(&later->http);
	if (x->reply) {
		x->reply->effects = later->effects;
		code = settle(x, code);
		if (!code)
			fix_state(&x->call);
		answer(x, code);
		http_later_send(&later->http);
	}
	soap_abandon(later);
}

void soap_post(struct router *r, const struct http_request *request, struct http_reply *reply)
{
	struct soap_exchange x = {.router = r, .request = request, .reply = reply};
	int code;

	x.call.router = r;
	x.call.peer = peer_ipv4(&request->peer);
	x.call.from = &request->peer;
	x.call.instance = description_control_service(r, request->head.target);
	if (!x.call.instance && r->profile->service_count &&
	    policy_is(&r->profile->policy, soap_dispatch, "header"))
		x.call.instance = &r->profile->services[0];
	code = x.call.instance ? handle(&x) : http_status(404);
	if (code == SOAP_LATER) {
		keep(&x);
		return;
	}
	answer(&x, code);
	exchange_free(&x);
}
