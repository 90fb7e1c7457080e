/* SPDX-License-Identifier: MIT */
/*
 * test_lab.c - labs, started for real: namespaces, links, programs, requests, ends.
 * links: sim
 */
#include "../../fakeigd/base/mem.h"
#include "../../sim/lab.h"
#include "../../sim/lab_packet.h"
#include "../../sim/link.h"
#include "../../sim/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 20000

/* ------------------------------------------------------------ tools */

static char folder[] = "/tmp/test_lab.XXXXXX";

/* A file in the test's own folder; the path is good until the next call. */
static const char *file_with(const char *name, const char *text, mode_t mode)
{
	static char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

/* A name of a lab that no other run of this test has at the same time. */
static const char *own_name(const char *name)
{
	static char names[4][48];
	static size_t next;
	static pid_t run;
	char *out = names[next++ % ARRAY_SIZE(names)];

	if (!run)
		run = getpid();
	snprintf(out, sizeof(names[0]), "test-%d-%s", (int)run, name);
	return out;
}

static struct topology *load(const char *name)
{
	struct diag d = {0};
	struct topology *t = topology_load(name, &d);

	if (!t)
		fail_msg("%s", d.text.data);
	return t;
}

/* A lab without routers' programs. */
static struct lab start(struct lab_options *options, const char *topology)
{
	struct diag d = {0};
	struct lab lab;

	options->topology = load(topology);
	if (!options->data)
		options->data = lab_tree();
	if (!options->fakeigd)
		options->no_routers = true;
	if (lab_start(options, &lab, &d))
		fail_msg("%s", d.text.data);
	return lab;
}

static void finish(struct lab *lab, struct lab_options *options)
{
	lab_close(lab);
	topology_free((struct topology *)options->topology);
}

/* A request written with ' for ". */
static json_t *parse(const char *text)
{
	char *copy = xstrdup(text);
	json_t *out;

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	out = json_loads(copy, 0, NULL);
	assert_non_null(out);
	free(copy);
	return out;
}

static json_t *ask(struct lab *lab, const char *text)
{
	json_t *reply = lab_request(lab, parse(text), NULL, 0, NULL);

	assert_non_null(reply);
	if (!json_is_true(json_object_get(reply, "ok")))
		fail_msg("%s: %s", text, json_string_value(json_object_get(reply, "error")));
	return reply;
}

static void tell(struct lab *lab, const char *text)
{
	json_decref(ask(lab, text));
}

static void refused(struct lab *lab, const char *text, const char *part)
{
	json_t *reply = lab_request(lab, parse(text), NULL, 0, NULL);
	const char *error = json_string_value(json_object_get(reply, "error"));

	assert_non_null(reply);
	if (json_is_true(json_object_get(reply, "ok")) || !error)
		fail_msg("%s is not refused", text);
	if (!strstr(error, part))
		fail_msg("%s: \"%s\" does not say \"%s\"", text, error, part);
	json_decref(reply);
}

static int node_socket(struct lab *lab, const char *node, const char *domain, const char *type)
{
	json_t *request = json_pack("{s:s, s:s, s:s, s:s}", "op", "socket", "node", node, "domain",
				    domain, "type", type);
	struct timeval limit = {.tv_sec = 5};
	int fd = -1;
	json_t *reply = lab_request(lab, request, NULL, 0, &fd);

	assert_true(json_is_true(json_object_get(reply, "ok")));
	assert_true(fd >= 0);
	json_decref(reply);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static struct sockaddr_in at(const char *address, uint16_t port)
{
	struct sockaddr_in out = {.sin_family = AF_INET, .sin_port = htons(port)};

	assert_int_equal(inet_pton(AF_INET, address, &out.sin_addr), 1);
	return out;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* One datagram from node to node: the source that the receiver sees. Return: ms it took, or -1. */
static double carry(struct lab *lab, const char *from, const char *to, const char *address,
		    char source[INET_ADDRSTRLEN])
{
	int out = node_socket(lab, from, "inet", "dgram"),
	    in = node_socket(lab, to, "inet", "dgram");
	struct sockaddr_in any = at("0.0.0.0", 7777), target = at(address, 7777), seen = {0};
	socklen_t len = sizeof(seen);
	char bytes[8];
	double begin = now_ms();

	assert_int_equal(bind(in, (struct sockaddr *)&any, sizeof(any)), 0);
	sendto(out, "hello", 5, 0, (struct sockaddr *)&target, sizeof(target));
	if (recvfrom(in, bytes, sizeof(bytes), 0, (struct sockaddr *)&seen, &len) != 5)
		begin = now_ms() + 1;
	inet_ntop(AF_INET, &seen.sin_addr, source, INET_ADDRSTRLEN);
	close(in);
	close(out);
	return now_ms() - begin;
}

/* Run a shell command in a node; its output. The exit status is that of the shell. */
static char *shell(struct lab *lab, const char *node, const char *command, int *status)
{
	json_t *request = json_pack("{s:s, s:s, s:[s, s, s]}", "op", "exec", "node", node, "argv",
				    "sh", "-c", command);
	static char text[16384];
	int ends[2], fds[3];
	json_t *reply, *event;
	size_t len = 0;
	ssize_t got;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds[1] = fds[2] = ends[1];
	reply = lab_request(lab, request, fds, 3, NULL);
	close(fds[0]);
	close(ends[1]);
	if (!json_is_true(json_object_get(reply, "ok")))
		fail_msg("%s", json_string_value(json_object_get(reply, "error")));
	while ((got = read(ends[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)got;
	text[len] = '\0';
	close(ends[0]);
	event = lab_event(lab);
	assert_string_equal(json_string_value(json_object_get(event, "event")), "exit");
	assert_int_equal(json_integer_value(json_object_get(event, "pid")),
			 json_integer_value(json_object_get(reply, "pid")));
	*status = (int)json_integer_value(json_object_get(event, "code"));
	if (json_object_get(event, "signal"))
		*status = 128 + (int)json_integer_value(json_object_get(event, "signal"));
	json_decref(event);
	json_decref(reply);
	return text;
}

static void says(struct lab *lab, const char *node, const char *command, const char *expected)
{
	int status;

	assert_string_equal(shell(lab, node, command, &status), expected);
	assert_int_equal(status, 0);
}

static void ends_soon(int pidfd)
{
	struct pollfd end = {.fd = pidfd, .events = POLLIN};

	assert_int_equal(poll(&end, 1, PATIENCE_MS), 1);
}

/* ------------------------------------------------------------ the network */

static void test_flat(void **state)
{
	struct lab_options options = {0};
	struct lab lab = start(&options, "flat");
	json_t *info = ask(&lab, "{'op': 'info', 'id': 7}"), *port;
	char source[INET_ADDRSTRLEN];

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(info, "id")), 7);
	assert_int_equal(json_integer_value(json_object_get(info, "pid")), lab.pid);
	assert_string_equal(json_string_value(json_object_get(info, "client")), "client");
	port = json_object_get(json_object_get(json_object_get(info, "nodes"), "r1"), "ports");
	port = json_array_get(port, 1);
	assert_string_equal(json_string_value(json_object_get(port, "ifname")), "wan");
	assert_string_equal(json_string_value(json_object_get(port, "role")), "wan");
	assert_string_equal(json_string_value(json_object_get(port, "address")), "44.0.1.2");
	json_decref(info);
	assert_true(carry(&lab, "client", "peer", "44.0.1.10", source) < 100);
	assert_string_equal(source, "44.0.1.2");
	finish(&lab, &options);
}

/* perf.md clause 0.5: without the carrier query one in 25 would stall for a second. */
static void test_first_packet_never_stalls(void **state)
{
	struct lab_options options = {0};
	char source[INET_ADDRSTRLEN];

	(void)state;
	for (int i = 0; i < 30; i++) {
		struct lab lab = start(&options, "nested-3");

		assert_true(carry(&lab, "client", "peer", "44.0.1.10", source) < 500);
		finish(&lab, &options);
	}
}

static const char bridged[] =
	"summary: three hosts, one slow link\n"
	"networks:\n"
	"  home: {subnet: 192.168.1.0/24}\n"
	"  far: {subnet: 10.0.0.0/24, delay: 20ms, mtu: 1400}\n"
	"nodes:\n"
	"  client: {kind: host, attach: {home: 192.168.1.4}, gateway: r1}\n"
	"  other: {kind: host, attach: {home: 192.168.1.5}, gateway: r1}\n"
	"  r1: {kind: router, lan: {home: 192.168.1.1}, wan: {far: 10.0.0.2}}\n"
	"  peer: {kind: host, attach: {far: 10.0.0.10}}\n";

static void test_bridge_and_impairment(void **state)
{
	const char *path = file_with("bridged.yaml", bridged, 0644);
	struct lab_options options = {0};
	struct lab lab = start(&options, path);
	char source[INET_ADDRSTRLEN];
	double took;

	(void)state;
	assert_true(carry(&lab, "client", "other", "192.168.1.5", source) < 100);
	assert_string_equal(source, "192.168.1.4");
	/* The way of one packet; the address resolution before it takes two more. */
	took = carry(&lab, "client", "peer", "10.0.0.10", source);
	assert_true(took >= 20 && took < 1000);
	took = carry(&lab, "client", "peer", "10.0.0.10", source);
	assert_true(took >= 19 && took < 500);
	says(&lab, "r1", "cat /sys/class/net/wan/mtu", "1400\n");
	says(&lab, "client", "cat /sys/class/net/eth0/mtu", "1500\n");
	finish(&lab, &options);
}

static void test_ipv6(void **state)
{
	struct lab_options options = {0};
	struct lab lab = start(&options, "dual-stack");
	int out = node_socket(&lab, "client", "inet6", "dgram");
	int in = node_socket(&lab, "peer", "inet6", "dgram");
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(5)}, to = any, seen;
	socklen_t len = sizeof(seen);
	char bytes[8];
	int status;

	(void)state;
	inet_pton(AF_INET6, "2a0e:b107:1:2::10", &to.sin6_addr);
	assert_int_equal(bind(in, (struct sockaddr *)&any, sizeof(any)), 0);
	/* By the route that the router advertised, to a peer that knows the way back. */
	assert_int_equal(sendto(out, "six", 3, 0, (struct sockaddr *)&to, sizeof(to)), 3);
	assert_int_equal(recvfrom(in, bytes, sizeof(bytes), 0, (struct sockaddr *)&seen, &len), 3);
	assert_int_equal(sendto(in, "back", 4, 0, (struct sockaddr *)&seen, len), 4);
	assert_int_equal(recv(out, bytes, sizeof(bytes), 0), 4);
	assert_non_null(strstr(shell(&lab, "client", "ip -6 route show default", &status),
			       "via fe80::69:67ff:fe"));
	close(in);
	close(out);
	finish(&lab, &options);
}

static const char autoconfigured[] =
	"summary: a client that takes its address from the router\n"
	"networks:\n"
	"  home: {subnet: 192.168.1.0/24, subnet6: '2a0e:b107:1:1::/64'}\n"
	"  out: {subnet: 44.0.1.0/24}\n"
	"nodes:\n"
	"  client: {kind: host, attach: {home: 192.168.1.4}, gateway: r1}\n"
	"  r1:\n"
	"    kind: router\n"
	"    lan: {home: [192.168.1.1, '2a0e:b107:1:1::1']}\n"
	"    wan: {out: 44.0.1.2}\n"
	"    router_advertisement: true\n";

static void test_autoconfiguration(void **state)
{
	struct lab_options options = {0};
	struct lab lab = start(&options, file_with("auto.yaml", autoconfigured, 0644));

	(void)state;
	/* RFC 4862: the advertised prefix and the interface's hardware address. */
	says(&lab, "client", "ip -6 -o addr show scope global | grep -o '2a0e[^ ]*'",
	     "2a0e:b107:1:1:69:67ff:fe01:101/64\n");
	finish(&lab, &options);
}

static void test_link_down_and_up(void **state)
{
	struct lab_options options = {0};
	struct lab lab = start(&options, "dual-stack");
	char source[INET_ADDRSTRLEN], before[512];
	int status;

	(void)state;
	snprintf(before, sizeof(before), "%s",
		 shell(&lab, "r1", "ip -6 -o addr show dev wan | cut -d' ' -f1-9", &status));
	tell(&lab, "{'op': 'link', 'node': 'client', 'ifname': 'eth0', 'up': false}");
	tell(&lab, "{'op': 'link', 'node': 'r1', 'ifname': 'wan', 'up': false}");
	says(&lab, "client", "ip route", "");
	tell(&lab, "{'op': 'link', 'node': 'r1', 'ifname': 'wan', 'up': true}");
	tell(&lab, "{'op': 'link', 'node': 'client', 'ifname': 'eth0', 'up': true}");
	assert_true(carry(&lab, "client", "peer", "44.0.1.10", source) < 1000);
	assert_string_equal(
		shell(&lab, "r1", "ip -6 -o addr show dev wan | cut -d' ' -f1-9", &status), before);
	finish(&lab, &options);
}

/* ------------------------------------------------------------ interfaces of the host */

static const char physical_router[] =
	"summary: a physical router on one cable\n"
	"networks: {home: {subnet: 192.168.1.0/24}}\n"
	"nodes:\n"
	"  client: {kind: host, attach: {home: 192.168.1.4}, gateway: r1}\n"
	"  other: {kind: host, attach: {home: 192.168.1.5}, gateway: r1}\n"
	"  r1: {kind: router, lan: {home: {address: 192.168.1.1, interface: cable1}}}\n";

static const char physical_host[] =
	"summary: a port that is an interface of the host\n"
	"networks: {home: {subnet: 192.168.1.0/24}}\n"
	"nodes:\n"
	"  client: {kind: host, attach: {home: {address: 192.168.1.4, interface: cable1}}}\n";

/* A network namespace that stands for the host: one end of a cable stays, the other is plugged in.
 */
static void make_cable(void)
{
	struct link_end stays = {.ifname = "cable0", .index = 10};
	struct link_end goes = {.ifname = "cable1", .index = 11};
	struct in_addr address = at("192.168.1.1", 0).sin_addr;
	struct nl_sock *sk;
	int self;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	self = netns_self();
	sk = link_socket();
	assert_int_equal(link_veth(sk, &stays, 0, &goes, self), 0);
	assert_int_equal(link_address(sk, 10, AF_INET, &address, 24), 0);
	link_socket_free(sk);
	close(self);
}

/* A datagram from the lab's client to the address at our end of the cable. */
static void reaches_us(struct lab *lab)
{
	int out = node_socket(lab, "client", "inet", "dgram");
	int in = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in us = at("192.168.1.1", 9), seen;
	struct timeval limit = {.tv_sec = 5};
	socklen_t len = sizeof(seen);
	char bytes[8];

	setsockopt(in, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(bind(in, (struct sockaddr *)&us, sizeof(us)), 0);
	assert_int_equal(sendto(out, "hello", 5, 0, (struct sockaddr *)&us, sizeof(us)), 5);
	assert_int_equal(recvfrom(in, bytes, sizeof(bytes), 0, (struct sockaddr *)&seen, &len), 5);
	assert_int_equal(seen.sin_addr.s_addr, at("192.168.1.4", 0).sin_addr.s_addr);
	close(in);
	close(out);
}

static void with_cable(const char *name, const char *topology)
{
	struct lab_options options = {0};
	struct diag d = {0};
	struct lab lab;

	make_cable();
	lab = start(&options, file_with(name, topology, 0644));
	reaches_us(&lab);
	/* It is gone from here as long as the lab has it. */
	assert_int_equal(if_nametoindex("cable1"), 0);
	assert_int_equal(lab_start(&options, &lab, &d), 3);
	assert_non_null(strstr(d.text.data, "interface \"cable1\": no such interface"));
	diag_free(&d);
}

static void test_physical_interfaces(void **state)
{
	static const char *const topologies[] = {physical_router, physical_host};

	(void)state;
	if (geteuid() != 0)
		skip(); /* the host's interfaces are root's */
	for (size_t i = 0; i < ARRAY_SIZE(topologies); i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			with_cable("cable.yaml", topologies[i]);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		assert_int_equal(status, 0);
	}
}

/* ------------------------------------------------------------ programs */

static void test_programs(void **state)
{
	struct lab_options options = {.name = own_name("programs")};
	struct lab lab = start(&options, "flat");
	int status;

	(void)state;
	says(&lab, "client", "echo ${IGDLAB_LAB##*-} $IGDLAB_NODE; pwd", "programs client\n/\n");
	says(&lab, "peer", "ls /tmp /var/lib", "/tmp:\n\n/var/lib:\n");
	says(&lab, "client", "echo x > /tmp/own; echo y > /run/own; cat /tmp/own", "x\n");
	says(&lab, "client", "cat /tmp/own /run/own", "x\ny\n");
	says(&lab, "r1", "test ! -e /tmp/own && test ! -e /run/own", "");
	assert_int_equal(access("/tmp/own", F_OK), -1);
	says(&lab, "client", "grep -c 'nameserver 127' /etc/resolv.conf", "1\n");
	says(&lab, "client", "getent hosts peer | cut -d' ' -f1", "44.0.1.10\n");
	says(&lab, "client", "test -c /dev/null && test -S /dev/log && echo > /dev/null", "");
	says(&lab, "client", "ls /sys/class/net | tr '\\n' ' '", "eth0 lo ");
	says(&lab, "client", "cat /proc/1/comm", "igdlab-init\n");
	says(&lab, "client", "cat /proc/sys/net/ipv4/ip_forward", "0\n");
	says(&lab, "r1", "cat /proc/sys/net/ipv4/ip_forward", "1\n");
	shell(&lab, "client", "exit 42", &status);
	assert_int_equal(status, 42);
	shell(&lab, "client", "kill -9 $$", &status);
	assert_int_equal(status, 128 + 9);
	/* A name that does not exist is refused, not waited for. */
	shell(&lab, "client", "timeout 3 getent hosts example.org", &status);
	assert_int_equal(status, 2);
	finish(&lab, &options);
}

static void test_paths_of_the_host(void **state)
{
	struct lab_options options = {0};
	struct lab lab;
	json_t *reply, *event;
	char script[256];
	const char *keep[1];
	char kept[sizeof(folder) + 8];

	(void)state;
	snprintf(kept, sizeof(kept), "%s/kept", folder);
	mkdir(kept, 0755);
	keep[0] = kept;
	options.keep = keep;
	options.keep_count = 1;
	lab = start(&options, "flat");
	says(&lab, "client", "ls /tmp/*", "kept\n");
	/* Its own folder and its working directory, although the node has been used before. */
	snprintf(script, sizeof(script), "%s",
		 file_with("program.sh", "#!/bin/sh\ntest -e bridged.yaml\n", 0755));
	reply = lab_request(&lab,
			    json_pack("{s:s, s:s, s:[s], s:s}", "op", "exec", "node", "client",
				      "argv", script, "cwd", folder),
			    NULL, 0, NULL);
	assert_true(json_is_true(json_object_get(reply, "ok")));
	json_decref(reply);
	event = lab_event(&lab);
	assert_int_equal(json_integer_value(json_object_get(event, "code")), 0);
	json_decref(event);
	says(&lab, "peer", "ls /tmp/*", "kept\n");
	finish(&lab, &options);
}

static void test_requests_that_are_wrong(void **state)
{
	static const struct {
		const char *request, *part;
	} cases[] = {
		{"{}", "\"op\""},
		{"{'op': 7}", "\"op\""},
		{"{'op': 'infos'}", "did you mean \"info\""},
		{"{'op': 'info', 'nod': 1}", "unknown member \"nod\""},
		{"{'op': 'socket', 'node': 'cliemt', 'domain': 'inet', 'type': 'raw'}",
		 "\"client\""},
		{"{'op': 'socket', 'node': 7, 'domain': 'inet', 'type': 'raw'}",
		 "expected a string"},
		{"{'op': 'socket', 'node': 'client', 'domain': 'ine', 'type': 'raw'}", "\"inet\""},
		{"{'op': 'socket', 'node': 'client', 'domain': 'inet'}", "\"type\" is missing"},
		{"{'op': 'socket', 'node': 'client', 'domain': 'inet', 'type': 'raw', 'protocol': "
		 "-1}",
		 "expected 0 to"},
		{"{'op': 'exec', 'node': 'client'}", "argv"},
		{"{'op': 'exec', 'node': 'client', 'argv': []}", "argv"},
		{"{'op': 'exec', 'node': 'client', 'argv': ['']}", "argv"},
		{"{'op': 'exec', 'node': 'client', 'argv': [1]}", "argv"},
		{"{'op': 'exec', 'node': 'client', 'argv': ['x'], 'env': {'A': 1}}", "\"A\""},
		{"{'op': 'exec', 'node': 'client', 'argv': ['x'], 'env': []}", "env"},
		{"{'op': 'exec', 'node': 'client', 'argv': ['no-such-program']}",
		 "no-such-program: No"},
		{"{'op': 'exec', 'node': 'client', 'argv': ['/']}", "denied"},
		{"{'op': 'exec', 'node': 'client', 'argv': ['true'], 'cwd': '/nowhere'}",
		 "working dir"},
		{"{'op': 'exec', 'node': 'client', 'argv': ['true'], 'tty': true}", "terminal"},
		{"{'op': 'kill', 'pid': 1}", "\"pid\" is 1"},
		{"{'op': 'kill', 'pid': 999999}", "No such process"},
		{"{'op': 'router', 'node': 'client', 'request': {}}", "has no fakeigd"},
		{"{'op': 'router', 'node': 'r1', 'request': {'op': 'state'}}", "is not running"},
		{"{'op': 'router', 'node': 'r1'}", "\"request\""},
		{"{'op': 'advance', 'seconds': 'x'}", "a number"},
		{"{'op': 'advance', 'seconds': -1}", "expected 0 to"},
		{"{'op': 'link', 'node': 'client', 'ifname': 'eth9', 'up': false}", "\"eth0\""},
		{"{'op': 'link', 'node': 'client', 'ifname': 'eth0', 'up': 1}", "true or false"},
	};
	struct lab_options options = {0};
	struct lab lab = start(&options, "flat");
	static const char *const garbage[] = {"", "{", "[]", "null", "\xff\xff", "{}{}"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		refused(&lab, cases[i].request, cases[i].part);
	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		int fds[PACKET_FDS_MAX];
		size_t count;
		json_t *reply;

		send(lab.fd, garbage[i], strlen(garbage[i]), 0);
		assert_int_equal(packet_receive(lab.fd, &reply, fds, &count, 0), 1);
		assert_non_null(json_object_get(reply, "error"));
		json_decref(reply);
	}
	tell(&lab, "{'op': 'info'}");
	finish(&lab, &options);
}

/* ------------------------------------------------------------ connections */

static void test_named_lab(void **state)
{
	struct lab_options options = {.name = own_name("named")}, again = options;
	struct lab lab = start(&options, "flat"), one, two, other;
	struct diag d = {0};
	char **names;
	size_t count = lab_list(&names), found = 0;
	json_t *event;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		found += !strcmp(names[i], options.name);
		free(names[i]);
	}
	free(names);
	assert_int_equal(found, 1);
	again.topology = options.topology;
	again.data = options.data;
	assert_int_equal(lab_start(&again, &other, &d), 3);
	assert_non_null(strstr(d.text.data, "running already"));
	diag_free(&d);
	again.name = "no/slash";
	assert_int_equal(lab_start(&again, &other, &d), 3);
	assert_non_null(strstr(d.text.data, "cannot be the name"));
	diag_free(&d);
	assert_int_equal(lab_connect(options.name, &one), 0);
	assert_int_equal(lab_connect(options.name, &two), 0);
	assert_int_equal(lab_connect(own_name("nobody"), &other), -ECONNREFUSED);
	/* Each is told of the end of its own program. */
	tell(&two, "{'op': 'exec', 'node': 'client', 'argv': ['sh', '-c', 'exit 2']}");
	tell(&one, "{'op': 'exec', 'node': 'client', 'argv': ['sh', '-c', 'exit 1']}");
	event = lab_event(&one);
	assert_int_equal(json_integer_value(json_object_get(event, "code")), 1);
	json_decref(event);
	event = lab_event(&two);
	assert_int_equal(json_integer_value(json_object_get(event, "code")), 2);
	json_decref(event);
	/* What a connection started is hung up with it. */
	tell(&two, "{'op': 'exec', 'node': 'client', 'argv': ['sleep', '1000']}");
	lab_close(&two);
	says(&one, "client", "while pgrep -x sleep >/dev/null; do :; done", "");
	lab_close(&one);
	tell(&lab, "{'op': 'info'}");
	finish(&lab, &options);
}

/* Connect to a lab of root's as somebody else. */
static void try_as_nobody(const struct sockaddr_un *address, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), fds[PACKET_FDS_MAX];
	json_t *reply;
	size_t count;

	assert_int_equal(setgid(65534) || setuid(65534), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)address, len), 0);
	assert_int_equal(packet_receive(fd, &reply, fds, &count, 0), 1);
	assert_string_equal(json_string_value(json_object_get(reply, "error")),
			    "this lab belongs to another user");
	assert_int_equal(packet_receive(fd, &reply, fds, &count, 0), 0);
}

