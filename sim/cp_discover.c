/* SPDX-License-Identifier: MIT */
/*
 * cp_discover.c - the control point's search for routers (see cp.h)
 *
 * Theory of operation
 *
 * UDA 1.1 and 2.0 clause 1.3. M-SEARCH goes out for both port mapping services, both versions of
 * the gateway device and the root device, by multicast on every interface (CP-18) and by unicast to
 * every default gateway, three times (SSDP-57) from an ephemeral port (SSDP-56). HOST stays the
 * group's: some routers look at it. Replies are taken from any port and address, NOTIFY alive
 * counts as one (SSDP-60). A socket is connected to nobody, so that a reply from another port
 * arrives.
 *
 * Listening ends MX plus a second after the search (SSDP-58). It ends sooner, SETTLE_US after the
 * last reply that was waited for, when every gateway has named a part of an IGD: who prefers a
 * gateway anyway learns nothing from waiting. When nobody usable has answered, a second round with
 * a larger MX listens for late routers until --timeout, which bounds both, unless every gateway
 * said that its port is closed. A router behind a router is asked by unicast alone; there "closed"
 * settles it.
 */
#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/ssdp.h"
#include "cp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TTL	     2
#define SETTLE_US    (10 * 1000)
#define FIRST_MX     2
#define SECOND_MX    5
#define DATAGRAM_MAX 8192

static const char *const targets[] = {
	"urn:schemas-upnp-org:service:WANIPConnection:1",
	"urn:schemas-upnp-org:service:WANPPPConnection:1",
	"urn:schemas-upnp-org:device:InternetGatewayDevice:1",
	"urn:schemas-upnp-org:device:InternetGatewayDevice:2",
	"upnp:rootdevice",
};

/* When the copies of a search go out, after its first. */
static const int64_t copies_us[] = {0, 300 * 1000, CLOCK_SECOND};

/**
 * struct search - a round of discovery
 * @fds:	one socket for each interface (@interfaces says which), then the group's
 * @only:	see cp_discover()
 * @next_copy:	index into copies_us
 */
struct search {
	struct cp *cp;
	struct pollfd fds[CP_INTERFACES_MAX + 1];
	int interfaces[CP_INTERFACES_MAX + 1];
	size_t count;
	const struct in_addr *only;
	int mx;
	size_t next_copy;
	int64_t started;
	int64_t settled; /* 0 = not yet */
	size_t closed;	 /* gateways whose SSDP port is closed */
};

static int open_search_socket(const struct search *s, const struct cp_interface *i)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ttl = TTL, on = 1;

	if (fd < 0)
		return -1;
	if (i)
		from.sin_addr = i->address;
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0) {
		close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl));
	setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	if (i)
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &i->address, sizeof(i->address));
	if (cp_naive(s->cp, NAIVE_CONNECT_UDP_SOCKET) && s->cp->gateway_count) {
		struct sockaddr_in to = {.sin_family = AF_INET,
					 .sin_port = htons(SSDP_PORT),
					 .sin_addr = s->cp->gateways[0].address};

		if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
			close(fd);
			return -1;
		}
	}
	return fd;
}

int cp_open_group(const struct cp *cp)
{
	struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons(SSDP_PORT)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	if (fd < 0)
		return -1;
	inet_pton(AF_INET, SSDP_GROUP_V4, &group.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&group, sizeof(group)) < 0) {
		close(fd);
		return -1;
	}
	for (size_t i = 0; i < cp->interface_count; i++) {
		struct ip_mreqn join = {.imr_multiaddr = group.sin_addr,
					.imr_ifindex = cp->interfaces[i].index};

		setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join));
	}
	return fd;
}

static void add_socket(struct search *s, int fd, int interface)
{
	if (fd < 0)
		return;
	s->fds[s->count] = (struct pollfd){.fd = fd, .events = POLLIN};
	s->interfaces[s->count++] = interface;
}

