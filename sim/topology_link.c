/* SPDX-License-Identifier: MIT */
/*
 * topology_link.c - what links and NAT do, as written in a topology file.
 *
 * Impairment follows the words of tc-netem(8). The words of NAT behaviour are those of RFC 4787
 * clauses 4.1 (mapping), 4.2.1 (port preservation), 4.3 (timeouts), 5 (filtering) and 6
 * (hairpinning), and RFC 5382 for TCP.
 */
#include "topology_parse.h"

#include "../fakeigd/base/mem.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>

/* "address/prefix": copy the address to @address. Return: whether the whole fits. */
static bool split_subnet(const struct doc *node, int max_prefix, char address[INET6_ADDRSTRLEN],
			 int *prefix)
{
	struct slice text = {node->text, node->len};
	const char *slash;
	uint64_t number;
	size_t len;

	if (node->kind != DOC_SCALAR || !(slash = memchr(text.ptr, '/', text.len)))
		return false;
	len = (size_t)(slash - text.ptr);
	if (len >= INET6_ADDRSTRLEN || memchr(text.ptr, '\0', text.len) ||
	    !slice_number((struct slice){slash + 1, text.len - len - 1}, (uint64_t)max_prefix,
			  &number) ||
	    number == 0)
		return false;
	memcpy(address, text.ptr, len);
	address[len] = '\0';
	*prefix = (int)number;
	return true;
}

static void expected_subnet(const struct doc *node, const char *what, struct diag *d)
{
	diag_at(d, node->file, node->line, "%s: expected %s, found %s%s%s", node->key, what,
		node->kind == DOC_SCALAR ? "\"" : "",
		node->kind == DOC_SCALAR ? node->text : "something else",
		node->kind == DOC_SCALAR ? "\"" : "");
}

bool topology_subnet4(const struct doc *node, struct in_addr *subnet, int *prefix, struct diag *d)
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr address, masked;
	int bits;

	if (!split_subnet(node, 30, text, &bits) || inet_pton(AF_INET, text, &address) != 1) {
		expected_subnet(node, "an IPv4 subnet such as 192.168.1.0/24 (prefix 1 to 30)", d);
		return false;
	}
	masked.s_addr = address.s_addr & htonl(UINT32_MAX << (32 - bits));
	if (masked.s_addr != address.s_addr) {
		inet_ntop(AF_INET, &masked, text, sizeof(text));
		diag_at(d, node->file, node->line,
			"%s: \"%s\" is an address inside a subnet; the subnet is %s/%d", node->key,
			node->text, text, bits);
		return false;
	}
	*subnet = address;
	*prefix = bits;
	return true;
}

static struct in6_addr mask6(const struct in6_addr *address, int bits)
{
	struct in6_addr masked = *address;

	for (int i = 0; i < 16; i++, bits -= 8) {
		if (bits < 8)
			masked.s6_addr[i] &= bits > 0 ? (uint8_t)(0xff << (8 - bits)) : 0;
	}
	return masked;
}

bool topology_subnet6(const struct doc *node, struct in6_addr *subnet, int *prefix, struct diag *d)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address, masked;
	int bits;

	if (!split_subnet(node, 126, text, &bits) || inet_pton(AF_INET6, text, &address) != 1) {
		expected_subnet(node, "an IPv6 subnet such as 2a0e:b107:1::/64 (prefix 1 to 126)",
				d);
		return false;
	}
	masked = mask6(&address, bits);
	if (memcmp(&masked, &address, sizeof(masked)) != 0) {
		inet_ntop(AF_INET6, &masked, text, sizeof(text));
		diag_at(d, node->file, node->line,
			"%s: \"%s\" is an address inside a subnet; the subnet is %s/%d", node->key,
			node->text, text, bits);
		return false;
	}
	*subnet = address;
	*prefix = bits;
	return true;
}

bool topology_in_subnet4(const struct network *network, struct in_addr address)
{
	return network->has_subnet &&
	       (address.s_addr & htonl(UINT32_MAX << (32 - network->prefix))) ==
		       network->subnet.s_addr;
}

bool topology_in_subnet6(const struct network *network, const struct in6_addr *address)
{
	struct in6_addr masked = mask6(address, network->prefix6);

	return network->prefix6 && memcmp(&masked, &network->subnet6, sizeof(masked)) == 0;
}

/* "0.05" or "5%". */
static void read_probability(const struct doc *node, double *out, struct diag *d)
{
	double value = -1;
	char *end = NULL;

	if (node->kind == DOC_SCALAR && !node->quoted && *node->text) {
		value = strtod(node->text, &end);
		if (!strcmp(end, "%"))
			value /= 100;
		else if (*end)
			value = -1;
	}
	if (!(value >= 0 && value <= 1)) {
		diag_at(d, node->file, node->line,
			"%s: expected a probability such as 0.05 or 5%%%s%s%s", node->key,
			node->kind == DOC_SCALAR ? ", found \"" : "",
			node->kind == DOC_SCALAR ? node->text : "",
			node->kind == DOC_SCALAR ? "\"" : "");
		return;
	}
	*out = value;
}

