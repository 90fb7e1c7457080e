/* SPDX-License-Identifier: MIT */
/*
 * ssdp.c - discovery: sockets and searches (UDA 2.0 clause 1.3, annex A for IPv6).
 *
 * Theory of operation
 *
 * UDP port 1900 is opened once per LAN interface and family, bound to the device, so that the WAN
 * sees a closed port (SSDP-76), and joined to 239.255.255.250, or to ff02::c and ff05::c (SSDP-75).
 * The kernel tells with each datagram to which address it came: that makes a search multicast or
 * unicast and is the source of a unicast search's answer (SSDP-50). NOTIFYs and answers of others,
 * our own multicasts among them, are not looked at.
 *
 * A search is answered once per matching advertisement, to the address and port it came from
 * (SSDP-33 to SSDP-41). Ignored without a word, but not without a journal line: what is no search
 * (SSDP-44, SSDP-69), one without MAN in quotes (SSDP-43), a multicast one without MX (SSDP-42),
 * one from outside the LAN (SSDP-77).
 *
 * When: UDA asks that answers to a multicast search wait a random time from 0 to MX, so that the
 * answers of hundreds of devices do not collide. A lab has a handful, and every client there would
 * pay seconds per case, so by default the wait is the shortest allowed, none; policy ssdp.spread
 * "mx" gives each answer its own random wait, MX taken as 5 at most (SSDP-45 to SSDP-48). Unicast
 * searches are answered at once (SSDP-49).
 *
 * Rules see each search once ("m-search") and each answer ("reply", its ST as target); the effects
 * of both add up.
 */
#include "ssdp.h"

#include "base/mem.h"
#include "description.h"
#include "journal.h"
#include "profile.h"
#include "ssdp_parts.h"
#include "wire/ssdp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#define MX_MAX	     5
#define PER_TURN_MAX 64 /* datagrams of one socket before others have their turn */

enum spread { SPREAD_NONE, SPREAD_MX };
enum answer_target { ANSWER_ASKED, ANSWER_OWN };
enum answer_by { ANSWER_REPLY, ANSWER_NOTIFY };

/**
 * struct search - a search being answered
 * @message:	as received
 * @from, @local: who asked, and at which of our addresses or groups
 * @multicast:	it came to a group
 * @way:	of the answers
 * @effects:	of rules that match the search
 * @facts:	what rules may ask about it
 * @answers:	so far
 */
struct search {
	struct ssdp *ssdp;
	const struct ssdp_message *message;
	struct sockaddr_storage from;
	struct sockaddr_storage local;
	bool multicast;
	struct ssdp_way way;
	struct effects effects;
	struct rule_request facts;
	unsigned answers;
};

bool ssdp_target_matches(struct slice asked, const char *nt, enum ssdp_versions versions)
{
	struct urn wanted, own;

	if (slice_eq(asked, "ssdp:all") || slice_eq(asked, nt))
		return true;
	/* UUIDs compare without regard to case (RFC 4122 clause 3). */
	if (!strncmp(nt, "uuid:", 5))
		return slice_case_eq(asked, nt);
	if (!urn_parse(asked, &wanted) || !urn_parse(slice_of(nt), &own) ||
	    !slice_same(wanted.domain, own.domain) || !slice_same(wanted.kind, own.kind) ||
	    !slice_same(wanted.type, own.type))
		return false;
	return versions == SSDP_VERSIONS_ANY ||
	       (versions == SSDP_VERSIONS_LOWER && wanted.version <= own.version);
}

static void decided(const struct search *q, const char *what)
{
	if (journal_on(q->ssdp->router->journal))
		journal_write(q->ssdp->router->journal, JOURNAL_DECIDED, "ssdp",
			      (const struct sockaddr *)&q->from, (const struct sockaddr *)&q->local,
			      what, NULL);
}

