/* SPDX-License-Identifier: MIT */
/* result.c - what a run found, judged and told (see result.h). */
#include "result.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

/* One member per line, microseconds at most. */
#define JSON_FORM (JSON_INDENT(1) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(7))

/* More mappings than that are only counted for people. */
#define LINES_MAX ((size_t)20)

/* -- writing ----------------------------------------------------------------------------------- */

void json_print(const json_t *json)
{
	char *text = json_dumps(json, JSON_FORM);

	puts(text ? text : "null");
	free(text);
}

static bool is_plain(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-+=./:,@%";

	return *word && word[strspn(word, plain)] == '\0';
}

void shell_quote(struct buf *out, const char *word)
{
	if (is_plain(word)) {
		buf_puts(out, word);
		return;
	}
	buf_putc(out, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			buf_puts(out, "'\\''");
		else
			buf_putc(out, *word);
	}
	buf_putc(out, '\'');
}

int text_to_file(const char *folder, const char *name, const char *text, int mode)
{
	char *path = xasprintf("%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode), error = 0;

	free(path);
	if (fd < 0)
		return -errno;
	for (size_t len = strlen(text); len && !error;) {
		ssize_t done = write(fd, text, len);

		if (done < 0) {
			error = -errno;
		} else {
			text += done;
			len -= (size_t)done;
		}
	}
	if (close(fd) && !error)
		error = -errno;
	return error;
}

int json_to_file(const char *folder, const char *name, const json_t *json)
{
	char *text = json_dumps(json, JSON_FORM), *whole;
	int error;

	if (!text)
		return -ENOMEM;
	whole = xasprintf("%s\n", text);
	error = text_to_file(folder, name, whole, 0666);
	free(whole);
	free(text);
	return error;
}

/* -- judging ----------------------------------------------------------------------------------- */

/* Mappings on routers that do not face the internet, when no router that does has any. */
static const char *hidden_router(const struct result *r)
{
	const char *name;
	json_t *router;

	if (json_array_size(r->effect))
		return NULL;
	json_object_foreach(r->routers, name, router)
	{
		if (json_array_size(json_object_get(router, "mappings")))
			return name;
	}
	return NULL;
}

static size_t count_reached(const struct result *r)
{
	size_t index, reached = 0;
	json_t *item;

	json_array_foreach(r->effect, index, item)
	{
		reached += json_is_string(json_object_get(item, "reached"));
	}
	return reached;
}

void result_judge(struct result *r)
{
	const struct command *command = r->command;
	size_t checked = json_array_size(r->effect);
	const char *hidden = hidden_router(r);
	size_t reached = count_reached(r);

	r->pass = !command->interrupted && !command->status && !r->wrong;
	if (command->interrupted)
		r->reason = xasprintf("interrupted by signal %d", command->interrupted);
	else if (command->status && r->wrong)
		r->reason = xasprintf("the command ended with status %d, and %zu of %zu mappings "
				      "are not as they should be",
				      command->status, r->wrong, checked);
	else if (command->status)
		r->reason = xasprintf("the command ended with status %d", command->status);
	else if (r->wrong && checked == 1)
		r->reason = xstrdup("the mapping on the way in from the internet does not do what "
				    "it says");
	else if (r->wrong)
		r->reason = xasprintf("%zu of %zu mappings on the way in from the internet do not "
				      "do what they say",
				      r->wrong, checked);
	else if (checked && reached == checked)
		r->reason = xasprintf("the command succeeded, and a packet from peer goes through "
				      "%s",
				      checked == 1 ? "the mapping" : "every mapping");
	else if (checked)
		r->reason = xasprintf("the command succeeded; %zu of %zu mapping%s carr%s a packet "
				      "from peer, as it should be",
				      reached, checked, checked == 1 ? "" : "s",
				      checked == 1 ? "ies" : "y");
	else if (hidden)
		r->reason = xasprintf("the command succeeded, but no mapping leads in from the "
				      "internet: %s is behind another NAT",
				      hidden);
	else
		r->reason = xstrdup("the command succeeded; no mapping leads in from the internet");
}

/* -- telling programs -------------------------------------------------------------------------- */

/* Bytes of a program as a JSON string: what is not UTF-8 becomes U+FFFD. */
static json_t *json_text(const struct buf *text)
{
	json_t *string = json_stringn(text->data ? text->data : "", text->len);
	struct buf clean = {0};

	for (size_t i = 0; !string && i < text->len; i++) {
		if ((unsigned char)text->data[i] < 0x80)
			buf_putc(&clean, text->data[i]);
		else
			buf_puts(&clean, "\xef\xbf\xbd");
	}
	if (!string)
		string = json_stringn_nocheck(clean.data ? clean.data : "", clean.len);
	buf_free(&clean);
	return string;
}

static json_t *json_words(char **words, int count)
{
	json_t *array = json_array();

	for (int i = 0; i < count; i++) {
		struct buf word = {words[i], strlen(words[i]), 0};

		json_array_append_new(array, json_text(&word));
	}
	return array;
}

static json_t *command_json(const struct result *r)
{
	const struct command *command = r->command;
	json_t *json = json_pack("{s:o, s:s, s:i, s:f}", "argv",
				 json_words(command->argv, command->argc), "node", command->node,
				 "exit", command->status, "seconds", command->seconds);

	if (command->quiet || command->evidence) {
		json_object_set_new(json, "stdout", json_text(&command->text[0]));
		json_object_set_new(json, "stderr", json_text(&command->text[1]));
	}
	return json;
}

json_t *result_json(const struct result *r)
{
	struct utsname host;
	json_t *json = json_pack(
		"{s:s, s:O, s:o, s:O, s:s, s:s, s:s?}", "topology", r->setup->topology->name,
		"routers", r->routers, "command", command_json(r), "effect", r->effect, "verdict",
		r->pass ? "pass" : "fail", "reason", r->reason, "evidence", r->setup->evidence);

	if (r->capture)
		json_object_set(json, "capture", r->capture);
	json_object_set_new(json, "seconds",
			    json_pack("{s:f, s:f}", "up", r->up, "total", r->total));
	json_object_set_new(json, "igdlab", json_string(IGDLAB_VERSION));
	if (!uname(&host))
		json_object_set_new(json, "kernel", json_string(host.release));
	return json;
}

int result_write(const struct result *r, const json_t *json)
{
	return json_to_file(r->setup->evidence, "run.json", json);
}

/* -- telling people ---------------------------------------------------------------------------- */

static void print_router(const char *name, const json_t *router)
{
	const char *profile = json_string_value(json_object_get(router, "profile"));
	size_t index;
	json_t *quirk;

	printf("%-10s %s: %s", "router", name, profile ? profile : "no IGD");
	json_array_foreach(json_object_get(router, "quirks"), index, quirk)
	{
		printf(" + %s", json_string_value(quirk));
	}
	putchar('\n');
}

static void print_effect(const json_t *effect)
{
	const char *reached = json_string_value(json_object_get(effect, "reached"));
	const char *reason = json_string_value(json_object_get(effect, "reason"));
	const char *remote = json_string_value(json_object_get(effect, "remote_host"));

	printf("%-10s %s %s port %lld",
	       json_object_get(effect, "unique_id") ? "pinhole" : "mapping",
	       json_string_value(json_object_get(effect, "router")),
	       json_string_value(json_object_get(effect, "protocol")),
	       (long long)json_integer_value(json_object_get(effect, "external_port")));
	if (remote)
		printf(" for %s", remote);
	if (reached)
		printf(": peer reaches %s port %lld", reached,
		       (long long)json_integer_value(json_object_get(effect, "port")));
	else
		fputs(": peer reaches nobody", stdout);
	if (reason)
		printf(" (%s)", reason);
	if (!json_is_true(json_object_get(effect, "ok")))
		fputs(", which is wrong", stdout);
	else if (!reached)
		fputs(", as it should be", stdout);
	putchar('\n');
}

void result_print(const struct result *r)
{
	struct buf words = {0};
	const char *name;
	json_t *item;
	size_t index;

	for (int i = 0; i < r->command->argc; i++) {
		if (i)
			buf_putc(&words, ' ');
		shell_quote(&words, r->command->argv[i]);
	}
	printf("%-10s %s: %s\n", "topology", r->setup->topology->name, r->setup->topology->summary);
	json_object_foreach(r->routers, name, item)
	{
		print_router(name, item);
	}
	printf("%-10s %s: exit status %d after %.3f s\n", "command", words.data, r->command->status,
	       r->command->seconds);
	json_array_foreach(r->effect, index, item)
	{
		print_effect(item);
	}
	printf("%-10s %s: %s\n", "verdict", r->pass ? "pass" : "fail", r->reason);
	if (r->setup->evidence && !r->temporary)
		printf("%-10s %s\n", "evidence", r->setup->evidence);
	buf_free(&words);
}

void result_free(struct result *r)
{
	json_decref(r->routers);
	json_decref(r->effect);
	json_decref(r->capture);
	free(r->reason);
}
