/* SPDX-License-Identifier: MIT */
/* live.c - a router that is there, in a lab or on this network (see live.h). */
#include "live.h"

#include "../fakeigd/base/clock.h"
#include "../fakeigd/wire/ssdp.h"
#include "facts.h"
#include "talk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIND_LIMIT_US  (3 * CLOCK_SECOND)
#define FIND_AGAIN_US  (CLOCK_SECOND)
#define FETCH_LIMIT_US (10 * CLOCK_SECOND)
#define DATAGRAM_BYTES 65536
#define TARGETS_MAX    16

static struct sockaddr_in socket_address(const struct end_point *e)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(e->port)};

	memcpy(&a.sin_addr, e->address, sizeof(a.sin_addr));
	return a;
}

int live_socket(struct live *l, const char *type, char **why)
{
	int fd;

	if (l->node)
		return ask_socket(&l->lab, l->node, "inet", type, why);
	fd = socket(AF_INET, (strcmp(type, "stream") ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	if (fd < 0)
		*why = xasprintf("no socket: %s", strerror(errno));
	return fd;
}

int live_connect(struct live *l, const struct end_point *to, char **why)
{
	struct sockaddr_in address = socket_address(to);
	int fd = live_socket(l, "stream", why), on = 1;

	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		struct buf text = {0};

		end_point_text(to, &text);
		*why = xasprintf("cannot connect to %s: %s", text.data, strerror(errno));
		buf_free(&text);
		close(fd);
		return -1;
	}
	/* What was sent in segments is sent in segments. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

bool live_send_to(const struct live *l, int fd, const struct end_point *to, struct slice bytes)
{
	struct sockaddr_in address = socket_address(to);
	struct in_addr own;

	memcpy(&own, l->site.client.address, sizeof(own));
	if (end_point_is_multicast(to) && l->site.client.family)
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &own, sizeof(own));
	return sendto(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL, (struct sockaddr *)&address,
		      sizeof(address)) == (ssize_t)bytes.len;
}

bool live_receive(int fd, struct recorded_message *out)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	struct buf b = {0};
	ssize_t n = recvfrom(fd, buf_reserve(&b, DATAGRAM_BYTES), DATAGRAM_BYTES, MSG_DONTWAIT,
			     (struct sockaddr *)&from, &len);

	if (n < 0 || len != sizeof(from)) {
		buf_free(&b);
		return false;
	}
	b.len = (size_t)n;
	*out = (struct recorded_message){.bytes = b,
					 .from = {.family = AF_INET, .port = ntohs(from.sin_port)},
					 .time_ns = clock_wall() * 1000};
	out->end_ns = out->time_ns;
	memcpy(out->from.address, &from.sin_addr, sizeof(from.sin_addr));
	return true;
}

void live_pass(struct live *l, double seconds)
{
	if (!l->node || seconds <= 0.001)
		return;
	json_decref(ask_op(&l->lab, "sync", NULL));
	json_decref(ask_json(&l->lab, json_pack("{s:s, s:f}", "op", "advance", "seconds", seconds),
			     NULL));
	json_decref(ask_op(&l->lab, "sync", NULL));
}

/* ---- finding it ---- */

static void add_target(struct names *targets, const char *target)
{
	for (size_t i = 0; i < targets->count; i++)
		if (!strcmp(targets->items[i], target))
			return;
	if (targets->count < TARGETS_MAX && !strpbrk(target, "\r\n"))
		names_add(targets, target);
}

static struct names search_targets(const struct recording *flow)
{
	struct names targets = {0};

	add_target(&targets, "urn:schemas-upnp-org:device:InternetGatewayDevice:1");
	add_target(&targets, "urn:schemas-upnp-org:device:InternetGatewayDevice:2");
	add_target(&targets, "upnp:rootdevice");
	for (size_t i = 0; i < flow->count; i++) {
		const struct exchange *x = &flow->exchanges[i];
		struct facts f;

		if (x->protocol != FLOW_SSDP || x->from_router)
			continue;
		facts_of(x->protocol, x->has_request ? &x->request : &x->replies[0], &f);
		if (facts_header(&f, "ST"))
			add_target(&targets, facts_header(&f, "ST"));
		facts_free(&f);
	}
	return targets;
}

static void search(const struct live *l, int fd, const struct names *targets)
{
	struct end_point group = {.family = AF_INET, .port = SSDP_PORT}, own = l->site.router;

	inet_pton(AF_INET, SSDP_GROUP_V4, group.address);
	own.port = SSDP_PORT;
	for (size_t i = 0; i < targets->count; i++) {
		struct buf text = {0};

		ssdp_build_search(&text, SSDP_GROUP_V4 ":1900", targets->items[i], 1);
		live_send_to(l, fd, &group, buf_slice(&text));
		live_send_to(l, fd, &own, buf_slice(&text));
		buf_free(&text);
	}
}

/* Read the page at @location. Return: whether it describes a gateway. */
static bool fetch(struct live *l, const struct url *location)
{
	struct end_point to = l->site.router;
	struct buf request = {0}, in = {0};
	bool closed = false;
	char *why = NULL;
	size_t len = 0;
	int fd;

	to.port = location->port;
	inet_pton(AF_INET, location->host, to.address);
	fd = live_connect(l, &to, &why);
	free(why);
	if (fd < 0)
		return false;
	buf_printf(&request, "GET %s HTTP/1.1\r\nHost: %s:%u\r\nConnection: close\r\n\r\n",
		   location->path, location->host, location->port);
	if (talk_send(fd, buf_slice(&request)))
		len = talk_hear(fd, &in, false, clock_now() + FETCH_LIMIT_US, &closed);
	close(fd);
	buf_free(&request);
	in.len = len;
	l->page = (struct recorded_message){.bytes = in};
	if (len && site_describe(&l->site, location, &l->page))
		return true;
	buf_free(&l->page.bytes);
	return false;
}

/* Whether the device has what opens ports: a media server answers too. */
static bool is_gateway(const struct site *s)
{
	for (size_t i = 0; i < s->description.count; i++)
		if (s->description.services[i].type &&
		    strstr(s->description.services[i].type, ":service:WAN"))
			return true;
	return false;
}

static bool take_answer(struct live *l, const struct recorded_message *m)
{
	struct ssdp_message answer;
	struct url location;

	if (!end_point_same_address(&m->from, &l->site.router) ||
	    ssdp_parse(m->bytes.data, m->bytes.len, &answer) != SSDP_OK || !answer.location.ptr ||
	    !url_parse(answer.location, &location) || !fetch(l, &location))
		return false;
	if (is_gateway(&l->site)) {
		l->site.router.port = location.port;
		return true;
	}
	description_free(&l->site.description);
	l->site.described = false;
	l->site.location = (struct url){0};
	buf_free(&l->page.bytes);
	return false;
}

static bool hear(struct live *l, int fd, int64_t until)
{
	bool found = false;

	while (!found && talk_wait(fd, POLLIN, until)) {
		struct recorded_message m;

		if (!live_receive(fd, &m))
			continue;
		found = take_answer(l, &m);
		buf_free(&m.bytes);
	}
	return found;
}

bool live_find(struct live *l, const struct recording *flow)
{
	struct names targets = search_targets(flow);
	int64_t until = clock_now() + FIND_LIMIT_US;
	char *why = NULL;
	int fd = live_socket(l, "dgram", &why);
	bool found = false;

	while (fd >= 0 && !found && clock_now() < until) {
		search(l, fd, &targets);
		live_pass(l, 1.1);
		found = hear(l, fd, clock_now() + FIND_AGAIN_US);
	}
	if (fd >= 0)
		close(fd);
	free(why);
	names_free(&targets);
	return found;
}

void live_free(struct live *l)
{
	site_free(&l->site);
	buf_free(&l->page.bytes);
}
