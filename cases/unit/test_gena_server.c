/* SPDX-License-Identifier: MIT */
/*
 * test_gena_server.c - subscriptions and events, to a subscriber on the loopback network.
 *
 * The router is 127.0.0.1/8, the subscriber 127.0.0.2.
 *
 * links: fakeigd
 */
#include "router_fixture.h"

#include "../../fakeigd/gena_parts.h"
#include "../../fakeigd/wire/gena.h"

#include <unistd.h>

#define PEER "127.0.0.2"
#define URL  "/event/WANIPConnection-1"

struct subscriber {
	struct fixture f;
	int listener;
	uint16_t port;
	char sid[64];
	char timeout[32];
	char extra[128];
	char event[4096]; /* last NOTIFY */
	size_t length;
};

static void listen_on_loopback(struct subscriber *s)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = ip(PEER)};
	socklen_t size = sizeof(in);

	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(s->listener, 16), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&in, &size), 0);
	s->port = ntohs(in.sin_port);
}

static void start(struct subscriber *s, const char *profile)
{
	memset(s, 0, sizeof(*s));
	fixture_start(&s->f, profile);
	s->f.r.lan[0].address = ip("127.0.0.1");
	s->f.r.lan[0].prefix = 8;
	listen_on_loopback(s);
}

static void stop(struct subscriber *s)
{
	close(s->listener);
	fixture_stop(&s->f);
}

static void copy_value(const struct http_reply *reply, enum placeholder id, char *out, size_t size)
{
	snprintf(out, size, "%.*s", (int)reply->values.v[id].len,
		 reply->values.v[id].ptr ? reply->values.v[id].ptr : "");
}

/* A SUBSCRIBE with those header lines. Return: the status. */
static int subscribe(struct subscriber *s, const char *lines)
{
	struct http_reply reply;
	char *head = xasprintf("SUBSCRIBE " URL " HTTP/1.1\r\n%s\r\n", lines);

	fixture_request(&s->f, gena_subscribe, PEER, head, "", &reply);
	if (s->f.status == 200) {
		copy_value(&reply, PLACEHOLDER_SID, s->sid, sizeof(s->sid));
		copy_value(&reply, PLACEHOLDER_TIMEOUT, s->timeout, sizeof(s->timeout));
	}
	snprintf(s->extra, sizeof(s->extra), "%s", reply.extra.data ? reply.extra.data : "");
	buf_free(&reply.extra);
	free(head);
	if (reply.after)
		reply.after(&s->f.r, reply.after_arg);
	return s->f.status;
}

static int subscribe_here(struct subscriber *s, const char *more)
{
	char *lines = xasprintf("CALLBACK: <http://" PEER ":%u/cb>\r\nNT: upnp:event\r\n%s",
				s->port, more);
	int status = subscribe(s, lines);

	free(lines);
	return status;
}

static int unsubscribe(struct subscriber *s, const char *lines)
{
	struct http_reply reply;
	char *head = xasprintf("UNSUBSCRIBE " URL " HTTP/1.1\r\n%s\r\n", lines);

	fixture_request(&s->f, gena_unsubscribe, PEER, head, "", &reply);
	buf_free(&reply.extra);
	free(head);
	return s->f.status;
}

/* Take the next NOTIFY; @answer NULL: leave it without one. Return: the connection, -1: none came.
 */
static int take_event(struct subscriber *s, const char *answer)
{
	int fd = -1;

	for (int i = 0; i < 50 && fd < 0; i++) {
		loop_step(s->f.r.loop, 1000);
		fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	}
	if (fd < 0)
		return -1;
	s->length = 0;
	for (int i = 0; i < 50; i++) {
		ssize_t got = recv(fd, s->event + s->length, sizeof(s->event) - 1 - s->length, 0);

		if (got > 0)
			s->length += (size_t)got;
		s->event[s->length] = '\0';
		if (strstr(s->event, "</e:propertyset>"))
			break;
		loop_step(s->f.r.loop, 1000);
	}
	if (!answer)
		return fd;
	assert_true(send(fd, answer, strlen(answer), MSG_NOSIGNAL) > 0);
	close(fd);
	for (int i = 0; i < 3; i++)
		loop_step(s->f.r.loop, 1000);
	return fd;
}

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

