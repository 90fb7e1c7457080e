/* SPDX-License-Identifier: MIT */
/* rule_parts.h - what the files of the rule engine share; nobody else includes it. */
#ifndef FAKEIGD_RULE_PARTS_H
#define FAKEIGD_RULE_PARTS_H

#include "pattern.h"
#include "rule.h"

struct service_argument;

/* An address of either family as one: IPv4 becomes ::ffff:a.b.c.d. */
static inline struct in6_addr rule_mapped(struct in_addr v4)
{
	struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	memcpy(a.s6_addr + 12, &v4, 4);
	return a;
}

/** enum rule_state - bits of struct rule_match.states: conditions of the router */
enum rule_state {
	RULE_STATE_TABLE_FULL,
	RULE_STATE_TABLE_EMPTY,
	RULE_STATE_WAN_DOWN,
	RULE_STATE_WAN_UP,
	RULE_STATE_AFTER_REBOOT,
	RULE_STATE_RECONNECTED,
	RULE_STATE_MAPPED,
	RULE_STATE_MAPPED_BY_OTHER,
	RULE_STATE_MAPPED_BY_SENDER,
	RULE_STATE_UNMAPPED,
	RULE_STATE_COUNT,
};

/** struct rule_named - a pattern for something that has a name: an argument or a header */
struct rule_named {
	const char *name;
	struct pattern *pattern;
};

/** struct rule_network - a sender: address and prefix; IPv4 is kept as ::ffff:a.b.c.d */
struct rule_network {
	struct in6_addr address;
	int prefix;
	bool negated;
};

/**
 * struct rule_match - "when", compiled
 * @layers:		bits of enum rule_layer, never 0
 * @message, @target, @action: patterns, NULL = any
 * @arguments, @fields, @headers, @exact: patterns by name, headers in any case or as written; all
 * must fit
 * @from, @from_count:	senders; empty = any
 * @service:		serviceId
 * @version:		of HTTP, "1.0"
 * @order:		names of headers that must stand in that order
 * @body:		of the request
 * @port, @segments, @on_connection, @from_port: numbers of the request; empty = any
 * @complete:		1 and 0: whether a datagram ends in an empty line; -1 = any
 * @states:		bits of enum rule_state that must all hold
 * @uptime:		seconds since the router booted; empty = any
 * @last:		the last so many entries of the table, by NewPortMappingIndex; 0 = any
 * @nth:		occurrences, counted from 1; empty = any
 * @every:		each so manyth occurrence; 0 = any
 * @within:		the message before this one that met the rest came less than that ago, us
 * @after, @after_within: an action that fits was asked for less than that ago, us
 * @holds_port, @holds_protocol: the table has such a mapping; 0 = any table
 * @probability:	of 2^32; a negative number = always
 * @seed:		of the random numbers of this rule
 */
struct rule_match {
	unsigned layers;
	struct pattern *message, *target, *action, *service, *version, *body;
	struct rule_named *arguments;
	size_t argument_count;
	struct rule_named *fields;
	size_t field_count;
	struct rule_named *headers;
	size_t header_count;
	struct rule_named *exact;
	size_t exact_count;
	struct rule_network *from;
	size_t from_count;
	const char **order;
	size_t order_count;
	struct numbers port, segments, on_connection, from_port;
	int complete;
	unsigned states;
	struct numbers uptime;
	unsigned last;
	struct numbers nth;
	unsigned long every;
	int64_t within;
	struct pattern *after;
	int64_t after_within;
	uint16_t holds_port;
	int holds_protocol;
	int64_t probability;
	uint64_t seed;
};

/**
 * struct rule_outcome - the effects of one rule, compiled
 * @e:			effects as they will be added; fields at their initial value add nothing
 * @delay_jitter_us:	up to so much more than e.delay_us, at random
 * @random_port:	a source port that differs each time
 * @perform:		1, 0, or -1 when the rule does not say
 * @head, @body, @raw:	templates that the rule owns (e.head, e.body and e.raw point to them)
 * @rewrite:		changes of arguments that the rule owns, or NULL
 * @also:		further datagrams that the rule owns
 */
