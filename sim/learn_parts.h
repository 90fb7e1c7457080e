/* SPDX-License-Identifier: MIT */
/* learn_parts.h - what the files of learn share; nobody else includes it. */
#ifndef SIM_LEARN_PARTS_H
#define SIM_LEARN_PARTS_H

#include "../fakeigd/base/mem.h"
#include "../fakeigd/wire/xml.h"
#include "learn.h"

#define LEARN_SERVICES_MAX 32
#define LEARN_DEVICES_MAX  16
#define LEARN_SLOW_NS	   INT64_C(50000000) /* above the others: a delay of its own */

/**
 * struct seen - one answer of the router, or a request that got none
 * @x:		its exchange; @number: index in the flow
 * @reply:	the answer, NULL = none
 * @in, @out:	both, decoded; zero where there is none
 * @whole:	the answer has no gap
 */
struct seen {
	const struct exchange *x;
	size_t number;
	const struct recorded_message *reply;
	struct facts in, out;
	bool whole;
};

/** struct learnt_device - a device of the description */
struct learnt_device {
	const struct xml_node *node;
	char *name;
	int parent;
};

/** struct learnt_service - a service: what the description says, or what requests imply */
struct learnt_service {
	char *type, *id, *control, *event, *scpd;
	int device;
	const struct seen *evidence;
};

/**
 * struct learner - learning under way
 * @seen, @count: in the flow's order
 * @router:	its address; @port: of its description
 * @upnp:	it spoke UPnP: SSDP, HTTP
 * @root:	the description as a tree, NULL = not seen; @root_seen: where
 * @server:	SERVER of HTTP answers, or of SSDP when there is none; may be NULL
 * @sections:	the profile but its rules; @rules: those
 * @order:	", order: [...]" of the advertisements, empty = not known
 * @assumed:	sentences for "assumed"
 */
struct learner {
	const struct recording *flow;
	const struct learn_options *options;
	struct seen *seen;
	size_t count;
	struct end_point router;
	char *router_text, *client_text;
	uint16_t port;
	bool upnp;
	struct xml_node *root;
	const struct seen *root_seen;
	char *server;
	char *location_path;
	struct learnt_device devices[LEARN_DEVICES_MAX];
	size_t device_count;
	struct learnt_service services[LEARN_SERVICES_MAX];
	size_t service_count;
	bool igd2;
	char *external;
	struct buf sections, rules, order;
	struct names assumed;
};

/* ---- YAML (learn_yaml.c) ---- */

/** yaml_text() - append @text as a scalar in double quotes that YAML reads back, on one line. */
void yaml_text(struct buf *out, struct slice text);
/** yaml_action() - append a pattern for the name of an action, quoted. */
void yaml_action(struct buf *out, const char *action);
/** yaml_template() - append ": ..." of a message: a block where it can be one, else a scalar;
 * @indent: columns of the key. */
void yaml_template(struct buf *out, int indent, struct slice text, bool head);
/** yaml_evidence() - append "  # exchange 4, line 92" and the end of the line. */
void yaml_evidence(const struct learner *l, struct buf *out, const struct seen *s);
/** yaml_votes() - append a comment line: how many have the most frequent form. */
struct forms;
void yaml_votes(const struct learner *l, struct buf *out, const struct forms *forms);

/* ---- forms (learn_form.c, learn_body.c) ---- */

/** struct stand_in - bytes of an answer that a placeholder stands for */
struct stand_in {
	struct slice from;
	const char *to;
};

/** template_add() - append @text as a template: stand-ins done, other braces doubled. */
void template_add(struct buf *out, struct slice text, const struct stand_in *subs, size_t count);

/** struct form - one form of a message, and how often it was seen */
struct form {
	struct buf text;
	size_t votes;
	const struct seen *first;
};

/** struct forms - zero-initialised is empty; forms_free() */
struct forms {
	struct form *list;
	size_t count;
};

/* Between envelope and element in the text of a form that has both. */
#define FORM_CUT '\1'

void forms_vote(struct forms *f, struct slice text, const struct seen *s);
const struct form *forms_best(const struct forms *f);
void forms_free(struct forms *f);

