/* SPDX-License-Identifier: MIT */
/*
 * portmap.c - the table of port mappings.
 *
 * Theory of operation
 *
 * Entries live in chunks that never move, so a pointer to one is good until the entry goes; free
 * ones are chained. Three hash tables lead to them: by whole key (remote host, external port,
 * protocol), by port and protocol alone, which is what conflicts are about (WANIPConnection:2
 * figure 2-3), and by internal endpoint, which is what NAT-PMP and PCP ask for. Order of creation
 * is an array of entry numbers; every entry carries a number that only grows, so its place in that
 * array is found by binary search and a removal is one memmove (WIPC-37, WIPC-38: indexes stay
 * contiguous). Leases are a heap behind one timer (lease.c).
 *
 * put() and the removals are the only places that change anything. Each counts SystemUpdateID up
 * by one, however many entries it touched (WANIPConnection:2 2.3.23, GENA-32, GENA-33), tells gena
 * (GENA-30, GENA-31, GENA-34), keeps the kernel's forwarding in step and writes to the journal.
 * A refresh that leaves client, port and enabled alone does not touch the kernel: connections
 * through the mapping go on.
 *
 * An entry takes 128 bytes while its description is short; 65,535 in each protocol take about 20
 * MB.
 */
#include "portmap.h"

#include "base/clock.h"
#include "base/mem.h"
#include "choice.h"
#include "forwarding.h"
#include "gena.h"
#include "interwork.h"
#include "journal.h"
#include "lease.h"
#include "pcp.h"
#include "profile.h"
#include "router.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_ENTRIES 128
#define NONE	      UINT32_MAX
#define OVER	      (-1) /* expires of an entry whose lease has ended, until it is taken out */

enum index { BY_KEY, BY_PORT, BY_ENDPOINT, INDEXES };

/**
 * struct entry - a mapping and its places
 * @mapping:	first, so that a mapping's address is its entry's
 * @lease:	in the heap unless permanent
 * @order:	grows from entry to entry
 * @number:	of the entry: chunk and place in it
 * @next:	chains of the hash tables; [BY_KEY] also of the free list
 * @text:	description when it fits
 */
struct entry {
	struct mapping mapping;
	struct lease lease;
	uint64_t order;
	uint32_t number;
	uint32_t next[INDEXES];
	char text[20];
};

struct table {
	uint32_t *heads;
	uint32_t mask;
};

struct portmap {
	struct router *router;
	struct entry **chunks;
	uint32_t chunk_count;
	uint32_t free;
	struct table tables[INDEXES];
	uint32_t *order;
	uint32_t *by_port; /* the same by port, when @sorted */
	bool sorted;
	size_t count, cap;
	uint64_t next_order;
	struct lease_heap leases;
	uint32_t update_id;
	struct forwarding *forwarding;
};

static struct entry *entry_at(const struct portmap *p, uint32_t number)
{
	return &p->chunks[number / CHUNK_ENTRIES][number % CHUNK_ENTRIES];
}

static struct entry *entry_of(const struct mapping *m)
{
	return (struct entry *)m;
}

/* @host: the remote host of BY_KEY, the internal client of BY_ENDPOINT. */
static uint32_t hash(enum index which, struct in_addr host, uint16_t port, int protocol)
{
	uint64_t x = ((uint64_t)port << 8) | (uint8_t)protocol;

	if (which != BY_PORT)
		x |= (uint64_t)host.s_addr << 32;
	x *= UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(x >> 32);
}

static uint32_t *head_of(const struct portmap *p, enum index which, const struct mapping *m)
{
	const struct table *t = &p->tables[which];

	bool inner = which == BY_ENDPOINT;

	return &t->heads[hash(which, inner ? m->internal_client : m->remote_host,
			      inner ? m->internal_port : m->external_port, m->protocol) &
			 t->mask];
}

static void index_insert(struct portmap *p, enum index which, struct entry *e)
{
	uint32_t *head = head_of(p, which, &e->mapping);

	e->next[which] = *head;
	*head = e->number;
}

static void index_remove(struct portmap *p, enum index which, struct entry *e)
{
	uint32_t *at = head_of(p, which, &e->mapping);

	while (*at != e->number)
		at = &entry_at(p, *at)->next[which];
	*at = e->next[which];
}

