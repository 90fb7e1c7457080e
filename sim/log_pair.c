/* SPDX-License-Identifier: MIT */
/*
 * log_pair.c - messages of a log become exchanges.
 *
 * Theory of operation: a program logs a message once or more than once: where it is made or read
 * and again where it is sent or arrives, or its head first and then the whole. The same head twice
 * in a row from two different places of the program, or without its body first, is one message; the
 * same from the same place is a retransmission and stays two.
 *
 * Replies wait until the next request shows how many there were: so many of the requests that wait
 * longest-last are answered, in order. A reply to an action is matched by the action's name first.
 * Answers to searches go to the newest search for their target.
 */
#include "log_pair.h"

#include "../fakeigd/base/mem.h"
#include "import_name.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define OPEN_MAX    64	  /* exchanges that may still get a reply */
#define REPLIES_MAX 32	  /* replies that wait for the next request */
#define NOTES_MAX   20000 /* further ones are counted */
#define SAME_NS	    INT64_C(2000000000)

/** struct slot - an exchange to be */
struct slot {
	enum flow_protocol protocol;
	struct log_message request; /* without head_len: there is none */
	struct log_message *replies;
	size_t reply_count;
	bool search, from_router;
	char *name;
};

struct log_pairs {
	const struct import_options *options;
	struct recording_writer *w;
	struct recording *head;
	struct slot slots[OPEN_MAX];
	size_t count;
	struct log_message replies[REPLIES_MAX];
	size_t reply_count;
	struct end_point client, router;
	size_t put, others, unsaid;
};

struct log_pairs *log_pairs_new(const struct import_options *options, struct recording_writer *w,
				struct recording *head)
{
	struct log_pairs *p = xcalloc(1, sizeof(*p));

	p->options = options;
	p->w = w;
	p->head = head;
	if (options && options->client)
		end_point_parse(slice_of(options->client), &p->client);
	return p;
}

static void note(struct log_pairs *p, const struct log_message *m, const char *what)
{
	if (p->head->note_count < NOTES_MAX)
		recording_note_add(p->head, m->m.first, m->m.count, what, NULL);
	else
		p->unsaid++;
}

void log_pairs_client(struct log_pairs *p, const struct end_point *client)
{
	if (!p->client.family) {
		p->client = *client;
		p->client.port = 0;
	}
}

/* ---- what a message is ---- */

static bool contains(const struct log_message *m, const char *text)
{
	return m->m.bytes.len > m->head_len &&
	       memmem(m->m.bytes.data + m->head_len, m->m.bytes.len - m->head_len, text,
		      strlen(text));
}

static bool is_search_reply(const struct log_message *m)
{
	struct http_head head;

	return !m->request && log_message_head(m, &head) && http_header(&head, "ST").ptr &&
	       (http_header(&head, "USN").ptr || http_header(&head, "LOCATION").ptr);
}

static struct slice body_of(const struct log_message *m)
{
	return (struct slice){m->m.bytes.data + m->head_len, m->m.bytes.len - m->head_len};
}

/* What an exchange is, by its request, or by its reply when that is all there is. */
static void describe(struct slot *s, const struct log_message *m)
{
	struct import_name name = {.protocol = FLOW_HTTP, .text = "HTTP"};
	struct http_head head;

	if (!log_message_head(m, &head))
		return;
	if (!import_name_ssdp(&head, &name))
		import_name_http(&head, body_of(m), &name);
	s->protocol = name.protocol;
	s->from_router = name.from_router;
	s->search = name.protocol == FLOW_SSDP && !name.from_router;
	s->name = xstrdup(name.text);
}

/* ---- end points ---- */

static void fill(struct end_point *e, const struct end_point *with)
{
	if (!e->family)
		*e = *with;
	else if (!e->port && with->family && end_point_same_address(e, with))
		e->port = with->port;
}

static void header_address(const struct log_message *m, const char *name, struct end_point *out)
{
	struct http_head head;
	struct slice value;
	size_t end;

	*out = (struct end_point){0};
	if (!log_message_head(m, &head) || !(value = http_header(&head, name)).ptr)
		return;
	if (log_address_first(value, out, &end) && !out->port)
		out->port = 80;
}

/* Who is meant by what stands before a message: two are sender and receiver, one is the peer. */
static void named_ends(struct log_message *m)
{
	struct end_point first, last;
	struct slice rest = m->context;
	bool peer_sends = m->way == LOG_RECEIVED || (m->way == LOG_WAY_UNKNOWN && !m->request);
	size_t end;

	if (!log_address_first(rest, &first, &end))
		return;
	rest = (struct slice){rest.ptr + end, rest.len - end};
	if (log_address_last(rest, &last) && !end_point_same_address(&first, &last)) {
		fill(&m->m.from, &first);
		fill(&m->m.to, &last);
	} else {
		log_address_last(m->context, &first);
		fill(peer_sends ? &m->m.from : &m->m.to, &first);
	}
}

