/* SPDX-License-Identifier: MIT */
/*
 * pcp_option.c - options of PCP requests: which are obeyed, and what is said of them.
 *
 * Theory of operation
 *
 * RFC 6887 clause 7.3: options are gone through in their order (PCP-68), and the first one that is
 * wrong makes the error: 6 when its length, its number (PCP-65, PCP-67) or what it says (PCP-56,
 * PCP-57, PCP-61, PCP-62, PCPX-09) cannot be, 5 when it must be obeyed and is not known, switched
 * off or not for this opcode (PCP-53, PCP-66). What need not be obeyed and is not known is passed
 * over, and stands in no answer.
 *
 * Nothing is done here. What the request wants is left in struct pcp_wishes; an option goes back
 * into the answer when it was obeyed.
 */
#include "wire/utf8.h"

#include "base/mem.h"
#include "pcp_parts.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* Whether a host is in a LAN of ours. */
static bool is_at_home(const struct pcp_exchange *x, const struct in6_addr *host)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = *host};
	bool is_v4 = pcp_address_is_v4(host, &v4.sin_addr);

	return router_lan_of_peer(x->p->router, is_v4 ? (const struct sockaddr *)&v4
						      : (const struct sockaddr *)&v6);
}

static enum pcp_result take_third_party(struct pcp_exchange *x, const struct pcp_option *option)
{
	struct in6_addr host;

	if (policy_is(pcp_policy(x), pcp_third_party, "ignored"))
		return PCP_SUCCESS;
	if (policy_code(pcp_policy(x), pcp_third_party))
		return (enum pcp_result)policy_code(pcp_policy(x), pcp_third_party);
	pcp_read_third_party(option, &host);
	if (IN6_ARE_ADDR_EQUAL(&host, &x->client)) /* PCP-54 */
		return PCP_MALFORMED_REQUEST;
	if (pcp_address_is_v4(&host, NULL) != pcp_address_is_v4(&x->client, NULL))
		return PCP_MALFORMED_REQUEST;
	if (!is_at_home(x, &host))
		return PCP_NOT_AUTHORIZED;
	x->wishes.third_party = true;
	x->wishes.client = host;
	return PCP_SUCCESS;
}

static enum pcp_result take_prefer_failure(struct pcp_exchange *x, const struct pcp_option *option)
{
	(void)option;
	if (policy_is(pcp_policy(x), pcp_prefer_failure, "ignored"))
		return PCP_SUCCESS;
	if (policy_code(pcp_policy(x), pcp_prefer_failure))
		return (enum pcp_result)policy_code(pcp_policy(x), pcp_prefer_failure);
	if (!x->request.lifetime || !x->request.external_port)
		return PCP_MALFORMED_OPTION;
	x->wishes.prefer_failure = true;
	return PCP_SUCCESS;
}

static enum pcp_result take_filter(struct pcp_exchange *x, const struct pcp_option *option)
{
	struct pcp_filter filter;

	if (policy_is(pcp_policy(x), pcp_filter, "ignored"))
		return PCP_SUCCESS;
	if (policy_code(pcp_policy(x), pcp_filter))
		return (enum pcp_result)policy_code(pcp_policy(x), pcp_filter);
	pcp_read_filter(option, &filter);
	if (!x->request.lifetime || !pcp_filter_is_valid(&filter))
		return PCP_MALFORMED_OPTION;
	if (filter.prefix &&
	    pcp_address_is_v4(&filter.address, NULL) != pcp_address_is_v4(&x->client, NULL))
		return PCP_MALFORMED_OPTION;
	x->wishes.filter[x->wishes.filters++] = filter;
	return PCP_SUCCESS;
}

/* Cut where a character ends (PCPX-03); what is no UTF-8, or has a NUL in it, is as if it were not
 * there (PCPX-05). */
static enum pcp_result take_description(struct pcp_exchange *x, const struct pcp_option *option)
{
	size_t max = (size_t)pcp_policy(x)->pcp_description_max, len = 0;
	struct slice text = option->data;

	if (!utf8_is_valid(text.ptr, text.len) || memchr(text.ptr, '\0', text.len))
		return PCP_SUCCESS;
	while (len < text.len) {
		size_t one = utf8_char(text.ptr + len, text.len - len);

		if (len + one > max)
			break;
		len += one;
	}
	x->wishes.describes = true;
	x->wishes.description = (struct slice){text.ptr, len};
	return PCP_SUCCESS;
}

static enum pcp_result take_port_set(struct pcp_exchange *x, const struct pcp_option *option)
{
	struct pcp_option other;

	pcp_read_port_set(option, &x->wishes.set);
	if (!x->wishes.set.size)
		return PCP_MALFORMED_OPTION;
	if (x->request.lifetime &&
	    pcp_find_option(x->request.options, PCP_OPTION_PREFER_FAILURE, &other))
		return PCP_MALFORMED_OPTION;
	x->wishes.is_set = true;
	return PCP_SUCCESS;
}

