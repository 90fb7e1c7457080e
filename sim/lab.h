/* SPDX-License-Identifier: MIT */
/*
 * lab.h - a running lab: how it is started, and how anybody talks to it.
 *
 * lab_start() clones the lab's init (PID 1 of a new PID namespace, with user, mount, UTS, IPC and
 * network namespaces of its own). It builds the network, starts the routers and then serves
 * requests: JSON over SOCK_SEQPACKET, descriptors beside it by SCM_RIGHTS. One connection is
 * inherited (the starter's); others come in through an abstract socket "\0igdlab/UID/NAME" of the
 * host's network namespace, which vanishes with the process; only the user who started the lab is
 * let in.
 *
 * Requests, one JSON object per packet; replies {"ok": true, ...} or {"ok": false, "error":
 * "sentence"}, in order, each repeating the request's "id" when it had one. A reply that does not
 * fit into a packet (lab_packet.h) is {"long": BYTES} with a descriptor that holds its text.
 *
 *  {"op": "info"}        -> {"lab": name or null, "pid": N (of the host), "topology": name,
 *                           "root": programs can change to other users, "evidence": path or null,
 *                           "programs": how many of "exec" run, "client", "outermost": names,
 *                           "networks": {NAME: {"bridge", "subnet", "prefix", "subnet6",
 *                           "prefix6"}}, "nodes": {NAME: {"kind": "host|router", "ports":
 *                           [{"ifname", "network", "role": "host|lan|wan", "index", "mac" or
 *                           "interface", "address", "prefix", "address6", "prefix6",
 *                           "link_local"}], "gateway", "profile", "quirks", "daemon", "pid" (in
 *                           the lab), "died", "physical"}}, "features": {...}}
 *  {"op": "socket", "node": N, "domain": "inet|inet6|packet|netlink", "type": "stream|dgram|raw",
 *   "protocol": 0}       -> descriptor of a socket made in that node (CLOEXEC, blocking);
 *                           the protocol of "packet" is an EtherType
 *  {"op": "ping"}        -> nothing; descriptors sent before it are closed in the lab
 *  {"op": "exec", "node": N, "argv": [...], "env": {...} (added; null takes a variable away),
 *   "cwd": "/", "tty": false}
 *     + up to 3 descriptors for stdin, stdout, stderr (missing ones: /dev/null, NODE.log)
 *                        -> {"pid": N}; when it ends an event on the same connection:
 *                           {"event": "exit", "pid": N, "code": 0..255} or {..., "signal": S}.
 *                           It leads a session of its own, which gets SIGHUP when the connection
 *                           closes first. Its working directory, its own folder and existing
 *                           files that its arguments name stay visible under /tmp, /run, /var/lib
 *  {"op": "kill", "pid": N, "signal": S (SIGTERM), "group": false (its whole process group)}
 *  {"op": "router", "node": R, "request": {...}}  -> {"reply": {...}}: fakeigd's control.h
 *  {"op": "state", "node": N}    -> {"nft": text, "conntrack": [{"protocol", "original", "reply":
 *                           {"src", "dst", "sport", "dport"}, "state", "timeout", "assured",
 *                           "snat", "dnat"}]}: kernel state
 *  {"op": "advance", "seconds": X}                move the lab's clock and wake every fakeigd
 *  {"op": "reset"}                                used lab as new: conntrack, mappings, router
 *                           state; the clock stays
 *  {"op": "link", "node": N, "ifname": I, "up": bool}
 *  {"op": "sync"}                                 all fakeigds idle, capture and syslog written
 *                           up to now
 *  {"op": "finish"}                               stop nodes' programs, drain and close capture and
 *                           journals -> {"packets": N, "dropped": N, "links": [...]};
 *                           "capture_error" when there was one
 *  {"op": "down"}                                 the lab ends; the connection closes when it has
 *
 * Events for everybody: {"event": "router-died", "node", "pid", "code" or "signal", "error",
 * "log"} when a fakeigd or daemon ends by itself, {"event": "capture-died", ...}.
 */
#ifndef SIM_LAB_H
#define SIM_LAB_H

#include "topology.h"

#include <sys/types.h>

/**
 * struct lab_options - how to start a lab
 * @topology:	loaded; borrowed until lab_start() returns
 * @name:	for the abstract socket; NULL = none (one-shot)
 * @data:	root of the data tree (holds fakeigd/profiles ...)
 * @fakeigd:	path of the fakeigd program, absolute
 * @evidence:	directory (exists) for capture.pcapng, NODE.journal.ndjson, logs; NULL = no capture,
 * no logs
 * @capture:	capture every link (needs @evidence)
 * @detached:	survives the starter (igdlab up)
 * @no_routers:	build the network, start no fakeigd (benchmarks)
 * @keep:	further host paths to keep visible in the nodes' private /tmp, /run, /var/lib
 */
struct lab_options {
	const struct topology *topology;
	const char *name;
	const char *data;
	const char *fakeigd;
	const char *evidence;
	bool capture;
	bool detached;
	bool no_routers;
	const char *const *keep;
	size_t keep_count;
};

/** struct lab - a connection to a running lab */
struct lab {
	int fd;		/* SOCK_SEQPACKET */
	pid_t pid;	/* of the init as we see it; 0 when we did not start it */
	int pidfd;	/* -1 likewise */
	json_t *events; /* events that arrived while waiting for a reply */
};

/**
 * lab_start() - build a lab and wait until every router answers
 *
 * Return: 0 with @out filled; or 3 (DESIGN exit status: the lab could not be built) with complaints
 * that say which step failed and what the kernel lacks. Nothing is left behind then.
 */
int lab_start(const struct lab_options *options, struct lab *out, struct diag *d);
/** lab_connect() - reach a named lab of ours. Return: 0 or -errno. */
int lab_connect(const char *name, struct lab *out);
/**
 * lab_request() - ask and wait for the reply
 * @request:	reference is stolen
 * @fds, @fd_count: descriptors to send along
 * @got_fd:	where a descriptor of the reply goes (NULL: none expected)
 *
 * Return: the reply (new reference; check "ok"), or NULL when the lab is gone.
 */
json_t *lab_request(struct lab *lab, json_t *request, const int *fds, size_t fd_count, int *got_fd);
/** lab_event() - wait for the next event of this connection; NULL when the lab is gone. */
json_t *lab_event(struct lab *lab);
/** lab_close() - drop the connection; a lab that we started attached ends with it. */
void lab_close(struct lab *lab);
/** lab_list() - names of our running labs; caller frees array and names. */
size_t lab_list(char ***names);

/** lab_tree() - root of the data tree: beside build/ when run from there, else PREFIX/share/igdlab.
 */
const char *lab_tree(void);
/**
 * lab_find() - path of a named thing, or of a file
 * @folder:	of the data tree: "topologies", "fakeigd/profiles"
 * @name:	"flat"; anything with a "/" or ".yaml" at its end is a file of the user's
 *
 * Whether it exists is for the caller to see. Return: the path; caller frees.
 */
char *lab_find(const char *folder, const char *name);

#endif
