/* SPDX-License-Identifier: MIT */
/*
 * lab.c - starting a lab, from outside.
 *
 * Theory of operation. The starter clones the lab's init with all its namespaces at once and writes
 * its ID maps: an ordinary user becomes root inside, root keeps every ID but rules over the new
 * namespaces only. Where root may not make a user namespace the lab does without, and where IDs may
 * not be mapped it has root alone. Then it sends {"op": "start"} and serves what the init cannot
 * do, moving the host's interfaces, until "ready" or "failed".
 *
 * An attached lab dies with its starter: the init has a parent death signal, and reads the end of
 * the connection where the starter died before that was set. A detached one has a grandparent: the
 * process between makes the clone, waits until the starter holds a descriptor for it, and ends.
 */
#include "lab.h"

#include "../fakeigd/base/mem.h"
#include "lab_init.h"
#include "lab_packet.h"
#include "lab_refusal.h"
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAB_FAILED 3 /* DESIGN clause 5: the lab could not be built */

#define NAMESPACES (CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET)

/* How the lab's user IDs relate to ours. */
enum identity {
	EVERY_ID,     /* each ID is itself: daemons can drop privileges */
	NO_NAMESPACE, /* no user namespace: the lab's root is the host's */
	ROOT_ALONE,   /* we are the lab's root, nobody else exists */
};

/**
 * struct birth_report - what came of an attempt to clone
 * @pid:	of the init; 0 = it failed
 * @error:	errno, 0 = fine
 * @step:	what failed
 */
struct birth_report {
	pid_t pid;
	int error;
	const char *step;
};

static int write_file(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, len) != (ssize_t)len)
		error = errno ? errno : EIO;
	close(fd);
	return error;
}

/* One map with the extents of our own map, each onto itself. */
static int write_identity(pid_t pid, const char *name)
{
	char *own = xasprintf("/proc/self/%s", name);
	char *path = xasprintf("/proc/%d/%s", (int)pid, name);
	FILE *file = fopen(own, "re");
	unsigned long inside, outside, count;
	struct buf text = {0};
	int error = file ? 0 : errno;

	while (file && fscanf(file, "%lu %lu %lu", &inside, &outside, &count) == 3)
		buf_printf(&text, "%lu %lu %lu\n", inside, inside, count);
	if (file)
		fclose(file);
	if (!error)
		error = write_file(path, text.data, text.len);
	buf_free(&text);
	free(own);
	free(path);
	return error;
}

static int write_alone(pid_t pid, const char *name, unsigned id)
{
	char *path = xasprintf("/proc/%d/%s", (int)pid, name);
	char *text = xasprintf("0 %u 1\n", id);
	int error = write_file(path, text, strlen(text));

	free(path);
	free(text);
	return error;
}

static int write_maps(pid_t pid, enum identity identity)
{
	char *path;
	int error;

	if (identity == NO_NAMESPACE)
		return 0;
	if (identity == EVERY_ID) {
		error = write_identity(pid, "uid_map");
		return error ? error : write_identity(pid, "gid_map");
	}
	path = xasprintf("/proc/%d/setgroups", (int)pid);
	error = write_file(path, "deny", 4);
	free(path);
	if (!error || error == ENOENT)
		error = write_alone(pid, "uid_map", geteuid());
	return error ? error : write_alone(pid, "gid_map", getegid());
}

static struct birth_report give_birth(struct lab_birth *birth, enum identity identity)
{
	unsigned long flags = NAMESPACES | SIGCHLD;
	struct birth_report report = {0};
	long pid;

