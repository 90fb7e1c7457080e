/* SPDX-License-Identifier: MIT */
/*
 * rehearse.c - a learned profile, asked what the flow's client asked (see rehearse.h).
 *
 * Theory of operation: the lab has the flow's addresses, so nothing needs to be translated. Each
 * request goes out over a connection (or socket) of its own when the one before is answered; in
 * front of it the lab's clock is moved to where the flow was, so that leases have run as far. An
 * answer is complete when HTTP says so. Searches: rehearse_search.c.
 */
#include "../fakeigd/base/clock.h"
#include "../fakeigd/wire/natpmp.h"
#include "difference.h"
#include "folder.h"
#include "rehearse_parts.h"
#include "result.h"
#include "talk.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_LIMIT_US	  (10 * CLOCK_SECOND)
#define DATAGRAM_LIMIT_US (3 * CLOCK_SECOND)
#define DATAGRAM_BYTES	  2048
#define EPOCH_AT	  4
#define EPOCH_END	  8

/* ---- comparing ---- */

/* What changes by itself: value of these headers and elements. */
static const char *const changing[] = {"\ndate:",	 "\nsid:",     "\nbootid.upnp.org:",
				       "\n01-nls:",	 "newuptime>", "newtotalbytes",
				       "newtotalpackets"};

static void mask(struct slice in, struct buf *out)
{
	for (size_t i = 0; i < in.len; i++) {
		size_t m = 0, len = 0;

		buf_putc(out, in.ptr[i]);
		for (; m < ARRAY_SIZE(changing); m++) {
			len = strlen(changing[m]);
			if (len <= i + 1 && !strncasecmp(in.ptr + i + 1 - len, changing[m], len))
				break;
		}
		if (m == ARRAY_SIZE(changing))
			continue;
		buf_putc(out, '*');
		while (i + 1 < in.len && in.ptr[i + 1] != '\r' && in.ptr[i + 1] != '\n' &&
		       in.ptr[i + 1] != '<')
			i++;
	}
}

static void add_sample(struct buf *out, struct slice text, size_t at)
{
	size_t start = at > 16 ? at - 16 : 0;

	buf_putc(out, '"');
	for (size_t i = start; i < text.len && i < at + 24; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c == '\r' || c == '\n')
			buf_puts(out, c == '\r' ? "\\r" : "\\n");
		else
			buf_putc(out, isprint(c) ? (char)c : '?');
	}
	buf_putc(out, '"');
}

/* Where two texts differ, NULL = nowhere. */
static char *compare_texts(struct slice a, struct slice b)
{
	struct buf why = {0};
	size_t at = 0;

	while (at < a.len && at < b.len && a.ptr[at] == b.ptr[at])
		at++;
	if (at == a.len && at == b.len)
		return NULL;
	buf_printf(&why, "differs at byte %zu: recorded ", at);
	add_sample(&why, a, at);
	buf_puts(&why, ", now ");
	add_sample(&why, b, at);
	return buf_steal(&why);
}

/* The epoch goes on by itself (RFC 6886 clause 3.6). */
static char *compare_natpmp(struct slice wanted, struct slice got)
{
	struct recorded_message a = {0}, b = {0};
	struct difference d = {0};
	char *why = NULL;
	size_t at;

	for (at = 0; at < wanted.len && at < got.len; at++)
		if (wanted.ptr[at] != got.ptr[at] && (at < EPOCH_AT || at >= EPOCH_END))
			break;
	if (at == wanted.len && at == got.len)
		return NULL;
	buf_add_slice(&a.bytes, wanted);
	buf_add_slice(&b.bytes, got);
	difference_message(FLOW_NATPMP, &a, &b, NULL, NULL, &d);
	for (size_t i = 0; i < d.count && !why; i++)
		if (d.items[i].grade == d.grade)
			why = xstrdup(d.items[i].text);
	difference_free(&d);
	buf_free(&a.bytes);
	buf_free(&b.bytes);
	return why ? why : xasprintf("%zu bytes became %zu", wanted.len, got.len);
}

char *compare_answers(enum flow_protocol protocol, struct slice wanted, struct slice got, bool gap)
{
	struct buf a = {0}, b = {0};
	char *why;

	if (protocol == FLOW_NATPMP)
		return compare_natpmp(wanted, got);
	mask(wanted, &a);
	mask(got, &b);
	if (gap && b.len > a.len) {
		b.len = a.len;
		b.data[b.len] = '\0';
	}
	why = compare_texts(buf_slice(&a), buf_slice(&b));
	buf_free(&a);
	buf_free(&b);
	return why;
}

/* ---- the network ---- */

/* Length of the prefix that both have, not longer than 24 and without either at its ends. */
static int common_prefix(struct in_addr a, struct in_addr b)
{
	uint32_t x = ntohl(a.s_addr), y = ntohl(b.s_addr);

	for (int bits = 24; bits >= 8; bits -= 8)
		if (x >> (32 - bits) == y >> (32 - bits))
			return bits;
	return 0;
}

