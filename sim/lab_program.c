/* SPDX-License-Identifier: MIT */
/* lab_program.c - programs that somebody starts in a node: "exec", "kill", and their ends. */
#include "../fakeigd/base/mem.h"
#include "lab_init.h"
#include "mount.h"
#include "process.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/**
 * struct launch - an "exec" while it is being carried out
 * @argv:	owned array, strings of the request
 * @changes:	environment, "NAME=value" or "NAME"; owned
 * @paths:	host paths that the program needs to see; owned
 */
struct launch {
	struct request *rq;
	struct lab_node *node;
	const char *cwd;
	bool tty;
	char **argv;
	size_t argc;
	char **changes;
	size_t change_count;
	char **paths;
	size_t path_count;
};

static void append(char ***list, size_t *count, char *text)
{
	*list = xrealloc(*list, (*count + 2) * sizeof(**list));
	(*list)[(*count)++] = text;
	(*list)[*count] = NULL;
}

static void free_list(char **list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(list[i]);
	free(list);
}

static void free_launch(struct launch *l)
{
	free(l->argv);
	free_list(l->changes, l->change_count);
	free_list(l->paths, l->path_count);
}

/* Text without a NUL inside. */
static const char *plain_text(const json_t *value)
{
	const char *text = json_string_value(value);

	return text && strlen(text) == json_string_length(value) ? text : NULL;
}

static bool read_argv(struct launch *l)
{
	json_t *list = json_object_get(l->rq->body, "argv");

	if (!json_array_size(list)) {
		request_fail(l->rq, "exec: \"argv\" is missing or empty, expected a list of "
				    "strings: the program and its arguments");
		return false;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *word = plain_text(json_array_get(list, i));

		if (!word || (i == 0 && !*word)) {
			request_fail(l->rq,
				     "exec: \"argv\" is a list of strings; number %zu is "
				     "not one",
				     i);
			return false;
		}
		append(&l->argv, &l->argc, (char *)word);
	}
	return true;
}

static bool read_env(struct launch *l)
{
	json_t *env = json_object_get(l->rq->body, "env"), *value;
	const char *tmpdir = getenv("TMPDIR"), *key;

	append(&l->changes, &l->change_count,
	       xasprintf("IGDLAB_LAB=%s",
			 l->rq->lab->options->name ? l->rq->lab->options->name : ""));
	append(&l->changes, &l->change_count, xasprintf("IGDLAB_NODE=%s", l->node->node->name));
	/* A folder of the host's that the node does not have. */
	if (tmpdir && mount_covered(tmpdir))
		append(&l->changes, &l->change_count, xstrdup("TMPDIR"));
	if (env && !json_is_object(env) && !json_is_null(env)) {
		request_fail(l->rq, "exec: \"env\" is an object of strings (null takes a variable "
				    "away)");
		return false;
	}
	json_object_foreach(env, key, value)
	{
		const char *text = plain_text(value);

		if ((!text && !json_is_null(value)) || !*key || strchr(key, '=')) {
			request_fail(l->rq, "exec: \"env\": the value of \"%s\" is no string", key);
			return false;
		}
		append(&l->changes, &l->change_count,
		       text ? xasprintf("%s=%s", key, text) : xstrdup(key));
	}
	return true;
}

/* PATH as the program will have it. */
static const char *search_path(const struct launch *l)
{
	const char *path = getenv("PATH");

	for (size_t i = 0; i < l->change_count; i++)
		if (!strncmp(l->changes[i], "PATH=", 5))
			path = l->changes[i] + 5;
	return path ? path : "/usr/local/bin:/usr/bin:/bin";
}

/* Where argv[0] is on the host, resolved; NULL = nowhere. Caller frees. */
static char *find_program(const struct launch *l)
{
	const char *name = l->argv[0], *path = search_path(l);
	char *full, *found;

	if (strchr(name, '/')) {
		full = name[0] == '/' ? xstrdup(name) : xasprintf("%s/%s", l->cwd, name);
		found = realpath(full, NULL);
		free(full);
		return found;
	}
	for (found = NULL; *path && !found; path += strcspn(path, ":"), path += *path == ':') {
		full = xasprintf("%.*s/%s", (int)strcspn(path, ":"), path, name);
		if (access(full, X_OK) == 0)
			found = realpath(full, NULL);
		free(full);
	}
	return found;
}

/* What the program cannot do without: its working directory, the folder that it lies in (libraries
 * and data beside it), and what its arguments name. */
static void find_paths(struct launch *l)
{
	char *program = find_program(l);

	append(&l->paths, &l->path_count, xstrdup(l->cwd));
	for (size_t i = 1; i < l->argc; i++)
		if (mount_covered(l->argv[i]))
			append(&l->paths, &l->path_count, xstrdup(l->argv[i]));
	if (program) {
		char *folder = xstrndup(program, (size_t)(strrchr(program, '/') - program));

		append(&l->paths, &l->path_count, mount_covered(folder) ? folder : program);
		free(mount_covered(folder) ? program : folder);
	}
}

