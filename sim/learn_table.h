/* SPDX-License-Identifier: MIT */
/*
 * learn_table.h - what the files that learn a router's behaviour share: learn_table.c (the walk and
 * the table), learn_policy.c (decisions), learn_state.c (the table at start, its order).
 */
#ifndef SIM_LEARN_TABLE_H
#define SIM_LEARN_TABLE_H

#include "learn_parts.h"

/**
 * struct entry - a mapping of the router
 * @index:	place in the table when it was read, -1 = not known; @newer: entries that the flow
 *		had added by then
 * @added:	by the flow, with lease @asked at @when; else it was there before
 * @rank:	grows from one added entry to the next; 0 = it was there before
 * @gone:	deleted by the flow
 */
struct entry {
	char *remote, *port, *protocol, *internal_port, *client, *enabled, *description;
	unsigned long lease;
	long index, newer;
	bool added, gone;
	unsigned rank;
	unsigned long asked;
	int64_t when;
	const struct seen *where;
};

/** struct choice - a policy that was found: "lease.report" = "granted" */
struct choice {
	const char *group, *key;
	char *value;
	const struct seen *where;
};

/**
 * struct table_order - how entries were enumerated
 * @entry, @index, @version: the last one that was read, and of which state of the table; entry < 0
 *		= none yet
 * @told:	a pair whose order of creation is known was read
 * @not_oldest, @not_newest, @not_port: seen in another order than that
 * @where:	what showed that it is not the oldest first
 */
struct table_order {
	long entry, index;
	unsigned version;
	bool told, not_oldest, not_newest, not_port;
	const struct seen *where;
};

/**
 * struct table - a copy of the router's table, and what was found out about it
 * @version:	counts its changes
 * @start:	when the flow begins
 * @phantom:	index 0 is no entry
 */
struct table {
	struct learner *l;
	struct entry *list;
	size_t count;
	unsigned ranks, version;
	struct choice choices[64];
	size_t choice_count;
	struct table_order order;
	int64_t start;
	bool phantom;
};

/* ---- learn_policy.c ---- */

/** table_choose() - note a policy when @value is one of @allowed ("a|b|c") and nothing else was
 * found before. Return: whether it explains what was seen. */
bool table_choose(struct table *t, const char *group, const char *key, const char *allowed,
		  const char *value, const struct seen *where);
/** table_write_policy() - append "policy". */
void table_write_policy(struct table *t, struct buf *out);
/** rule_fault(), rule_reply() - a rule that answers as the flow: with its code, its arguments. */
void rule_fault(struct learner *l, const struct seen *s, const char *const *names);
void rule_reply(struct learner *l, const struct seen *s, const char *const *names);
/** learn_address() - @text was told as the external address; what is none is passed over. */
void learn_address(struct table *t, const char *text, const struct seen *s);
/** learn_external() - of GetExternalIPAddress. */
void learn_external(struct table *t, const struct seen *s);
/** learn_other() - of an action that has nothing to do with mappings. */
void learn_other(struct table *t, const struct seen *s);
/** learn_answer_target() - of an answer to a search: whether it names the version asked for. */
void learn_answer_target(struct table *t, const struct seen *s);
/** learn_subscription() - of SUBSCRIBE: how long it was granted. */
void learn_subscription(struct table *t, const struct seen *s);

/** table_taken() - somebody whom the flow does not show has a port: an entry that is assumed. */
void table_taken(struct table *t, uint16_t port, const char *protocol, const struct seen *where);

/* ---- learn_natpmp.c ---- */

/** learn_natpmp() - policy and rules of NAT-PMP. */
void learn_natpmp(struct table *t);

/* ---- learn_state.c ---- */

/** table_read_at() - entry @entry was read by index. */
void table_read_at(struct table *t, size_t entry, long index, const struct seen *s);
/** table_choose_order() - a policy from that. */
void table_choose_order(struct table *t);
/** table_write_state() - append "state": what was there before the flow. */
void table_write_state(struct table *t, struct buf *out);

#endif
