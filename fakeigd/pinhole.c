/* SPDX-License-Identifier: MIT */
/*
 * pinhole.c - the table of IPv6 pinholes.
 *
 * Theory of operation
 *
 * Entries are found by UniqueID through an array of 65,536 pointers, of which the kernel gives only
 * the pages that are used, and by tuple through a hash table whose chains hold the pinholes of all
 * protocols. UniqueIDs count up and are not used again before all others were (6FC 2.4.9), or, by
 * policy pinhole.id, the lowest free one is. Leases are a heap behind one timer (lease.c).
 *
 * Two pinholes of one tuple, of different protocols, are one element of the kernel's, with one
 * mark: the first opens it, the last closes it (XP-11). Each counts packets from its own beginning.
 * When the firewall's table is made anew, the elements' counters go, so what they had counted is
 * kept here.
 */
#include "pinhole.h"

#include "base/clock.h"
#include "base/mem.h"
#include "choice.h"
#include "firewall6.h"
#include "forward_table.h"
#include "journal.h"
#include "lease.h"
#include "profile.h"
#include "router.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDS   65536
#define HEADS 1024

/**
 * struct entry - a pinhole and its places
 * @pinhole:	first, so that a pinhole's address is its entry's
 * @next:	of its chain
 * @counted:	packets to be added to the kernel's count: those of former tables, or minus those
 *		before it was made
 * @over:	its lease has ended
 */
struct entry {
	struct pinhole pinhole;
	struct lease lease;
	struct entry *next;
	char *description;
	int64_t counted;
	bool over;
};

struct pinholes {
	struct router *router;
	struct entry *by_id[IDS];
	struct entry *heads[HEADS];
	size_t count;
	uint16_t last_id;
	uint32_t last_mark;
	struct lease_heap leases;
};

static struct entry *entry_of(const struct pinhole *h)
{
	return (struct entry *)h;
}

static const struct policy *policy_of(const struct pinholes *p)
{
	return &p->router->profile->policy;
}

/* Remove all that @wanted picks. Return: how many went. */
static size_t remove_if(struct pinholes *p, bool (*wanted)(const struct pinhole *h, void *arg),
			void *arg, const char *why)
{
	size_t before = p->count;

	for (unsigned id = 1; id < IDS && p->count; id++)
		if (p->by_id[id] && wanted(&p->by_id[id]->pinhole, arg))
			pinhole_remove(p, (uint16_t)id, why);
	return before - p->count;
}

static bool is_over(const struct pinhole *h, void *arg)
{
	(void)arg;
	return entry_of(h)->over;
}

static void expire(void *arg)
{
	struct pinholes *p = arg;
	struct lease *lease;

	while ((lease = lease_heap_take(&p->leases)))
		((struct entry *)((char *)lease - offsetof(struct entry, lease)))->over = true;
	remove_if(p, is_over, NULL, "expired");
}

static void entry_free(struct entry *e)
{
	free(e->description);
	free(e);
}

struct pinholes *pinholes_new(struct router *r)
{
	struct pinholes *p = xcalloc(1, sizeof(*p));

	p->router = r;
	lease_heap_init(&p->leases, r->loop, expire, p);
	return p;
}

void pinholes_free(struct pinholes *p)
{
	if (!p)
		return;
	lease_heap_free(&p->leases);
	for (unsigned id = 0; id < IDS && p->count; id++) {
		if (!p->by_id[id])
			continue;
		p->count--;
		entry_free(p->by_id[id]);
	}
	free(p);
}

size_t pinholes_count(const struct pinholes *p)
{
	return p->count;
}

const struct pinhole *pinhole_by_id(const struct pinholes *p, uint16_t id)
{
	return (const struct pinhole *)p->by_id[id];
}

const struct pinhole *pinhole_next(const struct pinholes *p, const struct pinhole *after)
{
	for (unsigned id = after ? after->id + 1u : 1; p->count && id < IDS; id++)
		if (p->by_id[id])
			return &p->by_id[id]->pinhole;
	return NULL;
}

static struct entry **head_of(struct pinholes *p, const struct pinhole *key)
{
	uint32_t x = (uint32_t)key->internal_port << 16 ^ key->remote_port ^
		     (uint32_t)key->protocol << 8;

	for (size_t i = 0; i < sizeof(key->internal_client); i++)
		x = x * UINT32_C(0x01000193) ^
		    (uint32_t)(key->internal_client.s6_addr[i] << 8 | key->remote_host.s6_addr[i]);
	return &p->heads[(x * UINT32_C(0x9e3779b1)) >> 22];
}