/* The next event has that key and exactly those "name=value " pairs. */
static void collect(void *arg, const char *name, const char *value)
{
	buf_printf(arg, "%s=%s ", name, value);
}

static void expect_event(struct subscriber *s, const char *seq, const char *pairs)
{
	struct buf found = {0};
	struct http_head head;
	size_t consumed;

	assert_int_not_equal(take_event(s, OK_ANSWER), -1);
	assert_int_equal(http_parse_head(s->event, s->length, &head, &consumed), HTTP_OK);
	assert_slice(head.method, "NOTIFY");
	assert_slice(http_header(&head, "NT"), "upnp:event");
	assert_slice(http_header(&head, "NTS"), "upnp:propchange");
	assert_slice(http_header(&head, "SEQ"), seq);
	assert_slice(http_header(&head, "CONTENT-TYPE"), "text/xml; charset=\"utf-8\"");
	assert_null(http_header(&head, "TRANSFER-ENCODING").ptr);
	assert_int_equal(strtoul(http_header(&head, "CONTENT-LENGTH").ptr, NULL, 10),
			 s->length - consumed);
	assert_int_equal(
		gena_each_property(s->event + consumed, s->length - consumed, collect, &found),
		XML_OK);
	assert_string_equal(found.data, pairs);
	buf_free(&found);
}

static void expect_none(struct subscriber *s)
{
	assert_int_equal(take_event(s, OK_ANSWER), -1);
}

static void add(struct subscriber *s, uint16_t port, uint32_t lease)
{
	struct mapping m = {
		.internal_client = ip(PEER),
		.external_port = port,
		.internal_port = port,
		.protocol = IPPROTO_TCP,
		.lease = lease,
		.description = "",
	};

	assert_int_equal(portmap_put(s->f.r.portmap, &m), 0);
}

#define INITIAL                                                                                    \
	"PossibleConnectionTypes=Unconfigured,IP_Routed,IP_Bridged ConnectionStatus=Connected "    \
	"ExternalIPAddress=44.0.1.2 PortMappingNumberOfEntries=0 "

/* GENA-01 to GENA-03, GENA-17, GENA-19, GENA-24, GENA-30. */
static void life(void **state)
{
	struct subscriber s;
	char first[64], lines[128];

	(void)state;
	start(&s, "conformant-igd1");
	assert_int_equal(subscribe_here(&s, "TIMEOUT: Second-2000\r\n"), 200);
	assert_string_equal(s.timeout, "Second-2000");
	assert_int_equal(strncmp(s.sid, "uuid:", 5), 0);
	expect_event(&s, "0", INITIAL);
	add(&s, 1872, 60);
	expect_event(&s, "1", "PortMappingNumberOfEntries=1 ");
	add(&s, 1872, 60);
	expect_none(&s);
	snprintf(first, sizeof(first), "%s", s.sid);
	snprintf(lines, sizeof(lines), "SID: %s\r\nTIMEOUT: Second-infinite\r\n", s.sid);
	assert_int_equal(subscribe(&s, lines), 200);
	assert_string_equal(s.sid, first);
	assert_string_equal(s.timeout, "Second-1800");
	expect_none(&s);
	fixture_advance(&s.f, 61);
	expect_event(&s, "2", "PortMappingNumberOfEntries=0 ");
	assert_int_equal(subscribe_here(&s, ""), 200);
	assert_string_not_equal(s.sid, first);
	expect_event(&s, "0", INITIAL);
	assert_int_equal(gena_count(s.f.r.gena), 2);
	snprintf(lines, sizeof(lines), "SID: %s\r\n", first);
	assert_int_equal(unsubscribe(&s, lines), 200);
	assert_int_equal(unsubscribe(&s, lines), 412);
	assert_int_equal(subscribe(&s, lines), 412);
	add(&s, 1, 0);
	expect_event(&s, "1", "PortMappingNumberOfEntries=1 ");
	expect_none(&s);
	/* GENA-26 */
	fixture_advance(&s.f, 1800);
	assert_int_equal(gena_count(s.f.r.gena), 0);
	add(&s, 2, 0);
	expect_none(&s);
	stop(&s);
}

static bool is_any(const struct mapping *m, void *arg)
{
	(void)m;
	(void)arg;
	return true;
}

