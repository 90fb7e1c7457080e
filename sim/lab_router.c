/* SPDX-License-Identifier: MIT */
/*
 * lab_router.c - a lab's routers as processes: start, readiness, requests, death.
 *
 * Theory of operation. All fakeigds are started before any is waited for. Each gets a journal, a
 * connected control socket, a pipe for one byte of readiness and the lab's clock page. Requests to
 * it are answered in order, so a queue of callbacks is all the state there is. One that does not
 * answer in time, or ends without having been told to, is gone for good: it is reported to
 * everybody, and every further request to it fails with that reason.
 */
#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"
#include "lab_init.h"
#include "lab_packet.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAIL_MAX 2000 /* bytes of a log that go into a complaint */

/* ------------------------------------------------------------ log */

int lab_router_log(struct lab_init *lab, struct lab_node *node, const char *suffix)
{
	node->igd.log = lab_evidence_file(lab, node->node->name, suffix);
	if (node->igd.log < 0)
		node->igd.log = memfd_create("igdlab-log", MFD_CLOEXEC);
	return node->igd.log < 0 ? -errno : 0;
}

/* Last lines of its log, for complaints; caller frees; NULL = empty. */
static char *lab_router_tail(const struct igd *igd)
{
	struct stat status;
	off_t start;
	ssize_t len;
	char *text;

	if (igd->log < 0 || fstat(igd->log, &status) < 0 || !status.st_size)
		return NULL;
	start = status.st_size > TAIL_MAX ? status.st_size - TAIL_MAX : 0;
	text = xcalloc(1, TAIL_MAX + 1);
	len = pread(igd->log, text, TAIL_MAX, start);
	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	if (len > 0)
		return text;
	free(text);
	return NULL;
}

