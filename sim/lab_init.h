/* SPDX-License-Identifier: MIT */
/*
 * lab_init.h - what the parts of a lab's init (PID 1 of its PID namespace) share.
 *
 * lab.c (outside) clones the process that runs lab_init_run() (lab_init.c), which builds the
 * network (lab_build.c), starts the routers (lab_router.c, lab_daemon.c) and serves requests
 * (lab_control.c the connections, lab_ops.c the verbs, lab_program.c exec, lab_state.c the kernel's
 * state, lab_finish.c the end). One thread, one loop; everything hangs on struct lab_init.
 */
#ifndef SIM_LAB_INIT_H
#define SIM_LAB_INIT_H

#include "../fakeigd/base/loop.h"
#include "capture.h"
#include "lab.h"

#include <jansson.h>
#include <netlink/netlink.h>
#include <sys/types.h>

#define LAB_FDS_MAX	 3
#define LAB_ROUTER_START 15 /* seconds a router may take until it is ready */
#define LAB_ROUTER_REPLY 15 /* seconds a fakeigd may take to answer */
#define LAB_SETTLE	 15 /* seconds the kernel may take to use addresses and advertisements */

struct lab_init;
struct request;
struct conn;
struct ra;
struct wire;

/**
 * router_reply_fn - what to do with a router's answer
 * @reply:	borrowed; {"ok": false, "gone": true, "error": sentence} when the router is gone
 */
typedef void router_reply_fn(struct lab_init *lab, void *arg, json_t *reply);

/** struct router_call - a request that a fakeigd has not answered yet */
struct router_call {
	router_reply_fn *fn;
	void *arg;
	struct router_call *next;
};

/**
 * struct igd - the fakeigd or the real daemon of a node
 * @pid:	0 = none, or ended
 * @control:	fakeigd's control socket, -1 = none
 * @ready:	pipe on which fakeigd says that it serves, -1 afterwards
 * @log:	its standard output and error (file or memfd)
 * @log_start:	where in @log the first line of this run is
 * @calls:	requests in the order in which they were sent
 * @timer:	of the oldest call (timerfd: real time, not the lab's)
 * @died:	how it ended, "was killed by signal 9"; NULL = it did not
 * @stopping:	it was told to end
 * @adapter:	of a daemon, until it is ready
 */
struct igd {
	pid_t pid;
	int control;
	struct loop_source *control_source;
	int ready;
	int log;
	off_t log_start;
	struct router_call *calls;
	int timer;
	struct loop_source *timer_source;
	char *died;
	bool stopping;
	struct doc *adapter;
};

/**
 * struct lab_node - a node of a running lab
 * @outside:	a physical router: no namespace, its ports are cables to it
 * @netns:	its network namespace, -1 outside
 * @sk:		rtnetlink in it
 * @index:	interface index of each port
 * @mntns:	its mount namespace, -1 until its first program is started
 * @bound:	host paths that are visible in it
 * @syslog:	its /dev/log, -1 before @mntns
 * @syslog_log:	where that goes, -1 = nowhere
 * @output:	where output goes that nobody wanted, -1 until needed
 */
struct lab_node {
	const struct node *node;
	bool outside;
	int netns;
	struct nl_sock *sk;
	int index[TOPOLOGY_PORTS_MAX];
	int mntns;
	char **bound;
	size_t bound_count;
	int syslog;
	struct loop_source *syslog_source;
	int syslog_log;
	int output;
	struct igd igd;
	struct ra *ra;
};

/**
 * struct lab_segment - a network of a running lab
 * @ports, @count: who is on it
 * @bridge:	index of its bridge in the lab's own namespace, 0 = a cable
 * @leads_out:	some port is a physical router's
 */
struct lab_segment {
	size_t network;
	struct lab_place {
		size_t node, port;
	} * ports;
	size_t count;
	int bridge;
	bool leads_out;
};

/** struct program - a program that somebody started by "exec" and that has not ended */
struct program {
	pid_t pid;
	struct conn *conn; /* who is told of its end; NULL when that one is gone */
	struct program *next;
};

/**
 * struct lab_init - a lab, seen by its init
 * @starter:	connection to whoever made the lab, while it is being built
 * @pid:	of this process, as the host sees it
 * @home:	our own network namespace: the switches
 * @home_sk:	rtnetlink in it
 * @home_mntns:	our own mount namespace
 * @next_index:	next free interface index in @home
 * @cwd:	where the starter was
 * @evidence:	directory descriptor, -1 = none
 * @keep:	absolute paths that stay visible in every node
 * @every_id:	programs can change to other users
 * @private_proc: /proc shows the lab's processes
 * @segments:	one for each network
 * @finish:	the requests that wait for the end of "finish"; see lab_finish.c
 */
struct lab_init {
	const struct lab_options *options;
	const struct topology *topology;
	struct loop *loop;
	struct diag *diag;
	int starter;
	pid_t pid;
	int home;
	struct nl_sock *home_sk;
	int home_mntns;
	int next_index;
	int cwd;
	int null;
	int evidence;
	char **keep;
	size_t keep_count;
	int clock;
	bool private_proc;
	bool user_namespace;
	bool every_id;
	struct lab_node *nodes;
	struct lab_segment *segments;
	struct wire **wires;
	size_t wire_count;
	struct capture *capture;
	struct capture_link *capture_links;
	size_t capture_link_count;
	bool capture_died;
	struct conn *conns;
	struct program *programs;
	size_t routers_starting;
	struct finish *finish;
};

