/* SPDX-License-Identifier: MIT */
/*
 * control.c - the control socket (see control.h for the requests).
 *
 * Theory of operation: each client is a SOCK_SEQPACKET connection, so a message is a request and
 * nothing has to be framed. Requests are done when they are read, one after the other. Those that
 * change time ("advance", "wake") and "sync" are answered only after the loop has gone round
 * without anything having been read from the network, timers that became due included; so whoever
 * has the reply may look at journal and table. Replies never block: a client that does not read
 * them is dropped.
 */
#include "control.h"

#include "base/doc.h"
#include "base/mem.h"
#include "control_pinhole.h"
#include "description.h"
#include "forward.h"
#include "gena.h"
#include "http.h"
#include "journal.h"
#include "portmap.h"
#include "profile.h"
#include "router.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define QUIET_TURNS	  2    /* turns without a byte from the network: all was handled */
#define QUIET_TURNS_MAX	  1000 /* then it is answered although the network never rests */
#define MAPPING_BYTES_MAX 2048 /* room that is left free for one more mapping of a "state" */

/**
 * struct control_client - one connection
 * @waiting:	its reply comes when the network is quiet
 * @seen:	router->handled one turn ago
 * @quiet, @turns: quiet turns in a row, and turns waited so far
 */
struct control_client {
	struct control *control;
	struct control_client *next;
	int fd;
	struct loop_source *source;
	bool waiting;
	uint64_t seen;
	unsigned quiet;
	unsigned turns;
};

/**
 * struct control - the control socket
 * @turn, @turn_source: an eventfd that is readable while somebody waits, so that the loop goes
 *		round at once (a timer would cost a millisecond per turn)
 */
struct control {
	struct router *router;
	int turn;
	struct loop_source *turn_source;
	int listener;
	struct loop_source *source;
	char *path;
	struct control_client *clients;
	char in[CONTROL_MESSAGE_MAX];
};

/** operation_fn - do a request. Return: the reply, or NULL: it comes after a quiet turn */
typedef json_t *operation_fn(struct control_client *client, const json_t *request);

static json_t *fine(void)
{
	return json_pack("{s:b}", "ok", 1);
}

static json_t *refused(const char *format, ...) __attribute__((format(printf, 1, 2)));

static json_t *refused(const char *format, ...)
{
	struct buf text = {0};
	json_t *reply;
	va_list ap;

	va_start(ap, format);
	buf_vprintf(&text, format, ap);
	va_end(ap);
	while (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	reply = json_pack("{s:b, s:s}", "ok", 0, "error", text.data ? text.data : "");
	buf_free(&text);
	return reply ? reply : json_pack("{s:b, s:s}", "ok", 0, "error", "request is not UTF-8");
}

static void client_free(struct control_client *client)
{
	struct control *c = client->control;
	struct control_client **at = &c->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	loop_unwatch(c->router->loop, client->source);
	close(client->fd);
	free(client);
}

/* Send a reply (reference is stolen). False when the client was dropped. */
static bool send_reply(struct control_client *client, json_t *reply)
{
	char *text = json_dumps(reply, JSON_COMPACT);
	ssize_t done = send(client->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);

	free(text);
	json_decref(reply);
	if (done >= 0)
		return true;
	client_free(client);
	return false;
}

/* A waiting client, one turn later. Return: whether it waits on. */
static bool still_waits(struct control_client *client)
{
	struct router *r = client->control->router;

	client->quiet = r->handled == client->seen ? client->quiet + 1 : 0;
	client->seen = r->handled;
	if (client->quiet < QUIET_TURNS && ++client->turns < QUIET_TURNS_MAX)
		return true;
	client->waiting = false;
	if (send_reply(client, fine()))
		loop_change(r->loop, client->source, EPOLLIN);
	return false;
}

static void next_turn(const struct control *c)
{
	if (eventfd_write(c->turn, 1) < 0)
		abort(); /* only a counter near 2^64 can refuse */
}

static void turn_ready(void *arg, int fd, uint32_t events)
{
	struct control *c = arg;
	struct control_client *next;
	eventfd_t value;
	bool more = false;

	(void)events;
	eventfd_read(fd, &value);
	for (struct control_client *client = c->clients; client; client = next) {
		next = client->next;
		if (client->waiting)
			more |= still_waits(client);
	}
	if (more)
		next_turn(c);
}

static json_t *when_quiet(struct control_client *client)
{
	/* Replies come in the order of the requests: no further one is read until this is done. */
	loop_change(client->control->router->loop, client->source, 0);
	client->waiting = true;
	client->seen = client->control->router->handled;
	client->quiet = 0;
	client->turns = 0;
	next_turn(client->control);
	return NULL;
}

static json_t *address_json(struct in_addr address)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &address, text, sizeof(text));
	return json_string(text);
}