/* Modes that would not be what they say if an announcement helped out. */
static bool hears_announcements(const struct cp *cp)
{
	static const enum naive deaf[] = {NAIVE_IGNORES_NOTIFY, NAIVE_MULTICAST_ONLY,
					  NAIVE_UNICAST_ONLY,	NAIVE_ONE_SEARCH_TARGET,
					  NAIVE_SINGLE_SEARCH,	NAIVE_CONNECT_UDP_SOCKET};

	for (size_t i = 0; i < ARRAY_SIZE(deaf); i++)
		if (cp_naive(cp, deaf[i]))
			return false;
	return true;
}

static void open_sockets(struct search *s)
{
	struct cp *cp = s->cp;

	if (s->only) {
		add_socket(s, open_search_socket(s, NULL), -1);
		return;
	}
	for (size_t i = 0; i < cp->interface_count; i++)
		if (!i || !cp_naive(cp, NAIVE_FIRST_INTERFACE))
			add_socket(s, open_search_socket(s, &cp->interfaces[i]), (int)i);
	if (hears_announcements(cp))
		add_socket(s, cp_open_group(cp), -1);
}

static void send_search(const struct search *s, int fd, struct in_addr to, const char *target)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(SSDP_PORT), .sin_addr = to};
	struct buf text = {0};

	ssdp_build_search(&text, SSDP_GROUP_V4 ":1900", target, s->mx);
	/* An ICMP error for an earlier datagram comes back here once; send again. */
	if (sendto(fd, text.data, text.len, 0, (struct sockaddr *)&a, sizeof(a)) < 0)
		sendto(fd, text.data, text.len, 0, (struct sockaddr *)&a, sizeof(a));
	buf_free(&text);
}

/* By unicast to the gateways that this socket's interface leads to. */
static void send_unicast(const struct search *s, size_t socket, const char *target)
{
	const struct cp *cp = s->cp;

	if (s->only) {
		send_search(s, s->fds[socket].fd, *s->only, target);
		return;
	}
	for (size_t i = 0; i < cp->gateway_count; i++)
		if (cp->gateways[i].interface == s->interfaces[socket])
			send_search(s, s->fds[socket].fd, cp->gateways[i].address, target);
}

static void send_copy(struct search *s)
{
	const struct cp *cp = s->cp;
	size_t count = cp_naive(cp, NAIVE_ONE_SEARCH_TARGET) ? 1 : ARRAY_SIZE(targets);
	struct in_addr group;

	inet_pton(AF_INET, SSDP_GROUP_V4, &group);
	for (size_t socket = 0; socket < s->count; socket++) {
		if (!s->only && s->interfaces[socket] < 0)
			continue;
		for (size_t i = 0; i < count; i++) {
			/* One target alone is the one that everybody knows. */
			const char *target = targets[count == 1 ? 2 : i];

			if (!s->only && !cp_naive(cp, NAIVE_UNICAST_ONLY))
				send_search(s, s->fds[socket].fd, group, target);
			if (!cp_naive(cp, NAIVE_MULTICAST_ONLY) || s->only)
				send_unicast(s, socket, target);
		}
	}
	s->next_copy++;
}

/* LOCATION as a client finds it that compares bytes: a line "LOCATION: ". */
static bool has_literal_location(const char *data, size_t len)
{
	static const char line[] = "\r\nLOCATION: ";

	return memmem(data, len, line, sizeof(line) - 1) != NULL;
}

static struct cp_candidate *candidate_at(struct cp *cp, struct slice location)
{
	for (size_t i = 0; i < cp->candidate_count; i++)
		if (slice_eq(location, cp->candidates[i].location))
			return &cp->candidates[i];
	return NULL;
}

/* A reply or announcement: a new candidate, or more about one (dedupe by LOCATION). */
static struct cp_candidate *note_reply(struct search *s, const struct ssdp_message *m,
				       struct in_addr from, int interface)
{
	struct cp *cp = s->cp;
	struct cp_candidate *c = candidate_at(cp, m->location);
	char *target = slice_dup(m->target), *usn = slice_dup(m->usn);