static void test_other_users_are_refused(void **state)
{
	struct lab_options options = {.name = own_name("mine")};
	struct sockaddr_un address;
	socklen_t len = lab_socket_address(&address, options.name);
	struct lab lab;
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip(); /* it takes root to be somebody else */
	lab = start(&options, "flat");
	pid = fork();
	if (pid == 0) {
		try_as_nobody(&address, len);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	finish(&lab, &options);
}

static void test_long_reply(void **state)
{
	struct lab_options options = {0};
	struct lab lab = start(&options, "flat");
	json_t *reply;
	char *text;
	int status;

	(void)state;
	/* In several transactions: one cannot be longer than a socket's buffer either. */
	text = shell(&lab, "r1",
		     "nft=/usr/sbin/nft; $nft 'add table ip x; add set ip x s {type ipv4_addr;}' &&"
		     "for i in $(seq 10); do (echo 'add element ip x s {';"
		     " seq -f '10.7.'$i'.%.0f,' 0 255; seq -f '10.8.'$i'.%.0f,' 0 255;"
		     " seq -f '10.9.'$i'.%.0f,' 0 255; seq -f '10.10.'$i'.%.0f,' 0 255;"
		     " seq -f '10.11.'$i'.%.0f,' 0 255; seq -f '10.12.'$i'.%.0f,' 0 255;"
		     " echo '}') | $nft -f - || exit; done",
		     &status);
	if (status)
		fail_msg("%s", text);
	reply = ask(&lab, "{'op': 'state', 'node': 'r1'}");
	assert_true(json_string_length(json_object_get(reply, "nft")) > PACKET_MAX);
	json_decref(reply);
	finish(&lab, &options);
}

static void test_state(void **state)
{
	struct lab_options options = {0};
	struct lab lab = start(&options, "flat");
	char source[INET_ADDRSTRLEN];
	json_t *reply, *first;

	(void)state;
	carry(&lab, "client", "peer", "44.0.1.10", source);
	reply = ask(&lab, "{'op': 'state', 'node': 'r1'}");
	assert_non_null(strstr(json_string_value(json_object_get(reply, "nft")), "masquerade"));
	first = json_array_get(json_object_get(reply, "conntrack"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "protocol")), "UDP");
	assert_true(json_is_true(json_object_get(first, "snat")));
	first = json_object_get(first, "original");
	assert_string_equal(json_string_value(json_object_get(first, "src")), "192.168.1.4");
	assert_int_equal(json_integer_value(json_object_get(first, "dport")), 7777);
	json_decref(reply);
	tell(&lab, "{'op': 'reset'}");
	reply = ask(&lab, "{'op': 'state', 'node': 'r1'}");
	assert_int_equal(json_array_size(json_object_get(reply, "conntrack")), 0);
	json_decref(reply);
	finish(&lab, &options);
}