struct rule_outcome {
	struct effects e;
	int64_t delay_jitter_us;
	bool random_port;
	int perform;
	struct template *head, *body, *raw;
	struct rewrite *rewrite;
	struct also also;
};

/**
 * struct rule_reading - a rule being read
 * @o:		what it is compiled into
 * @messages:	the profile's "messages", which "message" and "also" edit
 * @d:		where complaints go
 */
struct rule_reading {
	struct rule_outcome *o;
	const struct doc *messages;
	struct diag *d;
};

/** rule_match_read() - compile "when" of a rule. false after a complaint. */
bool rule_match_read(struct rule_match *m, const struct doc *rule, struct diag *d);
/** rule_read_facts() - the part of it that rule_facts.c reads. */
bool rule_read_facts(struct rule_match *m, const struct doc *when, struct diag *d);
/** rule_check_action() - complain about an action that is nearly a known one. */
bool rule_check_action(const struct pattern *p, const struct doc *node, struct diag *d);
void rule_match_free(struct rule_match *m);
/* rule_fields.c: names of the fields of binary messages. */
/** rule_field_layers() - bits of the layers whose requests have the field; 0 = it is none. */
unsigned rule_field_layers(const char *name);
/** rule_field_names() - of all requests; for complaints and the schema. */
const char *const *rule_field_names(size_t *count);
/** rule_check_fields() - complain about effects, and about fields of "when" and "reply", that no
 * message of those layers has. */
bool rule_check_fields(unsigned layers, const struct doc *rule, struct diag *d);
/** rule_match_event() - the conditions that do not count occurrences. */
bool rule_match_event(const struct rule_match *m, const struct router *r,
		      const struct rule_event *event);
/** rule_outcome_read() - compile all keys of a rule but "when" and "name"; @messages is the
 * profile's "messages", which the rule's edit. */
bool rule_outcome_read(struct rule_outcome *o, const struct doc *rule, const struct doc *messages,
		       struct diag *d);
void rule_outcome_free(struct rule_outcome *o);
/** rule_outcome_add() - lay the outcome over @out; @random is the rule's random state. */
void rule_outcome_add(const struct rule_outcome *o, uint64_t *random, struct effects *out);
/** rule_want_map() - complain unless an effect is a map of at most @max things, called @what. */
bool rule_want_map(struct rule_reading *r, const struct doc *node, size_t max, const char *what);
/** rule_read_named() - {name: value}, with NULL for null, into arrays of @max. */
bool rule_read_named(struct rule_reading *r, const struct doc *node, size_t max, const char *what,
		     const char **names, const char **values, size_t *count);
/* rule_sending.c: effects on the bytes that are sent. false after a complaint. */
bool rule_read_delay(struct rule_reading *r, const struct doc *node);
bool rule_read_split(struct rule_reading *r, const struct doc *node);
bool rule_read_trickle(struct rule_reading *r, const struct doc *node);
bool rule_read_truncate(struct rule_reading *r, const struct doc *node);
bool rule_read_pad(struct rule_reading *r, const struct doc *node);
bool rule_read_duplicate(struct rule_reading *r, const struct doc *node);
bool rule_read_wrong_source(struct rule_reading *r, const struct doc *node);
bool rule_read_header(struct rule_reading *r, const struct doc *node);
bool rule_read_replace(struct rule_reading *r, const struct doc *node);
bool rule_read_content_length(struct rule_reading *r, const struct doc *node);
bool rule_read_also(struct rule_reading *r, const struct doc *node);
/* rule_rewrite.c */
bool rule_read_rewrite(struct rule_reading *r, const struct doc *node);
const char *const *rule_rewrite_keys(size_t *count);
void rewrite_free(struct rewrite *rewrite);
/** rule_random() - next of a row of 64-bit numbers that depends on its start alone (splitmix64). */
uint64_t rule_random(uint64_t *state);

/** rule_action_arguments() - of the first service that has the action; NULL when none has. */
const struct service_argument *rule_action_arguments(const char *action);
/** rule_layer_names(), rule_state_names(), rule_effect_keys() - for complaints and the schema. */
const char *const *rule_layer_names(void);
const char *const *rule_state_names(void);
const char *const *rule_effect_keys(size_t *count);
const char *const *rule_when_keys(size_t *count);

#endif
