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
#include <ctype.h>
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

/** struct oddities - how many options of a request are not as the others */
struct oddities {
	uint32_t unknown;  /* whose number nobody has */
	uint32_t reserved; /* whose reserved octet is not 0 */
	uint32_t padded;   /* that end before a multiple of 4 */
	uint32_t wrong;	   /* of a length that they cannot have */
};

static struct oddities look_at_options(const struct pcp_exchange *x)
{
	struct oddities odd = {.wrong = x->error == PCP_BAD_OPTION};
	struct slice options = x->request.options, rest = options;
	struct pcp_option option;

	for (const char *at = rest.ptr; pcp_next_option(&rest, &option); at = rest.ptr) {
		enum pcp_option_error error = pcp_check_option(options, &option, x->request.opcode);

		odd.unknown += error == PCP_OPTION_UNKNOWN;
		odd.reserved += at[1] != 0;
		odd.padded += option.data.len % 4 != 0;
		odd.wrong += error == PCP_OPTION_LENGTH;
	}
	return odd;
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
	const struct oddities odd = look_at_options(x);

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		add_number(x, options[i].name, count_options(x, options[i].code));
	add_number(x, "options_unknown", odd.unknown);
	add_number(x, "options_reserved", odd.reserved);
	add_number(x, "options_padded", odd.padded);
	add_number(x, "options_wrong", odd.wrong);
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
		add_number(x, "length", (uint32_t)x->q->bytes.len);
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

/* Octets as hexadecimal digits, two each, up to what is none. */
static size_t read_hex(uint8_t *out, size_t most, const char *value)
{
	unsigned octet;
	size_t i = 0;

	while (i < most && isxdigit((unsigned char)value[2 * i]) &&
	       isxdigit((unsigned char)value[2 * i + 1]) &&
	       sscanf(value + 2 * i, "%2x", &octet) == 1)
		out[i++] = (uint8_t)octet;
	return i;
}

/* Options as they go over the wire, behind those that are there already. */
static void append_options(struct pcp_exchange *x, struct pcp_message *out, const char *value)
{
	uint8_t octets[128];
	size_t len = read_hex(octets, sizeof(octets), value) / 4 * 4;

	buf_reset(&x->extra);
	buf_add_slice(&x->extra, out->options);
	buf_add(&x->extra, octets, len);
	out->options = buf_slice(&x->extra);
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
		read_hex(out->nonce, PCP_NONCE_LEN, value);
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

void pcp_override(struct pcp_exchange *x, struct pcp_message *out)
{
	for (size_t i = 0; i < x->effects.replies; i++) {
		char text[INET6_ADDRSTRLEN];
		const char *name = x->effects.reply_name[i];
		const char *value =
			rules_reply_value(x->p->router, &x->event, &x->effects, i, text);

		if (!strcmp(name, "options"))
			append_options(x, out, value);
		else
			set_field(out, name, value);
	}
}