/* ------------------------------------------------------------ evidence */

static char *slurp(const char *name)
{
	char *path = xasprintf("%s/%s", folder, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = xcalloc(1, 65536);

	assert_true(fd >= 0);
	assert_true(read(fd, text, 65535) >= 0);
	close(fd);
	free(path);
	return text;
}

static void test_evidence(void **state)
{
	struct lab_options options = {.evidence = folder, .capture = true};
	struct lab lab = start(&options, "flat");
	char source[INET_ADDRSTRLEN], *text;
	json_t *reply, *again;

	(void)state;
	carry(&lab, "client", "peer", "44.0.1.10", source);
	tell(&lab, "{'op': 'exec', 'node': 'client', 'argv': ['logger', 'a word']}");
	json_decref(lab_event(&lab));
	tell(&lab, "{'op': 'exec', 'node': 'client', 'argv': ['echo', 'to the log']}");
	json_decref(lab_event(&lab));
	tell(&lab, "{'op': 'sync'}");
	text = slurp("syslog.client.log");
	assert_non_null(strstr(text, "a word\n"));
	free(text);
	text = slurp("client.log");
	assert_string_equal(text, "to the log\n");
	free(text);
	text = slurp("lab.json");
	assert_non_null(strstr(text, "\"topology\": \"flat\""));
	free(text);
	/* Programs that do not want to end are ended. */
	tell(&lab, "{'op': 'exec', 'node': 'peer', 'argv': ['sh', '-c',"
		   " 'trap \\\"\\\" TERM; sleep 1000 & sleep 1000']}");
	reply = ask(&lab, "{'op': 'finish'}");
	assert_int_equal(json_array_size(json_object_get(reply, "links")), 2);
	assert_true(json_integer_value(json_object_get(reply, "packets")) >= 6);
	assert_int_equal(json_integer_value(json_object_get(reply, "dropped")), 0);
	again = ask(&lab, "{'op': 'finish'}");
	assert_true(json_equal(reply, again));
	json_decref(again);
	json_decref(reply);
	/* A new shell, ps and wc are all that is left beside the init. */
	json_decref(lab_event(&lab));
	says(&lab, "peer", "pgrep -c sleep || true", "0\n");
	finish(&lab, &options);
}

/* ------------------------------------------------------------ routers */

/* Stands for fakeigd: serves as long as it gets nothing to do. */
static const char quiet_router[] = "#!/bin/sh\n"
				   "echo started with $*\n"
				   "printf x >&5\n"
				   "exec sleep 1000\n";

static void kill_router(struct lab *lab)
{
	json_t *info = ask(lab, "{'op': 'info'}");
	json_t *router = json_object_get(json_object_get(info, "nodes"), "r1");
	char *request = xasprintf("{'op': 'kill', 'signal': 9, 'pid': %d}",
				  (int)json_integer_value(json_object_get(router, "pid")));

	tell(lab, request);
	free(request);
	json_decref(info);
}

static void test_router_dies(void **state)
{
	char program[128];
	struct lab_options options = {.fakeigd = program, .name = own_name("router")};
	struct lab lab, waiting;
	json_t *event, *request = parse("{'op': 'router', 'node': 'r1', 'request': {'op': 'x'}}");
	int fds[PACKET_FDS_MAX];
	size_t count;

	(void)state;
	snprintf(program, sizeof(program), "%s", file_with("router.sh", quiet_router, 0755));
	lab = start(&options, "flat");
	assert_int_equal(lab_connect(options.name, &waiting), 0);
	assert_int_equal(packet_send(waiting.fd, request, NULL, 0, 0), 0);
	json_decref(request);
	kill_router(&lab);
	event = lab_event(&lab);
	assert_string_equal(json_string_value(json_object_get(event, "event")), "router-died");
	assert_string_equal(json_string_value(json_object_get(event, "node")), "r1");
	assert_int_equal(json_integer_value(json_object_get(event, "signal")), 9);
	assert_non_null(strstr(json_string_value(json_object_get(event, "log")),
			       "started with --profile conformant-igd1 "));
	json_decref(event);
	/* Whoever waited for its answer is told, and everybody of its end. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(packet_receive(waiting.fd, &event, fds, &count, 0), 1);
		assert_non_null(strstr(json_string_value(json_object_get(event, "error")),
				       i ? "was killed by signal 9" : "router r1: fakeigd "));
		json_decref(event);
	}
	lab_close(&waiting);
	refused(&lab, "{'op': 'router', 'node': 'r1', 'request': {'op': 'state'}}",
		"was killed by signal 9");
	/* What concerns all routers does not wait for a dead one. */
	tell(&lab, "{'op': 'advance', 'seconds': 3600}");
	finish(&lab, &options);
}

static void test_router_does_not_start(void **state)
{
	static const struct {
		const char *program, *part;
	} cases[] = {
		{"#!/bin/sh\necho cannot do this\nexit 2\n", "cannot do this"},
		{"#!/bin/sh\nkill -9 $$\n", "was killed by signal 9"},
		{NULL, "No such file"},
	};
	struct topology *t = load("flat");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct lab_options options = {.topology = t, .data = lab_tree()};
		struct diag d = {0};
		struct lab lab;

		options.fakeigd = cases[i].program ? file_with("bad.sh", cases[i].program, 0755)
						   : "/nowhere/fakeigd";
		assert_int_equal(lab_start(&options, &lab, &d), 3);
		assert_non_null(strstr(d.text.data, "router r1"));
		if (!strstr(d.text.data, cases[i].part))
			fail_msg("%s", d.text.data);
		diag_free(&d);
	}
	topology_free(t);
}

