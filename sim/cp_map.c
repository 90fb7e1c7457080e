/* SPDX-License-Identifier: MIT */
/*
 * cp_map.c - a port mapping on one router (see cp.h)
 *
 * Theory of operation
 *
 * Enumerate the table, ask for the wanted port, then:
 *  - somebody else's: the next port that nobody holds;
 *  - ours, but leading elsewhere: stale, deleted;
 *  - ours as wanted: adding again renews it;
 *  - free: as it is.
 * Add. A fault is answered by changing one thing at a time (cp_next_move(), WIPC-13, WIPC-67,
 * CP-07): lease 0 on 725 and its field forms, external = internal on 724, the wildcard's forms on
 * 726, a plain description on 402, another port on 718 and 729. Then the router is asked whether
 * the mapping is there and leads where it should: "200 OK" proves nothing in the field.
 *
 * An entry is ours by internal client, port and protocol, never by its description, which routers
 * rewrite. RemoteHost's wildcard is the empty string (CP-14).
 */
#include "../fakeigd/base/mem.h"
#include "cp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* Habits of the naive modes. */
#define POLLS	  40
#define TRIES	  500
#define TEXT_50	  "a description that goes on and on and on and on: "
#define LONG_TEXT TEXT_50 TEXT_50 TEXT_50 TEXT_50

static bool same_host(const char *a, const char *b)
{
	struct in_addr x, y;

	if (cp_parse_address(a, &x) && cp_parse_address(b, &y))
		return x.s_addr == y.s_addr;
	return !strcasecmp(a, b);
}

/**
 * struct work - a request on its way through one router
 * @attempt:	what is asked for next
 * @table:	the router's, as told at the start
 * @renewed:	remaining lease of our own entry that was there before, 0 = none
 */
struct work {
	struct cp *cp;
	int layer;
	const struct map_request *request;
	struct cp_layer *out;
	struct cp_attempt attempt;
	struct cp_table table;
	uint32_t renewed;
};

enum holder { NOBODY, OURS, OURS_STALE, OTHER };

static enum holder whose(const struct work *w, const struct cp_entry *e)
{
	if (!same_host(e->internal_client, w->out->internal_client))
		return OTHER;
	return e->internal_port == w->attempt.internal_port && e->enabled ? OURS : OURS_STALE;
}

/* Who holds the wanted port: the specific answer, checked against the list (a router that gives
 * any odd entry is not believed). */
static enum holder check_port(struct work *w, struct cp_entry *e)
{
	struct cp *cp = w->cp;
	uint16_t port = w->attempt.external_port;
	int protocol = w->request->protocol, code;
	const struct cp_entry *listed = cp_find_port(&w->table, protocol, port);
	enum cp_outcome outcome;

	cp_step(cp, w->layer, "check port");
	outcome = cp_get_specific(cp, &w->out->router, w->attempt.remote_host, port, protocol, e,
				  &code);
	if (outcome != CP_DONE && !listed) {
		cp_believe(cp, "%u is free", port);
		cp_why(cp, outcome == CP_FAULT ? "%d" : "no answer, and it is not listed", code);
		return NOBODY;
	}
	if (outcome == CP_DONE &&
	    (e->external_port != port || e->protocol != protocol || !*e->internal_client)) {
		cp_believe(cp, "%u is %s", port, listed ? "taken" : "free");
		cp_why(cp, "the answer is about something else, the list counts");
		if (!listed)
			return NOBODY;
		*e = *listed;
	} else if (outcome != CP_DONE) {
		cp_believe(cp, "%u is taken", port);
		cp_why(cp, "listed, though not found by itself");
		*e = *listed;
	} else {
		cp_believe(cp, "%u leads to %s:%u", port, e->internal_client, e->internal_port);
		cp_why(cp, "%s",
		       (const char *[]){"", "ours", "ours, but stale",
					"somebody else's"}[whose(w, e)]);
	}
	return whose(w, e);
}

/* What was deleted is in no list any more. */
static void forget_entry(struct cp_table *t, int protocol, uint16_t port)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->entries[i].protocol == protocol && t->entries[i].external_port == port)
			t->entries[i].protocol = 0;
}

static void delete_mapping(struct work *w, const struct cp_entry *e, const char *why)
{
	struct cp *cp = w->cp;
	uint16_t port = e->external_port;
	int protocol = e->protocol;
	enum cp_outcome outcome;
	int code;

	cp_step(cp, w->layer, "delete");
	outcome = cp_delete(cp, &w->out->router, e->remote_host, port, protocol, &code);
	if (outcome == CP_DONE) {
		cp_believe(cp, "%u is gone", port);
		forget_entry(&w->table, protocol, port);
	} else {
		cp_believe(cp, "%u may still be there", port);
	}
	cp_why(cp, outcome == CP_FAULT ? "%s; the router answers %d" : "%s", why, code);
}

