/* SPDX-License-Identifier: MIT */
/*
 * pcp_rule.c - messages of PCP as rules see them: fields by name.
 *
 * Names are those of RFC 6887 in small letters. An option is a field, too: how many of it there
 * are. What "reply" sets is a number, an address, a nonce of 24 hexadecimal digits, or the {name}
 * of something known.
 */
#include "base/mem.h"
#include "pcp_parts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static void add_number(struct pcp_exchange *x, const char *name, uint32_t value)
{
	rule_field_set(&x->field[x->fields++], name, value);
}

/* IPv4 addresses as people write them. */
static void add_address(struct pcp_exchange *x, const char *name, const struct in6_addr *address)
{
	struct rule_field *f = &x->field[x->fields++];
	struct in_addr v4;

	f->name = name;
	if (pcp_address_is_v4(address, &v4))
		inet_ntop(AF_INET, &v4, f->value, sizeof(f->value));
	else
		inet_ntop(AF_INET6, address, f->value, sizeof(f->value));
}

static void add_nonce(struct pcp_exchange *x)
{
	struct rule_field *f = &x->field[x->fields++];

	f->name = "nonce";
	for (size_t i = 0; i < PCP_NONCE_LEN; i++)
		snprintf(f->value + 2 * i, 3, "%02x", x->request.nonce[i]);
}

static uint32_t count_options(const struct pcp_exchange *x, uint8_t code)
{
	struct slice rest = x->request.options;
	struct pcp_option option;
	uint32_t count = 0;

	while (pcp_next_option(&rest, &option))
		count += option.code == code;
	return count;
}

static void add_options(struct pcp_exchange *x)
{
	static const struct {
		uint8_t code;
		const char *name;
	} options[] = {
		{PCP_OPTION_THIRD_PARTY, "third_party"},
		{PCP_OPTION_PREFER_FAILURE, "prefer_failure"},
		{PCP_OPTION_FILTER, "filter"},
		{PCP_OPTION_DESCRIPTION, "description"},
		{PCP_OPTION_PORT_SET, "port_set"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		add_number(x, options[i].name, count_options(x, options[i].code));
}

static void add_mapping(struct pcp_exchange *x)
{
	const struct pcp_message *m = &x->request;

	add_nonce(x);
	add_number(x, "protocol", m->protocol);
	add_number(x, "internal_port", m->internal_port);
	add_number(x, "suggested_external_port", m->external_port);
	add_address(x, "suggested_external_address", &m->external_address);
	if (m->opcode != PCP_PEER)
		return;
	add_number(x, "remote_peer_port", m->remote_port);
	add_address(x, "remote_peer_address", &m->remote_address);
}

void pcp_apply_rules(struct pcp_exchange *x)
{
	struct router *r = x->p->router;

	effects_init(&x->effects);
	if (!rules_any(r->rules, RULE_PCP))
		return;
	if (x->q) {
		add_number(x, "version", x->request.version);
		add_number(x, "opcode", x->request.opcode);
		if (x->q->bytes.len >= 4) /* PCP-13 */
			add_number(x, "reserved",
				   (uint8_t)x->q->bytes.ptr[2] << 8 | (uint8_t)x->q->bytes.ptr[3]);
		add_number(x, "lifetime", x->request.lifetime);
		add_address(x, "client_address", &x->request.client);
		if (!x->error && x->request.opcode != PCP_ANNOUNCE)
			add_mapping(x);
		add_options(x);
	}
	x->event = (struct rule_event){
		.layer = RULE_PCP,
		.message = x->message,
		.field = x->field,
		.fields = x->fields,
		.from = x->q ? (const struct sockaddr *)&x->q->from : NULL,
	};
	rules_apply(r->rules, r, &x->event, &x->effects);
}

static void set_address(struct in6_addr *out, const char *value)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, value, &v4) == 1)
		*out = pcp_address_from_v4(v4);
	else
		inet_pton(AF_INET6, value, out);
}

static void set_nonce(uint8_t nonce[PCP_NONCE_LEN], const char *value)
{
	unsigned byte;

	for (size_t i = 0; i < PCP_NONCE_LEN && sscanf(value + 2 * i, "%2x", &byte) == 1; i++) {
		nonce[i] = (uint8_t)byte;
		if (!value[2 * i + 1])
			return;
	}
}

static void set_opcode(struct pcp_message *out, uint32_t value)
{
	out->opcode = (uint8_t)value & (uint8_t)~PCP_RESPONSE;
	out->response = value & PCP_RESPONSE;
}

static void set_field(struct pcp_message *out, const char *name, const char *value)
{
	uint32_t number = (uint32_t)strtoul(value, NULL, 10);

	if (!strcmp(name, "version"))
		out->version = (uint8_t)number;
	else if (!strcmp(name, "opcode"))
		set_opcode(out, number);
	else if (!strcmp(name, "result"))
		out->result = (uint8_t)number;
	else if (!strcmp(name, "lifetime"))
		out->lifetime = number;
	else if (!strcmp(name, "epoch"))
		out->epoch = number;
	else if (!strcmp(name, "nonce"))
		set_nonce(out->nonce, value);
	else if (!strcmp(name, "protocol"))
		out->protocol = (uint8_t)number;
	else if (!strcmp(name, "internal_port"))
		out->internal_port = (uint16_t)number;
	else if (!strcmp(name, "assigned_external_port"))
		out->external_port = (uint16_t)number;
	else if (!strcmp(name, "assigned_external_address"))
		set_address(&out->external_address, value);
	else if (!strcmp(name, "remote_peer_port"))
		out->remote_port = (uint16_t)number;
	else if (!strcmp(name, "remote_peer_address"))
		set_address(&out->remote_address, value);
}

void pcp_override(const struct pcp_exchange *x, struct pcp_message *out)
{
	for (size_t i = 0; i < x->effects.replies; i++) {
		char text[INET6_ADDRSTRLEN];

		set_field(out, x->effects.reply_name[i],
			  rules_reply_value(x->p->router, &x->event, &x->effects, i, text));
	}
}