/* Listens, says what it was given, and goes to the background. */
static const char adapter[] =
	"name: listener\n"
	"run:\n"
	"  daemon: /usr/bin/python3 {program} {config} 'two words'\n"
	"nft: |\n"
	"  table ip daemon { chain {node} {}; }\n"
	"files:\n"
	"  config: '{lan_ifname} {wan_ifname} {lan_address}/{lan_prefix} {lan_subnet} "
	"{wan_address}'\n"
	"  program: |\n"
	"    import os, socket, sys\n"
	"    s = socket.socket(); s.bind(('', 5000)); s.listen()\n"
	"    print(open(sys.argv[1]).read(), sys.argv[2], sep='|', flush=True)\n"
	"    if os.fork(): sys.exit(0)\n"
	"    s.accept()\n"
	"ready: {listen: tcp:5000}\n";

static const char with_daemon[] =
	"summary: a daemon\n"
	"networks:\n"
	"  home: {subnet: 192.168.1.0/24}\n"
	"  out: {subnet: 44.0.1.0/24}\n"
	"nodes:\n"
	"  client: {kind: host, attach: {home: 192.168.1.4}, gateway: r1}\n"
	"  r1: {kind: router, lan: {home: 192.168.1.1}, wan: {out: 44.0.1.2}, daemon: %s}\n";

