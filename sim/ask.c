/* SPDX-License-Identifier: MIT */
/* ask.c - requests to a lab in the form that the verbs need them (see ask.h). */
#include "ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Check a reply. Return: it, or NULL with the sentence in @why. */
static json_t *judge(json_t *reply, char **why)
{
	const char *error;

	if (reply && json_is_true(json_object_get(reply, "ok")))
		return reply;
	error = reply ? json_string_value(json_object_get(reply, "error")) : "the lab is gone";
	if (why)
		*why = xstrdup(error ? error : "refused without a reason");
	json_decref(reply);
	return NULL;
}

json_t *ask_json(struct lab *lab, json_t *request, char **why)
{
	return judge(lab_request(lab, request, NULL, 0, NULL), why);
}

json_t *ask_op(struct lab *lab, const char *op, char **why)
{
	return ask_json(lab, json_pack("{s:s}", "op", op), why);
}

json_t *ask_router(struct lab *lab, const char *node, json_t *request, char **why)
{
	json_t *reply = ask_json(
		lab, json_pack("{s:s, s:s, s:o}", "op", "router", "node", node, "request", request),
		why);
	json_t *inner = json_incref(json_object_get(reply, "reply"));

	if (!reply)
		return NULL;
	json_decref(reply);
	return judge(inner, why);
}

int ask_socket(struct lab *lab, const char *node, const char *domain, const char *type, char **why)
{
	int fd = -1;
	json_t *reply = lab_request(lab,
				    json_pack("{s:s, s:s, s:s, s:s, s:i}", "op", "socket", "node",
					      node, "domain", domain, "type", type, "protocol", 0),
				    NULL, 0, &fd);

	reply = judge(reply, why);
	if (reply && fd < 0 && why)
		*why = xstrdup("the lab sent no descriptor");
	if (!reply && fd >= 0) {
		close(fd);
		fd = -1;
	}
	json_decref(reply);
	return fd;
}

long ask_exec(struct lab *lab, const char *node, char *const *argv, int argc, const int fds[3],
	      const char *cwd, bool tty, char **why)
{
	json_t *words = json_array(), *request, *reply;
	long pid = -1;

	for (int i = 0; i < argc; i++)
		json_array_append_new(words, json_stringn_nocheck(argv[i], strlen(argv[i])));
	request = json_pack("{s:s, s:s, s:o, s:b}", "op", "exec", "node", node, "argv", words,
			    "tty", tty);
	if (cwd)
		json_object_set_new(request, "cwd", json_string(cwd));
	reply = judge(lab_request(lab, request, fds, 3, NULL), why);
	if (reply)
		pid = (long)json_integer_value(json_object_get(reply, "pid"));
	json_decref(reply);
	return pid;
}

void ask_signal(struct lab *lab, long pid, int number)
{
	json_decref(ask_json(lab,
			     json_pack("{s:s, s:I, s:i}", "op", "kill", "pid", (json_int_t)pid,
				       "signal", number),
			     NULL));
}

bool ask_exited(const json_t *event, long pid, int *status)
{
	const char *kind = json_string_value(json_object_get(event, "event"));
	const json_t *code = json_object_get(event, "code");

	if (!kind || strcmp(kind, "exit") ||
	    json_integer_value(json_object_get(event, "pid")) != pid)
		return false;
	*status = json_is_integer(code)
			  ? (int)json_integer_value(code)
			  : 128 + (int)json_integer_value(json_object_get(event, "signal"));
	return true;
}

void ask_end(struct lab *lab)
{
	json_t *event;

	json_decref(ask_op(lab, "down", NULL));
	/* The connection closes when the lab has ended. */
	while ((event = lab_event(lab)))
		json_decref(event);
	lab_close(lab);
}

static void free_names(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

/* "no lab runs", or "there are: a, b". */
static void describe_labs(char **names, size_t count, struct buf *out)
{
	if (!count)
		buf_puts(out, "no lab is running (igdlab up TOPOLOGY starts one)");
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%s%s", i ? ", " : "running: ", names[i]);
}

/* Return: 0 with @name pointing into @names, or a status after a complaint. */
static int choose(const struct cmd *cmd, char **names, size_t count, const char **name)
{
	struct buf text = {0};
	const char *near;

	describe_labs(names, count, &text);
	if (!*name && count == 1) {
		*name = names[0];
	} else if (!*name) {
		cmd_usage_error(cmd, count ? "say which lab; %s" : "%s", text.data);
	} else {
		for (size_t i = 0; i < count; i++)
			if (!strcmp(names[i], *name))
				goto found;
		near = suggest_nearest(*name, (const char *const *)names, count);
		if (near)
			cmd_usage_error(cmd, "no lab \"%s\"; did you mean \"%s\"?", *name, near);
		else
			cmd_usage_error(cmd, "no lab \"%s\"; %s", *name, text.data);
		*name = NULL;
	}
found:
	buf_free(&text);
	return *name ? EXIT_FINE : EXIT_USAGE;
}

int lab_pick(const struct cmd *cmd, const char *name, struct lab *out, char **picked)
{
	char **names = NULL;
	size_t count = lab_list(&names);
	int status = choose(cmd, names, count, &name), error;

	if (!status) {
		error = lab_connect(name, out);
		if (error) {
			fprintf(stderr, "igdlab %s: lab \"%s\" cannot be reached: %s\n", cmd->name,
				name, strerror(-error));
			status = EXIT_LAB;
		} else if (picked) {
			*picked = xstrdup(name);
		}
	}
	free_names(names, count);
	return status;
}

/* Whether the lab has the node; a complaint when not. */
static int check_node(const struct cmd *cmd, struct lab *lab, const char *node)
{
	json_t *info = ask_op(lab, "info", NULL), *nodes = json_object_get(info, "nodes");
	struct diag d = {0};
	const char **names, *key;
	json_t *value;
	size_t count = 0;

	if (json_object_get(nodes, node)) {
		json_decref(info);
		return EXIT_FINE;
	}
	names = xcalloc(json_object_size(nodes) + 1, sizeof(*names));
	json_object_foreach(nodes, key, value)
	{
		names[count++] = key;
	}
	diag_unknown(&d, NULL, 0, "node", node, names, count);
	cmd_usage_error(cmd, "%.*s", (int)d.text.len - 1, d.text.data);
	diag_free(&d);
	free(names);
	json_decref(info);
	return EXIT_USAGE;
}

int lab_pick_node(const struct cmd *cmd, const char *text, struct lab *out, const char **node)
{
	const char *colon = strchr(text, ':');
	char *name = colon ? xstrndup(text, (size_t)(colon - text)) : NULL;
	int status = lab_pick(cmd, name, out, NULL);

	free(name);
	if (status)
		return status;
	*node = colon ? colon + 1 : text;
	status = check_node(cmd, out, *node);
	if (status)
		lab_close(out);
	return status;
}
