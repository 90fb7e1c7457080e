/* SPDX-License-Identifier: MIT */
/*
 * process.c - starting a program inside a node (see process.h).
 *
 * The child enters the node's namespaces, becomes a session of its own, arranges its descriptors
 * and executes. A close-on-exec pipe tells the parent how that went: end of file = it runs.
 */
#include "process.h"

#include "../fakeigd/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum step {
	STEP_NETNS,
	STEP_MNTNS,
	STEP_CWD,
	STEP_FDS,
	STEP_TTY,
	STEP_EXEC,
	STEP_COUNT,
};

static const char *const step_text[] = {
	[STEP_NETNS] = "enter the network namespace",
	[STEP_MNTNS] = "enter the mount namespace",
	[STEP_CWD] = "change to the working directory",
	[STEP_FDS] = "pass descriptors",
	[STEP_TTY] = "take the terminal",
	[STEP_EXEC] = "execute",
};
_Static_assert(ARRAY_SIZE(step_text) == STEP_COUNT, "a text per step");

struct failure {
	int step;
	int error;
};

static void fail(int report, enum step step)
{
	struct failure failure = {step, errno};
	ssize_t written = write(report, &failure, sizeof(failure));

	_exit(written < 0 ? 126 : 127);
}

/* Descriptors 0 to n-1 as asked for, the report beyond them, all others close by themselves. */
static int arrange_fds(const struct process_spec *spec, int report)
{
	int high[PROCESS_FDS_MAX];
	int out;

	for (size_t i = 0; i < spec->fd_count; i++) {
		high[i] = fcntl(spec->fds[i], F_DUPFD_CLOEXEC, PROCESS_FDS_MAX + 1);
		if (high[i] < 0)
			fail(report, STEP_FDS);
	}
	out = fcntl(report, F_DUPFD_CLOEXEC, PROCESS_FDS_MAX + 1);
	if (out < 0)
		fail(report, STEP_FDS);
	for (size_t i = 0; i < spec->fd_count; i++)
		if (dup2(high[i], (int)i) < 0)
			fail(out, STEP_FDS);
	close_range((unsigned)spec->fd_count, PROCESS_FDS_MAX, 0);
	return out;
}

static void default_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < SIGRTMIN; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void become(const struct process_spec *spec, int report)
{
	/* The descriptor first: entering a mount namespace changes to its root. */
	if (setns(spec->netns, CLONE_NEWNET) < 0)
		fail(report, STEP_NETNS);
	if (spec->mntns >= 0 && setns(spec->mntns, CLONE_NEWNS) < 0)
		fail(report, STEP_MNTNS);
	if (spec->cwd ? chdir(spec->cwd) < 0 : spec->cwd_fd >= 0 && fchdir(spec->cwd_fd) < 0)
		fail(report, STEP_CWD);
	setsid();
	report = arrange_fds(spec, report);
	if (spec->tty && ioctl(0, TIOCSCTTY, 0) < 0)
		fail(report, STEP_TTY);
	default_signals();
	environ = spec->envp;
	execvp(spec->argv[0], spec->argv);
	fail(report, STEP_EXEC);
}

int process_start(const struct process_spec *spec, struct process *out)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	out->pid = fork();
	if (out->pid == 0)
		become(spec, ends[1]);
	close(ends[1]);
	out->report = ends[0];
	if (out->pid < 0) {
		int error = -errno;

		close(ends[0]);
		return error;
	}
	return 0;
}

int process_settle(struct process *process, const char **step)
{
	struct failure failure;
	ssize_t len;

	do {
		len = read(process->report, &failure, sizeof(failure));
	} while (len < 0 && errno == EINTR);
	close(process->report);
	process->report = -1;
	if (len != (ssize_t)sizeof(failure))
		return 0;
	waitpid(process->pid, NULL, 0);
	*step = step_text[failure.step];
	return -failure.error;
}

/* Whether two "NAME=value" or "NAME" speak of the same variable. */
static bool same_variable(const char *a, const char *b)
{
	size_t len = strcspn(a, "=");

	return len == strcspn(b, "=") && !memcmp(a, b, len);
}

char **process_environment(const char *const *changes, size_t count)
{
	size_t have = 0, used = 0;
	char **out;

	while (environ && environ[have])
		have++;
	out = xcalloc(have + count + 1, sizeof(*out));
	for (size_t i = 0; i < have; i++) {
		bool changed = false;

		for (size_t j = 0; j < count && !changed; j++)
			changed = same_variable(environ[i], changes[j]);
		if (!changed)
			out[used++] = environ[i];
	}
	for (size_t j = 0; j < count; j++) {
		bool again = false;

		for (size_t k = j + 1; k < count && !again; k++)
			again = same_variable(changes[j], changes[k]);
		if (!again && strchr(changes[j], '='))
			out[used++] = (char *)changes[j];
	}
	return out;
}
