/* SPDX-License-Identifier: MIT */
/*
 * fuzz_soap.c - any body and any SOAPACTION: who is strict accepts no more than who is forgiving,
 * and a request built from what was read reads back the same.
 */
#include "fuzz.h"

#include "../../fakeigd/wire/soap.h"

/* Whether a prefix can be bound to it, and an attribute holds it unchanged. */
static bool can_be_service(const char *ns)
{
	return *ns && !strpbrk(ns, "\t\n\r") && strncmp(ns, "http://www.w3.org/", 18) != 0;
}

static void check_rebuilt(const struct soap_message *m)
{
	struct soap_message again;
	struct buf text = {0};

	if (!can_be_service(m->service))
		return;
	soap_build_request(&text, m->service, m->action, m->names, m->values, m->count);
	require(soap_parse(text.data, text.len, &again) == SOAP_OK);
	require(!strcmp(m->action, again.action) && !strcmp(m->service, again.service));
	require(m->count == again.count && again.encoding_style);
	for (size_t i = 0; i < m->count; i++) {
		require(!strcmp(m->names[i], again.names[i]));
		require(!strcmp(m->values[i], again.values[i]));
	}
	soap_free(&again);
	buf_free(&text);
}

/* Who does not look at the envelope's name space takes whatever a strict reader takes, as it does.
 */
static void check_any_envelope(const char *data, size_t len, const struct soap_message *strict)
{
	struct soap_message m;
	enum soap_error error = soap_parse_request(data, len, true, &m);

	require(!strict || !error);
	if (error)
		return;
	require(m.count <= SOAP_ARGUMENTS_MAX);
	require(!strict || (m.count == strict->count && m.is_fault == strict->is_fault &&
			    !strcmp(m.action, strict->action)));
	soap_free(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *data = (const char *)bytes;
	struct slice service, action;
	struct soap_message m, reply;
	enum soap_error error = soap_parse(data, len, &m);
	enum soap_error lenient = soap_parse_reply(data, len, &reply);

	require(error || !lenient);
	check_any_envelope(data, len, error ? NULL : &m);
	if (!error) {
		require(m.count <= SOAP_ARGUMENTS_MAX && m.count == reply.count);
		require(!strcmp(m.action, reply.action) && m.is_fault == reply.is_fault);
		require(!soap_value(&m, "no such argument"));
		if (!m.is_fault)
			check_rebuilt(&m);
		soap_free(&m);
	}
	if (!lenient)
		soap_free(&reply);
	if (!soap_parse_action_header((struct slice){data, len}, &service, &action))
		require(is_within(service, data, len) && is_within(action, data, len));
	return 0;
}
