/* SPDX-License-Identifier: MIT */
/*
 * bench-lab.c - what labs cost: up, first packet, down, reset; one JSON object on standard output.
 *
 * bench-lab up TOPOLOGY COUNT        up and first echo through all NATs, one lab at a time, no
 * routers' IGD bench-lab reset TOPOLOGY COUNT     a used lab with its fakeigds made fresh again
 * bench-lab multicast6 TOPOLOGY COUNT  from up to the first IPv6 multicast datagram heard by the
 * router
 *
 * "up" ends when lab_start() returns; "echo" is a datagram from client to peer and back, after it.
 */
#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"
#include "../sim/lab.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct series {
	double *value;
	size_t count;
};

static void add(struct series *s, int64_t us)
{
	s->value = xrealloc(s->value, (s->count + 1) * sizeof(double));
	s->value[s->count++] = (double)us / 1000;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(const char *name, struct series *s)
{
	qsort(s->value, s->count, sizeof(double), ascending);
	printf("\"%s_median_ms\": %.3f, \"%s_max_ms\": %.3f, ", name, s->value[s->count / 2], name,
	       s->value[s->count - 1]);
	free(s->value);
}

static void fail(const char *what, struct diag *d)
{
	fprintf(stderr, "bench-lab: %s\n%s", what, d && d->text.data ? d->text.data : "");
	exit(1);
}

static struct lab start(const struct topology *t, bool routers)
{
	struct diag d = {0};
	struct lab lab;
	struct lab_options options = {
		.topology = t,
		.data = lab_tree(),
		.no_routers = !routers,
	};
	char *fakeigd = xasprintf("%s/build/fakeigd", lab_tree());

	options.fakeigd = fakeigd;
	if (lab_start(&options, &lab, &d))
		fail("the lab could not be built", &d);
	free(fakeigd);
	diag_free(&d);
	return lab;
}

static int socket_in(struct lab *lab, const char *node, const char *domain)
{
	int fd = -1;
	json_t *reply =
		lab_request(lab,
			    json_pack("{s:s, s:s, s:s, s:s, s:i}", "op", "socket", "node", node,
				      "domain", domain, "type", "dgram", "protocol", 0),
			    NULL, 0, &fd);

	if (!reply || fd < 0)
		fail("no socket", NULL);
	json_decref(reply);
	return fd;
}

static struct in_addr peer_address(const struct topology *t)
{
	return t->nodes[topology_node(t, "peer")].ports[0].address;
}

/* One datagram there and back. Return: microseconds, -1 when it was lost (2 s). */
static int64_t echo(struct lab *lab, struct in_addr to)
{
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(7), .sin_addr = to},
			   from;
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(7)};
	int there = socket_in(lab, "peer", "inet"), here = socket_in(lab, "client", "inet");
	struct pollfd wait = {.fd = there, .events = POLLIN};
	socklen_t length = sizeof(from);
	int64_t begun, took = -1;
	char byte = 'x';

	if (bind(there, (struct sockaddr *)&any, sizeof(any)))
		fail("cannot bind", NULL);
	begun = clock_now();
	sendto(here, &byte, 1, 0, (struct sockaddr *)&peer, sizeof(peer));
	if (poll(&wait, 1, 2000) == 1 &&
	    recvfrom(there, &byte, 1, 0, (struct sockaddr *)&from, &length) == 1) {
		sendto(there, &byte, 1, 0, (struct sockaddr *)&from, length);
		wait.fd = here;
		if (poll(&wait, 1, 2000) == 1)
			took = clock_now() - begun;
	}
	close(there);
	close(here);
	return took;
}

static void bench_up(const struct topology *t, int count)
{
	struct series up = {0}, first = {0};
	int64_t begun = clock_now();
	int stalled = 0;

	for (int i = 0; i < count; i++) {
		int64_t before = clock_now();
		struct lab lab = start(t, false);
		int64_t took;

		add(&up, clock_now() - before);
		took = echo(&lab, peer_address(t));
		stalled += took < 0 || took > 100000;
		add(&first, took < 0 ? 2000000 : took);
		lab_close(&lab);
	}
	printf("{\"labs\": %d, \"stalled\": %d, \"per_second\": %.1f, ", count, stalled,
	       count * 1e6 / (double)(clock_now() - begun));
	print("up", &up);
	print("echo", &first);
	puts("\"end\": true}");
}

static void bench_reset(const struct topology *t, int count)
{
	struct lab lab = start(t, true);
	struct series took = {0};

	for (int i = 0; i < count; i++) {
		int64_t before;
		json_t *reply;

		if (echo(&lab, peer_address(t)) < 0)
			fail("no echo after a reset", NULL);
		before = clock_now();
		reply = lab_request(&lab, json_pack("{s:s}", "op", "reset"), NULL, 0, NULL);
		add(&took, clock_now() - before);
		if (!json_is_true(json_object_get(reply, "ok")))
			fail("reset was refused", NULL);
		json_decref(reply);
	}
	lab_close(&lab);
	printf("{\"resets\": %d, ", count);
	print("reset", &took);
	puts("\"end\": true}");
}

static void bench_multicast6(const struct topology *t, int count)
{
	struct series took = {0};

	for (int i = 0; i < count; i++) {
		struct lab lab = start(t, false);
		int64_t begun = clock_now();
		int there = socket_in(&lab, "r1", "inet6"),
		    here = socket_in(&lab, "client", "inet6");
		struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(1900)};
		struct sockaddr_in6 group = any;
		struct ipv6_mreq join = {0};
		struct pollfd wait = {.fd = there, .events = POLLIN};

		/* lo is 1, the first interface of a node the next: indices are per namespace. */
		join.ipv6mr_interface = 2;
		inet_pton(AF_INET6, "ff02::c", &join.ipv6mr_multiaddr);
		group.sin6_addr = join.ipv6mr_multiaddr;
		group.sin6_scope_id = 2;
		if (bind(there, (struct sockaddr *)&any, sizeof(any)) ||
		    setsockopt(there, IPPROTO_IPV6, IPV6_JOIN_GROUP, &join, sizeof(join)))
			fail("cannot join ff02::c", NULL);
		if (sendto(here, "x", 1, 0, (struct sockaddr *)&group, sizeof(group)) != 1 ||
		    poll(&wait, 1, 5000) != 1)
			fail("the first IPv6 multicast was lost", NULL);
		add(&took, clock_now() - begun);
		close(there);
		close(here);
		lab_close(&lab);
	}
	printf("{\"labs\": %d, ", count);
	print("multicast6", &took);
	puts("\"end\": true}");
}

int main(int argc, char **argv)
{
	struct diag d = {0};
	struct topology *t;
	int count;

	if (argc != 4) {
		fputs("usage: bench-lab up|reset|multicast6 TOPOLOGY COUNT\n", stderr);
		return 2;
	}
	t = topology_load(argv[2], &d);
	if (!t)
		fail("no topology", &d);
	count = atoi(argv[3]);
	if (!strcmp(argv[1], "up"))
		bench_up(t, count);
	else if (!strcmp(argv[1], "reset"))
		bench_reset(t, count);
	else
		bench_multicast6(t, count);
	topology_free(t);
	return 0;
}