/* Twice as many heads as entries at most are in use; all entries are chained anew. */
static void index_grow(struct portmap *p, enum index which, uint32_t heads)
{
	struct table *t = &p->tables[which];

	t->heads = xrealloc(t->heads, heads * sizeof(*t->heads));
	t->mask = heads - 1;
	memset(t->heads, 0xff, heads * sizeof(*t->heads));
	for (size_t i = 0; i < p->count; i++)
		index_insert(p, which, entry_at(p, p->order[i]));
}

static void free_chunk(struct portmap *p, uint32_t chunk)
{
	for (uint32_t i = CHUNK_ENTRIES; i-- > 0;) {
		struct entry *e = &p->chunks[chunk][i];

		e->number = chunk * CHUNK_ENTRIES + i;
		e->next[BY_KEY] = p->free;
		p->free = e->number;
	}
}

static struct entry *entry_new(struct portmap *p)
{
	struct entry *e;
	uint32_t number;

	if (p->free == NONE) {
		p->chunks = xrealloc(p->chunks, (p->chunk_count + 1) * sizeof(*p->chunks));
		p->chunks[p->chunk_count] = xcalloc(CHUNK_ENTRIES, sizeof(struct entry));
		free_chunk(p, p->chunk_count++);
	}
	number = p->free;
	e = entry_at(p, number);
	p->free = e->next[BY_KEY];
	*e = (struct entry){.number = number};
	return e;
}

static void set_description(struct entry *e, const char *text)
{
	char *old = e->mapping.description;
	size_t len = strlen(text);
	char *mine = len < sizeof(e->text) ? e->text : xmalloc(len + 1);

	memmove(mine, text, len + 1);
	e->mapping.description = mine;
	if (old != e->text && old != mine)
		free(old);
}

static void set_record(struct entry *e, struct pcp_record *record)
{
	if (e->mapping.pcp != record)
		pcp_record_free(e->mapping.pcp);
	e->mapping.pcp = record;
}

static void expire(void *arg);

struct portmap *portmap_new(struct router *r)
{
	struct portmap *p = xcalloc(1, sizeof(*p));

	p->router = r;
	p->free = NONE;
	p->forwarding = forwarding_new(r);
	lease_heap_init(&p->leases, r->loop, expire, p);
	for (int i = 0; i < INDEXES; i++)
		index_grow(p, i, 64);
	return p;
}

void portmap_free(struct portmap *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++) {
		struct entry *e = entry_at(p, p->order[i]);

		if (e->mapping.description != e->text)
			free(e->mapping.description);
		pcp_record_free(e->mapping.pcp);
	}
	for (uint32_t i = 0; i < p->chunk_count; i++)
		free(p->chunks[i]);
	for (int i = 0; i < INDEXES; i++)
		free(p->tables[i].heads);
	lease_heap_free(&p->leases);
	forwarding_free(p->forwarding);
	free(p->chunks);
	free(p->order);
	free(p->by_port);
	free(p);
}

static const struct mapping *find(const struct portmap *p, enum index which, uint32_t number,
				  struct in_addr remote, uint16_t port, int protocol)
{
	while (number != NONE) {
		const struct entry *e = entry_at(p, number);
		const struct mapping *m = &e->mapping;

		if (m->external_port == port && m->protocol == protocol &&
		    (which == BY_PORT || m->remote_host.s_addr == remote.s_addr))
			return m;
		number = e->next[which];
	}
	return NULL;
}

static const struct mapping *find_first(const struct portmap *p, enum index which,
					struct in_addr remote, uint16_t port, int protocol)
{
	const struct mapping key = {
		.remote_host = remote, .external_port = port, .protocol = protocol};

	return find(p, which, *head_of(p, which, &key), remote, port, protocol);
}

const struct mapping *portmap_find(const struct portmap *p, struct in_addr remote, uint16_t port,
				   int protocol)
{
	return find_first(p, BY_KEY, remote, port, protocol);
}

const struct mapping *portmap_find_port(const struct portmap *p, uint16_t port, int protocol)
{
	return find_first(p, BY_PORT, (struct in_addr){0}, port, protocol);
}

const struct mapping *portmap_next_port(const struct portmap *p, const struct mapping *m)
{
	return find(p, BY_PORT, entry_of(m)->next[BY_PORT], m->remote_host, m->external_port,
		    m->protocol);
}