/* Where output goes that nobody asked for: NODE.log, else nowhere. */
static int lab_node_output(struct lab_init *lab, struct lab_node *node)
{
	if (node->output < 0)
		node->output = lab_evidence_file(lab, node->node->name, "log");
	return node->output >= 0 ? node->output : lab->null;
}

/* Return: the child, or 0 after request_fail(). */
static pid_t launch(struct launch *l)
{
	struct lab_init *lab = l->rq->lab;
	struct process_spec spec = {.netns = l->node->netns,
				    .mntns = l->node->mntns,
				    .cwd = l->cwd,
				    .cwd_fd = -1,
				    .argv = l->argv,
				    .tty = l->tty};
	struct process process;
	const char *step = "start a process for";
	int error;

	for (size_t i = 0; i < 3; i++)
		spec.fds[i] = i < l->rq->fd_count ? l->rq->fds[i]
			      : i == 0		  ? lab->null
						  : lab_node_output(lab, l->node);
	spec.fd_count = 3;
	spec.envp = process_environment((const char *const *)l->changes, l->change_count);
	error = process_start(&spec, &process);
	if (!error)
		error = process_settle(&process, &step);
	free(spec.envp);
	if (!error)
		return process.pid;
	if (!strcmp(step, "execute"))
		request_fail(l->rq, "%s: %s", l->argv[0], strerror(-error));
	else
		request_fail(l->rq, "%s: cannot %s: %s", l->argv[0], step, strerror(-error));
	return 0;
}

void lab_op_exec(struct lab_init *lab, struct request *rq)
{
	struct launch l = {.rq = rq, .cwd = "/"};
	struct diag d = {0};
	struct program *program;
	pid_t pid = 0;

	l.node = request_node(rq);
	if (!l.node)
		return;
	if (!request_string(rq, "cwd", false, &l.cwd) || !request_bool(rq, "tty", false, &l.tty))
		return;
	if (!read_argv(&l) || !read_env(&l)) {
		free_launch(&l);
		return;
	}
	find_paths(&l);
	if (lab_node_mounts(lab, l.node, (const char *const *)l.paths, l.path_count, &d))
		request_fail_diag(rq, &d);
	else
		pid = launch(&l);
	free_launch(&l);
	if (!pid)
		return;
	program = xcalloc(1, sizeof(*program));
	program->pid = pid;
	program->conn = rq->conn;
	program->next = lab->programs;
	lab->programs = program;
	request_reply(rq, json_pack("{s:i}", "pid", (int)pid), -1);
}

void lab_op_kill(struct lab_init *lab, struct request *rq)
{
	int64_t pid = 0, number = SIGTERM;
	bool group = false;

	(void)lab;
	if (!request_integer(rq, "pid", true, 2, INT_MAX, &pid) ||
	    !request_integer(rq, "signal", false, 0, SIGRTMAX, &number) ||
	    !request_bool(rq, "group", false, &group))
		return;
	if (kill((pid_t)(group ? -pid : pid), (int)number) < 0)
		request_fail(rq, "process %d: %s", (int)pid, strerror(errno));
	else
		request_reply(rq, NULL, -1);
}

void lab_programs_hangup(struct lab_init *lab, struct conn *conn)
{
	for (struct program *p = lab->programs; p; p = p->next) {
		if (p->conn != conn)
			continue;
		p->conn = NULL;
		/* As a terminal does to what it leaves behind; the leader's group is its pid. */
		kill(-p->pid, SIGHUP);
		kill(-p->pid, SIGCONT);
	}
}

json_t *lab_exit_event(const char *event, pid_t pid, int status)
{
	bool killed = WIFSIGNALED(status);

	return json_pack("{s:s, s:i, s:i}", "event", event, "pid", (int)pid,
			 killed ? "signal" : "code",
			 killed ? WTERMSIG(status) : WEXITSTATUS(status));
}

static bool program_ended(struct lab_init *lab, pid_t pid, int status)
{
	for (struct program **at = &lab->programs; *at; at = &(*at)->next) {
		struct program *p = *at;

		if (p->pid != pid)
			continue;
		*at = p->next;
		if (p->conn)
			lab_event_to(lab, p->conn, lab_exit_event("exit", pid, status));
		free(p);
		return true;
	}
	return false;
}

static void ended(struct lab_init *lab, pid_t pid, int status)
{
	if (program_ended(lab, pid, status))
		return;
	for (size_t i = 0; i < lab->topology->node_count; i++) {
		if (lab->nodes[i].igd.pid == pid) {
			lab_router_died(lab, &lab->nodes[i], status);
			return;
		}
	}
	if (lab->capture && capture_owns(lab->capture, pid)) {
		lab->capture_died = true;
		lab_event_all(lab, lab_exit_event("capture-died", pid, status));
	}
	/* Anything else is an orphan that came to us to be reaped. */
}

void lab_reap(struct lab_init *lab)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		ended(lab, pid, status);
	lab_finish_turn(lab);
}