static bool same_tuple(const struct pinhole *a, const struct pinhole *b)
{
	return a->protocol == b->protocol && a->internal_port == b->internal_port &&
	       a->remote_port == b->remote_port && a->remote_prefix == b->remote_prefix &&
	       IN6_ARE_ADDR_EQUAL(&a->internal_client, &b->internal_client) &&
	       IN6_ARE_ADDR_EQUAL(&a->remote_host, &b->remote_host);
}

const struct pinhole *pinhole_find(const struct pinholes *p, const struct pinhole *key)
{
	struct entry *e = *head_of((struct pinholes *)p, key);

	while (e && (e->pinhole.origin != key->origin || !same_tuple(&e->pinhole, key)))
		e = e->next;
	return e ? &e->pinhole : NULL;
}

/* Another protocol's pinhole of the same tuple. */
static struct entry *twin_of(struct pinholes *p, const struct pinhole *key)
{
	struct entry *e = *head_of(p, key);

	while (e && (&e->pinhole == key || !same_tuple(&e->pinhole, key)))
		e = e->next;
	return e;
}

uint32_t pinhole_remaining(const struct pinhole *h)
{
	int64_t left = h->expires - clock_now();

	if (h->expires == INT64_MAX)
		return 0;
	return left <= 0 ? 0 : (uint32_t)((left + CLOCK_SECOND - 1) / CLOCK_SECOND);
}

uint64_t pinhole_packets(const struct pinholes *p, const struct pinhole *h)
{
	int64_t packets =
		(int64_t)firewall6_packets(p->router->firewall6, h) + entry_of(h)->counted;

	return packets > 0 ? (uint64_t)packets : 0;
}

static const char *protocol_text(int protocol, char number[8])
{
	if (protocol == IPPROTO_TCP)
		return "tcp";
	if (protocol == IPPROTO_UDP)
		return "udp";
	snprintf(number, 8, "%u", (unsigned)protocol & 0xffff);
	return protocol == PINHOLE_ANY_PROTOCOL ? "any" : number;
}

/* "udp [2001:db8::4]:5000 from any" into @out of @size bytes; for people. */
static void text_of(const struct pinhole *h, char *out, size_t size)
{
	char client[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN + 4], number[8];

	inet_ntop(AF_INET6, &h->internal_client, client, sizeof(client));
	inet_ntop(AF_INET6, &h->remote_host, remote, sizeof(remote));
	if (IN6_IS_ADDR_UNSPECIFIED(&h->remote_host) && !h->remote_prefix)
		snprintf(remote, sizeof(remote), "any");
	else if (h->remote_prefix)
		snprintf(remote + strlen(remote), sizeof(remote) - strlen(remote), "/%u",
			 h->remote_prefix);
	snprintf(out, size, "%s [%s]:%u from [%s]:%u", protocol_text(h->protocol, number), client,
		 h->internal_port, remote, h->remote_port);
}

static void tell_journal(const struct pinholes *p, const char *verb, const struct pinhole *h)
{
	char text[160], what[200], client[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];

	if (!journal_on(p->router->journal))
		return;
	text_of(h, text, sizeof(text));
	snprintf(what, sizeof(what), "%s %s", verb, text);
	inet_ntop(AF_INET6, &h->internal_client, client, sizeof(client));
	inet_ntop(AF_INET6, &h->remote_host, remote, sizeof(remote));
	journal_write(p->router->journal, JOURNAL_STATE, "pinhole", NULL, NULL, what,
		      "{s:s, s:i, s:s, s:i, s:s, s:i, s:i, s:i, s:I, s:I, s:i}", "change", verb,
		      "unique_id", (int)h->id, "internal_client", client, "internal_port",
		      (int)h->internal_port, "remote_host",
		      IN6_IS_ADDR_UNSPECIFIED(&h->remote_host) ? "" : remote, "remote_prefix",
		      (int)h->remote_prefix, "remote_port", (int)h->remote_port, "protocol",
		      h->protocol, "lease", (json_int_t)h->lease, "remaining",
		      (json_int_t)pinhole_remaining(h), "entries", (int)p->count);
}

static void start_lease(struct pinholes *p, struct entry *e, uint32_t lease)
{
	e->pinhole.lease = lease;
	e->pinhole.expires = lease ? clock_now() + lease * CLOCK_SECOND : INT64_MAX;
	if (policy_of(p)->pinhole_lease_enforced)
		lease_heap_set(&p->leases, &e->lease, e->pinhole.expires);
	else
		lease_heap_cancel(&p->leases, &e->lease);
}

