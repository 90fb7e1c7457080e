/* SPDX-License-Identifier: MIT */
/* netns_fixture.h - network namespaces of a test's own; where the kernel forbids them it skips. */
#ifndef NETNS_FIXTURE_H
#define NETNS_FIXTURE_H

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

/* Why there are none, "" when there are. */
static char why_not[128];

static inline void enter(int ns)
{
	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
}

/* Run a shell line in a namespace, and stay there. */
static inline void enter_and_run(int ns, const char *line)
{
	char *argv[] = {(char[]){"sh"}, (char[]){"-ec"}, xstrdup(line), NULL};
	int status = -1;
	pid_t pid;

	enter(ns);
	assert_int_equal(posix_spawnp(&pid, "sh", NULL, NULL, argv, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	free(argv[2]);
}

static inline bool map_root(void)
{
	char map[32];
	int len = snprintf(map, sizeof(map), "0 %u 1", getuid()), fd;
	bool fine;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	fine = fd >= 0 && write(fd, map, (size_t)len) == len;
	if (fd >= 0)
		close(fd);
	return fine;
}

static inline int new_ns(void)
{
	return unshare(CLONE_NEWNET) < 0 ? -1 : open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* Three of them, the last one entered. */
static inline bool own_namespaces(int *first, int *second, int *third)
{
	bool fine = map_root() && (*first = new_ns()) >= 0 && (*second = new_ns()) >= 0 &&
		    (*third = new_ns()) >= 0;

	if (!fine)
		snprintf(why_not, sizeof(why_not), "no user and network namespaces here: %s",
			 strerror(errno));
	return fine;
}

#endif
