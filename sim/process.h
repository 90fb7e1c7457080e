/* SPDX-License-Identifier: MIT */
/* process.h - starting a program inside a node. */
#ifndef SIM_PROCESS_H
#define SIM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROCESS_FDS_MAX 8

/**
 * struct process_spec - what to start, and where
 * @netns:	network namespace
 * @mntns:	mount namespace, -1 = the caller's
 * @cwd:	working directory in that mount namespace; NULL = that of @cwd_fd
 * @cwd_fd:	used where @cwd is NULL; -1 = the root
 * @argv:	ends with NULL; argv[0] is looked up in the PATH of @envp
 * @envp:	whole environment, ends with NULL
 * @fds:	become descriptors 0 to @fd_count - 1 of the program; nothing else is passed on
 * @tty:	descriptor 0 becomes the controlling terminal
 */
struct process_spec {
	int netns;
	int mntns;
	const char *cwd;
	int cwd_fd;
	char *const *argv;
	char **envp;
	int fds[PROCESS_FDS_MAX];
	size_t fd_count;
	bool tty;
};

/**
 * struct process - a program that was started, or is about to be
 * @pid:	leader of a session and process group of its own
 * @report:	says how exec went; closed by process_settle()
 */
struct process {
	pid_t pid;
	int report;
};

/** process_start() - fork and begin. Return: 0 or -errno; then process_settle() must follow. */
int process_start(const struct process_spec *spec, struct process *out);
/**
 * process_settle() - wait until exec has happened or failed
 * @step:	where it failed: a few words, constant
 *
 * Return: 0, or -errno (the child has ended then and was reaped).
 */
int process_settle(struct process *process, const char **step);
/**
 * process_environment() - the calling process's environment with changes
 * @changes:	"NAME=value", or "NAME" to take it away
 *
 * Return: an array for struct process_spec, one allocation; the strings stay whose they are.
 */
char **process_environment(const char *const *changes, size_t count);

#endif