/* Ends of a request: what its line names, then what its headers say, then the client. */
static void request_ends(struct log_pairs *p, struct slot *s)
{
	struct recorded_message *q = &s->request.m;
	struct end_point host, location;

	named_ends(&s->request);
	header_address(&s->request, "HOST", &host);
	header_address(&s->request, "LOCATION", &location);
	location.port = 0;
	if (s->protocol == FLOW_SSDP)
		q->to = host.family ? host : q->to; /* the group, whoever it was read from */
	fill(&q->to, &host);
	if (!s->from_router)
		fill(&q->from, &p->client);
	else if (s->protocol == FLOW_SSDP)
		fill(&q->from, &location);
}

static void end_points(struct log_pairs *p, struct slot *s)
{
	struct end_point location;

	if (s->request.head_len)
		request_ends(p, s);
	for (size_t i = 0; i < s->reply_count; i++) {
		struct log_message *r = &s->replies[i];

		named_ends(r);
		if (s->protocol == FLOW_SSDP) {
			header_address(r, "LOCATION", &location);
			location.port = 0;
			fill(&r->m.from, &location);
		} else {
			fill(&r->m.from, &s->request.m.to);
		}
		fill(&r->m.to, &s->request.m.from);
		if (!s->from_router)
			fill(&r->m.to, &p->client);
	}
}

/* ---- putting ---- */

static bool is_wanted(struct log_pairs *p, const struct slot *s)
{
	const struct recorded_message *m = s->reply_count ? &s->replies[0].m : &s->request.m;
	const struct end_point *router = s->reply_count || s->from_router ? &m->from : &m->to;
	struct end_point wanted = {0};

	if (!p->options || !p->options->router || !router->family ||
	    !end_point_parse(slice_of(p->options->router), &wanted))
		return true;
	return end_point_same_address(router, &wanted) || end_point_is_multicast(router);
}

static void note_oddities(struct log_pairs *p, const struct log_message *m)
{
	char *what =
		xasprintf("lines of others between those of a message: %llu, from line %llu on",
			  (unsigned long long)m->foreign, (unsigned long long)m->foreign_first);

	if (m->foreign)
		note(p, m, what);
	free(what);
	if (m->unfit)
		note(p, m,
		     "the body has not the stated length, and no white space that "
		     "may be lost makes up for it; kept as shown");
}

/* Programs map ports to themselves: without better knowledge, that is the client. */
static void guess_client(struct log_pairs *p, const struct log_message *m)
{
	static const char tag[] = "<NewInternalClient>";
	struct slice body = m->head_len ? body_of(m) : (struct slice){0};
	const char *at = body.len ? memmem(body.ptr, body.len, tag, sizeof(tag) - 1) : NULL;
	struct end_point found;
	size_t end;

	if (p->client.family || !at)
		return;
	body.len -= (size_t)(at - body.ptr);
	body.ptr = at;
	if (!log_address_first(body, &found, &end) || end > sizeof(tag) + INET6_ADDRSTRLEN)
		return;
	p->client = found;
	recording_note_add(p->head, m->m.first, m->m.count,
			   "nothing says the client's address; it is taken from NewInternalClient",
			   NULL);
}

/* The first that answers a request or is sent one; what a log has is one router nearly always. */
static void remember_router(struct log_pairs *p, const struct slot *s)
{
	const struct end_point *e = s->reply_count ? &s->replies[0].m.from : &s->request.m.to;

	if (!s->from_router && !p->router.family && e->family && !end_point_is_multicast(e))
		p->router = *e;
}

static void put(struct log_pairs *p, struct slot *s)
{
	struct exchange x = {.protocol = s->protocol,
			     .connection = -1,
			     .from_router = s->from_router,
			     .has_request = s->request.head_len > 0};
	struct recorded_message *replies = xcalloc(s->reply_count + 1, sizeof(*replies));

	guess_client(p, &s->request);
	end_points(p, s);
	remember_router(p, s);
	if (!s->name)
		s->name = xstrdup("HTTP");
	x.name = s->name;
	x.request = s->request.m;
	for (size_t i = 0; i < s->reply_count; i++)
		replies[i] = s->replies[i].m;
	x.replies = replies;
	x.reply_count = s->reply_count;
	note_oddities(p, &s->request);
	for (size_t i = 0; i < s->reply_count; i++)
		note_oddities(p, &s->replies[i]);
	p->put++;
	if (is_wanted(p, s))
		recording_put(p->w, &x);
	else
		p->others++;
	free(replies);
	log_message_free(&s->request);
	for (size_t i = 0; i < s->reply_count; i++)
		log_message_free(&s->replies[i]);
	free(s->replies);
	free(s->name);
	*s = (struct slot){0};
}