/* GENA-31 to GENA-33; one event for what changes in one turn (GENA-22). */
static void version_two(void **state)
{
	struct subscriber s;
	struct http_reply reply;
	char *head;

	(void)state;
	start(&s, "conformant-igd2");
	head = xasprintf("SUBSCRIBE /event/WANIPConnection-2 HTTP/1.1\r\nCALLBACK: <http://" PEER
			 ":%u/>\r\nNT: upnp:event\r\n\r\n",
			 s.port);
	fixture_request(&s.f, gena_subscribe, PEER, head, "", &reply);
	free(head);
	assert_int_equal(s.f.status, 200);
	reply.after(&s.f.r, reply.after_arg);
	expect_event(&s, "0", INITIAL "SystemUpdateID=0 ");
	add(&s, 1872, 60);
	expect_event(&s, "1", "PortMappingNumberOfEntries=1 SystemUpdateID=1 ");
	add(&s, 1872, 60);
	expect_event(&s, "2", "SystemUpdateID=2 ");
	for (uint16_t i = 0; i < 5; i++)
		add(&s, (uint16_t)(2000 + i), 0);
	expect_event(&s, "3", "PortMappingNumberOfEntries=6 SystemUpdateID=7 ");
	portmap_remove_if(s.f.r.portmap, is_any, NULL, "test");
	expect_event(&s, "4", "PortMappingNumberOfEntries=0 SystemUpdateID=8 ");
	/* GENA-23 */
	s.f.r.gena->subscriptions->seq = UINT32_MAX;
	add(&s, 1, 0);
	expect_event(&s, "4294967295", "PortMappingNumberOfEntries=1 SystemUpdateID=9 ");
	add(&s, 2, 0);
	expect_event(&s, "1", "PortMappingNumberOfEntries=2 SystemUpdateID=10 ");
	stop(&s);
}

/* GENA-35. */
static void connection(void **state)
{
	struct subscriber s;

	(void)state;
	start(&s, "conformant-igd1");
	assert_int_equal(subscribe_here(&s, ""), 200);
	expect_event(&s, "0", INITIAL);
	router_set_wan(&s.f.r, WAN_DISCONNECTED, "ERROR_NO_CARRIER");
	expect_event(&s, "1", "ConnectionStatus=Disconnected ExternalIPAddress= ");
	router_set_wan(&s.f.r, WAN_CONNECTING, "ERROR_NONE");
	expect_event(&s, "2", "ConnectionStatus=Connecting ");
	s.f.r.external = ip("44.0.1.77");
	router_set_wan(&s.f.r, WAN_CONNECTED, "ERROR_NONE");
	expect_event(&s, "3", "ConnectionStatus=Connected ExternalIPAddress=44.0.1.77 ");
	stop(&s);
}

/* What SUBSCRIBE refuses: GENA-05 to GENA-08, GENA-14 to GENA-16, GENA-46, SEC-03. */
static const struct {
	const char *lines;
	int status;
} refusals[] = {
	{"NT: upnp:event\r\n", 412},
	{"CALLBACK: \r\nNT: upnp:event\r\n", 412},
	{"CALLBACK: <>\r\nNT: upnp:event\r\n", 412},
	{"CALLBACK: <http://127.0.0.2\r\nNT: upnp:event\r\n", 412},
	{"CALLBACK: <ftp://127.0.0.2/>\r\nNT: upnp:event\r\n", 412},
	{"CALLBACK: <http://:80/>\r\nNT: upnp:event\r\n", 412},
	{"CALLBACK: <http://127.0.0.2:99999/>\r\nNT: upnp:event\r\n", 412},
	{"CALLBACK: <http://localhost/>\r\nNT: upnp:event\r\n", 412},
	{"CALLBACK: <http://127.0.0.1:22/>\r\nNT: upnp:event\r\n", 412},
	{"CALLBACK: <http://8.8.8.8/>\r\nNT: upnp:event\r\n", 412},
	{"CALLBACK: <http://169.254.169.254/>\r\nNT: upnp:event\r\n", 412},
	{"CALLBACK: <http://127.0.0.2/><http://8.8.8.8/>\r\nNT: upnp:event\r\n", 412},
	{"CALLBACK: <http://[::1]/>\r\nNT: upnp:event\r\n", 412},
	{"CALLBACK: <http://127.255.255.255/>\r\nNT: upnp:event\r\n", 412},
	{"CALLBACK: <http://127.0.0.2/>\r\n", 412},
	{"CALLBACK: <http://127.0.0.2/>\r\nNT: foo\r\n", 412},
	{"SID: uuid:x\r\nNT: upnp:event\r\n", 400},
	{"SID: uuid:x\r\nCALLBACK: <http://127.0.0.2/>\r\n", 400},
	{"SID: uuid:x\r\n", 412},
	{"SID: \r\n", 412},
	{"", 412},
};

