/* SPDX-License-Identifier: MIT */
/*
 * learn_event.c - the form of event bodies (UDA 2.0 4.3.1).
 *
 * A propertyset is taken apart into its properties, each with the one variable in it, and what is
 * around them. White space between two properties belongs to each of them, behind it or in front of
 * it, whichever fits more of the events; the form that most events have becomes the message.
 */
#include "learn_parts.h"

#include <stdlib.h>

#define PROPERTIES_MAX 64

/** struct propertyset - an event taken apart; slices into its body */
struct propertyset {
	struct slice before, after;
	struct slice property[PROPERTIES_MAX];
	size_t count;
};

static bool is_event(const struct seen *s)
{
	return s->x->from_router && s->in.kind == FACTS_EVENT && s->in.body.len &&
	       !s->x->request.gap_count;
}

/* One property from the front of @rest: from its "<" to the ">" of its end tag. */
static bool take_property(struct slice *rest, struct slice *out)
{
	const char *behind, *open = find_tag(*rest, "property", &behind), *end;

	end = open ? text_find(text_from(*rest, behind), "property>") : NULL;
	if (!end)
		return false;
	end += strlen("property>");
	*out = (struct slice){open, (size_t)(end - open)};
	*rest = text_from(*rest, end);
	return true;
}

static bool take_apart(const struct facts *f, struct propertyset *p)
{
	struct slice body = buf_slice(&f->body), rest = body;

	*p = (struct propertyset){0};
	while (p->count < PROPERTIES_MAX && take_property(&rest, &p->property[p->count]))
		p->count++;
	if (!p->count || p->count != f->argument_count)
		return false;
	p->before = text_upto(body, p->property[0].ptr);
	p->after = rest;
	return true;
}

/* What stands between two properties, "" when they are alone. */
static struct slice gap_of(const struct propertyset *p)
{
	const char *end = p->property[0].ptr + p->property[0].len;

	return p->count < 2 ? (struct slice){"", 0}
			    : (struct slice){end, (size_t)(p->property[1].ptr - end)};
}

/* Name and value of its variable as placeholders; false: written as one tag, or not at all. */
static bool property_template(struct slice text, const char *name, struct buf *out)
{
	const char *behind, *open = find_tag(text, name, &behind), *value, *end;
	char *closing = xasprintf("</%s>", name);

	value = open ? memchr(behind, '>', text_from(text, behind).len) : NULL;
	end = value ? text_find(text_from(text, value), closing) : NULL;
	free(closing);
	if (!end || value[-1] == '/' || open[1] != *name)
		return false;
	template_add(out, text_upto(text, open), NULL, 0);
	buf_puts(out, "<{name}");
	template_add(out, (struct slice){behind, (size_t)(value - behind) + 1}, NULL, 0);
	buf_puts(out, "{value}</{name}>");
	template_add(out, text_from(text, end + strlen(name) + 3), NULL, 0);
	return true;
}

/* All properties in one form? It is appended. */
static bool common_template(const struct facts *f, const struct propertyset *p, struct buf *out)
{
	struct buf first = {0};
	bool fine = property_template(p->property[0], f->arguments[0].name, &first);

	for (size_t i = 1; fine && i < p->count; i++) {
		struct buf other = {0};

		fine = property_template(p->property[i], f->arguments[i].name, &other) &&
		       text_same(buf_slice(&first), buf_slice(&other));
		buf_free(&other);
	}
	if (fine)
		buf_add_slice(out, buf_slice(&first));
	buf_free(&first);
	return fine;
}

/* "propertyset FORM_CUT property"; false: it fits no template. */
static bool whole_form(const struct facts *f, struct slice gap, bool behind, struct buf *out)
{
	struct propertyset p;
	bool fits = take_apart(f, &p);

	if (!fits)
		return false;
	if (behind)
		p.after = without_start(p.after, gap, &fits);
	else
		p.before = without_end(p.before, gap, &fits);
	template_add(out, p.before, NULL, 0);
	buf_puts(out, "{properties}");
	template_add(out, p.after, NULL, 0);
	buf_putc(out, FORM_CUT);
	if (!behind)
		buf_add_slice(out, gap);
	fits = fits && common_template(f, &p, out);
	if (behind)
		buf_add_slice(out, gap);
	return fits;
}

static struct slice find_gap(const struct learner *l)
{
	struct slice gap = {"", 0};

	for (size_t i = 0; i < l->count && !gap.len; i++) {
		struct propertyset p;

		if (is_event(&l->seen[i]) && take_apart(&l->seen[i].in, &p))
			gap = gap_of(&p);
	}
	return gap;
}

void learn_events(struct learner *l, struct buf *messages)
{
	struct slice gap = find_gap(l), text;
	struct forms forms[2] = {{0}};
	const struct form *best[2], *form;

	for (int behind = 0; behind < 2; behind++) {
		for (size_t i = 0; i < l->count; i++) {
			struct buf one = {0};

			if (is_event(&l->seen[i]) && whole_form(&l->seen[i].in, gap, behind, &one))
				forms_vote(&forms[behind], buf_slice(&one), &l->seen[i]);
			buf_free(&one);
		}
		best[behind] = forms_best(&forms[behind]);
	}
	form = best[1] && (!best[0] || best[1]->votes >= best[0]->votes) ? best[1] : best[0];
	if (form) {
		text = envelope_of(form);
		buf_puts(messages, "  event");
		yaml_template(messages, 2, text, false);
		buf_puts(messages, "  event-property: ");
		yaml_text(messages, text_from(buf_slice(&form->text), text.ptr + text.len + 1));
		yaml_evidence(l, messages, form->first);
	}
	forms_free(&forms[0]);
	forms_free(&forms[1]);
}
