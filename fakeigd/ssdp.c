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
#include <sys/random.h>

#define MX_MAX 5

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

/* How answers go back, by the address that the search came to. */
static void find_way(struct search *q, struct datagram_socket *socket)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	q->way = (struct ssdp_way){.socket = socket, .to = q->from};
	if (socket->family == AF_INET) {
		memcpy(&v4, &q->local, sizeof(v4));
		q->multicast = IN_MULTICAST(ntohl(v4.sin_addr.s_addr));
	} else {
		memcpy(&v6, &q->local, sizeof(v6));
		q->multicast = IN6_IS_ADDR_MULTICAST(&v6.sin6_addr);
		q->way.scope = IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) ||
					       IN6_IS_ADDR_MC_LINKLOCAL(&v6.sin6_addr)
				       ? SSDP_LINK_LOCAL
				       : SSDP_SITE_LOCAL;
	}
	/* Asked at a scope in which we have no address, tell the one we have. */
	if (q->way.scope == SSDP_SITE_LOCAL && IN6_IS_ADDR_UNSPECIFIED(&socket->iface->address6))
		q->way.scope = SSDP_LINK_LOCAL;
	if (!q->multicast)
		q->way.from = q->local;
}

static bool starts_with(struct slice bytes, const char *start)
{
	size_t len = strlen(start);

	return bytes.len >= len && !memcmp(bytes.ptr, start, len);
}

static void datagram(void *arg, struct datagram_socket *socket, const struct datagram_received *got)
{
	struct ssdp *s = arg;
	const struct policy *policy = &s->router->profile->policy;
	struct search q = {.ssdp = s, .from = got->from, .local = got->local};
	const struct slice in = got->bytes;
	struct ssdp_message message;
	enum ssdp_error error;

	if (starts_with(in, "NOTIFY ") || starts_with(in, "HTTP/"))
		return;
	find_way(&q, socket);
	journal_bytes(s->router->journal, JOURNAL_READ, "udp", (const struct sockaddr *)&q.from,
		      (const struct sockaddr *)&q.local, in);
	if (socket->iface != &s->router->wan && policy->ssdp_lan_only &&
	    !router_lan_of_peer(s->router, (const struct sockaddr *)&q.from)) {
		decided(&q, "ignores: not from the LAN");
		return;
	}
	if (got->cut) {
		decided(&q, "ignores: too long for SSDP");
		return;
	}
	error = ssdp_parse(in.ptr, in.len, &message);
	if (error == SSDP_OK && message.kind != SSDP_SEARCH)
		return;
	if (error != SSDP_OK && (error != SSDP_NO_MAN || policy->ssdp_man_required)) {
		decided(&q, ssdp_error_text(error));
		return;
	}
	q.message = &message;
	q.facts = (struct rule_request){.segments = 1, .incomplete = !is_complete(in.ptr, in.len)};
	answer(&q);
}

static int join_ipv4(int fd, const struct router_interface *iface, int ttl)
{
	struct ip_mreqn group = {.imr_ifindex = (int)iface->index};
	int off = 0;

	inet_pton(AF_INET, SSDP_GROUP_V4, &group.imr_multiaddr);
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
	int off = 0, index = (int)iface->index;

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

static int add_socket(struct ssdp *s, const struct router_interface *iface, sa_family_t family)
{
	int fd = datagram_port_open(&s->port, iface, family);
	int ttl = (int)s->router->profile->policy.ssdp_ttl;

	if (fd < 0)
		return fd;
	return family == AF_INET ? join_ipv4(fd, iface, ttl) : join_ipv6(fd, iface, ttl);
}

static int serve_interface(void *arg, const struct router_interface *iface)
{
	struct ssdp *s = arg;
	bool v6 = s->router->profile->policy.ssdp_ipv6 &&
		  (!IN6_IS_ADDR_UNSPECIFIED(&iface->link6) ||
		   !IN6_IS_ADDR_UNSPECIFIED(&iface->address6));
	int error = iface->address.s_addr ? add_socket(s, iface, AF_INET) : 0;

	return error || !v6 ? error : add_socket(s, iface, AF_INET6);
}

int ssdp_reopen(struct ssdp *s)
{
	const struct policy *policy = &s->router->profile->policy;
	int error = datagram_port_reopen(&s->port, serve_interface, policy->igd_enabled,
					 policy->igd_enabled && policy->ssdp_wan);

	ssdp_restart(s);
	return error;
}

struct ssdp *ssdp_new(struct router *r, int *error)
{
	struct ssdp *s = xcalloc(1, sizeof(*s));

	s->router = r;
	s->port = (struct datagram_port){
		.router = r,
		.number = SSDP_PORT,
		.receive = datagram,
		.arg = s,
		.in = s->in,
		.size = sizeof(s->in),
	};
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
	loop_timer_cancel(s->router->loop, &s->announce);
	datagram_port_close(&s->port);
	buf_free(&s->out);
	buf_free(&s->location);
	free(s);
}