/* From entry @number on. */
static const struct mapping *find_endpoint(const struct portmap *p, uint32_t number,
					   const struct mapping *key)
{
	while (number != NONE) {
		const struct entry *e = entry_at(p, number);
		const struct mapping *m = &e->mapping;

		if (m->internal_client.s_addr == key->internal_client.s_addr &&
		    m->internal_port == key->internal_port && m->protocol == key->protocol)
			return m;
		number = e->next[BY_ENDPOINT];
	}
	return NULL;
}

const struct mapping *portmap_find_endpoint(const struct portmap *p, struct in_addr client,
					    uint16_t port, int protocol)
{
	const struct mapping key = {
		.internal_client = client, .internal_port = port, .protocol = protocol};

	return find_endpoint(p, *head_of(p, BY_ENDPOINT, &key), &key);
}

const struct mapping *portmap_next_endpoint(const struct portmap *p, const struct mapping *m)
{
	return find_endpoint(p, entry_of(m)->next[BY_ENDPOINT], m);
}

const struct mapping *portmap_at(const struct portmap *p, size_t index)
{
	return index < p->count ? &entry_at(p, p->order[index])->mapping : NULL;
}

/* By port, TCP before UDP, and then as they came. */
static int compare_ports(const void *a, const void *b, void *arg)
{
	const struct entry *x = entry_at(arg, *(const uint32_t *)a);
	const struct entry *y = entry_at(arg, *(const uint32_t *)b);

	if (x->mapping.external_port != y->mapping.external_port)
		return x->mapping.external_port < y->mapping.external_port ? -1 : 1;
	if (x->mapping.protocol != y->mapping.protocol)
		return x->mapping.protocol == IPPROTO_TCP ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void sort_by_port(struct portmap *p)
{
	p->by_port = xrealloc(p->by_port, p->count * sizeof(*p->by_port));
	memcpy(p->by_port, p->order, p->count * sizeof(*p->by_port));
	qsort_r(p->by_port, p->count, sizeof(*p->by_port), compare_ports, p);
	p->sorted = true;
}

const struct mapping *portmap_listed(struct portmap *p, enum portmap_order order, size_t index)
{
	if (index >= p->count)
		return NULL;
	if (order == PORTMAP_NEWEST)
		return portmap_at(p, p->count - 1 - index);
	if (order == PORTMAP_OLDEST)
		return portmap_at(p, index);
	if (!p->sorted)
		sort_by_port(p);
	return &entry_at(p, p->by_port[index])->mapping;
}

size_t portmap_count(const struct portmap *p)
{
	return p->count;
}

bool portmap_is_shown(const struct portmap *p, const struct mapping *m)
{
	return policy_is(&p->router->profile->policy, table_shows, "all") ||
	       m->origin == PORTMAP_IGD || m->origin == PORTMAP_STATIC;
}

size_t portmap_shown(const struct portmap *p)
{
	size_t count = 0;

	if (policy_is(&p->router->profile->policy, table_shows, "all"))
		return p->count;
	for (size_t i = 0; i < p->count; i++)
		count += portmap_is_shown(p, portmap_at(p, i));
	return count;
}

bool portmap_is_taken(const struct portmap *p, const struct mapping *m, enum portmap_origin by)
{
	return m && (m->origin == by || m->origin == PORTMAP_STATIC ||
		     policy_is(&p->router->profile->policy, table_conflicts, "all"));
}

uint32_t portmap_update_id(const struct portmap *p)
{
	return p->update_id;
}

uint32_t portmap_remaining(const struct mapping *m)
{
	int64_t left = m->expires - clock_now();

	if (m->expires == INT64_MAX)
		return 0;
	return left <= 0 ? 0 : (uint32_t)((left + CLOCK_SECOND - 1) / CLOCK_SECOND);
}

static void tell_journal(struct portmap *p, const char *verb, const struct mapping *m)
{
	char remote[INET_ADDRSTRLEN], client[INET_ADDRSTRLEN], what[160];

	if (!journal_on(p->router->journal))
		return;
	inet_ntop(AF_INET, &m->remote_host, remote, sizeof(remote));
	inet_ntop(AF_INET, &m->internal_client, client, sizeof(client));
	snprintf(what, sizeof(what), "%s %u/%s -> %s:%u", verb, m->external_port,
		 m->protocol == IPPROTO_TCP ? "TCP" : "UDP", client, m->internal_port);
	journal_write(
		p->router->journal, JOURNAL_STATE, "portmap", NULL, NULL, what,
		"{s:s, s:s, s:I, s:s, s:i, s:s, s:i, s:b, s:I, s:i, s:I}", "change", verb,
		"remote_host", m->remote_host.s_addr ? remote : "", "update_id",
		(json_int_t)p->update_id, "protocol", m->protocol == IPPROTO_TCP ? "TCP" : "UDP",
		"external_port", (int)m->external_port, "internal_client", client, "internal_port",
		(int)m->internal_port, "enabled", (int)m->enabled, "lease", (json_int_t)m->lease,
		"entries", (int)p->count, "remaining", (json_int_t)portmap_remaining(m));
}

/* One change of the table is over: both variables go into one event (GENA-31). */
static void changed(struct portmap *p, bool count_too)
{
	gena_changed(p->router->gena, NULL, "SystemUpdateID");
	if (count_too)
		gena_changed(p->router->gena, NULL, "PortMappingNumberOfEntries");
}

static void start_lease(struct portmap *p, struct entry *e, uint32_t lease)
{
	struct mapping *m = &e->mapping;

	m->lease = lease;
	m->expires = lease ? clock_now() + lease * CLOCK_SECOND : INT64_MAX;
	if (p->router->profile->policy.lease_enforced)
		lease_heap_set(&p->leases, &e->lease, m->expires);
	else
		lease_heap_cancel(&p->leases, &e->lease);
}

static bool same_target(const struct mapping *a, const struct mapping *b)
{
	return a->internal_client.s_addr == b->internal_client.s_addr &&
	       a->internal_port == b->internal_port && a->enabled == b->enabled &&
	       a->wan_port == b->wan_port;
}

static int replace(struct portmap *p, struct entry *e, const struct mapping *m)
{
	struct mapping *old = &e->mapping, wanted = *m;
	int error;

	if (same_target(old, m)) {
		error = forwarding_refresh(p->forwarding, old);
		return error || pcp_record_same_filters(old->pcp, m->pcp)
			       ? error
			       : forwarding_filter(p->forwarding, old, m->pcp);
	}
	forwarding_stop(p->forwarding, old);
	error = forwarding_start(p->forwarding, &wanted);
	if (error) {
		forwarding_start(p->forwarding, old);
		return error;
	}
	index_remove(p, BY_ENDPOINT, e);
	old->internal_client = m->internal_client;
	old->internal_port = m->internal_port;
	index_insert(p, BY_ENDPOINT, e);
	old->enabled = m->enabled;
	old->wan_port = m->wan_port;
	old->forwarding = wanted.forwarding;
	return 0;
}

static int append(struct portmap *p, const struct mapping *m, struct entry **out)
{
	struct mapping wanted = *m;
	int error = forwarding_start(p->forwarding, &wanted);
	struct entry *e;

	if (error)
		return error;
	if (p->count == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		p->order = xrealloc(p->order, p->cap * sizeof(*p->order));
	}
	for (int i = 0; i < INDEXES; i++)
		if (p->count > p->tables[i].mask)
			index_grow(p, i, 2 * (p->tables[i].mask + 1));
	e = entry_new(p);
	e->mapping = wanted;
	e->mapping.description = NULL;
	e->order = p->next_order++;
	p->order[p->count++] = e->number;
	p->sorted = false;
	for (int i = 0; i < INDEXES; i++)
		index_insert(p, i, e);
	*out = e;
	return 0;
}

static int put(struct portmap *p, const struct mapping *m, bool restart)
{
	struct entry *e = entry_of(portmap_find(p, m->remote_host, m->external_port, m->protocol));
	bool fresh = !e;
	int error = fresh ? append(p, m, &e) : replace(p, e, m);

	if (error)
		return error;
	e->mapping.origin = m->origin;
	e->mapping.owner = m->owner;
	set_record(e, m->pcp);
	set_description(e, m->description ? m->description : "");
	if (fresh || restart)
		start_lease(p, e, m->lease);
	p->update_id++;
	tell_journal(p, fresh ? "added" : "updated", &e->mapping);
	if (portmap_is_shown(p, &e->mapping))
		changed(p, fresh);
	return 0;
}

int portmap_put(struct portmap *p, const struct mapping *m)
{
	return put(p, m, true);
}

int portmap_put_keeping_lease(struct portmap *p, const struct mapping *m)
{
	return put(p, m, false);
}

/* Out of indexes, heap and kernel; the place in the order is the caller's to close. */
static void let_go(struct portmap *p, struct entry *e, const char *verb)
{
	p->sorted = false;
	forwarding_stop(p->forwarding, &e->mapping);
	lease_heap_cancel(&p->leases, &e->lease);
	for (int i = 0; i < INDEXES; i++)
		index_remove(p, i, e);
	tell_journal(p, verb, &e->mapping);
	interwork_forget(p->router->interwork, &e->mapping);
	if (e->mapping.origin == PORTMAP_PCP)
		pcp_hold(p->router->portcontrol, &e->mapping);
	if (e->mapping.description != e->text)
		free(e->mapping.description);
	e->mapping.description = NULL;
	set_record(e, NULL);
	e->next[BY_KEY] = p->free;
	p->free = e->number;
}

static size_t place_in_order(const struct portmap *p, const struct entry *e)
{
	size_t low = 0, high = p->count;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (entry_at(p, p->order[middle])->order <= e->order)
			low = middle;
		else
			high = middle;
	}
	return low;
}

