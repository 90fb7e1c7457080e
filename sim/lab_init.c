/* SPDX-License-Identifier: MIT */
/*
 * lab_init.c - PID 1 of a lab.
 *
 * Theory of operation. Everything in a lab is a descendant of this process, in its PID namespace:
 * when it ends, however that comes, the kernel kills the rest, and with the last descriptors go the
 * namespaces, links and mounts. So nothing is ever taken down by hand.
 *
 * It lives in its own network namespace (where the switches are) and visits a node's for as long as
 * it takes to make a socket there. It blocks every signal and reads SIGCHLD from a descriptor; it
 * never waits for anything but the outside half while the lab is being built, and its routers.
 */
#include "lab_init.h"

#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"
#include "lab_packet.h"
#include "link.h"
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

int lab_enter(struct lab_init *lab, const struct lab_node *node)
{
	return netns_enter(node ? node->netns : lab->home);
}

int lab_evidence_file(struct lab_init *lab, const char *node, const char *suffix)
{
	char *name;
	int fd;

	if (lab->evidence < 0)
		return -1;
	name = xasprintf("%s.%s", node, suffix);
	fd = openat(lab->evidence, name, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	free(name);
	return fd;
}

static void tell(int fd, const char *event, const char *text, int with)
{
	json_t *msg = json_pack("{s:s, s:s}", "event", event, "text", text ? text : "");

	/* Nobody is left to hear a failure of this: the end of the connection tells the rest. */
	packet_send(fd, msg, &with, with >= 0, 0);
	json_decref(msg);
}

int lab_ask_outside(struct lab_init *lab, const char *ifname, int netns)
{
	int fds[PACKET_FDS_MAX];
	size_t count;
	json_t *reply;

	tell(lab->starter, "interface", ifname, netns);
	if (packet_receive(lab->starter, &reply, fds, &count, 0) <= 0 || !reply)
		_exit(1); /* the starter is gone */
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	if (!json_is_true(json_object_get(reply, "ok"))) {
		diag_at(lab->diag, NULL, 0, "%s",
			json_string_value(json_object_get(reply, "error")));
		json_decref(reply);
		return -1;
	}
	json_decref(reply);
	return 0;
}

/* Nothing of the starter's but its connection, our socket and standard error. */
static void drop_descriptors(const struct lab_birth *birth)
{
	int low = birth->fd, high = birth->listener;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (high < low) {
		int swap = low;

		low = high;
		high = swap;
	}
	dup2(null, 0);
	dup2(null, 1);
	if (birth->options->detached)
		dup2(null, 2);
	if (low > 3)
		close_range(3, (unsigned)low - 1, 0);
	if (high > low + 1)
		close_range((unsigned)(low < 3 ? 3 : low + 1), (unsigned)high - 1, 0);
	close_range((unsigned)high + 1, ~0U, 0);
}

/* Our pid as the host sees it; waits until our user IDs are mapped. */
static pid_t await_start(int fd)
{
	int fds[PACKET_FDS_MAX];
	size_t count;
	json_t *start;
	pid_t pid;

	if (packet_receive(fd, &start, fds, &count, 0) <= 0 || !start)
		_exit(1);
	pid = (pid_t)json_integer_value(json_object_get(start, "pid"));
	json_decref(start);
	return pid;
}

static int children_by_descriptor(void)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	return signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void on_signal(void *arg, int fd, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		;
	lab_reap(arg);
}

static void keep_path(struct lab_init *lab, const char *path)
{
	char *whole = path ? realpath(path, NULL) : NULL;

	if (!whole)
		return;
	lab->keep = xrealloc(lab->keep, (lab->keep_count + 1) * sizeof(*lab->keep));
	lab->keep[lab->keep_count++] = whole;
}

/* What has to be found before mounts change. Return: 0, or -1 after a complaint. */
static int open_places(struct lab_init *lab)
{
	const struct lab_options *options = lab->options;

	lab->cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	lab->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	lab->evidence = -1;
	if (options->evidence) {
		lab->evidence = open(options->evidence, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (lab->evidence < 0) {
			diag_at(lab->diag, options->evidence, 0, "%s", strerror(errno));
			return -1;
		}
	}
	keep_path(lab, options->evidence);
	keep_path(lab, options->data);
	for (size_t i = 0; i < options->keep_count; i++)
		keep_path(lab, options->keep[i]);
	return 0;
}

/* Return: 0, or -1 after a complaint. */
static int own_namespaces(struct lab_init *lab)
{
	int error;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		diag_at(lab->diag, NULL, 0, "cannot make the lab's mounts private: %s",
			strerror(errno));
		return -1;
	}
	/* Refused where a container hides parts of /proc; the old one serves, with foreign pids. */
	lab->private_proc =
		mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
	lab->home = netns_self();
	lab->home_mntns = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (lab->home < 0 || lab->home_mntns < 0) {
		diag_at(lab->diag, NULL, 0, "/proc/thread-self/ns: %s", strerror(errno));
		return -1;
	}
	error = netns_configure_switch(lab->diag);
	if (error)
		return -1;
	lab->home_sk = link_socket();
	lab->next_index = LINK_LOOPBACK + 1;
	if (!lab->home_sk) {
		diag_at(lab->diag, NULL, 0, "rtnetlink: %s", strerror(errno));
		return -1;
	}
	return 0;
}

/* Return: 0, or -1 after complaints. */
static int make(struct lab_init *lab)
{
	lab->clock = clock_page_create();
	if (lab->clock < 0 || clock_page_use(lab->clock) < 0) {
		diag_at(lab->diag, NULL, 0, "the lab's clock: %s", strerror(errno));
		return -1;
	}
	if (open_places(lab) < 0 || own_namespaces(lab) < 0 || lab_build(lab) < 0)
		return -1;
	if (lab_advertise(lab) < 0 || lab_nat64(lab) < 0)
		return -1;
	if (!lab->options->no_routers && lab_routers_start(lab) < 0)
		return -1;
	return lab_settle(lab);
}

/* The lab's description beside its captures: evidence.h reads it. */
static void leave_info(struct lab_init *lab)
{
	json_t *info = lab_info(lab);
	char *text = json_dumps(info, JSON_INDENT(2));
	int fd = openat(lab->evidence, "lab.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd >= 0) {
		dprintf(fd, "%s\n", text);
		close(fd);
	}
	free(text);
	json_decref(info);
}

void lab_init_run(const struct lab_birth *birth)
{
	struct diag complaints = {0};
	struct lab_init lab = {.options = birth->options,
			       .topology = birth->options->topology,
			       .diag = &complaints,
			       .user_namespace = birth->user_namespace,
			       .every_id = birth->every_id,
			       .starter = birth->fd};
	sigset_t every;

	sigfillset(&every);
	sigprocmask(SIG_SETMASK, &every, NULL);
	drop_descriptors(birth);
	lab.pid = await_start(birth->fd);
	if (!birth->options->detached)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "igdlab-init");
	setsid();
	lab.loop = loop_new();
	if (make(&lab) < 0) {
		tell(birth->fd, "failed", complaints.text.data, -1);
		_exit(1);
	}
	if (lab.evidence >= 0)
		leave_info(&lab);
	loop_watch(lab.loop, children_by_descriptor(), EPOLLIN, on_signal, &lab);
	lab_serve(&lab, birth->fd, !birth->options->detached);
	if (birth->listener >= 0)
		lab_listen(&lab, birth->listener);
	tell(birth->fd, "ready", NULL, -1);
	_exit(loop_run(lab.loop));
}
