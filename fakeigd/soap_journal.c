/* SPDX-License-Identifier: MIT */
/*
 * soap_journal.c - control requests and answers in the words of a person, for the journal.
 *
 * "AddPortMapping 1872/TCP -> 192.168.1.4:1872, 60 s", "713 SpecifiedArrayIndexInvalid": ladder
 * pictures and reports print these as they are (IGD-20).
 */
#include "journal.h"
#include "router.h"
#include "soap_parts.h"

#include <stdio.h>

static const char *in(const struct soap_exchange *x, const char *name)
{
	const char *value = soap_value(&x->message, name);

	return value ? value : "?";
}

static bool has(const struct soap_exchange *x, const char *name)
{
	return soap_value(&x->message, name);
}

static void describe_mapping(const struct soap_exchange *x, struct buf *what)
{
	buf_printf(what, " %.12s/%.12s", in(x, "NewExternalPort"), in(x, "NewProtocol"));
	if (has(x, "NewRemoteHost") && *in(x, "NewRemoteHost"))
		buf_printf(what, " from %.40s", in(x, "NewRemoteHost"));
	if (!has(x, "NewInternalClient"))
		return;
	buf_printf(what, " -> %.40s:%.12s, %.12s s", in(x, "NewInternalClient"),
		   in(x, "NewInternalPort"), in(x, "NewLeaseDuration"));
	if (*in(x, "NewEnabled") == '0')
		buf_puts(what, ", disabled");
}

/* The request in a few words. */
static void describe_request(const struct soap_exchange *x, struct buf *what)
{
	buf_printf(what, "%.60s", x->name);
	if (has(x, "NewExternalPort"))
		describe_mapping(x, what);
	else if (has(x, "NewStartPort"))
		buf_printf(what, " %.12s to %.12s/%.12s", in(x, "NewStartPort"),
			   in(x, "NewEndPort"), in(x, "NewProtocol"));
	else if (x->message.count)
		buf_printf(what, " %.60s", x->message.values[0]);
}

/* An out-argument as it is sent: what a rule puts there, or what the action found. */
static const char *out(const struct soap_exchange *x, const char *name)
{
	const struct effects *e = &x->reply->effects;
	struct soap_call *call = (struct soap_call *)&x->call;
	const struct buf *value = call->action ? soap_out(call, name) : NULL;

	for (size_t i = 0; i < e->replies; i++)
		if (!strcmp(e->reply_name[i], name) && e->reply_value[i])
			return e->reply_value[i];
	return value ? (value->data ? value->data : "") : NULL;
}

/* The answer in a few words. */
static void describe_answer(const struct soap_exchange *x, struct buf *what)
{
	const char *client = out(x, "NewInternalClient");
	const struct service_argument *a = x->call.action ? x->call.action->arguments : NULL;
	size_t count = 0;

	if (x->code) {
		const struct profile_service *s = x->call.instance;

		buf_printf(what, "%d %s", x->code, upnp_error_text(s ? s->type : NULL, x->code));
		return;
	}
	if (client) {
		const char *port = out(x, "NewExternalPort"), *protocol = out(x, "NewProtocol");

		buf_printf(what, "%.12s/%.12s -> %.40s:%.12s, %.12s s",
			   port ? port : in(x, "NewExternalPort"),
			   protocol ? protocol : in(x, "NewProtocol"), client,
			   out(x, "NewInternalPort"), out(x, "NewLeaseDuration"));
		return;
	}
	buf_printf(what, "%.60s", x->name ? x->name : "");
	for (; a && a->name; a++)
		if (a->out)
			buf_printf(what, "%s%.60s", count++ ? ", " : ": ", out(x, a->name));
	if (!count)
		buf_puts(what, ": done");
}

static json_t *arguments_json(const struct soap_exchange *x)
{
	json_t *object = json_object();

	for (size_t i = 0; i < x->message.count; i++)
		json_object_set_new(object, x->message.names[i], json_string(x->message.values[i]));
	return object;
}

static json_t *values_json(const struct soap_exchange *x)
{
	const struct service_argument *a = x->call.action ? x->call.action->arguments : NULL;
	json_t *object = json_object();

	for (; !x->code && a && a->name; a++)
		if (a->out)
			json_object_set_new(object, a->name, json_string(out(x, a->name)));
	return object;
}

static const struct sockaddr *address(const struct sockaddr_storage *ss)
{
	return (const struct sockaddr *)ss;
}

void soap_journal_received(const struct soap_exchange *x)
{
	struct buf what = {0};

	if (!journal_on(x->router->journal))
		return;
	describe_request(x, &what);
	journal_write(x->router->journal, JOURNAL_RECEIVED, "soap", address(&x->request->peer),
		      address(&x->request->local), what.data, "{s:s, s:s, s:o}", "service", x->type,
		      "action", x->name, "arguments", arguments_json(x));
	buf_free(&what);
}

void soap_journal_decided(const struct soap_exchange *x)
{
	const struct effects *e = &x->reply->effects;
	struct buf what = {0};

	if (!journal_on(x->router->journal))
		return;
	if (x->code && !e->fault)
		buf_printf(&what, "refuse with %d%s%s", x->code, x->call.why.len ? ": " : "",
			   x->call.why.len ? x->call.why.data : "");
	else if (x->code)
		buf_printf(&what, "refuse with %d: a rule says so", x->code);
	else if (e->lie || e->reply_only)
		buf_puts(&what, "say yes without doing it: a rule says so");
	else
		buf_puts(&what, "done");
	journal_write(x->router->journal, JOURNAL_DECIDED, "soap", address(&x->request->peer),
		      address(&x->request->local), what.data, "{s:s, s:i, s:s}", "action",
		      x->name ? x->name : "", "code", x->code, "rules", e->rules);
	buf_free(&what);
}

void soap_journal_sent(const struct soap_exchange *x)
{
	struct buf what = {0};

	if (!journal_on(x->router->journal))
		return;
	describe_answer(x, &what);
	journal_write(x->router->journal, JOURNAL_SENT, "soap", address(&x->request->local),
		      address(&x->request->peer), what.data, "{s:s, s:i, s:i, s:o}", "action",
		      x->name ? x->name : "", "code", x->code, "status", x->reply->status, "values",
		      values_json(x));
	buf_free(&what);
}

void soap_journal_refused(const struct soap_exchange *x, int status, const char *why)
{
	char what[80];

	if (!journal_on(x->router->journal))
		return;
	snprintf(what, sizeof(what), "%d %s", status, why ? why : http_status_reason(status));
	journal_write(x->router->journal, JOURNAL_DECIDED, "soap", address(&x->request->peer),
		      address(&x->request->local), what, "{s:i}", "status", status);
}
