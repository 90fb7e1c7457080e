/* SPDX-License-Identifier: MIT */
/*
 * replay_play.c - the client's half of a flow, said to a live router.
 *
 * Theory of operation: requests go out one after the other, each when the one before is answered,
 * over as many connections as were recorded, in the segments that were recorded. Datagrams are
 * answered late or more than once, so their sockets stay open to the end. At full speed the clock
 * of a lab is moved to where the flow was, so that leases have run as far; nothing else waits for
 * time, but for answers that do not come. What the router began (GENA) is accepted where CALLBACK
 * says; its announcements (SSDP) are nobody's answer and left out.
 */
#include "replay_parts.h"

#include "../fakeigd/base/clock.h"
#include "../fakeigd/wire/ssdp.h"
#include "../fakeigd/wire/url.h"
#include "facts.h"
#include "talk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_LIMIT_US	  (10 * CLOCK_SECOND)
#define UNANSWERED_US	  (CLOCK_SECOND)
#define DATAGRAM_LIMIT_US (3 * CLOCK_SECOND)
#define EVENT_LIMIT_US	  (6 * CLOCK_SECOND)
#define SPARE_EVENTS_MAX  64
#define LATEST_MX	  5
#define PORT_CONTROL	  5351

/* ---- which exchanges are the client's with the router ---- */

static bool is_client(const struct player *p, const struct end_point *e)
{
	return !e->family || !p->site->client.family || end_point_same_address(e, &p->site->client);
}

static bool is_router(const struct player *p, const struct end_point *e)
{
	return !e->family || end_point_same_address(e, &p->site->router);
}

static const char *why_left_out(const struct player *p, const struct exchange *x)
{
	if (x->from_router)
		return x->protocol == FLOW_GENA && x->has_request && is_router(p, &x->request.from)
			       ? NULL
			       : "the router speaks first";
	if (x->protocol > FLOW_PCP)
		return "packets of no protocol that opens ports";
	if (!x->has_request)
		return x->protocol == FLOW_SSDP && is_router(p, &x->replies[0].from)
			       ? NULL
			       : "the recording has not got the request";
	if (x->request.gap_count)
		return "the recording has not got all of the request";
	if (!is_client(p, &x->request.from))
		return "from another host than the client";
	if (!is_router(p, &x->request.to) && !end_point_is_multicast(&x->request.to))
		return "to another host than the router";
	return NULL;
}

/* Whether an answer says what another one before it says: some are sent twice. */
static bool is_repeated(const struct exchange *x, size_t reply)
{
	struct facts f, g;
	bool same = false;

	facts_of(x->protocol, &x->replies[reply], &f);
	for (size_t i = 0; i < reply && !same && x->protocol == FLOW_SSDP; i++) {
		facts_of(x->protocol, &x->replies[i], &g);
		same = facts_header(&f, "USN") && facts_header(&g, "USN") &&
		       !strcmp(facts_header(&f, "USN"), facts_header(&g, "USN"));
		facts_free(&g);
	}
	facts_free(&f);
	return same;
}

/* Answers of the router that are worth waiting for: a search has others' too. */
static size_t answers_wanted(const struct player *p, const struct exchange *x)
{
	size_t count = 0;

	for (size_t i = 0; i < x->reply_count; i++)
		count += is_router(p, &x->replies[i].from) && !is_repeated(x, i);
	return count;
}

/* ---- time ---- */

/* Collect datagrams until then. */
static void hear_until(struct player *p, size_t count, int64_t until)
{
	struct pollfd *fds = xcalloc(count + 1, sizeof(*fds));
	int64_t left;

	for (size_t i = 0; i < count; i++)
		fds[i] = (struct pollfd){.fd = p->replayed[i].ear, .events = POLLIN};
	while ((left = until - clock_now()) > 0 &&
	       poll(fds, (nfds_t)count, (int)(left / 1000) + 1) > 0) {
		for (size_t i = 0; i < count; i++) {
			struct recorded_message m;

			if ((fds[i].revents & POLLIN) && live_receive(fds[i].fd, &m))
				*exchange_reply(&p->replayed[i].live) = m;
			else if (fds[i].revents)
				fds[i].fd = -1;
		}
	}
	free(fds);
}

