/* SPDX-License-Identifier: MIT */
/*
 * cmd_shell.c - igdlab shell: a terminal on a node.
 *
 * A pseudo terminal is made on the host, its slave becomes the shell's controlling terminal inside
 * the node, and bytes are carried between its master and our terminal, which is in raw mode
 * meanwhile. The size follows ours.
 */
#include "ask.h"
#include "opt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/**
 * struct relay - a terminal being carried
 * @master:	of the pseudo terminal
 * @signals:	SIGWINCH and those that end us
 * @input:	our input has not ended
 * @output:	somebody has the slave
 * @pid:	of the shell
 * @status:	how it ended
 */
struct relay {
	struct lab *lab;
	int master;
	int signals;
	bool input;
	bool output;
	long pid;
	int status;
};

static void copy_size(const struct relay *relay)
{
	struct winsize size;

	if (!ioctl(STDIN_FILENO, TIOCGWINSZ, &size))
		ioctl(relay->master, TIOCSWINSZ, &size);
}

static bool write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t done = write(fd, data, len);

		if (done < 0 && errno != EINTR)
			return false;
		if (done > 0) {
			data += done;
			len -= (size_t)done;
		}
	}
	return true;
}

static const char end_of_file = 4;

/* Our input to the shell; its end is the terminal's end-of-file character. */
static void carry_in(struct relay *relay)
{
	char data[4096];
	ssize_t len = read(STDIN_FILENO, data, sizeof(data));

	if (len > 0) {
		write_all(relay->master, data, (size_t)len);
	} else if (len == 0 || errno != EINTR) {
		write_all(relay->master, &end_of_file, 1);
		relay->input = false;
	}
}

/* The shell's output to us. Return: there was some. */
static bool carry_out(const struct relay *relay)
{
	char data[16384];
	ssize_t len = read(relay->master, data, sizeof(data));

	return len > 0 && write_all(STDOUT_FILENO, data, (size_t)len);
}

static void on_signal(struct relay *relay)
{
	struct signalfd_siginfo info;

	if (read(relay->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH)
		copy_size(relay);
	else
		ask_signal(relay->lab, relay->pid, SIGHUP);
}

/* Return: 1 = the shell has ended, -1 = the lab has. */
static int on_event(struct relay *relay)
{
	json_t *event = lab_event(relay->lab);
	int ended = event ? ask_exited(event, relay->pid, &relay->status) : -1;

	json_decref(event);
	return ended;
}

/* The end of the input is typed again after each output: what came before a line editor took the
 * terminal over was lost. A program that answers to it would go on for ever, hence a limit. */
static int attend(struct relay *relay)
{
	int ended = 0, again = 64;

	while (!ended) {
		struct pollfd fds[] = {
			{.fd = relay->lab->fd, .events = POLLIN},
			{.fd = relay->signals, .events = POLLIN},
			{.fd = relay->input ? STDIN_FILENO : -1, .events = POLLIN},
			{.fd = relay->output ? relay->master : -1, .events = POLLIN},
		};

		if (json_array_size(relay->lab->events)) {
			ended = on_event(relay);
			continue;
		}
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue;
		if (fds[3].revents && !carry_out(relay))
			relay->output = false;
		else if (fds[3].revents && !relay->input && again)
			again -= write_all(relay->master, &end_of_file, 1);
		if (fds[2].revents)
			carry_in(relay);
		if (fds[1].revents)
			on_signal(relay);
		if (fds[0].revents)
			ended = on_event(relay);
	}
	/* What the shell said last may still be in the terminal; nobody has the slave any more. */
	fcntl(relay->master, F_SETFL, O_NONBLOCK);
	while (carry_out(relay))
		;
	return ended;
}

/* Make the pseudo terminal. Return: its slave, or -1 after a complaint. */
static int open_terminal(struct relay *relay)
{
	int slave = -1;

	relay->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (relay->master >= 0 && !grantpt(relay->master) && !unlockpt(relay->master))
		slave = ioctl(relay->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		fprintf(stderr, "igdlab shell: no pseudo terminal: %s\n", strerror(errno));
	else
		copy_size(relay);
	return slave;
}

static int catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Carry between the terminals with ours in raw mode. Return: the exit status. */
static int carry(struct relay *relay)
{
	struct termios cooked, raw;
	bool terminal = !tcgetattr(STDIN_FILENO, &cooked);
	int ended;

	if (terminal) {
		raw = cooked;
		cfmakeraw(&raw);
		tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	}
	relay->input = relay->output = true;
	relay->signals = catch_signals();
	ended = attend(relay);
	close(relay->signals);
	if (terminal)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &cooked);
	if (ended > 0)
		return relay->status;
	fputs("igdlab shell: the lab went away\n", stderr);
	return EXIT_LAB;
}

static int run_shell(struct lab *lab, const char *node)
{
	const char *shell = getenv("SHELL");
	char *argv[] = {(char *)(shell && access(shell, X_OK) == 0 ? shell : "/bin/sh")};
	struct relay relay = {.lab = lab, .master = -1};
	int slave = open_terminal(&relay), status = EXIT_LAB;
	char *why = NULL;

	if (slave >= 0) {
		const int fds[3] = {slave, slave, slave};

		relay.pid = ask_exec(lab, node, argv, 1, fds, NULL, true, &why);
		close(slave);
		if (relay.pid >= 0)
			status = carry(&relay);
		else
			fprintf(stderr, "igdlab shell: %s\n", why);
	}
	free(why);
	if (relay.master >= 0)
		close(relay.master);
	return status;
}

static int shell_main(int argc, char **argv)
{
	struct operands rest;
	const char *node;
	struct lab lab;
	int status = opt_parse(&cmd_shell, NULL, 0, false, argc, argv, &rest);

	if (status != OPT_GO_ON)
		return status;
	if (rest.argc != 1)
		return cmd_usage_error(&cmd_shell,
				       rest.argc ? "expected one node; a command goes with \"exec\""
						 : "which node?");
	status = lab_pick_node(&cmd_shell, rest.argv[0], &lab, &node);
	if (status)
		return status;
	status = run_shell(&lab, node);
	lab_close(&lab);
	return status;
}

const struct cmd cmd_shell = {
	.name = "shell",
	.arguments = "[N:]NODE",
	.summary = "open a shell on a node of a running lab",
	.details =
		"N is the lab's name; it may be left out when only one runs. $SHELL is started in\n"
		"a terminal of its own. Exit status: the shell's; 2 wrong use, 3 the lab went "
		"away.\n",
	.main = shell_main,
};
