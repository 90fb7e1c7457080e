/* SPDX-License-Identifier: MIT */
/* cp_report.c - what the control point did, for people and as JSON (see cp.h). */
#include "../fakeigd/base/clock.h"
#include "../fakeigd/base/mem.h"
#include "cp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_COLUMN 20

static struct cp_step *current(struct cp *cp)
{
	return &cp->steps[cp->step_count - 1];
}

void cp_step(struct cp *cp, int layer, const char *name)
{
	cp_step_done(cp);
	cp->steps = xrealloc(cp->steps, (cp->step_count + 1) * sizeof(*cp->steps));
	cp->steps[cp->step_count++] = (struct cp_step){
		.name = name, .layer = layer, .started_us = clock_now() - cp->started};
	cp->step_open = true;
}

/* "  request  ..." with every further line of the text indented alike. */
static void print_detail(const char *name, const struct buf *text)
{
	const char *line = text->data, *end;

	if (!text->len)
		return;
	printf("%*s%s: ", 22, "", name);
	while ((end = strchr(line, '\n')) != NULL) {
		printf("%.*s\n%*s", (int)(end - line), line, 22, "");
		line = end + 1;
	}
	printf("%s\n", line);
}

static void print_step(const struct cp *cp, const struct cp_step *s)
{
	char name[48];

	snprintf(name, sizeof(name), s->layer > 1 ? "%s (%d)" : "%s", s->name, s->layer);
	printf("%8.1f ms %8.1f ms  %-*s %s", (double)s->started_us / 1000,
	       (double)s->took_us / 1000, NAME_COLUMN, name,
	       s->believed.len ? s->believed.data : "");
	if (s->why.len)
		printf(" (%s)", s->why.data);
	putchar('\n');
	if (cp->options.verbose) {
		print_detail("request", &s->request);
		print_detail("reply", &s->reply);
	}
	fflush(stdout);
}

void cp_step_done(struct cp *cp)
{
	struct cp_step *s;

	if (!cp->step_open)
		return;
	cp->step_open = false;
	s = current(cp);
	s->took_us = clock_now() - cp->started - s->started_us;
	if (!cp->options.json)
		print_step(cp, s);
}

/* Requests and replies gather, one line each. */
static void gather(struct buf *text, const char *format, va_list ap)
{
	if (text->len)
		buf_putc(text, '\n');
	buf_vprintf(text, format, ap);
}

void cp_request(struct cp *cp, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	gather(&current(cp)->request, format, ap);
	va_end(ap);
}

void cp_reply(struct cp *cp, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	gather(&current(cp)->reply, format, ap);
	va_end(ap);
}

void cp_believe(struct cp *cp, const char *format, ...)
{
	va_list ap;

	buf_reset(&current(cp)->believed);
	va_start(ap, format);
	buf_vprintf(&current(cp)->believed, format, ap);
	va_end(ap);
}

void cp_why(struct cp *cp, const char *format, ...)
{
	va_list ap;

	buf_reset(&current(cp)->why);
	va_start(ap, format);
	buf_vprintf(&current(cp)->why, format, ap);
	va_end(ap);
}

void cp_conclude(struct cp *cp, int status, const char *result, const char *format, ...)
{
	va_list ap;

	cp->status = status;
	buf_reset(&cp->sentence);
	va_start(ap, format);
	buf_vprintf(&cp->sentence, format, ap);
	va_end(ap);
	json_object_set_new(cp->result, "status", json_string(result));
}

