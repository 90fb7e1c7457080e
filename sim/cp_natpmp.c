/* SPDX-License-Identifier: MIT */
/*
 * cp_natpmp.c - the reference control point by NAT-PMP (RFC 6886), --via natpmp.
 *
 * Theory of operation
 *
 * Whoever is asked is the gateway: of the innermost router a default gateway of ours, of the others
 * the next hop. One request at a time from one connected socket, so that the kernel drops answers
 * of others (NATPMP-37) and tells when the port is closed; again after 250 ms, and so on with
 * doubling gaps, until the time for an exchange is over (NATPMP-35, NATPMP-36). An answer counts
 * when its opcode and internal port are those of the request. Any result but 0 is final
 * (NATPMP-38), and a success with port 0 or lifetime 0 is none (NATPMP-47). A deletion suggests
 * port 0 (NATPMP-43).
 *
 * The internal client is the sender: seen from the next router, that is the router before it.
 */
#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/natpmp.h"
#include "cp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_WAIT_US	(CLOCK_SECOND / 4)
#define USUAL_LIFETIME	7200 /* clause 3.3 recommends it */
#define NO_SUCH_SUCCESS 0xffff

/** struct talk - a connected socket to a gateway, and why it did not work out (static) */
struct talk {
	int fd;
	struct in_addr local;
	const char *why;
};

static bool talk_open(struct cp *cp, struct talk *t, struct in_addr gateway)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(NATPMP_PORT), .sin_addr = gateway};
	struct sockaddr_in own = {.sin_family = AF_INET};
	socklen_t len = sizeof(own);
	int on_link = cp_on_link(cp, gateway);

	t->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	t->why = "no socket can be opened";
	if (t->fd < 0)
		return false;
	if (on_link >= 0)
		own.sin_addr = cp->interfaces[on_link].address;
	t->why = "there is no way to it";
	if (bind(t->fd, (struct sockaddr *)&own, sizeof(own)) < 0 ||
	    connect(t->fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    getsockname(t->fd, (struct sockaddr *)&own, &len) < 0) {
		close(t->fd);
		return false;
	}
	t->local = own.sin_addr;
	return true;
}

static bool is_answer(const struct natpmp_request *asked, const struct natpmp_response *a)
{
	if (a->result == NATPMP_UNSUPPORTED_VERSION)
		return true;
	return a->opcode == (asked->opcode | NATPMP_RESPONSE) &&
	       (asked->opcode == NATPMP_EXTERNAL_ADDRESS ||
		a->internal_port == asked->internal_port);
}

/* Read until @until. Return: 1 an answer, 0 none in time, -1 the port is closed. */
static int await(const struct talk *t, const struct natpmp_request *asked, int64_t until,
		 struct natpmp_response *out)
{
	char data[2048];
	int64_t left;

	while ((left = until - clock_now()) > 0) {
		struct pollfd p = {.fd = t->fd, .events = POLLIN};
		ssize_t len;

		if (poll(&p, 1, (int)(left / 1000) + 1) <= 0)
			continue;
		len = recv(t->fd, data, sizeof(data), 0);
		if (len < 0 && errno == ECONNREFUSED)
			return -1;
		if (len >= 0 && natpmp_parse_response(data, (size_t)len, out) == NATPMP_OK &&
		    is_answer(asked, out))
			return 1;
	}
	return 0;
}

/* One exchange. Return: there is an answer; else t->why says why not. */
static bool ask(struct cp *cp, struct talk *t, const struct natpmp_request *request,
		struct natpmp_response *out)
{
	int64_t end = clock_now() + cp->options.timeout_us, wait = FIRST_WAIT_US;
	struct buf bytes = {0};
	int got = 0;

	natpmp_build_request(&bytes, request);
	t->why = "does not answer";
	while (!got && clock_now() < end) {
		int64_t until = clock_now() + wait;

		/* A refusal of the datagram before shows here too. */
		if (send(t->fd, bytes.data, bytes.len, MSG_NOSIGNAL) < 0 && errno == ECONNREFUSED)
			got = -1;
		else
			got = await(t, request, until < end ? until : end, out);
		wait *= 2;
	}
	buf_free(&bytes);
	if (got < 0)
		t->why = "refuses: its port 5351 is closed";
	return got > 0;
}

static void say_result(struct cp *cp, const struct natpmp_response *a)
{
	cp_reply(cp, "result %u (%s), epoch %u", a->result, natpmp_result_text(a->result),
		 a->epoch);
}

/* Ask one gateway for its external address. Return: it speaks NAT-PMP. */
static bool find_at(struct cp *cp, int layer, struct in_addr gateway, struct cp_router *r)
{
	struct natpmp_request request = {.opcode = NATPMP_EXTERNAL_ADDRESS};
	struct natpmp_response a;
	struct talk t;
	bool answered;

	cp_step(cp, layer, "external address");
	cp_request(cp, "NAT-PMP to %s:%d: external address", inet_ntoa(gateway), NATPMP_PORT);
	if (!talk_open(cp, &t, gateway)) {
		cp_why(cp, "%s", t.why);
		return false;
	}
	answered = ask(cp, &t, &request, &a);
	close(t.fd);
	if (!answered || a.result == NATPMP_UNSUPPORTED_VERSION) {
		cp_believe(cp, "no NAT-PMP there");
		cp_why(cp, "%s", answered ? "it speaks another version" : t.why);
		return false;
	}
	say_result(cp, &a);
	r->host = gateway;
	r->local = t.local;
	r->connected = !a.result;
	r->has_external = !a.result && a.external_address.s_addr;
	if (!r->has_external) {
		cp_believe(cp, "no external address; mappings may be possible all the same");
		return true;
	}
	r->external = a.external_address;
	r->kind = cp_address_kind(r->external);
	r->external_text = xstrdup(inet_ntoa(r->external));
	cp_reply(cp, "external address %s", r->external_text);
	cp_believe(cp, "%s, %s", r->external_text, cp_address_text(r->kind));
	return true;
}