/* ------------------------------------------------------------------ lab_init.c */

/** struct lab_birth - what the outside half hands to its clone */
struct lab_birth {
	const struct lab_options *options;
	int fd;	      /* connection to the starter */
	int listener; /* named labs: listening socket in the host's namespace; else -1 */
	bool user_namespace;
	bool every_id;
};

/** lab_init_run() - be PID 1 of a lab. Never returns. */
void lab_init_run(const struct lab_birth *birth) __attribute__((noreturn));
/** lab_enter() - move this thread to a node's network namespace; NULL = back home. 0 or -errno. */
int lab_enter(struct lab_init *lab, const struct lab_node *node);
/** lab_evidence_file() - open NODE.SUFFIX in the evidence directory, empty. Return: -1 = none. */
int lab_evidence_file(struct lab_init *lab, const char *node, const char *suffix);
/** lab_ask_outside() - have the starter, who has the host's rights, move an interface to @netns.
 * Return: 0, or -1 after a complaint. */
int lab_ask_outside(struct lab_init *lab, const char *ifname, int netns);

/* ------------------------------------------------------------------ lab_build.c */

/** lab_build() - namespaces, links, addresses, NAT, impairment, capture. Return: 0, or -1 after
 * complaints. */
int lab_build(struct lab_init *lab);
/** lab_link_set() - a port of a node up or down, its routes as they were. Return: 0 or a libnl
 * error.
 */
int lab_link_set(struct lab_init *lab, struct lab_node *node, size_t port, bool up);
/** lab_node_has_address6() - whether somebody chose an address for it: then it forms no other. */
bool lab_node_has_address6(const struct node *node);
/** lab_carriers() - link_ready() on every interface, so that no first packet is lost. 0, or -1
 * after a complaint when @all are to have a carrier and one has none. */
int lab_carriers(struct lab_init *lab, bool all);
/** lab_mac() - hardware address of a port: 02:69:67:NETWORK:NODE:PORT. */
void lab_mac(uint8_t mac[6], size_t network, size_t node, size_t port);
/** lab_link_local() - fe80:: address made of a hardware address (RFC 4291 appendix A). */
struct in6_addr lab_link_local(const uint8_t mac[6]);
/** lab_settle() - wait until the IPv6 addresses of all nodes are in use, and hosts have heard of
 * their routers. 0, or -1 after a complaint. */
int lab_settle(struct lab_init *lab);
/** lab_settle_node() - wait for the addresses that one node was given. False: not in time. */
bool lab_settle_node(struct lab_init *lab, size_t index);
/** lab_addresses() - addresses and routes of all nodes. Return: 0, or -1 after a complaint. */
int lab_addresses(struct lab_init *lab);
/** lab_advertise() - router advertisements where the topology has them. 0, or -1 after a complaint.
 */
int lab_advertise(struct lab_init *lab);
/** lab_nat64() - translators where the topology has them. 0, or -1 after a complaint. */
int lab_nat64(struct lab_init *lab);
/** lab_port_towards() - our port and the neighbour's on a network that both are on. */
bool lab_port_towards(const struct node *from, const struct node *to, size_t *ours, size_t *theirs);
/** lab_takes_ra() - whether a node configures itself by router advertisement. */
bool lab_takes_ra(const struct topology *t, const struct node *node);

/* ------------------------------------------------------------------ lab_impair.c */

/** lab_impaired() - whether it takes a relay (an MTU alone does not). */
bool lab_impaired(const struct impairment *i);
/** lab_impair_both() - what a packet meets that meets @a and then @b. */
struct impairment lab_impair_both(const struct impairment *a, const struct impairment *b);
/** lab_impair_half() - what each of two links does so that both together do @whole. */
struct impairment lab_impair_half(const struct impairment *whole);
/** lab_relay() - carry frames between two interfaces of our own namespace. 0, or -1 after a
 * complaint. */
int lab_relay(struct lab_init *lab, const char *a, const char *b, const struct impairment *i);

/* ------------------------------------------------------------------ lab_router.c, lab_daemon.c */

/** lab_routers_start() - start every fakeigd and daemon and wait until all serve. 0, or -1 after
 * complaints. */
int lab_routers_start(struct lab_init *lab);
/** lab_router_call() - ask the fakeigd of a node; @fn is called exactly once, perhaps at once. */
void lab_router_call(struct lab_init *lab, struct lab_node *node, json_t *request,
		     router_reply_fn *fn, void *arg);
/** lab_router_died() - its process was reaped; tells everybody unless that was wanted. */
void lab_router_died(struct lab_init *lab, struct lab_node *node, int status);
/** lab_router_log() - open @igd.log. Return: 0 or -errno. */
int lab_router_log(struct lab_init *lab, struct lab_node *node, const char *suffix);
/** lab_daemon_start() - start the real daemon of a node. Return: 0, or -1 after a complaint. */
int lab_daemon_start(struct lab_init *lab, struct lab_node *node);
/** lab_daemon_ready() - wait until it listens, or clock_now() is @deadline. 0, or -1 after a
 * complaint. */
