/* SPDX-License-Identifier: MIT */
/*
 * cp_talk.c - datagrams to port 5351 of a gateway and back (see cp_talk.h).
 *
 * Theory of operation
 *
 * One request at a time from one connected socket (NATPMP-36). It is sent again after a gap that
 * doubles, until an answer is there, ICMP says that nobody will give one, the requests that the
 * schedule allows are used up, or the time is over. What is no answer to the request is dropped.
 * The gaps of PCP vary by a tenth, so that the clients of a server that was away do not come all at
 * once.
 */
#include "cp_talk.h"

#include "../fakeigd/base/clock.h"
#include "../fakeigd/wire/natpmp.h"
#include "../fakeigd/wire/pcp.h"
#include "cp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define HASTY_US (CLOCK_SECOND / 10) /* a habit of the naive modes */

const struct cp_schedule cp_schedule_natpmp = {CLOCK_SECOND / 4, 64 * CLOCK_SECOND, 0, 9};
const struct cp_schedule cp_schedule_pcp = {3 * CLOCK_SECOND, 1024 * CLOCK_SECOND, 10, 0};
const struct cp_schedule cp_schedule_pcp_one_of_many = {3 * CLOCK_SECOND, 1024 * CLOCK_SECOND, 10,
							4};
const struct cp_schedule cp_schedule_once = {1024 * CLOCK_SECOND, 1024 * CLOCK_SECOND, 0, 1};

uint32_t cp_random(uint32_t limit)
{
	uint32_t value;

	if (!limit || getrandom(&value, sizeof(value), 0) != sizeof(value))
		return 0;
	return (uint32_t)((uint64_t)value * limit >> 32);
}

struct cp_server cp_server_v4(struct in_addr address)
{
	return (struct cp_server){.address = pcp_address_from_v4(address)};
}

struct in_addr cp_v4(const struct in6_addr *address)
{
	struct in_addr v4 = {0};

	pcp_address_is_v4(address, &v4);
	return v4;
}

const char *cp_server_text(const struct cp_server *s, char out[CP_SERVER_TEXT])
{
	struct in_addr v4;
	char zone[IFNAMSIZ];

	if (pcp_address_is_v4(&s->address, &v4)) {
		inet_ntop(AF_INET, &v4, out, CP_SERVER_TEXT);
		return out;
	}
	inet_ntop(AF_INET6, &s->address, out, CP_SERVER_TEXT);
	if (s->zone && if_indextoname(s->zone, zone))
		snprintf(out + strlen(out), CP_SERVER_TEXT - strlen(out), "%%%s", zone);
	return out;
}

bool cp_parse_server(const char *text, struct cp_server *out)
{
	char copy[CP_SERVER_TEXT], *zone;
	struct in_addr v4;

	*out = (struct cp_server){0};
	if (cp_parse_address(text, &v4)) {
		*out = cp_server_v4(v4);
		return true;
	}
	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return false;
	zone = strchr(copy, '%');
	if (zone) {
		*zone++ = '\0';
		out->zone = if_nametoindex(zone);
	}
	if (inet_pton(AF_INET6, copy, &out->address) != 1 ||
	    IN6_IS_ADDR_UNSPECIFIED(&out->address) || IN6_IS_ADDR_V4MAPPED(&out->address) ||
	    IN6_IS_ADDR_MULTICAST(&out->address))
		return false;
	return IN6_IS_ADDR_LINKLOCAL(&out->address) ? out->zone != 0 : !zone;
}

/* A server and a port as the kernel takes them. Return: the length. */
static socklen_t address_of(const struct cp_server *s, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
				  .sin6_port = htons(port),
				  .sin6_addr = s->address,
				  .sin6_scope_id = s->zone};

	*out = (struct sockaddr_storage){0};
	if (pcp_address_is_v4(&s->address, &v4.sin_addr)) {
		memcpy(out, &v4, sizeof(v4));
		return sizeof(v4);
	}
	memcpy(out, &v6, sizeof(v6));
	return sizeof(v6);
}

static struct in6_addr address_in(const struct sockaddr_storage *at)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memcpy(&v4, at, sizeof(v4));
	memcpy(&v6, at, sizeof(v6));
	return at->ss_family == AF_INET ? pcp_address_from_v4(v4.sin_addr) : v6.sin6_addr;
}

bool cp_server_is(const struct cp_server *s, const struct sockaddr_storage *from)
{
	const struct in6_addr address = address_in(from);

	return IN6_ARE_ADDR_EQUAL(&address, &s->address);
}

/* What requests to a server are sent from. Return: the length. */
static socklen_t source_of(const struct cp *cp, const struct cp_server *server,
			   struct sockaddr_storage *out)
{
	struct cp_server own = {0};
	struct in_addr v4;
	int on_link;

