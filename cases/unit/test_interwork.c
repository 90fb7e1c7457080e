/* SPDX-License-Identifier: MIT */
/*
 * test_interwork.c - IGD towards the LAN, PCP towards the WAN (RFC 6970): what an action asks the
 * server upstream, when and what it answers, and what becomes of the mapping (IWF-01 to IWF-24).
 *
 * links: fakeigd
 */
#include "upstream_fixture.h"

#include "../../fakeigd/http_connection.h"
#include "../../fakeigd/interwork.h"

#include <fcntl.h>

#define A	"192.168.1.4"
#define B	"192.168.1.5"
#define WAITING (-1)
#define MAPPING(remote, port, client, enabled, lease)                                              \
	"<NewRemoteHost>" remote "</NewRemoteHost><NewExternalPort>" port                          \
	"</NewExternalPort><NewProtocol>TCP</NewProtocol><NewInternalPort>3000</NewInternalPort>"  \
	"<NewInternalClient>" client "</NewInternalClient><NewEnabled>" enabled                    \
	"</NewEnabled><NewPortMappingDescription>a game</NewPortMappingDescription>"               \
	"<NewLeaseDuration>" lease "</NewLeaseDuration>"
#define KEY(port)                                                                                  \
	"<NewRemoteHost></NewRemoteHost><NewExternalPort>" port                                    \
	"</NewExternalPort><NewProtocol>TCP</NewProtocol>"
#define RANGE(from, to)                                                                            \
	"<NewStartPort>" from "</NewStartPort><NewEndPort>" to                                     \
	"</NewEndPort><NewProtocol>TCP</NewProtocol><NewManage>0</NewManage>"
#define PLAIN MAPPING("", "1872", A, "1", "600")

struct lan {
	struct up up;
	int fd; /* the control point's end of its connection */
	int got;
	struct buf text;
};

static void begin(struct lan *l, const char *profile)
{
	int error;

	memset(l, 0, sizeof(*l));
	l->fd = -1;
	up_start(&l->up, profile);
	/* Connections are handed over; nothing listens. */
	l->up.f.r.lans = 0;
	l->up.f.r.http = http_new(&l->up.f.r, router_dispatch, &error);
	assert_non_null(l->up.f.r.http);
	l->up.f.r.lans = 1;
	fixture_policy(&l->up.f, "http: {own-host: false}");
	l->up.f.r.interwork = interwork_new(&l->up.f.r);
}

static void end(struct lan *l)
{
	interwork_free(l->up.f.r.interwork);
	l->up.f.r.interwork = NULL;
	http_free(l->up.f.r.http);
	if (l->fd >= 0)
		close(l->fd);
	buf_free(&l->text);
	up_stop(&l->up);
}

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct lan));
	begin(*state, "conformant-interworking");
	return 0;
}

static int setup_igd1(void **state)
{
	*state = calloc(1, sizeof(struct lan));
	begin(*state, "conformant-interworking-igd1");
	return 0;
}

static int teardown(void **state)
{
	end(*state);
	free(*state);
	return 0;
}

static void turn(struct lan *l)
{
	for (int i = 0; i < 4; i++)
		loop_step(l->up.f.r.loop, 0);
}

static void connect_from(struct lan *l, const char *peer)
{
	struct connection *c;
	int ends[2];

	if (l->fd >= 0)
		close(l->fd);
	turn(l);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
			 0);
	http_adopt(l->up.f.r.http, ends[0]);
	c = LIST_FIRST(&l->up.f.r.http->connections);
	fixture_peer(&c->peer, peer);
	fixture_peer(&c->local, "192.168.1.1");
	l->fd = ends[1];
}

