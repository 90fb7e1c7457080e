/* SPDX-License-Identifier: MIT */
/*
 * test_translation.c - a recorded client's requests in the words of another router's network.
 *
 * links: sim
 */
#include "unit.h"

#include "../../sim/translation.h"

#define IP1   "urn:schemas-upnp-org:service:WANIPConnection:1"
#define IP2   "urn:schemas-upnp-org:service:WANIPConnection:2"
#define PPP1  "urn:schemas-upnp-org:service:WANPPPConnection:1"
#define THERE "10.0.0.1:5000"

static void add_page(struct recording *r, const char *target, const char *body)
{
	struct exchange *x = recording_add(r);
	struct recorded_message *reply = exchange_reply(x);

	x->protocol = FLOW_HTTP;
	x->has_request = true;
	buf_printf(&x->request.bytes, "GET %s HTTP/1.1\r\nHost: 192.168.1.1:80\r\n\r\n", target);
	end_point_parse(slice_of("192.168.1.1:80"), &x->request.to);
	buf_printf(&reply->bytes, "HTTP/1.1 200 OK\r\n\r\n%s", body);
}

static void describe(struct buf *out, const char *udn, const char *type, const char *prefix)
{
	buf_printf(out,
		   "<root xmlns=\"urn:schemas-upnp-org:device-1-0\"><device>"
		   "<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>"
		   "<UDN>uuid:%s</UDN><serviceList><service><serviceType>%s</serviceType>"
		   "<serviceId>a</serviceId><controlURL>%s/ctl</controlURL>"
		   "<eventSubURL>%s/evt</eventSubURL><SCPDURL>%s/scpd</SCPDURL></service>"
		   "</serviceList></device></root>",
		   udn, type, prefix, prefix, prefix);
}

/**
 * struct scene - a recorded router with WANIPConnection:1 and a live one with another service
 * @page:	response with the live one's description
 */
struct scene {
	struct recording flow;
	struct site recorded, live;
	struct recorded_message page;
	struct translation t;
};

static void scene_make(struct scene *s, const char *live_type)
{
	struct diag d = {0};
	struct buf text = {0};
	struct url url;

	*s = (struct scene){
		.flow = {.router = xstrdup("192.168.1.1"), .client = xstrdup("192.168.1.4")}};
	describe(&text, "1", IP1, "/old");
	add_page(&s->flow, "/old.xml", text.data);
	assert_true(site_of_flow(&s->flow, &s->recorded, &d));
	assert_true(s->recorded.described);
	buf_reset(&text);
	describe(&text, "2", live_type, "/quite/new");
	buf_printf(&s->page.bytes, "HTTP/1.1 200 OK\r\n\r\n%s", text.data);
	buf_free(&text);
	end_point_parse(slice_of(THERE), &s->live.router);
	end_point_parse(slice_of("10.0.0.7"), &s->live.client);
	assert_true(url_parse(slice_of("http://" THERE "/new.xml"), &url));
	assert_true(site_describe(&s->live, &url, &s->page));
	translation_make(&s->flow, &s->recorded, &s->live, &s->t);
}

static void scene_free(struct scene *s)
{
	translation_free(&s->t);
	site_free(&s->recorded);
	site_free(&s->live);
	buf_free(&s->page.bytes);
	recording_free(&s->flow);
}

/** struct row - a request to the recorded router, and what is said to the live one, and where */
struct row {
	const char *live_type;
	const char *recorded, *said, *to;
};

#define SOAP(target, host, service, client, length)                                                \
	"POST " target " HTTP/1.1\r\nHost: " host "\r\nContent-Length: " length                    \
	"\r\nSOAPACTION: \"" service "#AddPortMapping\"\r\n\r\n<C>" client "</C>"

