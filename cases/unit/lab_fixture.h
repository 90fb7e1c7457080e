/* SPDX-License-Identifier: MIT */
/* lab_fixture.h - starting and asking real labs in unit tests. */
#ifndef LAB_FIXTURE_H
#define LAB_FIXTURE_H

#include "../../fakeigd/base/mem.h"
#include "../../sim/lab.h"
#include "../../sim/lab_packet.h"
#include "../../sim/link.h"
#include "../../sim/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 20000

/* ------------------------------------------------------------ tools */

static char folder[] = "/tmp/test_lab.XXXXXX";

/* A file in the test's own folder; the path is good until the next call. */
static inline const char *file_with(const char *name, const char *text, mode_t mode)
{
	static char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

/* A name of a lab that no other run of this test has at the same time. */
static inline const char *own_name(const char *name)
{
	static char names[4][48];
	static size_t next;
	static pid_t run;
	char *out = names[next++ % ARRAY_SIZE(names)];

	if (!run)
		run = getpid();
	snprintf(out, sizeof(names[0]), "test-%d-%s", (int)run, name);
	return out;
}

static inline struct topology *load(const char *name)
{
	struct diag d = {0};
	struct topology *t = topology_load(name, &d);

	if (!t)
		fail_msg("%s", d.text.data);
	return t;
}

/* A lab without routers' programs. */
static inline struct lab start(struct lab_options *options, const char *topology)
{
	struct diag d = {0};
	struct lab lab;

	options->topology = load(topology);
	if (!options->data)
		options->data = lab_tree();
	if (!options->fakeigd)
		options->no_routers = true;
	if (lab_start(options, &lab, &d))
		fail_msg("%s", d.text.data);
	return lab;
}

static inline void finish(struct lab *lab, struct lab_options *options)
{
	lab_close(lab);
	topology_free((struct topology *)options->topology);
}

/* A request written with ' for ". */
static inline json_t *parse(const char *text)
{
	char *copy = xstrdup(text);
	json_t *out;

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	out = json_loads(copy, 0, NULL);
	assert_non_null(out);
	free(copy);
	return out;
}

static inline json_t *ask(struct lab *lab, const char *text)
{
	json_t *reply = lab_request(lab, parse(text), NULL, 0, NULL);

	assert_non_null(reply);
	if (!json_is_true(json_object_get(reply, "ok")))
		fail_msg("%s: %s", text, json_string_value(json_object_get(reply, "error")));
	return reply;
}

static inline void tell(struct lab *lab, const char *text)
{
	json_decref(ask(lab, text));
}

static inline void refused(struct lab *lab, const char *text, const char *part)
{
	json_t *reply = lab_request(lab, parse(text), NULL, 0, NULL);
	const char *error = json_string_value(json_object_get(reply, "error"));

	assert_non_null(reply);
	if (json_is_true(json_object_get(reply, "ok")) || !error)
		fail_msg("%s is not refused", text);
	if (!strstr(error, part))
		fail_msg("%s: \"%s\" does not say \"%s\"", text, error, part);
	json_decref(reply);
}

static inline int node_socket(struct lab *lab, const char *node, const char *domain,
			      const char *type)
{
	json_t *request = json_pack("{s:s, s:s, s:s, s:s}", "op", "socket", "node", node, "domain",
				    domain, "type", type);
	struct timeval limit = {.tv_sec = 5};
	int fd = -1;
	json_t *reply = lab_request(lab, request, NULL, 0, &fd);

	assert_true(json_is_true(json_object_get(reply, "ok")));
	assert_true(fd >= 0);
	json_decref(reply);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static inline struct sockaddr_in at(const char *address, uint16_t port)
{
	struct sockaddr_in out = {.sin_family = AF_INET, .sin_port = htons(port)};

	assert_int_equal(inet_pton(AF_INET, address, &out.sin_addr), 1);
	return out;
}

static inline double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* One datagram from node to node: the source that the receiver sees. Return: ms it took, or -1. */
static inline double carry(struct lab *lab, const char *from, const char *to, const char *address,
			   char source[INET_ADDRSTRLEN])
{
	int out = node_socket(lab, from, "inet", "dgram"),
	    in = node_socket(lab, to, "inet", "dgram");
	struct sockaddr_in any = at("0.0.0.0", 7777), target = at(address, 7777), seen = {0};
	socklen_t len = sizeof(seen);
	char bytes[8];
	double begin = now_ms();

	assert_int_equal(bind(in, (struct sockaddr *)&any, sizeof(any)), 0);
	sendto(out, "hello", 5, 0, (struct sockaddr *)&target, sizeof(target));
	if (recvfrom(in, bytes, sizeof(bytes), 0, (struct sockaddr *)&seen, &len) != 5)
		begin = now_ms() + 1;
	inet_ntop(AF_INET, &seen.sin_addr, source, INET_ADDRSTRLEN);
	close(in);
	close(out);
	return now_ms() - begin;
}

/* Run a shell command in a node; its output. The exit status is that of the shell. */
static inline char *shell(struct lab *lab, const char *node, const char *command, int *status)
{
	json_t *request = json_pack("{s:s, s:s, s:[s, s, s]}", "op", "exec", "node", node, "argv",
				    "sh", "-c", command);
	static char text[16384];
	int ends[2], fds[3];
	json_t *reply, *event;
	size_t len = 0;
	ssize_t got;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds[1] = fds[2] = ends[1];
	reply = lab_request(lab, request, fds, 3, NULL);
	close(fds[0]);
	close(ends[1]);
	if (!json_is_true(json_object_get(reply, "ok")))
		fail_msg("%s", json_string_value(json_object_get(reply, "error")));
	while ((got = read(ends[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)got;
	text[len] = '\0';
	close(ends[0]);
	event = lab_event(lab);
	assert_string_equal(json_string_value(json_object_get(event, "event")), "exit");
	assert_int_equal(json_integer_value(json_object_get(event, "pid")),
			 json_integer_value(json_object_get(reply, "pid")));
	*status = (int)json_integer_value(json_object_get(event, "code"));
	if (json_object_get(event, "signal"))
		*status = 128 + (int)json_integer_value(json_object_get(event, "signal"));
	json_decref(event);
	json_decref(reply);
	return text;
}

static inline void says(struct lab *lab, const char *node, const char *command,
			const char *expected)
{
	int status;

	assert_string_equal(shell(lab, node, command, &status), expected);
	assert_int_equal(status, 0);
}

static inline void ends_soon(int pidfd)
{
	struct pollfd end = {.fd = pidfd, .events = POLLIN};

	assert_int_equal(poll(&end, 1, PATIENCE_MS), 1);
}

static inline int make_folder(void **state)
{
	(void)state;
	own_name("first"); /* the run's number, before anybody forks */
	return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
	char *command[] = {"rm", "-rf", folder, NULL};
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		execvp(command[0], command);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	return 0;
}

/* As after exec, which a change of user without one is not. Runs the tests as user 65534 in a
 * child. */
static inline void as_ordinary_user(const struct CMUnitTest *tests, size_t count)
{
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip(); /* the other tests of the file were that */
	pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) || setgid(65534) || setuid(65534) ||
		    prctl(PR_SET_DUMPABLE, 1))
			_exit(1);
		memcpy(folder, "/tmp/test_lab.XXXXXX", sizeof(folder));
		_exit(_cmocka_run_group_tests("ordinary user", tests, count, make_folder,
					      remove_folder));
	}
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#endif
