/* SPDX-License-Identifier: MIT */
/*
 * bench-load.c - closed-loop SOAP load for make bench: N requests, C at a time, a connection each.
 *
 * bench-load ADDRESS PORT PATH SERVICE ACTION COUNT CONCURRENCY FIRST
 *
 * In the body template the argument values follow the action: AddPortMapping uses external port
 * FIRST+i, GetGenericPortMappingEntry index FIRST+i, every other action has no arguments. Prints
 * one JSON object: requests, failures (no answer, or status other than 200), seconds, per second,
 * median and p99 in ms. A connection per request, since that is all that some daemons do; the same
 * for every subject.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define REQUEST_MAX	4096

struct connection {
	int fd;
	int64_t started;
	size_t sent, length, got;
	char request[REQUEST_MAX];
	char reply[16384];
};

static struct {
	struct sockaddr_in to;
	const char *path, *service, *action;
	long count, issued, done, failed, first;
	int epoll;
	double *milliseconds;
	char own[INET_ADDRSTRLEN];
} bench;

static struct connection pool[CONNECTIONS_MAX];

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int arguments(char *out, size_t size, long number)
{
	if (!strcmp(bench.action, "GetGenericPortMappingEntry"))
		return snprintf(out, size, "<NewPortMappingIndex>%ld</NewPortMappingIndex>",
				number);
	if (!strcmp(bench.action, "AddPortMapping"))
		return snprintf(
			out, size,
			"<NewRemoteHost></NewRemoteHost><NewExternalPort>%ld</NewExternalPort>"
			"<NewProtocol>%s</NewProtocol><NewInternalPort>%ld</NewInternalPort>"
			"<NewInternalClient>%s</NewInternalClient><NewEnabled>1</NewEnabled>"
			"<NewPortMappingDescription>bench</NewPortMappingDescription>"
			"<NewLeaseDuration>0</NewLeaseDuration>",
			number % 64000 + 1024, number < 64000 ? "TCP" : "UDP",
			number % 64000 + 1024, bench.own);
	out[0] = '\0';
	return 0;
}

static void build_request(struct connection *c, long number)
{
	char args[1024], body[2048];
	int length;

	arguments(args, sizeof(args), number);
	length = snprintf(body, sizeof(body),
			  "<?xml version=\"1.0\"?>\r\n<s:Envelope "
			  "xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
			  "s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>"
			  "<u:%s xmlns:u=\"%s\">%s</u:%s></s:Body></s:Envelope>\r\n",
			  bench.action, bench.service, args, bench.action);
	c->length =
		(size_t)snprintf(c->request, sizeof(c->request),
				 "POST %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Length: %d\r\n"
				 "Content-Type: text/xml; charset=\"utf-8\"\r\n"
				 "SOAPAction: \"%s#%s\"\r\nConnection: close\r\n\r\n%s",
				 bench.path, inet_ntoa(bench.to.sin_addr), ntohs(bench.to.sin_port),
				 length, bench.service, bench.action, body);
}

static void start(struct connection *c)
{
	struct epoll_event event = {.events = EPOLLOUT, .data.ptr = c};

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	c->sent = c->got = 0;
	c->started = now_ns();
	build_request(c, bench.first + bench.issued++);
	if (connect(c->fd, (struct sockaddr *)&bench.to, sizeof(bench.to)) < 0 &&
	    errno != EINPROGRESS) {
		perror("connect");
		exit(1);
	}
	epoll_ctl(bench.epoll, EPOLL_CTL_ADD, c->fd, &event);
}

static void finish(struct connection *c, bool fine)
{
	bench.milliseconds[bench.done++] = (double)(now_ns() - c->started) / 1e6;
	bench.failed += !fine;
	/* Reset instead of TIME_WAIT: a long run must not use up the client's ports. */
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
	close(c->fd);
	c->fd = -1;
	if (bench.issued < bench.count)
		start(c);
}

