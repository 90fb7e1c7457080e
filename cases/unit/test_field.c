/* SPDX-License-Identifier: MIT */
/*
 * test_field.c - the field log of 2025-07-28: lengths that prove the white space, and the profile.
 *
 * captures/...flow.json holds the seven SOAP exchanges, the discovery and the description's head
 * with the bytes as they must have been, as igdlab import read them out of the log. Here: every
 * stated length is met, with white space squeezed each message is the log's own text, and the
 * profile's templates render the same bytes. Over the wire, with state and time, it is replayed by
 * cases/flows/test_field.py.
 *
 * links: fakeigd
 */
#include "../../fakeigd/profile.h"
#include "../../fakeigd/wire/soap.h"
#include "unit.h"

#include <ctype.h>
#include <jansson.h>

#define FLOW	"captures/field-2025-07-28-nested.flow.json"
#define LOG	"captures/field-2025-07-28-nested.log"
#define PROFILE "captures/field-2025-07-28-nested.profile.yaml"

static json_t *flow;
static struct profile *profile;

static int group_setup(void **state)
{
	struct diag d = {0};

	(void)state;
	flow = json_load_file(FLOW, 0, NULL);
	profile = profile_load(PROFILE, NULL, 0, "fakeigd", "seed", &d);
	if (!profile)
		print_error("%s", d.text.data);
	return flow && profile ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	json_decref(flow);
	profile_free(profile);
	return 0;
}

static const char *text(const json_t *exchange, const char *key)
{
	const char *value = json_string_value(json_object_get(exchange, key));

	if (!value)
		fail_msg("no \"%s\"", key);
	return value;
}

/* Bytes of the request or the reply, NULL = the log does not have it. */
static const char *message(const json_t *exchange, bool reply)
{
	const json_t *m = reply ? json_array_get(json_object_get(exchange, "replies"), 0)
				: json_object_get(exchange, "request");

	return m ? text(m, "text") : NULL;
}

static const char *body_of(const char *message)
{
	return strstr(message, "\r\n\r\n") + 4;
}

static long stated_length(const char *message)
{
	const char *at = strcasestr(message, "\r\nContent-Length: ");

	return at ? strtol(at + strlen("\r\nContent-Length: "), NULL, 10) : -1;
}

/* The request for index 2 is in the log, its reply is not. */
static bool is_answered_soap(const json_t *exchange)
{
	return !strcmp(text(exchange, "protocol"), "soap") && message(exchange, true);
}

static void stated_lengths_are_met(void **state)
{
	static const long lengths[] = {361, 602, 631, 632, 474, 466, 290};
	static const long asked[] = {275, 356, 356, 356, 356, 418, 635};
	json_t *exchange;
	size_t i, n = 0;

	(void)state;
	json_array_foreach(json_object_get(flow, "exchanges"), i, exchange)
	{
		const char *request = message(exchange, false), *reply = message(exchange, true);

		if (!is_answered_soap(exchange))
			continue;
		assert_true(n < ARRAY_SIZE(lengths));
		assert_int_equal(stated_length(reply), lengths[n]);
		assert_int_equal(strlen(body_of(reply)), lengths[n]);
		assert_int_equal(stated_length(request), asked[n]);
		assert_int_equal(strlen(body_of(request)), asked[n]);
		n++;
	}
	assert_int_equal(n, ARRAY_SIZE(lengths));
}

/* Carriage returns, indentation and empty lines out: what the log lost. */
static char *squeezed(const char *t, size_t len)
{
	struct buf out = {0};

	for (size_t i = 0; i < len; i++) {
		bool start = !out.len || out.data[out.len - 1] == '\n';

		if (t[i] != '\r' && !(start && isspace((unsigned char)t[i])))
			buf_putc(&out, t[i]);
	}
	while (out.len && isspace((unsigned char)out.data[out.len - 1]))
		out.data[--out.len] = '\0';
	return buf_steal(&out);
}

static char *read_all(const char *path)
{
	struct buf out = {0};
	FILE *f = fopen(path, "re");
	size_t got;

	assert_non_null(f);
	do {
		got = fread(buf_reserve(&out, 4096), 1, 4096, f);
		out.len += got;
	} while (got);
	fclose(f);
	return buf_steal(&out);
}

static void every_message_is_the_log_s(void **state)
{
	char *raw = read_all(LOG), *log = squeezed(raw, strlen(raw));
	json_t *exchange;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(flow, "exchanges"), i, exchange)
	{
		for (int side = 0; side < 2; side++) {
			const char *t = message(exchange, side);
			char *plain = squeezed(t ? t : "", t ? strlen(t) : 0);

			if (t && !strstr(log, plain))
				fail_msg("not in the log: %s", plain);
			free(plain);
		}
	}
	free(raw);
	free(log);
}

static void render(enum message_id id, const struct message_values *values, struct buf *out)
{
	template_render(profile->templates[id], values, out);
}

static void assert_bytes(const struct buf *got, const char *expected, size_t len, const char *what)
{
	if (got->len != len || memcmp(got->data, expected, len))
		fail_msg("%s: \"%s\", not \"%.*s\"", what, got->data, (int)len, expected);
}

/* The date of a message, which no template can know. */
static struct slice date_of(const char *message)
{
	const char *at = strstr(message, "\r\nDATE: ");

