/* SPDX-License-Identifier: MIT */
/*
 * difference_exchange.c - two exchanges: their requests, and their replies in pairs.
 *
 * Theory of operation
 *
 * A TCP exchange has one reply. A search has any number, from several devices, in whatever order
 * the delays gave (UDA 2.0 clause 1.3.3), some of them sent twice: they are paired by what they are
 * (USN and ST), those that are left by ST alone; one that was only repeated less or more often is a
 * difference of form.
 */
#include "difference_parts.h"

#include "../fakeigd/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

/** struct answer - a reply to a search: its identity, and whether it has found its match */
struct answer {
	char *key, *target;
	bool paired;
};

static struct answer answer_of(enum flow_protocol protocol, const struct recorded_message *m,
			       const struct substitutions *s)
{
	struct buf text = {0};
	struct answer answer = {0};
	struct facts f;

	facts_of(protocol, m, &f);
	buf_printf(&text, "%s %s", facts_header(&f, "USN") ? facts_header(&f, "USN") : "?",
		   facts_header(&f, "ST") ? facts_header(&f, "ST") : "?");
	answer.key = difference_mapped(s, text.data);
	answer.target = difference_mapped(s, facts_header(&f, "ST") ? facts_header(&f, "ST") : "");
	facts_free(&f);
	buf_free(&text);
	return answer;
}

static struct answer *answers_of(const struct exchange *x, const struct substitutions *s)
{
	struct answer *answers = xcalloc(x->reply_count + 1, sizeof(*answers));

	for (size_t i = 0; i < x->reply_count; i++)
		answers[i] = answer_of(x->protocol, &x->replies[i], s);
	return answers;
}

static void free_answers(struct answer *answers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(answers[i].key);
		free(answers[i].target);
	}
	free(answers);
}

static size_t unpaired(const struct answer *answers, size_t count, const struct answer *like,
		       bool by_target)
{
	size_t i = 0;

	while (i < count &&
	       (answers[i].paired || (by_target ? strcmp(answers[i].target, like->target)
						: strcmp(answers[i].key, like->key))))
		i++;
	return i;
}

static bool has_pair(const struct answer *answers, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (answers[i].paired && !strcmp(answers[i].key, key))
			return true;
	}
	return false;
}

static void lone_answers(const struct answer *answers, size_t count, const char *again,
			 const char *verb, struct difference *out)
{
	struct comparison c = {.what = "reply", .out = out};

	for (size_t i = 0; i < count; i++) {
		if (answers[i].paired)
			continue;
		if (has_pair(answers, count, answers[i].key))
			difference_add(&c, DIFFERENCE_COSMETIC, "%s came %s often", answers[i].key,
				       again);
		else
			difference_add(&c, DIFFERENCE_MISSING, "%s %s", answers[i].key, verb);
	}
}

static void pair_answers(const struct exchange *a, struct answer *left, const struct exchange *b,
			 struct answer *right, bool by_target, const struct substitutions *s,
			 struct difference *out)
{
	for (size_t i = 0; i < a->reply_count; i++) {
		size_t j = unpaired(right, b->reply_count, &left[i], by_target);

		if (left[i].paired || j == b->reply_count ||
		    (by_target && has_pair(left, a->reply_count, left[i].key)) ||
		    (by_target && has_pair(right, b->reply_count, right[j].key)))
			continue;
		left[i].paired = right[j].paired = true;
		difference_message(a->protocol, &a->replies[i], &b->replies[j], s, "reply", out);
	}
}

static void compare_answers(const struct exchange *a, const struct exchange *b,
			    const struct substitutions *s, struct difference *out)
{
	struct answer *left = answers_of(a, s), *right = answers_of(b, NULL);

	pair_answers(a, left, b, right, false, s, out);
	pair_answers(a, left, b, right, true, s, out);
	lone_answers(left, a->reply_count, "less", "is missing", out);
	lone_answers(right, b->reply_count, "more", "was not there before", out);
	free_answers(left, a->reply_count);
	free_answers(right, b->reply_count);
}

static void compare_replies(const struct exchange *a, const struct exchange *b,
			    const struct substitutions *s, struct difference *out)
{
	size_t count = a->reply_count > b->reply_count ? a->reply_count : b->reply_count;

	for (size_t i = 0; i < count; i++) {
		char what[32];

		snprintf(what, sizeof(what), count > 1 ? "reply %zu" : "reply", i + 1);
		difference_message(a->protocol, i < a->reply_count ? &a->replies[i] : NULL,
				   i < b->reply_count ? &b->replies[i] : NULL, s, what, out);
	}
}

void difference_exchange(const struct exchange *a, const struct exchange *b,
			 const struct substitutions *s, struct difference *out)
{
	struct comparison c = {.out = out};

	if (!a || !b) {
		if (a || b)
			difference_add(&c, DIFFERENCE_MISSING,
				       a ? "is missing" : "was not there before");
		return;
	}
	if (a->protocol != b->protocol) {
		difference_add(&c, DIFFERENCE_DIFFERENT, "%s became %s",
			       flow_protocol_name(a->protocol), flow_protocol_name(b->protocol));
		return;
	}
	if (a->has_request && b->has_request)
		difference_message(a->protocol, &a->request, &b->request, s, "request", out);
	if (a->protocol == FLOW_SSDP)
		compare_answers(a, b, s, out);
	else
		compare_replies(a, b, s, out);
}