int lab_daemon_ready(struct lab_init *lab, struct lab_node *node, int64_t deadline);
/** lab_router_complain() - complain that the router's program @what, with its last words. */
void lab_router_complain(struct lab_init *lab, struct lab_node *node, const char *what);
/** lab_router_end() - "ended with status 2" of a wait status; caller frees. */
char *lab_router_end(int status);

/* ------------------------------------------------------------------ lab_control.c */

/**
 * struct request - one request until it is answered
 * @conn:	where the answer goes; NULL when that connection is gone
 * @id:		of the caller, repeated in the answer; may be NULL
 * @body:	the object
 * @fds:	descriptors that came along; the request closes what is not taken (set to -1)
 */
struct request {
	struct lab_init *lab;
	struct conn *conn;
	json_t *id;
	json_t *body;
	int fds[LAB_FDS_MAX];
	size_t fd_count;
};

/** lab_serve() - a connected client; the starter's ends an attached lab when it closes. */
void lab_serve(struct lab_init *lab, int fd, bool vital);
/** lab_listen() - accept clients on the named socket. */
void lab_listen(struct lab_init *lab, int listener);
/** request_reply() - answer ({"ok": true} is added) and free @rq. @reply's reference is taken,
 * NULL = nothing to say; @fd (-1 = none) is sent along and closed. */
void request_reply(struct request *rq, json_t *reply, int fd);
/** request_fail() - answer {"ok": false, "error": sentence} and free @rq. */
void request_fail(struct request *rq, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/** request_fail_diag() - the same with gathered complaints, which are freed. */
void request_fail_diag(struct request *rq, struct diag *d);
/** request_unknown() - answer 'unknown KIND "WORD"; did you mean ...?' and free @rq. */
void request_unknown(struct request *rq, const char *kind, const char *word,
		     const char *const *names, size_t count);
/** request_string() and so on: read a member; absent leaves *out as it is. Return: false after
 * request_fail(). */
bool request_string(struct request *rq, const char *key, bool required, const char **out);
bool request_integer(struct request *rq, const char *key, bool required, int64_t min, int64_t max,
		     int64_t *out);
bool request_number(struct request *rq, const char *key, double min, double max, double *out);
bool request_bool(struct request *rq, const char *key, bool required, bool *out);
/** request_node() - the member "node" as a node with a namespace. Return: NULL after
 * request_fail(). */
struct lab_node *request_node(struct request *rq);
/** lab_event_to() - queue an event for one connection; the reference is taken. */
void lab_event_to(struct lab_init *lab, struct conn *conn, json_t *event);
/** lab_event_all() - the same for every connection. */
void lab_event_all(struct lab_init *lab, json_t *event);

/* ------------------------------------------------------------------ lab_ops.c and the verbs */

/**
 * struct lab_op - a verb
 * @keys:	members that it knows besides "op" and "id"; ends with NULL
 */
struct lab_op {
	const char *name;
	const char *keys[8];
	void (*fn)(struct lab_init *lab, struct request *rq);
};

extern const struct lab_op lab_ops[];
extern const size_t lab_op_count;

/** lab_info() - the reply of "info". */
json_t *lab_info(struct lab_init *lab);
/** lab_nft() - run nftables commands in the current namespace. Return: NULL, or what is wrong;
 * caller frees. */
char *lab_nft(const char *commands);

void lab_op_exec(struct lab_init *lab, struct request *rq);
void lab_op_kill(struct lab_init *lab, struct request *rq);
void lab_op_state(struct lab_init *lab, struct request *rq);
void lab_op_router(struct lab_init *lab, struct request *rq);
void lab_op_advance(struct lab_init *lab, struct request *rq);
void lab_op_reset(struct lab_init *lab, struct request *rq);
void lab_op_sync(struct lab_init *lab, struct request *rq);
void lab_op_finish(struct lab_init *lab, struct request *rq);

/** lab_programs_hangup() - a connection closed: its programs get SIGHUP. */
void lab_programs_hangup(struct lab_init *lab, struct conn *conn);
/** lab_reap() - collect every child that has ended. */
void lab_reap(struct lab_init *lab);
/** lab_finish_turn() - a process has ended: see whether "finish" can go on. */
void lab_finish_turn(struct lab_init *lab);
/** lab_node_mounts() - make sure that the node has its mount namespace and sees @paths.
 * Return: 0, or -errno after a complaint. */
int lab_node_mounts(struct lab_init *lab, struct lab_node *node, const char *const *paths,
		    size_t count, struct diag *d);
/** lab_syslog_drain() - everything written to the node's /dev/log so far goes to its log. */
void lab_syslog_drain(struct lab_node *node);
/** lab_exit_event() - {"event": @event, "pid", "code" or "signal"} of a wait status. */
json_t *lab_exit_event(const char *event, pid_t pid, int status);

#endif