/* One advertisement: does it answer the search? */
static void answer_one(void *arg, const char *nt, const char *usn)
{
	struct search *q = arg;
	struct router *r = q->ssdp->router;
	const struct policy *policy = &r->profile->policy;
	struct slice asked = q->message->target;
	struct effects e = q->effects;
	char st[256], name[640];

	e.alsos = 0; /* they follow the search, not each answer */
	if (!ssdp_target_matches(e.as ? slice_of(e.as) : asked, nt,
				 (enum ssdp_versions)policy->ssdp_version_match))
		return;
	q->answers++;
	snprintf(st, sizeof(st), "%s", nt);
	snprintf(name, sizeof(name), "%s", usn);
	/* A lower version is answered as the one asked for, in ST and in USN (SSDP-39). */
	if (e.as || (!strncmp(nt, "urn:", 4) && !slice_eq(asked, "ssdp:all") &&
		     policy->ssdp_answer_target == ANSWER_ASKED)) {
		const char *suffix = strstr(usn, "::");

		snprintf(st, sizeof(st), "%.*s", (int)asked.len, asked.ptr);
		if (suffix)
			snprintf(name, sizeof(name), "%.*s::%s", (int)(suffix - usn), usn, st);
	}
	if (rules_any(r->rules, RULE_SSDP)) {
		struct rule_event event = {
			.layer = RULE_SSDP,
			.message = "reply",
			.target = st,
			.request = &q->facts,
			.head = &q->message->head,
			.from = (const struct sockaddr *)&q->from,
		};

		rules_apply(r->rules, r, &event, &e);
	}
	if (q->multicast && policy->ssdp_spread == SPREAD_MX) {
		int64_t mx = q->message->mx > MX_MAX ? MX_MAX : q->message->mx;

		e.delay_us += ssdp_random(q->ssdp, mx * CLOCK_SECOND);
	}
	ssdp_send(q->ssdp, &q->way, MESSAGE_SSDP_REPLY, st, name, &e);
	router_after(r, &e);
}

static void apply_search_rules(struct search *q)
{
	struct router *r = q->ssdp->router;
	char target[256];
	struct rule_event event = {
		.layer = RULE_SSDP,
		.message = "m-search",
		.target = target,
		.request = &q->facts,
		.head = &q->message->head,
		.from = (const struct sockaddr *)&q->from,
	};

	effects_init(&q->effects);
	if (!rules_any(r->rules, RULE_SSDP))
		return;
	snprintf(target, sizeof(target), "%.*s", (int)q->message->target.len,
		 q->message->target.ptr);
	rules_apply(r->rules, r, &event, &q->effects);
}

/* Why a well-formed search gets no answer, NULL when it does. */
static const char *refusal(const struct search *q)
{
	const struct router *r = q->ssdp->router;
	const struct policy *policy = &r->profile->policy;

	if (q->message->head.major != 1 || q->message->head.minor < 1)
		return "ignores: not HTTP/1.1";
	if (q->multicast && q->message->mx < 0 && policy->ssdp_mx_required)
		return "ignores: no usable MX";
	if (!q->multicast && !policy->ssdp_unicast)
		return "ignores: unicast (ssdp.unicast)";
	return NULL;
}

static void journal_search(const struct search *q)
{
	struct journal *journal = q->ssdp->router->journal;
	char what[320];

	if (!journal_on(journal))
		return;
	snprintf(what, sizeof(what), "M-SEARCH %.*s", (int)q->message->target.len,
		 q->message->target.ptr);
	journal_write(journal, JOURNAL_RECEIVED, "ssdp", (const struct sockaddr *)&q->from,
		      (const struct sockaddr *)&q->local, what, "{s:i}", "mx", (int)q->message->mx);
}

/* What a rule sends for the search itself, whether or not anything here answers it. */
static void answer_also(struct search *q)
{
	struct ssdp *s = q->ssdp;
	char st[256], usn[640];

	snprintf(st, sizeof(st), "%.*s", (int)q->message->target.len, q->message->target.ptr);
	snprintf(usn, sizeof(usn), "%s::%s", s->router->profile->udn[0], st);
	ssdp_send_also(s, &q->way, st, usn, &q->effects);
}

/* Whether a head ends as it should, in an empty line. */
static bool is_complete(const char *data, size_t len)
{
	return (len >= 4 && !memcmp(data + len - 4, "\r\n\r\n", 4)) ||
	       (len >= 2 && !memcmp(data + len - 2, "\n\n", 2));
}