/* "10mbit", "512kbit", or a plain number of bits per second. */
static void read_rate(const struct doc *node, uint64_t *out, struct diag *d)
{
	static const struct {
		const char *suffix;
		double factor;
	} units[] = {{"", 1}, {"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}};
	double value;
	char *end;

	if (node->kind == DOC_SCALAR && !node->quoted && *node->text) {
		value = strtod(node->text, &end);
		for (size_t i = 0; end != node->text && i < ARRAY_SIZE(units); i++) {
			if (strcasecmp(end, units[i].suffix))
				continue;
			value *= units[i].factor;
			if (!(value >= 1000 && value <= 100e9))
				break;
			*out = (uint64_t)llround(value);
			return;
		}
	}
	diag_at(d, node->file, node->line,
		"%s: expected bits per second such as 512kbit, 10mbit or 1gbit (1kbit to "
		"100gbit)%s%s%s",
		node->key, node->kind == DOC_SCALAR ? ", found \"" : "",
		node->kind == DOC_SCALAR ? node->text : "", node->kind == DOC_SCALAR ? "\"" : "");
}

void topology_impairment(const struct doc *map, struct impairment *out, struct diag *d)
{
	static const char *const multicast[] = {"pass", "drop"};
	const struct doc *node;
	long long number;
	int choice;

	if ((node = doc_get(map, "delay")) && doc_duration_us(node, &number, d))
		out->delay_us = number;
	if ((node = doc_get(map, "jitter")) && doc_duration_us(node, &number, d))
		out->jitter_us = number;
	if ((node = doc_get(map, "loss")))
		read_probability(node, &out->loss, d);
	if ((node = doc_get(map, "duplicate")))
		read_probability(node, &out->duplicate, d);
	if ((node = doc_get(map, "reorder")))
		read_probability(node, &out->reorder, d);
	if ((node = doc_get(map, "rate")))
		read_rate(node, &out->rate, d);
	if ((node = doc_get(map, "mtu")) && doc_number(node, 68, 65535, &number, d))
		out->mtu = (int)number;
	if ((node = doc_get(map, "multicast")) &&
	    doc_choice(node, multicast, ARRAY_SIZE(multicast), &choice, d))
		out->drop_multicast = choice == 1;
	if (out->jitter_us > out->delay_us)
		diag_at(d, map->file, doc_get(map, "jitter")->line,
			"jitter: is larger than the delay that it varies");
	if (out->reorder > 0 && !out->delay_us)
		diag_at(d, map->file, doc_get(map, "reorder")->line,
			"reorder: needs a delay, which the packets that overtake do not wait for");
}

static void read_timeout(const struct doc *node, int *out, struct diag *d)
{
	long long us;

	if (!doc_duration_us(node, &us, d))
		return;
	if (us < 1000000 || us > 31 * 86400LL * 1000000)
		diag_at(d, node->file, node->line, "%s: expected 1s to 31d, found \"%s\"",
			node->key, node->text);
	else
		*out = (int)(us / 1000000);
}

void topology_nat(const struct doc *node, struct nat_behaviour *out, struct diag *d)
{
	static const char *const keys[] = {"mapping",	  "filtering",	 "port_preservation",
					   "hairpinning", "udp_timeout", "tcp_timeout"};
	static const char *const kinds[] = {[NAT_ENDPOINT_INDEPENDENT] = "endpoint-independent",
					    [NAT_ADDRESS_DEPENDENT] = "address-dependent",
					    [NAT_ADDRESS_AND_PORT_DEPENDENT] =
						    "address-and-port-dependent"};
	const struct doc *item;
	struct diag unused = {0};
	int choice;

	if (!node)
		return;
	if (node->kind == DOC_SCALAR) {
		if (!doc_bool(node, &out->enabled, &unused))
			diag_at(d, node->file, node->line,
				"nat: expected off, on or a mapping (mapping, filtering, "
				"port_preservation, ...), found \"%s\"",
				node->text);
		diag_free(&unused);
		return;
	}
	if (!doc_keys(node, keys, ARRAY_SIZE(keys), d))
		return;
	if ((item = doc_get(node, "mapping")) &&
	    doc_choice(item, kinds, ARRAY_SIZE(kinds), &choice, d))
		out->mapping = (enum nat_mapping)choice;
	if ((item = doc_get(node, "filtering")) &&
	    doc_choice(item, kinds, ARRAY_SIZE(kinds), &choice, d))
		out->filtering = (enum nat_mapping)choice;
	if ((item = doc_get(node, "port_preservation")))
		doc_bool(item, &out->preserve_ports, d);
	if ((item = doc_get(node, "hairpinning")))
		doc_bool(item, &out->hairpinning, d);
	if ((item = doc_get(node, "udp_timeout")))
		read_timeout(item, &out->udp_timeout, d);
	if ((item = doc_get(node, "tcp_timeout")))
		read_timeout(item, &out->tcp_timeout, d);
}