/* Text of the network as JSON: bytes that are no UTF-8 are Latin-1 then. */
static json_t *text_json(const char *text)
{
	json_t *value = json_string(text);
	struct buf wide = {0};

	if (value)
		return value;
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x80)
			buf_putc(&wide, (char)c);
		else
			buf_printf(&wide, "%c%c", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
	}
	value = json_string(wide.data);
	buf_free(&wide);
	return value;
}

static json_t *mapping_json(const struct mapping *m)
{
	static const char *const origins[] = {
		[PORTMAP_IGD] = "igd",
		[PORTMAP_NATPMP] = "nat-pmp",
		[PORTMAP_PCP] = "pcp",
		[PORTMAP_STATIC] = "static",
	};

	json_t *one = json_pack(
		"{s:s, s:i, s:o, s:i, s:o, s:b, s:o, s:I, s:I, s:s, s:o}", "protocol",
		m->protocol == IPPROTO_TCP ? "TCP" : "UDP", "external_port", m->external_port,
		"internal_client", address_json(m->internal_client), "internal_port",
		m->internal_port, "remote_host",
		m->remote_host.s_addr ? address_json(m->remote_host) : json_string(""), "enabled",
		m->enabled, "description", text_json(m->description ? m->description : ""), "lease",
		(json_int_t)m->lease, "remaining", (json_int_t)portmap_remaining(m), "origin",
		origins[m->origin], "owner", address_json(m->owner));

	if (m->wan_port)
		json_object_set_new(one, "wan_port", json_integer(m->wan_port));
	return one;
}

/* The mappings from @first on that fit into a message beside what @reply holds already. */
static void add_mappings(const struct router *r, json_t *reply, size_t first)
{
	json_t *list = json_array();
	size_t room = CONTROL_MESSAGE_MAX - MAPPING_BYTES_MAX, count = portmap_count(r->portmap);
	size_t at, used = json_dumpb(reply, NULL, 0, JSON_COMPACT);

	for (at = first; at < count; at++) {
		json_t *one = mapping_json(portmap_at(r->portmap, at));
		size_t len = json_dumpb(one, NULL, 0, JSON_COMPACT) + 1;

		if (used + len > room && at > first) {
			json_decref(one);
			break;
		}
		json_array_append_new(list, one);
		used += len;
	}
	json_object_set_new(reply, "mappings", list);
	if (at < count)
		json_object_set_new(reply, "next", json_integer((json_int_t)at));
}

/* KiB of memory that are ours alone or shared, from the kernel; 0 when it does not tell. */
static json_int_t resident_memory(void)
{
	long long size = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%lld %lld", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return resident * sysconf(_SC_PAGESIZE) / 1024;
}

static json_t *op_state(struct control_client *client, const json_t *request)
{
	const struct router *r = client->control->router;
	json_int_t first = json_integer_value(json_object_get(request, "first"));
	struct forward_counters c = {0};
	struct buf location = {0};
	json_t *reply;

	if (first < 0)
		return refused("\"first\" is below 0");
	forward_counters(r->forward, &c);
	if (r->lans)
		description_location(r, &r->lan[0], !r->lan[0].address.s_addr, &location);
	reply = json_pack(
		"{s:b, s:s, s:s, s:{s:s, s:s, s:f, s:o, s:o}, s:i, s:f, s:f, s:I, s:I, s:I, s:I, "
		"s:i, "
		"s:I, s:{s:I, s:I, s:I, s:I}}",
		"ok", 1, "router", r->name, "profile", r->profile->name, "wan", "status",
		wan_status_text(r->wan_state), "error", r->wan_error, "since",
		(double)(r->wan_since - r->booted) / 1e6, "address", address_json(r->wan.address),
		"external_address", address_json(r->external), "subscriptions",
		(int)gena_count(r->gena), "clock", (double)(clock_now() - r->booted) / 1e6,
		"offset", (double)clock_offset() / 1e6, "boot_id", (json_int_t)r->boot_id,
		"config_id", (json_int_t)r->config_id, "system_update_id",
		(json_int_t)portmap_update_id(r->portmap), "count",
		(json_int_t)portmap_count(r->portmap), "http_port", (int)http_port(r->http),
		"memory_kib", resident_memory(), "counters", "bytes_sent", (json_int_t)c.bytes_sent,
		"bytes_received", (json_int_t)c.bytes_received, "packets_sent",
		(json_int_t)c.packets_sent, "packets_received", (json_int_t)c.packets_received);
	json_object_set_new(reply, "location", json_string(location.data ? location.data : ""));
	buf_free(&location);
	add_mappings(r, reply, (size_t)first);
	return reply;
}