static void post(struct lan *l, const char *action, const char *arguments)
{
	unsigned version = l->up.f.r.profile->device_version;
	struct buf body = {0}, all = {0};

	buf_printf(&body,
		   "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><u:%s"
		   " xmlns:u=\"urn:schemas-upnp-org:service:WANIPConnection:%u\">%s</u:%s></s:Body>"
		   "</s:Envelope>",
		   action, version, arguments, action);
	buf_printf(
		&all,
		"POST /control/WANIPConnection-%u HTTP/1.1\r\nHost: 192.168.1.1\r\n"
		"Content-Type: text/xml; charset=\"utf-8\"\r\nContent-Length: %zu\r\nSOAPAction: "
		"\"urn:schemas-upnp-org:service:WANIPConnection:%u#%s\"\r\n\r\n%s",
		version, body.len, version, action, body.data);
	assert_int_equal(write(l->fd, all.data, all.len), (ssize_t)all.len);
	buf_free(&body);
	buf_free(&all);
	turn(l);
}

/* The answer, if there is one: 0, the UPnP error code, or WAITING. The body stays in @f.reply. */
static int answer(struct lan *l)
{
	struct fixture *f = &l->up.f;
	struct soap_message m;
	struct http_head head;
	char bytes[8192];
	size_t head_len;
	ssize_t len = read(l->fd, bytes, sizeof(bytes));
	int code = 0;

	if (len <= 0)
		return WAITING;
	assert_int_equal(http_parse_head(bytes, (size_t)len, &head, &head_len), HTTP_OK);
	buf_reset(&f->reply);
	buf_add(&f->reply, bytes + head_len, (size_t)len - head_len);
	if (head.status != 200) {
		assert_int_equal(soap_parse(f->reply.data, f->reply.len, &m), SOAP_OK);
		code = m.fault_code;
		soap_free(&m);
	}
	return code;
}

/* A request of @peer on a connection of its own. */
static int call(struct lan *l, const char *peer, const char *action, const char *arguments)
{
	connect_from(l, peer);
	post(l, action, arguments);
	return answer(l);
}

static struct pcp_message grant(struct lan *l)
{
	struct pcp_message m = success(&l->up, (uint32_t)(clock_now() / CLOCK_SECOND));

	m.external_port = l->up.m.external_port ? l->up.m.external_port : l->up.m.internal_port;
	m.lifetime = l->up.m.lifetime;
	return m;
}

static void say(struct lan *l, const struct pcp_message *m)
{
	reply(&l->up, m);
	turn(l);
}

static void say_result(struct lan *l, uint8_t code, uint32_t lifetime)
{
	struct pcp_message m = grant(l);

	m.result = code;
	m.lifetime = lifetime;
	say(l, &m);
}

/* Another port than the one that was asked for. */
static void say_other_port(struct lan *l)
{
	struct pcp_message m = grant(l);

	m.external_port = 6598;
	say(l, &m);
}

/* A mapping of @a that is granted for @lifetime, 0 = as asked. */
static void mapped(struct lan *l, const char *a, const char *arguments, uint32_t lifetime)
{
	struct pcp_message m;

	assert_int_equal(call(l, a, "AddPortMapping", arguments), WAITING);
	assert_true(asked(&l->up));
	m = grant(l);
	m.lifetime = lifetime ? lifetime : m.lifetime;
	say(l, &m);
	assert_int_equal(answer(l), 0);
}

static bool has_option(const struct lan *l, uint8_t code)
{
	struct pcp_option option;

	return pcp_find_option(l->up.m.options, code, &option);
}

static size_t entries(const struct lan *l)
{
	return portmap_count(l->up.f.r.portmap);
}

/* The server is told that a port that it gave is of no use, and nobody else is. */
static void assert_given_back(struct lan *l)
{
	assert_true(asked(&l->up));
	assert_int_equal(l->up.m.lifetime, 0);
	assert_int_equal(entries(l), 0);
}

static void lapse(struct lan *l, double seconds)
{
	fixture_advance(&l->up.f, seconds);
	turn(l);
}

