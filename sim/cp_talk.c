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
#include "cp.h"

#include <errno.h>
#include <poll.h>
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

bool cp_talk_open(struct cp *cp, struct cp_talk *t, struct in_addr gateway)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(NATPMP_PORT), .sin_addr = gateway};
	struct sockaddr_in own = {.sin_family = AF_INET}, none = {.sin_family = AF_UNSPEC};
	socklen_t len = sizeof(own);
	int on_link = cp_on_link(cp, gateway);

	cp_talk_close(t);
	t->gateway = gateway;
	t->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	t->why = "no socket can be opened";
	if (t->fd < 0)
		return false;
	t->open = true;
	if (on_link >= 0)
		own.sin_addr = cp->interfaces[on_link].address;
	t->why = "there is no way to it";
	if (bind(t->fd, (struct sockaddr *)&own, sizeof(own)) < 0 ||
	    connect(t->fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    getsockname(t->fd, (struct sockaddr *)&own, &len) < 0) {
		cp_talk_close(t);
		return false;
	}
	t->local = own.sin_addr;
	if (cp_naive(cp, NAIVE_ANY_SENDER))
		connect(t->fd, (struct sockaddr *)&none, sizeof(none));
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
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(NATPMP_PORT), .sin_addr = t->gateway};

	if (cp_naive(cp, NAIVE_ANY_SENDER))
		return sendto(t->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL, (struct sockaddr *)&to,
			      sizeof(to)) >= 0;
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