static const struct row rows[] = {
	{IP1, "GET /old.xml HTTP/1.1\r\nHost: 192.168.1.1:80\r\n\r\n",
	 "GET /new.xml HTTP/1.1\r\nHost: " THERE "\r\n\r\n", THERE},
	{IP1, "GET http://192.168.1.1:80/old/scpd HTTP/1.1\r\nX:  y\r\n\r\n",
	 "GET http://" THERE "/quite/new/scpd HTTP/1.1\r\nX:  y\r\n\r\n", THERE},
	{IP1, SOAP("/old/ctl", "192.168.1.1", IP1, "192.168.1.4", "18"),
	 SOAP("/quite/new/ctl", "10.0.0.1", IP1, "10.0.0.7", "15"), THERE},
	/* The type only where there is no other, and only as long as it must. */
	{IP2, SOAP("/old/ctl", "192.168.1.1", IP1, "192.168.1.40", "19"),
	 SOAP("/quite/new/ctl", "10.0.0.1", IP2, "192.168.1.40", "19"), THERE},
	{PPP1, SOAP("/old/ctl", "192.168.1.1", IP1, "x", "8"),
	 SOAP("/quite/new/ctl", "10.0.0.1", PPP1, "x", "8"), THERE},
	{IP1, "SUBSCRIBE /old/evt HTTP/1.1\nCallback: <http://192.168.1.4:81/>\n\n",
	 "SUBSCRIBE /quite/new/evt HTTP/1.1\nCallback: <http://10.0.0.7:81/>\n\n", THERE},
	/* A page that nobody described stays where it is. */
	{IP1, "GET /other HTTP/1.0\r\n\r\n", "GET /other HTTP/1.0\r\n\r\n", THERE},
};

static void requests_are_translated(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct recorded_message m = {0};
		struct translated t;
		struct buf to = {0};
		struct scene s;

		scene_make(&s, rows[i].live_type);
		buf_puts(&m.bytes, rows[i].recorded);
		end_point_parse(slice_of("192.168.1.1:80"), &m.to);
		translate(&s.t, FLOW_SOAP, &m, &t);
		assert_string_equal(t.bytes.data, rows[i].said);
		end_point_text(&t.to, &to);
		assert_string_equal(to.data, rows[i].to);
		assert_int_equal(t.count, 1);
		assert_int_equal(t.ends[0], t.bytes.len);
		buf_free(&to);
		buf_free(&m.bytes);
		translated_free(&t);
		scene_free(&s);
	}
}

static void segments_end_where_they_did(void **state)
{
	static const char text[] = SOAP("/old/ctl", "a", IP1, "192.168.1.4", "18");
	size_t head = sizeof(text) - 1 - 18;
	struct recorded_segment segments[] = {
		{5, 0}, {head, 1}, {sizeof(text) - 3, 2}, {sizeof(text) - 1, 3}};
	struct recorded_message m = {.segments = segments, .segment_count = ARRAY_SIZE(segments)};
	struct translated t;
	struct scene s;

	(void)state;
	scene_make(&s, IP1);
	buf_puts(&m.bytes, text);
	translate(&s.t, FLOW_SOAP, &m, &t);
	assert_int_equal(t.count, 4);
	assert_int_equal(t.ends[0], 5);
	assert_memory_equal(t.bytes.data + t.ends[1], "<C>", 3);
	assert_string_equal(t.bytes.data + t.ends[2], "C>");
	assert_int_equal(t.ends[3], t.bytes.len);
	buf_free(&m.bytes);
	translated_free(&t);
	scene_free(&s);
}

static void pcp_tells_the_live_client(void **state)
{
	char bytes[60] = {2, 1, [18] = '\xff', [19] = '\xff', [20] = '\xc0', '\xa8', 1, 4};
	struct recorded_message m = {0};
	struct translated t;
	struct scene s;

	(void)state;
	scene_make(&s, IP1);
	buf_add(&m.bytes, bytes, sizeof(bytes));
	end_point_parse(slice_of("192.168.1.1:5351"), &m.to);
	translate(&s.t, FLOW_PCP, &m, &t);
	memcpy(bytes + 20, "\x0a\0\0\x07", 4);
	assert_int_equal(t.bytes.len, sizeof(bytes));
	assert_memory_equal(t.bytes.data, bytes, sizeof(bytes));
	assert_int_equal(t.to.port, 5351);
	buf_free(&m.bytes);
	translated_free(&t);
	scene_free(&s);
}

static void identity_is_translated(void **state)
{
	struct buf text = {0};
	struct scene s;

	(void)state;
	scene_make(&s, IP1);
	substitutions_apply(&s.t.map, slice_of("USN: uuid:1::x"), &text);
	assert_string_equal(text.data, "USN: uuid:2::x");
	buf_free(&text);
	scene_free(&s);
}

static void a_flow_without_router_is_refused(void **state)
{
	struct recording flow = {0};
	struct site s;
	struct diag d = {0};

	(void)state;
	assert_false(site_of_flow(&flow, &s, &d));
	assert_non_null(strstr(d.text.data, "expected an IPv4 address"));
	diag_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_translated),
		cmocka_unit_test(segments_end_where_they_did),
		cmocka_unit_test(pcp_tells_the_live_client),
		cmocka_unit_test(identity_is_translated),
		cmocka_unit_test(a_flow_without_router_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