/* IWF-03, IWF-15, IWF-16, IWF-21, IWF-22 */
static void add_is_asked_upstream_first(void **state)
{
	struct lan *l = *state;
	struct pcp_message m;

	assert_int_equal(call(l, A, "AddPortMapping", MAPPING("44.0.1.10", "1872", A, "1", "600")),
			 WAITING);
	assert_int_equal(entries(l), 0);
	assert_true(asked(&l->up));
	assert_int_equal(l->up.m.internal_port, 1872);
	assert_int_equal(l->up.m.external_port, 1872);
	assert_int_equal(l->up.m.lifetime, 600);
	assert_true(has_option(l, PCP_OPTION_PREFER_FAILURE));
	assert_true(has_option(l, PCP_OPTION_FILTER));
	assert_true(has_option(l, PCP_OPTION_DESCRIPTION));
	assert_int_equal(answer(l), WAITING);
	m = grant(l);
	m.lifetime = 120;
	say(l, &m);
	assert_int_equal(answer(l), 0);
	assert_int_equal(entries(l), 1);
	assert_int_equal(portmap_at(l->up.f.r.portmap, 0)->lease, 600);
	assert_int_equal(portmap_at(l->up.f.r.portmap, 0)->internal_port, 3000);
	assert_false(asked(&l->up));
}

/* IWF-02 */
static void lease_0(void **state)
{
	struct lan *l = *state;
	bool v2 = l->up.f.r.profile->device_version == 2;

	assert_int_equal(call(l, A, "AddPortMapping", MAPPING("", "1872", A, "1", "0")), WAITING);
	assert_true(asked(&l->up));
	assert_int_equal(l->up.m.lifetime, v2 ? 604800 : UINT32_MAX);
}

/* IWF-04: the port outside may be another than that of our WAN address. */
static void any_port_is_what_was_assigned(void **state)
{
	struct lan *l = *state;

	assert_int_equal(call(l, A, "AddAnyPortMapping", PLAIN), WAITING);
	assert_true(asked(&l->up));
	assert_false(has_option(l, PCP_OPTION_PREFER_FAILURE));
	say_other_port(l);
	assert_int_equal(answer(l), 0);
	assert_string_equal(fixture_value(&l->up.f, "NewReservedPort"), "6598");
	assert_int_equal(portmap_at(l->up.f.r.portmap, 0)->external_port, 6598);
	assert_int_equal(portmap_at(l->up.f.r.portmap, 0)->wan_port, 1872);
	/* That port of the WAN address is taken now. */
	assert_int_equal(call(l, B, "AddPortMapping", MAPPING("", "1872", B, "1", "600")), WAITING);
	assert_true(asked(&l->up));
	assert_int_equal(l->up.m.internal_port, 1873);
	assert_int_equal(l->up.m.external_port, 1872);
}

/* PREFER_FAILURE is optional to process: a server may give another port all the same. */
static void another_port_than_asked_is_given_back(void **state)
{
	struct lan *l = *state;

	assert_int_equal(call(l, A, "AddPortMapping", PLAIN), WAITING);
	assert_true(asked(&l->up));
	say_other_port(l);
	assert_int_equal(answer(l), 718);
	assert_given_back(l);
}

/* IWF-06 to IWF-08 */
static void result_codes_are_errors(void **state)
{
	static const int codes[][2] = {
		[1] = {501, 501},  [2] = {718, 606},  [3] = {501, 501},	 [4] = {501, 501},
		[5] = {501, 501},  [6] = {501, 501},  [7] = {501, 501},	 [8] = {501, 728},
		[9] = {501, 501},  [10] = {501, 728}, [11] = {718, 718}, [12] = {501, 501},
		[13] = {501, 501}, [99] = {501, 501},
	};
	struct lan *l = *state;
	bool v2 = l->up.f.r.profile->device_version == 2;

	for (size_t i = 1; i < ARRAY_SIZE(codes); i++) {
		if (!codes[i][0])
			continue;
		assert_row(i, call(l, A, "AddPortMapping", PLAIN), WAITING);
		assert_true(asked(&l->up));
		say_result(l, (uint8_t)i, 1800);
		assert_row(i, answer(l), codes[i][v2]);
		assert_row(i, entries(l), 0);
	}
}

