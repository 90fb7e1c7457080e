/* SPDX-License-Identifier: MIT */
/*
 * control.h - the control socket: JSON requests over SOCK_SEQPACKET, one per message, one reply
 * each.
 *
 * {"op": "state", "first": 0}           mappings, wan, location (of the description, on the first
 *                                       LAN), subscriptions, clock, boot id, memory;
 *                                       a reply is at most CONTROL_MESSAGE_MAX bytes: when not all
 *                                       mappings fit, "next" is the "first" of the next request
 * {"op": "pinholes", "first": 1}        IPv6 pinholes from that UniqueID on, with the packets that
 *                                       they let in, and the firewall's switches; "next" likewise
 * {"op": "firewall", "enabled": true, "inbound_allowed": false}    one of them or both
 * {"op": "advance", "seconds": 60}      move the lab's clock (shared page), timers fire
 * {"op": "wake"}                        the clock was moved by somebody else: look again
 * {"op": "reboot"}  {"op": "reset"}     {"op": "wan", "status": "up|down"}
 * {"op": "renumber", "address": "44.0.1.77"}
 * {"op": "add-rule", "rule": {...}}     -> {"ok": true, "id": 7}    {"op": "remove-rule", "id": 7}
 * {"op": "reload"} (profile read again) {"op": "quit"}
 * {"op": "sync"}                        everything received so far is handled and journalled
 *
 * Reply: {"ok": true, ...} or {"ok": false, "error": "sentence"}.
 */
#ifndef FAKEIGD_CONTROL_H
#define FAKEIGD_CONTROL_H

struct router;
struct control;

#define CONTROL_MESSAGE_MAX 131072

/** control_new() - serve on a connected descriptor (@fd >= 0) and/or listen on @path (or NULL). */
struct control *control_new(struct router *r, int fd, const char *path, int *error);
void control_free(struct control *c);

#endif
