/* SPDX-License-Identifier: MIT */
/* netlink.h - what all that speaks netlink by libmnl needs (fakeigd links it too). */
#ifndef SIM_NETLINK_H
#define SIM_NETLINK_H

#include <stdint.h>

struct mnl_socket;
struct nlmsghdr;

/** netlink_open() - a socket of one's own, bound and CLOEXEC. @bus: NETLINK_*. NULL with errno set.
 */
struct mnl_socket *netlink_open(int bus);

/** struct netfilter_head - of a message to a subsystem of netfilter
 * @family:	AF_*
 * @subsystem, @type: NFNL_SUBSYS_* and its message
 * @flags:	beside NLM_F_REQUEST
 * @resource:	of the subsystem, such as a group
 */
struct netfilter_head {
	uint8_t family;
	uint16_t subsystem;
	uint16_t type;
	uint16_t flags;
	uint16_t resource;
};

/** netfilter_message() - begin a message at @at, which is aligned as struct nlmsghdr. */
struct nlmsghdr *netfilter_message(void *at, const struct netfilter_head *head);
/** netlink_ask() - send a request that has one short answer. Return: 0, also when the answer is
 * what was asked for, or -errno: of the answer too. */
int netlink_ask(struct mnl_socket *nl, const struct nlmsghdr *request);

#endif