/* IWF-05 */
static void a_short_refusal_is_tried_again(void **state)
{
	struct lan *l = *state;

	assert_int_equal(call(l, A, "AddPortMapping", PLAIN), WAITING);
	for (int i = 0; i < 3; i++) {
		assert_true(asked(&l->up));
		say_result(l, PCP_CANNOT_PROVIDE_EXTERNAL, 5);
		if (i == 2)
			break;
		assert_int_equal(answer(l), WAITING);
		lapse(l, 4.5);
		assert_false(asked(&l->up));
		lapse(l, 0.6);
	}
	assert_int_equal(answer(l), 718);
	/* There is no time for 30 s. */
	assert_int_equal(call(l, A, "AddPortMapping", PLAIN), WAITING);
	assert_true(asked(&l->up));
	say_result(l, PCP_CANNOT_PROVIDE_EXTERNAL, 30);
	assert_int_equal(answer(l), 718);
}

/* IWF-09 */
static void silence_is_501_in_time(void **state)
{
	struct lan *l = *state;

	assert_int_equal(call(l, A, "AddPortMapping", PLAIN), WAITING);
	lapse(l, 24);
	assert_int_equal(answer(l), WAITING);
	lapse(l, 2);
	assert_int_equal(answer(l), 501);
	assert_int_equal(entries(l), 0);
}

/* IWF-10, IWF-11 */
static void readings(void **state)
{
	struct lan *l = *state;

	mapped(l, A, PLAIN, 0);
	assert_int_equal(call(l, A, "GetGenericPortMappingEntry",
			      "<NewPortMappingIndex>0</NewPortMappingIndex>"),
			 0);
	assert_int_equal(call(l, A, "GetSpecificPortMappingEntry", KEY("1872")), 0);
	assert_false(asked(&l->up));
	assert_int_equal(call(l, A, "GetSpecificPortMappingEntry", KEY("2000")), WAITING);
	assert_true(asked(&l->up));
	assert_int_equal(l->up.m.lifetime, 60);
	assert_true(has_option(l, PCP_OPTION_PREFER_FAILURE));
	say_result(l, PCP_CANNOT_PROVIDE_EXTERNAL, 1800);
	assert_int_equal(answer(l), 718);
	assert_int_equal(call(l, A, "GetSpecificPortMappingEntry", KEY("2000")), WAITING);
	assert_true(asked(&l->up));
	say_result(l, 0, 60);
	assert_int_equal(answer(l), 714);
	assert_true(asked(&l->up)); /* what was only a question is given back */
	assert_int_equal(l->up.m.lifetime, 0);
}

/* IWF-12 */
static void deletion(void **state)
{
	struct lan *l = *state;

	assert_int_equal(call(l, A, "DeletePortMapping", KEY("1872")), 714);
	assert_false(asked(&l->up));
	mapped(l, A, PLAIN, 0);
	assert_int_equal(call(l, A, "DeletePortMapping", KEY("1872")), WAITING);
	assert_true(asked(&l->up));
	assert_int_equal(l->up.m.lifetime, 0);
	assert_int_equal(l->up.m.internal_port, 1872);
	say_result(l, PCP_NETWORK_FAILURE, 30);
	assert_int_equal(answer(l), 501);
	assert_int_equal(entries(l), 1);
	assert_int_equal(call(l, A, "DeletePortMapping", KEY("1872")), WAITING);
	assert_true(asked(&l->up));
	say_result(l, 0, 0);
	assert_int_equal(answer(l), 0);
	assert_int_equal(entries(l), 0);
	assert_false(asked(&l->up));
}