bool cp_natpmp_find(struct cp *cp, int layer, struct cp_layer *out)
{
	if (layer > 1)
		return find_at(cp, layer, out->gateway, &out->router);
	for (size_t i = 0; i < cp->gateway_count; i++)
		if (find_at(cp, layer, cp->gateways[i].address, &out->router))
			return true;
	return false;
}

static struct natpmp_request wish(const struct map_request *request, bool remove)
{
	struct natpmp_request q = {
		.opcode = request->protocol == IPPROTO_TCP ? NATPMP_MAP_TCP : NATPMP_MAP_UDP,
		.internal_port = request->internal_port,
	};

	if (remove)
		return q;
	q.suggested_external_port = request->external_port;
	q.lifetime = request->lease ? request->lease : USUAL_LIFETIME;
	return q;
}

/* What NAT-PMP has no words for, NULL when it can be asked for. */
static const char *impossible(const struct cp_router *r, int layer,
			      const struct map_request *request)
{
	struct in_addr client;

	if (request->remote_host && *request->remote_host)
		return "cannot be told of a remote host by NAT-PMP";
	if (layer == 1 && *request->internal_client &&
	    (!cp_parse_address(request->internal_client, &client) ||
	     client.s_addr != r->local.s_addr))
		return "maps by NAT-PMP for the host that asks, and for no other";
	return NULL;
}

/* One mapping request. Return: a result code, NO_SUCH_SUCCESS when there is no usable answer. */
static unsigned exchange(struct cp *cp, struct cp_layer *l, const struct natpmp_request *request,
			 struct natpmp_response *a)
{
	struct talk t;
	bool answered;

	cp_request(cp, "NAT-PMP %s %u, external %u, %u s",
		   request->opcode == NATPMP_MAP_TCP ? "TCP" : "UDP", request->internal_port,
		   request->suggested_external_port, request->lifetime);
	answered = talk_open(cp, &t, l->router.host) && ask(cp, &t, request, a);
	if (t.fd >= 0)
		close(t.fd);
	if (!answered) {
		snprintf(l->failure, sizeof(l->failure), "%s", t.why);
		return NO_SUCH_SUCCESS;
	}
	say_result(cp, a);
	if (a->result)
		snprintf(l->failure, sizeof(l->failure), "refuses (result %u, %s)", a->result,
			 natpmp_result_text(a->result));
	return a->result;
}

bool cp_natpmp_map(struct cp *cp, int layer, const struct map_request *request,
		   struct cp_layer *out)
{
	struct natpmp_request q = wish(request, false);
	const char *why = impossible(&out->router, layer, request);
	struct natpmp_response a;

	cp_step(cp, layer, "add mapping");
	out->internal_port = request->internal_port;
	if (*request->internal_client)
		snprintf(out->internal_client, sizeof(out->internal_client), "%s",
			 request->internal_client);
	else
		inet_ntop(AF_INET, &out->router.local, out->internal_client,
			  sizeof(out->internal_client));
	if (why) {
		snprintf(out->failure, sizeof(out->failure), "%s", why);
		cp_why(cp, "%s", why);
		return false;
	}
	if (exchange(cp, out, &q, &a)) {
		cp_why(cp, "%s", out->failure);
		return false;
	}
	cp_reply(cp, "external port %u, %u s", a.external_port, a.lifetime);
	if (!a.external_port || !a.lifetime) {
		snprintf(out->failure, sizeof(out->failure), "grants %s",
			 a.external_port ? "0 seconds" : "port 0");
		cp_why(cp, "a success with 0 in it is none");
		return false;
	}
	out->external_port = a.external_port;
	out->lease = a.lifetime;
	out->mapped = true;
	cp_believe(cp, "external port %u for %u s", a.external_port, a.lifetime);
	cp_why(cp, "%s",
	       a.external_port == q.suggested_external_port
		       ? "it is the port that was suggested"
		       : "the answer counts, not what was suggested");
	return true;
}

bool cp_natpmp_unmap(struct cp *cp, int layer, const struct map_request *request,
		     struct cp_layer *out)
{
	struct natpmp_request q = wish(request, true);
	struct natpmp_response a;

	cp_step(cp, layer, "delete mapping");
	out->internal_port = request->internal_port;
	out->external_port = request->external_port;
	out->mapped = exchange(cp, out, &q, &a) != NATPMP_SUCCESS;
	if (out->mapped)
		cp_why(cp, "%s", out->failure);
	else
		cp_why(cp,
		       "it has none for that internal port any more; whether it had one it does "
		       "not tell");
	return true;
}