	if (!c && cp->candidate_count < CP_CANDIDATES_MAX) {
		c = &cp->candidates[cp->candidate_count];
		*c = (struct cp_candidate){.from = from,
					   .interface = interface,
					   .location = slice_dup(m->location),
					   .target = xstrdup(target),
					   .usn = xstrdup(usn),
					   .order = (int)cp->candidate_count,
					   .boot_id = m->boot_id};
		cp->candidate_count++;
		cp_judge(cp, s->only, c);
		cp_reply(cp, "%s from %s: %s%s%s", target, inet_ntoa(from), c->location,
			 c->refused ? ", not used: " : "", c->refused ? c->refused : "");
	}
	if (c && cp_names_igd(target)) {
		/* The target that names the service is the one worth keeping. */
		if (!c->igd) {
			free(c->target);
			c->target = xstrdup(target);
		}
		c->igd = true;
	}
	free(target);
	free(usn);
	return c;
}

static void mark_gateway(struct search *s, const struct cp_candidate *c)
{
	struct cp *cp = s->cp;

	if (!c || c->refused || !c->igd)
		return;
	for (size_t i = 0; i < cp->gateway_count; i++)
		if (cp->gateways[i].address.s_addr == c->host.s_addr ||
		    cp->gateways[i].address.s_addr == c->from.s_addr)
			cp->gateways[i].answered = true;
}

static bool everybody_answered(const struct search *s)
{
	const struct cp *cp = s->cp;

	if (cp->thorough)
		return false;
	if (cp_naive(cp, NAIVE_FIRST_REPLY_WINS))
		return cp->candidate_count > 0;
	if (s->only) {
		for (size_t i = 0; i < cp->candidate_count; i++)
			if (cp->candidates[i].igd && !cp->candidates[i].refused)
				return true;
		return false;
	}
	for (size_t i = 0; i < cp->gateway_count; i++)
		if (!cp->gateways[i].answered)
			return false;
	return cp->gateway_count > 0;
}

static void receive(struct search *s, size_t socket)
{
	char data[DATAGRAM_MAX];
	struct sockaddr_in from;
	struct ssdp_message m;
	enum ssdp_error error;

	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t got = recvfrom(s->fds[socket].fd, data, sizeof(data), 0,
				       (struct sockaddr *)&from, &len);

		if (got < 0)
			return;
		error = ssdp_parse(data, (size_t)got, &m);
		if (error == SSDP_NOT_HTTP || error == SSDP_BAD_STATUS || !m.location.len ||
		    (m.kind != SSDP_REPLY && m.kind != SSDP_ALIVE))
			continue;
		if (cp_naive(s->cp, NAIVE_CASE_SENSITIVE_HEADERS) &&
		    !has_literal_location(data, (size_t)got))
			continue;
		mark_gateway(s, note_reply(s, &m, from.sin_addr, s->interfaces[socket]));
	}
}

