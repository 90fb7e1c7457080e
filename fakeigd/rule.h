/* SPDX-License-Identifier: MIT */
/* rule.h - one matcher and one set of effects for every layer (DESIGN: Rules). */
#ifndef FAKEIGD_RULE_H
#define FAKEIGD_RULE_H

#include "base/slice.h"
#include "effect.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct router;
struct rules;
struct soap_message;
struct http_head;

enum rule_layer {
	RULE_SSDP,
	RULE_HTTP,
	RULE_DESCRIPTION,
	RULE_SOAP,
	RULE_GENA,
	RULE_NATPMP,
	RULE_PCP,
	RULE_LAYER_COUNT,
};

/**
 * struct rule_request - what is known of a request beside its text
 * @body:	of an HTTP request, decoded
 * @port:	TCP port of ours that it came to
 * @segments:	pieces in which it came
 * @on_connection: how manyth request of its connection it is, from 1
 * @incomplete:	a datagram whose head has no empty line at its end
 */
struct rule_request {
	struct slice body;
	uint16_t port;
	unsigned segments;
	unsigned on_connection;
	bool incomplete;
};

/** struct rule_field - a field of a binary message, by its name in the RFC */
struct rule_field {
	const char *name;
	char value[INET6_ADDRSTRLEN];
};

/** rule_field_set() - a field that is a number. */
void rule_field_set(struct rule_field *field, const char *name, uint32_t value);

/**
 * struct rule_event - something that was received or is about to be sent
 * @layer:	where
 * @message:	what: ssdp "m-search" (once per search), "reply" (each answer, @target = its ST),
 *		"alive", "byebye"; http "get", "post", ... (lower-case method); description "root",
 *		"scpd"; soap "request"; gena "subscribe", "renew", "unsubscribe", "notify"; natpmp
 *		"external-address", "map", "delete", "unsupported", "announce"; pcp "map", "delete",
 *		"peer", "announce-request", "unsupported", "malformed", "announce", "mapping-update"
 * @target:	ssdp search target; http request target; soap service type; else NULL
 * @action:	soap action name, else NULL
 * @arguments:	soap arguments, else NULL
 * @service:	soap and gena: serviceId of the service whose URL it came to, else NULL
 * @field, @fields: of a binary message
 * @request:	NULL when there is none
 * @head:	head of the request; of ssdp "alive" and "byebye" the HOST they will have; NULL when
 *		there is none
 * @from:	who sent it (or will receive it), NULL when unknown
 */
struct rule_event {
	enum rule_layer layer;
	const char *message;
	const char *target;
	const char *action;
	const struct soap_message *arguments;
	const char *service;
	const struct rule_field *field;
	size_t fields;
	const struct rule_request *request;
	const struct http_head *head;
	const struct sockaddr *from;
};

/** rules_new() - compile a list of rules (NULL or a doc list). NULL after a complaint. */
struct rules *rules_new(const struct doc *list, struct diag *d);
/** rules_new_over() - the same; messages that rules change are taken from @messages (a profile's
 * "messages", may be NULL) before message.def. */
struct rules *rules_new_over(const struct doc *list, const struct doc *messages, struct diag *d);
void rules_free(struct rules *rules);
/** rules_any() - whether any rule could match in that layer: the fast path asks this first. */
bool rules_any(const struct rules *rules, enum rule_layer layer);
/** rules_apply() - add the effects of every matching rule, in file order; counts occurrences. */
void rules_apply(struct rules *rules, const struct router *r, const struct rule_event *event,
		 struct effects *out);
/** rules_name_value() - value of {from}, {lan}, {external}, {uptime}, a field or an argument; NULL
 * when there is none. @text: room for an address. */
const char *rules_name_value(const struct router *r, const struct rule_event *event,
			     const char *name, char text[INET6_ADDRSTRLEN]);
/** rules_reply_value() - what the answer to a binary message has as @e->reply_name[@i]: the text,
 * the value behind a {name}, or "0" for what is left out or unknown. @text: room for an address. */
const char *rules_reply_value(const struct router *r, const struct rule_event *event,
			      const struct effects *e, size_t i, char text[INET6_ADDRSTRLEN]);
/** struct rewritten - values that rules_rewrite() made; zero-initialised */
struct rewritten {
	char **text;
	size_t count;
};

/**
 * rules_rewrite() - do the "rewrite" of the rules that matched
 * @event:	what they matched
 * @m:		the request, whose values then point into @owned
 */
void rules_rewrite(const struct effects *e, const struct router *r, const struct rule_event *event,
		   struct soap_message *m, struct rewritten *owned);
void rewritten_free(struct rewritten *owned);
/** rules_add() - one more rule at run time. Return: its id (> 0), or 0 after a complaint. */
unsigned rules_add(struct rules *rules, const struct doc *rule, struct diag *d);
bool rules_remove(struct rules *rules, unsigned id);
/** rules_rewind() - forget occurrence counts and random state; drop rules added at run time. */
void rules_rewind(struct rules *rules);

#endif