static enum pcp_result take_prefix64(struct pcp_exchange *x, const struct pcp_option *option)
{
	struct pcp_prefix64 prefix;

	if (!pcp_read_prefix64(option, &prefix))
		return PCP_MALFORMED_OPTION;
	x->wishes.prefix64 = true;
	return PCP_SUCCESS;
}

/* Whether this router knows an option that need not be obeyed. */
static bool is_known(const struct policy *policy, uint8_t code)
{
	switch (code) {
	case PCP_OPTION_DESCRIPTION:
		return policy->pcp_description_max;
	case PCP_OPTION_PORT_SET:
		return policy->pcp_port_set_max;
	case PCP_OPTION_PREFIX64:
		return !policy_is(policy, pcp_prefix64, "none");
	default:
		return pcp_option_name(code);
	}
}

static enum pcp_result take(struct pcp_exchange *x, const struct pcp_option *option)
{
	static const struct {
		uint8_t code;
		enum pcp_result (*take)(struct pcp_exchange *x, const struct pcp_option *option);
	} known[] = {
		{PCP_OPTION_THIRD_PARTY, take_third_party},
		{PCP_OPTION_PREFER_FAILURE, take_prefer_failure},
		{PCP_OPTION_FILTER, take_filter},
		{PCP_OPTION_DESCRIPTION, take_description},
		{PCP_OPTION_PORT_SET, take_port_set},
		{PCP_OPTION_PREFIX64, take_prefix64},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].code == option->code)
			return known[i].take(x, option);
	return PCP_SUCCESS;
}

static enum pcp_result take_one(struct pcp_exchange *x, const struct pcp_option *option)
{
	bool optional = option->code & PCP_OPTIONAL;
	uint8_t opcode = x->request.opcode;

	if (optional && !is_known(pcp_policy(x), option->code))
		return PCP_SUCCESS;
	switch (pcp_check_option(x->request.options, option, opcode)) {
	case PCP_OPTION_OK:
		return take(x, option);
	case PCP_OPTION_MISPLACED:
		/* PCP-46 */
		if (option->code == PCP_OPTION_PREFER_FAILURE && opcode == PCP_PEER)
			return PCP_MALFORMED_REQUEST;
		return optional ? PCP_SUCCESS : PCP_UNSUPP_OPTION;
	case PCP_OPTION_UNKNOWN:
		return optional ? PCP_SUCCESS
				: (enum pcp_result)policy_code(pcp_policy(x), pcp_unknown_option);
	default:
		return PCP_MALFORMED_OPTION;
	}
}

enum pcp_result pcp_take_options(struct pcp_exchange *x)
{
	struct slice rest = x->request.options;
	enum pcp_result result = PCP_SUCCESS;
	struct pcp_option option;

	while (!result && pcp_next_option(&rest, &option))
		result = take_one(x, &option);
	if (x->wishes.third_party)
		x->client = x->wishes.client;
	return result;
}

/* The NAT64's prefix (PCPX-15). */
static void answer_prefix64(const struct pcp_exchange *x, struct buf *out)
{
	struct slice word = policy_word(pcp_policy(x), pcp_prefix64);
	struct pcp_prefix64 prefix = {.bits = 96};
	char text[INET6_ADDRSTRLEN];
	size_t len = (size_t)((const char *)memchr(word.ptr, '/', word.len) - word.ptr);

	memcpy(text, word.ptr, len);
	text[len] = '\0';
	inet_pton(AF_INET6, text, &prefix.prefix);
	prefix.bits = (unsigned)strtoul(word.ptr + len + 1, NULL, 10);
	pcp_add_prefix64(out, &prefix);
}

/* @wishes.set is by now what was granted; one port is no set (PCPX-11). */
static void answer_port_set(const struct pcp_exchange *x, struct buf *out)
{
	if (x->wishes.set.size > 1)
		pcp_add_port_set(out, &x->wishes.set);
}

void pcp_answer_options(const struct pcp_exchange *x, struct buf *out)
{
	const struct pcp_wishes *w = &x->wishes;
	struct slice rest = x->request.options;
	struct pcp_option option;

	while (pcp_next_option(&rest, &option)) {
		bool same = (option.code == PCP_OPTION_THIRD_PARTY && w->third_party) ||
			    (option.code == PCP_OPTION_PREFER_FAILURE && w->prefer_failure) ||
			    (option.code == PCP_OPTION_FILTER && w->filters);

		if (same)
			pcp_add_option(out, option.code, option.data.ptr, option.data.len);
		else if (option.code == PCP_OPTION_DESCRIPTION && w->describes)
			pcp_add_option(out, option.code, w->description.ptr, w->description.len);
		else if (option.code == PCP_OPTION_PORT_SET && w->is_set)
			answer_port_set(x, out);
		else if (option.code == PCP_OPTION_PREFIX64 && w->prefix64)
			answer_prefix64(x, out);
	}
}