static struct in_addr other_host(struct in_addr taken, int bits)
{
	uint32_t mask = bits ? UINT32_MAX << (32 - bits) : 0, net = ntohl(taken.s_addr) & mask;
	uint32_t host = net | 10;

	return (struct in_addr){htonl(host == ntohl(taken.s_addr) ? net | 11 : host)};
}

static const char *text4(struct in_addr address, char text[INET_ADDRSTRLEN])
{
	inet_ntop(AF_INET, &address, text, INET_ADDRSTRLEN);
	return text;
}

/* The address outside: what the router told when a host can have it, else one of the labs' own. */
static struct in_addr outside_address(const struct learned *l, struct in_addr router, int bits)
{
	struct in_addr address = {0}, lab;
	uint32_t first;

	inet_pton(AF_INET, "44.0.1.2", &lab);
	if (!l->external || inet_pton(AF_INET, l->external, &address) != 1)
		return lab;
	first = ntohl(address.s_addr) >> 24;
	if (!first || first == 127 || first >= 224 || first == 169 ||
	    !(ntohl(address.s_addr) & 0xff) || (ntohl(address.s_addr) & 0xff) == 0xff ||
	    (ntohl(address.s_addr) ^ ntohl(router.s_addr)) >> (32 - bits) == 0)
		return lab;
	return address;
}

bool learn_topology(const struct learned *l, const char *profile, struct buf *out, struct diag *d)
{
	struct in_addr router, client, wan, peer, net;
	char text[INET_ADDRSTRLEN];
	int bits;

	if (inet_pton(AF_INET, l->router, &router) != 1 ||
	    (l->client && inet_pton(AF_INET, l->client, &client) != 1)) {
		diag_at(d, NULL, 0, "router %s and client %s: a lab is made of IPv4 addresses",
			l->router, l->client ? l->client : "(unknown)");
		return false;
	}
	if (!l->client)
		client = other_host(router, 24);
	bits = common_prefix(router, client);
	if (!bits || client.s_addr == router.s_addr) {
		diag_at(d, NULL, 0, "router %s and client %s are on no common network", l->router,
			l->client);
		return false;
	}
	wan = outside_address(l, router, bits);
	peer = other_host(wan, 24);
	net.s_addr = htonl(ntohl(router.s_addr) & (UINT32_MAX << (32 - bits)));
	buf_printf(out,
		   "summary: network of the recorded flow\nnetworks:\n  home: {subnet: %s/%d}\n",
		   text4(net, text), bits);
	net.s_addr = htonl(ntohl(wan.s_addr) & 0xffffff00);
	buf_printf(out, "  internet: {subnet: %s/24}\nnodes:\n", text4(net, text));
	buf_printf(out, "  client: {kind: host, attach: {home: %s}, gateway: r1}\n",
		   text4(client, text));
	buf_printf(out, "  r1: {kind: router, lan: {home: %s}, ", text4(router, text));
	buf_printf(out, "wan: {internet: %s}, igd: \"%s\"}\n", text4(wan, text), profile);
	buf_printf(out, "  peer: {kind: host, attach: {internet: %s}}\n", text4(peer, text));
	return true;
}

/* ---- asking ---- */

bool stage_answered(const struct stage *s, const struct recorded_message *m)
{
	struct in_addr router;

	inet_pton(AF_INET, s->learned->router, &router);
	return !m->from.family || !memcmp(m->from.address, &router, sizeof(router));
}

static bool ask_tcp(struct stage *s, const struct exchange *x, struct buf *got, char **why)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	int64_t until = clock_now() + ANSWER_LIMIT_US;
	uint16_t port = x->request.to.port ? x->request.to.port : s->learned->port;
	int fd = ask_socket(&s->lab, "client", "inet", "stream", why);
	bool fine = false, closed = false;

	if (fd < 0)
		return false;
	inet_pton(AF_INET, s->learned->router, &to.sin_addr);
	to.sin_port = htons(port);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		*why = xasprintf("cannot connect to %s:%u: %s", s->learned->router, port,
				 strerror(errno));
	else
		fine = talk_send(fd, buf_slice(&x->request.bytes));
	if (fine)
		talk_hear(fd, got, false, until, &closed);
	close(fd);
	return fine;
}

static bool ask_udp(struct stage *s, const struct exchange *x, struct buf *got, char **why)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(NATPMP_PORT)};
	struct slice bytes = buf_slice(&x->request.bytes);
	int fd = ask_socket(&s->lab, "client", "inet", "dgram", why);
	ssize_t len = -1;

	if (fd < 0)
		return false;
	inet_pton(AF_INET, s->learned->router, &to.sin_addr);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
	    send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL) >= 0 &&
	    talk_wait(fd, POLLIN, clock_now() + DATAGRAM_LIMIT_US))
		len = recv(fd, buf_reserve(got, DATAGRAM_BYTES), DATAGRAM_BYTES, 0);
	close(fd);
	got->len = len > 0 ? (size_t)len : 0;
	if (len < 0)
		*why = xstrdup("no answer");
	return len >= 0;
}