static void test_daemon(void **state)
{
	char *text = xasprintf(with_daemon, file_with("daemon.yaml", adapter, 0644));
	struct lab_options options = {.fakeigd = "/nowhere/fakeigd", .evidence = folder};
	struct lab lab = start(&options, file_with("with-daemon.yaml", text, 0644));
	json_t *reply;

	(void)state;
	free(text);
	text = slurp("r1.daemon.log");
	assert_string_equal(text, "lan0 wan 192.168.1.1/24 192.168.1.0/24 44.0.1.2|two words\n");
	free(text);
	reply = ask(&lab, "{'op': 'state', 'node': 'r1'}");
	assert_non_null(strstr(json_string_value(json_object_get(reply, "nft")), "chain r1"));
	json_decref(reply);
	finish(&lab, &options);
}

static void test_daemon_does_not_start(void **state)
{
	static const struct {
		const char *adapter, *part;
	} cases[] = {
		{"name: x\n", "no run: daemon:"},
		{"run: {daemon: 'false'}\nready: {listen: tcp:5000}\n", "ended with status 1"},
		{"run: {daemon: 'true {nothing}'}\n", "unknown name in braces \"nothing\""},
		{"run: {daemon: 'true'}\nready: {listen: 5000}\n", "expected tcp:PORT"},
		{"run: {daemon: 'true'}\nnft: nonsense\n", "nft: "},
		{"run: {daemon: no-such-program}\n", "No such file"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *text =
			xasprintf(with_daemon, file_with("daemon.yaml", cases[i].adapter, 0644));
		struct topology *t = load(file_with("with-daemon.yaml", text, 0644));
		struct lab_options options = {.topology = t, .data = lab_tree(), .fakeigd = "x"};
		struct diag d = {0};
		struct lab lab;

		free(text);
		assert_int_equal(lab_start(&options, &lab, &d), 3);
		if (!strstr(d.text.data, cases[i].part))
			fail_msg("%zu: %s", i, d.text.data);
		diag_free(&d);
		topology_free(t);
	}
}

/* ------------------------------------------------------------ ends */

/* A process that starts a lab, reports its init's pid and waits to be killed. */
static pid_t starter(bool detached, pid_t *init)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct lab_options options = {.name = detached ? own_name("detached") : NULL,
					      .detached = detached};
		struct lab lab = start(&options, "nested-2");

		tell(&lab, "{'op': 'exec', 'node': 'client', 'argv': ['sleep', '1000']}");
		if (write(ends[1], &lab.pid, sizeof(lab.pid)) < 0)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], init, sizeof(*init)), sizeof(*init));
	close(ends[0]);
	return pid;
}

