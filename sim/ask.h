/* SPDX-License-Identifier: MIT */
/* ask.h - requests to a lab (lab.h) in the form that the verbs need them. */
#ifndef SIM_ASK_H
#define SIM_ASK_H

#include "cmd.h"
#include "lab.h"

#include <jansson.h>

/**
 * ask_json() - ask, and take a refusal apart
 * @request:	stolen
 * @why:	gets the lab's sentence (caller frees) when it refused or is gone; may be NULL
 *
 * Return: the reply (caller decrefs), or NULL.
 */
json_t *ask_json(struct lab *lab, json_t *request, char **why);
/** ask_op() - the same for {"op": @op} alone. */
json_t *ask_op(struct lab *lab, const char *op, char **why);
/**
 * ask_router() - ask the fakeigd of @node; @request is stolen
 *
 * Return: fakeigd's reply (caller decrefs), or NULL: no fakeigd there, or it refused.
 */
json_t *ask_router(struct lab *lab, const char *node, json_t *request, char **why);
/**
 * ask_socket() - a socket in a node
 * @domain:	"inet", "inet6", "packet"
 * @type:	"stream", "dgram", "raw"
 *
 * Return: descriptor (CLOEXEC, blocking), or -1.
 */
int ask_socket(struct lab *lab, const char *node, const char *domain, const char *type, char **why);
/**
 * ask_exec() - start a program in a node
 * @fds:	its stdin, stdout and stderr
 * @cwd:	working directory, NULL = the lab's choice
 * @tty:	make stdin its controlling terminal
 *
 * Return: its process id inside the lab, or -1.
 */
long ask_exec(struct lab *lab, const char *node, char *const *argv, int argc, const int fds[3],
	      const char *cwd, bool tty, char **why);
/** ask_signal() - send a signal to a program started with ask_exec(). */
void ask_signal(struct lab *lab, long pid, int number);
/**
 * ask_exited() - whether @event is the end of @pid
 * @status:	exit status as a shell tells it: 128 + N after signal N
 */
bool ask_exited(const json_t *event, long pid, int *status);
/** ask_end() - take the lab down and wait until it is gone; closes @lab. */
void ask_end(struct lab *lab);

/**
 * lab_pick() - the lab that a command line means
 * @name:	as typed, NULL = the only one that runs
 *
 * Return: 0 with @out connected and @picked set (caller frees), or an exit status after a complaint
 * that lists the labs that run.
 */
int lab_pick(const struct cmd *cmd, const char *name, struct lab *out, char **picked);
/**
 * lab_pick_node() - the same for "[N:]NODE"
 * @node:	gets the node's name (points into @text)
 */
int lab_pick_node(const struct cmd *cmd, const char *text, struct lab *out, const char **node);

#endif
