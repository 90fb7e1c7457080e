/* SPDX-License-Identifier: MIT */
/*
 * flowdiff.c - two recordings of what should be the same (see flowdiff.h).
 *
 * Theory of operation
 *
 * Each exchange gets three keys: what its request says and where to, what it says alone (the URLs
 * may have changed), and what it is about (an action's name; of HTTP the kind of the reply). Keys
 * are hashes (64 bit FNV-1a), so that pairing is a walk over numbers: every exchange of the first
 * takes the first one of the second with the same key that is still free, key after key.
 */
#include "flowdiff.h"

#include "../fakeigd/base/mem.h"

#include <stdlib.h>

#define FNV_START UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

#define KEYS 3

/** struct side - the exchanges of one recording */
struct side {
	const struct recording *r;
	uint64_t *keys[KEYS]; /* the strictest first */
	size_t *partner;      /* FLOWDIFF_NONE = free */
};

static uint64_t hash(uint64_t h, const struct substitutions *s, const char *text)
{
	struct buf mapped = {0};

	if (s && text)
		substitutions_apply(s, slice_of(text), &mapped);
	else if (text)
		buf_puts(&mapped, text);
	for (size_t i = 0; i <= mapped.len; i++) /* with a NUL, so that "a","b" is not "ab" */
		h = (h ^ (i < mapped.len ? (uint8_t)mapped.data[i] : 0)) * FNV_PRIME;
	buf_free(&mapped);
	return h;
}

static const struct recorded_message *first_message(const struct exchange *x)
{
	if (x->has_request)
		return &x->request;
	return x->reply_count ? &x->replies[0] : NULL;
}