static void refused(void **state)
{
	struct subscriber s;

	(void)state;
	start(&s, "conformant-igd1");
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		assert_row(i, subscribe(&s, refusals[i].lines), refusals[i].status);
	assert_int_equal(gena_count(s.f.r.gena), 0);
	fixture_policy(&s.f, "gena: {callback: any}");
	assert_int_equal(subscribe(&s, "CALLBACK: <http://127.0.0.1:1/>\r\nNT: upnp:event\r\n"),
			 200);
	fixture_policy(&s.f, "gena: {subscriptions-max: 1}");
	assert_int_equal(subscribe_here(&s, ""), 503);
	assert_int_equal(unsubscribe(&s, "SID: uuid:x\r\nNT: upnp:event\r\n"), 400);
	assert_int_equal(unsubscribe(&s, ""), 412);
	stop(&s);
}

/* A callback on the router's other LAN is another segment, unless policy says otherwise. */
static void segments(void **state)
{
	static const char lines[] = "CALLBACK: <http://127.9.9.9:1/>\r\nNT: upnp:event\r\n";
	struct subscriber s;

	(void)state;
	start(&s, "conformant-igd1");
	s.f.r.lans = 2;
	s.f.r.lan[0].prefix = 16;
	s.f.r.lan[1].address = ip("127.9.0.1");
	s.f.r.lan[1].prefix = 16;
	assert_int_equal(subscribe(&s, lines), 412);
	fixture_policy(&s.f, "gena: {callback: lan}");
	assert_int_equal(subscribe(&s, lines), 200);
	stop(&s);
}

/* GENA-17: the initial event leaves though UNSUBSCRIBE comes before it. */
static void at_once(void **state)
{
	struct subscriber s;
	struct http_reply reply;
	char *head;
	char lines[96];

	(void)state;
	start(&s, "conformant-igd1");
	head = xasprintf("SUBSCRIBE " URL " HTTP/1.1\r\nCALLBACK: <http://" PEER
			 ":%u/>\r\nNT: upnp:event\r\n\r\n",
			 s.port);
	fixture_request(&s.f, gena_subscribe, PEER, head, "", &reply);
	free(head);
	snprintf(lines, sizeof(lines), "SID: %s\r\n", s.f.r.gena->subscriptions->sid);
	assert_int_equal(unsubscribe(&s, lines), 200);
	assert_int_equal(gena_count(s.f.r.gena), 0);
	reply.after(&s.f.r, reply.after_arg);
	expect_event(&s, "0", INITIAL);
	assert_null(s.f.r.gena->subscriptions);
	stop(&s);
}

/* GENA-13: the first URL is dead, the second takes it. */
static void several_urls(void **state)
{
	struct subscriber s;
	char lines[160];

	(void)state;
	start(&s, "conformant-igd1");
	snprintf(lines, sizeof(lines),
		 "CALLBACK: <http://127.0.0.3:1/a><http://" PEER ":%u/b>\r\nNT: upnp:event\r\n",
		 s.port);
	assert_int_equal(subscribe(&s, lines), 200);
	expect_event(&s, "0", INITIAL);
	assert_non_null(strstr(s.event, "NOTIFY /b HTTP/1.1"));
	stop(&s);
}

