/* SPDX-License-Identifier: MIT */
/* wan_open.h - ports of the router itself that answer to the WAN, where a lab's filter stands. */
#ifndef FAKEIGD_WAN_OPEN_H
#define FAKEIGD_WAN_OPEN_H

struct router;

/** wan_open() - open what policies ssdp.wan and http.wan ask for in set "wan_open" of tables
 * "ip igdlab" and "ip6 igdlab" (sim/nat.h), and nothing else; without such a table nothing is done
 * and nothing is in the way. A refusal goes to the journal. */
void wan_open(struct router *r);

#endif