/* IWF-13 */
static void a_range_is_one_request_each(void **state)
{
	struct lan *l = *state;
	uint32_t update;

	assert_int_equal(call(l, A, "DeletePortMappingRange", RANGE("2000", "2100")), 730);
	mapped(l, A, MAPPING("", "2000", A, "1", "600"), 0);
	mapped(l, A, MAPPING("", "2001", A, "1", "600"), 0);
	mapped(l, A, MAPPING("", "3000", A, "1", "600"), 0);
	update = portmap_update_id(l->up.f.r.portmap);
	assert_int_equal(call(l, A, "DeletePortMappingRange", RANGE("2000", "2100")), WAITING);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(entries(l), 3);
		assert_true(asked(&l->up));
		assert_int_equal(l->up.m.lifetime, 0);
		say_result(l, 0, 0);
	}
	assert_false(asked(&l->up));
	assert_int_equal(answer(l), 0);
	assert_int_equal(entries(l), 1);
	assert_int_equal(portmap_update_id(l->up.f.r.portmap), update + 1);
}

static void a_range_of_which_a_part_is_refused(void **state)
{
	struct lan *l = *state;

	mapped(l, A, MAPPING("", "2000", A, "1", "600"), 0);
	mapped(l, A, MAPPING("", "2001", A, "1", "600"), 0);
	assert_int_equal(call(l, A, "DeletePortMappingRange", RANGE("2000", "2100")), WAITING);
	assert_true(asked(&l->up) && l->up.m.internal_port == 2000);
	say_result(l, PCP_NETWORK_FAILURE, 30);
	assert_true(asked(&l->up) && l->up.m.internal_port == 2001);
	say_result(l, 0, 0);
	assert_int_equal(answer(l), 501);
	assert_int_equal(entries(l), 1);
	assert_int_equal(portmap_at(l->up.f.r.portmap, 0)->external_port, 2000);
	/* What has stayed is kept alive. */
	lapse(l, 300);
	assert_true(asked(&l->up) && l->up.m.internal_port == 2000 && l->up.m.lifetime == 300);
}

/* IWF-14, IWF-17 */
static void renewals_go_on_until_the_lease_ends(void **state)
{
	struct lan *l = *state;
	unsigned renewals = 0, deletions = 0;

	mapped(l, A, PLAIN, 120);
	lapse(l, 59);
	assert_false(asked(&l->up));
	lapse(l, 1);
	assert_true(asked(&l->up));
	assert_int_equal(l->up.m.lifetime, 540);
	say_result(l, 0, 120);
	assert_int_equal(call(l, A, "GetSpecificPortMappingEntry", KEY("1872")), 0);
	assert_string_equal(fixture_value(&l->up.f, "NewLeaseDuration"), "540");
	for (int i = 0; i < 540; i++) {
		lapse(l, 1);
		if (!asked(&l->up))
			continue;
		renewals += l->up.m.lifetime != 0;
		deletions += l->up.m.lifetime == 0;
		say_result(l, 0, l->up.m.lifetime ? 120 : 0);
	}
	assert_in_range(renewals, 8, 9);
	assert_int_equal(entries(l), 0);
	assert_int_equal(deletions, 1);
	lapse(l, 1000);
	assert_false(asked(&l->up));
}

static void what_upstream_has_lost_for_good_goes(void **state)
{
	struct lan *l = *state;

	mapped(l, A, PLAIN, 120);
	lapse(l, 60);
	assert_true(asked(&l->up));
	say_result(l, PCP_NO_RESOURCES, 30);
	assert_int_equal(entries(l), 1);
	lapse(l, 30);
	assert_true(asked(&l->up));
	say_result(l, PCP_NOT_AUTHORIZED, 1800);
	assert_int_equal(entries(l), 0);
	assert_false(asked(&l->up));
	/* Silence until the server's lifetime is over is the same. */
	mapped(l, A, PLAIN, 120);
	for (int i = 0; i < 150; i++)
		lapse(l, 1);
	assert_int_equal(entries(l), 0);
}

