/* SPDX-License-Identifier: MIT */
/*
 * live.h - a router that is there: in a lab, or on the network where we run. How to reach it, what
 * it is.
 */
#ifndef SIM_LIVE_H
#define SIM_LIVE_H

#include "ask.h"
#include "translation.h"

/**
 * struct live - a live router and the way to it
 * @lab, @node:	lab and the node that we speak from; @node NULL = the network of this process
 * @site:	router and client addresses given; live_find() fills the rest
 * @wan:	its address outside, 0.0.0.0 = not known
 * @others:	it is no fakeigd: has its own clock and cannot be set back
 * @page:	response that holds the description
 */
struct live {
	struct lab lab;
	const char *node;
	struct site site;
	struct in_addr wan;
	bool others;
	struct recorded_message page;
};

/** live_socket() - "stream" or "dgram" over IPv4. Return: descriptor, or -1 with a sentence. */
int live_socket(struct live *l, const char *type, char **why);
/** live_connect() - a connection. Return: descriptor, or -1 with a sentence. */
int live_connect(struct live *l, const struct end_point *to, char **why);
/** live_send_to() - a datagram, by multicast out of the client's interface. False: errno. */
bool live_send_to(const struct live *l, int fd, const struct end_point *to, struct slice bytes);
/** live_receive() - one datagram that is there, with its sender. False: none. */
bool live_receive(int fd, struct recorded_message *out);
/** live_pass() - let @seconds pass in the lab: clocks go on, what is due then is sent. */
void live_pass(struct live *l, double seconds);
/**
 * live_find() - search for the router's description and read it
 * @recorded:	what the flow shows of its router
 *
 * Searches for what @flow searched for, and for gateways. A router may have several (of IGD:1 and
 * IGD:2): the one with most services of the recorded types is taken. Return: whether one was found.
 */
bool live_find(struct live *l, const struct recording *flow, const struct site *recorded);
void live_free(struct live *l);

#endif