	if (!pcp_address_is_v4(&server->address, &v4)) {
		own.address = cp->own6.sin6_addr;
		return address_of(&own, 0, out);
	}
	on_link = cp_on_link(cp, v4);
	own = cp_server_v4(on_link >= 0 ? cp->interfaces[on_link].address : (struct in_addr){0});
	return address_of(&own, 0, out);
}

bool cp_talk_open(struct cp *cp, struct cp_talk *t, const struct cp_server *server)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	struct sockaddr_storage to, own;
	socklen_t to_len = address_of(server, NATPMP_PORT, &to), len;

	cp_talk_close(t);
	t->server = *server;
	t->fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	t->why = "no socket can be opened";
	if (t->fd < 0)
		return false;
	t->open = true;
	len = source_of(cp, server, &own);
	t->why = "there is no way to it";
	if (bind(t->fd, (struct sockaddr *)&own, len) < 0 ||
	    connect(t->fd, (struct sockaddr *)&to, to_len) < 0 ||
	    getsockname(t->fd, (struct sockaddr *)&own, &len) < 0) {
		cp_talk_close(t);
		return false;
	}
	t->local = address_in(&own);
	if (cp_naive(cp, NAIVE_ANY_SENDER))
		connect(t->fd, &none, sizeof(none));
	return true;
}

void cp_talk_close(struct cp_talk *t)
{
	if (t->open)
		close(t->fd);
	t->open = false;
}

static bool is_refusal(int error)
{
	return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH ||
	       error == EACCES;
}

bool cp_talk_send(struct cp *cp, struct cp_talk *t, struct slice bytes)
{
	struct sockaddr_storage to;
	socklen_t len = address_of(&t->server, NATPMP_PORT, &to);

	if (cp_naive(cp, NAIVE_ANY_SENDER))
		return sendto(t->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL, (struct sockaddr *)&to,
			      len) >= 0;
	/* A refusal of the datagram before shows here too. */
	return send(t->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL) >= 0 || !is_refusal(errno);
}

int cp_talk_receive(struct cp_talk *t, char *data, size_t size)
{
	ssize_t len = recv(t->fd, data, size, 0);

	if (len < 0)
		return is_refusal(errno) ? -1 : 0;
	return len > 0 ? (int)len : 0;
}

/* Read until @until; @until is in the past: what is there. */
static enum cp_heard await(struct cp *cp, struct cp_talk *t, const struct cp_question *q,
			   int64_t until)
{
	char data[CP_TALK_MAX];
	int64_t left;

	while ((left = until - clock_now()) > 0) {
		struct pollfd p[] = {{.fd = t->fd, .events = POLLIN},
				     {.fd = cp->stop_fd, .events = POLLIN}};
		int len;

		if (poll(p, 2, (int)(left / 1000) + 1) <= 0)
			continue;
		if (p[1].revents)
			return CP_HEARD_STOP;
		len = cp_talk_receive(t, data, sizeof(data));
		if (len < 0)
			return CP_HEARD_REFUSAL;
		if (len > 0 && q->is_answer(q->arg, data, (size_t)len))
			return CP_HEARD_ANSWER;
	}
	return CP_HEARD_NOTHING;
}

/* (1 + RAND) times the gap, RAND within the jitter (RFC 6887 clause 8.1.1). */
static int64_t vary(int64_t gap, int jitter)
{
	if (!jitter)
		return gap;
	return gap + gap * ((int64_t)cp_random((uint32_t)jitter * 20 + 1) - jitter * 10) / 1000;
}

enum cp_heard cp_talk_ask(struct cp *cp, struct cp_talk *t, const struct cp_schedule *schedule,
			  int64_t for_us, const struct cp_question *question)
{
	int64_t end = clock_now() + for_us, gap = schedule->first_us;
	enum cp_heard heard = CP_HEARD_NOTHING;
	bool hasty = cp_naive(cp, NAIVE_HASTY_RETRIES);

	t->why = "does not answer";
	for (int i = 0; heard == CP_HEARD_NOTHING && clock_now() < end; i++) {
		int64_t until = clock_now() + (hasty ? HASTY_US : vary(gap, schedule->jitter));

		if (schedule->tries && i >= schedule->tries && !hasty)
			break;
		if (!cp_talk_send(cp, t, question->bytes))
			heard = CP_HEARD_REFUSAL;
		else
			heard = await(cp, t, question, until < end ? until : end);
		gap = 2 * gap < schedule->most_us ? 2 * gap : schedule->most_us;
	}
	if (heard == CP_HEARD_REFUSAL)
		t->why = "refuses: its port 5351 is closed";
	return heard;
}