/* Nobody can be asked while the line is down, and the server's lifetime ends all the same. */
static void what_ends_while_the_line_is_down_goes(void **state)
{
	struct lan *l = *state;

	mapped(l, A, PLAIN, 120);
	l->up.f.r.wan_state = WAN_DISCONNECTED;
	for (int i = 0; i < 110; i++)
		lapse(l, 1);
	assert_int_equal(entries(l), 1);
	for (int i = 0; i < 20; i++)
		lapse(l, 1);
	assert_int_equal(entries(l), 0);
	assert_false(asked(&l->up));
}

/* IWF-20, and the epoch */
static void mappings_are_made_anew(void **state)
{
	struct lan *l = *state;

	mapped(l, A, PLAIN, 0);
	lapse(l, 10);
	upstream_tell_lost(l->up.f.r.upstream, "it announces itself");
	assert_true(asked(&l->up));
	assert_int_equal(l->up.m.external_port, 1872);
	assert_int_equal(l->up.m.lifetime, 590);
	assert_true(has_option(l, PCP_OPTION_PREFER_FAILURE));
	say_other_port(l);
	/* Another port is of no use to who was told 1872. */
	assert_given_back(l);
}

/* IWF-18 */
static void the_external_address_is_the_last_answers(void **state)
{
	struct lan *l = *state;
	struct buf told = {0};

	l->up.f.r.profile->upstream.ask_external = false;
	assert_int_equal(call(l, A, "GetExternalIPAddress", ""), 0);
	assert_string_equal(fixture_value(&l->up.f, "NewExternalIPAddress"), "");
	mapped(l, A, PLAIN, 0);
	assert_int_equal(call(l, A, "GetExternalIPAddress", ""), 0);
	assert_string_equal(fixture_value(&l->up.f, "NewExternalIPAddress"), "44.0.1.9");
	assert_int_equal(call(l, B, "GetExternalIPAddress", ""), 0);
	assert_string_equal(fixture_value(&l->up.f, "NewExternalIPAddress"), "");
	wanconnection_external(&l->up.f.r, &told);
	assert_string_equal(told.data, "44.0.1.9");
	buf_free(&told);
	assert_false(asked(&l->up));
	l->up.f.r.profile->upstream.ask_external = true;
	assert_int_equal(call(l, B, "GetExternalIPAddress", ""), WAITING);
	assert_true(asked(&l->up));
	assert_int_equal(l->up.m.internal_port, 9);
	say_result(l, 0, 60);
	assert_int_equal(answer(l), 0);
	assert_string_equal(fixture_value(&l->up.f, "NewExternalIPAddress"), "44.0.1.9");
	assert_true(asked(&l->up)); /* given back */
	assert_int_equal(l->up.m.lifetime, 0);
	assert_int_equal(entries(l), 1);
}

/* IWF-01, IWF-23: refused before anybody is asked. */
static void what_is_refused_here(void **state)
{
	struct lan *l = *state;
	bool v2 = l->up.f.r.profile->device_version == 2;

	assert_int_equal(call(l, A, "AddPortMapping", MAPPING("", "1872", A, "0", "600")), 501);
	assert_int_equal(call(l, A, "AddPortMapping", MAPPING("", "1872", B, "1", "600")),
			 v2 ? 606 : 718);
	assert_int_equal(call(l, A, "AddPortMapping", MAPPING("", "0", A, "1", "600")),
			 v2 ? 716 : 501);
	assert_false(asked(&l->up));
}

/* IWF-24 */
static void nobody_is_asked_without_a_wan(void **state)
{
	struct lan *l = *state;

	l->up.f.r.wan.address = ip("");
	assert_int_equal(call(l, A, "AddPortMapping", PLAIN), 0);
	assert_int_equal(call(l, A, "GetSpecificPortMappingEntry", KEY("2000")), 714);
	assert_int_equal(call(l, A, "DeletePortMapping", KEY("1872")), 0);
	l->up.f.r.wan.address = ip("127.0.0.1");
	assert_false(asked(&l->up));
}