static json_t *op_advance(struct control_client *client, const json_t *request)
{
	const json_t *seconds = json_object_get(request, "seconds");
	double value = json_number_value(seconds);

	if (!json_is_number(seconds) || !(value >= 0) || value > 1e9)
		return refused("\"seconds\" must be a number from 0 to 1e9");
	clock_advance((int64_t)(value * 1e6 + 0.5));
	return when_quiet(client);
}

static json_t *op_quiet(struct control_client *client, const json_t *request)
{
	(void)request;
	return when_quiet(client);
}

static json_t *op_reboot(struct control_client *client, const json_t *request)
{
	(void)request;
	router_reboot(client->control->router);
	return fine();
}

static json_t *op_reset(struct control_client *client, const json_t *request)
{
	(void)request;
	router_reset(client->control->router);
	return fine();
}

static json_t *op_wan(struct control_client *client, const json_t *request)
{
	const char *status = json_string_value(json_object_get(request, "status"));

	if (status && !strcmp(status, "up"))
		router_set_wan(client->control->router, WAN_CONNECTED, "ERROR_NONE");
	else if (status && !strcmp(status, "down"))
		router_set_wan(client->control->router, WAN_DISCONNECTED, "ERROR_NO_CARRIER");
	else
		return refused("\"status\" must be \"up\" or \"down\"");
	return fine();
}

static json_t *op_renumber(struct control_client *client, const json_t *request)
{
	const char *text = json_string_value(json_object_get(request, "address"));
	struct in_addr address;
	int error;

	if (!text || inet_pton(AF_INET, text, &address) != 1)
		return refused("\"address\" must be an IPv4 address");
	error = router_renumber(client->control->router, address);
	return error ? refused("cannot change the WAN address: %s", strerror(-error)) : fine();
}

static json_t *op_pinholes(struct control_client *client, const json_t *request)
{
	return control_pinholes(client->control->router,
				json_integer_value(json_object_get(request, "first")));
}

static json_t *op_firewall(struct control_client *client, const json_t *request)
{
	const char *wrong = control_firewall(client->control->router, request);

	return wrong ? refused("%s", wrong) : fine();
}

static json_t *op_add_rule(struct control_client *client, const json_t *request)
{
	struct router *r = client->control->router;
	const json_t *rule = json_object_get(request, "rule");
	struct diag d = {0};
	struct doc *doc;
	unsigned id;
	json_t *reply;

	if (!json_is_object(rule))
		return refused("\"rule\" must be an object");
	if (!r->rules)
		r->rules = r->profile->rules = rules_new(NULL, &d);
	doc = doc_from_json(rule, "rule");
	id = r->rules ? rules_add(r->rules, doc, &d) : 0;
	doc_free(doc);
	reply = id ? json_pack("{s:b, s:I}", "ok", 1, "id", (json_int_t)id)
		   : refused("%s", d.text.data ? d.text.data : "not a rule");
	diag_free(&d);
	return reply;
}

static json_t *op_remove_rule(struct control_client *client, const json_t *request)
{
	struct router *r = client->control->router;
	json_int_t id = json_integer_value(json_object_get(request, "id"));

	if (!r->rules || id <= 0 || !rules_remove(r->rules, (unsigned)id))
		return refused("no rule with that \"id\" was added");
	return fine();
}

static json_t *op_reload(struct control_client *client, const json_t *request)
{
	struct diag d = {0};
	json_t *reply;

	(void)request;
	reply = router_reload(client->control->router, &d) ? refused("%s", d.text.data) : fine();
	diag_free(&d);
	return reply;
}

static json_t *op_quit(struct control_client *client, const json_t *request)
{
	(void)request;
	loop_stop(client->control->router->loop, 0);
	return fine();
}

