/* SPDX-License-Identifier: MIT */
/*
 * profile_upstream.c - "upstream" of a profile: whom the router asks for ports on its WAN side.
 *
 *	upstream:
 *	  pcp: {server: gateway, initial: 3s, maximum: 1024s, answer: 25s, retries: 2}
 *
 * "server" may be a list.
 * Without the section the router asks nobody. Times are those of RFC 6887 clause 8.1.1 where the
 * file says nothing; "answer" is below the 30 s within which a control point has to be answered
 * (UDA 2.0 clause 3.2.2, IWF-09).
 */
#include "base/clock.h"
#include "base/mem.h"
#include "profile_parts.h"
#include "wire/pcp.h"

static const char *const externals[] = {"ask", "last"};

/* A time above 0. */
static bool read_time(const struct doc *map, const char *key, int64_t *out, struct diag *d)
{
	const struct doc *node = doc_get(map, key);
	long long us;

	if (!node)
		return true;
	if (!doc_duration_us(node, &us, d))
		return false;
	if (us <= 0) {
		diag_at(d, node->file, node->line, "%s: expected a time above 0, such as 3s", key);
		return false;
	}
	*out = us;
	return true;
}

static bool read_server(struct in_addr *server, const struct doc *node, struct diag *d)
{
	struct diag own = {0};
	bool fine;

	if (!doc_want(node, DOC_SCALAR, d) || !strcmp(node->text, "gateway"))
		return node->kind == DOC_SCALAR;
	fine = doc_ipv4(node, server, &own) && server->s_addr;
	diag_free(&own);
	if (!fine)
		diag_at(d, node->file, node->line,
			"server: expected gateway or an IPv4 address, found \"%s\"", node->text);
	return fine;
}

static bool read_servers(struct profile_upstream *u, const struct doc *map, struct diag *d)
{
	const struct doc *node = doc_get(map, "server");

	if (!node) {
		diag_at(d, map->file, map->line,
			"pcp: \"server\" is missing; expected gateway or an IPv4 address");
		return false;
	}
	u->servers = node->kind == DOC_LIST ? node->count : 1;
	if (!u->servers || u->servers > PROFILE_UPSTREAM_MAX) {
		diag_at(d, node->file, node->line, "server: expected 1 to %d servers, found %zu",
			PROFILE_UPSTREAM_MAX, u->servers);
		return false;
	}
	for (size_t i = 0; i < u->servers; i++)
		if (!read_server(&u->server[i], node->kind == DOC_LIST ? node->items[i] : node, d))
			return false;
	return true;
}

static bool read_rest(struct profile_upstream *u, const struct doc *map, struct diag *d)
{
	const struct doc *port = doc_get(map, "port"), *retries = doc_get(map, "retries");
	const struct doc *external = doc_get(map, "external"), *text = doc_get(map, "description");
	long long number = PCP_PORT, most = 2;
	int choice = 0;

	if ((port && !doc_number(port, 1, 65535, &number, d)) ||
	    (retries && !doc_number(retries, 0, 10, &most, d)) ||
	    (external && !doc_choice(external, externals, ARRAY_SIZE(externals), &choice, d)) ||
	    (text && !doc_bool(text, &u->description, d)))
		return false;
	u->port = (uint16_t)number;
	u->retries = (unsigned)most;
	u->ask_external = choice == 0;
	if (u->initial_us <= u->maximum_us)
		return true;
	diag_at(d, map->file, map->line, "pcp: \"initial\" is above \"maximum\"");
	return false;
}

bool profile_read_upstream(struct profile *p, const struct doc *section, struct diag *d)
{
	static const char *const protocols[] = {"pcp"};
	static const char *const keys[] = {"server", "port",	"initial",  "maximum",
					   "answer", "retries", "external", "description"};
	struct profile_upstream *u = &p->upstream;
	const struct doc *map;

	*u = (struct profile_upstream){.initial_us = 3 * CLOCK_SECOND,
				       .maximum_us = 1024 * CLOCK_SECOND,
				       .answer_us = 25 * CLOCK_SECOND,
				       .description = true};
	if (!section)
		return true;
	if (!doc_keys(section, protocols, ARRAY_SIZE(protocols), d))
		return false;
	map = doc_get(section, "pcp");
	if (!map) {
		diag_at(d, section->file, section->line, "upstream: \"pcp\" is missing");
		return false;
	}
	u->pcp = true;
	return doc_keys(map, keys, ARRAY_SIZE(keys), d) && read_servers(u, map, d) &&
	       read_time(map, "initial", &u->initial_us, d) &&
	       read_time(map, "maximum", &u->maximum_us, d) &&
	       read_time(map, "answer", &u->answer_us, d) && read_rest(u, map, d);
}