/* Be where the flow was when exchange @number began. */
static void keep_time(struct player *p, size_t number)
{
	int64_t now = exchange_first_ns(&p->flow->exchanges[number]);
	double ahead;

	if (now == RECORDING_NO_TIME)
		return;
	if (p->first_ns == RECORDING_NO_TIME) {
		p->first_ns = now;
		p->begun = clock_now();
	}
	if (p->recorded_speed) {
		hear_until(p, number, p->begun + (now - p->first_ns) / 1000);
		return;
	}
	ahead = (double)(now - p->first_ns) / 1e9 - (double)(clock_now() - p->begun) / 1e6 -
		p->moved;
	if (ahead > 0.001 && p->live->node) {
		live_pass(p->live, ahead);
		p->moved += ahead;
	}
}

/* ---- datagrams ---- */

/* The first exchange from the same port of the client: programs search for several things so. */
static size_t owner_of(const struct player *p, size_t number)
{
	const struct exchange *x = &p->flow->exchanges[number];

	for (size_t i = 0; i < number && x->request.from.port; i++) {
		const struct exchange *other = &p->flow->exchanges[i];

		if (p->replayed[i].ear >= 0 && other->protocol == x->protocol &&
		    other->request.from.port == x->request.from.port)
			return i;
	}
	return number;
}

/* A client that is not answered soon asks again, and each request has its answer (RFC 6886 clause
 * 3.1): as often as it was answered it is asked. */
static size_t times_asked(const struct exchange *x, size_t wanted)
{
	bool repeats = x->protocol == FLOW_NATPMP || x->protocol == FLOW_PCP;
	size_t asked = x->request.count;

	return repeats && wanted > 1 && asked > 1 ? wanted < asked ? wanted : asked : 1;
}

static void play_datagram(struct player *p, size_t number, struct translated *t)
{
	struct replayed *own = &p->replayed[number], *r;
	const struct exchange *x = &p->flow->exchanges[number];
	int64_t until = clock_now() + DATAGRAM_LIMIT_US;
	size_t wanted = answers_wanted(p, x);

	if (!t->to.family) {
		t->to.family = AF_INET;
		inet_pton(AF_INET, SSDP_GROUP_V4, t->to.address);
	}
	if (!t->to.port)
		t->to.port = x->protocol == FLOW_SSDP ? SSDP_PORT : PORT_CONTROL;
	if (x->protocol == FLOW_SSDP) {
		struct ssdp_message m;

		ssdp_parse(t->bytes.data, t->bytes.len, &m);
		if (m.mx > 0)
			until += (m.mx < LATEST_MX ? m.mx : LATEST_MX) * CLOCK_SECOND;
		if (m.mx > p->longest_search)
			p->longest_search = (double)(m.mx < LATEST_MX ? m.mx : LATEST_MX);
	}
	own->owner = owner_of(p, number);
	r = &p->replayed[own->owner];
	r->expected += wanted;
	if (r->ear < 0)
		r->ear = live_socket(p->live, "dgram", &own->failed);
	if (r->ear < 0)
		return;
	for (size_t i = 0; i < times_asked(x, wanted); i++)
		if (!live_send_to(p->live, r->ear, &t->to, buf_slice(&t->bytes))) {
			own->failed = xasprintf("cannot be sent: %s", strerror(errno));
			return;
		}
	while (r->live.reply_count < r->expected && talk_wait(r->ear, POLLIN, until)) {
		struct recorded_message m;

		if (live_receive(r->ear, &m))
			*exchange_reply(&r->live) = m;
	}
}

/* ---- connections ---- */

static void close_line(struct line *l)
{
	if (l->fd >= 0)
		close(l->fd);
	buf_free(&l->in);
	*l = (struct line){.number = -1, .fd = -1};
}

/* The connection of that number, new where there is none or the router has closed it. */
static struct line *line_for(struct player *p, int number, const struct end_point *to, char **why)
{
	struct line *l = NULL;

