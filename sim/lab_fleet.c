/* SPDX-License-Identifier: MIT */
/*
 * lab_fleet.c - requests that concern routers: one, or all of them at once.
 *
 * "advance", "reset" and "sync" go to every fakeigd together and are answered when the last has
 * done it; the first refusal becomes the answer. A router that has died is refused only where
 * somebody asks for it by name.
 */
#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"
#include "lab_init.h"
#include "nat.h"

#include <stdlib.h>

static void on_reply(struct lab_init *lab, void *arg, json_t *reply)
{
	struct request *rq = arg;

	(void)lab;
	/* A router that is gone is our refusal, one that refuses is its own. */
	if (json_object_get(reply, "gone"))
		request_fail(rq, "%s", json_string_value(json_object_get(reply, "error")));
	else
		request_reply(rq, json_pack("{s:O}", "reply", reply), -1);
}

void lab_op_router(struct lab_init *lab, struct request *rq)
{
	struct lab_node *node = request_node(rq);
	json_t *request;

	if (!node)
		return;
	request = json_object_get(rq->body, "request");
	if (!json_is_object(request)) {
		request_fail(rq, "router: \"request\" is missing, expected an object such as "
				 "{\"op\": \"state\"}");
		return;
	}
	if (!node->node->igd) {
		request_fail(rq, "node %s has no fakeigd%s", node->node->name,
			     node->node->daemon ? ": a daemon runs there" : "");
		return;
	}
	lab_router_call(lab, node, json_incref(request), on_reply, rq);
}

/**
 * struct fleet - a request that every router works on
 * @left:	answers to come, and one for us while we are still asking
 * @error:	the first refusal; owned
 */
struct fleet {
	struct request *rq;
	size_t left;
	char *error;
};

static void landed(struct fleet *f)
{
	if (--f->left)
		return;
	if (f->error)
		request_fail(f->rq, "%s", f->error);
	else
		request_reply(f->rq, NULL, -1);
	free(f->error);
	free(f);
}

static void on_fleet_reply(struct lab_init *lab, void *arg, json_t *reply)
{
	struct fleet *f = arg;
	const char *error = json_string_value(json_object_get(reply, "error"));

	(void)lab;
	if (!json_is_true(json_object_get(reply, "ok")) && !f->error)
		f->error = xstrdup(error ? error : "a router refused without a reason");
	landed(f);
}

static struct fleet *ask_all(struct lab_init *lab, struct request *rq, const char *op)
{
	struct fleet *f = xcalloc(1, sizeof(*f));

	f->rq = rq;
	f->left = 1;
	for (size_t i = 0; i < lab->topology->node_count; i++) {
		if (lab->nodes[i].igd.control < 0)
			continue;
		f->left++;
		lab_router_call(lab, &lab->nodes[i], json_pack("{s:s}", "op", op), on_fleet_reply,
				f);
	}
	return f;
}

void lab_op_advance(struct lab_init *lab, struct request *rq)
{
	/* A hundred years: further, microseconds would overflow some day. */
	const double longest = 100.0 * 366 * 86400;
	double seconds = 0;

	if (!request_number(rq, "seconds", 0, longest, &seconds))
		return;
	clock_advance((int64_t)(seconds * (double)CLOCK_SECOND));
	landed(ask_all(lab, rq, "wake"));
}

/* Every router's connections and dynamic mappings. Return: NULL, or a sentence; caller frees. */
static char *reset_kernel(struct lab_init *lab)
{
	char *complaint = NULL;

	for (size_t i = 0; i < lab->topology->node_count; i++) {
		const struct lab_node *node = &lab->nodes[i];
		int error;

		if (node->node->kind != NODE_ROUTER || node->outside)
			continue;
		error = lab_enter(lab, node);
		if (!error)
			error = nat_reset();
		if (error && !complaint)
			complaint = xasprintf("router %s: flushing connections: %s",
					      node->node->name, strerror(-error));
	}
	lab_enter(lab, NULL);
	return complaint;
}

void lab_op_reset(struct lab_init *lab, struct request *rq)
{
	/*
	 * The kernel's part first: closing a netfilter socket waits 8 ms for an RCU grace period
	 * when rules of its namespace were just deleted, which fakeigd is about to do. Its own
	 * reset ends the connections through mappings once more.
	 */
	char *complaint = reset_kernel(lab);
	struct fleet *f = ask_all(lab, rq, "reset");

	if (complaint && !f->error)
		f->error = complaint;
	else
		free(complaint);
	landed(f);
}

void lab_op_sync(struct lab_init *lab, struct request *rq)
{
	struct fleet *f = ask_all(lab, rq, "sync");

	for (size_t i = 0; i < lab->topology->node_count; i++)
		lab_syslog_drain(&lab->nodes[i]);
	if (lab->capture && !lab->capture_died) {
		int error = capture_sync(lab->capture);

		if (error && !f->error)
			f->error = xasprintf("capture: %s", strerror(-error));
	}
	landed(f);
}
