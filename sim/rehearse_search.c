/* SPDX-License-Identifier: MIT */
/*
 * rehearse_search.c - searches of a flow, asked again (see rehearse.h).
 *
 * A search that the source has not got (a log of a client that tells only what it heard) is made
 * from its answers. Behind each search goes another one that the flow shows to be answered, from
 * the same socket: when its answer is there, those of the first are, too, and none more will come.
 * So silence can be seen without waiting for it.
 */
#include "../fakeigd/base/clock.h"
#include "../fakeigd/wire/ssdp.h"
#include "rehearse_parts.h"
#include "result.h"
#include "talk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEARCH_LIMIT_US (6 * CLOCK_SECOND)

/**
 * struct hearing - answers that come in
 * @x:		the recorded exchange; @had: which of its answers came
 * @end:	target whose answer ends it, NULL = there is none
 * @wanted:	answers of the router in @x
 * @again:	the same was asked more than once, so that copies in @x may be of another search
 */
struct hearing {
	const struct exchange *x;
	bool *had;
	char *end;
	size_t wanted;
	bool again;
	char **why;
};

/* ---- what was asked ---- */

static char *target_of(const struct recorded_message *m)
{
	struct facts f = {0};
	const char *st;
	char *copy;

	facts_of(FLOW_SSDP, m, &f);
	st = facts_header(&f, "ST");
	copy = st ? xstrdup(st) : NULL;
	facts_free(&f);
	return copy;
}

static size_t answers_wanted(const struct stage *s, const struct exchange *x)
{
	size_t count = 0;

	for (size_t i = 0; i < x->reply_count; i++)
		count += stage_answered(s, &x->replies[i]);
	return count;
}

/* What a search asks for; one that the source has not got, by its answers. NULL: not known. */
static char *asked_of(const struct exchange *x)
{
	char *first, *other;

	if (x->has_request)
		return target_of(&x->request);
	first = x->reply_count ? target_of(&x->replies[0]) : NULL;
	for (size_t i = 1; first && i < x->reply_count; i++) {
		other = target_of(&x->replies[i]);
		if (other && strcmp(first, other) != 0) {
			free(first);
			first = xstrdup("ssdp:all");
		}
		free(other);
	}
	return first;
}

/* Whether the router's answers in @x name the very target. */
static bool answers_name(const struct stage *s, const struct exchange *x, const char *target)
{
	bool named = false;

	for (size_t i = 0; i < x->reply_count && !named; i++) {
		char *said = stage_answered(s, &x->replies[i]) ? target_of(&x->replies[i]) : NULL;

		named = said && !strcmp(said, target);
		free(said);
	}
	return named;
}

/* A target other than @asked that the router answered, NULL = there is none. */
static char *other_target(const struct stage *s, const char *asked)
{
	for (size_t i = 0; i < s->flow->count && strcmp(asked, "ssdp:all") != 0; i++) {
		const struct exchange *x = &s->flow->exchanges[i];
		char *target = x->protocol == FLOW_SSDP && !x->from_router ? asked_of(x) : NULL;

		if (target && strcmp(target, asked) != 0 && answers_name(s, x, target))
			return target;
		free(target);
	}
	return NULL;
}

/* Whether another search of the flow asks the same: with @same_socket, only from that socket, and
 * then one for everything counts, too; with @answered, only one that the router answered. */
static bool asked_again(const struct stage *s, const struct exchange *x, const char *asked,
			bool same_socket, bool answered)
{
	for (size_t i = 0; i < s->flow->count; i++) {
		const struct exchange *o = &s->flow->exchanges[i];
		char *other =
			o != x && o->protocol == FLOW_SSDP && !o->from_router ? asked_of(o) : NULL;
		bool same =
			other &&
			(!strcmp(other, asked) || (same_socket && !strcmp(other, "ssdp:all"))) &&
			(!same_socket || end_point_same(&o->request.from, &x->request.from)) &&
			(!answered || answers_wanted(s, o));

		free(other);
		if (same)
			return true;
	}
	return false;
}

bool stage_can_search(const struct stage *s, const struct exchange *x)
{
	char *asked = asked_of(x), *other = asked ? other_target(s, asked) : NULL;
	bool log = s->flow->kind && !strcmp(s->flow->kind, "log"), can;

	/* A log may have left answers out; silence needs another answer to be seen; of two equal
	 * searches the answer may stand with the other. */
	can = asked && (answers_wanted(s, x) || (!x->reply_count && !log && other &&
						 !asked_again(s, x, asked, false, true)));
	free(asked);
	free(other);
	return can;
}

/* ---- what comes back ---- */