bool portmap_remove(struct portmap *p, struct in_addr remote, uint16_t port, int protocol)
{
	struct entry *e = entry_of(portmap_find(p, remote, port, protocol));
	bool shown;
	size_t at;

	if (!e)
		return false;
	shown = portmap_is_shown(p, &e->mapping);
	at = place_in_order(p, e);
	p->count--;
	memmove(p->order + at, p->order + at + 1, (p->count - at) * sizeof(*p->order));
	p->update_id++;
	let_go(p, e, "removed");
	if (shown)
		changed(p, true);
	return true;
}

size_t portmap_remove_if(struct portmap *p, bool (*wanted)(const struct mapping *m, void *arg),
			 void *arg, const char *why)
{
	size_t before = p->count, kept = 0;
	bool shown = false;

	for (size_t i = 0; i < before; i++) {
		struct entry *e = entry_at(p, p->order[i]);

		if (!wanted(&e->mapping, arg)) {
			p->order[kept++] = p->order[i];
			continue;
		}
		p->update_id += p->count == before;
		p->count--;
		shown |= portmap_is_shown(p, &e->mapping);
		let_go(p, e, why);
	}
	if (shown)
		changed(p, true);
	return before - kept;
}

static bool is_marked(const struct mapping *m, void *arg)
{
	(void)arg;
	return m->expires == OVER;
}