/* GENA-25: no answer in 30 s gives the event up, not the subscription; order is kept meanwhile. */
static void silent(void **state)
{
	struct subscriber s;
	int fd;

	(void)state;
	start(&s, "conformant-igd1");
	assert_int_equal(subscribe_here(&s, ""), 200);
	fd = take_event(&s, NULL);
	assert_int_not_equal(fd, -1);
	for (uint16_t i = 0; i < 3; i++) {
		add(&s, (uint16_t)(100 + i), 0);
		loop_step(s.f.r.loop, 0);
		loop_step(s.f.r.loop, 0);
	}
	expect_none(&s);
	fixture_advance(&s.f, 30);
	expect_event(&s, "1", "PortMappingNumberOfEntries=1 ");
	expect_event(&s, "2", "PortMappingNumberOfEntries=2 ");
	expect_event(&s, "3", "PortMappingNumberOfEntries=3 ");
	close(fd);
	/* Hundreds of changes while it is silent: what waits is bounded, the last value arrives. */
	add(&s, 200, 0);
	fd = take_event(&s, NULL);
	for (uint16_t i = 0; i < 300; i++) {
		add(&s, (uint16_t)(300 + i), 0);
		loop_step(s.f.r.loop, 0);
		loop_step(s.f.r.loop, 0);
	}
	assert_int_equal(s.f.r.gena->subscriptions->queued, GENA_QUEUE_MAX);
	fixture_advance(&s.f, 30);
	close(fd);
	for (int i = 0; i < GENA_QUEUE_MAX - 1; i++)
		assert_int_not_equal(take_event(&s, OK_ANSWER), -1);
	assert_non_null(strstr(s.event, "<PortMappingNumberOfEntries>304<"));
	stop(&s);
}

/* GENA-29. */
static void filter(void **state)
{
	struct subscriber s;

	(void)state;
	start(&s, "conformant-igd1");
	assert_int_equal(subscribe_here(&s, "STATEVAR: ConnectionStatus, ExternalIPAddress\r\n"),
			 200);
	assert_string_equal(s.extra, "ACCEPTED-STATEVAR: ConnectionStatus, ExternalIPAddress\r\n");
	expect_event(&s, "0", "ConnectionStatus=Connected ExternalIPAddress=44.0.1.2 ");
	add(&s, 1, 0);
	expect_none(&s);
	gena_clear(s.f.r.gena);
	assert_int_equal(subscribe_here(&s, "STATEVAR: ConnectionStatus,Uptime\r\n"), 200);
	assert_string_equal(s.extra, "");
	assert_int_not_equal(take_event(&s, OK_ANSWER), -1);
	assert_non_null(strstr(s.event, "PossibleConnectionTypes"));
	stop(&s);
}

/* Timeouts as policy limits them, moderation. */
static void policies(void **state)
{
	struct subscriber s;

	(void)state;
	start(&s, "conformant-igd1");
	assert_int_equal(subscribe_here(&s, "TIMEOUT: Second-10\r\n"), 200);
	assert_string_equal(s.timeout, "Second-1800");
	fixture_policy(&s.f, "gena: {timeout-min: 5, timeout-max: 100, infinite: true}");
	assert_int_equal(subscribe_here(&s, "TIMEOUT: Second-10\r\n"), 200);
	assert_string_equal(s.timeout, "Second-10");
	assert_int_equal(subscribe_here(&s, "TIMEOUT: Second-1000\r\n"), 200);
	assert_string_equal(s.timeout, "Second-100");
	assert_int_equal(subscribe_here(&s, "TIMEOUT: Second-infinite\r\n"), 200);
	assert_string_equal(s.timeout, "Second-infinite");
	gena_clear(s.f.r.gena);
	while (take_event(&s, NULL) >= 0)
		;
	fixture_policy(&s.f, "gena: {moderation: 2s}");
	assert_int_equal(subscribe_here(&s, ""), 200);
	expect_event(&s, "0", INITIAL);
	add(&s, 1, 0);
	expect_event(&s, "1", "PortMappingNumberOfEntries=1 ");
	add(&s, 2, 0);
	add(&s, 3, 0);
	expect_none(&s);
	fixture_advance(&s.f, 2);
	expect_event(&s, "2", "PortMappingNumberOfEntries=3 ");
	stop(&s);
}

/* What careless routers do not look at: NT, what stands beside SID, whether SID exists, the time.
 */