static void answer(struct search *q)
{
	struct router *r = q->ssdp->router;
	const char *why = refusal(q);

	journal_search(q);
	if (why) {
		decided(q, why);
		return;
	}
	apply_search_rules(q);
	if (q->effects.drop) {
		decided(q, "keeps silent");
		router_after(r, &q->effects);
		return;
	}
	if (r->profile->policy.ssdp_answer_by == ANSWER_NOTIFY) {
		ssdp_announce(q->ssdp, MESSAGE_SSDP_ALIVE);
		return;
	}
	description_each_advertisement(r, answer_one, q);
	if (q->effects.alsos)
		answer_also(q);
	if (!q->answers && !q->effects.alsos)
		decided(q, "ignores: nothing of that type");
}

/* Which of our addresses a datagram came to, and thereby how answers go back. */
static void find_way(struct search *q, struct ssdp_socket *socket, struct msghdr *msg)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(SSDP_PORT)};
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(SSDP_PORT),
		.sin6_scope_id = socket->iface->index,
	};

	q->way = (struct ssdp_way){.socket = socket, .to = q->from};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			v4.sin_addr = info.ipi_addr;
			memcpy(&q->local, &v4, sizeof(v4));
			q->multicast = IN_MULTICAST(ntohl(info.ipi_addr.s_addr));
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			v6.sin6_addr = info.ipi6_addr;
			memcpy(&q->local, &v6, sizeof(v6));
			q->multicast = IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
			q->way.scope = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ||
						       IN6_IS_ADDR_MC_LINKLOCAL(&info.ipi6_addr)
					       ? SSDP_LINK_LOCAL
					       : SSDP_SITE_LOCAL;
		}
	}
	/* Asked at a scope in which we have no address, tell the one we have. */
	if (q->way.scope == SSDP_SITE_LOCAL && IN6_IS_ADDR_UNSPECIFIED(&socket->iface->address6))
		q->way.scope = SSDP_LINK_LOCAL;
	if (!q->multicast)
		q->way.from = q->local;
}

static void datagram(struct ssdp_socket *socket, struct msghdr *msg,
		     const struct sockaddr_storage *from, size_t len)
{
	struct ssdp *s = socket->ssdp;
	const struct policy *policy = &s->router->profile->policy;
	struct search q = {.ssdp = s, .from = *from};
	struct ssdp_message message;
	enum ssdp_error error;

	find_way(&q, socket, msg);
	journal_bytes(s->router->journal, JOURNAL_READ, "udp", (const struct sockaddr *)from,
		      (const struct sockaddr *)&q.local, (struct slice){s->in, len});
	if (socket->iface != &s->router->wan && policy->ssdp_lan_only &&
	    !router_lan_of_peer(s->router, (const struct sockaddr *)from)) {
		decided(&q, "ignores: not from the LAN");
		return;
	}
	if (msg->msg_flags & MSG_TRUNC) {
		decided(&q, "ignores: too long for SSDP");
		return;
	}
	error = ssdp_parse(s->in, len, &message);
	if (error == SSDP_OK && message.kind != SSDP_SEARCH)
		return;
	if (error != SSDP_OK && (error != SSDP_NO_MAN || policy->ssdp_man_required)) {
		decided(&q, ssdp_error_text(error));
		return;
	}
	q.message = &message;
	q.facts = (struct rule_request){.segments = 1, .incomplete = !is_complete(s->in, len)};
	answer(&q);
}

static void socket_ready(void *arg, int fd, uint32_t events)
{
	struct ssdp_socket *socket = arg;
	struct ssdp *s = socket->ssdp;

	(void)events;
	s->router->handled++;
	for (int i = 0; i < PER_TURN_MAX && !router_will_change(s->router); i++) {
		union {
			struct cmsghdr align;
			char bytes[256];
		} control;
		struct sockaddr_storage from = {0};
		struct iovec iov = {s->in, sizeof(s->in)};
		struct msghdr msg = {
			.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};
		ssize_t len = recvmsg(fd, &msg, MSG_DONTWAIT);

		if (len < 0)
			return;
		if (!((len >= 7 && !memcmp(s->in, "NOTIFY ", 7)) ||
		      (len >= 5 && !memcmp(s->in, "HTTP/", 5))))
			datagram(socket, &msg, &from, (size_t)len);
	}
}