	birth->user_namespace = identity != NO_NAMESPACE;
	birth->every_id = identity != ROOT_ALONE;
	if (birth->user_namespace)
		flags |= CLONE_NEWUSER;
	pid = syscall(SYS_clone, flags, 0, NULL, NULL, 0);
	if (pid == 0)
		lab_init_run(birth);
	if (pid < 0)
		return (struct birth_report){
			0, errno,
			birth->user_namespace ? "make user, mount, PID and network namespaces"
					      : "make mount, PID and network namespaces"};
	report.error = write_maps((pid_t)pid, identity);
	report.step = "map user IDs into the lab's user namespace";
	report.pid = (pid_t)pid;
	if (report.error) {
		kill((pid_t)pid, SIGKILL);
		waitpid((pid_t)pid, NULL, 0);
		report.pid = 0;
	}
	return report;
}

/* Try what suits the user, the best first; the first failure is the one worth telling. */
static struct birth_report clone_init(struct lab_birth *birth)
{
	static const enum identity as_root[] = {EVERY_ID, NO_NAMESPACE, ROOT_ALONE};
	static const enum identity as_user[] = {ROOT_ALONE};
	bool root = geteuid() == 0;
	const enum identity *ways = root ? as_root : as_user;
	size_t count = root ? ARRAY_SIZE(as_root) : ARRAY_SIZE(as_user);
	struct birth_report first = give_birth(birth, ways[0]);

	for (size_t i = 1; i < count && first.error; i++) {
		struct birth_report next = give_birth(birth, ways[i]);

		if (!next.error)
			return next;
	}
	return first;
}

/* The process between starter and detached init: see the theory of operation. */
static void be_between(struct lab_birth *birth, int pipe_fd)
{
	struct birth_report report;
	char byte;

	setsid();
	report = clone_init(birth);
	if (write(pipe_fd, &report, sizeof(report)) == (ssize_t)sizeof(report))
		while (read(pipe_fd, &byte, 1) < 0 && errno == EINTR)
			;
	_exit(0);
}

static struct birth_report clone_detached(struct lab_birth *birth, struct lab *out)
{
	struct birth_report report = {0, EIO, "start a process"};
	int ends[2];
	pid_t between;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return (struct birth_report){0, errno, "make a socket"};
	between = fork();
	if (between == 0) {
		close(ends[0]);
		close(out->fd);
		be_between(birth, ends[1]);
	}
	close(ends[1]);
	if (between > 0 && read(ends[0], &report, sizeof(report)) == (ssize_t)sizeof(report) &&
	    report.pid)
		out->pidfd = pidfd_open(report.pid, 0);
	close(ends[0]);
	if (between > 0)
		waitpid(between, NULL, 0);
	return report;
}

/* ------------------------------------------------------------ what only the outside can do */

static void refuse(int fd, const char *ifname, const char *why)
{
	char *text = xasprintf("interface \"%s\": %s", ifname, why);
	json_t *reply = json_pack("{s:b, s:s}", "ok", 0, "error", text);

	packet_send(fd, reply, NULL, 0, 0);
	json_decref(reply);
	free(text);
}

/* Move an interface of the host's namespace to that of a node. */
static void move_interface(int fd, const char *ifname, int netns)
{
	struct nl_sock *sk;
	json_t *reply;
	int error;

	if (geteuid() != 0) {
		refuse(fd, ifname, "only root can give an interface of the host to a lab");
		return;
	}
	sk = link_socket();
	error = sk ? link_move(sk, ifname, netns) : -NLE_NOMEM;
	link_socket_free(sk);
	if (error) {
		refuse(fd, ifname, link_error(error));
		return;
	}
	reply = json_pack("{s:b}", "ok", 1);
	packet_send(fd, reply, NULL, 0, 0);
	json_decref(reply);
}

