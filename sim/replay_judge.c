/* SPDX-License-Identifier: MIT */
/*
 * replay_judge.c - what a live router answered, beside what the recorded one did.
 *
 * Theory of operation: answers are compared by what they say (difference.h), after all has been
 * played and every name of the one is known in the other. Who a router is (SERVER) counts where it
 * says so, in searches and pages; the same line over its other answers is then a name like others.
 */
#include "replay_parts.h"

#include "../fakeigd/base/mem.h"
#include "facts.h"

#include <stdlib.h>

/* How many answers to searches of that target an exchange has. */
static size_t count_target(const struct exchange *x, const char *target)
{
	size_t count = 0;

	for (size_t i = 0; i < x->reply_count; i++) {
		struct facts f;

		facts_of(x->protocol, &x->replies[i], &f);
		count += facts_header(&f, "ST") && !strcmp(facts_header(&f, "ST"), target);
		facts_free(&f);
	}
	return count;
}

/* Which exchange over @owner's socket an answer belongs to: one that had such an answer and lacks
 * it; else the first one. */
static size_t whose(const struct player *p, size_t owner, const struct recorded_message *m)
{
	enum flow_protocol protocol = p->flow->exchanges[owner].protocol;
	size_t found = owner;
	struct facts f;
	const char *target;

	facts_of(protocol, m, &f);
	target = facts_header(&f, "ST");
	for (size_t i = owner; i < p->flow->count; i++) {
		const struct exchange *x = &p->flow->exchanges[i], *live = &p->replayed[i].live;
		bool lacks;

		if (p->replayed[i].owner != owner)
			continue;
		lacks = target ? count_target(live, target) < count_target(x, target)
			       : live->reply_count < x->reply_count;
		if (lacks) {
			found = i;
			break;
		}
	}
	facts_free(&f);
	return found;
}

void player_share(struct player *p)
{
	for (size_t i = 0; i < p->flow->count; i++) {
		struct exchange *live = &p->replayed[i].live;
		struct recorded_message *all = live->replies;
		size_t count = live->reply_count;

		if (p->replayed[i].ear < 0)
			continue;
		live->replies = NULL;
		live->reply_count = 0;
		for (size_t n = 0; n < count; n++)
			*exchange_reply(&p->replayed[whose(p, i, &all[n])].live) = all[n];
		free(all);
	}
}

/* @x with the answers of the router alone; what it points to stays @x's. */
static struct exchange only_router(const struct exchange *x, const struct end_point *router)
{
	struct exchange copy = *x;

	copy.has_request = false;
	copy.reply_count = 0;
	copy.replies = xcalloc(x->reply_count + 1, sizeof(*copy.replies));
	for (size_t i = 0; i < x->reply_count; i++)
		if (!x->replies[i].from.family ||
		    end_point_same_address(&x->replies[i].from, router))
			copy.replies[copy.reply_count++] = x->replies[i];
	return copy;
}

static void add_item(struct difference *d, enum difference_grade grade, const char *text)
{
	d->items = xrealloc(d->items, (d->count + 1) * sizeof(*d->items));
	d->items[d->count++] = (struct difference_item){grade, xstrdup(text)};
	d->grade = grade > d->grade ? grade : d->grade;
}

/* A log may be silent about what came; packets are not. */
static bool is_silent(const struct player *p, const struct exchange *x)
{
	return !x->reply_count && p->flow->kind && !strcmp(p->flow->kind, "log");
}

/* The map without the client: what a router had in its table before may lead to the recorded one.
 */
static struct substitutions without_client(const struct player *p)
{
	const struct substitutions *map = &p->translation.map;
	struct substitutions out = {0};
	struct end_point client = p->translation.was;
	struct buf text = {0};

	client.port = 0;
	end_point_text(&client, &text);
	for (size_t i = 0; i < map->count; i++)
		if (!text.len || strcmp(map->items[i].from, text.data) != 0)
			substitutions_add(&out, map->items[i].from, map->items[i].to);
	buf_free(&text);
	return out;
}

/* Some variables go on by themselves; only the question says that it is one of them. */
static bool asks_counter(const struct exchange *x)
{
	struct facts f;
	const char *name;
	bool is;

	facts_of(x->protocol, &x->request, &f);
	name = facts_argument(&f, "varName");
	is = name && (!strcmp(name, "Uptime") || !strncmp(name, "Total", 5));
	facts_free(&f);
	return is;
}

