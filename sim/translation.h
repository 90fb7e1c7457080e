/* SPDX-License-Identifier: MIT */
/*
 * translation.h - a recorded client's requests in the words of another router's network. Pure.
 *
 * The two routers are compared as their descriptions show them; what stands for what becomes a map
 * of names (for texts: addresses, URLs, UUIDs) and a list of pages (for request targets).
 */
#ifndef SIM_TRANSLATION_H
#define SIM_TRANSLATION_H

#include "../fakeigd/wire/description.h"
#include "recording.h"
#include "substitution.h"

/**
 * struct site - a router with its client, as a recording or a network shows them
 * @router, @client: IPv4 addresses; port of @router: of its description, 0 = not known
 * @location:	URL of the description; host "" = not known
 * @described:	@description is filled
 * @reply:	the response that held it, in full; borrowed
 */
struct site {
	struct end_point router, client;
	struct url location;
	bool described;
	struct description description;
	const struct recorded_message *reply;
};

/** site_describe() - take the description out of a response to GET @location. Return: it was one.
 */
bool site_describe(struct site *s, const struct url *location,
		   const struct recorded_message *reply);
/**
 * site_of_flow() - what a flow shows of its router
 * @out:	site_free() at last; borrows from @flow
 *
 * Return: false after a complaint: no router, or none with an IPv4 address.
 */
bool site_of_flow(const struct recording *flow, struct site *out, struct diag *d);
void site_free(struct site *s);

/** struct page - a path of the recorded router, and where it is now */
struct page {
	char *path;
	struct url to;
};

/**
 * struct translation - zero-initialised is empty
 * @map:	names; more may be added as they become known
 * @pages:	paths
 * @port:	of the recorded router's pages, 0 = not known
 * @there:	the live router; @client: its client's address; @was: the recorded client's
 */
struct translation {
	struct substitutions map;
	struct page *pages;
	size_t count;
	uint16_t port;
	struct end_point there, client, was;
};

/** translation_make() - from the recorded site to the live one. */
void translation_make(const struct recording *flow, const struct site *recorded,
		      const struct site *live, struct translation *out);
void translation_free(struct translation *t);

/**
 * struct translated - a request in the words of the live network; translated_free()
 * @bytes:	to be sent
 * @ends:	where its segments end, as recorded; at least one
 * @to:		address and port, IPv4
 */
struct translated {
	struct buf bytes;
	size_t *ends;
	size_t count;
	struct end_point to;
};

/**
 * translate() - a request
 *
 * Byte for byte the recorded one but for what the translation names and a Content-Length that
 * follows. A segment's end keeps its distance from the start of the head, or from the end of the
 * body.
 */
void translate(const struct translation *t, enum flow_protocol protocol,
	       const struct recorded_message *m, struct translated *out);
void translated_free(struct translated *t);

#endif
