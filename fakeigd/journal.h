/* SPDX-License-Identifier: MIT */
/*
 * journal.h - fakeigd's log of what it received, decided and sent: one JSON object per line.
 *
 * {"time": 1753696326.825123, "clock": 12.5, "router": "r1", "event": "received", "layer": "soap",
 *  "from": "192.168.1.4:40112", "to": "192.168.1.1:5431", "what": "AddPortMapping", ...}
 *
 * "event" is received, decided, sent, state or error. "time" is the wall clock without the lab's
 * offset (as in captures), "clock" the lab's seconds since the router started.
 */
#ifndef FAKEIGD_JOURNAL_H
#define FAKEIGD_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/socket.h>

struct journal;

enum journal_event {
	JOURNAL_RECEIVED,
	JOURNAL_DECIDED,
	JOURNAL_SENT,
	JOURNAL_STATE,
	JOURNAL_ERROR
};

/** journal_new() - write to @fd (-1: nowhere; then every call is cheap); the descriptor is taken
 * over. */
struct journal *journal_new(int fd, const char *router);
void journal_free(struct journal *j);
bool journal_on(const struct journal *j);
/**
 * journal_write() - one line
 * @j:		may be NULL
 * @layer:	"ssdp", "http", "description", "soap", "gena", "portmap", "wan", "rule", "control"
 * @from, @to:	socket addresses or NULL
 * @what:	the message or decision in a few words: "AddPortMapping 1872/TCP ->
 * 192.168.1.4:1872"
 * @format:	json_pack() format of further members ("{s:i}"), or NULL
 */
void journal_write(struct journal *j, enum journal_event event, const char *layer,
		   const struct sockaddr *from, const struct sockaddr *to, const char *what,
		   const char *format, ...);

#endif