/* Text from the network as a JSON string, whatever its bytes are. */
static json_t *safe_string(const char *text, size_t len)
{
	json_t *s = json_stringn(text ? text : "", len);
	char *copy;

	if (s)
		return s;
	copy = xstrndup(text, len);
	for (char *c = copy; *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	s = json_string(copy);
	free(copy);
	return s ? s : json_string("");
}

static json_t *step_json(const struct cp_step *s)
{
	const struct {
		const char *name;
		const struct buf *text;
	} texts[] = {{"request", &s->request},
		     {"reply", &s->reply},
		     {"believed", &s->believed},
		     {"why", &s->why}};
	json_t *o = json_pack("{s:s, s:f, s:f}", "step", s->name, "started_ms",
			      (double)s->started_us / 1000, "took_ms", (double)s->took_us / 1000);

	if (s->layer)
		json_object_set_new(o, "layer", json_integer(s->layer));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		json_object_set_new(o, texts[i].name,
				    safe_string(texts[i].text->data, texts[i].text->len));
	return o;
}

static json_t *host_json(const struct cp_layer *l)
{
	char text[CP_SERVER_TEXT];

	if (!l->router.host.s_addr && IN6_IS_ADDR_UNSPECIFIED(&l->hold.talk.server.address))
		return json_null();
	return json_string(cp_host_text(l, text));
}

static json_t *external_json(const struct cp_router *r)
{
	if (!r->has_external)
		return json_null();
	/* Of IPv4 the text is as the router wrote it. */
	return json_string(r->external.s_addr ? inet_ntoa(r->external) : r->external_text);
}

static void set_text(json_t *o, const char *name, const char *text)
{
	json_object_set_new(o, name, text ? safe_string(text, strlen(text)) : json_null());
}

static json_t *layer_json(const struct cp *cp, size_t index)
{
	const struct cp_layer *l = &cp->layers[index];
	const struct cp_router *r = &l->router;
	struct buf control = {0};
	json_t *o = json_object();

	if (*r->control.host)
		url_format(&r->control, &control);
	json_object_set_new(o, "layer", json_integer((json_int_t)index + 1));
	json_object_set_new(o, "via", json_string(l->how->name));
	json_object_set_new(o, "gateway", host_json(l));
	set_text(o, "location", r->location);
	set_text(o, "name", r->friendly_name);
	set_text(o, "service", r->type);
	set_text(o, "control", control.data);
	set_text(o, "connection_status", r->status);
	json_object_set_new(o, "external_address", external_json(r));
	set_text(o, "external_kind", r->has_external ? cp_address_text(r->kind) : NULL);
	set_text(o, "internal_client", *l->internal_client ? l->internal_client : NULL);
	json_object_set_new(o, "internal_port", json_integer(l->internal_port));
	json_object_set_new(o, "external_port", json_integer(l->external_port));
	json_object_set_new(o, "lease", json_integer(l->lease));
	json_object_set_new(o, "mapped", json_boolean(l->mapped));
	json_object_set_new(o, "verified", json_boolean(l->verified));
	buf_free(&control);
	return o;
}

static void print_json(struct cp *cp)
{
	json_t *steps = json_array(), *layers = json_array(), *naive = json_array();
	json_t *all = json_object();

	for (size_t i = 0; i < cp->step_count; i++)
		json_array_append_new(steps, step_json(&cp->steps[i]));
	for (size_t i = 0; i < cp->layer_count; i++)
		json_array_append_new(layers, layer_json(cp, i));
	for (size_t i = 0; naive_modes[i].name; i++)
		if (cp_naive(cp, (enum naive)i))
			json_array_append_new(naive, json_string(naive_modes[i].name));
	json_object_set_new(all, "verb", json_string(cp->verb));
	json_object_set_new(all, "naive", naive);
	json_object_set_new(all, "steps", steps);
	json_object_set_new(all, "layers", layers);
	set_text(cp->result, "sentence", cp->sentence.data);
	json_object_set_new(cp->result, "took_ms",
			    json_real((double)(clock_now() - cp->started) / 1000));
	json_object_set(all, "result", cp->result);
	json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(8));
	putchar('\n');
	json_decref(all);
}

void cp_say(struct cp *cp)
{
	cp_step_done(cp);
	if (!cp->options.json)
		printf("%s\n", cp->sentence.data);
	fflush(stdout);
}

void cp_report_end(struct cp *cp)
{
	cp_step_done(cp);
	if (cp->options.json) {
		print_json(cp);
	} else {
		if (cp->text.len)
			printf("\n%s", cp->text.data);
		if (cp->sentence.len)
			printf("\n%s\n", cp->sentence.data);
	}
	fflush(stdout);
}