static void test_starter_is_killed(void **state)
{
	pid_t init, pid = starter(false, &init);
	int pidfd = pidfd_open(init, 0);

	(void)state;
	assert_true(pidfd >= 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ends_soon(pidfd);
	close(pidfd);
}

static void test_detached_lab(void **state)
{
	pid_t init, pid = starter(true, &init);
	int pidfd = pidfd_open(init, 0);
	struct lab lab;
	json_t *reply;

	(void)state;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(lab_connect(own_name("detached"), &lab), 0);
	reply = ask(&lab, "{'op': 'info'}");
	assert_int_equal(json_integer_value(json_object_get(reply, "pid")), init);
	json_decref(reply);
	tell(&lab, "{'op': 'down'}");
	assert_null(lab_event(&lab));
	lab_close(&lab);
	ends_soon(pidfd);
	close(pidfd);
	assert_int_equal(lab_connect(own_name("detached"), &lab), -ECONNREFUSED);
}

static void test_init_is_killed(void **state)
{
	struct lab_options options = {0};
	struct lab lab = start(&options, "flat");

	(void)state;
	kill(lab.pid, SIGKILL);
	assert_null(lab_event(&lab));
	assert_null(lab_request(&lab, parse("{'op': 'info'}"), NULL, 0, NULL));
	finish(&lab, &options);
}

static void test_many_at_once(void **state)
{
	struct lab_options options[20] = {0};
	struct lab labs[20];
	char source[INET_ADDRSTRLEN];

	(void)state;
	for (size_t i = 0; i < 20; i++)
		labs[i] = start(&options[i], "flat");
	for (size_t i = 0; i < 20; i++)
		assert_true(carry(&labs[i], "client", "peer", "44.0.1.10", source) < 1000);
	for (size_t i = 0; i < 20; i++)
		finish(&labs[i], &options[i]);
}

/* ------------------------------------------------------------ an ordinary user */

static int make_folder(void **state)
{
	(void)state;
	own_name("first"); /* the run's number, before anybody forks */
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char *command[] = {"rm", "-rf", folder, NULL};
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		execvp(command[0], command);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	return 0;
}

static void test_ordinary_user(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip(); /* all of the above was that */
	pid = fork();
	if (pid == 0) {
		static const struct CMUnitTest tests[] = {
			cmocka_unit_test(test_flat),
			cmocka_unit_test(test_programs),
			cmocka_unit_test(test_bridge_and_impairment),
			cmocka_unit_test(test_ipv6),
			cmocka_unit_test(test_state),
			cmocka_unit_test(test_evidence),
			cmocka_unit_test(test_starter_is_killed),
			cmocka_unit_test(test_detached_lab),
		};

		/* As after exec, which a change of user without one is not. */
		if (setgroups(0, NULL) || setgid(65534) || setuid(65534) ||
		    prctl(PR_SET_DUMPABLE, 1))
			_exit(1);
		memcpy(folder, "/tmp/test_lab.XXXXXX", sizeof(folder));
		_exit(cmocka_run_group_tests_name("ordinary user", tests, make_folder,
						  remove_folder));
	}
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flat),
		cmocka_unit_test(test_first_packet_never_stalls),
		cmocka_unit_test(test_bridge_and_impairment),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_autoconfiguration),
		cmocka_unit_test(test_link_down_and_up),
		cmocka_unit_test(test_physical_interfaces),
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_paths_of_the_host),
		cmocka_unit_test(test_requests_that_are_wrong),
		cmocka_unit_test(test_named_lab),
		cmocka_unit_test(test_other_users_are_refused),
		cmocka_unit_test(test_long_reply),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_router_dies),
		cmocka_unit_test(test_router_does_not_start),
		cmocka_unit_test(test_daemon),
		cmocka_unit_test(test_daemon_does_not_start),
		cmocka_unit_test(test_starter_is_killed),
		cmocka_unit_test(test_detached_lab),
		cmocka_unit_test(test_init_is_killed),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_ordinary_user),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