static void careless(void **state)
{
	struct subscriber s;
	char lines[160];

	(void)state;
	start(&s, "conformant-igd1");
	fixture_policy(&s.f, "gena: {headers: any, enforced: false}");
	snprintf(lines, sizeof(lines), "CALLBACK: <http://" PEER ":%u/cb>\r\n", s.port);
	assert_int_equal(subscribe(&s, lines), 200);
	expect_event(&s, "0", INITIAL);
	assert_int_equal(subscribe(&s, "NT: upnp:event\r\n"), 412);
	snprintf(lines, sizeof(lines), "SID: %s\r\nNT: upnp:event\r\n", s.sid);
	assert_int_equal(subscribe(&s, lines), 200);
	fixture_advance(&s.f, 90000);
	assert_int_equal(gena_count(s.f.r.gena), 1);
	assert_int_equal(unsubscribe(&s, lines), 200);
	assert_int_equal(gena_count(s.f.r.gena), 0);
	assert_int_equal(unsubscribe(&s, lines), 412);
	fixture_policy(&s.f, "gena: {unknown-sid: 400}");
	assert_int_equal(unsubscribe(&s, lines), 400);
	assert_int_equal(subscribe(&s, lines), 400);
	fixture_policy(&s.f, "gena: {unknown-sid: accept}");
	assert_int_equal(unsubscribe(&s, lines), 200);
	assert_int_equal(subscribe(&s, lines), 200);
	assert_int_equal(gena_count(s.f.r.gena), 0);
	stop(&s);
}

/* gena.callbacks and gena.event-key: two subscriptions of two URLs each. */
static void each_url(void **state)
{
	struct subscriber s;
	char lines[160];

	(void)state;
	start(&s, "conformant-igd1");
	fixture_policy(&s.f, "gena: {callbacks: each, event-key: shared}");
	snprintf(lines, sizeof(lines),
		 "CALLBACK: <http://" PEER ":%u/a><http://" PEER ":%u/b>\r\nNT: upnp:event\r\n",
		 s.port, s.port);
	assert_int_equal(subscribe(&s, lines), 200);
	expect_event(&s, "0", INITIAL);
	assert_non_null(strstr(s.event, "NOTIFY /a HTTP/1.1"));
	expect_event(&s, "0", INITIAL);
	assert_non_null(strstr(s.event, "NOTIFY /b HTTP/1.1"));
	expect_none(&s);
	assert_int_equal(subscribe(&s, lines), 200);
	expect_event(&s, "1", INITIAL);
	expect_event(&s, "1", INITIAL);
	gena_clear(s.f.r.gena);
	fixture_policy(&s.f, "gena: {callbacks: first}");
	snprintf(lines, sizeof(lines),
		 "CALLBACK: <http://127.0.0.3:1/a><http://" PEER ":%u/b>\r\nNT: upnp:event\r\n",
		 s.port);
	assert_int_equal(subscribe(&s, lines), 200);
	expect_none(&s);
	stop(&s);
}

/* gena.retries: a subscriber that closes without an answer. */
static void tries_again(void **state)
{
	struct subscriber s;

	(void)state;
	start(&s, "conformant-igd1");
	fixture_policy(&s.f, "gena: {retries: 2}");
	assert_int_equal(subscribe_here(&s, ""), 200);
	for (int i = 0; i < 3; i++) {
		int fd = take_event(&s, NULL);

		assert_int_not_equal(fd, -1);
		close(fd);
	}
	expect_none(&s);
	add(&s, 1, 0);
	expect_event(&s, "1", "PortMappingNumberOfEntries=1 ");
	stop(&s);
}

/* gena.silent-subscriber: what becomes of one that does not answer, and of the others. */
static void silent_by_policy(void **state)
{
	struct subscriber s;
	int fd;

	(void)state;
	start(&s, "conformant-igd1");
	fixture_policy(&s.f, "gena: {silent-subscriber: dropped}");
	assert_int_equal(subscribe_here(&s, ""), 200);
	fd = take_event(&s, NULL);
	assert_int_equal(gena_count(s.f.r.gena), 1);
	fixture_advance(&s.f, 30);
	assert_int_equal(gena_count(s.f.r.gena), 0);
	close(fd);
	fixture_policy(&s.f, "gena: {silent-subscriber: delays-others}");
	assert_int_equal(subscribe_here(&s, ""), 200);
	fd = take_event(&s, NULL);
	assert_int_equal(subscribe_here(&s, ""), 200);
	expect_none(&s);
	fixture_advance(&s.f, 30);
	expect_event(&s, "0", INITIAL);
	close(fd);
	/* It also goes on when the silent one's subscription ends. */
	add(&s, 1, 0);
	fd = take_event(&s, NULL);
	expect_none(&s);
	gena_drop(s.f.r.gena->subscriptions->delivery.fd >= 0 ? s.f.r.gena->subscriptions
							      : s.f.r.gena->subscriptions->next);
	expect_event(&s, "1", "PortMappingNumberOfEntries=1 ");
	close(fd);
	stop(&s);
}