static void forgive_counter(struct difference *d)
{
	d->grade = DIFFERENCE_SAME;
	for (size_t i = 0; i < d->count; i++) {
		struct difference_item *item = &d->items[i];

		if (item->grade == DIFFERENCE_DIFFERENT && strstr(item->text, "argument return"))
			item->grade = DIFFERENCE_COSMETIC;
		d->grade = item->grade > d->grade ? item->grade : d->grade;
	}
}

static void compare(const struct player *p, const struct exchange *a, const struct exchange *b,
		    struct difference *out)
{
	struct substitutions map;
	struct difference other = {0};

	difference_exchange(a, b, &p->translation.map, out);
	if (out->grade <= DIFFERENCE_COSMETIC || a->protocol != FLOW_SOAP)
		return;
	map = without_client(p);
	difference_exchange(a, b, &map, &other);
	substitutions_free(&map);
	if (other.grade < out->grade) {
		difference_free(out);
		*out = other;
		add_item(out, DIFFERENCE_SAME, "it leads to the recorded client, as it did there");
	} else {
		difference_free(&other);
	}
}

static void judge_answers(struct player *p, const struct exchange *x, struct replayed *r)
{
	struct exchange a = only_router(x, &p->site->router);
	struct exchange b = only_router(&r->live, &p->translation.there);

	if (is_silent(p, x))
		add_item(&r->difference, DIFFERENCE_SAME, "the log has no answer to compare with");
	else
		compare(p, &a, &b, &r->difference);
	if (x->protocol == FLOW_SOAP && asks_counter(x))
		forgive_counter(&r->difference);
	if (r->live.reply_count > b.reply_count)
		add_item(&r->difference, DIFFERENCE_SAME,
			 "other devices answered too; they are not compared");
	if (!x->has_request)
		add_item(&r->difference, DIFFERENCE_SAME,
			 "the recording has not got the request; one was made for the answer");
	free(a.replies);
	free(b.replies);
}

static void judge(struct player *p, size_t number)
{
	const struct exchange *x = &p->flow->exchanges[number];
	struct replayed *r = &p->replayed[number];

	if (r->left_out)
		return;
	if (x->from_router)
		difference_message(x->protocol, &x->request,
				   r->live.has_request ? &r->live.request : NULL,
				   &p->translation.map, "event", &r->difference);
	else
		judge_answers(p, x, r);
	if (r->failed)
		add_item(&r->difference, DIFFERENCE_MISSING, r->failed);
}

/* What makes an answer that of another router is told once, where it says who it is. */
static void learn_server(struct player *p, size_t number)
{
	const struct exchange *x = &p->flow->exchanges[number];
	const struct exchange *live = &p->replayed[number].live;
	struct facts a, b;

	if (!x->reply_count || !live->reply_count)
		return;
	facts_of(x->protocol, &x->replies[0], &a);
	facts_of(x->protocol, &live->replies[0], &b);
	if (facts_header(&a, "SERVER") && facts_header(&b, "SERVER"))
		substitutions_add(&p->translation.map, facts_header(&a, "SERVER"),
				  facts_header(&b, "SERVER"));
	facts_free(&a);
	facts_free(&b);
}

/* Bytes that nobody asked for, on a connection that is still open. */
static void judge_line(struct player *p, const struct line *l)
{
	for (size_t i = 0; i < p->flow->count && l->in.len; i++)
		if (!p->replayed[i].left_out && p->flow->exchanges[i].connection == l->number) {
			add_item(&p->replayed[i].difference, DIFFERENCE_DIFFERENT,
				 "more bytes came than the answer has");
			return;
		}
}

static bool says_who(const struct exchange *x)
{
	return x->protocol == FLOW_SSDP || x->protocol == FLOW_HTTP;
}

void player_judge(struct player *p)
{
	for (size_t i = 0; i < p->flow->count; i++)
		if (says_who(&p->flow->exchanges[i]))
			judge(p, i);
	for (size_t i = 0; i < p->flow->count; i++)
		if (says_who(&p->flow->exchanges[i]) && !p->replayed[i].left_out)
			learn_server(p, i);
	for (size_t i = 0; i < p->flow->count; i++)
		if (!says_who(&p->flow->exchanges[i]))
			judge(p, i);
	for (size_t i = 0; i < p->line_count; i++)
		judge_line(p, &p->lines[i]);
}