/* Find a port that is ours to use; stale ones of ours are deleted. Return: there is one. */
static bool settle_port(struct work *w)
{
	struct cp_attempt *a = &w->attempt;
	struct cp_entry e;

	for (;;) {
		enum holder holder = check_port(w, &e);

		w->renewed = holder == OURS ? e.lease : 0;
		if (cp_naive(w->cp, NAIVE_ALWAYS_DELETES_FIRST)) {
			e.external_port = a->external_port;
			e.protocol = w->request->protocol;
			delete_mapping(w, &e, "always");
			return true;
		}
		if (holder == OURS_STALE)
			delete_mapping(w, &e, "a stale mapping of ours");
		a->taken = holder == OTHER;
		if (holder != OTHER || a->any || cp_naive(w->cp, NAIVE_IGNORES_CONFLICT))
			return true;
		if (w->request->exact || a->moves++ >= CP_MOVES_MAX)
			return false;
		a->external_port = cp_next_port(&w->table, w->request->protocol, a->external_port);
		if (!a->external_port)
			return false;
	}
}

static void call_add(struct work *w, struct cp_answer *out)
{
	const struct cp_attempt *a = &w->attempt;
	char external[8], internal[8], lease[12];
	const struct cp_argument arguments[] = {
		{"NewRemoteHost", a->remote_host},
		{"NewExternalPort", external},
		{"NewProtocol", w->request->protocol == IPPROTO_TCP ? "TCP" : "UDP"},
		{"NewInternalPort", internal},
		{"NewInternalClient", w->out->internal_client},
		{"NewEnabled", "1"},
		{"NewPortMappingDescription", a->description},
		{"NewLeaseDuration", lease},
	};
	const char *action = a->any ? "AddAnyPortMapping" : "AddPortMapping";

	snprintf(external, sizeof(external), "%u", a->external_port);
	snprintf(internal, sizeof(internal), "%u", a->internal_port);
	snprintf(lease, sizeof(lease), "%u", a->lease);
	cp_step(w->cp, w->layer, "add");
	cp_request(w->cp, "%s %u/%s -> %s:%u, lease %u, remote host \"%s\", \"%s\"", action,
		   a->external_port, arguments[2].value, w->out->internal_client, a->internal_port,
		   a->lease, a->remote_host, a->description);
	cp_call(w->cp, &w->out->router, action, arguments, ARRAY_SIZE(arguments), out);
	cp_say_answer(w->cp, out);
}

/* The port that AddAnyPortMapping gave. */
static void read_reserved_port(struct work *w, const struct cp_answer *answer)
{
	const char *value = cp_value(answer, "NewReservedPort");
	uint64_t port;

	if (!value)
		value = cp_value(answer, "NewExternalPort");
	if (value && slice_number(slice_trim(slice_of(value)), UINT16_MAX, &port) && port)
		w->attempt.external_port = (uint16_t)port;
}

/* An own mapping of the same internal endpoint on another port can be the conflict. */
static bool remove_own_duplicate(struct work *w)
{
	for (size_t i = 0; i < w->table.count; i++) {
		struct cp_entry *e = &w->table.entries[i];

		if (e->protocol != w->request->protocol || whose(w, e) != OURS ||
		    e->external_port == w->attempt.external_port)
			continue;
		delete_mapping(w, e, "it may be what the new mapping conflicts with");
		forget_entry(&w->table, w->request->protocol, e->external_port);
		return true;
	}
	return false;
}

/* After a fault: change something. Return: another try makes sense. */
static bool react(struct work *w, int code)
{
	struct cp_attempt *a = &w->attempt;
	uint32_t lease = w->request->lease;
	enum cp_move move;

	if (code == 718 && !a->taken && !cp_naive(w->cp, NAIVE_IGNORES_CONFLICT) &&
	    remove_own_duplicate(w))
		return true;
	move = cp_next_move(a, code, &w->cp->options.naive);
	cp_why(w->cp, "%d: %s", code, cp_move_text(move));
	snprintf(w->out->failure, sizeof(w->out->failure), "refuses (%d)", code);
	if (move == CP_GIVE_UP || (move == CP_NEXT_PORT && w->request->exact))
		return false;
	if (move == CP_NEXT_PORT) {
		/* The lease was not what it did not like. */
		if (code == 718)
			a->lease = lease;
		a->external_port = cp_next_port(&w->table, w->request->protocol, a->external_port);
		return a->external_port && settle_port(w);
	}
	return true;
}