static char *address_text(struct end_point e)
{
	struct buf text = {0};

	e.port = 0;
	end_point_text(&e, &text);
	return buf_steal(&text);
}

static struct slot *new_slot(struct log_pairs *p)
{
	if (p->count == OPEN_MAX) {
		put(p, &p->slots[0]);
		memmove(p->slots, p->slots + 1, (OPEN_MAX - 1) * sizeof(p->slots[0]));
		p->count--;
	}
	p->slots[p->count] = (struct slot){0};
	return &p->slots[p->count++];
}

/* Whether a reply has no body whatever its head says, or none because it states none. */
static bool is_bodiless(const struct slot *s, const struct log_message *m)
{
	struct http_head head;

	if (!log_message_head(&s->request, &head))
		return false;
	return slice_eq(head.method, "HEAD") ||
	       (s->protocol == FLOW_GENA && m->stated == UINT64_MAX);
}

static void attach(struct slot *s, struct log_message *m)
{
	if (m->missing && is_bodiless(s, m)) {
		free(m->m.gaps);
		m->m.gaps = NULL;
		m->m.gap_count = 0;
	}
	s->replies = xrealloc(s->replies, (s->reply_count + 1) * sizeof(*s->replies));
	s->replies[s->reply_count++] = *m;
}

/* ---- one message logged twice ---- */

static bool near_in_time(const struct log_message *a, const struct log_message *b)
{
	return a->m.time_ns == RECORDING_NO_TIME || b->m.time_ns == RECORDING_NO_TIME ||
	       (b->m.time_ns - a->m.time_ns <= SAME_NS && a->m.time_ns <= b->m.time_ns);
}

static bool same_bytes(const struct log_message *a, const struct log_message *b)
{
	if (!slice_same((struct slice){a->m.bytes.data, a->head_len},
			(struct slice){b->m.bytes.data, b->head_len}))
		return false;
	if (a->missing || b->missing)
		return true;
	return slice_same(buf_slice(&a->m.bytes), buf_slice(&b->m.bytes));
}

static bool is_again(const struct log_message *a, const struct log_message *b)
{
	bool other_place = log_shape_match(a->context, b->context) != b->context.len;

	return same_bytes(a, b) && near_in_time(a, b) &&
	       (other_place || (a->missing && !b->missing));
}

/* Keep of two the one that has more; requests count from the last, replies from the first. */
static void merge(struct log_pairs *p, struct log_message *a, struct log_message *b)
{
	bool head_first = a->missing && !b->missing && a->m.bytes.len == a->head_len;
	struct log_message *kept = a->missing ? b : a, *dropped = a->missing ? a : b;
	int64_t begin = a->request ? b->m.time_ns : a->m.time_ns;
	int64_t end = b->m.end_ns;
	char *what = xasprintf(head_first ? "head of the message of line %llu"
					  : "the message of line %llu again",
			       (unsigned long long)kept->m.first);
	struct recorded_segment *s = NULL;

	note(p, dropped, what);
	free(what);
	if (head_first && a->m.end_ns != RECORDING_NO_TIME) {
		s = xcalloc(2, sizeof(*s));
		s[0] = (struct recorded_segment){a->head_len, a->m.end_ns};
		s[1] = (struct recorded_segment){b->m.bytes.len, end};
	}
	if (kept == b) {
		struct log_message t = *a;

		*a = *b;
		*b = t;
	}
	log_message_free(b);
	a->m.time_ns = begin;
	a->m.end_ns = end;
	if (s) {
		free(a->m.segments);
		a->m.segments = s;
		a->m.segment_count = 2;
	}
}

/* ---- pairing ---- */

static bool opposite(const struct log_message *request, const struct log_message *reply)
{
	return request->way == LOG_WAY_UNKNOWN || reply->way == LOG_WAY_UNKNOWN ||
	       request->way != reply->way;
}