/* A router that keeps only the start of a callback: 25 and 1 bytes of "http://127.0.0.2:ppppp/...".
 */
static void cut_callbacks(void **state)
{
	struct subscriber s;

	(void)state;
	start(&s, "conformant-igd1");
	fixture_policy(&s.f, "gena: {callback-max: 25}");
	assert_int_equal(subscribe_here(&s, ""), 200);
	assert_int_not_equal(take_event(&s, OK_ANSWER), -1);
	assert_memory_equal(s.event, "NOTIFY /cb HTTP/1.1\r\n", 21);
	fixture_policy(&s.f, "gena: {callback-max: 24}");
	assert_int_equal(subscribe_here(&s, ""), 200);
	assert_int_not_equal(take_event(&s, OK_ANSWER), -1);
	assert_memory_equal(s.event, "NOTIFY /c HTTP/1.1\r\n", 20);
	fixture_policy(&s.f, "gena: {callback-max: 1}");
	assert_int_equal(subscribe_here(&s, ""), 200);
	assert_int_not_equal(take_event(&s, OK_ANSWER), -1);
	assert_memory_equal(s.event, "NOTIFY / HTTP/1.1\r\n", 19);
	stop(&s);
}

/* The initial event does not wait for the answer, and comes once. */
static void event_before_answer(void **state)
{
	struct http_reply reply;
	struct subscriber s;
	char *head;

	(void)state;
	start(&s, "conformant-igd1");
	fixture_policy(&s.f, "gena: {initial-event: before}");
	head = xasprintf("SUBSCRIBE " URL " HTTP/1.1\r\nCALLBACK: <http://" PEER ":%u/>\r\n"
			 "NT: upnp:event\r\n\r\n",
			 s.port);
	fixture_request(&s.f, gena_subscribe, PEER, head, "", &reply);
	assert_int_equal(s.f.status, 200);
	assert_null(reply.after);
	expect_event(&s, "0", INITIAL);
	expect_none(&s);
	buf_free(&reply.extra);
	free(head);
	stop(&s);
}

/* Rules of layer gena. */
static void rules(void **state)
{
	struct subscriber s;

	(void)state;
	start(&s, "conformant-igd1");
	fixture_rule(&s.f, "{when: {layer: gena, message: subscribe, nth: 1}, status: 501}");
	assert_int_equal(subscribe_here(&s, ""), 501);
	assert_int_equal(gena_count(s.f.r.gena), 0);
	fixture_rule(&s.f, "{when: {layer: gena, message: notify, nth: 2}, drop: true}");
	fixture_rule(&s.f, "{when: {layer: gena, message: notify, nth: 3},"
			   " reply: {PortMappingNumberOfEntries: '<7>'}, delay: 1s}");
	assert_int_equal(subscribe_here(&s, ""), 200);
	expect_event(&s, "0", INITIAL);
	add(&s, 1, 0);
	expect_none(&s);
	add(&s, 2, 0);
	expect_none(&s);
	fixture_advance(&s.f, 1);
	expect_event(&s, "2", "PortMappingNumberOfEntries=<7> ");
	stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(life),
		cmocka_unit_test(version_two),
		cmocka_unit_test(connection),
		cmocka_unit_test(refused),
		cmocka_unit_test(at_once),
		cmocka_unit_test(several_urls),
		cmocka_unit_test(silent),
		cmocka_unit_test(filter),
		cmocka_unit_test(policies),
		cmocka_unit_test(rules),
		cmocka_unit_test(segments),
		cmocka_unit_test(cut_callbacks),
		cmocka_unit_test(careless),
		cmocka_unit_test(each_url),
		cmocka_unit_test(tries_again),
		cmocka_unit_test(silent_by_policy),
		cmocka_unit_test(event_before_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