	for (size_t i = 0; i < p->line_count && number >= 0 && !l; i++)
		if (p->lines[i].number == number)
			l = &p->lines[i];
	if (l && l->fd >= 0) {
		struct pollfd now = {.fd = l->fd, .events = POLLIN};
		char byte;

		if (!l->closed &&
		    (poll(&now, 1, 0) == 0 || recv(l->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0))
			return l;
		close_line(l);
	}
	if (!l) {
		p->lines = xrealloc(p->lines, (p->line_count + 1) * sizeof(*p->lines));
		l = &p->lines[p->line_count++];
	}
	*l = (struct line){.number = number, .fd = live_connect(p->live, to, why)};
	return l->fd < 0 ? NULL : l;
}

/* Return: false: errno. */
static bool send_segments(struct player *p, const struct recorded_message *m, int fd,
			  const struct translated *t)
{
	size_t sent = 0;
	int64_t begun = clock_now();

	for (size_t i = 0; i < t->count; i++) {
		if (i && p->recorded_speed && i < m->segment_count)
			hear_until(p, 0,
				   begun + (m->segments[i].time_ns - m->segments[0].time_ns) /
						   1000);
		if (!talk_send(fd, (struct slice){t->bytes.data + sent, t->ends[i] - sent}))
			return false;
		sent = t->ends[i];
	}
	return true;
}

static void take_answer(struct replayed *r, struct line *l, const struct end_point *from,
			size_t len)
{
	struct recorded_message *m = exchange_reply(&r->live);

	m->from = *from;
	m->time_ns = m->end_ns = clock_wall() * 1000;
	buf_add(&m->bytes, l->in.data, len);
	buf_consume(&l->in, len);
}

static void play_stream(struct player *p, size_t number, const struct translated *t)
{
	struct replayed *r = &p->replayed[number];
	const struct exchange *x = &p->flow->exchanges[number];
	int64_t limit = x->reply_count ? ANSWER_LIMIT_US : UNANSWERED_US;
	bool to_head = t->bytes.len > 5 && !memcmp(t->bytes.data, "HEAD ", 5);
	struct line *l = line_for(p, x->connection, &t->to, &r->failed);
	size_t len;

	if (!l)
		return;
	if (!send_segments(p, &x->request, l->fd, t)) {
		r->failed = xasprintf("cannot be sent: %s", strerror(errno));
		close_line(l);
		return;
	}
	len = talk_hear(l->fd, &l->in, to_head, clock_now() + limit, &l->closed);
	if (len)
		take_answer(r, l, &t->to, len);
	if (l->number < 0 || !len)
		close_line(l);
}

/* ---- events ---- */

/* Listen where CALLBACK says; another port when that one is taken. */
static void open_callback(struct player *p, const struct recorded_message *m)
{
	struct facts f;
	const char *text, *start;
	struct url url;
	struct sockaddr_in own = {.sin_family = AF_INET};
	socklen_t len = sizeof(own);
	char *why = NULL;
	int fd;

	facts_of(FLOW_GENA, m, &f);
	text = facts_header(&f, "CALLBACK");
	start = text ? strchr(text, '<') : NULL;
	if (!start || !url_parse((struct slice){start + 1, strcspn(start + 1, ">")}, &url))
		goto out;
	for (size_t i = 0; i < p->callback_count; i++)
		if (p->callbacks[i].port == url.port)
			goto out;
	fd = live_socket(p->live, "stream", &why);
	free(why);
	if (fd < 0)
		goto out;
	memcpy(&own.sin_addr, p->translation.client.address, sizeof(own.sin_addr));
	own.sin_port = htons(url.port);
	if (bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0) {
		own.sin_port = 0;
		bind(fd, (struct sockaddr *)&own, sizeof(own));
	}
	listen(fd, 16);
	getsockname(fd, (struct sockaddr *)&own, &len);
	if (ntohs(own.sin_port) != url.port) {
		struct end_point was = p->translation.was, now = p->translation.client;
		struct buf a = {0}, b = {0};

		was.port = url.port;
		now.port = ntohs(own.sin_port);
		end_point_text(&was, &a);
		end_point_text(&now, &b);
		substitutions_add(&p->translation.map, a.data, b.data);
		buf_free(&a);
		buf_free(&b);
	}
	p->callbacks = xrealloc(p->callbacks, (p->callback_count + 1) * sizeof(*p->callbacks));
	p->callbacks[p->callback_count++] = (struct callback){url.port, fd};
out:
	facts_free(&f);
}

static int accept_event(struct player *p)
{
	struct pollfd fds[16];
	nfds_t count = 0;

	for (; count < p->callback_count && count < ARRAY_SIZE(fds); count++)
		fds[count] = (struct pollfd){.fd = p->callbacks[count].fd, .events = POLLIN};
	if (!count || poll(fds, count, (int)(EVENT_LIMIT_US / 1000)) <= 0)
		return -1;
	for (nfds_t i = 0; i < count; i++)
		if (fds[i].revents & POLLIN)
			return accept4(fds[i].fd, NULL, NULL, SOCK_CLOEXEC);
	return -1;
}

/* Whether a live event is the one that was recorded: subscription and number (UDA 2.0
 * clause 4.3.2). */
static bool same_event(const struct player *p, size_t number, const struct recorded_message *live)
{
	struct buf sid = {0};
	struct facts a, b;
	const char *seq;
	bool same;

	facts_of(FLOW_GENA, &p->flow->exchanges[number].request, &a);
	facts_of(FLOW_GENA, live, &b);
	if (facts_header(&a, "SID"))
		substitutions_apply(&p->translation.map, slice_of(facts_header(&a, "SID")), &sid);
	seq = facts_header(&a, "SEQ");
	same = sid.data && facts_header(&b, "SID") && !strcmp(sid.data, facts_header(&b, "SID")) &&
	       seq && facts_header(&b, "SEQ") && !strcmp(seq, facts_header(&b, "SEQ"));
	buf_free(&sid);
	facts_free(&a);
	facts_free(&b);
	return same;
}

/* The next NOTIFY of the router, answered as the one of @x was. Return: whether one came. */
static bool hear_event(struct player *p, const struct exchange *x, struct recorded_message *out)
{
	static const char fine[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	bool closed = false;
	int fd = accept_event(p);

	if (fd < 0)
		return false;
	*out = (struct recorded_message){.from = p->translation.there};
	out->bytes.len = talk_hear(fd, &out->bytes, false, clock_now() + ANSWER_LIMIT_US, &closed);
	out->time_ns = out->end_ns = clock_wall() * 1000;
	talk_send(fd, x->reply_count && !x->replies[0].gap_count ? buf_slice(&x->replies[0].bytes)
								 : slice_of(fine));
	close(fd);
	return true;
}

static void take_event(struct player *p, size_t number, size_t spare)
{
	struct replayed *r = &p->replayed[number];

	r->live.request = p->spare[spare];
	r->live.has_request = true;
	p->spare_count--;
	memmove(&p->spare[spare], &p->spare[spare + 1],
		(p->spare_count - spare) * sizeof(*p->spare));
}

/* Events come over connections of their own, so in any order, and more of them than were recorded:
 * those that are not @number's wait for the exchange that they are of. */
static void play_event(struct player *p, size_t number)
{
	const struct exchange *x = &p->flow->exchanges[number];
	struct recorded_message m;
	size_t i = 0;

	do {
		for (; i < p->spare_count; i++) {
			if (same_event(p, number, &p->spare[i])) {
				take_event(p, number, i);
				return;
			}
		}
		if (!hear_event(p, x, &m))
			break;
		p->spare = xrealloc(p->spare, (p->spare_count + 1) * sizeof(*p->spare));
		p->spare[p->spare_count++] = m;
	} while (p->spare_count < SPARE_EVENTS_MAX);
	if (p->spare_count)
		take_event(p, number, 0);
	else
		p->replayed[number].failed = xstrdup(
			p->callback_count ? "no event came" : "nobody subscribed to the event");
}

/* ---- what an answer tells ---- */

/* A name of the recording that is another one here. */
static void learn_name(struct player *p, const char *was, const char *now)
{
	if (was && now && *was && *now)
		substitutions_add(&p->translation.map, was, now);
}

/* The router's address outside: in a lab it is known, elsewhere only the router tells it. */
static void learn_external(struct player *p, const char *was, const char *now)
{
	struct in_addr a, b;

	if (!was || !now || inet_pton(AF_INET, was, &a) != 1 || inet_pton(AF_INET, now, &b) != 1 ||
	    a.s_addr == INADDR_ANY || b.s_addr == INADDR_ANY)
		return;
	if (p->live->wan.s_addr == INADDR_ANY || p->live->wan.s_addr == b.s_addr)
		learn_name(p, was, now);
}

static void learn_names(struct player *p, size_t number)
{
	const struct exchange *x = &p->flow->exchanges[number];
	struct exchange *live = &p->replayed[number].live;
	struct facts a, b;

	if (!x->reply_count || !live->reply_count || x->protocol == FLOW_SSDP)
		return;
	facts_of(x->protocol, &x->replies[0], &a);
	facts_of(x->protocol, &live->replies[0], &b);
	if (x->protocol == FLOW_GENA)
		learn_name(p, facts_header(&a, "SID"), facts_header(&b, "SID"));
	learn_external(p, facts_argument(&a, "NewExternalIPAddress"),
		       facts_argument(&b, "NewExternalIPAddress"));
	learn_external(p, facts_argument(&a, "external_address"),
		       facts_argument(&b, "external_address"));
	facts_free(&a);
	facts_free(&b);
}

/* ---- one after the other ---- */

/* A search whose request nobody recorded, for what the answer says that it was for. */
static struct recorded_message made_search(const struct exchange *x)
{
	struct recorded_message m = {0};
	struct facts f;

	facts_of(x->protocol, &x->replies[0], &f);
	ssdp_build_search(&m.bytes, SSDP_GROUP_V4 ":1900",
			  facts_header(&f, "ST") ? facts_header(&f, "ST") : "ssdp:all", 1);
	facts_free(&f);
	return m;
}

static void translate_request(struct player *p, const struct exchange *x, struct translated *t)
{
	struct recorded_message made;

	if (x->has_request) {
		translate(&p->translation, x->protocol, &x->request, t);
		return;
	}
	made = made_search(x);
	translate(&p->translation, x->protocol, &made, t);
	buf_free(&made.bytes);
}

static void play(struct player *p, size_t number)
{
	const struct exchange *x = &p->flow->exchanges[number];
	struct replayed *r = &p->replayed[number];
	struct translated t;

	r->left_out = why_left_out(p, x);
	if (r->left_out)
		return;
	r->live.protocol = x->protocol;
	r->live.connection = x->connection;
	r->live.from_router = x->from_router;
	r->live.name = x->name ? xstrdup(x->name) : NULL;
	if (x->from_router) {
		play_event(p, number);
		return;
	}
	keep_time(p, number);
	if (x->protocol == FLOW_GENA)
		open_callback(p, &x->request);
	translate_request(p, x, &t);
	r->live.has_request = true;
	r->live.request.time_ns = r->live.request.end_ns = clock_wall() * 1000;
	buf_add_slice(&r->live.request.bytes, buf_slice(&t.bytes));
	if (x->protocol == FLOW_SSDP || x->protocol == FLOW_NATPMP || x->protocol == FLOW_PCP)
		play_datagram(p, number, &t);
	else
		play_stream(p, number, &t);
	r->live.request.from = p->translation.client;
	r->live.request.to = t.to;
	translated_free(&t);
	learn_names(p, number);
}

/* Late answers to searches: the lab's clock is moved on; elsewhere time passes. */
static void hear_the_rest(struct player *p)
{
	if (p->longest_search > 0 && p->live->node)
		live_pass(p->live, p->longest_search + 1);
	if (p->longest_search > 0 && p->live->others)
		hear_until(p, p->flow->count,
			   clock_now() + (int64_t)((p->longest_search + 0.5) * CLOCK_SECOND));
	for (size_t i = 0; i < p->flow->count; i++) {
		struct recorded_message m;

		while (p->replayed[i].ear >= 0 && live_receive(p->replayed[i].ear, &m))
			*exchange_reply(&p->replayed[i].live) = m;
	}
}

void player_play(struct player *p)
{
	p->replayed = xcalloc(p->flow->count + 1, sizeof(*p->replayed));
	p->first_ns = RECORDING_NO_TIME;
	for (size_t i = 0; i < p->flow->count; i++)
		p->replayed[i] = (struct replayed){.ear = -1, .owner = i};
	for (size_t i = 0; i < p->flow->count; i++)
		play(p, i);
	hear_the_rest(p);
	player_share(p);
}

void player_free(struct player *p)
{
	for (size_t i = 0; p->replayed && i < p->flow->count; i++) {
		struct replayed *r = &p->replayed[i];

		if (r->ear >= 0)
			close(r->ear);
		exchange_free(&r->live);
		difference_free(&r->difference);
		free(r->failed);
	}
	for (size_t i = 0; i < p->line_count; i++)
		close_line(&p->lines[i]);
	for (size_t i = 0; i < p->callback_count; i++)
		close(p->callbacks[i].fd);
	for (size_t i = 0; i < p->spare_count; i++)
		buf_free(&p->spare[i].bytes);
	free(p->spare);
	free(p->replayed);
	free(p->lines);
	free(p->callbacks);
	translation_free(&p->translation);
}