/* The keys of an exchange by what it asks or announces. */
static void hash_exchange(const struct exchange *x, const struct substitutions *s,
			  uint64_t keys[KEYS])
{
	static const char *const headers[] = {"ST", "NT", "NTS"};
	const struct recorded_message *m = first_message(x);
	uint64_t h = hash(FNV_START, NULL, flow_protocol_name(x->protocol));
	struct facts f;

	if (!m) {
		keys[0] = keys[1] = h;
		return;
	}
	facts_of(x->protocol, m, &f);
	h = hash(h, NULL, facts_kind_name(f.kind));
	h = hash(h, NULL, f.method);
	h = hash(h, NULL, f.action);
	for (size_t i = 0; i < f.argument_count; i++) {
		h = hash(h, NULL, f.arguments[i].name);
		h = hash(h, s, f.arguments[i].value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
		h = hash(h, s, facts_header(&f, headers[i]));
	keys[1] = f.kind == FACTS_GET ? hash(h, s, f.target) : h;
	h = hash(h, s, f.target);
	h = hash(h, NULL, f.service);
	keys[0] = hash(h, s, facts_header(&f, "USN"));
	facts_free(&f);
}

/* What it is about: the name, but of HTTP, whose names are URLs, what came back. */
static uint64_t hash_subject(const struct exchange *x, const struct substitutions *s)
{
	uint64_t h = hash(FNV_START, NULL, flow_protocol_name(x->protocol));
	struct facts f;

	if (x->protocol != FLOW_HTTP || !x->reply_count)
		return hash(h, s, x->name);
	facts_of(x->protocol, &x->replies[0], &f);
	h = hash(h, NULL, facts_kind_name(f.kind));
	facts_free(&f);
	return h;
}

static struct side side_of(const struct recording *r, const struct substitutions *s)
{
	struct side side = {.r = r, .partner = xcalloc(r->count + 1, sizeof(size_t))};

	for (size_t k = 0; k < KEYS; k++)
		side.keys[k] = xcalloc(r->count + 1, sizeof(uint64_t));
	for (size_t i = 0; i < r->count; i++) {
		uint64_t keys[KEYS] = {0};

		hash_exchange(&r->exchanges[i], s, keys);
		keys[KEYS - 1] = hash_subject(&r->exchanges[i], s);
		for (size_t k = 0; k < KEYS; k++)
			side.keys[k][i] = keys[k];
		side.partner[i] = FLOWDIFF_NONE;
	}
	return side;
}

static void free_side(struct side *side)
{
	for (size_t k = 0; k < KEYS; k++)
		free(side->keys[k]);
	free(side->partner);
}

static void pair_by(struct side *a, const uint64_t *a_keys, struct side *b, const uint64_t *b_keys)
{
	size_t free_from = 0; /* everything before has its partner */

	for (size_t i = 0; i < a->r->count; i++) {
		size_t j;

		while (free_from < b->r->count && b->partner[free_from] != FLOWDIFF_NONE)
			free_from++;
		if (a->partner[i] != FLOWDIFF_NONE)
			continue;
		for (j = free_from; j < b->r->count; j++) {
			if (b->partner[j] == FLOWDIFF_NONE && b_keys[j] == a_keys[i])
				break;
		}
		if (j < b->r->count) {
			a->partner[i] = j;
			b->partner[j] = i;
		}
	}
}

static struct difference *add_pair(struct flowdiff *out, size_t a, size_t b)
{
	if ((out->count & (out->count - 1)) == 0)
		out->pairs = xrealloc(out->pairs,
				      (out->count ? out->count * 2 : 1) * sizeof(*out->pairs));
	out->pairs[out->count] = (struct flowdiff_pair){.a = a, .b = b};
	return &out->pairs[out->count++].difference;
}

/* An announcement of which another one has its partner: repeated more or less often. */
static bool is_repetition(const struct side *side, size_t index)
{
	if (!side->r->exchanges[index].from_router)
		return false;
	for (size_t i = 0; i < side->r->count; i++) {
		if (side->partner[i] != FLOWDIFF_NONE && side->keys[0][i] == side->keys[0][index])
			return true;
	}
	return false;
}

static void add_lone(struct flowdiff *out, const struct side *side, size_t index, bool second)
{
	struct difference *d =
		add_pair(out, second ? FLOWDIFF_NONE : index, second ? index : FLOWDIFF_NONE);
	const struct exchange *x = &side->r->exchanges[index];

	if (is_repetition(side, index)) {
		d->items = xcalloc(1, sizeof(*d->items));
		d->items[d->count++] = (struct difference_item){
			DIFFERENCE_COSMETIC,
			xstrdup(second ? "came more often" : "came less often")};
		d->grade = DIFFERENCE_COSMETIC;
		return;
	}
	difference_exchange(second ? NULL : x, second ? x : NULL, NULL, d);
}

void flowdiff(const struct recording *a, const struct recording *b, const struct substitutions *s,
	      struct flowdiff *out)
{
	struct side left = side_of(a, s), right = side_of(b, NULL);

	*out = (struct flowdiff){0};
	for (size_t k = 0; k < KEYS; k++)
		pair_by(&left, left.keys[k], &right, right.keys[k]);
	for (size_t i = 0; i < a->count; i++) {
		if (left.partner[i] == FLOWDIFF_NONE)
			add_lone(out, &left, i, false);
		else
			difference_exchange(&a->exchanges[i], &b->exchanges[left.partner[i]], s,
					    add_pair(out, i, left.partner[i]));
	}
	for (size_t j = 0; j < b->count; j++) {
		if (right.partner[j] == FLOWDIFF_NONE)
			add_lone(out, &right, j, true);
	}
	for (size_t i = 0; i < out->count; i++)
		out->grades[out->pairs[i].difference.grade]++;
	free_side(&left);
	free_side(&right);
}

void flowdiff_free(struct flowdiff *f)
{
	for (size_t i = 0; i < f->count; i++)
		difference_free(&f->pairs[i].difference);
	free(f->pairs);
	*f = (struct flowdiff){0};
}

/* ---- addresses ---- */

/* Port of the router's HTTP server: that of the first SOAP or HTTP request. */
static uint16_t http_port(const struct recording *r)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct exchange *x = &r->exchanges[i];

		if ((x->protocol == FLOW_SOAP || x->protocol == FLOW_HTTP) && x->has_request &&
		    !x->from_router && x->request.to.port)
			return x->request.to.port;
	}
	return 0;
}

static char *with_port(const char *address, uint16_t port)
{
	return xasprintf(strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, port);
}

void flowdiff_addresses(const struct recording *a, const struct recording *b,
			struct substitutions *s)
{
	uint16_t left = http_port(a), right = http_port(b);

	if (a->client && b->client)
		substitutions_add(s, a->client, b->client);
	if (!a->router || !b->router)
		return;
	substitutions_add(s, a->router, b->router);
	if (left && right) {
		char *from = with_port(a->router, left), *to = with_port(b->router, right);

		substitutions_add(s, from, to);
		free(from);
		free(to);
	}
}
