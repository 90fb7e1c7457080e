/* SPDX-License-Identifier: MIT */
/*
 * learn_document.c - bodies that are no SOAP: descriptions, further documents, what errors say.
 *
 * Of the descriptions that were read, one is the root's, those at SCPDURL are the services', and
 * the rest are pages: a second root document, a description that nothing leads to. Of the bodies of
 * errors the most frequent one, status and reason being placeholders, is the message.
 */
#include "../fakeigd/wire/ssdp.h"
#include "learn_parts.h"

#include <stdio.h>
#include <stdlib.h>

#define PAGES_MAX 8

static void document_template(const struct learner *l, const struct facts *f, struct buf *out)
{
	char *full = xasprintf("%s:%u", l->router_text, l->port);
	struct stand_in subs[] = {
		{slice_of(full), "{lan_address}:{http_port}"},
		{slice_of(l->router_text), "{lan_address}"},
	};

	template_add(out, buf_slice(&f->body), subs, ARRAY_SIZE(subs));
	free(full);
}

static bool path_told(const struct learner *l, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (l->seen[i].out.kind == FACTS_DESCRIPTION && l->seen[i].in.target &&
		    !strcmp(l->seen[i].in.target, l->seen[index].in.target))
			return true;
	return false;
}

/* Name of the service whose description is there, ptr NULL = of none. */
static struct slice service_at(const struct learner *l, const char *path)
{
	struct urn urn;

	for (size_t i = 0; i < l->service_count; i++)
		if (l->services[i].scpd && !strcmp(l->services[i].scpd, path) &&
		    urn_parse(slice_of(l->services[i].type), &urn))
			return urn.type;
	return (struct slice){0};
}

bool is_service_path(const struct learner *l, const char *path)
{
	return service_at(l, path).ptr;
}

static void documents(struct learner *l, struct buf *messages, struct buf *pages)
{
	size_t page_count = 0;

	for (size_t i = 0; i < l->count; i++) {
		const struct seen *s = &l->seen[i];
		struct buf text = {0};

		if (s->out.kind != FACTS_DESCRIPTION || !s->whole || !s->in.target ||
		    path_told(l, i))
			continue;
		document_template(l, &s->out, &text);
		if (s == l->root_seen) {
			buf_puts(messages,
				 "  # the document as it was read, from the device tree on");
			yaml_evidence(l, messages, s);
			buf_puts(messages, "  description");
			yaml_template(messages, 2, buf_slice(&text), false);
		} else if (service_at(l, s->in.target).ptr) {
			buf_puts(&l->rules, "  - when: {message: scpd, target: ");
			yaml_text(&l->rules, service_at(l, s->in.target));
			buf_putc(&l->rules, '}');
			yaml_evidence(l, &l->rules, s);
			buf_puts(&l->rules, "    message:\n      scpd");
			yaml_template(&l->rules, 6, buf_slice(&text), false);
		} else if (*s->in.target == '/' && page_count++ < PAGES_MAX) {
			buf_puts(pages, "  - path: ");
			yaml_text(pages, slice_of(s->in.target));
			yaml_evidence(l, pages, s);
			buf_puts(pages, "    body");
			yaml_template(pages, 4, buf_slice(&text), false);
		}
		buf_free(&text);
	}
}

/* ---- errors ---- */

/* "Not Found" of the status line. */
static struct slice reason_of(const struct seen *s)
{
	struct slice line = buf_slice(&s->reply->bytes);
	const char *end = memchr(line.ptr, '\r', line.len), *at;

	end = end ? end : memchr(line.ptr, '\n', line.len);
	line = slice_trim(text_upto(line, end ? end : line.ptr + line.len));
	for (int i = 0; i < 2 && line.len; i++) {
		at = memchr(line.ptr, ' ', line.len);
		line = at ? text_from(line, at + 1) : (struct slice){"", 0};
	}
	return line;
}

/* Whether it is an answer that fakeigd gives as an error: no SOAP, no document. */
static bool is_error(const struct seen *s)
{
	return s->reply && s->whole && s->x->protocol != FLOW_SSDP &&
	       s->out.kind == FACTS_RESPONSE && s->out.status >= 400;
}

static void error_template(const struct learner *l, const struct seen *s, struct buf *out)
{
	char status[12];
	struct stand_in subs[] = {
		{{status, (size_t)snprintf(status, sizeof(status), "%d", s->out.status)},
		 "{status}"},
		{reason_of(s), "{reason}"},
		{slice_of(l->server ? l->server : ""), "{server}"},
	};

	template_add(out, buf_slice(&s->out.body), subs, ARRAY_SIZE(subs));
}

static void error_bodies(const struct learner *l, struct buf *messages)
{
	struct forms forms = {0};
	const struct form *best;

	for (size_t i = 0; i < l->count; i++) {
		struct buf text = {0};

		if (!is_error(&l->seen[i]))
			continue;
		error_template(l, &l->seen[i], &text);
		forms_vote(&forms, buf_slice(&text), &l->seen[i]);
		buf_free(&text);
	}
	best = forms_best(&forms);
	if (best) {
		yaml_votes(l, messages, &forms);
		buf_puts(messages, "  error-body");
		yaml_template(messages, 2, buf_slice(&best->text), false);
	}
	forms_free(&forms);
}

void learn_documents(struct learner *l, struct buf *messages)
{
	struct buf pages = {0};

	documents(l, messages, &pages);
	error_bodies(l, messages);
	if (pages.len)
		buf_puts(&l->sections, "pages:\n");
	buf_add_slice(&l->sections, buf_slice(&pages));
	buf_free(&pages);
}