	at += strlen("\r\nDATE: ");
	return (struct slice){at, strcspn(at, "\r")};
}

static void render_soap(const char *reply, struct buf *out)
{
	struct message_values values = {0}, one = {0};
	struct soap_message m;
	struct buf arguments = {0};
	char code[16], *action;

	assert_int_equal(soap_parse(body_of(reply), strlen(body_of(reply)), &m), SOAP_OK);
	for (size_t i = 0; i < m.count; i++) {
		one.v[PLACEHOLDER_NAME] = slice_of(m.names[i]);
		one.v[PLACEHOLDER_VALUE] = slice_of(m.values[i]);
		render(MESSAGE_SOAP_ARGUMENT, &one, &arguments);
	}
	snprintf(code, sizeof(code), "%d", m.fault_code);
	action = xstrdup(m.action);
	if (strstr(action, "Response"))
		*strstr(action, "Response") = '\0';
	values.v[PLACEHOLDER_ACTION] = slice_of(action);
	values.v[PLACEHOLDER_SERVICE_TYPE] = slice_of(m.service);
	values.v[PLACEHOLDER_ARGUMENTS] = buf_slice(&arguments);
	values.v[PLACEHOLDER_CODE] = slice_of(code);
	values.v[PLACEHOLDER_DESCRIPTION] = slice_of(m.fault_text);
	render(m.is_fault ? MESSAGE_SOAP_FAULT : MESSAGE_SOAP_RESPONSE, &values, out);
	free(action);
	buf_free(&arguments);
	soap_free(&m);
}

static void templates_render_the_log_s_answers(void **state)
{
	json_t *exchange;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(flow, "exchanges"), i, exchange)
	{
		const char *reply = message(exchange, true), *name = text(exchange, "name");
		struct message_values values = {0};
		struct buf head = {0}, body = {0};
		bool fault = reply && strstr(reply, " 500 ");
		char length[16];

		if (!is_answered_soap(exchange))
			continue;
		render_soap(reply, &body);
		assert_bytes(&body, body_of(reply), strlen(body_of(reply)), name);
		snprintf(length, sizeof(length), "%zu", body.len);
		values.v[PLACEHOLDER_STATUS] = slice_of(fault ? "500" : "200");
		values.v[PLACEHOLDER_REASON] = slice_of(fault ? "Internal Server Error" : "OK");
		values.v[PLACEHOLDER_CONTENT_LENGTH] = slice_of(length);
		values.v[PLACEHOLDER_SERVER] = slice_of(profile->server);
		values.v[PLACEHOLDER_DATE] = date_of(reply);
		render(fault ? MESSAGE_FAULT_HEAD : MESSAGE_SOAP_HEAD, &values, &head);
		assert_bytes(&head, reply, (size_t)(body_of(reply) - reply), name);
		buf_free(&head);
		buf_free(&body);
	}
}

static const char *reply_of(size_t index)
{
	return message(json_array_get(json_object_get(flow, "exchanges"), index), true);
}

static void templates_render_discovery_and_description(void **state)
{
	const char *reply = reply_of(0);
	struct message_values values = {0};
	struct buf out = {0};
	char *location =
		xasprintf("http://192.168.1.1:%u/dyndev/%s", profile->http_port, profile->udn[0]);
	char *usn =
		xasprintf("%s::urn:schemas-upnp-org:service:WANPPPConnection:1", profile->udn[2]);

	(void)state;
	values.v[PLACEHOLDER_LOCATION] = slice_of(location);
	values.v[PLACEHOLDER_ST] = slice_of("urn:schemas-upnp-org:service:WANPPPConnection:1");
	values.v[PLACEHOLDER_USN] = slice_of(usn);
	values.v[PLACEHOLDER_MAX_AGE] = slice_of("1800");
	render(MESSAGE_SSDP_REPLY, &values, &out);
	assert_bytes(&out, reply, strlen(reply), "discovery");
	buf_reset(&out);
	reply = reply_of(1);
	values.v[PLACEHOLDER_STATUS] = slice_of("200");
	values.v[PLACEHOLDER_REASON] = slice_of("OK");
	values.v[PLACEHOLDER_SERVER] = slice_of(profile->server);
	values.v[PLACEHOLDER_DATE] = date_of(reply);
	render(MESSAGE_DESCRIPTION_HEAD, &values, &out);
	assert_bytes(&out, reply, strlen(reply), "description");
	buf_free(&out);
	free(location);
	free(usn);
}

static void profile_is_in_the_log_s_state(void **state)
{
	(void)state;
	assert_int_equal(profile->mapping_count, 6);
	assert_int_equal(profile->mappings[0].lease, 16905);
	assert_int_equal(profile->mappings[5].lease, 38325);
	assert_int_equal(profile->policy.generic_first, 1);
	assert_int_equal(profile->date_offset, 8 * 3600);
	assert_true(rules_any(profile->rules, RULE_HTTP));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stated_lengths_are_met),
		cmocka_unit_test(every_message_is_the_log_s),
		cmocka_unit_test(templates_render_the_log_s_answers),
		cmocka_unit_test(templates_render_discovery_and_description),
		cmocka_unit_test(profile_is_in_the_log_s_state),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