static uint16_t free_id(const struct pinholes *p)
{
	uint16_t id = policy_is(policy_of(p), pinhole_id, "lowest") ? 0 : p->last_id;

	for (unsigned tried = 0; tried < IDS; tried++)
		if (++id && !p->by_id[id])
			return id;
	return 0;
}

/* Of the twin, or the next of 2^24: so many pinholes later no connection of this one is known. */
static uint32_t mark_of(struct pinholes *p, const struct entry *twin)
{
	if (twin)
		return twin->pinhole.mark;
	p->last_mark = (p->last_mark + 1) & ~FORWARD_MARK_MASK;
	return FORWARD_MARK_PINHOLE | p->last_mark;
}

static int append(struct pinholes *p, const struct pinhole *wanted, struct entry **out)
{
	struct entry *twin = twin_of(p, wanted), *e, **head;
	struct pinhole fresh = *wanted;
	int error;

	fresh.id = free_id(p);
	if (!fresh.id)
		return -ENOSPC;
	fresh.mark = mark_of(p, twin);
	error = twin ? 0 : firewall6_open(p->router->firewall6, &fresh);
	if (error)
		return error;
	e = xcalloc(1, sizeof(*e));
	e->pinhole = fresh;
	e->pinhole.description = NULL;
	e->counted = twin ? -(int64_t)firewall6_packets(p->router->firewall6, &fresh) : 0;
	head = head_of(p, &fresh);
	e->next = *head;
	*head = e;
	p->by_id[fresh.id] = e;
	p->last_id = fresh.id;
	p->count++;
	*out = e;
	return 0;
}

static void describe(struct entry *e, const char *text)
{
	char *copy = text ? xstrdup(text) : NULL;

	free(e->description);
	e->description = copy;
	e->pinhole.description = copy;
}

int pinhole_put(struct pinholes *p, const struct pinhole *wanted, const struct pinhole **out)
{
	struct entry *e = entry_of(pinhole_find(p, wanted));
	bool fresh = !e;
	int error = fresh ? append(p, wanted, &e) : 0;

	if (error)
		return error;
	e->pinhole.owner = wanted->owner;
	describe(e, wanted->description);
	start_lease(p, e, wanted->lease);
	tell_journal(p, fresh ? "added" : "updated", &e->pinhole);
	if (out)
		*out = &e->pinhole;
	return 0;
}

bool pinhole_renew(struct pinholes *p, uint16_t id, uint32_t lease)
{
	struct entry *e = p->by_id[id];

	if (!e)
		return false;
	start_lease(p, e, lease);
	tell_journal(p, "updated", &e->pinhole);
	return true;
}

bool pinhole_remove(struct pinholes *p, uint16_t id, const char *why)
{
	struct entry *e = p->by_id[id], **at;

	if (!e)
		return false;
	for (at = head_of(p, &e->pinhole); *at != e;)
		at = &(*at)->next;
	*at = e->next;
	p->by_id[id] = NULL;
	p->count--;
	lease_heap_cancel(&p->leases, &e->lease);
	if (!twin_of(p, &e->pinhole))
		firewall6_close(p->router->firewall6, &e->pinhole);
	tell_journal(p, why, &e->pinhole);
	entry_free(e);
	return true;
}

static bool is_any(const struct pinhole *h, void *arg)
{
	(void)h;
	(void)arg;
	return true;
}

void pinholes_clear(struct pinholes *p, const char *why)
{
	remove_if(p, is_any, NULL, why);
}

static bool is_stranded(const struct pinhole *h, void *arg)
{
	return !router_lan_of6(arg, &h->internal_client);
}

/* Into the new table; twins find the element there. */
static int open_all(struct pinholes *p)
{
	int error = 0;

	for (const struct pinhole *h = pinhole_next(p, NULL); h && !error; h = pinhole_next(p, h))
		error = firewall6_open(p->router->firewall6, h);
	return error;
}

int pinholes_reload(struct pinholes *p, const char **lacks)
{
	struct router *r = p->router;
	int error;

	if (policy_is(policy_of(p), pinhole_old_prefix, "remove"))
		remove_if(p, is_stranded, r, "prefix gone");
	for (const struct pinhole *h = pinhole_next(p, NULL); h; h = pinhole_next(p, h))
		entry_of(h)->counted += (int64_t)firewall6_packets(r->firewall6, h);
	error = firewall6_refresh(r->firewall6, lacks);
	return error ? error : open_all(p);
}
