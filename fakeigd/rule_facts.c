/* SPDX-License-Identifier: MIT */
/*
 * rule_facts.c - the conditions of a rule on what is known beside a message's text: who sent it,
 * how it came, what was asked shortly before, what the table holds.
 */
#include "base/mem.h"
#include "rule_parts.h"

#include <arpa/inet.h>
#include <stdlib.h>

static bool parse_network(const char *text, struct rule_network *out)
{
	char address[INET6_ADDRSTRLEN + 1];
	size_t len = strcspn(text, "/");
	uint64_t prefix = 128;
	struct in_addr v4;
	bool is4;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	is4 = inet_pton(AF_INET, address, &v4) == 1;
	if (is4)
		out->address = rule_mapped(v4);
	else if (inet_pton(AF_INET6, address, &out->address) != 1)
		return false;
	if (text[len] && !slice_number(slice_of(text + len + 1), is4 ? 32 : 128, &prefix))
		return false;
	out->prefix = (int)prefix + (is4 && text[len] ? 96 : 0);
	return true;
}

static bool read_from(struct rule_match *m, const struct doc *node, struct diag *d)
{
	const char **list;
	size_t count;
	bool fine = true;

	if (!node)
		return true;
	if (!doc_list_strings(node, &list, &count, d))
		return false;
	m->from = xcalloc(count, sizeof(*m->from));
	for (size_t i = 0; fine && i < count; i++) {
		const char *text = list[i];

		m->from[i].negated = *text == '!';
		fine = parse_network(text + m->from[i].negated, &m->from[i]);
		if (!fine)
			diag_at(d, node->file, node->line,
				"from: expected an address or network such as 192.168.1.0/24, "
				"found \"%s\"",
				text);
	}
	m->from_count = count;
	free(list);
	return fine;
}

/* {action: NAME, within: 3s} */
static bool read_after(struct rule_match *m, const struct doc *node, struct diag *d)
{
	static const char *const keys[] = {"action", "within"};
	const struct doc *action = doc_get(node, "action"), *within = doc_get(node, "within");
	long long us;

	if (!doc_keys(node, keys, ARRAY_SIZE(keys), d))
		return false;
	if (!action || !within) {
		diag_at(d, node->file, node->line, "after: \"%s\" is missing",
			action ? "within" : "action");
		return false;
	}
	m->after = pattern_new(action, d);
	if (!m->after || !rule_check_action(m->after, action, d) ||
	    !doc_duration_us(within, &us, d))
		return false;
	m->after_within = us;
	return true;
}

static bool read_recent(struct rule_match *m, const struct doc *when, struct diag *d)
{
	const struct doc *within = doc_get(when, "within"), *after = doc_get(when, "after");
	long long us = 0;

	if (within && !doc_duration_us(within, &us, d))
		return false;
	m->within = us;
	return !after || read_after(m, after, d);
}

/* {external_port: 5000, protocol: TCP} */
static bool read_holds(struct rule_match *m, const struct doc *node, struct diag *d)
{
	static const char *const keys[] = {"external_port", "protocol"};
	static const char *const protocols[] = {"TCP", "UDP"};
	const struct doc *port = doc_get(node, "external_port");
	const struct doc *protocol = doc_get(node, "protocol");
	long long number;
	int choice;

	if (!node)
		return true;
	if (!doc_keys(node, keys, ARRAY_SIZE(keys), d))
		return false;
	if (!port || !protocol) {
		diag_at(d, node->file, node->line, "holds: \"%s\" is missing",
			port ? "protocol" : "external_port");
		return false;
	}
	if (!doc_number(port, 1, 65535, &number, d) ||
	    !doc_choice(protocol, protocols, ARRAY_SIZE(protocols), &choice, d))
		return false;
	m->holds_port = (uint16_t)number;
	m->holds_protocol = choice ? IPPROTO_UDP : IPPROTO_TCP;
	return true;
}

static bool read_order(struct rule_match *m, const struct doc *node, struct diag *d)
{
	return !node || doc_list_strings(node, &m->order, &m->order_count, d);
}

/* What is known of a request beside its text. */
static bool read_request(struct rule_match *m, const struct doc *when, struct diag *d)
{
	const struct {
		const char *key;
		struct numbers *numbers;
	} facts[] = {
		{"port", &m->port},
		{"segments", &m->segments},
		{"on-connection", &m->on_connection},
		{"from-port", &m->from_port},
	};
	const struct doc *complete = doc_get(when, "complete");
	bool flag;

	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		const struct doc *node = doc_get(when, facts[i].key);

		if (node && !numbers_read(facts[i].numbers, node, d))
			return false;
	}
	m->complete = -1;
	if (complete && !doc_bool(complete, &flag, d))
		return false;
	if (complete)
		m->complete = flag;
	return read_order(m, doc_get(when, "header-order"), d);
}

bool rule_read_facts(struct rule_match *m, const struct doc *when, struct diag *d)
{
	return read_from(m, doc_get(when, "from"), d) && read_request(m, when, d) &&
	       read_recent(m, when, d) && read_holds(m, doc_get(when, "holds"), d);
}