static const struct {
	const char *name;
	operation_fn *perform;
} operations[] = {
	{"state", op_state},	   {"advance", op_advance},   {"wake", op_quiet},
	{"reboot", op_reboot},	   {"reset", op_reset},	      {"wan", op_wan},
	{"renumber", op_renumber}, {"add-rule", op_add_rule}, {"remove-rule", op_remove_rule},
	{"reload", op_reload},	   {"quit", op_quit},	      {"sync", op_quiet},
	{"pinholes", op_pinholes}, {"firewall", op_firewall},
};

static json_t *unknown_operation(const char *name)
{
	const char *names[ARRAY_SIZE(operations)];
	struct diag d = {0};
	json_t *reply;

	for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
		names[i] = operations[i].name;
	diag_unknown(&d, NULL, 0, "operation", name, names, ARRAY_SIZE(names));
	reply = refused("%s", d.text.data);
	diag_free(&d);
	return reply;
}

static json_t *perform(struct control_client *client, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "op"));

	if (!name)
		return refused("a request is an object with \"op\"");
	if (strcmp(name, "state") && strcmp(name, "sync") && strcmp(name, "wake") &&
	    strcmp(name, "pinholes"))
		journal_write(client->control->router->journal, JOURNAL_RECEIVED, "control", NULL,
			      NULL, name, "{s:O}", "request", request);
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
		if (!strcmp(operations[i].name, name))
			return operations[i].perform(client, request);
	return unknown_operation(name);
}

static void client_ready(void *arg, int fd, uint32_t events)
{
	struct control_client *client = arg;
	struct control *c = client->control;
	ssize_t len = recv(fd, c->in, sizeof(c->in), MSG_DONTWAIT | MSG_TRUNC);
	json_error_t error;
	json_t *request, *reply;

	(void)events;
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		client_free(client);
		return;
	}
	if ((size_t)len > sizeof(c->in)) {
		send_reply(client, refused("request is longer than %d bytes", CONTROL_MESSAGE_MAX));
		return;
	}
	request = json_loadb(c->in, (size_t)len, JSON_REJECT_DUPLICATES, &error);
	reply = request ? perform(client, request) : refused("not JSON: %s", error.text);
	json_decref(request);
	if (reply)
		send_reply(client, reply);
}

static void client_new(struct control *c, int fd)
{
	struct control_client *client = xcalloc(1, sizeof(*client));

	client->control = c;
	client->fd = fd;
	client->next = c->clients;
	c->clients = client;
	client->source = loop_watch(c->router->loop, fd, EPOLLIN, client_ready, client);
}

static void listener_ready(void *arg, int fd, uint32_t events)
{
	int got = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (got >= 0)
		client_new(arg, got);
}

/* A socket file that a killed process left behind: nobody listens any more. */
static bool is_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	bool stale = fd >= 0 &&
		     connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
		     errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return stale;
}

static int listen_at(struct control *c, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct sockaddr *generic = (const struct sockaddr *)&address;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	c->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->listener < 0)
		return -errno;
	if (bind(c->listener, generic, sizeof(address)) < 0 &&
	    (errno != EADDRINUSE || !is_stale(&address) || unlink(path) < 0 ||
	     bind(c->listener, generic, sizeof(address)) < 0))
		return -errno;
	c->path = xstrdup(path);
	if (chmod(path, 0600) < 0 || listen(c->listener, 16) < 0)
		return -errno;
	c->source = loop_watch(c->router->loop, c->listener, EPOLLIN, listener_ready, c);
	return 0;
}

struct control *control_new(struct router *r, int fd, const char *path, int *error)
{
	struct control *c = xcalloc(1, sizeof(*c));

	c->router = r;
	c->listener = -1;
	c->turn = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->turn < 0) {
		*error = -errno;
		free(c);
		return NULL;
	}
	c->turn_source = loop_watch(r->loop, c->turn, EPOLLIN, turn_ready, c);
	*error = path ? listen_at(c, path) : 0;
	if (*error) {
		control_free(c);
		return NULL;
	}
	if (fd >= 0)
		client_new(c, fd);
	return c;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	while (c->clients)
		client_free(c->clients);
	loop_unwatch(c->router->loop, c->turn_source);
	close(c->turn);
	loop_unwatch(c->router->loop, c->source);
	if (c->listener >= 0)
		close(c->listener);
	if (c->path)
		unlink(c->path);
	free(c->path);
	free(c);
}
