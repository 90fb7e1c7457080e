/* SPDX-License-Identifier: MIT */
/* subprocess.c - the output of a program of ours (see subprocess.h). */
#include "subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_all(int fd, struct buf *out)
{
	for (;;) {
		char *to = buf_reserve(out, 65536);
		ssize_t len = read(fd, to, 65536);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			break;
		out->len += (size_t)len;
	}
	buf_reserve(out, 0)[0] = '\0';
}

int subprocess_read(char *const *argv, struct buf *out)
{
	posix_spawn_file_actions_t actions;
	int ends[2], status, error;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	error = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (!error)
		read_all(ends[0], out);
	close(ends[0]);
	if (error)
		return -error;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
