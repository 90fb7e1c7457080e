/* SPDX-License-Identifier: MIT */
/*
 * netns.h - network namespaces held by descriptor, never by name.
 *
 * A namespace lives as long as somebody holds a descriptor, a process or a socket in it; closing
 * the last one is all there is to tearing down.
 */
#ifndef SIM_NETNS_H
#define SIM_NETNS_H

#include "../fakeigd/base/diag.h"

/** netns_self() - descriptor of the calling thread's network namespace. Return: it, or -errno. */
int netns_self(void);
/** netns_new() - make a namespace; the calling thread is in it afterwards. Return: descriptor, or
 * -errno. */
int netns_new(void);
/** netns_enter() - move the calling thread to the namespace behind @fd. Return: 0 or -errno. */
int netns_enter(int fd);

/**
 * struct netns_settings - what the sysctls of a node depend on
 * @router:	forwards packets
 * @ipv6:	has IPv6 on some port
 * @accept_ra:	takes its routes from router advertisements
 * @autoconf:	and its addresses
 */
struct netns_settings {
	bool router;
	bool ipv6;
	bool accept_ra;
	bool autoconf;
};

/**
 * netns_configure() - every sysctl that decides how the current namespace behaves
 *
 * New namespaces inherit the host's values, so each one that matters is made what it has to be,
 * whatever the host has. To be called before interfaces are made, which copy "default", and in
 * namespaces that were all made from the same one: what they begin with is read in the first, and
 * only what differs is written. Return: 0, or -errno after a complaint that names the sysctl.
 */
int netns_configure(const struct netns_settings *settings, struct diag *d);
/** netns_configure_switch() - the same for the namespace of the bridges: silent, no addresses. */
int netns_configure_switch(struct diag *d);

#endif