/* How well a reply fits a request: 0 not, 1 it may, 2 by the action's name. */
static int fits(const struct slot *s, const struct log_message *m)
{
	char *response;
	bool named;

	if (!s->request.head_len || s->protocol == FLOW_SSDP || s->reply_count ||
	    !opposite(&s->request, m))
		return 0;
	if (!contains(m, "Envelope") || contains(m, "Fault>"))
		return 1;
	if (s->protocol != FLOW_SOAP)
		return 0;
	response = xasprintf("%sResponse", s->name);
	named = contains(m, response);
	free(response);
	return named ? 2 : 0;
}

static void settle(struct log_pairs *p)
{
	size_t before = p->count;

	for (size_t r = p->reply_count; r--;) {
		struct log_message *m = &p->replies[r];
		struct slot *found = NULL;

		for (size_t i = before; i-- && !found;)
			if (fits(&p->slots[i], m))
				found = &p->slots[before = i];
		for (size_t i = p->count; i-- && !found;)
			if (fits(&p->slots[i], m))
				found = &p->slots[i];
		if (!found) {
			found = new_slot(p);
			describe(found, m);
			before = before ? before - (p->count == OPEN_MAX) : 0;
		}
		attach(found, m);
	}
	p->reply_count = 0;
}

static bool search_fits(const struct slot *s, struct slice target, bool all)
{
	struct http_head head;
	struct slice st;

	if (!s->search || !s->request.head_len || !log_message_head(&s->request, &head))
		return false;
	st = http_header(&head, "ST");
	if (all)
		return slice_eq(st, "ssdp:all");
	return slice_same(st, target);
}

static void add_search_reply(struct log_pairs *p, struct log_message *m)
{
	struct http_head head;
	struct slice target;
	struct slot *s = NULL;

	for (size_t i = p->count; i--;)
		for (size_t k = p->slots[i].search ? p->slots[i].reply_count : 0; k--;)
			if (is_again(&p->slots[i].replies[k], m)) {
				merge(p, &p->slots[i].replies[k], m);
				return;
			}
	if (log_message_head(m, &head)) {
		target = http_header(&head, "ST");
		for (int all = 0; all < 2 && !s; all++)
			for (size_t i = p->count; i-- && !s;)
				if (search_fits(&p->slots[i], target, all))
					s = &p->slots[i];
	}
	if (!s) {
		s = new_slot(p);
		describe(s, m);
	}
	attach(s, m);
}

static void add_request(struct log_pairs *p, struct log_message *m)
{
	struct slot *s;

	settle(p);
	for (size_t i = p->count; i-- && i + 4 >= p->count;) {
		s = &p->slots[i];
		if (s->request.head_len && !s->reply_count && is_again(&s->request, m)) {
			merge(p, &s->request, m);
			return;
		}
	}
	s = new_slot(p);
	s->request = *m;
	describe(s, &s->request);
}

void log_pairs_add(struct log_pairs *p, struct log_message *m)
{
	struct log_message *last = p->reply_count ? &p->replies[p->reply_count - 1] : NULL;

	if (m->request) {
		add_request(p, m);
	} else if (is_search_reply(m)) {
		add_search_reply(p, m);
	} else if (last && is_again(last, m)) {
		merge(p, last, m);
	} else {
		if (p->reply_count == REPLIES_MAX)
			settle(p);
		p->replies[p->reply_count++] = *m;
	}
	*m = (struct log_message){0};
}

struct log_message *log_pairs_missing(struct log_pairs *p)
{
	if (p->reply_count)
		return p->replies[p->reply_count - 1].missing ? &p->replies[p->reply_count - 1]
							      : NULL;
	if (p->count && p->slots[p->count - 1].request.missing &&
	    !p->slots[p->count - 1].reply_count)
		return &p->slots[p->count - 1].request;
	return NULL;
}

size_t log_pairs_end(struct log_pairs *p)
{
	size_t count;

	settle(p);
	for (size_t i = 0; i < p->count; i++)
		guess_client(p, &p->slots[i].request);
	for (size_t i = 0; i < p->count; i++)
		put(p, &p->slots[i]);
	if (p->unsaid) {
		char *what = xasprintf("and %zu notes more about messages logged twice or not "
				       "wholly",
				       p->unsaid);

		recording_note_add(p->head, 0, 0, what, NULL);
		free(what);
	}
	if (p->others) {
		char *what = xasprintf("left out: %zu exchanges with others than %s", p->others,
				       p->options->router);

		recording_note_add(p->head, 0, 0, what, NULL);
		free(what);
	}
	if (p->client.family && !p->head->client)
		p->head->client = address_text(p->client);
	if (p->router.family && !p->head->router)
		p->head->router = address_text(p->router);
	count = p->put;
	free(p);
	return count;
}