/* The control point goes, the router forgets, the engine stops: nobody is left with a pointer. */
static void what_waits_may_go(void **state)
{
	struct lan *l = *state;

	assert_int_equal(call(l, A, "AddPortMapping", PLAIN), WAITING);
	http_reset(l->up.f.r.http);
	turn(l);
	assert_true(asked(&l->up));
	say_result(l, 0, 600);
	assert_int_equal(entries(l), 1);
	assert_int_equal(call(l, A, "AddPortMapping", MAPPING("", "2000", A, "1", "600")), WAITING);
	assert_true(asked(&l->up));
	interwork_reset(l->up.f.r.interwork);
	say_result(l, 0, 600);
	lapse(l, 100);
	assert_int_equal(answer(l), WAITING);
	assert_int_equal(entries(l), 1);
	assert_int_equal(call(l, A, "AddPortMapping", MAPPING("", "2001", A, "1", "600")), WAITING);
	upstream_reload(l->up.f.r.upstream);
	lapse(l, 100);
	assert_int_equal(answer(l), WAITING);
	assert_int_equal(call(l, A, "AddPortMapping", MAPPING("", "2002", A, "1", "600")), WAITING);
}

/* Requests of one connection are answered in order, though the second needs nobody. */
static void the_next_request_waits(void **state)
{
	struct lan *l = *state;

	connect_from(l, A);
	post(l, "AddPortMapping", PLAIN);
	post(l, "GetGenericPortMappingEntry", "<NewPortMappingIndex>7</NewPortMappingIndex>");
	assert_int_equal(answer(l), WAITING);
	assert_true(asked(&l->up));
	lapse(l, 20);
	assert_true(asked(&l->up));
	say_result(l, 0, 600);
	assert_int_equal(answer(l), 0);
	turn(l);
	post(l, "GetGenericPortMappingEntry", "<NewPortMappingIndex>7</NewPortMappingIndex>");
	assert_int_equal(answer(l), 713);
}

/* A renewal by the control point keeps nonce and port; another control point gets neither. */
static void a_refresh_is_the_same_mapping(void **state)
{
	struct lan *l = *state;
	uint8_t nonce[PCP_NONCE_LEN];

	mapped(l, A, PLAIN, 0);
	memcpy(nonce, l->up.m.nonce, sizeof(nonce));
	lapse(l, 10);
	mapped(l, A, PLAIN, 0);
	assert_memory_equal(l->up.m.nonce, nonce, sizeof(nonce));
	assert_int_equal(entries(l), 1);
	assert_int_equal(call(l, B, "AddPortMapping", MAPPING("", "1872", B, "1", "600")), 718);
	assert_false(asked(&l->up));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_IGD1(name) {#name " (IGD:1)", name, setup_igd1, teardown, NULL}
		TEST(add_is_asked_upstream_first),
		TEST(lease_0),
		TEST_IGD1(lease_0),
		TEST(any_port_is_what_was_assigned),
		TEST(another_port_than_asked_is_given_back),
		TEST(result_codes_are_errors),
		TEST_IGD1(result_codes_are_errors),
		TEST(a_short_refusal_is_tried_again),
		TEST(silence_is_501_in_time),
		TEST(readings),
		TEST(deletion),
		TEST(a_range_is_one_request_each),
		TEST(a_range_of_which_a_part_is_refused),
		TEST(renewals_go_on_until_the_lease_ends),
		TEST(what_upstream_has_lost_for_good_goes),
		TEST(what_ends_while_the_line_is_down_goes),
		TEST(mappings_are_made_anew),
		TEST(the_external_address_is_the_last_answers),
		TEST(what_is_refused_here),
		TEST_IGD1(what_is_refused_here),
		TEST(nobody_is_asked_without_a_wan),
		TEST(what_waits_may_go),
		TEST(the_next_request_waits),
		TEST(a_refresh_is_the_same_mapping),
	};

	return cmocka_run_group_tests(tests, up_namespace, NULL);
}