static int join_ipv4(int fd, const struct router_interface *iface, int ttl)
{
	struct ip_mreqn group = {.imr_ifindex = (int)iface->index};
	int off = 0, on = 1;

	inet_pton(AF_INET, SSDP_GROUP_V4, &group.imr_multiaddr);
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof(off));
	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl));
	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof(group)) < 0)
		return -errno;
	return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)) < 0 ? -errno
											: 0;
}

static int join_ipv6(int fd, const struct router_interface *iface, int ttl)
{
	static const char *const groups[] = {SSDP_GROUP_LINK, SSDP_GROUP_SITE};
	int off = 0, on = 1, index = (int)iface->index;

	setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, &off, sizeof(off));
	setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &ttl, sizeof(ttl));
	setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index));
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		struct ipv6_mreq group = {.ipv6mr_interface = iface->index};

		inet_pton(AF_INET6, groups[i], &group.ipv6mr_multiaddr);
		if (setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
			return -errno;
	}
	return 0;
}

static int open_socket(const struct router_interface *iface, int family, int ttl)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(SSDP_PORT)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(SSDP_PORT)};
	bool is_v4 = family == AF_INET;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, error;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!is_v4)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, iface->name,
		       (socklen_t)strlen(iface->name)) < 0 ||
	    bind(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
		 is_v4 ? sizeof(v4) : sizeof(v6)) < 0)
		error = -errno;
	else
		error = is_v4 ? join_ipv4(fd, iface, ttl) : join_ipv6(fd, iface, ttl);
	if (!error)
		return fd;
	close(fd);
	return error;
}

static int add_socket(struct ssdp *s, const struct router_interface *iface, int family)
{
	struct ssdp_socket *socket = &s->sockets[s->count];
	int fd = open_socket(iface, family, (int)s->router->profile->policy.ssdp_ttl);

	if (fd < 0)
		return fd;
	*socket = (struct ssdp_socket){s, iface, family, fd, NULL};
	socket->source = loop_watch(s->router->loop, fd, EPOLLIN, socket_ready, socket);
	s->count++;
	return 0;
}

static int serve_interface(struct ssdp *s, const struct router_interface *iface)
{
	bool v6 = s->router->profile->policy.ssdp_ipv6 &&
		  (!IN6_IS_ADDR_UNSPECIFIED(&iface->link6) ||
		   !IN6_IS_ADDR_UNSPECIFIED(&iface->address6));
	int error = iface->address.s_addr ? add_socket(s, iface, AF_INET) : 0;

	return error || !v6 ? error : add_socket(s, iface, AF_INET6);
}

static void close_sockets(struct ssdp *s)
{
	for (size_t i = 0; i < s->count; i++) {
		loop_unwatch(s->router->loop, s->sockets[i].source);
		close(s->sockets[i].fd);
	}
	s->count = 0;
}

int ssdp_reopen(struct ssdp *s)
{
	struct router *r = s->router;
	bool is_on = r->profile->policy.igd_enabled;
	int error = 0;

	/* What waits to be sent points to the old sockets. */
	ssdp_forget_delayed(s);
	close_sockets(s);
	for (size_t i = 0; i < r->lans && !error && is_on; i++)
		error = serve_interface(s, &r->lan[i]);
	if (!error && is_on && r->wan.index && r->profile->policy.ssdp_wan)
		error = serve_interface(s, &r->wan);
	if (error)
		close_sockets(s);
	ssdp_restart(s);
	return error;
}

struct ssdp *ssdp_new(struct router *r, int *error)
{
	struct ssdp *s = xcalloc(1, sizeof(*s));

	s->router = r;
	if (getrandom(&s->random, sizeof(s->random), 0) < 0 || !s->random)
		s->random = (uint64_t)clock_real() | 1;
	*error = ssdp_reopen(s);
	if (!*error)
		return s;
	ssdp_free(s);
	return NULL;
}

void ssdp_free(struct ssdp *s)
{
	if (!s)
		return;
	ssdp_forget_delayed(s);
	loop_timer_cancel(s->router->loop, &s->announce);
	close_sockets(s);
	buf_free(&s->out);
	buf_free(&s->location);
	free(s);
}