/* Add until it is taken or nothing is left to change. Return: the router said yes. */
static bool add(struct work *w)
{
	for (int tries = 0;;) {
		struct cp_answer answer;
		enum cp_outcome outcome;
		int code;

		call_add(w, &answer);
		outcome = answer.outcome;
		code = answer.code;
		if (outcome == CP_DONE && w->attempt.any)
			read_reserved_port(w, &answer);
		if (outcome == CP_DONE)
			cp_believe(w->cp, "%u is ours", w->attempt.external_port);
		else
			cp_believe(w->cp, "not mapped");
		if (outcome == CP_NO_REPLY)
			cp_why(w->cp, "%s%s", answer.why,
			       w->cp->gone ? "" : ": it may be there all the same");
		cp_answer_free(&answer);
		if (outcome == CP_DONE)
			return true;
		/* No reply: the router may have done it, the check will tell. */
		if (outcome == CP_NO_REPLY)
			return !w->attempt.any || !(w->attempt.any = false);
		if (cp_naive(w->cp, NAIVE_NEVER_GIVES_UP) && tries++ < TRIES)
			continue;
		if (!react(w, code))
			return false;
	}
}

enum verdict { THERE, UNKNOWN, ABSENT, OTHER_PORT, SILENT };

/* Is an entry what was asked for? */
static enum verdict judge_entry(struct work *w, const struct cp_entry *e)
{
	struct cp *cp = w->cp;

	cp_believe(cp, "%u leads to %s:%u%s, %u s left", e->external_port, e->internal_client,
		   e->internal_port, e->enabled ? "" : ", disabled", e->lease);
	if (!same_host(e->internal_client, w->out->internal_client)) {
		cp_why(cp, "that is not us");
		return ABSENT;
	}
	if (e->internal_port != w->attempt.internal_port) {
		cp_why(cp, "another internal port than was asked for");
		return OTHER_PORT;
	}
	if (!e->enabled) {
		cp_why(cp, "it is disabled");
		return ABSENT;
	}
	cp_why(cp, "as asked for");
	w->out->lease = e->lease;
	return THERE;
}

static enum verdict verify(struct work *w)
{
	struct cp *cp = w->cp;
	const struct cp_attempt *a = &w->attempt;
	struct cp_entry e;
	struct cp_table table;
	const struct cp_entry *listed;
	enum verdict verdict = ABSENT;
	enum cp_outcome outcome;
	int code;

	cp_step(cp, w->layer, "verify");
	outcome = cp_get_specific(cp, &w->out->router, a->remote_host, a->external_port,
				  w->request->protocol, &e, &code);
	if (outcome == CP_DONE && e.external_port == a->external_port && *e.internal_client)
		return judge_entry(w, &e);
	cp_believe(cp, "%u is not found by itself", a->external_port);
	if (outcome == CP_FAULT)
		cp_why(cp, "%d; the list may have it", code);
	else
		cp_why(cp, "the list may have it");
	cp_enumerate(cp, w->layer, &w->out->router, &table);
	cp_step(cp, w->layer, "verify");
	listed = cp_find_port(&table, w->request->protocol, a->external_port);
	if (listed) {
		verdict = judge_entry(w, listed);
	} else if (!table.told && !table.end_code && outcome == CP_NO_REPLY) {
		cp_believe(cp, "unknown");
		cp_why(cp, "the router does not answer any more");
		verdict = SILENT;
	} else if (!table.told && code != 714) {
		cp_believe(cp, "unknown");
		cp_why(cp, "the router tells nothing about its mappings");
		verdict = UNKNOWN;
	} else {
		cp_believe(cp, "%u is not there", a->external_port);
		cp_why(cp, "the router said yes and did nothing");
	}
	cp_table_free(&table);
	return verdict;
}

/* The mapping is not as it should be though the router said yes. Return: something was changed. */
static bool repair(struct work *w, enum verdict verdict)
{
	struct cp_attempt *a = &w->attempt;
	struct cp_entry own = {.protocol = w->request->protocol, .external_port = a->external_port};

	snprintf(w->out->failure, sizeof(w->out->failure), "%s",
		 verdict == SILENT ? "does not answer any more" : "says yes and does not do it");
	if (verdict == SILENT)
		return false;
	if (verdict == OTHER_PORT) {
		delete_mapping(w, &own, "it leads to the wrong internal port");
		return cp_take_same_port(a);
	}
	return !cp_naive(w->cp, NAIVE_NO_LEASE_RETRY) && cp_take_lease_zero(a, 725);
}

/* Whether adding again left the lease running out as before. */
static bool not_renewed(const struct work *w)
{
	return w->renewed && w->out->lease && w->out->lease <= w->renewed &&
	       w->renewed < w->attempt.lease;
}

