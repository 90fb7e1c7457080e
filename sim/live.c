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
#define PAGES_MAX      16

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
	if (!names_has(targets, target) && targets->count < TARGETS_MAX && !strpbrk(target, "\r\n"))
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

/**
 * struct found - a description of the router
 * @page:	response that holds it; @site: read from there
 * @alike:	how many of the recorded services it has, by type with version
 */
struct found {
	struct recorded_message page;
	struct site site;
	size_t alike;
};

/**
 * struct finding - the search under way
 * @best:	the description that has most, NULL = none yet
 * @enough:	services in the recorded one; as many are all
 * @read:	LOCATIONs that were read
 */
struct finding {
	struct live *live;
	const struct site *recorded;
	struct found *best;
	size_t enough;
	struct names read;
};

static void found_free(struct found *f)
{
	if (!f)
		return;
	site_free(&f->site);
	buf_free(&f->page.bytes);
	free(f);
}

/* The response to GET @location; false: none. */
static bool fetch(struct live *l, const struct url *location, struct recorded_message *page)
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
	*page = (struct recorded_message){.bytes = in};
	return len;
}

static bool has_service(const struct site *s, const char *type)
{
	for (size_t i = 0; i < s->description.count; i++)
		if (s->description.services[i].type &&
		    !strcmp(s->description.services[i].type, type))
			return true;
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

/* Services of the recorded description, or those that @s has of them. */
static size_t count_alike(const struct site *recorded, const struct site *s)
{
	size_t count = 0;

	for (size_t i = 0; recorded->described && i < recorded->description.count; i++) {
		const char *type = recorded->description.services[i].type;

		count += type && (!s || has_service(s, type));
	}
	return count;
}

static struct found *read_page(struct finding *f, const struct url *location)
{
	struct found *page = xcalloc(1, sizeof(*page));

	if (fetch(f->live, location, &page->page) &&
	    site_describe(&page->site, location, &page->page) && is_gateway(&page->site)) {
		page->alike = count_alike(f->recorded, &page->site);
		return page;
	}
	found_free(page);
	return NULL;
}

static void take_answer(struct finding *f, const struct recorded_message *m)
{
	struct ssdp_message answer;
	struct url location;
	struct found *page;
	char *text;

	if (!end_point_same_address(&m->from, &f->live->site.router) ||
	    ssdp_parse(m->bytes.data, m->bytes.len, &answer) != SSDP_OK || !answer.location.ptr ||
	    !url_parse(answer.location, &location))
		return;
	text = slice_dup(answer.location);
	page = names_has(&f->read, text) || f->read.count >= PAGES_MAX ? NULL
								       : read_page(f, &location);
	names_add(&f->read, text);
	free(text);
	if (!page || (f->best && f->best->alike >= page->alike)) {
		found_free(page);
		return;
	}
	found_free(f->best);
	f->best = page;
}

static bool is_enough(const struct finding *f)
{
	return f->best && f->best->alike >= f->enough;
}

static void hear(struct finding *f, int fd, int64_t until)
{
	/* A fakeigd has sent all answers when its lab's clock has moved. */
	bool all_there = f->live->node && !f->live->others;
	struct recorded_message m;

	while (!is_enough(f)) {
		if (live_receive(fd, &m)) {
			take_answer(f, &m);
			buf_free(&m.bytes);
		} else if ((all_there && f->best) || !talk_wait(fd, POLLIN, until)) {
			return;
		}
	}
}

/* Keep the description that was found. */
static bool settle(struct finding *f)
{
	struct live *l = f->live;
	struct found *best = f->best;

	names_free(&f->read);
	if (!best)
		return false;
	l->page = best->page;
	l->site.described = true;
	l->site.description = best->site.description;
	l->site.location = best->site.location;
	l->site.reply = &l->page;
	l->site.router.port = best->site.location.port;
	free(best);
	return true;
}

bool live_find(struct live *l, const struct recording *flow, const struct site *recorded)
{
	struct finding f = {.live = l, .recorded = recorded, .enough = count_alike(recorded, NULL)};
	struct names targets = search_targets(flow);
	int64_t until = clock_now() + FIND_LIMIT_US;
	char *why = NULL;
	int fd = live_socket(l, "dgram", &why);

	while (fd >= 0 && !f.best && clock_now() < until) {
		search(l, fd, &targets);
		live_pass(l, 1.1);
		hear(&f, fd, clock_now() + FIND_AGAIN_US);
	}
	if (fd >= 0)
		close(fd);
	free(why);
	names_free(&targets);
	return settle(&f);
}

void live_free(struct live *l)
{
	site_free(&l->site);
	buf_free(&l->page.bytes);
}
