/* SPDX-License-Identifier: MIT */
/*
 * lab_control.c - connections to a lab: requests in, replies and events out.
 *
 * Theory of operation. A connection has at most one request under way: nothing is read from it
 * before that one is answered, which keeps replies in order however long a router thinks. Whoever
 * does not read what we send gets it queued, up to a limit, and is then cut off. A request that is
 * nonsense is answered with a sentence and costs its sender nothing else.
 */
#include "../fakeigd/base/mem.h"
#include "lab_init.h"
#include "lab_packet.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_MAX 4096 /* packets that somebody does not read */

/** struct packet - one that could not be sent at once */
struct packet {
	json_t *object;
	int fd;
	struct packet *next;
};

/**
 * struct conn - a client
 * @vital:	the lab ends with it
 * @current:	request that is not answered yet
 * @queue, @queued: packets to send, oldest first
 */
struct conn {
	struct lab_init *lab;
	int fd;
	struct loop_source *source;
	bool vital;
	struct request *current;
	struct packet *queue;
	size_t queued;
	struct conn *next;
};

/* ------------------------------------------------------------ sending */

static void free_packet(struct packet *p)
{
	json_decref(p->object);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

/* What we want to hear about: the end always, requests when none is under way. */
static void watch(struct conn *c)
{
	uint32_t events = EPOLLRDHUP;

	if (!c->current)
		events |= EPOLLIN;
	if (c->queue)
		events |= EPOLLOUT;
	loop_change(c->lab->loop, c->source, events);
}

static void flush(struct conn *c)
{
	while (c->queue) {
		struct packet *p = c->queue;
		int error = packet_send(c->fd, p->object, &p->fd, p->fd >= 0, MSG_DONTWAIT);

		if (error == -EAGAIN)
			break;
		c->queue = p->next;
		c->queued--;
		free_packet(p);
	}
}

/* Send or queue; takes both. Never frees the connection: its end comes as an event. */
static void push(struct conn *c, json_t *object, int fd)
{
	struct packet *p = xcalloc(1, sizeof(*p)), **at = &c->queue;

	p->object = object;
	p->fd = fd;
	while (*at)
		at = &(*at)->next;
	*at = p;
	if (++c->queued > QUEUE_MAX)
		shutdown(c->fd, SHUT_RDWR);
	flush(c);
	watch(c);
}

void lab_event_to(struct lab_init *lab, struct conn *conn, json_t *event)
{
	(void)lab;
	push(conn, event, -1);
}

void lab_event_all(struct lab_init *lab, json_t *event)
{
	for (struct conn *c = lab->conns; c; c = c->next)
		push(c, json_incref(event), -1);
	json_decref(event);
}

/* ------------------------------------------------------------ answering */

static void free_request(struct request *rq)
{
	for (size_t i = 0; i < rq->fd_count; i++)
		if (rq->fds[i] >= 0)
			close(rq->fds[i]);
	json_decref(rq->id);
	json_decref(rq->body);
	free(rq);
}

static void answer(struct request *rq, json_t *reply, bool ok, int fd)
{
	struct conn *c = rq->conn;

	json_object_set_new(reply, "ok", json_boolean(ok));
	if (rq->id)
		json_object_set(reply, "id", rq->id);
	if (c) {
		c->current = NULL;
		push(c, reply, fd);
	} else {
		json_decref(reply);
		if (fd >= 0)
			close(fd);
	}
	free_request(rq);
}

void request_reply(struct request *rq, json_t *reply, int fd)
{
	answer(rq, reply ? reply : json_object(), true, fd);
}

void request_fail(struct request *rq, const char *format, ...)
{
	struct buf text = {0};
	va_list ap;

	va_start(ap, format);
	buf_vprintf(&text, format, ap);
	va_end(ap);
	answer(rq, json_pack("{s:s%}", "error", text.data, text.len), false, -1);
	buf_free(&text);
}

void request_fail_diag(struct request *rq, struct diag *d)
{
	size_t len = d->text.len;

	while (len && d->text.data[len - 1] == '\n')
		len--;
	request_fail(rq, "%.*s", (int)len, len ? d->text.data : "");
	diag_free(d);
}

/* ------------------------------------------------------------ reading members */

static const char *kind_of(const json_t *value)
{
	static const char *const kinds[] = {
		[JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",	 [JSON_STRING] = "a string",
		[JSON_INTEGER] = "a number", [JSON_REAL] = "a fraction", [JSON_TRUE] = "true",
		[JSON_FALSE] = "false",	     [JSON_NULL] = "null",
	};

	return value ? kinds[json_typeof(value)] : "nothing";
}

/* A member, or NULL: absent (then *@ok says whether it may be) or null. */
static json_t *member(struct request *rq, const char *key, bool required, bool *ok)
{
	json_t *value = json_object_get(rq->body, key);

	if (json_is_null(value))
		value = NULL;
	*ok = value || !required;
	if (!*ok)
		request_fail(rq, "%s: \"%s\" is missing",
			     json_string_value(json_object_get(rq->body, "op")), key);
	return value;
}

static bool wrong(struct request *rq, const char *key, const char *expected)
{
	request_fail(rq, "%s: \"%s\" is %s, expected %s",
		     json_string_value(json_object_get(rq->body, "op")), key,
		     kind_of(json_object_get(rq->body, key)), expected);
	return false;
}

bool request_string(struct request *rq, const char *key, bool required, const char **out)
{
	bool ok;
	json_t *value = member(rq, key, required, &ok);

	if (!value)
		return ok;
	if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
		return wrong(rq, key, "a string");
	*out = json_string_value(value);
	return true;
}

bool request_integer(struct request *rq, const char *key, bool required, int64_t min, int64_t max,
		     int64_t *out)
{
	bool ok;
	json_t *value = member(rq, key, required, &ok);

	if (!value)
		return ok;
	if (!json_is_integer(value))
		return wrong(rq, key, "a whole number");
	if (json_integer_value(value) < min || json_integer_value(value) > max) {
		request_fail(rq, "\"%s\" is %lld, expected %lld to %lld", key,
			     (long long)json_integer_value(value), (long long)min, (long long)max);
		return false;
	}
	*out = json_integer_value(value);
	return true;
}

bool request_number(struct request *rq, const char *key, double min, double max, double *out)
{
	bool ok;
	json_t *value = member(rq, key, true, &ok);

	if (!value)
		return ok;
	if (!json_is_number(value))
		return wrong(rq, key, "a number");
	*out = json_number_value(value);
	if (isnan(*out) || *out < min || *out > max) {
		request_fail(rq, "\"%s\" is %g, expected %g to %g", key, *out, min, max);
		return false;
	}
	return true;
}

bool request_bool(struct request *rq, const char *key, bool required, bool *out)
{
	bool ok;
	json_t *value = member(rq, key, required, &ok);

	if (!value)
		return ok;
	if (!json_is_boolean(value))
		return wrong(rq, key, "true or false");
	*out = json_is_true(value);
	return true;
}

/* Answer 'unknown KIND "WORD"; did you mean ...?'. */
void request_unknown(struct request *rq, const char *kind, const char *word,
		     const char *const *names, size_t count)
{
	struct diag d = {0};

	diag_unknown(&d, NULL, 0, kind, word, names, count);
	request_fail_diag(rq, &d);
}

struct lab_node *request_node(struct request *rq)
{
	const struct topology *t = rq->lab->topology;
	const char *name = "", **names;
	int index;

	if (!request_string(rq, "node", true, &name))
		return NULL;
	index = topology_node(t, name);
	if (index >= 0 && !rq->lab->nodes[index].outside)
		return &rq->lab->nodes[index];
	if (index >= 0) {
		request_fail(rq, "node %s is a physical router: nothing runs there", name);
		return NULL;
	}
	names = xcalloc(t->node_count, sizeof(*names));
	for (size_t i = 0; i < t->node_count; i++)
		names[i] = t->nodes[i].name;
	request_unknown(rq, "node", name, names, t->node_count);
	free(names);
	return NULL;
}

/* ------------------------------------------------------------ receiving */

static const struct lab_op *find_op(struct request *rq)
{
	const char *op, **names;

	if (!json_is_string(json_object_get(rq->body, "op"))) {
		request_fail(rq, "a request is an object with a string \"op\", as in "
				 "{\"op\": \"info\"}");
		return NULL;
	}
	op = json_string_value(json_object_get(rq->body, "op"));
	for (size_t i = 0; i < lab_op_count; i++)
		if (!strcmp(lab_ops[i].name, op))
			return &lab_ops[i];
	names = xcalloc(lab_op_count, sizeof(*names));
	for (size_t i = 0; i < lab_op_count; i++)
		names[i] = lab_ops[i].name;
	request_unknown(rq, "op", op, names, lab_op_count);
	free(names);
	return NULL;
}

/* A misspelt member would otherwise be ignored. */
static bool known_members(struct request *rq, const struct lab_op *op)
{
	const char *key;
	json_t *value;

	json_object_foreach(rq->body, key, value)
	{
		const char *names[16] = {"op", "id"};
		bool known = false;
		size_t count = 2;

		for (; op->keys[count - 2]; count++)
			names[count] = op->keys[count - 2];
		for (size_t i = 0; i < count; i++)
			known |= !strcmp(names[i], key);
		if (!known) {
			request_unknown(rq, "member", key, names, count);
			return false;
		}
	}
	return true;
}

static void handle(struct conn *c, json_t *body, const int *fds, size_t count)
{
	struct request *rq = xcalloc(1, sizeof(*rq));
	const struct lab_op *op;

	rq->lab = c->lab;
	rq->conn = c;
	rq->body = body;
	rq->id = json_incref(json_object_get(body, "id"));
	for (size_t i = 0; i < count; i++) {
		if (rq->fd_count < LAB_FDS_MAX)
			rq->fds[rq->fd_count++] = fds[i];
		else
			close(fds[i]);
	}
	c->current = rq;
	watch(c);
	op = find_op(rq);
	if (op && known_members(rq, op))
		op->fn(c->lab, rq);
}

static void complain(struct conn *c, const char *text)
{
	push(c, json_pack("{s:b, s:s}", "ok", 0, "error", text), -1);
}

static void hang_up(struct conn *c)
{
	struct conn **at = &c->lab->conns;

	if (c->vital)
		_exit(0);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (c->current)
		c->current->conn = NULL;
	lab_programs_hangup(c->lab, c);
	while (c->queue) {
		struct packet *p = c->queue;

		c->queue = p->next;
		free_packet(p);
	}
	loop_unwatch(c->lab->loop, c->source);
	close(c->fd);
	free(c);
}

static void on_conn(void *arg, int fd, uint32_t events)
{
	struct conn *c = arg;
	int fds[PACKET_FDS_MAX], come;
	size_t count = 0;
	json_t *body;

	if (events & EPOLLOUT) {
		flush(c);
		watch(c);
	}
	if (!(events & EPOLLIN) || c->current) {
		if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			hang_up(c);
		return;
	}
	come = packet_receive(fd, &body, fds, &count, MSG_DONTWAIT);
	if (come > 0 && body) {
		handle(c, body, fds, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	if (come > 0)
		complain(c, "a request is one JSON object per packet");
	else if (come == -EMSGSIZE)
		complain(c, "the request is too long for a packet");
	else if (come != -EAGAIN)
		hang_up(c);
}

void lab_serve(struct lab_init *lab, int fd, bool vital)
{
	struct conn *c = xcalloc(1, sizeof(*c));

	c->lab = lab;
	c->fd = fd;
	c->vital = vital;
	c->source = loop_watch(lab->loop, fd, EPOLLIN | EPOLLRDHUP, on_conn, c);
	c->next = lab->conns;
	lab->conns = c;
}

static void on_listener(void *arg, int fd, uint32_t events)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	(void)events;
	if (conn < 0)
		return;
	/*
	 * Whoever started the lab is 0 in its user namespace; everybody else, where only one ID is
	 * mapped, is the overflow ID.
	 */
	if (getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != 0) {
		json_t *reply = json_pack("{s:b, s:s}", "ok", 0, "error",
					  "this lab belongs to another user");

		packet_send(conn, reply, NULL, 0, MSG_DONTWAIT);
		json_decref(reply);
		close(conn);
		return;
	}
	lab_serve(arg, conn, false);
}

void lab_listen(struct lab_init *lab, int listener)
{
	loop_watch(lab->loop, listener, EPOLLIN, on_listener, lab);
}