/* Leases that end at the same moment go in one change (WIPC-20, GENA-34). */
static void expire(void *arg)
{
	struct portmap *p = arg;
	struct lease *lease;

	while ((lease = lease_heap_take(&p->leases))) {
		struct entry *e = (struct entry *)((char *)lease - offsetof(struct entry, lease));

		e->mapping.expires = OVER;
	}
	portmap_remove_if(p, is_marked, NULL, "expired");
}

static bool is_any(const struct mapping *m, void *arg)
{
	(void)m;
	(void)arg;
	return true;
}

void portmap_clear(struct portmap *p, const char *why)
{
	if (p->count)
		forwarding_flush(p->forwarding);
	portmap_remove_if(p, is_any, NULL, why);
}

void portmap_event(struct portmap *p, enum forwarding_event event)
{
	forwarding_event(p->forwarding, event);
}

void portmap_reload(struct portmap *p)
{
	forwarding_reload(p->forwarding);
}

uint16_t portmap_free_port(const struct portmap *p, uint16_t first, int protocol)
{
	uint32_t port = first;

	for (uint32_t tried = 0; tried <= UINT16_MAX; tried++, port++) {
		if (port > UINT16_MAX || port == 0)
			port = 1024;
		if (!portmap_find_port(p, (uint16_t)port, protocol))
			return (uint16_t)port;
	}
	return 0;
}

int portmap_load(struct portmap *p)
{
	const struct profile *profile = p->router->profile;

	for (size_t i = 0; i < profile->mapping_count; i++) {
		const struct profile_mapping *from = &profile->mappings[i];
		struct mapping m = {
			.remote_host = from->remote_host,
			.internal_client = from->internal_client,
			.owner = from->internal_client,
			.external_port = from->external_port,
			.internal_port = from->internal_port,
			.protocol = from->protocol,
			.lease = from->lease,
			.origin = from->lease ? PORTMAP_IGD : PORTMAP_STATIC,
			.enabled = from->enabled,
			.description = from->description,
		};
		int error = portmap_put(p, &m);

		if (error)
			return error;
	}
	return 0;
}