static bool add_and_verify(struct work *w)
{
	bool deleted = false;

	for (;;) {
		enum verdict verdict;

		if (!add(w))
			return false;
		w->out->lease = w->attempt.lease;
		if (cp_naive(w->cp, NAIVE_BELIEVES_SUCCESS))
			return true;
		verdict = verify(w);
		w->out->verified = verdict == THERE;
		if (verdict == THERE && not_renewed(w) && !deleted) {
			struct cp_entry own = {.protocol = w->request->protocol,
					       .external_port = w->attempt.external_port};

			delete_mapping(w, &own, "adding again did not renew its lease");
			deleted = true;
			continue;
		}
		if (verdict == THERE || verdict == UNKNOWN)
			return true;
		if (!repair(w, verdict))
			return false;
	}
}

/* What is the same for mapping and unmapping; the table of the router is read. */
static void begin(struct work *w, struct cp *cp, int layer, const struct map_request *request,
		  struct cp_layer *out)
{
	const char *any = cp_naive(cp, NAIVE_STAR_REMOTE_HOST) && !*request->remote_host
				  ? "*"
				  : request->remote_host;

	*w = (struct work){
		.cp = cp,
		.layer = layer,
		.request = request,
		.out = out,
		.attempt = {.external_port = request->external_port,
			    .internal_port = request->internal_port,
			    .lease = cp_naive(cp, NAIVE_PERMANENT_LEASE) ? 0 : request->lease,
			    .remote_host = any,
			    .description = cp_naive(cp, NAIVE_LONG_DESCRIPTION)
						   ? LONG_TEXT
						   : request->description,
			    .any = cp->options.any && !request->exact && out->router.version >= 2}};
	/* Our address towards the router, unless the request names another. */
	if (*request->internal_client)
		snprintf(out->internal_client, sizeof(out->internal_client), "%s",
			 request->internal_client);
	else if (cp_naive(cp, NAIVE_NAME_ADDRESS))
		snprintf(out->internal_client, sizeof(out->internal_client), "127.0.1.1");
	else
		inet_ntop(AF_INET,
			  cp_naive(cp, NAIVE_FIRST_INTERFACE) ? &cp->interfaces[0].address
							      : &out->router.local,
			  out->internal_client, sizeof(out->internal_client));
	for (int i = 0; i < POLLS && cp_naive(cp, NAIVE_POLLS_STATUS); i++)
		cp_get_status(cp, layer, &out->router);
	cp_enumerate(cp, layer, &out->router, &w->table);
}

bool cp_map_router(struct cp *cp, int layer, const struct map_request *request,
		   struct cp_layer *out)
{
	struct work w;

	begin(&w, cp, layer, request, out);
	snprintf(out->failure, sizeof(out->failure), "%s",
		 request->exact ? "has that port for somebody else" : "has no free port");
	out->mapped = settle_port(&w);
	if (!w.renewed || !cp_naive(cp, NAIVE_ADDS_ONCE))
		out->mapped = out->mapped && add_and_verify(&w);
	out->mapped |= cp_naive(cp, NAIVE_SAYS_YES);
	out->external_port = w.attempt.external_port;
	out->internal_port = w.attempt.internal_port;
	cp_table_free(&w.table);
	return out->mapped;
}

/* Our mapping: on the wanted port, or where the list has one of our internal endpoint. */
static bool find_ours(struct work *w, struct cp_entry *e)
{
	enum holder holder = check_port(w, e);

	if (holder == OURS || holder == OURS_STALE)
		return true;
	for (size_t i = 0; i < w->table.count; i++) {
		if (w->table.entries[i].protocol != w->request->protocol ||
		    whose(w, &w->table.entries[i]) != OURS)
			continue;
		*e = w->table.entries[i];
		return true;
	}
	return false;
}

bool cp_unmap_router(struct cp *cp, int layer, const struct map_request *request,
		     struct cp_layer *out)
{
	struct work w;
	struct cp_entry e;
	enum holder holder;
	bool found;

	begin(&w, cp, layer, request, out);
	out->internal_port = request->internal_port;
	out->external_port = request->external_port;
	found = find_ours(&w, &e);
	if (found) {
		out->external_port = w.attempt.external_port = e.external_port;
		if (!cp_naive(cp, NAIVE_NEVER_UNMAPS))
			delete_mapping(&w, &e, "it is ours");
		holder = check_port(&w, &e);
		out->mapped = (holder == OURS || holder == OURS_STALE) &&
			      !cp_naive(cp, NAIVE_NEVER_UNMAPS);
	}
	cp_table_free(&w.table);
	return found;
}
