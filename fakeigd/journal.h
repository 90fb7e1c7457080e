/* SPDX-License-Identifier: MIT */
/*
 * journal.h - fakeigd's log of what it received, decided and sent: one JSON object per line.
 *
 * {"time": 1753696326.825123, "clock": 12.5, "router": "r1", "event": "received", "layer": "soap",
 *  "from": "192.168.1.4:40112", "to": "192.168.1.1:5431", "what": "AddPortMapping", ...}
 *
 * With --journal-bytes also what each socket read and wrote, to the byte, so that igdlab import can
 * make a flow of it:
 *
 * {..., "event": "read", "layer": "tcp", "from": ..., "to": ..., "what": "27 bytes", "text": "GET
 * ..."}
 *
 * "text" where the bytes are UTF-8 without NUL, else "hex"; "what": "closed" when a connection is.
 *
 * "event" is received, decided, sent, state, error, read or written. "time" is the wall clock
 * without the lab's offset (as in captures), "clock" the lab's seconds since the router started.
 */
#ifndef FAKEIGD_JOURNAL_H
#define FAKEIGD_JOURNAL_H

#include "base/slice.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/socket.h>

struct journal;

enum journal_event {
	JOURNAL_RECEIVED,
	JOURNAL_DECIDED,
	JOURNAL_SENT,
	JOURNAL_STATE,
	JOURNAL_ERROR,
	JOURNAL_READ,
	JOURNAL_WRITTEN,
};

/** journal_new() - write to @fd (-1: nowhere; then every call is cheap); the descriptor is taken
 * over. */
struct journal *journal_new(int fd, const char *router);
void journal_free(struct journal *j);
bool journal_on(const struct journal *j);
/** journal_keep_bytes() - from now on journal_bytes() writes. */
void journal_keep_bytes(struct journal *j);
/**
 * journal_bytes() - what a socket read or wrote; cheap while nobody asked for it
 * @event:	JOURNAL_READ or JOURNAL_WRITTEN
 * @layer:	"tcp" or "udp"
 * @bytes:	ptr NULL: the connection is closed
 */
void journal_bytes(struct journal *j, enum journal_event event, const char *layer,
		   const struct sockaddr *from, const struct sockaddr *to, struct slice bytes);
/**
 * journal_write() - one line
 * @j:		may be NULL
 * @layer:	"ssdp", "http", "description", "soap", "gena", "portmap", "wan", "rule", "control",
 * "natpmp", "pcp", "pinhole", "firewall6"
 * @from, @to:	socket addresses or NULL
 * @what:	the message or decision in a few words: "AddPortMapping 1872/TCP ->
 * 192.168.1.4:1872"
 * @format:	json_pack() format of further members ("{s:i}"), or NULL
 */
void journal_write(struct journal *j, enum journal_event event, const char *layer,
		   const struct sockaddr *from, const struct sockaddr *to, const char *what,
		   const char *format, ...);

#endif