/* ---- one after the other ---- */

/* Move the lab's clock to where the flow was. */
static void follow_clock(struct stage *s, const struct exchange *x)
{
	int64_t now = exchange_first_ns(x);
	double ahead;

	if (now == RECORDING_NO_TIME)
		return;
	if (s->first == RECORDING_NO_TIME) {
		s->first = now;
		s->begun = clock_now();
	}
	ahead = (double)(now - s->first) / 1e9 - (double)(clock_now() - s->begun) / 1e6 - s->moved;
	if (ahead <= 0.001)
		return;
	json_decref(ask_json(&s->lab, json_pack("{s:s, s:f}", "op", "advance", "seconds", ahead),
			     NULL));
	s->moved += ahead;
}

/* Whether there is something to ask, and to compare with. */
static bool can_ask(const struct stage *s, const struct exchange *x)
{
	if (x->from_router || x->protocol > FLOW_NATPMP)
		return false;
	if (x->protocol == FLOW_SSDP)
		return stage_can_search(s, x);
	return x->has_request && x->reply_count && stage_answered(s, &x->replies[0]);
}

static void play(struct stage *s, size_t number)
{
	const struct exchange *x = &s->flow->exchanges[number];
	struct rehearsed *r;
	struct buf got = {0};
	char *why = NULL;

	if (!can_ask(s, x))
		return;
	follow_clock(s, x);
	if (x->protocol == FLOW_SSDP) {
		stage_search(s, x, &why);
	} else if (x->protocol == FLOW_NATPMP ? ask_udp(s, x, &got, &why)
					      : ask_tcp(s, x, &got, &why)) {
		why = compare_answers(x->protocol, buf_slice(&x->replies[0].bytes), buf_slice(&got),
				      x->replies[0].gap_count);
	}
	s->out->list = xrealloc(s->out->list, (s->out->count + 1) * sizeof(*s->out->list));
	r = &s->out->list[s->out->count++];
	*r = (struct rehearsed){.number = number, .same = !why, .why = why};
	s->out->different += !r->same;
	buf_free(&got);
}

/* Where profile and topology stand while they are used. */
static char *make_folder(const struct learned *l, struct diag *d)
{
	const char *tmp = getenv("TMPDIR");
	char *folder = xasprintf("%s/igdlab-learn-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	struct buf topology = {0};
	char *profile;
	int error = 0;

	if (!mkdtemp(folder)) {
		diag_at(d, folder, 0, "cannot make this folder: %s", strerror(errno));
		free(folder);
		return NULL;
	}
	profile = xasprintf("%s/learned.yaml", folder);
	if (!learn_topology(l, profile, &topology, d))
		error = -EINVAL;
	else if ((error = text_to_file(folder, "learned.yaml", l->profile.data, 0644)) ||
		 (error = text_to_file(folder, "topology.yaml", topology.data, 0644)))
		diag_at(d, folder, 0, "%s", strerror(-error));
	free(profile);
	buf_free(&topology);
	if (!error)
		return folder;
	folder_remove(folder);
	free(folder);
	return NULL;
}

static int use(const struct cmd *cmd, struct stage *s, const char *folder)
{
	char *topology = xasprintf("%s/topology.yaml", folder);
	struct setup setup = {.topology_name = topology};
	const char *keep[3];
	int status = setup_prepare(cmd, &setup);

	if (status == OPT_GO_ON) {
		keep[0] = folder;
		for (size_t i = 0; i < setup.lab.keep_count && i < 2; i++)
			keep[i + 1] = setup.lab.keep[i];
		setup.lab.keep_count++;
		setup.lab.keep = keep;
		status = setup_start(cmd, &setup, &s->lab);
	}
	if (status == OPT_GO_ON) {
		json_decref(ask_op(&s->lab, "reset", NULL));
		for (size_t i = 0; i < s->flow->count; i++)
			play(s, i);
		ask_end(&s->lab);
		status = 0;
	}
	setup_free(&setup);
	free(topology);
	return status;
}

int rehearse(const struct cmd *cmd, const struct recording *flow, const struct learned *l,
	     struct rehearsal *out)
{
	struct stage stage = {.flow = flow, .learned = l, .out = out, .first = RECORDING_NO_TIME};
	struct diag d = {0};
	char *folder = make_folder(l, &d);
	int status;

	*out = (struct rehearsal){0};
	if (!folder) {
		fwrite(d.text.data, 1, d.text.len, stderr);
		diag_free(&d);
		return EXIT_USAGE;
	}
	status = use(cmd, &stage, folder);
	folder_remove(folder);
	free(folder);
	return status;
}

void rehearsal_free(struct rehearsal *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->list[i].why);
	free(r->list);
	*r = (struct rehearsal){0};
}
