/* SPDX-License-Identifier: MIT */
/*
 * command.c - running the subject on a node (see command.h).
 *
 * One poll loop over the lab's events, our signals and, where the output is wanted, two pipes. The
 * end of the command ends the loop, not the end of its pipes: what it left in the background may
 * keep those open, and is ended with the lab.
 */
#include "command.h"

#include "../fakeigd/base/clock.h"
#include "opt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

/**
 * struct tap - one output stream on its way
 * @pipe:	read end; -1 = none, the command has our own descriptor
 * @log:	file, -1 = none
 * @echo:	our own descriptor, -1 = quiet
 * @text:	what goes into the result
 */
struct tap {
	int pipe;
	int log;
	int echo;
	struct buf *text;
};

struct running {
	struct lab *lab;
	struct command *command;
	struct tap taps[2];
	int signals;
	long pid;
};

static void write_all(int fd, const char *data, size_t len)
{
	while (fd >= 0 && len) {
		ssize_t done = write(fd, data, len);

		if (done < 0 && errno != EINTR)
			return;
		if (done > 0) {
			data += done;
			len -= (size_t)done;
		}
	}
}

/* Take what is in the pipe. */
static void drain(struct tap *tap)
{
	char data[16384];
	ssize_t len;

	while (tap->pipe >= 0 && (len = read(tap->pipe, data, sizeof(data))) != 0) {
		size_t room = COMMAND_TEXT_MAX - tap->text->len;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return;
		buf_add(tap->text, data, (size_t)len < room ? (size_t)len : room);
		write_all(tap->log, data, (size_t)len);
		write_all(tap->echo, data, (size_t)len);
	}
	if (tap->pipe >= 0)
		close(tap->pipe);
	tap->pipe = -1;
}

/* Set up one stream. Return: the descriptor for the command, -1 with errno. */
static int open_tap(const struct command *command, int number, struct tap *tap)
{
	static const char *const names[] = {"command.stdout", "command.stderr"};
	int ends[2];

	*tap = (struct tap){-1, -1, command->quiet ? -1 : STDOUT_FILENO + number, NULL};
	if (!command->quiet && !command->evidence)
		return STDOUT_FILENO + number;
	if (pipe2(ends, O_CLOEXEC))
		return -1;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	tap->pipe = ends[0];
	if (command->evidence) {
		char *path = xasprintf("%s/%s", command->evidence, names[number]);

		tap->log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		free(path);
	}
	return ends[1];
}

static int block_signals(sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, before);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void on_signal(struct running *run)
{
	struct signalfd_siginfo info;

	while (read(run->signals, &info, sizeof(info)) == sizeof(info)) {
		int number = (int)info.ssi_signo;

		ask_signal(run->lab, run->pid, run->command->interrupted ? SIGKILL : number);
		if (!run->command->interrupted)
			run->command->interrupted = number;
	}
}

/* Look at one event. Return: 1 = the command has ended, 0 = it was something else, -1 = lab gone.
 */
static int on_event(struct running *run)
{
	json_t *event = lab_event(run->lab);
	bool ended = event && ask_exited(event, run->pid, &run->command->status);

	if (!event)
		return -1;
	json_decref(event);
	return ended;
}

/* Until the command has ended. Return: whether the lab is still there. */
static bool attend(struct running *run)
{
	int ended = 0;

	while (!ended) {
		struct pollfd fds[] = {
			{.fd = run->lab->fd, .events = POLLIN},
			{.fd = run->signals, .events = POLLIN},
			{.fd = run->taps[0].pipe, .events = POLLIN},
			{.fd = run->taps[1].pipe, .events = POLLIN},
		};

		/* Events that came while a reply was awaited do not show in poll(). */
		if (json_array_size(run->lab->events)) {
			ended = on_event(run);
			continue;
		}
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue;
		if (fds[2].revents)
			drain(&run->taps[0]);
		if (fds[3].revents)
			drain(&run->taps[1]);
		if (fds[1].revents)
			on_signal(run);
		if (fds[0].revents)
			ended = on_event(run);
	}
	return ended > 0;
}

static void close_tap(struct tap *tap)
{
	if (tap->pipe >= 0)
		close(tap->pipe);
	if (tap->log >= 0)
		close(tap->log);
}

int command_run(struct lab *lab, struct command *command, char **why)
{
	struct running run = {.lab = lab, .command = command};
	int64_t start = clock_now();
	int fds[3] = {STDIN_FILENO, -1, -1}, status = OPT_GO_ON;
	sigset_t before;

	for (int i = 0; i < 2; i++) {
		fds[i + 1] = open_tap(command, i, &run.taps[i]);
		run.taps[i].text = &command->text[i];
	}
	run.signals = block_signals(&before);
	run.pid = ask_exec(lab, command->node, command->argv, command->argc, fds, command->cwd,
			   false, why);
	for (int i = 0; i < 2; i++)
		if (run.taps[i].pipe >= 0)
			close(fds[i + 1]);
	if (run.pid < 0) {
		status = EXIT_USAGE;
	} else if (!attend(&run)) {
		*why = xstrdup("the lab went away while the command ran");
		status = EXIT_LAB;
	}
	for (int i = 0; i < 2; i++) {
		drain(&run.taps[i]);
		close_tap(&run.taps[i]);
	}
	close(run.signals);
	sigprocmask(SIG_SETMASK, &before, NULL);
	command->seconds = (double)(clock_now() - start) / 1e6;
	return status;
}

void command_free(struct command *command)
{
	buf_free(&command->text[0]);
	buf_free(&command->text[1]);
}