/* Copies of an answer that came need not come. */
static void take_copies(struct hearing *h, size_t first)
{
	const struct recorded_message *m = h->x->replies;

	for (size_t i = 0; h->again && i < h->x->reply_count; i++) {
		char *differs = compare_answers(FLOW_SSDP, buf_slice(&m[i].bytes),
						buf_slice(&m[first].bytes), false);

		h->had[i] |= !differs;
		free(differs);
	}
}

/* An answer takes the first recorded one that it equals. */
static void take(struct hearing *h, struct slice bytes)
{
	char *differs = NULL;
	size_t i = 0;

	for (; i < h->x->reply_count; i++) {
		char *this =
			h->had[i] ? NULL
				  : compare_answers(FLOW_SSDP, buf_slice(&h->x->replies[i].bytes),
						    bytes, false);

		if (!h->had[i] && !this)
			break;
		if (!h->had[i] && !differs)
			differs = this;
		else
			free(this);
	}
	if (i < h->x->reply_count) {
		h->had[i] = true;
		take_copies(h, i);
		free(differs);
	} else if (!*h->why) {
		*h->why = differs	      ? differs
			  : h->x->reply_count ? xstrdup("an answer more than recorded")
					      : xstrdup("is answered, was not in the flow");
	} else {
		free(differs);
	}
}

/* Whether a datagram is the answer that ends the hearing. */
static bool is_end(const struct hearing *h, struct slice bytes)
{
	struct recorded_message m = {0};
	char *target;
	bool end;

	buf_add_slice(&m.bytes, bytes);
	target = target_of(&m);
	end = h->end && target && !strcmp(target, h->end);
	free(target);
	buf_free(&m.bytes);
	return end;
}

static void hear(struct hearing *h, int fd)
{
	int64_t until = clock_now() + SEARCH_LIMIT_US;
	size_t got = 0, left = h->wanted;
	char bytes[8192];

	while ((h->end || got < h->wanted) && talk_wait(fd, POLLIN, until)) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		struct slice heard = {bytes, n > 0 ? (size_t)n : 0};

		if (n > 0 && is_end(h, heard))
			break;
		if (n > 0)
			take(h, heard);
		got++;
	}
	for (size_t i = 0; i < h->x->reply_count; i++)
		left -= left && h->had[i];
	if (!*h->why && left)
		*h->why = xasprintf("%zu of %zu answers did not come", left, h->wanted);
}

/* ---- asking ---- */

static void add_search(struct buf *out, const char *target)
{
	buf_printf(out,
		   "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "
		   "\"ssdp:discover\"\r\nMX: 1\r\nST: %s\r\n\r\n",
		   target);
}

/* Both searches, the second to the group. */
static bool ask(const struct stage *s, int fd, const struct exchange *x, const char *asked,
		const char *end)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(1900)}, group;
	struct buf search = {0}, second = {0};
	struct in_addr own;
	bool sent;

	inet_pton(AF_INET, "239.255.255.250", &to.sin_addr);
	group = to;
	if (x->has_request && x->request.to.family == AF_INET)
		memcpy(&to.sin_addr, x->request.to.address, 4);
	if (s->learned->client && inet_pton(AF_INET, s->learned->client, &own) == 1)
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &own, sizeof(own));
	if (x->has_request)
		buf_add_slice(&search, buf_slice(&x->request.bytes));
	else
		add_search(&search, asked);
	sent = sendto(fd, search.data, search.len, MSG_NOSIGNAL, (struct sockaddr *)&to,
		      sizeof(to)) >= 0;
	if (end) {
		add_search(&second, end);
		sent &= sendto(fd, second.data, second.len, MSG_NOSIGNAL, (struct sockaddr *)&group,
			       sizeof(group)) >= 0;
	}
	buf_free(&search);
	buf_free(&second);
	return sent;
}

void stage_search(struct stage *s, const struct exchange *x, char **why)
{
	char *asked = asked_of(x);
	struct hearing h = {
		.x = x,
		.had = xcalloc(x->reply_count + 1, sizeof(bool)),
		.end = other_target(s, asked),
		.wanted = answers_wanted(s, x),
		.again = x->has_request && asked_again(s, x, asked, true, false),
		.why = why,
	};
	int fd = ask_socket(&s->lab, "client", "inet", "dgram", why);

	if (fd >= 0 && !ask(s, fd, x, asked, h.end))
		*why = xasprintf("cannot search: %s", strerror(errno));
	else if (fd >= 0)
		hear(&h, fd);
	if (fd >= 0)
		close(fd);
	free(h.had);
	free(h.end);
	free(asked);
}
