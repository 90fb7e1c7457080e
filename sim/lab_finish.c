/* SPDX-License-Identifier: MIT */
/*
 * lab_finish.c - "finish": end what runs in the nodes and complete the evidence; the lab stays.
 *
 * Theory of operation. First every program of the nodes is told to end (SIGTERM), after half a
 * second it is killed; then the fakeigds quit, which says goodbye on the network and completes
 * their journals; then the capture is drained and closed. Programs are found by number: whatever
 * process of our PID namespace is not ourselves, a fakeigd or the capture. Each end of a process
 * brings us here again (lab_finish_turn()); nothing is waited for.
 */
#include "../fakeigd/base/mem.h"
#include "lab_init.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_MS 500

enum finish_state {
	FINISH_PROGRAMS,
	FINISH_ROUTERS,
	FINISH_DONE,
};

/**
 * struct finish - a "finish" under way, or done
 * @waiting:	requests that want the answer
 * @timer:	timerfd: then programs are killed
 * @result:	the answer, kept for whoever asks again
 */
struct finish {
	enum finish_state state;
	struct request **waiting;
	size_t count;
	int timer;
	struct loop_source *timer_source;
	json_t *result;
};

static bool is_ours(struct lab_init *lab, pid_t pid)
{
	for (size_t i = 0; i < lab->topology->node_count; i++)
		if (lab->nodes[i].node->igd && lab->nodes[i].igd.pid == pid)
			return true;
	return lab->capture && capture_owns(lab->capture, pid);
}

/* No process of ours has a higher number. Numbers are given out in turn: a new one tells. */
static pid_t highest_pid(void)
{
	static pid_t before;
	FILE *file;
	int limit;
	/* Without SIGCHLD at its end, which would bring us here again. */
	pid_t pid = (pid_t)syscall(SYS_clone, 0UL, 0, NULL, NULL, 0);

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, __WALL);
	if (pid > before)
		return before = pid;
	/* They have come round: look at all there can be. */
	file = fopen("/proc/sys/kernel/pid_max", "re");
	if (!file || fscanf(file, "%d", &limit) != 1)
		limit = 1 << 22;
	if (file)
		fclose(file);
	return limit;
}

/* Send @number to every program of the nodes (0 = only count them). */
static size_t signal_programs(struct lab_init *lab, int number)
{
	pid_t highest = highest_pid();
	size_t count = 0;

	for (pid_t pid = 2; pid < highest; pid++) {
		if (kill(pid, 0) < 0 || is_ours(lab, pid))
			continue;
		count++;
		if (number)
			kill(pid, number);
		if (number == SIGTERM)
			kill(pid, SIGCONT);
	}
	return count;
}

static json_t *close_capture(struct lab_init *lab)
{
	struct capture_totals totals = {0};
	json_t *links = json_array(), *result;
	int error = 0;

	for (size_t i = 0; i < lab->capture_link_count; i++)
		json_array_append_new(links, json_string(lab->capture_links[i].name));
	if (lab->capture)
		error = capture_stop(lab->capture, &totals);
	lab->capture = NULL;
	result = json_pack("{s:I, s:I, s:o}", "packets", (json_int_t)totals.packets, "dropped",
			   (json_int_t)totals.dropped, "links", links);
	if (error || lab->capture_died)
		json_object_set_new(result, "capture_error",
				    json_string(lab->capture_died ? "the capture was killed"
								  : strerror(-error)));
	return result;
}

static void complete(struct lab_init *lab)
{
	struct finish *f = lab->finish;

	for (size_t i = 0; i < lab->topology->node_count; i++)
		lab_syslog_drain(&lab->nodes[i]);
	f->result = close_capture(lab);
	f->state = FINISH_DONE;
	for (size_t i = 0; i < f->count; i++)
		request_reply(f->waiting[i], json_copy(f->result), -1);
	free(f->waiting);
	f->waiting = NULL;
	f->count = 0;
}

static void ignore_reply(struct lab_init *lab, void *arg, json_t *reply)
{
	(void)lab;
	(void)arg;
	(void)reply;
}

static void quit_routers(struct lab_init *lab)
{
	lab->finish->state = FINISH_ROUTERS;
	loop_unwatch(lab->loop, lab->finish->timer_source);
	lab->finish->timer_source = NULL;
	close(lab->finish->timer);
	for (size_t i = 0; i < lab->topology->node_count; i++) {
		struct lab_node *node = &lab->nodes[i];

		node->igd.stopping = true;
		if (node->igd.control >= 0)
			lab_router_call(lab, node, json_pack("{s:s}", "op", "quit"), ignore_reply,
					NULL);
	}
}

static bool routers_run(struct lab_init *lab)
{
	for (size_t i = 0; i < lab->topology->node_count; i++)
		if (lab->nodes[i].node->igd && lab->nodes[i].igd.pid)
			return true;
	return false;
}

void lab_finish_turn(struct lab_init *lab)
{
	if (!lab->finish || lab->finish->state == FINISH_DONE)
		return;
	if (lab->finish->state == FINISH_PROGRAMS && !signal_programs(lab, 0))
		quit_routers(lab);
	if (lab->finish->state == FINISH_ROUTERS && !routers_run(lab))
		complete(lab);
}

static void on_timer(void *arg, int fd, uint32_t events)
{
	uint64_t times;

	(void)events;
	if (read(fd, &times, sizeof(times)) > 0)
		signal_programs(arg, SIGKILL);
}

void lab_op_finish(struct lab_init *lab, struct request *rq)
{
	struct itimerspec grace = {.it_value.tv_nsec = GRACE_MS * 1000000};
	struct finish *f = lab->finish;

	if (f && f->state == FINISH_DONE) {
		request_reply(rq, json_copy(f->result), -1);
		return;
	}
	if (!f) {
		f = lab->finish = xcalloc(1, sizeof(*f));
		/* Daemons are programs as well here; their end is wanted. */
		for (size_t i = 0; i < lab->topology->node_count; i++)
			lab->nodes[i].igd.stopping |= lab->nodes[i].node->daemon != NULL;
		f->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
		timerfd_settime(f->timer, 0, &grace, NULL);
		f->timer_source = loop_watch(lab->loop, f->timer, EPOLLIN, on_timer, lab);
		signal_programs(lab, SIGTERM);
	}
	f->waiting = xrealloc(f->waiting, (f->count + 1) * sizeof(struct request *));
	f->waiting[f->count++] = rq;
	lab_finish_turn(lab);
}