/* An ICMP "port unreachable" of a gateway. */
static void receive_error(struct search *s, size_t socket)
{
	struct sockaddr_in to;
	char control[512];
	struct iovec nothing = {0};
	struct cp *cp = s->cp;

	for (;;) {
		struct msghdr m = {.msg_name = &to,
				   .msg_namelen = sizeof(to),
				   .msg_iov = &nothing,
				   .msg_iovlen = 1,
				   .msg_control = control,
				   .msg_controllen = sizeof(control)};

		if (recvmsg(s->fds[socket].fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return;
		if (s->only && s->only->s_addr == to.sin_addr.s_addr)
			s->closed = 1;
		for (size_t i = 0; i < cp->gateway_count; i++) {
			struct cp_gateway *g = &cp->gateways[i];

			if (g->address.s_addr != to.sin_addr.s_addr || g->closed)
				continue;
			g->closed = true;
			s->closed++;
		}
	}
}

/* When to look up next: the next copy, the end of settling, the end of listening. */
static int64_t next_deadline(const struct search *s, int64_t end)
{
	int64_t next = s->settled && s->settled < end ? s->settled : end;

	if (s->next_copy < ARRAY_SIZE(copies_us) && !s->settled &&
	    s->started + copies_us[s->next_copy] < next)
		next = s->started + copies_us[s->next_copy];
	return next;
}

static bool hopeless(const struct search *s)
{
	return s->only && s->closed && !s->cp->candidate_count;
}

/* One round. Why it ended goes to @why. */
static void listen_until(struct search *s, int64_t end, const char **why)
{
	int64_t settle = cp_naive(s->cp, NAIVE_FIRST_REPLY_WINS) ? 0 : SETTLE_US;

	for (;;) {
		int64_t now = clock_now();

		if (s->settled && now >= s->settled) {
			*why = s->only ? "the router answered" : "every default gateway answered";
			return;
		}
		if (hopeless(s)) {
			*why = "its SSDP port is closed";
			return;
		}
		if (now >= end) {
			*why = "the time is over";
			return;
		}
		if (s->next_copy < ARRAY_SIZE(copies_us) && !s->settled &&
		    now >= s->started + copies_us[s->next_copy]) {
			if (s->next_copy == 0 || !cp_naive(s->cp, NAIVE_SINGLE_SEARCH))
				send_copy(s);
			else
				s->next_copy++;
		}
		now = clock_now();
		if (poll(s->fds, s->count, (int)((next_deadline(s, end) - now) / 1000) + 1) < 0 &&
		    errno != EINTR)
			return;
		for (size_t i = 0; i < s->count; i++) {
			if (s->fds[i].revents & POLLERR)
				receive_error(s, i);
			if (s->fds[i].revents & POLLIN)
				receive(s, i);
		}
		if (!s->settled && everybody_answered(s))
			s->settled = clock_now() + settle;
	}
}

static bool anybody_usable(const struct cp *cp)
{
	for (size_t i = 0; i < cp->candidate_count; i++)
		if (!cp->candidates[i].refused)
			return true;
	return false;
}

static void say_search(struct cp *cp, const struct in_addr *only)
{
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		if (!cp_naive(cp, NAIVE_ONE_SEARCH_TARGET) || i == 2)
			cp_request(cp, "M-SEARCH %s", targets[i]);
	if (only) {
		cp_request(cp, "by unicast to %s", inet_ntoa(*only));
		return;
	}
	for (size_t i = 0; i < cp->interface_count; i++)
		cp_request(cp, "by multicast on %s", cp->interfaces[i].name);
	for (size_t i = 0; i < cp->gateway_count; i++)
		cp_request(cp, "by unicast to %s", inet_ntoa(cp->gateways[i].address));
}

void cp_discover(struct cp *cp, int layer, const struct in_addr *only)
{
	struct search s = {.cp = cp,
			   .only = only,
			   .mx = cp_naive(cp, NAIVE_MX_ZERO) ? 0 : FIRST_MX,
			   .started = clock_now()};
	int64_t listen = (s.mx + 1) * CLOCK_SECOND, end = s.started + cp->options.timeout_us;
	bool single = cp_naive(cp, NAIVE_SINGLE_SEARCH) || only || end <= s.started + listen;
	const char *why = "no interface";
	size_t usable = 0;

	cp_candidates_free(cp);
	cp_step(cp, layer, "search");
	say_search(cp, only);
	open_sockets(&s);
	if (cp_naive(cp, NAIVE_SINGLE_SEARCH))
		listen = s.mx * CLOCK_SECOND;
	if (s.count)
		listen_until(&s, end < s.started + listen ? end : s.started + listen, &why);
	if (s.count && !single && !anybody_usable(cp) &&
	    (s.closed < cp->gateway_count || !cp->gateway_count)) {
		s.started = clock_now();
		s.mx = SECOND_MX;
		s.next_copy = 0;
		listen_until(&s, end, &why);
	}
	for (size_t i = 0; i < s.count; i++)
		close(s.fds[i].fd);
	for (size_t i = 0; i < cp->candidate_count; i++)
		usable += !cp->candidates[i].refused;
	cp_believe(cp, "%zu of %zu answers usable", usable, cp->candidate_count);
	cp_why(cp, "stopped listening: %s", why);
}

void cp_candidates_free(struct cp *cp)
{
	for (size_t i = 0; i < cp->candidate_count; i++) {
		free(cp->candidates[i].location);
		free(cp->candidates[i].target);
		free(cp->candidates[i].usn);
	}
	cp->candidate_count = 0;
}