void lab_router_complain(struct lab_init *lab, struct lab_node *node, const char *what)
{
	char *tail = lab_router_tail(&node->igd), *line, *rest = NULL;

	diag_at(lab->diag, NULL, 0, "router %s: %s %s", node->node->name,
		node->node->igd ? "fakeigd" : node->node->daemon, what);
	for (line = tail ? strtok_r(tail, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		diag_at(lab->diag, NULL, 0, "  %s", line);
	free(tail);
}

char *lab_router_end(int status)
{
	if (WIFSIGNALED(status))
		return xasprintf("was killed by signal %d (%s)", WTERMSIG(status),
				 strsignal(WTERMSIG(status)));
	return xasprintf("ended with status %d", WEXITSTATUS(status));
}

/* ------------------------------------------------------------ requests */

static void arm(struct igd *igd)
{
	struct itimerspec when = {.it_value.tv_sec = igd->calls ? LAB_ROUTER_REPLY : 0};

	timerfd_settime(igd->timer, 0, &when, NULL);
}

static void complete(struct lab_init *lab, struct igd *igd, json_t *reply)
{
	struct router_call *call = igd->calls;

	igd->calls = call->next;
	arm(igd);
	call->fn(lab, call->arg, reply);
	free(call);
}

/* The answer of a fakeigd that cannot answer. */
static json_t *gone_reply(const struct lab_node *node, const char *why)
{
	char *text = xasprintf("router %s: fakeigd %s", node->node->name, why);
	json_t *reply = json_pack("{s:b, s:b, s:s}", "ok", 0, "gone", 1, "error", text);

	free(text);
	return reply;
}

static void fail_calls(struct lab_init *lab, struct lab_node *node, const char *why)
{
	while (node->igd.calls) {
		json_t *reply = gone_reply(node, why);

		complete(lab, &node->igd, reply);
		json_decref(reply);
	}
}

static void drop_control(struct lab_init *lab, struct igd *igd)
{
	loop_unwatch(lab->loop, igd->control_source);
	igd->control_source = NULL;
	if (igd->control >= 0)
		close(igd->control);
	igd->control = -1;
}

/* A callback gets a node and needs the lab too. */
struct watched {
	struct lab_init *lab;
	struct lab_node *node;
};

static void on_control(void *arg, int fd, uint32_t events)
{
	struct watched *w = arg;
	int fds[PACKET_FDS_MAX], come;
	size_t count;
	json_t *reply;

	(void)events;
	come = packet_receive(fd, &reply, fds, &count, MSG_DONTWAIT);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	if (come == -EAGAIN)
		return;
	if (come > 0 && reply && w->node->igd.calls) {
		complete(w->lab, &w->node->igd, reply);
		json_decref(reply);
		return;
	}
	json_decref(reply);
	/* The end, or nonsense: its process follows, if it has not gone first. */
	drop_control(w->lab, &w->node->igd);
	if (w->node->igd.pid && !w->node->igd.stopping)
		kill(w->node->igd.pid, SIGKILL);
	fail_calls(w->lab, w->node, "has ended");
}

static void on_timer(void *arg, int fd, uint32_t events)
{
	struct watched *w = arg;
	uint64_t times;

	(void)events;
	if (read(fd, &times, sizeof(times)) < 0 || !w->node->igd.calls)
		return;
	if (w->node->igd.pid)
		kill(w->node->igd.pid, SIGKILL);
	drop_control(w->lab, &w->node->igd);
	fail_calls(w->lab, w->node, "did not answer in time and was killed");
}

void lab_router_call(struct lab_init *lab, struct lab_node *node, json_t *request,
		     router_reply_fn *fn, void *arg)
{
	struct router_call *call, **at = &node->igd.calls;
	int error = node->igd.control < 0
			    ? -ENOTCONN
			    : packet_send(node->igd.control, request, NULL, 0, MSG_DONTWAIT);

	json_decref(request);
	if (error) {
		json_t *reply = gone_reply(node, node->igd.died	      ? node->igd.died
						 : error == -ENOTCONN ? "is not running"
								      : strerror(-error));

		fn(lab, arg, reply);
		json_decref(reply);
		return;
	}
	call = xcalloc(1, sizeof(*call));
	call->fn = fn;
	call->arg = arg;
	while (*at)
		at = &(*at)->next;
	*at = call;
	if (node->igd.calls == call)
		arm(&node->igd);
}

void lab_router_died(struct lab_init *lab, struct lab_node *node, int status)
{
	struct igd *igd = &node->igd;
	pid_t pid = igd->pid;
	char *tail;
	json_t *event;

	igd->pid = 0;
	igd->died = lab_router_end(status);
	/* The last replies may still be on their way. */
	while (igd->control >= 0 && igd->calls) {
		struct watched w = {lab, node};

		on_control(&w, igd->control, 0);
	}
	drop_control(lab, igd);
	fail_calls(lab, node, igd->died);
	if (igd->stopping)
		return;
	tail = lab_router_tail(igd);
	event = lab_exit_event("router-died", pid, status);
	json_object_set_new(event, "node", json_string(node->node->name));
	json_object_set_new(event, "error", json_string(igd->died));
	if (tail)
		json_object_set_new(event, "log", json_stringn(tail, strlen(tail)));
	free(tail);
	lab_event_all(lab, event);
}

/* ------------------------------------------------------------ start */

/** struct words - arguments being gathered; owned; the list always ends in NULL */
struct words {
	char **list;
	size_t count;
};

static void say_word(struct words *w, const char *word)
{
	w->list = xrealloc(w->list, (w->count + 2) * sizeof(*w->list));
	w->list[w->count++] = xstrdup(word);
	w->list[w->count] = NULL;
}

static void say(struct words *w, const char *option, const char *value)
{
	say_word(w, option);
	say_word(w, value);
}

enum { FD_JOURNAL = 3, FD_CONTROL, FD_READY, FD_CLOCK, FD_COUNT };

static void say_descriptor(struct words *w, const char *option, int fd)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", fd);
	say(w, option, number);
}

static struct words fakeigd_words(struct lab_init *lab, const struct node *node, bool journal)
{
	struct words w = {0};
	struct buf lans = {0};
	char *data = xasprintf("%s/fakeigd", lab->options->data);

	say_word(&w, lab->options->fakeigd);
	say(&w, "--profile", node->igd);
	for (size_t i = 0; i < node->quirk_count; i++)
		say(&w, "--quirk", node->quirks[i]);
	for (size_t p = 0; p < node->port_count; p++) {
		if (node->ports[p].role == PORT_WAN)
			say(&w, "--wan", node->ports[p].ifname);
		else
			buf_printf(&lans, "%s%s", lans.len ? "," : "", node->ports[p].ifname);
	}
	say(&w, "--lan", lans.data ? lans.data : "");
	buf_free(&lans);
	say(&w, "--name", node->name);
	say(&w, "--data", data);
	if (journal)
		say_descriptor(&w, "--journal-fd", FD_JOURNAL);
	say_descriptor(&w, "--control-fd", FD_CONTROL);
	say_descriptor(&w, "--ready-fd", FD_READY);
	say_descriptor(&w, "--clock-fd", FD_CLOCK);
	free(data);
	return w;
}

/* Fork with its descriptors; @out is to be settled. Return: 0, or -1 after a complaint. */
static int start_fakeigd(struct lab_init *lab, struct lab_node *node, struct process *out)
{
	int journal = lab_evidence_file(lab, node->node->name, "journal.ndjson");
	struct words w = fakeigd_words(lab, node->node, journal >= 0);
	struct process_spec spec = {
		.netns = node->netns, .mntns = -1, .cwd_fd = lab->cwd, .fd_count = FD_COUNT};
	int control[2], ready[2], error;

	if (lab_router_log(lab, node, "fakeigd.log") < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0 ||
	    pipe2(ready, O_CLOEXEC) < 0) {
		diag_at(lab->diag, NULL, 0, "router %s: %s", node->node->name, strerror(errno));
		return -1;
	}
	spec.argv = w.list;
	spec.envp = process_environment(NULL, 0);
	spec.fds[0] = lab->null;
	spec.fds[1] = spec.fds[2] = node->igd.log;
	spec.fds[FD_JOURNAL] = journal >= 0 ? journal : lab->null;
	spec.fds[FD_CONTROL] = control[1];
	spec.fds[FD_READY] = ready[1];
	spec.fds[FD_CLOCK] = lab->clock;
	error = process_start(&spec, out);
	free(spec.envp);
	for (size_t i = 0; i < w.count; i++)
		free(w.list[i]);
	free(w.list);
	close(control[1]);
	close(ready[1]);
	if (journal >= 0)
		close(journal);
	node->igd.control = control[0];
	node->igd.ready = ready[0];
	if (error)
		diag_at(lab->diag, NULL, 0, "router %s: fork: %s", node->node->name,
			strerror(-error));
	node->igd.pid = error ? 0 : out->pid;
	return error ? -1 : 0;
}

static int settle(struct lab_init *lab, struct lab_node *node, struct process *process)
{
	struct watched *w;
	const char *step;
	int error = process_settle(process, &step);

	if (error) {
		diag_at(lab->diag, NULL, 0, "router %s: cannot %s %s: %s", node->node->name, step,
			lab->options->fakeigd, strerror(-error));
		node->igd.pid = 0;
		return -1;
	}
	node->igd.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	w = xmalloc(sizeof(*w));
	*w = (struct watched){lab, node};
	node->igd.control_source = loop_watch(lab->loop, node->igd.control, EPOLLIN, on_control, w);
	node->igd.timer_source = loop_watch(lab->loop, node->igd.timer, EPOLLIN, on_timer, w);
	return 0;
}

/* Its readiness byte, or its end without one. */
static int await_ready(struct lab_init *lab, struct lab_node *node, int64_t deadline)
{
	struct pollfd wait = {.fd = node->igd.ready, .events = POLLIN};
	int64_t left = deadline - clock_now();
	int status, come;
	char byte, *how;

	come = poll(&wait, 1, left > 0 ? (int)(left / 1000) + 1 : 0);
	if (come > 0 && read(node->igd.ready, &byte, 1) == 1) {
		close(node->igd.ready);
		node->igd.ready = -1;
		return 0;
	}
	if (come == 0) {
		lab_router_complain(lab, node, "was not ready in time and was killed");
		return -1;
	}
	/* It closed the pipe: it has ended, or is about to. */
	waitpid(node->igd.pid, &status, 0);
	node->igd.pid = 0;
	how = lab_router_end(status);
	lab_router_complain(lab, node, how);
	free(how);
	return -1;
}

int lab_routers_start(struct lab_init *lab)
{
	int64_t deadline = clock_now() + LAB_ROUTER_START * CLOCK_SECOND;
	size_t count = lab->topology->node_count;
	struct process *processes = xcalloc(count, sizeof(*processes));
	int failed = 0;

	for (size_t i = 0; i < count; i++) {
		struct lab_node *node = &lab->nodes[i];

		if (node->node->igd && !node->outside)
			failed |= start_fakeigd(lab, node, &processes[i]) < 0;
		else if (node->node->daemon)
			failed |= lab_daemon_start(lab, node) < 0;
	}
	for (size_t i = 0; i < count; i++)
		if (processes[i].pid)
			failed |= settle(lab, &lab->nodes[i], &processes[i]) < 0;
	for (size_t i = 0; i < count; i++) {
		struct lab_node *node = &lab->nodes[i];

		if (node->igd.pid && node->igd.ready >= 0)
			failed |= await_ready(lab, node, deadline) < 0;
		else if (node->node->daemon && node->igd.pid)
			failed |= lab_daemon_ready(lab, node, deadline) < 0;
	}
	free(processes);
	return failed ? -1 : 0;
}