/** learn_heads() - messages of heads: HTTP and SSDP. */
void learn_heads(struct learner *l, struct buf *messages);
/** learn_bodies() - soap-response, soap-argument, soap-fault, documents, events, what differs. */
void learn_bodies(struct learner *l, struct buf *messages);
/** learn_documents() - description, scpd, pages, error-body (learn_document.c). */
void learn_documents(struct learner *l, struct buf *messages);
/** is_service_path() - whether the description of a service is there. */
bool is_service_path(const struct learner *l, const char *path);
/** learn_events() - event and event-property (learn_event.c). */
void learn_events(struct learner *l, struct buf *messages);

/** text_find(), text_from(), text_upto(), text_same() - where @text stands in a slice (NULL: it
 * does not), its rest from a place on, its beginning up to a place, equal bytes. */
static inline const char *text_find(struct slice in, const char *text)
{
	return in.len ? memmem(in.ptr, in.len, text, strlen(text)) : NULL;
}

static inline struct slice text_from(struct slice s, const char *at)
{
	return (struct slice){at, s.len - (size_t)(at - s.ptr)};
}

static inline struct slice text_upto(struct slice s, const char *at)
{
	return (struct slice){s.ptr, (size_t)(at - s.ptr)};
}

static inline bool text_same(struct slice a, struct slice b)
{
	return a.len == b.len && (!a.len || !memcmp(a.ptr, b.ptr, a.len));
}

/** without_end(), without_start() - @s without a piece; *@fits becomes false when it has not got
 * it.
 */
struct slice without_end(struct slice s, struct slice end, bool *fits);
struct slice without_start(struct slice s, struct slice start, bool *fits);
/** find_tag() - the next start tag of @name with or without prefix: where its "<" is, and @behind
 * its name; NULL = there is none. */
const char *find_tag(struct slice in, const char *name, const char **behind);
/** envelope_of() - the text of a form up to FORM_CUT; the element follows. */
struct slice envelope_of(const struct form *form);

/* ---- what there is (learn_tree.c) ---- */

/** learn_tree() - find the description, its devices, services and URLs. */
void learn_tree(struct learner *l);
/** learn_tree_write() - device, identity, listen, services, devices, urls, ssdp. */
void learn_tree_write(struct learner *l);
void learn_tree_free(struct learner *l);

/* ---- how it behaves (learn_table.c, learn_timing.c) ---- */

/** learn_table() - policy, state and rules of port mappings. */
void learn_table(struct learner *l);
/** learn_timing() - rules for delays and segments; the offset of DATE. */
void learn_timing(struct learner *l);
/** learn_search() - rules for searches: which are answered, when, how often; l->order. */
void learn_search(struct learner *l);
/** seen_took() - nanoseconds until the answer, -1 = not known. */
int64_t seen_took(const struct seen *s);
/** learn_exact() - a rule for each exchange of options->exact. */
void learn_exact(struct learner *l);
/** learn_natpmp_answer() - append a rule that gives the answer of NAT-PMP as it was, each line
 * behind @indent (learn_natpmp.c). Return: false: it is none, or of no known form. */
bool learn_natpmp_answer(const struct learner *l, const struct seen *s, const char *indent,
			 struct buf *out);
/** learn_speaks_natpmp() - whether it answered or announced anything by NAT-PMP. */
bool learn_speaks_natpmp(const struct learner *l);

/** learn_when() - append "  - when: {...}" for a request: what it says, and the manyth it is. */
void learn_when(const struct learner *l, const struct seen *s, struct buf *out);
/** learner_begin() - find the router and decode its exchanges. Return: whether it answered at all;
 * else there is a complaint. learner_end() in any case. */
bool learner_begin(struct learner *l, struct diag *d);
void learner_end(struct learner *l);

/** is_repeated() - whether an argument of that name stands before the one at @i. */
bool is_repeated(const struct facts *f, size_t i);
/** seen_is() - whether it is an answered SOAP request of that action (NULL = any). */
bool seen_is(const struct seen *s, const char *action);
/** seen_argument() - in-argument, "" when absent. */
const char *seen_argument(const struct seen *s, const char *name);
/** seen_result() - out-argument, "" when absent. */
const char *seen_result(const struct seen *s, const char *name);

#endif