/* The init's complaints, line by line, as ours. */
static void take_complaints(const char *text, struct diag *d)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (len)
			diag_at(d, NULL, 0, "%.*s", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

/* Serve the init until it is ready or gives up. Return: whether the lab runs. */
static bool until_ready(struct lab *lab, struct diag *d)
{
	for (;;) {
		int fds[PACKET_FDS_MAX];
		const char *event, *text = "";
		size_t count;
		json_t *msg;
		bool done, ready;

		if (packet_receive(lab->fd, &msg, fds, &count, 0) <= 0 || !msg) {
			diag_at(d, NULL, 0, "the lab's init ended while it built the lab");
			return false;
		}
		event = json_string_value(json_object_get(msg, "event"));
		if (json_object_get(msg, "text"))
			text = json_string_value(json_object_get(msg, "text"));
		ready = !strcmp(event, "ready");
		done = strcmp(event, "interface") != 0;
		if (!done && count == 1)
			move_interface(lab->fd, text, fds[0]);
		else if (!ready)
			take_complaints(text, d);
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
		json_decref(msg);
		if (done)
			return ready;
	}
}

/* ------------------------------------------------------------ the named socket */

static bool good_name(const char *name)
{
	size_t len = strlen(name);

	return len && len <= 64 && name[0] != '.' && name[0] != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       len;
}

static int open_listener(const char *name, struct diag *d)
{
	struct sockaddr_un address;
	socklen_t len = lab_socket_address(&address, name);
	int fd;

	if (!good_name(name)) {
		diag_at(d, NULL, 0,
			"\"%s\" cannot be the name of a lab: expected 1 to 64 letters, digits, "
			"dots, hyphens and underscores",
			name);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 128) == 0)
		return fd;
	if (errno == EADDRINUSE)
		diag_at(d, NULL, 0, "a lab named \"%s\" is running already (igdlab down %s)", name,
			name);
	else
		diag_at(d, NULL, 0, "socket of the lab \"%s\": %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ------------------------------------------------------------ lab_start() */

/* Wait until nothing of an init that is ending is left. */
static void await_end(struct lab *lab, bool attached)
{
	if (lab->pidfd >= 0)
		pidfd_send_signal(lab->pidfd, SIGKILL, NULL, 0);
	if (attached && lab->pid)
		waitpid(lab->pid, NULL, 0);
}

static void forget(struct lab *lab)
{
	if (lab->fd >= 0)
		close(lab->fd);
	if (lab->pidfd >= 0)
		close(lab->pidfd);
	json_decref(lab->events);
	*lab = (struct lab){.fd = -1, .pidfd = -1};
}

static bool start_init(struct lab_birth *birth, struct lab *out, struct diag *d)
{
	bool detached = birth->options->detached;
	struct birth_report report;
	json_t *start;

	report = detached ? clone_detached(birth, out) : clone_init(birth);
	if (report.error) {
		lab_explain_refusal(report.error, report.step, d);
		return false;
	}
	out->pid = report.pid;
	if (!detached)
		out->pidfd = pidfd_open(report.pid, 0);
	start = json_pack("{s:s, s:i}", "op", "start", "pid", (int)report.pid);
	packet_send(out->fd, start, NULL, 0, 0);
	json_decref(start);
	return true;
}

int lab_start(const struct lab_options *options, struct lab *out, struct diag *d)
{
	struct lab_birth birth = {.options = options, .listener = -1};
	bool ready = false;
	int ends[2];

	*out = (struct lab){.fd = -1, .pidfd = -1};
	if (options->name && (birth.listener = open_listener(options->name, d)) < 0)
		return LAB_FAILED;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		diag_at(d, NULL, 0, "socketpair: %s", strerror(errno));
	} else {
		out->fd = ends[0];
		birth.fd = ends[1];
		ready = start_init(&birth, out, d);
		close(ends[1]);
		ready = ready && until_ready(out, d);
	}
	if (birth.listener >= 0)
		close(birth.listener);
	if (ready)
		return 0;
	await_end(out, !options->detached);
	forget(out);
	return LAB_FAILED;
}

void lab_close(struct lab *lab)
{
	siginfo_t info;

	if (lab->fd >= 0)
		close(lab->fd);
	lab->fd = -1;
	/* Our child: an attached lab, which ends now. A detached one is nobody's child of ours. */
	if (lab->pid && waitid(P_PID, (id_t)lab->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
		await_end(lab, true);
	forget(lab);
}