/* A reply is whole when its Content-Length is in. */
static bool whole(const struct connection *c)
{
	const char *end = strstr(c->reply, "\r\n\r\n");
	const char *length = end ? strcasestr(c->reply, "content-length:") : NULL;

	return length && length < end &&
	       c->got >= (size_t)(end + 4 - c->reply) + (size_t)atol(length + 15);
}

static void serve(struct connection *c)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	ssize_t n;

	if (c->sent < c->length) {
		n = send(c->fd, c->request + c->sent, c->length - c->sent, MSG_NOSIGNAL);
		if (n < 0) {
			finish(c, false);
			return;
		}
		c->sent += (size_t)n;
		if (c->sent == c->length)
			epoll_ctl(bench.epoll, EPOLL_CTL_MOD, c->fd, &event);
		return;
	}
	n = recv(c->fd, c->reply + c->got, sizeof(c->reply) - 1 - c->got, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0)
		c->got += (size_t)n;
	c->reply[c->got] = '\0';
	if (whole(c))
		finish(c, !strncmp(c->reply + 9, "200", 3));
	else if (n <= 0)
		finish(c, c->got > 12 && !strncmp(c->reply + 9, "200", 3));
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Our own address towards the subject: the internal client of the mappings. */
static void find_own_address(void)
{
	struct sockaddr_in own;
	socklen_t length = sizeof(own);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&bench.to, sizeof(bench.to)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &length) < 0) {
		perror("own address");
		exit(1);
	}
	inet_ntop(AF_INET, &own.sin_addr, bench.own, sizeof(bench.own));
	close(fd);
}

static int echo(uint16_t port)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)}, from;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char data[2048];

	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0) {
		perror("bind");
		return 1;
	}
	for (;;) {
		socklen_t length = sizeof(from);
		ssize_t n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &length);

		if (n >= 0)
			sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&from, length);
	}
}

int main(int argc, char **argv)
{
	struct epoll_event events[64];
	int64_t begun;
	double seconds;
	int concurrency;

	if (argc == 3 && !strcmp(argv[1], "echo"))
		return echo((uint16_t)atoi(argv[2]));
	if (argc != 9) {
		fputs("usage: bench-load ADDRESS PORT PATH SERVICE ACTION COUNT CONCURRENCY "
		      "FIRST\n",
		      stderr);
		return 2;
	}
	bench.to.sin_family = AF_INET;
	inet_pton(AF_INET, argv[1], &bench.to.sin_addr);
	bench.to.sin_port = htons((uint16_t)atoi(argv[2]));
	bench.path = argv[3];
	bench.service = argv[4];
	bench.action = argv[5];
	bench.count = atol(argv[6]);
	concurrency = atoi(argv[7]);
	bench.first = atol(argv[8]);
	bench.milliseconds = calloc((size_t)bench.count + 1, sizeof(double));
	bench.epoll = epoll_create1(EPOLL_CLOEXEC);
	find_own_address();
	begun = now_ns();
	for (int i = 0; i < concurrency && i < CONNECTIONS_MAX && bench.issued < bench.count; i++)
		start(&pool[i]);
	while (bench.done < bench.count) {
		int n = epoll_wait(bench.epoll, events, 64, 60000);

		if (n <= 0) {
			fprintf(stderr, "no answer for 60 s\n");
			return 1;
		}
		for (int i = 0; i < n; i++)
			serve(events[i].data.ptr);
	}
	seconds = (double)(now_ns() - begun) / 1e9;
	qsort(bench.milliseconds, (size_t)bench.done, sizeof(double), ascending);
	printf("{\"requests\": %ld, \"failures\": %ld, \"seconds\": %.6f, \"per_second\": %.1f, "
	       "\"median_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f}\n",
	       bench.done, bench.failed, seconds, (double)bench.done / seconds,
	       bench.milliseconds[bench.done / 2], bench.milliseconds[bench.done * 99 / 100],
	       bench.milliseconds[bench.done - 1]);
	return 0;
}
