/* SPDX-License-Identifier: MIT */
/*
 * controlpoint.h - the reference control point: what a good client does, step by step, explained.
 *
 * It runs where it is started (a lab's node or a real network) with ordinary sockets and no
 * privileges. Every step goes into a report: what was sent, what came back, what was believed and
 * why, how long.
 */
#ifndef SIM_CONTROLPOINT_H
#define SIM_CONTROLPOINT_H

#include "../fakeigd/wire/description.h"
#include "../fakeigd/wire/soap.h"

#include <jansson.h>

/* Good habits that --naive MODE switches off, one at a time; table in controlpoint.c. */
#define NAIVE_MODES_MAX 64

/**
 * struct controlpoint_options - from the command line
 * @interface:	restrict to one interface, NULL = all
 * @url:	description already known, NULL = discover
 * @layers:	routers at most, 1 to 4
 * @timeout_us:	for each HTTP exchange; discovery listens as long as MX plus a second, or until
 *every gateway has answered
 * @naive:	bit set over the table of modes
 */
struct controlpoint_options {
	const char *interface;
	const char *url;
	int layers;
	int64_t timeout_us;
	uint64_t naive;
	bool json;
	bool verbose;
};

/** struct map_request - what igdlab map wants */
struct map_request {
	int protocol; /* IPPROTO_TCP, IPPROTO_UDP */
	uint16_t external_port;
	uint16_t internal_port;
	char internal_client[64]; /* "" = our own address towards the router */
	uint32_t lease;
	const char *description;
	const char *remote_host;
};

/** Names and summaries of the naive modes; ends with name NULL. */
struct naive_mode {
	const char *name;
	const char *summary;
};
extern const struct naive_mode naive_modes[];

#endif
